/*
 * serialize.c - tensors to bytes and back (AbstractTensor.serialize and ser, 003): what a message would carry,
 * behind one byte that names the compression (40: none), as in 0.2.9. Face: <csyft/tensor.h>. Test:
 * serialize_test.c; fuzz: tests/fuzz/tensor.c.
 */
#include <string.h>

#include "core/error.h"
#include "interpreters/pointer.h"
#include "workers/resolve.h"

#define UNCOMPRESSED 40
#define SERIALIZED_MAX \
    ((size_t)1 << 30) /* inside one body; longer tensors are saved as files or sent */

sy_status sy_tensor_serialize(sy_tensor *tensor, void **bytes, size_t *size, sy_error *err)
{
    static const uint8_t scheme = UNCOMPRESSED;
    sy_context *context = tensor->hook->context;
    syi_buffer out;
    *bytes = NULL;
    *size = 0;
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "serialize", .self = tensor);
    syi_buffer_init(&out, context, SERIALIZED_MAX);
    syi_buffer_append(&out, &scheme, 1);
    syi_encoder encoder = {.hook = tensor->hook, .out = &out, .copy = true};
    sy_status status = syi_node_before_travel(tensor->node, err);
    if (status == SY_OK) {
        status = syi_encode_tensor(&encoder, tensor, err);
    }
    if (status == SY_OK) {
        *bytes = syi_alloc(context, out.length);
        if (*bytes == NULL) {
            status = SYI_ENOMEM(err, "serialized tensor");
        } else {
            memcpy(*bytes, out.data, out.length);
            *size = out.length;
        }
    }
    syi_buffer_fini(&out);
    return status;
}

void sy_bytes_free(sy_hook *hook, void *bytes, size_t size)
{
    syi_free(hook->context, bytes, size);
}

sy_status sy_tensor_deserialize(sy_hook *hook, sy_tensor **tensor, const void *bytes, size_t size,
                                sy_error *err)
{
    *tensor = NULL;
    if (bytes == NULL || size == 0) {
        return syi_fail(err, SY_EFORMAT, "deserialize: no bytes");
    }
    const uint8_t scheme = *(const uint8_t *)bytes;
    if (scheme != UNCOMPRESSED) {
        return syi_fail(err, scheme == 41 || scheme == 42 ? SY_ENOTSUP : SY_EFORMAT,
                        "deserialize: compression %d; only %d, none, is read", scheme,
                        UNCOMPRESSED);
    }
    syi_message message;
    syi_decoder decoder;
    syi_message_init(&message, hook->context, SERIALIZED_MAX);
    syi_buffer_append(&message.body, (const uint8_t *)bytes + 1, size - 1);
    sy_status status = syi_buffer_check(&message.body, "serialized tensor", err);
    if (status == SY_OK) {
        syi_decoder_init(&decoder, hook, hook->local_worker, &message);
        syi_resolve_without_strand(&decoder);
        status = syi_decode_tensor(&decoder, tensor, err);
        if (status == SY_OK && decoder.cursor.next != decoder.cursor.end) {
            sy_tensor_unref(*tensor);
            *tensor = NULL;
            status = syi_fail(err, SY_EFORMAT, "deserialize: bytes behind the tensor");
        }
        syi_decoder_fini(&decoder);
    }
    syi_message_fini(&message);
    return status;
}
