/*
 * gemm.h - the framework's own matrix product, for integers of any size and for floats where there is
 * no BLAS or the product is small; int64 is given to ring/matmul.h. Room frameworks/cpu only. Test: gemm_test.c.
 */
#ifndef SYI_FRAMEWORKS_CPU_GEMM_H
#define SYI_FRAMEWORKS_CPU_GEMM_H

#include "frameworks/cpu/dtypes.h"

/* Bytes of working memory that a product needs; 0 for small ones. */
size_t syi_gemm_workspace(sy_dtype dtype, int64_t m, int64_t n, int64_t k,
                          const int64_t b_strides[2]);

/*
 * C[m,n] = A[m,k] B[k,n], C row-major without gaps; strides of A and B in elements, rows then columns,
 * 0 allowed. Integers wrap. `workspace` is 64-byte aligned. Every
 * dtype but bool.
 */
void syi_gemm(sy_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a,
              const int64_t a_strides[2], const void *b, const int64_t b_strides[2], void *c,
              void *workspace);

#endif
