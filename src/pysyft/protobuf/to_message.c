/* to_message.c - values of 0.2.9 into messages, by the table of rows.c. */
#include "pysyft/protobuf/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/utf8.h"
#include "pysyft/fields.h"
#include "pysyft/protobuf/protobuf.h"
#include "serde/codes.h"
#include <syft_proto/execution.pb-c.h>

/* --- pieces ----------------------------------------------------------------------------------- */

void *syi_protobuf_alloc(syi_protobuf_writer *w, size_t count, size_t item, sy_error *err)
{
    size_t size = 0;
    void *memory = NULL;
    if (syi_size_mul(count, item, &size)) {
        memory = syi_protobuf_arena_alloc(w->arena, size);
    }
    if (memory == NULL) {
        (void)syi_protobuf_arena_refused(w->arena, err);
    }
    return memory;
}

static sy_status refused(const syi_protobuf_writer *w)
{
    return syi_protobuf_arena_refused(w->arena, NULL);
}

sy_status syi_protobuf_new_message(syi_protobuf_writer *w, const ProtobufCMessageDescriptor *type,
                                   ProtobufCMessage **message, sy_error *err)
{
    *message = syi_protobuf_alloc(w, 1, type->sizeof_message, err);
    if (*message == NULL) {
        return refused(w);
    }
    protobuf_c_message_init(type, *message);
    return SY_OK;
}

sy_status syi_protobuf_deeper(syi_protobuf_writer *w, int levels, sy_error *err)
{
    enum { LEAVES = 4 }; /* ids, shapes and lists of elements are not counted */
    w->depth += levels;
    return w->depth <= SYI_PROTOBUF_DEPTH_MAX - LEAVES
               ? SY_OK
               : syi_fail(err, SY_ELIMIT, "protobuf: nested deeper than %d messages",
                          SYI_PROTOBUF_DEPTH_MAX - LEAVES);
}

const ProtobufCFieldDescriptor *syi_protobuf_field_at(const ProtobufCMessage *message,
                                                      unsigned number)
{
    return protobuf_c_message_descriptor_get_field(message->descriptor, number);
}

void *syi_protobuf_member(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *f)
{
    return (uint8_t *)(uintptr_t)message + f->offset;
}

void syi_protobuf_choose(ProtobufCMessage *message, const ProtobufCFieldDescriptor *f)
{
    if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        memcpy((uint8_t *)message + f->quantifier_offset, &f->id, sizeof f->id);
    }
}

void syi_protobuf_set_message(ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                              ProtobufCMessage *child)
{
    memcpy(syi_protobuf_member(message, f), &child, sizeof child);
    syi_protobuf_choose(message, f);
}

sy_status syi_protobuf_set_repeated(syi_protobuf_writer *w, ProtobufCMessage *message,
                                    const ProtobufCFieldDescriptor *f, size_t count, size_t item,
                                    void **items, sy_error *err)
{
    *items = syi_protobuf_alloc(w, count, item, err);
    if (*items == NULL) {
        return refused(w);
    }
    memcpy((uint8_t *)message + f->quantifier_offset, &count, sizeof count);
    memcpy(syi_protobuf_member(message, f), items, sizeof *items);
    return SY_OK;
}

sy_status syi_protobuf_copy_text(syi_protobuf_writer *w, const char *text, size_t length,
                                 char **copy, sy_error *err)
{
    for (size_t k = 0; k < length;) {
        const size_t step = syi_utf8_decode(text + k, length - k, NULL);
        if (step == 0 || text[k] == '\0') {
            return syi_fail(err, SY_EFORMAT, "byte %zu of a text is %s", k,
                            step == 0 ? "not UTF-8" : "NUL");
        }
        k += step;
    }
    *copy = syi_protobuf_alloc(w, length + 1, 1, err);
    if (*copy == NULL) {
        return refused(w);
    }
    if (length > 0) {
        memcpy(*copy, text, length);
    }
    (*copy)[length] = '\0';
    return SY_OK;
}

/* Entries of all maps begin alike. */
typedef SyftProto__Execution__V1__Plan__RolesEntry map_entry;

