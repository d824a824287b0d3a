/*
 * transport_contract.h - what every implementation of transport/transport.h must do. A test program
 * describes its transport in a `contract` and runs
 *
 *     const struct CMUnitTest tests[] = {TRANSPORT_CONTRACT_TESTS};
 *     return transport_contract_run(&contract, tests, count);
 *
 * The service under test is a `probe`: it echoes, keeps, or stays silent, and counts what it hears.
 */
#ifndef CSYFT_TESTS_TRANSPORT_CONTRACT_H
#define CSYFT_TESTS_TRANSPORT_CONTRACT_H

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/surroundings.h"
#include "support/failing_allocator.h"
#include "support/test.h"
#include "transport/transport.h"

typedef struct contract {
    const char *url;     /* to listen on; port 0 */
    const char *address; /* what the address of a peer starts with */
    /* A connection on which a test may write bytes of its own; NULL where there are none (inproc). */
    int (*raw_connect)(const char *url);
    bool (*raw_write)(int fd, const void *bytes, size_t size);
    bool waits_for_reading; /* a send to a paused peer waits and then has sent nothing */
} contract;

static const contract *the_contract;

#define SECOND UINT64_C(1000000000)
#define PATIENCE (20 * SECOND) /* sanitizers on a busy machine */

/* --- the service ------------------------------------------------------------------------------- */

typedef enum probe_mode {
    PROBE_ECHO,
    PROBE_KEEP,   /* counts only */
    PROBE_REFUSE, /* opened returns NULL */
    PROBE_CLOSE,  /* echoes, then closes with a linger of a second */
} probe_mode;

#define PROBE_SESSIONS 512

typedef struct probe probe;

typedef struct probe_session {
    probe *owner;
    syi_peer *peer;
    int closed;
    int received;
    int late; /* received after closed */
    int refused;
    uint64_t bytes;
    sy_status why;
    char sentence[256];
    uint64_t last_id;
    bool in_order;
} probe_session;

struct probe {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    probe_mode mode;
    syi_account *account; /* given to each peer in `opened` */
    const syi_frame_limits *limits;
    bool keep_paused; /* each peer starts paused */
    int opened;
    int closed;
    int received;
    int send_failures;
    int sessions_count;
    probe_session sessions[PROBE_SESSIONS];
};

static void *probe_opened(void *user, syi_peer *peer)
{
    probe *p = user;
    pthread_mutex_lock(&p->lock);
    probe_session *session = NULL;
    if (p->mode != PROBE_REFUSE && p->sessions_count < PROBE_SESSIONS) {
        session = &p->sessions[p->sessions_count++];
        *session = (probe_session){.owner = p, .peer = peer, .in_order = true};
        p->opened++;
    }
    pthread_mutex_unlock(&p->lock);
    if (session != NULL) {
        if (p->account != NULL) {
            syi_peer_set_account(peer, p->account);
        }
        if (p->limits != NULL) {
            syi_peer_set_limits(peer, p->limits);
        }
        if (p->keep_paused) {
            syi_peer_set_reading(peer, false);
        }
    }
    pthread_cond_broadcast(&p->changed);
    return session;
}

static void probe_received(void *user, syi_message *message)
{
    probe_session *session = user;
    probe *p = session->owner;
    pthread_mutex_lock(&p->lock);
    p->received++;
    session->received++;
    session->late += session->closed;
    session->refused += message->refused != SY_OK;
    session->in_order = session->in_order && message->id > session->last_id;
    session->last_id = message->id;
    session->bytes += syi_frame_length(message);
    const probe_mode mode = p->mode;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    if (mode != PROBE_KEEP && syi_peer_send(session->peer, message, NULL) != SY_OK) {
        pthread_mutex_lock(&p->lock);
        p->send_failures++;
        pthread_mutex_unlock(&p->lock);
    }
    if (mode == PROBE_CLOSE) {
        syi_peer_close(session->peer, 1000);
    }
}

static void probe_closed(void *user, sy_status why, const char *sentence)
{
    probe_session *session = user;
    probe *p = session->owner;
    pthread_mutex_lock(&p->lock);
    session->closed++;
    session->why = why;
    snprintf(session->sentence, sizeof session->sentence, "%s", sentence);
    p->closed++;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

/* Waits until *counter, one of the probe's, has reached `count`. */
static bool probe_wait(probe *p, const int *counter, int count)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)(PATIENCE / SECOND);
    int failed = 0;
    pthread_mutex_lock(&p->lock);
    while (*counter < count && failed == 0) {
        failed = pthread_cond_timedwait(&p->changed, &p->lock, &until);
    }
    const bool reached = *counter >= count;
    pthread_mutex_unlock(&p->lock);
    return reached;
}

static int probe_read(probe *p, const int *counter)
{
    pthread_mutex_lock(&p->lock);
    const int value = *counter;
    pthread_mutex_unlock(&p->lock);
    return value;
}

/* --- a server and what tests do with it -------------------------------------------------------- */

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
    syi_listener *listener;
    const char *url;
    probe probe;
    sy_error err;
} fixture;

static void quiet_log(void *user, sy_log_level level, const char *component, const char *worker,
                      uint64_t message_id, const char *message)
{
    (void)user, (void)level, (void)component, (void)worker, (void)message_id, (void)message;
}

/* A context whose log is formatted and thrown away. */
static void fixture_open_context(fixture *f, probe_mode mode)
{
    memset(f, 0, sizeof *f);
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.allocator = failing_allocator_get(&f->memory);
    options.log = quiet_log;
    options.log_filter = "info";
    options.pool_threads = 1;
    assert_ok(sy_context_new(&f->context, &options, &f->err), &f->err);
    pthread_mutex_init(&f->probe.lock, NULL);
    pthread_cond_init(&f->probe.changed, NULL);
    f->probe.mode = mode;
}

static sy_status fixture_listen(fixture *f, const syi_listen_options *options)
{
    const syi_service service = {
        .user = &f->probe,
        .opened = probe_opened,
        .received = probe_received,
        .closed = probe_closed,
    };
    const sy_status status =
        syi_listen(f->context, &f->listener, the_contract->url, options, &service, &f->err);
    f->url = status == SY_OK ? syi_listener_get_url(f->listener) : NULL;
    return status;
}

static void fixture_open(fixture *f, probe_mode mode, const syi_listen_options *options)
{
    fixture_open_context(f, mode);
    assert_ok(fixture_listen(f, options), &f->err);
}

