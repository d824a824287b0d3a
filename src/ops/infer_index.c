/*
 * infer_index.c - x[...] as PyTorch reads it, and selection by tensors of indices.
 *
 * The items of an index are taken from left to right and turn `view` step by step; tensors of indices
 * mark the dim that they index. Without such a tensor the result is a finished view. Contents are not
 * looked at: masks make the shape unknown. A list inside of the index is a 1-d tensor of indices.
 * Test: infer_index_test.c, infer_vectors_test.c.
 */
#include "ops/infer.h"

#include <inttypes.h>
#include <string.h>

typedef struct indexing {
    syi_array view;            /* without storage; holds no reference */
    int dim;                   /* next dim of view that an item speaks of */
    int ellipsis;              /* dims that an ellipsis stands for; -1 once used */
    bool masked;               /* a mask was seen */
    bool gathers;              /* a tensor of indices was seen: no view */
    unsigned indexed;          /* set of dims of view */
    int64_t shape[SY_DIM_MAX]; /* what the tensors of indices broadcast to */
    int ndim;
} indexing;

static bool is_mask(sy_dtype dtype)
{
    return dtype == SY_DTYPE_BOOL || dtype == SY_DTYPE_U8;
}

/* Dims of the indexed tensor that an item speaks of. */
static int item_dims(const sy_value *item)
{
    switch ((int)item->kind) {
    case SY_VALUE_INT:
    case SY_VALUE_SLICE:
    case SY_VALUE_LIST:
        return 1;
    case SYI_VALUE_ARRAY: {
        const syi_array *array = syi_argument_array(item);
        return is_mask(array->dtype) ? array->ndim : 1;
    }
    default:
        return 0;
    }
}

/* A tensor of indices of this shape takes the place of the current dim. */
static sy_status index_dim(indexing *state, int ndim, const int64_t *shape, sy_error *err)
{
    SY_TRY(syi_shape_broadcast(&state->ndim, state->shape, state->ndim, state->shape, ndim, shape,
                               err));
    state->gathers = true;
    state->indexed |= 1u << state->dim++;
    return SY_OK;
}

static sy_status index_with_int(indexing *state, int64_t index, sy_error *err)
{
    syi_array before = state->view;
    return syi_array_select(&state->view, &before, state->dim, index, err);
}

static sy_status index_with_new_dim(indexing *state, sy_error *err)
{
    syi_array before = state->view;
    return syi_array_unsqueeze(&state->view, &before, state->dim, err);
}

static sy_status index_with_slice(indexing *state, const sy_value *item, sy_error *err)
{
    syi_array before = state->view;
    return syi_array_slice(&state->view, &before, state->dim++, item->as.slice.start,
                           item->as.slice.stop, item->as.slice.step, err);
}

static sy_status index_with_ellipsis(indexing *state, sy_error *err)
{
    if (state->ellipsis < 0) {
        return syi_fail(err, SY_EINVAL, "an index has at most one ellipsis");
    }
    state->dim += state->ellipsis;
    state->ellipsis = -1;
    return SY_OK;
}

/* True and False are a new dim of one or no element. */
static sy_status index_with_bool(indexing *state, bool keep, sy_error *err)
{
    int64_t size = keep;
    SY_TRY(index_with_new_dim(state, err));
    return index_dim(state, 1, &size, err);
}

/* Ints, or as many bools as the dim has elements. */
static sy_status index_with_list(indexing *state, const sy_value *item, sy_error *err)
{
    const sy_value *items = item->as.list.items;
    int64_t count = (int64_t)item->as.list.count, kept = 0;
    int64_t size = state->view.shape[state->dim];
    for (int64_t i = 0; i < count; i++) {
        if (items[i].kind != items[0].kind ||
            (items[i].kind != SY_VALUE_INT && items[i].kind != SY_VALUE_BOOL)) {
            return syi_fail(err, SY_EINVAL, "a list in an index holds ints only, or bools only");
        }
        int64_t index = items[i].as.integer;
        if (items[i].kind == SY_VALUE_INT && (index < -size || index >= size)) {
            return syi_fail(err, SY_ERANGE,
                            "index %" PRId64 " is out of range for dimension %d of size %" PRId64,
                            index, state->dim, size);
        }
        kept += items[i].kind == SY_VALUE_INT || items[i].as.boolean;
    }
    if (count > 0 && items[0].kind == SY_VALUE_BOOL && count != size) {
        return syi_fail(err, SY_ESHAPE, "a mask of %" PRId64 " for dimension %d of size %" PRId64,
                        count, state->dim, size);
    }
    return index_dim(state, 1, &kept, err);
}

