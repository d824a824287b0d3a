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

/* Writers use the shortest form. Failures latch in the buffer. What most values are, a byte with its format
 * in it, is written here; the functions in `_slowly` are msgpack.c's part of the same work. */
static inline void syi_msgpack_write_nil(syi_buffer *out)
{
    syi_buffer_put(out, 0xc0);
}
static inline void syi_msgpack_write_bool(syi_buffer *out, bool value)
{
    syi_buffer_put(out, value ? 0xc3 : 0xc2);
}

void syi_msgpack_write_uint_slowly(syi_buffer *out, uint64_t value);
static inline void syi_msgpack_write_uint(syi_buffer *out, uint64_t value)
{
    if (value < 0x80) {
        syi_buffer_put(out, (uint8_t)value);
    } else {
        syi_msgpack_write_uint_slowly(out, value);
    }
}

void syi_msgpack_write_negative(syi_buffer *out, int64_t value);
static inline void syi_msgpack_write_int(syi_buffer *out, int64_t value)
{
    if (value >= 0) {
        syi_msgpack_write_uint(out, (uint64_t)value);
    } else {
        syi_msgpack_write_negative(out, value);
    }
}

void syi_msgpack_write_double(syi_buffer *out, double value); /* float 64, as msgpack-python */
void syi_msgpack_write_float(syi_buffer *out, float value);   /* float 32 */
void syi_msgpack_write_str(syi_buffer *out, const char *text, size_t length);
void syi_msgpack_write_bin(syi_buffer *out, const void *bytes, size_t length);

/* Header; `count` values follow. */
void syi_msgpack_write_array_slowly(syi_buffer *out, size_t count);
static inline void syi_msgpack_write_array(syi_buffer *out, size_t count)
{
    if (count < 16) {
        syi_buffer_put(out, (uint8_t)(0x90 | count));
    } else {
        syi_msgpack_write_array_slowly(out, count);
    }
}
void syi_msgpack_write_map(syi_buffer *out, size_t count); /* header; `count` pairs follow */

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

syi_msgpack_type syi_msgpack_peek_slowly(const syi_msgpack_cursor *cursor);
static inline syi_msgpack_type syi_msgpack_peek(const syi_msgpack_cursor *cursor)
{
    if (cursor->next != cursor->end) {
        const unsigned byte = *cursor->next;
        if (byte < 0x80) {
            return SYI_MSGPACK_INT;
        }
        if (byte == 0xc0) {
            return SYI_MSGPACK_NIL;
        }
        if ((byte & 0xf0) == 0x90 && (byte & 0x0f) < (size_t)(cursor->end - cursor->next)) {
            return SYI_MSGPACK_ARRAY;
        }
    }
    return syi_msgpack_peek_slowly(cursor);
}

/* Each consumes one value of that type, or fails with SY_EFORMAT naming what was expected, what came
 * and at which byte, or SY_ELIMIT when a budget (depth, elements) is passed; a failed read consumes
 * nothing. */
sy_status syi_msgpack_read_nil_slowly(syi_msgpack_cursor *cursor, sy_error *err);
static inline sy_status syi_msgpack_read_nil(syi_msgpack_cursor *cursor, sy_error *err)
{
    if (cursor->next != cursor->end && *cursor->next == 0xc0 && cursor->elements_left != 0) {
        cursor->elements_left--;
        cursor->next++;
        return SY_OK;
    }
    return syi_msgpack_read_nil_slowly(cursor, err);
}

sy_status syi_msgpack_read_bool(syi_msgpack_cursor *cursor, bool *value, sy_error *err);

/* Numbers from 0 to INT64_MAX; false, and nothing is consumed, for all else. */
bool syi_msgpack_take_long_number(syi_msgpack_cursor *cursor, int64_t *value);
static inline bool syi_msgpack_take_number(syi_msgpack_cursor *cursor, int64_t *value)
{
    const uint8_t *p = cursor->next;
    if (p == cursor->end || p[0] >= 0x80 || cursor->elements_left == 0) {
        return syi_msgpack_take_long_number(cursor, value);
    }
    *value = p[0];
    cursor->elements_left--;
    cursor->next++;
    return true;
}
/* The same for what is nearly always as long as ids are. */
static inline bool syi_msgpack_take_id(syi_msgpack_cursor *cursor, int64_t *value)
{
    const uint8_t *p = cursor->next;
    if (cursor->end - p < 9 || p[0] != 0xcf || (p[1] & 0x80) != 0 || cursor->elements_left == 0) {
        return syi_msgpack_take_number(cursor, value);
    }
    *value = (int64_t)syi_get_u64be(p + 1);
    cursor->elements_left--;
    cursor->next += 9;
    return true;
}

