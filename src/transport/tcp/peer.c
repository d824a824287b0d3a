/* peer.c - one client of a tcp listener: reading on the loop thread, sending from any. Test: tcp_test.c. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/surroundings.h"
#include "transport/tcp/loop.h"

#define DIRECT_FROM ((size_t)8192) /* smaller places are filled from the loop's buffer */
#define BORROWED_AHEAD ((size_t)32 * 1024)
#define LOAN_MS 2
#define HOLD_MS 2
#define READ_TURN ((size_t)4096 * 1024) /* then other connections have theirs */
#define SEND_PIECES 64
#define SEND_FLAGS (MSG_NOSIGNAL | MSG_DONTWAIT)

static void on_event(uv_poll_t *poll, int status, int events);
static void on_timer(uv_timer_t *timer);
static void on_loan(uv_timer_t *timer);
static void on_held(uv_timer_t *timer);

/* --- sending and closing ----------------------------------------------------------------------- */

static ssize_t write_once(tcp_peer *peer, const struct msghdr *message)
{
    const struct iovec *pieces = message->msg_iov;
    if (peer->tls != NULL) {
        return syi_tls_write(peer->tls, pieces, message->msg_iovlen);
    }
    return message->msg_iovlen == 1
               ? send(peer->fd, pieces[0].iov_base, pieces[0].iov_len, SEND_FLAGS)
               : sendmsg(peer->fd, message, SEND_FLAGS);
}

static bool tcp_send_now(syi_server_peer *common)
{
    tcp_peer *peer = (tcp_peer *)common;
    struct iovec pieces[SEND_PIECES];
    while (common->out.bytes != 0) {
        struct msghdr message = {.msg_iov = pieces};
        message.msg_iovlen = syi_outgoing_pieces(&common->out, pieces, SEND_PIECES);
        const ssize_t sent = write_once(peer, &message);
        if (sent >= 0) {
            syi_outgoing_consume(&common->out, (size_t)sent);
        } else if (errno == EAGAIN) {
            return false;
        } else if (errno != EINTR) {
            return true;
        }
    }
    return false;
}

static void set_events(tcp_peer *peer, int events)
{
    if (events == peer->events || peer->common.ended) {
        return;
    }
    peer->events = events;
    if (events == 0) {
        uv_poll_stop(&peer->poll);
    } else {
        uv_poll_start(&peer->poll, events, on_event);
    }
}

/* The service wants to be rid of it: says goodbye when all is sent, and waits until it closes too. */
static void close_politely(tcp_peer *peer, const syi_server_wish *wish)
{
    if (wish->linger_ms == 0) {
        syi_tcp_peer_end(peer, SY_ECLOSED, "the service closed it");
        return;
    }
    if (!peer->lingering) {
        peer->lingering = true;
        uv_timer_start(&peer->timer, on_timer, wish->linger_ms, 0);
    }
    if (wish->queued == 0 && !peer->shut) {
        peer->shut = true;
        if (peer->tls != NULL) {
            syi_tls_say_goodbye(peer->tls);
        }
        shutdown(peer->fd, SHUT_WR);
    }
}

static void tcp_update(syi_server_peer *common)
{
    tcp_peer *peer = (tcp_peer *)common;
    const syi_server_wish wish = syi_server_peer_apply(common);
    if (wish.failed != SY_OK) {
        syi_tcp_peer_end(peer, wish.failed, syi_server_sentence(wish.failed));
        return;
    }
    if (wish.closing) {
        close_politely(peer, &wish);
    }
    if (common->lent && (wish.closing || !syi_server_peer_is_borrowed(common))) {
        common->lent = false;
        uv_timer_stop(&peer->loan);
    }
    if (wish.holds && !uv_is_active((uv_handle_t *)&peer->holding)) {
        uv_timer_start(&peer->holding, on_held, HOLD_MS, 0);
    }
    /* While closing, reading shows the other end's close. */
    const int readable = (wish.reading && !common->lent) || wish.closing ? UV_READABLE : 0;
    set_events(peer, readable | (wish.queued != 0 ? UV_WRITABLE : 0));
}

/* What nobody waited for has waited long enough. */
static void on_held(uv_timer_t *timer)
{
    const tcp_peer *peer = timer->data;
    syi_server *server = &peer->listener->server;
    syi_server_peer_release_held(timer->data);
    syi_server_flush_dirty(server);
}

/* A frame began a while ago. */
static void look_at_frame(tcp_peer *peer)
{
    char sentence[128];
    pthread_mutex_lock(&peer->common.reading_lock);
    const syi_stall stall = syi_server_peer_look(&peer->common, (peer->events & UV_READABLE) != 0);
    pthread_mutex_unlock(&peer->common.reading_lock);
    switch (stall) {
    case SYI_STALL_OVER:
        break;
    case SYI_STALL_AGAIN:
        uv_timer_start(&peer->timer, on_timer, peer->listener->server.options.stall_ms, 0);
        break;
    case SYI_STALL_DEAD:
        syi_server_say_stalled(&peer->common, sentence, sizeof sentence);
        syi_tcp_peer_end(peer, SY_ETIMEDOUT, sentence);
        break;
    }
}

