/*
 * serde.h - simplify and detail: values and tensors to and from msgpack in the format of PySyft 0.2.9
 * ([type code, body] pairs; docs/reference/wire.md lists the bodies). Types above this room take part
 * through their interpreter's simplify and detail. Tests: serde_test.c, fuzz: tests/fuzz/serde.c.
 */
#ifndef SYI_SERDE_SERDE_H
#define SYI_SERDE_SERDE_H

#include "hook/hook.h"
#include "hook/tensor.h"
#include "serde/codes.h"
#include "serde/msgpack/msgpack.h"
#include "transport/frame.h"

/* Storage up to this size travels inside the body. */
#define SYI_INLINE_BYTES_MAX 256
/* Deepest nesting a peer may send. */
#define SYI_SERDE_DEPTH_MAX 32

typedef struct syi_encoder {
    sy_hook *hook;
    syi_buffer *out;
    syi_message *message;   /* takes the segments; NULL: everything inline */
    const sy_id *recipient; /* worker the bytes are for; nullable */
    uint64_t caller;        /* who gets them, in lists of permissions; 0: in none */
    bool copy;              /* what is written stays here, too, with its duties (copy_get) */
    bool
        joint; /* a joint command's (messaging/joint.h): a shared value is the recipient's part of it, where
                      it has one */
    bool snapshot; /* contents are copied: they may be written to before the message has left */
} syi_encoder;

sy_status syi_encode_value(syi_encoder *encoder, const sy_value *value, sy_error *err);
/* A tensor with its whole chain, gradient, labels and flags. */
sy_status syi_encode_tensor(syi_encoder *encoder, sy_tensor *tensor, sy_error *err);
/* A node as the chain part of something. */
sy_status syi_encode_node(syi_encoder *encoder, syi_node *node, sy_error *err);
/* int bare, text [5, [bin]], none nil */
void syi_encode_id_slowly(syi_buffer *out, const sy_id *id);
static inline void syi_encode_id(syi_buffer *out, const sy_id *id)
{
    if (id->kind == SY_ID_INT) {
        syi_msgpack_write_int(out, id->number);
    } else {
        syi_encode_id_slowly(out, id);
    }
}
void syi_encode_text(syi_buffer *out, const char *text);                 /* [5, [bin]]; NULL: nil */
void syi_encode_ints(syi_buffer *out, const int64_t *values, int count); /* [11, [ints]] */

/* Memory of decoded lists and texts; freed at once. The first of it is in the decoder. */
typedef struct syi_arena syi_arena;
#define SYI_ARENA_ROOM 512

/*
 * Decoding. `resolve` answers pointers to objects of the deserializing worker (reference 000: a pointer
 * to the receiver becomes the object itself); it returns a new reference.
 */
typedef struct syi_decoder {
    sy_hook *hook;
    syi_msgpack_cursor cursor;
    syi_segment *segments;
    uint32_t segment_count;
    syi_account *account; /* charged for inline storage */
    sy_worker *worker;    /* the deserializing worker */
    uint64_t caller;      /* who sent it, in lists of permissions; 0: not asked */
    sy_status (*resolve)(struct syi_decoder *decoder, const sy_id *id, const char *attribute,
                         sy_tensor **tensor, sy_error *err);
    /* Is this the id of the deserializing worker? */
    bool (*is_here)(struct syi_decoder *decoder, const sy_id *location);
    int depth;
    const syi_interpreter *type; /* whose detail is called; read it first, it does not last */
    syi_policy inherited;        /* strictest policy of objects whose chains were taken over */
    syi_arena *arena;
    size_t arena_left; /* bytes that values may still take */
    size_t room_used;
    _Alignas(16) uint8_t room[SYI_ARENA_ROOM];
    sy_tensor *held[SYI_OUTPUT_MAX]; /* references of decoded TENSOR values */
    int held_count;
} syi_decoder;

void syi_decoder_init(syi_decoder *decoder, sy_hook *hook, sy_worker *worker,
                      const syi_message *message);
/* Drops the values: their tensors and memory. */
void syi_decoder_fini(syi_decoder *decoder);
/* Contents live until fini; tensors are held by the decoder. */
sy_status syi_decode_value(syi_decoder *decoder, sy_value *value, sy_error *err);
/* A TENSOR value's tensor, as a new reference. */
sy_status syi_decode_tensor(syi_decoder *decoder, sy_tensor **tensor, sy_error *err);
sy_status syi_decode_node(syi_decoder *decoder, syi_node **node, sy_error *err);
sy_status syi_decode_id_slowly(syi_decoder *decoder, sy_id *id, sy_error *err);
static inline sy_status syi_decode_id(syi_decoder *decoder, sy_id *id, sy_error *err)
{
    int64_t number;
    if (syi_msgpack_take_id(&decoder->cursor, &number)) {
        *id = (sy_id){.number = number, .kind = SY_ID_INT};
        return SY_OK;
    }
    if (syi_msgpack_peek(&decoder->cursor) == SYI_MSGPACK_NIL) {
        *id = (sy_id)SY_ID_INIT;
        return syi_msgpack_read_nil(&decoder->cursor, err);
    }
    return syi_decode_id_slowly(decoder, id, err);
}
/* nil gives NULL. Terminated, in the arena. */
sy_status syi_decode_text_slowly(syi_decoder *decoder, const char **text, sy_error *err);
static inline sy_status syi_decode_text(syi_decoder *decoder, const char **text, sy_error *err)
{
    if (syi_msgpack_peek(&decoder->cursor) == SYI_MSGPACK_NIL) {
        *text = NULL;
        return syi_msgpack_read_nil(&decoder->cursor, err);
    }
    return syi_decode_text_slowly(decoder, text, err);
}
sy_status syi_decode_ints(syi_decoder *decoder, int64_t *values, int capacity, int *count,
                          sy_error *err);

#endif
