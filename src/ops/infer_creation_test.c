/* infer_creation_test.c - sentences, limits and exact counts. PyTorch's own answers are replayed by
 * infer_vectors_test.c. */
#include "support/op_line.h"

static void test_sizes(void **state)
{
    (void)state;
    expect_result("zeros ()", "float32[]");
    expect_result("zeros 2 0 3", "float32[2,0,3]");
    expect_result("ones (2) dtype=:int8", "int8[2]");
    expect_result("full (2|2) True", "bool[2,2]");
    expect_result("full (2) 7", "int64[2]");
    expect_result("full (2) 1.5 dtype=:int64", "int64[2]");
    expect_result("zeros_like bool[2,3]{1,2}", "bool[2,3]");
    expect_result("randperm 5", "int64[5]");
    expect_refusal("zeros (2|-1)", SY_ESHAPE, "zeros: array: negative dimension in shape 2x-1");
    expect_refusal("randn (2) dtype=:int64", SY_EDTYPE,
                   "randn: needs float32 or float64, not int64");
}

static void test_ranges(void **state)
{
    (void)state;
    expect_result("arange 5", "int64[5]");
    expect_result("arange True", "int64[1]");
    expect_result("arange 0 1 0.1", "float32[10]");
    expect_result("arange 5 0 -2", "int64[3]");
    expect_result("arange 5 5", "int64[0]");
    expect_result("arange 0 5 2 :float64", "float64[3]");
    expect_refusal("arange 5 0", SY_ERANGE, "arange: from 5 to 0 in steps of 1 is no range");
    expect_refusal("arange 0 5 0", SY_ERANGE, "arange: from 0 to 5 in steps of 0 is no range");
    expect_refusal("arange 0 5 0.5 :int32", SY_ERANGE,
                   "arange: from 0 to 5 in steps of 0.5 is no range");
    expect_refusal("arange nan", SY_ERANGE, "arange: from 0 to nan in steps of 1 is no range");
    expect_refusal("arange 0 1 nan", SY_ERANGE, "arange: from 0 to 1 in steps of nan is no range");
    expect_refusal("arange 5 dtype=:bool", SY_EDTYPE, "arange: not for bool");
}

/* Where PyTorch's doubles lose count. */
static void test_ranges_count_exactly(void **state)
{
    (void)state;
    expect_result("arange 9007199254740993 9007199254740994", "int64[1]");
    expect_result("arange -9223372036854775808 9223372036854775807 4611686018427387904",
                  "int64[4]");
    expect_result("arange 9223372036854775807 -9223372036854775808 -9223372036854775808",
                  "int64[2]");
    expect_refusal("arange -9223372036854775808 9223372036854775807", SY_ERANGE,
                   "arange: from -9.22337e+18 to 9.22337e+18 in steps of 1 is no range");
    expect_refusal("arange 1e30 dtype=:int64", SY_ERANGE,
                   "arange: from 0 to 1e+30 in steps of 1 is no range");
}

static void test_randint(void **state)
{
    (void)state;
    expect_result("randint 10 (2|3)", "int64[2,3]");
    expect_result("randint -128 128 (2) :int8", "int8[2]");
    expect_result("randint -9223372036854775808 9223372036854775807 (2)", "int64[2]");
    expect_refusal("randint 5 5 (2)", SY_ERANGE, "randint: low 5 is not below high 5");
    expect_refusal("randint -129 128 (2) :int8", SY_ERANGE,
                   "randint: -129 to 127 does not fit into int8");
    expect_refusal("randint 0 257 (2) :uint8", SY_ERANGE,
                   "randint: 0 to 256 does not fit into uint8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_ranges_count_exactly),
        cmocka_unit_test(test_randint),
    };
    return cmocka_run_group_tests(tests, op_line_setup, op_line_teardown);
}
