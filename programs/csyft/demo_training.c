/* demo_training.c - the demo's ways of training, and what each has come to. */
#include <string.h>

#include "demo.h"

/* What the demo promises: below either of the two it fails. */
static const double accuracy_min = 0.93, points_lost_max = 0.5;

typedef struct outcome {
    double accuracy;
    double seconds;
    uint64_t messages, bytes;
} outcome;

typedef struct strategy {
    const char *name;
    const char *title;
    bool sequential, secure;
} strategy;
static const strategy strategies[] = {{"sequential", "worker to worker", true, false},
                                      {"fedavg", "federated averaging", false, false},
                                      {"secure", "averaging over shares", false, true}};
enum { STRATEGY_COUNT = sizeof strategies / sizeof strategies[0], STRATEGY_FEDAVG = 1 };

/* Of all ways federated averaging has its metrics kept, otherwise the one. */
static metrics *metrics_of(demo *d, const strategy *how)
{
    const bool all = strcmp(d->set.strategy_name, "all") == 0;
    return !all || how == &strategies[STRATEGY_FEDAVG] ? &d->set.metrics : NULL;
}

static void add_traffic(const demo *d, outcome *o, int sign)
{
    for (int k = 0; k < DIGITS_SHARDS; k++) {
        const sy_traffic t = sy_worker_get_traffic(d->workers[k]);
        const uint64_t messages = t.messages_sent + t.messages_received;
        const uint64_t bytes = t.bytes_sent + t.bytes_received;
        o->messages += sign > 0 ? messages : -messages;
        o->bytes += sign > 0 ? bytes : -bytes;
    }
}

typedef struct measured {
    const digits_course *course;
    sy_module *model;
} measured;

static sy_status measure(void *user, sy_evaluation *evaluation, sy_error *err)
{
    const measured *m = user;
    return digits_measure(m->course, m->model, evaluation, err);
}

/* As many steps for each model as in plain training: a pass at each worker, or three at every one. */
static training plan_training(demo *d, const strategy *how)
{
    training t = {
        .shards = d->shards,
        .count = DIGITS_SHARDS,
        .options = SY_ROUND_OPTIONS_INIT,
        .sequential = how->sequential,
        .rounds = d->set.course.rounds,
        .evaluate = measure,
        .evaluate_every = 1,
        .interrupted = d->interrupted,
    };
    t.options.min_workers = DIGITS_SHARDS;
    t.options.fit.batch_size = d->set.course.batch;
    t.options.fit.epochs = how->sequential ? 1 : DIGITS_SHARDS;
    t.options.fit.shuffle = !how->sequential;
    t.options.fit.seed = d->set.course.seed + 1; /* 0 would be drawn */
    t.options.holders = how->secure ? d->workers : NULL;
    t.options.holder_count = how->secure ? DIGITS_SHARDS : 0;
    return t;
}

static int train(demo *d, const strategy *how, outcome *o)
{
    sy_error err = SY_ERROR_INIT, last = SY_ERROR_INIT;
    measured m = {.course = &d->set.course};
    training t = plan_training(d, how);
    t.user = &m;
    t.metrics = metrics_of(d, how);
    *o = (outcome){0};
    sy_status status = digits_model_new(&d->set.course, &m.model, &err);
    if (status == SY_OK) {
        status = digits_trainer_new(&d->set.course, m.model, &t.trainer, &err);
    }
    if (status == SY_OK && t.metrics != NULL) {
        t.metrics->title = how->title;
        status = metrics_open(t.metrics, d->session.context, 0, &err);
    }
    if (status == SY_OK) {
        const double began = progress_clock();
        add_traffic(d, o, -1);
        status = training_run(&t, how->title, &err);
        add_traffic(d, o, 1);
        o->seconds = progress_clock() - began;
        o->accuracy =
            t.evaluation.rows > 0 ? (double)t.evaluation.right / (double)t.evaluation.rows : 0;
    }
    if (t.metrics != NULL && metrics_close(t.metrics, &last) != SY_OK && status == SY_OK) {
        status = last.status;
        err = last;
    }
    sy_trainer_free(t.trainer);
    sy_module_unref(m.model);
    return status == SY_OK ? CLI_OK : demo_report(d, &err);
}

/* The same training on the same rows without any worker: the measure of the others. */
static int train_plainly(const demo *d, outcome *o)
{
    sy_evaluation evaluation;
    sy_error err = SY_ERROR_INIT;
    *o = (outcome){0};
    const double began = progress_clock();
    if (digits_train_plainly(&d->set.course, &d->data, &evaluation, &err) != SY_OK) {
        return demo_report(d, &err);
    }
    o->seconds = progress_clock() - began;
    o->accuracy = (double)evaluation.right / (double)evaluation.rows;
    return CLI_OK;
}

static void print_row(const char *title, const outcome *o, const outcome *plain)
{
    printf("%-21s  %6.2f %%", title, 100 * o->accuracy);
    if (plain == NULL) {
        printf("  %7s  %10s  %10s", "", "", "");
    } else {
        printf("  %+7.2f  %10llu  %7.1f MB", 100 * (o->accuracy - plain->accuracy),
               (unsigned long long)o->messages, (double)o->bytes / 1e6);
    }
    printf("  %7.2f s\n", o->seconds);
}

static int judge(const demo *d, const char *title, const outcome *o, const outcome *plain)
{
    const double lost = 100 * (plain->accuracy - o->accuracy);
    if (o->accuracy < accuracy_min) {
        return cli_fail(d->session.verb, "%s: accuracy %.4f is below %.2f", title, o->accuracy,
                        accuracy_min);
    }
    if (lost > points_lost_max) {
        return cli_fail(d->session.verb, "%s: %.2f points below plain training, more than %.1f",
                        title, lost, points_lost_max);
    }
    return CLI_OK;
}

int demo_train(demo *d)
{
    const digits_course *c = &d->set.course;
    printf("\ntraining 64-64-10 on %lld rows that stay where they are: %lld rounds, batches of "
           "%lld, learning rate %g, seed %llu; tested on %lld rows\n\n",
           (long long)d->rows, (long long)c->rounds, (long long)c->batch, c->lr,
           (unsigned long long)c->seed, (long long)d->data.held_out.count);
    fflush(stdout);
    outcome plain, outcomes[STRATEGY_COUNT];
    int code = train_plainly(d, &plain);
    const bool all = strcmp(d->set.strategy_name, "all") == 0;
    bool chosen[STRATEGY_COUNT];
    for (int k = 0; code == CLI_OK && k < STRATEGY_COUNT; k++) {
        chosen[k] = all || strcmp(d->set.strategy_name, strategies[k].name) == 0;
        if (chosen[k]) {
            code = train(d, &strategies[k], &outcomes[k]);
        }
    }
    if (code != CLI_OK) {
        return code;
    }
    printf("%-21s  %8s  %7s  %10s  %10s  %9s\n", "", "accuracy", "points", "messages", "bytes",
           "time");
    print_row("plain, here", &plain, NULL);
    for (int k = 0; k < STRATEGY_COUNT; k++) {
        if (chosen[k]) {
            print_row(strategies[k].title, &outcomes[k], &plain);
        }
    }
    fflush(stdout);
    for (int k = 0; k < STRATEGY_COUNT; k++) {
        if (chosen[k] && judge(d, strategies[k].title, &outcomes[k], &plain) != CLI_OK) {
            code = CLI_FAILED;
        }
    }
    return code;
}
