/* infer_nn.c - softmax, losses and their backward halves. Test: infer_nn_test.c, infer_vectors_test.c. */
#include "ops/infer.h"

#include <inttypes.h>

sy_status syi_infer_softmax(const syi_op *op, const sy_value *args, syi_inference *result,
                            sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    sy_dtype dtype = syi_argument_dtype(&args[2], self->dtype);
    int dim;
    SY_TRY(syi_argument_dim(&args[1], self->ndim, &dim, err));
    SY_TRY(syi_check_floating(dtype, err));
    return syi_infer_describe(result, dtype, self->ndim, self->shape, err);
}

sy_status syi_infer_softmax_backward(const syi_op *op, const sy_value *args, syi_inference *result,
                                     sy_error *err)
{
    (void)op;
    const syi_array *grad = syi_argument_array(&args[0]);
    const syi_array *output = syi_argument_array(&args[1]);
    int dim;
    SY_TRY(syi_argument_dim(&args[2], output->ndim, &dim, err));
    SY_TRY(syi_check_floating(output->dtype, err));
    if (!syi_array_same_shape(grad, output) || grad->dtype != output->dtype) {
        char grad_text[SYI_SHAPE_TEXT], output_text[SYI_SHAPE_TEXT];
        return syi_fail(err, grad->dtype != output->dtype ? SY_EDTYPE : SY_ESHAPE,
                        "grad_output is %s %s but output is %s %s", sy_dtype_name(grad->dtype),
                        SYI_SHAPE(grad, grad_text), sy_dtype_name(output->dtype),
                        SYI_SHAPE(output, output_text));
    }
    return syi_infer_describe(result, output->dtype, output->ndim, output->shape, err);
}

/* Scores of N rows in C classes with N class numbers, or of one row with one number. */
static sy_status check_classes(const syi_array *self, const syi_array *target, sy_error *err)
{
    bool rows = self->ndim == 2 && target->ndim == 1 && self->shape[0] == target->shape[0];
    bool one = self->ndim == 1 && target->ndim == 0;
    if (!rows && !one) {
        char self_text[SYI_SHAPE_TEXT], target_text[SYI_SHAPE_TEXT];
        return syi_fail(err, SY_ESHAPE,
                        "%s with a target of %s, expected NxC with N, or C with a scalar",
                        SYI_SHAPE(self, self_text), SYI_SHAPE(target, target_text));
    }
    if (target->dtype != SY_DTYPE_I64) {
        return syi_fail(err, SY_EDTYPE, "the target is %s, expected int64",
                        sy_dtype_name(target->dtype));
    }
    return syi_check_floating(self->dtype, err);
}

sy_status syi_infer_nll_loss(const syi_op *op, const sy_value *args, syi_inference *result,
                             sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    const syi_array *target = syi_argument_array(&args[1]);
    syi_reduction reduction;
    SY_TRY(syi_argument_reduction(&args[2], &reduction, err));
    SY_TRY(check_classes(self, target, err));
    int ndim = reduction == SYI_REDUCTION_NONE ? target->ndim : 0;
    return syi_infer_describe(result, self->dtype, ndim, target->shape, err);
}

sy_status syi_infer_nll_loss_backward(const syi_op *op, const sy_value *args, syi_inference *result,
                                      sy_error *err)
{
    (void)op;
    const syi_array *grad = syi_argument_array(&args[0]);
    const syi_array *self = syi_argument_array(&args[1]);
    const syi_array *target = syi_argument_array(&args[2]);
    syi_reduction reduction;
    SY_TRY(syi_argument_reduction(&args[3], &reduction, err));
    SY_TRY(check_classes(self, target, err));
    bool fits = reduction == SYI_REDUCTION_NONE ? syi_array_same_shape(grad, target)
                                                : syi_array_numel(grad) == 1;
    if (!fits || grad->dtype != self->dtype) {
        char grad_text[SYI_SHAPE_TEXT];
        return syi_fail(err, fits ? SY_EDTYPE : SY_ESHAPE,
                        "grad_output is %s %s, which is not what the loss gives",
                        sy_dtype_name(grad->dtype), SYI_SHAPE(grad, grad_text));
    }
    return syi_infer_describe(result, self->dtype, self->ndim, self->shape, err);
}

/* mse_loss, l1_loss and smooth_l1_loss, which has beta before the reduction. */
sy_status syi_infer_mse_loss(const syi_op *op, const sy_value *args, syi_inference *result,
                             sy_error *err)
{
    const bool smooth = op->id == SYI_OP_smooth_l1_loss;
    syi_reduction reduction;
    SY_TRY(syi_argument_reduction(&args[smooth ? 3 : 2], &reduction, err));
    if (smooth && !(args[2].as.real >= 0)) {
        return syi_fail(err, SY_ERANGE, "beta is %g, expected at least 0", args[2].as.real);
    }
    sy_dtype dtype = syi_result_type(args, 2);
    SY_TRY(syi_check_floating(dtype, err));
    SY_TRY(syi_infer_describe_broadcast(result, dtype, args, 2, err));
    if (reduction != SYI_REDUCTION_NONE) {
        result->outs[0].ndim = 0;
    }
    return SY_OK;
}

/* The gradient of select and slice: a tensor of input_sizes that is zero outside of the part. */
sy_status syi_infer_sizes_backward(const syi_op *op, const sy_value *args, syi_inference *result,
                                   sy_error *err)
{
    const syi_array *grad = syi_argument_array(&args[0]);
    int64_t shape[SY_DIM_MAX];
    int ndim, dim;
    SY_TRY(syi_argument_dims(&args[1], shape, &ndim, err));
    SY_TRY(syi_infer_describe(result, grad->dtype, ndim, shape, err));
    SY_TRY(syi_argument_dim(&args[2], ndim, &dim, err));
    syi_array part; /* of an array without storage, so it holds nothing */
    if (op->id == SYI_OP_select_backward) {
        SY_TRY(syi_array_select(&part, &result->outs[0], dim, args[3].as.integer, err));
    } else {
        SY_TRY(syi_array_slice(&part, &result->outs[0], dim, syi_argument_bound(&args[3]),
                               syi_argument_bound(&args[4]), args[5].as.integer, err));
    }
    return syi_check_expandable(grad, &part, err);
}

/* Rows that answer plain values or nothing. */
sy_status syi_infer_none(const syi_op *op, const sy_value *args, syi_inference *result,
                         sy_error *err)
{
    (void)op;
    (void)args;
    (void)result;
    (void)err;
    return SY_OK;
}
