/*
 * broken_links.c - connections cut at every byte, peers that stall, vanish, come back or do not read: the caller
 * learns it by name and in time, nothing is lost or left behind, and the worker serves everybody else.
 */
#include "support/scene.h"

/* --- cuts -------------------------------------------------------------------------------------- */

/*
 * The connection is cut after `bytes` bytes of the request or of its answer. The caller learns it by name; the
 * next request takes the session up, and nothing was lost or left. false when the request fitted.
 */
static bool cut_at(scene *c, sy_tensor *p, sy_tensor *large, int direction, long bytes, bool reset)
{
    sy_error err = SY_ERROR_INIT;
    sy_tensor *made = NULL;
    const unsigned before = proxy_let_pass(c->proxy);
    proxy_cut_after(c->proxy, direction, bytes, reset);
    const uint64_t start = test_now_ms();
    const sy_status status = large != NULL ? sy_tensor_send(large, &made, c->bob, &err)
                                           : add_twice(c->hook, p, &made, &err);
    assert_in_range(test_now_ms() - start, 0, 40000);
    const bool was_cut = proxy_let_pass(c->proxy) != before;
    if (status != SY_OK) {
        assert_true(was_cut);
        assert_true(status == SY_ECLOSED || status == SY_EIO);
        assert_said(&err, "bob");
        assert_null(made);
    }
    sy_tensor_unref(made);
    assert_ok(add_twice(c->hook, p, &made, &err), &err);
    sy_tensor_unref(made);
    return was_cut;
}

static void test_cut_at_every_byte(void **state)
{
    scene c;
    scene_open(&c, *state, true, 5000, 60000);
    sy_tensor *p = send_ones(&c, 3);
    for (int direction = 0; direction < 2; direction++) {
        /* Every byte but under the thread sanitizer. */
        for (long k = 0; cut_at(&c, p, NULL, direction, k, k % 2 != 0);
             k += (TEST_SLOWNESS + 2) / 3) {
            assert_in_range(k, 0, 2000);
        }
    }
    settle(&c, 1);
    sy_tensor_unref(p);
    settle(&c, 0);
    scene_close(&c);
}

static void test_cut_within_a_tensor(void **state)
{
    static const long at[] = {39, 40, 41, 56, 100, 5000, 65535, 65536, 300000, 399999};
    scene c;
    scene_open(&c, *state, true, 5000, 60000);
    sy_tensor *p = send_ones(&c, 3);
    sy_tensor *large = ones(c.hook, 100000);
    for (size_t k = 0; k < sizeof at / sizeof at[0]; k++) {
        assert_true(cut_at(&c, p, large, 0, at[k], k % 2 != 0));
    }
    /* One that was whole when the answer was cut may be there: sent again it takes its place. */
    (void)cut_at(&c, p, large, 1, 10, false);
    sy_error err = SY_ERROR_INIT;
    sy_tensor *sent = NULL;
    assert_ok(sy_tensor_send(large, &sent, c.bob, &err), &err);
    settle(&c, 2);
    sy_tensor_unref(sent);
    settle(&c, 1);
    assert_in_range(c.serving->account.used, 1, 1000);
    sy_tensor_unref(large);
    sy_tensor_unref(p);
    settle(&c, 0);
    scene_close(&c);
}

/* --- peers that stall ---------------------------------------------------------------------------- */

static void test_no_answer_in_time(void **state)
{
    scene c;
    sy_error err = SY_ERROR_INIT;
    sy_tensor *made = NULL;
    scene_open(&c, *state, true, 300, 60000);
    sy_tensor *p = send_ones(&c, 3);
    proxy_hold(c.proxy, 1, true);
    const uint64_t start = test_now_ms();
    assert_status(add_twice(c.hook, p, &made, &err), SY_ETIMEDOUT, &err);
    assert_in_range(test_now_ms() - start, 250, 13000);
    assert_said(&err, "bob");
    assert_null(made);
    /* The answer comes when nobody waits for it: it is nobody else's, and its result does not stay. */
    (void)proxy_let_pass(c.proxy);
    for (int k = 0; k < 20; k++) {
        float value[3];
        sy_tensor *got = NULL;
        assert_ok(add_twice(c.hook, p, &made, &err), &err);
        assert_ok(sy_tensor_get(made, &got, &err), &err);
        assert_ok(sy_tensor_copy_data(got, value, sizeof value, &err), &err);
        assert_true(value[0] == 2 && value[2] == 2);
        sy_tensor_unref(got);
        sy_tensor_unref(made);
    }
    settle(&c, 1);
    sy_tensor_unref(p);
    settle(&c, 0);
    scene_close(&c);
}

