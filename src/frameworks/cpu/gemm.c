#include "frameworks/cpu/gemm.h"

#include <string.h>

#include "ring/matmul.h"

/*
 * Panels: A in strips of ROWS rows, B in strips of two vectors of columns, both DEPTH long. A panel of A
 * stays in the second cache, a strip of B in the first, and a piece of C, ROWS by two vectors, in
 * registers. The vectors are those of the processor at hand; sums are made in the same order with all of
 * them, so the bits are the same, too.
 */
#define ROWS 6
#define DEPTH 256
#define HEIGHT (16 * ROWS) /* of a panel of A */
#define WIDTH 1024         /* of a panel of B, in bytes */
#define STRIP_MAX 128      /* width of the widest strip, in bytes */

static inline int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
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

/* Elements of a panel of B, which stands before that of A: it is the aligned one. */
static int64_t panel_elements(int64_t n, int64_t k, int64_t size)
{
    return smaller(k, DEPTH) * smaller(round_up(n, STRIP_MAX / size), WIDTH / size);
}

size_t syi_gemm_workspace(sy_dtype dtype, int64_t m, int64_t n, int64_t k,
                          const int64_t b_strides[2])
{
    if (dtype == SY_DTYPE_I64) {
        return syi_ring64_matmul_panels((size_t)m, (size_t)n, (size_t)k, (size_t)b_strides[0],
                                        (size_t)b_strides[1]);
    }
    if (!is_large(m, n, k, b_strides)) {
        return 0;
    }
    const int64_t size = (int64_t)sy_dtype_size(dtype);
    const int64_t of_a = smaller(k, DEPTH) * smaller(round_up(m, ROWS), HEIGHT);
    return (size_t)((of_a + panel_elements(n, k, size)) * size);
}

/* Where a strip's product goes: rows by columns of C, which it sets the first time and adds to later. */
typedef struct piece {
    void *c;
    int64_t stride; /* elements */
    int64_t rows, columns;
    bool first;
} piece;

/* What the processor has. */
typedef enum gemm_set { SET_PLAIN, SET_AVX2, SET_AVX512, SET_COUNT } gemm_set;
static const int64_t strip_bytes[SET_COUNT] = {32, 64, 128};

#if defined(__x86_64__) && defined(__GNUC__) && __GNUC__ >= 12 && !defined(__clang__)
#define HAVE_SETS 1
#define TARGET_AVX2 __attribute__((target("arch=x86-64-v3")))
#define TARGET_AVX512 __attribute__((target("arch=x86-64-v4,prefer-vector-width=512")))
static gemm_set find_set(void)
{
    return __builtin_cpu_supports("x86-64-v4")   ? SET_AVX512
           : __builtin_cpu_supports("x86-64-v3") ? SET_AVX2
                                                 : SET_PLAIN;
}
#else
#define HAVE_SETS 0
static gemm_set find_set(void)
{
    return SET_PLAIN;
}
#endif

/* One piece from a strip of A and a strip of B. U: what T is multiplied in, without a wider type behind
 * it; W: what single elements are added in. */
#define DEFINE_STRIP(name, T, U, W, set, BYTES, TARGET)                                \
    TARGET static void strip_##name##_##set(int64_t k, const void *av, const void *bv, \
                                            const piece *to)                           \
    {                                                                                  \
        typedef U vector __attribute__((vector_size(BYTES), may_alias));               \
        const U *a = av;                                                               \
        const vector *b = bv;                                                          \
        vector s00 = {0}, s01 = {0}, s10 = {0}, s11 = {0}, s20 = {0}, s21 = {0};       \
        vector s30 = {0}, s31 = {0}, s40 = {0}, s41 = {0}, s50 = {0}, s51 = {0};       \
        for (int64_t p = 0; p < k; p++, a += ROWS, b += 2) {                           \
            const vector y = b[0], z = b[1];                                           \
            s00 += a[0] * y;                                                           \
            s01 += a[0] * z;                                                           \
            s10 += a[1] * y;                                                           \
            s11 += a[1] * z;                                                           \
            s20 += a[2] * y;                                                           \
            s21 += a[2] * z;                                                           \
            s30 += a[3] * y;                                                           \
            s31 += a[3] * z;                                                           \
            s40 += a[4] * y;                                                           \
            s41 += a[4] * z;                                                           \
            s50 += a[5] * y;                                                           \
            s51 += a[5] * z;                                                           \
        }                                                                              \
        const vector sums[ROWS][2] = {{s00, s01}, {s10, s11}, {s20, s21},              \
                                      {s30, s31}, {s40, s41}, {s50, s51}};             \
        for (int64_t i = 0; i < to->rows; i++) {                                       \
            T *c = (T *)to->c + i * to->stride;                                        \
            T row[2 * (BYTES) / sizeof(T)];                                            \
            memcpy(row, sums[i], sizeof row);                                          \
            for (int64_t j = 0; j < to->columns; j++) {                                \
                c[j] = to->first ? row[j] : (T)((W)c[j] + (W)row[j]);                  \
            }                                                                          \
        }                                                                              \
    }

