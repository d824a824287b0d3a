/* opaque.c - the chain's link that stands for an object of PySyft without a type here. */
#include "pysyft/opaque.h"

#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "hook/dispatch.h"
#include "pysyft/objects.h"
#include "serde/serde.h"

typedef struct opaque {
    syi_node base; /* first */
    sy_id id;
    syi_storage *bytes; /* counted as any tensor's */
} opaque;

static const syi_interpreter opaque_type;

static sy_status opaque_call(syi_call *call, sy_error *err)
{
    return syi_fail(err, SY_ENOTSUP, "%s: an argument is an object of PySyft that has no type here",
                    call->op->name);
}

static void opaque_describe(const syi_node *node, syi_buffer *text)
{
    (void)node;
    syi_buffer_append(text, "OpaqueObject", 12);
}

static sy_status opaque_shape(syi_node *node, syi_array *shape, sy_error *err)
{
    (void)node;
    (void)shape;
    return syi_fail(err, SY_ENOTSUP, "shape: the object is one of PySyft that has no type here");
}

/* Wire: [254, [id, bytes]] */
static sy_status opaque_simplify(syi_node *node, syi_encoder *encoder, sy_error *err)
{
    const opaque *object = (const opaque *)node;
    syi_pysyft_put_pair(encoder->out, SYI_PYSYFT_CODE_OPAQUE, 2);
    syi_encode_id(encoder->out, &object->id);
    syi_msgpack_write_bin(encoder->out, object->bytes->data, object->bytes->size);
    return syi_buffer_check(encoder->out, "message body", err);
}

static sy_status opaque_detail(syi_decoder *decoder, syi_node **node, sy_error *err)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    sy_id id = SY_ID_INIT;
    syi_storage *storage = NULL;
    SY_TRY(syi_msgpack_read_tuple(&decoder->cursor, 2, "opaque object", err));
    SY_TRY(syi_decode_id(decoder, &id, err));
    SY_TRY(syi_msgpack_read_bin(&decoder->cursor, &bytes, &size, err));
    syi_msgpack_leave(&decoder->cursor);
    if (size == 0) {
        return syi_fail(err, SY_EFORMAT, "message: an opaque object of no bytes");
    }
    SY_TRY(syi_storage_new(decoder->hook->context, &storage, size, decoder->account, err));
    memcpy(storage->data, bytes, size);
    *node = syi_node_new(decoder->hook, &opaque_type, sizeof(opaque), NULL);
    if (*node == NULL) {
        syi_storage_unref(storage);
        return SYI_ENOMEM(err, "opaque object");
    }
    ((opaque *)*node)->id = id;
    ((opaque *)*node)->bytes = storage;
    return SY_OK;
}

static void opaque_free(syi_node *node)
{
    syi_storage_unref(((opaque *)node)->bytes);
}

static const syi_interpreter opaque_type = {
    .name = "OpaqueObject",
    .code = SYI_PYSYFT_CODE_OPAQUE,
    .call = opaque_call,
    .describe = opaque_describe,
    .shape = opaque_shape,
    .simplify = opaque_simplify,
    .detail = opaque_detail,
    .free = opaque_free,
};

sy_status syi_opaque_register(sy_hook *hook, sy_error *err)
{
    return syi_hook_register_interpreter(hook, &opaque_type, err);
}
