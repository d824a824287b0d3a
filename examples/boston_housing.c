/*
 * boston_housing.c - what it costs to train where the rows are: the tutorial that PySyft was measured by in 2018, on the prices of houses
 * around Boston (data/boston_housing.csv), half of which are at bob and half at alice, processes of their own.
 *
 *     boston_housing data/boston_housing.csv
 *
 * The tutorial (PySyft 0.1, "Training the Boston Housing Dataset using PySyft") trains a net of 13-32-24-1 by SGD of rate 0.001 in ten
 * passes over batches of 8 that are at bob and alice in turns: the model goes to the batch, learns from it, and comes back. "x100 slower than
 * PyTorch", 25 s instead of 0.25 s, says issue #1479, and x50 pull request #1593. Here
 *     in turns            the same, operation by operation: a loader goes through the batches (csyft/datasets.h), the model goes to each
 *     in turns, as plan   what goes there is a plan of one step with the model in it, which is run in one message (csyft/plan.h)
 *     at the workers      bob trains on all his batches, then alice on hers: one message for a pass at one of them (csyft/federated.h)
 *     in rounds           both at the same time, and the model is the mean of theirs (FedAvg)
 * and the same steps in the same order on rows that are in this process (plain). All but the last give the model that plain training gives, to
 * the last bit: the same operations run on the same numbers, there or here. Rounds are other steps. The rows are private, and their
 * owners release what means over 8 rows or more make of parameters.
 *
 * Times are the best of up to five, without connecting and reading. They are compared with plain training by csyft, which is not
 * PyTorch: of so small a net most of the time are not products, but what is around them.
 */
#include <csyft/federated.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "houses.h"
#include "parties.h"

enum {
    WORKERS = 2,
    HALF = TRAINED / WORKERS,
    BATCH = 8,
    BATCHES = HALF / BATCH /* of a worker */,
    PASSES = 10,
    REPEATED = 5
};
static const double RATE = 0.001, MOST_MSE = 30 /* of predicting the mean: about 80 */;
static const char *const names[WORKERS] = {"bob", "alice"};

/* A worker */

/* For the loader as private tensors, for training at the worker as a served dataset. */
static sy_status publish(const party *p, sy_tensor *x, sy_tensor *y, sy_error *err)
{
    sy_serve_options options = SY_SERVE_OPTIONS_INIT;
    options.release_rows = BATCH;
    sy_status status = sy_worker_serve_dataset(p->self, "boston", x, y, &options, err);
    if (status == SY_OK) {
        status = sy_worker_declare_release(p->self, "sgd_", BATCH, err);
    }
    for (int k = 0; k < 2 && status == SY_OK; k++) {
        status = sy_tensor_tag(k == 0 ? x : y, k == 0 ? "#data" : "#target", err);
        if (status == SY_OK) {
            status = sy_worker_publish(p->self, k == 0 ? x : y, true, err);
        }
    }
    return status;
}

static sy_status run_worker(party *p, sy_error *err)
{
    const int64_t from = strcmp(p->name, names[0]) == 0 ? 0 : HALF;
    sy_tensor *all_x = NULL, *all_y = NULL, *x = NULL, *y = NULL;
    sy_status status = houses_load(p->hook, p->path, &all_x, &all_y, err);
    if (status == SY_OK) {
        status = houses_cut(p->hook, all_x, from, HALF, &x, err);
    }
    if (status == SY_OK) {
        status = houses_cut(p->hook, all_y, from, HALF, &y, err);
    }
    if (status == SY_OK) {
        status = publish(p, x, y, err);
    }
    sy_tensor_unref(y);
    sy_tensor_unref(x);
    sy_tensor_unref(all_y);
    sy_tensor_unref(all_x);
    return status == SY_OK && !party_tell(p->fd, "r", 1) ? SY_ECLOSED : status; /* ready */
}

/* Who trains */

typedef struct world {
    sy_context *context;
    sy_hook *hook;
    sy_worker *workers[WORKERS];
    sy_shard shards[WORKERS];
    sy_federated_loader *loader;
    sy_tensor *x, *y, *tried_x, *tried_y; /* all rows, and those that nobody trains on */
    /* Of the way under way, where it has them. */
    sy_module *model;
    sy_plan *plan;
    sy_trainer *trainer;
} world;

