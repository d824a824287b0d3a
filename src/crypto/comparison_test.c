/*
 * comparison_test.c - every family of comparisons gives the same: in small rings every number with many masks, in Z_2^8 with every
 * mask, in large ones the boundaries, all outcomes, all sizes about blocks and tiles; what is refused. What only one family does:
 * bits_test.c, carry_test.c, fss_test.c, snn_test.c. What is seen of them, and failures: comparison_transcript_test.c.
 */
#include "crypto/comparison.h"

#include "crypto/rounding.h"
#include "support/comparison_scene.h"

typedef struct tried {
    syi_family family;
    int holders_max;
    unsigned slowness; /* how many times less is tried */
} tried;
static const tried families[] = {{SYI_FAMILY_BITS, 5, 4},
                                 {SYI_FAMILY_FSS, 2, 16},
                                 {SYI_FAMILY_SNN, 2, 64},
                                 {SYI_FAMILY_CARRY, 5, 4}};
enum { FAMILIES = sizeof families / sizeof families[0] };

/* An outcome of what is in x. */
static void run_and_check(scene *s, comparison_job *j)
{
    scene_share(s, &j->x);
    scene_run(s, comparison_run, j);
    comparison_check(s, j);
}

/* Every outcome for what is in x that is no quotient. */
static void check_outcomes(scene *s, comparison_job *j)
{
    for (int outcome = SYI_OUTCOME_NONE; outcome <= SYI_OUTCOME_RELU; outcome++) {
        j->comparison.outcome = (syi_outcome)outcome;
        run_and_check(s, j);
    }
}

/* All quotients of what is in x, in their range. */
static void check_quotients(scene *s, comparison_job *j)
{
    const unsigned bits = syi_field_bits(&j->x.field), shifts[] = {1, bits / 2, bits - 2};
    const uint64_t quarter = syi_rounding_quarter(&j->x.field),
                   divisors[] = {1, 2, 3, 7, 1000, quarter - 1, quarter};
    j->comparison.outcome = SYI_OUTCOME_RELU_SHIFT;
    for (size_t k = 0; k < sizeof shifts / sizeof shifts[0]; k++) {
        j->comparison.shift = shifts[k];
        run_and_check(s, j);
    }
    j->comparison.outcome = SYI_OUTCOME_RELU_DIVIDE;
    j->comparison.shift = 0;
    for (size_t k = 0; k<sizeof divisors / sizeof divisors[0]; k += TEST_SLOWNESS> 1 ? 3 : 1) {
        j->comparison.divisor = divisors[k];
        if (divisors[k] > 0 && divisors[k] <= quarter) {
            run_and_check(s, j);
        }
    }
}

/* Each number with many masks, which are other ones at each place. */
static void test_small_rings(void **state)
{
    (void)state;
    static const unsigned sizes[] = {3, 4, 5, 8, 9, 10};
    for (size_t f = 0; f < FAMILIES; f++) {
        for (int holders = 2; holders <= families[f].holders_max; holders += holders == 3 ? 2 : 1) {
            scene s;
            scene_open(&s, holders, NULL);
            for (size_t b = 0; b < sizeof sizes / sizeof sizes[0]; b += SCENE_WATCHED ? 3 : 1) {
                const syi_field field = {UINT64_C(1) << sizes[b], 8};
                const size_t all = (size_t)field.modulus,
                             most = ((size_t)1 << 16) / families[f].slowness,
                             many = 128 * all < most ? 128 * all : most,
                             count = SCENE_WATCHED ? 4 * all : many;
                comparison_job j;
                comparison_open(&s, &j, families[f].family, &field, count, SYI_OUTCOME_NONE);
                for (size_t k = 0; k < count; k++) {
                    scene_set(&field, j.x.secret, k, k % all);
                }
                check_outcomes(&s, &j);
                /* quotients of what is in their range */
                for (size_t k = 0; k < count; k++) {
                    scene_set(
                        &field, j.x.secret, k,
                        scene_of(&field, (scene_number)(k % (all / 2)) - (scene_number)(all / 4)));
                }
                check_quotients(&s, &j);
                comparison_close(&s, &j);
            }
            scene_close(&s);
        }
    }
}

