/* trainer_evaluation.c - asking a worker how good a trainer's model is on a dataset. Part of trainer.h; the worker's half is evaluation.c. */
#include "core/error.h"
#include "core/memory.h"
#include "federated/serving/shard_requests.h"
#include "federated/training/trainer.h"

static bool is_list(const sy_value *value, size_t count)
{
    return value->kind == SY_VALUE_LIST && value->as.list.count == count;
}

static bool take_bins(const sy_value *list, int64_t *bins, int64_t classes)
{
    for (int64_t k = 0; bins != NULL && k < classes; k++) {
        if (list->as.list.items[k].kind != SY_VALUE_INT) {
            return false;
        }
        bins[k] = list->as.list.items[k].as.integer;
    }
    return true;
}

static sy_status take_evaluation(const sy_shard *shard, const sy_value *answer, sy_evaluation *e,
                                 int64_t classes, sy_error *err)
{
    const sy_value *items = answer->as.list.items;
    if (!is_list(answer, 5) || items[0].kind != SY_VALUE_FLOAT || items[1].kind != SY_VALUE_INT ||
        items[2].kind != SY_VALUE_INT || !is_list(&items[3], (size_t)classes) ||
        !is_list(&items[4], (size_t)classes) || !take_bins(&items[3], e->predicted, classes) ||
        !take_bins(&items[4], e->targets, classes)) {
        return syi_shard_other_answer(shard, err);
    }
    e->loss = items[0].as.real;
    e->rows = items[1].as.integer;
    e->right = items[2].as.integer;
    return SY_OK;
}

static int64_t classes_of(const sy_evaluation *e)
{
    return e->predicted != NULL || e->targets != NULL ? e->classes : 0;
}

/* noise: NULL, or multiplier and greatest loss. */
static sy_status begin(sy_trainer *t, const sy_shard *shard, int64_t batch_size,
                       const sy_value *noise, const sy_evaluation *e, syi_exchange *exchange,
                       sy_error *err)
{
    sy_value args[6] = {
        [3] = sy_value_int(batch_size), [4] = sy_value_int(noise == NULL ? classes_of(e) : 0)};
    args[5] = sy_value_list(noise, 2);
    return syi_trainer_begin(t, shard, SYI_TRAINER_EVALUATE, SYI_COMMAND_EVALUATE, args,
                             noise != NULL ? 6 : 5, 0, exchange, err);
}

static sy_status finish(sy_trainer *t, const sy_shard *shard, syi_exchange *exchange,
                        int64_t classes, sy_evaluation *e, sy_error *err)
{
    syi_decoder decoder;
    sy_value answer;
    sy_status status = syi_link_wait(exchange, err);
    if (status == SY_OK) {
        syi_decoder_init(&decoder, t->hook, t->hook->local_worker, exchange->reply);
        status = syi_decode_value(&decoder, &answer, err);
        status = status == SY_OK ? take_evaluation(shard, &answer, e, classes, err) : status;
        syi_decoder_fini(&decoder);
    }
    syi_link_end(exchange);
    if (status == SY_ENOTFOUND) {
        syi_trainer_forget_plan(t, shard->worker, SYI_TRAINER_EVALUATE);
    }
    return syi_shard_blame(shard, status, err);
}

static sy_status evaluate_once(sy_trainer *t, const sy_shard *shard, int64_t batch_size,
                               const sy_value *noise, sy_evaluation *e, sy_error *err)
{
    syi_exchange exchange;
    SY_TRY(begin(t, shard, batch_size, noise, e, &exchange, err));
    return finish(t, shard, &exchange, noise == NULL ? classes_of(e) : 0, e, err);
}

/* A worker that was started anew has no plan. */
static sy_status evaluate_anew(sy_trainer *t, const sy_shard *shard, int64_t batch_size,
                               const sy_value *noise, sy_evaluation *e, sy_error *err)
{
    sy_error first = SY_ERROR_INIT;
    sy_status status = evaluate_once(t, shard, batch_size, noise, e, &first);
    if (status == SY_ENOTFOUND) {
        status = evaluate_once(t, shard, batch_size, noise, e, &first);
    }
    if (status != SY_OK && err != NULL) {
        *err = first;
    }
    return status;
}

sy_status sy_trainer_evaluate(sy_trainer *trainer, const sy_shard *shard, int64_t batch_size,
                              sy_evaluation *evaluation, sy_error *err)
{
    if (batch_size < 0 || evaluation == NULL || evaluation->classes < 0) {
        return syi_fail(err, SY_EINVAL, "evaluate: batch_size or classes is negative");
    }
    return evaluate_anew(trainer, shard, batch_size > 0 ? batch_size : 256, NULL, evaluation, err);
}

sy_status sy_trainer_evaluate_with_noise(sy_trainer *trainer, const sy_shard *shard,
                                         double noise_multiplier, double loss_max,
                                         sy_evaluation *evaluation, sy_error *err)
{
    const sy_value noise[] = {sy_value_float(noise_multiplier), sy_value_float(loss_max)};
    if (!(noise_multiplier >= 0x1p-18 && noise_multiplier <= 0x1p18) ||
        !(loss_max > 0 && loss_max < 1e100) || evaluation == NULL) {
        return syi_fail(err, SY_EINVAL,
                        "evaluate: noise_multiplier is %g, 2^-18 to 2^18 is possible, loss_max %g, "
                        "a positive number",
                        noise_multiplier, loss_max);
    }
    return evaluate_anew(trainer, shard, 1, noise, evaluation, err);
}

