/*
 * gather_test.c - indices and masks where vectors do not reach: overlap in place, indices out of range, accounts,
 * failing memory. Answers of torch: vectors_test.c.
 */
#include "support/native_call.h"

static const sy_value none = {.kind = SY_VALUE_NONE};

/* A view of n elements from `first` on. */
static syi_array part(const syi_array *array, int64_t first, int64_t n)
{
    syi_array view;
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_array_slice(&view, array, 0, first, first + n, 1, &err), &err);
    return view;
}

/* What is written is read from the tensor as it was before. */
static void test_sources_that_overlap(void **state)
{
    native *n = *state;
    syi_array index = NATIVE_VECTOR(n, SY_DTYPE_I64, 0, 1, 2);
    syi_array x = NATIVE_VECTOR(n, SY_DTYPE_F32, 1, 2, 3, 4);
    syi_array to = part(&x, 1, 3), from = part(&x, 0, 3);
    const sy_value scatter[] = {native_value(&to), sy_value_int(0), native_value(&index),
                                native_value(&from), none};
    native_call_inplace(n, SYI_OP_scatter, scatter);
    NATIVE_ASSERT_VALUES(x, 1, 1, 2, 3);
    syi_array_fini(&to);
    syi_array_fini(&from);

    x = NATIVE_VECTOR(n, SY_DTYPE_F64, 1, 2, 3, 4);
    to = part(&x, 1, 3), from = part(&x, 0, 3);
    const sy_value put[] = {native_value(&to), native_value(&index), native_value(&from),
                            sy_value_bool(true)};
    native_call_inplace(n, SYI_OP_put, put);
    const sy_value dim = sy_value_int(0);
    const sy_value index_put[] = {native_value(&to), native_value(&index), sy_value_list(&dim, 1),
                                  native_value(&from), sy_value_bool(false)};
    native_call_inplace(n, SYI_OP__index_put, index_put);
    NATIVE_ASSERT_VALUES(x, 1, 1, 3, 5);
    syi_array_fini(&to);
    syi_array_fini(&from);

    x = NATIVE_VECTOR(n, SY_DTYPE_F32, 5, 6, 7, 8);
    syi_array mask = NATIVE_VECTOR(n, SY_DTYPE_BOOL, 0, 1, 1, 1);
    const sy_value masked[] = {native_value(&x), native_value(&mask), native_value(&x)};
    native_call_inplace(n, SYI_OP_masked_scatter, masked);
    NATIVE_ASSERT_VALUES(x, 5, 5, 6, 7);
    syi_array_fini(&mask);
    syi_array_fini(&index);
}

/* Positions that lie in the tensor that is written. */
static void test_indices_that_overlap(void **state)
{
    native *n = *state;
    syi_array x = NATIVE_VECTOR(n, SY_DTYPE_I64, 2, 0, 1);
    const sy_value scatter[] = {native_value(&x), sy_value_int(0), native_value(&x),
                                sy_value_int(1), none};
    native_call_inplace(n, SYI_OP_scatter, scatter);
    NATIVE_ASSERT_VALUES(x, 1, 1, 1);
    x = NATIVE_VECTOR(n, SY_DTYPE_I64, -1, 0, 1);
    const sy_value fill[] = {native_value(&x), sy_value_int(0), native_value(&x), sy_value_int(7)};
    native_call_inplace(n, SYI_OP_index_fill, fill);
    NATIVE_ASSERT_VALUES(x, 7, 7, 7);
    x = NATIVE_VECTOR(n, SY_DTYPE_BOOL, 1, 0, 1);
    const sy_value masked[] = {native_value(&x), native_value(&x), sy_value_bool(false)};
    native_call_inplace(n, SYI_OP_masked_fill, masked);
    NATIVE_ASSERT_VALUES(x, 0, 0, 0);
}

static void refused_inplace(const native *n, syi_op_id id, const sy_value *args,
                            const char *sentence)
{
    sy_error err = SY_ERROR_INIT;
    assert_status(native_try_inplace(n, id, args, NULL, &err), SY_ERANGE, &err);
    assert_string_equal(err.message, sentence);
}

