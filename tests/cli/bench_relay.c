/*
 * bench_relay.c - the relay that `csyft bench` puts between parties: what goes through arrives whole and in its order, not
 * before its time, at no more than the rate, and not much later; a receiver that does not read stops the sender; ends are passed on.
 * Times have a lower bound that always holds; the upper one has to hold once in a few turns, as the machine may be busy.
 */
#include "../../bench/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "support/property.h"
#include "support/test.h"

/* A connection through a relay: what is written here comes out there, and back. */
typedef struct line {
    bench_relay *relay;
    int listener, here, there;
    char door[BENCH_RELAY_URL];
} line;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int connect_to(const char *url)
{
    const int yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1));
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

static void open_line(line *l, unsigned round_trip_us, uint64_t bits_per_second)
{
    const bench_network network = {round_trip_us, bits_per_second};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    char url[64];
    l->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(l->listener, (const struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(l->listener, 8), 0);
    assert_int_equal(getsockname(l->listener, (struct sockaddr *)&address, &size), 0);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    assert_int_equal(bench_relay_open(&l->relay, &network), 0);
    assert_int_equal(bench_relay_add(l->relay, url, l->door), 0);
    l->here = connect_to(l->door);
    l->there = accept(l->listener, NULL, NULL);
    assert_true(l->there >= 0);
}

static void close_line(line *l)
{
    close(l->here);
    close(l->there);
    bench_relay_close(l->relay);
    close(l->listener);
}

static void write_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        const ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        assert_true(sent > 0);
        bytes += sent;
        size -= (size_t)sent;
    }
}

static void read_all(int fd, uint8_t *bytes, size_t size)
{
    assert_int_equal(recv(fd, bytes, size, MSG_WAITALL), (ssize_t)size);
}

/* There and back, and how long it took. */
static double echo(const line *l, const uint8_t *bytes, uint8_t *back, size_t size)
{
    const double start = seconds();
    write_all(l->here, bytes, size);
    read_all(l->there, back, size);
    write_all(l->there, back, size);
    read_all(l->here, back, size);
    return seconds() - start;
}

/* The least of a few, beside what it must take. */
static void check_echo(unsigned round_trip_us, uint64_t rate, size_t size)
{
    static uint8_t bytes[4096], back[4096];
    line l;
    double least = 1e9, due = round_trip_us * 1e-6;
    due += rate > 0 ? 2 * 8 * (double)size / (double)rate : 0;
    const double enough = due + 0.002 + due / 10;
    open_line(&l, round_trip_us, rate);
    const double start = seconds();
    for (int k = 0; k < 5 || (seconds() < start + 3 && least > enough); k++) {
        const double took = echo(&l, bytes, back, size);
        least = took < least ? took : least;
        assert_true(took >= due);
    }
    if (least > enough) {
        print_error("an echo of %zu bytes took %g s, due were %g s\n", size, least, due);
        fail();
    }
    close_line(&l);
}

static void test_delay(void **state)
{
    (void)state;
    check_echo(0, 0, 1);
    check_echo(500, 0, 1);
    check_echo(500, 0, 4096);
    check_echo(40000, 100000000, 1);
    check_echo(20000, 1000000, 1000);
}

/* Turns until one is fast enough: each checks what has to hold in any case, and returns its seconds. */
static void check_fast(const char *what, double (*turn)(void), double enough)
{
    double took = 0;
    for (int k = 0; k < 8; k++) {
        took = turn();
        if (took <= enough) {
            return;
        }
    }
    print_error("%s took %g s, enough are %g s\n", what, took, enough);
    fail();
}

enum { SIZE = 1000000 };
#define SIZE_DUE (0.005 + SIZE * 8 / 100e6)

/* 1 MB at 100 Mbit/s, in writes of any size, read as they come. The bytes are looked at. */
static double transfer(void)
{
    property_random random = property_start("rate");
    line l;
    uint8_t *bytes = malloc(SIZE), *got = malloc(SIZE);
    assert_non_null(bytes);
    assert_non_null(got);
    for (size_t k = 0; k < SIZE; k++) {
        bytes[k] = (uint8_t)property_next(&random);
    }
    open_line(&l, 10000, 100000000);
    const double start = seconds();
    for (size_t sent = 0, taken = 0; taken < SIZE;) {
        size_t some = 1 + property_next(&random) % 20000;
        some = some < SIZE - sent ? some : SIZE - sent;
        const ssize_t gone = some > 0 ? send(l.here, bytes + sent, some, MSG_DONTWAIT) : 0;
        sent += gone > 0 ? (size_t)gone : 0;
        const ssize_t came = recv(l.there, got + taken, SIZE - taken, MSG_DONTWAIT);
        taken += came > 0 ? (size_t)came : 0;
        if (gone <= 0 && came <= 0) {
            struct pollfd wait = {l.there, POLLIN, 0};
            poll(&wait, 1, 1);
        }
        assert_true((double)taken <= (seconds() - start - 0.005) * 100e6 / 8 || taken == 0);
    }
    const double took = seconds() - start;
    assert_memory_equal(got, bytes, SIZE);
    assert_true(took >= SIZE_DUE);
    free(bytes);
    free(got);
    close_line(&l);
    return took;
}

static void test_rate(void **state)
{
    (void)state;
    check_fast("a transfer", transfer, 1.5 * SIZE_DUE);
}

