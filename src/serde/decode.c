/*
 * decode.c - values from msgpack: texts, ids, numbers, lists, slices, in memory of the decoder. Test: serde_test.c.
 */
#include <stddef.h>
#include <string.h>

#include "core/error.h"
#include "serde/decoding.h"

#define ARENA_MAX (8u << 20)

struct syi_arena {
    syi_arena *next;
    size_t size; /* of the whole block */
    size_t used;
    max_align_t data[];
};

static void *arena_alloc(syi_decoder *decoder, size_t size, sy_error *err)
{
    size = (size + 15) & ~(size_t)15;
    if (size > decoder->arena_left) {
        syi_fail(err, SY_ELIMIT, "message: lists and texts take more than %u bytes", ARENA_MAX);
        return NULL;
    }
    decoder->arena_left -= size;
    if (size <= SYI_ARENA_ROOM - decoder->room_used) {
        uint8_t *memory = decoder->room + decoder->room_used;
        decoder->room_used += size;
        return memory;
    }
    syi_arena *arena = decoder->arena;
    if (arena == NULL || arena->size - sizeof *arena - arena->used < size) {
        size_t block = sizeof *arena + (size > 2000 ? size : 2000);
        arena = syi_alloc(decoder->hook->context, block);
        if (arena == NULL) {
            SYI_ENOMEM(err, "message");
            return NULL;
        }
        arena->size = block;
        arena->next = decoder->arena;
        decoder->arena = arena;
    }
    void *memory = (uint8_t *)arena->data + arena->used;
    arena->used += size;
    return memory;
}

void syi_decoder_init(syi_decoder *decoder, sy_hook *hook, sy_worker *worker,
                      const syi_message *message)
{
    decoder->hook = hook;
    decoder->worker = worker;
    decoder->account = &hook->account;
    decoder->segments = message->segments;
    decoder->segment_count = message->segment_count;
    decoder->resolve = NULL;
    decoder->is_here = NULL;
    decoder->depth = 0;
    decoder->inherited = (syi_policy){0};
    decoder->arena = NULL;
    decoder->arena_left = ARENA_MAX;
    decoder->room_used = 0;
    decoder->held_count = 0;
    syi_msgpack_cursor_init(&decoder->cursor, message->body.data, message->body.length,
                            SYI_MSGPACK_DEPTH_MAX, 0);
}

void syi_decoder_fini(syi_decoder *decoder)
{
    while (decoder->held_count > 0) {
        sy_tensor_unref(decoder->held[--decoder->held_count]);
    }
    while (decoder->arena != NULL) {
        syi_arena *next = decoder->arena->next;
        syi_free(decoder->hook->context, decoder->arena, decoder->arena->size);
        decoder->arena = next;
    }
}

sy_status syi_decode_bad_code(int64_t code, const char *expected, sy_error *err)
{
    return syi_fail(err, SY_EFORMAT, "message: type code %lld where %s is expected",
                    (long long)code, expected);
}

/* Opens [code, ...]; the body is next. The caller leaves the pair with syi_msgpack_leave. */
sy_status syi_decode_open_pair(syi_decoder *decoder, int64_t *code, sy_error *err)
{
    SY_TRY(syi_msgpack_read_tuple(&decoder->cursor, 2, "[type code, body]", err));
    return syi_msgpack_read_int(&decoder->cursor, code, err);
}

static sy_status open_code(syi_decoder *decoder, int code, const char *expected, sy_error *err)
{
    int64_t found = 0;
    SY_TRY(syi_decode_open_pair(decoder, &found, err));
    return found == code ? SY_OK : syi_decode_bad_code(found, expected, err);
}

