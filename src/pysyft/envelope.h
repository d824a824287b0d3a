/*
 * envelope.h - a message of PySyft 0.2.9 as it lies in a websocket message: a byte that names the compression and
 * the MessagePack behind it, as they are (binary) or as text: b'..' around their hex digits. docs/reference/
 * pysyft-wire.md, section 1. Tests: pysyft_test.c, fuzz: tests/fuzz/pysyft.c.
 */
#ifndef SYI_PYSYFT_ENVELOPE_H
#define SYI_PYSYFT_ENVELOPE_H

#include "core/buffer.h"
#include "transport/transport.h"

/* The first byte. */
typedef enum syi_pysyft_scheme {
    SYI_PYSYFT_NONE = 40,
    SYI_PYSYFT_LZ4 = 41, /* a frame; what PySyft writes always */
    SYI_PYSYFT_ZLIB = 42,
} syi_pysyft_scheme;

/* Most MessagePack that a message may unfold to, whatever it says. */
#define SYI_PYSYFT_BODY_MAX SYI_PLAIN_MAX

/* The MessagePack of a plain message, appended to `body`, whose maximum bounds what is unfolded. SY_EFORMAT,
 * SY_ELIMIT; SY_ENOTSUP for a scheme that this build lacks. */
sy_status syi_pysyft_open(sy_context *context, const syi_message *plain, syi_buffer *body,
                          sy_error *err);
/* The other way: a message of `kind` (SYI_PLAIN_TEXT or SYI_PLAIN_BINARY). A scheme that this build lacks becomes
 * SYI_PYSYFT_NONE. */
sy_status syi_pysyft_seal(const uint8_t *body, size_t size, syi_pysyft_scheme scheme, uint16_t kind,
                          syi_message *plain, sy_error *err);

#endif
