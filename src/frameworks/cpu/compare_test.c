/* compare_test.c - numbers that a dtype cannot hold, and choices; the rest is in vectors_test.c. */
#include "support/native_call.h"

/* torch 1.13 wraps 300 to 44 and finds it equal; here the number keeps its value. */
static void numbers_keep_their_value(void **state)
{
    const native *n = *state;
    syi_array x = NATIVE_VECTOR(n, SY_DTYPE_U8, 44, 255, 0);
    const sy_value large[2] = {native_value(&x), sy_value_int(300)};
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_eq, large), 0, 0, 0);
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_lt, large), 1, 1, 1);
    const sy_value negative[2] = {native_value(&x), sy_value_int(-1)};
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_gt, negative), 1, 1, 1);
    const sy_value inside[2] = {native_value(&x), sy_value_int(44)};
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_ge, inside), 1, 1, 0);
    syi_array_fini(&x);
}

static void large_integers_are_compared_exactly(void **state)
{
    const native *n = *state;
    syi_array x = native_zeros(n, SY_DTYPE_I64, NATIVE_SHAPE(1));
    syi_array_set_int(&x, 0, (INT64_C(1) << 53) + 1);
    const sy_value args[2] = {native_value(&x), sy_value_int(INT64_C(1) << 53)};
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_eq, args), 0);
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_gt, args), 1);
    syi_array_fini(&x);
}

static void nan_equals_nothing(void **state)
{
    const native *n = *state;
    syi_array x = NATIVE_VECTOR(n, SY_DTYPE_F32, NAN, 1);
    const sy_value args[2] = {native_value(&x), native_value(&x)};
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_eq, args), 0, 1);
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_ne, args), 1, 0);
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_le, args), 0, 1);
    syi_array_fini(&x);
}

static void where_chooses_by_any_byte(void **state)
{
    const native *n = *state;
    syi_array condition = native_zeros(n, SY_DTYPE_BOOL, NATIVE_SHAPE(3));
    memcpy(syi_array_data(&condition), "\x00\x40\x01", 3);
    syi_array yes = NATIVE_VECTOR(n, SY_DTYPE_I32, 1, 2, 3);
    const sy_value args[3] = {native_value(&condition), native_value(&yes), sy_value_float(0.5)};
    syi_array out = native_call(n, SYI_OP_where, args);
    assert_int_equal(out.dtype, SY_DTYPE_F32);
    NATIVE_ASSERT_VALUES(out, 0.5, 2, 3);
    syi_array_fini(&yes);
    syi_array_fini(&condition);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_keep_their_value),
        cmocka_unit_test(large_integers_are_compared_exactly),
        cmocka_unit_test(nan_equals_nothing),
        cmocka_unit_test(where_chooses_by_any_byte),
    };
    return cmocka_run_group_tests(tests, native_setup, native_teardown);
}