static int compare_entries(const void *a, const void *b)
{
    const map_entry *const *first = a;
    const map_entry *const *second = b;
    return strcmp((*first)->key, (*second)->key);
}

sy_status syi_protobuf_sort_entries(void *items, size_t count, sy_error *err)
{
    map_entry *const *entries = items;
    if (count > SYI_PROTOBUF_ENTRIES_MAX) {
        return syi_fail(err, SY_ELIMIT, "a dict of %zu entries, at most %d", count,
                        SYI_PROTOBUF_ENTRIES_MAX);
    }
    qsort(items, count, sizeof(void *), compare_entries);
    for (size_t k = 1; k < count; k++) {
        if (strcmp(entries[k - 1]->key, entries[k]->key) == 0) {
            return syi_fail(err, SY_EFORMAT, "the key \"%.40s\" twice", entries[k]->key);
        }
    }
    return SY_OK;
}

int64_t syi_protobuf_peek_code(const syi_msgpack_cursor *cursor)
{
    syi_msgpack_cursor at = *cursor;
    int64_t code = 0;
    return syi_msgpack_peek(&at) == SYI_MSGPACK_ARRAY &&
                   syi_pysyft_open_pair(&at, &code, NULL) == SY_OK && code >= 0
               ? code
               : -1;
}

sy_status syi_protobuf_open_list(syi_msgpack_cursor *cursor, size_t *count, sy_error *err)
{
    int64_t code = 0;
    SY_TRY(syi_pysyft_open_pair(cursor, &code, err));
    if (code != SYI_CODE_LIST && code != SYI_CODE_TUPLE && code != SYI_CODE_SET) {
        return syi_fail(err, SY_EFORMAT, "type code %lld where a list is expected",
                        (long long)code);
    }
    return syi_msgpack_read_array(cursor, count, err);
}

/* --- messages in messages ----------------------------------------------------------------------- */

static sy_status set_list(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                          ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                          sy_error *err)
{
    size_t count = 0;
    void *items = NULL;
    SY_TRY(syi_protobuf_open_list(cursor, &count, err));
    SY_TRY(syi_protobuf_set_repeated(w, message, f, count, sizeof(void *), &items, err));
    for (size_t k = 0; k < count; k++) {
        SY_TRY(syi_protobuf_write_value(w, cursor, f->descriptor, (ProtobufCMessage **)items + k,
                                        err));
    }
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    return SY_OK;
}

static sy_status open_dict(syi_msgpack_cursor *cursor, size_t *count, sy_error *err)
{
    int64_t code = 0;
    SY_TRY(syi_pysyft_open_pair(cursor, &code, err));
    if (code != SYI_CODE_DICT) {
        return syi_fail(err, SY_EFORMAT, "type code %lld where a dict is expected",
                        (long long)code);
    }
    return syi_msgpack_read_array(cursor, count, err);
}

static sy_status set_dict(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                          ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                          sy_error *err)
{
    size_t count = 0;
    void *items = NULL;
    if (syi_msgpack_peek(cursor) == SYI_MSGPACK_NIL) {
        return syi_msgpack_read_nil(cursor, err);
    }
    SY_TRY(syi_protobuf_deeper(w, 1, err));
    SY_TRY(open_dict(cursor, &count, err));
    SY_TRY(syi_protobuf_set_repeated(w, message, f, count, sizeof(void *), &items, err));
    for (size_t k = 0; k < count; k++) {
        ProtobufCMessage **entry = (ProtobufCMessage **)items + k;
        ProtobufCMessage *value = NULL;
        SY_TRY(syi_protobuf_new_message(w, f->descriptor, entry, err));
        const ProtobufCFieldDescriptor *to = syi_protobuf_field_at(*entry, 2);
        SY_TRY(syi_msgpack_read_tuple(cursor, 2, "[key, value]", err));
        SY_TRY(
            syi_protobuf_set_text(w, cursor, NULL, *entry, syi_protobuf_field_at(*entry, 1), err));
        const sy_status status = syi_protobuf_write_value(w, cursor, to->descriptor, &value, err);
        if (status != SY_OK) {
            return ++w->named > SYI_PROTOBUF_NAMED_MAX
                       ? status
                       : syi_error_prefix(err, status, "\"%.40s\"", ((map_entry *)*entry)->key);
        }
        syi_protobuf_set_message(*entry, to, value);
        syi_msgpack_leave(cursor);
    }
    SY_TRY(syi_protobuf_sort_entries(items, count, err));
    w->depth--;
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    return SY_OK;
}

