/* queries.c - asking workers about datasets. Face: csyft/queries.h. */
#include "federated/serving/queries.h"

#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "federated/numbers.h"
#include "federated/serving/shard_requests.h"
#include "hook/tensor.h"
#include "workers/worker.h"

static sy_status read_options(const sy_query_options *given, sy_query_options *o, sy_error *err)
{
    *o = (sy_query_options)SY_QUERY_OPTIONS_INIT;
    if (given == NULL) {
        return syi_fail(err, SY_EINVAL, "query: options are NULL");
    }
    memcpy(o, given, given->size < sizeof *o ? given->size : sizeof *o);
    return o->column >= -1 && (o->noise == SY_NOISE_GAUSSIAN || o->noise == SY_NOISE_LAPLACE) &&
                   o->noise_multiplier >= 0x1p-18 && o->noise_multiplier <= 0x1p18
               ? SY_OK
               : syi_fail(err, SY_EINVAL,
                          "query: column is %lld, -1 or more is possible; noise_multiplier %g, "
                          "2^-18 to 2^18",
                          (long long)o->column, o->noise_multiplier);
}

/* Of an answer: rows, and as many numbers as there is room for. */
typedef struct numbers {
    double *at;
    size_t count;
    double rows;
} numbers;

static sy_status take_numbers(const sy_shard *shard, const sy_value *items, void *user,
                              sy_error *err)
{
    numbers *n = user;
    const syi_array *got =
        items[1].kind == SY_VALUE_TENSOR && syi_tensor_is_native(items[1].as.tensor)
            ? syi_node_array(items[1].as.tensor->node)
            : NULL;
    if (items[0].kind != SY_VALUE_INT || items[0].as.integer < 1 || got == NULL ||
        got->dtype != SY_DTYPE_F64 || got->ndim != 1 || got->shape[0] != (int64_t)n->count) {
        return syi_shard_other_answer(shard, err);
    }
    n->rows = (double)items[0].as.integer;
    (void)syi_numbers_read(got, n->at);
    return SY_OK;
}

/* args[5..count) are the caller's. */
static sy_status ask(const sy_shard *shard, const char *command, const sy_query_options *o,
                     sy_value *args, size_t count, numbers *answer, sy_error *err)
{
    args[1] = sy_value_bool(o->targets);
    args[2] = sy_value_int(o->column);
    args[3] = sy_value_int(o->noise);
    args[4] = sy_value_float(o->noise_multiplier);
    return syi_shard_ask(shard, command, args, count, 2, take_numbers, answer, err);
}

/* Of noise with that multiplier. */
static double deviation_of(const sy_query_options *o, double sensitivity)
{
    return sensitivity * o->noise_multiplier * (o->noise == SY_NOISE_LAPLACE ? sqrt(2) : 1);
}

/* A dataset of other columns is found out before it is paid for. */
static sy_status check_columns(const sy_shard *shard, const sy_query_options *o, size_t count,
                               sy_error *err)
{
    sy_dataset_info info;
    size_t columns = 1;
    SY_TRY(sy_shard_get_info(shard, &info, err));
    for (int k = 1; k < (o->targets ? info.target_ndim : info.ndim); k++) {
        columns *= (size_t)(o->targets ? info.target_shape[k] : info.shape[k]);
    }
    columns = o->column >= 0 ? 1 : columns;
    return columns == count
               ? SY_OK
               : syi_fail_object(err, SY_ESHAPE, shard->key,
                                 "dataset %s at worker %s: %zu columns, room is for %zu means",
                                 shard->key, shard->worker->name, columns, count);
}

