/*
 * many_test.c - 10^8 products of shared numbers, each divided by a power of 2 afterwards and by another number: products are
 * exact, quotients at most 1 unit above the floor, and nothing is grossly wrong. CSYFT_TEST_ITERS: how many. The rounding up is
 * as frequent as the rests say.
 */
#include "crypto/spdz.h"
#include "support/party_scene.h"

enum { COUNT = 1000000 };

typedef struct job {
    syi_field field;
    unsigned shift;
    uint64_t divisor;
    scene_value x, y, z, shifted, divided;
    property_random *random;
    size_t ups;   /* results above the floor */
    double rests; /* the number of them that is expected, and its variance */
    double variance;
} job;

static sy_status run(syi_party *party, void *user, sy_error *err)
{
    const job *j = user;
    const int h = party->channel->index;
    const syi_factor x = {&j->x.shares[h], NULL}, y = {&j->y.shares[h], NULL};
    const int64_t count = COUNT;
    syi_bilinear product;
    sy_status status = syi_bilinear_of_name(&product, "mul", &j->field, 1, &count, 1, &count, err);
    if (status == SY_OK) {
        status = syi_spdz_product(party, &j->field, &product, scene_words(&j->z, h), &x, &y, err);
    }
    if (status == SY_OK) {
        status = syi_spdz_shift(party, &j->field, scene_words(&j->shifted, h),
                                scene_words(&j->z, h), COUNT, j->shift, err);
    }
    return status == SY_OK ? syi_spdz_divide(party, &j->field, scene_words(&j->divided, h),
                                             scene_words(&j->z, h), COUNT, j->divisor, err)
                           : status;
}

/* Of any magnitude up to the root of a quarter of the modulus. */
static int64_t draw(job *j)
{
    const unsigned most = 4 * j->field.width - 1; /* bits */
    const uint64_t word = property_next(j->random);
    const int64_t magnitude = (int64_t)((word >> 8) >> (64 - 8 - most + word % most));
    return (word & 128) != 0 ? -magnitude : magnitude;
}

static void draw_all(scene *s, job *j)
{
    for (size_t k = 0; k < COUNT; k++) {
        scene_set(&j->field, j->x.secret, k, (uint64_t)draw(j));
        scene_set(&j->field, j->y.secret, k, (uint64_t)draw(j));
    }
    scene_share(s, &j->x);
    scene_share(s, &j->y);
}

static int64_t read_signed(const job *j, uint64_t word)
{
    return j->field.width == 4 ? (int32_t)word : (int64_t)word;
}

static void check_quotient(job *j, int64_t number, int64_t by, int64_t got)
{
    const int64_t down = number / by - (number % by < 0 ? 1 : 0), rest = number - down * by;
    if (got != down && (got != down + 1 || rest == 0)) {
        fail_msg("%" PRId64 " by %" PRId64 ": %" PRId64, number, by, got);
    }
    const double part = (double)rest / (double)by;
    j->ups += got != down ? 1 : 0;
    j->rests += part;
    j->variance += part * (1 - part);
}

static void check_all(job *j)
{
    const scene_value *values[] = {&j->z, &j->shifted, &j->divided};
    for (size_t k = 0; k < COUNT; k++) {
        int64_t got[3];
        for (int v = 0; v < 3; v++) {
            got[v] = read_signed(j, scene_get(&j->field, scene_words(values[v], 0), k) +
                                        scene_get(&j->field, scene_words(values[v], 1), k));
        }
        const int64_t expected = read_signed(j, scene_get(&j->field, j->x.secret, k)) *
                                 read_signed(j, scene_get(&j->field, j->y.secret, k));
        assert_true(got[0] == expected);
        check_quotient(j, expected, INT64_C(1) << j->shift, got[1]);
        check_quotient(j, expected, (int64_t)j->divisor, got[2]);
    }
}

static void many(const syi_field *field, long rounds)
{
    const int64_t count = COUNT;
    scene s;
    scene_open(&s, 2, NULL);
    job j = {.field = *field, .random = &s.random};
    scene_value *values[] = {&j.x, &j.y, &j.z, &j.shifted, &j.divided};
    for (int v = 0; v < 5; v++) {
        scene_value_blank(&s, values[v], field, 1, &count);
    }
    for (long k = 0; k < rounds; k++) {
        const int64_t most = 8 * (int64_t)field->width - 2;
        j.shift = k % 2 == 0 ? 16 : (unsigned)property_between(&s.random, 1, most);
        j.divisor =
            (uint64_t)property_between(&s.random, 1, k % 2 == 0 ? 1000 : INT64_C(1) << most / 2);
        draw_all(&s, &j);
        scene_run(&s, run, &j);
        check_all(&j);
    }
    const double off = (double)j.ups - j.rests;
    printf("%u bits: %ld products, %zu of %.0f expected roundings up\n", 8 * field->width,
           rounds * COUNT, j.ups, j.rests);
    assert_true(off * off < 25 * j.variance + 1); /* five deviations */
    for (int v = 0; v < 5; v++) {
        scene_value_free(&s, values[v]);
    }
    scene_close(&s);
}

static void test_many(void **state)
{
    (void)state;
    const syi_field wide = SYI_FIELD_64, narrow = SYI_FIELD_32;
    const long rounds = property_iterations(100000000) / COUNT;
    many(&wide, rounds);
    many(&narrow, rounds / 4 + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
