/* infer_columns_test.c - sentences of im2col and col2im, and numbers that a peer might try. Shapes of PyTorch:
 * infer_vectors_test.c. */
#include "support/op_line.h"

static void test_windows(void **state)
{
    (void)state;
    expect_result("im2col float32[2,3,5,6] (2|3) 1 0 1", "float32[2,18,16]");
    expect_result("im2col float32[3,5,6] 3", "float32[27,12]");
    expect_result("col2im float32[18,16] (5|6) (2|3)", "float32[3,5,6]");
    expect_refusal("im2col float32[5,6] 3", SY_ESHAPE,
                   "im2col: 5x6 is no image (channels, height, width) or batch of them");
    expect_refusal("im2col float32[3,5,6] 7", SY_ESHAPE,
                   "im2col: a window of 7 does not fit into 5 with padding 0");
    expect_refusal("im2col float32[3,5,6] 0", SY_ERANGE,
                   "im2col: kernel 0, dilation 1, padding 0, stride 1 are out of range");
    expect_refusal("im2col float32[3,5,6] 2 9223372036854775807", SY_ERANGE,
                   "im2col: kernel 2, dilation 9223372036854775807, padding 0, stride 1 are out of "
                   "range");
    expect_refusal("im2col float32[3,5,6] (1|2|3)", SY_EINVAL,
                   "im2col: kernel_size has 3 numbers, expected 1 or 2");
    expect_refusal("col2im float32[18,15] (5|6) (2|3)", SY_ESHAPE,
                   "col2im: 18x15, but windows of 6 elements at 4 by 4 places are asked for");
    expect_refusal("col2im float32[18,15] (5|-6) (2|3)", SY_ERANGE,
                   "col2im: output_size -6 is not above 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_windows)};
    return cmocka_run_group_tests(tests, op_line_setup, op_line_teardown);
}
