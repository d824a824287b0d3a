/*
 * extremum.c - max, min, argmax, argmin: values and positions. The first of equal elements wins, and a
 * NaN beats everything. Test: extremum_test.c; answers of torch: tests/vectors/ops.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "frameworks/cpu/cpu.h"
#include "frameworks/cpu/loops.h"

#define TILE 2048  /* results found side by side, in rows long enough to be fetched ahead */
#define LANES 32   /* candidates compared side by side */
#define LOOK 32    /* candidates looked at together when the best is looked for */
#define BLOCK 1024 /* candidates between two looks at the best */
#define ROWS 4     /* offered at once, so that the best so far is loaded and stored less often */

/*
 * Offers n candidates to n results: element i of the row (stride in bytes) replaces best[i] when it is
 * better, or the first, and stands at `position` in its own row. positions[] are PLACE_<dtype>.
 */
typedef void (*offer_fn)(int64_t n, const void *row, int64_t stride, int64_t position, void *best,
                         void *positions);
/* The same of ROWS packed rows, the first at `position`, which is not 0. */
typedef void (*offer_rows_fn)(int64_t n, const void *rows, int64_t row_stride, int64_t position,
                              void *best, void *positions);
/* Goes along one row of n candidates, the first of which has number `position`. */
typedef void (*scan_fn)(int64_t n, const void *row, int64_t stride, int64_t position, void *best,
                        int64_t *where);

typedef struct extremum_kind {
    offer_fn offer;
    offer_rows_fn offer_rows;
    scan_fn scan;
} extremum_kind;

/* The best of n neighbours, n a multiple of LANES. */
#define DEFINE_BEST(op, name, T, LOAD, BETTER)                    \
    SYI_CLONES static T best_##op##_##name(int64_t n, const T *p) \
    {                                                             \
        T lanes[LANES];                                           \
        for (int l = 0; l < LANES; l++) {                         \
            lanes[l] = (T)LOAD(p[l]);                             \
        }                                                         \
        for (int64_t i = LANES; i < n; i += LANES) {              \
            for (int l = 0; l < LANES; l++) {                     \
                const T x = (T)LOAD(p[i + l]), y = lanes[l];      \
                lanes[l] = (BETTER) ? x : y;                      \
            }                                                     \
        }                                                         \
        T y = lanes[0];                                           \
        for (int l = 1; l < LANES; l++) {                         \
            const T x = lanes[l];                                 \
            y = (BETTER) ? x : y;                                 \
        }                                                         \
        return y;                                                 \
    }
/* The same of floats, one instruction for the comparison of numbers and two for the NaN among them (M: an unsigned
 * integer of T's size). A NaN in a lane stays; it is seen, and what the comparison made of it does not matter. */
#define DEFINE_BEST_REAL(op, name, T, M, BEFORE)                  \
    SYI_CLONES static T best_##op##_##name(int64_t n, const T *p) \
    {                                                             \
        T lanes[LANES];                                           \
        M nans[LANES], any = 0;                                   \
        for (int l = 0; l < LANES; l++) {                         \
            lanes[l] = p[l];                                      \
            nans[l] = p[l] != p[l];                               \
        }                                                         \
        for (int64_t i = LANES; i < n; i += LANES) {              \
            for (int l = 0; l < LANES; l++) {                     \
                const T x = p[i + l];                             \
                lanes[l] = x BEFORE lanes[l] ? x : lanes[l];      \
                nans[l] |= x != x;                                \
            }                                                     \
        }                                                         \
        T best = lanes[0];                                        \
        for (int l = 0; l < LANES; l++) {                         \
            best = lanes[l] BEFORE best ? lanes[l] : best;        \
            any |= nans[l];                                       \
        }                                                         \
        return any ? (T)NAN : best;                               \
    }
DEFINE_BEST_REAL(max, F32, float, uint32_t, >)
DEFINE_BEST_REAL(min, F32, float, uint32_t, <)
DEFINE_BEST_REAL(max, F64, double, uint64_t, >)
DEFINE_BEST_REAL(min, F64, double, uint64_t, <)

/* Positions beside values of each type: counted in integers that are no wider than they must be, or in the loop over
 * both every comparison is widened (first dim of 3162x3162 f32: 0.4 ns per element less). */
#define PLACE_BOOL uint32_t
#define PLACE_U8 uint32_t
#define PLACE_I8 uint32_t
#define PLACE_I16 uint32_t
#define PLACE_I32 uint32_t
#define PLACE_I64 uint64_t
#define PLACE_F32 uint32_t
#define PLACE_F64 uint64_t

