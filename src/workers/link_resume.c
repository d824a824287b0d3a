/*
 * link_resume.c - a link's connection made again after it broke, and what was in flight brought to its end: what has
 * not arrived is sent again, what has is asked for, nothing runs twice (docs/decisions/0011-reconnect.md). The worker's
 * end is resumption.c. Test: tests/integration/reconnect.c.
 */
#include <inttypes.h>

#include "workers/link_state.h"
#include "workers/room.h"

#define FIRST_PAUSE_NS UINT64_C(20000000)
#define LONGEST_PAUSE_NS UINT64_C(1000000000)
#define BARREN_MAX 3 /* connections that brought nothing, before there is a pause */

/* Settling */

bool syi_link_settle(syi_link *link, const syi_taken_up *session)
{
    sy_error why = SY_ERROR_INIT;
    if (session->resumed && session->counts && link->counts) {
        syi_deletion_queue_arrived(&link->deletions, session->arrived);
        for (syi_pending *p = link->flying; p != NULL; p = p->next) {
            p->left = p->left && p->sequence <= session->arrived;
        }
    } else if (link->counts) {
        syi_fail(&why, SY_ECLOSED, "worker %s does not know the session any more",
                 link->target->name);
        syi_error_at_worker(&why, link->target->name);
        syi_link_fail(link, !session->counts, &why);
        for (syi_pending *p = link->flying; p != NULL; p = p->next) {
            p->sequence = 0;
        }
    }
    link->counts = session->counts;
    link->sent = session->arrived;
    link->given_up = false;
    link->batch_count = link->counts ? 0 : link->batch_count;
    link->again = link->counts ? link->flying : NULL;
    return link->again != NULL;
}

/* Answers that broke in the middle */

void syi_link_drop_partial(syi_link *link)
{
    syi_partial_free(link->partial);
    link->partial = NULL;
}

/* state_lock held: somebody waits for the answer whose beginning this is. */
static bool is_wanted(const syi_link *link, const syi_partial *partial)
{
    const syi_pending *p = link->flying;
    while (p != NULL && p->id != partial->id) {
        p = p->next;
    }
    return p != NULL && !p->done && !p->posted;
}

void syi_link_keep_partial(syi_link *link, syi_connection *connection)
{
    syi_partial *partial = syi_connection_take_partial(connection);
    if (partial == NULL) {
        return;
    }
    syi_link_drop_partial(link);
    if (link->rests && is_wanted(link, partial)) {
        link->partial = partial;
    } else {
        syi_partial_free(partial);
    }
}

void syi_link_expect(syi_link *link, syi_connection *connection, syi_taken_up *session)
{
    pthread_mutex_lock(&link->state_lock);
    syi_partial *partial = link->partial;
    const bool wanted = partial != NULL && session->resumed && session->rests;
    link->partial = NULL;
    pthread_mutex_unlock(&link->state_lock);
    if (!wanted) {
        syi_partial_free(partial);
        return;
    }
    session->answer_id = partial->id;
    session->answer_bytes = partial->bytes;
    session->answer_check = syi_partial_get_check(partial);
    link->advanced =
        link->advanced || partial->bytes > link->answer_bytes || partial->id != link->answer_id;
    link->answer_bytes = partial->bytes;
    link->answer_id = partial->id;
    syi_connection_expect(connection, partial);
}

/* Sending again */

/* Sending: those deletions that had left before frame `before` and did not arrive. */
static sy_status delete_again(syi_link *link, uint64_t before, uint64_t deadline, sy_error *err)
{
    for (;;) {
        syi_message_clear(&link->deletion);
        link->deletion.kind = SYI_KIND_DELETE;
        pthread_mutex_lock(&link->state_lock);
        const size_t count =
            syi_deletion_queue_send(&link->deletions, &link->deletion.body, link->sent + 1, before);
        link->sent += count > 0 ? 1 : 0;
        pthread_mutex_unlock(&link->state_lock);
        if (count == 0) {
            return SY_OK;
        }
        SY_TRY(syi_buffer_check(&link->deletion.body, "message body", err));
        const syi_message *one = &link->deletion;
        SY_TRY(syi_connection_send(link->connection, &one, 1, deadline, err));
    }
}

