/*
 * pointers.c - what happens to remote objects: who deletes them (workers.md, GC), sending again, moving,
 * keeping, searching. The operands of operations: interplay.c.
 */
#include <string.h>

#include "support/worker_kinds.h"

static bool is_none(workers *w, sy_tensor *pointer)
{
    bool none = false;
    assert_ok(sy_tensor_is_none(pointer, &none, &w->err), &w->err);
    return none;
}

/* A pointer to what another pointer points to, owning nothing. */
static sy_tensor *weak_pointer(workers *w, sy_tensor *pointer)
{
    sy_tensor *weak = NULL;
    const sy_id id = sy_tensor_get_id_at_location(pointer);
    assert_ok(sy_tensor_point_to(w->hook, &weak, sy_tensor_get_location(pointer), &id, &w->err),
              &w->err);
    return sy_scope_adopt(w->s, weak);
}

/* --- who deletes ---------------------------------------------------------------------------------- */

static void test_flag_decides(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1), w->bob);
    sy_tensor *q = workers_send(w, FLOATS(w, 2), w->bob);
    assert_true(sy_tensor_get_garbage_collect(p));
    sy_tensor_set_garbage_collect(q, false);
    assert_false(sy_tensor_get_garbage_collect(q));
    workers_drop(w, p);
    workers_drop(w, q);
    assert_count(w, w->bob_serving, 1);
}

static void test_results_are_owned(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_scope *s = sy_scope_begin(w->hook);
    for (int k = 0; k < 100; k++) {
        (void)sy_add(s, p, p);
    }
    assert_count(w, w->bob_serving, 101);
    assert_ok(sy_scope_end(s, &w->err), &w->err);
    assert_count(w, w->bob_serving, 1);
}

static void test_get_leaves_nothing_to_delete(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1);
    sy_tensor *p = workers_send(w, x, w->bob);
    (void)workers_get(w, p);
    assert_false(sy_tensor_get_garbage_collect(p));
    sy_tensor *again = workers_send(w, x, w->bob); /* the same id at bob */
    workers_drop(w, p);
    assert_count(w, w->bob_serving, 1);
    assert_floats(w, workers_get(w, again), 1);
}

static void test_copies_do_not_own(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1), w->bob);
    workers_drop(w, weak_pointer(w, p));
    workers_drop(w, workers_copy_get(w, p));
    assert_count(w, w->bob_serving, 1);
}

/* copy_get of a pointer at another worker: the original still owns what it points to. */
static void test_copied_pointer_does_not_own(void **state)
{
    workers *w = *state;
    sy_tensor *q = workers_send(w, workers_send(w, FLOATS(w, 1), w->alice), w->bob);
    sy_tensor *copy = workers_copy_get(w, q);
    assert_true(sy_tensor_is_pointer(copy));
    assert_false(sy_tensor_get_garbage_collect(copy));
    assert_floats(w, workers_copy_get(w, copy), 1);
    workers_drop(w, copy);
    assert_count(w, w->alice_serving, 1);
    workers_drop(w, q);
    assert_count(w, w->bob_serving, 0);
    assert_count(w, w->alice_serving, 0);
}

/* "Sending a pointer to the worker it points to creates there a wrapper whose child is the object itself." */
static void test_alias_at_the_same_worker(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *alias = workers_send(w, p, w->bob);
    assert_count(w, w->bob_serving, 2);
    OP(w, "add_", TENSOR(alias), INT(1));
    assert_floats(w, workers_copy_get(w, p), 2, 3); /* the object itself */
    workers_drop(w, alias);
    assert_count(w, w->bob_serving, 1);
    assert_floats(w, workers_copy_get(w, p), 2, 3);
    workers_drop(w, p); /* it did not lose its duty: nothing went elsewhere */
    assert_count(w, w->bob_serving, 0);
}

