/* infer_gather_test.c - sentences of picks and writes by indices and masks. Shapes and refusals of PyTorch:
 * infer_vectors_test.c. */
#include "support/op_line.h"

static void test_indices(void **state)
{
    (void)state;
    expect_refusal("gather float32[2,3] 1 int64[3,1]", SY_ESHAPE,
                   "gather: an index of 3x1 is larger than self of 2x3");
    expect_refusal("gather float32[2,3] 1 int32[2,1]", SY_EDTYPE,
                   "gather: the index is int32, expected int64");
    expect_refusal("scatter float32[2,3] 1 int64[2,2] float32[2,1]", SY_ESHAPE,
                   "scatter: an index of 2x2 is larger than src of 2x1");
    expect_refusal("scatter float32[2,3] 1 int64[2,2] float64[2,2]", SY_EDTYPE,
                   "scatter: self is float32 but the source is float64");
    expect_refusal("scatter float32[2,3] 1 int64[2,2] float32[2,2] 'mean'", SY_EINVAL,
                   "scatter: reduce \"mean\" is not add or multiply");
    expect_refusal("take float32[0] int64[1]", SY_ERANGE, "take: self has no elements");
    expect_refusal("put float32[3] int64[2] float32[3]", SY_ESHAPE,
                   "put: 2 indices for 3 elements");
    expect_refusal("index_fill float32[3] 0 int64[2] float32[1]", SY_ESHAPE,
                   "index_fill: the value is 1, expected a number or a scalar tensor");
}

static void test_masks(void **state)
{
    (void)state;
    expect_result("nonzero float32[2,3]", "unknown");
    expect_result("masked_select float32[2,3] bool[3]", "unknown");
    expect_result("one_hot int64[2]", "unknown");
    expect_refusal("masked_fill float32[2] float32[2] 1", SY_EDTYPE,
                   "masked_fill: the mask is float32, expected bool");
    expect_refusal("masked_fill_ float32[2] bool[3,2] 1", SY_ESHAPE,
                   "masked_fill: in place, the result is 3x2 but self is 2");
    expect_refusal("one_hot int64[2] 0", SY_ERANGE, "one_hot: 0 classes");
    expect_refusal("one_hot int64[0] -1", SY_ERANGE, "one_hot: -1 classes");
}

/* What x[...] is made of; a peer may ask for it by name. */
static void test_parts_of_index(void **state)
{
    (void)state;
    expect_result("_index float32[2,3,4] int64[5] (0|1)", "float32[5,4]");
    expect_result("_index float32[2,3,4] int64[5,6] (0|2)", "float32[5,6,3]");
    expect_refusal("_index float32[2,3] int64[5] (1|0)", SY_EINVAL,
                   "_index: dims are not ascending dimensions of self");
    expect_refusal("_index float32[2,3] int64[5] (0|0)", SY_EINVAL,
                   "_index: dims are not ascending dimensions of self");
    expect_refusal("_index float32[2,3] int64[5] (0|2)", SY_EINVAL,
                   "_index: dims are not ascending dimensions of self");
    expect_refusal("_index float32[2,3] int64[5] ()", SY_EINVAL, "_index: no dims");
    expect_refusal("_index float32[2,3] int64[1,1,1,1,1,1,1,1] (0)", SY_ESHAPE,
                   "_index: array: 9 dimensions, at most 8 are supported");
    expect_refusal("_ravel_index (int64[2]|int64[3]) (4|5)", SY_ESHAPE,
                   "_ravel_index: 2 and 3 do not broadcast");
    expect_refusal("_ravel_index (int64[2]) (4|5)", SY_EINVAL,
                   "_ravel_index: 1 indices into 2 sizes");
    expect_refusal("_ravel_index (int64[2]|int64[2]) (9223372036854775807|2)", SY_ESHAPE,
                   "_ravel_index: the sizes are negative or too large");
    expect_refusal("index_put_ float32[3] (<,2,>) float32[3]", SY_ESHAPE,
                   "index_put: 3 does not broadcast to 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_indices),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_parts_of_index),
    };
    return cmocka_run_group_tests(tests, op_line_setup, op_line_teardown);
}
