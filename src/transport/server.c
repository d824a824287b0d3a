/* server.c - peers of a loop thread: queue, settings, delivery, end. Sockets are in listening.c. Tests: the
 * contract in tcp_test.c and websocket_test.c. */
#include "transport/server.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "core/surroundings.h"
#include "transport/loop.h"

#define DIRECT_SEND_MAX ((uint64_t)64 * 1024) /* more is sent by the loop thread */
#define HELD_MAX 8                            /* messages that wait for others to go with */
#define LOAN_NS UINT64_C(1000000)             /* who has borrowed a peer is likely to do so again */

/* --- the server -------------------------------------------------------------------------------- */

void syi_server_init(syi_server *server, sy_context *context, const syi_server_class *klass,
                     const char *url, const syi_listen_options *options, const syi_service *service)
{
    server->context = context;
    server->klass = klass;
    server->url = url;
    server->service = *service;
    server->options = *options;
    server->loop = options->loop;
    if (options->plain != NULL) {
        server->plain = *options->plain;
        server->options.plain = &server->plain;
    }
    pthread_mutex_init(&server->lock, NULL);
}

void syi_server_fini(syi_server *server)
{
    pthread_mutex_destroy(&server->lock);
}

bool syi_server_start(syi_server *server, void *(*run)(void *), void *argument)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int code = pthread_create(&server->thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code == 0;
}

bool syi_server_is_own_thread(const syi_server *server)
{
    return server->loop != NULL ? syi_loop_is_own_thread(server->loop)
                                : pthread_equal(pthread_self(), server->thread) != 0;
}

static syi_server_peer *next_woken(syi_server *server)
{
    pthread_mutex_lock(&server->lock);
    syi_server_peer *peer = server->woken;
    if (peer != NULL) {
        server->woken = peer->next_woken;
        peer->woken = false;
    }
    pthread_mutex_unlock(&server->lock);
    return peer;
}

static void update(syi_server_peer *peer)
{
    if (!peer->ended) {
        peer->server->klass->update(peer);
    }
}

void syi_server_look_at_woken(syi_server *server)
{
    for (syi_server_peer *peer = next_woken(server); peer != NULL; peer = next_woken(server)) {
        update(peer);
    }
}

void syi_server_flush_dirty(syi_server *server)
{
    while (server->dirty != NULL) {
        syi_server_peer *peer = server->dirty;
        server->dirty = peer->next_dirty;
        peer->dirty = false;
        update(peer);
    }
}

/* Under the lock of an open peer: makes the loop thread look at it, at the end of the callback that runs
 * when this is the loop thread. */
static void ask_loop(syi_server_peer *peer)
{
    syi_server *server = peer->server;
    if (syi_server_is_own_thread(server)) {
        if (!peer->dirty) {
            peer->dirty = true;
            peer->next_dirty = server->dirty;
            server->dirty = peer;
        }
        return;
    }
    pthread_mutex_lock(&server->lock);
    const bool first = server->woken == NULL;
    if (!peer->woken) {
        peer->woken = true;
        peer->next_woken = server->woken;
        server->woken = peer;
    }
    pthread_mutex_unlock(&server->lock);
    if (first) {
        server->klass->wake(server);
    }
}

/* --- from any thread --------------------------------------------------------------------------- */

/* Under the lock. */
static void send_now(syi_server_peer *peer)
{
    peer->held = 0;
    if (peer->server->klass->send_now != NULL && peer->failed == SY_OK && peer->out.bytes != 0 &&
        peer->server->klass->send_now(peer)) {
        peer->failed = SY_ECLOSED;
    }
}

