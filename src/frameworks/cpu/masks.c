/*
 * masks.c - elements chosen by truth, and positions as classes. What depends on contents counts them first, so
 * that its result is charged for before it exists. Test: gather_test.c; answers of torch: tests/vectors/ops.
 */
#include <string.h>

#include "frameworks/cpu/cpu.h"
#include "frameworks/cpu/loops.h"

/* data: out, mask, self, value */
#define DEFINE_FILL(size, T)                                                                  \
    SYI_CLONES static void fill_##size(int64_t n, void *const *data, const int64_t *strides,  \
                                       const void *param)                                     \
    {                                                                                         \
        (void)param;                                                                          \
        if (strides[0] == size && strides[1] == 1 && strides[2] == size && strides[3] == 0) { \
            T *out = data[0];                                                                 \
            const uint8_t *mask = data[1];                                                    \
            const T *old = data[2], value = *(const T *)data[3];                              \
            SYI_INDEPENDENT                                                                   \
            for (int64_t i = 0; i < n; i++) {                                                 \
                const T keep = (T)(0 - (T)(mask[i] == 0)); /* no branch: masks are noise */   \
                out[i] = (T)((old[i] & keep) | (value & (T)~keep));                           \
            }                                                                                 \
            return;                                                                           \
        }                                                                                     \
        for (int64_t i = 0; i < n; i++) {                                                     \
            const bool chosen = SYI_AT_CONST(uint8_t, data[1], i, strides[1]) != 0;           \
            const T old = SYI_AT_CONST(T, data[2], i, strides[2]);                            \
            const T value = SYI_AT_CONST(T, data[3], i, strides[3]);                          \
            SYI_AT(T, data[0], i, strides[0]) = chosen ? value : old;                         \
        }                                                                                     \
    }
DEFINE_FILL(1, uint8_t)
DEFINE_FILL(2, uint16_t)
DEFINE_FILL(4, uint32_t)
DEFINE_FILL(8, uint64_t)

sy_status syi_cpu_masked_fill(const syi_cpu_call *call)
{
    static const syi_loop loops[9] = {[1] = fill_1, [2] = fill_2, [4] = fill_4, [8] = fill_8};
    const sy_dtype dtype = call->dtype;
    const syi_array *mask = syi_cpu_array(&call->args[1]);
    syi_element room;
    syi_operand operands[4] = {
        {.array = &call->outs[0], .dtype = dtype},
        {.array = mask, .dtype = mask->dtype},
        {.array = syi_cpu_array(&call->args[0]), .dtype = dtype},
        {.array = syi_cpu_array(&call->args[2]), .scalar = &room, .dtype = dtype},
    };
    if (operands[3].array == NULL) {
        SY_TRY(syi_cpu_element(call, &room, &call->args[2], dtype));
    }
    syi_iterate(operands, 4, loops[sy_dtype_size(dtype)], NULL, call->secret);
    return SY_OK;
}

/* The truth of each element of `from`, broadcast to the shape, one byte each, packed. */
static sy_status read_truth(const syi_cpu_call *call, syi_array *truth, const syi_array *from,
                            int ndim, const int64_t *shape)
{
    syi_array expanded;
    SY_TRY(syi_array_expand(&expanded, from, ndim, shape, call->err));
    if (expanded.dtype == SY_DTYPE_U8) {
        expanded.dtype = SY_DTYPE_BOOL; /* as many bytes, and not 0 is true for both */
    }
    const sy_status status = syi_cpu_convert(call, truth, &expanded, SY_DTYPE_BOOL, true);
    syi_array_fini(&expanded);
    return status;
}

static int64_t count_truth(const syi_array *truth)
{
    const uint8_t *bytes = syi_array_data(truth);
    const int64_t n = syi_array_numel(truth);
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        count += bytes[i] != 0;
    }
    return count;
}

/* `count` elements are chosen; without branches, for masks are hard to foretell. */
#define DEFINE_SELECT(size, T)                                                           \
    static void select_##size(T *to, const T *from, const uint8_t *truth, int64_t count) \
    {                                                                                    \
        for (int64_t i = 0, k = 0; k < count; i++) {                                     \
            to[k] = from[i];                                                             \
            k += truth[i] != 0;                                                          \
        }                                                                                \
    }                                                                                    \
    static void spread_##size(T *to, const T *from, const uint8_t *truth, int64_t count) \
    {                                                                                    \
        for (int64_t i = 0, k = 0; k < count; i++) {                                     \
            to[i] = truth[i] != 0 ? from[k] : to[i];                                     \
            k += truth[i] != 0;                                                          \
        }                                                                                \
    }
DEFINE_SELECT(1, uint8_t)
DEFINE_SELECT(2, uint16_t)
DEFINE_SELECT(4, uint32_t)
DEFINE_SELECT(8, uint64_t)

/* The chosen elements of `from`, one after the other; or `back`, from there to their places. All packed. */
static void move_chosen(const syi_array *to, const syi_array *from, const syi_array *truth,
                        int64_t count, bool back)
{
    const uint8_t *bytes = syi_array_data(truth);
    void *t = syi_array_data(to);
    const void *f = syi_array_data(from);
    switch (sy_dtype_size(to->dtype)) {
    case 1:
        (back ? spread_1 : select_1)(t, f, bytes, count);
        break;
    case 2:
        (back ? spread_2 : select_2)(t, f, bytes, count);
        break;
    case 4:
        (back ? spread_4 : select_4)(t, f, bytes, count);
        break;
    default:
        (back ? spread_8 : select_8)(t, f, bytes, count);
        break;
    }
}

