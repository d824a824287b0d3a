/*
 * jobs.c - a request at work: the gate, the thread it runs on, its answer. What each kind does is in
 * router.c; the drawing is in docs/internals/worker-threads.md. Tests: tests/integration/concurrency.c.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "core/error.h"
#include "ring/generator.h"
#include "workers/access.h"
#include "workers/callers.h"
#include "workers/greeting.h"
#include "workers/session.h"

#define SHORT_COMMAND_NS 50000 /* below this a command runs on the transport's thread */
enum {
    RESTING_MAX = 8,     /* threads of commands that wait */
    REST_NS = 500000000, /* so long without another one, and they end */
};

static sy_context *context_of(const syi_job *job)
{
    return job->session->worker->hook->context;
}

syi_job *syi_job_new(syi_session *session)
{
    sy_context *context = session->worker->hook->context;
    syi_job *job = syi_alloc(context, sizeof *job);
    if (job == NULL) {
        return NULL;
    }
    job->session = session;
    syi_message_init(&job->message, context, SYI_BODY_MAX);
    syi_message_init(&job->reply, context, SYI_BODY_MAX);
    syi_buffer_init(&job->changes, context, 1u << 20);
    return job;
}

void syi_job_free(syi_job *job)
{
    if (job == NULL) {
        return;
    }
    syi_message_fini(&job->message);
    syi_message_fini(&job->reply);
    syi_buffer_fini(&job->changes);
    syi_free(context_of(job), job, sizeof *job);
}

/* Answers */

/* `peer` NULL: the client is away. `later`: nobody waits for it yet. */
static sy_status send_to(syi_peer *peer, syi_message *reply, bool later, sy_error *err)
{
    if (peer == NULL) {
        return syi_fail(err, SY_ECLOSED, "the client is not connected");
    }
    return (later ? syi_peer_send_later : syi_peer_send)(peer, reply, err);
}

/* An answer that cannot be sent is replaced by an error; when that cannot be sent either the client must
 * learn it from the connection, or it waits in vain. */
static bool send_or_close(syi_job *job)
{
    syi_session *session = job->session;
    syi_frame_limits takes;
    syi_peer *peer = NULL;
    if (session->resumes) {
        peer = syi_session_use_peer(session, &takes);
    } else {
        peer = session->peer; /* for its life */
        takes = session->takes;
    }
    const sy_worker *worker = session->worker;
    const uint64_t id = job->message.id;
    bool kept = false;
    sy_error failed;
    syi_error_empty(&failed);
    sy_status status = syi_frame_keep(&job->reply, &takes, &failed);
    if (status == SY_OK) {
        kept = job->entry != NULL && syi_session_remember(session, job);
        const bool later = job->command != NULL && job->reply.kind == SYI_KIND_REPLY &&
                           !job->hurried && (job->command->flags & SYI_COMMAND_UNHURRIED) != 0;
        status = send_to(peer, &job->reply, later, &failed);
    }
    if (status != SY_OK && status != SY_ECLOSED && !kept) {
        syi_error_at_worker(&failed, worker->name);
        job->reply.kind = SYI_KIND_ERROR;
        job->reply.id = id;
        job->reply.trace = job->message.trace;
        syi_error_encode(&job->reply.body, &failed);
        (void)syi_session_remember(session, job);
        if (peer != NULL && syi_peer_send(peer, &job->reply, NULL) != SY_OK) {
            syi_peer_close(peer, SYI_CLOSE_MS); /* answers before it still leave */
        }
    }
    if (status != SY_OK && kept && peer != NULL) {
        syi_peer_close(peer, SYI_CLOSE_MS); /* the client comes back for it */
    }
    if (peer != NULL && session->resumes) {
        syi_peer_unref(peer);
    }
    if (status != SY_OK) {
        syi_log(context_of(job), SY_LOG_INFO, "workers", worker->name, id,
                "the answer was not sent: %s", failed.message);
    }
    return status == SY_OK || kept;
}

