#include "crypto/kept_masks.h"

syi_storage *syi_kept_masks_get(syi_kept_masks *kept, const syi_operand *operand,
                                const syi_field *field)
{
    for (size_t k = 0; k < SYI_KEPT_MASKS; k++) {
        syi_kept_mask *one = &kept->masks[k];
        if (one->sums != NULL && syi_item_same(&one->item, &operand->item) &&
            one->part == operand->part && one->words == operand->words &&
            syi_field_same(&one->field, field)) {
            one->used = ++kept->turn;
            return syi_storage_ref(one->sums);
        }
    }
    return NULL;
}

static void drop(syi_kept_masks *kept, syi_kept_mask *one)
{
    kept->bytes -= one->sums->size;
    syi_storage_unref(one->sums);
    *one = (syi_kept_mask){.sums = NULL};
}

/* A free place, or the one that was used the longest time ago. */
static syi_kept_mask *oldest(syi_kept_masks *kept, bool taken)
{
    syi_kept_mask *found = NULL;
    for (size_t k = 0; k < SYI_KEPT_MASKS; k++) {
        syi_kept_mask *one = &kept->masks[k];
        if (one->sums == NULL && !taken) {
            return one;
        }
        if (one->sums != NULL && (found == NULL || one->used < found->used)) {
            found = one;
        }
    }
    return found;
}

void syi_kept_masks_put(syi_kept_masks *kept, const syi_operand *operand, const syi_field *field,
                        syi_storage *sums)
{
    if (sums->size > SYI_KEPT_MASKS_BYTES) {
        return;
    }
    while (kept->bytes > SYI_KEPT_MASKS_BYTES - sums->size) {
        drop(kept, oldest(kept, true));
    }
    syi_kept_mask *place = oldest(kept, false);
    if (place->sums != NULL) {
        drop(kept, place);
    }
    *place = (syi_kept_mask){.item = operand->item,
                             .part = operand->part,
                             .words = operand->words,
                             .field = *field,
                             .sums = syi_storage_ref(sums),
                             .used = ++kept->turn};
    kept->bytes += sums->size;
}

void syi_kept_masks_fini(syi_kept_masks *kept)
{
    for (size_t k = 0; k < SYI_KEPT_MASKS; k++) {
        if (kept->masks[k].sums != NULL) {
            drop(kept, &kept->masks[k]);
        }
    }
}
