/*
 * folds.c - products, truth, counts, extrema over several dims, variances, norms and log-sum-exp, each as a fold.
 * Floats are accumulated in double, integers in 64 bits that wrap. Test: answers of torch, tests/vectors/ops.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "frameworks/cpu/fold.h"
#include "frameworks/cpu/loops.h"
#include "frameworks/cpu/precise.h"

#define LANES 16 /* elements of a row that are taken in side by side */
#define ROWS 4   /* rows taken in at once, so that totals are loaded and stored less often */

/*
 * A fold without a second accumulator whose lanes can be joined: TAKE(sum, x) takes an element in, JOIN(sum, other) a
 * lane; they change `sum`, of type A, the member `field` of a total. START is what lanes begin with.
 */
#define DEFINE_FOLD(op, name, T, A, field, START, TAKE, JOIN)                                   \
    SYI_CLONES static void op##_row_##name(int64_t n, const void *data, int64_t stride,         \
                                           int64_t seen, syi_total *a, syi_total *b,            \
                                           const void *param)                                   \
    {                                                                                           \
        (void)seen, (void)b, (void)param;                                                       \
        A sum = a->field;                                                                       \
        int64_t i = 0;                                                                          \
        if (stride == (int64_t)sizeof(T) && n >= LANES) {                                       \
            const T *p = data;                                                                  \
            A lanes[LANES];                                                                     \
            for (int k = 0; k < LANES; k++) {                                                   \
                lanes[k] = START;                                                               \
            }                                                                                   \
            for (; n - i >= LANES; i += LANES) {                                                \
                for (int k = 0; k < LANES; k++) {                                               \
                    const T x = p[i + k];                                                       \
                    TAKE(lanes[k], x);                                                          \
                }                                                                               \
            }                                                                                   \
            for (int k = 0; k < LANES; k++) {                                                   \
                JOIN(sum, lanes[k]);                                                            \
            }                                                                                   \
        }                                                                                       \
        for (; i < n; i++) {                                                                    \
            const T x = SYI_AT_CONST(T, data, i, stride);                                       \
            TAKE(sum, x);                                                                       \
        }                                                                                       \
        a->field = sum;                                                                         \
    }                                                                                           \
    SYI_CLONES static void op##_across_##name(int64_t n, int64_t rows, const void *data,        \
                                              int64_t stride, int64_t row_stride, int64_t seen, \
                                              syi_total *a, syi_total *b, const void *param)    \
    {                                                                                           \
        (void)seen, (void)b, (void)param;                                                       \
        A *restrict sums = &a->field;                                                           \
        const char *at = data;                                                                  \
        int64_t row = 0;                                                                        \
        const bool packed = stride == (int64_t)sizeof(T);                                       \
        for (; packed && rows - row >= ROWS; row += ROWS, at += ROWS * row_stride) {            \
            const T *p = (const void *)at, *q = (const void *)(at + row_stride);                \
            const T *r = (const void *)(at + 2 * row_stride);                                   \
            const T *s = (const void *)(at + 3 * row_stride);                                   \
            for (int64_t i = 0; i < n; i++) {                                                   \
                A sum = sums[i];                                                                \
                TAKE(sum, p[i]);                                                                \
                TAKE(sum, q[i]);                                                                \
                TAKE(sum, r[i]);                                                                \
                TAKE(sum, s[i]);                                                                \
                sums[i] = sum;                                                                  \
            }                                                                                   \
        }                                                                                       \
        for (; row < rows; row++, at += row_stride) {                                           \
            for (int64_t i = 0; i < n; i++) {                                                   \
                const T x = SYI_AT_CONST(T, at, i, stride);                                     \
                TAKE(sums[i], x);                                                               \
            }                                                                                   \
        }                                                                                       \
    }

#define FOLD_ENTRY(name, T, W, op) [SY_DTYPE_##name] = {op##_row_##name, op##_across_##name},

