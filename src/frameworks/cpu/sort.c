/*
 * sort.c - sort, argsort, topk, median and kthvalue along one dim: every row is sorted as pairs of a key and a
 * position, by radix and so stably; equal elements stay in their order. NaN is larger than everything. Test: answers
 * of torch, tests/vectors/ops.
 */
#include <math.h>
#include <string.h>

#include "frameworks/cpu/cpu.h"
#include "frameworks/cpu/loops.h"

#define FEW 48 /* elements that are sorted by insertion */

/* Keys are ordered as unsigned integers. */
typedef struct pair {
    uint64_t key;
    int64_t position;
} pair;

/* --- keys ---------------------------------------------------------------------------------------- */

static uint64_t key_of_real(double x)
{
    uint64_t bits;
    if (x != x) {
        return UINT64_MAX;
    }
    x = x == 0 ? 0 : x; /* -0 is 0 */
    memcpy(&bits, &x, sizeof bits);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static uint64_t key_of_single(float x)
{
    uint32_t bits;
    if (x != x) {
        return UINT32_MAX;
    }
    x = x == 0 ? 0 : x;
    memcpy(&bits, &x, sizeof bits);
    return bits >> 31 ? (uint32_t)~bits : bits | UINT32_C(1) << 31;
}

#define KEY_BOOL(x) (uint64_t)((x) != 0)
#define KEY_WHOLE(x) ((uint64_t)(x) ^ UINT64_C(1) << 63)
#define DEFINE_KEYS(name, T, KEY)                                                     \
    static void keys_##name(int64_t n, const void *data, int64_t stride, pair *pairs) \
    {                                                                                 \
        for (int64_t i = 0; i < n; i++) {                                             \
            pairs[i].key = KEY(SYI_AT_CONST(T, data, i, stride));                     \
            pairs[i].position = i;                                                    \
        }                                                                             \
    }
#define WHOLE_KEYS(name, T, W, unused) DEFINE_KEYS(name, T, KEY_WHOLE)
DEFINE_KEYS(BOOL, uint8_t, KEY_BOOL)
SYI_CPU_INTEGERS(WHOLE_KEYS, )
DEFINE_KEYS(F32, float, key_of_single)
DEFINE_KEYS(F64, double, key_of_real)
#define KEYS_ENTRY(name, T, W, unused) [SY_DTYPE_##name] = keys_##name,
static void (*const keys[SY_DTYPE_COUNT])(int64_t n, const void *data, int64_t stride,
                                          pair *pairs) = {SYI_CPU_ALL(KEYS_ENTRY, )};

/* --- sorting ------------------------------------------------------------------------------------- */

static void sort_few(int64_t n, pair *pairs)
{
    for (int64_t i = 1; i < n; i++) {
        const pair held = pairs[i];
        int64_t at = i;
        for (; at > 0 && pairs[at - 1].key > held.key; at--) {
            pairs[at] = pairs[at - 1];
        }
        pairs[at] = held;
    }
}

/* From the lowest byte to the highest; bytes that are the same everywhere cost only the counting. */
static void sort_many(int64_t n, pair *pairs, pair *spare)
{
    pair *from = pairs, *to = spare;
    for (int shift = 0; shift < 64; shift += 8) {
        int64_t starts[256] = {0};
        for (int64_t i = 0; i < n; i++) {
            starts[from[i].key >> shift & 255]++;
        }
        if (starts[from[0].key >> shift & 255] == n) {
            continue;
        }
        int64_t sum = 0;
        for (int k = 0; k < 256; k++) {
            const int64_t count = starts[k];
            starts[k] = sum;
            sum += count;
        }
        for (int64_t i = 0; i < n; i++) {
            to[starts[from[i].key >> shift & 255]++] = from[i];
        }
        pair *swap = from;
        from = to;
        to = swap;
    }
    if (from != pairs) {
        memcpy(pairs, from, (size_t)n * sizeof *pairs);
    }
}

static void sort_row(int64_t n, pair *pairs, pair *spare)
{
    if (n <= FEW) {
        sort_few(n, pairs);
    } else {
        sort_many(n, pairs, spare);
    }
}

/* --- rows ---------------------------------------------------------------------------------------- */

/* What is taken of each sorted row: `count` from `first` on. Values or positions may not be wanted. */
typedef struct taking {
    const syi_array *from;
    const syi_array *values, *positions; /* packed; nullable */
    int dim;
    bool descending;
    bool nan_wins; /* a NaN in the row is the answer (median) */
    int64_t first, count;
} taking;

/* Into element `place` of the results' row at element `base`, `step` apart. */
static void put(const taking *t, const char *row, int64_t stride, const pair *sorted, int64_t at)
{
    const size_t size = sy_dtype_size(t->from->dtype);
    if (t->values != NULL) {
        memcpy((char *)syi_array_data(t->values) + at * (int64_t)size,
               row + sorted->position * stride, size);
    }
    if (t->positions != NULL) {
        ((int64_t *)syi_array_data(t->positions))[at] = sorted->position;
    }
}

static const pair *chosen(const taking *t, const pair *sorted, int64_t n, int64_t k)
{
    const uint64_t nan = t->from->dtype == SY_DTYPE_F32 ? UINT32_MAX : UINT64_MAX;
    if (t->nan_wins && sy_dtype_is_floating(t->from->dtype) && sorted[n - 1].key == nan) {
        int64_t first = n - 1;
        while (first > 0 && sorted[first - 1].key == nan) {
            first--;
        }
        return &sorted[first];
    }
    return &sorted[k];
}

/* The results' dims are from's with `dim` replaced by count (or left out where it is 1: the same places). */
static sy_status take_rows(const syi_cpu_call *call, const taking *t)
{
    const syi_array *from = t->from;
    const int64_t size = (int64_t)sy_dtype_size(from->dtype);
    const int64_t n = from->ndim > 0 ? from->shape[t->dim] : 1;
    const int64_t stride = from->ndim > 0 ? from->strides[t->dim] * size : 0;
    int64_t inner = 1, rows = 1;
    for (int d = 0; d < from->ndim; d++) {
        inner *= d > t->dim ? from->shape[d] : 1;
        rows *= d != t->dim ? from->shape[d] : 1;
    }
    if (rows == 0 || n == 0 || t->count == 0) {
        return SY_OK;
    }
    syi_array room = SYI_ARRAY_INIT;
    const int64_t bytes = 2 * n * (int64_t)sizeof(pair);
    SY_TRY(syi_cpu_temporary(call, &room, SY_DTYPE_U8, 1, &bytes));
    pair *pairs = syi_array_data(&room);
    const uint64_t flip = !t->descending                ? 0
                          : from->dtype == SY_DTYPE_F32 ? UINT32_MAX
                                                        : UINT64_MAX;
    syi_array rest = *from;
    rest.ndim = 0;
    for (int d = 0; d < from->ndim; d++) {
        if (d != t->dim) {
            rest.shape[rest.ndim] = from->shape[d];
            rest.strides[rest.ndim++] = from->strides[d];
        }
    }
    syi_nest nest;
    syi_nest_init(&nest, rest.ndim, rest.shape);
    syi_nest_add(&nest, &rest);
    int64_t at[SY_DIM_MAX] = {0};
    char *row = nest.data[0];
    for (int64_t r = 0; r < rows; r++) {
        keys[from->dtype](n, row, stride, pairs);
        for (int64_t i = 0; flip != 0 && i < n; i++) {
            pairs[i].key ^= flip;
        }
        sort_row(n, pairs, pairs + n);
        const int64_t base = r / inner * t->count * inner + r % inner;
        for (int64_t k = 0; k < t->count; k++) {
            put(t, row, stride, chosen(t, pairs, n, t->first + k), base + k * inner);
        }
        syi_nest_step(&nest, 0, at, &row);
    }
    syi_array_fini(&room);
    return SY_OK;
}

static sy_status wrap(const syi_cpu_call *call, const syi_array *from, const sy_value *dim, int *d)
{
    *d = 0;
    return syi_dim_wrap(d, dim->as.integer, from->ndim, call->err);
}

/* sort and argsort: self dim descending */
sy_status syi_cpu_sort(const syi_cpu_call *call)
{
    const syi_array *from = syi_cpu_array(&call->args[0]);
    const bool both = call->op->id == SYI_OP_sort;
    taking t = {
        .from = from,
        .values = both ? &call->outs[0] : NULL,
        .positions = both ? &call->outs[1] : &call->outs[0],
        .descending = call->args[2].as.boolean,
    };
    SY_TRY(wrap(call, from, &call->args[1], &t.dim));
    t.count = from->ndim > 0 ? from->shape[t.dim] : 1;
    return take_rows(call, &t);
}

/* self k dim largest sorted; the results are always sorted */
sy_status syi_cpu_topk(const syi_cpu_call *call)
{
    const syi_array *from = syi_cpu_array(&call->args[0]);
    taking t = {
        .from = from,
        .values = &call->outs[0],
        .positions = &call->outs[1],
        .descending = call->args[3].as.boolean,
        .count = from->ndim > 0 ? call->args[1].as.integer : 1,
    };
    SY_TRY(wrap(call, from, &call->args[2], &t.dim));
    return take_rows(call, &t);
}

/* self k dim keepdim */
sy_status syi_cpu_kthvalue(const syi_cpu_call *call)
{
    const syi_array *from = syi_cpu_array(&call->args[0]);
    taking t = {
        .from = from,
        .values = &call->outs[0],
        .positions = &call->outs[1],
        .count = 1,
        .first = call->args[1].as.integer - 1,
    };
    SY_TRY(wrap(call, from, &call->args[2], &t.dim));
    return take_rows(call, &t);
}

/* The lower of the two middle ones. self dim keepdim; without a dim over everything, and the value alone. */
sy_status syi_cpu_median(const syi_cpu_call *call)
{
    syi_array from;
    const bool all = call->args[1].kind == SY_VALUE_NONE;
    const syi_array *self = syi_cpu_array(&call->args[0]);
    SY_TRY(syi_cpu_convert(call, &from, self, self->dtype, all));
    taking t = {
        .from = &from,
        .values = &call->outs[0],
        .positions = all ? NULL : &call->outs[1],
        .nan_wins = true,
        .count = 1,
    };
    sy_status status;
    if (all) {
        from.shape[0] = syi_array_numel(&from);
        from.strides[0] = 1;
        from.ndim = 1;
    } else {
        SY_GOTO(done, wrap(call, &from, &call->args[1], &t.dim));
    }
    const int64_t n = from.ndim > 0 ? from.shape[t.dim] : 1;
    t.first = (n - 1) / 2;
    status = take_rows(call, &t);
    if (status == SY_OK && n == 0) { /* over nothing: NaN, of floats only */
        syi_array_set_double(&call->outs[0], 0, (double)NAN);
    }
done:
    syi_array_fini(&from);
    return status;
}
