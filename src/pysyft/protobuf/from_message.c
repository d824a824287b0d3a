/* from_message.c - messages into values of 0.2.9, by the table of rows.c. */
#include "pysyft/protobuf/reader.h"

#include <stdlib.h>

#include "pysyft/fields.h"
#include "pysyft/protobuf/protobuf.h"
#include "serde/codes.h"
#include <syft_proto/execution.pb-c.h>
#include <syft_proto/ids.pb-c.h>
#include <syft_proto/pointers.pb-c.h>

/* --- pieces --------------------------------------------------------------------------------------- */

static const void *member(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *f)
{
    return (const uint8_t *)message + f->offset;
}

static const ProtobufCFieldDescriptor *field_at(const ProtobufCMessage *message, unsigned number)
{
    return protobuf_c_message_descriptor_get_field(message->descriptor, number);
}

size_t syi_protobuf_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *f)
{
    size_t count = 0;
    memcpy(&count, (const uint8_t *)message + f->quantifier_offset, sizeof count);
    return count;
}

static bool is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *f)
{
    uint32_t chosen = 0;
    if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        memcpy(&chosen, (const uint8_t *)message + f->quantifier_offset, sizeof chosen);
        return chosen == f->id;
    }
    return true;
}

const ProtobufCMessage *syi_protobuf_child(const ProtobufCMessage *message,
                                           const ProtobufCFieldDescriptor *f)
{
    const ProtobufCMessage *child = NULL;
    if (is_set(message, f)) {
        memcpy(&child, member(message, f), sizeof child);
    }
    return child;
}

const ProtobufCMessage *syi_protobuf_element(const ProtobufCMessage *message,
                                             const ProtobufCFieldDescriptor *f, size_t index)
{
    ProtobufCMessage **items = NULL;
    memcpy(&items, member(message, f), sizeof items);
    return items[index];
}

const ProtobufCFieldDescriptor *syi_protobuf_chosen(const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    for (unsigned k = 0; k < type->n_fields; k++) {
        const ProtobufCFieldDescriptor *f = &type->fields[k];
        if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) && is_set(message, f)) {
            return f;
        }
    }
    return NULL;
}

const char *syi_protobuf_text(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *f)
{
    const char *text = NULL;
    memcpy(&text, member(message, f), sizeof text);
    return text == NULL ? "" : text;
}

/* Entries of all maps begin alike. */
typedef SyftProto__Execution__V1__Plan__RolesEntry map_entry;

sy_status syi_protobuf_check_entries(const ProtobufCMessage *message,
                                     const ProtobufCFieldDescriptor *f, sy_error *err)
{
    const size_t count = syi_protobuf_count(message, f);
    if (count > SYI_PROTOBUF_ENTRIES_MAX) {
        return syi_fail(err, SY_ELIMIT, "a map of %zu entries, at most %d", count,
                        SYI_PROTOBUF_ENTRIES_MAX);
    }
    for (size_t k = 0; k < count; k++) {
        const char *key = ((const map_entry *)syi_protobuf_element(message, f, k))->key;
        for (size_t j = 0; j < k; j++) {
            if (strcmp(((const map_entry *)syi_protobuf_element(message, f, j))->key, key) == 0) {
                return syi_fail(err, SY_EFORMAT, "the key \"%.40s\" twice", key);
            }
        }
    }
    return SY_OK;
}

static void put_pair(syi_protobuf_reader *r, int code, size_t count)
{
    syi_pysyft_put_pair(r->out, code, count);
}

sy_status syi_protobuf_read_id(syi_protobuf_reader *r, const ProtobufCMessage *message,
                               sy_error *err)
{
    const SyftProto__Types__Syft__V1__Id *id = (const SyftProto__Types__Syft__V1__Id *)message;
    if (id == NULL || id->id_case == SYFT_PROTO__TYPES__SYFT__V1__ID__ID__NOT_SET) {
        return syi_fail(err, SY_EFORMAT, "an id is missing");
    }
    if (id->id_case == SYFT_PROTO__TYPES__SYFT__V1__ID__ID_ID_INT) {
        syi_msgpack_write_int(r->out, id->id_int);
    } else {
        syi_pysyft_put_text(r->out, id->id_str);
    }
    return SY_OK;
}

static sy_status read_ids(syi_protobuf_reader *r, const ProtobufCMessage *message,
                          const ProtobufCFieldDescriptor *f, sy_error *err)
{
    const size_t count = syi_protobuf_count(message, f);
    syi_msgpack_write_array(r->out, count);
    for (size_t k = 0; k < count; k++) {
        SY_TRY(syi_protobuf_read_id(r, syi_protobuf_element(message, f, k), err));
    }
    return SY_OK;
}

