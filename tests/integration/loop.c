/*
 * loop.c - a worker whose network runs on the program's own thread, in its own poll loop: over tcp://, tls://, ws:// and
 * wss://, several listeners in one loop, and no thread of the library's.
 */
#include <dirent.h>
#include <poll.h>
#include <stdatomic.h>

#include <csyft/loop.h>

#include <csyft/tls.h>

#include "support/folder.h"
#include "support/places.h"

/* Certificates of all the tests. */
static struct {
    test_folder folder;
    const char *ca, *ca_key, *bob, *bob_key;
} keys;

static int make_keys(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1"};
    sy_context *context = NULL;
    sy_error err = SY_ERROR_INIT;
    assert_true(test_folder_make(&keys.folder));
    keys.ca = test_folder_path(&keys.folder, "ca.pem");
    keys.ca_key = test_folder_path(&keys.folder, "ca.key");
    keys.bob = test_folder_path(&keys.folder, "bob.pem");
    keys.bob_key = test_folder_path(&keys.folder, "bob.key");
    assert_ok(sy_context_new(&context, NULL, &err), &err);
    assert_ok(sy_tls_make_authority(context, keys.ca, keys.ca_key, "tests", 10, &err), &err);
    assert_ok(sy_tls_make_certificate(context, keys.bob, keys.bob_key, keys.ca, keys.ca_key, "bob",
                                      hosts, 1, 10, &err),
              &err);
    sy_context_free(context);
    return 0;
}

static int drop_keys(void **state)
{
    (void)state;
    test_folder_remove(&keys.folder);
    return 0;
}

/* The program: one thread that polls the loop's descriptor and one of its own. */
typedef struct program {
    const char *const *urls;
    size_t url_count;
    test_place place;
    char bound[4][512];
    int wish[2]; /* a pipe: the program's own descriptor; a byte ends it */
    atomic_bool ready;
    atomic_uint steps, own_events;
    int library_threads; /* that carry a listener's name */
    pthread_t thread;
    sy_status status;
    sy_error err;
} program;

/* Threads of this process whose name begins so. */
static int threads_named(const char *name)
{
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; tasks != NULL && (entry = readdir(tasks)) != NULL;) {
        char path[300];
        char text[32] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file != NULL) {
            count +=
                fgets(text, sizeof text, file) != NULL && strncmp(text, name, strlen(name)) == 0;
            fclose(file);
        }
    }
    if (tasks != NULL) {
        closedir(tasks);
    }
    return count;
}

static sy_status listen_all(program *p, sy_loop *loop)
{
    sy_listen_options options = SY_LISTEN_OPTIONS_INIT;
    options.loop = loop;
    for (size_t k = 0; k < p->url_count; k++) {
        const char *bound = NULL;
        const sy_status status =
            sy_worker_listen(p->place.worker, p->urls[k], &options, &bound, &p->err);
        if (status != SY_OK) {
            return status;
        }
        snprintf(p->bound[k], sizeof p->bound[k], "%s", bound);
    }
    return SY_OK;
}

static sy_status serve(program *p, sy_loop *loop)
{
    struct pollfd them[] = {{.fd = sy_loop_get_fd(loop), .events = POLLIN},
                            {.fd = p->wish[0], .events = POLLIN}};
    for (;;) {
        (void)poll(them, 2, sy_loop_get_timeout(loop));
        if ((them[1].revents & POLLIN) != 0) {
            char byte = 0;
            if (read(p->wish[0], &byte, 1) == 1 && byte == 'q') {
                return SY_OK;
            }
            atomic_fetch_add(&p->own_events, 1);
        }
        const sy_status status = sy_loop_step(loop, &p->err);
        if (status != SY_OK) {
            return status;
        }
        atomic_fetch_add(&p->steps, 1);
    }
}

static void *run_program(void *argument)
{
    program *p = argument;
    sy_loop *loop = NULL;
    p->status = sy_loop_new(p->place.context, &loop, &p->err);
    if (p->status == SY_OK) {
        p->status = listen_all(p, loop);
    }
    p->library_threads = threads_named("csyft-tcp") + threads_named("csyft-ws");
    atomic_store(&p->ready, true);
    if (p->status == SY_OK) {
        p->status = serve(p, loop);
    }
    sy_worker_stop_listening(p->place.worker, 1000);
    sy_loop_free(loop);
    return NULL;
}

static void start_program(program *p, const char *const *urls, size_t count)
{
    sy_error err = SY_ERROR_INIT;
    memset(p, 0, sizeof *p);
    p->urls = urls;
    p->url_count = count;
    place_open(&p->place, "bob", false, 2);
    sy_tls_options tls = SY_TLS_OPTIONS_INIT;
    tls.certificate_file = keys.bob;
    tls.key_file = keys.bob_key;
    assert_ok(sy_hook_set_tls(p->place.hook, &tls, &err), &err);
    assert_int_equal(pipe(p->wish), 0);
    assert_int_equal(pthread_create(&p->thread, NULL, run_program, p), 0);
    while (!atomic_load(&p->ready)) {
        test_sleep_ms(1);
    }
}

