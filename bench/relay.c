/* relay.c - see relay.h. */
#include "relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)
#define NEVER UINT64_MAX
#define SLICE_NS UINT64_C(500000)   /* of a line's bytes so much time is let through at once */
#define AGE_MOST UINT64_C(20000000) /* what is said to have come earlier is not believed */
/* Timers of virtual machines are late by some hundred microseconds: for less than this the thread does not sleep. */
#define SHORT_NS UINT64_C(1000000)

enum {
    PIECES = 1024, /* reads that are on a line */
    EVENTS = 64,
};

/* What one read took: its bytes go on the line from `start` on, one after the other. */
typedef struct piece {
    uint64_t start;
    size_t size, out; /* so many of them have arrived */
} piece;

/* One direction of a connection: a ring of bytes, and of the pieces that they came in. */
typedef struct way {
    int from, to;
    uint8_t *ring;
    size_t head, count; /* bytes [head, head + count) modulo the relay's room */
    piece pieces[PIECES];
    unsigned first, piece_count;
    uint64_t idle;      /* when the line has nothing more to send */
    bool ended, closed; /* the sender is done; the receiver knows */
    bool full;          /* the receiver takes nothing at present */
} way;

typedef enum source_kind { DOOR, END, TIMER, WAKE } source_kind;

typedef struct connection connection;
/* What epoll speaks of. */
typedef struct source {
    source_kind kind;
    int fd;
    struct sockaddr_in target; /* of a door */
    connection *of;            /* of an end */
    uint32_t events;           /* that are asked for */
    bool hung_up;              /* epoll has nothing more to say about it */
} source;

struct connection {
    connection *next;
    source ends[2];
    way ways[2]; /* 0: from who connected */
    bool dead;
};

struct bench_relay {
    uint64_t delay, rate; /* ns; bits per second, 0: none */
    bool spins;           /* while something is on a line */
    size_t room;          /* bytes of a way */
    pthread_t thread;
    int epoll;
    source timer, wake, doors[BENCH_RELAY_DOORS];
    unsigned door_count;
    connection *connections; /* the thread's */
};

static uint64_t nanoseconds(const struct timespec *t)
{
    return (uint64_t)t->tv_sec * SECOND + (uint64_t)t->tv_nsec;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return nanoseconds(&now);
}

/* --- the line ---------------------------------------------------------------------------------- */

/* How long so many bytes take on the line. */
static uint64_t line_time(const bench_relay *r, size_t size)
{
    return r->rate == 0 ? 0 : (uint64_t)((double)size * 8e9 / (double)r->rate);
}

/* Bytes of the first piece that have arrived by now. */
static size_t arrived(const bench_relay *r, const piece *p, uint64_t now)
{
    const uint64_t start = p->start + r->delay;
    if (now < start) {
        return 0;
    }
    if (now - start >= line_time(r, p->size)) {
        return p->size;
    }
    const size_t size = (size_t)((double)(now - start) * (double)r->rate / 8e9);
    return size < p->size ? size : p->size;
}

/* When there is more of it: the rest, or what comes in a slice of time. */
static uint64_t next_arrival(const bench_relay *r, const piece *p)
{
    const uint64_t all = p->start + r->delay + line_time(r, p->size);
    const uint64_t some = p->start + r->delay + line_time(r, p->out) + SLICE_NS;
    return all < some ? all : some;
}

/* The parts of the ring that begin at a place: how many, one or two. */
static int ring_parts(const bench_relay *r, const way *w, size_t at, size_t size,
                      struct iovec parts[2])
{
    at %= r->room;
    const size_t straight = size < r->room - at ? size : r->room - at;
    parts[0] = (struct iovec){w->ring + at, straight};
    parts[1] = (struct iovec){w->ring, size - straight};
    return size > straight ? 2 : 1;
}

static bool may_read(const bench_relay *r, const way *w)
{
    return !w->ended && w->count < r->room && w->piece_count < PIECES;
}

