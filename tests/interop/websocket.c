/* websocket.c - our websocket client and server against python3-websockets (websocket_peer.py). */
#include <spawn.h>
#include <sys/wait.h>

#include "support/transport_probe.h"

static const contract websocket = {.url = "ws://127.0.0.1:0", .address = "ws://127.0.0.1:"};

extern char **environ;

/* Runs websocket_peer.py; *to is its input and *from its output, where not NULL. */
static pid_t start_peer(const char *mode, const char *url, int *to, int *from)
{
    int input[2];
    int output[2];
    pid_t child;
    char *const arguments[] = {
        (char *)(uintptr_t) "python3",
        (char *)(uintptr_t)(CSYFT_TEST_SOURCE_DIR "/tests/interop/websocket_peer.py"),
        (char *)(uintptr_t)mode, (char *)(uintptr_t)url, NULL};
    posix_spawn_file_actions_t actions;
    assert_int_equal(pipe2(input, O_CLOEXEC), 0);
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
    if (from != NULL) {
        posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
    }
    assert_int_equal(posix_spawn(&child, "/usr/bin/python3", &actions, NULL, arguments, environ),
                     0);
    posix_spawn_file_actions_destroy(&actions);
    close(input[0]);
    close(output[1]);
    if (from != NULL) {
        *from = output[0];
    } else {
        close(output[0]);
    }
    if (to != NULL) {
        *to = input[1];
    } else {
        close(input[1]);
    }
    return child;
}

static void assert_ends_well(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_python_client(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    assert_ends_well(start_peer("talk", f.url, NULL, NULL));
    assert_true(probe_wait(&f.probe, &f.probe.closed, 1));
    assert_int_equal(f.probe.sessions[0].why, SY_EPROTO); /* its last message */
    assert_int_equal(f.probe.send_failures, 0);
    fixture_close(&f);
}

static void test_python_server(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 85, 86, 125, 126, 4096, 65495, 65496, 200000, 5 << 20};
    fixture f;
    int to;
    int from;
    unsigned port = 0;
    char url[64];
    fixture_open_context(&f, PROBE_ECHO);
    const pid_t child = start_peer("serve", NULL, &to, &from);
    FILE *output = fdopen(from, "r");
    assert_int_equal(fscanf(output, "%u", &port), 1);
    snprintf(url, sizeof url, "ws://127.0.0.1:%u/some/path", port);
    f.url = url;
    syi_connection *connection = fixture_connect(&f);
    syi_message message;
    syi_message reply;
    syi_message_init(&reply, f.context, 0);
    for (uint64_t id = 1; id <= 33; id++) {
        const size_t size = sizes[id % 11];
        const size_t segments[] = {size, 3};
        make_message(&f, &message, id, size, segments, (uint32_t)(id % 3));
        assert_ok(send_one(&f, connection, &message), &f.err);
        assert_ok(receive_one(&f, connection, &reply), &f.err);
        assert_message(&reply, id, size, segments, (uint32_t)(id % 3));
        syi_message_fini(&message);
    }
    syi_message_fini(&reply);
    syi_connection_close(connection);
    fclose(output);
    close(to);
    assert_ends_well(child);
    fixture_close(&f);
}

int main(void)
{
    the_contract = &websocket;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_python_client),
        cmocka_unit_test(test_python_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
