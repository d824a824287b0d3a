/* infer_reductions_test.c - sentences and defaults. PyTorch's own answers are replayed by
 * infer_vectors_test.c. */
#include "support/op_line.h"

static void test_sums(void **state)
{
    (void)state;
    expect_result("sum int8[2,3]", "int64[]");
    expect_result("sum int8[2,3] keepdim=True", "int64[1,1]");
    expect_result("sum int8[2,3] () True", "int64[1,1]");
    expect_result("sum float64[2,3] -1", "float64[2]");
    expect_result("sum float64[2,3] (0|1) dtype=:float32", "float32[]");
    expect_result("mean int64[2,3] 0 dtype=:float32", "float32[3]");
    expect_refusal("mean int64[2,3]", SY_EDTYPE, "mean: needs float32 or float64, not int64");
    expect_refusal("sum float32[2,3] (0|-2)", SY_EINVAL, "sum: dimension 0 is given twice");
    expect_refusal("sum float32[2,3] 2", SY_ERANGE,
                   "sum: dimension 2 is out of range for 2 dimensions (-2 to 1)");
    expect_refusal("sum float32[2] 9223372036854775807", SY_ERANGE,
                   "sum: dimension 9223372036854775807 is out of range for 1 dimensions (-1 to 0)");
}

static void test_extrema(void **state)
{
    (void)state;
    expect_result("max float32[2,3]", "float32[]");
    expect_result("max float32[2,3] 1", "float32[2] int64[2]");
    expect_result("min bool[2,3] 0 True", "bool[1,3] int64[1,3]");
    expect_result("max float32[] 0", "float32[] int64[]");
    expect_result("argmax float32[2,3]", "int64[]");
    expect_result("argmin float32[2,3] -2", "int64[3]");
    expect_result("argmax float32[2,3] keepdim=True", "int64[1,1]");
    expect_refusal("max float32[2,3] keepdim=True", SY_EINVAL, "max: keepdim needs a dim");
    expect_refusal("max float32[0,3]", SY_ESHAPE,
                   "max: 0x3 has no element to choose; name a dim that is not empty");
    expect_refusal("argmin float32[0,3] 0", SY_ESHAPE,
                   "argmin: 0x3 has no element to choose along this dim");
    expect_refusal("argmax bool[2]", SY_EDTYPE, "argmax: not for a tensor of bool");
}

static void test_sum_to_size(void **state)
{
    (void)state;
    expect_result("sum_to_size float32[2,3] (3)", "float32[3]");
    expect_result("sum_to_size float32[2,3] 1 3", "float32[1,3]");
    expect_result("sum_to_size int8[2] (2)", "int8[2]");
    expect_result("sum_to_size int8[2] (1)", "int64[1]");
    expect_refusal("sum_to_size float32[2,3] (2)", SY_ESHAPE,
                   "sum_to_size: 2 does not broadcast to 2x3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_extrema),
        cmocka_unit_test(test_sum_to_size),
    };
    return cmocka_run_group_tests(tests, op_line_setup, op_line_teardown);
}