sy_status syi_cpu_masked_select(const syi_cpu_call *call)
{
    const syi_array *self = syi_cpu_array(&call->args[0]);
    const syi_array *mask = syi_cpu_array(&call->args[1]);
    syi_array truth = SYI_ARRAY_INIT, expanded = SYI_ARRAY_INIT, packed = SYI_ARRAY_INIT;
    int64_t shape[SY_DIM_MAX];
    int ndim;
    sy_status status;
    SY_TRY(syi_shape_broadcast(&ndim, shape, self->ndim, self->shape, mask->ndim, mask->shape,
                               call->err));
    SY_GOTO(done, read_truth(call, &truth, mask, ndim, shape));
    const int64_t count = count_truth(&truth);
    SY_GOTO(done, syi_cpu_allocate(call, 0, 1, &count));
    SY_GOTO(done, syi_array_expand(&expanded, self, ndim, shape, call->err));
    SY_GOTO(done, syi_cpu_convert(call, &packed, &expanded, self->dtype, true));
    move_chosen(&call->outs[0], &packed, &truth, count, false);
done:
    syi_array_fini(&packed);
    syi_array_fini(&expanded);
    syi_array_fini(&truth);
    return status;
}

sy_status syi_cpu_masked_scatter(const syi_cpu_call *call)
{
    const syi_array *self = syi_cpu_array(&call->args[0]), *out = &call->outs[0];
    const syi_array *source = syi_cpu_array(&call->args[2]);
    syi_array truth = SYI_ARRAY_INIT, packed = SYI_ARRAY_INIT, expanded = SYI_ARRAY_INIT;
    sy_status status;
    SY_GOTO(done, read_truth(call, &truth, syi_cpu_array(&call->args[1]), out->ndim, out->shape));
    const int64_t count = count_truth(&truth);
    if (count > syi_array_numel(source)) {
        SY_GOTO(done, syi_fail(call->err, SY_ERANGE, "%lld places are true, the source has %lld",
                               (long long)count, (long long)syi_array_numel(source)));
    }
    SY_GOTO(done, syi_cpu_convert(call, &packed, source, out->dtype, true));
    SY_GOTO(done, syi_array_expand(&expanded, self, out->ndim, out->shape, call->err));
    syi_array_assign(out, &expanded);
    move_chosen(out, &packed, &truth, count, true);
done:
    syi_array_fini(&expanded);
    syi_array_fini(&packed);
    syi_array_fini(&truth);
    return status;
}

/* Coordinates of the true places, row by row. */
static void write_places(int64_t *to, const syi_array *truth, int64_t count)
{
    const uint8_t *bytes = syi_array_data(truth);
    const int64_t n = syi_array_numel(truth);
    const int ndim = truth->ndim;
    if (ndim == 1) {
        for (int64_t i = 0, k = 0; k < count; i++) {
            to[k] = i;
            k += bytes[i] != 0;
        }
        return;
    }
    int64_t at[SY_DIM_MAX] = {0};
    const int64_t row = ndim > 0 ? truth->shape[ndim - 1] : 1;
    for (int64_t start = 0; start < n; start += row) {
        for (int64_t i = 0; i < row; i++) {
            if (bytes[start + i] == 0) {
                continue;
            }
            for (int d = 0; d < ndim - 1; d++) {
                *to++ = at[d];
            }
            if (ndim > 0) {
                *to++ = i;
            }
        }
        for (int d = ndim - 2; d >= 0 && ++at[d] == truth->shape[d]; d--) {
            at[d] = 0;
        }
    }
}

sy_status syi_cpu_nonzero(const syi_cpu_call *call)
{
    const syi_array *self = syi_cpu_array(&call->args[0]);
    syi_array truth;
    SY_TRY(read_truth(call, &truth, self, self->ndim, self->shape));
    const int64_t shape[] = {count_truth(&truth), self->ndim};
    const sy_status status = syi_cpu_allocate(call, 0, 2, shape);
    if (status == SY_OK) {
        write_places(syi_array_data(&call->outs[0]), &truth, shape[0]);
    }
    syi_array_fini(&truth);
    return status;
}

/* One 1 in each row, at the class. Without a count of classes there is one more than the largest. */
sy_status syi_cpu_one_hot(const syi_cpu_call *call)
{
    const syi_array *self = syi_cpu_array(&call->args[0]);
    const int64_t n = syi_array_numel(self);
    int64_t classes = call->args[1].as.integer, largest = -1, shape[SY_DIM_MAX + 1];
    syi_array index;
    SY_TRY(syi_cpu_convert(call, &index, self, SY_DTYPE_I64, true));
    const int64_t *entries = syi_array_data(&index);
    sy_status status = SY_OK;
    for (int64_t i = 0; i < n; i++) {
        if (entries[i] < 0 || (classes >= 0 && entries[i] >= classes) || entries[i] == INT64_MAX) {
            SY_GOTO(done, syi_fail(call->err, SY_ERANGE, "class %lld of %lld",
                                   (long long)entries[i], (long long)classes));
        }
        largest = entries[i] > largest ? entries[i] : largest;
    }
    if (classes < 0) {
        classes = largest + 1;
        memcpy(shape, self->shape, (size_t)self->ndim * sizeof *shape);
        shape[self->ndim] = classes;
        SY_GOTO(done, syi_cpu_allocate(call, 0, self->ndim + 1, shape));
    }
    syi_cpu_clear(&call->outs[0]);
    int64_t *to = syi_array_data(&call->outs[0]);
    for (int64_t i = 0; i < n; i++) {
        to[i * classes + entries[i]] = 1;
    }
done:
    syi_array_fini(&index);
    return status;
}