/* A chain with an interpreter above the pointer hands its duty over, too. */
static void test_duty_inside_a_chain(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->alice);
    sy_tensor *logged = NULL;
    assert_ok(sy_tensor_log(p, &logged, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, logged);
    sy_tensor *q = workers_send(w, logged, w->bob);
    workers_drop(w, logged);
    workers_drop(w, p);
    assert_count(w, w->alice_serving, 1);
    const sy_id at = sy_tensor_get_id_at_location(q);
    assert_text(w, workers_object(w, w->bob_serving, &at),
                "(Wrapper)>LoggingTensor>\\[PointerTensor | bob:* -> alice:*\\]");
    workers_drop(w, q);
    assert_count(w, w->alice_serving, 0);
    assert_count(w, w->bob_serving, 0);
}

/* --- sending again -------------------------------------------------------------------------------- */

static void test_new_generation(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    sy_tensor *older = workers_send(w, x, w->bob);
    OP(w, "add_", TENSOR(x), INT(10));
    sy_tensor *newer = workers_send(w, x, w->bob);
    const sy_id a = sy_tensor_get_id_at_location(older);
    const sy_id b = sy_tensor_get_id_at_location(newer);
    assert_true(sy_id_equal(&a, &b));
    assert_count(w, w->bob_serving, 1);
    workers_drop(w, older); /* names a generation that is gone */
    assert_count(w, w->bob_serving, 1);
    assert_floats(w, workers_copy_get(w, newer), 11, 12);
    workers_drop(w, newer);
    assert_count(w, w->bob_serving, 0);
}

/* The other way round: the newest controls, the older one's later death is harmless. */
static void test_newest_controls(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    sy_tensor *older = workers_send(w, x, w->bob);
    sy_tensor *newer = workers_send(w, x, w->bob);
    workers_drop(w, newer);
    assert_count(w, w->bob_serving, 0);
    sy_tensor *newest = workers_send(w, x, w->bob);
    workers_drop(w, older);
    assert_count(w, w->bob_serving, 1);
    assert_floats(w, workers_get(w, newest), 1, 2);
}

/* To another worker it is another object. */
static void test_same_tensor_at_two_workers(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    sy_tensor *p = workers_send(w, x, w->bob);
    sy_tensor *q = workers_send(w, x, w->alice);
    workers_drop(w, p);
    assert_count(w, w->bob_serving, 0);
    assert_count(w, w->alice_serving, 1);
    assert_floats(w, workers_get(w, q), 1, 2);
}

/* Nobody overwrites what another client has there, by accident or on purpose. */
static void test_ids_of_other_clients(void **state)
{
    workers *w = *state;
    sy_worker *bob = NULL;
    sy_hook *other = workers_add_client(w, "other", &bob);
    sy_tensor *x = FLOATS(w, 1, 2);
    sy_tensor *theirs = NULL;
    sy_tensor *pointer = NULL;
    const sy_id id = sy_tensor_get_id(x);
    (void)workers_send(w, x, w->bob);
    assert_ok(sy_tensor_from_floats(other, &theirs, (float[]){6}, 1, &w->err), &w->err);
    assert_ok(sy_tensor_set_id(theirs, &id, &w->err), &w->err);
    assert_fails(w, sy_tensor_send(theirs, &pointer, bob, &w->err), SY_EEXIST, "bob", "another");
    assert_null(pointer);
    assert_floats(w, workers_object(w, w->bob_serving, &id), 1, 2);
    sy_tensor_unref(theirs);
}

/* --- move ------------------------------------------------------------------------------------------- */

static void test_move(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    assert_ok(sy_tensor_tag(x, "#moved", &w->err), &w->err);
    assert_ok(sy_tensor_set_requires_grad(x, true, &w->err), &w->err);
    sy_tensor *p = workers_send(w, x, w->alice);
    sy_tensor *loss = OP(w, "sum", TENSOR(p));
    assert_ok(sy_tensor_backward(loss, NULL, &w->err), &w->err);
    workers_drop(w, loss);
    assert_ok(sy_tensor_move_(p, w->bob, &w->err), &w->err);
    assert_text(w, p, "(Wrapper)>\\[PointerTensor | me:* -> bob:*\\]*");
    assert_true(sy_tensor_get_garbage_collect(p));
    assert_count(w, w->alice_serving, 0);
    assert_count(w, w->bob_serving, 1); /* under one id (the original leaves two) */
    sy_tensor *back = workers_get(w, p);
    sy_tensor *grad = NULL;
    assert_floats(w, back, 1, 2);
    assert_string_equal(sy_tensor_get_tag(back, 0), "#moved");
    assert_true(sy_tensor_get_requires_grad(back));
    assert_ok(sy_tensor_get_grad(back, &grad, &w->err), &w->err);
    assert_floats(w, sy_scope_adopt(w->s, grad), 1, 1);
}

