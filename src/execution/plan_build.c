/* plan_build.c - a plan is built: its function runs once, over zeros or examples, and is recorded. Part of plan.h. Test:
 * plan_build_test.c. */
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "execution/plan_frame.h"
#include "execution/record.h"

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

/* The body of the built plan. */
static sy_status make_built(const sy_plan *plan, const example *e, syi_tape *tape,
                            const syi_record *record, syi_plan_body **made, sy_error *err)
{
    const syi_plan_body *old = syi_plan_get_body(plan);
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
    body->tape = syi_tape_ref(tape);
    return SY_OK;
}

static sy_status record_forward(sy_plan *plan, const example *e, syi_record *record, sy_error *err)
{
    sy_plan_frame *frame = syi_alloc(syi_plan_get_body(plan)->hook->context, sizeof *frame);
    sy_scope *scope = NULL;
    if (frame == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    sy_status status = syi_record_start(record, err);
    if (status == SY_OK) {
        status = syi_plan_call_function(plan, frame, e->values, e->count, &scope, err);
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
    syi_free(syi_plan_get_body(plan)->hook->context, frame, sizeof *frame);
    return status;
}

static sy_status build(sy_plan *plan, const example *e, sy_error *err)
{
    syi_plan_body *old = syi_plan_get_body(plan);
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
    status = syi_record_restore(record, err);
    if (status != SY_OK) {
        status = syi_error_prefix(err, status, "plan %s", old->name);
        goto done;
    }
    SY_GOTO(done, make_built(plan, e, tape, record, &body, err));
    status = syi_plan_set_body(plan, body, err);
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
        return syi_fail(err, SY_ELIMIT, "plan %s: %zu arguments, at most %d",
                        syi_plan_get_body(plan)->name, count, SYI_TAPE_INPUTS_MAX);
    }
    *e = syi_alloc(syi_plan_get_body(plan)->hook->context, sizeof **e);
    return *e != NULL ? SY_OK : SYI_ENOMEM(err, "plan");
}

static sy_status build_and_free(sy_plan *plan, example *e, sy_status status, sy_error *err)
{
    if (status == SY_OK) {
        status = build(plan, e, err);
    }
    example_fini(e);
    syi_free(syi_plan_get_body(plan)->hook->context, e, sizeof *e);
    return status;
}

sy_status sy_plan_build_shapes(sy_plan *plan, const sy_plan_shape *shapes, size_t count,
                               sy_error *err)
{
    example *e = NULL;
    sy_status status = SY_OK;
    if (count > 0 && shapes == NULL) {
        return syi_fail(err, SY_EINVAL, "plan %s: its shapes are NULL",
                        syi_plan_get_body(plan)->name);
    }
    SY_TRY(example_new(plan, &e, count, err));
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        status = example_of_shape(syi_plan_get_body(plan)->hook, e, &shapes[k],
                                  syi_plan_get_body(plan)->name, err);
    }
    return build_and_free(plan, e, status, err);
}

sy_status sy_plan_build(sy_plan *plan, const sy_value *arguments, size_t count, sy_error *err)
{
    example *e = NULL;
    sy_status status = SY_OK;
    for (size_t k = 0; k < count; k++) {
        if (arguments == NULL ||
            (arguments[k].kind == SY_VALUE_TENSOR && arguments[k].as.tensor == NULL)) {
            return syi_fail(err, SY_EINVAL, "plan %s: argument %zu is NULL",
                            syi_plan_get_body(plan)->name, k + 1);
        }
    }
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
    return syi_plan_get_body(plan)->tape != NULL;
}