static const sy_plan_shape rows_shape = {SY_DTYPE_F32, 2, {-1, FEATURES}};
static const sy_plan_shape prices_shape = {SY_DTYPE_F32, 2, {-1, 1}};

static sy_training_options training_options(void)
{
    static sy_sgd_options sgd = SY_SGD_OPTIONS_INIT;
    sy_training_options options = SY_TRAINING_OPTIONS_INIT;
    sgd.lr = RATE;
    options.sgd = &sgd;
    options.loss = sy_mse_loss;
    return options;
}

/* Ten passes, from new parameters. */
typedef sy_status (*way)(world *w, sy_error *err);

static sy_status make_net(sy_hook *hook, sy_module **model, sy_error *err)
{
    static const int64_t widths[] = {FEATURES, 32, 24, 1};
    enum { LAYERS = 5 };
    sy_module *l[LAYERS] = {NULL};
    sy_status status = SY_OK;
    sy_hook_manual_seed(hook, 1);
    for (int k = 0; k < LAYERS && status == SY_OK; k++) {
        status = k % 2 == 0 ? sy_module_new_linear(hook, &l[k], widths[k / 2], widths[k / 2 + 1],
                                                   true, err)
                            : sy_module_new_relu(hook, &l[k], err);
    }
    if (status == SY_OK) {
        status = sy_module_new_sequential(hook, model, l, LAYERS, err);
    }
    for (int k = 0; k < LAYERS; k++) {
        sy_module_unref(l[k]);
    }
    return status;
}

/* A step, where model and batch are. */
static sy_status step(const world *w, sy_tensor *x, sy_tensor *y, sy_error *err)
{
    sy_scope *s = sy_scope_begin(w->hook);
    sy_tensor *loss = sy_mse_loss(s, sy_module_forward(s, w->model, x), y);
    sy_status status = loss == NULL ? SY_OK : sy_tensor_backward(loss, NULL, err);
    const sy_status latched = sy_scope_end(s, status == SY_OK ? err : NULL);
    status = status == SY_OK ? latched : status;
    if (status == SY_OK) {
        status = sy_module_sgd_step(w->model, RATE, err);
    }
    return status == SY_OK ? sy_module_zero_grad(w->model, err) : status;
}

/* A batch of rows that are here. */
static sy_status step_here(const world *w, int64_t from, sy_error *err)
{
    sy_scope *s = sy_scope_begin(w->hook);
    sy_tensor *x = sy_narrow(s, w->x, 0, from, BATCH), *y = sy_narrow(s, w->y, 0, from, BATCH);
    sy_status status = y != NULL ? step(w, x, y, err) : SY_OK;
    const sy_status latched = sy_scope_end(s, status == SY_OK ? err : NULL);
    return status == SY_OK ? latched : status;
}

static sy_status plain_in_turns(world *w, sy_error *err)
{
    sy_status status = SY_OK;
    for (int64_t k = 0; k < PASSES * BATCHES * WORKERS && status == SY_OK; k++) {
        const int64_t batch = k / WORKERS % BATCHES;
        status = step_here(w, k % WORKERS * HALF + batch * BATCH, err);
    }
    return status;
}

static sy_status plain_one_by_one(world *w, sy_error *err)
{
    sy_status status = SY_OK;
    for (int64_t k = 0; k < PASSES * BATCHES * WORKERS && status == SY_OK; k++) {
        status = step_here(w, k % (BATCHES * WORKERS) * BATCH, err);
    }
    return status;
}

/* The model goes to the batch, learns, and comes back. */
static sy_status step_there(world *w, const sy_federated_batch *batch, sy_error *err)
{
    sy_status status = sy_module_send_(w->model, batch->location, err);
    if (status == SY_OK) {
        status = step(w, batch->data, batch->targets, err);
    }
    return status == SY_OK ? sy_module_get_(w->model, err) : status;
}

