/*
 * sharing_outages.c - parties of a joint command that stall, or cannot be reached (sharing_failures.c says what must hold
 * then). All of them in the long run; some in the usual one, for it takes until their deadlines.
 */
#include "support/cutting_proxy.h"
#include "support/sharing_trial.h"

/* --- silence ----------------------------------------------------------------------------------- */

/* A holder, or the provider. */
static void test_stall(void **state)
{
    const char *name = *state;
    trial t;
    trial_open(&t, 3, true, 1600);
    test_place *culprit = &t.p.at_provider;
    for (size_t k = 0; k < t.p.count; k++) {
        culprit = strcmp(name, party_names[k]) == 0 ? &t.p.at[k] : culprit;
    }
    worker_stall(culprit->worker);
    const uint64_t began = test_now_ms();
    const sy_status status = trial_square(&t);
    assert_true(test_now_ms() - began < 9000);
    worker_unstall(culprit->worker);
    assert_int_not_equal(status, SY_OK);
    trial_assert_failed(&t, status, name);
    trial_close(&t);
}

#define STALL(name)                                                                \
    {                                                                              \
        "test_stall [" name "]", test_stall, NULL, NULL, (void *)(uintptr_t)(name) \
    }

/* --- connections ------------------------------------------------------------------------------- */

/* Bob reaches alice through a proxy. */
static void proxied_open(trial *t, cutting_proxy *proxy, uint32_t grace_ms, uint32_t reconnect_ms)
{
    memset(t, 0, sizeof *t);
    parties_open_for(&t->p, 2, grace_ms);
    proxy_open(proxy, t->p.urls[0]);
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    sy_worker *alice = NULL;
    options.timeout_ms = 20000;
    options.reconnect_ms = reconnect_ms;
    assert_ok(sy_worker_connect(t->p.at[1].hook, &alice, proxy->url, &options, &t->err), &t->err);
    client_open(&t->c, &t->p, "client", true, 20000);
    assert_ok(client_share(&t->c, &t->x, 3, TRIAL_DATA, &t->err), &t->err);
}

enum { MANY = 40000 };

static size_t letters; /* that holders sent */

static void count_letters(const syi_sharing_session *session, uint64_t sequence, const void *bytes,
                          size_t size)
{
    (void)session;
    (void)sequence;
    (void)bytes;
    (void)size;
    __atomic_fetch_add(&letters, 1, __ATOMIC_RELAXED);
}

static sy_tensor *share_many(trial *t)
{
    int64_t *data = malloc(MANY * sizeof *data);
    sy_tensor *x = NULL;
    for (int k = 0; k < MANY; k++) {
        data[k] = k;
    }
    assert_ok(client_share(&t->c, &x, MANY, data, &t->err), &t->err);
    free(data);
    return x;
}

static void assert_squares(trial *t, sy_tensor *z)
{
    sy_tensor *value = NULL;
    int64_t *data = malloc(MANY * sizeof *data);
    assert_ok(sy_tensor_get(z, &value, &t->err), &t->err);
    assert_ok(sy_tensor_copy_data(value, data, MANY * sizeof *data, &t->err), &t->err);
    for (int64_t k = 0; k < MANY; k++) {
        if (data[k] != k * k) {
            fail_msg("element %d: %lld", (int)k, (long long)data[k]);
        }
    }
    free(data);
    sy_tensor_unref(value);
}

/* Between the holders, in the middle of a round, in either direction, and it comes back: nothing is run, sent or opened
 * twice, and the result is right. */
static void test_cut_between_holders(void **state)
{
    (void)state;
    trial t;
    cutting_proxy proxy;
    proxied_open(&t, &proxy, PARTIES_LONG_GRACE_MS, PARTIES_PATIENCE_MS);
    sy_tensor *x = share_many(&t), *z = NULL;
    assert_ok(client_mul(&t.c, &z, x, x, &t.err), &t.err);
    assert_squares(&t, z);
    sy_tensor_unref(z);
    const unsigned long before = proxy_passed(&proxy, 0);
    letters = 0;
    parties_watch(&t.p, count_letters);
    assert_ok(client_mul(&t.c, &z, x, x, &t.err), &t.err);
    const size_t usual = letters;
    const long length = (long)(proxy_passed(&proxy, 0) - before);
    sy_tensor_unref(z);
    assert_true(length > MANY);
    const int places = TEST_SLOWNESS > 1 ? 6 : 24;
    for (int direction = 0; direction < 2; direction++) {
        for (int k = 0; k < places; k++) {
            const long range = direction == 0 ? length : 200;
            letters = 0;
            proxy_cut_after(&proxy, direction, range * k / places, false);
            assert_ok(client_mul(&t.c, &z, x, x, &t.err), &t.err);
            (void)proxy_let_pass(&proxy);
            assert_int_equal(letters, usual);
            assert_squares(&t, z);
            sy_tensor_unref(z);
        }
    }
    assert_true(proxy_accepted(&proxy) > (unsigned)places);
    parties_watch(&t.p, NULL);
    assert_int_equal(client_group(&t.c)->next_sequence, 3 + 2 * places); /* one session all along */
    sy_tensor_unref(x);
    trial_close(&t);
    proxy_close(&proxy);
}

