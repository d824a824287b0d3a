/* client.c - a connection to a PySyft server that looks like one of csyft.v1. */
#include "pysyft/client.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <csyft/version.h>

#include "core/memory.h"
#include "core/surroundings.h"
#include "messaging/control.h"
#include "pysyft/envelope.h"
#include "pysyft/questions.h"
#include "serde/codes.h"
#include "transport/transport_class.h"

/* An answer that is awaited. They come in the order of their questions. */
typedef struct expected {
    struct expected *next;
    bool local; /* `reply` is it */
    syi_pysyft_question question;
    syi_message reply;
} expected;

typedef struct client {
    syi_connection base; /* first */
    syi_connection *plain;
    sy_id worker;
    const syi_ops *ops;
    syi_account *account; /* nullable */

    pthread_mutex_t lock; /* guards the queue */
    expected *first, *last;
} client;

bool syi_pysyft_url_parse(syi_pysyft_url *parsed, const char *url)
{
    const size_t prefix = sizeof SYI_PYSYFT_URL - 1;
    if (strncmp(url, SYI_PYSYFT_URL, prefix) != 0) {
        return false;
    }
    url += prefix;
    const char *slashes = strstr(url, "://");
    const char *host = slashes != NULL ? slashes + 3 : url;
    const char *at = strchr(host, '@');
    at = at != NULL && at < host + strcspn(host, "/") ? at : NULL;
    const size_t id = at != NULL ? (size_t)(at - host) : 0;
    const int length = snprintf(parsed->url, sizeof parsed->url, "%.*s%s", (int)(host - url), url,
                                at != NULL ? at + 1 : host);
    snprintf(parsed->id, sizeof parsed->id, "%.*s", (int)id, host);
    return id < sizeof parsed->id && length > 0 && (size_t)length < sizeof parsed->url;
}

static expected *expected_new(client *c)
{
    expected *e = syi_alloc(c->base.context, sizeof *e);
    if (e != NULL) {
        syi_message_init(&e->reply, c->base.context, SYI_PYSYFT_BODY_MAX);
    }
    return e;
}

static void expected_free(client *c, expected *e)
{
    syi_message_fini(&e->reply);
    syi_free(c->base.context, e, sizeof *e);
}

static void put_expected(client *c, expected *e)
{
    pthread_mutex_lock(&c->lock);
    if (c->last != NULL) {
        c->last->next = e;
    } else {
        c->first = e;
    }
    c->last = e;
    pthread_mutex_unlock(&c->lock);
}

static expected *first_expected(client *c)
{
    pthread_mutex_lock(&c->lock);
    expected *e = c->first;
    pthread_mutex_unlock(&c->lock);
    return e;
}

static void drop_first(client *c)
{
    pthread_mutex_lock(&c->lock);
    expected *e = c->first;
    c->first = e->next;
    if (c->first == NULL) {
        c->last = NULL;
    }
    pthread_mutex_unlock(&c->lock);
    expected_free(c, e);
}

/* Sending (one thread at a time, says the link) */

/* Sends the body; the answer's place in the queue is `e`, which is taken. */
static sy_status send_body(client *c, const syi_buffer *body, expected *e, uint64_t deadline,
                           sy_error *err)
{
    syi_message plain;
    const syi_message *one = &plain;
    syi_message_init(&plain, c->base.context, SYI_PLAIN_MAX);
    sy_status status =
        syi_pysyft_seal(body->data, body->length, SYI_PYSYFT_LZ4, SYI_PLAIN_TEXT, &plain, err);
    if (status != SY_OK) {
        expected_free(c, e);
    } else {
        put_expected(c, e); /* before its answer can come */
        status = syi_connection_send(c->plain, &one, 1, deadline, err);
        if (status != SY_OK) { /* answers cannot be told apart any more */
            syi_connection_shut(c->plain);
        }
        syi_traffic_add(&c->base.traffic.frames_sent, 1);
        syi_traffic_add(&c->base.traffic.bytes_sent, plain.body.length);
    }
    syi_message_fini(&plain);
    return status;
}

/* An answer that nobody waits for. */
static sy_status send_silent(client *c, const syi_buffer *body, uint64_t deadline, sy_error *err)
{
    expected *e = expected_new(c);
    if (e == NULL) {
        return SYI_ENOMEM(err, "request");
    }
    e->question.silent = true;
    return send_body(c, body, e, deadline, err);
}

