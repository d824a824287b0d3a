/*
 * multi_pointers.c - one handle for tensors at several workers (<csyft/multi_pointer.h>), over every kind of
 * worker: what is combined and what is refused, operations and who answers them, getting, gradients, travel.
 * The reference's example is in tests/reference/003_combine_pointers.c.
 */
#include <string.h>

#include <csyft/multi_pointer.h>

#include "support/worker_kinds.h"

static sy_tensor *combined(workers *w, sy_tensor *a, sy_tensor *b)
{
    sy_tensor *made = NULL;
    assert_ok(sy_tensor_combine(a, &made, &b, 1, &w->err), &w->err);
    return sy_scope_adopt(w->s, made);
}

/* [1, 2] at bob and [10, 20] at alice. */
static sy_tensor *pair(workers *w)
{
    return combined(w, workers_send(w, FLOATS(w, 1, 2), w->bob),
                    workers_send(w, FLOATS(w, 10, 20), w->alice));
}

/* Both parts, got; in the order of combining. */
static void got(workers *w, sy_tensor *multi, sy_tensor *parts[2])
{
    size_t count = 0;
    assert_ok(sy_multi_pointer_get(multi, parts, 2, &count, &w->err), &w->err);
    assert_int_equal(count, 2);
    (void)sy_scope_adopt(w->s, parts[0]);
    (void)sy_scope_adopt(w->s, parts[1]);
}

#define assert_parts(w, multi, first, second)                \
    do {                                                     \
        sy_tensor *parts_[2];                                \
        got((w), (multi), parts_);                           \
        assert_floats((w), parts_[0], first[0], first[1]);   \
        assert_floats((w), parts_[1], second[0], second[1]); \
    } while (0)
#define PAIR(a, b) ((const double[]){(a), (b)})

/* --- combining ------------------------------------------------------------------------------------ */

static void test_combine(void **state)
{
    workers *w = *state;
    sy_tensor *x = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *y = workers_send(w, FLOATS(w, 10, 20), w->alice);
    sy_tensor *m = combined(w, x, y);
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    assert_true(sy_tensor_is_multi_pointer(m));
    assert_false(sy_tensor_is_pointer(m));
    assert_true(sy_tensor_is_wrapper(m));
    assert_int_equal(sy_multi_pointer_get_count(m), 2);
    assert_ptr_equal(sy_multi_pointer_get_location(m, 0), w->bob);
    assert_ptr_equal(sy_multi_pointer_get_location(m, 1), w->alice);
    assert_null(sy_multi_pointer_get_location(m, 2));
    assert_int_equal(sy_multi_pointer_get_count(x), 0);
    assert_text(w, m,
                "(Wrapper)>\\[MultiPointerTensor\\]\n\t-> \\[PointerTensor | me:* -> bob:*\\]\n"
                "\t-> \\[PointerTensor | me:* -> alice:*\\]");
    assert_ok(sy_tensor_get_shape(m, &ndim, shape, &w->err), &w->err);
    assert_int_equal(ndim, 1);
    assert_int_equal(shape[0], 2);
    /* the objects live until the last handle on them has gone */
    workers_drop(w, x);
    workers_drop(w, y);
    assert_count(w, w->bob_serving, 1);
    workers_drop(w, m);
    assert_count(w, w->bob_serving, 0);
    assert_count(w, w->alice_serving, 0);
}

