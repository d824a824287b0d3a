/*
 * reduce.c - sums and means. Integers are summed in 64 bits and wrap; floats are summed in double, in
 * many lanes that are folded every few thousand elements, so that the error hardly grows with the
 * length. Test: reduce_test.c; answers of torch: tests/vectors/ops.
 */
#include <math.h>
#include <string.h>

#include "frameworks/cpu/fold.h"
#include "frameworks/cpu/loops.h"

#define LANES 32  /* fewer are not kept in vectors, and each waits for the one before it */
#define SHORT 8   /* of them that take in what is left of a row */
#define FOLD 4096 /* elements between two folds of the lanes */
#define TILE SYI_FOLD_TILE
#define ROWS \
    4 /* rows taken into the totals at once, so that these are loaded and stored less often */

/* Sums of one kind of element into double or uint64_t. Strides in bytes. */
typedef struct sum_kind {
    /* *total += the sum of a row */
    void (*row)(int64_t n, const void *data, int64_t stride, void *total);
    /* totals[i] += element i of each row, row after row */
    void (*add)(int64_t n, int64_t rows, const void *data, int64_t stride, int64_t row_stride,
                void *totals);
} sum_kind;

#define DEFINE_SUMS(name, T, A, VALUE) \
    DEFINE_ROW_SUM(name, T, A, VALUE)  \
    DEFINE_ADDED_SUMS(name, T, A, VALUE)
#define DEFINE_ROW_SUM(name, T, A, VALUE)                                                \
    SYI_CLONES static void row_##name##_##A(int64_t n, const void *data, int64_t stride, \
                                            void *total)                                 \
    {                                                                                    \
        A sum = 0;                                                                       \
        int64_t i = 0;                                                                   \
        if (stride == (int64_t)sizeof(T)) {                                              \
            const T *p = data;                                                           \
            while (n - i >= SHORT) {                                                     \
                A lanes[LANES] = {0};                                                    \
                const int64_t end = n - i > FOLD ? i + FOLD : n;                         \
                for (; end - i >= LANES; i += LANES) {                                   \
                    for (int k = 0; k < LANES; k++) {                                    \
                        const T x = p[i + k];                                            \
                        lanes[k] += (A)(VALUE);                                          \
                    }                                                                    \
                }                                                                        \
                for (; end - i >= SHORT; i += SHORT) {                                   \
                    for (int k = 0; k < SHORT; k++) {                                    \
                        const T x = p[i + k];                                            \
                        lanes[k] += (A)(VALUE);                                          \
                    }                                                                    \
                }                                                                        \
                SYI_JOIN_LANES(lanes, LANES)                                             \
                sum += lanes[0];                                                         \
            }                                                                            \
        }                                                                                \
        for (; i < n; i++) {                                                             \
            const T x = SYI_AT_CONST(T, data, i, stride);                                \
            sum += (A)(VALUE);                                                           \
        }                                                                                \
        *(A *)total += sum;                                                              \
    }
/* Of floats, in vectors by name (see SYI_WIDE_OF; rows of 1000 f32 became a third faster). */
#define DEFINE_REAL_ROW_SUM(name, T)                                                        \
    SYI_CLONES static void row_##name##_double(int64_t n, const void *data, int64_t stride, \
                                               void *total)                                 \
    {                                                                                       \
        double sum = 0;                                                                     \
        int64_t i = 0;                                                                      \
        const T *p = data;                                                                  \
        const int64_t packed = stride == (int64_t)sizeof(T) ? n : 0;                        \
        while (packed - i >= SHORT) {                                                       \
            syi_doubles v[LANES / 4] = {{0}};                                               \
            const int64_t end = packed - i > FOLD ? i + FOLD : packed;                      \
            for (; end - i >= LANES; i += LANES) {                                          \
                for (int k = 0; k < LANES / 4; k++) {                                       \
                    v[k] += SYI_WIDE_OF(p + i + 4 * k);                                     \
                }                                                                           \
            }                                                                               \
            for (; end - i >= SHORT; i += SHORT) {                                          \
                v[0] += SYI_WIDE_OF(p + i);                                                 \
                v[1] += SYI_WIDE_OF(p + i + 4);                                             \
            }                                                                               \
            double lanes[LANES];                                                            \
            memcpy(lanes, v, sizeof lanes);                                                 \
            SYI_JOIN_LANES(lanes, LANES)                                                    \
            sum += lanes[0];                                                                \
        }                                                                                   \
        for (; i < n; i++) {                                                                \
            sum += (double)SYI_AT_CONST(T, data, i, stride);                                \
        }                                                                                   \
        *(double *)total += sum;                                                            \
    }
