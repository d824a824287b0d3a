/*
 * dispatch_test.c - the chain of command: names and forms reach one row, arguments are unwrapped and
 * results wrapped again, nothing is dropped silently, and failures leave everything as it was.
 */
#include "hook/dispatch.h"

#include <string.h>

#include <csyft/operations.h>

#include "support/local_hook.h"

/* An interpreter that counts what passes and changes nothing. */
typedef struct counting_node {
    syi_node base;
} counting_node;

static int passed;
static char last[32];
extern const syi_interpreter counting_type;

static sy_status counting_wrap(syi_node *like, syi_node *child, syi_node **node, sy_error *err)
{
    *node = syi_node_new(like->hook, &counting_type, sizeof(counting_node), child);
    return *node != NULL ? SY_OK : SYI_ENOMEM(err, "counting");
}

static sy_status counting_call(syi_call *call, sy_error *err)
{
    passed++;
    strncpy(last, call->op->name, sizeof last - 1);
    return syi_call_forward(call, &counting_type, counting_wrap, err);
}

static sy_status counting_shape(syi_node *node, syi_array *shape, sy_error *err)
{
    return syi_node_shape(node->child, shape, err);
}

const syi_interpreter counting_type = {
    .name = "Counting", .code = 9001, .call = counting_call, .shape = counting_shape};

static sy_tensor *counted(local_hook *local, sy_tensor *x)
{
    sy_tensor *tensor = NULL;
    syi_node *node =
        syi_node_new(local->hook, &counting_type, sizeof(counting_node), syi_node_ref(x->node));
    assert_non_null(node);
    assert_ok(syi_tensor_wrap(local->hook, &tensor, node, &local->err), &local->err);
    return tensor;
}

static void test_every_spelling_reaches_the_row(void **state)
{
    local_hook *local = *state;
    static const char *const spellings[] = {"add", "torch.add", "__add__", "__radd__",
                                            "torch.functional.add"};
    sy_tensor *x = local_hook_floats(local, 2, (const float[]){1, 2});
    const sy_value args[] = {sy_value_tensor(x), sy_value_int(1)};
    for (size_t k = 0; k < sizeof spellings / sizeof spellings[0]; k++) {
        sy_tensor *y = NULL;
        size_t count = 0;
        assert_ok(
            sy_call(local->hook, spellings[k], args, 2, NULL, 0, &y, 1, &count, NULL, &local->err),
            &local->err);
        assert_int_equal(count, 1);
        assert_floats(y, (const float[]){2, 3}, 2);
        sy_tensor_unref(y);
    }
    sy_tensor_unref(x);
}

static void test_keyword_arguments(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = local_hook_floats(local, 2, (const float[]){1, 2});
    const sy_value args[] = {sy_value_tensor(x)};
    sy_named_value kwargs[] = {{"other", sy_value_tensor(x)}, {"alpha", sy_value_int(10)}};
    sy_tensor *y = NULL;
    assert_ok(sy_call(local->hook, "add", args, 1, kwargs, 2, &y, 1, NULL, NULL, &local->err),
              &local->err);
    assert_floats(y, (const float[]){11, 22}, 2);
    sy_tensor_unref(y);
    kwargs[1].name = "beta";
    assert_status(sy_call(local->hook, "add", args, 1, kwargs, 2, &y, 1, NULL, NULL, &local->err),
                  SY_EINVAL, &local->err);
    assert_non_null(strstr(local->err.message, "beta"));
    sy_tensor_unref(x);
}

static void test_extra_arguments_are_refused(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = local_hook_floats(local, 2, (const float[]){1, 2});
    const sy_value args[] = {sy_value_tensor(x), sy_value_tensor(x), sy_value_int(1),
                             sy_value_int(5)};
    assert_status(sy_call(local->hook, "add", args, 4, NULL, 0, NULL, 0, NULL, NULL, &local->err),
                  SY_EINVAL, &local->err);
    assert_status(
        sy_call(local->hook, "nonsense", args, 1, NULL, 0, NULL, 0, NULL, NULL, &local->err),
        SY_EUNKNOWNOP, &local->err);
    sy_tensor_unref(x);
}