/* What the caller wanted, in a few words. */
static const char *wish(const syi_job *job, char text[160])
{
    const char *kind = syi_kind_text(job->message.kind);
    const char *name = job->op != NULL        ? job->op->name
                       : job->command != NULL ? job->command->name
                                              : NULL;
    snprintf(text, 160, name != NULL ? "%s %s" : "%s", kind, name);
    return text;
}

/* Denied, or beyond a limit. */
static bool is_refusal(sy_status status)
{
    return status == SY_EPERM || status == SY_EFORBIDDEN || status == SY_ELIMIT ||
           status == SY_EBUSY;
}

static bool answer(syi_job *job, sy_status status)
{
    const sy_worker *worker = job->session->worker;
    syi_message *reply = &job->reply;
    if (job->message.kind == SYI_KIND_DELETE && status == SY_OK) {
        return true;
    }
    if (status != SY_OK) {
        sy_error said = job->error;
        said.status = status;
        syi_error_at_worker(&said, worker->name);
        syi_message_clear(reply);
        reply->kind = SYI_KIND_ERROR;
        syi_error_encode(&reply->body, &said);
        if (is_refusal(status)) {
            char text[160];
            syi_audit(job->session, job->message.id, wish(job, text), &said);
        }
        char address[SYI_ADDRESS_SIZE];
        syi_log(context_of(job), SY_LOG_INFO, "workers", worker->name, job->message.id,
                "%s from %s refused: %s", syi_kind_text(job->message.kind),
                syi_session_address(job->session, address), said.message);
    }
    reply->id = job->message.id;
    reply->trace = job->message.trace;
    const bool sent = send_or_close(job);
    syi_message_clear(reply);
    syi_message_trim(reply);
    return sent;
}

/* Who has the answer can rely on it that the command holds no argument any more. An answer that does not
 * leave takes the command back, as far as the store goes. */
static void release_and_answer(syi_job *job, sy_status status)
{
    sy_worker *worker = job->session->worker;
    syi_router_release(job);
    if (!answer(job, status)) {
        pthread_mutex_lock(&worker->strand);
        syi_router_undo(job);
        pthread_mutex_unlock(&worker->strand);
    }
    syi_router_settle(job);
    syi_message_clear(&job->message);
    syi_message_trim(&job->message);
}

/* Has the caller given up on the request meanwhile? Then it is not run: its result would have no owner. */
static bool expired(const syi_job *job)
{
    return job->queued && job->deadline != 0 && job->message.kind != SYI_KIND_DELETE &&
           syi_clock_now(context_of(job)) >= job->deadline;
}

static sy_status late(syi_job *job)
{
    return syi_fail(&job->error, SY_ETIMEDOUT, "worker %s came to the %s only after its deadline",
                    job->session->worker->name, syi_kind_text(job->message.kind));
}

/* The gate; strand held. A job is prepared only while nobody writes: what it looks at does not change
 * under it, and a reader goes in at once. A writer may have to wait for readers, which change nothing. */

