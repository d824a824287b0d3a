/*
 * scale.c - one worker with 10,000 connections that wait and 500 clients that ask all the time, over tcp and websocket:
 * everyone is served, and what it costs is printed (docs/reference/performance.md). The worker is the program, started
 * with a soft limit of 1024 open files, which it must raise itself.
 *
 *     CSYFT_TEST_ITERS=N   requests of each busy client
 */
#include <sys/resource.h>

#include "support/program.h"
#include "support/property.h"
#include "support/raw_client.h"

enum { IDLE = 10000, BUSY = 500, SPARE = 200, OBJECT = 7, USUAL = 200 };

typedef struct crowd {
    sy_context *context;
    program worker;
    const char *url;
    raw_client *clients; /* BUSY, then IDLE */
} crowd;

static void join(crowd *c, size_t k)
{
    char name[24];
    raw_open(&c->clients[k], c->context, NULL, c->url);
    snprintf(name, sizeof name, "client%zu", k);
    assert_int_equal(raw_greet(&c->clients[k], name, NULL), SY_OK);
}

static double seconds_since(crowd *c, uint64_t begun)
{
    return (double)(syi_clock_now(c->context) - begun) * 1e-9;
}

/* The soft limit goes down for the worker to raise, and then up for the clients here. */
static void start_worker(crowd *c, const char *url)
{
    static const char count[] = "12000";
    const char *const argv[] = {"csyft",         "worker",   "--id",
                                "bob",           "--listen", url,
                                "--connections", count,      "--caller-connections",
                                count,           NULL};
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const rlim_t enough = IDLE + BUSY + SPARE;
    assert_true(limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= 12256);
    limit.rlim_cur = 1024;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    program_start(&c->worker, argv, 1);
    limit.rlim_cur = enough;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    c->url = c->worker.urls[0];
}

static void ask(crowd *c, raw_client *client, uint64_t *asked)
{
    *asked = syi_clock_now(c->context);
    raw_put_object_request(client, OBJECT, true);
    assert_int_equal(
        raw_send(client, SYI_KIND_OBJECT_REQUEST, client->body.data, client->body.length), SY_OK);
    syi_buffer_clear(&client->body);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Each busy client has one request under way all the time: a tensor of three floats. */
static void keep_busy(crowd *c, const char *name, long each)
{
    const size_t total = (size_t)each * BUSY;
    double *took = malloc(total * sizeof *took);
    static uint64_t asked[BUSY];
    size_t done = 0;
    const uint64_t begun = syi_clock_now(c->context);
    for (size_t k = 0; k < BUSY; k++) {
        ask(c, &c->clients[k], &asked[k]);
    }
    for (long turn = 0; turn < each; turn++) {
        for (size_t k = 0; k < BUSY; k++) {
            assert_int_equal(raw_receive(&c->clients[k]), SY_OK);
            assert_int_equal(c->clients[k].reply.id, c->clients[k].last_id);
            took[done++] = seconds_since(c, asked[k]);
            if (turn + 1 < each) {
                ask(c, &c->clients[k], &asked[k]);
            }
        }
    }
    const double rate = (double)total / seconds_since(c, begun);
    qsort(took, total, sizeof *took, ascending);
    const double median = took[total / 2], p99 = took[total * 99 / 100];
    printf(
        "%s: %d busy clients: %.0f requests a second, median %.2f ms, p99 %.2f ms, worst %.2f ms\n",
        name, BUSY, rate, median * 1e3, p99 * 1e3, took[total - 1] * 1e3);
    assert_true(rate > 2000);
    assert_true(p99 < 2);
    free(took);
}

static void run_crowd(const char *name, const char *url, long most_per_connection)
{
    static const float floats[3] = {1, 2, 3};
    crowd c = {0};
    sy_error err = SY_ERROR_INIT;
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    assert_ok(sy_context_new(&c.context, &options, &err), &err);
    c.clients = calloc(BUSY + IDLE, sizeof *c.clients);
    start_worker(&c, url);
    for (size_t k = 0; k < BUSY; k++) {
        join(&c, k);
    }
    raw_put_object(&c.clients[0], OBJECT, 3, floats);
    assert_int_equal(raw_request(&c.clients[0], SYI_KIND_OBJECT), SY_OK);
    const long before = program_status(c.worker.pid, "VmRSS");
    const uint64_t begun = syi_clock_now(c.context);
    for (size_t k = BUSY; k < BUSY + IDLE; k++) {
        join(&c, k);
    }
    const double seconds = seconds_since(&c, begun);
    const long grown = program_status(c.worker.pid, "VmRSS") - before;
    printf("%s: %d idle connections in %.1f s; %ld kB, %.2f kB each, %ld threads\n", name, IDLE,
           seconds, grown, (double)grown / IDLE, program_status(c.worker.pid, "Threads"));
    assert_in_range(grown, 1, most_per_connection * IDLE);
    keep_busy(&c, name, property_iterations(USUAL));
    for (size_t k = 0; k < BUSY + IDLE; k += 97) { /* who waited is still served */
        uint64_t asked;
        ask(&c, &c.clients[k], &asked);
        assert_int_equal(raw_receive(&c.clients[k]), SY_OK);
    }
    for (size_t k = 0; k < BUSY + IDLE; k++) {
        raw_close(&c.clients[k]);
    }
    program_stop(&c.worker);
    free(c.clients);
    sy_context_free(c.context);
}

static void test_tcp(void **state)
{
    (void)state;
    run_crowd("tcp", "tcp://127.0.0.1:0", 16);
}

static void test_websocket(void **state)
{
    (void)state;
    run_crowd("ws", "ws://127.0.0.1:0", 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tcp),
                                       cmocka_unit_test(test_websocket)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
