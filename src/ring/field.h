/*
 * field.h - arithmetic modulo 2^64, 2^32 or any other modulus, on plain memory: what the programs of crypto/ compute with.
 * The first two run on the kernels of kernels.h, other powers of 2 (2^62 of the originals) as well, with the tops cut off; all
 * others on plain loops with a true mod. An element is a word of `width` bytes in [0, modulus). Test: field_test.c.
 *
 * Outputs may be operands, but may not overlap them otherwise. In the functions on arrays no branch, no address and no
 * division depends on elements, so that they may be secret; public numbers and moduli are divided by. Any thread.
 */
#ifndef SYI_RING_FIELD_H
#define SYI_RING_FIELD_H

#include <csyft/context.h>

#include "ring/generator.h"

typedef struct syi_field {
    uint64_t modulus; /* 0: 2^64, or 2^32 with a width of 4; otherwise 4 to 2^64 - 1 */
    unsigned width;   /* bytes of an element: 8, or 4 for 2^32 */
} syi_field;

#define SYI_FIELD_64 \
    {                \
        0, 8         \
    }
#define SYI_FIELD_32 \
    {                \
        0, 4         \
    }

static inline bool syi_field_same(const syi_field *a, const syi_field *b)
{
    return a->modulus == b->modulus && a->width == b->width;
}
/* k where the modulus is 2^k, else 0. */
unsigned syi_field_bits(const syi_field *field);
/* The greatest magnitude of signed numbers that come in and out of shares: the modulus' half, rounded up, minus 1. */
uint64_t syi_field_most(const syi_field *field);
/* A signed number as an element: true mod. With the processor's division, whose time tells about the number: for public ones;
 * arrays of secret ones go through reduce. */
uint64_t syi_field_of(const syi_field *field, int64_t number);
/* An element read as a signed number: minus the modulus above syi_field_most. */
int64_t syi_field_signed(const syi_field *field, uint64_t element);

void syi_field_add(const syi_field *field, void *out, const void *a, const void *b, size_t n);
void syi_field_sub(const syi_field *field, void *out, const void *a, const void *b, size_t n);
void syi_field_mul(const syi_field *field, void *out, const void *a, const void *b, size_t n);
void syi_field_neg(const syi_field *field, void *out, const void *a, size_t n);
/* With one public number, any: it is taken modulo the modulus. */
void syi_field_add_public(const syi_field *field, void *out, const void *a, uint64_t b, size_t n);
void syi_field_mul_public(const syi_field *field, void *out, const void *a, uint64_t b, size_t n);
/* out += a b */
void syi_field_mul_add(const syi_field *field, void *out, const void *a, const void *b, size_t n);
/* out = x f + e b + c, and out = e (x + a) + q (kernels.h) */
void syi_field_beaver(const syi_field *field, void *out, const void *x, const void *f,
                      const void *e, const void *b, const void *c, size_t n);
void syi_field_square(const syi_field *field, void *out, const void *e, const void *x,
                      const void *a, const void *q, size_t n);
/* out = floor(a / divisor), elements as they are, in [0, modulus). divisor >= 1; by multiplication with its reciprocal. */
void syi_field_divide(const syi_field *field, void *out, const void *a, uint64_t divisor, size_t n);
/* out = the element of floor(signed(a) / divisor), rounded towards minus infinity. */
void syi_field_divide_signed(const syi_field *field, void *out, const void *a, uint64_t divisor,
                             size_t n);
/* Brings words to [0, modulus): those of 64 bits are read as signed numbers first. */
void syi_field_reduce(const syi_field *field, void *out, const void *words, size_t n);

/* C[m, n], rows c_row apart, += A[m, k] B[k, n]; strides in elements. SY_ENOMEM with C unchanged. */
typedef struct syi_field_matrix {
    const void *data;
    size_t row, column;
} syi_field_matrix;
sy_status syi_field_matmul_rows(sy_context *context, const syi_field *field, void *c, size_t c_row,
                                syi_field_matrix a, syi_field_matrix b, size_t m, size_t n,
                                size_t k, sy_error *err);
/* The same, C contiguous. */
static inline sy_status syi_field_matmul(sy_context *context, const syi_field *field, void *c,
                                         syi_field_matrix a, syi_field_matrix b, size_t m, size_t n,
                                         size_t k, sy_error *err)
{
    return syi_field_matmul_rows(context, field, c, n, a, b, m, n, k, err);
}

/*
 * n uniform elements, from element `place` of a stream on, where place * syi_field_drawn is a multiple of
 * SYI_GENERATOR_BLOCK. Modulo a power of 2 exactly uniform as far as the stream is; modulo others within 2^-64 of it
 * (16 bytes each). SY_EIO, SY_ENOMEM; the elements are then zeros.
 */
size_t syi_field_drawn(const syi_field *field); /* bytes of a stream per element: width, or 16 */
sy_status syi_field_draw(const syi_field *field, const syi_generator *generator, uint64_t place,
                         void *out, size_t n, sy_error *err);

#endif
