/*
 * gradients_everywhere.c - one network, its gradients plain and through every interpreter, over every kind of
 * worker: the same numbers, bit by bit. Also: who records (the pointer's worker, or the holder of an
 * AutogradTensor), that gradient mode travels, and losses that cannot be.
 */
#include <string.h>

#include <csyft/multi_pointer.h>

#include "hook/tensor.h"
#include "support/worker_kinds.h"

enum { PARAMETERS = 4 };

/* A small network on three rows; its parameters first. */
typedef struct network {
    sy_tensor *parameters[PARAMETERS]; /* 5x3, 5, 2x5, 2 */
    sy_tensor *x, *y;
} network;

static network plain(workers *w)
{
    const float x[] = {0.5f, -1, 2, 1.5f, 0.25f, -0.75f, -2, 1, 0.125f};
    const float y[] = {1, 0, -1, 0.5f, 0.25f, 2};
    float values[32];
    for (int k = 0; k < 32; k++) {
        values[k] = (float)((k * 7) % 11 - 5) / 8;
    }
    return (network){{MATRIX(w, 5, 3, values[0], values[1], values[2], values[3], values[4],
                             values[5], values[6], values[7], values[8], values[9], values[10],
                             values[11], values[12], values[13], values[14]),
                      workers_tensor(w, 1, (const int64_t[]){5}, values + 15),
                      workers_tensor(w, 2, (const int64_t[]){2, 5}, values + 20),
                      workers_tensor(w, 1, (const int64_t[]){2}, values + 30)},
                     workers_tensor(w, 2, (const int64_t[]){3, 3}, x),
                     workers_tensor(w, 2, (const int64_t[]){3, 2}, y)};
}

/* How a tensor is put somewhere, and how what is there is read. */
typedef struct way {
    const char *name;
    sy_tensor *(*put)(workers *w, sy_tensor *tensor);
    sy_tensor *(*read)(workers *w, sy_tensor *tensor);
    const char *text; /* of a loss */
} way;

static sy_tensor *at_bob(workers *w, sy_tensor *tensor)
{
    return workers_send(w, tensor, w->bob);
}

static sy_tensor *through_alice(workers *w, sy_tensor *tensor)
{
    return workers_send(w, at_bob(w, tensor), w->alice);
}

static sy_tensor *logged(workers *w, sy_tensor *tensor)
{
    sy_tensor *made = NULL;
    assert_ok(sy_tensor_log(tensor, &made, &w->err), &w->err);
    return sy_scope_adopt(w->s, made);
}

static sy_tensor *logged_at_bob(workers *w, sy_tensor *tensor)
{
    return logged(w, at_bob(w, tensor));
}

static sy_tensor *sent_logged(workers *w, sy_tensor *tensor)
{
    return at_bob(w, logged(w, tensor));
}

static sy_tensor *recorded(workers *w, sy_tensor *tensor)
{
    sy_tensor *made = NULL;
    assert_ok(sy_tensor_autograd(tensor, &made, &w->err), &w->err);
    return sy_scope_adopt(w->s, made);
}

static sy_tensor *recorded_at_bob(workers *w, sy_tensor *tensor)
{
    return recorded(w, at_bob(w, tensor));
}

static sy_tensor *at_both(workers *w, sy_tensor *tensor)
{
    sy_worker *both[] = {w->alice, w->bob};
    sy_tensor *made = NULL;
    assert_ok(sy_tensor_send_to_many(tensor, &made, both, 2, &w->err), &w->err);
    return sy_scope_adopt(w->s, made);
}

static sy_tensor *recorded_at_both(workers *w, sy_tensor *tensor)
{
    return recorded(w, at_both(w, tensor));
}

static sy_tensor *below(workers *w, sy_tensor *tensor)
{
    sy_tensor *child = NULL;
    assert_ok(sy_tensor_attr(tensor, &child, "child", &w->err), &w->err);
    return sy_scope_adopt(w->s, child);
}

/* Attribute pointers are cloned before they are got. */
static sy_tensor *get(workers *w, sy_tensor *tensor)
{
    return workers_get(w, OP(w, "clone", TENSOR(tensor)));
}

static sy_tensor *get_twice(workers *w, sy_tensor *tensor)
{
    return workers_get(w, get(w, tensor));
}

static sy_tensor *get_below(workers *w, sy_tensor *tensor)
{
    return get(w, below(w, tensor));
}

static sy_tensor *get_logged(workers *w, sy_tensor *tensor)
{
    return below(w, get(w, tensor));
}

