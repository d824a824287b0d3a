/*
 * concurrency.c - many threads, many clients, workers that need each other: everything finishes, nothing is
 * torn, a quota that is passed is SY_EBUSY by name.
 */
#include "support/places.h"

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
    cross_with(*state, 2, test_rounds(20));
}

/* One hop more: alice waits for bob, who waits for alice, while bob waits for alice, who waits for bob. */
static void test_three_hops_in_both_directions(void **state)
{
    cross_with(*state, 3, test_rounds(10));
}

static void test_a_long_way_round(void **state)
{
    cross_with(*state, 7, test_rounds(3));
}

/* --- the quota of waiting commands --------------------------------------------------------------- */

#define MORE_THAN_THE_QUOTA (SYI_SESSION_THREADS_MAX + 8)

typedef struct quota {
    test_pair *pair;
    sy_id at_alice; /* a pointer there, to an object at bob */
} quota;

static sy_status add_through_alice(test_thread *self, sy_error *err)
{
    quota *q = self->shared;
    sy_hook *hook = q->pair->home.hook;
    sy_tensor *p = NULL;
    TEST_TRY(sy_tensor_point_to(hook, &p, q->pair->alice, &q->at_alice, err));
    sy_scope *s = sy_scope_begin(hook);
    (void)sy_add(s, p, p);
    const sy_status status = sy_scope_end(s, err);
    sy_tensor_unref(p);
    return status;
}

static unsigned waiting_at(sy_worker *serving)
{
    pthread_mutex_lock(&serving->strand);
    const unsigned count = serving->session_threads;
    pthread_mutex_unlock(&serving->strand);
    return count;
}

/* Bob does not get on. What alice has begun waits for him; what is too much is refused by name, at once, and
 * has left nothing. */
static void test_quota(void **state)
{
    test_pair pair;
    test_thread threads[MORE_THAN_THE_QUOTA];
    sy_error err = SY_ERROR_INIT;
    sy_tensor *x = NULL;
    sy_tensor *at_bob = NULL;
    sy_tensor *at_alice = NULL;
    pair_open(&pair, *state, 1, 20000, NULL);
    pair.alice->reconnect_ms = 100; /* she does not come back */
    assert_ok(sy_tensor_from_floats(pair.home.hook, &x, (float[]){1, 2}, 2, &err), &err);
    assert_ok(sy_tensor_send(x, &at_bob, pair.bob, &err), &err);
    assert_ok(sy_tensor_send(at_bob, &at_alice, pair.alice, &err), &err);
    quota q = {&pair, sy_tensor_get_id_at_location(at_alice)};

    worker_stall(pair.bob_serving);
    threads_start(threads, SYI_SESSION_THREADS_MAX, &q, add_through_alice);
    const uint64_t until = test_now_ms() + 10000;
    while (waiting_at(pair.alice_serving) < SYI_SESSION_THREADS_MAX && test_now_ms() < until) {
        test_sleep_ms(1);
    }
    assert_int_equal(waiting_at(pair.alice_serving), SYI_SESSION_THREADS_MAX);
    threads_start(threads + SYI_SESSION_THREADS_MAX, 8, &q, add_through_alice);
    threads_join(threads + SYI_SESSION_THREADS_MAX, 8);
    worker_unstall(pair.bob_serving);
    for (unsigned k = SYI_SESSION_THREADS_MAX; k < MORE_THAN_THE_QUOTA; k++) {
        assert_status(threads[k].status, SY_EBUSY, &threads[k].err);
        assert_string_equal(threads[k].err.worker, "alice");
        assert_non_null(strstr(threads[k].err.message, "alice"));
    }
    threads_finish(threads, SYI_SESSION_THREADS_MAX);
    assert_true(wait_for_count(pair.alice_serving, 1, 5000));
    assert_true(wait_for_count(pair.bob_serving, 1, 5000));
    assert_int_equal(waiting_at(pair.alice_serving), 0);
    sy_tensor_unref(at_alice);
    sy_tensor_unref(at_bob);
    sy_tensor_unref(x);
    pair_close(&pair);
}

/* --- closing under way --------------------------------------------------------------------------- */

