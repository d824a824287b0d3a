/*
 * comparison_ranges_test.c - comparisons of numbers that are known to be small, of every family: in small rings every number of every
 * range with many masks, in Z_2^8 with every mask, in large ones the bounds of every range; what they cost less; what is opened, which is
 * uniform for numbers in and out of the range; ranges that are refused. Of all numbers: comparison_test.c.
 */
#include <limits.h>

#include "crypto/bits.h"
#include "crypto/carry.h"
#include "crypto/rounding.h"
#include "support/comparison_scene.h"

typedef struct tried {
    syi_family family;
    int holders_max;
    unsigned slowness; /* how many times less is tried */
} tried;
/* SecureNN takes no notice of ranges. */
static const tried families[] = {{SYI_FAMILY_BITS, 3, 1},
                                 {SYI_FAMILY_FSS, 2, 2},
                                 {SYI_FAMILY_CARRY, 3, 1},
                                 {SYI_FAMILY_SNN, 2, 8}};
enum { FAMILIES = sizeof families / sizeof families[0], OUTCOMES = SYI_OUTCOME_LAST + 1 };

static void open_job(scene *s, comparison_job *j, const tried *of, const syi_field *field,
                     size_t count, int outcome, unsigned range)
{
    comparison_open(s, j, of->family, field, count, (syi_outcome)outcome);
    j->comparison.range = range;
    if (outcome == SYI_OUTCOME_RELU_SHIFT && j->comparison.shift == 0) {
        j->comparison.shift = 1;
    }
    if (outcome == SYI_OUTCOME_RELU_DIVIDE && syi_rounding_quarter(field) < 3) {
        j->comparison.divisor = 2;
    }
}

static void run_and_check(scene *s, comparison_job *j)
{
    scene_share(s, &j->x);
    scene_run(s, comparison_run, j);
    comparison_check(s, j);
}

/* The k-th number of a range, from the least one on, again and again. */
static uint64_t number_in(const syi_field *field, unsigned range, size_t k)
{
    const size_t all = (size_t)1 << range;
    return scene_of(field, (scene_number)(k % all) - (scene_number)(all / 2));
}

/* --- right ------------------------------------------------------------------------------------- */

/* Each number of each range with many masks, for every outcome. */
static void test_small_rings(void **state)
{
    static const unsigned sizes[] = {3, 4, 5, 6, 9};
    (void)state;
    for (size_t f = 0; f < FAMILIES; f++) {
        for (int holders = 2; holders <= families[f].holders_max; holders++) {
            scene s;
            scene_open(&s, holders, NULL);
            for (size_t b = 0; b < sizeof sizes / sizeof sizes[0]; b += SCENE_WATCHED ? 2 : 1) {
                const syi_field field = {UINT64_C(1) << sizes[b], 8};
                for (unsigned range = SYI_RANGE_LEAST; range < sizes[b]; range++) {
                    const size_t count =
                        ((size_t)32 << sizes[b]) / families[f].slowness / (SCENE_WATCHED ? 8 : 1);
                    for (int outcome = SYI_OUTCOME_NONE; outcome < OUTCOMES; outcome++) {
                        comparison_job j;
                        open_job(&s, &j, &families[f], &field, count, outcome, range);
                        for (size_t k = 0; k < count; k++) {
                            scene_set(&field, j.x.secret, k, number_in(&field, range, k));
                        }
                        run_and_check(&s, &j);
                        comparison_close(&s, &j);
                    }
                }
            }
            scene_close(&s);
        }
    }
}

