/* pooling_test.c - places that a peer made up, and planes enough for threads; answers of torch are in
 * vectors_test.c. */
#include "support/native_call.h"

static void refuses_places_outside_of_the_plane(void **state)
{
    const native *n = *state;
    syi_array input = native_zeros(n, SY_DTYPE_F32, NATIVE_SHAPE(1, 4, 4));
    syi_array grad = native_zeros(n, SY_DTYPE_F32, NATIVE_SHAPE(1, 2, 2));
    syi_array places = native_zeros(n, SY_DTYPE_I64, NATIVE_SHAPE(1, 2, 2));
    const sy_value two = sy_value_int(2), zero = sy_value_int(0), one = sy_value_int(1);
    const sy_value args[8] = {native_value(&grad),  native_value(&input),    sy_value_list(&two, 1),
                              sy_value_none(),      sy_value_list(&zero, 1), sy_value_list(&one, 1),
                              sy_value_bool(false), native_value(&places)};
    const int64_t wrong[] = {16, -1, INT64_MAX, INT64_MIN};
    syi_array outs[SYI_OUTPUT_MAX];
    int count = 0;
    for (size_t k = 0; k < 4; k++) {
        sy_error err = SY_ERROR_INIT;
        syi_array_set_int(&places, 3, wrong[k]);
        assert_status(
            native_try(n, SYI_OP_max_pool2d_with_indices_backward, args, outs, &count, NULL, &err),
            SY_ERANGE, &err);
        if (k == 0) {
            assert_string_equal(err.message,
                                "max_pool2d_with_indices_backward: index 3 is place 16 of 16");
        }
    }
    syi_array_fini(&places);
    syi_array_fini(&grad);
    syi_array_fini(&input);
}

/* Each plane as if it were alone. */
static void many_planes(void **state)
{
    const native *n = *state;
    property_random random = property_start("many_planes");
    const sy_value three = sy_value_int(3), two = sy_value_int(2), one = sy_value_int(1);
    syi_array input = native_random(n, &random, SY_DTYPE_F32, NATIVE_SHAPE(16, 16, 40, 40));
    sy_value args[6] = {native_value(&input),   sy_value_list(&three, 1), sy_value_list(&two, 1),
                        sy_value_list(&one, 1), sy_value_list(&one, 1),   sy_value_bool(false)};
    syi_array all = native_call(n, SYI_OP_max_pool2d, args);
    for (int64_t k = 0; k < 256; k += 37) {
        syi_array plane, row;
        sy_error err = SY_ERROR_INIT;
        assert_ok(syi_array_select(&row, &input, 0, k / 16, &err), &err);
        assert_ok(syi_array_slice(&plane, &row, 0, k % 16, k % 16 + 1, 1, &err), &err);
        args[0] = native_value(&plane);
        syi_array alone = native_call(n, SYI_OP_max_pool2d, args);
        for (int64_t i = 0; i < 400; i++) {
            assert_true(syi_array_get_double(&alone, i) == syi_array_get_double(&all, k * 400 + i));
        }
        syi_array_fini(&alone);
        syi_array_fini(&plane);
        syi_array_fini(&row);
    }
    syi_array_fini(&all);
    syi_array_fini(&input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_places_outside_of_the_plane),
        cmocka_unit_test(many_planes),
    };
    return cmocka_run_group_tests(tests, native_setup, native_teardown);
}