/* There and back, many times; the last pointer still owns. */
static void test_move_to_and_fro(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 5), w->alice);
    for (int k = 0; k < 4; k++) {
        assert_ok(sy_tensor_move_(p, w->bob, &w->err), &w->err);
        assert_ok(sy_tensor_move_(p, w->alice, &w->err), &w->err);
        OP(w, "add_", TENSOR(p), INT(1));
    }
    assert_ok(sy_tensor_move_(p, w->alice, &w->err), &w->err); /* it is there: nothing happens */
    assert_count(w, w->bob_serving, 0);
    assert_count(w, w->alice_serving, 1);
    assert_floats(w, workers_copy_get(w, p), 9);
    workers_drop(w, p);
    assert_count(w, w->alice_serving, 0);
}

/* The bytes go from worker to worker, not through the client. */
static void test_move_is_direct(void **state)
{
    workers *w = *state;
    sy_tensor *p = NULL;
    const int64_t shape[] = {256, 1024};
    sy_scope *s = sy_scope_begin(w->hook);
    sy_tensor *x = sy_zeros(s, SY_DTYPE_F32, 2, shape); /* 1 MiB */
    assert_ok(sy_tensor_send(x, &p, w->alice, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, p);
    assert_ok(sy_scope_end(s, &w->err), &w->err);
    const sy_traffic a = sy_worker_get_traffic(w->alice);
    const sy_traffic b = sy_worker_get_traffic(w->bob);
    assert_ok(sy_tensor_move_(p, w->bob, &w->err), &w->err);
    const sy_traffic a2 = sy_worker_get_traffic(w->alice);
    const sy_traffic b2 = sy_worker_get_traffic(w->bob);
    const uint64_t bytes = a2.bytes_sent - a.bytes_sent + a2.bytes_received - a.bytes_received +
                           b2.bytes_sent - b.bytes_sent + b2.bytes_received - b.bytes_received;
    assert_in_range(bytes, 1, 1000);
    assert_count(w, w->bob_serving, 1);
}

/* To a worker that the other does not know yet: the client tells. */
static void test_move_introduces(void **state)
{
    workers *w = *state;
    sy_worker *carol_serving = NULL;
    sy_worker *carol = workers_add(w, "carol", &carol_serving);
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->alice);
    assert_ok(sy_tensor_move_(p, carol, &w->err), &w->err);
    assert_count(w, w->alice_serving, 0);
    assert_count(w, carol_serving, 1);
    assert_floats(w, workers_get(w, p), 1, 2);
}

static void test_failed_move_moves_nothing(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->alice);
    sy_worker_set_memory_limit(w->bob_serving, 4);
    assert_fails(w, sy_tensor_move_(p, w->bob, &w->err), SY_ELIMIT, "bob");
    assert_ptr_equal(sy_tensor_get_location(p), w->alice);
    assert_true(sy_tensor_get_garbage_collect(p));
    assert_count(w, w->alice_serving, 1);
    assert_count(w, w->bob_serving, 0);
    assert_fails(w, sy_tensor_move_(p, w->me, &w->err), SY_EINVAL, "me", "use get");
    assert_floats(w, workers_copy_get(w, p), 1, 2);
    workers_drop(w, p);
    assert_count(w, w->alice_serving, 0);
}

static void test_move_of_what_is_no_object(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    sy_tensor *p = workers_send(w, x, w->alice);
    sy_tensor *data = NULL;
    assert_fails(w, sy_tensor_move_(x, w->bob, &w->err), SY_EINVAL, "no pointer");
    assert_ok(sy_tensor_attr(p, &data, "data", &w->err), &w->err);
    (void)sy_scope_adopt(w->s, data);
    assert_fails(w, sy_tensor_move_(data, w->bob, &w->err), SY_EINVAL, "attribute");
    (void)workers_get(w, p);
    assert_fails(w, sy_tensor_move_(p, w->bob, &w->err), SY_ENOTFOUND, "alice",
                 "If you think this tensor does exist");
    assert_count(w, w->bob_serving, 0);
}

