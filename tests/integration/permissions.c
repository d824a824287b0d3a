/*
 * permissions.c - lists of who may get an object go where its contents go: into gradients, into what is trained with
 * them, and back out of backward's saved values; a declared release lifts them as far as it promises, and no further.
 * Lists by name of caller, over every kind of worker: the client of these tests is named where it is virtual (after its
 * local worker), and anonymous elsewhere. Plain results: callers.c; private objects: privacy.c.
 */
#include <csyft/caller.h>
#include <csyft/pointer.h>

#include "support/worker_kinds.h"

enum { ROWS = 8, COLUMNS = 3, CLASSES = 3 };

typedef struct training {
    sy_tensor *x, *labels; /* at bob; x with lists */
    sy_tensor *weight;     /* the client's, sent to bob */
    sy_tensor *loss, *grad;
} training;

/* ROWS x COLUMNS at bob, which only `name` may get (NULL: nobody) and everybody may use. */
static sy_tensor *publish_for(workers *w, const char *name)
{
    const int64_t shape[] = {ROWS, COLUMNS};
    float values[ROWS * COLUMNS];
    sy_tensor *x = NULL, *p = NULL;
    for (int k = 0; k < ROWS * COLUMNS; k++) {
        values[k] = (float)(1000 + k);
    }
    assert_ok(sy_tensor_new(sy_worker_get_hook(w->bob_serving), &x, SY_DTYPE_F32, 2, shape, values,
                            &w->err),
              &w->err);
    assert_ok(sy_tensor_permit(x, SY_PERMISSION_GET, &name, name != NULL ? 1 : 0, &w->err),
              &w->err);
    assert_ok(sy_worker_publish(w->bob_serving, x, false, &w->err), &w->err);
    const sy_id id = sy_tensor_get_id(x);
    sy_tensor_unref(x);
    assert_ok(sy_tensor_point_to(w->hook, &p, w->bob, &id, &w->err), &w->err);
    return sy_scope_adopt(w->s, p);
}

/* Forward and backward of one layer on the first `rows` rows. */
static training train(workers *w, sy_tensor *x, int64_t rows)
{
    training t = {.x = x};
    const int64_t shape[] = {COLUMNS, CLASSES};
    const float start[COLUMNS * CLASSES] = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f, 0.7f, 0.8f, 0.9f};
    static const int64_t classes[ROWS] = {0, 1, 2, 0, 1, 2, 0, 1};
    t.labels = workers_send(w, workers_longs(w, rows, classes), w->bob);
    sy_tensor *weight = workers_tensor(w, 2, shape, start);
    assert_ok(sy_tensor_set_requires_grad(weight, true, &w->err), &w->err);
    t.weight = workers_send(w, weight, w->bob);
    sy_tensor *batch = OP(w, "__getitem__", TENSOR(x), sy_value_slice(0, rows, 1));
    sy_tensor *out =
        OP(w, "mul", TENSOR(OP(w, "matmul", TENSOR(batch), TENSOR(t.weight))), FLOAT(0.001));
    t.loss = OP(w, "cross_entropy", TENSOR(out), TENSOR(t.labels));
    assert_ok(sy_tensor_backward(t.loss, NULL, &w->err), &w->err);
    assert_ok(sy_tensor_get_grad(t.weight, &t.grad, &w->err), &w->err);
    t.grad = sy_scope_adopt(w->s, t.grad);
    return t;
}

static void assert_refused(workers *w, sy_tensor *p)
{
    sy_tensor *got = NULL;
    assert_fails(w, sy_tensor_copy_get(p, &got, &w->err), SY_EPERM, "bob", "is refused");
    assert_fails(w, sy_tensor_get(p, &got, &w->err), SY_EPERM, "bob");
    assert_fails(w, sy_tensor_move_(p, w->alice, &w->err), SY_EPERM, "move", "bob");
    assert_null(got);
}

static bool comes(workers *w, sy_tensor *p)
{
    sy_tensor *got = NULL;
    const sy_status status = sy_tensor_copy_get(p, &got, &w->err);
    sy_tensor_unref(got);
    assert_true(status == SY_OK || status == SY_EPERM);
    return status == SY_OK;
}

static void test_gradients_carry_the_lists(void **state)
{
    workers *w = *state;
    training t = train(w, publish_for(w, "somebody else"), ROWS);
    assert_refused(w, t.loss);
    assert_refused(w, OP(w, "clone", TENSOR(t.grad)));
    /* A gradient from a gradient, and one that is added to another. */
    assert_refused(w, OP(w, "mul", TENSOR(t.grad), FLOAT(2)));
    sy_tensor *plain = workers_send(w, MATRIX(w, 3, 3, 1, 0, 0, 0, 1, 0, 0, 0, 1), w->bob);
    assert_true(comes(w, plain));
    OP(w, "add_", TENSOR(plain), TENSOR(t.grad));
    assert_refused(w, plain);
    /* What is trained with it is no way out either. */
    assert_true(comes(w, t.weight));
    OP(w, "sgd_", TENSOR(t.weight), TENSOR(t.grad), FLOAT(0.1));
    assert_refused(w, t.weight);
}

/* The list names this client where it has a name: there everything comes. */
static void test_who_is_in_the_list(void **state)
{
    workers *w = *state;
    training t = train(w, publish_for(w, "me"), ROWS);
    const bool named = w->kind->url == NULL && w->kind->kind == SY_WORKER_VIRTUAL;
    OP(w, "sgd_", TENSOR(t.weight), TENSOR(t.grad), FLOAT(0.1));
    assert_int_equal(comes(w, t.loss), named);
    assert_int_equal(comes(w, OP(w, "clone", TENSOR(t.grad))), named);
    assert_int_equal(comes(w, t.weight), named);
}

static void test_a_release_lifts_the_lists(void **state)
{
    workers *w = *state;
    sy_tensor *x = publish_for(w, NULL);
    assert_ok(sy_worker_declare_release(w->bob_serving, "sgd_", ROWS, &w->err), &w->err);
    training t = train(w, x, ROWS);
    OP(w, "sgd_", TENSOR(t.weight), TENSOR(t.grad), FLOAT(0.1));
    assert_true(comes(w, t.weight));
    assert_refused(w, t.loss); /* only what was declared */
    assert_refused(w, OP(w, "clone", TENSOR(t.grad)));
    assert_refused(w, x);
    /* With a row less than was promised nothing is lifted. */
    t = train(w, x, ROWS - 1);
    OP(w, "sgd_", TENSOR(t.weight), TENSOR(t.grad), FLOAT(0.1));
    assert_refused(w, t.weight);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_gradients_carry_the_lists),
        WORKER_KINDS(test_who_is_in_the_list),
        WORKER_KINDS(test_a_release_lifts_the_lists),
    };
    return workers_run(tests);
}
