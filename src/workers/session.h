/*
 * session.h - one client of a worker: its connection, its queue of requests, its leased objects.
 *
 * Requests of one session are worked on in their order, one after the other; sessions run side by side.
 * `received` comes on the transport's thread and must not block: short commands run right there, long
 * ones on the pool, and those that wait for another worker on a session thread. These last may be
 * overtaken, unless the client asks for order (SYI_FLAG_ORDERED): it sends nothing that builds on them.
 */
#ifndef SYI_WORKERS_SESSION_H
#define SYI_WORKERS_SESSION_H

#include "messaging/joint.h"
#include "workers/commands.h"
#include "workers/replies.h"
#include "workers/worker.h"

/* A request at work (jobs.c). */
typedef struct syi_job {
    struct syi_job *next_waiting; /* the gate's FIFO, or a list of admitted ones; strand */
    syi_session *session;
    syi_message message;
    syi_message reply;
    syi_kept_reply *entry; /* where its answer will be remembered; nullable */
    syi_decoder decoder;
    syi_encoder encoder;
    bool decoding; /* the decoder holds something */
    bool detached; /* the session goes on without it; it holds a reference */
    bool prepared; /* the first phase is over; `status` is its outcome */
    bool in_gate;  /* entered the gate */
    bool writes;
    bool waits;    /* for another worker */
    bool is_joint; /* carried out with other workers; waits, too */
    syi_joint joint;
    uint64_t cost;     /* ns, estimated */
    bool budgeted;     /* it keeps to a budget by itself */
    uint64_t budget;   /* ns, while it does */
    bool postponed;    /* the budget did not suffice */
    bool hurried;      /* the answer is not held back */
    uint64_t deadline; /* 0: none, or not asked for yet: what does not wait is not late */
    bool queued;       /* it waited for its turn, so that the deadline may be over */
    uint64_t bit;      /* the caller's, in lists of permissions */
    /* COMMAND */
    const syi_op *op; /* NULL: none, or not read yet */
    bool inplace;
    const char *called; /* the dotted name, in the message; NULL for a method's */
    size_t called_length;
    sy_named_value kwargs[SYI_ARGUMENT_MAX]; /* bound may point into them */
    sy_value bound[SYI_ARGUMENT_MAX];
    syi_results results;
    sy_id return_ids[SYI_OUTPUT_MAX];
    int return_count;
    /* WORKER_COMMAND */
    const syi_worker_command *command;
    sy_value args; /* LIST */
    /* OBJECT_REQUEST */
    sy_tensor *object; /* reference */
    sy_id object_id;
    bool keep;
    syi_buffer changes; /* in the store, until the answer is on its way (router.c) */
    bool undone;        /* they were taken back */
    sy_status status;
    sy_error error;
} syi_job;

typedef struct syi_queued {
    struct syi_queued *next;
    syi_message message;
    syi_kept_reply *entry;
    uint64_t deadline;
} syi_queued;

struct syi_session {
    syi_session *next; /* the worker's list; strand */
    sy_worker *worker;
    syi_peer *peer;
    atomic_uint refs; /* connection, work under way, detached jobs, worker's list */
    bool direct;      /* same process: the sending thread may wait */
    bool trusted;     /* same process or loopback */
    bool greeted;     /* false again when another connection took it over; strand */
    bool has_caller;
    sy_id caller;                    /* the worker that speaks; as it calls itself */
    char speaker[72];                /* the same as text; "": it has not said so */
    char name[SYI_CALLER_NAME_SIZE]; /* who it is, as far as that was shown; "": anonymous */
    int64_t expires;                 /* seconds since 1970: its token does; 0: never */
    bool has_token;                  /* it said who it is by one; strand */
    uint8_t token_digest[32];
    struct syi_caller *who;     /* pays for what it asks; changed under the strand */
    struct syi_caller *counted; /* its connection is counted there; the same */
    struct syi_caller *away_of; /* it waits for its client, and counts there; nullable; the same */
    uint64_t bit;               /* in lists of permissions; access.c, strand */
    unsigned bit_as_of;
    syi_frame_limits takes; /* what the caller takes */
    uint8_t id[SYI_SESSION_SIZE];
    uint8_t token[SYI_SESSION_SIZE];
    uint64_t lease_until; /* 0: connected; strand */
    bool ended; /* over, or taken up by another connection: it may register nothing more; strand */

    /* Requests that came and are not finished: the one that is worked on, and those in the queue. Who brings
     * it from 0 to 1 works; who finishes the last one brings it back. */
    atomic_uint unfinished;
    pthread_mutex_t lock; /* queue: it grows with `unfinished` */
    bool paused;
    syi_queued *first, *last;
    unsigned queued;

    syi_job *job; /* of the thread that works on it */

