/* 000_get_worker.c - T2, reference 000 lines 299-312: me.get_worker("bob") and me.get_worker(bob). */
#include <stdio.h>
#include <string.h>

#include "support/worker_kinds.h"

static void test_by_id_and_by_worker(void **state)
{
    workers *w = *state;
    sy_worker *by_id = NULL;
    assert_ok(sy_worker_get_worker(w->me, &by_id, "bob", false, &w->err), &w->err);
    assert_ptr_equal(by_id, w->bob);

    /* With the worker itself: C adds it (it is known: nothing happens) and it is its own answer. */
    char name[64];
    sy_worker *by_worker = NULL;
    const sy_id id = sy_worker_get_id(w->bob);
    assert_ok(sy_worker_add_worker(w->me, w->bob, &w->err), &w->err);
    assert_ok(sy_worker_get_worker(w->me, &by_worker, sy_id_format(&id, name, sizeof name), true,
                                   &w->err),
              &w->err);
    assert_ptr_equal(by_worker, w->bob);
    assert_int_equal(sy_worker_get_kind(by_worker), w->kind->kind);
    assert_ptr_equal(sy_worker_get_hook(by_worker), w->hook);
}

static void test_unknown_and_fail_hard(void **state)
{
    workers *w = *state;
    sy_worker *found = w->bob;
    workers_log_clear(w);
    assert_fails(w, sy_worker_get_worker(w->me, &found, "carol", true, &w->err), SY_ENOTFOUND,
                 "carol", "not known", "me");
    assert_null(found);
    assert_int_equal(workers_log_count(w, SY_LOG_WARNING, "workers", NULL), 0);
}

static void test_unknown_is_a_warning(void **state)
{
    workers *w = *state;
    sy_worker *found = w->bob;
    workers_log_clear(w);
    assert_ok(sy_worker_get_worker(w->me, &found, "carol", false, &w->err), &w->err);
    assert_null(found);
    assert_int_equal(workers_log_count(w, SY_LOG_WARNING, "workers", NULL), 1);
    assert_int_equal(workers_log_count(w, SY_LOG_WARNING, "workers", "carol is not known"), 1);
}

/* The documented text: "<...VirtualWorker id:bob>", with the count of objects where it is known. */
static void test_text(void **state)
{
    workers *w = *state;
    char text[128];
    char expected[64];
    snprintf(expected, sizeof expected, "<%s id:bob", w->kind->type);
    assert_ptr_equal(sy_worker_to_text(w->bob, text, sizeof text), text);
    assert_memory_equal(text, expected, strlen(expected));
    (void)workers_send(w, FLOATS(w, 1), w->bob);
    if (w->kind->url == NULL) {
        assert_string_equal(sy_worker_to_text(w->bob, text, sizeof text),
                            "<VirtualWorker id:bob #objects:1>");
    }
}

/* Every kind says who it is, and never what it holds (004:79, 004:84). */
static void test_whoami(void **state)
{
    workers *w = *state;
    char *text = NULL;
    (void)workers_publish(w, w->bob, w->bob_serving, "secret-name", "#secret", false, 0, NULL,
                          SY_DTYPE_F32, &(float){0});
    assert_ok(sy_worker_whoami(w->bob, &text, &w->err), &w->err);
    assert_non_null(strstr(text, "id: bob"));
    assert_non_null(strstr(text, w->kind->whoami));
    assert_non_null(strstr(text, "version: "));
    assert_non_null(strstr(text, "csyft.v1"));
    assert_null(strstr(text, "secret"));
    sy_string_free(w->hook, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_by_id_and_by_worker),
        WORKER_KINDS(test_unknown_and_fail_hard),
        WORKER_KINDS(test_unknown_is_a_warning),
        WORKER_KINDS(test_text),
        WORKER_KINDS(test_whoami),
    };
    return workers_run(tests);
}
