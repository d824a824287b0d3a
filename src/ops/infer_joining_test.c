/* infer_joining_test.c - sentences and corner shapes. PyTorch's own answers are replayed by
 * infer_vectors_test.c. */
#include "support/op_line.h"

static void test_cat(void **state)
{
    (void)state;
    expect_result("cat (float32[2,3]|int64[2,1]) -1", "float32[2,4]");
    expect_result("cat (float32[0]|float32[2,3]) 1", "float32[2,3]");
    expect_result("cat (int8[0]|float64[0]) 7", "float64[0]");
    expect_refusal("cat ()", SY_EINVAL, "cat: the list of tensors is empty");
    expect_refusal("cat (float32[])", SY_ESHAPE, "cat: tensor 0 is a scalar; stack joins scalars");
    expect_refusal(
        "cat (float32[2,3]|float32[1,3]|float32[2,4])", SY_ESHAPE,
        "cat: tensor 2 is 2x4, but those before it make 3x3; only dimension 0 may differ");
    expect_refusal("cat (float32[2,3]|float32[2])", SY_ESHAPE,
                   "cat: tensor 1 is 2, but those before it make 2x3; only dimension 0 may differ");
}

static void test_stack(void **state)
{
    (void)state;
    expect_result("stack (float32[]|float32[])", "float32[2]");
    expect_result("stack (float32[2,3]|int64[2,3]|bool[2,3]) -1", "float32[2,3,3]");
    expect_refusal("stack ()", SY_EINVAL, "stack: the list of tensors is empty");
    expect_refusal("stack (float32[2]|float32[3])", SY_ESHAPE,
                   "stack: tensor 0 is 2, but tensor 1 is 3");
    expect_refusal("stack (float32[2]) 2", SY_ERANGE,
                   "stack: dimension 2 is out of range for 2 dimensions (-2 to 1)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cat), cmocka_unit_test(test_stack)};
    return cmocka_run_group_tests(tests, op_line_setup, op_line_teardown);
}
