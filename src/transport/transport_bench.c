/*
 * transport_bench.c - round trips, pipelining and 64 MiB over each transport, each beside its limit measured in
 * the same run: a raw socket that waits the same way, and bare libwebsockets at both ends.
 *
 *     transport_transport_bench [ROUNDS]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <libwebsockets.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "transport/inproc/inproc.h"
#include "transport/transport.h"

#define SMALL 100 /* bytes of body; the frame has 40 more */
#define BULK ((size_t)64 << 20)
#define PIPELINED 1000

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void check(sy_status status, const sy_error *err)
{
    if (status != SY_OK) {
        fprintf(stderr, "%s: %s\n", sy_status_name(status), err->message);
        exit(1);
    }
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* One way to do the three things; all lanes take turns, so that they meet the same noise. */
typedef struct lane lane;
struct lane {
    char name[40];
    const lane *limit; /* nullable */
    void *state;
    void (*round_trips)(void *state, size_t count);
    void (*pipelined)(void *state); /* nullable; PIPELINED messages */
    void (*bulk)(void *state);      /* BULK bytes there, a small answer back */
    double *times[3];
};

/* --- csyft ------------------------------------------------------------------------------------- */

static void *opened(void *user, syi_peer *peer)
{
    (void)user;
    return peer;
}

/* Small ones are echoed, large ones acknowledged. */
static void received(void *session, syi_message *message)
{
    if (message->segment_count != 0) {
        syi_message_clear(message);
    }
    syi_peer_send(session, message, NULL);
}

static void closed(void *session, sy_status why, const char *sentence)
{
    (void)why;
    (void)sentence;
    syi_peer_unref(session);
}

typedef struct ours {
    syi_listener *listener;
    syi_connection *connection;
    syi_message small;
    syi_message large;
    syi_message reply;
    const syi_message *list[PIPELINED];
} ours;

static void ours_send(ours *o, const syi_message *const *list, size_t count)
{
    sy_error err = SY_ERROR_INIT;
    check(syi_connection_send(o->connection, list, count, 0, &err), &err);
    for (size_t i = 0; i < count; i++) {
        check(syi_connection_receive(o->connection, &o->reply, 0, &err), &err);
    }
}

static void ours_round_trips(void *state, size_t count)
{
    ours *o = state;
    for (size_t i = 0; i < count; i++) {
        ours_send(o, o->list, 1);
    }
}

static void ours_pipelined(void *state)
{
    ours *o = state;
    ours_send(o, o->list, PIPELINED);
}

static void ours_bulk(void *state)
{
    ours *o = state;
    const syi_message *large = &o->large;
    ours_send(o, &large, 1);
}

static void ours_open(ours *o, sy_context *context, const char *url, unsigned spin_us)
{
    const syi_service service = {NULL, opened, received, closed};
    const syi_listen_options listening = {.limits = SYI_FRAME_LIMITS_DEFAULT, .spin_us = spin_us};
    const syi_connect_options connecting = {.limits = SYI_FRAME_LIMITS_DEFAULT, .spin_us = spin_us};
    sy_error err = SY_ERROR_INIT;
    syi_storage *storage;
    check(syi_listen(context, &o->listener, url, &listening, &service, &err), &err);
    check(
        syi_connect(context, &o->connection, syi_listener_get_url(o->listener), &connecting, &err),
        &err);
    syi_message_init(&o->small, context, SMALL);
    syi_message_init(&o->large, context, SMALL);
    syi_message_init(&o->reply, context, 0);
    memset(syi_buffer_extend(&o->small.body, SMALL), 1, SMALL);
    for (size_t i = 0; i < PIPELINED; i++) {
        o->list[i] = &o->small;
    }
    check(syi_storage_new(context, &storage, BULK, NULL, &err), &err);
    memset(storage->data, 3, BULK);
    check(syi_message_add_segment(&o->large, storage, 0, BULK, 0, &err), &err);
    syi_storage_unref(storage);
}

static void ours_close(ours *o)
{
    syi_connection_close(o->connection);
    syi_listener_free(o->listener);
    syi_message_fini(&o->small);
    syi_message_fini(&o->large);
    syi_message_fini(&o->reply);
}

/* --- raw TCP ----------------------------------------------------------------------------------- */

typedef struct raw {
    int listening;
    unsigned spin_us;
    uint8_t *bulk;
} raw;

/* All of it, trying for a while before it sleeps. */
static bool raw_read(int fd, uint8_t *to, size_t size, unsigned spin_us)
{
    for (size_t at = 0; at < size;) {
        ssize_t count = recv(fd, to + at, size - at, spin_us == 0 ? 0 : MSG_DONTWAIT);
        if (count < 0 && errno == EAGAIN) {
            const uint64_t until = now() + spin_us * 1000u;
            do {
                sched_yield();
                count = recv(fd, to + at, size - at, MSG_DONTWAIT);
            } while (count < 0 && errno == EAGAIN && now() < until);
            if (count < 0 && errno == EAGAIN) {
                count = recv(fd, to + at, size - at, 0);
            }
        }
        if (count <= 0) {
            return false;
        }
        at += (size_t)count;
    }
    return true;
}

static bool raw_write(int fd, const uint8_t *from, size_t size)
{
    for (size_t at = 0; at < size;) {
        const ssize_t count = send(fd, from + at, size - at, MSG_NOSIGNAL);
        if (count <= 0) {
            return false;
        }
        at += (size_t)count;
    }
    return true;
}

/* Echoes 140 bytes; after 140 bytes that begin with 1, 64 MiB follow. */
static void *raw_serve(void *argument)
{
    raw *r = argument;
    const int fd = accept(r->listening, NULL, NULL);
    const int yes = 1;
    uint8_t small[SMALL + 40];
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    while (raw_read(fd, small, sizeof small, r->spin_us)) {
        if (small[0] == 1 && !raw_read(fd, r->bulk, BULK, r->spin_us)) {
            break;
        }
        raw_write(fd, small, sizeof small);
    }
    close(fd);
    return NULL;
}

typedef struct raw_client {
    raw server;
    pthread_t thread;
    int fd;
    uint8_t *bulk;
} raw_client;

static void raw_round_trips(void *state, size_t count)
{
    raw_client *c = state;
    uint8_t small[SMALL + 40] = {0};
    for (size_t i = 0; i < count; i++) {
        raw_write(c->fd, small, sizeof small);
        raw_read(c->fd, small, sizeof small, c->server.spin_us);
    }
}

static void raw_bulk(void *state)
{
    raw_client *c = state;
    uint8_t small[SMALL + 40] = {1};
    raw_write(c->fd, small, sizeof small);
    raw_write(c->fd, c->bulk, BULK);
    raw_read(c->fd, small, sizeof small, c->server.spin_us);
}

static void raw_open(raw_client *c, unsigned spin_us)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int yes = 1;
    c->server = (raw){.listening = socket(AF_INET, SOCK_STREAM, 0), .spin_us = spin_us};
    c->server.bulk = malloc(BULK);
    c->bulk = malloc(BULK);
    memset(c->server.bulk, 1, BULK);
    memset(c->bulk, 2, BULK);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (bind(c->server.listening, (struct sockaddr *)&address, size) != 0 ||
        listen(c->server.listening, 1) != 0 ||
        getsockname(c->server.listening, (struct sockaddr *)&address, &size) != 0 ||
        connect(c->fd, (struct sockaddr *)&address, size) != 0) {
        perror("raw socket");
        exit(1);
    }
    pthread_create(&c->thread, NULL, raw_serve, &c->server);
}

