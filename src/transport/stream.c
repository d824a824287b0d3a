/* stream.c - connecting, writing and reading of a client's TCP socket. Tests: tcp_test.c, websocket_test.c. */
#include "transport/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/surroundings.h"

/* --- waiting ----------------------------------------------------------------------------------- */

/* Milliseconds to the deadline, rounded up; 0 when it has passed, -1 for none. */
static int milliseconds_left(const sy_context *context, uint64_t deadline)
{
    if (deadline == 0) {
        return -1;
    }
    const uint64_t now = syi_clock_now(context);
    if (now >= deadline) {
        return 0;
    }
    const uint64_t left = (deadline - now + 999999) / 1000000;
    return left > 3600000 ? 3600000 : (int)left;
}

/* SY_OK when the socket is ready for `events` (or has failed), SY_ETIMEDOUT, SY_EIO. */
static sy_status wait_for(const sy_context *context, int fd, short events, uint64_t deadline)
{
    for (;;) {
        struct pollfd socket = {.fd = fd, .events = events};
        const int timeout = milliseconds_left(context, deadline);
        const int ready = poll(&socket, 1, timeout);
        if (ready > 0) {
            return SY_OK;
        }
        if (ready < 0 && errno != EINTR && errno != EAGAIN) {
            return SY_EIO;
        }
        if (ready == 0 && milliseconds_left(context, deadline) == 0) {
            return SY_ETIMEDOUT;
        }
    }
}

static sy_status fail_errno(syi_stream *stream, const char *what, int code, sy_error *err)
{
    char text[128];
    atomic_store_explicit(&stream->broken, true, memory_order_relaxed);
    return syi_fail_object(err, code == ECONNRESET || code == EPIPE ? SY_ECLOSED : SY_EIO,
                           stream->url, "%s: %s: %s", stream->url, what,
                           strerror_r(code, text, sizeof text));
}

sy_status syi_stream_fail_closed(syi_stream *stream, const char *what, sy_error *err)
{
    atomic_store_explicit(&stream->broken, true, memory_order_relaxed);
    return syi_fail_object(err, SY_ECLOSED, stream->url, "%s: %s", stream->url, what);
}

#define DRAIN_TURNS 64 /* one that never stops sending is not waited for */
#define SEND_FLAGS (MSG_NOSIGNAL | MSG_DONTWAIT)

/* A thread that waits long does so in recv itself, one system call instead of three, and looks at the
 * clock after each slice. */
#define SLICE_S 1
#define SLICE_NS (UINT64_C(1000000000) * SLICE_S)

/* --- connecting -------------------------------------------------------------------------------- */

/* 0, or an errno value; ETIMEDOUT when the deadline has passed. */
static int connect_one(const sy_context *context, const struct addrinfo *address, uint64_t deadline,
                       int *connected)
{
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return errno;
    }
    int code = 0;
    const int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
        code = errno;
        if (code == EINPROGRESS) {
            socklen_t size = sizeof code;
            const sy_status status = wait_for(context, fd, POLLOUT, deadline);
            if (status != SY_OK) {
                code = status == SY_ETIMEDOUT ? ETIMEDOUT : EIO;
            } else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0) {
                code = errno;
            }
        }
    }
    const struct timeval slice = {.tv_sec = SLICE_S};
    if (code == 0 && (fcntl(fd, F_SETFL, 0) != 0 || /* blocks from now on, unless MSG_DONTWAIT */
                      setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof slice) != 0)) {
        code = errno;
    }
    if (code != 0) {
        close(fd);
        return code;
    }
    *connected = fd;
    return 0;
}

static sy_status resolve(struct addrinfo **found, const char *url, const char *host, uint16_t port,
                         sy_error *err)
{
    char service[8];
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    snprintf(service, sizeof service, "%u", (unsigned)port);
    const int code = getaddrinfo(host, service, &hints, found);
    if (code != 0) {
        return syi_fail_object(err, code == EAI_MEMORY ? SY_ENOMEM : SY_ECLOSED, url,
                               "%s: host \"%s\": %s", url, host, gai_strerror(code));
    }
    return SY_OK;
}