/* --- remote_get ------------------------------------------------------------------------------------- */

static void test_remote_get(void **state)
{
    workers *w = *state;
    sy_tensor *q = workers_send(w, workers_send(w, FLOATS(w, 1, 2), w->alice), w->bob);
    assert_ok(sy_tensor_remote_get_(q, &w->err), &w->err);
    assert_count(w, w->alice_serving, 0);
    assert_count(w, w->bob_serving, 1);
    const sy_id at = sy_tensor_get_id_at_location(q);
    assert_floats(w, workers_object(w, w->bob_serving, &at), 1, 2);
    assert_floats(w, workers_copy_get(w, q), 1, 2);
    assert_true(sy_tensor_get_garbage_collect(q));
    assert_fails(w, sy_tensor_remote_get_(q, &w->err), SY_EINVAL, "bob", "no pointer");
    workers_drop(w, q);
    assert_count(w, w->bob_serving, 0);
}

static void test_remote_get_of_what_is_gone(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->alice);
    sy_tensor *q = workers_send(w, p, w->bob);
    (void)workers_get(w, p);
    assert_fails(w, sy_tensor_remote_get_(q, &w->err), SY_ENOTFOUND, "alice");
    assert_count(w, w->bob_serving, 1); /* the pointer is where it was */
    assert_text(w, q, "(Wrapper)>\\[PointerTensor | me:* -> bob:*\\]");
}

/* --- none, keep, point_to, delete --------------------------------------------------------------------- */

static void test_is_none(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    sy_tensor *grad = NULL;
    assert_ok(sy_tensor_set_requires_grad(x, true, &w->err), &w->err);
    sy_tensor *p = workers_send(w, x, w->bob);
    assert_ok(sy_tensor_attr(p, &grad, "grad", &w->err), &w->err);
    (void)sy_scope_adopt(w->s, grad);
    assert_false(is_none(w, p));
    assert_true(is_none(w, grad));
    assert_ok(sy_tensor_backward(OP(w, "sum", TENSOR(p)), NULL, &w->err), &w->err);
    assert_false(is_none(w, grad));
    assert_ok(sy_tensor_set_grad(p, NULL, &w->err), &w->err);
    assert_true(is_none(w, grad));
    bool none = true;
    (void)workers_get(w, p);
    assert_fails(w, sy_tensor_is_none(p, &none, &w->err), SY_ENOTFOUND, "bob");
    assert_fails(w, sy_tensor_is_none(grad, &none, &w->err), SY_ENOTFOUND, "bob");
    assert_fails(w, sy_tensor_is_none(x, &none, &w->err), SY_EINVAL, "no pointer");
}

