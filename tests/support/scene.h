/*
 * scene.h - a client and a worker of any kind, perhaps a cutting proxy between them, for tests of faults.
 */
#ifndef CSYFT_TESTS_SCENE_H
#define CSYFT_TESTS_SCENE_H

#include "support/cutting_proxy.h"
#include "support/places.h"

/* A worker, perhaps a proxy before it, a client. */
typedef struct scene {
    const worker_kind *kind;
    test_place home, there;
    cutting_proxy *proxy; /* nullable */
    sy_worker *bob, *serving;
    sy_hook *hook;
} scene;

static inline void scene_open(scene *c, const worker_kind *kind, bool with_proxy,
                              uint32_t timeout_ms, uint32_t grace_ms)
{
    sy_error err = SY_ERROR_INIT;
    sy_listen_options options = SY_LISTEN_OPTIONS_INIT;
    options.lease_grace_ms = grace_ms;
    memset(c, 0, sizeof *c);
    c->kind = kind;
    place_open(&c->home, "home", true, 2);
    c->hook = c->home.hook;
    if (kind->url == NULL) {
        assert_ok(sy_virtual_worker_new(c->hook, &c->bob, "bob", &err), &err);
        c->serving = c->bob;
        return;
    }
    place_open(&c->there, "bob", false, 2);
    c->serving = c->there.worker;
    char url[512];
    snprintf(url, sizeof url, "%s", place_listen(&c->there, kind->url, &options));
    if (with_proxy) {
        c->proxy = malloc(sizeof *c->proxy);
        proxy_open(c->proxy, url);
    }
    c->bob = place_connect(&c->home, with_proxy ? c->proxy->url : url, timeout_ms);
}

static inline void scene_close(scene *c)
{
    place_close(&c->home);
    if (c->kind->url != NULL) {
        place_close(&c->there);
    }
    if (c->proxy != NULL) {
        proxy_close(c->proxy);
        free(c->proxy);
    }
}

static inline failing_allocator *workers_memory(scene *c)
{
    return c->kind->url == NULL ? c->home.memory : c->there.memory;
}

static inline sy_tensor *ones(sy_hook *hook, int64_t count)
{
    sy_error err = SY_ERROR_INIT;
    sy_tensor *x = NULL;
    float *data = malloc((size_t)count * sizeof *data);
    for (int64_t k = 0; k < count; k++) {
        data[k] = 1;
    }
    assert_ok(sy_tensor_from_floats(hook, &x, data, count, &err), &err);
    free(data);
    return x;
}

static inline sy_tensor *send_ones(scene *c, int64_t count)
{
    sy_error err = SY_ERROR_INIT;
    sy_tensor *p = NULL;
    sy_tensor *x = ones(c->hook, count);
    assert_ok(sy_tensor_send(x, &p, c->bob, &err), &err);
    sy_tensor_unref(x);
    return p;
}

static inline sy_status add_twice(sy_hook *hook, sy_tensor *p, sy_tensor **sum, sy_error *err)
{
    sy_scope *s = sy_scope_begin(hook);
    *sum = sy_scope_keep(s, sy_add(s, p, p));
    return sy_scope_end(s, err);
}

/* A request that must succeed, soon; it connects again when that is needed. */
static inline void assert_serves(scene *c)
{
    sy_error err = SY_ERROR_INIT;
    char *text = NULL;
    const uint64_t until = test_now_ms() + 5000;
    sy_status status;
    do {
        status = sy_worker_whoami(c->bob, &text, &err);
    } while (status == SY_ETIMEDOUT && test_now_ms() < until);
    assert_status(status, SY_OK, &err);
    assert_non_null(strstr(text, "bob"));
    sy_string_free(c->hook, text);
}

static inline void assert_said(const sy_error *err, const char *worker)
{
    assert_string_not_equal(err->message, "");
    assert_string_equal(err->worker, worker);
}

static inline void settle(scene *c, size_t count)
{
    for (int k = 0; k < 3; k++) {
        assert_serves(c);
    }
    assert_true(wait_for_count(c->serving, count, 5000));
}

#endif