/* When the last of what was read came to this machine, as far as its kernel says: waking up took some of the delay already. */
static uint64_t time_of(struct msghdr *message)
{
    const struct cmsghdr *c = CMSG_FIRSTHDR(message);
    struct timespec came, is;
    clock_gettime(CLOCK_REALTIME, &is);
    const uint64_t now = now_ns(); /* after that: what is a little too late is right */
    if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) {
        return now;
    }
    memcpy(&came, CMSG_DATA(c), sizeof came);
    const uint64_t then = nanoseconds(&came), real = nanoseconds(&is);
    const uint64_t age = real > then ? real - then : 0;
    return age < AGE_MOST ? now - age : now;
}

/* Takes what is there, and puts it on the line. False when the connection is broken. */
static bool read_way(const bench_relay *r, way *w)
{
    struct iovec parts[2];
    union {
        char bytes[CMSG_SPACE(sizeof(struct timespec))];
        struct cmsghdr align;
    } control;
    struct msghdr message = {
        .msg_iov = parts, .msg_control = &control, .msg_controllen = sizeof control};
    message.msg_iovlen = (size_t)ring_parts(r, w, w->head + w->count, r->room - w->count, parts);
    const ssize_t got = recvmsg(w->from, &message, MSG_DONTWAIT);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    if (got == 0) {
        w->ended = true;
        return true;
    }
    const uint64_t came = time_of(&message), start = w->idle > came ? w->idle : came;
    w->pieces[(w->first + w->piece_count++) % PIECES] = (piece){start, (size_t)got, 0};
    w->idle = start + line_time(r, (size_t)got);
    w->count += (size_t)got;
    return true;
}

/* Bytes left the ring: from the first pieces on. */
static void take_off(const bench_relay *r, way *w, size_t size)
{
    w->head = (w->head + size) % r->room;
    w->count -= size;
    while (size > 0) {
        piece *p = &w->pieces[w->first];
        const size_t some = size < p->size - p->out ? size : p->size - p->out;
        p->out += some;
        size -= some;
        if (p->out == p->size) {
            w->first = (w->first + 1) % PIECES;
            w->piece_count--;
        }
    }
}

/* Bytes that have arrived and not gone on. */
static size_t ready(const bench_relay *r, const way *w, uint64_t now)
{
    size_t size = 0;
    for (unsigned k = 0; k < w->piece_count; k++) {
        const piece *p = &w->pieces[(w->first + k) % PIECES];
        const size_t here = arrived(r, p, now);
        size += here > p->out ? here - p->out : 0;
        if (here < p->size) {
            break;
        }
    }
    return size;
}

/* Gives on what has arrived. False when the connection is broken. */
static bool write_way(const bench_relay *r, way *w, uint64_t now)
{
    const size_t size = ready(r, w, now);
    if (size > 0) {
        struct iovec parts[2];
        struct msghdr message = {.msg_iov = parts};
        message.msg_iovlen = (size_t)ring_parts(r, w, w->head, size, parts);
        const ssize_t sent = sendmsg(w->to, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return false;
        }
        w->full = sent < (ssize_t)size;
        take_off(r, w, sent > 0 ? (size_t)sent : 0);
    }
    if (w->ended && w->count == 0 && !w->closed) {
        w->closed = true;
        shutdown(w->to, SHUT_WR);
    }
    return true;
}

/* --- connections ------------------------------------------------------------------------------- */

static void listen_for(const bench_relay *r, source *s, uint32_t events)
{
    if (s->events != events && !s->hung_up) {
        struct epoll_event event = {.events = events, .data.ptr = s};
        s->events = events;
        epoll_ctl(r->epoll, EPOLL_CTL_MOD, s->fd, &event);
    }
}

static bool add_source(const bench_relay *r, source *s)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
    s->events = EPOLLIN;
    return epoll_ctl(r->epoll, EPOLL_CTL_ADD, s->fd, &event) == 0;
}

static void free_connection(connection *c)
{
    for (int k = 0; k < 2; k++) {
        if (c->ends[k].fd >= 0) {
            close(c->ends[k].fd);
        }
        free(c->ways[k].ring);
    }
    free(c);
}

