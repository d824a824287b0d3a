/*
 * 004_server.c - T10, reference 004 lines 17-29: a worker of id 2 starts as a server, says so in three lines, and answers
 * who it is. The same for the socket kind with its own lines; as a process: tests/cli/worker.py.
 */
#include "support/heard.h"
#include "support/places.h"

static void open_server(test_place *p, heard_lines *heard, bool is_client)
{
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    sy_hook_options hook_options = SY_HOOK_OPTIONS_INIT;
    sy_error err = SY_ERROR_INIT;
    memset(p, 0, sizeof *p);
    memset(heard, 0, sizeof *heard);
    pthread_mutex_init(&heard->lock, NULL);
    p->memory = calloc(1, sizeof *p->memory);
    options.allocator = failing_allocator_get(p->memory);
    options.log = heard_take;
    options.log_user = heard;
    options.log_filter = "info";
    hook_options.local_worker_id = "2";
    hook_options.is_client = is_client;
    assert_ok(sy_context_new(&p->context, &options, &err), &err);
    assert_ok(sy_hook_new(p->context, &p->hook, &hook_options, &err), &err);
    p->worker = sy_hook_get_local_worker(p->hook);
}

static const char *const lines_of[][8] = {
    [SY_WORKER_SOCKET] = {"Hooking into Torch...", "Overloading Complete.",
                          "Starting Socket Worker...", "Ready to receive commands...", NULL},
    [SY_WORKER_WEBSOCKET] = {"Hooking into Torch...", "Overloading Complete.",
                             "Starting a Websocket Worker....", "Ready to receive commands....",
                             "Server Socket has been initialized", NULL},
};

static void test_says_so_and_answers(void **state)
{
    const worker_kind *kind = *state;
    test_place server, client;
    heard_lines heard;
    sy_error err = SY_ERROR_INIT;
    char *text = NULL;
    open_server(&server, &heard, false);
    const char *url = place_listen(&server, kind->url, NULL);
    assert_true(heard_in_order(&heard, lines_of[kind->kind]));
    place_open(&client, "0", true, 1);
    sy_worker *remote = place_connect(&client, url, 5000);
    const sy_id id = sy_worker_get_id(remote);
    assert_int_equal(id.kind, SY_ID_INT); /* the number 2, not the text */
    assert_int_equal(id.number, 2);
    assert_ok(sy_worker_whoami(remote, &text, &err), &err);
    assert_memory_equal(text, "id: 2,", 6);
    assert_non_null(strstr(text, kind->whoami));
    sy_string_free(client.hook, text);
    place_close(&client);
    place_close(&server);
}

/* An address that is taken: it has begun to start, and is not ready. */
static void test_not_ready_when_it_cannot_listen(void **state)
{
    const worker_kind *kind = *state;
    test_place server, other;
    heard_lines heard;
    sy_error err = SY_ERROR_INIT;
    place_open(&other, "1", false, 1);
    char url[128];
    snprintf(url, sizeof url, "%s", place_listen(&other, kind->url, NULL));
    open_server(&server, &heard, false);
    assert_status(sy_worker_listen(server.worker, url, NULL, NULL, &err), SY_EEXIST, &err);
    for (size_t k = 0; k < heard.count; k++) {
        assert_null(strstr(heard.lines[k], "Ready"));
    }
    place_close(&server);
    place_close(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REMOTE_KINDS(test_says_so_and_answers),
        REMOTE_KINDS(test_not_ready_when_it_cannot_listen),
    };
    return workers_run(tests);
}
