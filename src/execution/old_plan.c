/* old_plan.c - see <csyft/old_plan.h>. Tests: tests/reference/000_plan.c. */
#include <csyft/old_plan.h>

#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "execution/plan.h"
#include "interpreters/pointer.h"

struct sy_old_plan {
    atomic_uint refs;
    sy_plan *plan;
    sy_plan_fn blueprint;
    void *self;
    sy_worker *location; /* NULL: here */
    sy_id argument_ids[SYI_TAPE_INPUTS_MAX], result_ids[SYI_TAPE_OUTPUTS_MAX];
    size_t argument_count, result_count;
};

static sy_hook *hook_of(const sy_old_plan *plan)
{
    return sy_plan_get_hook(plan->plan);
}

sy_status sy_old_plan_new(sy_hook *hook, sy_old_plan **plan, const char *name, sy_plan_fn blueprint,
                          void *self, sy_error *err)
{
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    if (hook == NULL || plan == NULL || blueprint == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_old_plan_new: hook, plan or blueprint is NULL");
    }
    *plan = NULL;
    sy_old_plan *made = syi_alloc(hook->context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    atomic_init(&made->refs, 1);
    made->blueprint = blueprint;
    made->self = self;
    options.name = name;
    options.forward = blueprint;
    options.user = self;
    const sy_status status = sy_plan_new(hook, &made->plan, &options, err);
    if (status != SY_OK) {
        syi_free(hook->context, made, sizeof *made);
        return status;
    }
    *plan = made;
    return SY_OK;
}

void sy_old_plan_unref(sy_old_plan *plan)
{
    if (plan == NULL || atomic_fetch_sub_explicit(&plan->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    sy_context *context = hook_of(plan)->context;
    sy_plan_unref(plan->plan);
    syi_free(context, plan, sizeof *plan);
}

sy_status sy_old_plan_copy(const sy_old_plan *plan, sy_old_plan **copy, sy_error *err)
{
    return sy_old_plan_new(hook_of(plan), copy, sy_plan_get_name(plan->plan), plan->blueprint,
                           plan->self, err);
}

/* Building */

/* A tensor of zeros in the place of a pointer: what the blueprint does with it is recorded, and not done. */
static sy_status stand_in(sy_tensor *pointer, sy_tensor **tensor, sy_error *err)
{
    syi_array shape = SYI_ARRAY_INIT;
    SY_TRY(syi_node_shape(pointer->node, &shape, err));
    return sy_tensor_new(pointer->hook, tensor, shape.dtype, shape.ndim, shape.shape, NULL, err);
}

sy_status sy_old_plan_build(sy_old_plan *plan, const sy_value *arguments, size_t count,
                            sy_error *err)
{
    sy_value values[SYI_TAPE_INPUTS_MAX];
    sy_tensor *made[SYI_TAPE_INPUTS_MAX];
    size_t made_count = 0;
    sy_status status = SY_OK;
    if (count > SYI_TAPE_INPUTS_MAX || (count > 0 && arguments == NULL)) {
        return syi_fail(err, SY_EINVAL, "plan %s: arguments are NULL, or more than %d",
                        sy_plan_get_name(plan->plan), SYI_TAPE_INPUTS_MAX);
    }
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        values[k] = arguments[k];
        if (arguments[k].kind != SY_VALUE_TENSOR) {
            continue;
        }
        if (arguments[k].as.tensor == NULL) {
            status = syi_fail(err, SY_EINVAL, "plan %s: argument %zu is NULL",
                              sy_plan_get_name(plan->plan), k + 1);
        } else if (syi_node_is_remote(arguments[k].as.tensor->node)) {
            status = stand_in(arguments[k].as.tensor, &made[made_count], err);
            if (status == SY_OK) {
                values[k] = sy_value_tensor(made[made_count++]);
            }
        }
    }
    if (status == SY_OK) {
        status = sy_plan_build(plan->plan, values, count, err);
    }
    if (status == SY_ECOLLOCATION && made_count > 0) { /* its state is where the arguments are */
        status = sy_plan_build(plan->plan, arguments, count, err);
    }
    while (made_count > 0) {
        sy_tensor_unref(made[--made_count]);
    }
    return status;
}

bool sy_old_plan_is_built(const sy_old_plan *plan)
{
    return sy_plan_is_built(plan->plan);
}

/* Promises */

sy_status sy_old_plan_send(sy_old_plan *plan, sy_worker *location, sy_error *err)
{
    const char *name = sy_plan_get_name(plan->plan);
    if (location == NULL || sy_worker_get_hook(location) != hook_of(plan)) {
        return syi_fail(err, SY_EINVAL, "plan %s: the worker is NULL or of another hook", name);
    }
    if (plan->location != NULL) {
        return syi_fail(err, SY_ENOTSUP,
                        "Can't send a plan which already has a location: %s is for worker %s. Use "
                        "get() first.",
                        name, plan->location->name);
    }
    plan->location = location;
    return SY_OK;
}

void sy_old_plan_get(sy_old_plan *plan)
{
    plan->location = NULL;
}

sy_worker *sy_old_plan_get_location(const sy_old_plan *plan)
{
    return plan->location;
}

/* Execution */

/* One id per result: those given, or fresh ones. */
static sy_status note_ids(sy_old_plan *plan, const sy_value *arguments, size_t count,
                          const sy_id *result_ids, size_t result_id_count, sy_error *err)
{
    const size_t results = sy_plan_get_result_count(plan->plan);
    if (result_ids != NULL && result_id_count != results) {
        return syi_fail(err, SY_ESIGNATURE, "plan %s has %zu results, %zu ids are given for them",
                        sy_plan_get_name(plan->plan), results, result_id_count);
    }
    plan->argument_count = 0;
    for (size_t k = 0; k < count; k++) {
        if (arguments[k].kind == SY_VALUE_TENSOR && arguments[k].as.tensor != NULL) {
            sy_tensor *tensor = arguments[k].as.tensor;
            const bool there = sy_tensor_is_pointer(tensor);
            plan->argument_ids[plan->argument_count++] =
                there ? sy_tensor_get_id_at_location(tensor) : sy_tensor_get_id(tensor);
        }
    }
    for (size_t k = 0; k < results; k++) {
        plan->result_ids[k] = result_ids != NULL ? result_ids[k] : syi_hook_fresh_id(hook_of(plan));
    }
    plan->result_count = results;
    return SY_OK;
}

/* Sends it the first time, then only the request. */
static sy_status run_there(sy_old_plan *plan, const sy_value *arguments, size_t count,
                           sy_tensor **results, size_t capacity, size_t *result_count,
                           sy_error *err)
{
    sy_pointer_plan *pointer = NULL;
    sy_plan_run_options o = SY_PLAN_RUN_OPTIONS_INIT;
    o.result_ids = plan->result_ids;
    o.result_id_count = plan->result_count;
    SY_TRY(sy_plan_send(plan->plan, &pointer, &plan->location, 1, false, err));
    const sy_status status =
        sy_pointer_plan_run(pointer, arguments, count, &o, results, capacity, result_count, err);
    sy_pointer_plan_unref(pointer);
    return status;
}

/* What comes out here is nobody's but the caller's: it has the id, and is in no registry. */
static sy_status run_here(sy_old_plan *plan, const sy_value *arguments, size_t count,
                          sy_tensor **results, size_t capacity, size_t *result_count, sy_error *err)
{
    size_t made = 0;
    SY_TRY(sy_plan_run(plan->plan, arguments, count, NULL, results, capacity, &made, err));
    sy_status status = SY_OK;
    for (size_t k = 0; k < made && status == SY_OK; k++) {
        status = sy_tensor_is_pointer(results[k])
                     ? SY_OK
                     : sy_tensor_set_id(results[k], &plan->result_ids[k], err);
    }
    if (result_count != NULL) {
        *result_count = status == SY_OK ? made : 0;
    }
    for (size_t k = 0; status != SY_OK && k < made; k++) {
        sy_tensor_unref(results[k]);
    }
    return status;
}

sy_status sy_old_plan_execute(sy_old_plan *plan, const sy_value *arguments, size_t count,
                              const sy_id *result_ids, size_t result_id_count, sy_tensor **results,
                              size_t capacity, size_t *result_count, sy_error *err)
{
    if (plan == NULL || (count > 0 && arguments == NULL) || count > SYI_TAPE_INPUTS_MAX) {
        return syi_fail(err, SY_EINVAL, "execute_plan: plan or arguments are NULL, or too many");
    }
    if (result_count != NULL) {
        *result_count = 0;
    }
    if (!sy_old_plan_is_built(plan)) {
        SY_TRY(sy_old_plan_build(plan, arguments, count, err));
    }
    SY_TRY(note_ids(plan, arguments, count, result_ids, result_id_count, err));
    return plan->location != NULL
               ? run_there(plan, arguments, count, results, capacity, result_count, err)
               : run_here(plan, arguments, count, results, capacity, result_count, err);
}

sy_status sy_old_plan_call(sy_old_plan *plan, sy_tensor *const *arguments, size_t count,
                           sy_tensor **results, size_t capacity, size_t *result_count,
                           sy_error *err)
{
    sy_value values[SYI_TAPE_INPUTS_MAX];
    if (count > SYI_TAPE_INPUTS_MAX || (count > 0 && arguments == NULL)) {
        return syi_fail(err, SY_EINVAL, "sy_old_plan_call: arguments are NULL, or too many");
    }
    for (size_t k = 0; k < count; k++) {
        values[k] = sy_value_tensor(arguments[k]);
    }
    return sy_old_plan_execute(plan, values, count, NULL, 0, results, capacity, result_count, err);
}

sy_status sy_old_plan_request_execute(sy_old_plan *plan, const sy_id *response_ids,
                                      size_t response_id_count, const sy_value *arguments,
                                      size_t count, sy_tensor **results, size_t capacity,
                                      size_t *result_count, sy_error *err)
{
    sy_value tensors[SYI_TAPE_INPUTS_MAX];
    size_t kept = 0;
    const char *name = sy_plan_get_name(plan->plan);
    if (plan->location == NULL || !sy_old_plan_is_built(plan)) {
        return syi_fail(err, SY_EINVAL, "request_execute_plan: plan %s %s", name,
                        plan->location == NULL ? "has no location; send it first"
                                               : "is not built; call it, or build it first");
    }
    for (size_t k = 0; k < count && kept < SYI_TAPE_INPUTS_MAX; k++) {
        if (arguments[k].kind == SY_VALUE_TENSOR) {
            tensors[kept++] = arguments[k];
        }
    }
    SY_TRY(note_ids(plan, tensors, kept, response_ids, response_id_count, err));
    return run_there(plan, tensors, kept, results, capacity, result_count, err);
}

/* Ids */

const sy_id *sy_old_plan_get_argument_ids(const sy_old_plan *plan, size_t *count)
{
    *count = plan->argument_count;
    return plan->argument_ids;
}

const sy_id *sy_old_plan_get_result_ids(const sy_old_plan *plan, size_t *count)
{
    *count = plan->result_count;
    return plan->result_ids;
}

static bool replace(sy_id *id, const sy_id *from, const sy_id *to, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        if (sy_id_equal(id, &from[k])) {
            *id = to[k];
            return true;
        }
    }
    return false;
}

/* In the owner's registry, too, where it is under its old id. */
static sy_status rename_state(sy_plan *plan, sy_tensor *state, const sy_id *from, const sy_id *to,
                              sy_error *err)
{
    sy_worker *owner = sy_plan_get_owner(plan);
    sy_tensor *stored = NULL;
    const bool found = sy_worker_get_object(owner, &stored, from, NULL) == SY_OK && stored == state;
    sy_tensor_unref(stored);
    if (!found) {
        return sy_tensor_set_id(state, to, err);
    }
    SY_TRY(sy_worker_register_object(owner, state, to, err));
    sy_worker_remove_object(owner, from);
    return SY_OK;
}

sy_status sy_old_plan_replace_ids(sy_old_plan *plan, const sy_id *from, const sy_id *to,
                                  size_t count, sy_error *err)
{
    for (size_t k = 0; k < count; k++) {
        if (sy_id_is_none(&from[k]) || sy_id_is_none(&to[k])) {
            return syi_fail(err, SY_EINVAL, "replace_ids: pair %zu has an id that is none", k + 1);
        }
    }
    for (size_t k = 0; k < plan->argument_count; k++) {
        (void)replace(&plan->argument_ids[k], from, to, count);
    }
    for (size_t k = 0; k < plan->result_count; k++) {
        (void)replace(&plan->result_ids[k], from, to, count);
    }
    bool changed = false;
    for (size_t k = 0; k < sy_plan_get_state_count(plan->plan); k++) {
        sy_tensor *state = sy_plan_get_state(plan->plan, k);
        const sy_id old = sy_tensor_get_id(state);
        sy_id id = old;
        if (replace(&id, from, to, count)) {
            SY_TRY(rename_state(plan->plan, state, &old, &id, err));
            changed = true;
        }
    }
    if (changed) {
        syi_plan_forget_pointers(plan->plan);
    }
    return SY_OK;
}

static sy_status read_worker(const void *bytes, size_t size, sy_id *id, sy_error *err)
{
    char text[64];
    if (bytes == NULL || size == 0 || size >= sizeof text || memchr(bytes, '\0', size) != NULL) {
        return syi_fail(err, SY_EINVAL, "replace_worker_ids: an id has 1 to 53 bytes");
    }
    memcpy(text, bytes, size);
    text[size] = '\0';
    return sy_id_parse(id, text, err);
}

static sy_status repoint(sy_tensor *state, const syi_pointer *old, sy_worker *location,
                         sy_error *err)
{
    syi_pointer *pointer = NULL;
    SY_TRY(syi_pointer_new(state->hook, &pointer, old->owner, location, &old->id_at_location, err));
    atomic_store(&pointer->collect, false); /* it put nothing there */
    pointer->id = old->id;
    if (old->ndim >= 0) {
        syi_pointer_set_shape(pointer, old->dtype, old->ndim, old->shape);
    }
    syi_tensor_set_node(state, &pointer->base);
    return SY_OK;
}

sy_status sy_old_plan_replace_worker_ids(sy_old_plan *plan, const void *from, size_t from_size,
                                         const void *to, size_t to_size, sy_error *err)
{
    sy_id old_id = SY_ID_INIT, new_id = SY_ID_INIT;
    bool changed = false;
    SY_TRY(read_worker(from, from_size, &old_id, err));
    SY_TRY(read_worker(to, to_size, &new_id, err));
    sy_worker *location = syi_directory_find(hook_of(plan), &new_id);
    if (location == NULL) {
        char text[72];
        return syi_fail(err, SY_ENOTFOUND, "replace_worker_ids: worker %s is not known",
                        sy_id_format(&new_id, text, sizeof text));
    }
    for (size_t k = 0; k < sy_plan_get_state_count(plan->plan); k++) {
        sy_tensor *state = sy_plan_get_state(plan->plan, k);
        const syi_pointer *pointer = syi_pointer_of(state);
        if (pointer != NULL && pointer->attribute == NULL &&
            sy_id_equal(&pointer->location->id, &old_id)) {
            SY_TRY(repoint(state, pointer, location, err));
            changed = true;
        }
    }
    if (changed) {
        syi_plan_forget_pointers(plan->plan);
    }
    return SY_OK;
}

/* What it says of itself */

sy_status sy_old_plan_tag(sy_old_plan *plan, const char *const *tags, size_t count, sy_error *err)
{
    for (size_t k = 0; k < count; k++) {
        SY_TRY(sy_plan_tag(plan->plan, tags[k], err));
    }
    return SY_OK;
}

sy_status sy_old_plan_describe(sy_old_plan *plan, const char *description, sy_error *err)
{
    return sy_plan_describe(plan->plan, description, err);
}

sy_plan *sy_old_plan_get_plan(const sy_old_plan *plan)
{
    return plan->plan;
}

/* That of the plan, with the location behind its owner. */
sy_status sy_old_plan_to_text(const sy_old_plan *plan, char **text, sy_error *err)
{
    sy_hook *hook = hook_of(plan);
    char *whole = NULL;
    SY_TRY(sy_plan_to_text(plan->plan, &whole, err));
    if (plan->location == NULL) {
        *text = whole;
        return SY_OK;
    }
    const char *owner = strstr(whole, " owner:");
    const size_t head = owner != NULL ? (size_t)(owner - whole) + 7 + strcspn(owner + 7, " >") : 0;
    const size_t size = strlen(whole) + strlen(plan->location->name) + 12;
    char *with = syi_alloc(hook->context, size);
    sy_status status = SY_OK;
    if (with != NULL) {
        snprintf(with, size, "%.*s location:%s%s", (int)head, whole, plan->location->name,
                 whole + head);
        *text = syi_string_copy(hook->context, with);
        syi_free(hook->context, with, size);
    }
    if (with == NULL || *text == NULL) {
        status = SYI_ENOMEM(err, "text of a plan");
    }
    sy_string_free(hook, whole);
    return status;
}
