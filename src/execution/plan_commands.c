/* plan_commands.c - what a worker does with plans that are asked for: run, parameters. Part of plan.h. Test:
 * tests/integration/plans.c. */
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "execution/plan.h"
#include "interpreters/sharing/additive_shared.h"
#include "workers/commands.h"

static sy_status plan_argument(const sy_request *request, syi_plan_body **body, sy_error *err)
{
    *body = request->args[0].kind == SY_VALUE_TENSOR ? syi_plan_body_of(request->args[0].as.tensor)
                                                     : NULL;
    return *body != NULL ? SY_OK : syi_fail(err, SY_EINVAL, "the object is no plan");
}

static sy_status list_argument(const sy_request *request, size_t index, sy_error *err)
{
    return request->args[index].kind == SY_VALUE_LIST
               ? SY_OK
               : syi_fail(err, SY_EINVAL, "run: argument %zu is no list", index);
}

static bool holds_private(const syi_plan_body *body, const sy_value *inputs)
{
    for (size_t k = 0; k < body->argument_count; k++) {
        if (inputs[k].kind == SY_VALUE_TENSOR && syi_tensor_is_private(inputs[k].as.tensor)) {
            return true;
        }
    }
    for (size_t k = 0; k < body->state_count; k++) {
        if (syi_tensor_is_private(body->states[k].tensor)) {
            return true;
        }
    }
    return false;
}

static sy_status bind(const sy_request *request, const syi_plan_body *body, sy_value *inputs,
                      sy_error *err)
{
    const sy_value *arguments = &request->args[1], *names = &request->args[2];
    sy_named_value kwargs[SYI_TAPE_INPUTS_MAX];
    const size_t named = names->as.list.count;
    if (named > arguments->as.list.count || named > SYI_TAPE_INPUTS_MAX) {
        return syi_fail(err, SY_EINVAL, "run: more names than arguments");
    }
    const size_t positional = arguments->as.list.count - named;
    for (size_t k = 0; k < named; k++) {
        if (names->as.list.items[k].kind != SY_VALUE_STRING) {
            return syi_fail(err, SY_EINVAL, "run: a name is no text");
        }
        kwargs[k].name = names->as.list.items[k].as.string;
        kwargs[k].value = arguments->as.list.items[positional + k];
    }
    return syi_plan_bind(body, arguments->as.list.items, positional, kwargs, named, inputs, err);
}

/* A result that is also an argument, or state, or stands twice among the results, is another handle here: it gets an id of
 * its own. */
static sy_status own_handle(sy_value *result, sy_error *err)
{
    sy_tensor *tensor = result->as.tensor;
    sy_tensor *alias = NULL;
    if (atomic_load(&tensor->refs) == 1) {
        return SY_OK;
    }
    SY_TRY(syi_tensor_alias(tensor, &alias, err));
    const syi_policy policy = syi_tensor_policy(tensor);
    syi_tensor_set_policy(alias, &policy);
    sy_tensor_unref(tensor);
    result->as.tensor = alias;
    return SY_OK;
}

/* The ids that are given for the results; checked before anything is run. */
static sy_status read_ids(const sy_request *request, const syi_plan_body *body,
                          sy_id ids[SYI_TAPE_OUTPUTS_MAX], size_t *count, sy_error *err)
{
    const sy_value *given = &request->args[3];
    *count = given->as.list.count;
    for (size_t k = 0; k < *count && k < SYI_TAPE_OUTPUTS_MAX; k++) {
        SY_TRY(syi_value_read_id(&given->as.list.items[k], &ids[k], err));
    }
    if (*count > SYI_TAPE_OUTPUTS_MAX) {
        return syi_fail(err, SY_ELIMIT, "run: %zu result ids, at most %d", *count,
                        SYI_TAPE_OUTPUTS_MAX);
    }
    const bool some = request->arg_count > 4 && request->args[4].kind == SY_VALUE_BOOL &&
                      request->args[4].as.boolean;
    while (some && *count > 0 && *count < body->tape->result_count) { /* only the first have one */
        ids[(*count)++] = syi_hook_fresh_id(request->worker->hook);
    }
    return syi_plan_check_result_ids(body, ids, *count, err);
}

static sy_status answer(const sy_request *request, sy_value *results, size_t count,
                        const sy_id *ids, size_t id_count, bool joint, sy_error *err)
{
    syi_msgpack_write_array(request->reply->out, count);
    for (size_t k = 0; k < count; k++) {
        const sy_id id = id_count > 0 ? ids[k] : syi_hook_fresh_id(request->worker->hook);
        if (results[k].kind != SY_VALUE_TENSOR) {
            return syi_fail(err, SY_ENOTSUP, "result %zu of the plan is a size", k + 1);
        }
        SY_TRY(own_handle(&results[k], err));
        SY_TRY(joint ? syi_sharing_answer(request, results[k].as.tensor, &id, err)
                     : syi_request_register(request, results[k].as.tensor, &id, err));
    }
    return syi_buffer_check(request->reply->out, "message body", err);
}

