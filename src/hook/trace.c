#include "hook/trace.h"

#include <stdio.h>

#include "core/error.h"
#include "hook/dispatch.h"

sy_status sy_hook_trace_start(sy_hook *hook, sy_trace_fn fn, void *user, sy_error *err)
{
    if (hook == NULL || fn == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_hook_trace_start: hook or recorder is NULL");
    }
    syi_trace *trace = &hook->trace;
    uintptr_t off = 0;
    if (!atomic_compare_exchange_strong(&trace->thread, &off, syi_trace_this_thread())) {
        return syi_fail(err, SY_EBUSY, "trace: %s thread is recording already",
                        off == syi_trace_this_thread() ? "this" : "another");
    }
    /* Another thread reads nothing but `thread`. */
    trace->fn = fn;
    trace->user = user;
    return SY_OK;
}

sy_status sy_hook_trace_stop(sy_hook *hook, sy_error *err)
{
    if (hook == NULL || !syi_trace_is_on(&hook->trace)) {
        return syi_fail(err, SY_EINVAL, "trace: this thread is not recording");
    }
    if (hook->trace.depth > 0) {
        return syi_fail(err, SY_EBUSY, "trace: an operation is under way; stop when it is done");
    }
    atomic_store(&hook->trace.thread, 0);
    return SY_OK;
}

bool sy_hook_is_tracing(const sy_hook *hook)
{
    return syi_trace_is_on(&hook->trace);
}

sy_status syi_trace_dispatch(sy_hook *hook, const syi_op *op, bool inplace, const sy_value *bound,
                             int count, const syi_mode *mode, syi_results *results, sy_error *err)
{
    syi_trace *trace = &hook->trace;
    trace->depth++;
    sy_status status = syi_dispatch_untraced(hook, op, inplace, bound, count, mode, results, err);
    if (status == SY_OK && trace->depth == 1 && syi_trace_is_on(trace)) {
        char name[SYI_OPERATION_NAME_SIZE];
        snprintf(name, sizeof name, "%s%s", op->name,
                 inplace && !(op->flags & SYI_OP_ONLY_INPLACE) ? "_" : "");
        const sy_trace_event event = {
            .name = name,
            .args = bound,
            .arg_count = (size_t)count,
            .results = results->tensors,
            .result_count = (size_t)results->count,
            .value = &results->value,
            .grad = mode->grad,
        };
        status = trace->fn(trace->user, &event, err);
        if (status != SY_OK) {
            syi_results_fini(results);
        }
    }
    trace->depth--;
    return status;
}
