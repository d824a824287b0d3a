/*
 * share_choice.c - by which family numbers are compared where the client leaves it open (protocol "auto"): by what was made
 * ahead, else by what is the fastest for so many numbers and so long a way (crypto/comparison.h). All holders come to the same:
 * their stock is the same, and the client tells them how long the way is. Part of share_rows.h.
 */
#include "interpreters/sharing/share_rows.h"

/* Session lock held. */
static bool is_there(const syi_share_op *o, syi_family family, const syi_comparison *of,
                     uint64_t count)
{
    const syi_family_material *material = syi_family_get_material(family);
    if (material == NULL || syi_family_check(family, o->kin->holders, NULL) != SY_OK) {
        return false;
    }
    const bool equal = of->outcome == SYI_OUTCOME_NONE;
    syi_demand demand = {.kind = equal ? material->equal : material->sign,
                         .field = o->kin->field,
                         .count = count,
                         .outcome = equal ? SYI_OUTCOME_BIT : of->outcome,
                         .shift = of->shift,
                         .divisor = of->divisor};
    const syi_stock *stock = &o->run->session->stock;
    uint64_t left = syi_stock_left(stock, &demand); /* for any numbers */
    demand.range = of->range;
    left += of->range > 0 ? syi_stock_left(stock, &demand) : 0;
    return left > 0;
}

syi_family syi_share_made_ahead(const syi_share_op *o, const syi_comparison *of, uint64_t count)
{
    syi_sharing_session *session = o->run->session;
    syi_family found = SYI_FAMILY_AUTO;
    pthread_mutex_lock(&session->lock);
    for (int k = SYI_FAMILIES - 1; k > (int)SYI_FAMILY_AUTO && session->stock.entries != NULL;
         k--) {
        const bool may = o->run->family == SYI_FAMILY_AUTO || o->run->family == (syi_family)k;
        found = may && is_there(o, (syi_family)k, of, count) ? (syi_family)k : found;
    }
    pthread_mutex_unlock(&session->lock);
    return found;
}

syi_family syi_share_family(const syi_share_op *o, const syi_comparison *of, uint64_t count)
{
    syi_family family = o->run->family;
    if (family == SYI_FAMILY_AUTO) {
        family = syi_share_made_ahead(o, of, count);
    }
    const unsigned bits = of->range > 0 ? of->range : syi_field_bits(&o->kin->field);
    return family != SYI_FAMILY_AUTO
               ? family
               : syi_family_fastest(bits, o->kin->holders, count, o->run->round_trip_us, false);
}