static void test_set_grad(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *g = workers_send(w, FLOATS(w, 7, 8), w->bob);
    sy_tensor *there = workers_send(w, FLOATS(w, 7, 8), w->alice);
    sy_tensor *small = workers_send(w, FLOATS(w, 7), w->bob);
    sy_tensor *grad = NULL;
    assert_fails(w, sy_tensor_set_grad(p, FLOATS(w, 7, 8), &w->err), SY_ECOLLOCATION, "bob");
    assert_fails(w, sy_tensor_set_grad(p, there, &w->err), SY_ECOLLOCATION, "bob");
    assert_fails(w, sy_tensor_set_grad(p, small, &w->err), SY_ESHAPE, "bob");
    assert_ok(sy_tensor_set_grad(p, g, &w->err), &w->err);
    assert_ok(sy_tensor_get_grad(p, &grad, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, grad);
    assert_floats(w, workers_get(w, OP(w, "clone", TENSOR(grad))), 7, 8);
}

static void test_keep(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *weak = weak_pointer(w, p);
    assert_ok(sy_tensor_keep(p, &w->err), &w->err);
    assert_false(sy_tensor_get_garbage_collect(p));
    workers_drop(w, p);
    assert_count(w, w->bob_serving, 1);
    assert_ok(sy_tensor_keep(weak, &w->err), &w->err); /* twice is once */
    assert_floats(w, workers_copy_get(w, weak), 1, 2);
    const sy_id id = sy_tensor_get_id_at_location(weak);
    assert_ok(sy_worker_delete(w->bob, &id, &w->err), &w->err);
    assert_count(w, w->bob_serving, 0);
    assert_fails(w, sy_worker_delete(w->bob, &id, &w->err), SY_ENOTFOUND, "bob");
}

/* Kept objects survive their client; those of another client cannot be kept by asking. */
static void test_keep_and_other_clients(void **state)
{
    workers *w = *state;
    sy_worker *bob = NULL;
    sy_hook *other = workers_add_client(w, "other", &bob);
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    const sy_id id = sy_tensor_get_id_at_location(p);
    sy_tensor *theirs = NULL;
    assert_ok(sy_tensor_point_to(other, &theirs, bob, &id, &w->err), &w->err);
    assert_fails(w, sy_tensor_keep(theirs, &w->err), SY_EPERM, "keep", "another client", "bob");
    assert_ok(sy_tensor_keep(p, &w->err), &w->err);
    sy_tensor *got = NULL;
    assert_ok(sy_tensor_copy_get(theirs, &got, &w->err), &w->err);
    assert_floats(w, got, 1, 2);
    sy_tensor_unref(got);
    sy_tensor_unref(theirs);
}

static void test_point_to(void **state)
{
    workers *w = *state;
    const sy_id nothing = sy_id_from_int(404);
    sy_tensor *dangling = NULL;
    sy_tensor *got = NULL;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *weak = weak_pointer(w, p);
    assert_floats(w, workers_get(w, OP(w, "add", TENSOR(weak), TENSOR(p))), 2, 4);
    assert_floats(w, workers_get(w, weak), 1, 2);
    assert_ok(sy_tensor_point_to(w->hook, &dangling, w->bob, &nothing, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, dangling);
    assert_fails(w, sy_tensor_get(dangling, &got, &w->err), SY_ENOTFOUND, "404", "bob");
    assert_fails(w, CALL(w, "neg", TENSOR(dangling)), SY_ENOTFOUND, "404", "bob");
    assert_fails(w, CALL(w, "add_", TENSOR(dangling), INT(1)), SY_ENOTFOUND, "404", "bob");
    assert_count(w, w->bob_serving, 0);
}

/* A connection that was closed: the next request opens another, and the session is taken up. */
static void test_session_is_taken_up(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_worker_close(w->bob);
    sy_tensor *y = OP(w, "add", TENSOR(p), INT(1));
    assert_count(w, w->bob_serving, 2);
    sy_worker_close(w->bob);
    workers_drop(w, p); /* it still owns, by its generation */
    assert_floats(w, workers_get(w, y), 2, 3);
    assert_count(w, w->bob_serving, 0);
}

/* --- search ------------------------------------------------------------------------------------------ */

typedef struct found {
    sy_tensor **pointers;
    size_t count;
} found;

static found search(workers *w, sy_worker *worker, const char *const *terms, size_t count)
{
    found f = {0};
    assert_ok(sy_worker_search(worker, &f.pointers, &f.count, terms, count, &w->err), &w->err);
    return f;
}
#define SEARCH(w, ...)                                        \
    search((w), (w)->bob, (const char *const[]){__VA_ARGS__}, \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

#define assert_found(w, expected, ...)                     \
    do {                                                   \
        found f_ = SEARCH((w), __VA_ARGS__);               \
        const size_t count_ = f_.count;                    \
        sy_tensors_free((w)->hook, f_.pointers, f_.count); \
        assert_int_equal(count_, (expected));              \
    } while (0)

/* The example of workers.md. */
static void publish_four(workers *w)
{
    static const struct {
        const char *first, *second, *description;
    } objects[] = {{"#fun", "#mnist", "The images in the MNIST training dataset"},
                   {"#not_fun", "#cifar", "The labels of cifar"},
                   {"#fun", "#boston", "The targets of the Boston Housing dataset"},
                   {"#not_fun", "#boston", NULL}};
    for (size_t k = 0; k < 4; k++) {
        sy_tensor *x = FLOATS(w, (float)k);
        const sy_id id = sy_id_from_int(100 + (int64_t)k);
        assert_ok(sy_tensor_set_id(x, &id, &w->err), &w->err);
        assert_ok(sy_tensor_tag(x, objects[k].first, &w->err), &w->err);
        assert_ok(sy_tensor_tag(x, objects[k].second, &w->err), &w->err);
        assert_ok(sy_tensor_describe(x, objects[k].description, &w->err), &w->err);
        sy_tensor *p = workers_send(w, x, w->bob);
        assert_ok(sy_tensor_keep(p, &w->err), &w->err);
    }
}

static void test_search(void **state)
{
    workers *w = *state;
    publish_four(w);
    assert_found(w, 2, "#fun");
    assert_found(w, 1, "#not_fun", "#boston"); /* AND */
    assert_found(w, 1, "#boston", "#not_fun");
    assert_found(w, 0, "#fun", "#cifar");
    assert_found(w, 0, "#bost"); /* tags match whole */
    assert_found(w, 0, "#FUN");
    assert_found(w, 2, "dataset");                       /* descriptions by part */
    assert_found(w, 1, "Boston Housing", "#fun", "102"); /* tag, description and id together */
    assert_found(w, 1, "103");
    assert_found(w, 0, "10"); /* ids match whole */
    assert_found(w, 0, "#fun", "nothing of the kind");
    found all = search(w, w->bob, NULL, 0);
    const size_t count = all.count;
    for (size_t k = 0; k < count; k++) { /* in registry order */
        assert_int_equal(sy_tensor_get_id_at_location(all.pointers[k]).number, 100 + k);
    }
    sy_tensors_free(w->hook, all.pointers, all.count);
    assert_int_equal(count, 4);
    found none = search(w, w->alice, NULL, 0);
    assert_int_equal(none.count, 0);
    assert_null(none.pointers);
}

static void test_search_results_are_pointers(void **state)
{
    workers *w = *state;
    publish_four(w);
    found f = SEARCH(w, "102");
    assert_int_equal(f.count, 1);
    sy_tensor *p = sy_scope_adopt(w->s, sy_tensor_ref(f.pointers[0]));
    sy_tensors_free(w->hook, f.pointers, f.count);
    assert_text(w, p, "(Wrapper)>\\[PointerTensor | me:* -> bob:102\\]*");
    assert_ptr_equal(sy_tensor_get_location(p), w->bob);
    assert_ptr_equal(sy_tensor_get_owner(p), w->me);
    assert_false(sy_tensor_get_garbage_collect(p));
    assert_int_equal(sy_tensor_get_tag_count(p), 2);
    assert_string_equal(sy_tensor_get_tag(p, 0), "#fun");
    assert_string_equal(sy_tensor_get_tag(p, 1), "#boston");
    assert_string_equal(sy_tensor_get_description(p), "The targets of the Boston Housing dataset");
    assert_floats(w, workers_copy_get(w, p), 2);
    sy_tensor *y = OP(w, "add", TENSOR(p), INT(1));
    workers_drop(w, p); /* "Deleting a search result never deletes the data." */
    assert_count(w, w->bob_serving, 5);
    assert_floats(w, workers_get(w, y), 3);
    assert_found(w, 1, "102");
}

static void test_find(void **state)
{
    workers *w = *state;
    publish_four(w);
    sy_object_info *infos = NULL;
    size_t count = 0;
    const char *const terms[] = {"#mnist"};
    assert_ok(sy_worker_find(w->bob, &infos, &count, terms, 1, &w->err), &w->err);
    assert_int_equal(count, 1);
    assert_int_equal(infos[0].id.number, 100);
    assert_int_not_equal(infos[0].generation, 0);
    assert_int_equal(infos[0].dtype, SY_DTYPE_F32);
    assert_int_equal(infos[0].ndim, 1);
    assert_int_equal(infos[0].shape[0], 1);
    assert_string_equal(infos[0].tags, "#fun #mnist");
    assert_string_equal(infos[0].description, "The images in the MNIST training dataset");
    assert_false(infos[0].private_);
    sy_object_infos_free(w->hook, infos, count);
}

/* Long labels are shortened in the overview, whole on the pointer. */
static void test_long_labels(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1);
    char tag[256];
    char description[1024];
    memset(description, 'd', sizeof description);
    memcpy(description + 500, "\nsecond line", 12);
    description[sizeof description - 1] = '\0';
    for (int k = 0; k < 3; k++) {
        memset(tag, 'a' + k, sizeof tag);
        tag[255] = '\0';
        assert_ok(sy_tensor_tag(x, tag, &w->err), &w->err);
    }
    assert_ok(sy_tensor_describe(x, description, &w->err), &w->err);
    sy_tensor *p = workers_send(w, x, w->bob);
    sy_object_info *infos = NULL;
    size_t count = 0;
    const char *const terms[] = {tag, "second line"};
    assert_ok(sy_worker_find(w->bob, &infos, &count, terms, 2, &w->err), &w->err);
    assert_int_equal(count, 1);
    const size_t length = strlen(infos[0].tags);
    assert_in_range(length, 200, sizeof infos[0].tags - 1);
    assert_string_equal(infos[0].tags + length - 3, "...");
    assert_in_range(strlen(infos[0].description), 100, sizeof infos[0].description - 1);
    assert_string_equal(infos[0].description + strlen(infos[0].description) - 3, "...");
    sy_object_infos_free(w->hook, infos, count);
    found f = SEARCH(w, tag);
    assert_int_equal(f.count, 1);
    assert_string_equal(sy_tensor_get_description(f.pointers[0]), description);
    assert_string_equal(sy_tensor_get_tag(f.pointers[0], 2), tag);
    sy_tensors_free(w->hook, f.pointers, f.count);
    (void)p;
}

/* A pointer among the objects of a worker: found, with no shape of its own; nobody else is asked. */
static void test_search_finds_pointers(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->alice);
    assert_ok(sy_tensor_tag(p, "#pointer", &w->err), &w->err);
    sy_tensor *q = workers_send(w, p, w->bob);
    found f = SEARCH(w, "#pointer");
    assert_int_equal(f.count, 1);
    sy_tensor *again = sy_scope_adopt(w->s, sy_tensor_ref(f.pointers[0]));
    sy_tensors_free(w->hook, f.pointers, f.count);
    int ndim = -1;
    int64_t shape[SY_DIM_MAX];
    assert_ok(sy_tensor_get_shape(again, &ndim, shape, &w->err), &w->err);
    assert_int_equal(ndim, 1);
    assert_int_equal(shape[0], 2);
    (void)q;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_flag_decides),
        WORKER_KINDS(test_results_are_owned),
        WORKER_KINDS(test_get_leaves_nothing_to_delete),
        WORKER_KINDS(test_copies_do_not_own),
        WORKER_KINDS(test_copied_pointer_does_not_own),
        WORKER_KINDS(test_alias_at_the_same_worker),
        WORKER_KINDS(test_duty_inside_a_chain),
        WORKER_KINDS(test_new_generation),
        WORKER_KINDS(test_newest_controls),
        WORKER_KINDS(test_same_tensor_at_two_workers),
        REMOTE_WORKER_KINDS(test_ids_of_other_clients),
        WORKER_KINDS(test_move),
        WORKER_KINDS(test_move_to_and_fro),
        WORKER_KINDS(test_move_is_direct),
        LIBRARY_WORKER_KINDS(test_move_introduces),
        WORKER_KINDS(test_failed_move_moves_nothing),
        WORKER_KINDS(test_move_of_what_is_no_object),
        WORKER_KINDS(test_remote_get),
        WORKER_KINDS(test_remote_get_of_what_is_gone),
        WORKER_KINDS(test_is_none),
        WORKER_KINDS(test_set_grad),
        WORKER_KINDS(test_keep),
        REMOTE_WORKER_KINDS(test_keep_and_other_clients),
        WORKER_KINDS(test_point_to),
        WORKER_KINDS(test_session_is_taken_up),
        WORKER_KINDS(test_search),
        WORKER_KINDS(test_search_results_are_pointers),
        WORKER_KINDS(test_find),
        WORKER_KINDS(test_long_labels),
        WORKER_KINDS(test_search_finds_pointers),
    };
    return workers_run(tests);
}
