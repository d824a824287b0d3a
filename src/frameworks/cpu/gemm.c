#include "frameworks/cpu/gemm.h"

#include <string.h>

/*
 * Panels: A in strips of ROWS rows, B in strips of one VECTOR of columns, both DEPTH long. The strips of
 * A that are at work stay in the second cache, a strip of B in the first, and a ROWS by VECTOR piece of
 * C in registers.
 */
#define VECTOR 64 /* bytes; the compiler splits it where registers are shorter */
#define ROWS 6
#define DEPTH 256
#define STRIPS_A 16 /* 96 rows */
#define STRIPS_B 16

static inline int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t columns_of(sy_dtype dtype)
{
    return VECTOR / (int64_t)sy_dtype_size(dtype);
}

/* Is packing worth its trouble? */
static bool is_large(int64_t m, int64_t n, int64_t k, const int64_t b_strides[2])
{
    return m > 4 && n > 4 && k > 4 && (b_strides[1] != 1 || m * n * k > 2048);
}

static int64_t round_up(int64_t x, int64_t unit)
{
    return (x + unit - 1) / unit * unit;
}

/* Elements of the packed piece of B, which stands before that of A: it is the aligned one. */
static int64_t packed_elements_of_b(int64_t n, int64_t k, int64_t columns)
{
    return smaller(k, DEPTH) * smaller(round_up(n, columns), columns * STRIPS_B);
}

size_t syi_gemm_workspace(sy_dtype dtype, int64_t m, int64_t n, int64_t k,
                          const int64_t b_strides[2])
{
    if (!is_large(m, n, k, b_strides)) {
        return 0;
    }
    int64_t of_a = smaller(k, DEPTH) * smaller(round_up(m, ROWS), ROWS * STRIPS_A);
    int64_t of_b = packed_elements_of_b(n, k, columns_of(dtype));
    return (size_t)(of_a + of_b) * sy_dtype_size(dtype);
}

/* T: element; U: what it is multiplied in, whose low bits are those of the wrapped result; vectors of U
 * have no wider type behind them. W: the same for single elements. */
