/*
 * fss_test.c - comparisons by function secret sharing: every number under every mask in Z_2^8, what they cost, what holders
 * see of them, public keys, and failures in every round. That they are right in other rings: comparison_test.c.
 */
#include "crypto/fss.h"

#include "support/party_scene.h"

typedef struct job {
    syi_comparison comparison; /* outcome NONE: equality with zero */
    scene_value x, z;
} job;

static sy_status run_job(syi_party *party, void *user, sy_error *err)
{
    const job *j = user;
    const int h = party->channel->index;
    void *x = scene_words(&j->x, h), *z = scene_words(&j->z, h);
    return j->comparison.outcome == SYI_OUTCOME_NONE
               ? syi_fss_equal(party, &j->x.field, z, x, j->x.count, err)
               : syi_fss_compare(party, &j->comparison, &j->x.field, z, x, j->x.count, err);
}

static void job_open(scene *s, job *j, const syi_field *field, size_t count, syi_outcome outcome)
{
    const int64_t shape[] = {(int64_t)count};
    const unsigned shift = syi_field_bits(field) / 4;
    j->comparison =
        (syi_comparison){SYI_FAMILY_FSS, outcome, outcome == SYI_OUTCOME_RELU_SHIFT ? shift : 0};
    scene_value_blank(s, &j->x, field, 1, shape);
    scene_value_blank(s, &j->z, field, 1, shape);
    scene_share(s, &j->x);
}

static void job_close(scene *s, job *j)
{
    scene_value_free(s, &j->x);
    scene_value_free(s, &j->z);
}

static syi_demand demand_of(const syi_field *field, syi_outcome outcome, uint64_t count)
{
    const bool equal = outcome == SYI_OUTCOME_NONE;
    return (syi_demand){.kind = equal ? SYI_MATERIAL_FSS_EQUAL : SYI_MATERIAL_FSS_SIGN,
                        .item = {1, 0},
                        .field = *field,
                        .count = count,
                        .shift = outcome == SYI_OUTCOME_RELU_SHIFT ? syi_field_bits(field) / 4 : 0,
                        .outcome = equal ? SYI_OUTCOME_BIT : outcome};
}

/* --- every mask -------------------------------------------------------------------------------- */

/* The quotient is off by less than 1, and never negative. */
static bool is_right(const job *j, uint64_t x, uint64_t z)
{
    const scene_number number = scene_signed(&j->x.field, x);
    const unsigned shift = j->comparison.shift;
    switch (j->comparison.outcome) {
    case SYI_OUTCOME_NONE:
        return z == (x == 0 ? 1 : 0);
    case SYI_OUTCOME_BIT:
        return z == (number >= 0 ? 1 : 0);
    case SYI_OUTCOME_RELU:
        return z == (number >= 0 ? x : 0);
    default:
        return number < 0 ? z == 0
                          : z == x >> shift ||
                                ((x & (((uint64_t)1 << shift) - 1)) != 0 && z == (x >> shift) + 1);
    }
}

