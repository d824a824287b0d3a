/*
 * memory_faults.h - runs a step with its 1st, 2nd, 3rd ... allocation refused, and contexts on a
 * failing_allocator that check at their end that nothing is left.
 */
#ifndef CSYFT_TESTS_MEMORY_FAULTS_H
#define CSYFT_TESTS_MEMORY_FAULTS_H

#include "support/failing_allocator.h"
#include "support/test.h"

/* Deterministic randomness and a pool of two threads. */
static inline sy_context *memory_faults_context(failing_allocator *memory)
{
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.allocator = failing_allocator_get(memory);
    options.test_seed = 1;
    options.pool_threads = 2;
    sy_context *context = NULL;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_context_new(&context, &options, &err), &err);
    return context;
}

static inline void memory_faults_context_free(failing_allocator *memory, sy_context *context)
{
    sy_context_free(context);
    assert_int_equal(memory->live, 0);
    assert_int_equal(memory->live_bytes, 0);
    assert_false(memory->broken);
}

typedef sy_status (*memory_faults_step)(sy_context *context, void *argument, sy_error *err);

/*
 * Repeats `step` in a fresh context each time until a run meets no refusal. A run that met one returns
 * SY_ENOMEM with a sentence, the last returns SY_OK, and each gives back all that it allocated. Returns
 * the number of runs refused. For steps that allocate on this thread only.
 */
static inline size_t memory_faults_sweep(memory_faults_step step, void *argument)
{
    for (size_t nth = 1;; nth++) {
        failing_allocator memory = {0};
        sy_context *context = memory_faults_context(&memory);
        const size_t live = memory.live;
        memory.fail_at = memory.calls + nth;
        sy_error err = SY_ERROR_INIT;
        const sy_status status = step(context, argument, &err);
        memory.fail_at = 0;
        const bool refused = memory.refused != 0;
        assert_status(status, refused ? SY_ENOMEM : SY_OK, &err);
        assert_int_equal(err.status, status);
        assert_int_equal(memory.live, live);
        if (refused) {
            assert_string_not_equal(err.message, "");
        }
        memory_faults_context_free(&memory, context);
        if (!refused) {
            return nth - 1;
        }
    }
}

#endif
