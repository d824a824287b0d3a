/*
 * federated.c - a round of federated training over two workers beside the same steps here; a round of a large model over a hundred
 * virtual workers beside adding up as many models; and what a virtual worker takes.
 */
#include <csyft/queries.h>
#include <malloc.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure.h"
#include "processes.h"

/* 784-128-10, as PySyft's tutorials have it; two shards of 1024 rows, batches of 32. */
enum { WORKERS = 2, ROWS = 1024, PIXELS = 784, HIDDEN = 128, CLASSES = 10, BATCH = 32 };
/* 1000 x 1000 parameters. */
enum { MANY = 100, SIDE = 1000 };

typedef struct federated {
    cli_session session;
    bench_process processes[WORKERS];
    char folder[64];
    sy_shard shards[MANY], here;
    size_t count;
    sy_module *model;
    sy_trainer *trainer;
    sy_round_options round;
    double *sum, *one; /* of the limit: models as numbers */
} federated;

static void federated_close(federated *f)
{
    sy_trainer_free(f->trainer);
    sy_module_unref(f->model);
    cli_session_close(&f->session);
    for (int k = 0; k < WORKERS; k++) {
        bench_stop(&f->processes[k]);
    }
    for (int k = 0; k < 2 && f->folder[0] != '\0'; k++) {
        char path[80];
        snprintf(path, sizeof path, "%s/%s.npy", f->folder, k == 0 ? "x" : "y");
        unlink(path);
    }
    if (f->folder[0] != '\0') {
        rmdir(f->folder);
    }
    free(f->sum);
    free(f->one);
}

/* --- a round over two workers ------------------------------------------------------------------ */

static sy_status make_net(federated *f, sy_error *err)
{
    const sy_plan_shape rows = {SY_DTYPE_F32, 2, {-1, PIXELS}}, classes = {SY_DTYPE_I64, 1, {-1}};
    sy_hook *hook = f->session.hook;
    sy_module *layers[3] = {NULL};
    sy_hook_manual_seed(hook, 1);
    sy_status status = sy_module_new_linear(hook, &layers[0], PIXELS, HIDDEN, true, err);
    status = status == SY_OK ? sy_module_new_relu(hook, &layers[1], err) : status;
    status = status == SY_OK ? sy_module_new_linear(hook, &layers[2], HIDDEN, CLASSES, true, err)
                             : status;
    status = status == SY_OK ? sy_module_new_sequential(hook, &f->model, layers, 3, err) : status;
    status = status == SY_OK ? sy_trainer_new(&f->trainer, f->model, &rows, &classes, NULL, err)
                             : status;
    for (int k = 0; k < 3; k++) {
        sy_module_unref(layers[k]);
    }
    return status;
}

/* Rows that every worker serves, and, twice as many, a virtual worker of this process. */
static sy_status make_rows(federated *f, sy_error *err)
{
    sy_hook *hook = f->session.hook;
    sy_worker *here = NULL;
    sy_serve_options options = SY_SERVE_OPTIONS_INIT;
    char path[80];
    const sy_budget budget = {sizeof budget, 1e30, 1e-6, 0};
    options.release_rows = BATCH;
    options.budget = &budget;
    sy_scope *s = sy_scope_begin(hook);
    sy_tensor *x = sy_scope_keep(s, sy_rand(s, SY_DTYPE_F32, 2, (int64_t[]){ROWS, PIXELS}));
    sy_tensor *y = sy_scope_keep(s, sy_randint(s, 0, CLASSES, 1, (int64_t[]){ROWS}));
    sy_tensor *const xs[] = {x, x}, *const ys[] = {y, y};
    sy_tensor *more_x = sy_scope_keep(s, sy_cat(s, xs, WORKERS, 0));
    sy_tensor *more_y = sy_scope_keep(s, sy_cat(s, ys, WORKERS, 0));
    sy_status status = sy_scope_end(s, err);
    snprintf(path, sizeof path, "%s/x.npy", f->folder);
    status = status == SY_OK ? sy_tensor_save(x, path, err) : status;
    snprintf(path, sizeof path, "%s/y.npy", f->folder);
    status = status == SY_OK ? sy_tensor_save(y, path, err) : status;
    status = status == SY_OK ? sy_virtual_worker_new(hook, &here, "here", err) : status;
    status =
        status == SY_OK ? sy_ledger_open(f->session.context, &options.ledger, NULL, err) : status;
    status = status == SY_OK ? sy_worker_serve_dataset(here, "rows", more_x, more_y, &options, err)
                             : status;
    f->here = (sy_shard){here, "rows"};
    sy_ledger_unref(options.ledger);
    sy_tensor_unref(x);
    sy_tensor_unref(y);
    sy_tensor_unref(more_x);
    sy_tensor_unref(more_y);
    return status;
}

