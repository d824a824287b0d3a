/*
 * kernels.h - the inner loops over Z_2^64 and Z_2^32: elements are unsigned and wrap. One table per instruction set, all with
 * the same results bit for bit; the generic one is what the others are compared with. Test: kernels_test.c.
 * Products of matrices: matmul.h.
 *
 * Outputs may be operands, but may not overlap them otherwise. No branch and no address depends on elements, so that they
 * may be secret. Any thread.
 */
#ifndef SYI_RING_KERNELS_H
#define SYI_RING_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For one width. */
#define SYI_RING_KERNELS(T, N)                                                                       \
    typedef struct syi_ring##N##_kernels {                                                           \
        void (*add)(T * out, const T *a, const T *b, size_t n);                                      \
        void (*sub)(T * out, const T *a, const T *b, size_t n);                                      \
        void (*mul)(T * out, const T *a, const T *b, size_t n);                                      \
        void (*neg)(T * out, const T *a, size_t n);                                                  \
        void (*add_public)(T * out, const T *a, T b, size_t n);                                      \
        void (*mul_public)(T * out, const T *a, T b, size_t n);                                      \
        /* out += a * b; out += a * b for a number b */                                              \
        void (*mul_add)(T * out, const T *a, const T *b, size_t n);                                  \
        void (*mul_add_public)(T * out, const T *a, T b, size_t n);                                  \
        /* The sum of a * b. */                                                                      \
        T (*dot)(const T *a, const T *b, size_t n);                                                  \
        /* A holder's part of a product: out = x f + e b + c, protocols.md section 1 */              \
        void (*beaver)(T * out, const T *x, const T *f, const T *e, const T *b, const T *c,          \
                       size_t n);                                                                    \
        /* and of a square: out = e (x + a) + q */                                                   \
        void (*square)(T * out, const T *e, const T *x, const T *a, const T *q, size_t n);           \
        /*                                                                                         \
         * And of a division by 2^shift, section 2: `opened` is x + 2^(N-2) + r, `u` the share of r \
         * >> shift, `v` that of r's top bit. out = -u, + v 2^(N-shift) where `opened` has no top  \
         * bit; the lead adds (opened >> shift) - 2^(N-2-shift). 0 < shift <= N-2.                 \
         */ \
        void (*truncate)(T * out, const T *opened, const T *u, const T *v, unsigned shift,           \
                         bool lead, size_t n);                                                       \
        /* ROWS rows of A by a strip of B, packed (matmul.h); adds to C unless `first` */            \
        void (*strip)(size_t k, const T *a, const T *b, T *c, size_t c_stride, size_t rows,          \
                      size_t columns, bool first);                                                   \
        size_t strip_columns;                                                                        \
    } syi_ring##N##_kernels;

SYI_RING_KERNELS(uint64_t, 64)
SYI_RING_KERNELS(uint32_t, 32)

#define SYI_RING_ROWS 4

typedef struct syi_ring_kernels {
    const char *name; /* "generic", "avx2", "avx512" */
    syi_ring64_kernels ring64;
    syi_ring32_kernels ring32;
} syi_ring_kernels;

/* The best that the processor has. */
const syi_ring_kernels *syi_ring_kernels_get(void);
/* For tests and benches: those it has, best first; NULL beyond. The last one is the generic one. */
const syi_ring_kernels *syi_ring_kernels_at(size_t index);

#endif
