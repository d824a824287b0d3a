/*
 * wide.h - unsigned integers of 512 bits, for the rational numbers of noise.c. Room differential_privacy. Test: wide_test.c.
 * Results that do not fit are the caller's mistake (assert): noise.h says which sizes occur.
 */
#ifndef SYI_DIFFERENTIAL_PRIVACY_WIDE_H
#define SYI_DIFFERENTIAL_PRIVACY_WIDE_H

#include <stdbool.h>
#include <stdint.h>

#define SYI_WIDE_LIMBS 8

__extension__ typedef unsigned __int128 syi_u128;
__extension__ typedef __int128 syi_i128;

typedef struct syi_wide {
    uint64_t limbs[SYI_WIDE_LIMBS]; /* lowest first */
    unsigned used;                  /* limbs from here on are 0 */
} syi_wide;

syi_wide syi_wide_from(syi_u128 value);
syi_wide syi_wide_multiply(const syi_wide *a, const syi_wide *b);
syi_wide syi_wide_shift(const syi_wide *a, unsigned bits);        /* a * 2^bits */
syi_wide syi_wide_subtract(const syi_wide *a, const syi_wide *b); /* a >= b */
/* -1, 0, 1 */
int syi_wide_compare(const syi_wide *a, const syi_wide *b);

#endif
