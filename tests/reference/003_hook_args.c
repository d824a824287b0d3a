/*
 * 003_hook_args.c - T9, reference 003 lines 423-426, 476-478, 496-500, 660-672, 683: arguments that are
 * tensors, numbers and lists of both, in changing order; the chain of the response; names.
 *
 * build_rule marks the tensors of ([tensor, Pointer@bob], 42) as ([1, 1], 0). csyft has no rules to build: what
 * a rule is for, that every tensor is found wherever it stands and nothing else is taken for one, is tested.
 */
#include "support/worker_kinds.h"

/* ([ptr, ptr], 0): both tensors of the list are replaced, the number is not. */
static void test_tensors_inside_a_list(void **state)
{
    workers *w = *state;
    sy_tensor *a = workers_send(w, FLOATS(w, 1, 2), w->bob);
    sy_tensor *b = workers_send(w, FLOATS(w, 3), w->bob);
    sy_tensor *y = OP(w, "torch.cat", LIST(TENSOR(a), TENSOR(b)), INT(0));
    assert_floats(w, workers_get(w, y), 1, 2, 3);
}

/* ([tensor, Pointer@bob], 42), the documented one: both are seen, so it is refused by name. */
static void test_mixed_list(void **state)
{
    workers *w = *state;
    sy_tensor *t = FLOATS(w, 1, 2);
    sy_tensor *p = workers_send(w, FLOATS(w, 3), w->bob);
    assert_fails(w, CALL(w, "cat", LIST(TENSOR(t), TENSOR(p)), INT(0)), SY_ECOLLOCATION, "cat",
                 "bob", "local");
    assert_fails(w, CALL(w, "stack", LIST(TENSOR(p), TENSOR(t)), INT(0)), SY_ECOLLOCATION, "stack",
                 "bob");
    assert_count(w, w->bob_serving, 1);
}

/* "x.div(), which can accept either a tensor or a float": the first signature is not taken for all. */
static void test_changing_signatures(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 8, 12);
    sy_tensor *d = FLOATS(w, 2, 4);
    sy_tensor *p = workers_send(w, x, w->bob);
    sy_tensor *q = workers_send(w, d, w->bob);
    for (int round = 0; round < 2; round++) {
        assert_floats(w, workers_get(w, OP(w, "div", TENSOR(p), TENSOR(q))), 4, 3);
        assert_floats(w, workers_get(w, OP(w, "div", TENSOR(p), INT(2))), 4, 6);
        assert_floats(w, workers_get(w, OP(w, "div", TENSOR(p), FLOAT(0.5))), 16, 24);
        assert_floats(w, OP(w, "div", TENSOR(x), TENSOR(d)), 4, 3);
        assert_floats(w, OP(w, "div", TENSOR(x), INT(2)), 4, 6);
    }
}

/* zero_fold to many_fold: none to a dozen arguments of one call, more and fewer from call to call. */
static void test_any_number_of_arguments(void **state)
{
    workers *w = *state;
    enum { MANY = 12 };
    static const size_t counts[] = {1, 12, 2, 9, 3, 8, 4, 10, 5, 7, 6};
    sy_value pointers[MANY];
    float values[MANY];
    for (size_t k = 0; k < MANY; k++) {
        values[k] = (float)k;
        pointers[k] = TENSOR(workers_send(w, FLOATS(w, values[k]), w->bob));
    }
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        float got[MANY];
        const size_t count = counts[i];
        sy_tensor *y = OP(w, "torch.cat", sy_value_list(pointers, count), INT(0));
        assert_ok(sy_tensor_copy_data(workers_get(w, y), got, count * sizeof *got, &w->err),
                  &w->err);
        assert_memory_equal(got, values, count * sizeof *got);
    }
    assert_fails(w, CALL(w, "torch.cat", sy_value_list(NULL, 0), INT(0)), SY_EINVAL, "cat");
    assert_fails(w, CALL(w, "neg", pointers[0], INT(1), INT(2)), SY_EINVAL, "neg"); /* defect 20 */
}

/* Nine arguments in their places, of four kinds: a convolution with everything said. */
static void test_nine_arguments(void **state)
{
    workers *w = *state;
    const float image[] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, kernel[] = {1, 0, 0, -1};
    sy_tensor *x = workers_tensor(w, 4, (const int64_t[]){1, 1, 3, 3}, image);
    sy_tensor *k = workers_tensor(w, 4, (const int64_t[]){1, 1, 2, 2}, kernel);
    sy_tensor *p = workers_send(w, x, w->bob), *q = workers_send(w, k, w->bob);
    sy_tensor *bias = workers_send(w, FLOATS(w, 0.5f), w->bob);
    const sy_value one = LIST(INT(1), INT(1)), none = LIST(INT(0), INT(0));
    const sy_value no = {.kind = SY_VALUE_BOOL};
    assert_floats(w,
                  workers_get(w, OP(w, "torch.convolution", TENSOR(p), TENSOR(q), TENSOR(bias), one,
                                    none, one, no, none, INT(1))),
                  -3.5, -3.5, -3.5, -3.5);
    assert_floats(w,
                  workers_get(w, OP(w, "torch.convolution", TENSOR(p), TENSOR(q), sy_value_none(),
                                    one, none, one, no, none, INT(1))),
                  -4, -4, -4, -4);
}

