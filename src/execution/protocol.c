#include "execution/protocol.h"

#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "execution/plan.h"
#include "execution/pointer_plan.h"
#include "interpreters/pointer.h"

struct sy_protocol {
    atomic_uint refs;
    sy_tensor *object;   /* whose node is the protocol's */
    sy_plan **plans;     /* one per stage; NULL where only a pointer is here */
    size_t count;        /* of them */
    sy_worker *location; /* NULL: not sent */
};

static const syi_protocol_body *body_of(const sy_protocol *protocol)
{
    return syi_protocol_body_of(protocol->object);
}

/* Life */

static sy_status protocol_alloc(sy_hook *hook, sy_protocol **made, size_t count, sy_error *err)
{
    sy_protocol *p = syi_alloc(hook->context, sizeof *p);
    *made = NULL;
    if (p == NULL) {
        return SYI_ENOMEM(err, "protocol");
    }
    atomic_init(&p->refs, 1);
    p->count = count;
    p->plans = syi_alloc_array(hook->context, count, sizeof(sy_plan *));
    if (p->plans == NULL) {
        syi_free(hook->context, p, sizeof *p);
        return SYI_ENOMEM(err, "protocol");
    }
    *made = p;
    return SY_OK;
}

/* Everything but the object. */
static void protocol_release(sy_hook *hook, sy_protocol *p)
{
    for (size_t k = 0; k < p->count; k++) {
        sy_plan_unref(p->plans[k]);
    }
    syi_free(hook->context, p->plans, p->count * sizeof(sy_plan *));
    syi_free(hook->context, p, sizeof *p);
}

sy_protocol *sy_protocol_ref(sy_protocol *protocol)
{
    atomic_fetch_add_explicit(&protocol->refs, 1, memory_order_relaxed);
    return protocol;
}

