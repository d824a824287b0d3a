/*
 * channel_contract.h - what every implementation of crypto/channel.h must do. A test program says how a program is run by
 * holders of its kind in a `channel_contract`, points the_contract to it, and runs {CHANNEL_CONTRACT_TESTS}. Programs
 * misbehave by themselves here; what only an implementation can do wrong is its own test's.
 */
#ifndef CSYFT_TESTS_CHANNEL_CONTRACT_H
#define CSYFT_TESTS_CHANNEL_CONTRACT_H

#include <string.h>
#include <time.h>

#include "crypto/snn.h"
#include "support/property.h"
#include "support/test.h"

enum { CHANNEL_HOLDERS_MAX = 5 };

/* Run by every holder at the same time; party->channel->index says which one it is. No cmocka in it. */
typedef sy_status (*channel_program)(syi_party *party, void *user, sy_error *err);

typedef struct channel_outcome {
    sy_status status[CHANNEL_HOLDERS_MAX];
    sy_error err[CHANNEL_HOLDERS_MAX];
    syi_cost cost[CHANNEL_HOLDERS_MAX];
} channel_outcome;

typedef struct channel_contract {
    /* Runs a command with a provider; who keeps silent for `deadline_ms` is given up. A holder whose program fails leaves
     * the command. Returns when all are done. */
    void (*run)(int holders, uint64_t deadline_ms, channel_program program, void *user,
                channel_outcome *outcome);
    const char *names[CHANNEL_HOLDERS_MAX]; /* as sentences name holders */
} channel_contract;

static const channel_contract *the_contract;

enum { CHANNEL_PATIENCE = 20000 };

