/*
 * snn_transcript_test.c - what SecureNN costs; what holders see of each other, and the provider of both, which is uniform whatever
 * the numbers are; parties that fail at any of their messages; refused memory.
 */
#include "support/party_faults.h"
#include "support/snn_scene.h"

/* --- cost -------------------------------------------------------------------------------------- */

static void check_cost(const scene *s, uint64_t rounds, uint64_t sent, uint64_t reported,
                       uint64_t dealt)
{
    uint64_t from_provider = 0;
    for (int h = 0; h < 2; h++) {
        const syi_cost *cost = &party_threads_result(s->threads, h)->cost;
        assert_int_equal(cost->rounds, rounds + 1); /* the seed */
        assert_int_equal(cost->sent, sent + SYI_SEED_SIZE);
        assert_int_equal(cost->received, sent + SYI_SEED_SIZE);
        assert_int_equal(cost->reported, reported);
        from_provider += cost->dealt;
    }
    assert_int_equal(from_provider, dealt);
}

/* As the header says. */
static void test_cost(void **state)
{
    (void)state;
    enum { COUNT = (SCENE_WATCHED ? 1 : 3) * SYI_SNN_TILE + 7 };
    scene s;
    scene_open(&s, 2, NULL);
    for (size_t ring = 0; ring < (TEST_SLOWNESS > 1 ? 1 : LARGE_RINGS); ring++) {
        const uint64_t w = rings[ring].width, o = 8, k = syi_field_bits(&rings[ring]);
        const struct {
            step step;
            uint64_t rounds, sent, reported, dealt;
        } costs[] = {
            {CONVERT, 4, 0, w + k, k + 2 * o},
            {MSB, 4, o + 2 * w, k, k + 3 * w},
            {DERIV, 9, o + 4 * w, w + 2 * k, 2 * k + 2 * o + 4 * w},
            {RELU, 10, o + 6 * w, w + 2 * k, 2 * k + 2 * o + 5 * w},
            {EQUAL, 10, 2 * (o + 4 * w) + 2 * w, 2 * (w + 2 * k), 2 * (2 * k + 2 * o + 4 * w) + w},
            {SELECT, 1, 2 * w, 0, w},
        };
        for (size_t c = 0; c < sizeof costs / sizeof costs[0]; c++) {
            job j;
            job_open(&s, &j, costs[c].step, &rings[ring], COUNT);
            run_job(&s, &j);
            check_cost(&s, costs[c].rounds, costs[c].sent * COUNT, costs[c].reported * COUNT,
                       costs[c].dealt * COUNT);
            job_close(&s, &j);
        }
        comparing c;
        comparing_open(&s, &c, &rings[ring], 10, COUNT);
        check_comparing(&s, &c);
        check_cost(&s, 2, 0, 10 * COUNT, w * COUNT);
        comparing_close(&s, &c);
    }
    scene_close(&s);
}

/* --- what is seen ------------------------------------------------------------------------------ */

/* Digits of one comparison's column: how many of each value, and where the zero is. */
typedef struct heard {
    size_t sums[SYI_DIGIT_PRIME], shares[SYI_DIGIT_PRIME], places[64], zeros, columns;
    uint8_t masked[200 * SYI_SNN_TILE]; /* what each holder said of a, and their sums */
    size_t masked_size;
} heard;

static void hear_tile(heard *h, const uint8_t *a, const uint8_t *b, unsigned bits, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        size_t zeros = 0;
        for (unsigned bit = 0; bit < bits; bit++) {
            const unsigned sum = ((unsigned)a[bit * n + k] + b[bit * n + k]) % SYI_DIGIT_PRIME;
            h->sums[sum]++;
            h->shares[a[bit * n + k]]++;
            if (sum == 0) {
                h->places[bit]++;
                zeros++;
            }
        }
        assert_true(zeros <= 1);
        h->zeros += zeros;
        h->columns++;
    }
}

/* A relu_deriv of one tile: the holders report a + r, then the digits of two comparisons. */
static void hear_all(const scene *s, heard *h, const syi_field *ring, size_t n)
{
    const unsigned bits = syi_field_bits(ring);
    const size_t words = n * ring->width;
    const uint8_t *said[2];
    size_t size;
    for (int k = 0; k < 2; k++) {
        said[k] = party_threads_reported(s->threads, k, &size);
        assert_int_equal(size, words + 2 * bits * n);
        assert_true(h->masked_size + words <= sizeof h->masked);
        memcpy(h->masked + h->masked_size, said[k], words);
        h->masked_size += words;
    }
    syi_field_add(ring, h->masked + h->masked_size, said[0], said[1], n);
    h->masked_size += words;
    for (size_t turn = 0; turn < 2; turn++) {
        const size_t at = words + turn * bits * n;
        hear_tile(h, said[0] + at, said[1] + at, bits, n);
    }
}

