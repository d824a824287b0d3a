/*
 * training_commands.c - what a worker does with the datasets that it serves when somebody asks: tells of them, trains a model on
 * one, evaluates one by it. Part of served.h and of trainer.h. The model's plan is at the worker already, its parameters come with the request, so
 * that requests do not see each other's. Test: tests/integration/federated_training.c.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "execution/plan.h"
#include "federated/contribution.h"
#include "federated/numbers.h"
#include "federated/served.h"
#include "federated/shuffle.h"
#include "federated/trainer.h"
#include "hook/dispatch.h"
#include "hook/scope.h"
#include "workers/commands.h"
#include "workers/session.h"

/* One request. */
typedef struct task {
    const sy_request *request;
    const syi_served *served;
    syi_plan_body *body; /* with parameters of its own */
    syi_mode mode;
    int64_t releases[SYI_OP_COUNT];
    int64_t batch_size;
    int64_t *places;
    size_t count; /* of places */
} task;

/* Arguments */

static sy_status read_number(const sy_request *request, size_t index, int64_t least, int64_t *value,
                             sy_error *err)
{
    const sy_value *argument = &request->args[index];
    *value = argument->kind == SY_VALUE_INT ? argument->as.integer : 0;
    return argument->kind == SY_VALUE_INT && *value >= least
               ? SY_OK
               : syi_fail(err, SY_EINVAL, "argument %zu is no number from %" PRId64 " on", index,
                          least);
}

static sy_status read_dataset(const sy_request *request, const syi_served **served, sy_error *err)
{
    *served =
        request->args[0].kind == SY_VALUE_TENSOR ? syi_served_of(request->args[0].as.tensor) : NULL;
    return *served != NULL ? SY_OK : syi_fail(err, SY_EINVAL, "the object is no dataset");
}

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

/* The plan with parameters of its own: the given ones first, copies of the plan's after them. */
static sy_status own_model(task *t, const syi_plan_body *plan, const sy_value *states, size_t count,
                           sy_error *err)
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
        sy_tensor *from = k < count ? states[k].as.tensor : plan->states[k].tensor, *copy = NULL;
        syi_array array;
        SY_TRY(syi_array_clone(plan->hook->context, &array, syi_node_array(from->node),
                               t->mode.account, err));
        SY_TRY(syi_tensor_from_array(plan->hook, &copy, &array, err));
        sy_tensor_unref(t->body->states[k].tensor);
        t->body->states[k].tensor = copy;
        SY_TRY(sy_tensor_set_requires_grad(
            copy, sy_tensor_get_requires_grad(plan->states[k].tensor), err));
    }
    return SY_OK;
}

static void task_close(task *t)
{
    syi_free(t->request->worker->hook->context, t->places, t->count * sizeof *t->places);
    syi_plan_body_unref(t->body);
}