static sy_status run_over(const syi_cpu_call *call, const syi_array *from, const sy_value *dims,
                          const syi_folding *folding)
{
    bool marked[SY_DIM_MAX];
    SY_TRY(syi_cpu_mark_dims(call, dims, from->ndim, marked));
    syi_cpu_fold(&call->outs[0], from, marked, folding);
    return SY_OK;
}

/* --- products ------------------------------------------------------------------------------------ */

#define TIMES(sum, x) (sum) *= (x)
#define TIMES_TRUTH(sum, x) (sum) *= (x) != 0
#define WHOLE_PRODUCT(name, T, W, unused) \
    DEFINE_FOLD(prod, name, T, uint64_t, bits, 1, TIMES_WHOLE, TIMES)
#define TIMES_WHOLE(sum, x) (sum) *= (uint64_t)(x)
#define REAL_PRODUCT(name, T, W, unused) DEFINE_FOLD(prod, name, T, double, real, 1, TIMES, TIMES)
DEFINE_FOLD(prod, BOOL, uint8_t, uint64_t, bits, 1, TIMES_TRUTH, TIMES)
SYI_CPU_INTEGERS(WHOLE_PRODUCT, )
SYI_CPU_FLOATS(REAL_PRODUCT, )
static const syi_fold products[SY_DTYPE_COUNT] = {SYI_CPU_ALL(FOLD_ENTRY, prod)};

sy_status syi_cpu_prod(const syi_cpu_call *call)
{
    const syi_array *to = &call->outs[0], *given = syi_cpu_array(&call->args[0]);
    const bool real = sy_dtype_is_floating(to->dtype);
    const bool converts = real != sy_dtype_is_floating(given->dtype);
    syi_array from;
    SY_TRY(syi_cpu_convert(call, &from, given, converts ? to->dtype : given->dtype, false));
    const syi_folding folding = {
        .fold = &products[from.dtype],
        .first_a = real ? (syi_total){.real = 1} : (syi_total){.whole = 1},
        .whole = !real,
    };
    const sy_status status = run_over(call, &from, &call->args[1], &folding);
    syi_array_fini(&from);
    return status;
}

/* --- truth and counts ---------------------------------------------------------------------------- */

#define ANY_OF(sum, x) (sum) |= (x) != 0
#define EITHER(sum, x) (sum) |= (x)
#define ALL_OF(sum, x) (sum) &= (x) != 0
#define BOTH(sum, x) (sum) &= (x)
#define COUNTED(sum, x) (sum) += (x) != 0
#define PLUS(sum, x) (sum) += (x)
#define DEFINE_ANY(name, T, W, unused) DEFINE_FOLD(any, name, T, uint64_t, bits, 0, ANY_OF, EITHER)
#define DEFINE_ALL(name, T, W, unused) DEFINE_FOLD(all, name, T, uint64_t, bits, 1, ALL_OF, BOTH)
#define DEFINE_COUNT(name, T, W, unused) \
    DEFINE_FOLD(count, name, T, uint64_t, bits, 0, COUNTED, PLUS)
SYI_CPU_ALL(DEFINE_ANY, )
SYI_CPU_ALL(DEFINE_ALL, )
SYI_CPU_ALL(DEFINE_COUNT, )
static const syi_fold anys[SY_DTYPE_COUNT] = {SYI_CPU_ALL(FOLD_ENTRY, any)};
static const syi_fold alls[SY_DTYPE_COUNT] = {SYI_CPU_ALL(FOLD_ENTRY, all)};
static const syi_fold counts[SY_DTYPE_COUNT] = {SYI_CPU_ALL(FOLD_ENTRY, count)};

sy_status syi_cpu_any(const syi_cpu_call *call)
{
    const syi_array *from = syi_cpu_array(&call->args[0]);
    const bool all = call->op->id == SYI_OP_all;
    const syi_folding folding = {
        .fold = &(all ? alls : anys)[from->dtype], .first_a = {.whole = all}, .whole = true};
    return run_over(call, from, &call->args[1], &folding);
}