static sy_tensor *send_ones(test_pair *pair, int64_t count)
{
    sy_error err = SY_ERROR_INIT;
    sy_tensor *x = NULL;
    sy_tensor *p = NULL;
    float *data = calloc((size_t)count, sizeof *data);
    for (int64_t k = 0; k < count; k++) {
        data[k] = 1;
    }
    assert_ok(sy_tensor_from_floats(pair->home.hook, &x, data, count, &err), &err);
    assert_ok(sy_tensor_send(x, &p, pair->bob, &err), &err);
    sy_tensor_unref(x);
    free(data);
    return p;
}

static sy_status add_once(test_thread *self, sy_error *err)
{
    sy_tensor *p = self->shared;
    sy_scope *s = sy_scope_begin(sy_tensor_get_hook(p));
    (void)sy_add(s, p, p);
    return sy_scope_end(s, err);
}

/* A thread waits for an answer that does not come; closing the worker ends that. The next request takes the
 * session up. */
static void test_close_while_waiting(void **state)
{
    test_pair pair;
    test_thread thread;
    pair_open(&pair, *state, 1, 20000, NULL);
    sy_tensor *p = send_ones(&pair, 4);
    worker_stall(pair.bob_serving);
    threads_start(&thread, 1, p, add_once);
    test_sleep_ms(50);
    const uint64_t start = test_now_ms();
    sy_worker_close(pair.bob);
    threads_join(&thread, 1);
    assert_in_range(test_now_ms() - start, 0, 20000);
    worker_unstall(pair.bob_serving);
    assert_status(thread.status, SY_ECANCELED, &thread.err);
    assert_string_equal(thread.err.worker, "bob");
    threads_start(&thread, 1, p, add_once);
    threads_finish(&thread, 1);
    assert_true(wait_for_count(pair.bob_serving, 1, 5000));
    sy_tensor_unref(p);
    assert_true(wait_for_count(pair.bob_serving, 0, 5000));
    pair_close(&pair);
}

/* Posted requests of a connection that was closed have failed; nobody waits for their answers later. */
static void test_close_with_posted_requests(void **state)
{
    test_pair pair;
    test_thread thread;
    sy_error err = SY_ERROR_INIT;
    pair_open(&pair, *state, 1, 5000, NULL);
    sy_tensor *p = send_ones(&pair, 4);
    worker_stall(pair.bob_serving);
    sy_scope *s = sy_scope_begin(pair.home.hook);
    sy_scope_set_pipelined(s, true);
    for (int k = 0; k < 100; k++) {
        (void)sy_add(s, p, p);
    }
    sy_worker_close(pair.bob);
    worker_unstall(pair.bob_serving);
    threads_start(&thread, 1, p, add_once); /* connects again */
    threads_finish(&thread, 1);
    const uint64_t start = test_now_ms();
    assert_status(sy_scope_end(s, &err), SY_ECANCELED, &err);
    assert_ok(sy_hook_synchronize(pair.home.hook, &err), &err);
    assert_in_range(test_now_ms() - start, 0, 20000);
    sy_tensor_unref(p);
    assert_true(wait_for_count(pair.bob_serving, 0, 5000));
    pair_close(&pair);
}

/* --- one link, many threads ---------------------------------------------------------------------- */

typedef struct storm {
    test_pair *pair;
    sy_id id;
    long rounds;
    atomic_bool over;
} storm;

static bool may_happen(sy_status status)
{
    return status == SY_OK || status == SY_ECANCELED || status == SY_ECLOSED;
}

static sy_status storm_sync(storm *st, sy_tensor *p, sy_error *err)
{
    sy_scope *s = sy_scope_begin(st->pair->home.hook);
    (void)sy_add(s, sy_add(s, p, p), p);
    const sy_status status = sy_scope_end(s, err);
    return may_happen(status) ? SY_OK : status;
}

static sy_status storm_posted(storm *st, sy_tensor *p, sy_error *err)
{
    sy_scope *s = sy_scope_begin(st->pair->home.hook);
    sy_scope_set_pipelined(s, true);
    sy_tensor *y = p;
    for (int k = 0; k < 40; k++) {
        y = sy_add(s, y, p);
    }
    sy_status status = sy_scope_end(s, err);
    /* What builds on a lost one is not found; the failures of a link are shared by its users. */
    return may_happen(status) || status == SY_ENOTFOUND ? SY_OK : status;
}

