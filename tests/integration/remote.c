/*
 * remote.c - operations asked of a worker rather than of a tensor (sy_worker_call; bob.remote.torch of the
 * original), over every kind of worker: what is made there, charged there, refused by name.
 */
#include <string.h>

#include "hook/tensor.h"
#include "support/worker_kinds.h"
#include "workers/worker.h"

static sy_status ask(workers *w, sy_worker *worker, const char *name, const sy_value *args,
                     size_t arg_count, const sy_named_value *kwargs, size_t kwarg_count)
{
    w->err = (sy_error)SY_ERROR_INIT;
    w->result_count = 0;
    const sy_status status =
        sy_worker_call(worker, name, args, arg_count, kwargs, kwarg_count, w->results, RESULTS_MAX,
                       &w->result_count, &w->value, &w->err);
    for (size_t k = 0; k < w->result_count; k++) {
        (void)sy_scope_adopt(w->s, w->results[k]);
    }
    return status;
}
#define ASK(w, worker, name, ...)                               \
    ask((w), (worker), (name), (const sy_value[]){__VA_ARGS__}, \
        sizeof((const sy_value[]){__VA_ARGS__}) / sizeof(sy_value), NULL, 0)

/* The one result, which must be a pointer to bob. */
static sy_tensor *made(workers *w, sy_status status)
{
    assert_ok(status, &w->err);
    assert_int_equal(w->result_count, 1);
    assert_ptr_equal(sy_tensor_get_location(w->results[0]), w->bob);
    return w->results[0];
}

static void test_constructors(void **state)
{
    workers *w = *state;
    sy_tensor *zeros = made(w, ASK(w, w->bob, "torch.zeros", LIST(INT(2), INT(2))));
    assert_text(w, zeros, "(Wrapper)>\\[PointerTensor | me:* -> bob:*\\]");
    assert_true(sy_tensor_get_garbage_collect(zeros));
    assert_count(w, w->bob_serving, 1);
    assert_floats(w, workers_copy_get(w, zeros), 0, 0, 0, 0);
    workers_drop(w, zeros);
    assert_count(w, w->bob_serving, 0);
    assert_floats(w, workers_get(w, made(w, ASK(w, w->bob, "ones", INT(3)))), 1, 1, 1);
    assert_floats(w, workers_get(w, made(w, ASK(w, w->bob, "full", INT(2), FLOAT(1.5)))), 1.5, 1.5);
    assert_floats(w, workers_get(w, made(w, ASK(w, w->bob, "arange", INT(1), INT(4)))), 1, 2, 3);
    sy_tensor *drawn = workers_get(w, made(w, ASK(w, w->bob, "torch.rand", LIST(INT(5), INT(4)))));
    assert_int_equal(syi_array_numel(syi_node_array(drawn->node)), 20);
    for (int64_t k = 0; k < 20; k++) {
        const double x = syi_array_get_double(syi_node_array(drawn->node), k);
        assert_true(x >= 0 && x < 1);
    }
    drawn = workers_get(w, made(w, ASK(w, w->bob, "randint", INT(3), INT(5), LIST(INT(40)))));
    for (int64_t k = 0; k < 40; k++) {
        const int64_t x = syi_array_get_int(syi_node_array(drawn->node), k);
        assert_true(x == 3 || x == 4);
    }
    (void)workers_get(w, made(w, ASK(w, w->bob, "randn", INT(4))));
    (void)workers_get(w, made(w, ASK(w, w->bob, "randperm", INT(4))));
}

static void test_named_arguments(void **state)
{
    workers *w = *state;
    const sy_named_value named[] = {{"dtype", sy_value_dtype(SY_DTYPE_I32)},
                                    {"fill_value", INT(7)}};
    const sy_value size = INT(2);
    sy_tensor *got = workers_get(w, made(w, ask(w, w->bob, "full", &size, 1, named, 2)));
    assert_int_equal(syi_node_array(got->node)->dtype, SY_DTYPE_I32);
    assert_floats(w, got, 7, 7);
    assert_fails(w, ask(w, w->bob, "zeros", &size, 1, named, 2), SY_EINVAL, "zeros", "fill_value");
}

static void test_results_are_operands(void **state)
{
    workers *w = *state;
    sy_tensor *x = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *ones = made(w, ASK(w, w->bob, "ones", INT(2)));
    assert_floats(w, workers_get(w, OP(w, "add", TENSOR(x), TENSOR(ones))), 2, 3);
    assert_floats(w, workers_get(w, made(w, ASK(w, w->bob, "mul", TENSOR(x), INT(3)))), 3, 6);
    assert_floats(w, workers_get(w, made(w, ASK(w, w->bob, "cat", LIST(TENSOR(x), TENSOR(ones))))),
                  1, 2, 1, 1);
    assert_ok(ASK(w, w->bob, "numel", TENSOR(x)), &w->err);
    assert_int_equal(w->value.as.integer, 2);
    assert_fails(w, ASK(w, w->alice, "mul", TENSOR(x), INT(3)), SY_ECOLLOCATION, "alice", "bob");
    assert_fails(w, ASK(w, w->bob, "mul", TENSOR(FLOATS(w, 1)), INT(3)), SY_ECOLLOCATION, "bob",
                 "not there");
    const sy_named_value other = {"other", TENSOR(FLOATS(w, 1))};
    const sy_value self = TENSOR(x);
    assert_fails(w, ask(w, w->bob, "mul", &self, 1, &other, 1), SY_ECOLLOCATION, "not there");
}

