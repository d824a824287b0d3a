/*
 * reconnect.c - connections that break while requests are under way are made again, and every request is carried out
 * exactly once, or fails with a status that says what is known: against a model that counts, at every byte of an
 * interaction, with many threads, with a worker that was away or has begun anew, and on the wire itself.
 */
#include <csyft/operations.h>

#include "support/raw_client.h"
#include "support/scene.h"

/* --- at every byte ----------------------------------------------------------------------------- */

/* What must be true after each interaction: bob holds `counter` alone, whose elements say how many additions to it were
 * carried out. */
typedef struct model {
    scene c;
    sy_tensor *counter;
    float expected;
} model;

static void model_open(model *m, const worker_kind *kind)
{
    sy_error err = SY_ERROR_INIT;
    scene_open(&m->c, kind, true, 4000, 60000);
    sy_tensor *x = ones(m->c.hook, 3);
    assert_ok(sy_tensor_tag(x, "#counter", &err), &err);
    assert_ok(sy_tensor_send(x, &m->counter, m->c.bob, &err), &err);
    sy_tensor_unref(x);
    m->expected = 1;
}

static void model_check(model *m)
{
    sy_error err = SY_ERROR_INIT;
    sy_tensor *copy = NULL;
    float value[3] = {0};
    (void)proxy_let_pass(m->c.proxy);
    assert_ok(sy_tensor_copy_get(m->counter, &copy, &err), &err);
    assert_ok(sy_tensor_copy_data(copy, value, sizeof value, &err), &err);
    sy_tensor_unref(copy);
    if (value[0] != m->expected || value[2] != m->expected) {
        fail_msg("%g additions were carried out, %g were asked for", (double)value[0],
                 (double)m->expected);
    }
}

static void model_close(model *m)
{
    model_check(m);
    settle(&m->c, 1);
    sy_tensor_unref(m->counter);
    settle(&m->c, 0);
    scene_close(&m->c);
}

static sy_status add_one(model *m, sy_error *err)
{
    sy_scope *s = sy_scope_begin(m->c.hook);
    (void)sy_add_scalar_(s, m->counter, 1);
    return sy_scope_end(s, err);
}

static void search_finds_one(model *m)
{
    sy_error err = SY_ERROR_INIT;
    const char *terms[] = {"#counter"};
    sy_tensor **found = NULL;
    size_t count = 0;
    assert_ok(sy_worker_search(m->c.bob, &found, &count, terms, 1, &err), &err);
    assert_int_equal(count, 1);
    sy_tensors_free(m->c.hook, found, count);
}

static void pipelined_additions(model *m, int count)
{
    sy_error err = SY_ERROR_INIT;
    sy_scope *s = sy_scope_begin(m->c.hook);
    (void)sy_scope_set_pipelined(s, true);
    for (int k = 0; k < count; k++) {
        sy_tensor *sum = sy_add(s, m->counter, m->counter); /* and is deleted again */
        (void)sum;
        (void)sy_add_scalar_(s, m->counter, 1);
    }
    assert_ok(sy_scope_end(s, &err), &err);
    m->expected += (float)count;
}

/* Send, add, in place, get, search, delete, pipelined. Every step succeeds, whatever is cut. */
static void interact(model *m)
{
    sy_error err = SY_ERROR_INIT;
    float value[3];
    sy_tensor *sent = send_ones(&m->c, 3);
    sy_tensor *sum = NULL;
    sy_tensor *got = NULL;
    assert_ok(add_one(m, &err), &err);
    m->expected++;
    assert_ok(add_twice(m->c.hook, sent, &sum, &err), &err);
    sy_tensor_unref(sent);
    search_finds_one(m);
    assert_ok(sy_tensor_get(sum, &got, &err), &err);
    sy_tensor_unref(sum);
    assert_ok(sy_tensor_copy_data(got, value, sizeof value, &err), &err);
    assert_true(value[0] == 2 && value[2] == 2);
    sy_tensor_unref(got);
    pipelined_additions(m, 3);
}

static void cut_everywhere(model *m, int direction, long first, long step)
{
    for (long k = first;; k += step) {
        const unsigned before = proxy_let_pass(m->c.proxy);
        proxy_cut_after(m->c.proxy, direction, k, k / step % 2 != 0);
        interact(m);
        model_check(m);
        if (proxy_let_pass(m->c.proxy) == before) {
            return; /* it all fitted */
        }
        assert_in_range(k, 0, 20000);
    }
}

