/* gnmax_sensitivity_test.c - the tables of tensorflow/privacy (research/pate_2018/smooth_sensitivity_test.py, rtol 1e-8 there),
 * and that bounds bound: changing votes never changes more than they say. */
#include "differential_privacy/gnmax_sensitivity.h"

#include "differential_privacy/gnmax.h"
#include "support/memory_faults.h"
#include "support/privacy_vectors.h"
#include "support/property.h"

static void assert_table(const double *actual, const double *expected, size_t count,
                         double relative)
{
    for (size_t k = 0; k < count; k++) {
        if (!(fabs(actual[k] - expected[k]) <= relative * expected[k])) {
            fail_msg("distance %zu: %.12g, published %.12g", k, actual[k], expected[k]);
        }
    }
}

static sy_context *plain_context(void)
{
    sy_context *context = NULL;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_context_new(&context, NULL, &err), &err);
    return context;
}

static void test_gnmax(void **state)
{
    (void)state;
    sy_context *context = plain_context();
    sy_error err = SY_ERROR_INIT;
    const double agreed[] = {10, 0, 0}, first[] = {3.13503646e-17, 1.60178280e-08, 5.90681786e-03};
    double bounds[2000], table[2000];
    assert_ok(sy_pate_local_sensitivity_gnmax(context, bounds, 10, agreed, 3, 1.5, 0.5, &err),
              &err);
    for (int d = 0; d < 10; d++) {
        table[d] = d < 3 ? first[d] : 5.99981308;
    }
    assert_table(bounds, table, 10, 1e-8);
    const double split[] = {1000, 500, 300, 200, 0};
    assert_ok(sy_pate_local_sensitivity_gnmax(context, bounds, 2000, split, 5, 10, 250, &err),
              &err);
    for (int d = 0; d < 2000; d++) {
        table[d] = d < 298    ? 0
                   : d == 298 ? 2.77693450548e-7
                   : d == 299 ? 2.10853979548e-6
                              : 2.73113623988e-6;
    }
    assert_table(bounds, table, 2000, 1e-8);
    sy_context_free(context);
}

/* The published values for largest counts far above the threshold are off by up to 2.1e-8: they come from the logarithm of a
 * probability next to 1 in scipy. Their mirror images below the threshold (9.01543266e-02 for 9.01543247e-02) are right, and those
 * are ours on both sides. */
static void test_threshold(void **state)
{
    (void)state;
    const struct {
        double counts[3], threshold, table[30];
    } cases[] = {
        {{20, 10, 0},
         16,
         {0,
          0,
          0,
          1.48454129e-04,
          1.47826870e-02,
          3.94153241e-02,
          6.45775697e-02,
          9.01543247e-02,
          1.16054002e-01,
          1.42180452e-01,
          1.42180452e-01,
          1.48454129e-04,
          1.47826870e-02,
          3.94153241e-02,
          6.45775697e-02,
          9.01543266e-02,
          1.16054000e-01,
          1.42180452e-01,
          1.68302106e-01,
          1.93127860e-01}},
        {{20, 10, 0},
         2,
         {1.60212079e-01, 2.07021132e-01, 2.07021132e-01, 1.93127860e-01, 1.68302106e-01,
          1.42180452e-01, 1.16054002e-01, 9.01543247e-02, 6.45775697e-02, 3.94153241e-02,
          1.47826870e-02, 1.48454129e-04}},
        {{20, 10, 0},
         50,
         {1.35750725752e-19, 1.88990500499e-17, 2.05403154065e-15, 1.74298153642e-13,
          1.15489723995e-11, 5.97584949325e-10, 2.41486826748e-08, 7.62150641922e-07,
          1.87846248741e-05, 0.000360973025976, 0.000360973025976, 2.76377015215e-50,
          1.00904975276e-53, 2.87254164748e-57, 6.37583360761e-61, 1.10331620211e-64,
          1.48844393335e-68, 1.56535552444e-72, 1.28328011060e-76, 8.20047697109e-81}},
        {{19.5, -5.1, 0},
         10.1,
         {0.0620410301,
          0.0875807131,
          0.113451958,
          0.139561671,
          0.1657074530,
          0.1908244840,
          0.2070270720,
          0.207027072,
          0.169718100,
          0.0575152142,
          0.00678695871,
          0,
          0,
          0,
          0,
          0,
          0,
          0.000536304908,
          0.0172181073,
          0.041909870}},
    };
    for (size_t k = 0; k < 4; k++) {
        double bounds[30];
        sy_error err = SY_ERROR_INIT;
        assert_ok(sy_pate_local_sensitivity_threshold(bounds, 30, cases[k].counts, 3, 10,
                                                      cases[k].threshold, 2, &err),
                  &err);
        assert_table(bounds, cases[k].table, 30, 3e-8);
    }
}