/* The masks of the next command, whose elements get numbers so that under each mask all numbers come. */
static void check_every_mask(scene *s, syi_family family, syi_outcome outcome)
{
    enum { ALL = 256, COUNT = 360 * ALL }; /* at least 256 under each mask */
    static const syi_field field = {ALL, 8};
    static uint64_t masks[COUNT];
    static bool seen[ALL][ALL];
    unsigned next[ALL] = {0};
    size_t pairs = 0;
    comparison_job j;
    memset(seen, 0, sizeof seen);
    comparison_open(s, &j, family, &field, COUNT, outcome);
    const syi_family_material *material = syi_family_get_material(family);
    const bool quotient = outcome >= SYI_OUTCOME_RELU_SHIFT;
    const syi_item item = {s->options.sequence + 1, 0};
    assert_ok(party_threads_mask(s->threads, &field,
                                 outcome == SYI_OUTCOME_NONE ? material->equal : material->sign,
                                 &item, SYI_PART_A, masks, COUNT, &s->err),
              &s->err);
    for (size_t k = 0; k < COUNT; k++) {
        const unsigned turn = next[masks[k]]++;
        const uint64_t x =
            quotient ? scene_of(&field, (scene_number)(turn % 128) - 64) : turn % ALL;
        scene_set(&field, j.x.secret, k, x);
        pairs += seen[masks[k]][x] ? 0 : 1;
        seen[masks[k]][x] = true;
    }
    assert_int_equal(pairs, ALL * (quotient ? ALL / 2 : ALL));
    scene_share(s, &j.x);
    scene_run(s, comparison_run, &j);
    comparison_check(s, &j);
    comparison_close(s, &j);
}

/* Those whose mask is what their part A comes to. */
static void test_every_mask(void **state)
{
    (void)state;
    scene s;
    scene_open(&s, 2, NULL);
    for (size_t f = 0; f < FAMILIES; f++) {
        if (syi_family_get_material(families[f].family) == NULL) {
            continue;
        }
        for (int outcome = TEST_SLOWNESS > 1 ? SYI_OUTCOME_RELU : SYI_OUTCOME_NONE;
             outcome <= SYI_OUTCOME_LAST; outcome += SCENE_WATCHED ? 2 : 1) {
            check_every_mask(&s, families[f].family, (syi_outcome)outcome);
        }
    }
    scene_close(&s);
}

static const syi_field large[] = {SYI_FIELD_64,           SYI_FIELD_32,
                                  {UINT64_C(1) << 62, 8}, {UINT64_C(1) << 33, 8},
                                  {UINT64_C(1) << 34, 8}, {65536, 8}};

static size_t put_edges(const syi_field *field, uint64_t *out)
{
    const unsigned bits = syi_field_bits(field);
    size_t count = 0;
    const unsigned step = SCENE_WATCHED ? 3 : 1;
    for (unsigned k = (bits - 1) % step; k < bits; k += step) {
        for (int d = -2; d <= 2; d++) {
            const scene_number number = ((scene_number)1 << k) + d;
            out[count++] = scene_of(field, number);
            out[count++] = scene_of(field, -number);
        }
    }
    const int near = SCENE_WATCHED ? 40 : 300;
    for (int k = -near; k <= near; k++) {
        out[count++] = scene_of(field, k);
    }
    return count;
}

