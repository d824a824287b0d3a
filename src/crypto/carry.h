/*
 * carry.h - comparisons by a tree of carries, for any number of holders, from material that knows nothing of comparisons: r, the
 * bits of r, and products of random bits (AND triples, Beaver's). X = x + r is opened; then x < 0 is a borrow, which each position
 * generates (g) or passes on (p): bits of X that are public, and shared bits of r. Two neighbours do so as one, G = g1 ^ p1 g0 and P
 * = p1 p0, from round to round half as many; equality is the P of all. It is for providers that have nothing better to give, and as
 * an answer from elsewhere to compare bits.h and fss.h with. Source: docs/internals/comparison.md; Catrina, de Hoogh,
 * "Improved primitives for secure multiparty integer computation" (SCN 2010); Beaver (CRYPTO 1991). Test: carry_test.c,
 * comparison_test.c.
 *
 * Adversary: as in material.h. Every opened word or bit is masked by a word or bit of its own.
 *
 * levels.h runs it, with the material of an item of kinds CARRY_SIGN and CARRY_EQUAL. At a level m pairs are made one: its opened
 * planes are p1 ^ a of each pair, g0 ^ b of each, and p0 ^ c of each but the lowest, whose P nobody needs; of equality p1 ^ a and
 * p0 ^ c of each. a, b and c are the masks. The products are a b of each pair, then a c of each but the lowest; of equality a c. A position
 * that is left over, the highest, goes on as it is.
 *
 * With n = k - 1 positions for the sign, k for equality, modulo 2^k: 2 + ceil(log2 n) rounds; x + r, 3 (n - 1) - ceil(log2 n) bits, or
 * 2 (n - 1) of equality, and the result's are opened. In bytes of an element, to each other holder, and dealt besides outcome.h's
 * words:
 *   modulo 2^64   8 rounds   30.625   22.625      equality   8 rounds   23.875   15.75
 *   modulo 2^32   7 rounds   14.75    10.75       equality   7 rounds   11.875    7.75
 */
#ifndef SYI_CRYPTO_CARRY_H
#define SYI_CRYPTO_CARRY_H

#include "crypto/levels.h"

typedef struct syi_carry_tree {
    syi_levels levels;
    unsigned left[SYI_LEVELS_MAX]; /* positions that a level begins with; 1 at the last */
} syi_carry_tree;

syi_carry_tree syi_carry_tree_of(unsigned bits, bool equal);
/* Of a demand of these kinds. */
syi_carry_tree syi_carry_tree_for(const syi_demand *demand);

/* Of the family (comparison.h). */
size_t syi_carry_message(const syi_demand *demand, size_t count);
sy_status syi_carry_deal(const syi_dealer *dealer, const syi_demand *demand, syi_give_fn give,
                         void *user, sy_error *err);
sy_status syi_carry_run(syi_party *party, const syi_demand *demand, void *z, const void *x,
                        sy_error *err);

#endif