static void test_tensor(void **state)
{
    workers *w = *state;
    sy_tensor *got = workers_get(w, made(w, ASK(w, w->bob, "torch.tensor",
                                                LIST(LIST(INT(1), INT(2)), LIST(INT(3), INT(4))))));
    assert_int_equal(syi_node_array(got->node)->dtype, SY_DTYPE_I64);
    assert_int_equal(syi_node_array(got->node)->ndim, 2);
    assert_floats(w, got, 1, 2, 3, 4);
    got = workers_get(w, made(w, ASK(w, w->bob, "tensor", LIST(INT(1), FLOAT(0.5)))));
    assert_int_equal(syi_node_array(got->node)->dtype, SY_DTYPE_F32);
    assert_floats(w, got, 1, 0.5);
    got = workers_get(w, made(w, ASK(w, w->bob, "tensor", INT(3), sy_value_dtype(SY_DTYPE_F64))));
    assert_int_equal(syi_node_array(got->node)->ndim, 0);
    assert_int_equal(syi_node_array(got->node)->dtype, SY_DTYPE_F64);
    got = workers_get(w, made(w, ASK(w, w->bob, "tensor", LIST(sy_value_bool(true)))));
    assert_int_equal(syi_node_array(got->node)->dtype, SY_DTYPE_BOOL);
    got = workers_get(w, made(w, ASK(w, w->bob, "tensor", sy_value_list(NULL, 0))));
    assert_int_equal(syi_node_array(got->node)->dtype, SY_DTYPE_F32);
    assert_int_equal(syi_node_array(got->node)->shape[0], 0);
    assert_fails(w, ASK(w, w->bob, "tensor", LIST(LIST(INT(1)), INT(2))), SY_ESHAPE, "depth 1");
    assert_fails(w, ASK(w, w->bob, "tensor", LIST(INT(2), LIST(INT(1)))), SY_ESHAPE, "tensor");
    assert_fails(w, ASK(w, w->bob, "tensor", LIST(sy_value_string("a"))), SY_EINVAL, "numbers");
    assert_fails(w, ASK(w, w->bob, "tensor", INT(1), INT(2)), SY_EINVAL, "dtype");
    assert_ok(ASK(w, w->me, "tensor", LIST(INT(1))), &w->err);
    assert_false(sy_tensor_is_wrapper(w->results[0]));
}

/* The reference raises AttributeError for what bob.remote.torch does not have. */
static void test_refused(void **state)
{
    workers *w = *state;
    assert_fails(w, ASK(w, w->bob, "torch.no_such_thing", INT(1)), SY_EUNKNOWNOP,
                 "Command \"torch.no_such_thing\" is not a supported Torch operation.");
    assert_fails(w, ASK(w, w->bob, "manual_seed", INT(1)), SY_EUNKNOWNOP, "manual_seed");
    assert_fails(w, ASK(w, w->bob, "add_", INT(1), INT(2)), SY_EINVAL, "add_");
    assert_fails(w, ASK(w, w->bob, "zeros", sy_value_string("two")), SY_EINVAL, "zeros");
    assert_fails(w, ASK(w, w->bob, "zeros", INT(-2)), SY_ESHAPE, "zeros", "-2");
    assert_fails(w, ask(w, w->bob, "zeros", NULL, 0, NULL, 0), SY_EINVAL, "zeros");
    assert_count(w, w->bob_serving, 0);
}

/* It is that worker's memory. */
static void test_limits(void **state)
{
    workers *w = *state;
    syi_account *account = &w->bob_serving->account;
    const uint64_t limit = account->limit;
    account->limit = 4000;
    assert_fails(w, ASK(w, w->bob, "zeros", INT(100000)), SY_ELIMIT, "bob");
    assert_count(w, w->bob_serving, 0);
    sy_tensor *x = made(w, ASK(w, w->bob, "zeros", INT(500)));
    assert_fails(w, ASK(w, w->bob, "zeros", INT(600)), SY_ELIMIT, "bob");
    account->limit = limit;
    workers_drop(w, x);
    assert_fails(w, ASK(w, w->bob, "zeros", LIST(INT(1 << 30), INT(1 << 30), INT(1 << 30))),
                 SY_ESHAPE, "zeros");
}

static void test_room_for_results(void **state)
{
    workers *w = *state;
    const sy_value size = INT(2);
    size_t count = 5;
    assert_fails(
        w, sy_worker_call(w->bob, "zeros", &size, 1, NULL, 0, w->results, 0, &count, NULL, &w->err),
        SY_ESIGNATURE, "1 results, room for 0");
    assert_int_equal(count, 0);
    assert_ok(sy_worker_call(w->bob, "zeros", &size, 1, NULL, 0, NULL, 0, NULL, NULL, &w->err),
              &w->err);
    assert_count(w, w->bob_serving, 0); /* nobody owns it, so it went */
    assert_fails(w, sy_worker_call(w->bob, NULL, &size, 1, NULL, 0, NULL, 0, NULL, NULL, &w->err),
                 SY_EINVAL, "NULL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_constructors),
        WORKER_KINDS(test_named_arguments),
        WORKER_KINDS(test_results_are_operands),
        WORKER_KINDS(test_tensor),
        WORKER_KINDS(test_refused),
        WORKER_KINDS(test_limits),
        WORKER_KINDS(test_room_for_results),
    };
    return workers_run(tests);
}
