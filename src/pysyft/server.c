/* server.c - a session of the PySyft dialect: its queue, and the request that is being answered. */
#include "pysyft/server.h"

#include <stdio.h>
#include <string.h>

#include <csyft/version.h>

#include "core/memory.h"
#include "core/surroundings.h"
#include "messaging/control.h"
#include "pysyft/answers.h"
#include "pysyft/envelope.h"
#include "serde/codes.h"
#include "transport/journal.h"
#include "transport/transport_class.h"

#define QUEUE_PAUSE 8                    /* requests waiting before reading stops */
#define LARGE ((size_t)256 * 1024)       /* from here on a request is unpacked on the pool */
#define CLOSE_MS 1000                    /* for the goodbye */
#define UNFOLD_LEAST ((uint64_t)1 << 20) /* what a small limit of messages lets unfold */

typedef struct queued {
    struct queued *next;
    syi_message message;
} queued;

typedef struct session {
    syi_peer base; /* what the worker's session holds; first */
    sy_context *context;
    syi_service inner;
    void *worker_session;
    syi_peer *peer; /* the real one */
    char name[64];
    syi_account *account; /* the worker's; nullable */
    syi_journal *journal; /* the same */
    uint64_t message_max; /* 0: the default */

    /* Of whom handles the request: who set `pumping`, and while `waiting` who brings the answer. */
    syi_pysyft_voice voice;
    syi_pysyft_request request;
    syi_buffer body; /* the request's MessagePack, for a second try */
    syi_buffer out;  /* its answer's */
    uint16_t kind;   /* text or binary: answers are as the request */
    uint64_t size;   /* of the request as it came, for the journal; 0: it has been noted */
    bool greeting;   /* the worker is told of the client, which knows nothing of that */
    bool opaque;     /* this is the second try */
    bool collecting; /* the results of a command, one after the other */
    sy_id results[SYI_OUTPUT_MAX];
    size_t result_count, result_next;

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t idle;
    queued *first, *last;
    unsigned length;
    bool paused;
    bool pumping; /* a thread is at work on the queue */
    bool waiting; /* for the worker's answer */
    bool again;   /* the request goes on with another question to the worker */
    bool stopped; /* nothing more is handled */
} session;

static void pump(session *s, bool large);

/* Giving up */

static void drop_queue(session *s)
{
    pthread_mutex_lock(&s->lock);
    queued *first = s->first;
    s->first = NULL;
    s->last = NULL;
    s->length = 0;
    s->stopped = true;
    pthread_mutex_unlock(&s->lock);
    while (first != NULL) {
        queued *next = first->next;
        syi_message_fini(&first->message);
        syi_free(s->context, first, sizeof *first);
        first = next;
    }
}

static void give_up(session *s, const char *sentence)
{
    syi_log(s->context, SY_LOG_WARNING, "pysyft", s->name, 0,
            "%s from %s has no answer in PySyft's protocol, and its connection is closed: %s",
            syi_pysyft_message_name(s->request.code), s->base.address, sentence);
    drop_queue(s);
    syi_peer_close(s->peer, CLOSE_MS);
}

/* One line for the journal. */
static void note(session *s, bool received, const char *kind, uint64_t size)
{
    if (!syi_journal_is_open(s->journal)) {
        return;
    }
    syi_journal_entry entry = {.received = received, .size = size};
    snprintf(entry.kind, sizeof entry.kind, "%s", kind);
    snprintf(entry.peer, sizeof entry.peer, "pysyft");
    snprintf(entry.address, sizeof entry.address, "%.*s", (int)sizeof entry.address - 1,
             s->base.address);
    syi_journal_note(s->journal, &entry);
}

/* Once it is known what the request is, or that nobody can tell. */
static void note_request(session *s)
{
    if (s->size != 0) {
        note(s, true, syi_pysyft_message_name(s->request.code), s->size);
        s->size = 0;
    }
}

/* Answering */

static sy_status send_out(session *s, sy_error *err)
{
    syi_message plain;
    syi_message_init(&plain, s->context, SYI_PLAIN_MAX);
    sy_status status =
        syi_pysyft_seal(s->out.data, s->out.length, SYI_PYSYFT_LZ4, s->kind, &plain, err);
    if (status == SY_OK) {
        note(s, false, "answer", plain.body.length);
        status = syi_peer_send(s->peer, &plain, err);
    }
    syi_message_fini(&plain);
    syi_buffer_fini(&s->out); /* answers may be large, and are rare */
    syi_buffer_init(&s->out, s->context, SYI_PYSYFT_BODY_MAX);
    return status;
}