sy_status syi_cpu_count_nonzero(const syi_cpu_call *call)
{
    const syi_array *from = syi_cpu_array(&call->args[0]);
    const syi_folding folding = {.fold = &counts[from->dtype], .whole = true};
    return run_over(call, from, &call->args[1], &folding);
}

/* --- extrema: NaN beats everything ---------------------------------------------------------------- */

#define HIGHER(sum, x) (sum) = (x) > (sum) ? (x) : (sum)
#define LOWER(sum, x) (sum) = (x) < (sum) ? (x) : (sum)
#define HIGHER_TRUTH(sum, x) (sum) |= (x) != 0
#define LOWER_TRUTH(sum, x) (sum) &= (x) != 0
#define HIGHER_REAL(sum, x) (sum) = (x) > (sum) || (x) != (x) ? (double)(x) : (sum)
#define LOWER_REAL(sum, x) (sum) = (x) < (sum) || (x) != (x) ? (double)(x) : (sum)
#define WHOLE_AMAX(name, T, W, unused) \
    DEFINE_FOLD(amax, name, T, int64_t, whole, INT64_MIN, HIGHER, HIGHER)
#define WHOLE_AMIN(name, T, W, unused) \
    DEFINE_FOLD(amin, name, T, int64_t, whole, INT64_MAX, LOWER, LOWER)
#define REAL_AMAX(name, T, W, unused) \
    DEFINE_FOLD(amax, name, T, double, real, -INFINITY, HIGHER_REAL, HIGHER_REAL)
#define REAL_AMIN(name, T, W, unused) \
    DEFINE_FOLD(amin, name, T, double, real, INFINITY, LOWER_REAL, LOWER_REAL)
DEFINE_FOLD(amax, BOOL, uint8_t, int64_t, whole, 0, HIGHER_TRUTH, HIGHER_TRUTH)
DEFINE_FOLD(amin, BOOL, uint8_t, int64_t, whole, 1, LOWER_TRUTH, LOWER_TRUTH)
SYI_CPU_INTEGERS(WHOLE_AMAX, )
SYI_CPU_INTEGERS(WHOLE_AMIN, )
SYI_CPU_FLOATS(REAL_AMAX, )
SYI_CPU_FLOATS(REAL_AMIN, )
static const syi_fold amaxs[SY_DTYPE_COUNT] = {SYI_CPU_ALL(FOLD_ENTRY, amax)};
static const syi_fold amins[SY_DTYPE_COUNT] = {SYI_CPU_ALL(FOLD_ENTRY, amin)};

sy_status syi_cpu_amax(const syi_cpu_call *call)
{
    const syi_array *from = syi_cpu_array(&call->args[0]);
    const bool high = call->op->id == SYI_OP_amax, real = sy_dtype_is_floating(from->dtype);
    syi_folding folding = {.fold = &(high ? amaxs : amins)[from->dtype], .whole = !real};
    if (real) {
        folding.first_a.real = high ? -INFINITY : INFINITY;
    } else if (from->dtype == SY_DTYPE_BOOL) {
        folding.first_a.whole = !high;
    } else {
        folding.first_a.whole = high ? INT64_MIN : INT64_MAX;
    }
    return run_over(call, from, &call->args[1], &folding);
}

/* --- variances: a is the mean, b the sum of squared differences from it ---------------------------- */

/*
 * One pass: differences d from a first guess, which is one of the elements, their sum and that of their squares; then
 * squares = sum of d^2 - (sum of d)^2 / n. What cancels is at most n times what is left, for the guess is among the
 * elements; where it is more than TRUSTED times (floats in double have bits to spare), or something is not finite, the
 * mean is taken first. Two passes over pieces in the cache took 0.30 ms for 1e6 f32, one takes 0.20; Welford's
 * steps along the first dim of 1e7 5.0, this 3.5.
 */