void syi_protobuf_put_dims(syi_protobuf_reader *r, const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *f = field_at(message, 1);
    const size_t count = syi_protobuf_count(message, f);
    const int32_t *dims = NULL;
    memcpy(&dims, member(message, f), sizeof dims);
    syi_msgpack_write_array(r->out, count);
    for (size_t k = 0; k < count; k++) {
        syi_msgpack_write_int(r->out, dims[k]);
    }
}

static void put_shape(syi_protobuf_reader *r, const ProtobufCMessage *shape, int code)
{
    if (shape == NULL) {
        syi_msgpack_write_nil(r->out);
        return;
    }
    syi_msgpack_write_array(r->out, 2);
    syi_msgpack_write_int(r->out, code);
    syi_protobuf_put_dims(r, shape);
}

static void put_tags(syi_protobuf_reader *r, const ProtobufCMessage *message,
                     const ProtobufCFieldDescriptor *f, bool always)
{
    const size_t count = syi_protobuf_count(message, f);
    char **tags = NULL;
    memcpy(&tags, member(message, f), sizeof tags);
    if (count == 0 && !always) {
        syi_msgpack_write_nil(r->out);
        return;
    }
    put_pair(r, SYI_CODE_SET, count);
    for (size_t k = 0; k < count; k++) {
        syi_pysyft_put_text(r->out, tags[k]);
    }
}

/* --- numbers as texts -------------------------------------------------------------------------------- */

static sy_status put_number(syi_protobuf_reader *r, const char *digits, sy_error *err)
{
    const size_t length = strlen(digits);
    if (length == 0 || length > 80 || strspn(digits, "0123456789") != length) {
        return syi_fail(err, SY_EFORMAT, "\"%.20s\" is no number", digits);
    }
    /* 0.2.9 has numbers of more than 64 bits as texts. */
    if (length < 20 || (length == 20 && strcmp(digits, "18446744073709551615") <= 0)) {
        syi_msgpack_write_uint(r->out, strtoull(digits, NULL, 10));
    } else {
        syi_pysyft_put_text(r->out, digits);
    }
    return SY_OK;
}

static sy_status read_field_size(syi_protobuf_reader *r, const ProtobufCMessage *message,
                                 unsigned number, sy_error *err)
{
    const ProtobufCFieldDescriptor *f = field_at(message, number);
    const ProtobufCFieldDescriptor *text = field_at(message, number + 1);
    if (is_set(message, f)) {
        int64_t value = 0;
        memcpy(&value, member(message, f), sizeof value);
        syi_msgpack_write_int(r->out, value);
        return SY_OK;
    }
    return is_set(message, text) ? put_number(r, syi_protobuf_text(message, text), err)
                                 : syi_fail(err, SY_EFORMAT, "the size is missing");
}

static sy_status read_format(syi_protobuf_reader *r, const char *name, sy_error *err)
{
    static const char *const names[] = {"channels_last", "contiguous_format", "preserve_format"};
    for (int k = 0; k < 3; k++) {
        if (strcmp(names[k], name) == 0) {
            syi_msgpack_write_int(r->out, k + 1);
            return SY_OK;
        }
    }
    return syi_fail(err, SY_EFORMAT, "\"%.40s\" is no memory format", name);
}

static sy_status read_dtype(syi_protobuf_reader *r, const char *name, sy_error *err)
{
    if (strncmp(name, "torch.", 6) != 0 || name[6] == '\0') {
        return syi_fail(err, SY_EFORMAT, "\"%.40s\" is no dtype (torch.float32)", name);
    }
    syi_msgpack_write_str(r->out, name + 6, strlen(name + 6));
    return SY_OK;
}

static void put_scalar(syi_protobuf_reader *r, const ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *f)
{
    if (f->type == PROTOBUF_C_TYPE_BOOL) {
        protobuf_c_boolean truth = 0;
        memcpy(&truth, member(message, f), sizeof truth);
        syi_msgpack_write_bool(r->out, truth != 0);
    } else {
        int32_t number = 0;
        memcpy(&number, member(message, f), sizeof number);
        syi_msgpack_write_int(r->out, number);
    }
}

static void put_bytes(syi_protobuf_reader *r, const ProtobufCMessage *message,
                      const ProtobufCFieldDescriptor *f, bool script)
{
    ProtobufCBinaryData data;
    memcpy(&data, member(message, f), sizeof data);
    if (script && data.len == 0) {
        syi_msgpack_write_nil(r->out);
        return;
    }
    if (script) {
        put_pair(r, SYI_PB_CODE_SCRIPT, 1);
    }
    syi_msgpack_write_bin(r->out, data.len > 0 ? data.data : (const uint8_t *)"", data.len);
}

