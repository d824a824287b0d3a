/*
 * protobuf.h (internal) - objects on their way to and from messages: what protobuf.c (objects) and protobuf_messages.c
 * (SyftMessage) share. Public face: <csyft/protobuf.h>. Test: protobuf_test.c.
 */
#ifndef SYI_INTERPRETERS_PROTOBUF_H
#define SYI_INTERPRETERS_PROTOBUF_H

#include <csyft/protobuf.h>

#include "pysyft/objects.h"
#include "serde/serde.h"

/* Values as 0.2.9's MessagePack: contents of tensors stay where they are. */
typedef struct syi_protobuf_sending {
    sy_worker *worker;
    const char *what;   /* for traces */
    syi_message middle; /* csyft.v1's */
    syi_buffer out;
    syi_pysyft_aside aside;
} syi_protobuf_sending;

void syi_protobuf_sending_init(syi_protobuf_sending *sending, sy_worker *worker, const char *what);
void syi_protobuf_sending_fini(syi_protobuf_sending *sending);
/* Appends one value to `out`. */
sy_status syi_protobuf_sending_put(syi_protobuf_sending *sending, const sy_value *value,
                                   sy_error *err);
/* The message of the one value in `out`, behind `lead` bytes of room. */
sy_status syi_protobuf_sending_finish(syi_protobuf_sending *sending, const char **type, size_t lead,
                                      void **bytes, size_t *size, sy_error *err);

struct sy_protobuf_object {
    sy_worker *worker;
    syi_buffer in;      /* 0.2.9's MessagePack */
    syi_message middle; /* csyft.v1's; the decoder reads it */
    syi_pysyft_aside aside;
    bool inline_; /* contents are in the bytes, for what csyft has no type for */
    syi_decoder decoder;
    bool decoding; /* the decoder is initialised */
    sy_value value;
    bool is_message;
    sy_protobuf_message message;
    sy_value *args;
    size_t arg_room;
    sy_named_value *kwargs;
    size_t kwarg_room;
    sy_id *ids;
    size_t id_room;
    char *texts[2]; /* name, reason */
};

sy_status syi_protobuf_object_new(sy_worker *worker, sy_protobuf_object **object, sy_error *err);
/* The value at the cursor goes behind those that `middle` has. SY_ENOTSUP unless inline_: csyft has no type for it. */
sy_status syi_protobuf_object_take(sy_protobuf_object *object, syi_msgpack_cursor *cursor,
                                   sy_error *err);
/* After the last: makes the values, in order, each with one call. */
void syi_protobuf_object_begin(sy_protobuf_object *object);
sy_status syi_protobuf_object_make(sy_protobuf_object *object, sy_value *value, sy_error *err);
/* Bytes of a message of `type` into `in`; then `read` takes what it needs. Twice, when csyft has no type for something. */
sy_status syi_protobuf_object_read(sy_protobuf_object *object, const char *type, const void *bytes,
                                   size_t size,
                                   sy_status (*read)(sy_protobuf_object *object, sy_error *err),
                                   sy_error *err);

#endif
