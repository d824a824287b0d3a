/* 003_hooking.c - T5, reference 003 lines 142-155: TorchHook() announces itself; a tensor of six elements. */
#include <stdio.h>
#include <string.h>

#include <csyft/tensor.h>

#include "support/test.h"

typedef struct heard {
    size_t count;
    char lines[8][80];
    char components[8][16];
} heard;

static void hear(void *user, sy_log_level level, const char *component, const char *worker,
                 uint64_t message_id, const char *message)
{
    (void)worker;
    (void)message_id;
    heard *h = user;
    if (level == SY_LOG_INFO && h->count < 8) {
        snprintf(h->lines[h->count], sizeof h->lines[0], "%s", message);
        snprintf(h->components[h->count], sizeof h->components[0], "%s", component);
        h->count++;
    }
}

static void start(heard *h, sy_context **context, sy_hook **hook, const sy_hook_options *options)
{
    sy_error err = SY_ERROR_INIT;
    sy_context_options surroundings = SY_CONTEXT_OPTIONS_INIT;
    surroundings.log = hear;
    surroundings.log_user = h;
    surroundings.log_filter = "info";
    assert_ok(sy_context_new(context, &surroundings, &err), &err);
    assert_ok(sy_hook_new(*context, hook, options, &err), &err);
}

/* The original prints both lines; the library hands them to the log callback. verbose is the default. */
static void test_two_lines_in_order(void **state)
{
    (void)state;
    heard h = {0};
    sy_context *context = NULL;
    sy_hook *hook = NULL;
    start(&h, &context, &hook, NULL);
    assert_int_equal(h.count, 2);
    assert_string_equal(h.lines[0], "Hooking into Torch...");
    assert_string_equal(h.lines[1], "Overloading Complete.");
    assert_string_equal(h.components[0], "hook");
    assert_string_equal(h.components[1], "hook");
    sy_hook_free(hook);
    sy_context_free(context);
}

/* 000:98 writes TorchHook(verbose=False): nothing is said then, also not about operations. */
static void test_quiet(void **state)
{
    (void)state;
    heard h = {0};
    sy_error err = SY_ERROR_INIT;
    sy_context *context = NULL;
    sy_hook *hook = NULL;
    sy_tensor *x = NULL;
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.verbose = false;
    start(&h, &context, &hook, &options);
    assert_ok(sy_tensor_from_floats(hook, &x, (float[]){1}, 1, &err), &err);
    const sy_value args[] = {sy_value_tensor(x)};
    assert_ok(sy_call(hook, "neg", args, 1, NULL, 0, NULL, 0, NULL, NULL, &err), &err);
    assert_int_equal(h.count, 0);
    sy_tensor_unref(x);
    sy_hook_free(hook);
    sy_context_free(context);
}

/* verbose says each operation with the types of its arguments, never a value. */
static void test_operations_are_said(void **state)
{
    (void)state;
    heard h = {0};
    sy_error err = SY_ERROR_INIT;
    sy_context *context = NULL;
    sy_hook *hook = NULL;
    sy_tensor *x = NULL;
    start(&h, &context, &hook, NULL);
    assert_ok(sy_tensor_from_floats(hook, &x, (float[]){4711, 4711}, 2, &err), &err);
    const sy_value args[] = {sy_value_tensor(x), sy_value_tensor(x)};
    assert_ok(sy_call(hook, "torch.add", args, 2, NULL, 0, NULL, 0, NULL, NULL, &err), &err);
    assert_int_equal(h.count, 3);
    assert_string_equal(h.lines[2], "add(tensor, tensor)");
    sy_tensor_unref(x);
    sy_hook_free(hook);
    sy_context_free(context);
}

static void test_the_tensor(void **state)
{
    (void)state;
    heard h = {0};
    sy_error err = SY_ERROR_INIT;
    sy_context *context = NULL;
    sy_hook *hook = NULL;
    sy_tensor *x = NULL;
    const float values[] = {-2, -1, 0, 1, 2, 3};
    float read[6] = {0};
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    sy_dtype dtype = SY_DTYPE_BOOL;
    char *text = NULL;
    start(&h, &context, &hook, NULL);
    assert_ok(sy_tensor_from_floats(hook, &x, values, 6, &err), &err);
    assert_ok(sy_tensor_get_shape(x, &ndim, shape, &err), &err);
    assert_int_equal(ndim, 1);
    assert_int_equal(shape[0], 6);
    assert_ok(sy_tensor_get_dtype(x, &dtype, &err), &err);
    assert_int_equal(dtype, SY_DTYPE_F32);
    assert_ok(sy_tensor_copy_data(x, read, sizeof read, &err), &err);
    assert_memory_equal(read, values, sizeof values);
    assert_ok(sy_tensor_to_text(x, &text, &err), &err);
    assert_non_null(strstr(text, "-2"));
    assert_non_null(strstr(text, "3"));
    sy_string_free(hook, text);
    sy_tensor_unref(x);
    sy_hook_free(hook);
    sy_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_lines_in_order),
        cmocka_unit_test(test_quiet),
        cmocka_unit_test(test_operations_are_said),
        cmocka_unit_test(test_the_tensor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
