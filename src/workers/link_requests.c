/*
 * link_requests.c - a request from its beginning to its answer, for one thread that waits, and posted ones, for which
 * nobody does. Test: tests/integration/pipelined.c.
 */
#include <string.h>

#include "workers/link_state.h"

#define WINDOW_MAX 1024              /* posted requests that are not answered yet */
#define SLICE_NS UINT64_C(100000000) /* one of several links is looked after for so long */
#define MOMENT_NS UINT64_C(1000000)
#define MAKE_NS UINT64_C(1000000000) /* and a little longer when it must be connected */

sy_status syi_link_begin(syi_link *link, syi_exchange *exchange, syi_kind kind, sy_error *err)
{
    sy_context *context = syi_link_context(link);
    memset(exchange, 0, sizeof *exchange);
    syi_pending *pending = atomic_exchange(&link->at_hand, NULL);
    if (pending == NULL) {
        pthread_mutex_lock(&link->state_lock);
        pending = link->spare;
        if (pending != NULL) {
            link->spare = pending->next;
        }
        pthread_mutex_unlock(&link->state_lock);
    }
    const uint64_t id = syi_link_next_id(link);
    if (pending == NULL) {
        pending = syi_alloc(context, sizeof *pending);
        if (pending == NULL) {
            return SYI_ENOMEM(err, "request");
        }
        syi_message_init(&pending->request, context, SYI_BODY_MAX);
        syi_message_init(&pending->reply, context, SYI_BODY_MAX);
    }
    syi_message_clear(&pending->request);
    syi_message_clear(&pending->reply);
    pending->next = NULL;
    pending->id = id;
    pending->sequence = 0;
    pending->left = false;
    pending->posted = false;
    pending->done = false;
    pending->status = SY_OK;
    pending->error.status = SY_OK;
    pending->request.id = id;
    pending->request.kind = (uint16_t)kind;
    exchange->link = link;
    exchange->pending = pending;
    exchange->message = &pending->request;
    exchange->reply = &pending->reply;
    return SY_OK;
}

/* What the answer says. */
static sy_status read_reply(const syi_link *link, const syi_pending *pending, sy_error *err)
{
    if (pending->reply.kind == SYI_KIND_ERROR) {
        sy_error said;
        const sy_status status = syi_link_error_of(link, &pending->reply, &said);
        if (err != NULL) {
            *err = said;
        }
        return status;
    }
    if (pending->reply.refused != SY_OK) {
        if (err != NULL && pending->reply.refusal != NULL) {
            *err = *pending->reply.refusal;
        }
        return pending->reply.refused;
    }
    if (pending->reply.kind != SYI_KIND_REPLY) {
        return syi_fail(err, SY_EPROTO, "worker %s answered with a frame of kind %d",
                        link->target->name, pending->reply.kind);
    }
    return SY_OK;
}

/* Its caller's time is over before the connection was made again: says whether it may have been carried out. `counts` is
 * the link's, read with state_lock held: another thread may connect it meanwhile. */
static sy_status unsure(const syi_link *link, bool counts, const syi_pending *pending,
                        sy_status status, sy_error *err)
{
    const bool known = !counts || !pending->left || status == SY_ETIMEDOUT ||
                       status == SY_ECANCELED || status == SY_EINDOUBT;
    if (!known && err != NULL) {
        *err = syi_link_doubt(link, err);
    }
    return known ? status : SY_EINDOUBT;
}

/* Sends; returns with state_lock held when that succeeded, or when the answer is in already. */
static sy_status start_locked(syi_exchange *exchange, uint64_t deadline, sy_error *err)
{
    syi_link *link = exchange->link;
    syi_pending *pending = exchange->pending;
    SY_TRY(syi_frame_check(&pending->request, err));
    const uint64_t now = syi_clock_now(syi_link_context(link));
    if (deadline == 0) {
        deadline = now + (uint64_t)link->target->timeout_ms * 1000000u;
    }
    exchange->deadline = deadline;
    const uint64_t left_ms = deadline > now ? (deadline - now + 999999u) / 1000000u : 1;
    pending->request.deadline_ms = left_ms < UINT32_MAX ? (uint32_t)left_ms : UINT32_MAX;
    const sy_status status = syi_link_send_request(link, pending, now, deadline, err);
    if (status != SY_OK && !pending->done) {
        syi_link_abandon(link, pending);
    }
    if (status != SY_OK && !pending->done) {
        const bool counts = link->counts;
        pthread_mutex_unlock(&link->state_lock);
        syi_error_at_worker(err, link->target->name);
        return unsure(link, counts, pending, status, err);
    }
    return SY_OK;
}

