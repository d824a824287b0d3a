/*
 * pysyft_client.c - csyft as a client of a PySyft 0.2.9 server worker, which pysyft_server.py plays with python3-websockets and
 * captured answers. CSYFT_TEST_SLOW and CSYFT_TEST_PING: seconds that one operation takes, and between two pings.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csyft/csyft.h>

#include "support/test.h"

extern char **environ;

typedef struct scene {
    pid_t server;
    int to;
    char url[64];
    sy_context *context;
    sy_hook *hook;
    sy_worker *alice;
    sy_error err;
} scene;

static const char *setting(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value != NULL ? value : otherwise;
}

static void start_server(scene *s)
{
    int input[2];
    int output[2];
    unsigned port = 0;
    char *const arguments[] = {
        (char *)(uintptr_t) "python3",
        (char *)(uintptr_t)(CSYFT_TEST_SOURCE_DIR "/tests/interop/pysyft_server.py"),
        (char *)(uintptr_t)setting("CSYFT_TEST_SLOW", "1.2"),
        (char *)(uintptr_t)setting("CSYFT_TEST_PING", "0.2"), NULL};
    posix_spawn_file_actions_t actions;
    assert_int_equal(pipe2(input, O_CLOEXEC), 0);
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
    assert_int_equal(
        posix_spawn(&s->server, "/usr/bin/python3", &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(input[0]);
    close(output[1]);
    s->to = input[1];
    FILE *lines = fdopen(output[0], "r");
    assert_int_equal(fscanf(lines, "%u", &port), 1);
    fclose(lines);
    snprintf(s->url, sizeof s->url, "pysyft+ws://127.0.0.1:%u", port);
}

static int set_up(void **state)
{
    static scene s;
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    start_server(&s);
    options.id = "alice";
    options.timeout_ms = 120000;
    assert_ok(sy_context_new(&s.context, NULL, &s.err), &s.err);
    assert_ok(sy_hook_new(s.context, &s.hook, NULL, &s.err), &s.err);
    assert_ok(sy_worker_connect(s.hook, &s.alice, s.url, &options, &s.err), &s.err);
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    scene *s = *state;
    int status = 0;
    sy_hook_free(s->hook);
    sy_context_free(s->context);
    close(s->to);
    assert_int_equal(waitpid(s->server, &status, 0), s->server);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return 0;
}

static sy_tensor *send_x(scene *s, int64_t id)
{
    static const float data[] = {1, 2, 3};
    const int64_t three = 3;
    const sy_id chosen = sy_id_from_int(id);
    sy_tensor *x = NULL;
    sy_tensor *pointer = NULL;
    assert_ok(sy_tensor_new(s->hook, &x, SY_DTYPE_F32, 1, &three, data, &s->err), &s->err);
    assert_ok(sy_tensor_set_id(x, &chosen, &s->err), &s->err);
    assert_ok(sy_tensor_tag(x, "#x", &s->err), &s->err);
    assert_ok(sy_tensor_describe(x, "my x", &s->err), &s->err);
    assert_ok(sy_tensor_send(x, &pointer, s->alice, &s->err), &s->err);
    sy_tensor_unref(x);
    return pointer;
}

static void assert_246(scene *s, sy_tensor *got)
{
    float data[3] = {0};
    assert_ok(sy_tensor_copy_data(got, data, sizeof data, &s->err), &s->err);
    assert_true(data[0] == 2 && data[1] == 4 && data[2] == 6);
    sy_tensor_unref(got);
}

/* The captured session: send, add, get. The server compares what it is sent with the capture. */
static void test_send_add_get(void **state)
{
    scene *s = *state;
    sy_tensor *x = send_x(s, 13436424411);
    sy_tensor *got = NULL;
    sy_tensor *copy = NULL;
    sy_scope *scope = sy_scope_begin(s->hook);
    sy_tensor *y = sy_scope_keep(scope, sy_add(scope, x, x));
    assert_ok(sy_scope_end(scope, &s->err), &s->err);
    assert_ok(sy_tensor_copy_get(y, &copy, &s->err), &s->err);
    assert_246(s, copy);
    assert_ok(sy_tensor_get(y, &got, &s->err), &s->err);
    assert_246(s, got);
    sy_tensor_unref(y);
    sy_tensor_unref(x);
}

