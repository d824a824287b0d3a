/*
 * custom_worker.h - kinds of workers made outside of the library: whole messages out, whole answers back.
 *
 * The two functions of the reference's BaseWorker that a kind must have (spec: _send_msg, _recv_msg). At the
 * client a class brings the bytes of a message to the worker and its answer back, over whatever it likes (HTTP, a
 * serial line, a queue); at the worker a client's counterpart takes the bytes and gives the answer:
 *
 *     client                                         worker
 *     send_msg(user, message, length, ..., answer)   sy_custom_client_recv_msg(client, message, length, answer, err)
 *
 * Everything else is as for any worker: sending, computing, pointers, search, deletion, deadlines, sessions that are
 * taken up again after a failure. The bytes are frames of `csyft.v1` (docs/reference/wire.md); both ends may cut
 * them into pieces for the way as long as they arrive whole and in order. They are copied on the way, so that large
 * tensors cost more memory than over tcp://.
 *
 * Adversary: what arrives is hostile, as on any socket; nothing here encrypts or authenticates.
 */
#ifndef CSYFT_CUSTOM_WORKER_H
#define CSYFT_CUSTOM_WORKER_H

#include <csyft/worker.h>

SY_BEGIN_DECLS

/* Bytes that grow. Not synchronised. */
typedef struct sy_answer sy_answer;

SY_API sy_status sy_answer_new(sy_context *context, sy_answer **answer, sy_error *err);
SY_API void sy_answer_free(sy_answer *answer); /* NULL is nothing */
/* SY_ENOMEM; what was there stays. */
SY_API sy_status sy_answer_append(sy_answer *answer, const void *bytes, size_t length,
                                  sy_error *err);
/* Borrowed until the next append. */
SY_API const void *sy_answer_get_bytes(const sy_answer *answer, size_t *length);

/* --- the client's half ------------------------------------------------------------------------- */

typedef struct sy_custom_worker_class {
    size_t size;      /* sizeof(sy_custom_worker_class) */
    const char *name; /* "PigeonWorker": what sy_worker_to_text calls it; copied, 1 to 47 bytes */
    /*
     * Brings the message to the worker and appends its answer, which may be empty (a message of deletions has
     * none). It runs on the thread that uses the worker, one call at a time per worker and sending worker; it may
     * block, for about `timeout_ms` (0: no limit) after which it should fail with SY_ETIMEDOUT. A failure, with a
     * sentence in *err, ends the connection: everything under way fails with SY_ECLOSED and that sentence, and the
     * next request begins a new connection with a greeting.
     */
    sy_status (*send_msg)(void *user, const void *message, size_t length, uint32_t timeout_ms,
                          sy_answer *answer, sy_error *err);
    void (*free)(void *user); /* nullable; when the worker goes, with its hook */
} sy_custom_worker_class;

/*
 * A worker that is reached through the class; greets. An id that is known with the same class and `user` gives the
 * worker that is there. SY_EEXIST: the id is another worker; SY_EINVAL: size, name, send_msg, or the id is not the
 * one that `options` (nullable) ask for; SY_ECLOSED, SY_ETIMEDOUT, SY_EPROTO as sy_worker_connect. On failure `user` stays
 * the caller's. Others can be told of it only where they have a class of their own for it.
 */
SY_API sy_status sy_custom_worker_new(sy_hook *hook, sy_worker **worker,
                                      const sy_custom_worker_class *klass, void *user,
                                      const sy_connect_options *options, sy_error *err);

/* --- the worker's half ------------------------------------------------------------------------- */

/* One client of a local or virtual worker. What the client had sent lives on for the lease's grace when this is
 * freed or the client greets anew. */
typedef struct sy_custom_client sy_custom_client;

/* `address` names the client in logs and errors, "pigeon://loft-7"; 1 to 199 bytes. Peers of this kind are strangers: they may introduce workers only
 * where any peer may. SY_EINVAL: a worker in another process, or no address. */
SY_API sy_status sy_custom_client_new(sy_worker *worker, sy_custom_client **client,
                                      const char *address, sy_error *err);
/*
 * Does what the message asks, and appends the answer when all of it is done. Blocks until then; calls for one client
 * wait for each other, different clients run side by side. Any thread, but not from inside send_msg of the same
 * client. SY_EPROTO for bytes that are no frames, SY_ELIMIT for too many, SY_ECLOSED when the worker ended the connection
 * or is going: the client's session may be taken up again by a greeting through the same client.
 */
SY_API sy_status sy_custom_client_recv_msg(sy_custom_client *client, const void *message,
                                           size_t length, sy_answer *answer, sy_error *err);
/* NULL is nothing. Before or after the worker's hook, before its context; no call may be running. */
SY_API void sy_custom_client_free(sy_custom_client *client);

SY_END_DECLS

#endif
