/*
 * places.h - "processes" of a test in one process: contexts and hooks of their own, workers that listen and
 * clients that connect, for tests that need other options than worker_kinds.h gives. Everything is on a
 * failing_allocator, so that place_close sees leaks.
 */
#ifndef CSYFT_TESTS_PLACES_H
#define CSYFT_TESTS_PLACES_H

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <csyft/csyft.h>

#include "support/failing_allocator.h"
#include "support/property.h"
#include "support/test.h"
#include "support/worker_kinds.h"
#include "workers/worker.h"

/* --- places ------------------------------------------------------------------------------------ */

typedef struct test_place {
    failing_allocator
        *memory; /* on the heap: a failed test leaves threads behind that still use it */
    sy_context *context;
    sy_hook *hook;
    sy_worker *worker; /* the local one */
} test_place;

/* Main thread. */
static inline void place_open(test_place *p, const char *id, bool is_client, unsigned pool_threads)
{
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    sy_hook_options hook_options = SY_HOOK_OPTIONS_INIT;
    sy_error err = SY_ERROR_INIT;
    memset(p, 0, sizeof *p);
    p->memory = calloc(1, sizeof *p->memory);
    options.allocator = failing_allocator_get(p->memory);
    options.pool_threads = pool_threads;
    hook_options.local_worker_id = id;
    hook_options.is_client = is_client;
    hook_options.verbose = false;
    assert_ok(sy_context_new(&p->context, &options, &err), &err);
    assert_ok(sy_hook_new(p->context, &p->hook, &hook_options, &err), &err);
    p->worker = sy_hook_get_local_worker(p->hook);
}

/* Blocks all that a worker does with its store, in the middle of a request as it were. White box. */
static inline void worker_stall(sy_worker *serving)
{
    pthread_mutex_lock(&serving->strand);
}

static inline void worker_unstall(sy_worker *serving)
{
    pthread_mutex_unlock(&serving->strand);
}

/* Fails the test when something was left. */
static inline void place_close(test_place *p)
{
    sy_hook_free(p->hook);
    sy_context_free(p->context);
    p->hook = NULL;
    p->context = NULL;
    assert_int_equal(p->memory->live, 0);
    assert_false(p->memory->broken);
    free(p->memory);
}

static inline const char *place_listen(test_place *p, const char *url,
                                       const sy_listen_options *options)
{
    sy_error err = SY_ERROR_INIT;
    const char *bound = NULL;
    assert_ok(sy_worker_listen(p->worker, url, options, &bound, &err), &err);
    return bound;
}

/* reconnect_ms: 0 for the usual. */
static inline sy_worker *place_connect_for(test_place *p, const char *url, uint32_t timeout_ms,
                                           uint32_t reconnect_ms)
{
    sy_error err = SY_ERROR_INIT;
    sy_worker *worker = NULL;
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    options.timeout_ms = timeout_ms;
    options.connect_timeout_ms = timeout_ms;
    options.reconnect_ms = reconnect_ms;
    assert_ok(sy_worker_connect(p->hook, &worker, url, &options, &err), &err);
    return worker;
}

static inline sy_worker *place_connect(test_place *p, const char *url, uint32_t timeout_ms)
{
    return place_connect_for(p, url, timeout_ms, 0);
}

/* --- alice and bob ----------------------------------------------------------------------------- */

typedef struct test_pair {
    const worker_kind *kind;
    test_place home; /* the client; for virtual workers also theirs */
    test_place at_alice, at_bob;
    sy_worker *alice, *bob; /* as home reaches them */
    sy_worker *alice_serving, *bob_serving;
    const char *alice_url, *bob_url;
} test_pair;

static inline void pair_open(test_pair *pair, const worker_kind *kind, unsigned pool_threads,
                             uint32_t timeout_ms, const sy_listen_options *options)
{
    sy_error err = SY_ERROR_INIT;
    memset(pair, 0, sizeof *pair);
    pair->kind = kind;
    place_open(&pair->home, "home", true, pool_threads);
    if (kind->url == NULL) {
        assert_ok(sy_virtual_worker_new(pair->home.hook, &pair->alice, "alice", &err), &err);
        assert_ok(sy_virtual_worker_new(pair->home.hook, &pair->bob, "bob", &err), &err);
        pair->alice_serving = pair->alice;
        pair->bob_serving = pair->bob;
        return;
    }
    place_open(&pair->at_alice, "alice", false, pool_threads);
    place_open(&pair->at_bob, "bob", false, pool_threads);
    pair->alice_serving = pair->at_alice.worker;
    pair->bob_serving = pair->at_bob.worker;
    pair->alice_url = place_listen(&pair->at_alice, kind->url, options);
    pair->bob_url = place_listen(&pair->at_bob, kind->url, options);
    pair->alice = place_connect(&pair->home, pair->alice_url, timeout_ms);
    pair->bob = place_connect(&pair->home, pair->bob_url, timeout_ms);
}