typedef struct stalled {
    scene *c;
    sy_tensor *large;
    uint64_t took_ms[6];
} stalled;

static sy_status ask_a_stalled_one(test_thread *self, sy_error *err)
{
    stalled *s = self->shared;
    const uint64_t start = test_now_ms();
    sy_tensor *p = NULL;
    char *text = NULL;
    const sy_status status = self->index == 0 ? sy_tensor_send(s->large, &p, s->c->bob, err)
                                              : sy_worker_whoami(s->c->bob, &text, err);
    s->took_ms[self->index] = test_now_ms() - start;
    sy_tensor_unref(p);
    sy_string_free(s->c->hook, text);
    return status;
}

/* Bob does not read: a large send fills the socket. Nobody else on the link waits longer than it may. */
static void test_a_peer_that_does_not_read(void **state)
{
    scene c;
    test_thread threads[6];
    scene_open(&c, *state, true, 500, 60000);
    stalled s = {&c, ones(c.hook, 3 << 20), {0}};
    proxy_hold(c.proxy, 0, true);
    proxy_hold(c.proxy, 1, true);
    threads_start(threads, 6, &s, ask_a_stalled_one);
    threads_join(threads, 6);
    for (unsigned k = 0; k < 6; k++) {
        /* The first broken connection may take others with it, of which some had left. */
        const sy_status status = threads[k].status;
        assert_true(status == SY_ETIMEDOUT || status == SY_ECLOSED || status == SY_EINDOUBT);
        assert_said(&threads[k].err, "bob");
        assert_in_range(s.took_ms[k], 0, 16000);
    }
    (void)proxy_let_pass(c.proxy);
    assert_serves(&c);
    sy_tensor_unref(s.large);
    settle(&c, 0);
    scene_close(&c);
}

/* It accepts, and says nothing: also connecting ends in time. */
static void test_a_peer_that_does_not_greet(void **state)
{
    const worker_kind *kind = *state;
    sy_error err = SY_ERROR_INIT;
    sy_worker *worker = NULL;
    char url[64];
    test_place p;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    snprintf(url, sizeof url, "%.*s127.0.0.1:%u", (int)(strstr(kind->url, "//") - kind->url) + 2,
             kind->url, (unsigned)ntohs(address.sin_port));
    place_open(&p, "home", true, 1);
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    options.connect_timeout_ms = 200;
    const uint64_t start = test_now_ms();
    assert_status(sy_worker_connect(p.hook, &worker, url, &options, &err), SY_ETIMEDOUT, &err);
    assert_in_range(test_now_ms() - start, 150, 15000);
    assert_null(worker);
    assert_non_null(strstr(err.message, url));
    close(fd);
    options.connect_timeout_ms = 2000; /* nobody listens there any more */
    assert_status(sy_worker_connect(p.hook, &worker, url, &options, &err), SY_ECLOSED, &err);
    assert_non_null(strstr(err.message, url));
    place_close(&p);
}

/* --- sessions ---------------------------------------------------------------------------------- */

/* The server ends and another begins at its port: old pointers are not found, nor do they delete what others
 * put there under the same id and, as both count from one, perhaps the same generation. */
static void test_a_server_begins_anew(void **state)
{
    const worker_kind *kind = *state;
    scene c;
    sy_error err = SY_ERROR_INIT;
    sy_tensor *made = NULL;
    const sy_id id = sy_id_from_int(77);
    scene_open(&c, kind, false, 3000, 0);
    sy_tensor *x = ones(c.hook, 3);
    sy_tensor *p = NULL;
    sy_tensor *q = NULL;
    assert_ok(sy_worker_send(c.home.worker, &p, x, c.bob, &id, &err), &err);
    assert_ok(sy_tensor_send(x, &q, c.bob, &err), &err);
    char url[512];
    snprintf(url, sizeof url, "%s", c.bob->url);
    place_close(&c.there);
    c.bob->reconnect_ms = 200; /* white box: nobody is looked for for long */
    assert_true(add_twice(c.hook, p, &made, &err) != SY_OK);
    assert_said(&err, "bob");
    place_open(&c.there, "bob", false, 2);
    c.serving = c.there.worker;
    assert_string_equal(place_listen(&c.there, url, NULL), url);

    test_place other;
    sy_tensor *theirs = NULL;
    place_open(&other, "other", true, 1);
    sy_worker *bob_of_other = place_connect(&other, url, 3000);
    sy_tensor *y = ones(other.hook, 5);
    assert_ok(sy_worker_send(other.worker, &theirs, y, bob_of_other, &id, &err), &err);

    assert_serves(&c); /* connects again */
    assert_status(sy_tensor_get(q, &made, &err), SY_ENOTFOUND, &err);
    assert_said(&err, "bob");
    sy_tensor_unref(p);
    sy_tensor_unref(q);
    settle(&c, 1);
    assert_ok(sy_tensor_copy_get(theirs, &made, &err), &err);
    sy_tensor_unref(made);
    sy_tensor_unref(theirs);
    sy_tensor_unref(y);
    sy_tensor_unref(x);
    place_close(&other);
    scene_close(&c);
}

