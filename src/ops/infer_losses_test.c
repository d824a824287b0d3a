/* infer_losses_test.c - sentences of losses that compare element by element. PyTorch's own answers are replayed by
 * infer_vectors_test.c. */
#include "support/op_line.h"

static void test_losses(void **state)
{
    (void)state;
    expect_result("l1_loss float32[4,3] float64[3]", "float64[]");
    expect_result("smooth_l1_loss float32[4,3] float32[3] 0.5 'none'", "float32[4,3]");
    expect_result("binary_cross_entropy float32[4,3] float32[4,3] float32[3] 'none'",
                  "float32[4,3]");
    expect_refusal("smooth_l1_loss float32[2] float32[2] -1.0", SY_ERANGE,
                   "smooth_l1_loss: beta is -1, expected at least 0");
    expect_refusal("binary_cross_entropy float32[4,3] float32[3]", SY_ESHAPE,
                   "binary_cross_entropy: 4x3 with a target of 3, expected the same shape");
    expect_refusal("binary_cross_entropy_with_logits float32[4] float64[4]", SY_EDTYPE,
                   "binary_cross_entropy_with_logits: input is float32, target float64");
    expect_refusal("binary_cross_entropy float32[4] float32[4] float32[3]", SY_ESHAPE,
                   "binary_cross_entropy: 3 does not broadcast to 4");
    expect_refusal("l1_loss float32[4] float32[4] 'average'", SY_EINVAL,
                   "l1_loss: reduction \"average\" is not none, mean or sum");
}

static void test_backward(void **state)
{
    (void)state;
    expect_result("mse_loss_backward float32[] float32[4,3] float32[3]", "float32[4,3]");
    expect_result("l1_loss_backward float32[4,3] float32[4,3] float32[3] 'none'", "float32[4,3]");
    expect_result("binary_cross_entropy_backward float32[] float32[4] float32[4] None 'sum'",
                  "float32[4]");
    expect_refusal("l1_loss_backward float32[3] float32[4,3] float32[3] 'none'", SY_ESHAPE,
                   "l1_loss_backward: grad_output is float32 3, which is not what the loss gives");
    expect_refusal("smooth_l1_loss_backward float64[] float32[3] float32[3]", SY_EDTYPE,
                   "smooth_l1_loss_backward: grad_output is float64 scalar, which is not what the "
                   "loss gives");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_backward),
    };
    return cmocka_run_group_tests(tests, op_line_setup, op_line_teardown);
}
