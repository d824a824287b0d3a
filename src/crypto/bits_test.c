/*
 * bits_test.c - comparisons on masked bits: what they consist of and cost, and what is opened. That they are right:
 * comparison_test.c; what else holders see, and failures: comparison_transcript_test.c.
 */
#include "crypto/bits.h"

#include "support/comparison_scene.h"

/* --- what it consists of ----------------------------------------------------------------------- */

/* The figures of protocols that were counted by hand (docs/internals/comparison.md). */
static void test_trees(void **state)
{
    static const struct {
        unsigned bits;
        bool equal;
        unsigned levels, products[3], opened[3], planes, masks;
    } expected[] = {
        {64, false, 3, {169, 81, 15}, {31, 7, 1}, 63 + 265, 39},
        {32, false, 3, {81, 37, 1}, {15, 3, 1}, 31 + 119, 19},
        {64, true, 3, {176, 44, 11}, {16, 4, 1}, 63 + 231, 21},
        {8, false, 2, {15, 1, 0}, {3, 1, 0}, 7 + 16, 4},
        {16, false, 2, {37, 15, 0}, {7, 1, 0}, 15 + 52, 8},
        {8, true, 2, {22, 1, 0}, {2, 1, 0}, 7 + 23, 3},
    };
    (void)state;
    for (size_t k = 0; k < sizeof expected / sizeof expected[0]; k++) {
        const syi_bits_tree tree = syi_bits_tree_of(expected[k].bits, expected[k].equal);
        assert_int_equal(tree.levels.count, expected[k].levels);
        assert_int_equal(tree.levels.planes, expected[k].planes);
        assert_int_equal(tree.levels.masks, expected[k].masks);
        for (unsigned level = 0; level < tree.levels.count; level++) {
            assert_int_equal(tree.levels.products[level], expected[k].products[level]);
            assert_int_equal(tree.levels.opened[level], expected[k].opened[level]);
        }
    }
    for (unsigned bits = 3; bits <= 64; bits++) {
        for (int equal = 0; equal < 2; equal++) {
            const syi_bits_tree tree = syi_bits_tree_of(bits, equal == 1);
            assert_int_equal(tree.positions - tree.levels.pad, bits - (equal == 1 ? 0 : 1));
            assert_int_equal(tree.nodes[tree.levels.count - 1], 1);
            assert_in_range(tree.levels.count, 1, SYI_BITS_LEVELS_MAX);
        }
    }
}

static void check_cost(size_t count, const syi_field *field, syi_outcome outcome, double sent,
                       double dealt)
{
    scene s;
    comparison_job j;
    scene_open(&s, 2, NULL);
    comparison_open(&s, &j, SYI_FAMILY_BITS, field, count, outcome);
    scene_run(&s, comparison_run, &j);
    const unsigned bits = syi_field_bits(field);
    const syi_bits_tree tree = syi_bits_tree_of(bits, outcome == SYI_OUTCOME_NONE);
    const size_t rest = count % SYI_PLANE_BITS;
    const uint64_t bytes =
        count * field->width +
        count / SYI_PLANE_BITS * syi_planes_packed(tree.levels.masks, SYI_PLANE_BITS) +
        syi_planes_packed(tree.levels.masks, rest);
    uint64_t from_provider = 0;
    for (int h = 0; h < 2; h++) {
        const syi_cost *cost = &party_threads_result(s.threads, h)->cost;
        assert_int_equal(cost->rounds, syi_levels_rounds(&tree.levels));
        assert_int_equal(cost->sent, bytes);
        assert_int_equal(cost->received, cost->sent);
        from_provider += cost->dealt;
        if (sent != 0) {
            assert_true((double)cost->sent == sent * (double)count);
        }
    }
    if (dealt != 0) {
        assert_true((double)from_provider == dealt * (double)count);
    }
    comparison_close(&s, &j);
    scene_close(&s);
}

