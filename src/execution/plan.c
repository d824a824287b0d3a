#include "execution/plan.h"

#include <stdio.h>
#include <string.h>

#include <csyft/worker.h>

#include "core/error.h"
#include "core/memory.h"
#include "execution/pointer_plan.h"
#include "execution/record.h"
#include "hook/scope.h"

struct sy_plan {
    atomic_uint refs;
    sy_tensor *object; /* whose node is the plan's */
    sy_plan_fn forward;
    void *user;
    sy_pointer_plan *sent; /* a list: where it is already */
};

struct sy_plan_frame {
    const syi_plan_body *body;
    const sy_value *arguments;
    size_t argument_count;
    sy_value outputs[SYI_TAPE_OUTPUTS_MAX];
    size_t output_count;
    sy_value items[4 * SYI_TAPE_OUTPUTS_MAX]; /* of lists in outputs */
    size_t item_count;
    bool returned;
};

/* The frame */

sy_value sy_plan_frame_value(const sy_plan_frame *frame, size_t index)
{
    const size_t count = frame->argument_count;
    if (index < count) {
        return frame->arguments[index];
    }
    sy_tensor *state =
        frame->body->include_state ? sy_plan_frame_state(frame, index - count) : NULL;
    return state != NULL ? sy_value_tensor(state) : sy_value_none();
}

sy_tensor *sy_plan_frame_argument(const sy_plan_frame *frame, size_t index)
{
    const sy_value value = sy_plan_frame_value(frame, index);
    return value.kind == SY_VALUE_TENSOR ? value.as.tensor : NULL;
}

size_t sy_plan_frame_get_argument_count(const sy_plan_frame *frame)
{
    return frame->argument_count + (frame->body->include_state ? frame->body->declared_count : 0);
}

sy_tensor *sy_plan_frame_state(const sy_plan_frame *frame, size_t index)
{
    return index < frame->body->declared_count ? frame->body->states[index].tensor : NULL;
}

static sy_tensor *state_named(const syi_plan_body *body, const char *name)
{
    for (size_t k = 0; name != NULL && k < body->state_count; k++) {
        if (body->states[k].name != NULL && strcmp(body->states[k].name, name) == 0) {
            return body->states[k].tensor;
        }
    }
    return NULL;
}

sy_tensor *sy_plan_frame_state_named(const sy_plan_frame *frame, const char *name)
{
    return state_named(frame->body, name);
}

static sy_status copy_outputs(sy_plan_frame *f, sy_value *copies, const sy_value *values,
                              size_t count, int depth, sy_error *err)
{
    for (size_t k = 0; k < count; k++) {
        copies[k] = values[k];
        if (values[k].kind == SY_VALUE_TENSOR && values[k].as.tensor == NULL) {
            return syi_fail(err, SY_EINVAL, "plan %s: result %zu is NULL", f->body->name, k + 1);
        }
        if (values[k].kind != SY_VALUE_LIST) {
            continue;
        }
        const size_t inner = values[k].as.list.count;
        const size_t room = sizeof f->items / sizeof *f->items - f->item_count;
        if (inner > room || depth == SYI_TAPE_DEPTH_MAX) {
            return syi_fail(err, SY_ELIMIT,
                            "plan %s: lists of results are too long, or deeper than "
                            "%d",
                            f->body->name, SYI_TAPE_DEPTH_MAX);
        }
        sy_value *items = &f->items[f->item_count];
        f->item_count += inner;
        SY_TRY(copy_outputs(f, items, values[k].as.list.items, inner, depth + 1, err));
        copies[k] = sy_value_list(items, inner);
    }
    return SY_OK;
}

sy_status sy_plan_frame_return_values(sy_plan_frame *frame, const sy_value *results, size_t count,
                                      sy_error *err)
{
    if (frame->returned) {
        return syi_fail(err, SY_EINVAL, "plan %s: it has returned already", frame->body->name);
    }
    if (count > SYI_TAPE_OUTPUTS_MAX) {
        return syi_fail(err, SY_ELIMIT, "plan %s: more than %d results", frame->body->name,
                        SYI_TAPE_OUTPUTS_MAX);
    }
    SY_TRY(copy_outputs(frame, frame->outputs, results, count, 1, err));
    frame->output_count = count;
    frame->returned = true;
    return SY_OK;
}

