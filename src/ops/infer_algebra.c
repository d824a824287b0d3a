/*
 * infer_algebra.c - products of vectors and batches of matrices, and what is asked of square ones. Test:
 * infer_vectors_test.c.
 */
#include "ops/einsum.h"
#include "ops/infer.h"

#include <inttypes.h>

static sy_status check_ndim(const syi_array *array, int ndim, const char *what, sy_error *err)
{
    if (array->ndim != ndim) {
        char text[SYI_SHAPE_TEXT];
        return syi_fail(err, SY_ESHAPE, "%s is %s, expected %d dimension%s", what,
                        SYI_SHAPE(array, text), ndim, ndim == 1 ? "" : "s");
    }
    return SY_OK;
}

/* The product of the other operands, by the rule of matmul, once they have the dims they must have. */
static sy_status product_of(const syi_op *op, const sy_value *args, int a_ndim, int b_ndim,
                            syi_inference *result, sy_error *err)
{
    const syi_array *a = syi_argument_array(&args[0]), *b = syi_argument_array(&args[1]);
    SY_TRY(check_ndim(a, a_ndim, "the left side", err));
    SY_TRY(check_ndim(b, b_ndim, "the right side", err));
    if (a_ndim == 3 && a->shape[0] != b->shape[0]) {
        return syi_fail(err, SY_ESHAPE, "%" PRId64 " matrices by %" PRId64, a->shape[0],
                        b->shape[0]);
    }
    return syi_infer_matmul(op, args, result, err);
}

sy_status syi_infer_bmm(const syi_op *op, const sy_value *args, syi_inference *result,
                        sy_error *err)
{
    return product_of(op, args, 3, 3, result, err);
}

sy_status syi_infer_mv(const syi_op *op, const sy_value *args, syi_inference *result, sy_error *err)
{
    return product_of(op, args, 2, 1, result, err);
}

sy_status syi_infer_dot(const syi_op *op, const sy_value *args, syi_inference *result,
                        sy_error *err)
{
    return product_of(op, args, 1, 1, result, err);
}

sy_status syi_infer_baddbmm(const syi_op *op, const sy_value *args, syi_inference *result,
                            sy_error *err)
{
    const syi_array *self = syi_argument_array(&args[0]);
    SY_TRY(product_of(op, args + 1, 3, 3, result, err));
    if (self->dtype != result->outs[0].dtype) {
        return syi_fail(err, SY_EDTYPE, "self is %s, the product %s", sy_dtype_name(self->dtype),
                        sy_dtype_name(result->outs[0].dtype));
    }
    return syi_check_expandable(self, &result->outs[0], err);
}

sy_status syi_infer_outer(const syi_op *op, const sy_value *args, syi_inference *result,
                          sy_error *err)
{
    (void)op;
    const syi_array *a = syi_argument_array(&args[0]), *b = syi_argument_array(&args[1]);
    SY_TRY(check_ndim(a, 1, "the left side", err));
    SY_TRY(check_ndim(b, 1, "the right side", err));
    const int64_t shape[] = {a->shape[0], b->shape[0]};
    return syi_infer_describe(result, syi_result_type(args, 2), 2, shape, err);
}

sy_status syi_infer_trace(const syi_op *op, const sy_value *args, syi_inference *result,
                          sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    SY_TRY(check_ndim(self, 2, "self", err));
    return syi_infer_describe(
        result, sy_dtype_is_floating(self->dtype) ? self->dtype : SY_DTYPE_I64, 0, NULL, err);
}

static sy_status check_square(const syi_array *self, sy_error *err)
{
    char text[SYI_SHAPE_TEXT];
    const int d = self->ndim;
    if (d < 2 || self->shape[d - 1] != self->shape[d - 2]) {
        return syi_fail(err, SY_ESHAPE, "%s is no square matrix, nor a batch of them",
                        SYI_SHAPE(self, text));
    }
    return syi_check_floating(self->dtype, err);
}

sy_status syi_infer_inverse(const syi_op *op, const sy_value *args, syi_inference *result,
                            sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    SY_TRY(check_square(self, err));
    return syi_infer_describe(result, self->dtype, self->ndim, self->shape, err);
}

sy_status syi_infer_det(const syi_op *op, const sy_value *args, syi_inference *result,
                        sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    SY_TRY(check_square(self, err));
    return syi_infer_describe(result, self->dtype, self->ndim - 2, self->shape, err);
}

/* self X = other, where other is one vector, or matrices whose batches broadcast with self's */
sy_status syi_infer_solve(const syi_op *op, const sy_value *args, syi_inference *result,
                          sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]), *other = syi_argument_array(&args[1]);
    char left[SYI_SHAPE_TEXT], right[SYI_SHAPE_TEXT];
    SY_TRY(check_square(self, err));
    if (self->dtype != other->dtype) {
        return syi_fail(err, SY_EDTYPE, "%s by %s: the dtypes differ", sy_dtype_name(self->dtype),
                        sy_dtype_name(other->dtype));
    }
    const int inner = other->ndim == 1 ? 1 : 2;
    int64_t shape[SY_DIM_MAX];
    int ndim;
    if (other->ndim == 0 || other->shape[other->ndim - inner] != self->shape[self->ndim - 1] ||
        syi_shape_broadcast(&ndim, shape, self->ndim - 2, self->shape, other->ndim - inner,
                            other->shape, NULL) != SY_OK) {
        return syi_fail(err, SY_ESHAPE, "%s by %s", SYI_SHAPE(self, left), SYI_SHAPE(other, right));
    }
    for (int k = inner; k > 0; k--) {
        shape[ndim++] = other->shape[other->ndim - k];
    }
    return syi_infer_describe(result, self->dtype, ndim, shape, err);
}

static sy_status describe_einsum(const syi_einsum *einsum, const syi_array *first,
                                 syi_inference *result, sy_error *err)
{
    int64_t shape[SY_DIM_MAX];
    for (int d = 0; d < einsum->out.ndim; d++) {
        shape[d] = einsum->sizes[einsum->out.labels[d]];
    }
    return syi_infer_describe(result, first->dtype, einsum->out.ndim, shape, err);
}

static sy_status check_same_dtype(const syi_array *a, const syi_array *b, sy_error *err)
{
    if (a->dtype != b->dtype || a->dtype == SY_DTYPE_BOOL) {
        return syi_fail(err, SY_EDTYPE, "%s by %s: one dtype that is not bool is needed",
                        sy_dtype_name(a->dtype), sy_dtype_name(b->dtype));
    }
    return SY_OK;
}

/* equation tensors */
sy_status syi_infer_einsum(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    (void)op;
    const size_t count = args[1].as.list.count;
    const syi_array *operands[SYI_OUTPUT_MAX];
    syi_einsum einsum;
    for (size_t k = 0; k < count && k < SYI_OUTPUT_MAX; k++) {
        operands[k] = syi_argument_array(&args[1].as.list.items[k]);
        SY_TRY(check_same_dtype(operands[0], operands[k], err));
    }
    SY_TRY(syi_einsum_parse(&einsum, args[0].as.string, operands, (int)count, err));
    return describe_einsum(&einsum, operands[0], result, err);
}

sy_status syi_infer_tensordot(const syi_op *op, const sy_value *args, syi_inference *result,
                              sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]), *other = syi_argument_array(&args[1]);
    syi_einsum einsum;
    SY_TRY(check_same_dtype(self, other, err));
    SY_TRY(syi_einsum_of_tensordot(&einsum, self, other, &args[2], &args[3], err));
    return describe_einsum(&einsum, self, result, err);
}
