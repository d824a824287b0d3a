/* 000_worker_send.c - T3, reference 000 lines 489-496: a worker with the default id 0 gets x under id 1000. */
#include <stdio.h>
#include <string.h>

#include <csyft/multi_pointer.h>

#include "support/worker_kinds.h"

static const sy_id id_1000 = {.number = 1000, .kind = SY_ID_INT};

/* "0" is the reference's default id; a virtual worker takes it by itself. */
static sy_worker *worker_zero(workers *w, sy_worker **serving)
{
    if (w->kind->url != NULL) {
        return workers_add(w, "0", serving);
    }
    assert_ok(sy_virtual_worker_new(w->hook, serving, NULL, &w->err), &w->err);
    return *serving;
}

static void test_remote_id(void **state)
{
    workers *w = *state;
    sy_worker *serving = NULL;
    sy_worker *zero = worker_zero(w, &serving);
    sy_tensor *x = FLOATS(w, 1, 2, 3, 4);
    sy_tensor *p = NULL;
    assert_int_equal(sy_worker_get_id(zero).kind, SY_ID_INT);
    assert_int_equal(sy_worker_get_id(zero).number, 0);
    assert_ok(sy_worker_send(w->me, &p, x, zero, &id_1000, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, p);
    assert_count(w, serving, 1);
    assert_floats(w, workers_object(w, serving, &id_1000), 1, 2, 3, 4);
    assert_text(w, p, "(Wrapper)>\\[PointerTensor | me:* -> 0:1000\\]");
    const sy_id at = sy_tensor_get_id_at_location(p);
    assert_true(sy_id_equal(&at, &id_1000));
    assert_floats(w, workers_get(w, p), 1, 2, 3, 4);
    assert_count(w, serving, 0);
}

/* "to a worker, or a list of workers" (000:471-481): one handle for both, the id at each of them. */
static void test_a_list_of_workers(void **state)
{
    workers *w = *state;
    sy_worker *const both[] = {w->alice, w->bob};
    sy_tensor *x = FLOATS(w, 1, 2, 3, 4);
    sy_tensor *p = NULL;
    assert_ok(sy_worker_send_to_many(w->me, &p, x, both, 2, &id_1000, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, p);
    assert_true(sy_tensor_is_multi_pointer(p));
    assert_int_equal(sy_multi_pointer_get_count(p), 2);
    assert_count(w, w->alice_serving, 1);
    assert_floats(w, workers_object(w, w->alice_serving, &id_1000), 1, 2, 3, 4);
    assert_floats(w, workers_object(w, w->bob_serving, &id_1000), 1, 2, 3, 4);
    sy_tensor *sum = NULL;
    assert_ok(sy_multi_pointer_get_sum(p, &sum, &w->err), &w->err);
    assert_floats(w, sy_scope_adopt(w->s, sum), 2, 4, 6, 8);
    assert_count(w, w->bob_serving, 0);
    sy_worker *const twice[] = {w->alice, w->alice};
    assert_fails(w, sy_worker_send_to_many(w->me, &p, x, twice, 2, NULL, &w->err), SY_EEXIST,
                 "alice");
    assert_fails(w, sy_worker_send_to_many(NULL, &p, x, both, 2, NULL, &w->err), SY_EINVAL, "NULL");
    assert_count(w, w->alice_serving, 0);
}

/* Without an id it keeps the tensor's own. */
static void test_default_remote_id(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2, 3, 4);
    const sy_id own = sy_tensor_get_id(x);
    sy_tensor *p = workers_send(w, x, w->bob);
    const sy_id at = sy_tensor_get_id_at_location(p);
    assert_true(sy_id_equal(&at, &own));
    assert_floats(w, workers_object(w, w->bob_serving, &own), 1, 2, 3, 4);
}

/* Making it again gives the same worker, tensors included (workers.md, construction). */
static void test_second_worker_zero_is_the_same(void **state)
{
    workers *w = *state;
    sy_worker *serving = NULL;
    sy_worker *again = NULL;
    sy_worker *zero = worker_zero(w, &serving);
    (void)workers_send(w, FLOATS(w, 1), zero);
    if (w->kind->url == NULL) {
        assert_ok(sy_virtual_worker_new(w->hook, &again, NULL, &w->err), &w->err);
    } else {
        char url[128];
        char text[192];
        sy_worker_to_text(zero, text, sizeof text); /* "<SocketWorker id:0 url:tcp://...>" */
        snprintf(url, sizeof url, "%.*s", (int)strcspn(strstr(text, "url:") + 4, ">"),
                 strstr(text, "url:") + 4);
        assert_ok(sy_worker_connect(w->hook, &again, url, NULL, &w->err), &w->err);
    }
    assert_ptr_equal(again, zero);
    assert_count(w, serving, 1);
}

/* Same id, another kind: refused by name. */
static void test_same_id_of_another_kind(void **state)
{
    workers *w = *state;
    sy_worker *other = w->bob;
    if (w->kind->url == NULL) {
        sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
        options.id = "bob";
        assert_fails(w, sy_worker_connect(w->hook, &other, "tcp://127.0.0.1:1", &options, &w->err),
                     SY_EEXIST, "bob", "exists already");
    } else {
        assert_fails(w, sy_virtual_worker_new(w->hook, &other, "bob", &w->err), SY_EEXIST, "bob",
                     "exists already");
    }
    assert_null(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_remote_id),
        WORKER_KINDS(test_a_list_of_workers),
        WORKER_KINDS(test_default_remote_id),
        LIBRARY_WORKER_KINDS(test_second_worker_zero_is_the_same),
        WORKER_KINDS(test_same_id_of_another_kind),
    };
    return workers_run(tests);
}
