/*
 * context_internal.h - the inside of a sy_context. Core room only: the rest of the library uses
 * memory.h and surroundings.h.
 */
#ifndef SYI_CORE_CONTEXT_INTERNAL_H
#define SYI_CORE_CONTEXT_INTERNAL_H

#include <pthread.h>

#include "core/blocks.h"
#include "core/memory.h"
#include "core/surroundings.h"

#define SYI_LOG_OFF (-1)
#define SYI_LOG_RULES 32
#define SYI_LOG_COMPONENT_SIZE 32

/* What the filter text says; fixed after context creation, so read without a lock. */
typedef struct syi_log_rule {
    char component[SYI_LOG_COMPONENT_SIZE];
    int level; /* sy_log_level or SYI_LOG_OFF */
} syi_log_rule;

typedef struct syi_log_filter {
    int level; /* of components without a rule */
    size_t rule_count;
    syi_log_rule rules[SYI_LOG_RULES];
} syi_log_filter;

/* `text` may be NULL or "". SY_EINVAL names the part that is wrong. */
sy_status syi_log_filter_parse(syi_log_filter *filter, const char *text, sy_error *err);

#define SYI_POOL_THREADS_MAX 1024u

typedef struct syi_pool_task {
    syi_task_fn run;
    void *argument;
} syi_pool_task;

typedef struct syi_pool {
    pthread_mutex_t lock; /* guards all below except wanted */
    pthread_cond_t work;
    syi_pool_task *tasks; /* ring of `capacity`, a power of two or 0 */
    size_t capacity;
    size_t first;
    size_t count;
    pthread_t *threads; /* room for `wanted`; NULL until the first submit */
    unsigned started;
    unsigned idle; /* threads that wait for work */
    unsigned wanted;
    bool stopping;
} syi_pool;

/* threads 0: one per processor that this process may use. SY_ENOMEM. */
sy_status syi_pool_init(syi_pool *pool, unsigned threads, sy_error *err);
/* Runs what was submitted, also by tasks meanwhile, then joins the threads. */
void syi_pool_fini(sy_context *context, syi_pool *pool);

struct sy_context {
    sy_allocator allocator; /* allocate NULL: malloc and free */
    sy_log_fn log;
    void *log_user;
    sy_random_fn random; /* NULL: the system's generator, or the test stream of test_seed */
    void *random_user;
    sy_clock_fn clock; /* NULL: CLOCK_MONOTONIC */
    void *clock_user;
    uint64_t test_seed;
    atomic_uint_fast64_t test_blocks; /* 8-byte blocks of the test stream handed out */
    syi_account account;
    syi_log_filter log_filter;
    syi_pool pool;
    syi_blocks blocks;
    atomic_uintptr_t slots[SYI_CONTEXT_SLOT_COUNT];
    void (*slot_release[SYI_CONTEXT_SLOT_COUNT])(void *value);
};

#endif
