/*
 * hook_defects.c - defects 19 to 25 of the originals (spec: gotchas.md, hook and dispatch) cannot happen: one
 * test each, for every kind of worker where one is asked.
 */
#include <csyft/interpreter.h>

#include <pthread.h>

#include "support/worker_kinds.h"

static sy_status call_named(workers *w, const char *name, const sy_value *args, size_t arg_count,
                            const char *first, sy_value one, const char *second, sy_value two)
{
    const sy_named_value kwargs[] = {{first, one}, {second, two}};
    return workers_call(w, name, args, arg_count, kwargs, second != NULL ? 2 : 1);
}

static sy_tensor *logged(workers *w, sy_tensor *tensor)
{
    sy_tensor *made = NULL;
    assert_ok(sy_tensor_log(tensor, &made, &w->err), &w->err);
    return sy_scope_adopt(w->s, made);
}

static sy_tensor *minus(workers *w, sy_tensor *tensor)
{
    sy_tensor *made = NULL;
    assert_ok(sy_tensor_plus_is_minus(tensor, &made, &w->err), &w->err);
    return sy_scope_adopt(w->s, made);
}

/* 19: tensors in kwargs are not unwrapped; conv2d's bias needs manual care. */
static void test_19_named_tensors(void **state)
{
    workers *w = *state;
    sy_tensor *x = MATRIX(w, 1, 2, 1, 2);
    sy_tensor *weight = MATRIX(w, 2, 2, 1, 0, 0, 1);
    sy_tensor *bias = FLOATS(w, 10, 20);
    sy_tensor *p = workers_send(w, x, w->bob);
    sy_tensor *q = workers_send(w, weight, w->bob);
    sy_tensor *r = workers_send(w, bias, w->bob);
    const sy_value args[] = {TENSOR(p)};
    assert_ok(call_named(w, "linear", args, 1, "bias", TENSOR(r), "weight", TENSOR(q)), &w->err);
    assert_floats(w, workers_get(w, w->results[0]), 11, 22);
    const sy_value chain[] = {TENSOR(logged(w, x))};
    assert_ok(call_named(w, "linear", chain, 1, "bias", TENSOR(logged(w, bias)), "weight",
                         TENSOR(weight)),
              &w->err);
    assert_text(w, w->results[0], "(Wrapper)>LoggingTensor>tensor(\\[\\[11, 22\\]\\])");
    const sy_value plain[] = {TENSOR(bias)}; /* the only pointer has a name */
    assert_fails(w, call_named(w, "add", plain, 1, "other", TENSOR(r), NULL, INT(0)),
                 SY_ECOLLOCATION, "bob", "local");
}

/* 20: more arguments than at the first call are dropped; the caches are everybody's. */
static void test_20_further_arguments(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 8, 12);
    sy_tensor *p = workers_send(w, x, w->bob);
    sy_tensor *l = logged(w, x);
    for (int round = 0; round < 2; round++) {
        assert_floats(w, workers_get(w, OP(w, "add", TENSOR(p), TENSOR(p))), 16, 24);
        assert_floats(w, workers_get(w, OP(w, "add", TENSOR(p), TENSOR(p), INT(3))), 32, 48);
        assert_text(w, OP(w, "add", TENSOR(l), INT(1)), "*LoggingTensor>tensor(\\[9, 13\\])");
        assert_text(w, OP(w, "add", TENSOR(l), INT(1), INT(3)),
                    "*LoggingTensor>tensor(\\[11, 15\\])");
        assert_fails(w, CALL(w, "add", TENSOR(p), TENSOR(p), INT(3), INT(4)), SY_EINVAL, "add");
        assert_fails(w, CALL(w, "add", TENSOR(l), INT(1), INT(3), INT(4)), SY_EINVAL, "add");
    }
}

typedef struct calls {
    sy_hook *hook;
    bool numbers; /* a number first, then tensors; or the other way round */
    bool well;
} calls;