#define PIECE \
    1024 /* elements of a row with a guess of their own, in the cache should they be needed again */
#define AHEAD \
    512 /* elements: the processor's own fetching ends with each page (1e7 f32: 3.5 ms became 2.7) */
#define TRUSTED_F32 1e6
#define TRUSTED_F64 64.0

/* Chan, Golub and LeVeque (1983): joins a piece with what was seen before. */
static void join_moments(syi_total *mean, syi_total *squares, int64_t seen, int64_t n,
                         double piece_mean, double piece_squares)
{
    const double delta = piece_mean - mean->real;
    const double total = (double)(seen + n);
    mean->real += delta * (double)n / total;
    squares->real += piece_squares + delta * delta * (double)seen * (double)n / total;
}

/* What is seen of n elements whose differences from a guess, and their squares, have these sums: is it to be relied
 * on? */
static inline bool see_moments(double n, double sum, double sum_squares, double trusted,
                               double *mean, double *squares)
{
    *mean = sum / n;
    *squares = sum_squares - sum * *mean;
    return (sum * *mean <= trusted * *squares) & (*squares <= DBL_MAX);
}

#define DEFINE_MOMENTS_OF_ROWS(name, T)                                                         \
    static void moments_twice_##name(int64_t n, const void *data, int64_t stride, double *mean, \
                                     double *squares)                                           \
    {                                                                                           \
        double sum = 0, sum_squares = 0;                                                        \
        for (int64_t i = 0; i < n; i++) {                                                       \
            sum += (double)SYI_AT_CONST(T, data, i, stride);                                    \
        }                                                                                       \
        *mean = sum / (double)n;                                                                \
        for (int64_t i = 0; i < n; i++) {                                                       \
            const double d = (double)SYI_AT_CONST(T, data, i, stride) - *mean;                  \
            sum_squares += d * d;                                                               \
        }                                                                                       \
        *squares = sum_squares;                                                                 \
    }                                                                                           \
    SYI_CLONES static void moments_row_##name(int64_t n, const void *data, int64_t stride,      \
                                              int64_t seen, syi_total *a, syi_total *b,         \
                                              const void *param)                                \
    {                                                                                           \
        (void)param;                                                                            \
        for (int64_t done = 0; done < n; done += PIECE) {                                       \
            const int64_t now = n - done < PIECE ? n - done : PIECE;                            \
            const char *at = (const char *)data + done * stride;                                \
            const T *p = (const void *)at;                                                      \
            const double guess = (double)*p;                                                    \
            const int64_t whole = stride == (int64_t)sizeof(T) ? now - now % LANES : 0;         \
            syi_doubles s[4] = {{0}}, q[4] = {{0}};                                             \
            for (int64_t i = 0; i < whole; i += LANES) {                                        \
                __builtin_prefetch(p + i + AHEAD);                                              \
                for (int k = 0; k < 4; k++) {                                                   \
                    const syi_doubles d = SYI_WIDE_OF(p + i + 4 * k) - guess;                   \
                    s[k] += d;                                                                  \
                    q[k] += d * d;                                                              \
                }                                                                               \
            }                                                                                   \
            double sums[LANES], squares[LANES], mean, all_squares;                              \
            memcpy(sums, s, sizeof sums);                                                       \
            memcpy(squares, q, sizeof squares);                                                 \
            SYI_JOIN_LANES(sums, LANES)                                                         \
            SYI_JOIN_LANES(squares, LANES)                                                      \
            for (int64_t i = whole; i < now; i++) {                                             \
                const double d = (double)SYI_AT_CONST(T, at, i, stride) - guess;                \
                sums[0] += d;                                                                   \
                squares[0] += d * d;                                                            \
            }                                                                                   \
            if (see_moments((double)now, sums[0], squares[0], TRUSTED_##name, &mean,            \
                            &all_squares)) {                                                    \
                mean += guess;                                                                  \
            } else {                                                                            \
                moments_twice_##name(now, at, stride, &mean, &all_squares);                     \
            }                                                                                   \
            join_moments(a, b, seen + done, now, mean, all_squares);                            \
        }                                                                                       \
    }

