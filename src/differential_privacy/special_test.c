/* special_test.c - special functions against tests/vectors/privacy/special.txt (mpmath), their ends, and sums that would
 * lose everything. */
#include "differential_privacy/special.h"

#include "support/privacy_vectors.h"

static double answer(const char *name, const double *x)
{
    const struct {
        const char *name;
        double (*function)(double);
    } unary[] = {{"erfcx", syi_erfcx},
                 {"log_normal_cdf", syi_log_normal_cdf},
                 {"mills", syi_mills},
                 {"log_erfc", syi_log_erfc},
                 {"erfc_inverse_log", syi_erfc_inverse_log},
                 {"log1mexp", syi_log1mexp}};
    for (size_t k = 0; k < sizeof unary / sizeof *unary; k++) {
        if (strcmp(name, unary[k].name) == 0) {
            return unary[k].function(x[0]);
        }
    }
    if (strcmp(name, "log_add") == 0) {
        return syi_log_add(x[0], x[1]);
    }
    assert_string_equal(name, "log_binomial");
    return syi_log_binomial(x[0], x[1]);
}

static void test_vectors(void **state)
{
    (void)state;
    assert_true(privacy_vectors_replay(CSYFT_TEST_SOURCE_DIR "/tests/vectors/privacy/special.txt",
                                       answer, 2e-13, 1e-16) > 50);
}

static void test_ends(void **state)
{
    (void)state;
    assert_true(syi_log_add(-INFINITY, -INFINITY) == -INFINITY);
    assert_true(syi_log_add(-INFINITY, 3) == 3);
    assert_true(syi_log_add(INFINITY, 3) == INFINITY);
    assert_true(syi_log1mexp(0) == -INFINITY);
    assert_true(syi_log1mexp(-INFINITY) == 0);
    assert_true(syi_log_normal_cdf(INFINITY) == 0);
    assert_true(syi_log_binomial(5, 0) == 0);
}

/* Far below the smallest double the inverse still goes back and forth. */
static void test_inverse_far_out(void **state)
{
    (void)state;
    for (double log_y = 0.69; log_y > -1e6; log_y = log_y > -1 ? log_y - 0.1 : log_y * 1.5) {
        assert_close(syi_log_erfc(syi_erfc_inverse_log(log_y)), log_y, 1e-12, 1e-13);
    }
}

static void test_sum(void **state)
{
    (void)state;
    syi_sum sum = {0};
    const double terms[] = {1, 1e100, 1, -1e100}; /* plainly added: 0 */
    for (size_t k = 0; k < 4; k++) {
        syi_sum_add(&sum, terms[k]);
    }
    assert_true(syi_sum_value(&sum) == 2);
    syi_sum_add(&sum, INFINITY);
    syi_sum_add(&sum, 1);
    assert_true(syi_sum_value(&sum) == INFINITY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_inverse_far_out),
        cmocka_unit_test(test_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
