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

typedef struct result {
    double median, best;
} result;

static result summarise(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return (result){values[count / 2], values[0]};
}

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

typedef struct figures {
    result round_trip; /* us */
    result pipelined;  /* us per message */
    result bulk;       /* ms for 64 MiB */
} figures;

static figures measure(sy_context *context, const char *url, unsigned spin_us, size_t rounds)
{
    const syi_service service = {NULL, opened, received, closed};
    const syi_listen_options listening = {.limits = SYI_FRAME_LIMITS_DEFAULT, .spin_us = spin_us};
    const syi_connect_options connecting = {.limits = SYI_FRAME_LIMITS_DEFAULT, .spin_us = spin_us};
    sy_error err = SY_ERROR_INIT;
    syi_listener *listener;
    syi_connection *connection;
    syi_message message;
    syi_message reply;
    const syi_message *list[PIPELINED];
    double *times = malloc(rounds * sizeof *times);
    figures f;
    check(syi_listen(context, &listener, url, &listening, &service, &err), &err);
    check(syi_connect(context, &connection, syi_listener_get_url(listener), &connecting, &err),
          &err);
    syi_message_init(&message, context, SMALL);
    syi_message_init(&reply, context, 0);
    memset(syi_buffer_extend(&message.body, SMALL), 1, SMALL);
    for (size_t i = 0; i < PIPELINED; i++) {
        list[i] = &message;
    }
    for (size_t r = 0; r < rounds; r++) {
        const uint64_t begin = now();
        for (int i = 0; i < 200; i++) {
            check(syi_connection_send(connection, list, 1, 0, &err), &err);
            check(syi_connection_receive(connection, &reply, 0, &err), &err);
        }
        times[r] = (double)(now() - begin) / 200 / 1e3;
    }
    f.round_trip = summarise(times, rounds);
    for (size_t r = 0; r < rounds; r++) {
        const uint64_t begin = now();
        check(syi_connection_send(connection, list, PIPELINED, 0, &err), &err);
        for (int i = 0; i < PIPELINED; i++) {
            check(syi_connection_receive(connection, &reply, 0, &err), &err);
        }
        times[r] = (double)(now() - begin) / PIPELINED / 1e3;
    }
    f.pipelined = summarise(times, rounds);
    syi_storage *storage;
    check(syi_storage_new(context, &storage, BULK, NULL, &err), &err);
    memset(storage->data, 3, BULK);
    check(syi_message_add_segment(&message, storage, 0, BULK, 0, &err), &err);
    for (size_t r = 0; r < rounds / 4 + 1; r++) {
        const uint64_t begin = now();
        check(syi_connection_send(connection, list, 1, 0, &err), &err);
        check(syi_connection_receive(connection, &reply, 0, &err), &err);
        times[r] = (double)(now() - begin) / 1e6;
    }
    f.bulk = summarise(times, rounds / 4 + 1);
    syi_storage_unref(storage);
    syi_message_fini(&message);
    syi_message_fini(&reply);
    syi_connection_close(connection);
    syi_listener_free(listener);
    free(times);
    return f;
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

static figures measure_raw(unsigned spin_us, size_t rounds)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    raw r = {.listening = socket(AF_INET, SOCK_STREAM, 0), .spin_us = spin_us};
    const int yes = 1;
    pthread_t thread;
    figures f = {{0, 0}, {0, 0}, {0, 0}};
    uint8_t small[SMALL + 40] = {0};
    uint8_t *bulk = malloc(BULK);
    double *times = malloc(rounds * sizeof *times);
    r.bulk = malloc(BULK);
    memset(r.bulk, 1, BULK);
    memset(bulk, 2, BULK);
    if (bind(r.listening, (struct sockaddr *)&address, size) != 0 || listen(r.listening, 1) != 0) {
        exit(1);
    }
    getsockname(r.listening, (struct sockaddr *)&address, &size);
    pthread_create(&thread, NULL, raw_serve, &r);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(fd, (struct sockaddr *)&address, size) != 0) {
        exit(1);
    }
    for (size_t n = 0; n < rounds; n++) {
        const uint64_t begin = now();
        for (int i = 0; i < 200; i++) {
            raw_write(fd, small, sizeof small);
            raw_read(fd, small, sizeof small, spin_us);
        }
        times[n] = (double)(now() - begin) / 200 / 1e3;
    }
    f.round_trip = summarise(times, rounds);
    small[0] = 1;
    for (size_t n = 0; n < rounds / 4 + 1; n++) {
        const uint64_t begin = now();
        raw_write(fd, small, sizeof small);
        raw_write(fd, bulk, BULK);
        raw_read(fd, small, sizeof small, spin_us);
        times[n] = (double)(now() - begin) / 1e6;
    }
    f.bulk = summarise(times, rounds / 4 + 1);
    close(fd);
    pthread_join(thread, NULL);
    close(r.listening);
    free(bulk);
    free(r.bulk);
    free(times);
    return f;
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
            pthread_cond_broadcast(&b->changed);
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

