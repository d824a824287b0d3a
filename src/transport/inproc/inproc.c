/* inproc.c - the client's end of a connection inside one process, and how one is made. Test: inproc_test.c. */
#include "transport/inproc/inproc.h"

#include <sched.h>
#include <stdio.h>

#include "core/surroundings.h"
#include "transport/inproc/link.h"

/* Under the lock: waits while the service does not read, then takes over what it changed. */
static sy_status may_deliver(syi_inproc_link *l, uint64_t deadline, sy_error *err)
{
    while (!l->dead && !l->reading) {
        if (!syi_inproc_sleep_until(l, deadline)) {
            return syi_fail_object(err, SY_ETIMEDOUT, l->connection.url,
                                   "%s: the other end did not read before the deadline",
                                   l->connection.url);
        }
    }
    if (l->dead) {
        return syi_inproc_fail_closed(l, err);
    }
    if (l->new_account) {
        syi_frame_reader_set_account(l->to_server, l->account);
        l->new_account = false;
    }
    if (l->new_limits) {
        syi_frame_reader_set_limits(l->to_server, &l->limits);
        l->new_limits = false;
    }
    atomic_store_explicit(&l->attention, false, memory_order_relaxed);
    return SY_OK;
}

static sy_status deliver(syi_inproc_link *l, const syi_message *message, sy_error *err)
{
    sy_error why;
    syi_error_empty(&why);
    SY_TRY(syi_frame_check(message, err)); /* the caller's mistake: nothing was sent */
    const sy_status status = syi_inproc_copy_frame(l->to_server, message, &l->server_head, &why);
    if (status != SY_OK) {
        pthread_mutex_lock(&l->lock);
        syi_inproc_die(l, status, why.message);
        syi_inproc_fail_closed(l, err);
        pthread_mutex_unlock(&l->lock);
        return SY_ECLOSED;
    }
    const uint64_t length = syi_frame_length(message);
    syi_traffic_add(&l->connection.traffic.frames_sent, 1);
    syi_traffic_add(&l->connection.traffic.bytes_sent, length);
    syi_traffic_add(&l->peer.traffic.frames_received, 1);
    syi_traffic_add(&l->peer.traffic.bytes_received, length);
    syi_message *arrived = syi_frame_reader_lend(l->to_server);
    syi_peer_note_received(&l->peer, arrived);
    l->service.received(l->session, arrived);
    syi_message_clear(arrived);
    syi_message_trim(arrived);
    return SY_OK;
}

static sy_status inproc_send(syi_connection *connection, const syi_message *const *messages,
                             size_t count, uint64_t deadline, sy_error *err)
{
    syi_inproc_link *l = (syi_inproc_link *)connection;
    sy_status status = SY_OK;
    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < count && status == SY_OK;) {
        status = may_deliver(l, deadline, err);
        if (status != SY_OK) {
            break;
        }
        l->delivering = true;
        pthread_mutex_unlock(&l->lock);
        do {
            status = deliver(l, messages[i++], err);
        } while (status == SY_OK && i < count &&
                 !atomic_load_explicit(&l->attention, memory_order_acquire));
        pthread_mutex_lock(&l->lock);
        l->delivering = false;
        syi_inproc_wake(l);
    }
    syi_inproc_tell(l);
    pthread_mutex_unlock(&l->lock);
    return status;
}

static void spin_for_reply(syi_inproc_link *l)
{
    const uint64_t until = syi_clock_now(l->connection.context) + UINT64_C(1000) * l->spin_us;
    while (l->inbox_count == 0 && !l->dead && syi_clock_now(l->connection.context) < until) {
        pthread_mutex_unlock(&l->lock);
        sched_yield();
        pthread_mutex_lock(&l->lock);
    }
}

static sy_status inproc_receive(syi_connection *connection, syi_message *message, uint64_t deadline,
                                sy_error *err)
{
    syi_inproc_link *l = (syi_inproc_link *)connection;
    pthread_mutex_lock(&l->lock);
    if (l->inbox_count == 0 && l->spin_us != 0) {
        spin_for_reply(l);
    }
    while (l->inbox_count == 0) {
        sy_status status = SY_OK;
        if (l->dead) {
            syi_inproc_tell(l);
            status = syi_inproc_fail_closed(l, err);
        } else if (!syi_inproc_sleep_until(l, deadline)) {
            status = syi_fail_object(err, SY_ETIMEDOUT, l->connection.url,
                                     "%s: no message came before the deadline", l->connection.url);
        }
        if (status != SY_OK) {
            pthread_mutex_unlock(&l->lock);
            return status;
        }
    }
    syi_message *slot = &l->inbox[l->inbox_first];
    const uint64_t length = syi_frame_length(slot);
    syi_message_clear(message);
    syi_message_take(message, slot);
    l->inbox_first = (l->inbox_first + 1) & (l->inbox_capacity - 1);
    l->inbox_count--;
    l->inbox_bytes -= length;
    syi_traffic_add(&l->connection.traffic.frames_received, 1);
    syi_traffic_add(&l->connection.traffic.bytes_received, length);
    pthread_mutex_unlock(&l->lock);
    return SY_OK;
}