/* In Z_2^8 elements get numbers so that under each mask all numbers of the range come. */
static void check_every_mask(scene *s, const tried *of, int outcome, unsigned range)
{
    enum { ALL = 256, COUNT = 210 * ALL }; /* at least 128 under each mask */
    static const syi_field field = {ALL, 8};
    static uint64_t masks[COUNT];
    const syi_family_material *material = syi_family_get_material(of->family);
    const syi_item item = {s->options.sequence + 1, 0};
    const size_t numbers = (size_t)1 << range;
    size_t turns[ALL] = {0};
    comparison_job j;
    open_job(s, &j, of, &field, COUNT, outcome, range);
    assert_ok(party_threads_mask(s->threads, &field,
                                 outcome == SYI_OUTCOME_NONE ? material->equal : material->sign,
                                 &item, SYI_PART_A, masks, COUNT, &s->err),
              &s->err);
    for (size_t k = 0; k < COUNT; k++) {
        scene_set(&field, j.x.secret, k, number_in(&field, range, turns[masks[k]]++));
    }
    for (size_t mask = 0; mask < ALL; mask++) {
        assert_true(turns[mask] >= numbers);
    }
    run_and_check(s, &j);
    comparison_close(s, &j);
}

static void test_every_mask(void **state)
{
    (void)state;
    scene s;
    scene_open(&s, 2, NULL);
    for (size_t f = 0; f < FAMILIES; f++) {
        for (unsigned range = SYI_RANGE_LEAST; range < 8; range += SCENE_WATCHED ? 5 : 1) {
            for (int outcome = SYI_OUTCOME_NONE;
                 outcome <= SYI_OUTCOME_RELU && syi_family_get_material(families[f].family) != NULL;
                 outcome++) {
                check_every_mask(&s, &families[f], outcome, range);
            }
        }
    }
    scene_close(&s);
}

/* The bounds of every range of large fields, and some between. */
static void test_bounds(void **state)
{
    static const syi_field large[] = {SYI_FIELD_64, SYI_FIELD_32, {UINT64_C(1) << 33, 8}};
    enum { EDGES = 10, COUNT = 40 };
    (void)state;
    for (size_t f = 0; f < FAMILIES; f++) {
        scene s;
        scene_open(&s, 2, NULL);
        for (size_t l = 0; l < sizeof large / sizeof large[0]; l++) {
            for (unsigned range = SYI_RANGE_LEAST; range < syi_field_bits(&large[l]);
                 range += (TEST_SLOWNESS > 1 ? 20
                           : SCENE_WATCHED   ? 7
                                             : 1) *
                          families[f].slowness) {
                const scene_number half = (scene_number)1 << (range - 1);
                const scene_number edges[EDGES] = {
                    -half, half - 1, 1 - half, half - 2, half / 2, -half / 2, -1, 0, 1, -half};
                for (int outcome = SYI_OUTCOME_NONE; outcome < OUTCOMES; outcome++) {
                    comparison_job j;
                    open_job(&s, &j, &families[f], &large[l], COUNT, outcome, range);
                    const scene_number quarter = (scene_number)syi_rounding_quarter(&large[l]);
                    assert_true(half <= quarter);
                    for (size_t k = 0; k < COUNT; k++) {
                        const scene_number any =
                            (scene_number)(property_next(&s.random) % (uint64_t)(2 * half)) - half;
                        scene_set(&large[l], j.x.secret, k,
                                  scene_of(&large[l], k < EDGES ? edges[k] : any));
                    }
                    run_and_check(&s, &j);
                    comparison_close(&s, &j);
                }
            }
        }
        scene_close(&s);
    }
}

/* About blocks and tiles, also of material of other items. */
static void test_sizes(void **state)
{
    static const size_t sizes[] = {0, 1, 7, 33, 511, 513, 4097, 16385};
    static const unsigned ranges[] = {2, 8, 9, 17, 32, 63, 31, 5};
    (void)state;
    for (size_t f = 0; f < FAMILIES; f++) {
        for (int ahead = 0; ahead < 2; ahead++) {
            const party_threads_options options = {.made_ahead = ahead == 1};
            const syi_field field = SYI_FIELD_64;
            scene s;
            scene_open(&s, 2, &options);
            for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
                const unsigned range = ranges[(k + (size_t)ahead) % 8];
                if (sizes[k] > 600 && (SCENE_WATCHED || families[f].slowness > 2)) {
                    continue;
                }
                comparison_job j;
                open_job(&s, &j, &families[f], &field, sizes[k], (int)k % OUTCOMES, range);
                for (size_t e = 0; e < sizes[k]; e++) {
                    const uint64_t low =
                        property_next(&s.random) & ((UINT64_C(2) << (range - 1)) - 1);
                    scene_set(&field, j.x.secret, e, low - (UINT64_C(1) << (range - 1)));
                }
                run_and_check(&s, &j);
                comparison_close(&s, &j);
            }
            scene_close(&s);
        }
    }
}

