/* write_arguments.c - arguments, targets and results of actions into messages. */
#include "pysyft/fields.h"
#include "pysyft/protobuf/protobuf.h"
#include "pysyft/protobuf/writer.h"

#include <float.h>
#include <math.h>

#include "serde/codes.h"
#include <syft_proto/arguments.pb-c.h>
#include <syft_proto/execution.pb-c.h>

typedef SyftProto__Types__Syft__V1__Arg argument;

/* Is the message an action that PySyft records as communication? Its command was written before its arguments. */
static bool communicates(const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *f = syi_protobuf_field_at(message, 1);
    const char *command = NULL;
    if (f == NULL || f->type != PROTOBUF_C_TYPE_STRING || strcmp(f->name, "command") != 0) {
        return false;
    }
    memcpy(&command, syi_protobuf_member(message, f), sizeof command);
    return syi_protobuf_is_communication(command, strlen(command));
}

static sy_status write_args(syi_protobuf_writer *w, syi_msgpack_cursor *cursor, bool communication,
                            ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                            sy_error *err)
{
    size_t count = 0;
    void *items = NULL;
    SY_TRY(syi_protobuf_open_list(cursor, &count, err));
    SY_TRY(syi_protobuf_set_repeated(w, message, f, count, sizeof(void *), &items, err));
    for (size_t k = 0; k < count; k++) {
        ProtobufCMessage **place = (ProtobufCMessage **)items + k;
        SY_TRY(syi_protobuf_new_message(w, f->descriptor, place, err));
        const sy_status status = syi_protobuf_write_arg(w, cursor, communication, *place, err);
        if (status != SY_OK) {
            return ++w->named > SYI_PROTOBUF_NAMED_MAX
                       ? status
                       : syi_error_prefix(err, status, "argument %zu", k);
        }
    }
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    return SY_OK;
}

sy_status syi_protobuf_write_args(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                  ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                                  sy_error *err)
{
    return write_args(w, cursor, communicates(message), message, f, err);
}

/* --- one argument ------------------------------------------------------------------------------- */

static sy_status write_real(syi_msgpack_cursor *cursor, argument *arg, sy_error *err)
{
    double real = 0;
    SY_TRY(syi_msgpack_read_double(cursor, &real, err));
    if (isfinite(real) && fabs(real) > (double)FLT_MAX) {
        return syi_fail(err, SY_ERANGE, "%g does not fit a 32-bit float, which arguments are",
                        real);
    }
    arg->arg_case = SYFT_PROTO__TYPES__SYFT__V1__ARG__ARG_ARG_FLOAT;
    arg->arg_float = (float)real;
    return SY_OK;
}

static sy_status write_text(syi_protobuf_writer *w, syi_msgpack_cursor *cursor, argument *arg,
                            sy_error *err)
{
    const char *text = NULL;
    size_t length = 0;
    SY_TRY(syi_pysyft_read_text(cursor, &text, &length, err));
    SY_TRY(syi_protobuf_copy_text(w, text, length, &arg->arg_str, err));
    arg->arg_case = SYFT_PROTO__TYPES__SYFT__V1__ARG__ARG_ARG_STR;
    return SY_OK;
}

/* [63, [id]] or [30, [id]]: the schema has no place for workers, so a communication has their ids as texts. */
static sy_status write_worker(syi_protobuf_writer *w, syi_msgpack_cursor *cursor, argument *arg,
                              sy_error *err)
{
    int64_t code = 0;
    SY_TRY(syi_pysyft_open_pair(cursor, &code, err));
    SY_TRY(syi_msgpack_read_tuple(cursor, 1, "worker", err));
    SY_TRY(write_text(w, cursor, arg, err));
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    return SY_OK;
}

static sy_status write_list(syi_protobuf_writer *w, syi_msgpack_cursor *cursor, argument *arg,
                            sy_error *err)
{
    ProtobufCMessage *list = NULL;
    SY_TRY(syi_protobuf_deeper(w, 1, err)); /* the Arg around it */
    SY_TRY(syi_protobuf_write_value(w, cursor, &syft_proto__types__syft__v1__arg_list__descriptor,
                                    &list, err));
    w->depth--;
    arg->arg_list = (SyftProto__Types__Syft__V1__ArgList *)list;
    arg->arg_case = SYFT_PROTO__TYPES__SYFT__V1__ARG__ARG_ARG_LIST;
    return SY_OK;
}