static void raw_close(raw_client *c)
{
    close(c->fd);
    pthread_join(c->thread, NULL);
    close(c->server.listening);
    free(c->server.bulk);
    free(c->bulk);
}

/* --- bare libwebsockets at both ends, each with its own thread --------------------------------- */

#define PIECE ((size_t)128 * 1024)

typedef struct bare {
    struct lws_context *context;
    atomic_bool quit;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ready;
    struct lws *wsi;
    size_t to_send;   /* messages of SMALL + 40 bytes that the client is to send */
    size_t to_follow; /* ... one by one, after each answer */
    size_t bulk_left; /* bytes of one large message that it is to send */
    bool bulk_begun;
    size_t got;  /* messages that came back */
    size_t echo; /* server: messages to answer */
    uint8_t *out;
} bare;

/* Writes what there is to write, as long as lws gets rid of it. */
static int bare_writable(bare *b, struct lws *wsi, size_t *messages)
{
    pthread_mutex_lock(&b->lock);
    for (int i = 0; i < 64 && !lws_partial_buffered(wsi); i++) {
        if (*messages != 0) {
            --*messages;
            lws_write(wsi, b->out + LWS_PRE, SMALL + 40, LWS_WRITE_BINARY);
        } else if (b->bulk_left != 0) {
            const size_t size = b->bulk_left < PIECE ? b->bulk_left : PIECE;
            b->bulk_left -= size;
            lws_write(wsi, b->out + LWS_PRE, size,
                      (enum lws_write_protocol)(
                          (b->bulk_begun ? LWS_WRITE_CONTINUATION : LWS_WRITE_BINARY) |
                          (b->bulk_left != 0 ? LWS_WRITE_NO_FIN : 0)));
            b->bulk_begun = b->bulk_left != 0;
        } else {
            break;
        }
    }
    if (*messages != 0 || b->bulk_left != 0) {
        lws_callback_on_writable(wsi);
    }
    pthread_mutex_unlock(&b->lock);
    return 0;
}