static sy_status read_text_bytes(syi_decoder *decoder, const char **text, size_t *length,
                                 sy_error *err)
{
    if (syi_msgpack_peek(&decoder->cursor) == SYI_MSGPACK_BIN) {
        const uint8_t *bytes = NULL;
        SY_TRY(syi_msgpack_read_bin(&decoder->cursor, &bytes, length, err));
        *text = (const char *)bytes;
        return SY_OK;
    }
    return syi_msgpack_read_str(&decoder->cursor, text, length, err);
}

/* The body of code 5, or a bare msgpack text. */
static sy_status copy_text(syi_decoder *decoder, const char **text, sy_error *err)
{
    const char *bytes = NULL;
    size_t length = 0;
    SY_TRY(read_text_bytes(decoder, &bytes, &length, err));
    if (memchr(bytes, '\0', length) != NULL) {
        return syi_fail(err, SY_EFORMAT, "message: a text contains a zero byte");
    }
    char *copy = arena_alloc(decoder, length + 1, err);
    if (copy == NULL) {
        return err != NULL ? err->status : SY_ENOMEM;
    }
    memcpy(copy, bytes, length);
    copy[length] = '\0';
    *text = copy;
    return SY_OK;
}

static sy_status str_body(syi_decoder *decoder, const char **text, sy_error *err)
{
    SY_TRY(syi_msgpack_read_tuple(&decoder->cursor, 1, "text", err));
    SY_TRY(copy_text(decoder, text, err));
    syi_msgpack_leave(&decoder->cursor);
    return SY_OK;
}

sy_status syi_decode_text_slowly(syi_decoder *decoder, const char **text, sy_error *err)
{
    *text = NULL;
    switch (syi_msgpack_peek(&decoder->cursor)) {
    case SYI_MSGPACK_STR:
    case SYI_MSGPACK_BIN:
        return copy_text(decoder, text, err);
    default:
        SY_TRY(open_code(decoder, SYI_CODE_STR, "a text", err));
        SY_TRY(str_body(decoder, text, err));
        syi_msgpack_leave(&decoder->cursor);
        return SY_OK;
    }
}

