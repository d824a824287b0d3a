#include "federated/training/task.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "hook/scope.h"
#include "workers/session.h"

/* Arguments */

static sy_status check_state(const syi_plan_body *plan, size_t k, const sy_value *given,
                             sy_error *err)
{
    const sy_tensor *own = plan->states[k].tensor;
    const sy_tensor *tensor = given->kind == SY_VALUE_TENSOR ? given->as.tensor : NULL;
    const char *name = plan->states[k].name != NULL ? plan->states[k].name : "";
    if (tensor == NULL || !syi_tensor_is_native(tensor) || !syi_tensor_is_native(own)) {
        return syi_fail(err, SY_EINVAL, "parameter %zu (%s) of plan %s is no tensor here", k, name,
                        plan->name);
    }
    const syi_array *a = syi_node_array(tensor->node), *b = syi_node_array(own->node);
    return a->dtype == b->dtype && syi_array_same_shape(a, b)
               ? SY_OK
               : syi_fail(err, SY_ESHAPE,
                          "parameter %zu (%s) of plan %s has another shape or dtype", k, name,
                          plan->name);
}

/* State k becomes a copy of the array. */
static sy_status set_state(syi_task *t, size_t k, const syi_array *from, bool requires_grad,
                           sy_error *err)
{
    sy_hook *hook = t->request->worker->hook;
    sy_tensor *copy = NULL;
    syi_array array;
    SY_TRY(syi_array_clone(hook->context, &array, from, t->mode.account, err));
    SY_TRY(syi_tensor_from_array(hook, &copy, &array, err));
    sy_tensor_unref(t->body->states[k].tensor);
    t->body->states[k].tensor = copy;
    return sy_tensor_set_requires_grad(copy, requires_grad, err);
}

/* The plan with parameters of its own: the given ones first, copies of the plan's after them. */
static sy_status own_model(syi_task *t, const syi_plan_body *plan, const sy_value *states,
                           size_t count, sy_error *err)
{
    if (plan->tape == NULL || plan->argument_count != 2 || count > plan->state_count) {
        return syi_fail(err, SY_EINVAL,
                        "plan %s is not built, takes other arguments than a batch and its targets, "
                        "or has less state than was given",
                        plan->name);
    }
    for (size_t k = 0; k < plan->state_count; k++) {
        const sy_value own = sy_value_tensor(plan->states[k].tensor);
        SY_TRY(check_state(plan, k, k < count ? &states[k] : &own, err));
    }
    SY_TRY(syi_plan_body_like(plan, &t->body, plan->argument_count, plan->state_count, err));
    for (size_t k = 0; k < plan->state_count; k++) {
        sy_tensor *from = k < count ? states[k].as.tensor : plan->states[k].tensor;
        SY_TRY(set_state(t, k, syi_node_array(from->node),
                         sy_tensor_get_requires_grad(plan->states[k].tensor), err));
    }
    return SY_OK;
}

sy_status syi_task_save_states(const syi_task *t, syi_array *arrays, size_t *count, sy_error *err)
{
    for (*count = 0; *count < t->body->state_count; ++*count) {
        SY_TRY(syi_array_clone(t->request->worker->hook->context, &arrays[*count],
                               syi_node_array(t->body->states[*count].tensor->node),
                               t->mode.account, err));
    }
    return SY_OK;
}

sy_status syi_task_set_states(syi_task *t, const syi_array *arrays, sy_error *err)
{
    for (size_t k = 0; k < t->body->state_count; k++) {
        SY_TRY(set_state(t, k, &arrays[k], sy_tensor_get_requires_grad(t->body->states[k].tensor),
                         err));
    }
    return SY_OK;
}

void syi_task_close(syi_task *t)
{
    syi_free(t->request->worker->hook->context, t->places, t->count * sizeof *t->places);
    syi_plan_body_unref(t->body);
}

sy_status syi_task_check_release(const syi_task *t, sy_error *err)
{
    return t->served->release_rows > 0
               ? SY_OK
               : syi_fail(err, SY_EPERM,
                          "nothing that depends on it may leave%s; its owner decides that "
                          "(release_rows)",
                          t->served->ledger != NULL ? " without noise" : "");
}

