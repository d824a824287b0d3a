/* hook_test.c - the hook itself: two hooks do not meet, names, registration. */
#include "hook/hook.h"

#include <stdio.h>
#include <string.h>

#include "support/memory_faults.h"

static void test_two_hooks_share_nothing(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    sy_hook *a = NULL;
    sy_hook *b = NULL;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_hook_new(context, &a, NULL, &err), &err);
    assert_ok(sy_hook_new(context, &b, NULL, &err), &err);
    assert_ptr_not_equal(sy_hook_get_local_worker(a), sy_hook_get_local_worker(b));
    assert_ptr_not_equal(sy_hook_get_id_provider(a), sy_hook_get_id_provider(b));
    assert_ptr_equal(sy_hook_get_context(a), context);
    sy_hook_free(a);
    sy_hook_free(b);
    sy_hook_free(NULL);
    memory_faults_context_free(&memory, context);
}

static void test_options_are_checked(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    sy_hook *hook = (sy_hook *)&memory;
    sy_error err = SY_ERROR_INIT;
    sy_hook_options options = {.size = 3};
    assert_status(sy_hook_new(context, &hook, &options, &err), SY_EINVAL, &err);
    assert_null(hook);
    assert_non_null(strstr(err.message, "SY_HOOK_OPTIONS_INIT"));
    assert_status(sy_hook_new(NULL, &hook, NULL, &err), SY_EINVAL, &err);
    memory_faults_context_free(&memory, context);
}

static void test_names(void **state)
{
    (void)state;
    char buffer[64];
    assert_string_equal(sy_get_native_torch_name("torch.add", buffer, sizeof buffer),
                        "torch.native_add");
    assert_true(sy_is_inplace_method("add_"));
    assert_false(sy_is_inplace_method("add"));
    assert_false(sy_is_inplace_method("__add__"));
}

static void test_command_guard(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    sy_hook *hook = NULL;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_hook_new(context, &hook, NULL, &err), &err);
    static const char *const allowed[] = {"add",     "torch.add", "torch.nn.functional.relu",
                                          "__add__", "add_",      "backward"};
    for (size_t k = 0; k < sizeof allowed / sizeof allowed[0]; k++) {
        assert_ok(sy_hook_command_guard(hook, allowed[k], &err), &err);
    }
    static const char *const refused[] = {"false_command", "item",           "__class__", "",
                                          "eval",          "torch.os.system"};
    for (size_t k = 0; k < sizeof refused / sizeof refused[0]; k++) {
        assert_status(sy_hook_command_guard(hook, refused[k], &err), SY_EFORBIDDEN, &err);
        assert_non_null(strstr(err.message, "is not a supported Torch operation."));
        assert_string_equal(err.object, refused[k]);
    }
    sy_hook_free(hook);
    memory_faults_context_free(&memory, context);
}

/* The exclude list, from the document: with and without the module in front. */
static void test_excluded_names(void **state)
{
    (void)state;
    static const char *const excluded[] = {"arange",
                                           "typename",
                                           "is_tensor",
                                           "manual_seed",
                                           "storage",
                                           "storage_offset",
                                           "size",
                                           "stride",
                                           "from_numpy",
                                           "set_",
                                           "get_default_dtype",
                                           "get_device",
                                           "get_file_path",
                                           "get_num_threads",
                                           "get_rng_state",
                                           "int",
                                           "int16",
                                           "int32",
                                           "int64",
                                           "int8",
                                           "is_anomaly_enabled",
                                           "is_complex",
                                           "is_distributed",
                                           "is_floating_point",
                                           "is_grad_enabled",
                                           "is_nonzero",
                                           "is_same_size",
                                           "is_signed",
                                           "is_storage",
                                           "isclose",
                                           "isfinite",
                                           "load",
                                           "native_add",
                                           "native_batch_norm",
                                           "native_clone",
                                           "native_norm",
                                           "native_pow",
                                           "native_resize_as_",
                                           "native_tensor",
                                           "native_zero_",
                                           "ones",
                                           "rand",
                                           "randint",
                                           "randn_like",
                                           "randn",
                                           "range",
                                           "save",
                                           "short",
                                           "zeros",
                                           "tensor",
                                           "randperm"};
    for (size_t k = 0; k < sizeof excluded / sizeof excluded[0]; k++) {
        char dotted[64];
        snprintf(dotted, sizeof dotted, "torch.%s", excluded[k]);
        if (!sy_is_excluded(excluded[k]) || !sy_is_excluded(dotted)) {
            fail_msg("%s is not excluded", excluded[k]);
        }
    }
    static const char *const hooked[] = {"add",     "torch.add", "torch.nn.functional.relu",
                                         "add_",    "__add__",   "mean",
                                         "aranges", "arang",     "",
                                         "torch."};
    for (size_t k = 0; k < sizeof hooked / sizeof hooked[0]; k++) {
        assert_false(sy_is_excluded(hooked[k]));
    }
}

static sy_status make_hook(sy_context *context, void *argument, sy_error *err)
{
    (void)argument;
    sy_hook *hook = NULL;
    SY_TRY(sy_hook_new(context, &hook, NULL, err));
    sy_hook_free(hook);
    return SY_OK;
}

static void test_without_memory(void **state)
{
    (void)state;
    assert_true(memory_faults_sweep(make_hook, NULL) > 5);
}

static void test_interpreters_are_registered_once(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    sy_hook *hook = NULL;
    sy_error err = SY_ERROR_INIT;
    static const syi_interpreter type = {.name = "Test", .code = 9000};
    static const syi_interpreter other = {.name = "Other", .code = 9000};
    assert_ok(sy_hook_new(context, &hook, NULL, &err), &err);
    assert_null(syi_hook_find_interpreter(hook, 9000));
    assert_ok(syi_hook_register_interpreter(hook, &type, &err), &err);
    assert_ptr_equal(syi_hook_find_interpreter(hook, 9000), &type);
    assert_status(syi_hook_register_interpreter(hook, &other, &err), SY_EEXIST, &err);
    sy_hook_free(hook);
    memory_faults_context_free(&memory, context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_hooks_share_nothing),
        cmocka_unit_test(test_options_are_checked),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_command_guard),
        cmocka_unit_test(test_excluded_names),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_interpreters_are_registered_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
