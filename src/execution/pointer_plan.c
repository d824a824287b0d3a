#include "execution/pointer_plan.h"

#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "interpreters/pointer.h"
#include "interpreters/sharing/additive_shared.h"
#include "serde/serde.h"
#include "workers/commands.h"
#include "workers/descriptor.h"

struct sy_pointer_plan {
    atomic_uint refs;
    sy_hook *hook;
    sy_tensor **pointers; /* one per location */
    size_t count;
    bool gone;             /* fetched and taken away: a plan sends anew */
    sy_pointer_plan *next; /* in the list of the plan that was sent */
};

static syi_pointer *pointer_at(const sy_pointer_plan *plan, size_t index)
{
    return syi_pointer_of(plan->pointers[index]);
}

/* Life */

static sy_status make(sy_hook *hook, sy_pointer_plan **made, size_t count, sy_error *err)
{
    sy_pointer_plan *p = syi_alloc(hook->context, sizeof *p);
    *made = NULL;
    if (p == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    atomic_init(&p->refs, 1);
    p->hook = hook;
    p->count = count;
    p->pointers = syi_alloc_array(hook->context, count, sizeof *p->pointers);
    if (p->pointers == NULL) {
        syi_free(hook->context, p, sizeof *p);
        return SYI_ENOMEM(err, "plan");
    }
    *made = p;
    return SY_OK;
}

sy_pointer_plan *sy_pointer_plan_ref(sy_pointer_plan *pointer)
{
    atomic_fetch_add_explicit(&pointer->refs, 1, memory_order_relaxed);
    return pointer;
}

void sy_pointer_plan_unref(sy_pointer_plan *pointer)
{
    if (pointer == NULL ||
        atomic_fetch_sub_explicit(&pointer->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    sy_context *context = pointer->hook->context;
    for (size_t k = 0; k < pointer->count; k++) {
        sy_tensor_unref(pointer->pointers[k]);
    }
    syi_free(context, pointer->pointers, pointer->count * sizeof *pointer->pointers);
    syi_free(context, pointer, sizeof *pointer);
}

void syi_plan_forget_pointers(sy_plan *plan)
{
    sy_pointer_plan **head = &plan->sent;
    while (*head != NULL) {
        sy_pointer_plan *next = (*head)->next;
        (*head)->next = NULL;
        sy_pointer_plan_unref(*head);
        *head = next;
    }
}

void syi_plan_forget_pointer(sy_plan *plan, sy_pointer_plan *pointer)
{
    sy_pointer_plan **at = &plan->sent;
    while (*at != NULL && *at != pointer) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = pointer->next;
        pointer->next = NULL;
        sy_pointer_plan_unref(pointer);
    }
}

sy_tensor *syi_pointer_plan_get_tensor(const sy_pointer_plan *pointer, size_t index)
{
    return pointer->pointers[index];
}

/* Sending */

static bool is_sent_to(const sy_pointer_plan *p, sy_worker *const *locations, size_t count)
{
    bool same = !p->gone && p->count == count;
    for (size_t k = 0; same && k < count; k++) {
        same = pointer_at(p, k)->location == locations[k];
    }
    return same;
}

static sy_status check_locations(const sy_plan *plan, sy_worker *const *locations, size_t count,
                                 sy_error *err)
{
    const char *name = sy_plan_get_name(plan);
    if (count == 0 || locations == NULL) {
        return syi_fail(err, SY_EINVAL, "plan %s: send needs at least one worker", name);
    }
    for (size_t k = 0; k < count; k++) {
        if (locations[k] == NULL) {
            return syi_fail(err, SY_EINVAL, "plan %s: worker %zu is NULL", name, k);
        }
        for (size_t i = 0; i < k; i++) {
            if (locations[i] == locations[k]) {
                return syi_fail(err, SY_EINVAL, "plan %s: worker %s is given twice", name,
                                locations[k]->name);
            }
        }
    }
    return SY_OK;
}

sy_status sy_plan_send(sy_plan *plan, sy_pointer_plan **pointer, sy_worker *const *locations,
                       size_t count, bool force, sy_error *err)
{
    sy_tensor *object = syi_plan_get_object(plan);
    sy_pointer_plan *made = NULL;
    sy_pointer_plan **head = &plan->sent;
    *pointer = NULL;
    SYI_TRACE_DEED(object->hook, err, .kind = SYI_DEED_OTHER, .what = "send", .self = object);
    SY_TRY(check_locations(plan, locations, count, err));
    if (!sy_plan_is_built(plan) && !force) {
        return syi_fail(err, SY_EINVAL,
                        "A plan needs to be built before being sent to a worker: plan %s is not "
                        "(build it, or force)",
                        sy_plan_get_name(plan));
    }
    for (sy_pointer_plan *p = *head; p != NULL; p = p->next) {
        if (is_sent_to(p, locations, count)) {
            *pointer = sy_pointer_plan_ref(p);
            return SY_OK;
        }
    }
    SY_TRY(make(object->hook, &made, count, err));
    for (size_t k = 0; k < count; k++) {
        const sy_status status = sy_tensor_send(object, &made->pointers[k], locations[k], err);
        if (status != SY_OK) { /* those that were sent are deleted with their pointers */
            sy_pointer_plan_unref(made);
            return status;
        }
    }
    made->next = *head;
    *head = sy_pointer_plan_ref(made);
    *pointer = made;
    return SY_OK;
}

sy_status sy_plan_create_pointer(sy_hook *hook, sy_pointer_plan **pointer, sy_worker *location,
                                 const sy_id *id_at_location, sy_error *err)
{
    *pointer = NULL;
    if (hook == NULL || location == NULL || id_at_location == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_plan_create_pointer: hook, worker or id is NULL");
    }
    SY_TRY(make(hook, pointer, 1, err));
    const sy_status status =
        sy_tensor_point_to(hook, &(*pointer)->pointers[0], location, id_at_location, err);
    if (status != SY_OK) {
        sy_pointer_plan_unref(*pointer);
        *pointer = NULL;
    }
    return status;
}

sy_status sy_pointer_plan_from(sy_tensor *tensor, sy_pointer_plan **plan, sy_error *err)
{
    *plan = NULL;
    if (syi_pointer_of(tensor) == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_pointer_plan_from: the tensor is no pointer");
    }
    SY_TRY(make(tensor->hook, plan, 1, err));
    (*plan)->pointers[0] = sy_tensor_ref(tensor);
    return SY_OK;
}

/* What it says of itself */

size_t sy_pointer_plan_get_location_count(const sy_pointer_plan *pointer)
{
    return pointer->count;
}

sy_worker *sy_pointer_plan_get_location(const sy_pointer_plan *pointer, size_t index)
{
    return index < pointer->count ? pointer_at(pointer, index)->location : NULL;
}

sy_id sy_pointer_plan_get_id_at_location(const sy_pointer_plan *pointer, size_t index)
{
    return index < pointer->count ? pointer_at(pointer, index)->id_at_location : (sy_id)SY_ID_INIT;
}

void sy_pointer_plan_set_garbage_collect(sy_pointer_plan *pointer, bool garbage_collect)
{
    for (size_t k = 0; k < pointer->count; k++) {
        sy_tensor_set_garbage_collect(pointer->pointers[k], garbage_collect);
    }
}

sy_status sy_pointer_plan_split(sy_pointer_plan *pointer, sy_pointer_plan ***pointers,
                                size_t *count, sy_error *err)
{
    sy_context *context = pointer->hook->context;
    *count = 0;
    *pointers = syi_alloc_array(context, pointer->count, sizeof **pointers);
    if (*pointers == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    for (size_t k = 0; k < pointer->count; k++) {
        const sy_status status = sy_pointer_plan_from(pointer->pointers[k], &(*pointers)[k], err);
        if (status != SY_OK) {
            sy_pointer_plans_free(pointer->hook, *pointers, pointer->count);
            *pointers = NULL;
            return status;
        }
    }
    *count = pointer->count;
    return SY_OK;
}

void sy_pointer_plans_free(sy_hook *hook, sy_pointer_plan **pointers, size_t count)
{
    for (size_t k = 0; pointers != NULL && k < count; k++) {
        sy_pointer_plan_unref(pointers[k]);
    }
    syi_free(hook->context, pointers, count * sizeof *pointers);
}

sy_status sy_pointer_plan_to_text(sy_pointer_plan *pointer, char **text, sy_error *err)
{
    syi_buffer out;
    *text = NULL;
    syi_buffer_init(&out, pointer->hook->context, 1u << 16);
    for (size_t k = 0; k < pointer->count; k++) {
        char id[72], there[72];
        const syi_pointer *p = pointer_at(pointer, k);
        const sy_id own = sy_tensor_get_id(pointer->pointers[k]);
        const char *parts[] = {k > 0 ? "\n" : "",
                               "[PointerPlan | ",
                               p->owner->name,
                               ":",
                               sy_id_format(&own, id, sizeof id),
                               " -> ",
                               p->location->name,
                               ":",
                               sy_id_format(&p->id_at_location, there, sizeof there),
                               "]"};
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
            syi_buffer_append(&out, parts[i], strlen(parts[i]));
        }
    }
    syi_buffer_put(&out, '\0');
    sy_status status = syi_buffer_check(&out, "text of a plan", err);
    if (status == SY_OK) {
        *text = syi_string_copy(pointer->hook->context, (const char *)out.data);
        status = *text != NULL ? SY_OK : SYI_ENOMEM(err, "text of a plan");
    }
    syi_buffer_fini(&out);
    return status;
}

/* Running there */

static sy_status not_there(const sy_pointer_plan *pointer, const sy_worker *asked, sy_error *err)
{
    char places[160] = "";
    size_t length = 0;
    for (size_t k = 0; k < pointer->count && length + 80 < sizeof places; k++) {
        const char *name = pointer_at(pointer, k)->location->name;
        const size_t more = strlen(name) < 64 ? strlen(name) : 64;
        if (k > 0) {
            memcpy(places + length, ", ", 2);
            length += 2;
        }
        memcpy(places + length, name, more);
        length += more;
        places[length] = '\0';
    }
    return syi_fail(err, SY_ECOLLOCATION,
                    "Requested to run a plan on %s but pointer location(s) is/are %s",
                    asked != NULL ? asked->name : "local tensors", places);
}

/* Where the arguments are; NULL: nowhere. */
static sy_status find_location(const sy_value *arguments, size_t count, sy_worker **location,
                               sy_error *err)
{
    *location = NULL;
    for (size_t k = 0; k < count; k++) {
        if (arguments[k].kind != SY_VALUE_TENSOR) {
            continue;
        }
        const syi_pointer *p =
            arguments[k].as.tensor != NULL ? syi_pointer_of(arguments[k].as.tensor) : NULL;
        if (p == NULL) {
            return syi_fail(err, SY_ECOLLOCATION,
                            "argument %zu of a plan at a worker is no pointer; send it there",
                            k + 1);
        }
        if (*location != NULL && *location != p->location) {
            return syi_fail(err, SY_ECOLLOCATION,
                            "one argument of a plan is at worker %s, another at worker %s",
                            (*location)->name, p->location->name);
        }
        *location = p->location;
    }
    return SY_OK;
}

static sy_status choose(const sy_pointer_plan *pointer, const sy_worker *location, size_t *index,
                        sy_error *err)
{
    *index = 0;
    if (location == NULL) {
        return pointer->count == 1 ? SY_OK : not_there(pointer, NULL, err);
    }
    while (*index < pointer->count && pointer_at(pointer, *index)->location != location) {
        (*index)++;
    }
    return *index < pointer->count ? SY_OK : not_there(pointer, location, err);
}

/* Reads [descriptor, ...] as pointers beside `first`; those that cannot be made are deleted there. */
static sy_status read_results(syi_pointer *first, const syi_message *reply, bool own,
                              sy_tensor **results, size_t capacity, size_t *count, sy_error *err)
{
    syi_decoder decoder;
    size_t there = 0;
    sy_status status = SY_OK, made = SY_OK;
    *count = 0;
    syi_decoder_init(&decoder, first->base.hook, first->owner, reply);
    SY_GOTO(done, syi_msgpack_read_array(&decoder.cursor, &there, err));
    for (size_t k = 0; k < there; k++) {
        sy_id id = SY_ID_INIT;
        uint64_t generation = 0;
        sy_dtype dtype = SY_DTYPE_F32;
        int ndim = -1;
        int64_t shape[SY_DIM_MAX];
        syi_pointer *result = NULL;
        SY_GOTO(done, syi_decode_descriptor(&decoder, &id, &generation, &dtype, &ndim, shape, err));
        if (made == SY_OK && k == capacity) {
            made = syi_fail(err, SY_ESIGNATURE, "the plan gave %zu results, room for %zu", there,
                            capacity);
        }
        made = made == SY_OK ? syi_pointer_beside(first, &result, &id, err) : made;
        if (made == SY_OK) {
            result->generation = generation;
            atomic_store(&result->collect, own);
            syi_pointer_set_shape(result, dtype, ndim, shape);
            made = syi_tensor_wrap(first->base.hook, &results[*count], &result->base, err);
            *count += made == SY_OK ? 1 : 0;
        } else if (own) {
            syi_link_delete(first->link, &id, generation);
        }
    }
    status = made;
done:
    syi_decoder_fini(&decoder);
    while (status != SY_OK && *count > 0) { /* dropping them deletes their objects */
        sy_tensor_unref(results[--*count]);
    }
    return status;
}

static sy_status write_id(sy_value *value, const sy_id *id, sy_error *err)
{
    if (sy_id_is_none(id)) {
        return syi_fail(err, SY_EINVAL, "plan: a result id is none");
    }
    *value = syi_id_value(id);
    return SY_OK;
}

/* A pointer, or a shared value, travels as such, without what else a handle has. */
static sy_value as_argument(const sy_value *value)
{
    sy_value argument = *value;
    const sy_tensor *tensor = value->kind == SY_VALUE_TENSOR ? value->as.tensor : NULL;
    if (tensor != NULL &&
        (tensor->node->type == &syi_pointer_type || syi_additive_shared_of(tensor) != NULL)) {
        argument.kind = (sy_value_kind)SYI_VALUE_NODE;
        argument.as.internal = value->as.tensor->node;
    }
    return argument;
}

/* [plan, [arguments], [names], [result ids], [result count]]: named arguments stand behind the others; the plan itself is
 * for who sends it. */
sy_status syi_plan_request_fill(syi_plan_request *r, const sy_value *arguments, size_t count,
                                const sy_plan_run_options *o, sy_error *err)
{
    if (count + o->kwarg_count > SYI_TAPE_INPUTS_MAX || o->result_id_count > SYI_TAPE_OUTPUTS_MAX) {
        return syi_fail(err, SY_ELIMIT, "plan: more than %d arguments or result ids",
                        SYI_TAPE_INPUTS_MAX);
    }
    for (size_t k = 0; k < count; k++) {
        r->all[k] = as_argument(&arguments[k]);
    }
    for (size_t k = 0; k < o->kwarg_count; k++) {
        if (o->kwargs[k].name == NULL) {
            return syi_fail(err, SY_ESIGNATURE, "plan: a named argument without a name");
        }
        r->all[count + k] = as_argument(&o->kwargs[k].value);
        r->names[k] = sy_value_string(o->kwargs[k].name);
    }
    for (size_t k = 0; k < o->result_id_count; k++) {
        SY_TRY(write_id(&r->ids[k], &o->result_ids[k], err));
    }
    size_t tensors = 1; /* the plan */
    for (size_t k = 0; k < count + o->kwarg_count; k++) {
        tensors += r->all[k].kind == (sy_value_kind)SYI_VALUE_NODE;
    }
    if (tensors > SYI_OUTPUT_MAX) {
        return syi_fail(err, SY_ELIMIT, "plan: %zu tensors for one run at a worker, at most %d",
                        tensors - 1, SYI_OUTPUT_MAX - 1);
    }
    r->args[0] = sy_value_none();
    r->args[1] = sy_value_list(r->all, count + o->kwarg_count);
    r->args[2] = sy_value_list(r->names, o->kwarg_count);
    r->args[3] = sy_value_list(r->ids, o->result_id_count);
    return SY_OK;
}

static sy_status ask_to_run(syi_pointer *plan, syi_plan_request *r, syi_exchange *exchange,
                            sy_error *err)
{
    r->args[0].kind = (sy_value_kind)SYI_VALUE_NODE;
    r->args[0].as.internal = &plan->base;
    return syi_command_request(plan->owner, plan->location, SYI_PLAN_COMMAND_RUN, r->args, 4,
                               exchange, err);
}

sy_status sy_pointer_plan_run(sy_pointer_plan *pointer, const sy_value *arguments, size_t count,
                              const sy_plan_run_options *options, sy_tensor **results,
                              size_t capacity, size_t *result_count, sy_error *err)
{
    const sy_plan_run_options defaults = SY_PLAN_RUN_OPTIONS_INIT;
    const sy_plan_run_options *o = options != NULL ? options : &defaults;
    sy_worker *location = NULL;
    sy_value values[SYI_TAPE_INPUTS_MAX];
    syi_plan_request request;
    size_t index = 0, made = 0;
    syi_exchange exchange;
    if (result_count != NULL) {
        *result_count = 0;
    }
    if (pointer == NULL || (count > 0 && arguments == NULL) || (capacity > 0 && results == NULL) ||
        count + o->kwarg_count > SYI_TAPE_INPUTS_MAX) {
        return syi_fail(err, SY_EINVAL,
                        "sy_pointer_plan_run: plan, arguments or results are NULL, or "
                        "there are too many");
    }
    if (sy_hook_is_tracing(pointer->hook)) {
        return syi_fail(err, SY_ENOTSUP, "a plan at a worker cannot be run while another is built");
    }
    for (size_t k = 0; k < count; k++) {
        values[k] = arguments[k];
    }
    for (size_t k = 0; k < o->kwarg_count; k++) {
        values[count + k] = o->kwargs[k].value;
    }
    SY_TRY(syi_plan_request_fill(&request, arguments, count, o, err));
    struct syi_additive_shared *shared = syi_plan_shared_argument(values, count + o->kwarg_count);
    if (shared != NULL) {
        SY_TRY(
            syi_pointer_plan_run_joint(pointer, shared, &request, results, capacity, &made, err));
        if (result_count != NULL) {
            *result_count = made;
        }
        return SY_OK;
    }
    SY_TRY(find_location(values, count + o->kwarg_count, &location, err));
    SY_TRY(choose(pointer, location, &index, err));
    syi_pointer *plan = pointer_at(pointer, index);
    SY_TRY(ask_to_run(plan, &request, &exchange, err));
    const sy_status status =
        read_results(plan, exchange.reply, true, results, capacity, &made, err);
    syi_link_end(&exchange);
    SY_TRY(status);
    if (result_count != NULL) {
        *result_count = made;
    }
    return SY_OK;
}

sy_status sy_pointer_plan_get_parameters(sy_pointer_plan *pointer, sy_tensor ***parameters,
                                         size_t *count, sy_error *err)
{
    enum { PARAMETERS_MAX = 65536 };
    syi_exchange exchange;
    syi_decoder decoder;
    size_t there = 0;
    *parameters = NULL;
    *count = 0;
    if (pointer->count != 1) {
        return syi_fail(err, SY_EINVAL,
                        "the plan is at %zu workers; ask for the parameters of one "
                        "(sy_pointer_plan_split)",
                        pointer->count);
    }
    syi_pointer *plan = pointer_at(pointer, 0);
    sy_value arg;
    arg.kind = (sy_value_kind)SYI_VALUE_NODE;
    arg.as.internal = &plan->base;
    SY_TRY(syi_command_request(plan->owner, plan->location, SYI_PLAN_COMMAND_PARAMETERS, &arg, 1,
                               &exchange, err));
    syi_decoder_init(&decoder, pointer->hook, plan->owner, exchange.reply);
    sy_status status = syi_msgpack_read_array(&decoder.cursor, &there, err);
    syi_decoder_fini(&decoder);
    if (status == SY_OK && there > PARAMETERS_MAX) {
        status = syi_fail(err, SY_EPROTO, "worker %s tells of %zu parameters", plan->location->name,
                          there);
    }
    if (status == SY_OK && there > 0) {
        *parameters = syi_alloc_array(pointer->hook->context, there, sizeof **parameters);
        status = *parameters != NULL
                     ? read_results(plan, exchange.reply, false, *parameters, there, count, err)
                     : SYI_ENOMEM(err, "plan");
        if (status != SY_OK) {
            syi_free(pointer->hook->context, *parameters, there * sizeof **parameters);
            *parameters = NULL;
        }
    }
    syi_link_end(&exchange);
    return status;
}

/* Fetching */

/* The object that came as a plan; takes it in any case. */
static sy_status as_plan(sy_plan **plan, sy_tensor *object, bool copy, sy_error *err)
{
    const sy_status status = syi_plan_from_object(plan, object, err);
    if (status != SY_OK) {
        sy_tensor_unref(object);
    } else if (copy) {
        object->id = syi_hook_fresh_id(object->hook);
    }
    return status;
}

sy_status sy_pointer_plan_get(sy_pointer_plan *pointer, sy_plan **plan, bool deregister,
                              sy_error *err)
{
    sy_tensor *object = NULL;
    *plan = NULL;
    if (pointer->count != 1) {
        return syi_fail(err, SY_EINVAL,
                        "the plan is at %zu workers; get it from one of them "
                        "(sy_pointer_plan_split)",
                        pointer->count);
    }
    pointer_at(pointer, 0)->recorded = true;
    SY_TRY(deregister ? sy_tensor_get(pointer->pointers[0], &object, err)
                      : sy_tensor_copy_get(pointer->pointers[0], &object, err));
    SY_TRY(as_plan(plan, object, false, err));
    pointer->gone |= deregister;
    return SY_OK;
}

sy_status sy_worker_fetch_plan(sy_worker *worker, sy_plan **plan, const sy_id *id, bool copy,
                               sy_error *err)
{
    sy_tensor *pointer = NULL, *object = NULL;
    *plan = NULL;
    if (worker == NULL || id == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_worker_fetch_plan: worker or id is NULL");
    }
    SY_TRY(sy_tensor_point_to(worker->hook, &pointer, worker, id, err));
    syi_pointer_of(pointer)->recorded = true;
    const sy_status status = sy_tensor_copy_get(pointer, &object, err);
    sy_tensor_unref(pointer);
    return status == SY_OK ? as_plan(plan, object, copy, err) : status;
}
