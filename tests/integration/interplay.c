/*
 * interplay.c - every cell of the matrix of spec/tensors.md whose types exist: what an operation between two
 * operands gives, by where they are. GC and the calls on pointers themselves: pointers.c.
 */
#include <string.h>

#include "support/worker_kinds.h"

static const char *const at_bob = "(Wrapper)>\\[PointerTensor | me:* -> bob:*\\]";

static uint64_t sent_to(sy_worker *worker)
{
    return sy_worker_get_traffic(worker).messages_sent;
}

/* --- pointer and pointer ------------------------------------------------------------------------ */

static void test_same_worker(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *q = workers_send(w, FLOATS(w, 10, 20), w->bob);
    const uint64_t before = sent_to(w->bob);
    sy_tensor *sum = OP(w, "add", TENSOR(p), TENSOR(q));
    assert_int_equal(sent_to(w->bob) - before, 1); /* one command, nothing else */
    assert_text(w, sum, at_bob);
    assert_true(sy_tensor_get_garbage_collect(sum));
    assert_count(w, w->bob_serving, 3);
    assert_floats(w, workers_get(w, OP(w, "torch.sub", TENSOR(q), TENSOR(p))), 9, 18);
    assert_floats(w, workers_get(w, sum), 11, 22);
    assert_floats(w, workers_copy_get(w, p), 1, 2); /* the operands stayed as they were */
    assert_count(w, w->bob_serving, 2);
}

/* The same pointer on both sides, and a result as the next operand. */
static void test_long_expression(void **state)
{
    workers *w = *state;
    sy_tensor *x = workers_send(w, FLOATS(w, 1, 2, 3, 4, 5), w->bob);
    sy_tensor *x2 = workers_send(w, FLOATS(w, 1, 2, 3, 4, 4), w->bob);
    sy_scope *s = sy_scope_begin(w->hook);
    sy_tensor *y =
        sy_scope_keep(s, sy_add(s, sy_add(s, x, x2), x)); /* reference 004: y = x + x2 + x */
    assert_ok(sy_scope_end(s, &w->err), &w->err);
    assert_count(w, w->bob_serving, 3); /* the sum in between went with its scope */
    assert_floats(w, workers_get(w, sy_scope_adopt(w->s, y)), 3, 6, 9, 12, 14);
}

static void test_different_workers(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *q = workers_send(w, FLOATS(w, 1, 2), w->alice);
    const uint64_t before = sent_to(w->bob) + sent_to(w->alice);
    assert_fails(w, CALL(w, "add", TENSOR(p), TENSOR(q)), SY_ECOLLOCATION, "add", "alice", "bob");
    assert_fails(w, CALL(w, "add", TENSOR(q), TENSOR(p)), SY_ECOLLOCATION, "add", "alice", "bob");
    assert_fails(w, CALL(w, "torch.mul", TENSOR(p), TENSOR(q)), SY_ECOLLOCATION, "mul", "alice",
                 "bob");
    assert_fails(w, CALL(w, "add_", TENSOR(p), TENSOR(q)), SY_ECOLLOCATION, "add", "alice", "bob");
    assert_fails(w, CALL(w, "torch.cat", LIST(TENSOR(p), TENSOR(q)), INT(0)), SY_ECOLLOCATION,
                 "cat", "alice", "bob");
    assert_fails(w, CALL(w, "where", TENSOR(p), TENSOR(p), TENSOR(q)), SY_ECOLLOCATION, "where",
                 "alice", "bob");
    assert_int_equal(sent_to(w->bob) + sent_to(w->alice), before); /* nobody was asked */
    assert_floats(w, workers_get(w, p), 1, 2);
}

/* --- pointer and native ------------------------------------------------------------------------- */

/* Always refused; the originals broadcast a one-element operand with the wrapper's empty one, so that
 * size is among the cases. */
