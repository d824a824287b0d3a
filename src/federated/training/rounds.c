/*
 * rounds.c - a round of federated training: who takes part, all of them at the same time, and what becomes of their models. Part of
 * trainer.h. Sources: McMahan, Moore, Ramage, Hampson and Agueera y Arcas 2017 (FedAvg), Reddi and others 2021 (FedAdam).
 * Test: tests/integration/federated_training.c.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "federated/shuffle.h"
#include "federated/training/contribution.h"
#include "federated/training/introductions.h"

typedef struct round_ {
    sy_trainer *trainer;
    const sy_shard *shards;
    size_t count;
    sy_round_options o;
    syi_fit *fits;
    sy_shard_report *reports;
    double *before, *after,
        *sum;      /* parameters and buffers; of the round's start, of one worker, and weighted */
    double weight; /* of what is in the sum: rows */
    double loss;
    size_t counted;
    syi_aggregation aggregation; /* where updates are summed by holders */
    syi_secure_fit secure;
} round_;

static sy_status read_options(const sy_round_options *given, size_t count, sy_round_options *o,
                              sy_error *err)
{
    *o = (sy_round_options)SY_ROUND_OPTIONS_INIT;
    if (given != NULL) {
        memcpy(o, given, given->size < sizeof *o ? given->size : sizeof *o);
    }
    const sy_fit_options fit = o->fit;
    SY_TRY(syi_fit_options_read(&fit, &o->fit, err));
    const char *wrong = o->strategy != SY_STRATEGY_AVERAGE && o->strategy != SY_STRATEGY_ADAM
                            ? "strategy"
                        : o->min_workers < 1 || o->min_workers > count ? "min_workers"
                        : !(o->fraction > 0 && o->fraction <= 1)       ? "fraction"
                        : !(o->update_max >= 0)                        ? "update_max"
                        : !(o->lr > 0)                                 ? "lr"
                        : !(o->beta1 >= 0 && o->beta1 < 1)             ? "beta1"
                        : !(o->beta2 >= 0 && o->beta2 < 1)             ? "beta2"
                        : !(o->tau > 0)                                ? "tau"
                        : o->holder_count > 0 && o->holders == NULL    ? "holders"
                        : o->holder_count > 0 && o->aggregate_min < 1  ? "aggregate_min"
                                                                       : NULL;
    return wrong == NULL ? SY_OK
                         : syi_fail(err, SY_EINVAL, "round: option %s is out of range", wrong);
}

static void round_close(round_ *r)
{
    sy_context *context = r->trainer->hook->context;
    const size_t size = r->trainer->state_count * sizeof(double);
    syi_aggregation_close(&r->aggregation);
    syi_free(context, r->fits, r->count * sizeof *r->fits);
    syi_free(context, r->reports, r->count * sizeof *r->reports);
    syi_free(context, r->before, size);
    syi_free(context, r->after, size);
    syi_free(context, r->sum, size);
}

static sy_status round_open(round_ *r, sy_error *err)
{
    sy_context *context = r->trainer->hook->context;
    const size_t elements = r->trainer->state_count;
    r->fits = syi_alloc_array(context, r->count, sizeof *r->fits);
    r->reports = syi_alloc_array(context, r->count, sizeof *r->reports);
    r->before = syi_alloc_array(context, elements, sizeof *r->before);
    r->after = syi_alloc_array(context, elements, sizeof *r->after);
    r->sum = syi_alloc_array(context, elements, sizeof *r->sum);
    if (r->o.fit.seed != 0) { /* other orders in every round, the same for the same one */
        uint64_t state = r->o.fit.seed + (uint64_t)r->trainer->rounds;
        r->o.fit.seed = syi_shuffle_next(&state) | 1;
    }
    return r->fits != NULL && r->reports != NULL && r->before != NULL && r->after != NULL &&
                   r->sum != NULL
               ? syi_trainer_read(r->trainer, r->before, err)
               : SYI_ENOMEM(err, "round");
}

/* `fraction` of the shards, rounded, at least as many as must answer. */
static sy_status draw(round_ *r, sy_error *err)
{
    sy_context *context = r->trainer->hook->context;
    uint64_t seed = r->o.seed + (uint64_t)r->trainer->rounds;
    size_t wanted = (size_t)llround(r->o.fraction * (double)r->count);
    wanted = wanted > r->o.min_workers ? wanted : r->o.min_workers;
    int64_t *order = syi_alloc_array(context, r->count, sizeof *order);
    if (order == NULL) {
        return SYI_ENOMEM(err, "round");
    }
    const sy_status status =
        r->o.seed == 0 ? syi_random_bytes(context, &seed, sizeof seed, err) : SY_OK;
    for (size_t k = 0; k < r->count; k++) {
        order[k] = (int64_t)k;
    }
    syi_shuffle(&seed, order, r->count);
    for (size_t k = 0; k < wanted; k++) {
        r->reports[order[k]].asked = true;
    }
    syi_free(context, order, r->count * sizeof *order);
    return status;
}

