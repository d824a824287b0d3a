/*
 * bits.h - comparisons on masked bits in radix 4, for any number of holders. X = x + r is opened; then x < 0 is a question about
 * the public bits of X and the shared bits of r: a borrow. Groups of four positions say whether they generate or propagate it;
 * what a group says is a polynomial in bits that are public and bits that are shared, whose products the provider deals, so
 * that holders compute it by themselves, and open it under another mask for the next level (levels.h, with the material of an item of
 * kinds BITS_SIGN and BITS_EQUAL). Source: docs/internals/comparison.md. Test: bits_test.c, comparison_test.c. Bench: spdz_bench.c.
 *
 * Adversary: as in material.h. Every opened word or bit is masked by a word or bit of its own.
 */
#ifndef SYI_CRYPTO_BITS_H
#define SYI_CRYPTO_BITS_H

#include "crypto/levels.h"

enum { SYI_BITS_LEVELS_MAX = 3 };

/* What a comparison of numbers of so many bits, the field's or of a range, consists of: positions from the lowest; `levels.pad` of them are there to fill up groups. */
typedef struct syi_bits_tree {
    syi_levels levels;
    unsigned positions;
    unsigned nodes[SYI_BITS_LEVELS_MAX]; /* of each level; 1 of the last */
    unsigned radix[SYI_BITS_LEVELS_MAX]; /* 4, or 2 */
} syi_bits_tree;

syi_bits_tree syi_bits_tree_of(unsigned bits, bool equal);
/* Of a demand of these kinds. */
syi_bits_tree syi_bits_tree_for(const syi_demand *demand);
/* Products that exist at a leaf: bit i for the i-th of the eleven; those that have a position that pads do not. */
unsigned syi_bits_leaf_products(const syi_bits_tree *tree, unsigned leaf);

/* Of the family (comparison.h). */
size_t syi_bits_message(const syi_demand *demand, size_t count);
sy_status syi_bits_deal(const syi_dealer *dealer, const syi_demand *demand, syi_give_fn give,
                        void *user, sy_error *err);
sy_status syi_bits_run(syi_party *party, const syi_demand *demand, void *z, const void *x,
                       sy_error *err);

#endif