static void test_pointer_and_native(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *natives[] = {FLOATS(w, 1, 2), FLOATS(w, 1), MATRIX(w, 1, 1, 5),
                            workers_tensor(w, 0, NULL, (const float[]){5})};
    static const char *const names[] = {"add", "torch.add", "__add__", "sub", "mul", "eq", "gt"};
    for (size_t k = 0; k < sizeof natives / sizeof natives[0]; k++) {
        sy_tensor *t = natives[k];
        for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
            assert_fails(w, CALL(w, names[n], TENSOR(p), TENSOR(t)), SY_ECOLLOCATION, "bob",
                         "local");
            assert_fails(w, CALL(w, names[n], TENSOR(t), TENSOR(p)), SY_ECOLLOCATION, "bob",
                         "local");
        }
        assert_fails(w, CALL(w, "add_", TENSOR(p), TENSOR(t)), SY_ECOLLOCATION, "add", "bob");
        assert_fails(w, CALL(w, "add_", TENSOR(t), TENSOR(p)), SY_ECOLLOCATION, "add", "bob");
        assert_fails(w, CALL(w, "copy_", TENSOR(t), TENSOR(p)), SY_ECOLLOCATION, "copy_", "bob");
        assert_fails(w, CALL(w, "stack", LIST(TENSOR(t), TENSOR(p))), SY_ECOLLOCATION, "stack",
                     "bob");
    }
    assert_floats(w, natives[0], 1, 2);
    assert_floats(w, workers_get(w, p), 1, 2);
}

/* In the scope's own functions, too. */
static void test_pointer_and_native_in_a_scope(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, MATRIX(w, 2, 2, 1, 2, 3, 4), w->bob);
    sy_tensor *t = MATRIX(w, 2, 2, 1, 0, 0, 1);
    sy_scope *s = sy_scope_begin(w->hook);
    assert_null(sy_matmul(s, p, t));
    assert_fails(w, sy_scope_end(s, &w->err), SY_ECOLLOCATION, "matmul", "bob");
    s = sy_scope_begin(w->hook);
    assert_null(sy_matmul(s, t, p));
    assert_fails(w, sy_scope_end(s, &w->err), SY_ECOLLOCATION, "matmul", "bob");
}

/* --- named arguments ---------------------------------------------------------------------------- */

static void test_tensors_in_kwargs(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *q = workers_send(w, FLOATS(w, 10, 20), w->bob);
    sy_tensor *a = workers_send(w, FLOATS(w, 10, 20), w->alice);
    sy_tensor *t = FLOATS(w, 10, 20);
    const sy_value self = TENSOR(p);
    sy_named_value kwargs[] = {{"other", TENSOR(q)}, {"alpha", INT(2)}};
    assert_ok(workers_call(w, "add", &self, 1, kwargs, 2), &w->err);
    assert_floats(w, workers_get(w, w->results[0]), 21, 42);
    const sy_named_value all[] = {{"other", TENSOR(q)}, {"input", TENSOR(p)}};
    assert_ok(workers_call(w, "torch.add", &self, 0, all, 2), &w->err);
    assert_floats(w, workers_get(w, w->results[0]), 11, 22);
    kwargs[0].value = TENSOR(a);
    assert_fails(w, workers_call(w, "add", &self, 1, kwargs, 1), SY_ECOLLOCATION, "alice", "bob");
    kwargs[0].value = TENSOR(t);
    assert_fails(w, workers_call(w, "add", &self, 1, kwargs, 1), SY_ECOLLOCATION, "local", "bob");
    kwargs[0] = (sy_named_value){"beside", TENSOR(q)};
    assert_fails(w, workers_call(w, "add", &self, 1, kwargs, 1), SY_EINVAL, "beside");
}

/* --- plain operands ----------------------------------------------------------------------------- */

