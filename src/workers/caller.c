/*
 * caller.c - the worker's half of a custom kind: bytes in, bytes out, around a connection inside the process.
 *
 * Two locks: `turn` is held by the call at work, `lock` guards what the worker's end needs of it. Test: tests/integration/custom_worker.c.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "messaging/kinds.h"
#include "transport/custom/custom.h"
#include "transport/inproc/inproc.h"
#include "workers/worker.h"

struct sy_caller {
    sy_caller *next;
    sy_context *context;
    sy_worker *worker; /* not after `over` */
    char address[200];
    pthread_mutex_t turn;
    syi_frame_reader *reader;
    syi_message reply;
    pthread_mutex_t lock;
    syi_connection *connection; /* nullable; who changes it holds both locks */
    bool over;                  /* the worker has gone; lock */
};

/* A message at work. */
typedef struct errand {
    sy_caller *caller;
    size_t awaited; /* answers */
    sy_status status;
    sy_error *err;
} errand;

sy_status sy_caller_new(sy_worker *worker, sy_caller **caller, const char *address, sy_error *err)
{
    sy_context *context = worker->hook->context;
    *caller = NULL;
    if (!syi_worker_is_here(worker)) {
        return syi_fail(err, SY_EINVAL, "worker %s is in another process: callers belong there",
                        worker->name);
    }
    if (address == NULL || address[0] == '\0' || strlen(address) >= sizeof(*caller)->address) {
        return syi_fail(err, SY_EINVAL, "worker %s: the address of a caller has 1 to 199 bytes",
                        worker->name);
    }
    sy_caller *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "caller");
    }
    made->context = context;
    made->worker = worker;
    memcpy(made->address, address, strlen(address) + 1);
    pthread_mutex_init(&made->turn, NULL);
    pthread_mutex_init(&made->lock, NULL);
    syi_message_init(&made->reply, context, SIZE_MAX);
    pthread_mutex_lock(&worker->strand);
    made->next = worker->callers;
    worker->callers = made;
    pthread_mutex_unlock(&worker->strand);
    *caller = made;
    return SY_OK;
}

/* The turn is held: what the worker has of this connection becomes a lease. */
static void hang_up(sy_caller *caller)
{
    pthread_mutex_lock(&caller->lock);
    syi_connection *connection = caller->connection;
    caller->connection = NULL;
    pthread_mutex_unlock(&caller->lock);
    syi_connection_close(connection);
    syi_frame_reader_free(caller->reader);
    caller->reader = NULL;
}

static sy_status fail_over(const sy_caller *caller, sy_error *err)
{
    return syi_fail_object(err, SY_ECLOSED, caller->address, "%s: the worker has gone",
                           caller->address);
}

/* The turn is held. */
static sy_status dial(sy_caller *caller, sy_error *err)
{
    static const syi_connect_options connecting = {.limits = {UINT32_MAX, UINT16_MAX, 0}};
    syi_connection *connection = NULL;
    sy_status status = SY_OK;
    pthread_mutex_lock(&caller->lock);
    if (caller->over) {
        status = fail_over(caller, err);
    } else {
        const syi_service service = syi_worker_service(caller->worker);
        const syi_listen_options listening = {.limits = SYI_FRAME_LIMITS_DEFAULT, .stranger = true};
        status = syi_inproc_pair(caller->context, &connection, caller->address, &connecting,
                                 &listening, &service, err);
        caller->connection = connection;
    }
    pthread_mutex_unlock(&caller->lock);
    return status;
}

/* As a closed connection: the client begins a new one. */
static sy_status not_greeted(sy_caller *caller, sy_error *err)
{
    pthread_mutex_lock(&caller->lock);
    const bool over = caller->over;
    pthread_mutex_unlock(&caller->lock);
    return over ? fail_over(caller, err)
                : syi_fail_object(err, SY_ECLOSED, caller->address,
                                  "%s: no connection; a greeting begins one", caller->address);
}