/* Checks that each session heard `closed` once and nothing after it, and that no memory is left. */
static void fixture_close(fixture *f)
{
    syi_listener_free(f->listener);
    probe *p = &f->probe;
    assert_int_equal(p->opened, p->closed);
    for (int i = 0; i < p->sessions_count; i++) {
        assert_int_equal(p->sessions[i].closed, 1);
        assert_int_equal(p->sessions[i].late, 0);
        /* The handle outlives the connection and the listener. */
        syi_message message;
        syi_message_init(&message, f->context, 10);
        assert_status(syi_peer_send(p->sessions[i].peer, &message, &f->err), SY_ECLOSED, &f->err);
        syi_message_fini(&message);
        syi_peer_close(p->sessions[i].peer, 0);
        syi_peer_set_reading(p->sessions[i].peer, true);
        assert_int_equal(strncmp(syi_peer_get_address(p->sessions[i].peer), the_contract->address,
                                 strlen(the_contract->address)),
                         0);
        syi_peer_unref(p->sessions[i].peer);
    }
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    sy_context_free(f->context);
    assert_int_equal(f->memory.live, 0);
    assert_int_equal(f->memory.live_bytes, 0);
    assert_false(f->memory.broken);
}

static uint64_t soon(const fixture *f, uint64_t ns)
{
    return syi_clock_now(f->context) + ns;
}

static syi_connection *fixture_connect(fixture *f)
{
    syi_connection *connection = NULL;
    const syi_connect_options options = {.limits = SYI_FRAME_LIMITS_DEFAULT,
                                         .deadline = soon(f, PATIENCE)};
    assert_ok(syi_connect(f->context, &connection, f->url, &options, &f->err), &f->err);
    assert_non_null(connection);
    return connection;
}

static sy_status send_one(fixture *f, syi_connection *connection, const syi_message *message)
{
    return syi_connection_send(connection, &message, 1, soon(f, PATIENCE), &f->err);
}

static sy_status receive_one(fixture *f, syi_connection *connection, syi_message *message)
{
    return syi_connection_receive(connection, message, soon(f, PATIENCE), &f->err);
}

/* Byte i of contents number n. */
static uint8_t pattern(uint64_t n, size_t i)
{
    return (uint8_t)(n * 131 + i * 7 + (i >> 8) * 13 + (i >> 16));
}

static void fill(uint8_t *bytes, size_t size, uint64_t n)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = pattern(n, i);
    }
}

static void assert_pattern(const uint8_t *bytes, size_t size, uint64_t n)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != pattern(n, i)) {
            fail_msg("byte %zu of %zu is 0x%02x, expected 0x%02x", i, size, bytes[i],
                     pattern(n, i));
        }
    }
}

static void make_message(fixture *f, syi_message *message, uint64_t id, size_t body,
                         const size_t *segments, uint32_t segment_count)
{
    syi_message_init(message, f->context, body);
    message->kind = (uint16_t)(id % 60000);
    message->flags = (uint32_t)id * 3;
    message->id = id;
    message->trace = ~id;
    message->deadline_ms = (uint32_t)id + 5;
    uint8_t *room = syi_buffer_extend(&message->body, body);
    assert_non_null(room);
    fill(room, body, id);
    for (uint32_t i = 0; i < segment_count; i++) {
        syi_storage *storage;
        assert_ok(syi_storage_new(f->context, &storage, segments[i], NULL, &f->err), &f->err);
        fill(storage->data, segments[i], id + i + 1);
        assert_ok(syi_message_add_segment(message, storage, 0, segments[i], i * 9, &f->err),
                  &f->err);
        syi_storage_unref(storage);
    }
}

static void assert_message(const syi_message *message, uint64_t id, size_t body,
                           const size_t *segments, uint32_t segment_count)
{
    assert_int_equal(message->id, id);
    assert_int_equal(message->kind, id % 60000);
    assert_int_equal(message->flags, (uint32_t)id * 3);
    assert_true(message->trace == ~id);
    assert_int_equal(message->deadline_ms, (uint32_t)id + 5);
    assert_int_equal(message->refused, SY_OK);
    assert_int_equal(message->body.length, body);
    assert_pattern(message->body.data, body, id);
    assert_int_equal(message->segment_count, segment_count);
    for (uint32_t i = 0; i < segment_count; i++) {
        const syi_segment *segment = &message->segments[i];
        assert_int_equal(segment->length, segments[i]);
        assert_int_equal(segment->flags, i * 9);
        assert_int_equal(segment->storage->size, segments[i]);
        assert_int_equal(segment->storage->refs, 1);
        assert_ptr_equal(segment->data, segment->storage->data);
        assert_pattern(segment->data, segments[i], id + i + 1);
    }
}

/* A request and its echo. */
static void assert_echo(fixture *f, syi_connection *connection, uint64_t id)
{
    syi_message message;
    syi_message reply;
    make_message(f, &message, id, 10, NULL, 0);
    syi_message_init(&reply, f->context, 0);
    assert_ok(send_one(f, connection, &message), &f->err);
    assert_ok(receive_one(f, connection, &reply), &f->err);
    assert_message(&reply, id, 10, NULL, 0);
    syi_message_fini(&message);
    syi_message_fini(&reply);
}

/* Nothing but the end comes any more; the sentence names the URL. */
static void assert_closed(fixture *f, syi_connection *connection)
{
    syi_message message;
    syi_message_init(&message, f->context, 0);
    assert_status(receive_one(f, connection, &message), SY_ECLOSED, &f->err);
    assert_non_null(strstr(f->err.message, f->url));
    assert_status(receive_one(f, connection, &message), SY_ECLOSED, &f->err);
    assert_false(syi_connection_is_open(connection));
    syi_message_fini(&message);
}

/* --- frames ------------------------------------------------------------------------------------ */