static void test_scalars_are_sent_as_they_are(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    const int64_t two[] = {2, 3};
    sy_tensor *n = workers_send(w, workers_longs(w, 2, two), w->bob);
    assert_floats(w, workers_get(w, OP(w, "add", TENSOR(p), INT(3))), 4, 5);
    assert_floats(w, workers_get(w, OP(w, "mul", TENSOR(p), FLOAT(0.5))), 0.5, 1);
    assert_floats(w, workers_get(w, OP(w, "rsub", TENSOR(p), INT(1))), 0, -1);
    assert_floats(w, workers_get(w, OP(w, "mul", TENSOR(n), sy_value_bool(true))), 2, 3);
    sy_dtype dtype = SY_DTYPE_BOOL;
    assert_ok(sy_tensor_get_dtype(OP(w, "add", TENSOR(n), INT(1)), &dtype, &w->err), &w->err);
    assert_int_equal(dtype, SY_DTYPE_I64); /* the kind of the number decides, not only its value */
    assert_ok(sy_tensor_get_dtype(OP(w, "add", TENSOR(n), FLOAT(1)), &dtype, &w->err), &w->err);
    assert_int_equal(dtype, SY_DTYPE_F32);
    assert_ok(
        sy_tensor_get_dtype(OP(w, "to", TENSOR(n), sy_value_dtype(SY_DTYPE_F64)), &dtype, &w->err),
        &w->err);
    assert_int_equal(dtype, SY_DTYPE_F64);
}

/* Text, lists, slices, ellipsis and none as arguments. */
static void test_other_plain_arguments(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, MATRIX(w, 2, 3, 1, 2, 3, 4, 5, 6), w->bob);
    sy_tensor *q = workers_send(w, MATRIX(w, 2, 3, 0, 0, 0, 0, 0, 0), w->bob);
    assert_floats(
        w, workers_get(w, OP(w, "mse_loss", TENSOR(p), TENSOR(q), sy_value_string("sum"))), 91);
    assert_floats(w, workers_get(w, OP(w, "sum", TENSOR(p), LIST(INT(0)), sy_value_bool(true))), 5,
                  7, 9);
    assert_floats(w, workers_get(w, OP(w, "view", TENSOR(p), LIST(INT(3), INT(2)))), 1, 2, 3, 4, 5,
                  6);
    assert_floats(w, workers_get(w, OP(w, "__getitem__", TENSOR(p), LIST(INT(1), INT(2)))), 6);
    assert_floats(
        w,
        workers_get(w, OP(w, "__getitem__", TENSOR(p),
                          LIST(sy_value_ellipsis(), sy_value_slice(1, SY_SLICE_OPEN, 1)))),
        2, 3, 5, 6);
    assert_floats(w, workers_get(w, OP(w, "__getitem__", TENSOR(p), LIST(sy_value_none(), INT(0)))),
                  1, 2, 3);
    /* Tensors of indices beside other items, masks, and writes. */
    sy_tensor *columns = workers_send(w, workers_longs(w, 2, (const int64_t[]){2, -3}), w->bob);
    assert_floats(w, workers_get(w, OP(w, "__getitem__", TENSOR(p), LIST(INT(1), TENSOR(columns)))),
                  6, 4);
    assert_floats(w,
                  workers_get(w, OP(w, "__getitem__", TENSOR(p),
                                    LIST(sy_value_slice(0, 2, 1), TENSOR(columns)))),
                  3, 1, 6, 4);
    sy_tensor *mask = OP(w, "gt", TENSOR(p), INT(4));
    assert_floats(w, workers_get(w, OP(w, "__getitem__", TENSOR(p), TENSOR(mask))), 5, 6);
    sy_tensor *same = OP(w, "__setitem__", TENSOR(p), TENSOR(mask), FLOAT(0));
    assert_ptr_equal(same, p);
    OP(w, "index_put_", TENSOR(p), LIST(INT(0), TENSOR(columns)), FLOAT(9));
    assert_floats(w, workers_get(w, OP(w, "clone", TENSOR(p))), 9, 2, 9, 4, 0, 0);
}

/* --- chains of pointers ------------------------------------------------------------------------- */

typedef struct chains { /* me -> alice -> bob: data */
    sy_tensor *a, *b;
} chains;

static chains make_chains(workers *w)
{
    chains c;
    c.a = workers_send(w, workers_send(w, FLOATS(w, 1, 2), w->bob), w->alice);
    c.b = workers_send(w, workers_send(w, FLOATS(w, 10, 20), w->bob), w->alice);
    assert_count(w, w->alice_serving, 2);
    assert_count(w, w->bob_serving, 2);
    return c;
}

