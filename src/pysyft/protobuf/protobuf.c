/* protobuf.c - values to bytes and back: choosing the message, packing, unpacking. */
#include "pysyft/protobuf/protobuf.h"

#include "pysyft/fields.h"
#include "pysyft/protobuf/reader.h"
#include "pysyft/protobuf/scan.h"
#include "pysyft/protobuf/writer.h"
#include "serde/codes.h"
#include <google/protobuf/empty.pb-c.h>
#include <syft_proto/ids.pb-c.h>

/* Memory that a message may take: what is in it (a small number of one byte is an element of eight), and the structures around
 * small parts. */
static size_t room_for(size_t size)
{
    return ((size_t)64 << 20) + 10 * size;
}

const char *syi_protobuf_type_name(size_t index)
{
    const ProtobufCMessageDescriptor *type = syi_protobuf_message_at(index);
    return type != NULL ? type->name : NULL;
}

static sy_status find_message(const char *name, const ProtobufCMessageDescriptor **type,
                              sy_error *err)
{
    *type = syi_protobuf_find_message(name);
    return *type != NULL ? SY_OK
                         : syi_fail(err, SY_ENOTSUP,
                                    "protobuf: syft-proto has no message \"%.80s\", or only as a "
                                    "part of others",
                                    name);
}

/* --- writing ------------------------------------------------------------------------------------------- */

/* What types without a message are called in sentences. */
static const char *name_of_code(int64_t code)
{
    static const struct {
        int code;
        const char *name;
    } names[] = {{0, "dict"},
                 {1, "list"},
                 {2, "range"},
                 {3, "set"},
                 {4, "slice"},
                 {6, "tuple"},
                 {7, "Ellipsis"},
                 {8, "numpy array"},
                 {9, "numpy number"},
                 {18, "LoggingTensor"},
                 {19, "MultiPointerTensor"},
                 {27, "PointerProtocol"},
                 {28, "ObjectWrapper"},
                 {30, "BaseWorker"},
                 {31, "AutogradTensor"},
                 {46, "PrivateTensor"},
                 {59, "PaillierTensor"},
                 {63, "VirtualWorker"},
                 {65, "RoleAssignments"}};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        if (names[k].code == code) {
            return names[k].name;
        }
    }
    return "object";
}

/* The code of the value, or of what it wraps. */
static int64_t code_within(const syi_msgpack_cursor *cursor)
{
    const int64_t code = syi_protobuf_peek_code(cursor);
    syi_msgpack_cursor at = *cursor;
    int64_t ignored = 0;
    syi_pysyft_fields f;
    if (code != SYI_CODE_TENSOR || syi_pysyft_open_pair(&at, &ignored, NULL) != SY_OK ||
        syi_pysyft_find_fields(&at, &f, 2, SYI_FIELDS, "tensor", NULL) != SY_OK ||
        syi_pysyft_is_nil(&f, SYI_FIELD_CHAIN)) {
        return code;
    }
    return syi_protobuf_peek_code(&f.at[SYI_FIELD_CHAIN]);
}

static sy_status choose_message(const syi_msgpack_cursor *cursor,
                                const ProtobufCMessageDescriptor **type, sy_error *err)
{
    const int64_t code = code_within(cursor);
    const syi_protobuf_row *row = syi_protobuf_row_of_code(code);
    switch (syi_msgpack_peek(cursor)) {
    case SYI_MSGPACK_NIL:
        *type = &google__protobuf__empty__descriptor;
        return SY_OK;
    case SYI_MSGPACK_INT:
    case SYI_MSGPACK_STR:
        *type = &syft_proto__types__syft__v1__id__descriptor;
        return SY_OK;
    case SYI_MSGPACK_ARRAY:
        break;
    default:
        return syi_fail(err, SY_ENOTSUP,
                        "protobuf: syft-proto has no message for a value of this type");
    }
    if (row != NULL || code == SYI_CODE_STR) {
        *type = row != NULL ? row->message : &syft_proto__types__syft__v1__id__descriptor;
        return SY_OK;
    }
    return syi_fail(err, SY_ENOTSUP,
                    "protobuf: syft-proto has no message for a %s (type code %lld)",
                    name_of_code(code), (long long)code);
}

