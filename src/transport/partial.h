/*
 * partial.h - a frame whose connection broke in the middle of its segments. Who received it keeps what has come; the
 * sender goes on behind that on another connection, with a REST frame, and what arrives then is the whole message
 * (docs/decisions/0013-rest-of-a-frame.md).
 *
 *   REST     a frame of kind SYI_FRAME_REST with the message id of the broken one. It has one segment for each segment
 *            of which bytes are missing, in order, and these bytes are its contents. Body: nil.
 *   check    XXH64 over the broken frame's magic, kind, number of segments, body length and message id, its table, its
 *            body, and the bytes of its segments that have arrived: both ends mean the same frame, and what the sender
 *            has there has not changed since.
 *
 * Test: partial_test.c, fuzz: tests/fuzz/frame.c.
 */
#ifndef SYI_TRANSPORT_PARTIAL_H
#define SYI_TRANSPORT_PARTIAL_H

#include "core/xxh64.h"
#include "transport/frame.h"

#define SYI_FRAME_REST \
    7 /* the one kind that this room knows; without a partial frame its reader treats it as any */

typedef struct syi_partial {
    sy_context *context;
    syi_message
        message; /* header and body as they came; of the segments the first `bytes` bytes are here */
    uint64_t id;
    uint64_t bytes;
    bool
        next; /* it goes on before any other frame with segments, or not at all: such a one takes its place, and memory */
    syi_xxh64 hash; /* of the head, the body and the first `hashed` bytes of the segments */
    uint64_t hashed;
} syi_partial;

/* NULL is nothing. */
void syi_partial_free(syi_partial *partial);
/* Each byte is read once, however often it is asked for. */
uint64_t syi_partial_get_check(syi_partial *partial);

/* The sender's end: is this message the frame of which the other end has so many bytes of segments? Reads them. */
bool syi_partial_is_of(const syi_message *whole, uint64_t bytes, uint64_t check);
/* The frame that brings what is missing, into an initialised, empty message: with references to the segments, and
 * borrowed bytes where they have no owner. */
sy_status syi_partial_rest(const syi_message *whole, uint64_t bytes, syi_message *rest,
                           sy_error *err);

/* The reader's end (frame_reader.c). */

/* Takes out what has come of a frame that will not be finished here; NULL: nothing that is worth it. The reader is to
 * be abandoned or freed then. */
syi_partial *syi_frame_reader_part(syi_frame_reader *reader);
/* Takes the partial frame (NULL: none), in the place of the one it had: its REST is understood from now on. Between
 * frames. It is dropped when the same message comes anew. */
void syi_frame_reader_expect(syi_frame_reader *reader, syi_partial *partial);

#endif
