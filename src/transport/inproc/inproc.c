/* inproc.c - connections inside one process. Test: inproc_test.c. */
#include "transport/inproc/inproc.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>

#include "core/surroundings.h"
#include "core/utf8.h"
#include "transport/inproc/names.h"
#include "transport/transport_class.h"

#define SENTENCE_SIZE 200
#define TOGETHER_MAX \
    ((size_t)1024) /* a body that goes through the reader in one piece with its head */

typedef struct inproc_listener inproc_listener;

/*
 * Both ends of a connection. The client's thread runs `to_server` and the service; whoever replies runs
 * `to_client` and fills the inbox, under the lock. Memory of messages circulates: caller's message <->
 * inbox slot <-> reader. Freed when the client, the peer handle and the listener have all let go.
 */
typedef struct inproc_link {
    syi_connection connection; /* first */
    syi_peer peer;
    atomic_uint holders;
    syi_service service;
    void *session;
    unsigned spin_us;

    /* the sending thread's */
    syi_frame_reader *to_server;
    syi_buffer server_head;

    atomic_bool attention; /* something below changed that a sender must look at */
    pthread_mutex_t lock;  /* guards all below */
    pthread_cond_t changed;
    unsigned waiting; /* threads in a wait on `changed` */
    bool dead;
    bool told;       /* `closed` was called, or is being called */
    bool telling;    /* ... is being called */
    bool delivering; /* a callback of the service runs */
    bool reading;
    bool new_limits;
    bool new_account;
    sy_status why;
    char sentence[SENTENCE_SIZE];
    syi_account *account;
    syi_frame_limits limits;
    uint64_t send_queue_max;
    syi_frame_reader *to_client;
    syi_buffer client_head;
    syi_message *inbox; /* ring of `inbox_capacity` initialised messages, a power of two or 0 */
    size_t inbox_capacity;
    size_t inbox_first;
    size_t inbox_count;
    uint64_t inbox_bytes;

    inproc_listener *listener; /* nullable; the three below are guarded by its lock */
    struct inproc_link *next, *previous;
} inproc_link;

struct inproc_listener {
    syi_listener base; /* first */
    inproc_name name;
    atomic_uint refs;
    syi_service service;
    syi_listen_options options;
    pthread_mutex_t lock;
    bool stopped;
    unsigned live;
    uint64_t numbers;
    inproc_link *links;
};

static inproc_link *link_of_peer(syi_peer *peer)
{
    return (inproc_link *)(void *)((char *)peer - offsetof(inproc_link, peer));
}

static void listener_unref(inproc_listener *listener)
{
    if (listener != NULL &&
        atomic_fetch_sub_explicit(&listener->refs, 1, memory_order_acq_rel) == 1) {
        pthread_mutex_destroy(&listener->lock);
        syi_free(listener->base.context, listener, sizeof *listener);
    }
}

/* --- life of a link ---------------------------------------------------------------------------- */

static void free_inbox(inproc_link *l)
{
    for (size_t i = 0; i < l->inbox_capacity; i++) {
        syi_message_fini(&l->inbox[i]);
    }
    syi_free(l->connection.context, l->inbox, l->inbox_capacity * sizeof *l->inbox);
}

static void link_drop(inproc_link *l)
{
    if (atomic_fetch_sub_explicit(&l->holders, 1, memory_order_acq_rel) != 1) {
        return;
    }
    syi_frame_reader_free(l->to_server);
    syi_frame_reader_free(l->to_client);
    syi_buffer_fini(&l->server_head);
    syi_buffer_fini(&l->client_head);
    free_inbox(l);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    listener_unref(l->listener);
    syi_free(l->connection.context, l, sizeof *l);
}

/* Takes the link out of its listener's list, once. */
static void leave_listener(inproc_link *l)
{
    inproc_listener *listener = l->listener;
    if (listener == NULL) {
        return;
    }
    pthread_mutex_lock(&listener->lock);
    const bool listed = l->previous != NULL || listener->links == l;
    if (listed) {
        if (l->previous == NULL) {
            listener->links = l->next;
        } else {
            l->previous->next = l->next;
        }
        if (l->next != NULL) {
            l->next->previous = l->previous;
        }
        l->next = NULL;
        l->previous = NULL;
        listener->live--;
    }
    pthread_mutex_unlock(&listener->lock);
    if (listed) {
        link_drop(l);
    }
}

static void wake(inproc_link *l)
{
    if (l->waiting != 0) {
        pthread_cond_broadcast(&l->changed);
    }
}

