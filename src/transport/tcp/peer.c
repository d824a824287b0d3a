/* peer.c - one client of a tcp listener: reading on the loop thread, sending from any. Test: tcp_test.c. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/surroundings.h"
#include "transport/tcp/server.h"

#define DIRECT_FROM ((size_t)8192)      /* smaller places are filled from the loop's buffer */
#define READ_TURN ((size_t)4096 * 1024) /* then other connections have theirs */
#define SEND_PIECES 64
#define DIRECT_SEND_MAX ((uint64_t)64 * 1024) /* more is sent by the loop thread */

static bool on_loop_thread(const tcp_peer *peer)
{
    return pthread_equal(pthread_self(), peer->listener->thread) != 0;
}

/* Under the peer's lock, while it is not ended: asks the loop thread to look at it. */
static void wake_loop(tcp_peer *peer)
{
    tcp_listener *listener = peer->listener;
    pthread_mutex_lock(&listener->lock);
    const bool first = listener->woken == NULL;
    if (!peer->woken) {
        peer->woken = true;
        peer->next_woken = listener->woken;
        listener->woken = peer;
    }
    pthread_mutex_unlock(&listener->lock);
    if (first) {
        uv_async_send(&listener->wakeup);
    }
}

static void mark_dirty(tcp_peer *peer)
{
    if (!peer->dirty) {
        peer->dirty = true;
        peer->next_dirty = peer->listener->dirty;
        peer->listener->dirty = peer;
    }
}

/* Now on the loop thread, otherwise by waking it. Under the peer's lock. */
static void ask_loop(tcp_peer *peer)
{
    if (on_loop_thread(peer)) {
        mark_dirty(peer);
    } else {
        wake_loop(peer);
    }
}

/* --- sending ----------------------------------------------------------------------------------- */

/* Under the lock: as much as the socket takes. */
static void send_now(tcp_peer *peer)
{
    struct iovec pieces[SEND_PIECES];
    while (peer->out.bytes != 0 && peer->failed == SY_OK) {
        struct msghdr message = {.msg_iov = pieces};
        message.msg_iovlen = syi_outgoing_pieces(&peer->out, pieces, SEND_PIECES);
        const ssize_t sent = sendmsg(peer->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            syi_outgoing_consume(&peer->out, (size_t)sent);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            peer->failed = SY_ECLOSED;
        }
    }
}

