/*
 * infer_folds.c - reductions beyond sums and extrema, scans, and what sorting picks. Test: infer_vectors_test.c.
 */
#include "ops/infer.h"

#include <inttypes.h>

static const syi_array *self_of(const sy_value *args)
{
    return syi_argument_array(&args[0]);
}

/* uint8 stays uint8, everything else becomes bool. */
sy_status syi_infer_truth(const syi_op *op, const sy_value *args, syi_inference *result,
                          sy_error *err)
{
    (void)op;
    const syi_array *self = self_of(args);
    unsigned set;
    SY_TRY(syi_argument_dim_set(&args[1], self->ndim, &set, err));
    return syi_infer_reduced(result, self->dtype == SY_DTYPE_U8 ? SY_DTYPE_U8 : SY_DTYPE_BOOL, self,
                             set, args[2].as.boolean, err);
}

sy_status syi_infer_count(const syi_op *op, const sy_value *args, syi_inference *result,
                          sy_error *err)
{
    (void)op;
    const syi_array *self = self_of(args);
    unsigned set;
    SY_TRY(syi_argument_dim_set(&args[1], self->ndim, &set, err));
    return syi_infer_reduced(result, SY_DTYPE_I64, self, set, false, err);
}

/* amax, amin */
sy_status syi_infer_extrema(const syi_op *op, const sy_value *args, syi_inference *result,
                            sy_error *err)
{
    (void)op;
    const syi_array *self = self_of(args);
    unsigned set;
    SY_TRY(syi_argument_dim_set(&args[1], self->ndim, &set, err));
    for (int d = 0; d < self->ndim; d++) {
        if ((set >> d & 1u) != 0 && self->shape[d] == 0) {
            char text[SYI_SHAPE_TEXT];
            return syi_fail(err, SY_ESHAPE, "%s has no element to choose along dimension %d",
                            SYI_SHAPE(self, text), d);
        }
    }
    return syi_infer_reduced(result, self->dtype, self, set, args[2].as.boolean, err);
}

/* var, std: self dim unbiased keepdim */
sy_status syi_infer_moment(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    (void)op;
    const syi_array *self = self_of(args);
    unsigned set;
    SY_TRY(syi_check_floating(self->dtype, err));
    SY_TRY(syi_argument_dim_set(&args[1], self->ndim, &set, err));
    return syi_infer_reduced(result, self->dtype, self, set, args[3].as.boolean, err);
}

/* self p dim keepdim dtype */
sy_status syi_infer_norm(const syi_op *op, const sy_value *args, syi_inference *result,
                         sy_error *err)
{
    (void)op;
    const syi_array *self = self_of(args);
    const sy_dtype dtype = syi_argument_dtype(&args[4], self->dtype);
    unsigned set;
    SY_TRY(syi_check_floating(self->dtype, err));
    SY_TRY(syi_check_floating(dtype, err));
    SY_TRY(syi_argument_dim_set(&args[2], self->ndim, &set, err));
    const bool endless = args[1].kind == SY_VALUE_FLOAT && args[1].as.real < 0;
    const bool negative = endless || (args[1].kind == SY_VALUE_INT && args[1].as.integer < 0);
    for (int d = 0; negative && d < self->ndim; d++) {
        if ((set >> d & 1u) != 0 && self->shape[d] == 0) {
            return syi_fail(err, SY_ESHAPE, "a negative p over no elements");
        }
    }
    return syi_infer_reduced(result, dtype, self, set, args[3].as.boolean, err);
}

sy_status syi_infer_logsumexp(const syi_op *op, const sy_value *args, syi_inference *result,
                              sy_error *err)
{
    (void)op;
    const syi_array *self = self_of(args);
    unsigned set;
    SY_TRY(syi_argument_dim_set(&args[1], self->ndim, &set, err));
    const sy_dtype dtype = sy_dtype_is_floating(self->dtype) ? self->dtype : SY_DTYPE_F32;
    return syi_infer_reduced(result, dtype, self, set, args[2].as.boolean, err);
}

/* cumsum, cumprod: self dim dtype. Small integers and bool add up in int64. */
sy_status syi_infer_scan(const syi_op *op, const sy_value *args, syi_inference *result,
                         sy_error *err)
{
    const syi_array *self = self_of(args);
    int dim;
    SY_TRY(syi_argument_dim(&args[1], self->ndim, &dim, err));
    const sy_dtype natural = sy_dtype_is_floating(self->dtype) ? self->dtype : SY_DTYPE_I64;
    const sy_dtype dtype = syi_argument_dtype(&args[2], natural);
    if (dtype == SY_DTYPE_BOOL) {
        return syi_fail(err, SY_EDTYPE, "%s has no result of bool", op->name);
    }
    return syi_infer_describe(result, dtype, self->ndim, self->shape, err);
}

