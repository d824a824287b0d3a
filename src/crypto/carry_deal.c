/* carry_deal.c - the provider's products for comparisons by a tree of carries: carry.h. Test: carry_test.c. */
#include "crypto/carry.h"

enum { WORDS = SYI_PLANE_WORDS };

static uint64_t *put(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t planes)
{
    for (size_t i = 0; i < planes * WORDS; i++) {
        out[i] = a[i] & b[i];
    }
    return out + planes * WORDS;
}

/* Of masks only: r is nothing to them. */
static void products(const void *family, const syi_plane_kernels *kernels, const uint64_t *r,
                     const uint64_t *masks, uint64_t *out, uint64_t *scratch)
{
    const syi_carry_tree *tree = family;
    (void)kernels;
    (void)r;
    (void)scratch;
    for (unsigned level = 0; level + 1 < tree->levels.count; level++) {
        const size_t pairs = tree->left[level] / 2;
        const uint64_t *a = masks, *b = masks + pairs * WORDS;
        out = put(out, a, b, pairs);
        if (!tree->levels.equal) {
            out = put(out, a + WORDS, b + pairs * WORDS, pairs - 1);
        }
        masks += (size_t)tree->levels.opened[level] * WORDS;
    }
}

sy_status syi_carry_deal(const syi_dealer *dealer, const syi_demand *demand, syi_give_fn give,
                         void *user, sy_error *err)
{
    const syi_carry_tree tree = syi_carry_tree_for(demand);
    return syi_levels_deal(dealer, &tree.levels, products, &tree, demand, give, user, err);
}
