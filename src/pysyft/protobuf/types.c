/* types.c - NestedTypeWrapper: the types of a plan's arguments, in lists, tuples and dicts to any depth. */
#include "pysyft/fields.h"
#include "pysyft/protobuf/protobuf.h"
#include "pysyft/protobuf/reader.h"
#include "pysyft/protobuf/writer.h"
#include "serde/codes.h"
#include <syft_proto/execution.pb-c.h>

typedef SyftProto__Execution__V1__NestedTypeWrapper wrapper;
typedef SyftProto__Execution__V1__NestedTypeWrapper__TypeContainer container;
typedef SyftProto__Execution__V1__NestedTypeWrapper__TypeMap__NestedTypesEntry map_entry;

#define CASE(name) \
    SYFT_PROTO__EXECUTION__V1__NESTED_TYPE_WRAPPER__TYPE_CONTAINER__NESTED_CONTAINER_##name
#define PART(name) &syft_proto__execution__v1__nested_type_wrapper__##name##__descriptor

/* --- writing ----------------------------------------------------------------------------------------- */

static sy_status new_wrapper(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                             ProtobufCMessage **message, sy_error *err)
{
    SY_TRY(syi_protobuf_new_message(w, &syft_proto__execution__v1__nested_type_wrapper__descriptor,
                                    message, err));
    return syi_protobuf_write_types(w, cursor, *message, err);
}

/* TypeList, TypeTuple: the same fields. */
static sy_status write_elements(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                const ProtobufCMessageDescriptor *type, ProtobufCMessage **message,
                                sy_error *err)
{
    size_t count = 0;
    void *items = NULL;
    SY_TRY(syi_protobuf_open_list(cursor, &count, err));
    SY_TRY(syi_protobuf_new_message(w, type, message, err));
    SY_TRY(syi_protobuf_set_repeated(w, *message, syi_protobuf_field_at(*message, 1), count,
                                     sizeof(void *), &items, err));
    for (size_t k = 0; k < count; k++) {
        SY_TRY(new_wrapper(w, cursor, (ProtobufCMessage **)items + k, err));
    }
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    return SY_OK;
}

static sy_status write_map(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                           ProtobufCMessage **message, sy_error *err)
{
    size_t count = 0;
    int64_t code = 0;
    void *items = NULL;
    SY_TRY(syi_pysyft_open_pair(cursor, &code, err));
    SY_TRY(syi_msgpack_read_array(cursor, &count, err));
    SY_TRY(syi_protobuf_new_message(w, PART(type_map), message, err));
    SY_TRY(syi_protobuf_set_repeated(w, *message, syi_protobuf_field_at(*message, 1), count,
                                     sizeof(void *), &items, err));
    for (size_t k = 0; k < count; k++) {
        ProtobufCMessage *entry = NULL;
        ProtobufCMessage *value = NULL;
        const char *key = NULL;
        size_t length = 0;
        SY_TRY(syi_protobuf_new_message(w, PART(type_map__nested_types_entry), &entry, err));
        ((ProtobufCMessage **)items)[k] = entry;
        SY_TRY(syi_msgpack_read_tuple(cursor, 2, "[name, type]", err));
        SY_TRY(syi_pysyft_read_text(cursor, &key, &length, err));
        SY_TRY(syi_protobuf_copy_text(w, key, length, &((map_entry *)entry)->key, err));
        SY_TRY(new_wrapper(w, cursor, &value, err));
        ((map_entry *)entry)->value = (wrapper *)value;
        syi_msgpack_leave(cursor);
    }
    SY_TRY(syi_protobuf_sort_entries(items, count, err));
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    return SY_OK;
}