static bool gate_admits(const syi_gate *gate, bool writes)
{
    return !gate->writer && (!writes || gate->readers == 0);
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

/* Strand held. Deletions give back; they are never refused for their number. */
static sy_status admit_request(syi_job *job)
{
    syi_session *session = job->session;
    if (session->expires != 0 && syi_time_now() >= session->expires) {
        return syi_fail(&job->error, SY_EPERM, "the token of %s has expired", session->name);
    }
    return job->message.kind == SYI_KIND_DELETE || session->direct
               ? SY_OK
               : syi_caller_pay(session->worker, session->who, &job->error);
}

static void prepare(syi_job *job)
{
    sy_worker *worker = job->session->worker;
    job->prepared = true;
    if (worker->stopping) {
        job->status = syi_fail(&job->error, SY_ECLOSED, "worker %s is shutting down", worker->name);
    } else if (expired(job)) {
        job->status = late(job);
    } else {
        job->status = admit_request(job);
        if (job->status == SY_OK) {
            job->status = syi_router_prepare(job->session, job, &job->error);
        }
    }
    if (job->status == SY_OK && job->waits && worker->session_threads >= SYI_SESSION_THREADS_MAX) {
        job->status = syi_fail(&job->error, SY_EBUSY,
                               "worker %s already waits for other workers in %d requests",
                               worker->name, SYI_SESSION_THREADS_MAX);
    }
    job->waits = job->waits && job->status == SY_OK;
    if (job->waits) {
        worker->session_threads++;
    }
}

/* It goes on later, or elsewhere. */
static void set_deadline(syi_job *job)
{
    if (job->deadline == 0) {
        job->deadline = syi_message_deadline(&job->message, context_of(job));
    }
}

static void gate_wait(syi_gate *gate, syi_job *job)
{
    set_deadline(job);
    job->next_waiting = NULL;
    if (gate->last_waiting != NULL) {
        gate->last_waiting->next_waiting = job;
    } else {
        gate->first_waiting = job;
    }
    gate->last_waiting = job;
}

/* The jobs that may go on now, linked by next_waiting, each counted as a thread to come. */
static syi_job *admit(sy_worker *worker)
{
    syi_gate *gate = &worker->gate;
    syi_job *admitted = NULL;
    syi_job **end = &admitted;
    syi_job *job;
    while ((job = gate->first_waiting) != NULL && !gate->writer) {
        if (!job->prepared) {
            prepare(job);
        }
        if (job->status == SY_OK && !job->waits) {
            if (!gate_admits(gate, job->writes)) {
                break;
            }
            gate_enter(gate, job);
        }
        gate->first_waiting = job->next_waiting;
        if (gate->first_waiting == NULL) {
            gate->last_waiting = NULL;
        }
        job->next_waiting = NULL;
        *end = job;
        end = &job->next_waiting;
        worker->threads++;
    }
    if (gate->sleeping > 0 && !gate->writer) {
        pthread_cond_broadcast(&worker->quiet);
    }
    return admitted;
}

static syi_job *gate_leave(sy_worker *worker, syi_job *job)
{
    if (!job->in_gate) {
        return NULL;
    }
    job->in_gate = false;
    if (job->writes) {
        worker->gate.writer = false;
    } else {
        worker->gate.readers--;
    }
    return admit(worker);
}

/* Threads */

static void thread_enter(sy_worker *worker)
{
    pthread_mutex_lock(&worker->strand);
    worker->threads++;
    pthread_mutex_unlock(&worker->strand);
}

/* The last that a thread does with the worker, which may be freed then. */
static void thread_leave(sy_worker *worker)
{
    pthread_mutex_lock(&worker->strand);
    if (--worker->threads == 0) {
        pthread_cond_broadcast(&worker->quiet);
    }
    pthread_mutex_unlock(&worker->strand);
}

static void work(void *argument);

static void go_on(syi_job *admitted)
{
    while (admitted != NULL) {
        syi_job *next = admitted->next_waiting;
        admitted->next_waiting = NULL;
        if (syi_pool_submit(context_of(admitted), work, admitted, NULL) != SY_OK) {
            work(admitted); /* no memory for the pool's task: do it here */
        }
        admitted = next;
    }
}

/* Executes what is prepared and admitted. */
static void execute(syi_job *job)
{
    if (job->status == SY_OK && expired(job)) {
        job->status = late(job);
    }
    if (job->status == SY_OK) {
        job->status = syi_router_execute(job->session, job, &job->error);
    } else {
        syi_router_refuse(job);
    }
}

/* Registers what was executed, answers, lets waiting jobs in. */
static void conclude(syi_job *job)
{
    syi_session *session = job->session;
    sy_worker *worker = session->worker;
    sy_status status = job->status;
    pthread_mutex_lock(&worker->strand);
    if (status == SY_OK) {
        status = syi_router_finish(session, job, &job->error);
    }
    if (status != SY_OK) {
        syi_router_undo(job);
    }
    /* Segments that do not leave this process are copied from the objects: nobody may write there before. */
    const bool at_once = session->direct && job->reply.segment_count > 0;
    if (at_once) {
        pthread_mutex_unlock(&worker->strand);
        release_and_answer(job, status);
        pthread_mutex_lock(&worker->strand);
    }
    syi_job *admitted = gate_leave(worker, job);
    if (job->waits) {
        worker->session_threads--;
    }
    if (--worker->running == 0) {
        pthread_cond_broadcast(&worker->quiet);
    }
    pthread_mutex_unlock(&worker->strand);
    if (!at_once) {
        release_and_answer(job, status);
    }
    go_on(admitted);
}

static void complete(syi_job *job)
{
    execute(job);
    conclude(job);
}

/* Leaves the worker, and stays for a while in case that another command needs a thread soon: joint commands come one after
 * the other. The next job, for which the thread has been counted; NULL: it ends, and does not touch the worker any more. */
static syi_job *rest(sy_worker *worker)
{
    struct timespec until;
    syi_job *next = NULL;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += REST_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&worker->strand);
    worker->threads--;
    if (!worker->no_rest && worker->resting < RESTING_MAX) {
        worker->resting++;
        bool late = false;
        while (worker->handed == NULL && !worker->no_rest && !late) {
            late = pthread_cond_timedwait(&worker->rested, &worker->strand, &until) == ETIMEDOUT;
        }
        next = worker->handed;
        if (next != NULL) {
            worker->handed = next->next_waiting;
            next->next_waiting = NULL;
        }
        worker->resting--;
    }
    if (next == NULL) {
        syi_generator_leave_thread();
    }
    if (worker->threads == 0 && worker->resting == 0) {
        pthread_cond_broadcast(&worker->quiet);
    }
    pthread_mutex_unlock(&worker->strand);
    return next;
}

