/* random_test.c - ranges, moments and shapes of what is drawn. Seeds and threads: the contract. */
#include "support/native_call.h"

enum { DRAWS = 200000 };

static syi_array draw(const native *n, syi_op_id id, sy_dtype dtype)
{
    const sy_value size = sy_value_int(DRAWS);
    const sy_value args[2] = {sy_value_list(&size, 1), sy_value_dtype(dtype)};
    n->framework->klass->seed(n->framework, 5);
    return native_call(n, id, args);
}

/* Sums of powers around 0; the bounds below are more than five standard deviations wide. */
static double moment(const syi_array *x, int power)
{
    double sum = 0;
    for (int64_t i = 0; i < DRAWS; i++) {
        sum += pow(syi_array_get_double(x, i), power);
    }
    return sum / DRAWS;
}

static void rand_is_uniform(void **state)
{
    const native *n = *state;
    for (sy_dtype dtype = SY_DTYPE_F32; dtype <= SY_DTYPE_F64; dtype++) {
        syi_array x = draw(n, SYI_OP_rand, dtype);
        int64_t cells[64] = {0};
        for (int64_t i = 0; i < DRAWS; i++) {
            const double value = syi_array_get_double(&x, i);
            assert_true(value >= 0 && value < 1);
            cells[(int)(value * 64)]++;
        }
        double chi = 0; /* 63 degrees of freedom */
        for (int c = 0; c < 64; c++) {
            const double off = (double)cells[c] - DRAWS / 64.0;
            chi += off * off / (DRAWS / 64.0);
        }
        assert_true(chi > 20 && chi < 130);
        assert_true(fabs(moment(&x, 1) - 0.5) < 0.004);
        syi_array_fini(&x);
    }
}

static void randn_is_normal(void **state)
{
    const native *n = *state;
    for (sy_dtype dtype = SY_DTYPE_F32; dtype <= SY_DTYPE_F64; dtype++) {
        syi_array x = draw(n, SYI_OP_randn, dtype);
        assert_true(fabs(moment(&x, 1)) < 0.012);
        assert_true(fabs(moment(&x, 2) - 1) < 0.017);
        assert_true(fabs(moment(&x, 3)) < 0.05);
        assert_true(fabs(moment(&x, 4) - 3) < 0.12);
        double follow = 0; /* one number and the next */
        for (int64_t i = 1; i < DRAWS; i++) {
            follow += syi_array_get_double(&x, i) * syi_array_get_double(&x, i - 1);
        }
        assert_true(fabs(follow / DRAWS) < 0.012);
        syi_array_fini(&x);
    }
}

static void randint_reaches_both_ends(void **state)
{
    const native *n = *state;
    const sy_value size = sy_value_int(9000);
    const sy_value args[4] = {sy_value_int(-2), sy_value_int(4), sy_value_list(&size, 1),
                              sy_value_dtype(SY_DTYPE_I8)};
    syi_array x = native_call(n, SYI_OP_randint, args);
    int64_t cells[6] = {0};
    for (int64_t i = 0; i < 9000; i++) {
        const int64_t value = syi_array_get_int(&x, i);
        assert_in_range(value + 2, 0, 5);
        cells[value + 2]++;
    }
    for (int c = 0; c < 6; c++) {
        assert_in_range(cells[c], 1300, 1700);
    }
    syi_array_fini(&x);
}

static void randint_spans_all_of_int64(void **state)
{
    const native *n = *state;
    const sy_value size = sy_value_int(2000);
    const sy_value args[4] = {sy_value_int(INT64_MIN), sy_value_int(INT64_MAX),
                              sy_value_list(&size, 1), sy_value_none()};
    syi_array x = native_call(n, SYI_OP_randint, args);
    int64_t negative = 0;
    for (int64_t i = 0; i < 2000; i++) {
        negative += syi_array_get_int(&x, i) < 0;
    }
    assert_in_range(negative, 850, 1150);
    syi_array_fini(&x);
}

static void randperm_has_every_number_once(void **state)
{
    const native *n = *state;
    for (int64_t count = 0; count < 300; count += 37) {
        const sy_value args[1] = {sy_value_int(count)};
        syi_array x = native_call(n, SYI_OP_randperm, args);
        bool seen[300] = {false};
        int64_t fixed = 0;
        for (int64_t i = 0; i < count; i++) {
            const int64_t value = syi_array_get_int(&x, i);
            assert_true(value >= 0 && value < count && !seen[value]);
            seen[value] = true;
            fixed += value == i;
        }
        assert_true(count < 30 || fixed < 10);
        syi_array_fini(&x);
    }
}

/* All six orders of three, about equally often. */
static void randperm_is_fair(void **state)
{
    const native *n = *state;
    const sy_value args[1] = {sy_value_int(3)};
    int64_t cells[9] = {0};
    for (int i = 0; i < 6000; i++) {
        syi_array x = native_call(n, SYI_OP_randperm, args);
        cells[3 * syi_array_get_int(&x, 0) + syi_array_get_int(&x, 1)]++;
        syi_array_fini(&x);
    }
    for (int c = 0; c < 9; c++) {
        assert_true(c % 4 == 0 ? cells[c] == 0 : cells[c] > 840 && cells[c] < 1160);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rand_is_uniform),
        cmocka_unit_test(randn_is_normal),
        cmocka_unit_test(randint_reaches_both_ends),
        cmocka_unit_test(randint_spans_all_of_int64),
        cmocka_unit_test(randperm_has_every_number_once),
        cmocka_unit_test(randperm_is_fair),
    };
    return cmocka_run_group_tests(tests, native_setup, native_teardown);
}