/* Sending. The request is at the worker; its answer may have been lost, or is here in part. */
static sy_status ask_for(syi_link *link, const syi_pending *pending, const syi_taken_up *session,
                         uint64_t deadline, sy_error *err)
{
    const bool in_part = session->answer_bytes != 0 && session->answer_id == pending->id;
    syi_message message;
    syi_message_init(&message, syi_link_context(link), SYI_BODY_MAX);
    message.kind = SYI_KIND_REPEAT;
    message.id = pending->id;
    syi_msgpack_write_array(&message.body, in_part ? 3 : 1);
    syi_msgpack_write_uint(&message.body, pending->sequence);
    if (in_part) {
        syi_msgpack_write_uint(&message.body, session->answer_bytes);
        syi_msgpack_write_uint(&message.body, session->answer_check);
    }
    sy_status status = syi_buffer_check(&message.body, "message body", err);
    if (status == SY_OK) {
        const syi_message *one = &message;
        status = syi_connection_send(link->connection, &one, 1, deadline, err);
    }
    syi_message_fini(&message);
    return status;
}

static void refuse_one(syi_link *link, syi_pending *pending, const sy_error *why)
{
    pthread_mutex_lock(&link->state_lock);
    if (pending->posted) {
        link->failure = link->failure.status == SY_OK ? *why : link->failure;
        (void)syi_link_take_flying(link, pending->id);
        link->flying_posted--;
        link->answered++;
        syi_link_recycle(link, pending);
    } else {
        pending->done = true;
        pending->status = why->status;
        pending->error = *why;
    }
    pthread_mutex_unlock(&link->state_lock);
}

/* Sending. The worker has the beginning of it, and it is what it was then. */
static sy_status send_rest(syi_link *link, const syi_pending *pending, uint64_t bytes,
                           uint64_t deadline, sy_error *err)
{
    syi_message rest;
    syi_message_init(&rest, syi_link_context(link), 1);
    sy_status status = syi_partial_rest(&pending->request, bytes, &rest, err);
    if (status == SY_OK) {
        const syi_message *one = &rest;
        status = syi_connection_send(link->connection, &one, 1, deadline, err);
    }
    syi_message_fini(&rest);
    return status;
}

static sy_status send_one_again(syi_link *link, syi_pending *pending, const syi_taken_up *session,
                                uint64_t deadline, sy_error *err)
{
    if (pending->sequence != 0 && pending->sequence <= session->arrived) {
        return ask_for(link, pending, session, deadline, err);
    }
    const bool begun = pending->sequence == session->arrived + 1 && session->bytes != 0;
    if (pending->sequence != 0) {
        SY_TRY(delete_again(link, pending->sequence, deadline, err));
    }
    sy_error why = SY_ERROR_INIT;
    const sy_status fits = syi_frame_keep(&pending->request, &link->takes, &why);
    if (fits != SY_OK) { /* the worker takes less than it did */
        refuse_one(link, pending, &why);
        return SY_OK;
    }
    const bool first = link->sent == session->arrived;
    pthread_mutex_lock(&link->state_lock);
    pending->number = syi_deletion_queue_number(&link->deletions);
    syi_link_count(link, pending);
    pthread_mutex_unlock(&link->state_lock);
    if (begun && first && syi_partial_is_of(&pending->request, session->bytes, session->check)) {
        return send_rest(link, pending, session->bytes, deadline, err);
    }
    const syi_message *one = &pending->request;
    return syi_connection_send(link->connection, &one, 1, deadline, err);
}

/* state_lock held. Pinned: it is not reused while it is being sent. */
static syi_pending *next_again(syi_link *link)
{
    syi_pending *pending = link->again;
    while (pending != NULL && pending->done) {
        pending = pending->next;
    }
    link->again = pending != NULL ? pending->next : NULL;
    if (pending != NULL) {
        pending->pinned = true;
    }
    return pending;
}

sy_status syi_link_send_again(syi_link *link, const syi_taken_up *session, uint64_t deadline,
                              sy_error *err)
{
    sy_status status = SY_OK;
    while (status == SY_OK) {
        pthread_mutex_lock(&link->state_lock);
        syi_pending *pending = next_again(link);
        pthread_mutex_unlock(&link->state_lock);
        if (pending == NULL) {
            return SY_OK;
        }
        status = send_one_again(link, pending, session, deadline, err);
        pthread_mutex_lock(&link->state_lock);
        pending->pinned = false;
        pthread_cond_broadcast(&link->changed);
        pthread_mutex_unlock(&link->state_lock);
    }
    syi_error_at_worker(err, link->target->name);
    syi_link_broken(link, err, status);
    return status;
}

/* Connecting again */

/* Another try may go better. */
static bool may_pass(sy_status status)
{
    switch (status) {
    case SY_EPERM:
    case SY_EINVAL:
    case SY_ENOTSUP:
    case SY_ENOMEM:
    case SY_ECANCELED:
        return false;
    default:
        return true;
    }
}

