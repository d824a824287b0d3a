#include "frameworks/cpu/gemm.h"

#include <string.h>

/* Panels: A in strips of ROWS rows, B in strips of COLUMNS columns, both DEPTH long; the strips of A
 * that are at work stay in the second cache, a strip of B in the first. */
#define ROWS 4
#define COLUMNS 16
#define DEPTH 256
#define STRIPS_A 24 /* 96 rows */
#define STRIPS_B 16 /* 256 columns */

static inline int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Is packing worth its trouble? */
static bool is_large(int64_t m, int64_t n, int64_t k, const int64_t b_strides[2])
{
    return m > 8 && n > 8 && k > 8 && (b_strides[1] != 1 || m * n * k > 4096);
}

static int64_t round_up(int64_t x, int64_t unit)
{
    return (x + unit - 1) / unit * unit;
}

/* Elements of the packed piece of A, which stands before that of B. */
static int64_t packed_elements_of_a(int64_t m, int64_t k)
{
    return smaller(k, DEPTH) * smaller(round_up(m, ROWS), ROWS * STRIPS_A);
}

size_t syi_gemm_workspace(sy_dtype dtype, int64_t m, int64_t n, int64_t k,
                          const int64_t b_strides[2])
{
    if (!is_large(m, n, k, b_strides)) {
        return 0;
    }
    int64_t of_b = smaller(k, DEPTH) * smaller(round_up(n, COLUMNS), COLUMNS * STRIPS_B);
    return (size_t)(packed_elements_of_a(m, k) + of_b) * sy_dtype_size(dtype);
}

/* Integers are multiplied in W, whose low bits are those of the wrapped result. */
#define DEFINE_GEMM(name, T, W, unused)                                                            \
    /* `lanes` rows (or columns) side by side, k long; missing ones are 0. */                      \
    static void pack_##name(T *restrict to, int64_t lanes, int64_t present, int64_t k,             \
                            const T *from, int64_t lane_stride, int64_t k_stride)                  \
    {                                                                                              \
        for (int64_t p = 0; p < k; p++) {                                                          \
            for (int64_t l = 0; l < present; l++) {                                                \
                to[p * lanes + l] = from[l * lane_stride + p * k_stride];                          \
            }                                                                                      \
            for (int64_t l = present; l < lanes; l++) {                                            \
                to[p * lanes + l] = 0;                                                             \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    /* A ROWS by COLUMNS piece of C from one strip of each. */                                     \
    SYI_CLONES static void strip_##name(int64_t k, const T *restrict a, const T *restrict b,       \
                                        T *restrict c, int64_t c_stride, int64_t rows,             \
                                        int64_t columns, bool first)                               \
    {                                                                                              \
        T sum[ROWS][COLUMNS] = {{0}};                                                              \
        for (int64_t p = 0; p < k; p++) {                                                          \
            for (int i = 0; i < ROWS; i++) {                                                       \
                const T x = a[p * ROWS + i];                                                       \
                for (int j = 0; j < COLUMNS; j++) {                                                \
                    sum[i][j] = (T)((W)sum[i][j] + (W)x * (W)b[p * COLUMNS + j]);                  \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        for (int64_t i = 0; i < rows; i++) {                                                       \
            for (int64_t j = 0; j < columns; j++) {                                                \
                T *to = &c[i * c_stride + j];                                                      \
                *to = first ? sum[i][j] : (T)((W)*to + (W)sum[i][j]);                              \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static void large_##name(int64_t m, int64_t n, int64_t k, const T *a, const int64_t *as,       \
                             const T *b, const int64_t *bs, T *c, T *workspace)                    \
    {                                                                                              \
        T *packed_a = workspace;                                                                   \
        T *packed_b = workspace + packed_elements_of_a(m, k);                                      \
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
        W lanes[COLUMNS] = {0};                                                                    \
        int64_t p = 0;                                                                             \
        if (a_stride == 1 && b_stride == 1) {                                                      \
            for (; k - p >= COLUMNS; p += COLUMNS) {                                               \
                for (int l = 0; l < COLUMNS; l++) {                                                \
                    lanes[l] += (W)a[p + l] * (W)b[p + l];                                         \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        W sum = 0;                                                                                 \
        for (int l = 0; l < COLUMNS; l++) {                                                        \
            sum += lanes[l];                                                                       \
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
SYI_CPU_INTEGERS(DEFINE_GEMM, )
SYI_CPU_FLOATS(DEFINE_GEMM, )

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
