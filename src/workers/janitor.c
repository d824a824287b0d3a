#include "workers/janitor.h"

#include <errno.h>

#include "core/error.h"
#include "workers/link.h"
#include "workers/room.h"
#include "workers/session.h"

#define FLUSH_AFTER_NS UINT64_C(5000000)

struct syi_janitor {
    sy_hook *hook;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool started;
    bool stopping;
    bool dozing;    /* in a timed wait: it looks again by itself soon */
    bool flush_now;
    uint64_t lease_at; /* earliest end of a lease, 0: none */
    syi_link **links;
    size_t link_count, link_capacity;
};

static bool flush_links(syi_janitor *janitor, uint64_t now)
{
    bool some_wait = false;
    for (size_t k = 0;; k++) {
        pthread_mutex_lock(&janitor->lock);
        syi_link *link = k < janitor->link_count && !janitor->stopping ? janitor->links[k] : NULL;
        pthread_mutex_unlock(&janitor->lock);
        if (link == NULL) {
            return some_wait;
        }
        if (syi_link_is_stale(link, now - FLUSH_AFTER_NS)) {
            syi_link_flush(link);
        } else if (syi_link_has_deletions(link)) {
            some_wait = true;
        }
    }
}

static uint64_t expire_leases(sy_hook *hook, uint64_t now)
{
    uint64_t next = 0;
    size_t cursor = 0;
    const sy_id *id = NULL;
    void *value = NULL;
    for (;;) {
        pthread_mutex_lock(&hook->directory_lock);
        bool more = syi_table_next(hook->directory, &cursor, &id, &value);
        pthread_mutex_unlock(&hook->directory_lock);
        if (!more) {
            return next;
        }
        sy_worker *worker = value;
        if (syi_worker_is_here(worker)) {
            uint64_t when = syi_sessions_expire(worker, now);
            if (when != 0 && (next == 0 || when < next)) {
                next = when;
            }
        }
    }
}

static void doze(syi_janitor *janitor, uint64_t nanoseconds)
{
    struct timespec when;
    clock_gettime(CLOCK_MONOTONIC, &when);
    uint64_t at = (uint64_t)when.tv_sec * 1000000000u + (uint64_t)when.tv_nsec + nanoseconds;
    when.tv_sec = (time_t)(at / 1000000000u);
    when.tv_nsec = (long)(at % 1000000000u);
    janitor->dozing = true;
    pthread_cond_timedwait(&janitor->wake, &janitor->lock, &when);
    janitor->dozing = false;
}

static void *janitor_main(void *argument)
{
    syi_janitor *janitor = argument;
    bool idle = false;
    pthread_mutex_lock(&janitor->lock);
    while (!janitor->stopping) {
        uint64_t now = syi_clock_now(janitor->hook->context);
        if (idle && !janitor->flush_now) {
            if (janitor->lease_at == 0) {
                pthread_cond_wait(&janitor->wake, &janitor->lock);
            } else if (janitor->lease_at > now) {
                doze(janitor, janitor->lease_at - now);
            }
        } else if (!janitor->flush_now) {
            doze(janitor, FLUSH_AFTER_NS);
        }
        janitor->flush_now = false;
        if (janitor->stopping) {
            break;
        }
        now = syi_clock_now(janitor->hook->context);
        bool look = janitor->lease_at != 0 && janitor->lease_at <= now;
        if (look) {
            janitor->lease_at = 0;
        }
        pthread_mutex_unlock(&janitor->lock);
        idle = !flush_links(janitor, now);
        uint64_t next = look ? expire_leases(janitor->hook, now) : 0;
        pthread_mutex_lock(&janitor->lock);
        if (next != 0 && (janitor->lease_at == 0 || next < janitor->lease_at)) {
            janitor->lease_at = next;
        }
    }
    pthread_mutex_unlock(&janitor->lock);
    return NULL;
}

sy_status syi_janitor_new(sy_hook *hook, syi_janitor **janitor, sy_error *err)
{
    syi_janitor *made = syi_alloc(hook->context, sizeof *made);
    *janitor = made;
    if (made == NULL) {
        return SYI_ENOMEM(err, "janitor");
    }
    made->hook = hook;
    pthread_mutex_init(&made->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&made->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    return SY_OK;
}

void syi_janitor_free(syi_janitor *janitor)
{
    if (janitor == NULL) {
        return;
    }
    pthread_mutex_lock(&janitor->lock);
    janitor->stopping = true;
    pthread_cond_signal(&janitor->wake);
    pthread_mutex_unlock(&janitor->lock);
    if (janitor->started) {
        pthread_join(janitor->thread, NULL);
    }
    sy_context *context = janitor->hook->context;
    if (janitor->links != NULL) {
        syi_free(context, janitor->links, janitor->link_capacity * sizeof *janitor->links);
    }
    pthread_cond_destroy(&janitor->wake);
    pthread_mutex_destroy(&janitor->lock);
    syi_free(context, janitor, sizeof *janitor);
}

sy_status syi_janitor_watch(sy_hook *hook, syi_link *link, sy_error *err)
{
    syi_janitor *janitor = hook->workers->janitor;
    sy_status status = SY_OK;
    pthread_mutex_lock(&janitor->lock);
    if (janitor->link_count == janitor->link_capacity) {
        size_t capacity = janitor->link_capacity == 0 ? 8 : janitor->link_capacity * 2;
        syi_link **links = syi_alloc_array(hook->context, capacity, sizeof *links);
        if (links == NULL) {
            status = SYI_ENOMEM(err, "link");
        } else {
            for (size_t k = 0; k < janitor->link_count; k++) {
                links[k] = janitor->links[k];
            }
            if (janitor->links != NULL) {
                syi_free(hook->context, janitor->links, janitor->link_capacity * sizeof *links);
            }
            janitor->links = links;
            janitor->link_capacity = capacity;
        }
    }
    if (status == SY_OK) {
        janitor->links[janitor->link_count++] = link;
    }
    pthread_mutex_unlock(&janitor->lock);
    return status;
}

/* Lock held. Without a thread deletions wait for the next request or the lease. */
static void start(syi_janitor *janitor)
{
    if (!janitor->started && !janitor->stopping) {
        janitor->started = pthread_create(&janitor->thread, NULL, janitor_main, janitor) == 0;
    }
}

void syi_janitor_wake(sy_hook *hook, bool now)
{
    syi_janitor *janitor = hook->workers->janitor;
    pthread_mutex_lock(&janitor->lock);
    start(janitor);
    if (now) {
        janitor->flush_now = true;
        pthread_cond_signal(&janitor->wake);
    } else if (!janitor->dozing) {
        pthread_cond_signal(&janitor->wake);
    }
    pthread_mutex_unlock(&janitor->lock);
}

void syi_janitor_lease(sy_hook *hook, uint64_t when)
{
    syi_janitor *janitor = hook->workers->janitor;
    pthread_mutex_lock(&janitor->lock);
    if (janitor->lease_at == 0 || when < janitor->lease_at) {
        janitor->lease_at = when;
    }
    start(janitor);
    pthread_cond_signal(&janitor->wake);
    pthread_mutex_unlock(&janitor->lock);
}
