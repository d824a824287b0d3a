/*
 * worker.h - workers: a store of objects, the workers it knows, and a way to reach it.
 *
 * Every worker made from a hook lives in the hook's directory until the hook is freed; handles are
 * borrowed. Making a worker with an id that is known and of the same kind gives the existing one;
 * another kind is SY_EEXIST. Kinds (004): VIRTUAL for development and tests in one process, SOCKET
 * (tcp://) for deployment between machines, WEBSOCKET (ws://) for browsers and through proxies. All
 * take the same requests in the same bytes.
 *
 * Functions on workers are safe from any thread.
 */
#ifndef CSYFT_WORKER_H
#define CSYFT_WORKER_H

#include <csyft/tensor.h>

SY_BEGIN_DECLS

typedef enum sy_worker_kind {
    SY_WORKER_LOCAL = 0,
    SY_WORKER_VIRTUAL = 1,
    SY_WORKER_SOCKET = 2,
    SY_WORKER_WEBSOCKET = 3,
    SY_WORKER_REGISTERED = 4, /* only in sy_worker_info: introduced by URL, not connected yet */
    SY_WORKER_CUSTOM = 5,     /* of a class made outside of the library (custom_worker.h) */
} sy_worker_kind;

/* A virtual worker. `id` as a user types it (digits: integer); NULL: 0, the reference's default. */
SY_API sy_status sy_virtual_worker_new(sy_hook *hook, sy_worker **worker, const char *id,
                                       sy_error *err);

typedef struct sy_connect_options {
    size_t size;
    const char *id;              /* the id it must have; NULL: what the worker itself says */
    uint32_t timeout_ms;         /* per request; 0: 60 s */
    uint32_t connect_timeout_ms; /* 0: 10 s */
    unsigned spin_us;            /* spin this long for a reply before sleeping */
    const char *
        token; /* says there who this is (caller.h); NULL: a certificate does, or nothing. Copied. */
    bool insecure; /* the token may travel unencrypted to another machine: SY_EPERM otherwise */
    /* A connection that breaks is made again, for so long and within the deadlines of the requests that wait; none of
     * them is carried out twice: one whose outcome cannot be learned any more fails with SY_EINDOUBT. 0: 5 s. */
    uint32_t reconnect_ms;
    bool no_reconnect; /* they fail at once with SY_ECLOSED; the next request connects */
    /* A connection on which nothing came for that long is asked for a sign of life, so that what stands between keeps it;
     * 0: 30 s. When none comes within ping_timeout_ms (0: 10 s) it counts as broken. PySyft's servers ask themselves. */
    uint32_t keepalive_ms;
    uint32_t ping_timeout_ms;
    bool no_keepalive;
} sy_connect_options;
#define SY_CONNECT_OPTIONS_INIT            \
    {                                      \
        .size = sizeof(sy_connect_options) \
    }

/* A worker in another process: SocketWorker for tcp:// and tls:// (tls.h), WebsocketClientWorker for ws://, wss://
 * and, to a server of PySyft 0.2.9, pysyft+ws://ID@HOST:PORT, with its id there or in options
 * (docs/reference/pysyft-wire.md).
 * Connects and greets. SY_EEXIST when the id is known as another worker, SY_EINVAL when the worker there has
 * another id than asked for, SY_ECLOSED, SY_ETIMEDOUT, SY_EPROTO name the URL. A verbose hook logs the line of the older
 * workers, "Attaching Pointer to Socket Worker..." (004). */
SY_API sy_status sy_worker_connect(sy_hook *hook, sy_worker **worker, const char *url,
                                   const sy_connect_options *options, sy_error *err);
/* Closes the connections to this worker; the next request opens one again and takes up the session. */
SY_API void sy_worker_close(sy_worker *worker);

typedef struct sy_loop sy_loop; /* loop.h */

typedef struct sy_listen_options {
    size_t size;
    bool allow_introductions;  /* any peer may tell this worker where others are; default: peers of
                                  this machine only */
    bool forbid_introductions; /* none may */
    uint32_t lease_grace_ms;   /* objects of a client that went away live this long; 0: 10 s */
    unsigned connections_max;  /* 0: 1024 */
    uint64_t message_max;      /* bytes of one message; 0: bounded by the memory limit only */
    bool insecure; /* may be reached from other machines without encryption, or by anybody */
    /* Limits of callers; one that is passed is refused by name and value. */
    unsigned connections_per_caller; /* or of one address, while it is anonymous; 0: 256 */
    uint32_t requests_per_second;    /* of one caller; 0: no limit. SY_EBUSY beyond it. */
    uint32_t request_burst;          /* so many at once after a pause; 0: those of a second */
    uint64_t memory_per_caller;  /* bytes of tensors that one caller makes it hold; 0: no limit */
    uint64_t objects_max;        /* in all; 0: 1048576 */
    uint64_t objects_per_caller; /* 0: no limit */
    uint64_t
        send_queue_max; /* bytes that wait for a client that does not read, or one answer; 0: 1 GiB */
    uint32_t greeting_ms; /* a client must have greeted within this; 0: 10 s */
    uint32_t stall_ms;    /* a message that began must go on: 64 KiB in each such time; 0: 30 s */
    unsigned spin_us; /* look for the next request this long before sleeping; 0: sleep at once */
    sy_loop
        *loop; /* the caller's thread serves; NULL: a thread of the library. Not with spin_us. */
} sy_listen_options;
#define SY_LISTEN_OPTIONS_INIT            \
    {                                     \
        .size = sizeof(sy_listen_options) \
    }

