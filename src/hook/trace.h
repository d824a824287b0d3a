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

/* What is done with a tensor and is no operation. */
typedef enum syi_deed_kind {
    SYI_DEED_SET_GRAD,      /* other: the gradient, nullable */
    SYI_DEED_REQUIRES_GRAD, /* flag */
    SYI_DEED_SHAPE,         /* its sizes are read */
    SYI_DEED_OTHER,         /* contents are read, it is sent, wrapped, copied, ... */
} syi_deed_kind;

typedef struct syi_deed {
    syi_deed_kind kind;
    const char *what; /* for sentences: "send" */
    sy_tensor *self, *other;
    bool flag;
} syi_deed;

/*
 * A recorder of this library sees more than a public one, and may say what is run.
 *  before   `actual` is a copy of the bound arguments; what it changes there is run. A failure is the operation's.
 *  after    may change the plain answer.
 *  deed     before it is done; a failure is its.
 */
typedef struct syi_recorder {
    sy_status (*before)(void *user, const syi_op *op, bool inplace, const sy_value *bound,
                        int count, const struct syi_mode *mode, sy_value *actual, sy_error *err);
    sy_status (*after)(void *user, struct syi_results *results, sy_error *err);
    sy_status (*deed)(void *user, const syi_deed *deed, sy_error *err);
} syi_recorder;

typedef struct syi_trace {
    atomic_uintptr_t thread; /* the recording thread; 0: off. The rest is that thread's alone. */
    sy_trace_fn fn;          /* NULL: there is a recorder */
    const syi_recorder *recorder;
    void *user;
    unsigned depth; /* operations and recorders under way */
} syi_trace;

/* As sy_hook_trace_start, which ends it, too. */
sy_status syi_trace_record(sy_hook *hook, const syi_recorder *recorder, void *user, sy_error *err);
sy_status syi_trace_tell(sy_hook *hook, const syi_deed *deed, sy_error *err);

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

/* Tells a recorder of this thread of a deed, unless it happens inside of an operation. */
#define SYI_TRACE_DEED(hook, err, ...)                                             \
    do {                                                                           \
        if (syi_trace_is_on(&(hook)->trace)) {                                     \
            SY_TRY(syi_trace_tell((hook), &(const syi_deed){__VA_ARGS__}, (err))); \
        }                                                                          \
    } while (0)

/* Runs an operation, and shows it when it is the outermost. */
sy_status syi_trace_dispatch(sy_hook *hook, const syi_op *op, bool inplace, const sy_value *bound,
                             int count, const struct syi_mode *mode, struct syi_results *results,
                             sy_error *err);

#endif
