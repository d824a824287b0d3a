/* infer_linear.c - products of matrices. Test: infer_linear_test.c, infer_vectors_test.c. */
#include "ops/infer.h"

#include <inttypes.h>
#include <stdio.h>

/* Both in the dtype of the result, which has a sum and a product. */
static sy_status check_dtypes(const syi_array *a, const syi_array *b, sy_error *err)
{
    if (a->dtype != b->dtype) {
        return syi_fail(err, SY_EDTYPE, "%s by %s: the dtypes differ", sy_dtype_name(a->dtype),
                        sy_dtype_name(b->dtype));
    }
    if (a->dtype == SY_DTYPE_BOOL) {
        return syi_fail(err, SY_EDTYPE, "not for tensors of bool");
    }
    return SY_OK;
}

static sy_status refuse_product(const syi_array *a, const syi_array *b, const char *reason,
                                sy_error *err)
{
    char a_text[SYI_SHAPE_TEXT], b_text[SYI_SHAPE_TEXT];
    return syi_fail(err, SY_ESHAPE, "%s by %s: %s", SYI_SHAPE(a, a_text), SYI_SHAPE(b, b_text),
                    reason);
}

static sy_status check_inner(const syi_array *a, const syi_array *b, int64_t a_inner,
                             int64_t b_inner, sy_error *err)
{
    if (a_inner == b_inner) {
        return SY_OK;
    }
    char reason[80];
    snprintf(reason, sizeof reason, "inner sizes %" PRId64 " and %" PRId64 " differ", a_inner,
             b_inner);
    return refuse_product(a, b, reason, err);
}

/* numpy's rules: a 1-d side is a row (left) or column (right) whose dim is dropped from the result. */
static sy_status product(syi_inference *result, const syi_array *a, const syi_array *b,
                         sy_error *err)
{
    if (a->ndim == 0 || b->ndim == 0) {
        return refuse_product(a, b, "a scalar has no product of matrices; use mul", err);
    }
    bool a_matrix = a->ndim > 1, b_matrix = b->ndim > 1;
    int64_t b_inner = b->shape[b_matrix ? b->ndim - 2 : 0];
    SY_TRY(check_inner(a, b, a->shape[a->ndim - 1], b_inner, err));
    SY_TRY(check_dtypes(a, b, err));
    int64_t shape[SY_DIM_MAX];
    int ndim;
    if (syi_shape_broadcast(&ndim, shape, a_matrix ? a->ndim - 2 : 0, a->shape,
                            b_matrix ? b->ndim - 2 : 0, b->shape, NULL) != SY_OK) {
        return refuse_product(a, b, "the batch dimensions do not broadcast", err);
    }
    if (a_matrix) {
        shape[ndim++] = a->shape[a->ndim - 2];
    }
    if (b_matrix) {
        shape[ndim++] = b->shape[b->ndim - 1];
    }
    return syi_infer_describe(result, a->dtype, ndim, shape, err);
}

sy_status syi_infer_matmul(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    (void)op;
    return product(result, syi_argument_array(&args[0]), syi_argument_array(&args[1]), err);
}

static sy_status matrix_product(syi_inference *result, const syi_array *a, const syi_array *b,
                                sy_error *err)
{
    if (a->ndim != 2 || b->ndim != 2) {
        return refuse_product(a, b, "both must be matrices", err);
    }
    return product(result, a, b, err);
}

sy_status syi_infer_mm(const syi_op *op, const sy_value *args, syi_inference *result, sy_error *err)
{
    (void)op;
    return matrix_product(result, syi_argument_array(&args[0]), syi_argument_array(&args[1]), err);
}

sy_status syi_infer_addmm(const syi_op *op, const sy_value *args, syi_inference *result,
                          sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    SY_TRY(matrix_product(result, syi_argument_array(&args[1]), syi_argument_array(&args[2]), err));
    SY_TRY(check_dtypes(self, &result->outs[0], err));
    return syi_check_expandable(self, &result->outs[0], err);
}

sy_status syi_infer_linear(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    (void)op;
    const syi_array *input = syi_argument_array(&args[0]);
    const syi_array *weight = syi_argument_array(&args[1]);
    bool biased = !syi_is_none(&args[2]);
    if (weight->ndim < 1 || weight->ndim > 2 || (weight->ndim == 1 && biased && input->ndim > 1)) {
        return refuse_product(input, weight, "the weight must be out x in", err);
    }
    if (input->ndim > 0) {
        SY_TRY(check_inner(input, weight, input->shape[input->ndim - 1],
                           weight->shape[weight->ndim - 1], err));
    }
    syi_array turned = *weight; /* only looked at, holds no reference */
    if (weight->ndim == 2) {
        turned.shape[0] = weight->shape[1];
        turned.shape[1] = weight->shape[0];
    }
    SY_TRY(product(result, input, &turned, err));
    if (biased) {
        const syi_array *bias = syi_argument_array(&args[2]);
        SY_TRY(check_dtypes(bias, &result->outs[0], err));
        SY_TRY(syi_check_expandable(bias, &result->outs[0], err));
    }
    return SY_OK;
}
