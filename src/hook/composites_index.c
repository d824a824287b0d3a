/*
 * composites_index.c - x[...] and x[...] = y, as PyTorch reads them. Ints, slices, none and the ellipsis become
 * views, from left to right; tensors of indices and masks wait until all items are read and then pick together.
 * A write goes through the same view where nothing is recorded, and by positions in the whole tensor where the
 * tape must see it. Test: composites_index_test.c.
 */
#include <string.h>

#include "core/error.h"
#include "hook/composites.h"
#include "hook/policy.h"

/* A tensor of indices: row-major positions in `count` dims of the view from `dim` on. */
typedef struct group {
    int dim;
    int count;
    sy_tensor *positions; /* one reference */
} group;

typedef struct indexing {
    int64_t dim;  /* the next dim of the value that an item speaks of */
    int64_t rest; /* dims that an ellipsis stands for */
    bool ellipsis;
    bool writes; /* everything but groups must be a view */
    group groups[SY_DIM_MAX];
    int group_count;
} indexing;

static void indexing_fini(indexing *at)
{
    while (at->group_count > 0) {
        sy_tensor_unref(at->groups[--at->group_count].positions);
    }
}

static bool is_mask(sy_dtype dtype)
{
    return dtype == SY_DTYPE_BOOL || dtype == SY_DTYPE_U8;
}

/* Takes the reference, also on failure. */
static sy_status add_group(syi_composite *c, indexing *at, int count, sy_tensor *positions)
{
    if (at->group_count == SY_DIM_MAX) {
        sy_tensor_unref(positions);
        return syi_fail(c->err, SY_ELIMIT, "more than %d tensors of indices", SY_DIM_MAX);
    }
    at->groups[at->group_count++] = (group){(int)at->dim, count, positions};
    at->dim += count;
    return SY_OK;
}

/* Where a mask is true, as positions in its elements. */
static sy_status take_mask(syi_composite *c, indexing *at, sy_tensor *mask)
{
    const syi_array shape = syi_composite_array(mask), view = syi_composite_array(c->value);
    const int64_t line = -1;
    bool fits = at->dim + shape.ndim <= view.ndim;
    for (int d = 0; fits && d < shape.ndim; d++) {
        fits = shape.shape[d] == view.shape[at->dim + d];
    }
    if (!fits) {
        char text[64], view_text[64];
        return syi_fail(c->err, SY_ESHAPE, "a mask of %s at dimension %lld of %s",
                        syi_shape_format(shape.ndim, shape.shape, text, sizeof text),
                        (long long)at->dim,
                        syi_shape_format(view.ndim, view.shape, view_text, sizeof view_text));
    }
    syi_composite places = syi_composite_fork(c, mask);
    sy_status status;
    SY_GOTO(done, syi_composite_reshape(&places, &line, 1));
    SY_GOTO(done, STEP(&places, nonzero, VALUE(&places)));
    SY_GOTO(done, syi_composite_reshape(&places, &line, 1));
    if (shape.ndim == 0) { /* as True and False */
        SY_GOTO(done, STEP(c, unsqueeze, VALUE(c), INT(at->dim)));
    }
    return add_group(c, at, shape.ndim == 0 ? 1 : shape.ndim, places.value);
done:
    sy_tensor_unref(places.value);
    return status;
}

/* An integer tensor without dims counts as an int. For a write its contents are read here. */
static sy_status take_scalar(syi_composite *c, indexing *at, sy_tensor *index)
{
    if (at->writes) {
        int64_t position = 0;
        const syi_policy policy = syi_tensor_policy(index);
        if (policy.private_) {
            char id[64];
            const sy_id own = sy_tensor_get_id(index);
            return syi_policy_refuse(&policy, "index", sy_id_format(&own, id, sizeof id), NULL,
                                     c->err);
        }
        SY_TRY(sy_tensor_item_int(index, &position, c->err));
        return STEP(c, select, VALUE(c), INT(at->dim), INT(position));
    }
    const sy_value size = INT(syi_composite_array(c->value).shape[at->dim]);
    const sy_value itself = sy_value_tensor(index);
    syi_composite position = syi_composite_fork(c, index);
    sy_status status;
    SY_GOTO(done,
            STEP(&position, _ravel_index, sy_value_list(&itself, 1), sy_value_list(&size, 1)));
    SY_GOTO(done, STEP(c, index_select, VALUE(c), INT(at->dim), VALUE(&position)));
    SY_GOTO(done, STEP(c, squeeze, VALUE(c), INT(at->dim)));
done:
    sy_tensor_unref(position.value);
    return status;
}

