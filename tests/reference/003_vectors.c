/*
 * 003_vectors.c - the vectors of the hook (003; spec/hook.md, vectors) that no other file of this folder has:
 * functions on pointers, on pointers to pointers and through LoggingTensors, natives that hooking leaves as they
 * are, a module that is sent and got, len() of every kind of chain.
 */
#include <string.h>

#include <csyft/multi_pointer.h>
#include <csyft/nn.h>
#include <csyft/precision.h>

#include "hook/tensor.h"
#include "support/worker_kinds.h"

static sy_tensor *logged(workers *w, sy_tensor *tensor)
{
    sy_tensor *made = NULL;
    assert_ok(sy_tensor_log(tensor, &made, &w->err), &w->err);
    return sy_scope_adopt(w->s, made);
}

static sy_tensor *below(workers *w, sy_tensor *tensor)
{
    sy_tensor *child = NULL;
    assert_ok(sy_tensor_attr(tensor, &child, "child", &w->err), &w->err);
    return sy_scope_adopt(w->s, child);
}

/* Bit by bit. */
static void assert_equal(sy_tensor *actual, sy_tensor *expected, const char *name)
{
    const syi_array *a = syi_node_array(actual->node), *b = syi_node_array(expected->node);
    if (!syi_array_same_shape(a, b) || a->dtype != b->dtype ||
        memcmp(syi_array_data(a), syi_array_data(b), syi_array_bytes(b)) != 0) {
        fail_msg("%s gives something else there than here", name);
    }
}

/* relu, celu, elu, abs, add, mul: as here, through one worker and through two. */
static void test_functions_on_pointers(void **state)
{
    workers *w = *state;
    static const struct {
        const char *name;
        size_t tensors;
    } functions[] = {
        {"torch.relu", 1},
        {"torch.nn.functional.relu", 1},
        {"torch.nn.functional.celu", 1},
        {"torch.nn.functional.elu", 1},
        {"torch.abs", 1},
        {"torch.add", 2},
        {"torch.mul", 2},
    };
    sy_tensor *x = FLOATS(w, -1, 2, -3.5f, 0), *y = FLOATS(w, 0.5f, -2, 4, 1);
    sy_tensor *p = workers_send(w, x, w->bob), *q = workers_send(w, y, w->bob);
    sy_tensor *pp = workers_send(w, workers_send(w, x, w->bob), w->alice);
    sy_tensor *qq = workers_send(w, workers_send(w, y, w->bob), w->alice);
    for (size_t k = 0; k < sizeof functions / sizeof functions[0]; k++) {
        const char *name = functions[k].name;
        const size_t count = functions[k].tensors;
        const sy_value here[] = {TENSOR(x), TENSOR(y)}, there[] = {TENSOR(p), TENSOR(q)};
        const sy_value further[] = {TENSOR(pp), TENSOR(qq)};
        sy_tensor *expected = workers_op(w, name, here, count, __FILE__, __LINE__);
        sy_tensor *one = workers_op(w, name, there, count, __FILE__, __LINE__);
        assert_equal(workers_get(w, one), expected, name);
        sy_tensor *two = workers_op(w, name, further, count, __FILE__, __LINE__);
        assert_text(w, two, "(Wrapper)>\\[PointerTensor | me:* -> alice:*\\]");
        assert_equal(workers_get(w, workers_get(w, two)), expected, name);
    }
}

/* relu on a chain of LoggingTensors, and on one over a pointer. */
static void test_relu_on_chains(void **state)
{
    workers *w = *state;
    sy_tensor *chain = logged(w, logged(w, FLOATS(w, -1, 2)));
    sy_tensor *y = OP(w, "torch.nn.functional.relu", TENSOR(chain));
    assert_text(w, y, "(Wrapper)>LoggingTensor>LoggingTensor>tensor(\\[0, 2\\])");
    sy_tensor *above = logged(w, workers_send(w, FLOATS(w, -1, 2), w->bob));
    y = OP(w, "torch.nn.functional.relu", TENSOR(above));
    assert_floats(w, workers_get(w, below(w, y)), 0, 2);
}