#define DEFINE_ADDED_SUMS(name, T, A, VALUE)                                                  \
    SYI_CLONES static void add_##name##_##A(int64_t n, int64_t rows, const void *data,        \
                                            int64_t stride, int64_t row_stride, void *totals) \
    {                                                                                         \
        A *restrict t = totals;                                                               \
        const char *at = data;                                                                \
        int64_t row = 0;                                                                      \
        const bool packed = stride == (int64_t)sizeof(T);                                     \
        for (; packed && rows - row >= ROWS; row += ROWS, at += ROWS * row_stride) {          \
            const T *p = (const void *)at, *q = (const void *)(at + row_stride);              \
            const T *r = (const void *)(at + 2 * row_stride);                                 \
            const T *s = (const void *)(at + 3 * row_stride);                                 \
            for (int64_t i = 0; i < n; i++) {                                                 \
                A sum = t[i];                                                                 \
                T x = p[i];                                                                   \
                sum += (A)(VALUE);                                                            \
                x = q[i];                                                                     \
                sum += (A)(VALUE);                                                            \
                x = r[i];                                                                     \
                sum += (A)(VALUE);                                                            \
                x = s[i];                                                                     \
                sum += (A)(VALUE);                                                            \
                t[i] = sum;                                                                   \
            }                                                                                 \
        }                                                                                     \
        for (; packed && row < rows; row++, at += row_stride) {                               \
            const T *p = (const void *)at;                                                    \
            for (int64_t i = 0; i < n; i++) {                                                 \
                const T x = p[i];                                                             \
                t[i] += (A)(VALUE);                                                           \
            }                                                                                 \
        }                                                                                     \
        for (; row < rows; row++, at += row_stride) {                                         \
            for (int64_t i = 0; i < n; i++) {                                                 \
                const T x = SYI_AT_CONST(T, at, i, stride);                                   \
                t[i] += (A)(VALUE);                                                           \
            }                                                                                 \
        }                                                                                     \
    }

#define WHOLE_SUMS(name, T, W, unused) DEFINE_SUMS(name, T, uint64_t, x)
#define REAL_SUMS(name, T, W, unused) DEFINE_SUMS(name, T, double, x)
#define FLOAT_SUMS(name, T, W, unused) \
    DEFINE_REAL_ROW_SUM(name, T)       \
    DEFINE_ADDED_SUMS(name, T, double, x)
DEFINE_SUMS(BOOL, uint8_t, uint64_t, x != 0)
DEFINE_SUMS(BOOL, uint8_t, double, x != 0)
SYI_CPU_INTEGERS(WHOLE_SUMS, )
SYI_CPU_INTEGERS(REAL_SUMS, )
SYI_CPU_FLOATS(FLOAT_SUMS, )