static sy_status take_tensor(syi_composite *c, indexing *at, sy_tensor *index)
{
    const syi_array shape = syi_composite_array(index);
    if (is_mask(shape.dtype)) {
        return take_mask(c, at, index);
    }
    if (sy_dtype_is_floating(shape.dtype)) {
        return syi_fail(c->err, SY_EDTYPE, "a tensor of indices is %s, expected int64",
                        sy_dtype_name(shape.dtype));
    }
    return shape.ndim == 0 ? take_scalar(c, at, index) : add_group(c, at, 1, sy_tensor_ref(index));
}

/* Ints, or as many bools as the dim has elements. */
static sy_status take_list(syi_composite *c, indexing *at, const sy_value *list)
{
    const sy_value *items = list->as.list.items;
    const size_t count = list->as.list.count;
    const bool flags = count > 0 && items[0].kind == SY_VALUE_BOOL;
    const int64_t size = syi_composite_array(c->value).shape[at->dim];
    if (flags && (int64_t)count != size) {
        return syi_fail(c->err, SY_ESHAPE, "a mask of %zu for dimension %lld of size %lld", count,
                        (long long)at->dim, (long long)size);
    }
    int64_t *numbers = syi_alloc(c->hook->context, (count + 1) * sizeof *numbers);
    if (numbers == NULL) {
        return SYI_ENOMEM(c->err, "list of indices");
    }
    int64_t kept = 0;
    sy_status status = SY_OK;
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        if (items[k].kind != items[0].kind ||
            (items[k].kind != SY_VALUE_INT && items[k].kind != SY_VALUE_BOOL)) {
            status =
                syi_fail(c->err, SY_EINVAL, "a list in an index holds ints only, or bools only");
        } else if (!flags || items[k].as.boolean) {
            numbers[kept++] = flags ? (int64_t)k : items[k].as.integer;
        }
    }
    sy_tensor *positions = NULL;
    if (status == SY_OK) {
        status = syi_composite_ints(c, numbers, kept, size, &positions);
    }
    syi_free(c->hook->context, numbers, (count + 1) * sizeof *numbers);
    return status == SY_OK ? add_group(c, at, 1, positions) : status;
}

/* A new dim of one element, kept or not. */
static sy_status take_bool(syi_composite *c, indexing *at, bool keep)
{
    const int64_t first = 0;
    sy_tensor *positions = NULL;
    SY_TRY(STEP(c, unsqueeze, VALUE(c), INT(at->dim)));
    SY_TRY(syi_composite_ints(c, &first, keep ? 1 : 0, 1, &positions));
    return add_group(c, at, 1, positions);
}

static sy_value open_bound(int64_t bound)
{
    return bound == SY_SLICE_OPEN ? sy_value_none() : INT(bound);
}

static sy_status take_slice(syi_composite *c, indexing *at, const sy_value *item)
{
    const int64_t start = item->as.slice.start, stop = item->as.slice.stop;
    const int64_t step = item->as.slice.step;
    const int64_t dim = at->dim++;
    if ((start == SY_SLICE_OPEN || start == 0) && stop == SY_SLICE_OPEN && step == 1) {
        return SY_OK;
    }
    return STEP(c, slice, VALUE(c), INT(dim), open_bound(start), open_bound(stop), INT(step));
}

static sy_status take_item(syi_composite *c, indexing *at, const sy_value *item)
{
    switch (item->kind) {
    case SY_VALUE_INT:
        return STEP(c, select, VALUE(c), INT(at->dim), *item);
    case SY_VALUE_SLICE:
        return take_slice(c, at, item);
    case SY_VALUE_NONE:
        return STEP(c, unsqueeze, VALUE(c), INT(at->dim++));
    case SY_VALUE_ELLIPSIS:
        if (at->ellipsis) {
            return syi_fail(c->err, SY_EINVAL, "an index has at most one ellipsis");
        }
        at->ellipsis = true;
        at->dim += at->rest;
        return SY_OK;
    case SY_VALUE_TENSOR:
        return take_tensor(c, at, item->as.tensor);
    case SY_VALUE_LIST:
        return take_list(c, at, item);
    case SY_VALUE_BOOL:
        return take_bool(c, at, item->as.boolean);
    default:
        return syi_fail(c->err, SY_EINVAL,
                        "an index is an int, slice, ellipsis, none, bool, list or tensor");
    }
}

