/*
 * digits.h - numbers modulo 67, one byte each: what SecureNN (snn.h) compares bits with. Planes: a row of `n` bytes for each bit of
 * n numbers, lowest bit first. No branch and no address depends on digits, words or places. Any thread. Test: digits_test.c.
 */
#ifndef SYI_CRYPTO_DIGITS_H
#define SYI_CRYPTO_DIGITS_H

#include "ring/field.h"

/* The least prime above 64 + 2: a sum of 64 bits and two more does not wrap. */
#define SYI_DIGIT_PRIME 67
#define SYI_DIGIT_BITS_MAX 64

/*
 * `count` digits below `base` (1 to 67) from block `place` of a stream on, 8 of each block: within 2^-79 of uniform.
 * SY_EIO, SY_ENOMEM; the digits are then zeros.
 */
#define SYI_DIGITS_OF_BLOCK 8
sy_status syi_digits_draw(const syi_generator *stream, uint64_t place, unsigned base, uint8_t *out,
                          size_t count, sy_error *err);

/* Outputs may be operands. */
void syi_digits_add(uint8_t *out, const uint8_t *a, const uint8_t *b, size_t n);
void syi_digits_sub(uint8_t *out, const uint8_t *a, const uint8_t *b, size_t n);
/* Are all of them digits? */
bool syi_digits_check(const uint8_t *digits, size_t n);

/* Planes of the words' `bits` lowest bits, 0 and 1. */
void syi_digits_split(uint8_t *planes, const uint64_t *words, unsigned bits, size_t n);

/* What both holders know of each of n comparisons, and this holder's share of x. */
typedef struct syi_digits_comparison {
    unsigned bits;
    size_t n;
    bool lead;             /* adds what is public */
    const uint8_t *x;      /* planes of shares */
    const uint64_t *v;     /* compared with */
    const uint8_t *flip;   /* 0: is x > v; 1: is v > x */
    const uint8_t *always; /* 1: it is so, whatever x and v are */
    const uint8_t *s, *u;  /* planes: 1 to 66, and digits */
} syi_digits_comparison;
/*
 * Planes of shares of s c: the first holder's plus u, the other's minus u. One of c's digits is 0 where the answer is yes, none
 * where it is no.
 */
void syi_digits_compare(uint8_t *planes, const syi_digits_comparison *comparison);
/* Each column goes up by as many rows as `places` says (below `bits`), those beyond the last to the first ones. `room` is as
 * large as the planes. */
void syi_digits_rotate(uint8_t *planes, uint8_t *room, const uint8_t *places, unsigned bits,
                       size_t n);
/* How many digits of each column of a + b are 0; all are digits. */
void syi_digits_zeros(uint64_t *out, const uint8_t *a, const uint8_t *b, unsigned bits, size_t n);

#endif