static sy_status in_the_storm(test_thread *self, sy_error *err)
{
    storm *st = self->shared;
    sy_tensor *p = NULL;
    TEST_TRY(sy_tensor_point_to(st->pair->home.hook, &p, st->pair->bob, &st->id, err));
    sy_status status = SY_OK;
    for (long k = 0; k < st->rounds && status == SY_OK; k++) {
        status = self->index % 3 == 0 ? storm_posted(st, p, err) : storm_sync(st, p, err);
    }
    sy_tensor_unref(p);
    return status;
}

static sy_status keep_closing(test_thread *self, sy_error *err)
{
    storm *st = self->shared;
    (void)err;
    while (!atomic_load(&st->over)) {
        sy_worker_close(st->pair->bob);
        test_sleep_ms(3);
    }
    return SY_OK;
}

static void storm_over(const worker_kind *kind, bool closing)
{
    test_pair pair;
    test_thread threads[CLIENTS];
    test_thread closer;
    sy_error err = SY_ERROR_INIT;
    pair_open(&pair, kind, 1, 20000, NULL);
    sy_tensor *p = send_ones(&pair, 4);
    storm st = {.pair = &pair, .id = sy_tensor_get_id_at_location(p), .rounds = test_rounds(100)};
    threads_start(threads, CLIENTS, &st, in_the_storm);
    if (closing) {
        threads_start(&closer, 1, &st, keep_closing);
    }
    threads_finish(threads, CLIENTS);
    atomic_store(&st.over, true);
    if (closing) {
        threads_finish(&closer, 1);
    }
    (void)sy_hook_synchronize(pair.home.hook, &err);
    /* Deletions that a closed connection could not take go with the next request. */
    for (int k = 0; k < 3; k++) {
        threads_start(&closer, 1, p, add_once);
        threads_finish(&closer, 1);
    }
    assert_true(wait_for_count(pair.bob_serving, 1, 5000));
    sy_tensor_unref(p);
    assert_true(wait_for_count(pair.bob_serving, 0, 5000));
    pair_close(&pair);
}

static void test_one_link_for_all(void **state)
{
    storm_over(*state, false);
}

static void test_one_link_that_is_closed_again_and_again(void **state)
{
    storm_over(*state, true);
}

/* --- what is copied is whole --------------------------------------------------------------------- */

#define LARGE (100 * 1024)

typedef struct copying {
    sy_hook *hook;
    sy_worker *bob;
    sy_id id, other;
    long rounds;
} copying;

/* x += 1, again and again. */
static sy_status increase(test_thread *self, sy_error *err)
{
    copying *c = self->shared;
    sy_tensor *x = NULL;
    TEST_TRY(sy_tensor_point_to(c->hook, &x, c->bob, &c->id, err));
    sy_status status = SY_OK;
    for (long k = 0; k < c->rounds && status == SY_OK; k++) {
        const sy_value args[] = {sy_value_tensor(x), sy_value_float(1)};
        sy_scope *s = sy_scope_begin(c->hook);
        (void)sy_scope_call(s, "add_", args, 2);
        status = sy_scope_end(s, err);
    }
    sy_tensor_unref(x);
    return status;
}

static sy_status all_the_same(sy_tensor *tensor, float *first, sy_error *err)
{
    float *data = malloc(LARGE * sizeof *data);
    sy_status status = sy_tensor_copy_data(tensor, data, LARGE * sizeof *data, err);
    for (int k = 0; k < LARGE && status == SY_OK; k++) {
        if (data[k] != data[0]) {
            status = test_says(err, "the copy is torn");
        }
    }
    *first = data[0];
    free(data);
    return status;
}

/* Every copy has one value everywhere, and a later one no smaller value. */
static sy_status copy_and_look(test_thread *self, sy_error *err)
{
    copying *c = self->shared;
    sy_tensor *x = NULL;
    float before = 0;
    TEST_TRY(sy_tensor_point_to(c->hook, &x, c->bob, &c->id, err));
    sy_status status = SY_OK;
    for (long k = 0; k < c->rounds && status == SY_OK; k++) {
        sy_tensor *copy = NULL;
        float now = 0;
        status = sy_tensor_copy_get(x, &copy, err);
        if (status == SY_OK) {
            status = all_the_same(copy, &now, err);
        }
        if (status == SY_OK && now < before) {
            status = test_says(err, "the copy went back in time");
        }
        before = now;
        sy_tensor_unref(copy);
    }
    sy_tensor_unref(x);
    return status;
}

