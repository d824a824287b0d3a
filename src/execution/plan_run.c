/* plan_run.c - a plan is run here, and called inside of another. Part of plan.h. Test: plan_run_test.c. */
#include <csyft/worker.h>

#include "core/error.h"
#include "core/memory.h"
#include "execution/plan_frame.h"
#include "hook/scope.h"

static sy_status hand_over(sy_plan *plan, const sy_value *values, const sy_plan_run_options *o,
                           sy_tensor **results, sy_error *err)
{
    const size_t count = syi_plan_get_body(plan)->tape->result_count;
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
    SY_TRY(syi_plan_check_result_ids(body, o->result_ids, o->result_id_count, err));
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
    if (syi_plan_get_body(plan)->tape == NULL) {
        if (o->kwarg_count > 0) {
            return syi_fail(err, SY_EINVAL,
                            "plan %s is not built: its first call takes arguments by "
                            "position",
                            syi_plan_get_body(plan)->name);
        }
        SY_TRY(sy_plan_build(plan, arguments, count, err));
    }
    const syi_plan_body *body = syi_plan_get_body(plan);
    SY_TRY(check_results(body, o, capacity, err));
    SY_TRY(syi_plan_bind(body, arguments, count, o->kwargs, o->kwarg_count, inputs, err));
    SY_TRY(syi_plan_execute(body, inputs, mode, 0, NULL, values, err));
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
    sy_hook *hook = syi_plan_get_body(plan)->hook;
    sy_plan_frame *frame = syi_alloc(hook->context, sizeof *frame);
    sy_scope *scope = NULL;
    size_t made = 0;
    if (frame == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    sy_status status = syi_plan_call_function(plan, frame, arguments, count, &scope, err);
    for (size_t k = 0; status == SY_OK && k < frame->output_count; k++) {
        if (frame->outputs[k].kind != SY_VALUE_TENSOR || made == capacity) {
            status = syi_fail(err, SY_ESIGNATURE,
                              "plan %s: inside of another it returns tensors, as "
                              "many as there is room for",
                              syi_plan_get_body(plan)->name);
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
    if (syi_plan_get_body(plan)->tape == NULL && plan->forward != NULL &&
        sy_hook_is_tracing(syi_plan_get_body(plan)->hook)) {
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
        status = syi_plan_get_body(plan)->tape == NULL
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
