/*
 * raw_client.h - a client made of bytes: sends any frame to a worker, over the worker's own transport or
 * without one, and reads what it answers. For what no csyft client sends.
 */
#ifndef CSYFT_TESTS_RAW_CLIENT_H
#define CSYFT_TESTS_RAW_CLIENT_H

#include <string.h>

#include "core/surroundings.h"
#include "messaging/control.h"
#include "support/test.h"
#include "transport/inproc/inproc.h"
#include "workers/worker.h"

typedef struct raw_client {
    sy_context *context;
    syi_connection *connection;
    uint64_t last_id;
    syi_buffer body;   /* to fill for the next request */
    syi_message reply; /* of the last request */
    sy_error said;     /* what an ERROR said */
    uint8_t session[SYI_SESSION_SIZE], token[SYI_SESSION_SIZE];
    bool resumes, rests; /* to be said in the greeting */
    uint64_t received;   /* what the worker said then, and the next two */
    uint64_t rest_bytes, rest_check;
    uint32_t flags; /* of requests */
} raw_client;

#define RAW_PATIENCE UINT64_C(20000000000) /* sanitizers on a busy machine */

static inline uint64_t raw_deadline(const raw_client *c)
{
    return syi_clock_now(c->context) + RAW_PATIENCE;
}

/* `worker` is the serving one; `url` NULL: without a transport, on this thread. */
static inline void raw_open(raw_client *c, sy_context *context, sy_worker *worker, const char *url)
{
    sy_error err = SY_ERROR_INIT;
    memset(c, 0, sizeof *c);
    c->context = context;
    syi_buffer_init(&c->body, context, 64u << 20);
    syi_message_init(&c->reply, context, 64u << 20);
    if (url == NULL) {
        const syi_service service = syi_worker_service(worker);
        assert_ok(syi_inproc_pair(context, &c->connection, "raw", NULL, NULL, &service, &err),
                  &err);
    } else {
        const syi_connect_options options = {.limits = SYI_FRAME_LIMITS_DEFAULT,
                                             .deadline = raw_deadline(c)};
        assert_ok(syi_connect(context, &c->connection, url, &options, &err), &err);
    }
}

static inline void raw_close(raw_client *c)
{
    syi_connection_close(c->connection);
    syi_buffer_fini(&c->body);
    syi_message_fini(&c->reply);
}

static inline sy_status raw_send(raw_client *c, int kind, const void *body, size_t size)
{
    sy_error err = SY_ERROR_INIT;
    syi_message message;
    const syi_message *one = &message;
    syi_message_init(&message, c->context, 64u << 20);
    message.kind = (uint16_t)kind;
    message.id = ++c->last_id;
    message.flags = c->flags;
    syi_buffer_append(&message.body, body, size);
    assert_ok(syi_buffer_check(&message.body, "body", &err), &err);
    const sy_status status = syi_connection_send(c->connection, &one, 1, raw_deadline(c), &err);
    syi_message_fini(&message);
    return status;
}

/* SY_OK for an answer, what an ERROR says, or SY_ECLOSED. */
static inline sy_status raw_receive(raw_client *c)
{
    syi_message_clear(&c->reply);
    c->said = (sy_error)SY_ERROR_INIT;
    const sy_status status =
        syi_connection_receive(c->connection, &c->reply, raw_deadline(c), &c->said);
    if (status != SY_OK) {
        return status;
    }
    if (c->reply.kind != SYI_KIND_ERROR) {
        return SY_OK;
    }
    assert_int_equal(syi_error_decode(&c->said, c->reply.body.data, c->reply.body.length), SY_OK);
    return c->said.status;
}

static inline sy_status raw_request_bytes(raw_client *c, int kind, const void *body, size_t size)
{
    const sy_status status = raw_send(c, kind, body, size);
    if (status != SY_OK) {
        return status;
    }
    const sy_status answer = raw_receive(c);
    if (answer != SY_ECLOSED) {
        assert_int_equal(c->reply.id, c->last_id);
    }
    return answer;
}

/* With c->body, which is emptied. */
static inline sy_status raw_request(raw_client *c, int kind)
{
    assert_int_equal(c->body.status, SY_OK);
    const sy_status status = raw_request_bytes(c, kind, c->body.data, c->body.length);
    syi_buffer_clear(&c->body);
    return status;
}

