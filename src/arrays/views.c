/*
 * views.c - arrays over the same storage with another shape. Semantics are PyTorch's, zero-dimensional
 * and empty arrays included. Every function works on a copy of `in` and commits it to *out only when
 * all checks passed. Test: views_test.c.
 */
#include <inttypes.h>
#include <string.h>

#include "arrays/array.h"

enum { TEXT_SIZE = 64 };

static sy_status view_commit(syi_array *out, const syi_array *view)
{
    out->storage = syi_storage_ref(view->storage);
    out->dtype = view->dtype;
    out->ndim = view->ndim;
    out->offset = view->offset;
    memcpy(out->shape, view->shape, (size_t)view->ndim * sizeof view->shape[0]);
    memcpy(out->strides, view->strides, (size_t)view->ndim * sizeof view->strides[0]);
    return SY_OK;
}

/* Replaces the one -1 of a requested shape and checks the element count. */
static sy_status view_infer_shape(const syi_array *in, int ndim, const int64_t *asked,
                                  int64_t *shape, sy_error *err)
{
    char from[TEXT_SIZE], to[TEXT_SIZE];
    int64_t numel = syi_array_numel(in);
    int64_t known = 1;
    int open = -1;
    bool valid = true;
    for (int i = 0; i < ndim; i++) {
        shape[i] = asked[i];
        if (asked[i] == -1 && open < 0) {
            open = i;
        } else {
            valid = valid && asked[i] >= 0 && !__builtin_mul_overflow(known, asked[i], &known);
        }
    }
    if (valid && open >= 0 && known == 0 && numel == 0) {
        return syi_fail(err, SY_ESHAPE,
                        "view: the -1 in %s is ambiguous for a tensor of 0 elements",
                        syi_shape_format(ndim, asked, to, sizeof to));
    }
    if (valid && open >= 0 && known > 0 && numel % known == 0) {
        shape[open] = numel / known;
    } else if (!valid || open >= 0 || known != numel) {
        return syi_fail(err, SY_ESHAPE, "view: shape %s (%" PRId64 " elements) cannot become %s",
                        syi_shape_format(in->ndim, in->shape, from, sizeof from), numel,
                        syi_shape_format(ndim, asked, to, sizeof to));
    }
    return SY_OK;
}

/*
 * Strides of `view` (its shape is set) over the elements of `in`, or false. The dims of `in` fall into
 * chunks that are contiguous among themselves; a new dim must lie within one chunk.
 */
static bool view_restride(syi_array *view, const syi_array *in)
{
    int at = view->ndim - 1;
    int64_t base = in->strides[in->ndim - 1];
    int64_t chunk = 1; /* elements of the old chunk so far */
    int64_t taken = 1; /* elements of it that new dims cover */
    for (int i = in->ndim - 1; i >= 0; i--) {
        chunk *= in->shape[i];
        bool chunk_ends = i == 0 || (in->shape[i - 1] != 1 && in->strides[i - 1] != chunk * base);
        if (!chunk_ends) {
            continue;
        }
        for (; at >= 0 && (taken < chunk || view->shape[at] == 1); at--) {
            view->strides[at] = taken * base;
            taken *= view->shape[at];
        }
        if (taken != chunk) {
            return false;
        }
        if (i > 0) {
            base = in->strides[i - 1];
            chunk = taken = 1;
        }
    }
    return at < 0;
}

sy_status syi_array_view(syi_array *out, const syi_array *in, int ndim, const int64_t *shape,
                         sy_error *err)
{
    memset(out, 0, sizeof *out);
    if (ndim < 0 || ndim > SY_DIM_MAX) {
        return syi_fail(err, SY_ESHAPE, "view: %d dimensions, at most %d are supported", ndim,
                        SY_DIM_MAX);
    }
    int64_t inferred[SY_DIM_MAX];
    SY_TRY(view_infer_shape(in, ndim, shape, inferred, err));
    syi_array view;
    SY_TRY(syi_array_describe(&view, in->dtype, ndim, inferred, err));
    view.storage = in->storage;
    view.offset = in->offset;
    if (syi_array_numel(in) == 0) {
        if (syi_array_same_shape(&view, in)) {
            memcpy(view.strides, in->strides, sizeof view.strides);
        }
    } else if (in->ndim > 0 && !view_restride(&view, in)) {
        char from[TEXT_SIZE], strides[TEXT_SIZE], to[TEXT_SIZE];
        return syi_fail(err, SY_ESHAPE,
                        "view: shape %s with strides %s cannot be seen as %s without a copy; use "
                        "reshape",
                        syi_shape_format(in->ndim, in->shape, from, sizeof from),
                        syi_shape_format(in->ndim, in->strides, strides, sizeof strides),
                        syi_shape_format(ndim, inferred, to, sizeof to));
    }
    return view_commit(out, &view);
}

