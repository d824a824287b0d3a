/* protocol_body.c - what a protocol is made of, and its node. Part of protocol.h. */
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "execution/plan.h"
#include "execution/protocol.h"
#include "workers/worker.h"

sy_status syi_protocol_body_new(sy_hook *hook, syi_protocol_body **made, size_t count,
                                sy_error *err)
{
    *made = NULL;
    if (count > SYI_PROTOCOL_PLANS_MAX) {
        return syi_fail(err, SY_ELIMIT, "protocol: %zu plans, at most %d", count,
                        SYI_PROTOCOL_PLANS_MAX);
    }
    syi_protocol_body *body = syi_alloc(hook->context, sizeof *body);
    if (body == NULL) {
        return SYI_ENOMEM(err, "protocol");
    }
    atomic_init(&body->refs, 1);
    body->hook = hook;
    body->stages = syi_alloc_array(hook->context, count, sizeof *body->stages);
    if (body->stages == NULL) {
        syi_free(hook->context, body, sizeof *body);
        return SYI_ENOMEM(err, "protocol");
    }
    body->count = count;
    *made = body;
    return SY_OK;
}

void syi_protocol_body_unref(syi_protocol_body *body)
{
    if (body == NULL || atomic_fetch_sub_explicit(&body->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    sy_context *context = body->hook->context;
    for (size_t k = 0; k < body->count; k++) {
        syi_string_free(context, body->stages[k].name);
        sy_tensor_unref(body->stages[k].plan);
    }
    syi_free(context, body->stages, body->count * sizeof *body->stages);
    syi_free(context, body, sizeof *body);
}

sy_status syi_protocol_body_set(syi_protocol_body *body, size_t index, const char *name,
                                sy_worker *worker, sy_tensor *plan, sy_error *err)
{
    syi_protocol_stage *stage = &body->stages[index];
    stage->name = syi_string_copy(body->hook->context, name);
    if (stage->name == NULL) {
        return SYI_ENOMEM(err, "protocol");
    }
    stage->worker = worker;
    stage->plan = sy_tensor_ref(plan);
    return SY_OK;
}

bool syi_protocol_body_is_resolved(const syi_protocol_body *body)
{
    for (size_t k = 0; k < body->count; k++) {
        if (body->stages[k].worker == NULL) {
            return false;
        }
    }
    return body->count > 0;
}

/* The node, which stands for nothing else: operations on it are refused. */

static sy_status protocol_call(syi_call *call, sy_error *err)
{
    return syi_fail(err, SY_EINVAL, "%s: an argument is a protocol; run it with sy_protocol_run",
                    call->op->name);
}

static void protocol_describe(const syi_node *node, syi_buffer *text)
{
    const syi_protocol_body *body = ((const syi_protocol_node *)node)->body;
    syi_buffer_append(text, "<Protocol", 9);
    for (size_t k = 0; k < body->count; k++) {
        const syi_protocol_stage *stage = &body->stages[k];
        const char *name = stage->worker != NULL ? stage->worker->name : stage->name;
        syi_buffer_append(text, k > 0 ? ", " : " ", k > 0 ? 2 : 1);
        syi_buffer_append(text, name, strlen(name));
    }
    if (syi_protocol_body_is_resolved(body)) {
        syi_buffer_append(text, " resolved", 9);
    }
    syi_buffer_append(text, ">", 1);
}

static sy_status protocol_shape(syi_node *node, syi_array *shape, sy_error *err)
{
    (void)node;
    (void)shape;
    return syi_fail(err, SY_EINVAL, "a protocol has no shape");
}

static void protocol_free(syi_node *node)
{
    syi_protocol_body_unref(((syi_protocol_node *)node)->body);
}

const syi_interpreter syi_protocol_type = {
    .name = "Protocol",
    .code = SYI_CODE_PROTOCOL,
    .call = protocol_call,
    .describe = protocol_describe,
    .shape = protocol_shape,
    .simplify = syi_protocol_simplify,
    .detail = syi_protocol_detail,
    .free = protocol_free,
};

sy_status syi_protocol_register(sy_hook *hook, sy_error *err)
{
    SY_TRY(syi_hook_register_interpreter(hook, &syi_protocol_type, err));
    return syi_protocol_commands_register(hook, err);
}

syi_protocol_body *syi_protocol_body_of(const sy_tensor *object)
{
    return object != NULL && object->node->type == &syi_protocol_type
               ? ((syi_protocol_node *)object->node)->body
               : NULL;
}

sy_status syi_protocol_node_new(syi_protocol_body *body, syi_node **node, sy_error *err)
{
    syi_protocol_node *made =
        (syi_protocol_node *)syi_node_new(body->hook, &syi_protocol_type, sizeof *made, NULL);
    if (made == NULL) {
        return SYI_ENOMEM(err, "protocol");
    }
    made->body = body;
    *node = &made->base;
    return SY_OK;
}