static void *session_thread(void *argument)
{
    for (syi_job *job = argument; job != NULL;) {
        syi_session *session = job->session;
        sy_worker *worker = session->worker;
        const bool detached = job->detached;
        job->queued = true;
        complete(job);
        if (detached) {
            syi_job_free(job);
            syi_session_unref(session);
        } else {
            syi_session_run_queue(session);
        }
        job = rest(worker);
    }
    return NULL;
}

/* To a thread that rests, if there is one. */
static bool hand_to_resting(syi_job *job)
{
    sy_worker *worker = job->session->worker;
    unsigned handed = 0;
    pthread_mutex_lock(&worker->strand);
    for (const syi_job *at = worker->handed; at != NULL; at = at->next_waiting) {
        handed++;
    }
    const bool can = worker->resting > handed && !worker->no_rest;
    if (can) {
        job->next_waiting = worker->handed;
        worker->handed = job;
        worker->threads++;
        pthread_cond_signal(&worker->rested);
    }
    pthread_mutex_unlock(&worker->strand);
    return can;
}

/* Signals stay with the program's own threads. */
static bool start_thread(syi_job *job)
{
    sy_worker *worker = job->session->worker;
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    if (hand_to_resting(job)) {
        return true;
    }
    thread_enter(worker);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 1u << 20);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&thread, &attributes, session_thread, job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (failed != 0) {
        thread_leave(worker);
    }
    return failed == 0;
}

/* The session goes on with a job of its own; this one has a reference on the session. */
static void detach(syi_job *job)
{
    syi_job *fresh = syi_job_new(job->session);
    if (fresh != NULL) {
        syi_session_ref(job->session);
        job->session->job = fresh;
        job->detached = true;
    }
}

/* It waits for another worker, so it has a thread. The session's next requests need not wait with it,
 * unless they build on it: or two workers that ask each other in turns would wait for each other. */
static bool launch_waiting(syi_job *job)
{
    syi_session *session = job->session;
    set_deadline(job);
    if (!(job->message.flags & SYI_FLAG_ORDERED)) {
        detach(job);
    }
    const bool detached = job->detached;
    if (start_thread(job)) {
        return detached;
    }
    job->status = syi_fail(&job->error, SY_EBUSY, "worker %s could not start a thread",
                           session->worker->name);
    complete(job);
    if (detached) {
        syi_job_free(job);
        syi_session_unref(session);
    }
    return true;
}

static bool hand_to_pool(syi_job *job)
{
    sy_worker *worker = job->session->worker;
    set_deadline(job);
    thread_enter(worker);
    if (syi_pool_submit(context_of(job), work, job, NULL) == SY_OK) {
        return true;
    }
    thread_leave(worker);
    return false;
}

