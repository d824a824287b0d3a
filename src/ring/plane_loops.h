/*
 * plane_loops.h - the kernels of planes.h of one instruction set, made from these loops by its file, which defines SYI_RING_SET (its
 * name) and SYI_RING_BYTES (of a vector) first: lane by lane, which the compiler makes vectors of. Room ring only.
 */
#include "ring/planes.h"

#include <string.h>

#define PLANES_JOIN_(a, b) a##_##b
#define PLANES_JOIN(a, b) PLANES_JOIN_(a, b)
#define OF_SET(name) PLANES_JOIN(name, SYI_RING_SET)

#define W SYI_PLANE_WORDS
/* Lane i of the k-th plane. */
#define AT(planes, k) ((planes)[(size_t)(k)*W + i])

/* Columns of as many blocks' words as a vector holds. */
typedef uint64_t lanes __attribute__((vector_size(SYI_RING_BYTES), may_alias, aligned(8)));
enum { LANES = SYI_RING_BYTES / 8 };

/* Of rows a and b the bits that change places: those `j` further up in a, and those of `mask` in b. */
static inline __attribute__((always_inline)) void swap(lanes *a, lanes *b, unsigned j,
                                                       uint64_t mask)
{
    const lanes t = ((*a >> j) ^ *b) & mask;
    *b ^= t;
    *a ^= t << j;
}

/* Eight rows, `apart` from each other: three steps of the transposition while they are in registers. */
static inline __attribute__((always_inline)) void three_steps(uint64_t *rows, const uint64_t *from,
                                                              size_t apart, unsigned j,
                                                              uint64_t far, uint64_t middle,
                                                              uint64_t near)
{
    lanes r[8];
    _Pragma("GCC unroll 8") for (int k = 0; k < 8; k++)
    {
        r[k] = *(const lanes *)(const void *)(from + (size_t)k * apart * W);
    }
    _Pragma("GCC unroll 4") for (int k = 0; k < 4; k++)
    {
        swap(&r[k], &r[k + 4], j, far);
    }
    _Pragma("GCC unroll 4") for (int k = 0; k < 4; k++)
    {
        swap(&r[k + (k & 2)], &r[k + (k & 2) + 2], j / 2, middle);
    }
    _Pragma("GCC unroll 4") for (int k = 0; k < 4; k++)
    {
        swap(&r[2 * k], &r[2 * k + 1], j / 4, near);
    }
    _Pragma("GCC unroll 8") for (int k = 0; k < 8; k++)
    {
        *(lanes *)(void *)(rows + (size_t)k * apart * W) = r[k];
    }
}

/* 64 rows of 8 words each: bit c of row r changes places with bit r of row c. */
static inline void transpose(uint64_t *rows, const uint64_t *from)
{
    for (size_t i = 0; i < W; i += LANES) {
        for (size_t k = 0; k < 8; k++) {
            three_steps(rows + k * W + i, from + k * W + i, 8, 32, 0x00000000ffffffff,
                        0x0000ffff0000ffff, 0x00ff00ff00ff00ff);
        }
        for (size_t k = 0; k < 64; k += 8) {
            three_steps(rows + k * W + i, rows + k * W + i, 1, 4, 0x0f0f0f0f0f0f0f0f,
                        0x3333333333333333, 0x5555555555555555);
        }
    }
}

static void OF_SET(split64)(uint64_t *restrict planes, const uint64_t *restrict words)
{
    transpose(planes, words);
}

static void OF_SET(split32)(uint64_t *restrict planes, const uint32_t *restrict words)
{
    uint64_t rows[SYI_PLANE_BITS];
    for (size_t i = 0; i < SYI_PLANE_BITS; i++) {
        rows[i] = words[i];
    }
    transpose(rows, rows);
    memcpy(planes, rows, sizeof rows / 2);
}