/* What the original's client says first. */
static sy_status send_log_msgs(client *c, uint64_t deadline, sy_error *err)
{
    syi_buffer body;
    syi_buffer_init(&body, c->base.context, 1024);
    syi_pysyft_put_pair(&body, SYI_PYSYFT_WORKER_COMMAND, 2);
    syi_pysyft_put_text(&body, "_log_msgs");
    syi_pysyft_put_pair(&body, SYI_CODE_TUPLE, 3);
    syi_pysyft_put_pair(&body, SYI_CODE_TUPLE, 0);
    syi_pysyft_put_pair(&body, SYI_CODE_DICT, 1);
    syi_msgpack_write_array(&body, 2);
    syi_pysyft_put_text(&body, "value");
    syi_msgpack_write_bool(&body, false);
    syi_pysyft_put_pair(&body, SYI_CODE_LIST, 0);
    const sy_status status = send_silent(c, &body, deadline, err);
    syi_buffer_fini(&body);
    return status;
}

/* HELLO: the server does not greet. Its sessions are all one, so that a new connection takes the old one up. */
static void answer_hello(client *c, const syi_message *message, expected *e)
{
    const syi_frame_limits limits = SYI_FRAME_LIMITS_DEFAULT;
    syi_hello hello = {.wire_min = SY_WIRE_REVISION_MIN,
                       .wire_max = SY_WIRE_REVISION_MAX,
                       .worker = c->worker,
                       .has_session = true,
                       .body_max = limits.body_max,
                       .segments_max = limits.segments_max};
    memcpy(hello.session, "pysyft", 6);
    memcpy(hello.library, "pysyft", 7);
    e->local = true;
    e->reply.kind = SYI_KIND_HELLO;
    e->reply.id = message->id;
    e->reply.trace = message->trace;
    syi_hello_encode(&e->reply.body, &hello);
}

static void answer_error(const syi_message *message, const sy_error *why, expected *e)
{
    e->local = true;
    syi_message_clear(&e->reply);
    e->reply.kind = SYI_KIND_ERROR;
    e->reply.id = message->id;
    e->reply.trace = message->trace;
    syi_error_encode(&e->reply.body, why);
}

/* get without taking away: PySyft makes a copy first. */
static sy_status send_copy(client *c, const sy_id *object, sy_id *fresh, uint64_t deadline,
                           sy_error *err)
{
    uint64_t drawn = 0;
    syi_buffer body;
    SY_TRY(syi_random_bytes(c->base.context, &drawn, sizeof drawn, err));
    *fresh = sy_id_from_int((int64_t)(drawn % UINT64_C(100000000000)));
    syi_buffer_init(&body, c->base.context, 4096);
    sy_status status = syi_pysyft_write_copy(object, fresh, &c->worker, &body, err);
    if (status == SY_OK) {
        status = send_silent(c, &body, deadline, err);
    }
    syi_buffer_fini(&body);
    return status;
}

static bool keeps(const syi_message *message)
{
    return message->kind == SYI_KIND_OBJECT_REQUEST && !(message->flags & SYI_FLAG_PLAN) &&
           message->body.length > 0 && message->body.data[message->body.length - 1] == 0xc3;
}

static sy_status ask_for_fresh(const sy_id *fresh, syi_buffer *body, sy_error *err)
{
    syi_buffer_clear(body);
    syi_pysyft_put_pair(body, SYI_PYSYFT_OBJECT_REQUEST, 3);
    syi_encode_id(body, fresh);
    syi_msgpack_write_nil(body);
    syi_pysyft_put_text(body, "");
    return syi_buffer_check(body, "message", err);
}

static sy_status send_one(client *c, const syi_message *message, uint64_t deadline, sy_error *err)
{
    sy_error failed = SY_ERROR_INIT;
    syi_buffer body;
    bool local = false;
    expected *e = expected_new(c);
    if (e == NULL) {
        return SYI_ENOMEM(err, "request");
    }
    if (message->kind == SYI_KIND_HELLO) {
        answer_hello(c, message, e);
        put_expected(c, e);
        return send_log_msgs(c, deadline, err);
    }
    syi_buffer_init(&body, c->base.context, SYI_PYSYFT_BODY_MAX);
    sy_status status = syi_pysyft_write_question(c->base.context, message, &c->worker, c->ops,
                                                 &e->question, &local, &body, &failed);
    if (status == SY_OK && keeps(message)) {
        sy_id fresh = SY_ID_INIT;
        status = send_copy(c, &e->question.object, &fresh, deadline, &failed);
        if (status == SY_OK) {
            status = ask_for_fresh(&fresh, &body, &failed);
        }
    }
    if (status != SY_OK || local) { /* it can be answered without asking */
        if (status != SY_OK) {
            answer_error(message, &failed, e);
        } else {
            e->local = true;
            e->reply.kind = SYI_KIND_REPLY;
            e->reply.id = message->id;
            e->reply.trace = message->trace;
            syi_buffer_append(&e->reply.body, body.data, body.length);
        }
        if (message->kind == SYI_KIND_DELETE) {
            expected_free(c, e);
        } else {
            put_expected(c, e);
        }
        status = SY_OK;
    } else {
        status = send_body(c, &body, e, deadline, err);
    }
    syi_buffer_fini(&body);
    return status;
}