#define WHOLE_ENTRY(name, T, W, unused) \
    [SY_DTYPE_##name] = {row_##name##_uint64_t, add_##name##_uint64_t},
#define REAL_ENTRY(name, T, W, unused) \
    [SY_DTYPE_##name] = {row_##name##_double, add_##name##_double},
static const sum_kind whole_sums[SY_DTYPE_COUNT] = {SYI_CPU_BOOL(WHOLE_ENTRY, )
                                                        SYI_CPU_INTEGERS(WHOLE_ENTRY, )};
static const sum_kind real_sums[SY_DTYPE_COUNT] = {SYI_CPU_ALL(REAL_ENTRY, )};

typedef union total {
    uint64_t whole;
    double real;
} total;

/* A sum over some dims of `from` into every element of `to`. */
typedef struct summation {
    const sum_kind *kind;
    bool real;
    double divisor; /* of the result; 1 for a sum */
    sy_dtype to_dtype;
    syi_nest kept;    /* operand 0 is the result, operand 1 the source */
    syi_nest reduced; /* operand 0 is the source; its data are the kept nest's to say */
} summation;

static void store_totals(const summation *sum, total *totals, int64_t n, char *to, int64_t stride)
{
    if (sum->real) {
        if (sum->divisor != 1) {
            for (int64_t i = 0; i < n; i++) {
                totals[i].real /= sum->divisor;
            }
        }
        syi_convert_row(n, to, sum->to_dtype, stride, totals, SY_DTYPE_F64, sizeof *totals);
    } else {
        syi_convert_row(n, to, sum->to_dtype, stride, totals, SY_DTYPE_I64, sizeof *totals);
    }
}

/* n neighbouring results at once: adds row upon row of sources. */
static void sum_side_by_side(const summation *sum, int64_t n, char *to, int64_t to_stride,
                             char *from, int64_t from_stride)
{
    total totals[TILE];
    memset(totals, 0, sizeof totals);
    int64_t at[SY_DIM_MAX] = {0};
    char *data[1] = {from};
    do {
        sum->kind->add(n, sum->reduced.shape[0], data[0], from_stride, sum->reduced.strides[0][0],
                       totals);
    } while (syi_nest_step(&sum->reduced, 1, at, data));
    store_totals(sum, totals, n, to, to_stride);
}

/* n results, one after the other, each from whole rows. */
static void sum_rows(const summation *sum, int64_t n, char *to, int64_t to_stride, char *from,
                     int64_t from_stride)
{
    total totals[TILE];
    for (int64_t i = 0; i < n; i++) {
        memset(&totals[i], 0, sizeof totals[i]);
        int64_t at[SY_DIM_MAX] = {0};
        char *data[1] = {from + i * from_stride};
        do {
            sum->kind->row(sum->reduced.shape[0], data[0], sum->reduced.strides[0][0], &totals[i]);
        } while (syi_nest_step(&sum->reduced, 1, at, data));
    }
    store_totals(sum, totals, n, to, to_stride);
}

static void run_summation(summation *sum)
{
    syi_nest *kept = &sum->kept;
    int64_t across = kept->strides[1][0];
    bool side_by_side = kept->shape[0] > 1 && across != 0 && across < sum->reduced.strides[0][0];
    int64_t at[SY_DIM_MAX] = {0};
    char *data[2] = {kept->data[0], kept->data[1]};
    do {
        for (int64_t i = 0; i < kept->shape[0]; i += TILE) {
            int64_t n = kept->shape[0] - i < TILE ? kept->shape[0] - i : TILE;
            (side_by_side ? sum_side_by_side : sum_rows)(sum, n, data[0] + i * kept->strides[0][0],
                                                         kept->strides[0][0], data[1] + i * across,
                                                         across);
        }
    } while (syi_nest_step(kept, 1, at, data));
}

/* Sums the marked dims of `from`; `to` has the other dims, with or without the marked ones as 1. */
static void sum_dims(const syi_array *to, const syi_array *from, const bool *marked, bool mean)
{
    syi_array rest = *from;
    syi_array inner = *from;
    rest.ndim = inner.ndim = 0;
    int64_t count = 1;
    for (int d = 0; d < from->ndim; d++) {
        syi_array *part = marked[d] ? &inner : &rest;
        part->shape[part->ndim] = from->shape[d];
        part->strides[part->ndim++] = from->strides[d];
        count *= marked[d] ? from->shape[d] : 1;
    }
    summation sum = {.to_dtype = to->dtype, .divisor = mean ? (double)count : 1};
    sum.real = sy_dtype_is_floating(to->dtype);
    sum.kind = sum.real ? &real_sums[from->dtype] : &whole_sums[from->dtype];

    syi_array packed = rest; /* the result with the marked dims left out */
    packed.dtype = to->dtype;
    packed.storage = to->storage;
    packed.offset = to->offset;
    int64_t stride = 1;
    for (int d = packed.ndim - 1; d >= 0; d--) {
        packed.strides[d] = stride;
        stride *= packed.shape[d];
    }
    syi_nest_init(&sum.kept, rest.ndim, rest.shape);
    syi_nest_add(&sum.kept, &packed);
    syi_nest_add(&sum.kept, &rest);
    syi_nest_init(&sum.reduced, inner.ndim, inner.shape);
    syi_nest_add(&sum.reduced, &inner);
    if (syi_nest_is_empty(&sum.kept)) {
        return;
    }
    if (count == 0) {
        total nothing = {.real = mean ? (double)NAN : 0}; /* 0.0 and 0 have the same bits */
        for (int64_t i = 0; i < syi_array_numel(to); i++) {
            store_totals(&sum, &nothing, 1,
                         (char *)syi_array_data(to) + i * (int64_t)sy_dtype_size(to->dtype),
                         (int64_t)sy_dtype_size(to->dtype));
        }
        return;
    }
    syi_nest_merge(&sum.kept, true);
    syi_nest_merge(&sum.reduced, true);
    run_summation(&sum);
}

sy_status syi_cpu_mark_dims(const syi_cpu_call *call, const sy_value *dims, int ndim, bool *marked)
{
    const bool all =
        dims->kind == SY_VALUE_NONE || (dims->kind == SY_VALUE_LIST && dims->as.list.count == 0);
    for (int d = 0; d < SY_DIM_MAX; d++) {
        marked[d] = all;
    }
    if (all) {
        return SY_OK;
    }
    const sy_value *items = dims->kind == SY_VALUE_LIST ? dims->as.list.items : dims;
    size_t count = dims->kind == SY_VALUE_LIST ? dims->as.list.count : 1;
    for (size_t i = 0; i < count; i++) {
        int d;
        SY_TRY(syi_dim_wrap(&d, items[i].as.integer, ndim, call->err));
        marked[d] = true;
    }
    return SY_OK;
}

/* Floats are converted before they are summed into integers, and everything before it is summed
 * into bools. */
static bool converts_first(sy_dtype to, sy_dtype from)
{
    return (to == SY_DTYPE_BOOL && from != SY_DTYPE_BOOL) ||
           (sy_dtype_is_floating(from) && !sy_dtype_is_floating(to));
}

static sy_status reduce(const syi_cpu_call *call, const bool *marked, bool mean)
{
    const syi_array *to = &call->outs[0];
    const syi_array *given = syi_cpu_array(&call->args[0]);
    syi_array from;
    SY_TRY(syi_cpu_convert(call, &from, given,
                           converts_first(to->dtype, given->dtype) ? to->dtype : given->dtype,
                           false));
    sum_dims(to, &from, marked, mean);
    syi_array_fini(&from);
    return SY_OK;
}

sy_status syi_cpu_sum(const syi_cpu_call *call)
{
    bool marked[SY_DIM_MAX];
    SY_TRY(syi_cpu_mark_dims(call, &call->args[1], syi_cpu_array(&call->args[0])->ndim, marked));
    return reduce(call, marked, false);
}

sy_status syi_cpu_mean(const syi_cpu_call *call)
{
    bool marked[SY_DIM_MAX];
    SY_TRY(syi_cpu_mark_dims(call, &call->args[1], syi_cpu_array(&call->args[0])->ndim, marked));
    return reduce(call, marked, true);
}

/* The inverse of expand: sums what a broadcast repeated. */
sy_status syi_cpu_sum_to_size(const syi_cpu_call *call)
{
    const syi_array *from = syi_cpu_array(&call->args[0]);
    const syi_array *to = &call->outs[0];
    bool marked[SY_DIM_MAX] = {false};
    int extra = from->ndim - to->ndim;
    for (int d = 0; d < from->ndim; d++) {
        marked[d] = d < extra || (to->shape[d - extra] == 1 && from->shape[d] != 1);
    }
    return reduce(call, marked, false);
}
