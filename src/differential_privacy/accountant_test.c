/* accountant_test.c - the Renyi accountant: figures of Opacus, dp_accounting and Abadi et al., composition, conversions,
 * calibration, refused allocations. */
#include <csyft/accountants.h>

#include "support/memory_faults.h"
#include "support/privacy_vectors.h"

typedef struct accounts {
    failing_allocator memory;
    sy_context *context;
    sy_error err;
} accounts;

static int setup(void **state)
{
    accounts *a = calloc(1, sizeof *a);
    a->context = memory_faults_context(&a->memory);
    *state = a;
    return 0;
}

static int teardown(void **state)
{
    accounts *a = *state;
    memory_faults_context_free(&a->memory, a->context);
    free(a);
    return 0;
}

static sy_rdp *accountant(accounts *a, const double *orders, size_t count)
{
    sy_rdp *rdp = NULL;
    assert_ok(sy_rdp_new(a->context, &rdp, orders, count, &a->err), &a->err);
    return rdp;
}

static double epsilon_of(accounts *a, const sy_rdp *rdp, sy_rdp_conversion conversion, double delta,
                         double *order)
{
    double epsilon = -1;
    assert_ok(sy_rdp_get_epsilon(rdp, conversion, delta, &epsilon, order, &a->err), &a->err);
    return epsilon;
}

/* Opacus' default orders: 1.1, 1.2, ... 10.9, 12, 13, ... 63. */
static size_t opacus_orders(double *orders)
{
    size_t count = 0;
    for (int k = 1; k < 100; k++) {
        orders[count++] = 1 + k / 10.0;
    }
    for (int k = 12; k < 64; k++) {
        orders[count++] = k;
    }
    return count;
}

static void test_opacus(void **state)
{
    accounts *a = *state;
    double orders[160], order = 0, whole[62];
    sy_rdp *rdp = accountant(a, orders, opacus_orders(orders));
    assert_ok(sy_rdp_add_subsampled_gaussian(rdp, 0.04, 1.5, 2250, &a->err), &a->err);
    assert_close(epsilon_of(a, rdp, SY_RDP_IMPROVED, 1e-5, &order), 7.32911117143, 1e-10, 0);
    assert_true(order == 3.9);
    sy_rdp_free(rdp);
    for (int k = 0; k < 62; k++) {
        whole[k] = k + 2;
    }
    rdp = accountant(a, whole, 62);
    assert_ok(sy_rdp_add_subsampled_gaussian(rdp, 0.04, 1.5, 2250, &a->err), &a->err);
    assert_close(epsilon_of(a, rdp, SY_RDP_IMPROVED, 1e-5, &order), 7.329876773834559, 1e-12, 0);
    assert_true(order == 4);
    sy_rdp_free(rdp);
}

/* Abadi et al. 2016, section 5: q 0.01, sigma 4, 100 and 400 epochs. */
static void test_moments_accountant(void **state)
{
    accounts *a = *state;
    const struct {
        uint64_t steps;
        sy_rdp_conversion conversion;
        double epsilon, order;
    } cases[] = {{10000, SY_RDP_CLASSIC, 1.2585747412528168, 20},
                 {40000, SY_RDP_CLASSIC, 2.575872500826784, 10},
                 {10000, SY_RDP_IMPROVED, 1.0354900660364603, 17},
                 {40000, SY_RDP_IMPROVED, 2.2129055133689817, 9}};
    double whole[62], order = 0;
    for (int k = 0; k < 62; k++) {
        whole[k] = k + 2;
    }
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        sy_rdp *rdp = accountant(a, whole, 62);
        assert_ok(sy_rdp_add_subsampled_gaussian(rdp, 0.01, 4, cases[k].steps, &a->err), &a->err);
        assert_close(epsilon_of(a, rdp, cases[k].conversion, 1e-5, &order), cases[k].epsilon, 1e-11,
                     0);
        assert_true(order == cases[k].order);
        sy_rdp_free(rdp);
    }
}

