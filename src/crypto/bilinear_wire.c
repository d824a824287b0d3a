/*
 * bilinear_wire.c - products as bytes: the kind; x's dims, one byte, and sizes; y's; then of a convolution the number of
 * spatial dims and for each of them stride, padding and dilation, and the groups; of an equation its length and letters.
 * Sizes and numbers have eight bytes, little-endian. z's shape is not there: the reader works it out.
 */
#include <inttypes.h>

#include "core/error.h"
#include "crypto/bilinear_parts.h"

static void put_number(syi_buffer *out, int64_t number)
{
    uint8_t bytes[8];
    syi_put_u64le(bytes, (uint64_t)number);
    syi_buffer_append(out, bytes, sizeof bytes);
}

static void put_shape(syi_buffer *out, const syi_array *shape)
{
    syi_buffer_put(out, (uint8_t)shape->ndim);
    for (int d = 0; d < shape->ndim; d++) {
        put_number(out, shape->shape[d]);
    }
}

void syi_bilinear_write(const syi_bilinear *b, syi_buffer *out)
{
    syi_buffer_put(out, (uint8_t)b->kind);
    put_shape(out, &b->x);
    put_shape(out, &b->y);
    if (b->kind == SYI_BILINEAR_CONVOLUTION) {
        syi_buffer_put(out, (uint8_t)b->spatial);
        for (int d = 2 - b->spatial; d < 2; d++) {
            put_number(out, b->stride[d]);
            put_number(out, b->padding[d]);
            put_number(out, b->dilation[d]);
        }
        put_number(out, b->groups);
    } else if (b->kind == SYI_BILINEAR_EINSUM) {
        const size_t length = strlen(b->equation);
        syi_buffer_put(out, (uint8_t)length);
        syi_buffer_append(out, b->equation, length);
    }
}

/* What is left; `bad` latches when more is asked for than there is. */
typedef struct reader {
    const uint8_t *at;
    size_t left;
    bool bad;
} reader;

static const uint8_t *take(reader *r, size_t size)
{
    if (size > r->left) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *bytes = r->at;
    r->at += size;
    r->left -= size;
    return bytes;
}

static unsigned take_byte(reader *r)
{
    const uint8_t *byte = take(r, 1);
    return byte != NULL ? *byte : 0;
}

static int64_t take_number(reader *r)
{
    const uint8_t *bytes = take(r, 8);
    return bytes != NULL ? (int64_t)syi_get_u64le(bytes) : 0;
}

static sy_status take_shape(reader *r, const syi_field *field, syi_array *array, sy_error *err)
{
    int64_t shape[SY_DIM_MAX];
    const unsigned ndim = take_byte(r);
    if (ndim > SY_DIM_MAX) {
        return syi_fail(err, SY_EFORMAT, "a factor of %u dims, at most %d are possible", ndim,
                        SY_DIM_MAX);
    }
    for (unsigned d = 0; d < ndim; d++) {
        shape[d] = take_number(r);
    }
    if (r->bad) {
        return SY_OK; /* said at the end */
    }
    return syi_array_describe(array, field->width == 4 ? SY_DTYPE_I32 : SY_DTYPE_I64, (int)ndim,
                              shape, err);
}

static sy_status take_window(reader *r, syi_bilinear *b, sy_error *err)
{
    const unsigned spatial = take_byte(r);
    if (spatial != 1 && spatial != 2) {
        return syi_fail(err, SY_EFORMAT, "a convolution over %u dims, expected 1 or 2", spatial);
    }
    b->spatial = (int)spatial;
    b->stride[0] = b->dilation[0] = 1;
    for (int d = 2 - b->spatial; d < 2; d++) {
        b->stride[d] = take_number(r);
        b->padding[d] = take_number(r);
        b->dilation[d] = take_number(r);
    }
    b->groups = take_number(r);
    return SY_OK;
}

static sy_status take_equation(reader *r, syi_bilinear *b, sy_error *err)
{
    const unsigned length = take_byte(r);
    if (length > SYI_BILINEAR_EQUATION_MAX) {
        return syi_fail(err, SY_EFORMAT, "an equation of %u characters, at most %d are possible",
                        length, SYI_BILINEAR_EQUATION_MAX);
    }
    const uint8_t *letters = take(r, length);
    for (unsigned k = 0; letters != NULL && k < length; k++) {
        if (letters[k] < 0x20 || letters[k] > 0x7e) {
            return syi_fail(err, SY_EFORMAT, "byte 0x%02x in an equation", letters[k]);
        }
        b->equation[k] = (char)letters[k];
    }
    return SY_OK;
}

static sy_status take_product(reader *r, const syi_field *field, syi_bilinear *b, sy_error *err)
{
    const unsigned kind = take_byte(r);
    if (r->bad || kind < SYI_BILINEAR_MUL || kind > SYI_BILINEAR_EINSUM) {
        return syi_fail(err, SY_EFORMAT, "kind %u is none", kind);
    }
    b->kind = (syi_bilinear_kind)kind;
    SY_TRY(take_shape(r, field, &b->x, err));
    SY_TRY(take_shape(r, field, &b->y, err));
    if (b->kind == SYI_BILINEAR_CONVOLUTION) {
        SY_TRY(take_window(r, b, err));
    } else if (b->kind == SYI_BILINEAR_EINSUM) {
        SY_TRY(take_equation(r, b, err));
    }
    return r->bad ? syi_fail(err, SY_EFORMAT, "it ends too early") : syi_bilinear_complete(b, err);
}

sy_status syi_bilinear_read(syi_bilinear *bilinear, const syi_field *field, const uint8_t *bytes,
                            size_t *size, sy_error *err)
{
    reader r = {.at = bytes, .left = *size};
    sy_error own = SY_ERROR_INIT;
    memset(bilinear, 0, sizeof *bilinear);
    const sy_status status = take_product(&r, field, bilinear, &own);
    if (status == SY_OK) {
        *size -= r.left;
        return SY_OK;
    }
    memset(bilinear, 0, sizeof *bilinear);
    return syi_fail(err, status == SY_ESHAPE ? SY_ESHAPE : SY_EFORMAT, "product: %s", own.message);
}