static int bare_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                         size_t length)
{
    bare *b = lws_context_user(lws_get_context(wsi));
    (void)user;
    (void)in;
    (void)length;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        pthread_mutex_lock(&b->lock);
        b->wsi = wsi;
        b->ready = true;
        pthread_cond_broadcast(&b->changed);
        pthread_mutex_unlock(&b->lock);
        return 0;
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        if (b->wsi != NULL) {
            lws_callback_on_writable(b->wsi);
        }
        return 0;
    case LWS_CALLBACK_RECEIVE:
        if (lws_is_final_fragment(wsi)) {
            b->echo++;
            lws_callback_on_writable(wsi);
        }
        return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        if (lws_is_final_fragment(wsi)) {
            pthread_mutex_lock(&b->lock);
            b->got++;
            if (b->to_follow != 0) {
                b->to_follow--;
                b->to_send++;
                lws_callback_on_writable(wsi);
            } else {
                pthread_cond_broadcast(&b->changed);
            }
            pthread_mutex_unlock(&b->lock);
        }
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return bare_writable(b, wsi, &b->echo);
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return bare_writable(b, wsi, &b->to_send);
    default:
        return 0;
    }
}

static const struct lws_protocols bare_protocols[] = {
    {.name = "bare", .callback = bare_callback, .rx_buffer_size = PIECE, .tx_packet_size = PIECE},
    {.name = NULL},
};

static void *bare_run(void *argument)
{
    bare *b = argument;
    while (!atomic_load(&b->quit) && lws_service(b->context, 0) >= 0) {
    }
    lws_context_destroy(b->context);
    return NULL;
}

static void bare_open(bare *b, int port)
{
    const struct lws_context_creation_info info = {
        .port = port,
        .iface = port == 0 ? "127.0.0.1" : NULL,
        .protocols = bare_protocols,
        .vhost_name = "bare",
        .gid = -1,
        .uid = -1,
        .user = b,
        .pt_serv_buf_size = PIECE,
    };
    memset(b, 0, sizeof *b);
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->changed, NULL);
    b->out = calloc(1, LWS_PRE + PIECE);
    b->context = lws_create_context(&info);
}

static void bare_wait(bare *b, size_t messages)
{
    lws_cancel_service(b->context);
    pthread_mutex_lock(&b->lock);
    while (b->got < messages) {
        pthread_cond_wait(&b->changed, &b->lock);
    }
    b->got = 0;
    pthread_mutex_unlock(&b->lock);
}

/* `in_turn`: each message when the one before it has come back. */
static void bare_ask(bare *b, size_t messages, size_t bulk, bool in_turn)
{
    pthread_mutex_lock(&b->lock);
    b->to_send = in_turn ? 1 : messages;
    b->to_follow = in_turn ? messages - 1 : 0;
    b->bulk_left = bulk;
    pthread_mutex_unlock(&b->lock);
    bare_wait(b, messages + (bulk != 0));
}

static void bare_close(bare *b, pthread_t thread)
{
    atomic_store(&b->quit, true);
    lws_cancel_service(b->context);
    pthread_join(thread, NULL);
    free(b->out);
}

typedef struct bare_pair {
    bare server;
    bare client;
    pthread_t threads[2];
} bare_pair;

static void bare_round_trips(void *state, size_t count)
{
    bare_ask(&((bare_pair *)state)->client, count, 0, true);
}

static void bare_pipelined(void *state)
{
    bare_ask(&((bare_pair *)state)->client, PIPELINED, 0, false);
}

static void bare_bulk(void *state)
{
    bare_ask(&((bare_pair *)state)->client, 0, BULK, false);
}

static void bare_pair_open(bare_pair *p)
{
    bare_open(&p->server, 0);
    bare_open(&p->client, CONTEXT_PORT_NO_LISTEN);
    const struct lws_client_connect_info info = {
        .context = p->client.context,
        .address = "127.0.0.1",
        .port = lws_get_vhost_listen_port(lws_get_vhost_by_name(p->server.context, "bare")),
        .path = "/",
        .host = "127.0.0.1",
        .protocol = "bare",
        .local_protocol_name = "bare",
    };
    pthread_create(&p->threads[0], NULL, bare_run, &p->server);
    if (lws_client_connect_via_info(&info) == NULL) {
        exit(1);
    }
    pthread_create(&p->threads[1], NULL, bare_run, &p->client);
    pthread_mutex_lock(&p->client.lock);
    while (!p->client.ready) {
        pthread_cond_wait(&p->client.changed, &p->client.lock);
    }
    pthread_mutex_unlock(&p->client.lock);
}

static void bare_pair_close(bare_pair *p)
{
    bare_close(&p->client, p->threads[1]);
    bare_close(&p->server, p->threads[0]);
}

/* --- */

#define TRIPS 200

static double run(void (*what)(void *), void *state)
{
    const uint64_t begin = now();
    what(state);
    return (double)(now() - begin);
}

