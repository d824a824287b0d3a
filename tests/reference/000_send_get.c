/* 000_send_get.c - T1, reference 000 lines 95-119: x.send(bob), x.get(), in place and with a pointer. */
#include "support/worker_kinds.h"

static sy_tensor *one_to_five(workers *w)
{
    return FLOATS(w, 1, 2, 3, 4, 5);
}

/* The documented session: x itself becomes the pointer, and the values again. */
static void test_send_in_place_and_get(void **state)
{
    workers *w = *state;
    sy_tensor *x = one_to_five(w);
    float room[5];
    assert_ok(sy_worker_add_workers(w->me, &w->bob, 1, &w->err), &w->err);
    assert_false(sy_tensor_is_wrapper(x));

    assert_ok(sy_tensor_send_(x, w->bob, &w->err), &w->err);
    assert_true(sy_tensor_is_wrapper(x));
    assert_true(sy_tensor_is_pointer(x));
    assert_fails(w, sy_tensor_copy_data(x, room, sizeof room, &w->err), SY_EPERM, "get it first");
    assert_text(w, x, "(Wrapper)>\\[PointerTensor | me:* -> bob:*\\]");
    assert_ptr_equal(sy_tensor_get_location(x), w->bob);
    assert_count(w, w->bob_serving, 1);
    const sy_id id = sy_tensor_get_id_at_location(x);
    assert_floats(w, workers_object(w, w->bob_serving, &id), 1, 2, 3, 4, 5);

    assert_ok(sy_tensor_get_(x, &w->err), &w->err);
    assert_false(sy_tensor_is_wrapper(x));
    assert_floats(w, x, 1, 2, 3, 4, 5);
    assert_count(w, w->bob_serving, 0);
}

/* The later era: send gives a pointer and x stays. */
static void test_send_gives_a_pointer(void **state)
{
    workers *w = *state;
    sy_tensor *x = one_to_five(w);
    sy_tensor *p = workers_send(w, x, w->bob);
    assert_floats(w, x, 1, 2, 3, 4, 5);
    assert_false(sy_tensor_is_wrapper(x));
    assert_true(sy_tensor_is_wrapper(p));
    assert_text(w, p, "(Wrapper)>\\[PointerTensor | me:* -> bob:*\\]");
    assert_count(w, w->bob_serving, 1);
    assert_floats(w, workers_get(w, p), 1, 2, 3, 4, 5);
    assert_count(w, w->bob_serving, 0);
    assert_floats(w, x, 1, 2, 3, 4, 5);
}

/* What is got was copied: writing here or there does not show at the other end. */
static void test_the_copies_are_real(void **state)
{
    workers *w = *state;
    sy_tensor *x = one_to_five(w);
    sy_tensor *p = workers_send(w, x, w->bob);
    OP(w, "zero_", TENSOR(x));
    sy_tensor *copy = workers_copy_get(w, p);
    OP(w, "add_", TENSOR(p), INT(1));
    assert_floats(w, copy, 1, 2, 3, 4, 5);
    assert_floats(w, workers_get(w, p), 2, 3, 4, 5, 6);
}

/* 000: get takes the object away; a second get finds nothing and says so. */
static void test_second_get(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, one_to_five(w), w->bob);
    sy_tensor *again = NULL;
    (void)workers_get(w, p);
    assert_fails(w, sy_tensor_get(p, &again, &w->err), SY_ENOTFOUND,
                 "If you think this tensor does exist", "bob");
    assert_null(again);
    assert_fails(w, sy_tensor_get_(p, &w->err), SY_ENOTFOUND, "bob");
    assert_true(sy_tensor_is_pointer(p)); /* a failed get_ changes nothing */
}

/* Dropping the pointer deletes the object. */
static void test_dropping_the_pointer(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, one_to_five(w), w->bob);
    assert_count(w, w->bob_serving, 1);
    workers_drop(w, p);
    assert_count(w, w->bob_serving, 0);
}

/* 004:124-127: a tensor that requires a gradient takes it along and back. */
static void test_gradient_travels(void **state)
{
    workers *w = *state;
    sy_tensor *x = one_to_five(w);
    assert_ok(sy_tensor_set_requires_grad(x, true, &w->err), &w->err);
    assert_ok(sy_tensor_backward(OP(w, "sum", TENSOR(x)), NULL, &w->err), &w->err);
    sy_tensor *p = workers_send(w, x, w->bob);
    assert_true(sy_tensor_get_requires_grad(p));
    sy_tensor *twice = OP(w, "mul", TENSOR(p), INT(2));
    assert_ok(sy_tensor_backward(OP(w, "sum", TENSOR(twice)), NULL, &w->err), &w->err);
    sy_tensor *back = workers_get(w, p);
    sy_tensor *grad = NULL;
    assert_true(sy_tensor_get_requires_grad(back));
    assert_ok(sy_tensor_get_grad(back, &grad, &w->err), &w->err);
    assert_non_null(sy_scope_adopt(w->s, grad));
    assert_floats(w, grad, 3, 3, 3, 3, 3);
    sy_tensor *own = NULL;
    assert_ok(sy_tensor_get_grad(x, &own, &w->err), &w->err);
    assert_floats(w, sy_scope_adopt(w->s, own), 1, 1, 1, 1, 1); /* the local one is untouched */
}

/* Tags and description travel both ways. */
static void test_labels_travel(void **state)
{
    workers *w = *state;
    sy_tensor *x = one_to_five(w);
    assert_ok(sy_tensor_tag(x, "#ages", &w->err), &w->err);
    assert_ok(sy_tensor_describe(x, "ages of five people", &w->err), &w->err);
    sy_tensor *p = workers_send(w, x, w->bob);
    assert_string_equal(sy_tensor_get_tag(p, 0), "#ages");
    sy_tensor *back = workers_get(w, p);
    assert_int_equal(sy_tensor_get_tag_count(back), 1);
    assert_string_equal(sy_tensor_get_tag(back, 0), "#ages");
    assert_string_equal(sy_tensor_get_description(back), "ages of five people");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_send_in_place_and_get), WORKER_KINDS(test_send_gives_a_pointer),
        WORKER_KINDS(test_the_copies_are_real),   WORKER_KINDS(test_second_get),
        WORKER_KINDS(test_dropping_the_pointer),  WORKER_KINDS(test_gradient_travels),
        WORKER_KINDS(test_labels_travel),
    };
    return workers_run(tests);
}
