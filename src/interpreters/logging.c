#include "interpreters/logging.h"

#include <csyft/pointer.h>

#include "core/error.h"
#include "serde/serde.h"

static sy_status wrap(syi_node *like, syi_node *child, syi_node **node, sy_error *err)
{
    *node = syi_node_new(like->hook, &syi_logging_type, sizeof(syi_node), child);
    return *node != NULL ? SY_OK : SYI_ENOMEM(err, "LoggingTensor");
}

static sy_status logging_call(syi_call *call, sy_error *err)
{
    syi_log(call->hook->context, SY_LOG_INFO, "interpreters", call->mode->worker,
            call->mode->message_id, "Log method %s%s", call->op->name,
            call->inplace && !(call->op->flags & SYI_OP_ONLY_INPLACE) ? "_" : "");
    return syi_call_forward(call, &syi_logging_type, wrap, err);
}

static void logging_describe(const syi_node *node, syi_buffer *text)
{
    (void)node;
    syi_buffer_append(text, "LoggingTensor", 13);
}

static sy_status logging_shape(syi_node *node, syi_array *shape, sy_error *err)
{
    return syi_node_shape(node->child, shape, err);
}

/* Wire: [18, [id, chain]] */
static sy_status logging_simplify(syi_node *node, syi_encoder *encoder, sy_error *err)
{
    syi_msgpack_write_array(encoder->out, 2);
    syi_msgpack_write_int(encoder->out, SYI_CODE_LOGGING);
    syi_msgpack_write_array(encoder->out, 2);
    syi_msgpack_write_nil(encoder->out);
    return syi_encode_node(encoder, node->child, err);
}

static sy_status logging_detail(syi_decoder *decoder, syi_node **node, sy_error *err)
{
    sy_id id = SY_ID_INIT;
    syi_node *child = NULL;
    SY_TRY(syi_msgpack_read_tuple(&decoder->cursor, 2, "LoggingTensor", err));
    SY_TRY(syi_decode_id(decoder, &id, err));
    SY_TRY(syi_decode_node(decoder, &child, err));
    syi_msgpack_leave(&decoder->cursor);
    *node = syi_node_new(decoder->hook, &syi_logging_type, sizeof(syi_node), child);
    if (*node == NULL) {
        syi_node_unref(child);
        return SYI_ENOMEM(err, "LoggingTensor");
    }
    return SY_OK;
}

const syi_interpreter syi_logging_type = {
    .name = "LoggingTensor",
    .code = SYI_CODE_LOGGING,
    .call = logging_call,
    .describe = logging_describe,
    .shape = logging_shape,
    .simplify = logging_simplify,
    .detail = logging_detail,
    .rewrap = wrap,
};

sy_status syi_logging_register(sy_hook *hook, sy_error *err)
{
    return syi_hook_register_interpreter(hook, &syi_logging_type, err);
}

sy_status sy_tensor_log(sy_tensor *tensor, sy_tensor **logging, sy_error *err)
{
    syi_node *node =
        syi_node_new(tensor->hook, &syi_logging_type, sizeof(syi_node), syi_node_ref(tensor->node));
    *logging = NULL;
    if (node == NULL) {
        syi_node_unref(tensor->node);
        return SYI_ENOMEM(err, "LoggingTensor");
    }
    SY_TRY(syi_tensor_wrap(tensor->hook, logging, node, err));
    const syi_policy policy = syi_tensor_policy(tensor);
    syi_tensor_set_policy(*logging, &policy);
    return SY_OK;
}
