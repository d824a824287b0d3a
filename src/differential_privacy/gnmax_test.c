/* gnmax_test.c - PATE of 2018, one query: the formulas in mpmath (tests/vectors/privacy/gnmax.txt) and the tests that tensorflow/
 * privacy has of them (research/pate_2018/core_test.py). */
#include "differential_privacy/gnmax.h"

#include "support/privacy_vectors.h"

static double answer(const char *name, const double *x)
{
    double value = NAN;
    sy_error err = SY_ERROR_INIT;
    if (strcmp(name, "logq_gaussian") == 0) {
        assert_ok(sy_pate_logq_gaussian(&value, x + 2, (size_t)x[1], x[0], &err), &err);
    } else if (strcmp(name, "logq_laplace") == 0) {
        assert_ok(sy_pate_logq_laplace(&value, x + 2, (size_t)x[1], x[0], &err), &err);
    } else if (strcmp(name, "logq0") == 0) {
        assert_ok(sy_pate_logq0_gnmax(&value, x[0], x[1], &err), &err);
    } else if (strcmp(name, "rdp") == 0) {
        value = syi_gnmax_rdp_by_q(x[0], x[1], x[2]);
    } else {
        assert_string_equal(name, "release");
        assert_ok(sy_pate_rdp_of_release(&value, x[0], x[1], x[2], &err), &err);
    }
    return value;
}

static void test_formulas(void **state)
{
    (void)state;
    assert_true(privacy_vectors_replay(CSYFT_TEST_SOURCE_DIR "/tests/vectors/privacy/gnmax.txt",
                                       answer, 1e-9, 0) > 30);
}

/* core_test.py: where the data-dependent range ends, as -log q0, for sigma 1.5, 15, 1500, 15000 and orders 1.1, 2.5, 32, 250. */
static void test_break_points(void **state)
{
    (void)state;
    const double sigmas[] = {1.5, 15, 1500, 15000}, orders[] = {1.1, 2.5, 32, 250};
    const double ends[4][4] = {
        {2.8, 2.6, 427, NAN}, {4.8, 4.0, 4.7, 275}, {9.6, 8.8, 6.0, 4}, {12, 11.2, 8.6, 6.4}};
    for (int s = 0; s < 4; s++) {
        for (int k = 0; k < 4; k++) {
            double at_end = 0, before = INFINITY, here = 0;
            sy_error err = SY_ERROR_INIT;
            if (isnan(ends[s][k])) {
                continue;
            }
            assert_ok(sy_pate_rdp_gaussian(&at_end, orders[k], -ends[s][k], sigmas[s], &err), &err);
            for (int half = 0; half < 4; half++) { /* falling with q */
                const double logq = -ends[s][k] - half * log(2);
                assert_ok(sy_pate_rdp_gaussian(&here, orders[k], logq, sigmas[s], &err), &err);
                assert_true(here < before);
                before = here;
            }
            for (int more = 1; more <= 4; more++) { /* the same everywhere above */
                const double logq = log(exp(-ends[s][k]) + 0.1 * more);
                assert_ok(sy_pate_rdp_gaussian(&here, orders[k], logq, sigmas[s], &err), &err);
                assert_true(here == at_end);
            }
        }
    }
}

/* Never above the data-independent bound; 0 when the answer is certain. */
static void test_bounds(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    double rdp = -1;
    for (double sigma = 0.3; sigma < 1000; sigma *= 2) {
        for (double order = 1.05; order < 500; order *= 1.6) {
            for (double logq = -1e-9; logq > -1e6; logq *= 7) {
                assert_ok(sy_pate_rdp_gaussian(&rdp, order, logq, sigma, &err), &err);
                assert_true(rdp >= 0 && rdp <= order / sigma / sigma);
                assert_ok(sy_pate_rdp_pure(&rdp, order, logq, 2 / sigma, &err), &err);
                assert_true(rdp >= 0 && rdp <= 2 / sigma * (1 + 1e-12));
                assert_ok(sy_pate_rdp_threshold(&rdp, order, logq, sigma, &err), &err);
                assert_true(rdp >= 0 && rdp <= order / 2 / sigma / sigma * (1 + 1e-12));
            }
        }
    }
    assert_ok(sy_pate_rdp_gaussian(&rdp, 3, -INFINITY, 1, &err), &err);
    assert_true(rdp == 0);
    assert_ok(sy_pate_rdp_gaussian(&rdp, 3, 0, 2, &err), &err);
    assert_true(rdp == 0.75);
    assert_ok(sy_pate_rdp_threshold(&rdp, 3, 0, 2, &err), &err); /* always answered */
    assert_true(rdp == 0);
}

static void test_answered(void **state)
{
    (void)state;
    const double counts[] = {3, 80.4, 16.6};
    double value = 0;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_pate_log_answered(&value, counts, 3, 80, 5, &err), &err);
    assert_close(value, log(0.5), 1e-14, 0); /* 80.4 counts as 80 */
    assert_ok(sy_pate_log_answered(&value, counts, 3, 1080, 5, &err), &err);
    assert_true(value < -19900 && value > -20100); /* log of what underflows: 200 deviations */
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
    const double counts[] = {3, 1};
    double value = -1;
    sy_error err;
    assert_refused(sy_pate_rdp_gaussian(&value, 2, 1, 1, &err),
                   "rdp_gaussian: logq is 1, the logarithm of a probability is at most 0");
    assert_refused(sy_pate_rdp_gaussian(&value, 2, NAN, 1, &err), "logq is nan");
    assert_refused(sy_pate_rdp_gaussian(&value, 2, -1, -1, &err), "sigma is -1");
    assert_refused(sy_pate_rdp_gaussian(&value, 1, -1, 1, &err), "order is 1, must be above 1");
    assert_refused(sy_pate_rdp_gaussian(&value, INFINITY, -1, 1, &err), "order is inf");
    assert_refused(sy_pate_rdp_pure(&value, 2, -1, 0, &err), "pure_eps is 0");
    assert_refused(sy_pate_rdp_threshold(&value, 2, 0.5, 1, &err), "log_answered is 0.5");
    assert_refused(sy_pate_logq_gaussian(&value, counts, 2, 0, &err), "sigma is 0");
    assert_refused(sy_pate_logq_gaussian(&value, counts, 1, 1, &err), "classes is 1");
    assert_refused(sy_pate_logq_laplace(&value, counts, 2, NAN, &err), "lambda is nan");
    assert_refused(sy_pate_log_answered(&value, counts, 2, NAN, 1, &err), "threshold is nan");
    assert_refused(sy_pate_logq0_gnmax(&value, 2, 0, &err), "sigma is 0");
    assert_refused(sy_pate_rdp_of_release(&value, 10, 0.05, 1, &err),
                   "order is 10, must be below 1 / (2 beta) = 10");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formulas), cmocka_unit_test(test_break_points),
        cmocka_unit_test(test_bounds),   cmocka_unit_test(test_answered),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
