/*
 * dcf.h - a distributed comparison function: a key of each of two holders, who at any number x get bits whose xor is [x <
 * alpha]; neither key says anything about alpha. Boyle, Gilboa, Ishai, "Function secret sharing: improvements and extensions"
 * (CCS 2016); Boyle et al., "Function secret sharing for mixed-mode and fixed-point secure computation" (EUROCRYPT 2021),
 * with one bit of output and leaves of 128 values. Test: fixed_keys_test.c. Bench: fixed_keys_bench.c.
 *
 * A key is a root, which is the holder's own random bytes, and a correction of each level, which is the same for both. A seed is 128
 * bits: bit 0 says whether corrections count (t), bit 1 is what this node adds to the output (v), bit 2 is spare; 125 bits are
 * hashed, with the direction in bit 0. Of a correction bits 3 on are the seed's, bit 1 is v's, and bits 0 and 2 give t's: bit 0 to
 * the left, bit 0 xor bit 2 to the right.
 *
 * Adversary: one of the two holders, honest but curious. Its key cannot be told from random bytes, as far as the hash of
 * fixed_keys.h is correlation robust on 125 bits.
 *
 * Any thread, one at a time for each `keys`. SY_EIO when OpenSSL fails, with nothing of use made.
 */
#ifndef SYI_CRYPTO_FSS_DCF_H
#define SYI_CRYPTO_FSS_DCF_H

#include "crypto/fss/fixed_keys.h"

/* What both holders' keys of a group are but for their roots: syi_fss_group bytes, aligned to 16. `alphas` are below 2^bits;
 * roots are uniform, a row of each holder's. */
sy_status syi_dcf_make(const syi_fixed_keys *keys, const syi_fss_tree *tree, uint8_t *group,
                       const uint8_t *const roots[2], const uint64_t alphas[SYI_FSS_GROUP],
                       sy_error *err);
/* A holder's bits for a group, bit k for numbers[k] and key k. */
sy_status syi_dcf_walk(const syi_fixed_keys *keys, const syi_fss_tree *tree, uint32_t *bits,
                       const uint8_t *group, const uint8_t *roots,
                       const uint64_t numbers[SYI_FSS_GROUP], int holder, sy_error *err);

#endif
