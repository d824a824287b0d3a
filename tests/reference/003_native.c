/*
 * 003_native.c - TorchTensor and AbstractTensor (003): what every tensor can do beside operations, over every
 * kind of worker. Sending and getting: 000_send_get.c; several workers: 003_combine_pointers.c.
 */
#include <string.h>

#include <csyft/sharing.h>

#include "hook/tensor.h"
#include "support/worker_kinds.h"

/* The call makes `tensor`, which the scope then owns. */
#define owned(w, call, tensor)                  \
    do {                                        \
        assert_ok((call), &(w)->err);           \
        (void)sy_scope_adopt((w)->s, (tensor)); \
    } while (0)

static bool same_id(sy_tensor *a, sy_tensor *b)
{
    const sy_id x = sy_tensor_get_id(a);
    const sy_id y = sy_tensor_get_id(b);
    return sy_id_equal(&x, &y);
}

/* copy(): self + 0, with an id of its own; of a pointer a new object. */
static void test_copy(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    sy_tensor *c = NULL;
    assert_ok(sy_tensor_tag(x, "#x", &w->err), &w->err);
    owned(w, sy_tensor_copy(x, &c, &w->err), c);
    assert_false(same_id(x, c));
    assert_int_equal(sy_tensor_get_tag_count(c), 0);
    OP(w, "add_", TENSOR(c), INT(10));
    assert_floats(w, x, 1, 2);
    assert_floats(w, c, 11, 12);
    sy_tensor *p = workers_send(w, x, w->bob);
    owned(w, sy_tensor_copy(p, &c, &w->err), c);
    assert_false(same_id(p, c));
    assert_count(w, w->bob_serving, 2);
    OP(w, "add_", TENSOR(p), INT(10));
    assert_floats(w, workers_get(w, c), 1, 2);
    workers_drop(w, p);
    assert_count(w, w->bob_serving, 0);
    sy_tensor *bools = OP(w, "gt", TENSOR(x), INT(1)); /* + 0 would make integers of them */
    owned(w, sy_tensor_copy(bools, &c, &w->err), c);
    assert_int_equal(syi_node_array(c->node)->dtype, SY_DTYPE_BOOL);
}

/* clone(): the same id and labels; of a pointer the same object, which both stop owning. */
static void test_clone(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    sy_tensor *c = NULL;
    assert_ok(sy_tensor_tag(x, "#x", &w->err), &w->err);
    assert_ok(sy_tensor_describe(x, "two numbers", &w->err), &w->err);
    owned(w, sy_tensor_clone(x, &c, &w->err), c);
    assert_true(same_id(x, c));
    assert_string_equal(sy_tensor_get_tag(c, 0), "#x");
    assert_string_equal(sy_tensor_get_description(c), "two numbers");
    OP(w, "zero_", TENSOR(c));
    assert_floats(w, x, 1, 2);
    sy_tensor *p = workers_send(w, x, w->bob);
    owned(w, sy_tensor_clone(p, &c, &w->err), c);
    assert_true(same_id(p, c));
    assert_false(sy_tensor_get_garbage_collect(p));
    assert_false(sy_tensor_get_garbage_collect(c));
    workers_drop(w, p);
    assert_count(w, w->bob_serving, 1);
    assert_floats(w, workers_get(w, c), 1, 2);
    assert_count(w, w->bob_serving, 0);
}

static void test_length(void **state)
{
    workers *w = *state;
    int64_t length = -1;
    sy_tensor *x = MATRIX(w, 3, 2, 1, 2, 3, 4, 5, 6);
    assert_ok(sy_tensor_get_length(x, &length, &w->err), &w->err);
    assert_int_equal(length, 3);
    assert_ok(sy_tensor_get_length(workers_send(w, x, w->bob), &length, &w->err), &w->err);
    assert_int_equal(length, 3);
    assert_ok(sy_tensor_get_length(OP(w, "sum", TENSOR(x)), &length, &w->err), &w->err);
    assert_int_equal(length, 0); /* 0-dim */
}

