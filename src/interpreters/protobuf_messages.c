/* protobuf_messages.c - SyftMessage to bytes and back. Face: <csyft/protobuf.h>. Test: protobuf_test.c. */
#include <string.h>

#include "core/error.h"
#include "interpreters/protobuf.h"
#include "pysyft/envelope.h"
#include "pysyft/requests.h"
#include "serde/codes.h"
#include "workers/worker.h"

#define MESSAGE_TYPE "syft_proto.messaging.v1.SyftMessage"
#define PLACEHOLDER_ID 56

/* --- writing --------------------------------------------------------------------------------------------- */

static sy_status put_id(syi_protobuf_sending *sending, const sy_id *id, sy_error *err)
{
    if (sy_id_is_none(id)) {
        return syi_fail(err, SY_EINVAL, "serialize: the message needs an id");
    }
    syi_encode_id(&sending->out, id);
    return SY_OK;
}

static sy_status put_ids(syi_protobuf_sending *sending, int code, const sy_protobuf_message *m,
                         sy_error *err)
{
    syi_pysyft_put_pair(&sending->out, code, m->id_count);
    for (size_t k = 0; k < m->id_count; k++) {
        SY_TRY(put_id(sending, &m->ids[k], err));
    }
    return SY_OK;
}

static sy_status put_name(syi_protobuf_sending *sending, const sy_protobuf_message *m,
                          sy_error *err)
{
    if (m->name == NULL) {
        return syi_fail(err, SY_EINVAL, "serialize: the command has no name");
    }
    syi_pysyft_put_text(&sending->out, m->name);
    return SY_OK;
}

static sy_status put_args(syi_protobuf_sending *sending, int code, const sy_protobuf_message *m,
                          sy_error *err)
{
    syi_pysyft_put_pair(&sending->out, code, m->arg_count);
    for (size_t k = 0; k < m->arg_count; k++) {
        SY_TRY(syi_protobuf_sending_put(sending, &m->args[k], err));
    }
    return SY_OK;
}

/* [54, [name, target, args, kwargs, ids, false]] */
static sy_status put_action(syi_protobuf_sending *sending, const sy_protobuf_message *m,
                            sy_error *err)
{
    syi_buffer *out = &sending->out;
    syi_pysyft_put_pair(
        out, m->kind == SY_PROTOBUF_COMPUTATION ? SYI_PYSYFT_COMPUTATION : SYI_PYSYFT_COMMUNICATION,
        6);
    SY_TRY(put_name(sending, m, err));
    SY_TRY(syi_protobuf_sending_put(sending, &m->target, err));
    SY_TRY(put_args(sending, SYI_CODE_TUPLE, m, err));
    syi_pysyft_put_pair(out, SYI_CODE_DICT, m->kwarg_count);
    for (size_t k = 0; k < m->kwarg_count; k++) {
        syi_msgpack_write_array(out, 2);
        syi_pysyft_put_text(out, m->kwargs[k].name);
        SY_TRY(syi_protobuf_sending_put(sending, &m->kwargs[k].value, err));
    }
    SY_TRY(put_ids(sending, SYI_CODE_TUPLE, m, err));
    syi_msgpack_write_bool(out, false);
    return SY_OK;
}

