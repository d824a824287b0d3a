/* trainer_evaluation.c - asking a worker how good a trainer's model is on a dataset. Part of trainer.h; the worker's half is evaluation.c. */
#include "core/error.h"
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

/* noise: NULL, or multiplier and greatest loss. */
static sy_status evaluate_once(sy_trainer *t, const sy_shard *shard, int64_t batch_size,
                               const sy_value *noise, sy_evaluation *e, sy_error *err)
{
    syi_exchange exchange;
    syi_decoder decoder;
    sy_value answer;
    const bool histograms = noise == NULL && (e->predicted != NULL || e->targets != NULL);
    const int64_t classes = histograms ? e->classes : 0;
    sy_value args[6] = {[3] = sy_value_int(batch_size), [4] = sy_value_int(classes)};
    args[5] = sy_value_list(noise, 2);
    SY_TRY(syi_trainer_begin(t, shard, SYI_TRAINER_EVALUATE, SYI_COMMAND_EVALUATE, args,
                             noise != NULL ? 6 : 5, 0, &exchange, err));
    sy_status status = syi_link_wait(&exchange, err);
    if (status == SY_OK) {
        syi_decoder_init(&decoder, t->hook, t->hook->local_worker, exchange.reply);
        status = syi_decode_value(&decoder, &answer, err);
        status = status == SY_OK ? take_evaluation(shard, &answer, e, classes, err) : status;
        syi_decoder_fini(&decoder);
    }
    syi_link_end(&exchange);
    if (status == SY_ENOTFOUND) {
        syi_trainer_forget_plan(t, shard->worker, SYI_TRAINER_EVALUATE);
    }
    return syi_shard_blame(shard, status, err);
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