static int connect_to(const struct sockaddr_in *target)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)target, sizeof *target) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Somebody at a door. Who cannot be led on is turned away. */
static void admit(bench_relay *r, const source *door)
{
    const int yes = 1;
    connection *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return;
    }
    c->ends[0].fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC);
    c->ends[1].fd = c->ends[0].fd >= 0 ? connect_to(&door->target) : -1;
    bool well = c->ends[1].fd >= 0;
    for (int k = 0; k < 2 && well; k++) {
        source *end = &c->ends[k];
        end->kind = END;
        end->of = c;
        c->ways[k].from = end->fd;
        c->ways[k].to = c->ends[1 - k].fd;
        c->ways[k].ring = malloc(r->room);
        well = c->ways[k].ring != NULL && fcntl(end->fd, F_SETFL, O_NONBLOCK) == 0 &&
               setsockopt(end->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0 &&
               setsockopt(end->fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes) == 0 &&
               add_source(r, end);
    }
    if (!well) {
        free_connection(c);
        return;
    }
    c->next = r->connections;
    r->connections = c;
}

static void at_end(const bench_relay *r, source *end, uint32_t events)
{
    connection *c = end->of;
    const int k = end == &c->ends[0] ? 0 : 1;
    if ((events & EPOLLOUT) != 0) {
        c->ways[1 - k].full = false;
    }
    if ((events & EPOLLERR) != 0) {
        c->dead = true;
    } else if ((events & EPOLLHUP) !=
               0) { /* both directions are done, and it would say so for ever */
        end->hung_up = true;
        epoll_ctl(r->epoll, EPOLL_CTL_DEL, end->fd, NULL);
    } else if ((events & EPOLLIN) != 0 && !c->dead && may_read(r, &c->ways[k])) {
        c->dead = !read_way(r, &c->ways[k]);
    }
}

/* Gives on what has arrived, and asks for what can be gone on with. Returns when something arrives next. */
static uint64_t serve_connection(const bench_relay *r, connection *c, uint64_t now)
{
    uint64_t next = NEVER;
    uint32_t events[2] = {0, 0};
    for (int k = 0; k < 2 && !c->dead; k++) {
        way *w = &c->ways[k];
        c->dead = (c->ends[k].hung_up && may_read(r, w) && !read_way(r, w)) ||
                  (!w->full && !write_way(r, w, now));
        events[k] |= may_read(r, w) ? (uint32_t)EPOLLIN : 0;
        events[1 - k] |= w->full ? (uint32_t)EPOLLOUT : 0;
        if (!w->full && w->piece_count > 0) {
            const uint64_t at = next_arrival(r, &w->pieces[w->first]);
            next = at < next ? at : next;
        }
    }
    c->dead = c->dead || (c->ways[0].closed && c->ways[1].closed);
    for (int k = 0; k < 2 && !c->dead; k++) {
        listen_for(r, &c->ends[k], events[k]);
    }
    return next;
}

/* --- the thread -------------------------------------------------------------------------------- */

static void set_timer(const bench_relay *r, uint64_t at)
{
    const struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(at / SECOND), .tv_nsec = (long)(at % SECOND)}};
    const struct itimerspec none = {.it_value = {0, 0}};
    timerfd_settime(r->timer.fd, TFD_TIMER_ABSTIME, at == NEVER ? &none : &when, NULL);
}

/* Returns when something arrives next. */
static uint64_t serve(bench_relay *r)
{
    uint64_t next = NEVER;
    const uint64_t now = now_ns();
    for (connection **at = &r->connections; *at != NULL;) {
        connection *c = *at;
        const uint64_t its = serve_connection(r, c, now);
        if (c->dead) {
            *at = c->next;
            free_connection(c);
            continue;
        }
        next = its < next ? its : next;
        at = &c->next;
    }
    return next;
}

/* False when it is told to stop. */
static bool take(bench_relay *r, source *s, uint32_t events)
{
    uint64_t expired;
    switch (s->kind) {
    case DOOR:
        admit(r, s);
        break;
    case END:
        at_end(r, s, events);
        break;
    case TIMER:
        (void)!read(s->fd, &expired, sizeof expired);
        break;
    case WAKE:
        return false;
    }
    return true;
}

