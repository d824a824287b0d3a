/*
 * matmul.h - products of matrices over Z_2^64 and Z_2^32: packed panels, the strips of kernels.h, one thread. Test:
 * matmul_test.c. Bench: matmul_bench.c, beside OpenBLAS' dgemm of the same size.
 *
 * Constant time in the elements, which may be secret; sizes and strides are not.
 */
#ifndef SYI_RING_MATMUL_H
#define SYI_RING_MATMUL_H

#include <csyft/context.h>

#include "ring/kernels.h"

/* A matrix: element (i, j) is data[i * rows + j * columns]. Strides may be 0. */
typedef struct syi_ring64_matrix {
    const uint64_t *data;
    size_t row, column;
} syi_ring64_matrix;
typedef struct syi_ring32_matrix {
    const uint32_t *data;
    size_t row, column;
} syi_ring32_matrix;

/* C[m, n], rows c_row apart, = A[m, k] B[k, n], or += with `add`. C overlaps neither. SY_ENOMEM, with C unchanged: the
 * panels' memory (at most 640 KiB), which is wiped before it goes back. Any thread. */
sy_status syi_ring64_matmul(sy_context *context, const syi_ring_kernels *kernels, uint64_t *c,
                            size_t c_row, syi_ring64_matrix a, syi_ring64_matrix b, size_t m,
                            size_t n, size_t k, bool add, sy_error *err);
sy_status syi_ring32_matmul(sy_context *context, const syi_ring_kernels *kernels, uint32_t *c,
                            size_t c_row, syi_ring32_matrix a, syi_ring32_matrix b, size_t m,
                            size_t n, size_t k, bool add, sy_error *err);

/* The same in panels of the caller's, so that it cannot fail: `panels` are as many bytes, aligned to 64, as the first
 * function says, which is 0 where none are needed (few rows or columns); b_row and b_column: B's strides. No more are needed for a smaller
 * m, n or k. What is in them afterwards is as secret as A and B. */
size_t syi_ring64_matmul_panels(size_t m, size_t n, size_t k, size_t b_row, size_t b_column);
void syi_ring64_matmul_in(void *panels, const syi_ring_kernels *kernels, uint64_t *c, size_t c_row,
                          syi_ring64_matrix a, syi_ring64_matrix b, size_t m, size_t n, size_t k,
                          bool add);
size_t syi_ring32_matmul_panels(size_t m, size_t n, size_t k, size_t b_row, size_t b_column);
void syi_ring32_matmul_in(void *panels, const syi_ring_kernels *kernels, uint32_t *c, size_t c_row,
                          syi_ring32_matrix a, syi_ring32_matrix b, size_t m, size_t n, size_t k,
                          bool add);

#endif
