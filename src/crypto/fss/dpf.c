#include "crypto/fss/dpf.h"

#include "core/error.h"
#include "core/memory.h"

/* Of each leaf the bit at alpha's place. */
static void put_places(const syi_fss_tree *tree, uint64_t *leaves, const uint64_t *alphas)
{
    const uint64_t places = (UINT64_C(1) << tree->leaf) - 1;
    for (size_t k = 0; k < SYI_FSS_GROUP; k++) {
        const uint64_t place = alphas[k] & places, upper = 0 - (place >> 6);
        const uint64_t bit = UINT64_C(1) << (place & 63);
        leaves[2 * k] ^= bit & ~upper;
        leaves[2 * k + 1] ^= bit & upper;
    }
}

sy_status syi_dpf_make(const syi_fixed_keys *keys, const syi_fss_tree *tree, uint8_t *group,
                       const uint8_t *const roots[2], const uint64_t alphas[SYI_FSS_GROUP],
                       sy_error *err)
{
    uint64_t row[SYI_FSS_ROW_WORDS];
    syi_fss_spread(row, alphas, SYI_FSS_GROUP);
    const bool good = keys->kernels->dpf_make(keys, tree, group, roots, row);
    syi_wipe(row, sizeof row);
    if (!good) {
        return syi_fixed_keys_failed(err);
    }
    uint8_t *leaves = group + (size_t)syi_fss_levels(tree) * SYI_FSS_ROW;
    put_places(tree, (uint64_t *)(void *)leaves, alphas);
    return SY_OK;
}

sy_status syi_dpf_walk(const syi_fixed_keys *keys, const syi_fss_tree *tree, uint32_t *bits,
                       const uint8_t *group, const uint8_t *roots,
                       const uint64_t numbers[SYI_FSS_GROUP], int holder, sy_error *err)
{
    uint64_t row[SYI_FSS_ROW_WORDS], leaves[SYI_FSS_ROW_WORDS];
    syi_fss_spread(row, numbers, SYI_FSS_GROUP);
    const bool good =
        keys->kernels->dpf_walk(keys, tree, (uint8_t *)leaves, group, roots, row, holder);
    *bits = good ? syi_fss_pick(tree, leaves, row) : 0;
    syi_wipe(leaves, sizeof leaves);
    return good ? SY_OK : syi_fixed_keys_failed(err);
}