static void test_pointer_to_pointer(void **state)
{
    workers *w = *state;
    chains c = make_chains(w);
    sy_tensor *sum = OP(w, "add", TENSOR(c.a), TENSOR(c.b));
    assert_text(w, sum, "(Wrapper)>\\[PointerTensor | me:* -> alice:*\\]");
    assert_count(w, w->alice_serving, 3);
    assert_count(w, w->bob_serving, 3);
    const sy_id at = sy_tensor_get_id_at_location(sum);
    assert_text(w, workers_object(w, w->alice_serving, &at),
                "(Wrapper)>\\[PointerTensor | alice:* -> bob:*\\]");
    assert_floats(w, workers_get(w, workers_get(w, sum)), 11, 22);
    assert_count(w, w->alice_serving, 2);
    assert_count(w, w->bob_serving, 2);
    workers_drop(w, c.a);
    workers_drop(w, c.b);
    assert_count(w, w->alice_serving, 0);
    assert_count(w, w->bob_serving, 0);
}

static void test_in_place_through_a_chain(void **state)
{
    workers *w = *state;
    chains c = make_chains(w);
    OP(w, "add_", TENSOR(c.a), TENSOR(c.b));
    OP(w, "mul_", TENSOR(c.a), INT(2));
    assert_count(w, w->alice_serving, 2);
    assert_count(w, w->bob_serving, 2);
    assert_floats(w, workers_get(w, workers_get(w, c.a)), 22, 44);
}

static void test_many_and_plain_through_a_chain(void **state)
{
    workers *w = *state;
    chains c = make_chains(w);
    assert_ok(CALL(w, "split", TENSOR(c.a), INT(1)), &w->err);
    assert_int_equal(w->result_count, 2);
    sy_tensor *second = w->results[1];
    assert_count(w, w->alice_serving, 4);
    assert_count(w, w->bob_serving, 4);
    assert_floats(w, workers_get(w, workers_get(w, second)), 2);
    assert_ok(CALL(w, "numel", TENSOR(c.a)), &w->err);
    assert_int_equal(w->value.kind, SY_VALUE_INT);
    assert_int_equal(w->value.as.integer, 2);
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    assert_ok(sy_tensor_get_shape(c.a, &ndim, shape, &w->err), &w->err);
    assert_int_equal(ndim, 1);
    assert_int_equal(shape[0], 2);
}

static void test_backward_through_a_chain(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    assert_ok(sy_tensor_set_requires_grad(x, true, &w->err), &w->err);
    sy_tensor *at_data = workers_send(w, x, w->bob);
    sy_tensor *chain = workers_send(w, at_data, w->alice);
    sy_tensor *loss = OP(w, "sum", TENSOR(OP(w, "mul", TENSOR(chain), TENSOR(chain))));
    assert_ok(sy_tensor_backward(loss, NULL, &w->err), &w->err);
    sy_tensor *back = workers_get(w, workers_get(w, chain));
    sy_tensor *grad = NULL;
    assert_ok(sy_tensor_get_grad(back, &grad, &w->err), &w->err);
    assert_floats(w, sy_scope_adopt(w->s, grad), 2, 4);
}

/* Collocation is checked where the ends are: alice sees a pointer to bob beside her own tensor. */
static void test_chain_and_pointer_to_its_middle(void **state)
{
    workers *w = *state;
    chains c = make_chains(w);
    sy_tensor *p = workers_send(w, FLOATS(w, 5, 6), w->alice);
    assert_fails(w, CALL(w, "add", TENSOR(c.a), TENSOR(p)), SY_ECOLLOCATION, "add", "bob", "alice");
    assert_fails(w, CALL(w, "add", TENSOR(p), TENSOR(c.a)), SY_ECOLLOCATION, "add", "bob", "alice");
    assert_count(w, w->alice_serving, 3);
    assert_count(w, w->bob_serving, 2);
}