/* Lets others reach a local or virtual worker. Several URLs may be listened on. *bound is the URL with
 * the real port, borrowed for the worker's life. SY_EEXIST when the address is in use, SY_EIO; SY_EPERM when other
 * machines can reach it (neither 127.0.0.1, ::1 nor localhost) and it is not encrypted, or takes anybody: neither
 * certificates of clients nor tokens (caller.h) are asked for. A verbose hook logs the lines of the older workers, "Ready
 * to receive commands...." (004).
 *
 * connections_max, send_queue_max, greeting_ms, stall_ms and spin_us are the listener's own. All other options are the
 * worker's: those of the last call count for every listener, also for clients that are there already (a caller has one
 * account, whichever way it comes); introductions that one call allows or forbids stay so. */
SY_API sy_status sy_worker_listen(sy_worker *worker, const char *url,
                                  const sy_listen_options *options, const char **bound,
                                  sy_error *err);
/* Stops accepting, lets running requests finish (at most `drain_ms`), closes every peer. */
SY_API void sy_worker_stop_listening(sy_worker *worker, uint32_t drain_ms);

/* Bytes of tensor storage that others may make this worker hold; 0: no limit. */
SY_API void sy_worker_set_memory_limit(sy_worker *worker, uint64_t bytes);

/*
 * Declares a release: the results of operation `name` leave private status when every private argument
 * is an aggregate over at least `min_rows` rows (SECURITY.md says what this does and does not promise).
 * "sgd_" releases parameters trained with a mean loss. SY_EUNKNOWNOP; SY_EINVAL for min_rows < 1.
 */
SY_API sy_status sy_worker_declare_release(sy_worker *worker, const char *name, int64_t min_rows,
                                           sy_error *err);

SY_API sy_id sy_worker_get_id(const sy_worker *worker);
SY_API sy_worker_kind sy_worker_get_kind(const sy_worker *worker);
SY_API sy_hook *sy_worker_get_hook(const sy_worker *worker);
/* "<VirtualWorker id:bob #objects:2>"; returns buffer. Remote workers show no count. */
SY_API const char *sy_worker_to_text(sy_worker *worker, char *buffer, size_t size);

/* Known workers. The directory is one for the hook. Another handle under a known id changes nothing and
 * warns in the log (the original overwrites; here handles are borrowed by pointers). */
SY_API sy_status sy_worker_add_worker(sy_worker *worker, sy_worker *other, sy_error *err);
SY_API sy_status sy_worker_add_workers(sy_worker *worker, sy_worker *const *others, size_t count,
                                       sy_error *err);
/* The worker of that id, or NULL and SY_ENOTFOUND; without fail_hard an unknown id is a warning in the
 * log, *found NULL and SY_OK. */
SY_API sy_status sy_worker_get_worker(sy_worker *worker, sy_worker **found, const char *id,
                                      bool fail_hard, sy_error *err);
/* Tells the remote `worker` where `other` is, so that both can exchange objects directly. `url` NULL:
 * the URL this process reached it by; a virtual worker needs none (it is in the same process). */
SY_API sy_status sy_worker_introduce(sy_worker *worker, sy_worker *other, const char *url,
                                     sy_error *err);

/* Objects of a local or virtual worker. */
SY_API size_t sy_worker_get_object_count(sy_worker *worker);
/* Registers under `id` (nullable: the tensor's own). Client workers register nothing (no effect). The
 * worker keeps a reference until the object is removed. */
SY_API sy_status sy_worker_register_object(sy_worker *worker, sy_tensor *tensor, const sy_id *id,
                                           sy_error *err);
/* A new reference, or SY_ENOTFOUND with the reference's hint ("If you think this tensor does exist"). */
SY_API sy_status sy_worker_get_object(sy_worker *worker, sy_tensor **tensor, const sy_id *id,
                                      sy_error *err);
