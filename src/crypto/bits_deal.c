/* bits_deal.c - the provider's products for comparisons on masked bits: bits.h. Test: bits_test.c. */
#include <string.h>

#include "crypto/bits.h"

enum { WORDS = SYI_PLANE_WORDS };

static uint64_t *put_leaves(const syi_bits_tree *tree, const syi_plane_kernels *kernels,
                            const uint64_t *r, uint64_t *out, uint64_t *eleven)
{
    for (unsigned leaf = 0; leaf < tree->nodes[0]; leaf++) {
        const unsigned there = syi_bits_leaf_products(tree, leaf);
        kernels->leaf_products(eleven, r + (size_t)leaf * 4 * WORDS);
        for (unsigned k = 0; k < SYI_LEAF_PRODUCTS; k++) {
            if ((there >> k & 1) != 0) {
                memcpy(out, eleven + (size_t)k * WORDS, SYI_PLANE_BYTES);
                out += WORDS;
            }
        }
    }
    return out;
}

/* Products of the masks of the level below. */
static uint64_t *put_nodes(const syi_bits_tree *tree, const syi_plane_kernels *kernels,
                           unsigned level, const uint64_t *masks, uint64_t *out)
{
    const bool equal = tree->levels.equal;
    const size_t to_p = equal ? 0 : (size_t)(tree->nodes[level - 1] - 1) * WORDS;
    for (unsigned node = 0; node < tree->nodes[level]; node++) {
        const uint64_t *g = masks + (size_t)node * tree->radix[level] * WORDS, *p = g + to_p;
        if (tree->radix[level] == 2) { /* p1 g0, or p1 p0 */
            for (size_t i = 0; i < WORDS; i++) {
                out[i] = p[WORDS + i] & (equal ? p : g)[i];
            }
            out += WORDS;
        } else if (equal) {
            kernels->leaf_products(out, p);
            out += (size_t)SYI_LEAF_PRODUCTS * WORDS;
        } else {
            kernels->node_products(out, g, p, node > 0);
            out += (size_t)(node > 0 ? SYI_NODE_PRODUCTS_P : SYI_NODE_PRODUCTS) * WORDS;
        }
    }
    return out;
}

static void products(const void *family, const syi_plane_kernels *kernels, const uint64_t *r,
                     const uint64_t *masks, uint64_t *out, uint64_t *scratch)
{
    const syi_bits_tree *tree = family;
    out = put_leaves(tree, kernels, r, out, scratch);
    for (unsigned level = 1; level < tree->levels.count; level++) {
        out = put_nodes(tree, kernels, level, masks, out);
        masks += (size_t)tree->levels.opened[level - 1] * WORDS;
    }
}

sy_status syi_bits_deal(const syi_dealer *dealer, const syi_demand *demand, syi_give_fn give,
                        void *user, sy_error *err)
{
    const syi_bits_tree tree = syi_bits_tree_for(demand);
    return syi_levels_deal(dealer, &tree.levels, products, &tree, demand, give, user, err);
}
