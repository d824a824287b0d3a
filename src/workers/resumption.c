/*
 * resumption.c - a client that comes back after its connection broke: its session goes on where it was, requests that
 * have arrived are not run again, and their answers are asked for by REPEAT (docs/decisions/0011-reconnect.md).
 * Sessions themselves are session.c, the memory of answers replies.c. Test: tests/integration/reconnect.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "workers/greeting.h"
#include "workers/session.h"

static sy_context *context_of(const syi_session *session)
{
    return session->worker->hook->context;
}

/* Strand held. A connection that speaks for another session has none of its own. */
static void unlist(syi_session *door)
{
    syi_session **p = &door->worker->sessions;
    while (*p != NULL && *p != door) {
        p = &(*p)->next;
    }
    if (*p != NULL) {
        *p = door->next;
        syi_session_unref(door);
    }
}

/* With a reference. */
static syi_session *find_claimed(syi_session *door, const syi_hello *theirs)
{
    sy_worker *worker = door->worker;
    pthread_mutex_lock(&worker->strand);
    syi_session *old = worker->sessions;
    while (old != NULL && (!syi_session_is_claimed(old, door, theirs) ||
                           old->direct != door->direct || old->trusted != door->trusted)) {
        old = old->next;
    }
    if (old != NULL) {
        syi_session_ref(old);
    }
    pthread_mutex_unlock(&worker->strand);
    return old;
}

/* Lock and strand held. *former is the peer it had; *open, whether that is still connected. */
static void move_in(syi_session *session, syi_session *door, syi_peer **former, bool *open)
{
    *open = session->door != NULL;
    pthread_mutex_lock(&session->peer_lock);
    *former = session->peer;
    session->peer = NULL; /* until the greeting is answered */
    session->takes = door->takes;
    pthread_mutex_unlock(&session->peer_lock);
    session->door = door;
    session->expires = door->expires;
    session->who = door->who;
    session->lease_until = 0;
    unlist(door);
}

bool syi_session_take_up(syi_session *door, const syi_hello *theirs, uint64_t *received)
{
    sy_worker *worker = door->worker;
    syi_session *old = find_claimed(door, theirs);
    if (old == NULL) {
        return false;
    }
    syi_peer *former = NULL;
    bool open = false;
    pthread_mutex_lock(&old->lock);
    pthread_mutex_lock(&worker->strand);
    const bool lives = !old->ended;
    if (lives) {
        move_in(old, door, &former, &open);
        *received = old->arrived;
    }
    pthread_mutex_unlock(&worker->strand);
    pthread_mutex_unlock(&old->lock);
    if (!lives) {
        syi_session_unref(old);
        return false;
    }
    door->taken_up = old;
    if (former != NULL) {
        if (open) {
            syi_peer_close(former, 0); /* half open: the client knows nothing of it any more */
        }
        syi_peer_unref(former);
    }
    return true;
}

/* Lock held. */
static void let_out(syi_session *session, const syi_session *door)
{
    if (session->door == door && session->peer == NULL) {
        pthread_mutex_lock(&session->peer_lock);
        session->peer = syi_peer_ref(door->peer);
        pthread_mutex_unlock(&session->peer_lock);
        if (session->paused) {
            syi_peer_set_reading(door->peer, false);
        }
    }
}

void syi_session_open_door(syi_session *door)
{
    syi_session *session = door->taken_up;
    if (session != NULL) {
        pthread_mutex_lock(&session->lock);
        let_out(session, door);
        pthread_mutex_unlock(&session->lock);
    }
}

bool syi_session_count(syi_session *session, const syi_session *door, const syi_message *message,
                       syi_kept_reply **entry, syi_kept_reply **dropped)
{
    if (session->door != door) {
        return false;
    }
    session->arrived++;
    if (message->kind != SYI_KIND_DELETE) {
        const uint32_t window = message->flags >> SYI_FLAGS_WINDOW_SHIFT;
        *entry = syi_replies_begin(&session->replies, session->arrived,
                                   window != 0 ? window : SYI_WINDOW_UNSAID, dropped);
    }
    return true;
}

syi_peer *syi_session_use_peer(syi_session *session, syi_frame_limits *takes)
{
    if (!session->resumes) {
        *takes = session->takes;
        return syi_peer_ref(session->peer);
    }
    pthread_mutex_lock(&session->peer_lock);
    *takes = session->takes;
    syi_peer *peer = session->peer != NULL ? syi_peer_ref(session->peer) : NULL;
    pthread_mutex_unlock(&session->peer_lock);
    return peer;
}