/* Where a second client reaches the workers; virtual ones listen at tcp:// for it. */
static inline const char *pair_url(test_pair *pair, sy_worker *serving)
{
    sy_error err = SY_ERROR_INIT;
    const char *url = serving == pair->bob_serving ? pair->bob_url : pair->alice_url;
    if (url == NULL) {
        assert_ok(sy_worker_listen(serving, "tcp://127.0.0.1:0", NULL, &url, &err), &err);
    }
    return url;
}

static inline void pair_close(test_pair *pair)
{
    place_close(&pair->home);
    if (pair->kind->url != NULL) {
        place_close(&pair->at_alice);
        place_close(&pair->at_bob);
    }
}

/* Rounds of a loop: CSYFT_TEST_ITERS, or `usual`, less under the thread sanitizer. */
static inline long test_rounds(long usual)
{
    return property_iterations((usual - 1) / TEST_SLOWNESS + 1);
}

/* --- waiting and measuring --------------------------------------------------------------------- */

static inline uint64_t test_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline void test_sleep_ms(unsigned ms)
{
    const struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

/* true as soon as the store holds `count` objects; false after `ms`. */
static inline bool wait_for_count(sy_worker *serving, size_t count, unsigned ms)
{
    const uint64_t until = test_now_ms() + ms;
    while (sy_worker_get_object_count(serving) != count) {
        if (test_now_ms() >= until) {
            print_error("%zu objects, expected %zu\n", sy_worker_get_object_count(serving), count);
            return false;
        }
        test_sleep_ms(1);
    }
    return true;
}

/* Bytes that malloc has given out, in the whole process. */
static inline size_t heap_in_use(void)
{
    return mallinfo2().uordblks;
}

/* All three kinds of workers, and those in other processes; in a list of tests. The state is a worker_kind. */
#define KIND_TEST(test, index, name)                                                   \
    {                                                                                  \
#test " [" name "]", test, NULL, NULL, (void *)(uintptr_t)&worker_kinds[index] \
    }
#define REMOTE_KINDS(test) KIND_TEST(test, 1, "socket"), KIND_TEST(test, 2, "websocket")
#define KINDS(test) KIND_TEST(test, 0, "virtual"), REMOTE_KINDS(test)

/* --- threads ----------------------------------------------------------------------------------- */

/* What a thread says about itself: cmocka's assertions are for the main thread only. */
typedef struct test_thread {
    pthread_t thread;
    unsigned index;
    void *shared;
    sy_status (*run)(struct test_thread *self, sy_error *err);
    sy_status status;
    sy_error err;
} test_thread;

static inline void *test_thread_main(void *argument)
{
    test_thread *self = argument;
    self->status = self->run(self, &self->err);
    return NULL;
}

static inline void threads_start(test_thread *threads, unsigned count, void *shared,
                                 sy_status (*run)(test_thread *self, sy_error *err))
{
    for (unsigned k = 0; k < count; k++) {
        threads[k] = (test_thread){.index = k, .shared = shared, .run = run};
        assert_int_equal(pthread_create(&threads[k].thread, NULL, test_thread_main, &threads[k]),
                         0);
    }
}

static inline void threads_join(test_thread *threads, unsigned count)
{
    for (unsigned k = 0; k < count; k++) {
        pthread_join(threads[k].thread, NULL);
    }
}

/* Joins and expects SY_OK of all. */
static inline void threads_finish(test_thread *threads, unsigned count)
{
    threads_join(threads, count);
    for (unsigned k = 0; k < count; k++) {
        if (threads[k].status != SY_OK) {
            print_error("thread %u: %s [%s]\n", k, threads[k].err.message, threads[k].err.worker);
        }
    }
    for (unsigned k = 0; k < count; k++) {
        assert_status(threads[k].status, SY_OK, &threads[k].err);
    }
}

/* For threads: a failure of their own. */
static inline sy_status test_says(sy_error *err, const char *sentence)
{
    err->status = SY_EREMOTE;
    snprintf(err->message, sizeof err->message, "%s", sentence);
    return SY_EREMOTE;
}

#define TEST_TRY(expr)               \
    do {                             \
        sy_status test_try = (expr); \
        if (test_try != SY_OK) {     \
            return test_try;         \
        }                            \
    } while (0)

#endif
