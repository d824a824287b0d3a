/* division_test.c - what is refused and what wraps; the rest is in vectors_test.c. */
#include "support/native_call.h"

static void zero_is_refused_before_anything_is_written(void **state)
{
    const native *n = *state;
    syi_array x = NATIVE_VECTOR(n, SY_DTYPE_I32, 7, 8, 9);
    syi_array y = NATIVE_VECTOR(n, SY_DTYPE_I32, 2, 2, 0);
    const sy_value args[2] = {native_value(&x), native_value(&y)};
    static const syi_op_id ids[] = {SYI_OP_floor_divide, SYI_OP_remainder, SYI_OP_fmod};
    for (size_t k = 0; k < 3; k++) {
        syi_array outs[SYI_OUTPUT_MAX];
        int count;
        sy_error err = SY_ERROR_INIT;
        assert_status(native_try(n, ids[k], args, outs, &count, NULL, &err), SY_ERANGE, &err);
        assert_non_null(strstr(err.message, "an integer is divided by zero"));
        assert_status(native_try_inplace(n, ids[k], args, NULL, &err), SY_ERANGE, &err);
    }
    NATIVE_ASSERT_VALUES(x, 7, 8, 9);
    syi_array_fini(&y);
}

static void lowest_by_minus_one_wraps(void **state)
{
    const native *n = *state;
    syi_array x = NATIVE_VECTOR(n, SY_DTYPE_I8, -128, 127);
    const sy_value args[2] = {native_value(&x), sy_value_int(-1)};
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_floor_divide, args), -128, -127);
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_remainder, args), 0, 0);
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_fmod, args), 0, 0);
    syi_array_fini(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(zero_is_refused_before_anything_is_written, native_setup,
                                        native_teardown),
        cmocka_unit_test_setup_teardown(lowest_by_minus_one_wraps, native_setup, native_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
