/* infer_layers.c - normalization, embedding and dropout with their backward halves, steps of optimizers. Test:
 * infer_layers_test.c, infer_vectors_test.c. */
#include "ops/infer.h"

#include <inttypes.h>

/* An optional array must be of this dtype and shape. */
static sy_status check_parameter(const sy_value *value, const char *what, sy_dtype dtype, int ndim,
                                 const int64_t *shape, sy_error *err)
{
    if (!syi_is_array(value)) {
        return SY_OK;
    }
    const syi_array *array = syi_argument_array(value);
    bool fits = array->dtype == dtype && array->ndim == ndim;
    for (int d = 0; fits && d < ndim; d++) {
        fits = array->shape[d] == shape[d];
    }
    if (!fits) {
        char text[SYI_SHAPE_TEXT], wanted[SYI_SHAPE_TEXT];
        return syi_fail(err, array->dtype != dtype ? SY_EDTYPE : SY_ESHAPE,
                        "%s is %s %s, expected %s %s", what, sy_dtype_name(array->dtype),
                        SYI_SHAPE(array, text), sy_dtype_name(dtype),
                        syi_shape_format(ndim, shape, wanted, sizeof wanted));
    }
    return SY_OK;
}

/* Batch normalization */

static sy_status check_batch(const syi_array *input, int64_t *channels, sy_error *err)
{
    if (input->ndim < 2) {
        char text[SYI_SHAPE_TEXT];
        return syi_fail(err, SY_ESHAPE, "input is %s, expected a batch of channels",
                        SYI_SHAPE(input, text));
    }
    *channels = input->shape[1];
    return syi_check_floating(input->dtype, err);
}

static sy_status check_statistics(const sy_value *args, sy_dtype dtype, int64_t channels,
                                  sy_error *err)
{
    SY_TRY(check_parameter(&args[0], "running_mean", dtype, 1, &channels, err));
    return check_parameter(&args[1], "running_var", dtype, 1, &channels, err);
}

/* batch_norm has the result only; native_batch_norm also mean and inverse deviation of the batch, which
 * are empty when it does not train; _native_batch_norm_legit_functional the new running statistics, too. */
sy_status syi_infer_batch_norm(const syi_op *op, const sy_value *args, syi_inference *result,
                               sy_error *err)
{
    const syi_array *input = syi_argument_array(&args[0]);
    const bool training = args[5].as.boolean;
    const sy_dtype dtype = input->dtype;
    int64_t channels;
    SY_TRY(check_batch(input, &channels, err));
    SY_TRY(check_parameter(&args[1], "weight", dtype, 1, &channels, err));
    SY_TRY(check_parameter(&args[2], "bias", dtype, 1, &channels, err));
    SY_TRY(check_statistics(&args[3], dtype, channels, err));
    const bool has_mean = syi_is_array(&args[3]), has_var = syi_is_array(&args[4]);
    if (has_mean != has_var || (!training && !has_mean)) {
        return syi_fail(err, SY_EINVAL, "needs running_mean and running_var%s",
                        training ? ", or none of them" : " when it does not train");
    }
    if (training && channels > 0 && syi_array_numel(input) == channels) {
        char text[SYI_SHAPE_TEXT];
        return syi_fail(err, SY_ESHAPE, "input %s has one value per channel, and no variance",
                        SYI_SHAPE(input, text));
    }
    SY_TRY(syi_infer_describe(result, dtype, input->ndim, input->shape, err));
    for (int k = 0; k < 2 && op->id != SYI_OP_batch_norm; k++) {
        SY_TRY(syi_infer_part(result, training, dtype, 1, &channels, err));
    }
    for (int k = 0; k < 2 && op->id == SYI_OP__native_batch_norm_legit_functional; k++) {
        SY_TRY(syi_infer_part(result, training && has_mean, dtype, 1, &channels, err));
    }
    return SY_OK;
}

