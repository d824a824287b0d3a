/*
 * fixed_keys_test.c - comparison and point functions: for every alpha and every number in small trees, at the edges and at random
 * in large ones; every way to do AES makes the same keys; keys look random whatever alpha is.
 */
#include "crypto/fss/fixed_keys.h"

#include <string.h>

#include "crypto/fss/dcf.h"
#include "crypto/fss/dpf.h"
#include "support/party_scene.h"

enum { GROUP = SYI_FSS_GROUP };

typedef struct function {
    const char *name;
    sy_status (*make)(const syi_fixed_keys *keys, const syi_fss_tree *tree, uint8_t *group,
                      const uint8_t *const roots[2], const uint64_t alphas[GROUP], sy_error *err);
    sy_status (*walk)(const syi_fixed_keys *keys, const syi_fss_tree *tree, uint32_t *bits,
                      const uint8_t *group, const uint8_t *roots, const uint64_t numbers[GROUP],
                      int holder, sy_error *err);
    bool less; /* [x < alpha], otherwise [x = alpha] */
} function;

static const function functions[] = {{"dcf", syi_dcf_make, syi_dcf_walk, true},
                                     {"dpf", syi_dpf_make, syi_dpf_walk, false}};
enum { FUNCTIONS = sizeof functions / sizeof functions[0] };

/* The largest group. */
typedef struct group {
    _Alignas(64) uint8_t rows[(64 + 1) * SYI_FSS_ROW], roots[2][SYI_FSS_ROW];
    uint64_t alphas[GROUP];
} group;

static syi_fixed_keys open_keys(const syi_fss_kernels *kernels, uint8_t number)
{
    uint8_t bytes[SYI_FIXED_KEYS_SIZE];
    syi_fixed_keys keys;
    sy_error err = SY_ERROR_INIT;
    for (size_t k = 0; k < sizeof bytes; k++) {
        bytes[k] = (uint8_t)(number + 37 * k);
    }
    assert_ok(syi_fixed_keys_init_with(&keys, kernels, bytes, &err), &err);
    return keys;
}

static void draw_roots(group *g, property_random *random)
{
    for (size_t h = 0; h < 2; h++) {
        for (size_t k = 0; k < SYI_FSS_ROW; k += 8) {
            const uint64_t word = property_next(random);
            memcpy(g->roots[h] + k, &word, 8);
        }
    }
}

static void make(const function *f, const syi_fixed_keys *keys, const syi_fss_tree *tree, group *g)
{
    const uint8_t *const roots[2] = {g->roots[0], g->roots[1]};
    sy_error err = SY_ERROR_INIT;
    assert_ok(f->make(keys, tree, g->rows, roots, g->alphas, &err), &err);
}

static uint32_t walk(const function *f, const syi_fixed_keys *keys, const syi_fss_tree *tree,
                     const group *g, const uint64_t *numbers, int holder)
{
    uint32_t bits = 0;
    sy_error err = SY_ERROR_INIT;
    assert_ok(f->walk(keys, tree, &bits, g->rows, g->roots[holder], numbers, holder, &err), &err);
    return bits;
}

static void check(const function *f, const syi_fixed_keys *keys, const syi_fss_tree *tree,
                  const group *g, const uint64_t *numbers)
{
    const uint32_t found = walk(f, keys, tree, g, numbers, 0) ^ walk(f, keys, tree, g, numbers, 1);
    for (unsigned k = 0; k < GROUP; k++) {
        const uint64_t x = numbers[k], alpha = g->alphas[k];
        if ((found >> k & 1) != (f->less ? x < alpha : x == alpha)) {
            fail_msg("%s by %s, %u bits, leaf of %u, key %u: wrong at %" PRIu64
                     " for alpha %" PRIu64,
                     f->name, keys->kernels->name, tree->bits, tree->leaf, k, x, alpha);
        }
    }
}

/* All alphas, all numbers. */
static void check_all(const function *f, const syi_fixed_keys *keys, const syi_fss_tree *tree,
                      property_random *random)
{
    const uint64_t all = UINT64_C(1) << tree->bits;
    static group g;
    for (uint64_t first = 0; first < all; first += GROUP) {
        for (unsigned k = 0; k < GROUP; k++) {
            g.alphas[k] = (first + k) % all;
        }
        draw_roots(&g, random);
        make(f, keys, tree, &g);
        for (uint64_t x = 0; x < all; x++) {
            uint64_t numbers[GROUP];
            for (unsigned k = 0; k < GROUP; k++) {
                numbers[k] = (x + k) % all;
            }
            check(f, keys, tree, &g, numbers);
        }
    }
}