static void contract_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = {0,      1,      39,     40,      41,     255,   256,
                                   257,    4055,   4056,   4057,    4095,   4096,  8191,
                                   8192,   65495,  65496,  65535,   65536,  65537, 131072,
                                   262143, 262144, 300001, 1 << 20, 5 << 20};
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    syi_connection *connection = fixture_connect(&f);
    assert_true(syi_connection_is_open(connection));
    assert_string_equal(syi_connection_get_url(connection), f.url);
    uint64_t id = 1;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++, id++) {
        syi_message message;
        syi_message reply;
        make_message(&f, &message, id, sizes[i], NULL, 0);
        syi_message_init(&reply, f.context, 0);
        assert_ok(send_one(&f, connection, &message), &f.err);
        assert_ok(receive_one(&f, connection, &reply), &f.err);
        assert_message(&reply, id, sizes[i], NULL, 0);
        /* The same as segments: alone, between others, many. */
        const size_t lists[][4] = {{sizes[i]}, {3, sizes[i], 0, 300}, {sizes[i], 1, sizes[i]}};
        const uint32_t counts[] = {1, 4, 3};
        for (int k = 0; k < 3; k++) {
            syi_message_fini(&message);
            make_message(&f, &message, ++id, sizes[i] % 50, lists[k], counts[k]);
            assert_ok(send_one(&f, connection, &message), &f.err);
            assert_ok(receive_one(&f, connection, &reply), &f.err);
            assert_message(&reply, id, sizes[i] % 50, lists[k], counts[k]);
        }
        syi_message_fini(&message);
        syi_message_fini(&reply);
    }
    const syi_traffic here = syi_connection_get_traffic(connection);
    const syi_traffic there = syi_peer_get_traffic(f.probe.sessions[0].peer);
    assert_int_equal(here.frames_sent, id - 1);
    assert_int_equal(here.frames_received, id - 1);
    assert_int_equal(here.bytes_sent, here.bytes_received);
    assert_memory_equal(&here, &there, sizeof here);
    assert_int_equal(f.probe.sessions[0].bytes, here.bytes_sent);
    assert_true(syi_peer_is_loopback(f.probe.sessions[0].peer));
    syi_connection_close(connection);
    assert_true(probe_wait(&f.probe, &f.probe.closed, 1));
    assert_int_equal(f.probe.sessions[0].why, SY_ECLOSED);
    fixture_close(&f);
}

static void contract_thousand_segments(void **state)
{
    (void)state;
    enum { COUNT = 4096 };
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    syi_connection *connection = fixture_connect(&f);
    static size_t sizes[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        sizes[i] = i % 100 == 7 ? 5000 : i % 40;
    }
    syi_message message;
    syi_message reply;
    make_message(&f, &message, 1, 20, sizes, COUNT);
    syi_message_init(&reply, f.context, 0);
    assert_ok(send_one(&f, connection, &message), &f.err);
    assert_ok(receive_one(&f, connection, &reply), &f.err);
    assert_message(&reply, 1, 20, sizes, COUNT);
    syi_message_fini(&message);
    syi_message_fini(&reply);
    syi_connection_close(connection);
    fixture_close(&f);
}

/* Segments may view a part of a storage, or bytes that nobody counts. */
static void contract_borrowed_segments(void **state)
{
    (void)state;
    static uint8_t borrowed[20000];
    fill(borrowed, sizeof borrowed, 3);
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    syi_connection *connection = fixture_connect(&f);
    syi_message message;
    syi_message reply;
    const size_t sizes[] = {1, 1};
    make_message(&f, &message, 2, 0, sizes, 2);
    message.segments[1].data = borrowed;
    message.segments[1].length = sizeof borrowed;
    syi_storage_unref(message.segments[1].storage);
    message.segments[1].storage = NULL;
    syi_message_init(&reply, f.context, 0);
    assert_ok(send_one(&f, connection, &message), &f.err);
    assert_ok(receive_one(&f, connection, &reply), &f.err);
    assert_int_equal(reply.segments[1].length, sizeof borrowed);
    assert_int_equal(reply.segments[1].storage->size, sizeof borrowed);
    assert_memory_equal(reply.segments[1].data, borrowed, sizeof borrowed);
    syi_message_fini(&message);
    syi_message_fini(&reply);
    syi_connection_close(connection);
    fixture_close(&f);
}

static void contract_many_in_one_send(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    syi_connection *connection = fixture_connect(&f);
    static syi_message messages[COUNT];
    const syi_message *list[COUNT];
    size_t sizes[COUNT][2];
    for (size_t i = 0; i < COUNT; i++) {
        sizes[i][0] = i % 50 == 0 ? 30000 : i % 200;
        sizes[i][1] = i % 97 == 0 ? 100000 : i % 7;
        make_message(&f, &messages[i], i + 1, sizes[i][0], &sizes[i][1], i % 3 == 0 ? 1 : 0);
        list[i] = &messages[i];
    }
    syi_message reply;
    syi_message_init(&reply, f.context, 0);
    assert_ok(syi_connection_send(connection, list, 0, 0, &f.err), &f.err); /* none is fine */
    assert_ok(syi_connection_send(connection, list, COUNT, soon(&f, PATIENCE), &f.err), &f.err);
    for (size_t i = 0; i < COUNT; i++) {
        assert_ok(receive_one(&f, connection, &reply), &f.err);
        assert_message(&reply, i + 1, sizes[i][0], &sizes[i][1], i % 3 == 0 ? 1 : 0);
        syi_message_fini(&messages[i]);
    }
    syi_message_fini(&reply);
    syi_connection_close(connection);
    fixture_close(&f);
}

static void contract_pipelining(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    syi_connection *connection = fixture_connect(&f);
    syi_message message;
    syi_message reply;
    syi_message_init(&reply, f.context, 0);
    for (uint64_t id = 1; id <= 1000; id++) {
        make_message(&f, &message, id, id % 300, NULL, 0);
        assert_ok(send_one(&f, connection, &message), &f.err);
        syi_message_fini(&message);
    }
    for (uint64_t id = 1; id <= 1000; id++) {
        assert_ok(receive_one(&f, connection, &reply), &f.err);
        assert_message(&reply, id, id % 300, NULL, 0);
    }
    assert_true(f.probe.sessions[0].in_order);
    syi_message_fini(&reply);
    syi_connection_close(connection);
    fixture_close(&f);
}

/* --- two threads on one connection ------------------------------------------------------------- */

typedef struct sender {
    fixture *f;
    syi_connection *connection;
    uint64_t first, last;
    size_t body;
    sy_status status;
    sy_error err;
    pthread_t thread;
} sender;

static void *send_many(void *argument)
{
    sender *s = argument;
    syi_message message;
    syi_message_init(&message, s->f->context, s->body);
    uint8_t *room = syi_buffer_extend(&message.body, s->body);
    if (room == NULL) {
        s->status = SY_ENOMEM;
        return NULL;
    }
    memset(room, 5, s->body);
    for (message.id = s->first; message.id <= s->last && s->status == SY_OK; message.id++) {
        const syi_message *list = &message;
        s->status = syi_connection_send(s->connection, &list, 1, soon(s->f, PATIENCE), &s->err);
    }
    syi_message_fini(&message);
    return NULL;
}

