/*
 * protobuf.c - objects to protobuf and back: csyft.v1's simplified form, 0.2.9's MessagePack without the elements of tensors
 * (src/pysyft), messages (src/pysyft/protobuf). Face: <csyft/protobuf.h>. Test: protobuf_test.c.
 */
#include "interpreters/protobuf.h"

#include <string.h>

#include "core/error.h"
#include "pysyft/plans.h"
#include "pysyft/protobuf/protobuf.h"
#include "workers/resolve.h"
#include "workers/worker.h"

/* Texts, labels and what is not a tensor's elements. */
#define BODY_MAX ((size_t)1 << 30)
#define PARAMETER_TYPE "syft_proto.types.torch.v1.Parameter"
#define PARAMETER_CODE 13

/* --- sending --------------------------------------------------------------------------------------- */

void syi_protobuf_sending_init(syi_protobuf_sending *sending, sy_worker *worker, const char *what)
{
    sy_context *context = worker->hook->context;
    *sending = (syi_protobuf_sending){.worker = worker, .what = what};
    syi_message_init(&sending->middle, context, BODY_MAX);
    syi_buffer_init(&sending->out, context, BODY_MAX);
    syi_pysyft_aside_init(&sending->aside, context);
}

void syi_protobuf_sending_fini(syi_protobuf_sending *sending)
{
    syi_pysyft_aside_fini(&sending->aside);
    syi_buffer_fini(&sending->out);
    syi_message_fini(&sending->middle);
}

/* Every chain in it says whether it may travel. */
static sy_status before_travel(syi_protobuf_sending *sending, const sy_value *value, sy_error *err)
{
    if (value->kind == SY_VALUE_TENSOR) {
        sy_tensor *tensor = value->as.tensor;
        if (tensor == NULL || tensor->hook != sending->worker->hook) {
            return syi_fail(err, SY_EINVAL, "%s: the tensor is %s", sending->what,
                            tensor == NULL ? "NULL" : "of another hook than the worker");
        }
        SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = sending->what,
                       .self = tensor);
        return syi_node_before_travel(tensor->node, err);
    }
    for (size_t k = 0; value->kind == SY_VALUE_LIST && k < value->as.list.count; k++) {
        SY_TRY(before_travel(sending, &value->as.list.items[k], err));
    }
    return SY_OK;
}

/* Tensors of PySyft have one each. */
static sy_id draw_id(void *user)
{
    return syi_hook_fresh_id(user);
}

sy_status syi_protobuf_sending_put(syi_protobuf_sending *sending, const sy_value *value,
                                   sy_error *err)
{
    sy_hook *hook = sending->worker->hook;
    syi_message *middle = &sending->middle;
    syi_pysyft_writer writer;
    syi_encoder encoder = {.hook = hook, .out = &middle->body, .message = middle, .copy = true};
    const size_t begin = middle->body.length;
    SY_TRY(before_travel(sending, value, err));
    SY_TRY(syi_encode_value(&encoder, value, err));
    SY_TRY(syi_buffer_check(&middle->body, "message body", err));
    syi_pysyft_writer_init(&writer, hook->context, middle, &sending->out, true);
    writer.aside = &sending->aside;
    writer.ops = hook->ops;
    writer.layout = SYI_PYSYFT_0_2_9;
    writer.draw_id = draw_id;
    writer.draw_user = hook;
    syi_msgpack_cursor_init(&writer.cursor, middle->body.data + begin, middle->body.length - begin,
                            SYI_MSGPACK_DEPTH_MAX, 0);
    return syi_pysyft_write_value(&writer, err);
}

sy_status syi_protobuf_sending_finish(syi_protobuf_sending *sending, const char **type, size_t lead,
                                      void **bytes, size_t *size, sy_error *err)
{
    sy_hook *hook = sending->worker->hook;
    syi_protobuf_bytes out;
    SY_TRY(syi_buffer_check(&sending->out, "message", err));
    SY_TRY(syi_protobuf_encode(hook->context, type, sending->out.data, sending->out.length,
                               &sending->aside, &hook->account, lead, &out, err));
    *bytes = out.data;
    *size = out.size;
    return SY_OK;
}