static void test_exhaustive(void **state)
{
    (void)state;
    static const syi_fss_tree trees[] = {{8, 3}, {8, 0}, {8, 7}, {7, 7}, {3, 0}, {1, 1}};
    property_random random = property_start("exhaustive");
    for (size_t way = 0; syi_fss_kernels_at(way) != NULL; way++) {
        syi_fixed_keys keys = open_keys(syi_fss_kernels_at(way), 1);
        for (size_t f = 0; f < FUNCTIONS; f++) {
            for (size_t t = 0; t<sizeof trees / sizeof trees[0]; t += TEST_SLOWNESS> 1 ? 2 : 1) {
                check_all(&functions[f], &keys, &trees[t], &random);
            }
        }
        syi_fixed_keys_fini(&keys);
    }
}

static uint64_t below(unsigned bits, uint64_t number)
{
    return bits < 64 ? number & ((UINT64_C(1) << bits) - 1) : number;
}

/* Numbers that are equal to alpha, next to it, differ from it in one bit, are first or last, or anything. */
static void test_large(void **state)
{
    (void)state;
    static const unsigned sizes[] = {31, 32, 63, 64};
    property_random random = property_start("large");
    const long turns = SCENE_WATCHED ? 8 : property_iterations(40);
    static group g;
    for (size_t way = 0; syi_fss_kernels_at(way) != NULL; way++) {
        syi_fixed_keys keys = open_keys(syi_fss_kernels_at(way), 2);
        for (size_t n = 0; n < sizeof sizes / sizeof sizes[0]; n++) {
            for (long turn = 0; turn < turns; turn++) {
                const function *f = &functions[turn % FUNCTIONS];
                const unsigned bits = sizes[n];
                const syi_fss_tree tree =
                    turn % 8 < 6 ? syi_fss_tree_of(bits) : (syi_fss_tree){bits, (unsigned)turn % 7};
                for (unsigned k = 0; k < GROUP; k++) {
                    const uint64_t number = property_next(&random);
                    const uint64_t edges[] = {0, UINT64_MAX, number,
                                              (UINT64_C(1) << number % bits) - (number >> 60 & 1)};
                    g.alphas[k] = below(bits, edges[(k + (unsigned)turn / 2) % 4]);
                }
                draw_roots(&g, &random);
                make(f, &keys, &tree, &g);
                for (unsigned kind = 0; kind < bits + 6; kind++) {
                    uint64_t numbers[GROUP];
                    for (unsigned k = 0; k < GROUP; k++) {
                        const uint64_t alpha = g.alphas[k],
                                       others[] = {alpha, alpha + 1,  alpha - 1,
                                                   0,     UINT64_MAX, property_next(&random)};
                        numbers[k] = below(bits, kind < bits ? alpha ^ UINT64_C(1) << kind
                                                             : others[kind - bits]);
                    }
                    check(f, &keys, &tree, &g, numbers);
                }
            }
        }
        syi_fixed_keys_fini(&keys);
    }
}

/* The same keys, and each holder the same bits. */
static void test_ways_agree(void **state)
{
    (void)state;
    static const unsigned sizes[] = {1, 7, 8, 9, 31, 63, 64};
    property_random random = property_start("ways");
    size_t ways = 0;
    while (syi_fss_kernels_at(ways + 1) != NULL) {
        ways++;
    }
    assert_string_equal(syi_fss_kernels_at(ways)->name, "openssl");
    syi_fixed_keys oracle = open_keys(syi_fss_kernels_at(ways), 3);
    for (size_t way = 0; way < ways; way++) {
        syi_fixed_keys keys = open_keys(syi_fss_kernels_at(way), 3);
        for (size_t n = 0; n < FUNCTIONS * sizeof sizes / sizeof sizes[0]; n++) {
            const function *f = &functions[n % FUNCTIONS];
            const syi_fss_tree tree = syi_fss_tree_of(sizes[n / FUNCTIONS]);
            const size_t size = syi_fss_group(&tree);
            uint64_t numbers[GROUP];
            static group a, b;
            for (unsigned k = 0; k < GROUP; k++) {
                a.alphas[k] = below(tree.bits, property_next(&random));
                numbers[k] = below(tree.bits, property_next(&random));
            }
            draw_roots(&a, &random);
            memset(a.rows, 0xee, sizeof a.rows);
            b = a;
            make(f, &oracle, &tree, &a);
            make(f, &keys, &tree, &b);
            assert_memory_equal(a.rows, b.rows, sizeof a.rows);
            assert_int_equal(a.rows[size], 0xee); /* and no more than that */
            for (int h = 0; h < 2; h++) {
                assert_int_equal(walk(f, &oracle, &tree, &a, numbers, h),
                                 walk(f, &keys, &tree, &a, numbers, h));
            }
        }
        syi_fixed_keys_fini(&keys);
    }
    syi_fixed_keys_fini(&oracle);
}

