/*
 * infer_columns.c - images to columns of their windows (torch.nn.functional.unfold) and back (fold), where
 * overlapping windows add up. Test: infer_columns_test.c, infer_vectors_test.c.
 */
#include "ops/infer.h"

#include <inttypes.h>

/* One of the two directions of an image. */
typedef struct side {
    int64_t size, kernel, dilation, padding, stride;
    int64_t count; /* windows */
} side;

/* The i-th of one or two ints; `otherwise` when left out. */
static sy_status read_pair(const sy_value *value, const char *name, int64_t otherwise, int i,
                           int64_t *out, sy_error *err)
{
    const syi_ints ints = syi_argument_ints(value);
    if (syi_is_none(value)) {
        *out = otherwise;
        return SY_OK;
    }
    if (ints.count != 1 && ints.count != 2) {
        return syi_fail(err, SY_EINVAL, "%s has %zu numbers, expected 1 or 2", name, ints.count);
    }
    *out = ints.items[ints.count == 2 ? i : 0].as.integer;
    return SY_OK;
}

/* kernel_size, dilation, padding and stride from args on. */
static sy_status read_side(const sy_value *args, int i, int64_t size, side *made, sy_error *err)
{
    enum { MOST = 1 << 30 };
    made->size = size;
    SY_TRY(read_pair(&args[0], "kernel_size", 1, i, &made->kernel, err));
    SY_TRY(read_pair(&args[1], "dilation", 1, i, &made->dilation, err));
    SY_TRY(read_pair(&args[2], "padding", 0, i, &made->padding, err));
    SY_TRY(read_pair(&args[3], "stride", 1, i, &made->stride, err));
    if (made->kernel < 1 || made->dilation < 1 || made->padding < 0 || made->stride < 1 ||
        made->kernel > MOST || made->dilation > MOST || made->padding > MOST ||
        made->stride > MOST || size > INT64_MAX / 4) {
        return syi_fail(err, SY_ERANGE,
                        "kernel %" PRId64 ", dilation %" PRId64 ", padding %" PRId64
                        ", stride %" PRId64 " are out of range",
                        made->kernel, made->dilation, made->padding, made->stride);
    }
    const int64_t reach = made->dilation * (made->kernel - 1) + 1;
    const int64_t room = size + 2 * made->padding - reach;
    if (room < 0) {
        return syi_fail(err, SY_ESHAPE,
                        "a window of %" PRId64 " does not fit into %" PRId64
                        " with padding %" PRId64,
                        reach, size, made->padding);
    }
    made->count = room / made->stride + 1;
    return SY_OK;
}

sy_status syi_infer_im2col(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    const bool batched = self->ndim == 4;
    char text[SYI_SHAPE_TEXT];
    if (self->ndim != 3 && !batched) {
        return syi_fail(err, SY_ESHAPE, "%s is no image (channels, height, width) or batch of them",
                        SYI_SHAPE(self, text));
    }
    const int64_t *shape = self->shape + batched;
    side sides[2];
    SY_TRY(read_side(&args[1], 0, shape[1], &sides[0], err));
    SY_TRY(read_side(&args[1], 1, shape[2], &sides[1], err));
    int64_t out[3] = {self->shape[0]};
    int64_t *last = out + batched;
    if (__builtin_mul_overflow(shape[0], sides[0].kernel * sides[1].kernel, &last[0]) ||
        __builtin_mul_overflow(sides[0].count, sides[1].count, &last[1])) {
        return syi_fail(err, SY_ESHAPE, "%s gives too many windows", SYI_SHAPE(self, text));
    }
    return syi_infer_describe(result, self->dtype, 2 + batched, out, err);
}

sy_status syi_infer_col2im(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    const bool batched = self->ndim == 3;
    char text[SYI_SHAPE_TEXT];
    if (self->ndim != 2 && !batched) {
        return syi_fail(err, SY_ESHAPE, "%s is no matrix of columns or batch of them",
                        SYI_SHAPE(self, text));
    }
    const int64_t *shape = self->shape + batched;
    int64_t out[4] = {self->shape[0]};
    int64_t *image = out + batched;
    side sides[2];
    for (int i = 0; i < 2; i++) {
        SY_TRY(read_pair(&args[1], "output_size", 1, i, &image[1 + i], err));
        if (image[1 + i] < 1) {
            return syi_fail(err, SY_ERANGE, "output_size %" PRId64 " is not above 0", image[1 + i]);
        }
        SY_TRY(read_side(&args[2], i, image[1 + i], &sides[i], err));
    }
    const int64_t window = sides[0].kernel * sides[1].kernel;
    int64_t windows;
    if (__builtin_mul_overflow(sides[0].count, sides[1].count, &windows) || windows != shape[1] ||
        shape[0] % window != 0) {
        return syi_fail(err, SY_ESHAPE,
                        "%s, but windows of %" PRId64 " elements at %" PRId64 " by %" PRId64
                        " places are asked for",
                        SYI_SHAPE(self, text), window, sides[0].count, sides[1].count);
    }
    image[0] = shape[0] / window;
    return syi_infer_describe(result, self->dtype, 3 + batched, out, err);
}