/* Under the lock. */
static sy_status queue_message(tcp_peer *peer, syi_message *message, sy_error *err)
{
    if (peer->fd < 0 || peer->closing || peer->failed != SY_OK) {
        return syi_fail_object(err, SY_ECLOSED, peer->base.address, "%s: the connection is closed",
                               peer->base.address);
    }
    const uint64_t length = syi_frame_length(message);
    const uint64_t max = peer->listener->options.send_queue_max;
    const bool was_empty = peer->out.bytes == 0;
    if (length > max || peer->out.bytes > max - length) {
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
    if (on_loop_thread(peer)) {
        mark_dirty(peer);
    } else {
        if (was_empty && length <= DIRECT_SEND_MAX) {
            send_now(peer); /* spares the way over the loop thread */
        }
        if ((peer->out.bytes != 0 && !peer->armed) || peer->failed != SY_OK) {
            wake_loop(peer);
        }
    }
    return SY_OK;
}

static sy_status tcp_peer_send(syi_peer *base, syi_message *message, sy_error *err)
{
    tcp_peer *peer = (tcp_peer *)base;
    pthread_mutex_lock(&peer->lock);
    const sy_status status = queue_message(peer, message, err);
    pthread_mutex_unlock(&peer->lock);
    syi_message_clear(message);
    return status;
}

/* --- what the loop waits for ------------------------------------------------------------------- */

static void on_event(uv_poll_t *poll, int status, int events);

/* `reading` and `armed` are what was seen under the lock. */
static void set_events(tcp_peer *peer, bool reading, bool armed)
{
    const int events = (reading ? UV_READABLE : 0) | (armed ? UV_WRITABLE : 0);
    if (events == peer->events || peer->ended) {
        return;
    }
    peer->events = events;
    if (events == 0) {
        uv_poll_stop(&peer->poll);
    } else {
        uv_poll_start(&peer->poll, events, on_event);
    }
}

/* All was sent and the other end is to be rid of: tells it, and waits until it closes too. */
static void shut_down(tcp_peer *peer, int fd, uint32_t linger_ms)
{
    if (linger_ms == 0) {
        syi_tcp_peer_end(peer, SY_ECLOSED, "the service closed it");
    } else if (!peer->shut) {
        peer->shut = true;
        shutdown(fd, SHUT_WR);
    }
}

static void on_timer(uv_timer_t *timer);

static void linger(tcp_peer *peer, uint32_t linger_ms)
{
    if (!peer->lingering && linger_ms != 0) {
        peer->lingering = true;
        uv_timer_start(&peer->timer, on_timer, linger_ms, 0);
    }
}

static const char *sentence_of(sy_status failed)
{
    return failed == SY_ELIMIT ? "it does not read what is sent to it"
                               : "the other end closed the connection";
}

void syi_tcp_peer_look(tcp_peer *peer)
{
    if (peer->ended) {
        return;
    }
    pthread_mutex_lock(&peer->lock);
    atomic_store_explicit(&peer->pending, false, memory_order_relaxed);
    if (peer->new_account) {
        syi_frame_reader_set_account(peer->reader, peer->account);
        peer->new_account = false;
    }
    if (peer->new_limits) {
        syi_frame_reader_set_limits(peer->reader, &peer->limits);
        peer->new_limits = false;
    }
    send_now(peer);
    peer->armed = peer->out.bytes != 0;
    const bool armed = peer->armed;
    const bool closing = peer->closing;
    const bool reading = peer->reading || closing; /* to see the other end's close */
    const sy_status failed = peer->failed;
    const uint32_t linger_ms = peer->linger_ms;
    const int fd = peer->fd;
    pthread_mutex_unlock(&peer->lock);
    if (failed != SY_OK) {
        syi_tcp_peer_end(peer, failed, sentence_of(failed));
    } else if (closing) {
        linger(peer, linger_ms);
        if (!armed || linger_ms == 0) {
            shut_down(peer, fd, linger_ms);
        }
    }
    set_events(peer, reading, armed);
}

void syi_tcp_flush_dirty(tcp_listener *listener)
{
    while (listener->dirty != NULL) {
        tcp_peer *peer = listener->dirty;
        listener->dirty = peer->next_dirty;
        peer->dirty = false;
        syi_tcp_peer_look(peer);
    }
}

/* --- reading ----------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
    tcp_peer *peer = timer->data;
    tcp_listener *listener = peer->listener;
    if (peer->lingering) {
        syi_tcp_peer_end(peer, SY_ECLOSED, "the service closed it");
    } else {
        char sentence[128];
        snprintf(sentence, sizeof sentence, "it sent no whole frame in its first %" PRIu32 " ms",
                 listener->options.first_frame_ms);
        syi_tcp_peer_end(peer, SY_ETIMEDOUT, sentence);
    }
    syi_tcp_flush_dirty(listener);
}

static void deliver(tcp_peer *peer)
{
    tcp_listener *listener = peer->listener;
    syi_message *arrived = &listener->arrived;
    syi_frame_reader_take(peer->reader, arrived);
    if (!peer->greeted) {
        peer->greeted = true;
        uv_timer_stop(&peer->timer); /* not lingering yet: then nothing is delivered */
    }
    syi_traffic_add(&peer->base.traffic.frames_received, 1);
    syi_traffic_add(&peer->base.traffic.bytes_received, syi_frame_length(arrived));
    listener->service.received(peer->session, arrived);
    syi_message_clear(arrived);
    syi_message_trim(arrived);
}

/* Is this peer's input still wanted? `closing` is set by the service, perhaps just now. */
static bool is_listened_to(tcp_peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    const bool wanted = !peer->closing && peer->failed == SY_OK;
    pthread_mutex_unlock(&peer->lock);
    return wanted;
}

static void break_off(tcp_peer *peer, const sy_error *err)
{
    syi_log(peer->context, SY_LOG_INFO, "transport", NULL, 0, "%s: %s", peer->base.address,
            err->message);
    syi_tcp_peer_end(peer, err->status, err->message);
}

/* `direct` bytes lie in the reader's place, `extra` at the start of the loop's buffer. */
static void take_bytes(tcp_peer *peer, size_t direct, size_t extra)
{
    sy_error err = SY_ERROR_INIT;
    sy_status status = SY_OK;
    bool done = false;
    if (direct != 0) {
        status = syi_frame_reader_advance(peer->reader, direct, &done, &err);
        if (status == SY_OK && done) {
            deliver(peer);
        }
    }
    const uint8_t *bytes = peer->listener->ahead;
    while (status == SY_OK && extra != 0 && is_listened_to(peer)) {
        size_t used;
        status = syi_frame_reader_copy(peer->reader, bytes, extra, &used, &done, &err);
        bytes += used;
        extra -= used;
        if (status == SY_OK && done) {
            deliver(peer);
        }
    }
    if (status != SY_OK) {
        break_off(peer, &err);
    }
}