/* Fails in a program; the sentence goes into the outcome. */
#define CHANNEL_EXPECT(condition)                        \
    do {                                                 \
        if (!(condition)) {                              \
            err->status = SY_EINVAL;                     \
            strcpy(err->message, "not so: " #condition); \
            return SY_EINVAL;                            \
        }                                                \
    } while (0)
#define CHANNEL_TRY(expr)                     \
    do {                                      \
        const sy_status channel_got = (expr); \
        if (channel_got != SY_OK) {           \
            return channel_got;               \
        }                                     \
    } while (0)

static void channel_run_well(int holders, channel_program program, void *user)
{
    channel_outcome outcome = {0};
    the_contract->run(holders, CHANNEL_PATIENCE, program, user, &outcome);
    for (int h = 0; h < holders; h++) {
        assert_ok(outcome.status[h], &outcome.err[h]);
    }
}

/* --- messages ---------------------------------------------------------------------------------- */

static uint8_t channel_byte(int holder, size_t message, size_t k)
{
    return (uint8_t)((size_t)holder * 101 + message * 7 + k * 13 + (k >> 8));
}

static const size_t channel_sizes[] = {1, 63, 64, 65, 0, 4096, 70000, (1 << 20) / TEST_SLOWNESS};
enum { CHANNEL_SIZES = sizeof channel_sizes / sizeof *channel_sizes };

static sy_status channel_send_bytes(syi_channel *channel, size_t message, size_t size,
                                    sy_error *err)
{
    uint8_t *bytes = malloc(size + 1);
    for (size_t k = 0; k < size; k++) {
        bytes[k] = channel_byte(channel->index, message, k);
    }
    const sy_status status = syi_channel_send(channel, bytes, size, err);
    memset(bytes, 0xff, size); /* it is the sender's again */
    free(bytes);
    return status;
}

static sy_status channel_check_bytes(syi_channel *channel, int from, size_t message, size_t size,
                                     uint8_t **bytes, sy_error *err)
{
    void *got = NULL;
    CHANNEL_TRY(syi_channel_receive(channel, from, &got, size, err));
    *bytes = got;
    CHANNEL_EXPECT((uintptr_t)got % 64 == 0);
    for (size_t k = 0; k < size; k++) {
        CHANNEL_EXPECT((*bytes)[k] == channel_byte(from, message, k));
    }
    return SY_OK;
}

/* Everything is sent before anything is received; what came from one holder stays while others are received, and may be
 * written. */
static sy_status channel_exchange(syi_party *party, void *user, sy_error *err)
{
    syi_channel *channel = party->channel;
    (void)user;
    for (size_t m = 0; m < CHANNEL_SIZES; m++) {
        CHANNEL_TRY(channel_send_bytes(channel, m, channel_sizes[m], err));
    }
    for (size_t m = 0; m < CHANNEL_SIZES; m++) {
        uint8_t *bytes[CHANNEL_HOLDERS_MAX] = {NULL};
        for (int from = 0; from < channel->holders; from++) {
            if (from != channel->index) {
                CHANNEL_TRY(
                    channel_check_bytes(channel, from, m, channel_sizes[m], &bytes[from], err));
                memset(bytes[from], from, channel_sizes[m]);
            }
        }
        for (int from = 0; from < channel->holders; from++) {
            for (size_t k = 0; from != channel->index && k < channel_sizes[m]; k++) {
                CHANNEL_EXPECT(bytes[from][k] == from);
            }
        }
    }
    return SY_OK;
}

static void contract_messages(void **state)
{
    (void)state;
    for (int holders = 2; holders <= CHANNEL_HOLDERS_MAX; holders += holders == 3 ? 2 : 1) {
        channel_run_well(holders, channel_exchange, NULL);
    }
}

/* A quarter of what may be under way, at once; then in both directions without end. */
static sy_status channel_flood(syi_party *party, void *user, sy_error *err)
{
    enum { AHEAD = 16, PIECE = SYI_CHANNEL_AHEAD / 4 / AHEAD / TEST_SLOWNESS, ALL = 2 * AHEAD };
    syi_channel *channel = party->channel;
    size_t sent = 0;
    uint8_t *bytes = calloc(1, PIECE);
    sy_status status = SY_OK;
    (void)user;
    for (size_t done = 0; status == SY_OK && done < ALL; done++) {
        for (; status == SY_OK && sent < ALL && sent < done + AHEAD; sent++) {
            bytes[0] = (uint8_t)sent;
            status = syi_channel_send(channel, bytes, PIECE, err);
        }
        for (int from = 0; status == SY_OK && from < channel->holders; from++) {
            void *got = NULL;
            if (from != channel->index) {
                status = syi_channel_receive(channel, from, &got, PIECE, err);
                if (status == SY_OK && *(uint8_t *)got != (uint8_t)done) {
                    status = SY_EINVAL;
                }
            }
        }
    }
    free(bytes);
    return status;
}

static void contract_flood(void **state)
{
    (void)state;
    channel_run_well(2, channel_flood, NULL);
    channel_run_well(3, channel_flood, NULL);
}

/* --- material ---------------------------------------------------------------------------------- */

enum { CHANNEL_ZEROS = 2 * SYI_TILE + 100 };

/* Zeros of two items at once, the second taken first; what they are is only seen when they are opened. */
static sy_status channel_zeros(syi_party *party, void *user, sy_error *err)
{
    const syi_field field = SYI_FIELD_64;
    uint64_t *words = calloc(CHANNEL_ZEROS, sizeof *words);
    sy_status status = SY_OK;
    size_t wrong = 0, zeros = 0;
    (void)user;
    for (int turn = 0; turn < 3 && status == SY_OK; turn++) {
        const size_t count = turn == 1 ? 5 : CHANNEL_ZEROS;
        status = syi_spdz_zero(party, &field, words, count, err);
        for (size_t k = 0; k < count; k++) {
            zeros += words[k] == 0 ? 1 : 0;
        }
        if (status == SY_OK) {
            status = syi_spdz_open(party, &field, words, words, count, err);
        }
        for (size_t k = 0; k < count; k++) {
            wrong += words[k] != 0 ? 1 : 0;
        }
    }
    free(words);
    CHANNEL_TRY(status);
    CHANNEL_EXPECT(wrong == 0);
    CHANNEL_EXPECT(zeros == 0);
    return SY_OK;
}

/* What was dealt stays until as many messages came after it. */
static sy_status channel_kept(syi_party *party, void *user, sy_error *err)
{
    enum { SIZE = SYI_TILE * 8 };
    const int holders = party->channel->holders;
    const syi_field field = SYI_FIELD_64;
    syi_demand demand = {.kind = SYI_MATERIAL_ZERO,
                         .item = {party->sequence, party->next_number++},
                         .field = field,
                         .count = (uint64_t)(3 * SYI_CHANNEL_KEPT * holders) * SYI_TILE};
    void *dealt[3 * SYI_CHANNEL_KEPT] = {NULL};
    uint64_t first[3 * SYI_CHANNEL_KEPT], last[3 * SYI_CHANNEL_KEPT];
    (void)user;
    CHANNEL_TRY(syi_channel_demand(party->channel, &demand, err));
    for (size_t k = 0; k < 3 * SYI_CHANNEL_KEPT; k++) {
        CHANNEL_TRY(syi_channel_dealt(party->channel, &demand.item, &dealt[k], SIZE, err));
        memcpy(&first[k], dealt[k], 8);
        memcpy(&last[k], (uint8_t *)dealt[k] + SIZE - 8, 8);
        for (size_t j = k < SYI_CHANNEL_KEPT ? 0 : k - SYI_CHANNEL_KEPT + 1; j <= k; j++) {
            CHANNEL_EXPECT(memcmp(&first[j], dealt[j], 8) == 0);
            CHANNEL_EXPECT(memcmp(&last[j], (uint8_t *)dealt[j] + SIZE - 8, 8) == 0);
            CHANNEL_EXPECT(j == k || first[j] != first[k]);
        }
    }
    return SY_OK;
}

static void contract_material(void **state)
{
    (void)state;
    channel_run_well(2, channel_kept, NULL);
    for (int holders = 2; holders <= CHANNEL_HOLDERS_MAX; holders += holders == 3 ? 2 : 1) {
        channel_run_well(holders, channel_zeros, NULL);
    }
}

/* Squares of 1, 2, 3, ..., shared as holder 0's own. */
static sy_status channel_squares(syi_party *party, void *user, sy_error *err)
{
    enum { COUNT = SYI_TILE + 77 };
    const syi_field field = SYI_FIELD_64;
    uint64_t *words = calloc(COUNT, sizeof *words);
    size_t wrong = 0;
    (void)user;
    for (size_t k = 0; k < COUNT && party->channel->index == 0; k++) {
        words[k] = k;
    }
    sy_status status = syi_spdz_square(party, &field, words, words, COUNT, err);
    if (status == SY_OK) {
        status = syi_spdz_open(party, &field, words, words, COUNT, err);
    }
    for (size_t k = 0; k < COUNT; k++) {
        wrong += words[k] != k * k ? 1 : 0;
    }
    free(words);
    CHANNEL_TRY(status);
    CHANNEL_EXPECT(wrong == 0);
    CHANNEL_EXPECT(party->channel->cost.rounds == 2);
    CHANNEL_EXPECT(party->channel->cost.sent == 2 * 8 * COUNT);
    return SY_OK;
}

static void contract_programs(void **state)
{
    (void)state;
    channel_run_well(2, channel_squares, NULL);
    channel_run_well(3, channel_squares, NULL);
}

/* --- failures ---------------------------------------------------------------------------------- */

/* All failed, and every holder's sentence names the culprit. The culprit's own is what it likes. */
static void channel_run_badly(int holders, uint64_t deadline_ms, channel_program program,
                              int culprit, sy_status expected)
{
    channel_outcome outcome = {0};
    the_contract->run(holders, deadline_ms, program, &culprit, &outcome);
    for (int h = 0; h < holders; h++) {
        assert_int_not_equal(outcome.status[h], SY_OK);
        if (h == culprit) {
            continue;
        }
        if (strstr(outcome.err[h].message, the_contract->names[culprit]) == NULL) {
            fail_msg("holder %d of %d, culprit %s: \"%s\"", h, holders,
                     the_contract->names[culprit], outcome.err[h].message);
        }
        if (expected != SY_OK) {
            assert_status(outcome.status[h], expected, &outcome.err[h]);
        }
    }
}

static sy_status channel_zeros_until_failure(syi_party *party, sy_error *err)
{
    uint64_t words[16];
    const syi_field field = SYI_FIELD_64;
    for (int turn = 0; turn < 1000; turn++) {
        CHANNEL_TRY(syi_spdz_zero(party, &field, words, 16, err));
        CHANNEL_TRY(syi_spdz_open(party, &field, words, words, 16, err));
    }
    return SY_OK;
}

static sy_status channel_wrong_length(syi_party *party, void *user, sy_error *err)
{
    const int culprit = *(const int *)user;
    uint64_t word[2] = {0};
    if (party->channel->index == culprit) {
        CHANNEL_TRY(syi_channel_send(party->channel, word, 9, err));
    }
    return channel_zeros_until_failure(party, err);
}

static void contract_wrong_length(void **state)
{
    (void)state;
    channel_run_badly(2, CHANNEL_PATIENCE, channel_wrong_length, 1, SY_EPROTO);
    channel_run_badly(3, CHANNEL_PATIENCE, channel_wrong_length, 0, SY_EPROTO);
    channel_run_badly(3, CHANNEL_PATIENCE, channel_wrong_length, 2, SY_EPROTO);
}

/* Leaves in the midst of it. */
static sy_status channel_leave(syi_party *party, void *user, sy_error *err)
{
    const int culprit = *(const int *)user;
    uint64_t words[16] = {0};
    const syi_field field = SYI_FIELD_64;
    if (party->channel->index != culprit) {
        return channel_zeros_until_failure(party, err);
    }
    for (int turn = 0; turn < 5; turn++) {
        CHANNEL_TRY(syi_spdz_zero(party, &field, words, 16, err));
        CHANNEL_TRY(syi_spdz_open(party, &field, words, words, 16, err));
    }
    err->status = SY_EIO;
    strcpy(err->message, "this holder has enough");
    return SY_EIO;
}

static void contract_leave(void **state)
{
    (void)state;
    for (int holders = 2; holders <= 3; holders++) {
        for (int culprit = 0; culprit < holders; culprit++) {
            channel_run_badly(holders, CHANNEL_PATIENCE, channel_leave, culprit, SY_OK);
        }
    }
}

/* Is there, and says nothing. */
static sy_status channel_stall(syi_party *party, void *user, sy_error *err)
{
    const int culprit = *(const int *)user;
    const struct timespec long_enough = {.tv_sec = 1, .tv_nsec = 500000000};
    if (party->channel->index == culprit) {
        nanosleep(&long_enough, NULL);
    }
    return channel_zeros_until_failure(party, err);
}

static void contract_deadline(void **state)
{
    (void)state;
    channel_run_badly(3, 600, channel_stall, 0, SY_ETIMEDOUT);
}

/* --- reports ----------------------------------------------------------------------------------- */

/* What is not negative of -n/2, ..., n/2 - 1, holder 0's own: by reports and answers of many tiles. */
static sy_status channel_relus(syi_party *party, void *user, sy_error *err)
{
    enum { COUNT = 11 * SYI_SNN_TILE / TEST_SLOWNESS + 5 };
    const syi_field field = SYI_FIELD_64;
    uint64_t *words = calloc(COUNT, sizeof *words);
    size_t wrong = 0;
    (void)user;
    for (size_t k = 0; k < COUNT && party->channel->index == 0; k++) {
        words[k] = (uint64_t)k - COUNT / 2;
    }
    sy_status status = syi_snn_relu(party, &field, words, words, COUNT, err);
    if (status == SY_OK) {
        status = syi_spdz_open(party, &field, words, words, COUNT, err);
    }
    for (size_t k = 0; k < COUNT; k++) {
        wrong += words[k] != (k < COUNT / 2 ? 0 : k - COUNT / 2) ? 1 : 0;
    }
    free(words);
    CHANNEL_TRY(status);
    CHANNEL_EXPECT(wrong == 0);
    CHANNEL_EXPECT(party->channel->cost.reported == COUNT * (8 + 2 * 64));
    return SY_OK;
}

static void contract_reports(void **state)
{
    (void)state;
    channel_run_well(2, channel_relus, NULL);
}

enum { CHANNEL_REPORTED = 8 * 16 };

/* Of 16 comparisons of 8 bits, `size` bytes are reported; the answer does not matter. */
static syi_demand channel_compare_demand(syi_party *party)
{
    return (syi_demand){.kind = SYI_MATERIAL_SNN_COMPARE,
                        .item = {party->sequence, party->next_number++},
                        .field = SYI_FIELD_64,
                        .count = CHANNEL_REPORTED / 8,
                        .shift = 8};
}

static sy_status channel_report(syi_party *party, size_t size, sy_error *err)
{
    const uint8_t bytes[CHANNEL_REPORTED + 1] = {0};
    syi_demand demand = channel_compare_demand(party);
    CHANNEL_TRY(syi_channel_demand(party->channel, &demand, err));
    return syi_channel_report(party->channel, &demand.item, bytes, size, err);
}

static sy_status channel_report_badly(syi_party *party, void *user, sy_error *err)
{
    const int culprit = *(const int *)user;
    const bool bad = party->channel->index == culprit;
    CHANNEL_TRY(channel_report(party, CHANNEL_REPORTED + (bad ? 1 : 0), err));
    return channel_zeros_until_failure(party, err);
}

/* Has demanded, and goes. */
static sy_status channel_report_never(syi_party *party, void *user, sy_error *err)
{
    const int culprit = *(const int *)user;
    if (party->channel->index == culprit) {
        syi_demand demand = channel_compare_demand(party);
        CHANNEL_TRY(syi_channel_demand(party->channel, &demand, err));
        err->status = SY_EIO;
        strcpy(err->message, "this holder has enough");
        return SY_EIO;
    }
    CHANNEL_TRY(channel_report(party, CHANNEL_REPORTED, err));
    return channel_zeros_until_failure(party, err);
}

static sy_status channel_report_late(syi_party *party, void *user, sy_error *err)
{
    const int culprit = *(const int *)user;
    const struct timespec long_enough = {.tv_sec = 1};
    if (party->channel->index == culprit) {
        nanosleep(&long_enough, NULL);
    }
    CHANNEL_TRY(channel_report(party, CHANNEL_REPORTED, err));
    return channel_zeros_until_failure(party, err);
}

static void contract_bad_reports(void **state)
{
    (void)state;
    for (int culprit = 0; culprit < 2; culprit++) {
        channel_run_badly(2, CHANNEL_PATIENCE, channel_report_badly, culprit, SY_EPROTO);
        channel_run_badly(2, CHANNEL_PATIENCE, channel_report_never, culprit, SY_OK);
    }
}

static void contract_late_reports(void **state)
{
    (void)state;
    channel_run_badly(2, 600, channel_report_late, 0, SY_ETIMEDOUT);
    channel_run_badly(2, 600, channel_report_late, 1, SY_ETIMEDOUT);
}

#define CHANNEL_REPORT_TESTS                                                    \
    cmocka_unit_test(contract_reports), cmocka_unit_test(contract_bad_reports), \
        cmocka_unit_test(contract_late_reports)

#define CHANNEL_CONTRACT_TESTS                                                     \
    cmocka_unit_test(contract_messages), cmocka_unit_test(contract_flood),         \
        cmocka_unit_test(contract_material), cmocka_unit_test(contract_programs),  \
        cmocka_unit_test(contract_wrong_length), cmocka_unit_test(contract_leave), \
        cmocka_unit_test(contract_deadline), CHANNEL_REPORT_TESTS

#endif
