/*
 * plan_serialize.c - plans as bytes: csyft's own form, or what PySyft's serialize() writes. Part of plan.h. Tests:
 * plan_pysyft_test.c, tests/cli/plan.py, tests/interop/pysyft_plans.py; fuzz: tensor, pysyft.
 */
#include <string.h>

#include <csyft/protobuf.h>

#include "core/error.h"
#include "core/memory.h"
#include "execution/plan.h"
#include "pysyft/envelope.h"
#include "pysyft/plans.h"
#include "workers/resolve.h"

/* Writing */

static sy_status give(sy_context *context, const syi_buffer *from, void **bytes, size_t *size,
                      sy_error *err)
{
    *bytes = syi_alloc(context, from->length);
    if (*bytes == NULL) {
        return SYI_ENOMEM(err, "serialized plan");
    }
    memcpy(*bytes, from->data, from->length);
    *size = from->length;
    return SY_OK;
}

/* In the words of csyft.v1, as a message would have it. */
static sy_status encode(sy_tensor *object, syi_message *message, sy_error *err)
{
    syi_encoder encoder = {
        .hook = object->hook, .out = &message->body, .message = message, .copy = true};
    SY_TRY(syi_node_before_travel(object->node, err));
    SY_TRY(syi_encode_tensor(&encoder, object, err));
    return syi_buffer_check(&message->body, "serialized plan", err);
}

static sy_status write_pysyft(sy_tensor *object, syi_pysyft_layout layout, void **bytes,
                              size_t *size, sy_error *err)
{
    sy_context *context = object->hook->context;
    syi_message message, plain;
    syi_buffer body;
    syi_pysyft_writer writer;
    syi_message_init(&message, context, SYI_PYSYFT_BODY_MAX);
    syi_message_init(&plain, context, SYI_PLAIN_MAX);
    syi_buffer_init(&body, context, SYI_PYSYFT_BODY_MAX);
    sy_status status = encode(object, &message, err);
    if (status == SY_OK) {
        syi_pysyft_writer_init(&writer, context, &message, &body, false);
        writer.ops = object->hook->ops;
        writer.layout = layout;
        status = syi_pysyft_write_value(&writer, err);
    }
    if (status == SY_OK) {
        status =
            syi_pysyft_seal(body.data, body.length, SYI_PYSYFT_LZ4, SYI_PLAIN_BINARY, &plain, err);
    }
    if (status == SY_OK) {
        status = give(context, &plain.body, bytes, size, err);
    }
    syi_buffer_fini(&body);
    syi_message_fini(&plain);
    syi_message_fini(&message);
    return status;
}

sy_status sy_plan_serialize(sy_plan *plan, sy_plan_format format, void **bytes, size_t *size,
                            sy_error *err)
{
    if (plan == NULL || bytes == NULL || size == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_plan_serialize: plan, bytes or size are NULL");
    }
    sy_tensor *object = syi_plan_get_object(plan);
    *bytes = NULL;
    *size = 0;
    switch (format) {
    case SY_PLAN_CSYFT:
        return sy_tensor_serialize(object, bytes, size, err);
    case SY_PLAN_PYSYFT_0_2_9:
        return write_pysyft(object, SYI_PYSYFT_0_2_9, bytes, size, err);
    case SY_PLAN_PYSYFT_0_2_4:
        return write_pysyft(object, SYI_PYSYFT_0_2_4, bytes, size, err);
    case SY_PLAN_PROTOBUF:
        return sy_plan_bufferize(plan, bytes, size, err);
    default:
        return syi_fail(err, SY_EINVAL, "plan %s: %d is no format of plans", sy_plan_get_name(plan),
                        (int)format);
    }
}

/* Reading */

/* A message Plan begins with its id, field 1; no scheme of compression has this number. */
#define PROTOBUF_ID 0x0a

/* csyft's bytes begin with the pair of a tensor, PySyft's with that of a plan; only they are compressed. */
static bool is_pysyft(const uint8_t *bytes, size_t size)
{
    return size > 0 && (bytes[0] == SYI_PYSYFT_LZ4 || bytes[0] == SYI_PYSYFT_ZLIB ||
                        (bytes[0] == SYI_PYSYFT_NONE && size > 2 && bytes[2] == SYI_PYSYFT_PLAN));
}

static sy_status decode(sy_hook *hook, sy_tensor **object, syi_message *message, sy_error *err)
{
    syi_decoder decoder;
    syi_decoder_init(&decoder, hook, hook->local_worker, message);
    syi_resolve_without_strand(&decoder);
    const sy_status status = syi_decode_tensor(&decoder, object, err);
    syi_decoder_fini(&decoder);
    return status;
}

static sy_status read_unfolded(sy_hook *hook, sy_tensor **object, const syi_buffer *body,
                               sy_error *err)
{
    syi_message message;
    syi_pysyft_reader reader;
    syi_msgpack_cursor at;
    syi_message_init(&message, hook->context, 2 * SYI_PYSYFT_BODY_MAX);
    syi_pysyft_reader_init(&reader, hook->context, body->data, body->length, &message, NULL);
    syi_msgpack_cursor_init(&at, body->data, body->length, SYI_MSGPACK_DEPTH_MAX, 0);
    sy_status status = syi_msgpack_skip(&at, err);
    if (status == SY_OK && at.next != at.end) {
        status = syi_fail(err, SY_EFORMAT, "deserialize: bytes behind the plan");
    }
    if (status == SY_OK) {
        status = syi_pysyft_read_plan(&reader, body->data, body->length, err);
    }
    if (status == SY_OK) {
        status = decode(hook, object, &message, err);
    }
    syi_message_fini(&message);
    return status;
}

static sy_status read_pysyft(sy_hook *hook, sy_tensor **object, const void *bytes, size_t size,
                             sy_error *err)
{
    syi_message plain;
    syi_buffer body;
    syi_message_init(&plain, hook->context, SYI_PLAIN_MAX);
    syi_buffer_init(&body, hook->context, SYI_PYSYFT_BODY_MAX);
    plain.kind = SYI_PLAIN_BINARY;
    syi_buffer_append(&plain.body, bytes, size);
    sy_status status = syi_buffer_check(&plain.body, "serialized plan", err);
    if (status == SY_OK) {
        status = syi_pysyft_open(hook->context, &plain, &body, err);
    }
    if (status == SY_OK) {
        status = read_unfolded(hook, object, &body, err);
    }
    syi_buffer_fini(&body);
    syi_message_fini(&plain);
    return status;
}

sy_status sy_plan_deserialize(sy_hook *hook, sy_plan **plan, const void *bytes, size_t size,
                              sy_error *err)
{
    sy_tensor *object = NULL;
    if (hook == NULL || plan == NULL || bytes == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_plan_deserialize: hook, plan or bytes are NULL");
    }
    *plan = NULL;
    if (size > 0 && *(const uint8_t *)bytes == PROTOBUF_ID) {
        return sy_plan_unbufferize(hook, plan, bytes, size, err);
    }
    SY_TRY(is_pysyft(bytes, size) ? read_pysyft(hook, &object, bytes, size, err)
                                  : sy_tensor_deserialize(hook, &object, bytes, size, err));
    const sy_status status = syi_plan_from_object(plan, object, err);
    if (status != SY_OK) {
        sy_tensor_unref(object);
    }
    return status;
}
