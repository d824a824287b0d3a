/*
 * encrypted.c - workers over tls://: the same remote tensors, who is refused, and that certificates can change
 * between connections. The transport itself: src/transport/tls/tls_test.c.
 */
#include <csyft/operations.h>
#include <csyft/tls.h>

#include "support/cutting_proxy.h"
#include "support/folder.h"
#include "support/places.h"
#include "workers/session.h"

typedef struct meeting {
    test_folder folder;
    const char *ca, *ca_key, *bob, *bob_key, *client, *client_key, *other, *other_key;
    test_place home, there;
    sy_error err;
} meeting;

static void set_tls(meeting *m, sy_hook *hook, const char *certificate, const char *key,
                    bool require)
{
    sy_tls_options options = SY_TLS_OPTIONS_INIT;
    options.ca_file = m->ca;
    options.certificate_file = certificate;
    options.key_file = key;
    options.require_client_certificate = require;
    assert_ok(sy_hook_set_tls(hook, &options, &m->err), &m->err);
}

static int set_up(void **state)
{
    meeting *m = calloc(1, sizeof *m);
    static const char *const hosts[] = {"127.0.0.1", "localhost"};
    *state = m;
    assert_true(test_folder_make(&m->folder));
    m->ca = test_folder_path(&m->folder, "ca.pem");
    m->ca_key = test_folder_path(&m->folder, "ca.key");
    m->bob = test_folder_path(&m->folder, "bob.pem");
    m->bob_key = test_folder_path(&m->folder, "bob.key");
    m->client = test_folder_path(&m->folder, "client.pem");
    m->client_key = test_folder_path(&m->folder, "client.key");
    m->other = test_folder_path(&m->folder, "other.pem");
    m->other_key = test_folder_path(&m->folder, "other.key");
    place_open(&m->home, "home", true, 2);
    place_open(&m->there, "bob", false, 2);
    sy_context *context = m->home.context;
    assert_ok(sy_tls_make_authority(context, m->ca, m->ca_key, "tests", 10, &m->err), &m->err);
    assert_ok(sy_tls_make_certificate(context, m->bob, m->bob_key, m->ca, m->ca_key, "bob", hosts,
                                      2, 10, &m->err),
              &m->err);
    assert_ok(sy_tls_make_certificate(context, m->client, m->client_key, m->ca, m->ca_key, "client",
                                      NULL, 0, 10, &m->err),
              &m->err);
    assert_ok(sy_tls_make_certificate(context, m->other, m->other_key, m->ca, m->ca_key, "other",
                                      NULL, 0, 10, &m->err),
              &m->err);
    return 0;
}

static int tear_down(void **state)
{
    meeting *m = *state;
    place_close(&m->home);
    place_close(&m->there);
    test_folder_remove(&m->folder);
    free(m);
    return 0;
}

static sy_status add_far(test_thread *self, sy_error *err)
{
    sy_tensor *p = self->shared;
    sy_scope *s = sy_scope_begin(sy_tensor_get_hook(p));
    for (int k = 0; k < 50; k++) {
        (void)sy_add(s, p, p);
    }
    return sy_scope_end(s, err);
}

static void test_remote_tensors(void **state)
{
    meeting *m = *state;
    enum { COUNT = 1 << 20 };
    set_tls(m, m->there.hook, m->bob, m->bob_key, false);
    set_tls(m, m->home.hook, NULL, NULL, false);
    sy_worker *bob =
        place_connect(&m->home, place_listen(&m->there, "tls://127.0.0.1:0", NULL), 20000);
    assert_int_equal(sy_worker_get_kind(bob), SY_WORKER_SOCKET);
    float *data = malloc(COUNT * sizeof *data);
    for (int k = 0; k < COUNT; k++) {
        data[k] = (float)k;
    }
    sy_tensor *x = NULL;
    sy_tensor *p = NULL;
    sy_tensor *sum = NULL;
    assert_ok(sy_tensor_from_floats(m->home.hook, &x, data, COUNT, &m->err), &m->err);
    assert_ok(sy_tensor_send(x, &p, bob, &m->err), &m->err);
    sy_scope *s = sy_scope_begin(m->home.hook);
    sum = sy_scope_keep(s, sy_add(s, p, p));
    assert_ok(sy_scope_end(s, &m->err), &m->err);
    assert_ok(sy_tensor_get_(sum, &m->err), &m->err);
    assert_ok(sy_tensor_copy_data(sum, data, COUNT * sizeof *data, &m->err), &m->err);
    for (int k = 0; k < COUNT; k += 4097) {
        assert_true(data[k] == 2 * (float)k);
    }
    free(data);
    sy_tensor_unref(sum);
    sy_tensor_unref(x);

    /* Several threads share the session: one reads, others write. */
    sy_tensor *small = NULL;
    sy_tensor *handles[4];
    test_thread threads[4];
    assert_ok(sy_tensor_from_floats(m->home.hook, &x, (float[]){1, 2}, 2, &m->err), &m->err);
    assert_ok(sy_tensor_send(x, &small, bob, &m->err), &m->err);
    const sy_id id = sy_tensor_get_id_at_location(small);
    for (int k = 0; k < 4; k++) {
        assert_ok(sy_tensor_point_to(m->home.hook, &handles[k], bob, &id, &m->err), &m->err);
        threads_start(&threads[k], 1, handles[k], add_far);
    }
    threads_join(threads, 4);
    for (int k = 0; k < 4; k++) {
        assert_ok(threads[k].status, &threads[k].err);
        sy_tensor_unref(handles[k]);
    }
    sy_tensor_unref(small);
    sy_tensor_unref(x);
    sy_tensor_unref(p);
}

