/* infer_sets_test.c - sentences of bincount, unique and tensor_split. PyTorch's own answers are replayed by
 * infer_vectors_test.c. */
#include "support/op_line.h"

static void test_counts(void **state)
{
    (void)state;
    expect_result("bincount int64[5]", "unknown");
    expect_result("bincount int32[0] None 4", "int64[4]");
    expect_result("unique float32[2,3]", "unknown");
    expect_refusal("bincount float32[5]", SY_EDTYPE,
                   "bincount: self is float32, expected integers");
    expect_refusal("bincount int64[5,1]", SY_ESHAPE, "bincount: self has 2 dimensions, expected 1");
    expect_refusal("bincount int64[5] None -1", SY_ERANGE, "bincount: minlength -1");
    expect_refusal("bincount int64[5] float32[4]", SY_ESHAPE,
                   "bincount: weights do not have the 5 elements of self");
}

static void test_pieces(void **state)
{
    (void)state;
    expect_refusal("tensor_split float32[5] 0", SY_ERANGE,
                   "tensor_split: 0 sections, expected at least 1");
    expect_refusal("tensor_split float32[5] (1|True)", SY_EINVAL,
                   "tensor_split: indices_or_sections is not an int or a list of ints");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_pieces),
    };
    return cmocka_run_group_tests(tests, op_line_setup, op_line_teardown);
}