/* One read. Returns the bytes that came, 0 when there is no more now (or the peer has ended). */
static size_t read_once(tcp_peer *peer)
{
    uint8_t *place;
    size_t room;
    syi_frame_reader_want(peer->reader, &place, &room);
    if (room < DIRECT_FROM) {
        room = 0;
    }
    struct iovec places[2] = {
        {.iov_base = place, .iov_len = room},
        {.iov_base = peer->listener->ahead, .iov_len = SYI_TCP_AHEAD},
    };
    struct msghdr message = {.msg_iov = room == 0 ? places + 1 : places,
                             .msg_iovlen = room == 0 ? 1 : 2};
    const ssize_t count = room == 0 ? recv(peer->fd, peer->listener->ahead, SYI_TCP_AHEAD, 0)
                                    : recvmsg(peer->fd, &message, 0);
    if (count > 0) {
        const size_t direct = (size_t)count < room ? (size_t)count : room;
        take_bytes(peer, direct, (size_t)count - direct);
        return (size_t)count < room + SYI_TCP_AHEAD ? 0 : (size_t)count;
    }
    if (count == 0) {
        syi_tcp_peer_end(peer, SY_ECLOSED,
                         syi_frame_reader_is_idle(peer->reader)
                             ? "the other end closed the connection"
                             : "the other end closed the connection in the middle of a message");
    } else if (errno != EAGAIN && errno != EINTR) {
        syi_tcp_peer_end(peer, SY_ECLOSED, "the other end reset the connection");
    }
    return 0;
}

/* After syi_peer_close: what still comes is dropped; only its end is of interest. */
static void drop_input(tcp_peer *peer)
{
    const ssize_t count = recv(peer->fd, peer->listener->ahead, SYI_TCP_AHEAD, 0);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
        syi_tcp_peer_end(peer, SY_ECLOSED, "the service closed it");
    }
}

static void read_turn(tcp_peer *peer)
{
    size_t taken = 0;
    size_t count = 1;
    while (count != 0 && taken < READ_TURN && !peer->ended) {
        if (atomic_load_explicit(&peer->pending, memory_order_acquire)) {
            syi_tcp_peer_look(peer);
            if (peer->ended || (peer->events & UV_READABLE) == 0) {
                return;
            }
        }
        if (!is_listened_to(peer)) {
            drop_input(peer);
            return;
        }
        count = read_once(peer);
        taken += count;
    }
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    tcp_peer *peer = poll->data;
    tcp_listener *listener = peer->listener;
    listener->activity++;
    if (status < 0) {
        syi_tcp_peer_end(peer, SY_ECLOSED, "the other end reset the connection");
    } else {
        if ((events & UV_WRITABLE) != 0) {
            syi_tcp_peer_look(peer);
        }
        if ((events & UV_READABLE) != 0 && !peer->ended) {
            read_turn(peer);
        }
    }
    syi_tcp_flush_dirty(listener);
}

/* --- settings ---------------------------------------------------------------------------------- */

static void tcp_peer_close(syi_peer *base, uint32_t linger_ms)
{
    tcp_peer *peer = (tcp_peer *)base;
    pthread_mutex_lock(&peer->lock);
    if (peer->fd >= 0 && !peer->closing) {
        peer->closing = true;
        peer->linger_ms = linger_ms;
        atomic_store_explicit(&peer->pending, true, memory_order_release);
        ask_loop(peer);
    }
    pthread_mutex_unlock(&peer->lock);
}

static void tcp_peer_set_reading(syi_peer *base, bool reading)
{
    tcp_peer *peer = (tcp_peer *)base;
    pthread_mutex_lock(&peer->lock);
    peer->reading = reading;
    if (peer->fd >= 0) {
        atomic_store_explicit(&peer->pending, true, memory_order_release);
        ask_loop(peer);
    }
    pthread_mutex_unlock(&peer->lock);
}

static void tcp_peer_set_account(syi_peer *base, syi_account *account)
{
    tcp_peer *peer = (tcp_peer *)base;
    pthread_mutex_lock(&peer->lock);
    if (peer->fd < 0) {
        /* nothing will be read any more */
    } else if (on_loop_thread(peer)) {
        syi_frame_reader_set_account(peer->reader, account);
    } else {
        peer->account = account;
        peer->new_account = true;
        atomic_store_explicit(&peer->pending, true, memory_order_release);
        wake_loop(peer);
    }
    pthread_mutex_unlock(&peer->lock);
}

static void tcp_peer_set_limits(syi_peer *base, const syi_frame_limits *limits)
{
    tcp_peer *peer = (tcp_peer *)base;
    pthread_mutex_lock(&peer->lock);
    if (peer->fd < 0) {
        /* nothing will be read any more */
    } else if (on_loop_thread(peer)) {
        syi_frame_reader_set_limits(peer->reader, limits);
    } else {
        peer->limits = *limits;
        peer->new_limits = true;
        atomic_store_explicit(&peer->pending, true, memory_order_release);
        wake_loop(peer);
    }
    pthread_mutex_unlock(&peer->lock);
}

