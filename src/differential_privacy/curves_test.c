/* curves_test.c - Renyi curves against their definitions (mpmath), published vectors, and what all of them obey. */
#include "differential_privacy/curves.h"

#include <csyft/accountants.h>

#include "support/privacy_vectors.h"

static double answer(const char *name, const double *x)
{
    double value = NAN;
    sy_error err = SY_ERROR_INIT;
    if (strcmp(name, "rdp_of_gaussian") == 0) {
        assert_ok(sy_rdp_of_gaussian(&value, x[0], x[1], &err), &err);
    } else if (strcmp(name, "rdp_of_subsampled_gaussian") == 0) {
        assert_ok(sy_rdp_of_subsampled_gaussian(&value, x[0], x[1], x[2], &err), &err);
    } else if (strcmp(name, "logmgf_subsampled_gaussian") == 0) {
        assert_ok(sy_logmgf_subsampled_gaussian(&value, x[0], x[1], x[2], &err), &err);
    } else if (strcmp(name, "rdp_of_laplace") == 0) {
        assert_ok(sy_rdp_of_laplace(&value, x[0], x[1], &err), &err);
    } else if (strcmp(name, "rdp_of_pure") == 0) {
        assert_ok(sy_rdp_of_pure(&value, x[0], x[1], &err), &err);
    } else if (strcmp(name, "rdp_of_randomized_response") == 0) {
        assert_ok(sy_rdp_of_randomized_response(&value, x[0], x[1], (uint64_t)x[2],
                                                (sy_neighbours)x[3], &err),
                  &err);
    } else if (strcmp(name, "gaussian_delta") == 0) {
        assert_ok(sy_gaussian_delta(&value, x[0], x[1], &err), &err);
    } else if (strcmp(name, "gaussian_noise_multiplier") == 0) {
        assert_ok(sy_gaussian_noise_multiplier(&value, x[0], x[1], &err), &err);
    } else {
        assert_string_equal(name, "zcdp_to_delta");
        assert_ok(sy_zcdp_to_delta(&value, x[0], SY_RDP_IMPROVED, x[1], &err), &err);
    }
    return value;
}

static void test_definitions(void **state)
{
    (void)state;
    assert_true(privacy_vectors_replay(CSYFT_TEST_SOURCE_DIR
                                       "/tests/vectors/privacy/accountants.txt",
                                       answer, 2e-11, 0) > 80);
}

/* dp_accounting's own test: 50 steps, q 0.01, noise 2.5. It adds up absolute values of an alternating series at
 * fractional orders, and so lies above there: by 3 % at 1.5. */
static void test_dp_accounting_sampled(void **state)
{
    (void)state;
    const struct {
        double order, published, above;
    } cases[] = {{1.5, 6.70579741e-04, 0.035},
                 {2.5, 1.08548710e-03, 1e-4},
                 {5, 2.18075656e-03, 0},
                 {50, 2.38460375e-02, 0},
                 {100, 167.416308, 0}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        double rdp = 0;
        sy_error err = SY_ERROR_INIT;
        assert_ok(sy_rdp_of_subsampled_gaussian(&rdp, cases[k].order, 0.01, 2.5, &err), &err);
        assert_true(50 * rdp <= cases[k].published * (1 + 1e-8));
        assert_true(50 * rdp >= cases[k].published * (1 - cases[k].above - 1e-8));
    }
}

/* dp_accounting's own test: noise 0.3 over 10 answers, REPLACE_SPECIAL */
static void test_dp_accounting_response(void **state)
{
    (void)state;
    const double orders[] = {1.5, 2.5, 5, 50, 100, INFINITY};
    const double published[] = {1.50305526, 1.78011825, 1.90919693,
                                1.98145168, 1.98469545, 1.98787435};
    for (size_t k = 0; k < sizeof orders / sizeof *orders; k++) {
        double rdp = 0;
        sy_error err = SY_ERROR_INIT;
        assert_ok(sy_rdp_of_randomized_response(&rdp, orders[k], 0.3, 10, SY_ADD_OR_REMOVE, &err),
                  &err);
        assert_close(rdp, published[k], 1e-8, 0);
    }
}

/* A divergence grows with its order and with the sampling rate, and falls with the noise; the chord that stands in for
 * dear integrals lies above what is known at neighbouring orders. */
static void test_monotone(void **state)
{
    (void)state;
    const double noises[] = {0.02, 0.3, 1, 4, 50}, rates[] = {1e-6, 1e-3, 0.1, 0.8, 1};
    for (size_t n = 0; n < 5; n++) {
        for (size_t r = 0; r < 5; r++) {
            double before = 0;
            for (double order = 1.05; order < 300; order *= 1.37) {
                const double here = syi_rdp_subsampled_gaussian(order, rates[r], noises[n]);
                assert_true(here >= before * (1 - 1e-12));
                assert_true(here <= order / 2 / noises[n] / noises[n] * (1 + 1e-12));
                before = here;
                if (n > 0) {
                    assert_true(here <=
                                syi_rdp_subsampled_gaussian(order, rates[r], noises[n - 1]));
                }
                if (r > 0) {
                    assert_true(here >=
                                syi_rdp_subsampled_gaussian(order, rates[r - 1], noises[n]));
                }
            }
        }
    }
}

