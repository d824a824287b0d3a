/* shuffle_test.c - published vectors, orders that are orders, and no order that is more likely than another. */
#include "federated/shuffle.h"

#include "support/test.h"

/* The first numbers for seed 1234567, as in the reference implementation's test (Vigna, splitmix64.c; Rosetta Code). */
static void test_vectors(void **state)
{
    (void)state;
    static const uint64_t expected[] = {
        UINT64_C(6457827717110365317), UINT64_C(3203168211198807973), UINT64_C(9817491932198370423),
        UINT64_C(4593380528125082431), UINT64_C(16408922859458223821)};
    uint64_t seed = 1234567;
    for (size_t k = 0; k < 5; k++) {
        assert_true(syi_shuffle_next(&seed) == expected[k]);
    }
}

static void test_below(void **state)
{
    (void)state;
    uint64_t seed = 5;
    int seen[3] = {0};
    for (int k = 0; k < 300; k++) {
        seen[syi_shuffle_below(&seed, 3)]++;
        assert_int_equal(syi_shuffle_below(&seed, 1), 0);
        assert_true(syi_shuffle_below(&seed, (UINT64_C(1) << 63) + 1) <= UINT64_C(1) << 63);
    }
    assert_true(seen[0] > 60 && seen[1] > 60 && seen[2] > 60);
}

/* Chi squared of the 24 orders of 4 in 24,000 draws: 23 degrees of freedom, below 60 but for one in 40,000 seeds; this one is fixed. */
static void test_orders(void **state)
{
    (void)state;
    enum { DRAWS = 24000 };
    uint64_t seed = 42;
    int counts[256] = {0};
    double chi = 0;
    int orders = 0;
    for (int k = 0; k < DRAWS; k++) {
        int64_t places[] = {0, 1, 2, 3};
        syi_shuffle(&seed, places, 4);
        counts[places[0] << 6 | places[1] << 4 | places[2] << 2 | places[3]]++;
    }
    for (int k = 0; k < 256; k++) {
        if (counts[k] > 0) {
            orders++;
            chi += (counts[k] - 1000.0) * (counts[k] - 1000.0) / 1000;
        }
    }
    assert_int_equal(orders, 24);
    assert_true(chi < 60);
    syi_shuffle(&seed, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_orders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