static void contract_send_and_receive_in_two_threads(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    syi_connection *connection = fixture_connect(&f);
    sender s = {.f = &f, .connection = connection, .first = 1, .last = 3000, .body = 2000};
    pthread_create(&s.thread, NULL, send_many, &s);
    syi_message reply;
    syi_message_init(&reply, f.context, 0);
    for (uint64_t id = 1; id <= s.last; id++) {
        assert_ok(receive_one(&f, connection, &reply), &f.err);
        assert_int_equal(reply.id, id);
        assert_int_equal(reply.body.length, s.body);
    }
    pthread_join(s.thread, NULL);
    assert_ok(s.status, &s.err);
    syi_message_fini(&reply);
    syi_connection_close(connection);
    fixture_close(&f);
}

/* Each of several threads sends through the peer; the order within a thread holds. */
static void *push_many(void *argument)
{
    sender *s = argument;
    for (uint64_t id = s->first; id <= s->last && s->status == SY_OK; id++) {
        const size_t size = id % 100 == 0 ? s->body : id % 50;
        syi_message message;
        syi_message_init(&message, s->f->context, size);
        message.id = id;
        uint8_t *room = syi_buffer_extend(&message.body, size);
        memset(room, (int)(id & 0xff), size);
        s->status = syi_peer_send(s->f->probe.sessions[0].peer, &message, &s->err);
        syi_message_fini(&message);
    }
    return NULL;
}

static void contract_replies_from_other_threads(void **state)
{
    (void)state;
    enum { THREADS = 4, EACH = 500 };
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    syi_connection *connection = fixture_connect(&f);
    assert_echo(&f, connection, 1);
    sender senders[THREADS];
    for (uint64_t i = 0; i < THREADS; i++) {
        senders[i] = (sender){.f = &f,
                              .first = i * 10000,
                              .last = i * 10000 + EACH - 1,
                              .body = i == 0 ? 300000 : 9000};
        pthread_create(&senders[i].thread, NULL, push_many, &senders[i]);
    }
    uint64_t expected[THREADS] = {0, 10000, 20000, 30000};
    syi_message reply;
    syi_message_init(&reply, f.context, 0);
    for (int i = 0; i < THREADS * EACH; i++) {
        assert_ok(receive_one(&f, connection, &reply), &f.err);
        const uint64_t who = reply.id / 10000;
        assert_int_equal(reply.id, expected[who]++);
        for (size_t b = 0; b < reply.body.length; b++) {
            assert_int_equal(reply.body.data[b], reply.id & 0xff);
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(senders[i].thread, NULL);
        assert_ok(senders[i].status, &senders[i].err);
    }
    syi_message_fini(&reply);
    syi_connection_close(connection);
    fixture_close(&f);
}

/* --- deadlines and pressure -------------------------------------------------------------------- */

static void contract_receive_deadline(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, PROBE_KEEP, NULL);
    syi_connection *connection = fixture_connect(&f);
    syi_message message;
    syi_message_init(&message, f.context, 0);
    for (int i = 0; i < 3; i++) {
        const uint64_t begin = syi_clock_now(f.context);
        assert_status(syi_connection_receive(connection, &message, begin + SECOND / 50, &f.err),
                      SY_ETIMEDOUT, &f.err);
        assert_in_range(syi_clock_now(f.context) - begin, SECOND / 50, PATIENCE);
        assert_non_null(strstr(f.err.message, f.url));
    }
    /* A deadline long gone only looks. */
    assert_status(syi_connection_receive(connection, &message, 1, &f.err), SY_ETIMEDOUT, &f.err);
    pthread_mutex_lock(&f.probe.lock);
    f.probe.mode = PROBE_ECHO;
    pthread_mutex_unlock(&f.probe.lock);
    assert_echo(&f, connection, 1);
    assert_true(syi_connection_is_open(connection));
    syi_message_fini(&message);
    syi_connection_close(connection);
    fixture_close(&f);
}

static void contract_send_deadline(void **state)
{
    (void)state;
    fixture f;
    fixture_open_context(&f, PROBE_ECHO);
    f.probe.keep_paused = true;
    assert_ok(fixture_listen(&f, NULL), &f.err);
    syi_connection *connection = fixture_connect(&f);
    const size_t size = 32u << 20; /* more than any socket buffer */
    syi_message message;
    make_message(&f, &message, 1, 10, &size, 1);
    const syi_message *list = &message;
    const uint64_t begin = syi_clock_now(f.context);
    assert_status(syi_connection_send(connection, &list, 1, begin + SECOND / 10, &f.err),
                  SY_ETIMEDOUT, &f.err);
    assert_in_range(syi_clock_now(f.context) - begin, SECOND / 10, PATIENCE);
    assert_int_equal(syi_connection_is_open(connection), the_contract->waits_for_reading);
    if (the_contract->waits_for_reading) {
        assert_true(probe_wait(&f.probe, &f.probe.opened, 1));
        syi_peer_set_reading(f.probe.sessions[0].peer, true);
        assert_echo(&f, connection, 1);
    } else {
        assert_closed(&f, connection);
        assert_status(send_one(&f, connection, &message), SY_ECLOSED, &f.err);
    }
    syi_message_fini(&message);
    syi_connection_close(connection);
    fixture_close(&f);
}

static void contract_pause_reading(void **state)
{
    (void)state;
    fixture f;
    fixture_open_context(&f, PROBE_ECHO);
    f.probe.keep_paused = true;
    assert_ok(fixture_listen(&f, NULL), &f.err);
    syi_connection *connection = fixture_connect(&f);
    sender s = {.f = &f, .connection = connection, .first = 1, .last = 20, .body = 100};
    pthread_create(&s.thread, NULL, send_many, &s);
    assert_true(probe_wait(&f.probe, &f.probe.opened, 1));
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    assert_int_equal(probe_read(&f.probe, &f.probe.received), 0);
    syi_peer_set_reading(f.probe.sessions[0].peer, true);
    assert_true(probe_wait(&f.probe, &f.probe.received, 20));
    pthread_join(s.thread, NULL);
    assert_ok(s.status, &s.err);
    assert_true(f.probe.sessions[0].in_order);
    syi_connection_close(connection);
    fixture_close(&f);
}