sy_status sy_shard_mean(const sy_shard *shard, const sy_query_options *options, double lower,
                        double upper, double *means, size_t count, double *deviation, sy_error *err)
{
    sy_query_options o;
    SY_TRY(read_options(options, &o, err));
    if (!(lower < upper) || !isfinite(upper - lower) || means == NULL || count == 0) {
        return syi_fail(err, SY_EINVAL, "mean: bounds %g to %g, room for %zu numbers", lower, upper,
                        count);
    }
    SY_TRY(check_columns(shard, &o, count, err));
    double *sums = syi_alloc_array(shard->worker->hook->context, count, sizeof *sums);
    if (sums == NULL) {
        return SYI_ENOMEM(err, "mean");
    }
    sy_value args[7] = {[5] = sy_value_float(lower), [6] = sy_value_float(upper)};
    numbers answer = {sums, count, 1};
    const sy_status status = ask(shard, SYI_COMMAND_DATASET_MEANS, &o, args, 7, &answer, err);
    const double middle = lower + (upper - lower) / 2, half = upper - middle;
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        means[k] = middle + sums[k] / answer.rows;
    }
    if (status == SY_OK && deviation != NULL) {
        const double columns = (double)count;
        *deviation = deviation_of(
            &o, half * (o.noise == SY_NOISE_LAPLACE ? columns : sqrt(columns)) / answer.rows);
    }
    syi_free(shard->worker->hook->context, sums, count * sizeof *sums);
    return status;
}

sy_status sy_shard_histogram(const sy_shard *shard, const sy_query_options *options,
                             const double *edges, size_t bins, int64_t *counts, double *deviation,
                             sy_error *err)
{
    sy_query_options o;
    sy_tensor *tensor = NULL;
    SY_TRY(read_options(options, &o, err));
    if (edges == NULL || counts == NULL || bins == 0 || bins > SY_HISTOGRAM_BINS_MAX ||
        shard == NULL || shard->worker == NULL) {
        return syi_fail(err, SY_EINVAL, "histogram: %zu bins, 1 to %d are possible, of a shard",
                        bins, SY_HISTOGRAM_BINS_MAX);
    }
    sy_hook *hook = shard->worker->hook;
    numbers answer = {syi_alloc_array(hook->context, bins, sizeof *answer.at), bins, 1};
    if (answer.at == NULL) {
        return SYI_ENOMEM(err, "histogram");
    }
    sy_status status =
        sy_tensor_new(hook, &tensor, SY_DTYPE_F64, 1, (int64_t[]){(int64_t)bins + 1}, edges, err);
    if (status == SY_OK) {
        sy_value args[6] = {[5] = sy_value_tensor(tensor)};
        status = ask(shard, SYI_COMMAND_DATASET_COUNTS, &o, args, 6, &answer, err);
    }
    for (size_t k = 0; k < bins && status == SY_OK; k++) {
        counts[k] = llround(answer.at[k]);
    }
    if (status == SY_OK && deviation != NULL) {
        *deviation = deviation_of(&o, 1);
    }
    sy_tensor_unref(tensor);
    syi_free(hook->context, answer.at, bins * sizeof *answer.at);
    return status;
}

typedef struct account {
    sy_budget *budget;
    sy_spending *spending;
} account;

static sy_status take_account(const sy_shard *shard, const sy_value *items, void *user,
                              sy_error *err)
{
    const account *a = user;
    if (items[0].kind != SY_VALUE_FLOAT || items[1].kind != SY_VALUE_FLOAT ||
        items[2].kind != SY_VALUE_FLOAT || items[3].kind != SY_VALUE_INT) {
        return syi_shard_other_answer(shard, err);
    }
    *a->budget = (sy_budget){
        .size = sizeof *a->budget, .epsilon = items[0].as.real, .delta = items[1].as.real};
    *a->spending =
        (sy_spending){.epsilon = items[2].as.real, .charges = (uint64_t)items[3].as.integer};
    return SY_OK;
}

sy_status sy_shard_get_budget(const sy_shard *shard, sy_budget *budget, sy_spending *spending,
                              sy_error *err)
{
    sy_value args[1];
    account a = {budget, spending};
    return syi_shard_ask(shard, SYI_COMMAND_DATASET_BUDGET, args, 1, 4, take_account, &a, err);
}