static bool inproc_is_open(syi_connection *connection)
{
    syi_inproc_link *l = (syi_inproc_link *)connection;
    pthread_mutex_lock(&l->lock);
    const bool open = !l->dead;
    pthread_mutex_unlock(&l->lock);
    return open;
}

static void inproc_shut(syi_connection *connection)
{
    syi_inproc_link *l = (syi_inproc_link *)connection;
    pthread_mutex_lock(&l->lock);
    syi_inproc_die(l, SY_ECLOSED, "the client closed it");
    pthread_mutex_unlock(&l->lock);
}

static void inproc_close(syi_connection *connection)
{
    syi_inproc_link *l = (syi_inproc_link *)connection;
    pthread_mutex_lock(&l->lock);
    syi_inproc_die(l, SY_ECLOSED, "the client closed it");
    syi_inproc_tell(l);
    pthread_mutex_unlock(&l->lock);
    syi_inproc_leave_listener(l);
    syi_inproc_link_drop(l);
}

static const syi_connection_class inproc_connection = {
    .send = inproc_send,
    .receive = inproc_receive,
    .is_open = inproc_is_open,
    .shut = inproc_shut,
    .close = inproc_close,
};

/* --- making a link ----------------------------------------------------------------------------- */

sy_status syi_inproc_link_new(sy_context *context, syi_inproc_link **made, const char *url,
                              const syi_connect_options *connecting,
                              const syi_listen_options *listening, const syi_service *service,
                              sy_error *err)
{
    sy_status status;
    syi_inproc_link *l = syi_alloc(context, sizeof *l);
    if (l == NULL) {
        return SYI_ENOMEM(err, url);
    }
    const size_t head_max = SYI_FRAME_HEADER_SIZE + UINT16_MAX * SYI_FRAME_SEGMENT_ENTRY_SIZE;
    l->connection.klass = &inproc_connection;
    l->connection.context = context;
    snprintf(l->connection.url, sizeof l->connection.url, "%s", url);
    l->peer.klass = &syi_inproc_peer_class;
    l->peer.loopback = true;
    atomic_init(&l->peer.refs, 1);
    atomic_init(&l->holders, 2); /* client, peer handle */
    atomic_init(&l->attention, false);
    l->service = *service;
    l->spin_us = connecting->spin_us;
    l->reading = true;
    l->delivering = true; /* until `opened` has returned */
    l->send_queue_max = listening->send_queue_max;
    syi_buffer_init(&l->server_head, context, head_max);
    syi_buffer_init(&l->client_head, context, head_max);
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&l->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    SY_GOTO(fail, syi_frame_reader_new(context, &l->to_server, &listening->limits, NULL, err));
    SY_GOTO(fail, syi_frame_reader_new(context, &l->to_client, &connecting->limits,
                                       connecting->account, err));
    *made = l;
    return SY_OK;
fail:
    syi_inproc_link_drop(l);
    syi_inproc_link_drop(l);
    return status;
}

sy_status syi_inproc_link_open(syi_inproc_link *l, syi_connection **connection, sy_error *err)
{
    sy_status status = SY_OK;
    void *session = l->service.opened(l->service.user, &l->peer);
    pthread_mutex_lock(&l->lock);
    l->session = session;
    l->delivering = false;
    syi_inproc_wake(l);
    if (session == NULL) {
        syi_inproc_die(l, SY_ECLOSED, "the service refused it");
        status = syi_fail_object(err, SY_ECLOSED, l->connection.url, "%s: refused by the service",
                                 l->connection.url);
    }
    pthread_mutex_unlock(&l->lock);
    if (status != SY_OK) {
        inproc_close(&l->connection);
        syi_peer_unref(&l->peer);
        return status;
    }
    *connection = &l->connection;
    return SY_OK;
}

sy_status syi_inproc_pair(sy_context *context, syi_connection **connection, const char *name,
                          const syi_connect_options *connecting,
                          const syi_listen_options *listening, const syi_service *service,
                          sy_error *err)
{
    static const syi_connect_options default_connecting = {.limits = SYI_FRAME_LIMITS_DEFAULT};
    static const syi_listen_options default_listening = {.limits = SYI_FRAME_LIMITS_DEFAULT,
                                                         .send_queue_max = UINT64_C(1) << 30};
    char url[300];
    syi_inproc_link *l = NULL;
    *connection = NULL;
    const bool stranger = listening != NULL && listening->stranger;
    snprintf(url, sizeof url, stranger ? "%s" : "inproc://%s", name);
    SY_TRY(syi_inproc_link_new(context, &l, url,
                               connecting == NULL ? &default_connecting : connecting,
                               listening == NULL ? &default_listening : listening, service, err));
    if (l->send_queue_max == 0) {
        l->send_queue_max = default_listening.send_queue_max;
    }
    snprintf(l->peer.address, sizeof l->peer.address, "%s", url);
    l->peer.loopback = !stranger;
    return syi_inproc_link_open(l, connection, err);
}