static void test_cut_everywhere(void **state)
{
    model m;
    property_random random = property_start("cut everywhere");
    const long step = property_iterations(0) > 0 ? 1 : 17L * TEST_SLOWNESS;
    model_open(&m, *state);
    for (int direction = 0; direction < 2; direction++) {
        cut_everywhere(&m, direction, property_between(&random, 0, step - 1), step);
    }
    model_close(&m);
}

/* The same, but bytes only come in two parts, wherever that is; nothing is sent twice for that. */
static void test_split_everywhere(void **state)
{
    model m;
    property_random random = property_start("split everywhere");
    const long step = property_iterations(0) > 0 ? 1 : 17L * TEST_SLOWNESS;
    model_open(&m, *state);
    const unsigned accepted = proxy_accepted(m.c.proxy);
    for (int direction = 0; direction < 2; direction++) {
        unsigned before;
        long k = property_between(&random, 0, step - 1);
        do {
            before = proxy_let_pass(m.c.proxy);
            proxy_split_after(m.c.proxy, direction, k);
            interact(&m);
            k += step;
        } while (proxy_let_pass(m.c.proxy) != before);
        model_check(&m);
    }
    assert_int_equal(proxy_accepted(m.c.proxy), accepted);
    model_close(&m);
}

/* A connection that breaks again and again in the middle of it: in the end it gets through. */
static void test_cut_again_and_again(void **state)
{
    model m;
    property_random random = property_start("again and again");
    model_open(&m, *state);
    for (int round = 0; round < 20; round++) {
        for (int k = 0; k < 4; k++) {
            proxy_cut_after(m.c.proxy, (int)property_between(&random, 0, 1),
                            property_between(&random, 150, 1200), k % 2 != 0);
            pipelined_additions(&m, 5);
        }
        model_check(&m);
    }
    model_close(&m);
}

/* --- many threads -------------------------------------------------------------------------------- */

#define ADDERS 6
#define ADDITIONS 40

static sy_status add_many(test_thread *self, sy_error *err)
{
    model *m = self->shared;
    for (int k = 0; k < ADDITIONS / TEST_SLOWNESS; k++) {
        TEST_TRY(add_one(m, err));
    }
    return SY_OK;
}

static void test_many_threads(void **state)
{
    model m;
    test_thread threads[ADDERS];
    property_random random = property_start("many threads");
    model_open(&m, *state);
    threads_start(threads, ADDERS, &m, add_many);
    for (int k = 0; k < 25; k++) {
        proxy_cut_after(m.c.proxy, (int)property_between(&random, 0, 1),
                        property_between(&random, 100, 2000), k % 2 != 0);
        test_sleep_ms(10);
    }
    (void)proxy_let_pass(m.c.proxy);
    threads_join(threads, ADDERS);
    for (int k = 0; k < ADDERS; k++) {
        assert_status(threads[k].status, SY_OK, &threads[k].err);
    }
    m.expected += ADDERS * (ADDITIONS / TEST_SLOWNESS);
    model_close(&m);
}

static void make_trouble(cutting_proxy *proxy, property_random *random)
{
    const int direction = (int)property_between(random, 0, 1);
    switch (property_between(random, 0, 4)) {
    case 0:
        proxy_cut_after(proxy, direction, property_between(random, 0, 3000), false);
        break;
    case 1:
        proxy_cut_after(proxy, direction, property_between(random, 0, 3000), true);
        break;
    case 2: /* stalls, then goes on or is cut */
        proxy_hold(proxy, direction, true);
        break;
    case 3:
        proxy_split_after(proxy, direction, property_between(random, 0, 3000));
        break;
    default:
        proxy_cut(proxy, true, direction == 0);
        break;
    }
}

/* Chance decides what happens to the connection: it is cut, reset, held up, split, refused for a while. */
static void test_trouble(void **state)
{
    model m;
    test_thread threads[ADDERS];
    property_random random = property_start("trouble");
    model_open(&m, *state);
    for (long round = 0; round < 1 + property_iterations(1); round++) {
        threads_start(threads, ADDERS, &m, add_many);
        for (int k = 0; k < 20; k++) {
            make_trouble(m.c.proxy, &random);
            test_sleep_ms(5);
            (void)proxy_let_pass(m.c.proxy);
            test_sleep_ms(3);
        }
        threads_join(threads, ADDERS);
        for (int k = 0; k < ADDERS; k++) {
            assert_status(threads[k].status, SY_OK, &threads[k].err);
        }
        m.expected += ADDERS * (ADDITIONS / TEST_SLOWNESS);
        model_check(&m);
    }
    model_close(&m);
}