static bool is_late(const syi_exchange *exchange)
{
    return syi_clock_now(syi_link_context(exchange->link)) >= exchange->deadline;
}

/* state_lock held; lets it go. */
static sy_status wait_locked(syi_exchange *exchange, sy_error *err)
{
    syi_link *link = exchange->link;
    syi_pending *pending = exchange->pending;
    sy_status status = SY_OK;
    bool broken = false;
    while (!pending->done) {
        status = syi_link_receive_step(link, exchange->deadline, err);
        if (status != SY_OK && !pending->done && link->counts && !is_late(exchange)) {
            pthread_mutex_unlock(&link->state_lock);
            status = syi_link_recover(link, exchange->deadline, err);
            pthread_mutex_lock(&link->state_lock);
        }
        if (status != SY_OK && !pending->done) {
            syi_link_abandon(link, pending);
            broken = !pending->done;
            break;
        }
    }
    if (pending->done) {
        status = pending->status;
        if (status != SY_OK) {
            (void)syi_link_take_flying(link, pending->id);
            if (err != NULL) {
                *err = pending->error;
            }
        }
    }
    const bool counts = link->counts;
    pthread_mutex_unlock(&link->state_lock);
    if (broken) {
        syi_error_at_worker(err, link->target->name);
        syi_link_look_at_connection(link, err, status);
        status = unsure(link, counts, pending, status, err);
    }
    return status == SY_OK ? read_reply(link, pending, err) : status;
}

sy_status syi_link_request(syi_exchange *exchange, uint64_t deadline, sy_error *err)
{
    SY_TRY(start_locked(exchange, deadline, err));
    return wait_locked(exchange, err);
}

sy_status syi_link_start(syi_exchange *exchange, uint64_t deadline, sy_error *err)
{
    SY_TRY(start_locked(exchange, deadline, err));
    pthread_mutex_unlock(&exchange->link->state_lock);
    return SY_OK;
}

sy_status syi_link_wait(syi_exchange *exchange, sy_error *err)
{
    pthread_mutex_lock(&exchange->link->state_lock);
    return wait_locked(exchange, err);
}

/* Looks after the link until `until` at most. *over: there is nothing more to wait for. Fails when the link is lost. */
static sy_status attend(syi_exchange *exchange, uint64_t until, bool *over, sy_error *err)
{
    syi_link *link = exchange->link;
    const syi_pending *pending = exchange->pending;
    sy_context *context = syi_link_context(link);
    sy_status lost = SY_OK;
    pthread_mutex_lock(&link->state_lock);
    while (lost == SY_OK && !pending->done && !is_late(exchange) &&
           syi_clock_now(context) < until) {
        sy_status status = syi_link_receive_step(
            link, until < exchange->deadline ? until : exchange->deadline, err);
        if (status == SY_OK || status == SY_ETIMEDOUT || pending->done) {
            continue;
        }
        if (link->counts) {
            const uint64_t made = until + MAKE_NS;
            pthread_mutex_unlock(&link->state_lock);
            status =
                syi_link_recover(link, made < exchange->deadline ? made : exchange->deadline, err);
            pthread_mutex_lock(&link->state_lock);
        }
        lost = status == SY_ETIMEDOUT ? SY_OK : status;
    }
    *over = lost != SY_OK || pending->done || is_late(exchange);
    if (pending->done) { /* an answer that says what went wrong is an answer */
        lost = pending->status;
        *err = lost != SY_OK ? pending->error : *err;
    }
    pthread_mutex_unlock(&link->state_lock);
    return lost;
}

bool syi_link_is_over(syi_exchange *exchange)
{
    sy_error ignored = SY_ERROR_INIT;
    bool over = false;
    (void)attend(exchange, syi_clock_now(syi_link_context(exchange->link)) + MOMENT_NS, &over,
                 &ignored);
    return over;
}

sy_status syi_link_attend(syi_exchange *const *exchanges, size_t count, size_t *failed,
                          sy_error *err)
{
    for (bool all = false; !all;) {
        all = true;
        for (size_t k = 0; k < count; k++) {
            if (exchanges[k] == NULL) {
                continue;
            }
            bool over = false;
            sy_error why = SY_ERROR_INIT;
            sy_context *context = syi_link_context(exchanges[k]->link);
            const sy_status status =
                attend(exchanges[k], syi_clock_now(context) + SLICE_NS, &over, &why);
            if (status != SY_OK) {
                *failed = k;
                if (err != NULL) {
                    *err = why;
                }
                return status;
            }
            all &= over;
        }
    }
    return SY_OK;
}