/* Under the lock. */
static sy_status queue_message(syi_server_peer *peer, syi_message *message, bool later,
                               sy_error *err)
{
    if (!peer->open || peer->closing || peer->failed != SY_OK) {
        return syi_fail_object(err, SY_ECLOSED, peer->base.address, "%s: the connection is closed",
                               peer->base.address);
    }
    const uint64_t length = syi_frame_length(message);
    const uint64_t max = peer->server->options.send_queue_max;
    const bool was_empty = peer->out.bytes == 0 || peer->held > 0;
    /* One frame may be as large as it likes: a tensor that passes the limit could not be fetched at all. */
    if (!was_empty && (length > max || peer->out.bytes > max - length)) {
        peer->failed = SY_ELIMIT;
        ask_loop(peer);
        return syi_fail_object(err, SY_ELIMIT, peer->base.address,
                               "%s: %" PRIu64 " bytes wait to be sent, %" PRIu64
                               " more pass the limit of %" PRIu64,
                               peer->base.address, peer->out.bytes, length, max);
    }
    SY_TRY(syi_outgoing_append(&peer->out, message, err));
    syi_traffic_add(&peer->base.traffic.frames_sent, 1);
    syi_traffic_add(&peer->base.traffic.bytes_sent, length);
    if (later && was_empty && peer->held < HELD_MAX && peer->server->klass->holds) {
        if (peer->held++ == 0 && !peer->clocked) {
            peer->clocked = true;
            ask_loop(peer); /* it looks after a while whether it is still there */
        }
        return SY_OK;
    }
    peer->held = 0;
    if (was_empty && length <= DIRECT_SEND_MAX && !syi_server_is_own_thread(peer->server)) {
        send_now(peer); /* spares the way over the loop thread */
    }
    if (peer->failed != SY_OK || (peer->out.bytes != 0 && !peer->armed)) {
        ask_loop(peer);
    }
    return SY_OK;
}

static sy_status server_peer_send(syi_peer *base, syi_message *message, sy_error *err)
{
    syi_server_peer *peer = (syi_server_peer *)base;
    pthread_mutex_lock(&peer->lock);
    const sy_status status = queue_message(peer, message, false, err);
    pthread_mutex_unlock(&peer->lock);
    syi_message_clear(message);
    return status;
}

static sy_status server_peer_send_later(syi_peer *base, syi_message *message, sy_error *err)
{
    syi_server_peer *peer = (syi_server_peer *)base;
    pthread_mutex_lock(&peer->lock);
    const sy_status status = queue_message(peer, message, true, err);
    pthread_mutex_unlock(&peer->lock);
    syi_message_clear(message);
    return status;
}

/* Under the lock. */
static void flush_held(syi_server_peer *peer)
{
    if (peer->open && peer->held > 0) {
        send_now(peer);
        if (peer->failed != SY_OK || peer->out.bytes != 0) {
            ask_loop(peer);
        }
    }
}

static void server_peer_flush(syi_peer *base)
{
    syi_server_peer *peer = (syi_server_peer *)base;
    pthread_mutex_lock(&peer->lock);
    flush_held(peer);
    pthread_mutex_unlock(&peer->lock);
}

void syi_server_peer_release_held(syi_server_peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    peer->clocked = false;
    flush_held(peer);
    pthread_mutex_unlock(&peer->lock);
}

/* Under the lock: a setting changed. */
static void changed(syi_server_peer *peer)
{
    if (peer->open) {
        atomic_store_explicit(&peer->pending, true, memory_order_release);
        ask_loop(peer);
    }
}

static void server_peer_close(syi_peer *base, uint32_t linger_ms)
{
    syi_server_peer *peer = (syi_server_peer *)base;
    pthread_mutex_lock(&peer->lock);
    if (!peer->closing) {
        peer->closing = true;
        peer->linger_ms = linger_ms;
        changed(peer);
    }
    pthread_mutex_unlock(&peer->lock);
}

static void server_peer_set_reading(syi_peer *base, bool reading)
{
    syi_server_peer *peer = (syi_server_peer *)base;
    pthread_mutex_lock(&peer->lock);
    peer->reading = reading;
    changed(peer);
    pthread_mutex_unlock(&peer->lock);
}

static void server_peer_set_account(syi_peer *base, syi_account *account)
{
    syi_server_peer *peer = (syi_server_peer *)base;
    pthread_mutex_lock(&peer->lock);
    peer->account = account;
    peer->new_account = true;
    changed(peer);
    pthread_mutex_unlock(&peer->lock);
}

static void server_peer_set_limits(syi_peer *base, const syi_frame_limits *limits)
{
    syi_server_peer *peer = (syi_server_peer *)base;
    pthread_mutex_lock(&peer->lock);
    peer->limits = *limits;
    peer->new_limits = true;
    changed(peer);
    pthread_mutex_unlock(&peer->lock);
}

static syi_partial *server_peer_take_partial(syi_peer *base)
{
    syi_server_peer *peer = (syi_server_peer *)base;
    syi_partial *partial;
    pthread_mutex_lock(&peer->lock);
    const bool own = peer->open && syi_server_is_own_thread(peer->server);
    partial = peer->partial;
    peer->partial = NULL;
    pthread_mutex_unlock(&peer->lock);
    if (own) { /* nothing more is read from it */
        pthread_mutex_lock(&peer->reading_lock);
        partial = syi_frame_reader_part(peer->reader);
        syi_frame_reader_abandon(peer->reader);
        pthread_mutex_unlock(&peer->reading_lock);
    }
    return partial;
}