/* {id: placeholder}; the placeholders say their ids themselves. */
static sy_status set_by_id(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                           ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                           sy_error *err)
{
    size_t count = 0;
    void *items = NULL;
    SY_TRY(open_dict(cursor, &count, err));
    SY_TRY(syi_protobuf_set_repeated(w, message, f, count, sizeof(void *), &items, err));
    for (size_t k = 0; k < count; k++) {
        SY_TRY(syi_msgpack_read_tuple(cursor, 2, "[id, placeholder]", err));
        SY_TRY(syi_msgpack_skip(cursor, err));
        SY_TRY(syi_protobuf_write_value(w, cursor, f->descriptor, (ProtobufCMessage **)items + k,
                                        err));
        syi_msgpack_leave(cursor);
    }
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    return SY_OK;
}

/* {location: pointer} as two lists; nil: both are empty. */
static sy_status set_shares(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                            ProtobufCMessage *message, unsigned number, sy_error *err)
{
    const ProtobufCFieldDescriptor *locations = syi_protobuf_field_at(message, number);
    const ProtobufCFieldDescriptor *shares = syi_protobuf_field_at(message, number + 1);
    size_t count = 0;
    void *ids = NULL;
    void *pointers = NULL;
    if (syi_msgpack_peek(cursor) == SYI_MSGPACK_NIL) {
        return syi_msgpack_read_nil(cursor, err);
    }
    SY_TRY(open_dict(cursor, &count, err));
    SY_TRY(syi_protobuf_set_repeated(w, message, locations, count, sizeof(void *), &ids, err));
    SY_TRY(syi_protobuf_set_repeated(w, message, shares, count, sizeof(void *), &pointers, err));
    for (size_t k = 0; k < count; k++) {
        ProtobufCMessage **id = (ProtobufCMessage **)ids + k;
        SY_TRY(syi_msgpack_read_tuple(cursor, 2, "[location, share]", err));
        SY_TRY(syi_protobuf_new_message(w, locations->descriptor, id, err));
        SY_TRY(syi_protobuf_write_id(w, cursor, *id, err));
        SY_TRY(syi_protobuf_write_value(w, cursor, shares->descriptor,
                                        (ProtobufCMessage **)pointers + k, err));
        syi_msgpack_leave(cursor);
    }
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    return SY_OK;
}

static sy_status set_nested(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                            ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                            sy_error *err)
{
    ProtobufCMessage *child = NULL;
    SY_TRY(syi_protobuf_write_value(w, cursor, f->descriptor, &child, err));
    syi_protobuf_set_message(message, f, child);
    return SY_OK;
}

/* Of the message's fields the one whose type the value has. */
static sy_status set_one_of(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                            ProtobufCMessage *message, sy_error *err)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    const int64_t code = syi_protobuf_peek_code(cursor);
    const bool nil = syi_msgpack_peek(cursor) == SYI_MSGPACK_NIL;
    for (unsigned k = 0; k < type->n_fields; k++) {
        const ProtobufCFieldDescriptor *f = &type->fields[k];
        const syi_protobuf_row *row = syi_protobuf_row_of(f->descriptor);
        if (row != NULL &&
            (nil ? row->message->n_fields == 0 : row->code >= 0 && row->code == code)) {
            return set_nested(w, cursor, message, f, err);
        }
    }
    return syi_fail(err, SY_ENOTSUP, "%s has no place for type code %lld", type->short_name,
                    (long long)code);
}

/* --- by the table --------------------------------------------------------------------------------- */

