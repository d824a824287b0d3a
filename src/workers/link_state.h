/*
 * link_state.h - what a link holds, for the files that make it up: link.c (its life), link_connect.c, link_send.c,
 * link_receive.c, link_requests.c (what link.h offers to who asks) and link_deletions.c. Nobody else looks inside.
 *
 * Two rights: the turn to send (`sending`: one thread sends, or connects) and state_lock, which is never held while
 * sending or receiving. "Sending" in a comment says that the caller has the turn.
 */
#ifndef SYI_WORKERS_LINK_STATE_H
#define SYI_WORKERS_LINK_STATE_H

#include <time.h>

#include "core/error.h"
#include "workers/deletions.h"
#include "workers/greeting.h"
#include "workers/link.h"

#define SYI_LINK_BATCH_MAX 32
#define SYI_LINK_FLUSH_NS \
    UINT64_C(1000000000) /* longest that a flush by itself waits for the other end */

/* A request in flight, with the messages of its exchange; recycled. */
typedef struct syi_pending {
    struct syi_pending *next; /* free list, or requests in flight */
    uint64_t id;
    uint64_t number;   /* in the order of sending */
    uint64_t sequence; /* in the session, when the worker counts; 0: not sent yet */
    bool left;         /* bytes of it may have left, and it is not known whether they arrived */
    bool pinned;       /* is being sent again: stays in flight until that is over */
    bool posted; /* nobody waits; the answer only counts when it is an error; the link's own */
    bool done;
    sy_status status;
    sy_error error;
    syi_message request;
    syi_message reply;
} syi_pending;

struct syi_link {
    sy_worker *owner;
    sy_worker *target;
    syi_connection *connection; /* changed by who sends, under state_lock */
    syi_connection *greeting;   /* the same; it is being greeted */
    syi_session_key key;        /* of the session at the server, once greeted */
    syi_frame_limits takes;     /* what the server takes; of the thread that sends */
    bool counts;                /* the worker counts requests; changed as `connection` is */
    uint64_t sent;              /* so many of this session; of the thread that sends */
    uint64_t lined_up_from;     /* `sent` before line_up; the same */
    uint64_t reached,
        reached_bytes; /* requests that had arrived when it was connected last, and of the next; the same */
    bool advanced;                    /* these were more than before; the same */
    uint64_t answer_id, answer_bytes; /* of the answer that went on last; the same */
    unsigned barren;                  /* connections so far on which nothing came; the same */
    uint64_t barren_since;            /* `frames` then; the same */
    bool rests;                       /* frames that broke may go on; changed as `connection` is */

    /* Of the thread that sends: the one that set `sending`. */
    syi_message deletion;
    syi_pending *batch[SYI_LINK_BATCH_MAX]; /* posted, not sent yet */
    size_t batch_count;

    pthread_mutex_t state_lock; /* short; never held while sending or receiving; guards all below */
    bool
        sending; /* somebody is sending, or connecting; not a mutex, because others wait with a deadline */
    unsigned senders; /* wait for that */
    pthread_cond_t sendable;
    pthread_cond_t changed;
    bool receiving;
    unsigned waiting;
    syi_pending *flying; /* oldest first: answers mostly come in order */
    syi_pending *flying_last;
    size_t flying_posted;
    syi_pending *again; /* the next in flight to be sent again on a new connection */
    syi_partial
        *partial; /* an answer that broke in the middle, and whose request is in flight; nullable */
    uint64_t broken_at;        /* when the connection was found broken */
    bool given_up;             /* and could not be made again in time: now one try must do */
    uint64_t frames;           /* received so far */
    uint64_t frames_seen;      /* of these, when link_keepalive.c looked last */
    uint64_t quiet_since;      /* it has seen none since then */
    uint64_t pinged;           /* when it asked for a sign of life; 0: has not, or there was one */
    bool closing;              /* nobody waits for a connection any more */
    uint64_t posted, answered; /* posted requests so far, and those answered or failed */
    syi_pending *spare;        /* unused ones beside that at hand */
    syi_deletion_queue deletions;
    uint64_t used;            /* when the last request began */
    uint64_t deletions_since; /* some wait, at most since then */
    uint64_t flush_after;     /* nothing is tried by itself before */
    sy_error failure;         /* first failure of a posted request */
    syi_message inbox;        /* the receiving thread's */
    syi_traffic past;         /* of closed connections */

