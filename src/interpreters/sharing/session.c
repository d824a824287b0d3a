#include "interpreters/sharing/letters.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/error.h"

/* Life */

syi_sharing_life *syi_sharing_life_ref(syi_sharing_life *life)
{
    atomic_fetch_add_explicit(&life->refs, 1, memory_order_relaxed);
    return life;
}

void syi_sharing_life_unref(syi_sharing_life *life)
{
    if (life != NULL && atomic_fetch_sub_explicit(&life->refs, 1, memory_order_acq_rel) == 1) {
        syi_free(life->context, life, sizeof *life);
    }
}

sy_status syi_sharing_session_new(sy_worker *worker, syi_sharing_session **session, int holders,
                                  sy_error *err)
{
    sy_context *context = worker->hook->context;
    syi_sharing_session *s = syi_alloc(context, sizeof *s);
    *session = NULL;
    syi_sharing_peer *peers = syi_alloc_array(context, (size_t)holders + 1, sizeof *peers);
    syi_sharing_life *life = syi_alloc(context, sizeof *life);
    if (s == NULL || peers == NULL || life == NULL) {
        syi_free(context, life, sizeof *life);
        syi_free(context, s, sizeof *s);
        syi_free(context, peers, ((size_t)holders + 1) * sizeof *peers);
        return SYI_ENOMEM(err, "sharing session");
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    atomic_init(&s->refs, 1);
    atomic_init(&life->refs, 1);
    life->context = context;
    s->life = life;
    s->worker = worker;
    s->holders = holders;
    s->peers = peers;
    s->next_sequence = 1;
    s->material.context = context;
    s->material.holders = holders;
    s->used_at = syi_clock_now(context);
    syi_bell_init(&s->bell);
    syi_buffer_init(&s->demands, context, 1u << 20);
    syi_stock_init(&s->stock, context);
    *session = s;
    return SY_OK;
}

static void drop_letters(sy_context *context, syi_letters *letters)
{
    while (letters->first != NULL) {
        syi_letter *letter = letters->first;
        letters->first = letter->next;
        syi_array_fini(&letter->bytes);
        syi_free(context, letter, sizeof *letter);
    }
    letters->last = NULL;
}

void syi_sharing_session_unref(syi_sharing_session *session)
{
    if (session == NULL ||
        atomic_fetch_sub_explicit(&session->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    sy_context *context = session->worker->hook->context;
    drop_letters(context, &session->inbox);
    drop_letters(context, &session->shelf);
    drop_letters(context, &session->outbox);
    for (int k = 0; k <= session->holders; k++) {
        if (session->peers[k].door != NULL) {
            syi_session_unref(session->peers[k].door);
        }
    }
    syi_bell_fini(&session->bell);
    syi_buffer_fini(&session->demands);
    syi_stock_fini(&session->stock);
    syi_free(context, session->peers, ((size_t)session->holders + 1) * sizeof *session->peers);
    pthread_cond_destroy(&session->changed);
    pthread_mutex_destroy(&session->lock);
    syi_sharing_life_unref(session->life);
    syi_free_secret(context, session, sizeof *session);
}

/* Sentences */

#define BLAME " failed in a joint command: "

bool syi_sharing_is_blame(const sy_error *why)
{
    return (strncmp(why->message, "holder ", 7) == 0 ||
            strncmp(why->message, "provider ", 9) == 0) &&
           strstr(why->message, BLAME) != NULL;
}

bool syi_sharing_blames(const sy_error *why, bool provider, const char *name)
{
    char begin[SY_ERROR_NAME_SIZE + 64];
    snprintf(begin, sizeof begin, "%s %s" BLAME, provider ? "provider" : "holder", name);
    return strncmp(why->message, begin, strlen(begin)) == 0;
}

sy_status syi_sharing_blame(bool provider, const char *name, sy_status status, sy_error *err)
{
    char said[SY_ERROR_MESSAGE_SIZE];
    if (err == NULL) {
        return status;
    }
    snprintf(said, sizeof said, "%s", err->message);
    return syi_sharing_is_blame(err) ? syi_fail(err, status, "%s", said)
                                     : syi_fail(err, status, "%s %s" BLAME "%.300s",
                                                provider ? "provider" : "holder", name, said);
}

/* The room */

sy_status syi_sharing_room_init(syi_sharing_room **room, sy_hook *hook, sy_error *err)
{
    *room = syi_alloc(hook->context, sizeof **room);
    if (*room == NULL) {
        return SYI_ENOMEM(err, "sharing");
    }
    (*room)->hook = hook;
    pthread_mutex_init(&(*room)->lock, NULL);
    pthread_cond_init(&(*room)->dealt, NULL);
    return SY_OK;
}

void syi_sharing_room_free(syi_sharing_room *room)
{
    sy_context *context = room->hook->context;
    if (room->epitaphs != NULL) {
        syi_free(context, room->epitaphs, SYI_SHARING_EPITAPHS * sizeof *room->epitaphs);
    }
    pthread_cond_destroy(&room->dealt);
    pthread_mutex_destroy(&room->lock);
    syi_free(context, room, sizeof *room);
}

/* Room lock held. */
static const syi_sharing_epitaph *epitaph_of(const syi_sharing_room *room, const sy_worker *worker,
                                             const uint8_t name[SYI_SHARING_SESSION_SIZE])
{
    for (size_t k = 0; room->epitaphs != NULL && k < SYI_SHARING_EPITAPHS; k++) {
        const syi_sharing_epitaph *one = &room->epitaphs[k];
        if (one->worker == worker && memcmp(one->session, name, SYI_SHARING_SESSION_SIZE) == 0) {
            return one;
        }
    }
    return NULL;
}

/* Room lock held. Without memory it is not remembered. */
static void bury(syi_sharing_room *room, const syi_sharing_session *session, sy_status status,
                 const sy_error *why)
{
    if (room->epitaphs == NULL) {
        room->epitaphs =
            syi_alloc_array(room->hook->context, SYI_SHARING_EPITAPHS, sizeof *room->epitaphs);
    }
    if (room->epitaphs == NULL) {
        return;
    }
    syi_sharing_epitaph *one = &room->epitaphs[room->next_epitaph++ % SYI_SHARING_EPITAPHS];
    one->worker = session->worker;
    memcpy(one->session, session->material.session, sizeof one->session);
    one->why = *why;
    one->why.status = status;
}

/* Room lock held; a reference for the caller. */
static syi_sharing_session *find_locked(const syi_sharing_room *room, const sy_worker *worker,
                                        const uint8_t name[SYI_SHARING_SESSION_SIZE])
{
    syi_sharing_session *s = room->sessions;
    while (s != NULL && (s->worker != worker ||
                         memcmp(s->material.session, name, SYI_SHARING_SESSION_SIZE) != 0)) {
        s = s->next;
    }
    if (s != NULL) {
        atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    }
    return s;
}

sy_status syi_sharing_find(sy_worker *worker, const uint8_t name[SYI_SHARING_SESSION_SIZE],
                           syi_sharing_session **session, sy_error *err)
{
    syi_sharing_room *room = syi_sharing_room_of(worker->hook);
    sy_status status = SY_OK;
    pthread_mutex_lock(&room->lock);
    *session = find_locked(room, worker, name);
    if (*session == NULL) {
        const syi_sharing_epitaph *one = epitaph_of(room, worker, name);
        status = one != NULL ? one->why.status : SY_ENOTFOUND;
        if (one != NULL && err != NULL) {
            *err = one->why;
        } else if (one == NULL) {
            syi_fail(err, status,
                     "worker %s knows no such sharing session; it was closed, or one of its "
                     "commands failed",
                     worker->name);
        }
    }
    pthread_mutex_unlock(&room->lock);
    return status;
}

/* Room lock held: out of its list. The room's reference goes to the caller. */
static bool unlink_session(syi_sharing_room *room, syi_sharing_session *session)
{
    syi_sharing_session **at = &room->sessions;
    while (*at != NULL && *at != session) {
        at = &(*at)->next;
    }
    if (*at == NULL) {
        return false;
    }
    *at = session->next;
    session->next = NULL;
    room->session_count--;
    return true;
}

/* Room lock held: of those that this caller opened, the one that has been idle longest makes place. What others have opened
 * is theirs. */
static syi_sharing_session *evict(syi_sharing_room *room, const void *opener)
{
    syi_sharing_session *oldest = NULL;
    uint64_t oldest_use = 0;
    for (syi_sharing_session *s = room->sessions; s != NULL; s = s->next) {
        if (s->opener != opener) {
            continue;
        }
        pthread_mutex_lock(&s->lock);
        const bool idle = !s->running;
        const uint64_t used_at = s->used_at;
        pthread_mutex_unlock(&s->lock);
        if (idle && (oldest == NULL || used_at < oldest_use)) {
            oldest = s;
            oldest_use = used_at;
        }
    }
    if (oldest != NULL) {
        unlink_session(room, oldest);
    }
    return oldest;
}

/* Room lock held. */
static size_t opened_by(const syi_sharing_room *room, const void *opener)
{
    size_t count = 0;
    for (const syi_sharing_session *s = room->sessions; s != NULL; s = s->next) {
        count += s->opener == opener ? 1 : 0;
    }
    return count;
}

/* Room lock held. *evicted: its reference is the caller's. */
static sy_status admit(syi_sharing_room *room, const syi_sharing_session *session,
                       syi_sharing_session **evicted, sy_error *err)
{
    const sy_worker *worker = session->worker;
    syi_sharing_session *there = find_locked(room, worker, session->material.session);
    if (there != NULL || epitaph_of(room, worker, session->material.session) != NULL) {
        if (there != NULL) { /* not the last one: the room has one as well */
            atomic_fetch_sub_explicit(&there->refs, 1, memory_order_relaxed);
        }
        return syi_fail(err, SY_EEXIST, "worker %s is in that sharing session already, or was",
                        worker->name);
    }
    if (room->closing) {
        return syi_fail(err, SY_EBUSY, "worker %s is shutting down", worker->name);
    }
    const bool full = room->session_count >= SYI_SHARING_SESSIONS_MAX;
    if (full || opened_by(room, session->opener) >= SYI_SHARING_OPENED_MAX) {
        *evicted = evict(room, session->opener);
    }
    return *evicted != NULL || (!full && opened_by(room, session->opener) < SYI_SHARING_OPENED_MAX)
               ? SY_OK
               : syi_fail(err, SY_ELIMIT,
                          "worker %s has %zu sharing sessions, the limit is %d (%d "
                          "of one caller)",
                          worker->name, room->session_count, SYI_SHARING_SESSIONS_MAX,
                          SYI_SHARING_OPENED_MAX);
}

sy_status syi_sharing_install(syi_sharing_session *session, sy_error *err)
{
    syi_sharing_room *room = syi_sharing_room_of(session->worker->hook);
    syi_sharing_session *evicted = NULL;
    pthread_mutex_lock(&room->lock);
    const sy_status status = admit(room, session, &evicted, err);
    if (status == SY_OK) {
        session->next = room->sessions;
        room->sessions = session;
        room->session_count++;
    }
    pthread_mutex_unlock(&room->lock);
    if (evicted != NULL) {
        sy_error why = SY_ERROR_INIT;
        syi_fail(&why, SY_ENOTFOUND, "the sharing session made place for others");
        syi_sharing_fail(evicted, SY_ENOTFOUND, &why);
        syi_sharing_session_unref(evicted);
    }
    return status;
}

/* Lock held: something has come for whoever waits. */
static void announce(syi_sharing_session *session)
{
    atomic_fetch_add_explicit(&session->arrivals, 1, memory_order_release);
    pthread_cond_broadcast(&session->changed);
    syi_bell_ring(&session->bell);
}

void syi_sharing_fail(syi_sharing_session *session, sy_status status, const sy_error *why)
{
    syi_sharing_room *room = syi_sharing_room_of(session->worker->hook);
    pthread_mutex_lock(&session->lock);
    if (session->failed == SY_OK) {
        session->failed = status;
        session->why = *why;
    }
    announce(session);
    pthread_mutex_unlock(&session->lock);
    pthread_mutex_lock(&room->lock);
    const bool listed = unlink_session(room, session);
    if (listed) {
        bury(room, session, status, why);
    }
    pthread_mutex_unlock(&room->lock);
    if (listed) {
        syi_sharing_session_unref(session);
    }
}

/* With a reference; NULL: there is none any more. */
static syi_sharing_session *first_of(syi_sharing_room *room, const void *opener)
{
    pthread_mutex_lock(&room->lock);
    syi_sharing_session *s = room->sessions;
    while (s != NULL && opener != NULL && s->opener != opener) {
        s = s->next;
    }
    if (s != NULL) {
        atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&room->lock);
    return s;
}

void syi_sharing_sessions_gone(syi_sharing_room *room, const void *opener, const sy_error *why)
{
    syi_sharing_session *s;
    while ((s = first_of(room, opener)) != NULL) {
        const bool provider = opener != NULL; /* which has opened it */
        sy_error said = *why;
        (void)syi_sharing_blame(provider, provider ? s->peers[s->holders].name : s->worker->name,
                                why->status, &said);
        syi_sharing_fail(s, why->status, &said); /* takes it out of the list */
        syi_sharing_session_unref(s);
    }
}

/* Letters */

static sy_status failure(const syi_sharing_session *session, sy_error *err)
{
    if (err != NULL) {
        *err = session->why;
    }
    return session->failed;
}

/* What a letter takes, also an empty one. */
static uint64_t held_by(const syi_array *bytes)
{
    return syi_array_bytes(bytes) + sizeof(syi_letter);
}

/* Lock held. Takes the bytes. */
static sy_status put_letter(syi_sharing_session *session, syi_letters *letters, int party,
                            const syi_item *item, const syi_array *bytes, bool own, sy_error *err)
{
    const uint64_t size = held_by(bytes);
    if (session->failed != SY_OK) {
        return failure(session, err);
    }
    if (size > SYI_SHARING_HELD_MAX - session->held) {
        return syi_fail(err, SY_ELIMIT,
                        "%llu bytes of letters wait in a sharing session of worker %s",
                        (unsigned long long)session->held, session->worker->name);
    }
    syi_letter *letter = syi_alloc(session->worker->hook->context, sizeof *letter);
    if (letter == NULL) {
        return SYI_ENOMEM(err, "letter");
    }
    letter->party = party;
    letter->item = *item;
    letter->own = own;
    syi_array_copy_view(&letter->bytes, bytes);
    if (letters->last != NULL) {
        letters->last->next = letter;
    } else {
        letters->first = letter;
    }
    letters->last = letter;
    session->held += size;
    session->used_at = syi_clock_now(session->worker->hook->context);
    announce(session);
    return SY_OK;
}

syi_letter *syi_sharing_find_letter(syi_sharing_session *session, syi_letters *letters, int party,
                                    const syi_item *item)
{
    syi_letter *before = NULL;
    syi_letter *letter = letters->first;
    while (letter != NULL && (letter->party != party || letter->item.sequence != item->sequence ||
                              letter->item.number != item->number)) {
        before = letter;
        letter = letter->next;
    }
    if (letter != NULL) {
        if (before != NULL) {
            before->next = letter->next;
        } else {
            letters->first = letter->next;
        }
        if (letters->last == letter) {
            letters->last = before;
        }
        letter->next = NULL;
        session->held -= held_by(&letter->bytes);
    }
    return letter;
}

/* Lock held. */
static sy_status check_item(const syi_sharing_session *session, int from, const syi_item *item,
                            sy_error *err)
{
    const bool dealt = from == session->holders;
    if (dealt && item->sequence >= SYI_ITEM_AHEAD) {
        return SY_OK;
    }
    if (session->failed != SY_OK) {
        return failure(session, err);
    }
    if (item->sequence < session->next_sequence) {
        return syi_fail(err, SY_EPROTO, "a letter for a command that is over");
    }
    if (item->sequence - session->next_sequence > SYI_SHARING_AHEAD_MAX) {
        return syi_fail(err, SY_EPROTO, "a letter for a command that is far ahead");
    }
    return dealt || item->number == 0
               ? SY_OK
               : syi_fail(err, SY_EPROTO, "a letter of a holder about material");
}

sy_status syi_sharing_deliver(syi_sharing_session *session, int from, const syi_item *item,
                              const syi_array *bytes, bool own, sy_error *err)
{
    pthread_mutex_lock(&session->lock);
    sy_status status = check_item(session, from, item, err);
    syi_letters *letters = item->sequence >= SYI_ITEM_AHEAD ? &session->shelf : &session->inbox;
    status = status == SY_OK ? put_letter(session, letters, from, item, bytes, own, err) : status;
    pthread_mutex_unlock(&session->lock);
    return status;
}

bool syi_sharing_meet(syi_sharing_session *session, int party, syi_session *door)
{
    pthread_mutex_lock(&session->lock);
    syi_session *before = syi_doors_know(&session->peers[party].door, door);
    const bool near = session->near;
    pthread_mutex_unlock(&session->lock);
    if (before != NULL) {
        syi_session_unref(before);
    }
    return near;
}

sy_status syi_sharing_leave(syi_sharing_session *session, int to, const syi_item *item,
                            const syi_array *bytes, sy_error *err)
{
    pthread_mutex_lock(&session->lock);
    const sy_status status = put_letter(session, &session->outbox, to, item, bytes, false, err);
    pthread_mutex_unlock(&session->lock);
    return status;
}

bool syi_sharing_wait(syi_sharing_session *session, uint64_t deadline)
{
    const uint64_t now = syi_clock_now(session->worker->hook->context);
    struct timespec until;
    if (now >= deadline) {
        return false;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    const uint64_t at =
        (uint64_t)until.tv_sec * 1000000000u + (uint64_t)until.tv_nsec + (deadline - now);
    until.tv_sec = (time_t)(at / 1000000000u);
    until.tv_nsec = (long)(at % 1000000000u);
    return pthread_cond_timedwait(&session->changed, &session->lock, &until) != ETIMEDOUT;
}

sy_status syi_sharing_take_out(syi_sharing_session *session, int to, const syi_item *item,
                               uint64_t deadline, syi_array *bytes, sy_error *err)
{
    syi_letter *letter = NULL;
    sy_status status = SY_OK;
    pthread_mutex_lock(&session->lock);
    for (;;) {
        letter = syi_sharing_find_letter(session, &session->outbox, to, item);
        if (letter != NULL || session->failed != SY_OK) {
            break;
        }
        if (!syi_sharing_wait(session, deadline)) {
            status = syi_fail(err, SY_ETIMEDOUT, "worker %s had nothing to say before the deadline",
                              session->worker->name);
            break;
        }
    }
    if (letter == NULL && session->failed != SY_OK) {
        status = failure(session, err);
    }
    pthread_mutex_unlock(&session->lock);
    if (letter != NULL) {
        syi_array_copy_view(bytes, &letter->bytes);
        syi_array_fini(&letter->bytes);
        syi_free(session->worker->hook->context, letter, sizeof *letter);
    }
    return status;
}

sy_status syi_sharing_take_demands(syi_sharing_session *session, uint64_t deadline,
                                   syi_buffer *demands, sy_error *err)
{
    sy_status status = SY_OK;
    pthread_mutex_lock(&session->lock);
    while (session->demands.length == 0 && session->failed == SY_OK &&
           syi_sharing_wait(session, deadline)) {
    }
    if (session->failed != SY_OK) {
        status = failure(session, err);
    } else {
        syi_buffer_append(demands, session->demands.data, session->demands.length);
        syi_buffer_clear(&session->demands);
    }
    pthread_mutex_unlock(&session->lock);
    return status;
}

sy_status syi_sharing_letter_value(sy_hook *hook, const syi_array *bytes, sy_tensor **tensor,
                                   sy_error *err)
{
    syi_array view = SYI_ARRAY_INIT;
    syi_array_copy_view(&view, bytes);
    return syi_tensor_from_array(hook, tensor, &view, err);
}
