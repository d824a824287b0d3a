/* tcp_test.c - the transport contract over loopback sockets, and what only sockets have. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "support/transport_contract.h"

static int tcp_connect_raw(const char *url)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool tcp_write_raw(int fd, const void *bytes, size_t size)
{
    return send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static const contract tcp = {
    .url = "tcp://127.0.0.1:0",
    .address = "tcp://127.0.0.1:",
    .raw_connect = tcp_connect_raw,
    .raw_write = tcp_write_raw,
};

/* What an idle connection costs the server, its session apart. */
static void test_idle_connection_is_small(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    uint8_t frame[40];
    int sockets[COUNT];
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    raw_head(frame, 0, 0, 0);
    const size_t before = f.memory.live_bytes;
    for (int i = 0; i < COUNT; i++) {
        sockets[i] = raw_open(&f);
        for (uint8_t id = 1; id <= 3; id++) {
            uint8_t reply[40];
            frame[16] = id;
            assert_true(tcp_write_raw(sockets[i], frame, sizeof frame));
            assert_int_equal(recv(sockets[i], reply, sizeof reply, MSG_WAITALL), sizeof reply);
            assert_memory_equal(reply, frame, sizeof frame);
        }
    }
    assert_in_range((f.memory.live_bytes - before) / COUNT, 500, 4000);
    for (int i = 0; i < COUNT; i++) {
        close(sockets[i]);
    }
    fixture_close(&f);
}

/* A large message leaves nothing large behind. */
static void test_memory_is_given_back(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, PROBE_KEEP, NULL);
    syi_connection *connection = fixture_connect(&f);
    const size_t before = f.memory.live_bytes;
    const size_t sizes[] = {1 << 20, 5 << 20};
    syi_message message;
    make_message(&f, &message, 1, 3 << 20, sizes, 2);
    assert_ok(send_one(&f, connection, &message), &f.err);
    syi_message_fini(&message);
    make_message(&f, &message, 2, 10, NULL, 0);
    assert_ok(send_one(&f, connection, &message), &f.err);
    syi_message_fini(&message);
    assert_true(probe_wait(&f.probe, &f.probe.received, 2));
    assert_in_range(f.memory.live_bytes, before, before + 20000);
    syi_connection_close(connection);
    fixture_close(&f);
}

/* The other family, and a name with several addresses. */
static void test_addresses(void **state)
{
    (void)state;
    static const contract others[] = {
        {.url = "tcp://[::1]:0", .address = "tcp://[::1]:"},
        {.url = "tcp://localhost:0", .address = "tcp://"},
        {.url = "tcp://0.0.0.0:0", .address = "tcp://127.0.0.1:"},
    };
    for (int i = 0; i < 3; i++) {
        the_contract = &others[i];
        fixture f;
        fixture_open_context(&f, PROBE_ECHO);
        const sy_status status = fixture_listen(&f, NULL);
        if (i == 0 && status == SY_EIO) { /* a machine without IPv6 */
            fixture_close(&f);
            continue;
        }
        assert_ok(status, &f.err);
        syi_connection *connection = fixture_connect(&f);
        assert_echo(&f, connection, 1);
        assert_true(syi_peer_is_loopback(f.probe.sessions[0].peer));
        syi_connection_close(connection);
        fixture_close(&f);
    }
    the_contract = &tcp;
}

static void test_unknown_host(void **state)
{
    (void)state;
    fixture f;
    fixture_open_context(&f, PROBE_ECHO);
    syi_connection *connection;
    const syi_service service = {&f.probe, probe_opened, probe_received, probe_closed};
    assert_status(syi_connect(f.context, &connection, "tcp://256.1.1.1:5", NULL, &f.err),
                  SY_ECLOSED, &f.err);
    assert_non_null(strstr(f.err.message, "256.1.1.1"));
    assert_status(syi_listen(f.context, &f.listener, "tcp://256.1.1.1:5", NULL, &service, &f.err),
                  SY_EIO, &f.err);
    assert_status(syi_listen(f.context, &f.listener, "tcp://192.0.2.1:5", NULL, &service, &f.err),
                  SY_EIO, &f.err); /* a documentation address: not ours */
    fixture_close(&f);
}