static void test_chain_over_three_workers(void **state)
{
    workers *w = *state;
    sy_worker *carol_serving = NULL;
    sy_worker *carol =
        workers_add(w, "carol", &carol_serving); /* nobody knows her: told on the way */
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), carol);
    sy_tensor *q = workers_send(w, p, w->bob);
    sy_tensor *r = workers_send(w, q, w->alice);
    sy_tensor *y = OP(w, "add", TENSOR(r), INT(1));
    assert_count(w, w->alice_serving, 2);
    assert_count(w, w->bob_serving, 2);
    assert_count(w, carol_serving, 2);
    assert_floats(w, workers_get(w, workers_get(w, workers_get(w, y))), 2, 3);
    workers_drop(w, r);
    assert_count(w, w->alice_serving, 0);
    assert_count(w, w->bob_serving, 0);
    assert_count(w, carol_serving, 0);
}

/* A chain that leads home: alice's pointer to bob's pointer to her own tensor. */
static void test_chain_that_leads_home(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->alice);
    sy_tensor *q = workers_send(w, p, w->bob);
    sy_tensor *r = workers_send(w, q, w->alice); /* me -> alice -> bob -> alice: data */
    sy_tensor *y = OP(w, "mul", TENSOR(r), INT(3));
    assert_count(w, w->alice_serving, 4);
    assert_count(w, w->bob_serving, 2);
    assert_floats(w, workers_get(w, workers_get(w, workers_get(w, y))), 3, 6);
    workers_drop(w, r);
    assert_count(w, w->alice_serving, 0);
    assert_count(w, w->bob_serving, 0);
}

/* --- kinds of results ----------------------------------------------------------------------------- */

static void test_in_place(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *q = workers_send(w, FLOATS(w, 10, 20), w->bob);
    const sy_id before = sy_tensor_get_id_at_location(p);
    assert_ptr_equal(OP(w, "add_", TENSOR(p), TENSOR(q)), p); /* the wrapper itself */
    assert_ptr_equal(OP(w, "mul_", TENSOR(p), INT(2)), p);
    assert_ptr_equal(OP(w, "relu_", TENSOR(p)), p);
    assert_ptr_equal(OP(w, "__iadd__", TENSOR(p), INT(1)), p);
    assert_ptr_equal(OP(w, "add_", TENSOR(p), TENSOR(p)), p);
    const sy_id after = sy_tensor_get_id_at_location(p);
    assert_true(sy_id_equal(&before, &after));
    assert_count(w, w->bob_serving, 2);
    assert_floats(w, workers_get(w, p), 46, 90);
}

static void test_multiple_outputs(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, MATRIX(w, 3, 2, 1, 6, 5, 2, 3, 4), w->bob);
    assert_ok(CALL(w, "split", TENSOR(p), INT(2)), &w->err);
    assert_int_equal(w->result_count, 2);
    sy_tensor *parts[] = {w->results[0], w->results[1]};
    assert_count(w, w->bob_serving, 3);
    assert_floats(w, workers_get(w, parts[0]), 1, 6, 5, 2);
    assert_floats(w, workers_get(w, parts[1]), 3, 4);
    assert_ok(CALL(w, "chunk", TENSOR(p), INT(3)), &w->err);
    assert_int_equal(w->result_count, 3);
    assert_floats(w, workers_get(w, w->results[2]), 3, 4);
    assert_ok(CALL(w, "unbind", TENSOR(p), INT(1)), &w->err);
    assert_int_equal(w->result_count, 2);
    assert_floats(w, workers_get(w, w->results[1]), 6, 2, 4);
    assert_ok(CALL(w, "max", TENSOR(p), INT(0)), &w->err);
    assert_int_equal(w->result_count, 2);
    sy_tensor *indices = w->results[1];
    assert_floats(w, workers_get(w, w->results[0]), 5, 6);
    assert_floats(w, workers_get(w, indices), 1, 0);
}

static void test_comparisons(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 5, 3), w->bob);
    sy_tensor *q = workers_send(w, FLOATS(w, 3, 3, 3), w->bob);
    sy_tensor *mask = OP(w, "gt", TENSOR(p), INT(3));
    sy_dtype dtype = SY_DTYPE_F32;
    assert_text(w, mask, at_bob);
    assert_ok(sy_tensor_get_dtype(mask, &dtype, &w->err), &w->err);
    assert_int_equal(dtype, SY_DTYPE_BOOL);
    assert_floats(w, workers_get(w, OP(w, "__lt__", TENSOR(p), TENSOR(q))), 1, 0, 0);
    assert_floats(w, workers_get(w, OP(w, "eq", TENSOR(p), TENSOR(q))), 0, 0, 1);
    assert_floats(w, workers_get(w, OP(w, "where", TENSOR(mask), TENSOR(p), TENSOR(q))), 3, 5, 3);
    assert_floats(w, workers_get(w, mask), 0, 1, 0);
}