/* Results side by side, up to SYI_FOLD_TILE; the first row is the guess. */
#define DEFINE_MOMENTS_ACROSS(name, T)                                                            \
    SYI_CLONES static void moments_from_first_##name(int64_t n, int64_t rows, const void *data,   \
                                                     int64_t stride, int64_t row_stride,          \
                                                     syi_total *a, syi_total *b)                  \
    {                                                                                             \
        double *restrict sums = &a->real;                                                         \
        double *restrict squares = &b->real;                                                      \
        const T *guess = data;                                                                    \
        const char *at = (const char *)data + row_stride;                                         \
        int64_t row = 1;                                                                          \
        memset(a, 0, (size_t)n * sizeof *a);                                                      \
        memset(b, 0, (size_t)n * sizeof *b);                                                      \
        const bool packed = stride == (int64_t)sizeof(T);                                         \
        for (; packed && rows - row >= ROWS; row += ROWS, at += ROWS * row_stride) {              \
            const T *p = (const void *)at, *q = (const void *)(at + row_stride);                  \
            const T *r = (const void *)(at + 2 * row_stride);                                     \
            const T *s = (const void *)(at + 3 * row_stride);                                     \
            int64_t i = 0;                                                                        \
            for (; n - i >= 4; i += 4) {                                                          \
                const syi_doubles from = SYI_WIDE_OF(guess + i);                                  \
                const syi_doubles d = SYI_WIDE_OF(p + i) - from, e = SYI_WIDE_OF(q + i) - from;   \
                const syi_doubles f = SYI_WIDE_OF(r + i) - from, g = SYI_WIDE_OF(s + i) - from;   \
                syi_doubles sum, square;                                                          \
                memcpy(&sum, sums + i, sizeof sum);                                               \
                memcpy(&square, squares + i, sizeof square);                                      \
                sum += (d + e) + (f + g);                                                         \
                square += (d * d + e * e) + (f * f + g * g);                                      \
                memcpy(sums + i, &sum, sizeof sum);                                               \
                memcpy(squares + i, &square, sizeof square);                                      \
            }                                                                                     \
            for (; i < n; i++) {                                                                  \
                const double from = (double)guess[i];                                             \
                const double d = (double)p[i] - from, e = (double)q[i] - from;                    \
                const double f = (double)r[i] - from, g = (double)s[i] - from;                    \
                sums[i] += (d + e) + (f + g);                                                     \
                squares[i] += (d * d + e * e) + (f * f + g * g);                                  \
            }                                                                                     \
        }                                                                                         \
        for (; row < rows; row++, at += row_stride) {                                             \
            for (int64_t i = 0; i < n; i++) {                                                     \
                const double d = (double)SYI_AT_CONST(T, at, i, stride) -                         \
                                 (double)SYI_AT_CONST(T, guess, i, stride);                       \
                sums[i] += d;                                                                     \
                squares[i] += d * d;                                                              \
            }                                                                                     \
        }                                                                                         \
        for (int64_t i = 0; i < n; i++) {                                                         \
            const double sum = sums[i], all = squares[i];                                         \
            if (see_moments((double)rows, sum, all, TRUSTED_##name, &sums[i], &squares[i])) {     \
                sums[i] += (double)SYI_AT_CONST(T, guess, i, stride);                             \
            } else if (all != all) { /* something is not finite */                                \
                sums[i] = squares[i] = all;                                                       \
            } else {                                                                              \
                moments_twice_##name(rows, (const char *)data + i * stride, row_stride, &sums[i], \
                                     &squares[i]);                                                \
            }                                                                                     \
        }                                                                                         \
    }                                                                                             \
    static void moments_across_##name(int64_t n, int64_t rows, const void *data, int64_t stride,  \
                                      int64_t row_stride, int64_t seen, syi_total *a,             \
                                      syi_total *b, const void *param)                            \
    {                                                                                             \
        (void)param;                                                                              \
        if (seen == 0) {                                                                          \
            moments_from_first_##name(n, rows, data, stride, row_stride, a, b);                   \
            return;                                                                               \
        }                                                                                         \
        syi_total means[SYI_FOLD_TILE], squares[SYI_FOLD_TILE];                                   \
        moments_from_first_##name(n, rows, data, stride, row_stride, means, squares);             \
        for (int64_t i = 0; i < n; i++) {                                                         \
            join_moments(&a[i], &b[i], seen, rows, means[i].real, squares[i].real);               \
        }                                                                                         \
    }