/* --- messages in messages ------------------------------------------------------------------------------ */

/* The tensors of a State begin: where do their elements go? */
static void begin_state(syi_protobuf_reader *r, const ProtobufCMessage *state)
{
    if (r->for_state != NULL) {
        r->aside = r->for_state;
        r->state = state;
        r->state_first = (int64_t)r->for_state->count;
    } else if (r->state != NULL && syi_protobuf_same(r->state, state)) {
        r->repeated = r->state_first;
    }
}

static sy_status read_list(syi_protobuf_reader *r, const ProtobufCMessage *message,
                           const ProtobufCFieldDescriptor *f, sy_error *err)
{
    const size_t count = syi_protobuf_count(message, f);
    syi_pysyft_aside *aside = r->aside;
    sy_status status = SY_OK;
    if (f->descriptor == &syft_proto__execution__v1__state_tensor__descriptor) {
        begin_state(r, message);
    }
    put_pair(r, SYI_CODE_LIST, count);
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        status = syi_protobuf_read_value(r, syi_protobuf_element(message, f, k), err);
    }
    r->aside = aside;
    r->repeated = -1;
    return status;
}

/* Named arguments, and roles beside a plan's own, which has the state. */
static sy_status read_dict(syi_protobuf_reader *r, const ProtobufCMessage *message,
                           const ProtobufCFieldDescriptor *f, sy_error *err)
{
    const size_t count = syi_protobuf_count(message, f);
    syi_pysyft_aside *for_state = r->for_state;
    SY_TRY(syi_protobuf_check_entries(message, f, err));
    r->for_state = NULL;
    put_pair(r, SYI_CODE_DICT, count);
    for (size_t k = 0; k < count; k++) {
        const ProtobufCMessage *entry = syi_protobuf_element(message, f, k);
        const ProtobufCMessage *value = syi_protobuf_child(entry, field_at(entry, 2));
        const char *key = syi_protobuf_text(entry, field_at(entry, 1));
        syi_msgpack_write_array(r->out, 2);
        syi_pysyft_put_text(r->out, key);
        const sy_status status = value == NULL ? syi_fail(err, SY_EFORMAT, "it has no value")
                                               : syi_protobuf_read_value(r, value, err);
        if (status != SY_OK) {
            return ++r->named > SYI_PROTOBUF_NAMED_MAX
                       ? status
                       : syi_error_prefix(err, status, "\"%.40s\"", key);
        }
    }
    r->for_state = for_state;
    return SY_OK;
}

static sy_status read_by_id(syi_protobuf_reader *r, const ProtobufCMessage *message,
                            const ProtobufCFieldDescriptor *f, sy_error *err)
{
    const size_t count = syi_protobuf_count(message, f);
    put_pair(r, SYI_CODE_DICT, count);
    for (size_t k = 0; k < count; k++) {
        const ProtobufCMessage *placeholder = syi_protobuf_element(message, f, k);
        syi_msgpack_write_array(r->out, 2);
        SY_TRY(syi_protobuf_read_id(r, syi_protobuf_child(placeholder, field_at(placeholder, 3)),
                                    err));
        SY_TRY(syi_protobuf_read_value(r, placeholder, err));
    }
    return SY_OK;
}

static sy_status read_shares(syi_protobuf_reader *r, const ProtobufCMessage *message,
                             unsigned number, sy_error *err)
{
    const ProtobufCFieldDescriptor *locations = field_at(message, number);
    const ProtobufCFieldDescriptor *shares = field_at(message, number + 1);
    const size_t count = syi_protobuf_count(message, locations);
    if (syi_protobuf_count(message, shares) != count) {
        return syi_fail(err, SY_EFORMAT, "%zu locations of %zu shares", count,
                        syi_protobuf_count(message, shares));
    }
    put_pair(r, SYI_CODE_DICT, count);
    for (size_t k = 0; k < count; k++) {
        syi_msgpack_write_array(r->out, 2);
        SY_TRY(syi_protobuf_read_id(r, syi_protobuf_element(message, locations, k), err));
        SY_TRY(syi_protobuf_read_value(r, syi_protobuf_element(message, shares, k), err));
    }
    return SY_OK;
}