/* "Hooking must not break natives": einsum("ij,jk->ik", x, x). */
static void test_natives(void **state)
{
    workers *w = *state;
    sy_tensor *x = MATRIX(w, 2, 2, 1, 2, 3, 4);
    const sy_value equation = sy_value_string("ij,jk->ik");
    sy_tensor *y = OP(w, "torch.einsum", equation, LIST(TENSOR(x), TENSOR(x)));
    assert_floats(w, y, 7, 10, 15, 22);
    sy_tensor *p = workers_send(w, x, w->bob);
    y = OP(w, "torch.functional.einsum", equation, LIST(TENSOR(p), TENSOR(p)));
    assert_floats(w, workers_get(w, y), 7, 10, 15, 22);
}

/* Linear(2, 1).send(bob).get() restores weight and bias; so does fix_precision().float_precision(). */
static void test_linear_comes_back(void **state)
{
    workers *w = *state;
    sy_module *net = NULL;
    size_t count = 0;
    assert_ok(sy_module_new_linear(w->hook, &net, 2, 1, true, &w->err), &w->err);
    sy_tensor *const *parameters = sy_module_get_parameters(net, &count);
    assert_int_equal(count, 2);
    assert_ok(sy_tensor_set_data(parameters[0], MATRIX(w, 1, 2, 0.5f, -0.25f), &w->err), &w->err);
    assert_ok(sy_tensor_set_data(parameters[1], FLOATS(w, -5), &w->err), &w->err);
    assert_ok(sy_module_send_(net, w->bob, &w->err), &w->err);
    assert_count(w, w->bob_serving, 2);
    assert_true(sy_tensor_is_pointer(parameters[1]));
    assert_ok(sy_module_get_(net, &w->err), &w->err);
    assert_count(w, w->bob_serving, 0);
    assert_floats(w, parameters[0], 0.5, -0.25);
    assert_floats(w, parameters[1], -5);
    assert_ok(sy_module_fix_precision_(net, NULL, &w->err), &w->err);
    assert_text(w, parameters[1], "(Wrapper)>FixedPrecisionTensor>tensor(\\[-5000\\])*");
    assert_ok(sy_module_send_(net, w->bob, &w->err), &w->err);
    assert_ok(sy_module_get_(net, &w->err), &w->err);
    assert_ok(sy_module_float_precision_(net, &w->err), &w->err);
    assert_floats(w, parameters[0], 0.5, -0.25);
    assert_floats(w, parameters[1], -5);
    assert_true(sy_tensor_get_requires_grad(parameters[1]));
    sy_module_unref(net);
}

/* shape and len: the child's and its first dim, whatever the child is; 0 without dims. */
static void test_length_of_chains(void **state)
{
    workers *w = *state;
    sy_worker *both[] = {w->alice, w->bob};
    sy_tensor *x = MATRIX(w, 3, 2, 1, 2, 3, 4, 5, 6), *many = NULL, *fixed = NULL, *recorded = NULL;
    assert_ok(sy_tensor_send_to_many(x, &many, both, 2, &w->err), &w->err);
    assert_ok(sy_tensor_fix_precision(x, &fixed, NULL, &w->err), &w->err);
    assert_ok(sy_tensor_autograd(x, &recorded, &w->err), &w->err);
    sy_tensor *const chains[] = {logged(w, x), sy_scope_adopt(w->s, many),
                                 sy_scope_adopt(w->s, fixed), sy_scope_adopt(w->s, recorded),
                                 logged(w, workers_send(w, x, w->bob))};
    for (size_t k = 0; k < sizeof chains / sizeof chains[0]; k++) {
        int64_t length = -1;
        assert_ok(sy_tensor_get_length(chains[k], &length, &w->err), &w->err);
        assert_int_equal(length, 3);
        int ndim = 0;
        int64_t shape[SY_DIM_MAX];
        assert_ok(sy_tensor_get_shape(chains[k], &ndim, shape, &w->err), &w->err);
        assert_int_equal(ndim, 2);
        assert_int_equal(shape[0], 3);
        assert_int_equal(shape[1], 2);
        sy_tensor *sum = OP(w, "sum", TENSOR(chains[k]));
        assert_ok(sy_tensor_get_length(sum, &length, &w->err), &w->err);
        assert_int_equal(length, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_functions_on_pointers),
        WORKER_KINDS(test_relu_on_chains),
        WORKER_KINDS(test_natives),
        WORKER_KINDS(test_linear_comes_back),
        WORKER_KINDS(test_length_of_chains),
    };
    return workers_run(tests);
}