#define DEFINE_GEMM(name, T, U, W)                                                                 \
    typedef U vector_##name __attribute__((vector_size(VECTOR), may_alias));                       \
    enum { COLUMNS_##name = VECTOR / sizeof(T) };                                                  \
    /* `lanes` rows (or columns) side by side, k long; missing ones are 0. */                      \
    static void pack_##name(T *restrict to, int64_t lanes, int64_t present, int64_t k,             \
                            const T *from, int64_t lane_stride, int64_t k_stride)                  \
    {                                                                                              \
        if (present == lanes && lane_stride == 1) {                                                \
            for (int64_t p = 0; p < k; p++) {                                                      \
                memcpy(to + p * lanes, from + p * k_stride, (size_t)lanes * sizeof *to);           \
            }                                                                                      \
            return;                                                                                \
        }                                                                                          \
        for (int64_t l = 0; l < lanes; l++) {                                                      \
            for (int64_t p = 0; p < k; p++) {                                                      \
                to[p * lanes + l] = l < present ? from[l * lane_stride + p * k_stride] : 0;        \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    /* A ROWS by COLUMNS piece of C from one strip of each. */                                     \
    SYI_CLONES static void strip_##name(int64_t k, const T *restrict av, const T *restrict bv,     \
                                        T *restrict c, int64_t c_stride, int64_t rows,             \
                                        int64_t columns, bool first)                               \
    {                                                                                              \
        const U *restrict a = (const U *)av;                                                       \
        const vector_##name *restrict b = (const vector_##name *)(const void *)bv;                 \
        vector_##name s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0}, s4 = {0}, s5 = {0};                  \
        for (int64_t p = 0; p < k; p++, a += ROWS) {                                               \
            const vector_##name y = b[p];                                                          \
            s0 += a[0] * y;                                                                        \
            s1 += a[1] * y;                                                                        \
            s2 += a[2] * y;                                                                        \
            s3 += a[3] * y;                                                                        \
            s4 += a[4] * y;                                                                        \
            s5 += a[5] * y;                                                                        \
        }                                                                                          \
        const vector_##name sum[ROWS] = {s0, s1, s2, s3, s4, s5};                                  \
        for (int64_t i = 0; i < rows; i++) {                                                       \
            for (int64_t j = 0; j < columns; j++) {                                                \
                T *to = &c[i * c_stride + j];                                                      \
                *to = first ? (T)sum[i][j] : (T)((W)*to + (W)sum[i][j]);                           \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static void large_##name(int64_t m, int64_t n, int64_t k, const T *a, const int64_t *as,       \
                             const T *b, const int64_t *bs, T *c, T *workspace)                    \
    {                                                                                              \
        enum { COLUMNS = COLUMNS_##name };                                                         \
        T *packed_b = workspace;                                                                   \
        T *packed_a = workspace + packed_elements_of_b(n, k, COLUMNS);                             \
        for (int64_t p0 = 0; p0 < k; p0 += DEPTH) {                                                \
            const int64_t depth = smaller(k - p0, DEPTH);                                          \
            for (int64_t j0 = 0; j0 < n; j0 += COLUMNS * STRIPS_B) {                               \
                const int64_t wide = smaller(n - j0, COLUMNS * STRIPS_B);                          \
                for (int64_t j = 0; j < wide; j += COLUMNS) {                                      \
                    pack_##name(packed_b + j * depth, COLUMNS, smaller(wide - j, COLUMNS), depth,  \
                                b + p0 * bs[0] + (j0 + j) * bs[1], bs[1], bs[0]);                  \
                }                                                                                  \
                for (int64_t i0 = 0; i0 < m; i0 += ROWS * STRIPS_A) {                              \
                    const int64_t high = smaller(m - i0, ROWS * STRIPS_A);                         \
                    for (int64_t i = 0; i < high; i += ROWS) {                                     \
                        pack_##name(packed_a + i * depth, ROWS, smaller(high - i, ROWS), depth,    \
                                    a + (i0 + i) * as[0] + p0 * as[1], as[0], as[1]);              \
                    }                                                                              \
                    for (int64_t j = 0; j < wide; j += COLUMNS) {                                  \
                        for (int64_t i = 0; i < high; i += ROWS) {                                 \
                            strip_##name(depth, packed_a + i * depth, packed_b + j * depth,        \
                                         c + (i0 + i) * n + j0 + j, n, smaller(high - i, ROWS),    \
                                         smaller(wide - j, COLUMNS), p0 == 0);                     \
                        }                                                                          \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    /* y += x * b, b of n neighbours */                                                            \
    SYI_CLONES static void axpy_##name(int64_t n, T x, const T *restrict b, T *restrict y)         \
    {                                                                                              \
        for (int64_t j = 0; j < n; j++) {                                                          \
            y[j] = (T)((W)y[j] + (W)x * (W)b[j]);                                                  \
        }                                                                                          \
    }                                                                                              \
    SYI_CLONES static T dot_##name(int64_t k, const T *a, int64_t a_stride, const T *b,            \
                                   int64_t b_stride)                                               \
    {                                                                                              \
        vector_##name lanes = {0}, more = {0};                                                     \
        int64_t p = 0;                                                                             \
        if (a_stride == 1 && b_stride == 1) {                                                      \
            for (; k - p >= 2 * COLUMNS_##name; p += 2 * COLUMNS_##name) {                         \
                vector_##name x[2], y[2];                                                          \
                memcpy(x, a + p, sizeof x);                                                        \
                memcpy(y, b + p, sizeof y);                                                        \
                lanes += x[0] * y[0];                                                              \
                more += x[1] * y[1];                                                               \
            }                                                                                      \
        }                                                                                          \
        lanes += more;                                                                             \
        W sum = 0;                                                                                 \
        for (int l = 0; l < COLUMNS_##name; l++) {                                                 \
            sum += (W)lanes[l];                                                                    \
        }                                                                                          \
        for (; p < k; p++) {                                                                       \
            sum += (W)a[p * a_stride] * (W)b[p * b_stride];                                        \
        }                                                                                          \
        return (T)sum;                                                                             \
    }                                                                                              \
    static void gemm_##name(int64_t m, int64_t n, int64_t k, const void *av, const int64_t *as,    \
                            const void *bv, const int64_t *bs, void *cv, void *workspace)          \
    {                                                                                              \
        const T *a = av, *b = bv;                                                                  \
        T *c = cv;                                                                                 \
        if (is_large(m, n, k, bs)) {                                                               \
            large_##name(m, n, k, a, as, b, bs, c, workspace);                                     \
        } else if (bs[1] == 1 && n > 1) {                                                          \
            memset(c, 0, (size_t)(m * n) * sizeof *c);                                             \
            for (int64_t i = 0; i < m; i++) {                                                      \
                for (int64_t p = 0; p < k; p++) {                                                  \
                    axpy_##name(n, a[i * as[0] + p * as[1]], b + p * bs[0], c + i * n);            \
                }                                                                                  \
            }                                                                                      \
        } else if (n == 1 && as[0] == 1 && as[1] > 1) {                                            \
            memset(c, 0, (size_t)m * sizeof *c);                                                   \
            for (int64_t p = 0; p < k; p++) {                                                      \
                axpy_##name(m, b[p * bs[0]], a + p * as[1], c);                                    \
            }                                                                                      \
        } else {                                                                                   \
            for (int64_t i = 0; i < m; i++) {                                                      \
                for (int64_t j = 0; j < n; j++) {                                                  \
                    c[i * n + j] = dot_##name(k, a + i * as[0], as[1], b + j * bs[1], bs[0]);      \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
DEFINE_GEMM(U8, uint8_t, uint8_t, uint32_t)
DEFINE_GEMM(I8, int8_t, uint8_t, uint32_t)
DEFINE_GEMM(I16, int16_t, uint16_t, uint32_t)
DEFINE_GEMM(I32, int32_t, uint32_t, uint32_t)
DEFINE_GEMM(I64, int64_t, uint64_t, uint64_t)
DEFINE_GEMM(F32, float, float, float)
DEFINE_GEMM(F64, double, double, double)

typedef void (*gemm_fn)(int64_t m, int64_t n, int64_t k, const void *a, const int64_t *as,
                        const void *b, const int64_t *bs, void *c, void *workspace);
#define ENTRY(name, T, W, unused) [SY_DTYPE_##name] = gemm_##name,
static const gemm_fn gemms[SY_DTYPE_COUNT] = {SYI_CPU_INTEGERS(ENTRY, ) SYI_CPU_FLOATS(ENTRY, )};

void syi_gemm(sy_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a,
              const int64_t a_strides[2], const void *b, const int64_t b_strides[2], void *c,
              void *workspace)
{
    gemms[dtype](m, n, k, a, a_strides, b, b_strides, c, workspace);
}