static void test_results_without_room_are_refused(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = local_hook_floats(local, 4, (const float[]){1, 2, 3, 4});
    const sy_value args[] = {sy_value_tensor(x), sy_value_int(1)};
    sy_tensor *parts[2] = {NULL, NULL};
    size_t count = 7;
    assert_status(
        sy_call(local->hook, "split", args, 2, NULL, 0, parts, 2, &count, NULL, &local->err),
        SY_ESIGNATURE, &local->err);
    assert_int_equal(count, 0);
    assert_null(parts[0]);
    sy_tensor_unref(x);
}

static void test_values(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = local_hook_floats(local, 4, (const float[]){1, 2, 3, 4});
    const sy_value args[] = {sy_value_tensor(x)};
    sy_value value = sy_value_none();
    assert_ok(sy_call(local->hook, "numel", args, 1, NULL, 0, NULL, 0, NULL, &value, &local->err),
              &local->err);
    assert_int_equal(value.kind, SY_VALUE_INT);
    assert_int_equal(value.as.integer, 4);
    sy_tensor_unref(x);
}

static void test_chain_is_rebuilt(void **state)
{
    local_hook *local = *state;
    sy_tensor *plain = local_hook_floats(local, 2, (const float[]){4, 6});
    sy_tensor *x = counted(local, plain);
    sy_tensor *twice = counted(local, x);
    sy_scope *s = sy_scope_begin(local->hook);
    passed = 0;
    sy_tensor *y = sy_div(s, x, x);
    assert_int_equal(passed, 1);
    assert_string_equal(last, "div");
    assert_ptr_equal(y->node->type, &counting_type);
    assert_true(syi_node_is_native(y->node->child));
    y = sy_div_int(s, twice, 2); /* two layers, forwarded through both */
    assert_int_equal(passed, 3);
    assert_ptr_equal(y->node->child->type, &counting_type);
    assert_true(syi_node_is_native(y->node->child->child));
    y = sy_div(s, x, plain); /* mixed: the plain one meets the child */
    assert_int_equal(passed, 4);
    assert_ptr_equal(y->node->type, &counting_type);
    sy_tensor *both[2] = {x, x}; /* a list is unwrapped, too */
    y = sy_cat(s, both, 2, 0);
    assert_int_equal(passed, 5);
    assert_ptr_equal(y->node->type, &counting_type);
    assert_int_equal(syi_array_numel(syi_node_array(y->node->child)), 4);
    assert_ok(sy_scope_end(s, &local->err), &local->err);
    sy_tensor_unref(twice);
    sy_tensor_unref(x);
    sy_tensor_unref(plain);
}

static void test_in_place_returns_self(void **state)
{
    local_hook *local = *state;
    sy_tensor *plain = local_hook_floats(local, 2, (const float[]){4, 6});
    sy_tensor *x = counted(local, plain);
    sy_scope *s = sy_scope_begin(local->hook);
    assert_ptr_equal(sy_add_int_(s, plain, 1), plain);
    assert_ptr_equal(sy_add_int_(s, x, 1), x); /* the same elements below */
    assert_ok(sy_scope_end(s, &local->err), &local->err);
    assert_floats(plain, (const float[]){6, 8}, 2);
    sy_tensor_unref(x);
    sy_tensor_unref(plain);
}

