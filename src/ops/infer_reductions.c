/* infer_reductions.c - results with fewer elements. Test: infer_reductions_test.c, infer_vectors_test.c. */
#include "ops/infer.h"

#include <inttypes.h>

sy_status syi_argument_dim_set(const sy_value *dims, int ndim, unsigned *set, sy_error *err)
{
    syi_ints ints = syi_argument_ints(dims);
    *set = ints.count == 0 ? (1u << SY_DIM_MAX) - 1 : 0;
    for (size_t i = 0; i < ints.count; i++) {
        int dim;
        SY_TRY(syi_argument_dim(&ints.items[i], ndim, &dim, err));
        if ((*set >> dim & 1u) != 0) {
            return syi_fail(err, SY_EINVAL, "dimension %d is given twice", dim);
        }
        *set |= 1u << dim;
    }
    return SY_OK;
}

sy_status syi_infer_reduced(syi_inference *result, sy_dtype dtype, const syi_array *self,
                            unsigned set, bool keepdim, sy_error *err)
{
    int64_t shape[SY_DIM_MAX];
    int ndim = 0;
    for (int i = 0; i < self->ndim; i++) {
        bool reduced = (set >> i & 1u) != 0;
        if (!reduced || keepdim) {
            shape[ndim++] = reduced ? 1 : self->shape[i];
        }
    }
    return syi_infer_describe(result, dtype, ndim, shape, err);
}

/* Integers and bool add up in int64. */
static sy_dtype sum_type(sy_dtype dtype)
{
    return sy_dtype_is_floating(dtype) ? dtype : SY_DTYPE_I64;
}

sy_status syi_infer_sum(const syi_op *op, const sy_value *args, syi_inference *result,
                        sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    unsigned set;
    SY_TRY(syi_argument_dim_set(&args[1], self->ndim, &set, err));
    sy_dtype dtype = syi_argument_dtype(&args[3], sum_type(self->dtype));
    return syi_infer_reduced(result, dtype, self, set, args[2].as.boolean, err);
}

sy_status syi_infer_mean(const syi_op *op, const sy_value *args, syi_inference *result,
                         sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    sy_dtype dtype = syi_argument_dtype(&args[3], self->dtype);
    unsigned set;
    SY_TRY(syi_check_floating(dtype, err));
    SY_TRY(syi_argument_dim_set(&args[1], self->ndim, &set, err));
    return syi_infer_reduced(result, dtype, self, set, args[2].as.boolean, err);
}

/* Nothing has an extremum when there is nothing to choose from. */
static sy_status check_choice(const syi_array *self, int dim, bool all, sy_error *err)
{
    bool nothing = all ? syi_array_numel(self) == 0 : self->ndim > 0 && self->shape[dim] == 0;
    if (nothing) {
        char text[SYI_SHAPE_TEXT];
        return syi_fail(err, SY_ESHAPE, "%s has no element to choose%s", SYI_SHAPE(self, text),
                        all ? "; name a dim that is not empty" : " along this dim");
    }
    return SY_OK;
}

sy_status syi_infer_extremum(const syi_op *op, const sy_value *args, syi_inference *result,
                             sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    bool keepdim = args[2].as.boolean;
    if (syi_is_none(&args[1])) {
        if (keepdim) {
            return syi_fail(err, SY_EINVAL, "keepdim needs a dim");
        }
        SY_TRY(check_choice(self, 0, true, err));
        return syi_infer_describe(result, self->dtype, 0, NULL, err);
    }
    int dim;
    SY_TRY(syi_argument_dim(&args[1], self->ndim, &dim, err));
    SY_TRY(check_choice(self, dim, false, err));
    SY_TRY(syi_infer_reduced(result, self->dtype, self, 1u << dim, keepdim, err));
    return syi_infer_reduced(result, SY_DTYPE_I64, self, 1u << dim, keepdim, err);
}

sy_status syi_infer_arg_extremum(const syi_op *op, const sy_value *args, syi_inference *result,
                                 sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    if (self->dtype == SY_DTYPE_BOOL) {
        return syi_fail(err, SY_EDTYPE, "not for a tensor of bool");
    }
    int dim = 0;
    unsigned set = (1u << SY_DIM_MAX) - 1;
    bool all = syi_is_none(&args[1]);
    if (!all) {
        SY_TRY(syi_argument_dim(&args[1], self->ndim, &dim, err));
        set = 1u << dim;
    }
    SY_TRY(check_choice(self, dim, all, err));
    return syi_infer_reduced(result, SY_DTYPE_I64, self, set, args[2].as.boolean, err);
}

/* The reverse of broadcasting. As PyTorch: what is summed promotes as sum does, what is not stays. */
sy_status syi_infer_sum_to_size(const syi_op *op, const sy_value *args, syi_inference *result,
                                sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    syi_array target = {.ndim = 0};
    SY_TRY(syi_argument_dims(&args[1], target.shape, &target.ndim, err));
    SY_TRY(syi_check_expandable(&target, self, err));
    int leading = self->ndim - target.ndim;
    bool sums = leading > 0 || target.ndim == 0;
    for (int i = 0; i < target.ndim; i++) {
        sums = sums || target.shape[i] != self->shape[leading + i];
    }
    return syi_infer_describe(result, sums ? sum_type(self->dtype) : self->dtype, target.ndim,
                              target.shape, err);
}