static void contract_slow_reader_is_closed(void **state)
{
    (void)state;
    const uint64_t max = 1 << 20;
    const syi_listen_options options = {.limits = SYI_FRAME_LIMITS_DEFAULT, .send_queue_max = max};
    fixture f;
    fixture_open(&f, PROBE_ECHO, &options);
    syi_connection *connection = fixture_connect(&f);
    assert_echo(&f, connection, 1);
    syi_peer *peer = f.probe.sessions[0].peer;
    sy_status status = SY_OK;
    const size_t before = f.memory.live_bytes;
    f.memory.peak_bytes = before;
    int sent = 0;
    for (; status == SY_OK && sent < 10000; sent++) {
        syi_message message;
        make_message(&f, &message, 7, 60000, NULL, 0);
        status = syi_peer_send(peer, &message, &f.err);
        syi_message_fini(&message);
    }
    assert_status(status, SY_ELIMIT, &f.err);
    assert_in_range(f.memory.peak_bytes - before, max / 2, 2 * max + 300000);
    /* The client is told when it next looks. */
    syi_message reply;
    syi_message_init(&reply, f.context, 0);
    int got = 0;
    while ((status = receive_one(&f, connection, &reply)) == SY_OK) {
        got++;
    }
    assert_status(status, SY_ECLOSED, &f.err);
    assert_in_range(got, 0, sent - 1);
    assert_true(probe_wait(&f.probe, &f.probe.closed, 1));
    assert_int_equal(f.probe.sessions[0].why, SY_ELIMIT);
    syi_message_fini(&reply);
    syi_connection_close(connection);
    fixture_close(&f);
}

/* --- accounts and limits ----------------------------------------------------------------------- */

static void contract_account_refusal(void **state)
{
    (void)state;
    fixture f;
    fixture_open_context(&f, PROBE_KEEP);
    syi_account account;
    syi_account_init(&account, "caller", 100000, NULL);
    f.probe.account = &account;
    assert_ok(fixture_listen(&f, NULL), &f.err);
    syi_connection *connection = fixture_connect(&f);
    const size_t fits[] = {60000, 40000};
    const size_t passes[] = {10, 60000, 3 << 20};
    for (uint64_t id = 1; id <= 6; id++) {
        syi_message message;
        make_message(&f, &message, id, 20, id % 2 == 0 ? passes : fits, id % 2 == 0 ? 3 : 2);
        assert_ok(send_one(&f, connection, &message), &f.err);
        syi_message_fini(&message);
    }
    assert_true(probe_wait(&f.probe, &f.probe.received, 6));
    assert_int_equal(f.probe.sessions[0].refused, 3);
    assert_true(f.probe.sessions[0].in_order);
    assert_int_equal(account.used, 0);
    assert_int_equal(account.peak, 100000);
    pthread_mutex_lock(&f.probe.lock);
    f.probe.mode = PROBE_ECHO;
    pthread_mutex_unlock(&f.probe.lock);
    assert_echo(&f, connection, 7);
    syi_connection_close(connection);
    fixture_close(&f);
}

static void contract_account_of_the_client(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    syi_account account;
    syi_account_init(&account, "own", 50000, NULL);
    const syi_connect_options options = {.limits = SYI_FRAME_LIMITS_DEFAULT, .account = &account};
    syi_connection *connection;
    assert_ok(syi_connect(f.context, &connection, f.url, &options, &f.err), &f.err);
    const size_t sizes[] = {50000, 50001};
    syi_message message;
    syi_message reply;
    syi_message_init(&reply, f.context, 0);
    for (uint64_t id = 1; id <= 4; id++) {
        make_message(&f, &message, id, 20, &sizes[id % 2], 1);
        assert_ok(send_one(&f, connection, &message), &f.err);
        assert_ok(receive_one(&f, connection, &reply), &f.err);
        assert_int_equal(reply.id, id);
        assert_pattern(reply.body.data, 20, id);
        assert_int_equal(reply.refused, id % 2 == 0 ? SY_OK : SY_ELIMIT);
        assert_int_equal(reply.segment_count, id % 2 == 0 ? 1 : 0);
        if (id % 2 != 0) {
            assert_non_null(strstr(reply.refusal->message, "own"));
        }
        syi_message_fini(&message);
    }
    syi_message_fini(&reply);
    assert_int_equal(account.used, 0);
    syi_connection_close(connection);
    fixture_close(&f);
}

static void contract_limits_of_a_peer(void **state)
{
    (void)state;
    static const syi_frame_limits tight = {.body_max = 100, .segments_max = 1, .frame_max = 1000};
    fixture f;
    fixture_open_context(&f, PROBE_ECHO);
    f.probe.limits = &tight;
    assert_ok(fixture_listen(&f, NULL), &f.err);
    const size_t sizes[] = {900, 1};
    const struct {
        size_t body;
        uint32_t segments;
    } cases[] = {{101, 0}, {0, 2}, {100, 1}};
    for (int i = 0; i < 3; i++) {
        syi_connection *connection = fixture_connect(&f);
        assert_echo(&f, connection, 1);
        syi_message message;
        make_message(&f, &message, 2, cases[i].body, sizes, cases[i].segments);
        const sy_status status = send_one(&f, connection, &message);
        assert_true(status == SY_OK || status == SY_ECLOSED);
        assert_closed(&f, connection);
        assert_true(probe_wait(&f.probe, &f.probe.closed, i + 1));
        assert_int_equal(f.probe.sessions[i].why, SY_EPROTO);
        assert_non_null(strstr(f.probe.sessions[i].sentence, "limit of"));
        syi_message_fini(&message);
        syi_connection_close(connection);
    }
    fixture_close(&f);
}

static void contract_limits_of_the_client(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    const syi_connect_options options = {.limits = {.body_max = 100, .segments_max = 1}};
    syi_connection *connection;
    assert_ok(syi_connect(f.context, &connection, f.url, &options, &f.err), &f.err);
    assert_echo(&f, connection, 1);
    syi_message message;
    syi_message reply;
    syi_message_init(&reply, f.context, 0);
    make_message(&f, &message, 2, 101, NULL, 0);
    assert_ok(send_one(&f, connection, &message), &f.err);
    const sy_status status = receive_one(&f, connection, &reply);
    assert_true(status == SY_EPROTO || status == SY_ECLOSED);
    assert_non_null(strstr(f.err.message, f.url));
    assert_false(syi_connection_is_open(connection));
    syi_message_fini(&message);
    syi_message_fini(&reply);
    syi_connection_close(connection);
    fixture_close(&f);
}

