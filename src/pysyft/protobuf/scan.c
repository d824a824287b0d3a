/* scan.c - bytes against the schema. */
#include "pysyft/protobuf/scan.h"

#include "core/utf8.h"
#include "pysyft/protobuf/protobuf.h"

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, START_GROUP = 3, END_GROUP = 4, FIXED32 = 5 };

typedef struct scanner {
    const uint8_t *start;
    const uint8_t *next;
    int depth;
    int named; /* fields that the sentence names so far */
} scanner;

static sy_status cut(const scanner *s, sy_error *err)
{
    return syi_fail(err, SY_EFORMAT, "protobuf: the message is cut short at byte %zu",
                    (size_t)(s->next - s->start));
}

static sy_status read_varint(scanner *s, const uint8_t *end, uint64_t *value, sy_error *err)
{
    *value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (s->next == end) {
            return cut(s, err);
        }
        const uint8_t byte = *s->next++;
        *value |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
        if (byte < 0x80) {
            return SY_OK;
        }
    }
    return syi_fail(err, SY_EFORMAT, "protobuf: a number of more than ten bytes before byte %zu",
                    (size_t)(s->next - s->start));
}

static int wire_type(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return FIXED32;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return FIXED64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return BYTES;
    default:
        return VARINT;
    }
}

static sy_status scan_message(scanner *s, const ProtobufCMessageDescriptor *type,
                              const uint8_t *end, sy_error *err);

static sy_status scan_text(const uint8_t *text, size_t length, sy_error *err)
{
    for (size_t k = 0; k < length;) {
        const size_t step = syi_utf8_decode((const char *)text + k, length - k, NULL);
        if (step == 0 || text[k] == 0) {
            return syi_fail(err, SY_EFORMAT, "byte %zu of the text is %s", k,
                            step == 0 ? "not UTF-8" : "NUL");
        }
        k += step;
    }
    return SY_OK;
}

/* Packed elements. */
static sy_status scan_packed(scanner *s, int wire, const uint8_t *end, sy_error *err)
{
    const size_t length = (size_t)(end - s->next);
    uint64_t ignored = 0;
    if (wire != VARINT) {
        const size_t item = wire == FIXED32 ? 4 : 8;
        if (length % item != 0) {
            return syi_fail(err, SY_EFORMAT, "%zu bytes are no list of elements of %zu", length,
                            item);
        }
        s->next = end;
        return SY_OK;
    }
    while (s->next != end) {
        if (*s->next < 0x80) { /* most of them */
            s->next++;
        } else {
            SY_TRY(read_varint(s, end, &ignored, err));
        }
    }
    return SY_OK;
}

/* What is behind a known field's tag of wire type BYTES. */
static sy_status scan_bytes(scanner *s, const ProtobufCFieldDescriptor *f, const uint8_t *end,
                            sy_error *err)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        return scan_message(s, f->descriptor, end, err);
    case PROTOBUF_C_TYPE_STRING:
        SY_TRY(scan_text(s->next, (size_t)(end - s->next), err));
        break;
    case PROTOBUF_C_TYPE_BYTES:
        break;
    default:
        return scan_packed(s, wire_type(f->type), end, err);
    }
    s->next = end;
    return SY_OK;
}

static sy_status scan_value(scanner *s, int wire, const ProtobufCFieldDescriptor *f,
                            const uint8_t *end, sy_error *err)
{
    uint64_t value = 0;
    const size_t left = (size_t)(end - s->next);
    switch (wire) {
    case VARINT:
        return read_varint(s, end, &value, err);
    case FIXED32:
    case FIXED64: {
        const size_t item = wire == FIXED32 ? 4 : 8;
        if (left < item) {
            return cut(s, err);
        }
        s->next += item;
        return SY_OK;
    }
    case BYTES:
        SY_TRY(read_varint(s, end, &value, err));
        if (value > (uint64_t)(end - s->next)) {
            return syi_fail(err, SY_EFORMAT, "protobuf: %llu bytes at byte %zu, where %zu are left",
                            (unsigned long long)value, (size_t)(s->next - s->start),
                            (size_t)(end - s->next));
        }
        if (f != NULL) {
            return scan_bytes(s, f, s->next + value, err);
        }
        s->next += value;
        return SY_OK;
    default:
        return syi_fail(err, SY_EFORMAT, "protobuf: wire type %d before byte %zu", wire,
                        (size_t)(s->next - s->start));
    }
}

static sy_status scan_field(scanner *s, const ProtobufCMessageDescriptor *type, const uint8_t *end,
                            sy_error *err)
{
    uint64_t tag = 0;
    SY_TRY(read_varint(s, end, &tag, err));
    const int wire = (int)(tag & 7);
    const uint64_t number = tag >> 3;
    if (number == 0 || number > 0x1fffffff) {
        return syi_fail(err, SY_EFORMAT, "protobuf: a field of number %llu before byte %zu",
                        (unsigned long long)number, (size_t)(s->next - s->start));
    }
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field(type, (unsigned)number);
    if (f == NULL) {
        return scan_value(s, wire, NULL, end, err);
    }
    const bool packed = wire == BYTES && f->label == PROTOBUF_C_LABEL_REPEATED;
    sy_status status;
    if (wire != wire_type(f->type) && !packed) {
        status = syi_fail(err, SY_EFORMAT, "wire type %d, not %d", wire, wire_type(f->type));
    } else {
        status = scan_value(s, wire, f, end, err);
    }
    return status == SY_OK || ++s->named > SYI_PROTOBUF_NAMED_MAX
               ? status
               : syi_error_prefix(err, status, "%s.%s", type->short_name, f->name);
}

static sy_status scan_message(scanner *s, const ProtobufCMessageDescriptor *type,
                              const uint8_t *end, sy_error *err)
{
    if (s->depth == SYI_PROTOBUF_DEPTH_MAX) {
        return syi_fail(err, SY_ELIMIT, "protobuf: nested deeper than %d messages",
                        SYI_PROTOBUF_DEPTH_MAX);
    }
    s->depth++;
    while (s->next != end) {
        SY_TRY(scan_field(s, type, end, err));
    }
    s->depth--;
    return SY_OK;
}

sy_status syi_protobuf_scan(const ProtobufCMessageDescriptor *type, const uint8_t *bytes,
                            size_t size, sy_error *err)
{
    scanner s = {.start = bytes, .next = bytes};
    return size == 0 ? SY_OK : scan_message(&s, type, bytes + size, err);
}
