/*
 * outcome.h - from a bit that is opened under a mask to what a comparison gives, and the words that the provider deals for it.
 * X = x + r and c are public, where c is b xor rho (b = [x < 0]), or of equality [x = 0] xor rho; rho and r are shared. With d = 1
 * - c, or of equality d = c,
 *   [x >= 0], or [x = 0]   d + (1 - 2 d) rho
 *   [x >= 0] x             d x + (1 - 2 d) (X rho - rho r)
 *   [x >= 0] (x / 2^f)     d T + (1 - 2 d) (U rho - rho u + (C has its top bit ? 0 : rho v 2^(k - f))), with C = X + 2^(k-2),
 *                          U = floor(C / 2^f) - 2^(k-2-f), T the quotient that syi_rounding_shift gives, u = floor(r / 2^f),
 *                          v = top bit of r
 *   [x >= 0] (x / D)       d T + (1 - 2 d) (U rho - rho w), with C = X + O, O = D floor(2^(k-2) / D), U = floor(C / D) - O / D,
 *                          T the quotient that syi_rounding_divide gives, w of the quotients that syi_rounding_quotients makes
 *                          of r the first one where C has its top bit, else the second
 * so that rho, and rho r or u, v, rho u and rho v, or both quotients and their products with rho, are what is dealt: parts 3, 4, ... in this order, derived (material.h).
 * Source: docs/internals/comparison.md. Test: comparison_test.c, fss_test.c.
 *
 * Adversary: as in material.h. Nothing is opened here, and nothing branches on shares. One thread per structure.
 */
#ifndef SYI_CRYPTO_OUTCOME_H
#define SYI_CRYPTO_OUTCOME_H

#include "crypto/comparison.h"

enum { SYI_OUTCOME_BLOCK = 512, SYI_OUTCOME_PARTS = 5, SYI_OUTCOME_PART = 3 };

/* The words of an outcome: how many parts, from part SYI_OUTCOME_PART on, and the bytes of an element of each. */
typedef struct syi_outcome_words {
    unsigned count;
    uint8_t bytes[SYI_OUTCOME_PARTS];
} syi_outcome_words;
syi_outcome_words syi_outcome_words_of(const syi_demand *demand);

/* Bytes of the words of all parts of a tile of `count` elements in the corrected holder's message: part by part. */
size_t syi_outcome_message(const syi_demand *demand, size_t count);

/* --- holders ----------------------------------------------------------------------------------- */

typedef struct syi_outcome_taking {
    const syi_demand *demand;
    syi_outcome_words words;
    bool lead;
    syi_generator streams[SYI_OUTCOME_PARTS];
} syi_outcome_taking;

/* SY_ENOMEM, SY_EIO. Closed also after a failure. */
sy_status syi_outcome_take(syi_outcome_taking *taking, const syi_party *party,
                           const syi_demand *demand, sy_error *err);
void syi_outcome_taken(syi_outcome_taking *taking);

/* Where a block is: elements [at, at + n) of a tile of `count`, n at most SYI_OUTCOME_BLOCK, of which the first one is `element`
 * of the item, a multiple of SYI_OUTCOME_BLOCK; `words` are those of the tile as they are dealt, or NULL: the streams'. */
typedef struct syi_outcome_block {
    const uint8_t *words;
    size_t count, at, n;
    uint64_t element;
} syi_outcome_block;

/* This holder's share of a block's outcome. `opened` is X, and overwritten; `d` words of 0 or 1; z may be x. SY_EIO. */
sy_status syi_outcome_finish(syi_outcome_taking *taking, const syi_outcome_block *block, void *z,
                             const void *x, void *opened, const void *d, sy_error *err);

/* --- the provider ------------------------------------------------------------------------------ */

typedef struct syi_outcome_giving {
    const syi_dealer *dealer;
    const syi_demand *demand;
    syi_outcome_words words;
    syi_generator *streams; /* [part][holder] */
} syi_outcome_giving;

/* SY_ENOMEM, SY_EIO. Closed also after a failure. */
sy_status syi_outcome_give(syi_outcome_giving *giving, const syi_dealer *dealer,
                           const syi_demand *demand, sy_error *err);
void syi_outcome_given(syi_outcome_giving *giving);

/* The corrected holder's words of a block, from all of rho and r, to their places in the tile's, `words`. SY_EIO. */
sy_status syi_outcome_correct(const syi_outcome_giving *giving, int corrected, uint8_t *words,
                              const syi_outcome_block *block, const void *rho, const void *r,
                              sy_error *err);

#endif
