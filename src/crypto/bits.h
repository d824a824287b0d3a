/*
 * bits.h - comparisons on masked bits in radix 4, for any number of holders. X = x + r is opened; then x < 0 is a question about
 * the public bits of X and the shared bits of r: a borrow. Groups of four positions say whether they generate or propagate it;
 * what a group says is a polynomial in bits that are public and bits that are shared, whose products the provider deals, so
 * that holders compute it by themselves, and open it under another mask for the next level. Source:
 * docs/internals/comparison.md. Test: bits_test.c, comparison_test.c. Bench: spdz_bench.c.
 *
 * Adversary: as in material.h. Every opened word or bit is masked by a word or bit of its own.
 *
 * Material of an item (kinds BITS_SIGN, BITS_EQUAL), in tiles of SYI_BITS_TILE elements, which are blocks of
 * SYI_PLANE_BITS elements: a plane is one bit of each of them.
 *   part A        free: words r
 *   part B        free: planes, a mask for each opened bit
 *   part C        derived: planes: bits of r but the lowest (its shares are the lowest bits of those of r), then the
 *                 products of shared bits, level by level
 *   parts 3 to 7  derived: words of the outcome, of which rho is the last mask (outcome.h)
 * The message to the corrected holder: for every block its planes, for as many elements as there are, in whole bytes; then
 * the words, part by part.
 */
#ifndef SYI_CRYPTO_BITS_H
#define SYI_CRYPTO_BITS_H

#include "crypto/outcome.h"
#include "ring/planes.h"

#define SYI_BITS_TILE 16384 /* elements */

enum { SYI_BITS_LEVELS_MAX = 3 };

/* What a comparison of k-bit numbers consists of: positions from the lowest; `pad` of them are there to fill up groups. */
typedef struct syi_bits_tree {
    bool equal; /* equality, otherwise the sign */
    unsigned bits, positions, pad;
    unsigned levels;
    unsigned nodes[SYI_BITS_LEVELS_MAX];    /* of each level; 1 of the last */
    unsigned radix[SYI_BITS_LEVELS_MAX];    /* 4, or 2 */
    unsigned products[SYI_BITS_LEVELS_MAX]; /* planes dealt */
    unsigned opened[SYI_BITS_LEVELS_MAX];   /* planes opened; of the last level 1, the result */
    unsigned masks;                         /* all opened planes */
    unsigned planes;                        /* dealt: bits - 1, and all products */
} syi_bits_tree;

syi_bits_tree syi_bits_tree_of(unsigned bits, bool equal);
/* Products that exist at a leaf: bit i for the i-th of the eleven; those that have a position that pads do not. */
unsigned syi_bits_leaf_products(const syi_bits_tree *tree, unsigned leaf);
/* Rounds of the whole, and bytes to each other holder for `count` elements. */
unsigned syi_bits_rounds(const syi_bits_tree *tree);
uint64_t syi_bits_bytes(const syi_bits_tree *tree, const syi_field *field, uint64_t count);

size_t syi_bits_message(const syi_demand *demand, size_t count);
sy_status syi_bits_deal(const syi_dealer *dealer, const syi_demand *demand, syi_give_fn give,
                        void *user, sy_error *err);
sy_status syi_bits_compare(syi_party *party, const syi_comparison *comparison,
                           const syi_field *field, void *z, const void *x, uint64_t count,
                           sy_error *err);
sy_status syi_bits_equal(syi_party *party, const syi_field *field, void *z, const void *x,
                         uint64_t count, sy_error *err);

#endif
