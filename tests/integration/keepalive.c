/*
 * keepalive.c - connections on which nothing happens: they are asked for signs of life, those that give none are made
 * again, and what a worker computes for long is left alone.
 */
#include <csyft/operations.h>

#include "support/scene.h"

typedef struct idle {
    scene c; /* its own client connects before the proxy; ours is below */
    test_place home;
    sy_worker *bob;
} idle;

static void idle_open(idle *t, const worker_kind *kind, uint32_t keepalive_ms,
                      uint32_t ping_timeout_ms, uint32_t grace_ms)
{
    sy_error err = SY_ERROR_INIT;
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    options.timeout_ms = 4000;
    options.keepalive_ms = keepalive_ms;
    options.ping_timeout_ms = ping_timeout_ms;
    scene_open(&t->c, kind, true, 4000, grace_ms);
    sy_worker_close(t->c.bob);
    place_open(&t->home, "idler", true, 1);
    assert_ok(sy_worker_connect(t->home.hook, &t->bob, t->c.proxy->url, &options, &err), &err);
}

static void idle_close(idle *t)
{
    place_close(&t->home);
    scene_close(&t->c);
}

static sy_tensor *put(idle *t, int64_t count)
{
    sy_error err = SY_ERROR_INIT;
    sy_tensor *p = NULL;
    sy_tensor *x = ones(t->home.hook, count);
    assert_ok(sy_tensor_send(x, &p, t->bob, &err), &err);
    sy_tensor_unref(x);
    return p;
}

/* Silence is broken now and then, and the connection stays the same. */
static void test_idle(void **state)
{
    idle t;
    idle_open(&t, *state, 60, 2000, 60000);
    sy_tensor *p = put(&t, 3);
    const unsigned accepted = proxy_accepted(t.c.proxy);
    const sy_traffic before = sy_worker_get_traffic(t.bob);
    test_sleep_ms(600);
    const sy_traffic after = sy_worker_get_traffic(t.bob);
    assert_in_range(after.messages_sent - before.messages_sent, 2, 10);
    assert_in_range(after.messages_received - before.messages_received, 1, 10);
    assert_int_equal(proxy_accepted(t.c.proxy), accepted);
    sy_tensor_unref(p);
    idle_close(&t);
}

/* The client was idle when its connection broke: it comes back before the grace is over, by itself. */
static void test_broken_while_idle(void **state)
{
    idle t;
    sy_error err = SY_ERROR_INIT;
    sy_tensor *sum = NULL;
    idle_open(&t, *state, 40, 2000, 700);
    sy_tensor *p = put(&t, 3);
    for (int k = 0; k < 2; k++) {
        proxy_cut(t.c.proxy, false, k % 2 != 0);
        test_sleep_ms(1000);
        assert_int_equal(sy_worker_get_object_count(t.c.serving), 1);
    }
    assert_ok(add_twice(t.home.hook, p, &sum, &err), &err);
    sy_tensor_unref(sum);
    sy_tensor_unref(p);
    idle_close(&t);
}

static void *let_pass_later(void *argument)
{
    test_sleep_ms(500);
    (void)proxy_let_pass(argument);
    return NULL;
}

/* Nothing passes any more, in either direction, and nobody says so: the connection is given up, another one made, and the
 * request that lay on the old one, where it arrives late, is carried out once. */
static void test_silence(void **state)
{
    idle t;
    pthread_t thread;
    float value[3] = {0};
    sy_error err = SY_ERROR_INIT;
    sy_tensor *copy = NULL;
    idle_open(&t, *state, 50, 100, 60000);
    sy_tensor *p = put(&t, 3);
    for (int round = 0; round < 2; round++) {
        const unsigned accepted = proxy_accepted(t.c.proxy);
        proxy_hold(t.c.proxy, 0, true);
        proxy_hold(t.c.proxy, 1, true);
        assert_int_equal(pthread_create(&thread, NULL, let_pass_later, t.c.proxy), 0);
        sy_scope *s = sy_scope_begin(t.home.hook);
        (void)sy_add_scalar_(s, p, 1);
        assert_ok(sy_scope_end(s, &err), &err);
        pthread_join(thread, NULL);
        assert_true(proxy_accepted(t.c.proxy) > accepted);
    }
    test_sleep_ms(100);
    assert_ok(sy_tensor_copy_get(p, &copy, &err), &err);
    assert_ok(sy_tensor_copy_data(copy, value, sizeof value, &err), &err);
    assert_true(value[0] == 3 && value[2] == 3);
    sy_tensor_unref(copy);
    sy_tensor_unref(p);
    idle_close(&t);
}

/* A worker that computes answers: it is not dead. */
static void test_a_long_computation(void **state)
{
    idle t;
    sy_error err = SY_ERROR_INIT;
    sy_tensor *p = NULL;
    sy_tensor *product = NULL;
    idle_open(&t, *state, 20, 60, 60000);
    sy_tensor *x = ones(t.home.hook, TEST_SLOWNESS > 1 ? 500 : 1400);
    sy_scope *s = sy_scope_begin(t.home.hook);
    sy_tensor *square = sy_scope_keep(s, sy_mm(s, sy_unsqueeze(s, x, 1), sy_unsqueeze(s, x, 0)));
    assert_ok(sy_scope_end(s, &err), &err);
    assert_ok(sy_tensor_send(square, &p, t.bob, &err), &err);
    const unsigned accepted = proxy_accepted(t.c.proxy);
    const uint64_t start = test_now_ms();
    while (test_now_ms() - start < 600) {
        s = sy_scope_begin(t.home.hook);
        product = sy_scope_keep(s, sy_mm(s, p, p));
        assert_ok(sy_scope_end(s, &err), &err);
        sy_tensor_unref(product);
    }
    assert_int_equal(proxy_accepted(t.c.proxy), accepted);
    sy_tensor_unref(square);
    sy_tensor_unref(x);
    sy_tensor_unref(p);
    idle_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REMOTE_KINDS(test_idle),
        REMOTE_KINDS(test_broken_while_idle),
        REMOTE_KINDS(test_silence),
        REMOTE_KINDS(test_a_long_computation),
    };
    return workers_run(tests);
}
