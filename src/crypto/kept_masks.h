/*
 * kept_masks.h - masks of operands that are used again, as a provider sees them: the sums of all holders' streams. A weight's
 * mask belongs to it for as long as its words do not change (syi_mask), and drawing it anew for every product takes longer than
 * the product of one row with it. The least recently used go, and are wiped. Test: material_test.c.
 */
#ifndef SYI_CRYPTO_KEPT_MASKS_H
#define SYI_CRYPTO_KEPT_MASKS_H

#include "crypto/material.h"

enum { SYI_KEPT_MASKS = 16 };
#define SYI_KEPT_MASKS_BYTES ((uint64_t)16 << 20) /* of all of them; larger ones are not kept */

typedef struct syi_kept_mask {
    syi_item item;
    unsigned part;
    uint64_t words;
    syi_field field;
    syi_storage *sums; /* NULL: none here */
    uint64_t used;
} syi_kept_mask;

/* Zeroed memory is an empty one. One thread at a time. */
struct syi_kept_masks {
    syi_kept_mask masks[SYI_KEPT_MASKS];
    uint64_t bytes, turn;
};

/* A reference, or NULL. */
syi_storage *syi_kept_masks_get(syi_kept_masks *kept, const syi_operand *operand,
                                const syi_field *field);
/* Keeps a reference, unless they are too large. */
void syi_kept_masks_put(syi_kept_masks *kept, const syi_operand *operand, const syi_field *field,
                        syi_storage *sums);
void syi_kept_masks_fini(syi_kept_masks *kept);

#endif