/* --- opening and closing ----------------------------------------------------------------------- */

static void contract_many_connections(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    static syi_connection *connections[COUNT];
    for (int i = 0; i < COUNT; i++) {
        connections[i] = fixture_connect(&f);
        syi_message message;
        make_message(&f, &message, (uint64_t)i + 1, 10, NULL, 0);
        assert_ok(send_one(&f, connections[i], &message), &f.err);
        syi_message_fini(&message);
    }
    for (int i = COUNT - 1; i >= 0; i--) {
        syi_message reply;
        syi_message_init(&reply, f.context, 0);
        assert_ok(receive_one(&f, connections[i], &reply), &f.err);
        assert_message(&reply, (uint64_t)i + 1, 10, NULL, 0);
        syi_message_fini(&reply);
    }
    assert_int_equal(probe_read(&f.probe, &f.probe.opened), COUNT);
    for (int i = 0; i < COUNT; i++) {
        syi_connection_close(connections[i]);
    }
    assert_true(probe_wait(&f.probe, &f.probe.closed, COUNT));
    fixture_close(&f);
}

/* Refused at once, or when it first listens. */
static void assert_refused(fixture *f)
{
    syi_connection *connection = NULL;
    const syi_connect_options options = {.limits = SYI_FRAME_LIMITS_DEFAULT,
                                         .deadline = soon(f, PATIENCE)};
    const sy_status status = syi_connect(f->context, &connection, f->url, &options, &f->err);
    if (status == SY_OK) {
        assert_closed(f, connection);
        syi_connection_close(connection);
    } else {
        assert_status(status, SY_ECLOSED, &f->err);
        assert_null(connection);
        assert_non_null(strstr(f->err.message, f->url));
    }
}

static void contract_connections_max(void **state)
{
    (void)state;
    const syi_listen_options options = {.limits = SYI_FRAME_LIMITS_DEFAULT, .connections_max = 2};
    fixture f;
    fixture_open(&f, PROBE_ECHO, &options);
    syi_connection *first = fixture_connect(&f);
    syi_connection *second = fixture_connect(&f);
    assert_echo(&f, first, 1);
    assert_echo(&f, second, 1);
    assert_refused(&f);
    assert_echo(&f, first, 2);
    assert_echo(&f, second, 2);
    syi_connection_close(first);
    assert_true(probe_wait(&f.probe, &f.probe.closed, 1));
    /* The place is free again; the server may need a moment to see it. */
    syi_connection *third = fixture_connect(&f);
    assert_echo(&f, third, 1);
    syi_connection_close(second);
    syi_connection_close(third);
    fixture_close(&f);
}

static void contract_refused_by_the_service(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, PROBE_REFUSE, NULL);
    assert_refused(&f);
    assert_refused(&f);
    assert_int_equal(probe_read(&f.probe, &f.probe.closed), 0);
    fixture_close(&f);
}

static void contract_nobody_listens(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    char url[512];
    snprintf(url, sizeof url, "%s", f.url);
    f.url = url;
    syi_listener_free(f.listener);
    f.listener = NULL;
    syi_connection *connection;
    const syi_connect_options options = {.limits = SYI_FRAME_LIMITS_DEFAULT,
                                         .deadline = soon(&f, PATIENCE)};
    assert_status(syi_connect(f.context, &connection, url, &options, &f.err), SY_ECLOSED, &f.err);
    assert_non_null(strstr(f.err.message, url));
    assert_null(connection);
    fixture_close(&f);
}

static void contract_url_is_taken(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    const syi_service service = {&f.probe, probe_opened, probe_received, probe_closed};
    syi_listener *second;
    assert_status(syi_listen(f.context, &second, f.url, NULL, &service, &f.err), SY_EEXIST, &f.err);
    assert_null(second);
    fixture_close(&f);
}

static void contract_listener_stops(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    syi_connection *connection = fixture_connect(&f);
    assert_echo(&f, connection, 1);
    syi_listener_stop(f.listener);
    syi_listener_stop(f.listener);
    assert_refused(&f);
    assert_echo(&f, connection, 2);
    syi_connection_close(connection);
    fixture_close(&f);
}

static void contract_listener_free_with_live_peers(void **state)
{
    (void)state;
    enum { COUNT = 20 };
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    char url[512];
    snprintf(url, sizeof url, "%s", f.url);
    f.url = url;
    syi_connection *connections[COUNT];
    for (int i = 0; i < COUNT; i++) {
        connections[i] = fixture_connect(&f);
        assert_echo(&f, connections[i], 1);
    }
    syi_listener_free(f.listener);
    f.listener = NULL;
    assert_int_equal(f.probe.closed, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_closed(&f, connections[i]);
        syi_connection_close(connections[i]);
    }
    fixture_close(&f);
}

/* What was sent before syi_peer_close arrives. */
static void contract_peer_close_lingers(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, PROBE_CLOSE, NULL);
    syi_connection *connection = fixture_connect(&f);
    const size_t size = 6u << 20;
    syi_message message;
    syi_message reply;
    make_message(&f, &message, 1, 10, &size, 1);
    syi_message_init(&reply, f.context, 0);
    assert_ok(send_one(&f, connection, &message), &f.err);
    assert_ok(receive_one(&f, connection, &reply), &f.err);
    assert_message(&reply, 1, 10, &size, 1);
    assert_closed(&f, connection);
    syi_message_fini(&message);
    syi_message_fini(&reply);
    syi_connection_close(connection);
    assert_true(probe_wait(&f.probe, &f.probe.closed, 1));
    assert_int_equal(f.probe.sessions[0].why, SY_ECLOSED);
    fixture_close(&f);
}

/* A client that ignores the goodbye is cut off when the linger time is over. */
static void contract_linger_ends(void **state)
{
    (void)state;
    if (the_contract->raw_connect == NULL) {
        return; /* inproc: nobody is waited for */
    }
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    syi_connection *connection = fixture_connect(&f);
    assert_echo(&f, connection, 1);
    const uint64_t begin = syi_clock_now(f.context);
    syi_peer_close(f.probe.sessions[0].peer, 100);
    assert_true(probe_wait(&f.probe, &f.probe.closed, 1));
    assert_in_range(syi_clock_now(f.context) - begin, SECOND / 20, PATIENCE);
    assert_closed(&f, connection);
    syi_connection_close(connection);
    fixture_close(&f);
}

