/* raw.c - see raw.h. */
#include "raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure.h"

/* As a link of csyft: so many requests in one write, so many under way. */
enum { BATCH = 32, WINDOW = 1024 };

enum { DIRECT_FROM = 8192 }; /* smaller reads go through the read-ahead, as csyft's */

static int fail(const bench_raw *raw, const char *what)
{
    return cli_fail(raw->b->verb, "%s: %s: %s", raw->peer.url, what, strerror(errno));
}

/* --- bytes ------------------------------------------------------------------------------------- */

int bench_raw_write(bench_raw *raw, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    while (size != 0) {
        const ssize_t sent = send(raw->fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            at += sent;
            size -= (size_t)sent;
        } else if (errno == EAGAIN) {
            struct pollfd wait = {.fd = raw->fd, .events = POLLOUT};
            poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            return fail(raw, "send");
        }
    }
    return CLI_OK;
}

/* Some bytes, as soon as there are any: spinning first, then asleep. What comes beyond `size` (which may be 0)
 * is read ahead. Returns how many went to `bytes`, and makes *ended true at the end of the stream. */
static ssize_t receive(bench_raw *raw, void *bytes, size_t size, bool *ended)
{
    const double until = raw->spin_us != 0 ? bench_clock() + raw->spin_us * 1e-6 : 0;
    for (;;) {
        struct iovec places[2] = {{.iov_base = bytes, .iov_len = size},
                                  {.iov_base = raw->ahead, .iov_len = BENCH_SCRATCH}};
        struct msghdr message = {.msg_iov = places, .msg_iovlen = 2};
        const ssize_t got = size == 0 ? recv(raw->fd, raw->ahead, BENCH_SCRATCH, MSG_DONTWAIT)
                                      : recvmsg(raw->fd, &message, MSG_DONTWAIT);
        if (got >= 0) {
            const size_t direct = (size_t)got < size ? (size_t)got : size;
            raw->ahead_start = 0;
            raw->ahead_end = (size_t)got - direct;
            *ended = got == 0;
            return (ssize_t)direct;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return -1;
        }
        if (until != 0 && bench_clock() < until) {
            sched_yield();
        } else {
            struct pollfd wait = {.fd = raw->fd, .events = POLLIN};
            poll(&wait, 1, -1);
        }
    }
}

int bench_raw_read(bench_raw *raw, void *bytes, size_t size)
{
    uint8_t *at = bytes;
    while (size != 0) {
        const size_t ready = raw->ahead_end - raw->ahead_start;
        if (ready != 0) {
            const size_t part = size < ready ? size : ready;
            memcpy(at, raw->ahead + raw->ahead_start, part);
            raw->ahead_start += part;
            at += part;
            size -= part;
            continue;
        }
        bool ended = false;
        const ssize_t got = receive(raw, at, size >= DIRECT_FROM ? size : 0, &ended);
        if (got < 0 || ended) {
            return got < 0 ? fail(raw, "receive")
                           : cli_fail(raw->b->verb, "%s: closed", raw->peer.url);
        }
        at += got;
        size -= (size_t)got;
    }
    return CLI_OK;
}

/* --- life -------------------------------------------------------------------------------------- */

static int connect_to_peer(bench_raw *raw, bench_relay *relay)
{
    char door[BENCH_RELAY_URL];
    const int code = relay != NULL ? bench_relay_add(relay, raw->peer.url, door) : 0;
    if (code != 0) {
        return cli_fail(raw->b->verb, "relay: %s", strerror(code));
    }
    const char *port = strrchr(relay != NULL ? door : raw->peer.url, ':');
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)atoi(port + 1))};
    const int yes = 1;
    raw->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (raw->fd < 0 || connect(raw->fd, (struct sockaddr *)&address, sizeof address) != 0) {
        return fail(raw, "connect");
    }
    setsockopt(raw->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return CLI_OK;
}

/* Memory that is there: no page of it is touched for the first time while the clock runs. */
static uint8_t *touched(size_t size)
{
    uint8_t *memory = malloc(size);
    if (memory != NULL) {
        memset(memory, 0x5a, size);
    }
    return memory;
}

int bench_raw_open(const bench *b, bench_raw *raw, const char *transport, const bench_shape *shape,
                   unsigned spin_us, bench_relay *relay)
{
    *raw = (bench_raw){.b = b,
                       .websocket = strcmp(transport, "ws") == 0,
                       .fd = -1,
                       .spin_us = spin_us,
                       .shape = *shape};
    raw->request = touched(shape->request + 1);
    raw->reply = touched(shape->reply + 1);
    raw->scratch = touched(BENCH_SCRATCH);
    raw->ahead = touched(BENCH_SCRATCH);
    if (raw->request == NULL || raw->reply == NULL || raw->scratch == NULL || raw->ahead == NULL) {
        return cli_fail(b->verb, "out of memory");
    }
    int code = bench_start_peer(b, &raw->peer, transport, spin_us);
    if (code == CLI_OK) {
        code = connect_to_peer(raw, relay);
    }
    if (code == CLI_OK && raw->websocket) {
        code = bench_websocket_open(raw);
    }
    if (code == CLI_OK) {
        const uint64_t said[3] = {shape->request, shape->messages, shape->reply};
        code = raw->websocket ? bench_websocket_send(raw, (const uint8_t *)said, sizeof said, 1)
                              : bench_raw_write(raw, said, sizeof said);
    }
    return code;
}

void bench_raw_close(bench_raw *raw)
{
    if (raw->fd >= 0) {
        close(raw->fd);
    }
    bench_stop(&raw->peer);
    free(raw->request);
    free(raw->reply);
    free(raw->scratch);
    free(raw->ahead);
    *raw = (bench_raw){.fd = -1};
}

/* --- work -------------------------------------------------------------------------------------- */

static int send_request(bench_raw *raw)
{
    return raw->websocket
               ? bench_websocket_send(raw, raw->request, raw->shape.request, raw->shape.messages)
               : bench_raw_write(raw, raw->request, raw->shape.request);
}

static int receive_reply(bench_raw *raw)
{
    return raw->websocket ? bench_websocket_receive(raw, raw->reply, raw->shape.reply)
                          : bench_raw_read(raw, raw->reply, raw->shape.reply);
}

int bench_raw_echo(void *state, size_t count, double *seconds)
{
    bench_raw *raw = state;
    int code = CLI_OK;
    const double start = bench_clock();
    for (size_t k = 0; k < count && code == CLI_OK; k++) {
        code = send_request(raw);
        code = code == CLI_OK ? receive_reply(raw) : code;
    }
    *seconds = bench_clock() - start;
    return code;
}

int bench_raw_stream(void *state, size_t count, double *seconds)
{
    bench_raw *raw = state;
    int code = CLI_OK;
    size_t sent = 0, answered = 0;
    const double start = bench_clock();
    while (answered < count && code == CLI_OK) {
        const size_t batch = count - sent < BATCH ? count - sent : BATCH;
        if (batch != 0 && sent - answered + batch <= WINDOW) {
            /* The scratch stands for the requests: the same bytes in number. */
            code = bench_raw_write(raw, raw->scratch, batch * raw->shape.request);
            sent += batch;
            continue;
        }
        const size_t down_to = batch == 0 ? count : sent - WINDOW / 2;
        for (; answered < down_to && code == CLI_OK; answered++) {
            code = receive_reply(raw);
        }
    }
    *seconds = bench_clock() - start;
    return code;
}
