/*
 * replies.h - what a worker remembers of its answers to one client, so that a request whose answer was lost with a
 * connection is answered again and never run twice. A request has an entry from its arrival on; the entry holds the
 * answer until the client says, with a later request, that it has it. Bounded by number and bytes: the oldest answers
 * go first, and what became of their requests is unknown then. Segments are kept by reference, never copied. One that
 * may be on its way still is kept whatever its size, so that its transfer can go on over another connection.
 *
 * Not synchronised: the session's lock guards it. What falls out of it may call owners of memory when it is freed, so
 * the functions hand it out in a list, for syi_replies_free without the lock. Test: replies_test.c.
 */
#ifndef SYI_WORKERS_REPLIES_H
#define SYI_WORKERS_REPLIES_H

#include "messaging/kinds.h"
#include "transport/frame.h"

#define SYI_REPLIES_MAX 2048u /* answers */
#define SYI_REPLIES_BYTES_MAX \
    (UINT64_C(64)             \
     << 20) /* of segments of the answers behind one, for which callers' accounts pay */
#define SYI_REPLIES_COPIED_MAX (UINT64_C(1) << 20) /* of bodies */
#define SYI_REPLIES_BODY_MAX ((size_t)64 * 1024) /* a longer one is not kept: it would be copied */

typedef struct syi_kept_reply syi_kept_reply;

typedef struct syi_replies {
    sy_context *context;
    syi_kept_reply *first, *last; /* by sequence */
    syi_kept_reply *spare;
    unsigned spare_count;
    unsigned count; /* answers in it, done ones */
    unsigned open;  /* requests that are not answered yet */
    uint64_t bytes, copied;
} syi_replies;

typedef enum syi_recall {
    SYI_RECALL_ANSWER,  /* here it is */
    SYI_RECALL_RUNNING, /* it is being worked on: its answer comes by itself */
    SYI_RECALL_GONE,    /* it was run, or is; its answer is not known any more */
    SYI_RECALL_LATER,   /* it is kept, and there is no memory for a copy now */
} syi_recall;

void syi_replies_init(syi_replies *replies, sy_context *context);
void syi_replies_fini(syi_replies *replies);
/* Request `sequence` has come; the client has the answers to all before the last `window` requests, this one included
 * (SYI_WINDOW_UNSAID: it does not say). NULL: no memory; its answer will not be remembered. */
syi_kept_reply *syi_replies_begin(syi_replies *replies, uint64_t sequence, uint32_t window,
                                  syi_kept_reply **dropped);
/* The client has all answers up to `sequence`. */
void syi_replies_seen(syi_replies *replies, uint64_t sequence, syi_kept_reply **dropped);
/* Its answer. false: it is not kept, for its body's size or for want of memory. `queued`: so many bytes of earlier
 * answers wait to be sent, which holds them anyway; they are remembered beyond the limit. */
bool syi_replies_keep(syi_replies *replies, syi_kept_reply *entry, const syi_message *reply,
                      uint64_t queued, syi_kept_reply **dropped);
/* It will not be worked on. */
void syi_replies_cancel(syi_replies *replies, syi_kept_reply *entry, syi_kept_reply **dropped);
/* The answer to request `sequence`, with references to its segments, into an initialised, empty message. */
syi_recall syi_replies_recall(const syi_replies *replies, uint64_t sequence, syi_message *reply);
void syi_replies_free(sy_context *context, syi_kept_reply *dropped);

#endif
