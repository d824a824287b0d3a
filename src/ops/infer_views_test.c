/* infer_views_test.c - views share storage and are dropped when a later piece is refused; sentences and
 * limits. PyTorch's own answers, strides included, are replayed by infer_vectors_test.c. The group's
 * teardown fails when a reference to the storage is left. */
#include <string.h>

#include "support/op_line.h"

static void test_shapes(void **state)
{
    (void)state;
    expect_result("view float32[2,3] 3 -1", "float32[3,2]@0{2,1}");
    expect_result("reshape float32[2,3]{1,2} (6)", "float32[6]");
    expect_result("reshape float32[2,3]{1,2} (2|3|1)", "float32[2,3,1]@0{1,2,2}");
    expect_result("flatten float32[]", "float32[1]@0{1}");
    expect_result("flatten float32[2,3,4]{1,2,6} 1", "float32[2,12]");
    expect_result("t float32[2,3]", "float32[3,2]@0{1,3}");
    expect_result("t float32[3]", "float32[3]@0{1}");
    expect_result("permute float32[2,3,4] -1 0 1", "float32[4,2,3]@0{1,12,4}");
    expect_result("expand float32[3,1] 2 -1 4", "float32[2,3,4]@0{0,1,0}");
    expect_result("detach float32[2,3]{1,2}", "float32[2,3]@0{1,2}");
    expect_refusal("reshape float32[2,3] (4|-1)", SY_ESHAPE,
                   "reshape: view: shape 2x3 (6 elements) cannot become 4x-1");
    expect_refusal("view float32[2,3]{1,2} (6)", SY_ESHAPE,
                   "view: shape 2x3 with strides 1x2 cannot be seen as 6 without a copy; use "
                   "reshape");
    expect_refusal("flatten float32[2,3] 1 0", SY_EINVAL,
                   "flatten: start_dim 1 comes after end_dim 0");
    expect_refusal("t float32[2,3,4]", SY_ESHAPE, "t: 2x3x4 is no matrix; use transpose");
    expect_refusal("transpose float32[2,3] 0 2", SY_ERANGE,
                   "transpose: dimension 2 is out of range for 2 dimensions (-2 to 1)");
}

static void test_parts(void **state)
{
    (void)state;
    expect_result("select float32[2,3] -1 -1", "float32[2]@2{3}");
    expect_result("slice float32[5] 0 -2", "float32[2]@3{1}");
    expect_result("slice float32[5] step=2", "float32[3]@0{2}");
    expect_result("narrow float32[5] 0 -2 2", "float32[2]@3{1}");
    expect_refusal("select float32[] 0 0", SY_ESHAPE,
                   "select: a scalar has no dimension to select from");
    expect_refusal("narrow float32[5] 0 4 2", SY_ERANGE,
                   "narrow: 2 from 4 is not inside of dimension 0 of size 5");
    expect_refusal("narrow float32[] 0 0 0", SY_ESHAPE, "narrow: a scalar has no dimension to cut");
}

/* The lowest int is a bound, not one that was left out. */
static void test_extreme_bounds(void **state)
{
    (void)state;
    expect_result("slice float32[5] 0 -9223372036854775808 9223372036854775807", "float32[5]@0{1}");
    expect_result("slice float32[5] 0 0 -9223372036854775808", "float32[0]@0{1}");
    expect_result("slice float32[5] 0 0 5 9223372036854775807",
                  "float32[1]@0{9223372036854775807}");
    expect_refusal(
        "narrow float32[5] 0 9223372036854775807 9223372036854775807", SY_ERANGE,
        "narrow: 9223372036854775807 from 9223372036854775807 is not inside of dimension "
        "0 of size 5");
    expect_refusal("narrow float32[5] 0 -9223372036854775808 1", SY_ERANGE,
                   "narrow: 1 from -9223372036854775808 is not inside of dimension 0 of size 5");
    expect_refusal("select float32[5] -9223372036854775808 0", SY_ERANGE,
                   "select: dimension -9223372036854775808 is out of range for 1 dimensions (-1 to "
                   "0)");
}

static void test_pieces(void **state)
{
    (void)state;
    expect_result("chunk float32[5] 3", "float32[2]@0{1} float32[2]@2{1} float32[1]@4{1}");
    expect_result("split float32[2,3] 2 -1", "float32[2,2]@0{3,1} float32[2,1]@2{3,1}");
    expect_result("unbind float32[2,3]", "float32[3]@0{1} float32[3]@3{1}");
    expect_result("unbind float32[0,3]", "");
    expect_result("chunk float32[0] 2", "float32[0]@0{1} float32[0]@0{1}");
    expect_result("split float32[3] 9223372036854775807", "float32[3]@0{1}");
    expect_result("chunk float32[1] 9223372036854775807", "float32[1]@0{1}");
    expect_refusal("chunk float32[3] 0", SY_ERANGE, "chunk: 0 chunks, expected at least 1");
    expect_refusal("split float32[3] 0", SY_ERANGE,
                   "split: split_size 0 for dimension 0 of size 3");
    expect_refusal("unbind float32[]", SY_ESHAPE, "unbind: a scalar has no dimension to cut");
}

static void test_too_many_pieces(void **state)
{
    (void)state;
    expect_refusal("unbind float32[65]", SY_ELIMIT, "unbind: 65 results, at most 64 are supported");
    expect_refusal("split float32[1000000000000]{0} 1", SY_ELIMIT,
                   "split: 1000000000000 results, at most 64 are supported");
    expect_refusal("chunk float32[0] 9223372036854775807", SY_ELIMIT,
                   "chunk: 9223372036854775807 results, at most 64 are supported");
}

/* A storage holds one reference per view until the caller drops it. */
static void test_references(void **state)
{
    (void)state;
    op_line line;
    syi_array outs[SYI_OUTPUT_MAX];
    syi_inference result = {.outs = outs};
    sy_error err;
    op_line_open(&line, "unbind float32[64]");
    op_line_read_arguments(&line);
    assert_ok(op_line_infer(&line, &result, &err), &err);
    assert_int_equal(result.count, 64);
    assert_int_equal(atomic_load(&op_line_storage->refs), 1 + 1 + 64);
    op_line_free(&line, &result);
    assert_int_equal(atomic_load(&op_line_storage->refs), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),          cmocka_unit_test(test_parts),
        cmocka_unit_test(test_extreme_bounds),  cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_too_many_pieces), cmocka_unit_test(test_references),
    };
    return cmocka_run_group_tests(tests, op_line_setup, op_line_teardown);
}