/* Two clients of bob, who is virtual for the first one in one case. */
typedef struct two_clients {
    test_pair pair;
    test_place second;
    sy_worker *bob_for_second;
} two_clients;

static void two_clients_open(two_clients *t, const worker_kind *kind)
{
    pair_open(&t->pair, kind, 2, 20000, NULL);
    place_open(&t->second, "second", true, 1);
    t->bob_for_second = place_connect(&t->second, pair_url(&t->pair, t->pair.bob_serving), 20000);
}

static void two_clients_close(two_clients *t)
{
    place_close(&t->second);
    pair_close(&t->pair);
}

static void copies_of(const worker_kind *kind, bool first_writes)
{
    two_clients t;
    test_thread threads[2];
    sy_error err = SY_ERROR_INIT;
    two_clients_open(&t, kind);
    sy_tensor *x = send_ones(&t.pair, LARGE);
    assert_ok(sy_tensor_keep(x, &err), &err);
    const sy_id id = sy_tensor_get_id_at_location(x);
    copying first = {t.pair.home.hook, t.pair.bob, id, SY_ID_INIT, test_rounds(60)};
    copying second = first;
    second.hook = t.second.hook;
    second.bob = t.bob_for_second;
    threads_start(threads, 1, &first, first_writes ? increase : copy_and_look);
    threads_start(threads + 1, 1, &second, first_writes ? copy_and_look : increase);
    threads_finish(threads, 2);
    sy_tensor_unref(x);
    two_clients_close(&t);
}

static void test_copies_are_whole(void **state)
{
    copies_of(*state, true);
    copies_of(*state, false);
}

/* x += private, while another client copies x: it gets what was before, or nothing. */
static sy_status copy_what_is_public(test_thread *self, sy_error *err)
{
    copying *c = self->shared;
    sy_tensor *x = NULL;
    TEST_TRY(sy_tensor_point_to(c->hook, &x, c->bob, &c->id, err));
    sy_status status = SY_OK;
    while (status == SY_OK) {
        sy_tensor *copy = NULL;
        float value = 0;
        status = sy_tensor_copy_get(x, &copy, err);
        if (status == SY_EPERM) {
            status = SY_OK;
            break;
        }
        if (status == SY_OK) {
            status = all_the_same(copy, &value, err);
        }
        if (status == SY_OK && value != 1) {
            status = test_says(err, "private contents have left");
        }
        sy_tensor_unref(copy);
    }
    sy_tensor_unref(x);
    return status;
}

static sy_status make_private(test_thread *self, sy_error *err)
{
    copying *c = self->shared;
    sy_tensor *x = NULL;
    sy_tensor *secret = NULL;
    TEST_TRY(sy_tensor_point_to(c->hook, &x, c->bob, &c->id, err));
    TEST_TRY(sy_tensor_point_to(c->hook, &secret, c->bob, &c->other, err));
    const sy_value args[] = {sy_value_tensor(x), sy_value_tensor(secret)};
    test_sleep_ms(5);
    sy_scope *s = sy_scope_begin(c->hook);
    (void)sy_scope_call(s, "add_", args, 2);
    const sy_status status = sy_scope_end(s, err);
    sy_tensor_unref(x);
    sy_tensor_unref(secret);
    return status;
}

