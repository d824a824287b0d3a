/* creation_test.c - ranges, filling and copies; the rest is in vectors_test.c. */
#include "support/native_call.h"

/* Products and not sums: element i is start + i step however long the range is. */
static void ranges_do_not_drift(void **state)
{
    const native *n = *state;
    const sy_value real[4] = {sy_value_int(0), sy_value_int(200), sy_value_float(0.1),
                              sy_value_dtype(SY_DTYPE_F64)};
    syi_array x = native_call(n, SYI_OP_arange, real);
    assert_int_equal(syi_array_numel(&x), 2000);
    for (int64_t i = 0; i < 2000; i++) {
        assert_true(syi_array_get_double(&x, i) == (double)i * 0.1);
    }
    syi_array_fini(&x);
    const sy_value whole[4] = {sy_value_int(INT64_MAX - 2000), sy_value_int(INT64_MAX - 1),
                               sy_value_int(1), sy_value_none()};
    x = native_call(n, SYI_OP_arange, whole);
    for (int64_t i = 0; i < 1999; i++) {
        assert_true(syi_array_get_int(&x, i) == INT64_MAX - 2000 + i);
    }
    syi_array_fini(&x);
}

static void what_does_not_fit_is_not_filled(void **state)
{
    const native *n = *state;
    syi_array x = NATIVE_VECTOR(n, SY_DTYPE_U8, 1, 2);
    const sy_value args[2] = {native_value(&x), sy_value_int(256)};
    sy_error err = SY_ERROR_INIT;
    assert_status(native_try_inplace(n, SYI_OP_fill_, args, NULL, &err), SY_ERANGE, &err);
    assert_string_equal(err.message, "fill_: 256 does not fit into uint8");
    NATIVE_ASSERT_VALUES(x, 1, 2);
    const sy_value size = sy_value_int(2);
    const sy_value full[3] = {sy_value_list(&size, 1), sy_value_int(-200),
                              sy_value_dtype(SY_DTYPE_I8)};
    syi_array outs[SYI_OUTPUT_MAX];
    int count = 0;
    assert_status(native_try(n, SYI_OP_full, full, outs, &count, NULL, &err), SY_ERANGE, &err);
}

static void fills_and_clears_views_only(void **state)
{
    const native *n = *state;
    syi_array x = NATIVE_VECTOR(n, SY_DTYPE_I16, 1, 2, 3, 4, 5, 6), part = x;
    part.shape[0] = 3;
    part.strides[0] = 2;
    const sy_value fill[2] = {native_value(&part), sy_value_float(7.9)};
    native_call_inplace(n, SYI_OP_fill_, fill);
    part.offset = 1;
    part.shape[0] = 2;
    const sy_value zero[1] = {native_value(&part)};
    native_call_inplace(n, SYI_OP_zero_, zero);
    NATIVE_ASSERT_VALUES(x, 7, 0, 7, 0, 7, 6);
}

/* Shifted by one within itself, in both directions, and turned: as if the source were read first. */
static void copies_over_itself(void **state)
{
    const native *n = *state;
    for (int64_t shift = -1; shift <= 1; shift += 2) {
        syi_array x = NATIVE_VECTOR(n, SY_DTYPE_F32, 1, 2, 3, 4), to = x, from = x;
        to.shape[0] = from.shape[0] = 3;
        to.offset = shift > 0;
        from.offset = shift < 0;
        const sy_value args[2] = {native_value(&to), native_value(&from)};
        native_call_inplace(n, SYI_OP_copy_, args);
        if (shift > 0) {
            NATIVE_ASSERT_VALUES(x, 1, 1, 2, 3);
        } else {
            NATIVE_ASSERT_VALUES(x, 2, 3, 4, 4);
        }
    }
    syi_array x = native_from(n, SY_DTYPE_I32, NATIVE_SHAPE(2, 2), (double[]){1, 2, 3, 4});
    syi_array turned = x;
    turned.strides[0] = 1;
    turned.strides[1] = 2;
    const sy_value args[2] = {native_value(&x), native_value(&turned)};
    native_call_inplace(n, SYI_OP_copy_, args);
    NATIVE_ASSERT_VALUES(x, 1, 3, 2, 4);
}

static void copies_own_their_memory(void **state)
{
    const native *n = *state;
    syi_array x = NATIVE_VECTOR(n, SY_DTYPE_F32, 1, 2);
    syi_array copy = native_call(n, SYI_OP_clone, (const sy_value[]){native_value(&x)});
    assert_ptr_not_equal(copy.storage, x.storage);
    syi_array_set_double(&x, 0, 9);
    NATIVE_ASSERT_VALUES(copy, 1, 2);
    syi_array_fini(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_do_not_drift),
        cmocka_unit_test(what_does_not_fit_is_not_filled),
        cmocka_unit_test(fills_and_clears_views_only),
        cmocka_unit_test(copies_over_itself),
        cmocka_unit_test(copies_own_their_memory),
    };
    return cmocka_run_group_tests(tests, native_setup, native_teardown);
}