#define DEFINE_WORDS(T, N)                                                           \
    static void OF_SET(low##N)(uint64_t *restrict plane, const T *restrict words)    \
    {                                                                                \
        uint64_t found[W] = {0};                                                     \
        for (unsigned k = 0; k < 64; k++) {                                          \
            for (size_t i = 0; i < W; i++) {                                         \
                found[i] |= (uint64_t)(words[k * W + i] & 1) << k;                   \
            }                                                                        \
        }                                                                            \
        memcpy(plane, found, sizeof found);                                          \
    }                                                                                \
    static void OF_SET(spread##N)(T *restrict words, const uint64_t *restrict plane) \
    {                                                                                \
        for (unsigned k = 0; k < 64; k++) {                                          \
            for (size_t i = 0; i < W; i++) {                                         \
                words[k * W + i] = (T)(plane[i] >> k & 1);                           \
            }                                                                        \
        }                                                                            \
    }
DEFINE_WORDS(uint64_t, 64)
DEFINE_WORDS(uint32_t, 32)

static void OF_SET(add)(uint64_t *restrict a, const uint64_t *restrict b, size_t planes)
{
    for (size_t i = 0; i < planes * W; i++) {
        a[i] ^= b[i];
    }
}

/* Shares of p3 p2 s and p3 p2 p1 s of the products of s with l3, l2, l3 l2, and with l3, l2, l1, l3 l2, l3 l1, l2 l1, l3 l2 l1: one
 * factor after the other, (h ^ l) t = h t ^ l t. */
static inline uint64_t two(uint64_t h3, uint64_t h2, uint64_t s, uint64_t s3, uint64_t s2,
                           uint64_t s32)
{
    return s32 ^ (h3 & s2) ^ (h2 & (s3 ^ (h3 & s)));
}
static inline uint64_t three(uint64_t h3, uint64_t h2, uint64_t h1, uint64_t s, uint64_t s3,
                             uint64_t s2, uint64_t s1, uint64_t s32, uint64_t s31, uint64_t s21,
                             uint64_t s321)
{
    return two(h3, h2, s1, s31, s21, s321) ^ (h1 & two(h3, h2, s, s3, s2, s32));
}
#define THREE(s, products, k)                                                           \
    three(h3, h2, h1, s, AT(products, k), AT(products, (k) + 1), AT(products, (k) + 2), \
          AT(products, (k) + 3), AT(products, (k) + 4), AT(products, (k) + 5),          \
          AT(products, (k) + 6))

static void OF_SET(leaf)(uint64_t *restrict g, uint64_t *restrict p, const uint64_t *restrict a,
                         const uint64_t *restrict r, const uint64_t *restrict products,
                         uint64_t lead)
{
    uint64_t passes[W];
    for (size_t i = 0; i < W; i++) {
        const uint64_t h3 = AT(a, 3), h2 = AT(a, 2), h1 = AT(a, 1), h0 = AT(a, 0);
        const uint64_t t2 = AT(products, 0) ^ (h3 & AT(r, 2));
        const uint64_t t1 =
            two(h3, h2, AT(r, 1), AT(products, 1), AT(products, 2), AT(products, 3));
        const uint64_t t0 = THREE(AT(r, 0), products, 4);
        const uint64_t q3 = AT(r, 3) ^ (h3 & lead), q2 = t2 ^ (h2 & q3), q1 = t1 ^ (h1 & q2);
        g[i] = (h3 & AT(r, 3)) ^ (h2 & t2) ^ (h1 & t1) ^ (h0 & t0);
        passes[i] = t0 ^ (h0 & q1);
    }
    if (p != NULL) {
        memcpy(p, passes, sizeof passes);
    }
}

static void OF_SET(all)(uint64_t *restrict p, const uint64_t *restrict h,
                        const uint64_t *restrict l, const uint64_t *restrict products,
                        uint64_t lead)
{
    for (size_t i = 0; i < W; i++) {
        const uint64_t h3 = AT(h, 3), h2 = AT(h, 2), h1 = AT(h, 1), h0 = AT(h, 0);
        const uint64_t q3 = AT(l, 3) ^ (h3 & lead);
        const uint64_t q2 = AT(products, 0) ^ (h3 & AT(l, 2)) ^ (h2 & q3);
        const uint64_t q1 =
            two(h3, h2, AT(l, 1), AT(products, 1), AT(products, 2), AT(products, 3)) ^ (h1 & q2);
        p[i] = THREE(AT(l, 0), products, 4) ^ (h0 & q1);
    }
}

static void OF_SET(node)(uint64_t *restrict g, uint64_t *restrict p, const uint64_t *restrict hg,
                         const uint64_t *restrict hp, const uint64_t *restrict lg,
                         const uint64_t *restrict lp, const uint64_t *restrict products,
                         uint64_t lead)
{
    uint64_t chain[W]; /* p3 p2 p1 */
    for (size_t i = 0; i < W; i++) {
        const uint64_t h3 = AT(hp, 3), h2 = AT(hp, 2), h1 = AT(hp, 1);
        const uint64_t t2 = AT(products, 0) ^ (h3 & AT(lg, 2));
        const uint64_t t1 =
            two(h3, h2, AT(lg, 1), AT(products, 1), AT(products, 2), AT(products, 3));
        const uint64_t t0 = THREE(AT(lg, 0), products, 4);
        const uint64_t q3 = AT(lp, 3) ^ (h3 & lead);
        const uint64_t q2 = AT(products, 11) ^ (h3 & AT(lp, 2)) ^ (h2 & q3);
        const uint64_t q1 =
            two(h3, h2, AT(lp, 1), AT(products, 12), AT(products, 13), AT(products, 14)) ^
            (h1 & q2);
        g[i] = AT(lg, 3) ^ (AT(hg, 3) & lead) ^ t2 ^ (AT(hg, 2) & q3) ^ t1 ^ (AT(hg, 1) & q2) ^ t0 ^
               (AT(hg, 0) & q1);
        chain[i] = q1;
    }
    for (size_t i = 0; p != NULL && i < W; i++) {
        const uint64_t h3 = AT(hp, 3), h2 = AT(hp, 2), h1 = AT(hp, 1);
        p[i] = THREE(AT(lp, 0), products, 15) ^ (AT(hp, 0) & chain[i]);
    }
}

static void OF_SET(pair)(uint64_t *restrict g, uint64_t *restrict p, const uint64_t *restrict hg,
                         const uint64_t *restrict hp, const uint64_t *restrict lg,
                         const uint64_t *restrict lp, const uint64_t *restrict products,
                         uint64_t lead)
{
    for (size_t i = 0; g != NULL && i < W; i++) {
        const uint64_t q = AT(lp, 1) ^ (AT(hp, 1) & lead);
        g[i] = AT(lg, 1) ^ (AT(hg, 1) & lead) ^ AT(products, 0) ^ (AT(hp, 1) & AT(lg, 0)) ^
               (AT(hg, 0) & q);
    }
    for (size_t i = 0; p != NULL && i < W; i++) {
        const uint64_t q = AT(lp, 1) ^ (AT(hp, 1) & lead);
        p[i] = AT(products, g != NULL ? 1 : 0) ^ (AT(hp, 1) & AT(lp, 0)) ^ (AT(hp, 0) & q);
    }
}

static void OF_SET(multiply)(uint64_t *restrict xy, const uint64_t *restrict e,
                             const uint64_t *restrict f, const uint64_t *restrict a,
                             const uint64_t *restrict b, const uint64_t *restrict ab, size_t planes,
                             uint64_t lead)
{
    for (size_t i = 0; i < planes * W; i++) {
        xy[i] = ab[i] ^ (e[i] & b[i]) ^ (f[i] & (a[i] ^ (e[i] & lead)));
    }
}

static void OF_SET(leaf_products)(uint64_t *restrict products, const uint64_t *restrict l)
{
    for (size_t i = 0; i < W; i++) {
        const uint64_t l3 = AT(l, 3), l2 = AT(l, 2), l1 = AT(l, 1), l0 = AT(l, 0);
        const uint64_t l32 = l3 & l2, l31 = l3 & l1, l21 = l2 & l1, l321 = l32 & l1;
        AT(products, 0) = l32;
        AT(products, 1) = l31;
        AT(products, 2) = l21;
        AT(products, 3) = l321;
        AT(products, 4) = l3 & l0;
        AT(products, 5) = l2 & l0;
        AT(products, 6) = l1 & l0;
        AT(products, 7) = l32 & l0;
        AT(products, 8) = l31 & l0;
        AT(products, 9) = l21 & l0;
        AT(products, 10) = l321 & l0;
    }
}

static void OF_SET(node_products)(uint64_t *restrict products, const uint64_t *restrict lg,
                                  const uint64_t *restrict lp, int with_p)
{
    for (size_t i = 0; i < W; i++) {
        const uint64_t p3 = AT(lp, 3), p2 = AT(lp, 2), p1 = AT(lp, 1), g1 = AT(lg, 1),
                       g0 = AT(lg, 0);
        const uint64_t p32 = p3 & p2, p31 = p3 & p1, p21 = p2 & p1, p321 = p32 & p1;
        AT(products, 0) = p3 & AT(lg, 2);
        AT(products, 1) = p3 & g1;
        AT(products, 2) = p2 & g1;
        AT(products, 3) = p32 & g1;
        AT(products, 4) = p3 & g0;
        AT(products, 5) = p2 & g0;
        AT(products, 6) = p1 & g0;
        AT(products, 7) = p32 & g0;
        AT(products, 8) = p31 & g0;
        AT(products, 9) = p21 & g0;
        AT(products, 10) = p321 & g0;
        AT(products, 11) = p32;
        AT(products, 12) = p31;
        AT(products, 13) = p21;
        AT(products, 14) = p321;
    }
    for (size_t i = 0; with_p != 0 && i < W; i++) {
        const uint64_t p3 = AT(lp, 3), p2 = AT(lp, 2), p1 = AT(lp, 1), p0 = AT(lp, 0);
        const uint64_t p32 = p3 & p2;
        AT(products, 15) = p3 & p0;
        AT(products, 16) = p2 & p0;
        AT(products, 17) = p1 & p0;
        AT(products, 18) = p32 & p0;
        AT(products, 19) = p3 & p1 & p0;
        AT(products, 20) = p2 & p1 & p0;
        AT(products, 21) = p32 & p1 & p0;
    }
}

#define PLANES_TEXT_(name) #name
#define PLANES_TEXT(name) PLANES_TEXT_(name)
extern const syi_plane_kernels PLANES_JOIN(syi_plane_kernels, SYI_RING_SET);
const syi_plane_kernels PLANES_JOIN(syi_plane_kernels, SYI_RING_SET) = {
    .name = PLANES_TEXT(SYI_RING_SET),
    .split64 = OF_SET(split64),
    .split32 = OF_SET(split32),
    .low64 = OF_SET(low64),
    .low32 = OF_SET(low32),
    .spread64 = OF_SET(spread64),
    .spread32 = OF_SET(spread32),
    .add = OF_SET(add),
    .leaf = OF_SET(leaf),
    .node = OF_SET(node),
    .pair = OF_SET(pair),
    .all = OF_SET(all),
    .multiply = OF_SET(multiply),
    .leaf_products = OF_SET(leaf_products),
    .node_products = OF_SET(node_products),
};
