/*
 * sharing.h - additive shares of numbers in Z_2^64 and Z_2^32: the shares of all holders add up to the secret. Spec of the
 * originals: AdditiveSharingTensor.generate_shares; here every share but the last is the stream of a seed (ring/generator.h),
 * so that its holder is sent 32 bytes and not the words. Test: sharing_test.c.
 *
 * Adversary: up to all holders but one together, honest but curious. What they have is independent of the secret as far as
 * the generator's streams cannot be told from random ones: whoever lacks a seed lacks a uniform summand, and whoever lacks
 * the last share has nothing but seeds. The one who shares knows the secret anyway. Nothing branches on a secret.
 */
#ifndef SYI_CRYPTO_SHARING_H
#define SYI_CRYPTO_SHARING_H

#include <csyft/context.h>

#include "ring/generator.h"

#define SYI_HOLDERS_MAX 64

/*
 * `count` secrets for `holders` holders (2 to SYI_HOLDERS_MAX): fresh seeds for holders 0 to holders - 2, and in `last` the
 * words of the last one, which does not overlap the secrets. The seeds are the caller's to wipe. SY_EINVAL for the number of
 * holders; SY_EIO when there is no randomness, SY_ENOMEM: seeds and `last` are zeros then. Any thread.
 */
sy_status syi_share64(sy_context *context, uint64_t *last, uint8_t (*seeds)[SYI_SEED_SIZE],
                      const uint64_t *secret, size_t count, size_t holders, sy_error *err);
sy_status syi_share32(sy_context *context, uint32_t *last, uint8_t (*seeds)[SYI_SEED_SIZE],
                      const uint32_t *secret, size_t count, size_t holders, sy_error *err);

/* The share that a holder's seed stands for. SY_EIO; the share is then zeros. Any thread. */
sy_status syi_share64_expand(uint64_t *share, const uint8_t seed[SYI_SEED_SIZE], size_t count,
                             sy_error *err);
sy_status syi_share32_expand(uint32_t *share, const uint8_t seed[SYI_SEED_SIZE], size_t count,
                             sy_error *err);

/* The sum of `holders` shares (at least one). `secret` may be the first of them. */
void syi_reconstruct64(uint64_t *secret, const uint64_t *const *shares, size_t holders,
                       size_t count);
void syi_reconstruct32(uint32_t *secret, const uint32_t *const *shares, size_t holders,
                       size_t count);

#endif
