/* encode.c - reals to integers of a field and back. Part of fixed.h. Test: encode_test.c. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "core/error.h"
#include "interpreters/precision/fixed.h"

/* "[1, 2]" of a flat row-major index. */
static const char *format_position(const syi_array *array, int64_t flat, char *buffer, size_t size)
{
    int64_t at[SY_DIM_MAX];
    for (int d = array->ndim - 1; d >= 0; d--) {
        at[d] = flat % array->shape[d];
        flat /= array->shape[d];
    }
    size_t length = (size_t)snprintf(buffer, size, "[");
    for (int d = 0; d < array->ndim && length + 24 < size; d++) {
        length += (size_t)snprintf(buffer + length, size - length, "%s%" PRId64, d > 0 ? ", " : "",
                                   at[d]);
    }
    snprintf(buffer + length, size - length, "]");
    return buffer;
}

static sy_status refuse(const syi_fixed_attributes *attributes, double value, const char *where,
                        sy_error *err)
{
    char text[SYI_FIXED_TEXT];
    if (!isfinite(value)) {
        return syi_fail(err, SY_ERANGE, "%s is %s, which fixed precision cannot hold", where,
                        isnan(value) ? "NaN" : "infinite");
    }
    return syi_fail(err, SY_ERANGE,
                    "%s is %g, which does not fit: magnitudes stay below %g with %s; use a larger "
                    "field or a lower precision",
                    where, value,
                    ((double)syi_fixed_most(attributes) + 1) / (double)attributes->scale,
                    syi_fixed_format(attributes, text, sizeof text));
}

static sy_status refuse_element(const syi_fixed_attributes *attributes, const syi_array *from,
                                int64_t flat, sy_error *err)
{
    char position[160], where[200];
    snprintf(where, sizeof where, "element %s",
             format_position(from, flat, position, sizeof position));
    return refuse(attributes, syi_array_get_double(from, flat), where, err);
}

sy_status syi_fixed_encode_number(const syi_fixed_attributes *attributes, double number,
                                  int64_t *encoded, sy_error *err)
{
    const double product = number * (double)attributes->scale;
    if (!(fabs(product) < 0x1p63)) {
        return refuse(attributes, number, "the number", err);
    }
    *encoded = (int64_t)product;
    const uint64_t size = *encoded < 0 ? 0 - (uint64_t)*encoded : (uint64_t)*encoded;
    return size <= syi_fixed_most(attributes) ? SY_OK
                                              : refuse(attributes, number, "the number", err);
}

/* Encodes n elements; the index of the first that does not fit, or n. In the dtype of the source, as torch
 * does: 0.7 in float32 is 700 thousandths, though what float32 holds is a little less. */
#define DEFINE_FLOATS(name, T, ABS)                                                             \
    static int64_t encode_##name(int64_t n, const T *restrict x, int64_t *restrict to, T scale, \
                                 uint64_t limit, uint64_t *most)                                \
    {                                                                                           \
        uint64_t largest = 0;                                                                   \
        for (int64_t k = 0; k < n; k++) {                                                       \
            const T product = x[k] * scale;                                                     \
            if (!(ABS(product) < (T)0x1p63)) {                                                  \
                return k;                                                                       \
            }                                                                                   \
            const int64_t u = (int64_t)product;                                                 \
            const uint64_t size = u < 0 ? 0 - (uint64_t)u : (uint64_t)u;                        \
            if (size > limit) {                                                                 \
                return k;                                                                       \
            }                                                                                   \
            largest = size > largest ? size : largest;                                          \
            to[k] = u;                                                                          \
        }                                                                                       \
        *most = largest;                                                                        \
        return n;                                                                               \
    }
DEFINE_FLOATS(f32, float, fabsf)
DEFINE_FLOATS(f64, double, fabs)

/* In place: to[] holds the integers. */
static int64_t encode_ints(int64_t n, int64_t *to, int64_t scale, uint64_t limit, uint64_t *most)
{
    const uint64_t fits = limit / (uint64_t)scale;
    uint64_t largest = 0;
    for (int64_t k = 0; k < n; k++) {
        const uint64_t size = to[k] < 0 ? 0 - (uint64_t)to[k] : (uint64_t)to[k];
        if (size > fits) {
            return k;
        }
        largest = size > largest ? size : largest;
        to[k] *= scale;
    }
    *most = largest * (uint64_t)scale;
    return n;
}

static sy_status encode_dense(sy_hook *hook, const syi_fixed_attributes *attributes,
                              const syi_array *from, syi_array *to, uint64_t *most, sy_error *err)
{
    const int64_t n = syi_array_numel(from);
    const uint64_t limit = syi_fixed_most(attributes);
    int64_t *out = syi_array_data(to);
    int64_t done;
    if (!sy_dtype_is_floating(from->dtype)) {
        syi_array_assign(to, from);
        done = encode_ints(n, out, attributes->scale, limit, most);
    } else {
        syi_array dense = SYI_ARRAY_INIT;
        if (syi_array_is_contiguous(from)) {
            syi_array_copy_view(&dense, from);
        } else {
            SY_TRY(syi_array_clone(hook->context, &dense, from, &hook->account, err));
        }
        const void *x = syi_array_data(&dense);
        done = from->dtype == SY_DTYPE_F32
                   ? encode_f32(n, x, out, (float)attributes->scale, limit, most)
                   : encode_f64(n, x, out, (double)attributes->scale, limit, most);
        syi_array_fini(&dense);
    }
    return done == n ? SY_OK : refuse_element(attributes, from, done, err);
}

sy_status syi_fixed_encode(sy_hook *hook, const syi_fixed_attributes *attributes,
                           const syi_array *from, syi_account *account, syi_array *to,
                           uint64_t *most, sy_error *err)
{
    syi_array wide = SYI_ARRAY_INIT;
    *most = 0;
    SY_TRY(
        syi_array_new(hook->context, &wide, SY_DTYPE_I64, from->ndim, from->shape, account, err));
    wide.storage->secret = from->storage->secret;
    sy_status status =
        syi_array_numel(from) > 0 ? encode_dense(hook, attributes, from, &wide, most, err) : SY_OK;
    if (status == SY_OK && syi_fixed_storage(attributes) != SY_DTYPE_I64) {
        status = syi_array_new(hook->context, to, syi_fixed_storage(attributes), from->ndim,
                               from->shape, account, err);
        if (status == SY_OK) {
            to->storage->secret = from->storage->secret;
            syi_array_assign(to, &wide);
        }
        syi_array_fini(&wide);
        return status;
    }
    if (status != SY_OK) {
        syi_array_fini(&wide);
        return status;
    }
    *to = wide;
    return SY_OK;
}

/* The quotient is rounded once to double and once to float32. */
sy_tensor *syi_fixed_decode(sy_scope *scope, const syi_fixed *fixed)
{
    sy_tensor *wide = sy_to(scope, syi_fixed_child(scope, fixed), SY_DTYPE_F64);
    wide = sy_div_scalar(scope, wide, (double)fixed->attributes.scale);
    return sy_to(scope, wide, SY_DTYPE_F32);
}
