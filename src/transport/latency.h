/*
 * latency.h - a connection that seems to be far away: what arrives is handed on only after a time. Requests leave at
 * once; their answers come that much later, any number of them at the same time, as over a long cable. Nobody sleeps
 * for it but the thread that waits for an answer anyway. What came while nobody waited here, because another worker's
 * answer was waited for, is taken to have come right after it was asked for. This room only. Test:
 * tests/integration/pending_time.c.
 */
#ifndef SYI_TRANSPORT_LATENCY_H
#define SYI_TRANSPORT_LATENCY_H

#include "transport/transport.h"

typedef struct syi_late {
    struct syi_late *next;
    uint64_t due;
    syi_message message;
} syi_late;

/* Of the thread that receives, but for the first two. */
typedef struct syi_latency {
    const atomic_uint_fast64_t *times[2]; /* ns; their sum counts; borrowed, nullable */
    atomic_uint_fast64_t sent;            /* when something was sent last */
    syi_late *first, *last;
    sy_status failed; /* nothing more comes; told when what came was handed on */
    sy_error why;
} syi_latency;

static inline uint64_t syi_latency_get(const syi_latency *latency)
{
    uint64_t sum = 0;
    for (int k = 0; k < 2; k++) {
        sum += latency->times[k] != NULL
                   ? atomic_load_explicit(latency->times[k], memory_order_relaxed)
                   : 0;
    }
    return sum;
}
static inline bool syi_latency_is_on(const syi_latency *latency)
{
    return latency->first != NULL || syi_latency_get(latency) != 0;
}
/* In place of the class's receive. */
sy_status syi_latency_receive(syi_connection *connection, syi_message *message, uint64_t deadline,
                              sy_error *err);
void syi_latency_fini(sy_context *context, syi_latency *latency);

#endif