/* Half of it at least: many clients of one worker do not all come back at once. */
static uint64_t some_of(sy_context *context, uint64_t pause)
{
    uint32_t chance = 0;
    if (syi_random_bytes(context, (uint8_t *)&chance, sizeof chance, NULL) != SY_OK) {
        return pause;
    }
    return pause / 2 + pause / 2 * (chance >> 16) / 65536u;
}

/* false: nobody waits for it any more. */
static bool pause_for(syi_link *link, uint64_t nanoseconds)
{
    const uint64_t end = syi_clock_now(syi_link_context(link)) + nanoseconds;
    const struct timespec when = syi_link_time(link, end);
    int code = 0;
    pthread_mutex_lock(&link->state_lock);
    while (!link->closing && code == 0) {
        code = pthread_cond_timedwait(&link->changed, &link->state_lock, &when);
    }
    const bool closing = link->closing;
    pthread_mutex_unlock(&link->state_lock);
    return !closing;
}

/* Everything in flight fails: the worker was looked for long enough, or turned this link away. */
static void give_up(syi_link *link, const sy_error *why)
{
    pthread_mutex_lock(&link->state_lock);
    link->given_up = true;
    syi_link_fail(link, true, why);
    pthread_mutex_unlock(&link->state_lock);
}

/* Connections are made, and bring nothing: the worker closes them, or the answer cannot pass. Not at full speed. */
static sy_status rest_a_while(syi_link *link, uint64_t deadline, sy_error *err)
{
    if (link->barren < BARREN_MAX) {
        return SY_OK;
    }
    sy_context *context = syi_link_context(link);
    const unsigned doublings = link->barren - BARREN_MAX;
    const uint64_t pause = doublings < 6 ? FIRST_PAUSE_NS << doublings : LONGEST_PAUSE_NS;
    const uint64_t now = syi_clock_now(context);
    const uint64_t left = deadline == 0 ? pause : deadline > now ? deadline - now : 0;
    if (!pause_for(link, left < pause ? left : some_of(context, pause))) {
        return syi_fail(err, SY_ECANCELED, "the connection to worker %s was closed here",
                        link->target->name);
    }
    return SY_OK;
}

sy_status syi_link_reconnect(syi_link *link, uint64_t deadline, sy_error *err)
{
    sy_context *context = syi_link_context(link);
    sy_error why = SY_ERROR_INIT;
    const uint64_t began = syi_clock_now(context);
    pthread_mutex_lock(&link->state_lock);
    const uint64_t since = link->flying != NULL && link->broken_at != 0 ? link->broken_at : began;
    pthread_mutex_unlock(&link->state_lock);
    const uint64_t reconnect_ns = (uint64_t)link->target->reconnect_ms * 1000000u;
    uint64_t patience = since + reconnect_ns;
    const bool once = link->given_up;
    uint64_t pause = FIRST_PAUSE_NS;
    SY_TRY(rest_a_while(link, deadline, err));
    for (bool first = true;; first = false) {
        uint64_t until = deadline != 0 && deadline < patience ? deadline : patience;
        const uint64_t limit = first && until <= began + FIRST_PAUSE_NS ? deadline : until;
        link->advanced = false;
        const sy_status status = syi_link_connect(link, limit, deadline, &why);
        if (status == SY_OK) {
            return SY_OK;
        }
        if (link->advanced) { /* it broke while it was sent again, but gets on */
            patience = syi_clock_now(context) + reconnect_ns;
            until = deadline != 0 && deadline < patience ? deadline : patience;
            pause = FIRST_PAUSE_NS;
        }
        const uint64_t wait = first ? 0 : some_of(context, pause);
        const bool over = syi_clock_now(context) + wait >= until;
        if (once || over || !may_pass(status) || (wait > 0 && !pause_for(link, wait))) {
            if (once || !may_pass(status) || syi_clock_now(context) + wait >= patience) {
                give_up(link, &why);
            }
            if (err != NULL) {
                *err = why;
            }
            return status;
        }
        if (!first) {
            pause = pause * 2 < LONGEST_PAUSE_NS ? pause * 2 : LONGEST_PAUSE_NS;
        }
        why.status = SY_OK;
    }
}

sy_status syi_link_recover(syi_link *link, uint64_t deadline, sy_error *err)
{
    SY_TRY(syi_link_take_turn(link, deadline, err));
    sy_status status = SY_OK;
    if (link->connection != NULL && !syi_connection_is_open(link->connection)) {
        syi_link_broken(link, NULL, SY_OK);
    }
    if (link->connection == NULL) {
        status = link->counts ? syi_link_reconnect(link, deadline, err)
                              : syi_fail(err, SY_ECLOSED, "the connection to worker %s was lost",
                                         link->target->name);
    }
    syi_link_leave_turn(link);
    return status;
}