/* Nothing is written when one index of many is wrong, the last one. */
static void test_out_of_range(void **state)
{
    native *n = *state;
    const sy_value dim = sy_value_int(0), dims = sy_value_list(&dim, 1);
    syi_array x = NATIVE_VECTOR(n, SY_DTYPE_F32, 1, 2, 3),
              ones = NATIVE_VECTOR(n, SY_DTYPE_F32, 9, 9);
    syi_array far = NATIVE_VECTOR(n, SY_DTYPE_I64, 0, 3),
              low = NATIVE_VECTOR(n, SY_DTYPE_I64, 0, -1);
    syi_array lowest = NATIVE_VECTOR(n, SY_DTYPE_I64, 0, -4);
    const sy_value self = native_value(&x), values = native_value(&ones);
    const sy_value scatter[] = {self, dim, native_value(&far), values, none};
    refused_inplace(n, SYI_OP_scatter, scatter, "scatter: index 3 is out of range for 3 elements");
    const sy_value scatter_add[] = {self, dim, native_value(&low), values};
    refused_inplace(n, SYI_OP_scatter_add, scatter_add,
                    "scatter_add: index -1 is out of range for 3 elements");
    const sy_value put[] = {self, native_value(&lowest), values, sy_value_bool(false)};
    refused_inplace(n, SYI_OP_put, put, "put: index -4 is out of range for 3 elements");
    const sy_value index_put[] = {self, native_value(&low), dims, values, sy_value_bool(true)};
    refused_inplace(n, SYI_OP__index_put, index_put,
                    "_index_put: index -1 is out of range for 3 elements");
    const sy_value fill[] = {self, dim, native_value(&far), sy_value_int(4)};
    refused_inplace(n, SYI_OP_index_fill, fill,
                    "index_fill: index 3 is out of range for 3 elements");
    const sy_value copy[] = {self, dim, native_value(&far), values};
    refused_inplace(n, SYI_OP_index_copy, copy, "index_copy: index 3 in dimension 0 of size 3");
    syi_array all = NATIVE_VECTOR(n, SY_DTYPE_BOOL, 1, 1, 1);
    const sy_value masked[] = {self, native_value(&all), values};
    refused_inplace(n, SYI_OP_masked_scatter, masked,
                    "masked_scatter: 3 places are true, the source has 2");
    NATIVE_ASSERT_VALUES(x, 1, 2, 3);
    syi_array_fini(&all);
    syi_array_fini(&ones);
    syi_array_fini(&far);
    syi_array_fini(&low);
    syi_array_fini(&lowest);
}

/* Sizes that only the contents tell are charged before the memory exists. */
static void test_unknown_sizes_are_charged(void **state)
{
    native *n = *state;
    const int64_t size = 1000;
    syi_array x = native_zeros(n, SY_DTYPE_F64, 1, &size),
              mask = native_zeros(n, SY_DTYPE_BOOL, 1, &size);
    syi_array classes = NATIVE_VECTOR(n, SY_DTYPE_I64, 0, 1000000);
    memset(syi_array_data(&mask), 1, 1000);
    static const syi_op_id ids[] = {SYI_OP_masked_select, SYI_OP_nonzero, SYI_OP_one_hot};
    const sy_value args[][2] = {{native_value(&x), native_value(&mask)},
                                {native_value(&mask), none},
                                {native_value(&classes), sy_value_int(-1)}};
    static const size_t needed[] = {8000, 8000, 16000016};
    for (int k = 0; k < 3; k++) {
        syi_account account;
        syi_array outs[SYI_OUTPUT_MAX];
        int count = 0;
        sy_error err = SY_ERROR_INIT;
        syi_account_init(&account, "test", needed[k] - 1, NULL);
        assert_status(native_try(n, ids[k], args[k], outs, &count, &account, &err), SY_ELIMIT,
                      &err);
        assert_null(outs[0].storage);
        syi_account_init(&account, "test", needed[k], NULL);
        assert_ok(native_try(n, ids[k], args[k], outs, &count, &account, &err), &err);
        assert_int_equal(syi_array_bytes(&outs[0]), needed[k]);
        syi_array_fini(&outs[0]);
    }
    /* Without a limit the machine is one. */
    syi_array_set_int(&classes, 1, INT64_C(1) << 50);
    syi_array outs[SYI_OUTPUT_MAX];
    int count = 0;
    sy_error err = SY_ERROR_INIT;
    assert_status(native_try(n, SYI_OP_one_hot, args[2], outs, &count, NULL, &err), SY_ELIMIT,
                  &err);
    assert_non_null(strstr(err.message, "this machine has"));
    syi_array_fini(&x);
    syi_array_fini(&mask);
    syi_array_fini(&classes);
}

