/*
 * infer_moving.c - the same elements elsewhere: other views than infer_views.c has, flips, rolls, triangles,
 * padding, repetition, windows of images, and the backward halves of views. Test: infer_moving_test.c,
 * infer_vectors_test.c.
 */
#include "ops/infer.h"

#include <inttypes.h>
#include <string.h>

/* Distinct dims of `ndim` dimensions. */
static sy_status read_dims(const sy_value *value, int ndim, int dims[SY_DIM_MAX], int *count,
                           sy_error *err)
{
    const syi_ints ints = syi_argument_ints(value);
    unsigned seen = 0;
    *count = 0;
    for (size_t i = 0; i < ints.count; i++) {
        int dim;
        SY_TRY(syi_dim_wrap(&dim, ints.items[i].as.integer, ndim, err));
        if ((seen >> dim & 1u) != 0) {
            return syi_fail(err, SY_EINVAL, "dimension %d comes twice", dim);
        }
        seen |= 1u << dim;
        dims[(*count)++] = dim;
    }
    return SY_OK;
}

static sy_status describe_like(syi_inference *result, const syi_array *self, sy_error *err)
{
    return syi_infer_describe(result, self->dtype, self->ndim, self->shape, err);
}

/* Views */

sy_status syi_infer_movedim(const syi_op *op, const sy_value *args, syi_inference *result,
                            sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    int from[SY_DIM_MAX], to[SY_DIM_MAX], from_count, to_count;
    SY_TRY(read_dims(&args[1], self->ndim, from, &from_count, err));
    SY_TRY(read_dims(&args[2], self->ndim, to, &to_count, err));
    if (from_count != to_count) {
        return syi_fail(err, SY_EINVAL, "%d dimensions to %d places", from_count, to_count);
    }
    int64_t order[SY_DIM_MAX];
    unsigned placed = 0, moved = 0;
    for (int i = 0; i < from_count && self->ndim > 0; i++) {
        order[to[i]] = from[i];
        placed |= 1u << to[i];
        moved |= 1u << from[i];
    }
    for (int place = 0, d = 0; place < self->ndim; place++) {
        if ((placed >> place & 1u) == 0) {
            while ((moved >> d & 1u) != 0) {
                d++;
            }
            order[place] = d++;
        }
    }
    return syi_infer_add(result,
                         syi_array_permute(syi_infer_next(result), self, order, self->ndim, err));
}

sy_status syi_infer_diagonal(const syi_op *op, const sy_value *args, syi_inference *result,
                             sy_error *err)
{
    (void)op;
    return syi_infer_add(result,
                         syi_array_diagonal(syi_infer_next(result), syi_argument_array(&args[0]),
                                            args[1].as.integer, args[2].as.integer,
                                            args[3].as.integer, err));
}

sy_status syi_infer_unfold(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    (void)op;
    return syi_infer_add(result, syi_array_unfold(syi_infer_next(result),
                                                  syi_argument_array(&args[0]), args[1].as.integer,
                                                  args[2].as.integer, args[3].as.integer, err));
}

sy_status syi_infer_unflatten(const syi_op *op, const sy_value *args, syi_inference *result,
                              sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    const syi_ints sizes = syi_argument_ints(&args[2]);
    int dim, ndim = 0;
    SY_TRY(syi_argument_dim(&args[1], self->ndim, &dim, err));
    if (self->ndim == 0 || sizes.count == 0 || (size_t)self->ndim + sizes.count > SY_DIM_MAX + 1) {
        return syi_fail(err, SY_ESHAPE, "%d dimensions, %zu in the place of one", self->ndim,
                        sizes.count);
    }
    int64_t shape[SY_DIM_MAX], product = 1;
    int open = -1;
    for (int d = 0; d < self->ndim; d++) {
        if (d != dim) {
            shape[ndim++] = self->shape[d];
            continue;
        }
        for (size_t i = 0; i < sizes.count; i++) {
            const int64_t size = sizes.items[i].as.integer;
            if (size == -1 && open < 0) {
                open = ndim;
            } else if (size < 0 || __builtin_mul_overflow(product, size, &product)) {
                return syi_fail(err, SY_ESHAPE, "size %" PRId64 " in place of dimension %d", size,
                                dim);
            }
            shape[ndim++] = size;
        }
    }
    if (open >= 0 && product > 0) {
        shape[open] = self->shape[dim] / product;
        product *= shape[open];
    }
    if (product != self->shape[dim] || (open >= 0 && shape[open] < 0)) {
        return syi_fail(err, SY_ESHAPE,
                        "the sizes do not make %" PRId64 ", the size of dimension %d",
                        self->shape[dim], dim);
    }
    return syi_infer_add(result, syi_array_view(syi_infer_next(result), self, ndim, shape, err));
}

