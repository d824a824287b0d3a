/*
 * frame.h - one frame of the `csyft.v1` wire: layout, and the reader that puts bytes where they belong.
 *
 *   header   40 bytes, little-endian:
 *            0  u32 magic 0x31595343 "CSY1"     4  u16 kind          6  u16 segment count
 *            8  u32 body length                 12 u32 flags
 *            16 u64 message id                  24 u64 trace id
 *            32 u32 deadline, ms (0: none)      36 u32 reserved, 0
 *   table    one entry of 16 bytes per segment: u64 length, u32 flags, u32 reserved 0
 *   body     `body length` bytes of msgpack
 *   segments one after the other, no padding
 *
 * The kind is the messaging room's business; this room moves frames. docs/reference/wire.md is the
 * normative text, with examples that a test replays. Test: frame_test.c, fuzz: tests/fuzz/frame.c.
 */
#ifndef SYI_TRANSPORT_FRAME_H
#define SYI_TRANSPORT_FRAME_H

#include "arrays/array.h"
#include "core/buffer.h"

#define SYI_FRAME_MAGIC 0x31595343u
#define SYI_FRAME_HEADER_SIZE 40
#define SYI_FRAME_SEGMENT_ENTRY_SIZE 16

typedef struct syi_segment {
    syi_storage *storage; /* one reference; NULL when `data` is borrowed (sending only) */
    const uint8_t *data;
    uint64_t length;
    uint32_t flags;
} syi_segment;

/*
 * A whole frame. Sending: the maker fills it; data stays valid until send returns or, for an
 * asynchronous send, storage references keep it. Receiving: segments own exactly their storage.
 */
typedef struct syi_message {
    uint16_t kind;
    uint32_t flags;
    uint64_t id;
    uint64_t trace;
    uint32_t deadline_ms;
    syi_buffer body;
    syi_segment *segments; /* context memory, segment_capacity entries */
    uint32_t segment_count;
    uint32_t segment_capacity;
    sy_status
        refused; /* receiving: not SY_OK when an account refused the segments; they were skipped
                          (segment_count 0), the body is there, refusal holds the sentence */
    sy_error *refusal; /* NULL unless refused; freed with the message */
} syi_message;

void syi_message_init(syi_message *message, sy_context *context, size_t body_maximum);
void syi_message_fini(syi_message *message);
/* Empties it for reuse, keeping its memory. */
void syi_message_drop(syi_message *message); /* segments and refusal */
static inline void syi_message_clear(syi_message *message)
{
    if (message->segment_count != 0 || message->refused != SY_OK) {
        syi_message_drop(message);
    }
    syi_buffer_clear(&message->body);
    message->kind = 0;
    message->flags = 0;
    message->id = 0;
    message->trace = 0;
    message->deadline_ms = 0;
}
/* Frees what `to` (initialised) holds and takes over `from`'s contents and memory; `from` becomes as
 * initialised and needs no fini of its own. */
void syi_message_move(syi_message *to, syi_message *from);
/* What `from` holds goes to `to`, which is empty; `from` is empty then and has the memory of `to` (they are of
 * one context). Each keeps its own body maximum. */
void syi_message_take(syi_message *to, syi_message *from);
/* Of an empty message: gives memory back that is more than a small one needs, so that ten thousand idle
 * connections cost what they look like. */
#define SYI_MESSAGE_KEEP_BODY 4096u
#define SYI_MESSAGE_KEEP_SEGMENTS 16u
void syi_message_give_back(syi_message *message);
static inline void syi_message_trim(syi_message *message)
{
    if (message->body.capacity > SYI_MESSAGE_KEEP_BODY ||
        message->segment_capacity > SYI_MESSAGE_KEEP_SEGMENTS) {
        syi_message_give_back(message);
    }
}
/* Adds a segment holding a reference to `storage` (the bytes [offset, offset + length)). */
sy_status syi_message_add_segment(syi_message *message, syi_storage *storage, size_t offset,
                                  size_t length, uint32_t flags, sy_error *err);

/* Room for `count` segments in all; the old ones stay. */
bool syi_message_reserve_segments(syi_message *message, uint32_t count);

/* Header and table into `out` (cleared first); the body and segments are sent from where they are. */
sy_status syi_frame_encode_head(const syi_message *message, syi_buffer *out, sy_error *err);
/* The same in two steps: SY_OK when the message can travel (body latched or above 32 bits, segments
 * above 16 bits), and syi_frame_head_size bytes written to `head`. */
