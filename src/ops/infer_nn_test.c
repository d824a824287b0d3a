/* infer_nn_test.c - sentences, and where csyft is stricter than PyTorch 1.13. PyTorch's own answers are
 * replayed by infer_vectors_test.c. */
#include "support/op_line.h"

static void test_softmax(void **state)
{
    (void)state;
    expect_result("softmax float32[2,3] -1", "float32[2,3]");
    expect_result("log_softmax int64[2,3] 1 dtype=:float64", "float64[2,3]");
    expect_refusal("softmax int64[0] 0", SY_EDTYPE, "softmax: needs float32 or float64, not int64");
    expect_result("_softmax_backward_data float32[2,3] float32[2,3] 1", "float32[2,3]");
    expect_refusal("_log_softmax_backward_data float32[2] float32[3] 0", SY_ESHAPE,
                   "_log_softmax_backward_data: grad_output is float32 2 but output is float32 3");
    expect_refusal("_softmax_backward_data float64[2] float32[2] 0", SY_EDTYPE,
                   "_softmax_backward_data: grad_output is float64 2 but output is float32 2");
}

static void test_class_losses(void **state)
{
    (void)state;
    expect_result("nll_loss float32[4,3] int64[4]", "float32[]");
    expect_result("nll_loss float32[4,3] int64[4] 'none'", "float32[4]");
    expect_result("nll_loss float64[3] int64[] reduction='none'", "float64[]");
    expect_result("cross_entropy float32[4,3] int64[4] 'sum'", "float32[]");
    expect_refusal("nll_loss float32[3] int64[3]", SY_ESHAPE,
                   "nll_loss: 3 with a target of 3, expected NxC with N, or C with a scalar");
    expect_refusal("cross_entropy float32[4,3] float32[4,3]", SY_ESHAPE,
                   "cross_entropy: 4x3 with a target of 4x3, expected NxC with N, or C with a "
                   "scalar");
    expect_refusal("nll_loss float32[4,3] uint8[4]", SY_EDTYPE,
                   "nll_loss: the target is uint8, expected int64");
    expect_refusal("nll_loss int64[4,3] int64[4]", SY_EDTYPE,
                   "nll_loss: needs float32 or float64, not int64");
    expect_refusal("nll_loss float32[4,3] int64[4] 'average'", SY_EINVAL,
                   "nll_loss: reduction \"average\" is not none, mean or sum");
    expect_result("nll_loss_backward float32[] float32[4,3] int64[4]", "float32[4,3]");
    expect_result("nll_loss_backward float32[4] float32[4,3] int64[4] 'none'", "float32[4,3]");
    expect_refusal("nll_loss_backward float32[4] float32[4,3] int64[4]", SY_ESHAPE,
                   "nll_loss_backward: grad_output is float32 4, which is not what the loss gives");
    expect_refusal("nll_loss_backward float64[] float32[4,3] int64[4]", SY_EDTYPE,
                   "nll_loss_backward: grad_output is float64 scalar, which is not what the loss "
                   "gives");
}

static void test_mse_loss(void **state)
{
    (void)state;
    expect_result("mse_loss float32[4,3] float64[3]", "float64[]");
    expect_result("mse_loss float32[4,3] float32[3] reduction='none'", "float32[4,3]");
    expect_refusal("mse_loss int64[2] int64[2]", SY_EDTYPE,
                   "mse_loss: needs float32 or float64, not int64");
}

static void test_gradients_of_parts(void **state)
{
    (void)state;
    expect_result("select_backward float32[2] (2|3) 1 0", "float32[2,3]");
    expect_result("slice_backward float64[2,2] (2|3) -1 1", "float64[2,3]");
    expect_refusal("select_backward float32[3] (2|3) 1 0", SY_ESHAPE,
                   "select_backward: 3 does not broadcast to 2");
    expect_refusal("select_backward float32[2] (2|3) 1 3", SY_ERANGE,
                   "select_backward: select: index 3 is out of range for dimension 1 of size 3");
    expect_refusal("slice_backward float32[2] (2|-3) 1", SY_ESHAPE,
                   "slice_backward: array: negative dimension in shape 2x-3");
}

/* Rows that the chain answers itself. */
static void test_no_results(void **state)
{
    (void)state;
    expect_result("dim float32[2,3]", "");
    expect_result("numel float32[2,3]", "");
    expect_result("size float32[2,3] 0", "");
    expect_result("item float32[]", "");
    expect_result("backward float32[] float32[]", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax),    cmocka_unit_test(test_class_losses),
        cmocka_unit_test(test_mse_loss),   cmocka_unit_test(test_gradients_of_parts),
        cmocka_unit_test(test_no_results),
    };
    return cmocka_run_group_tests(tests, op_line_setup, op_line_teardown);
}