bool syi_session_remember(syi_session *session, syi_job *job)
{
    if (job->entry == NULL) {
        return false;
    }
    syi_kept_reply *dropped = NULL;
    pthread_mutex_lock(&session->lock);
    const bool kept = syi_replies_keep(&session->replies, job->entry, &job->reply, &dropped);
    pthread_mutex_unlock(&session->lock);
    job->entry = NULL;
    syi_replies_free(context_of(session), dropped);
    return kept;
}

void syi_session_hang_up(syi_session *session)
{
    syi_frame_limits takes;
    syi_peer *peer = syi_session_use_peer(session, &takes);
    if (peer != NULL) {
        syi_peer_close(peer, 1000);
        syi_peer_unref(peer);
    }
}

const char *syi_session_address(syi_session *session, char text[SYI_ADDRESS_SIZE])
{
    syi_frame_limits takes;
    syi_peer *peer = syi_session_use_peer(session, &takes);
    snprintf(text, SYI_ADDRESS_SIZE, "%s", peer != NULL ? syi_peer_get_address(peer) : "nowhere");
    if (peer != NULL) {
        syi_peer_unref(peer);
    }
    return text;
}

/* REPEAT: [sequence, offset] */
static sy_status read_repeat(const syi_message *message, uint64_t *sequence, sy_error *err)
{
    syi_msgpack_cursor cursor;
    int64_t number = 0;
    syi_msgpack_cursor_init(&cursor, message->body.data, message->body.length, 4, 4);
    SY_TRY(syi_msgpack_read_tuple(&cursor, 1, "repeat", err));
    SY_TRY(syi_msgpack_read_int(&cursor, &number, err));
    syi_msgpack_leave(&cursor);
    if (number <= 0) {
        return syi_fail(err, SY_EFORMAT, "repeat: request %" PRId64, number);
    }
    *sequence = (uint64_t)number;
    return SY_OK;
}

/* The answer once more, if there is one to be had. false: it comes by itself. */
static bool recall(syi_session *door, const syi_message *message, syi_message *reply, sy_error *err)
{
    syi_session *session = syi_session_of(door);
    uint64_t sequence = 0;
    if (read_repeat(message, &sequence, err) != SY_OK) {
        return true;
    }
    pthread_mutex_lock(&session->lock);
    let_out(session, door);
    const uint64_t arrived = session->arrived;
    const syi_recall found = syi_replies_recall(&session->replies, sequence, reply, err);
    pthread_mutex_unlock(&session->lock);
    if (found == SYI_RECALL_ANSWER && reply->id == message->id) {
        return true;
    }
    if (found != SYI_RECALL_RUNNING) {
        syi_message_clear(reply);
        if (sequence > arrived) {
            syi_fail(err, SY_EPROTO, "repeat: request %" PRIu64 " of %" PRIu64, sequence, arrived);
        } else {
            syi_fail(err, SY_EINDOUBT,
                     "the request was received before the connection broke, and its answer is not "
                     "known any more: it may have been carried out");
        }
    }
    return found != SYI_RECALL_RUNNING;
}

static void repeat(syi_session *door, const syi_message *message)
{
    syi_message reply;
    sy_error error = SY_ERROR_INIT;
    syi_message_init(&reply, context_of(door), SYI_REPLIES_BODY_MAX);
    if (recall(door, message, &reply, &error)) {
        if (error.status != SY_OK) {
            syi_error_at_worker(&error, door->worker->name);
            syi_message_clear(&reply);
            reply.kind = SYI_KIND_ERROR;
            syi_error_encode(&reply.body, &error);
        }
        reply.id = message->id;
        (void)syi_peer_send(door->peer, &reply, NULL); /* or it asks again */
    }
    syi_message_fini(&reply);
}

/* The client has all answers but those to the last requests that have come. */
static void pong(syi_session *door, syi_message *message)
{
    syi_session *session = syi_session_of(door);
    const uint32_t window = message->flags >> SYI_FLAGS_WINDOW_SHIFT;
    syi_kept_reply *dropped = NULL;
    syi_message reply;
    if (session->resumes) {
        pthread_mutex_lock(&session->lock);
        if (session->door == door && window != SYI_WINDOW_UNSAID && window <= session->arrived) {
            syi_replies_seen(&session->replies, session->arrived - window, &dropped);
        }
        pthread_mutex_unlock(&session->lock);
        syi_replies_free(context_of(door), dropped);
    }
    syi_message_init(&reply, context_of(door), SYI_BODY_MAX);
    reply.kind = SYI_KIND_PONG;
    reply.id = message->id;
    reply.trace = message->trace;
    syi_msgpack_write_nil(&reply.body);
    (void)syi_peer_send(door->peer, &reply, NULL);
    syi_message_fini(&reply);
}

void syi_session_control(syi_session *door, syi_message *message)
{
    if (message->kind == SYI_KIND_PING) {
        pong(door, message);
    } else {
        repeat(door, message);
    }
}