static size_t count_elements(const syi_plan_body *body, const sy_value *inputs)
{
    size_t count = 1;
    for (size_t k = 0; k < body->argument_count; k++) {
        if (inputs[k].kind == SY_VALUE_TENSOR && syi_tensor_is_native(inputs[k].as.tensor)) {
            count += (size_t)syi_array_numel(syi_node_array(inputs[k].as.tensor->node));
        }
    }
    return count;
}

/* On the transport's thread only as far as the budget goes; a plan that was too long for it is not tried there again with as
 * much data, and one that draws random numbers not at all: begun twice it would draw others. */
static sy_status execute(const sy_request *request, syi_plan_body *body, const sy_value *inputs,
                         const syi_mode *mode, sy_value *results, sy_error *err)
{
    const uint64_t budget = syi_request_get_budget(request);
    if (budget == 0) {
        return syi_plan_execute(body, inputs, mode, 0, NULL, results, err);
    }
    bool over = false;
    const size_t elements = count_elements(body, inputs);
    const size_t too_many = atomic_load_explicit(&body->too_many, memory_order_relaxed);
    sy_status status = SY_OK;
    if (body->tape->draws || (too_many != 0 && elements >= too_many)) {
        over = true;
    } else {
        status = syi_plan_execute(body, inputs, mode, budget, &over, results, err);
        if (over) {
            atomic_store_explicit(&body->too_many, elements, memory_order_relaxed);
        }
    }
    if (over) {
        syi_request_postpone(request);
        status = syi_fail(err, SY_EBUSY, "plan %s takes a thread of its own", body->name);
    }
    return status;
}

/* run(plan, [arguments], [names of the last ones], [result ids], are the ids only the first results'?) */
static sy_status handle_run(const sy_request *request, sy_error *err)
{
    syi_plan_body *body = NULL;
    sy_value inputs[SYI_TAPE_INPUTS_MAX];
    sy_value results[SYI_TAPE_OUTPUTS_MAX];
    sy_id ids[SYI_TAPE_OUTPUTS_MAX];
    size_t id_count = 0;
    syi_mode mode;
    SY_TRY(plan_argument(request, &body, err));
    for (size_t k = 1; k < 4; k++) {
        SY_TRY(list_argument(request, k, err));
    }
    if (body->tape == NULL) {
        return syi_fail(err, SY_EINVAL, "plan %s is not built", body->name);
    }
    SY_TRY(bind(request, body, inputs, err));
    SY_TRY(read_ids(request, body, ids, &id_count, err));
    syi_request_get_mode(request, &mode);
    if (syi_request_waits(request) && mode.joint == NULL && body->state_count > 0) {
        return syi_fail(
            err, SY_ENOTSUP,
            "plan %s has state here, and an argument is at another worker; move it here",
            body->name);
    }
    syi_share_defer(&mode);
    sy_status status = execute(request, body, inputs, &mode, results, err);
    if (status == SY_ERANGE && holds_private(body, inputs)) {
        /* Such sentences quote elements; those of private objects stay here. */
        return syi_fail(err, SY_ERANGE,
                        "plan %s: a value is out of range (it is private and not shown)",
                        body->name);
    }
    SY_TRY(status);
    status =
        answer(request, results, body->tape->result_count, ids, id_count, mode.joint != NULL, err);
    for (size_t k = 0; k < body->tape->result_count; k++) {
        if (results[k].kind == SY_VALUE_TENSOR) {
            sy_tensor_unref(results[k].as.tensor);
        }
    }
    return status;
}

/* plan_parameters(plan): its state, registered here under its own ids for as long as the caller stays. */
static sy_status handle_parameters(const sy_request *request, sy_error *err)
{
    syi_plan_body *body = NULL;
    SY_TRY(plan_argument(request, &body, err));
    syi_msgpack_write_array(request->reply->out, body->state_count);
    for (size_t k = 0; k < body->state_count; k++) {
        SY_TRY(syi_request_show(request, body->states[k].tensor, err));
    }
    return syi_buffer_check(request->reply->out, "message body", err);
}

static const syi_worker_command commands[] = {
    {SYI_PLAN_COMMAND_RUN, 4, 5, SYI_COMMAND_COMPUTES | SYI_COMMAND_BUDGETED, handle_run},
    {SYI_PLAN_COMMAND_PARAMETERS, 1, 1, 0, handle_parameters},
};

sy_status syi_plan_commands_register(sy_hook *hook, sy_error *err)
{
    return syi_commands_register(hook, commands, sizeof commands / sizeof commands[0], err);
}