/* Turned round */

sy_status syi_infer_flip(const syi_op *op, const sy_value *args, syi_inference *result,
                         sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    int dims[SY_DIM_MAX], count;
    SY_TRY(read_dims(&args[1], self->ndim, dims, &count, err));
    return describe_like(result, self, err);
}

sy_status syi_infer_roll(const syi_op *op, const sy_value *args, syi_inference *result,
                         sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    const syi_ints shifts = syi_argument_ints(&args[1]), dims = syi_argument_ints(&args[2]);
    if (shifts.count == 0 || shifts.count > SY_DIM_MAX ||
        (dims.count == 0 ? shifts.count != 1 : shifts.count != dims.count)) {
        return syi_fail(err, SY_EINVAL, "%zu shifts for %zu dimensions", shifts.count, dims.count);
    }
    if (self->ndim == 0 && dims.count > 0) {
        return syi_fail(err, SY_ESHAPE, "a scalar has no dimensions to roll");
    }
    for (size_t i = 0; i < dims.count; i++) {
        int dim;
        SY_TRY(syi_argument_dim(&dims.items[i], self->ndim, &dim, err));
    }
    return describe_like(result, self, err);
}

static sy_status check_matrix(const syi_array *self, sy_error *err)
{
    char text[SYI_SHAPE_TEXT];
    return self->ndim >= 2
               ? SY_OK
               : syi_fail(err, SY_ESHAPE, "%s has less than 2 dimensions", SYI_SHAPE(self, text));
}

sy_status syi_infer_triangle(const syi_op *op, const sy_value *args, syi_inference *result,
                             sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    SY_TRY(check_matrix(self, err));
    return describe_like(result, self, err);
}

/* Diagonals */

/* n elements become the diagonal of a square matrix that is |offset| larger. */
static sy_status square_side(int64_t n, int64_t offset, int64_t *side, sy_error *err)
{
    if (offset == INT64_MIN || __builtin_add_overflow(n, offset < 0 ? -offset : offset, side)) {
        return syi_fail(err, SY_ERANGE, "offset %" PRId64 " is too large", offset);
    }
    return SY_OK;
}

sy_status syi_infer_diag_embed(const syi_op *op, const sy_value *args, syi_inference *result,
                               sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    int dim1, dim2;
    int64_t shape[SY_DIM_MAX + 1], side = 0;
    if (self->ndim == 0) {
        return syi_fail(err, SY_ESHAPE, "a scalar is no diagonal");
    }
    SY_TRY(syi_argument_dim(&args[2], self->ndim + 1, &dim1, err));
    SY_TRY(syi_argument_dim(&args[3], self->ndim + 1, &dim2, err));
    if (dim1 == dim2) {
        return syi_fail(err, SY_EINVAL, "dimension %d comes twice", dim1);
    }
    SY_TRY(square_side(self->shape[self->ndim - 1], args[1].as.integer, &side, err));
    for (int d = 0, from = 0; d <= self->ndim; d++) {
        shape[d] = d == dim1 || d == dim2 ? side : self->shape[from++];
    }
    return syi_infer_describe(result, self->dtype, self->ndim + 1, shape, err);
}

sy_status syi_infer_diag(const syi_op *op, const sy_value *args, syi_inference *result,
                         sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    if (self->ndim == 1) {
        int64_t side = 0;
        SY_TRY(square_side(self->shape[0], args[1].as.integer, &side, err));
        return syi_infer_describe(result, self->dtype, 2, (const int64_t[]){side, side}, err);
    }
    if (self->ndim != 2) {
        char text[SYI_SHAPE_TEXT];
        return syi_fail(err, SY_ESHAPE, "%s is neither a vector nor a matrix",
                        SYI_SHAPE(self, text));
    }
    syi_array line, shape = *self;
    shape.storage = NULL;
    SY_TRY(syi_array_diagonal(&line, &shape, args[1].as.integer, 0, 1, err));
    return syi_infer_describe(result, self->dtype, 1, line.shape, err);
}

/* Padding: pairs (before, after), from the last dim on. */