/* dp_accounting's own test: a divergence of 1.1 at all orders from 2 to 32 */
static void test_flat_curve(void **state)
{
    accounts *a = *state;
    double orders[31], curve[31], order = 0;
    for (int k = 0; k < 31; k++) {
        orders[k] = k + 2;
        curve[k] = 1.1;
    }
    sy_rdp *rdp = accountant(a, orders, 31);
    assert_ok(sy_rdp_add_curve(rdp, curve, 31, 1, &a->err), &a->err);
    const double epsilon = epsilon_of(a, rdp, SY_RDP_IMPROVED, 1e-5, &order);
    assert_close(epsilon, 1.32783806176, 1e-11, 0);
    assert_true(order == 32);
    double delta = 0;
    assert_ok(sy_rdp_get_delta(rdp, SY_RDP_IMPROVED, epsilon, &delta, &order, &a->err), &a->err);
    assert_close(delta, 1e-5, 1e-10, 0);
    assert_true(order == 32);
    sy_rdp_free(rdp);
}

/* Everything added in any order and in any portions is the sum; order and kind do not matter. */
static void test_composition(void **state)
{
    accounts *a = *state;
    sy_rdp *one = accountant(a, NULL, 0), *two = accountant(a, NULL, 0);
    assert_ok(sy_rdp_add_subsampled_gaussian(one, 0.01, 1.1, 1000, &a->err), &a->err);
    assert_ok(sy_rdp_add_laplace(one, 20, 3, &a->err), &a->err);
    assert_ok(sy_rdp_add_pure(one, 0.01, 2, &a->err), &a->err);
    assert_ok(sy_rdp_add_randomized_response(one, 0.9, 4, SY_REPLACE_ONE, 1, &a->err), &a->err);
    assert_ok(sy_rdp_add_randomized_response(two, 0.9, 4, SY_REPLACE_ONE, 1, &a->err), &a->err);
    for (int k = 0; k < 10; k++) {
        assert_ok(sy_rdp_add_subsampled_gaussian(two, 0.01, 1.1, 100, &a->err), &a->err);
    }
    assert_ok(sy_rdp_add_pure(two, 0.01, 2, &a->err), &a->err);
    assert_ok(sy_rdp_add_laplace(two, 20, 3, &a->err), &a->err);
    assert_ok(sy_rdp_add_gaussian(two, 1, 0, &a->err), &a->err); /* no steps */
    const double *orders = NULL, *here = NULL, *there = NULL;
    const size_t count = sy_rdp_get_curve(one, &orders, &here);
    assert_int_equal(sy_rdp_get_curve(two, &orders, &there), count);
    assert_true(count > 150);
    for (size_t k = 0; k < count; k++) {
        assert_close(here[k], there[k], 1e-13, 0);
        assert_true(orders[k] > (k == 0 ? 1 : orders[k - 1]));
    }
    sy_rdp_free(one);
    sy_rdp_free(two);
}

/* Gaussian and zCDP are the same line. */
static void test_gaussian_is_zcdp(void **state)
{
    accounts *a = *state;
    sy_rdp *one = accountant(a, NULL, 0), *two = accountant(a, NULL, 0);
    double delta = 1, order = 0;
    assert_ok(sy_rdp_add_gaussian(one, 2, 5, &a->err), &a->err);
    assert_ok(sy_rdp_add_zcdp(two, 0.125, 5, &a->err), &a->err);
    assert_close(epsilon_of(a, one, SY_RDP_IMPROVED, 1e-6, NULL),
                 epsilon_of(a, two, SY_RDP_IMPROVED, 1e-6, NULL), 1e-13, 0);
    double zcdp = 0;
    assert_ok(sy_zcdp_to_epsilon(&zcdp, 5 * 0.125, SY_RDP_IMPROVED, 1e-6, &a->err), &a->err);
    const double listed = epsilon_of(a, one, SY_RDP_IMPROVED, 1e-6, NULL);
    assert_true(listed >= zcdp && listed < zcdp * 1.001); /* few orders against all */
    assert_ok(sy_rdp_get_delta(one, SY_RDP_CLASSIC, 0, &delta, &order, &a->err), &a->err);
    assert_true(delta == 1);
    sy_rdp_free(one);
    sy_rdp_free(two);
}

