/*
 * carry_test.c - comparisons by a tree of carries: what they consist of and cost, and what is opened. That they are right:
 * comparison_test.c; what else holders see, and failures: comparison_transcript_test.c.
 */
#include "crypto/carry.h"

#include "support/comparison_scene.h"

/* --- what it consists of ----------------------------------------------------------------------- */

/* The figures of carry.h, and by hand those of a small one. */
static void test_trees(void **state)
{
    static const struct {
        unsigned bits;
        bool equal;
        unsigned rounds, masks, planes; /* the result's mask included; bits of r included */
    } expected[] = {
        {64, false, 8, 180 + 1, 63 + 118},
        {64, true, 8, 126 + 1, 63 + 63},
        {32, false, 7, 85 + 1, 31 + 55},
        {32, true, 7, 62 + 1, 31 + 31},
        {8, false, 5, 8 + 5 + 2 + 1, 7 + (5 + 3 + 1)},
        {3, false, 3, 2 + 1, 2 + 1},
    };
    (void)state;
    for (size_t k = 0; k < sizeof expected / sizeof expected[0]; k++) {
        const syi_carry_tree tree = syi_carry_tree_of(expected[k].bits, expected[k].equal);
        assert_int_equal(syi_levels_rounds(&tree.levels), expected[k].rounds);
        assert_int_equal(tree.levels.masks, expected[k].masks);
        assert_int_equal(tree.levels.planes, expected[k].planes);
    }
    for (unsigned bits = 3; bits <= 64; bits++) {
        for (int equal = 0; equal < 2; equal++) {
            const syi_carry_tree tree = syi_carry_tree_of(bits, equal == 1);
            const syi_levels *levels = &tree.levels;
            const unsigned pairs = bits - (equal == 1 ? 0 : 1) - 1; /* of which each is made one */
            assert_in_range(levels->count, 2, SYI_LEVELS_MAX);
            assert_int_equal(levels->masks - 1,
                             equal == 1 ? 2 * pairs : 3 * pairs - (levels->count - 1));
            assert_int_equal(levels->planes - (bits - 1),
                             equal == 1 ? pairs : 2 * pairs - (levels->count - 1));
            assert_true(1u << (levels->count - 1) >= pairs + 1 &&
                        1u << (levels->count - 2) < pairs + 1);
            assert_int_equal(tree.left[levels->count - 1], 1);
            for (unsigned level = 0; level < levels->count; level++) { /* as levels.h wants it */
                assert_true(level == 0 || levels->opened[level] <= levels->opened[level - 1]);
                assert_in_range(levels->opened[level], 1, SYI_LEVELS_OPENED_MAX);
                assert_in_range(levels->products[level], 0, SYI_LEVELS_PRODUCTS_MAX);
            }
            assert_in_range(levels->masks, 1, SYI_LEVELS_MASKS_MAX);
            assert_in_range(levels->planes, 1, SYI_LEVELS_PLANES_MAX);
        }
    }
}

static void check_cost(int holders, size_t count, const syi_field *field, syi_outcome outcome,
                       uint64_t rounds, double sent, double dealt)
{
    scene s;
    comparison_job j;
    scene_open(&s, holders, NULL);
    comparison_open(&s, &j, SYI_FAMILY_CARRY, field, count, outcome);
    scene_run(&s, comparison_run, &j);
    uint64_t from_provider = 0;
    for (int h = 0; h < holders; h++) {
        const syi_cost *cost = &party_threads_result(s.threads, h)->cost;
        assert_int_equal(cost->rounds, rounds);
        assert_true((double)cost->sent == sent * (double)count);
        assert_int_equal(cost->received, cost->sent * (uint64_t)(holders - 1));
        assert_int_equal(cost->reported, 0);
        from_provider += cost->dealt;
    }
    assert_true((double)from_provider == dealt * (double)count);
    comparison_close(&s, &j);
    scene_close(&s);
}

/* Bytes per element, exactly, of any number of holders; and odd counts in whole bytes per plane. */
static void test_costs(void **state)
{
    static const syi_field ring = SYI_FIELD_64, small = SYI_FIELD_32;
    const size_t blocks = SCENE_WATCHED ? 1024 : 512 * 40;
    (void)state;
    check_cost(2, blocks, &ring, SYI_OUTCOME_BIT, 8, 30.625, 22.625 + 8);
    check_cost(3, blocks, &ring, SYI_OUTCOME_RELU, 8, 30.625, 22.625 + 16);
    check_cost(2, blocks, &ring, SYI_OUTCOME_RELU_SHIFT, 8, 30.625, 22.625 + 8 + 2 * 8 + 2 * 2);
    check_cost(2, blocks, &ring, SYI_OUTCOME_RELU_DIVIDE, 8, 30.625, 22.625 + 8 + 4 * 8);
    check_cost(5, 512, &ring, SYI_OUTCOME_NONE, 8, 23.875, 15.75 + 8);
    check_cost(2, blocks, &small, SYI_OUTCOME_BIT, 7, 14.75, 10.75 + 4);
    check_cost(2, blocks, &small, SYI_OUTCOME_NONE, 7, 11.875, 7.75 + 4);
    check_cost(2, 100, &ring, SYI_OUTCOME_RELU, 8, 8 + 181 * 0.13, 16 + 181 * 0.13);
    check_cost(2, 1, &small, SYI_OUTCOME_RELU, 7, 4 + 86, 8 + 86);
}

/* --- what is seen ------------------------------------------------------------------------------ */

enum { COUNT = SYI_LEVELS_TILE, BLOCKS = COUNT / SYI_PLANE_BITS };