static void on_timer(uv_timer_t *timer)
{
    tcp_peer *peer = timer->data;
    tcp_listener *listener = peer->listener;
    if (peer->lingering) {
        syi_tcp_peer_end(peer, SY_ECLOSED, "the service closed it");
    } else if (peer->common.greeted) {
        look_at_frame(peer);
    } else {
        char sentence[128];
        snprintf(sentence, sizeof sentence, "it sent no whole frame in its first %" PRIu32 " ms",
                 listener->server.options.first_frame_ms);
        syi_tcp_peer_end(peer, SY_ETIMEDOUT, sentence);
    }
    syi_server_flush_dirty(&listener->server);
}

/* --- reading ----------------------------------------------------------------------------------- */

/* `direct` bytes lie in the reader's place, `extra` at the start of the loop's buffer. */
static void take_bytes(tcp_peer *peer, size_t direct, size_t extra)
{
    bool first = false;
    if (direct != 0 && syi_server_peer_placed(&peer->common, direct, &first) != SY_OK) {
        syi_tcp_peer_end(peer, SY_EPROTO, "");
        return;
    }
    if (syi_server_peer_feed(&peer->common, peer->listener->ahead, extra, &first) != SY_OK) {
        syi_tcp_peer_end(peer, SY_EPROTO, "");
        return;
    }
    if (first && !peer->lingering) {
        uv_timer_stop(&peer->timer);
    }
    if (!peer->lingering && syi_server_peer_watch(&peer->common)) {
        uv_timer_start(&peer->timer, on_timer, peer->listener->server.options.stall_ms, 0);
    }
}

