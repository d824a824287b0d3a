/* bind_test.c - what is accepted where, what is filled in, and the sentences of refusals. */
#include <stdio.h>
#include <string.h>

#include "support/op_line.h"

static sy_value bound[SYI_ARGUMENT_MAX];
static op_line line;

static sy_status bind(const char *call, sy_error *err)
{
    const syi_op *op;
    bool inplace;
    memset(bound, 0xa5, sizeof bound);
    op_line_open(&line, call);
    op_line_read_arguments(&line);
    assert_true(syi_ops_find(op_line_ops, line.name, line.name_length, &op, &inplace));
    sy_status status = syi_ops_bind(op_line_ops, op, line.args, line.arg_count, line.kwargs,
                                    line.kwarg_count, bound, err);
    op_line_free(&line, &(syi_inference){.count = 0}); /* bound tensors are only counted below */
    return status;
}

static void assert_binds(const char *call)
{
    sy_error err;
    if (bind(call, &err) != SY_OK) {
        print_error("%s: %s\n", call, err.message);
        fail();
    }
}

static void assert_refuses(const char *call, const char *sentence)
{
    sy_error err;
    assert_status(bind(call, &err), SY_EINVAL, &err);
    assert_string_equal(err.message, sentence);
}

static void assert_ints(const sy_value *value, size_t count, const int64_t *expected)
{
    assert_int_equal(value->kind, SY_VALUE_LIST);
    assert_int_equal(value->as.list.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(value->as.list.items[i].kind, SY_VALUE_INT);
        assert_int_equal(value->as.list.items[i].as.integer, expected[i]);
    }
}

static void test_positions_names_and_defaults(void **state)
{
    (void)state;
    assert_binds("add float32[2] float32[2]");
    assert_ptr_equal(bound[0].as.internal, &line.arrays[0]);
    assert_ptr_equal(bound[1].as.internal, &line.arrays[1]);
    assert_int_equal(bound[2].kind, SY_VALUE_INT);
    assert_int_equal(bound[2].as.integer, 1);

    assert_binds("add float32[2] alpha=2.5 other=True");
    assert_int_equal(bound[1].kind, SY_VALUE_BOOL);
    assert_true(bound[2].as.real == 2.5);

    assert_binds("add other=3 self=float32[2]");
    assert_ptr_equal(bound[0].as.internal, &line.arrays[0]);
    assert_int_equal(bound[1].as.integer, 3);

    assert_binds("sum float32[2]");
    assert_int_equal(bound[1].kind, SY_VALUE_NONE);
    assert_int_equal(bound[2].kind, SY_VALUE_BOOL);
    assert_false(bound[2].as.boolean);
    assert_int_equal(bound[3].kind, SY_VALUE_NONE);

    assert_binds("sum float32[2] None True dtype=:int64");
    assert_true(bound[2].as.boolean);
    assert_int_equal(bound[3].as.dtype, SY_DTYPE_I64);

    assert_binds("flatten float32[2]");
    assert_int_equal(bound[1].as.integer, 0);
    assert_int_equal(bound[2].as.integer, -1);

    assert_binds("nll_loss float32[2,3] int64[2]");
    assert_string_equal(bound[2].as.string, "mean");
}

static void test_conversions(void **state)
{
    (void)state;
    assert_binds("sgd_ float32[2] float32[2] 1");
    assert_int_equal(bound[2].kind, SY_VALUE_FLOAT);
    assert_true(bound[2].as.real == 1);

    assert_binds("sum float32[2] -1");
    assert_ints(&bound[1], 1, (int64_t[]){-1});
    assert_binds("sum float32[2] dim=1");
    assert_ints(&bound[1], 1, (int64_t[]){1});
    assert_binds("sum float32[2,3] (0|1)");
    assert_ints(&bound[1], 2, (int64_t[]){0, 1});
    assert_binds("sum float32[2,3] ()");
    assert_ints(&bound[1], 0, NULL);

    assert_binds("full (2) True");
    assert_int_equal(bound[1].kind, SY_VALUE_BOOL);
}

static void test_pytorch_synonyms(void **state)
{
    (void)state;
    assert_binds("sum input=float32[2,3] axis=1 keepdims=True");
    assert_ints(&bound[1], 1, (int64_t[]){1});
    assert_true(bound[2].as.boolean);
    assert_binds("linear input=float32[2,3] weight=float32[4,3]");
    assert_ptr_equal(bound[0].as.internal, &line.arrays[0]);
    assert_refuses("sum float32[2] input=float32[2]", "sum: self is given twice");
    assert_refuses("sum float32[2] dim=0 axis=0", "sum: dim is given twice");
}