static void test_child(void **state)
{
    workers *w = *state;
    sy_tensor *x = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *m = combined(w, x, workers_send(w, FLOATS(w, 10, 20), w->alice));
    sy_tensor *child = NULL;
    assert_ok(sy_multi_pointer_get_child(m, &child, 1, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, child);
    assert_ptr_equal(sy_tensor_get_location(child), w->alice);
    workers_drop(w, x);
    workers_drop(w, m);
    assert_count(w, w->bob_serving, 0);
    assert_floats(w, workers_get(w, child), 10, 20);
    assert_fails(w, sy_multi_pointer_get_child(child, &m, 0, &w->err), SY_EINVAL, "part 0 of 0");
}

/* The original kept the last of two children at one worker and lost the other silently. */
static void test_refused_combinations(void **state)
{
    workers *w = *state;
    sy_tensor *m = NULL;
    sy_tensor *x = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *same = workers_send(w, FLOATS(w, 3, 4), w->bob);
    sy_tensor *longer = workers_send(w, FLOATS(w, 1, 2, 3), w->alice);
    sy_tensor *here = FLOATS(w, 1, 2);
    sy_tensor *none = NULL;
    assert_fails(w, sy_tensor_combine(x, &m, &same, 1, &w->err), SY_EEXIST, "bob", "two");
    assert_null(m);
    assert_fails(w, sy_tensor_combine(x, &m, &longer, 1, &w->err), SY_ESHAPE, "bob", "alice", "2",
                 "3");
    assert_fails(w, sy_tensor_combine(x, &m, &here, 1, &w->err), SY_EINVAL, "argument 1",
                 "no pointer");
    assert_fails(w, sy_tensor_combine(x, &m, &none, 1, &w->err), SY_EINVAL, "no pointer");
    assert_fails(w, sy_combine_pointers(&m, NULL, 0, &w->err), SY_EINVAL, "0 pointers");
    sy_worker *twice[] = {w->bob, w->bob};
    assert_fails(w, sy_tensor_send_to_many(here, &m, twice, 2, &w->err), SY_EEXIST, "bob", "twice");
    assert_count(w, w->bob_serving, 2);
    assert_count(w, w->alice_serving, 1);
}

static void test_send_to_many(void **state)
{
    workers *w = *state;
    sy_worker *both[] = {w->bob, w->alice};
    sy_tensor *x = FLOATS(w, 1, 2);
    sy_tensor *m = NULL;
    assert_ok(sy_tensor_tag(x, "#x", &w->err), &w->err);
    assert_ok(sy_tensor_send_to_many(x, &m, both, 2, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, m);
    assert_string_equal(sy_tensor_get_tag(m, 0), "#x");
    assert_count(w, w->bob_serving, 1);
    assert_count(w, w->alice_serving, 1);
    assert_floats(w, x, 1, 2);
    assert_parts(w, OP(w, "mul", TENSOR(m), INT(3)), PAIR(3, 6), PAIR(3, 6));
    workers_drop(w, m);
    assert_count(w, w->bob_serving, 0);
    assert_count(w, w->alice_serving, 0);
}

/* --- operations ----------------------------------------------------------------------------------- */

static void test_operations(void **state)
{
    workers *w = *state;
    sy_tensor *m = pair(w);
    assert_parts(w, OP(w, "add", TENSOR(m), TENSOR(m)), PAIR(2, 4), PAIR(20, 40));
    assert_parts(w, OP(w, "torch.mul", TENSOR(m), INT(2)), PAIR(2, 4), PAIR(20, 40));
    assert_parts(w, OP(w, "rsub", TENSOR(m), INT(1)), PAIR(0, -1), PAIR(-9, -19));
    assert_parts(w, OP(w, "__sub__", TENSOR(m), TENSOR(OP(w, "neg", TENSOR(m)))), PAIR(2, 4),
                 PAIR(20, 40));
    assert_parts(w, OP(w, "gt", TENSOR(m), INT(1)), PAIR(0, 1), PAIR(1, 1));
    assert_parts(w, OP(w, "where", TENSOR(OP(w, "eq", TENSOR(m), TENSOR(m))), TENSOR(m), INT(0)),
                 PAIR(1, 2), PAIR(10, 20));
    workers_settle(w);
    sy_tensor *joined = OP(w, "cat", LIST(TENSOR(m), TENSOR(m)), INT(0));
    sy_tensor *sum = NULL;
    assert_ok(sy_multi_pointer_get_sum(joined, &sum, &w->err), &w->err);
    assert_floats(w, sy_scope_adopt(w->s, sum), 11, 22, 11, 22);
}

static void test_several_results(void **state)
{
    workers *w = *state;
    sy_tensor *m = pair(w);
    assert_ok(CALL(w, "split", TENSOR(m), INT(1)), &w->err);
    assert_int_equal(w->result_count, 2);
    sy_tensor *sum = NULL;
    assert_ok(sy_multi_pointer_get_sum(w->results[1], &sum, &w->err), &w->err);
    assert_floats(w, sy_scope_adopt(w->s, sum), 22);
}

static void test_plain_answers(void **state)
{
    workers *w = *state;
    sy_tensor *m = pair(w);
    assert_ok(CALL(w, "dim", TENSOR(m)), &w->err);
    assert_int_equal(w->value.kind, SY_VALUE_INT);
    assert_int_equal(w->value.as.integer, 1);
    assert_ok(CALL(w, "numel", TENSOR(m)), &w->err);
    assert_int_equal(w->value.as.integer, 2);
}

static void test_in_place(void **state)
{
    workers *w = *state;
    sy_tensor *x = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *m = combined(w, x, workers_send(w, FLOATS(w, 10, 20), w->alice));
    assert_ptr_equal(OP(w, "add_", TENSOR(m), INT(1)), m);
    assert_floats(w, workers_copy_get(w, x), 2, 3);
    assert_parts(w, m, PAIR(2, 3), PAIR(11, 21));
}

/* Every worker is asked before one of them is waited for, each once. */
static void test_messages(void **state)
{
    workers *w = *state;
    sy_tensor *m = pair(w);
    workers_settle(w);
    const uint64_t bob = sy_worker_get_traffic(w->bob).messages_sent;
    const uint64_t alice = sy_worker_get_traffic(w->alice).messages_sent;
    sy_tensor *y = OP(w, "add", TENSOR(m), TENSOR(m));
    assert_int_equal(sy_worker_get_traffic(w->bob).messages_sent - bob, 1);
    assert_int_equal(sy_worker_get_traffic(w->alice).messages_sent - alice, 1);
    assert_count(w, w->bob_serving, 2);
    workers_drop(w, y);
    assert_count(w, w->bob_serving, 1);
    assert_count(w, w->alice_serving, 1);
}

static void test_pipelined(void **state)
{
    workers *w = *state;
    sy_tensor *m = pair(w);
    sy_scope *s = sy_scope_begin(w->hook);
    (void)sy_scope_set_pipelined(s, true);
    sy_tensor *y = m;
    for (int k = 0; k < 20; k++) {
        y = sy_add(s, y, m);
    }
    (void)sy_scope_keep(s, y);
    assert_ok(sy_scope_end(s, &w->err), &w->err);
    assert_parts(w, sy_scope_adopt(w->s, y), PAIR(21, 42), PAIR(210, 420));
}

/* --- what does not go together -------------------------------------------------------------------- */

static void test_not_collocated(void **state)
{
    workers *w = *state;
    sy_tensor *m = pair(w);
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *t = FLOATS(w, 1, 2);
    sy_tensor *alone = NULL;
    assert_ok(sy_combine_pointers(&alone, &p, 1, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, alone);
    const uint64_t before = sy_worker_get_traffic(w->bob).messages_sent;
    assert_fails(w, CALL(w, "add", TENSOR(m), TENSOR(p)), SY_ECOLLOCATION, "add", "bob and alice",
                 "worker bob");
    assert_fails(w, CALL(w, "add", TENSOR(p), TENSOR(m)), SY_ECOLLOCATION, "add", "bob and alice",
                 "worker bob");
    assert_fails(w, CALL(w, "torch.mul", TENSOR(m), TENSOR(t)), SY_ECOLLOCATION, "mul", "local");
    assert_fails(w, CALL(w, "mul", TENSOR(t), TENSOR(m)), SY_ECOLLOCATION, "mul", "local");
    assert_fails(w, CALL(w, "add_", TENSOR(m), TENSOR(alone)), SY_ECOLLOCATION, "bob and alice",
                 "the same ones");
    assert_fails(w, CALL(w, "cat", LIST(TENSOR(m), TENSOR(p)), INT(0)), SY_ECOLLOCATION, "cat");
    assert_int_equal(sy_worker_get_traffic(w->bob).messages_sent, before);
}

/* One worker cannot: it is named, and what the other has made goes. */
static void test_one_worker_fails(void **state)
{
    workers *w = *state;
    sy_tensor *m = pair(w);
    sy_tensor *child = NULL;
    assert_ok(sy_multi_pointer_get_child(m, &child, 1, &w->err), &w->err);
    workers_get(w, sy_scope_adopt(w->s, child)); /* gone at alice */
    assert_fails(w, CALL(w, "add", TENSOR(m), INT(1)), SY_ENOTFOUND, "alice");
    assert_string_equal(w->err.worker, "alice");
    assert_count(w, w->bob_serving, 1);
    sy_tensor *parts[2];
    size_t count = 7;
    assert_fails(w, sy_multi_pointer_get(m, parts, 2, &count, &w->err), SY_ENOTFOUND, "alice");
    assert_int_equal(count, 0);
    assert_count(w, w->bob_serving, 1); /* get takes all, or none */
}

static void test_both_workers_fail(void **state)
{
    workers *w = *state;
    sy_tensor *m = pair(w);
    sy_tensor *n = NULL;
    sy_worker *both[] = {w->bob, w->alice};
    assert_ok(sy_tensor_send_to_many(FLOATS(w, 1, 2, 3), &n, both, 2, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, n);
    assert_fails(w, CALL(w, "add", TENSOR(m), TENSOR(n)), SY_ESHAPE, "add", "bob");
    assert_count(w, w->bob_serving, 2);
    assert_count(w, w->alice_serving, 2);
    assert_parts(w, OP(w, "add", TENSOR(m), INT(1)), PAIR(2, 3), PAIR(11, 21)); /* goes on */
}

/* --- getting -------------------------------------------------------------------------------------- */

static void test_get(void **state)
{
    workers *w = *state;
    sy_tensor *m = pair(w);
    sy_tensor *parts[2];
    sy_tensor *one = NULL;
    size_t count = 0;
    assert_fails(w, sy_multi_pointer_get(m, parts, 1, &count, &w->err), SY_ESIGNATURE, "2 parts",
                 "room for 1");
    assert_fails(w, sy_multi_pointer_get(FLOATS(w, 1), parts, 2, &count, &w->err), SY_EINVAL,
                 "no multi-pointer");
    assert_fails(w, sy_tensor_get(m, &one, &w->err), SY_EINVAL, "sy_multi_pointer_get");
    assert_parts(w, m, PAIR(1, 2), PAIR(10, 20));
    assert_count(w, w->bob_serving, 0);
    assert_count(w, w->alice_serving, 0);
    assert_fails(w, sy_multi_pointer_get_sum(m, &one, &w->err), SY_ENOTFOUND, "bob");
    assert_null(one);
}

/* A pointer that does not own takes the object as get does. */
static void test_get_without_owning(void **state)
{
    workers *w = *state;
    sy_tensor *x = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *y = workers_send(w, FLOATS(w, 10, 20), w->alice);
    sy_tensor_set_garbage_collect(x, false);
    sy_tensor *sum = NULL;
    assert_ok(sy_multi_pointer_get_sum(combined(w, x, y), &sum, &w->err), &w->err);
    assert_floats(w, sy_scope_adopt(w->s, sum), 11, 22);
    assert_count(w, w->bob_serving, 0);
    assert_count(w, w->alice_serving, 0);
}

static void test_virtual_get(void **state)
{
    workers *w = *state;
    sy_tensor *m = pair(w);
    sy_tensor *sum = NULL;
    sy_tensor *parts[2];
    size_t count = 0;
    workers_settle(w);
    const uint64_t before = sy_worker_get_traffic(w->bob).messages_sent;
    if (w->kind->kind != SY_WORKER_VIRTUAL) {
        assert_fails(w, sy_multi_pointer_virtual_get_sum(m, &sum, &w->err), SY_ENOTSUP, "bob",
                     "not virtual");
        return;
    }
    assert_ok(sy_multi_pointer_virtual_get_sum(m, &sum, &w->err), &w->err);
    assert_floats(w, sy_scope_adopt(w->s, sum), 11, 22);
    assert_ok(sy_multi_pointer_virtual_get(m, parts, 2, &count, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, parts[0]);
    (void)sy_scope_adopt(w->s, parts[1]);
    OP(w, "zero_", TENSOR(parts[0])); /* copies */
    assert_int_equal(sy_worker_get_traffic(w->bob).messages_sent, before);
    assert_count(w, w->bob_serving, 1);
    assert_parts(w, m, PAIR(1, 2), PAIR(10, 20));
    assert_fails(w, sy_multi_pointer_virtual_get_sum(m, &sum, &w->err), SY_ENOTFOUND, "bob");
}

static void test_private_part(void **state)
{
    workers *w = *state;
    const int64_t two = 2;
    sy_tensor *x = workers_publish(w, w->bob, w->bob_serving, "ages", "#ages", true, 1, &two,
                                   SY_DTYPE_F32, (const float[]){1, 2});
    sy_tensor *m = combined(w, x, workers_send(w, FLOATS(w, 10, 20), w->alice));
    sy_tensor *sum = NULL;
    assert_fails(w, sy_multi_pointer_get_sum(m, &sum, &w->err), SY_EPERM, "bob", "private");
    assert_count(w, w->alice_serving, 1);
    sy_tensor *y = OP(w, "add", TENSOR(m), INT(1));
    assert_fails(w, sy_multi_pointer_get_sum(y, &sum, &w->err), SY_EPERM, "bob", "private");
    if (w->kind->kind == SY_WORKER_VIRTUAL) {
        assert_fails(w, sy_multi_pointer_virtual_get_sum(m, &sum, &w->err), SY_EPERM, "bob");
    }
}

/* --- gradients ------------------------------------------------------------------------------------ */

/* d(sum(x * x)) = 2x at each worker, by the tape there. */
static void test_backward(void **state)
{
    workers *w = *state;
    sy_tensor *m = pair(w);
    sy_tensor *grad = NULL;
    assert_ok(sy_tensor_get_grad(m, &grad, &w->err), &w->err);
    assert_null(grad);
    assert_ok(sy_tensor_set_requires_grad(m, true, &w->err), &w->err);
    sy_tensor *loss = OP(w, "sum", TENSOR(OP(w, "mul", TENSOR(m), TENSOR(m))));
    assert_ok(sy_tensor_backward(loss, NULL, &w->err), &w->err);
    assert_ok(sy_tensor_get_grad(m, &grad, &w->err), &w->err);
    assert_true(sy_tensor_is_multi_pointer(sy_scope_adopt(w->s, grad)));
    assert_parts(w, OP(w, "clone", TENSOR(grad)), PAIR(2, 4), PAIR(20, 40));
    assert_ok(sy_tensor_set_grad(m, NULL, &w->err), &w->err);
    assert_ok(sy_tensor_get_grad(m, &grad, &w->err), &w->err);
    assert_null(grad);
    assert_ok(sy_tensor_set_grad(m, pair(w), &w->err), &w->err);
    assert_fails(w, sy_tensor_set_grad(m, FLOATS(w, 1, 2), &w->err), SY_ECOLLOCATION, "bob");
}

static void test_gradient_of_one_part(void **state)
{
    workers *w = *state;
    sy_tensor *x = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *m = combined(w, x, workers_send(w, FLOATS(w, 10, 20), w->alice));
    sy_tensor *grad = NULL;
    assert_ok(sy_tensor_set_requires_grad(x, true, &w->err), &w->err);
    assert_ok(sy_tensor_backward(OP(w, "sum", TENSOR(x)), NULL, &w->err), &w->err);
    assert_fails(w, sy_tensor_get_grad(m, &grad, &w->err), SY_ENOGRAD, "alice");
    assert_fails(w, sy_tensor_backward(OP(w, "sum", TENSOR(m)), NULL, &w->err), SY_ENOGRAD,
                 "alice");
}

/* --- travel --------------------------------------------------------------------------------------- */

static void test_travel(void **state)
{
    workers *w = *state;
    sy_tensor *m = pair(w);
    sy_tensor *sent = NULL;
    /* to a third worker, which forwards what is asked of it to both */
    sy_worker *carol_serving = NULL;
    sy_worker *carol = workers_add(w, "carol", &carol_serving);
    if (w->kind->kind != SY_WORKER_VIRTUAL) {
        assert_ok(sy_worker_introduce(carol, w->bob, NULL, &w->err), &w->err);
        assert_ok(sy_worker_introduce(carol, w->alice, NULL, &w->err), &w->err);
    }
    sent = workers_send(w, m, carol);
    workers_drop(w, m); /* the duty to delete went along */
    assert_count(w, w->bob_serving, 1);
    sy_tensor *y = OP(w, "add", TENSOR(sent), TENSOR(sent));
    sy_tensor *back = workers_get(w, y);
    assert_true(sy_tensor_is_multi_pointer(back));
    assert_parts(w, back, PAIR(2, 4), PAIR(20, 40));
    workers_drop(w, sent);
    assert_count(w, carol_serving, 0);
    assert_count(w, w->bob_serving, 0);
    assert_count(w, w->alice_serving, 0);
}

/* The worker has one of the parts itself: for it that is a pointer to itself, and all is as with the other one. */
static void test_travel_to_a_part(void **state)
{
    workers *w = *state;
    sy_tensor *x = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *m = combined(w, x, workers_send(w, FLOATS(w, 10, 20), w->alice));
    sy_tensor *sent = workers_send(w, m, w->bob);
    assert_count(w, w->bob_serving, 2); /* the part, and the multi-pointer */
    workers_drop(w, m);
    workers_drop(w, x); /* the duty to delete went along */
    assert_count(w, w->bob_serving, 2);
    assert_count(w, w->alice_serving, 1);
    sy_tensor *y = OP(w, "add", TENSOR(sent), TENSOR(sent));
    sy_tensor *back = workers_get(w, OP(w, "mul", TENSOR(y), INT(3)));
    assert_true(sy_tensor_is_multi_pointer(back));
    assert_ptr_equal(sy_multi_pointer_get_location(back, 0), w->bob);
    assert_ptr_equal(sy_multi_pointer_get_location(back, 1), w->alice);
    assert_parts(w, back, PAIR(6, 12), PAIR(60, 120));
    OP(w, "add_", TENSOR(sent), INT(1)); /* in place, also what lies beside it */
    sy_tensor *again = workers_get(w, sent);
    workers_drop(w, y);
    assert_count(w, w->bob_serving, 1);
    assert_parts(w, again, PAIR(2, 3), PAIR(11, 21));
    assert_count(w, w->bob_serving, 0);
    assert_count(w, w->alice_serving, 0);
}

/* Dropped at the worker: the parts go, its own as well. */
static void test_end_at_a_part(void **state)
{
    workers *w = *state;
    sy_tensor *m = pair(w);
    sy_tensor *sent = workers_send(w, m, w->bob);
    workers_drop(w, m);
    workers_drop(w, sent);
    assert_count(w, w->bob_serving, 0);
    assert_count(w, w->alice_serving, 0);
}

/* A worker that does not know all of the others refuses it, and nothing is lost. */
static void test_travel_to_a_stranger(void **state)
{
    workers *w = *state;
    sy_tensor *m = pair(w), *sent = NULL;
    sy_worker *carol = workers_add(w, "carol", NULL);
    if (w->kind->kind == SY_WORKER_VIRTUAL) {
        return; /* of one hook: everybody knows everybody */
    }
    assert_ok(sy_worker_introduce(carol, w->bob, NULL, &w->err), &w->err);
    assert_fails(w, sy_tensor_send(m, &sent, carol, &w->err), SY_ENOTFOUND, "alice", "introduce");
    assert_null(sent);
    assert_count(w, w->bob_serving, 1);
    assert_parts(w, m, PAIR(1, 2), PAIR(10, 20));
}

/* Its parts fail as others do: what is wrong is named, and goes nowhere. */
static void test_travel_to_a_part_that_fails(void **state)
{
    workers *w = *state;
    sy_tensor *m = pair(w);
    sy_tensor *child = NULL, *sent = NULL;
    assert_ok(sy_multi_pointer_get_child(m, &child, 0, &w->err), &w->err);
    sy_tensor *there = workers_send(w, m, w->bob);
    assert_fails(w, CALL(w, "add", TENSOR(there), TENSOR(FLOATS(w, 1, 2))), SY_ECOLLOCATION, "add");
    assert_floats(w, workers_get(w, sy_scope_adopt(w->s, child)), 1, 2); /* gone at bob */
    assert_fails(w, CALL(w, "add", TENSOR(there), INT(1)), SY_ENOTFOUND, "bob");
    assert_fails(w, sy_tensor_send(m, &sent, w->bob, &w->err), SY_ENOTFOUND, "bob");
    assert_null(sent);
    assert_count(w, w->bob_serving, 1); /* the first multi-pointer */
}

/* One part's worker gets it, and hands it to the other's. */
static void test_move_between_parts(void **state)
{
    workers *w = *state;
    sy_tensor *m = pair(w);
    sy_tensor *moved = workers_send(w, m, w->bob);
    workers_drop(w, m);
    assert_ok(sy_tensor_move_(moved, w->alice, &w->err), &w->err);
    assert_ptr_equal(sy_tensor_get_location(moved), w->alice);
    sy_tensor *sum = OP(w, "sum", TENSOR(moved));
    assert_parts(w, workers_get(w, OP(w, "mul", TENSOR(moved), TENSOR(sum))), PAIR(3, 6),
                 PAIR(300, 600));
    workers_drop(w, sum);
    workers_drop(w, moved);
    assert_count(w, w->bob_serving, 0);
    assert_count(w, w->alice_serving, 0);
}

/* The tape of each part is at its worker, also at the one that holds the whole. */
static void test_backward_at_a_part(void **state)
{
    workers *w = *state;
    sy_tensor *x = workers_send(w, FLOATS(w, 1, 2), w->bob), *grad = NULL;
    sy_tensor *m = combined(w, x, workers_send(w, FLOATS(w, 10, 20), w->alice));
    assert_ok(sy_tensor_set_requires_grad(m, true, &w->err), &w->err);
    sy_tensor *sent = workers_send(w, m, w->bob);
    sy_tensor *loss = OP(w, "sum", TENSOR(OP(w, "mul", TENSOR(sent), TENSOR(sent))));
    assert_ok(sy_tensor_backward(loss, NULL, &w->err), &w->err);
    sy_tensor *back = workers_get(w, sent);
    assert_ok(sy_tensor_get_grad(back, &grad, &w->err), &w->err);
    assert_true(sy_tensor_is_multi_pointer(sy_scope_adopt(w->s, grad)));
    assert_parts(w, OP(w, "clone", TENSOR(grad)), PAIR(2, 4), PAIR(20, 40));
}

/* What is private stays so: the whole is as private as the part that is there. */
static void test_travel_to_a_private_part(void **state)
{
    workers *w = *state;
    const int64_t two = 2;
    sy_tensor *x = workers_publish(w, w->bob, w->bob_serving, "ages", "#ages", true, 1, &two,
                                   SY_DTYPE_F32, (const float[]){1, 2});
    sy_tensor *m = combined(w, x, workers_send(w, FLOATS(w, 10, 20), w->alice));
    sy_tensor *sent = workers_send(w, m, w->bob), *back = NULL;
    assert_fails(w, sy_tensor_get(sent, &back, &w->err), SY_EPERM, "bob", "private");
    assert_fails(w, CALL(w, "nonzero", TENSOR(sent)), SY_EPERM, "private");
    sy_tensor *y = OP(w, "add", TENSOR(sent), INT(1));
    assert_fails(w, sy_tensor_get(y, &back, &w->err), SY_EPERM, "bob", "private");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_combine),
        WORKER_KINDS(test_child),
        WORKER_KINDS(test_refused_combinations),
        WORKER_KINDS(test_send_to_many),
        WORKER_KINDS(test_operations),
        WORKER_KINDS(test_several_results),
        WORKER_KINDS(test_plain_answers),
        WORKER_KINDS(test_in_place),
        WORKER_KINDS(test_messages),
        WORKER_KINDS(test_pipelined),
        WORKER_KINDS(test_not_collocated),
        WORKER_KINDS(test_one_worker_fails),
        WORKER_KINDS(test_both_workers_fail),
        WORKER_KINDS(test_get),
        WORKER_KINDS(test_get_without_owning),
        WORKER_KINDS(test_virtual_get),
        WORKER_KINDS(test_private_part),
        WORKER_KINDS(test_backward),
        WORKER_KINDS(test_gradient_of_one_part),
        LIBRARY_WORKER_KINDS(test_travel),
        LIBRARY_WORKER_KINDS(test_travel_to_a_part),
        LIBRARY_WORKER_KINDS(test_end_at_a_part),
        LIBRARY_WORKER_KINDS(test_travel_to_a_stranger),
        LIBRARY_WORKER_KINDS(test_travel_to_a_part_that_fails),
        LIBRARY_WORKER_KINDS(test_move_between_parts),
        LIBRARY_WORKER_KINDS(test_backward_at_a_part),
        LIBRARY_WORKER_KINDS(test_travel_to_a_private_part),
    };
    return workers_run(tests);
}