sy_status syi_msgpack_read_int_slowly(syi_msgpack_cursor *cursor, int64_t *value, sy_error *err);
static inline sy_status syi_msgpack_read_int(syi_msgpack_cursor *cursor, int64_t *value,
                                             sy_error *err)
{
    int64_t number;
    if (syi_msgpack_take_number(cursor, &number)) {
        *value = number;
        return SY_OK;
    }
    return syi_msgpack_read_int_slowly(cursor, value, err);
}

sy_status syi_msgpack_read_uint_slowly(syi_msgpack_cursor *cursor, uint64_t *value, sy_error *err);
static inline sy_status syi_msgpack_read_uint(syi_msgpack_cursor *cursor, uint64_t *value,
                                              sy_error *err)
{
    int64_t number;
    if (syi_msgpack_take_number(cursor, &number)) {
        *value = (uint64_t)number;
        return SY_OK;
    }
    return syi_msgpack_read_uint_slowly(cursor, value, err);
}

sy_status syi_msgpack_read_double(syi_msgpack_cursor *cursor, double *value,
                                  sy_error *err); /* int too */
/* STR only (peek to accept BIN too); borrowed, not terminated; UTF-8 is the caller's. */
sy_status syi_msgpack_read_str_slowly(syi_msgpack_cursor *cursor, const char **text, size_t *length,
                                      sy_error *err);
static inline sy_status syi_msgpack_read_str(syi_msgpack_cursor *cursor, const char **text,
                                             size_t *length, sy_error *err)
{
    const size_t left = (size_t)(cursor->end - cursor->next);
    if (left != 0 && (*cursor->next & 0xe0) == 0xa0 && cursor->elements_left != 0) {
        const size_t found = *cursor->next & 0x1fu;
        if (found < left) {
            *text = (const char *)cursor->next + 1;
            *length = found;
            cursor->elements_left--;
            cursor->next += 1 + found;
            return SY_OK;
        }
    }
    return syi_msgpack_read_str_slowly(cursor, text, length, err);
}
sy_status syi_msgpack_read_bin(syi_msgpack_cursor *cursor, const uint8_t **bytes, size_t *length,
                               sy_error *err);

/* Opens a container: its `count` values (map: pairs) follow. Each open one must be left with
 * syi_msgpack_leave after its values were read or skipped. */
sy_status syi_msgpack_read_array_slowly(syi_msgpack_cursor *cursor, size_t *count, sy_error *err);
static inline sy_status syi_msgpack_read_array(syi_msgpack_cursor *cursor, size_t *count,
                                               sy_error *err)
{
    const size_t left = (size_t)(cursor->end - cursor->next);
    if (left != 0 && (*cursor->next & 0xf0) == 0x90) {
        const size_t found = *cursor->next & 0x0fu;
        if (found < left && cursor->depth < cursor->depth_max && cursor->elements_left > found) {
            cursor->elements_left--;
            cursor->next++;
            cursor->depth++;
            *count = found;
            return SY_OK;
        }
    }
    return syi_msgpack_read_array_slowly(cursor, count, err);
}
sy_status syi_msgpack_read_map(syi_msgpack_cursor *cursor, size_t *count, sy_error *err);

static inline void syi_msgpack_leave(syi_msgpack_cursor *cursor)
{
    if (cursor->depth > 0) {
        cursor->depth--;
    }
}

/* As read_array, but the count must be `count`; `what` is for the sentence. */
sy_status syi_msgpack_read_tuple_slowly(syi_msgpack_cursor *cursor, size_t count, const char *what,
                                        sy_error *err);
static inline sy_status syi_msgpack_read_tuple(syi_msgpack_cursor *cursor, size_t count,
                                               const char *what, sy_error *err)
{
    const size_t left = (size_t)(cursor->end - cursor->next);
    if (count < 16 && count < left && *cursor->next == (0x90 | count) &&
        cursor->depth < cursor->depth_max && cursor->elements_left > count) {
        cursor->elements_left--;
        cursor->next++;
        cursor->depth++;
        return SY_OK;
    }
    return syi_msgpack_read_tuple_slowly(cursor, count, what, err);
}
/* Skips one value of any type with everything in it, iteratively, within the budgets. */
sy_status syi_msgpack_skip(syi_msgpack_cursor *cursor, sy_error *err);
/* SY_OK when all input was consumed. */
sy_status syi_msgpack_finish(const syi_msgpack_cursor *cursor, const char *what, sy_error *err);

#endif