static void swap_dims(int64_t *values, int a, int b)
{
    int64_t kept = values[a];
    values[a] = values[b];
    values[b] = kept;
}

sy_status syi_array_transpose(syi_array *out, const syi_array *in, int dim0, int dim1,
                              sy_error *err)
{
    memset(out, 0, sizeof *out);
    syi_array view = *in;
    SY_TRY(syi_dim_wrap(&dim0, dim0, in->ndim, err));
    SY_TRY(syi_dim_wrap(&dim1, dim1, in->ndim, err));
    swap_dims(view.shape, dim0, dim1);
    swap_dims(view.strides, dim0, dim1);
    return view_commit(out, &view);
}

sy_status syi_array_permute(syi_array *out, const syi_array *in, const int64_t *dims, int ndim,
                            sy_error *err)
{
    memset(out, 0, sizeof *out);
    if (ndim != in->ndim) {
        return syi_fail(err, SY_ESHAPE, "permute: %d dims given for a tensor of %d", ndim,
                        in->ndim);
    }
    syi_array view = *in;
    unsigned seen = 0;
    for (int i = 0; i < ndim; i++) {
        int dim;
        SY_TRY(syi_dim_wrap(&dim, dims[i], ndim, err));
        if ((seen >> dim & 1U) != 0) {
            return syi_fail(err, SY_ESHAPE, "permute: dimension %d is given twice", dim);
        }
        seen |= 1U << dim;
        view.shape[i] = in->shape[dim];
        view.strides[i] = in->strides[dim];
    }
    return view_commit(out, &view);
}

static void remove_dim(syi_array *view, int dim)
{
    size_t rest = (size_t)(view->ndim - dim - 1);
    memmove(view->shape + dim, view->shape + dim + 1, rest * sizeof view->shape[0]);
    memmove(view->strides + dim, view->strides + dim + 1, rest * sizeof view->strides[0]);
    view->ndim--;
}

sy_status syi_array_select(syi_array *out, const syi_array *in, int dim, int64_t index,
                           sy_error *err)
{
    memset(out, 0, sizeof *out);
    if (in->ndim == 0) {
        return syi_fail(err, SY_ESHAPE, "select: a scalar has no dimension to select from");
    }
    SY_TRY(syi_dim_wrap(&dim, dim, in->ndim, err));
    int64_t size = in->shape[dim];
    if (index < -size || index >= size) {
        return syi_fail(err, SY_ERANGE,
                        "select: index %" PRId64
                        " is out of range for dimension %d of size %" PRId64,
                        index, dim, size);
    }
    syi_array view = *in;
    view.offset += (index < 0 ? index + size : index) * in->strides[dim];
    remove_dim(&view, dim);
    return view_commit(out, &view);
}

/* A slice bound as Python reads it: negative from the end, then clamped to [low, size]. */
static int64_t clamp_bound(int64_t bound, int64_t low, int64_t size)
{
    if (bound < 0) {
        bound += size;
    }
    if (bound < low) {
        return low;
    }
    return bound < size ? bound : size;
}