    atomic_uint epoch; /* sessions that were lost so far */
    atomic_uint_fast64_t last_id;
    _Atomic(syi_pending *)
        at_hand; /* an unused one that is taken and put back without the lock; nullable */
};

static inline sy_context *syi_link_context(const syi_link *link)
{
    return link->owner->hook->context;
}

static inline uint64_t syi_link_next_id(syi_link *link)
{
    return atomic_fetch_add_explicit(&link->last_id, 1, memory_order_relaxed) + 1;
}

static inline uint64_t syi_link_patience(const syi_link *link)
{
    return syi_clock_now(syi_link_context(link)) + (uint64_t)link->target->timeout_ms * 1000000u;
}

/* state_lock held. */
static inline void syi_link_put_flying(syi_link *link, syi_pending *pending)
{
    pending->next = NULL;
    if (link->flying_last != NULL) {
        link->flying_last->next = pending;
    } else {
        link->flying = pending;
    }
    link->flying_last = pending;
}

static inline void syi_link_recycle(syi_link *link, syi_pending *pending)
{
    pending->next = link->spare;
    link->spare = pending;
}

/* state_lock held. */
static inline bool syi_link_deletions_wait(const syi_link *link)
{
    return syi_deletion_queue_waiting(&link->deletions) > 0;
}

static inline void syi_traffic_add(syi_traffic *sum, syi_traffic more)
{
    sum->frames_sent += more.frames_sent;
    sum->frames_received += more.frames_received;
    sum->bytes_sent += more.bytes_sent;
    sum->bytes_received += more.bytes_received;
}

/* The turn to send (link_send.c). */

/* CLOCK_MONOTONIC at a deadline of the context's clock. */
struct timespec syi_link_time(const syi_link *link, uint64_t deadline);
bool syi_link_try_turn(syi_link *link);
/* Somebody else may be sending to a worker that does not read: nobody waits for that beyond his deadline
 * (0: none). */
sy_status syi_link_take_turn(syi_link *link, uint64_t deadline, sy_error *err);
/* state_lock held. */
void syi_link_leave_turn_locked(syi_link *link);
void syi_link_leave_turn(syi_link *link);

/* Connecting (link_connect.c). */

/* Sending. `deadline` 0: the target's own for connecting, which counts in any case. What is in flight is sent again until
 * `sending`, 0: as long as a request may take. */
sy_status syi_link_connect(syi_link *link, uint64_t deadline, uint64_t sending, sy_error *err);
/* Sending, state_lock not held: closes the connection, and everything in flight fails. Waits until no thread is inside
 * receive; that one is woken. */
void syi_link_drop(syi_link *link, const sy_error *why);
/* Sending: the connection is broken. Everything in flight fails, unless the worker counts: then it is for
 * syi_link_reconnect. */
void syi_link_broken(syi_link *link, const sy_error *err, sy_status status);
/* Sending, not connected: makes the connection again, with pauses, before `deadline` and as long as the target's options
 * say, and sends again what has not arrived. A failure for the latter reason fails all in flight. */
sy_status syi_link_reconnect(syi_link *link, uint64_t deadline, sy_error *err);
/* Neither sending nor state_lock held, after a failure to receive when `counts`: SY_OK when there is a connection again
 * (perhaps somebody else made it). */
sy_status syi_link_recover(syi_link *link, uint64_t deadline, sy_error *err);
/* A request had left; whether it was carried out cannot be learned any more. */
sy_error syi_link_doubt(const syi_link *link, const sy_error *why);
/* state_lock held: those in flight fail, or only those that may have been carried out; who waits for a request takes
 * it out, nobody does for posted ones. */
