/*
 * fit.c - a worker trains a model on a dataset that it serves. Part of task.h. The answer is the model's parameters and its buffers (running
 * statistics), or their changes go to a sum (contribution.h).
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "federated/numbers.h"
#include "federated/shuffle.h"
#include "federated/training/contribution.h"
#include "federated/training/noisy_fit.h"
#include "federated/training/task.h"
#include "federated/training/trainer.h"

/* Arguments that may be left out, or are empty lists. */
static bool has_list(const sy_request *request, size_t index)
{
    return request->arg_count > index &&
           !(request->args[index].kind == SY_VALUE_LIST && request->args[index].as.list.count == 0);
}

typedef struct fitting {
    int64_t epochs, most, returned;
    int64_t buffers; /* behind the parameters, and returned, too */
    bool shuffle;
    uint64_t seed;
    double proximal;
    double *origin,
        *before; /* parameters of the beginning, and of the step's; NULL: they are not looked at */
    size_t elements;
    syi_fit_tally tally;
} fitting;

static size_t count_elements(const syi_task *t, size_t count)
{
    size_t elements = 0;
    for (size_t k = 0; k < count; k++) {
        elements += (size_t)syi_array_numel(syi_node_array(t->body->states[k].tensor->node));
    }
    return elements;
}

static void copy_parameters(const syi_task *t, const fitting *f, double *numbers)
{
    for (size_t k = 0; k < (size_t)f->returned; k++) {
        numbers += syi_numbers_read(syi_node_array(t->body->states[k].tensor->node), numbers);
    }
}

/* FedProx (Li and others 2020): the gradient of mu / 2 |w - origin|^2 at where the step began, times the learning rate. */
static void pull_back(const syi_task *t, const fitting *f)
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

static sy_status see_step(syi_task *t, void *user, size_t from, const sy_value *results,
                          sy_tensor *targets, sy_error *err)
{
    (void)targets;
    fitting *f = user;
    double loss = 0;
    const int64_t rows = (int64_t)syi_task_batch_at(t, from);
    SY_TRY(syi_task_read_loss(t, &results[0], (size_t)rows, &loss, err));
    f->tally.loss += loss * (double)rows;
    f->tally.rows += rows;
    f->tally.batches++;
    if (f->before != NULL) {
        pull_back(t, f);
    }
    return SY_OK;
}

static bool is_enough(const fitting *f)
{
    return f->most >= 0 && f->tally.batches >= f->most;
}

static sy_status train(syi_task *t, fitting *f, sy_error *err)
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
    for (int64_t epoch = 0; epoch < f->epochs && !is_enough(f); epoch++) {
        f->tally.loss = 0;
        f->tally.rows = 0;
        if (f->shuffle) {
            syi_shuffle(&f->seed, t->places, t->count);
        }
        for (size_t from = 0;
             from < t->count && !is_enough(f) && syi_task_batch_at(t, from) >= (size_t)least;
             from += (size_t)t->batch_size) {
            if (f->before != NULL) {
                copy_parameters(t, f, f->before);
            }
            SY_TRY(syi_task_batch(t, from, see_step, f, err));
        }
    }
    return SY_OK;
}

/*
 * Running statistics are nothing that an optimizer has written, so no release has lifted them. They leave when they are means, moved by batches that were as
 * large as what is released; a copy, since the plan's own stays what it is.
 */
static sy_status release_buffers(const syi_task *t, const fitting *f, sy_error *err)
{
    for (size_t k = (size_t)f->returned; k < (size_t)(f->returned + f->buffers); k++) {
        syi_plan_state *state = &t->body->states[k];
        const sy_value value = sy_value_tensor(state->tensor);
        const syi_policy policy = syi_tensor_policy(state->tensor);
        sy_tensor *copy = NULL;
        syi_array array;
        if (!syi_policy_hides(&policy, t->request->bit)) {
            continue;
        }
        if (!syi_task_depends_on(&value, SYI_SPREAD_AGGREGATE, (size_t)t->served->release_rows)) {
            return syi_fail(err, SY_EPERM,
                            "buffer %zu (%s) is no mean over %" PRId64
                            " rows or more, and does not leave",
                            k - (size_t)f->returned, state->name != NULL ? state->name : "",
                            t->served->release_rows);
        }
        SY_TRY(syi_array_clone(t->body->hook->context, &array, syi_node_array(state->tensor->node),
                               t->mode.account, err));
        SY_TRY(syi_tensor_from_array(t->body->hook, &copy, &array, err));
        sy_tensor_unref(state->tensor);
        state->tensor = copy;
    }
    return SY_OK;
}

/* What leaves has to be a mean over enough rows, and to be numbers: all of them, one after the other. */
static sy_status read_model(const syi_task *t, size_t count, double *numbers, sy_error *err)
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

