/*
 * link_deletions.c - deletions of a link: noted, looked after by the janitor, sent by themselves when no request
 * takes them along. The queue is deletions.h.
 */
#include "workers/janitor.h"
#include "workers/link_state.h"

#define DELETIONS_FLUSH 64
#define DELETIONS_MANY 1024 /* the janitor is woken anew for each */

void syi_link_delete(syi_link *link, const sy_id *id, uint64_t generation)
{
    sy_context *context = syi_link_context(link);
    pthread_mutex_lock(&link->state_lock);
    const bool room = syi_deletion_queue_add(&link->deletions, id, generation);
    const size_t waiting = syi_deletion_queue_waiting(&link->deletions);
    const bool many = waiting == DELETIONS_FLUSH || waiting % DELETIONS_MANY == 0;
    if (waiting == 1) {
        link->deletions_since = link->used; /* or later: then they wait no longer than they may */
    }
    pthread_mutex_unlock(&link->state_lock);
    if (!room) {
        syi_log(context, SY_LOG_WARNING, "workers", link->target->name, 0,
                "no memory to note a deletion; the lease takes the object when the session ends");
    } else if (waiting == 1 || many) {
        syi_janitor_wake(link->owner->hook, many);
    }
}

unsigned syi_link_get_epoch(syi_link *link)
{
    return atomic_load_explicit(&link->epoch, memory_order_relaxed);
}

/* Sending. What waits goes when there is a connection to go on. */
sy_status syi_link_flush_now(syi_link *link, uint64_t deadline, sy_error *err)
{
    if (link->connection != NULL && !syi_connection_is_open(link->connection)) {
        syi_link_broken(link, NULL, SY_OK);
    }
    if (link->connection == NULL) {
        return SY_OK;
    }
    const sy_status status = syi_link_send_over(link, NULL, deadline, err);
    if (status != SY_OK) {
        syi_log(syi_link_context(link), SY_LOG_INFO, "workers", link->target->name, 0,
                "deletions were not sent: %s", err->message);
    }
    return status;
}

bool syi_link_flush(syi_link *link)
{
    sy_error ignored = SY_ERROR_INIT;
    sy_context *context = syi_link_context(link);
    if (!syi_link_try_turn(link)) {
        return true; /* who sends may have looked for deletions before these came */
    }
    const sy_status status =
        syi_link_flush_now(link, syi_clock_now(context) + SYI_LINK_FLUSH_NS, &ignored);
    syi_link_leave_turn(link);
    return status == SY_ETIMEDOUT;
}

syi_waiting syi_link_look(syi_link *link, uint64_t now, uint64_t age)
{
    pthread_mutex_lock(&link->state_lock);
    syi_waiting waiting = SYI_WAITING_NONE;
    if (syi_link_deletions_wait(link) && link->connection != NULL) {
        const bool due = syi_deletion_queue_waiting(&link->deletions) >= DELETIONS_FLUSH ||
                         now >= link->deletions_since + age;
        waiting = due && now >= link->flush_after ? SYI_WAITING_DUE : SYI_WAITING_SOON;
    }
    pthread_mutex_unlock(&link->state_lock);
    return waiting;
}

bool syi_link_has_deletions(syi_link *link)
{
    pthread_mutex_lock(&link->state_lock);
    const bool some = syi_link_deletions_wait(link);
    pthread_mutex_unlock(&link->state_lock);
    return some;
}
