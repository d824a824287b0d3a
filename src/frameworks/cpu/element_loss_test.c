/* element_loss_test.c - what is no probability, and means of nothing; answers of torch are in vectors_test.c. */
#include "support/native_call.h"

static void names_what_is_no_probability(void **state)
{
    const native *n = *state;
    syi_array x = NATIVE_VECTOR(n, SY_DTYPE_F32, 0, 1, 1.25);
    syi_array target = NATIVE_VECTOR(n, SY_DTYPE_F32, 0, 1, 1);
    const sy_value args[4] = {native_value(&x), native_value(&target), sy_value_none(),
                              sy_value_string("mean")};
    syi_array outs[SYI_OUTPUT_MAX];
    int count = 0;
    sy_error err = SY_ERROR_INIT;
    assert_status(native_try(n, SYI_OP_binary_cross_entropy, args, outs, &count, NULL, &err),
                  SY_ERANGE, &err);
    assert_string_equal(err.message, "binary_cross_entropy: input 2 is 1.25, expected 0 to 1");
    syi_array_set_double(&x, 2, NAN);
    assert_status(native_try(n, SYI_OP_binary_cross_entropy, args, outs, &count, NULL, &err),
                  SY_ERANGE, &err);
    syi_array_set_double(&x, 2, 1);
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_binary_cross_entropy, args), 0);
    syi_array_fini(&target);
    syi_array_fini(&x);
}

static void losses_of_nothing(void **state)
{
    const native *n = *state;
    syi_array x = native_zeros(n, SY_DTYPE_F64, NATIVE_SHAPE(0, 2));
    sy_value args[3] = {native_value(&x), native_value(&x), sy_value_string("mean")};
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_l1_loss, args), NAN);
    args[2] = sy_value_string("sum");
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_l1_loss, args), 0);
    syi_array_fini(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_what_is_no_probability),
        cmocka_unit_test(losses_of_nothing),
    };
    return cmocka_run_group_tests(tests, native_setup, native_teardown);
}
