/*
 * 003_layers.c - T6, reference 003 lines 320-346: the paths of nested arguments, the rule of a call and the type
 * of its first tensor, for tensors here, at a worker, and in an interpreter; and a call whose tensors stand at
 * such places.
 */
#include <string.h>

#include <csyft/arguments.h>
#include <csyft/interpreter.h>

#include "support/worker_kinds.h"

enum { ITEMS = 16 };

/* The element at the path of obj = (a, [b, (c, d)], e). */
#define assert_at(object, expected, ...)                                                         \
    do {                                                                                         \
        const size_t path_[] = {__VA_ARGS__};                                                    \
        const sy_value *found_ = sy_value_get_at((object), path_, sizeof path_ / sizeof *path_); \
        assert_non_null(found_);                                                                 \
        assert_int_equal(found_->kind, SY_VALUE_TENSOR);                                         \
        assert_ptr_equal(found_->as.tensor, (expected));                                         \
    } while (0)

/* one_layer to four_layers: a is at [0], b at [1][0], c at [1][1][0], d at [1][1][1], e at [2]. */
static void test_layers(void **state)
{
    workers *w = *state;
    sy_tensor *t[5];
    for (int k = 0; k < 5; k++) {
        t[k] = workers_send(w, FLOATS(w, (float)k), k % 2 == 0 ? w->bob : w->alice);
    }
    const sy_value object =
        LIST(TENSOR(t[0]), LIST(TENSOR(t[1]), LIST(TENSOR(t[2]), TENSOR(t[3]))), TENSOR(t[4]));
    assert_at(&object, t[0], 0);
    assert_at(&object, t[1], 1, 0);
    assert_at(&object, t[2], 1, 1, 0);
    assert_at(&object, t[3], 1, 1, 1);
    assert_at(&object, t[4], 2);
    assert_null(sy_value_get_at(&object, (const size_t[]){1, 1, 2}, 3));
    assert_null(sy_value_get_at(&object, (const size_t[]){2, 0}, 2));
    const sy_value deeper = LIST(LIST(LIST(LIST(TENSOR(t[3]))))); /* four layers */
    assert_at(&deeper, t[3], 0, 0, 0, 0);
}

/* rules (0, [1, (0, 0)], 0): the getter gives the type of x[1][0], whatever it is. */
static void test_type_of_the_first(void **state)
{
    workers *w = *state;
    sy_tensor *native = FLOATS(w, 1, 2), *logged = NULL;
    assert_ok(sy_tensor_log(native, &logged, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, logged);
    const struct {
        sy_tensor *tensor;
        const char *type;
    } cases[] = {{native, "tensor"},
                 {workers_send(w, native, w->bob), "PointerTensor"},
                 {workers_send(w, logged, w->bob), "PointerTensor"},
                 {logged, "LoggingTensor"}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const sy_value args[] = {INT(7), LIST(TENSOR(cases[k].tensor), LIST(INT(1), FLOAT(2))),
                                 sy_value_string("e")};
        sy_value rule, items[ITEMS];
        size_t path[SY_RULE_DEPTH_MAX], depth = 0;
        const char *type = NULL;
        assert_ok(sy_build_rule(args, 3, &rule, items, ITEMS, &w->err), &w->err);
        assert_ok(sy_rule_get_first(&rule, path, &depth, &w->err), &w->err);
        assert_int_equal(depth, 2);
        assert_int_equal(path[0], 1);
        assert_int_equal(path[1], 0);
        const sy_value whole = sy_value_list(args, 3);
        const sy_value *first = sy_value_get_at(&whole, path, depth);
        assert_non_null(first);
        assert_ptr_equal(first->as.tensor, cases[k].tensor);
        assert_ok(sy_get_tensor_type(args, 3, &type, &w->err), &w->err);
        assert_string_equal(type, cases[k].type);
    }
}

/* "No tensor anywhere" is a status. */
static void test_no_tensor(void **state)
{
    workers *w = *state;
    const sy_value args[] = {INT(7), LIST(INT(1), LIST(INT(0), INT(0)))};
    sy_value rule, items[ITEMS];
    size_t path[SY_RULE_DEPTH_MAX], depth = 0;
    const char *type = "none yet";
    assert_ok(sy_build_rule(args, 2, &rule, items, ITEMS, &w->err), &w->err);
    assert_fails(w, sy_rule_get_first(&rule, path, &depth, &w->err), SY_EINVAL, "no tensor");
    assert_fails(w, sy_get_tensor_type(args, 2, &type, &w->err), SY_EINVAL, "no tensor");
    assert_null(type);
    assert_fails(w, sy_get_tensor_type(args, 0, &type, &w->err), SY_EINVAL, "no tensor");
}

/* What the getters are for: a call finds its tensors at those places. x[1:, [0, 2]] and a list of tensors. */
static void test_calls_with_nested_tensors(void **state)
{
    workers *w = *state;
    sy_tensor *x = workers_send(w, MATRIX(w, 2, 3, 1, 2, 3, 4, 5, 6), w->bob);
    sy_tensor *columns = workers_send(w, workers_longs(w, 2, (const int64_t[]){0, 2}), w->bob);
    const sy_value index = LIST(sy_value_slice(1, SY_SLICE_OPEN, 1), TENSOR(columns));
    assert_floats(w, workers_get(w, OP(w, "__getitem__", TENSOR(x), index)), 4, 6);
    sy_tensor *elsewhere = workers_send(w, workers_longs(w, 2, (const int64_t[]){0, 2}), w->alice);
    const sy_value far = LIST(sy_value_slice(1, SY_SLICE_OPEN, 1), TENSOR(elsewhere));
    assert_fails(w, CALL(w, "__getitem__", TENSOR(x), far), SY_ECOLLOCATION, "alice", "bob");
    sy_tensor *row = workers_send(w, MATRIX(w, 1, 3, 7, 8, 9), w->bob);
    assert_floats(w, workers_get(w, OP(w, "torch.cat", LIST(TENSOR(row), TENSOR(x)), INT(0))), 7, 8,
                  9, 1, 2, 3, 4, 5, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_layers),
        WORKER_KINDS(test_type_of_the_first),
        WORKER_KINDS(test_no_tensor),
        WORKER_KINDS(test_calls_with_nested_tensors),
    };
    return workers_run(tests);
}
