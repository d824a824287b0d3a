/*
 * 003_logging.c - LoggingTensor (003): a line per method and function, results as without it, here and at a
 * worker.
 */
#include <string.h>

#include "hook/tensor.h"
#include "support/worker_kinds.h"

static sy_tensor *logged(workers *w, sy_tensor *tensor)
{
    sy_tensor *made = NULL;
    assert_ok(sy_tensor_log(tensor, &made, &w->err), &w->err);
    return sy_scope_adopt(w->s, made);
}

/* The value under the outermost node. */
static sy_tensor *below(workers *w, sy_tensor *tensor)
{
    sy_tensor *child = NULL;
    assert_ok(sy_tensor_attr(tensor, &child, "child", &w->err), &w->err);
    return sy_scope_adopt(w->s, child);
}

/* One line with these words, and no other of the interpreters' since the last look. */
#define assert_said(w, words)                                                            \
    do {                                                                                 \
        assert_int_equal(workers_log_count((w), SY_LOG_INFO, "interpreters", NULL), 1);  \
        assert_int_equal(workers_log_count((w), SY_LOG_INFO, "interpreters", words), 1); \
        workers_log_clear(w);                                                            \
    } while (0)

static void test_methods(void **state)
{
    workers *w = *state;
    sy_tensor *x = logged(w, FLOATS(w, 1, 2)), *y = logged(w, FLOATS(w, 10, 20));
    workers_log_clear(w);
    sy_tensor *sum = OP(w, "add", TENSOR(x), TENSOR(y));
    assert_text(w, sum, "(Wrapper)>LoggingTensor>tensor(\\[11, 22\\])");
    assert_said(w, "Log method add");
    OP(w, "__add__", TENSOR(x), INT(1));
    assert_said(w, "Log method add");
    sum = OP(w, "manual_add", TENSOR(x), TENSOR(y));
    assert_text(w, sum, "(Wrapper)>LoggingTensor>tensor(\\[11, 22\\])");
    assert_said(w, "Log method manual_add");
    OP(w, "add_", TENSOR(x), INT(5));
    assert_said(w, "Log method add_");
    assert_floats(w, below(w, x), 6, 7);
    OP(w, "neg", TENSOR(x));
    assert_said(w, "Log method neg");
    assert_fails(w, CALL(w, "manual_add", TENSOR(below(w, x)), INT(1)), SY_EUNKNOWNOP,
                 "manual_add");
}

static void test_functions(void **state)
{
    workers *w = *state;
    sy_tensor *x = logged(w, FLOATS(w, -1, 2)), *y = logged(w, FLOATS(w, 10, 20));
    workers_log_clear(w);
    assert_floats(w, below(w, OP(w, "torch.add", TENSOR(x), TENSOR(y))), 9, 22);
    assert_said(w, "Log function torch.add");
    assert_floats(w, below(w, OP(w, "torch.mul", TENSOR(x), TENSOR(y))), -10, 40);
    assert_said(w, "Log function torch.mul");
    assert_floats(w, below(w, OP(w, "torch.nn.functional.relu", TENSOR(x))), 0, 2);
    assert_said(w, "Log function torch.nn.functional.relu");
    assert_floats(w, below(w, OP(w, "torch.neg", TENSOR(x))), 1, -2);
    assert_said(w, "Default log torch.neg");
    assert_floats(w, below(w, OP(w, "torch.cat", LIST(TENSOR(x), TENSOR(y)), INT(0))), -1, 2, 10,
                  20);
    assert_said(w, "Default log torch.cat");
    OP(w, "torch.nn.functional.linear", TENSOR(x), TENSOR(y));
    assert_said(w, "Default log torch.nn.functional.linear"); /* its parts are nobody's calls */
    /* a function is named once: what it does inside of a chain of two is said by both */
    OP(w, "torch.add", TENSOR(logged(w, x)), INT(1));
    assert_int_equal(workers_log_count(w, SY_LOG_INFO, "interpreters", "Log function torch.add"),
                     2);
}

/* a + b, a + 1, a + b, of hook.md's vectors: whatever was called before. */
static void test_mixed_arguments(void **state)
{
    workers *w = *state;
    sy_tensor *a = logged(w, FLOATS(w, 1, 2)), *b = logged(w, FLOATS(w, 1, 2));
    assert_floats(w, below(w, OP(w, "__add__", TENSOR(a), TENSOR(b))), 2, 4);
    assert_floats(w, below(w, OP(w, "__add__", TENSOR(a), INT(1))), 2, 3);
    assert_floats(w, below(w, OP(w, "__add__", TENSOR(a), TENSOR(b))), 2, 4);
}

/* Sent: the node travels, logs where it is, and comes back. */
static void test_at_a_worker(void **state)
{
    workers *w = *state;
    sy_tensor *p = workers_send(w, logged(w, FLOATS(w, -1, 2)), w->bob);
    const sy_id at = sy_tensor_get_id_at_location(p);
    assert_text(w, workers_object(w, w->bob_serving, &at),
                "(Wrapper)>LoggingTensor>tensor(\\[-1, 2\\])");
    workers_log_clear(w);
    sy_tensor *y = OP(w, "torch.nn.functional.relu", TENSOR(p));
    sy_tensor *z = OP(w, "add", TENSOR(p), TENSOR(p));
    sy_tensor *n = OP(w, "torch.neg", TENSOR(p));
    if (w->kind->kind == SY_WORKER_VIRTUAL) { /* of this context: its log is ours */
        assert_int_equal(workers_log_count(w, SY_LOG_INFO, "interpreters",
                                           "Log function torch.nn.functional.relu"),
                         1);
        assert_int_equal(workers_log_count(w, SY_LOG_INFO, "interpreters", "Log method add"), 1);
        assert_int_equal(workers_log_count(w, SY_LOG_INFO, "interpreters", "Default log torch.neg"),
                         1);
    } else {
        assert_int_equal(workers_log_count(w, SY_LOG_INFO, "interpreters", "Log"), 0);
    }
    sy_tensor *back = workers_get(w, y);
    assert_text(w, back, "(Wrapper)>LoggingTensor>tensor(\\[0, 2\\])*");
    assert_floats(w, below(w, workers_get(w, z)), -2, 4);
    assert_floats(w, below(w, workers_get(w, n)), 1, -2);
}

/* Above a pointer: said here, run there. */
static void test_above_a_pointer(void **state)
{
    workers *w = *state;
    sy_tensor *x = logged(w, workers_send(w, FLOATS(w, 1, 2), w->bob));
    workers_log_clear(w);
    sy_tensor *y = OP(w, "torch.mul", TENSOR(x), INT(3));
    assert_said(w, "Log function torch.mul");
    assert_text(w, y, "(Wrapper)>LoggingTensor>\\[PointerTensor | me:* -> bob:*\\]");
    assert_floats(w, workers_get(w, below(w, y)), 3, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_methods),         WORKER_KINDS(test_functions),
        WORKER_KINDS(test_mixed_arguments), WORKER_KINDS(test_at_a_worker),
        WORKER_KINDS(test_above_a_pointer),
    };
    return workers_run(tests);
}
