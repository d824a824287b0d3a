/*
 * custom_client.c - the worker's half of a custom kind: bytes in, bytes out, around a connection inside the process.
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

struct sy_custom_client {
    sy_custom_client *next;
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
    sy_custom_client *client;
    size_t awaited; /* answers */
    sy_status status;
    sy_error *err;
} errand;

sy_status sy_custom_client_new(sy_worker *worker, sy_custom_client **client, const char *address,
                               sy_error *err)
{
    sy_context *context = worker->hook->context;
    *client = NULL;
    if (!syi_worker_is_here(worker)) {
        return syi_fail(err, SY_EINVAL, "worker %s is in another process: its clients come there",
                        worker->name);
    }
    if (address == NULL || address[0] == '\0' || strlen(address) >= sizeof(*client)->address) {
        return syi_fail(err, SY_EINVAL, "worker %s: the address of a client has 1 to 199 bytes",
                        worker->name);
    }
    sy_custom_client *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "client");
    }
    made->context = context;
    made->worker = worker;
    memcpy(made->address, address, strlen(address) + 1);
    pthread_mutex_init(&made->turn, NULL);
    pthread_mutex_init(&made->lock, NULL);
    syi_message_init(&made->reply, context, SIZE_MAX);
    pthread_mutex_lock(&worker->strand);
    made->next = worker->custom_clients;
    worker->custom_clients = made;
    pthread_mutex_unlock(&worker->strand);
    *client = made;
    return SY_OK;
}

/* The turn is held: what the worker has of this connection becomes a lease. */
static void hang_up(sy_custom_client *client)
{
    pthread_mutex_lock(&client->lock);
    syi_connection *connection = client->connection;
    client->connection = NULL;
    pthread_mutex_unlock(&client->lock);
    syi_connection_close(connection);
    syi_frame_reader_free(client->reader);
    client->reader = NULL;
}

static sy_status fail_over(const sy_custom_client *client, sy_error *err)
{
    return syi_fail_object(err, SY_ECLOSED, client->address, "%s: the worker has gone",
                           client->address);
}

/* The turn is held. */
static sy_status dial(sy_custom_client *client, sy_error *err)
{
    static const syi_connect_options connecting = {.limits = {UINT32_MAX, UINT16_MAX, 0}};
    syi_connection *connection = NULL;
    sy_status status = SY_OK;
    pthread_mutex_lock(&client->lock);
    if (client->over) {
        status = fail_over(client, err);
    } else {
        const syi_service service = syi_worker_service(client->worker);
        const syi_listen_options listening = {.limits = SYI_FRAME_LIMITS_DEFAULT, .stranger = true};
        status = syi_inproc_pair(client->context, &connection, client->address, &connecting,
                                 &listening, &service, err);
        client->connection = connection;
    }
    pthread_mutex_unlock(&client->lock);
    return status;
}

/* As a closed connection: the client begins a new one. */
static sy_status not_greeted(sy_custom_client *client, sy_error *err)
{
    pthread_mutex_lock(&client->lock);
    const bool over = client->over;
    pthread_mutex_unlock(&client->lock);
    return over ? fail_over(client, err)
                : syi_fail_object(err, SY_ECLOSED, client->address,
                                  "%s: no connection; a greeting begins one", client->address);
}

/* A frame of the message: on to the worker. A greeting is a new connection. */
static void pass_on(void *user, syi_message *message)
{
    errand *e = user;
    sy_custom_client *client = e->client;
    if (e->status != SY_OK) {
        return;
    }
    if (message->kind == SYI_KIND_HELLO && client->connection != NULL) {
        pthread_mutex_lock(&client->lock);
        syi_connection *old = client->connection;
        client->connection = NULL;
        pthread_mutex_unlock(&client->lock);
        syi_connection_close(old);
        e->awaited = 0;
    }
    if (message->kind == SYI_KIND_HELLO) {
        e->status = dial(client, e->err);
    } else if (client->connection == NULL) {
        e->status = not_greeted(client, e->err);
    }
    if (e->status == SY_OK) {
        const syi_message *one = message;
        e->status = syi_connection_send(client->connection, &one, 1, 0, e->err);
        e->awaited += message->id != 0 && message->kind != SYI_KIND_DELETE;
    }
}

/* Answers without a number are to messages that nobody waits for; they go along when they are there in time. */
static sy_status collect(errand *e, sy_answer *answer)
{
    sy_custom_client *client = e->client;
    while (e->awaited > 0) {
        SY_TRY(syi_connection_receive(client->connection, &client->reply, 0, e->err));
        e->awaited -= client->reply.id != 0;
        syi_custom_append(&answer->bytes, &client->reply);
        syi_message_clear(&client->reply);
        syi_message_trim(&client->reply);
        SY_TRY(syi_buffer_check(&answer->bytes, "answer", e->err));
    }
    return SY_OK;
}

static sy_status read_message(errand *e, const void *message, size_t length)
{
    syi_frame_limits limits = SYI_FRAME_LIMITS_DEFAULT;
    limits.frame_max = length; /* nothing is taken for what a frame only claims to bring */
    sy_custom_client *client = e->client;
    if (client->reader == NULL) {
        SY_TRY(syi_frame_reader_new(client->context, &client->reader, &limits, NULL, e->err));
    }
    syi_frame_reader_set_limits(client->reader, &limits);
    SY_TRY(syi_frame_reader_feed(client->reader, message, length, pass_on, e, e->err));
    SY_TRY(e->status);
    if (!syi_frame_reader_is_idle(client->reader)) {
        return syi_fail_object(e->err, SY_EPROTO, client->address,
                               "%s: the message ends in the middle of a frame", client->address);
    }
    return SY_OK;
}

sy_status sy_custom_client_recv_msg(sy_custom_client *client, const void *message, size_t length,
                                    sy_answer *answer, sy_error *err)
{
    errand e = {.client = client, .err = err};
    pthread_mutex_lock(&client->turn);
    sy_status status = read_message(&e, message, length);
    if (status == SY_OK) {
        status = collect(&e, answer);
    }
    if (status != SY_OK) {
        hang_up(client);
    }
    pthread_mutex_unlock(&client->turn);
    return status;
}

void syi_custom_clients_end(sy_worker *worker)
{
    for (;;) {
        pthread_mutex_lock(&worker->strand);
        sy_custom_client *client = worker->custom_clients;
        if (client != NULL) {
            worker->custom_clients = client->next;
        }
        pthread_mutex_unlock(&worker->strand);
        if (client == NULL) {
            return;
        }
        pthread_mutex_lock(&client->lock);
        client->over = true;
        if (client->connection != NULL) {
            syi_connection_shut(client->connection); /* wakes the call at work */
        }
        pthread_mutex_unlock(&client->lock);
        pthread_mutex_lock(&client->turn);
        hang_up(client);
        pthread_mutex_unlock(&client->turn);
    }
}

void sy_custom_client_free(sy_custom_client *client)
{
    if (client == NULL) {
        return;
    }
    if (!client->over) {
        pthread_mutex_lock(&client->worker->strand);
        sy_custom_client **p = &client->worker->custom_clients;
        while (*p != client) {
            p = &(*p)->next;
        }
        *p = client->next;
        pthread_mutex_unlock(&client->worker->strand);
    }
    hang_up(client);
    syi_message_fini(&client->reply);
    pthread_mutex_destroy(&client->lock);
    pthread_mutex_destroy(&client->turn);
    syi_free(client->context, client, sizeof *client);
}