sy_status syi_stream_connect(syi_stream *stream, sy_context *context, const char *url,
                             const char *host, uint16_t port, unsigned spin_us, uint64_t deadline,
                             sy_error *err)
{
    *stream = (syi_stream){.context = context, .url = url, .fd = -1, .spin_us = spin_us};
    atomic_init(&stream->broken, false);
    struct addrinfo *found;
    SY_TRY(resolve(&found, url, host, port, err));
    int code = ECONNREFUSED;
    for (const struct addrinfo *at = found; at != NULL && code != 0 && code != ETIMEDOUT;
         at = at->ai_next) {
        code = connect_one(context, at, deadline, &stream->fd);
    }
    freeaddrinfo(found);
    if (code != 0) {
        char text[128];
        const sy_status status = code == ETIMEDOUT ? SY_ETIMEDOUT : SY_ECLOSED;
        return syi_fail_object(err, status, url, "%s: cannot connect: %s", url,
                               strerror_r(code, text, sizeof text));
    }
    stream->ahead = syi_alloc_aligned(context, SYI_STREAM_AHEAD, 64);
    if (stream->ahead == NULL) {
        syi_stream_close(stream);
        return SYI_ENOMEM(err, url);
    }
    return SY_OK;
}

/* TLS has failed; the certificate that was refused is the user's business. */
static sy_status fail_tls(syi_stream *stream, sy_error *err)
{
    const bool refusal = syi_tls_is_refusal(stream->tls);
    atomic_store_explicit(&stream->broken, true, memory_order_relaxed);
    return syi_fail_object(err, refusal ? SY_EPERM : SY_EPROTO, stream->url, "%s: %s", stream->url,
                           syi_tls_get_failure(stream->tls));
}

/* Under TLS 1.3 a server learns who the client is only when the client has gone on; one that closes at once resets the
 * connection under what is being sent. Why may have come before that. */
static bool hears_alert(syi_stream *stream)
{
    uint8_t *room = syi_alloc(stream->context, SYI_TLS_RECORD);
    ssize_t count = room != NULL ? 1 : 0;
    while (count > 0) {
        count = syi_tls_read(stream->tls, room, SYI_TLS_RECORD);
    }
    if (room != NULL) {
        syi_free(stream->context, room, SYI_TLS_RECORD);
    }
    return count < 0 && syi_tls_get_failure(stream->tls)[0] != '\0';
}

static sy_status shake_hands(syi_stream *stream, uint64_t deadline, sy_error *err)
{
    for (;;) {
        const int over = syi_tls_handshake(stream->tls);
        if (over == 1) {
            return SY_OK;
        }
        if (over < 0) {
            return syi_tls_get_failure(stream->tls)[0] != '\0'
                       ? fail_tls(stream, err)
                       : syi_stream_fail_closed(
                             stream, "the other end closed the connection in the TLS handshake",
                             err);
        }
        const sy_status status =
            wait_for(stream->context, stream->fd, syi_tls_wants(stream->tls), deadline);
        if (status == SY_ETIMEDOUT) {
            return syi_fail_object(err, SY_ETIMEDOUT, stream->url,
                                   "%s: no TLS handshake before the deadline", stream->url);
        }
        if (status != SY_OK) {
            return fail_errno(stream, "TLS handshake", errno, err);
        }
    }
}

sy_status syi_stream_encrypt(syi_stream *stream, syi_tls_config *config, const char *host,
                             uint64_t deadline, sy_error *err)
{
    syi_tls_config *own = NULL;
    if (config == NULL) {
        SY_TRY(syi_tls_config_new(stream->context, &own, NULL, err));
        config = own;
    }
    sy_status status = syi_tls_new(stream->context, &stream->tls, config, stream->fd, host, err);
    syi_tls_config_unref(own);
    return status == SY_OK ? shake_hands(stream, deadline, err) : status;
}

void syi_stream_close(syi_stream *stream)
{
    if (stream->tls != NULL) {
        syi_tls_say_goodbye(stream->tls);
        syi_tls_free(stream->tls);
        stream->tls = NULL;
    }
    if (stream->fd >= 0) {
        close(stream->fd);
        stream->fd = -1;
    }
    syi_free(stream->context, stream->ahead, SYI_STREAM_AHEAD);
    stream->ahead = NULL;
}