static sy_status write_part(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                            ProtobufCMessage *message, const syi_protobuf_field *part,
                            const ProtobufCFieldDescriptor *f, sy_error *err)
{
    switch ((syi_protobuf_kind)part->kind) {
    case SYI_PB_NIL:
    case SYI_PB_FALSE:
    case SYI_PB_SNN:
    case SYI_PB_COLLECT:
        return syi_msgpack_skip(cursor, err);
    case SYI_PB_ID:
        return syi_protobuf_set_id(w, cursor, message, f, err);
    case SYI_PB_ID_OF:
        return syi_protobuf_set_id_of(w, cursor, message, f, err);
    case SYI_PB_IDS: {
        size_t count = 0;
        SY_TRY(syi_msgpack_read_array(cursor, &count, err));
        SY_TRY(syi_protobuf_set_ids(w, cursor, count, message, f, err));
        syi_msgpack_leave(cursor);
        return SY_OK;
    }
    case SYI_PB_ID_LIST:
        return syi_protobuf_set_id_list(w, cursor, message, f, err);
    case SYI_PB_TEXT:
    case SYI_PB_LABEL:
    case SYI_PB_BARE:
    case SYI_PB_BIN_TEXT:
        return syi_protobuf_set_text(w, cursor, NULL, message, f, err);
    case SYI_PB_DTYPE:
        return syi_protobuf_set_text(w, cursor, "torch.", message, f, err);
    case SYI_PB_FORMAT:
        return syi_protobuf_set_format(w, cursor, message, f, err);
    case SYI_PB_NUMBER:
        return syi_protobuf_set_number(w, cursor, message, f, err);
    case SYI_PB_FIELD:
        return syi_protobuf_set_field_size(w, cursor, message, part->number, err);
    case SYI_PB_TAGS:
    case SYI_PB_SET:
        return syi_protobuf_set_tags(w, cursor, message, f, err);
    case SYI_PB_BOOL:
    case SYI_PB_INT:
        return syi_protobuf_set_scalar(cursor, message, f, err);
    case SYI_PB_BYTES:
        return syi_protobuf_set_bytes(cursor, message, f, err);
    case SYI_PB_SCRIPT:
        return syi_protobuf_set_script(cursor, message, f, err);
    case SYI_PB_DIMS:
        return syi_protobuf_write_dims(w, cursor, message, err);
    case SYI_PB_SIZE:
    case SYI_PB_SHAPE:
        return syi_protobuf_set_shape(w, cursor, message, f, err);
    case SYI_PB_OPTIONAL:
        if (syi_msgpack_peek(cursor) == SYI_MSGPACK_NIL) {
            return syi_msgpack_read_nil(cursor, err);
        }
        return set_nested(w, cursor, message, f, err);
    case SYI_PB_MESSAGE:
        return set_nested(w, cursor, message, f, err);
    case SYI_PB_LIST:
        return set_list(w, cursor, message, f, err);
    case SYI_PB_DICT:
        return set_dict(w, cursor, message, f, err);
    case SYI_PB_BY_ID:
        return set_by_id(w, cursor, message, f, err);
    case SYI_PB_SHARES:
        return set_shares(w, cursor, message, part->number, err);
    case SYI_PB_ONE_OF:
        return set_one_of(w, cursor, message, err);
    case SYI_PB_CONTENTS:
        return syi_protobuf_write_contents(w, cursor, message, err);
    case SYI_PB_SERIALIZER:
        return syi_protobuf_write_serializer(cursor, message, err);
    case SYI_PB_TARGET:
        return syi_protobuf_write_target(w, cursor, message, err);
    case SYI_PB_ARGS:
        return syi_protobuf_write_args(w, cursor, message, f, err);
    case SYI_PB_RETURNS:
        return syi_protobuf_write_returns(w, cursor, message, err);
    case SYI_PB_COMMAND:
        return syi_protobuf_write_command(w, cursor, message, f, err);
    case SYI_PB_TYPES:
        return syi_protobuf_write_types(w, cursor, message, err);
    case SYI_PB_SELF_ID:
        return syi_protobuf_write_id(w, cursor, message, err);
    case SYI_PB_SELF_DIMS:
        return syi_protobuf_write_shape(w, cursor, message, err);
    case SYI_PB_SELF_ARG:
        return syi_protobuf_write_arg(w, cursor, false, message, err);
    case SYI_PB_SELF_DATA:
        return syi_protobuf_write_data(w, cursor, message, err);
    case SYI_PB_SELF_EMPTY:
        return syi_msgpack_read_nil(cursor, err);
    }
    return syi_fail(err, SY_EINVAL, "protobuf: unknown kind of field %d", part->kind);
}

