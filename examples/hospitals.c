/*
 * hospitals.c - three hospitals train one model on the measurements of tumours (data/breast_cancer.csv) that none of them shows:
 * logistic regression, by rounds of federated averaging, between four processes.
 *
 *     north, east, south   each has 150 rows of its own, and serves them: others may train on them, and get none
 *     who asks             has the model; sees what each hospital has made of it, mean losses and numbers of right answers
 *
 *     hospitals data/breast_cancer.csv
 *
 * In real use each hospital is a worker with its own file:
 *
 *     csyft worker --id north --listen tls://... --dataset tumours=rows.npy,kinds.npy --release-rows 32
 *
 * The process that starts them compares with plain training on all rows: nobody could do that in earnest.
 */
#include <csyft/federated.h>
#include <stdio.h>
#include <string.h>

#include "parties.h"

enum { HOSPITALS = 3, ROWS = 150, FEATURES = 30, ROUNDS = 20, BATCH = 50 };
static const char *const names[HOSPITALS] = {"north", "east", "south"};

/* Rows [from, from + count), their measurements standardized by means and deviations of these very rows, and their kinds. */
static sy_status load_rows(sy_hook *hook, const char *path, int64_t from, int64_t count,
                           sy_tensor **x, sy_tensor **y, sy_error *err)
{
    sy_tensor *table = NULL;
    sy_status status = sy_tensor_load(hook, &table, path, err);
    if (status == SY_OK) {
        sy_scope *s = sy_scope_begin(hook);
        sy_tensor *rows = sy_to(s, sy_narrow(s, table, 0, from, count), SY_DTYPE_F32);
        sy_tensor *columns = sy_narrow(s, rows, 1, 0, FEATURES);
        sy_tensor *centred = sy_sub(s, columns, sy_mean_dim(s, columns, 0, true));
        sy_tensor *variance = sy_mean_dim(s, sy_mul(s, centred, centred), 0, true);
        *x = sy_scope_keep(s, sy_div(s, centred, sy_sqrt(s, variance)));
        *y = sy_scope_keep(s, sy_to(s, sy_select(s, rows, 1, FEATURES), SY_DTYPE_I64));
        status = sy_scope_end(s, err);
    }
    sy_tensor_unref(table);
    return status;
}

static int place_of(const char *name)
{
    int place = 0;
    while (strcmp(names[place], name) != 0) {
        place++;
    }
    return place;
}

/* A hospital, from here on until the one that asks is gone. */
static sy_status serve(party *p, sy_error *err)
{
    sy_tensor *x = NULL, *y = NULL;
    sy_serve_options options = SY_SERVE_OPTIONS_INIT;
    options.tags = (const char *const[]){"#tumours"};
    options.tag_count = 1;
    options.description = "measurements of 150 tumours, and whether they were benign";
    options.release_rows = 32;
    sy_status status = load_rows(p->hook, p->path, ROWS * place_of(p->name), ROWS, &x, &y, err);
    if (status == SY_OK) {
        status = sy_worker_serve_dataset(p->self, "tumours", x, y, &options, err);
    }
    sy_tensor_unref(x);
    sy_tensor_unref(y);
    return status == SY_OK && !party_tell(p->fd, "r", 1) ? SY_ECLOSED : status; /* ready */
}

/* The model, and how it is trained. */
static sy_status make_trainer(sy_hook *hook, sy_module **model, sy_trainer **trainer, sy_error *err)
{
    const sy_plan_shape rows = {SY_DTYPE_F32, 2, {-1, FEATURES}}, kinds = {SY_DTYPE_I64, 1, {-1}};
    sy_training_options training = SY_TRAINING_OPTIONS_INIT;
    sy_sgd_options sgd = SY_SGD_OPTIONS_INIT;
    sgd.lr = 0.1;
    training.sgd = &sgd;
    sy_hook_manual_seed(hook, 1);
    const sy_status status = sy_module_new_linear(hook, model, FEATURES, 2, true, err);
    return status == SY_OK ? sy_trainer_new(trainer, *model, &rows, &kinds, &training, err)
                           : status;
}

static sy_round_options one_round(void)
{
    sy_round_options options = SY_ROUND_OPTIONS_INIT;
    options.fit.batch_size = BATCH;
    options.fit.seed = 1;
    return options;
}

/* Of all hospitals together. */
static sy_status count_right(sy_trainer *trainer, const sy_shard *shards, size_t count,
                             double *percent, sy_error *err)
{
    sy_evaluation e = {0};
    const sy_status status = sy_trainer_evaluate_all(trainer, shards, count, 0, &e, NULL, err);
    *percent = 100.0 * (double)e.right / (double)(e.rows > 0 ? e.rows : 1);
    return status;
}