sy_status syi_infer_batch_norm_backward(const syi_op *op, const sy_value *args,
                                        syi_inference *result, sy_error *err)
{
    (void)op;
    const syi_array *input = syi_argument_array(&args[1]);
    const sy_dtype dtype = input->dtype;
    const bool training = args[7].as.boolean;
    int64_t channels;
    bool mask[3];
    SY_TRY(check_batch(input, &channels, err));
    SY_TRY(check_parameter(&args[0], "grad_out", dtype, input->ndim, input->shape, err));
    SY_TRY(check_parameter(&args[2], "weight", dtype, 1, &channels, err));
    SY_TRY(syi_argument_mask(&args[9], mask, err));
    const int needed = training ? 5 : 3;
    if (!syi_is_array(&args[needed]) || !syi_is_array(&args[needed + 1])) {
        return syi_fail(err, SY_EINVAL, "needs %s",
                        training ? "save_mean and save_invstd" : "running_mean and running_var");
    }
    SY_TRY(check_parameter(&args[needed], training ? "save_mean" : "running_mean", dtype, 1,
                           &channels, err));
    SY_TRY(check_parameter(&args[needed + 1], training ? "save_invstd" : "running_var", dtype, 1,
                           &channels, err));
    SY_TRY(syi_infer_part(result, mask[0], dtype, input->ndim, input->shape, err));
    SY_TRY(syi_infer_part(result, mask[1], dtype, 1, &channels, err));
    return syi_infer_part(result, mask[2], dtype, 1, &channels, err);
}

/* Layer normalization */

/* The last dims of the input must be those that are normalized. `sizes`: room for SY_DIM_MAX. */
static sy_status check_normalized(const syi_array *input, const sy_value *value, int *count,
                                  int64_t *sizes, sy_error *err)
{
    SY_TRY(syi_check_floating(input->dtype, err));
    SY_TRY(syi_argument_dims(value, sizes, count, err));
    bool fits = *count > 0 && *count <= input->ndim;
    for (int d = 0; fits && d < *count; d++) {
        fits = sizes[d] == input->shape[input->ndim - *count + d];
    }
    if (!fits) {
        char text[SYI_SHAPE_TEXT], input_text[SYI_SHAPE_TEXT];
        return syi_fail(err, SY_ESHAPE, "input is %s, which does not end in normalized_shape %s",
                        SYI_SHAPE(input, input_text),
                        syi_shape_format(*count, sizes, text, sizeof text));
    }
    return SY_OK;
}

/* The input's shape with 1 for what is normalized. */
static void shape_of_statistics(const syi_array *input, int count, int64_t *shape)
{
    for (int d = 0; d < input->ndim; d++) {
        shape[d] = d < input->ndim - count ? input->shape[d] : 1;
    }
}

sy_status syi_infer_layer_norm(const syi_op *op, const sy_value *args, syi_inference *result,
                               sy_error *err)
{
    const syi_array *input = syi_argument_array(&args[0]);
    int count;
    int64_t sizes[SY_DIM_MAX], shape[SY_DIM_MAX];
    SY_TRY(check_normalized(input, &args[1], &count, sizes, err));
    SY_TRY(check_parameter(&args[2], "weight", input->dtype, count, sizes, err));
    SY_TRY(check_parameter(&args[3], "bias", input->dtype, count, sizes, err));
    SY_TRY(syi_infer_describe(result, input->dtype, input->ndim, input->shape, err));
    shape_of_statistics(input, count, shape);
    for (int k = 0; k < 2 && op->id != SYI_OP_layer_norm; k++) {
        SY_TRY(syi_infer_describe(result, input->dtype, input->ndim, shape, err));
    }
    return SY_OK;
}

sy_status syi_infer_layer_norm_backward(const syi_op *op, const sy_value *args,
                                        syi_inference *result, sy_error *err)
{
    (void)op;
    const syi_array *input = syi_argument_array(&args[1]);
    const sy_dtype dtype = input->dtype;
    int count;
    int64_t sizes[SY_DIM_MAX], shape[SY_DIM_MAX];
    bool mask[3];
    SY_TRY(check_normalized(input, &args[2], &count, sizes, err));
    SY_TRY(check_parameter(&args[0], "grad_out", dtype, input->ndim, input->shape, err));
    shape_of_statistics(input, count, shape);
    SY_TRY(check_parameter(&args[3], "mean", dtype, input->ndim, shape, err));
    SY_TRY(check_parameter(&args[4], "rstd", dtype, input->ndim, shape, err));
    SY_TRY(check_parameter(&args[5], "weight", dtype, count, sizes, err));
    SY_TRY(syi_argument_mask(&args[7], mask, err));
    SY_TRY(syi_infer_part(result, mask[0], dtype, input->ndim, input->shape, err));
    SY_TRY(syi_infer_part(result, mask[1], dtype, count, sizes, err));
    return syi_infer_part(result, mask[2], dtype, count, sizes, err);
}

/* Embedding */

