/*
 * levels.h - comparisons that open x + r and then planes of bits, level by level, each under masks of its own: what bits.h and carry.h
 * have in common. A family says how many planes there are and how one level's are made of what was opened before; here is all the
 * rest: messages, tiles, streams, the last bit under rho and what is made of it (outcome.h). Room crypto only. Source:
 * docs/internals/comparison.md. Test: bits_test.c, carry_test.c, comparison_test.c, comparison_transcript_test.c.
 *
 * Adversary: as in material.h. Every opened word or plane is masked by one of its own; nothing branches on shares.
 *
 * Material of an item, in tiles of SYI_LEVELS_TILE elements, which are blocks of SYI_PLANE_BITS elements: a plane is one bit of each
 * of them (ring/planes.h).
 *   part A        free: words r
 *   part B        free: planes, a mask for each opened plane, level by level
 *   part C        derived: planes: bits of r but the lowest (its shares are the lowest bits of those of r), then products, level by
 *                 level
 *   parts 3 to 7  derived: words of the outcome, of which rho is the last mask (outcome.h)
 * The message to the corrected holder: for every block its planes, for as many elements as there are, in whole bytes; then
 * the words, part by part.
 */
#ifndef SYI_CRYPTO_LEVELS_H
#define SYI_CRYPTO_LEVELS_H

#include "crypto/exchange.h"
#include "crypto/outcome.h"
#include "ring/planes.h"

#define SYI_LEVELS_TILE 16384 /* elements */

enum {
    SYI_LEVELS_MAX = SYI_STAGES_MAX - 2,
    SYI_LEVELS_POSITIONS_MAX = 64,
    SYI_LEVELS_OPENED_MAX = 128, /* planes of a level */
    SYI_LEVELS_PRODUCTS_MAX = 192,
    SYI_LEVELS_PLANES_MAX = 512, /* dealt */
    SYI_LEVELS_MASKS_MAX = 256,
    SYI_LEVELS_SCRATCH =
        96 /* planes that a family may use while it makes a level or a block's products */
};

/* What a comparison of numbers of so many bits, the field's or of a range, opens besides X, and what is dealt for it, in planes of a
 * block. */
typedef struct syi_levels {
    bool equal; /* equality, otherwise the sign */
    unsigned bits;
    unsigned pad;   /* positions below the lowest bit that are there to fill up groups */
    unsigned count; /* of levels: one round each, after that of x + r */
    unsigned opened[SYI_LEVELS_MAX]; /* not more than the level before; of the last 1, the result */
    unsigned products[SYI_LEVELS_MAX]; /* dealt for a level */
    unsigned masks;                    /* all opened */
    unsigned planes;                   /* dealt: bits - 1, and all products */
    unsigned kept; /* that a block's next level finds as the last one left them */
} syi_levels;

/* `masks` and `planes` of the rest. */
void syi_levels_count(syi_levels *levels);
unsigned syi_levels_rounds(const syi_levels *levels);
/* Bytes of so many planes of each block of `count` elements. */
size_t syi_levels_packed(unsigned planes, size_t count);
/* Bytes of the message to a tile's corrected holder. */
size_t syi_levels_message(const syi_levels *levels, const syi_demand *demand, size_t count);

/* --- holders ----------------------------------------------------------------------------------- */

/* A block at a level: this holder's shares, and what is public. */
typedef struct syi_level {
    const syi_plane_kernels *kernels;
    unsigned level;
    uint64_t lead; /* all ones at the one holder who adds what is public, else 0 */
    /* At the first level: the bits of X, negated, and of r, from the lowest position on; in pads both are 0. Later: what was opened at
     * the level before, and its masks. */
    const uint64_t *a, *r;
    const uint64_t *opened, *masks;
    const uint64_t *products; /* of this level */
    uint64_t *kept, *scratch;
} syi_level;

/* Makes the planes that are opened at the level, without their masks. Of the last one: the borrow, or whether all bits are equal. */
typedef void (*syi_level_fn)(const void *family, const syi_level *level, uint64_t *out);

/* Runs the demand, of one element at least, which the provider has been asked for; `family` is the function's. */
sy_status syi_levels_run(syi_party *party, const syi_levels *levels, syi_level_fn make,
                         const void *family, const syi_demand *demand, void *z, const void *x,
                         sy_error *err);

/* --- the provider ------------------------------------------------------------------------------ */

/* Makes a block's products, level by level: `r` as above but for shares, `masks` of all levels. */
typedef void (*syi_levels_products_fn)(const void *family, const syi_plane_kernels *kernels,
                                       const uint64_t *r, const uint64_t *masks, uint64_t *out,
                                       uint64_t *scratch);

sy_status syi_levels_deal(const syi_dealer *dealer, const syi_levels *levels,
                          syi_levels_products_fn products, const void *family,
                          const syi_demand *demand, syi_give_fn give, void *user, sy_error *err);

#endif