static sy_status train(sy_hook *hook, const sy_shard *shards, size_t count, bool tell,
                       double *percent, sy_error *err)
{
    sy_module *model = NULL;
    sy_trainer *trainer = NULL;
    sy_round_options options = one_round();
    options.min_workers = count > 1 ? count - 1 : 1; /* one hospital may be missing */
    options.fit.epochs = (int64_t)count;             /* as many steps in a round as in one place */
    sy_status status = make_trainer(hook, &model, &trainer, err);
    for (int round = 0; round < ROUNDS && status == SY_OK; round++) {
        sy_round_report report;
        sy_shard_report hospitals[HOSPITALS];
        status = sy_trainer_round(trainer, shards, count, &options, &report, hospitals, err);
        if (status == SY_OK && tell && (round == 0 || (round + 1) % 10 == 0)) {
            printf("round %2d: loss %.3f of %d rows at %zu hospitals\n", round + 1, report.loss,
                   (int)report.rows, report.counted);
        }
    }
    if (status == SY_OK) {
        status = count_right(trainer, shards, count, percent, err);
    }
    sy_trainer_free(trainer);
    sy_module_unref(model);
    return status;
}

/* Asks for what nobody gets. */
static sy_status try_to_look(sy_hook *hook, sy_worker *hospital, sy_error *err)
{
    sy_tensor *pointer = NULL, *rows = NULL;
    sy_error why = SY_ERROR_INIT;
    sy_id id = SY_ID_INIT;
    sy_status status = sy_id_from_text(&id, "tumours", err);
    if (status == SY_OK) {
        status = sy_tensor_point_to(hook, &pointer, hospital, &id, err);
    }
    if (status == SY_OK) {
        printf("get: %s\n",
               sy_tensor_copy_get(pointer, &rows, &why) == SY_OK ? "it came" : why.message);
    }
    sy_tensor_unref(rows);
    sy_tensor_unref(pointer);
    return status;
}

/* The same on all rows in one place. */
static sy_status train_in_the_open(sy_hook *hook, const char *path, double *percent, sy_error *err)
{
    sy_shard all = {NULL, "all"};
    sy_tensor *x = NULL, *y = NULL;
    sy_serve_options options = SY_SERVE_OPTIONS_INIT;
    options.release_rows = 1;
    sy_status status = sy_virtual_worker_new(hook, &all.worker, "here", err);
    if (status == SY_OK) {
        status = load_rows(hook, path, 0, HOSPITALS * ROWS, &x, &y, err);
    }
    if (status == SY_OK) {
        status = sy_worker_serve_dataset(all.worker, all.key, x, y, &options, err);
    }
    if (status == SY_OK) {
        status = train(hook, &all, 1, false, percent, err);
    }
    sy_tensor_unref(x);
    sy_tensor_unref(y);
    return status;
}

static sy_status work(const process *hospitals, const char *path, sy_error *err)
{
    sy_context *context = NULL;
    sy_hook *hook = NULL;
    sy_shard shards[HOSPITALS];
    double apart = 0, together = 0;
    sy_hook_options quiet = SY_HOOK_OPTIONS_INIT;
    quiet.verbose = false;
    sy_status status = sy_context_new(&context, NULL, err);
    if (status == SY_OK) {
        status = sy_hook_new(context, &hook, &quiet, err);
    }
    for (int k = 0; k < HOSPITALS && status == SY_OK; k++) {
        shards[k].key = "tumours";
        status = sy_worker_connect(hook, &shards[k].worker, hospitals[k].at.url, NULL, err);
    }
    if (status == SY_OK) {
        status = try_to_look(hook, shards[0].worker, err);
    }
    if (status == SY_OK) {
        status = train(hook, shards, HOSPITALS, true, &apart, err);
    }
    if (status == SY_OK) {
        status = train_in_the_open(hook, path, &together, err);
    }
    if (status == SY_OK) {
        printf("%.1f %% of the rows are right; trained in one place: %.1f %%\n", apart, together);
    }
    sy_hook_free(hook);
    sy_context_free(context);
    return status;
}

int main(int argc, char **argv)
{
    process hospitals[HOSPITALS];
    sy_error err = SY_ERROR_INIT;
    int started = 0;
    if (argc != 2) {
        fputs("usage: hospitals breast_cancer.csv\n", stderr);
        return 2;
    }
    while (started < HOSPITALS &&
           parties_start(hospitals, started, names[started], argv[1], serve)) {
        started++;
    }
    bool good = started == HOSPITALS;
    for (int k = 0; k < HOSPITALS && good; k++) {
        char ready;
        good = party_hear(hospitals[k].fd, &ready, 1);
    }
    good = good && work(hospitals, argv[1], &err) == SY_OK;
    if (!good && err.status != SY_OK) {
        fprintf(stderr, "%s\n", err.message);
    }
    good = parties_end(hospitals, started) && good;
    return good ? 0 : 1;
}
