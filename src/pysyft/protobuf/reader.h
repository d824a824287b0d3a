/*
 * reader.h - a tree of messages as a value of 0.2.9: what from_message.c and its parts share. The tree has been scanned
 * (scan.h): it is not too deep, and texts are texts. Test: protobuf_test.c.
 */
#ifndef SYI_PYSYFT_PROTOBUF_READER_H
#define SYI_PYSYFT_PROTOBUF_READER_H

#include "pysyft/contents.h"
#include "pysyft/protobuf/rows.h"

typedef struct syi_protobuf_reader {
    sy_context *context;
    syi_account *account;
    syi_buffer *out;
    syi_pysyft_aside *aside; /* nullable */
    /* Inside of a plan: the list for its state, the only tensors there that are taken out of its bytes. */
    syi_pysyft_aside *for_state;
    /* That state, and the number of its first list of elements: roles that repeat it have the same numbers. */
    const ProtobufCMessage *state;
    int64_t state_first;
    int64_t repeated; /* the next number in such a role; -1: not in one */
    int named;        /* fields that the sentence names so far */
} syi_protobuf_reader;

/* Appends the value. `message` may be NULL: a part that is missing. */
sy_status syi_protobuf_read_value(syi_protobuf_reader *r, const ProtobufCMessage *message,
                                  sy_error *err);

/* Pieces. */
sy_status syi_protobuf_read_id(syi_protobuf_reader *r, const ProtobufCMessage *id, sy_error *err);
size_t syi_protobuf_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *f);
const ProtobufCMessage *syi_protobuf_child(const ProtobufCMessage *message,
                                           const ProtobufCFieldDescriptor *f);
const ProtobufCMessage *syi_protobuf_element(const ProtobufCMessage *message,
                                             const ProtobufCFieldDescriptor *f, size_t index);
/* Of a message with one choice: the field that is set; NULL: none. */
const ProtobufCFieldDescriptor *syi_protobuf_chosen(const ProtobufCMessage *message);
const char *syi_protobuf_text(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *f);
/* Entries of a map: not too many, each key once. */
sy_status syi_protobuf_check_entries(const ProtobufCMessage *message,
                                     const ProtobufCFieldDescriptor *f, sy_error *err);
void syi_protobuf_put_dims(syi_protobuf_reader *r, const ProtobufCMessage *message);

/* same.c: of one type, with the same fields; unknown ones do not count */
bool syi_protobuf_same(const ProtobufCMessage *a, const ProtobufCMessage *b);

/* read_arguments.c */
sy_status syi_protobuf_read_args(syi_protobuf_reader *r, const ProtobufCMessage *message,
                                 const ProtobufCFieldDescriptor *f, int code, sy_error *err);
sy_status syi_protobuf_read_arg(syi_protobuf_reader *r, const ProtobufCMessage *message,
                                bool communication, sy_error *err);
sy_status syi_protobuf_read_target(syi_protobuf_reader *r, const ProtobufCMessage *message,
                                   sy_error *err);
sy_status syi_protobuf_read_returns(syi_protobuf_reader *r, const ProtobufCMessage *message,
                                    sy_error *err);
/* Does the action's command say that it is communication? */
bool syi_protobuf_communicates(const ProtobufCMessage *message);
/* tensors.c */
sy_status syi_protobuf_read_contents(syi_protobuf_reader *r, const ProtobufCMessage *message,
                                     sy_error *err);
sy_status syi_protobuf_read_serializer(syi_protobuf_reader *r, const ProtobufCMessage *message,
                                       sy_error *err);
sy_status syi_protobuf_read_data(syi_protobuf_reader *r, const ProtobufCMessage *message,
                                 sy_error *err);
/* types.c */
sy_status syi_protobuf_read_types(syi_protobuf_reader *r, const ProtobufCMessage *message,
                                  sy_error *err);

#endif