static sy_status put_message(syi_protobuf_sending *sending, const sy_protobuf_message *m,
                             sy_error *err)
{
    syi_buffer *out = &sending->out;
    switch (m->kind) {
    case SY_PROTOBUF_EMPTY:
        syi_msgpack_write_nil(out);
        return SY_OK;
    case SY_PROTOBUF_OBJECT:
        syi_pysyft_put_pair(out, SYI_PYSYFT_OBJECT, 1);
        return syi_protobuf_sending_put(sending, &m->object, err);
    case SY_PROTOBUF_OBJECT_REQUEST:
        syi_pysyft_put_pair(out, SYI_PYSYFT_OBJECT_REQUEST, 3);
        SY_TRY(put_id(sending, &m->id, err));
        syi_msgpack_write_nil(out); /* the user: the message has no place for one */
        syi_pysyft_put_text(out, m->reason);
        return SY_OK;
    case SY_PROTOBUF_OBJECT_DELETE:
        syi_msgpack_write_array(out, 2);
        syi_msgpack_write_int(out, SYI_PYSYFT_DELETE);
        return put_ids(sending, SYI_CODE_LIST, m, err);
    case SY_PROTOBUF_IS_NONE:
        syi_pysyft_put_pair(out, SYI_PYSYFT_IS_NONE, 1);
        return put_id(sending, &m->id, err);
    case SY_PROTOBUF_GET_SHAPE:
        syi_pysyft_put_pair(out, SYI_PYSYFT_GET_SHAPE, 1);
        return put_id(sending, &m->id, err);
    case SY_PROTOBUF_COMPUTATION:
    case SY_PROTOBUF_COMMUNICATION:
        syi_pysyft_put_pair(out, SYI_PYSYFT_COMMAND, 1);
        return put_action(sending, m, err);
    case SY_PROTOBUF_PLAN_COMMAND:
        syi_pysyft_put_pair(out, SYI_PYSYFT_PLAN_COMMAND, 2);
        SY_TRY(put_name(sending, m, err));
        return put_args(sending, SYI_CODE_TUPLE, m, err);
    case SY_PROTOBUF_WORKER_COMMAND:
        syi_pysyft_put_pair(out, SYI_PYSYFT_WORKER_COMMAND, 2);
        SY_TRY(put_name(sending, m, err));
        syi_pysyft_put_pair(out, SYI_CODE_TUPLE, 3);
        SY_TRY(put_args(sending, SYI_CODE_TUPLE, m, err));
        syi_pysyft_put_pair(out, SYI_CODE_DICT, 0);
        syi_pysyft_put_pair(out, SYI_CODE_LIST, 0);
        return SY_OK;
    case SY_PROTOBUF_SEARCH:
        syi_pysyft_put_pair(out, SYI_PYSYFT_SEARCH, 1);
        return put_args(sending, SYI_CODE_LIST, m, err);
    }
    return syi_fail(err, SY_EINVAL, "serialize: %d is no kind of message", (int)m->kind);
}

sy_status sy_protobuf_serialize(sy_worker *worker, void **bytes, size_t *size,
                                const sy_protobuf_message *message, sy_error *err)
{
    syi_protobuf_sending sending;
    const char *type = MESSAGE_TYPE;
    if (bytes == NULL || size == NULL) {
        return syi_fail(err, SY_EINVAL, "serialize: nowhere to put the bytes");
    }
    *bytes = NULL;
    *size = 0;
    if (worker == NULL || message == NULL || message->size != sizeof *message) {
        return syi_fail(err, SY_EINVAL,
                        "serialize: worker or message is NULL, or the message's size is wrong");
    }
    syi_protobuf_sending_init(&sending, worker, "serialize");
    sy_status status = put_message(&sending, message, err);
    if (status == SY_OK) {
        status = syi_protobuf_sending_finish(&sending, &type, 1, bytes, size, err);
    }
    if (status == SY_OK) {
        *(uint8_t *)*bytes = SYI_PYSYFT_NONE;
    }
    syi_protobuf_sending_fini(&sending);
    return status;
}

/* --- reading ---------------------------------------------------------------------------------------------- */

/* Room of `count` items in one of the object's arrays; a second reading finds the first's. */
static sy_status room(sy_protobuf_object *o, void *array, size_t *had, size_t count, size_t item,
                      sy_error *err)
{
    void **place = array;
    syi_free(o->worker->hook->context, *place, *had * item);
    *had = count;
    *place = syi_alloc_array(o->worker->hook->context, count, item);
    return *place != NULL ? SY_OK : SYI_ENOMEM(err, "message");
}

static sy_status copy_text(sy_protobuf_object *o, syi_msgpack_cursor *cursor, size_t which,
                           const char **copy, sy_error *err)
{
    sy_context *context = o->worker->hook->context;
    const char *text = NULL;
    size_t length = 0;
    syi_string_free(context, o->texts[which]);
    o->texts[which] = NULL;
    *copy = NULL;
    SY_TRY(syi_pysyft_read_text(cursor, &text, &length, err));
    if (text == NULL) {
        return SY_OK;
    }
    char *fresh = syi_alloc(context, length + 1);
    if (fresh == NULL) {
        return SYI_ENOMEM(err, "message");
    }
    memcpy(fresh, text, length);
    o->texts[which] = fresh;
    *copy = fresh;
    return SY_OK;
}

/* A list or tuple: how many follow. */
static sy_status open_list(syi_msgpack_cursor *cursor, size_t *count, sy_error *err)
{
    int64_t code = 0;
    SY_TRY(syi_pysyft_open_pair(cursor, &code, err));
    return syi_msgpack_read_array(cursor, count, err);
}

static void close_list(syi_msgpack_cursor *cursor)
{
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
}