/* What has a type code: the field of the choice whose message has it. */
static sy_status write_object(syi_protobuf_writer *w, syi_msgpack_cursor *cursor, int64_t code,
                              argument *arg, sy_error *err)
{
    const ProtobufCMessageDescriptor *type = arg->base.descriptor;
    const ProtobufCFieldDescriptor *found = NULL;
    ProtobufCMessage *child = NULL;
    for (unsigned k = 0; k < type->n_fields && found == NULL; k++) {
        const ProtobufCFieldDescriptor *f = &type->fields[k];
        const syi_protobuf_row *row =
            f->type == PROTOBUF_C_TYPE_MESSAGE ? syi_protobuf_row_of(f->descriptor) : NULL;
        found = row != NULL && row->code >= 0 && row->code == code ? f : NULL;
    }
    if (found == NULL) {
        const syi_protobuf_row *row = syi_protobuf_row_of_code(code);
        return syi_fail(err, SY_ENOTSUP, "%s%s%lld: syft-proto has no place for it in an Arg",
                        row != NULL ? row->message->short_name : "",
                        row != NULL ? ", type code " : "type code ", (long long)code);
    }
    SY_TRY(syi_protobuf_write_value(w, cursor, found->descriptor, &child, err));
    syi_protobuf_set_message(&arg->base, found, child);
    return SY_OK;
}

/* A wrapper's argument is what it wraps: its code, where the value has none of its own. */
static int64_t code_of(const syi_msgpack_cursor *cursor)
{
    const int64_t code = syi_protobuf_peek_code(cursor);
    syi_msgpack_cursor at = *cursor;
    syi_pysyft_fields f;
    int64_t ignored = 0;
    if (code != SYI_CODE_TENSOR || syi_pysyft_open_pair(&at, &ignored, NULL) != SY_OK ||
        syi_pysyft_find_fields(&at, &f, 2, SYI_FIELDS, "tensor", NULL) != SY_OK ||
        syi_pysyft_is_nil(&f, SYI_FIELD_CHAIN)) {
        return code;
    }
    return syi_protobuf_peek_code(&f.at[SYI_FIELD_CHAIN]);
}

static sy_status write_coded_argument(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                      bool communication, argument *arg, sy_error *err)
{
    const int64_t code = code_of(cursor);
    int64_t ignored = 0;
    switch (code) {
    case SYI_CODE_STR:
        return write_text(w, cursor, arg, err);
    case SYI_CODE_LIST:
    case SYI_CODE_TUPLE:
        return write_list(w, cursor, arg, err);
    case SYI_CODE_SIZE: {
        ProtobufCMessage *shape = NULL;
        SY_TRY(syi_protobuf_new_message(w, &syft_proto__types__syft__v1__shape__descriptor, &shape,
                                        err));
        SY_TRY(syi_pysyft_open_pair(cursor, &ignored, err));
        SY_TRY(syi_protobuf_write_dims(w, cursor, shape, err));
        syi_msgpack_leave(cursor);
        arg->arg_shape = (SyftProto__Types__Syft__V1__Shape *)shape;
        arg->arg_case = SYFT_PROTO__TYPES__SYFT__V1__ARG__ARG_ARG_SHAPE;
        return SY_OK;
    }
    case SYI_PB_CODE_WORKER:
    case SYI_PB_CODE_VIRTUAL_WORKER:
        if (communication) {
            return write_worker(w, cursor, arg, err);
        }
        break;
    default:
        break;
    }
    return write_object(w, cursor, code, arg, err);
}

sy_status syi_protobuf_write_arg(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                 bool communication, ProtobufCMessage *message, sy_error *err)
{
    argument *arg = (argument *)message;
    bool truth = false;
    switch (syi_msgpack_peek(cursor)) {
    case SYI_MSGPACK_BOOL:
        SY_TRY(syi_msgpack_read_bool(cursor, &truth, err));
        arg->arg_case = SYFT_PROTO__TYPES__SYFT__V1__ARG__ARG_ARG_BOOL;
        arg->arg_bool = truth;
        return SY_OK;
    case SYI_MSGPACK_INT:
        arg->arg_case = SYFT_PROTO__TYPES__SYFT__V1__ARG__ARG_ARG_INT;
        return syi_msgpack_read_int(cursor, &arg->arg_int, err);
    case SYI_MSGPACK_FLOAT:
        return write_real(cursor, arg, err);
    case SYI_MSGPACK_STR:
        return write_text(w, cursor, arg, err);
    case SYI_MSGPACK_ARRAY:
        return write_coded_argument(w, cursor, communication, arg, err);
    case SYI_MSGPACK_NIL:
        return syi_fail(err, SY_ENOTSUP, "None: syft-proto has no place for it in an Arg");
    default:
        return syi_fail(err, SY_ENOTSUP,
                        "a number of more than 64 bits, bytes or a map: syft-proto has no place "
                        "for it in an Arg");
    }
}

