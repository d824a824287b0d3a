/*
 * transport_probe.h - the service that transport tests talk to, a listener around it, and messages whose bytes can be
 * checked. Part of the contract of transport_contract.h.
 */
#ifndef CSYFT_TESTS_TRANSPORT_PROBE_H
#define CSYFT_TESTS_TRANSPORT_PROBE_H

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/surroundings.h"
#include "support/failing_allocator.h"
#include "support/property.h"
#include "support/test.h"
#include "transport/transport.h"

typedef struct contract {
    const char *url;     /* to listen on; port 0 */
    const char *address; /* what the address of a peer starts with */
    /* A connection on which a test may write bytes of its own; NULL where there are none (inproc). */
    int (*raw_connect)(const char *url);
    bool (*raw_write)(int fd, const void *bytes, size_t size);
    bool one_message;       /* on it there is one frame, not several */
    syi_tls_config *tls;    /* for both ends; nullable */
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
    PROBE_CLOSE,  /* echoes, then closes and waits for the other end */
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

static inline void *probe_opened(void *user, syi_peer *peer)
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

static inline void probe_received(void *user, syi_message *message)
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
        syi_peer_close(session->peer,
                       (uint32_t)(PATIENCE / 1000000)); /* what is queued takes its time */
    }
}

static inline void probe_closed(void *user, sy_status why, const char *sentence)
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
static inline bool probe_wait(probe *p, const int *counter, int count)
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

static inline int probe_read(probe *p, const int *counter)
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

static inline void quiet_log(void *user, sy_log_level level, const char *component,
                             const char *worker, uint64_t message_id, const char *message)
{
    (void)user, (void)level, (void)component, (void)worker, (void)message_id, (void)message;
}

/* A context whose log is formatted and thrown away. */
static inline void fixture_open_context(fixture *f, probe_mode mode)
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

static inline sy_status fixture_listen(fixture *f, const syi_listen_options *options)
{
    const syi_service service = {
        .user = &f->probe,
        .opened = probe_opened,
        .received = probe_received,
        .closed = probe_closed,
    };
    const syi_listen_options usual = {.limits = SYI_FRAME_LIMITS_DEFAULT, .tls = the_contract->tls};
    options = options != NULL ? options : &usual;
    const sy_status status =
        syi_listen(f->context, &f->listener, the_contract->url, options, &service, &f->err);
    f->url = status == SY_OK ? syi_listener_get_url(f->listener) : NULL;
    return status;
}

static inline void fixture_open(fixture *f, probe_mode mode, const syi_listen_options *options)
{
    fixture_open_context(f, mode);
    assert_ok(fixture_listen(f, options), &f->err);
}

/* Checks that each session heard `closed` once and nothing after it, and that no memory is left. */
static inline void fixture_close(fixture *f)
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

static inline uint64_t soon(const fixture *f, uint64_t ns)
{
    return syi_clock_now(f->context) + ns;
}

static inline syi_connection *fixture_connect(fixture *f)
{
    syi_connection *connection = NULL;
    const syi_connect_options options = {.limits = SYI_FRAME_LIMITS_DEFAULT,
                                         .tls = the_contract->tls,
                                         .deadline = soon(f, PATIENCE)};
    assert_ok(syi_connect(f->context, &connection, f->url, &options, &f->err), &f->err);
    assert_non_null(connection);
    return connection;
}

static inline sy_status send_one(fixture *f, syi_connection *connection, const syi_message *message)
{
    return syi_connection_send(connection, &message, 1, soon(f, PATIENCE), &f->err);
}

static inline sy_status receive_one(fixture *f, syi_connection *connection, syi_message *message)
{
    return syi_connection_receive(connection, message, soon(f, PATIENCE), &f->err);
}

/* Byte i of contents number n. */
static inline uint8_t pattern(uint64_t n, size_t i)
{
    return (uint8_t)(n * 131 + i * 7 + (i >> 8) * 13 + (i >> 16));
}

static inline void fill(uint8_t *bytes, size_t size, uint64_t n)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = pattern(n, i);
    }
}

static inline void assert_pattern(const uint8_t *bytes, size_t size, uint64_t n)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != pattern(n, i)) {
            fail_msg("byte %zu of %zu is 0x%02x, expected 0x%02x", i, size, bytes[i],
                     pattern(n, i));
        }
    }
}

static inline void make_message(fixture *f, syi_message *message, uint64_t id, size_t body,
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

static inline void assert_message(const syi_message *message, uint64_t id, size_t body,
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
static inline void assert_echo(fixture *f, syi_connection *connection, uint64_t id)
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
static inline void assert_closed(fixture *f, syi_connection *connection)
{
    syi_message message;
    syi_message_init(&message, f->context, 0);
    assert_status(receive_one(f, connection, &message), SY_ECLOSED, &f->err);
    assert_non_null(strstr(f->err.message, f->url));
    assert_status(receive_one(f, connection, &message), SY_ECLOSED, &f->err);
    assert_false(syi_connection_is_open(connection));
    syi_message_fini(&message);
}

/* What a second thread needs. */
typedef struct sender {
    fixture *f;
    syi_connection *connection;
    uint64_t first, last;
    size_t body;
    sy_status status;
    sy_error err;
    pthread_t thread;
} sender;

#endif
