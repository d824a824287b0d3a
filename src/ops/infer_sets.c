/*
 * infer_sets.c - rules of what counts equal elements: bincount, unique. How many there are depends on contents and is
 * unknown here. Test: infer_sets_test.c, tests/vectors/ops/infer/sets.txt.
 */
#include <inttypes.h>

#include "ops/infer.h"

static bool is_true(const sy_value *value)
{
    return value->kind == SY_VALUE_BOOL && value->as.boolean;
}

/* self weights minlength. Without elements PyTorch looks at nothing else. */
sy_status syi_infer_bincount(const syi_op *op, const sy_value *args, syi_inference *result,
                             sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    const syi_array *weights = syi_is_array(&args[1]) ? syi_argument_array(&args[1]) : NULL;
    const int64_t least = args[2].as.integer;
    if (self->dtype == SY_DTYPE_BOOL || sy_dtype_is_floating(self->dtype)) {
        return syi_fail(err, SY_EDTYPE, "self is %s, expected integers",
                        sy_dtype_name(self->dtype));
    }
    if (self->ndim != 1) {
        return syi_fail(err, SY_ESHAPE, "self has %d dimensions, expected 1", self->ndim);
    }
    if (least < 0) {
        return syi_fail(err, SY_ERANGE, "minlength %" PRId64, least);
    }
    if (self->shape[0] == 0) {
        return syi_infer_describe(result, SY_DTYPE_I64, 1, &least, err);
    }
    if (weights != NULL && (weights->ndim != 1 || weights->shape[0] != self->shape[0])) {
        return syi_fail(err, SY_ESHAPE, "weights do not have the %" PRId64 " elements of self",
                        self->shape[0]);
    }
    return syi_infer_unknown(result, weights == NULL                  ? SY_DTYPE_I64
                                     : weights->dtype == SY_DTYPE_F32 ? SY_DTYPE_F32
                                                                      : SY_DTYPE_F64);
}

/* self [sorted] return_inverse return_counts */
sy_status syi_infer_unique(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    const syi_array *self = syi_argument_array(&args[0]);
    const sy_value *wishes = &args[op->id == SYI_OP_unique ? 2 : 1];
    SY_TRY(syi_infer_unknown(result, self->dtype));
    if (is_true(&wishes[0])) {
        SY_TRY(syi_infer_add(result, syi_array_describe(syi_infer_next(result), SY_DTYPE_I64,
                                                        self->ndim, self->shape, err)));
    }
    return is_true(&wishes[1]) ? syi_infer_unknown(result, SY_DTYPE_I64) : SY_OK;
}