sy_status sy_plan_frame_return(sy_plan_frame *frame, sy_tensor *result, sy_error *err)
{
    const sy_value value = sy_value_tensor(result);
    return sy_plan_frame_return_values(frame, &value, 1, err);
}

int64_t sy_plan_size(sy_scope *scope, sy_tensor *tensor, int dim)
{
    int64_t size = 0;
    sy_error error = SY_ERROR_INIT;
    if (scope == NULL || sy_scope_get_status(scope) != SY_OK) {
        return 0;
    }
    if (tensor == NULL) {
        syi_fail(&error, SY_EINVAL, "sy_plan_size: the tensor is NULL");
    } else {
        const sy_status status = syi_record_size(scope->hook, tensor, dim, &size, &error);
        error.status = status;
    }
    if (error.status != SY_OK) {
        sy_scope_fail(scope, &error);
        return 0;
    }
    return size;
}

/* Life */

static syi_plan_body *body_of(const sy_plan *plan)
{
    return syi_plan_body_of(plan->object);
}

/* Gives the plan another body; takes it in any case. */
static sy_status replace_body(sy_plan *plan, syi_plan_body *body, sy_error *err)
{
    syi_plan_node *node =
        (syi_plan_node *)syi_node_new(body->hook, &syi_plan_type, sizeof *node, NULL);
    if (node == NULL) {
        syi_plan_body_unref(body);
        return SYI_ENOMEM(err, "plan");
    }
    node->body = body;
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

/* Building */

typedef struct example {
    sy_value values[SYI_TAPE_INPUTS_MAX]; /* tensors are references */
    sy_tensor *shadows[SYI_TAPE_INPUTS_MAX];
    syi_plan_argument arguments[SYI_TAPE_INPUTS_MAX]; /* without names */
    size_t count;
    bool open;
} example;

static void example_fini(example *e)
{
    for (size_t k = 0; k < e->count; k++) {
        if (e->values[k].kind == SY_VALUE_TENSOR) {
            sy_tensor_unref(e->values[k].as.tensor);
        }
        sy_tensor_unref(e->shadows[k]);
    }
}

/* Runs the function; the scope and what it says of failures end here. */
static sy_status call_forward(const sy_plan *plan, sy_plan_frame *frame, const sy_value *arguments,
                              size_t count, sy_scope **scope, sy_error *err)
{
    frame->body = body_of(plan);
    frame->arguments = arguments;
    frame->argument_count = count;
    *scope = sy_scope_begin(frame->body->hook);
    if (*scope == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    (void)sy_scope_set_pipelined(*scope, false);
    sy_error reason = SY_ERROR_INIT;
    const sy_status status = plan->forward(frame, *scope, plan->user, &reason);
    if (sy_scope_get_status(*scope) != SY_OK) { /* before what followed from it */
        reason = (*scope)->error;
    } else if (status != SY_OK && reason.status == SY_OK) {
        syi_fail(&reason, status, "its function failed");
    } else if (status == SY_OK && !frame->returned) {
        syi_fail(&reason, SY_EINVAL,
                 "its function has not returned anything (sy_plan_frame_return)");
    } else if (status == SY_OK) {
        return SY_OK;
    }
    if (err != NULL) {
        *err = reason;
    }
    return syi_error_prefix(err, reason.status, "plan %s", frame->body->name);
}

/* The body of the built plan. */
static sy_status make_built(const sy_plan *plan, const example *e, syi_tape *tape,
                            const syi_record *record, syi_plan_body **made, sy_error *err)
{
    const syi_plan_body *old = body_of(plan);
    size_t captured = 0;
    sy_tensor *const *tensors = syi_record_get_captured(record, &captured);
    SY_TRY(syi_plan_body_like(old, made, e->count, old->state_count + captured, err));
    syi_plan_body *body = *made;
    for (size_t k = 0; k < captured; k++) {
        body->states[old->state_count + k].tensor = sy_tensor_ref(tensors[k]);
    }
    for (size_t k = 0; k < e->count; k++) {
        char *name = body->arguments[k].name;
        body->arguments[k] = e->arguments[k];
        body->arguments[k].name = name;
        if (!e->arguments[k].is_tensor) {
            const sy_status status =
                syi_tape_copy_value(tape, &body->arguments[k].value, &e->values[k], err);
            if (status != SY_OK) {
                syi_plan_body_unref(body);
                return status;
            }
        }
    }
    body->has_shapes = true;
    body->tape = syi_tape_ref(tape);
    return SY_OK;
}

static sy_status record_forward(sy_plan *plan, const example *e, syi_record *record, sy_error *err)
{
    sy_plan_frame *frame = syi_alloc(body_of(plan)->hook->context, sizeof *frame);
    sy_scope *scope = NULL;
    if (frame == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    sy_status status = syi_record_start(record, err);
    if (status == SY_OK) {
        status = call_forward(plan, frame, e->values, e->count, &scope, err);
        sy_error late;
        syi_error_empty(&late);
        const sy_status sealed =
            syi_record_finish(record, frame->outputs, frame->output_count, &late);
        if (status == SY_OK && sealed != SY_OK) {
            if (err != NULL) {
                *err = late;
            }
            status = syi_error_prefix(err, sealed, "plan %s", frame->body->name);
        }
        if (scope != NULL) {
            (void)sy_scope_end(scope, NULL);
        }
    }
    syi_free(body_of(plan)->hook->context, frame, sizeof *frame);
    return status;
}

static sy_status build(sy_plan *plan, const example *e, sy_error *err)
{
    syi_plan_body *old = body_of(plan);
    sy_hook *hook = old->hook;
    syi_tape *tape = NULL;
    syi_record *record = NULL;
    syi_plan_body *body = NULL;
    sy_status status = SY_OK;
    if (old->tape != NULL) {
        return syi_fail(err, SY_EINVAL, "plan %s is built already", old->name);
    }
    if (plan->forward == NULL) {
        return syi_fail(err, SY_EINVAL, "plan %s has no function to build it from", old->name);
    }
    SY_TRY(syi_tape_new(hook->context, &tape, err));
    SY_GOTO(done, syi_record_new(hook, &record, tape, e->open, err));
    for (size_t k = 0; k < e->count; k++) {
        sy_tensor *tensor = e->values[k].kind == SY_VALUE_TENSOR ? e->values[k].as.tensor : NULL;
        SY_GOTO(done, syi_record_input(record, tensor, e->shadows[k], err));
    }
    for (size_t k = 0; k < old->state_count; k++) {
        SY_GOTO(done, syi_record_state(record, old->states[k].tensor, err));
    }
    SY_GOTO(done, record_forward(plan, e, record, err));
    SY_GOTO(done, make_built(plan, e, tape, record, &body, err));
    status = replace_body(plan, body, err);
done:
    syi_record_free(record);
    syi_tape_unref(tape);
    return status;
}

static sy_status zeros(sy_hook *hook, sy_tensor **tensor, const sy_plan_shape *shape, int64_t open,
                       sy_error *err)
{
    int64_t dims[SY_DIM_MAX];
    for (int d = 0; d < shape->ndim; d++) {
        dims[d] = shape->shape[d] < 0 ? open : shape->shape[d];
    }
    return sy_tensor_new(hook, tensor, shape->dtype, shape->ndim, dims, NULL, err);
}

static sy_status example_of_shape(sy_hook *hook, example *e, const sy_plan_shape *shape,
                                  const char *name, sy_error *err)
{
    syi_plan_argument *argument = &e->arguments[e->count];
    bool open = false;
    if (shape->ndim < 0 || shape->ndim > SY_DIM_MAX) {
        return syi_fail(err, SY_ESHAPE, "plan %s: argument %zu has %d dims", name, e->count + 1,
                        shape->ndim);
    }
    for (int d = 0; d < shape->ndim; d++) {
        if (shape->shape[d] < -1) {
            char text[64];
            return syi_fail(
                err, SY_EINVAL,
                "plan %s: argument %zu has the shape %s; a dim is a length, or -1 for an "
                "open one",
                name, e->count + 1, syi_shape_format(shape->ndim, shape->shape, text, sizeof text));
        }
        open |= shape->shape[d] == -1;
        argument->shape[d] = shape->shape[d];
    }
    argument->is_tensor = true;
    argument->dtype = shape->dtype;
    argument->ndim = shape->ndim;
    e->values[e->count] = sy_value_none();
    e->open |= open;
    sy_tensor *tensor = NULL;
    e->count++;
    SY_TRY(zeros(hook, &tensor, shape, SYI_OPEN_SIZE, err));
    e->values[e->count - 1] = sy_value_tensor(tensor);
    return open ? zeros(hook, &e->shadows[e->count - 1], shape, SYI_OPEN_SIZE_SHADOW, err) : SY_OK;
}

static sy_status example_new(const sy_plan *plan, example **e, size_t count, sy_error *err)
{
    *e = NULL;
    if (count > SYI_TAPE_INPUTS_MAX) {
        return syi_fail(err, SY_ELIMIT, "plan %s: %zu arguments, at most %d", body_of(plan)->name,
                        count, SYI_TAPE_INPUTS_MAX);
    }
    *e = syi_alloc(body_of(plan)->hook->context, sizeof **e);
    return *e != NULL ? SY_OK : SYI_ENOMEM(err, "plan");
}

static sy_status build_and_free(sy_plan *plan, example *e, sy_status status, sy_error *err)
{
    if (status == SY_OK) {
        status = build(plan, e, err);
    }
    example_fini(e);
    syi_free(body_of(plan)->hook->context, e, sizeof *e);
    return status;
}

sy_status sy_plan_build_shapes(sy_plan *plan, const sy_plan_shape *shapes, size_t count,
                               sy_error *err)
{
    example *e = NULL;
    sy_status status = SY_OK;
    SY_TRY(example_new(plan, &e, count, err));
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        status = example_of_shape(body_of(plan)->hook, e, &shapes[k], body_of(plan)->name, err);
    }
    return build_and_free(plan, e, status, err);
}

sy_status sy_plan_build(sy_plan *plan, const sy_value *arguments, size_t count, sy_error *err)
{
    example *e = NULL;
    sy_status status = SY_OK;
    SY_TRY(example_new(plan, &e, count, err));
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        const sy_value *value = &arguments[k];
        syi_plan_argument *argument = &e->arguments[k];
        if (value->kind == SY_VALUE_TENSOR) {
            syi_array shape = SYI_ARRAY_INIT;
            status = syi_node_shape(value->as.tensor->node, &shape, err);
            if (status != SY_OK) {
                break;
            }
            argument->is_tensor = true;
            argument->dtype = shape.dtype;
            argument->ndim = shape.ndim;
            memcpy(argument->shape, shape.shape, (size_t)shape.ndim * sizeof *shape.shape);
            sy_tensor_ref(value->as.tensor);
        }
        e->values[e->count++] = *value;
    }
    return build_and_free(plan, e, status, err);
}

bool sy_plan_is_built(const sy_plan *plan)
{
    return body_of(plan)->tape != NULL;
}

/* Running here */

static sy_status hand_over(sy_plan *plan, const sy_value *values, const sy_plan_run_options *o,
                           sy_tensor **results, sy_error *err)
{
    const size_t count = body_of(plan)->tape->result_count;
    sy_status status = SY_OK;
    size_t k = 0;
    for (; k < count && status == SY_OK; k++) {
        results[k] = values[k].as.tensor;
        if (o->result_id_count > 0) {
            status = sy_tensor_set_id(results[k], &o->result_ids[k], err);
            if (status == SY_OK) {
                status = sy_worker_register_object(plan->object->owner, results[k],
                                                   &o->result_ids[k], err);
            }
        }
    }
    if (status != SY_OK) {
        for (size_t i = 0; o->result_id_count > 0 && i + 1 < k; i++) {
            sy_worker_remove_object(plan->object->owner, &o->result_ids[i]);
        }
        for (size_t i = 0; i < count; i++) {
            sy_tensor_unref(values[i].as.tensor);
            results[i] = NULL;
        }
    }
    return status;
}

static sy_status check_results(const syi_plan_body *body, const sy_plan_run_options *o,
                               size_t capacity, sy_error *err)
{
    const syi_tape *tape = body->tape;
    if (o->result_id_count != 0 && o->result_id_count != tape->result_count) {
        return syi_fail(err, SY_ESIGNATURE, "plan %s has %zu results, %zu ids are given for them",
                        body->name, tape->result_count, o->result_id_count);
    }
    if (capacity < tape->result_count) {
        return syi_fail(err, SY_ESIGNATURE, "plan %s has %zu results, room for %zu", body->name,
                        tape->result_count, capacity);
    }
    return SY_OK;
}

static sy_status run_with(sy_plan *plan, const sy_value *arguments, size_t count,
                          const sy_plan_run_options *o, const syi_mode *mode, sy_tensor **results,
                          size_t capacity, size_t *result_count, sy_error *err)
{
    sy_value inputs[SYI_TAPE_INPUTS_MAX];
    sy_value values[SYI_TAPE_OUTPUTS_MAX];
    if (body_of(plan)->tape == NULL) {
        if (o->kwarg_count > 0) {
            return syi_fail(err, SY_EINVAL,
                            "plan %s is not built: its first call takes arguments by "
                            "position",
                            body_of(plan)->name);
        }
        SY_TRY(sy_plan_build(plan, arguments, count, err));
    }
    const syi_plan_body *body = body_of(plan);
    SY_TRY(check_results(body, o, capacity, err));
    SY_TRY(syi_plan_bind(body, arguments, count, o->kwargs, o->kwarg_count, inputs, err));
    SY_TRY(syi_plan_execute(body, inputs, mode, values, err));
    for (size_t k = 0; k < body->tape->result_count; k++) {
        if (values[k].kind != SY_VALUE_TENSOR) { /* a size */
            for (size_t i = 0; i < body->tape->result_count; i++) {
                sy_tensor_unref(values[i].kind == SY_VALUE_TENSOR ? values[i].as.tensor : NULL);
            }
            return syi_fail(err, SY_ENOTSUP, "plan %s: result %zu is a size", body->name, k + 1);
        }
    }
    SY_TRY(hand_over(plan, values, o, results, err));
    if (result_count != NULL) {
        *result_count = body->tape->result_count;
    }
    return SY_OK;
}

/* The function of an unbuilt plan inside of one that is being built: its operations are the outer one's. */
static sy_status run_inline(sy_plan *plan, const sy_value *arguments, size_t count,
                            sy_tensor **results, size_t capacity, size_t *result_count,
                            sy_error *err)
{
    sy_hook *hook = body_of(plan)->hook;
    sy_plan_frame *frame = syi_alloc(hook->context, sizeof *frame);
    sy_scope *scope = NULL;
    size_t made = 0;
    if (frame == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    sy_status status = call_forward(plan, frame, arguments, count, &scope, err);
    for (size_t k = 0; status == SY_OK && k < frame->output_count; k++) {
        if (frame->outputs[k].kind != SY_VALUE_TENSOR || made == capacity) {
            status = syi_fail(err, SY_ESIGNATURE,
                              "plan %s: inside of another it returns tensors, as "
                              "many as there is room for",
                              body_of(plan)->name);
        } else {
            results[made++] = sy_tensor_ref(frame->outputs[k].as.tensor);
        }
    }
    while (status != SY_OK && made > 0) {
        sy_tensor_unref(results[--made]);
    }
    if (scope != NULL) {
        (void)sy_scope_end(scope, NULL);
    }
    if (result_count != NULL) {
        *result_count = made;
    }
    syi_free(hook->context, frame, sizeof *frame);
    return status;
}

sy_status sy_plan_run(sy_plan *plan, const sy_value *arguments, size_t count,
                      const sy_plan_run_options *options, sy_tensor **results, size_t capacity,
                      size_t *result_count, sy_error *err)
{
    const sy_plan_run_options defaults = SY_PLAN_RUN_OPTIONS_INIT;
    const syi_mode mode = SYI_MODE_DEFAULT;
    if (result_count != NULL) {
        *result_count = 0;
    }
    if (plan == NULL || (count > 0 && arguments == NULL) || (capacity > 0 && results == NULL)) {
        return syi_fail(err, SY_EINVAL, "sy_plan_run: plan, arguments or results are NULL");
    }
    if (body_of(plan)->tape == NULL && plan->forward != NULL &&
        sy_hook_is_tracing(body_of(plan)->hook)) {
        return run_inline(plan, arguments, count, results, capacity, result_count, err);
    }
    return run_with(plan, arguments, count, options != NULL ? options : &defaults, &mode, results,
                    capacity, result_count, err);
}

sy_tensor *sy_plan_call(sy_scope *scope, sy_plan *plan, sy_tensor *const *arguments, size_t count)
{
    sy_value values[SYI_TAPE_INPUTS_MAX];
    sy_tensor *results[SYI_TAPE_OUTPUTS_MAX];
    size_t made = 0;
    sy_error error = SY_ERROR_INIT;
    if (scope == NULL || sy_scope_get_status(scope) != SY_OK) {
        return NULL;
    }
    sy_status status = SY_OK;
    for (size_t k = 0; k < count && k < SYI_TAPE_INPUTS_MAX && status == SY_OK; k++) {
        if (arguments[k] == NULL) {
            status = syi_fail(&error, SY_EINVAL, "plan: argument %zu is NULL", k + 1);
        }
        values[k] = sy_value_tensor(arguments[k]);
    }
    if (status == SY_OK && (count > SYI_TAPE_INPUTS_MAX || plan == NULL)) {
        status = syi_fail(&error, SY_EINVAL, "sy_plan_call: no plan, or too many arguments");
    }
    if (status == SY_OK) {
        const sy_plan_run_options none = SY_PLAN_RUN_OPTIONS_INIT;
        status = body_of(plan)->tape == NULL
                     ? sy_plan_run(plan, values, count, NULL, results, SYI_TAPE_OUTPUTS_MAX, &made,
                                   &error)
                     : run_with(plan, values, count, &none, &scope->mode, results,
                                SYI_TAPE_OUTPUTS_MAX, &made, &error);
    }
    if (status != SY_OK) {
        error.status = status;
        sy_scope_fail(scope, &error);
        return NULL;
    }
    for (size_t k = 0; k < made; k++) {
        results[k] = sy_scope_adopt(scope, results[k]);
    }
    return made > 0 ? results[0] : NULL;
}

/* What it says of itself */

sy_hook *sy_plan_get_hook(const sy_plan *plan)
{
    return body_of(plan)->hook;
}

const char *sy_plan_get_name(const sy_plan *plan)
{
    return body_of(plan)->name;
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
    return body_of(plan)->include_state;
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
    return body_of(plan)->tape != NULL ? body_of(plan)->tape->step_count : 0;
}

size_t sy_plan_get_argument_count(const sy_plan *plan)
{
    return body_of(plan)->tape != NULL ? body_of(plan)->argument_count : 0;
}

size_t sy_plan_get_result_count(const sy_plan *plan)
{
    return body_of(plan)->tape != NULL ? body_of(plan)->tape->result_count : 0;
}

bool sy_plan_get_argument(const sy_plan *plan, size_t index, char name[256], bool *is_tensor,
                          sy_plan_shape *shape)
{
    const syi_plan_body *body = body_of(plan);
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

/* State */

sy_tensor *sy_plan_get_state(const sy_plan *plan, size_t index)
{
    return index < body_of(plan)->state_count ? body_of(plan)->states[index].tensor : NULL;
}

size_t sy_plan_get_state_count(const sy_plan *plan)
{
    return body_of(plan)->state_count;
}

const char *sy_plan_get_state_name(const sy_plan *plan, size_t index)
{
    const syi_plan_body *body = body_of(plan);
    return index < body->state_count && body->states[index].name != NULL ? body->states[index].name
                                                                         : "";
}

sy_tensor *sy_plan_get_attribute(const sy_plan *plan, const char *name)
{
    return state_named(body_of(plan), name);
}

sy_status sy_plan_set_attribute(sy_plan *plan, const char *name, sy_tensor *tensor, sy_error *err)
{
    const syi_plan_body *old = body_of(plan);
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
    SY_TRY(register_state(plan->object->owner, tensor, err));
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
    return replace_body(plan, body, err);
}

/* Changes every tensor of the state, or none: `undo` takes one back. */
static sy_status change_state(sy_plan *plan,
                              sy_status (*change)(sy_tensor *, const void *, sy_error *),
                              sy_status (*undo)(sy_tensor *, sy_error *), const void *options,
                              sy_error *err)
{
    const syi_plan_body *body = body_of(plan);
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

sy_status sy_plan_get_(sy_plan *plan, sy_error *err)
{
    return change_state(plan, get_one, NULL, NULL, err);
}

sy_status sy_plan_copy(sy_plan *plan, sy_plan **copy, sy_error *err)
{
    const syi_plan_body *old = body_of(plan);
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

/* Where it was sent */

sy_pointer_plan **syi_plan_get_pointers(sy_plan *plan)
{
    return &plan->sent;
}
