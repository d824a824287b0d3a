/* bits_test.c - shifts by counts out of range, where C says nothing; the rest is in vectors_test.c. */
#include "support/native_call.h"

static void shifts_everything_out(void **state)
{
    const native *n = *state;
    syi_array x = NATIVE_VECTOR(n, SY_DTYPE_I32, 5, -5, 5, -5);
    syi_array by = NATIVE_VECTOR(n, SY_DTYPE_I32, 32, 40, -1, -1);
    const sy_value args[2] = {native_value(&x), native_value(&by)};
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_bitwise_left_shift, args), 0, 0, 0, 0);
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_bitwise_right_shift, args), 0, -1, 0, -1);
    syi_array_fini(&by);
    syi_array_fini(&x);
    x = NATIVE_VECTOR(n, SY_DTYPE_U8, 255, 255);
    by = NATIVE_VECTOR(n, SY_DTYPE_U8, 7, 8);
    const sy_value bytes[2] = {native_value(&x), native_value(&by)};
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_bitwise_left_shift, bytes), 128, 0);
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_bitwise_right_shift, bytes), 1, 0);
    syi_array_fini(&by);
    syi_array_fini(&x);
}

/* A bool of imported memory may be any byte. */
static void truth_is_any_byte(void **state)
{
    const native *n = *state;
    syi_array x = native_zeros(n, SY_DTYPE_BOOL, NATIVE_SHAPE(3));
    memcpy(syi_array_data(&x), "\x00\x40\x01", 3);
    syi_array y = NATIVE_VECTOR(n, SY_DTYPE_BOOL, 1, 1, 0);
    const sy_value args[2] = {native_value(&x), native_value(&y)};
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_logical_and, args), 0, 1, 0);
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_logical_xor, args), 1, 0, 1);
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_bitwise_and, args), 0, 1, 0);
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_bitwise_not, args), 1, 0, 0);
    syi_array_fini(&y);
    syi_array_fini(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shifts_everything_out, native_setup, native_teardown),
        cmocka_unit_test_setup_teardown(truth_is_any_byte, native_setup, native_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
