/*
 * infer_views.c - the same elements under another shape. VIEW rows give finished views; reshape and
 * flatten give one where strides permit and a description to be filled otherwise.
 * Test: infer_views_test.c, infer_vectors_test.c.
 */
#include "ops/infer.h"

#include <inttypes.h>

sy_status syi_infer_view(const syi_op *op, const sy_value *args, syi_inference *result,
                         sy_error *err)
{
    (void)op;
    int64_t shape[SY_DIM_MAX];
    int ndim;
    SY_TRY(syi_argument_dims(&args[1], shape, &ndim, err));
    return syi_infer_add(result, syi_array_view(syi_infer_next(result),
                                                syi_argument_array(&args[0]), ndim, shape, err));
}

static sy_status reshape(syi_inference *result, const syi_array *self, int ndim,
                         const int64_t *shape, sy_error *err)
{
    if (syi_array_view(syi_infer_next(result), self, ndim, shape, NULL) == SY_OK) {
        return syi_infer_add(result, SY_OK);
    }
    syi_array packed;
    SY_TRY(syi_array_describe(&packed, self->dtype, self->ndim, self->shape, err));
    return syi_infer_add(result, syi_array_view(syi_infer_next(result), &packed, ndim, shape, err));
}

sy_status syi_infer_reshape(const syi_op *op, const sy_value *args, syi_inference *result,
                            sy_error *err)
{
    (void)op;
    int64_t shape[SY_DIM_MAX];
    int ndim;
    SY_TRY(syi_argument_dims(&args[1], shape, &ndim, err));
    return reshape(result, syi_argument_array(&args[0]), ndim, shape, err);
}

sy_status syi_infer_flatten(const syi_op *op, const sy_value *args, syi_inference *result,
                            sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    int64_t shape[SY_DIM_MAX] = {1}; /* what a scalar becomes */
    int start, end, ndim = 0;
    SY_TRY(syi_argument_dim(&args[1], self->ndim, &start, err));
    SY_TRY(syi_argument_dim(&args[2], self->ndim, &end, err));
    if (start > end) {
        return syi_fail(err, SY_EINVAL, "start_dim %d comes after end_dim %d", start, end);
    }
    for (int i = 0; i < self->ndim; i++) {
        if (i > start && i <= end) {
            shape[ndim - 1] *= self->shape[i];
        } else {
            shape[ndim++] = self->shape[i];
        }
    }
    return reshape(result, self, self->ndim == 0 ? 1 : ndim, shape, err);
}

sy_status syi_infer_view_as(const syi_op *op, const sy_value *args, syi_inference *result,
                            sy_error *err)
{
    (void)op;
    const syi_array *other = syi_argument_array(&args[1]);
    return syi_infer_add(result,
                         syi_array_view(syi_infer_next(result), syi_argument_array(&args[0]),
                                        other->ndim, other->shape, err));
}

sy_status syi_infer_reshape_as(const syi_op *op, const sy_value *args, syi_inference *result,
                               sy_error *err)
{
    (void)op;
    const syi_array *other = syi_argument_array(&args[1]);
    return reshape(result, syi_argument_array(&args[0]), other->ndim, other->shape, err);
}

sy_status syi_infer_expand_as(const syi_op *op, const sy_value *args, syi_inference *result,
                              sy_error *err)
{
    (void)op;
    const syi_array *other = syi_argument_array(&args[1]);
    return syi_infer_add(result,
                         syi_array_expand(syi_infer_next(result), syi_argument_array(&args[0]),
                                          other->ndim, other->shape, err));
}

sy_status syi_infer_t(const syi_op *op, const sy_value *args, syi_inference *result, sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    if (self->ndim > 2) {
        char text[SYI_SHAPE_TEXT];
        return syi_fail(err, SY_ESHAPE, "%s is no matrix; use transpose", SYI_SHAPE(self, text));
    }
    int last = self->ndim == 2 ? 1 : 0;
    return syi_infer_add(result, syi_array_transpose(syi_infer_next(result), self, 0, last, err));
}

sy_status syi_infer_transpose(const syi_op *op, const sy_value *args, syi_inference *result,
                              sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    int dim0, dim1;
    SY_TRY(syi_argument_dim(&args[1], self->ndim, &dim0, err));
    SY_TRY(syi_argument_dim(&args[2], self->ndim, &dim1, err));
    return syi_infer_add(result,
                         syi_array_transpose(syi_infer_next(result), self, dim0, dim1, err));
}

sy_status syi_infer_permute(const syi_op *op, const sy_value *args, syi_inference *result,
                            sy_error *err)
{
    (void)op;
    int64_t dims[SY_DIM_MAX];
    int ndim;
    SY_TRY(syi_argument_dims(&args[1], dims, &ndim, err));
    return syi_infer_add(result, syi_array_permute(syi_infer_next(result),
                                                   syi_argument_array(&args[0]), dims, ndim, err));
}

