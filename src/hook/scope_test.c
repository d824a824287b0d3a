/* scope_test.c - value-returning operations: ownership, the latched failure, nesting, modes. */
#include "hook/scope.h"

#include <stdio.h>
#include <string.h>

#include <csyft/operations_here.h>

#include "support/local_hook.h"

static void test_results_belong_to_the_scope(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = local_hook_floats(local, 2, (const float[]){1, 2});
    size_t before = local->memory.live;
    sy_scope *s = sy_scope_begin(local->hook);
    for (int k = 0; k < 200; k++) { /* more than the scope's own room */
        assert_non_null(sy_add(s, x, x));
    }
    assert_ok(sy_scope_end(s, &local->err), &local->err);
    assert_int_equal(local->memory.live, before);
    sy_tensor_unref(x);
}

static void test_keep_moves_out(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = local_hook_floats(local, 2, (const float[]){1, 2});
    sy_scope *s = sy_scope_begin(local->hook);
    sy_tensor *y = sy_scope_keep(s, sy_add(s, x, x));
    sy_tensor *same = sy_scope_keep(s, x); /* not made here: one more reference */
    assert_ptr_equal(same, x);
    assert_null(sy_scope_keep(s, NULL));
    assert_ok(sy_scope_end(s, &local->err), &local->err);
    assert_floats(y, (const float[]){2, 4}, 2);
    sy_tensor_unref(y);
    sy_tensor_unref(same);
    sy_tensor_unref(x);
}

static void test_first_failure_is_latched(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = local_hook_floats(local, 2, (const float[]){1, 2});
    sy_tensor *y = local_hook_floats(local, 3, (const float[]){1, 2, 3});
    sy_scope *s = sy_scope_begin(local->hook);
    assert_null((sy_add)(sy_scope_at(s, "dir/model.c", 17), x, y));
    assert_int_equal(sy_scope_get_status(s), SY_ESHAPE);
    assert_null(sy_mul(s, x, x)); /* right by itself, but after the failure */
    assert_null(sy_relu(s, NULL));
    assert_null(sy_scope_call(s, "no_such_operation", NULL, 0));
    assert_status(sy_scope_end(s, &local->err), SY_ESHAPE, &local->err);
    assert_non_null(strstr(local->err.message, "model.c:17"));
    assert_non_null(strstr(local->err.message, "add"));
    sy_tensor_unref(x);
    sy_tensor_unref(y);
}

static void test_source_line_is_noted_by_itself(void **state)
{
    local_hook *local = *state;
    char here[64];
    sy_tensor *x = local_hook_floats(local, 2, (const float[]){1, 2});
    sy_tensor *y = local_hook_floats(local, 3, (const float[]){1, 2, 3});
    sy_scope *s = sy_scope_begin(local->hook);
    sy_tensor *fine = sy_relu(s, x);
    snprintf(here, sizeof here, "scope_test.c:%d", __LINE__ + 1);
    assert_null(sy_mul(s, fine, y));
    assert_null(sy_relu(s, fine));
    assert_status(sy_scope_end(s, &local->err), SY_ESHAPE, &local->err);
    assert_non_null(strstr(local->err.message, here));
    sy_tensor_unref(x);
    sy_tensor_unref(y);
}

static void test_null_argument_names_the_operation(void **state)
{
    local_hook *local = *state;
    sy_scope *s = sy_scope_begin(local->hook);
    assert_null(sy_relu(s, NULL));
    assert_status(sy_scope_end(s, &local->err), SY_EINVAL, &local->err);
    assert_non_null(strstr(local->err.message, "relu"));
}

static void test_no_scope_is_no_memory(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = local_hook_floats(local, 1, (const float[]){1});
    assert_null(sy_relu(NULL, x));
    assert_status(sy_scope_end(NULL, &local->err), SY_ENOMEM, &local->err);
    sy_tensor_unref(x);
}

