/*
 * infer_gather.c - elements picked by tensors of indices and by masks, and written back there. Contents are not
 * looked at: what depends on them is unknown here, and checked by the kernel. Test: infer_gather_test.c,
 * infer_vectors_test.c.
 */
#include "ops/infer.h"

#include <inttypes.h>
#include <string.h>

static sy_status describe_like(syi_inference *result, const syi_array *self, sy_error *err)
{
    return syi_infer_describe(result, self->dtype, self->ndim, self->shape, err);
}

static sy_status check_positions(const syi_array *index, sy_error *err)
{
    return index->dtype == SY_DTYPE_I64
               ? SY_OK
               : syi_fail(err, SY_EDTYPE, "the index is %s, expected int64",
                          sy_dtype_name(index->dtype));
}

static sy_status check_same_dtype(const syi_array *self, const syi_array *source, sy_error *err)
{
    return self->dtype == source->dtype
               ? SY_OK
               : syi_fail(err, SY_EDTYPE, "self is %s but the source is %s",
                          sy_dtype_name(self->dtype), sy_dtype_name(source->dtype));
}

static sy_status check_mask(const syi_array *mask, sy_error *err)
{
    return mask->dtype == SY_DTYPE_BOOL || mask->dtype == SY_DTYPE_U8
               ? SY_OK
               : syi_fail(err, SY_EDTYPE, "the mask is %s, expected bool",
                          sy_dtype_name(mask->dtype));
}

/* A number, or a tensor with one element and no dims. */
static sy_status check_single(const sy_value *value, sy_error *err)
{
    char text[SYI_SHAPE_TEXT];
    if (!syi_is_array(value) || syi_argument_array(value)->ndim == 0) {
        return SY_OK;
    }
    return syi_fail(err, SY_ESHAPE, "the value is %s, expected a number or a scalar tensor",
                    SYI_SHAPE(syi_argument_array(value), text));
}

/* May the elements of index speak of `array`: as many dims, none larger but perhaps `free_dim`? */
static sy_status check_inside(const syi_array *index, const syi_array *array, int free_dim,
                              const char *name, sy_error *err)
{
    /* A scalar counts as one element along one dim. */
    const int index_ndim = index->ndim > 0 ? index->ndim : 1;
    bool fits = index_ndim == (array->ndim > 0 ? array->ndim : 1);
    for (int d = 0; fits && d < index_ndim; d++) {
        const int64_t size = array->ndim > 0 ? array->shape[d] : 1;
        fits = d == free_dim || (index->ndim > 0 ? index->shape[d] : 1) <= size;
    }
    if (!fits) {
        char index_text[SYI_SHAPE_TEXT], text[SYI_SHAPE_TEXT];
        return syi_fail(err, SY_ESHAPE, "an index of %s is larger than %s of %s",
                        SYI_SHAPE(index, index_text), name, SYI_SHAPE(array, text));
    }
    return SY_OK;
}

sy_status syi_infer_gather(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    const syi_array *index = syi_argument_array(&args[2]);
    int dim;
    SY_TRY(syi_argument_dim(&args[1], self->ndim, &dim, err));
    SY_TRY(check_positions(index, err));
    if (syi_array_numel(index) > 0) {
        SY_TRY(check_inside(index, self, dim, "self", err));
    }
    return syi_infer_describe(result, self->dtype, index->ndim, index->shape, err);
}

sy_status syi_infer_scatter(const syi_op *op, const sy_value *args, syi_inference *result,
                            sy_error *err)
{
    const syi_array *self = syi_argument_array(&args[0]);
    const syi_array *index = syi_argument_array(&args[2]);
    int dim;
    SY_TRY(syi_argument_dim(&args[1], self->ndim, &dim, err));
    SY_TRY(check_positions(index, err));
    if (op->id == SYI_OP_scatter && args[4].kind == SY_VALUE_STRING &&
        strcmp(args[4].as.string, "add") != 0 && strcmp(args[4].as.string, "multiply") != 0) {
        return syi_fail(err, SY_EINVAL, "reduce \"%.20s\" is not add or multiply",
                        args[4].as.string);
    }
    if (syi_is_array(&args[3])) {
        SY_TRY(check_same_dtype(self, syi_argument_array(&args[3]), err));
    }
    if (syi_array_numel(index) > 0) {
        SY_TRY(check_inside(index, self, dim, "self", err));
        if (syi_is_array(&args[3])) {
            SY_TRY(check_inside(index, syi_argument_array(&args[3]), -1, "src", err));
        }
    }
    return describe_like(result, self, err);
}