static void end_program(program *p)
{
    assert_int_equal(write(p->wish[1], "q", 1), 1);
    pthread_join(p->thread, NULL);
    close(p->wish[0]);
    close(p->wish[1]);
    assert_status(p->status, SY_OK, &p->err);
    place_close(&p->place);
}

static sy_worker *reach(test_place *client, const char *url)
{
    sy_error err = SY_ERROR_INIT;
    sy_tls_options tls = SY_TLS_OPTIONS_INIT;
    tls.ca_file = keys.ca;
    assert_ok(sy_hook_set_tls(client->hook, &tls, &err), &err);
    return place_connect(client, url, 5000);
}

/* Small and large tensors, long computations, errors: as with the library's own threads. */
static void use(test_place *client, sy_worker *bob)
{
    enum { COUNT = 1 << 19 };
    static float many[COUNT];
    sy_error err = SY_ERROR_INIT;
    sy_tensor *x = NULL;
    sy_tensor *p = NULL;
    sy_tensor *back = NULL;
    for (int k = 0; k < COUNT; k++) {
        many[k] = (float)(k % 97);
    }
    assert_ok(sy_tensor_from_floats(client->hook, &x, many, COUNT, &err), &err);
    assert_ok(sy_tensor_send(x, &p, bob, &err), &err);
    sy_scope *s = sy_scope_begin(client->hook);
    sy_tensor *sum = p;
    for (int k = 0; k < 3; k++) { /* on the pool: the answers come from other threads */
        sum = sy_add(s, sum, p);
    }
    sum = sy_scope_keep(s, sum);
    assert_ok(sy_scope_end(s, &err), &err);
    assert_ok(sy_tensor_get(sum, &back, &err), &err);
    assert_ok(sy_tensor_copy_data(back, many, sizeof many, &err), &err);
    for (int k = 0; k < COUNT; k++) {
        assert_true(many[k] == 4 * (float)(k % 97));
    }
    const sy_id missing = sy_id_from_int(5);
    assert_status(sy_worker_delete(bob, &missing, &err), SY_ENOTFOUND, &err);
    sy_tensor_unref(back);
    sy_tensor_unref(sum);
    sy_tensor_unref(p);
    sy_tensor_unref(x);
}

static void test_one_listener(void **state)
{
    const char *const urls[] = {*state};
    program bob;
    test_place client;
    start_program(&bob, urls, 1);
    assert_status(bob.status, SY_OK, &bob.err);
    assert_int_equal(bob.library_threads, 0);
    place_open(&client, "me", true, 1);
    sy_worker *there = reach(&client, bob.bound[0]);
    use(&client, there);
    use(&client, there);
    assert_true(wait_for_count(bob.place.worker, 0, 5000));
    assert_true(atomic_load(&bob.steps) > 0);
    /* An idle loop does not turn: it waits. */
    test_sleep_ms(20);
    const unsigned before = atomic_load(&bob.steps);
    test_sleep_ms(200);
    assert_true(atomic_load(&bob.steps) - before < 20);
    /* The program's own descriptor is heard beside. */
    assert_int_equal(write(bob.wish[1], "x", 1), 1);
    for (int k = 0; k < 1000 && atomic_load(&bob.own_events) == 0; k++) {
        test_sleep_ms(1);
    }
    assert_int_equal(atomic_load(&bob.own_events), 1);
    place_close(&client);
    end_program(&bob);
}

/* All kinds in one loop, many clients, one of them still there when it ends. */
static void test_several_listeners(void **state)
{
    (void)state;
    static const char *const urls[] = {"tcp://127.0.0.1:0", "ws://127.0.0.1:0", "tls://127.0.0.1:0",
                                       "wss://127.0.0.1:0"};
    program bob;
    test_place clients[8];
    sy_worker *there[8];
    start_program(&bob, urls, 4);
    assert_status(bob.status, SY_OK, &bob.err);
    for (int k = 0; k < 8; k++) {
        char name[16];
        snprintf(name, sizeof name, "c%d", k);
        place_open(&clients[k], name, true, 1);
        there[k] = reach(&clients[k], bob.bound[k % 4]);
    }
    for (int k = 0; k < 8; k++) {
        use(&clients[k], there[k]);
    }
    for (int k = 0; k < 7; k++) {
        place_close(&clients[k]);
    }
    end_program(&bob);
    sy_error err = SY_ERROR_INIT;
    char *text = NULL;
    there[7]->reconnect_ms = 100; /* he does not come back */
    const sy_status gone = sy_worker_whoami(there[7], &text, &err);
    assert_true(gone == SY_ECLOSED ||
                gone == SY_EINDOUBT); /* as the end was seen before it left, or after */
    place_close(&clients[7]);
}

/* Stops, and listens again on the same loop: by hand, in this thread, while a client is in another. */
typedef struct asking {
    test_place *client;
    const char *url;
    atomic_bool done;
    sy_status status;
    sy_error err;
} asking;

