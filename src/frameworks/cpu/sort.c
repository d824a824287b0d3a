/*
 * sort.c - sort, argsort, topk, median and kthvalue along one dim. Rows whose keys fit 32 bits become items of ranks.h,
 * of which only those are sorted that are asked for; others are sorted as pairs of a key and a position, by radix and so
 * stably. Equal elements stay in their order. NaN is larger than everything. Test: answers of torch, tests/vectors/ops.
 */
#include <math.h>
#include <string.h>

#include "frameworks/cpu/cpu.h"
#include "frameworks/cpu/loops.h"
#include "frameworks/cpu/ranks.h"

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

/* Items of ranks.h, `base` taken off integers; `flip` turns the order around. */
#define ITEM_BOOL(x) ((x) != 0)
#define ITEM_WHOLE(x) ((uint32_t)((uint64_t)(x) - (uint64_t)base))
#define DEFINE_ITEMS(name, T, KEY)                                                      \
    static void items_##name(int64_t n, const void *data, int64_t stride, int64_t base, \
                             uint32_t flip, uint64_t *items)                            \
    {                                                                                   \
        (void)base;                                                                     \
        for (int64_t i = 0; i < n; i++) {                                               \
            const uint32_t key = (uint32_t)KEY(SYI_AT_CONST(T, data, i, stride));       \
            items[i] = syi_ranks_item(key ^ flip, i);                                   \
        }                                                                               \
    }
#define WHOLE_ITEMS(name, T, W, unused) DEFINE_ITEMS(name, T, ITEM_WHOLE)
DEFINE_ITEMS(BOOL, uint8_t, ITEM_BOOL)
SYI_CPU_INTEGERS(WHOLE_ITEMS, )
DEFINE_ITEMS(F32, float, key_of_single)
#define ITEMS_ENTRY(name, T, W, unused) [SY_DTYPE_##name] = items_##name,
static void (*const items_of[SY_DTYPE_COUNT])(int64_t n, const void *data, int64_t stride,
                                              int64_t base, uint32_t flip, uint64_t *items) = {
    SYI_CPU_BOOL(ITEMS_ENTRY, ) SYI_CPU_INTEGERS(ITEMS_ENTRY, )[SY_DTYPE_F32] = items_F32};

/* The values of sorted items, `step` elements apart. They come out of the keys: to look 1e6 of them up where they lay took
 * three times as long as to sort them. What a key forgets, the sign of 0 and which NaN it was, is looked up. */
#define VALUE_BOOL(key) ((key) != 0)
#define VALUE_WHOLE(key) ((uint64_t)(key) + (uint64_t)base)
#define DEFINE_VALUES(name, T, VALUE)                                                        \
    static void values_##name(int64_t n, const uint64_t *items, int64_t base, uint32_t flip, \
                              const char *row, int64_t stride, void *to, int64_t step)       \
    {                                                                                        \
        (void)base, (void)row, (void)stride;                                                 \
        T *out = to;                                                                         \
        for (int64_t i = 0; i < n; i++) {                                                    \
            out[i * step] = (T)VALUE(syi_ranks_key(items[i]) ^ flip);                        \
        }                                                                                    \
    }
#define WHOLE_VALUES(name, T, W, unused) DEFINE_VALUES(name, T, VALUE_WHOLE)
DEFINE_VALUES(BOOL, uint8_t, VALUE_BOOL)
SYI_CPU_INTEGERS(WHOLE_VALUES, )

static void values_F32(int64_t n, const uint64_t *items, int64_t base, uint32_t flip,
                       const char *row, int64_t stride, void *to, int64_t step)
{
    (void)base;
    float *out = to;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t key = syi_ranks_key(items[i]) ^ flip;
        const uint32_t bits = key >> 31 ? key ^ UINT32_C(1) << 31 : ~key;
        memcpy(&out[i * step], &bits, sizeof bits);
        if (key == UINT32_C(1) << 31 || key == UINT32_MAX) {
            out[i * step] = SYI_AT_CONST(float, row, syi_ranks_position(items[i]), stride);
        }
    }
}
#define VALUES_ENTRY(name, T, W, unused) [SY_DTYPE_##name] = values_##name,
static void (*const values_of[SY_DTYPE_COUNT])(int64_t n, const uint64_t *items, int64_t base,
                                               uint32_t flip, const char *row, int64_t stride,
                                               void *to, int64_t step) = {
    SYI_CPU_BOOL(VALUES_ENTRY, ) SYI_CPU_INTEGERS(VALUES_ENTRY, )[SY_DTYPE_F32] = values_F32};