static void *call_on_a_thread(void *user)
{
    calls *c = user;
    sy_error err = SY_ERROR_INIT;
    sy_tensor *x = NULL, *l = NULL;
    c->well = sy_tensor_from_floats(c->hook, &x, (const float[]){1}, 1, &err) == SY_OK &&
              sy_tensor_log(x, &l, &err) == SY_OK;
    for (int k = 0; c->well && k < 500; k++) {
        const bool number = (k % 2 == 0) == c->numbers;
        const sy_value args[] = {sy_value_tensor(l), number ? sy_value_int(41) : sy_value_tensor(x),
                                 sy_value_int(1)};
        sy_tensor *sum = NULL, *inner = NULL;
        size_t count = 0;
        double value = 0;
        c->well = sy_call(c->hook, "add", args, 2 + (size_t)(k % 3 == 0), NULL, 0, &sum, 1, &count,
                          NULL, &err) == SY_OK &&
                  sy_tensor_get_child(sum, &inner, &err) == SY_OK &&
                  sy_tensor_item(inner, &value, &err) == SY_OK && value == (number ? 42 : 2);
        sy_tensor_unref(inner);
        sy_tensor_unref(sum);
    }
    sy_tensor_unref(l);
    sy_tensor_unref(x);
    return NULL;
}

static void test_20_two_threads(void **state)
{
    workers *w = *state;
    calls both[2] = {{w->hook, true, false}, {w->hook, false, false}};
    pthread_t threads[2];
    for (int k = 0; k < 2; k++) {
        assert_int_equal(pthread_create(&threads[k], NULL, call_on_a_thread, &both[k]), 0);
    }
    for (int k = 0; k < 2; k++) {
        assert_int_equal(pthread_join(threads[k], NULL), 0);
    }
    assert_true(both[0].well && both[1].well);
}

/* 21: the first tensor's type alone routes a call; functions without tensors crash. */
static void test_21_mixed_types_and_none(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1);
    sy_tensor *l = logged(w, FLOATS(w, 2));
    sy_tensor *m = minus(w, FLOATS(w, 3));
    assert_text(w, OP(w, "cat", LIST(TENSOR(x), TENSOR(l))),
                "(Wrapper)>LoggingTensor>tensor(\\[1, 2\\])");
    assert_text(w, OP(w, "cat", LIST(TENSOR(x), TENSOR(l), TENSOR(m))),
                "(Wrapper)>LoggingTensor>PlusIsMinusTensor>tensor(\\[1, 2, 3\\])");
    assert_text(w, OP(w, "add", TENSOR(x), TENSOR(m)),
                "(Wrapper)>PlusIsMinusTensor>tensor(\\[-2\\])");
    assert_floats(w, OP(w, "torch.zeros", LIST(INT(2))), 0, 0);
    assert_floats(w, OP(w, "arange", INT(3), FLOAT(0), FLOAT(-1)), 3, 2, 1);
    assert_fails(w, CALL(w, "torch.set_num_threads", INT(1)), SY_EUNKNOWNOP,
                 "Command \"torch.set_num_threads\" is not a supported Torch operation.");
    assert_fails(w, CALL(w, "torch.as_tensor", LIST(INT(1))), SY_EUNKNOWNOP, "as_tensor");
    assert_fails(w, CALL(w, "add"), SY_EINVAL, "add");
    assert_true(sy_is_excluded("set_num_threads") && sy_is_excluded("torch.arange"));
    assert_false(sy_is_excluded("add"));
}

/* 22: the empty tensor of a wrapper takes part: an error about shapes, or an empty result. */
static void test_22_wrapper_and_native(void **state)
{
    workers *w = *state;
    sy_tensor *one = FLOATS(w, 5); /* an empty tensor would broadcast with it */
    sy_tensor *p = workers_send(w, FLOATS(w, 1, 2), w->bob);
    static const char *const names[] = {"add", "torch.mul", "__iadd__"};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        assert_fails(w, CALL(w, names[k], TENSOR(p), TENSOR(one)), SY_ECOLLOCATION, "bob", "send");
        assert_fails(w, CALL(w, names[k], TENSOR(one), TENSOR(p)), SY_ECOLLOCATION, "bob", "get");
    }
    assert_floats(w, one, 5);
    assert_count(w, w->bob_serving, 1);
    /* a local chain has its numbers here */
    assert_text(w, OP(w, "add", TENSOR(one), TENSOR(logged(w, FLOATS(w, 1, 2)))),
                "(Wrapper)>LoggingTensor>tensor(\\[6, 7\\])");
}