static void test_backward(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2, 3);
    assert_ok(sy_tensor_set_requires_grad(x, true, &w->err), &w->err);
    sy_tensor *p = workers_send(w, x, w->bob);
    sy_tensor *loss = OP(w, "sum", TENSOR(OP(w, "mul", TENSOR(p), TENSOR(p))));
    const size_t before = workers_count(w, w->bob_serving);
    assert_ok(sy_tensor_backward(loss, NULL, &w->err), &w->err);
    assert_count(w, w->bob_serving, before); /* nothing dangles */
    sy_tensor *grad = NULL;
    assert_ok(sy_tensor_get_grad(p, &grad, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, grad);
    assert_text(w, grad, "(Wrapper)>\\[PointerTensor | me:* -> bob:*\\]::grad");
    assert_floats(w, workers_get(w, OP(w, "clone", TENSOR(grad))), 2, 4, 6);
    /* with a gradient of its own for a result of several elements */
    sy_tensor *y = OP(w, "mul", TENSOR(p), INT(10));
    sy_tensor *seed = workers_send(w, FLOATS(w, 1, 0, 2), w->bob);
    assert_ok(sy_tensor_backward(y, seed, &w->err), &w->err);
    assert_floats(w, workers_get(w, OP(w, "clone", TENSOR(grad))), 12, 4, 26);
    sy_tensor *local = FLOATS(w, 1, 0, 2);
    assert_fails(w, sy_tensor_backward(y, local, &w->err), SY_ECOLLOCATION, "bob");
    assert_fails(w, sy_tensor_backward(y, NULL, &w->err), SY_ESHAPE, "bob");
    sy_tensor *plain = workers_send(w, FLOATS(w, 1), w->bob);
    assert_fails(w, sy_tensor_backward(plain, NULL, &w->err), SY_ENOGRAD, "bob");
}

/* Training as a user writes it: the leaf changes at the worker, and nothing is left over. */
static void test_a_training_step(void **state)
{
    workers *w = *state;
    sy_tensor *weight = FLOATS(w, 1, 1);
    assert_ok(sy_tensor_set_requires_grad(weight, true, &w->err), &w->err);
    sy_tensor *p = workers_send(w, weight, w->bob);
    sy_tensor *data = workers_send(w, FLOATS(w, 2, 3), w->bob);
    for (int k = 0; k < 3; k++) {
        sy_scope *s = sy_scope_begin(w->hook);
        sy_tensor *loss = sy_sum(s, sy_mul(s, p, data));
        assert_ok(sy_tensor_set_grad(p, NULL, &w->err), &w->err);
        assert_ok(sy_tensor_backward(loss, NULL, &w->err), &w->err);
        sy_tensor *grad = NULL;
        assert_ok(sy_tensor_get_grad(p, &grad, &w->err), &w->err);
        (void)sy_sgd_(s, p, sy_scope_adopt(s, grad), 0.5);
        assert_ok(sy_scope_end(s, &w->err), &w->err);
    }
    assert_count(w, w->bob_serving, 2);
    assert_floats(w, workers_get(w, p), 1 - 3 * 0.5 * 2, 1 - 3 * 0.5 * 3);
}

/* A remote value is not revealed by asking for its number, private or not. */
static void test_item_is_refused(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 7), w->bob);
    double number = 0;
    assert_fails(w, CALL(w, "item", TENSOR(p)), SY_EFORBIDDEN, "item");
    assert_fails(w, CALL(w, "__bool__", TENSOR(p)), SY_EFORBIDDEN, "item");
    assert_fails(w, sy_tensor_item(p, &number, &w->err), SY_EPERM, "get it first");
    assert_true(number == 0);
}