static void test_equal(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2, 3);
    assert_floats(w, OP(w, "__eq__", TENSOR(x), TENSOR(FLOATS(w, 1, 5, 3))), 1, 0, 1);
    sy_tensor *p = workers_send(w, x, w->bob);
    assert_floats(w, workers_get(w, OP(w, "__eq__", TENSOR(p), INT(2))), 0, 1, 0);
}

/* --- data and grad -------------------------------------------------------------------------------- */

static void test_data(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    const sy_id id = sy_tensor_get_id(x);
    assert_ok(sy_tensor_set_requires_grad(x, true, &w->err), &w->err);
    assert_ok(sy_tensor_set_data(x, FLOATS(w, 5, 6, 7), &w->err), &w->err);
    assert_floats(w, x, 5, 6, 7);
    assert_true(sy_tensor_get_requires_grad(x));
    const sy_id now = sy_tensor_get_id(x);
    assert_true(sy_id_equal(&id, &now));
    sy_tensor *data = NULL;
    owned(w, sy_tensor_attr(x, &data, "data", &w->err), data);
    assert_floats(w, data, 5, 6, 7);
    assert_false(sy_tensor_get_requires_grad(data));
    assert_fails(w, sy_tensor_set_data(x, workers_longs(w, 1, (const int64_t[]){1}), &w->err),
                 SY_EDTYPE, "int64");
    assert_fails(w, sy_tensor_set_data(OP(w, "neg", TENSOR(x)), FLOATS(w, 1), &w->err), SY_EINVAL,
                 "computed");
    assert_fails(w, sy_tensor_set_data(x, NULL, &w->err), SY_EINVAL, "NULL");
}

/* "Data that is a wrapper is stored in param.child"; native data drops it again. */
static void test_data_of_wrappers(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    sy_tensor *p = workers_send(w, FLOATS(w, 3, 4), w->bob);
    assert_ok(sy_tensor_set_data(x, p, &w->err), &w->err);
    assert_true(sy_tensor_is_pointer(x));
    workers_drop(w, p);
    assert_count(w, w->bob_serving, 1); /* x holds it */
    sy_tensor *data = NULL;
    owned(w, sy_tensor_attr(x, &data, "data", &w->err), data);
    assert_text(w, data, "(Wrapper)>\\[PointerTensor | me:* -> bob:*\\]::data");
    workers_drop(w, data);
    assert_count(w, w->bob_serving, 1);
    assert_ok(sy_tensor_set_data(x, FLOATS(w, 7), &w->err), &w->err);
    assert_floats(w, x, 7);
    assert_count(w, w->bob_serving, 0);
}

static void test_grad(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    sy_tensor *grad = NULL;
    owned(w, sy_tensor_attr(x, &grad, "grad", &w->err), grad);
    assert_null(grad); /* none yet */
    assert_ok(sy_tensor_set_requires_grad(x, true, &w->err), &w->err);
    assert_ok(
        sy_tensor_backward(OP(w, "sum", TENSOR(OP(w, "mul", TENSOR(x), TENSOR(x)))), NULL, &w->err),
        &w->err);
    owned(w, sy_tensor_attr(x, &grad, "grad.data", &w->err), grad);
    assert_floats(w, grad, 2, 4);
    sy_tensor *p = workers_send(w, x, w->bob); /* with its gradient */
    owned(w, sy_tensor_attr(p, &grad, "grad", &w->err), grad);
    assert_floats(w, workers_copy_get(w, OP(w, "clone", TENSOR(grad))), 2, 4);
    sy_tensor *back = workers_get(w, p);
    owned(w, sy_tensor_get_grad(back, &grad, &w->err), grad);
    assert_floats(w, grad, 2, 4);
    assert_ok(sy_tensor_set_grad(back, NULL, &w->err), &w->err);
    owned(w, sy_tensor_get_grad(back, &grad, &w->err), grad);
    assert_null(grad);
}