void syi_link_fail(syi_link *link, bool all, const sy_error *why);

/* Resuming (link_resume.c). */

/* What the worker said of the session. */
typedef struct syi_taken_up {
    bool resumed;     /* it knows it */
    bool counts;      /* its requests */
    bool rests;       /* frames that broke may go on */
    uint64_t arrived; /* so many are there */
    uint64_t bytes;   /* of the next one's segments; 0: none */
    uint64_t check;   /* of what is there of it */
    /* And the link has so much of an answer. */
    uint64_t answer_id; /* of its request */
    uint64_t answer_bytes;
    uint64_t answer_check;
} syi_taken_up;
/* Sending, state_lock held, greeted: what this means for what is in flight. true: syi_link_send_again must follow. */
bool syi_link_settle(syi_link *link, const syi_taken_up *session);
/* Sending, greeted, before anybody receives on it: an answer that broke may go on on this connection. */
void syi_link_expect(syi_link *link, syi_connection *connection, syi_taken_up *session);
/* Sending: nobody is inside receive any more. Keeps what came of an answer. */
void syi_link_keep_partial(syi_link *link, syi_connection *connection);
/* state_lock held. */
void syi_link_drop_partial(syi_link *link);
/* Sending, connected: sends again what is in flight and not among those that have arrived, in its order, and asks for the
 * answers to the others. */
sy_status syi_link_send_again(syi_link *link, const syi_taken_up *session, uint64_t deadline,
                              sy_error *err);

/* Sending (link_send.c). */

/* state_lock held: the next number of the session, and what the worker may forget by now. */
void syi_link_count(syi_link *link, syi_pending *pending);
/* Sending, connected. The batch, then the deletions (they may name what the batch makes), then `last`
 * (nullable), in one write as far as they fit. */
sy_status syi_link_send_over(syi_link *link, syi_pending *last, uint64_t deadline, sy_error *err);
/* Sending. Connects when there is something that must go. */
sy_status syi_link_send_all(syi_link *link, syi_pending *last, uint64_t deadline, sy_error *err);
/* Sends a request, begun at `now`; returns with state_lock held. Mostly nobody else sends, and the last
 * request is so short ago that the connection is still there if it was then: one turn with the lock does
 * for taking the turn and lining up. */
sy_status syi_link_send_request(syi_link *link, syi_pending *pending, uint64_t now,
                                uint64_t deadline, sy_error *err);

/* Receiving (link_receive.c). */

/* state_lock held. Unlinks the pending request with that id; NULL when it is not in flight. */
syi_pending *syi_link_take_flying(syi_link *link, uint64_t id);
/* state_lock held: nobody waits for the request any more. */
void syi_link_abandon(syi_link *link, syi_pending *pending);
sy_status syi_link_error_of(const syi_link *link, const syi_message *message, sy_error *err);
/* state_lock held; returns holding it. One step of progress: receives a frame, or waits for the thread
 * that does. */
sy_status syi_link_receive_step(syi_link *link, uint64_t deadline, sy_error *err);
/* After a failure to receive: when the connection is gone, everything on it has failed. Whoever sends on it
 * now will see that himself. */
void syi_link_look_at_connection(syi_link *link, const sy_error *err, sy_status status);
/* state_lock held: until so many posted requests were answered. The deadline starts anew with each answer. */
sy_status syi_link_await_answers(syi_link *link, uint64_t wanted, sy_error *err);

/* Signs of life (link_keepalive.c). */

/* Connected: from now on the janitor looks after it. */
void syi_link_watch(syi_link *link);

/* Deletions (link_deletions.c). */

/* Sending. What waits goes when there is a connection to go on. */
sy_status syi_link_flush_now(syi_link *link, uint64_t deadline, sy_error *err);

#endif