static void measure(lane *lanes, size_t count, size_t rounds)
{
    for (size_t r = 0; r < rounds; r++) {
        for (size_t i = 0; i < count; i++) {
            lane *l = &lanes[i];
            const uint64_t begin = now();
            l->round_trips(l->state, TRIPS);
            l->times[0][r] = (double)(now() - begin) / TRIPS / 1e3;
            l->times[1][r] =
                l->pipelined == NULL ? 0 : run(l->pipelined, l->state) / PIPELINED / 1e3;
            l->times[2][r] = run(l->bulk, l->state) / 1e6;
        }
    }
}

static void show(const lane *l, size_t rounds)
{
    for (int k = 0; k < 3; k++) {
        qsort(l->times[k], rounds, sizeof(double), compare);
    }
    printf(
        "%-24s round trip %6.2f / %6.2f us   pipelined %6.3f / %6.3f us   64 MiB %6.1f / %6.1f ms "
        "(%4.2f GB/s)",
        l->name, l->times[0][rounds / 2], l->times[0][0], l->times[1][rounds / 2], l->times[1][0],
        l->times[2][rounds / 2], l->times[2][0], (double)BULK / l->times[2][0] / 1e6);
    if (l->limit != NULL) {
        printf("   to limit, median / best: %.2f / %.2f x time, %.2f / %.2f x speed",
               l->times[0][rounds / 2] / l->limit->times[0][rounds / 2],
               l->times[0][0] / l->limit->times[0][0],
               l->limit->times[2][rounds / 2] / l->times[2][rounds / 2],
               l->limit->times[2][0] / l->times[2][0]);
    }
    printf("\n");
}

static lane ours_lane(ours *o, const char *name, const lane *limit)
{
    lane l = {.limit = limit,
              .state = o,
              .round_trips = ours_round_trips,
              .pipelined = ours_pipelined,
              .bulk = ours_bulk};
    snprintf(l.name, sizeof l.name, "%s", name);
    return l;
}

int main(int argc, char **argv)
{
    const size_t rounds = argc > 1 ? (size_t)atoi(argv[1]) : 40;
    static ours all[5];
    static raw_client raws[2];
    static bare_pair bares;
    lane lanes[8];
    sy_context *context;
    sy_error err = SY_ERROR_INIT;
    lws_set_log_level(0, NULL);
    check(sy_context_new(&context, NULL, &err), &err);
    raw_open(&raws[0], 0);
    raw_open(&raws[1], 50);
    bare_pair_open(&bares);
    ours_open(&all[0], context, "inproc://bench", 0);
    ours_open(&all[1], context, "tcp://127.0.0.1:0", 0);
    ours_open(&all[2], context, "tcp://127.0.0.1:0", 50);
    ours_open(&all[3], context, "ws://127.0.0.1:0", 0);
    ours_open(&all[4], context, "ws://127.0.0.1:0", 50);
    lanes[0] = ours_lane(&all[0], "inproc", NULL);
    lanes[1] = (lane){
        .name = "raw socket", .state = &raws[0], .round_trips = raw_round_trips, .bulk = raw_bulk};
    lanes[2] = ours_lane(&all[1], "tcp", &lanes[1]);
    lanes[3] = (lane){.name = "raw socket, spin 50 us",
                      .state = &raws[1],
                      .round_trips = raw_round_trips,
                      .bulk = raw_bulk};
    lanes[4] = ours_lane(&all[2], "tcp, spin 50 us", &lanes[3]);
    lanes[5] = (lane){.name = "bare libwebsockets",
                      .state = &bares,
                      .round_trips = bare_round_trips,
                      .pipelined = bare_pipelined,
                      .bulk = bare_bulk};
    lanes[6] = ours_lane(&all[3], "websocket", &lanes[5]);
    lanes[7] = ours_lane(&all[4], "websocket, spin 50 us", &lanes[5]);
    for (size_t i = 0; i < 8; i++) {
        for (int k = 0; k < 3; k++) {
            lanes[i].times[k] = calloc(rounds, sizeof(double));
        }
    }
    measure(lanes, 8, 1); /* warm */
    measure(lanes, 8, rounds);
    printf("median / best of %zu rounds; body %d bytes, pipelined %d at once\n", rounds, SMALL,
           PIPELINED);
    for (size_t i = 0; i < 8; i++) {
        show(&lanes[i], rounds);
    }
    for (size_t i = 0; i < 8; i++) {
        for (int k = 0; k < 3; k++) {
            free(lanes[i].times[k]);
        }
    }
    for (int i = 0; i < 5; i++) {
        ours_close(&all[i]);
    }
    bare_pair_close(&bares);
    raw_close(&raws[0]);
    raw_close(&raws[1]);
    sy_context_free(context);
    return 0;
}