static void test_who_is_refused(void **state)
{
    meeting *m = *state;
    sy_worker *bob = NULL;
    set_tls(m, m->there.hook, m->bob, m->bob_key, true);
    const char *url = place_listen(&m->there, "tls://127.0.0.1:0", NULL);
    assert_status(sy_worker_connect(m->home.hook, &bob, url, NULL, &m->err), SY_EPERM, &m->err);
    assert_null(bob);
    set_tls(m, m->home.hook, NULL, NULL, false); /* trusts bob, shows nothing */
    assert_status(sy_worker_connect(m->home.hook, &bob, url, NULL, &m->err), SY_EPERM, &m->err);
    assert_non_null(strstr(m->err.message, url));
    assert_int_equal(sy_worker_get_object_count(m->there.worker), 0);
    set_tls(m, m->home.hook, m->client, m->client_key, false);
    assert_ok(sy_worker_connect(m->home.hook, &bob, url, NULL, &m->err), &m->err);
    /* The next connection uses what was set since. */
    set_tls(m, m->home.hook, NULL, NULL, false);
    char *text = NULL;
    assert_ok(sy_worker_whoami(bob, &text, &m->err), &m->err);
    sy_string_free(m->home.hook, text);
    sy_worker_close(bob);
    assert_status(sy_worker_whoami(bob, &text, &m->err), SY_EPERM, &m->err);
}

static void test_listening_needs_a_certificate(void **state)
{
    meeting *m = *state;
    const char *bound = NULL;
    assert_status(sy_worker_listen(m->there.worker, "tls://127.0.0.1:0", NULL, &bound, &m->err),
                  SY_EINVAL, &m->err);
    set_tls(m, m->there.hook, NULL, NULL, false);
    assert_status(sy_worker_listen(m->there.worker, "tls://127.0.0.1:0", NULL, &bound, &m->err),
                  SY_EINVAL, &m->err);
    assert_non_null(strstr(m->err.message, "certificate"));
}

static float first_of(meeting *m, sy_tensor *p)
{
    sy_tensor *copy = NULL;
    float value = 0;
    assert_ok(sy_tensor_copy_get(p, &copy, &m->err), &m->err);
    assert_ok(sy_tensor_copy_data(copy, &value, sizeof value, &m->err), &m->err);
    sy_tensor_unref(copy);
    return value;
}

static void cut_and_go_on(meeting *m, const char *scheme)
{
    char url[512];
    cutting_proxy proxy;
    sy_tensor *x = NULL;
    sy_tensor *p = NULL;
    snprintf(url, sizeof url, "%s://127.0.0.1:0", scheme);
    snprintf(url, sizeof url, "%s", place_listen(&m->there, url, NULL));
    proxy_open(&proxy, url);
    sy_worker *bob = place_connect(&m->home, proxy.url, 5000);
    assert_ok(sy_tensor_from_floats(m->home.hook, &x, (float[]){0}, 1, &m->err), &m->err);
    assert_ok(sy_tensor_send(x, &p, bob, &m->err), &m->err);
    int count = 0;
    for (int direction = 0; direction < 2; direction++) {
        for (long k = 0; k < 400; k += 41) {
            proxy_cut_after(&proxy, direction, k, k % 2 != 0);
            sy_scope *s = sy_scope_begin(m->home.hook);
            (void)sy_add_scalar_(s, p, 1);
            (void)sy_add_scalar_(s, p, 1);
            assert_ok(sy_scope_end(s, &m->err), &m->err);
            count += 2;
            (void)proxy_let_pass(&proxy);
            assert_true(first_of(m, p) == (float)count);
        }
    }
    /* The session is the certificate's: with another one it is not taken up. */
    syi_session *before = m->there.worker->sessions;
    while (strcmp(before->name, "client") != 0) {
        before = before->next;
    }
    set_tls(m, m->home.hook, m->other, m->other_key, false);
    proxy_cut(&proxy, false, true);
    char *text = NULL;
    assert_ok(sy_worker_whoami(bob, &text, &m->err), &m->err);
    sy_string_free(m->home.hook, text);
    const syi_session *after = m->there.worker->sessions;
    assert_string_equal(after->name, "other");
    assert_memory_not_equal(after->id, before->id, SYI_SESSION_SIZE);
    sy_tensor_unref(p);
    sy_tensor_unref(x);
    place_close(&m->home);
    proxy_close(&proxy);
}

static void test_cut_and_taken_up(void **state)
{
    static const char *const schemes[] = {"tls", "wss"};
    meeting *m = *state;
    set_tls(m, m->there.hook, m->bob, m->bob_key, true);
    for (int k = 0; k < 2; k++) {
        set_tls(m, m->home.hook, m->client, m->client_key, false);
        cut_and_go_on(m, schemes[k]);
        place_open(&m->home, "home", true, 2);
    }
}

#define ENCRYPTED_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENCRYPTED_TEST(test_remote_tensors),
        ENCRYPTED_TEST(test_who_is_refused),
        ENCRYPTED_TEST(test_cut_and_taken_up),
        ENCRYPTED_TEST(test_listening_needs_a_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
