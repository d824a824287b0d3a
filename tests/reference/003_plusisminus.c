/*
 * 003_plusisminus.c - PlusIsMinusTensor (003; spec/tensors.md, plusisminus): plus executes minus in every spelling,
 * abs and the rest are forwarded, also over another interpreter, above a pointer and at a worker.
 */
#include <csyft/interpreter.h>

#include "support/worker_kinds.h"

typedef struct way {
    const char *text;
    bool there;
    sy_tensor *(*put)(workers *w, sy_tensor *tensor);
    sy_tensor *(*read)(workers *w, sy_tensor *tensor);
} way;

static sy_tensor *wrapped(workers *w, sy_tensor *tensor)
{
    sy_tensor *made = NULL;
    assert_ok(sy_tensor_plus_is_minus(tensor, &made, &w->err), &w->err);
    return sy_scope_adopt(w->s, made);
}

static sy_tensor *over_logging(workers *w, sy_tensor *tensor)
{
    sy_tensor *logged = NULL;
    assert_ok(sy_tensor_log(tensor, &logged, &w->err), &w->err);
    return wrapped(w, sy_scope_adopt(w->s, logged));
}

static sy_tensor *above_bob(workers *w, sy_tensor *tensor)
{
    return wrapped(w, workers_send(w, tensor, w->bob));
}

static sy_tensor *at_bob(workers *w, sy_tensor *tensor)
{
    return workers_send(w, wrapped(w, tensor), w->bob);
}

static sy_tensor *below(workers *w, sy_tensor *tensor)
{
    sy_tensor *child = NULL;
    assert_ok(sy_tensor_get_child(tensor, &child, &w->err), &w->err);
    return sy_scope_adopt(w->s, child);
}

static sy_tensor *two_below(workers *w, sy_tensor *tensor)
{
    return below(w, below(w, tensor));
}

static sy_tensor *get_below(workers *w, sy_tensor *tensor)
{
    return workers_copy_get(w, below(w, tensor));
}

static sy_tensor *below_got(workers *w, sy_tensor *tensor)
{
    return below(w, workers_copy_get(w, tensor));
}

static const way ways[] = {
    {"(Wrapper)>PlusIsMinusTensor>tensor(*", false, wrapped, below},
    {"(Wrapper)>PlusIsMinusTensor>LoggingTensor>tensor(*", false, over_logging, two_below},
    {"(Wrapper)>PlusIsMinusTensor>\\[PointerTensor | me:* -> bob:*", true, above_bob, get_below},
    {"(Wrapper)>\\[PointerTensor | me:* -> bob:*", true, at_bob, below_got},
};

static void test_plus(void **state)
{
    workers *w = *state;
    static const char *const names[] = {"add", "__add__", "torch.add"};
    static const char *const inplace[] = {"add_", "__iadd__"};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        const way *how = &ways[i];
        sy_tensor *x = how->put(w, FLOATS(w, 10, 20)), *y = how->put(w, FLOATS(w, 1, 2));
        assert_text(w, x, how->text);
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
            sy_tensor *sum = OP(w, names[k], TENSOR(x), TENSOR(y));
            assert_text(w, sum, how->text);
            assert_floats(w, how->read(w, sum), 9, 18);
            assert_floats(w, how->read(w, OP(w, names[k], TENSOR(x), INT(4))), 6, 16);
        }
        assert_floats(w, how->read(w, x), 10, 20);
        for (size_t k = 0; k < sizeof inplace / sizeof inplace[0]; k++) {
            assert_ok(CALL(w, inplace[k], TENSOR(x), TENSOR(y)), &w->err);
        }
        assert_floats(w, how->read(w, x), 8, 16);
    }
}

/* "abs() is the function abs; everything else forwarded." */
static void test_the_rest(void **state)
{
    workers *w = *state;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        const way *how = &ways[i];
        sy_tensor *x = how->put(w, FLOATS(w, -10, 20)), *y = how->put(w, FLOATS(w, 1, 2));
        assert_floats(w, how->read(w, OP(w, "abs", TENSOR(x))), 10, 20);
        assert_floats(w, how->read(w, OP(w, "torch.abs", TENSOR(x))), 10, 20);
        assert_floats(w, how->read(w, OP(w, "sub", TENSOR(x), TENSOR(y))), -11, 18);
        assert_floats(w, how->read(w, OP(w, "mul", TENSOR(x), TENSOR(y))), -10, 40);
        assert_floats(w, how->read(w, OP(w, "torch.nn.functional.relu", TENSOR(x))), 0, 20);
        assert_text(w, OP(w, "t", TENSOR(x)), how->text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_plus),
        WORKER_KINDS(test_the_rest),
    };
    return workers_run(tests);
}
