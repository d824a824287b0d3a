/* janitor.c - the hook's housekeeping thread, see janitor.h. Tests: deletions_test.c, tests/integration/lifetime.c. */
#include "workers/janitor.h"

#include <signal.h>
#include <time.h>

#include "core/error.h"
#include "workers/link.h"
#include "workers/room.h"
#include "workers/session.h"

#define FLUSH_AFTER_NS UINT64_C(5000000)

struct syi_janitor {
    sy_hook *hook;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t wake;
    pthread_t thread;
    bool started;
    bool stopping;
    atomic_bool look;  /* deletions came since it looked last; cleared before it looks */
    bool soon;         /* in a short wait: it looks again by itself */
    bool flush_now;    /* there are many */
    uint64_t lease_at; /* earliest end of a lease, 0: none */
    uint64_t alive_at; /* when a connection is to be looked at, 0: none */
    syi_link **links;
    size_t link_count, link_capacity;
};

/* Sends what is due; true when something is left to wait for. */
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
        switch (syi_link_look(link, now, FLUSH_AFTER_NS)) {
        case SYI_WAITING_DUE:
            some_wait |= syi_link_flush(link);
            break;
        case SYI_WAITING_SOON:
            some_wait = true;
            break;
        case SYI_WAITING_NONE:
            break;
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

/* Lock held. */
static void doze(syi_janitor *janitor, uint64_t nanoseconds)
{
    struct timespec when;
    clock_gettime(CLOCK_MONOTONIC, &when);
    uint64_t at = (uint64_t)when.tv_sec * 1000000000u + (uint64_t)when.tv_nsec + nanoseconds;
    when.tv_sec = (time_t)(at / 1000000000u);
    when.tv_nsec = (long)(at % 1000000000u);
    pthread_cond_timedwait(&janitor->wake, &janitor->lock, &when);
}

/* 0: never. */
static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Looks after connections; returns when to do so again. */
static uint64_t keep_alive(syi_janitor *janitor, uint64_t now)
{
    uint64_t next = 0;
    for (size_t k = 0;; k++) {
        pthread_mutex_lock(&janitor->lock);
        syi_link *link = k < janitor->link_count && !janitor->stopping ? janitor->links[k] : NULL;
        pthread_mutex_unlock(&janitor->lock);
        if (link == NULL) {
            return next;
        }
        next = earlier(next, syi_link_keep_alive(link, now));
    }
}

/* Lock held: sleeps until there is something to do. */
static void rest(syi_janitor *janitor)
{
    while (!janitor->stopping && !janitor->flush_now && !janitor->look) {
        const uint64_t now = syi_clock_now(janitor->hook->context);
        const uint64_t next = earlier(janitor->lease_at, janitor->alive_at);
        if (next == 0) {
            pthread_cond_wait(&janitor->wake, &janitor->lock);
        } else if (next > now) {
            doze(janitor, next - now);
        } else {
            return;
        }
    }
    if (janitor->look && !janitor->flush_now && !janitor->stopping) {
        janitor->soon = true;
        doze(janitor, FLUSH_AFTER_NS); /* a request may come and take them along */
        janitor->soon = false;
    }
}

static void *janitor_main(void *argument)
{
    syi_janitor *janitor = argument;
    pthread_setname_np(pthread_self(), "csyft-janitor");
    pthread_mutex_lock(&janitor->lock);
    for (;;) {
        rest(janitor);
        if (janitor->stopping) {
            break;
        }
        const uint64_t now = syi_clock_now(janitor->hook->context);
        const bool expire = janitor->lease_at != 0 && janitor->lease_at <= now;
        if (expire) {
            janitor->lease_at = 0;
        }
        const bool look_alive = janitor->alive_at != 0 && janitor->alive_at <= now;
        if (look_alive) {
            janitor->alive_at = 0;
        }
        janitor->flush_now = false;
        janitor->look = false; /* what comes from here on sets it again */
        pthread_mutex_unlock(&janitor->lock);
        const bool some_wait = flush_links(janitor, now);
        const uint64_t next = expire ? expire_leases(janitor->hook, now) : 0;
        const uint64_t alive = look_alive ? keep_alive(janitor, now) : 0;
        pthread_mutex_lock(&janitor->lock);
        if (some_wait) {
            janitor->look = true;
        }
        janitor->lease_at = earlier(janitor->lease_at, next);
        janitor->alive_at = earlier(janitor->alive_at, alive);
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

void syi_janitor_stop(syi_janitor *janitor)
{
    if (janitor == NULL) {
        return;
    }
    pthread_mutex_lock(&janitor->lock);
    const bool runs = janitor->started && !janitor->stopping;
    janitor->stopping = true;
    pthread_cond_signal(&janitor->wake);
    pthread_mutex_unlock(&janitor->lock);
    if (runs) {
        pthread_join(janitor->thread, NULL);
    }
}

void syi_janitor_free(syi_janitor *janitor)
{
    if (janitor == NULL) {
        return;
    }
    syi_janitor_stop(janitor);
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

/* Lock held. Without a thread deletions wait for the next request or the lease. Signals stay with the
 * program's own threads. */
static void start(syi_janitor *janitor)
{
    if (!janitor->started && !janitor->stopping) {
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        janitor->started = pthread_create(&janitor->thread, NULL, janitor_main, janitor) == 0;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
}

void syi_janitor_wake(sy_hook *hook, bool now)
{
    syi_janitor *janitor = hook->workers->janitor;
    if (janitor == NULL) {
        return; /* the hook is being freed, and its links with it */
    }
    if (!now && atomic_load_explicit(&janitor->look, memory_order_relaxed)) {
        return; /* it will look: the link's lock, which both take, puts the deletion before that */
    }
    pthread_mutex_lock(&janitor->lock);
    start(janitor);
    janitor->look = janitor->started;
    janitor->flush_now |= now;
    if (now || !janitor->soon) {
        pthread_cond_signal(&janitor->wake);
    }
    pthread_mutex_unlock(&janitor->lock);
}

void syi_janitor_alive(sy_hook *hook, uint64_t when)
{
    syi_janitor *janitor = hook->workers->janitor;
    if (janitor == NULL) {
        return;
    }
    pthread_mutex_lock(&janitor->lock);
    const uint64_t at = earlier(janitor->alive_at, when);
    if (at != janitor->alive_at) {
        janitor->alive_at = at;
        start(janitor);
        pthread_cond_signal(&janitor->wake);
    }
    pthread_mutex_unlock(&janitor->lock);
}

void syi_janitor_lease(sy_hook *hook, uint64_t when)
{
    syi_janitor *janitor = hook->workers->janitor;
    if (janitor == NULL) {
        return;
    }
    pthread_mutex_lock(&janitor->lock);
    if (janitor->lease_at == 0 || when < janitor->lease_at) {
        janitor->lease_at = when;
    }
    start(janitor);
    pthread_cond_signal(&janitor->wake);
    pthread_mutex_unlock(&janitor->lock);
}
