/* bits.c - what a comparison consists of, and the holders' side of its levels. The provider's: bits_deal.c. */
#include "crypto/bits.h"

#include <string.h>

enum { WORDS = SYI_PLANE_WORDS };

/* --- trees ------------------------------------------------------------------------------------- */

unsigned syi_bits_leaf_products(const syi_bits_tree *tree, unsigned leaf)
{
    static const uint8_t factors[SYI_LEAF_PRODUCTS] = {0xc, 0xa, 0x6, 0xe, 0x9, 0x5,
                                                       0x3, 0xd, 0xb, 0x7, 0xf};
    const unsigned pad = tree->levels.pad, dead = 4 * leaf < pad ? (1u << (pad - 4 * leaf)) - 1 : 0;
    unsigned found = 0;
    for (unsigned k = 0; k < SYI_LEAF_PRODUCTS; k++) {
        found |= (factors[k] & dead) == 0 ? 1u << k : 0;
    }
    return found;
}

static unsigned products_of(const syi_bits_tree *tree, unsigned level)
{
    const unsigned nodes = tree->nodes[level];
    unsigned products = 0;
    if (level == 0) {
        for (unsigned leaf = 0; leaf < nodes; leaf++) {
            products += (unsigned)__builtin_popcount(syi_bits_leaf_products(tree, leaf));
        }
        return products;
    }
    if (tree->radix[level] == 2) {
        return nodes; /* the last level: one of them */
    }
    return tree->levels.equal ? nodes * SYI_LEAF_PRODUCTS
                              : SYI_NODE_PRODUCTS + (nodes - 1) * SYI_NODE_PRODUCTS_P;
}

syi_bits_tree syi_bits_tree_of(unsigned bits, bool equal)
{
    const unsigned needed = equal ? bits : bits - 1;
    syi_bits_tree tree = {.levels = {.equal = equal, .bits = bits}, .positions = 4};
    syi_levels *levels = &tree.levels;
    while (tree.positions < needed) {
        tree.positions *= 2;
    }
    levels->pad = tree.positions - needed;
    for (unsigned left = tree.positions; left > 1; levels->count++) {
        const unsigned level = levels->count, radix = left % 4 == 0 ? 4 : 2;
        left /= radix;
        tree.radix[level] = radix;
        tree.nodes[level] = left;
        levels->products[level] = products_of(&tree, level);
        levels->opened[level] = left == 1 || equal ? left : 2 * left - 1;
    }
    syi_levels_count(levels);
    return tree;
}

syi_bits_tree syi_bits_tree_for(const syi_demand *demand)
{
    return syi_bits_tree_of(syi_demand_bits(demand), demand->kind == SYI_MATERIAL_BITS_EQUAL);
}

size_t syi_bits_message(const syi_demand *demand, size_t count)
{
    const syi_bits_tree tree = syi_bits_tree_for(demand);
    return syi_levels_message(&tree.levels, demand, count);
}

/* --- levels ------------------------------------------------------------------------------------ */

/* All eleven products of a leaf, of those that there are. */
static const uint64_t *leaf_products(const syi_bits_tree *tree, unsigned leaf,
                                     const uint64_t **dealt, uint64_t *room)
{
    const unsigned there = syi_bits_leaf_products(tree, leaf);
    const uint64_t *products = *dealt;
    *dealt += (size_t)__builtin_popcount(there) * WORDS;
    if (there == (1u << SYI_LEAF_PRODUCTS) - 1) {
        return products;
    }
    for (unsigned k = 0; k < SYI_LEAF_PRODUCTS; k++) {
        if ((there >> k & 1) != 0) {
            memcpy(room + (size_t)k * WORDS, products, SYI_PLANE_BYTES);
            products += WORDS;
        } else {
            memset(room + (size_t)k * WORDS, 0, SYI_PLANE_BYTES);
        }
    }
    return room;
}

/* g of each leaf, then p of each but the lowest; of equality p of each. */
static void leaves(const syi_bits_tree *tree, const syi_level *of, uint64_t *out)
{
    const unsigned nodes = tree->nodes[0];
    const uint64_t *products = of->products;
    for (unsigned leaf = 0; leaf < nodes; leaf++) {
        const uint64_t *all = leaf_products(tree, leaf, &products, of->scratch);
        const uint64_t *h = of->a + (size_t)leaf * 4 * WORDS, *l = of->r + (size_t)leaf * 4 * WORDS;
        uint64_t *g = out + (size_t)leaf * WORDS;
        if (tree->levels.equal) {
            of->kernels->all(g, h, l, all, of->lead);
        } else {
            of->kernels->leaf(g, leaf > 0 ? out + (size_t)(nodes - 1 + leaf) * WORDS : NULL, h, l,
                              all, of->lead);
        }
    }
}

/* The nodes of a level, in the same order, from what was opened of the level below. */
static void nodes(const syi_bits_tree *tree, const syi_level *of, uint64_t *out)
{
    const bool equal = tree->levels.equal;
    const unsigned below = tree->nodes[of->level - 1], count = tree->nodes[of->level],
                   radix = tree->radix[of->level];
    const syi_plane_kernels *kernels = of->kernels;
    const uint64_t *products = of->products;
    /* p of child k is behind all g, but the lowest has none: what is read for it there is not used */
    const size_t to_p = equal ? 0 : (size_t)(below - 1) * WORDS;
    for (unsigned node = 0; node < count; node++) {
        const size_t child = (size_t)node * radix * WORDS;
        const uint64_t *opened = of->opened + child, *masks = of->masks + child;
        uint64_t *g = out + (size_t)node * WORDS;
        uint64_t *p = node > 0 ? out + (size_t)(count - 1 + node) * WORDS : NULL;
        if (radix == 2) {
            kernels->pair(equal ? NULL : g, equal ? g : NULL, opened, opened + to_p, masks,
                          masks + to_p, products, of->lead);
            products += WORDS;
        } else if (equal) {
            kernels->all(g, opened, masks, products, of->lead);
            products += (size_t)SYI_LEAF_PRODUCTS * WORDS;
        } else {
            kernels->node(g, p, opened, opened + to_p, masks, masks + to_p, products, of->lead);
            products += (size_t)(p != NULL ? SYI_NODE_PRODUCTS_P : SYI_NODE_PRODUCTS) * WORDS;
        }
    }
}

static void make(const void *family, const syi_level *of, uint64_t *out)
{
    (of->level == 0 ? leaves : nodes)(family, of, out);
}

sy_status syi_bits_run(syi_party *party, const syi_demand *demand, void *z, const void *x,
                       sy_error *err)
{
    const syi_bits_tree tree = syi_bits_tree_for(demand);
    return syi_levels_run(party, &tree.levels, make, &tree, demand, z, x, err);
}