/* --- targets and results ---------------------------------------------------------------------------- */

static sy_status set_child(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                           ProtobufCMessage *message, const char *name, sy_error *err)
{
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
    ProtobufCMessage *child = NULL;
    SY_TRY(syi_protobuf_write_value(w, cursor, f->descriptor, &child, err));
    syi_protobuf_set_message(message, f, child);
    return SY_OK;
}

sy_status syi_protobuf_write_target(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                    ProtobufCMessage *message, sy_error *err)
{
    switch (syi_msgpack_peek(cursor)) {
    case SYI_MSGPACK_NIL:
        return syi_msgpack_read_nil(cursor, err);
    case SYI_MSGPACK_ARRAY:
        break;
    default:
        return set_child(w, cursor, message, "target_id", err);
    }
    const int64_t code = code_of(cursor);
    switch (code) {
    case SYI_CODE_STR:
        return set_child(w, cursor, message, "target_id", err);
    case SYI_CODE_POINTER:
        return set_child(w, cursor, message, "target_pointer", err);
    case SYI_PB_CODE_PLACEHOLDER_ID:
        return set_child(w, cursor, message, "target_placeholder_id", err);
    case SYI_CODE_TENSOR:
        return set_child(w, cursor, message, "target_tensor", err);
    default:
        return syi_fail(err, SY_ENOTSUP,
                        "%s: syft-proto has no place for a target of type code %lld",
                        message->descriptor->short_name, (long long)code);
    }
}

sy_status syi_protobuf_write_returns(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                     ProtobufCMessage *message, sy_error *err)
{
    const ProtobufCFieldDescriptor *ids =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "return_ids");
    const ProtobufCFieldDescriptor *placeholders = protobuf_c_message_descriptor_get_field_by_name(
        message->descriptor, "return_placeholder_ids");
    size_t count = 1;
    void *items = NULL;
    const int64_t code = syi_protobuf_peek_code(cursor);
    const bool many = code == SYI_CODE_LIST || code == SYI_CODE_TUPLE;
    if (syi_msgpack_peek(cursor) == SYI_MSGPACK_NIL) {
        return syi_msgpack_read_nil(cursor, err);
    }
    if (many) {
        SY_TRY(syi_protobuf_open_list(cursor, &count, err));
    }
    const bool inside = count > 0 && syi_protobuf_peek_code(cursor) == SYI_PB_CODE_PLACEHOLDER_ID;
    const ProtobufCFieldDescriptor *f = inside ? placeholders : ids;
    SY_TRY(syi_protobuf_set_repeated(w, message, f, count, sizeof(void *), &items, err));
    for (size_t k = 0; k < count; k++) {
        const sy_status status =
            syi_protobuf_write_value(w, cursor, f->descriptor, (ProtobufCMessage **)items + k, err);
        if (status != SY_OK) {
            return syi_error_prefix(err, status, "%s.%s", message->descriptor->short_name, f->name);
        }
    }
    if (many) {
        syi_msgpack_leave(cursor);
        syi_msgpack_leave(cursor);
    }
    return SY_OK;
}

/* The number of elements of the next list, tuple or dict. */
static sy_status count_of(const syi_msgpack_cursor *cursor, size_t *count, sy_error *err)
{
    syi_msgpack_cursor at = *cursor;
    int64_t code = 0;
    SY_TRY(syi_pysyft_open_pair(&at, &code, err));
    return syi_msgpack_read_array(&at, count, err);
}

/* [6, [args, kwargs, return ids]] */
sy_status syi_protobuf_write_command(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                     ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                                     sy_error *err)
{
    size_t count = 0;
    size_t kwargs = 0;
    size_t returns = 0;
    SY_TRY(syi_protobuf_open_list(cursor, &count, err));
    if (count != 3) {
        return syi_fail(err, SY_EFORMAT, "a command of %zu parts, not (args, kwargs, return ids)",
                        count);
    }
    SY_TRY(write_args(w, cursor, false, message, f, err));
    SY_TRY(count_of(cursor, &kwargs, err));
    SY_TRY(syi_msgpack_skip(cursor, err));
    SY_TRY(count_of(cursor, &returns, err));
    SY_TRY(syi_msgpack_skip(cursor, err));
    if (kwargs > 0 || returns > 0) {
        return syi_fail(err, SY_ENOTSUP,
                        "%zu named arguments and %zu ids of results: syft-proto has no place for "
                        "them in a WorkerCommandMessage",
                        kwargs, returns);
    }
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    return SY_OK;
}
