/*
 * channel_test.c - the contract of channels on the threads that tests use, and what programs make of parties that die, stall or
 * send wrong lengths at any of their messages, of refused memory, and of links that hold as little as a program's window.
 */
#include "crypto/channel.h"
#include "support/channel_contract.h"
#include "support/party_faults.h"

static void run_on_threads(int holders, uint64_t deadline_ms, channel_program program, void *user,
                           channel_outcome *outcome)
{
    const party_threads_options options = {.deadline_ms = deadline_ms};
    scene s;
    scene_open(&s, holders, &options);
    (void)party_threads_run(s.threads, program, user);
    for (int h = 0; h < holders; h++) {
        const party_result *result = party_threads_result(s.threads, h);
        outcome->status[h] = result->status;
        outcome->err[h] = result->err;
        outcome->cost[h] = result->cost;
    }
    scene_close(&s);
}

static const channel_contract threads_contract = {
    .run = run_on_threads, .names = {"holder 0", "holder 1", "holder 2", "holder 3", "holder 4"}};

/* --- programs that meet faults ----------------------------------------------------------------- */

enum { WORDS = 4000 };
typedef struct all_kinds {
    uint64_t words[5][WORDS];
    syi_mask masks[5];
} all_kinds;

/* One of each, with something dealt to everybody. */
static sy_status run_all_kinds(syi_party *party, void *user, sy_error *err)
{
    const syi_field field = SYI_FIELD_64;
    const int h = party->channel->index;
    const int64_t shape[] = {20, 20};
    uint64_t *words = ((all_kinds *)user)->words[h], result[400];
    syi_mask *mask = &((all_kinds *)user)->masks[h];
    syi_bilinear product;
    syi_array share = SYI_ARRAY_INIT;
    CHANNEL_TRY(syi_spdz_square(party, &field, words, words, WORDS, err));
    CHANNEL_TRY(syi_spdz_shift(party, &field, words, words, WORDS, 16, err));
    CHANNEL_TRY(syi_spdz_divide(party, &field, words, words, WORDS, 10, err));
    CHANNEL_TRY(syi_spdz_zero(party, &field, words, WORDS, err));
    CHANNEL_TRY(syi_bilinear_of_name(&product, "matmul", &field, 2, shape, 2, shape, err));
    CHANNEL_TRY(syi_array_new(party->context, &share, SY_DTYPE_I64, 2, shape, NULL, err));
    memcpy(share.storage->data, words, 400 * sizeof *words);
    const syi_factor x = {&share, NULL}, y = {&share, mask};
    sy_status status = syi_spdz_product(party, &field, &product, result, &x, &y, err);
    if (status == SY_OK) {
        status = syi_spdz_product(party, &field, &product, result, &y, &x, err);
    }
    syi_array_fini(&share);
    return status;
}

static void open_kinds(scene *s, void *data)
{
    (void)s;
    memset(data, 0, sizeof(all_kinds));
}

static void close_kinds(scene *s, void *data)
{
    const syi_field field = SYI_FIELD_64;
    for (int h = 0; h < s->holders; h++) {
        syi_mask_fini(s->context, &((all_kinds *)data)->masks[h], &field);
    }
}

static void test_faults(void **state)
{
    (void)state;
    static const party_fault_kind faults[] = {PARTY_FAULT_DIE, PARTY_FAULT_SHORT, PARTY_FAULT_LONG,
                                              PARTY_FAULT_STALL};
    static all_kinds kinds;
    const fault_trial trial = {3, run_all_kinds, &kinds, open_kinds, close_kinds, 100};
    for (size_t k = 0; k < 4; k++) {
        for (int party = PARTY_PROVIDER; party<3; party += TEST_SLOWNESS> 1 ? 2 : 1) {
            const int step = SCENE_WATCHED ? 2 : 1;
            int met = 0;
            for (int at = 0; at < 7; at += step) {
                const party_fault fault = {faults[k], party, (uint64_t)at};
                met += fault_trial_run(&trial, &fault).met ? 1 : 0;
            }
            assert_true(met >= 2); /* holders send 5 messages, the provider 6 */
        }
    }
}

static void test_memory(void **state)
{
    (void)state;
    static all_kinds kinds;
    const fault_trial trial = {2, run_all_kinds, &kinds, open_kinds, close_kinds, 0};
    fault_trial_memory(&trial, TEST_SLOWNESS > 1 ? 7 : 1, TEST_SLOWNESS > 1 ? 5 : 40);
}

/* --- windows ----------------------------------------------------------------------------------- */

typedef struct stream_job {
    scene_value x, z;
} stream_job;

static sy_status multiply_stream(syi_party *party, void *user, sy_error *err)
{
    const stream_job *j = user;
    const syi_array *share = &j->x.shares[party->channel->index];
    const syi_factor factor = {share, NULL};
    syi_bilinear product;
    CHANNEL_TRY(
        syi_bilinear_of_name(&product, "mul", &j->x.field, 1, share->shape, 1, share->shape, err));
    return syi_spdz_product(party, &j->x.field, &product, scene_words(&j->z, party->channel->index),
                            &factor, &factor, err);
}

/* Many tiles through links that hold what a program has under way, 8 tiles. And memory that does not grow. */
static void test_window(void **state)
{
    (void)state;
    const syi_field field = SYI_FIELD_64;
    const int64_t count = (SCENE_WATCHED ? 10 : 40) * SYI_TILE;
    const party_threads_options options = {.ahead = 8 * 2 * 8 * SYI_TILE};
    for (int holders = 2; holders <= (TEST_SLOWNESS > 1 ? 2 : 3); holders++) {
        scene s;
        stream_job j;
        scene_open(&s, holders, &options);
        scene_vector(&s, &j.x, &field, (size_t)count);
        scene_value_blank(&s, &j.z, &field, 1, &count);
        for (size_t k = 0; k < (size_t)count; k++) {
            const uint64_t x = scene_get(&field, j.x.secret, k);
            scene_set(&field, j.z.secret, k, x * x);
        }
        const size_t before = s.memory.live_bytes;
        s.memory.peak_bytes = before;
        scene_run(&s, multiply_stream, &j);
        scene_check(&s, &j.z);
        assert_true(s.memory.peak_bytes - before < (size_t)(holders + 1) * 32 * SYI_TILE * 8);
        scene_value_free(&s, &j.x);
        scene_value_free(&s, &j.z);
        scene_close(&s);
    }
}

int main(void)
{
    the_contract = &threads_contract;
    const struct CMUnitTest tests[] = {
        CHANNEL_CONTRACT_TESTS,
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