static void test_edges(void **state)
{
    (void)state;
    enum { MOST = 64 * 10 + 601 };
    static uint64_t edges[MOST];
    for (size_t f = 0; f < FAMILIES; f++) {
        for (int holders = 2;
             holders <= (TEST_SLOWNESS > 1 ? 2 : 3) && holders <= families[f].holders_max;
             holders++) {
            scene s;
            scene_open(&s, holders, NULL);
            for (size_t k = 0; k<sizeof large / sizeof large[0]; k += TEST_SLOWNESS> 1 ? 4 : 1) {
                const scene_number quarter = (scene_number)syi_rounding_quarter(&large[k]);
                const size_t found = put_edges(&large[k], edges);
                comparison_job j;
                comparison_open(&s, &j, families[f].family, &large[k], found, SYI_OUTCOME_NONE);
                j.in_place = holders == 3;
                for (size_t e = 0; e < found; e++) {
                    scene_set(&large[k], j.x.secret, e, edges[e]);
                }
                check_outcomes(&s, &j);
                for (size_t e = 0; e < found; e++) { /* -quarter to quarter - 1 */
                    const scene_number number = scene_signed(&large[k], edges[e]);
                    scene_set(&large[k], j.x.secret, e,
                              number < -quarter || number >= quarter ? 1 : edges[e]);
                }
                check_quotients(&s, &j);
                comparison_close(&s, &j);
            }
            scene_close(&s);
        }
    }
}

/* About blocks, bytes and tiles. */
static void test_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = {0,    1,    2,     7,     8,     9,     31,   32,   33,
                                   63,   64,   65,    100,   511,   512,   513,  1023, 4095,
                                   4096, 4097, 16383, 16384, 16385, 40000, 70001};
    static const size_t few[] = {0, 1, 9, 33, 513, 4097, 16385};
    const size_t *which = SCENE_WATCHED ? few : sizes;
    const size_t count =
        SCENE_WATCHED ? sizeof few / sizeof few[0] : sizeof sizes / sizeof sizes[0];
    for (size_t f = 0; f < FAMILIES; f++) {
        for (int ahead = 0; ahead < 2; ahead++) {
            const party_threads_options options = {.made_ahead = ahead == 1};
            scene s;
            scene_open(&s, 2, &options);
            for (size_t k = 0; k < count; k++) {
                if (families[f].holders_max == 2 && which[k] > (TEST_SLOWNESS > 1 ? 600 : 17000)) {
                    continue; /* that is many of their tiles */
                }
                comparison_job j;
                comparison_open(&s, &j, families[f].family, &large[(k + (size_t)ahead) % 2],
                                which[k], (syi_outcome)(k % (SYI_OUTCOME_LAST + 1)));
                const scene_number quarter = (scene_number)syi_rounding_quarter(&j.x.field);
                for (size_t e = 0; e < which[k]; e++) {
                    const scene_number number =
                        (scene_number)(property_next(&s.random) % (uint64_t)(2 * quarter)) -
                        quarter;
                    scene_set(&j.x.field, j.x.secret, e, scene_of(&j.x.field, number));
                }
                run_and_check(&s, &j);
                comparison_close(&s, &j);
            }
            scene_close(&s);
        }
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const syi_field odd = {UINT64_C(1000003), 8}, ring = SYI_FIELD_64;
    sy_error err = SY_ERROR_INIT;
    syi_comparison comparison = {.outcome = SYI_OUTCOME_BIT};
    assert_status(syi_comparison_check(&comparison, &odd, 2, &err), SY_ENOTSUP, &err);
    assert_non_null(strstr(err.message, "power of two"));
    assert_ok(syi_comparison_check(&comparison, &ring, 2, &err), &err);
    comparison.outcome = SYI_OUTCOME_RELU_SHIFT;
    assert_status(syi_comparison_check(&comparison, &ring, 2, &err), SY_ERANGE, &err);
    comparison.shift = 62;
    assert_ok(syi_comparison_check(&comparison, &ring, 2, &err), &err);
    comparison.shift = 63;
    assert_status(syi_comparison_check(&comparison, &ring, 2, &err), SY_ERANGE, &err);
    comparison = (syi_comparison){.outcome = SYI_OUTCOME_RELU_DIVIDE};
    assert_status(syi_comparison_check(&comparison, &ring, 2, &err), SY_ERANGE, &err);
    comparison.divisor = UINT64_C(1) << 62;
    assert_ok(syi_comparison_check(&comparison, &ring, 2, &err), &err);
    comparison.divisor++;
    assert_status(syi_comparison_check(&comparison, &ring, 2, &err), SY_ERANGE, &err);
    comparison.outcome = SYI_OUTCOME_RELU;
    assert_status(syi_comparison_check(&comparison, &ring, 2, &err), SY_ERANGE, &err);
    syi_family family;
    for (size_t f = 0; f < FAMILIES; f++) {
        assert_true(syi_family_of_name(syi_family_name(families[f].family), &family));
        assert_int_equal(family, families[f].family);
    }
    assert_true(syi_family_of_name("", &family));
    assert_int_equal(family, SYI_FAMILY_AUTO);
    assert_true(syi_family_of_name(NULL, &family));
    assert_false(syi_family_of_name("yao", &family));
    assert_string_equal(syi_family_name(SYI_FAMILY_AUTO), "auto");
    assert_true(syi_family_of_name("auto", &family));
    assert_int_equal(family, SYI_FAMILY_AUTO);
    assert_null(syi_family_name((syi_family)77));
    assert_status(syi_family_check((syi_family)77, 2, &err), SY_ENOTSUP, &err);
    assert_ok(syi_family_check(SYI_FAMILY_AUTO, 5, &err), &err);
}