sy_status syi_infer_expand(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    (void)op;
    int64_t shape[SY_DIM_MAX];
    int ndim;
    SY_TRY(syi_argument_dims(&args[1], shape, &ndim, err));
    return syi_infer_add(result, syi_array_expand(syi_infer_next(result),
                                                  syi_argument_array(&args[0]), ndim, shape, err));
}

sy_status syi_infer_squeeze(const syi_op *op, const sy_value *args, syi_inference *result,
                            sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    bool all = syi_is_none(&args[1]);
    int dim = 0;
    if (!all) {
        SY_TRY(syi_argument_dim(&args[1], self->ndim, &dim, err));
    }
    return syi_infer_add(result, syi_array_squeeze(syi_infer_next(result), self, dim, all, err));
}

sy_status syi_infer_unsqueeze(const syi_op *op, const sy_value *args, syi_inference *result,
                              sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    int dim;
    SY_TRY(syi_argument_dim(&args[1], self->ndim + 1, &dim, err));
    return syi_infer_add(result, syi_array_unsqueeze(syi_infer_next(result), self, dim, err));
}

sy_status syi_infer_select(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    int dim;
    SY_TRY(syi_argument_dim(&args[1], self->ndim, &dim, err));
    return syi_infer_add(
        result, syi_array_select(syi_infer_next(result), self, dim, args[2].as.integer, err));
}

sy_status syi_infer_slice(const syi_op *op, const sy_value *args, syi_inference *result,
                          sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    int dim;
    SY_TRY(syi_argument_dim(&args[1], self->ndim, &dim, err));
    return syi_infer_add(
        result, syi_array_slice(syi_infer_next(result), self, dim, syi_argument_bound(&args[2]),
                                syi_argument_bound(&args[3]), args[4].as.integer, err));
}

static sy_status check_dimensions(const syi_array *self, sy_error *err)
{
    return self->ndim > 0 ? SY_OK : syi_fail(err, SY_ESHAPE, "a scalar has no dimension to cut");
}

sy_status syi_infer_narrow(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    int64_t start = args[2].as.integer, length = args[3].as.integer;
    int dim;
    SY_TRY(check_dimensions(self, err));
    SY_TRY(syi_argument_dim(&args[1], self->ndim, &dim, err));
    int64_t size = self->shape[dim];
    int64_t lowest = size > 0 ? -size : -1; /* PyTorch reads -1 as 0 in an empty dim */
    int64_t first = start < 0 && size > 0 ? start + size : start;
    first = size == 0 && start == -1 ? 0 : first;
    if (start < lowest || start > size || length < 0 || length > size - first) {
        return syi_fail(err, SY_ERANGE,
                        "%" PRId64 " from %" PRId64
                        " is not inside of dimension %d of size %" PRId64,
                        length, start, dim, size);
    }
    return syi_infer_add(
        result, syi_array_slice(syi_infer_next(result), self, dim, first, first + length, 1, err));
}

sy_status syi_infer_detach(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    (void)op;
    (void)err;
    syi_array_copy_view(syi_infer_next(result), syi_argument_array(&args[0]));
    return syi_infer_add(result, SY_OK);
}

static sy_status check_count(int64_t count, sy_error *err)
{
    if (count > SYI_OUTPUT_MAX) {
        return syi_fail(err, SY_ELIMIT, "%" PRId64 " results, at most %d are supported", count,
                        SYI_OUTPUT_MAX);
    }
    return SY_OK;
}

/* `count` pieces of `size` elements along dim; the last is what remains. */
static sy_status cut(syi_inference *result, const syi_array *self, int dim, int64_t size,
                     int64_t count, sy_error *err)
{
    SY_TRY(check_count(count, err));
    for (int64_t i = 0; i < count; i++) {
        int64_t start = i * size;
        int64_t left = self->shape[dim] - start;
        SY_TRY(syi_infer_add(result, syi_array_slice(syi_infer_next(result), self, dim, start,
                                                     start + (size < left ? size : left), 1, err)));
    }
    return SY_OK;
}

/* a / b, rounded up, for a >= 0 and b > 0. */
static int64_t divide_up(int64_t a, int64_t b)
{
    return a / b + (a % b != 0);
}

sy_status syi_infer_chunk(const syi_op *op, const sy_value *args, syi_inference *result,
                          sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    int64_t chunks = args[1].as.integer;
    int dim;
    SY_TRY(check_dimensions(self, err));
    SY_TRY(syi_argument_dim(&args[2], self->ndim, &dim, err));
    if (chunks < 1) {
        return syi_fail(err, SY_ERANGE, "%" PRId64 " chunks, expected at least 1", chunks);
    }
    int64_t total = self->shape[dim];
    int64_t size = divide_up(total, chunks);
    return cut(result, self, dim, size, total == 0 ? chunks : divide_up(total, size), err);
}