/* Threads that wait for what comes */

bool syi_server_peer_is_borrowed(const syi_server_peer *peer)
{
    return atomic_load(&peer->borrowers) > 0 ||
           syi_clock_now(peer->context) - atomic_load(&peer->borrowed_last) < LOAN_NS;
}

static bool server_peer_borrow(syi_peer *base, int *fd)
{
    syi_server_peer *peer = (syi_server_peer *)base;
    *fd = -1;
    pthread_mutex_lock(&peer->lock);
    if (peer->open && peer->server->klass->get_fd != NULL && peer->server->loop == NULL) {
        *fd = peer->server->klass->get_fd(peer);
    }
    if (*fd >= 0) {
        atomic_fetch_add(&peer->borrowers, 1);
    }
    pthread_mutex_unlock(&peer->lock);
    return *fd >= 0;
}

static syi_came server_peer_read(syi_peer *base)
{
    syi_server_peer *peer = (syi_server_peer *)base;
    syi_came came = SYI_CAME_LAST;
    pthread_mutex_lock(&peer->reading_lock);
    pthread_mutex_lock(&peer->lock);
    const bool heard = peer->open && peer->reading && !peer->closing && peer->failed == SY_OK;
    pthread_mutex_unlock(&peer->lock);
    if (heard) { /* it ends with reading_lock only */
        came = peer->server->klass->read(peer);
    }
    pthread_mutex_unlock(&peer->reading_lock);
    return came;
}

static void server_peer_give_back(syi_peer *base, bool now)
{
    syi_server_peer *peer = (syi_server_peer *)base;
    atomic_store(&peer->borrowed_last, now ? 0 : syi_clock_now(peer->context));
    atomic_fetch_sub(&peer->borrowers, 1);
    if (now) {
        pthread_mutex_lock(&peer->lock);
        changed(peer);
        pthread_mutex_unlock(&peer->lock);
    }
}

static void server_peer_expect(syi_peer *base, syi_partial *partial)
{
    syi_frame_reader_expect(((syi_server_peer *)base)->reader, partial);
}

static uint64_t server_peer_get_queued(syi_peer *base)
{
    syi_server_peer *peer = (syi_server_peer *)base;
    pthread_mutex_lock(&peer->lock);
    const uint64_t queued = peer->out.bytes;
    pthread_mutex_unlock(&peer->lock);
    return queued;
}

static void server_peer_free(syi_peer *base)
{
    syi_server_peer *peer = (syi_server_peer *)base;
    peer->release(peer);
}

static const syi_peer_class server_peer_class = {
    .send = server_peer_send,
    .send_later = server_peer_send_later,
    .flush = server_peer_flush,
    .close = server_peer_close,
    .set_reading = server_peer_set_reading,
    .set_account = server_peer_set_account,
    .set_limits = server_peer_set_limits,
    .take_partial = server_peer_take_partial,
    .expect = server_peer_expect,
    .get_queued = server_peer_get_queued,
    .borrow = server_peer_borrow,
    .read = server_peer_read,
    .give_back = server_peer_give_back,
    .free = server_peer_free,
};

/* --- life of a peer ---------------------------------------------------------------------------- */

bool syi_server_peer_init(syi_server_peer *peer, syi_server *server, const char *address,
                          bool loopback, bool prefixed)
{
    if (syi_frame_reader_new(server->context, &peer->reader, &server->options.limits, NULL, NULL) !=
        SY_OK) {
        return false;
    }
    peer->base.klass = &server_peer_class;
    peer->base.loopback = loopback;
    atomic_init(&peer->base.refs, 2); /* the session's and the loop's */
    snprintf(peer->base.address, sizeof peer->base.address, "%s", address);
    peer->context = server->context;
    peer->server = server;
    peer->service = &server->service;
    peer->release = server->klass->release;
    peer->open = true;
    peer->reading = true;
    atomic_init(&peer->pending, false);
    pthread_mutex_init(&peer->lock, NULL);
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&peer->reading_lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
    atomic_init(&peer->borrowers, 0);
    atomic_init(&peer->borrowed_last, 0);
    syi_outgoing_init(&peer->out, server->context, prefixed);
    return true;
}

