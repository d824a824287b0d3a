/*
 * indexing.c - gathering by index, adding by index, joining, and the backward halves of select and
 * slice. Test: indexing_test.c; answers of torch: tests/vectors/ops.
 */
#include <assert.h>
#include <string.h>

#include "frameworks/cpu/cpu.h"
#include "frameworks/cpu/loops.h"

SYI_UNARY_LOOP(copy_1, uint8_t, uint8_t, uint32_t, a)
SYI_UNARY_LOOP(copy_2, uint16_t, uint16_t, uint32_t, a)
SYI_UNARY_LOOP(copy_4, uint32_t, uint32_t, uint32_t, a)
SYI_UNARY_LOOP(copy_8, uint64_t, uint64_t, uint64_t, a)
static const syi_loop copies[9] = {[1] = copy_1, [2] = copy_2, [4] = copy_4, [8] = copy_8};

SYI_CPU_BOOL(SYI_BINARY_OF, add, (a | b) != 0)
SYI_CPU_INTEGERS(SYI_BINARY_OF, add, (wide)a + (wide)b)
SYI_CPU_FLOATS(SYI_BINARY_OF, add, a + b)
static const syi_loop additions[SY_DTYPE_COUNT] = {SYI_CPU_ALL(SYI_LOOP_ENTRY, add)};

/* An array seen as slices along one dim; a 0-dim array is one slice. */
typedef struct axis {
    syi_array slice; /* the first one, with size 1 in the dim; borrows the storage */
    int dim;
    int64_t size; /* slices */
    int64_t step; /* bytes from one to the next */
} axis;

static sy_status find_axis(const syi_cpu_call *call, axis *made, const syi_array *array,
                           const sy_value *dim)
{
    made->slice = *array;
    SY_TRY(syi_dim_wrap(&made->dim, dim->as.integer, array->ndim, call->err));
    if (array->ndim == 0) {
        made->slice.ndim = 1;
        made->slice.shape[0] = made->slice.strides[0] = 1;
    }
    made->size = made->slice.shape[made->dim];
    made->step = made->slice.strides[made->dim] * (int64_t)sy_dtype_size(array->dtype);
    made->slice.shape[made->dim] = 1;
    return SY_OK;
}

/* `index` as packed int64, every entry inside the axis. */
static sy_status read_index(const syi_cpu_call *call, syi_array *packed, const sy_value *index,
                            const axis *along)
{
    SY_TRY(syi_cpu_convert(call, packed, syi_cpu_array(index), SY_DTYPE_I64, true));
    const int64_t *entries = syi_array_data(packed);
    const int64_t n = syi_array_numel(packed);
    for (int64_t i = 0; i < n; i++) {
        if (entries[i] < 0 || entries[i] >= along->size) {
            syi_fail(call->err, SY_ERANGE, "index %lld in dimension %d of size %lld",
                     (long long)entries[i], along->dim, (long long)along->size);
            syi_array_fini(packed);
            return SY_ERANGE;
        }
    }
    return SY_OK;
}

/* Runs a loop over one slice of each operand of the nest, moved by so many bytes. */
static void run_slice(const syi_nest *slices, const int64_t *moved, syi_loop loop)
{
    char *data[SYI_OPERAND_MAX];
    int64_t strides[SYI_OPERAND_MAX];
    int64_t at[SY_DIM_MAX] = {0};
    for (int k = 0; k < slices->count; k++) {
        data[k] = slices->data[k] + moved[k];
        strides[k] = slices->strides[k][0];
    }
    do {
        void *row[SYI_OPERAND_MAX];
        for (int k = 0; k < slices->count; k++) {
            row[k] = data[k];
        }
        loop(slices->shape[0], row, strides, NULL);
    } while (syi_nest_step(slices, 1, at, data));
}

sy_status syi_cpu_index_select(const syi_cpu_call *call)
{
    axis from, to;
    SY_TRY(find_axis(call, &from, syi_cpu_array(&call->args[0]), &call->args[1]));
    SY_TRY(find_axis(call, &to, &call->outs[0], &call->args[1]));
    syi_array index;
    SY_TRY(read_index(call, &index, &call->args[2], &from));
    assert(to.size == syi_array_numel(&index));
    const int64_t *entries = syi_array_data(&index);
    syi_nest slices;
    syi_nest_init(&slices, to.slice.ndim, to.slice.shape);
    syi_nest_add(&slices, &to.slice);
    syi_nest_add(&slices, &from.slice);
    if (!syi_nest_is_empty(&slices)) {
        syi_nest_merge(&slices, true);
        syi_loop copy = copies[sy_dtype_size(to.slice.dtype)];
        for (int64_t i = 0; i < to.size; i++) {
            run_slice(&slices, (int64_t[]){i * to.step, entries[i] * from.step}, copy);
        }
    }
    syi_array_fini(&index);
    return SY_OK;
}