void sy_protocol_unref(sy_protocol *protocol)
{
    if (protocol == NULL ||
        atomic_fetch_sub_explicit(&protocol->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    sy_hook *hook = protocol->object->hook;
    sy_tensor_unref(protocol->object);
    protocol_release(hook, protocol);
}

static sy_status check_pair(sy_hook *hook, size_t index, const sy_protocol_pair *pair,
                            sy_error *err)
{
    if ((pair->worker == NULL) == (pair->name == NULL)) {
        return syi_fail(err, SY_EINVAL, "protocol: pair %zu needs a worker or a name, one of both",
                        index + 1);
    }
    if (pair->name != NULL && (*pair->name == '\0' || strlen(pair->name) > SYI_PROTOCOL_NAME_MAX)) {
        return syi_fail(err, SY_EINVAL, "protocol: pair %zu: a name has 1 to %d bytes", index + 1,
                        SYI_PROTOCOL_NAME_MAX);
    }
    if ((pair->plan == NULL) == (pair->pointer == NULL)) {
        return syi_fail(err, SY_EINVAL,
                        "This is not a valid Plan: pair %zu of the protocol needs a plan or a "
                        "pointer to one, one of both",
                        index + 1);
    }
    if (pair->worker != NULL && sy_worker_get_hook(pair->worker) != hook) {
        return syi_fail(err, SY_EINVAL, "protocol: worker %s of pair %zu is of another hook",
                        pair->worker->name, index + 1);
    }
    const sy_tensor *plan = pair->plan != NULL ? syi_plan_get_object(pair->plan)
                                               : syi_pointer_plan_get_tensor(pair->pointer, 0);
    if (plan->hook != hook) {
        return syi_fail(err, SY_EINVAL, "protocol: the plan of pair %zu is of another hook",
                        index + 1);
    }
    if (pair->pointer == NULL) {
        return SY_OK;
    }
    if (sy_pointer_plan_get_location_count(pair->pointer) != 1) {
        return syi_fail(err, SY_EINVAL,
                        "protocol: the plan of pair %zu is at %zu workers; take one of them "
                        "(sy_pointer_plan_split)",
                        index + 1, sy_pointer_plan_get_location_count(pair->pointer));
    }
    const sy_worker *at = sy_pointer_plan_get_location(pair->pointer, 0);
    return pair->worker == NULL || at == pair->worker
               ? SY_OK
               : syi_fail(err, SY_EINVAL,
                          "protocol: pair %zu names worker %s, and its plan is at worker %s",
                          index + 1, pair->worker->name, at->name);
}

static sy_status fill(sy_protocol *p, syi_protocol_body *body, const sy_protocol_pair *pairs,
                      sy_error *err)
{
    for (size_t k = 0; k < body->count; k++) {
        const sy_protocol_pair *pair = &pairs[k];
        SY_TRY(check_pair(body->hook, k, pair, err));
        sy_tensor *plan = pair->plan != NULL ? syi_plan_get_object(pair->plan)
                                             : syi_pointer_plan_get_tensor(pair->pointer, 0);
        const char *name = pair->worker != NULL ? pair->worker->name : pair->name;
        SY_TRY(syi_protocol_body_set(body, k, name, pair->worker, plan, err));
        p->plans[k] = pair->plan != NULL ? sy_plan_ref(pair->plan) : NULL;
    }
    return SY_OK;
}

static sy_status label(sy_tensor *object, const sy_protocol_options *o, sy_error *err)
{
    object->owner = o->owner != NULL ? o->owner : object->hook->local_worker;
    if (o->id != NULL) {
        SY_TRY(sy_tensor_set_id(object, o->id, err));
    }
    for (size_t k = 0; k < o->tag_count; k++) {
        SY_TRY(sy_tensor_tag(object, o->tags[k], err));
    }
    return o->description != NULL ? sy_tensor_describe(object, o->description, err) : SY_OK;
}

sy_status sy_protocol_new(sy_hook *hook, sy_protocol **protocol, const sy_protocol_pair *pairs,
                          size_t count, const sy_protocol_options *options, sy_error *err)
{
    const sy_protocol_options defaults = SY_PROTOCOL_OPTIONS_INIT;
    sy_protocol *made = NULL;
    syi_protocol_body *body = NULL;
    syi_node *node = NULL;
    if (hook == NULL || protocol == NULL || (count > 0 && pairs == NULL)) {
        return syi_fail(err, SY_EINVAL, "sy_protocol_new: hook, protocol or pairs are NULL");
    }
    *protocol = NULL;
    SY_TRY(syi_protocol_body_new(hook, &body, count, err));
    sy_status status = protocol_alloc(hook, &made, count, err);
    if (status == SY_OK) {
        status = fill(made, body, pairs, err);
    }
    if (status == SY_OK) {
        status = syi_protocol_node_new(body, &node, err);
    }
    if (status != SY_OK) {
        syi_protocol_body_unref(body);
        if (made != NULL) {
            protocol_release(hook, made);
        }
        return status;
    }
    status = syi_tensor_wrap(hook, &made->object, node, err);
    if (status != SY_OK) {
        protocol_release(hook, made);
        return status;
    }
    status = label(made->object, options != NULL ? options : &defaults, err);
    if (status != SY_OK) {
        sy_protocol_unref(made);
        return status;
    }
    *protocol = made;
    return SY_OK;
}

sy_status syi_protocol_from_object(sy_protocol **protocol, sy_tensor *object, sy_error *err)
{
    const syi_protocol_body *body = syi_protocol_body_of(object);
    sy_protocol *made = NULL;
    *protocol = NULL;
    if (body == NULL) {
        return syi_fail(err, SY_EINVAL, "the object is no protocol");
    }
    SY_TRY(protocol_alloc(object->hook, &made, body->count, err));
    for (size_t k = 0; k < body->count; k++) {
        sy_tensor *plan = body->stages[k].plan;
        if (syi_plan_body_of(plan) == NULL) {
            continue;
        }
        const sy_status status = syi_plan_from_object(&made->plans[k], sy_tensor_ref(plan), err);
        if (status != SY_OK) {
            sy_tensor_unref(plan);
            protocol_release(object->hook, made);
            return status;
        }
    }
    made->object = object;
    *protocol = made;
    return SY_OK;
}

sy_status syi_protocol_replace_body(sy_protocol *protocol, syi_protocol_body *body, sy_error *err)
{
    syi_node *node = NULL;
    const sy_status status = syi_protocol_node_new(body, &node, err);
    if (status != SY_OK) {
        syi_protocol_body_unref(body);
        return status;
    }
    const sy_id id = sy_tensor_get_id(protocol->object);
    syi_tensor_set_node(protocol->object, node);
    protocol->object->id = id;
    return SY_OK;
}

sy_tensor *syi_protocol_get_object(const sy_protocol *protocol)
{
    return protocol->object;
}

sy_plan *syi_protocol_plan_at(const sy_protocol *protocol, size_t index)
{
    return protocol->plans[index];
}

void syi_protocol_set_location(sy_protocol *protocol, sy_worker *location)
{
    protocol->location = location;
}

/* Running */

bool sy_protocol_is_resolved(const sy_protocol *protocol)
{
    return syi_protocol_body_is_resolved(body_of(protocol));
}

sy_status sy_protocol_check_resolved(const sy_protocol *protocol, sy_error *err)
{
    return sy_protocol_is_resolved(protocol)
               ? SY_OK
               : syi_fail(err, SY_EINVAL,
                          "Plans have not been allocated to existing workers. Call "
                          "deploy(*workers) to do so.");
}

static sy_status run_there(sy_protocol *protocol, sy_protocol_input *inputs, size_t count,
                           sy_error *err)
{
    const sy_id id = sy_tensor_get_id(protocol->object);
    sy_tensor *pointer = NULL;
    SY_TRY(sy_tensor_point_to(protocol->object->hook, &pointer, protocol->location, &id, err));
    const sy_status status = syi_protocol_ask(pointer, inputs, count, err);
    sy_tensor_unref(pointer);
    return status;
}

sy_status sy_protocol_run_many(sy_protocol *protocol, sy_protocol_input *inputs, size_t count,
                               sy_error *err)
{
    const syi_mode mode = SYI_MODE_DEFAULT;
    if (protocol == NULL || (count > 0 && inputs == NULL)) {
        return syi_fail(err, SY_EINVAL, "sy_protocol_run_many: protocol or inputs are NULL");
    }
    sy_hook *hook = protocol->object->hook;
    for (size_t k = 0; k < count; k++) {
        inputs[k].result_count = 0;
    }
    if (sy_hook_is_tracing(hook)) {
        return syi_fail(err, SY_ENOTSUP, "a protocol cannot be run while a plan is built");
    }
    SY_TRY(sy_protocol_check_resolved(protocol, err));
    if (protocol->location != NULL && protocol->location != hook->local_worker) {
        return run_there(protocol, inputs, count, err);
    }
    SY_TRY(syi_protocol_deploy_rest(protocol, err));
    const syi_protocol_run run = {.body = body_of(protocol),
                                  .here = hook->local_worker,
                                  .mode = &mode,
                                  .inputs = inputs,
                                  .count = count};
    return syi_protocol_execute(&run, err);
}

sy_status sy_protocol_run(sy_protocol *protocol, const sy_value *arguments, size_t count,
                          const sy_named_value *kwargs, size_t kwarg_count, sy_tensor **results,
                          size_t capacity, size_t *result_count, sy_error *err)
{
    sy_protocol_input input = {arguments, count, kwargs, kwarg_count, results, capacity, 0};
    const sy_status status = sy_protocol_run_many(protocol, &input, 1, err);
    if (result_count != NULL) {
        *result_count = status == SY_OK ? input.result_count : 0;
    }
    return status;
}

sy_worker *sy_protocol_find_arguments_location(sy_hook *hook, const sy_value *arguments,
                                               size_t count)
{
    for (size_t k = 0; k < count; k++) {
        const syi_pointer *pointer =
            arguments[k].kind == SY_VALUE_TENSOR ? syi_pointer_of(arguments[k].as.tensor) : NULL;
        if (pointer != NULL) {
            return pointer->location;
        }
    }
    return hook->local_worker;
}

/* What it says of itself */

sy_hook *sy_protocol_get_hook(const sy_protocol *protocol)
{
    return protocol->object->hook;
}

sy_id sy_protocol_get_id(sy_protocol *protocol)
{
    return sy_tensor_get_id(protocol->object);
}

sy_worker *sy_protocol_get_owner(const sy_protocol *protocol)
{
    return protocol->object->owner;
}

sy_worker *sy_protocol_get_location(const sy_protocol *protocol)
{
    return protocol->location;
}

size_t sy_protocol_get_plan_count(const sy_protocol *protocol)
{
    return body_of(protocol)->count;
}

const char *sy_protocol_get_name(const sy_protocol *protocol, size_t index)
{
    return index < body_of(protocol)->count ? body_of(protocol)->stages[index].name : NULL;
}

sy_worker *sy_protocol_get_worker(const sy_protocol *protocol, size_t index)
{
    return index < body_of(protocol)->count ? body_of(protocol)->stages[index].worker : NULL;
}

sy_plan *sy_protocol_get_plan(const sy_protocol *protocol, size_t index)
{
    return index < protocol->count ? protocol->plans[index] : NULL;
}

sy_status sy_protocol_tag(sy_protocol *protocol, const char *tag, sy_error *err)
{
    return sy_tensor_tag(protocol->object, tag, err);
}

sy_status sy_protocol_describe(sy_protocol *protocol, const char *description, sy_error *err)
{
    return sy_tensor_describe(protocol->object, description, err);
}

size_t sy_protocol_get_tag_count(const sy_protocol *protocol)
{
    return sy_tensor_get_tag_count(protocol->object);
}

const char *sy_protocol_get_tag(const sy_protocol *protocol, size_t index)
{
    return sy_tensor_get_tag(protocol->object, index);
}

const char *sy_protocol_get_description(const sy_protocol *protocol)
{
    return sy_tensor_get_description(protocol->object);
}

static void put(syi_buffer *out, const char *text)
{
    syi_buffer_append(out, text, strlen(text));
}

/* The plan's own text, or that of the pointer to it. */
static sy_status put_plan(syi_buffer *out, const sy_protocol *protocol, size_t index, sy_error *err)
{
    sy_tensor *plan = body_of(protocol)->stages[index].plan;
    char *text = NULL;
    sy_status status = SY_OK;
    if (syi_pointer_of(plan) != NULL) {
        sy_pointer_plan *pointer = NULL;
        SY_TRY(sy_pointer_plan_from(plan, &pointer, err));
        status = sy_pointer_plan_to_text(pointer, &text, err);
        sy_pointer_plan_unref(pointer);
    } else {
        status = sy_plan_to_text(protocol->plans[index], &text, err);
    }
    if (status == SY_OK) {
        put(out, text);
        sy_string_free(plan->hook, text);
    }
    return status;
}

sy_status sy_protocol_to_text(sy_protocol *protocol, char **text, sy_error *err)
{
    char id_text[72];
    syi_buffer out;
    const sy_id id = sy_tensor_get_id(protocol->object);
    const syi_protocol_body *body = body_of(protocol);
    sy_context *context = body->hook->context;
    const sy_worker *owner = protocol->object->owner;
    sy_status status = SY_OK;
    *text = NULL;
    syi_buffer_init(&out, context, 16u << 20);
    put(&out, "<Protocol id:");
    put(&out, sy_id_format(&id, id_text, sizeof id_text));
    put(&out, " owner:");
    put(&out, owner != NULL ? owner->name : "nobody");
    put(&out, syi_protocol_body_is_resolved(body) ? " resolved>" : ">");
    for (size_t k = 0; k < body->count && status == SY_OK; k++) {
        const syi_protocol_stage *stage = &body->stages[k];
        put(&out, "\n - ");
        put(&out, stage->worker != NULL ? stage->worker->name : stage->name);
        put(&out, ": ");
        status = put_plan(&out, protocol, k, err);
    }
    syi_buffer_put(&out, '\0');
    status = status == SY_OK ? syi_buffer_check(&out, "text of a protocol", err) : status;
    if (status == SY_OK) {
        *text = syi_string_copy(context, (const char *)out.data);
        status = *text != NULL ? SY_OK : SYI_ENOMEM(err, "text of a protocol");
    }
    syi_buffer_fini(&out);
    return status;
}
