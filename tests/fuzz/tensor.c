/*
 * tensor.c - hostile bytes as a serialized tensor (sy_tensor_deserialize): a status, or a tensor that can be
 * printed and serialized again to bytes which read as the same text. No memory stays behind.
 */
#include <stdlib.h>
#include <string.h>

#include <csyft/pointer.h>

static void require(bool promise)
{
    if (!promise) {
        abort();
    }
}

static sy_hook *hook_get(void)
{
    static sy_hook *hook; /* one for all inputs: it must survive them */
    if (hook == NULL) {
        sy_context *context = NULL;
        sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
        sy_hook_options hook_options = SY_HOOK_OPTIONS_INIT;
        sy_worker *bob = NULL;
        options.test_seed = 7;
        options.memory_limit = 64u << 20;
        hook_options.verbose = false;
        require(sy_context_new(&context, &options, NULL) == SY_OK);
        require(sy_hook_new(context, &hook, &hook_options, NULL) == SY_OK);
        require(sy_virtual_worker_new(hook, &bob, "bob", NULL) == SY_OK);
    }
    return hook;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sy_hook *hook = hook_get();
    sy_tensor *tensor = NULL, *again = NULL;
    sy_error err = SY_ERROR_INIT;
    if (sy_tensor_deserialize(hook, &tensor, data, size, &err) != SY_OK) {
        require(tensor == NULL && err.message[0] != '\0');
        return 0;
    }
    char *text = NULL, *same = NULL;
    void *bytes = NULL;
    size_t length = 0;
    require(sy_tensor_to_text(tensor, &text, NULL) == SY_OK);
    const sy_status status = sy_tensor_serialize(tensor, &bytes, &length, &err);
    if (status == SY_OK) {
        require(sy_tensor_deserialize(hook, &again, bytes, length, &err) == SY_OK);
        require(sy_tensor_to_text(again, &same, NULL) == SY_OK);
        if (strstr(text, "ointer") ==
            NULL) { /* a pointer without id draws one when it is looked at */
            require(strcmp(text, same) == 0);
        }
        sy_string_free(hook, same);
        sy_bytes_free(hook, bytes, length);
        sy_tensor_unref(again);
    }
    sy_string_free(hook, text);
    sy_tensor_unref(tensor);
    return 0;
}