sy_status syi_infer_split_with_sizes(const syi_op *op, const sy_value *args, syi_inference *result,
                                     sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    const syi_ints sizes = syi_argument_ints(&args[1]);
    int dim;
    SY_TRY(check_dimensions(self, err));
    SY_TRY(syi_argument_dim(&args[2], self->ndim, &dim, err));
    SY_TRY(check_count((int64_t)sizes.count, err));
    int64_t start = 0;
    for (size_t i = 0; i < sizes.count; i++) {
        const int64_t size = sizes.items[i].as.integer;
        if (size < 0 || size > self->shape[dim] - start) {
            return syi_fail(err, SY_ERANGE,
                            "piece %zu of size %" PRId64 " after %" PRId64 " of %" PRId64
                            " in dimension %d",
                            i, size, start, self->shape[dim], dim);
        }
        SY_TRY(syi_infer_add(result, syi_array_slice(syi_infer_next(result), self, dim, start,
                                                     start + size, 1, err)));
        start += size;
    }
    return start == self->shape[dim]
               ? SY_OK
               : syi_fail(err, SY_ERANGE,
                          "the pieces have %" PRId64 " of %" PRId64 " in dimension %d", start,
                          self->shape[dim], dim);
}

/* split(x, 2) and split(x, [2, 3]). */
sy_status syi_infer_split(const syi_op *op, const sy_value *args, syi_inference *result,
                          sy_error *err)
{
    const syi_array *self = syi_argument_array(&args[0]);
    const syi_ints sizes = syi_argument_ints(&args[1]);
    if (sizes.count != 1) {
        return syi_infer_split_with_sizes(op, args, result, err);
    }
    int64_t size = sizes.items[0].as.integer;
    int dim;
    SY_TRY(check_dimensions(self, err));
    SY_TRY(syi_argument_dim(&args[2], self->ndim, &dim, err));
    int64_t total = self->shape[dim];
    if (size < 0 || (size == 0 && total > 0)) {
        return syi_fail(err, SY_ERANGE, "split_size %" PRId64 " for dimension %d of size %" PRId64,
                        size, dim, total);
    }
    return cut(result, self, dim, size, total == 0 ? 1 : divide_up(total, size), err);
}

static sy_status check_cuts(const sy_value *cuts, sy_error *err)
{
    bool whole = cuts->kind == SY_VALUE_LIST;
    for (size_t i = 0; whole && i < cuts->as.list.count; i++) {
        whole = cuts->as.list.items[i].kind == SY_VALUE_INT;
    }
    return whole ? SY_OK
                 : syi_fail(err, SY_EINVAL, "indices_or_sections is not an int or a list of ints");
}

/* tensor_split(x, 3): so many pieces, the first ones one longer. tensor_split(x, [1, 3]): cut there, as slices are. */
sy_status syi_infer_tensor_split(const syi_op *op, const sy_value *args, syi_inference *result,
                                 sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    const bool counted = args[1].kind == SY_VALUE_INT;
    int dim;
    if (!counted) {
        SY_TRY(check_cuts(&args[1], err));
    }
    SY_TRY(check_dimensions(self, err));
    SY_TRY(syi_argument_dim(&args[2], self->ndim, &dim, err));
    const sy_value *cuts = counted ? NULL : args[1].as.list.items;
    const int64_t total = self->shape[dim];
    const int64_t pieces = counted ? args[1].as.integer : (int64_t)args[1].as.list.count + 1;
    if (pieces < 1) {
        return syi_fail(err, SY_ERANGE, "%" PRId64 " sections, expected at least 1", pieces);
    }
    SY_TRY(check_count(pieces, err));
    int64_t start = 0;
    for (int64_t i = 0; i < pieces; i++) {
        const int64_t end = counted          ? start + total / pieces + (i < total % pieces)
                            : i + 1 < pieces ? cuts[i].as.integer
                                             : total;
        SY_TRY(syi_infer_add(
            result, syi_array_slice(syi_infer_next(result), self, dim, start, end, 1, err)));
        start = end;
    }
    return SY_OK;
}

sy_status syi_infer_unbind(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    int dim;
    SY_TRY(check_dimensions(self, err));
    SY_TRY(syi_argument_dim(&args[1], self->ndim, &dim, err));
    SY_TRY(check_count(self->shape[dim], err));
    for (int64_t i = 0; i < self->shape[dim]; i++) {
        SY_TRY(syi_infer_add(result, syi_array_select(syi_infer_next(result), self, dim, i, err)));
    }
    return SY_OK;
}