static void bare_ask(bare *b, size_t messages, size_t bulk)
{
    pthread_mutex_lock(&b->lock);
    b->to_send = messages;
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

static figures measure_bare(size_t rounds)
{
    static bare server;
    static bare client;
    pthread_t threads[2];
    figures f;
    double *times = malloc(rounds * sizeof *times);
    bare_open(&server, 0);
    bare_open(&client, CONTEXT_PORT_NO_LISTEN);
    struct lws_vhost *vhost = lws_get_vhost_by_name(server.context, "bare");
    const struct lws_client_connect_info info = {
        .context = client.context,
        .address = "127.0.0.1",
        .port = lws_get_vhost_listen_port(vhost),
        .path = "/",
        .host = "127.0.0.1",
        .protocol = "bare",
        .local_protocol_name = "bare",
    };
    pthread_create(&threads[0], NULL, bare_run, &server);
    if (lws_client_connect_via_info(&info) == NULL) {
        exit(1);
    }
    pthread_create(&threads[1], NULL, bare_run, &client);
    pthread_mutex_lock(&client.lock);
    while (!client.ready) {
        pthread_cond_wait(&client.changed, &client.lock);
    }
    pthread_mutex_unlock(&client.lock);
    for (size_t r = 0; r < rounds; r++) {
        const uint64_t begin = now();
        for (int i = 0; i < 50; i++) {
            bare_ask(&client, 1, 0);
        }
        times[r] = (double)(now() - begin) / 50 / 1e3;
    }
    f.round_trip = summarise(times, rounds);
    for (size_t r = 0; r < rounds; r++) {
        const uint64_t begin = now();
        bare_ask(&client, PIPELINED, 0);
        times[r] = (double)(now() - begin) / PIPELINED / 1e3;
    }
    f.pipelined = summarise(times, rounds);
    for (size_t r = 0; r < rounds / 4 + 1; r++) {
        const uint64_t begin = now();
        bare_ask(&client, 0, BULK);
        times[r] = (double)(now() - begin) / 1e6;
    }
    f.bulk = summarise(times, rounds / 4 + 1);
    bare_close(&client, threads[1]);
    bare_close(&server, threads[0]);
    free(times);
    return f;
}

/* --- */

static void show(const char *name, const figures *f, const figures *limit)
{
    printf("%-28s round trip %7.2f / %7.2f us  pipelined %6.3f / %6.3f us  64 MiB %6.1f / %6.1f ms "
           "(%4.2f GB/s)",
           name, f->round_trip.median, f->round_trip.best, f->pipelined.median, f->pipelined.best,
           f->bulk.median, f->bulk.best, (double)BULK / f->bulk.best / 1e6);
    if (limit != NULL) {
        printf("  ratio to limit %.2f, %.2fx speed", f->round_trip.best / limit->round_trip.best,
               limit->bulk.best / f->bulk.best);
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    const size_t rounds = argc > 1 ? (size_t)atoi(argv[1]) : 40;
    sy_context *context;
    sy_error err = SY_ERROR_INIT;
    lws_set_log_level(0, NULL);
    check(sy_context_new(&context, NULL, &err), &err);
    printf("median / best; body %d bytes, pipelined %d at once\n", SMALL, PIPELINED);
    const figures inproc = measure(context, "inproc://bench", 0, rounds);
    show("inproc", &inproc, NULL);
    for (unsigned spin = 0; spin <= 50; spin += 50) {
        char name[40];
        const figures limit = measure_raw(spin, rounds);
        const figures tcp = measure(context, "tcp://127.0.0.1:0", spin, rounds);
        snprintf(name, sizeof name, "raw socket, spin %u us", spin);
        show(name, &limit, NULL);
        snprintf(name, sizeof name, "tcp, spin %u us", spin);
        show(name, &tcp, &limit);
    }
    const figures plain = measure_bare(rounds);
    const figures ws = measure(context, "ws://127.0.0.1:0", 0, rounds);
    const figures spinning = measure(context, "ws://127.0.0.1:0", 50, rounds);
    show("bare libwebsockets", &plain, NULL);
    show("websocket", &ws, &plain);
    show("websocket, spin 50 us", &spinning, &plain);
    sy_context_free(context);
    return 0;
}