/* grad self dim output */
sy_status syi_infer_scan_backward(const syi_op *op, const sy_value *args, syi_inference *result,
                                  sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[1]);
    int dim;
    SY_TRY(syi_argument_dim(&args[2], self->ndim, &dim, err));
    SY_TRY(syi_check_floating(self->dtype, err));
    if (!syi_array_same_shape(self, syi_argument_array(&args[0]))) {
        return syi_fail(err, SY_ESHAPE, "grad and input differ in shape");
    }
    return syi_infer_describe(result, self->dtype, self->ndim, self->shape, err);
}

/* sort: values and positions; argsort: positions */
sy_status syi_infer_sort(const syi_op *op, const sy_value *args, syi_inference *result,
                         sy_error *err)
{
    const syi_array *self = self_of(args);
    int dim;
    SY_TRY(syi_argument_dim(&args[1], self->ndim, &dim, err));
    if (op->id == SYI_OP_sort) {
        SY_TRY(syi_infer_describe(result, self->dtype, self->ndim, self->shape, err));
    }
    return syi_infer_describe(result, SY_DTYPE_I64, self->ndim, self->shape, err);
}

/* How many candidates there are along the dim, 1 in a scalar. */
static sy_status candidates(const syi_array *self, const sy_value *dim_value, int *dim, int64_t *n,
                            sy_error *err)
{
    *dim = 0;
    SY_TRY(syi_argument_dim(dim_value, self->ndim, dim, err));
    *n = self->ndim > 0 ? self->shape[*dim] : 1;
    return SY_OK;
}

/* self k dim largest sorted */
sy_status syi_infer_topk(const syi_op *op, const sy_value *args, syi_inference *result,
                         sy_error *err)
{
    (void)op;
    const syi_array *self = self_of(args);
    const int64_t k = args[1].as.integer;
    int dim;
    int64_t n, shape[SY_DIM_MAX] = {0};
    SY_TRY(candidates(self, &args[2], &dim, &n, err));
    if (self->dtype == SY_DTYPE_BOOL) {
        return syi_fail(err, SY_EDTYPE, "not for a tensor of bool");
    }
    if (k < 0 || k > n) {
        return syi_fail(err, SY_ERANGE, "k is %" PRId64 ", but dimension %d has %" PRId64, k, dim,
                        n);
    }
    for (int d = 0; d < self->ndim; d++) {
        shape[d] = d == dim ? k : self->shape[d];
    }
    SY_TRY(syi_infer_describe(result, self->dtype, self->ndim, shape, err));
    return syi_infer_describe(result, SY_DTYPE_I64, self->ndim, shape, err);
}

static sy_status describe_pick(syi_inference *result, const syi_array *self, int dim, bool keepdim,
                               sy_error *err)
{
    SY_TRY(syi_infer_reduced(result, self->dtype, self, 1u << dim, keepdim, err));
    return syi_infer_reduced(result, SY_DTYPE_I64, self, 1u << dim, keepdim, err);
}

static sy_status refuse_bool(const syi_array *self, sy_error *err)
{
    return self->dtype == SY_DTYPE_BOOL ? syi_fail(err, SY_EDTYPE, "not for a tensor of bool")
                                        : SY_OK;
}

/* self k dim keepdim */
sy_status syi_infer_kthvalue(const syi_op *op, const sy_value *args, syi_inference *result,
                             sy_error *err)
{
    (void)op;
    const syi_array *self = self_of(args);
    const int64_t k = args[1].as.integer;
    int dim;
    int64_t n;
    SY_TRY(candidates(self, &args[2], &dim, &n, err));
    SY_TRY(refuse_bool(self, err));
    if (k < 1 || k > n) {
        return syi_fail(err, SY_ERANGE, "k is %" PRId64 ", but dimension %d has %" PRId64, k, dim,
                        n);
    }
    return describe_pick(result, self, dim, args[3].as.boolean, err);
}

/* self dim keepdim */
sy_status syi_infer_median(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    (void)op;
    const syi_array *self = self_of(args);
    SY_TRY(refuse_bool(self, err));
    if (syi_is_none(&args[1])) {
        if (args[2].as.boolean) {
            return syi_fail(err, SY_EINVAL, "keepdim needs a dim");
        }
        if (syi_array_numel(self) == 0 && !sy_dtype_is_floating(self->dtype)) {
            return syi_fail(err, SY_ESHAPE, "of no integers");
        }
        return syi_infer_describe(result, self->dtype, 0, NULL, err);
    }
    int dim;
    int64_t n;
    SY_TRY(candidates(self, &args[1], &dim, &n, err));
    if (n == 0) {
        return syi_fail(err, SY_ESHAPE, "dimension %d has no elements", dim);
    }
    return describe_pick(result, self, dim, args[2].as.boolean, err);
}
