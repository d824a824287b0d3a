/* carry.c - the tree of carries, and the holders' side of its levels. The provider's: carry_deal.c. */
#include "crypto/carry.h"

#include <string.h>

enum { WORDS = SYI_PLANE_WORDS };

/* --- trees ------------------------------------------------------------------------------------- */

syi_carry_tree syi_carry_tree_of(unsigned bits, bool equal)
{
    syi_carry_tree tree = {.levels = {.equal = equal, .bits = bits}};
    syi_levels *levels = &tree.levels;
    unsigned left = equal ? bits : bits - 1;
    levels->kept = equal ? left : 2 * left;
    tree.left[0] = left;
    for (; left > 1; levels->count++) {
        const unsigned level = levels->count, pairs = left / 2;
        levels->opened[level] = equal ? 2 * pairs : 3 * pairs - 1;
        levels->products[level + 1] = equal ? pairs : 2 * pairs - 1;
        left -= pairs;
        tree.left[level + 1] = left;
    }
    levels->opened[levels->count++] = 1;
    syi_levels_count(levels);
    return tree;
}

syi_carry_tree syi_carry_tree_for(const syi_demand *demand)
{
    return syi_carry_tree_of(syi_demand_bits(demand), demand->kind == SYI_MATERIAL_CARRY_EQUAL);
}

size_t syi_carry_message(const syi_demand *demand, size_t count)
{
    const syi_carry_tree tree = syi_carry_tree_for(demand);
    return syi_levels_message(&tree.levels, demand, count);
}

/* --- levels ------------------------------------------------------------------------------------ */

/* This holder's shares of what each position does, which stay from level to level: g, then p; of equality p alone. */
typedef struct positions {
    uint64_t *g, *p;
} positions;

static positions positions_of(const syi_carry_tree *tree, uint64_t *kept)
{
    return tree->levels.equal ? (positions){NULL, kept}
                              : (positions){kept, kept + (size_t)tree->left[0] * WORDS};
}

/* g = a r, p = a ^ r: a is public. */
static void begin(const syi_carry_tree *tree, const syi_level *of, const positions *at)
{
    const size_t words = (size_t)tree->left[0] * WORDS;
    for (size_t i = 0; at->g != NULL && i < words; i++) {
        at->g[i] = of->a[i] & of->r[i];
    }
    for (size_t i = 0; i < words; i++) {
        at->p[i] = of->r[i] ^ (of->a[i] & of->lead);
    }
}

static void copy(uint64_t *planes, size_t to, const uint64_t *others, size_t from)
{
    memcpy(planes + to * WORDS, others + from * WORDS, SYI_PLANE_BYTES);
}

/* P = p1 p0 of pairs from `first` on, from what was opened at `e` and `f` of them all, and of those, under the masks a and c. */
static void merge_p(const syi_level *of, uint64_t *p, size_t first, size_t pairs, const uint64_t *f,
                    const uint64_t *c, const uint64_t *products)
{
    const size_t skipped = first * WORDS;
    of->kernels->multiply(p + skipped, of->opened + skipped, f, of->masks + skipped, c, products,
                          pairs - first, of->lead);
}

/* The pairs of the level below become one position each; in place, as no pair is behind what it becomes. */
static void merge(const syi_carry_tree *tree, const syi_level *of, const positions *at)
{
    const size_t left = tree->left[of->level - 1], pairs = left / 2, row = pairs * WORDS;
    if (at->g == NULL) {
        merge_p(of, at->p, 0, pairs, of->opened + row, of->masks + row, of->products);
    } else {
        of->kernels->multiply(of->scratch, of->opened, of->opened + row, of->masks, of->masks + row,
                              of->products, pairs, of->lead);
        for (size_t k = 0; k < pairs; k++) { /* G = g1 ^ p1 g0 */
            of->kernels->add(of->scratch + k * WORDS, at->g + (2 * k + 1) * WORDS, 1);
        }
        memcpy(at->g, of->scratch, row * sizeof *at->g);
        merge_p(of, at->p, 1, pairs, of->opened + 2 * row, of->masks + 2 * row, of->products + row);
    }
    if (left % 2 != 0) {
        copy(at->p, pairs, at->p, left - 1);
        if (at->g != NULL) {
            copy(at->g, pairs, at->g, left - 1);
        }
    }
}

static void make(const void *family, const syi_level *of, uint64_t *out)
{
    const syi_carry_tree *tree = family;
    const positions at = positions_of(tree, of->kept);
    const size_t left = tree->left[of->level], pairs = left / 2;
    if (of->level == 0) {
        begin(tree, of, &at);
    } else {
        merge(tree, of, &at);
    }
    if (left == 1) {
        copy(out, 0, at.g != NULL ? at.g : at.p, 0);
        return;
    }
    for (size_t k = 0; k < pairs; k++) { /* p1, then g0, then p0 but the lowest; or p1, then p0 */
        copy(out, k, at.p, 2 * k + 1);
        if (at.g == NULL) {
            copy(out, pairs + k, at.p, 2 * k);
        } else {
            copy(out, pairs + k, at.g, 2 * k);
            if (k > 0) {
                copy(out, 2 * pairs + k - 1, at.p, 2 * k);
            }
        }
    }
}

sy_status syi_carry_run(syi_party *party, const syi_demand *demand, void *z, const void *x,
                        sy_error *err)
{
    const syi_carry_tree tree = syi_carry_tree_for(demand);
    return syi_levels_run(party, &tree.levels, make, &tree, demand, z, x, err);
}