    /*
     * A session that resumes outlives its connection (resumption.c): a later one of the same client takes it up, and
     * what comes there is this session's. All below is guarded by `lock` then, and so are `peer` and `takes`, for whose
     * readers peer_lock is enough: nothing is taken inside it.
     */
    pthread_mutex_t peer_lock;
    bool resumes; /* set when it is greeted, before any request */
    syi_session
        *taken_up;     /* of a later connection: the session it took up; a reference; nullable */
    syi_session *door; /* whose connection is in use: itself, a later one; NULL: none */
    uint64_t arrived;  /* requests, deletions included */
    bool rests;        /* the client goes on with a frame where it broke, and so may its answers */
    syi_partial
        *partial; /* the next request, which broke in the middle, while nobody is connected */
    syi_replies replies;
    /* Of a connection; its thread's. */
    bool expects; /* the rest of a request may come first */
    bool
        recalled; /* the rest of an answer was asked for: there is one frame that a connection breaks in */
};

/* When the caller gives up waiting for a message that comes now, on this worker's clock; 0: never. */
static inline uint64_t syi_message_deadline(const syi_message *message, const sy_context *context)
{
    return message->deadline_ms == 0
               ? 0
               : syi_clock_now(context) + (uint64_t)message->deadline_ms * 1000000u;
}

void syi_session_ref(syi_session *session);
void syi_session_unref(syi_session *session);
/* Works on the queue until it is empty or a request goes on elsewhere. The session is busy; the reference
 * that this stands for is dropped when it ends here. */
void syi_session_run_queue(syi_session *session);
/* The session that a connection speaks for. */
static inline syi_session *syi_session_of(syi_session *door)
{
    return door->taken_up != NULL ? door->taken_up : door;
}

/* Resumption (resumption.c) */

/* Strand held: does the greeting prove that the session is the caller's, who is `by`? */
bool syi_session_is_claimed(const syi_session *old, const syi_session *by, const syi_hello *theirs);
/* The client is back on the connection `door`, proves that `theirs.session` is its own, and takes it up: true, and
 * *mine says how many requests of it have arrived, and how much of the next one. The session's former connection, if it
 * still stands, is closed first. No locks held; the thread of `door`. */
bool syi_session_take_up(syi_session *door, const syi_hello *theirs, syi_hello *mine);
/* The answer to the greeting is on its way: other answers may follow it. */
void syi_session_open_door(syi_session *door);
/* Session lock held: the connection `door` is over; keeps what came of the next request. */
void syi_session_keep_partial(syi_session *session, syi_session *door);
/* The session is over. */
void syi_session_drop_partial(syi_session *session);
/* Lock held: a request has come on `door`. false: the client has another connection meanwhile, it is not to be worked
 * on. *dropped is for syi_replies_free, without the lock. */
bool syi_session_count(syi_session *session, const syi_session *door, const syi_message *message,
                       syi_kept_reply **entry, syi_kept_reply **dropped);
/* PING and REPEAT, which do not wait in the queue. */
void syi_session_control(syi_session *door, syi_message *message);
/* The connection's peer, with a reference; NULL: there is none. *takes is what the client takes. */
syi_peer *syi_session_use_peer(syi_session *session, syi_frame_limits *takes);
/* The answer in job->reply will be known when the client asks again. */
bool syi_session_remember(syi_session *session, syi_job *job);
/* Closes the connection after what was said on it, for which there is this long. */
#define SYI_CLOSE_MS 1000
void syi_session_hang_up(syi_session *session);
/* Where the client is, for logs. */
#define SYI_ADDRESS_SIZE 300
const char *syi_session_address(syi_session *session, char text[SYI_ADDRESS_SIZE]);

/* HELLO: the answer is in job->reply. */
sy_status syi_session_greet(syi_session *session, syi_job *job, sy_error *err);

syi_job *syi_job_new(syi_session *session); /* NULL: no memory */
void syi_job_free(syi_job *job);
/* Starts session->job, whose message is there. True: the caller goes on with the queue; otherwise somebody
 * else does. */
bool syi_job_start(syi_job *job);

/* The phases of a request (router.c). prepare: decode, under the strand, while nobody writes. execute:
 * compute, without it. finish: register results, under the strand, all or nothing; then the reply is in
 * job->reply or job->error. */
sy_status syi_router_prepare(syi_session *session, syi_job *job, sy_error *err);
/* It will not be carried out: others may wait for it. */
void syi_router_refuse(syi_job *job);
sy_status syi_router_execute(syi_session *session, syi_job *job, sy_error *err);
sy_status syi_router_finish(syi_session *session, syi_job *job, sy_error *err);
/* Strand held: takes back what the job changed in the store. */
void syi_router_undo(syi_job *job);
/* Without the strand. Drops what the job holds of its arguments; then, when the answer is on its way or the
 * changes were taken back, what they left. */
void syi_router_release(syi_job *job);
void syi_router_settle(syi_job *job);

/* Ends leases whose time has come; returns when the next one ends (0: none). */
uint64_t syi_sessions_expire(sy_worker *worker, uint64_t now);

#endif
