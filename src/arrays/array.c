/* array.c - shapes, ownership and layout questions of arrays. Test: array_test.c. */
#include "arrays/array.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *syi_shape_format(int ndim, const int64_t *shape, char *buffer, size_t size)
{
    if (size == 0) {
        return buffer;
    }
    if (ndim <= 0) {
        snprintf(buffer, size, "scalar");
        return buffer;
    }
    size_t used = 0;
    buffer[0] = 0;
    for (int i = 0; i < ndim && used < size; i++) {
        int n = snprintf(buffer + used, size - used, "%s%" PRId64, i > 0 ? "x" : "", shape[i]);
        used += n > 0 ? (size_t)n : 0;
    }
    return buffer;
}

sy_status syi_array_describe(syi_array *array, sy_dtype dtype, int ndim, const int64_t *shape,
                             sy_error *err)
{
    memset(array, 0, sizeof *array);
    char text[64];
    if ((unsigned)dtype >= SY_DTYPE_COUNT) {
        return syi_fail(err, SY_EDTYPE, "array: unknown dtype %d", (int)dtype);
    }
    if (ndim < 0 || ndim > SY_DIM_MAX) {
        return syi_fail(err, SY_ESHAPE, "array: %d dimensions, at most %d are supported", ndim,
                        SY_DIM_MAX);
    }
    int64_t strides[SY_DIM_MAX];
    int64_t count = 1; /* empty dims count as 1: strides must be representable, too */
    bool fits = true;
    for (int i = ndim - 1; i >= 0; i--) {
        if (shape[i] < 0) {
            return syi_fail(err, SY_ESHAPE, "array: negative dimension in shape %s",
                            syi_shape_format(ndim, shape, text, sizeof text));
        }
        strides[i] = count;
        fits = fits && !__builtin_mul_overflow(count, shape[i] > 0 ? shape[i] : 1, &count);
    }
    int64_t bytes;
    if (!fits || __builtin_mul_overflow(count, (int64_t)sy_dtype_size(dtype), &bytes)) {
        return syi_fail(err, SY_ESHAPE, "array: shape %s of %s is too large",
                        syi_shape_format(ndim, shape, text, sizeof text), sy_dtype_name(dtype));
    }
    array->dtype = dtype;
    array->ndim = ndim;
    for (int i = 0; i < ndim; i++) {
        array->shape[i] = shape[i];
        array->strides[i] = strides[i];
    }
    return SY_OK;
}

sy_status syi_array_new(sy_context *context, syi_array *array, sy_dtype dtype, int ndim,
                        const int64_t *shape, syi_account *account, sy_error *err)
{
    SY_TRY(syi_array_describe(array, dtype, ndim, shape, err));
    sy_status status =
        syi_storage_new(context, &array->storage, syi_array_bytes(array), account, err);
    if (status != SY_OK) {
        memset(array, 0, sizeof *array);
    }
    return status;
}

void syi_array_copy_view(syi_array *array, const syi_array *from)
{
    *array = *from;
    syi_storage_ref(array->storage);
}

void syi_array_fini(syi_array *array)
{
    syi_storage_unref(array->storage);
    memset(array, 0, sizeof *array);
}

int64_t syi_array_numel(const syi_array *array)
{
    int64_t count = 1;
    for (int i = 0; i < array->ndim; i++) {
        count *= array->shape[i];
    }
    return count;
}

size_t syi_array_bytes(const syi_array *array)
{
    return (size_t)syi_array_numel(array) * sy_dtype_size(array->dtype);
}

bool syi_array_is_contiguous(const syi_array *array)
{
    int64_t expected = 1;
    bool contiguous = true;
    for (int i = array->ndim - 1; i >= 0; i--) {
        if (array->shape[i] == 0) {
            return true;
        }
        if (array->shape[i] != 1) {
            contiguous = contiguous && array->strides[i] == expected;
            expected *= array->shape[i];
        }
    }
    return contiguous;
}

bool syi_array_same_shape(const syi_array *a, const syi_array *b)
{
    return a->ndim == b->ndim &&
           memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof a->shape[0]) == 0;
}