/* A client that vanishes: what it leased goes after the grace period, what is kept or published stays. */
static void test_a_client_vanishes(void **state)
{
    scene c;
    sy_error err = SY_ERROR_INIT;
    sy_tensor *made = NULL;
    scene_open(&c, *state, true, 3000, 300);
    sy_tensor *published = ones(c.there.hook, 2);
    assert_ok(sy_worker_publish(c.serving, published, false, &err), &err);
    sy_tensor *kept = send_ones(&c, 3);
    assert_ok(sy_tensor_keep(kept, &err), &err);
    sy_tensor *leased[200];
    for (int k = 0; k < 200; k++) {
        leased[k] = send_ones(&c, 100);
    }
    settle(&c, 202);
    const uint64_t start = test_now_ms();
    proxy_cut(c.proxy, true, false);
    test_sleep_ms(50);
    if (test_now_ms() - start < 200) {
        assert_int_equal(sy_worker_get_object_count(c.serving), 202); /* not yet */
    }
    assert_true(wait_for_count(c.serving, 2, 5000));
    assert_in_range(test_now_ms() - start, 250, 50000);
    while (c.serving->account.used > 200 && test_now_ms() - start < 5000) {
        test_sleep_ms(1); /* they leave the store before their memory goes */
    }
    assert_in_range(c.serving->account.used, 1, 200);
    (void)proxy_let_pass(c.proxy);
    assert_serves(&c); /* it is back, too late */
    assert_status(add_twice(c.hook, leased[0], &made, &err), SY_ENOTFOUND, &err);
    assert_ok(add_twice(c.hook, kept, &made, &err), &err);
    sy_tensor_unref(made);
    for (int k = 0; k < 200; k++) {
        sy_tensor_unref(leased[k]);
    }
    settle(&c, 2);
    sy_tensor_unref(kept);
    settle(&c, 2);
    sy_tensor_unref(published);
    scene_close(&c);
}

/* Back in time, the client has all that it had, for as long as it stays. */
static void test_a_session_is_taken_up(void **state)
{
    scene c;
    sy_error err = SY_ERROR_INIT;
    sy_tensor *made = NULL;
    scene_open(&c, *state, true, 3000, 250);
    sy_tensor *p = send_ones(&c, 3);
    for (int k = 0; k < 5; k++) {
        proxy_cut(c.proxy, false, k % 2 != 0);
        assert_ok(add_twice(c.hook, p, &made, &err), &err);
        sy_tensor_unref(made);
        test_sleep_ms(60);
    }
    test_sleep_ms(300); /* the leases of all the old connections are over */
    assert_ok(add_twice(c.hook, p, &made, &err), &err);
    sy_tensor_unref(made);
    settle(&c, 1);
    sy_tensor_unref(p);
    settle(&c, 0);
    scene_close(&c);
}

/* --- a reader who does not read ------------------------------------------------------------------ */

#define SLOW_THREADS 24

typedef struct slow_reader {
    sy_hook *hook;
    sy_worker *bob;
    sy_id id;
} slow_reader;

static sy_status copy_slowly(test_thread *self, sy_error *err)
{
    slow_reader *r = self->shared;
    sy_tensor *p = NULL;
    sy_tensor *copy = NULL;
    TEST_TRY(sy_tensor_point_to(r->hook, &p, r->bob, &r->id, err));
    const sy_status status = sy_tensor_copy_get(p, &copy, err);
    sy_tensor_unref(copy);
    sy_tensor_unref(p);
    return status;
}

/* Many large answers wait for one client; another one is served as ever, and in the end the memory of all of
 * them is back. */