sy_status syi_task_open(syi_task *t, const sy_request *request, sy_error *err)
{
    static const syi_op_id optimizers[] = {SYI_OP_sgd_, SYI_OP_sgd_momentum_, SYI_OP_adam_};
    memset(t, 0, sizeof *t);
    t->request = request;
    SY_TRY(syi_served_read_dataset(request, &t->served, err));
    const syi_plan_body *plan = request->args[1].kind == SY_VALUE_TENSOR
                                    ? syi_plan_body_of(request->args[1].as.tensor)
                                    : NULL;
    if (plan == NULL || request->args[2].kind != SY_VALUE_LIST) {
        return syi_fail(err, SY_EINVAL, "the second argument is no plan, or the third no list");
    }
    SY_TRY(syi_served_read_number(request, 3, 1, &t->batch_size, err));
    syi_request_get_mode(request, &t->mode);
    if (t->mode.release_rows != NULL) {
        memcpy(t->releases, t->mode.release_rows, sizeof t->releases);
    }
    for (size_t k = 0; k < sizeof optimizers / sizeof optimizers[0]; k++) {
        t->releases[optimizers[k]] = t->served->release_rows;
    }
    t->mode.release_rows = t->releases;
    t->count = (size_t)syi_rows_get_count(t->served->data);
    t->places = syi_alloc_array(request->worker->hook->context, t->count, sizeof *t->places);
    if (t->places == NULL && t->count > 0) {
        t->count = 0;
        return SYI_ENOMEM(err, "order of rows");
    }
    for (size_t k = 0; k < t->count; k++) {
        t->places[k] = (int64_t)k;
    }
    return own_model(t, plan, request->args[2].as.list.items, request->args[2].as.list.count, err);
}

/* Steps */

size_t syi_task_batch_at(const syi_task *t, size_t from)
{
    const size_t left = t->count - from;
    return left < (size_t)t->batch_size ? left : (size_t)t->batch_size;
}

/* Rows that the plan was not built for would be broadcast, or worse. */
static sy_status check_part(const syi_task *t, size_t k, sy_tensor *batch, sy_error *err)
{
    const syi_plan_argument *wanted = &t->body->arguments[k];
    const char *what = k == 0 ? "rows" : "targets";
    const syi_array *array = syi_node_array(batch->node);
    char a[96], b[96];
    if (!wanted->is_tensor) {
        return syi_fail(err, SY_EINVAL, "plan %s takes no tensor of %s", t->body->name, what);
    }
    if (array->dtype != wanted->dtype) {
        return syi_fail(err, SY_EDTYPE, "its %s are %s, plan %s takes %s; a transform may help",
                        what, sy_dtype_name(array->dtype), t->body->name,
                        sy_dtype_name(wanted->dtype));
    }
    bool same = array->ndim == wanted->ndim;
    for (int i = 0; i < array->ndim && same; i++) {
        same = wanted->shape[i] < 0 || wanted->shape[i] == array->shape[i];
    }
    return same ? SY_OK
                : syi_fail(err, SY_ESHAPE, "a batch of its %s is %s, plan %s takes %s", what,
                           syi_shape_format(array->ndim, array->shape, a, sizeof a), t->body->name,
                           syi_shape_format(wanted->ndim, wanted->shape, b, sizeof b));
}

/* Runs the plan; results as it gives them. */
static sy_status run_on(syi_task *t, sy_tensor *data, sy_tensor *targets, sy_value *results,
                        sy_error *err)
{
    sy_value inputs[SYI_TAPE_INPUTS_MAX];
    SY_TRY(check_part(t, 0, data, err));
    SY_TRY(check_part(t, 1, targets, err));
    const sy_value arguments[] = {sy_value_tensor(data), sy_value_tensor(targets)};
    SY_TRY(syi_plan_bind(t->body, arguments, 2, NULL, 0, inputs, err));
    const sy_status status = syi_plan_execute(t->body, inputs, &t->mode, 0, NULL, results, err);
    return status == SY_ERANGE /* such sentences quote elements */
               ? syi_fail(err, SY_ERANGE,
                          "a value or a target is out of range (it is private and not shown)")
               : status;
}

static sy_status run_batch(syi_task *t, sy_scope *s, size_t from, sy_value *results,
                           sy_tensor **targets, sy_error *err)
{
    static const syi_policy nobodys = {.private_ = false};
    sy_tensor *data;
    SY_TRY(syi_served_check_asker(t->request, err));
    SY_TRY(syi_served_batch(t->served, s, t->places + from, syi_task_batch_at(t, from), &data,
                            targets, err));
    if (t->noisy) { /* what leaves is bounded by who adds it up, and nothing may depend on a refusal */
        syi_tensor_set_policy(data, &nobodys);
        syi_tensor_set_policy(*targets, &nobodys);
    }
    return run_on(t, data, *targets, results, err);
}