static void *close_peer(void *argument)
{
    sender *s = argument;
    syi_peer_close(s->f->probe.sessions[s->first].peer, (uint32_t)s->last);
    return NULL;
}

static void contract_closing_from_both_ends(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    for (int i = 0; i < 60; i++) {
        syi_connection *connection = fixture_connect(&f);
        assert_echo(&f, connection, 1);
        sender s = {.f = &f, .first = (uint64_t)i, .last = i % 3 == 0 ? 1000 : 0};
        pthread_create(&s.thread, NULL, close_peer, &s);
        if (i % 2 == 0) {
            syi_message message;
            make_message(&f, &message, 2, 50000, NULL, 0);
            const sy_status status = send_one(&f, connection, &message);
            assert_true(status == SY_OK || status == SY_ECLOSED);
            syi_message_fini(&message);
        }
        syi_connection_close(connection);
        pthread_join(s.thread, NULL);
    }
    assert_true(probe_wait(&f.probe, &f.probe.closed, 60));
    fixture_close(&f);
}

static void *free_listener(void *argument)
{
    sender *s = argument;
    syi_listener_free(s->f->listener);
    return NULL;
}

static void contract_listener_free_against_clients(void **state)
{
    (void)state;
    for (int round = 0; round < 10; round++) {
        fixture f;
        fixture_open(&f, PROBE_ECHO, NULL);
        char url[512];
        snprintf(url, sizeof url, "%s", f.url);
        f.url = url;
        syi_connection *connections[4];
        for (int i = 0; i < 4; i++) {
            connections[i] = fixture_connect(&f);
            assert_echo(&f, connections[i], 1);
        }
        sender s = {.f = &f};
        pthread_create(&s.thread, NULL, free_listener, &s);
        for (int i = 0; i < 4; i++) {
            syi_message message;
            make_message(&f, &message, 2, 1000, NULL, 0);
            sy_status status = SY_OK;
            for (int n = 0; n < 20 && i % 2 == 0 && status == SY_OK; n++) {
                message.id++;
                status = send_one(&f, connections[i], &message);
            }
            assert_true(status == SY_OK || status == SY_ECLOSED);
            syi_message_fini(&message);
            syi_connection_close(connections[i]);
        }
        pthread_join(s.thread, NULL);
        f.listener = NULL;
        fixture_close(&f);
    }
}

static int count_inheritable(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        const int flags = fcntl(atoi(entry->d_name), F_GETFD);
        count += entry->d_name[0] != '.' && flags >= 0 && (flags & FD_CLOEXEC) == 0;
    }
    closedir(folder);
    return count;
}

static void contract_no_descriptor_is_inherited(void **state)
{
    (void)state;
    fixture f;
    const int before = count_inheritable();
    fixture_open(&f, PROBE_ECHO, NULL);
    syi_connection *connection = fixture_connect(&f);
    assert_echo(&f, connection, 1);
    assert_int_equal(count_inheritable(), before);
    syi_connection_close(connection);
    fixture_close(&f);
}

/* --- bytes that are no frames ------------------------------------------------------------------ */

static int raw_open(fixture *f)
{
    const int fd = the_contract->raw_connect(f->url);
    assert_true(fd >= 0);
    return fd;
}

/* The head of a frame with one table entry, as hostile as the caller likes. */
static size_t raw_head(uint8_t *head, uint16_t segments, uint32_t body, uint64_t segment)
{
    const size_t size = segments == 0 ? 40 : 56;
    memset(head, 0, size);
    syi_put_u32le(head, SYI_FRAME_MAGIC);
    syi_put_u16le(head + 4, 1);
    syi_put_u16le(head + 6, segments);
    syi_put_u32le(head + 8, body);
    if (segments != 0) {
        syi_put_u64le(head + 40, segment);
    }
    return size;
}

static void contract_hostile_bytes(void **state)
{
    (void)state;
    if (the_contract->raw_connect == NULL) {
        return;
    }
    uint8_t head[8][56];
    size_t sizes[8];
    sizes[0] = raw_head(head[0], 0, UINT32_MAX, 0);
    sizes[1] = raw_head(head[1], 65535, 0, 0);
    sizes[2] = raw_head(head[2], 1, 0, UINT64_MAX);
    sizes[3] = raw_head(head[3], 1, 0, UINT64_C(1) << 63);
    sizes[4] = raw_head(head[4], 0, 0, 0);
    head[4][37] = 1; /* reserved */
    sizes[5] = raw_head(head[5], 1, 0, 5);
    head[5][52] = 1; /* reserved of the segment */
    sizes[6] = 40;
    memcpy(head[6], "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n     ", 40);
    sizes[7] = 40;
    memset(head[7], 0xff, 40);
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    for (int i = 0; i < 8; i++) {
        const int fd = raw_open(&f);
        assert_true(the_contract->raw_write(fd, head[i], sizes[i]));
        assert_true(probe_wait(&f.probe, &f.probe.closed, i + 1));
        assert_int_equal(f.probe.sessions[i].why, SY_EPROTO);
        close(fd);
    }
    assert_int_equal(f.probe.received, 0);
    syi_connection *connection = fixture_connect(&f); /* others are not harmed */
    assert_echo(&f, connection, 1);
    syi_connection_close(connection);
    fixture_close(&f);
}

static void contract_close_in_the_middle(void **state)
{
    (void)state;
    if (the_contract->raw_connect == NULL) {
        return;
    }
    uint8_t frame[56 + 100 + 3000] = {0};
    fixture f;
    fixture_open(&f, PROBE_KEEP, NULL);
    static const size_t cuts[] = {1, 39, 40, 41, 55, 56, 57, 156, 157, 3155};
    const int count = (int)(sizeof cuts / sizeof cuts[0]);
    for (int i = 0; i < count; i++) {
        raw_head(frame, 1, 100, 3000);
        const int fd = raw_open(&f);
        assert_true(the_contract->raw_write(fd, frame, cuts[i]));
        assert_true(probe_wait(&f.probe, &f.probe.opened, i + 1));
        close(fd);
        assert_true(probe_wait(&f.probe, &f.probe.closed, i + 1));
        assert_int_equal(f.probe.sessions[i].why, SY_ECLOSED);
    }
    assert_int_equal(f.probe.received, 0);
    fixture_close(&f);
}

