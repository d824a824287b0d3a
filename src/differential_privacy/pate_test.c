/* pate_test.c - PATE of 2017, one query: the reference's values, the formulas in mpmath (tests/vectors/privacy/pate.txt), what is
 * refused. */
#include "differential_privacy/pate.h"

#include "support/privacy_vectors.h"

static double answer(const char *name, const double *x)
{
    double value = NAN;
    sy_error err = SY_ERROR_INIT;
    if (strcmp(name, "q") == 0) {
        assert_ok(sy_pate_compute_q_noisy_max(&value, x + 2, (size_t)x[1], x[0], &err), &err);
    } else if (strcmp(name, "q_approx") == 0) {
        assert_ok(sy_pate_compute_q_noisy_max_approx(&value, x + 2, (size_t)x[1], x[0], &err),
                  &err);
    } else if (strcmp(name, "from_counts") == 0) {
        assert_ok(sy_pate_logmgf_from_counts(&value, x + 3, (size_t)x[2], x[0], x[1], NULL, &err),
                  &err);
    } else if (strcmp(name, "sens") == 0) {
        assert_ok(
            sy_pate_sens_at_k(&value, x + 4, (size_t)x[3], x[0], x[1], (uint64_t)x[2], NULL, &err),
            &err);
    } else if (strcmp(name, "smoothed") == 0) {
        assert_ok(sy_pate_smoothed_sens(&value, x + 4, (size_t)x[3], x[0], x[1], x[2], NULL, &err),
                  &err);
    } else {
        assert_string_equal(name, "logmgf");
        assert_ok(sy_pate_logmgf_exact(&value, x[0], x[1], x[2], NULL, &err), &err);
    }
    return value;
}

static void test_formulas(void **state)
{
    (void)state;
    assert_true(privacy_vectors_replay(CSYFT_TEST_SOURCE_DIR "/tests/vectors/privacy/pate.txt",
                                       answer, 1e-11, 1e-14) > 300);
}

static const double nine[] = {90, 5, 5};

/* The specification's table, which was computed from PySyft's formulas: to 1e-9. */
static void test_reference(void **state)
{
    (void)state;
    const double sharp[10] = {100}, blunt[] = {10, 5, 3};
    double value = 0;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_pate_compute_q_noisy_max(&value, blunt, 3, 0.1, &err), &err);
    assert_close(value, 0.6666666666666667, 1e-9, 0);
    assert_ok(sy_pate_compute_q_noisy_max_approx(&value, blunt, 3, 0.1, &err), &err);
    assert_close(value, 0.6666666666666667, 1e-9, 0);
    assert_ok(sy_pate_compute_q_noisy_max(&value, nine, 3, 0.1, &err), &err);
    assert_close(value, 0.001068208937305882, 1e-9, 0);
    assert_ok(sy_pate_compute_q_noisy_max_approx(&value, nine, 3, 0.1, &err), &err);
    assert_close(value, 0.001068208937305882, 1e-9, 0);
    assert_ok(sy_pate_compute_q_noisy_max(&value, sharp, 10, 0.1, &err), &err);
    assert_close(value, 0.001225798103587091, 1e-9, 0);
    const double logmgf[][4] = {{0.1, 0.2, 1, 0.04},
                                {0.01, 0.2, 8, 0.0558339965866015},
                                {0.6, 0.2, 4, 0.4},
                                {1, 0.2, 3, 0.24},
                                {0.001, 0.2, 8, 0.00570969089980694}};
    for (size_t k = 0; k < 5; k++) {
        assert_ok(
            sy_pate_logmgf_exact(&value, logmgf[k][0], logmgf[k][1], logmgf[k][2], NULL, &err),
            &err);
        assert_close(value, logmgf[k][3], 1e-9, 0);
    }
}

/* l, from counts, sensitivity at 0 and at 10, smoothed: of 90, 5, 5 */
static void test_reference_sensitivities(void **state)
{
    (void)state;
    const double rows[][5] = {
        {1, 0.000472952957544774, 6.92270357373002e-5, 3.2661484424727e-4, 4.26515267422729e-4},
        {4, 0.00225317130160604, 3.29513958312462e-4, 1.54648528921723e-3, 2.15873585534193e-3},
        {8, 0.00609808600772245, 8.89933979579474e-4, 4.12430077413373e-3, 4.29131900735451e-3}};
    for (size_t k = 0; k < 3; k++) {
        const double *row = rows[k];
        double value = 0;
        sy_error err = SY_ERROR_INIT;
        assert_ok(sy_pate_logmgf_from_counts(&value, nine, 3, 0.1, row[0], NULL, &err), &err);
        assert_close(value, row[1], 1e-9, 0);
        assert_ok(sy_pate_sens_at_k(&value, nine, 3, 0.1, row[0], 0, NULL, &err), &err);
        assert_close(value, row[2], 1e-9, 0);
        assert_ok(sy_pate_sens_at_k(&value, nine, 3, 0.1, row[0], 10, NULL, &err), &err);
        assert_close(value, row[3], 1e-9, 0);
        assert_ok(sy_pate_smoothed_sens(&value, nine, 3, 0.1, row[0], 0.09, NULL, &err), &err);
        assert_close(value, row[4], 1e-9, 0);
    }
}