void syi_server_peer_fini(syi_server_peer *peer)
{
    syi_outgoing_fini(&peer->out);
    syi_frame_reader_free(peer->reader);
    pthread_mutex_destroy(&peer->reading_lock);
    pthread_mutex_destroy(&peer->lock);
}

void syi_server_peer_list(syi_server_peer *peer)
{
    syi_server *server = peer->server;
    peer->next = server->peers;
    if (peer->next != NULL) {
        peer->next->previous = peer;
    }
    server->peers = peer;
    server->live++;
}

bool syi_server_peer_open(syi_server_peer *peer)
{
    peer->session = peer->service->opened(peer->service->user, &peer->base);
    if (peer->session == NULL) {
        syi_server_peer_end(peer, SY_ECLOSED, "the service refused it");
        return false;
    }
    return true;
}

static void unlist(syi_server_peer *peer)
{
    syi_server *server = peer->server;
    if (peer->previous == NULL) {
        server->peers = peer->next;
    } else {
        peer->previous->next = peer->next;
    }
    if (peer->next != NULL) {
        peer->next->previous = peer->previous;
    }
    server->live--;
    syi_server_peer **at = &server->dirty;
    while (peer->dirty && *at != peer) {
        at = &(*at)->next_dirty;
    }
    if (peer->dirty) {
        *at = peer->next_dirty;
        peer->dirty = false;
    }
    pthread_mutex_lock(&server->lock);
    if (peer->woken) {
        at = &server->woken;
        while (*at != peer) {
            at = &(*at)->next_woken;
        }
        *at = peer->next_woken;
        peer->woken = false;
    }
    pthread_mutex_unlock(&server->lock);
}

void syi_server_peer_end(syi_server_peer *peer, sy_status why, const char *sentence)
{
    if (peer->ended) {
        return;
    }
    pthread_mutex_lock(&peer->reading_lock); /* nobody else delivers anything from here on */
    peer->ended = true;
    syi_partial *partial = syi_frame_reader_part(peer->reader);
    pthread_mutex_lock(&peer->lock);
    peer->open = false;
    peer->partial = partial;
    syi_outgoing_fini(&peer->out);
    pthread_mutex_unlock(&peer->lock);
    unlist(peer);
    syi_frame_reader_abandon(peer->reader);
    pthread_mutex_unlock(&peer->reading_lock);
    if (peer->session != NULL) {
        peer->service->closed(peer->session, why, sentence);
        /* The session may hold the peer long after this; half a tensor must not wait for it. */
        syi_partial_free(server_peer_take_partial(&peer->base));
    } else {
        syi_partial_free(server_peer_take_partial(&peer->base));
        syi_peer_unref(&peer->base); /* the reference that `opened` did not take */
    }
}

const char *syi_server_sentence(sy_status failed)
{
    return failed == SY_ELIMIT    ? "it does not read what is sent to it"
           : failed == SY_ECLOSED ? "the other end closed the connection"
                                  : "it sent what is no message";
}

/* Under the lock, on the loop thread. */
static void apply_to_reader(syi_server_peer *peer)
{
    if (peer->new_account) {
        syi_frame_reader_set_account(peer->reader, peer->account);
        peer->new_account = false;
    }
    if (peer->new_limits) {
        syi_frame_reader_set_limits(peer->reader, &peer->limits);
        peer->new_limits = false;
    }
}

syi_server_wish syi_server_peer_apply(syi_server_peer *peer)
{
    const bool pending = atomic_exchange_explicit(&peer->pending, false, memory_order_acq_rel);
    if (pending) { /* perhaps something for the reader */
        pthread_mutex_lock(&peer->reading_lock);
        pthread_mutex_lock(&peer->lock);
        apply_to_reader(peer);
        pthread_mutex_unlock(&peer->lock);
        pthread_mutex_unlock(&peer->reading_lock);
    }
    pthread_mutex_lock(&peer->lock);
    const bool holds = peer->held > 0 && !peer->closing && peer->failed == SY_OK;
    if (!holds) {
        send_now(peer);
    }
    peer->armed = !holds && peer->out.bytes != 0;
    const syi_server_wish wish = {
        .failed = peer->failed,
        .closing = peer->closing,
        .reading = peer->reading,
        .linger_ms = peer->linger_ms,
        .queued = holds ? 0 : peer->out.bytes,
        .holds = peer->clocked,
    };
    pthread_mutex_unlock(&peer->lock);
    return wish;
}

