/* infer_moving_test.c - sentences of what moves elements, and bounds that no vector reaches. Shapes and refusals of
 * PyTorch: infer_vectors_test.c. */
#include "support/op_line.h"

static void test_views(void **state)
{
    (void)state;
    expect_result("diagonal float32[3,4] 1", "float32[3]@1{5}");
    expect_result("unfold float32[7] 0 3 2", "float32[3,3]@0{2,1}");
    expect_result("movedim float32[2,3,4] (0|-1) (1|0)", "float32[4,2,3]@0{1,12,4}");
    expect_result("unflatten float32[2,6] 1 (2|-1)", "float32[2,2,3]@0{6,3,1}");
    expect_result("split float32[5] (2|3)", "float32[2]@0{1} float32[3]@2{1}");
    expect_result("swapaxes float32[2,3] 0 1", "float32[3,2]@0{1,3}");
    expect_refusal("movedim float32[2,3] (0|0) (0|1)", SY_EINVAL,
                   "movedim: dimension 0 comes twice");
    expect_refusal("movedim float32[2,3] (0|1) (0)", SY_EINVAL,
                   "movedim: 2 dimensions to 1 places");
    expect_refusal("unflatten float32[2,6] 1 (4|-1)", SY_ESHAPE,
                   "unflatten: the sizes do not make 6, the size of dimension 1");
    expect_refusal("split float32[5] (2|2)", SY_ERANGE,
                   "split: the pieces have 4 of 5 in dimension 0");
    expect_refusal("split float32[5] (2|4)", SY_ERANGE,
                   "split: piece 1 of size 4 after 2 of 5 in dimension 0");
}

static void test_moved(void **state)
{
    (void)state;
    expect_result("flip float32[2,3] (0|1)", "float32[2,3]");
    expect_refusal("flip float32[2,3] (1|-1)", SY_EINVAL, "flip: dimension 1 comes twice");
    expect_refusal("roll float32[4] (1|2)", SY_EINVAL, "roll: 2 shifts for 0 dimensions");
    expect_refusal("tril float32[4]", SY_ESHAPE, "tril: 4 has less than 2 dimensions");
    expect_refusal("diag float32[1,2,3]", SY_ESHAPE,
                   "diag: 1x2x3 is neither a vector nor a matrix");
    expect_refusal("diag_embed float32[3] -9223372036854775808", SY_ERANGE,
                   "diag_embed: offset -9223372036854775808 is too large");
    expect_refusal("diag float32[3] 9223372036854775807", SY_ERANGE,
                   "diag: offset 9223372036854775807 is too large");
    expect_refusal("constant_pad_nd float32[3] (1|9223372036854775807)", SY_ERANGE,
                   "constant_pad_nd: padding 1 and 9223372036854775807 of dimension 0 of size 3");
    expect_refusal("pad float32[3] (1|1|1)", SY_EINVAL,
                   "pad: 3 numbers of padding for 1 dimensions");
    expect_refusal("pad float32[1,3] (3|0) 'reflect'", SY_ERANGE,
                   "pad: reflect padding of 3 for dimension 1 of size 3");
    expect_refusal("pad float32[1,3] (3|0) 'mirror'", SY_EINVAL,
                   "pad: mode \"mirror\" is not constant, reflect, replicate or circular");
    expect_refusal("repeat float32[2,2] (3)", SY_ESHAPE, "repeat: 1 repeats for 2 dimensions");
    expect_refusal("repeat float32[2] (9223372036854775807)", SY_ERANGE,
                   "repeat: 9223372036854775807 times a dimension of size 2");
    expect_refusal("repeat_interleave float32[2] 9223372036854775807", SY_ERANGE,
                   "repeat_interleave: repeats are no count for dimension 0 of size 2");
    expect_result("repeat_interleave float32[2,3] int64[3] 1", "unknown");
    expect_refusal("repeat_interleave float32[2,3] int64[2] 1", SY_ESHAPE,
                   "repeat_interleave: repeats are 2 for dimension 1 of size 3");
    expect_refusal("repeat_interleave float32[2,3] float32[3] 1", SY_EDTYPE,
                   "repeat_interleave: repeats are float32, expected int64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_moved),
    };
    return cmocka_run_group_tests(tests, op_line_setup, op_line_teardown);
}
