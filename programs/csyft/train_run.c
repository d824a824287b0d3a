/* train_run.c - the training of csyft train: datasets that fit together, model and trainer, rounds, and what is said of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "layers.h"
#include "train.h"

static volatile sig_atomic_t interrupted;

static void note_signal(int number)
{
    interrupted = number;
}

static int report(const train *t, const sy_error *err)
{
    return cli_report(t->tool->verb, err);
}

static const char *name_of(const train *t, size_t k, char name[CLI_ID_SIZE])
{
    const sy_id id = sy_worker_get_id(t->workers[k]);
    sy_id_format(&id, name, CLI_ID_SIZE);
    return name;
}

/* --- datasets -------------------------------------------------------------------------------------- */

static bool same_dims(const int64_t *a, int a_ndim, const int64_t *b, int b_ndim)
{
    bool same = a_ndim == b_ndim;
    for (int k = 1; same && k < a_ndim; k++) {
        same = a[k] == b[k];
    }
    return same;
}

static int check_kind(const train *t, size_t k, const sy_dataset_info *info)
{
    char name[CLI_ID_SIZE], first[CLI_ID_SIZE];
    const sy_dataset_info *own = &t->info;
    if (info->dtype != SY_DTYPE_F32) {
        return cli_fail(t->tool->verb,
                        "worker %s, dataset %s: rows of %s; it has to be served with --transform "
                        "float32",
                        name_of(t, k, name), info->key, sy_dtype_name(info->dtype));
    }
    if (info->dtype != own->dtype || info->target_dtype != own->target_dtype ||
        !same_dims(info->shape, info->ndim, own->shape, own->ndim) ||
        !same_dims(info->target_shape, info->target_ndim, own->target_shape, own->target_ndim)) {
        return cli_fail(t->tool->verb,
                        "worker %s, dataset %s: rows or targets have another shape or dtype than "
                        "dataset %s at worker %s",
                        name_of(t, k, name), info->key, own->key, name_of(t, 0, first));
    }
    return CLI_OK;
}

/* What the worker would say of every batch. */
static int check_release(const train *t, size_t k, const sy_dataset_info *info, int64_t batch)
{
    char name[CLI_ID_SIZE];
    if (info->release_rows == 0) {
        return cli_fail(t->tool->verb,
                        "worker %s, dataset %s: nothing that is computed from it may leave; its "
                        "owner allows it with --release-rows",
                        name_of(t, k, name), info->key);
    }
    if (batch < info->release_rows) {
        return cli_fail(t->tool->verb,
                        "worker %s, dataset %s: only means over %lld rows or more may leave, and "
                        "--batch is %lld",
                        name_of(t, k, name), info->key, (long long)info->release_rows,
                        (long long)batch);
    }
    return CLI_OK;
}

static int find_datasets(train *t)
{
    sy_dataset_info info;
    sy_error err = SY_ERROR_INIT;
    int code = CLI_OK;
    for (size_t k = 0; code == CLI_OK && k < t->count; k++) {
        char name[CLI_ID_SIZE];
        t->shards[k] = (sy_shard){t->workers[k], t->set.dataset};
        const sy_status status = sy_shard_get_info(&t->shards[k], &info, &err);
        if (status == SY_ENOTFOUND) {
            return cli_fail(t->tool->verb, "worker %s serves no dataset %s to us",
                            name_of(t, k, name), t->set.dataset);
        }
        if (status != SY_OK) {
            return report(t, &err);
        }
        t->info = k == 0 ? info : t->info;
        code = check_kind(t, k, &info);
        if (code == CLI_OK && t->set.round.fit.noise_multiplier == 0) {
            code = check_release(t, k, &info, t->set.round.fit.batch_size);
        }
    }
    return code;
}

/* Some workers have one. */
static int find_tests(train *t, size_t *count)
{
    sy_dataset_info info;
    *count = 0;
    for (size_t k = 0; t->set.test != NULL && k < t->count; k++) {
        sy_error err = SY_ERROR_INIT;
        const sy_shard shard = {t->workers[k], t->set.test};
        const sy_status status = sy_shard_get_info(&shard, &info, &err);
        if (status != SY_OK && status != SY_ENOTFOUND) {
            return report(t, &err);
        }
        if (status == SY_OK) {
            int code = check_kind(t, k, &info);
            code = code == CLI_OK ? check_release(t, k, &info, INT64_MAX) : code;
            if (code != CLI_OK) {
                return code;
            }
            t->tests[(*count)++] = shard;
            t->batch_max = info.release_rows > t->batch_max ? info.release_rows : t->batch_max;
        }
    }
    return t->set.test == NULL || *count > 0
               ? CLI_OK
               : cli_fail(t->tool->verb, "--test %s: no worker has such a dataset", t->set.test);
}