/* Both parts, which must be the same. */
static sy_tensor *get_both(workers *w, sy_tensor *tensor)
{
    sy_tensor *parts[2];
    size_t count = 0;
    sy_tensor *copy = OP(w, "clone", TENSOR(tensor));
    assert_ok(sy_multi_pointer_get(copy, parts, 2, &count, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, parts[0]);
    (void)sy_scope_adopt(w->s, parts[1]);
    const syi_array *a = syi_node_array(parts[0]->node), *b = syi_node_array(parts[1]->node);
    assert_memory_equal(syi_array_data(a), syi_array_data(b), syi_array_bytes(a));
    return parts[0];
}

static sy_tensor *get_both_below(workers *w, sy_tensor *tensor)
{
    return get_both(w, below(w, tensor));
}

static sy_tensor *loss_of(workers *w, const network *n)
{
    sy_tensor *hidden =
        OP(w, "linear", TENSOR(n->x), TENSOR(n->parameters[0]), TENSOR(n->parameters[1]));
    sy_tensor *out = OP(w, "linear", TENSOR(OP(w, "relu", TENSOR(hidden))),
                        TENSOR(n->parameters[2]), TENSOR(n->parameters[3]));
    sy_tensor *loss = OP(w, "mse_loss", TENSOR(OP(w, "tanh", TENSOR(out))), TENSOR(n->y));
    return OP(w, "add", TENSOR(loss),
              TENSOR(OP(w, "mean",
                        TENSOR(OP(w, "mul", TENSOR(n->parameters[0]), TENSOR(n->parameters[0]))))));
}

static void compare(workers *w, const way *how, const network *from, const network *there)
{
    for (int k = 0; k < PARAMETERS; k++) {
        sy_tensor *grad = NULL;
        assert_ok(sy_tensor_get_grad(there->parameters[k], &grad, &w->err), &w->err);
        if (grad == NULL) {
            fail_msg("%s: parameter %d has no gradient", how->name, k);
        }
        (void)sy_scope_adopt(w->s, grad);
        sy_tensor *read = how->read(w, grad);
        const syi_array *a = syi_node_array(from->parameters[k]->grad->node);
        const syi_array *b = syi_node_array(read->node);
        assert_true(syi_array_same_shape(a, b));
        for (int64_t i = 0; i < syi_array_numel(a); i++) {
            if (syi_array_get_double(a, i) != syi_array_get_double(b, i)) {
                fail_msg("%s: parameter %d, element %lld: %.9g, expected %.9g", how->name, k,
                         (long long)i, syi_array_get_double(b, i), syi_array_get_double(a, i));
            }
        }
    }
}

static const way ways[] = {
    {"logging", logged, below, "(Wrapper)>LoggingTensor>tensor*"},
    {"autograd", recorded, below, "(Wrapper)>AutogradTensor>tensor*"},
    {"pointer", at_bob, get, "(Wrapper)>\\[PointerTensor*"},
    {"pointer to pointer", through_alice, get_twice, "(Wrapper)>\\[PointerTensor*"},
    {"logging over pointer", logged_at_bob, get_below, "(Wrapper)>LoggingTensor>\\[PointerTensor*"},
    {"pointer to logging", sent_logged, get_logged, "(Wrapper)>\\[PointerTensor*"},
    {"autograd over pointer", recorded_at_bob, get_below,
     "(Wrapper)>AutogradTensor>\\[PointerTensor*"},
    {"multi-pointer", at_both, get_both, "(Wrapper)>\\[MultiPointerTensor*"},
    {"autograd over multi-pointer", recorded_at_both, get_both_below,
     "(Wrapper)>AutogradTensor>\\[MultiPointerTensor*"},
};

static void test_same_gradients(void **state)
{
    workers *w = *state;
    network here = plain(w);
    for (int k = 0; k < PARAMETERS; k++) {
        assert_ok(sy_tensor_set_requires_grad(here.parameters[k], true, &w->err), &w->err);
    }
    assert_ok(sy_tensor_backward(loss_of(w, &here), NULL, &w->err), &w->err);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        const way *how = &ways[i];
        network values = plain(w), there = {{NULL}, NULL, NULL};
        for (int k = 0; k < PARAMETERS; k++) {
            there.parameters[k] = how->put(w, values.parameters[k]);
            assert_ok(sy_tensor_set_requires_grad(there.parameters[k], true, &w->err), &w->err);
        }
        there.x = how->put(w, values.x);
        there.y = how->put(w, values.y);
        sy_tensor *loss = loss_of(w, &there);
        assert_text(w, loss, how->text);
        assert_ok(sy_tensor_backward(loss, NULL, &w->err), &w->err);
        compare(w, how, &here, &there);
    }
}

