/*
 * dpf.h - a distributed point function: a key of each of two holders, who at any number x get bits whose xor is [x =
 * alpha]; neither key says anything about alpha. Guo et al., "Half-tree: halving the cost of tree expansion in COT and DPF"
 * (EUROCRYPT 2023), with leaves of 128 values. Test: fixed_keys_test.c, dpf_test.c.
 *
 * A seed is 128 bits, of which bit 0 says whether corrections count. On the way to alpha the holders' seeds differ by the same
 * Delta everywhere, elsewhere they are equal. A node's children are h and h xor s for h = H(sigma(s)), so that a level takes one
 * hash; this needs circular correlation robustness, for which sigma is linear, and sigma and s -> sigma(s) xor s are bijections
 * (Guo, Katz, Wang, Yu, "Efficient and secure multiparty computation from fixed-key block ciphers", S&P 2020).
 *
 * Adversary and threads: as in dcf.h, with 127 bits.
 */
#ifndef SYI_CRYPTO_FSS_DPF_H
#define SYI_CRYPTO_FSS_DPF_H

#include "crypto/fss/fixed_keys.h"

/* (high, low) -> (high xor low, high). Words, the lower one first. */
static inline void syi_dpf_sigma(uint64_t out[2], const uint64_t in[2])
{
    const uint64_t low = in[0], high = in[1];
    out[0] = high;
    out[1] = high ^ low;
}

/* As in dcf.h. */
sy_status syi_dpf_make(const syi_fixed_keys *keys, const syi_fss_tree *tree, uint8_t *group,
                       const uint8_t *const roots[2], const uint64_t alphas[SYI_FSS_GROUP],
                       sy_error *err);
sy_status syi_dpf_walk(const syi_fixed_keys *keys, const syi_fss_tree *tree, uint32_t *bits,
                       const uint8_t *group, const uint8_t *roots,
                       const uint64_t numbers[SYI_FSS_GROUP], int holder, sy_error *err);

#endif
