/*
 * arguments_test.c - T6 (003: 320-346) and the examples of build_rule: paths in nested structures, rules, the
 * first tensor's type, typed identity. src/hook/arguments.c.
 */
#include <csyft/arguments.h>

#include <csyft/interpreter.h>
#include <csyft/pointer.h>

#include "support/local_hook.h"

#define LIST(...)                                  \
    sy_value_list((const sy_value[]){__VA_ARGS__}, \
                  sizeof((const sy_value[]){__VA_ARGS__}) / sizeof(sy_value))
#define EMPTY sy_value_list(NULL, 0)
#define INT(x) sy_value_int(x)
#define AT(...)                                                              \
    sizeof((const size_t[]){__VA_ARGS__}) / sizeof(size_t), (const size_t[]) \
    {                                                                        \
        __VA_ARGS__                                                          \
    }

static void assert_at(const sy_value *value, int64_t expected, size_t depth, const size_t *path)
{
    const sy_value *found = sy_value_get_at(value, path, depth);
    assert_non_null(found);
    assert_int_equal(found->kind, SY_VALUE_INT);
    assert_int_equal(found->as.integer, expected);
}

/* obj = (a, [b, (c, d)], e) */
static void test_paths(void **state)
{
    (void)state;
    enum { a = 10, b, c, d, e };
    const sy_value object = LIST(INT(a), LIST(INT(b), LIST(INT(c), INT(d))), INT(e));
    assert_at(&object, a, AT(0));
    assert_at(&object, b, AT(1, 0));
    assert_at(&object, c, AT(1, 1, 0));
    assert_at(&object, d, AT(1, 1, 1));
    assert_at(&object, e, AT(2));
    assert_ptr_equal(sy_value_get_at(&object, NULL, 0), &object);
    assert_null(sy_value_get_at(&object, (const size_t[]){3}, 1));
    assert_null(sy_value_get_at(&object, (const size_t[]){0, 0}, 2));
}

/* rules = (0, [1, (0, 0)], 0): the type is that of x[1][0] */
static void test_first_of_a_rule(void **state)
{
    local_hook *local = *state;
    const sy_value rule = LIST(INT(0), LIST(INT(1), LIST(INT(0), INT(0))), INT(0));
    size_t path[SY_RULE_DEPTH_MAX];
    size_t depth = 0;
    assert_ok(sy_rule_get_first(&rule, path, &depth, &local->err), &local->err);
    assert_int_equal(depth, 2);
    assert_int_equal(path[0], 1);
    assert_int_equal(path[1], 0);
    const sy_value none = LIST(INT(0), LIST(INT(0)), EMPTY);
    assert_status(sy_rule_get_first(&none, path, &depth, &local->err), SY_EINVAL, &local->err);
    assert_int_equal(depth, 0);
    const sy_value number = INT(1);
    assert_status(sy_rule_get_first(&number, path, &depth, &local->err), SY_EINVAL, &local->err);
}

static void assert_rule(const sy_value *rule, const sy_value *expected)
{
    assert_int_equal(rule->kind, expected->kind);
    if (expected->kind == SY_VALUE_INT) {
        assert_int_equal(rule->as.integer, expected->as.integer);
        return;
    }
    assert_int_equal(rule->as.list.count, expected->as.list.count);
    for (size_t k = 0; k < expected->as.list.count; k++) {
        assert_rule(&rule->as.list.items[k], &expected->as.list.items[k]);
    }
}

