#include "hook/trace.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "hook/dispatch.h"

static sy_status start(sy_hook *hook, sy_error *err)
{
    uintptr_t off = 0;
    if (!atomic_compare_exchange_strong(&hook->trace.thread, &off, syi_trace_this_thread())) {
        return syi_fail(err, SY_EBUSY, "trace: %s thread is recording already",
                        off == syi_trace_this_thread() ? "this" : "another");
    }
    return SY_OK;
}

sy_status sy_hook_trace_start(sy_hook *hook, sy_trace_fn fn, void *user, sy_error *err)
{
    if (hook == NULL || fn == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_hook_trace_start: hook or recorder is NULL");
    }
    SY_TRY(start(hook, err));
    /* Another thread reads nothing but `thread`. */
    hook->trace.fn = fn;
    hook->trace.recorder = NULL;
    hook->trace.user = user;
    return SY_OK;
}

sy_status syi_trace_record(sy_hook *hook, const syi_recorder *recorder, void *user, sy_error *err)
{
    SY_TRY(start(hook, err));
    hook->trace.fn = NULL;
    hook->trace.recorder = recorder;
    hook->trace.user = user;
    return SY_OK;
}

sy_status syi_trace_tell(sy_hook *hook, const syi_deed *deed, sy_error *err)
{
    syi_trace *trace = &hook->trace;
    if (trace->recorder == NULL || trace->depth > 0) {
        return SY_OK;
    }
    trace->depth++;
    const sy_status status = trace->recorder->deed(trace->user, deed, err);
    trace->depth--;
    return status;
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

static sy_status show(syi_trace *trace, const syi_op *op, bool inplace, const sy_value *bound,
                      int count, const syi_mode *mode, const syi_results *results, sy_error *err)
{
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
    return trace->fn(trace->user, &event, err);
}

sy_status syi_trace_dispatch(sy_hook *hook, const syi_op *op, bool inplace, const sy_value *bound,
                             int count, const syi_mode *mode, syi_results *results, sy_error *err)
{
    syi_trace *trace = &hook->trace;
    const bool outermost = trace->depth == 0;
    const syi_recorder *recorder = outermost ? trace->recorder : NULL;
    sy_value actual[SYI_ARGUMENT_MAX];
    sy_status status = SY_OK;
    trace->depth++;
    results->count = 0;
    if (recorder != NULL) {
        memcpy(actual, bound, (size_t)count * sizeof *actual);
        status = recorder->before(trace->user, op, inplace, bound, count, mode, actual, err);
        bound = actual;
    }
    if (status == SY_OK) {
        status = syi_dispatch_untraced(hook, op, inplace, bound, count, mode, results, err);
    }
    if (status == SY_OK && outermost && syi_trace_is_on(trace)) {
        status = recorder != NULL ? recorder->after(trace->user, results, err)
                                  : show(trace, op, inplace, bound, count, mode, results, err);
        if (status != SY_OK) {
            syi_results_fini(results);
        }
    }
    trace->depth--;
    return status;
}