/* More steps, noise, delta, and the conversions, in the order that they must have. */
static void test_monotone(void **state)
{
    accounts *a = *state;
    double last_steps = -1;
    for (uint64_t steps = 1; steps < 1000000; steps *= 10) {
        sy_rdp *rdp = accountant(a, NULL, 0);
        assert_ok(sy_rdp_add_subsampled_gaussian(rdp, 0.005, 0.9, steps, &a->err), &a->err);
        double last_delta = INFINITY;
        for (double delta = 1e-12; delta < 1; delta *= 10) {
            const double improved = epsilon_of(a, rdp, SY_RDP_IMPROVED, delta, NULL);
            assert_true(improved <= epsilon_of(a, rdp, SY_RDP_CLASSIC, delta, NULL));
            assert_true(improved <= last_delta);
            last_delta = improved;
        }
        const double here = epsilon_of(a, rdp, SY_RDP_IMPROVED, 1e-5, NULL);
        assert_true(here > last_steps);
        last_steps = here;
        sy_rdp_free(rdp);
    }
}

/* Opacus searches with a tolerance of 0.01 in epsilon and reports 1.416 and 1.3562. */
static void test_calibration(void **state)
{
    accounts *a = *state;
    double orders[160];
    sy_rdp_target target = SY_RDP_TARGET_INIT;
    target.order_count = opacus_orders(orders);
    target.orders = orders;
    target.epsilon = 8;
    target.sampling_rate = 0.04;
    const struct {
        uint64_t steps;
        double opacus;
    } cases[] = {{2250, 1.416}, {2000, 1.3562}};
    for (size_t k = 0; k < 2; k++) {
        double noise = 0;
        target.steps = cases[k].steps;
        assert_ok(sy_rdp_calibrate_gaussian(a->context, &noise, &target, &a->err), &a->err);
        assert_true(noise <= cases[k].opacus + 1e-3 && noise > cases[k].opacus - 3e-3);
        sy_rdp *rdp = accountant(a, orders, target.order_count);
        assert_ok(sy_rdp_add_subsampled_gaussian(rdp, 0.04, noise, target.steps, &a->err), &a->err);
        const double epsilon = epsilon_of(a, rdp, SY_RDP_IMPROVED, 1e-5, NULL);
        assert_true(epsilon <= 8 && epsilon > 8 - 1e-4);
        sy_rdp_free(rdp);
    }
    target = (sy_rdp_target)
        SY_RDP_TARGET_INIT; /* one plain release: close to the exact answer, never below */
    target.epsilon = 50;
    double noise = 0, exact = 0;
    assert_ok(sy_rdp_calibrate_gaussian(a->context, &noise, &target, &a->err), &a->err);
    assert_ok(sy_gaussian_noise_multiplier(&exact, 50, 1e-5, &a->err), &a->err);
    assert_true(noise >= exact && noise < 1.1 * exact);
}

#define assert_refused(call, status, words)                         \
    do {                                                            \
        a->err = (sy_error)SY_ERROR_INIT;                           \
        assert_status(call, status, &a->err);                       \
        if (strstr(a->err.message, words) == NULL) {                \
            fail_msg("'%s' is not in '%s'", words, a->err.message); \
        }                                                           \
    } while (0)