/* A Parameter of a tensor that came as none: [13, [id, tensor, requires_grad, gradient]]. */
static sy_status put_parameter(syi_protobuf_sending *sending, sy_tensor *tensor, sy_error *err)
{
    const sy_id id = sy_tensor_get_id(tensor);
    const sy_value value = sy_value_tensor(tensor);
    syi_pysyft_put_pair(&sending->out, PARAMETER_CODE, 4);
    syi_encode_id(&sending->out, &id);
    SY_TRY(syi_protobuf_sending_put(sending, &value, err));
    syi_msgpack_write_bool(&sending->out, sy_tensor_get_requires_grad(tensor));
    if (tensor->grad == NULL) {
        syi_msgpack_write_nil(&sending->out);
        return SY_OK;
    }
    const sy_value grad = sy_value_tensor(tensor->grad);
    return syi_protobuf_sending_put(sending, &grad, err);
}

static sy_status put_object(syi_protobuf_sending *sending, const char *type, const sy_value *object,
                            sy_error *err)
{
    if (type != NULL && strcmp(type, PARAMETER_TYPE) == 0 && object->kind == SY_VALUE_TENSOR &&
        object->as.tensor != NULL && syi_node_is_native(object->as.tensor->node)) {
        return put_parameter(sending, object->as.tensor, err);
    }
    return syi_protobuf_sending_put(sending, object, err);
}

sy_status sy_bufferize(sy_worker *worker, void **bytes, size_t *size, const char **type,
                       const sy_value *object, sy_error *err)
{
    syi_protobuf_sending sending;
    const char *chosen = NULL;
    if (bytes == NULL || size == NULL) {
        return syi_fail(err, SY_EINVAL, "bufferize: nowhere to put the bytes");
    }
    *bytes = NULL;
    *size = 0;
    if (worker == NULL || object == NULL) {
        return syi_fail(err, SY_EINVAL, "bufferize: worker or object is NULL");
    }
    type = type == NULL ? &chosen : type;
    syi_protobuf_sending_init(&sending, worker, "bufferize");
    sy_status status = put_object(&sending, *type, object, err);
    if (status == SY_OK) {
        status = syi_protobuf_sending_finish(&sending, type, 0, bytes, size, err);
    }
    syi_protobuf_sending_fini(&sending);
    return status;
}

/* --- receiving --------------------------------------------------------------------------------------- */

sy_status syi_protobuf_object_new(sy_worker *worker, sy_protobuf_object **object, sy_error *err)
{
    sy_context *context = worker->hook->context;
    sy_protobuf_object *o = syi_alloc(context, sizeof *o);
    *object = o;
    if (o == NULL) {
        return SYI_ENOMEM(err, "protobuf object");
    }
    o->worker = worker;
    syi_buffer_init(&o->in, context, BODY_MAX);
    syi_message_init(&o->middle, context, BODY_MAX);
    syi_pysyft_aside_init(&o->aside, context);
    return SY_OK;
}

void sy_protobuf_object_free(sy_protobuf_object *object)
{
    if (object == NULL) {
        return;
    }
    sy_context *context = object->worker->hook->context;
    if (object->decoding) {
        syi_decoder_fini(&object->decoder);
    }
    syi_pysyft_aside_fini(&object->aside);
    syi_message_fini(&object->middle);
    syi_buffer_fini(&object->in);
    syi_free(context, object->args, object->arg_room * sizeof *object->args);
    syi_free(context, object->kwargs, object->kwarg_room * sizeof *object->kwargs);
    syi_free(context, object->ids, object->id_room * sizeof *object->ids);
    for (size_t k = 0; k < sizeof object->texts / sizeof object->texts[0]; k++) {
        syi_string_free(context, object->texts[k]);
    }
    syi_free(context, object, sizeof *object);
}

/* Takes back what a value that failed has added. */
static void take_back(syi_message *message, size_t length, uint32_t segments)
{
    message->body.length = length;
    while (message->segment_count > segments) {
        syi_storage_unref(message->segments[--message->segment_count].storage);
    }
}

/* A value, or a plan, which is an object of its own. */
static sy_status read_value(syi_pysyft_reader *reader, sy_error *err)
{
    syi_msgpack_cursor at = reader->cursor;
    int64_t code = 0;
    if (syi_msgpack_peek(&at) != SYI_MSGPACK_ARRAY ||
        syi_pysyft_open_pair(&at, &code, NULL) != SY_OK || code != SYI_PYSYFT_PLAN) {
        return syi_pysyft_read_value(reader, err);
    }
    const uint8_t *begin = reader->cursor.next;
    SY_TRY(syi_msgpack_skip(&reader->cursor, err));
    return syi_pysyft_read_plan(reader, begin, (size_t)(reader->cursor.next - begin), err);
}