/* --- what it costs ----------------------------------------------------------------------------- */

typedef struct expected_cost {
    syi_family family;
    unsigned range;
    int outcome;
    uint64_t rounds;
    double sent, dealt; /* bytes of an element: to the other holder, and to both together */
} expected_cost;

/* Counted by hand (docs/internals/comparison.md), modulo 2^64: X is 8 bytes, rho (and rho r) are 8 each. Of bits and carries k planes are k /
 * 8 bytes; of keys 16 bytes a level, t - 8 of the sign, and a leaf. */
static const expected_cost costs[] = {
    {SYI_FAMILY_BITS, 32, SYI_OUTCOME_BIT, 4, 8 + 19. / 8, 150. / 8 + 8},
    {SYI_FAMILY_BITS, 32, SYI_OUTCOME_RELU, 4, 8 + 19. / 8, 150. / 8 + 16},
    {SYI_FAMILY_BITS, 32, SYI_OUTCOME_RELU_SHIFT, 4, 8 + 19. / 8, 150. / 8 + 8 + 2 * 8 + 2 * 2},
    {SYI_FAMILY_BITS, 16, SYI_OUTCOME_BIT, 3, 8 + 8. / 8, 67. / 8 + 8},
    {SYI_FAMILY_BITS, 8, SYI_OUTCOME_BIT, 3, 8 + 4. / 8, 23. / 8 + 8},
    {SYI_FAMILY_BITS, 2, SYI_OUTCOME_BIT, 2, 8 + 1. / 8, 1. / 8 + 8},
    {SYI_FAMILY_BITS, 8, SYI_OUTCOME_NONE, 3, 8 + 3. / 8, 30. / 8 + 8},
    {SYI_FAMILY_CARRY, 32, SYI_OUTCOME_BIT, 7, 8 + 86. / 8, 86. / 8 + 8},
    {SYI_FAMILY_CARRY, 32, SYI_OUTCOME_NONE, 7, 8 + 63. / 8, 62. / 8 + 8},
    {SYI_FAMILY_CARRY, 8, SYI_OUTCOME_RELU, 5, 8 + 16. / 8, 16. / 8 + 16},
    {SYI_FAMILY_FSS, 32, SYI_OUTCOME_BIT, 2, 8.125, 2 * 400 + 8},
    {SYI_FAMILY_FSS, 32, SYI_OUTCOME_RELU, 2, 8.125, 2 * 400 + 16},
    {SYI_FAMILY_FSS, 32, SYI_OUTCOME_NONE, 2, 8.125, 2 * 416 + 8},
    {SYI_FAMILY_FSS, 16, SYI_OUTCOME_BIT, 2, 8.125, 2 * 144 + 8},
    {SYI_FAMILY_FSS, 8, SYI_OUTCOME_BIT, 2, 8.125, 2 * 16 + 8},
    {SYI_FAMILY_FSS, 2, SYI_OUTCOME_BIT, 2, 8.125, 2 * 16 + 8},
};