static void test_refused(void **state)
{
    accounts *a = *state;
    const double orders[] = {2, 3}, bad[] = {2, 1, 3}, curve[] = {0.1, -0.5};
    sy_rdp *rdp = NULL;
    double value = -1;
    assert_refused(sy_rdp_new(a->context, &rdp, bad, 3, &a->err), SY_EINVAL,
                   "orders[1] is 1, must be above 1");
    assert_null(rdp);
    assert_refused(sy_rdp_new(a->context, &rdp, orders, 0, &a->err), SY_EINVAL, "0 orders");
    assert_refused(sy_rdp_new(a->context, &rdp, orders, 5000, &a->err), SY_ELIMIT, "at most 4096");
    rdp = accountant(a, orders, 2);
    assert_refused(sy_rdp_add_gaussian(rdp, -1, 1, &a->err), SY_EINVAL, "noise_multiplier is -1");
    assert_refused(sy_rdp_add_subsampled_gaussian(rdp, -0.1, 1, 1, &a->err), SY_EINVAL,
                   "sampling_rate is -0.1");
    assert_refused(sy_rdp_add_curve(rdp, curve, 2, 1, &a->err), SY_EINVAL, "curve[1] is -0.5");
    assert_refused(sy_rdp_add_curve(rdp, curve, 1, 1, &a->err), SY_ESHAPE, "1 values for 2 orders");
    assert_refused(sy_rdp_get_epsilon(rdp, SY_RDP_IMPROVED, 0, &value, NULL, &a->err), SY_EINVAL,
                   "delta is 0");
    assert_refused(sy_rdp_get_epsilon(rdp, (sy_rdp_conversion)7, 0.1, &value, NULL, &a->err),
                   SY_EINVAL, "there is no conversion 7");
    assert_refused(sy_rdp_get_delta(rdp, SY_RDP_IMPROVED, -1, &value, NULL, &a->err), SY_EINVAL,
                   "epsilon is -1");
    assert_true(value == -1);
    assert_true(epsilon_of(a, rdp, SY_RDP_IMPROVED, 1e-5, NULL) == 0); /* nothing was taken */
    sy_rdp_free(rdp);
    sy_rdp_free(NULL);
}

static void test_refused_targets(void **state)
{
    accounts *a = *state;
    double noise = -1;
    sy_rdp_target target = SY_RDP_TARGET_INIT;
    assert_refused(sy_rdp_calibrate_gaussian(a->context, &noise, &target, &a->err), SY_EINVAL,
                   "epsilon is 0");
    target.epsilon = 1e-9; /* beyond what the orders can say */
    assert_refused(sy_rdp_calibrate_gaussian(a->context, &noise, &target, &a->err), SY_ERANGE,
                   "epsilon 1e-09 with delta 1e-05");
    target.epsilon = 1;
    target.steps = 0;
    assert_refused(sy_rdp_calibrate_gaussian(a->context, &noise, &target, &a->err), SY_EINVAL,
                   "steps is 0");
    target.size = 3;
    assert_refused(sy_rdp_calibrate_gaussian(a->context, &noise, &target, &a->err), SY_EINVAL,
                   "SY_RDP_TARGET_INIT");
    assert_true(noise == -1);
}

static sy_status step_without_memory(sy_context *context, void *argument, sy_error *err)
{
    (void)argument;
    const double orders[] = {2, 8};
    sy_rdp_target target = SY_RDP_TARGET_INIT;
    double noise = 0;
    target.epsilon = 30;
    target.orders = orders;
    target.order_count = 2;
    return sy_rdp_calibrate_gaussian(context, &noise, &target, err);
}

static void test_no_memory(void **state)
{
    (void)state;
    assert_true(memory_faults_sweep(step_without_memory, NULL) >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_opacus, setup, teardown),
        cmocka_unit_test_setup_teardown(test_moments_accountant, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flat_curve, setup, teardown),
        cmocka_unit_test_setup_teardown(test_composition, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gaussian_is_zcdp, setup, teardown),
        cmocka_unit_test_setup_teardown(test_monotone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_calibration, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_targets, setup, teardown),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