/* Nobody accepts: the deadline holds. */
static void test_connect_deadline(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listening, 0), 0);
    getsockname(listening, (struct sockaddr *)&address, &size);
    char url[64];
    snprintf(url, sizeof url, "tcp://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    int fillers[8];
    for (int i = 0; i < 8; i++) { /* a full backlog drops what else knocks */
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&address, sizeof address);
    }
    fixture f;
    fixture_open_context(&f, PROBE_ECHO);
    const uint64_t begin = syi_clock_now(f.context);
    const syi_connect_options options = {.limits = SYI_FRAME_LIMITS_DEFAULT,
                                         .deadline = begin + SECOND / 10};
    syi_connection *connection;
    assert_status(syi_connect(f.context, &connection, url, &options, &f.err), SY_ETIMEDOUT, &f.err);
    assert_in_range(syi_clock_now(f.context) - begin, SECOND / 10, PATIENCE);
    for (int i = 0; i < 8; i++) {
        close(fillers[i]);
    }
    close(listening);
    fixture_close(&f);
}

/* Both ends spin: the same contract holds. */
static void test_spinning(void **state)
{
    (void)state;
    const syi_listen_options listening = {.limits = SYI_FRAME_LIMITS_DEFAULT, .spin_us = 200};
    const syi_connect_options connecting = {.limits = SYI_FRAME_LIMITS_DEFAULT, .spin_us = 200};
    fixture f;
    fixture_open(&f, PROBE_ECHO, &listening);
    syi_connection *connections[3];
    for (int i = 0; i < 3; i++) {
        assert_ok(syi_connect(f.context, &connections[i], f.url, &connecting, &f.err), &f.err);
    }
    for (uint64_t id = 1; id < 200; id++) {
        assert_echo(&f, connections[id % 3], id);
        if (id % 50 == 0) {
            nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        }
    }
    syi_peer_close(f.probe.sessions[0].peer, 100);
    for (int i = 0; i < 3; i++) {
        syi_connection_close(connections[i]);
    }
    fixture_close(&f);
}

/* A client that goes while much is on its way to it: no signal, and nothing left. */
static void test_reset_while_sending(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, PROBE_KEEP, NULL);
    const int fd = raw_open(&f);
    assert_true(probe_wait(&f.probe, &f.probe.opened, 1));
    const size_t size = 20u << 20;
    syi_message message;
    make_message(&f, &message, 1, 10, &size, 1);
    assert_ok(syi_peer_send(f.probe.sessions[0].peer, &message, &f.err), &f.err);
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    assert_true(probe_wait(&f.probe, &f.probe.closed, 1));
    assert_int_equal(f.probe.sessions[0].why, SY_ECLOSED);
    syi_message_fini(&message);
    fixture_close(&f);
}

/* Reads on this thread until so many frames were delivered. */
static void read_borrowed(fixture *f, syi_peer *peer, int fd, int count)
{
    while (probe_read(&f->probe, &f->probe.received) < count) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&ready, 1, (int)(PATIENCE / 1000000)), 1);
        assert_int_not_equal(syi_peer_read(peer), SYI_CAME_LAST);
    }
}

/* What comes to a borrowed peer waits for who has borrowed it, and afterwards the loop thread goes on where that was. */
static void test_borrowed(void **state)
{
    (void)state;
    const size_t sizes[] = {100, 70000, 9000};
    fixture f;
    syi_message message;
    uint64_t id = 1;
    int fd = -1;
    fixture_open(&f, PROBE_ECHO, NULL);
    syi_connection *connection = fixture_connect(&f);
    assert_echo(&f, connection, id++);
    syi_peer *peer = f.probe.sessions[0].peer;
    for (int turn = 0; turn < 20; turn++) {
        const int before = probe_read(&f.probe, &f.probe.received);
        assert_true(syi_peer_borrow(peer, &fd));
        assert_int_equal(syi_peer_read(peer), SYI_CAME_NOTHING);
        make_message(&f, &message, id, 10, sizes, 3);
        assert_ok(send_one(&f, connection, &message), &f.err);
        nanosleep(&(struct timespec){.tv_nsec = 4000000}, NULL);
        assert_int_equal(probe_read(&f.probe, &f.probe.received), before);
        read_borrowed(&f, peer, fd, before + 1);
        syi_peer_give_back(peer, turn % 2 == 0);
        syi_message reply;
        syi_message_init(&reply, f.context, 0);
        assert_ok(receive_one(&f, connection, &reply), &f.err);
        assert_message(&reply, id++, 10, sizes, 3);
        syi_message_fini(&reply);
        syi_message_fini(&message);
        assert_echo(&f, connection, id++); /* by the loop thread */
    }
    assert_true(f.probe.sessions[0].in_order);
    syi_connection_close(connection);
    fixture_close(&f);
}

