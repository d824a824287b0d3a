/*
 * fixed_keys.h - hashing by AES under two public keys, which all keys of a batch share, and the trees of dcf.h and dpf.h that it
 * makes: H(s) = AES_K(s) xor s (Matyas, Meyer, Oseas), with K1 in the tree and K2 at its leaves. One table per way to do
 * AES, all with the same results bit for bit. Test: fixed_keys_test.c. Bench: fixed_keys_bench.c.
 *
 * Assumed is that AES under a public key cannot be told from a random permutation (the ideal cipher); keys are new for every
 * batch, so that nobody searches for the seeds of many batches at once. Key numbers, seeds and leaves are secret: no branch and no
 * address depends on them, nor on the numbers at which is evaluated.
 *
 * A group is SYI_FSS_GROUP keys: rows of 16 bytes each, one row per level of the tree from the top and one of leaves.
 */
#ifndef SYI_CRYPTO_FSS_FIXED_KEYS_H
#define SYI_CRYPTO_FSS_FIXED_KEYS_H

#include "ring/generator.h"

#define SYI_FSS_GROUP 32
#define SYI_FSS_SEED 16                            /* bytes */
#define SYI_FSS_ROW (SYI_FSS_GROUP * SYI_FSS_SEED) /* bytes */
#define SYI_FSS_ROW_WORDS (SYI_FSS_ROW / 8)        /* of 64 bits; of a seed the lower one first */
#define SYI_FSS_LEAF_MOST 7                        /* bits: a leaf is a seed's 128 bits */
#define SYI_FSS_BATCH_MOST 65536                   /* keys */

/* Of numbers of 1 to 64 bits, the lowest `leaf` of which (0 to 7) are a place in a leaf. */
typedef struct syi_fss_tree {
    unsigned bits, leaf;
} syi_fss_tree;

/* The usual one. */
static inline syi_fss_tree syi_fss_tree_of(unsigned bits)
{
    return (syi_fss_tree){bits, bits < SYI_FSS_LEAF_MOST ? bits : SYI_FSS_LEAF_MOST};
}
static inline unsigned syi_fss_levels(const syi_fss_tree *tree)
{
    return tree->bits - tree->leaf;
}
/* Bytes of a key without its root, and of a group. */
static inline size_t syi_fss_key(const syi_fss_tree *tree)
{
    return ((size_t)syi_fss_levels(tree) + 1) * SYI_FSS_SEED;
}
static inline size_t syi_fss_group(const syi_fss_tree *tree)
{
    return syi_fss_key(tree) * SYI_FSS_GROUP;
}

typedef struct syi_fixed_keys syi_fixed_keys;

/*
 * Walks of a group. Roots are a row of each holder's seeds, any bytes: the bits that are none of the seed's are put right. Numbers are
 * rows of words, 0 after each. False where OpenSSL fails, with nothing of use made.
 *   make   the rows of levels, and the leaf row as far as it does not depend on the place in the leaf
 *   walk   a holder's leaves, of which it takes the bit that the number says
 */
typedef bool (*syi_fss_make_fn)(const syi_fixed_keys *keys, const syi_fss_tree *tree,
                                uint8_t *group, const uint8_t *const roots[2],
                                const uint64_t *numbers);
typedef bool (*syi_fss_walk_fn)(const syi_fixed_keys *keys, const syi_fss_tree *tree,
                                uint8_t *leaves, const uint8_t *group, const uint8_t *roots,
                                const uint64_t *numbers, int holder);
typedef struct syi_fss_kernels {
    const char *name; /* "vaes512", "vaes", "aes", "openssl" */
    syi_fss_make_fn dcf_make;
    syi_fss_walk_fn dcf_walk;
    syi_fss_make_fn dpf_make;
    syi_fss_walk_fn dpf_walk;
} syi_fss_kernels;

struct syi_fixed_keys {
    _Alignas(16) uint8_t round_keys[2][11][16]; /* of K1 and K2 */
    const syi_fss_kernels *kernels;
    void *ciphers[2]; /* OpenSSL's */
};

/* `keys`: K1, then K2, 16 bytes each. One thread at a time uses them. SY_ENOMEM, SY_EIO when OpenSSL fails. */
#define SYI_FIXED_KEYS_SIZE 32
sy_status syi_fixed_keys_init(syi_fixed_keys *fixed, const uint8_t keys[SYI_FIXED_KEYS_SIZE],
                              sy_error *err);
/* Twice, and after a failed init, is nothing. */
void syi_fixed_keys_fini(syi_fixed_keys *fixed);

/* For tests and benches: those that the processor has, best first; NULL beyond. The last one is OpenSSL's. */
const syi_fss_kernels *syi_fss_kernels_at(size_t index);
sy_status syi_fixed_keys_init_with(syi_fixed_keys *fixed, const syi_fss_kernels *kernels,
                                   const uint8_t keys[SYI_FIXED_KEYS_SIZE], sy_error *err);

/* What a leaf adds for alpha's place in it, 0 to 127: bits, the lower word first. */
typedef void (*syi_fss_leaf_fn)(uint64_t leaf[2], uint64_t place);

/* What dcf.h and dpf.h do with their walks. */
sy_status syi_fss_make(const syi_fixed_keys *keys, const syi_fss_tree *tree, syi_fss_make_fn make,
                       syi_fss_leaf_fn leaf, uint8_t *group, const uint8_t *const roots[2],
                       const uint64_t alphas[SYI_FSS_GROUP], sy_error *err);
sy_status syi_fss_walk(const syi_fixed_keys *keys, const syi_fss_tree *tree, syi_fss_walk_fn walk,
                       uint32_t *bits, const uint8_t *group, const uint8_t *roots,
                       const uint64_t numbers[SYI_FSS_GROUP], int holder, sy_error *err);

#endif
