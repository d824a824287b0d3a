/*
 * link_send.c - whose turn it is to send on a link, and what goes in one write: posted requests, deletions, and the
 * request at hand.
 */
#include "workers/link_state.h"

#define FLUSH_AGAIN_NS UINT64_C(1000000000) /* from then to the next */
#define IN_USE_NS \
    UINT64_C(100000) /* after that long a connection is asked whether it is still open */

/* CLOCK_MONOTONIC at a deadline of the context's clock. */
struct timespec syi_link_time(const syi_link *link, uint64_t deadline)
{
    struct timespec when;
    const uint64_t now = syi_clock_now(syi_link_context(link));
    clock_gettime(CLOCK_MONOTONIC, &when);
    const uint64_t at = (uint64_t)when.tv_sec * 1000000000u + (uint64_t)when.tv_nsec +
                        (deadline > now ? deadline - now : 0);
    when.tv_sec = (time_t)(at / 1000000000u);
    when.tv_nsec = (long)(at % 1000000000u);
    return when;
}

bool syi_link_try_turn(syi_link *link)
{
    pthread_mutex_lock(&link->state_lock);
    const bool free = !link->sending;
    link->sending = true;
    pthread_mutex_unlock(&link->state_lock);
    return free;
}

/* Somebody else may be sending to a worker that does not read: nobody waits for that beyond his deadline
 * (0: none). */
sy_status syi_link_take_turn(syi_link *link, uint64_t deadline, sy_error *err)
{
    int code = 0;
    pthread_mutex_lock(&link->state_lock);
    link->senders++;
    while (link->sending && code == 0) {
        if (deadline == 0) {
            pthread_cond_wait(&link->sendable, &link->state_lock);
        } else {
            const struct timespec when = syi_link_time(link, deadline);
            code = pthread_cond_timedwait(&link->sendable, &link->state_lock, &when);
        }
    }
    link->senders--;
    const bool free = !link->sending;
    link->sending = true;
    pthread_mutex_unlock(&link->state_lock);
    return free ? SY_OK
                : syi_fail(err, SY_ETIMEDOUT, "worker %s did not take an earlier request in time",
                           link->target->name);
}

/* state_lock held. */
void syi_link_leave_turn_locked(syi_link *link)
{
    link->sending = false;
    if (link->senders > 0) {
        pthread_cond_signal(&link->sendable);
    }
}

void syi_link_leave_turn(syi_link *link)
{
    pthread_mutex_lock(&link->state_lock);
    syi_link_leave_turn_locked(link);
    pthread_mutex_unlock(&link->state_lock);
}

void syi_link_count(syi_link *link, syi_pending *pending)
{
    if (!link->counts) {
        return;
    }
    pending->sequence = ++link->sent;
    pending->left = true;
    const uint64_t open = link->sent - link->flying->sequence + 1;
    const uint32_t window = open < SYI_WINDOW_UNSAID ? (uint32_t)open : SYI_WINDOW_UNSAID;
    pending->request.flags = (pending->request.flags & ((1u << SYI_FLAGS_WINDOW_SHIFT) - 1)) |
                             window << SYI_FLAGS_WINDOW_SHIFT;
}

/* Numbers what is about to be sent: the batch, as many deletions as one message may have (their number),
 * and, when these are the last, `last`. Sending, state_lock held. */
static size_t line_up(syi_link *link, syi_pending *last, bool *more)
{
    syi_message_clear(&link->deletion);
    link->deletion.kind = SYI_KIND_DELETE;
    link->lined_up_from = link->sent;
    for (size_t k = 0; k < link->batch_count; k++) {
        link->batch[k]->number = syi_deletion_queue_number(&link->deletions);
        syi_link_count(link, link->batch[k]);
    }
    size_t deletions =
        syi_deletion_queue_send(&link->deletions, &link->deletion.body, link->sent + 1, 0);
    if (deletions > 0 && link->deletion.body.status != SY_OK) {
        syi_deletion_queue_unsend(&link->deletions, deletions); /* no memory: another time */
        deletions = 0;
        *more = false;
    } else {
        *more = syi_deletion_queue_waiting(&link->deletions) > 0;
    }
    link->sent += deletions > 0 ? 1 : 0;
    if (last != NULL && !*more) {
        last->number = syi_deletion_queue_number(&link->deletions);
        syi_link_count(link, last);
    }
    return deletions;
}

static void uncount(syi_pending *pending)
{
    pending->sequence = 0;
    pending->left = false;
}

/* Nothing of it has left. */
static void not_sent(syi_link *link, syi_pending *last, size_t deletions)
{
    pthread_mutex_lock(&link->state_lock);
    link->sent = link->lined_up_from;
    for (size_t k = 0; k < link->batch_count; k++) {
        uncount(link->batch[k]);
    }
    if (last != NULL) {
        uncount(last);
    }
    syi_deletion_queue_unsend(&link->deletions, deletions);
    link->flush_after = syi_clock_now(syi_link_context(link)) + FLUSH_AGAIN_NS;
    pthread_mutex_unlock(&link->state_lock);
}