/* Bytes per element, exactly; and odd counts in whole bytes per plane. */
static void test_costs(void **state)
{
    static const syi_field ring = SYI_FIELD_64, small = SYI_FIELD_32;
    const size_t blocks = SCENE_WATCHED ? 1024 : 512 * 40;
    (void)state;
    check_cost(blocks, &ring, SYI_OUTCOME_BIT, 12.875, 49);
    check_cost(blocks, &ring, SYI_OUTCOME_RELU, 12.875, 57);
    check_cost(blocks, &ring, SYI_OUTCOME_RELU_SHIFT, 12.875, 69);
    check_cost(blocks, &ring, SYI_OUTCOME_RELU_DIVIDE, 12.875, 81);
    check_cost(blocks, &ring, SYI_OUTCOME_NONE, 10.625, 36.75 + 8);
    check_cost(blocks, &small, SYI_OUTCOME_BIT, 6.375, 18.75 + 4);
    check_cost(100, &ring, SYI_OUTCOME_RELU, 8 + 39 * 0.13, 16 + 328 * 0.13);
    check_cost(513, &ring, SYI_OUTCOME_RELU, 0, 0);
    check_cost(1, &small, SYI_OUTCOME_RELU, 4 + 19, 8 + 150);
}

/* --- what is seen ------------------------------------------------------------------------------ */

/* In Z_2^8 the opened word and bits of a number are 12 bits: all 4096 are equally likely, whatever the number is. */
static void test_opened_is_uniform(void **state)
{
    enum { CELLS = 4096, COUNT = SYI_LEVELS_TILE };
    static const syi_field field = {256, 8};
    static const int numbers[] = {0, 1, -1, 127, -128, 37};
    const int runs = SCENE_WATCHED ? 1 : 6;
    const party_threads_options options = {.keep = true};
    static unsigned cells[CELLS];
    (void)state;
    for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k += SCENE_WATCHED ? 4 : 1) {
        scene s;
        comparison_job j;
        memset(cells, 0, sizeof cells);
        scene_open(&s, 2, &options);
        comparison_open(&s, &j, SYI_FAMILY_BITS, &field, COUNT, SYI_OUTCOME_RELU);
        for (int run = 0; run < runs; run++) {
            comparison_fill(&s, &j, numbers[k]);
            scene_run(&s, comparison_run, &j);
            size_t size;
            const uint8_t *sent[] = {party_threads_sent(s.threads, 0, &size),
                                     party_threads_sent(s.threads, 1, &size)};
            const size_t words = COUNT * 8, planes = COUNT / SYI_PLANE_BITS * SYI_PLANE_BYTES;
            assert_int_equal(size, words + 4 * planes);
            for (size_t e = 0; e < COUNT; e++) {
                unsigned cell = (unsigned)(sent[0][8 * e] + sent[1][8 * e]) & 255;
                const size_t block = e / SYI_PLANE_BITS, at = e % SYI_PLANE_BITS;
                for (size_t p = 0; p < 4; p++) { /* three of the leaves, then the result */
                    const size_t plane =
                        p < 3 ? block * 3 + p : 3 * (COUNT / SYI_PLANE_BITS) + block;
                    const size_t byte = words + plane * SYI_PLANE_BYTES + at % 8 * 8 + at / 64;
                    cell |= (unsigned)((sent[0][byte] ^ sent[1][byte]) >> at / 8 % 8 & 1)
                            << (8 + p);
                }
                cells[cell]++;
            }
        }
        const double expected = (double)runs * COUNT / CELLS;
        double chi = 0;
        for (size_t c = 0; c < CELLS; c++) {
            chi += ((double)cells[c] - expected) * ((double)cells[c] - expected) / expected;
        }
        /* 4095 degrees of freedom: a deviation of 90.5; within six of them */
        assert_true(chi > 4095 - 543 && chi < 4095 + 543);
        comparison_close(&s, &j);
        scene_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trees),
        cmocka_unit_test(test_costs),
        cmocka_unit_test(test_opened_is_uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
