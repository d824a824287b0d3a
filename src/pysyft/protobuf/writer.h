/*
 * writer.h - a value of 0.2.9 as a tree of messages: what to_message.c and its parts (arguments, tensors, types) share.
 * Test: protobuf_test.c.
 */
#ifndef SYI_PYSYFT_PROTOBUF_WRITER_H
#define SYI_PYSYFT_PROTOBUF_WRITER_H

#include "pysyft/contents.h"
#include "pysyft/protobuf/arena.h"
#include "pysyft/protobuf/rows.h"

typedef struct syi_protobuf_writer {
    sy_context *context;
    syi_account *account;
    syi_protobuf_arena *arena;
    const syi_pysyft_aside *aside; /* nullable */
    syi_pysyft_aside held;         /* arrays that messages point into */
    int depth;
    int named; /* fields that the sentence names so far */
} syi_protobuf_writer;

/* A message of this type from the next value. */
sy_status syi_protobuf_write_value(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                   const ProtobufCMessageDescriptor *type,
                                   ProtobufCMessage **message, sy_error *err);

/* So many messages inside each other more, or SY_ELIMIT; w->depth is taken back by the caller. */
sy_status syi_protobuf_deeper(syi_protobuf_writer *w, int levels, sy_error *err);

/* Pieces. `f` belongs to the type of `message`. */
sy_status syi_protobuf_new_message(syi_protobuf_writer *w, const ProtobufCMessageDescriptor *type,
                                   ProtobufCMessage **message, sy_error *err);
void *syi_protobuf_alloc(syi_protobuf_writer *w, size_t count, size_t item, sy_error *err);
const ProtobufCFieldDescriptor *syi_protobuf_field_at(const ProtobufCMessage *message,
                                                      unsigned number);
void *syi_protobuf_member(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *f);
/* One message of a field that is not repeated, with its choice. */
void syi_protobuf_set_message(ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                              ProtobufCMessage *child);
void syi_protobuf_choose(ProtobufCMessage *message, const ProtobufCFieldDescriptor *f);
/* Room for `count` elements of a repeated field, NULL for one that is not there yet. */
sy_status syi_protobuf_set_repeated(syi_protobuf_writer *w, ProtobufCMessage *message,
                                    const ProtobufCFieldDescriptor *f, size_t count, size_t item,
                                    void **items, sy_error *err);
/* Entries of a map in the order of their keys: one dict has one form. SY_EFORMAT: a key twice; SY_ELIMIT. */
sy_status syi_protobuf_sort_entries(void *items, size_t count, sy_error *err);
/* A text as protobuf has them: UTF-8 without NUL; terminated. */
sy_status syi_protobuf_copy_text(syi_protobuf_writer *w, const char *text, size_t length,
                                 char **copy, sy_error *err);
/* The type code of the next value; -1: it has none. */
int64_t syi_protobuf_peek_code(const syi_msgpack_cursor *cursor);
/* list or tuple, also a set: its elements are next. One leave more than an array needs. */
sy_status syi_protobuf_open_list(syi_msgpack_cursor *cursor, size_t *count, sy_error *err);
sy_status syi_protobuf_write_dims(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                  ProtobufCMessage *message, sy_error *err);

/* write_parts.c: the next value into a field, by its kind (rows.h). */
sy_status syi_protobuf_write_id(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                ProtobufCMessage *message, sy_error *err);
sy_status syi_protobuf_set_id(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                              ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                              sy_error *err);
sy_status syi_protobuf_set_id_of(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                 ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                                 sy_error *err);
sy_status syi_protobuf_set_ids(syi_protobuf_writer *w, syi_msgpack_cursor *cursor, size_t count,
                               ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                               sy_error *err);
sy_status syi_protobuf_set_id_list(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                   ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                                   sy_error *err);
sy_status syi_protobuf_set_text(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                const char *prefix, ProtobufCMessage *message,
                                const ProtobufCFieldDescriptor *f, sy_error *err);
sy_status syi_protobuf_set_number(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                  ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                                  sy_error *err);
sy_status syi_protobuf_set_field_size(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                      ProtobufCMessage *message, unsigned number, sy_error *err);
sy_status syi_protobuf_set_tags(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                                sy_error *err);
sy_status syi_protobuf_write_shape(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                   ProtobufCMessage *message, sy_error *err);
sy_status syi_protobuf_set_shape(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                 ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                                 sy_error *err);
sy_status syi_protobuf_set_format(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                  ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                                  sy_error *err);
sy_status syi_protobuf_set_scalar(syi_msgpack_cursor *cursor, ProtobufCMessage *message,
                                  const ProtobufCFieldDescriptor *f, sy_error *err);
sy_status syi_protobuf_set_bytes(syi_msgpack_cursor *cursor, ProtobufCMessage *message,
                                 const ProtobufCFieldDescriptor *f, sy_error *err);
sy_status syi_protobuf_set_script(syi_msgpack_cursor *cursor, ProtobufCMessage *message,
                                  const ProtobufCFieldDescriptor *f, sy_error *err);

/* write_arguments.c */
sy_status syi_protobuf_write_args(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                  ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                                  sy_error *err);
sy_status syi_protobuf_write_arg(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                 bool communication, ProtobufCMessage *message, sy_error *err);
sy_status syi_protobuf_write_target(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                    ProtobufCMessage *message, sy_error *err);
sy_status syi_protobuf_write_returns(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                     ProtobufCMessage *message, sy_error *err);
sy_status syi_protobuf_write_command(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                     ProtobufCMessage *message, const ProtobufCFieldDescriptor *f,
                                     sy_error *err);
/* tensors.c */
sy_status syi_protobuf_write_contents(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                      ProtobufCMessage *message, sy_error *err);
sy_status syi_protobuf_write_data(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                  ProtobufCMessage *message, sy_error *err);
sy_status syi_protobuf_write_serializer(syi_msgpack_cursor *cursor, ProtobufCMessage *message,
                                        sy_error *err);
/* types.c */
sy_status syi_protobuf_write_types(syi_protobuf_writer *w, syi_msgpack_cursor *cursor,
                                   ProtobufCMessage *message, sy_error *err);

#endif
