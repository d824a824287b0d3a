#include "ring/matmul.h"

#include <string.h>

#include "core/blocks.h"
#include "core/error.h"
#include "core/memory.h"

/* A panel of A, HEIGHT by DEPTH, stays in the second cache, a strip of B in the first, and a piece of C in registers. */
enum { DEPTH = 256, HEIGHT = 64, WIDTH = 256, FEW_ROWS = 4, FEW_COLUMNS = 4 };
enum { FEW_SUMMANDS = 4, LITTLE = 2048 /* multiplications */ };
enum { STRIP_MOST = 32 }; /* columns */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t round_up(size_t x, size_t unit)
{
    return (x + unit - 1) / unit * unit;
}

/* Is packing worth its trouble? Not for vectors, nor for little where B's rows can be added up as they lie. */
static bool is_thick(size_t m, size_t n, size_t k, size_t b_row, size_t b_column)
{
    if (k == 0 || m <= FEW_ROWS || n == 1 || (n <= FEW_COLUMNS && b_row == 1)) {
        return false;
    }
    return b_column != 1 || n <= FEW_COLUMNS || (k > FEW_SUMMANDS && m * n > LITTLE / k);
}

/* Elements of the packed panels of B and of A, the former of which is the aligned one. */
static size_t wide_panel(size_t n, size_t k)
{
    return smaller(round_up(n, STRIP_MOST), WIDTH) * smaller(k, DEPTH);
}

static size_t high_panel(size_t m, size_t k)
{
    return smaller(round_up(m, SYI_RING_ROWS), HEIGHT) * smaller(k, DEPTH);
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
    /* C += A B without panels: sums of B's rows, or of A's columns, or products of vectors. */     \
    static void thin##N(const syi_ring##N##_kernels *kernels, T *c, size_t c_row,                   \
                        syi_ring##N##_matrix a, syi_ring##N##_matrix b, size_t m, size_t n,         \
                        size_t k)                                                                   \
    {                                                                                               \
        if (n == 1 && a.row == 1 && c_row == 1) {                                                   \
            for (size_t p = 0; p < k; p++) {                                                        \
                kernels->mul_add_public(c, a.data + p * a.column, b.data[p * b.row], m);            \
            }                                                                                       \
            return;                                                                                 \
        }                                                                                           \
        for (size_t i = 0; i < m; i++) {                                                            \
            const T *row = a.data + i * a.row;                                                      \
            for (size_t p = 0; n > 1 && b.column == 1 && p < k; p++) {                              \
                kernels->mul_add_public(c + i * c_row, b.data + p * b.row, row[p * a.column], n);   \
            }                                                                                       \
            for (size_t j = 0; (n == 1 || b.column != 1) && j < n; j++) {                           \
                const T *column = b.data + j * b.column;                                            \
                T sum = 0;                                                                          \
                if (a.column == 1 && b.row == 1) {                                                  \
                    sum = kernels->dot(row, column, k);                                             \
                } else {                                                                            \
                    for (size_t p = 0; p < k; p++) {                                                \
                        sum += row[p * a.column] * column[p * b.row];                               \
                    }                                                                               \
                }                                                                                   \
                c[i * c_row + j] += sum;                                                            \
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
    size_t syi_ring##N##_matmul_panels(size_t m, size_t n, size_t k, size_t b_row,                  \
                                       size_t b_column)                                             \
    {                                                                                               \
        return is_thick(m, n, k, b_row, b_column)                                                   \
                   ? (wide_panel(n, k) + high_panel(m, k)) * sizeof(T)                              \
                   : 0;                                                                             \
    }                                                                                               \
    void syi_ring##N##_matmul_in(void *panels, const syi_ring_kernels *kernels, T *c,               \
                                 size_t c_row, syi_ring##N##_matrix a, syi_ring##N##_matrix b,      \
                                 size_t m, size_t n, size_t k, bool add)                            \
    {                                                                                               \
        if (is_thick(m, n, k, b.row, b.column)) {                                                   \
            const panels##N p = {&kernels->ring##N, (T *)panels + wide_panel(n, k), panels};        \
            thick##N(&p, c, c_row, a, b, m, n, k, add);                                             \
            return;                                                                                 \
        }                                                                                           \
        for (size_t i = 0; !add && i < m; i++) {                                                    \
            memset(c + i * c_row, 0, n * sizeof *c);                                                \
        }                                                                                           \
        thin##N(&kernels->ring##N, c, c_row, a, b, m, n, k);                                        \
    }                                                                                               \
    sy_status syi_ring##N##_matmul(sy_context *context, const syi_ring_kernels *kernels, T *c,      \
                                   size_t c_row, syi_ring##N##_matrix a, syi_ring##N##_matrix b,    \
                                   size_t m, size_t n, size_t k, bool add, sy_error *err)           \
    {                                                                                               \
        const size_t bytes = syi_ring##N##_matmul_panels(m, n, k, b.row, b.column);                 \
        T *panels = bytes > 0 ? syi_block_alloc(context, bytes) : NULL;                             \
        if (bytes > 0 && panels == NULL) {                                                          \
            return SYI_ENOMEM(err, "product of matrices");                                          \
        }                                                                                           \
        syi_ring##N##_matmul_in(panels, kernels, c, c_row, a, b, m, n, k, add);                     \
        if (panels != NULL) {                                                                       \
            syi_block_free_secret(context, panels, bytes);                                          \
        }                                                                                           \
        return SY_OK;                                                                               \
    }

DEFINE_MATMUL(uint64_t, 64)
DEFINE_MATMUL(uint32_t, 32)