static void test_scopes_nest(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = local_hook_floats(local, 1, (const float[]){1});
    sy_scope *outer = sy_scope_begin(local->hook);
    sy_tensor *a = sy_add(outer, x, x);
    sy_scope *inner = sy_scope_begin(local->hook);
    assert_null(sy_add(inner, a, NULL));
    sy_tensor *b = sy_add(outer, a, a); /* the inner failure is the inner scope's */
    assert_non_null(b);
    assert_status(sy_scope_end(inner, &local->err), SY_EINVAL, &local->err);
    assert_floats(b, (const float[]){4}, 1);
    assert_ok(sy_scope_end(outer, &local->err), &local->err);
    sy_tensor_unref(x);
}

static void test_grad_mode(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = local_hook_floats(local, 1, (const float[]){3});
    assert_ok(sy_tensor_set_requires_grad(x, true, &local->err), &local->err);
    sy_scope *s = sy_scope_begin(local->hook);
    assert_true(sy_tensor_get_requires_grad(sy_mul(s, x, x)));
    assert_true(sy_scope_set_grad_enabled(s, false));
    assert_false(sy_tensor_get_requires_grad(sy_mul(s, x, x)));
    assert_false(sy_scope_set_grad_enabled(s, true));
    assert_ok(sy_scope_end(s, &local->err), &local->err);
    sy_tensor_unref(x);
}

static void test_many_results(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = local_hook_floats(local, 5, (const float[]){1, 2, 3, 4, 5});
    sy_tensor *parts[4] = {NULL};
    const sy_value args[] = {sy_value_tensor(x), sy_value_int(2)};
    sy_scope *s = sy_scope_begin(local->hook);
    assert_int_equal(sy_scope_call_many(s, "torch.split", args, 2, parts, 4), 3);
    assert_floats(parts[0], (const float[]){1, 2}, 2);
    assert_floats(parts[2], (const float[]){5}, 1);
    sy_tensor *index = NULL;
    sy_tensor *top = sy_max_dim(s, x, 0, false, &index);
    int64_t at = 0;
    assert_ok(sy_tensor_item_int(index, &at, &local->err), &local->err);
    assert_int_equal(at, 4);
    assert_floats(top, (const float[]){5}, 1);
    assert_ok(sy_scope_end(s, &local->err), &local->err);
    sy_tensor_unref(x);
}

static void test_too_many_dims_are_refused(void **state)
{
    local_hook *local = *state;
    int64_t shape[SY_DIM_MAX + 3] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    sy_scope *s = sy_scope_begin(local->hook);
    assert_null(sy_zeros(s, SY_DTYPE_F32, SY_DIM_MAX + 3, shape));
    assert_status(sy_scope_end(s, &local->err), SY_ESHAPE, &local->err);
}

static void test_memory_limit_refuses_from_the_shape(void **state)
{
    (void)state;
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    sy_context *context = NULL;
    sy_hook *hook = NULL;
    sy_error err = SY_ERROR_INIT;
    options.memory_limit = 1u << 20;
    assert_ok(sy_context_new(&context, &options, &err), &err);
    assert_ok(sy_hook_new(context, &hook, NULL, &err), &err);
    sy_scope *s = sy_scope_begin(hook);
    const int64_t shape[2] = {1000000, 1000000};
    assert_null(sy_zeros(s, SY_DTYPE_F32, 2, shape));
    assert_status(sy_scope_end(s, &err), SY_ELIMIT, &err);
    assert_non_null(strstr(err.message, "zeros"));
    assert_true(sy_context_get_memory_use(context).peak < (1u << 20));
    sy_hook_free(hook);
    sy_context_free(context);
}

#define LOCAL(test) cmocka_unit_test_setup_teardown(test, local_hook_setup, local_hook_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL(test_results_belong_to_the_scope),
        LOCAL(test_keep_moves_out),
        LOCAL(test_first_failure_is_latched),
        LOCAL(test_source_line_is_noted_by_itself),
        LOCAL(test_null_argument_names_the_operation),
        LOCAL(test_no_scope_is_no_memory),
        LOCAL(test_scopes_nest),
        LOCAL(test_grad_mode),
        LOCAL(test_many_results),
        LOCAL(test_too_many_dims_are_refused),
        cmocka_unit_test(test_memory_limit_refuses_from_the_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