sy_status syi_frame_refuse(const syi_message *message, sy_error *err); /* why it cannot, if so */
static inline sy_status syi_frame_check(const syi_message *message, sy_error *err)
{
    const bool fits = message->body.status == SY_OK && message->body.length <= UINT32_MAX &&
                      message->segment_count <= UINT16_MAX;
    return fits ? SY_OK : syi_frame_refuse(message, err);
}
static inline size_t syi_frame_head_size(const syi_message *message)
{
    return SYI_FRAME_HEADER_SIZE + (size_t)message->segment_count * SYI_FRAME_SEGMENT_ENTRY_SIZE;
}
void syi_frame_put_head(const syi_message *message, uint8_t *head);
/* Whole frame length in bytes. */
static inline uint64_t syi_frame_length(const syi_message *message)
{
    uint64_t length = syi_frame_head_size(message) + message->body.length;
    for (uint32_t i = 0; i < message->segment_count; i++) {
        length += message->segments[i].length;
    }
    return length;
}

typedef struct syi_frame_limits {
    uint32_t body_max;     /* bytes */
    uint32_t segments_max; /* count */
    uint64_t frame_max;    /* bytes, everything; 0: no limit beside the account's */
} syi_frame_limits;
#define SYI_FRAME_LIMITS_DEFAULT \
    {                            \
        64u << 20, 4096u, 0      \
    }

/* May the message be sent to who takes these limits (0: no limit)? SY_ELIMIT says which one it passes. */
sy_status syi_frame_keep(const syi_message *message, const syi_frame_limits *limits, sy_error *err);

/*
 * The reader (frame_reader.c). A transport asks where the next bytes go, puts them there, and says how many came:
 *
 *     syi_frame_reader_want(reader, &place, &room);   // room > 0 always
 *     n = read(fd, place, room);
 *     status = syi_frame_reader_advance(reader, n, &done, err);
 *
 * so that tensor bytes are copied once, from the socket into their storage. When `done`, the message
 * is taken with syi_frame_reader_take before the next want. A failure (SY_EPROTO: magic, reserved
 * field, limits, overflowing lengths; SY_ENOMEM) is final for the stream. When the account refuses a
 * segment (SY_ELIMIT) its bytes are read and dropped and the message arrives marked `refused`.
 */
typedef struct syi_frame_reader syi_frame_reader;
/* `account` (nullable) is charged for segments; it must outlive what was received. */
sy_status syi_frame_reader_new(sy_context *context, syi_frame_reader **reader,
                               const syi_frame_limits *limits, syi_account *account, sy_error *err);
void syi_frame_reader_free(syi_frame_reader *reader);
void syi_frame_reader_want(syi_frame_reader *reader, uint8_t **place, size_t *room);
sy_status syi_frame_reader_advance(syi_frame_reader *reader, size_t count, bool *done,
                                   sy_error *err);
/* `message` is initialised and of the same context; what it held is dropped, and its memory is used for
 * the next one that arrives. */
void syi_frame_reader_take(syi_frame_reader *reader, syi_message *message);
/* The same without moving it: the reader's own, to be emptied (taken from, cleared) before the next want. */
syi_message *syi_frame_reader_lend(syi_frame_reader *reader);
/* Gives back what a frame that will not be finished has taken, at once. */
void syi_frame_reader_abandon(syi_frame_reader *reader);
/* Of the frame that is arriving, or was the last, in bytes as it comes here; known when its table is. */
uint64_t syi_frame_reader_get_length(const syi_frame_reader *reader);
/* true when nothing of a next frame has arrived (a close here is clean). */
bool syi_frame_reader_is_idle(const syi_frame_reader *reader);
/* The account for later segments (known only after HELLO). */
void syi_frame_reader_set_account(syi_frame_reader *reader, syi_account *account);
/* The limits for later frames; NULL: the defaults. */
void syi_frame_reader_set_limits(syi_frame_reader *reader, const syi_frame_limits *limits);
/* Copies bytes into place until they are used up or a message is whole. */
sy_status syi_frame_reader_copy(syi_frame_reader *reader, const uint8_t *bytes, size_t size,
                                size_t *used, bool *done, sy_error *err);
/* Copies a run of bytes, calling `got` for every whole message (which may be moved out of). */
sy_status syi_frame_reader_feed(syi_frame_reader *reader, const uint8_t *bytes, size_t size,
                                void (*got)(void *user, syi_message *message), void *user,
                                sy_error *err);

#endif