static void test_conditions(void **state)
{
    (void)state;
    bool c5 = false, c6 = true;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_pate_check_conditions(&c5, &c6, 25, 20, 10, &err), &err);
    assert_true(c5 && !c6);
    assert_ok(sy_pate_check_conditions(&c5, &c6, 25, 30, 10, &err), &err);
    assert_true(c5 && c6);
}

/* Walks of changed votes: the bound at distance d is at least what one more change does there. */
static void test_bounds_bound(void **state)
{
    (void)state;
    enum { N = 60, M = 4 };
    const double order = 6, sigma = 6;
    sy_context *context = plain_context();
    property_random random = property_start("walks");
    for (long round = 0; round < property_iterations(200); round++) {
        sy_error err = SY_ERROR_INIT;
        double counts[M] = {0}, bounds[N];
        const int64_t agreed = property_between(&random, 0, N);
        for (int64_t k = 0; k < N; k++) {
            counts[k < agreed ? 0 : property_between(&random, 0, M - 1)]++;
        }
        assert_ok(
            sy_pate_local_sensitivity_gnmax(context, bounds, N, counts, M, order, sigma, &err),
            &err);
        double here = syi_gnmax_rdp(order, syi_gnmax_logq(counts, M, sigma), sigma);
        for (int d = 0; d < N; d++) {
            int from = (int)property_between(&random, 0, M - 1);
            const int to = (int)property_between(&random, 0, M - 1);
            while (counts[from] == 0) {
                from = (from + 1) % M;
            }
            counts[from]--;
            counts[to]++;
            const double next = syi_gnmax_rdp(order, syi_gnmax_logq(counts, M, sigma), sigma);
            assert_true(fabs(next - here) <= bounds[d] * (1 + 1e-9) + 1e-15);
            here = next;
        }
    }
    sy_context_free(context);
}

static void test_smooth(void **state)
{
    (void)state;
    const double bounds[] = {0.1, 0.2, 0.3}, bad[] = {0.1, NAN};
    double value = 0;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_pate_smooth(&value, bounds, 3, 0, &err), &err);
    assert_true(value == 0.3);
    assert_ok(sy_pate_smooth(&value, bounds, 3, log(2), &err), &err);
    assert_close(value, 0.1, 1e-15, 0);
    assert_status(sy_pate_smooth(&value, bad, 2, 0.1, &err), SY_EINVAL, &err);
    assert_non_null(strstr(err.message, "bounds[1] is nan"));
}

static void test_refused(void **state)
{
    (void)state;
    sy_context *context = plain_context();
    const double counts[] = {3, 1}, negative[] = {3, -1};
    double bounds[4];
    bool c5, c6;
    sy_error err = SY_ERROR_INIT;
    assert_status(sy_pate_local_sensitivity_gnmax(context, bounds, 0, counts, 2, 2, 1, &err),
                  SY_EINVAL, &err);
    assert_non_null(strstr(err.message, "teachers is 0"));
    assert_status(sy_pate_local_sensitivity_gnmax(context, bounds, 4, negative, 2, 2, 1, &err),
                  SY_EINVAL, &err);
    assert_non_null(strstr(err.message, "a count is -1"));
    assert_status(sy_pate_local_sensitivity_gnmax(context, bounds, 4, counts, 2, 2, NAN, &err),
                  SY_EINVAL, &err);
    assert_status(sy_pate_local_sensitivity_threshold(bounds, 2, counts, 2, 2, 1, 1, &err),
                  SY_EINVAL, &err);
    assert_non_null(strstr(err.message, "a largest count of 3 from 2 teachers"));
    assert_status(sy_pate_check_conditions(&c5, &c6, 2, 1, 1, &err), SY_EINVAL, &err);
    assert_non_null(strstr(err.message, "classes is 1"));
    sy_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gnmax),      cmocka_unit_test(test_threshold),
        cmocka_unit_test(test_conditions), cmocka_unit_test(test_bounds_bound),
        cmocka_unit_test(test_smooth),     cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
