/*
 * 004_client.c - T11, reference 004 lines 37-59: the client's own local worker (id 0) listens, too; it attaches a
 * pointer to worker 2, adds it, and computes y = x + x2 + x there: 3 6 9 12 14. What the client holds can be asked for
 * by others. Over websocket as in the document, and over sockets.
 */
#include <csyft/message_log.h>

#include "support/heard.h"
#include "support/places.h"

typedef struct pair_of_two {
    const worker_kind *kind;
    test_place server; /* worker 2 */
    test_place client; /* worker 0, listening */
    heard_lines heard; /* of the client */
    char server_url[128], client_url[128];
    sy_worker *two; /* as the client reaches it */
} pair_of_two;

static void open_two(pair_of_two *p, const worker_kind *kind, bool is_client)
{
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    sy_hook_options hook_options = SY_HOOK_OPTIONS_INIT;
    sy_error err = SY_ERROR_INIT;
    memset(p, 0, sizeof *p);
    p->kind = kind;
    place_open(&p->server, "2", false, 2);
    snprintf(p->server_url, sizeof p->server_url, "%s", place_listen(&p->server, kind->url, NULL));
    pthread_mutex_init(&p->heard.lock, NULL);
    p->client.memory = calloc(1, sizeof *p->client.memory);
    options.allocator = failing_allocator_get(p->client.memory);
    options.log = heard_take;
    options.log_user = &p->heard;
    options.log_filter = "info";
    hook_options.local_worker_id = "0";
    hook_options.is_client = is_client;
    assert_ok(sy_context_new(&p->client.context, &options, &err), &err);
    assert_ok(sy_hook_new(p->client.context, &p->client.hook, &hook_options, &err), &err);
    p->client.worker = sy_hook_get_local_worker(p->client.hook);
    snprintf(p->client_url, sizeof p->client_url, "%s", place_listen(&p->client, kind->url, NULL));
    p->two = place_connect(&p->client, p->server_url, 5000);
    assert_ok(sy_worker_add_worker(p->client.worker, p->two, &err), &err);
}

static void close_two(pair_of_two *p)
{
    place_close(&p->client);
    place_close(&p->server);
}

static sy_tensor *send_floats(pair_of_two *p, const float *values)
{
    sy_error err = SY_ERROR_INIT;
    sy_tensor *x = NULL;
    sy_tensor *pointer = NULL;
    assert_ok(sy_tensor_from_floats(p->client.hook, &x, values, 5, &err), &err);
    assert_ok(sy_tensor_send(x, &pointer, p->two, &err), &err);
    sy_tensor_unref(x);
    return pointer;
}

static void assert_values(sy_tensor *tensor, const float *expected, size_t count)
{
    sy_error err = SY_ERROR_INIT;
    float values[8];
    assert_ok(sy_tensor_copy_data(tensor, values, count * sizeof *values, &err), &err);
    for (size_t k = 0; k < count; k++) {
        assert_true(values[k] == expected[k]);
    }
}

/* Messages of that kind that worker 2 has received. */
static size_t received(pair_of_two *p, const char *kind)
{
    sy_error err = SY_ERROR_INIT;
    sy_logged_message *messages = NULL;
    size_t count = 0;
    size_t of_kind = 0;
    assert_ok(sy_worker_get_log(p->server.worker, &messages, &count, 0, &err), &err);
    for (size_t k = 0; k < count; k++) {
        of_kind += messages[k].received && strcmp(messages[k].kind, kind) == 0;
    }
    sy_logged_messages_free(p->server.hook, messages, count);
    return of_kind;
}

static void test_the_documents_client(void **state)
{
    static const char *const lines[] = {"Hooking into Torch...",
                                        "Overloading Complete.",
                                        "Starting Socket Worker...",
                                        "Ready!",
                                        "Attaching Pointer to Socket Worker...",
                                        NULL};
    pair_of_two p;
    sy_error err = SY_ERROR_INIT;
    char *text = NULL;
    sy_tensor *result = NULL;
    open_two(&p, *state, true);
    assert_true(heard_in_order(&p.heard, lines));
    assert_ok(sy_worker_log_messages(p.server.worker, NULL, &err), &err);
    sy_tensor *x = send_floats(&p, (const float[]){1, 2, 3, 4, 5});
    sy_tensor *x2 = send_floats(&p, (const float[]){1, 2, 3, 4, 4});
    sy_scope *s = sy_scope_begin(p.client.hook);
    sy_tensor *y = sy_scope_keep(s, sy_add(s, sy_add(s, x, x2), x));
    assert_ok(sy_scope_end(s, &err), &err);

    assert_ok(sy_tensor_to_text(y, &text, &err), &err);
    assert_non_null(strstr(text, "PointerTensor | 0:"));
    assert_non_null(strstr(text, "-> 2:"));
    sy_string_free(p.client.hook, text);
    assert_ok(sy_tensor_get(y, &result, &err), &err);
    assert_values(result, (const float[]){3, 6, 9, 12, 14}, 5);
    assert_int_equal(received(&p, "object"), 2);
    assert_int_equal(received(&p, "command"), 2);
    assert_int_equal(received(&p, "object request"), 1);
    sy_tensor_unref(result);
    sy_tensor_unref(y);
    sy_tensor_unref(x);
    sy_tensor_unref(x2);
    assert_true(wait_for_count(p.server.worker, 0, 5000));
    close_two(&p);
}

