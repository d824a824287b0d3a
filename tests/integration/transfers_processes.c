/*
 * transfers_processes.c - the same between processes: a `csyft worker` of its own behind a proxy that cuts. Tensors arrive
 * whatever is cut; one that was on its way when the worker was killed is in doubt, and the next worker serves.
 */
#include "support/cutting_proxy.h"
#include "support/places.h"
#include "support/program.h"

#define COUNT ((int64_t)1 << (TEST_SLOWNESS > 1 ? 16 : 18)) /* of 8 bytes */

typedef struct scene {
    program worker;
    cutting_proxy proxy;
    test_place home;
    sy_worker *bob;
    sy_tensor *x;
    int64_t *data;
    sy_error err;
} scene;

static void scene_open(scene *s, const char *url)
{
    const char *const argv[] = {"csyft", "worker", "--id", "bob", "--listen", url, NULL};
    const int64_t count = COUNT;
    memset(s, 0, sizeof *s);
    program_start(&s->worker, argv, 1);
    proxy_open(&s->proxy, s->worker.urls[0]);
    place_open(&s->home, "home", true, 1);
    s->bob = place_connect(&s->home, s->proxy.url, 20000);
    s->data = malloc((size_t)count * sizeof *s->data);
    for (int64_t k = 0; k < count; k++) {
        s->data[k] = k * 1000003;
    }
    assert_ok(sy_tensor_new(s->home.hook, &s->x, SY_DTYPE_I64, 1, &count, s->data, &s->err),
              &s->err);
}

static void scene_close(scene *s)
{
    sy_tensor_unref(s->x);
    free(s->data);
    place_close(&s->home);
    proxy_close(&s->proxy);
    program_stop(&s->worker);
}

/* There and back. */
static void travel(scene *s)
{
    sy_tensor *there = NULL;
    sy_tensor *back = NULL;
    int64_t *copy = malloc((size_t)COUNT * sizeof *copy);
    assert_ok(sy_tensor_send(s->x, &there, s->bob, &s->err), &s->err);
    assert_ok(sy_tensor_get(there, &back, &s->err), &s->err);
    assert_ok(sy_tensor_copy_data(back, copy, (size_t)COUNT * sizeof *copy, &s->err), &s->err);
    assert_memory_equal(copy, s->data, (size_t)COUNT * sizeof *copy);
    free(copy);
    sy_tensor_unref(back);
    sy_tensor_unref(there);
}

static void test_many_cuts(void **state)
{
    scene s;
    scene_open(&s, *state);
    for (int direction = 0; direction < 2; direction++) {
        const unsigned before = proxy_let_pass(&s.proxy);
        proxy_cut_every(&s.proxy, direction, (long)COUNT);
        travel(&s);
        assert_in_range(proxy_let_pass(&s.proxy) - before, 8, 20);
    }
    scene_close(&s);
}

typedef struct sending {
    scene *scene;
    sy_tensor *there;
} sending;

static sy_status send_it(test_thread *self, sy_error *err)
{
    sending *s = self->shared;
    return sy_tensor_send(s->scene->x, &s->there, s->scene->bob, err);
}

static void test_killed(void **state)
{
    scene s;
    test_thread thread;
    int status = -1;
    scene_open(&s, *state);
    char url[128];
    snprintf(url, sizeof url, "%s", s.worker.urls[0]);
    sending it = {&s, NULL};
    pthread_mutex_lock(&s.proxy.lock);
    s.proxy.left[0] = (long)COUNT * 4;
    s.proxy.refuse_then = true;
    pthread_mutex_unlock(&s.proxy.lock);
    threads_start(&thread, 1, &it, send_it);
    while (!proxy_refuses(&s.proxy)) {
        test_sleep_ms(1);
    }
    assert_int_equal(kill(s.worker.pid, SIGKILL), 0);
    assert_int_equal(waitpid(s.worker.pid, &status, 0), s.worker.pid);
    const char *const argv[] = {"csyft", "worker", "--id", "bob", "--listen", url, NULL};
    program_start(&s.worker, argv, 1);
    assert_string_equal(s.worker.urls[0], url);
    (void)proxy_let_pass(&s.proxy);
    threads_join(&thread, 1);
    assert_status(thread.status, SY_EINDOUBT, &thread.err);
    assert_string_equal(thread.err.worker, "bob");
    travel(&s);
    scene_close(&s);
}

#define ON(test, scheme)                                                                      \
    {                                                                                         \
#test " [" scheme "]", test, NULL, NULL, (void *)(uintptr_t)(scheme "://127.0.0.1:0") \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(test_many_cuts, "tcp"),
        ON(test_many_cuts, "ws"),
        ON(test_killed, "tcp"),
        ON(test_killed, "ws"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
