/*
 * session.c - a client's session: greeting and taking up, the queue of its requests, coming and going, and the lease of
 * what it leaves. Its requests are worked on in jobs.c and router.c. Tests: session_test.c, tests/integration.
 */
#include "workers/session.h"
#include "workers/room.h"

#include <string.h>

#include "core/error.h"
#include "workers/access.h"
#include "workers/callers.h"
#include "workers/greeting.h"
#include "workers/janitor.h"

#define QUEUE_PAUSE 64 /* requests waiting before reading from the peer stops */

static sy_context *context_of(const syi_session *session)
{
    return session->worker->hook->context;
}

void syi_session_ref(syi_session *session)
{
    atomic_fetch_add_explicit(&session->refs, 1, memory_order_relaxed);
}

void syi_session_unref(syi_session *session)
{
    if (atomic_fetch_sub_explicit(&session->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    sy_context *context = context_of(session);
    syi_job_free(session->job);
    if (session->peer != NULL) {
        syi_peer_unref(session->peer);
    }
    pthread_mutex_destroy(&session->lock);
    pthread_mutex_destroy(&session->peer_lock);
    if (session->taken_up != NULL) {
        syi_session_unref(session->taken_up);
    }
    syi_replies_fini(&session->replies);
    syi_partial_free(session->partial);
    syi_wipe(session->token, sizeof session->token);
    syi_free(context, session, sizeof *session);
}

/* Takes the same time wherever they differ. */
static bool equal_secret(const uint8_t *a, const uint8_t *b, size_t size)
{
    unsigned difference = 0;
    for (size_t k = 0; k < size; k++) {
        difference |= (unsigned)(a[k] ^ b[k]);
    }
    return difference == 0;
}

bool syi_session_is_claimed(const syi_session *old, const syi_session *by, const syi_hello *theirs)
{
    return old != by && old->greeted && old->resumes == theirs->resumes &&
           strcmp(old->name, by->name) == 0 &&
           memcmp(old->id, theirs->session, SYI_SESSION_SIZE) == 0 &&
           equal_secret(old->token, theirs->token, SYI_SESSION_SIZE);
}

/* Strand held: the client, which does not resume, is back, and what was leased to its old connection is
 * leased to the new one. */
static void take_over(syi_session *session, syi_session *old)
{
    size_t cursor = 0;
    const sy_id *id = NULL;
    void *value = NULL;
    while (syi_table_next(session->worker->objects, &cursor, &id, &value)) {
        syi_object *object = value;
        if (object->lease == old) {
            object->lease = session;
        }
    }
    memcpy(session->id, old->id, SYI_SESSION_SIZE);
    memcpy(session->token, old->token, SYI_SESSION_SIZE);
    syi_wipe(old->token, SYI_SESSION_SIZE);
    /* What still runs or waits there has failed for the client: nobody would own its results. */
    old->greeted = false;
    old->ended = true;
    if (old->lease_until == 0) {
        syi_peer_close(old->peer, 0); /* half open: the client knows nothing of it any more */
    }
}

/* Strand held: it counts there from now on. */
static sy_status count_at(syi_session *session, syi_caller *who, sy_error *err)
{
    if (who == NULL) {
        return SYI_ENOMEM(err, "caller");
    }
    if (who != session->who) {
        SY_TRY(syi_caller_may_connect(session->worker, who, err));
        session->counted->connections--;
        session->who = who;
        session->counted = who;
        who->connections++;
        syi_peer_set_account(session->peer, &who->account);
    }
    return SY_OK;
}

/* Strand held. Its address pays for the greeting, and may have only so many connections that said nothing of
 * themselves. */
static sy_status admit(syi_session *session, const syi_hello *theirs, sy_error *err)
{
    sy_worker *worker = session->worker;
    const unsigned most = worker->limits.connections_per_caller;
    SY_TRY(session->direct ? SY_OK : syi_caller_pay(worker, session->who, err));
    SY_TRY(syi_session_identify(session, theirs->bearer, err));
    const char *address = syi_peer_get_address(session->peer);
    syi_caller *who = syi_callers_find(worker, session->name, address);
    SY_TRY(count_at(session, who, err));
    return session->name[0] == '\0' && most != 0 && who->connections > most
               ? syi_fail(err, SY_ELIMIT, "%s: they have %u connections already, the limit is %u",
                          who->label, who->connections - 1, most)
               : SY_OK;
}

sy_status syi_session_greet(syi_session *session, syi_job *job, sy_error *err)
{
    sy_worker *worker = session->worker;
    syi_hello theirs;
    syi_hello mine;
    int64_t revision = 0;
    syi_greeting_init(&mine, &worker->id, worker->message_max);
    mine.has_session = true;
    if (session->has_caller) {
        return syi_fail(err, SY_EPROTO, "a second greeting on one connection");
    }
    sy_status status =
        syi_hello_decode(&theirs, job->message.body.data, job->message.body.length, err);
    syi_wipe(job->message.body.data, job->message.body.length); /* a token may be in it */
    if (status == SY_OK) {
        status = syi_hello_agree(&mine, &theirs, &revision, err);
    }
    session->caller = theirs.worker;
    sy_id_format(&theirs.worker, session->speaker, sizeof session->speaker);
    session->takes = syi_greeting_limits(&theirs);
    session->has_caller = true;
    pthread_mutex_lock(&worker->strand);
    if (status == SY_OK) {
        status = admit(session, &theirs, err);
    }
    syi_wipe(theirs.bearer, sizeof theirs.bearer);
    if (status != SY_OK) {
        pthread_mutex_unlock(&worker->strand);
        return status;
    }
    for (syi_session *old = worker->sessions; theirs.has_session && !theirs.resumes && old != NULL;
         old = old->next) {
        if (syi_session_is_claimed(old, session, &theirs)) {
            take_over(session, old);
            break;
        }
    }
    pthread_mutex_unlock(&worker->strand);
    mine.has_received = theirs.resumes;
    mine.rests = theirs.resumes && theirs.rests;
    const bool taken =
        theirs.resumes && theirs.has_session && syi_session_take_up(session, &theirs, &mine);
    pthread_mutex_lock(&worker->strand);
    session->resumes = theirs.resumes && !taken;
    session->rests = mine.rests;
    session->door = session->resumes ? session : NULL;
    session->greeted = true;
    pthread_mutex_unlock(&worker->strand);
    memcpy(mine.session, syi_session_of(session)->id, SYI_SESSION_SIZE);
    memcpy(mine.token, syi_session_of(session)->token, SYI_SESSION_SIZE);
    syi_log(context_of(session), SY_LOG_DEBUG, "workers", worker->name, 0, "%s is %s",
            syi_peer_get_address(session->peer),
            session->name[0] != '\0' ? session->name : "anonymous");
    job->reply.kind = SYI_KIND_HELLO;
    syi_hello_encode(&job->reply.body, &mine);
    return syi_buffer_check(&job->reply.body, "hello", err);
}

/* The queue */

/* Lock held. */
static void set_reading(syi_session *session, bool reading)
{
    if (session->peer != NULL) { /* or a later connection is being greeted, which sees to it */
        syi_peer_set_reading(session->peer, reading);
    }
}

void syi_session_run_queue(syi_session *session)
{
    for (;;) {
        unsigned one = 1;
        if (atomic_compare_exchange_strong(&session->unfinished, &one, 0)) {
            syi_session_unref(session);
            return;
        }
        pthread_mutex_lock(&session->lock);
        syi_queued *queued = session->first;
        if (queued == NULL) { /* `closed` took it away */
            pthread_mutex_unlock(&session->lock);
            continue;
        }
        atomic_fetch_sub(&session->unfinished, 1);
        session->first = queued->next;
        if (session->first == NULL) {
            session->last = NULL;
        }
        session->queued--;
        if (session->paused && session->queued < QUEUE_PAUSE / 2) {
            session->paused = false;
            set_reading(session, true);
        }
        pthread_mutex_unlock(&session->lock);
        syi_job *job = session->job;
        job->queued = true;
        job->deadline = queued->deadline;
        job->entry = queued->entry;
        syi_message_move(&job->message, &queued->message);
        syi_message_fini(&queued->message);
        syi_free(context_of(session), queued, sizeof *queued);
        if (!syi_job_start(job)) {
            return;
        }
    }
}

/* The service */

/* The session has nothing to do but this. */
static void work_on(syi_session *session, syi_message *message, syi_kept_reply *entry)
{
    syi_job *job = session->job;
    syi_session_ref(session);
    job->entry = entry;
    job->queued = false;
    job->deadline = 0; /* jobs.c finds it when the job is to wait for something */
    syi_message_take(&job->message, message);
    syi_message_trim(message);
    if (syi_job_start(job)) {
        syi_session_run_queue(session);
    }
}

/* Lock held: it waits for its turn. false: no memory. */
static bool enqueue(syi_session *session, syi_message *message, syi_kept_reply *entry)
{
    sy_context *context = context_of(session);
    syi_queued *queued = syi_alloc(context, sizeof *queued);
    if (queued == NULL) {
        return false;
    }
    syi_message_init(&queued->message, context, SYI_BODY_MAX);
    queued->deadline = syi_message_deadline(message, context);
    queued->entry = entry;
    syi_message_move(&queued->message, message);
    syi_message_fini(message);
    if (session->last != NULL) {
        session->last->next = queued;
    } else {
        session->first = queued;
    }
    session->last = queued;
    if (++session->queued >= QUEUE_PAUSE && !session->paused) {
        session->paused = true;
        set_reading(session, false); /* under the lock: before it is set again */
    }
    return true;
}

/* Lock held: a request that nobody will work on, and the connection ends. */
static void refuse(syi_session *session, syi_message *message, syi_kept_reply *entry,
                   syi_kept_reply **dropped)
{
    atomic_fetch_sub(&session->unfinished, 1);
    if (session->resumes) {
        session->arrived--; /* nothing more comes from there: the client sends it again */
        session->door = NULL;
    }
    if (entry != NULL) {
        syi_replies_cancel(&session->replies, entry, dropped);
    }
    syi_log(context_of(session), SY_LOG_ERROR, "workers", session->worker->name, message->id,
            "no memory to queue a request; the connection is closed");
    syi_message_fini(message);
}

static void received(void *argument, syi_message *message)
{
    syi_session *door = argument;
    syi_session *session = syi_session_of(door);
    unsigned none = 0;
    if (door->expects && message->kind != SYI_KIND_REPEAT) {
        door->expects = false; /* either this was it, or the client does not want it any more */
        syi_peer_expect(door->peer, NULL);
    }
    if (message->kind == SYI_KIND_REST && door->rests) { /* to others an unknown kind */
        syi_log(context_of(door), SY_LOG_INFO, "workers", session->worker->name, message->id,
                "the rest of a message of which nothing is here; the connection is closed");
        syi_peer_close(door->peer, 0);
        return;
    }
    if ((message->kind == SYI_KIND_PING || message->kind == SYI_KIND_REPEAT) && session->greeted) {
        syi_session_control(door, message);
        return;
    }
    if (!session->resumes && atomic_compare_exchange_strong(&session->unfinished, &none, 1)) {
        work_on(session, message, NULL);
        return;
    }
    syi_kept_reply *entry = NULL;
    syi_kept_reply *dropped = NULL;
    pthread_mutex_lock(&session->lock);
    if (session->resumes && !syi_session_count(session, door, message, &entry, &dropped)) {
        pthread_mutex_unlock(&session->lock);
        return;
    }
    const bool idle = atomic_fetch_add(&session->unfinished, 1) == 0;
    const bool queued = !idle && enqueue(session, message, entry);
    if (!idle && !queued) {
        refuse(session, message, entry, &dropped);
    }
    pthread_mutex_unlock(&session->lock);
    syi_replies_free(context_of(session), dropped);
    if (idle) {
        work_on(session, message, entry);
    } else if (!queued) {
        syi_peer_close(door->peer, 0);
    }
}

/* Strand held. Who has not greeted yet hears the limit when it does; twice as many are not waited for. */
static bool is_crowded(const sy_worker *worker, const syi_caller *address)
{
    const unsigned most = worker->limits.connections_per_caller;
    const bool crowded = most != 0 && address->connections / 2 >= most;
    if (crowded) {
        syi_log(worker->hook->context, SY_LOG_WARNING, "audit", worker->name, 0,
                "refused action=\"connect\" reason=\"%s: %u connections, the limit is %u\"",
                address->label, address->connections, most);
    }
    return crowded;
}

static void *opened(void *user, syi_peer *peer)
{
    sy_worker *worker = user;
    sy_context *context = worker->hook->context;
    sy_error error = SY_ERROR_INIT;
    syi_session *session = syi_alloc(context, sizeof *session);
    if (session == NULL) {
        return NULL;
    }
    if (syi_random_bytes(context, session->id, SYI_SESSION_SIZE, &error) != SY_OK ||
        syi_random_bytes(context, session->token, SYI_SESSION_SIZE, &error) != SY_OK) {
        syi_log(context, SY_LOG_ERROR, "workers", worker->name, 0, "%s", error.message);
        syi_free(context, session, sizeof *session);
        return NULL;
    }
    session->worker = worker;
    session->job = syi_job_new(session);
    if (session->job == NULL) {
        syi_free(context, session, sizeof *session);
        return NULL;
    }
    session->peer = peer;
    syi_replies_init(&session->replies, context);
    session->direct = strncmp(syi_peer_get_address(peer), "inproc", 6) == 0;
    session->trusted = session->direct || syi_peer_is_loopback(peer);
    atomic_init(&session->refs, 2); /* the connection and the worker's list */
    pthread_mutex_init(&session->lock, NULL);
    pthread_mutex_init(&session->peer_lock, NULL);
    pthread_mutex_lock(&worker->strand);
    session->who = syi_callers_find(worker, "", syi_peer_get_address(peer));
    if (session->who != NULL && !session->direct && is_crowded(worker, session->who)) {
        session->who = NULL;
    }
    if (session->who != NULL) {
        session->who->connections++;
        session->counted = session->who;
        session->next = worker->sessions;
        worker->sessions = session;
    }
    pthread_mutex_unlock(&worker->strand);
    if (session->who == NULL) {
        syi_job_free(session->job);
        pthread_mutex_destroy(&session->lock);
        pthread_mutex_destroy(&session->peer_lock);
        syi_free(context, session, sizeof *session);
        return NULL;
    }
    syi_peer_set_account(peer, &session->who->account);
    syi_peer_set_journal(peer, &worker->journal, session->speaker);
    if (worker->message_max > 0) {
        syi_frame_limits limits = SYI_FRAME_LIMITS_DEFAULT;
        limits.frame_max = worker->message_max;
        syi_peer_set_limits(peer, &limits);
    }
    syi_log(context, SY_LOG_DEBUG, "workers", worker->name, 0, "%s connected",
            syi_peer_get_address(peer));
    return session;
}

/* Lock held: takes away what waits; nobody would own its results. */
static syi_queued *empty_queue(syi_session *session)
{
    syi_queued *queued = session->first;
    atomic_fetch_sub(&session->unfinished, session->queued);
    session->first = NULL;
    session->last = NULL;
    session->queued = 0;
    return queued;
}

/* What waits in a session that resumes has arrived: it is worked on, and the client may come back for the answers. */
static void closed(void *argument, sy_status why, const char *sentence)
{
    syi_session *door = argument;
    syi_session *session = syi_session_of(door);
    sy_worker *worker = session->worker;
    sy_context *context = worker->hook->context;
    char address[SYI_ADDRESS_SIZE];
    syi_log(context, why == SY_ECLOSED ? SY_LOG_DEBUG : SY_LOG_WARNING, "workers", worker->name, 0,
            "%s left: %s", syi_session_address(door, address), sentence);
    const uint64_t now = syi_clock_now(context);
    uint64_t until = now;
    pthread_mutex_lock(&session->lock);
    syi_queued *queued = session->resumes ? NULL : empty_queue(session);
    pthread_mutex_lock(&worker->strand);
    door->counted->connections--;
    if (session->greeted) { /* who never said who he is has nothing, and cannot come back for it */
        until += (uint64_t)worker->lease_grace_ms * 1000000u;
    }
    if (session->door == door) {
        syi_session_keep_partial(session, door);
    }
    bool crowded = false;
    if (session->door == door || session->door == NULL) {
        session->lease_until = until;
        session->door = NULL;
        crowded = session->greeted && !session->direct && session->away_of == NULL &&
                  syi_caller_leaves(worker, session, now);
    }
    pthread_mutex_unlock(&worker->strand);
    pthread_mutex_unlock(&session->lock);
    while (queued != NULL) {
        syi_queued *next = queued->next;
        syi_message_fini(&queued->message);
        syi_free(context, queued, sizeof *queued);
        queued = next;
    }
    syi_janitor_lease(worker->hook, crowded ? now : until);
    syi_session_unref(door);
}

syi_service syi_worker_service(sy_worker *worker)
{
    return (syi_service){worker, opened, received, closed};
}

/* Leases */

/* Strand held: takes up to `room` tensors leased to the session out of the store. */
static size_t take_leased(sy_worker *worker, syi_session *session, sy_tensor **tensors, size_t room)
{
    size_t count = 0;
    size_t cursor = 0;
    const sy_id *id = NULL;
    void *value = NULL;
    while (count < room && syi_table_next(worker->objects, &cursor, &id, &value)) {
        syi_object *object = value;
        if (object->lease == session) {
            sy_id taken = *id;
            tensors[count++] = syi_store_take(worker, &taken, 0);
        }
    }
    return count;
}

uint64_t syi_sessions_expire(sy_worker *worker, uint64_t now)
{
    sy_tensor *tensors[64];
    uint64_t next = 0;
    pthread_mutex_lock(&worker->strand);
    syi_session **p = &worker->sessions;
    while (*p != NULL) {
        syi_session *session = *p;
        if (session->lease_until == 0 || session->lease_until > now) {
            if (session->lease_until != 0 && (next == 0 || session->lease_until < next)) {
                next = session->lease_until;
            }
            p = &session->next;
            continue;
        }
        *p = session->next;
        session->ended = true;
        syi_caller_is_back(session);
        size_t count;
        while ((count = take_leased(worker, session, tensors, 64)) > 0) {
            pthread_mutex_unlock(&worker->strand);
            for (size_t k = 0; k < count; k++) {
                sy_tensor_unref(tensors[k]);
            }
            pthread_mutex_lock(&worker->strand);
        }
        pthread_mutex_unlock(&worker->strand);
        const syi_joint_class *joint = &worker->hook->workers->joint;
        if (joint->gone != NULL) {
            joint->gone(worker, session);
        }
        syi_session_drop_partial(session);
        syi_session_unref(session);
        pthread_mutex_lock(&worker->strand);
        p = &worker->sessions; /* the list may have changed */
    }
    pthread_mutex_unlock(&worker->strand);
    return next;
}
