/* infer_windows.c - convolution and pooling with their backward halves; the geometry is in window.h. Test:
 * infer_windows_test.c, infer_vectors_test.c. */
#include "ops/window.h"

#include <inttypes.h>

sy_status syi_infer_convolution(const syi_op *op, const sy_value *args, syi_inference *result,
                                sy_error *err)
{
    syi_convolution c;
    int64_t shape[SY_DIM_MAX];
    SY_TRY(syi_convolution_read(&c, op, args, err));
    const int ndim = syi_convolution_shape(&c, shape);
    return syi_infer_describe(result, c.input->dtype, ndim, shape, err);
}

/* grad_output must have exactly the shape and dtype of the result. */
static sy_status check_grad(const syi_array *grad, sy_dtype dtype, int ndim, const int64_t *shape,
                            sy_error *err)
{
    syi_array expected;
    SY_TRY(syi_array_describe(&expected, dtype, ndim, shape, err));
    if (!syi_array_same_shape(grad, &expected) || grad->dtype != dtype) {
        char grad_text[SYI_SHAPE_TEXT], expected_text[SYI_SHAPE_TEXT];
        return syi_fail(err, grad->dtype != dtype ? SY_EDTYPE : SY_ESHAPE,
                        "grad_output is %s %s, expected %s %s", sy_dtype_name(grad->dtype),
                        SYI_SHAPE(grad, grad_text), sy_dtype_name(dtype),
                        SYI_SHAPE(&expected, expected_text));
    }
    return SY_OK;
}

sy_status syi_infer_convolution_backward(const syi_op *op, const sy_value *args,
                                         syi_inference *result, sy_error *err)
{
    syi_convolution c;
    int64_t shape[SY_DIM_MAX];
    bool mask[3];
    SY_TRY(syi_convolution_read(&c, op, args, err));
    SY_TRY(syi_argument_mask(&args[10], mask, err));
    const int ndim = syi_convolution_shape(&c, shape);
    SY_TRY(check_grad(syi_argument_array(&args[0]), c.input->dtype, ndim, shape, err));
    SY_TRY(syi_infer_part(result, mask[0], c.input->dtype, c.input->ndim, c.input->shape, err));
    SY_TRY(syi_infer_part(result, mask[1], c.input->dtype, c.weight->ndim, c.weight->shape, err));
    return syi_infer_part(result, mask[2], c.input->dtype, 1, &c.out_channels, err);
}

sy_status syi_infer_max_pool2d(const syi_op *op, const sy_value *args, syi_inference *result,
                               sy_error *err)
{
    syi_pooling p;
    int64_t shape[SY_DIM_MAX];
    SY_TRY(syi_pooling_read(&p, op, args, err));
    const int ndim = syi_pooling_shape(&p, shape);
    SY_TRY(syi_infer_describe(result, p.input->dtype, ndim, shape, err));
    return op->id == SYI_OP_max_pool2d ? SY_OK
                                       : syi_infer_describe(result, SY_DTYPE_I64, ndim, shape, err);
}

sy_status syi_infer_avg_pool2d(const syi_op *op, const sy_value *args, syi_inference *result,
                               sy_error *err)
{
    syi_pooling p;
    int64_t shape[SY_DIM_MAX];
    SY_TRY(syi_pooling_read(&p, op, args, err));
    return syi_infer_describe(result, p.input->dtype, syi_pooling_shape(&p, shape), shape, err);
}

sy_status syi_infer_avg_pool2d_backward(const syi_op *op, const sy_value *args,
                                        syi_inference *result, sy_error *err)
{
    syi_pooling p;
    int64_t shape[SY_DIM_MAX];
    SY_TRY(syi_pooling_read(&p, op, args, err));
    const int ndim = syi_pooling_shape(&p, shape);
    SY_TRY(check_grad(syi_argument_array(&args[0]), p.input->dtype, ndim, shape, err));
    return syi_infer_describe(result, p.input->dtype, ndim, p.input->shape, err);
}

sy_status syi_infer_max_pool2d_backward(const syi_op *op, const sy_value *args,
                                        syi_inference *result, sy_error *err)
{
    const syi_array *grad = syi_argument_array(&args[0]);
    const syi_array *indices = syi_argument_array(&args[7]);
    SY_TRY(syi_infer_avg_pool2d_backward(op, args, result, err));
    if (indices->dtype != SY_DTYPE_I64 || !syi_array_same_shape(indices, grad)) {
        char text[SYI_SHAPE_TEXT], grad_text[SYI_SHAPE_TEXT];
        return syi_fail(err, SY_ESHAPE, "indices are %s %s, expected int64 %s",
                        sy_dtype_name(indices->dtype), SYI_SHAPE(indices, text),
                        SYI_SHAPE(grad, grad_text));
    }
    return SY_OK;
}

sy_status syi_infer_adaptive_avg_pool2d(const syi_op *op, const sy_value *args,
                                        syi_inference *result, sy_error *err)
{
    (void)op;
    syi_pooling p;
    int64_t shape[SY_DIM_MAX];
    SY_TRY(syi_pooling_read_adaptive(&p, syi_argument_array(&args[0]), &args[1], err));
    return syi_infer_describe(result, p.input->dtype, syi_pooling_shape(&p, shape), shape, err);
}

/* The places are those of grad_output. */
sy_status syi_infer_adaptive_avg_pool2d_backward(const syi_op *op, const sy_value *args,
                                                 syi_inference *result, sy_error *err)
{
    (void)op;
    syi_pooling p;
    const syi_array *grad = syi_argument_array(&args[0]), *self = syi_argument_array(&args[1]);
    int64_t shape[SY_DIM_MAX];
    sy_value places[2] = {sy_value_int(1), sy_value_int(1)};
    for (int d = 0; d < 2 && grad->ndim >= 2; d++) {
        places[d] = sy_value_int(grad->shape[grad->ndim - 2 + d]);
    }
    const sy_value size = sy_value_list(places, 2);
    SY_TRY(syi_pooling_read_adaptive(&p, self, &size, err));
    const int ndim = syi_pooling_shape(&p, shape);
    SY_TRY(check_grad(grad, self->dtype, ndim, shape, err));
    return syi_infer_describe(result, self->dtype, self->ndim, self->shape, err);
}