/* About seven deviations of so many draws of probability 1 / kinds. */
static void check_even(const size_t *counts, size_t first, size_t kinds, size_t total)
{
    for (size_t k = first; k < first + kinds; k++) {
        const double expected = (double)total / (double)kinds, off = (double)counts[k] - expected;
        if (off * off > 50 * expected) {
            fail_msg("%zu of %zu: %zu times, expected %g", k, kinds, counts[k], expected);
        }
    }
}

/* One number all over, so that nothing differs but what is drawn for each: what the provider and the holders see is uniform for any
 * number. */
static void test_uniform(void **state)
{
    (void)state;
    enum { TURNS = 8, COUNT = SYI_SNN_TILE };
    static const int64_t secrets[] = {0, -1, 1, INT64_MIN, 123456789};
    const party_threads_options options = {.keep = true};
    const syi_field *ring = &rings[0];
    heard *h = malloc(sizeof *h);
    scene s;
    scene_open(&s, 2, &options);
    for (size_t k = 0; k<sizeof secrets / sizeof secrets[0]; k += TEST_SLOWNESS> 1 ? 4 : 1) {
        job j;
        memset(h, 0, sizeof *h);
        job_open(&s, &j, DERIV, ring, COUNT);
        for (size_t e = 0; e < COUNT; e++) {
            scene_set(ring, j.x.secret, e, (uint64_t)secrets[k]);
        }
        for (int turn = 0; turn < (SCENE_WATCHED ? 3 : TURNS); turn++) {
            size_t size;
            check_step(&s, &j);
            hear_all(&s, h, ring, COUNT);
            for (int holder = 0; holder < 2; holder++) {
                const uint8_t *sent = party_threads_sent(s.threads, holder, &size);
                assert_true(size > 30 * COUNT && scene_chi_square(sent, size) < 360);
            }
        }
        const size_t zeros = h->zeros, half = h->columns / 2;
        assert_true((zeros > half ? zeros - half : half - zeros) * 8 < half);
        check_even(h->sums, 1, SYI_DIGIT_PRIME - 1, h->columns * 64 - h->zeros);
        check_even(h->shares, 0, SYI_DIGIT_PRIME, h->columns * 64);
        check_even(h->places, 0, 64, h->zeros);
        assert_true(scene_chi_square(h->masked, h->masked_size) < 360);
        job_close(&s, &j);
    }
    free(h);
    scene_close(&s);
}

/* What the provider sends: shares of bits and words, each less a stream that the receiver has not. */
static void test_dealt(void **state)
{
    (void)state;
    enum { COUNT = SYI_SNN_TILE, BITS = 64, DIGITS = BITS * COUNT };
    const party_threads_options options = {.keep = true};
    static uint8_t words[16 * 8 * COUNT];
    size_t counts[SYI_DIGIT_PRIME] = {0}, found = 0, digits = 0;
    scene s;
    scene_open(&s, 2, &options);
    for (int turn = 0; turn < 6; turn++) {
        job j;
        job_open(&s, &j, CONVERT, &rings[0], COUNT);
        check_step(&s, &j);
        for (int h = 0; h < 2; h++) { /* one of them is the corrected one */
            size_t size;
            const uint8_t *dealt = party_threads_dealt(s.threads, h, &size);
            assert_true(size == 0 || size == DIGITS + 16 * COUNT);
            for (size_t k = 0; size > 0 && k < DIGITS; k++, digits++) {
                assert_true(dealt[k] < SYI_DIGIT_PRIME);
                counts[dealt[k]]++;
            }
            for (size_t k = DIGITS; k < size; k++) {
                words[found++] = dealt[k];
            }
        }
        job_close(&s, &j);
    }
    assert_int_equal(digits, 6 * DIGITS);
    check_even(counts, 0, SYI_DIGIT_PRIME, digits);
    assert_true(scene_chi_square(words, found) < 360);
    scene_close(&s);
}

/* The provider knows both shares of x. Here one's are all 0, so that its digits would be, too, if u did not hide them: both holders'
 * take all values, whatever the sum is. */