static void test_failed_in_place_changes_nothing(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = local_hook_floats(local, 2, (const float[]){4, 6});
    sy_tensor *wide = NULL;
    const int64_t shape[2] = {3, 2};
    assert_ok(sy_tensor_new(local->hook, &wide, SY_DTYPE_F32, 2, shape, NULL, &local->err),
              &local->err);
    unsigned version = syi_node_array(x->node)->storage->version;
    sy_scope *s = sy_scope_begin(local->hook);
    assert_null(sy_add_(s, x, wide)); /* the result would be 3x2 */
    assert_status(sy_scope_end(s, &local->err), SY_ESHAPE, &local->err);
    assert_floats(x, (const float[]){4, 6}, 2);
    assert_int_equal(syi_node_array(x->node)->storage->version, version);
    sy_tensor_unref(x);
    sy_tensor_unref(wide);
}

static void test_views_share_storage(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = local_hook_floats(local, 4, (const float[]){1, 2, 3, 4});
    sy_scope *s = sy_scope_begin(local->hook);
    sy_tensor *half = sy_slice(s, x, 0, 2, SY_SLICE_OPEN, 1);
    assert_non_null(sy_mul_int_(s, half, 10));
    assert_ok(sy_scope_end(s, &local->err), &local->err);
    assert_floats(x, (const float[]){1, 2, 30, 40}, 4);
    sy_tensor_unref(x);
}

static void test_private_contents_taint_shared_storage(void **state)
{
    local_hook *local = *state;
    sy_tensor *public_ = local_hook_floats(local, 2, (const float[]){0, 0});
    sy_tensor *secret = local_hook_floats(local, 1, (const float[]){42});
    syi_policy_set_private(&secret->policy, "#secret", 1);
    sy_scope *s = sy_scope_begin(local->hook);
    sy_tensor *view = sy_slice(s, public_, 0, 0, 1, 1);
    assert_false(syi_tensor_is_private(public_));
    assert_non_null(sy_copy_(s, view, secret));
    assert_true(syi_tensor_is_private(view));
    assert_true(syi_tensor_is_private(public_)); /* it views the same elements */
    assert_true(syi_tensor_is_private(sy_add_int(s, public_, 0)));
    assert_ok(sy_scope_end(s, &local->err), &local->err);
    sy_tensor_unref(public_);
    sy_tensor_unref(secret);
}

static sy_status small_program(sy_context *context, void *argument, sy_error *err)
{
    (void)argument;
    sy_hook *hook = NULL;
    sy_tensor *x = NULL;
    sy_status status = sy_hook_new(context, &hook, NULL, err);
    if (status == SY_OK) {
        status = sy_tensor_from_floats(hook, &x, (const float[]){1, 2, 3, 4}, 4, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_set_requires_grad(x, true, err);
    }
    if (status == SY_OK) {
        sy_scope *s = sy_scope_begin(hook);
        sy_tensor *parts[2] = {x, sy_mul(s, x, x)};
        sy_tensor *y = sy_sum(s, sy_cat(s, parts, 2, 0));
        if (y != NULL) {
            status = sy_tensor_backward(y, NULL, err);
        }
        sy_error latched = SY_ERROR_INIT;
        sy_status ended = sy_scope_end(s, &latched);
        if (status == SY_OK && ended != SY_OK) {
            status = ended;
            *err = latched;
        }
    }
    if (hook != NULL) {
        sy_tensor_unref(x);
        sy_hook_free(hook);
    }
    return status;
}

static void test_without_memory(void **state)
{
    (void)state;
    assert_true(memory_faults_sweep(small_program, NULL) > 20);
}

#define LOCAL(test) cmocka_unit_test_setup_teardown(test, local_hook_setup, local_hook_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL(test_every_spelling_reaches_the_row),
        LOCAL(test_keyword_arguments),
        LOCAL(test_extra_arguments_are_refused),
        LOCAL(test_results_without_room_are_refused),
        LOCAL(test_values),
        LOCAL(test_chain_is_rebuilt),
        LOCAL(test_in_place_returns_self),
        LOCAL(test_failed_in_place_changes_nothing),
        LOCAL(test_views_share_storage),
        LOCAL(test_private_contents_taint_shared_storage),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
