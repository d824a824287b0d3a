/* plusisminus_test.c - plus executes minus, in every form, and nothing else changes. */
#include "interpreters/plusisminus.h"

#include <csyft/operations.h>

#include "support/local_hook.h"

static void test_plus_is_minus(void **state)
{
    local_hook *local = *state;
    sy_scope *s = sy_scope_begin(local->hook);
    sy_tensor *x = sy_scope_adopt(s, local_hook_floats(local, 2, (const float[]){10, 20}));
    sy_tensor *y = sy_scope_adopt(s, local_hook_floats(local, 2, (const float[]){1, 2}));
    sy_tensor *wx = NULL;
    assert_ok(sy_tensor_plus_is_minus(x, &wx, &local->err), &local->err);
    (void)sy_scope_adopt(s, wx);
    static const char *const names[] = {"add", "torch.add", "__add__"};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        const sy_value args[] = {sy_value_tensor(wx), sy_value_tensor(y)};
        sy_tensor *child = NULL;
        sy_tensor *result = sy_scope_call(s, names[k], args, 2);
        assert_non_null(result);
        assert_ok(sy_tensor_get_child(result, &child, &local->err), &local->err);
        assert_floats(child, (const float[]){9, 18}, 2);
        sy_tensor_unref(child);
    }
    sy_tensor *child = NULL;
    assert_ok(sy_tensor_get_child(sy_sub(s, wx, y), &child, &local->err), &local->err);
    assert_floats(child, (const float[]){9, 18}, 2); /* minus is minus */
    sy_tensor_unref(child);
    assert_ptr_equal(sy_add_int_(s, wx, 4), wx);
    assert_floats(x, (const float[]){6, 16}, 2); /* it wraps the same storage */
    /* alpha is kept: x - 3 y */
    const sy_value args[] = {sy_value_tensor(wx), sy_value_tensor(y), sy_value_int(3)};
    assert_ok(sy_tensor_get_child(sy_scope_call(s, "add", args, 3), &child, &local->err),
              &local->err);
    assert_floats(child, (const float[]){3, 10}, 2);
    sy_tensor_unref(child);
    assert_ok(sy_scope_end(s, &local->err), &local->err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plus_is_minus, local_hook_setup, local_hook_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
