/*
 * resumption.c - a client that comes back after its connection broke: its session goes on where it was, requests that
 * have arrived are not run again, and their answers are asked for by REPEAT (docs/decisions/0011-reconnect.md).
 * Sessions themselves are session.c, the memory of answers replies.c. Test: tests/integration/reconnect.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "workers/callers.h"
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
    syi_caller_is_back(session);
    unlist(door);
}

void syi_session_keep_partial(syi_session *session, syi_session *door)
{
    if (session->resumes && session->rests) {
        syi_partial_free(session->partial);
        session->partial = syi_peer_take_partial(door->peer);
    }
}

void syi_session_drop_partial(syi_session *session)
{
    pthread_mutex_lock(&session->lock);
    syi_partial *partial = session->partial;
    session->partial = NULL;
    pthread_mutex_unlock(&session->lock);
    syi_partial_free(partial);
}

/* What the former connection has brought of the next request goes on on this one. */
static void expect_rest(syi_session *door, syi_partial *partial, syi_hello *mine)
{
    if (partial == NULL || !mine->rests) {
        syi_partial_free(partial);
        return;
    }
    mine->rest_bytes = partial->bytes;
    mine->rest_check = syi_partial_get_check(partial);
    partial->next = true;
    door->expects = true;
    syi_peer_expect(door->peer, partial);
}

bool syi_session_take_up(syi_session *door, const syi_hello *theirs, syi_hello *mine)
{
    sy_worker *worker = door->worker;
    syi_partial *partial = NULL;
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
        mine->received = old->arrived;
        old->rests = mine->rests;
        partial = old->partial;
        old->partial = NULL;
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
            syi_partial_free(partial);
            partial = syi_peer_take_partial(former);
        }
        syi_peer_unref(former);
    }
    expect_rest(door, partial, mine);
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

static uint64_t bytes_queued(syi_session *session)
{
    syi_frame_limits takes;
    syi_peer *peer = syi_session_use_peer(session, &takes);
    const uint64_t queued = peer != NULL ? syi_peer_get_queued(peer) : 0;
    syi_peer_unref(peer);
    return queued;
}

bool syi_session_remember(syi_session *session, syi_job *job)
{
    if (job->entry == NULL) {
        return false;
    }
    syi_kept_reply *dropped = NULL;
    pthread_mutex_lock(&session->lock);
    const uint64_t queued =
        session->replies.bytes >= SYI_REPLIES_BYTES_MAX ? bytes_queued(session) : 0;
    const bool kept =
        syi_replies_keep(&session->replies, job->entry, &job->reply, queued, &dropped);
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
        syi_peer_close(peer, SYI_CLOSE_MS);
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

/* What a REPEAT asks for: the answer to a request, or what is missing of it behind its first bytes. */
typedef struct wish {
    uint64_t sequence;
    uint64_t bytes; /* of the segments; 0: all of it */
    uint64_t check;
} wish;

/* REPEAT: [sequence], or [sequence, bytes, check] */
static sy_status read_repeat(const syi_message *message, wish *asked, sy_error *err)
{
    syi_msgpack_cursor cursor;
    int64_t number = 0;
    size_t count = 0;
    syi_msgpack_cursor_init(&cursor, message->body.data, message->body.length, 4, 4);
    SY_TRY(syi_msgpack_read_array(&cursor, &count, err));
    if (count != 1 && count != 3) {
        return syi_fail(err, SY_EFORMAT, "repeat: %zu elements, 1 or 3 are expected", count);
    }
    SY_TRY(syi_msgpack_read_int(&cursor, &number, err));
    if (count == 3) {
        SY_TRY(syi_msgpack_read_uint(&cursor, &asked->bytes, err));
        SY_TRY(syi_msgpack_read_uint(&cursor, &asked->check, err));
    }
    syi_msgpack_leave(&cursor);
    if (number <= 0) {
        return syi_fail(err, SY_EFORMAT, "repeat: request %" PRId64, number);
    }
    asked->sequence = (uint64_t)number;
    return SY_OK;
}

/* The whole answer becomes what is missing of it, if the client has the beginning of just this one. Its bytes are read
 * for that, hence once per connection. */
static void leave_out(syi_session *door, const wish *asked, syi_message *reply)
{
    if (asked->bytes == 0 || door->recalled ||
        !syi_partial_is_of(reply, asked->bytes, asked->check)) {
        return;
    }
    syi_message rest;
    syi_message_init(&rest, context_of(door), 1);
    if (syi_partial_rest(reply, asked->bytes, &rest, NULL) == SY_OK) {
        syi_message_move(reply, &rest);
    }
    syi_message_fini(&rest);
}

/* The answer once more. `reply` is it when this is SYI_RECALL_ANSWER; err says why not with SYI_RECALL_GONE. */
static syi_recall recall(syi_session *door, const syi_message *message, syi_message *reply,
                         sy_error *err)
{
    syi_session *session = syi_session_of(door);
    wish asked = {0, 0, 0};
    if (read_repeat(message, &asked, err) != SY_OK) {
        return SYI_RECALL_GONE;
    }
    const uint64_t sequence = asked.sequence;
    pthread_mutex_lock(&session->lock);
    let_out(session, door);
    const uint64_t arrived = session->arrived;
    const syi_recall found = syi_replies_recall(&session->replies, sequence, reply);
    pthread_mutex_unlock(&session->lock);
    if (found == SYI_RECALL_RUNNING || found == SYI_RECALL_LATER) {
        return found;
    }
    if (found == SYI_RECALL_ANSWER && reply->id == message->id) {
        leave_out(door, &asked, reply);
        door->recalled = door->recalled || asked.bytes != 0;
        return found;
    }
    if (sequence > arrived) {
        syi_fail(err, SY_EPROTO, "repeat: request %" PRIu64 " of %" PRIu64, sequence, arrived);
    } else {
        syi_fail(err, SY_EINDOUBT,
                 "the request was received before the connection broke, and its answer is not "
                 "known any more: it may have been carried out");
    }
    return SYI_RECALL_GONE;
}

/* A client that is not answered comes back for it, which it would not do while the connection lasts. */
static void send_or_close(const syi_session *door, syi_message *reply)
{
    if (syi_peer_send(door->peer, reply, NULL) != SY_OK) {
        syi_peer_close(door->peer, SYI_CLOSE_MS);
    }
}

static void repeat(syi_session *door, const syi_message *message)
{
    syi_message reply;
    sy_error error = SY_ERROR_INIT;
    syi_message_init(&reply, context_of(door), SYI_REPLIES_BODY_MAX);
    const syi_recall found = recall(door, message, &reply, &error);
    if (found == SYI_RECALL_GONE) {
        syi_error_at_worker(&error, door->worker->name);
        syi_message_clear(&reply);
        reply.kind = SYI_KIND_ERROR;
        syi_error_encode(&reply.body, &error);
    }
    reply.id = message->id;
    if (found == SYI_RECALL_LATER) {
        syi_peer_close(door->peer, SYI_CLOSE_MS);
    } else if (found != SYI_RECALL_RUNNING) { /* that comes by itself */
        send_or_close(door, &reply);
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
    send_or_close(door, &reply);
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