/* {location: does dropping the share delete it?}, a bare map */
static void put_collect(syi_protobuf_reader *r, const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *locations =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "location_ids");
    const ProtobufCFieldDescriptor *shares =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "shares");
    const size_t count = syi_protobuf_count(message, locations);
    syi_msgpack_write_map(r->out, count);
    for (size_t k = 0; k < count; k++) {
        const SyftProto__Types__Syft__V1__Id *id =
            (const SyftProto__Types__Syft__V1__Id *)syi_protobuf_element(message, locations, k);
        const SyftProto__Generic__Pointers__V1__PointerTensor *share =
            (const SyftProto__Generic__Pointers__V1__PointerTensor *)syi_protobuf_element(
                message, shares, k);
        if (id->id_case == SYFT_PROTO__TYPES__SYFT__V1__ID__ID_ID_STR) {
            syi_msgpack_write_str(r->out, id->id_str, strlen(id->id_str));
        } else {
            syi_msgpack_write_int(r->out, id->id_int);
        }
        syi_msgpack_write_bool(r->out, share->garbage_collect_data != 0);
    }
}

static sy_status read_one_of(syi_protobuf_reader *r, const ProtobufCMessage *message, sy_error *err)
{
    const ProtobufCFieldDescriptor *f = syi_protobuf_chosen(message);
    return f == NULL
               ? syi_fail(err, SY_EFORMAT, "a %s without contents", message->descriptor->short_name)
               : syi_protobuf_read_value(r, syi_protobuf_child(message, f), err);
}

static sy_status read_nested(syi_protobuf_reader *r, const ProtobufCMessage *message,
                             const ProtobufCFieldDescriptor *f, sy_error *err)
{
    const ProtobufCMessage *child = syi_protobuf_child(message, f);
    return child == NULL ? syi_fail(err, SY_EFORMAT, "it is missing")
                         : syi_protobuf_read_value(r, child, err);
}

/* --- by the table ------------------------------------------------------------------------------------------ */