/* A frame of the message: on to the worker. A greeting is a new connection. */
static void pass_on(void *user, syi_message *message)
{
    errand *e = user;
    sy_caller *caller = e->caller;
    if (e->status != SY_OK) {
        return;
    }
    if (message->kind == SYI_KIND_HELLO && caller->connection != NULL) {
        pthread_mutex_lock(&caller->lock);
        syi_connection *old = caller->connection;
        caller->connection = NULL;
        pthread_mutex_unlock(&caller->lock);
        syi_connection_close(old);
        e->awaited = 0;
    }
    if (message->kind == SYI_KIND_HELLO) {
        e->status = dial(caller, e->err);
    } else if (caller->connection == NULL) {
        e->status = not_greeted(caller, e->err);
    }
    if (e->status == SY_OK) {
        const syi_message *one = message;
        e->status = syi_connection_send(caller->connection, &one, 1, 0, e->err);
        e->awaited += message->id != 0 && message->kind != SYI_KIND_DELETE;
    }
}

/* Answers without a number are to messages that nobody waits for; they go along when they are there in time. */
static sy_status collect(errand *e, sy_answer *answer)
{
    sy_caller *caller = e->caller;
    while (e->awaited > 0) {
        SY_TRY(syi_connection_receive(caller->connection, &caller->reply, 0, e->err));
        e->awaited -= caller->reply.id != 0;
        syi_custom_append(&answer->bytes, &caller->reply);
        syi_message_clear(&caller->reply);
        syi_message_trim(&caller->reply);
        SY_TRY(syi_buffer_check(&answer->bytes, "answer", e->err));
    }
    return SY_OK;
}

static sy_status read_message(errand *e, const void *message, size_t length)
{
    syi_frame_limits limits = SYI_FRAME_LIMITS_DEFAULT;
    limits.frame_max = length; /* nothing is taken for what a frame only claims to bring */
    sy_caller *caller = e->caller;
    if (caller->reader == NULL) {
        SY_TRY(syi_frame_reader_new(caller->context, &caller->reader, &limits, NULL, e->err));
    }
    syi_frame_reader_set_limits(caller->reader, &limits);
    SY_TRY(syi_frame_reader_feed(caller->reader, message, length, pass_on, e, e->err));
    SY_TRY(e->status);
    if (!syi_frame_reader_is_idle(caller->reader)) {
        return syi_fail_object(e->err, SY_EPROTO, caller->address,
                               "%s: the message ends in the middle of a frame", caller->address);
    }
    return SY_OK;
}

sy_status sy_caller_recv_msg(sy_caller *caller, const void *message, size_t length,
                             sy_answer *answer, sy_error *err)
{
    errand e = {.caller = caller, .err = err};
    pthread_mutex_lock(&caller->turn);
    sy_status status = read_message(&e, message, length);
    if (status == SY_OK) {
        status = collect(&e, answer);
    }
    if (status != SY_OK) {
        hang_up(caller);
    }
    pthread_mutex_unlock(&caller->turn);
    return status;
}

void syi_callers_end(sy_worker *worker)
{
    for (;;) {
        pthread_mutex_lock(&worker->strand);
        sy_caller *caller = worker->callers;
        if (caller != NULL) {
            worker->callers = caller->next;
        }
        pthread_mutex_unlock(&worker->strand);
        if (caller == NULL) {
            return;
        }
        pthread_mutex_lock(&caller->lock);
        caller->over = true;
        if (caller->connection != NULL) {
            syi_connection_shut(caller->connection); /* wakes the call at work */
        }
        pthread_mutex_unlock(&caller->lock);
        pthread_mutex_lock(&caller->turn);
        hang_up(caller);
        pthread_mutex_unlock(&caller->turn);
    }
}

void sy_caller_free(sy_caller *caller)
{
    if (caller == NULL) {
        return;
    }
    if (!caller->over) {
        pthread_mutex_lock(&caller->worker->strand);
        sy_caller **p = &caller->worker->callers;
        while (*p != caller) {
            p = &(*p)->next;
        }
        *p = caller->next;
        pthread_mutex_unlock(&caller->worker->strand);
    }
    hang_up(caller);
    syi_message_fini(&caller->reply);
    pthread_mutex_destroy(&caller->lock);
    pthread_mutex_destroy(&caller->turn);
    syi_free(caller->context, caller, sizeof *caller);
}
