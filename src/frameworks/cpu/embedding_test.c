/* embedding_test.c - indices out of range, which peers may send; answers of torch are in vectors_test.c. */
#include "support/native_call.h"

static void names_the_index_out_of_range(void **state)
{
    const native *n = *state;
    syi_array table = native_zeros(n, SY_DTYPE_F32, NATIVE_SHAPE(5, 2));
    syi_array indices = NATIVE_VECTOR(n, SY_DTYPE_I64, 0, 4, 9);
    syi_array grad = native_zeros(n, SY_DTYPE_F32, NATIVE_SHAPE(3, 2));
    sy_value args[5] = {native_value(&table), native_value(&indices), sy_value_int(-1),
                        sy_value_bool(false), sy_value_bool(false)};
    syi_array outs[SYI_OUTPUT_MAX];
    int count = 0;
    sy_error err = SY_ERROR_INIT;
    assert_status(native_try(n, SYI_OP_embedding, args, outs, &count, NULL, &err), SY_ERANGE, &err);
    assert_string_equal(err.message, "embedding: index 2 is row 9 of 5");
    const sy_value back[5] = {native_value(&grad), args[1], sy_value_int(5), sy_value_int(-1),
                              sy_value_bool(true)};
    assert_status(native_try(n, SYI_OP_embedding_dense_backward, back, outs, &count, NULL, &err),
                  SY_ERANGE, &err);
    syi_array_set_int(&indices, 2, -1);
    assert_status(native_try(n, SYI_OP_embedding, args, outs, &count, NULL, &err), SY_ERANGE, &err);
    syi_array_fini(&grad);
    syi_array_fini(&indices);
    syi_array_fini(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_the_index_out_of_range)};
    return cmocka_run_group_tests(tests, native_setup, native_teardown);
}
