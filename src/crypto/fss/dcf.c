#include "crypto/fss/dcf.h"

/* The bits below the place. */
static void bits_below(uint64_t leaf[2], uint64_t place)
{
    const uint64_t upper = 0 - (place >> 6), below = (UINT64_C(1) << (place & 63)) - 1;
    leaf[0] = below | upper;
    leaf[1] = below & upper;
}

sy_status syi_dcf_make(const syi_fixed_keys *keys, const syi_fss_tree *tree, uint8_t *group,
                       const uint8_t *const roots[2], const uint64_t alphas[SYI_FSS_GROUP],
                       sy_error *err)
{
    return syi_fss_make(keys, tree, keys->kernels->dcf_make, bits_below, group, roots, alphas, err);
}

sy_status syi_dcf_walk(const syi_fixed_keys *keys, const syi_fss_tree *tree, uint32_t *bits,
                       const uint8_t *group, const uint8_t *roots,
                       const uint64_t numbers[SYI_FSS_GROUP], int holder, sy_error *err)
{
    return syi_fss_walk(keys, tree, keys->kernels->dcf_walk, bits, group, roots, numbers, holder,
                        err);
}
