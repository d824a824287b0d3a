/* factor_test.c - singular matrices and large ones; the rest is in vectors_test.c. */
#include "support/native_call.h"

static void singular_is_refused_by_name(void **state)
{
    const native *n = *state;
    syi_array x = native_from(n, SY_DTYPE_F64, NATIVE_SHAPE(2, 2, 2),
                              (const double[]){1, 0, 0, 1, 1, 2, 2, 4});
    const sy_value args[2] = {native_value(&x), native_value(&x)};
    syi_array outs[SYI_OUTPUT_MAX];
    int count;
    sy_error err = SY_ERROR_INIT;
    assert_status(native_try(n, SYI_OP_inverse, args, outs, &count, NULL, &err), SY_ERANGE, &err);
    assert_non_null(
        strstr(err.message, "inverse: the matrix number 1 is singular: no pivot in column 1 of 2"));
    assert_status(native_try(n, SYI_OP_linalg_solve, args, outs, &count, NULL, &err), SY_ERANGE,
                  &err);
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_det, args), 1, 0);
    syi_array_fini(&x);
}

/* A A^-1 is the unit matrix, for a matrix that needs its rows exchanged. */
static void inverse_undoes_a_large_one(void **state)
{
    enum { N = 60 };
    const native *n = *state;
    property_random random = property_start("inverse");
    syi_array x = native_zeros(n, SY_DTYPE_F64, NATIVE_SHAPE(N, N));
    for (int64_t i = 0; i < N * N; i++) {
        syi_array_set_double(&x, i, (double)property_between(&random, -9, 9));
    }
    syi_array_set_double(&x, 0, 0);
    const sy_value args[1] = {native_value(&x)};
    syi_array inverse = native_call(n, SYI_OP_inverse, args);
    const sy_value pair[2] = {native_value(&x), native_value(&inverse)};
    syi_array unit = native_call(n, SYI_OP_matmul, pair);
    for (int64_t i = 0; i < N * N; i++) {
        assert_true(fabs(syi_array_get_double(&unit, i) - (i / N == i % N)) < 1e-9);
    }
    syi_array_fini(&unit);
    syi_array_fini(&inverse);
    syi_array_fini(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(singular_is_refused_by_name, native_setup, native_teardown),
        cmocka_unit_test_setup_teardown(inverse_undoes_a_large_one, native_setup, native_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