static sy_status answer_none(session *s, sy_error *err)
{
    syi_msgpack_write_nil(&s->out);
    return send_out(s, err);
}

/* The next step of the request, if it has one; *done otherwise, with the answer in s->out. */
static sy_status take_reply(session *s, const syi_message *reply, bool *done, sy_error *err)
{
    *done = true;
    if (s->collecting) {
        SY_TRY(syi_pysyft_write_object(&s->voice, reply, &s->out, err));
        *done = ++s->result_next == s->result_count;
        return SY_OK;
    }
    if (s->request.answer == SYI_PYSYFT_ANSWERS_COMMAND && s->request.return_value) {
        SY_TRY(syi_pysyft_read_results(reply, s->results, SYI_OUTPUT_MAX, &s->result_count, err));
        if (s->result_count > 0 && s->result_count <= s->request.return_count) {
            if (s->result_count > 1) {
                syi_pysyft_put_pair(&s->out, SYI_CODE_TUPLE, s->result_count);
            }
            s->collecting = true;
            *done = false;
            return SY_OK;
        }
    }
    return syi_pysyft_write_answer(&s->voice, &s->request, reply, &s->out, err);
}

/* An object that this worker has no type for, or that points to workers it does not know, is kept as it came. */
static bool may_be_opaque(const session *s, sy_status why)
{
    const bool unknown = why == SY_ENOTSUP || why == SY_ENOTFOUND;
    return s->request.stores && !s->opaque &&
           (unknown || (s->request.saw_plan && why == SY_EINVAL));
}

static sy_status take_error(session *s, const syi_message *reply, bool *done, sy_error *err)
{
    sy_error said;
    SY_TRY(syi_error_decode(&said, reply->body.data, reply->body.length));
    *done = true;
    if (s->greeting) { /* it is not let in, and has asked for nothing yet */
        if (err != NULL) {
            *err = said;
        }
        return said.status != SY_OK ? said.status : SY_EREMOTE;
    }
    if (may_be_opaque(s, said.status)) {
        s->opaque = true;
        *done = false;
        return SY_OK;
    }
    if (said.status == SY_EPERM) {
        syi_buffer_clear(&s->out);
        return syi_pysyft_write_refusal(syi_pysyft_message_name(s->request.code), said.message,
                                        &s->out, err);
    }
    if (err != NULL) {
        *err = said;
    }
    return said.status != SY_OK ? said.status : SY_EREMOTE;
}

/* The worker answers. Any thread. What cannot be sent is told to the worker, which then takes the command back. */
static sy_status proxy_send(syi_peer *base, syi_message *message, sy_error *err)
{
    session *s = (session *)base;
    bool done = true;
    sy_error failed = SY_ERROR_INIT;
    sy_status status = SY_OK;
    const bool error = message->kind == SYI_KIND_ERROR;
    if (message->kind == SYI_KIND_HELLO) {
        syi_message_clear(message);
        return SY_OK;
    }
    status =
        error ? take_error(s, message, &done, &failed) : take_reply(s, message, &done, &failed);
    syi_message_clear(message);
    if (status == SY_OK && done) {
        status = send_out(s, &failed);
    }
    if (status != SY_OK) {
        give_up(s, failed.message);
    }
    pthread_mutex_lock(&s->lock);
    s->waiting = false;
    s->again = !done && status == SY_OK;
    pthread_mutex_unlock(&s->lock);
    pump(s, false);
    if (status == SY_OK || error) {
        return SY_OK;
    }
    return syi_fail(err, SY_ECLOSED, "%s", failed.message);
}

/* Asking */

/* Hands the request's next question to the worker. After `received` the request belongs to who brings the answer. */
static sy_status ask(session *s, syi_message *message, sy_error *err)
{
    if (s->collecting) {
        SY_TRY(syi_pysyft_ask_for_copy(&s->results[s->result_next], message, err));
    } else {
        const sy_status status =
            syi_pysyft_read_request(s->context, s->body.data, s->body.length, s->opaque, s->account,
                                    &s->request, message, err);
        note_request(s);
        SY_TRY(status);
        s->voice.all = s->request.saw_tensor ? s->request.all : s->voice.all;
    }
    if (!s->request.asks) {
        return answer_none(s, err);
    }
    const bool answered = s->request.answered;
    pthread_mutex_lock(&s->lock);
    s->waiting = answered;
    pthread_mutex_unlock(&s->lock);
    s->inner.received(s->worker_session, message);
    return answered ? SY_OK : answer_none(s, err);
}

