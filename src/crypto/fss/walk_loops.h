/*
 * walk_loops.h - the trees of one instruction set, made from these loops by its file, which defines first what a vector is: LANES
 * blocks of 128 bits, and AT_ONCE of them that are under way together, so that no instruction waits for the one before.
 * Nothing of a seed leaves the registers, but where there are too few of them. Folder crypto/fss only.
 */
#include "crypto/fss/ways.h"

/* Blocks are in registers only where nothing is left of their loops. */
#define UNROLL _Pragma("GCC unroll 16")
#define INLINE __attribute__((always_inline)) static inline
#define EACH(b) for (size_t b = 0; b < AT_ONCE; b++)
enum { ROUNDS = 10, STEP = AT_ONCE * LANES, PAIRS = AT_ONCE / 4, MADE = PAIRS * LANES };
_Static_assert(SYI_FSS_GROUP % STEP == 0 && SYI_FSS_GROUP % MADE == 0, "groups are whole steps");

/* The k-th vector of a row that begins at block `at`. */
#define IN_ROW(row, at, k) ((const uint8_t *)(row) + ((at) + (k)*LANES) * SYI_FSS_SEED)
#define OUT_ROW(row, at, k) ((uint8_t *)(row) + ((at) + (k)*LANES) * SYI_FSS_SEED)

/* out = AES(in) xor in */
INLINE void hash(const uint8_t round_keys[11][16], vector *out, const vector *in)
{
    vector key = BROADCAST(round_keys[0]);
    UNROLL EACH(b)
    {
        out[b] = XOR(in[b], key);
    }
    UNROLL
    for (int r = 1; r < ROUNDS; r++) {
        key = BROADCAST(round_keys[r]);
        UNROLL EACH(b)
        {
            out[b] = AESENC(out[b], key);
        }
    }
    key = BROADCAST(round_keys[ROUNDS]);
    UNROLL EACH(b)
    {
        out[b] = AESENCLAST(out[b], XOR(key, in[b]));
    }
}

/* All ones in blocks with that bit (0 to 31), else zeros. */
#define ALL_IF(v, bit) FIRST_WORD(SHIFT_RIGHT_SIGN(SHIFT_LEFT_32(v, 31 - (bit)), 31))
/* a where the mask is, else b. */
#define CHOOSE(mask, a, b) XOR(b, AND(mask, XOR(a, b)))

/* The bit of each number that a level asks for, in bit 0. Numbers' upper words are 0. */
INLINE vector turn(const uint64_t *numbers, size_t at, size_t k, unsigned shift, vector one)
{
    return AND(SHIFT_RIGHT_BY(LOAD(IN_ROW(numbers, at, k)), shift), one);
}

/* --- comparison: bit 0 of a seed is t, bit 1 v, bit 2 spare ------------------------------------ */

INLINE void dcf_walk_at(const syi_fixed_keys *keys, const syi_fss_tree *tree, uint8_t *leaves,
                        const uint8_t *group, const uint8_t *roots, const uint64_t *numbers,
                        int holder, size_t at)
{
    const unsigned levels = syi_fss_levels(tree);
    const vector one = LOWEST(1), two = LOWEST(2), low = LOWEST(7);
    vector seeds[AT_ONCE], in[AT_ONCE], out[AT_ONCE];
    UNROLL EACH(b)
    {
        seeds[b] = OR(ANDNOT(low, LOAD(IN_ROW(roots, at, b))), LOWEST(holder));
    }
    for (unsigned level = 0; level < levels; level++, group += SYI_FSS_ROW) {
        const unsigned shift = tree->bits - 1 - level;
        UNROLL EACH(b)
        {
            in[b] = OR(ANDNOT(low, seeds[b]), turn(numbers, at, b, shift, one));
        }
        hash(keys->round_keys[0], out, in);
        UNROLL EACH(b)
        {
            const vector correction = LOAD(IN_ROW(group, at, b));
            /* the lowest bit for this direction: in[b] has it in bit 0 */
            const vector other = AND(AND(SHIFT_RIGHT(correction, 2), one), in[b]);
            const vector counts = AND(ALL_IF(seeds[b], 0), XOR(correction, other));
            /* v adds up on the way */
            seeds[b] = XOR(XOR(out[b], AND(seeds[b], two)), counts);
        }
    }
    UNROLL EACH(b)
    {
        in[b] = ANDNOT(low, seeds[b]);
    }
    hash(keys->round_keys[1], out, in);
    UNROLL EACH(b)
    {
        const vector correction = AND(ALL_IF(seeds[b], 0), LOAD(IN_ROW(group, at, b)));
        STORE(OUT_ROW(leaves, at, b), XOR(XOR(out[b], correction), ALL_IF(seeds[b], 1)));
    }
}