/* The job is prepared, and in the gate if it computes. True: the caller goes on with the session. */
static bool launch(syi_job *job, bool on_pool)
{
    if (job->waits) {
        return launch_waiting(job);
    }
    const bool elsewhere = job->status == SY_OK && !on_pool && !job->session->direct;
    if (elsewhere && job->cost > SHORT_COMMAND_NS && hand_to_pool(job)) {
        return false;
    }
    job->budget = elsewhere && job->budgeted ? SHORT_COMMAND_NS : 0;
    execute(job);
    if (job->postponed) {
        job->postponed = false;
        job->budget = 0;
        job->status = SY_OK;
        syi_error_empty(&job->error);
        if (hand_to_pool(job)) {
            return false;
        }
        execute(job);
    }
    conclude(job);
    return true;
}

/* On the pool. */
static void work(void *argument)
{
    syi_job *job = argument;
    syi_session *session = job->session;
    sy_worker *worker = session->worker;
    job->queued = true;
    if (launch(job, true)) {
        syi_session_run_queue(session);
    }
    thread_leave(worker);
}

/* What needs neither the gate nor the store: refused, HELLO, or too early. */
static bool answer_at_once(syi_job *job)
{
    syi_session *session = job->session;
    bool close = false;
    if (job->message.refused != SY_OK) {
        job->status = job->message.refused;
        if (job->message.refusal != NULL) {
            job->error = *job->message.refusal;
        }
    } else if (job->message.kind == SYI_KIND_HELLO) {
        job->status = syi_session_greet(session, job, &job->error);
        close = job->status != SY_OK;
    } else if (!session->greeted) {
        job->status = syi_fail(&job->error, SY_EPROTO, "a %s before the greeting",
                               syi_kind_text(job->message.kind));
        close = true;
    } else {
        return false;
    }
    release_and_answer(job, job->status);
    if (close) {
        syi_session_hang_up(session);
    } else {
        syi_session_open_door(session);
    }
    return true;
}

bool syi_job_start(syi_job *job)
{
    sy_worker *worker = job->session->worker;
    syi_gate *gate = &worker->gate;
    job->error.status = SY_OK;
    job->status = SY_OK;
    job->undone = false;
    job->op = NULL;
    job->command = NULL;
    job->prepared = false;
    job->in_gate = false;
    job->writes = false;
    job->waits = false;
    job->is_joint = false;
    job->cost = 0;
    job->budgeted = false;
    job->budget = 0;
    job->postponed = false;
    job->hurried = false;
    syi_message_clear(&job->reply);
    job->reply.kind = SYI_KIND_REPLY;
    if (answer_at_once(job)) {
        return true;
    }
    pthread_mutex_lock(&worker->strand);
    bool admitted = !gate->writer && gate->first_waiting == NULL;
    if (admitted) {
        prepare(job);
        if (job->message.kind == SYI_KIND_DELETE) { /* that was all of it */
            pthread_mutex_unlock(&worker->strand);
            release_and_answer(job, job->status);
            return true;
        }
    }
    worker->running++;
    if (admitted) {
        admitted = job->status != SY_OK || job->waits || gate_admits(gate, job->writes);
    }
    if (!admitted) {
        gate_wait(gate, job);
    } else if (job->status == SY_OK && !job->waits) {
        gate_enter(gate, job);
    }
    pthread_mutex_unlock(&worker->strand);
    return admitted && launch(job, false);
}

/* For threads that may wait: a look at the objects while nobody writes */

void syi_gate_hold(sy_worker *worker)
{
    pthread_mutex_lock(&worker->strand);
    worker->gate.sleeping++;
    while (worker->gate.writer) {
        pthread_cond_wait(&worker->quiet, &worker->strand);
    }
    worker->gate.sleeping--;
    worker->gate.readers++;
    pthread_mutex_unlock(&worker->strand);
}

void syi_gate_let_go(sy_worker *worker)
{
    pthread_mutex_lock(&worker->strand);
    worker->gate.readers--;
    syi_job *admitted = admit(worker);
    pthread_mutex_unlock(&worker->strand);
    go_on(admitted);
}