sy_status syi_infer_constant_pad_nd(const syi_op *op, const sy_value *args, syi_inference *result,
                                    sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    const syi_ints pad = syi_argument_ints(&args[1]);
    int64_t shape[SY_DIM_MAX];
    if (pad.count % 2 != 0 || pad.count / 2 > (size_t)self->ndim) {
        return syi_fail(err, SY_EINVAL, "%zu numbers of padding for %d dimensions", pad.count,
                        self->ndim);
    }
    memcpy(shape, self->shape, sizeof shape);
    for (size_t i = 0; i < pad.count / 2; i++) {
        const int dim = self->ndim - 1 - (int)i;
        const int64_t before = pad.items[2 * i].as.integer, after = pad.items[2 * i + 1].as.integer;
        if (__builtin_add_overflow(shape[dim], before, &shape[dim]) ||
            __builtin_add_overflow(shape[dim], after, &shape[dim]) || shape[dim] < 0 ||
            before < -self->shape[dim] || after < -self->shape[dim]) {
            return syi_fail(err, SY_ERANGE,
                            "padding %" PRId64 " and %" PRId64 " of dimension %d of size %" PRId64,
                            before, after, dim, self->shape[dim]);
        }
    }
    return syi_infer_describe(result, self->dtype, self->ndim, shape, err);
}

/* What a mode can take from a dim of `size`. */
static bool pad_fits(const char *mode, int64_t size, int64_t amount)
{
    if (strcmp(mode, "reflect") == 0) {
        return amount < size;
    }
    return strcmp(mode, "circular") == 0 ? amount <= size : size > 0 || amount <= 0;
}

sy_status syi_infer_pad(const syi_op *op, const sy_value *args, syi_inference *result,
                        sy_error *err)
{
    const syi_array *self = syi_argument_array(&args[0]);
    const syi_ints pad = syi_argument_ints(&args[1]);
    const char *mode = args[2].kind == SY_VALUE_STRING ? args[2].as.string : "constant";
    const sy_value plain[] = {args[0], args[1], args[3]};
    SY_TRY(syi_infer_constant_pad_nd(op, plain, result, err));
    if (strcmp(mode, "constant") == 0) {
        return SY_OK;
    }
    if (strcmp(mode, "reflect") != 0 && strcmp(mode, "replicate") != 0 &&
        strcmp(mode, "circular") != 0) {
        return syi_fail(err, SY_EINVAL,
                        "mode \"%.20s\" is not constant, reflect, replicate or circular", mode);
    }
    for (size_t i = 0; i < pad.count; i++) {
        const int dim = self->ndim - 1 - (int)(i / 2);
        if (!pad_fits(mode, self->shape[dim], pad.items[i].as.integer)) {
            return syi_fail(err, SY_ERANGE,
                            "%s padding of %" PRId64 " for dimension %d of size %" PRId64, mode,
                            pad.items[i].as.integer, dim, self->shape[dim]);
        }
    }
    return SY_OK;
}

/* Repetition */

/* Sizes times repeats, both aligned at the last dim. */
static sy_status multiply(syi_inference *result, const syi_array *self, syi_ints repeats,
                          sy_error *err)
{
    const int ndim = repeats.count > (size_t)self->ndim ? (int)repeats.count : self->ndim;
    int64_t shape[SY_DIM_MAX];
    for (int i = 1; i <= ndim; i++) {
        const int64_t size = i <= self->ndim ? self->shape[self->ndim - i] : 1;
        const int64_t times =
            (size_t)i <= repeats.count ? repeats.items[repeats.count - (size_t)i].as.integer : 1;
        if (times < 0 || __builtin_mul_overflow(size, times, &shape[ndim - i])) {
            return syi_fail(err, SY_ERANGE, "%" PRId64 " times a dimension of size %" PRId64, times,
                            size);
        }
    }
    return syi_infer_describe(result, self->dtype, ndim, shape, err);
}

sy_status syi_infer_tile(const syi_op *op, const sy_value *args, syi_inference *result,
                         sy_error *err)
{
    (void)op;
    const syi_ints repeats = syi_argument_ints(&args[1]);
    if (repeats.count > SY_DIM_MAX) {
        return syi_fail(err, SY_ESHAPE, "%zu dimensions, at most %d are supported", repeats.count,
                        SY_DIM_MAX);
    }
    return multiply(result, syi_argument_array(&args[0]), repeats, err);
}

sy_status syi_infer_repeat(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    const syi_array *self = syi_argument_array(&args[0]);
    const syi_ints repeats = syi_argument_ints(&args[1]);
    if (repeats.count < (size_t)self->ndim) {
        return syi_fail(err, SY_ESHAPE, "%zu repeats for %d dimensions", repeats.count, self->ndim);
    }
    return syi_infer_tile(op, args, result, err);
}