/* Many */

typedef struct many {
    sy_trainer *trainer;
    const sy_shard *shards;
    size_t count;
    int64_t batch_size;
    syi_exchange *exchanges;
    sy_shard_report *reports;
    sy_evaluation one; /* of a worker, with bins of its own */
    int64_t *bins;
    sy_evaluation *all;
} many;

static void add_bins(int64_t *to, const int64_t *from, int64_t classes)
{
    for (int64_t k = 0; to != NULL && k < classes; k++) {
        to[k] += from[k];
    }
}

static void add(many *m, size_t k)
{
    const sy_evaluation *one = &m->one;
    sy_evaluation *all = m->all;
    m->reports[k].counted = true;
    m->reports[k].result = (sy_fit_result){.loss = one->loss, .rows = one->rows};
    all->loss += one->loss * (double)one->rows;
    all->rows += one->rows;
    all->right = one->right < 0 || all->right < 0 ? -1 : all->right + one->right;
    add_bins(all->predicted, one->predicted, classes_of(all));
    add_bins(all->targets, one->targets, classes_of(all));
}

/* Each gets its request before the first answer is waited for. */
static void ask_all(many *m)
{
    for (size_t k = 0; k < m->count; k++) {
        sy_shard_report *report = &m->reports[k];
        *report = (sy_shard_report){.asked = true};
        report->why.status = begin(m->trainer, &m->shards[k], m->batch_size, NULL, &m->one,
                                   &m->exchanges[k], &report->why);
    }
    for (size_t k = 0; k < m->count; k++) {
        sy_error *why = &m->reports[k].why;
        if (why->status == SY_OK) {
            sy_status status = finish(m->trainer, &m->shards[k], &m->exchanges[k],
                                      classes_of(&m->one), &m->one, why);
            if (status == SY_ENOTFOUND) {
                status =
                    evaluate_once(m->trainer, &m->shards[k], m->batch_size, NULL, &m->one, why);
            }
            why->status = status;
            if (status == SY_OK) {
                *why = (sy_error)SY_ERROR_INIT;
                add(m, k);
            }
        }
    }
}

static sy_status sum_up(const many *m, sy_error *err)
{
    size_t k = 0;
    while (k < m->count && !m->reports[k].counted) {
        k++;
    }
    if (k == m->count) {
        return syi_fail(err, SY_ECANCELED,
                        "evaluate: none of %zu workers answered; the first: %.400s", m->count,
                        m->reports[0].why.message);
    }
    m->all->loss = m->all->rows > 0 ? m->all->loss / (double)m->all->rows : 0;
    return SY_OK;
}

sy_status sy_trainer_evaluate_all(sy_trainer *trainer, const sy_shard *shards, size_t count,
                                  int64_t batch_size, sy_evaluation *evaluation,
                                  sy_shard_report *reports, sy_error *err)
{
    if (shards == NULL || count == 0 || batch_size < 0 || evaluation == NULL ||
        evaluation->classes < 0) {
        return syi_fail(err, SY_EINVAL,
                        "evaluate: no shards, or batch_size or classes is negative");
    }
    sy_context *context = trainer->hook->context;
    const size_t classes = (size_t)classes_of(evaluation);
    sy_evaluation all = *evaluation;
    many m = {.trainer = trainer,
              .shards = shards,
              .count = count,
              .batch_size = batch_size > 0 ? batch_size : 256,
              .exchanges = syi_alloc_array(context, count, sizeof *m.exchanges),
              .reports = syi_alloc_array(context, count, sizeof *m.reports),
              .bins = syi_alloc_array(context, 2 * classes + 1, sizeof *m.bins),
              .all = &all};
    sy_status status = m.exchanges != NULL && m.reports != NULL && m.bins != NULL
                           ? SY_OK
                           : SYI_ENOMEM(err, "evaluate");
    if (status == SY_OK) {
        m.one = (sy_evaluation){.classes = (int64_t)classes,
                                .predicted = classes > 0 ? m.bins : NULL,
                                .targets = classes > 0 ? m.bins + classes : NULL};
        all.rows = all.right = 0;
        all.loss = 0;
        for (size_t k = 0; k < classes; k++) {
            (all.predicted != NULL ? all.predicted : m.bins)[k] = 0;
            (all.targets != NULL ? all.targets : m.bins)[k] = 0;
        }
        ask_all(&m);
        status = sum_up(&m, err);
    }
    if (status == SY_OK) {
        *evaluation = all;
    }
    for (size_t k = 0; k < count && reports != NULL && m.reports != NULL; k++) {
        reports[k] = m.reports[k];
    }
    syi_free(context, m.exchanges, count * sizeof *m.exchanges);
    syi_free(context, m.reports, count * sizeof *m.reports);
    syi_free(context, m.bins, (2 * classes + 1) * sizeof *m.bins);
    return status;
}
