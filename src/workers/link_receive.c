/*
 * link_receive.c - answers: one of the threads that wait receives for all of them.
 */
#include "workers/link_state.h"

/* state_lock held. Unlinks the pending request with that id; NULL when it is not in flight. */
syi_pending *syi_link_take_flying(syi_link *link, uint64_t id)
{
    syi_pending *before = NULL;
    for (syi_pending *p = link->flying; p != NULL; before = p, p = p->next) {
        if (p->id != id) {
            continue;
        }
        if (before == NULL) {
            link->flying = p->next;
        } else {
            before->next = p->next;
        }
        if (link->again == p) {
            link->again = p->next;
        }
        if (link->flying_last == p) {
            link->flying_last = before;
        }
        return p;
    }
    return NULL;
}

void syi_link_abandon(syi_link *link, syi_pending *pending)
{
    while (pending->pinned) {
        pthread_cond_wait(&link->changed, &link->state_lock);
    }
    (void)syi_link_take_flying(link, pending->id);
    if (link->partial != NULL && link->partial->id == pending->id) {
        syi_link_drop_partial(link);
    }
}

sy_status syi_link_error_of(const syi_link *link, const syi_message *message, sy_error *err)
{
    sy_error said;
    if (syi_error_decode(&said, message->body.data, message->body.length) != SY_OK) {
        syi_fail(&said, SY_EPROTO, "worker %s sent an unreadable error", link->target->name);
    }
    syi_error_at_worker(&said, link->target->name);
    *err = said;
    return said.status;
}

/* state_lock held: the inbox holds an answer. Returns a posted request that it ends. */
static syi_pending *deliver(syi_link *link)
{
    syi_pending *pending = syi_link_take_flying(link, link->inbox.id);
    if (pending == NULL) {
        return NULL; /* answered after its request gave up */
    }
    syi_deletion_queue_answered(&link->deletions, pending->number);
    if (pending->posted) {
        link->flying_posted--;
        link->answered++;
        if (link->inbox.kind == SYI_KIND_ERROR && link->failure.status == SY_OK) {
            (void)syi_link_error_of(link, &link->inbox, &link->failure);
        }
        return pending;
    }
    syi_message swap = pending->reply;
    pending->reply = link->inbox;
    link->inbox = swap;
    pending->done = true;
    pending->status = SY_OK;
    return NULL;
}

static void wait_until(syi_link *link, uint64_t deadline)
{
    if (deadline == 0) {
        pthread_cond_wait(&link->changed, &link->state_lock);
        return;
    }
    const struct timespec when = syi_link_time(link, deadline);
    pthread_cond_timedwait(&link->changed, &link->state_lock, &when);
}

/* state_lock held; returns holding it. One step of progress: receives a frame, or waits for the thread
 * that does. */
sy_status syi_link_receive_step(syi_link *link, uint64_t deadline, sy_error *err)
{
    if (link->receiving) {
        link->waiting++;
        wait_until(link, deadline);
        link->waiting--;
        if (deadline != 0 && syi_clock_now(syi_link_context(link)) >= deadline) {
            return syi_fail(err, SY_ETIMEDOUT, "worker %s did not answer in time",
                            link->target->name);
        }
        return SY_OK;
    }
    syi_connection *connection = link->connection;
    if (connection == NULL) {
        return syi_fail(err, SY_ECLOSED, "the connection to worker %s was lost",
                        link->target->name);
    }
    link->receiving = true;
    pthread_mutex_unlock(&link->state_lock);
    sy_status status = syi_connection_receive(connection, &link->inbox, deadline, err);
    pthread_mutex_lock(&link->state_lock);
    if (status == SY_OK) {
        link->frames++;
        syi_pending *ended = deliver(link);
        if (link->inbox.segment_count > 0 || (ended != NULL && ended->request.segment_count > 0)) {
            /* Dropping tensors may call their owners. */
            pthread_mutex_unlock(&link->state_lock);
            syi_message_clear(&link->inbox);
            if (ended != NULL) {
                syi_message_clear(&ended->request);
            }
            pthread_mutex_lock(&link->state_lock);
        }
        syi_message_clear(&link->inbox);
        syi_message_trim(&link->inbox);
        if (ended != NULL) {
            syi_link_recycle(link, ended);
        }
    }
    if (status != SY_OK && status != SY_ETIMEDOUT) {
        syi_connection_shut(connection);
    }
    link->receiving = false;
    if (link->waiting > 0 || link->connection == NULL) {
        pthread_cond_broadcast(&link->changed);
    }
    return status;
}

/* After a failure to receive: when the connection is gone, everything on it has failed. Whoever sends on it
 * now will see that himself. */
void syi_link_look_at_connection(syi_link *link, const sy_error *err, sy_status status)
{
    if (!syi_link_try_turn(link)) {
        return;
    }
    if (link->connection != NULL && !syi_connection_is_open(link->connection)) {
        syi_link_broken(link, err, status);
    }
    syi_link_leave_turn(link);
}

/* state_lock held: until so many posted requests were answered. The deadline starts anew with each answer. */
sy_status syi_link_await_answers(syi_link *link, uint64_t wanted, sy_error *err)
{
    uint64_t seen = link->answered;
    uint64_t deadline = syi_link_patience(link);
    while (link->answered < wanted) {
        const sy_status status = syi_link_receive_step(link, deadline, err);
        if (link->answered != seen) {
            seen = link->answered;
            deadline = syi_link_patience(link);
        } else if (status != SY_OK && link->counts && status != SY_ETIMEDOUT) {
            pthread_mutex_unlock(&link->state_lock);
            const sy_status made = syi_link_recover(link, deadline, err);
            pthread_mutex_lock(&link->state_lock);
            SY_TRY(made);
        } else if (status != SY_OK) {
            return status;
        }
    }
    return SY_OK;
}