/* 23: only args[0] is checked for its place, and only in the method form. */
static void test_23_collocation_of_all(void **state)
{
    workers *w = *state;
    sy_tensor *x = MATRIX(w, 2, 2, 1, 2, 3, 4);
    sy_tensor *b = workers_send(w, x, w->bob);
    sy_tensor *a = workers_send(w, x, w->alice);
    static const char *const names[] = {"addmm", "torch.addmm"};
    for (size_t k = 0; k < 2; k++) {
        assert_fails(w, CALL(w, names[k], TENSOR(b), TENSOR(b), TENSOR(a)), SY_ECOLLOCATION,
                     "worker bob", "worker alice", "move");
        assert_fails(w, CALL(w, names[k], TENSOR(b), TENSOR(b), TENSOR(x)), SY_ECOLLOCATION, "bob",
                     "local");
    }
    assert_fails(w, CALL(w, "torch.cat", LIST(TENSOR(b), TENSOR(b), TENSOR(a))), SY_ECOLLOCATION,
                 "bob", "alice");
    const sy_value args[] = {TENSOR(b), TENSOR(b)};
    assert_fails(w, call_named(w, "addmm", args, 2, "mat2", TENSOR(a), NULL, INT(0)),
                 SY_ECOLLOCATION, "bob", "alice");
    /* a chain over a pointer, and a pointer somewhere else */
    assert_fails(w, CALL(w, "mul", TENSOR(logged(w, b)), TENSOR(a)), SY_ECOLLOCATION, "bob",
                 "alice");
    assert_count(w, w->bob_serving, 1);
    assert_count(w, w->alice_serving, 1);
}

/* 24: answers of a worker that are no tensors are lost. */
static void test_24_plain_answers(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, MATRIX(w, 2, 3, 1, 2, 3, 4, 5, 6), w->bob);
    assert_ok(CALL(w, "numel", TENSOR(p)), &w->err);
    assert_int_equal(w->result_count, 0);
    assert_int_equal(w->value.kind, SY_VALUE_INT);
    assert_int_equal(w->value.as.integer, 6);
    assert_ok(CALL(w, "size", TENSOR(p), INT(-1)), &w->err);
    assert_int_equal(w->value.as.integer, 3);
    assert_ok(CALL(w, "dim", TENSOR(logged(w, p))), &w->err);
    assert_int_equal(w->value.as.integer, 2);
    assert_count(w, w->bob_serving, 1); /* and nothing was made for them */
}

/* 25: a worker that nobody knows is answered by its own id. */
static void test_25_unknown_worker(void **state)
{
    workers *w = *state;
    sy_worker *found = w->bob;
    assert_fails(w, sy_worker_get_worker(w->me, &found, "nobody", true, &w->err), SY_ENOTFOUND,
                 "nobody");
    assert_null(found);
    found = w->bob;
    workers_log_clear(w);
    assert_ok(sy_worker_get_worker(w->me, &found, "nobody", false, &w->err), &w->err);
    assert_null(found);
    assert_int_equal(workers_log_count(w, SY_LOG_WARNING, "workers", "nobody"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_19_named_tensors),      WORKER_KINDS(test_20_further_arguments),
        WORKER_KINDS(test_20_two_threads),        WORKER_KINDS(test_21_mixed_types_and_none),
        WORKER_KINDS(test_22_wrapper_and_native), WORKER_KINDS(test_23_collocation_of_all),
        WORKER_KINDS(test_24_plain_answers),      WORKER_KINDS(test_25_unknown_worker),
    };
    return workers_run(tests);
}