static sy_status index_with_mask(indexing *state, const syi_array *mask, sy_error *err)
{
    const int64_t *covered = state->view.shape + state->dim;
    if (memcmp(covered, mask->shape, (size_t)mask->ndim * sizeof *covered) != 0) {
        char text[SYI_SHAPE_TEXT], view_text[SYI_SHAPE_TEXT];
        return syi_fail(err, SY_ESHAPE, "a mask of %s at dimension %d of %s", SYI_SHAPE(mask, text),
                        state->dim, SYI_SHAPE(&state->view, view_text));
    }
    state->masked = true;
    state->dim += mask->ndim;
    return SY_OK;
}

static sy_status index_with_tensor(indexing *state, const syi_array *index, sy_error *err)
{
    if (is_mask(index->dtype)) {
        return index_with_mask(state, index, err);
    }
    if (index->ndim == 0 && !sy_dtype_is_floating(index->dtype)) {
        state->gathers = true; /* as an int, but only its contents tell where */
        return index_with_int(state, 0, err);
    }
    if (index->dtype != SY_DTYPE_I64) {
        return syi_fail(err, SY_EDTYPE, "a tensor of indices is %s, expected int64 or bool",
                        sy_dtype_name(index->dtype));
    }
    return index_dim(state, index->ndim, index->shape, err);
}

static sy_status index_with_item(indexing *state, const sy_value *item, sy_error *err)
{
    switch ((int)item->kind) {
    case SY_VALUE_INT:
        return index_with_int(state, item->as.integer, err);
    case SY_VALUE_SLICE:
        return index_with_slice(state, item, err);
    case SY_VALUE_ELLIPSIS:
        return index_with_ellipsis(state, err);
    case SY_VALUE_BOOL:
        return index_with_bool(state, item->as.boolean, err);
    case SY_VALUE_LIST:
        return index_with_list(state, item, err);
    case SYI_VALUE_ARRAY:
        return index_with_tensor(state, syi_argument_array(item), err);
    case SY_VALUE_NONE:
        SY_TRY(index_with_new_dim(state, err));
        state->dim++;
        return SY_OK;
    default:
        return syi_fail(err, SY_EINVAL, "an index is an int, slice, ellipsis, none or tensor");
    }
}

/* The dims of view with the indexed ones replaced by the shape of the indices: in their place when
 * they are neighbours, in front otherwise. */
static sy_status describe_gathered(const indexing *state, syi_inference *result, sy_error *err)
{
    const syi_array *view = &state->view;
    unsigned set = state->indexed;
    unsigned low = set & (0u - set);
    bool neighbours = set != 0 && ((set + low) & set) == 0;
    int64_t shape[2 * SY_DIM_MAX];
    int ndim = 0;
    int64_t chosen = 1;
    bool empty = false;
    for (int i = 0; i < state->ndim; i++) {
        chosen = state->shape[i] == 0 ? 0 : chosen;
    }
    for (int i = 0; i <= view->ndim; i++) {
        bool here = neighbours ? (low >> i & 1u) != 0 : i == 0;
        for (int k = 0; here && k < state->ndim; k++) {
            shape[ndim++] = state->shape[k];
        }
        if (i < view->ndim && (set >> i & 1u) != 0) {
            empty = empty || view->shape[i] == 0;
        } else if (i < view->ndim) {
            shape[ndim++] = view->shape[i];
        }
    }
    if (empty && chosen != 0) {
        return syi_fail(err, SY_ERANGE, "an index into a dimension of size 0");
    }
    return syi_infer_describe(result, view->dtype, ndim, shape, err);
}

