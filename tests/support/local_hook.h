/* local_hook.h - a hook on a counting allocator, for tests that need no other worker. */
#ifndef CSYFT_TESTS_LOCAL_HOOK_H
#define CSYFT_TESTS_LOCAL_HOOK_H

#include <csyft/tensor.h>

#include "support/memory_faults.h"

typedef struct local_hook {
    failing_allocator memory;
    sy_context *context;
    sy_hook *hook;
    sy_error err;
} local_hook;

static inline int local_hook_setup(void **state)
{
    local_hook *local = calloc(1, sizeof *local);
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.verbose = false;
    local->context = memory_faults_context(&local->memory);
    assert_ok(sy_hook_new(local->context, &local->hook, &options, &local->err), &local->err);
    *state = local;
    return 0;
}

/* Fails when the test left anything. */
static inline int local_hook_teardown(void **state)
{
    local_hook *local = *state;
    sy_hook_free(local->hook);
    memory_faults_context_free(&local->memory, local->context);
    free(local);
    return 0;
}

static inline sy_tensor *local_hook_floats(local_hook *local, int64_t count, const float *data)
{
    sy_tensor *tensor = NULL;
    assert_ok(sy_tensor_from_floats(local->hook, &tensor, data, count, &local->err), &local->err);
    return tensor;
}

static inline void assert_floats(sy_tensor *tensor, const float *expected, size_t count)
{
    float actual[64];
    sy_error err = SY_ERROR_INIT;
    assert_true(count <= 64);
    assert_ok(sy_tensor_copy_data(tensor, actual, count * sizeof *actual, &err), &err);
    for (size_t k = 0; k < count; k++) {
        if (actual[k] != expected[k]) {
            print_error("element %zu: expected %g, actual %g\n", k, (double)expected[k],
                        (double)actual[k]);
        }
        assert_true(actual[k] == expected[k]);
    }
}

#endif
