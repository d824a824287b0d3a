/*
 * concurrency.c - many threads, many clients, workers that need each other: everything finishes, nothing is
 * torn, a quota that is passed is SY_EBUSY by name.
 */
#include "support/places.h"
#include "support/property.h"

#include "workers/worker.h"

#define CLIENTS 8

/* --- pointers to pointers, in both directions -------------------------------------------------- */

typedef struct crossing {
    test_pair *pair;
    unsigned hops; /* pointers between client and data */
    long rounds;
} crossing;

/* x goes to the first worker, a pointer to it to the other, a pointer to that back, ... */
static sy_status send_around(sy_tensor *x, unsigned hops, sy_worker *first, sy_worker *second,
                             sy_tensor **outer, sy_error *err)
{
    sy_tensor *at = sy_tensor_ref(x);
    for (unsigned k = 0; k < hops; k++) {
        sy_tensor *next = NULL;
        const sy_status status = sy_tensor_send(at, &next, k % 2 == 0 ? first : second, err);
        sy_tensor_unref(at);
        if (status != SY_OK) {
            return status;
        }
        at = next;
    }
    *outer = at;
    return SY_OK;
}

static sy_status get_back(sy_tensor *outer, unsigned hops, float *data, size_t size, sy_error *err)
{
    sy_tensor *at = sy_tensor_ref(outer);
    for (unsigned k = 0; k < hops; k++) {
        sy_tensor *next = NULL;
        const sy_status status = sy_tensor_get(at, &next, err);
        sy_tensor_unref(at);
        if (status != SY_OK) {
            return status;
        }
        at = next;
    }
    const sy_status status = sy_tensor_copy_data(at, data, size, err);
    sy_tensor_unref(at);
    return status;
}

/* ((x + x) + (x + x)), computed behind `hops` pointers. */
static sy_status cross_once(sy_hook *hook, unsigned hops, sy_worker *first, sy_worker *second,
                            float start, sy_error *err)
{
    const float data[4] = {start, start + 1, start + 2, start + 3};
    float back[4] = {0};
    sy_tensor *x = NULL;
    sy_tensor *p = NULL;
    TEST_TRY(sy_tensor_from_floats(hook, &x, data, 4, err));
    sy_status status = send_around(x, hops, first, second, &p, err);
    sy_tensor_unref(x);
    TEST_TRY(status);
    sy_scope *s = sy_scope_begin(hook);
    sy_tensor *two = sy_add(s, p, p);
    sy_tensor *four = sy_scope_keep(s, sy_add(s, two, two));
    status = sy_scope_end(s, err);
    sy_tensor_unref(p);
    if (status == SY_OK) {
        status = get_back(four, hops, back, sizeof back, err);
    }
    sy_tensor_unref(four);
    for (int k = 0; k < 4 && status == SY_OK; k++) {
        if (back[k] != 4 * data[k]) {
            status = test_says(err, "wrong sum");
        }
    }
    return status;
}

static sy_status cross(test_thread *self, sy_error *err)
{
    crossing *c = self->shared;
    test_pair *pair = c->pair;
    test_place mine = {0};
    sy_hook *hook = pair->home.hook;
    sy_worker *alice = pair->alice;
    sy_worker *bob = pair->bob;
    if (pair->kind->url != NULL) { /* a client of its own */
        char id[16];
        snprintf(id, sizeof id, "client%u", self->index);
        sy_hook_options options = SY_HOOK_OPTIONS_INIT;
        sy_connect_options connecting = SY_CONNECT_OPTIONS_INIT;
        options.local_worker_id = id;
        options.verbose = false;
        connecting.timeout_ms = 20000;
        TEST_TRY(sy_context_new(&mine.context, NULL, err));
        TEST_TRY(sy_hook_new(mine.context, &mine.hook, &options, err));
        TEST_TRY(sy_worker_connect(mine.hook, &alice, pair->alice_url, &connecting, err));
        TEST_TRY(sy_worker_connect(mine.hook, &bob, pair->bob_url, &connecting, err));
        hook = mine.hook;
    }
    sy_status status = SY_OK;
    for (long k = 0; k < c->rounds && status == SY_OK; k++) {
        const bool turned = (self->index + (unsigned)k) % 2 != 0;
        status = cross_once(hook, c->hops, turned ? bob : alice, turned ? alice : bob,
                            (float)(self->index + k), err);
    }
    sy_hook_free(mine.hook);
    sy_context_free(mine.context);
    return status;
}

static void cross_with(const worker_kind *kind, unsigned hops, long rounds)
{
    test_pair pair;
    test_thread threads[CLIENTS];
    pair_open(&pair, kind, 1, 20000, NULL);
    crossing c = {&pair, hops, rounds};
    threads_start(threads, CLIENTS, &c, cross);
    threads_finish(threads, CLIENTS);
    assert_true(wait_for_count(pair.alice_serving, 0, 5000));
    assert_true(wait_for_count(pair.bob_serving, 0, 5000));
    pair_close(&pair);
}

/* 8 clients, alice and bob with one pool thread each: a pointer at alice to an object at bob and the other
 * way round, added to each other. */
static void test_both_directions(void **state)
{
    cross_with(*state, 2, property_iterations(20));
}

/* One hop more: alice waits for bob, who waits for alice, while bob waits for alice, who waits for bob. */
static void test_three_hops_in_both_directions(void **state)
{
    cross_with(*state, 3, property_iterations(10));
}

static void test_a_long_way_round(void **state)
{
    cross_with(*state, 7, property_iterations(3));
}

/* --- main -------------------------------------------------------------------------------------- */

#define KINDS(test)                                                                       \
    {#test " [virtual]", test, NULL, NULL, (void *)(uintptr_t)&worker_kinds[0]},          \
        {#test " [socket]", test, NULL, NULL, (void *)(uintptr_t)&worker_kinds[1]},       \
        {#test " [websocket]", test, NULL, NULL, (void *)(uintptr_t)&worker_kinds[2]},

int main(void)
{
    const struct CMUnitTest tests[] = {
        KINDS(test_both_directions) /* clang-format off */
        KINDS(test_three_hops_in_both_directions)
        KINDS(test_a_long_way_round) /* clang-format on */
    };
    return workers_run(tests);
}