/* --- attribute pointers --------------------------------------------------------------------------- */

static void test_attribute_pointers(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    assert_ok(sy_tensor_set_requires_grad(x, true, &w->err), &w->err);
    sy_tensor *p = workers_send(w, x, w->bob);
    sy_tensor *grad = NULL;
    assert_ok(sy_tensor_get_grad(p, &grad, &w->err), &w->err);
    assert_null(grad); /* the remote said none */
    assert_ok(sy_tensor_backward(OP(w, "sum", TENSOR(p)), NULL, &w->err), &w->err);
    assert_ok(sy_tensor_get_grad(p, &grad, &w->err), &w->err);
    assert_non_null(sy_scope_adopt(w->s, grad));
    assert_false(sy_tensor_get_garbage_collect(grad));

    sy_tensor *data = NULL;
    assert_ok(sy_tensor_attr(p, &data, "data", &w->err), &w->err);
    (void)sy_scope_adopt(w->s, data);
    assert_text(w, data, "(Wrapper)>\\[PointerTensor | me:* -> bob:*\\]::data");
    const sy_id of_data = sy_tensor_get_id_at_location(data);
    const sy_id of_p = sy_tensor_get_id_at_location(p);
    assert_true(sy_id_equal(&of_data, &of_p));

    sy_tensor *got = NULL;
    assert_fails(w, sy_tensor_get(grad, &got, &w->err), SY_EINVAL, ".grad", "bob",
                 "clone it first");
    assert_fails(w, sy_tensor_get_(data, &w->err), SY_EINVAL, ".data", "bob", "clone it first");
    assert_fails(w, sy_tensor_copy_get(data, &got, &w->err), SY_EINVAL, ".data", "clone it first");
    assert_floats(w, workers_get(w, OP(w, "clone", TENSOR(data))), 1, 2);
    assert_floats(w, workers_get(w, OP(w, "add", TENSOR(data), TENSOR(grad))), 2, 3);

    /* The gradient of a gradient is none; a path of several parts is one pointer. */
    sy_tensor *deep = NULL;
    assert_ok(sy_tensor_attr(data, &deep, "grad", &w->err), &w->err);
    (void)sy_scope_adopt(w->s, deep);
    assert_text(w, deep, "*::data::grad");
    bool none = false;
    assert_ok(sy_tensor_is_none(deep, &none, &w->err), &w->err);
    assert_true(none);
    assert_fails(w, CALL(w, "clone", TENSOR(deep)), SY_ENOGRAD, "data.grad", "bob");

    /* Attributes never delete. */
    workers_drop(w, deep);
    workers_drop(w, data);
    workers_drop(w, grad);
    assert_floats(w, workers_get(w, p), 1, 2);
}

static void test_other_attributes_are_refused(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    static const char *const names[] = {"__dict__", "owner", "storage", "data.owner", "GRAD"};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        sy_tensor *attribute = NULL;
        bool none = false;
        assert_ok(sy_tensor_attr(p, &attribute, names[k], &w->err), &w->err);
        (void)sy_scope_adopt(w->s, attribute);
        assert_fails(w, sy_tensor_is_none(attribute, &none, &w->err), SY_EFORBIDDEN, "bob",
                     "only grad and data");
        assert_fails(w, CALL(w, "clone", TENSOR(attribute)), SY_EFORBIDDEN, "bob");
    }
}

/* In-place on an attribute reaches the object itself (a manual update of weights). */
static void test_in_place_on_data(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    assert_ok(sy_tensor_set_requires_grad(x, true, &w->err), &w->err);
    sy_tensor *p = workers_send(w, x, w->bob);
    sy_tensor *data = NULL;
    assert_fails(w, CALL(w, "add_", TENSOR(p), INT(1)), SY_EINVAL, "add_", "leaf");
    assert_ok(sy_tensor_attr(p, &data, "data", &w->err), &w->err);
    OP(w, "add_", TENSOR(sy_scope_adopt(w->s, data)), INT(1));
    assert_floats(w, workers_get(w, p), 2, 3);
}

/* --- plain values ---------------------------------------------------------------------------------- */