/* What a holder has of keys for the same alpha; and of its bits about half are set. */
static void check_uniform(const function *f, const syi_fixed_keys *keys, uint64_t alpha,
                          property_random *random)
{
    enum { GROUPS = 64 / TEST_SLOWNESS };
    const syi_fss_tree tree = syi_fss_tree_of(64);
    const size_t size = syi_fss_group(&tree);
    uint8_t *bytes = malloc(GROUPS * size);
    uint32_t set[2] = {0, 0};
    assert_non_null(bytes);
    for (size_t k = 0; k < GROUPS; k++) {
        uint64_t numbers[GROUP];
        static group g;
        for (unsigned i = 0; i < GROUP; i++) {
            g.alphas[i] = alpha;
            numbers[i] = alpha ^ (i % 2);
        }
        draw_roots(&g, random);
        make(f, keys, &tree, &g);
        memcpy(bytes + k * size, g.rows, size);
        for (int h = 0; h < 2; h++) {
            set[h] += (uint32_t)__builtin_popcount(walk(f, keys, &tree, &g, numbers, h));
        }
    }
    assert_true(scene_chi_square(bytes, GROUPS * size) < 360);
    /* the levels' lowest bits, too, and each level by itself as far as its bytes do */
    for (size_t row = 0; row < size; row += SYI_FSS_ROW) {
        size_t ones[8] = {0};
        for (size_t k = 0; k < GROUPS; k++) {
            for (size_t i = 0; i < SYI_FSS_ROW; i += SYI_FSS_SEED) {
                for (unsigned b = 0; b < 8; b++) {
                    ones[b] += bytes[k * size + row + i] >> b & 1;
                }
            }
        }
        for (unsigned b = 0; b < 8; b++) {
            const double half = GROUPS * GROUP / 2.0, off = (double)ones[b] - half;
            assert_true(off * off < 25 * half / 2); /* five deviations */
        }
    }
    for (int h = 0; h < 2; h++) {
        const double half = GROUPS * GROUP / 2.0, off = set[h] - half;
        assert_true(off * off < 25 * half / 2);
    }
    free(bytes);
}

static void test_uniform(void **state)
{
    (void)state;
    static const uint64_t alphas[] = {0, UINT64_MAX, 1, UINT64_C(1) << 63, 0x123456789abcdef};
    property_random random = property_start("uniform");
    syi_fixed_keys keys = open_keys(syi_fss_kernels_at(0), 4);
    for (size_t f = 0; f < FUNCTIONS; f++) {
        for (size_t k = 0; k < sizeof alphas / sizeof alphas[0]; k++) {
            check_uniform(&functions[f], &keys, alphas[k], &random);
        }
    }
    syi_fixed_keys_fini(&keys);
}

/* Other public keys, other roots or another alpha make other keys. */
static void test_differ(void **state)
{
    (void)state;
    property_random random = property_start("differ");
    const syi_fss_tree tree = syi_fss_tree_of(63);
    for (size_t f = 0; f < FUNCTIONS; f++) {
        syi_fixed_keys keys = open_keys(syi_fss_kernels_at(0), 5),
                       other_keys = open_keys(syi_fss_kernels_at(0), 6);
        static group g, other;
        memset(&g, 0, sizeof g);
        draw_roots(&g, &random);
        other = g;
        make(&functions[f], &keys, &tree, &g);
        make(&functions[f], &other_keys, &tree, &other);
        for (size_t row = 0; row < syi_fss_group(&tree); row += SYI_FSS_ROW) {
            assert_memory_not_equal(g.rows + row, other.rows + row, SYI_FSS_SEED);
        }
        make(&functions[f], &keys, &tree, &other);
        assert_memory_equal(g.rows, other.rows, syi_fss_group(&tree));
        for (unsigned k = 0; k < GROUP; k++) {
            other.alphas[k] = UINT64_C(1) << 62; /* the first level */
        }
        make(&functions[f], &keys, &tree, &other);
        for (size_t row = 0; row < syi_fss_group(&tree); row += SYI_FSS_ROW) {
            assert_memory_not_equal(g.rows + row, other.rows + row, SYI_FSS_SEED);
        }
        syi_fixed_keys_fini(&keys);
        syi_fixed_keys_fini(&other_keys);
        syi_fixed_keys_fini(&keys);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exhaustive), cmocka_unit_test(test_large),
        cmocka_unit_test(test_ways_agree), cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
