/*
 * pending_time.c - message_pending_time: a simulated latency that costs the one who waits its time, and nobody else:
 * for every kind of worker, for pipelined requests once, within the timeouts of requests, and never a thread of the
 * pool.
 */
#include <math.h>

#include "support/places.h"

#define LATENCY 0.08 /* s */
#define LATENCY_MS 80

static uint64_t elapsed_since(uint64_t start)
{
    return test_now_ms() - start;
}

static void ask(workers *w, sy_worker *worker)
{
    char *text = NULL;
    assert_ok(sy_worker_whoami(worker, &text, &w->err), &w->err);
    sy_string_free(w->hook, text);
}

static void test_default_is_none(void **state)
{
    workers *w = *state;
    assert_true(sy_worker_get_message_pending_time(w->alice) == 0);
    assert_true(sy_worker_get_message_pending_time(w->me) == 0);
}

static void test_each_exchange_takes_it(void **state)
{
    workers *w = *state;
    ask(w, w->alice);
    assert_ok(sy_worker_set_message_pending_time(w->alice, LATENCY, &w->err), &w->err);
    assert_true(fabs(sy_worker_get_message_pending_time(w->alice) - LATENCY) < 1e-6);
    uint64_t start = test_now_ms();
    ask(w, w->alice);
    assert_in_range(elapsed_since(start), LATENCY_MS - 1, 10 * LATENCY_MS);
    start = test_now_ms(); /* bob is not concerned */
    for (int k = 0; k < 10; k++) {
        ask(w, w->bob);
    }
    assert_true(elapsed_since(start) < LATENCY_MS * 5);
    /* The sender's adds up; then both are taken back. */
    assert_ok(sy_worker_set_message_pending_time(w->me, LATENCY, &w->err), &w->err);
    start = test_now_ms();
    ask(w, w->alice);
    assert_in_range(elapsed_since(start), 2 * LATENCY_MS - 1, 20 * LATENCY_MS);
    assert_ok(sy_worker_set_message_pending_time(w->me, 0, &w->err), &w->err);
    assert_ok(sy_worker_set_message_pending_time(w->alice, 0, &w->err), &w->err);
    start = test_now_ms();
    for (int k = 0; k < 10; k++) {
        ask(w, w->alice);
    }
    assert_true(elapsed_since(start) < LATENCY_MS * 5);
}

/* Results are what they are without it. */
static void test_answers_are_the_same(void **state)
{
    workers *w = *state;
    assert_ok(sy_worker_set_message_pending_time(w->alice, 0.005, &w->err), &w->err);
    sy_tensor *x = workers_send(w, FLOATS(w, 1, 2, 3), w->alice);
    sy_tensor *y = OP(w, "mul", TENSOR(x), TENSOR(x));
    assert_floats(w, workers_copy_get(w, y), 1, 4, 9);
    /* Frames of many kilobytes come in pieces, some before and some after a held back one is due. */
    static float many[1 << 18];
    for (size_t k = 0; k < sizeof many / sizeof many[0]; k++) {
        many[k] = (float)(k % 1000);
    }
    sy_tensor *big = workers_tensor(w, 1, (const int64_t[]){1 << 18}, many);
    sy_tensor *there = workers_send(w, big, w->alice);
    for (int k = 0; k < 5; k++) {
        sy_tensor *back = workers_copy_get(w, there);
        static float copy[1 << 18];
        assert_ok(sy_tensor_copy_data(back, copy, sizeof copy, &w->err), &w->err);
        assert_memory_equal(copy, many, sizeof many);
    }
}

/* A pipeline of posted requests pays once, not each. */
static void test_pipelined_pay_once(void **state)
{
    workers *w = *state;
    sy_tensor *x = workers_send(w, FLOATS(w, 1, 2, 3), w->alice);
    assert_ok(sy_worker_set_message_pending_time(w->alice, LATENCY, &w->err), &w->err);
    const uint64_t start = test_now_ms();
    sy_scope *s = sy_scope_begin(w->hook);
    (void)sy_scope_set_pipelined(s, true);
    sy_tensor *y = x;
    for (int k = 0; k < 30; k++) {
        y = sy_add(s, y, x);
    }
    y = sy_scope_keep(s, y);
    assert_ok(sy_scope_end(s, &w->err), &w->err);
    const uint64_t took = elapsed_since(start);
    (void)sy_scope_adopt(w->s, y);
    assert_in_range(took, LATENCY_MS - 1, 10 * LATENCY_MS);
    assert_ok(sy_worker_set_message_pending_time(w->alice, 0, &w->err), &w->err);
    assert_floats(w, workers_copy_get(w, y), 31, 62, 93);
}

/* Threads that share a worker wait side by side. */
enum { THREADS = 8 };

static void *ask_in_thread(void *argument)
{
    char *text = NULL;
    sy_error err = SY_ERROR_INIT;
    workers *w = argument;
    const sy_status status = sy_worker_whoami(w->alice, &text, &err);
    sy_string_free(w->hook, text);
    return status == SY_OK ? NULL : w;
}

