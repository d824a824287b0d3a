/*
 * sharing.h - additive shares of numbers in a field: the shares of all holders add up to the secret. Spec of the originals:
 * AdditiveSharingTensor.generate_shares; here every share but the last is the stream of a seed (ring/generator.h), so that
 * its holder is sent 32 bytes and not the words. Test: sharing_test.c.
 *
 * Adversary: up to all holders but one together, honest but curious. What they have is independent of the secret as far as
 * the generator's streams cannot be told from random ones: whoever lacks a seed lacks a uniform summand, and whoever lacks
 * the last share has nothing but seeds. The one who shares knows the secret anyway. Nothing branches on a secret.
 */
#ifndef SYI_CRYPTO_SHARING_H
#define SYI_CRYPTO_SHARING_H

#include "ring/field.h"

#define SYI_HOLDERS_MAX 64

/*
 * `count` secrets (elements of the field) for `holders` holders (2 to SYI_HOLDERS_MAX): fresh seeds for holders 0 to
 * holders - 2, and in `last` the elements of the last one, which does not overlap the secrets. The seeds are the caller's
 * to wipe. SY_EINVAL for the number of holders; SY_EIO when there is no randomness, SY_ENOMEM: seeds and `last` are zeros
 * then. Any thread.
 */
sy_status syi_generate_shares(sy_context *context, const syi_field *field, void *last,
                              uint8_t (*seeds)[SYI_SEED_SIZE], const void *secret, size_t count,
                              size_t holders, sy_error *err);

/* The share that a holder's seed stands for. SY_EIO, SY_ENOMEM; the share is then zeros. Any thread. */
sy_status syi_share_expand(const syi_field *field, void *share, const uint8_t seed[SYI_SEED_SIZE],
                           size_t count, sy_error *err);

/* The sum of `holders` shares (at least one). `secret` may be the first of them. */
void syi_reconstruct(const syi_field *field, void *secret, const void *const *shares,
                     size_t holders, size_t count);

#endif
