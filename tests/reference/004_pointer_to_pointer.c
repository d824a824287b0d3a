/*
 * 004_pointer_to_pointer.c - T12, reference 004 lines 118-121: p = x.send(alice); q = p.send(bob) gives bob
 * "the root of the chain": self->alice->obj becomes self->bob->alice->obj, and get is the way back.
 */
#include "support/worker_kinds.h"

static const char *const to_alice = "(Wrapper)>\\[PointerTensor | me:* -> alice:*\\]";
static const char *const to_bob = "(Wrapper)>\\[PointerTensor | me:* -> bob:*\\]";
static const char *const bob_to_alice = "(Wrapper)>\\[PointerTensor | bob:* -> alice:*\\]";

typedef struct chain {
    sy_tensor *p, *q;
} chain;

static chain make(workers *w)
{
    chain c;
    c.p = workers_send(w, FLOATS(w, 1, 2, 3), w->alice);
    assert_text(w, c.p, to_alice);
    c.q = workers_send(w, c.p, w->bob);
    assert_text(w, c.q, to_bob);
    return c;
}

static void test_send_and_get_back(void **state)
{
    workers *w = *state;
    chain c = make(w);
    assert_count(w, w->bob_serving, 1);
    assert_count(w, w->alice_serving, 1);
    const sy_id at_bob = sy_tensor_get_id_at_location(c.q);
    assert_text(w, workers_object(w, w->bob_serving, &at_bob), bob_to_alice);

    sy_tensor *back = workers_get(w, c.q); /* self->alice->obj */
    assert_text(w, back, to_alice);
    assert_count(w, w->bob_serving, 0);
    assert_count(w, w->alice_serving, 1);

    sy_tensor *value = workers_get(w, back);
    assert_floats(w, value, 1, 2, 3);
    assert_count(w, w->alice_serving, 0);
}

static void test_dropping_the_outer_pointer(void **state)
{
    workers *w = *state;
    chain c = make(w);
    workers_drop(w, c.q);
    assert_count(w, w->bob_serving, 0);
    assert_count(w, w->alice_serving, 0);
}

/* The inner pointer's duty went with it: dropping it first deletes nothing. */
static void test_dropping_the_inner_pointer(void **state)
{
    workers *w = *state;
    chain c = make(w);
    assert_false(sy_tensor_get_garbage_collect(c.p));
    workers_drop(w, c.p);
    assert_count(w, w->bob_serving, 1);
    assert_count(w, w->alice_serving, 1);
    assert_floats(w, workers_get(w, workers_get(w, c.q)), 1, 2, 3);
}

/* After get the duty is here again. */
static void test_duty_comes_back_with_get(void **state)
{
    workers *w = *state;
    chain c = make(w);
    sy_tensor *back = workers_get(w, c.q);
    assert_true(sy_tensor_get_garbage_collect(back));
    assert_count(w, w->alice_serving, 1);
    workers_drop(w, back);
    assert_count(w, w->alice_serving, 0);
}

/* In place: x itself becomes the chain and comes back step by step. */
static void test_in_place(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 4, 5);
    assert_ok(sy_tensor_send_(x, w->alice, &w->err), &w->err);
    assert_text(w, x, to_alice);
    assert_ok(sy_tensor_send_(x, w->bob, &w->err), &w->err);
    assert_text(w, x, to_bob);
    assert_count(w, w->alice_serving, 1);
    assert_count(w, w->bob_serving, 1);
    assert_ok(sy_tensor_get_(x, &w->err), &w->err);
    assert_text(w, x, to_alice);
    assert_count(w, w->alice_serving, 1);
    assert_ok(sy_tensor_get_(x, &w->err), &w->err);
    assert_floats(w, x, 4, 5);
    assert_count(w, w->alice_serving, 0);
    assert_count(w, w->bob_serving, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_send_and_get_back),
        WORKER_KINDS(test_dropping_the_outer_pointer),
        WORKER_KINDS(test_dropping_the_inner_pointer),
        WORKER_KINDS(test_duty_comes_back_with_get),
        WORKER_KINDS(test_in_place),
    };
    return workers_run(tests);
}