static void test_spread_ints(void **state)
{
    (void)state;
    assert_binds("view float32[6] 2 3");
    assert_ints(&bound[1], 2, (int64_t[]){2, 3});
    assert_binds("zeros 2 3 4 dtype=:int8");
    assert_ints(&bound[0], 3, (int64_t[]){2, 3, 4});
    assert_int_equal(bound[1].as.dtype, SY_DTYPE_I8);
    assert_binds("permute float32[2,3] 1 0");
    assert_ints(&bound[1], 2, (int64_t[]){1, 0});
    assert_refuses("zeros 2 3 :int8", "zeros: dtype is an int, expected a dtype or none");
    assert_refuses("sum float32[2,3] 0 1", "sum: keepdim is an int, expected a bool");
    assert_refuses("select_backward float32[2] 2 3 0 0",
                   "select_backward: 5 arguments, it takes at most 4");
}

static void test_first_left_out(void **state)
{
    (void)state;
    assert_binds("arange 5");
    assert_int_equal(bound[0].as.integer, 0);
    assert_int_equal(bound[1].as.integer, 5);
    assert_int_equal(bound[2].as.integer, 1);
    assert_binds("arange 2 5.5");
    assert_int_equal(bound[0].as.integer, 2);
    assert_true(bound[1].as.real == 5.5);
    assert_binds("arange end=5");
    assert_int_equal(bound[0].as.integer, 0);
    assert_binds("arange 2 end=5");
    assert_int_equal(bound[0].as.integer, 2);
    assert_binds("arange 5 step=2 dtype=:float64");
    assert_int_equal(bound[1].as.integer, 5);
    assert_int_equal(bound[2].as.integer, 2);
    assert_refuses("arange", "arange: end is missing, expected a number");

    assert_binds("randint 10 (3)");
    assert_int_equal(bound[0].as.integer, 0);
    assert_int_equal(bound[1].as.integer, 10);
    assert_ints(&bound[2], 1, (int64_t[]){3});
    assert_binds("randint 10 size=(3|4)");
    assert_int_equal(bound[1].as.integer, 10);
    assert_binds("randint 2 10 (3)");
    assert_int_equal(bound[0].as.integer, 2);
    assert_binds("randint 10 low=3 size=(2)");
    assert_int_equal(bound[0].as.integer, 3);
    assert_int_equal(bound[1].as.integer, 10);
    assert_refuses("randint 10 3", "randint: size is missing, expected a list of ints");
}

static void test_indices(void **state)
{
    (void)state;
    static const char *const good[] = {
        "index float32[2,3] 0",           "index float32[2,3] None",
        "index float32[2,3] ...",         "index float32[2,3] <1,,1>",
        "index float32[2,3] True",        "index float32[2,3] int64[2]",
        "index float32[2,3] ()",          "index float32[2,3] (0|None|...|<,,1>|int64[2])",
        "index float32[2,3] ((0|1)|(1))", "index float32[2,3] ((True|False))",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_binds(good[i]);
    }
    static const char *const bad[] = {"1.5", "'a'", "(1.5)", "((0.5))", "(((0)))", "(0|:int64)"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char call[64];
        sy_error err;
        snprintf(call, sizeof call, "index float32[2,3] %s", bad[i]);
        assert_status(bind(call, &err), SY_EINVAL, &err);
    }
    assert_refuses("index float32[2]", "index: index is missing, expected an index (int, slice, "
                                       "ellipsis, none, tensor or a list of these)");
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"add", "add: self is missing, expected a tensor"},
        {"add float32[2]", "add: other is missing, expected a tensor or a number"},
        {"add 1 2", "add: self is an int, expected a tensor"},
        {"add float32[2] 'x'", "add: other is a string, expected a tensor or a number"},
        {"add float32[2] None", "add: other is none, expected a tensor or a number"},
        {"add float32[2] 1 2 3", "add: 4 arguments, it takes at most 3"},
        {"add float32[2] 1 beta=3", "add: has no parameter \"beta\""},
        {"add float32[2] 1 other=3", "add: other is given twice"},
        {"add float32[2] 1 alpha=1 alpha=1", "add: alpha is given twice"},
        {"add_ float32[2] (1)", "add: other is a list, expected a tensor or a number"},
        {"matmul float32[2] 2", "matmul: other is an int, expected a tensor"},
        {"cat float32[2]", "cat: tensors is a tensor, expected a list of tensors"},
        {"cat (float32[2]|1)", "cat: tensors is a list, expected a list of tensors"},
        {"chunk float32[2] 2.0", "chunk: chunks is a float, expected an int"},
        {"chunk float32[2] True", "chunk: chunks is a bool, expected an int"},
        {"select float32[2] None 0", "select: dim is none, expected an int"},
        {"softmax float32[2] 0 float32[1]", "softmax: dtype is a tensor, expected a dtype or none"},
        {"sum float32[2] (0|0.5)", "sum: dim is a list, expected a list of ints or none"},
        {"sum float32[2] 0 1.0", "sum: keepdim is a float, expected a bool"},
        {"sum float32[2] 0 None", "sum: keepdim is none, expected a bool"},
        {"to float32[2] 'int64'", "to: dtype is a string, expected a dtype"},
        {"nll_loss float32[2,3] int64[2] 1", "nll_loss: reduction is an int, expected a string"},
        {"sgd_ float32[2] float32[2] True", "sgd_: lr is a bool, expected a float"},
        {"view float32[2] <1,2,1>", "view: size is a slice, expected a list of ints"},
        {"view float32[2] ...", "view: size is an ellipsis, expected a list of ints"},
        {"relu :int64", "relu: self is a dtype, expected a tensor"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_refuses(cases[i][0], cases[i][1]);
    }
}

