/*
 * surroundings.h - log, clock and randomness of a context, and its thread pool.
 * Tests: log_test.c, context_test.c, pool_test.c.
 */
#ifndef SYI_CORE_SURROUNDINGS_H
#define SYI_CORE_SURROUNDINGS_H

#include <csyft/context.h>

/* One line (at most 1023 bytes; what is not printable UTF-8 becomes '?') to the context's log callback
 * when the filter lets it through. The arguments are not formatted otherwise. `worker` may be NULL.
 * Never pass a tensor value, share or key. Any thread. */
void syi_log(sy_context *context, sy_log_level level, const char *component, const char *worker,
             uint64_t message_id, const char *format, ...) SY_PRINTF(6, 7);
bool syi_log_enabled(const sy_context *context, sy_log_level level, const char *component);

uint64_t syi_clock_now(const sy_context *context); /* ns, monotonic */

/* Randomness fit for keys and masks. SY_EIO when the source fails; the buffer is then wiped. Any thread. */
sy_status syi_random_bytes(sy_context *context, void *buffer, size_t size, sy_error *err);

/*
 * Thread pool for work that cannot block (kernels). Started at the first submit. A task is taken in
 * order of submission; a task may submit others. sy_context_free runs what is left and joins the
 * threads, which take no signals. SY_ENOMEM, SY_EIO (no thread could be started). Any thread.
 */
typedef void (*syi_task_fn)(void *argument);
sy_status syi_pool_submit(sy_context *context, syi_task_fn task, void *argument, sy_error *err);
unsigned syi_pool_get_threads(const sy_context *context);

/*
 * What a room keeps once per context instead of a global. `set` stores `value` in an empty slot; when another
 * thread was first, it is not stored. Both return what is in the slot then. `release(value)` runs in
 * sy_context_free, after the pool has stopped; it may still allocate and free. Any thread.
 */
typedef enum syi_context_slot {
    SYI_CONTEXT_SLOT_INPROC, /* transport: names of inproc:// listeners */
    SYI_CONTEXT_SLOT_COUNT
} syi_context_slot;
void *syi_context_get_slot(sy_context *context, syi_context_slot slot); /* NULL: empty */
void *syi_context_set_slot(sy_context *context, syi_context_slot slot, void *value,
                           void (*release)(void *value));

#endif
