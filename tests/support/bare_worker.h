/*
 * bare_worker.h - a hook with the workers room and no room above it, and a virtual worker bob: for the unit
 * tests of src/workers. On a failing allocator; teardown fails when something is left.
 */
#ifndef CSYFT_TESTS_BARE_WORKER_H
#define CSYFT_TESTS_BARE_WORKER_H

#include <string.h>

#include "support/failing_allocator.h"
#include "support/test.h"
#include "workers/worker.h"

typedef struct bare_worker {
    failing_allocator memory;
    sy_context *context;
    sy_hook *hook;
    sy_worker *me, *bob;
    sy_error err;
} bare_worker;

static inline int bare_worker_setup(void **state)
{
    bare_worker *b = calloc(1, sizeof *b);
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    *state = b;
    options.verbose = false;
    b->context = failing_allocator_context(&b->memory);
    if (b->context == NULL || syi_hook_new(b->context, &b->hook, &options, &b->err) != SY_OK ||
        syi_workers_register(b->hook, &options, &b->err) != SY_OK ||
        sy_virtual_worker_new(b->hook, &b->bob, "bob", &b->err) != SY_OK) {
        return -1;
    }
    b->me = sy_hook_get_local_worker(b->hook);
    return 0;
}

static inline int bare_worker_teardown(void **state)
{
    bare_worker *b = *state;
    syi_hook_free(b->hook);
    sy_context_free(b->context);
    const bool broken = b->memory.live != 0 || b->memory.broken;
    free(b);
    return broken;
}

#define bare_worker_test(test) \
    cmocka_unit_test_setup_teardown(test, bare_worker_setup, bare_worker_teardown)

/* A vector of floats; the caller drops it. */
static inline sy_tensor *bare_tensor(bare_worker *b, int64_t count, const float *values)
{
    sy_tensor *tensor = NULL;
    assert_ok(sy_tensor_from_floats(b->hook, &tensor, values, count, &b->err), &b->err);
    return tensor;
}

static inline sy_tensor *bare_number(bare_worker *b, float value)
{
    return bare_tensor(b, 1, &value);
}

static inline double bare_value(const sy_tensor *tensor)
{
    return syi_array_get_double(syi_node_array(tensor->node), 0);
}

/* `expr` must fail with `expected` and a sentence in b->err that holds `words`. */
#define assert_bare_fails(b, expr, expected, words)                   \
    do {                                                              \
        (b)->err = (sy_error)SY_ERROR_INIT;                           \
        assert_status(expr, expected, &(b)->err);                     \
        if (strstr((b)->err.message, words) == NULL) {                \
            fail_msg("'%s' is not in '%s'", words, (b)->err.message); \
        }                                                             \
    } while (0)

#endif
