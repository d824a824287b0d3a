/*
 * soak.c - a million requests to one worker, over tcp and websocket: its memory and that of its client are after the
 * last one what they were after the first tenth. The worker is the program; the client is csyft's own.
 *
 *     CSYFT_TEST_ITERS=N   turns; a turn is four requests and the deletes that ride with them
 */
#include <csyft/operations.h>
#include <csyft/pointer.h>

#include "core/surroundings.h"
#include "support/program.h"
#include "support/property.h"

enum { USUAL = 125000, GROWTH_KB = 1024 }; /* turns per transport: half a million requests */

typedef struct soak {
    sy_context *context;
    sy_hook *hook;
    sy_worker *bob;
    program worker;
} soak;

/* Sent, computed with, looked at, fetched: nothing is left of it. */
static void turn(soak *s, long k)
{
    const float values[3] = {(float)(k % 1000), 2, 3};
    sy_error err = SY_ERROR_INIT;
    sy_tensor *local = NULL, *sent = NULL, *got = NULL, *again = NULL;
    assert_ok(sy_tensor_from_floats(s->hook, &local, values, 3, &err), &err);
    assert_ok(sy_tensor_send(local, &sent, s->bob, &err), &err);
    sy_scope *scope = sy_scope_begin(s->hook);
    sy_tensor *twice = sy_add(scope, sent, sent);
    assert_non_null(twice);
    assert_ok(sy_tensor_copy_get(twice, &got, &err), &err);
    assert_ok(sy_tensor_get(sent, &again, &err), &err);
    float back[3];
    assert_ok(sy_tensor_copy_data(got, back, sizeof back, &err), &err);
    assert_true(back[0] == 2 * values[0] && back[2] == 6);
    assert_ok(sy_scope_end(scope, &err), &err);
    sy_tensor_unref(again);
    sy_tensor_unref(got);
    sy_tensor_unref(sent);
    sy_tensor_unref(local);
}

static void run_soak(const char *name, const char *url)
{
    const char *const argv[] = {"csyft", "worker", "--id", "bob", "--listen", url, NULL};
    soak s = {0};
    sy_error err = SY_ERROR_INIT;
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.verbose = false;
    program_start(&s.worker, argv, 1);
    assert_ok(sy_context_new(&s.context, NULL, &err), &err);
    assert_ok(sy_hook_new(s.context, &s.hook, &options, &err), &err);
    assert_ok(sy_worker_connect(s.hook, &s.bob, s.worker.urls[0], NULL, &err), &err);
    const long turns = property_iterations(USUAL);
    long there = 0, here = 0;
    const uint64_t begun = syi_clock_now(s.context);
    for (long k = 0; k < turns; k++) {
        if (k == turns / 10) {
            there = program_status(s.worker.pid, "VmRSS");
            here = program_status(0, "VmRSS");
        }
        turn(&s, k);
    }
    const double seconds = (double)(syi_clock_now(s.context) - begun) * 1e-9;
    const long there_grown = program_status(s.worker.pid, "VmRSS") - there;
    const long here_grown = program_status(0, "VmRSS") - here;
    printf("%s: %ld requests in %.0f s; worker %ld kB (%+ld since a tenth), client %ld kB (%+ld)\n",
           name, 4 * turns, seconds, there + there_grown, there_grown, here + here_grown,
           here_grown);
    assert_true(there_grown <= GROWTH_KB);
    assert_true(here_grown <= GROWTH_KB);
    sy_hook_free(s.hook);
    sy_context_free(s.context);
    program_stop(&s.worker);
}

static void test_tcp(void **state)
{
    (void)state;
    run_soak("tcp", "tcp://127.0.0.1:0");
}

static void test_websocket(void **state)
{
    (void)state;
    run_soak("ws", "ws://127.0.0.1:0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tcp),
                                       cmocka_unit_test(test_websocket)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
