/*
 * msgpack.c - hostile bytes to the cursor: reading value by value and skipping agree on where they end and
 * whether they fail; what was read is written as bytes that read the same again.
 */
#include <stdlib.h>
#include <string.h>

#include "serde/msgpack/msgpack.h"

enum { DEPTH = 16 };

/* A broken promise stops the fuzzer. */
static void require(bool promise)
{
    if (!promise) {
        abort();
    }
}

static sy_status copy(syi_msgpack_cursor *cursor, syi_buffer *out, bool *exact);

static sy_status copy_items(syi_msgpack_cursor *cursor, size_t count, syi_buffer *out, bool *exact)
{
    for (size_t i = 0; i < count; i++) {
        SY_TRY(copy(cursor, out, exact));
    }
    syi_msgpack_leave(cursor);
    return SY_OK;
}

static sy_status copy_container(syi_msgpack_cursor *cursor, bool map, syi_buffer *out, bool *exact)
{
    size_t count;
    if (map) {
        SY_TRY(syi_msgpack_read_map(cursor, &count, NULL));
        syi_msgpack_write_map(out, count);
        count *= 2;
    } else {
        SY_TRY(syi_msgpack_read_array(cursor, &count, NULL));
        syi_msgpack_write_array(out, count);
    }
    require(count <= (size_t)(cursor->end - cursor->next));
    return copy_items(cursor, count, out, exact);
}

static sy_status copy_bytes(syi_msgpack_cursor *cursor, bool binary, syi_buffer *out)
{
    const uint8_t *bytes;
    const char *text;
    size_t length;
    if (binary) {
        SY_TRY(syi_msgpack_read_bin(cursor, &bytes, &length, NULL));
        syi_msgpack_write_bin(out, bytes, length);
    } else {
        SY_TRY(syi_msgpack_read_str(cursor, &text, &length, NULL));
        syi_msgpack_write_str(out, text, length);
    }
    return SY_OK;
}

static sy_status copy_number(syi_msgpack_cursor *cursor, syi_msgpack_type type, syi_buffer *out)
{
    int64_t integer;
    uint64_t number;
    double real;
    switch (type) {
    case SYI_MSGPACK_INT:
        SY_TRY(syi_msgpack_read_int(cursor, &integer, NULL));
        syi_msgpack_write_int(out, integer);
        return SY_OK;
    case SYI_MSGPACK_UINT:
        SY_TRY(syi_msgpack_read_uint(cursor, &number, NULL));
        syi_msgpack_write_uint(out, number);
        return SY_OK;
    default:
        SY_TRY(syi_msgpack_read_double(cursor, &real, NULL));
        syi_msgpack_write_double(out, real);
        return SY_OK;
    }
}

/* One value; *exact becomes false when an extension was left out. */
static sy_status copy(syi_msgpack_cursor *cursor, syi_buffer *out, bool *exact)
{
    bool boolean;
    const syi_msgpack_type type = syi_msgpack_peek(cursor);
    switch (type) {
    case SYI_MSGPACK_NIL:
        SY_TRY(syi_msgpack_read_nil(cursor, NULL));
        syi_msgpack_write_nil(out);
        return SY_OK;
    case SYI_MSGPACK_BOOL:
        SY_TRY(syi_msgpack_read_bool(cursor, &boolean, NULL));
        syi_msgpack_write_bool(out, boolean);
        return SY_OK;
    case SYI_MSGPACK_INT:
    case SYI_MSGPACK_UINT:
    case SYI_MSGPACK_FLOAT:
        return copy_number(cursor, type, out);
    case SYI_MSGPACK_STR:
    case SYI_MSGPACK_BIN:
        return copy_bytes(cursor, type == SYI_MSGPACK_BIN, out);
    case SYI_MSGPACK_ARRAY:
    case SYI_MSGPACK_MAP:
        return copy_container(cursor, type == SYI_MSGPACK_MAP, out, exact);
    case SYI_MSGPACK_EXT:
        *exact = false;
        syi_msgpack_write_nil(out);
        return syi_msgpack_skip(cursor, NULL);
    case SYI_MSGPACK_BAD:
    case SYI_MSGPACK_END:
    default: {
        const syi_msgpack_cursor before = *cursor;
        require(syi_msgpack_read_nil(cursor, NULL) == SY_EFORMAT);
        require(syi_msgpack_skip(cursor, NULL) == SY_EFORMAT);
        require(memcmp(cursor, &before, sizeof before) == 0);
        return SY_EFORMAT;
    }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sy_context *context;
    if (sy_context_new(&context, NULL, NULL) != SY_OK) {
        return 0;
    }
    syi_buffer out;
    syi_buffer again;
    syi_buffer_init(&out, context, 16 * size + 64);
    syi_buffer_init(&again, context, 16 * size + 64);
    syi_msgpack_cursor reading;
    syi_msgpack_cursor skipping;
    syi_msgpack_cursor_init(&reading, data, size, DEPTH, 0);
    syi_msgpack_cursor_init(&skipping, data, size, DEPTH, 0);
    bool exact = true;
    const sy_status status = copy(&reading, &out, &exact);
    require(syi_msgpack_skip(&skipping, NULL) == status);
    if (status == SY_OK) {
        require(reading.next == skipping.next && reading.depth == 0);
        require(reading.elements_left == skipping.elements_left);
        require(out.status == SY_OK);
        syi_msgpack_cursor_init(&reading, out.data, out.length, DEPTH, 0);
        require(copy(&reading, &again, &exact) == SY_OK);
        require(syi_msgpack_finish(&reading, "copy", NULL) == SY_OK);
        require(out.length == again.length && memcmp(out.data, again.data, out.length) == 0);
    } else {
        require(skipping.next == data || size == 0);
    }
    syi_buffer_fini(&out);
    syi_buffer_fini(&again);
    sy_context_free(context);
    return 0;
}
