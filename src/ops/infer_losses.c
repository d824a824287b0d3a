/* infer_losses.c - losses that compare element by element, with their backward halves; nll_loss and mse_loss are in
 * infer_nn.c. Test: infer_losses_test.c, infer_vectors_test.c. */
#include "ops/infer.h"

/* The weight, or NULL. */
static const syi_array *weight_of(const sy_value *value)
{
    return syi_is_array(value) ? syi_argument_array(value) : NULL;
}

/* PyTorch asks for equal shapes here, where mse_loss broadcasts; a weight broadcasts. */
static sy_status check_binary(const syi_array *self, const syi_array *target,
                              const syi_array *weight, sy_error *err)
{
    if (!syi_array_same_shape(self, target)) {
        char self_text[SYI_SHAPE_TEXT], target_text[SYI_SHAPE_TEXT];
        return syi_fail(err, SY_ESHAPE, "%s with a target of %s, expected the same shape",
                        SYI_SHAPE(self, self_text), SYI_SHAPE(target, target_text));
    }
    SY_TRY(syi_check_floating(self->dtype, err));
    if (target->dtype != self->dtype || (weight != NULL && weight->dtype != self->dtype)) {
        return syi_fail(err, SY_EDTYPE, "input is %s, target %s%s%s", sy_dtype_name(self->dtype),
                        sy_dtype_name(target->dtype), weight != NULL ? ", weight " : "",
                        weight != NULL ? sy_dtype_name(weight->dtype) : "");
    }
    return weight != NULL ? syi_check_expandable(weight, self, err) : SY_OK;
}

sy_status syi_infer_binary_loss(const syi_op *op, const sy_value *args, syi_inference *result,
                                sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    syi_reduction reduction;
    SY_TRY(syi_argument_reduction(&args[3], &reduction, err));
    SY_TRY(check_binary(self, syi_argument_array(&args[1]), weight_of(&args[2]), err));
    return syi_infer_describe(result, self->dtype, reduction == SYI_REDUCTION_NONE ? self->ndim : 0,
                              self->shape, err);
}

static bool is_binary(const syi_op *op)
{
    return op->id == SYI_OP_binary_cross_entropy_backward ||
           op->id == SYI_OP_binary_cross_entropy_with_logits_backward;
}

/* The gradient has the shape to which self and target broadcast. */
sy_status syi_infer_loss_backward(const syi_op *op, const sy_value *args, syi_inference *result,
                                  sy_error *err)
{
    const syi_array *grad = syi_argument_array(&args[0]);
    const bool more = is_binary(op) || op->id == SYI_OP_smooth_l1_loss_backward;
    syi_reduction reduction;
    SY_TRY(syi_argument_reduction(&args[more ? 4 : 3], &reduction, err));
    if (is_binary(op)) {
        SY_TRY(check_binary(syi_argument_array(&args[1]), syi_argument_array(&args[2]),
                            weight_of(&args[3]), err));
    }
    const sy_dtype dtype = syi_result_type(&args[1], 2);
    SY_TRY(syi_check_floating(dtype, err));
    SY_TRY(syi_infer_describe_broadcast(result, dtype, &args[1], 2, err));
    const bool fits = reduction == SYI_REDUCTION_NONE ? syi_array_same_shape(grad, &result->outs[0])
                                                      : syi_array_numel(grad) == 1;
    if (!fits || grad->dtype != dtype) {
        char grad_text[SYI_SHAPE_TEXT];
        return syi_fail(err, fits ? SY_EDTYPE : SY_ESHAPE,
                        "grad_output is %s %s, which is not what the loss gives",
                        sy_dtype_name(grad->dtype), SYI_SHAPE(grad, grad_text));
    }
    return SY_OK;
}
