/* same.c - are two messages of a tree the same, field by field? A plan's roles repeat its state. */
#include "pysyft/protobuf/reader.h"

static size_t size_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    default:
        return 4;
    }
}

/* One element at each place; neither is NULL. */
static bool same_element(const void *a, const void *b, ProtobufCType type)
{
    const void *first = NULL, *second = NULL;
    ProtobufCBinaryData left, right;
    switch (type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        memcpy(&first, a, sizeof first);
        memcpy(&second, b, sizeof second);
        return first == NULL || second == NULL ? first == second : syi_protobuf_same(first, second);
    case PROTOBUF_C_TYPE_STRING:
        memcpy(&first, a, sizeof first);
        memcpy(&second, b, sizeof second);
        return strcmp(first == NULL ? "" : first, second == NULL ? "" : second) == 0;
    case PROTOBUF_C_TYPE_BYTES:
        memcpy(&left, a, sizeof left);
        memcpy(&right, b, sizeof right);
        return left.len == right.len &&
               (left.len == 0 || memcmp(left.data, right.data, left.len) == 0);
    default:
        return memcmp(a, b, size_of(type)) == 0;
    }
}

static bool same_list(const ProtobufCMessage *a, const ProtobufCMessage *b,
                      const ProtobufCFieldDescriptor *f)
{
    const uint8_t *first = NULL, *second = NULL;
    const size_t count = syi_protobuf_count(a, f);
    const bool pointers = f->type == PROTOBUF_C_TYPE_MESSAGE || f->type == PROTOBUF_C_TYPE_STRING;
    if (count != syi_protobuf_count(b, f)) {
        return false;
    }
    memcpy(&first, (const uint8_t *)a + f->offset, sizeof first);
    memcpy(&second, (const uint8_t *)b + f->offset, sizeof second);
    if (!pointers) { /* the schema has no lists of bytes */
        return count == 0 || memcmp(first, second, count * size_of(f->type)) == 0;
    }
    for (size_t k = 0; k < count; k++) {
        if (!same_element(first + k * sizeof(void *), second + k * sizeof(void *), f->type)) {
            return false;
        }
    }
    return true;
}

static bool same_field(const ProtobufCMessage *a, const ProtobufCMessage *b,
                       const ProtobufCFieldDescriptor *f)
{
    if (f->label == PROTOBUF_C_LABEL_REPEATED) {
        return same_list(a, b, f);
    }
    if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        uint32_t first = 0, second = 0;
        memcpy(&first, (const uint8_t *)a + f->quantifier_offset, sizeof first);
        memcpy(&second, (const uint8_t *)b + f->quantifier_offset, sizeof second);
        if (first != second || first != f->id) {
            return first == second; /* neither has it: another field of the choice compares */
        }
    }
    return same_element((const uint8_t *)a + f->offset, (const uint8_t *)b + f->offset, f->type);
}

bool syi_protobuf_same(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    const ProtobufCMessageDescriptor *type = a->descriptor;
    for (unsigned k = 0; k < type->n_fields; k++) {
        if (!same_field(a, b, &type->fields[k])) {
            return false;
        }
    }
    return true;
}
