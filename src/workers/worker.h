/*
 * worker.h (internal) - the worker behind sy_worker: store, gate, sessions, links. Public face:
 * <csyft/worker.h>. Threads: docs/internals/worker-threads.md.
 *
 * The strand (a mutex held for short, never while computing or waiting) guards the store and the gate.
 * The gate lets commands that only read run side by side and commands that write (in place, backward)
 * run alone, in the order in which they came. A command that waits for another worker is outside the
 * gate: it touches no native storage.
 */
#ifndef SYI_WORKERS_WORKER_H
#define SYI_WORKERS_WORKER_H

#include <pthread.h>

#include <csyft/custom_worker.h>
#include <csyft/worker.h>

#include "hook/dispatch.h"
#include "hook/hook.h"
#include "messaging/control.h"
#include "pysyft/server.h"
#include "transport/journal.h"
#include "transport/transport.h"
#include "workers/tokens.h"

typedef struct syi_session syi_session;
typedef struct syi_link syi_link;

typedef struct syi_object {
    sy_tensor *tensor;
    uint64_t generation;
    syi_session *lease;        /* dies with this session; NULL: kept until removed */
    struct syi_caller *caller; /* counts it; NULL: the owner of the worker put it there */
    /* It took another's place, or came from another worker: is deleted by its own generation only. */
    bool exact;
    bool shared;  /* SYI_FLAG_KEPT put it there */
    bool settled; /* adopted: whose lists are its lists was decided by who sent it */
} syi_object;

/* The gate of worker.h's comment; strand held for all of it. */
typedef struct syi_gate {
    unsigned readers;
    bool writer;
    unsigned sleeping;             /* threads in syi_gate_hold */
    struct syi_job *first_waiting; /* FIFO */
    struct syi_job *last_waiting;
} syi_gate;

typedef struct syi_listening {
    struct syi_listening *next;
    syi_listener *listener;
    syi_pysyft_gate gate; /* for PySyft's clients */
} syi_listening;

/* 0: no limit (sy_listen_options has the defaults). */
typedef struct syi_worker_limits {
    unsigned connections_per_caller;
    uint64_t requests_per_second, request_burst;
    uint64_t memory_per_caller;
    uint64_t objects_max, objects_per_caller;
} syi_worker_limits;

#define SYI_SESSION_THREADS_MAX 64
#define SYI_SPARE_OBJECTS 16

struct sy_worker {
    sy_hook *hook;
    sy_id id;
    char name[SY_ERROR_NAME_SIZE]; /* the id as text, for sentences */
    sy_worker_kind kind;
    bool is_client;
    bool allow_introductions;        /* from any peer */
    bool forbid_introductions;       /* from any peer; otherwise from this machine */
    uint64_t administrators;         /* their bits in lists of permissions (access.h); strand */
    bool has_administrators;         /* otherwise who is on this machine; strand */
    syi_journal journal;             /* of its messages */
    atomic_uint_fast64_t pending_ns; /* simulated latency */

    /* serving half: local and virtual workers */
    pthread_mutex_t strand;
    pthread_cond_t quiet; /* a command or a thread has finished, or nobody writes any more */
    syi_table *objects;
    syi_object *spare_objects[SYI_SPARE_OBJECTS]; /* memory for the next ones */
    unsigned spare_count;
    uint64_t last_generation;
    syi_gate gate;
    unsigned running;         /* commands being worked on */
    unsigned threads;         /* of the pool and of sessions that are at work here */
    unsigned session_threads; /* commands that wait for other workers */
    unsigned
        resting;  /* threads of such commands that have ended and wait for another one (jobs.c) */
    bool no_rest; /* the hook is being freed */
    struct syi_job *handed; /* to them, linked by next_waiting */
    pthread_cond_t rested;
    bool stopping;
    syi_session *sessions;
    uint32_t lease_grace_ms;
    uint64_t message_max;
    syi_account account;
    syi_tokens tokens;
    struct syi_caller *callers; /* callers.h */
    size_t caller_count;
    syi_worker_limits limits;
    int64_t *release_rows; /* per operation, 0: no release; NULL: none at all */
    syi_listening *listening;
    sy_custom_client *custom_clients; /* clients of custom kinds; strand */

    /* the way to it: remote workers */
    char url[512];                 /* "" for local and virtual */
    struct syi_custom_way *custom; /* instead of a url: how to bring messages to it; owned */
    uint32_t timeout_ms;
    uint32_t connect_timeout_ms;
    uint32_t reconnect_ms; /* 0: never */
    uint32_t keepalive_ms; /* 0: never */
    uint32_t ping_timeout_ms;
    unsigned spin_us;
    char bearer[SYI_BEARER_MAX + 1]; /* the token to show there; "": none */