static void test_counts_and_shapes(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, MATRIX(w, 2, 3, 1, 2, 3, 4, 5, 6), w->bob);
    static const struct {
        const char *name;
        int64_t value;
    } answers[] = {{"dim", 2}, {"ndimension", 2}, {"numel", 6}, {"nelement", 6}};
    for (size_t k = 0; k < sizeof answers / sizeof answers[0]; k++) {
        assert_ok(CALL(w, answers[k].name, TENSOR(p)), &w->err);
        assert_int_equal(w->result_count, 0);
        assert_int_equal(w->value.kind, SY_VALUE_INT);
        assert_int_equal(w->value.as.integer, answers[k].value);
    }
    assert_ok(CALL(w, "size", TENSOR(p), INT(-1)), &w->err);
    assert_int_equal(w->value.as.integer, 3);
    assert_fails(w, CALL(w, "size", TENSOR(p), INT(2)), SY_ERANGE, "size", "bob");

    /* The shape is known from the reply; asking costs nothing. */
    sy_tensor *turned = OP(w, "t", TENSOR(p));
    const uint64_t before = sent_to(w->bob);
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    sy_dtype dtype = SY_DTYPE_BOOL;
    assert_ok(sy_tensor_get_shape(turned, &ndim, shape, &w->err), &w->err);
    assert_int_equal(ndim, 2);
    assert_int_equal(shape[0], 3);
    assert_int_equal(shape[1], 2);
    assert_ok(sy_tensor_get_dtype(turned, &dtype, &w->err), &w->err);
    assert_int_equal(dtype, SY_DTYPE_F32);
    assert_int_equal(sent_to(w->bob), before);
    assert_count(w, w->bob_serving, 2);
}

/* A pointer made from an id alone asks once. */
static void test_shape_is_asked_for_once(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, MATRIX(w, 2, 3, 1, 2, 3, 4, 5, 6), w->bob);
    const sy_id at = sy_tensor_get_id_at_location(p);
    sy_tensor *q = NULL;
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    assert_ok(sy_tensor_point_to(w->hook, &q, w->bob, &at, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, q);
    const uint64_t before = sent_to(w->bob);
    for (int k = 0; k < 3; k++) {
        assert_ok(sy_tensor_get_shape(q, &ndim, shape, &w->err), &w->err);
        assert_int_equal(ndim, 2);
        assert_int_equal(shape[0] * 10 + shape[1], 23);
    }
    assert_int_equal(sent_to(w->bob) - before, 1);
    workers_drop(w, q); /* point_to does not own */
    assert_count(w, w->bob_serving, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_same_worker),
        WORKER_KINDS(test_long_expression),
        WORKER_KINDS(test_different_workers),
        WORKER_KINDS(test_pointer_and_native),
        WORKER_KINDS(test_pointer_and_native_in_a_scope),
        WORKER_KINDS(test_tensors_in_kwargs),
        WORKER_KINDS(test_scalars_are_sent_as_they_are),
        WORKER_KINDS(test_other_plain_arguments),
        WORKER_KINDS(test_pointer_to_pointer),
        WORKER_KINDS(test_in_place_through_a_chain),
        WORKER_KINDS(test_many_and_plain_through_a_chain),
        WORKER_KINDS(test_backward_through_a_chain),
        WORKER_KINDS(test_chain_and_pointer_to_its_middle),
        LIBRARY_WORKER_KINDS(test_chain_over_three_workers),
        WORKER_KINDS(test_chain_that_leads_home),
        WORKER_KINDS(test_in_place),
        WORKER_KINDS(test_multiple_outputs),
        WORKER_KINDS(test_comparisons),
        WORKER_KINDS(test_backward),
        WORKER_KINDS(test_a_training_step),
        WORKER_KINDS(test_item_is_refused),
        WORKER_KINDS(test_attribute_pointers),
        WORKER_KINDS(test_other_attributes_are_refused),
        WORKER_KINDS(test_in_place_on_data),
        WORKER_KINDS(test_counts_and_shapes),
        WORKER_KINDS(test_shape_is_asked_for_once),
    };
    return workers_run(tests);
}
