/* infer_index_test.c - masks, sentences, and where csyft is stricter than PyTorch 1.13. PyTorch's own
 * answers are replayed by infer_vectors_test.c. */
#include "support/op_line.h"

static void test_views(void **state)
{
    (void)state;
    expect_result("__getitem__ float32[2,3] 0", "float32[3]@0{1}");
    expect_result("index float32[2,3] (...|-1)", "float32[2]@2{3}");
    expect_result("index float32[2,3] (None|<,,1>|<,2,1>)", "float32[1,2,2]@0{6,3,1}");
    expect_result("index float32[2,3] ()", "float32[2,3]@0{3,1}");
    expect_result("index float32[2,3] ...", "float32[2,3]@0{3,1}");
}

static void test_gathers(void **state)
{
    (void)state;
    expect_result("index float32[4,5] int64[3,2]", "float32[3,2,5]");
    expect_result("index float32[4,5,6] (int64[3]|<,,1>|int64[3])", "float32[3,5]");
    expect_result("index float32[4,5,6] (<,,1>|int64[3]|int64[2,1])", "float32[4,2,3]");
    expect_result("index float32[4,5] int64[]", "float32[5]"); /* which row only contents tell */
    expect_result("index float32[4,5] ((0|-1))", "float32[2,5]");
    expect_result("index float32[4,5] ((True|False|True|True))", "float32[3,5]");
    expect_result("index float32[4,5] (())", "float32[0,5]");
    expect_result("index float32[4,5] True", "float32[1,4,5]");
    expect_result("index float32[4,5] False", "float32[0,4,5]");
}

static void test_masks_make_the_shape_unknown(void **state)
{
    (void)state;
    expect_result("index float32[2,3] bool[2]", "unknown");
    expect_result("index float32[2,3] bool[2,3]", "unknown");
    expect_result("index float32[2,3] (...|bool[3])", "unknown");
    expect_result("index float32[2,3] (int64[2]|bool[3])", "unknown");
    expect_result("index float32[2,3] bool[]", "unknown");
    expect_result("index float32[2,3] uint8[2]", "unknown");
    expect_refusal("index float32[2,3] bool[3]", SY_ESHAPE,
                   "index: a mask of 3 at dimension 0 of 2x3");
    expect_refusal("index float32[2,3] (0|bool[2])", SY_ESHAPE,
                   "index: a mask of 2 at dimension 0 of 3");
    expect_refusal("index float32[2,3] ((True|False|True))", SY_ESHAPE,
                   "index: a mask of 3 for dimension 0 of size 2");
}

static void test_refusals(void **state)
{
    (void)state;
    expect_refusal("index float32[2,3] (0|0|0)", SY_ERANGE,
                   "index: too many indices for a tensor of 2x3");
    expect_refusal("index float32[2,3] (0|bool[2,3])", SY_ERANGE,
                   "index: too many indices for a tensor of 2x3");
    expect_refusal("index float32[] 0", SY_ERANGE,
                   "index: too many indices for a tensor of scalar");
    expect_refusal("index float32[2,3] (...|0|...)", SY_EINVAL,
                   "index: an index has at most one ellipsis");
    expect_refusal("index float32[2,3] 2", SY_ERANGE,
                   "index: select: index 2 is out of range for dimension 0 of size 2");
    expect_refusal("index float32[2,3] <,,-1>", SY_ERANGE, "index: slice: step -1 is not positive");
    expect_refusal("index float32[2,3] int32[2]", SY_EDTYPE,
                   "index: a tensor of indices is int32, expected int64 or bool");
    expect_refusal("index float32[2,3] float32[]", SY_EDTYPE,
                   "index: a tensor of indices is float32, expected int64 or bool");
    expect_refusal("index float32[2,3] (int64[2]|int64[3])", SY_ESHAPE,
                   "index: 2 and 3 do not broadcast");
    expect_refusal("index float32[0,3] int64[1]", SY_ERANGE,
                   "index: an index into a dimension of size 0");
    expect_refusal("index float32[2,3] ((0|2))", SY_ERANGE,
                   "index: index 2 is out of range for dimension 0 of size 2");
    expect_refusal("index float32[2,3] ((0|True))", SY_EINVAL,
                   "index: a list in an index holds ints only, or bools only");
}

static void test_index_select_and_add(void **state)
{
    (void)state;
    expect_result("index_select float32[2,3] -1 int32[5]", "float32[2,5]");
    expect_result("index_select float32[] 0 int64[1]", "float32[]");
    expect_refusal("index_select float32[] 0 int64[2]", SY_ESHAPE,
                   "index_select: 2 indices into a scalar");
    expect_refusal("index_select float32[2] 0 int64[1,1]", SY_ESHAPE,
                   "index_select: the index is 1x1, expected one dimension");
    expect_refusal("index_select float32[2] 0 uint8[1]", SY_EDTYPE,
                   "index_select: the index is uint8, expected int64 or int32");
    expect_result("index_add float32[3,2] 0 int64[5] float32[5,2]", "float32[3,2]");
    expect_result("index_add_ float32[3] 0 int64[] float32[]", "float32[3]");
    expect_refusal("index_add float32[3,2] 0 int64[2] float32[2,1]", SY_ESHAPE,
                   "index_add: a source of 2x1 with 2 indices into 3x2, dim 0");
    expect_refusal("index_add float32[3,2] 0 int64[2] float32[2]", SY_ESHAPE,
                   "index_add: a source of 2 with 2 indices into 3x2, dim 0");
    expect_refusal("index_add float32[3] 0 int64[2] int64[2]", SY_EDTYPE,
                   "index_add: self is float32 but source is int64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_gathers),
        cmocka_unit_test(test_masks_make_the_shape_unknown),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_index_select_and_add),
    };
    return cmocka_run_group_tests(tests, op_line_setup, op_line_teardown);
}