/* Two at a time come from the loader, one of bob's and one of alice's. */
static sy_status go_through(world *w,
                            sy_status (*learn)(world *, const sy_federated_batch *, sy_error *),
                            sy_error *err)
{
    sy_status status = SY_OK;
    for (int pass = 0; pass < PASSES && status == SY_OK; pass++) {
        size_t count = 1;
        while (status == SY_OK && count > 0) {
            sy_federated_batch batches[WORKERS];
            status = sy_federated_loader_next(w->loader, batches, WORKERS, &count, err);
            for (size_t k = 0; status == SY_OK && k < count; k++) {
                status = learn(w, &batches[k], err);
            }
            for (size_t k = 0; k < count; k++) {
                sy_federated_batch_fini(&batches[k]);
            }
        }
    }
    return status;
}

static sy_status in_turns(world *w, sy_error *err)
{
    return go_through(w, step_there, err);
}

/* The plan, whose state is the model, goes to the batch, runs, and comes back. */
static sy_status run_there(world *w, const sy_federated_batch *batch, sy_error *err)
{
    const sy_value args[] = {sy_value_tensor(batch->data), sy_value_tensor(batch->targets)};
    sy_pointer_plan *there = NULL;
    sy_plan *trained = NULL;
    sy_tensor *loss = NULL;
    sy_status status = sy_plan_send(w->plan, &there, &batch->location, 1, false, err);
    if (status == SY_OK) {
        status = sy_pointer_plan_run(there, args, 2, NULL, &loss, 1, NULL, err);
    }
    if (status == SY_OK) {
        status = sy_pointer_plan_get(there, &trained, true, err);
    }
    if (status == SY_OK) {
        sy_plan_unref(w->plan);
        w->plan = trained;
    }
    sy_tensor_unref(loss);
    sy_pointer_plan_unref(there);
    return status;
}

/* What the plan has learned, into the model. */
static sy_status take_over(world *w, sy_error *err)
{
    size_t count = 0;
    sy_tensor *const *parameters = sy_module_get_parameters(w->model, &count);
    sy_scope *s = sy_scope_begin(w->hook);
    sy_scope_set_grad_enabled(s, false);
    for (size_t k = 0; k < count; k++) {
        sy_copy_(s, parameters[k], sy_plan_get_state(w->plan, k));
    }
    return sy_scope_end(s, err);
}

static sy_status in_turns_as_plan(world *w, sy_error *err)
{
    const sy_training_options options = training_options();
    sy_status status =
        sy_module_to_training_plan(w->model, &w->plan, &rows_shape, &prices_shape, &options, err);
    if (status == SY_OK) {
        status = go_through(w, run_there, err);
    }
    return status == SY_OK ? take_over(w, err) : status;
}

static sy_status make_trainer(world *w, sy_error *err)
{
    const sy_training_options options = training_options();
    return sy_trainer_new(&w->trainer, w->model, &rows_shape, &prices_shape, &options, err);
}

static sy_fit_options one_pass(void)
{
    sy_fit_options fit = SY_FIT_OPTIONS_INIT;
    fit.batch_size = BATCH;
    fit.shuffle = false;
    return fit;
}

static sy_status at_the_workers(world *w, sy_error *err)
{
    const sy_fit_options fit = one_pass();
    sy_fit_result result;
    sy_status status = make_trainer(w, err);
    for (int k = 0; k < PASSES * WORKERS && status == SY_OK; k++) {
        status = sy_trainer_fit(w->trainer, &w->shards[k % WORKERS], &fit, &result, err);
    }
    return status;
}

static sy_status in_rounds(world *w, sy_error *err)
{
    sy_round_options options = SY_ROUND_OPTIONS_INIT;
    sy_round_report report;
    options.fit = one_pass();
    options.min_workers = WORKERS;
    sy_status status = make_trainer(w, err);
    for (int k = 0; k < PASSES && status == SY_OK; k++) {
        status = sy_trainer_round(w->trainer, w->shards, WORKERS, &options, &report, NULL, err);
    }
    return status;
}

