#include "serde/serde.h"

#include <csyft/interpreter.h>

#include <string.h>

#include "core/error.h"

/* Encoding */

void syi_encode_text(syi_buffer *out, const char *text)
{
    if (text == NULL) {
        syi_msgpack_write_nil(out);
        return;
    }
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_int(out, SYI_CODE_STR);
    syi_msgpack_write_array(out, 1);
    syi_msgpack_write_bin(out, text, strlen(text));
}

void syi_encode_id_slowly(syi_buffer *out, const sy_id *id)
{
    switch (id->kind) {
    case SY_ID_INT:
        syi_msgpack_write_int(out, id->number);
        break;
    case SY_ID_TEXT:
        syi_msgpack_write_array(out, 2);
        syi_msgpack_write_int(out, SYI_CODE_STR);
        syi_msgpack_write_array(out, 1);
        syi_msgpack_write_bin(out, id->text, id->length);
        break;
    default:
        syi_msgpack_write_nil(out);
    }
}

void syi_encode_ints(syi_buffer *out, const int64_t *values, int count)
{
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_int(out, SYI_CODE_SIZE);
    syi_msgpack_write_array(out, (size_t)count);
    for (int k = 0; k < count; k++) {
        syi_msgpack_write_int(out, values[k]);
    }
}

static void encode_head(syi_buffer *out, int code, size_t count)
{
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_int(out, code);
    syi_msgpack_write_array(out, count);
}

static void encode_open(syi_buffer *out, int64_t value)
{
    if (value == SY_SLICE_OPEN) {
        syi_msgpack_write_nil(out);
    } else {
        syi_msgpack_write_int(out, value);
    }
}

sy_status syi_encode_value(syi_encoder *encoder, const sy_value *value, sy_error *err)
{
    syi_buffer *out = encoder->out;
    switch ((int)value->kind) {
    case SY_VALUE_NONE:
        syi_msgpack_write_nil(out);
        break;
    case SY_VALUE_INT:
        syi_msgpack_write_int(out, value->as.integer);
        break;
    case SY_VALUE_FLOAT:
        syi_msgpack_write_double(out, value->as.real);
        break;
    case SY_VALUE_BOOL:
        syi_msgpack_write_bool(out, value->as.boolean);
        break;
    case SY_VALUE_STRING:
        syi_encode_text(out, value->as.string);
        break;
    case SY_VALUE_DTYPE:
        syi_msgpack_write_array(out, 2);
        syi_msgpack_write_int(out, SYI_CODE_DTYPE);
        syi_msgpack_write_str(out, sy_dtype_name(value->as.dtype),
                              strlen(sy_dtype_name(value->as.dtype)));
        break;
    case SY_VALUE_SLICE:
        encode_head(out, SYI_CODE_SLICE, 3);
        encode_open(out, value->as.slice.start);
        encode_open(out, value->as.slice.stop);
        encode_open(out, value->as.slice.step);
        break;
    case SY_VALUE_ELLIPSIS:
        syi_msgpack_write_array(out, 2);
        syi_msgpack_write_int(out, SYI_CODE_ELLIPSIS);
        syi_msgpack_write_bin(out, "", 0);
        break;
    case SY_VALUE_LIST:
        encode_head(out, SYI_CODE_LIST, value->as.list.count);
        for (size_t k = 0; k < value->as.list.count; k++) {
            SY_TRY(syi_encode_value(encoder, &value->as.list.items[k], err));
        }
        break;
    case SY_VALUE_TENSOR:
        return syi_encode_tensor(encoder, value->as.tensor, err);
    case SYI_VALUE_NODE: {
        syi_node *node = value->as.internal;
        return syi_encode_node(encoder, node, err);
    }
    default:
        return syi_fail(err, SY_EINVAL, "encode: a value of kind %d cannot travel",
                        (int)value->kind);
    }
    return syi_buffer_check(out, "message body", err);
}