sy_status syi_infer_index(const syi_op *op, const sy_value *args, syi_inference *result,
                          sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    bool several = args[1].kind == SY_VALUE_LIST;
    const sy_value *items = several ? args[1].as.list.items : &args[1];
    size_t count = several ? args[1].as.list.count : 1;
    indexing state = {.view = *self, .ellipsis = self->ndim};
    state.view.storage = NULL;
    for (size_t i = 0; i < count && state.ellipsis >= 0; i++) {
        state.ellipsis -= item_dims(&items[i]);
    }
    if (state.ellipsis < 0) {
        char text[SYI_SHAPE_TEXT];
        return syi_fail(err, SY_ERANGE, "too many indices for a tensor of %s",
                        SYI_SHAPE(self, text));
    }
    for (size_t i = 0; i < count; i++) {
        SY_TRY(index_with_item(&state, &items[i], err));
    }
    if (state.masked) {
        return syi_infer_unknown(result, self->dtype);
    }
    if (state.gathers) {
        return describe_gathered(&state, result, err);
    }
    syi_array *out = syi_infer_next(result);
    *out = state.view;
    out->storage = syi_storage_ref(self->storage);
    return syi_infer_add(result, SY_OK);
}

/* index_select and index_add: a 1-d (or scalar) tensor of int32 or int64. */
static sy_status check_indices(const syi_array *index, sy_error *err)
{
    if (index->ndim > 1) {
        char text[SYI_SHAPE_TEXT];
        return syi_fail(err, SY_ESHAPE, "the index is %s, expected one dimension",
                        SYI_SHAPE(index, text));
    }
    if (index->dtype != SY_DTYPE_I64 && index->dtype != SY_DTYPE_I32) {
        return syi_fail(err, SY_EDTYPE, "the index is %s, expected int64 or int32",
                        sy_dtype_name(index->dtype));
    }
    return SY_OK;
}

sy_status syi_infer_index_select(const syi_op *op, const sy_value *args, syi_inference *result,
                                 sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    const syi_array *index = syi_argument_array(&args[2]);
    int dim;
    SY_TRY(syi_argument_dim(&args[1], self->ndim, &dim, err));
    SY_TRY(check_indices(index, err));
    int64_t count = syi_array_numel(index);
    if (self->ndim == 0 && count != 1) {
        return syi_fail(err, SY_ESHAPE, "%" PRId64 " indices into a scalar", count);
    }
    int64_t shape[SY_DIM_MAX];
    memcpy(shape, self->shape, sizeof shape);
    shape[dim] = count;
    return syi_infer_describe(result, self->dtype, self->ndim, shape, err);
}

sy_status syi_infer_index_add(const syi_op *op, const sy_value *args, syi_inference *result,
                              sy_error *err)
{
    (void)op;
    const syi_array *self = syi_argument_array(&args[0]);
    const syi_array *index = syi_argument_array(&args[2]);
    const syi_array *source = syi_argument_array(&args[3]);
    int dim;
    SY_TRY(syi_argument_dim(&args[1], self->ndim, &dim, err));
    SY_TRY(check_indices(index, err));
    if (source->dtype != self->dtype) {
        return syi_fail(err, SY_EDTYPE, "self is %s but source is %s", sy_dtype_name(self->dtype),
                        sy_dtype_name(source->dtype));
    }
    /* A scalar counts as one element along dim. */
    bool flat = self->ndim <= 1 && source->ndim <= 1;
    bool fits = (flat || source->ndim == self->ndim) &&
                (source->ndim == 0 ? 1 : source->shape[dim]) == syi_array_numel(index);
    for (int i = 0; fits && !flat && i < self->ndim; i++) {
        fits = i == dim || source->shape[i] == self->shape[i];
    }
    if (!fits) {
        char self_text[SYI_SHAPE_TEXT], source_text[SYI_SHAPE_TEXT];
        return syi_fail(err, SY_ESHAPE, "a source of %s with %" PRId64 " indices into %s, dim %d",
                        SYI_SHAPE(source, source_text), syi_array_numel(index),
                        SYI_SHAPE(self, self_text), dim);
    }
    return syi_infer_describe(result, self->dtype, self->ndim, self->shape, err);
}