static void test_warnings(void **state)
{
    (void)state;
    double value = -1;
    unsigned warnings = 0;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_pate_sens_at_k(&value, nine, 3, 0.1, 20, 0, &warnings, &err), &err);
    assert_int_equal(warnings, 0);
    assert_ok(sy_pate_sens_at_k(&value, nine, 3, 0.1, 21, 0, &warnings, &err), &err);
    assert_int_equal(warnings, SY_PATE_MOMENT_TOO_HIGH);
    assert_true(value == 0);
    value = -1;
    assert_ok(sy_pate_smoothed_sens(&value, nine, 3, 0.1, 21, 0.09, NULL, &err), &err);
    assert_true(value == 0);
    warnings = 0;
    assert_ok(sy_pate_logmgf_exact(&value, 0.4, 1.5, 2, &warnings, &err),
              &err); /* t < 0 with odd l */
    assert_int_equal(warnings, SY_PATE_NO_BOUND_BY_Q);
    assert_true(value == 3); /* priv_eps l: no bound by q, also where l is even */
    warnings = 0;
    assert_ok(sy_pate_logmgf_exact(&value, 0.6, 1.5, 3, &warnings, &err), &err);
    assert_int_equal(warnings, 0);
}

/* Labels are equal: where the winner stands in the row changes nothing. */
static void test_order_of_labels(void **state)
{
    (void)state;
    const double one[] = {40, 35, 20, 5}, other[] = {5, 35, 20, 40};
    double a = 0, b = 0;
    sy_error err = SY_ERROR_INIT;
    for (uint64_t k = 0; k < 5; k++) {
        assert_ok(sy_pate_sens_at_k(&a, one, 4, 0.1, 3, k, NULL, &err), &err);
        assert_ok(sy_pate_sens_at_k(&b, other, 4, 0.1, 3, k, NULL, &err), &err);
        assert_true(a == b);
    }
    assert_ok(sy_pate_sens_at_k(&a, one, 4, 0.1, 3, 6, NULL, &err), &err);
    assert_true(a == 0); /* 40 < 35 + 6 */
}

/* Nothing overflows. */
static void test_extremes(void **state)
{
    (void)state;
    const double far[] = {1e9, 0, 0};
    double value = -1;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_pate_compute_q_noisy_max(&value, far, 3, 10, &err), &err);
    assert_true(value == 0);
    assert_ok(sy_pate_logmgf_from_counts(&value, far, 3, 10, 1e6, NULL, &err), &err);
    assert_true(value == 0);
    assert_ok(sy_pate_logmgf_exact(&value, 1e-300, 500, 1e4, NULL, &err), &err);
    assert_true(value > 0 && value <= 500 * 1e4);
    assert_ok(sy_pate_logmgf_exact(&value, 0.2, 1e3, 1e4, NULL, &err), &err);
    assert_true(value == 1e7);
}

#define assert_refused(call, words)                        \
    do {                                                   \
        err = (sy_error)SY_ERROR_INIT;                     \
        assert_fails_saying(call, SY_EINVAL, &err, words); \
        assert_true(value == -1);                          \
    } while (0)

static void test_refused(void **state)
{
    (void)state;
    const double bad[] = {3, NAN, 5};
    double value = -1;
    sy_error err;
    assert_refused(sy_pate_compute_q_noisy_max(&value, nine, 3, 0, &err),
                   "compute_q_noisy_max: noise_eps is 0, must be positive and finite");
    assert_refused(sy_pate_compute_q_noisy_max(&value, nine, 3, -0.1, &err), "noise_eps is -0.1");
    assert_refused(sy_pate_compute_q_noisy_max(&value, nine, 3, NAN, &err), "noise_eps is nan");
    assert_refused(sy_pate_compute_q_noisy_max(&value, nine, 1, 0.1, &err),
                   "classes is 1, two classes or more are needed");
    assert_refused(sy_pate_compute_q_noisy_max(&value, nine, 0, 0.1, &err), "classes is 0");
    assert_refused(sy_pate_compute_q_noisy_max(&value, NULL, 3, 0.1, &err), "counts is NULL");
    assert_refused(sy_pate_compute_q_noisy_max_approx(&value, bad, 3, 0.1, &err),
                   "counts[1] is nan, must be finite");
    assert_refused(sy_pate_logmgf_exact(&value, 1.5, 0.2, 1, NULL, &err),
                   "logmgf_exact: q is 1.5, a probability is from 0 to 1");
    assert_refused(sy_pate_logmgf_exact(&value, 0.5, 0, 1, NULL, &err), "priv_eps is 0");
    assert_refused(sy_pate_logmgf_exact(&value, 0.5, 0.2, -1, NULL, &err), "l is -1");
    assert_refused(sy_pate_logmgf_from_counts(&value, bad, 3, 0.1, 1, NULL, &err), "counts[1]");
    assert_refused(sy_pate_sens_at_k(&value, nine, 3, 0.1, 0, 0, NULL, &err), "sens_at_k: l is 0");
    assert_refused(sy_pate_smoothed_sens(&value, nine, 3, 0.1, 1, -1, NULL, &err),
                   "smoothed_sens: beta is -1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formulas),
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_reference_sensitivities),
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_order_of_labels),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