/* --- a worker that is away ------------------------------------------------------------------------- */

static void *come_back(void *argument)
{
    test_sleep_ms(300);
    (void)proxy_let_pass(argument);
    return NULL;
}

/* Nobody answers for a while: the request waits, and is carried out once. */
static void test_away_for_a_while(void **state)
{
    model m;
    pthread_t thread;
    sy_error err = SY_ERROR_INIT;
    model_open(&m, *state);
    proxy_cut(m.c.proxy, true, false);
    assert_int_equal(pthread_create(&thread, NULL, come_back, m.c.proxy), 0);
    const uint64_t start = test_now_ms();
    assert_ok(add_one(&m, &err), &err);
    m.expected++;
    assert_in_range(test_now_ms() - start, 250, 2500);
    pthread_join(thread, NULL);
    model_close(&m);
}

static sy_worker *connect_with(test_place *p, const char *url, uint32_t reconnect_ms, bool never,
                               uint32_t timeout_ms)
{
    sy_error err = SY_ERROR_INIT;
    sy_worker *worker = NULL;
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    options.timeout_ms = timeout_ms;
    options.reconnect_ms = reconnect_ms;
    options.no_reconnect = never;
    assert_ok(sy_worker_connect(p->hook, &worker, url, &options, &err), &err);
    return worker;
}

/* It stays away: a request that had left may have been carried out, one that had not was not. The next request tries
 * once. */
static void test_away_for_good(void **state)
{
    scene c;
    test_place home;
    sy_error err = SY_ERROR_INIT;
    char *text = NULL;
    scene_open(&c, *state, true, 4000, 60000);
    place_open(&home, "somebody", true, 1);
    sy_worker *bob = connect_with(&home, c.proxy->url, 200, false, 4000);
    proxy_cut(c.proxy, true, false);
    const uint64_t start = test_now_ms();
    assert_status(sy_worker_whoami(bob, &text, &err), SY_ECLOSED, &err);
    assert_said(&err, "bob");
    assert_in_range(test_now_ms() - start, 60, 1500);
    const uint64_t again = test_now_ms();
    assert_status(sy_worker_whoami(bob, &text, &err), SY_ECLOSED, &err);
    assert_in_range(test_now_ms() - again, 0, 150);
    (void)proxy_let_pass(c.proxy);
    assert_ok(sy_worker_whoami(bob, &text, &err), &err);
    sy_string_free(home.hook, text);
    place_close(&home);
    scene_close(&c);
}

/* The answer is lost with the connection, and the connection stays away: for longer than it is looked for, for ever, for
 * longer than the request may take. */
static void test_in_doubt(void **state)
{
    static const bool never[] = {false, true, false};
    static const uint32_t timeout_ms[] = {4000, 4000, 250};
    for (int k = 0; k < 3; k++) {
        scene c;
        test_place home;
        sy_error err = SY_ERROR_INIT;
        sy_tensor *sent = NULL;
        scene_open(&c, *state, true, 4000, 60000);
        place_open(&home, "somebody", true, 1);
        sy_worker *bob =
            connect_with(&home, c.proxy->url, k < 2 ? 200 : 4000, never[k], timeout_ms[k]);
        sy_tensor *x = ones(home.hook, 3);
        proxy_cut_after(c.proxy, 1, 0, false);
        pthread_mutex_lock(&c.proxy->lock);
        c.proxy->refuse = true;
        pthread_mutex_unlock(&c.proxy->lock);
        const sy_status status = sy_tensor_send(x, &sent, bob, &err);
        assert_true(status == (never[k] ? SY_ECLOSED : SY_EINDOUBT) ||
                    (k == 2 && status == SY_ETIMEDOUT));
        assert_int_equal(err.status, status);
        assert_said(&err, "bob");
        sy_tensor_unref(x);
        place_close(&home);
        (void)proxy_let_pass(c.proxy);
        scene_close(&c);
    }
}

