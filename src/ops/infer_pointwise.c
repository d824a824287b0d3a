/*
 * infer_pointwise.c - results of the same shape as the broadcast operands, and in-place writes.
 * Test: infer_pointwise_test.c, infer_vectors_test.c.
 */
#include "ops/infer.h"

#include <inttypes.h>

static bool is_bool(const sy_value *operand)
{
    return operand->kind == SY_VALUE_BOOL ||
           (syi_is_array(operand) && syi_argument_array(operand)->dtype == SY_DTYPE_BOOL);
}

/* add, sub and rsub: the number that multiplies the second operand. */
static sy_status check_alpha(const sy_value *alpha, sy_dtype dtype, sy_error *err)
{
    if (alpha->kind == SY_VALUE_BOOL && dtype != SY_DTYPE_BOOL) {
        return syi_fail(err, SY_EDTYPE, "a bool alpha needs a bool result, not %s",
                        sy_dtype_name(dtype));
    }
    if (alpha->kind == SY_VALUE_FLOAT && !sy_dtype_is_floating(dtype)) {
        return syi_fail(err, SY_EDTYPE, "alpha %g is not an integer, but the result is %s",
                        alpha->as.real, sy_dtype_name(dtype));
    }
    return SY_OK;
}

static sy_status check_subtraction(const sy_value *args, sy_dtype dtype, sy_error *err)
{
    if (is_bool(&args[0]) || is_bool(&args[1])) {
        return syi_fail(err, SY_EDTYPE, "bool operands cannot be subtracted");
    }
    return check_alpha(&args[2], dtype, err);
}

static sy_status check_power(const sy_value *args, sy_dtype dtype, sy_error *err)
{
    if (dtype == SY_DTYPE_BOOL) {
        return syi_fail(err, SY_EDTYPE, "bool operands have no power");
    }
    const sy_value *exponent = &args[1];
    if (exponent->kind == SY_VALUE_INT && exponent->as.integer < 0 &&
        !sy_dtype_is_floating(dtype)) {
        return syi_fail(err, SY_ERANGE, "%s to the negative integer power %" PRId64,
                        sy_dtype_name(dtype), exponent->as.integer);
    }
    return SY_OK;
}

/* What a row of the rule `binary` refuses beyond broadcasting. */
static sy_status check_operands(const syi_op *op, const sy_value *args, sy_dtype dtype,
                                sy_error *err)
{
    switch (op->id) {
    case SYI_OP_add:
        return check_alpha(&args[2], dtype, err);
    case SYI_OP_sub:
    case SYI_OP_rsub:
        return check_subtraction(args, dtype, err);
    case SYI_OP_pow:
        return check_power(args, dtype, err);
    case SYI_OP_sigmoid_backward:
    case SYI_OP_tanh_backward:
        return syi_check_floating(dtype, err);
    default:
        return SY_OK;
    }
}

sy_status syi_infer_binary(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    sy_dtype dtype = syi_result_type(args, 2);
    SY_TRY(check_operands(op, args, dtype, err));
    return syi_infer_describe_broadcast(result, dtype, args, 2, err);
}

/* Quotients of integers among integers. */
sy_status syi_infer_integers(const syi_op *op, const sy_value *args, syi_inference *result,
                             sy_error *err)
{
    (void)op;
    const sy_dtype dtype = syi_result_type(args, 2);
    if (sy_dtype_is_floating(dtype) || dtype == SY_DTYPE_BOOL) {
        return syi_fail(err, SY_EDTYPE, "for integers only, not for %s", sy_dtype_name(dtype));
    }
    return syi_infer_describe_broadcast(result, dtype, args, 2, err);
}

/* The default float where integers must leave their kind. */
static sy_dtype to_floating(sy_dtype dtype)
{
    return sy_dtype_is_floating(dtype) ? dtype : SY_DTYPE_F32;
}

sy_status syi_infer_binary_float(const syi_op *op, const sy_value *args, syi_inference *result,
                                 sy_error *err)
{
    (void)op;
    return syi_infer_describe_broadcast(result, to_floating(syi_result_type(args, 2)), args, 2,
                                        err);
}

sy_status syi_infer_compare(const syi_op *op, const sy_value *args, syi_inference *result,
                            sy_error *err)
{
    (void)op;
    return syi_infer_describe_broadcast(result, SY_DTYPE_BOOL, args, 2, err);
}

sy_status syi_infer_where(const syi_op *op, const sy_value *args, syi_inference *result,
                          sy_error *err)
{
    (void)op;
    sy_dtype condition = syi_argument_array(&args[0])->dtype;
    if (condition != SY_DTYPE_BOOL && condition != SY_DTYPE_U8) {
        return syi_fail(err, SY_EDTYPE, "the condition is %s, expected bool",
                        sy_dtype_name(condition));
    }
    return syi_infer_describe_broadcast(result, syi_result_type(args + 1, 2), args, 3, err);
}

sy_status syi_infer_unary(const syi_op *op, const sy_value *args, syi_inference *result,
                          sy_error *err)
{
    const syi_array *self = syi_argument_array(&args[0]);
    bool refuses_bool = op->id == SYI_OP_neg || op->id == SYI_OP_abs || op->id == SYI_OP_relu;
    if (refuses_bool && self->dtype == SY_DTYPE_BOOL) {
        return syi_fail(err, SY_EDTYPE, "not for a tensor of bool");
    }
    return syi_infer_describe(result, self->dtype, self->ndim, self->shape, err);
}

sy_status syi_infer_unary_float(const syi_op *op, const sy_value *args, syi_inference *result,
                                sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    return syi_infer_describe(result, to_floating(self->dtype), self->ndim, self->shape, err);
}

sy_status syi_infer_to(const syi_op *op, const sy_value *args, syi_inference *result, sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    return syi_infer_describe(result, args[1].as.dtype, self->ndim, self->shape, err);
}

/* Rows that only exist in place: self as it is, when the source can be written into it. */
sy_status syi_infer_assign(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    const syi_array *self = syi_argument_array(&args[0]);
    if (op->id == SYI_OP_copy_ || op->id == SYI_OP_sgd_) {
        SY_TRY(syi_check_expandable(syi_argument_array(&args[1]), self, err));
    }
    if (op->id == SYI_OP_sgd_) {
        SY_TRY(syi_check_floating(self->dtype, err));
    }
    return syi_infer_describe(result, self->dtype, self->ndim, self->shape, err);
}