sy_status syi_array_slice(syi_array *out, const syi_array *in, int dim, int64_t start, int64_t stop,
                          int64_t step, sy_error *err)
{
    memset(out, 0, sizeof *out);
    if (in->ndim == 0) {
        return syi_fail(err, SY_ESHAPE, "slice: a scalar has no dimension to slice");
    }
    SY_TRY(syi_dim_wrap(&dim, dim, in->ndim, err));
    if (step < 1) {
        return syi_fail(err, SY_ERANGE, "slice: step %" PRId64 " is not positive", step);
    }
    int64_t size = in->shape[dim];
    start = start == SY_SLICE_OPEN ? 0 : clamp_bound(start, 0, size);
    stop = stop == SY_SLICE_OPEN ? size : clamp_bound(stop, start, size);
    int64_t length = stop - start;
    syi_array view = *in;
    /* An empty view keeps the offset, so that no offset ever points outside the storage. */
    view.offset += length > 0 ? start * in->strides[dim] : 0;
    view.shape[dim] = length == 0 ? 0 : (length - 1) / step + 1;
    /* A stride that does not fit belongs to a dim of at most one element, which never uses it. */
    if (__builtin_mul_overflow(in->strides[dim], step, &view.strides[dim])) {
        view.strides[dim] = in->strides[dim];
    }
    return view_commit(out, &view);
}

sy_status syi_array_expand(syi_array *out, const syi_array *in, int ndim, const int64_t *shape,
                           sy_error *err)
{
    memset(out, 0, sizeof *out);
    char from[TEXT_SIZE], to[TEXT_SIZE];
    if (ndim > SY_DIM_MAX || ndim < in->ndim) {
        return syi_fail(err, SY_ESHAPE, "expand: shape %s (%d dims) cannot become %d dims",
                        syi_shape_format(in->ndim, in->shape, from, sizeof from), in->ndim, ndim);
    }
    syi_array view = *in;
    view.ndim = ndim;
    for (int i = ndim - 1; i >= 0; i--) {
        int old = i - (ndim - in->ndim);
        int64_t size = old >= 0 ? in->shape[old] : 1;
        int64_t wanted = shape[i] == -1 && old >= 0 ? size : shape[i];
        if (wanted < 0 || (wanted != size && size != 1)) {
            return syi_fail(err, SY_ESHAPE, "expand: shape %s cannot become %s",
                            syi_shape_format(in->ndim, in->shape, from, sizeof from),
                            syi_shape_format(ndim, shape, to, sizeof to));
        }
        view.shape[i] = wanted;
        if (wanted != size || in->ndim == 0) {
            view.strides[i] = 0;
        } else if (old >= 0) {
            view.strides[i] = in->strides[old];
        } else {
            view.strides[i] = i + 1 < ndim ? view.shape[i + 1] * view.strides[i + 1] : 1;
        }
    }
    syi_array described; /* checks that the count is representable */
    SY_TRY(syi_array_describe(&described, in->dtype, ndim, view.shape, err));
    return view_commit(out, &view);
}

sy_status syi_array_squeeze(syi_array *out, const syi_array *in, int dim, bool all, sy_error *err)
{
    memset(out, 0, sizeof *out);
    syi_array view = *in;
    if (!all) {
        SY_TRY(syi_dim_wrap(&dim, dim, in->ndim, err));
        if (dim < view.ndim && view.shape[dim] == 1) {
            remove_dim(&view, dim);
        }
        return view_commit(out, &view);
    }
    for (int i = view.ndim - 1; i >= 0; i--) {
        if (view.shape[i] == 1) {
            remove_dim(&view, i);
        }
    }
    return view_commit(out, &view);
}

sy_status syi_array_unsqueeze(syi_array *out, const syi_array *in, int dim, sy_error *err)
{
    memset(out, 0, sizeof *out);
    SY_TRY(syi_dim_wrap(&dim, dim, in->ndim + 1, err));
    if (in->ndim == SY_DIM_MAX) {
        return syi_fail(err, SY_ESHAPE, "unsqueeze: %d dimensions are the most supported",
                        SY_DIM_MAX);
    }
    syi_array view = *in;
    int64_t stride = dim < in->ndim ? in->shape[dim] * in->strides[dim] : 1;
    size_t rest = (size_t)(in->ndim - dim);
    memmove(view.shape + dim + 1, in->shape + dim, rest * sizeof view.shape[0]);
    memmove(view.strides + dim + 1, in->strides + dim, rest * sizeof view.strides[0]);
    view.shape[dim] = 1;
    view.strides[dim] = stride;
    view.ndim++;
    return view_commit(out, &view);
}