#define DEFINE_MOMENTS(name, T, W, unused) \
    DEFINE_MOMENTS_OF_ROWS(name, T)        \
    DEFINE_MOMENTS_ACROSS(name, T)
SYI_CPU_FLOATS(DEFINE_MOMENTS, )
static const syi_fold moments[SY_DTYPE_COUNT] = {SYI_CPU_FLOATS(FOLD_ENTRY, moments)};

/* param: what is taken off the count */
static void finish_var(int64_t n, int64_t count, syi_total *a, const syi_total *b,
                       const void *param)
{
    const double left = (double)(count - *(const int64_t *)param);
    for (int64_t i = 0; i < n; i++) {
        a[i].real = count == 0 ? NAN : b[i].real / (left > 0 ? left : 0);
    }
}

static void finish_std(int64_t n, int64_t count, syi_total *a, const syi_total *b,
                       const void *param)
{
    finish_var(n, count, a, b, param);
    for (int64_t i = 0; i < n; i++) {
        a[i].real = sqrt(a[i].real);
    }
}

sy_status syi_cpu_var(const syi_cpu_call *call)
{
    const syi_array *from = syi_cpu_array(&call->args[0]);
    const int64_t correction = call->args[2].as.boolean;
    const syi_folding folding = {.fold = &moments[from->dtype],
                                 .param = &correction,
                                 .finish = call->op->id == SYI_OP_std ? finish_std : finish_var};
    return run_over(call, from, &call->args[1], &folding);
}

/* --- norms --------------------------------------------------------------------------------------- */

#define MAGNITUDE(x) fabs((double)(x))
#define ADD_MAGNITUDE(sum, x) (sum) += MAGNITUDE(x)
#define ADD_SQUARE(sum, x) (sum) += (double)(x) * (double)(x)
#define ADD_PRESENCE(sum, x) (sum) += (x) != 0 ? 1.0 : 0.0
#define HIGHER_MAGNITUDE(sum, x) HIGHER_REAL(sum, MAGNITUDE(x))
#define LOWER_MAGNITUDE(sum, x) LOWER_REAL(sum, MAGNITUDE(x))
#define ADD_POWER(sum, x) (sum) += pow(MAGNITUDE(x), *(const double *)param)
#define DEFINE_NORMS(name, T, W, unused)                                                \
    DEFINE_FOLD(norm0, name, T, double, real, 0, ADD_PRESENCE, PLUS)                    \
    DEFINE_FOLD(norm1, name, T, double, real, 0, ADD_MAGNITUDE, PLUS)                   \
    DEFINE_FOLD(norm2, name, T, double, real, 0, ADD_SQUARE, PLUS)                      \
    DEFINE_FOLD(norm_max, name, T, double, real, 0, HIGHER_MAGNITUDE, HIGHER_REAL)      \
    DEFINE_FOLD(norm_min, name, T, double, real, INFINITY, LOWER_MAGNITUDE, LOWER_REAL) \
    DEFINE_FOLD(norm_power, name, T, double, real, 0, ADD_POWER, PLUS)
