/*
 * protocol_wire.c - protocols on the wire: [24, [revision, [[name, nil, plan] or [name, worker, id of the plan there], ...]]],
 * described in docs/reference/wire.md. What comes in may come from anybody: workers are those that are known here, what is
 * said to be a plan here is one, and a plan elsewhere is asked for when it is run. Part of protocol.h. Tests:
 * protocol_test.c; fuzz: serde.
 */
#include <string.h>

#include "core/error.h"
#include "execution/plan.h"
#include "execution/protocol.h"
#include "interpreters/pointer.h"
#include "serde/serde.h"

#define REVISION 1

/* A plan that is deployed is named; whoever gets the protocol owns nothing of it. */
static sy_status write_stage(syi_encoder *encoder, const syi_protocol_stage *stage, sy_error *err)
{
    syi_buffer *out = encoder->out;
    syi_msgpack_write_array(out, 3);
    syi_msgpack_write_str(out, stage->name, strlen(stage->name));
    if (stage->worker == NULL) {
        const bool copy = encoder->copy;
        syi_msgpack_write_nil(out);
        encoder->copy = true; /* of a pointer: the duty to delete stays */
        const sy_status status = syi_encode_tensor(encoder, stage->plan, err);
        encoder->copy = copy;
        return status;
    }
    const syi_pointer *pointer = syi_pointer_of(stage->plan);
    const sy_id id = pointer != NULL ? pointer->id_at_location : sy_tensor_get_id(stage->plan);
    syi_encode_id(out, &stage->worker->id);
    syi_encode_id(out, &id);
    return SY_OK;
}

sy_status syi_protocol_simplify(syi_node *node, syi_encoder *encoder, sy_error *err)
{
    const syi_protocol_body *body = ((const syi_protocol_node *)node)->body;
    syi_buffer *out = encoder->out;
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_int(out, SYI_CODE_PROTOCOL);
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_int(out, REVISION);
    syi_msgpack_write_array(out, body->count);
    for (size_t k = 0; k < body->count; k++) {
        SY_TRY(write_stage(encoder, &body->stages[k], err));
    }
    return syi_buffer_check(out, "protocol", err);
}

static sy_status bad(size_t index, const char *what, sy_error *err)
{
    return syi_fail(err, SY_EFORMAT, "message: plan %zu of a protocol %s", index + 1, what);
}

static sy_status find_worker(syi_decoder *decoder, const sy_id *id, sy_worker **worker,
                             sy_error *err)
{
    char text[72];
    *worker = syi_directory_find(decoder->hook, id);
    if (*worker != NULL) {
        return SY_OK;
    }
    return syi_fail_object(err, SY_ENOTFOUND, sy_id_format(id, text, sizeof text),
                           "worker %s of a protocol is not known at worker %s; introduce it first",
                           text, decoder->worker != NULL ? decoder->worker->name : "here");
}

static sy_status check_plan(size_t index, const sy_tensor *plan, sy_error *err)
{
    const syi_pointer *pointer = syi_pointer_of(plan);
    if (pointer == NULL && syi_plan_body_of(plan) == NULL) {
        return bad(index, "is no plan", err);
    }
    return pointer != NULL && pointer->attribute != NULL ? bad(index, "is an attribute", err)
                                                         : SY_OK;
}

/* The plan under that id at the worker: here the object itself, elsewhere a pointer that owns nothing. */
static sy_status find_plan(syi_decoder *decoder, const sy_id *at, sy_worker **worker,
                           sy_tensor **plan, sy_error *err)
{
    sy_id id = SY_ID_INIT;
    syi_pointer *pointer = NULL;
    SY_TRY(find_worker(decoder, at, worker, err));
    SY_TRY(syi_decode_id(decoder, &id, err));
    if (sy_id_is_none(&id)) {
        return syi_fail(err, SY_EFORMAT, "message: a plan of a protocol has no id");
    }
    if (decoder->is_here != NULL && decoder->is_here(decoder, at)) {
        return decoder->resolve(decoder, &id, NULL, plan, err);
    }
    SY_TRY(syi_pointer_new(decoder->hook, &pointer, decoder->worker, *worker, &id, err));
    atomic_store(&pointer->collect, false);
    SY_TRY(syi_tensor_wrap(decoder->hook, plan, &pointer->base, err));
    (*plan)->owner = decoder->worker;
    return SY_OK;
}

static sy_status read_stage(syi_decoder *decoder, syi_protocol_body *body, size_t index,
                            sy_error *err)
{
    char name[SYI_PROTOCOL_NAME_MAX + 1];
    const char *text = NULL;
    size_t length = 0;
    sy_id id = SY_ID_INIT;
    sy_worker *worker = NULL;
    sy_tensor *plan = NULL;
    SY_TRY(syi_msgpack_read_tuple(&decoder->cursor, 3, "plan of a protocol", err));
    SY_TRY(syi_msgpack_read_str(&decoder->cursor, &text, &length, err));
    if (length == 0 || length > SYI_PROTOCOL_NAME_MAX || memchr(text, '\0', length) != NULL) {
        return bad(index, "has a name that cannot be one", err);
    }
    memcpy(name, text, length);
    name[length] = '\0';
    SY_TRY(syi_decode_id(decoder, &id, err));
    SY_TRY(sy_id_is_none(&id) ? syi_decode_tensor(decoder, &plan, err)
                              : find_plan(decoder, &id, &worker, &plan, err));
    sy_status status = check_plan(index, plan, err);
    if (status == SY_OK) {
        status = syi_protocol_body_set(body, index, name, worker, plan, err);
    }
    sy_tensor_unref(plan);
    syi_msgpack_leave(&decoder->cursor);
    return status;
}

static sy_status read_body(syi_decoder *decoder, syi_protocol_body **body, sy_error *err)
{
    int64_t revision = 0;
    size_t count = 0;
    SY_TRY(syi_msgpack_read_tuple(&decoder->cursor, 2, "protocol", err));
    SY_TRY(syi_msgpack_read_int(&decoder->cursor, &revision, err));
    if (revision != REVISION) {
        return syi_fail(err, SY_ENOTSUP, "message: a protocol of revision %lld; %d is known here",
                        (long long)revision, REVISION);
    }
    SY_TRY(syi_msgpack_read_array(&decoder->cursor, &count, err));
    SY_TRY(syi_protocol_body_new(decoder->hook, body, count, err));
    for (size_t k = 0; k < count; k++) {
        SY_TRY(read_stage(decoder, *body, k, err));
    }
    syi_msgpack_leave(&decoder->cursor);
    syi_msgpack_leave(&decoder->cursor);
    return SY_OK;
}

sy_status syi_protocol_detail(syi_decoder *decoder, syi_node **node, sy_error *err)
{
    syi_protocol_body *body = NULL;
    sy_status status = read_body(decoder, &body, err);
    if (status == SY_OK) {
        status = syi_protocol_node_new(body, node, err);
    }
    if (status != SY_OK) {
        syi_protocol_body_unref(body);
    }
    return status;
}