/* The worker ends while a request is there, and another begins at its port: it knows nothing of the session. */
static void test_another_worker(void **state)
{
    scene c;
    sy_error err = SY_ERROR_INIT;
    sy_tensor *made = NULL;
    scene_open(&c, *state, true, 4000, 60000);
    sy_tensor *p = send_ones(&c, 3);
    char url[512];
    snprintf(url, sizeof url, "%s", syi_listener_get_url(c.serving->listening->listener));
    proxy_cut_after(c.proxy, 1, 0, false); /* the answer goes nowhere */
    pthread_mutex_lock(&c.proxy->lock);
    c.proxy->refuse = true;
    pthread_mutex_unlock(&c.proxy->lock);
    sy_scope *s = sy_scope_begin(c.hook);
    (void)sy_scope_set_pipelined(s, true);
    (void)sy_add_scalar_(s, p, 1);
    sy_tensor *large = ones(c.hook, 10); /* a second one, whose answer is not waited for either */
    (void)sy_add_scalar_(s, p, 1);
    place_close(&c.there);
    place_open(&c.there, "bob", false, 2);
    c.serving = c.there.worker;
    assert_string_equal(place_listen(&c.there, url, NULL), url);
    (void)proxy_let_pass(c.proxy);
    const sy_status status = sy_scope_end(s, &err);
    assert_true(status == SY_EINDOUBT || status == SY_ENOTFOUND);
    assert_said(&err, "bob");
    assert_status(add_twice(c.hook, p, &made, &err), SY_ENOTFOUND, &err);
    sy_tensor_unref(large);
    sy_tensor_unref(p);
    settle(&c, 0);
    scene_close(&c);
}

/* --- from worker to worker -------------------------------------------------------------------------- */

/* An object travels between two workers, and all that is said to either of them may be cut: it is always at one of them,
 * as it was. */
static void test_move_everywhere(void **state)
{
    scene c;
    test_place at_alice;
    cutting_proxy before_alice;
    char url[512];
    float value[3];
    sy_error err = SY_ERROR_INIT;
    sy_tensor *copy = NULL;
    scene_open(&c, *state, true, 5000, 60000);
    place_open(&at_alice, "alice", false, 2);
    snprintf(url, sizeof url, "%s", place_listen(&at_alice, c.kind->url, NULL));
    proxy_open(&before_alice, url);
    sy_worker *alice = place_connect(&c.home, before_alice.url, 5000);
    sy_tensor *p = send_ones(&c, 3);
    const long step = property_iterations(0) > 0 ? 3 : 61L * TEST_SLOWNESS;
    for (int way = 0; way < 4; way++) {
        cutting_proxy *proxy = way / 2 == 0 ? c.proxy : &before_alice;
        bool cut = true;
        for (long k = 0; cut; k += step) {
            const unsigned before = proxy_let_pass(proxy);
            proxy_cut_after(proxy, way % 2, k, k / step % 2 != 0);
            assert_ok(sy_tensor_move_(p, alice, &err), &err);
            assert_ok(sy_tensor_move_(p, c.bob, &err), &err);
            cut = proxy_let_pass(proxy) != before;
            assert_ok(sy_tensor_copy_get(p, &copy, &err), &err);
            assert_ok(sy_tensor_copy_data(copy, value, sizeof value, &err), &err);
            assert_true(value[0] == 1 && value[2] == 1);
            sy_tensor_unref(copy);
            assert_true(wait_for_count(c.serving, 1, 2000));
            assert_true(wait_for_count(at_alice.worker, 0, 2000));
            assert_in_range(k, 0, 20000);
        }
    }
    sy_tensor_unref(p);
    settle(&c, 0);
    place_close(&c.home); /* before those whom it still tells something */
    proxy_close(&before_alice);
    place_close(&at_alice);
    place_open(&c.home, "home", true, 1);
    scene_close(&c);
}

/* --- on the wire ------------------------------------------------------------------------------------ */

typedef struct wire {
    test_place home, there;
    char url[512];
} wire;

static void wire_open(wire *w, const worker_kind *kind)
{
    place_open(&w->home, "home", true, 1);
    place_open(&w->there, "bob", false, 1);
    snprintf(w->url, sizeof w->url, "%s", place_listen(&w->there, kind->url, NULL));
}

static void wire_close(wire *w)
{
    place_close(&w->home);
    place_close(&w->there);
}

static void raw_begin(raw_client *r, wire *w, const char *id, const raw_client *resume)
{
    raw_open(r, w->home.context, w->there.worker, w->url);
    r->resumes = true;
    assert_int_equal(raw_greet(r, id, resume), SY_OK);
}

static sy_status raw_store(raw_client *r, int64_t id)
{
    static const float values[] = {1, 2, 3};
    raw_put_object(r, id, 3, values);
    return raw_request(r, SYI_KIND_OBJECT);
}