static void test_private_in_between(void **state)
{
    two_clients t;
    sy_error err = SY_ERROR_INIT;
    two_clients_open(&t, *state);
    const long rounds = test_rounds(20);
    for (long k = 0; k < rounds; k++) {
        test_thread threads[2];
        const int64_t shape[] = {LARGE};
        sy_tensor *secret = NULL;
        sy_tensor *x = send_ones(&t.pair, LARGE);
        float *data = malloc(LARGE * sizeof *data);
        for (int i = 0; i < LARGE; i++) {
            data[i] = 41;
        }
        assert_ok(sy_tensor_new(sy_worker_get_hook(t.pair.bob_serving), &secret, SY_DTYPE_F32, 1,
                                shape, data, &err),
                  &err);
        free(data);
        assert_ok(sy_worker_publish(t.pair.bob_serving, secret, true, &err), &err);
        copying first = {t.pair.home.hook, t.pair.bob, sy_tensor_get_id_at_location(x),
                         sy_tensor_get_id(secret), 0};
        copying second = first;
        second.hook = t.second.hook;
        second.bob = t.bob_for_second;
        threads_start(threads, 1, &first, make_private);
        threads_start(threads + 1, 1, &second, copy_what_is_public);
        threads_finish(threads, 2);
        sy_worker_remove_object(t.pair.bob_serving, &first.other);
        sy_tensor_unref(secret);
        sy_tensor_unref(x);
    }
    two_clients_close(&t);
}

/* One client runs backward, another looks at the gradient that is made anew each time. */
static sy_status go_backward(test_thread *self, sy_error *err)
{
    copying *c = self->shared;
    sy_tensor *x = NULL;
    TEST_TRY(sy_tensor_point_to(c->hook, &x, c->bob, &c->id, err));
    sy_status status = SY_OK;
    for (long k = 0; k < c->rounds && status == SY_OK; k++) {
        sy_scope *s = sy_scope_begin(c->hook);
        sy_tensor *y = sy_scope_keep(s, sy_sum(s, sy_mul(s, x, x)));
        status = sy_scope_end(s, err);
        if (status == SY_OK) {
            status = sy_tensor_backward(y, NULL, err);
        }
        sy_tensor_unref(y);
        if (status == SY_OK) {
            status = sy_tensor_set_grad(x, NULL, err);
        }
    }
    sy_tensor_unref(x);
    return status;
}

static sy_status look_at_gradient(test_thread *self, sy_error *err)
{
    copying *c = self->shared;
    sy_tensor *x = NULL;
    sy_tensor *grad = NULL;
    TEST_TRY(sy_tensor_point_to(c->hook, &x, c->bob, &c->id, err));
    TEST_TRY(sy_tensor_attr(x, &grad, "grad", err));
    sy_status status = SY_OK;
    for (long k = 0; k < c->rounds && status == SY_OK; k++) {
        sy_scope *s = sy_scope_begin(c->hook);
        (void)sy_add(s, grad, grad);
        status = sy_scope_end(s, err);
        if (status == SY_ENOGRAD) {
            status = SY_OK;
        }
    }
    sy_tensor_unref(grad);
    sy_tensor_unref(x);
    return status;
}

static void test_gradients_come_and_go(void **state)
{
    two_clients t;
    test_thread threads[2];
    sy_error err = SY_ERROR_INIT;
    two_clients_open(&t, *state);
    sy_tensor *x = send_ones(&t.pair, LARGE); /* so much that backward runs on the pool */
    assert_ok(sy_tensor_set_requires_grad(x, true, &err), &err);
    copying first = {t.pair.home.hook, t.pair.bob, sy_tensor_get_id_at_location(x), SY_ID_INIT,
                     test_rounds(30)};
    copying second = first;
    second.hook = t.second.hook;
    second.bob = t.bob_for_second;
    threads_start(threads, 1, &first, go_backward);
    threads_start(threads + 1, 1, &second, look_at_gradient);
    threads_finish(threads, 2);
    sy_tensor_unref(x);
    two_clients_close(&t);
}

/* --- long commands -------------------------------------------------------------------------------- */

typedef struct errand {
    sy_hook *hook;
    sy_worker *bob;
    const char *url;
    sy_id id;
    bool backward;
    uint64_t took_ms;
} errand;

static sy_status run_long(test_thread *self, sy_error *err)
{
    errand *e = self->shared;
    sy_tensor *x = NULL;
    TEST_TRY(sy_tensor_point_to(e->hook, &x, e->bob, &e->id, err));
    sy_status status;
    const uint64_t start = test_now_ms();
    if (e->backward) {
        status = sy_tensor_backward(x, NULL, err);
    } else { /* 4000 x 1 by 1 x 4000 */
        sy_scope *s = sy_scope_begin(e->hook);
        (void)sy_add(s, x, sy_t(s, x));
        status = sy_scope_end(s, err);
    }
    e->took_ms = test_now_ms() - start;
    sy_tensor_unref(x);
    return status;
}

