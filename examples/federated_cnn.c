/*
 * federated_cnn.c - a convolutional network learns handwritten digits (data/digits.csv) that lie at four workers, processes of their own,
 * by rounds of federated averaging; one of them is killed on the way.
 *
 *     federated_cnn data/digits.csv
 *
 * Three trainings side by side, which begin with the same parameters, and one in a single place to compare:
 *     quarters     each worker has a quarter of 1500 rows, and answers with its model
 *     shares       the same, but models come as sums over shares: north and east hold them, and nobody sees the model of one worker
 *     own digits   1500 rows again, unlike at each worker: north has the smaller digits, ... and west the nines, so that four models
 *                  go different ways, and who dies takes its digits along
 * What is right is counted on 297 rows that nobody has trained on. The first two differ in the last bits only, because sums over shares are
 * exact to 2^-24. West is no holder: when a holder dies, rounds over shares fail, and the model stays, until they are asked for with others.
 *
 * Bytes are those of the one who asks, to and from all workers, and those between workers, who tell what they have exchanged.
 */
#include <csyft/federated.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "digits_net.h"
#include "parties.h"

enum { WORKERS = 4, WEST = 3, HOLDERS = 2, ROUNDS = 12, LAST_OF_WEST = 6, PASSES = 1, BATCH = 25 };
enum { QUARTERS, SHARES, OWN_DIGITS, TRAININGS };
static const char *const names[WORKERS] = {"north", "east", "south", "west"};
static const char *const keys[TRAININGS] = {"quarter", "quarter", "own-digits"};

/* Rows of each worker, when they are sorted by digits. */
static const int64_t unlike[WORKERS + 1] = {0, 600, 1050, 1350, TRAINED};

/* Two convolutions, each halved by pooling, and a linear layer. */
static sy_status make_net(sy_hook *hook, sy_module **model, sy_error *err)
{
    enum { LAYERS = 8 };
    const int64_t three[] = {3, 3}, two[] = {2, 2};
    sy_conv_options padded = SY_CONV_OPTIONS_INIT;
    sy_module *l[LAYERS] = {NULL};
    sy_status status = SY_OK;
    size_t count = 0;
    padded.padding[0] = padded.padding[1] = 1;
    sy_hook_manual_seed(hook, 1);
    for (int block = 0; block < 2 && status == SY_OK; block++) {
        status = sy_module_new_conv2d(hook, &l[count++], block == 0 ? 1 : 8, block == 0 ? 8 : 16,
                                      three, &padded, err);
        if (status == SY_OK) {
            status = sy_module_new_relu(hook, &l[count++], err);
        }
        if (status == SY_OK) {
            status = sy_module_new_max_pool2d(hook, &l[count++], two, NULL, err);
        }
    }
    if (status == SY_OK) {
        status = sy_module_new_flatten(hook, &l[count++], 1, -1, err);
    }
    if (status == SY_OK) {
        status = sy_module_new_linear(hook, &l[count++], 64, 10, true, err);
    }
    if (status == SY_OK) {
        status = sy_module_new_sequential(hook, model, l, count, err);
    }
    for (size_t k = 0; k < LAYERS; k++) {
        sy_module_unref(l[k]);
    }
    return status;
}

/* A worker */

/* Images and digits are served: others may train on them, and get none. */
static sy_status serve_rows(sy_worker *self, const char *key, sy_tensor *x, sy_tensor *y,
                            sy_error *err)
{
    sy_serve_options options = SY_SERVE_OPTIONS_INIT;
    options.release_rows = BATCH;
    return sy_worker_serve_dataset(self, key, x, y, &options, err);
}

/* Row numbers of the smallest digits first. */
static sy_status sort_by_digit(sy_tensor *y, int64_t *order, sy_error *err)
{
    int64_t digits[TRAINED], count = 0;
    const sy_status status = sy_tensor_copy_data(y, digits, sizeof digits, err);
    for (int64_t digit = 0; digit < 10 && status == SY_OK; digit++) {
        for (int64_t k = 0; k < TRAINED; k++) {
            if (digits[k] == digit) {
                order[count++] = k;
            }
        }
    }
    return status;
}

