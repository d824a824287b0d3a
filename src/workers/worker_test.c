/* worker_test.c - making, naming, listening, declaring; the room's beginning and end. */
#include <stdio.h>
#include <string.h>

#include <csyft/operations.h>
#include <csyft/pointer.h>
#include <csyft/worker.h>

#include "support/bare_worker.h"

static void test_virtual_workers(void **state)
{
    bare_worker *b = *state;
    sy_worker *again = NULL;
    sy_worker *zero = NULL;
    char text[128];
    assert_ok(sy_virtual_worker_new(b->hook, &again, "bob", &b->err), &b->err);
    assert_ptr_equal(again, b->bob);
    assert_ok(sy_virtual_worker_new(b->hook, &zero, NULL, &b->err), &b->err);
    assert_int_equal(sy_worker_get_id(zero).kind, SY_ID_INT);
    assert_int_equal(sy_worker_get_id(zero).number, 0);
    assert_string_equal(sy_worker_to_text(zero, text, sizeof text),
                        "<VirtualWorker id:0 #objects:0>");
    assert_int_equal(sy_worker_get_kind(b->bob), SY_WORKER_VIRTUAL);
    assert_int_equal(sy_worker_get_kind(b->me), SY_WORKER_LOCAL);
    assert_ptr_equal(sy_worker_get_hook(b->bob), b->hook);
    assert_bare_fails(b, sy_virtual_worker_new(b->hook, &again, "me", &b->err), SY_EEXIST, "me");
    assert_null(again);
    assert_bare_fails(b, sy_virtual_worker_new(b->hook, &again, "", &b->err), SY_EINVAL, "");
    assert_bare_fails(b, sy_virtual_worker_new(b->hook, &again, "a\nb", &b->err), SY_EINVAL, "");
    assert_bare_fails(b, sy_virtual_worker_new(b->hook, &again, "99999999999999999999", &b->err),
                      SY_ERANGE, "");
}

static void test_texts(void **state)
{
    bare_worker *b = *state;
    sy_id id = SY_ID_INIT;
    char text[128];
    char small[8];
    assert_ok(sy_id_from_text(&id, "far", &b->err), &b->err);
    assert_ok(syi_directory_introduce(b->hook, &id, "ws://127.0.0.1:1", &b->err), &b->err);
    assert_string_equal(sy_worker_to_text(syi_directory_find(b->hook, &id), text, sizeof text),
                        "<WebsocketClientWorker id:far url:ws://127.0.0.1:1>");
    assert_string_equal(sy_worker_to_text(b->bob, small, sizeof small), "<Virtua");
}

static void test_adding(void **state)
{
    bare_worker *b = *state;
    sy_worker *workers[] = {b->bob, b->me, b->bob};
    bare_worker other = {.context = b->context};
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.verbose = false;
    assert_ok(sy_worker_add_workers(b->me, workers, 3, &b->err),
              &b->err); /* known: nothing happens */
    assert_ok(syi_hook_new(b->context, &other.hook, &options, &b->err), &b->err);
    assert_ok(syi_workers_register(other.hook, &options, &b->err), &b->err);
    assert_bare_fails(b, sy_worker_add_worker(b->me, sy_hook_get_local_worker(other.hook), &b->err),
                      SY_EINVAL, "another hook");
    assert_bare_fails(b, sy_worker_add_worker(b->me, NULL, &b->err), SY_EINVAL, "add_worker");
    syi_hook_free(other.hook);
}

static void test_declaring_releases(void **state)
{
    bare_worker *b = *state;
    assert_bare_fails(b, sy_worker_declare_release(b->bob, "frobnicate", 1, &b->err), SY_EUNKNOWNOP,
                      "frobnicate");
    assert_bare_fails(b, sy_worker_declare_release(b->bob, "", 1, &b->err), SY_EUNKNOWNOP, "");
    assert_bare_fails(b, sy_worker_declare_release(b->bob, "sgd_", 0, &b->err), SY_EINVAL,
                      "0 rows");
    assert_bare_fails(b, sy_worker_declare_release(b->bob, "sgd_", -3, &b->err), SY_EINVAL,
                      "-3 rows");
    assert_null(b->bob->release_rows);
    assert_ok(sy_worker_declare_release(b->bob, "sgd_", 8, &b->err), &b->err);
    assert_ok(sy_worker_declare_release(b->bob, "mse_loss", 5, &b->err), &b->err);
    assert_ok(sy_worker_declare_release(b->bob, "sgd_", 4, &b->err), &b->err); /* the last counts */
    for (int k = 0; k < SYI_OP_COUNT; k++) {
        const int64_t expected = k == SYI_OP_sgd_ ? 4 : k == SYI_OP_mse_loss ? 5 : 0;
        assert_int_equal(b->bob->release_rows[k], expected);
    }
    assert_null(b->me->release_rows); /* each worker its own */
}

