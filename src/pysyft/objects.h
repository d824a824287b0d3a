/*
 * objects.h - values of PySyft 0.2.9 into those of csyft.v1 and back. Both are MessagePack in the simplify format and
 * mostly alike; tensors differ (contents, flags), and so do pointers (generation). What csyft.v1 has no field for
 * travels behind its fields, where readers skip it, so that there and back gives the same bytes. docs/reference/
 * pysyft-wire.md, section 3. Tests: pysyft_test.c, fuzz: tests/fuzz/pysyft.c.
 */
#ifndef SYI_PYSYFT_OBJECTS_H
#define SYI_PYSYFT_OBJECTS_H

#include <csyft/id.h>

#include "ops/ops.h"
#include "pysyft/contents.h"
#include "transport/frame.h"

/* csyft.v1's pair of what has no type here: [254, [id, bytes of the PySyft value]]. */
#define SYI_PYSYFT_CODE_OPAQUE 254

typedef struct syi_pysyft_reader {
    sy_context *context;
    syi_account *account;          /* nullable; charged for contents */
    syi_msgpack_cursor cursor;     /* of PySyft's bytes */
    syi_message *out;              /* csyft.v1's: body and segments */
    const syi_pysyft_aside *aside; /* nullable: contents that are not in the bytes */
    int depth;
    bool private_; /* a PrivateTensor was among them: the object must be stored as private */
    bool saw_tensor;
    bool saw_plan;
    bool all; /* form of the last tensor */
} syi_pysyft_reader;

void syi_pysyft_reader_init(syi_pysyft_reader *reader, sy_context *context, const uint8_t *bytes,
                            size_t size, syi_message *out, syi_account *account);
/* The next value. SY_ENOTSUP: a type that csyft.v1 has no form for, or only as an object of its own. */
sy_status syi_pysyft_read_value(syi_pysyft_reader *reader, sy_error *err);
/* The next value as an object to be stored: SY_ENOTSUP becomes an opaque one when it has an id, its first field
 * (a String's second) or `opaque` asks for that. */
sy_status syi_pysyft_read_object(syi_pysyft_reader *reader, bool opaque, sy_error *err);

typedef enum syi_pysyft_layout {
    SYI_PYSYFT_AS_IT_CAME, /* 0.2.9 where PySyft did not record it */
    SYI_PYSYFT_0_2_9,
    SYI_PYSYFT_0_2_4,
} syi_pysyft_layout;

typedef struct syi_pysyft_writer {
    sy_context *context;
    syi_msgpack_cursor cursor; /* of csyft.v1's body */
    const syi_message *from;   /* its segments */
    syi_buffer *out;
    int depth;
    bool all;                 /* the form of tensors that do not say theirs */
    const syi_ops *ops;       /* for plans that PySyft did not record; nullable: they are refused */
    syi_pysyft_layout layout; /* of plans */
    const sy_id *id;          /* that the next tensor gets instead of its own; nullable */
    bool parameter; /* the next tensor is in a Parameter, which says itself what it needs */
    syi_pysyft_aside *aside; /* nullable: takes contents of the form "all" */
    /* nullable: for tensors without an id, as links of chains are here */
    sy_id (*draw_id)(void *user);
    void *draw_user;
} syi_pysyft_writer;

void syi_pysyft_writer_init(syi_pysyft_writer *writer, sy_context *context, const syi_message *from,
                            syi_buffer *out, bool all);
sy_status syi_pysyft_write_value(syi_pysyft_writer *writer, sy_error *err);

/* Pieces that both sides' requests are made of. */
void syi_pysyft_put_pair(syi_buffer *out, int code,
                         size_t count);                      /* [code, [count values follow]] */
void syi_pysyft_put_text(syi_buffer *out, const char *text); /* [5, [bin]]; NULL: nil */
/* Copies one value as it is. */
sy_status syi_pysyft_copy(syi_msgpack_cursor *cursor, syi_buffer *out, sy_error *err);
/* [code, body]: reads both headers; the body is next. Two leaves. */
sy_status syi_pysyft_open_pair(syi_msgpack_cursor *cursor, int64_t *code, sy_error *err);
/* Text of pair 5, bare str or bin; borrowed, not terminated. nil: NULL. */
sy_status syi_pysyft_read_text(syi_msgpack_cursor *cursor, const char **text, size_t *length,
                               sy_error *err);
/* A number, a text; none: nil. */
sy_status syi_pysyft_read_id(syi_msgpack_cursor *cursor, sy_id *id, sy_error *err);
/* A tensor without elements, as wrappers have it. */
sy_status syi_pysyft_put_wrapper_contents(sy_context *context, syi_buffer *out, bool all,
                                          sy_error *err);

#endif