/* The local worker listens: another process has pointers to its objects, computes with them and gets them. */
static void test_others_ask_for_its_objects(void **state)
{
    pair_of_two p;
    test_place third;
    sy_error err = SY_ERROR_INIT;
    sy_tensor *x = NULL;
    sy_tensor *result = NULL;
    sy_tensor *pointer = NULL;
    open_two(&p, *state, false);
    assert_ok(sy_tensor_from_floats(p.client.hook, &x, (const float[]){1, 2, 3}, 3, &err), &err);
    assert_ok(sy_worker_register_object(p.client.worker, x, NULL, &err), &err);
    const sy_id id = sy_tensor_get_id(x);

    place_open(&third, "3", true, 1);
    sy_worker *zero = place_connect(&third, p.client_url, 5000);
    assert_ok(sy_tensor_point_to(third.hook, &pointer, zero, &id, &err), &err);
    sy_scope *s = sy_scope_begin(third.hook);
    sy_tensor *sum = sy_scope_keep(s, sy_add(s, pointer, pointer));
    assert_ok(sy_scope_end(s, &err), &err);
    assert_ok(sy_tensor_get(sum, &result, &err), &err);
    assert_values(result, (const float[]){2, 4, 6}, 3);
    sy_tensor_unref(result);
    sy_tensor_unref(sum);
    /* What its owner changes, the other sees: it is the object itself. */
    s = sy_scope_begin(p.client.hook);
    (void)sy_neg_(s, x);
    assert_ok(sy_scope_end(s, &err), &err);
    assert_ok(sy_tensor_copy_get(pointer, &result, &err), &err);
    assert_values(result, (const float[]){-1, -2, -3}, 3);
    sy_tensor_unref(result);
    sy_tensor_unref(pointer);
    place_close(&third);
    sy_worker_remove_object(p.client.worker, &id);
    sy_tensor_unref(x);
    close_two(&p);
}

/* Worker 2 is told of worker 0 and works with it directly: what a third party has at 2 moves to 0. */
static void test_the_server_reaches_the_client(void **state)
{
    pair_of_two p;
    test_place third;
    sy_error err = SY_ERROR_INIT;
    sy_tensor *x = NULL;
    sy_tensor *pointer = NULL;
    sy_tensor *result = NULL;
    open_two(&p, *state, false);
    place_open(&third, "3", true, 1);
    sy_worker *zero = place_connect(&third, p.client_url, 5000);
    sy_worker *two = place_connect(&third, p.server_url, 5000);
    assert_ok(sy_worker_introduce(two, zero, NULL, &err), &err);
    assert_ok(sy_tensor_from_floats(third.hook, &x, (const float[]){1, 2, 3}, 3, &err), &err);
    assert_ok(sy_tensor_send(x, &pointer, two, &err), &err);
    assert_ok(sy_tensor_move_(pointer, zero, &err), &err);
    assert_int_equal(sy_worker_get_object_count(p.client.worker), 1);
    assert_true(wait_for_count(p.server.worker, 0, 5000));
    assert_ok(sy_tensor_get(pointer, &result, &err), &err);
    assert_values(result, (const float[]){1, 2, 3}, 3);
    assert_int_equal(sy_worker_get_object_count(p.client.worker), 0);
    sy_tensor_unref(result);
    sy_tensor_unref(pointer);
    sy_tensor_unref(x);
    place_close(&third);
    close_two(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REMOTE_KINDS(test_the_documents_client),
        REMOTE_KINDS(test_others_ask_for_its_objects),
        REMOTE_KINDS(test_the_server_reaches_the_client),
    };
    return workers_run(tests);
}
