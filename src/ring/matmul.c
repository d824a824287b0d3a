#include "ring/matmul.h"

#include <string.h>

#include "core/error.h"
#include "core/memory.h"

/* A panel of A, HEIGHT by DEPTH, stays in the second cache, a strip of B in the first, and a piece of C in registers. */
enum { DEPTH = 256, HEIGHT = 64, WIDTH = 256, FEW_ROWS = 3 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

#define DEFINE_MATMUL(T, N)                                                                         \
    /* `lanes` rows of A, or columns of B, side by side, `depth` long; those that are missing are \
     * 0. */ \
    static void pack##N(T *to, size_t lanes, size_t present, size_t depth, const T *from,           \
                        size_t lane_stride, size_t step)                                            \
    {                                                                                               \
        if (present == lanes && lane_stride == 1) {                                                 \
            for (size_t p = 0; p < depth; p++) {                                                    \
                memcpy(to + p * lanes, from + p * step, lanes * sizeof *to);                        \
            }                                                                                       \
            return;                                                                                 \
        }                                                                                           \
        for (size_t l = 0; l < lanes; l++) {                                                        \
            for (size_t p = 0; p < depth; p++) {                                                    \
                to[p * lanes + l] = l < present ? from[l * lane_stride + p * step] : 0;             \
            }                                                                                       \
        }                                                                                           \
    }                                                                                               \
    /* Few rows: B is read as it lies, once per row. */                                             \
    static void thin##N(const syi_ring##N##_kernels *kernels, T *c, size_t c_row,                   \
                        syi_ring##N##_matrix a, syi_ring##N##_matrix b, size_t m, size_t n,         \
                        size_t k)                                                                   \
    {                                                                                               \
        for (size_t i = 0; i < m; i++) {                                                            \
            for (size_t p = 0; p < k; p++) {                                                        \
                kernels->mul_add_public(c + i * c_row, b.data + p * b.row,                          \
                                        a.data[i * a.row + p * a.column], n);                       \
            }                                                                                       \
        }                                                                                           \
    }                                                                                               \
    typedef struct panels##N {                                                                      \
        const syi_ring##N##_kernels *kernels;                                                       \
        T *a, *b;                                                                                   \
    } panels##N;                                                                                    \
    /* A block of C from packed panels of depth `depth`. */                                         \
    static void block##N(const panels##N *p, T *c, size_t c_row, size_t high, size_t wide,          \
                         size_t depth, bool first)                                                  \
    {                                                                                               \
        const size_t strip = p->kernels->strip_columns;                                             \
        for (size_t j = 0; j < wide; j += strip) {                                                  \
            for (size_t i = 0; i < high; i += SYI_RING_ROWS) {                                      \
                p->kernels->strip(depth, p->a + i * depth, p->b + j * depth, c + i * c_row + j,     \
                                  c_row, smaller(high - i, SYI_RING_ROWS),                          \
                                  smaller(wide - j, strip), first);                                 \
            }                                                                                       \
        }                                                                                           \
    }                                                                                               \
    static void thick##N(const panels##N *panels, T *c, size_t c_row, syi_ring##N##_matrix a,       \
                         syi_ring##N##_matrix b, size_t m, size_t n, size_t k, bool add)            \
    {                                                                                               \
        const size_t strip = panels->kernels->strip_columns;                                        \
        for (size_t p = 0; p < k; p += DEPTH) {                                                     \
            const size_t depth = smaller(k - p, DEPTH);                                             \
            for (size_t j = 0; j < n; j += WIDTH) {                                                 \
                const size_t wide = smaller(n - j, WIDTH);                                          \
                for (size_t s = 0; s < wide; s += strip) {                                          \
                    pack##N(panels->b + s * depth, strip, smaller(wide - s, strip), depth,          \
                            b.data + p * b.row + (j + s) * b.column, b.column, b.row);              \
                }                                                                                   \
                for (size_t i = 0; i < m; i += HEIGHT) {                                            \
                    const size_t high = smaller(m - i, HEIGHT);                                     \
                    for (size_t r = 0; r < high; r += SYI_RING_ROWS) {                              \
                        pack##N(panels->a + r * depth, SYI_RING_ROWS,                               \
                                smaller(high - r, SYI_RING_ROWS), depth,                            \
                                a.data + (i + r) * a.row + p * a.column, a.row, a.column);          \
                    }                                                                               \
                    block##N(panels, c + i * c_row + j, c_row, high, wide, depth, !add && p == 0);  \
                }                                                                                   \
            }                                                                                       \
        }                                                                                           \
    }                                                                                               \
    sy_status syi_ring##N##_matmul(sy_context *context, const syi_ring_kernels *kernels, T *c,      \
                                   size_t c_row, syi_ring##N##_matrix a, syi_ring##N##_matrix b,    \
                                   size_t m, size_t n, size_t k, bool add, sy_error *err)           \
    {                                                                                               \
        const bool is_thin = m <= FEW_ROWS && b.column == 1;                                        \
        const size_t depth = smaller(k, DEPTH);                                                     \
        const size_t bytes = (HEIGHT + WIDTH) * depth * sizeof(T);                                  \
        if ((is_thin || k == 0) && !add) {                                                          \
            for (size_t i = 0; i < m; i++) {                                                        \
                memset(c + i * c_row, 0, n * sizeof *c);                                            \
            }                                                                                       \
        }                                                                                           \
        if (m == 0 || n == 0 || k == 0) {                                                           \
            return SY_OK;                                                                           \
        }                                                                                           \
        if (is_thin) {                                                                              \
            thin##N(&kernels->ring##N, c, c_row, a, b, m, n, k);                                    \
            return SY_OK;                                                                           \
        }                                                                                           \
        T *memory = syi_alloc_aligned(context, bytes, 64);                                          \
        if (memory == NULL) {                                                                       \
            return SYI_ENOMEM(err, "product of matrices");                                          \
        }                                                                                           \
        const panels##N panels = {&kernels->ring##N, memory + WIDTH * depth, memory};               \
        thick##N(&panels, c, c_row, a, b, m, n, k, add);                                            \
        syi_free_secret(context, memory, bytes);                                                    \
        return SY_OK;                                                                               \
    }

DEFINE_MATMUL(uint64_t, 64)
DEFINE_MATMUL(uint32_t, 32)