/* The mean square error of rows that nobody trained on. */
static sy_status try_model(const world *w, double *mse, sy_error *err)
{
    sy_scope *s = sy_scope_begin(w->hook);
    sy_scope_set_grad_enabled(s, false);
    sy_tensor *loss = sy_mse_loss(s, sy_module_forward(s, w->model, w->tried_x), w->tried_y);
    sy_status status = loss != NULL ? sy_tensor_item(loss, mse, err) : SY_OK;
    const sy_status latched = sy_scope_end(s, status == SY_OK ? err : NULL);
    return status == SY_OK ? latched : status;
}

typedef struct outcome {
    double seconds, mse;
    uint64_t messages; /* there and back */
} outcome;

static uint64_t count_messages(const world *w)
{
    uint64_t count = 0;
    for (int k = 0; k < WORKERS; k++) {
        const sy_traffic traffic = sy_worker_get_traffic(w->workers[k]);
        count += traffic.messages_sent + traffic.messages_received;
    }
    return count;
}

/* Keeps the time if it is the best one so far. */
static sy_status measure(world *w, way train, outcome *o, sy_error *err)
{
    const uint64_t messages = count_messages(w);
    sy_status status = make_net(w->hook, &w->model, err);
    const double start = party_clock();
    if (status == SY_OK) {
        status = train(w, err);
    }
    o->seconds = fmin(o->seconds, party_clock() - start);
    o->messages = count_messages(w) - messages;
    if (status == SY_OK) {
        status = try_model(w, &o->mse, err);
    }
    sy_trainer_free(w->trainer);
    sy_plan_unref(w->plan);
    sy_module_unref(w->model);
    w->trainer = NULL;
    w->plan = NULL;
    w->model = NULL;
    return status;
}

static sy_status load_here(world *w, const char *path, sy_error *err)
{
    sy_status status = houses_load(w->hook, path, &w->x, &w->y, err);
    if (status == SY_OK) {
        status = houses_cut(w->hook, w->x, TRAINED, ROWS - TRAINED, &w->tried_x, err);
    }
    return status == SY_OK ? houses_cut(w->hook, w->y, TRAINED, ROWS - TRAINED, &w->tried_y, err)
                           : status;
}

/* What a worker has published: pointers. */
static sy_status find(sy_worker *worker, const char *tag, sy_tensor **pointer, sy_error *err)
{
    sy_tensor **found = NULL;
    size_t count = 0;
    const sy_status status = sy_worker_search(worker, &found, &count, &tag, 1, err);
    *pointer = status == SY_OK && count > 0 ? sy_tensor_ref(found[0]) : NULL;
    sy_tensors_free(sy_worker_get_hook(worker), found, count);
    return status;
}

static sy_status make_loader(world *w, sy_error *err)
{
    sy_dataset *halves[WORKERS] = {NULL};
    sy_federated_dataset *spread = NULL;
    sy_loader_options options = SY_LOADER_OPTIONS_INIT;
    options.batch_size = BATCH;
    options.iter_per_worker = true; /* a batch of each in a step */
    sy_status status = SY_OK;
    for (int k = 0; k < WORKERS && status == SY_OK; k++) {
        sy_tensor *x = NULL, *y = NULL;
        status = find(w->workers[k], "#data", &x, err);
        if (status == SY_OK) {
            status = find(w->workers[k], "#target", &y, err);
        }
        if (status == SY_OK) {
            status = sy_dataset_new(&halves[k], x, y, err);
        }
        sy_tensor_unref(y);
        sy_tensor_unref(x);
    }
    if (status == SY_OK) {
        status = sy_federated_dataset_new(&spread, halves, WORKERS, err);
    }
    if (status == SY_OK) {
        status = sy_federated_loader_new(&w->loader, spread, &options, err);
    }
    sy_federated_dataset_unref(spread);
    for (int k = 0; k < WORKERS; k++) {
        sy_dataset_unref(halves[k]);
    }
    return status;
}