/* rgetattr: dotted names, along the chain and on at a worker. */
static void test_dotted_attributes(void **state)
{
    workers *w = *state;
    sy_tensor *logged = NULL;
    sy_tensor *found = NULL;
    sy_tensor *x = FLOATS(w, 1, 2);
    owned(w, sy_tensor_log(x, &logged, &w->err), logged);
    owned(w, sy_tensor_attr(logged, &found, "child.data", &w->err), found);
    assert_floats(w, found, 1, 2);
    owned(w, sy_tensor_attr(logged, &found, "", &w->err), found);
    assert_ptr_equal(found, logged);
    assert_fails(w, sy_tensor_attr(logged, &found, "child.child", &w->err), SY_ENOTFOUND, "child");
    assert_fails(w, sy_tensor_attr(x, &found, "owner", &w->err), SY_ENOTFOUND, "owner");
    assert_fails(w, sy_tensor_attr(x, &found, NULL, &w->err), SY_EINVAL, "NULL");
    owned(w, sy_tensor_log(workers_send(w, x, w->bob), &logged, &w->err), logged);
    owned(w, sy_tensor_attr(logged, &found, "child.grad.data", &w->err), found);
    assert_text(w, found, "(Wrapper)>\\[PointerTensor | me:* -> bob:*\\]::grad::data");
}

/* --- pointers ------------------------------------------------------------------------------------- */

static void test_create_pointer(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    sy_tensor *p = NULL;
    assert_ok(sy_tensor_tag(x, "#x", &w->err), &w->err);
    assert_ok(sy_tensor_describe(x, "two\nnumbers", &w->err), &w->err);
    sy_pointer_options options = SY_POINTER_OPTIONS_INIT;
    options.location = w->bob;
    options.garbage_collect_data = false;
    const uint64_t before = sy_worker_get_traffic(w->bob).messages_sent;
    owned(w, sy_tensor_create_pointer(x, &p, &options, &w->err), p);
    assert_int_equal(sy_worker_get_traffic(w->bob).messages_sent, before);
    assert_true(same_id(x, p)); /* of the tensor: the location is another worker */
    const sy_id at = sy_tensor_get_id_at_location(p);
    const sy_id own = sy_tensor_get_id(x);
    assert_true(sy_id_equal(&at, &own));
    assert_ptr_equal(sy_tensor_get_location(p), w->bob);
    assert_false(sy_tensor_get_garbage_collect(p));
    assert_text(w, p,
                "(Wrapper)>\\[PointerTensor | me:* -> bob:*\\]\n\tTags: #x \n\tShape: 2\n"
                "\tDescription: two...");
    workers_drop(w, workers_send(w, FLOATS(w, 1), w->bob));
    sy_tensor *kept = workers_send(w, x, w->bob); /* now there is something under that id */
    assert_floats(w, workers_copy_get(w, p), 1, 2);
    workers_drop(w, p);
    assert_count(w, w->bob_serving, 1);
    workers_drop(w, kept);
}

static void test_create_pointer_options(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    sy_tensor *there = workers_send(w, x, w->bob);
    sy_tensor *p = NULL;
    const sy_id at = sy_tensor_get_id_at_location(there);
    const sy_id id = sy_id_from_int(77);
    const int64_t shape[] = {2, 1};
    sy_tensor_set_garbage_collect(there, false);
    const sy_pointer_options options = {.size = sizeof options,
                                        .owner = w->me,
                                        .location = w->bob,
                                        .id_at_location = &at,
                                        .id = &id,
                                        .garbage_collect_data = true,
                                        .dtype = SY_DTYPE_F32,
                                        .ndim = 2,
                                        .shape = shape};
    owned(w, sy_tensor_create_pointer(x, &p, &options, &w->err), p);
    assert_int_equal(sy_tensor_get_id(p).number, 77);
    int ndim = 0;
    int64_t got[SY_DIM_MAX];
    assert_ok(sy_tensor_get_shape(p, &ndim, got, &w->err), &w->err);
    assert_int_equal(ndim, 2); /* as it was told */
    workers_drop(w, p);
    assert_count(w, w->bob_serving, 0);
    sy_pointer_options bad = SY_POINTER_OPTIONS_INIT;
    bad.size = 1;
    assert_fails(w, sy_tensor_create_pointer(x, &p, &bad, &w->err), SY_EINVAL, "version");
    /* the defaults: from the owner to the owner, with a fresh id */
    sy_pointer_options standard = SY_POINTER_OPTIONS_INIT;
    standard.garbage_collect_data = false;
    owned(w, sy_tensor_create_pointer(x, &p, &standard, &w->err), p);
    assert_ptr_equal(sy_tensor_get_location(p), w->me);
    assert_false(same_id(x, p));
}