static void contract_bytes_one_by_one(void **state)
{
    (void)state;
    if (the_contract->raw_connect == NULL) {
        return;
    }
    uint8_t frame[56 + 20 + 30] = {0};
    raw_head(frame, 1, 20, 30);
    frame[16] = 1;
    fixture f;
    fixture_open(&f, PROBE_KEEP, NULL);
    const int fd = raw_open(&f);
    for (size_t i = 0; i < sizeof frame; i++) {
        assert_true(the_contract->raw_write(fd, frame + i, 1));
    }
    assert_true(probe_wait(&f.probe, &f.probe.received, 1));
    assert_int_equal(f.probe.sessions[0].bytes, sizeof frame);
    close(fd);
    fixture_close(&f);
}

static void contract_first_frame_deadline(void **state)
{
    (void)state;
    if (the_contract->raw_connect == NULL) {
        return;
    }
    const syi_listen_options options = {.limits = SYI_FRAME_LIMITS_DEFAULT, .first_frame_ms = 100};
    uint8_t frame[56];
    raw_head(frame, 0, 0, 0);
    frame[16] = 1;
    fixture f;
    fixture_open(&f, PROBE_KEEP, &options);
    const int silent = raw_open(&f);
    assert_true(probe_wait(&f.probe, &f.probe.opened, 1));
    const int slow = raw_open(&f);
    assert_true(the_contract->raw_write(slow, frame, 39));
    assert_true(probe_wait(&f.probe, &f.probe.opened, 2));
    const int good = raw_open(&f);
    assert_true(the_contract->raw_write(good, frame, 40));
    assert_true(probe_wait(&f.probe, &f.probe.received, 1));
    assert_true(probe_wait(&f.probe, &f.probe.closed, 2));
    nanosleep(&(struct timespec){.tv_nsec = 150000000}, NULL);
    assert_int_equal(probe_read(&f.probe, &f.probe.closed), 2); /* the good one stays */
    int late = 0;
    pthread_mutex_lock(&f.probe.lock);
    for (int i = 0; i < 3; i++) {
        late += f.probe.sessions[i].closed == 1 && f.probe.sessions[i].why == SY_ETIMEDOUT;
    }
    pthread_mutex_unlock(&f.probe.lock);
    assert_int_equal(late, 2);
    close(silent);
    close(slow);
    close(good);
    fixture_close(&f);
}

/* --- allocation failures ----------------------------------------------------------------------- */

/* Everything once; whatever fails, nothing is left and nothing hangs. */
static void use_everything(fixture *f)
{
    if (fixture_listen(f, NULL) != SY_OK) {
        f->listener = NULL;
        return;
    }
    syi_connection *connection = NULL;
    const syi_connect_options options = {.limits = SYI_FRAME_LIMITS_DEFAULT,
                                         .deadline = soon(f, SECOND / 5)};
    sy_status status = syi_connect(f->context, &connection, f->url, &options, &f->err);
    syi_message message;
    syi_message_init(&message, f->context, 10000);
    syi_buffer_extend(&message.body, 5000);
    message.id = 1;
    syi_storage *storage = NULL;
    if (status == SY_OK && syi_storage_new(f->context, &storage, 9000, NULL, NULL) == SY_OK &&
        syi_message_add_segment(&message, storage, 0, 9000, 0, NULL) == SY_OK) {
        const syi_message *list = &message;
        status = syi_connection_send(connection, &list, 1, soon(f, SECOND / 5), &f->err);
        syi_message_clear(&message);
        if (status == SY_OK) {
            status = syi_connection_receive(connection, &message, soon(f, SECOND / 5), &f->err);
        }
        if (status == SY_OK) {
            assert_int_equal(message.segment_count, 1);
            assert_int_equal(message.body.length, 5000);
        }
    }
    syi_storage_unref(storage);
    syi_message_fini(&message);
    syi_connection_close(connection);
}

static void contract_out_of_memory(void **state)
{
    (void)state;
    size_t refused = 1;
    size_t runs = 0;
    for (size_t nth = 1; refused != 0 && nth < 200; nth++, runs++) {
        fixture f;
        fixture_open_context(&f, PROBE_ECHO);
        f.memory.fail_at = f.memory.calls + nth;
        use_everything(&f);
        f.memory.fail_at = 0;
        refused = f.memory.refused;
        fixture_close(&f);
    }
    assert_in_range(runs, 8, 199);
}

#define TRANSPORT_CONTRACT_TESTS                                                                   \
    cmocka_unit_test(contract_sizes), cmocka_unit_test(contract_thousand_segments),                \
        cmocka_unit_test(contract_borrowed_segments), cmocka_unit_test(contract_many_in_one_send), \
        cmocka_unit_test(contract_pipelining),                                                     \
        cmocka_unit_test(contract_send_and_receive_in_two_threads),                                \
        cmocka_unit_test(contract_replies_from_other_threads),                                     \
        cmocka_unit_test(contract_receive_deadline), cmocka_unit_test(contract_send_deadline),     \
        cmocka_unit_test(contract_pause_reading),                                                  \
        cmocka_unit_test(contract_slow_reader_is_closed),                                          \
        cmocka_unit_test(contract_account_refusal),                                                \
        cmocka_unit_test(contract_account_of_the_client),                                          \
        cmocka_unit_test(contract_limits_of_a_peer),                                               \
        cmocka_unit_test(contract_limits_of_the_client),                                           \
        cmocka_unit_test(contract_many_connections), cmocka_unit_test(contract_connections_max),   \
        cmocka_unit_test(contract_refused_by_the_service),                                         \
        cmocka_unit_test(contract_nobody_listens), cmocka_unit_test(contract_url_is_taken),        \
        cmocka_unit_test(contract_listener_stops),                                                 \
        cmocka_unit_test(contract_listener_free_with_live_peers),                                  \
        cmocka_unit_test(contract_peer_close_lingers), cmocka_unit_test(contract_linger_ends),     \
        cmocka_unit_test(contract_closing_from_both_ends),                                         \
        cmocka_unit_test(contract_listener_free_against_clients),                                  \
        cmocka_unit_test(contract_no_descriptor_is_inherited),                                     \
        cmocka_unit_test(contract_hostile_bytes), cmocka_unit_test(contract_close_in_the_middle),  \
        cmocka_unit_test(contract_bytes_one_by_one),                                               \
        cmocka_unit_test(contract_first_frame_deadline), cmocka_unit_test(contract_out_of_memory)

#endif
