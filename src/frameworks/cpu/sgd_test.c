/* sgd_test.c - steps with gradients of other layouts and dtypes, also from the parameter itself. */
#include "support/native_call.h"

static void steps_against_the_gradient(void **state)
{
    const native *n = *state;
    syi_array x = NATIVE_VECTOR(n, SY_DTYPE_F32, 1, 2, 3);
    syi_array g = NATIVE_VECTOR(n, SY_DTYPE_F64, 2, 4, -8);
    const sy_value args[3] = {native_value(&x), native_value(&g), sy_value_float(0.25)};
    native_call_inplace(n, SYI_OP_sgd_, args);
    NATIVE_ASSERT_VALUES(x, 0.5, 1, 5);
    syi_array_fini(&g);
}

static void gradient_may_be_turned_or_repeated(void **state)
{
    const native *n = *state;
    syi_array x = native_from(n, SY_DTYPE_F32, NATIVE_SHAPE(2, 2), (double[]){1, 2, 3, 4});
    syi_array g = native_from(n, SY_DTYPE_F32, NATIVE_SHAPE(2, 2), (double[]){1, 2, 3, 4});
    g.strides[0] = 1;
    g.strides[1] = 2;
    const sy_value turned[3] = {native_value(&x), native_value(&g), sy_value_float(1)};
    native_call_inplace(n, SYI_OP_sgd_, turned);
    syi_array row = g;
    row.ndim = 1;
    row.strides[0] = 0; /* its first element, twice */
    const sy_value repeated[3] = {native_value(&x), native_value(&row), sy_value_float(1)};
    native_call_inplace(n, SYI_OP_sgd_, repeated);
    NATIVE_ASSERT_VALUES(x, -1, -2, 0, -1);
    syi_array_fini(&g);
}

static void gradient_may_be_the_parameter(void **state)
{
    const native *n = *state;
    syi_array x = native_from(n, SY_DTYPE_F64, NATIVE_SHAPE(2, 2), (double[]){1, 2, 3, 4});
    syi_array turned = x;
    turned.strides[0] = 1;
    turned.strides[1] = 2;
    const sy_value itself[3] = {native_value(&x), native_value(&x), sy_value_float(0.5)};
    native_call_inplace(n, SYI_OP_sgd_, itself);
    const sy_value other[3] = {native_value(&x), native_value(&turned), sy_value_float(1)};
    native_call_inplace(n, SYI_OP_sgd_, other);
    NATIVE_ASSERT_VALUES(x, 0, -0.5, 0.5, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_against_the_gradient),
        cmocka_unit_test(gradient_may_be_turned_or_repeated),
        cmocka_unit_test(gradient_may_be_the_parameter),
    };
    return cmocka_run_group_tests(tests, native_setup, native_teardown);
}