/* --- life -------------------------------------------------------------------------------------- */

static void tcp_peer_free(syi_peer *base)
{
    tcp_peer *peer = (tcp_peer *)base;
    syi_outgoing_fini(&peer->out);
    syi_frame_reader_free(peer->reader);
    pthread_mutex_destroy(&peer->lock);
    syi_free(peer->context, peer, sizeof *peer);
}

static const syi_peer_class tcp_peer_class = {
    .send = tcp_peer_send,
    .close = tcp_peer_close,
    .set_reading = tcp_peer_set_reading,
    .set_account = tcp_peer_set_account,
    .set_limits = tcp_peer_set_limits,
    .free = tcp_peer_free,
};

static void on_handle_closed(uv_handle_t *handle)
{
    tcp_peer *peer = handle->data;
    if (--peer->handles == 0) {
        syi_peer_unref(&peer->base);
    }
}

/* Takes it out of the lists of the listener. */
static void unlist(tcp_peer *peer)
{
    tcp_listener *listener = peer->listener;
    if (peer->previous == NULL) {
        listener->peers = peer->next;
    } else {
        peer->previous->next = peer->next;
    }
    if (peer->next != NULL) {
        peer->next->previous = peer->previous;
    }
    listener->live--;
    pthread_mutex_lock(&listener->lock);
    if (peer->woken) {
        tcp_peer **at = &listener->woken;
        while (*at != peer) {
            at = &(*at)->next_woken;
        }
        *at = peer->next_woken;
        peer->woken = false;
    }
    pthread_mutex_unlock(&listener->lock);
}

void syi_tcp_peer_end(tcp_peer *peer, sy_status why, const char *sentence)
{
    if (peer->ended) {
        return;
    }
    peer->ended = true;
    uv_timer_stop(&peer->timer);
    uv_close((uv_handle_t *)&peer->timer, on_handle_closed);
    uv_close((uv_handle_t *)&peer->poll, on_handle_closed);
    pthread_mutex_lock(&peer->lock);
    close(peer->fd);
    peer->fd = -1;
    syi_outgoing_fini(&peer->out);
    pthread_mutex_unlock(&peer->lock);
    unlist(peer);
    if (peer->session != NULL) {
        peer->listener->service.closed(peer->session, why, sentence);
    } else {
        syi_peer_unref(&peer->base); /* the reference that `opened` did not take */
    }
}

static tcp_peer *peer_new(tcp_listener *listener, int fd, const char *address, bool loopback)
{
    sy_context *context = listener->base.context;
    tcp_peer *peer = syi_alloc(context, sizeof *peer);
    if (peer == NULL) {
        return NULL;
    }
    if (syi_frame_reader_new(context, &peer->reader, &listener->options.limits, NULL, NULL) !=
        SY_OK) {
        syi_free(context, peer, sizeof *peer);
        return NULL;
    }
    peer->base.klass = &tcp_peer_class;
    peer->base.loopback = loopback;
    atomic_init(&peer->base.refs, 2); /* the session's and the loop's */
    snprintf(peer->base.address, sizeof peer->base.address, "%s", address);
    peer->context = context;
    peer->listener = listener;
    peer->fd = fd;
    peer->reading = true;
    atomic_init(&peer->pending, false);
    pthread_mutex_init(&peer->lock, NULL);
    syi_outgoing_init(&peer->out, context, false);
    return peer;
}

void syi_tcp_peer_open(tcp_listener *listener, int fd, const char *address, bool loopback)
{
    const int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    tcp_peer *peer = peer_new(listener, fd, address, loopback);
    if (peer == NULL || uv_poll_init(&listener->loop, &peer->poll, fd) != 0) {
        syi_log(listener->base.context, SY_LOG_WARNING, "transport", NULL, 0,
                "%s: refused %s: out of memory", listener->base.url, address);
        if (peer != NULL) {
            tcp_peer_free(&peer->base);
        }
        close(fd);
        return;
    }
    uv_timer_init(&listener->loop, &peer->timer);
    peer->poll.data = peer;
    peer->timer.data = peer;
    peer->handles = 2;
    peer->next = listener->peers;
    if (peer->next != NULL) {
        peer->next->previous = peer;
    }
    listener->peers = peer;
    listener->live++;
    peer->session = listener->service.opened(listener->service.user, &peer->base);
    if (peer->session == NULL) {
        syi_tcp_peer_end(peer, SY_ECLOSED, "the service refused it");
        return;
    }
    uv_timer_start(&peer->timer, on_timer, listener->options.first_frame_ms, 0);
    syi_tcp_peer_look(peer);
}