static void test_mid_get(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    const sy_id id = sy_tensor_get_id(p);
    assert_ok(sy_tensor_mid_get_(p, &w->err), &w->err);
    assert_floats(w, p, 1, 2);
    const sy_id now = sy_tensor_get_id(p);
    assert_true(sy_id_equal(&id, &now));
    assert_count(w, w->bob_serving, 0);
    assert_fails(w, sy_tensor_mid_get_(p, &w->err), SY_EINVAL, "no pointer");
}

static void test_allowed_to_get(void **state)
{
    workers *w = *state;
    const int64_t two = 2;
    bool allowed = false;
    sy_tensor *x = FLOATS(w, 1, 2);
    assert_ok(sy_tensor_is_allowed_to_get(x, &allowed, &w->err), &w->err);
    assert_true(allowed);
    sy_tensor *p = workers_send(w, x, w->bob);
    assert_ok(sy_tensor_is_allowed_to_get(p, &allowed, &w->err), &w->err);
    assert_true(allowed);
    sy_tensor *ages = workers_publish(w, w->bob, w->bob_serving, "ages", "#ages", true, 1, &two,
                                      SY_DTYPE_F32, (const float[]){30, 40});
    assert_ok(sy_tensor_is_allowed_to_get(ages, &allowed, &w->err), &w->err);
    assert_false(allowed);
    assert_ok(sy_tensor_is_allowed_to_get(OP(w, "add", TENSOR(p), TENSOR(ages)), &allowed, &w->err),
              &w->err);
    assert_false(allowed);
    workers_get(w, p);
    assert_fails(w, sy_tensor_is_allowed_to_get(p, &allowed, &w->err), SY_ENOTFOUND, "bob");
}

/* x.fix_prec().share(alice, bob), x.share_(...), and share of a pointer */
static void test_share(void **state)
{
    workers *w = *state;
    sy_worker *owners[] = {w->alice, w->bob};
    sy_tensor *x = FLOATS(w, 1, 2);
    sy_tensor *shared = x;
    assert_fails(w, sy_tensor_share(x, &shared, owners, 2, NULL, &w->err), SY_EDTYPE, "share",
                 "fix_precision");
    assert_null(shared);
    assert_fails(w, sy_tensor_share_(x, owners, 2, NULL, &w->err), SY_EDTYPE, "share");
    assert_floats(w, x, 1, 2);
    assert_ok(sy_tensor_fix_precision_(x, NULL, &w->err), &w->err);
    assert_ok(sy_tensor_share_(x, owners, 2, NULL, &w->err), &w->err);
    assert_true(sy_tensor_is_shared(x));
    assert_count(w, w->alice_serving, 1);
    assert_count(w, w->bob_serving, 1);
    sy_tensor *value = workers_get(w, x);
    assert_ok(sy_tensor_float_precision_(value, &w->err), &w->err);
    assert_floats(w, value, 1, 2);
    assert_count(w, w->alice_serving, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_copy),           WORKER_KINDS(test_clone),
        WORKER_KINDS(test_length),         WORKER_KINDS(test_equal),
        WORKER_KINDS(test_data),           WORKER_KINDS(test_data_of_wrappers),
        WORKER_KINDS(test_grad),           WORKER_KINDS(test_dotted_attributes),
        WORKER_KINDS(test_create_pointer), WORKER_KINDS(test_create_pointer_options),
        WORKER_KINDS(test_mid_get),        WORKER_KINDS(test_allowed_to_get),
        WORKER_KINDS(test_share),
    };
    return workers_run(tests);
}