static bool dcf_walk(const syi_fixed_keys *keys, const syi_fss_tree *tree, uint8_t *leaves,
                     const uint8_t *group, const uint8_t *roots, const uint64_t *numbers,
                     int holder)
{
    for (size_t at = 0; at < SYI_FSS_GROUP; at += STEP) {
        dcf_walk_at(keys, tree, leaves, group, roots, numbers, holder, at);
    }
    return true;
}

/* Both holders' seeds of some keys, and what of v is even on their way. */
typedef struct making {
    vector seeds[2][PAIRS], v[PAIRS];
} making;

/* What is hashed: [holder][direction][key] */
#define CHILD(holder, direction, k) ((((holder)*2) + (direction)) * PAIRS + (k))

INLINE void dcf_level(making *m, const vector *children, size_t k, vector number_bit,
                      uint8_t *correction_at)
{
    const vector one = LOWEST(1), low = LOWEST(7), two = LOWEST(2), a = number_bit;
    const vector keep = ALL_IF(a, 0);
    const vector left = XOR(children[CHILD(0, 0, k)], children[CHILD(1, 0, k)]);
    const vector right = XOR(children[CHILD(0, 1, k)], children[CHILD(1, 1, k)]);
    const vector lost = CHOOSE(keep, left, right);
    const vector v = AND(XOR(XOR(lost, m->v[k]), SHIFT_LEFT_32(a, 1)), two);
    const vector t_left = AND(XOR(XOR(left, a), one), one);
    const vector t_both = SHIFT_LEFT_32(AND(XOR(XOR(left, right), one), one), 2);
    const vector correction = OR(OR(ANDNOT(low, lost), v), OR(t_left, t_both));
    STORE(correction_at, correction);
    const vector kept = XOR(correction, AND(SHIFT_RIGHT(t_both, 2), a));
    vector sum = XOR(m->v[k], v);
    UNROLL
    for (size_t h = 0; h < 2; h++) {
        const vector child = CHOOSE(keep, children[CHILD(h, 1, k)], children[CHILD(h, 0, k)]);
        sum = XOR(sum, child);
        m->seeds[h][k] = XOR(child, AND(ALL_IF(m->seeds[h][k], 0), kept));
    }
    m->v[k] = AND(sum, two);
}

INLINE void dcf_make_at(const syi_fixed_keys *keys, const syi_fss_tree *tree, uint8_t *group,
                        const uint8_t *const roots[2], const uint64_t *numbers, size_t at)
{
    const unsigned levels = syi_fss_levels(tree);
    const vector one = LOWEST(1), low = LOWEST(7);
    vector in[AT_ONCE], out[AT_ONCE];
    making m;
    UNROLL
    for (size_t k = 0; k < PAIRS; k++) {
        m.seeds[0][k] = ANDNOT(low, LOAD(IN_ROW(roots[0], at, k)));
        m.seeds[1][k] = OR(ANDNOT(low, LOAD(IN_ROW(roots[1], at, k))), one);
        m.v[k] = LOWEST(0);
    }
    for (unsigned level = 0; level < levels; level++, group += SYI_FSS_ROW) {
        const unsigned shift = tree->bits - 1 - level;
        UNROLL
        for (size_t k = 0; k < 2 * PAIRS; k++) {
            const size_t h = k / PAIRS;
            in[CHILD(h, 0, k % PAIRS)] = ANDNOT(low, m.seeds[h][k % PAIRS]);
            in[CHILD(h, 1, k % PAIRS)] = OR(in[CHILD(h, 0, k % PAIRS)], one);
        }
        hash(keys->round_keys[0], out, in);
        UNROLL
        for (size_t k = 0; k < PAIRS; k++) {
            dcf_level(&m, out, k, turn(numbers, at, k, shift, one), OUT_ROW(group, at, k));
        }
    }
    UNROLL
    for (size_t k = 0; k < 2 * PAIRS; k++) { /* the second half is not needed */
        in[k] = ANDNOT(low, m.seeds[k / PAIRS][k % PAIRS]);
        in[k + 2 * PAIRS] = in[k];
    }
    hash(keys->round_keys[1], out, in);
    UNROLL
    for (size_t k = 0; k < PAIRS; k++) {
        STORE(OUT_ROW(group, at, k), XOR(XOR(out[k], out[k + PAIRS]), ALL_IF(m.v[k], 1)));
    }
}

static bool dcf_make(const syi_fixed_keys *keys, const syi_fss_tree *tree, uint8_t *group,
                     const uint8_t *const roots[2], const uint64_t *numbers)
{
    for (size_t at = 0; at < SYI_FSS_GROUP; at += MADE) {
        dcf_make_at(keys, tree, group, roots, numbers, at);
    }
    return true;
}

/* --- point: bit 0 of a seed is t --------------------------------------------------------------- */

/* (high, low) -> (high xor low, high) */
#define SIGMA(v, high) XOR(SWAP_HALVES(v), AND(v, high))