/* It does not come back. */
static void test_holders_lose_each_other(void **state)
{
    (void)state;
    trial t;
    cutting_proxy proxy;
    proxied_open(&t, &proxy, PARTIES_GRACE_MS, PARTIES_RECONNECT_MS);
    assert_ok(trial_square(&t), &t.err);
    proxy_cut(&proxy, true, true);
    const uint64_t began = test_now_ms();
    const sy_status status = trial_square(&t);
    assert_true(test_now_ms() - began < 19000);
    assert_int_not_equal(status, SY_OK);
    assert_names(&t.err, "alice"); /* bob says so */
    (void)proxy_let_pass(&proxy);
    assert_ok(client_look(t.x, 3, TRIAL_DATA, &t.err), &t.err);
    assert_ok(trial_square(&t), &t.err);
    trial_close(&t);
    proxy_close(&proxy);
}

/* In each round of a comparison, and back again: the same letters, and the right result. */
static void test_cut_in_each_round(void **state)
{
    (void)state;
    trial t;
    cutting_proxy proxy;
    proxied_open(&t, &proxy, PARTIES_LONG_GRACE_MS, PARTIES_PATIENCE_MS);
    assert_ok(trial_relu(&t), &t.err);
    const unsigned long before = proxy_passed(&proxy, 0);
    letters = 0;
    parties_watch(&t.p, count_letters);
    assert_ok(trial_relu(&t), &t.err);
    const size_t usual = letters;
    const long length = (long)(proxy_passed(&proxy, 0) - before);
    assert_int_equal(usual, 2 * 4); /* both holders, four rounds */
    const int places = TEST_SLOWNESS > 1 ? 3 : 8;
    for (int k = 0; k < places; k++) {
        letters = 0;
        proxy_cut_after(&proxy, k % 2, (k % 2 == 0 ? length : 200) * k / places, false);
        assert_ok(trial_relu(&t), &t.err);
        (void)proxy_let_pass(&proxy);
        assert_int_equal(letters, usual);
    }
    parties_watch(&t.p, NULL);
    trial_close(&t);
    proxy_close(&proxy);
}

static struct {
    cutting_proxy *proxy;
    size_t round; /* after so many letters of the first holder */
} doom;

static void lose_in_round(const syi_sharing_session *session, uint64_t sequence, const void *bytes,
                          size_t size)
{
    (void)sequence;
    (void)bytes;
    (void)size;
    if (session->index == 0 && doom.round-- == 0) {
        proxy_cut(doom.proxy, true, true);
    }
}

/* In each of its rounds for good: everybody is told, the value is what it was, and the next one works. */
static void test_lost_in_each_round(void **state)
{
    (void)state;
    trial t;
    cutting_proxy proxy;
    proxied_open(&t, &proxy, PARTIES_GRACE_MS, PARTIES_RECONNECT_MS);
    doom.proxy = &proxy;
    for (size_t round = 0; round < (TEST_SLOWNESS > 1 ? 2 : 4); round++) {
        assert_ok(trial_relu(&t), &t.err);
        doom.round = round;
        parties_watch(&t.p, lose_in_round);
        const uint64_t began = test_now_ms();
        const sy_status status = trial_relu(&t);
        assert_true(test_now_ms() - began < 19000);
        parties_watch(&t.p, NULL);
        (void)proxy_let_pass(&proxy);
        if (status == SY_OK) { /* they had all they needed */
            assert_int_equal(round, 3);
            continue;
        }
        assert_names(&t.err, "alice"); /* bob says so */
        assert_ok(client_look(t.x, 3, TRIAL_DATA, &t.err), &t.err);
        assert_ok(trial_relu(&t), &t.err);
    }
    trial_close(&t);
    proxy_close(&proxy);
}