/* The least count for which masked bits are the fastest. */
static uint64_t turn(unsigned bits, uint64_t round_trip_us, bool ahead)
{
    uint64_t few = 0, many = UINT64_C(1) << 40; /* keys, but for 0; bits */
    while (few + 1 < many) {
        const uint64_t middle = few + (many - few) / 2;
        const bool keys =
            syi_family_fastest(bits, 2, middle, round_trip_us, ahead) == SYI_FAMILY_FSS;
        *(keys ? &few : &many) = middle;
    }
    return many;
}

/* What the tables of docs/internals/comparison.md and docs/reference/performance.md say of the fastest, and what is never: keys for more
 * holders, for fields in which nothing is compared, or where nobody knows how long a message takes. */
static void test_fastest(void **state)
{
    (void)state;
    assert_int_equal(syi_family_fastest(64, 2, 1, 40000, false), SYI_FAMILY_FSS);
    assert_int_equal(syi_family_fastest(64, 2, 1000, 40000, false), SYI_FAMILY_BITS);
    assert_int_equal(syi_family_fastest(64, 2, 100000, 40000, true), SYI_FAMILY_FSS);
    assert_int_equal(syi_family_fastest(64, 2, 1000, 500, true), SYI_FAMILY_FSS);
    assert_int_equal(syi_family_fastest(64, 2, 100000, 500, true), SYI_FAMILY_BITS);
    assert_int_equal(syi_family_fastest(64, 2, 1, 50, false), SYI_FAMILY_BITS);
    for (int ahead = 0; ahead < 2; ahead++) {
        assert_int_equal(syi_family_fastest(64, 2, 1, 0, ahead), SYI_FAMILY_BITS);
        assert_int_equal(syi_family_fastest(64, 3, 1, 40000, ahead), SYI_FAMILY_BITS);
        assert_int_equal(syi_family_fastest(0, 2, 1, 40000, ahead), SYI_FAMILY_BITS);
        assert_int_equal(syi_family_fastest(64, 2, 1, UINT64_MAX, ahead), SYI_FAMILY_FSS);
        assert_int_equal(syi_family_fastest(64, 2, UINT64_MAX, 40000, ahead), SYI_FAMILY_BITS);
        const uint64_t at = turn(64, 40000, ahead);
        assert_true(turn(64, 80000, ahead) >= 2 * at - 2); /* a longer way: more numbers */
        assert_true(turn(32, 40000, ahead) >= 2 * at - 2); /* shorter keys */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_rings), cmocka_unit_test(test_every_mask),
        cmocka_unit_test(test_edges),       cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_fastest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
