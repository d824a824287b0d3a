/*
 * comparison_transcript_test.c - what holders see of a comparison, of every family for which the provider hears nobody: uniform
 * messages, no mask used twice, and for other numbers only what must differ; parties that fail at any of their messages; refused memory.
 * What SecureNN shows: snn_transcript_test.c. That comparisons are right: comparison_test.c.
 */
#include "support/comparison_scene.h"
#include "support/party_faults.h"

typedef struct tried {
    syi_family family;
    int holders;     /* where more than two tell more */
    uint64_t rounds; /* of the sign modulo 2^64 */
} tried;
static const tried families[] = {
    {SYI_FAMILY_BITS, 3, 4}, {SYI_FAMILY_FSS, 2, 2}, {SYI_FAMILY_CARRY, 3, 8}};
enum { FAMILIES = sizeof families / sizeof families[0] };

static const syi_field ring = SYI_FIELD_64;

/* --- what is seen ------------------------------------------------------------------------------ */

/* Everything that a holder sends or is dealt is uniform bytes; and what is dealt is the same for other numbers. */
static void check_messages(const tried *family, syi_outcome outcome)
{
    static const int64_t numbers[] = {0, -1, INT64_C(1) << 40};
    const party_threads_options options = {.keep = true};
    uint8_t *first[2] = {NULL, NULL};
    for (size_t k = 0; k<sizeof numbers / sizeof numbers[0]; k += TEST_SLOWNESS> 1 ? 2 : 1) {
        scene s;
        comparison_job j;
        scene_open(&s, 2, &options);
        comparison_open(&s, &j, family->family, &ring,
                        syi_family_get_material(family->family)->tile + 512, outcome);
        comparison_fill(&s, &j, numbers[k]);
        scene_run(&s, comparison_run, &j);
        comparison_look(&s, &j, first);
        comparison_close(&s, &j);
        scene_close(&s);
    }
    free(first[0]);
    free(first[1]);
}

static void test_messages_are_uniform(void **state)
{
    (void)state;
    for (size_t f = 0; f < FAMILIES; f++) {
        check_messages(&families[f], SYI_OUTCOME_RELU_SHIFT);
        if (TEST_SLOWNESS == 1) {
            check_messages(&families[f], SYI_OUTCOME_NONE);
            check_messages(&families[f], SYI_OUTCOME_RELU_DIVIDE);
        }
    }
}

/* What is opened of the last run, as words of 64 bits: x + r, which are `words` of them, in tiles that begin with these; then bits. */
static size_t opened_of(const scene *s, uint64_t *out, size_t words)
{
    size_t size;
    const uint8_t *sent[] = {party_threads_sent(s->threads, 0, &size),
                             party_threads_sent(s->threads, 1, &size)};
    for (size_t k = 0; k < size / 8; k++) {
        const uint64_t a = scene_get(&ring, sent[0], k), b = scene_get(&ring, sent[1], k);
        out[k] = k < words ? a + b : a ^ b;
    }
    return size / 8;
}