static sy_status read_ids(sy_protobuf_object *o, syi_msgpack_cursor *cursor, sy_error *err)
{
    size_t count = 0;
    SY_TRY(open_list(cursor, &count, err));
    SY_TRY(room(o, &o->ids, &o->id_room, count, sizeof *o->ids, err));
    for (size_t k = 0; k < count; k++) {
        syi_msgpack_cursor at = *cursor;
        int64_t code = 0;
        if (syi_msgpack_peek(&at) == SYI_MSGPACK_ARRAY &&
            syi_pysyft_open_pair(&at, &code, NULL) == SY_OK && code == PLACEHOLDER_ID) {
            return syi_fail(err, SY_EFORMAT, "message: a placeholder outside of a plan");
        }
        SY_TRY(syi_pysyft_read_id(cursor, &o->ids[k], err));
    }
    close_list(cursor);
    o->message.ids = o->ids;
    o->message.id_count = count;
    return SY_OK;
}

/* The values are made later. */
static sy_status take_args(sy_protobuf_object *o, syi_msgpack_cursor *cursor, sy_error *err)
{
    size_t count = 0;
    SY_TRY(open_list(cursor, &count, err));
    SY_TRY(room(o, &o->args, &o->arg_room, count, sizeof *o->args, err));
    for (size_t k = 0; k < count; k++) {
        SY_TRY(syi_protobuf_object_take(o, cursor, err));
    }
    close_list(cursor);
    o->message.args = o->args;
    o->message.arg_count = count;
    return SY_OK;
}

static sy_status take_kwargs(sy_protobuf_object *o, syi_msgpack_cursor *cursor, sy_error *err)
{
    size_t count = 0;
    SY_TRY(open_list(cursor, &count, err));
    SY_TRY(room(o, &o->kwargs, &o->kwarg_room, count, sizeof *o->kwargs, err));
    for (size_t k = 0; k < count; k++) {
        SY_TRY(syi_msgpack_read_tuple(cursor, 2, "[name, argument]", err));
        SY_TRY(syi_protobuf_object_take(o, cursor, err)); /* the name is a value, too */
        SY_TRY(syi_protobuf_object_take(o, cursor, err));
        syi_msgpack_leave(cursor);
    }
    close_list(cursor);
    o->message.kwargs = o->kwargs;
    o->message.kwarg_count = count;
    return SY_OK;
}

static sy_status read_action(sy_protobuf_object *o, syi_msgpack_cursor *cursor, sy_error *err)
{
    int64_t code = 0;
    SY_TRY(syi_pysyft_open_pair(cursor, &code, err));
    o->message.kind =
        code == SYI_PYSYFT_COMPUTATION ? SY_PROTOBUF_COMPUTATION : SY_PROTOBUF_COMMUNICATION;
    SY_TRY(syi_msgpack_read_tuple(cursor, 6, "action", err));
    SY_TRY(copy_text(o, cursor, 0, &o->message.name, err));
    SY_TRY(syi_protobuf_object_take(o, cursor, err)); /* the target */
    SY_TRY(take_args(o, cursor, err));
    SY_TRY(take_kwargs(o, cursor, err));
    return read_ids(o, cursor, err);
}

/* [53, [name, [6, [args, kwargs, ids]]]] */
static sy_status read_worker_command(sy_protobuf_object *o, syi_msgpack_cursor *cursor,
                                     sy_error *err)
{
    size_t parts = 0;
    SY_TRY(copy_text(o, cursor, 0, &o->message.name, err));
    SY_TRY(open_list(cursor, &parts, err));
    return take_args(o, cursor, err);
}

static sy_status read_parts(sy_protobuf_object *o, int64_t code, syi_msgpack_cursor *cursor,
                            sy_error *err)
{
    sy_protobuf_message *m = &o->message;
    size_t count = 0;
    if (code == SYI_PYSYFT_DELETE) {
        m->kind = SY_PROTOBUF_OBJECT_DELETE;
        return read_ids(o, cursor, err);
    }
    SY_TRY(syi_msgpack_read_array(cursor, &count, err));
    switch (code) {
    case SYI_PYSYFT_OBJECT:
        m->kind = SY_PROTOBUF_OBJECT;
        return syi_protobuf_object_take(o, cursor, err);
    case SYI_PYSYFT_OBJECT_REQUEST:
        m->kind = SY_PROTOBUF_OBJECT_REQUEST;
        SY_TRY(syi_pysyft_read_id(cursor, &m->id, err));
        SY_TRY(syi_msgpack_skip(cursor, err));
        return copy_text(o, cursor, 1, &m->reason, err);
    case SYI_PYSYFT_IS_NONE:
    case SYI_PYSYFT_GET_SHAPE:
        m->kind = code == SYI_PYSYFT_IS_NONE ? SY_PROTOBUF_IS_NONE : SY_PROTOBUF_GET_SHAPE;
        return syi_pysyft_read_id(cursor, &m->id, err);
    case SYI_PYSYFT_COMMAND:
        return read_action(o, cursor, err);
    case SYI_PYSYFT_PLAN_COMMAND:
        m->kind = SY_PROTOBUF_PLAN_COMMAND;
        SY_TRY(copy_text(o, cursor, 0, &m->name, err));
        return take_args(o, cursor, err);
    case SYI_PYSYFT_WORKER_COMMAND:
        m->kind = SY_PROTOBUF_WORKER_COMMAND;
        return read_worker_command(o, cursor, err);
    default: /* the schema has no others */
        m->kind = SY_PROTOBUF_SEARCH;
        return take_args(o, cursor, err);
    }
}