/* Dims of the indexed tensor that an item speaks of. */
static int dims_of(const sy_value *item)
{
    if (item->kind == SY_VALUE_TENSOR) {
        const syi_array shape = syi_composite_array(item->as.tensor);
        return is_mask(shape.dtype) ? shape.ndim : 1;
    }
    return item->kind == SY_VALUE_INT || item->kind == SY_VALUE_SLICE ||
           item->kind == SY_VALUE_LIST;
}

/* The items of a bound index: a list of them, or a single one. */
static const sy_value *items_of(const sy_value *index, size_t *count)
{
    const bool several = index->kind == SY_VALUE_LIST;
    *count = several ? index->as.list.count : 1;
    return several ? index->as.list.items : index;
}

/* The value becomes the view; the groups are left in `at`. */
static sy_status take_items(syi_composite *c, const sy_value *index, indexing *at)
{
    size_t count;
    const sy_value *items = items_of(index, &count);
    const syi_array whole = syi_composite_array(c->value);
    at->rest = whole.ndim;
    for (size_t k = 0; k < count; k++) {
        at->rest -= dims_of(&items[k]);
    }
    if (at->rest < 0) {
        char text[64];
        return syi_fail(c->err, SY_ERANGE, "too many indices for a tensor of %s",
                        syi_shape_format(whole.ndim, whole.shape, text, sizeof text));
    }
    for (size_t k = 0; k < count; k++) {
        SY_TRY(take_item(c, at, &items[k]));
    }
    return SY_OK;
}

/* All groups as one: positions in the dims that they speak of. */
typedef struct picked {
    sy_value dims[SY_DIM_MAX];
    size_t dim_count;
    syi_composite positions;
} picked;

static sy_status join_groups(const syi_composite *c, const indexing *at, picked *made)
{
    const syi_array view = syi_composite_array(c->value);
    sy_value tensors[SY_DIM_MAX], sizes[SY_DIM_MAX];
    made->dim_count = 0;
    made->positions = syi_composite_fork(c, at->groups[0].positions);
    for (int k = 0; k < at->group_count; k++) {
        const group *g = &at->groups[k];
        int64_t size = 1;
        for (int d = 0; d < g->count; d++) {
            made->dims[made->dim_count++] = INT(g->dim + d);
            size *= view.shape[g->dim + d];
        }
        tensors[k] = sy_value_tensor(g->positions);
        sizes[k] = INT(size);
    }
    const size_t count = (size_t)at->group_count;
    return STEP(&made->positions, _ravel_index, sy_value_list(tensors, count),
                sy_value_list(sizes, count));
}

/* The dims of the value with dim `at` replaced by `ndim` others. */
static sy_status replace_dim(syi_composite *c, int at, const int64_t *shape, int ndim)
{
    const syi_array array = syi_composite_array(c->value);
    int64_t sizes[2 * SY_DIM_MAX];
    int count = 0;
    for (int d = 0; d < array.ndim; d++) {
        for (int k = 0; d == at && k < ndim; k++) {
            sizes[count++] = shape[k];
        }
        if (d != at) {
            sizes[count++] = array.shape[d];
        }
    }
    return syi_composite_reshape(c, sizes, count);
}

/* Nobody looks into what is not here. */
static bool may_be_negative(const sy_tensor *index)
{
    const syi_array array = syi_composite_array(index);
    int64_t k = 0;
    if (!syi_tensor_is_native(index)) {
        return true;
    }
    while (k < syi_array_numel(&array) && syi_array_get_int(&array, k) >= 0) {
        k++;
    }
    return k < syi_array_numel(&array);
}

/* One tensor for one dim: whole slices, by the row that keeps rows apart for the policies. */
static sy_status select_slices(syi_composite *c, const group *g)
{
    const syi_array shape = syi_composite_array(g->positions); /* only looked at */
    const int64_t line = -1;
    const sy_value size = INT(syi_composite_array(c->value).shape[g->dim]);
    syi_composite index = syi_composite_fork(c, g->positions);
    sy_status status = SY_OK;
    if (shape.ndim != 1) {
        SY_GOTO(done, syi_composite_reshape(&index, &line, 1));
    }
    if (shape.dtype != SY_DTYPE_I64 || may_be_negative(g->positions)) {
        const sy_value itself = VALUE(&index);
        SY_GOTO(done,
                STEP(&index, _ravel_index, sy_value_list(&itself, 1), sy_value_list(&size, 1)));
    }
    SY_GOTO(done, STEP(c, index_select, VALUE(c), INT(g->dim), VALUE(&index)));
    if (shape.ndim != 1) {
        SY_GOTO(done, replace_dim(c, g->dim, shape.shape, shape.ndim));
    }
done:
    sy_tensor_unref(index.value);
    return status;
}