    /* as a sender: one link per worker it talks to */
    pthread_mutex_t links_lock;
    syi_table *links; /* target id -> syi_link */
};

static inline bool syi_worker_is_here(const sy_worker *worker)
{
    return worker->kind == SY_WORKER_LOCAL || worker->kind == SY_WORKER_VIRTUAL;
}

/* The reference's hint for a missing object, as SY_ENOTFOUND. */
sy_status syi_object_missing(const sy_worker *worker, const sy_id *id, sy_error *err);

/* Store; strand held. */
syi_object *syi_store_get(sy_worker *worker, const sy_id *id);
/* Keeps a reference to the tensor and sets its owner and id. A different session's leased object is not
 * overwritten: SY_EEXIST. *old is what was replaced, NULL for nothing: until the strand is let go it can be
 * put back with syi_store_undo, which drops the new one; otherwise syi_store_forget gives its tensor, to be
 * dropped without the strand. */
sy_status syi_store_put(sy_worker *worker, const sy_id *id, sy_tensor *tensor, syi_session *lease,
                        uint64_t *generation, syi_object **old, sy_error *err);
void syi_store_undo(sy_worker *worker, const sy_id *id, syi_object *old);
sy_tensor *syi_store_forget(sy_worker *worker, syi_object *old);
/* It is leased to that session, and counts for its caller, from now on. */
void syi_object_lease(syi_object *object, syi_session *session);
/* Removes; the tensor's reference goes to the caller (drop it without the strand). generation 0: any. */
sy_tensor *syi_store_take(sy_worker *worker, const sy_id *id, uint64_t generation);
/* The same with its generation and lease, so that it can be put back: syi_store_return (false: no memory), or
 * given up: syi_store_forget. */
syi_object *syi_store_remove(sy_worker *worker, const sy_id *id, uint64_t generation);
bool syi_store_return(sy_worker *worker, const sy_id *id, syi_object *object);
bool syi_store_matches(const syi_object *object, const sy_id *id, const char *const *terms,
                       size_t term_count);

/* For threads that may wait (session threads): in between nobody writes to this worker's objects. Short, and
 * never while waiting for another worker. */
void syi_gate_hold(sy_worker *worker);
void syi_gate_let_go(sy_worker *worker);

/* The service that a worker offers to every transport (session.c). */
syi_service syi_worker_service(sy_worker *worker);

/* A connection from `owner` to `target` begins: its messages are logged, its latency is that of both
 * (message_log.c). */
void syi_worker_watch(sy_worker *owner, sy_worker *target, syi_connection *connection);
void syi_worker_describe_message(const syi_message *message, syi_journal_entry *entry);

/* The older workers' lines (announcements.c). */
void syi_worker_say_starting(const sy_worker *worker, const syi_url *url);
void syi_worker_say_ready(const sy_worker *worker, const syi_url *url);
void syi_worker_say_attaching(const sy_worker *worker);

/* Directory (directory.c). Returned workers are borrowed. */
sy_worker *syi_directory_find(sy_hook *hook, const sy_id *id);
sy_status syi_directory_add(sy_hook *hook, sy_worker *worker, sy_error *err);
/* A worker known by URL only; connected to at first use. SY_EEXIST when the id is somebody else. */
sy_status syi_directory_introduce(sy_hook *hook, const sy_id *id, const char *url, sy_error *err);

sy_status syi_worker_new(sy_hook *hook, sy_worker **worker, const sy_id *id, sy_worker_kind kind,
                         sy_error *err);
void syi_worker_free(sy_worker *worker);
void syi_worker_use_options(sy_worker *worker, const sy_connect_options *options);
/* Asks a known worker whether it is there. */
sy_status syi_worker_greet_known(sy_worker *known, sy_error *err);
/* Greets `made`, learns its id and puts it into the directory; then it is *worker. A worker of that id which
 * `same` says is the same takes its place; another is SY_EEXIST. `made` is freed unless it is used. `where` is for sentences. */
sy_status syi_worker_make_contact(sy_worker *made, const char *where,
                                  bool (*same)(const sy_worker *known, const sy_worker *made),
                                  sy_worker **worker, sy_error *err);
/* Ends the connections of the worker's custom clients (custom_client.c); returns when none of them is at work. */
void syi_custom_clients_end(sy_worker *worker);
/* Makes the local worker and this room's state (janitor, worker commands). */
sy_status syi_workers_register(sy_hook *hook, const sy_hook_options *options, sy_error *err);

#endif
