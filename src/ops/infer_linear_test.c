/* infer_linear_test.c - sentences and corner shapes. PyTorch's own answers are replayed by
 * infer_vectors_test.c. */
#include "support/op_line.h"

static void test_matmul(void **state)
{
    (void)state;
    expect_result("matmul float32[3] float32[3]", "float32[]");
    expect_result("matmul float32[2,3] float32[3]", "float32[2]");
    expect_result("matmul float32[3] float32[5,3,2]", "float32[5,2]");
    expect_result("matmul float32[5,1,2,3] float32[4,3,6]", "float32[5,4,2,6]");
    expect_result("matmul int64[2,0] int64[0,3]", "int64[2,3]");
    expect_refusal("matmul float32[3,4] float32[5,2]", SY_ESHAPE,
                   "matmul: 3x4 by 5x2: inner sizes 4 and 5 differ");
    expect_refusal("__matmul__ float32[2,3,4] float32[3,4,5]", SY_ESHAPE,
                   "matmul: 2x3x4 by 3x4x5: the batch dimensions do not broadcast");
    expect_refusal("matmul float32[] float32[2]", SY_ESHAPE,
                   "matmul: scalar by 2: a scalar has no product of matrices; use mul");
    expect_refusal("matmul float32[2,2] float64[2,2]", SY_EDTYPE,
                   "matmul: float32 by float64: the dtypes differ");
    expect_refusal("matmul bool[2,0] bool[0,2]", SY_EDTYPE, "matmul: not for tensors of bool");
}

static void test_mm_and_addmm(void **state)
{
    (void)state;
    expect_result("mm float32[2,3] float32[3,4]", "float32[2,4]");
    expect_refusal("mm float32[3] float32[3,4]", SY_ESHAPE, "mm: 3 by 3x4: both must be matrices");
    expect_result("addmm float32[4] float32[2,3] float32[3,4]", "float32[2,4]");
    expect_refusal("addmm float32[1,2,4] float32[2,3] float32[3,4]", SY_ESHAPE,
                   "addmm: 1x2x4 does not broadcast to 2x4");
    expect_refusal("addmm float64[4] float32[2,3] float32[3,4]", SY_EDTYPE,
                   "addmm: float64 by float32: the dtypes differ");
}

static void test_linear(void **state)
{
    (void)state;
    expect_result("linear float32[5,3] float32[2,3] float32[2]", "float32[5,2]");
    expect_result("torch.nn.functional.linear float32[3] float32[2,3]", "float32[2]");
    expect_result("linear float32[3] float32[3]", "float32[]");
    expect_result("linear float32[3] float32[3] float32[]", "float32[]");
    expect_refusal("linear float32[5,3] float32[3,2]", SY_ESHAPE,
                   "linear: 5x3 by 3x2: inner sizes 3 and 2 differ");
    expect_refusal("linear float32[5,3] float32[1,2,3]", SY_ESHAPE,
                   "linear: 5x3 by 1x2x3: the weight must be out x in");
    expect_refusal("linear float32[5,3] float32[3] float32[]", SY_ESHAPE,
                   "linear: 5x3 by 3: the weight must be out x in");
    expect_refusal("linear float32[5,3] float32[2,3] float32[3]", SY_ESHAPE,
                   "linear: 3 does not broadcast to 5x2");
    expect_refusal("linear float32[3] float32[2,3] float64[2]", SY_EDTYPE,
                   "linear: float64 by float32: the dtypes differ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matmul),
        cmocka_unit_test(test_mm_and_addmm),
        cmocka_unit_test(test_linear),
    };
    return cmocka_run_group_tests(tests, op_line_setup, op_line_teardown);
}
