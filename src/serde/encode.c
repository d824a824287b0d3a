/* encode.c - values, tensors and chains to msgpack. Test: serde_test.c. */
#include "serde/serde.h"

#include <string.h>

#include "core/error.h"

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