/* Bit `plane` of all those opened of number e: behind the words those of the first level of all blocks, then of the next. */
static unsigned opened_bit(const syi_levels *levels, const uint8_t *const sent[2], unsigned plane,
                           size_t e)
{
    size_t at = COUNT * 8;
    unsigned level = 0;
    while (plane >= levels->opened[level]) {
        plane -= levels->opened[level];
        at += (size_t)BLOCKS * levels->opened[level++] * SYI_PLANE_BYTES;
    }
    const size_t number = e % SYI_PLANE_BITS,
                 byte = at +
                        (e / SYI_PLANE_BITS * levels->opened[level] + plane) * SYI_PLANE_BYTES +
                        number % 8 * 8 + number / 64;
    return (unsigned)((sent[0][byte] ^ sent[1][byte]) >> number / 8 % 8 & 1);
}

/* One number all over, of so many bits: what is opened of each element goes to `seen`: X, then bits. */
static void open_numbers(const syi_field *field, syi_outcome outcome, int64_t number, int runs,
                         void (*seen)(void *user, unsigned x, const uint8_t *bits, unsigned count),
                         void *user)
{
    const party_threads_options options = {.keep = true};
    const syi_carry_tree tree =
        syi_carry_tree_of(syi_field_bits(field), outcome == SYI_OUTCOME_NONE);
    scene s;
    comparison_job j;
    scene_open(&s, 2, &options);
    comparison_open(&s, &j, SYI_FAMILY_CARRY, field, COUNT, outcome);
    for (int run = 0; run < runs; run++) {
        uint8_t bits[SYI_LEVELS_MASKS_MAX];
        size_t size;
        comparison_fill(&s, &j, number);
        scene_run(&s, comparison_run, &j);
        const uint8_t *sent[] = {party_threads_sent(s.threads, 0, &size),
                                 party_threads_sent(s.threads, 1, &size)};
        assert_int_equal(size, COUNT * 8 + COUNT / 8 * tree.levels.masks);
        for (size_t e = 0; e < COUNT; e++) {
            for (unsigned p = 0; p < tree.levels.masks; p++) {
                bits[p] = (uint8_t)opened_bit(&tree.levels, sent, p, e);
            }
            seen(user,
                 (unsigned)((scene_get(field, sent[0], e) + scene_get(field, sent[1], e)) &
                            (field->modulus - 1)),
                 bits, tree.levels.masks);
        }
    }
    comparison_close(&s, &j);
    scene_close(&s);
}

enum { CELLS = 1 << 12 };

static void count_cell(void *user, unsigned x, const uint8_t *bits, unsigned count)
{
    unsigned cell = x;
    for (unsigned p = 0; p < count; p++) {
        cell = cell * 2 + bits[p];
    }
    ((unsigned *)user)[cell]++;
}

/* `most`: off the degrees of freedom. */
static void check_even(const unsigned *cells, unsigned count, double total, double most)
{
    const double expected = total / count;
    double chi = 0;
    for (unsigned c = 0; c < count; c++) {
        chi += ((double)cells[c] - expected) * ((double)cells[c] - expected) / expected;
    }
    if (chi < count - 1 - most || chi > count - 1 + most) {
        fail_msg("chi square of %u cells: %g", count, chi);
    }
}

/* In Z_2^4 the opened word and bits of a number are 9 bits of the sign, and 11 of equality: all are equally likely together, whatever
 * the number is. */
static void test_opened_is_uniform(void **state)
{
    static const syi_field field = {16, 8};
    static const int numbers[] = {0, 1, -1, 7, -8, 5};
    static unsigned cells[CELLS];
    (void)state;
    for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k += SCENE_WATCHED ? 4 : 1) {
        memset(cells, 0, sizeof cells);
        open_numbers(&field, SYI_OUTCOME_RELU, numbers[k], 1, count_cell, cells);
        check_even(cells, 1 << 9, COUNT, 6 * 32); /* six deviations */
        memset(cells, 0, sizeof cells);
        open_numbers(&field, SYI_OUTCOME_NONE, numbers[k], 2, count_cell, cells);
        check_even(cells, 1 << 11, 2 * COUNT, 6 * 64);
    }
}

/* Of 8 bits of X and 16 others each pair. */
enum { PAIRED = 24 };
typedef struct paired {
    unsigned cells[PAIRED][PAIRED][4];
} paired;

static void count_pairs(void *user, unsigned x, const uint8_t *bits, unsigned count)
{
    paired *p = user;
    uint8_t all[PAIRED];
    assert_int_equal(count, PAIRED - 8);
    for (unsigned k = 0; k < PAIRED; k++) {
        all[k] = (uint8_t)(k < 8 ? x >> k & 1 : bits[k - 8]);
    }
    for (unsigned a = 0; a < PAIRED; a++) {
        for (unsigned b = 0; b < a; b++) {
            p->cells[a][b][2 * all[a] + all[b]]++;
        }
    }
}

/* In Z_2^8 any two bits that are opened of a number. */
static void test_pairs_are_uniform(void **state)
{
    static const syi_field field = {256, 8};
    static const int numbers[] = {0, -1, 37, -128};
    static paired p;
    (void)state;
    for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k += SCENE_WATCHED ? 4 : 1) {
        memset(&p, 0, sizeof p);
        open_numbers(&field, SYI_OUTCOME_BIT, numbers[k], SCENE_WATCHED ? 1 : 4, count_pairs, &p);
        for (unsigned a = 0; a < PAIRED; a++) {
            for (unsigned b = 0; b < a; b++) {
                /* 3 degrees of freedom: 30 is passed once in 7 * 10^5 times */
                check_even(p.cells[a][b], 4, (SCENE_WATCHED ? 1 : 4) * COUNT, 27);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trees),
        cmocka_unit_test(test_costs),
        cmocka_unit_test(test_opened_is_uniform),
        cmocka_unit_test(test_pairs_are_uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
