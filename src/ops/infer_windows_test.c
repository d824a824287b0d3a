/* infer_windows_test.c - sentences of convolution and pooling, and hostile numbers. PyTorch's own answers are
 * replayed by infer_vectors_test.c. */
#include "support/op_line.h"

static void test_convolution(void **state)
{
    (void)state;
    expect_result("conv2d float32[2,3,8,8] float32[4,3,3,3]", "float32[2,4,6,6]");
    expect_result("conv2d float32[3,8,8] float32[4,3,3,3] float32[4] 2 1", "float32[4,4,4]");
    expect_result("conv1d float64[2,4,9] float64[6,2,3] None groups=2 dilation=2",
                  "float64[2,6,5]");
    expect_result("conv2d int64[1,1,4,4] int64[1,1,2,2]", "int64[1,1,3,3]");
    expect_refusal(
        "conv2d float32[2,4,8,8] float32[8,3,3,3]", SY_ESHAPE,
        "conv2d: weight 8x3x3x3 with groups 1 needs 3 input channels, input 2x4x8x8 has 4");
    expect_refusal("conv2d float32[2,4,8,8] float32[3,2,3,3] groups=2", SY_ESHAPE,
                   "conv2d: weight 3x2x3x3 has 3 output channels, which 2 groups do not divide");
    expect_refusal("conv2d float32[2,3,8] float32[8,3,3]", SY_ESHAPE,
                   "conv2d: input 2x3x8 with weight 8x3x3, expected 2 spatial dims after the "
                   "channels in both");
    expect_refusal("conv2d float32[1,1,2,8] float32[1,1,5,3] None 1 1", SY_ESHAPE,
                   "conv2d: the window covers 5 of 4 places (input 2, padding 1 at both ends)");
    expect_refusal("conv2d float32[1,1,4,4] float64[1,1,2,2]", SY_EDTYPE,
                   "conv2d: input is float32, weight float64");
    expect_refusal("conv2d float32[1,1,4,4] float32[1,1,2,2] float32[2]", SY_ESHAPE,
                   "conv2d: bias is 2, expected 1");
    expect_refusal("conv2d float32[1,1,4,4] float32[1,1,2,2] None 0", SY_ERANGE,
                   "conv2d: stride is 0, expected 1 to 2147483647");
    expect_refusal("conv2d float32[1,1,4,4] float32[1,1,2,2] None (1|1|1)", SY_ESHAPE,
                   "conv2d: stride has 3 numbers, expected 1 or 2");
    expect_refusal("conv2d float32[1,1,4,4] float32[1,1,2,2] groups=0", SY_ERANGE,
                   "conv2d: groups is 0, expected at least 1");
    expect_refusal("conv2d float32[1,1,4,4] float32[1,1,2,2] None 1 9223372036854775807", SY_ERANGE,
                   "conv2d: padding is 9223372036854775807, expected 0 to 2147483647");
    expect_refusal("convolution float32[1,1,4,4] float32[1,1,2,2] None 1 0 1 True 0 1", SY_ENOTSUP,
                   "convolution: transposed convolutions are not supported");
}

static void test_convolution_backward(void **state)
{
    (void)state;
    expect_result(
        "convolution_backward float32[2,4,6,6] float32[2,3,8,8] float32[4,3,3,3] None 1 0 "
        "1 False 0 1 (1|0|1)",
        "float32[2,3,8,8] float32[0] float32[4]");
    expect_refusal(
        "convolution_backward float32[2,4,6,5] float32[2,3,8,8] float32[4,3,3,3] None 1 "
        "0 1 False 0 1 (1|0|1)",
        SY_ESHAPE,
        "convolution_backward: grad_output is float32 2x4x6x5, expected float32 2x4x6x6");
    expect_refusal("convolution_backward float32[2,4,6,6] float32[2,3,8,8] float32[4,3,3,3] None 1 "
                   "0 1 False 0 1 (1|0)",
                   SY_EINVAL, "convolution_backward: output_mask has 2 numbers, expected 3");
}

static void test_pooling(void **state)
{
    (void)state;
    expect_result("max_pool2d float32[2,3,8,9] 2", "float32[2,3,4,4]");
    expect_result("max_pool2d_with_indices float64[3,8,9] 2 ceil_mode=True",
                  "float64[3,4,5] int64[3,4,5]");
    expect_result("avg_pool2d float32[0,3,8,9] (2|3) 1 1", "float32[0,3,9,9]");
    expect_result("adaptive_avg_pool2d float32[2,3,8,9] (1|4)", "float32[2,3,1,4]");
    expect_refusal("max_pool2d float32[2,3,8,9] 2 padding=2", SY_ERANGE,
                   "max_pool2d: padding 2 is more than half of the window of 2");
    expect_refusal(
        "max_pool2d float32[8,9] 2", SY_ESHAPE,
        "max_pool2d: input is 8x9, expected 3 or 4 dims of which only the batch may be 0");
    expect_refusal("max_pool2d int64[1,8,9] 2", SY_EDTYPE,
                   "max_pool2d: needs float32 or float64, not int64");
    expect_refusal("avg_pool2d float32[1,2,2] 3", SY_ESHAPE,
                   "avg_pool2d: the window covers 3 of 2 places (input 2, padding 0 at both ends)");
    expect_refusal("avg_pool2d float32[1,2,2] 2 divisor_override=0", SY_ERANGE,
                   "avg_pool2d: divisor_override is 0");
    expect_refusal("adaptive_avg_pool2d float32[1,2,2] -1", SY_ERANGE,
                   "adaptive_avg_pool2d: output_size is -1, expected 0 to 2147483647");
    expect_refusal(
        "max_pool2d_with_indices_backward float32[1,2,2] float32[1,4,4] 2 2 0 1 False "
        "int64[1,2,1]",
        SY_ESHAPE,
        "max_pool2d_with_indices_backward: indices are int64 1x2x1, expected int64 1x2x2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolution),
        cmocka_unit_test(test_convolution_backward),
        cmocka_unit_test(test_pooling),
    };
    return cmocka_run_group_tests(tests, op_line_setup, op_line_teardown);
}