/* dataset, plan, [parameters], batch size, ...; closed by the caller also when it fails. */
static sy_status task_open(task *t, const sy_request *request, sy_error *err)
{
    static const syi_op_id optimizers[] = {SYI_OP_sgd_, SYI_OP_sgd_momentum_, SYI_OP_adam_};
    memset(t, 0, sizeof *t);
    t->request = request;
    SY_TRY(read_dataset(request, &t->served, err));
    const syi_plan_body *plan = request->args[1].kind == SY_VALUE_TENSOR
                                    ? syi_plan_body_of(request->args[1].as.tensor)
                                    : NULL;
    if (plan == NULL || request->args[2].kind != SY_VALUE_LIST) {
        return syi_fail(err, SY_EINVAL, "the second argument is no plan, or the third no list");
    }
    SY_TRY(read_number(request, 3, 1, &t->batch_size, err));
    if (t->served->release_rows == 0) {
        return syi_fail(err, SY_EPERM,
                        "nothing that depends on it may leave; its owner decides that "
                        "(release_rows)");
    }
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

/* Who asked may be gone, or not wait any more. */
static sy_status check_asker(const task *t, sy_error *err)
{
    const sy_request *request = t->request;
    pthread_mutex_lock(&request->worker->strand);
    const bool ended = request->session->ended;
    pthread_mutex_unlock(&request->worker->strand);
    if (ended) {
        return syi_fail(err, SY_ECANCELED, "who asked is gone");
    }
    return request->deadline == 0 ||
                   syi_clock_now(request->worker->hook->context) < request->deadline
               ? SY_OK
               : syi_fail(err, SY_ETIMEDOUT, "the time given for it is over");
}

static size_t batch_at(const task *t, size_t from)
{
    const size_t left = t->count - from;
    return left < (size_t)t->batch_size ? left : (size_t)t->batch_size;
}

/* Rows that the plan was not built for would be broadcast, or worse. */
static sy_status check_part(const task *t, size_t k, sy_tensor *batch, sy_error *err)
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

/* Runs the plan on a batch; results as it gives them. */
static sy_status run_batch(task *t, sy_scope *s, size_t from, sy_value *results, sy_error *err)
{
    sy_tensor *data, *targets;
    sy_value inputs[SYI_TAPE_INPUTS_MAX];
    SY_TRY(check_asker(t, err));
    SY_TRY(
        syi_served_batch(t->served, s, t->places + from, batch_at(t, from), &data, &targets, err));
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

static void drop_results(const task *t, sy_value *results)
{
    for (size_t k = 0; k < t->body->tape->result_count; k++) {
        if (results[k].kind == SY_VALUE_TENSOR) {
            sy_tensor_unref(results[k].as.tensor);
        }
    }
}

static const syi_array *array_of(const sy_value *result)
{
    return result->kind == SY_VALUE_TENSOR && syi_tensor_is_native(result->as.tensor)
               ? syi_node_array(result->as.tensor->node)
               : NULL;
}

/* Does it depend on this many rows or more, and on all of them alike? DATA: each of its rows on one of these; AGGREGATE: a mean. */
static bool depends_on(const sy_value *result, syi_spread spread, size_t rows)
{
    const syi_policy policy = syi_tensor_policy(result->as.tensor);
    return !policy.private_ || (policy.spread == spread && policy.rows >= (int64_t)rows);
}

/* One number, a finite one, and the mean over all rows of the batch: a plan could say anything else. */
static sy_status read_loss(const task *t, const sy_value *result, size_t rows, double *loss,
                           sy_error *err)
{
    const syi_array *array = array_of(result);
    if (array == NULL || syi_array_numel(array) != 1) {
        return syi_fail(err, SY_EINVAL, "plan %s gives no loss, which is one number",
                        t->body->name);
    }
    if (!depends_on(result, SYI_SPREAD_AGGREGATE, rows)) {
        return syi_fail(err, SY_EPERM, "the loss of plan %s is no mean over the rows of a batch",
                        t->body->name);
    }
    *loss = syi_array_get_double(array, 0);
    return isfinite(*loss) ? SY_OK
                           : syi_fail(err, SY_ERANGE,
                                      "the loss is not finite; a smaller learning rate may help");
}

/* Every batch in a scope of its own, so that memory stays flat. `see` is told of its results. */
static sy_status with_batch(task *t, size_t from,
                            sy_status (*see)(task *t, void *user, size_t from,
                                             const sy_value *results, sy_error *err),
                            void *user, sy_error *err)
{
    sy_value results[SYI_TAPE_OUTPUTS_MAX];
    sy_scope *s = sy_scope_begin(t->request->worker->hook);
    if (s == NULL) {
        return SYI_ENOMEM(err, "batch");
    }
    s->mode = t->mode;
    sy_status status = run_batch(t, s, from, results, err);
    if (status == SY_OK) {
        status = see(t, user, from, results, err);
        drop_results(t, results);
    }
    const sy_status ended = sy_scope_end(s, status == SY_OK ? err : NULL);
    return status == SY_OK ? ended : status;
}

/* fit */

typedef struct fitting {
    int64_t epochs, most, returned;
    bool shuffle;
    uint64_t seed;
    double proximal;
    double *origin,
        *before; /* parameters of the beginning, and of the step's; NULL: they are not looked at */
    size_t elements;
    syi_fit_tally tally;
} fitting;

static size_t count_elements(const task *t, size_t count)
{
    size_t elements = 0;
    for (size_t k = 0; k < count; k++) {
        elements += (size_t)syi_array_numel(syi_node_array(t->body->states[k].tensor->node));
    }
    return elements;
}

static void copy_parameters(const task *t, const fitting *f, double *numbers)
{
    for (size_t k = 0; k < (size_t)f->returned; k++) {
        numbers += syi_numbers_read(syi_node_array(t->body->states[k].tensor->node), numbers);
    }
}

/* FedProx (Li and others 2020): the gradient of mu / 2 |w - origin|^2 at where the step began, times the learning rate. */
static void pull_back(const task *t, const fitting *f)
{
    size_t at = 0;
    for (size_t k = 0; k < (size_t)f->returned; k++) {
        const syi_array *array = syi_node_array(t->body->states[k].tensor->node);
        for (int64_t i = 0; i < syi_array_numel(array); i++, at++) {
            syi_array_set_double(array, i,
                                 syi_array_get_double(array, i) -
                                     f->proximal * (f->before[at] - f->origin[at]));
        }
    }
}

static sy_status see_step(task *t, void *user, size_t from, const sy_value *results, sy_error *err)
{
    fitting *f = user;
    double loss = 0;
    const int64_t rows = (int64_t)batch_at(t, from);
    SY_TRY(read_loss(t, &results[0], (size_t)rows, &loss, err));
    f->tally.loss += loss * (double)rows;
    f->tally.rows += rows;
    f->tally.batches++;
    if (f->before != NULL) {
        pull_back(t, f);
    }
    return SY_OK;
}

static sy_status train(task *t, fitting *f, sy_error *err)
{
    const int64_t least = t->served->release_rows;
    if (t->batch_size < least) {
        return syi_fail(err, SY_EPERM,
                        "batches of %" PRId64 " rows; what is computed from fewer than %" PRId64
                        " does not leave",
                        t->batch_size, least);
    }
    if ((int64_t)t->count < least) {
        return syi_fail(err, SY_ERANGE,
                        "%zu rows, which is less than a batch may have (%" PRId64 ")", t->count,
                        least);
    }
    for (int64_t epoch = 0; epoch < f->epochs; epoch++) {
        f->tally.loss = 0;
        f->tally.rows = 0;
        if (f->shuffle) {
            syi_shuffle(&f->seed, t->places, t->count);
        }
        for (size_t from = 0; from < t->count && batch_at(t, from) >= (size_t)least;
             from += (size_t)t->batch_size) {
            if (f->most >= 0 && f->tally.batches >= f->most) {
                return SY_OK;
            }
            if (f->before != NULL) {
                copy_parameters(t, f, f->before);
            }
            SY_TRY(with_batch(t, from, see_step, f, err));
        }
    }
    return SY_OK;
}

/* What leaves has to be a mean over enough rows, and to be numbers: all of them, one after the other. */
static sy_status read_model(const task *t, size_t count, double *numbers, sy_error *err)
{
    for (size_t k = 0; k < count; k++) {
        sy_tensor *state = t->body->states[k].tensor;
        const char *name = t->body->states[k].name != NULL ? t->body->states[k].name : "";
        const syi_policy policy = syi_tensor_policy(state);
        if (syi_policy_hides(&policy, t->request->bit)) {
            return syi_fail(err, SY_EPERM,
                            "parameter %zu (%s) is no sum of steps of a mean loss, and does not "
                            "leave",
                            k, name);
        }
        const size_t size = syi_numbers_read(syi_node_array(state->node), numbers);
        if (!syi_numbers_are_finite(numbers, size)) {
            return syi_fail(err, SY_ERANGE, "parameter %zu (%s) is not finite after training", k,
                            name);
        }
        numbers += size;
    }
    return SY_OK;
}

static sy_status answer_fit(const task *t, const fitting *f, sy_error *err)
{
    sy_value states[SYI_TAPE_INPUTS_MAX];
    const size_t count = (size_t)f->returned;
    for (size_t k = 0; k < count; k++) {
        states[k] = sy_value_tensor(t->body->states[k].tensor);
    }
    const double rows = f->tally.rows > 0 ? (double)f->tally.rows : 1;
    const sy_value items[] = {sy_value_float(f->tally.loss / rows), sy_value_int(f->tally.rows),
                              sy_value_int(f->tally.batches), sy_value_list(states, count)};
    const sy_value list = sy_value_list(items, 4);
    return syi_encode_value(t->request->reply, &list, err);
}

/* The changes go to the holders of a sum instead: `numbers` becomes them. */
static sy_status contribute(const task *t, const fitting *f, double *numbers, size_t elements,
                            sy_error *err)
{
    sy_context *context = t->request->worker->hook->context;
    const sy_value *given = &t->request->args[2];
    if ((size_t)f->returned > given->as.list.count) {
        return syi_fail(err, SY_EINVAL, "changes of more parameters than were given");
    }
    double *before = syi_alloc_array(context, elements, sizeof *before);
    if (before == NULL) {
        return SYI_ENOMEM(err, "aggregation");
    }
    size_t at = 0;
    for (size_t k = 0; k < (size_t)f->returned; k++) {
        at +=
            syi_numbers_read(syi_node_array(given->as.list.items[k].as.tensor->node), before + at);
    }
    for (size_t i = 0; i < elements; i++) {
        numbers[i] -= before[i];
    }
    syi_free(context, before, elements * sizeof *before);
    return syi_contribution_send(t->request->worker, &t->request->args[10], numbers, elements,
                                 f->tally.rows, err);
}

static sy_status finish_fit(task *t, fitting *f, sy_error *err)
{
    sy_context *context = t->request->worker->hook->context;
    const size_t elements = count_elements(t, (size_t)f->returned),
                 size = elements * sizeof(double);
    double *numbers = syi_alloc(context, size);
    if (numbers == NULL && elements > 0) {
        return SYI_ENOMEM(err, "fit");
    }
    sy_status status = read_model(t, (size_t)f->returned, numbers, err);
    if (status == SY_OK && t->request->arg_count > 10) {
        status = contribute(t, f, numbers, elements, err);
        f->returned = 0;
    }
    if (numbers != NULL) {
        syi_wipe(numbers, size);
        syi_free(context, numbers, size);
    }
    return status;
}

static void close_fitting(const task *t, fitting *f)
{
    sy_context *context = t->request->worker->hook->context;
    const size_t size = f->elements * sizeof(double);
    for (int k = 0; k < 2; k++) {
        double **numbers = k == 0 ? &f->origin : &f->before;
        if (*numbers != NULL) {
            syi_wipe(*numbers, size);
            syi_free(context, *numbers, size);
            *numbers = NULL;
        }
    }
}

/* Where parameters are pulled back to where they began. */
static sy_status open_fitting(const task *t, fitting *f, sy_error *err)
{
    sy_context *context = t->request->worker->hook->context;
    const sy_value *proximal = &t->request->args[9];
    f->proximal = proximal->kind == SY_VALUE_FLOAT ? proximal->as.real : -1;
    if (!(f->proximal >= 0 && f->proximal < 1)) {
        return syi_fail(err, SY_EINVAL, "proximal is no number from 0 to below 1");
    }
    f->elements = count_elements(t, (size_t)f->returned);
    if (f->proximal == 0 || f->elements == 0) {
        return SY_OK;
    }
    f->origin = syi_alloc_array(context, f->elements, sizeof *f->origin);
    f->before = syi_alloc_array(context, f->elements, sizeof *f->before);
    if (f->origin == NULL || f->before == NULL) {
        close_fitting(t, f);
        return SYI_ENOMEM(err, "fit");
    }
    copy_parameters(t, f, f->origin);
    return SY_OK;
}

static sy_status fit(task *t, const sy_request *request, sy_error *err)
{
    fitting f = {.epochs = 0};
    int64_t seed = 0;
    SY_TRY(read_number(request, 4, 1, &f.epochs, err));
    SY_TRY(read_number(request, 5, -1, &f.most, err));
    f.shuffle = request->args[6].kind == SY_VALUE_BOOL && request->args[6].as.boolean;
    SY_TRY(read_number(request, 7, INT64_MIN, &seed, err));
    SY_TRY(read_number(request, 8, 0, &f.returned, err));
    f.seed = (uint64_t)seed;
    if ((uint64_t)f.returned > t->body->state_count || f.returned > SYI_TAPE_INPUTS_MAX) {
        return syi_fail(err, SY_EINVAL, "%" PRId64 " parameters of plan %s, which has %zu",
                        f.returned, t->body->name, t->body->state_count);
    }
    SY_TRY(open_fitting(t, &f, err));
    sy_status status = train(t, &f, err);
    close_fitting(t, &f);
    SY_TRY(status);
    SY_TRY(finish_fit(t, &f, err));
    return answer_fit(t, &f, err);
}

/* evaluate */

typedef struct evaluating {
    int64_t classes, rows, right;
    double loss;
    int64_t *predicted, *targets; /* classes of them; NULL: not wanted */
} evaluating;

static int64_t greatest(const syi_array *scores, int64_t row, int64_t classes)
{
    int64_t best = 0;
    for (int64_t k = 1; k < classes; k++) {
        best = syi_array_get_double(scores, row * classes + k) >
                       syi_array_get_double(scores, row * classes + best)
                   ? k
                   : best;
    }
    return best;
}

/* Scores of classes, and the targets' numbers among them. */
static void count_classes(evaluating *e, const syi_array *scores, const syi_array *targets)
{
    const int64_t classes = scores->shape[1];
    for (int64_t row = 0; row < scores->shape[0]; row++) {
        const int64_t said = greatest(scores, row, classes),
                      target = syi_array_get_int(targets, row);
        e->right += said == target ? 1 : 0;
        if (e->predicted != NULL && said < e->classes) {
            e->predicted[said]++;
        }
        if (e->targets != NULL && target >= 0 && target < e->classes) {
            e->targets[target]++;
        }
    }
}

static sy_status see_batch(task *t, void *user, size_t from, const sy_value *results, sy_error *err)
{
    evaluating *e = user;
    double loss = 0;
    syi_array targets;
    if (t->body->tape->result_count != 2) {
        return syi_fail(err, SY_EINVAL, "plan %s does not give outputs and a loss", t->body->name);
    }
    const syi_array *scores = array_of(&results[0]);
    const size_t count = batch_at(t, from);
    SY_TRY(read_loss(t, &results[1], count, &loss, err));
    const bool classes = scores != NULL && scores->ndim == 2 && scores->shape[1] > 1 &&
                         scores->shape[0] == (int64_t)count &&
                         !sy_dtype_is_floating(syi_rows_get_dtype(t->served->targets)) &&
                         t->served->target_transforms.count == 0;
    e->loss += loss * (double)count;
    e->rows += (int64_t)count;
    if (!classes || e->right < 0) {
        e->right = -1;
        return SY_OK;
    }
    if (!depends_on(&results[0], SYI_SPREAD_DATA, count)) {
        return syi_fail(err, SY_EPERM, "the outputs of plan %s are not one for each row",
                        t->body->name);
    }
    SY_TRY(
        syi_rows_read(t->served->targets, t->places + from, count, t->mode.account, &targets, err));
    const bool one_each = syi_array_numel(&targets) == (int64_t)count;
    if (one_each) {
        count_classes(e, scores, &targets);
    }
    e->right = one_each ? e->right : -1;
    syi_array_fini(&targets);
    return SY_OK;
}

static sy_status answer_evaluation(const task *t, const evaluating *e, sy_error *err)
{
    sy_context *context = t->request->worker->hook->context;
    const size_t classes = (size_t)e->classes;
    sy_value *bins = syi_alloc_array(context, 2 * classes + 1, sizeof *bins);
    if (bins == NULL) {
        return SYI_ENOMEM(err, "evaluate");
    }
    for (size_t k = 0; k < classes; k++) {
        bins[k] = sy_value_int(e->predicted[k]);
        bins[classes + k] = sy_value_int(e->targets[k]);
    }
    const sy_value items[] = {sy_value_float(e->loss / (double)e->rows), sy_value_int(e->rows),
                              sy_value_int(e->right), sy_value_list(bins, classes),
                              sy_value_list(bins + classes, classes)};
    const sy_value list = sy_value_list(items, 5);
    const sy_status status = syi_encode_value(t->request->reply, &list, err);
    syi_free(context, bins, (2 * classes + 1) * sizeof *bins);
    return status;
}

static sy_status evaluate_all(task *t, evaluating *e, sy_error *err)
{
    t->mode.grad = false;
    for (size_t from = 0; from < t->count; from += (size_t)t->batch_size) {
        SY_TRY(with_batch(t, from, see_batch, e, err));
    }
    return answer_evaluation(t, e, err);
}

static sy_status evaluate(task *t, const sy_request *request, sy_error *err)
{
    sy_context *context = request->worker->hook->context;
    evaluating e = {.rows = 0};
    SY_TRY(read_number(request, 4, 0, &e.classes, err));
    if (e.classes > SYI_EVALUATION_CLASSES_MAX) {
        return syi_fail(err, SY_ELIMIT, "histograms of %" PRId64 " classes, the limit is %d",
                        e.classes, SYI_EVALUATION_CLASSES_MAX);
    }
    if ((int64_t)t->count < t->served->release_rows) {
        return syi_fail(err, SY_EPERM,
                        "%zu rows; what is said of fewer than %" PRId64 " does not leave", t->count,
                        t->served->release_rows);
    }
    const size_t size = (2 * (size_t)e.classes + 1) * sizeof *e.predicted;
    e.predicted = syi_alloc(context, size);
    if (e.predicted == NULL) {
        return SYI_ENOMEM(err, "evaluate");
    }
    e.targets = e.predicted + e.classes;
    const sy_status status = evaluate_all(t, &e, err);
    syi_free(context, e.predicted, size);
    return status;
}

/* Commands */

static sy_status handle(const sy_request *request,
                        sy_status (*work)(task *t, const sy_request *request, sy_error *err),
                        sy_error *err)
{
    task t;
    sy_status status = task_open(&t, request, err);
    if (status == SY_OK) {
        status = work(&t, request, err);
    }
    task_close(&t);
    return status == SY_OK || t.served == NULL
               ? status
               : syi_error_prefix(err, status, "dataset %s at worker %s", t.served->key,
                                  request->worker->name);
}

/* fit(dataset, plan, [parameters], batch size, epochs, most batches, shuffle, seed, how many parameters, proximal): [loss, rows, batches, [parameters]];
 * with [least, clip, [holder, aggregate], ...]: no parameters, and their changes are in these aggregates */
static sy_status handle_fit(const sy_request *request, sy_error *err)
{
    return handle(request, fit, err);
}

/* evaluate(dataset, plan, [parameters], batch size, classes): [loss, rows, right, [predicted], [targets]] */
static sy_status handle_evaluate(const sy_request *request, sy_error *err)
{
    return handle(request, evaluate, err);
}

/* dtype, [dims] */
static void put_kind(sy_value items[2], sy_value *dims, sy_tensor *batch)
{
    int64_t shape[SY_DIM_MAX];
    int ndim = 0;
    sy_dtype dtype = SY_DTYPE_F32;
    (void)sy_tensor_get_shape(batch, &ndim, shape, NULL); /* it is here */
    (void)sy_tensor_get_dtype(batch, &dtype, NULL);
    for (int k = 0; k < ndim; k++) {
        dims[k] = sy_value_int(k == 0 ? -1 : shape[k]);
    }
    items[0] = sy_value_string(sy_dtype_name(dtype));
    items[1] = sy_value_list(dims, (size_t)ndim);
}

/* dataset_info(dataset): [key, rows, release_rows, dtype, [dims], dtype, [dims]], of batches */
static sy_status handle_info(const sy_request *request, sy_error *err)
{
    const syi_served *served = NULL;
    sy_tensor *data, *targets;
    sy_value dims[2][SY_DIM_MAX], items[7];
    int64_t first = 0;
    SY_TRY(read_dataset(request, &served, err));
    const int64_t rows = syi_rows_get_count(served->data);
    sy_scope *s = sy_scope_begin(request->worker->hook);
    sy_status status = s != NULL ? SY_OK : SYI_ENOMEM(err, "dataset");
    if (status == SY_OK) {
        status = syi_served_batch(served, s, &first, rows > 0 ? 1 : 0, &data, &targets, err);
    }
    if (status == SY_OK) {
        items[0] = sy_value_string(served->key);
        items[1] = sy_value_int(rows);
        items[2] = sy_value_int(served->release_rows);
        put_kind(&items[3], dims[0], data);
        put_kind(&items[5], dims[1], targets);
        const sy_value list = sy_value_list(items, 7);
        status = syi_encode_value(request->reply, &list, err);
    }
    const sy_status ended = sy_scope_end(s, status == SY_OK ? err : NULL);
    return status == SY_OK ? ended : status;
}

sy_status syi_training_commands_register(sy_hook *hook, sy_error *err)
{
    static const syi_worker_command commands[] = {
        {SYI_COMMAND_FIT, 10, 11, SYI_COMMAND_WAITS, handle_fit},
        {SYI_COMMAND_EVALUATE, 5, 5, SYI_COMMAND_WAITS, handle_evaluate},
        {SYI_COMMAND_DATASET_INFO, 1, 1, SYI_COMMAND_WAITS, handle_info},
    };
    return syi_commands_register(hook, commands, sizeof commands / sizeof commands[0], err);
}