/* The holder of the AutogradTensor records; the worker does not. */
static void test_who_records(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *grad = NULL;
    sy_tensor *r = recorded(w, p);
    assert_ok(sy_tensor_set_requires_grad(r, true, &w->err), &w->err);
    sy_tensor *loss = OP(w, "sum", TENSOR(OP(w, "mul", TENSOR(r), TENSOR(r))));
    const sy_id at = sy_tensor_get_id_at_location(below(w, loss));
    assert_false(sy_tensor_get_requires_grad(workers_object(w, w->bob_serving, &at)));
    assert_ok(sy_tensor_backward(loss, NULL, &w->err), &w->err);
    assert_ok(sy_tensor_get_grad(p, &grad, &w->err), &w->err);
    assert_null(grad); /* nothing at bob */
    assert_ok(sy_tensor_get_grad(r, &grad, &w->err), &w->err);
    assert_floats(w, get_below(w, sy_scope_adopt(w->s, grad)), 2, 4);
}

/* Beside a pointer, a tape that is here still records; two tapes do not mix. */
static void test_recorded_beside_pointers(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 5, 7), w->bob), *grad = NULL;
    sy_tensor *at = workers_send(w, workers_longs(w, 1, (const int64_t[]){1}), w->bob);
    sy_tensor *r = recorded(w, workers_send(w, FLOATS(w, 1, 2), w->bob));
    assert_ok(sy_tensor_set_requires_grad(r, true, &w->err), &w->err);
    sy_tensor *picked =
        OP(w, "index_select", TENSOR(OP(w, "mul", TENSOR(p), TENSOR(r))), INT(0), TENSOR(at));
    assert_ok(sy_tensor_backward(OP(w, "sum", TENSOR(picked)), NULL, &w->err), &w->err);
    assert_ok(sy_tensor_get_grad(r, &grad, &w->err), &w->err);
    assert_floats(w, get_below(w, sy_scope_adopt(w->s, grad)), 0, 7);
    sy_tensor *rows = OP(w, "__getitem__", TENSOR(OP(w, "mul", TENSOR(r), TENSOR(r))), TENSOR(at));
    assert_ok(sy_tensor_backward(OP(w, "sum", TENSOR(rows)), NULL, &w->err), &w->err);
    assert_ok(sy_tensor_get_grad(r, &grad, &w->err), &w->err);
    assert_floats(w, get_below(w, sy_scope_adopt(w->s, grad)), 0, 11);
    assert_ok(sy_tensor_set_requires_grad(p, true, &w->err), &w->err);
    assert_fails(w, CALL(w, "mul", TENSOR(r), TENSOR(p)), SY_EINVAL, "mul", "recorded here",
                 "sy_tensor_autograd");
    sy_tensor *here = FLOATS(w, 1, 2); /* not that, but elsewhere */
    assert_ok(sy_tensor_set_requires_grad(here, true, &w->err), &w->err);
    assert_fails(w, CALL(w, "mul", TENSOR(here), TENSOR(p)), SY_ECOLLOCATION, "mul", "bob");
}

/* Switched off here, it is off where the command runs, through interpreters and at several workers. */
static void test_mode_travels(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    assert_ok(sy_tensor_set_requires_grad(x, true, &w->err), &w->err);
    sy_tensor *tracked[] = {workers_send(w, x, w->bob), logged_at_bob(w, x), at_both(w, x)};
    for (size_t k = 0; k < sizeof tracked / sizeof tracked[0]; k++) {
        sy_scope *s = sy_scope_begin(w->hook);
        sy_tensor *on = sy_sum(s, tracked[k]);
        assert_true(sy_scope_set_grad_enabled(s, false));
        sy_tensor *off = sy_sum(s, tracked[k]);
        assert_non_null(off);
        assert_fails(w, sy_tensor_backward(off, NULL, &w->err), SY_ENOGRAD, "grad");
        assert_ok(sy_tensor_backward(on, NULL, &w->err), &w->err);
        assert_ok(sy_scope_end(s, &w->err), &w->err);
    }
}

/* A loss of tensors at two workers cannot be made, so it cannot be wrong. */
static void test_two_workers(void **state)
{
    workers *w = *state;
    sy_tensor *x = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *y = workers_send(w, FLOATS(w, 1, 2), w->alice);
    sy_tensor *rx = recorded(w, x), *ry = recorded(w, y);
    assert_ok(sy_tensor_set_requires_grad(rx, true, &w->err), &w->err);
    assert_fails(w, CALL(w, "mse_loss", TENSOR(x), TENSOR(y)), SY_ECOLLOCATION, "alice", "bob");
    assert_fails(w, CALL(w, "mse_loss", TENSOR(rx), TENSOR(ry)), SY_ECOLLOCATION, "alice", "bob");
    sy_tensor *lx = OP(w, "sum", TENSOR(rx)), *ly = OP(w, "sum", TENSOR(ry));
    assert_fails(w, CALL(w, "add", TENSOR(lx), TENSOR(ly)), SY_ECOLLOCATION, "alice", "bob");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_same_gradients),
        WORKER_KINDS(test_who_records),
        WORKER_KINDS(test_recorded_beside_pointers),
        WORKER_KINDS(test_mode_travels),
        WORKER_KINDS(test_two_workers),
    };
    return workers_run(tests);
}