void syi_stream_drain(syi_stream *stream)
{
    ssize_t count = 1;
    for (int i = 0; i < DRAIN_TURNS && count > 0; i++) {
        count = recv(stream->fd, stream->ahead, SYI_STREAM_AHEAD, MSG_DONTWAIT);
    }
}

bool syi_stream_is_open(syi_stream *stream)
{
    if (atomic_load_explicit(&stream->broken, memory_order_relaxed)) {
        return false;
    }
    uint8_t byte;
    const ssize_t count = recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
}

void syi_stream_shut(syi_stream *stream)
{
    atomic_store_explicit(&stream->broken, true, memory_order_relaxed);
    shutdown(stream->fd, SHUT_RDWR);
}

/* --- writing ----------------------------------------------------------------------------------- */

/* Takes `count` written bytes off the front; returns the number of pieces used up. */
static size_t use_up(struct iovec *pieces, size_t pieces_count, size_t count)
{
    size_t i = 0;
    while (i < pieces_count && count >= pieces[i].iov_len) {
        count -= pieces[i].iov_len;
        i++;
    }
    if (count != 0) {
        pieces[i].iov_base = (uint8_t *)pieces[i].iov_base + count;
        pieces[i].iov_len -= count;
    }
    return i;
}

/* As much as goes at once, like sendmsg. */
static ssize_t write_once(syi_stream *stream, const struct msghdr *message)
{
    const struct iovec *pieces = message->msg_iov;
    if (stream->tls != NULL) {
        return syi_tls_write(stream->tls, pieces, message->msg_iovlen);
    }
    return message->msg_iovlen == 1
               ? send(stream->fd, pieces[0].iov_base, pieces[0].iov_len, SEND_FLAGS)
               : sendmsg(stream->fd, message, SEND_FLAGS);
}

sy_status syi_stream_write(syi_stream *stream, struct iovec *pieces, size_t count,
                           uint64_t deadline, sy_error *err)
{
    bool begun = false;
    size_t at = use_up(pieces, count, 0); /* empty ones in front */
    if (atomic_load_explicit(&stream->broken, memory_order_relaxed)) {
        return syi_stream_fail_closed(stream, "the connection is closed", err);
    }
    while (at < count) {
        const struct msghdr message = {
            .msg_iov = pieces + at,
            .msg_iovlen = count - at < SYI_STREAM_IOVECS ? count - at : SYI_STREAM_IOVECS,
        };
        const ssize_t sent = write_once(stream, &message);
        if (sent >= 0) {
            begun = begun || sent > 0;
            at += use_up(pieces + at, count - at, (size_t)sent);
            continue;
        }
        if (errno == EINTR) {
            continue;
        }
        if (errno == EPROTO && stream->tls != NULL) {
            return fail_tls(stream, err);
        }
        if (errno != EAGAIN) {
            const int code = errno;
            if (stream->tls != NULL && hears_alert(stream)) {
                return fail_tls(stream, err);
            }
            return fail_errno(stream, "sending", code, err);
        }
        const short events = stream->tls != NULL ? syi_tls_wants(stream->tls) : POLLOUT;
        const sy_status status = wait_for(stream->context, stream->fd, events, deadline);
        if (status == SY_ETIMEDOUT) {
            if (begun) {
                atomic_store_explicit(&stream->broken, true, memory_order_relaxed);
            }
            return syi_fail_object(err, SY_ETIMEDOUT, stream->url,
                                   "%s: the other end did not read before the deadline%s",
                                   stream->url, begun ? "; half a message was sent" : "");
        }
        if (status != SY_OK) {
            return fail_errno(stream, "waiting to send", errno, err);
        }
    }
    return SY_OK;
}

/* --- reading ----------------------------------------------------------------------------------- */