static sy_status write_container(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                 container *types, sy_error *err)
{
    ProtobufCMessage *child = NULL;
    const int64_t code = syi_protobuf_peek_code(cursor);
    switch (code) {
    case SYI_CODE_LIST:
        SY_TRY(write_elements(w, cursor, PART(type_list), &child, err));
        types->nested_container_case = CASE(NESTED_TYPE_LIST);
        break;
    case SYI_CODE_TUPLE:
        SY_TRY(write_elements(w, cursor, PART(type_tuple), &child, err));
        types->nested_container_case = CASE(NESTED_TYPE_TUPLE);
        break;
    case SYI_CODE_DICT:
        SY_TRY(write_map(w, cursor, &child, err));
        types->nested_container_case = CASE(NESTED_TYPE_DICT);
        break;
    case SYI_PB_CODE_TYPE:
        SY_TRY(syi_protobuf_write_value(
            w, cursor, &syft_proto__execution__v1__input_type_descriptor__descriptor, &child, err));
        types->nested_container_case = CASE(NESTED_TYPE);
        break;
    default:
        return syi_fail(err, SY_EFORMAT, "type code %lld where a type is expected",
                        (long long)code);
    }
    types->nested_type = (SyftProto__Execution__V1__InputTypeDescriptor *)child;
    return SY_OK;
}

sy_status syi_protobuf_write_types(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                   ProtobufCMessage *message, sy_error *err)
{
    ProtobufCMessage *types = NULL;
    SY_TRY(syi_protobuf_deeper(w, 4, err)); /* wrapper, container, dict, entry */
    SY_TRY(syi_protobuf_new_message(w, PART(type_container), &types, err));
    SY_TRY(write_container(w, cursor, (container *)types, err));
    ((wrapper *)message)->nested_types = (container *)types;
    w->depth -= 4;
    return SY_OK;
}

/* --- reading ------------------------------------------------------------------------------------------ */

static sy_status read_elements(syi_protobuf_reader *r, wrapper **items, size_t count, int code,
                               sy_error *err)
{
    syi_pysyft_put_pair(r->out, code, count);
    for (size_t k = 0; k < count; k++) {
        SY_TRY(syi_protobuf_read_types(r, &items[k]->base, err));
    }
    return SY_OK;
}

sy_status syi_protobuf_read_types(syi_protobuf_reader *r, const ProtobufCMessage *message,
                                  sy_error *err)
{
    const container *types = ((const wrapper *)message)->nested_types;
    switch (types != NULL ? types->nested_container_case : CASE(_NOT_SET)) {
    case CASE(NESTED_TYPE):
        return syi_protobuf_read_value(r, &types->nested_type->base, err);
    case CASE(NESTED_TYPE_LIST):
        return read_elements(r, types->nested_type_list->nested_types,
                             types->nested_type_list->n_nested_types, SYI_CODE_LIST, err);
    case CASE(NESTED_TYPE_TUPLE):
        return read_elements(r, types->nested_type_tuple->nested_types,
                             types->nested_type_tuple->n_nested_types, SYI_CODE_TUPLE, err);
    case CASE(NESTED_TYPE_DICT):
        break;
    default:
        return syi_fail(err, SY_EFORMAT, "NestedTypeWrapper: no type");
    }
    const SyftProto__Execution__V1__NestedTypeWrapper__TypeMap *map = types->nested_type_dict;
    SY_TRY(syi_protobuf_check_entries(
        &map->base, protobuf_c_message_descriptor_get_field(map->base.descriptor, 1), err));
    syi_pysyft_put_pair(r->out, SYI_CODE_DICT, map->n_nested_types);
    for (size_t k = 0; k < map->n_nested_types; k++) {
        syi_msgpack_write_array(r->out, 2);
        syi_pysyft_put_text(r->out, map->nested_types[k]->key);
        if (map->nested_types[k]->value == NULL) {
            return syi_fail(err, SY_EFORMAT, "NestedTypeWrapper: \"%.40s\" has no type",
                            map->nested_types[k]->key);
        }
        SY_TRY(syi_protobuf_read_types(r, &map->nested_types[k]->value->base, err));
    }
    return SY_OK;
}
