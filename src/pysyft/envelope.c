/* envelope.c - hex text and compression of PySyft's messages. */
#include "pysyft/envelope.h"

#if CSYFT_HAVE_LZ4
#include <lz4frame.h>
#endif
#if CSYFT_HAVE_ZLIB
#include <zlib.h>
#endif

#include "core/error.h"

#define PIECE ((size_t)64 * 1024) /* unfolded at once */

/* Hex */

static int digit(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static sy_status read_hex(const uint8_t *text, size_t length, syi_buffer *out, sy_error *err)
{
    if (length < 3 || text[0] != 'b' || text[1] != '\'' || text[length - 1] != '\'' ||
        length % 2 == 0) {
        return syi_fail(err, SY_EFORMAT, "a text message of %zu characters is not b'hex digits'",
                        length);
    }
    const size_t count = (length - 3) / 2;
    uint8_t *bytes = count > 0 ? syi_buffer_extend(out, count) : NULL;
    SY_TRY(syi_buffer_check(out, "message", err));
    for (size_t k = 0; k < count; k++) {
        const int high = digit(text[2 + 2 * k]);
        const int low = digit(text[3 + 2 * k]);
        if (high < 0 || low < 0) {
            return syi_fail(err, SY_EFORMAT, "a text message has no hex digits at %zu", 2 + 2 * k);
        }
        bytes[k] = (uint8_t)(high << 4 | low);
    }
    return SY_OK;
}

static sy_status write_hex(const uint8_t *bytes, size_t count, syi_buffer *out, sy_error *err)
{
    static const char digits[] = "0123456789abcdef";
    if (count > (SIZE_MAX - 3) / 2) {
        return syi_fail(err, SY_ELIMIT, "a message of %zu bytes is too long", count);
    }
    uint8_t *text = syi_buffer_extend(out, 2 * count + 3);
    SY_TRY(syi_buffer_check(out, "message", err));
    *text++ = 'b';
    *text++ = '\'';
    for (size_t k = 0; k < count; k++) {
        *text++ = (uint8_t)digits[bytes[k] >> 4];
        *text++ = (uint8_t)digits[bytes[k] & 15];
    }
    *text = '\'';
    return SY_OK;
}

/* Unfolding: piece by piece, so that no announced length is believed and the buffer's maximum stops bombs. */

#if CSYFT_HAVE_LZ4
static sy_status unfold_lz4(const uint8_t *bytes, size_t size, syi_buffer *out, sy_error *err)
{
    LZ4F_dctx *lz4 = NULL;
    sy_status status = SY_OK;
    size_t left = 1; /* of the frame, says lz4; 0 at its end */
    if (LZ4F_isError(LZ4F_createDecompressionContext(&lz4, LZ4F_VERSION))) {
        return SYI_ENOMEM(err, "lz4");
    }
    while (status == SY_OK && left != 0) {
        uint8_t *room = syi_buffer_extend(out, PIECE);
        SY_GOTO(done, syi_buffer_check(out, "unfolded message", err));
        size_t made = PIECE;
        size_t used = size;
        left = LZ4F_decompress(lz4, room, &made, bytes, &used, NULL);
        out->length -= PIECE - (LZ4F_isError(left) ? 0 : made);
        if (LZ4F_isError(left)) {
            status =
                syi_fail(err, SY_EFORMAT, "the lz4 frame is damaged: %s", LZ4F_getErrorName(left));
        } else if (left != 0 && made == 0 && used == 0) {
            status = syi_fail(err, SY_EFORMAT, "the lz4 frame is cut off");
        } else {
            bytes += used;
            size -= used;
        }
    }
    if (status == SY_OK && size != 0) {
        status = syi_fail(err, SY_EFORMAT, "%zu bytes follow the lz4 frame", size);
    }
done:
    LZ4F_freeDecompressionContext(lz4);
    return status;
}
#endif

#if CSYFT_HAVE_ZLIB
static sy_status unfold_zlib(const uint8_t *bytes, size_t size, syi_buffer *out, sy_error *err)
{
    z_stream z = {0};
    sy_status status = SY_OK;
    int code = Z_OK;
    if (size > UINT32_MAX) {
        return syi_fail(err, SY_ELIMIT, "%zu bytes of zlib are too many", size);
    }
    if (inflateInit(&z) != Z_OK) {
        return SYI_ENOMEM(err, "zlib");
    }
    z.next_in = (Bytef *)(uintptr_t)bytes; /* zlib only reads it */
    z.avail_in = (uInt)size;
    while (code == Z_OK) {
        uint8_t *room = syi_buffer_extend(out, PIECE);
        SY_GOTO(done, syi_buffer_check(out, "unfolded message", err));
        z.next_out = room;
        z.avail_out = (uInt)PIECE;
        code = inflate(&z, Z_NO_FLUSH);
        out->length -= z.avail_out;
    }
    if (code != Z_STREAM_END || z.avail_in != 0) {
        status = syi_fail(err, SY_EFORMAT, "the zlib stream is damaged, cut off or too long");
    }
done:
    inflateEnd(&z);
    return status;
}
#endif

static sy_status unfold(const uint8_t *bytes, size_t size, syi_buffer *body, sy_error *err)
{
    if (size == 0) {
        return syi_fail(err, SY_EFORMAT, "a message without a byte");
    }
    switch (bytes[0]) {
    case SYI_PYSYFT_NONE:
        syi_buffer_append(body, bytes + 1, size - 1);
        return syi_buffer_check(body, "message", err);
#if CSYFT_HAVE_LZ4
    case SYI_PYSYFT_LZ4:
        return unfold_lz4(bytes + 1, size - 1, body, err);
#endif
#if CSYFT_HAVE_ZLIB
    case SYI_PYSYFT_ZLIB:
        return unfold_zlib(bytes + 1, size - 1, body, err);
#endif
    default:
        return syi_fail(err, SY_ENOTSUP, "compression scheme %d is not known here", bytes[0]);
    }
}

sy_status syi_pysyft_open(sy_context *context, const syi_message *plain, syi_buffer *body,
                          sy_error *err)
{
    if (plain->kind == SYI_PLAIN_BINARY) {
        return unfold(plain->body.data, plain->body.length, body, err);
    }
    syi_buffer bytes;
    syi_buffer_init(&bytes, context, SYI_PLAIN_MAX / 2);
    sy_status status = read_hex(plain->body.data, plain->body.length, &bytes, err);
    if (status == SY_OK) {
        status = unfold(bytes.data, bytes.length, body, err);
    }
    syi_buffer_fini(&bytes);
    return status;
}

/* Folding: the scheme's byte and the body behind it. */

#if CSYFT_HAVE_LZ4
static sy_status fold_lz4(const uint8_t *body, size_t size, syi_buffer *out, sy_error *err)
{
    const LZ4F_preferences_t preferences = {.frameInfo.contentSize = size};
    const size_t bound = LZ4F_compressFrameBound(size, &preferences);
    uint8_t *room = syi_buffer_extend(out, bound);
    SY_TRY(syi_buffer_check(out, "message", err));
    const size_t made = LZ4F_compressFrame(room, bound, body, size, &preferences);
    if (LZ4F_isError(made)) {
        return syi_fail(err, SY_ENOMEM, "lz4: %s", LZ4F_getErrorName(made));
    }
    out->length -= bound - made;
    return SY_OK;
}
#endif

#if CSYFT_HAVE_ZLIB
static sy_status fold_zlib(const uint8_t *body, size_t size, syi_buffer *out, sy_error *err)
{
    uLongf made = compressBound(size);
    const size_t bound = made;
    uint8_t *room = syi_buffer_extend(out, bound);
    SY_TRY(syi_buffer_check(out, "message", err));
    if (compress(room, &made, body, size) != Z_OK) {
        return SYI_ENOMEM(err, "zlib");
    }
    out->length -= bound - made;
    return SY_OK;
}
#endif

static sy_status fold(const uint8_t *body, size_t size, syi_pysyft_scheme scheme, syi_buffer *out,
                      sy_error *err)
{
#if CSYFT_HAVE_LZ4
    if (scheme == SYI_PYSYFT_LZ4) {
        syi_buffer_put(out, SYI_PYSYFT_LZ4);
        return fold_lz4(body, size, out, err);
    }
#endif
#if CSYFT_HAVE_ZLIB
    if (scheme == SYI_PYSYFT_ZLIB) {
        syi_buffer_put(out, SYI_PYSYFT_ZLIB);
        return fold_zlib(body, size, out, err);
    }
#endif
    (void)scheme;
    syi_buffer_put(out, SYI_PYSYFT_NONE);
    syi_buffer_append(out, body, size);
    return syi_buffer_check(out, "message", err);
}

sy_status syi_pysyft_seal(const uint8_t *body, size_t size, syi_pysyft_scheme scheme, uint16_t kind,
                          syi_message *plain, sy_error *err)
{
    syi_message_clear(plain);
    syi_buffer_set_maximum(&plain->body, SYI_PLAIN_MAX);
    plain->kind = kind;
    if (kind == SYI_PLAIN_BINARY) {
        return fold(body, size, scheme, &plain->body, err);
    }
    syi_buffer bytes;
    syi_buffer_init(&bytes, plain->body.context, SYI_PLAIN_MAX / 2);
    sy_status status = fold(body, size, scheme, &bytes, err);
    if (status == SY_OK) {
        status = write_hex(bytes.data, bytes.length, &plain->body, err);
    }
    syi_buffer_fini(&bytes);
    return status;
}