sy_status syi_protobuf_object_take(sy_protobuf_object *object, syi_msgpack_cursor *cursor,
                                   sy_error *err)
{
    sy_hook *hook = object->worker->hook;
    syi_message *middle = &object->middle;
    const size_t length = middle->body.length;
    const uint32_t segments = middle->segment_count;
    syi_pysyft_reader reader;
    syi_pysyft_reader_init(&reader, hook->context, cursor->next, 0, middle, &hook->account);
    reader.cursor = *cursor;
    reader.aside = object->inline_ ? NULL : &object->aside;
    sy_status status = read_value(&reader, err);
    if (status == SY_ENOTSUP && object->inline_ && syi_msgpack_peek(cursor) == SYI_MSGPACK_ARRAY) {
        take_back(middle, length, segments);
        reader.cursor = *cursor;
        reader.depth = 0;
        status = syi_pysyft_read_object(&reader, true, err);
    }
    *cursor = reader.cursor;
    return status;
}

void syi_protobuf_object_begin(sy_protobuf_object *object)
{
    syi_pysyft_aside_fini(&object->aside); /* the tensors own their elements alone */
    syi_buffer_fini(&object->in);
    syi_decoder_init(&object->decoder, object->worker->hook, object->worker, &object->middle);
    syi_resolve_without_strand(&object->decoder);
    object->decoding = true;
}

sy_status syi_protobuf_object_make(sy_protobuf_object *object, sy_value *value, sy_error *err)
{
    return syi_decode_value(&object->decoder, value, err);
}

sy_status syi_protobuf_object_read(sy_protobuf_object *object, const char *type, const void *bytes,
                                   size_t size,
                                   sy_status (*read)(sy_protobuf_object *object, sy_error *err),
                                   sy_error *err)
{
    sy_hook *hook = object->worker->hook;
    sy_status status = SY_ENOTSUP;
    for (int turn = 0; turn < 2 && status == SY_ENOTSUP; turn++) {
        object->inline_ = turn == 1;
        syi_buffer_clear(&object->in);
        syi_message_clear(&object->middle);
        syi_pysyft_aside_fini(&object->aside);
        SY_TRY(syi_protobuf_decode(hook->context, type, bytes, size,
                                   object->inline_ ? NULL : &object->aside, &hook->account,
                                   &object->in, err));
        status = read(object, err);
    }
    return status;
}

static sy_status read_one(sy_protobuf_object *object, sy_error *err)
{
    syi_msgpack_cursor cursor;
    syi_msgpack_cursor_init(&cursor, object->in.data, object->in.length, SYI_MSGPACK_DEPTH_MAX, 0);
    SY_TRY(syi_protobuf_object_take(object, &cursor, err));
    return syi_msgpack_finish(&cursor, "object", err);
}

sy_status sy_unbufferize(sy_worker *worker, sy_protobuf_object **object, const char *type,
                         const void *bytes, size_t size, sy_error *err)
{
    sy_protobuf_object *o = NULL;
    if (object == NULL) {
        return syi_fail(err, SY_EINVAL, "unbufferize: nowhere to put the object");
    }
    *object = NULL;
    if (worker == NULL || type == NULL || (bytes == NULL && size > 0)) {
        return syi_fail(err, SY_EINVAL, "unbufferize: worker, type or bytes is NULL");
    }
    SY_TRY(syi_protobuf_object_new(worker, &o, err));
    sy_status status = syi_protobuf_object_read(o, type, bytes, size, read_one, err);
    if (status == SY_OK) {
        syi_protobuf_object_begin(o);
        status = syi_protobuf_object_make(o, &o->value, err);
    }
    if (status != SY_OK) {
        sy_protobuf_object_free(o);
        return status;
    }
    *object = o;
    return SY_OK;
}

const sy_value *sy_protobuf_object_get_value(const sy_protobuf_object *object)
{
    return &object->value;
}

const char *sy_protobuf_get_type(size_t index)
{
    return syi_protobuf_type_name(index);
}
