/*
 * blas.h - an installed BLAS, loaded when the first large product of floats needs it, and never a
 * reason to fail: without one the caller's own kernel does the work. Room frameworks/cpu only.
 * Test: linalg_test.c.
 */
#ifndef SYI_FRAMEWORKS_CPU_BLAS_H
#define SYI_FRAMEWORKS_CPU_BLAS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct syi_blas {
    atomic_int state; /* 0 not tried, 1 loaded, -1 there is none */
    pthread_mutex_t lock;
    void *library;
    bool one_caller; /* a build that two threads may not enter at once: they wait for each other */
    void (*sgemm)(const char *, const char *, const int *, const int *, const int *, const float *,
                  const float *, const int *, const float *, const int *, const float *, float *,
                  const int *);
    void (*dgemm)(const char *, const char *, const int *, const int *, const int *, const double *,
                  const double *, const int *, const double *, const int *, const double *,
                  double *, const int *);
} syi_blas;

void syi_blas_init(syi_blas *blas);
void syi_blas_fini(syi_blas *blas);

/*
 * C[m,n] = A[m,k] B[k,n], or C += with `add`; C row-major, its rows c_stride elements apart; strides of A and B in
 * elements, rows then columns. false when there is no BLAS, or it cannot take these strides or sizes: C is untouched then. Any
 * thread.
 */
bool syi_blas_multiply_f32(syi_blas *blas, int64_t m, int64_t n, int64_t k, const float *a,
                           const int64_t a_strides[2], const float *b, const int64_t b_strides[2],
                           float *c, int64_t c_stride, bool add);
bool syi_blas_multiply_f64(syi_blas *blas, int64_t m, int64_t n, int64_t k, const double *a,
                           const int64_t a_strides[2], const double *b, const int64_t b_strides[2],
                           double *c, int64_t c_stride, bool add);

#endif
