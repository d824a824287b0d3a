/* write_parts.c - ids, texts, numbers and shapes into the fields of messages. */
#include "pysyft/protobuf/writer.h"

#include <inttypes.h>
#include <stdio.h>

#include "pysyft/fields.h"
#include "serde/codes.h"

sy_status syi_protobuf_write_id(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                ProtobufCMessage *message, sy_error *err)
{
    int64_t number = 0;
    const char *text = NULL;
    size_t length = 0;
    const ProtobufCFieldDescriptor *f;
    if (syi_msgpack_peek(cursor) == SYI_MSGPACK_INT) {
        SY_TRY(syi_msgpack_read_int(cursor, &number, err));
        f = syi_protobuf_field_at(message, 1);
        memcpy(syi_protobuf_member(message, f), &number, sizeof number);
    } else {
        char *copy = NULL;
        SY_TRY(syi_pysyft_read_text(cursor, &text, &length, err));
        if (text == NULL) {
            return syi_fail(err, SY_EFORMAT, "an id is missing");
        }
        SY_TRY(syi_protobuf_copy_text(w, text, length, &copy, err));
        f = syi_protobuf_field_at(message, 2);
        memcpy(syi_protobuf_member(message, f), &copy, sizeof copy);
    }
    syi_protobuf_choose(message, f);
    return SY_OK;
}

/* A message Id in a field; a bare id, or PlaceholderId where that may be. */
sy_status syi_protobuf_set_id(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                              ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                              sy_error *err)
{
    ProtobufCMessage *id = NULL;
    SY_TRY(syi_protobuf_new_message(w, f->descriptor, &id, err));
    SY_TRY(syi_protobuf_write_id(w, cursor, id, err));
    syi_protobuf_set_message(message, f, id);
    return SY_OK;
}

sy_status syi_protobuf_set_id_of(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                 ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                                 sy_error *err)
{
    int64_t code = 0;
    if (syi_protobuf_peek_code(cursor) != SYI_PB_CODE_PLACEHOLDER_ID) {
        return syi_protobuf_set_id(w, cursor, message, f, err);
    }
    SY_TRY(syi_pysyft_open_pair(cursor, &code, err));
    SY_TRY(syi_msgpack_read_tuple(cursor, 1, "PlaceholderId", err));
    SY_TRY(syi_protobuf_set_id(w, cursor, message, f, err));
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    return SY_OK;
}

/* `count` ids, which are next. */
sy_status syi_protobuf_set_ids(syi_protobuf_writer *w, syi_msgpack_cursor *cursor, size_t count,
                               ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                               sy_error *err)
{
    void *items = NULL;
    SY_TRY(syi_protobuf_set_repeated(w, message, f, count, sizeof(void *), &items, err));
    for (size_t k = 0; k < count; k++) {
        ProtobufCMessage **place = (ProtobufCMessage **)items + k;
        SY_TRY(syi_protobuf_new_message(w, f->descriptor, place, err));
        SY_TRY(syi_protobuf_write_id(w, cursor, *place, err));
    }
    return SY_OK;
}

sy_status syi_protobuf_set_id_list(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                   ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                                   sy_error *err)
{
    size_t count = 1;
    const int64_t code = syi_protobuf_peek_code(cursor);
    if (code < 0 || code == SYI_CODE_STR) {
        return syi_protobuf_set_ids(w, cursor, 1, message, f, err);
    }
    SY_TRY(syi_protobuf_open_list(cursor, &count, err));
    SY_TRY(syi_protobuf_set_ids(w, cursor, count, message, f, err));
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    return SY_OK;
}

sy_status syi_protobuf_set_text(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                const char *prefix, ProtobufCMessage *message,
                                const ProtobufCFieldDescriptor *f, sy_error *err)
{
    const char *text = NULL;
    size_t length = 0;
    char *copy = NULL;
    char with[64];
    SY_TRY(syi_pysyft_read_text(cursor, &text, &length, err));
    if (text == NULL) {
        return SY_OK; /* "" */
    }
    if (prefix != NULL) {
        const int size =
            snprintf(with, sizeof with, "%s%.*s", prefix, (int)(length < 40 ? length : 40), text);
        text = with;
        length = (size_t)size;
    }
    SY_TRY(syi_protobuf_copy_text(w, text, length, &copy, err));
    memcpy(syi_protobuf_member(message, f), &copy, sizeof copy);
    syi_protobuf_choose(message, f);
    return SY_OK;
}