/* `resume` (nullable): the session of another client to take up. */
static inline sy_status raw_greet(raw_client *c, const char *id, const raw_client *resume)
{
    sy_error err = SY_ERROR_INIT;
    syi_hello mine = {.wire_min = 1, .wire_max = 1, .body_max = 1 << 20, .segments_max = 16};
    syi_hello theirs;
    assert_ok(sy_id_parse(&mine.worker, id, &err), &err);
    memcpy(mine.library, "raw", 4);
    mine.resumes = c->resumes;
    mine.rests = c->rests;
    if (resume != NULL) {
        mine.has_session = true;
        memcpy(mine.session, resume->session, SYI_SESSION_SIZE);
        memcpy(mine.token, resume->token, SYI_SESSION_SIZE);
    }
    syi_hello_encode(&c->body, &mine);
    const sy_status status = raw_request(c, SYI_KIND_HELLO);
    if (status == SY_OK) {
        assert_int_equal(c->reply.kind, SYI_KIND_HELLO);
        assert_ok(syi_hello_decode(&theirs, c->reply.body.data, c->reply.body.length, &err), &err);
        assert_true(theirs.has_session);
        assert_int_equal(theirs.has_received, c->resumes);
        assert_int_equal(theirs.rests, c->rests);
        c->received = theirs.received;
        c->rest_bytes = theirs.rest_bytes;
        c->rest_check = theirs.rest_check;
        memcpy(c->session, theirs.session, SYI_SESSION_SIZE);
        memcpy(c->token, theirs.token, SYI_SESSION_SIZE);
    }
    return status;
}

/* Bodies of ordinary requests, appended to c->body. */

static inline void raw_put_text(raw_client *c, const char *text)
{
    syi_msgpack_write_str(&c->body, text, strlen(text));
}

/* [25, [nil, id, nil, attribute]]: an object of the receiver. */
static inline void raw_put_pointer(raw_client *c, int64_t id, const char *attribute)
{
    syi_msgpack_write_array(&c->body, 2);
    syi_msgpack_write_int(&c->body, SYI_CODE_POINTER);
    syi_msgpack_write_array(&c->body, 4);
    syi_msgpack_write_nil(&c->body);
    syi_msgpack_write_int(&c->body, id);
    syi_msgpack_write_nil(&c->body);
    syi_encode_text(&c->body, attribute);
}

/* A head of a list of `count` values. */
static inline void raw_put_list(raw_client *c, size_t count)
{
    syi_msgpack_write_array(&c->body, 2);
    syi_msgpack_write_int(&c->body, SYI_CODE_LIST);
    syi_msgpack_write_array(&c->body, count);
}

/* [dtype, [shape], bytes] of a float32 vector. */
static inline void raw_put_floats(raw_client *c, int64_t count, const float *values)
{
    syi_msgpack_write_array(&c->body, 3);
    raw_put_text(c, "float32");
    syi_msgpack_write_array(&c->body, 1);
    syi_msgpack_write_int(&c->body, count);
    syi_msgpack_write_bin(&c->body, values, (size_t)count * sizeof *values);
}

/* OBJECT: [id, tensor] of floats. */
static inline void raw_put_object(raw_client *c, int64_t id, int64_t count, const float *values)
{
    syi_msgpack_write_array(&c->body, 2);
    syi_msgpack_write_int(&c->body, id);
    syi_msgpack_write_array(&c->body, 2);
    syi_msgpack_write_int(&c->body, SYI_CODE_TENSOR);
    syi_msgpack_write_array(&c->body, 10);
    syi_msgpack_write_int(&c->body, id);
    raw_put_floats(c, count, values);
    for (int k = 0; k < 7;
         k++) { /* chain, gradient, tags, description, serializer, origin, id there */
        syi_msgpack_write_nil(&c->body);
    }
    syi_msgpack_write_bool(&c->body, false);
}

/* COMMAND: [name, [pointer, pointer], {}, [result]]. */
static inline void raw_put_command(raw_client *c, const char *name, int64_t a, int64_t b,
                                   int64_t result)
{
    syi_msgpack_write_array(&c->body, 4);
    raw_put_text(c, name);
    raw_put_list(c, 2);
    raw_put_pointer(c, a, NULL);
    raw_put_pointer(c, b, NULL);
    syi_msgpack_write_map(&c->body, 0);
    syi_msgpack_write_array(&c->body, 1);
    syi_msgpack_write_int(&c->body, result);
}

/* OBJECT_REQUEST: [id, keep]. */
static inline void raw_put_object_request(raw_client *c, int64_t id, bool keep)
{
    syi_msgpack_write_array(&c->body, 2);
    syi_msgpack_write_int(&c->body, id);
    syi_msgpack_write_bool(&c->body, keep);
}

/* IS_NONE and GET_SHAPE: [id, attribute]. */
static inline void raw_put_question(raw_client *c, int64_t id, const char *attribute)
{
    syi_msgpack_write_array(&c->body, 2);
    syi_msgpack_write_int(&c->body, id);
    syi_encode_text(&c->body, attribute);
}

/* DELETE: [[id, generation]]. */
static inline void raw_put_deletion(raw_client *c, int64_t id, uint64_t generation)
{
    const syi_deletion deletion = {sy_id_from_int(id), generation};
    syi_deletions_encode(&c->body, &deletion, 1);
}

/* WORKER_COMMAND: [name, [arguments]]; `count` arguments follow. */
static inline void raw_put_worker_command(raw_client *c, const char *name, size_t count)
{
    syi_msgpack_write_array(&c->body, 2);
    syi_encode_text(&c->body, name);
    raw_put_list(c, count);
}

#endif