static void go_on(session *s)
{
    syi_message message;
    sy_error err = SY_ERROR_INIT;
    syi_message_init(&message, s->context, SYI_PYSYFT_BODY_MAX);
    if (ask(s, &message, &err) != SY_OK) {
        give_up(s, err.message);
    }
    syi_message_fini(&message);
}

static void begin(session *s, const syi_message *plain)
{
    sy_error err = SY_ERROR_INIT;
    size_t most = SYI_PYSYFT_BODY_MAX;
    if (s->message_max != 0 && s->message_max < most / 4) {
        most = (size_t)(4 * s->message_max > UNFOLD_LEAST ? 4 * s->message_max : UNFOLD_LEAST);
    }
    syi_buffer_fini(&s->body);
    syi_buffer_init(&s->body, s->context, most);
    s->request = (syi_pysyft_request){.code = 0};
    s->kind = plain->kind;
    s->size = plain->body.length;
    s->opaque = false;
    s->collecting = false;
    s->result_next = 0;
    syi_buffer_clear(&s->out);
    if (syi_pysyft_open(s->context, plain, &s->body, &err) != SY_OK) {
        note_request(s);
        give_up(s, err.message);
        return;
    }
    go_on(s);
}

/* The queue */

/* Under the lock: the next request, taken out. */
static queued *take_first(session *s)
{
    queued *first = s->first;
    s->first = first->next;
    if (s->first == NULL) {
        s->last = NULL;
    }
    s->length--;
    if (s->paused && s->length < QUEUE_PAUSE / 2) {
        s->paused = false;
        syi_peer_set_reading(s->peer, true);
    }
    return first;
}

static void run_queue(session *s)
{
    pthread_mutex_lock(&s->lock);
    while (!s->stopped && !s->waiting && (s->again || s->first != NULL)) {
        queued *next = s->again ? NULL : take_first(s);
        s->again = false;
        pthread_mutex_unlock(&s->lock);
        if (next == NULL) {
            go_on(s);
        } else {
            begin(s, &next->message);
            syi_message_fini(&next->message);
            syi_free(s->context, next, sizeof *next);
        }
        pthread_mutex_lock(&s->lock);
    }
    s->pumping = false;
    pthread_cond_broadcast(&s->idle);
    pthread_mutex_unlock(&s->lock);
}

static void run_on_pool(void *argument)
{
    session *s = argument;
    run_queue(s);
    syi_peer_unref(&s->base);
}

static void pump(session *s, bool large)
{
    pthread_mutex_lock(&s->lock);
    const bool mine = !s->pumping && !s->stopped && !s->waiting && (s->again || s->first != NULL);
    s->pumping = s->pumping || mine;
    pthread_mutex_unlock(&s->lock);
    if (!mine) {
        return;
    }
    if (large) {
        syi_peer_ref(&s->base);
        if (syi_pool_submit(s->context, run_on_pool, s, NULL) == SY_OK) {
            return;
        }
        syi_peer_unref(&s->base);
    }
    run_queue(s);
}

/* The peer that the worker sees */

static void proxy_close(syi_peer *base, uint32_t linger_ms)
{
    syi_peer_close(((session *)base)->peer, linger_ms);
}

static void proxy_set_reading(syi_peer *base, bool reading)
{
    (void)base; /* the worker has one request at a time */
    (void)reading;
}

static void proxy_set_account(syi_peer *base, syi_account *account)
{
    ((session *)base)->account = account;
}

static void proxy_set_limits(syi_peer *base, const syi_frame_limits *limits)
{
    session *s = (session *)base;
    s->message_max = limits->frame_max;
    syi_peer_set_limits(s->peer, limits);
}

static void proxy_free(syi_peer *base)
{
    session *s = (session *)base;
    drop_queue(s);
    syi_buffer_fini(&s->body);
    syi_buffer_fini(&s->out);
    syi_peer_unref(s->peer);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->idle);
    syi_free(s->context, s, sizeof *s);
}