/* One read. Returns the bytes that came, 0 when there is no more now (or the peer has ended). */
static size_t read_once(tcp_peer *peer)
{
    uint8_t *place;
    size_t room;
    syi_frame_reader_want(peer->common.reader, &place, &room);
    if (room < DIRECT_FROM) {
        room = 0;
    }
    struct iovec places[2] = {
        {.iov_base = place, .iov_len = room},
        {.iov_base = peer->listener->ahead, .iov_len = SYI_TCP_AHEAD},
    };
    struct msghdr message = {.msg_iov = places, .msg_iovlen = 2};
    ssize_t count;
    if (peer->tls != NULL) {
        room = room < SYI_TLS_RECORD ? 0 : room;
        count = room != 0 ? syi_tls_read(peer->tls, place, room)
                          : syi_tls_read(peer->tls, peer->listener->ahead, SYI_TCP_AHEAD);
    } else {
        count = room == 0 ? recv(peer->fd, peer->listener->ahead, SYI_TCP_AHEAD, 0)
                          : recvmsg(peer->fd, &message, 0);
    }
    if (count > 0) {
        peer->listener->activity++;
        const size_t direct = (size_t)count < room ? (size_t)count : room;
        take_bytes(peer, direct, (size_t)count - direct);
        /* In the middle of something large the next bytes are here already, most often. */
        const bool more = room != 0 || (size_t)count == SYI_TCP_AHEAD || peer->tls != NULL;
        return more ? (size_t)count : 0;
    }
    if (count == 0) {
        syi_tcp_peer_end(peer, SY_ECLOSED,
                         syi_frame_reader_is_idle(peer->common.reader)
                             ? "the other end closed the connection"
                             : "the other end closed the connection in the middle of a message");
    } else if (errno == EPROTO && peer->tls != NULL) {
        char sentence[256];
        snprintf(sentence, sizeof sentence, "%s", syi_tls_get_failure(peer->tls));
        syi_tcp_peer_end(peer, SY_EPROTO, sentence);
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

/* A thread has borrowed it, or will soon again. */
static bool leave_to_borrowers(tcp_peer *peer)
{
    if (peer->lingering || !syi_server_peer_is_borrowed(&peer->common)) {
        return false;
    }
    peer->common.lent = true;
    peer->listener->hot = peer->listener->hot == peer ? NULL : peer->listener->hot;
    set_events(peer, peer->events & ~UV_READABLE);
    uv_timer_start(&peer->loan, on_loan, LOAN_MS, 0);
    return true;
}

/* Do they still read? */
static void on_loan(uv_timer_t *timer)
{
    tcp_peer *peer = timer->data;
    if (syi_server_peer_is_borrowed(&peer->common)) {
        uv_timer_start(&peer->loan, on_loan, LOAN_MS, 0);
        return;
    }
    peer->common.lent = false; /* whoever borrows it from here on finds this thread reading, too */
    tcp_update(&peer->common);
    if (peer->common.ended || peer->lingering) {
        return;
    }
    pthread_mutex_lock(&peer->common.reading_lock);
    const bool watch = syi_server_peer_watch(&peer->common); /* a frame that they began */
    pthread_mutex_unlock(&peer->common.reading_lock);
    if (watch) {
        uv_timer_start(&peer->timer, on_timer, peer->listener->server.options.stall_ms, 0);
    }
}

/* The loop thread's timers and its buffer are not touched. What is wrong with the connection the loop thread sees, too. */
static syi_came tcp_read(syi_server_peer *common)
{
    const tcp_peer *peer = (tcp_peer *)common;
    uint8_t ahead[BORROWED_AHEAD];
    uint8_t *place;
    size_t room;
    syi_frame_reader_want(common->reader, &place, &room);
    room = room < DIRECT_FROM ? 0 : room;
    struct iovec places[2] = {
        {.iov_base = place, .iov_len = room},
        {.iov_base = ahead, .iov_len = sizeof ahead},
    };
    struct msghdr message = {.msg_iov = places, .msg_iovlen = 2};
    const ssize_t count = room == 0 ? recv(peer->fd, ahead, sizeof ahead, MSG_DONTWAIT)
                                    : recvmsg(peer->fd, &message, MSG_DONTWAIT);
    if (count <= 0) {
        return count < 0 && (errno == EAGAIN || errno == EINTR) ? SYI_CAME_NOTHING : SYI_CAME_LAST;
    }
    const size_t direct = (size_t)count < room ? (size_t)count : room;
    const bool good = (direct == 0 || syi_server_peer_placed(common, direct, NULL) == SY_OK) &&
                      syi_server_peer_feed(common, ahead, (size_t)count - direct, NULL) == SY_OK;
    return good ? SYI_CAME_SOMETHING : SYI_CAME_LAST;
}

/* Under the lock. */
static int tcp_get_fd(syi_server_peer *common)
{
    const tcp_peer *peer = (tcp_peer *)common;
    return peer->tls == NULL ? peer->fd : -1;
}

static void read_available(tcp_peer *peer)
{
    size_t taken = 0;
    size_t count = 1;
    while (count != 0 && taken < READ_TURN && !peer->common.ended) {
        if (atomic_load_explicit(&peer->common.pending, memory_order_acquire)) {
            tcp_update(&peer->common);
            if (peer->common.ended || (peer->events & UV_READABLE) == 0) {
                return;
            }
        }
        if (!syi_server_peer_is_heard(&peer->common)) {
            drop_input(peer);
            return;
        }
        count = read_once(peer);
        taken += count;
    }
}

static void read_turn(tcp_peer *peer)
{
    if (leave_to_borrowers(peer)) {
        return;
    }
    pthread_mutex_lock(&peer->common.reading_lock);
    read_available(peer);
    pthread_mutex_unlock(&peer->common.reading_lock);
}

/* The service hears of the peer, and may refuse it. */
static void announce(tcp_peer *peer)
{
    if (!syi_server_peer_open(&peer->common)) {
        syi_tcp_peer_end(peer, SY_ECLOSED, "");
        return;
    }
    tcp_update(&peer->common);
}

#define ALERT_LINGER_MS 1000

/* What the other end sent meanwhile is read and dropped: closing on it would reset the connection, and the alert that
 * says why would be lost. */
static void refuse_handshake(tcp_peer *peer)
{
    const char *failure = syi_tls_get_failure(peer->tls);
    syi_log(peer->common.context, SY_LOG_INFO, "transport", NULL, 0, "%s: no TLS with %s: %s",
            peer->listener->base.url, syi_peer_get_address(&peer->common.base),
            failure[0] != '\0' ? failure : "it closed the connection");
    peer->lingering = true;
    uv_timer_start(&peer->timer, on_timer, ALERT_LINGER_MS, 0);
    shutdown(peer->fd, SHUT_WR);
    set_events(peer, UV_READABLE);
    drop_input(peer);
}

/* The first frame's time is running; who shows no proper certificate never reaches the service. */
static void shake_hands(tcp_peer *peer)
{
    if (peer->lingering) {
        drop_input(peer);
        return;
    }
    const int over = syi_tls_handshake(peer->tls);
    if (over == 1) {
        peer->handshaking = false;
        syi_tls_get_peer_name(peer->tls, peer->common.base.certified,
                              sizeof peer->common.base.certified);
        announce(peer);
    } else if (over == 0) {
        set_events(peer, syi_tls_wants(peer->tls) == POLLOUT ? UV_WRITABLE : UV_READABLE);
    } else {
        refuse_handshake(peer);
    }
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    tcp_peer *peer = poll->data;
    tcp_listener *listener = peer->listener;
    if (status < 0) {
        syi_tcp_peer_end(peer, SY_ECLOSED, "the other end reset the connection");
    } else if (peer->handshaking) {
        shake_hands(peer);
    } else {
        if ((events & UV_WRITABLE) != 0) {
            tcp_update(&peer->common);
        }
        if ((events & UV_READABLE) != 0 && !peer->common.ended) {
            listener->hot = peer;
            read_turn(peer);
        }
    }
    syi_server_flush_dirty(&listener->server);
}

void syi_tcp_peer_poke(tcp_peer *peer)
{
    if ((peer->events & UV_READABLE) != 0) {
        read_turn(peer);
        syi_server_flush_dirty(&peer->listener->server);
    }
}

/* --- life -------------------------------------------------------------------------------------- */

static void tcp_release(syi_server_peer *common)
{
    syi_tls_free(((tcp_peer *)common)->tls);
    syi_server_peer_fini(common);
    syi_free(common->context, common, sizeof(tcp_peer));
}

static void tcp_wake(syi_server *server)
{
    tcp_listener *listener =
        (tcp_listener *)(void *)((char *)server - offsetof(tcp_listener, server));
    uv_async_send(&listener->wakeup);
}

const syi_server_class syi_tcp_server_class = {
    .wake = tcp_wake,
    .send_now = tcp_send_now,
    .update = tcp_update,
    .holds = true,
    .get_fd = tcp_get_fd,
    .read = tcp_read,
    .release = tcp_release,
};

static void on_handle_closed(uv_handle_t *handle)
{
    tcp_peer *peer = handle->data;
    if (--peer->handles == 0) {
        syi_peer_unref(&peer->common.base);
    }
}

void syi_tcp_peer_end(tcp_peer *peer, sy_status why, const char *sentence)
{
    if (peer->fd < 0) {
        return;
    }
    pthread_mutex_lock(&peer->common.reading_lock); /* nobody reads from it */
    pthread_mutex_lock(&peer->common.lock);
    const int fd = peer->fd;
    peer->fd = -1;
    peer->common.open = false;
    pthread_mutex_unlock(&peer->common.lock);
    if (peer->listener->hot == peer) {
        peer->listener->hot = NULL;
    }
    uv_timer_stop(&peer->timer);
    uv_close((uv_handle_t *)&peer->timer, on_handle_closed);
    uv_close((uv_handle_t *)&peer->poll, on_handle_closed);
    uv_timer_stop(&peer->loan);
    uv_close((uv_handle_t *)&peer->loan, on_handle_closed);
    uv_timer_stop(&peer->holding);
    uv_close((uv_handle_t *)&peer->holding, on_handle_closed);
    close(fd);
    pthread_mutex_unlock(&peer->common.reading_lock);
    syi_server_peer_end(&peer->common, why, sentence);
}

static tcp_peer *peer_new(tcp_listener *listener, int fd, const char *address, bool loopback)
{
    sy_context *context = listener->base.context;
    tcp_peer *peer = syi_alloc(context, sizeof *peer);
    if (peer == NULL) {
        return NULL;
    }
    if (!syi_server_peer_init(&peer->common, &listener->server, address, loopback, false)) {
        syi_free(context, peer, sizeof *peer);
        return NULL;
    }
    if (listener->tls != NULL &&
        syi_tls_new(context, &peer->tls, listener->tls, fd, NULL, NULL) != SY_OK) {
        tcp_release(&peer->common);
        return NULL;
    }
    if (uv_poll_init(listener->loop, &peer->poll, fd) != 0) {
        tcp_release(&peer->common);
        return NULL;
    }
    uv_timer_init(listener->loop, &peer->timer);
    uv_timer_init(listener->loop, &peer->loan);
    peer->poll.data = peer;
    peer->timer.data = peer;
    uv_timer_init(listener->loop, &peer->holding);
    peer->loan.data = peer;
    peer->holding.data = peer;
    peer->handles = 4;
    peer->listener = listener;
    peer->fd = fd;
    return peer;
}

void syi_tcp_peer_open(tcp_listener *listener, int fd, const char *address, bool loopback)
{
    tcp_peer *peer = peer_new(listener, fd, address, loopback);
    if (peer == NULL) {
        syi_log(listener->base.context, SY_LOG_WARNING, "transport", NULL, 0,
                "%s: refused %s: out of memory", listener->base.url, address);
        close(fd);
        return;
    }
    syi_server_peer_list(&peer->common);
    uv_timer_start(&peer->timer, on_timer, listener->server.options.first_frame_ms, 0);
    peer->handshaking = peer->tls != NULL;
    if (peer->handshaking) {
        set_events(peer, UV_READABLE);
    } else {
        announce(peer);
    }
}
