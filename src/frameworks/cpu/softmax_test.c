/* softmax_test.c - long rows, any dim and large scores; the rest is in vectors_test.c. */
#include "support/native_call.h"

static void check_along(const native *n, property_random *random, int dim, sy_dtype dtype)
{
    int64_t shape[3] = {2, 3, 4};
    shape[dim] = property_between(random, 1, 150);
    syi_array x = native_scatter(n, random, native_random(n, random, dtype, 3, shape));
    const sy_value args[3] = {native_value(&x), sy_value_int(dim - 3), sy_value_none()};
    syi_array soft = native_call(n, SYI_OP_softmax, args);
    syi_array logs = native_call(n, SYI_OP_log_softmax, args);
    const int64_t inner = dim == 0 ? shape[1] * shape[2] : dim == 1 ? shape[2] : 1;
    const double tolerance = dtype == SY_DTYPE_F32 ? 1e-6 : 1e-13;
    for (int64_t i = 0; i < syi_array_numel(&x); i++) {
        if (i / inner % shape[dim] != 0) {
            continue; /* not the first of its row */
        }
        double sum = 0, total = 0;
        for (int64_t p = 0; p < shape[dim]; p++) {
            sum += exp(syi_array_get_double(&x, i + p * inner));
            total += syi_array_get_double(&soft, i + p * inner);
        }
        assert_true(fabs(total - 1) < tolerance);
        for (int64_t p = 0; p < shape[dim]; p++) {
            const double score = syi_array_get_double(&x, i + p * inner);
            assert_true(fabs(syi_array_get_double(&soft, i + p * inner) - exp(score) / sum) <
                        tolerance);
            assert_true(fabs(syi_array_get_double(&logs, i + p * inner) - (score - log(sum))) <
                        20 * tolerance);
        }
    }
    syi_array_fini(&soft);
    syi_array_fini(&logs);
    syi_array_fini(&x);
}

static void rows_along_any_dim(void **state)
{
    const native *n = *state;
    property_random random = property_start("rows_along_any_dim");
    for (int i = 0; i < 60; i++) {
        check_along(n, &random, i % 3, i % 2 == 0 ? SY_DTYPE_F32 : SY_DTYPE_F64);
    }
}

static void large_scores_do_not_overflow(void **state)
{
    const native *n = *state;
    syi_array x = NATIVE_VECTOR(n, SY_DTYPE_F32, 3e38, 3e38, -3e38);
    const sy_value args[3] = {native_value(&x), sy_value_int(0), sy_value_none()};
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_softmax, args), 0.5, 0.5, 0);
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_log_softmax, args), (double)-0.693147182f,
                         (double)-0.693147182f, -INFINITY);
    syi_array_fini(&x);
}

/* NaN anywhere, also where rows are searched side by side. */
static void nan_spoils_its_row_only(void **state)
{
    const native *n = *state;
    for (int64_t place = 0; place < 40; place += 13) {
        syi_array x = native_zeros(n, SY_DTYPE_F32, NATIVE_SHAPE(2, 40));
        syi_array_set_double(&x, place, NAN);
        const sy_value args[3] = {native_value(&x), sy_value_int(1), sy_value_none()};
        syi_array out = native_call(n, SYI_OP_softmax, args);
        for (int64_t i = 0; i < 80; i++) {
            const double value = syi_array_get_double(&out, i);
            assert_true(i < 40 ? isnan(value) : value == (double)0.025f);
        }
        syi_array_fini(&out);
        syi_array_fini(&x);
    }
}

/* The gradients of a row sum to zero. */
static void gradients_balance(void **state)
{
    const native *n = *state;
    property_random random = property_start("gradients_balance");
    syi_array x = native_random(n, &random, SY_DTYPE_F64, NATIVE_SHAPE(5, 60));
    syi_array g =
        native_scatter(n, &random, native_random(n, &random, SY_DTYPE_F64, NATIVE_SHAPE(5, 60)));
    static const syi_op_id forward[] = {SYI_OP_softmax, SYI_OP_log_softmax};
    static const syi_op_id backward[] = {SYI_OP__softmax_backward_data,
                                         SYI_OP__log_softmax_backward_data};
    for (int k = 0; k < 2; k++) {
        const sy_value args[3] = {native_value(&x), sy_value_int(1), sy_value_none()};
        syi_array y = native_call(n, forward[k], args);
        const sy_value back[3] = {native_value(&g), native_value(&y), sy_value_int(1)};
        syi_array out = native_call(n, backward[k], back);
        for (int64_t row = 0; row < 5; row++) {
            double sum = 0;
            for (int64_t i = 0; i < 60; i++) {
                sum += syi_array_get_double(&out, row * 60 + i);
            }
            assert_true(fabs(sum) < 1e-10);
        }
        syi_array_fini(&out);
        syi_array_fini(&y);
    }
    syi_array_fini(&x);
    syi_array_fini(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_along_any_dim),
        cmocka_unit_test(large_scores_do_not_overflow),
        cmocka_unit_test(nan_spoils_its_row_only),
        cmocka_unit_test(gradients_balance),
    };
    return cmocka_run_group_tests(tests, native_setup, native_teardown);
}