sy_status syi_infer_repeat_interleave(const syi_op *op, const sy_value *args, syi_inference *result,
                                      sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    int64_t shape[SY_DIM_MAX] = {syi_array_numel(self)};
    int dim = 0, ndim = 1;
    if (args[2].kind == SY_VALUE_INT) {
        SY_TRY(syi_argument_dim(&args[2], self->ndim, &dim, err));
        memcpy(shape, self->shape, sizeof shape);
        ndim = self->ndim;
        if (ndim == 0) {
            return syi_fail(err, SY_ESHAPE, "a scalar has no dimension to repeat along");
        }
    }
    if (syi_is_array(&args[1])) {
        const syi_array *repeats = syi_argument_array(&args[1]);
        if (repeats->dtype != SY_DTYPE_I64 && repeats->dtype != SY_DTYPE_I32) {
            return syi_fail(err, SY_EDTYPE, "repeats are %s, expected int64",
                            sy_dtype_name(repeats->dtype));
        }
        const int64_t count = syi_array_numel(repeats);
        if (repeats->ndim > 1 || (count != 1 && count != shape[dim])) {
            char text[SYI_SHAPE_TEXT];
            return syi_fail(err, SY_ESHAPE, "repeats are %s for dimension %d of size %" PRId64,
                            SYI_SHAPE(repeats, text), dim, shape[dim]);
        }
        return syi_infer_unknown(result, self->dtype);
    }
    int64_t size = 0;
    if (args[1].kind != SY_VALUE_INT || args[1].as.integer < 0 ||
        __builtin_mul_overflow(shape[dim], args[1].as.integer, &size)) {
        return syi_fail(err, SY_ERANGE, "repeats are no count for dimension %d of size %" PRId64,
                        dim, shape[dim]);
    }
    shape[dim] = size;
    return syi_infer_describe(result, self->dtype, ndim, shape, err);
}

/* Joining what may have too few dims */

static sy_status stack_at_least(const sy_value *tensors, int least, syi_inference *result,
                                sy_error *err)
{
    syi_array rooms[SYI_OUTPUT_MAX];
    sy_value items[SYI_OUTPUT_MAX];
    const size_t count = tensors->as.list.count;
    if (count > SYI_OUTPUT_MAX) {
        return syi_fail(err, SY_ELIMIT, "%zu tensors, at most %d at once", count, SYI_OUTPUT_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        const syi_array *array = syi_argument_array(&tensors->as.list.items[i]);
        int64_t shape[SY_DIM_MAX];
        const int missing = array->ndim < least ? least - array->ndim : 0;
        for (int d = 0; d < missing; d++) {
            shape[d] = 1;
        }
        memcpy(shape + missing, array->shape, (size_t)array->ndim * sizeof *shape);
        SY_TRY(syi_array_describe(&rooms[i], array->dtype, array->ndim + missing, shape, err));
        items[i] = tensors->as.list.items[i];
        items[i].as.internal = &rooms[i];
    }
    const bool rows = least == 2 || (count > 0 && rooms[0].ndim == 1);
    const sy_value args[] = {sy_value_list(items, count), sy_value_int(rows ? 0 : 1)};
    return syi_infer_cat(NULL, args, result, err);
}

sy_status syi_infer_hstack(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    (void)op;
    return stack_at_least(&args[0], 1, result, err);
}

sy_status syi_infer_vstack(const syi_op *op, const sy_value *args, syi_inference *result,
                           sy_error *err)
{
    (void)op;
    return stack_at_least(&args[0], 2, result, err);
}

/* Backward halves of views */

sy_status syi_infer_diagonal_backward(const syi_op *op, const sy_value *args, syi_inference *result,
                                      sy_error *err)
{
    (void)op;
    const syi_array *grad = syi_argument_array(&args[0]);
    int64_t shape[SY_DIM_MAX];
    int ndim;
    syi_array part;
    SY_TRY(syi_argument_dims(&args[1], shape, &ndim, err));
    SY_TRY(syi_infer_describe(result, grad->dtype, ndim, shape, err));
    SY_TRY(syi_array_diagonal(&part, &result->outs[0], args[2].as.integer, args[3].as.integer,
                              args[4].as.integer, err));
    return syi_check_expandable(grad, &part, err);
}

sy_status syi_infer_unfold_backward(const syi_op *op, const sy_value *args, syi_inference *result,
                                    sy_error *err)
{
    (void)op;
    const syi_array *grad = syi_argument_array(&args[0]);
    int64_t shape[SY_DIM_MAX];
    int ndim;
    syi_array part;
    SY_TRY(syi_argument_dims(&args[1], shape, &ndim, err));
    SY_TRY(syi_infer_describe(result, grad->dtype, ndim, shape, err));
    SY_TRY(syi_array_unfold(&part, &result->outs[0], args[2].as.integer, args[3].as.integer,
                            args[4].as.integer, err));
    return syi_check_expandable(grad, &part, err);
}
