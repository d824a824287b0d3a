#include "workers/descriptor.h"

#include <string.h>

#include "core/error.h"

sy_status syi_encode_descriptor(syi_encoder *encoder, sy_tensor *tensor, const sy_id *id,
                                uint64_t generation, sy_error *err)
{
    syi_buffer *out = encoder->out;
    syi_msgpack_write_array(out, 4);
    syi_encode_id(out, id);
    syi_msgpack_write_uint(out, generation);
    const syi_interpreter *type = tensor->node->type;
    syi_array known = SYI_ARRAY_INIT;
    const syi_array *array = &known;
    if (syi_tensor_is_native(tensor)) {
        array = syi_node_array(tensor->node);
    } else if (syi_node_is_remote(tensor->node) || type->known_shape == NULL ||
               !type->known_shape(tensor->node, &known)) {
        /* Asking could mean asking another worker; the caller does when it wants to know. */
        syi_msgpack_write_nil(out);
        syi_msgpack_write_nil(out);
        return syi_buffer_check(out, "message body", err);
    }
    const char *dtype = sy_dtype_name(array->dtype);
    syi_msgpack_write_str(out, dtype, strlen(dtype));
    syi_msgpack_write_array(out, (size_t)array->ndim);
    for (int k = 0; k < array->ndim; k++) {
        syi_msgpack_write_int(out, array->shape[k]);
    }
    return syi_buffer_check(out, "message body", err);
}

sy_status syi_decode_descriptor(syi_decoder *decoder, sy_id *id, uint64_t *generation,
                                sy_dtype *dtype, int *ndim, int64_t *shape, sy_error *err)
{
    syi_msgpack_cursor *cursor = &decoder->cursor;
    SY_TRY(syi_msgpack_read_tuple(cursor, 4, "descriptor", err));
    SY_TRY(syi_decode_id(decoder, id, err));
    SY_TRY(syi_msgpack_read_uint(cursor, generation, err));
    if (syi_msgpack_peek(cursor) == SYI_MSGPACK_NIL) {
        *dtype = SY_DTYPE_F32;
        *ndim = -1;
        SY_TRY(syi_msgpack_read_nil(cursor, err));
        SY_TRY(syi_msgpack_read_nil(cursor, err));
    } else {
        SY_TRY(syi_decode_shape(decoder, dtype, ndim, shape, err));
    }
    syi_msgpack_leave(cursor);
    return SY_OK;
}

sy_status syi_decode_shape(syi_decoder *decoder, sy_dtype *dtype, int *ndim, int64_t *shape,
                           sy_error *err)
{
    syi_msgpack_cursor *cursor = &decoder->cursor;
    const char *name = NULL;
    size_t length = 0;
    size_t count = 0;
    SY_TRY(syi_msgpack_read_str(cursor, &name, &length, err));
    if (!syi_dtype_find(name, length, dtype)) {
        return syi_fail(err, SY_EFORMAT, "descriptor: unknown dtype \"%.*s\"",
                        (int)(length < 15 ? length : 15), name);
    }
    SY_TRY(syi_msgpack_read_array(cursor, &count, err));
    if (count > SY_DIM_MAX) {
        return syi_fail(err, SY_EFORMAT, "descriptor: %zu dimensions", count);
    }
    for (size_t k = 0; k < count; k++) {
        SY_TRY(syi_msgpack_read_int(cursor, &shape[k], err));
    }
    syi_msgpack_leave(cursor);
    *ndim = (int)count;
    return SY_OK;
}
