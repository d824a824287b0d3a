/* read_arguments.c - arguments, targets and results of actions out of messages. */
#include "pysyft/fields.h"
#include "pysyft/protobuf/protobuf.h"
#include "pysyft/protobuf/reader.h"

#include "serde/codes.h"
#include <syft_proto/arguments.pb-c.h>

typedef SyftProto__Types__Syft__V1__Arg argument;

bool syi_protobuf_communicates(const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "command");
    if (f == NULL) {
        return false;
    }
    const char *command = syi_protobuf_text(message, f);
    return syi_protobuf_is_communication(command, strlen(command));
}

sy_status syi_protobuf_read_args(syi_protobuf_reader *r, const ProtobufCMessage *message,
                                 const ProtobufCFieldDescriptor *f, int code, sy_error *err)
{
    const size_t count = syi_protobuf_count(message, f);
    const bool communication = syi_protobuf_communicates(message);
    syi_pysyft_put_pair(r->out, code, count);
    for (size_t k = 0; k < count; k++) {
        const sy_status status =
            syi_protobuf_read_arg(r, syi_protobuf_element(message, f, k), communication, err);
        if (status != SY_OK) {
            return ++r->named > SYI_PROTOBUF_NAMED_MAX
                       ? status
                       : syi_error_prefix(err, status, "argument %zu", k);
        }
    }
    return SY_OK;
}

sy_status syi_protobuf_read_arg(syi_protobuf_reader *r, const ProtobufCMessage *message,
                                bool communication, sy_error *err)
{
    const argument *arg = (const argument *)message;
    switch (arg->arg_case) {
    case SYFT_PROTO__TYPES__SYFT__V1__ARG__ARG_ARG_BOOL:
        syi_msgpack_write_bool(r->out, arg->arg_bool != 0);
        return SY_OK;
    case SYFT_PROTO__TYPES__SYFT__V1__ARG__ARG_ARG_INT:
        syi_msgpack_write_int(r->out, arg->arg_int);
        return SY_OK;
    case SYFT_PROTO__TYPES__SYFT__V1__ARG__ARG_ARG_FLOAT:
        syi_msgpack_write_double(r->out, (double)arg->arg_float);
        return SY_OK;
    case SYFT_PROTO__TYPES__SYFT__V1__ARG__ARG_ARG_STR:
        if (communication) {
            syi_pysyft_put_pair(r->out, SYI_PB_CODE_VIRTUAL_WORKER, 1);
        }
        syi_pysyft_put_text(r->out, arg->arg_str);
        return SY_OK;
    case SYFT_PROTO__TYPES__SYFT__V1__ARG__ARG_ARG_LIST:
        return syi_protobuf_read_args(
            r, &arg->arg_list->base,
            protobuf_c_message_descriptor_get_field(arg->arg_list->base.descriptor, 1),
            SYI_CODE_LIST, err);
    case SYFT_PROTO__TYPES__SYFT__V1__ARG__ARG__NOT_SET:
        return syi_fail(err, SY_EFORMAT, "an Arg without a value");
    default:
        return syi_protobuf_read_value(r, syi_protobuf_child(message, syi_protobuf_chosen(message)),
                                       err);
    }
}

sy_status syi_protobuf_read_target(syi_protobuf_reader *r, const ProtobufCMessage *message,
                                   sy_error *err)
{
    const ProtobufCFieldDescriptor *f = syi_protobuf_chosen(message);
    if (f == NULL) {
        syi_msgpack_write_nil(r->out);
        return SY_OK;
    }
    const sy_status status = syi_protobuf_read_value(r, syi_protobuf_child(message, f), err);
    return status == SY_OK
               ? SY_OK
               : syi_error_prefix(err, status, "%s.%s", message->descriptor->short_name, f->name);
}

sy_status syi_protobuf_read_returns(syi_protobuf_reader *r, const ProtobufCMessage *message,
                                    sy_error *err)
{
    const ProtobufCFieldDescriptor *ids =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "return_ids");
    const ProtobufCFieldDescriptor *placeholders = protobuf_c_message_descriptor_get_field_by_name(
        message->descriptor, "return_placeholder_ids");
    const bool inside = syi_protobuf_count(message, placeholders) > 0;
    if (inside && syi_protobuf_count(message, ids) > 0) {
        return syi_fail(err, SY_EFORMAT, "%s: both return_ids and return_placeholder_ids",
                        message->descriptor->short_name);
    }
    const ProtobufCFieldDescriptor *f = inside ? placeholders : ids;
    const size_t count = syi_protobuf_count(message, f);
    syi_pysyft_put_pair(r->out, SYI_CODE_TUPLE, count);
    for (size_t k = 0; k < count; k++) {
        const sy_status status =
            syi_protobuf_read_value(r, syi_protobuf_element(message, f, k), err);
        if (status != SY_OK) {
            return syi_error_prefix(err, status, "%s.%s", message->descriptor->short_name, f->name);
        }
    }
    return SY_OK;
}