static sy_status begin(round_ *r, size_t k)
{
    sy_error *why = &r->reports[k].why;
    const syi_secure_fit *secure = r->secure.aggregation != NULL ? &r->secure : NULL;
    return syi_fit_begin(r->trainer, &r->shards[k], &r->o.fit, secure, &r->fits[k], why);
}

/* Every one that takes part gets its request before the first answer is waited for. */
static sy_status ask(round_ *r, sy_error *err)
{
    for (size_t k = 0; k < r->count; k++) {
        r->reports[k].why = (sy_error)SY_ERROR_INIT;
        r->fits[k].begun = false;
    }
    SY_TRY(syi_introduce_holders(r->trainer, r->shards, r->reports, r->count, r->o.holders,
                                 r->o.holder_count, err));
    for (size_t k = 0; k < r->count; k++) {
        if (r->reports[k].asked && r->reports[k].why.status == SY_OK) {
            (void)begin(r, k);
        }
    }
    return SY_OK;
}

/* Of the parameters: what the data are like, which buffers say, has no limit. */
static sy_status check_update(const round_ *r, const sy_shard *shard, sy_error *err)
{
    double square = 0;
    for (size_t i = 0; i < r->trainer->element_count; i++) {
        const double change = r->after[i] - r->before[i];
        square += change * change;
    }
    return r->o.update_max == 0 || square <= r->o.update_max * r->o.update_max
               ? SY_OK
               : syi_fail_object(err, SY_ERANGE, shard->key,
                                 "worker %s, dataset %s: the model changed by %g, the limit is %g",
                                 shard->worker->name, shard->key, sqrt(square), r->o.update_max);
}

static void add(round_ *r, const sy_fit_result *result)
{
    const double rows = (double)result->rows;
    for (size_t i = 0; i < r->trainer->state_count && r->secure.aggregation == NULL; i++) {
        r->sum[i] += rows * (r->after[i] - r->before[i]);
    }
    r->weight += rows;
    r->loss += rows * result->loss;
    r->counted++;
}

static sy_status hear(round_ *r, size_t k)
{
    sy_shard_report *report = &r->reports[k];
    double *after = r->secure.aggregation != NULL ? NULL : r->after;
    return syi_fit_finish(r->trainer, &r->shards[k], &r->fits[k], after, &report->result,
                          &report->why);
}

/* The worker was started anew, and has neither the plan nor holders. */
static sy_status hear_again(round_ *r, size_t k)
{
    sy_shard_report *report = &r->reports[k];
    const sy_error first = report->why;
    report->why = (sy_error)SY_ERROR_INIT;
    syi_forget_introductions(r->trainer, r->shards[k].worker);
    SY_TRY(syi_introduce_holders(r->trainer, &r->shards[k], report, 1, r->o.holders,
                                 r->o.holder_count, &report->why));
    SY_TRY(report->why.status);
    SY_TRY(begin(r, k));
    const sy_status status = hear(r, k);
    if (status != SY_EEXIST) {
        return status;
    }
    report->why = first; /* it had a plan, and another holder was not found */
    return SY_ENOTFOUND;
}

/* One after the other is added, so that memory does not grow with the number of workers. */
static void listen(round_ *r)
{
    memset(r->sum, 0, r->trainer->state_count * sizeof *r->sum);
    for (size_t k = 0; k < r->count; k++) {
        sy_shard_report *report = &r->reports[k];
        const sy_shard *shard = &r->shards[k];
        if (!r->fits[k].begun) {
            continue;
        }
        sy_status status = hear(r, k);
        status = status == SY_ENOTFOUND ? hear_again(r, k) : status;
        if (status == SY_OK && report->result.rows < 1) {
            status = syi_fail_object(&report->why, SY_EPROTO, shard->key,
                                     "worker %s, dataset %s: trained on no rows",
                                     shard->worker->name, shard->key);
        }
        if (status == SY_OK && r->secure.aggregation == NULL) {
            status = check_update(r, shard, &report->why);
        }
        report->counted = status == SY_OK;
        if (status == SY_OK) {
            report->why = (sy_error)SY_ERROR_INIT;
            add(r, &report->result);
        } else {
            report->why.status = status;
            syi_forget_introductions(r->trainer, shard->worker);
        }
    }
}

static sy_status enough(const round_ *r, sy_error *err)
{
    if (r->counted >= r->o.min_workers) {
        return SY_OK;
    }
    size_t k = 0;
    while (k < r->count && (!r->reports[k].asked || r->reports[k].counted)) {
        k++;
    }
    return syi_fail(err, SY_ECANCELED, "round: %zu of %zu workers are missing; the first: %.400s",
                    r->o.min_workers - r->counted, r->o.min_workers,
                    k < r->count ? r->reports[k].why.message : "");
}