/* Every allocation fails once: a status, no leak, and in place nothing is written. */
static void test_failing_memory(void **state)
{
    native *n = *state;
    const sy_value dim = sy_value_int(0), dims = sy_value_list(&dim, 1);
    syi_array x = NATIVE_VECTOR(n, SY_DTYPE_F32, 1, 2, 3, 4), to = part(&x, 1, 3);
    syi_array from = part(&x, 0, 3), index = NATIVE_VECTOR(n, SY_DTYPE_I64, 0, 1, 2);
    syi_array mask = NATIVE_VECTOR(n, SY_DTYPE_BOOL, 1, 0, 1);
    const sy_value self = native_value(&to), at = native_value(&index),
                   source = native_value(&from);
    const sy_value truth = native_value(&mask);
    const struct {
        syi_op_id id;
        bool inplace;
        sy_value args[5];
    } calls[] = {
        {SYI_OP_scatter, true, {self, dim, at, source, none}},
        {SYI_OP_put, true, {self, at, source, sy_value_bool(true)}},
        {SYI_OP__index_put, true, {self, at, dims, source, sy_value_bool(false)}},
        {SYI_OP_masked_scatter, true, {self, truth, source}},
        {SYI_OP_index_copy, true, {self, dim, at, source}},
        {SYI_OP_masked_select, false, {self, truth}},
        {SYI_OP_nonzero, false, {self}},
        {SYI_OP_one_hot, false, {at, sy_value_int(-1)}},
    };
    for (size_t c = 0; c < sizeof calls / sizeof calls[0]; c++) {
        const size_t live = n->memory.live;
        sy_status status = SY_ENOMEM;
        for (size_t fail = 1; status != SY_OK; fail++) {
            syi_array outs[SYI_OUTPUT_MAX];
            int count = 0;
            n->memory.calls = 0;
            n->memory.fail_at = fail;
            status = calls[c].inplace
                         ? native_try_inplace(n, calls[c].id, calls[c].args, NULL, NULL)
                         : native_try(n, calls[c].id, calls[c].args, outs, &count, NULL, NULL);
            n->memory.fail_at = 0;
            assert_true(status == SY_OK || status == SY_ENOMEM);
            assert_true(fail < 20);
            if (status == SY_OK && !calls[c].inplace) {
                syi_array_fini(&outs[0]);
            }
            assert_true(status == SY_OK || c > 0 || syi_array_get_double(&x, 3) == 4);
            assert_int_equal(n->memory.live, live);
        }
    }
    syi_array_fini(&mask);
    syi_array_fini(&index);
    syi_array_fini(&from);
    syi_array_fini(&to);
    syi_array_fini(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sources_that_overlap, native_setup, native_teardown),
        cmocka_unit_test_setup_teardown(test_indices_that_overlap, native_setup, native_teardown),
        cmocka_unit_test_setup_teardown(test_out_of_range, native_setup, native_teardown),
        cmocka_unit_test_setup_teardown(test_unknown_sizes_are_charged, native_setup,
                                        native_teardown),
        cmocka_unit_test_setup_teardown(test_failing_memory, native_setup, native_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