static sy_status client_send(syi_connection *base, const syi_message *const *messages, size_t count,
                             uint64_t deadline, sy_error *err)
{
    for (size_t k = 0; k < count; k++) {
        SY_TRY(send_one((client *)base, messages[k], deadline, err));
    }
    return SY_OK;
}

/* Receiving (one thread at a time) */

static sy_status break_off(client *c, sy_status status)
{
    syi_connection_shut(c->plain);
    return status;
}

static sy_status read_answer(client *c, const expected *e, const syi_message *plain,
                             syi_message *message, sy_error *err)
{
    syi_buffer body;
    syi_buffer_init(&body, c->base.context, SYI_PYSYFT_BODY_MAX);
    sy_status status = syi_pysyft_open(c->base.context, plain, &body, err);
    if (status == SY_OK && !e->question.silent) {
        status = syi_pysyft_read_reply(c->base.context, body.data, body.length, &e->question,
                                       &c->worker, c->account, message, err);
        if (status != SY_OK) { /* the stream is whole; only this answer makes no sense */
            sy_error why = SY_ERROR_INIT;
            syi_fail(&why, SY_EPROTO, "an answer that makes no sense: %s",
                     err != NULL ? err->message : "");
            syi_message_clear(message);
            message->kind = SYI_KIND_ERROR;
            message->id = e->question.id;
            message->trace = e->question.trace;
            syi_error_encode(&message->body, &why);
            status = SY_OK;
        }
    } else if (status != SY_OK) {
        status = break_off(c, status);
    }
    syi_buffer_fini(&body);
    return status;
}

static sy_status client_receive(syi_connection *base, syi_message *message, uint64_t deadline,
                                sy_error *err)
{
    client *c = (client *)base;
    for (;;) {
        syi_message plain;
        expected *e = first_expected(c);
        if (e != NULL && e->local) {
            syi_message_take(message, &e->reply);
            drop_first(c);
            return SY_OK;
        }
        syi_message_init(&plain, c->base.context, SYI_PLAIN_MAX);
        c->plain->glancing = c->base.glancing;
        sy_status status = syi_connection_receive(c->plain, &plain, deadline, err);
        e = first_expected(c);
        if (status == SY_OK && (e == NULL || e->local)) {
            status =
                break_off(c, syi_fail(err, SY_EPROTO, "%s: an answer to no question", c->base.url));
        }
        const bool silent = e != NULL && e->question.silent;
        if (status == SY_OK) {
            syi_traffic_add(&c->base.traffic.frames_received, 1);
            syi_traffic_add(&c->base.traffic.bytes_received, plain.body.length);
            status = read_answer(c, e, &plain, message, err);
            drop_first(c);
        }
        syi_message_fini(&plain);
        if (status != SY_OK || !silent) {
            return status;
        }
    }
}

/* Life */

static bool client_is_open(syi_connection *base)
{
    return syi_connection_is_open(((client *)base)->plain);
}

static void client_shut(syi_connection *base)
{
    syi_connection_shut(((client *)base)->plain);
}

static void client_close(syi_connection *base)
{
    client *c = (client *)base;
    syi_connection_close(c->plain);
    while (c->first != NULL) {
        drop_first(c);
    }
    pthread_mutex_destroy(&c->lock);
    syi_free(c->base.context, c, sizeof *c);
}

static const syi_connection_class client_class = {
    .send = client_send,
    .receive = client_receive,
    .is_open = client_is_open,
    .shut = client_shut,
    .close = client_close,
};

sy_status syi_pysyft_connect(sy_context *context, syi_connection **connection, const char *url,
                             const sy_id *worker, const syi_ops *ops,
                             const syi_connect_options *options, sy_error *err)
{
    syi_connect_options plain = *options;
    plain.plain = true;
    *connection = NULL;
    if (sy_id_is_none(worker)) {
        return syi_fail_object(err, SY_EINVAL, url,
                               "%s: a PySyft server does not say who it is; give its id", url);
    }
    client *c = syi_alloc(context, sizeof *c);
    if (c == NULL) {
        return SYI_ENOMEM(err, "connection");
    }
    c->base.klass = &client_class;
    c->base.context = context;
    snprintf(c->base.url, sizeof c->base.url, "%s%s", SYI_PYSYFT_URL, url);
    c->worker = *worker;
    c->ops = ops;
    c->account = options->account;
    pthread_mutex_init(&c->lock, NULL);
    const sy_status status = syi_connect(context, &c->plain, url, &plain, err);
    if (status != SY_OK) {
        pthread_mutex_destroy(&c->lock);
        syi_free(context, c, sizeof *c);
        return status;
    }
    *connection = &c->base;
    return SY_OK;
}
