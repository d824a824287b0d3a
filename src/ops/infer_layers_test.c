/* infer_layers_test.c - sentences of normalization, embedding and dropout. PyTorch's own answers are replayed by
 * infer_vectors_test.c. */
#include "support/op_line.h"

static void test_batch_norm(void **state)
{
    (void)state;
    expect_result("native_batch_norm float32[4,3,2] None None float32[3] float32[3] True",
                  "float32[4,3,2] float32[3] float32[3]");
    expect_result("native_batch_norm float32[4,3] None None float32[3] float32[3] False",
                  "float32[4,3] float32[0] float32[0]");
    expect_result("_native_batch_norm_legit_functional float32[4,3] None None None None True",
                  "float32[4,3] float32[3] float32[3] float32[0] float32[0]");
    expect_result("batch_norm float32[4,3] training=True", "float32[4,3]");
    expect_refusal("batch_norm float32[4,3]", SY_EINVAL,
                   "batch_norm: needs running_mean and running_var when it does not train");
    expect_refusal("batch_norm float32[4,3] float32[4] training=True", SY_ESHAPE,
                   "batch_norm: weight is float32 4, expected float32 3");
    expect_refusal("batch_norm float32[1,3] training=True", SY_ESHAPE,
                   "batch_norm: input 1x3 has one value per channel, and no variance");
    expect_refusal("batch_norm float32[4] training=True", SY_ESHAPE,
                   "batch_norm: input is 4, expected a batch of channels");
    expect_refusal("batch_norm int64[4,3] training=True", SY_EDTYPE,
                   "batch_norm: needs float32 or float64, not int64");
    expect_refusal("native_batch_norm_backward float32[4,3] float32[4,3] None None None None None "
                   "True 0.1 (1|1|1)",
                   SY_EINVAL, "native_batch_norm_backward: needs save_mean and save_invstd");
}

static void test_layer_norm(void **state)
{
    (void)state;
    expect_result("layer_norm float32[4,3,2] (3|2) float32[3,2]", "float32[4,3,2]");
    expect_result("native_layer_norm float32[4,3,2] (2)",
                  "float32[4,3,2] float32[4,3,1] float32[4,3,1]");
    expect_refusal("layer_norm float32[4,3] (4)", SY_ESHAPE,
                   "layer_norm: input is 4x3, which does not end in normalized_shape 4");
    expect_refusal("layer_norm float32[4,3] (3) float64[3]", SY_EDTYPE,
                   "layer_norm: weight is float64 3, expected float32 3");
}

static void test_embedding(void **state)
{
    (void)state;
    expect_result("embedding float32[10,4] int64[2,3]", "float32[2,3,4]");
    expect_result("embedding_dense_backward float32[2,3,4] int64[2,3] 10", "float32[10,4]");
    expect_refusal("embedding float32[10] int64[2]", SY_ESHAPE,
                   "embedding: weight is 10, expected 2 dims");
    expect_refusal("embedding float32[10,4] float32[2]", SY_EDTYPE,
                   "embedding: indices are float32, expected int64 or int32");
    expect_refusal("embedding float32[10,4] int64[2] sparse=True", SY_ENOTSUP,
                   "embedding: sparse gradients are not supported");
    expect_refusal("embedding float32[10,4] int64[1,1,1,1,1,1,1,1]", SY_ESHAPE,
                   "embedding: indices have 8 dims, at most 7 are supported");
    expect_refusal(
        "embedding_dense_backward float32[3,4] int64[2] 10", SY_ESHAPE,
        "embedding_dense_backward: grad_output is 3x4, expected the shape of indices, 2, "
        "and one more dim");
    expect_refusal("embedding_dense_backward float32[2,4] int64[2] -1", SY_ERANGE,
                   "embedding_dense_backward: num_weights is -1");
}

static void test_dropout(void **state)
{
    (void)state;
    expect_result("dropout float32[4]", "float32[4]");
    expect_result("native_dropout float64[4,2] 0.5 True", "float64[4,2] bool[4,2]");
    expect_refusal("dropout float32[4] 1.5", SY_ERANGE, "dropout: p is 1.5, expected 0 to 1");
    expect_refusal("native_dropout int64[4] 0.5", SY_EDTYPE,
                   "native_dropout: needs float32 or float64, not int64");
    expect_refusal("native_dropout_backward float32[4] bool[3] 2.0", SY_ESHAPE,
                   "native_dropout_backward: mask is bool 3, expected bool 4");
}

static void test_optimizers(void **state)
{
    (void)state;
    expect_result("sgd_momentum_ float32[4,3] float32[3] None 0.1", "float32[4,3]");
    expect_result("adam_ float32[4] float32[4] float32[4] float32[4] None 1 0.1 0.9 0.99 0.001",
                  "float32[4]");
    expect_refusal("_momentum_ float32[4] float32[3] float32[4] 0.9 0.0 0.0", SY_ESHAPE,
                   "_momentum_: 3 does not broadcast to 4");
    expect_refusal("_adam_square_ int64[4] float32[4] float32[4] 0.9 0.0", SY_EDTYPE,
                   "_adam_square_: needs float32 or float64, not int64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch_norm), cmocka_unit_test(test_layer_norm),
        cmocka_unit_test(test_embedding),  cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_optimizers),
    };
    return cmocka_run_group_tests(tests, op_line_setup, op_line_teardown);
}
