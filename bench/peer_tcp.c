/* peer_tcp.c - a bare TCP server: epoll, one read, one answer. */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static bool read_all(int fd, void *bytes, size_t size)
{
    return recv(fd, bytes, size, MSG_WAITALL) == (ssize_t)size;
}

static bool write_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size != 0) {
        const ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            return false;
        }
        bytes += sent > 0 ? sent : 0;
        size -= sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

/* Returns when there is something to read: spinning for a while after the last time, then asleep. */
static void wait_readable(int epoll, unsigned spin_us)
{
    struct epoll_event event;
    const uint64_t until = spin_us != 0 ? now_us() + spin_us : 0;
    while (until != 0 && now_us() < until) {
        if (epoll_wait(epoll, &event, 1, 0) > 0) {
            return;
        }
        sched_yield();
    }
    while (epoll_wait(epoll, &event, 1, -1) < 0 && errno == EINTR) {
    }
}

typedef struct serving {
    int fd;
    peer_shape shape;
    uint8_t *in; /* one large request, or many small ones */
    size_t room;
    uint8_t *out; /* `replies` replies */
    size_t replies;
} serving;

static bool answer(const serving *s, size_t count)
{
    while (count != 0) {
        const size_t now = count < s->replies ? count : s->replies;
        if (!write_all(s->fd, s->out, now * s->shape.reply)) {
            return false;
        }
        count -= now;
    }
    return true;
}

static void serve(serving *s, int epoll, unsigned spin_us)
{
    const bool large = s->shape.request > PEER_AHEAD;
    size_t have = 0;
    for (;;) {
        wait_readable(epoll, spin_us);
        uint8_t *place = large ? s->in + have : s->in;
        const ssize_t got = recv(s->fd, place, large ? s->room - have : s->room, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            continue;
        }
        if (got <= 0) {
            return;
        }
        have += (size_t)got;
        const size_t whole = have / s->shape.request;
        have %= s->shape.request;
        if (!answer(s, whole)) {
            return;
        }
    }
}

static uint8_t *touched(size_t size)
{
    uint8_t *memory = malloc(size);
    if (memory != NULL) {
        memset(memory, 0xa5, size);
    }
    return memory;
}

static void serve_client(int fd, unsigned spin_us)
{
    serving s = {.fd = fd};
    const int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    const int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 &&
        read_all(fd, &s.shape, sizeof s.shape) && s.shape.request != 0) {
        s.room = s.shape.request > PEER_AHEAD ? (size_t)s.shape.request : PEER_AHEAD;
        s.replies = s.shape.reply > PEER_AHEAD || s.shape.reply == 0
                        ? 1
                        : PEER_AHEAD / (size_t)s.shape.reply;
        s.in = touched(s.room);
        s.out = touched(s.replies * (size_t)s.shape.reply + 1);
        if (s.in != NULL && s.out != NULL) {
            serve(&s, epoll, spin_us);
        }
    }
    free(s.in);
    free(s.out);
    close(epoll);
    close(fd);
}

int peer_serve_tcp(unsigned spin_us)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 ||
        listen(listener, 8) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0) {
        perror("csyft-bench-peer: tcp");
        return 1;
    }
    printf("listening on tcp://127.0.0.1:%u\n", (unsigned)ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        const int fd = accept(listener, NULL, NULL);
        if (fd >= 0) {
            serve_client(fd, spin_us);
        }
    }
}