/* Do the keys of a row fit 32 bits, with *base taken off? */
static bool is_narrow(sy_dtype dtype, int64_t n, const char *row, int64_t stride, int64_t *base)
{
    *base = dtype == SY_DTYPE_F32 ? 0 : INT32_MIN;
    if (dtype != SY_DTYPE_I64 || n > SYI_RANKS_MAX) {
        return dtype != SY_DTYPE_F64 && n <= SYI_RANKS_MAX;
    }
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (int64_t i = 0; i < n; i++) {
        const int64_t x = SYI_AT_CONST(int64_t, row, i, stride);
        low = x < low ? x : low;
        high = x > high ? x : high;
    }
    *base = low;
    return (uint64_t)high - (uint64_t)low <= UINT32_MAX;
}

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
static void put(const taking *t, const char *row, int64_t stride, int64_t position, int64_t at)
{
    const size_t size = sy_dtype_size(t->from->dtype);
    if (t->values != NULL) {
        char *to = (char *)syi_array_data(t->values) + at * (int64_t)size;
        const char *from = row + position * stride;
        memcpy(to, from, size);
    }
    if (t->positions != NULL) {
        ((int64_t *)syi_array_data(t->positions))[at] = position;
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

/* One row of n elements, and where its results go: from element `base` on, `step` apart. */
typedef struct row_of {
    const char *data;
    int64_t n, stride; /* bytes */
    int64_t base, step;
} row_of;

static void take_by_pairs(const taking *t, const row_of *row, pair *pairs)
{
    const int64_t n = row->n;
    const uint64_t flip = !t->descending                   ? 0
                          : t->from->dtype == SY_DTYPE_F32 ? UINT32_MAX
                                                           : UINT64_MAX;
    keys[t->from->dtype](n, row->data, row->stride, pairs);
    for (int64_t i = 0; flip != 0 && i < n; i++) {
        pairs[i].key ^= flip;
    }
    sort_row(n, pairs, pairs + n);
    for (int64_t k = 0; k < t->count; k++) {
        put(t, row->data, row->stride, chosen(t, pairs, n, t->first + k)->position,
            row->base + k * row->step);
    }
}

/* The first NaN, as the only result. */
static bool take_nan(const taking *t, const row_of *row, const uint64_t *items)
{
    for (int64_t i = 0; t->nan_wins && t->from->dtype == SY_DTYPE_F32 && i < row->n; i++) {
        if (syi_ranks_key(items[i]) == UINT32_MAX) {
            put(t, row->data, row->stride, i, row->base);
            return true;
        }
    }
    return false;
}

/* Of few results, first those that are at most the last one are picked out. */
static void take_by_items(const taking *t, const row_of *row, int64_t base, uint64_t *items)
{
    int64_t n = row->n, first = t->first;
    uint64_t *spare = items + n;
    const sy_dtype dtype = t->from->dtype;
    const uint32_t flip = t->descending ? UINT32_MAX : 0;
    items_of[dtype](n, row->data, row->stride, base, flip, items);
    if (take_nan(t, row, items)) {
        return;
    }
    if (t->count == 1 || t->count + first <= n / 8) {
        const uint64_t last = syi_ranks_select(n, items, first + t->count - 1, spare);
        int64_t kept = 0;
        for (int64_t i = 0; i < n; i++) {
            const uint64_t item = items[i];
            items[kept] = item;
            kept += t->count == 1 ? item == last : item <= last;
        }
        n = kept;
        first = t->count == 1 ? 0 : first;
    }
    syi_ranks_sort(n, items, spare);
    if (t->values != NULL) {
        values_of[dtype](t->count, items + first, base, flip, row->data, row->stride,
                         (char *)syi_array_data(t->values) +
                             row->base * (int64_t)sy_dtype_size(dtype),
                         row->step);
    }
    int64_t *positions = t->positions != NULL ? syi_array_data(t->positions) : NULL;
    for (int64_t k = 0; positions != NULL && k < t->count; k++) {
        positions[row->base + k * row->step] = syi_ranks_position(items[first + k]);
    }
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
    int64_t at[SY_DIM_MAX] = {0}, base;
    char *data = nest.data[0];
    for (int64_t r = 0; r < rows; r++) {
        const row_of row = {data, n, stride, r / inner * t->count * inner + r % inner, inner};
        if (is_narrow(from->dtype, n, data, stride, &base)) {
            take_by_items(t, &row, base, syi_array_data(&room));
        } else {
            take_by_pairs(t, &row, syi_array_data(&room));
        }
        syi_nest_step(&nest, 0, at, &data);
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