/* [dtype, [shape], bytes or segment index] of an array. */
static sy_status encode_array(syi_encoder *encoder, const syi_array *array, sy_error *err)
{
    syi_buffer *out = encoder->out;
    syi_array dense = SYI_ARRAY_INIT;
    const bool inlined = encoder->message == NULL || syi_array_bytes(array) <= SYI_INLINE_BYTES_MAX;
    if (syi_array_is_contiguous(array) && (inlined || !encoder->snapshot)) {
        syi_array_copy_view(&dense, array);
    } else {
        SY_TRY(
            syi_array_clone(encoder->hook->context, &dense, array, &encoder->hook->account, err));
    }
    size_t bytes = syi_array_bytes(&dense);
    const char *dtype = sy_dtype_name(dense.dtype);
    syi_msgpack_write_array(out, 3);
    syi_msgpack_write_str(out, dtype, strlen(dtype));
    syi_msgpack_write_array(out, (size_t)dense.ndim);
    for (int k = 0; k < dense.ndim; k++) {
        syi_msgpack_write_int(out, dense.shape[k]);
    }
    sy_status status = SY_OK;
    if (inlined) {
        syi_msgpack_write_bin(out, bytes > 0 ? syi_array_data(&dense) : "", bytes);
    } else {
        syi_msgpack_write_int(out, encoder->message->segment_count);
        status = syi_message_add_segment(encoder->message, dense.storage,
                                         (size_t)dense.offset * sy_dtype_size(dense.dtype), bytes,
                                         0, err);
    }
    syi_array_fini(&dense);
    return status == SY_OK ? syi_buffer_check(out, "message body", err) : status;
}

sy_status syi_encode_node(syi_encoder *encoder, syi_node *node, sy_error *err)
{
    if (syi_node_is_native(node)) {
        /* A bare native link of a chain: a tensor body with nothing but its payload. */
        encode_head(encoder->out, SYI_CODE_TENSOR, 2);
        syi_msgpack_write_nil(encoder->out);
        return encode_array(encoder, syi_node_array(node), err);
    }
    if (node->type->simplify == NULL) {
        return syi_fail(err, SY_ENOTSUP, "a %s cannot travel", node->type->name);
    }
    return node->type->simplify(node, encoder, err);
}

sy_status syi_encode_tensor(syi_encoder *encoder, sy_tensor *tensor, sy_error *err)
{
    syi_buffer *out = encoder->out;
    sy_id id = sy_tensor_get_id(tensor);
    syi_policy policy = syi_tensor_policy(tensor);
    if (syi_policy_hides(&policy, encoder->caller)) {
        /* The last gate: whatever path led here, private contents do not travel. */
        char text[72];
        return syi_policy_refuse(&policy, "sending", sy_id_format(&id, text, sizeof text), "", err);
    }
    encode_head(out, SYI_CODE_TENSOR, 10);
    syi_encode_id(out, &id);
    if (syi_tensor_is_native(tensor)) {
        SY_TRY(encode_array(encoder, syi_node_array(tensor->node), err));
        syi_msgpack_write_nil(out);
    } else {
        syi_msgpack_write_nil(out);
        SY_TRY(syi_encode_node(encoder, tensor->node, err));
    }
    if (tensor->grad != NULL && !syi_tensor_is_private(tensor->grad)) {
        SY_TRY(syi_encode_node(encoder, tensor->grad->node, err));
    } else {
        syi_msgpack_write_nil(out);
    }
    size_t tag_count = sy_tensor_get_tag_count(tensor);
    if (tag_count > 0) {
        encode_head(out, SYI_CODE_SET, tag_count);
        for (size_t k = 0; k < tag_count; k++) {
            syi_encode_text(out, sy_tensor_get_tag(tensor, k));
        }
    } else {
        syi_msgpack_write_nil(out);
    }
    syi_encode_text(out, sy_tensor_get_description(tensor));
    syi_encode_text(out, "csyft");
    syi_msgpack_write_nil(out); /* origin */
    syi_msgpack_write_nil(out); /* id at origin */
    syi_msgpack_write_bool(out, tensor->requires_grad);
    return syi_buffer_check(out, "message body", err);
}

/* Decoding */

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

static sy_status bad_code(int64_t code, const char *expected, sy_error *err)
{
    return syi_fail(err, SY_EFORMAT, "message: type code %lld where %s is expected",
                    (long long)code, expected);
}

/* Opens [code, ...]; the body is next. The caller leaves the pair with syi_msgpack_leave. */
static sy_status open_pair(syi_decoder *decoder, int64_t *code, sy_error *err)
{
    SY_TRY(syi_msgpack_read_tuple(&decoder->cursor, 2, "[type code, body]", err));
    return syi_msgpack_read_int(&decoder->cursor, code, err);
}