static sy_status id_of_text(const char *text, size_t length, sy_id *id, sy_error *err)
{
    char copy[SY_ID_TEXT_SIZE + 1];
    if (length >= sizeof copy) {
        return syi_fail(err, SY_EFORMAT, "message: an id of %zu bytes, at most %d are allowed",
                        length, SY_ID_TEXT_SIZE - 1);
    }
    if (memchr(text, '\0', length) != NULL) {
        return syi_fail(err, SY_EFORMAT, "an id contains a zero byte");
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    return sy_id_from_text(id, copy, err);
}

sy_status syi_decode_id_slowly(syi_decoder *decoder, sy_id *id, sy_error *err)
{
    *id = (sy_id)SY_ID_INIT;
    const char *text = NULL;
    size_t length = 0;
    int64_t number = 0;
    switch (syi_msgpack_peek(&decoder->cursor)) {
    case SYI_MSGPACK_INT:
        SY_TRY(syi_msgpack_read_int(&decoder->cursor, &number, err));
        *id = sy_id_from_int(number);
        return SY_OK;
    case SYI_MSGPACK_STR:
    case SYI_MSGPACK_BIN:
        SY_TRY(read_text_bytes(decoder, &text, &length, err));
        return id_of_text(text, length, id, err);
    default:
        SY_TRY(open_code(decoder, SYI_CODE_STR, "an id", err));
        SY_TRY(syi_msgpack_read_tuple(&decoder->cursor, 1, "id", err));
        SY_TRY(read_text_bytes(decoder, &text, &length, err));
        SY_TRY(id_of_text(text, length, id, err));
        syi_msgpack_leave(&decoder->cursor);
        syi_msgpack_leave(&decoder->cursor);
        return SY_OK;
    }
}

sy_status syi_decode_ints_body(syi_decoder *decoder, int64_t *values, int capacity, int *count,
                               sy_error *err)
{
    size_t length = 0;
    SY_TRY(syi_msgpack_read_array(&decoder->cursor, &length, err));
    if (length > (size_t)capacity) {
        return syi_fail(err, SY_EFORMAT, "message: %zu integers, at most %d are allowed", length,
                        capacity);
    }
    for (size_t k = 0; k < length; k++) {
        SY_TRY(syi_msgpack_read_int(&decoder->cursor, &values[k], err));
    }
    syi_msgpack_leave(&decoder->cursor);
    *count = (int)length;
    return SY_OK;
}

sy_status syi_decode_ints(syi_decoder *decoder, int64_t *values, int capacity, int *count,
                          sy_error *err)
{
    SY_TRY(open_code(decoder, SYI_CODE_SIZE, "a list of integers", err));
    SY_TRY(syi_decode_ints_body(decoder, values, capacity, count, err));
    syi_msgpack_leave(&decoder->cursor);
    return SY_OK;
}

static sy_status decode_open(syi_decoder *decoder, int64_t *value, sy_error *err)
{
    if (syi_msgpack_peek(&decoder->cursor) == SYI_MSGPACK_NIL) {
        *value = SY_SLICE_OPEN;
        return syi_msgpack_read_nil(&decoder->cursor, err);
    }
    return syi_msgpack_read_int(&decoder->cursor, value, err);
}

static sy_status list_body(syi_decoder *decoder, sy_value *value, sy_error *err)
{
    size_t count = 0;
    SY_TRY(syi_msgpack_read_array(&decoder->cursor, &count, err));
    sy_value *items = NULL;
    if (count > 0) {
        if (count > ARENA_MAX / sizeof *items) {
            return syi_fail(err, SY_ELIMIT, "message: a list of %zu values", count);
        }
        items = arena_alloc(decoder, count * sizeof *items, err);
        if (items == NULL) {
            return err != NULL ? err->status : SY_ENOMEM;
        }
    }
    for (size_t k = 0; k < count; k++) {
        SY_TRY(syi_decode_value(decoder, &items[k], err));
    }
    syi_msgpack_leave(&decoder->cursor);
    *value = sy_value_list(items, count);
    return SY_OK;
}

sy_status syi_decode_enter(syi_decoder *decoder, sy_error *err)
{
    if (++decoder->depth > SYI_SERDE_DEPTH_MAX) {
        decoder->depth--;
        return syi_fail(err, SY_ELIMIT, "message: nested deeper than %d levels",
                        SYI_SERDE_DEPTH_MAX);
    }
    return SY_OK;
}

static sy_status hold(syi_decoder *decoder, sy_tensor *tensor, sy_value *value, sy_error *err)
{
    if (decoder->held_count == SYI_OUTPUT_MAX) {
        sy_tensor_unref(tensor);
        return syi_fail(err, SY_ELIMIT, "message: more than %d tensors", SYI_OUTPUT_MAX);
    }
    decoder->held[decoder->held_count++] = tensor;
    *value = sy_value_tensor(tensor);
    return SY_OK;
}

/* [25, [nil, id, nil, nil]], an object of the receiver, is what nearly every argument is: read in one go.
 * false, and nothing is consumed, for all else, which includes what the budgets forbid. */
static bool take_own_object(syi_decoder *decoder, int64_t *id)
{
    static const uint8_t head[] = {0x92, SYI_CODE_POINTER, 0x94, 0xc0};
    enum { ELEMENTS = 7 };
    syi_msgpack_cursor at = decoder->cursor;
    if (decoder->is_here == NULL || at.end - at.next < ELEMENTS || at.depth + 2 > at.depth_max ||
        at.elements_left < ELEMENTS || memcmp(at.next, head, sizeof head) != 0) {
        return false;
    }
    at.next += sizeof head;
    at.elements_left -= ELEMENTS - 3;
    if (!syi_msgpack_take_id(&at, id) || at.end - at.next < 2 || at.next[0] != 0xc0 ||
        at.next[1] != 0xc0) {
        return false;
    }
    decoder->cursor.next = at.next + 2;
    decoder->cursor.elements_left = at.elements_left - 2;
    return true;
}

static sy_status decode_coded(syi_decoder *decoder, sy_value *value, sy_error *err)
{
    syi_msgpack_cursor *cursor = &decoder->cursor;
    int64_t code = 0;
    SY_TRY(syi_decode_open_pair(decoder, &code, err));
    switch (code) {
    case SYI_CODE_STR: {
        const char *text = NULL;
        SY_TRY(str_body(decoder, &text, err));
        *value = sy_value_string(text);
        break;
    }
    case SYI_CODE_LIST:
    case SYI_CODE_TUPLE:
    case SYI_CODE_SIZE:
        SY_TRY(list_body(decoder, value, err));
        break;
    case SYI_CODE_SLICE: {
        int64_t parts[3];
        SY_TRY(syi_msgpack_read_tuple(cursor, 3, "slice", err));
        for (int k = 0; k < 3; k++) {
            SY_TRY(decode_open(decoder, &parts[k], err));
        }
        syi_msgpack_leave(cursor);
        *value = sy_value_slice(parts[0], parts[1], parts[2] == SY_SLICE_OPEN ? 1 : parts[2]);
        break;
    }
    case SYI_CODE_ELLIPSIS:
        SY_TRY(syi_msgpack_skip(cursor, err));
        *value = sy_value_ellipsis();
        break;
    case SYI_CODE_DTYPE: {
        const char *name = NULL;
        sy_dtype dtype = SY_DTYPE_F32;
        SY_TRY(copy_text(decoder, &name, err));
        if (!sy_dtype_from_name(name, &dtype)) {
            return syi_fail(err, SY_EDTYPE, "message: unknown dtype \"%s\"", name);
        }
        *value = sy_value_dtype(dtype);
        break;
    }
    default: {
        sy_tensor *tensor = NULL;
        SY_TRY(syi_decode_tensor_of_code(decoder, code, &tensor, err));
        SY_TRY(hold(decoder, tensor, value, err));
        break;
    }
    }
    syi_msgpack_leave(cursor);
    return SY_OK;
}

sy_status syi_decode_value(syi_decoder *decoder, sy_value *value, sy_error *err)
{
    syi_msgpack_cursor *cursor = &decoder->cursor;
    *value = sy_value_none();
    switch (syi_msgpack_peek(cursor)) {
    case SYI_MSGPACK_NIL:
        return syi_msgpack_read_nil(cursor, err);
    case SYI_MSGPACK_BOOL:
        value->kind = SY_VALUE_BOOL;
        return syi_msgpack_read_bool(cursor, &value->as.boolean, err);
    case SYI_MSGPACK_INT:
        value->kind = SY_VALUE_INT;
        return syi_msgpack_read_int(cursor, &value->as.integer, err);
    case SYI_MSGPACK_FLOAT:
        value->kind = SY_VALUE_FLOAT;
        return syi_msgpack_read_double(cursor, &value->as.real, err);
    case SYI_MSGPACK_STR:
        value->kind = SY_VALUE_STRING;
        return copy_text(decoder, &value->as.string, err);
    case SYI_MSGPACK_ARRAY: {
        int64_t number;
        if (take_own_object(decoder, &number)) {
            const sy_id id = {.number = number, .kind = SY_ID_INT};
            sy_tensor *tensor = NULL;
            SY_TRY(decoder->resolve(decoder, &id, NULL, &tensor, err));
            return hold(decoder, tensor, value, err);
        }
        SY_TRY(syi_decode_enter(decoder, err));
        sy_status status = decode_coded(decoder, value, err);
        decoder->depth--;
        return status;
    }
    default:
        return syi_fail(err, SY_EFORMAT, "message: byte 0x%02x starts no value",
                        cursor->next < cursor->end ? *cursor->next : 0u);
    }
}