#if HAVE_SETS
#define DEFINE_STRIPS(name, T, U, W)                                                       \
    DEFINE_STRIP(name, T, U, W, PLAIN, 16, )                                               \
    DEFINE_STRIP(name, T, U, W, AVX2, 32, TARGET_AVX2)                                     \
    DEFINE_STRIP(name, T, U, W, AVX512, 64, TARGET_AVX512)                                 \
    static void (*const strips_##name[SET_COUNT])(int64_t k, const void *a, const void *b, \
                                                  const piece *to) = {                     \
        strip_##name##_PLAIN, strip_##name##_AVX2, strip_##name##_AVX512};
#else
#define DEFINE_STRIPS(name, T, U, W)                                                       \
    DEFINE_STRIP(name, T, U, W, PLAIN, 16, )                                               \
    static void (*const strips_##name[SET_COUNT])(int64_t k, const void *a, const void *b, \
                                                  const piece *to) = {strip_##name##_PLAIN};
#endif

#define DEFINE_GEMM(name, T, U, W)                                                                \
    DEFINE_STRIPS(name, T, U, W)                                                                  \
    /* `lanes` rows (or columns) side by side, k long; missing ones are 0. */                     \
    static void pack_##name(T *restrict to, int64_t lanes, int64_t present, int64_t k,            \
                            const T *from, int64_t lane_stride, int64_t k_stride)                 \
    {                                                                                             \
        if (present == lanes && lane_stride == 1) {                                               \
            for (int64_t p = 0; p < k; p++) {                                                     \
                memcpy(to + p * lanes, from + p * k_stride, (size_t)lanes * sizeof *to);          \
            }                                                                                     \
            return;                                                                               \
        }                                                                                         \
        for (int64_t l = 0; l < lanes; l++) {                                                     \
            for (int64_t p = 0; p < k; p++) {                                                     \
                to[p * lanes + l] = l < present ? from[l * lane_stride + p * k_stride] : 0;       \
            }                                                                                     \
        }                                                                                         \
    }                                                                                             \
    static void large_##name(int64_t m, int64_t n, int64_t k, const T *a, const int64_t *as,      \
                             const T *b, const int64_t *bs, T *c, T *workspace)                   \
    {                                                                                             \
        const gemm_set set = find_set();                                                          \
        const int64_t strip = strip_bytes[set] / (int64_t)sizeof(T);                              \
        const int64_t panel = WIDTH / (int64_t)sizeof(T);                                         \
        T *packed_b = workspace;                                                                  \
        T *packed_a = workspace + panel_elements(n, k, sizeof(T));                                \
        for (int64_t p0 = 0; p0 < k; p0 += DEPTH) {                                               \
            const int64_t depth = smaller(k - p0, DEPTH);                                         \
            for (int64_t j0 = 0; j0 < n; j0 += panel) {                                           \
                const int64_t wide = smaller(n - j0, panel);                                      \
                for (int64_t j = 0; j < wide; j += strip) {                                       \
                    pack_##name(packed_b + j * depth, strip, smaller(wide - j, strip), depth,     \
                                b + p0 * bs[0] + (j0 + j) * bs[1], bs[1], bs[0]);                 \
                }                                                                                 \
                for (int64_t i0 = 0; i0 < m; i0 += HEIGHT) {                                      \
                    const int64_t high = smaller(m - i0, HEIGHT);                                 \
                    for (int64_t i = 0; i < high; i += ROWS) {                                    \
                        pack_##name(packed_a + i * depth, ROWS, smaller(high - i, ROWS), depth,   \
                                    a + (i0 + i) * as[0] + p0 * as[1], as[0], as[1]);             \
                    }                                                                             \
                    for (int64_t j = 0; j < wide; j += strip) {                                   \
                        for (int64_t i = 0; i < high; i += ROWS) {                                \
                            const piece to = {c + (i0 + i) * n + j0 + j, n,                       \
                                              smaller(high - i, ROWS), smaller(wide - j, strip),  \
                                              p0 == 0};                                           \
                            strips_##name[set](depth, packed_a + i * depth, packed_b + j * depth, \
                                               &to);                                              \
                        }                                                                         \
                    }                                                                             \
                }                                                                                 \
            }                                                                                     \
        }                                                                                         \
    }                                                                                             \
    /* y += x * b, b of n neighbours */                                                           \
    SYI_CLONES static void axpy_##name(int64_t n, T x, const T *restrict b, T *restrict y)        \
    {                                                                                             \
        for (int64_t j = 0; j < n; j++) {                                                         \
            y[j] = (T)((W)y[j] + (W)x * (W)b[j]);                                                 \
        }                                                                                         \
    }                                                                                             \
    static T dot_##name(int64_t k, const T *a, int64_t a_stride, const T *b, int64_t b_stride)    \
    {                                                                                             \
        enum { LANES = 16 / sizeof(T) };                                                          \
        typedef U vector __attribute__((vector_size(16)));                                        \
        vector s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};                                            \
        int64_t p = 0;                                                                            \
        if (a_stride == 1 && b_stride == 1) {                                                     \
            for (; k - p >= 4 * LANES; p += 4 * LANES) {                                          \
                vector x[4], y[4];                                                                \
                memcpy(x, a + p, sizeof x);                                                       \
                memcpy(y, b + p, sizeof y);                                                       \
                s0 += x[0] * y[0];                                                                \
                s1 += x[1] * y[1];                                                                \
                s2 += x[2] * y[2];                                                                \
                s3 += x[3] * y[3];                                                                \
            }                                                                                     \
        }                                                                                         \
        const vector lanes = (s0 + s1) + (s2 + s3);                                               \
        W sum = 0;                                                                                \
        for (int l = 0; l < LANES; l++) {                                                         \
            sum += (W)lanes[l];                                                                   \
        }                                                                                         \
        for (; p < k; p++) {                                                                      \
            sum += (W)a[p * a_stride] * (W)b[p * b_stride];                                       \
        }                                                                                         \
        return (T)sum;                                                                            \
    }                                                                                             \
    static void gemm_##name(int64_t m, int64_t n, int64_t k, const void *av, const int64_t *as,   \
                            const void *bv, const int64_t *bs, void *cv, void *workspace)         \
    {                                                                                             \
        const T *a = av, *b = bv;                                                                 \
        T *c = cv;                                                                                \
        if (is_large(m, n, k, bs)) {                                                              \
            large_##name(m, n, k, a, as, b, bs, c, workspace);                                    \
        } else if (bs[1] == 1 && n > 1) {                                                         \
            memset(c, 0, (size_t)(m * n) * sizeof *c);                                            \
            for (int64_t i = 0; i < m; i++) {                                                     \
                for (int64_t p = 0; p < k; p++) {                                                 \
                    axpy_##name(n, a[i * as[0] + p * as[1]], b + p * bs[0], c + i * n);           \
                }                                                                                 \
            }                                                                                     \
        } else if (n == 1 && as[0] == 1 && as[1] > 1) {                                           \
            memset(c, 0, (size_t)m * sizeof *c);                                                  \
            for (int64_t p = 0; p < k; p++) {                                                     \
                axpy_##name(m, b[p * bs[0]], a + p * as[1], c);                                   \
            }                                                                                     \
        } else {                                                                                  \
            for (int64_t i = 0; i < m; i++) {                                                     \
                for (int64_t j = 0; j < n; j++) {                                                 \
                    c[i * n + j] = dot_##name(k, a + i * as[0], as[1], b + j * bs[1], bs[0]);     \
                }                                                                                 \
            }                                                                                     \
        }                                                                                         \
    }
DEFINE_GEMM(U8, uint8_t, uint8_t, uint32_t)
DEFINE_GEMM(I8, int8_t, uint8_t, uint32_t)
DEFINE_GEMM(I16, int16_t, uint16_t, uint32_t)
DEFINE_GEMM(I32, int32_t, uint32_t, uint32_t)
DEFINE_GEMM(F32, float, float, float)
DEFINE_GEMM(F64, double, double, double)

/* Words of 64 bits are the ring's. */
static void gemm_I64(int64_t m, int64_t n, int64_t k, const void *a, const int64_t *as,
                     const void *b, const int64_t *bs, void *c, void *workspace)
{
    const syi_ring64_matrix x = {a, (size_t)as[0], (size_t)as[1]};
    const syi_ring64_matrix y = {b, (size_t)bs[0], (size_t)bs[1]};
    syi_ring64_matmul_in(workspace, syi_ring_kernels_get(), c, (size_t)n, x, y, (size_t)m,
                         (size_t)n, (size_t)k, false);
}

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