static void drop_results(const syi_task *t, sy_value *results)
{
    for (size_t k = 0; k < t->body->tape->result_count; k++) {
        if (results[k].kind == SY_VALUE_TENSOR) {
            sy_tensor_unref(results[k].as.tensor);
        }
    }
}

bool syi_task_depends_on(const sy_value *result, syi_spread spread, size_t rows)
{
    const syi_policy policy = syi_tensor_policy(result->as.tensor);
    return !policy.private_ || (policy.spread == spread && policy.rows >= (int64_t)rows);
}

/* One number, a finite one, and the mean over all rows of the batch: a plan could say anything else. */
sy_status syi_task_read_loss(const syi_task *t, const sy_value *result, size_t rows, double *loss,
                             sy_error *err)
{
    const syi_array *array = syi_served_array_of(result);
    if (array == NULL || syi_array_numel(array) != 1) {
        return syi_fail(err, SY_EINVAL, "plan %s gives no loss, which is one number",
                        t->body->name);
    }
    if (!syi_task_depends_on(result, SYI_SPREAD_AGGREGATE, rows)) {
        return syi_fail(err, SY_EPERM, "the loss of plan %s is no mean over the rows of a batch",
                        t->body->name);
    }
    *loss = syi_array_get_double(array, 0);
    return isfinite(*loss) ? SY_OK
                           : syi_fail(err, SY_ERANGE,
                                      "the loss is not finite; a smaller learning rate may help");
}

sy_status syi_task_batch(syi_task *t, size_t from, syi_task_see see, void *user, sy_error *err)
{
    sy_value results[SYI_TAPE_OUTPUTS_MAX];
    sy_tensor *targets = NULL;
    sy_scope *s = sy_scope_begin(t->request->worker->hook);
    if (s == NULL) {
        return SYI_ENOMEM(err, "batch");
    }
    s->mode = t->mode;
    sy_status status = run_batch(t, s, from, results, &targets, err);
    if (status == SY_OK) {
        status = see(t, user, from, results, targets, err);
        drop_results(t, results);
    }
    const sy_status ended = sy_scope_end(s, status == SY_OK ? err : NULL);
    return status == SY_OK ? ended : status;
}

/* One row of zeros, of the kind of those. */
static sy_tensor *zeros_like(const syi_task *t, sy_scope *s, const sy_tensor *none, sy_error *err)
{
    const syi_array *like = syi_node_array(none->node);
    sy_hook *hook = t->request->worker->hook;
    int64_t shape[SY_DIM_MAX] = {1};
    syi_array array;
    sy_tensor *zeros = NULL;
    for (int k = 1; k < like->ndim; k++) {
        shape[k] = like->shape[k];
    }
    if (syi_array_new(hook->context, &array, like->dtype, like->ndim, shape, t->mode.account,
                      err) != SY_OK) {
        return NULL;
    }
    memset(syi_array_data(&array), 0, syi_array_bytes(&array));
    return syi_tensor_from_array(hook, &zeros, &array, err) == SY_OK ? sy_scope_adopt(s, zeros)
                                                                     : NULL;
}

sy_status syi_task_try(syi_task *t, syi_task_see see, void *user, sy_error *err)
{
    sy_value results[SYI_TAPE_OUTPUTS_MAX];
    sy_tensor *data, *targets;
    sy_scope *s = sy_scope_begin(t->request->worker->hook);
    if (s == NULL) {
        return SYI_ENOMEM(err, "batch");
    }
    s->mode = t->mode;
    sy_status status = syi_served_batch(t->served, s, NULL, 0, &data, &targets, err);
    if (status == SY_OK) {
        data = zeros_like(t, s, data, err);
        targets = data != NULL ? zeros_like(t, s, targets, err) : NULL;
        status = targets != NULL ? run_on(t, data, targets, results, err) : SY_ENOMEM;
    }
    if (status == SY_OK) {
        status = see != NULL ? see(t, user, 0, results, targets, err) : SY_OK;
        drop_results(t, results);
    }
    (void)sy_scope_end(s, NULL);
    return status;
}
