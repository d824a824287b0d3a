/*
 * fss_test.c - comparisons by function secret sharing: what they cost, what is opened, public keys, and who is refused. That they
 * are right: comparison_test.c; what else holders see, and failures: comparison_transcript_test.c.
 */
#include "crypto/fss.h"

#include "support/comparison_scene.h"

static syi_demand demand_of(const syi_field *field, syi_outcome outcome, uint64_t count)
{
    const bool equal = outcome == SYI_OUTCOME_NONE;
    return (syi_demand){.kind = equal ? SYI_MATERIAL_FSS_EQUAL : SYI_MATERIAL_FSS_SIGN,
                        .item = {1, 0},
                        .field = *field,
                        .count = count,
                        .shift = outcome == SYI_OUTCOME_RELU_SHIFT ? syi_field_bits(field) / 4 : 0,
                        .divisor = outcome == SYI_OUTCOME_RELU_DIVIDE ? 3 : 0,
                        .outcome = equal ? SYI_OUTCOME_BIT : outcome};
}

/* --- what it costs ----------------------------------------------------------------------------- */

/* `keys` bytes per element to both holders, `words` more to the corrected one. */
static void check_cost(size_t count, const syi_field *field, syi_outcome outcome, size_t keys,
                       size_t words)
{
    scene s;
    comparison_job j;
    scene_open(&s, 2, NULL);
    comparison_open(&s, &j, SYI_FAMILY_FSS, field, count, outcome);
    scene_run(&s, comparison_run, &j);
    uint64_t dealt[2] = {0, 0};
    for (size_t first = 0, tile = 0; first < count; first += SYI_FSS_TILE, tile++) {
        const size_t n = count - first < SYI_FSS_TILE ? count - first : SYI_FSS_TILE;
        for (size_t h = 0; h < 2; h++) {
            dealt[h] += n * keys + (h == (s.options.sequence + tile) % 2 ? n * words : 0);
        }
    }
    for (int h = 0; h < 2; h++) {
        const syi_cost *cost = &party_threads_result(s.threads, h)->cost;
        assert_int_equal(cost->rounds, count > 0 ? 2 : 0);
        assert_int_equal(cost->sent, count * field->width + (count + 7) / 8);
        assert_int_equal(cost->received, cost->sent);
        assert_int_equal(cost->dealt, dealt[h]);
        if (count % 8 == 0) {
            assert_true((double)cost->sent == (field->width + 0.125) * (double)count);
        }
    }
    comparison_close(&s, &j);
    scene_close(&s);
}

static void test_costs(void **state)
{
    static const syi_field ring = SYI_FIELD_64, small = SYI_FIELD_32, odd = {UINT64_C(1) << 20, 8};
    static const size_t counts[] = {0, 1, 7, 31, 32, 33, 511, 512, 513, SYI_FSS_TILE + 1};
    (void)state;
    const size_t tile = SYI_FSS_TILE;
    check_cost(2 * tile, &ring, SYI_OUTCOME_BIT, 912, 8);
    check_cost(tile, &ring, SYI_OUTCOME_RELU, 912, 16);
    check_cost(3 * tile - 1, &ring, SYI_OUTCOME_RELU_SHIFT, 912, 8 + 8 + 2 + 8 + 2);
    check_cost(3 * tile - 1, &ring, SYI_OUTCOME_RELU_DIVIDE, 912, 8 + 8 + 8 + 8 + 8);
    check_cost(tile, &ring, SYI_OUTCOME_NONE, 928, 8);
    check_cost(tile, &small, SYI_OUTCOME_RELU, 400, 8);
    check_cost(tile, &small, SYI_OUTCOME_NONE, 416, 4);
    check_cost(tile, &odd, SYI_OUTCOME_RELU, 208, 16);
    check_cost(SYI_FSS_SPAN / TEST_SLOWNESS + 33, &odd, SYI_OUTCOME_RELU, 208, 16);
    for (size_t k = 0; k<sizeof counts / sizeof counts[0]; k += TEST_SLOWNESS> 1 ? 3 : 1) {
        check_cost(counts[k], &ring, SYI_OUTCOME_RELU, 912, 16);
    }
}

/* --- what is seen ------------------------------------------------------------------------------ */