static sy_status pack(sy_context *context, const ProtobufCMessage *message, size_t lead,
                      syi_protobuf_bytes *out, sy_error *err)
{
    const size_t size = protobuf_c_message_get_packed_size(message);
    if (size > SYI_PROTOBUF_SIZE_MAX) {
        return syi_fail(err, SY_ELIMIT, "protobuf: a message of %zu bytes; at most %zu", size,
                        SYI_PROTOBUF_SIZE_MAX);
    }
    out->data = syi_alloc_aligned(context, lead + size, 64); /* large ones on large pages */
    if (out->data == NULL) {
        return SYI_ENOMEM(err, "protobuf message");
    }
    out->size = lead + protobuf_c_message_pack(message, out->data + lead);
    return SY_OK;
}

static sy_status encode(syi_protobuf_writer *w, const char **type, syi_msgpack_cursor *cursor,
                        size_t lead, syi_protobuf_bytes *out, sy_error *err)
{
    const ProtobufCMessageDescriptor *chosen = NULL;
    ProtobufCMessage *message = NULL;
    if (*type != NULL) {
        SY_TRY(find_message(*type, &chosen, err));
    } else {
        SY_TRY(choose_message(cursor, &chosen, err));
    }
    SY_TRY(syi_protobuf_write_value(w, cursor, chosen, &message, err));
    SY_TRY(syi_msgpack_finish(cursor, "value", err));
    SY_TRY(pack(w->context, message, lead, out, err));
    *type = chosen->name;
    return SY_OK;
}

sy_status syi_protobuf_encode(sy_context *context, const char **type, const uint8_t *bytes,
                              size_t size, const syi_pysyft_aside *aside, syi_account *account,
                              size_t lead, syi_protobuf_bytes *out, sy_error *err)
{
    syi_protobuf_arena arena;
    syi_msgpack_cursor cursor;
    size_t contents = size;
    *out = (syi_protobuf_bytes){0};
    for (size_t k = 0; aside != NULL && k < aside->count; k++) {
        contents += syi_array_bytes(&aside->arrays[k]);
    }
    syi_protobuf_arena_init(&arena, context, account, room_for(contents));
    syi_protobuf_writer w = {
        .context = context, .account = account, .arena = &arena, .aside = aside};
    syi_pysyft_aside_init(&w.held, context);
    syi_msgpack_cursor_init(&cursor, bytes, size, SYI_MSGPACK_DEPTH_MAX, 0);
    const sy_status status = encode(&w, type, &cursor, lead, out, err);
    syi_pysyft_aside_fini(&w.held);
    syi_protobuf_arena_fini(&arena);
    return status;
}

/* --- reading --------------------------------------------------------------------------------------------- */

static sy_status unpack(syi_protobuf_arena *arena, const ProtobufCMessageDescriptor *type,
                        const uint8_t *bytes, size_t size, ProtobufCMessage **message,
                        sy_error *err)
{
    static const uint8_t nothing[1];
    if (size > SYI_PROTOBUF_SIZE_MAX) {
        return syi_fail(err, SY_ELIMIT, "protobuf: a message of %zu bytes; at most %zu", size,
                        SYI_PROTOBUF_SIZE_MAX);
    }
    SY_TRY(syi_protobuf_scan(type, bytes, size, err));
    *message = protobuf_c_message_unpack(type, &arena->allocator, size, size > 0 ? bytes : nothing);
    /* The bytes are sound, so it is for memory that it fails. */
    return *message != NULL ? SY_OK : syi_protobuf_arena_refused(arena, err);
}

sy_status syi_protobuf_decode(sy_context *context, const char *type, const uint8_t *bytes,
                              size_t size, syi_pysyft_aside *aside, syi_account *account,
                              syi_buffer *out, sy_error *err)
{
    const ProtobufCMessageDescriptor *chosen = NULL;
    ProtobufCMessage *message = NULL;
    syi_protobuf_arena arena;
    syi_protobuf_reader r = {
        .context = context, .account = account, .out = out, .aside = aside, .repeated = -1};
    SY_TRY(find_message(type, &chosen, err));
    syi_protobuf_arena_init(&arena, context, account, room_for(size));
    sy_status status = unpack(&arena, chosen, bytes, size, &message, err);
    if (status == SY_OK) {
        status = syi_protobuf_read_value(&r, message, err);
    }
    if (status == SY_OK) {
        status = syi_buffer_check(out, "message", err);
    }
    syi_protobuf_arena_fini(&arena);
    return status;
}
