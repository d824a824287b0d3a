/* fields.c - the pieces that messages of PySyft are made of, and finding them again. */
#include "pysyft/fields.h"

#include <string.h>

#include "serde/codes.h"
#include "serde/serde.h"

void syi_pysyft_put_pair(syi_buffer *out, int code, size_t count)
{
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_int(out, code);
    syi_msgpack_write_array(out, count);
}

void syi_pysyft_put_text(syi_buffer *out, const char *text)
{
    if (text == NULL) {
        syi_msgpack_write_nil(out);
    } else {
        syi_pysyft_put_pair(out, SYI_CODE_STR, 1);
        syi_msgpack_write_bin(out, text, strlen(text));
    }
}

sy_status syi_pysyft_copy(syi_msgpack_cursor *cursor, syi_buffer *out, sy_error *err)
{
    const uint8_t *begin = cursor->next;
    SY_TRY(syi_msgpack_skip(cursor, err));
    syi_buffer_append(out, begin, (size_t)(cursor->next - begin));
    return syi_buffer_check(out, "message", err);
}

sy_status syi_pysyft_open_pair(syi_msgpack_cursor *cursor, int64_t *code, sy_error *err)
{
    SY_TRY(syi_msgpack_read_tuple(cursor, 2, "[type code, body]", err));
    return syi_msgpack_read_int(cursor, code, err);
}

static sy_status read_bare_text(syi_msgpack_cursor *cursor, const char **text, size_t *length,
                                sy_error *err)
{
    if (syi_msgpack_peek(cursor) == SYI_MSGPACK_BIN) {
        const uint8_t *bytes = NULL;
        SY_TRY(syi_msgpack_read_bin(cursor, &bytes, length, err));
        *text = (const char *)bytes;
        return SY_OK;
    }
    return syi_msgpack_read_str(cursor, text, length, err);
}

sy_status syi_pysyft_read_text(syi_msgpack_cursor *cursor, const char **text, size_t *length,
                               sy_error *err)
{
    int64_t code = 0;
    *text = NULL;
    *length = 0;
    switch (syi_msgpack_peek(cursor)) {
    case SYI_MSGPACK_NIL:
        return syi_msgpack_read_nil(cursor, err);
    case SYI_MSGPACK_ARRAY:
        SY_TRY(syi_pysyft_open_pair(cursor, &code, err));
        if (code != SYI_CODE_STR) {
            return syi_fail(err, SY_EFORMAT, "message: type code %lld where a text is expected",
                            (long long)code);
        }
        SY_TRY(syi_msgpack_read_tuple(cursor, 1, "text", err));
        SY_TRY(read_bare_text(cursor, text, length, err));
        syi_msgpack_leave(cursor);
        syi_msgpack_leave(cursor);
        return SY_OK;
    default:
        return read_bare_text(cursor, text, length, err);
    }
}

sy_status syi_pysyft_read_id(syi_msgpack_cursor *cursor, sy_id *id, sy_error *err)
{
    int64_t number = 0;
    const char *text = NULL;
    size_t length = 0;
    char copy[SY_ID_TEXT_SIZE + 1];
    *id = (sy_id)SY_ID_INIT;
    if (syi_msgpack_peek(cursor) == SYI_MSGPACK_INT) {
        SY_TRY(syi_msgpack_read_int(cursor, &number, err));
        *id = sy_id_from_int(number);
        return SY_OK;
    }
    SY_TRY(syi_pysyft_read_text(cursor, &text, &length, err));
    if (text == NULL) {
        return SY_OK;
    }
    if (length >= sizeof copy) {
        return syi_fail(err, SY_EFORMAT, "an id of %zu bytes", length);
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    return sy_id_from_text(id, copy, err);
}

sy_status syi_pysyft_deeper(int *depth, sy_error *err)
{
    if (++*depth > SYI_SERDE_DEPTH_MAX) {
        --*depth;
        return syi_fail(err, SY_ELIMIT, "message: nested deeper than %d levels",
                        SYI_SERDE_DEPTH_MAX);
    }
    return SY_OK;
}

int syi_pysyft_child_field(int64_t code)
{
    switch (code) {
    case SYI_CODE_LOGGING:
    case SYI_CODE_AUTOGRAD:
        return 1;
    case SYI_CODE_FIXED_PRECISION:
        return 8;
    default:
        return -1;
    }
}

sy_status syi_pysyft_unknown(int64_t code, sy_error *err)
{
    return syi_fail(err, SY_ENOTSUP, "message: objects of type code %lld are not known here",
                    (long long)code);
}

sy_status syi_pysyft_find_fields(syi_msgpack_cursor *cursor, syi_pysyft_fields *f, size_t least,
                                 size_t room, const char *what, sy_error *err)
{
    SY_TRY(syi_msgpack_read_array(cursor, &f->count, err));
    if (f->count < least || f->count > room) {
        return syi_fail(err, SY_EFORMAT, "message: a %s of %zu fields", what, f->count);
    }
    for (size_t k = 0; k < f->count; k++) {
        f->at[k] = *cursor;
        SY_TRY(syi_msgpack_skip(cursor, err));
    }
    syi_msgpack_leave(cursor);
    return SY_OK;
}

bool syi_pysyft_is_nil(const syi_pysyft_fields *f, size_t k)
{
    return k >= f->count || syi_msgpack_peek(&f->at[k]) == SYI_MSGPACK_NIL;
}

sy_status syi_pysyft_copy_field(const syi_pysyft_fields *f, size_t k, syi_buffer *out,
                                sy_error *err)
{
    if (k >= f->count) {
        syi_msgpack_write_nil(out);
        return SY_OK;
    }
    syi_msgpack_cursor at = f->at[k];
    return syi_pysyft_copy(&at, out, err);
}