/* Under the lock. The first reason stays. */
static void die(inproc_link *l, sy_status why, const char *sentence)
{
    if (!l->dead) {
        l->dead = true;
        l->why = why;
        syi_utf8_store(l->sentence, sizeof l->sentence, sentence);
        atomic_store_explicit(&l->attention, true, memory_order_release);
        wake(l);
    }
}

/* Under the lock, which it lets go for the call: tells the service, once, when nobody else is in it. */
static void tell(inproc_link *l)
{
    if (!l->dead || l->told || l->delivering) {
        return;
    }
    l->told = true;
    if (l->session == NULL) { /* refused by `opened` */
        return;
    }
    l->telling = true;
    pthread_mutex_unlock(&l->lock);
    l->service.closed(l->session, l->why, l->sentence);
    pthread_mutex_lock(&l->lock);
    l->telling = false;
    wake(l);
}

/* Under the lock: sleeps until something changes. false when the deadline has passed. */
static bool sleep_until(inproc_link *l, uint64_t deadline)
{
    if (deadline == 0) {
        l->waiting++;
        pthread_cond_wait(&l->changed, &l->lock);
        l->waiting--;
        return true;
    }
    const uint64_t now = syi_clock_now(l->connection.context);
    if (now >= deadline) {
        return false;
    }
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    const uint64_t at =
        (uint64_t)until.tv_sec * UINT64_C(1000000000) + (uint64_t)until.tv_nsec + (deadline - now);
    until.tv_sec = (time_t)(at / UINT64_C(1000000000));
    until.tv_nsec = (long)(at % UINT64_C(1000000000));
    l->waiting++;
    pthread_cond_timedwait(&l->changed, &l->lock, &until);
    l->waiting--;
    return true;
}

static sy_status fail_closed(const inproc_link *l, sy_error *err)
{
    return syi_fail_object(err, SY_ECLOSED, l->connection.url, "%s: the connection is closed: %s",
                           l->connection.url, l->sentence);
}

/* --- client end -------------------------------------------------------------------------------- */

/* The frame's bytes through `reader`; what comes out is whole. The message can travel. */
static sy_status copy_small_frame(syi_frame_reader *reader, const syi_message *message,
                                  sy_error *err)
{
    uint8_t frame[SYI_FRAME_HEADER_SIZE + TOGETHER_MAX];
    const size_t length = message->body.length;
    size_t used;
    bool done;
    syi_frame_put_head(message, frame);
    if (length != 0) {
        memcpy(frame + SYI_FRAME_HEADER_SIZE, message->body.data, length);
    }
    return syi_frame_reader_copy(reader, frame, SYI_FRAME_HEADER_SIZE + length, &used, &done, err);
}

static sy_status copy_frame(syi_frame_reader *reader, const syi_message *message, syi_buffer *head,
                            sy_error *err)
{
    size_t used;
    bool done;
    if (message->segment_count == 0 && message->body.length <= TOGETHER_MAX) {
        return copy_small_frame(reader, message, err);
    }
    SY_TRY(syi_frame_encode_head(message, head, err));
    SY_TRY(syi_frame_reader_copy(reader, head->data, head->length, &used, &done, err));
    SY_TRY(
        syi_frame_reader_copy(reader, message->body.data, message->body.length, &used, &done, err));
    for (uint32_t i = 0; i < message->segment_count; i++) {
        const syi_segment *segment = &message->segments[i];
        SY_TRY(syi_frame_reader_copy(reader, segment->data, (size_t)segment->length, &used, &done,
                                     err));
    }
    return SY_OK;
}

