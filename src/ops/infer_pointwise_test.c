/* infer_pointwise_test.c - sentences, and rows that PyTorch has no function for. PyTorch's own answers
 * are replayed by infer_vectors_test.c. */
#include "support/op_line.h"

static void test_binary(void **state)
{
    (void)state;
    expect_result("add float32[3,1] int64[4]", "float32[3,4]");
    expect_result("add int64[] 1.5", "float32[]");
    expect_result("maximum int8[2] 3", "int8[2]"); /* PyTorch has it between tensors only */
    expect_refusal("sub bool[2] int64[2]", SY_EDTYPE, "sub: bool operands cannot be subtracted");
    expect_refusal("__rsub__ int64[2] True", SY_EDTYPE, "rsub: bool operands cannot be subtracted");
    expect_refusal("add int64[2] int64[2] alpha=0.5", SY_EDTYPE,
                   "add: alpha 0.5 is not an integer, but the result is int64");
    expect_refusal("add int64[2] int64[2] alpha=True", SY_EDTYPE,
                   "add: a bool alpha needs a bool result, not int64");
    expect_refusal("pow int64[2] -2", SY_ERANGE, "pow: int64 to the negative integer power -2");
    expect_refusal("pow bool[2] bool[2]", SY_EDTYPE, "pow: bool operands have no power");
    expect_refusal("sigmoid_backward int64[2] int64[2]", SY_EDTYPE,
                   "sigmoid_backward: needs float32 or float64, not int64");
}

static void test_where(void **state)
{
    (void)state;
    expect_result("where bool[3,1] float32[4] 0", "float32[3,4]");
    expect_result("where bool[] 1 2.5", "float32[]");
    expect_refusal("where int64[2] float32[2] float32[2]", SY_EDTYPE,
                   "where: the condition is int64, expected bool");
    expect_refusal("where bool[2] float32[3] float32[3]", SY_ESHAPE,
                   "where: 2 and 3 do not broadcast");
}

static void test_unary(void **state)
{
    (void)state;
    expect_result("contiguous float32[2,3]{1,2}", "float32[2,3]");
    expect_result("type float32[2] :bool", "bool[2]");
    expect_result("exp int8[2]", "float32[2]");
    expect_refusal("neg bool[2]", SY_EDTYPE, "neg: not for a tensor of bool");
}

static void test_assignments(void **state)
{
    (void)state;
    expect_result("copy_ int8[2,3] float64[3]", "int8[2,3]");
    expect_result("fill_ int8[2,3] 1.5", "int8[2,3]");
    expect_result("zero_ bool[]", "bool[]");
    expect_result("sgd_ float32[2,3] float32[2,3] 0.1", "float32[2,3]");
    expect_refusal("copy_ float32[3] float32[2,3]", SY_ESHAPE,
                   "copy_: 2x3 does not broadcast to 3");
    expect_refusal("copy_ float32[3] float32[1,3]", SY_ESHAPE,
                   "copy_: 1x3 does not broadcast to 3");
    expect_refusal("copy_ float32[1] float32[3]", SY_ESHAPE, "copy_: 3 does not broadcast to 1");
    expect_refusal("sgd_ int64[2] float32[2] 0.1", SY_EDTYPE,
                   "sgd_: needs float32 or float64, not int64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_binary),
        cmocka_unit_test(test_where),
        cmocka_unit_test(test_unary),
        cmocka_unit_test(test_assignments),
    };
    return cmocka_run_group_tests(tests, op_line_setup, op_line_teardown);
}
