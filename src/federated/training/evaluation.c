/*
 * evaluation.c - a worker says how good a model is on a dataset that it serves: mean loss, right answers, and histograms of what the model says and
 * of the targets. Part of task.h.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "differential_privacy/noisy_sum.h"
#include "federated/training/noisy_fit.h"
#include "federated/training/trainer.h"

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

/* Scores of two classes or more for each row, and one whole number for each as its target? */
static bool is_classes(const syi_array *scores, const syi_array *targets, size_t count)
{
    return scores != NULL && scores->ndim == 2 && scores->shape[1] > 1 &&
           scores->shape[0] == (int64_t)count && !sy_dtype_is_floating(targets->dtype) &&
           syi_array_numel(targets) == (int64_t)count;
}

static sy_status see_batch(syi_task *t, void *user, size_t from, const sy_value *results,
                           sy_tensor *targets, sy_error *err)
{
    evaluating *e = user;
    double loss = 0;
    if (t->body->tape->result_count != 2) {
        return syi_fail(err, SY_EINVAL, "plan %s does not give outputs and a loss", t->body->name);
    }
    const syi_array *scores = syi_served_array_of(&results[0]),
                    *wanted = syi_node_array(targets->node);
    const size_t count = syi_task_batch_at(t, from);
    SY_TRY(syi_task_read_loss(t, &results[1], count, &loss, err));
    e->loss += loss * (double)count;
    e->rows += (int64_t)count;
    if (e->right < 0 || !is_classes(scores, wanted, count)) {
        e->right = -1;
        return SY_OK;
    }
    if (!syi_task_depends_on(&results[0], SYI_SPREAD_DATA, count)) {
        return syi_fail(err, SY_EPERM, "the outputs of plan %s are not one for each row",
                        t->body->name);
    }
    count_classes(e, scores, wanted);
    return SY_OK;
}

static sy_status answer_evaluation(const syi_task *t, const evaluating *e, sy_error *err)
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

static sy_status evaluate_all(syi_task *t, evaluating *e, sy_error *err)
{
    t->mode.grad = false;
    for (size_t from = 0; from < t->count; from += (size_t)t->batch_size) {
        SY_TRY(syi_task_batch(t, from, see_batch, e, err));
    }
    return answer_evaluation(t, e, err);
}

/* With noise: each row by itself, and what it adds is bounded */

typedef struct noisy {
    double multiplier, loss_most;
    bool classes;      /* does the plan tell of classes? */
    syi_noisy_sum sum; /* right rows, losses as parts of the greatest */
    syi_array states[SYI_TAPE_INPUTS_MAX];
    size_t state_count;
} noisy;

/* On a row of zeros. */
static sy_status see_kind(syi_task *t, void *user, size_t from, const sy_value *results,
                          sy_tensor *targets, sy_error *err)
{
    (void)from;
    if (t->body->tape->result_count != 2) {
        return syi_fail(err, SY_EINVAL, "plan %s does not give outputs and a loss", t->body->name);
    }
    ((noisy *)user)->classes =
        is_classes(syi_served_array_of(&results[0]), syi_node_array(targets->node), 1);
    return SY_OK;
}

static sy_status see_row(syi_task *t, void *user, size_t from, const sy_value *results,
                         sy_tensor *targets, sy_error *err)
{
    noisy *n = user;
    evaluating one = {.rows = 1};
    const syi_array *scores = syi_served_array_of(&results[0]),
                    *wanted = syi_node_array(targets->node),
                    *loss = syi_served_array_of(&results[1]);
    (void)t;
    (void)from;
    (void)err;
    if (is_classes(scores, wanted, 1)) {
        count_classes(&one, scores, wanted);
    }
    const double told = loss != NULL && syi_array_numel(loss) == 1
                            ? fmin(fmax(syi_array_get_double(loss, 0), 0), n->loss_most)
                            : 0;
    syi_noisy_sum_add(&n->sum, (double[]){(double)one.right, told / n->loss_most});
    return SY_OK;
}

static sy_status add_rows(syi_task *t, noisy *n, sy_error *err)
{
    t->mode.grad = false;
    t->batch_size = 1;
    t->noisy = true;
    for (size_t k = 0; k < t->count; k++) {
        SY_TRY(syi_task_set_states(t, n->states, err));
        const sy_status status = syi_task_batch(t, k, see_row, n, err);
        if (syi_noisy_is_fatal(status)) {
            return status;
        }
    }
    return SY_OK;
}

static sy_status tell_noisily(syi_task *t, noisy *n, sy_error *err)
{
    sy_charge charge = SY_CHARGE_INIT;
    double told[2];
    charge.noise_multiplier = n->multiplier;
    SY_TRY(syi_task_save_states(t, n->states, &n->state_count, err));
    SY_TRY(syi_task_try(t, see_kind, n, err));
    SY_TRY(syi_served_charge(t->served, t->request, &charge, err));
    SY_TRY(add_rows(t, n, err));
    SY_TRY(syi_noisy_sum_tell(&n->sum, told, err));
    const double rows = (double)t->count;
    const evaluating e = {
        .rows = (int64_t)t->count,
        .right = n->classes ? (int64_t)llround(fmin(fmax(told[0], 0), rows)) : -1,
        .loss = fmin(fmax(told[1], 0), rows) * n->loss_most,
    };
    return answer_evaluation(t, &e, err);
}

static sy_status evaluate_noisily(syi_task *t, const sy_value *given, sy_error *err)
{
    const sy_value *items = given->as.list.items;
    sy_noise *noise = NULL;
    noisy n = {.multiplier = 0};
    if (given->kind != SY_VALUE_LIST || given->as.list.count != 2 ||
        items[0].kind != SY_VALUE_FLOAT || items[1].kind != SY_VALUE_FLOAT ||
        !(items[0].as.real >= 0x1p-18 && items[0].as.real <= 0x1p18) ||
        !(items[1].as.real > 0 && items[1].as.real < 1e100)) {
        return syi_fail(err, SY_EINVAL,
                        "noise multiplier (2^-18 to 2^18) or greatest loss are out of range");
    }
    if (t->count == 0) {
        return syi_fail(err, SY_ERANGE, "there are no rows");
    }
    n.multiplier = items[0].as.real;
    n.loss_most = items[1].as.real;
    SY_TRY(sy_noise_new(t->request->worker->hook->context, &noise, err));
    sy_status status = syi_noisy_sum_open(&n.sum, noise, SY_NOISE_GAUSSIAN, 2, sqrt(2),
                                          nextafter(sqrt(2) * n.multiplier, INFINITY), err);
    if (status == SY_OK) {
        status = tell_noisily(t, &n, err);
        syi_noisy_sum_close(&n.sum);
    }
    for (size_t k = 0; k < n.state_count; k++) {
        syi_array_fini(&n.states[k]);
    }
    sy_noise_free(noise);
    return status;
}

sy_status syi_task_evaluate(syi_task *t, const sy_request *request, sy_error *err)
{
    sy_context *context = request->worker->hook->context;
    evaluating e = {.rows = 0};
    SY_TRY(syi_served_read_number(request, 4, 0, &e.classes, err));
    if (e.classes > SYI_EVALUATION_CLASSES_MAX) {
        return syi_fail(err, SY_ELIMIT, "histograms of %" PRId64 " classes, the limit is %d",
                        e.classes, SYI_EVALUATION_CLASSES_MAX);
    }
    if (request->arg_count > 5) {
        return evaluate_noisily(t, &request->args[5], err);
    }
    SY_TRY(syi_task_check_release(t, err));
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