/* A number of any size: an int, or a text of digits. */
sy_status syi_protobuf_set_number(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                  ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                                  sy_error *err)
{
    char digits[24];
    char *copy = NULL;
    uint64_t number = 0;
    int64_t below = 0;
    switch (syi_msgpack_peek(cursor)) {
    case SYI_MSGPACK_INT:
        SY_TRY(syi_msgpack_read_int(cursor, &below, err));
        snprintf(digits, sizeof digits, "%" PRId64, below);
        break;
    case SYI_MSGPACK_UINT:
        SY_TRY(syi_msgpack_read_uint(cursor, &number, err));
        snprintf(digits, sizeof digits, "%" PRIu64, number);
        break;
    default:
        return syi_protobuf_set_text(w, cursor, NULL, message, f, err);
    }
    SY_TRY(syi_protobuf_copy_text(w, digits, strlen(digits), &copy, err));
    memcpy(syi_protobuf_member(message, f), &copy, sizeof copy);
    syi_protobuf_choose(message, f);
    return SY_OK;
}

sy_status syi_protobuf_set_field_size(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                      ProtobufCMessage *message, unsigned number, sy_error *err)
{
    int64_t value = 0;
    if (syi_msgpack_peek(cursor) != SYI_MSGPACK_INT) {
        return syi_protobuf_set_number(w, cursor, message,
                                       syi_protobuf_field_at(message, number + 1), err);
    }
    const ProtobufCFieldDescriptor *f = syi_protobuf_field_at(message, number);
    SY_TRY(syi_msgpack_read_int(cursor, &value, err));
    memcpy(syi_protobuf_member(message, f), &value, sizeof value);
    syi_protobuf_choose(message, f);
    return SY_OK;
}

sy_status syi_protobuf_set_tags(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                                sy_error *err)
{
    size_t count = 0;
    void *items = NULL;
    if (syi_msgpack_peek(cursor) == SYI_MSGPACK_NIL) {
        return syi_msgpack_read_nil(cursor, err);
    }
    SY_TRY(syi_protobuf_open_list(cursor, &count, err));
    SY_TRY(syi_protobuf_set_repeated(w, message, f, count, sizeof(char *), &items, err));
    for (size_t k = 0; k < count; k++) {
        const char *text = NULL;
        size_t length = 0;
        SY_TRY(syi_pysyft_read_text(cursor, &text, &length, err));
        SY_TRY(syi_protobuf_copy_text(w, text, length, (char **)items + k, err));
    }
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    return SY_OK;
}

static sy_status read_int32(syi_msgpack_cursor *cursor, int32_t *value, sy_error *err)
{
    int64_t wide = 0;
    SY_TRY(syi_msgpack_read_int(cursor, &wide, err));
    if (wide < INT32_MIN || wide > INT32_MAX) {
        return syi_fail(err, SY_ERANGE, "%lld does not fit 32 bits", (long long)wide);
    }
    *value = (int32_t)wide;
    return SY_OK;
}

sy_status syi_protobuf_write_dims(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                  ProtobufCMessage *message, sy_error *err)
{
    size_t count = 0;
    void *items = NULL;
    SY_TRY(syi_msgpack_read_array(cursor, &count, err));
    SY_TRY(syi_protobuf_set_repeated(w, message, syi_protobuf_field_at(message, 1), count,
                                     sizeof(int32_t), &items, err));
    for (size_t k = 0; k < count; k++) {
        SY_TRY(read_int32(cursor, (int32_t *)items + k, err));
    }
    syi_msgpack_leave(cursor);
    return SY_OK;
}