sy_status syi_infer_take(const syi_op *op, const sy_value *args, syi_inference *result,
                         sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    const syi_array *index = syi_argument_array(&args[1]);
    SY_TRY(check_positions(index, err));
    if (syi_array_numel(self) == 0 && syi_array_numel(index) > 0) {
        return syi_fail(err, SY_ERANGE, "self has no elements");
    }
    return syi_infer_describe(result, self->dtype, index->ndim, index->shape, err);
}

sy_status syi_infer_put(const syi_op *op, const sy_value *args, syi_inference *result,
                        sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    const syi_array *index = syi_argument_array(&args[1]);
    const syi_array *source = syi_argument_array(&args[2]);
    SY_TRY(check_positions(index, err));
    SY_TRY(check_same_dtype(self, source, err));
    if (syi_array_numel(index) != syi_array_numel(source)) {
        return syi_fail(err, SY_ESHAPE, "%" PRId64 " indices for %" PRId64 " elements",
                        syi_array_numel(index), syi_array_numel(source));
    }
    if (syi_array_numel(self) == 0 && syi_array_numel(index) > 0) {
        return syi_fail(err, SY_ERANGE, "self has no elements");
    }
    return describe_like(result, self, err);
}

sy_status syi_infer_index_fill(const syi_op *op, const sy_value *args, syi_inference *result,
                               sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    const syi_array *index = syi_argument_array(&args[2]);
    int dim;
    SY_TRY(syi_argument_dim(&args[1], self->ndim, &dim, err));
    SY_TRY(check_positions(index, err));
    SY_TRY(check_single(&args[3], err));
    if (index->ndim > 1) {
        char text[SYI_SHAPE_TEXT];
        return syi_fail(err, SY_ESHAPE, "the index is %s, expected one dimension",
                        SYI_SHAPE(index, text));
    }
    return describe_like(result, self, err);
}

/* The rule of x[...], and values that broadcast to it. PyTorch drops leading dims of 1 of the values. */
sy_status syi_infer_index_put(const syi_op *op, const sy_value *args, syi_inference *result,
                              sy_error *err)
{
    const syi_array *self = syi_argument_array(&args[0]);
    syi_array room[2];
    syi_inference picked = {.outs = room};
    SY_TRY(syi_infer_index(op, args, &picked, err));
    sy_status status = SY_OK;
    if (!picked.unknown && syi_is_array(&args[2])) {
        syi_array values = *syi_argument_array(&args[2]);
        while (values.ndim > room[0].ndim && values.shape[0] == 1) {
            memmove(values.shape, values.shape + 1, (size_t)--values.ndim * sizeof *values.shape);
        }
        status = syi_check_expandable(&values, &room[0], err);
    }
    syi_storage_unref(room[0].storage);
    return status == SY_OK ? describe_like(result, self, err) : status;
}

/* Tensors of indices that broadcast, each into one of `sizes`, become positions in row-major order. */
sy_status syi_infer_ravel_index(const syi_op *op, const sy_value *args, syi_inference *result,
                                sy_error *err)
{
    (void)op;
    const sy_value *items = args[0].as.list.items;
    const size_t count = args[0].as.list.count;
    const syi_ints sizes = syi_argument_ints(&args[1]);
    int64_t product = 1;
    if (count == 0 || count != sizes.count || count > SY_DIM_MAX) {
        return syi_fail(err, SY_EINVAL, "%zu indices into %zu sizes", count, sizes.count);
    }
    for (size_t i = 0; i < count; i++) {
        const syi_array *index = syi_argument_array(&items[i]);
        if (index->dtype == SY_DTYPE_BOOL || sy_dtype_is_floating(index->dtype)) {
            return syi_fail(err, SY_EDTYPE, "a tensor of indices is %s, expected int64",
                            sy_dtype_name(index->dtype));
        }
        if (sizes.items[i].as.integer < 0 ||
            __builtin_mul_overflow(product, sizes.items[i].as.integer, &product)) {
            return syi_fail(err, SY_ESHAPE, "the sizes are negative or too large");
        }
    }
    return syi_infer_describe_broadcast(result, SY_DTYPE_I64, items, count, err);
}