/* Values that only a hostile or broken caller makes. */
static void test_hostile_values(void **state)
{
    (void)state;
    const syi_op *add = syi_op_get(SYI_OP_add), *to = syi_op_get(SYI_OP_to);
    syi_array array = {.dtype = SY_DTYPE_F32};
    sy_value tensor = {.kind = (sy_value_kind)SYI_VALUE_ARRAY, .as.internal = &array};
    sy_value missing = {.kind = (sy_value_kind)SYI_VALUE_ARRAY, .as.internal = NULL};
    sy_value alien = {.kind = (sy_value_kind)(SYI_VALUE_NODE + 5), .as.internal = &array};
    sy_named_value unnamed = {NULL, tensor};
    sy_value dtype[] = {tensor, sy_value_dtype((sy_dtype)99)};
    sy_value strings[] = {tensor, tensor, sy_value_string(NULL)};
    const sy_value pairs[][2] = {
        {missing, tensor}, {tensor, alien}, {sy_value_tensor(NULL), tensor}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        assert_int_equal(syi_ops_bind(op_line_ops, add, pairs[i], 2, NULL, 0, bound, NULL),
                         SY_EINVAL);
    }
    assert_int_equal(syi_ops_bind(op_line_ops, add, &tensor, 1, &unnamed, 1, bound, NULL),
                     SY_EINVAL);
    assert_int_equal(syi_ops_bind(op_line_ops, to, dtype, 2, NULL, 0, bound, NULL), SY_EINVAL);
    assert_int_equal(
        syi_ops_bind(op_line_ops, syi_op_get(SYI_OP_nll_loss), strings, 3, NULL, 0, bound, NULL),
        SY_EINVAL);
    char long_name[600];
    memset(long_name, 'n', sizeof long_name);
    long_name[sizeof long_name - 1] = 0;
    sy_named_value named = {long_name, tensor};
    sy_error err;
    assert_status(syi_ops_bind(op_line_ops, add, &tensor, 1, &named, 1, bound, &err), SY_EINVAL,
                  &err);
    assert_true(strlen(err.message) < 100);
}

/* All three kinds of tensor are tensors here. */
static void test_tensor_kinds(void **state)
{
    (void)state;
    int thing; /* never looked into */
    sy_value public_tensor = {.kind = SY_VALUE_TENSOR};
    public_tensor.as.internal = &thing;
    sy_value node = {.kind = (sy_value_kind)SYI_VALUE_NODE, .as.internal = &thing};
    sy_value args[] = {public_tensor, node};
    assert_int_equal(
        syi_ops_bind(op_line_ops, syi_op_get(SYI_OP_mul), args, 2, NULL, 0, bound, NULL), SY_OK);
    assert_ptr_equal(bound[0].as.tensor, &thing);
    assert_int_equal(bound[1].kind, SYI_VALUE_NODE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_positions_names_and_defaults),
        cmocka_unit_test(test_conversions),
        cmocka_unit_test(test_pytorch_synonyms),
        cmocka_unit_test(test_spread_ints),
        cmocka_unit_test(test_first_left_out),
        cmocka_unit_test(test_indices),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_hostile_values),
        cmocka_unit_test(test_tensor_kinds),
    };
    return cmocka_run_group_tests(tests, op_line_setup, op_line_teardown);
}