static sy_status check_indices(const syi_array *indices, sy_error *err)
{
    if (indices->dtype != SY_DTYPE_I64 && indices->dtype != SY_DTYPE_I32) {
        return syi_fail(err, SY_EDTYPE, "indices are %s, expected int64 or int32",
                        sy_dtype_name(indices->dtype));
    }
    if (indices->ndim == SY_DIM_MAX) {
        return syi_fail(err, SY_ESHAPE, "indices have %d dims, at most %d are supported",
                        indices->ndim, SY_DIM_MAX - 1);
    }
    return SY_OK;
}

sy_status syi_infer_embedding(const syi_op *op, const sy_value *args, syi_inference *result,
                              sy_error *err)
{
    (void)op;
    const syi_array *weight = syi_argument_array(&args[0]);
    const syi_array *indices = syi_argument_array(&args[1]);
    int64_t shape[SY_DIM_MAX];
    if (weight->ndim != 2) {
        char text[SYI_SHAPE_TEXT];
        return syi_fail(err, SY_ESHAPE, "weight is %s, expected 2 dims", SYI_SHAPE(weight, text));
    }
    SY_TRY(check_indices(indices, err));
    if (args[4].as.boolean) {
        return syi_fail(err, SY_ENOTSUP, "sparse gradients are not supported");
    }
    for (int d = 0; d < indices->ndim; d++) {
        shape[d] = indices->shape[d];
    }
    shape[indices->ndim] = weight->shape[1];
    return syi_infer_describe(result, weight->dtype, indices->ndim + 1, shape, err);
}

sy_status syi_infer_embedding_backward(const syi_op *op, const sy_value *args,
                                       syi_inference *result, sy_error *err)
{
    (void)op;
    const syi_array *grad = syi_argument_array(&args[0]);
    const syi_array *indices = syi_argument_array(&args[1]);
    const int64_t rows = args[2].as.integer;
    SY_TRY(syi_check_floating(grad->dtype, err));
    SY_TRY(check_indices(indices, err));
    bool fits = grad->ndim == indices->ndim + 1;
    for (int d = 0; fits && d < indices->ndim; d++) {
        fits = grad->shape[d] == indices->shape[d];
    }
    if (!fits) {
        char text[SYI_SHAPE_TEXT], grad_text[SYI_SHAPE_TEXT];
        return syi_fail(err, SY_ESHAPE,
                        "grad_output is %s, expected the shape of indices, %s, and one more dim",
                        SYI_SHAPE(grad, grad_text), SYI_SHAPE(indices, text));
    }
    if (rows < 0) {
        return syi_fail(err, SY_ERANGE, "num_weights is %" PRId64, rows);
    }
    const int64_t shape[2] = {rows, grad->shape[grad->ndim - 1]};
    return syi_infer_describe(result, grad->dtype, 2, shape, err);
}

/* Steps of optimizers: everything else broadcasts to the parameter or state that is written. */
sy_status syi_infer_optimizer(const syi_op *op, const sy_value *args, syi_inference *result,
                              sy_error *err)
{
    const syi_array *self = syi_argument_array(&args[0]);
    const int tensors = op->id == SYI_OP_adam_ ? 5 : 3;
    SY_TRY(syi_check_floating(self->dtype, err));
    for (int k = 1; k < tensors; k++) {
        if (syi_is_array(&args[k])) {
            SY_TRY(syi_check_expandable(syi_argument_array(&args[k]), self, err));
        }
    }
    return syi_infer_describe(result, self->dtype, self->ndim, self->shape, err);
}

/* Dropout */

sy_status syi_infer_dropout(const syi_op *op, const sy_value *args, syi_inference *result,
                            sy_error *err)
{
    const syi_array *input = syi_argument_array(&args[0]);
    const double p = args[1].as.real;
    if (!(p >= 0 && p <= 1)) {
        return syi_fail(err, SY_ERANGE, "p is %g, expected 0 to 1", p);
    }
    SY_TRY(syi_check_floating(input->dtype, err));
    SY_TRY(syi_infer_describe(result, input->dtype, input->ndim, input->shape, err));
    return op->id == SYI_OP_dropout
               ? SY_OK
               : syi_infer_describe(result, SY_DTYPE_BOOL, input->ndim, input->shape, err);
}

sy_status syi_infer_dropout_backward(const syi_op *op, const sy_value *args, syi_inference *result,
                                     sy_error *err)
{
    (void)op;
    const syi_array *grad = syi_argument_array(&args[0]);
    SY_TRY(check_parameter(&args[1], "mask", SY_DTYPE_BOOL, grad->ndim, grad->shape, err));
    SY_TRY(syi_check_floating(grad->dtype, err));
    return syi_infer_describe(result, grad->dtype, grad->ndim, grad->shape, err);
}
