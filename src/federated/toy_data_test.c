/* toy_data_test.c - the toy datasets hold what they say. */
#include <csyft/datasets.h>

#include <math.h>

#include "support/local_hook.h"

enum { ROWS = 4001, HALF = ROWS / 2 };

/* Moments within 5 deviations of N(0, 1) and N(2, 1): the mean's is 1 / sqrt(n), the variance's sqrt(2 / n). */
static void test_gaussian_mixture(void **state)
{
    local_hook *local = *state;
    static float data[2 * HALF][2];
    static int64_t targets[2 * HALF];
    sy_dataset *d = NULL;
    sy_hook_manual_seed(local->hook, 3);
    assert_ok(sy_gaussian_mixture_toy_data(local->hook, ROWS, &d, &local->err), &local->err);
    assert_int_equal(sy_dataset_get_length(d), 2 * HALF); /* an odd row is left out */
    assert_ok(sy_tensor_copy_data(sy_dataset_get_data(d), data, sizeof data, &local->err),
              &local->err);
    assert_ok(sy_tensor_copy_data(sy_dataset_get_targets(d), targets, sizeof targets, &local->err),
              &local->err);
    for (int part = 0; part < 2; part++) {
        for (int column = 0; column < 2; column++) {
            double sum = 0, squares = 0;
            for (int k = 0; k < HALF; k++) {
                const double x = (double)data[part * HALF + k][column] - 2 * part;
                sum += x;
                squares += x * x;
                assert_int_equal(targets[part * HALF + k], part);
            }
            assert_true(fabs(sum / HALF) < 5 / sqrt(HALF));
            assert_true(fabs(squares / HALF - 1) < 5 * sqrt(2.0 / HALF));
        }
    }
    sy_dataset_unref(d);
    assert_status(sy_gaussian_mixture_toy_data(local->hook, 1, &d, &local->err), SY_EINVAL,
                  &local->err);
    assert_null(d);
}

/* Sums in mm over the first ten of each kind in the UCI repository's copy of the data. */
static void test_iris(void **state)
{
    local_hook *local = *state;
    static const int sums[3][4] = {{486, 331, 145, 22}, {610, 287, 437, 138}, {657, 294, 577, 204}};
    float data[30][4];
    int64_t targets[30];
    sy_dataset *d = NULL;
    assert_ok(sy_iris_data_partial(local->hook, &d, &local->err), &local->err);
    assert_int_equal(sy_dataset_get_length(d), 30);
    assert_ok(sy_tensor_copy_data(sy_dataset_get_data(d), data, sizeof data, &local->err),
              &local->err);
    assert_ok(sy_tensor_copy_data(sy_dataset_get_targets(d), targets, sizeof targets, &local->err),
              &local->err);
    for (int kind = 0; kind < 3; kind++) {
        for (int column = 0; column < 4; column++) {
            float sum = 0;
            for (int k = 0; k < 10; k++) {
                sum += data[10 * kind + k][column];
                assert_int_equal(targets[10 * kind + k], kind);
            }
            assert_int_equal(lroundf(sum * 10), sums[kind][column]);
        }
    }
    assert_true(data[0][0] == 5.1f && data[29][3] == 2.5f);
    sy_dataset_unref(d);
}

static sy_status make_both(local_hook *local, sy_dataset *made[2])
{
    made[1] = NULL;
    const sy_status status = sy_gaussian_mixture_toy_data(local->hook, 4, &made[0], &local->err);
    return status == SY_OK ? sy_iris_data_partial(local->hook, &made[1], &local->err) : status;
}

static void test_out_of_memory(void **state)
{
    local_hook *local = *state;
    for (size_t nth = 1;; nth++) {
        sy_dataset *made[2] = {NULL};
        local->memory.refused = 0;
        local->memory.fail_at = local->memory.calls + nth;
        const sy_status status = make_both(local, made);
        local->memory.fail_at = 0;
        const bool refused = local->memory.refused != 0;
        assert_status(status, refused ? SY_ENOMEM : SY_OK, &local->err);
        assert_true(refused == (made[1] == NULL));
        sy_dataset_unref(made[0]);
        sy_dataset_unref(made[1]);
        if (!refused) {
            assert_in_range(nth, 10, 200);
            break;
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, local_hook_setup, local_hook_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_gaussian_mixture),
        TEST(test_iris),
        TEST(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
