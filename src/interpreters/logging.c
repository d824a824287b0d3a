#include "interpreters/logging.h"

#include <string.h>

#include <csyft/overload.h>
#include <csyft/pointer.h>

#include "core/error.h"
#include "serde/serde.h"

static sy_status wrap(syi_node *like, syi_node *child, syi_node **node, sy_error *err)
{
    *node = syi_node_new(like->hook, &syi_logging_type, sizeof(syi_node), child);
    return *node != NULL ? SY_OK : SYI_ENOMEM(err, "LoggingTensor");
}

/* The functions that the reference's class has of its own; all others have the default line. */
static bool has_own_line(const char *name, size_t length)
{
    static const char *const own[] = {"torch.add", "torch.mul", "torch.nn.functional.relu"};
    for (size_t k = 0; k < sizeof own / sizeof own[0]; k++) {
        if (strlen(own[k]) == length && memcmp(own[k], name, length) == 0) {
            return true;
        }
    }
    return false;
}

/* on_function_call, and the lines of methods. */
static void say(const syi_call *call)
{
    size_t length = 0;
    if (!syi_log_enabled(call->hook->context, SY_LOG_INFO, "interpreters")) {
        return;
    }
    const char *function = syi_call_get_function(call, &length);
    if (function != NULL) {
        syi_log(call->hook->context, SY_LOG_INFO, "interpreters", call->mode->worker,
                call->mode->message_id, "%s %.*s",
                has_own_line(function, length) ? "Log function" : "Default log", (int)length,
                function);
        return;
    }
    syi_log(call->hook->context, SY_LOG_INFO, "interpreters", call->mode->worker,
            call->mode->message_id, "Log method %s%s", call->op->name,
            call->inplace && !(call->op->flags & SYI_OP_ONLY_INPLACE) ? "_" : "");
}

static sy_status logging_call(syi_call *call, sy_error *err)
{
    say(call);
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

/* A method that only this type has: addition, by hand. */
static sy_status manual_add(sy_operation *operation, void *user, sy_error *err)
{
    const sy_value *args = NULL;
    const size_t count = sy_operation_get_arguments(operation, &args);
    sy_scope *s = sy_operation_get_scope(operation);
    (void)user;
    syi_log(sy_scope_get_hook(s)->context, SY_LOG_INFO, "interpreters", NULL, 0,
            "Log method manual_add");
    sy_tensor *sum = sy_scope_call(s, "add", args, count);
    return sy_operation_answer(operation, &sum, 1, err);
}

sy_status syi_logging_register(sy_hook *hook, sy_error *err)
{
    SY_TRY(syi_hook_register_interpreter(hook, &syi_logging_type, err));
    return sy_overload_method(hook, &syi_logging_type, "manual_add", manual_add, NULL, err);
}

sy_status sy_tensor_log(sy_tensor *tensor, sy_tensor **logging, sy_error *err)
{
    *logging = NULL;
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "log", .self = tensor);
    syi_node *node =
        syi_node_new(tensor->hook, &syi_logging_type, sizeof(syi_node), syi_node_ref(tensor->node));
    if (node == NULL) {
        syi_node_unref(tensor->node);
        return SYI_ENOMEM(err, "LoggingTensor");
    }
    SY_TRY(syi_tensor_wrap(tensor->hook, logging, node, err));
    const syi_policy policy = syi_tensor_policy(tensor);
    syi_tensor_set_policy(*logging, &policy);
    return SY_OK;
}
