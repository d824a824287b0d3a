/*
 * autograd.c - AutogradTensor: the node that keeps the tape here. A chain that ends at other workers is
 * differentiated there, by `backward` sent as a command; under this node the operations are recorded by its
 * owner instead, and the gradient is computed by the same gradient rules through the chain below it
 * (hook/tape.h). Above a local chain it changes nothing. Test: autograd_test.c; over every kind of worker and
 * every interpreter: tests/integration/gradients_everywhere.c.
 */
#include <csyft/pointer.h>

#include "core/error.h"
#include "interpreters/autograd.h"
#include "serde/serde.h"

static sy_status wrap(syi_node *like, syi_node *child, syi_node **node, sy_error *err)
{
    *node = syi_node_new(like->hook, &syi_autograd_type, sizeof(syi_node), child);
    return *node != NULL ? SY_OK : SYI_ENOMEM(err, "AutogradTensor");
}

static sy_status autograd_call(syi_call *call, sy_error *err)
{
    /* What is recorded is recorded here: nobody below keeps a second tape. */
    const syi_mode *here = call->mode;
    syi_mode below = *here;
    below.grad = false;
    call->mode = &below;
    const sy_status status = syi_call_forward(call, &syi_autograd_type, wrap, err);
    call->mode = here;
    return status;
}

static void autograd_describe(const syi_node *node, syi_buffer *text)
{
    (void)node;
    syi_buffer_append(text, "AutogradTensor", 14);
}

static sy_status autograd_shape(syi_node *node, syi_array *shape, sy_error *err)
{
    return syi_node_shape(node->child, shape, err);
}

/* Wire, as in 0.2.9: [31, [id, chain, requires_grad, preinitialize_grad, grad function, tags, description]].
 * The flag that counts is the handle's. */
static sy_status autograd_simplify(syi_node *node, syi_encoder *encoder, sy_error *err)
{
    syi_buffer *out = encoder->out;
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_int(out, SYI_CODE_AUTOGRAD);
    syi_msgpack_write_array(out, 7);
    syi_msgpack_write_nil(out);
    SY_TRY(syi_encode_node(encoder, node->child, err));
    syi_msgpack_write_bool(out, true);
    syi_msgpack_write_bool(out, false);
    syi_msgpack_write_nil(out);
    syi_msgpack_write_nil(out);
    syi_msgpack_write_nil(out);
    return syi_buffer_check(out, "message body", err);
}

static sy_status autograd_detail(syi_decoder *decoder, syi_node **node, sy_error *err)
{
    sy_id id = SY_ID_INIT;
    syi_node *child = NULL;
    size_t count = 0;
    SY_TRY(syi_msgpack_read_array(&decoder->cursor, &count, err));
    if (count < 2) {
        return syi_fail(err, SY_EFORMAT, "message: an AutogradTensor with %zu fields", count);
    }
    SY_TRY(syi_decode_id(decoder, &id, err));
    SY_TRY(syi_decode_node(decoder, &child, err));
    sy_status status = SY_OK;
    for (size_t k = 2; k < count && status == SY_OK; k++) {
        status = syi_msgpack_skip(&decoder->cursor, err);
    }
    if (status == SY_OK) {
        syi_msgpack_leave(&decoder->cursor);
        *node = syi_node_new(decoder->hook, &syi_autograd_type, sizeof(syi_node), child);
        status = *node != NULL ? SY_OK : SYI_ENOMEM(err, "AutogradTensor");
    }
    if (status != SY_OK) {
        syi_node_unref(child);
    }
    return status;
}

const syi_interpreter syi_autograd_type = {
    .name = "AutogradTensor",
    .code = SYI_CODE_AUTOGRAD,
    .call = autograd_call,
    .describe = autograd_describe,
    .shape = autograd_shape,
    .simplify = autograd_simplify,
    .detail = autograd_detail,
};

sy_status syi_autograd_register(sy_hook *hook, sy_error *err)
{
    return syi_hook_register_interpreter(hook, &syi_autograd_type, err);
}

sy_status sy_tensor_autograd(sy_tensor *tensor, sy_tensor **recorded, sy_error *err)
{
    *recorded = NULL;
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "autograd", .self = tensor);
    syi_node *node = syi_node_new(tensor->hook, &syi_autograd_type, sizeof(syi_node),
                                  syi_node_ref(tensor->node));
    if (node == NULL) {
        syi_node_unref(tensor->node);
        return SYI_ENOMEM(err, "AutogradTensor");
    }
    SY_TRY(syi_tensor_wrap(tensor->hook, recorded, node, err));
    const syi_policy policy = syi_tensor_policy(tensor);
    syi_tensor_set_policy(*recorded, &policy);
    (*recorded)->owner = tensor->owner;
    return SY_OK;
}
