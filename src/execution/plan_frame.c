#include "execution/plan_frame.h"

#include "core/error.h"
#include "execution/record.h"
#include "hook/scope.h"

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

sy_tensor *sy_plan_frame_state_named(const sy_plan_frame *frame, const char *name)
{
    return syi_plan_body_state_named(frame->body, name);
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

/* Sizes */

/* The size, or 0 with the failure kept by the scope. */
static int64_t size_or_fail(sy_scope *scope, int64_t size, sy_status status, sy_error *error)
{
    if (status == SY_OK) {
        return size;
    }
    error->status = status;
    sy_scope_fail(scope, error);
    return 0;
}

int64_t sy_plan_size(sy_scope *scope, sy_tensor *tensor, int dim)
{
    int64_t size = 0;
    sy_error error = SY_ERROR_INIT;
    if (scope == NULL || sy_scope_get_status(scope) != SY_OK) {
        return 0;
    }
    const sy_status status = tensor == NULL
                                 ? syi_fail(&error, SY_EINVAL, "sy_plan_size: the tensor is NULL")
                                 : syi_record_size(scope->hook, tensor, dim, &size, &error);
    return size_or_fail(scope, size, status, &error);
}

static int64_t compute(sy_scope *scope, syi_step_kind kind, int64_t a, int64_t b)
{
    int64_t size = 0;
    sy_error error = SY_ERROR_INIT;
    if (scope == NULL || sy_scope_get_status(scope) != SY_OK) {
        return 0;
    }
    const sy_status status = syi_record_compute(scope->hook, kind, a, b, &size, &error);
    return size_or_fail(scope, size, status, &error);
}

int64_t sy_plan_size_add(sy_scope *scope, int64_t a, int64_t b)
{
    return compute(scope, SYI_STEP_SIZE_ADD, a, b);
}

int64_t sy_plan_size_sub(sy_scope *scope, int64_t a, int64_t b)
{
    return compute(scope, SYI_STEP_SIZE_SUB, a, b);
}

int64_t sy_plan_size_mul(sy_scope *scope, int64_t a, int64_t b)
{
    return compute(scope, SYI_STEP_SIZE_MUL, a, b);
}

int64_t sy_plan_size_floordiv(sy_scope *scope, int64_t a, int64_t b)
{
    return compute(scope, SYI_STEP_SIZE_FLOORDIV, a, b);
}

int64_t sy_plan_size_mod(sy_scope *scope, int64_t a, int64_t b)
{
    return compute(scope, SYI_STEP_SIZE_MOD, a, b);
}

/* The function */

sy_status syi_plan_call_function(const sy_plan *plan, sy_plan_frame *frame,
                                 const sy_value *arguments, size_t count, sy_scope **scope,
                                 sy_error *err)
{
    frame->body = syi_plan_get_body(plan);
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
