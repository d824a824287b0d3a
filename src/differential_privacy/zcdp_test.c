/* zcdp_test.c - zero-concentrated privacy: round trips, composition, order of the conversions. delta is checked against
 * tests/vectors/privacy/accountants.txt by curves_test.c. */
#include <csyft/accountants.h>

#include "support/privacy_vectors.h"

static void test_round_trips(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    for (int conversion = SY_RDP_IMPROVED; conversion <= SY_RDP_CLASSIC; conversion++) {
        for (double rho = 1e-8; rho < 1e4; rho *= 10) {
            for (double delta = 0.1; delta > 1e-15; delta /= 100) {
                double epsilon = 0, back = 0, again = 0;
                const sy_rdp_conversion how = (sy_rdp_conversion)conversion;
                assert_ok(sy_zcdp_to_epsilon(&epsilon, rho, how, delta, &err), &err);
                if (epsilon == 0) {
                    continue;
                }
                assert_ok(sy_zcdp_to_delta(&back, rho, how, epsilon, &err), &err);
                assert_close(back, delta, 1e-6, 0);
                assert_ok(sy_zcdp_from_epsilon(&again, how, epsilon, delta, &err), &err);
                assert_close(again, rho, 1e-6, 0);
            }
        }
    }
}

static void test_formulas(void **state)
{
    (void)state;
    double value = 0;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_zcdp_of_gaussian(&value, 2, &err), &err);
    assert_true(value == 0.125);
    assert_ok(sy_zcdp_of_pure(&value, 3, &err), &err);
    assert_true(value == 4.5);
    assert_ok(sy_zcdp_to_epsilon(&value, 0.1, SY_RDP_CLASSIC, 1e-5, &err), &err);
    assert_close(value, 0.1 + 2 * sqrt(0.1 * log(1e5)), 1e-14, 0);
    assert_ok(sy_zcdp_to_delta(&value, 0.1, SY_RDP_CLASSIC, 0.05, &err), &err);
    assert_true(value == 1); /* says nothing there */
    assert_ok(sy_zcdp_to_epsilon(&value, 0, SY_RDP_IMPROVED, 1e-5, &err), &err);
    assert_true(value == 0);
    assert_ok(sy_zcdp_to_delta(&value, 0, SY_RDP_IMPROVED, 0, &err), &err);
    assert_true(value == 0);
}

/* dp_accounting's own test: a Gaussian mechanism of noise 4.530877117 is (1, 1e-6)-private by the improved conversion. (Exactly
 * it is (0.927, 1e-6)-private: gaussian_test.c.) */
static void test_dp_accounting(void **state)
{
    (void)state;
    double rho = 0, value = 0;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_zcdp_of_gaussian(&rho, 4.530877117, &err), &err);
    assert_ok(sy_zcdp_to_epsilon(&value, rho, SY_RDP_IMPROVED, 1e-6, &err), &err);
    assert_close(value, 1, 1e-10, 0);
    assert_ok(sy_zcdp_to_delta(&value, rho, SY_RDP_IMPROVED, 1, &err), &err);
    assert_close(value, 1e-6, 1e-9, 0);
}

static void test_refused(void **state)
{
    (void)state;
    double value = -1;
    sy_error err = SY_ERROR_INIT;
    assert_status(sy_zcdp_of_gaussian(&value, -1, &err), SY_EINVAL, &err);
    assert_non_null(strstr(err.message, "zcdp_of_gaussian: noise_multiplier is -1"));
    assert_status(sy_zcdp_of_pure(&value, NAN, &err), SY_EINVAL, &err);
    assert_status(sy_zcdp_to_epsilon(&value, -0.1, SY_RDP_CLASSIC, 1e-5, &err), SY_EINVAL, &err);
    assert_non_null(strstr(err.message, "rho is -0.1"));
    assert_status(sy_zcdp_to_delta(&value, 1, SY_RDP_CLASSIC, INFINITY, &err), SY_EINVAL, &err);
    assert_status(sy_zcdp_from_epsilon(&value, SY_RDP_CLASSIC, 1, 2, &err), SY_EINVAL, &err);
    assert_non_null(strstr(err.message, "delta is 2"));
    assert_true(value == -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_formulas),
        cmocka_unit_test(test_dp_accounting),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