/*
 * register_response (003): registers the tensors of an answer, nested lists included, left to right under ids
 * taken from the end of `ids`. `left` is the answer with none where a tensor was; its lists lie in `items`.
 * used[0..*used_count) are the ids in that order. SY_ESIGNATURE (the originals' ResponseSignatureError) when
 * there were too few ids: everything is registered all the same, the rest under fresh ids, and all OUT values
 * are given. SY_EINVAL without a worker, SY_ELIMIT without room, SY_ENOMEM: then nothing is registered.
 */
SY_API sy_status sy_worker_register_response(sy_worker *worker, sy_value *left, sy_value *items,
                                             size_t item_capacity, sy_id *used,
                                             size_t used_capacity, size_t *used_count,
                                             const sy_value *response, size_t count,
                                             const sy_id *ids, size_t id_count, sy_error *err);
SY_API void sy_worker_remove_object(sy_worker *worker, const sy_id *id); /* absent: nothing */
SY_API sy_status sy_worker_deregister_object(sy_worker *worker, sy_tensor *tensor, sy_error *err);
SY_API void sy_worker_clear_objects(sy_worker *worker);
SY_API sy_status sy_worker_load_data(sy_worker *worker, sy_tensor *const *tensors, size_t count,
                                     sy_error *err);
/* Registers and keeps until removed; private: its contents and all that is computed from them stay
 * (policy.h). */
SY_API sy_status sy_worker_publish(sy_worker *worker, sy_tensor *tensor, bool private_,
                                   sy_error *err);

/* Any worker, asked over its transport; for the CLI and for administration. */
typedef struct sy_object_info {
    sy_id id;
    uint64_t generation;
    sy_dtype dtype;
    int ndim;
    int64_t shape[SY_DIM_MAX];
    char tags[256];        /* separated by spaces, shortened with "..." */
    char description[128]; /* first line, shortened */
    bool private_;
} sy_object_info;
/* All terms must match (id, exact tag, or part of the description); none match everything. *infos is
 * freed with sy_object_infos_free. */
SY_API sy_status sy_worker_find(sy_worker *worker, sy_object_info **infos, size_t *count,
                                const char *const *terms, size_t term_count, sy_error *err);
SY_API void sy_object_infos_free(sy_hook *hook, sy_object_info *infos, size_t count);
/* Deletes an object of any worker; SY_ENOTFOUND when there is none. */
SY_API sy_status sy_worker_delete(sy_worker *worker, const sy_id *id, sy_error *err);
/* How many objects any worker holds (objects_count_remote of the originals). */
SY_API sy_status sy_worker_count_objects(sy_worker *worker, uint64_t *count, sy_error *err);
/*
 * Deletes every object of any worker that this caller may delete (caller.h), kept and published ones included
 * (clear_objects_remote). *removed (nullable) is their number; what others must not delete stays. Deletes one by one: a
 * failure on the way leaves those that are gone.
 */
SY_API sy_status sy_worker_clear_remote(sy_worker *worker, uint64_t *removed, sy_error *err);

/* A worker that another one knows. */
typedef struct sy_worker_info {
    sy_id id;
    sy_worker_kind kind;
    char address[512]; /* its URL; "": in the same process, or reached by a class of its own */
} sy_worker_info;
/* The workers that any worker knows, itself included, in the order of their ids' registration. SY_EPERM for who may not
 * administer it (caller.h). *infos is freed with sy_worker_infos_free. */
SY_API sy_status sy_worker_find_peers(sy_worker *worker, sy_worker_info **infos, size_t *count,
                                      sy_error *err);
SY_API void sy_worker_infos_free(sy_hook *hook, sy_worker_info *infos, size_t count);
/* "id: bob, type: SocketWorker, version: 0.1.0, wire: 1-1"; free with sy_string_free. */
SY_API sy_status sy_worker_whoami(sy_worker *worker, char **text, sy_error *err);

/*
 * Simulated latency (message_pending_time of the originals), in seconds, 0 to 3600; at first 0. Answers to what a
 * local or virtual worker sends reach it so much later, and so do all answers of a worker, whatever its kind, for whom
 * in this process asks it; both times add up. Requests leave at once, any number may be under way, and no thread of a
 * pool waits; the timeouts of requests run meanwhile. SY_EINVAL for another time, and for no number.
 */
SY_API sy_status sy_worker_set_message_pending_time(sy_worker *worker, double seconds,
                                                    sy_error *err);
SY_API double sy_worker_get_message_pending_time(const sy_worker *worker);

/* Messages and bytes that the hook's local worker exchanged with this worker. */
typedef struct sy_traffic {
    uint64_t messages_sent, messages_received, bytes_sent, bytes_received;
} sy_traffic;
SY_API sy_traffic sy_worker_get_traffic(const sy_worker *worker);

SY_END_DECLS

#endif
