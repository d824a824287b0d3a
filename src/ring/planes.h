/*
 * planes.h - bits of many numbers at once. A block is SYI_PLANE_BITS numbers; a plane holds one bit of each of them in
 * SYI_PLANE_WORDS words: number 8 k + g of the block is bit k of word g, so that a block of words is turned into planes by whole
 * vectors. Planes lie behind each other. One table per instruction set, all with the same results bit for bit.
 *
 * The kernels of comparisons (docs/internals/comparison.md). Four children 3 (highest) to 0 say of their bits g (generates a
 * borrow) and p (passes one on); together G = g3 ^ p3 g2 ^ p3 p2 g1 ^ p3 p2 p1 g0 and P = p3 p2 p1 p0. A bit is h ^ l, where h is
 * public and l shared (xor of the holders' shares), and shares of products of l's are dealt:
 *   leaf   p = a ^ r, g = a r: a public, r shared. Products: r3r2; r3r1 r2r1 r3r2r1; then with r0: r3 r2 r1 r3r2 r3r1 r2r1 r3r2r1
 *   node   p = hp ^ lp, g = hg ^ lg. Products: p3g2; p3g1 p2g1 p3p2g1; with g0: p3 p2 p1 p3p2 p3p1 p2p1 p3p2p1; p3p2 p3p1 p2p1
 *          p3p2p1; and for P, with p0: p3 p2 p1 p3p2 p3p1 p2p1 p3p2p1
 *   all    P alone, of p = h ^ l: products as a leaf's
 *   pair   two children: G = g1 ^ p1 g0, P = p1 p0. Products: p1g0; and for P: p1p0. g NULL: P alone, of p1p0 alone
 * Children, shares and products lie behind each other, child 0 first. `lead` is all ones at the one holder who adds what is
 * public, else 0. p may be NULL: it is not wanted.
 *
 * Outputs overlap nothing. No branch and no address depends on planes or numbers. Any thread. Test: planes_test.c.
 */
#ifndef SYI_RING_PLANES_H
#define SYI_RING_PLANES_H

#include <stddef.h>
#include <stdint.h>

#define SYI_PLANE_BITS 512
#define SYI_PLANE_WORDS 8
#define SYI_PLANE_BYTES 64
enum { SYI_LEAF_PRODUCTS = 11, SYI_NODE_PRODUCTS = 15, SYI_NODE_PRODUCTS_P = 22 };

typedef struct syi_plane_kernels {
    const char *name; /* "generic", "avx2", "avx512" */
    /* A block of words, of 64 or 32 bits, as as many planes. */
    void (*split64)(uint64_t *planes, const uint64_t *words);
    void (*split32)(uint64_t *planes, const uint32_t *words);
    /* The lowest bits of a block's words. */
    void (*low64)(uint64_t *plane, const uint64_t *words);
    void (*low32)(uint64_t *plane, const uint32_t *words);
    /* A plane as a block of words, 0 or 1. */
    void (*spread64)(uint64_t *words, const uint64_t *plane);
    void (*spread32)(uint32_t *words, const uint64_t *plane);
    /* a ^= b */
    void (*add)(uint64_t *a, const uint64_t *b, size_t planes);
    void (*leaf)(uint64_t *g, uint64_t *p, const uint64_t *a, const uint64_t *r,
                 const uint64_t *products, uint64_t lead);
    void (*node)(uint64_t *g, uint64_t *p, const uint64_t *hg, const uint64_t *hp,
                 const uint64_t *lg, const uint64_t *lp, const uint64_t *products, uint64_t lead);
    void (*pair)(uint64_t *g, uint64_t *p, const uint64_t *hg, const uint64_t *hp,
                 const uint64_t *lg, const uint64_t *lp, const uint64_t *products, uint64_t lead);
    void (*all)(uint64_t *p, const uint64_t *h, const uint64_t *l, const uint64_t *products,
                uint64_t lead);
    /* Shares of x y, plane by plane, from e = x ^ a and f = y ^ b, which are public, and shares of a, b and a b. */
    void (*multiply)(uint64_t *xy, const uint64_t *e, const uint64_t *f, const uint64_t *a,
                     const uint64_t *b, const uint64_t *ab, size_t planes, uint64_t lead);
    /* The provider's: products of what is added up. with_p: also those for P. */
    void (*leaf_products)(uint64_t *products, const uint64_t *l);
    void (*node_products)(uint64_t *products, const uint64_t *lg, const uint64_t *lp, int with_p);
} syi_plane_kernels;

/* The best that the processor has. */
const syi_plane_kernels *syi_plane_kernels_get(void);
/* For tests and benches: those it has, best first; NULL beyond. The last one is the generic one. */
const syi_plane_kernels *syi_plane_kernels_at(size_t index);

/* Planes of fewer than SYI_PLANE_BITS numbers as bytes and back: number 8 k + g is bit g of byte k; (count + 7) / 8 bytes each. What
 * is beyond comes back as zeros. */
static inline size_t syi_planes_packed(size_t planes, size_t count)
{
    return planes * (count == SYI_PLANE_BITS ? SYI_PLANE_BYTES : (count + 7) / 8);
}
void syi_planes_pack(uint8_t *bytes, const uint64_t *planes, size_t count, size_t numbers);
void syi_planes_unpack(uint64_t *planes, const uint8_t *bytes, size_t count, size_t numbers);

#endif
