/*
 * many_comparisons_test.c - 10^8 pairs of shared numbers, compared by every family, with each other and with plain comparisons: every
 * outcome in turns, modulo 2^64 and 2^32. Magnitudes are of all sizes alike, with both signs; some pairs are equal, some almost, some of
 * powers of 2 and what is next to them. CSYFT_TEST_ITERS: how many pairs.
 */
#include <time.h>

#include "crypto/comparison.h"
#include "support/party_scene.h"

enum { COUNT = 100003, FAMILIES = 4, OUTCOMES = SYI_OUTCOME_LAST + 1 };

static const syi_family families[FAMILIES] = {SYI_FAMILY_BITS, SYI_FAMILY_FSS, SYI_FAMILY_SNN,
                                              SYI_FAMILY_CARRY};

typedef struct job {
    syi_field field;
    syi_outcome outcome; /* NONE: equality */
    unsigned shift;
    uint64_t divisor;
    int64_t a[COUNT], b[COUNT];
    scene_value x, z[FAMILIES]; /* x = a - b */
    double seconds[FAMILIES];   /* of one holder */
    property_random *random;
} job;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static sy_status run(syi_party *party, void *user, sy_error *err)
{
    job *j = user;
    const int h = party->channel->index;
    for (int f = 0; f < FAMILIES; f++) {
        const syi_comparison comparison = {
            .family = families[f], .outcome = j->outcome, .shift = j->shift, .divisor = j->divisor};
        const void *x = scene_words(&j->x, h);
        void *z = scene_words(&j->z[f], h);
        const double start = now();
        SY_TRY(j->outcome == SYI_OUTCOME_NONE
                   ? syi_compare_zero(party, families[f], 0, &j->field, z, x, COUNT, err)
                   : syi_compare(party, &comparison, &j->field, z, x, COUNT, err));
        j->seconds[f] += h == 0 ? now() - start : 0;
    }
    return SY_OK;
}

/* --- pairs ------------------------------------------------------------------------------------- */

/* Below 2^most in magnitude, of any number of bits. */
static int64_t draw_number(property_random *random, unsigned most)
{
    const unsigned bits = (unsigned)property_between(random, 0, most);
    const uint64_t word = property_next(random);
    const int64_t magnitude = bits == 0 ? 0 : (int64_t)(word >> (64 - bits));
    return (property_next(random) & 1) != 0 ? -magnitude : magnitude;
}

/* 2^k - 1, 2^k or 2^k + 1, or less 0. */
static int64_t draw_edge(property_random *random, unsigned most)
{
    const int64_t power = INT64_C(1) << property_between(random, 0, most - 1);
    const int64_t magnitude = power + property_between(random, -1, 1);
    return (property_next(random) & 1) != 0 ? -magnitude : magnitude;
}

static void draw_pair(job *j, size_t k)
{
    /* differences stay below M/2, those that are divided below M/4 */
    const unsigned bits = 8 * j->field.width,
                   most = j->outcome >= SYI_OUTCOME_RELU_SHIFT ? bits - 3 : bits - 2;
    const unsigned kind = (unsigned)(property_next(j->random) & 15);
    const int64_t a =
        kind == 3 || kind == 4 ? draw_edge(j->random, most) : draw_number(j->random, most);
    int64_t b;
    switch (kind) {
    case 0:
        b = a;
        break;
    case 1:
        b = a > 0 ? a - 1 : a + 1;
        break;
    case 2:
        b = a > 0 ? a - draw_number(j->random, 3) : a + draw_number(j->random, 3);
        break;
    case 4:
    case 5:
        b = draw_edge(j->random, most);
        break;
    default:
        b = draw_number(j->random, most);
    }
    j->a[k] = a;
    j->b[k] = b;
    scene_set(&j->field, j->x.secret, k, (uint64_t)a - (uint64_t)b);
}

/* --- what is right ------------------------------------------------------------------------------ */

static int64_t read_signed(const job *j, uint64_t word)
{
    return j->field.width == 4 ? (int32_t)word : (int64_t)word;
}

static bool is_right(const job *j, int64_t a, int64_t b, int64_t got)
{
    switch (j->outcome) {
    case SYI_OUTCOME_NONE:
        return got == (a == b);
    case SYI_OUTCOME_BIT:
        return got == (a >= b);
    case SYI_OUTCOME_RELU:
        return got == (a >= b ? a - b : 0);
    default:
        break;
    }
    const int64_t divisor = j->divisor > 0 ? (int64_t)j->divisor : INT64_C(1) << j->shift,
                  number = a >= b ? a - b : 0, down = number / divisor;
    return got == down || (got == down + 1 && down * divisor != number);
}

static void check_all(const job *j)
{
    for (size_t k = 0; k < COUNT; k++) {
        for (int f = 0; f < FAMILIES; f++) {
            const int64_t got =
                read_signed(j, scene_get(&j->field, scene_words(&j->z[f], 0), k) +
                                   scene_get(&j->field, scene_words(&j->z[f], 1), k));
            if (!is_right(j, j->a[k], j->b[k], got)) {
                fail_msg("%s, outcome %d, shift %u, divisor %" PRIu64 ", modulus 2^%u: of %" PRId64
                         " and %" PRId64 " it made %" PRId64,
                         syi_family_name(families[f]), (int)j->outcome, j->shift, j->divisor,
                         8 * j->field.width, j->a[k], j->b[k], got);
            }
        }
    }
}

static void many(job *j, const syi_field *field, long rounds)
{
    const int64_t count = COUNT;
    scene s;
    scene_open(&s, 2, NULL);
    memset(j, 0, sizeof *j);
    j->field = *field;
    j->random = &s.random;
    scene_value_blank(&s, &j->x, field, 1, &count);
    for (int f = 0; f < FAMILIES; f++) {
        scene_value_blank(&s, &j->z[f], field, 1, &count);
    }
    for (long round = 0; round < rounds; round++) {
        j->outcome = (syi_outcome)(round % OUTCOMES);
        j->shift = j->outcome == SYI_OUTCOME_RELU_SHIFT
                       ? (unsigned)property_between(&s.random, 1, 8 * field->width - 3)
                       : 0;
        j->divisor = 0;
        if (j->outcome == SYI_OUTCOME_RELU_DIVIDE) {
            const int64_t number = draw_number(&s.random, 8 * field->width - 3);
            j->divisor = 1 + (uint64_t)(number < 0 ? -number : number);
        }
        for (size_t k = 0; k < COUNT; k++) {
            draw_pair(j, k);
        }
        scene_share(&s, &j->x);
        scene_run(&s, run, j);
        check_all(j);
    }
    printf("%u bits: %ld pairs;", 8 * field->width, rounds * COUNT);
    for (int f = 0; f < FAMILIES; f++) {
        printf(" %s %.1f s", syi_family_name(families[f]), j->seconds[f]);
        scene_value_free(&s, &j->z[f]);
    }
    printf("\n");
    scene_value_free(&s, &j->x);
    scene_close(&s);
}

/* A fifth of them modulo 2^32. */
static void test_many(void **state)
{
    (void)state;
    const syi_field wide = SYI_FIELD_64, narrow = SYI_FIELD_32;
    const long rounds = (property_iterations(100000000) + COUNT - 1) / COUNT;
    job *j = malloc(sizeof *j);
    assert_non_null(j);
    many(j, &wide, rounds - rounds / 5);
    many(j, &narrow, rounds / 5);
    free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
