/* walk_openssl.c - trees on plain words, hashed by OpenSSL a row at a time: what all other ways are compared with. */
#include <string.h>

#include <openssl/evp.h>

#include "core/memory.h"
#include "crypto/fss/dpf.h"
#include "crypto/fss/ways.h"

enum { N = SYI_FSS_GROUP, WORDS = SYI_FSS_ROW_WORDS };
/* Bits of a seed. */
enum { T = 1, V = 2, SEED_FROM = 8 };

/* Rows of seeds at each holder, what is hashed of them, and what comes out. */
typedef struct room {
    uint64_t seeds[2][WORDS];
    uint64_t in[4][WORDS], out[4][WORDS];
    uint64_t v[N]; /* 0 or V */
} room;

/* out = H(in), of `rows` rows that lie behind each other. */
static bool hash(const syi_fixed_keys *keys, int which, uint64_t (*out)[WORDS],
                 uint64_t (*in)[WORDS], int rows)
{
    const int size = rows * SYI_FSS_ROW;
    int made = 0;
    if (EVP_EncryptUpdate(keys->ciphers[which], (uint8_t *)out[0], &made, (const uint8_t *)in[0],
                          size) != 1 ||
        made != size) {
        return false;
    }
    for (int r = 0; r < rows; r++) {
        for (size_t k = 0; k < WORDS; k++) {
            out[r][k] ^= in[r][k];
        }
    }
    return true;
}

static uint64_t all_if(uint64_t bit)
{
    return 0 - (bit & 1);
}

/* The bit of a number that a level asks for. */
static uint64_t turn(const syi_fss_tree *tree, unsigned level, uint64_t number)
{
    return number >> (tree->bits - 1 - level) & 1;
}

static void load_roots(uint64_t *seeds, const uint8_t *roots, int holder, uint64_t clear)
{
    memcpy(seeds, roots, SYI_FSS_ROW);
    for (size_t k = 0; k < N; k++) {
        seeds[2 * k] = (seeds[2 * k] & ~clear) | (uint64_t)holder;
    }
}

/* --- comparison -------------------------------------------------------------------------------- */

/* What is hashed of seeds: theirs, with the direction. */
static void dcf_children(uint64_t *in, const uint64_t *seeds, const uint64_t *directions)
{
    for (size_t k = 0; k < N; k++) {
        in[2 * k] = (seeds[2 * k] & ~(uint64_t)(SEED_FROM - 1)) | directions[k];
        in[2 * k + 1] = seeds[2 * k + 1];
    }
}

/* One key's correction, the differences of the children given; the kept children become the seeds. */
static void dcf_level(room *m, size_t k, uint64_t a, uint64_t *correction)
{
    const uint64_t keep = all_if(a);
    uint64_t kept[2][2], lost[2];
    for (size_t w = 0; w < 2; w++) {
        const size_t at = 2 * k + w;
        const uint64_t left = m->out[0][at] ^ m->out[2][at], right = m->out[1][at] ^ m->out[3][at];
        lost[w] = (left & keep) | (right & ~keep);
        for (size_t h = 0; h < 2; h++) {
            kept[h][w] = (m->out[2 * h + 1][at] & keep) | (m->out[2 * h][at] & ~keep);
        }
    }
    const uint64_t left = m->out[0][2 * k] ^ m->out[2][2 * k],
                   right = m->out[1][2 * k] ^ m->out[3][2 * k];
    const uint64_t v = (lost[0] ^ m->v[k] ^ a << 1) & V, t_left = (left ^ a ^ 1) & T,
                   t_right = (right ^ a) & T;
    const uint64_t seed = lost[0] & ~(uint64_t)(SEED_FROM - 1);
    correction[0] = seed | v | t_left | (t_left ^ t_right) << 2;
    correction[1] = lost[1];
    const uint64_t t_kept = (t_right & keep) | (t_left & ~keep);
    for (size_t h = 0; h < 2; h++) {
        const uint64_t counts = all_if(m->seeds[h][2 * k]);
        m->seeds[h][2 * k] = kept[h][0] ^ ((seed | v | t_kept) & counts);
        m->seeds[h][2 * k + 1] = kept[h][1] ^ (lost[1] & counts);
    }
    m->v[k] = (m->v[k] ^ kept[0][0] ^ kept[1][0] ^ v) & V;
}