/* Bytes that follow each other do not wait for each other: a hundred of them are there half a round trip later. */
static double send_many(void)
{
    uint8_t byte = 7, back[100];
    line l;
    open_line(&l, 100000, 0);
    const double start = seconds();
    for (int k = 0; k < 100; k++) {
        write_all(l.here, &byte, 1);
        usleep(100);
    }
    read_all(l.there, back, sizeof back);
    const double took = seconds() - start;
    assert_true(took >= 0.05);
    close_line(&l);
    return took;
}

static void test_many_under_way(void **state)
{
    (void)state;
    check_fast("a hundred bytes", send_many, 0.5); /* one after the other: 5 */
}

/* Nobody reads: the sender gets rid of what sockets and the line hold, and no more; then all of it arrives. */
static void test_back_pressure(void **state)
{
    enum { CHUNK = 65536 };
    static uint8_t bytes[CHUNK];
    size_t sent = 0, taken = 0;
    line l;
    (void)state;
    open_line(&l, 2000, 0);
    for (int idle = 0; idle < 20;) {
        bytes[0] = (uint8_t)(sent / CHUNK);
        const ssize_t gone = send(l.here, bytes, CHUNK, MSG_DONTWAIT);
        sent += gone > 0 ? (size_t)gone : 0;
        idle = gone > 0 ? 0 : idle + 1;
        usleep(gone > 0 ? 0 : 2000);
    }
    assert_true(sent > BENCH_RELAY_QUEUE);
    assert_true(sent < 64u << 20);
    shutdown(l.here, SHUT_WR);
    for (ssize_t got = 1; got > 0; taken += (size_t)got) {
        got = recv(l.there, bytes, CHUNK, 0);
        assert_true(got >= 0);
    }
    assert_int_equal(taken, sent);
    close_line(&l);
}

/* An end comes after the bytes before it, and does not end the other direction. */
static void test_ends(void **state)
{
    uint8_t bytes[1000] = {1}, got[1000];
    line l;
    (void)state;
    open_line(&l, 20000, 10000000);
    const double start = seconds();
    write_all(l.here, bytes, sizeof bytes);
    shutdown(l.here, SHUT_WR);
    read_all(l.there, got, sizeof got);
    assert_memory_equal(got, bytes, sizeof got);
    assert_int_equal(recv(l.there, got, 1, 0), 0);
    assert_true(seconds() - start >= 0.01);
    write_all(l.there, bytes, sizeof bytes);
    close(l.there);
    read_all(l.here, got, sizeof got);
    assert_memory_equal(got, bytes, sizeof got);
    assert_int_equal(recv(l.here, got, 1, 0), 0);
    assert_true(seconds() - start >= 0.02);
    l.there = -1;
    close_line(&l);
}

/* Several connections through one door, each with a line of its own; who is cut off is not the others' business. */
static double use_connections(void)
{
    enum { COUNT = 6 };
    int here[COUNT], there[COUNT];
    uint8_t byte = 0;
    line l;
    open_line(&l, 20000, 1000000);
    for (int k = 0; k < COUNT; k++) {
        here[k] = connect_to(l.door);
        there[k] = accept(l.listener, NULL, NULL);
        assert_true(there[k] >= 0);
    }
    const struct linger at_once = {1, 0};
    setsockopt(here[0], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(here[0]);
    (void)recv(there[0], &byte, 1, 0); /* an end, or a reset */
    const double start = seconds();
    static uint8_t bytes[2500]; /* 20 ms on the line */
    for (int k = 1; k < COUNT; k++) {
        bytes[0] = (uint8_t)k;
        write_all(here[k], bytes, sizeof bytes);
    }
    for (int k = 1; k < COUNT; k++) {
        static uint8_t got[sizeof bytes];
        read_all(there[k], got, sizeof got);
        assert_int_equal(got[0], k);
    }
    const double took = seconds() - start;
    assert_true(took >= 0.03);
    for (int k = 0; k < COUNT; k++) {
        close(there[k]);
        if (k > 0) {
            close(here[k]);
        }
    }
    close_line(&l);
    return took;
}

static void test_connections(void **state)
{
    (void)state;
    check_fast("what five lines carry at once", use_connections,
               0.09); /* one after the other: 0.11 */
}

static void test_misuse(void **state)
{
    const bench_network network = {1000, 0};
    bench_relay *relay = NULL;
    char door[BENCH_RELAY_URL];
    (void)state;
    assert_int_equal(bench_relay_open(&relay, &network), 0);
    assert_int_equal(bench_relay_add(relay, "ws://127.0.0.1:80", door), EINVAL);
    assert_int_equal(bench_relay_add(relay, "tcp://127.0.0.1:0", door), EINVAL);
    assert_int_equal(bench_relay_add(relay, "tcp://127.0.0.1:80x", door), EINVAL);
    assert_int_equal(bench_relay_add(relay, "tcp://127.0.0.1:65536", door), EINVAL);
    for (int k = 0; k < BENCH_RELAY_DOORS; k++) {
        assert_int_equal(bench_relay_add(relay, "tcp://127.0.0.1:1", door), 0);
    }
    assert_int_equal(bench_relay_add(relay, "tcp://127.0.0.1:1", door), ENOSPC);
    const int fd = connect_to(door); /* nobody is behind it */
    assert_true(recv(fd, door, 1, 0) <= 0);
    close(fd);
    bench_relay_close(relay);
    bench_relay_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delay),          cmocka_unit_test(test_rate),
        cmocka_unit_test(test_many_under_way), cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_ends),           cmocka_unit_test(test_connections),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