INLINE void dpf_walk_at(const syi_fixed_keys *keys, const syi_fss_tree *tree, uint8_t *leaves,
                        const uint8_t *group, const uint8_t *roots, const uint64_t *numbers,
                        int holder, size_t at)
{
    const unsigned levels = syi_fss_levels(tree);
    const vector one = LOWEST(1), high = HIGH;
    vector seeds[AT_ONCE], in[AT_ONCE], out[AT_ONCE];
    UNROLL EACH(b)
    {
        seeds[b] = OR(ANDNOT(one, LOAD(IN_ROW(roots, at, b))), LOWEST(holder));
    }
    for (unsigned level = 0; level < levels; level++, group += SYI_FSS_ROW) {
        const unsigned shift = tree->bits - 1 - level;
        UNROLL EACH(b)
        {
            in[b] = SIGMA(seeds[b], high);
        }
        hash(keys->round_keys[0], out, in);
        UNROLL EACH(b)
        {
            const vector right = ALL_IF(turn(numbers, at, b, shift, one), 0);
            const vector counts = AND(ALL_IF(seeds[b], 0), LOAD(IN_ROW(group, at, b)));
            seeds[b] = XOR(XOR(out[b], counts), AND(seeds[b], right));
        }
    }
    UNROLL EACH(b)
    {
        in[b] = ANDNOT(one, seeds[b]);
    }
    hash(keys->round_keys[1], out, in);
    UNROLL EACH(b)
    {
        const vector correction = AND(ALL_IF(seeds[b], 0), LOAD(IN_ROW(group, at, b)));
        STORE(OUT_ROW(leaves, at, b), XOR(out[b], correction));
    }
}

static bool dpf_walk(const syi_fixed_keys *keys, const syi_fss_tree *tree, uint8_t *leaves,
                     const uint8_t *group, const uint8_t *roots, const uint64_t *numbers,
                     int holder)
{
    for (size_t at = 0; at < SYI_FSS_GROUP; at += STEP) {
        dpf_walk_at(keys, tree, leaves, group, roots, numbers, holder, at);
    }
    return true;
}

/* Holder 0's seeds are the first half of the vectors, holder 1's the second. */
INLINE void dpf_make_at(const syi_fixed_keys *keys, const syi_fss_tree *tree, uint8_t *group,
                        const uint8_t *const roots[2], const uint64_t *numbers, size_t at)
{
    enum { HALF = AT_ONCE / 2 };
    const unsigned levels = syi_fss_levels(tree);
    const vector one = LOWEST(1), high = HIGH;
    vector seeds[AT_ONCE], in[AT_ONCE], out[AT_ONCE];
    UNROLL
    for (size_t k = 0; k < HALF; k++) {
        seeds[k] = ANDNOT(one, LOAD(IN_ROW(roots[0], at, k)));
        seeds[HALF + k] = OR(LOAD(IN_ROW(roots[1], at, k)), one);
    }
    for (unsigned level = 0; level < levels; level++, group += SYI_FSS_ROW) {
        const unsigned shift = tree->bits - 1 - level;
        UNROLL EACH(b)
        {
            in[b] = SIGMA(seeds[b], high);
        }
        hash(keys->round_keys[0], out, in);
        UNROLL
        for (size_t k = 0; k < HALF; k++) {
            const vector right = ALL_IF(turn(numbers, at, k, shift, one), 0);
            const vector correction =
                XOR(XOR(out[k], out[HALF + k]), ANDNOT(right, XOR(seeds[k], seeds[HALF + k])));
            STORE(OUT_ROW(group, at, k), correction);
            UNROLL
            for (size_t b = k; b < AT_ONCE; b += HALF) {
                const vector counts = AND(ALL_IF(seeds[b], 0), correction);
                seeds[b] = XOR(XOR(out[b], counts), AND(seeds[b], right));
            }
        }
    }
    UNROLL EACH(b)
    {
        in[b] = ANDNOT(one, seeds[b]);
    }
    hash(keys->round_keys[1], out, in);
    UNROLL
    for (size_t k = 0; k < HALF; k++) {
        STORE(OUT_ROW(group, at, k), XOR(out[k], out[HALF + k]));
    }
}

static bool dpf_make(const syi_fixed_keys *keys, const syi_fss_tree *tree, uint8_t *group,
                     const uint8_t *const roots[2], const uint64_t *numbers)
{
    for (size_t at = 0; at < SYI_FSS_GROUP; at += STEP / 2) {
        dpf_make_at(keys, tree, group, roots, numbers, at);
    }
    return true;
}

#define KERNELS(NAME)                                                                   \
    {                                                                                   \
        .name = NAME, .dcf_make = dcf_make, .dcf_walk = dcf_walk, .dpf_make = dpf_make, \
        .dpf_walk = dpf_walk                                                            \
    }