static sy_status pick(syi_composite *c, const indexing *at)
{
    if (at->group_count == 1 && at->groups[0].count == 1) {
        return select_slices(c, &at->groups[0]);
    }
    picked all;
    sy_status status = join_groups(c, at, &all);
    if (status == SY_OK) {
        status = STEP(c, _index, VALUE(c), VALUE(&all.positions),
                      sy_value_list(all.dims, all.dim_count));
    }
    sy_tensor_unref(all.positions.value);
    return status;
}

static sy_status read_index(syi_composite *c, const sy_value *index)
{
    sy_tensor *self = sy_tensor_ref(c->value); /* held, so that no other tensor gets its address */
    const int ndim = syi_composite_array(self).ndim;
    indexing at = {.writes = false};
    sy_status status = take_items(c, index, &at);
    if (status == SY_OK && at.group_count > 0) {
        status = pick(c, &at);
    }
    indexing_fini(&at);
    const bool whole = c->value == self; /* x[:], x[...], x[()]: a view of everything */
    sy_tensor_unref(self);
    if (status != SY_OK || !whole) {
        return status;
    }
    return ndim > 0 ? STEP(c, slice, VALUE(c), INT(0))
                    : STEP(c, view, VALUE(c), sy_value_list(NULL, 0));
}

sy_status syi_composite_index(syi_composite *c, const sy_value *bound)
{
    return read_index(c, &bound[1]);
}

/* x[...] = y */

/* y as a tensor of x's dtype. PyTorch drops leading dims of 1 that the place does not have. */
static sy_status prepare_values(syi_composite *values, const sy_value *given, sy_dtype dtype,
                                int ndim)
{
    if (given->kind != SY_VALUE_TENSOR) {
        return syi_composite_full(values, given, dtype);
    }
    const syi_array array = syi_composite_array(given->as.tensor);
    int first = 0;
    while (array.ndim - first > ndim && array.shape[first] == 1) {
        first++;
    }
    if (array.dtype != dtype) {
        SY_TRY(STEP(values, to, VALUE(values), sy_value_dtype(dtype)));
    }
    return first > 0 ? syi_composite_reshape(values, array.shape + first, array.ndim - first)
                     : SY_OK;
}

/* Recorded: positions of the place in the whole tensor, and one row that the tape knows. */
static sy_status write_by_positions(syi_composite *c, const sy_value *bound)
{
    const syi_array self = syi_composite_array(c->value);
    const bool single = bound[2].kind != SY_VALUE_TENSOR;
    syi_composite places = syi_composite_fork(c, c->value);
    syi_composite values = syi_composite_fork(c, single ? c->value : bound[2].as.tensor);
    sy_status status;
    SY_GOTO(done, syi_composite_places(&places, syi_array_numel(&self)));
    SY_GOTO(done, syi_composite_reshape(&places, self.shape, self.ndim));
    SY_GOTO(done, read_index(&places, &bound[1]));
    const syi_array place = syi_composite_array(places.value);
    SY_GOTO(done, prepare_values(&values, &bound[2], self.dtype, place.ndim));
    SY_GOTO(done, syi_composite_expand(&values, place.shape, place.ndim));
    const sy_value args[] = {VALUE(c), VALUE(&places), VALUE(&values), bound[3]};
    SY_GOTO(done, syi_composite_step(c, SYI_OP_put, c->inplace, args, 4));
done:
    sy_tensor_unref(values.value);
    sy_tensor_unref(places.value);
    return status;
}