/* Under the lock: waits while the service does not read, then takes over what it changed. */
static sy_status may_deliver(inproc_link *l, uint64_t deadline, sy_error *err)
{
    while (!l->dead && !l->reading) {
        if (!sleep_until(l, deadline)) {
            return syi_fail_object(err, SY_ETIMEDOUT, l->connection.url,
                                   "%s: the other end did not read before the deadline",
                                   l->connection.url);
        }
    }
    if (l->dead) {
        return fail_closed(l, err);
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

static sy_status deliver(inproc_link *l, const syi_message *message, sy_error *err)
{
    sy_error why;
    syi_error_empty(&why);
    SY_TRY(syi_frame_check(message, err)); /* the caller's mistake: nothing was sent */
    const sy_status status = copy_frame(l->to_server, message, &l->server_head, &why);
    if (status != SY_OK) {
        pthread_mutex_lock(&l->lock);
        die(l, status, why.message);
        fail_closed(l, err);
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
    inproc_link *l = (inproc_link *)connection;
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
        wake(l);
    }
    tell(l);
    pthread_mutex_unlock(&l->lock);
    return status;
}

static void spin_for_reply(inproc_link *l)
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
    inproc_link *l = (inproc_link *)connection;
    pthread_mutex_lock(&l->lock);
    if (l->inbox_count == 0 && l->spin_us != 0) {
        spin_for_reply(l);
    }
    while (l->inbox_count == 0) {
        sy_status status = SY_OK;
        if (l->dead) {
            tell(l);
            status = fail_closed(l, err);
        } else if (!sleep_until(l, deadline)) {
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
    inproc_link *l = (inproc_link *)connection;
    pthread_mutex_lock(&l->lock);
    const bool open = !l->dead;
    pthread_mutex_unlock(&l->lock);
    return open;
}

static void inproc_shut(syi_connection *connection)
{
    inproc_link *l = (inproc_link *)connection;
    pthread_mutex_lock(&l->lock);
    die(l, SY_ECLOSED, "the client closed it");
    pthread_mutex_unlock(&l->lock);
}

static void inproc_close(syi_connection *connection)
{
    inproc_link *l = (inproc_link *)connection;
    pthread_mutex_lock(&l->lock);
    die(l, SY_ECLOSED, "the client closed it");
    tell(l);
    pthread_mutex_unlock(&l->lock);
    leave_listener(l);
    link_drop(l);
}

static const syi_connection_class inproc_connection = {
    .send = inproc_send,
    .receive = inproc_receive,
    .is_open = inproc_is_open,
    .shut = inproc_shut,
    .close = inproc_close,
};

/* --- server end -------------------------------------------------------------------------------- */

/* One more slot; the ring is laid out anew from its first message. */
static bool grow_inbox(inproc_link *l)
{
    if (l->inbox_count < l->inbox_capacity) {
        return true;
    }
    const size_t capacity = l->inbox_capacity == 0 ? 1 : l->inbox_capacity * 2;
    syi_message *inbox = syi_alloc_array(l->connection.context, capacity, sizeof *inbox);
    if (inbox == NULL) {
        return false;
    }
    for (size_t i = 0; i < l->inbox_capacity; i++) {
        inbox[i] = l->inbox[(l->inbox_first + i) & (l->inbox_capacity - 1)];
    }
    for (size_t i = l->inbox_capacity; i < capacity; i++) {
        syi_message_init(&inbox[i], l->connection.context, 0);
    }
    syi_free(l->connection.context, l->inbox, l->inbox_capacity * sizeof *l->inbox);
    l->inbox = inbox;
    l->inbox_capacity = capacity;
    l->inbox_first = 0;
    return true;
}

/* Under the lock. */
static sy_status put_in_inbox(inproc_link *l, const syi_message *message, sy_error *err)
{
    if (l->dead) {
        return syi_fail_object(err, SY_ECLOSED, l->peer.address, "%s: the connection is closed: %s",
                               l->peer.address, l->sentence);
    }
    SY_TRY(syi_frame_check(message, err));
    const uint64_t length = syi_frame_length(message);
    if (length > l->send_queue_max || l->inbox_bytes > l->send_queue_max - length) {
        die(l, SY_ELIMIT, "it does not read what is sent to it");
        return syi_fail_object(err, SY_ELIMIT, l->peer.address,
                               "%s: %" PRIu64 " bytes wait to be read, %" PRIu64
                               " more pass the limit of %" PRIu64,
                               l->peer.address, l->inbox_bytes, length, l->send_queue_max);
    }
    if (!grow_inbox(l)) {
        return SYI_ENOMEM(err, "inproc inbox");
    }
    const sy_status status = copy_frame(l->to_client, message, &l->client_head, err);
    if (status != SY_OK) {
        die(l, status, err != NULL ? err->message : "the reply could not be read");
        return status;
    }
    const size_t at = (l->inbox_first + l->inbox_count) & (l->inbox_capacity - 1);
    syi_frame_reader_take(l->to_client, &l->inbox[at]);
    l->inbox_count++;
    /* As the client will see it: a refused message has lost its segments. */
    l->inbox_bytes += syi_frame_length(&l->inbox[at]);
    syi_traffic_add(&l->peer.traffic.frames_sent, 1);
    syi_traffic_add(&l->peer.traffic.bytes_sent, length);
    wake(l);
    return SY_OK;
}

static sy_status inproc_peer_send(syi_peer *peer, syi_message *message, sy_error *err)
{
    inproc_link *l = link_of_peer(peer);
    pthread_mutex_lock(&l->lock);
    const sy_status status = put_in_inbox(l, message, err);
    pthread_mutex_unlock(&l->lock);
    syi_message_clear(message);
    return status;
}

static void inproc_peer_close(syi_peer *peer, uint32_t linger_ms)
{
    (void)linger_ms; /* what was sent stays in the inbox */
    inproc_link *l = link_of_peer(peer);
    pthread_mutex_lock(&l->lock);
    die(l, SY_ECLOSED, "the service closed it");
    pthread_mutex_unlock(&l->lock);
}

static void inproc_peer_set_reading(syi_peer *peer, bool reading)
{
    inproc_link *l = link_of_peer(peer);
    pthread_mutex_lock(&l->lock);
    l->reading = reading;
    atomic_store_explicit(&l->attention, true, memory_order_release);
    wake(l);
    pthread_mutex_unlock(&l->lock);
}

static void inproc_peer_set_account(syi_peer *peer, syi_account *account)
{
    inproc_link *l = link_of_peer(peer);
    pthread_mutex_lock(&l->lock);
    l->account = account;
    l->new_account = true;
    atomic_store_explicit(&l->attention, true, memory_order_release);
    pthread_mutex_unlock(&l->lock);
}

static void inproc_peer_set_limits(syi_peer *peer, const syi_frame_limits *limits)
{
    inproc_link *l = link_of_peer(peer);
    pthread_mutex_lock(&l->lock);
    l->limits = *limits;
    l->new_limits = true;
    atomic_store_explicit(&l->attention, true, memory_order_release);
    pthread_mutex_unlock(&l->lock);
}

static void inproc_peer_free(syi_peer *peer)
{
    link_drop(link_of_peer(peer));
}

static const syi_peer_class inproc_peer = {
    .send = inproc_peer_send,
    .close = inproc_peer_close,
    .set_reading = inproc_peer_set_reading,
    .set_account = inproc_peer_set_account,
    .set_limits = inproc_peer_set_limits,
    .free = inproc_peer_free,
};

/* Returns when `closed` has been called. */
static void end_link(inproc_link *l, const char *sentence)
{
    pthread_mutex_lock(&l->lock);
    die(l, SY_ECLOSED, sentence);
    while (l->delivering || l->telling) {
        sleep_until(l, 0);
    }
    tell(l);
    pthread_mutex_unlock(&l->lock);
}

void syi_inproc_peer_end(syi_peer *peer)
{
    inproc_link *l = link_of_peer(peer);
    end_link(l, "the service closed it");
    leave_listener(l);
}

/* --- making a link ----------------------------------------------------------------------------- */

static sy_status link_new(sy_context *context, inproc_link **made, const char *url,
                          const syi_connect_options *connecting,
                          const syi_listen_options *listening, const syi_service *service,
                          sy_error *err)
{
    sy_status status;
    inproc_link *l = syi_alloc(context, sizeof *l);
    if (l == NULL) {
        return SYI_ENOMEM(err, url);
    }
    const size_t head_max = SYI_FRAME_HEADER_SIZE + UINT16_MAX * SYI_FRAME_SEGMENT_ENTRY_SIZE;
    l->connection.klass = &inproc_connection;
    l->connection.context = context;
    snprintf(l->connection.url, sizeof l->connection.url, "%s", url);
    l->peer.klass = &inproc_peer;
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
    link_drop(l);
    link_drop(l);
    return status;
}

/* Asks the service; on refusal the link is gone. */
static sy_status open_link(inproc_link *l, syi_connection **connection, sy_error *err)
{
    sy_status status = SY_OK;
    void *session = l->service.opened(l->service.user, &l->peer);
    pthread_mutex_lock(&l->lock);
    l->session = session;
    l->delivering = false;
    wake(l);
    if (session == NULL) {
        die(l, SY_ECLOSED, "the service refused it");
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
    inproc_link *l = NULL;
    *connection = NULL;
    const bool stranger = listening != NULL && listening->stranger;
    snprintf(url, sizeof url, stranger ? "%s" : "inproc://%s", name);
    SY_TRY(link_new(context, &l, url, connecting == NULL ? &default_connecting : connecting,
                    listening == NULL ? &default_listening : listening, service, err));
    if (l->send_queue_max == 0) {
        l->send_queue_max = default_listening.send_queue_max;
    }
    snprintf(l->peer.address, sizeof l->peer.address, "%s", url);
    l->peer.loopback = !stranger;
    return open_link(l, connection, err);
}

/* --- named listeners --------------------------------------------------------------------------- */

/* Into the listener's list; the listener holds the link from here on, and the link the listener. */
static sy_status join_listener(inproc_link *l, inproc_listener *listener, sy_error *err)
{
    sy_status status = SY_OK;
    pthread_mutex_lock(&listener->lock);
    if (listener->stopped) {
        status = syi_fail_object(err, SY_ECLOSED, listener->base.url, "%s: no longer accepts",
                                 listener->base.url);
    } else if (listener->live >= listener->options.connections_max) {
        status = syi_fail_object(err, SY_ECLOSED, listener->base.url,
                                 "%s: refused, it has %u connections already", listener->base.url,
                                 listener->live);
    } else {
        atomic_fetch_add_explicit(&listener->refs, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&l->holders, 1, memory_order_relaxed);
        l->listener = listener;
        l->next = listener->links;
        if (l->next != NULL) {
            l->next->previous = l;
        }
        listener->links = l;
        listener->live++;
        snprintf(l->peer.address, sizeof l->peer.address, "inproc://%s#%" PRIu64,
                 listener->name.text, ++listener->numbers);
    }
    pthread_mutex_unlock(&listener->lock);
    return status;
}

static inproc_listener *listener_of(inproc_name *name)
{
    return name == NULL
               ? NULL
               : (inproc_listener *)(void *)((char *)name - offsetof(inproc_listener, name));
}

static void ref_named(inproc_name *name)
{
    atomic_fetch_add_explicit(&listener_of(name)->refs, 1, memory_order_relaxed);
}

sy_status syi_inproc_connect(sy_context *context, syi_connection **connection, const syi_url *url,
                             const syi_connect_options *options, sy_error *err)
{
    inproc_listener *listener = listener_of(syi_inproc_names_find(context, url->host, ref_named));
    if (listener == NULL) {
        return syi_fail_object(err, SY_ECLOSED, url->host,
                               "inproc://%s: nobody listens under this name in this context",
                               url->host);
    }
    inproc_link *l = NULL;
    sy_status status = link_new(context, &l, listener->base.url, options, &listener->options,
                                &listener->service, err);
    if (status == SY_OK) {
        status = join_listener(l, listener, err);
        if (status == SY_OK) {
            status = open_link(l, connection, err);
        } else {
            link_drop(l);
            link_drop(l);
        }
    }
    listener_unref(listener);
    return status;
}

static void inproc_stop(syi_listener *base)
{
    inproc_listener *listener = (inproc_listener *)base;
    pthread_mutex_lock(&listener->lock);
    const bool first = !listener->stopped;
    listener->stopped = true;
    pthread_mutex_unlock(&listener->lock);
    if (first) {
        syi_inproc_names_remove(base->context, &listener->name);
    }
}

/* A link of the list, held, or NULL. */
static inproc_link *hold_a_link(inproc_listener *listener)
{
    pthread_mutex_lock(&listener->lock);
    inproc_link *l = listener->links;
    if (l != NULL) {
        atomic_fetch_add_explicit(&l->holders, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&listener->lock);
    return l;
}

static void inproc_free(syi_listener *base)
{
    inproc_listener *listener = (inproc_listener *)base;
    inproc_stop(base);
    for (inproc_link *l = hold_a_link(listener); l != NULL; l = hold_a_link(listener)) {
        end_link(l, "the listener closed it");
        leave_listener(l);
        link_drop(l);
    }
    listener_unref(listener);
}

static const syi_listener_class inproc_listener_class = {
    .stop = inproc_stop,
    .free = inproc_free,
};

sy_status syi_inproc_listen(sy_context *context, syi_listener **listener, const syi_url *url,
                            const syi_listen_options *options, const syi_service *service,
                            sy_error *err)
{
    inproc_listener *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "inproc listener");
    }
    made->base.klass = &inproc_listener_class;
    made->base.context = context;
    syi_url_format(made->base.url, sizeof made->base.url, url, 0);
    atomic_init(&made->refs, 1);
    made->service = *service;
    made->options = *options;
    made->name.text = made->base.url + strlen("inproc://");
    pthread_mutex_init(&made->lock, NULL);
    const sy_status status = syi_inproc_names_add(context, &made->name, err);
    if (status != SY_OK) {
        listener_unref(made);
        return status;
    }
    *listener = &made->base;
    return SY_OK;
}