/* ([tensor, Pointer@bob], 42) -> ([1, 1], 0) and (x, [[1, x]]) -> (1, [[0, 1]]) */
static void test_build_rule(void **state)
{
    local_hook *local = *state;
    sy_worker *bob = NULL;
    sy_tensor *pointer = NULL;
    sy_tensor *logged = NULL;
    sy_tensor *x = local_hook_floats(local, 2, (const float[]){1, 2});
    assert_ok(sy_virtual_worker_new(local->hook, &bob, "bob", &local->err), &local->err);
    assert_ok(sy_tensor_send(x, &pointer, bob, &local->err), &local->err);
    assert_ok(sy_tensor_log(x, &logged, &local->err), &local->err);
    const sy_value t = sy_value_tensor(x);
    const sy_value p = sy_value_tensor(pointer);
    sy_value rule;
    sy_value items[8];
    const char *type = NULL;

    const sy_value documented[] = {LIST(t, p), INT(42)};
    assert_ok(sy_build_rule(documented, 2, &rule, items, 8, &local->err), &local->err);
    {
        const sy_value expected = LIST(LIST(INT(1), INT(1)), INT(0));
        assert_rule(&rule, &expected);
    }
    const sy_value nested[] = {t, LIST(LIST(INT(1), t))};
    assert_ok(sy_build_rule(nested, 2, &rule, items, 8, &local->err), &local->err);
    {
        const sy_value expected = LIST(INT(1), LIST(LIST(INT(0), INT(1))));
        assert_rule(&rule, &expected);
    }
    assert_ok(sy_get_tensor_type(nested, 2, &type, &local->err), &local->err);
    assert_string_equal(type, "tensor");
    const sy_value kinds[] = {sy_value_none(), sy_value_float(1), sy_value_string("tensor"), EMPTY,
                              sy_value_tensor(logged)};
    assert_ok(sy_build_rule(kinds, 5, &rule, items, 5, &local->err), &local->err);
    {
        const sy_value expected = LIST(INT(0), INT(0), INT(0), EMPTY, INT(1));
        assert_rule(&rule, &expected);
    }
    assert_ok(sy_get_tensor_type(kinds, 5, &type, &local->err), &local->err);
    assert_string_equal(type, "LoggingTensor");
    const sy_value late[] = {INT(1), LIST(LIST(INT(0)), p)};
    assert_ok(sy_get_tensor_type(late, 2, &type, &local->err), &local->err);
    assert_string_equal(type, "PointerTensor");
    assert_status(sy_get_tensor_type(kinds, 4, &type, &local->err), SY_EINVAL, &local->err);
    assert_null(type);
    assert_status(sy_build_rule(nested, 2, &rule, items, 4, &local->err), SY_ELIMIT, &local->err);

    /* nine lists in one another */
    sy_value deep[10] = {INT(1)};
    for (size_t k = 1; k < 10; k++) {
        deep[k] = sy_value_list(&deep[k - 1], 1);
    }
    sy_value room[16];
    assert_status(sy_build_rule(&deep[8], 1, &rule, room, 16, &local->err), SY_ELIMIT, &local->err);
    assert_ok(sy_build_rule(&deep[7], 1, &rule, room, 16, &local->err), &local->err);
    size_t path[SY_RULE_DEPTH_MAX];
    size_t depth = 0;
    assert_status(sy_rule_get_first(&deep[9], path, &depth, &local->err), SY_ELIMIT, &local->err);
    assert_ok(sy_rule_get_first(&deep[8], path, &depth, &local->err), &local->err);
    assert_int_equal(depth, 8);
    sy_tensor_unref(logged);
    sy_tensor_unref(pointer);
    sy_tensor_unref(x);
}

static void test_typed_identity(void **state)
{
    (void)state;
    const sy_value values[] = {sy_value_none(), INT(1), sy_value_float(1), sy_value_bool(true),
                               sy_value_string("1")};
    for (size_t model = 0; model < 5; model++) {
        for (size_t value = 0; value < 5; value++) {
            assert_int_equal(sy_typed_identity(&values[model], &values[value]),
                             model == value || model == 4);
        }
    }
    const sy_value seven = INT(7);
    assert_true(sy_typed_identity(&values[1], &seven));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test_setup_teardown(test_first_of_a_rule, local_hook_setup,
                                        local_hook_teardown),
        cmocka_unit_test_setup_teardown(test_build_rule, local_hook_setup, local_hook_teardown),
        cmocka_unit_test(test_typed_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