/* The net and its rows; to be closed also when it fails. */
static int open_net(const bench *b, federated *f)
{
    sy_error err = SY_ERROR_INIT;
    const cli_session_options how = {.pool_threads = 1};
    *f = (federated){.folder = "/tmp/csyft-bench-XXXXXX", .round = SY_ROUND_OPTIONS_INIT};
    f->round.fit.batch_size = BATCH;
    if (mkdtemp(f->folder) == NULL) {
        f->folder[0] = '\0';
        return cli_fail(b->verb, "%s: no folder", "/tmp");
    }
    const int code = cli_session_open(&f->session, b->verb, &how);
    if (code != CLI_OK) {
        return code;
    }
    sy_status status = make_net(f, &err);
    status = status == SY_OK ? make_rows(f, &err) : status;
    return status == SY_OK ? CLI_OK : cli_report(b->verb, &err);
}

static int start_workers(const bench *b, federated *f)
{
    char dataset[200];
    sy_error err = SY_ERROR_INIT;
    snprintf(dataset, sizeof dataset, "rows=%s/x.npy,%s/y.npy", f->folder, f->folder);
    const char *const more[] = {"--dataset", dataset,          "--release-rows",
                                "32",        "--pool-threads", "1"};
    for (int k = 0; k < WORKERS; k++) {
        char id[32];
        snprintf(id, sizeof id, "worker%d", k);
        const int code = bench_start_worker_with(b, &f->processes[k], "tcp", 0, id, more,
                                                 sizeof more / sizeof *more);
        if (code != CLI_OK) {
            return code;
        }
        f->shards[k].key = "rows";
        if (sy_worker_connect(f->session.hook, &f->shards[k].worker, f->processes[k].url, NULL,
                              &err) != SY_OK) {
            return cli_report(b->verb, &err);
        }
    }
    f->count = WORKERS;
    return CLI_OK;
}

static int run_rounds(void *state, size_t count, double *seconds)
{
    federated *f = state;
    sy_error err = SY_ERROR_INIT;
    sy_status status = SY_OK;
    const double start = bench_clock();
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        status = sy_trainer_round(f->trainer, f->shards, f->count, &f->round, NULL, NULL, &err);
    }
    *seconds = bench_clock() - start;
    return status == SY_OK ? CLI_OK : cli_report(f->session.verb, &err);
}

/* As many steps on as many rows, one after the other. */
static int run_plain(void *state, size_t count, double *seconds)
{
    federated *f = state;
    sy_error err = SY_ERROR_INIT;
    sy_status status = SY_OK;
    const double start = bench_clock();
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        status = sy_trainer_fit(f->trainer, &f->here, &f->round.fit, NULL, &err);
    }
    *seconds = bench_clock() - start;
    return status == SY_OK ? CLI_OK : cli_report(f->session.verb, &err);
}

/* Every worker has trained on all of its rows. */
static sy_status check_round(federated *f, int64_t rows, bench_result *result, sy_error *err)
{
    sy_round_report report;
    uint64_t before = 0, after = 0;
    for (size_t k = 0; k < f->count; k++) {
        const sy_traffic t = sy_worker_get_traffic(f->shards[k].worker);
        before += t.bytes_sent + t.bytes_received;
    }
    const sy_status status =
        sy_trainer_round(f->trainer, f->shards, f->count, &f->round, &report, NULL, err);
    for (size_t k = 0; k < f->count; k++) {
        const sy_traffic t = sy_worker_get_traffic(f->shards[k].worker);
        after += t.bytes_sent + t.bytes_received;
    }
    result->check = status == SY_OK && report.counted == f->count && report.rows == rows &&
                    report.loss > 0 && isfinite(report.loss);
    result->bytes = after - before;
    result->rounds = 1;
    return status;
}

