/* 004_send_object.c - T13, reference 004 lines 99-100: send_obj sends the object and removes it here. */
#include "support/worker_kinds.h"

/* A worker of the client's own that registers what it is given (the local worker is a client). */
static sy_worker *owner_with(workers *w, sy_tensor *x)
{
    sy_worker *owner = NULL;
    assert_ok(sy_virtual_worker_new(w->hook, &owner, "owner", &w->err), &w->err);
    assert_ok(sy_worker_register_object(owner, x, NULL, &w->err), &w->err);
    assert_int_equal(sy_worker_get_object_count(owner), 1);
    return owner;
}

static void test_removes_after_success(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    const sy_id id = sy_tensor_get_id(x);
    sy_worker *owner = owner_with(w, x);
    assert_ok(sy_worker_send_object(owner, x, w->bob, true, &w->err), &w->err);
    assert_count(w, owner, 0);
    assert_count(w, w->bob_serving, 1); /* nobody's pointer owns it */
    assert_floats(w, workers_object(w, w->bob_serving, &id), 1, 2);
    assert_floats(w, x, 1, 2); /* the handle is the caller's */
}

static void test_keeps_without_remove(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    sy_worker *owner = owner_with(w, x);
    assert_ok(sy_worker_send_object(owner, x, w->bob, false, &w->err), &w->err);
    assert_count(w, owner, 1);
    assert_count(w, w->bob_serving, 1);
}

static void test_failure_removes_nothing(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    const sy_id id = sy_tensor_get_id(x);
    sy_worker *owner = owner_with(w, x);
    sy_worker_set_memory_limit(w->bob_serving, 4);
    assert_fails(w, sy_worker_send_object(owner, x, w->bob, true, &w->err), SY_ELIMIT, "bob");
    assert_count(w, owner, 1);
    assert_count(w, w->bob_serving, 0);
    assert_ptr_equal(workers_object(w, owner, &id), x);
    sy_worker_set_memory_limit(w->bob_serving, 0);
    assert_ok(sy_worker_send_object(owner, x, w->bob, true, &w->err), &w->err);
    assert_count(w, owner, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_removes_after_success),
        WORKER_KINDS(test_keeps_without_remove),
        WORKER_KINDS(test_failure_removes_nothing),
    };
    return workers_run(tests);
}