/* Places too small for a whole record are filled by way of the read-ahead. */
static ssize_t read_decrypted(syi_stream *stream, uint8_t *place, size_t room)
{
    if (room >= SYI_TLS_RECORD) {
        return syi_tls_read(stream->tls, place, room);
    }
    const ssize_t count = syi_tls_read(stream->tls, stream->ahead, SYI_STREAM_AHEAD);
    if (count > 0 && room > 0) { /* the beginning goes where recvmsg would have put it */
        const size_t direct = (size_t)count < room ? (size_t)count : room;
        memcpy(place, stream->ahead, direct);
        memmove(stream->ahead, stream->ahead + direct, (size_t)count - direct);
    }
    return count;
}

/* One read; bytes beyond `room` land in the read-ahead. */
static ssize_t read_once(syi_stream *stream, uint8_t *place, size_t room, int flags)
{
    if (stream->tls != NULL) {
        return read_decrypted(stream, place, room);
    }
    if (room == 0) {
        return recv(stream->fd, stream->ahead, SYI_STREAM_AHEAD, flags);
    }
    struct iovec places[2] = {
        {.iov_base = place, .iov_len = room},
        {.iov_base = stream->ahead, .iov_len = SYI_STREAM_AHEAD},
    };
    struct msghdr message = {.msg_iov = places, .msg_iovlen = 2};
    return recvmsg(stream->fd, &message, flags);
}

/* Tries for a while before the thread sleeps: waking an idle core costs more than most replies take. */
static ssize_t read_spinning(syi_stream *stream, uint8_t *place, size_t room)
{
    const uint64_t until = syi_clock_now(stream->context) + UINT64_C(1000) * stream->spin_us;
    ssize_t count = read_once(stream, place, room, MSG_DONTWAIT);
    while (count < 0 && errno == EAGAIN && syi_clock_now(stream->context) < until) {
        sched_yield();
        count = read_once(stream, place, room, MSG_DONTWAIT);
    }
    return count;
}

/* Waits for bytes, at most for a slice or until the deadline. EAGAIN: none came. */
static ssize_t read_waiting(syi_stream *stream, uint8_t *place, size_t room, uint64_t deadline)
{
    if (stream->spin_us != 0) {
        const ssize_t count = read_spinning(stream, place, room);
        if (count >= 0 || errno != EAGAIN) {
            return count;
        }
    }
    if (stream->tls != NULL) { /* it never blocks, and has nothing ready when the socket has not */
        const ssize_t count = read_once(stream, place, room, 0);
        if (count >= 0 || errno != EAGAIN) {
            return count;
        }
    } else if (deadline == 0 || deadline > syi_clock_now(stream->context) + 2 * SLICE_NS) {
        return read_once(stream, place, room, 0);
    }
    const short events = stream->tls != NULL ? syi_tls_wants(stream->tls) : POLLIN;
    const sy_status status = wait_for(stream->context, stream->fd, events, deadline);
    if (status == SY_EIO) {
        return -1;
    }
    return read_once(stream, place, room, MSG_DONTWAIT);
}

sy_status syi_stream_read(syi_stream *stream, uint8_t *place, size_t room, size_t *direct,
                          uint64_t deadline, bool inside, sy_error *err)
{
    stream->ahead_start = 0;
    stream->ahead_end = 0;
    *direct = 0;
    if (atomic_load_explicit(&stream->broken, memory_order_relaxed)) {
        return syi_stream_fail_closed(stream, "the connection is closed", err);
    }
    for (;;) {
        const ssize_t count = read_waiting(stream, place, room, deadline);
        if (count > 0) {
            *direct = (size_t)count < room ? (size_t)count : room;
            stream->ahead_end = (size_t)count - *direct;
            return SY_OK;
        }
        if (count == 0) {
            return syi_stream_fail_closed(
                stream,
                inside ? "the other end closed the connection in the middle of a message"
                       : "the other end closed the connection",
                err);
        }
        if (errno == EPROTO && stream->tls != NULL) {
            return fail_tls(stream, err);
        }
        if (errno != EAGAIN && errno != EINTR) {
            return fail_errno(stream, "receiving", errno, err);
        }
        if (deadline != 0 && syi_clock_now(stream->context) >= deadline) {
            return syi_fail_object(err, SY_ETIMEDOUT, stream->url,
                                   "%s: nothing came before the deadline", stream->url);
        }
    }
}