static void test_threads_wait_side_by_side(void **state)
{
    workers *w = *state;
    if (w->kind->kind == SY_WORKER_CUSTOM) {
        return; /* takes one message at a time anyway */
    }
    pthread_t threads[THREADS];
    ask(w, w->alice);
    assert_ok(sy_worker_set_message_pending_time(w->alice, LATENCY, &w->err), &w->err);
    const uint64_t start = test_now_ms();
    for (int k = 0; k < THREADS; k++) {
        assert_int_equal(pthread_create(&threads[k], NULL, ask_in_thread, w), 0);
    }
    for (int k = 0; k < THREADS; k++) {
        void *failed = NULL;
        pthread_join(threads[k], &failed);
        assert_null(failed);
    }
    assert_in_range(elapsed_since(start), LATENCY_MS - 1, (THREADS - 1) * LATENCY_MS);
}

/* Ends with its timeout, and the connection stays. */
static void test_timeouts_count(void **state)
{
    const worker_kind *kind = *state;
    test_pair pair;
    sy_error err = SY_ERROR_INIT;
    char *text = NULL;
    pair_open(&pair, kind, 1, 150, NULL);
    assert_ok(sy_worker_set_message_pending_time(pair.alice, 0.5, &err), &err);
    assert_status(sy_worker_whoami(pair.alice, &text, &err), SY_ETIMEDOUT, &err);
    assert_ok(sy_worker_set_message_pending_time(pair.alice, 0, &err), &err);
    assert_ok(sy_worker_whoami(pair.alice, &text, &err), &err); /* not the late answer */
    assert_non_null(strstr(text, "id: alice"));
    sy_string_free(pair.home.hook, text);
    pair_close(&pair);
}

/* A worker that waits for another one (move) does not do it on the pool: the pool's only thread computes on. */
static void *move_to_bob(void *argument)
{
    test_pair *pair = ((void **)argument)[0];
    sy_tensor *x = ((void **)argument)[1];
    sy_error err = SY_ERROR_INIT;
    const sy_status status = sy_tensor_move_(x, pair->bob, &err);
    return status == SY_OK ? NULL : pair;
}

static void test_pool_goes_on(void **state)
{
    const worker_kind *kind = *state;
    test_pair pair;
    sy_error err = SY_ERROR_INIT;
    sy_tensor *x = NULL;
    sy_tensor *y = NULL;
    sy_tensor *p = NULL;
    sy_tensor *q = NULL;
    pthread_t thread;
    pair_open(&pair, kind, 1, 5000, NULL);
    assert_ok(sy_worker_introduce(pair.alice, pair.bob, NULL, &err), &err);
    assert_ok(sy_tensor_from_floats(pair.home.hook, &x, (float[]){1, 2}, 2, &err), &err);
    assert_ok(sy_tensor_from_floats(pair.home.hook, &y, (float[]){3, 4}, 2, &err), &err);
    assert_ok(sy_tensor_send(x, &p, pair.alice, &err), &err);
    assert_ok(sy_tensor_send(y, &q, pair.alice, &err), &err);
    assert_ok(sy_worker_set_message_pending_time(pair.alice_serving, 0.3, &err), &err);
    const uint64_t start = test_now_ms();
    void *arguments[] = {&pair, p};
    assert_int_equal(pthread_create(&thread, NULL, move_to_bob, arguments), 0);
    test_sleep_ms(50);
    sy_scope *s = sy_scope_begin(pair.home.hook);
    sy_tensor *sum = sy_scope_keep(s, sy_add(s, q, q));
    assert_ok(sy_scope_end(s, &err), &err);
    assert_true(elapsed_since(start) < 290);
    sy_tensor_unref(sum);
    void *failed = NULL;
    pthread_join(thread, &failed);
    assert_null(failed);
    assert_true(elapsed_since(start) >= 299);
    sy_tensor_unref(p);
    sy_tensor_unref(q);
    sy_tensor_unref(x);
    sy_tensor_unref(y);
    pair_close(&pair);
}

static void test_range(void **state)
{
    workers *w = *state;
    assert_fails(w, sy_worker_set_message_pending_time(w->alice, -0.1, &w->err), SY_EINVAL, "-0.1");
    assert_fails(w, sy_worker_set_message_pending_time(w->alice, NAN, &w->err), SY_EINVAL, "alice");
    assert_fails(w, sy_worker_set_message_pending_time(w->alice, 3601, &w->err), SY_EINVAL, "3601");
    assert_true(sy_worker_get_message_pending_time(w->alice) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_default_is_none),
        WORKER_KINDS(test_each_exchange_takes_it),
        WORKER_KINDS(test_answers_are_the_same),
        WORKER_KINDS(test_pipelined_pay_once),
        WORKER_KINDS(test_threads_wait_side_by_side),
        WORKER_KINDS(test_range),
        REMOTE_KINDS(test_timeouts_count),
        REMOTE_KINDS(test_pool_goes_on),
    };
    return workers_run(tests);
}