/* Asks for the answer to request `sequence`, whose message id was `id`. */
static sy_status raw_repeat(raw_client *r, uint64_t id, uint64_t sequence)
{
    syi_msgpack_write_array(&r->body, 1);
    syi_msgpack_write_uint(&r->body, sequence);
    const uint64_t last = r->last_id;
    r->last_id = id - 1;
    const sy_status status = raw_request(r, SYI_KIND_REPEAT);
    r->last_id = last;
    return status;
}

/* Two connections of one client: the first is deaf from the greeting of the second on. */
static void test_the_old_connection_is_deaf(void **state)
{
    wire w;
    raw_client old, new;
    wire_open(&w, *state);
    raw_begin(&old, &w, "raw", NULL);
    assert_int_equal(old.received, 0);
    assert_int_equal(raw_store(&old, 7), SY_OK);
    const uint64_t stored = old.last_id;
    worker_stall(w.there.worker); /* while bob is busy, the old connection sends more */
    static const float values[] = {1, 2, 3};
    for (int64_t k = 0; k < 10; k++) {
        raw_put_object(&old, 100 + k, 3, values);
        assert_int_equal(raw_send(&old, SYI_KIND_OBJECT, old.body.data, old.body.length), SY_OK);
        syi_buffer_clear(&old.body);
    }
    worker_unstall(w.there.worker);
    raw_begin(&new, &w, "raw", &old);
    assert_memory_equal(new.session, old.session, SYI_SESSION_SIZE);
    assert_in_range(new.received, 1, 11);
    const uint64_t received = new.received;
    assert_int_equal(raw_repeat(&new, stored, 1), SY_OK);
    assert_int_equal(new.reply.kind, SYI_KIND_REPLY);
    for (uint64_t k = 2; k <= received; k++) { /* each of them was stored, and no other */
        assert_int_equal(raw_repeat(&new, stored + k - 1, k), SY_OK);
    }
    assert_true(wait_for_count(w.there.worker, received, 2000));
    assert_int_equal(raw_repeat(&new, stored + 50, received + 5), SY_EPROTO);
    raw_close(&old);
    test_sleep_ms(30);
    assert_int_equal(sy_worker_get_object_count(w.there.worker), received);
    raw_close(&new);
    wire_close(&w);
}

/* What the client has said it has is forgotten, and nobody else gets what is not. */
static void test_memory_of_answers(void **state)
{
    wire w;
    raw_client first, second, other;
    wire_open(&w, *state);
    raw_begin(&first, &w, "raw", NULL);
    first.flags = SYI_WINDOW_UNSAID << SYI_FLAGS_WINDOW_SHIFT;
    assert_int_equal(raw_store(&first, 1), SY_OK);
    const uint64_t id = first.last_id;
    assert_int_equal(raw_store(&first, 2), SY_OK);
    assert_int_equal(raw_repeat(&first, id, 1), SY_OK);
    assert_int_equal(raw_repeat(&first, id + 5, 1), SY_EINDOUBT); /* another request's */
    first.flags = 1u << SYI_FLAGS_WINDOW_SHIFT;
    assert_int_equal(raw_store(&first, 3), SY_OK); /* and has the answers to those before */
    assert_int_equal(raw_repeat(&first, id, 1), SY_EINDOUBT);
    assert_int_equal(raw_repeat(&first, id + 2, 3), SY_OK);
    other = first;
    other.token[15] ^= 1;
    raw_begin(&second, &w, "thief", &other);
    assert_memory_not_equal(second.session, first.session, SYI_SESSION_SIZE);
    assert_int_equal(second.received, 0);
    assert_int_equal(raw_repeat(&second, id + 2, 3), SY_EPROTO);
    assert_int_equal(raw_repeat(&first, id + 2, 3), SY_OK);
    /* Nonsense is refused. */
    assert_int_equal(raw_request_bytes(&first, SYI_KIND_REPEAT, "\x91\x00", 2), SY_EFORMAT);
    assert_int_equal(raw_request_bytes(&first, SYI_KIND_REPEAT, "\xc0", 1), SY_EFORMAT);
    assert_int_equal(raw_request_bytes(&first, SYI_KIND_PING, "\xc0", 1), SY_OK);
    assert_int_equal(first.reply.kind, SYI_KIND_PONG);
    raw_close(&first);
    raw_close(&second);
    wire_close(&w);
}