static sy_status write_field(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                             ProtobufCMessage *message, const syi_protobuf_field *part,
                             sy_error *err)
{
    const ProtobufCFieldDescriptor *f = syi_protobuf_field_at(message, part->number);
    const sy_status status = write_part(w, cursor, message, part, f, err);
    return status == SY_OK || f == NULL || ++w->named > SYI_PROTOBUF_NAMED_MAX
               ? status
               : syi_error_prefix(err, status, "%s.%s", message->descriptor->short_name, f->name);
}

static sy_status write_body(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                            const syi_protobuf_row *row, ProtobufCMessage *message, sy_error *err)
{
    size_t count = 0;
    if (row->whole) {
        return write_field(w, cursor, message, &row->fields[0], err);
    }
    SY_TRY(syi_msgpack_read_array(cursor, &count, err));
    if (count < row->least || count > row->count) {
        return syi_fail(err, SY_EFORMAT, "a %s of %zu fields", row->message->short_name, count);
    }
    for (size_t k = 0; k < count; k++) {
        SY_TRY(write_field(w, cursor, message, &row->fields[k], err));
    }
    syi_msgpack_leave(cursor);
    return SY_OK;
}

/* A handle without elements of its own stands for what it wraps: the cursor goes there, *behind is behind the handle. */
static sy_status look_through(syi_msgpack_cursor *cursor, syi_msgpack_cursor *behind, bool *wrapped,
                              sy_error *err)
{
    syi_pysyft_fields f;
    int64_t code = 0;
    *wrapped = false;
    if (syi_protobuf_peek_code(cursor) != SYI_CODE_TENSOR) {
        return SY_OK;
    }
    *behind = *cursor;
    SY_TRY(syi_pysyft_open_pair(behind, &code, err));
    SY_TRY(syi_pysyft_find_fields(behind, &f, 2, SYI_FIELDS, "tensor", err));
    syi_msgpack_leave(behind);
    if (!syi_pysyft_is_nil(&f, SYI_FIELD_CHAIN) &&
        syi_protobuf_peek_code(&f.at[SYI_FIELD_CHAIN]) != SYI_CODE_TENSOR) {
        *cursor = f.at[SYI_FIELD_CHAIN];
        *wrapped = true;
    }
    return SY_OK;
}

static sy_status write_coded(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                             const syi_protobuf_row *row, ProtobufCMessage *message, sy_error *err)
{
    syi_msgpack_cursor behind;
    int64_t code = 0;
    bool wrapped = false;
    if (row->code < 0) {
        return write_body(w, cursor, row, message, err);
    }
    if (row->code != SYI_CODE_TENSOR) {
        SY_TRY(look_through(cursor, &behind, &wrapped, err));
    }
    SY_TRY(syi_pysyft_open_pair(cursor, &code, err));
    /* Role has a place for ComputationAction only; a CommunicationAction has the same fields. */
    const bool action = row->code == SYI_PB_CODE_COMPUTATION && code == SYI_PB_CODE_COMMUNICATION;
    const bool list =
        row->code == SYI_CODE_SIZE && (code == SYI_CODE_LIST || code == SYI_CODE_TUPLE);
    if (code != row->code && !action && !list) {
        return syi_fail(err, SY_ENOTSUP, "a %s, not an object of type code %lld",
                        row->message->short_name, (long long)code);
    }
    SY_TRY(write_body(w, cursor, row, message, err));
    if (wrapped) {
        *cursor = behind;
    } else {
        syi_msgpack_leave(cursor);
    }
    return SY_OK;
}

sy_status syi_protobuf_write_value(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                   const ProtobufCMessageDescriptor *type,
                                   ProtobufCMessage **message, sy_error *err)
{
    const syi_protobuf_row *row = syi_protobuf_row_of(type);
    SY_TRY(syi_protobuf_deeper(w, 1, err));
    SY_TRY(syi_protobuf_new_message(w, type, message, err));
    SY_TRY(write_coded(w, cursor, row, *message, err));
    w->depth--;
    return SY_OK;
}
