/* indexing_test.c - indices out of range, repeated and overlapping; the rest is in vectors_test.c. */
#include "support/native_call.h"

static void refuses_indices_out_of_range(void **state)
{
    const native *n = *state;
    syi_array x = native_zeros(n, SY_DTYPE_F32, NATIVE_SHAPE(3, 4));
    static const int64_t wrong[] = {4, -1, INT64_MAX, INT64_MIN};
    for (int i = 0; i < 4; i++) {
        syi_array index = native_zeros(n, SY_DTYPE_I64, NATIVE_SHAPE(2));
        syi_array_set_int(&index, 1, wrong[i]);
        const sy_value args[3] = {native_value(&x), sy_value_int(-1), native_value(&index)};
        syi_array outs[SYI_OUTPUT_MAX];
        int count = 0;
        sy_error err = SY_ERROR_INIT;
        assert_status(native_try(n, SYI_OP_index_select, args, outs, &count, NULL, &err), SY_ERANGE,
                      &err);
        char sentence[100];
        snprintf(sentence, sizeof sentence, "index_select: index %lld in dimension 1 of size 4",
                 (long long)wrong[i]);
        assert_string_equal(err.message, sentence);
        syi_array_fini(&index);
    }
    syi_array_fini(&x);
}

/* Against one element at a time, for every dim and layout. */
static void selects_slices_of_any_dim(void **state)
{
    const native *n = *state;
    property_random random = property_start("selects_slices_of_any_dim");
    for (int k = 0; k < 120; k++) {
        const int64_t shape[3] = {property_between(&random, 1, 6), property_between(&random, 1, 40),
                                  property_between(&random, 1, 6)};
        const sy_dtype dtype = (sy_dtype)property_between(&random, SY_DTYPE_U8, SY_DTYPE_F64);
        const int dim = k % 3;
        syi_array x = native_scatter(n, &random, native_random(n, &random, dtype, 3, shape));
        const int64_t chosen = property_between(&random, 0, 9);
        syi_array index = native_zeros(n, SY_DTYPE_I32, 1, &chosen);
        for (int64_t i = 0; i < chosen; i++) {
            syi_array_set_int(&index, i, property_between(&random, 0, shape[dim] - 1));
        }
        const sy_value args[3] = {native_value(&x), sy_value_int(dim), native_value(&index)};
        syi_array out = native_call(n, SYI_OP_index_select, args);
        sy_error err = SY_ERROR_INIT;
        for (int64_t i = 0; i < chosen; i++) {
            syi_array actual, expected;
            assert_ok(syi_array_select(&actual, &out, dim, i, &err), &err);
            assert_ok(syi_array_select(&expected, &x, dim, syi_array_get_int(&index, i), &err),
                      &err);
            native_assert_equal(&actual, &expected);
            syi_array_fini(&actual);
            syi_array_fini(&expected);
        }
        syi_array_fini(&out);
        syi_array_fini(&index);
        syi_array_fini(&x);
    }
}

static void repeated_indices_add_up(void **state)
{
    const native *n = *state;
    syi_array x = native_from(n, SY_DTYPE_I8, NATIVE_SHAPE(2, 2), (double[]){1, 2, 3, 4});
    syi_array index = NATIVE_VECTOR(n, SY_DTYPE_I64, 1, 1, 1);
    syi_array source =
        native_from(n, SY_DTYPE_I8, NATIVE_SHAPE(3, 2), (double[]){60, 1, 60, 1, 9, 1});
    const sy_value args[4] = {native_value(&x), sy_value_int(0), native_value(&index),
                              native_value(&source)};
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_index_add, args), 1, 2, 132 - 256, 7);
    native_call_inplace(n, SYI_OP_index_add, args);
    NATIVE_ASSERT_VALUES(x, 1, 2, 132 - 256, 7);
    syi_array_fini(&index);
    syi_array_fini(&source);
}

/* The source lies in the destination: it is added as it was before. */
static void source_may_overlap_the_destination(void **state)
{
    const native *n = *state;
    syi_array x = NATIVE_VECTOR(n, SY_DTYPE_F32, 1, 2, 4), source = x;
    source.shape[0] = 2;
    syi_array index = NATIVE_VECTOR(n, SY_DTYPE_I64, 1, 2);
    const sy_value args[4] = {native_value(&x), sy_value_int(0), native_value(&index),
                              native_value(&source)};
    native_call_inplace(n, SYI_OP_index_add, args);
    NATIVE_ASSERT_VALUES(x, 1, 3, 6);
    syi_array_fini(&index);
}

static void joining_promotes_and_skips_empty_vectors(void **state)
{
    const native *n = *state;
    syi_array a = native_from(n, SY_DTYPE_I32, NATIVE_SHAPE(1, 2), (double[]){1, 2});
    syi_array b = native_from(n, SY_DTYPE_F32, NATIVE_SHAPE(1, 1), (double[]){0.5});
    syi_array none = native_zeros(n, SY_DTYPE_F32, NATIVE_SHAPE(0));
    const sy_value items[3] = {native_value(&a), native_value(&none), native_value(&b)};
    const sy_value args[2] = {sy_value_list(items, 3), sy_value_int(-1)};
    syi_array out = native_call(n, SYI_OP_cat, args);
    assert_int_equal(out.dtype, SY_DTYPE_F32);
    NATIVE_ASSERT_VALUES(out, 1, 2, 0.5);
    syi_array_fini(&a);
    syi_array_fini(&b);
    syi_array_fini(&none);
}

static void gradients_of_parts_are_zero_elsewhere(void **state)
{
    const native *n = *state;
    syi_array g = NATIVE_VECTOR(n, SY_DTYPE_F32, 5, 6);
    const sy_value sizes[2] = {sy_value_int(2), sy_value_int(3)};
    const sy_value select[4] = {native_value(&g), sy_value_list(sizes, 2), sy_value_int(1),
                                sy_value_int(-1)};
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_select_backward, select), 0, 0, 5, 0, 0, 6);
    const sy_value slice[6] = {native_value(&g), sy_value_list(&sizes[1], 1), sy_value_int(0),
                               sy_value_none(),  sy_value_int(INT64_MAX),     sy_value_int(2)};
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_slice_backward, slice), 5, 0, 6);
    syi_array_fini(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_indices_out_of_range),
        cmocka_unit_test(selects_slices_of_any_dim),
        cmocka_unit_test(repeated_indices_add_up),
        cmocka_unit_test(source_may_overlap_the_destination),
        cmocka_unit_test(joining_promotes_and_skips_empty_vectors),
        cmocka_unit_test(gradients_of_parts_are_zero_elsewhere),
    };
    return cmocka_run_group_tests(tests, native_setup, native_teardown);
}