/* Elements between the first and the last one; call for arrays that have elements. */
static int64_t array_extent(const syi_array *array)
{
    int64_t extent = 0;
    for (int i = 0; i < array->ndim; i++) {
        extent += (array->shape[i] - 1) * array->strides[i];
    }
    return extent;
}

bool syi_array_has_internal_overlap(const syi_array *array)
{
    if (syi_array_numel(array) <= 1) {
        return false;
    }
    /* With dims sorted by stride, every stride must pass all that the smaller ones reach. */
    int order[SY_DIM_MAX];
    int count = 0;
    for (int i = 0; i < array->ndim; i++) {
        if (array->shape[i] <= 1) {
            continue;
        }
        int at = count++;
        for (; at > 0 && array->strides[order[at - 1]] > array->strides[i]; at--) {
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
    int64_t reached = 0;
    for (int i = 0; i < count; i++) {
        int64_t stride = array->strides[order[i]];
        if (stride <= reached) {
            return true;
        }
        reached += (array->shape[order[i]] - 1) * stride;
    }
    return false;
}

void *syi_array_data(const syi_array *array)
{
    if (array->storage == NULL || array->storage->data == NULL) {
        return NULL;
    }
    return array->storage->data + array->offset * (int64_t)sy_dtype_size(array->dtype);
}

bool syi_array_overlaps(const syi_array *a, const syi_array *b)
{
    if (a->storage == NULL || b->storage == NULL || syi_array_numel(a) == 0 ||
        syi_array_numel(b) == 0) {
        return false;
    }
    uintptr_t a_first = (uintptr_t)syi_array_data(a);
    uintptr_t b_first = (uintptr_t)syi_array_data(b);
    uintptr_t a_end = a_first + ((uintptr_t)array_extent(a) + 1) * sy_dtype_size(a->dtype);
    uintptr_t b_end = b_first + ((uintptr_t)array_extent(b) + 1) * sy_dtype_size(b->dtype);
    return a_first < b_end && b_first < a_end;
}

sy_status syi_shape_broadcast(int *ndim, int64_t *shape, int a_ndim, const int64_t *a, int b_ndim,
                              const int64_t *b, sy_error *err)
{
    int64_t out[SY_DIM_MAX];
    int count = a_ndim > b_ndim ? a_ndim : b_ndim;
    for (int i = 1; i <= count; i++) {
        int64_t x = i <= a_ndim ? a[a_ndim - i] : 1;
        int64_t y = i <= b_ndim ? b[b_ndim - i] : 1;
        if (x != y && x != 1 && y != 1) {
            char a_text[64], b_text[64];
            return syi_fail(err, SY_ESHAPE, "%s and %s do not broadcast",
                            syi_shape_format(a_ndim, a, a_text, sizeof a_text),
                            syi_shape_format(b_ndim, b, b_text, sizeof b_text));
        }
        out[count - i] = x == 1 ? y : x;
    }
    *ndim = count;
    memcpy(shape, out, (size_t)count * sizeof out[0]);
    return SY_OK;
}

sy_status syi_dim_wrap(int *wrapped, int64_t dim, int ndim, sy_error *err)
{
    int64_t count = ndim > 0 ? ndim : 1;
    if (dim < -count || dim >= count) {
        return syi_fail(err, SY_ERANGE,
                        "dimension %" PRId64 " is out of range for %d dimensions (%" PRId64
                        " to %" PRId64 ")",
                        dim, ndim, -count, count - 1);
    }
    *wrapped = (int)(dim < 0 ? dim + count : dim);
    return SY_OK;
}

sy_status syi_array_clone(sy_context *context, syi_array *out, const syi_array *in,
                          syi_account *account, sy_error *err)
{
    SY_TRY(syi_array_new(context, out, in->dtype, in->ndim, in->shape, account, err));
    if (in->storage != NULL) {
        out->storage->secret = in->storage->secret;
        syi_array_assign(out, in);
    }
    return SY_OK;
}
