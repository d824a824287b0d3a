/*
 * transport_contract.h - what every implementation of transport/transport.h must do. A test program describes its
 * transport in a `contract`, points the_contract to it and runs {TRANSPORT_CONTRACT_TESTS}. Here: frames, pressure,
 * accounts; the rest is in transport_contract_ends.h, the service under test in transport_probe.h.
 */
#ifndef CSYFT_TESTS_TRANSPORT_CONTRACT_H
#define CSYFT_TESTS_TRANSPORT_CONTRACT_H

#include "support/transport_contract_ends.h"
#include "support/transport_probe.h"

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
        if (sizes[i] > (5 << 20) / TEST_SLOWNESS) {
            break; /* the larger ones are behind it */
        }
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

/* One frame passes the limit: a tensor of that size can be had. */
static void contract_larger_than_the_queue(void **state)
{
    (void)state;
    const syi_listen_options options = {
        .limits = SYI_FRAME_LIMITS_DEFAULT, .tls = the_contract->tls, .send_queue_max = 100000};
    fixture f;
    fixture_open(&f, PROBE_ECHO, &options);
    syi_connection *connection = fixture_connect(&f);
    assert_echo(&f, connection, 1);
    for (int k = 0; k < 3; k++) {
        syi_message message;
        syi_message reply;
        make_message(&f, &message, 7, 300000, NULL, 0);
        syi_message_init(&reply, f.context, 1 << 20);
        /* Who has received a frame may be ahead of the loop, which has not counted it as sent yet. */
        while (syi_peer_get_queued(f.probe.sessions[0].peer) != 0) {
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
        assert_ok(syi_peer_send(f.probe.sessions[0].peer, &message, &f.err), &f.err);
        assert_ok(receive_one(&f, connection, &reply), &f.err);
        assert_int_equal(reply.body.length, 300000);
        syi_message_fini(&message);
        syi_message_fini(&reply);
    }
    syi_connection_close(connection);
    fixture_close(&f);
}

static void contract_slow_reader_is_closed(void **state)
{
    (void)state;
    const uint64_t max = 1 << 20;
    const syi_listen_options options = {
        .limits = SYI_FRAME_LIMITS_DEFAULT, .tls = the_contract->tls, .send_queue_max = max};
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
    const syi_connect_options options = {
        .limits = SYI_FRAME_LIMITS_DEFAULT, .tls = the_contract->tls, .account = &account};
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
    const syi_connect_options options = {.limits = {.body_max = 100, .segments_max = 1},
                                         .tls = the_contract->tls};
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

#define TRANSPORT_CONTRACT_TESTS                                                                   \
    cmocka_unit_test(contract_sizes), cmocka_unit_test(contract_thousand_segments),                \
        cmocka_unit_test(contract_borrowed_segments), cmocka_unit_test(contract_many_in_one_send), \
        cmocka_unit_test(contract_pipelining),                                                     \
        cmocka_unit_test(contract_send_and_receive_in_two_threads),                                \
        cmocka_unit_test(contract_replies_from_other_threads),                                     \
        cmocka_unit_test(contract_receive_deadline), cmocka_unit_test(contract_send_deadline),     \
        cmocka_unit_test(contract_pause_reading),                                                  \
        cmocka_unit_test(contract_larger_than_the_queue),                                          \
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
        cmocka_unit_test(contract_closing_from_both_ends), cmocka_unit_test(contract_shut),        \
        cmocka_unit_test(contract_listener_free_against_clients),                                  \
        cmocka_unit_test(contract_no_descriptor_is_inherited),                                     \
        cmocka_unit_test(contract_hostile_bytes), cmocka_unit_test(contract_close_in_the_middle),  \
        cmocka_unit_test(contract_bytes_one_by_one),                                               \
        cmocka_unit_test(contract_first_frame_deadline), cmocka_unit_test(contract_stalled_frame), \
        cmocka_unit_test(contract_out_of_memory)

#endif
