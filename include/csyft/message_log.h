/*
 * message_log.h - what a worker has sent and received: log_msgs, verbose and _get_msg of the reference's BaseWorker,
 * for both directions and within bounds.
 *
 * An entry holds direction, time, size, who was at the other end, the kind of the message, and a word about it: the name
 * of a command, the id of an object, the status of an error. Contents of tensors, arguments, tokens and sentences are
 * not in it. Every message counts: greetings, answers and deletions, too; so that a log from the beginning of a
 * connection counts as many messages as its transport (sy_worker_get_traffic). An answer is in it before it leaves,
 * also when its client has gone.
 *
 * A worker in another process keeps its log there and is asked for it; it answers who may administer it
 * (sy_worker_permit_administration), others hear SY_EPERM. Asking it is messages, too, and they are in its log.
 * Clients of PySyft are logged with their own messages.
 *
 * Functions are safe from any thread.
 */
#ifndef CSYFT_MESSAGE_LOG_H
#define CSYFT_MESSAGE_LOG_H

#include <csyft/worker.h>

SY_BEGIN_DECLS

typedef struct sy_message_log_options {
    size_t size;
    size_t
        messages_max; /* the newest that are kept; 0: 1024; at most 1048576, of a remote worker 65536 */
    size_t bytes_max; /* of memory for them, about 300 bytes each; 0: 1 MiB. The smaller counts. */
    bool verbose; /* each is a line of the context's log, too: component "messages", level info */
} sy_message_log_options;
#define SY_MESSAGE_LOG_OPTIONS_INIT            \
    {                                          \
        .size = sizeof(sy_message_log_options) \
    }

/* From now on the worker's messages are logged; what was logged before is forgotten, numbers start at 0. For a
 * local worker also the messages that it sends to other workers and their answers. `options` may be NULL.
 * SY_EINVAL for options out of range, SY_ENOMEM; as for any request where the worker is remote. */
SY_API sy_status sy_worker_log_messages(sy_worker *worker, const sy_message_log_options *options,
                                        sy_error *err);
/* Ends that and forgets all. Not logging: nothing. */
SY_API sy_status sy_worker_stop_logging(sy_worker *worker, sy_error *err);

typedef struct sy_logged_message {
    uint64_t number;     /* among all since logging began, from 0 */
    int64_t time_us;     /* since 1970 */
    bool received;       /* otherwise sent */
    uint64_t message_id; /* 0: nobody waited for an answer; an answer has the id of its request */
    uint64_t size;       /* bytes */
    unsigned segments;   /* tensors that travelled beside the message's body */
    char kind[32];       /* "command", "reply"; docs/reference/wire.md */
    char subject[64];    /* "add"; may be "" */
    char peer[64]; /* the worker at the other end, as it calls itself; "": it has not said so yet */
    char address[96]; /* "tcp://10.0.0.7:51502"; shortened */
} sy_logged_message;

/* Messages with numbers from `from` on that are still kept, oldest first; at most 4096 of them: for more ask again from
 * the last number + 1. *messages is freed with sy_logged_messages_free. Not logging: none. */
SY_API sy_status sy_worker_get_log(sy_worker *worker, sy_logged_message **messages, size_t *count,
                                   uint64_t from, sy_error *err);
SY_API void sy_logged_messages_free(sy_hook *hook, sy_logged_message *messages, size_t count);
/* _get_msg: the message that was received as number `index` (from 0; -1: the last). SY_ENOTFOUND when it is not
 * there, or no longer. */
SY_API sy_status sy_worker_get_message(sy_worker *worker, sy_logged_message *message, int64_t index,
                                       sy_error *err);
/* How many there were since logging began, those that are not kept any more included. */
SY_API sy_status sy_worker_count_messages(sy_worker *worker, uint64_t *sent, uint64_t *received,
                                          sy_error *err);

SY_END_DECLS

#endif