SYI_CPU_FLOATS(DEFINE_NORMS, )
#define NORM_TABLE(op) \
    static const syi_fold op##s[SY_DTYPE_COUNT] = {SYI_CPU_FLOATS(FOLD_ENTRY, op)};
NORM_TABLE(norm0)
NORM_TABLE(norm1)
NORM_TABLE(norm2)
NORM_TABLE(norm_max)
NORM_TABLE(norm_min)
NORM_TABLE(norm_power)

static void finish_root(int64_t n, int64_t count, syi_total *a, const syi_total *b,
                        const void *param)
{
    (void)count, (void)b;
    const double p = *(const double *)param;
    for (int64_t i = 0; i < n; i++) {
        a[i].real = p == 2 ? sqrt(a[i].real) : pow(a[i].real, 1 / p);
    }
}

sy_status syi_cpu_norm(const syi_cpu_call *call)
{
    const double p = syi_value_get_double(&call->args[1]);
    syi_array from;
    SY_TRY(syi_cpu_convert(call, &from, syi_cpu_array(&call->args[0]), call->outs[0].dtype, false));
    const syi_fold *folds = p == 0           ? norm0s
                            : p == 1         ? norm1s
                            : p == 2         ? norm2s
                            : p == INFINITY  ? norm_maxs
                            : p == -INFINITY ? norm_mins
                                             : norm_powers;
    const syi_folding folding = {
        .fold = &folds[from.dtype],
        .param = &p,
        .first_a = {.real = p == -INFINITY ? INFINITY : 0},
        .finish = p == 0 || p == 1 || isinf(p) ? NULL : finish_root,
    };
    const sy_status status = run_over(call, &from, &call->args[2], &folding);
    syi_array_fini(&from);
    return status;
}

/* --- log of the sum of exponentials: a is the maximum so far, b the sum of exp(x - a) --------------- */

static inline double rescaled(double sum, double from, double to)
{
    return from == to ? sum : sum * exp(from - to);
}

#define EXPONENTIALS \
    256 /* computed in a loop of their own and added up then: together neither is vectorised */

