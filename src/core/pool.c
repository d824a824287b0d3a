/*
 * pool.c - threads for work that cannot block, fed in order from one growing ring. Core room.
 * Test: pool_test.c.
 */
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "core/context_internal.h"
#include "core/error.h"

static unsigned count_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        return (unsigned)CPU_COUNT(&set);
    }
    const long online = sysconf(_SC_NPROCESSORS_ONLN); /* more processors than cpu_set_t holds */
    return online < 1 ? 1 : (unsigned)online;
}

sy_status syi_pool_init(syi_pool *pool, unsigned threads, sy_error *err)
{
    memset(pool, 0, sizeof *pool);
    pool->wanted = threads == 0 ? count_processors() : threads;
    if (pool->wanted > SYI_POOL_THREADS_MAX) {
        pool->wanted = SYI_POOL_THREADS_MAX;
    }
    if (pthread_mutex_init(&pool->lock, NULL) != 0) {
        return SYI_ENOMEM(err, "thread pool: lock");
    }
    if (pthread_cond_init(&pool->work, NULL) != 0) {
        pthread_mutex_destroy(&pool->lock);
        return SYI_ENOMEM(err, "thread pool: condition");
    }
    return SY_OK;
}

static void *run_tasks(void *argument)
{
    syi_pool *pool = argument;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->count == 0 && !pool->stopping) {
            pool->idle++;
            pthread_cond_wait(&pool->work, &pool->lock);
            pool->idle--;
        }
        if (pool->count == 0) {
            break;
        }
        const syi_pool_task task = pool->tasks[pool->first];
        pool->first = (pool->first + 1) & (pool->capacity - 1);
        pool->count--;
        pthread_mutex_unlock(&pool->lock);
        task.run(task.argument);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Lock held. Signals stay with the program's own threads. Some threads are enough; none is SY_EIO. */
static sy_status start_threads(sy_context *context, syi_pool *pool, sy_error *err)
{
    if (pool->started != 0) {
        return SY_OK;
    }
    if (pool->threads == NULL) {
        pool->threads = syi_alloc_array(context, pool->wanted, sizeof *pool->threads);
        if (pool->threads == NULL) {
            return SYI_ENOMEM(err, "thread pool: threads");
        }
    }
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = 0;
    while (pool->started < pool->wanted && failure == 0) {
        failure = pthread_create(&pool->threads[pool->started], NULL, run_tasks, pool);
        pool->started += failure == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pool->started == 0) {
        return syi_fail(err, SY_EIO, "thread pool: none of %u threads could be started (error %d)",
                        pool->wanted, failure);
    }
    return SY_OK;
}

/* Lock held. */
static sy_status make_room(sy_context *context, syi_pool *pool, sy_error *err)
{
    if (pool->count < pool->capacity) {
        return SY_OK;
    }
    size_t capacity = 16;
    if (pool->capacity != 0 && !syi_size_mul(pool->capacity, 2, &capacity)) {
        return SYI_ENOMEM(err, "thread pool: tasks");
    }
    syi_pool_task *tasks = syi_alloc_array(context, capacity, sizeof *tasks);
    if (tasks == NULL) {
        return SYI_ENOMEM(err, "thread pool: tasks");
    }
    for (size_t i = 0; i < pool->count; i++) {
        tasks[i] = pool->tasks[(pool->first + i) & (pool->capacity - 1)];
    }
    syi_free(context, pool->tasks, pool->capacity * sizeof *tasks);
    pool->tasks = tasks;
    pool->capacity = capacity;
    pool->first = 0;
    return SY_OK;
}

sy_status syi_pool_submit(sy_context *context, syi_task_fn task, void *argument, sy_error *err)
{
    syi_pool *pool = &context->pool;
    pthread_mutex_lock(&pool->lock);
    sy_status status = make_room(context, pool, err);
    if (status == SY_OK) {
        status = start_threads(context, pool, err);
    }
    if (status == SY_OK) {
        const size_t last = (pool->first + pool->count) & (pool->capacity - 1);
        pool->tasks[last] = (syi_pool_task){.run = task, .argument = argument};
        pool->count++;
        if (pool->idle != 0) {
            pthread_cond_signal(&pool->work);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return status;
}

unsigned syi_pool_get_threads(const sy_context *context)
{
    return context->pool.wanted;
}

void syi_pool_fini(sy_context *context, syi_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->started; i++) {
        pthread_join(pool->threads[i], NULL);
    }
    syi_free(context, pool->threads, pool->wanted * sizeof *pool->threads);
    syi_free(context, pool->tasks, pool->capacity * sizeof *pool->tasks);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
}