sy_status syi_link_post(syi_exchange *exchange, sy_error *err)
{
    syi_link *link = exchange->link;
    syi_pending *pending = exchange->pending;
    const uint64_t deadline = syi_link_patience(link);
    sy_status status = syi_frame_check(&pending->request, err);
    SY_TRY(status);
    SY_TRY(syi_link_take_turn(link, deadline, err));
    if (link->connection == NULL) {
        status = link->counts ? syi_link_reconnect(link, deadline, err)
                              : syi_link_connect(link, deadline, deadline, err);
    }
    if (status == SY_OK) {
        status = syi_frame_keep(&pending->request, &link->takes, err);
    }
    if (status != SY_OK) {
        syi_link_leave_turn(link);
        syi_error_at_worker(err, link->target->name);
        return status;
    }
    if (link->batch_count == SYI_LINK_BATCH_MAX) { /* left behind by a worker that did not read */
        status = syi_link_send_all(link, NULL, deadline, err);
        if (link->batch_count == SYI_LINK_BATCH_MAX) {
            syi_link_leave_turn(link);
            return status;
        }
    }
    exchange->pending = NULL; /* it belongs to the link now */
    pending->posted = true;
    pending->request.flags |= SYI_FLAG_ORDERED;
    const bool large = pending->request.segment_count > 0;
    pthread_mutex_lock(&link->state_lock);
    syi_link_put_flying(link, pending);
    link->posted++;
    link->flying_posted++;
    const bool window_full = link->flying_posted >= WINDOW_MAX;
    pthread_mutex_unlock(&link->state_lock);
    link->batch[link->batch_count++] = pending;
    const unsigned queue_size = link->owner->hook->queue_size;
    const size_t most =
        queue_size > 0 && queue_size < SYI_LINK_BATCH_MAX ? queue_size : SYI_LINK_BATCH_MAX;
    if (link->batch_count >= most || window_full || large) {
        status = syi_link_send_all(link, NULL, deadline, err);
    }
    syi_link_leave_turn(link);
    if (!window_full || status != SY_OK) {
        return status;
    }
    pthread_mutex_lock(&link->state_lock);
    status = syi_link_await_answers(link, link->posted - WINDOW_MAX / 2, err);
    pthread_mutex_unlock(&link->state_lock);
    if (status != SY_OK) {
        syi_link_look_at_connection(link, err, status);
    }
    return status;
}

void syi_link_end(syi_exchange *exchange)
{
    if (exchange->link == NULL || exchange->pending == NULL) {
        return;
    }
    syi_link *link = exchange->link;
    syi_pending *pending = exchange->pending;
    syi_message_clear(&pending->request);
    syi_message_clear(&pending->reply);
    syi_message_trim(&pending->request);
    syi_message_trim(&pending->reply);
    exchange->pending = NULL;
    syi_pending *none = NULL;
    if (!atomic_compare_exchange_strong(&link->at_hand, &none, pending)) {
        pthread_mutex_lock(&link->state_lock);
        syi_link_recycle(link, pending);
        pthread_mutex_unlock(&link->state_lock);
    }
}

sy_status syi_link_drain(syi_link *link, sy_error *err)
{
    const uint64_t deadline = syi_link_patience(link);
    sy_status status = syi_link_take_turn(link, deadline, err);
    if (status == SY_OK) {
        if (link->batch_count > 0) {
            status = syi_link_send_all(link, NULL, deadline, err);
        }
        syi_link_leave_turn(link);
    }
    pthread_mutex_lock(&link->state_lock);
    if (status == SY_OK) {
        status = syi_link_await_answers(link, link->posted, err);
        if (status != SY_OK) {
            pthread_mutex_unlock(&link->state_lock);
            syi_link_look_at_connection(link, err, status);
            pthread_mutex_lock(&link->state_lock);
        }
    }
    if (link->failure.status != SY_OK) {
        status = link->failure.status;
        if (err != NULL) {
            *err = link->failure;
        }
        link->failure.status = SY_OK;
    }
    pthread_mutex_unlock(&link->state_lock);
    if (status != SY_OK) {
        syi_error_at_worker(err, link->target->name);
    }
    return status;
}