static sy_status read_part(syi_protobuf_reader *r, const ProtobufCMessage *message,
                           const syi_protobuf_field *part, const ProtobufCFieldDescriptor *f,
                           sy_error *err)
{
    const char *text = NULL;
    switch ((syi_protobuf_kind)part->kind) {
    case SYI_PB_NIL:
    case SYI_PB_SELF_EMPTY:
        syi_msgpack_write_nil(r->out);
        return SY_OK;
    case SYI_PB_FALSE:
        syi_msgpack_write_bool(r->out, false);
        return SY_OK;
    case SYI_PB_SNN:
        syi_pysyft_put_text(r->out, "snn");
        return SY_OK;
    case SYI_PB_COLLECT:
        put_collect(r, message);
        return SY_OK;
    case SYI_PB_ID:
        return syi_protobuf_read_id(r, syi_protobuf_child(message, f), err);
    case SYI_PB_ID_OF:
        put_pair(r, SYI_PB_CODE_PLACEHOLDER_ID, 1);
        return syi_protobuf_read_id(r, syi_protobuf_child(message, f), err);
    case SYI_PB_IDS:
        return read_ids(r, message, f, err);
    case SYI_PB_ID_LIST:
        syi_msgpack_write_array(r->out, 2);
        syi_msgpack_write_int(r->out, SYI_CODE_LIST);
        return read_ids(r, message, f, err);
    case SYI_PB_TEXT:
        syi_pysyft_put_text(r->out, syi_protobuf_text(message, f));
        return SY_OK;
    case SYI_PB_LABEL:
        text = syi_protobuf_text(message, f);
        syi_pysyft_put_text(r->out, *text == '\0' ? NULL : text);
        return SY_OK;
    case SYI_PB_BARE:
        text = syi_protobuf_text(message, f);
        syi_msgpack_write_str(r->out, text, strlen(text));
        return SY_OK;
    case SYI_PB_BIN_TEXT:
        text = syi_protobuf_text(message, f);
        syi_msgpack_write_bin(r->out, text, strlen(text));
        return SY_OK;
    case SYI_PB_DTYPE:
        return read_dtype(r, syi_protobuf_text(message, f), err);
    case SYI_PB_FORMAT:
        return read_format(r, syi_protobuf_text(message, f), err);
    case SYI_PB_NUMBER:
        return put_number(r, syi_protobuf_text(message, f), err);
    case SYI_PB_FIELD:
        return read_field_size(r, message, part->number, err);
    case SYI_PB_TAGS:
    case SYI_PB_SET:
        put_tags(r, message, f, part->kind == SYI_PB_SET);
        return SY_OK;
    case SYI_PB_BOOL:
    case SYI_PB_INT:
        put_scalar(r, message, f);
        return SY_OK;
    case SYI_PB_BYTES:
    case SYI_PB_SCRIPT:
        put_bytes(r, message, f, part->kind == SYI_PB_SCRIPT);
        return SY_OK;
    case SYI_PB_DIMS:
        syi_protobuf_put_dims(r, message);
        return SY_OK;
    case SYI_PB_SELF_DIMS:
        put_shape(r, message, SYI_CODE_SIZE);
        return SY_OK;
    case SYI_PB_SIZE:
        put_shape(r, syi_protobuf_child(message, f), SYI_CODE_SIZE);
        return SY_OK;
    case SYI_PB_SHAPE:
        put_shape(r, syi_protobuf_child(message, f), SYI_CODE_TUPLE);
        return SY_OK;
    case SYI_PB_MESSAGE:
        return read_nested(r, message, f, err);
    case SYI_PB_OPTIONAL:
        if (syi_protobuf_child(message, f) == NULL) {
            syi_msgpack_write_nil(r->out);
            return SY_OK;
        }
        return read_nested(r, message, f, err);
    case SYI_PB_LIST:
        return read_list(r, message, f, err);
    case SYI_PB_DICT:
        return read_dict(r, message, f, err);
    case SYI_PB_BY_ID:
        return read_by_id(r, message, f, err);
    case SYI_PB_SHARES:
        return read_shares(r, message, part->number, err);
    case SYI_PB_ONE_OF:
        return read_one_of(r, message, err);
    case SYI_PB_CONTENTS:
        return syi_protobuf_read_contents(r, message, err);
    case SYI_PB_SERIALIZER:
        return syi_protobuf_read_serializer(r, message, err);
    case SYI_PB_TARGET:
        return syi_protobuf_read_target(r, message, err);
    case SYI_PB_ARGS:
        return syi_protobuf_read_args(r, message, f, SYI_CODE_TUPLE, err);
    case SYI_PB_RETURNS:
        return syi_protobuf_read_returns(r, message, err);
    case SYI_PB_COMMAND:
        put_pair(r, SYI_CODE_TUPLE, 3);
        SY_TRY(syi_protobuf_read_args(r, message, f, SYI_CODE_TUPLE, err));
        put_pair(r, SYI_CODE_DICT, 0);
        put_pair(r, SYI_CODE_LIST, 0);
        return SY_OK;
    case SYI_PB_TYPES:
        return syi_protobuf_read_types(r, message, err);
    case SYI_PB_SELF_ID:
        return syi_protobuf_read_id(r, message, err);
    case SYI_PB_SELF_ARG:
        return syi_protobuf_read_arg(r, message, false, err);
    case SYI_PB_SELF_DATA:
        return syi_protobuf_read_data(r, message, err);
    }
    return syi_fail(err, SY_EINVAL, "protobuf: unknown kind of field %d", part->kind);
}

static sy_status read_by_row(syi_protobuf_reader *r, const ProtobufCMessage *message,
                             const syi_protobuf_row *row, sy_error *err)
{
    int code = row->code;
    if (code == SYI_PB_CODE_COMPUTATION && syi_protobuf_communicates(message)) {
        code = SYI_PB_CODE_COMMUNICATION; /* Role has a place for this message only */
    }
    if (code >= 0) {
        syi_msgpack_write_array(r->out, 2);
        syi_msgpack_write_int(r->out, code);
    }
    if (!row->whole) {
        syi_msgpack_write_array(r->out, row->count);
    }
    for (size_t k = 0; k < row->count; k++) {
        const syi_protobuf_field *part = &row->fields[k];
        const ProtobufCFieldDescriptor *f = field_at(message, part->number);
        const sy_status status = read_part(r, message, part, f, err);
        if (status != SY_OK) {
            return f == NULL || ++r->named > SYI_PROTOBUF_NAMED_MAX
                       ? status
                       : syi_error_prefix(err, status, "%s.%s", message->descriptor->short_name,
                                          f->name);
        }
    }
    return syi_buffer_check(r->out, "message", err);
}

sy_status syi_protobuf_read_value(syi_protobuf_reader *r, const ProtobufCMessage *message,
                                  sy_error *err)
{
    const syi_protobuf_row *row = syi_protobuf_row_of(message->descriptor);
    if (message->descriptor != &syft_proto__execution__v1__plan__descriptor) {
        return read_by_row(r, message, row, err);
    }
    syi_pysyft_aside *aside = r->aside;
    r->for_state = aside;
    r->aside = NULL;
    const sy_status status = read_by_row(r, message, row, err);
    r->aside = aside;
    r->for_state = NULL;
    r->state = NULL;
    return status;
}