static void test_listening(void **state)
{
    bare_worker *b = *state;
    const char *first = NULL;
    const char *second = NULL;
    sy_listen_options options = SY_LISTEN_OPTIONS_INIT;
    options.lease_grace_ms = 123;
    options.message_max = 4567;
    assert_ok(sy_worker_listen(b->bob, "tcp://127.0.0.1:0", &options, &first, &b->err), &b->err);
    assert_ok(sy_worker_listen(b->bob, "tcp://127.0.0.1:0", &options, &second, &b->err), &b->err);
    assert_string_not_equal(first, second);
    assert_memory_equal(first, "tcp://127.0.0.1:", 16);
    assert_string_not_equal(first, "tcp://127.0.0.1:0");
    assert_int_equal(b->bob->lease_grace_ms, 123);
    assert_int_equal(b->bob->message_max, 4567);
    assert_bare_fails(b, sy_worker_listen(b->bob, first, NULL, NULL, &b->err), SY_EEXIST, first);
    const syi_worker_limits limits = b->bob->limits;
    sy_listen_options stricter = SY_LISTEN_OPTIONS_INIT; /* of a listener that there is not */
    stricter.requests_per_second = 7;
    stricter.objects_max = 7;
    stricter.message_max = 777;
    stricter.forbid_introductions = true;
    assert_bare_fails(b, sy_worker_listen(b->bob, first, &stricter, NULL, &b->err), SY_EEXIST,
                      first);
    assert_memory_equal(&b->bob->limits, &limits, sizeof limits);
    assert_true(b->bob->message_max != 777 && !b->bob->forbid_introductions);
    assert_bare_fails(b, sy_worker_listen(b->bob, "carrier-pigeon://x", NULL, NULL, &b->err),
                      SY_EINVAL, "carrier-pigeon");
    sy_worker_stop_listening(b->bob, 100);
    assert_null(b->bob->listening);
    sy_worker_stop_listening(b->bob, 100); /* nothing to stop */
    assert_ok(sy_worker_listen(b->bob, "tcp://127.0.0.1:0", NULL, NULL, &b->err), &b->err);
}

static void test_listening_elsewhere(void **state)
{
    bare_worker *b = *state;
    sy_id id = SY_ID_INIT;
    assert_ok(sy_id_from_text(&id, "far", &b->err), &b->err);
    assert_ok(syi_directory_introduce(b->hook, &id, "tcp://127.0.0.1:1", &b->err), &b->err);
    assert_bare_fails(b,
                      sy_worker_listen(syi_directory_find(b->hook, &id), "tcp://127.0.0.1:0", NULL,
                                       NULL, &b->err),
                      SY_EINVAL, "not in this process");
}

static void test_connecting_to_nobody(void **state)
{
    bare_worker *b = *state;
    sy_worker *found = b->bob;
    const size_t live = b->memory.live;
    assert_bare_fails(b, sy_worker_connect(b->hook, &found, "tcp://127.0.0.1:1", NULL, &b->err),
                      SY_ECLOSED, "127.0.0.1:1");
    assert_null(found);
    assert_bare_fails(b, sy_worker_connect(b->hook, &found, "inproc://x", NULL, &b->err),
                      SY_ENOTSUP, "inproc://x");
    assert_bare_fails(b, sy_worker_connect(b->hook, &found, "x", NULL, &b->err), SY_EINVAL, "x");
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    options.id = "bob"; /* a virtual worker */
    assert_bare_fails(b, sy_worker_connect(b->hook, &found, "tcp://127.0.0.1:1", &options, &b->err),
                      SY_EEXIST, "bob");
    assert_int_equal(b->memory.live, live);
}

static void test_traffic(void **state)
{
    bare_worker *b = *state;
    char *text = NULL;
    sy_traffic none = sy_worker_get_traffic(b->bob);
    assert_int_equal(none.messages_sent + none.messages_received, 0);
    assert_ok(sy_worker_whoami(b->bob, &text, &b->err), &b->err);
    sy_string_free(b->hook, text);
    const sy_traffic some = sy_worker_get_traffic(b->bob);
    assert_int_equal(some.messages_sent, 2); /* the greeting and the question */
    assert_int_equal(some.messages_received, 2);
    assert_true(some.bytes_sent > 80 && some.bytes_received > 80);
}

/* A worker asks itself, as any other. */
static void test_asking_oneself(void **state)
{
    bare_worker *b = *state;
    char *text = NULL;
    assert_ok(sy_worker_whoami(b->me, &text, &b->err), &b->err);
    assert_non_null(strstr(text, "id: me"));
    sy_string_free(b->hook, text);
}

typedef struct heard {
    size_t warnings;
    char last[200];
} heard;

static void hear(void *user, sy_log_level level, const char *component, const char *worker,
                 uint64_t message_id, const char *message)
{
    (void)worker;
    (void)message_id;
    heard *h = user;
    if (level == SY_LOG_WARNING && strcmp(component, "workers") == 0) {
        h->warnings++;
        strncpy(h->last, message, sizeof h->last - 1);
    }
}

