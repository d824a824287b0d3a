/*
 * link.h - one worker's way to another: a connection, requests in flight, deletions waiting.
 *
 * Links are made on demand and live as long as the sending worker. A request is driven by the thread
 * that waits for it; several threads may share a link (one of them receives for all). Deletions ride in
 * front of the next request; when none comes the janitor flushes them after 5 ms.
 * A connection that breaks is made again and takes the session up, so that leased objects live on. Where the
 * worker counts requests, those in flight go on there, none of them twice; otherwise they fail with SY_ECLOSED
 * (docs/decisions/0011-reconnect.md). Threads and locks: docs/internals/worker-threads.md.
 */
#ifndef SYI_WORKERS_LINK_H
#define SYI_WORKERS_LINK_H

#include "workers/worker.h"

/* Proof of a session at a server, kept for taking it up again. */
typedef struct syi_session_key {
    bool known;
    uint8_t session[SYI_SESSION_SIZE];
    uint8_t token[SYI_SESSION_SIZE];
} syi_session_key;

/* The link from `owner` to `target`, connected and greeted. SY_EINVAL for a worker without a way. */
sy_status syi_link_get(sy_worker *owner, sy_worker *target, syi_link **link, sy_error *err);
/* For sy_worker_connect: connects before the target has an id (it learns it), then installs. */
sy_status syi_link_first_contact(sy_worker *owner, sy_worker *target, syi_link **link,
                                 sy_error *err);
/* Takes the link: the owner keeps it from now on, or it is freed. */
sy_status syi_link_install(syi_link *link, sy_error *err);
sy_worker *syi_link_get_target(const syi_link *link);

/* Starts a request: an empty message of that kind, reused memory, to be filled (body, segments, flags).
 * Every begun request ends in exactly one of request, post or abandon. Two threads begin two requests. */
typedef struct syi_exchange {
    syi_link *link;
    syi_message *message; /* to fill */
    syi_message *reply;   /* after syi_link_request: body and segments of the answer */
    struct syi_pending *pending;
    uint64_t deadline; /* of a started one */
} syi_exchange;
sy_status syi_link_begin(syi_link *link, syi_exchange *exchange, syi_kind kind, sy_error *err);
/* Sends and waits. An ERROR answer becomes its status and sentence, with the worker's name. `deadline`
 * 0: the target's timeout. The reply is valid until syi_link_end. */
sy_status syi_link_request(syi_exchange *exchange, uint64_t deadline, sy_error *err);
/* The two halves of it, so that several workers can be asked before one of them is waited for. What was
 * started with success must be waited for, before syi_link_end. */
sy_status syi_link_start(syi_exchange *exchange, uint64_t deadline, sy_error *err);
sy_status syi_link_wait(syi_exchange *exchange, sy_error *err);
/* Until every one of these, started and perhaps on different links, can be waited for without delay: all links are looked
 * after meanwhile, so that one that breaks is made again while another has nothing to say. NULL among them: none. Returns
 * at once when a connection is lost for good; then that exchange is the failed one (others may still be under way), *err
 * names its worker. */
sy_status syi_link_attend(syi_exchange *const *exchanges, size_t count, size_t *failed,
                          sy_error *err);
/* Can it be waited for without delay? Looks after its link for a moment. */
bool syi_link_is_over(syi_exchange *exchange);
/* Sends (perhaps together with later ones) without waiting. A failure is kept for syi_link_drain. */
sy_status syi_link_post(syi_exchange *exchange, sy_error *err);
/* Gives the memory back; also the way to abandon. */
void syi_link_end(syi_exchange *exchange);

/* Waits for every posted request; the first failure since the last drain. */
sy_status syi_link_drain(syi_link *link, sy_error *err);

/* Queues a deletion; never blocks, never does I/O. generation 0: whatever this link put there. */
void syi_link_delete(syi_link *link, const sy_id *id, uint64_t generation);
/* How many sessions with the target were lost so far: what was put there in an earlier one is not ours to
 * delete any more. */
unsigned syi_link_get_epoch(syi_link *link);
/* Sends waiting deletions now, unless somebody else sends. true: some are left, try again soon. */
bool syi_link_flush(syi_link *link);
bool syi_link_has_deletions(syi_link *link);
/* Are there deletions that could be sent, and have they waited for `age` (ns)? */
typedef enum syi_waiting { SYI_WAITING_NONE, SYI_WAITING_SOON, SYI_WAITING_DUE } syi_waiting;
syi_waiting syi_link_look(syi_link *link, uint64_t now, uint64_t age);

/* Looks whether the connection is alive (link_keepalive.c): asks when it was silent, breaks it when there is no answer,
 * makes it again. Short. Returns when to look again, 0: when there is a connection again. */
uint64_t syi_link_keep_alive(syi_link *link, uint64_t now);

/* Drops the connection, keeps the link. Who waits for an answer on it gets SY_ECANCELED. */
void syi_link_close(syi_link *link);
void syi_link_free(syi_link *link);
syi_traffic syi_link_get_traffic(syi_link *link);

#endif