#define DEFINE_LOGSUMEXP(name, T, EXP)                                                                          \
    SYI_CLONES static double exponentials_##name(int64_t n, const void *data, int64_t stride,                   \
                                                 double most)                                                   \
    {                                                                                                           \
        double each[EXPONENTIALS], sum = 0;                                                                     \
        for (int64_t done = 0; done < n; done += EXPONENTIALS) {                                                \
            const int64_t now = n - done < EXPONENTIALS ? n - done : EXPONENTIALS;                              \
            const char *at = (const char *)data + done * stride;                                                \
            const T *p = (const void *)at;                                                                      \
            for (int64_t i = 0; stride == (int64_t)sizeof(T) && i < now; i++) {                                 \
                each[i] = EXP((double)p[i] - most);                                                             \
            }                                                                                                   \
            for (int64_t i = 0; stride != (int64_t)sizeof(T) && i < now; i++) {                                 \
                each[i] = EXP((double)SYI_AT_CONST(T, at, i, stride) - most);                                   \
            }                                                                                                   \
            double lanes[LANES] = {0};                                                                          \
            const int64_t whole = now - now % LANES;                                                            \
            for (int64_t i = 0; i < whole; i += LANES) {                                                        \
                for (int k = 0; k < LANES; k++) {                                                               \
                    lanes[k] += each[i + k];                                                                    \
                }                                                                                               \
            }                                                                                                   \
            for (int64_t i = whole; i < now; i++) {                                                             \
                sum += each[i];                                                                                 \
            }                                                                                                   \
            SYI_JOIN_LANES(lanes, LANES)                                                                        \
            sum += lanes[0];                                                                                    \
        }                                                                                                       \
        return sum;                                                                                             \
    }                                                                                                           \
    /* Of a packed row, whatever becomes of NaN: the sum sees those. -infinity when there is nothing higher. */ \
    SYI_CLONES static T highest_##name(int64_t n, const T *p)                                                   \
    {                                                                                                           \
        T lanes[2 * LANES], most = -(T)INFINITY;                                                                \
        for (int k = 0; k < 2 * LANES; k++) {                                                                   \
            lanes[k] = -(T)INFINITY;                                                                            \
        }                                                                                                       \
        int64_t i = 0;                                                                                          \
        for (; n - i >= 2 * LANES; i += 2 * LANES) {                                                            \
            for (int k = 0; k < 2 * LANES; k++) {                                                               \
                lanes[k] = p[i + k] > lanes[k] ? p[i + k] : lanes[k];                                           \
            }                                                                                                   \
        }                                                                                                       \
        for (; i < n; i++) {                                                                                    \
            most = p[i] > most ? p[i] : most;                                                                   \
        }                                                                                                       \
        for (int k = 0; k < 2 * LANES; k++) {                                                                   \
            most = lanes[k] > most ? lanes[k] : most;                                                           \
        }                                                                                                       \
        return most;                                                                                            \
    }                                                                                                           \
    static void logsumexp_row_##name(int64_t n, const void *data, int64_t stride, int64_t seen,                 \
                                     syi_total *a, syi_total *b, const void *param)                             \
    {                                                                                                           \
        syi_total most = *a;                                                                                    \
        const T high = stride == (int64_t)sizeof(T) ? highest_##name(n, data) : -(T)INFINITY;                   \
        if (isfinite(high) && most.real < INFINITY) {                                                           \
            most.real = (double)high > most.real ? (double)high : most.real;                                    \
        } else {                                                                                                \
            amax_row_##name(n, data, stride, seen, &most, b, param);                                            \
        }                                                                                                       \
        if (isinf(most.real) || isnan(most.real)) { /* nothing to add up, or nothing finite */                  \
            *a = most;                                                                                          \
            return;                                                                                             \
        }                                                                                                       \
        b->real = rescaled(b->real, a->real, most.real) +                                                       \
                  exponentials_##name(n, data, stride, most.real);                                              \
        a->real = isnan(b->real) ? NAN : most.real; /* a NaN was among them */                                  \
    }                                                                                                           \
    static void logsumexp_across_##name(int64_t n, int64_t rows, const void *data, int64_t stride,              \
                                        int64_t row_stride, int64_t seen, syi_total *a,                         \
                                        syi_total *b, const void *param)                                        \
    {                                                                                                           \
        const char *at = data;                                                                                  \
        for (int64_t row = 0; row < rows; row++, at += row_stride) {                                            \
            for (int64_t i = 0; i < n; i++) {                                                                   \
                logsumexp_row_##name(1, at + i * stride, sizeof(T), seen + row, &a[i], &b[i],                   \
                                     param);                                                                    \
            }                                                                                                   \
        }                                                                                                       \
    }
DEFINE_LOGSUMEXP(F32, float, syi_precise_exp)
DEFINE_LOGSUMEXP(F64, double, exp)
static const syi_fold logsumexps[SY_DTYPE_COUNT] = {SYI_CPU_FLOATS(FOLD_ENTRY, logsumexp)};

static void finish_logsumexp(int64_t n, int64_t count, syi_total *a, const syi_total *b,
                             const void *param)
{
    (void)count, (void)param;
    for (int64_t i = 0; i < n; i++) {
        a[i].real += isinf(a[i].real) ? 0 : log(b[i].real);
    }
}

sy_status syi_cpu_logsumexp(const syi_cpu_call *call)
{
    syi_array from;
    SY_TRY(syi_cpu_convert(call, &from, syi_cpu_array(&call->args[0]), call->outs[0].dtype, false));
    const syi_folding folding = {.fold = &logsumexps[from.dtype],
                                 .first_a = {.real = -INFINITY},
                                 .finish = finish_logsumexp};
    const sy_status status = run_over(call, &from, &call->args[1], &folding);
    syi_array_fini(&from);
    return status;
}