static sy_status serve_own_digits(const party *p, int place, sy_tensor *x, sy_tensor *y,
                                  sy_error *err)
{
    int64_t order[TRAINED];
    const int64_t count = unlike[place + 1] - unlike[place];
    sy_tensor *rows = NULL, *own_x = NULL, *own_y = NULL;
    sy_status status = sort_by_digit(y, order, err);
    if (status == SY_OK) {
        status = sy_tensor_new(p->hook, &rows, SY_DTYPE_I64, 1, &count, order + unlike[place], err);
    }
    if (status == SY_OK) {
        sy_scope *s = sy_scope_begin(p->hook);
        own_x = sy_scope_keep(s, sy_index_select(s, x, 0, rows));
        own_y = sy_scope_keep(s, sy_index_select(s, y, 0, rows));
        status = sy_scope_end(s, err);
    }
    if (status == SY_OK) {
        status = serve_rows(p->self, keys[OWN_DIGITS], own_x, own_y, err);
    }
    sy_tensor_unref(own_y);
    sy_tensor_unref(own_x);
    sy_tensor_unref(rows);
    return status;
}

/* Both ways. In real use each worker has a file: `csyft worker --dataset ... --release-rows 25`. */
static sy_status serve(const party *p, int place, sy_error *err)
{
    const int64_t quarter = TRAINED / WORKERS;
    sy_tensor *table = NULL, *x = NULL, *y = NULL, *own_x = NULL, *own_y = NULL;
    sy_status status = sy_tensor_load(p->hook, &table, p->path, err);
    if (status == SY_OK) {
        status = digits_cut(p->hook, table, 0, TRAINED, &x, &y, err);
    }
    if (status == SY_OK) {
        status = serve_own_digits(p, place, x, y, err);
    }
    if (status == SY_OK) {
        status = digits_cut(p->hook, table, place * quarter, quarter, &own_x, &own_y, err);
    }
    if (status == SY_OK) {
        status = serve_rows(p->self, keys[QUARTERS], own_x, own_y, err);
    }
    sy_tensor_unref(own_y);
    sy_tensor_unref(own_x);
    sy_tensor_unref(y);
    sy_tensor_unref(x);
    sy_tensor_unref(table);
    return status;
}

/* What this worker has exchanged with others that it has called. */
static uint64_t count_bytes(const party *p)
{
    uint64_t bytes = 0;
    for (int k = 0; k < WORKERS; k++) {
        sy_error unknown = SY_ERROR_INIT;
        sy_worker *other = NULL;
        if (strcmp(names[k], p->name) != 0 &&
            sy_worker_get_worker(p->self, &other, names[k], true, &unknown) == SY_OK) {
            const sy_traffic traffic = sy_worker_get_traffic(other);
            bytes += traffic.bytes_sent + traffic.bytes_received;
        }
    }
    return bytes;
}

static sy_status run_worker(party *p, sy_error *err)
{
    int place = 0;
    char asked = 0;
    uint64_t bytes = 0;
    while (strcmp(names[place], p->name) != 0) {
        place++;
    }
    const sy_status status = serve(p, place, err);
    while (status == SY_OK && party_tell(p->fd, &bytes, sizeof bytes) &&
           party_hear(p->fd, &asked, 1)) {
        bytes = count_bytes(p);
    }
    return status;
}

/* Who asks */

typedef struct training {
    sy_module *model;
    sy_trainer *trainer;
    sy_shard shards[WORKERS];
    sy_round_options options;
    sy_round_report report;
    double right; /* percent */
    double seconds;
    uint64_t bytes, bytes_between;
} training;

typedef struct world {
    process workers[WORKERS];
    sy_context *context;
    sy_hook *hook;
    sy_worker *at[WORKERS];
    sy_shard tried, all; /* at a virtual worker here */
    training trainings[TRAININGS];
} world;

/* Rows that are here: those that nobody trains on, and, to compare, all others. */
static sy_status serve_here(world *w, const char *path, sy_error *err)
{
    sy_tensor *table = NULL, *x = NULL, *y = NULL;
    sy_worker *here = NULL;
    sy_status status = sy_tensor_load(w->hook, &table, path, err);
    if (status == SY_OK) {
        status = sy_virtual_worker_new(w->hook, &here, "here", err);
    }
    w->tried = (sy_shard){here, "tried"};
    w->all = (sy_shard){here, "all"};
    for (int k = 0; k < 2 && status == SY_OK; k++) {
        status =
            digits_cut(w->hook, table, k == 0 ? 0 : TRAINED, k == 0 ? TRAINED : TRIED, &x, &y, err);
        if (status == SY_OK) {
            status = serve_rows(here, k == 0 ? w->all.key : w->tried.key, x, y, err);
        }
        sy_tensor_unref(y);
        sy_tensor_unref(x);
        x = y = NULL;
    }
    sy_tensor_unref(table);
    return status;
}

