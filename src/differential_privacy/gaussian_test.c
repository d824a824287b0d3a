/* gaussian_test.c - the exact Gaussian mechanism: round trips, extremes. Its values are checked
 * against tests/vectors/privacy/accountants.txt by curves_test.c. */
#include <csyft/accountants.h>

#include "support/privacy_vectors.h"

static void test_round_trips(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    for (double log_delta = -1; log_delta > -690; log_delta *= 2.3) {
        double before = INFINITY;
        for (double epsilon = 0.01; epsilon < 2000; epsilon *= 3) {
            double noise = 0, delta = 0, back = 0;
            assert_ok(sy_gaussian_noise_multiplier(&noise, epsilon, exp(log_delta), &err), &err);
            assert_true(noise < before); /* more epsilon, less noise */
            before = noise;
            assert_ok(sy_gaussian_delta(&delta, noise, epsilon, &err), &err);
            assert_true(delta <= exp(log_delta) * (1 + 1e-12));
            assert_close(delta, exp(log_delta), 1e-6, 0);
            assert_ok(sy_gaussian_epsilon(&back, noise, exp(log_delta), &err), &err);
            assert_close(back, epsilon, 1e-8, 1e-9);
        }
    }
}

/* Never more than the bounds by Renyi divergence say. */
static void test_below_zcdp(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    for (double noise = 0.1; noise < 100; noise *= 2) {
        for (double delta = 1e-2; delta > 1e-12; delta /= 30) {
            double rho = 0, exact = 0, improved = 0, classic = 0;
            assert_ok(sy_zcdp_of_gaussian(&rho, noise, &err), &err);
            assert_ok(sy_gaussian_epsilon(&exact, noise, delta, &err), &err);
            assert_ok(sy_zcdp_to_epsilon(&improved, rho, SY_RDP_IMPROVED, delta, &err), &err);
            assert_ok(sy_zcdp_to_epsilon(&classic, rho, SY_RDP_CLASSIC, delta, &err), &err);
            assert_true(exact <= improved);
            assert_true(improved < classic);
        }
    }
}

static void test_extremes(void **state)
{
    (void)state;
    double value = -1;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_gaussian_delta(&value, 1e-5, 1e8, &err),
              &err); /* exp(1e8) overflows; delta is near 1 */
    assert_true(value == 1);
    assert_ok(sy_gaussian_delta(&value, 1, 1e6, &err), &err);
    assert_true(value == 0);
    assert_ok(sy_gaussian_epsilon(&value, 1e6, 0.5, &err), &err);
    assert_true(value == 0);
    assert_ok(sy_gaussian_epsilon(&value, 1e-6, 1e-300, &err), &err);
    assert_true(value > 5e11 && value < 6e11);
}

#define assert_refused(call, status, words)          \
    do {                                             \
        err = (sy_error)SY_ERROR_INIT;               \
        assert_status(call, status, &err);           \
        assert_non_null(strstr(err.message, words)); \
        assert_true(value == -1);                    \
    } while (0)

static void test_refused(void **state)
{
    (void)state;
    double value = -1;
    sy_error err;
    assert_refused(sy_gaussian_delta(&value, 0, 1, &err), SY_EINVAL, "noise_multiplier is 0");
    assert_refused(sy_gaussian_delta(&value, 1, -1, &err), SY_EINVAL, "epsilon is -1");
    assert_refused(sy_gaussian_delta(&value, 1, NAN, &err), SY_EINVAL, "epsilon is nan");
    assert_refused(sy_gaussian_epsilon(&value, 1, 0, &err), SY_EINVAL,
                   "delta is 0, must be above 0 and below 1");
    assert_refused(sy_gaussian_epsilon(&value, 1, 1, &err), SY_EINVAL, "delta is 1");
    assert_refused(sy_gaussian_noise_multiplier(&value, -2, 1e-5, &err), SY_EINVAL,
                   "epsilon is -2");
    assert_refused(sy_gaussian_noise_multiplier(&value, 1e13, 1e-5, &err), SY_ERANGE,
                   "epsilon 1e+13 with delta 1e-05");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_below_zcdp),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