static void *ask_once(void *argument)
{
    asking *a = argument;
    sy_worker *bob = NULL;
    char *text = NULL;
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    options.timeout_ms = 5000;
    a->status = sy_worker_connect(a->client->hook, &bob, a->url, &options, &a->err);
    if (a->status == SY_OK) {
        a->status = sy_worker_whoami(bob, &text, &a->err);
        sy_string_free(a->client->hook, text);
    }
    atomic_store(&a->done, true);
    return NULL;
}

static void test_stop_and_listen_again(void **state)
{
    const char *url = *state;
    test_place bob;
    sy_error err = SY_ERROR_INIT;
    sy_loop *loop = NULL;
    sy_listen_options options = SY_LISTEN_OPTIONS_INIT;
    place_open(&bob, "bob", false, 1);
    assert_ok(sy_loop_new(bob.context, &loop, &err), &err);
    assert_int_equal(sy_loop_get_timeout(loop), -1);
    assert_ok(sy_loop_step(loop, &err), &err); /* nothing to do is well */
    options.loop = loop;
    for (int round = 0; round < 3; round++) {
        test_place client;
        pthread_t thread;
        asking a = {.client = &client};
        place_open(&client, "me", true, 1);
        assert_ok(sy_worker_listen(bob.worker, url, &options, &a.url, &err), &err);
        assert_int_equal(pthread_create(&thread, NULL, ask_once, &a), 0);
        const uint64_t until = test_now_ms() + 5000;
        while (!atomic_load(&a.done) && test_now_ms() < until) {
            struct pollfd it = {.fd = sy_loop_get_fd(loop), .events = POLLIN};
            const int timeout = sy_loop_get_timeout(loop);
            (void)poll(&it, 1, timeout < 0 || timeout > 50 ? 50 : timeout);
            assert_ok(sy_loop_step(loop, &err), &err);
        }
        pthread_join(thread, NULL);
        assert_status(a.status, SY_OK, &a.err);
        sy_worker_stop_listening(bob.worker, 100);
        place_close(&client);
    }
    sy_loop_free(loop);
    place_close(&bob);
}

static void *step_elsewhere(void *argument)
{
    sy_error err = SY_ERROR_INIT;
    return sy_loop_step(argument, &err) == SY_EINVAL && strstr(err.message, "thread") != NULL
               ? NULL
               : argument;
}

static void test_misuse(void **state)
{
    (void)state;
    test_place bob, other;
    sy_error err = SY_ERROR_INIT;
    sy_loop *loop = NULL;
    pthread_t thread;
    void *failed = NULL;
    const char *url = NULL;
    sy_listen_options options = SY_LISTEN_OPTIONS_INIT;
    place_open(&bob, "bob", false, 1);
    place_open(&other, "other", false, 1);
    assert_ok(sy_loop_new(bob.context, &loop, &err), &err);
    assert_int_equal(pthread_create(&thread, NULL, step_elsewhere, loop), 0);
    pthread_join(thread, &failed);
    assert_null(failed);
    options.loop = loop;
    assert_status(sy_worker_listen(other.worker, "tcp://127.0.0.1:0", &options, NULL, &err),
                  SY_EINVAL, &err);
    assert_non_null(strstr(err.message, "another context"));
    options.spin_us = 10;
    assert_status(sy_worker_listen(bob.worker, "tcp://127.0.0.1:0", &options, NULL, &err),
                  SY_EINVAL, &err);
    assert_non_null(strstr(err.message, "spin"));
    options.spin_us = 0;
    /* A port that is taken leaves the loop as it was. */
    for (int k = 0; k < 2; k++) {
        assert_ok(sy_worker_listen(other.worker, k == 0 ? "tcp://127.0.0.1:0" : "ws://127.0.0.1:0",
                                   NULL, &url, &err),
                  &err);
        assert_status(sy_worker_listen(bob.worker, url, &options, NULL, &err), SY_EEXIST, &err);
    }
    assert_ok(sy_loop_step(loop, &err), &err);
    /* A hook that is freed on the loop's thread lets go of it. */
    assert_ok(sy_worker_listen(bob.worker, "tcp://127.0.0.1:0", &options, NULL, &err), &err);
    assert_ok(sy_worker_listen(bob.worker, "ws://127.0.0.1:0", &options, NULL, &err), &err);
    sy_hook_free(bob.hook);
    bob.hook = NULL;
    sy_loop_free(loop);
    sy_loop_free(NULL);
    place_close(&bob);
    place_close(&other);
}

#define URL_TEST(test, url)                                                           \
    {                                                                                 \
#test " [" url "]", test, NULL, NULL, (void *)(uintptr_t)url "://127.0.0.1:0" \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        URL_TEST(test_one_listener, "tcp"),         URL_TEST(test_one_listener, "ws"),
        URL_TEST(test_one_listener, "tls"),         URL_TEST(test_one_listener, "wss"),
        cmocka_unit_test(test_several_listeners),   URL_TEST(test_stop_and_listen_again, "tcp"),
        URL_TEST(test_stop_and_listen_again, "ws"), cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