static void test_one_does_not_read(void **state)
{
    scene c;
    test_place other;
    test_thread threads[SLOW_THREADS];
    sy_error err = SY_ERROR_INIT;
    scene_open(&c, *state, true, 700, 60000);
    sy_tensor *large = send_ones(&c, 1 << 19); /* 2 MiB */
    place_open(&other, "other", true, 1);
    sy_worker *bob_of_other =
        place_connect(&other, syi_listener_get_url(c.serving->listening->listener), 3000);
    sy_tensor *x = ones(other.hook, 3);
    sy_tensor *p = NULL;
    assert_ok(sy_tensor_send(x, &p, bob_of_other, &err), &err);
    settle(&c, 2);
    const uint64_t used = c.serving->account.used;
    slow_reader r = {c.hook, c.bob, sy_tensor_get_id_at_location(large)};
    proxy_hold(c.proxy, 1, true);
    threads_start(threads, SLOW_THREADS, &r, copy_slowly);
    test_sleep_ms(200); /* answers pile up */
    for (int k = 0; k < 100; k++) {
        sy_tensor *made = NULL;
        assert_ok(add_twice(other.hook, p, &made, &err), &err);
        sy_tensor_unref(made);
    }
    threads_join(threads, SLOW_THREADS);
    for (int k = 0; k < SLOW_THREADS; k++) {
        assert_true(threads[k].status == SY_ETIMEDOUT || threads[k].status == SY_ECLOSED);
        assert_said(&threads[k].err, "bob");
    }
    proxy_cut(c.proxy, false, true);
    (void)proxy_let_pass(c.proxy);
    settle(&c, 2);
    const uint64_t until = test_now_ms() + 3000;
    while (c.serving->account.used != used && test_now_ms() < until) {
        test_sleep_ms(5);
    }
    assert_int_equal(c.serving->account.used, used);
    sy_tensor_unref(large);
    sy_tensor_unref(p);
    sy_tensor_unref(x);
    place_close(&other);
    scene_close(&c);
}

/* --- a peer that takes small messages only --------------------------------------------------------- */

/* What passes the worker's limit is refused before it is sent, by name; the connection stays. */
static void test_a_message_beyond_the_peers_limit(void **state)
{
    const worker_kind *kind = *state;
    sy_listen_options options = SY_LISTEN_OPTIONS_INIT;
    sy_error err = SY_ERROR_INIT;
    test_place home, there;
    sy_tensor *made = NULL;
    sy_tensor *p = NULL;
    options.message_max = 10000;
    place_open(&home, "home", true, 1);
    place_open(&there, "bob", false, 1);
    sy_worker *bob = place_connect(&home, place_listen(&there, kind->url, &options), 3000);
    sy_tensor *large = ones(home.hook, 2500);
    sy_tensor *small = ones(home.hook, 2400);
    for (int k = 0; k < 3; k++) {
        if (k == 1) {
            sy_worker_close(bob); /* the next request greets again */
        }
        assert_status(sy_tensor_send(large, &made, bob, &err), SY_ELIMIT, &err);
        assert_said(&err, "bob");
        assert_non_null(strstr(err.message, "10000"));
        assert_null(made);
        assert_ok(sy_tensor_send(small, &p, bob, &err), &err);
        sy_scope *s = sy_scope_begin(home.hook);
        sy_scope_set_pipelined(s, true);
        (void)sy_add(s, p, p);
        sy_tensor_unref(p);
        assert_ok(sy_scope_end(s, &err), &err);
    }
    const sy_traffic traffic = sy_worker_get_traffic(bob);
    assert_in_range(traffic.bytes_sent, 3 * 9600, 3 * 10000 + 3000); /* nothing of the large ones */
    sy_tensor_unref(small);
    sy_tensor_unref(large);
    place_close(&home);
    place_close(&there);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REMOTE_KINDS(test_cut_at_every_byte),
        REMOTE_KINDS(test_cut_within_a_tensor),
        REMOTE_KINDS(test_no_answer_in_time),
        REMOTE_KINDS(test_a_peer_that_does_not_read),
        REMOTE_KINDS(test_a_peer_that_does_not_greet),
        REMOTE_KINDS(test_a_server_begins_anew),
        REMOTE_KINDS(test_a_client_vanishes),
        REMOTE_KINDS(test_a_session_is_taken_up),
        REMOTE_KINDS(test_one_does_not_read),
        REMOTE_KINDS(test_a_message_beyond_the_peers_limit),
    };
    return workers_run(tests);
}