/* In Z_2^8 the opened word and bit of a number are 9 bits: all 512 are equally likely, whatever the number is. */
static void test_opened_is_uniform(void **state)
{
    enum { CELLS = 512, COUNT = 1 << 14 }; /* in one span */
    static const syi_field field = {256, 8};
    static const int numbers[] = {0, 1, -1, 127, -128, 37};
    static const syi_outcome outcomes[] = {SYI_OUTCOME_RELU, SYI_OUTCOME_NONE};
    const party_threads_options options = {.keep = true};
    (void)state;
    for (size_t k = 0; k<2 * sizeof numbers / sizeof numbers[0]; k += TEST_SLOWNESS> 1 ? 5 : 1) {
        unsigned cells[CELLS] = {0};
        scene s;
        comparison_job j;
        scene_open(&s, 2, &options);
        comparison_open(&s, &j, SYI_FAMILY_FSS, &field, COUNT, outcomes[k % 2]);
        comparison_fill(&s, &j, numbers[k / 2]);
        scene_run(&s, comparison_run, &j);
        size_t size;
        const uint8_t *sent[] = {party_threads_sent(s.threads, 0, &size),
                                 party_threads_sent(s.threads, 1, &size)};
        assert_int_equal(size, COUNT * 8 + COUNT / 8);
        for (size_t e = 0; e < COUNT; e++) {
            const size_t word = 8 * e, bit = 8 * COUNT + e / 8;
            const unsigned opened = (unsigned)(sent[0][word] + sent[1][word]) & 255,
                           c = (unsigned)((sent[0][bit] ^ sent[1][bit]) >> e % 8 & 1);
            cells[opened | c << 8]++;
        }
        double chi = 0;
        const double expected = (double)COUNT / CELLS;
        for (size_t c = 0; c < CELLS; c++) {
            chi += ((double)cells[c] - expected) * ((double)cells[c] - expected) / expected;
        }
        /* 511 degrees of freedom: a deviation of 32; within five of them */
        assert_true(chi > 511 - 160 && chi < 511 + 160);
        comparison_close(&s, &j);
        scene_close(&s);
    }
}

/* Every tile, item, kind and session has AES keys of its own. */
static void test_public_keys(void **state)
{
    enum { ITEMS = 4, TILES = 3 };
    static const syi_field field = SYI_FIELD_64;
    uint8_t session[SYI_SHARING_SESSION_SIZE] = {1};
    uint8_t found[ITEMS * TILES][SYI_FIXED_KEYS_SIZE];
    sy_error err = SY_ERROR_INIT;
    (void)state;
    for (size_t i = 0; i < ITEMS; i++) {
        syi_demand demand =
            demand_of(&field, i == 1 ? SYI_OUTCOME_NONE : SYI_OUTCOME_BIT, 3 * SYI_FSS_TILE);
        syi_generator stream;
        demand.item.number = i == 2 ? 1 : 0;
        session[15] = i == 3 ? 1 : 0;
        assert_ok(syi_fss_public_open(&stream, session, &demand, &err), &err);
        for (size_t tile = 0; tile < TILES; tile++) {
            uint8_t *keys = found[i * TILES + tile];
            syi_fixed_keys fixed;
            assert_ok(syi_generator_fill(&stream, 2 * tile, keys, SYI_FIXED_KEYS_SIZE, &err), &err);
            assert_memory_not_equal(keys, keys + 16, 16);
            assert_ok(syi_fss_public_keys(&fixed, &stream, tile, &err), &err);
            if (fixed.ciphers[0] == NULL) {
                assert_memory_equal(fixed.round_keys[0][0], keys, 16);
                assert_memory_equal(fixed.round_keys[1][0], keys + 16, 16);
            }
            syi_fixed_keys_fini(&fixed);
        }
        syi_generator_fini(&stream);
    }
    for (size_t a = 0; a < ITEMS * TILES; a++) {
        for (size_t b = 0; b < a; b++) {
            assert_memory_not_equal(found[a], found[b], 16);
            assert_memory_not_equal(found[a] + 16, found[b] + 16, 16);
        }
    }
}

/* --- refused ----------------------------------------------------------------------------------- */

static sy_status give_nothing(void *user, int holder, const syi_item *item, const void *bytes,
                              size_t size, sy_error *err)
{
    (void)holder;
    (void)item;
    (void)bytes;
    (void)size;
    (void)err;
    (*(int *)user)++;
    return SY_OK;
}

/* Three holders are told before anything is sent, by the check, the program and the provider. */
static void test_three_holders(void **state)
{
    static const syi_field field = SYI_FIELD_64;
    const syi_comparison comparison = {.family = SYI_FAMILY_FSS, .outcome = SYI_OUTCOME_RELU};
    sy_error err = SY_ERROR_INIT;
    (void)state;
    assert_ok(syi_comparison_check(&comparison, &field, 2, &err), &err);
    assert_status(syi_comparison_check(&comparison, &field, 3, &err), SY_ENOTSUP, &err);
    assert_non_null(strstr(err.message, "\"fss\" is for 2 holders, not for 3"));
    for (size_t count = 0; count < 2; count++) {
        for (int outcome = SYI_OUTCOME_NONE; outcome <= SYI_OUTCOME_BIT; outcome++) {
            scene s;
            comparison_job j;
            scene_open(&s, 3, NULL);
            comparison_open(&s, &j, SYI_FAMILY_FSS, &field, count, (syi_outcome)outcome);
            assert_false(party_threads_run(s.threads, comparison_run, &j));
            for (int h = 0; h < 3; h++) {
                const party_result *result = party_threads_result(s.threads, h);
                assert_int_equal(result->status, SY_ENOTSUP);
                assert_int_equal(result->cost.sent, 0);
            }
            int given = 0;
            const syi_dealer dealer = {.context = s.context, .holders = 3};
            const syi_demand demand = demand_of(&field, (syi_outcome)outcome, count);
            assert_status(syi_deal(&dealer, &demand, give_nothing, &given, &err), SY_ENOTSUP, &err);
            assert_int_equal(given, 0);
            comparison_close(&s, &j);
            scene_close(&s);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_costs),
        cmocka_unit_test(test_opened_is_uniform),
        cmocka_unit_test(test_public_keys),
        cmocka_unit_test(test_three_holders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