/* Over all workers that have the rows and answer. */
static sy_status evaluate(void *user, sy_evaluation *all, sy_error *err)
{
    train *t = user;
    size_t count = 0;
    while (count < t->count && t->tests[count].worker != NULL) {
        count++;
    }
    *all = (sy_evaluation){0};
    return sy_trainer_evaluate_all(t->training.trainer, t->tests, count,
                                   t->batch_max > 256 ? t->batch_max : 256, all, NULL, err);
}

/* --- the model -------------------------------------------------------------------------------------- */

static sy_loss_fn find_loss(const char *name)
{
    return strcmp(name, "cross_entropy") == 0 ? sy_cross_entropy
           : strcmp(name, "l1") == 0          ? sy_l1_loss
           : strcmp(name, "mse") == 0         ? sy_mse_loss
                                              : sy_binary_cross_entropy_with_logits;
}

static sy_plan_shape shape_of(sy_dtype dtype, int ndim, const int64_t *shape)
{
    sy_plan_shape made = {dtype, ndim, {0}};
    memcpy(made.shape, shape, (size_t)ndim * sizeof *shape);
    return made;
}

static int make_trainer(train *t)
{
    const train_settings *set = &t->set;
    const sy_dataset_info *info = &t->info;
    const sy_plan_shape rows = shape_of(info->dtype, info->ndim, info->shape),
                        targets =
                            shape_of(info->target_dtype, info->target_ndim, info->target_shape);
    sy_training_options how = SY_TRAINING_OPTIONS_INIT;
    sy_sgd_options sgd = SY_SGD_OPTIONS_INIT;
    sy_adam_options adam = SY_ADAM_OPTIONS_INIT;
    sy_error err = SY_ERROR_INIT;
    sgd.lr = set->lr > 0 ? set->lr : sgd.lr;
    adam.lr = set->lr > 0 ? set->lr : adam.lr;
    sgd.momentum = set->momentum;
    sgd.weight_decay = adam.weight_decay = set->weight_decay;
    how.sgd = strcmp(set->optimizer, "sgd") == 0 ? &sgd : NULL;
    how.adam = strcmp(set->optimizer, "adam") == 0 ? &adam : NULL;
    how.loss = find_loss(set->loss != NULL                    ? set->loss
                         : info->target_dtype == SY_DTYPE_I64 ? "cross_entropy"
                                                              : "mse");
    sy_hook_manual_seed(t->tool->session.hook, (uint64_t)set->seed);
    const sy_status status =
        layers_build(t->tool->session.hook, set->layers, &rows, &t->model, &err);
    if (status == SY_EINVAL) {
        return cli_misuse(t->tool->verb, "--layers %s: %s", set->layers, err.message);
    }
    if (status != SY_OK ||
        sy_trainer_new(&t->training.trainer, t->model, &rows, &targets, &how, &err) != SY_OK) {
        return report(t, &err);
    }
    return CLI_OK;
}

/* From the checkpoint, from a model that was trained before, or as it is. */
static int begin(train *t)
{
    const train_settings *set = &t->set;
    sy_error err = SY_ERROR_INIT;
    if (access(set->model, F_OK) == 0) {
        if (sy_trainer_load(t->training.trainer, set->model, &err) != SY_OK) {
            return report(t, &err);
        }
        cli_note(t->tool->verb, "%s: going on after %lld rounds", set->model,
                 (long long)sy_trainer_get_rounds(t->training.trainer));
    } else if (set->start != NULL && sy_module_load(t->model, set->start, NULL, &err) != SY_OK) {
        return report(t, &err);
    }
    return CLI_OK;
}

/* --- rounds ----------------------------------------------------------------------------------------- */

