/*
 * fss.h - comparisons by function secret sharing, for 2 holders: 2 rounds, and keys of 0.9 kB an element from the provider.
 * X = x + r is opened; then x < 0 is msb(X) xor msb(r) xor [X mod 2^(k-1) < r mod 2^(k-1)], and the last is what a key of dcf.h
 * for r answers at X, as bits that holders xor; x = 0 is [X = r], a key of dpf.h. The bit is opened under a mask rho, and
 * outcome.h makes of it what is asked for. Source: docs/internals/comparison.md; Boyle, Gilboa, Ishai, "Secure computation with
 * preprocessing via function secret sharing" (TCC 2019). Test: fss_test.c, comparison_test.c, crypto/fss. Bench: fss_bench.c.
 *
 * Adversary: one holder, or the provider alone, as in material.h: honest but curious. A holder sees its streams, corrections of keys that
 * cannot be told from random bytes (dcf.h, with 125-bit seeds; dpf.h, with 127), X, uniform because of r, and a bit, uniform
 * because of rho. Every tile has public AES keys of its own. Errors: as in comparison.h; SY_EIO when OpenSSL fails.
 *
 * Material of an item (kinds FSS_SIGN, FSS_EQUAL), in tiles of SYI_FSS_TILE elements:
 *   part A        free: words r
 *   part B        free: roots of keys, 16 bytes of each holder's stream
 *   part C        free: bits, packed: for the sign their xor is msb(r) xor rho, for equality rho
 *   parts 3 to 7  derived: words of outcome.h
 *   part 8        the stream of a seed of zeros, which everybody knows: of each tile the two AES keys
 * Both holders get a message about each tile: the keys, which are the same for both but for their roots, in groups of 32 (fixed_keys.h),
 * the last of which has rows of as many as there are; the corrected holder's goes on with its words, part by part.
 *
 * Opened, and sent in 2 rounds: x + r, then the bits, in whole bytes, of a span of SYI_FSS_SPAN elements; spans follow each other as
 * exchange.h has it.
 *
 * Keys are for k - 1 bits of r (k for equality); of numbers with a range of t bits (comparison.h) for t - 1 (t), and msb is bit t - 1.
 * Modulo 2^k with k from 3 on. More than 2 holders: SY_ENOTSUP.
 */
#ifndef SYI_CRYPTO_FSS_H
#define SYI_CRYPTO_FSS_H

#include "crypto/comparison.h"
#include "crypto/fss/fixed_keys.h"

#define SYI_FSS_TILE 2048  /* elements: so many keys are a message, 1.9 MB */
#define SYI_FSS_SPAN 65536 /* elements that are opened together: few waves on far links */

enum { SYI_FSS_ROUNDS = 2, SYI_FSS_BLOCK = 512 /* elements */ };
enum { SYI_FSS_BITS = 2, SYI_FSS_PUBLIC = 8 }; /* parts */

/* What keys are for, of this kind and field. */
syi_fss_tree syi_fss_tree_for(const syi_demand *demand);
/* Bytes of the keys of a tile of `count` elements, which is the message to the holder that is not corrected, and of the message to
 * the one who is. */
size_t syi_fss_keys(const syi_demand *demand, size_t count);
size_t syi_fss_message(const syi_demand *demand, size_t count);
/* The AES keys of a tile. `stream`: of part 8. */
sy_status syi_fss_public_open(syi_generator *stream, const uint8_t *session,
                              const syi_demand *demand, sy_error *err);
sy_status syi_fss_public_keys(syi_fixed_keys *keys, const syi_generator *stream, uint64_t tile,
                              sy_error *err);

/* Deals to both holders, in their order, tile by tile. fss_deal.c */
sy_status syi_fss_deal(const syi_dealer *dealer, const syi_demand *demand, syi_give_fn give,
                       void *user, sy_error *err);
/* Of the family (comparison.h). */
sy_status syi_fss_run(syi_party *party, const syi_demand *demand, void *z, const void *x,
                      sy_error *err);

#endif