static sy_status open_aggregation(round_ *r, sy_error *err)
{
    if (r->o.holder_count == 0) {
        return SY_OK;
    }
    r->secure = (syi_secure_fit){&r->aggregation, r->o.aggregate_min, r->o.update_max};
    return syi_aggregation_open(r->trainer->hook, &r->aggregation, r->o.holders, r->o.holder_count,
                                (int64_t)r->trainer->state_count + 1, r->o.aggregate_min, err);
}

/* What the holders tell together: all that is known of the updates. A worker whose answer was lost may be in it, and one that
 * has answered is. */
static sy_status take_sum(round_ *r, sy_error *err)
{
    sy_context *context = r->trainer->hook->context;
    const size_t n = r->trainer->state_count, size = (n + 1) * sizeof(uint64_t);
    uint64_t *words = syi_alloc(context, size);
    size_t contributors = 0;
    if (words == NULL) {
        return SYI_ENOMEM(err, "round");
    }
    const sy_status status = syi_aggregation_sum(&r->aggregation, words, &contributors, err);
    if (status == SY_OK) {
        for (size_t i = 0; i < n; i++) {
            r->sum[i] = (double)(int64_t)words[i] * SYI_UPDATE_UNIT;
        }
        r->weight = (double)words[n];
    }
    syi_free(context, words, size);
    return status;
}

/* m = beta1 m + (1 - beta1) d, v = beta2 v + (1 - beta2) d^2, x += lr m / (sqrt(v) + tau); v begins with tau^2 */
static sy_status step_adam(round_ *r, sy_error *err)
{
    sy_trainer *t = r->trainer;
    const size_t n = t->element_count;
    if (t->m == NULL || t->v == NULL) {
        t->m = t->m != NULL ? t->m : syi_alloc_array(t->hook->context, n, sizeof *t->m);
        t->v = t->v != NULL ? t->v : syi_alloc_array(t->hook->context, n, sizeof *t->v);
        if (t->m == NULL || t->v == NULL) {
            return SYI_ENOMEM(err, "round");
        }
        for (size_t i = 0; i < n; i++) {
            t->m[i] = 0;
            t->v[i] = r->o.tau * r->o.tau;
        }
    }
    for (size_t i = 0; i < n; i++) {
        const double d = r->sum[i] / r->weight;
        t->m[i] = r->o.beta1 * t->m[i] + (1 - r->o.beta1) * d;
        t->v[i] = r->o.beta2 * t->v[i] + (1 - r->o.beta2) * d * d;
        r->after[i] = r->before[i] + r->o.lr * t->m[i] / (sqrt(t->v[i]) + r->o.tau);
    }
    return SY_OK;
}

/* Buffers become their mean whatever the strategy: they are statistics, and no step follows from them. */
static sy_status step(round_ *r, sy_error *err)
{
    const sy_trainer *t = r->trainer;
    size_t from = 0;
    if (r->o.strategy == SY_STRATEGY_ADAM) {
        SY_TRY(step_adam(r, err));
        from = t->element_count;
    }
    for (size_t i = from; i < t->state_count; i++) {
        r->after[i] = r->before[i] + r->sum[i] / r->weight;
    }
    return syi_trainer_write(r->trainer, r->after, err);
}

static void tell(const round_ *r, uint64_t began, sy_round_report *report,
                 sy_shard_report *shard_reports)
{
    if (report != NULL) {
        *report = (sy_round_report){
            .counted = r->counted,
            .rows = (int64_t)r->weight,
            .loss = r->weight > 0 ? r->loss / r->weight : 0,
            .seconds = (double)(syi_clock_now(r->trainer->hook->context) - began) * 1e-9,
        };
    }
    if (shard_reports != NULL) {
        memcpy(shard_reports, r->reports, r->count * sizeof *r->reports);
    }
}

sy_status sy_trainer_round(sy_trainer *trainer, const sy_shard *shards, size_t count,
                           const sy_round_options *options, sy_round_report *report,
                           sy_shard_report *shard_reports, sy_error *err)
{
    round_ r = {.trainer = trainer, .shards = shards, .count = count};
    const uint64_t began = syi_clock_now(trainer->hook->context);
    if (shards == NULL || count == 0) {
        return syi_fail(err, SY_EINVAL, "round: no shards");
    }
    SY_TRY(read_options(options, count, &r.o, err));
    sy_status status = round_open(&r, err);
    status = status == SY_OK ? draw(&r, err) : status;
    status = status == SY_OK ? open_aggregation(&r, err) : status;
    status = status == SY_OK ? ask(&r, err) : status;
    if (status == SY_OK) {
        listen(&r);
        tell(&r, began, report, shard_reports);
        status = enough(&r, err);
    }
    if (status == SY_OK && r.secure.aggregation != NULL) {
        status = take_sum(&r, err);
    }
    status = status == SY_OK ? step(&r, err) : status;
    trainer->rounds += status == SY_OK ? 1 : 0;
    round_close(&r);
    return status;
}