static sy_status answer_fit(const syi_task *t, const fitting *f, sy_error *err)
{
    sy_value states[SYI_TAPE_INPUTS_MAX];
    const size_t count = (size_t)(f->returned + f->buffers);
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
static sy_status contribute(const syi_task *t, const fitting *f, double *numbers, size_t elements,
                            sy_error *err)
{
    sy_context *context = t->request->worker->hook->context;
    const sy_value *given = &t->request->args[2];
    const size_t count = (size_t)(f->returned + f->buffers);
    if (count > given->as.list.count) {
        return syi_fail(err, SY_EINVAL, "changes of more parameters than were given");
    }
    double *before = syi_alloc_array(context, elements, sizeof *before);
    if (before == NULL) {
        return SYI_ENOMEM(err, "aggregation");
    }
    size_t at = 0;
    for (size_t k = 0; k < count; k++) {
        at +=
            syi_numbers_read(syi_node_array(given->as.list.items[k].as.tensor->node), before + at);
    }
    for (size_t i = 0; i < elements; i++) {
        numbers[i] -= before[i];
    }
    syi_free(context, before, elements * sizeof *before);
    return syi_contribution_send(t->request->worker, &t->request->args[10], numbers, elements,
                                 count_elements(t, (size_t)f->returned), f->tally.rows, err);
}

static sy_status finish_fit(syi_task *t, fitting *f, sy_error *err)
{
    sy_context *context = t->request->worker->hook->context;
    const size_t count = (size_t)(f->returned + f->buffers), elements = count_elements(t, count),
                 size = elements * sizeof(double);
    SY_TRY(release_buffers(t, f, err));
    double *numbers = syi_alloc(context, size);
    if (numbers == NULL && elements > 0) {
        return SYI_ENOMEM(err, "fit");
    }
    sy_status status = read_model(t, count, numbers, err);
    if (status == SY_OK && has_list(t->request, 10)) {
        status = contribute(t, f, numbers, elements, err);
        f->returned = f->buffers = 0;
    }
    if (numbers != NULL) {
        syi_wipe(numbers, size);
        syi_free(context, numbers, size);
    }
    return status;
}

static void close_fitting(const syi_task *t, fitting *f)
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
static sy_status open_fitting(const syi_task *t, fitting *f, sy_error *err)
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

/* [noise multiplier, clip] */
static sy_status fit_noisily(syi_task *t, fitting *f, const sy_value *given, sy_error *err)
{
    const sy_value *items = given->as.list.items;
    if (given->kind != SY_VALUE_LIST || given->as.list.count != 2 ||
        items[0].kind != SY_VALUE_FLOAT || items[1].kind != SY_VALUE_FLOAT) {
        return syi_fail(err, SY_EINVAL, "what should be a noise multiplier and a clip is not");
    }
    const syi_noisy_fit fit = {.noise_multiplier = items[0].as.real,
                               .clip = items[1].as.real,
                               .epochs = f->epochs,
                               .most = f->most,
                               .parameters = (size_t)f->returned};
    if (f->buffers > 0) { /* which no noise is for */
        return syi_fail(err, SY_ENOTSUP, "buffers are not told with noise");
    }
    f->tally = (syi_fit_tally){.loss = NAN, .rows = (int64_t)t->count};
    return syi_task_fit_noisily(t, &fit, &f->tally.batches, err);
}

static sy_status fit_plainly(syi_task *t, fitting *f, sy_error *err)
{
    SY_TRY(syi_task_check_release(t, err));
    SY_TRY(open_fitting(t, f, err));
    const sy_status status = train(t, f, err);
    close_fitting(t, f);
    return status;
}

sy_status syi_task_fit(syi_task *t, const sy_request *request, sy_error *err)
{
    fitting f = {.epochs = 0};
    int64_t seed = 0;
    SY_TRY(syi_served_read_number(request, 4, 1, &f.epochs, err));
    SY_TRY(syi_served_read_number(request, 5, -1, &f.most, err));
    f.shuffle = request->args[6].kind == SY_VALUE_BOOL && request->args[6].as.boolean;
    SY_TRY(syi_served_read_number(request, 7, INT64_MIN, &seed, err));
    SY_TRY(syi_served_read_number(request, 8, 0, &f.returned, err));
    if (request->arg_count > 12) {
        SY_TRY(syi_served_read_number(request, 12, 0, &f.buffers, err));
    }
    f.seed = (uint64_t)seed;
    if (f.returned > SYI_TAPE_INPUTS_MAX || f.buffers > SYI_TAPE_INPUTS_MAX ||
        (uint64_t)(f.returned + f.buffers) > t->body->state_count ||
        f.returned + f.buffers > SYI_TAPE_INPUTS_MAX) {
        return syi_fail(err, SY_EINVAL,
                        "%" PRId64 " parameters and %" PRId64 " buffers of plan %s, which has %zu",
                        f.returned, f.buffers, t->body->name, t->body->state_count);
    }
    SY_TRY(has_list(request, 11) ? fit_noisily(t, &f, &request->args[11], err)
                                 : fit_plainly(t, &f, err));
    SY_TRY(finish_fit(t, &f, err));
    return answer_fit(t, &f, err);
}
