/*
 * context.h - what the library needs from its surroundings: memory, log, clock, randomness, threads.
 *
 * Everything csyft makes hangs from a sy_context; there are no mutable globals, and two contexts in
 * one process do not meet. A context must outlive all that was made from it.
 */
#ifndef CSYFT_CONTEXT_H
#define CSYFT_CONTEXT_H

#include <csyft/status.h>

SY_BEGIN_DECLS

/* Memory source. `alignment` is a power of two. All functions may be called from any thread. */
typedef struct sy_allocator {
    void *user;
    void *(*allocate)(void *user, size_t size, size_t alignment); /* NULL when refused */
    void (*release)(void *user, void *memory, size_t size);       /* memory may not be NULL */
} sy_allocator;

typedef enum sy_log_level {
    SY_LOG_ERROR = 0,
    SY_LOG_WARNING = 1,
    SY_LOG_INFO = 2,
    SY_LOG_DEBUG = 3,
} sy_log_level;

/*
 * Receives one finished line. `component` is the room ("workers", "transport", ...) or "audit"
 * (a refusal: who, what, which object, when, why; see caller.h), `worker` the id
 * of the worker it concerns or "", `message_id` the wire message or 0. The strings are borrowed for
 * the call. Called from any thread; must not call back into csyft. Never holds a share, key or value.
 */
typedef void (*sy_log_fn)(void *user, sy_log_level level, const char *component, const char *worker,
                          uint64_t message_id, const char *message);

/* Fills `size` bytes with randomness fit for keys; false when it cannot. Any thread. */
typedef bool (*sy_random_fn)(void *user, void *buffer, size_t size);

/* Nanoseconds of a clock that never goes back. Any thread. */
typedef uint64_t (*sy_clock_fn)(void *user);

typedef struct sy_context_options {
    size_t size;            /* sizeof(sy_context_options) */
    sy_allocator allocator; /* all zero: malloc/free */
    sy_log_fn log;          /* NULL: silent */
    void *log_user;
    const char *log_filter; /* "info", "off", or "transport=debug,workers=info"; NULL: warning */
    sy_random_fn random;    /* NULL: the system's generator */
    void *random_user;
    uint64_t test_seed; /* not 0, without random: a fixed stream, for tests only */
    sy_clock_fn clock;  /* NULL: CLOCK_MONOTONIC */
    void *clock_user;
    uint64_t memory_limit; /* bytes of tensor storage in this context, 0: no limit */
    unsigned pool_threads; /* 0: one per processor; at most 1024 */
} sy_context_options;

#define SY_CONTEXT_OPTIONS_INIT            \
    {                                      \
        .size = sizeof(sy_context_options) \
    }

/* `options` may be NULL; it and its strings are not needed afterwards. SY_EINVAL for a wrong size,
 * filter or combination, SY_ENOMEM. */
SY_API sy_status sy_context_new(sy_context **context, const sy_context_options *options,
                                sy_error *err);

/* Everything made from the context must be gone. Blocks until the context's thread pool has run what it
 * was given; not to be called from one of its tasks. NULL is nothing. */
SY_API void sy_context_free(sy_context *context);

/* Tensor storage in bytes: in use now, and the highest so far. Any thread. */
typedef struct sy_memory_use {
    uint64_t used;
    uint64_t peak;
    uint64_t limit; /* 0: none */
} sy_memory_use;
SY_API sy_memory_use sy_context_get_memory_use(const sy_context *context);

SY_END_DECLS

#endif