int bench_run_federated(const bench *b, const bench_scenario *scenario, bench_result *result)
{
    federated f;
    sy_error err = SY_ERROR_INIT;
    (void)scenario;
    int code = open_net(b, &f);
    code = code == CLI_OK ? start_workers(b, &f) : code;
    if (code == CLI_OK) { /* the plans go to the workers in the first one */
        code = check_round(&f, WORKERS * ROWS, result, &err) == SY_OK &&
                       check_round(&f, WORKERS * ROWS, result, &err) == SY_OK
                   ? CLI_OK
                   : cli_report(b->verb, &err);
    }
    if (code == CLI_OK) {
        code = bench_compare(b, 1e-3, run_rounds, &f, run_plain, &f, result);
    }
    federated_close(&f);
    return code;
}

/* --- with noise ---------------------------------------------------------------------------------- */

/* The same number of steps, of samples of the same size, row by row. */
static int run_noisy(void *state, size_t count, double *seconds)
{
    federated *f = state;
    sy_error err = SY_ERROR_INIT;
    sy_status status = SY_OK;
    sy_fit_options o = f->round.fit;
    o.noise_multiplier = 1;
    o.clip = 0.01;
    const double start = bench_clock();
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        status = sy_trainer_fit(f->trainer, &f->here, &o, NULL, &err);
    }
    *seconds = bench_clock() - start;
    return status == SY_OK ? CLI_OK : cli_report(f->session.verb, &err);
}

/* Is every fit charged? */
static sy_status check_charges(federated *f, bench_result *result, sy_error *err)
{
    sy_budget budget;
    sy_spending before = {0, 0}, after = {0, 0};
    double seconds;
    sy_status status = sy_shard_get_budget(&f->here, &budget, &before, err);
    status = status == SY_OK && run_noisy(f, 1, &seconds) != CLI_OK ? SY_EREMOTE : status;
    status = status == SY_OK ? sy_shard_get_budget(&f->here, &budget, &after, err) : status;
    result->check = status == SY_OK && after.charges == before.charges + 1;
    return status;
}

int bench_run_noisy_fit(const bench *b, const bench_scenario *scenario, bench_result *result)
{
    federated f;
    sy_error err = SY_ERROR_INIT;
    (void)scenario;
    int code = open_net(b, &f);
    if (code == CLI_OK && check_charges(&f, result, &err) != SY_OK) {
        code = cli_report(b->verb, &err);
    }
    if (code == CLI_OK) {
        code = bench_compare(b, 1e-3, run_noisy, &f, run_plain, &f, result);
    }
    federated_close(&f);
    return code;
}

/* --- many workers ------------------------------------------------------------------------------ */

static sy_status make_many(federated *f, sy_error *err)
{
    float numbers[SIDE];
    const sy_plan_shape row = {SY_DTYPE_F32, 2, {-1, SIDE}};
    sy_hook *hook = f->session.hook;
    sy_tensor *x = NULL;
    sy_training_options training = SY_TRAINING_OPTIONS_INIT;
    sy_serve_options options = SY_SERVE_OPTIONS_INIT;
    training.loss = sy_mse_loss;
    options.release_rows = 1;
    for (int k = 0; k < SIDE; k++) {
        numbers[k] = (float)(k % 7) / 7;
    }
    sy_status status = sy_module_new_linear(hook, &f->model, SIDE, SIDE, false, err);
    status = status == SY_OK ? sy_trainer_new(&f->trainer, f->model, &row, &row, &training, err)
                             : status;
    status = status == SY_OK
                 ? sy_tensor_new(hook, &x, SY_DTYPE_F32, 2, (int64_t[]){1, SIDE}, numbers, err)
                 : status;
    for (f->count = 0; f->count < MANY && status == SY_OK; f->count++) {
        sy_shard *shard = &f->shards[f->count];
        char id[32];
        snprintf(id, sizeof id, "client%zu", f->count);
        shard->key = "row";
        status = sy_virtual_worker_new(hook, &shard->worker, id, err);
        status = status == SY_OK
                     ? sy_worker_serve_dataset(shard->worker, "row", x, x, &options, err)
                     : status;
    }
    sy_tensor_unref(x);
    f->sum = calloc((size_t)SIDE * SIDE, sizeof *f->sum);
    f->one = calloc((size_t)SIDE * SIDE, sizeof *f->one);
    return f->sum != NULL && f->one != NULL ? status : SY_ENOMEM;
}

