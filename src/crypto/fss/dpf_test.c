/* dpf_test.c - sigma. Everything else of dpf.h: fixed_keys_test.c. */
#include "crypto/fss/dpf.h"

#include <string.h>

#include "support/property.h"
#include "support/test.h"

/* Linear maps of 128 bits: how many of these images do not depend on the others. */
static unsigned rank_of(uint64_t rows[128][2])
{
    unsigned rank = 0;
    for (unsigned bit = 0; bit < 128; bit++) {
        unsigned pivot = rank;
        while (pivot < 128 && (rows[pivot][bit / 64] >> bit % 64 & 1) == 0) {
            pivot++;
        }
        if (pivot == 128) {
            continue;
        }
        const uint64_t found[2] = {rows[pivot][0], rows[pivot][1]};
        memcpy(rows[pivot], rows[rank], sizeof found);
        memcpy(rows[rank], found, sizeof found);
        for (unsigned k = 0; k < 128; k++) {
            if (k != rank && (rows[k][bit / 64] >> bit % 64 & 1) != 0) {
                rows[k][0] ^= found[0];
                rows[k][1] ^= found[1];
            }
        }
        rank++;
    }
    return rank;
}

/* Sigma, and sigma(s) xor s, are bijections. */
static void test_sigma_of_units(void **state)
{
    (void)state;
    uint64_t images[128][2], sums[128][2];
    for (unsigned k = 0; k < 128; k++) {
        const uint64_t unit[2] = {k < 64 ? UINT64_C(1) << k : 0,
                                  k < 64 ? 0 : UINT64_C(1) << (k - 64)};
        syi_dpf_sigma(images[k], unit);
        assert_true(images[k][0] != 0 || images[k][1] != 0);
        for (int w = 0; w < 2; w++) {
            sums[k][w] = images[k][w] ^ unit[w];
        }
    }
    assert_int_equal(rank_of(images), 128);
    assert_int_equal(rank_of(sums), 128);
}

static void test_sigma_inverse(void **state)
{
    (void)state;
    property_random random = property_start("sigma");
    for (long k = property_iterations(1000); k > 0; k--) {
        const uint64_t a[2] = {property_next(&random), property_next(&random)},
                       b[2] = {property_next(&random), property_next(&random)},
                       both[2] = {a[0] ^ b[0], a[1] ^ b[1]};
        uint64_t of_a[2], of_b[2], of_both[2];
        syi_dpf_sigma(of_a, a);
        syi_dpf_sigma(of_b, b);
        syi_dpf_sigma(of_both, both);
        assert_int_equal(of_a[0], a[1]);
        assert_int_equal(of_a[1] ^ of_a[0], a[0]);
        for (int w = 0; w < 2; w++) {
            assert_int_equal(of_both[w], of_a[w] ^ of_b[w]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sigma_of_units),
        cmocka_unit_test(test_sigma_inverse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