static const syi_peer_class proxy_class = {
    .send = proxy_send,
    .close = proxy_close,
    .set_reading = proxy_set_reading,
    .set_account = proxy_set_account,
    .set_limits = proxy_set_limits,
    .free = proxy_free,
};

/* The service */

/* PySyft's clients do not say who they are. */
static sy_status greet(session *s, sy_error *err)
{
    const syi_frame_limits limits = SYI_FRAME_LIMITS_DEFAULT;
    syi_hello hello = {.wire_min = SY_WIRE_REVISION_MIN,
                       .wire_max = SY_WIRE_REVISION_MAX,
                       .body_max = SYI_PYSYFT_BODY_MAX,
                       .segments_max = limits.segments_max};
    syi_message message;
    SY_TRY(sy_id_from_text(&hello.worker, "pysyft", err));
    memcpy(hello.library, "pysyft", sizeof "pysyft");
    syi_message_init(&message, s->context, SYI_PYSYFT_BODY_MAX);
    message.kind = SYI_KIND_HELLO;
    syi_hello_encode(&message.body, &hello);
    const sy_status status = syi_buffer_check(&message.body, "hello", err);
    if (status == SY_OK) {
        s->greeting = true; /* it is answered at once */
        s->inner.received(s->worker_session, &message);
        s->greeting = false;
    }
    syi_message_fini(&message);
    return status;
}

static void *opened(void *user, syi_peer *peer)
{
    const syi_pysyft_gate *gate = user;
    sy_error err = SY_ERROR_INIT;
    session *s = syi_alloc(gate->context, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->base.klass = &proxy_class;
    s->base.loopback = syi_peer_is_loopback(peer);
    s->base.proxy = true;
    atomic_init(&s->base.refs, 2); /* the worker's session's and the connection's */
    snprintf(s->base.address, sizeof s->base.address, "%s", syi_peer_get_address(peer));
    snprintf(s->base.certified, sizeof s->base.certified, "%s", syi_peer_get_certified(peer));
    s->context = gate->context;
    s->inner = gate->inner;
    s->journal = gate->journal;
    s->peer = peer;
    s->voice =
        (syi_pysyft_voice){.context = gate->context, .ops = gate->ops, .worker = gate->worker};
    snprintf(s->name, sizeof s->name, "%s", gate->name);
    syi_buffer_init(&s->body, s->context, SYI_PYSYFT_BODY_MAX);
    syi_buffer_init(&s->out, s->context, SYI_PYSYFT_BODY_MAX);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->idle, NULL);
    s->worker_session = s->inner.opened(s->inner.user, &s->base);
    if (s->worker_session == NULL) {
        s->peer = NULL; /* the transport drops it, as nobody took it */
        proxy_free(&s->base);
        return NULL;
    }
    if (greet(s, &err) != SY_OK) {
        give_up(s, err.message);
    }
    return s;
}

static void received(void *argument, syi_message *message)
{
    session *s = argument;
    queued *next = syi_alloc(s->context, sizeof *next);
    if (next == NULL) {
        give_up(s, "no memory for its request");
        return;
    }
    syi_message_init(&next->message, s->context, SYI_PLAIN_MAX);
    syi_message_take(&next->message, message);
    const bool large = next->message.body.length >= LARGE;
    pthread_mutex_lock(&s->lock);
    if (s->stopped) { /* it is being closed */
        pthread_mutex_unlock(&s->lock);
        syi_message_fini(&next->message);
        syi_free(s->context, next, sizeof *next);
        return;
    }
    if (s->last != NULL) {
        s->last->next = next;
    } else {
        s->first = next;
    }
    s->last = next;
    if (++s->length >= QUEUE_PAUSE && !s->paused) {
        s->paused = true;
        syi_peer_set_reading(s->peer, false);
    }
    pthread_mutex_unlock(&s->lock);
    pump(s, large);
}

/* Nobody calls the worker's service for this session any more when this returns. */
static void closed(void *argument, sy_status why, const char *sentence)
{
    session *s = argument;
    drop_queue(s);
    pthread_mutex_lock(&s->lock);
    while (s->pumping) {
        pthread_cond_wait(&s->idle, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    s->inner.closed(s->worker_session, why, sentence);
    syi_peer_unref(&s->base);
}

syi_service syi_pysyft_service(syi_pysyft_gate *gate)
{
    return (syi_service){gate, opened, received, closed};
}
