/*
 * msgpack.h - MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md): a writer onto a
 * bounded buffer and a bounded pull cursor. Bytes come from peers: depth, element and byte budgets hold
 * before anything is allocated, and a count is checked against the bytes that are left (every element
 * takes at least one byte). Reading never allocates; strings and binaries are borrowed from the input.
 * Tests: msgpack_test.c (vectors of the specification, python3-msgpack), fuzz: tests/fuzz/msgpack.c.
 */
#ifndef SYI_SERDE_MSGPACK_H
#define SYI_SERDE_MSGPACK_H

#include "core/buffer.h"
#include "core/error.h"

/* Writers use the shortest form. Failures latch in the buffer. */
void syi_msgpack_write_nil(syi_buffer *out);
void syi_msgpack_write_bool(syi_buffer *out, bool value);
void syi_msgpack_write_int(syi_buffer *out, int64_t value);
void syi_msgpack_write_uint(syi_buffer *out, uint64_t value);
void syi_msgpack_write_double(syi_buffer *out, double value); /* float 64, as msgpack-python */
void syi_msgpack_write_float(syi_buffer *out, float value);   /* float 32 */
void syi_msgpack_write_str(syi_buffer *out, const char *text, size_t length);
void syi_msgpack_write_bin(syi_buffer *out, const void *bytes, size_t length);
void syi_msgpack_write_array(syi_buffer *out, size_t count); /* header; `count` values follow */
void syi_msgpack_write_map(syi_buffer *out, size_t count);   /* header; `count` pairs follow */

typedef enum syi_msgpack_type {
    SYI_MSGPACK_END = 0, /* no more input at this level */
    SYI_MSGPACK_NIL,
    SYI_MSGPACK_BOOL,
    SYI_MSGPACK_INT,  /* fits int64_t */
    SYI_MSGPACK_UINT, /* above INT64_MAX */
    SYI_MSGPACK_FLOAT,
    SYI_MSGPACK_STR,
    SYI_MSGPACK_BIN,
    SYI_MSGPACK_ARRAY,
    SYI_MSGPACK_MAP,
    SYI_MSGPACK_EXT,
    SYI_MSGPACK_BAD, /* truncated or reserved byte */
} syi_msgpack_type;

#define SYI_MSGPACK_DEPTH_MAX 64

typedef struct syi_msgpack_cursor {
    const uint8_t *start; /* for positions in sentences */
    const uint8_t *next;
    const uint8_t *end;
    uint32_t depth; /* containers open now */
    uint32_t depth_max;
    uint64_t elements_left;
} syi_msgpack_cursor;

/* `elements_max` 0: as many as the input has bytes. depth_max at most SYI_MSGPACK_DEPTH_MAX. */
void syi_msgpack_cursor_init(syi_msgpack_cursor *cursor, const void *bytes, size_t size,
                             uint32_t depth_max, uint64_t elements_max);

syi_msgpack_type syi_msgpack_peek(const syi_msgpack_cursor *cursor);

/* Each consumes one value of that type, or fails with SY_EFORMAT naming what was expected, what came
 * and at which byte, or SY_ELIMIT when a budget (depth, elements) is passed; a failed read consumes
 * nothing. */
sy_status syi_msgpack_read_nil(syi_msgpack_cursor *cursor, sy_error *err);
sy_status syi_msgpack_read_bool(syi_msgpack_cursor *cursor, bool *value, sy_error *err);
sy_status syi_msgpack_read_int(syi_msgpack_cursor *cursor, int64_t *value, sy_error *err);
sy_status syi_msgpack_read_uint(syi_msgpack_cursor *cursor, uint64_t *value, sy_error *err);
sy_status syi_msgpack_read_double(syi_msgpack_cursor *cursor, double *value,
                                  sy_error *err); /* int too */
/* STR only (peek to accept BIN too); borrowed, not terminated; UTF-8 is the caller's. */
sy_status syi_msgpack_read_str(syi_msgpack_cursor *cursor, const char **text, size_t *length,
                               sy_error *err);
sy_status syi_msgpack_read_bin(syi_msgpack_cursor *cursor, const uint8_t **bytes, size_t *length,
                               sy_error *err);
/* Opens a container: its `count` values (map: pairs) follow. Each open one must be left with
 * syi_msgpack_leave after its values were read or skipped. */
sy_status syi_msgpack_read_array(syi_msgpack_cursor *cursor, size_t *count, sy_error *err);
sy_status syi_msgpack_read_map(syi_msgpack_cursor *cursor, size_t *count, sy_error *err);
void syi_msgpack_leave(syi_msgpack_cursor *cursor);
/* As read_array, but the count must be `count`; `what` is for the sentence. */
sy_status syi_msgpack_read_tuple(syi_msgpack_cursor *cursor, size_t count, const char *what,
                                 sy_error *err);
/* Skips one value of any type with everything in it, iteratively, within the budgets. */
sy_status syi_msgpack_skip(syi_msgpack_cursor *cursor, sy_error *err);
/* SY_OK when all input was consumed. */
sy_status syi_msgpack_finish(const syi_msgpack_cursor *cursor, const char *what, sy_error *err);

#endif