static void test_options_of_the_local_worker(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    heard h = {0};
    sy_context *context = NULL;
    sy_hook *hook = NULL;
    sy_worker *found = NULL;
    sy_context_options surroundings = SY_CONTEXT_OPTIONS_INIT;
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    surroundings.log = hear;
    surroundings.log_user = &h;
    options.local_worker_id = "42";
    options.is_client = false;
    options.memory_limit = 1000;
    assert_ok(sy_context_new(&context, &surroundings, &err), &err);
    assert_ok(syi_hook_new(context, &hook, &options, &err), &err);
    assert_ok(syi_workers_register(hook, &options, &err), &err);
    sy_worker *local = sy_hook_get_local_worker(hook);
    assert_int_equal(sy_worker_get_id(local).number, 42);
    assert_false(local->is_client);
    assert_int_equal(local->account.limit, 1000);
    sy_worker_set_memory_limit(local, 2000);
    assert_int_equal(local->account.limit, 2000);
    assert_ok(sy_worker_get_worker(local, &found, "nobody", false, &err), &err);
    assert_null(found);
    assert_int_equal(h.warnings, 1);
    assert_string_equal(h.last, "worker nobody is not known");
    syi_hook_free(hook);
    sy_context_free(context);
}

/* Memory runs out while the room and a worker are made. */
static void test_out_of_memory(void **state)
{
    (void)state;
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.verbose = false;
    for (size_t nth = 1;; nth++) {
        failing_allocator memory = {0};
        sy_error err = SY_ERROR_INIT;
        sy_context *context = failing_allocator_context(&memory);
        sy_hook *hook = NULL;
        sy_worker *bob = NULL;
        assert_ok(syi_hook_new(context, &hook, &options, &err), &err);
        memory.fail_at = memory.calls + nth;
        sy_status status = syi_workers_register(hook, &options, &err);
        if (status == SY_OK) {
            status = sy_virtual_worker_new(hook, &bob, "bob", &err);
        }
        memory.fail_at = 0;
        const bool refused = memory.refused != 0;
        assert_status(status, refused ? SY_ENOMEM : SY_OK, &err);
        syi_hook_free(hook);
        sy_context_free(context);
        assert_int_equal(memory.live, 0);
        assert_false(memory.broken);
        if (!refused) {
            assert_true(nth > 5);
            return;
        }
    }
}

typedef struct seen_line {
    char worker[16];
    uint64_t message_id;
} seen_line;

static void see_line(void *user, sy_log_level level, const char *component, const char *worker,
                     uint64_t message_id, const char *message)
{
    seen_line *h = user;
    (void)level;
    if (strcmp(component, "hook") == 0 && strncmp(message, "neg(", 4) == 0) {
        snprintf(h->worker, sizeof h->worker, "%s", worker != NULL ? worker : "");
        h->message_id = message_id;
    }
}

/* An operation for a peer says whose request it was; the last line is the worker's, below the client's. */
static void test_log_lines_name_worker_and_request(void **state)
{
    (void)state;
    seen_line h = {"", 0};
    sy_error err = SY_ERROR_INIT;
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    sy_context *context = NULL;
    sy_hook *hook = NULL;
    sy_worker *bob = NULL;
    sy_tensor *x = NULL;
    sy_tensor *p = NULL;
    options.log = see_line;
    options.log_user = &h;
    options.log_filter = "info";
    assert_ok(sy_context_new(&context, &options, &err), &err);
    assert_ok(sy_hook_new(context, &hook, NULL, &err), &err);
    assert_ok(sy_virtual_worker_new(hook, &bob, "bob", &err), &err);
    assert_ok(sy_tensor_from_floats(hook, &x, (float[]){1, 2}, 2, &err), &err);
    assert_ok(sy_tensor_send(x, &p, bob, &err), &err);
    sy_scope *s = sy_scope_begin(hook);
    (void)sy_neg(s, p);
    assert_ok(sy_scope_end(s, &err), &err);
    assert_string_equal(h.worker, "bob");
    assert_true(h.message_id != 0);
    sy_tensor_unref(p);
    sy_tensor_unref(x);
    sy_hook_free(hook);
    sy_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        bare_worker_test(test_virtual_workers),
        bare_worker_test(test_texts),
        bare_worker_test(test_adding),
        bare_worker_test(test_declaring_releases),
        bare_worker_test(test_listening),
        bare_worker_test(test_listening_elsewhere),
        bare_worker_test(test_connecting_to_nobody),
        bare_worker_test(test_traffic),
        bare_worker_test(test_asking_oneself),
        cmocka_unit_test(test_log_lines_name_worker_and_request),
        cmocka_unit_test(test_options_of_the_local_worker),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