static void *relay_main(void *argument)
{
    bench_relay *r = argument;
    struct epoll_event events[EVENTS];
    uint64_t next = NEVER;
    for (bool go_on = true; go_on;) {
        const bool spins = r->spins && next != NEVER;
        if (spins) {
            sched_yield();
        } else {
            set_timer(r, next);
        }
        const int count = epoll_wait(r->epoll, events, EVENTS, spins ? 0 : -1);
        for (int k = 0; k < count; k++) {
            go_on = take(r, events[k].data.ptr, events[k].events) && go_on;
        }
        next = serve(r);
    }
    while (r->connections != NULL) {
        connection *c = r->connections;
        r->connections = c->next;
        free_connection(c);
    }
    return NULL;
}

/* --- life -------------------------------------------------------------------------------------- */

static void close_all(bench_relay *r)
{
    const int fds[] = {r->epoll, r->timer.fd, r->wake.fd};
    for (size_t k = 0; k < sizeof fds / sizeof fds[0]; k++) {
        if (fds[k] >= 0) {
            close(fds[k]);
        }
    }
    for (unsigned k = 0; k < r->door_count; k++) {
        close(r->doors[k].fd);
    }
    free(r);
}

/* Signals are others' business. */
static int start_thread(bench_relay *r)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int code = pthread_create(&r->thread, NULL, relay_main, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

int bench_relay_open(bench_relay **relay, const bench_network *network)
{
    *relay = NULL;
    bench_relay *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return ENOMEM;
    }
    r->delay = (uint64_t)network->round_trip_us * 1000 / 2;
    r->rate = network->bits_per_second;
    r->spins = r->delay < SHORT_NS;
    r->room = BENCH_RELAY_QUEUE + (size_t)((double)r->delay * (double)r->rate / 8e9);
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    r->timer = (source){TIMER, .fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
    r->wake = (source){WAKE, .fd = eventfd(0, EFD_CLOEXEC)};
    int code = r->epoll >= 0 && r->timer.fd >= 0 && r->wake.fd >= 0 && add_source(r, &r->timer) &&
                       add_source(r, &r->wake)
                   ? 0
                   : errno;
    code = code == 0 ? start_thread(r) : code;
    if (code != 0) {
        close_all(r);
        return code;
    }
    *relay = r;
    return 0;
}

void bench_relay_close(bench_relay *relay)
{
    const uint64_t one = 1;
    if (relay == NULL) {
        return;
    }
    while (write(relay->wake.fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
    pthread_join(relay->thread, NULL);
    close_all(relay);
}

/* The port of tcp://127.0.0.1:PORT; 0 of anything else. */
static uint16_t port_of(const char *url)
{
    static const char prefix[] = "tcp://127.0.0.1:";
    char *end = NULL;
    if (strncmp(url, prefix, sizeof prefix - 1) != 0) {
        return 0;
    }
    const long port = strtol(url + sizeof prefix - 1, &end, 10);
    return *end == '\0' && port > 0 && port <= UINT16_MAX ? (uint16_t)port : 0;
}

int bench_relay_add(bench_relay *relay, const char *url, char door[BENCH_RELAY_URL])
{
    const uint16_t port = port_of(url);
    if (port == 0 || relay->door_count == BENCH_RELAY_DOORS) {
        return port == 0 ? EINVAL : ENOSPC;
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    source *s = &relay->doors[relay->door_count];
    *s = (source){DOOR, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .target = address};
    s->target.sin_port = htons(port);
    if (s->fd < 0) {
        return errno;
    }
    if (bind(s->fd, (const struct sockaddr *)&address, size) != 0 || listen(s->fd, 64) != 0 ||
        getsockname(s->fd, (struct sockaddr *)&address, &size) != 0 || !add_source(relay, s)) {
        const int code = errno;
        close(s->fd);
        return code;
    }
    relay->door_count++;
    snprintf(door, BENCH_RELAY_URL, "tcp://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    return 0;
}
