/*
 * rounding.h - the loops of division by public numbers, the provider's and the holders' (docs/internals/party-programs.md).
 * An x with -offset <= x < half - offset is opened as C = x + offset + r; then
 *   floor((x + offset) / d) = floor(C/d) - floor(r/d)          where C >= half, as nothing wrapped there,
 *                           = floor(C/d) - floor(signed(r)/d)  elsewhere,
 * and one more at times. `half` is the modulus' half, rounded up. Where d is 2^shift and the modulus 2^k, the second quotient
 * is the first minus msb(r) 2^(k - shift): shares of the top bit do, of `shift` bits each.
 *
 * Elements are words of the field's width. No branch and no address depends on elements; outputs may be operands. Any thread.
 * Test: rounding_test.c, truncation_test.c.
 */
#ifndef SYI_CRYPTO_ROUNDING_H
#define SYI_CRYPTO_ROUNDING_H

#include "ring/field.h"

/* A quarter of the modulus, rounded down: the greatest divisor. */
uint64_t syi_rounding_quarter(const syi_field *field);
/* The modulus' half, rounded up. */
uint64_t syi_rounding_half(const syi_field *field);

/* u = r >> shift, top = the top bit of r; for fields of a power of 2. */
void syi_rounding_parts(const syi_field *field, void *u, void *top, const void *r, unsigned shift,
                        size_t n);
/* A holder's share of the result by 2^shift from the opened words: kernels.h, truncate. */
void syi_rounding_shift(const syi_field *field, void *out, const void *opened, const void *u,
                        const void *v, unsigned shift, bool lead, size_t n);
/* u0 = floor(r / divisor), u1 = floor(signed(r) / divisor) as elements. */
void syi_rounding_quotients(const syi_field *field, void *u0, void *u1, const void *r,
                            uint64_t divisor, size_t n);
/* A holder's share of the result by `divisor`: the lead's has floor(opened / divisor) - offset / divisor in it.
 * `opened` and u0 are overwritten. */
void syi_rounding_divide(const syi_field *field, void *out, void *opened, void *u0, const void *u1,
                         uint64_t divisor, bool lead, size_t n);

/* Words as `size` bytes each (1 to 8, little-endian, not more than the width), and back. */
void syi_rounding_narrow(const syi_field *field, uint8_t *bytes, const void *words, size_t size,
                         size_t n);
void syi_rounding_widen(const syi_field *field, void *words, const uint8_t *bytes, size_t size,
                        size_t n);

#endif