/* Sending, connected: what line_up has numbered. When the other end does not read before the deadline and
 * nothing has left, everything stays as it was, and so does the connection. */
static sy_status send_lined_up(syi_link *link, syi_pending *last, size_t deletions,
                               uint64_t deadline, sy_error *err)
{
    const syi_message *messages[SYI_LINK_BATCH_MAX + 2];
    size_t count = 0;
    for (size_t k = 0; k < link->batch_count; k++) {
        messages[count++] = &link->batch[k]->request;
    }
    if (deletions > 0) {
        messages[count++] = &link->deletion;
    }
    if (last != NULL) {
        messages[count++] = &last->request;
    }
    if (count == 0) {
        return SY_OK;
    }
    const sy_status status = syi_connection_send(link->connection, messages, count, deadline, err);
    if (status != SY_OK) {
        /* A connection inside the process may have taken some of several. */
        const bool whole = count == 1 || !syi_worker_is_here(link->target);
        syi_error_at_worker(err, link->target->name);
        if (status == SY_ETIMEDOUT && whole && syi_connection_is_open(link->connection)) {
            not_sent(link, last, deletions);
        } else {
            syi_link_broken(link, err, status);
        }
        return status;
    }
    link->batch_count = 0;
    return SY_OK;
}

/* Sending, connected. The batch, then the deletions (they may name what the batch makes), then `last`
 * (nullable), in one write as far as they fit. */
sy_status syi_link_send_over(syi_link *link, syi_pending *last, uint64_t deadline, sy_error *err)
{
    bool more = true;
    while (more) {
        pthread_mutex_lock(&link->state_lock);
        const size_t deletions = line_up(link, last, &more);
        pthread_mutex_unlock(&link->state_lock);
        SY_TRY(send_lined_up(link, more ? NULL : last, deletions, deadline, err));
    }
    return SY_OK;
}

/* The same, and when the connection breaks: on another one, which sends again all that is in flight. */
static sy_status send_whatever_happens(syi_link *link, syi_pending *last, uint64_t deadline,
                                       sy_error *err)
{
    const sy_status status = syi_link_send_over(link, last, deadline, err);
    return status == SY_OK || link->connection != NULL || !link->counts
               ? status
               : syi_link_reconnect(link, deadline, err);
}

/* Sending. Connects when there is something that must go. */
sy_status syi_link_send_all(syi_link *link, syi_pending *last, uint64_t deadline, sy_error *err)
{
    if (link->connection != NULL && !syi_connection_is_open(link->connection)) {
        syi_link_broken(link, NULL, SY_OK);
    }
    if (link->connection == NULL) {
        if (last == NULL && link->batch_count == 0) {
            return SY_OK; /* deletions alone are no reason to connect */
        }
        SY_TRY(link->counts ? syi_link_reconnect(link, deadline, err)
                            : syi_link_connect(link, deadline, deadline, err));
    }
    if (last != NULL) {
        SY_TRY(syi_frame_keep(&last->request, &link->takes, err));
        pthread_mutex_lock(&link->state_lock);
        syi_link_put_flying(link, last);
        pthread_mutex_unlock(&link->state_lock);
    }
    return send_whatever_happens(link, last, deadline, err);
}

/* Sends a request, begun at `now`; returns with state_lock held. Mostly nobody else sends, and the last
 * request is so short ago that the connection is still there if it was then: one turn with the lock does
 * for taking the turn and lining up. */
sy_status syi_link_send_request(syi_link *link, syi_pending *pending, uint64_t now,
                                uint64_t deadline, sy_error *err)
{
    sy_status status;
    pthread_mutex_lock(&link->state_lock);
    const bool busy = now - link->used < IN_USE_NS && link->connection != NULL && !link->sending;
    link->used = now;
    if (busy && syi_frame_keep(&pending->request, &link->takes, err) != SY_OK) {
        return SY_ELIMIT;
    }
    if (busy) {
        bool more;
        link->sending = true;
        syi_link_put_flying(link, pending);
        const size_t deletions = line_up(link, pending, &more);
        pthread_mutex_unlock(&link->state_lock);
        status = send_lined_up(link, more ? NULL : pending, deletions, deadline, err);
        if (status == SY_OK && more) {
            status = syi_link_send_over(link, pending, deadline, err);
        }
        if (status != SY_OK && link->connection == NULL && link->counts) {
            status = syi_link_reconnect(link, deadline, err);
        }
    } else {
        pthread_mutex_unlock(&link->state_lock);
        status = syi_link_take_turn(link, deadline, err);
        if (status != SY_OK) {
            pthread_mutex_lock(&link->state_lock);
            return status;
        }
        status = syi_link_send_all(link, pending, deadline, err);
    }
    pthread_mutex_lock(&link->state_lock);
    syi_link_leave_turn_locked(link);
    return status;
}