static void test_costs(void **state)
{
    static const syi_field ring = SYI_FIELD_64;
    (void)state;
    for (size_t c = 0; c < sizeof costs / sizeof costs[0]; c++) {
        const expected_cost *expected = &costs[c];
        const tried of = {expected->family, 2, 1};
        const size_t count = 4 * 512;
        uint64_t dealt = 0;
        scene s;
        comparison_job j;
        scene_open(&s, 2, NULL);
        open_job(&s, &j, &of, &ring, count, expected->outcome, expected->range);
        j.comparison.shift = expected->outcome == SYI_OUTCOME_RELU_SHIFT ? 16 : 0;
        scene_run(&s, comparison_run, &j);
        for (int h = 0; h < 2; h++) {
            const syi_cost *cost = &party_threads_result(s.threads, h)->cost;
            assert_int_equal(cost->rounds, expected->rounds);
            assert_true((double)cost->sent == expected->sent * (double)count);
            dealt += cost->dealt;
        }
        assert_true((double)dealt == expected->dealt * (double)count);
        comparison_close(&s, &j);
        scene_close(&s);
    }
}

/* --- what is seen ------------------------------------------------------------------------------ */

enum { COUNT = SYI_LEVELS_TILE, BLOCKS = COUNT / SYI_PLANE_BITS, CELLS_MAX = 1 << 15 };

/* Bits that are opened of an element, after X. */
static unsigned opened_bits(const tried *of, unsigned range, bool equal, syi_levels *levels)
{
    switch (of->family) {
    case SYI_FAMILY_BITS:
        *levels = syi_bits_tree_of(range, equal).levels;
        return levels->masks;
    case SYI_FAMILY_CARRY:
        *levels = syi_carry_tree_of(range, equal).levels;
        return levels->masks;
    default:
        return 1;
    }
}

/* Where bit `plane` of element e is, in bits of what is sent: by levels in planes, those of all blocks of a level behind each other. */
static size_t place_of(const tried *of, const syi_levels *levels, unsigned plane, size_t e)
{
    size_t at = COUNT * 8;
    unsigned level = 0;
    if (of->family == SYI_FAMILY_FSS) {
        return 8 * at + e;
    }
    while (plane >= levels->opened[level]) {
        plane -= levels->opened[level];
        at += (size_t)BLOCKS * levels->opened[level++] * SYI_PLANE_BYTES;
    }
    const size_t number = e % SYI_PLANE_BITS, block = e / SYI_PLANE_BITS;
    at += (block * levels->opened[level] + plane) * SYI_PLANE_BYTES;
    return 8 * (at + number % 8 * 8 + number / 64) + number / 8 % 8;
}

static void count_opened(scene *s, const tried *of, int outcome, unsigned range, int64_t number,
                         unsigned *cells)
{
    static const syi_field field = {256, 8};
    syi_levels levels = {0};
    const unsigned bits = opened_bits(of, range, outcome == SYI_OUTCOME_NONE, &levels);
    comparison_job j;
    size_t size;
    assert_true(1u << (8 + bits) <= CELLS_MAX);
    open_job(s, &j, of, &field, COUNT, outcome, range);
    comparison_fill(s, &j, number);
    scene_run(s, comparison_run, &j);
    const uint8_t *sent[] = {party_threads_sent(s->threads, 0, &size),
                             party_threads_sent(s->threads, 1, &size)};
    assert_int_equal(size, COUNT * 8 + COUNT / 8 * bits);
    for (size_t e = 0; e < COUNT; e++) {
        unsigned cell = (unsigned)(sent[0][8 * e] + sent[1][8 * e]) & 255;
        for (unsigned p = 0; p < bits; p++) {
            const size_t place = place_of(of, &levels, p, e);
            cell |= (unsigned)((sent[0][place / 8] ^ sent[1][place / 8]) >> place % 8 & 1)
                    << (8 + p);
        }
        cells[cell]++;
    }
    comparison_close(s, &j);
}

/* In Z_2^8 all bits of X and all others that are opened: each pattern is equally likely, whatever the number is, also one that should
 * not be there. */
