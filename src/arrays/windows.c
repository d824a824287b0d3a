/*
 * windows.c - views with other strides than those of their array: diagonals, and windows that overlap.
 * Semantics are PyTorch's. Test: windows_test.c.
 */
#include <inttypes.h>
#include <string.h>

#include "arrays/array.h"

sy_status syi_array_diagonal(syi_array *out, const syi_array *in, int64_t offset, int64_t dim1,
                             int64_t dim2, sy_error *err)
{
    const syi_array from = *in;
    int a, b;
    memset(out, 0, sizeof *out);
    SY_TRY(syi_dim_wrap(&a, dim1, from.ndim, err));
    SY_TRY(syi_dim_wrap(&b, dim2, from.ndim, err));
    if (a == b) {
        char text[64];
        return syi_fail(err, SY_EINVAL, "diagonal: dimension %d of %s twice", a,
                        syi_shape_format(from.ndim, from.shape, text, sizeof text));
    }
    /* How many rows and columns are left beside the part that the offset passes over. */
    int64_t rows = from.shape[a], columns = from.shape[b];
    if (offset >= 0) {
        columns = columns > offset ? columns - offset : 0;
    } else {
        rows = rows > 0 && offset > -rows ? rows + offset : 0;
    }
    const int64_t size = rows < columns ? rows : columns;
    syi_array view = from;
    view.ndim = 0;
    for (int d = 0; d < from.ndim; d++) {
        if (d != a && d != b) {
            view.shape[view.ndim] = from.shape[d];
            view.strides[view.ndim++] = from.strides[d];
        }
    }
    view.shape[view.ndim] = size;
    view.strides[view.ndim++] = from.strides[a] + from.strides[b];
    if (size > 0) {
        view.offset += offset >= 0 ? offset * from.strides[b] : -offset * from.strides[a];
    }
    *out = view;
    out->storage = syi_storage_ref(from.storage);
    return SY_OK;
}

sy_status syi_array_unfold(syi_array *out, const syi_array *in, int64_t dim, int64_t size,
                           int64_t step, sy_error *err)
{
    const syi_array from = *in;
    int at;
    memset(out, 0, sizeof *out);
    SY_TRY(syi_dim_wrap(&at, dim, from.ndim, err));
    const int64_t length = from.ndim == 0 ? 1 : from.shape[at];
    if (size < 0 || size > length || step < 1) {
        return syi_fail(err, SY_ERANGE,
                        "unfold: windows of %" PRId64 " in steps of %" PRId64
                        " along dimension %d of size %" PRId64,
                        size, step, at, length);
    }
    if (from.ndim == SY_DIM_MAX) {
        return syi_fail(err, SY_ESHAPE, "unfold: more than %d dimensions", SY_DIM_MAX);
    }
    syi_array view = from;
    view.shape[view.ndim] = size;
    view.strides[view.ndim++] = from.ndim == 0 ? 1 : from.strides[at];
    if (from.ndim > 0) {
        view.shape[at] = (length - size) / step + 1;
        /* A step beyond the end is never taken; its product might not fit. */
        view.strides[at] = view.shape[at] > 1 ? from.strides[at] * step : from.strides[at];
    }
    SY_TRY(syi_array_describe(&(syi_array){0}, view.dtype, view.ndim, view.shape, err));
    *out = view;
    out->storage = syi_storage_ref(from.storage);
    return SY_OK;
}