static bool dcf_make_in(room *m, const syi_fixed_keys *keys, const syi_fss_tree *tree,
                        uint8_t *group, const uint64_t *numbers)
{
    static const uint64_t left[N];
    uint64_t right[N], *out = (uint64_t *)(void *)group;
    const unsigned levels = syi_fss_levels(tree);
    for (size_t k = 0; k < N; k++) {
        right[k] = 1;
    }
    for (unsigned level = 0; level < levels; level++, out += WORDS) {
        for (size_t h = 0; h < 2; h++) {
            dcf_children(m->in[2 * h], m->seeds[h], left);
            dcf_children(m->in[2 * h + 1], m->seeds[h], right);
        }
        if (!hash(keys, 0, m->out, m->in, 4)) {
            return false;
        }
        for (size_t k = 0; k < N; k++) {
            dcf_level(m, k, turn(tree, level, numbers[2 * k]), out + 2 * k);
        }
    }
    dcf_children(m->in[0], m->seeds[0], left);
    dcf_children(m->in[1], m->seeds[1], left);
    if (!hash(keys, 1, m->out, m->in, 2)) {
        return false;
    }
    for (size_t k = 0; k < WORDS; k++) {
        out[k] = m->out[0][k] ^ m->out[1][k] ^ all_if(m->v[k / 2] >> 1);
    }
    return true;
}

static bool dcf_make(const syi_fixed_keys *keys, const syi_fss_tree *tree, uint8_t *group,
                     const uint8_t *const roots[2], const uint64_t *numbers)
{
    room m;
    memset(m.v, 0, sizeof m.v);
    for (int h = 0; h < 2; h++) {
        load_roots(m.seeds[h], roots[h], h, SEED_FROM - 1);
    }
    const bool good = dcf_make_in(&m, keys, tree, group, numbers);
    syi_wipe(&m, sizeof m);
    return good;
}

static bool dcf_walk_in(room *m, const syi_fixed_keys *keys, const syi_fss_tree *tree,
                        uint64_t *leaves, const uint64_t *corrections, const uint64_t *numbers)
{
    static const uint64_t none[N];
    uint64_t *seeds = m->seeds[0], directions[N];
    const unsigned levels = syi_fss_levels(tree);
    for (unsigned level = 0; level < levels; level++, corrections += WORDS) {
        for (size_t k = 0; k < N; k++) {
            directions[k] = turn(tree, level, numbers[2 * k]);
        }
        dcf_children(m->in[0], seeds, directions);
        if (!hash(keys, 0, m->out, m->in, 1)) {
            return false;
        }
        for (size_t k = 0; k < N; k++) {
            const uint64_t counts = all_if(seeds[2 * k]), c = corrections[2 * k];
            seeds[2 * k] = m->out[0][2 * k] ^ ((c ^ (c >> 2 & directions[k])) & counts);
            seeds[2 * k + 1] = m->out[0][2 * k + 1] ^ (corrections[2 * k + 1] & counts);
            m->v[k] ^= seeds[2 * k] & V;
        }
    }
    dcf_children(m->in[0], seeds, none);
    if (!hash(keys, 1, m->out, m->in, 1)) {
        return false;
    }
    for (size_t k = 0; k < WORDS; k++) {
        leaves[k] = m->out[0][k] ^ (corrections[k] & all_if(seeds[k & ~(size_t)1])) ^
                    all_if(m->v[k / 2] >> 1);
    }
    return true;
}

static bool dcf_walk(const syi_fixed_keys *keys, const syi_fss_tree *tree, uint8_t *leaves,
                     const uint8_t *group, const uint8_t *roots, const uint64_t *numbers,
                     int holder)
{
    room m;
    memset(m.v, 0, sizeof m.v);
    load_roots(m.seeds[0], roots, holder, SEED_FROM - 1);
    const bool good = dcf_walk_in(&m, keys, tree, (uint64_t *)(void *)leaves,
                                  (const uint64_t *)(const void *)group, numbers);
    syi_wipe(&m, sizeof m);
    return good;
}

/* --- point ------------------------------------------------------------------------------------- */

/* What is hashed at a leaf: seeds without t. */
static void dpf_leaves(uint64_t *in, const uint64_t *seeds)
{
    for (size_t k = 0; k < WORDS; k++) {
        in[k] = seeds[k] & ~(uint64_t)(k % 2 == 0 ? T : 0);
    }
}