/* self with `dims` replaced by the dims of `positions`: in their place when they are neighbours, else in front. */
static sy_status describe_picked(syi_array *picked, const syi_array *self, const sy_value *dims,
                                 const syi_array *positions, sy_error *err)
{
    const syi_ints ints = syi_argument_ints(dims);
    unsigned set = 0;
    int64_t shape[2 * SY_DIM_MAX];
    int ndim = 0;
    for (size_t i = 0; i < ints.count; i++) {
        const int64_t dim = ints.items[i].as.integer;
        if (dim < 0 || dim >= self->ndim || (set >> dim) != 0) {
            return syi_fail(err, SY_EINVAL, "dims are not ascending dimensions of self");
        }
        set |= 1u << dim;
    }
    if (set == 0) {
        return syi_fail(err, SY_EINVAL, "no dims");
    }
    const unsigned low = set & (0u - set);
    const bool neighbours = ((set + low) & set) == 0;
    for (int d = 0; d < self->ndim; d++) {
        if (neighbours ? (low >> d & 1u) != 0 : d == 0) {
            memcpy(shape + ndim, positions->shape, (size_t)positions->ndim * sizeof *shape);
            ndim += positions->ndim;
        }
        if ((set >> d & 1u) == 0) {
            shape[ndim++] = self->shape[d];
        }
    }
    return syi_array_describe(picked, self->dtype, ndim, shape, err);
}

sy_status syi_infer_index_dims(const syi_op *op, const sy_value *args, syi_inference *result,
                               sy_error *err)
{
    (void)op;
    const syi_array *positions = syi_argument_array(&args[1]);
    SY_TRY(check_positions(positions, err));
    return syi_infer_add(result,
                         describe_picked(syi_infer_next(result), syi_argument_array(&args[0]),
                                         &args[2], positions, err));
}

sy_status syi_infer_index_put_dims(const syi_op *op, const sy_value *args, syi_inference *result,
                                   sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    const syi_array *positions = syi_argument_array(&args[1]);
    const syi_array *values = syi_argument_array(&args[3]);
    syi_array picked;
    SY_TRY(check_positions(positions, err));
    SY_TRY(check_same_dtype(self, values, err));
    SY_TRY(describe_picked(&picked, self, &args[2], positions, err));
    SY_TRY(syi_check_expandable(values, &picked, err));
    return describe_like(result, self, err);
}

/* Masks */

sy_status syi_infer_masked_fill(const syi_op *op, const sy_value *args, syi_inference *result,
                                sy_error *err)
{
    (void)op;
    SY_TRY(check_mask(syi_argument_array(&args[1]), err));
    SY_TRY(check_single(&args[2], err));
    return syi_infer_describe_broadcast(result, syi_argument_array(&args[0])->dtype, args, 2, err);
}

static sy_status check_broadcast(const syi_array *self, const syi_array *mask, sy_error *err)
{
    int64_t shape[SY_DIM_MAX];
    int ndim;
    return syi_shape_broadcast(&ndim, shape, self->ndim, self->shape, mask->ndim, mask->shape, err);
}

sy_status syi_infer_masked_select(const syi_op *op, const sy_value *args, syi_inference *result,
                                  sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    const syi_array *mask = syi_argument_array(&args[1]);
    SY_TRY(check_mask(mask, err));
    SY_TRY(check_broadcast(self, mask, err));
    return syi_infer_unknown(result, self->dtype);
}

sy_status syi_infer_masked_scatter(const syi_op *op, const sy_value *args, syi_inference *result,
                                   sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    SY_TRY(check_mask(syi_argument_array(&args[1]), err));
    SY_TRY(check_same_dtype(self, syi_argument_array(&args[2]), err));
    return syi_infer_describe_broadcast(result, self->dtype, args, 2, err);
}

sy_status syi_infer_nonzero(const syi_op *op, const sy_value *args, syi_inference *result,
                            sy_error *err)
{
    (void)op;
    (void)args;
    (void)err;
    return syi_infer_unknown(result, SY_DTYPE_I64);
}

sy_status syi_infer_one_hot(const syi_op *op, const sy_value *args, syi_inference *result,
                            sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    const int64_t classes = args[1].as.integer;
    int64_t shape[SY_DIM_MAX + 1];
    SY_TRY(check_positions(self, err));
    if (classes == -1 && syi_array_numel(self) > 0) {
        return syi_infer_unknown(result, SY_DTYPE_I64);
    }
    if (classes < 1) {
        return syi_fail(err, SY_ERANGE, "%" PRId64 " classes", classes);
    }
    memcpy(shape, self->shape, (size_t)self->ndim * sizeof *shape);
    shape[self->ndim] = classes;
    return syi_infer_describe(result, SY_DTYPE_I64, self->ndim + 1, shape, err);
}