static sy_status open_world(world *w, const process *workers, const char *path, sy_error *err)
{
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    sy_hook_options quiet = SY_HOOK_OPTIONS_INIT;
    options.spin_us = 100; /* answers come soon: do not sleep before them */
    quiet.verbose = false;
    sy_status status = sy_context_new(&w->context, NULL, err);
    if (status == SY_OK) {
        status = sy_hook_new(w->context, &w->hook, &quiet, err);
    }
    for (int k = 0; k < WORKERS && status == SY_OK; k++) {
        status = sy_worker_connect(w->hook, &w->workers[k], workers[k].at.url, &options, err);
        w->shards[k] = (sy_shard){w->workers[k], "boston"};
    }
    if (status == SY_OK) {
        status = load_here(w, path, err);
    }
    return status == SY_OK ? make_loader(w, err) : status;
}

static void close_world(world *w)
{
    sy_federated_loader_free(w->loader);
    sy_tensor_unref(w->tried_y);
    sy_tensor_unref(w->tried_x);
    sy_tensor_unref(w->y);
    sy_tensor_unref(w->x);
    sy_hook_free(w->hook);
    sy_context_free(w->context);
}

typedef struct kind {
    const char *name;
    way train;
    int plain; /* the kind that takes the same steps here, or that is compared with */
    bool same; /* to the last bit */
} kind;

enum { PLAIN_IN_TURNS, IN_TURNS, AS_PLAN, PLAIN, AT_THE_WORKERS, IN_ROUNDS, KINDS };
static const kind kinds[KINDS] = {{"plain, in turns", plain_in_turns, PLAIN_IN_TURNS, true},
                                  {"in turns", in_turns, PLAIN_IN_TURNS, true},
                                  {"in turns, as plan", in_turns_as_plan, PLAIN_IN_TURNS, true},
                                  {"plain", plain_one_by_one, PLAIN, true},
                                  {"at the workers", at_the_workers, PLAIN, true},
                                  {"in rounds", in_rounds, PLAIN, false}};

/* One after the other, and again, so that a busy moment does not count for one kind alone. */
static sy_status measure_all(world *w, outcome *o, sy_error *err)
{
    const double start = party_clock();
    sy_status status = SY_OK;
    for (int k = 0; k < KINDS; k++) {
        o[k].seconds = INFINITY;
    }
    for (int again = 0; again < REPEATED && party_clock() - start < 1 && status == SY_OK; again++) {
        for (int k = 0; k < KINDS && status == SY_OK; k++) {
            status = measure(w, kinds[k].train, &o[k], err);
        }
    }
    return status;
}

static bool tell(const outcome *o)
{
    bool good = true;
    printf("%d passes over %d rows in batches of %d\n", PASSES, TRAINED, BATCH);
    printf("%-18s %10s %9s %15s %14s\n", "", "time", "x plain", "messages/batch", "MSE of others");
    for (int k = 0; k < KINDS; k++) {
        const outcome *plain = &o[kinds[k].plain];
        printf("%-18s %7.1f ms %9.2f %15.2f %14.4f\n", kinds[k].name, 1e3 * o[k].seconds,
               o[k].seconds / plain->seconds, (double)o[k].messages / (PASSES * BATCHES * WORKERS),
               o[k].mse);
        good = good && o[k].mse < MOST_MSE && (!kinds[k].same || o[k].mse == plain->mse);
    }
    return good;
}

int main(int argc, char **argv)
{
    process workers[WORKERS];
    world w = {0};
    outcome outcomes[KINDS];
    sy_error err = SY_ERROR_INIT;
    int started = 0;
    char ready = 0;
    if (argc != 2) {
        fputs("usage: boston_housing boston_housing.csv\n", stderr);
        return 2;
    }
    bool good = true;
    while (started < WORKERS && good) {
        good = parties_start(workers, started, names[started], argv[1], run_worker);
        started++;
    }
    for (int k = 0; k < WORKERS && good; k++) {
        good = party_hear(workers[k].fd, &ready, 1);
    }
    sy_status status = good ? open_world(&w, workers, argv[1], &err) : SY_ECLOSED;
    if (status == SY_OK) {
        status = measure_all(&w, outcomes, &err);
    }
    good = status == SY_OK && tell(outcomes);
    if (err.status != SY_OK) {
        fprintf(stderr, "%s\n", err.message);
    }
    close_world(&w);
    return parties_end(workers, started) && good ? 0 : 1;
}