static void test_shares_of_digits(void **state)
{
    (void)state;
    enum { COUNT = SYI_SNN_TILE, BITS = 4 };
    const party_threads_options options = {.keep = true};
    size_t counts[2][SYI_DIGIT_PRIME] = {{0}}, others[SYI_DIGIT_PRIME] = {0}, zeros = 0;
    scene s;
    scene_open(&s, 2, &options);
    for (int turn = 0; turn < 8; turn++) {
        comparing c;
        size_t size;
        comparing_open(&s, &c, &rings[0], BITS, COUNT);
        c.plain = true;
        for (size_t k = 0; k < COUNT; k++) {
            c.x[k] = 9;
            c.r[k] = 5;
        }
        check_comparing(&s, &c);
        const uint8_t *a = party_threads_reported(s.threads, 0, &size);
        const uint8_t *b = party_threads_reported(s.threads, 1, &size);
        assert_int_equal(size, BITS * COUNT);
        for (size_t k = 0; k < BITS * COUNT; k++) {
            const bool zero = (a[k] + b[k]) % SYI_DIGIT_PRIME == 0;
            counts[zero ? 1 : 0][a[k]]++;
            others[b[k]]++;
            zeros += zero ? 1 : 0;
        }
        comparing_close(&s, &c);
    }
    assert_int_equal(zeros, 8 * COUNT); /* x > r, and beta is 0 */
    check_even(others, 0, SYI_DIGIT_PRIME, BITS * zeros);
    check_even(counts[1], 0, SYI_DIGIT_PRIME, zeros);
    check_even(counts[0], 0, SYI_DIGIT_PRIME, (BITS - 1) * zeros);
    scene_close(&s);
}

/* --- failures ---------------------------------------------------------------------------------- */

/* Of three tiles, or two. */
enum { NUMBERS = TEST_SLOWNESS > 1 ? SYI_SNN_TILE + 50 : 3000 };

static sy_status run_relu(syi_party *party, void *user, sy_error *err)
{
    const syi_field ring = SYI_FIELD_64;
    uint64_t *words = (uint64_t *)user + party->channel->index * NUMBERS;
    return syi_snn_relu(party, &ring, words, words, NUMBERS, err);
}

static uint64_t numbers[2 * NUMBERS];
static const fault_trial relu_trial = {
    .holders = 2, .program = run_relu, .data = numbers, .stall_ms = 40};

/* At each message: the seed, what products open, reports, tile by tile; corrections and answers. */
static void test_faults(void **state)
{
    (void)state;
    /* Holders send 5 messages and report 3 of each tile; the provider deals 3, and 4 of each tile. */
    enum { MOST = TEST_SLOWNESS > 1 ? 10 : 14 };
    for (int kind = PARTY_FAULT_DIE; kind <= PARTY_FAULT_STALL; kind++) {
        for (int party = PARTY_PROVIDER; party < 2; party++) {
            const int every = TEST_SLOWNESS > 1                            ? 9
                              : SCENE_WATCHED || kind == PARTY_FAULT_STALL ? 4
                                                                           : 1;
            int met = 0, tried = 0;
            for (int at = 0; at < MOST; at += every, tried++) {
                const party_fault fault = {(party_fault_kind)kind, party, (uint64_t)at};
                met += fault_trial_run(&relu_trial, &fault).met ? 1 : 0;
            }
            assert_int_equal(met, tried);
        }
    }
}

static void test_memory(void **state)
{
    (void)state;
    fault_trial_memory(&relu_trial, SCENE_WATCHED ? 7 : 1, SCENE_WATCHED ? 3 : 20);
}

/* --- lies -------------------------------------------------------------------------------------- */

static const syi_channel_class *honest;

static sy_status report_nonsense(syi_channel *channel, const syi_item *item, const void *bytes,
                                 size_t size, sy_error *err)
{
    uint8_t *others = malloc(size);
    (void)bytes;
    memset(others, SYI_DIGIT_PRIME, size);
    const sy_status status = honest->report(channel, item, others, size, err);
    free(others);
    return status;
}

static sy_status run_lie(syi_party *party, void *user, sy_error *err)
{
    syi_channel_class lying = *party->channel->klass;
    lying.report = report_nonsense;
    if (party->channel->index == 1) {
        honest = party->channel->klass;
        party->channel->klass = &lying;
    }
    const sy_status status = run_relu(party, user, err);
    if (party->channel->index == 1) {
        party->channel->klass = honest;
    }
    return status;
}

/* A holder whose digits are none is named to the others. */
static void test_nonsense(void **state)
{
    (void)state;
    scene s;
    scene_open(&s, 2, NULL);
    assert_false(party_threads_run(s.threads, run_lie, numbers));
    const party_result *other = party_threads_result(s.threads, 0);
    assert_status(other->status, SY_EPROTO, &other->err);
    assert_non_null(strstr(other->err.message, "holder 1: it reported digits beyond 66"));
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cost),     cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_dealt),    cmocka_unit_test(test_shares_of_digits),
        cmocka_unit_test(test_faults),   cmocka_unit_test(test_memory),
        cmocka_unit_test(test_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