/* There is no memory for the answer: the client learns it from the connection, and has the answer from the next one. */
static void test_repeat_without_memory(void **state)
{
    wire w;
    raw_client r;
    wire_open(&w, *state);
    raw_begin(&r, &w, "raw", NULL);
    assert_int_equal(raw_store(&r, 1), SY_OK);
    const uint64_t id = r.last_id;
    bool refused = true;
    for (size_t k = 1; refused; k++) {
        test_place *bob = &w.there;
        bob->memory->refused = 0;
        bob->memory->fail_at = bob->memory->calls + k;
        const sy_status status = raw_repeat(&r, id, 1);
        bob->memory->fail_at = 0;
        refused = bob->memory->refused != 0;
        assert_true(status == SY_OK || (refused && status == SY_ECLOSED));
        if (status == SY_ECLOSED) {
            raw_client next;
            raw_begin(&next, &w, "raw", &r);
            assert_int_equal(next.received, 1);
            raw_close(&r);
            r = next;
        }
        assert_int_equal(raw_repeat(&r, id, 1), SY_OK);
        assert_int_equal(r.reply.kind, SYI_KIND_REPLY);
    }
    raw_close(&r);
    wire_close(&w);
}

/* A client that does not know of it is served as ever. */
static void test_without(void **state)
{
    wire w;
    raw_client first, second;
    wire_open(&w, *state);
    raw_open(&first, w.home.context, w.there.worker, w.url);
    assert_int_equal(raw_greet(&first, "raw", NULL), SY_OK);
    assert_int_equal(raw_store(&first, 1), SY_OK);
    raw_open(&second, w.home.context, w.there.worker, w.url);
    assert_int_equal(raw_greet(&second, "raw", &first), SY_OK);
    assert_memory_equal(second.session, first.session, SYI_SESSION_SIZE);
    assert_int_equal(raw_store(&second, 1), SY_OK); /* its own, so it may */
    raw_close(&first);
    raw_close(&second);
    wire_close(&w);
}

/* Clients that come, leave something behind and never come back: so many of one caller are waited for, the oldest go
 * before their time. One that is still connected is none of them. */
static void test_sessions_left_behind(void **state)
{
    enum { CONNECTIONS = 3, MOST = 12, ROUNDS = 40 };
    wire w;
    raw_client first, second, last;
    sy_error err = SY_ERROR_INIT;
    const char *url = NULL;
    const worker_kind *kind = *state;
    sy_listen_options options = SY_LISTEN_OPTIONS_INIT;
    options.connections_per_caller = CONNECTIONS;
    options.lease_grace_ms = 60000;
    place_open(&w.home, "home", true, 1);
    place_open(&w.there, "bob", false, 1);
    assert_ok(sy_worker_listen(w.there.worker, kind->url, &options, &url, &err), &err);
    snprintf(w.url, sizeof w.url, "%s", url);
    raw_begin(&first, &w, "raw", NULL);
    assert_int_equal(raw_store(&first, 1000), SY_OK);
    for (int64_t k = 0; k < ROUNDS; k++) {
        raw_begin(&last, &w, "raw", NULL);
        assert_int_equal(raw_store(&last, k), SY_OK);
        raw_close(&last);
        assert_true(wait_for_count(w.there.worker, 1 + (size_t)(k < MOST ? k + 1 : MOST), 5000));
    }
    raw_begin(&second, &w, "raw", &last); /* the newest was waited for */
    assert_memory_equal(second.session, last.session, SYI_SESSION_SIZE);
    assert_int_equal(raw_store(&first, 1001), SY_OK);
    assert_int_equal(sy_worker_get_object_count(w.there.worker), MOST + 2);
    raw_close(&second);
    raw_close(&first);
    wire_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REMOTE_KINDS(test_cut_everywhere),
        REMOTE_KINDS(test_split_everywhere),
        REMOTE_KINDS(test_cut_again_and_again),
        REMOTE_KINDS(test_many_threads),
        REMOTE_KINDS(test_trouble),
        REMOTE_KINDS(test_away_for_a_while),
        REMOTE_KINDS(test_away_for_good),
        REMOTE_KINDS(test_in_doubt),
        REMOTE_KINDS(test_another_worker),
        REMOTE_KINDS(test_move_everywhere),
        REMOTE_KINDS(test_the_old_connection_is_deaf),
        REMOTE_KINDS(test_memory_of_answers),
        REMOTE_KINDS(test_repeat_without_memory),
        REMOTE_KINDS(test_without),
        REMOTE_KINDS(test_sessions_left_behind),
    };
    return workers_run(tests);
}
