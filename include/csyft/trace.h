/*
 * trace.h - the trace switch: a recorder sees the operations of a thread, one by one, as they were asked
 * for. Plans are built with it.
 *
 * Seen are operations of the thread that started the trace, by name and in scopes, after they succeeded,
 * with their operands and results as the handles they are. What an operation does inside (its interpreters,
 * composed operations, a virtual worker) is not seen again. Structural calls (send, get, tensors made from
 * data) are no operations. While nothing is traced the switch costs an operation one branch.
 */
#ifndef CSYFT_TRACE_H
#define CSYFT_TRACE_H

#include <csyft/tensor.h>

SY_BEGIN_DECLS

/* One operation. Everything is borrowed for the call; keep tensors with sy_tensor_ref. */
typedef struct sy_trace_event {
    const char *name; /* "add", in place "add_": what sy_call understands */
    const sy_value
        *args; /* bound to the parameters: named ones in their place, defaults filled in */
    size_t arg_count;
    sy_tensor *const *results; /* in place: the first argument itself */
    size_t result_count;
    const sy_value *value; /* the plain answer, or none */
    bool grad;             /* gradients were recorded */
} sy_trace_event;

/* A failure makes the operation fail with it. Operations called here are not seen. */
typedef sy_status (*sy_trace_fn)(void *user, const sy_trace_event *event, sy_error *err);

/* SY_EBUSY while another recorder is on: there is one per hook. */
SY_API sy_status sy_hook_trace_start(sy_hook *hook, sy_trace_fn fn, void *user, sy_error *err);
/* By the thread that started it (SY_EINVAL for others, and when nothing is traced), outside of operations
 * and recorders (SY_EBUSY). */
SY_API sy_status sy_hook_trace_stop(sy_hook *hook, sy_error *err);
/* Does a recorder see this thread's operations? */
SY_API bool sy_hook_is_tracing(const sy_hook *hook);

SY_END_DECLS

#endif