static sy_status open_code(syi_decoder *decoder, int code, const char *expected, sy_error *err)
{
    int64_t found = 0;
    SY_TRY(open_pair(decoder, &found, err));
    return found == code ? SY_OK : bad_code(found, expected, err);
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

static sy_status ints_body(syi_decoder *decoder, int64_t *values, int capacity, int *count,
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
    SY_TRY(ints_body(decoder, values, capacity, count, err));
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

/* [dtype, [shape], bytes or segment index]. */
static sy_status decode_array(syi_decoder *decoder, syi_array *array, sy_error *err)
{
    syi_msgpack_cursor *cursor = &decoder->cursor;
    const char *name = NULL;
    size_t name_length = 0;
    char dtype_name[24];
    sy_dtype dtype = SY_DTYPE_F32;
    int64_t shape[SY_DIM_MAX];
    int ndim = 0;
    SY_TRY(syi_msgpack_read_tuple(cursor, 3, "tensor contents", err));
    SY_TRY(syi_msgpack_read_str(cursor, &name, &name_length, err));
    if (name_length >= sizeof dtype_name) {
        return syi_fail(err, SY_EFORMAT, "message: unknown dtype");
    }
    memcpy(dtype_name, name, name_length);
    dtype_name[name_length] = '\0';
    if (!sy_dtype_from_name(dtype_name, &dtype)) {
        return syi_fail(err, SY_EDTYPE, "message: unknown dtype \"%s\"", dtype_name);
    }
    SY_TRY(ints_body(decoder, shape, SY_DIM_MAX, &ndim, err));
    syi_array described = SYI_ARRAY_INIT;
    SY_TRY(syi_array_describe(&described, dtype, ndim, shape, err));
    size_t bytes = syi_array_bytes(&described);
    if (syi_msgpack_peek(cursor) == SYI_MSGPACK_BIN) {
        const uint8_t *data = NULL;
        size_t length = 0;
        SY_TRY(syi_msgpack_read_bin(cursor, &data, &length, err));
        if (length != bytes) {
            return syi_fail(err, SY_EFORMAT, "message: a tensor of %zu bytes came with %zu", bytes,
                            length);
        }
        SY_TRY(syi_array_new(decoder->hook->context, array, dtype, ndim, shape, decoder->account,
                             err));
        if (bytes > 0) {
            memcpy(syi_array_data(array), data, bytes);
        }
    } else {
        int64_t index = 0;
        SY_TRY(syi_msgpack_read_int(cursor, &index, err));
        if (index < 0 || index >= decoder->segment_count ||
            decoder->segments[index].storage == NULL) {
            return syi_fail(err, SY_EFORMAT, "message: segment %lld of %u", (long long)index,
                            decoder->segment_count);
        }
        syi_segment *segment = &decoder->segments[index];
        if (segment->length != bytes) {
            return syi_fail(err, SY_EFORMAT, "message: a tensor of %zu bytes came with %llu", bytes,
                            (unsigned long long)segment->length);
        }
        /* The tensor owns exactly its segment; nobody else may have it too. */
        *array = described;
        array->storage = segment->storage;
        segment->storage = NULL;
    }
    syi_msgpack_leave(cursor);
    if (dtype == SY_DTYPE_BOOL) {
        uint8_t *data = array->storage->data;
        for (size_t k = 0; k < bytes; k++) {
            data[k] = data[k] != 0; /* a byte of 7 is no bool */
        }
    }
    return SY_OK;
}

static sy_status decode_tags(syi_decoder *decoder, sy_tensor *tensor, sy_error *err)
{
    if (syi_msgpack_peek(&decoder->cursor) == SYI_MSGPACK_NIL) {
        return syi_msgpack_read_nil(&decoder->cursor, err);
    }
    int64_t code = 0;
    size_t count = 0;
    SY_TRY(open_pair(decoder, &code, err));
    if (code != SYI_CODE_SET && code != SYI_CODE_LIST && code != SYI_CODE_TUPLE) {
        return bad_code(code, "a set of tags", err);
    }
    SY_TRY(syi_msgpack_read_array(&decoder->cursor, &count, err));
    if (count > 1024) {
        return syi_fail(err, SY_ELIMIT, "message: %zu tags, at most 1024 are allowed", count);
    }
    for (size_t k = 0; k < count; k++) {
        const char *tag = NULL;
        SY_TRY(syi_decode_text(decoder, &tag, err));
        SY_TRY(sy_tensor_tag(tensor, tag, err));
    }
    syi_msgpack_leave(&decoder->cursor);
    syi_msgpack_leave(&decoder->cursor);
    return SY_OK;
}

/* The body of code 14, opened as an array of `count` fields. */
static sy_status tensor_fields(syi_decoder *decoder, size_t count, sy_tensor **tensor,
                               sy_error *err)
{
    syi_msgpack_cursor *cursor = &decoder->cursor;
    sy_id id = SY_ID_INIT;
    syi_array array = SYI_ARRAY_INIT;
    syi_node *node = NULL;
    SY_TRY(syi_decode_id(decoder, &id, err));
    if (syi_msgpack_peek(cursor) == SYI_MSGPACK_NIL) {
        SY_TRY(syi_msgpack_read_nil(cursor, err));
        if (count < 3) {
            return syi_fail(err, SY_EFORMAT, "message: a tensor without contents and chain");
        }
        SY_TRY(syi_decode_node(decoder, &node, err));
    } else {
        SY_TRY(decode_array(decoder, &array, err));
        SY_TRY(syi_native_node_new(decoder->hook, &node, &array, err));
        if (count >= 3) {
            sy_status skipped = syi_msgpack_read_nil(cursor, err);
            if (skipped != SY_OK) {
                syi_node_unref(node);
                return skipped;
            }
        }
    }
    sy_tensor *made = NULL;
    SY_TRY(syi_tensor_wrap(decoder->hook, &made, node, err));
    made->id = id;
    made->owner = decoder->worker;
    syi_tensor_set_policy(made, &decoder->inherited);
    sy_status status = SY_OK;
    if (count >= 4) {
        if (syi_msgpack_peek(cursor) == SYI_MSGPACK_NIL) {
            SY_GOTO(failed, syi_msgpack_read_nil(cursor, err));
        } else {
            syi_node *grad = NULL;
            SY_GOTO(failed, syi_decode_node(decoder, &grad, err));
            SY_GOTO(failed, syi_tensor_wrap(decoder->hook, &made->grad, grad, err));
            syi_tensor_set_policy(made->grad, &decoder->inherited);
        }
    }
    if (count >= 5) {
        SY_GOTO(failed, decode_tags(decoder, made, err));
    }
    if (count >= 6) {
        const char *description = NULL;
        SY_GOTO(failed, syi_decode_text(decoder, &description, err));
        if (description != NULL) {
            SY_GOTO(failed, sy_tensor_describe(made, description, err));
        }
    }
    for (size_t k = 6; k < count; k++) {
        if (k == 9 && syi_msgpack_peek(cursor) == SYI_MSGPACK_BOOL) {
            SY_GOTO(failed, syi_msgpack_read_bool(cursor, &made->requires_grad, err));
        } else {
            SY_GOTO(failed, syi_msgpack_skip(cursor, err)); /* serializer, origin, newer fields */
        }
    }
    *tensor = made;
    return SY_OK;
failed:
    sy_tensor_unref(made);
    return status;
}

static sy_status tensor_body(syi_decoder *decoder, sy_tensor **tensor, sy_error *err)
{
    size_t count = 0;
    SY_TRY(syi_msgpack_read_array(&decoder->cursor, &count, err));
    if (count < 2) {
        return syi_fail(err, SY_EFORMAT, "message: a tensor with %zu fields", count);
    }
    SY_TRY(tensor_fields(decoder, count, tensor, err));
    syi_msgpack_leave(&decoder->cursor);
    return SY_OK;
}

static sy_status enter(syi_decoder *decoder, sy_error *err)
{
    if (++decoder->depth > SYI_SERDE_DEPTH_MAX) {
        decoder->depth--;
        return syi_fail(err, SY_ELIMIT, "message: nested deeper than %d levels",
                        SYI_SERDE_DEPTH_MAX);
    }
    return SY_OK;
}

/* A chain node of a registered type, its pair already opened. A pointer to this worker resolves to the
 * object; then *tensor is set and *node is not. */
static sy_status node_body(syi_decoder *decoder, int64_t code, syi_node **node, sy_error *err)
{
    const syi_interpreter *type = code >= 0 && code <= SY_INTERPRETER_CODE_MAX
                                      ? syi_hook_find_interpreter(decoder->hook, (int)code)
                                      : NULL;
    if (type == NULL || type->detail == NULL) {
        return syi_fail(err, SY_ENOTSUP, "message: objects of type code %lld are not known here",
                        (long long)code);
    }
    SY_TRY(enter(decoder, err));
    decoder->type = type;
    sy_status status = type->detail(decoder, node, err);
    decoder->depth--;
    return status;
}

sy_status syi_decode_node(syi_decoder *decoder, syi_node **node, sy_error *err)
{
    *node = NULL;
    int64_t code = 0;
    SY_TRY(open_pair(decoder, &code, err));
    if (code == SYI_CODE_TENSOR) {
        sy_tensor *tensor = NULL;
        SY_TRY(enter(decoder, err));
        sy_status status = tensor_body(decoder, &tensor, err);
        decoder->depth--;
        SY_TRY(status);
        *node = syi_node_ref(tensor->node);
        sy_tensor_unref(tensor);
    } else {
        SY_TRY(node_body(decoder, code, node, err));
    }
    syi_msgpack_leave(&decoder->cursor);
    return SY_OK;
}

/* A pointer that points here stands for the object itself, as the handle it is (its tape and policy
 * count); every other type becomes a node in a new handle. */
static sy_status pointer_here(syi_decoder *decoder, sy_tensor **tensor, bool *here, sy_error *err)
{
    syi_msgpack_cursor saved = decoder->cursor;
    size_t count = 0;
    sy_id pointer_id = SY_ID_INIT;
    sy_id object_id = SY_ID_INIT;
    sy_id location = SY_ID_INIT;
    const char *attribute = NULL;
    *here = false;
    if (decoder->is_here == NULL) {
        return SY_OK;
    }
    SY_TRY(syi_msgpack_read_array(&decoder->cursor, &count, err));
    if (count < 4) {
        return syi_fail(err, SY_EFORMAT, "message: a pointer with %zu fields", count);
    }
    SY_TRY(syi_decode_id(decoder, &pointer_id, err));
    SY_TRY(syi_decode_id(decoder, &object_id, err));
    SY_TRY(syi_decode_id(decoder, &location, err));
    if (!sy_id_is_none(&location) && !decoder->is_here(decoder, &location)) {
        decoder->cursor = saved;
        return SY_OK;
    }
    SY_TRY(syi_decode_text(decoder, &attribute, err));
    for (size_t k = 4; k < count; k++) {
        SY_TRY(syi_msgpack_skip(&decoder->cursor, err));
    }
    syi_msgpack_leave(&decoder->cursor);
    *here = true;
    return decoder->resolve(decoder, &object_id, attribute, tensor, err);
}

/* The body of an object of that code, its pair already opened and left by the caller. */
static sy_status tensor_of_code(syi_decoder *decoder, int64_t code, sy_tensor **tensor,
                                sy_error *err)
{
    *tensor = NULL;
    if (code == SYI_CODE_TENSOR) {
        SY_TRY(enter(decoder, err));
        sy_status status = tensor_body(decoder, tensor, err);
        decoder->depth--;
        return status;
    }
    bool here = false;
    if (code == SYI_CODE_POINTER) {
        SY_TRY(pointer_here(decoder, tensor, &here, err));
    }
    if (!here) {
        syi_node *node = NULL;
        SY_TRY(node_body(decoder, code, &node, err));
        SY_TRY(syi_tensor_wrap(decoder->hook, tensor, node, err));
        (*tensor)->owner = decoder->worker;
        syi_tensor_set_policy(*tensor, &decoder->inherited);
    }
    return SY_OK;
}

sy_status syi_decode_tensor(syi_decoder *decoder, sy_tensor **tensor, sy_error *err)
{
    *tensor = NULL;
    int64_t code = 0;
    SY_TRY(open_pair(decoder, &code, err));
    SY_TRY(tensor_of_code(decoder, code, tensor, err));
    syi_msgpack_leave(&decoder->cursor);
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
    SY_TRY(open_pair(decoder, &code, err));
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
        SY_TRY(tensor_of_code(decoder, code, &tensor, err));
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
        SY_TRY(enter(decoder, err));
        sy_status status = decode_coded(decoder, value, err);
        decoder->depth--;
        return status;
    }
    default:
        return syi_fail(err, SY_EFORMAT, "message: byte 0x%02x starts no value",
                        cursor->next < cursor->end ? *cursor->next : 0u);
    }
}
