/*
 * infer_functions.c - dtypes of pointwise operations that not every dtype has: quotients, bits, roundings, activations,
 * clamps. Test: infer_vectors_test.c.
 */
#include "ops/infer.h"

#include <string.h>

static sy_status refuse_bool(sy_dtype dtype, sy_error *err)
{
    if (dtype == SY_DTYPE_BOOL) {
        return syi_fail(err, SY_EDTYPE, "not for a result of bool");
    }
    return SY_OK;
}

sy_status syi_infer_quotient(const syi_op *op, const sy_value *args, syi_inference *result,
                             sy_error *err)
{
    (void)op;
    const sy_dtype dtype = syi_result_type(args, 2);
    SY_TRY(refuse_bool(dtype, err));
    return syi_infer_describe_broadcast(result, dtype, args, 2, err);
}

sy_status syi_infer_bitwise(const syi_op *op, const sy_value *args, syi_inference *result,
                            sy_error *err)
{
    const sy_dtype dtype = syi_result_type(args, 2);
    if (sy_dtype_is_floating(dtype)) {
        return syi_fail(err, SY_EDTYPE, "needs integers or bool, not %s", sy_dtype_name(dtype));
    }
    if (op->id == SYI_OP_bitwise_left_shift || op->id == SYI_OP_bitwise_right_shift) {
        SY_TRY(refuse_bool(dtype, err));
    }
    return syi_infer_describe_broadcast(result, dtype, args, 2, err);
}

static sy_status describe_like(syi_inference *result, sy_dtype dtype, const syi_array *self,
                               sy_error *err)
{
    return syi_infer_describe(result, dtype, self->ndim, self->shape, err);
}

sy_status syi_infer_bitwise_not(const syi_op *op, const sy_value *args, syi_inference *result,
                                sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    if (sy_dtype_is_floating(self->dtype)) {
        return syi_fail(err, SY_EDTYPE, "needs integers or bool, not %s",
                        sy_dtype_name(self->dtype));
    }
    return describe_like(result, self->dtype, self, err);
}

sy_status syi_infer_predicate(const syi_op *op, const sy_value *args, syi_inference *result,
                              sy_error *err)
{
    (void)op;
    return describe_like(result, SY_DTYPE_BOOL, syi_argument_array(&args[0]), err);
}

/* The square of a bool is an int64, as of pow(self, 2). */
sy_status syi_infer_square(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    return describe_like(result, self->dtype == SY_DTYPE_BOOL ? SY_DTYPE_I64 : self->dtype, self,
                         err);
}

sy_status syi_infer_rounding(const syi_op *op, const sy_value *args, syi_inference *result,
                             sy_error *err)
{
    const syi_array *self = syi_argument_array(&args[0]);
    SY_TRY(op->id == SYI_OP_frac ? syi_check_floating(self->dtype, err)
                                 : refuse_bool(self->dtype, err));
    return describe_like(result, self->dtype, self, err);
}

static double number_of(const sy_value *value)
{
    return value->kind == SY_VALUE_INT    ? (double)value->as.integer
           : value->kind == SY_VALUE_BOOL ? (double)value->as.boolean
                                          : value->as.real;
}

sy_status syi_infer_activation(const syi_op *op, const sy_value *args, syi_inference *result,
                               sy_error *err)
{
    const syi_array *self = syi_argument_array(&args[0]);
    SY_TRY(op->id == SYI_OP_hardtanh ? refuse_bool(self->dtype, err)
                                     : syi_check_floating(self->dtype, err));
    if (op->id == SYI_OP_gelu && strcmp(args[1].as.string, "none") != 0 &&
        strcmp(args[1].as.string, "tanh") != 0) {
        return syi_fail(err, SY_EINVAL, "approximate \"%.40s\" is not none or tanh",
                        args[1].as.string);
    }
    if (op->id == SYI_OP_celu && number_of(&args[1]) == 0) {
        return syi_fail(err, SY_ERANGE, "alpha is 0");
    }
    return describe_like(result, self->dtype, self, err);
}

sy_status syi_infer_clamp(const syi_op *op, const sy_value *args, syi_inference *result,
                          sy_error *err)
{
    const size_t count = op->id == SYI_OP_clamp ? 3 : 2;
    if (syi_is_none(&args[1]) && syi_is_none(&args[count - 1])) {
        return syi_fail(err, SY_EINVAL, "min or max must be given");
    }
    const sy_dtype dtype = syi_result_type(args, count);
    SY_TRY(refuse_bool(dtype, err));
    return syi_infer_describe_broadcast(result, dtype, args, count, err);
}

/* addcmul and addcdiv: self + value tensor1 (times or by) tensor2 */
sy_status syi_infer_ternary(const syi_op *op, const sy_value *args, syi_inference *result,
                            sy_error *err)
{
    const sy_dtype dtype = syi_result_type(args, 3);
    SY_TRY(op->id == SYI_OP_addcdiv ? syi_check_floating(syi_result_type(args + 1, 2), err)
                                    : refuse_bool(dtype, err));
    if (args[3].kind == SY_VALUE_FLOAT && !sy_dtype_is_floating(dtype)) {
        return syi_fail(err, SY_EDTYPE, "value %g is not an integer, but the result is %s",
                        args[3].as.real, sy_dtype_name(dtype));
    }
    return syi_infer_describe_broadcast(result, dtype, args, 3, err);
}

sy_status syi_infer_lerp(const syi_op *op, const sy_value *args, syi_inference *result,
                         sy_error *err)
{
    (void)op;
    const sy_dtype dtype = syi_argument_array(&args[0])->dtype;
    SY_TRY(syi_check_floating(dtype, err));
    for (int k = 1; k < 3; k++) {
        const sy_dtype other = syi_is_array(&args[k]) ? syi_argument_array(&args[k])->dtype : dtype;
        if (other != dtype) {
            return syi_fail(err, SY_EDTYPE, "%s is %s, but self is %s", k == 1 ? "end" : "weight",
                            sy_dtype_name(other), sy_dtype_name(dtype));
        }
    }
    return syi_infer_describe_broadcast(result, dtype, args, 3, err);
}