static void test_search(void **state)
{
    scene *s = *state;
    const char *terms[] = {"#x"};
    sy_tensor **found = NULL;
    size_t count = 0;
    sy_tensor *x = send_x(s, 13436424411);
    assert_ok(sy_worker_search(s->alice, &found, &count, terms, 1, &s->err), &s->err);
    assert_int_equal(count, 1);
    assert_string_equal(sy_tensor_get_tag(found[0], 0), "#x");
    assert_string_equal(sy_tensor_get_description(found[0]), "my x");
    sy_scope *scope = sy_scope_begin(s->hook);
    sy_tensor *y = sy_scope_keep(scope, sy_add(scope, found[0], x));
    assert_ok(sy_scope_end(scope, &s->err), &s->err);
    sy_tensor_unref(y);
    sy_tensors_free(s->hook, found, count);
    sy_tensor_unref(x);
}

/* Pings are answered while an operation takes its time. */
static void test_pings_while_it_computes(void **state)
{
    scene *s = *state;
    sy_tensor *x = send_x(s, 77);
    sy_scope *scope = sy_scope_begin(s->hook);
    sy_tensor *y = sy_scope_keep(scope, sy_mul(scope, x, x));
    assert_ok(sy_scope_end(scope, &s->err), &s->err);
    sy_tensor *got = NULL;
    assert_ok(sy_tensor_get(y, &got, &s->err), &s->err);
    assert_246(s, got);
    sy_tensor_unref(y);
    sy_tensor_unref(x);
}

static void test_refusals(void **state)
{
    scene *s = *state;
    const sy_id secret = sy_id_from_int(666);
    const sy_id missing = sy_id_from_int(667);
    sy_tensor *pointer = NULL;
    sy_tensor *got = NULL;
    assert_ok(sy_tensor_point_to(s->hook, &pointer, s->alice, &secret, &s->err), &s->err);
    assert_status(sy_tensor_get(pointer, &got, &s->err), SY_EPERM, &s->err);
    assert_non_null(strstr(s->err.message, "GetNotPermitted"));
    sy_tensor_unref(pointer);
    /* A server that has nothing to say closes; the next request connects again. */
    assert_ok(sy_tensor_point_to(s->hook, &pointer, s->alice, &missing, &s->err), &s->err);
    assert_status(sy_tensor_get(pointer, &got, &s->err), SY_ECLOSED, &s->err);
    sy_tensor_unref(pointer);
    sy_tensor_unref(send_x(s, 78));
}

/* It never says who it is. */
static void test_id_is_needed(void **state)
{
    scene *s = *state;
    sy_worker *other = NULL;
    assert_status(sy_worker_connect(s->hook, &other, s->url, NULL, &s->err), SY_EINVAL, &s->err);
    assert_null(other);
    /* ... but the url may. */
    char url[80];
    snprintf(url, sizeof url, "pysyft+ws://alice@%s", s->url + strlen("pysyft+ws://"));
    assert_status(sy_worker_connect(s->hook, &other, url, NULL, &s->err), SY_EEXIST, &s->err);
    snprintf(url, sizeof url, "pysyft+ws://carol@%s", s->url + strlen("pysyft+ws://"));
    assert_ok(sy_worker_connect(s->hook, &other, url, NULL, &s->err), &s->err);
    assert_int_equal(sy_worker_get_kind(other), SY_WORKER_WEBSOCKET);
    assert_status(
        sy_worker_connect(s->hook, &other, "pysyft+tcp://carol@127.0.0.1:1", NULL, &s->err),
        SY_EINVAL, &s->err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_send_add_get),
        cmocka_unit_test(test_search),
        cmocka_unit_test(test_pings_while_it_computes),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_id_is_needed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