static int compare_words(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

/* One number all over, in several commands and items: whatever is opened of it is under a mask of its own, so that nothing comes
 * twice. */
static void test_nothing_repeats(void **state)
{
    (void)state;
    enum { COUNT = 8 * 512, COMMANDS = 3, MOST = COMMANDS * 64 * COUNT / 8 };
    static uint64_t opened[MOST];
    const party_threads_options options = {.keep = true};
    for (size_t f = 0; f < FAMILIES; f++) {
        const size_t tile = syi_family_get_material(families[f].family)->tile,
                     count = tile < COUNT ? tile : COUNT;
        size_t found = 0;
        scene s;
        comparison_job j;
        scene_open(&s, 2, &options);
        for (int command = 0; command < COMMANDS; command++) {
            comparison_open(&s, &j, families[f].family, &ring, count,
                            command == 1 ? SYI_OUTCOME_NONE : SYI_OUTCOME_BIT);
            comparison_fill(&s, &j, -5);
            scene_run(&s, comparison_run, &j);
            found += opened_of(&s, opened + found, count);
            comparison_close(&s, &j);
        }
        assert_true(found > COMMANDS * count && found <= MOST);
        qsort(opened, found, sizeof opened[0], compare_words);
        for (size_t k = 1; k < found; k++) {
            assert_true(opened[k - 1] != opened[k]);
        }
        scene_close(&s);
    }
}

/* The same command on other numbers (which nobody may do but a test): X moves by their difference, and the last bits by that of the
 * results. */
static void test_differences(void **state)
{
    (void)state;
    enum { COUNT = 400, LAST = COUNT / 8 }; /* less than a block, whose planes are packed */
    const party_threads_options options = {.keep = true};
    for (size_t f = 0; f < FAMILIES; f++) {
        uint64_t opened[2][COUNT], secrets[2][COUNT];
        uint8_t bits[2][LAST];
        scene s;
        scene_open(&s, 2, &options);
        for (int run = 0; run < 2; run++) {
            comparison_job j;
            comparison_open(&s, &j, families[f].family, &ring, COUNT, SYI_OUTCOME_BIT);
            for (size_t e = 0; e < COUNT; e++) {
                secrets[run][e] = property_next(&s.random);
                scene_set(&ring, j.x.secret, e, secrets[run][e]);
            }
            scene_share(&s, &j.x);
            s.options.sequence = 90;
            scene_run(&s, comparison_run, &j);
            size_t size;
            const uint8_t *sent[] = {party_threads_sent(s.threads, 0, &size),
                                     party_threads_sent(s.threads, 1, &size)};
            for (size_t e = 0; e < COUNT; e++) {
                opened[run][e] = scene_get(&ring, sent[0], e) + scene_get(&ring, sent[1], e);
            }
            for (size_t k = 0; k < LAST; k++) {
                bits[run][k] = sent[0][size - LAST + k] ^ sent[1][size - LAST + k];
            }
            comparison_close(&s, &j);
        }
        for (size_t e = 0; e < COUNT; e++) {
            assert_int_equal(opened[0][e] - opened[1][e], secrets[0][e] - secrets[1][e]);
            assert_int_equal((bits[0][e / 8] ^ bits[1][e / 8]) >> e % 8 & 1,
                             (secrets[0][e] ^ secrets[1][e]) >> 63);
        }
        scene_close(&s);
    }
}

/* --- failures ---------------------------------------------------------------------------------- */

typedef struct trial_data {
    comparison_job job; /* the program's data begins with it */
    syi_family family;
    size_t count;
    syi_outcome outcome;
} trial_data;

static void open_trial(scene *s, void *data)
{
    trial_data *t = data;
    comparison_open(s, &t->job, t->family, &ring, t->count, t->outcome);
}

static void close_trial(scene *s, void *data)
{
    comparison_close(s, &((trial_data *)data)->job);
}

static void test_faults(void **state)
{
    (void)state;
    for (size_t f = 0; f < FAMILIES; f++) {
        trial_data data = {.family = families[f].family, .count = 700, .outcome = SYI_OUTCOME_RELU};
        const fault_trial trial = {families[f].holders, comparison_run, &data,
                                   open_trial,          close_trial,    0};
        for (int kind = PARTY_FAULT_DIE; kind <= PARTY_FAULT_LONG; kind++) {
            for (int party = PARTY_PROVIDER; party < 2; party++) {
                const uint64_t messages = party == PARTY_PROVIDER ? 1 : families[f].rounds;
                for (uint64_t at = 0; at<messages; at += TEST_SLOWNESS> 1 ? 3 : 1) {
                    const party_fault fault = {(party_fault_kind)kind, party, at};
                    const fault_seen seen = fault_trial_run(&trial, &fault);
                    assert_true(seen.met);
                    /* one whom the last message reached, or who needed nothing of the provider, has its result */
                    assert_true(seen.unharmed == 0 || party == PARTY_PROVIDER ||
                                at + 1 == messages);
                }
            }
        }
    }
}

static void test_memory(void **state)
{
    (void)state;
    for (size_t f = 0; f < FAMILIES; f++) {
        trial_data data = {
            .family = families[f].family, .count = 100, .outcome = SYI_OUTCOME_RELU_SHIFT};
        const fault_trial trial = {2, comparison_run, &data, open_trial, close_trial, 0};
        fault_trial_memory(&trial, TEST_SLOWNESS > 1 ? 5 : 1, TEST_SLOWNESS > 1 ? 1 : 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_are_uniform),
        cmocka_unit_test(test_nothing_repeats),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