static void dpf_children(uint64_t *in, const uint64_t *seeds)
{
    for (size_t k = 0; k < N; k++) {
        syi_dpf_sigma(in + 2 * k, seeds + 2 * k);
    }
}

static bool dpf_make_in(room *m, const syi_fixed_keys *keys, const syi_fss_tree *tree,
                        uint8_t *group, const uint64_t *numbers)
{
    uint64_t *out = (uint64_t *)(void *)group, *s0 = m->seeds[0], *s1 = m->seeds[1];
    const unsigned levels = syi_fss_levels(tree);
    for (unsigned level = 0; level < levels; level++, out += WORDS) {
        dpf_children(m->in[0], s0);
        dpf_children(m->in[1], s1);
        if (!hash(keys, 0, m->out, m->in, 2)) {
            return false;
        }
        for (size_t k = 0; k < N; k++) {
            const uint64_t right = all_if(turn(tree, level, numbers[2 * k])),
                           counts0 = all_if(s0[2 * k]), counts1 = all_if(s1[2 * k]);
            for (size_t at = 2 * k; at < 2 * k + 2; at++) {
                out[at] = m->out[0][at] ^ m->out[1][at] ^ ((s0[at] ^ s1[at]) & ~right);
                s0[at] = m->out[0][at] ^ (s0[at] & right) ^ (out[at] & counts0);
                s1[at] = m->out[1][at] ^ (s1[at] & right) ^ (out[at] & counts1);
            }
        }
    }
    dpf_leaves(m->in[0], s0);
    dpf_leaves(m->in[1], s1);
    if (!hash(keys, 1, m->out, m->in, 2)) {
        return false;
    }
    for (size_t k = 0; k < WORDS; k++) {
        out[k] = m->out[0][k] ^ m->out[1][k];
    }
    return true;
}

static bool dpf_make(const syi_fixed_keys *keys, const syi_fss_tree *tree, uint8_t *group,
                     const uint8_t *const roots[2], const uint64_t *numbers)
{
    room m;
    for (int h = 0; h < 2; h++) {
        load_roots(m.seeds[h], roots[h], h, T);
    }
    const bool good = dpf_make_in(&m, keys, tree, group, numbers);
    syi_wipe(&m, sizeof m);
    return good;
}

static bool dpf_walk_in(room *m, const syi_fixed_keys *keys, const syi_fss_tree *tree,
                        uint64_t *leaves, const uint64_t *corrections, const uint64_t *numbers)
{
    uint64_t *seeds = m->seeds[0];
    const unsigned levels = syi_fss_levels(tree);
    for (unsigned level = 0; level < levels; level++, corrections += WORDS) {
        dpf_children(m->in[0], seeds);
        if (!hash(keys, 0, m->out, m->in, 1)) {
            return false;
        }
        for (size_t k = 0; k < N; k++) {
            const uint64_t right = all_if(turn(tree, level, numbers[2 * k])),
                           counts = all_if(seeds[2 * k]);
            for (size_t at = 2 * k; at < 2 * k + 2; at++) {
                seeds[at] = m->out[0][at] ^ (seeds[at] & right) ^ (corrections[at] & counts);
            }
        }
    }
    dpf_leaves(m->in[0], seeds);
    if (!hash(keys, 1, m->out, m->in, 1)) {
        return false;
    }
    for (size_t k = 0; k < WORDS; k++) {
        leaves[k] = m->out[0][k] ^ (corrections[k] & all_if(seeds[k & ~(size_t)1]));
    }
    return true;
}

static bool dpf_walk(const syi_fixed_keys *keys, const syi_fss_tree *tree, uint8_t *leaves,
                     const uint8_t *group, const uint8_t *roots, const uint64_t *numbers,
                     int holder)
{
    room m;
    load_roots(m.seeds[0], roots, holder, T);
    const bool good = dpf_walk_in(&m, keys, tree, (uint64_t *)(void *)leaves,
                                  (const uint64_t *)(const void *)group, numbers);
    syi_wipe(&m, sizeof m);
    return good;
}

const syi_fss_kernels syi_fss_kernels_openssl = {.name = "openssl",
                                                 .dcf_make = dcf_make,
                                                 .dcf_walk = dcf_walk,
                                                 .dpf_make = dpf_make,
                                                 .dpf_walk = dpf_walk};
