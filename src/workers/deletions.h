/*
 * deletions.h - what a link still has to delete at its worker, in order: first what was sent and not
 * acknowledged, then what waits. An answer to a request that was sent after a deletion acknowledges it; what
 * is not acknowledged when the connection is lost is sent again: when the worker says how many frames have arrived,
 * exactly what has not, otherwise all (a deletion is done once or twice with the same result). Not synchronised: the link's state_lock guards it. Test: deletions_test.c.
 */
#ifndef SYI_WORKERS_DELETIONS_H
#define SYI_WORKERS_DELETIONS_H

#include "messaging/control.h"

typedef struct syi_waiting_deletion {
    syi_deletion what;
    uint64_t frame; /* that it was sent in last; 0: none */
} syi_waiting_deletion;

typedef struct syi_deletion_queue {
    sy_context *context;
    syi_waiting_deletion *items;
    size_t count, capacity;
    size_t sent; /* the first so many */
    size_t
        marked; /* of these, so many are acknowledged by an answer to request `mark` or a later one */
    uint64_t mark;     /* its number */
    uint64_t requests; /* numbered so far */
} syi_deletion_queue;

/* false: no memory. */
bool syi_deletion_queue_init(syi_deletion_queue *queue, sy_context *context);
void syi_deletion_queue_fini(syi_deletion_queue *queue);
/* false: no memory; the object goes with the session then. */
bool syi_deletion_queue_add(syi_deletion_queue *queue, const sy_id *id, uint64_t generation);
static inline size_t syi_deletion_queue_waiting(const syi_deletion_queue *queue)
{
    return queue->count - queue->sent;
}

/* Writes a DELETE body of those that wait, as many as one message may have, and counts them as sent in `frame`;
 * returns their number. When they were not sent after all: unsend. `before` not 0: only those that were sent before
 * that frame already. */
size_t syi_deletion_queue_send(syi_deletion_queue *queue, syi_buffer *body, uint64_t frame,
                               uint64_t before);
void syi_deletion_queue_unsend(syi_deletion_queue *queue, size_t count);
/* The number of a request that is sent now, behind what was sent before; its answer is `answered` later. */
uint64_t syi_deletion_queue_number(syi_deletion_queue *queue);
void syi_deletion_queue_answered(syi_deletion_queue *queue, uint64_t number);
/* The connection is gone: everything waits again. */
void syi_deletion_queue_lost(syi_deletion_queue *queue);
/* The same, but so many frames have arrived. */
void syi_deletion_queue_arrived(syi_deletion_queue *queue, uint64_t frames);
void syi_deletion_queue_clear(syi_deletion_queue *queue);

#endif
