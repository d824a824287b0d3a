/*
 * commands.h - worker commands: requests by name beside operations on tensors. Each room registers its
 * own (design: upward knowledge goes through registration).
 */
#ifndef SYI_WORKERS_COMMANDS_H
#define SYI_WORKERS_COMMANDS_H

#include "messaging/joint.h"
#include "workers/worker.h"

/* What a handler gets to know about a request. */
typedef struct sy_request {
    sy_worker *worker;
    syi_session *session;
    struct syi_job *job;
    const sy_id *caller; /* as the peer calls itself; not authenticated */
    uint64_t bit;        /* who it is, in lists of permissions */
    bool trusted_link;   /* same process or loopback */
    uint64_t message_id;
    uint64_t deadline;
    const sy_value *args; /* pointers to this worker's objects are the objects */
    size_t arg_count;
    syi_encoder *reply; /* one value must be written on success */
} sy_request;

enum {
    SYI_COMMAND_WAITS = 1u << 0,  /* talks to another worker: runs on a session thread */
    SYI_COMMAND_WRITES = 1u << 1, /* changes objects: runs alone */
    /* Runs its first argument (a plan) on the others: waits when one of them is elsewhere, runs alone when that
     * changes objects, and takes a thread of the pool. */
    SYI_COMMAND_COMPUTES = 1u << 2,
    /* With COMPUTES: when it changes nothing, it begins on the transport's thread, keeps to the budget that it asks for
     * (syi_request_get_budget), and begins again on the pool where that does not suffice (syi_request_postpone). */
    SYI_COMMAND_BUDGETED = 1u << 3,
    /* Who asks looks at the answer much later, except where it is an error: answers may leave together. */
    SYI_COMMAND_UNHURRIED = 1u << 4,
};

typedef struct syi_worker_command {
    const char *name;
    size_t arg_min, arg_max;
    unsigned flags;
    sy_status (*handle)(const sy_request *request, sy_error *err);
} syi_worker_command;

/*
 * Commands that several workers carry out together (messaging/joint.h): one room above runs them. `begin` waits for the
 * command's turn, on a thread that may wait, and sets joint->run; when it succeeds, `end` follows with the outcome.
 */
typedef struct syi_joint_class {
    sy_status (*begin)(sy_worker *worker, syi_joint *joint, uint64_t deadline, sy_error *err);
    void (*end)(sy_worker *worker, syi_joint *joint, sy_status status, const sy_error *why);
    /* One that was refused before `begin`; must not wait. */
    void (*refused)(sy_worker *worker, const syi_joint *joint, const sy_error *why);
    void (*gone)(sy_worker *worker, const syi_session *caller); /* a caller's session is over */
    void (*stop)(sy_hook *hook);    /* the hook is being freed: wakes whoever waits */
    void (*release)(sy_hook *hook); /* no worker runs anything any more */
} syi_joint_class;
void syi_commands_register_joint(sy_hook *hook, const syi_joint_class *klass);

sy_status syi_commands_register(sy_hook *hook, const syi_worker_command *commands, size_t count,
                                sy_error *err);
const syi_worker_command *syi_commands_find(sy_hook *hook, const char *name);

/* Registers a result of a request under `id` (none: fresh) with the caller's lease; takes nothing.
 * Writes [id, generation, dtype, shape] to the reply when asked. */
sy_status syi_request_register(const sy_request *request, sy_tensor *tensor, const sy_id *id,
                               sy_error *err);
/* How operations of the request are run: on the caller's account, until its deadline, with the worker's releases. */
void syi_request_get_mode(const sy_request *request, syi_mode *mode);
/* The ns that a BUDGETED command may take where it is run now; 0: any time. */
uint64_t syi_request_get_budget(const sy_request *request);
/* It would take longer: what the handler returns does not count, it will be called again. It has changed nothing so far. */
void syi_request_postpone(const sy_request *request);
/* Somebody may wait for the answer to this UNHURRIED command all the same. */
void syi_request_hurry(const sy_request *request);
/* Did it come from this process? Then its tensors may be the sender's. */
bool syi_request_is_direct(const sy_request *request);
/* Is one of the arguments at another worker? Then the request holds no gate. */
bool syi_request_waits(const sy_request *request);
/* Writes a descriptor of a tensor that belongs to another object (generation 0: nobody owns it by that), and registers it
 * under its id, with the caller's lease, if it is not there yet. */
sy_status syi_request_show(const sy_request *request, sy_tensor *tensor, sy_error *err);
/* Takes the object away for good, unless the answer cannot be sent. SY_ENOTFOUND. */
sy_status syi_request_remove(const sy_request *request, const sy_id *id, sy_error *err);
/*
 * Asks `target` to do a worker command, from `owner`. *exchange->reply holds one value; decode it with a
 * decoder of its own and end the exchange with syi_link_end.
 */
struct syi_exchange;
/* The first half of it: the request has left, and the exchange is to be waited for (link.h). `deadline` 0: the target's
 * timeout. joint: nullable. */
sy_status syi_command_start(sy_worker *owner, sy_worker *target, const char *name,
                            const sy_value *args, size_t arg_count, const syi_joint *joint,
                            uint64_t deadline, struct syi_exchange *exchange, sy_error *err);
/* Without waiting for the answer; a failure is kept for whoever drains the link. */
sy_status syi_command_post(sy_worker *owner, sy_worker *target, const char *name,
                           const sy_value *args, size_t arg_count, sy_error *err);
sy_status syi_command_request(sy_worker *owner, sy_worker *target, const char *name,
                              const sy_value *args, size_t arg_count, struct syi_exchange *exchange,
                              sy_error *err);
/* The same when the answer says nothing but that it was done. */
sy_status syi_command_tell(sy_worker *owner, sy_worker *target, const char *name,
                           const sy_value *args, size_t arg_count, sy_error *err);
/* sy_worker_introduce without waiting: when *begun, the exchange is to be waited for and ended (link.h). */
sy_status syi_worker_introduce_start(sy_worker *worker, sy_worker *other, const char *url,
                                     bool *begun, struct syi_exchange *exchange, sy_error *err);
/* An id that was written so; SY_EINVAL: the value is neither a number nor a text. */
sy_status syi_value_read_id(const sy_value *value, sy_id *id, sy_error *err);
/* An id as an argument; the text is the id's. */
static inline sy_value syi_id_value(const sy_id *id)
{
    return id->kind == SY_ID_INT ? sy_value_int(id->number) : sy_value_string(id->text);
}

/* clear_objects, tensors_count, list_objects, list_tensors: what PySyft's clients ask (listing.c). */
sy_status syi_commands_register_listing(sy_hook *hook, sy_error *err);
/* The log of messages (message_log.c), known workers and clearing (peers.c). */
sy_status syi_commands_register_message_log(sy_hook *hook, sy_error *err);
sy_status syi_commands_register_peers(sy_hook *hook, sy_error *err);
/* permit (access_lists.c) */
sy_status syi_commands_register_lists(sy_hook *hook, sy_error *err);
/* The commands of this room: keep, delete, requires_grad_, set_grad, add_worker, whoami, ... */
sy_status syi_commands_register_builtin(sy_hook *hook, sy_error *err);

#endif