/* The quadrature of fractional orders meets the sum of whole ones. */
static void test_fractions_meet_whole_orders(void **state)
{
    (void)state;
    for (double order = 2; order <= 200; order = floor(order * 1.7)) {
        for (double noise = 0.5; noise < 30; noise *= 3) {
            const double whole = syi_rdp_subsampled_gaussian(order, 0.02, noise);
            const double beside = syi_rdp_subsampled_gaussian(order * (1 + 1e-13), 0.02, noise);
            assert_close(beside, whole, 1e-9, 0);
        }
    }
}

static void test_ends(void **state)
{
    (void)state;
    double rdp = -1;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_rdp_of_subsampled_gaussian(&rdp, 3.5, 0, 1, &err), &err);
    assert_true(rdp == 0);
    assert_ok(sy_rdp_of_subsampled_gaussian(&rdp, INFINITY, 0.1, 1, &err), &err);
    assert_true(rdp == INFINITY);
    assert_ok(sy_rdp_of_laplace(&rdp, INFINITY, 4, &err), &err);
    assert_true(rdp == 0.25);
    assert_ok(sy_rdp_of_pure(&rdp, INFINITY, 2, &err), &err);
    assert_true(rdp == 2);
    assert_ok(sy_rdp_of_pure(&rdp, 3, 1e6, &err), &err); /* no overflow */
    assert_true(rdp == 1e6);
    assert_ok(sy_rdp_of_pure(&rdp, 3, 0, &err), &err);
    assert_true(rdp == 0);
    assert_ok(sy_rdp_of_zcdp(&rdp, INFINITY, 0, &err), &err);
    assert_true(rdp == 0);
    assert_ok(sy_rdp_of_randomized_response(&rdp, 2, 0, 5, SY_REPLACE_ONE, &err), &err);
    assert_true(rdp == INFINITY);
    assert_ok(sy_rdp_of_randomized_response(&rdp, INFINITY, 0.5, 2, SY_REPLACE_ONE, &err), &err);
    assert_close(rdp, log(3), 1e-14, 0);
    assert_ok(sy_rdp_of_subsampled_gaussian(&rdp, 1e5 + 0.5, 0.1, 0.001, &err), &err);
    assert_true(rdp > 0 && rdp < INFINITY);
}

#define assert_refused(call, words)                  \
    do {                                             \
        err = (sy_error)SY_ERROR_INIT;               \
        assert_status(call, SY_EINVAL, &err);        \
        assert_non_null(strstr(err.message, words)); \
        assert_true(rdp == -1);                      \
    } while (0)

static void test_refused(void **state)
{
    (void)state;
    double rdp = -1;
    sy_error err;
    assert_refused(sy_rdp_of_gaussian(&rdp, 2, 0, &err),
                   "rdp_of_gaussian: noise_multiplier is 0, must be positive and finite");
    assert_refused(sy_rdp_of_gaussian(&rdp, 2, -1, &err), "noise_multiplier is -1");
    assert_refused(sy_rdp_of_gaussian(&rdp, 2, NAN, &err), "noise_multiplier is nan");
    assert_refused(sy_rdp_of_gaussian(&rdp, 1, 1, &err), "order is 1, must be above 1");
    assert_refused(sy_rdp_of_gaussian(&rdp, NAN, 1, &err), "order is nan");
    assert_refused(sy_rdp_of_subsampled_gaussian(&rdp, 2, 1.5, 1, &err),
                   "sampling_rate is 1.5, a probability is from 0 to 1");
    assert_refused(sy_rdp_of_subsampled_gaussian(&rdp, 2, NAN, 1, &err), "sampling_rate is nan");
    assert_refused(sy_logmgf_subsampled_gaussian(&rdp, 0, 0.1, 1, &err), "l is 0");
    assert_refused(sy_rdp_of_laplace(&rdp, 2, INFINITY, &err), "noise_multiplier is inf");
    assert_refused(sy_rdp_of_pure(&rdp, 2, -0.5, &err), "epsilon is -0.5, must be 0 or more");
    assert_refused(sy_rdp_of_zcdp(&rdp, 2, -1, &err), "rho is -1");
    assert_refused(sy_rdp_of_randomized_response(&rdp, 2, 0.5, 1, SY_REPLACE_ONE, &err),
                   "classes is 1, must be 2 or more");
    assert_refused(sy_rdp_of_randomized_response(&rdp, 2, -0.1, 3, SY_REPLACE_ONE, &err),
                   "noise is -0.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definitions),
        cmocka_unit_test(test_dp_accounting_sampled),
        cmocka_unit_test(test_dp_accounting_response),
        cmocka_unit_test(test_monotone),
        cmocka_unit_test(test_fractions_meet_whole_orders),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
