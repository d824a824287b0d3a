/*
 * outgoing.h - frames on their way to a peer: small pieces copied into blocks, large bodies taken over,
 * segments kept by reference. Not synchronised; this room only. Test: outgoing_test.c.
 */
#ifndef SYI_TRANSPORT_OUTGOING_H
#define SYI_TRANSPORT_OUTGOING_H

#include <sys/uio.h>

#include "transport/frame.h"

typedef struct syi_outgoing_block syi_outgoing_block;

typedef struct syi_outgoing {
    sy_context *context;
    syi_outgoing_block *first;
    syi_outgoing_block *last;
    uint64_t bytes; /* in all blocks */
    bool prefixed;  /* each frame is preceded by its length, 8 bytes little-endian */
} syi_outgoing;

void syi_outgoing_init(syi_outgoing *out, sy_context *context, bool prefixed);
void syi_outgoing_fini(syi_outgoing *out);
/* Appends the frame and empties the message, also on failure. SY_ENOMEM leaves `out` as it was. */
sy_status syi_outgoing_append(syi_outgoing *out, syi_message *message, sy_error *err);
/* The front as at most `max` pieces; returns their number. */
size_t syi_outgoing_pieces(const syi_outgoing *out, struct iovec *pieces, size_t max);
/* Drops `count` bytes from the front. */
void syi_outgoing_consume(syi_outgoing *out, size_t count);
/* Copies `count` bytes (there must be so many) from the front and drops them. */
void syi_outgoing_take(syi_outgoing *out, uint8_t *to, size_t count);

#endif