/* A holder that fails tells the provider, if nobody else; the others have it from there, and keep nothing. */
static void test_told_by_the_provider(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, 2, true, 20000);
    sy_error why = SY_ERROR_INIT;
    why.status = syi_fail(&why, SY_EIO, "holder bob failed in a joint command: out of paper");
    sy_worker *james = syi_directory_find(t.p.at[1].hook, &t.p.at_provider.worker->id);
    assert_non_null(james);
    assert_int_equal(room_sessions(t.p.at[0].hook), 1);
    syi_sharing_tell(t.p.at[1].worker, &james, 1, 0, client_group(&t.c)->session, 1, SY_EIO, &why);
    const uint64_t until = test_now_ms() + 10000;
    while (room_sessions(t.p.at[0].hook) + room_sessions(t.p.at[1].hook) > 0 &&
           test_now_ms() < until) {
        test_sleep_ms(2);
    }
    assert_int_equal(room_sessions(t.p.at[0].hook) + room_sessions(t.p.at[1].hook), 0);
    trial_assert_failed(&t, trial_square(&t),
                        "bob"); /* who says so to the client that comes next */
    assert_ok(trial_square(&t), &t.err);
    trial_close(&t);
}

/* The client reaches bob through a proxy, and nobody else does. */
static void client_proxied_open(trial *t, cutting_proxy *proxy, uint32_t grace_ms,
                                uint32_t reconnect_ms)
{
    memset(t, 0, sizeof *t);
    parties_open_for(&t->p, 2, grace_ms);
    proxy_open(proxy, t->p.urls[1]);
    const char *url = t->p.urls[1];
    (void)place_connect(&t->p.at[0], url, 20000);
    (void)place_connect(&t->p.at_provider, url, 20000);
    t->p.urls[1] = proxy->url;
    client_open_for(&t->c, &t->p, "client", true, 20000, reconnect_ms);
    t->p.urls[1] = url;
    assert_ok(client_share(&t->c, &t->x, 3, TRIAL_DATA, &t->err), &t->err);
    assert_ok(trial_square(t), &t->err);
}

/* Between client and a holder. */
static void test_cut_of_the_client(void **state)
{
    (void)state;
    trial t;
    cutting_proxy proxy;
    client_proxied_open(&t, &proxy, PARTIES_LONG_GRACE_MS, PARTIES_PATIENCE_MS);
    for (int direction = 0; direction < 2; direction++) {
        for (long bytes = 0; bytes < 200; bytes += 20) {
            proxy_cut_after(&proxy, direction, bytes, bytes % 40 == 0);
            assert_ok(trial_square(&t), &t.err);
            (void)proxy_let_pass(&proxy);
        }
    }
    assert_int_equal(client_group(&t.c)->next_sequence, 22); /* nothing was begun anew */
    trial_close(&t);
    proxy_close(&proxy);
}

/* Bob does not get the command, and nobody but the client can know: the others do not wait until their deadline for him. */
static void test_client_loses_a_holder(void **state)
{
    (void)state;
    trial t;
    cutting_proxy proxy;
    client_proxied_open(&t, &proxy, 1600, PARTIES_RECONNECT_MS);
    proxy_cut_every(&proxy, 0, 10);
    const uint64_t began = test_now_ms();
    const sy_status status = trial_square(&t);
    (void)proxy_let_pass(&proxy);
    assert_true(test_now_ms() - began < 9000);
    trial_assert_failed(&t, status, "bob");
    trial_close(&t);
    proxy_close(&proxy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_between_holders), cmocka_unit_test(test_holders_lose_each_other),
        cmocka_unit_test(test_cut_in_each_round),   cmocka_unit_test(test_told_by_the_provider),
        cmocka_unit_test(test_cut_of_the_client),   cmocka_unit_test(test_client_loses_a_holder),
    };
    const struct CMUnitTest more[] = {cmocka_unit_test(test_lost_in_each_round), STALL("alice"),
                                      STALL("bob"), STALL("carol"), STALL("james")};
    const int failed = workers_run(tests);
    return failed == 0 && test_rounds(1) > 1 ? workers_run(more) : failed;
}
