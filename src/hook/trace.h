/* trace.h (internal) - the switch that lets a recorder see operations. Face: <csyft/trace.h>. Test:
 * trace_test.c. */
#ifndef SYI_HOOK_TRACE_H
#define SYI_HOOK_TRACE_H

#include <csyft/trace.h>
#include <pthread.h>
#include <stdatomic.h>

#include "ops/ops.h"

struct syi_mode;
struct syi_results;

typedef struct syi_trace {
    atomic_uintptr_t thread; /* the recording thread; 0: off. The rest is that thread's alone. */
    sy_trace_fn fn;
    void *user;
    unsigned depth; /* operations and recorders under way */
} syi_trace;

static inline uintptr_t syi_trace_this_thread(void)
{
    return (uintptr_t)pthread_self();
}
/* Does a recorder see what this thread does? */
static inline bool syi_trace_is_on(const syi_trace *trace)
{
    const uintptr_t thread = atomic_load_explicit(&trace->thread, memory_order_relaxed);
    return thread != 0 && thread == syi_trace_this_thread();
}

/* Runs an operation, and shows it when it is the outermost. */
sy_status syi_trace_dispatch(sy_hook *hook, const syi_op *op, bool inplace, const sy_value *bound,
                             int count, const struct syi_mode *mode, struct syi_results *results,
                             sy_error *err);

#endif