/* Greeting needs nothing but the thread that serves the connections. */
static sy_status run_short(test_thread *self, sy_error *err)
{
    errand *e = self->shared;
    test_sleep_ms(5);
    const uint64_t start = test_now_ms();
    const sy_status status = sy_worker_connect(e->hook, &e->bob, e->url, NULL, err);
    e->took_ms = test_now_ms() - start;
    return status;
}

/* Is another client greeted long before the long command is over? */
static bool passes_by(two_clients *t, const sy_id *id, bool backward)
{
    test_thread threads[2];
    test_place third;
    place_open(&third, "third", true, 1);
    errand long_one = {t->pair.home.hook, t->pair.bob, NULL, *id, backward, 0};
    errand short_one = {third.hook, NULL, t->pair.bob_url, *id, backward, 0};
    threads_start(threads, 1, &long_one, run_long);
    threads_start(threads + 1, 1, &short_one, run_short);
    threads_finish(threads, 2);
    place_close(&third);
    return long_one.took_ms > 15 && short_one.took_ms < long_one.took_ms / 3;
}

/* What takes long does not run on the thread that serves all connections, also when its arguments are small:
 * a sum of a column and a row, a backward from one number. Busy machines get a few attempts. */
static void test_long_commands_leave_the_loop(void **state)
{
    two_clients t;
    sy_error err = SY_ERROR_INIT;
    two_clients_open(&t, *state);
    sy_tensor *x = NULL;
    sy_tensor *column = NULL;
    assert_ok(
        sy_tensor_new(t.pair.home.hook, &x, SY_DTYPE_F32, 2, (int64_t[]){4000, 1}, NULL, &err),
        &err);
    assert_ok(sy_tensor_send(x, &column, t.pair.bob, &err), &err);
    sy_tensor_unref(x);
    const sy_id column_id = sy_tensor_get_id_at_location(column);
    bool passed = false;
    for (int k = 0; k < 10 && !passed; k++) {
        passed = passes_by(&t, &column_id, false);
    }
    assert_true(passed);
    sy_tensor_unref(column);

    sy_tensor *matrix = NULL;
    assert_ok(
        sy_tensor_new(t.pair.home.hook, &x, SY_DTYPE_F32, 2, (int64_t[]){400, 400}, NULL, &err),
        &err);
    assert_ok(sy_tensor_send(x, &matrix, t.pair.bob, &err), &err);
    sy_tensor_unref(x);
    assert_ok(sy_tensor_set_requires_grad(matrix, true, &err), &err);
    passed = false;
    for (int k = 0; k < 10 && !passed; k++) {
        sy_scope *s = sy_scope_begin(t.pair.home.hook);
        sy_tensor *y = matrix;
        for (int i = 0; i < 4; i++) {
            y = sy_matmul(s, y, matrix);
        }
        sy_tensor *loss = sy_scope_keep(s, sy_sum(s, y));
        assert_ok(sy_scope_end(s, &err), &err);
        const sy_id id = sy_tensor_get_id_at_location(loss);
        passed = passes_by(&t, &id, true);
        sy_tensor_unref(loss);
    }
    assert_true(passed);
    sy_tensor_unref(matrix);
    two_clients_close(&t);
}

/* --- the end of a hook --------------------------------------------------------------------------- */

typedef struct ending {
    test_pair *pair;
    sy_tensor *p; /* to a square matrix at bob */
    atomic_uint begun;
} ending;

static sy_status compute_until_the_end(test_thread *self, sy_error *err)
{
    ending *e = self->shared;
    sy_hook *hook = e->pair->home.hook;
    sy_tensor *p = NULL;
    const sy_id id = sy_tensor_get_id_at_location(e->p);
    TEST_TRY(sy_tensor_point_to(hook, &p, e->pair->bob, &id, err));
    sy_status status = SY_OK;
    while (status == SY_OK) {
        sy_scope *s = sy_scope_begin(hook);
        (void)sy_matmul(s, p, p);
        atomic_fetch_add(&e->begun, 1);
        status = sy_scope_end(s, err);
    }
    sy_tensor_unref(p);
    /* Bob has gone: the connection is lost or refused, or he says that he goes. */
    const bool lost =
        status == SY_ECLOSED || status == SY_EINDOUBT || status == SY_EIO || status == SY_ETIMEDOUT;
    return lost ? SY_OK : status;
}