static int add_models(void *state, size_t count, double *seconds)
{
    federated *f = state;
    const double start = bench_clock();
    for (size_t k = 0; k < count * MANY; k++) {
        for (size_t i = 0; i < (size_t)SIDE * SIDE; i++) {
            f->sum[i] += 0.5 * f->one[i];
        }
        f->one[k % SIDE] += f->sum[(k + 1) % SIDE]; /* not the same sum every time */
    }
    *seconds = bench_clock() - start;
    return CLI_OK;
}

int bench_run_federated_many(const bench *b, const bench_scenario *scenario, bench_result *result)
{
    federated f = {.round = SY_ROUND_OPTIONS_INIT};
    sy_error err = SY_ERROR_INIT;
    const cli_session_options how = {0};
    int code = cli_session_open(&f.session, b->verb, &how);
    f.round.fit.batch_size = 1;
    if (code == CLI_OK && make_many(&f, &err) != SY_OK) {
        code = cli_report(b->verb, &err);
    }
    sy_worker *const holders[] = {f.shards[0].worker, f.shards[1].worker};
    if (scenario->shares) {
        f.round.holders = holders;
        f.round.holder_count = 2;
    }
    if (code == CLI_OK && check_round(&f, MANY, result, &err) != SY_OK) {
        code = cli_report(b->verb, &err);
    }
    if (code == CLI_OK) {
        code = bench_compare(b, 1e-3, run_rounds, &f, add_models, &f, result);
    }
    federated_close(&f);
    return code;
}

/* So many numbers, each at a worker of its own, or all at one. Bytes that this process has more. */
static sy_status hold_numbers(sy_hook *hook, size_t count, bool apart, uint64_t *bytes,
                              sy_error *err)
{
    const bench_process self = {.pid = getpid()};
    sy_worker *worker = NULL;
    sy_tensor **held = calloc(count, sizeof(sy_tensor *));
    malloc_trim(0); /* what was there before */
    const uint64_t before = bench_read_memory(&self, "VmRSS");
    sy_status status = held != NULL ? SY_OK : SY_ENOMEM;
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        sy_tensor *number = NULL;
        char id[32];
        snprintf(id, sizeof id, "%s%zu", apart ? "w" : "all", k);
        if (apart || k == 0) {
            status = sy_virtual_worker_new(hook, &worker, id, err);
        }
        status =
            status == SY_OK ? sy_tensor_from_floats(hook, &number, (float[]){1}, 1, err) : status;
        status = status == SY_OK ? sy_tensor_send(number, &held[k], worker, err) : status;
        sy_tensor_unref(number);
    }
    *bytes = bench_read_memory(&self, "VmRSS") - before;
    for (size_t k = 0; held != NULL && k < count; k++) {
        sy_tensor_unref(held[k]);
    }
    free(held);
    return status;
}

/* 10^4 workers in this process, beside one. */
int bench_run_virtual_workers(const bench *b, const bench_scenario *scenario, bench_result *result)
{
    cli_session session;
    sy_error err = SY_ERROR_INIT;
    uint64_t together = 0, apart = 0;
    const cli_session_options how = {.pool_threads = 1};
    int code = cli_session_open(&session, b->verb, &how);
    if (code == CLI_OK) {
        sy_status status = hold_numbers(session.hook, scenario->size, false, &together, &err);
        status = status == SY_OK ? hold_numbers(session.hook, scenario->size, true, &apart, &err)
                                 : status;
        code = status == SY_OK ? CLI_OK : cli_report(b->verb, &err);
    }
    result->median = result->min = (double)apart / 1e6;
    result->limit = (double)together / 1e6;
    result->check = apart > together;
    cli_session_close(&session);
    return code;
}