static sy_status make_trainer(world *w, sy_module **model, sy_trainer **trainer, sy_error *err)
{
    const sy_plan_shape images = {SY_DTYPE_F32, 4, {-1, 1, SIDE, SIDE}};
    const sy_plan_shape digits = {SY_DTYPE_I64, 1, {-1}};
    sy_training_options options = SY_TRAINING_OPTIONS_INIT;
    sy_sgd_options sgd = SY_SGD_OPTIONS_INIT;
    sgd.lr = 0.2;
    sgd.momentum = 0.5;
    options.sgd = &sgd;
    const sy_status status = make_net(w->hook, model, err);
    return status == SY_OK ? sy_trainer_new(trainer, *model, &images, &digits, &options, err)
                           : status;
}

static sy_fit_options fit_options(int64_t epochs)
{
    sy_fit_options fit = SY_FIT_OPTIONS_INIT;
    fit.batch_size = BATCH;
    fit.epochs = epochs;
    fit.seed = 1;
    return fit;
}

static sy_status make_training(world *w, int kind, sy_error *err)
{
    training *t = &w->trainings[kind];
    for (int k = 0; k < WORKERS; k++) {
        t->shards[k] = (sy_shard){w->at[k], keys[kind]};
    }
    t->options = (sy_round_options)SY_ROUND_OPTIONS_INIT;
    t->options.fit = fit_options(PASSES);
    t->options.min_workers = WORKERS - 1; /* one of them may die */
    if (kind == SHARES) {
        t->options.holders = w->at; /* north and east, who train, too */
        t->options.holder_count = HOLDERS;
    }
    return make_trainer(w, &t->model, &t->trainer, err);
}

static sy_status open_world(world *w, const char *path, sy_error *err)
{
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    options.reconnect_ms = 100; /* a worker that is gone is not waited for */
    sy_hook_options quiet = SY_HOOK_OPTIONS_INIT;
    quiet.verbose = false;
    sy_status status = sy_context_new(&w->context, NULL, err);
    if (status == SY_OK) {
        status = sy_hook_new(w->context, &w->hook, &quiet, err);
    }
    for (int k = 0; k < WORKERS && status == SY_OK; k++) {
        status = sy_worker_connect(w->hook, &w->at[k], w->workers[k].at.url, &options, err);
    }
    if (status == SY_OK) {
        status = serve_here(w, path, err);
    }
    for (int kind = 0; kind < TRAININGS && status == SY_OK; kind++) {
        status = make_training(w, kind, err);
    }
    return status;
}

static void close_world(world *w)
{
    for (int kind = 0; kind < TRAININGS; kind++) {
        sy_trainer_free(w->trainings[kind].trainer);
        sy_module_unref(w->trainings[kind].model);
    }
    sy_hook_free(w->hook);
    sy_context_free(w->context);
}

static uint64_t bytes_here(const world *w)
{
    uint64_t bytes = 0;
    for (int k = 0; k < WORKERS; k++) {
        const sy_traffic traffic = sy_worker_get_traffic(w->at[k]);
        bytes += traffic.bytes_sent + traffic.bytes_received;
    }
    return bytes;
}

/* Of those that are alive. */
static uint64_t bytes_between(const world *w)
{
    uint64_t sum = 0, bytes = 0;
    for (int k = 0; k < WORKERS; k++) {
        if (w->workers[k].pid > 0 && party_tell(w->workers[k].fd, "b", 1) &&
            party_hear(w->workers[k].fd, &bytes, sizeof bytes)) {
            sum += bytes;
        }
    }
    return sum;
}

static sy_status count_right(const world *w, sy_trainer *trainer, double *percent, sy_error *err)
{
    sy_evaluation e = {0};
    const sy_status status = sy_trainer_evaluate(trainer, &w->tried, 0, &e, err);
    *percent = status == SY_OK ? 100.0 * (double)e.right / (double)e.rows : 0;
    return status;
}

static sy_status one_round(const world *w, training *t, sy_shard_report *reports, sy_error *err)
{
    const uint64_t before = bytes_here(w), before_between = bytes_between(w);
    const sy_status status =
        sy_trainer_round(t->trainer, t->shards, WORKERS, &t->options, &t->report, reports, err);
    t->bytes = bytes_here(w) - before;
    t->bytes_between = bytes_between(w) - before_between;
    t->seconds += t->report.seconds;
    return status == SY_OK ? count_right(w, t->trainer, &t->right, err) : status;
}