/* A hook is freed while its pool computes for others: nothing is touched afterwards (sanitizers look). */
static void test_hook_ends_under_commands(void **state)
{
    for (long k = test_rounds(5); k > 0; k--) {
        test_pair pair;
        test_thread threads[3];
        sy_error err = SY_ERROR_INIT;
        sy_tensor *x = NULL;
        pair_open(&pair, *state, 2, 2000, NULL);
        pair.bob->reconnect_ms = 100; /* he does not come back */
        ending e = {.pair = &pair};
        assert_ok(
            sy_tensor_new(pair.home.hook, &x, SY_DTYPE_F32, 2, (int64_t[]){200, 200}, NULL, &err),
            &err);
        assert_ok(sy_tensor_send(x, &e.p, pair.bob, &err), &err);
        threads_start(threads, 3, &e, compute_until_the_end);
        while (atomic_load(&e.begun) < 6) {
            test_sleep_ms(1);
        }
        place_close(&pair.at_bob);
        threads_finish(threads, 3);
        sy_tensor_unref(e.p);
        sy_tensor_unref(x);
        place_close(&pair.home);
        place_close(&pair.at_alice);
    }
}

/* The same while a command waits for another worker that does not answer. */
static void test_hook_ends_under_a_waiting_command(void **state)
{
    test_pair pair;
    test_thread threads[4];
    sy_error err = SY_ERROR_INIT;
    sy_tensor *x = NULL;
    sy_tensor *at_bob = NULL;
    sy_tensor *at_alice = NULL;
    pair_open(&pair, *state, 1, 20000, NULL);
    assert_ok(sy_tensor_from_floats(pair.home.hook, &x, (float[]){1, 2}, 2, &err), &err);
    assert_ok(sy_tensor_send(x, &at_bob, pair.bob, &err), &err);
    assert_ok(sy_tensor_send(at_bob, &at_alice, pair.alice, &err), &err);
    quota q = {&pair, sy_tensor_get_id_at_location(at_alice)};
    pair.alice->reconnect_ms = 300; /* white box: nobody looks for her for long */
    worker_stall(pair.bob_serving);
    threads_start(threads, 4, &q, add_through_alice);
    while (waiting_at(pair.alice_serving) < 4) {
        test_sleep_ms(1);
    }
    const uint64_t start = test_now_ms();
    sy_worker_stop_listening(pair.at_alice.worker, 100); /* in vain */
    sy_hook_free(pair.at_alice.hook);                    /* wakes them */
    assert_in_range(test_now_ms() - start, 0, 30000);
    worker_unstall(pair.bob_serving);
    threads_join(threads, 4);
    for (int k = 0; k < 4; k++) {
        assert_int_not_equal(threads[k].status, SY_OK);
    }
    sy_context_free(pair.at_alice.context);
    assert_int_equal(pair.at_alice.memory->live, 0);
    free(pair.at_alice.memory);
    sy_tensor_unref(at_alice);
    sy_tensor_unref(at_bob);
    sy_tensor_unref(x);
    place_close(&pair.home);
    place_close(&pair.at_bob);
}

/* --- main -------------------------------------------------------------------------------------- */

int main(void)
{
    const struct CMUnitTest tests[] = {
        KINDS(test_both_directions),
        KINDS(test_three_hops_in_both_directions),
        KINDS(test_a_long_way_round),
        KINDS(test_quota),
        REMOTE_KINDS(test_close_while_waiting),
        REMOTE_KINDS(test_close_with_posted_requests),
        KINDS(test_one_link_for_all),
        KINDS(test_one_link_that_is_closed_again_and_again),
        KINDS(test_copies_are_whole),
        KINDS(test_private_in_between),
        KINDS(test_gradients_come_and_go),
        REMOTE_KINDS(test_long_commands_leave_the_loop),
        REMOTE_KINDS(test_hook_ends_under_commands),
        REMOTE_KINDS(test_hook_ends_under_a_waiting_command),
    };
    return workers_run(tests);
}
