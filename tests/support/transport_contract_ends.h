/* transport_contract_ends.h - the part of the contract about opening, closing, hostile bytes and failing memory. */
#ifndef CSYFT_TESTS_TRANSPORT_CONTRACT_ENDS_H
#define CSYFT_TESTS_TRANSPORT_CONTRACT_ENDS_H

#include "support/transport_probe.h"

/* --- opening and closing ----------------------------------------------------------------------- */

static void contract_many_connections(void **state)
{
    (void)state;
    enum { COUNT = 200 / TEST_SLOWNESS };
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
                                         .tls = the_contract->tls,
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
    const syi_listen_options options = {
        .limits = SYI_FRAME_LIMITS_DEFAULT, .tls = the_contract->tls, .connections_max = 2};
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
                                         .tls = the_contract->tls,
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
    const syi_listen_options options = {.limits = SYI_FRAME_LIMITS_DEFAULT,
                                        .tls = the_contract->tls};
    assert_status(syi_listen(f.context, &second, f.url, &options, &service, &f.err), SY_EEXIST,
                  &f.err);
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

static void *shut_soon(void *argument)
{
    sender *s = argument;
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    syi_connection_shut(s->connection);
    return NULL;
}

/* A thread that waits in receive comes back at once, and the connection is only good for closing. */
static void contract_shut(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, PROBE_KEEP, NULL);
    for (int i = 0; i < 3; i++) {
        syi_connection *connection = fixture_connect(&f);
        sender s = {.connection = connection};
        syi_message message;
        make_message(&f, &message, 1, 10, NULL, 0);
        pthread_create(&s.thread, NULL, shut_soon, &s);
        const uint64_t begin = syi_clock_now(f.context);
        const uint64_t deadline = i == 0 ? 0 : i == 1 ? begin + PATIENCE : begin + SECOND;
        assert_status(syi_connection_receive(connection, &message, deadline, &f.err), SY_ECLOSED,
                      &f.err);
        pthread_join(s.thread, NULL);
        assert_false(syi_connection_is_open(connection));
        assert_status(send_one(&f, connection, &message), SY_ECLOSED, &f.err);
        assert_closed(&f, connection);
        syi_connection_shut(connection);
        syi_message_fini(&message);
        syi_connection_close(connection);
        assert_true(probe_wait(&f.probe, &f.probe.closed, i + 1));
    }
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
    const syi_listen_options options = {
        .limits = SYI_FRAME_LIMITS_DEFAULT, .tls = the_contract->tls, .first_frame_ms = 100};
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

/* A frame that dribbles in after the first is not waited for; between frames a client may be silent. */
static void contract_stalled_frame(void **state)
{
    (void)state;
    if (the_contract->raw_connect == NULL || the_contract->one_message) {
        return;
    }
    const syi_listen_options options = {
        .limits = SYI_FRAME_LIMITS_DEFAULT, .tls = the_contract->tls, .stall_ms = 200};
    uint8_t frame[40];
    raw_head(frame, 0, 0, 0);
    frame[16] = 1;
    fixture f;
    fixture_open(&f, PROBE_KEEP, &options);
    const int idle = raw_open(&f);
    assert_true(probe_wait(&f.probe, &f.probe.opened, 1));
    const int slow = raw_open(&f);
    assert_true(the_contract->raw_write(idle, frame, 40));
    assert_true(the_contract->raw_write(slow, frame, 40));
    assert_true(probe_wait(&f.probe, &f.probe.received, 2));
    for (int k = 0; k < 39 && probe_read(&f.probe, &f.probe.closed) == 0; k++) {
        (void)the_contract->raw_write(slow, frame + k, 1);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    assert_true(probe_wait(&f.probe, &f.probe.closed, 1));
    assert_int_equal(f.probe.sessions[1].why, SY_ETIMEDOUT);
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    assert_true(the_contract->raw_write(idle, frame, 40));
    assert_true(probe_wait(&f.probe, &f.probe.received, 3));
    assert_int_equal(probe_read(&f.probe, &f.probe.closed), 1);
    close(idle);
    close(slow);
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
                                         .tls = the_contract->tls,
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
    /* The thread sanitizer is not for this; a part will do there. */
    for (size_t nth = 1; refused != 0 && nth < 200; nth += (TEST_SLOWNESS + 2) / 3, runs++) {
        fixture f;
        fixture_open_context(&f, PROBE_ECHO);
        f.memory.fail_at = f.memory.calls + nth;
        use_everything(&f);
        f.memory.fail_at = 0;
        refused = f.memory.refused;
        fixture_close(&f);
    }
    assert_in_range(runs, 8 / ((TEST_SLOWNESS + 2) / 3), 199);
}

#endif