/* Where among n candidates, a multiple of LOOK, y stands first; it is there, and no NaN. */
#define DEFINE_FIND(name, T, LOAD)                                    \
    SYI_CLONES static int64_t find_##name(int64_t n, const T *p, T y) \
    {                                                                 \
        int64_t i = 0;                                                \
        for (; i < n - LOOK; i += LOOK) {                             \
            PLACE_##name hits = 0;                                    \
            for (int l = 0; l < LOOK; l++) {                          \
                hits |= (PLACE_##name)((T)LOAD(p[i + l]) == y);       \
            }                                                         \
            if (hits != 0) {                                          \
                break;                                                \
            }                                                         \
        }                                                             \
        while ((T)LOAD(p[i]) != y) {                                  \
            i++;                                                      \
        }                                                             \
        return i;                                                     \
    }
#define TRUTH(x) ((x) != 0)
#define ITSELF(x) (x)
#define FIND(name, T, W, unused) DEFINE_FIND(name, T, ITSELF)
DEFINE_FIND(BOOL, uint8_t, TRUTH)
SYI_CPU_INTEGERS(FIND, )
SYI_CPU_FLOATS(FIND, )

/* Selections one after the other and nothing said as a truth value, or the loop is not vectorised. HOLDS is the opposite
 * of better among numbers: where x or y is a NaN, x is better unless y is one. */
#define OFFER_ONE(T, PLACE, CANDIDATE, HOLDS, HERE)       \
    {                                                     \
        const T x = (T)(CANDIDATE), y = best_one;         \
        const PLACE before = place;                       \
        const PLACE next_place = HOLDS ? before : (HERE); \
        const T next = HOLDS ? y : x;                     \
        place = y == y ? next_place : before;             \
        best_one = y == y ? next : y;                     \
    }

/* In BETTER, x is the candidate and y what it is compared with. No branches: these loops are for the vectoriser. */
#define DEFINE_EXTREMUM(op, name, T, LOAD, BETTER, HOLDS)                                        \
    SYI_CLONES static void offer_##op##_##name(int64_t n, const void *row, int64_t stride,       \
                                               int64_t position, void *best, void *positions)    \
    {                                                                                            \
        T *restrict held = best;                                                                 \
        PLACE_##name *restrict places = positions;                                               \
        const PLACE_##name here = (PLACE_##name)position;                                        \
        const T *p = row;                                                                        \
        const bool packed = stride == (int64_t)sizeof(T);                                        \
        for (int64_t i = 0; packed && position > 0 && i < n; i++) {                              \
            const T x = (T)LOAD(p[i]), y = held[i];                                              \
            const bool better = BETTER;                                                          \
            held[i] = better ? x : y;                                                            \
            places[i] = better ? here : places[i];                                               \
        }                                                                                        \
        for (int64_t i = 0; !(packed && position > 0) && i < n; i++) {                           \
            const T x = (T)LOAD(SYI_AT_CONST(T, row, i, stride)), y = held[i];                   \
            if (position == 0 || (BETTER)) {                                                     \
                held[i] = x;                                                                     \
                places[i] = here;                                                                \
            }                                                                                    \
        }                                                                                        \
    }                                                                                            \
    SYI_CLONES static void offer_rows_##op##_##name(int64_t n, const void *rows,                 \
                                                    int64_t row_stride, int64_t position,        \
                                                    void *best, void *positions)                 \
    {                                                                                            \
        T *restrict held = best;                                                                 \
        PLACE_##name *restrict places = positions;                                               \
        const PLACE_##name here = (PLACE_##name)position;                                        \
        const char *at = rows;                                                                   \
        const T *p0 = (const void *)at, *p1 = (const void *)(at + row_stride);                   \
        const T *p2 = (const void *)(at + 2 * row_stride),                                       \
                *p3 = (const void *)(at + 3 * row_stride);                                       \
        for (int64_t i = 0; i < n; i++) {                                                        \
            T best_one = held[i];                                                                \
            PLACE_##name place = places[i];                                                      \
            OFFER_ONE(T, PLACE_##name, LOAD(p0[i]), HOLDS, here)                                 \
            OFFER_ONE(T, PLACE_##name, LOAD(p1[i]), HOLDS, here + 1)                             \
            OFFER_ONE(T, PLACE_##name, LOAD(p2[i]), HOLDS, here + 2)                             \
            OFFER_ONE(T, PLACE_##name, LOAD(p3[i]), HOLDS, here + 3)                             \
            held[i] = best_one;                                                                  \
            places[i] = place;                                                                   \
        }                                                                                        \
    }                                                                                            \
    static void scan_##op##_##name(int64_t n, const void *row, int64_t stride, int64_t position, \
                                   void *best, int64_t *where)                                   \
    {                                                                                            \
        const T *p = row;                                                                        \
        T y = position == 0 ? (T)LOAD(*p) : *(T *)best;                                          \
        int64_t found = position == 0 ? 0 : *where - position;                                   \
        int64_t block = -1; /* holds the best, but where in it is not known yet */               \
        int64_t i = 0;                                                                           \
        while (stride == (int64_t)sizeof(T) && n - i >= LANES) {                                 \
            const int64_t now = n - i < BLOCK ? (n - i) / LANES * LANES : BLOCK;                 \
            const T x = best_##op##_##name(now, p + i);                                          \
            if (BETTER) {                                                                        \
                y = x;                                                                           \
                block = i;                                                                       \
            }                                                                                    \
            i += now;                                                                            \
        }                                                                                        \
        for (; i < n; i++) {                                                                     \
            const T x = (T)LOAD(SYI_AT_CONST(T, row, i, stride));                                \
            if (BETTER) {                                                                        \
                y = x;                                                                           \
                found = i;                                                                       \
                block = -1;                                                                      \
            }                                                                                    \
        }                                                                                        \
        if (block >= 0 && y == y) {                                                              \
            found = block + find_##name((i - block < BLOCK ? i - block : BLOCK) / LANES * LANES, \
                                        p + block, y);                                           \
        } else if (block >= 0) {                                                                 \
            found = block;                                                                       \
            while (p[found] == p[found]) {                                                       \
                found++;                                                                         \
            }                                                                                    \
        }                                                                                        \
        *(T *)best = y;                                                                          \
        *where = position + found;                                                               \
    }

#define WHOLE_MAX(name, T, W, unused)          \
    DEFINE_BEST(max, name, T, ITSELF, (x > y)) \
    DEFINE_EXTREMUM(max, name, T, ITSELF, x > y, x <= y)
#define WHOLE_MIN(name, T, W, unused)          \
    DEFINE_BEST(min, name, T, ITSELF, (x < y)) \
    DEFINE_EXTREMUM(min, name, T, ITSELF, x < y, x >= y)
/* Also where x is a NaN and y none: two comparisons, as the first is true when either is a NaN. */
#define HIGHER_OR_NAN !(x <= y) & (y == y)
#define LOWER_OR_NAN !(x >= y) & (y == y)
#define REAL_MAX(name, T, W, unused) DEFINE_EXTREMUM(max, name, T, ITSELF, HIGHER_OR_NAN, x <= y)
#define REAL_MIN(name, T, W, unused) DEFINE_EXTREMUM(min, name, T, ITSELF, LOWER_OR_NAN, x >= y)
DEFINE_BEST(max, BOOL, uint8_t, TRUTH, x > y)
DEFINE_BEST(min, BOOL, uint8_t, TRUTH, x < y)
DEFINE_EXTREMUM(max, BOOL, uint8_t, TRUTH, x > y, x <= y)
DEFINE_EXTREMUM(min, BOOL, uint8_t, TRUTH, x < y, x >= y)
SYI_CPU_INTEGERS(WHOLE_MAX, )
SYI_CPU_INTEGERS(WHOLE_MIN, )
SYI_CPU_FLOATS(REAL_MAX, )
SYI_CPU_FLOATS(REAL_MIN, )

#define ENTRY(name, T, W, op) \
    [SY_DTYPE_##name] = {offer_##op##_##name, offer_rows_##op##_##name, scan_##op##_##name},
static const extremum_kind maxima[SY_DTYPE_COUNT] = {SYI_CPU_ALL(ENTRY, max)};
static const extremum_kind minima[SY_DTYPE_COUNT] = {SYI_CPU_ALL(ENTRY, min)};

/* Where the results go; either may be missing. Both are packed. */
typedef struct sinks {
    char *values;
    int64_t *positions;
    int64_t size; /* of a value */
} sinks;

static void store(sinks *to, const void *best, const int64_t *positions, int64_t n)
{
    if (to->values != NULL) {
        memcpy(to->values, best, (size_t)(n * to->size));
        to->values += n * to->size;
    }
    if (to->positions != NULL) {
        memcpy(to->positions, positions, (size_t)n * sizeof *positions);
        to->positions += n;
    }
}

/* Over all elements, numbered in row-major order. */
static void find_overall(const extremum_kind *kind, const syi_array *from, sinks *to)
{
    syi_nest nest;
    syi_nest_init(&nest, from->ndim, from->shape);
    syi_nest_add(&nest, from);
    syi_nest_merge(&nest, false);
    syi_element best = {.i64 = 0};
    int64_t where = 0, position = 0;
    int64_t at[SY_DIM_MAX] = {0};
    char *row = nest.data[0];
    do {
        kind->scan(nest.shape[0], row, nest.strides[0][0], position, &best, &where);
        position += nest.shape[0];
    } while (syi_nest_step(&nest, 1, at, &row));
    store(to, &best, &where, 1);
}

/* n rows of `now` candidates, one for each of as many results. */
static void offer_all(const extremum_kind *kind, int64_t now, const char *first, int64_t across,
                      int64_t n, int64_t step, bool packed, void *best, void *offered)
{
    kind->offer(now, first, across, 0, best, offered);
    int64_t p = 1;
    for (; packed && n - p >= ROWS; p += ROWS) {
        kind->offer_rows(now, first + p * step, step, p, best, offered);
    }
    for (; p < n; p++) {
        kind->offer(now, first + p * step, across, p, best, offered);
    }
}

/* Along one dim; the results come in row-major order of the others. */
static void find_along(const extremum_kind *kind, const syi_array *from, int dim, sinks *to)
{
    const int64_t size = (int64_t)sy_dtype_size(from->dtype);
    const int64_t n = from->shape[dim], step = from->strides[dim] * size;
    syi_array rest = *from;
    rest.ndim = 0;
    for (int d = 0; d < from->ndim; d++) {
        if (d != dim) {
            rest.shape[rest.ndim] = from->shape[d];
            rest.strides[rest.ndim++] = from->strides[d];
        }
    }
    syi_nest nest;
    syi_nest_init(&nest, rest.ndim, rest.shape);
    syi_nest_add(&nest, &rest);
    if (syi_nest_is_empty(&nest)) {
        return;
    }
    syi_nest_merge(&nest, false);
    uint64_t best[TILE];
    int64_t positions[TILE];
    uint64_t offered[TILE]; /* positions as the offers count them */
    int64_t at[SY_DIM_MAX] = {0};
    char *row = nest.data[0];
    const int64_t across = nest.strides[0][0];
    const bool side_by_side = nest.shape[0] > 1 && across < step && (size == 8 || n <= UINT32_MAX);
    do {
        for (int64_t i = 0; i < nest.shape[0]; i += TILE) {
            int64_t now = nest.shape[0] - i < TILE ? nest.shape[0] - i : TILE;
            const char *first = row + i * across;
            if (side_by_side) {
                offer_all(kind, now, first, across, n, step, across == size, best, offered);
            }
            for (int64_t j = 0; side_by_side && j < now; j++) {
                positions[j] = size == 8 ? (int64_t)offered[j] : ((const uint32_t *)offered)[j];
            }
            for (int64_t j = 0; !side_by_side && j < now; j++) {
                kind->scan(n, first + j * across, step, 0, (char *)best + j * size, &positions[j]);
            }
            store(to, best, positions, now);
        }
    } while (syi_nest_step(&nest, 1, at, &row));
}

sy_status syi_cpu_extremum(const syi_cpu_call *call)
{
    const syi_op_id id = call->op->id;
    const syi_array *from = syi_cpu_array(&call->args[0]);
    const extremum_kind *kind =
        &(id == SYI_OP_max || id == SYI_OP_argmax ? maxima : minima)[from->dtype];
    sinks to = {.size = (int64_t)sy_dtype_size(from->dtype)};
    if (id == SYI_OP_argmax || id == SYI_OP_argmin) {
        to.positions = syi_array_data(&call->outs[0]);
    } else {
        to.values = syi_array_data(&call->outs[0]);
        to.positions = call->out_count > 1 ? syi_array_data(&call->outs[1]) : NULL;
    }
    const bool overall = call->args[1].kind == SY_VALUE_NONE;
    int dim = 0;
    if (!overall) {
        SY_TRY(syi_dim_wrap(&dim, call->args[1].as.integer, from->ndim, call->err));
    }
    const int64_t candidates = overall          ? syi_array_numel(from)
                               : from->ndim > 0 ? from->shape[dim]
                                                : 1;
    assert(candidates > 0);
    if (overall || from->ndim == 0) {
        find_overall(kind, from, &to);
    } else {
        find_along(kind, from, dim, &to);
    }
    return SY_OK;
}