static void test_opened_is_uniform(void **state)
{
    enum { RANGE = 4 };
    static const int numbers[] = {-8, 7, 0, -1, 3, 100, -128};
    static unsigned cells[CELLS_MAX];
    const party_threads_options options = {.keep = true};
    const int runs = SCENE_WATCHED ? 1 : 4;
    (void)state;
    for (size_t f = 0; f < FAMILIES; f++) {
        if (families[f].family == SYI_FAMILY_SNN) {
            continue;
        }
        scene s;
        scene_open(&s, 2, &options);
        for (int outcome = SYI_OUTCOME_NONE; outcome <= SYI_OUTCOME_BIT; outcome++) {
            for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k += TEST_SLOWNESS) {
                syi_levels levels;
                const unsigned count =
                    1u << (8 +
                           opened_bits(&families[f], RANGE, outcome == SYI_OUTCOME_NONE, &levels));
                const double expected = (double)runs * COUNT / count;
                double chi = 0;
                memset(cells, 0, sizeof cells);
                for (int run = 0; run < runs; run++) {
                    count_opened(&s, &families[f], outcome, RANGE, numbers[k], cells);
                }
                for (unsigned c = 0; c < count; c++) {
                    chi += ((double)cells[c] - expected) * ((double)cells[c] - expected) / expected;
                }
                /* count - 1 degrees of freedom: six deviations, the root of twice as many each */
                assert_true((chi - count + 1) * (chi - count + 1) < 36 * 2. * count);
            }
        }
        scene_close(&s);
    }
}

/* Everything that a holder sends or is dealt is uniform bytes; and what is dealt is the same for other numbers. */
static void test_messages_are_uniform(void **state)
{
    static const int64_t numbers[] = {0, -1, (1 << 19) - 1};
    const party_threads_options options = {.keep = true};
    const syi_field ring = SYI_FIELD_64;
    (void)state;
    for (size_t f = 0; f < FAMILIES; f++) {
        uint8_t *first[2] = {NULL, NULL};
        for (size_t k = 0; k < sizeof numbers / sizeof numbers[0] &&
                           syi_family_get_material(families[f].family) != NULL;
             k++) {
            scene s;
            comparison_job j;
            scene_open(&s, 2, &options);
            open_job(&s, &j, &families[f], &ring,
                     syi_family_get_material(families[f].family)->tile + 512, SYI_OUTCOME_RELU, 20);
            comparison_fill(&s, &j, numbers[k]);
            scene_run(&s, comparison_run, &j);
            comparison_look(&s, &j, first);
            comparison_close(&s, &j);
            scene_close(&s);
        }
        free(first[0]);
        free(first[1]);
    }
}

/* --- refused ----------------------------------------------------------------------------------- */

static void test_refused(void **state)
{
    static const syi_field ring = SYI_FIELD_64, small = {16, 8};
    syi_comparison comparison = {.outcome = SYI_OUTCOME_BIT, .range = 63};
    sy_error err = SY_ERROR_INIT;
    (void)state;
    assert_ok(syi_comparison_check(&comparison, &ring, 2, &err), &err);
    assert_status(syi_comparison_check(&comparison, &small, 2, &err), SY_ERANGE, &err);
    static const unsigned none[] = {1, 64, 65, 1u << 8, UINT_MAX};
    for (size_t k = 0; k < sizeof none / sizeof none[0]; k++) {
        comparison.range = none[k];
        assert_status(syi_comparison_check(&comparison, &ring, 2, &err), SY_ERANGE, &err);
        assert_non_null(strstr(err.message, "2 to 63 are possible"));
    }
    for (size_t f = 0; f < FAMILIES; f++) { /* before anything is sent */
        scene s;
        comparison_job j;
        scene_open(&s, 2, NULL);
        open_job(&s, &j, &families[f], &small, 1, SYI_OUTCOME_NONE, 4);
        assert_false(party_threads_run(s.threads, comparison_run, &j));
        for (int h = 0; h < 2; h++) {
            assert_int_equal(party_threads_result(s.threads, h)->status, SY_ERANGE);
            assert_int_equal(party_threads_result(s.threads, h)->cost.sent, 0);
        }
        comparison_close(&s, &j);
        scene_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_rings),
        cmocka_unit_test(test_every_mask),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_costs),
        cmocka_unit_test(test_opened_is_uniform),
        cmocka_unit_test(test_messages_are_uniform),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