static sy_status write_view(syi_composite *view, const sy_value *given, bool accumulate)
{
    if (given->kind != SY_VALUE_TENSOR) {
        return accumulate ? STEP_IN_PLACE(view, add, VALUE(view), *given)
                          : STEP_IN_PLACE(view, fill_, VALUE(view), *given);
    }
    const syi_array place = syi_composite_array(view->value);
    syi_composite values = syi_composite_fork(view, given->as.tensor);
    sy_status status;
    SY_GOTO(done, prepare_values(&values, given, place.dtype, place.ndim));
    SY_GOTO(done, accumulate ? STEP_IN_PLACE(view, add, VALUE(view), VALUE(&values))
                             : STEP_IN_PLACE(view, copy_, VALUE(view), VALUE(&values)));
done:
    sy_tensor_unref(values.value);
    return status;
}

static sy_status write_picked(syi_composite *view, const indexing *at, const sy_value *given,
                              const sy_value *accumulate)
{
    const syi_array shape = syi_composite_array(view->value);
    const bool single = given->kind != SY_VALUE_TENSOR;
    syi_composite values = syi_composite_fork(view, single ? view->value : given->as.tensor);
    picked all;
    sy_status status;
    SY_GOTO(done, join_groups(view, at, &all));
    const int ndim =
        shape.ndim - (int)all.dim_count + syi_composite_array(all.positions.value).ndim;
    SY_GOTO(done, prepare_values(&values, given, shape.dtype, ndim));
    SY_GOTO(done,
            STEP_IN_PLACE(view, _index_put, VALUE(view), VALUE(&all.positions),
                          sy_value_list(all.dims, all.dim_count), VALUE(&values), *accumulate));
done:
    sy_tensor_unref(all.positions.value);
    sy_tensor_unref(values.value);
    return status;
}

/* Nothing is recorded: through views of the tensor. */
static sy_status write_through(syi_composite *c, const sy_value *bound)
{
    indexing at = {.writes = true};
    if (!c->inplace) {
        SY_TRY(STEP(c, clone, VALUE(c)));
    }
    syi_composite view = syi_composite_fork(c, c->value);
    sy_status status = take_items(&view, &bound[1], &at);
    if (status == SY_OK) {
        status = at.group_count > 0 ? write_picked(&view, &at, &bound[2], &bound[3])
                                    : write_view(&view, &bound[2], bound[3].as.boolean);
    }
    indexing_fini(&at);
    sy_tensor_unref(view.value);
    return status;
}

/* x[mask] = a number: no positions needed, so the mask may be private, too. */
static bool is_mask_of_one(const syi_composite *c, const sy_value *bound, sy_tensor **mask)
{
    size_t count;
    const sy_value *items = items_of(&bound[1], &count);
    if (count != 1 || items[0].kind != SY_VALUE_TENSOR || bound[3].as.boolean) {
        return false;
    }
    const syi_array shape = syi_composite_array(items[0].as.tensor);
    const syi_array self = syi_composite_array(c->value);
    bool fits = is_mask(shape.dtype) && shape.ndim > 0 && shape.ndim <= self.ndim;
    for (int d = 0; fits && d < shape.ndim; d++) {
        fits = shape.shape[d] == self.shape[d];
    }
    *mask = items[0].as.tensor;
    return fits &&
           (bound[2].kind != SY_VALUE_TENSOR || syi_composite_array(bound[2].as.tensor).ndim == 0);
}

static sy_status fill_where(syi_composite *c, sy_tensor *given, const sy_value *value)
{
    const int ndim = syi_composite_array(c->value).ndim;
    const syi_array shape = syi_composite_array(given);
    int64_t sizes[SY_DIM_MAX];
    for (int d = 0; d < ndim; d++) {
        sizes[d] = d < shape.ndim ? shape.shape[d] : 1;
    }
    syi_composite mask = syi_composite_fork(c, given);
    sy_status status;
    SY_GOTO(done, syi_composite_reshape(&mask, sizes, ndim));
    const sy_value args[] = {VALUE(c), VALUE(&mask), *value};
    SY_GOTO(done, syi_composite_step(c, SYI_OP_masked_fill, c->inplace, args, 3));
done:
    sy_tensor_unref(mask.value);
    return status;
}

sy_status syi_composite_index_put(syi_composite *c, const sy_value *bound)
{
    sy_tensor *mask = NULL;
    if (is_mask_of_one(c, bound, &mask)) {
        return fill_where(c, mask, &bound[2]);
    }
    const bool tracked =
        syi_tensor_is_tracked(c->value) ||
        (bound[2].kind == SY_VALUE_TENSOR && syi_tensor_is_tracked(bound[2].as.tensor));
    return c->mode->grad && tracked ? write_by_positions(c, bound) : write_through(c, bound);
}