/* Whoever begins to fail, or answers again. */
static void warn(train *t, const sy_shard_report *reports)
{
    char name[CLI_ID_SIZE];
    for (size_t k = 0; k < t->count; k++) {
        const bool out = reports[k].asked && !reports[k].counted;
        if (reports[k].asked && out != t->left_out[k]) {
            progress_end(&t->training.bar);
            if (out) {
                cli_warn(t->tool->verb, "round %lld without worker %s: %s",
                         (long long)t->training.done, name_of(t, k, name), reports[k].why.message);
            } else {
                cli_note(t->tool->verb, "round %lld: worker %s takes part again",
                         (long long)t->training.done, name_of(t, k, name));
            }
            t->left_out[k] = out;
        }
    }
}

static void tell(const training *run, const sy_shard_report *reports, bool evaluated)
{
    train *t = run->user;
    warn(t, reports);
    if (t->set.json) {
        progress_end(&t->training.bar);
        train_print_json(t, reports, evaluated);
    }
}

static void print_result(const train *t)
{
    const sy_evaluation *e = &t->training.evaluation;
    printf("rounds    %lld\n", (long long)t->training.done);
    if (t->training.report.counted > 0) {
        printf("workers   %zu of %zu in the last round, %lld rows\n", t->training.report.counted,
               t->count, (long long)t->training.report.rows);
        if (!isnan(t->training.report.loss)) { /* workers that add noise do not tell it */
            printf("loss      %.4g\n", t->training.report.loss);
        }
    }
    if (e->rows > 0) {
        printf("test      loss %.4g", e->loss);
        if (e->right >= 0) {
            printf(", %.2f %% right", 100 * (double)e->right / (double)e->rows);
        }
        printf(" of %lld rows\n", (long long)e->rows);
    }
    fputs("model     ", stdout);
    cli_print_clean(stdout, t->set.model);
    putchar('\n');
}

static int run_rounds(train *t)
{
    training *run = &t->training;
    sy_error err = SY_ERROR_INIT, last = SY_ERROR_INIT;
    sy_status status = metrics_open(&t->set.metrics, t->tool->session.context,
                                    sy_trainer_get_rounds(run->trainer), &err);
    if (status == SY_OK) {
        status = training_run(run, "training", &err);
    }
    if (metrics_close(&t->set.metrics, &last) != SY_OK && status == SY_OK) {
        status = last.status;
        err = last;
    }
    if (status == SY_ECANCELED && interrupted) {
        cli_note(t->tool->verb, "interrupted after round %lld; the same command goes on",
                 (long long)run->done);
        return CLI_FAILED;
    }
    return status == SY_OK ? CLI_OK : report(t, &err);
}

static void prepare(train *t, size_t tests)
{
    const train_settings *set = &t->set;
    sy_round_options round = set->round;
    round.strategy = strcmp(set->strategy, "adam") == 0 ? SY_STRATEGY_ADAM : SY_STRATEGY_AVERAGE;
    round.seed = round.fit.seed = (uint64_t)set->seed;
    round.holders = set->holders > 0 ? t->workers : NULL;
    round.holder_count = (size_t)set->holders;
    t->set.metrics.title = set->dataset;
    t->training.shards = t->shards;
    t->training.count = t->count;
    t->training.options = round;
    t->training.rounds = set->rounds;
    t->training.evaluate = tests > 0 ? evaluate : NULL;
    t->training.user = t;
    t->training.evaluate_every = set->evaluate_every;
    t->training.metrics = &t->set.metrics;
    t->training.checkpoint = set->model;
    t->training.interrupted = &interrupted;
    t->training.tell = tell;
}

int train_run(train *t)
{
    /* The round that is under way is finished; a second signal ends at once. */
    const struct sigaction on_signal = {.sa_handler = note_signal,
                                        .sa_flags = (int)(SA_RESTART | SA_RESETHAND)};
    size_t tests = 0;
    int code = find_datasets(t);
    code = code == CLI_OK ? find_tests(t, &tests) : code;
    code = code == CLI_OK ? make_trainer(t) : code;
    code = code == CLI_OK ? begin(t) : code;
    if (code == CLI_OK) {
        prepare(t, tests);
        sigaction(SIGINT, &on_signal, NULL);
        sigaction(SIGTERM, &on_signal, NULL);
        code = run_rounds(t);
    }
    if (code == CLI_OK && !t->set.json) {
        print_result(t);
    }
    sy_trainer_free(t->training.trainer);
    sy_module_unref(t->model);
    if (interrupted) {
        signal(interrupted, SIG_DFL);
        raise(interrupted);
    }
    return code;
}