/* The masks of the next command, whose elements get numbers so that under each mask all numbers come. */
static void check_every_mask(scene *s, syi_outcome outcome)
{
    enum { ALL = 256, COUNT = 1 << 17 };
    static const syi_field field = {ALL, 8};
    static uint64_t masks[COUNT];
    static bool seen[ALL][ALL];
    unsigned next[ALL] = {0};
    size_t pairs = 0;
    job j;
    memset(seen, 0, sizeof seen);
    job_open(s, &j, &field, COUNT, outcome);
    const bool quotient = outcome == SYI_OUTCOME_RELU_SHIFT;
    const syi_item item = {s->options.sequence + 1, 0};
    assert_ok(party_threads_mask(s->threads, &field,
                                 outcome == SYI_OUTCOME_NONE ? SYI_MATERIAL_FSS_EQUAL
                                                             : SYI_MATERIAL_FSS_SIGN,
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
    scene_run(s, run_job, &j);
    for (size_t k = 0; k < COUNT; k++) {
        const uint64_t x = scene_get(&field, j.x.secret, k), got = scene_sum(s, &j.z, k);
        if (!is_right(&j, x, got)) {
            fail_msg("outcome %d: of %" PRIu64 " under %" PRIu64 " it made %" PRIu64, (int)outcome,
                     x, masks[k], got);
        }
    }
    job_close(s, &j);
}

static void test_every_mask(void **state)
{
    (void)state;
    scene s;
    scene_open(&s, 2, NULL);
    for (int outcome = SYI_OUTCOME_NONE; outcome <= SYI_OUTCOME_RELU_SHIFT;
         outcome += TEST_SLOWNESS > 1 ? 3 : 1) {
        check_every_mask(&s, (syi_outcome)outcome);
    }
    scene_close(&s);
}

/* --- what it costs ----------------------------------------------------------------------------- */

/* `keys` bytes per element to both holders, `words` more to the corrected one. */
static void check_cost(size_t count, const syi_field *field, syi_outcome outcome, size_t keys,
                       size_t words)
{
    scene s;
    job j;
    scene_open(&s, 2, NULL);
    job_open(&s, &j, field, count, outcome);
    scene_run(&s, run_job, &j);
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
    job_close(&s, &j);
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
        job j;
        scene_open(&s, 2, &options);
        job_open(&s, &j, &field, COUNT, outcomes[k % 2]);
        for (size_t e = 0; e < COUNT; e++) {
            scene_set(&field, j.x.secret, e, scene_of(&field, numbers[k / 2]));
        }
        scene_share(&s, &j.x);
        scene_run(&s, run_job, &j);
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
        job_close(&s, &j);
        scene_close(&s);
    }
}

/* Everything that a holder sends or is dealt is uniform bytes; and what is dealt is the same for other numbers. */
static void test_messages_are_uniform(void **state)
{
    static const syi_outcome outcomes[] = {SYI_OUTCOME_NONE, SYI_OUTCOME_RELU_SHIFT};
    static const int64_t numbers[] = {0, -1, INT64_C(1) << 40};
    const party_threads_options options = {.keep = true};
    const syi_field field = SYI_FIELD_64;
    (void)state;
    for (size_t o = 0; o < 2; o++) {
        uint8_t *first[2] = {NULL, NULL};
        for (size_t k = 0; k<sizeof numbers / sizeof numbers[0]; k += TEST_SLOWNESS> 1 ? 2 : 1) {
            scene s;
            job j;
            scene_open(&s, 2, &options);
            job_open(&s, &j, &field, SYI_FSS_TILE + 500 / TEST_SLOWNESS, outcomes[o]);
            for (size_t e = 0; e < j.x.count; e++) {
                scene_set(&field, j.x.secret, e, (uint64_t)numbers[k]);
            }
            scene_share(&s, &j.x);
            scene_run(&s, run_job, &j);
            for (int h = 0; h < 2; h++) {
                size_t size;
                const uint8_t *sent = party_threads_sent(s.threads, h, &size);
                assert_true(scene_chi_square(sent, size) < 360);
                const uint8_t *dealt = party_threads_dealt(s.threads, h, &size);
                assert_true(size > j.x.count * 912 && scene_chi_square(dealt, size) < 360);
                if (first[h] == NULL) {
                    first[h] = malloc(size);
                    memcpy(first[h], dealt, size);
                }
                assert_memory_equal(first[h], dealt, size);
            }
            job_close(&s, &j);
            scene_close(&s);
        }
        free(first[0]);
        free(first[1]);
    }
}

/* The same command on other numbers (which nobody may do but a test): X moves by their difference, and the bits by that of the
 * results. */
static void test_differences(void **state)
{
    enum { COUNT = 2000 };
    const party_threads_options options = {.keep = true};
    const syi_field field = SYI_FIELD_64;
    uint64_t opened[2][COUNT], secrets[2][COUNT];
    uint8_t bits[2][COUNT];
    scene s;
    (void)state;
    scene_open(&s, 2, &options);
    for (int run = 0; run < 2; run++) {
        job j;
        job_open(&s, &j, &field, COUNT, SYI_OUTCOME_BIT);
        for (size_t e = 0; e < COUNT; e++) {
            secrets[run][e] = property_next(&s.random);
            scene_set(&field, j.x.secret, e, secrets[run][e]);
        }
        scene_share(&s, &j.x);
        s.options.sequence = 90;
        scene_run(&s, run_job, &j);
        size_t size;
        const uint8_t *sent[] = {party_threads_sent(s.threads, 0, &size),
                                 party_threads_sent(s.threads, 1, &size)};
        for (size_t e = 0; e < COUNT; e++) {
            opened[run][e] = scene_get(&field, sent[0], e) + scene_get(&field, sent[1], e);
            const size_t at = COUNT * 8 + e / 8;
            bits[run][e] = (uint8_t)((sent[0][at] ^ sent[1][at]) >> e % 8 & 1);
        }
        job_close(&s, &j);
    }
    for (size_t e = 0; e < COUNT; e++) {
        assert_int_equal(opened[0][e] - opened[1][e], secrets[0][e] - secrets[1][e]);
        assert_int_equal(bits[0][e] ^ bits[1][e], (secrets[0][e] ^ secrets[1][e]) >> 63);
    }
    scene_close(&s);
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

/* --- failures ---------------------------------------------------------------------------------- */

static void test_faults(void **state)
{
    static const party_fault_kind faults[] = {PARTY_FAULT_DIE, PARTY_FAULT_SHORT, PARTY_FAULT_LONG};
    const syi_field field = SYI_FIELD_64;
    (void)state;
    for (size_t k = 0; k < sizeof faults / sizeof faults[0]; k++) {
        for (int party = PARTY_PROVIDER; party < 2; party++) {
            for (uint64_t message = 0; message < 2; message++) {
                const party_threads_options options = {.fault = {faults[k], party, message}};
                char name[32];
                scene s;
                job j;
                snprintf(name, sizeof name, party == PARTY_PROVIDER ? "the provider" : "holder %d",
                         party);
                scene_open(&s, 2, &options);
                job_open(&s, &j, &field, 700, SYI_OUTCOME_RELU);
                assert_false(party_threads_run(s.threads, run_job, &j));
                assert_non_null(strstr(party_threads_failure(s.threads), name));
                for (int h = 0; h < 2; h++) {
                    const party_result *result = party_threads_result(s.threads, h);
                    assert_true(h == party || result->status != SY_OK);
                    assert_true(h == party || strstr(result->err.message, name) != NULL);
                }
                job_close(&s, &j);
                scene_close(&s);
            }
        }
    }
}

/* Wherever an allocation is refused nobody hangs and nothing stays. */
static void test_memory(void **state)
{
    const syi_field field = SYI_FIELD_64;
    (void)state;
    for (size_t nth = 1;; nth += TEST_SLOWNESS > 1 ? 5 : 1) {
        scene s;
        job j;
        scene_open(&s, 2, NULL);
        job_open(&s, &j, &field, 100, SYI_OUTCOME_RELU_SHIFT);
        s.memory.fail_at = s.memory.calls + nth;
        const bool good = party_threads_run(s.threads, run_job, &j);
        const bool refused = s.memory.refused != 0;
        s.memory.fail_at = 0;
        assert_true(good == !refused);
        job_close(&s, &j);
        scene_close(&s);
        if (!refused) {
            assert_true(nth > 5);
            break;
        }
    }
}

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
    const syi_comparison comparison = {SYI_FAMILY_FSS, SYI_OUTCOME_RELU, 0};
    sy_error err = SY_ERROR_INIT;
    (void)state;
    assert_ok(syi_comparison_check(&comparison, &field, 2, &err), &err);
    assert_status(syi_comparison_check(&comparison, &field, 3, &err), SY_ENOTSUP, &err);
    assert_non_null(strstr(err.message, "\"fss\" is for 2 holders, not for 3"));
    for (size_t count = 0; count < 2; count++) {
        for (int outcome = SYI_OUTCOME_NONE; outcome <= SYI_OUTCOME_BIT; outcome++) {
            scene s;
            job j;
            scene_open(&s, 3, NULL);
            job_open(&s, &j, &field, count, (syi_outcome)outcome);
            assert_false(party_threads_run(s.threads, run_job, &j));
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
            job_close(&s, &j);
            scene_close(&s);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_mask),
        cmocka_unit_test(test_costs),
        cmocka_unit_test(test_opened_is_uniform),
        cmocka_unit_test(test_messages_are_uniform),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_public_keys),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_three_holders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