static sy_status read_message(sy_protobuf_object *o, sy_error *err)
{
    syi_msgpack_cursor cursor;
    int64_t code = 0;
    o->message = (sy_protobuf_message)SY_PROTOBUF_MESSAGE_INIT;
    syi_msgpack_cursor_init(&cursor, o->in.data, o->in.length, SYI_MSGPACK_DEPTH_MAX, 0);
    if (syi_msgpack_peek(&cursor) == SYI_MSGPACK_NIL) {
        return SY_OK; /* SY_PROTOBUF_EMPTY */
    }
    SY_TRY(syi_pysyft_open_pair(&cursor, &code, err));
    return read_parts(o, code, &cursor, err);
}

/* In the order in which they were taken. */
static sy_status make_values(sy_protobuf_object *o, sy_error *err)
{
    sy_protobuf_message *m = &o->message;
    syi_protobuf_object_begin(o);
    if (m->kind == SY_PROTOBUF_OBJECT) {
        return syi_protobuf_object_make(o, &m->object, err);
    }
    if (m->kind == SY_PROTOBUF_COMPUTATION || m->kind == SY_PROTOBUF_COMMUNICATION) {
        SY_TRY(syi_protobuf_object_make(o, &m->target, err));
    }
    for (size_t k = 0; k < m->arg_count; k++) {
        SY_TRY(syi_protobuf_object_make(o, &o->args[k], err));
    }
    for (size_t k = 0; k < m->kwarg_count; k++) {
        sy_value name;
        SY_TRY(syi_protobuf_object_make(o, &name, err));
        o->kwargs[k].name = name.as.string;
        SY_TRY(syi_protobuf_object_make(o, &o->kwargs[k].value, err));
    }
    return SY_OK;
}

static sy_status deserialize(sy_protobuf_object *o, const void *bytes, size_t size, sy_error *err)
{
    SY_TRY(syi_protobuf_object_read(o, MESSAGE_TYPE, bytes, size, read_message, err));
    SY_TRY(make_values(o, err));
    o->value = o->message.object;
    o->is_message = true;
    return SY_OK;
}

/* What another scheme than none hides. */
static sy_status unfold(sy_protobuf_object *o, const void *bytes, size_t size, sy_error *err)
{
    sy_context *context = o->worker->hook->context;
    syi_message plain;
    syi_buffer body;
    syi_message_init(&plain, context, SYI_PYSYFT_BODY_MAX);
    syi_buffer_init(&body, context, SYI_PYSYFT_BODY_MAX);
    plain.kind = SYI_PLAIN_BINARY;
    syi_buffer_append(&plain.body, bytes, size);
    sy_status status = syi_buffer_check(&plain.body, "message", err);
    if (status == SY_OK) {
        status = syi_pysyft_open(context, &plain, &body, err);
    }
    syi_message_fini(&plain);
    if (status == SY_OK) {
        status = deserialize(o, body.data, body.length, err);
    }
    syi_buffer_fini(&body);
    return status;
}

sy_status sy_protobuf_deserialize(sy_worker *worker, sy_protobuf_object **object, const void *bytes,
                                  size_t size, sy_error *err)
{
    sy_protobuf_object *o = NULL;
    if (object == NULL) {
        return syi_fail(err, SY_EINVAL, "deserialize: nowhere to put the message");
    }
    *object = NULL;
    if (worker == NULL || (bytes == NULL && size > 0)) {
        return syi_fail(err, SY_EINVAL, "deserialize: worker or bytes is NULL");
    }
    if (size == 0) {
        return syi_fail(err, SY_EFORMAT, "deserialize: no bytes");
    }
    SY_TRY(syi_protobuf_object_new(worker, &o, err));
    const uint8_t *all = bytes;
    const sy_status status = all[0] == SYI_PYSYFT_NONE ? deserialize(o, all + 1, size - 1, err)
                                                       : unfold(o, bytes, size, err);
    if (status != SY_OK) {
        sy_protobuf_object_free(o);
        return status;
    }
    *object = o;
    return SY_OK;
}

const sy_protobuf_message *sy_protobuf_object_get_message(const sy_protobuf_object *object)
{
    return object->is_message ? &object->message : NULL;
}
