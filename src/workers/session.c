#include "workers/session.h"

#include <string.h>

#include <csyft/version.h>

#include "core/error.h"
#include "workers/janitor.h"

#define QUEUE_PAUSE 64              /* requests waiting before reading from the peer stops */
#define SHORT_COMMAND_NS 50000      /* below this a command runs on the transport's thread */
#define BODY_MAX (64u << 20)

static void run_queue(syi_session *session);

static sy_context *context_of(const syi_session *session)
{
    return session->worker->hook->context;
}

static void session_ref(syi_session *session)
{
    atomic_fetch_add_explicit(&session->refs, 1, memory_order_relaxed);
}

static void session_unref(syi_session *session)
{
    if (atomic_fetch_sub_explicit(&session->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    sy_context *context = context_of(session);
    syi_message_fini(&session->job.message);
    syi_message_fini(&session->job.reply);
    syi_buffer_fini(&session->job.dropped);
    if (session->peer != NULL) {
        syi_peer_unref(session->peer);
    }
    pthread_mutex_destroy(&session->lock);
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

/* Answers */

static void send_reply(syi_session *session, syi_job *job, sy_status status, const sy_error *error)
{
    syi_message *reply = &job->reply;
    sy_worker *worker = session->worker;
    if (status != SY_OK) {
        sy_error said = *error;
        said.status = status;
        syi_error_at_worker(&said, worker->name);
        syi_message_clear(reply);
        reply->kind = SYI_KIND_ERROR;
        syi_error_encode(&reply->body, &said);
        syi_log(worker->hook->context, SY_LOG_INFO, "workers", worker->name, job->message.id,
                "%s from %s refused: %s", syi_kind_text(job->message.kind),
                session->peer != NULL ? syi_peer_get_address(session->peer) : "?", said.message);
    }
    reply->id = job->message.id;
    reply->trace = job->message.trace;
    sy_error failed = SY_ERROR_INIT;
    if (syi_peer_send(session->peer, reply, &failed) != SY_OK) {
        syi_log(worker->hook->context, SY_LOG_INFO, "workers", worker->name, job->message.id,
                "the answer was not sent: %s", failed.message);
    }
}

/* The gate; strand held */

static bool gate_admits(const syi_gate *gate, bool writes)
{
    return writes ? gate->readers == 0 && !gate->writer : !gate->writer;
}

static void gate_enter(syi_gate *gate, syi_job *job)
{
    job->in_gate = true;
    if (job->writes) {
        gate->writer = true;
    } else {
        gate->readers++;
    }
}

/* Leaves and returns the sessions that may go on now, linked by next_waiting. */
static syi_session *gate_leave(syi_gate *gate, syi_job *job)
{
    if (!job->in_gate) {
        return NULL;
    }
    job->in_gate = false;
    if (job->writes) {
        gate->writer = false;
    } else {
        gate->readers--;
    }
    syi_session *woken = NULL;
    syi_session **end = &woken;
    while (gate->first_waiting != NULL &&
           gate_admits(gate, gate->first_waiting->job.writes)) {
        syi_session *session = gate->first_waiting;
        gate->first_waiting = session->next_waiting;
        if (gate->first_waiting == NULL) {
            gate->last_waiting = NULL;
        }
        session->next_waiting = NULL;
        gate_enter(gate, &session->job);
        *end = session;
        end = &session->next_waiting;
    }
    return woken;
}

/* Work */

static void work(void *argument);

/* Has the caller given up on the request meanwhile? Then it is not run: its result would have no owner. */
static bool expired(const syi_session *session)
{
    const syi_job *job = &session->job;
    return job->queued && job->deadline != 0 && job->message.kind != SYI_KIND_DELETE &&
           syi_clock_now(context_of(session)) >= job->deadline;
}

static sy_status late(const syi_session *session, sy_error *err)
{
    return syi_fail(err, SY_ETIMEDOUT, "worker %s came to the %s only after its deadline",
                    session->worker->name, syi_kind_text(session->job.message.kind));
}

/* Executes the prepared job, registers, answers, lets waiting commands in. */
static void complete(syi_session *session)
{
    syi_job *job = &session->job;
    sy_worker *worker = session->worker;
    sy_status status = expired(session) ? late(session, &job->error)
                                        : syi_router_execute(session, job, &job->error);

    pthread_mutex_lock(&worker->strand);
    if (status == SY_OK) {
        status = syi_router_finish(session, job, &job->error);
    }
    syi_session *woken = gate_leave(&worker->gate, job);
    worker->running--;
    if (job->waits) {
        worker->session_threads--;
    }
    if (worker->running == 0) {
        pthread_cond_broadcast(&worker->quiet);
    }
    pthread_mutex_unlock(&worker->strand);

    if (job->message.kind != SYI_KIND_DELETE) {
        send_reply(session, job, status, &job->error);
    }
    syi_router_release(job);
    while (woken != NULL) {
        syi_session *next = woken->next_waiting;
        woken->next_waiting = NULL;
        if (syi_pool_submit(context_of(woken), work, woken, NULL) != SY_OK) {
            work(woken); /* no memory for the pool's task: do it here */
        }
        woken = next;
    }
}

/* On the pool or a session thread: the job is prepared and admitted. */
static void work(void *argument)
{
    syi_session *session = argument;
    session->job.queued = true;
    complete(session);
    run_queue(session);
}

static void *session_thread(void *argument)
{
    work(argument);
    return NULL;
}

static bool start_thread(syi_session *session)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 1u << 20);
    int failed = pthread_create(&thread, &attributes, session_thread, session);
    pthread_attr_destroy(&attributes);
    return failed == 0;
}

static sy_status say_hello(syi_session *session, syi_job *job, sy_error *err)
{
    sy_worker *worker = session->worker;
    syi_hello theirs;
    syi_hello mine = {
        .wire_min = SY_WIRE_REVISION_MIN,
        .wire_max = SY_WIRE_REVISION_MAX,
        .worker = worker->id,
        .has_session = true,
        .body_max = BODY_MAX,
        .segments_max = 4096,
    };
    int64_t revision = 0;
    memcpy(mine.library, SY_VERSION_STRING, sizeof SY_VERSION_STRING);
    if (session->greeted) {
        return syi_fail(err, SY_EPROTO, "a second greeting on one connection");
    }
    SY_TRY(syi_hello_decode(&theirs, job->message.body.data, job->message.body.length, err));
    SY_TRY(syi_hello_agree(&mine, &theirs, &revision, err));
    session->caller = theirs.worker;
    session->greeted = true;
    pthread_mutex_lock(&worker->strand);
    for (syi_session *old = worker->sessions; theirs.has_session && old != NULL; old = old->next) {
        if (old != session && old->greeted &&
            memcmp(old->id, theirs.session, SYI_SESSION_SIZE) == 0 &&
            equal_secret(old->token, theirs.token, SYI_SESSION_SIZE)) {
            /* The client is back: its objects are leased to the new connection. */
            size_t cursor = 0;
            const sy_id *id = NULL;
            void *value = NULL;
            while (syi_table_next(worker->objects, &cursor, &id, &value)) {
                syi_object *object = value;
                if (object->lease == old) {
                    object->lease = session;
                }
            }
            memcpy(session->id, old->id, SYI_SESSION_SIZE);
            memcpy(session->token, old->token, SYI_SESSION_SIZE);
            syi_wipe(old->token, SYI_SESSION_SIZE);
            old->greeted = false;
            break;
        }
    }
    pthread_mutex_unlock(&worker->strand);
    memcpy(mine.session, session->id, SYI_SESSION_SIZE);
    memcpy(mine.token, session->token, SYI_SESSION_SIZE);
    job->reply.kind = SYI_KIND_HELLO;
    syi_hello_encode(&job->reply.body, &mine);
    syi_peer_set_account(session->peer, &worker->account);
    return syi_buffer_check(&job->reply.body, "hello", err);
}

/* Starts job->message. True when it is finished; otherwise somebody else goes on with the session. */
static bool start(syi_session *session)
{
    syi_job *job = &session->job;
    sy_worker *worker = session->worker;
    job->error.status = SY_OK;
    job->in_gate = false;
    job->writes = false;
    job->waits = false;
    job->cost = 0;
    syi_message_clear(&job->reply);
    job->reply.kind = SYI_KIND_REPLY;
    sy_status status = SY_OK;
    bool close = false;
    if (job->message.refused != SY_OK) {
        status = job->message.refused;
        if (job->message.refusal != NULL) {
            job->error = *job->message.refusal;
        }
    } else if (job->message.kind == SYI_KIND_HELLO) {
        status = say_hello(session, job, &job->error);
        close = status != SY_OK;
    } else if (!session->greeted) {
        status = syi_fail(&job->error, SY_EPROTO, "a %s before the greeting",
                          syi_kind_text(job->message.kind));
        close = true;
    } else if (expired(session)) {
        status = late(session, &job->error);
    } else {
        pthread_mutex_lock(&worker->strand);
        status = worker->stopping
                     ? syi_fail(&job->error, SY_ECLOSED, "worker %s is shutting down", worker->name)
                     : syi_router_prepare(session, job, &job->error);
        if (status == SY_OK && job->waits && worker->session_threads >= SYI_SESSION_THREADS_MAX) {
            job->waits = false;
            status = syi_fail(&job->error, SY_EBUSY,
                              "worker %s already waits for other workers in %d requests",
                              worker->name, SYI_SESSION_THREADS_MAX);
        }
        if (status == SY_OK) {
            worker->running++;
            if (job->waits) {
                worker->session_threads++;
            } else if (worker->gate.first_waiting == NULL &&
                       gate_admits(&worker->gate, job->writes)) {
                gate_enter(&worker->gate, job);
            } else {
                session->next_waiting = NULL;
                if (worker->gate.last_waiting != NULL) {
                    worker->gate.last_waiting->next_waiting = session;
                } else {
                    worker->gate.first_waiting = session;
                }
                worker->gate.last_waiting = session;
                pthread_mutex_unlock(&worker->strand);
                return false;
            }
            pthread_mutex_unlock(&worker->strand);
            if (session->direct || !job->waits) {
                if (!session->direct && job->cost > SHORT_COMMAND_NS &&
                    syi_pool_submit(context_of(session), work, session, NULL) == SY_OK) {
                    return false;
                }
                complete(session);
                return true;
            }
            if (start_thread(session)) {
                return false;
            }
            /* This thread serves other peers and may not wait. */
            status = syi_fail(&job->error, SY_EBUSY, "worker %s could not start a thread",
                              worker->name);
            pthread_mutex_lock(&worker->strand);
            worker->running--;
            worker->session_threads--;
        }
        pthread_mutex_unlock(&worker->strand);
    }
    if (job->message.kind != SYI_KIND_DELETE || status != SY_OK) {
        send_reply(session, job, status, &job->error);
    }
    syi_router_release(job);
    if (close) {
        syi_peer_close(session->peer, 1000);
    }
    return true;
}

/* Works on the queue until it is empty or a request goes on elsewhere. The session is busy and the
 * caller's reference on it is dropped when it ends here. */
static void run_queue(syi_session *session)
{
    for (;;) {
        bool resume = false;
        pthread_mutex_lock(&session->lock);
        syi_queued *queued = session->first;
        if (queued == NULL) {
            session->busy = false;
            pthread_mutex_unlock(&session->lock);
            session_unref(session);
            return;
        }
        session->first = queued->next;
        if (session->first == NULL) {
            session->last = NULL;
        }
        session->queued--;
        if (session->paused && session->queued < QUEUE_PAUSE / 2) {
            session->paused = false;
            resume = true;
        }
        pthread_mutex_unlock(&session->lock);
        if (resume) {
            syi_peer_set_reading(session->peer, true);
        }
        session->job.queued = true;
        session->job.deadline = queued->deadline;
        syi_message_move(&session->job.message, &queued->message);
        syi_message_fini(&queued->message);
        syi_free(context_of(session), queued, sizeof *queued);
        if (!start(session)) {
            return;
        }
    }
}

/* The service */

/* When the caller gives up waiting, on this worker's clock; 0: never. */
static uint64_t deadline_of(const syi_session *session, const syi_message *message)
{
    return message->deadline_ms == 0 ? 0
                                     : syi_clock_now(context_of(session)) +
                                           (uint64_t)message->deadline_ms * 1000000u;
}

static void received(void *argument, syi_message *message)
{
    syi_session *session = argument;
    sy_context *context = context_of(session);
    pthread_mutex_lock(&session->lock);
    if (!session->busy && session->first == NULL) {
        session->busy = true;
        pthread_mutex_unlock(&session->lock);
        session_ref(session);
        session->job.queued = false;
        session->job.deadline = deadline_of(session, message);
        syi_message_move(&session->job.message, message);
        syi_message_fini(message);
        if (start(session)) {
            run_queue(session);
        }
        return;
    }
    syi_queued *queued = syi_alloc(context, sizeof *queued);
    if (queued == NULL) {
        pthread_mutex_unlock(&session->lock);
        syi_log(context, SY_LOG_ERROR, "workers", session->worker->name, message->id,
                "no memory to queue a request; the connection is closed");
        syi_message_fini(message);
        syi_peer_close(session->peer, 0);
        return;
    }
    syi_message_init(&queued->message, context, BODY_MAX);
    queued->deadline = deadline_of(session, message);
    syi_message_move(&queued->message, message);
    syi_message_fini(message);
    if (session->last != NULL) {
        session->last->next = queued;
    } else {
        session->first = queued;
    }
    session->last = queued;
    bool pause = ++session->queued >= QUEUE_PAUSE && !session->paused;
    session->paused |= pause;
    pthread_mutex_unlock(&session->lock);
    if (pause) {
        syi_peer_set_reading(session->peer, false);
    }
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
    session->peer = peer;
    session->direct = strncmp(syi_peer_get_address(peer), "inproc", 6) == 0;
    session->trusted = session->direct || syi_peer_is_loopback(peer);
    atomic_init(&session->refs, 2); /* the connection and the worker's list */
    pthread_mutex_init(&session->lock, NULL);
    syi_message_init(&session->job.message, context, BODY_MAX);
    syi_message_init(&session->job.reply, context, BODY_MAX);
    syi_buffer_init(&session->job.dropped, context, 1u << 20);
    pthread_mutex_lock(&worker->strand);
    session->next = worker->sessions;
    worker->sessions = session;
    pthread_mutex_unlock(&worker->strand);
    if (worker->message_max > 0) {
        syi_frame_limits limits = SYI_FRAME_LIMITS_DEFAULT;
        limits.frame_max = worker->message_max;
        syi_peer_set_limits(peer, &limits);
    }
    syi_log(context, SY_LOG_DEBUG, "workers", worker->name, 0, "%s connected",
            syi_peer_get_address(peer));
    return session;
}

static void closed(void *argument, sy_status why, const char *sentence)
{
    syi_session *session = argument;
    sy_worker *worker = session->worker;
    sy_context *context = worker->hook->context;
    syi_log(context, why == SY_ECLOSED ? SY_LOG_DEBUG : SY_LOG_WARNING, "workers", worker->name, 0,
            "%s left: %s", syi_peer_get_address(session->peer), sentence);
    pthread_mutex_lock(&session->lock);
    session->gone = true;
    syi_queued *queued = session->first;
    session->first = NULL;
    session->last = NULL;
    session->queued = 0;
    pthread_mutex_unlock(&session->lock);
    while (queued != NULL) {
        syi_queued *next = queued->next;
        syi_message_fini(&queued->message);
        syi_free(context, queued, sizeof *queued);
        queued = next;
    }
    uint64_t until = syi_clock_now(context) + (uint64_t)worker->lease_grace_ms * 1000000u;
    pthread_mutex_lock(&worker->strand);
    session->lease_until = until;
    pthread_mutex_unlock(&worker->strand);
    syi_janitor_lease(worker->hook, until);
    session_unref(session);
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
        size_t count;
        while ((count = take_leased(worker, session, tensors, 64)) > 0) {
            pthread_mutex_unlock(&worker->strand);
            for (size_t k = 0; k < count; k++) {
                sy_tensor_unref(tensors[k]);
            }
            pthread_mutex_lock(&worker->strand);
        }
        pthread_mutex_unlock(&worker->strand);
        session_unref(session);
        pthread_mutex_lock(&worker->strand);
        p = &worker->sessions; /* the list may have changed */
    }
    pthread_mutex_unlock(&worker->strand);
    return next;
}