/* The loop thread hears of the end of a borrowed peer when it is given back; and who borrows one that has ended gets none. */
static void test_borrowed_ends(void **state)
{
    (void)state;
    fixture f;
    int fd = -1;
    fixture_open(&f, PROBE_KEEP, NULL);
    syi_connection *connection = fixture_connect(&f);
    assert_true(probe_wait(&f.probe, &f.probe.opened, 1));
    syi_peer *peer = syi_peer_ref(f.probe.sessions[0].peer);
    assert_true(syi_peer_borrow(peer, &fd));
    syi_connection_close(connection);
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, (int)(PATIENCE / 1000000)), 1);
    assert_int_equal(syi_peer_read(peer), SYI_CAME_LAST);
    syi_peer_give_back(peer, true);
    assert_true(probe_wait(&f.probe, &f.probe.closed, 1));
    assert_false(syi_peer_borrow(peer, &fd));
    syi_peer_unref(peer);
    fixture_close(&f);
}

/* No frame: the connection ends as it does on the loop thread. */
static void test_borrowed_nonsense(void **state)
{
    (void)state;
    fixture f;
    int fd = -1;
    uint8_t nonsense[64];
    memset(nonsense, 0xee, sizeof nonsense);
    fixture_open(&f, PROBE_KEEP, NULL);
    const int raw = raw_open(&f);
    assert_true(probe_wait(&f.probe, &f.probe.opened, 1));
    syi_peer *peer = f.probe.sessions[0].peer;
    assert_true(syi_peer_borrow(peer, &fd));
    assert_true(tcp_write_raw(raw, nonsense, sizeof nonsense));
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, (int)(PATIENCE / 1000000)), 1);
    assert_int_equal(syi_peer_read(peer), SYI_CAME_LAST);
    syi_peer_give_back(peer, true);
    assert_true(probe_wait(&f.probe, &f.probe.closed, 1));
    assert_int_equal(f.probe.sessions[0].why, SY_EPROTO);
    close(raw);
    fixture_close(&f);
}

static void say_later(fixture *f, uint64_t id)
{
    syi_message message;
    make_message(f, &message, id, 10, NULL, 0);
    assert_ok(syi_peer_send_later(f->probe.sessions[0].peer, &message, &f->err), &f->err);
    syi_message_fini(&message);
}

/* What is said later comes by itself, with a flush, and before what is said after it. */
static void test_sent_later(void **state)
{
    (void)state;
    enum { MANY = 100 };
    fixture f;
    syi_message reply, message;
    uint64_t id = 2, heard = 2;
    fixture_open(&f, PROBE_ECHO, NULL);
    syi_connection *connection = fixture_connect(&f);
    assert_echo(&f, connection, 1);
    say_later(&f, id++);
    syi_message_init(&reply, f.context, 0);
    for (int turn = 0; turn < 5; turn++) {
        while (heard < id) {
            assert_ok(receive_one(&f, connection, &reply), &f.err);
            assert_message(&reply, heard++, 10, NULL, 0);
        }
        for (int k = 0; k < (turn == 3 ? MANY : turn); k++) {
            say_later(&f, id++);
        }
        if (turn == 1) {
            syi_peer_flush(f.probe.sessions[0].peer);
        } else if (turn == 2) {
            make_message(&f, &message, id++, 10, NULL, 0);
            assert_ok(syi_peer_send(f.probe.sessions[0].peer, &message, &f.err), &f.err);
            syi_message_fini(&message);
        }
    }
    /* Also what was said before it closes. */
    syi_peer_close(f.probe.sessions[0].peer, (uint32_t)(PATIENCE / 1000000));
    while (heard < id) {
        assert_ok(receive_one(&f, connection, &reply), &f.err);
        assert_message(&reply, heard++, 10, NULL, 0);
    }
    syi_message_fini(&reply);
    syi_connection_close(connection);
    fixture_close(&f);
}

int main(void)
{
    the_contract = &tcp;
    const struct CMUnitTest tests[] = {
        TRANSPORT_CONTRACT_TESTS,
        cmocka_unit_test(test_idle_connection_is_small),
        cmocka_unit_test(test_memory_is_given_back),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_unknown_host),
        cmocka_unit_test(test_connect_deadline),
        cmocka_unit_test(test_spinning),
        cmocka_unit_test(test_reset_while_sending),
        cmocka_unit_test(test_borrowed),
        cmocka_unit_test(test_borrowed_ends),
        cmocka_unit_test(test_borrowed_nonsense),
        cmocka_unit_test(test_sent_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
