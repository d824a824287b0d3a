/* parallel.c - pieces of a kernel on the pool's threads. Test: parallel_test.c. */
#include "frameworks/cpu/parallel.h"

#include <pthread.h>
#include <stdatomic.h>

#include "core/memory.h"
#include "core/surroundings.h"

#define WORTH_NS 50000.0 /* of work per thread; waking one takes about 5 us */

/* Lives until its last task was looked at by the pool, which may be after the run: a task that comes too late finds
 * nothing to do and touches nothing else. */
typedef struct crew {
    sy_context *context;
    syi_piece_fn run;
    void *user;
    int64_t count;
    _Atomic int64_t next; /* piece that nobody has begun */
    atomic_int joined;    /* numbers given to workers */
    atomic_int refs;
    pthread_mutex_t lock;
    pthread_cond_t finished;
    int64_t done; /* pieces; under the lock */
} crew;

static void crew_unref(crew *c)
{
    if (atomic_fetch_sub(&c->refs, 1) == 1) {
        pthread_cond_destroy(&c->finished);
        pthread_mutex_destroy(&c->lock);
        syi_free(c->context, c, sizeof *c);
    }
}

static void work(crew *c, int worker)
{
    int64_t piece, done = 0;
    while ((piece = atomic_fetch_add(&c->next, 1)) < c->count) {
        c->run(c->user, piece, worker);
        done++;
    }
    if (done > 0) {
        pthread_mutex_lock(&c->lock);
        c->done += done;
        if (c->done == c->count) {
            pthread_cond_broadcast(&c->finished);
        }
        pthread_mutex_unlock(&c->lock);
    }
}

static void join(void *argument)
{
    crew *c = argument;
    work(c, atomic_fetch_add(&c->joined, 1));
    crew_unref(c);
}

int syi_parallel_workers(sy_context *context, int64_t pieces, double ns)
{
    int64_t workers = (int64_t)(ns < 1e15 ? ns / WORTH_NS : SYI_PARALLEL_MAX);
    const int64_t threads = syi_pool_get_threads(context);
    workers = workers > pieces ? pieces : workers;
    workers = workers > threads ? threads : workers;
    workers = workers > SYI_PARALLEL_MAX ? SYI_PARALLEL_MAX : workers;
    return workers < 1 ? 1 : (int)workers;
}

static crew *crew_new(sy_context *context, int64_t count, syi_piece_fn run, void *user)
{
    crew *c = syi_alloc(context, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    *c = (crew){.context = context, .run = run, .user = user, .count = count};
    atomic_init(&c->joined, 1);
    atomic_init(&c->refs, 1);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->finished, NULL);
    return c;
}

void syi_parallel_run(sy_context *context, int64_t count, int workers, syi_piece_fn run, void *user)
{
    crew *c = workers > 1 && count > 1 ? crew_new(context, count, run, user) : NULL;
    if (c == NULL) {
        for (int64_t piece = 0; piece < count; piece++) {
            run(user, piece, 0);
        }
        return;
    }
    for (int k = 1; k < workers; k++) {
        atomic_fetch_add(&c->refs, 1);
        if (syi_pool_submit(context, join, c, NULL) != SY_OK) {
            atomic_fetch_sub(&c->refs, 1);
            break;
        }
    }
    work(c, 0);
    pthread_mutex_lock(&c->lock);
    while (c->done < count) {
        pthread_cond_wait(&c->finished, &c->lock);
    }
    pthread_mutex_unlock(&c->lock);
    crew_unref(c);
}