/* --- dribbling --------------------------------------------------------------------------------- */

static void start_clock(syi_server_peer *peer)
{
    peer->watched = true;
    peer->came_before = peer->came;
    peer->whole_before = peer->base.traffic.frames_received;
}

bool syi_server_peer_watch(syi_server_peer *peer)
{
    if (peer->watched || !peer->greeted || peer->ended || syi_frame_reader_is_idle(peer->reader)) {
        return false;
    }
    start_clock(peer);
    return true;
}

syi_stall syi_server_peer_look(syi_server_peer *peer, bool reading)
{
    const bool idle = syi_frame_reader_is_idle(peer->reader);
    const bool goes_on = !reading || peer->base.traffic.frames_received != peer->whole_before ||
                         peer->came - peer->came_before >= SYI_STALL_BYTES;
    peer->watched = false;
    if (idle || !goes_on) {
        return idle ? SYI_STALL_OVER : SYI_STALL_DEAD;
    }
    start_clock(peer);
    return SYI_STALL_AGAIN;
}

void syi_server_say_stalled(const syi_server_peer *peer, char *sentence, size_t size)
{
    snprintf(sentence, size,
             "it brought %" PRIu64 " bytes of a message in %" PRIu32
             " ms, at least %d are expected",
             peer->came - peer->came_before, peer->server->options.stall_ms, SYI_STALL_BYTES);
}

/* --- arriving ---------------------------------------------------------------------------------- */

bool syi_server_peer_is_heard(syi_server_peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    const bool heard = peer->open && !peer->closing && peer->failed == SY_OK;
    pthread_mutex_unlock(&peer->lock);
    return heard;
}

static bool deliver(syi_server_peer *peer, syi_message *arrived, uint64_t length)
{
    const bool first = !peer->greeted;
    peer->greeted = true;
    syi_traffic_add(&peer->base.traffic.frames_received, 1);
    syi_traffic_add(&peer->base.traffic.bytes_received, length);
    syi_peer_note_received(&peer->base, arrived);
    peer->service->received(peer->session, arrived);
    syi_message_clear(arrived);
    syi_message_trim(arrived);
    /* The service may have set account or limits for what follows in the same bytes. */
    if (atomic_load_explicit(&peer->pending, memory_order_acquire)) {
        pthread_mutex_lock(&peer->lock);
        apply_to_reader(peer);
        pthread_mutex_unlock(&peer->lock);
    }
    return first;
}

bool syi_server_peer_deliver(syi_server_peer *peer)
{
    syi_message *arrived = syi_frame_reader_lend(peer->reader);
    return deliver(peer, arrived, syi_frame_reader_get_length(peer->reader));
}

bool syi_server_peer_deliver_plain(syi_server_peer *peer, syi_message *arrived)
{
    return deliver(peer, arrived, arrived->body.length);
}

static sy_status break_off(syi_server_peer *peer, const sy_error *err)
{
    syi_log(peer->context, SY_LOG_INFO, "transport", NULL, 0, "%s: %s", peer->base.address,
            err->message);
    if (syi_server_is_own_thread(peer->server)) {
        syi_server_peer_end(peer, err->status, err->message);
        return err->status;
    }
    pthread_mutex_lock(&peer->lock);
    peer->failed = err->status;
    ask_loop(peer);
    pthread_mutex_unlock(&peer->lock);
    return err->status;
}

sy_status syi_server_peer_placed(syi_server_peer *peer, size_t size, bool *took_first)
{
    sy_error err = SY_ERROR_INIT;
    bool done;
    peer->came += size;
    if (syi_frame_reader_advance(peer->reader, size, &done, &err) != SY_OK) {
        return break_off(peer, &err);
    }
    if (done && syi_server_peer_deliver(peer) && took_first != NULL) {
        *took_first = true;
    }
    return SY_OK;
}

sy_status syi_server_peer_feed(syi_server_peer *peer, const uint8_t *bytes, size_t size,
                               bool *took_first)
{
    while (size != 0 && syi_server_peer_is_heard(peer)) {
        sy_error err = SY_ERROR_INIT;
        size_t used;
        bool done;
        if (syi_frame_reader_copy(peer->reader, bytes, size, &used, &done, &err) != SY_OK) {
            return break_off(peer, &err);
        }
        peer->came += used;
        bytes += used;
        size -= used;
        if (done && syi_server_peer_deliver(peer) && took_first != NULL) {
            *took_first = true;
        }
    }
    return SY_OK;
}