static void tell_round(const training *t, int round)
{
    printf("%5d", round);
    for (int kind = 0; kind < TRAININGS; kind++) {
        printf("%10d %9.3f %6.1f %%", (int)t[kind].report.counted, t[kind].report.loss,
               t[kind].right);
    }
    printf("\n");
    fflush(stdout);
}

/* Everybody who lives is counted, and shares change nothing but last bits, which further rounds make larger. */
static bool is_as_promised(const training *t, int round)
{
    const size_t alive = round <= LAST_OF_WEST ? WORKERS : WORKERS - 1;
    bool good = fabs(t[SHARES].report.loss - t[QUARTERS].report.loss) < 0.02;
    for (int kind = 0; kind < TRAININGS; kind++) {
        good = good && t[kind].report.counted == alive;
    }
    return good;
}

static sy_status train(world *w, bool *promised, sy_error *err)
{
    sy_shard_report reports[WORKERS];
    sy_status status = SY_OK;
    *promised = true;
    printf("           quarters                    shares                      own digits\n");
    printf("round   workers      loss    right   workers      loss    right   workers      loss    "
           "right\n");
    for (int round = 1; round <= ROUNDS && status == SY_OK; round++) {
        for (int kind = 0; kind < TRAININGS && status == SY_OK; kind++) {
            status = one_round(w, &w->trainings[kind], reports, err);
        }
        if (status == SY_OK) {
            tell_round(w->trainings, round);
            *promised = *promised && is_as_promised(w->trainings, round);
        }
        if (status == SY_OK && round == LAST_OF_WEST) {
            parties_kill(&w->workers[WEST]);
        } else if (status == SY_OK && round == LAST_OF_WEST + 1) {
            printf("west was killed before this round: %s\n", reports[WEST].why.message);
        }
    }
    return status;
}

/* As many passes over all rows in one place. */
static sy_status train_in_one_place(world *w, double *right, sy_error *err)
{
    sy_module *model = NULL;
    sy_trainer *trainer = NULL;
    sy_fit_result result;
    const sy_fit_options fit = fit_options(ROUNDS * PASSES);
    sy_status status = make_trainer(w, &model, &trainer, err);
    if (status == SY_OK) {
        status = sy_trainer_fit(trainer, &w->all, &fit, &result, err);
    }
    if (status == SY_OK) {
        status = count_right(w, trainer, right, err);
    }
    sy_trainer_free(trainer);
    sy_module_unref(model);
    return status;
}

static bool work(world *w, const char *path)
{
    sy_error err = SY_ERROR_INIT;
    const training *t = w->trainings;
    double together = 0;
    bool promised = false;
    sy_status status = open_world(w, path, &err);
    if (status == SY_OK) {
        status = train(w, &promised, &err);
    }
    if (status == SY_OK) {
        status = train_in_one_place(w, &together, &err);
    }
    if (status == SY_OK) {
        printf("right of %d rows: quarters %.1f %%, shares %.1f %%, own digits %.1f %%, trained in "
               "one place %.1f %%\n",
               TRIED, t[QUARTERS].right, t[SHARES].right, t[OWN_DIGITS].right, together);
        for (int kind = 0; kind <= SHARES; kind++) {
            printf("rounds of %s: %.1f ms; the last one: %d bytes here, %d between the workers\n",
                   kind == QUARTERS ? "quarters" : "shares", 1e3 * t[kind].seconds / ROUNDS,
                   (int)t[kind].bytes, (int)t[kind].bytes_between);
        }
    } else {
        fprintf(stderr, "%s\n", err.message);
    }
    return status == SY_OK && promised && t[QUARTERS].right > 80 && together > 80 &&
           fabs(t[SHARES].right - t[QUARTERS].right) < 3 && t[OWN_DIGITS].right < t[QUARTERS].right;
}

int main(int argc, char **argv)
{
    static world w;
    uint64_t ready = 0;
    int started = 0;
    if (argc != 2) {
        fputs("usage: federated_cnn digits.csv\n", stderr);
        return 2;
    }
    bool good = true;
    while (started < WORKERS && good) {
        good = parties_start(w.workers, started, names[started], argv[1], run_worker);
        started++;
    }
    for (int k = 0; k < WORKERS && good; k++) {
        good = party_hear(w.workers[k].fd, &ready, sizeof ready);
    }
    good = good && work(&w, argv[1]);
    close_world(&w);
    return parties_end(w.workers, started) && good ? 0 : 1;
}