/* [11, dims] or [6, dims] */
sy_status syi_protobuf_write_shape(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                   ProtobufCMessage *message, sy_error *err)
{
    int64_t code = 0;
    SY_TRY(syi_pysyft_open_pair(cursor, &code, err));
    if (code != SYI_CODE_SIZE && code != SYI_CODE_TUPLE && code != SYI_CODE_LIST) {
        return syi_fail(err, SY_EFORMAT, "type code %lld where a shape is expected",
                        (long long)code);
    }
    SY_TRY(syi_protobuf_write_dims(w, cursor, message, err));
    syi_msgpack_leave(cursor);
    return SY_OK;
}

/* The same, or nil. */
sy_status syi_protobuf_set_shape(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                 ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                                 sy_error *err)
{
    ProtobufCMessage *shape = NULL;
    if (syi_msgpack_peek(cursor) == SYI_MSGPACK_NIL) {
        return syi_msgpack_read_nil(cursor, err);
    }
    SY_TRY(syi_protobuf_new_message(w, f->descriptor, &shape, err));
    SY_TRY(syi_protobuf_write_shape(w, cursor, shape, err));
    syi_protobuf_set_message(message, f, shape);
    return SY_OK;
}

sy_status syi_protobuf_set_format(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                  ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                                  sy_error *err)
{
    static const char *const names[] = {"channels_last", "contiguous_format", "preserve_format"};
    int64_t number = 0;
    char *copy = NULL;
    SY_TRY(syi_msgpack_read_int(cursor, &number, err));
    if (number < 1 || number > 3) {
        return syi_fail(err, SY_EFORMAT, "%lld is no memory format", (long long)number);
    }
    SY_TRY(syi_protobuf_copy_text(w, names[number - 1], strlen(names[number - 1]), &copy, err));
    memcpy(syi_protobuf_member(message, f), &copy, sizeof copy);
    return SY_OK;
}

sy_status syi_protobuf_set_scalar(syi_msgpack_cursor *cursor, ProtobufCMessage *message,
                                  const ProtobufCFieldDescriptor *f, sy_error *err)
{
    if (f->type == PROTOBUF_C_TYPE_BOOL) {
        bool truth = false;
        SY_TRY(syi_msgpack_read_bool(cursor, &truth, err));
        const protobuf_c_boolean value = truth;
        memcpy(syi_protobuf_member(message, f), &value, sizeof value);
        return SY_OK;
    }
    int32_t number = 0;
    SY_TRY(read_int32(cursor, &number, err));
    memcpy(syi_protobuf_member(message, f), &number, sizeof number);
    return SY_OK;
}

/* bin, borrowed from the input */
sy_status syi_protobuf_set_bytes(syi_msgpack_cursor *cursor, ProtobufCMessage *message,
                                 const ProtobufCFieldDescriptor *f, sy_error *err)
{
    const uint8_t *bytes = NULL;
    ProtobufCBinaryData data = {0, NULL};
    SY_TRY(syi_msgpack_read_bin(cursor, &bytes, &data.len, err));
    data.data = (uint8_t *)(uintptr_t)bytes;
    memcpy(syi_protobuf_member(message, f), &data, sizeof data);
    return SY_OK;
}

sy_status syi_protobuf_set_script(syi_msgpack_cursor *cursor, ProtobufCMessage *message,
                                  const ProtobufCFieldDescriptor *f, sy_error *err)
{
    int64_t code = 0;
    if (syi_msgpack_peek(cursor) == SYI_MSGPACK_NIL) {
        return syi_msgpack_read_nil(cursor, err);
    }
    SY_TRY(syi_pysyft_open_pair(cursor, &code, err));
    if (code != SYI_PB_CODE_SCRIPT) {
        return syi_fail(err, SY_EFORMAT, "type code %lld where TorchScript is expected",
                        (long long)code);
    }
    SY_TRY(syi_msgpack_read_tuple(cursor, 1, "TorchScript", err));
    SY_TRY(syi_protobuf_set_bytes(cursor, message, f, err));
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    return SY_OK;
}