/* to[entries[i]] += source[i], in ascending i. */
static void add_slices(const axis *to, const axis *source, const int64_t *entries)
{
    syi_nest slices;
    syi_nest_init(&slices, to->slice.ndim, to->slice.shape);
    syi_nest_add(&slices, &to->slice);
    syi_nest_add(&slices, &to->slice);
    syi_nest_add(&slices, &source->slice);
    if (syi_nest_is_empty(&slices)) {
        return;
    }
    syi_nest_merge(&slices, true);
    syi_loop add = additions[to->slice.dtype];
    for (int64_t i = 0; i < source->size; i++) {
        const int64_t place = entries[i] * to->step;
        run_slice(&slices, (int64_t[]){place, place, i * source->step}, add);
    }
}

sy_status syi_cpu_index_add(const syi_cpu_call *call)
{
    const syi_array *given = syi_cpu_array(&call->args[3]);
    axis to, source;
    SY_TRY(find_axis(call, &to, &call->outs[0], &call->args[1]));
    syi_array index, addend = SYI_ARRAY_INIT;
    SY_TRY(read_index(call, &index, &call->args[2], &to));
    sy_status status;
    if (call->inplace && syi_array_overlaps(given, &call->outs[0])) {
        SY_GOTO(done, syi_cpu_temporary(call, &addend, given->dtype, given->ndim, given->shape));
        syi_array_assign(&addend, given); /* the source is added as it was */
        given = &addend;
    }
    SY_GOTO(done, find_axis(call, &source, given, &call->args[1]));
    assert(source.size == syi_array_numel(&index) && given->dtype == to.slice.dtype);
    if (!call->inplace) {
        syi_array_assign(&call->outs[0], syi_cpu_array(&call->args[0]));
    }
    add_slices(&to, &source, syi_array_data(&index));
done:
    syi_array_fini(&addend);
    syi_array_fini(&index);
    return status;
}

/* An old rule of torch: a vector without elements joins anything. */
static bool is_skipped(const syi_array *array)
{
    return array->ndim == 1 && array->shape[0] == 0;
}

sy_status syi_cpu_cat(const syi_cpu_call *call)
{
    const sy_value *items = call->args[0].as.list.items;
    syi_array part = call->outs[0]; /* borrows the storage */
    int dim;
    SY_TRY(syi_dim_wrap(&dim, call->args[1].as.integer, part.ndim, call->err));
    for (size_t i = 0; i < call->args[0].as.list.count; i++) {
        const syi_array *from = syi_cpu_array(&items[i]);
        if (!is_skipped(from)) {
            part.shape[dim] = from->shape[dim];
            syi_array_assign(&part, from);
            part.offset += from->shape[dim] * part.strides[dim];
        }
    }
    return SY_OK;
}

sy_status syi_cpu_stack(const syi_cpu_call *call)
{
    const sy_value *items = call->args[0].as.list.items;
    int dim;
    SY_TRY(syi_dim_wrap(&dim, call->args[1].as.integer, call->outs[0].ndim, call->err));
    for (size_t i = 0; i < call->args[0].as.list.count; i++) {
        syi_array part;
        SY_TRY(syi_array_select(&part, &call->outs[0], dim, (int64_t)i, call->err));
        syi_array_assign(&part, syi_cpu_array(&items[i]));
        syi_array_fini(&part);
    }
    return SY_OK;
}

/* Zeros everywhere but in `part` of outs[0], which takes the gradient and is released here. */
static sy_status place_gradient(const syi_cpu_call *call, syi_array *part)
{
    const syi_array *gradient = syi_cpu_array(&call->args[0]);
    syi_array source;
    sy_status status = syi_array_expand(&source, gradient, part->ndim, part->shape, call->err);
    if (status == SY_OK) {
        syi_cpu_clear(&call->outs[0]);
        syi_array_assign(part, &source);
        syi_array_fini(&source);
    }
    syi_array_fini(part);
    return status;
}

sy_status syi_cpu_select_backward(const syi_cpu_call *call)
{
    const syi_array *out = &call->outs[0];
    int dim;
    syi_array part;
    SY_TRY(syi_dim_wrap(&dim, call->args[2].as.integer, out->ndim, call->err));
    SY_TRY(syi_array_select(&part, out, dim, call->args[3].as.integer, call->err));
    return place_gradient(call, &part);
}

/* The lowest int is a bound like others, not one left out. */
static int64_t read_bound(const sy_value *value)
{
    if (value->kind == SY_VALUE_NONE) {
        return SY_SLICE_OPEN;
    }
    return value->as.integer == SY_SLICE_OPEN ? SY_SLICE_OPEN + 1 : value->as.integer;
}

sy_status syi_cpu_slice_backward(const syi_cpu_call *call)
{
    const syi_array *out = &call->outs[0];
    int dim;
    syi_array part;
    SY_TRY(syi_dim_wrap(&dim, call->args[2].as.integer, out->ndim, call->err));
    SY_TRY(syi_array_slice(&part, out, dim, read_bound(&call->args[3]), read_bound(&call->args[4]),
                           call->args[5].as.integer, call->err));
    return place_gradient(call, &part);
}
