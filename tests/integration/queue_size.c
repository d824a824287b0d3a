/*
 * queue_size.c - TorchHook's queue_size (003: 133-137): messages that need no answer are held back until so
 * many wait or an answer is needed; 0 sends at once. Frames are counted at bob.
 */
#include "support/worker_kinds.h"
#include "workers/worker.h"

/* A client whose hook holds back `queue_size` messages, in a place of its own. */
typedef struct client {
    sy_context *context;
    sy_hook *hook;
    sy_worker *bob;
} client;

static void connect_client(workers *w, client *c, unsigned queue_size)
{
    sy_context_options surroundings = SY_CONTEXT_OPTIONS_INIT;
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.verbose = false;
    options.local_worker_id = "queueing";
    options.queue_size = queue_size;
    assert_ok(sy_context_new(&c->context, &surroundings, &w->err), &w->err);
    assert_ok(sy_hook_new(c->context, &c->hook, &options, &w->err), &w->err);
    if (w->kind->url == NULL) {
        assert_ok(sy_virtual_worker_new(c->hook, &c->bob, "bob", &w->err), &w->err);
    } else {
        assert_ok(sy_worker_connect(c->hook, &c->bob, w->bob->url, NULL, &w->err), &w->err);
    }
}

static uint64_t sent(const client *c)
{
    return sy_worker_get_traffic(c->bob).messages_sent;
}

static sy_tensor *add(workers *w, client *c, sy_tensor *a, sy_tensor *b)
{
    const sy_value args[] = {sy_value_tensor(a), sy_value_tensor(b)};
    sy_tensor *sum = NULL;
    size_t count = 0;
    assert_ok(sy_call(c->hook, "add", args, 2, NULL, 0, &sum, 1, &count, NULL, &w->err), &w->err);
    assert_int_equal(count, 1);
    return sum;
}

static void run(workers *w, unsigned queue_size, const uint64_t *expected)
{
    client c = {0};
    sy_tensor *x = NULL, *p = NULL, *sums[6];
    connect_client(w, &c, queue_size);
    assert_ok(sy_tensor_from_floats(c.hook, &x, (const float[]){1, 2}, 2, &w->err), &w->err);
    assert_ok(sy_tensor_send(x, &p, c.bob, &w->err), &w->err);
    const uint64_t before = sent(&c);
    for (int k = 0; k < 6; k++) {
        sums[k] = add(w, &c, k == 0 ? p : sums[k - 1], p);
        assert_int_equal(sent(&c) - before, expected[k]);
    }
    sy_tensor *y = NULL; /* needs an answer: what waits goes first */
    assert_ok(sy_tensor_get(sums[5], &y, &w->err), &w->err);
    assert_int_equal(sent(&c) - before, 7);
    float values[2];
    assert_ok(sy_tensor_copy_data(y, values, sizeof values, &w->err), &w->err);
    assert_true(values[0] == 7 && values[1] == 14);
    assert_ok(sy_hook_synchronize(c.hook, &w->err), &w->err);
    sy_tensor_unref(y);
    for (int k = 0; k < 6; k++) {
        sy_tensor_unref(sums[k]);
    }
    sy_tensor_unref(p);
    sy_tensor_unref(x);
    sy_hook_free(c.hook);
    sy_context_free(c.context);
}

static void test_held_back(void **state)
{
    run(*state, 4, (const uint64_t[]){0, 0, 0, 4, 4, 4});
}

static void test_of_one(void **state)
{
    run(*state, 1, (const uint64_t[]){1, 2, 3, 4, 5, 6});
}

static void test_at_once(void **state)
{
    run(*state, 0, (const uint64_t[]){1, 2, 3, 4, 5, 6});
}

/* A failure is told when the scope ends. */
static void test_failure(void **state)
{
    workers *w = *state;
    client c = {0};
    sy_tensor *x = NULL, *y = NULL, *p = NULL, *q = NULL;
    connect_client(w, &c, 8);
    assert_ok(sy_tensor_from_floats(c.hook, &x, (const float[]){1, 2}, 2, &w->err), &w->err);
    assert_ok(sy_tensor_from_floats(c.hook, &y, (const float[]){1, 2, 3}, 3, &w->err), &w->err);
    assert_ok(sy_tensor_send(x, &p, c.bob, &w->err), &w->err);
    assert_ok(sy_tensor_send(y, &q, c.bob, &w->err), &w->err);
    sy_scope *s = sy_scope_begin(c.hook);
    assert_non_null(sy_add(s, p, q));
    assert_fails(w, sy_scope_end(s, &w->err), SY_ESHAPE, "add");
    assert_string_equal(w->err.worker, "bob");
    sy_tensor_unref(q);
    sy_tensor_unref(p);
    sy_tensor_unref(y);
    sy_tensor_unref(x);
    sy_hook_free(c.hook);
    sy_context_free(c.context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_held_back),
        LIBRARY_WORKER_KINDS(test_of_one),
        LIBRARY_WORKER_KINDS(test_at_once),
        LIBRARY_WORKER_KINDS(test_failure),
    };
    return workers_run(tests);
}
