/*
 * fss.h - comparisons by function secret sharing.
 */
#ifndef SYI_CRYPTO_FSS_H
#define SYI_CRYPTO_FSS_H

#include "crypto/comparison.h"

#define SYI_FSS_TILE 4096 /* elements */

/* Bytes of the provider's message to a holder about a tile of `count` elements. */
size_t syi_fss_message(const syi_demand *demand, size_t count);
sy_status syi_fss_deal(const syi_dealer *dealer, const syi_demand *demand, syi_give_fn give,
                       void *user, sy_error *err);
sy_status syi_fss_compare(syi_party *party, const syi_comparison *comparison,
                          const syi_field *field, void *z, const void *x, uint64_t count,
                          sy_error *err);
sy_status syi_fss_equal(syi_party *party, const syi_field *field, void *z, const void *x,
                        uint64_t count, sy_error *err);

#endif
