/*
 * decode_tensor.c - tensors from msgpack: contents, labels and flags, chains of registered types, and pointers that point
 * to who reads them. Test: serde_test.c.
 */
#include <csyft/interpreter.h>

#include <string.h>

#include "core/error.h"
#include "serde/decoding.h"

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
    SY_TRY(syi_decode_ints_body(decoder, shape, SY_DIM_MAX, &ndim, err));
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
    SY_TRY(syi_decode_open_pair(decoder, &code, err));
    if (code != SYI_CODE_SET && code != SYI_CODE_LIST && code != SYI_CODE_TUPLE) {
        return syi_decode_bad_code(code, "a set of tags", err);
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
    SY_TRY(syi_decode_enter(decoder, err));
    decoder->type = type;
    sy_status status = type->detail(decoder, node, err);
    decoder->depth--;
    return status;
}

sy_status syi_decode_node(syi_decoder *decoder, syi_node **node, sy_error *err)
{
    *node = NULL;
    int64_t code = 0;
    SY_TRY(syi_decode_open_pair(decoder, &code, err));
    if (code == SYI_CODE_TENSOR) {
        sy_tensor *tensor = NULL;
        SY_TRY(syi_decode_enter(decoder, err));
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
sy_status syi_decode_tensor_of_code(syi_decoder *decoder, int64_t code, sy_tensor **tensor,
                                    sy_error *err)
{
    *tensor = NULL;
    if (code == SYI_CODE_TENSOR) {
        SY_TRY(syi_decode_enter(decoder, err));
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
    SY_TRY(syi_decode_open_pair(decoder, &code, err));
    SY_TRY(syi_decode_tensor_of_code(decoder, code, tensor, err));
    syi_msgpack_leave(&decoder->cursor);
    return SY_OK;
}
