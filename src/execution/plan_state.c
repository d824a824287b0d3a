/* plan_state.c - the state of a plan: read, set by name before it is built, changed as a whole. Part of plan.h. Test:
 * plan_state_test.c. */
#include <string.h>

#include <csyft/sharing.h>

#include "core/error.h"
#include "core/memory.h"
#include "execution/plan.h"

sy_tensor *sy_plan_get_state(const sy_plan *plan, size_t index)
{
    return index < syi_plan_get_body(plan)->state_count
               ? syi_plan_get_body(plan)->states[index].tensor
               : NULL;
}

size_t sy_plan_get_state_count(const sy_plan *plan)
{
    return syi_plan_get_body(plan)->state_count;
}

const char *sy_plan_get_state_name(const sy_plan *plan, size_t index)
{
    const syi_plan_body *body = syi_plan_get_body(plan);
    return index < body->state_count && body->states[index].name != NULL ? body->states[index].name
                                                                         : "";
}

sy_tensor *sy_plan_get_attribute(const sy_plan *plan, const char *name)
{
    return syi_plan_body_state_named(syi_plan_get_body(plan), name);
}

sy_status sy_plan_set_attribute(sy_plan *plan, const char *name, sy_tensor *tensor, sy_error *err)
{
    const syi_plan_body *old = syi_plan_get_body(plan);
    syi_plan_body *body = NULL;
    if (name == NULL || tensor == NULL || *name == '\0') {
        return syi_fail(err, SY_EINVAL, "plan %s: an attribute has a name and a tensor", old->name);
    }
    if (old->tape != NULL) {
        return syi_fail(
            err, SY_EINVAL,
            "plan %s is built: its operations know the state that it has; change that in "
            "place",
            old->name);
    }
    size_t place = 0;
    while (place < old->state_count &&
           (old->states[place].name == NULL || strcmp(old->states[place].name, name) != 0)) {
        place++;
    }
    const size_t count = place < old->state_count ? old->state_count : old->state_count + 1;
    const sy_id id = sy_tensor_get_id(tensor);
    SY_TRY(sy_worker_register_object(plan->object->owner, tensor, &id, err));
    SY_TRY(syi_plan_body_like(old, &body, old->argument_count, count, err));
    body->declared_count = count;
    if (body->states[place].name == NULL) {
        body->states[place].name = syi_string_copy(body->hook->context, name);
        if (body->states[place].name == NULL) {
            syi_plan_body_unref(body);
            return SYI_ENOMEM(err, "plan");
        }
    }
    sy_tensor_unref(body->states[place].tensor);
    body->states[place].tensor = sy_tensor_ref(tensor);
    return syi_plan_set_body(plan, body, err);
}

/* Changes every tensor of the state, or none: `undo` takes one back. */
static sy_status change_state(sy_plan *plan,
                              sy_status (*change)(sy_tensor *, const void *, sy_error *),
                              sy_status (*undo)(sy_tensor *, sy_error *), const void *options,
                              sy_error *err)
{
    const syi_plan_body *body = syi_plan_get_body(plan);
    for (size_t k = 0; k < body->state_count; k++) {
        sy_status status = change(body->states[k].tensor, options, err);
        if (status != SY_OK) {
            status = syi_error_prefix(err, status, "plan %s, state %zu", body->name, k);
            while (undo != NULL && k > 0) {
                (void)undo(body->states[--k].tensor, NULL);
            }
            return status;
        }
    }
    return SY_OK;
}

static sy_status fix_one(sy_tensor *tensor, const void *options, sy_error *err)
{
    return sy_tensor_fix_precision_(tensor, options, err);
}

static sy_status float_one(sy_tensor *tensor, const void *options, sy_error *err)
{
    (void)options;
    return sy_tensor_float_precision_(tensor, err);
}

static sy_status get_one(sy_tensor *tensor, const void *options, sy_error *err)
{
    (void)options;
    return sy_tensor_get_(tensor, err);
}

sy_status sy_plan_fix_precision_(sy_plan *plan, const sy_precision_options *options, sy_error *err)
{
    return change_state(plan, fix_one, sy_tensor_float_precision_, options, err);
}

sy_status sy_plan_float_precision_(sy_plan *plan, sy_error *err)
{
    return change_state(plan, float_one, NULL, NULL, err);
}

typedef struct sharing {
    sy_worker *const *owners;
    size_t count;
    const sy_share_options *options;
} sharing;

static sy_status share_one(sy_tensor *tensor, const void *options, sy_error *err)
{
    const sharing *s = options;
    return sy_tensor_share_with_(tensor, s->owners, s->count, s->options, err);
}

sy_status sy_plan_share_with_(sy_plan *plan, sy_worker *const *owners, size_t count,
                              const sy_share_options *options, sy_error *err)
{
    const sharing s = {owners, count, options};
    return change_state(plan, share_one, sy_tensor_get_, &s, err);
}

sy_status sy_plan_share_(sy_plan *plan, sy_worker *const *owners, size_t count,
                         sy_worker *crypto_provider, sy_error *err)
{
    sy_share_options options = SY_SHARE_OPTIONS_INIT;
    options.crypto_provider = crypto_provider;
    return sy_plan_share_with_(plan, owners, count, &options, err);
}

sy_status sy_plan_get_(sy_plan *plan, sy_error *err)
{
    return change_state(plan, get_one, NULL, NULL, err);
}
