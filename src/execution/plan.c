#include "execution/plan.h"

#include <stdio.h>
#include <string.h>

#include <csyft/worker.h>

#include "core/error.h"
#include "core/memory.h"

/* Life */

syi_plan_body *syi_plan_get_body(const sy_plan *plan)
{
    return syi_plan_body_of(plan->object);
}

sy_status syi_plan_set_body(sy_plan *plan, syi_plan_body *body, sy_error *err)
{
    syi_plan_node *node =
        (syi_plan_node *)syi_node_new(body->hook, &syi_plan_type, sizeof *node, NULL);
    if (node == NULL) {
        syi_plan_body_unref(body);
        return SYI_ENOMEM(err, "plan");
    }
    node->body = body;
    syi_plan_forget_pointers(plan); /* there it is what it was */
    const sy_id id = sy_tensor_get_id(plan->object);
    syi_tensor_set_node(plan->object, &node->base);
    plan->object->id = id;
    return SY_OK;
}

sy_status syi_plan_from_object(sy_plan **plan, sy_tensor *object, sy_error *err)
{
    *plan = NULL;
    if (syi_plan_body_of(object) == NULL) {
        return syi_fail(err, SY_EINVAL, "the object is no plan");
    }
    sy_plan *made = syi_alloc(object->hook->context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    atomic_init(&made->refs, 1);
    made->object = object;
    *plan = made;
    return SY_OK;
}

sy_tensor *syi_plan_get_object(const sy_plan *plan)
{
    return plan->object;
}

static sy_status register_state(sy_worker *owner, sy_tensor *tensor, sy_error *err)
{
    const sy_id id = sy_tensor_get_id(tensor);
    return sy_worker_register_object(owner, tensor, &id, err);
}

static sy_status check_names(const sy_plan_options *o, const char *name, sy_error *err)
{
    if (strlen(name) > SYI_PLAN_NAME_MAX || *name == '\0') {
        return syi_fail(err, SY_EINVAL, "plan: a name has 1 to %d bytes", SYI_PLAN_NAME_MAX);
    }
    if (o->state_count > 0 && o->state == NULL) {
        return syi_fail(err, SY_EINVAL, "plan %s: its state is NULL", name);
    }
    if (o->argument_count > SYI_TAPE_INPUTS_MAX ||
        (o->argument_count > 0 && o->argument_names == NULL)) {
        return syi_fail(err, SY_EINVAL, "plan %s: names of arguments are NULL, or more than %d",
                        name, SYI_TAPE_INPUTS_MAX);
    }
    for (size_t k = 0; k < o->state_count; k++) {
        if (o->state[k] == NULL) {
            return syi_fail(err, SY_EINVAL, "plan %s: state tensor %zu is NULL", name, k);
        }
        for (size_t i = 0; i < k; i++) {
            if (o->state[i] == o->state[k]) {
                return syi_fail(err, SY_EINVAL, "plan %s: state tensors %zu and %zu are the same",
                                name, i, k);
            }
        }
    }
    return SY_OK;
}

static sy_status fill_body(syi_plan_body *body, const sy_plan_options *o, sy_error *err)
{
    sy_context *context = body->hook->context;
    body->include_state = o->include_state;
    for (size_t k = 0; k < o->argument_count; k++) {
        body->arguments[k].name = syi_string_copy(context, o->argument_names[k]);
        if (body->arguments[k].name == NULL && o->argument_names[k] != NULL) {
            return SYI_ENOMEM(err, "plan");
        }
    }
    for (size_t k = 0; k < o->state_count; k++) {
        const char *name = o->state_names != NULL ? o->state_names[k] : NULL;
        body->states[k].tensor = sy_tensor_ref(o->state[k]);
        body->states[k].name = syi_string_copy(context, name);
        if (body->states[k].name == NULL && name != NULL) {
            return SYI_ENOMEM(err, "plan");
        }
    }
    return SY_OK;
}

sy_status sy_plan_new(sy_hook *hook, sy_plan **plan, const sy_plan_options *options, sy_error *err)
{
    const sy_plan_options defaults = SY_PLAN_OPTIONS_INIT;
    const sy_plan_options *o = options != NULL ? options : &defaults;
    syi_plan_body *body = NULL;
    sy_tensor *object = NULL;
    if (plan == NULL || hook == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_plan_new: hook or plan is NULL");
    }
    *plan = NULL;
    const char *name = o->name != NULL ? o->name : "Plan";
    SY_TRY(check_names(o, name, err));
    SY_TRY(syi_plan_body_new(hook, &body, name, o->argument_count, o->state_count, err));
    sy_status status = fill_body(body, o, err);
    if (status == SY_OK) {
        status = syi_plan_object_new(hook, &object, body, err);
    }
    if (status != SY_OK) {
        syi_plan_body_unref(body);
        return status;
    }
    object->owner = o->owner != NULL ? o->owner : hook->local_worker;
    SY_GOTO(failed, o->id != NULL ? sy_tensor_set_id(object, o->id, err) : SY_OK);
    for (size_t k = 0; k < o->state_count; k++) {
        SY_GOTO(failed, register_state(object->owner, o->state[k], err));
    }
    SY_GOTO(failed, syi_plan_from_object(plan, object, err));
    (*plan)->forward = o->forward;
    (*plan)->user = o->user;
    return SY_OK;
failed:
    sy_tensor_unref(object);
    return status;
}

sy_plan *sy_plan_ref(sy_plan *plan)
{
    atomic_fetch_add_explicit(&plan->refs, 1, memory_order_relaxed);
    return plan;
}

void sy_plan_unref(sy_plan *plan)
{
    if (plan == NULL || atomic_fetch_sub_explicit(&plan->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    sy_context *context = plan->object->hook->context;
    syi_plan_forget_pointers(plan);
    sy_tensor_unref(plan->object);
    syi_free(context, plan, sizeof *plan);
}

sy_status sy_plan_copy(sy_plan *plan, sy_plan **copy, sy_error *err)
{
    const syi_plan_body *old = syi_plan_get_body(plan);
    syi_plan_body *body = NULL;
    sy_tensor *object = NULL;
    *copy = NULL;
    SY_TRY(syi_plan_body_like(old, &body, old->argument_count, old->state_count, err));
    sy_status status = SY_OK;
    for (size_t k = 0; k < body->state_count && status == SY_OK; k++) {
        sy_tensor *own = NULL;
        status = sy_tensor_copy(body->states[k].tensor, &own, err);
        if (status == SY_OK) {
            own->requires_grad = body->states[k].tensor->requires_grad;
            sy_tensor_unref(body->states[k].tensor);
            body->states[k].tensor = own;
        }
    }
    if (status == SY_OK) {
        status = syi_plan_object_new(body->hook, &object, body, err);
    }
    if (status != SY_OK) {
        syi_plan_body_unref(body);
        return status;
    }
    object->owner = plan->object->owner;
    status = syi_plan_from_object(copy, object, err);
    if (status != SY_OK) {
        sy_tensor_unref(object);
        return status;
    }
    (*copy)->forward = plan->forward;
    (*copy)->user = plan->user;
    return SY_OK;
}

/* What it says of itself */

sy_hook *sy_plan_get_hook(const sy_plan *plan)
{
    return syi_plan_get_body(plan)->hook;
}

const char *sy_plan_get_name(const sy_plan *plan)
{
    return syi_plan_get_body(plan)->name;
}

sy_id sy_plan_get_id(sy_plan *plan)
{
    return sy_tensor_get_id(plan->object);
}

sy_worker *sy_plan_get_owner(const sy_plan *plan)
{
    return plan->object->owner;
}

bool sy_plan_get_include_state(const sy_plan *plan)
{
    return syi_plan_get_body(plan)->include_state;
}

sy_status sy_plan_tag(sy_plan *plan, const char *tag, sy_error *err)
{
    return sy_tensor_tag(plan->object, tag, err);
}

sy_status sy_plan_describe(sy_plan *plan, const char *description, sy_error *err)
{
    return sy_tensor_describe(plan->object, description, err);
}

size_t sy_plan_get_tag_count(const sy_plan *plan)
{
    return sy_tensor_get_tag_count(plan->object);
}

const char *sy_plan_get_tag(const sy_plan *plan, size_t index)
{
    return sy_tensor_get_tag(plan->object, index);
}

const char *sy_plan_get_description(const sy_plan *plan)
{
    return sy_tensor_get_description(plan->object);
}

size_t sy_plan_get_operation_count(const sy_plan *plan)
{
    return syi_plan_get_body(plan)->tape != NULL ? syi_plan_get_body(plan)->tape->step_count : 0;
}

size_t sy_plan_get_argument_count(const sy_plan *plan)
{
    return syi_plan_get_body(plan)->tape != NULL ? syi_plan_get_body(plan)->argument_count : 0;
}

size_t sy_plan_get_result_count(const sy_plan *plan)
{
    return syi_plan_get_body(plan)->tape != NULL ? syi_plan_get_body(plan)->tape->result_count : 0;
}

bool sy_plan_get_argument(const sy_plan *plan, size_t index, char name[256], bool *is_tensor,
                          sy_plan_shape *shape)
{
    const syi_plan_body *body = syi_plan_get_body(plan);
    if (body->tape == NULL || index >= body->argument_count) {
        return false;
    }
    const syi_plan_argument *argument = &body->arguments[index];
    if (argument->name != NULL) {
        snprintf(name, 256, "%s", argument->name);
    } else {
        snprintf(name, 256, "arg_%zu", index + 1);
    }
    if (is_tensor != NULL) {
        *is_tensor = argument->is_tensor;
    }
    if (shape != NULL) {
        *shape = (sy_plan_shape){.dtype = argument->dtype, .ndim = argument->ndim};
        memcpy(shape->shape, argument->shape, sizeof shape->shape);
    }
    return true;
}

/* Where it was sent */