/* Responses of one name with different shapes: max() is one tensor, max(dim) two. */
static void test_changing_responses(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, MATRIX(w, 2, 2, 1, 5, 7, 3), w->bob);
    for (int round = 0; round < 2; round++) {
        assert_ok(CALL(w, "max", TENSOR(p)), &w->err);
        assert_int_equal(w->result_count, 1);
        assert_floats(w, workers_get(w, w->results[0]), 7);
        assert_ok(CALL(w, "max", TENSOR(p), INT(1)), &w->err);
        assert_int_equal(w->result_count, 2);
        sy_tensor *indices = w->results[1];
        assert_floats(w, workers_get(w, w->results[0]), 5, 7);
        assert_floats(w, workers_get(w, indices), 1, 0);
    }
}

/* The documented example: a LoggingTensor over the native tensor is put back on the result. */
static void test_logging_chain(void **state)
{
    workers *w = *state;
    sy_tensor *x = FLOATS(w, 1, 2);
    sy_tensor *logged = NULL;
    assert_ok(sy_tensor_log(x, &logged, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, logged);
    assert_text(w, logged, "(Wrapper)>LoggingTensor>tensor(\\[1, 2\\])");
    workers_log_clear(w);
    sy_tensor *y = OP(w, "add", TENSOR(logged), TENSOR(logged));
    assert_text(w, y, "(Wrapper)>LoggingTensor>tensor(\\[2, 4\\])");
    assert_int_equal(workers_log_count(w, SY_LOG_INFO, "interpreters", "Log method add"), 1);
    sy_tensor *mixed = OP(w, "mul", TENSOR(x), TENSOR(logged)); /* one of them is plain */
    assert_text(w, mixed, "(Wrapper)>LoggingTensor>tensor(\\[1, 4\\])");
    assert_floats(w, workers_get(w, y), 2, 4);
}

/* It also travels: the chain is the same at bob, and is put back there. */
static void test_logging_chain_at_a_worker(void **state)
{
    workers *w = *state;
    sy_tensor *logged = NULL;
    assert_ok(sy_tensor_log(FLOATS(w, 1, 2), &logged, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, logged);
    sy_tensor *p = workers_send(w, logged, w->bob);
    sy_tensor *y = OP(w, "add", TENSOR(p), INT(1));
    const sy_id at = sy_tensor_get_id_at_location(y);
    assert_text(w, workers_object(w, w->bob_serving, &at),
                "(Wrapper)>LoggingTensor>tensor(\\[2, 3\\])*");
    sy_tensor *chain = workers_get(w, y);
    assert_text(w, chain, "(Wrapper)>LoggingTensor>tensor(\\[2, 3\\])*");
    assert_floats(w, workers_get(w, chain), 2, 3);
}

static void test_names(void **state)
{
    (void)state;
    char name[64];
    assert_string_equal(sy_get_native_torch_name("torch.add", name, sizeof name),
                        "torch.native_add");
    assert_string_equal(sy_get_native_torch_name("torch.nn.functional.relu", name, sizeof name),
                        "torch.nn.functional.native_relu");
    assert_true(sy_is_inplace_method("add_"));
    assert_false(sy_is_inplace_method("add"));
    assert_false(sy_is_inplace_method("__add__"));
    assert_false(sy_is_inplace_method("__iadd__"));
}

/* One operation under its names. */
static void test_names_reach_the_operation(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, FLOATS(w, 1, -2), w->bob);
    static const char *const names[] = {"add", "torch.add", "__add__", "__radd__"};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        assert_floats(w, workers_get(w, OP(w, names[k], TENSOR(p), TENSOR(p))), 2, -4);
    }
    assert_floats(w, workers_get(w, OP(w, "torch.nn.functional.relu", TENSOR(p))), 1, 0);
    assert_ok(CALL(w, "__iadd__", TENSOR(p), INT(1)), &w->err);
    assert_floats(w, workers_get(w, p), 2, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_tensors_inside_a_list),
        WORKER_KINDS(test_mixed_list),
        WORKER_KINDS(test_changing_signatures),
        WORKER_KINDS(test_any_number_of_arguments),
        WORKER_KINDS(test_nine_arguments),
        WORKER_KINDS(test_changing_responses),
        WORKER_KINDS(test_logging_chain),
        WORKER_KINDS(test_logging_chain_at_a_worker),
        cmocka_unit_test(test_names),
        WORKER_KINDS(test_names_reach_the_operation),
    };
    return workers_run(tests);
}
