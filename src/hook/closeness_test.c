/* closeness_test.c - equal, allclose and isclose: answers, NaN, infinities, shapes, and what is private. */
#include <math.h>
#include <string.h>

#include <csyft/operations.h>

#include "hook/dispatch.h"
#include "support/local_hook.h"

static bool answer(local_hook *f, const char *name, const sy_value *args, size_t count)
{
    sy_value value = sy_value_none();
    assert_ok(sy_call(f->hook, name, args, count, NULL, 0, NULL, 0, NULL, &value, &f->err),
              &f->err);
    assert_int_equal(value.kind, SY_VALUE_BOOL);
    return value.as.boolean;
}

static bool answer_floats(local_hook *f, const char *name, int64_t count, const float *a,
                          const float *b)
{
    sy_tensor *x = local_hook_floats(f, count, a), *y = local_hook_floats(f, count, b);
    const sy_value args[] = {sy_value_tensor(x), sy_value_tensor(y)};
    const bool value = answer(f, name, args, 2);
    sy_tensor_unref(y);
    sy_tensor_unref(x);
    return value;
}

#define ANSWER(f, name, a, b) answer_floats(f, name, sizeof(a) / sizeof *(a), a, b)

static void test_equal(void **state)
{
    local_hook *f = *state;
    static const float x[] = {1, 2, INFINITY}, y[] = {1, 2, INFINITY}, z[] = {1, 2.5f, 3},
                       n[] = {NAN};
    assert_true(ANSWER(f, "equal", x, y));
    assert_false(ANSWER(f, "equal", x, z));
    assert_false(ANSWER(f, "equal", n, n));
    sy_tensor *a = local_hook_floats(f, 3, x), *b = local_hook_floats(f, 2, x);
    const sy_value args[] = {sy_value_tensor(a), sy_value_tensor(b)};
    assert_false(answer(f, "equal", args, 2)); /* other shapes are no error */
    sy_tensor_unref(b);
    sy_tensor_unref(a);
}

/* torch.allclose(rtol=1e-5, atol=1e-8) */
static void test_allclose(void **state)
{
    local_hook *f = *state;
    static const float one[] = {1}, near[] = {1.000009f}, far[] = {1.00002f}, inf[] = {INFINITY},
                       minus[] = {-INFINITY}, large[] = {3e38f}, n[] = {NAN};
    assert_true(ANSWER(f, "allclose", one, near));
    assert_false(ANSWER(f, "allclose", one, far));
    assert_true(ANSWER(f, "allclose", inf, inf));
    assert_false(ANSWER(f, "allclose", inf, minus));
    assert_false(ANSWER(f, "allclose", large, inf));
    assert_false(ANSWER(f, "allclose", inf, large));
    assert_false(ANSWER(f, "allclose", n, n));
    sy_tensor *a = local_hook_floats(f, 1, n), *b = local_hook_floats(f, 1, n);
    const sy_value args[] = {sy_value_tensor(a), sy_value_tensor(b), sy_value_float(1e-5),
                             sy_value_float(1e-8), sy_value_bool(true)};
    assert_true(answer(f, "allclose", args, 5));
    sy_tensor_unref(b);
    sy_tensor_unref(a);
}

static void test_isclose(void **state)
{
    local_hook *f = *state;
    static const float x[] = {1, 2, INFINITY, NAN}, y[] = {1.000001f, 3, INFINITY, NAN};
    sy_scope *s = sy_scope_begin(f->hook);
    sy_tensor *a = sy_scope_adopt(s, local_hook_floats(f, 4, x));
    sy_tensor *b = sy_scope_adopt(s, local_hook_floats(f, 4, y));
    const sy_value args[] = {sy_value_tensor(a), sy_value_tensor(b)};
    sy_tensor *close = sy_to(s, sy_scope_call(s, "isclose", args, 2), SY_DTYPE_F32);
    assert_non_null(close);
    assert_floats(close, (const float[]){1, 0, 1, 0}, 4);
    assert_ok(sy_scope_end(s, &f->err), &f->err);
}

static void test_private_contents_stay(void **state)
{
    local_hook *f = *state;
    static const float x[] = {1, 2};
    sy_tensor *a = local_hook_floats(f, 2, x), *b = local_hook_floats(f, 2, x);
    syi_policy policy;
    syi_policy_set_private(&policy, "patients", 2);
    syi_tensor_set_policy(a, &policy);
    const sy_value args[] = {sy_value_tensor(b), sy_value_tensor(a)};
    static const char *const names[] = {"equal", "allclose"};
    for (int k = 0; k < 2; k++) {
        assert_status(sy_call(f->hook, names[k], args, 2, NULL, 0, NULL, 0, NULL, NULL, &f->err),
                      SY_EPERM, &f->err);
        assert_non_null(strstr(f->err.message, names[k]));
    }
    sy_tensor_unref(b);
    sy_tensor_unref(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_equal, local_hook_setup, local_hook_teardown),
        cmocka_unit_test_setup_teardown(test_allclose, local_hook_setup, local_hook_teardown),
        cmocka_unit_test_setup_teardown(test_isclose, local_hook_setup, local_hook_teardown),
        cmocka_unit_test_setup_teardown(test_private_contents_stay, local_hook_setup,
                                        local_hook_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
