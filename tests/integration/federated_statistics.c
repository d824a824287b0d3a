/*
 * federated_statistics.c - running statistics of batch norms (BatchNorm, Ioffe and Szegedy 2015; PyTorch's formulas) of models that are trained where
 * the data live: they come back with the parameters, are averaged by rows, stay in checkpoints, and are what a model is evaluated by; and they are
 * means over as many rows as a dataset releases, or do not leave.
 */
#include <math.h>
#include <string.h>

#include <csyft/federated.h>

#include "execution/pointer_plan.h"
#include "hook/tensor.h"
#include "interpreters/pointer.h"
#include "support/folder.h"
#include "support/worker_kinds.h"
#include "workers/commands.h"
#include "workers/link.h"

enum { BATCH = 4, MOST = 32 };
static const double momentum = 0.1;

typedef struct statistics {
    double mean[2], variance[2];
} statistics;

static const statistics fresh = {{0, 0}, {1, 1}};

/* Far from mean 0 and variance 1, so that wrong ones are seen. */
static void make_row(int row, float x[2], float y[1])
{
    x[0] = 20 + (float)(row % 5);
    x[1] = -8 + 0.5f * (float)(row % 7);
    y[0] = 2 * (x[0] - 22) - 3 * (x[1] + 6.5f);
}

static void serve(workers *w, sy_worker *at, const char *key, int first, int count, int64_t release)
{
    float x[MOST][2], y[MOST][1];
    sy_tensor *data = NULL, *targets = NULL;
    sy_serve_options options = SY_SERVE_OPTIONS_INIT;
    sy_hook *hook = sy_worker_get_hook(at);
    options.release_rows = release;
    for (int k = 0; k < count; k++) {
        make_row(first + k, x[k], y[k]);
    }
    assert_ok(sy_tensor_new(hook, &data, SY_DTYPE_F32, 2, (int64_t[]){count, 2}, x, &w->err),
              &w->err);
    assert_ok(sy_tensor_new(hook, &targets, SY_DTYPE_F32, 2, (int64_t[]){count, 1}, y, &w->err),
              &w->err);
    assert_ok(sy_worker_serve_dataset(at, key, data, targets, &options, &w->err), &w->err);
    sy_tensor_unref(data);
    sy_tensor_unref(targets);
}

/* What the batches of a pass in order make of them: the mean, and the variance with n - 1. */
static void move(statistics *s, int first, int count, int passes)
{
    for (int pass = 0; pass < passes; pass++) {
        for (int from = 0; from + BATCH <= count; from += BATCH) {
            for (int c = 0; c < 2; c++) {
                double sum = 0, squares = 0;
                for (int k = from; k < from + BATCH; k++) {
                    float x[2], y[1];
                    make_row(first + k, x, y);
                    sum += (double)x[c];
                    squares += (double)x[c] * (double)x[c];
                }
                const double mean = sum / BATCH,
                             variance = (squares - BATCH * mean * mean) / (BATCH - 1);
                s->mean[c] += momentum * (mean - s->mean[c]);
                s->variance[c] += momentum * (variance - s->variance[c]);
            }
        }
    }
}

typedef struct scene {
    workers *w;
    sy_module *module;
    sy_trainer *trainer;
} scene;

/* BatchNorm on the rows themselves, then a linear layer. */
static scene scene_of(workers *w)
{
    scene c = {.w = w};
    sy_module *layers[2] = {NULL, NULL};
    const sy_plan_shape input = {SY_DTYPE_F32, 2, {-1, 2}}, target = {SY_DTYPE_F32, 2, {-1, 1}};
    sy_sgd_options sgd = SY_SGD_OPTIONS_INIT;
    sy_training_options training = SY_TRAINING_OPTIONS_INIT;
    sgd.lr = 0.125;
    training.sgd = &sgd;
    training.loss = sy_mse_loss;
    sy_hook_manual_seed(w->hook, 5);
    assert_ok(sy_module_new_batch_norm(w->hook, &layers[0], 2, NULL, &w->err), &w->err);
    assert_ok(sy_module_new_linear(w->hook, &layers[1], 2, 1, true, &w->err), &w->err);
    assert_ok(sy_module_new_sequential(w->hook, &c.module, layers, 2, &w->err), &w->err);
    sy_module_unref(layers[0]);
    sy_module_unref(layers[1]);
    assert_ok(sy_trainer_new(&c.trainer, c.module, &input, &target, &training, &w->err), &w->err);
    return c;
}

static void scene_close(scene *c)
{
    sy_trainer_free(c->trainer);
    sy_module_unref(c->module);
}

static void assert_statistics(const scene *c, const statistics *expected)
{
    size_t count = 0;
    float got[2];
    sy_tensor *const *buffers = sy_module_get_buffers(c->module, &count);
    assert_int_equal(count, 2);
    for (int k = 0; k < 2; k++) {
        assert_ok(sy_tensor_copy_data(buffers[k], got, sizeof got, &c->w->err), &c->w->err);
        for (int i = 0; i < 2; i++) {
            const double wanted = k == 0 ? expected->mean[i] : expected->variance[i];
            if (!(fabs((double)got[i] - wanted) < 2e-5 * (1 + fabs(wanted)))) {
                fail_msg("%s %d: %.9g, expected %.9g", k == 0 ? "mean" : "variance", i,
                         (double)got[i], wanted);
            }
        }
    }
}

static sy_fit_options in_order(int64_t epochs)
{
    sy_fit_options o = SY_FIT_OPTIONS_INIT;
    o.batch_size = BATCH;
    o.epochs = epochs;
    o.shuffle = false;
    return o;
}

static void test_fit(void **state)
{
    workers *w = *state;
    scene c = scene_of(w);
    const sy_shard shard = {w->bob, "rows"};
    sy_fit_options o = in_order(3);
    sy_fit_result result;
    statistics expected = fresh;
    serve(w, w->bob_serving, "rows", 0, 14, 3); /* 4, 4, 4, and 2, which are too few */
    assert_statistics(&c, &expected);
    assert_ok(sy_trainer_fit(c.trainer, &shard, &o, &result, &w->err), &w->err);
    move(&expected, 0, 14, 3);
    assert_statistics(&c, &expected);
    assert_int_equal(result.batches, 9);
    /* They go along with the next request. */
    assert_ok(sy_trainer_fit(c.trainer, &shard, &o, &result, &w->err), &w->err);
    move(&expected, 0, 14, 3);
    assert_statistics(&c, &expected);
    scene_close(&c);
}

/* --- rounds -------------------------------------------------------------------------------------- */

static const int first[] = {0, 14}, rows[] = {12, 8};

static void serve_two(workers *w, sy_shard shards[2])
{
    sy_worker *const serving[] = {w->bob_serving, w->alice_serving};
    sy_worker *const at[] = {w->bob, w->alice};
    static const char *const keys[] = {"a", "b"};
    for (int k = 0; k < 2; k++) {
        serve(w, serving[k], keys[k], first[k], rows[k], 2);
        shards[k] = (sy_shard){at[k], keys[k]};
    }
}

/* By rows, each worker from where the round began. */
static void average(statistics *s, int64_t passes)
{
    statistics mean = {{0, 0}, {0, 0}};
    for (int k = 0; k < 2; k++) {
        statistics one = *s;
        move(&one, first[k], rows[k], (int)passes);
        for (int i = 0; i < 2; i++) {
            mean.mean[i] += one.mean[i] * rows[k] / 20;
            mean.variance[i] += one.variance[i] * rows[k] / 20;
        }
    }
    *s = mean;
}

static void check_rounds(workers *w, sy_strategy strategy, sy_worker *const *holders)
{
    sy_shard shards[2];
    scene c = scene_of(w);
    sy_round_options o = SY_ROUND_OPTIONS_INIT;
    sy_round_report report;
    statistics expected = fresh;
    serve_two(w, shards);
    o.fit = in_order(2);
    o.strategy = strategy;
    o.holders = holders;
    o.holder_count = holders != NULL ? 2 : 0;
    o.aggregate_min = 2;
    for (int round = 0; round < 2; round++) {
        assert_ok(sy_trainer_round(c.trainer, shards, 2, &o, &report, NULL, &w->err), &w->err);
        assert_int_equal(report.counted, 2);
        average(&expected, 2);
        assert_statistics(&c, &expected);
    }
    scene_close(&c);
}

static void test_averages(void **state)
{
    check_rounds(*state, SY_STRATEGY_AVERAGE, NULL);
}

/* Whatever the strategy makes of parameters. */
static void test_averages_beside_adam(void **state)
{
    check_rounds(*state, SY_STRATEGY_ADAM, NULL);
}

/* Nobody sees the statistics of one worker. */
static void test_sums(void **state)
{
    workers *w = *state;
    sy_worker *const holders[] = {w->bob, w->alice};
    check_rounds(w, SY_STRATEGY_AVERAGE, holders);
}

static void read_linear(const scene *c, double numbers[7])
{
    size_t count = 0, at = 0;
    float got[2];
    sy_tensor *const *p = sy_module_get_parameters(c->module, &count);
    assert_int_equal(count, 4); /* weight and bias of both */
    for (size_t k = 0; k < 4; k++) {
        const size_t size = k == 3 ? 1 : 2;
        assert_ok(sy_tensor_copy_data(p[k], got, size * sizeof *got, &c->w->err), &c->w->err);
        for (size_t i = 0; i < size; i++) {
            numbers[at++] = (double)got[i];
        }
    }
}

/* update_max is about parameters: statistics of data far from 0 move by more, are counted, and are not clipped. */
static void check_limit(workers *w, double most, sy_worker *const *holders)
{
    sy_shard shards[2];
    scene c = scene_of(w);
    sy_round_options o = SY_ROUND_OPTIONS_INIT;
    sy_shard_report reports[2];
    statistics expected = fresh;
    double before[7], after[7], square = 0;
    serve_two(w, shards);
    o.fit = in_order(1);
    o.aggregate_min = 2;
    o.holders = holders;
    o.holder_count = holders != NULL ? 2 : 0;
    o.update_max = most;
    read_linear(&c, before);
    assert_ok(sy_trainer_round(c.trainer, shards, 2, &o, NULL, reports, &w->err), &w->err);
    assert_true(reports[0].counted && reports[1].counted);
    average(&expected, 1);
    assert_statistics(&c, &expected);
    assert_true(expected.mean[0] > most);
    read_linear(&c, after);
    for (int k = 0; k < 7; k++) {
        square += (after[k] - before[k]) * (after[k] - before[k]);
    }
    assert_true(sqrt(square) > most / 10 && sqrt(square) <= most * 1.0001);
    scene_close(&c);
}

static void test_the_limit_of_updates(void **state)
{
    check_limit(*state, 5, NULL);
}

static void test_clipping(void **state)
{
    workers *w = *state;
    sy_worker *const holders[] = {w->bob, w->alice};
    check_limit(w, 0.03125, holders);
}

/* --- evaluation, checkpoints --------------------------------------------------------------------- */

/* The loss here, in eval mode: with the running statistics, of rows one by one. */
static double loss_here(const scene *c, const statistics *s, int from, int count)
{
    double p[7], sum = 0;
    read_linear(c, p);
    for (int k = from; k < from + count; k++) {
        float x[2], y[1];
        double output = p[6];
        make_row(k, x, y);
        for (int i = 0; i < 2; i++) {
            output += p[4 + i] *
                      (p[i] * ((double)x[i] - s->mean[i]) / sqrt(s->variance[i] + 1e-5) + p[2 + i]);
        }
        sum += (output - (double)y[0]) * (output - (double)y[0]) / count;
    }
    return sum;
}

static void test_evaluation(void **state)
{
    workers *w = *state;
    scene c = scene_of(w);
    const sy_shard shard = {w->bob, "rows"};
    sy_fit_options o = in_order(12);
    sy_evaluation e = {.classes = 0};
    statistics expected = fresh;
    serve(w, w->bob_serving, "rows", 0, 16, 3);
    assert_ok(sy_trainer_evaluate(c.trainer, &shard, 16, &e, &w->err), &w->err);
    const double before = loss_here(&c, &expected, 0, 16);
    assert_true(fabs(e.loss - before) < 1e-4 * before);
    assert_ok(sy_trainer_fit(c.trainer, &shard, &o, NULL, &w->err), &w->err);
    move(&expected, 0, 16, 12);
    assert_ok(sy_trainer_evaluate(c.trainer, &shard, 5, &e, &w->err), &w->err);
    const double after = loss_here(&c, &expected, 0, 16), wrong = loss_here(&c, &fresh, 0, 16);
    assert_true(fabs(e.loss - after) < 1e-3 * (1 + after));
    assert_true(after < 1 &&
                wrong > 10); /* what it would be with the statistics of the beginning */
    scene_close(&c);
}

static void test_checkpoint(void **state)
{
    workers *w = *state;
    scene c = scene_of(w), again;
    const sy_shard shard = {w->bob, "rows"};
    sy_round_options o = SY_ROUND_OPTIONS_INIT;
    statistics expected = fresh;
    test_folder folder = {.count = 0};
    assert_true(test_folder_make(&folder));
    const char *path = test_folder_path(&folder, "trainer.safetensors");
    o.fit = in_order(1);
    serve(w, w->bob_serving, "rows", 0, 12, 3);
    assert_ok(sy_trainer_round(c.trainer, &shard, 1, &o, NULL, NULL, &w->err), &w->err);
    assert_ok(sy_trainer_save(c.trainer, path, &w->err), &w->err);
    move(&expected, 0, 12, 1);
    scene_close(&c);
    again = scene_of(w);
    assert_statistics(&again, &fresh);
    assert_ok(sy_trainer_load(again.trainer, path, &w->err), &w->err);
    assert_statistics(&again, &expected);
    assert_ok(sy_trainer_round(again.trainer, &shard, 1, &o, NULL, NULL, &w->err), &w->err);
    move(&expected, 0, 12, 1);
    assert_statistics(&again, &expected);
    scene_close(&again);
    test_folder_remove(&folder);
}

/* --- privacy ------------------------------------------------------------------------------------- */

/* What a hostile client writes to a statistic that it asks for, beside a good loss. */
typedef struct theft {
    sy_tensor *(*make)(sy_scope *s, sy_tensor *input, sy_tensor *target);
    const char *refused; /* NULL: it is told */
    sy_tensor *statistic;
} theft;

static sy_tensor *one_row(sy_scope *s, sy_tensor *input, sy_tensor *target)
{
    (void)target;
    return sy_select(s, input, 0, 0);
}

static sy_tensor *mean_of_columns(sy_scope *s, sy_tensor *input, sy_tensor *target)
{
    (void)target;
    return sy_mean_dim(s, input, 0, false); /* over as many rows, but nothing keeps count of that */
}

static sy_tensor *mean_of_few(sy_scope *s, sy_tensor *input, sy_tensor *target)
{
    return sy_mse_loss(s, sy_sum_dim(s, sy_slice(s, input, 0, 0, 2, 1), 1, true),
                       sy_slice(s, target, 0, 0, 2, 1));
}

static sy_tensor *mean_of_all(sy_scope *s, sy_tensor *input, sy_tensor *target)
{
    return sy_mse_loss(s, sy_sum_dim(s, input, 1, true), target);
}

static sy_status steal(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    const theft *t = user;
    sy_tensor *input = sy_plan_frame_argument(f, 0), *target = sy_plan_frame_argument(f, 1);
    (void)sy_copy_(s, t->statistic, t->make(s, input, target));
    return sy_plan_frame_return(f, mean_of_all(s, input, target), err);
}

/* fit, as a client asks for it that keeps to no rules: one batch of four rows, no parameters, one statistic. */
static sy_status ask_for(workers *w, theft *t, bool noisy)
{
    static const char *const arguments[] = {"input", "target"};
    static const float zeros[2] = {0, 0};
    const sy_plan_shape shapes[] = {{SY_DTYPE_F32, 2, {-1, 2}}, {SY_DTYPE_F32, 2, {-1, 1}}};
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    sy_plan *plan = NULL;
    sy_pointer_plan *there = NULL;
    syi_pointer *dataset = NULL;
    syi_exchange exchange;
    sy_id id = SY_ID_INIT;
    assert_ok(sy_tensor_from_floats(w->hook, &t->statistic, zeros, 2, &w->err), &w->err);
    options.name = "steal";
    options.forward = steal;
    options.user = t;
    options.state = &t->statistic;
    options.state_count = 1;
    options.argument_names = arguments;
    options.argument_count = 2;
    assert_ok(sy_plan_new(w->hook, &plan, &options, &w->err), &w->err);
    assert_ok(sy_plan_build_shapes(plan, shapes, 2, &w->err), &w->err);
    assert_ok(sy_plan_send(plan, &there, &w->bob, 1, false, &w->err), &w->err);
    assert_ok(sy_id_from_text(&id, "rows", &w->err), &w->err);
    assert_ok(syi_pointer_new(w->hook, &dataset, w->me, w->bob, &id, &w->err), &w->err);
    dataset->collect = false;
    const sy_value state = sy_value_tensor(t->statistic),
                   noise[] = {sy_value_float(1), sy_value_float(1)},
                   args[] = {
                       syi_pointer_value(dataset),
                       syi_pointer_value(syi_pointer_of(syi_pointer_plan_get_tensor(there, 0))),
                       sy_value_list(&state, 1),
                       sy_value_int(BATCH),
                       sy_value_int(1),
                       sy_value_int(1),
                       sy_value_bool(false),
                       sy_value_int(0),
                       sy_value_int(0),
                       sy_value_float(0),
                       sy_value_list(NULL, 0),
                       sy_value_list(noise, noisy ? 2 : 0),
                       sy_value_int(1)};
    const sy_status status =
        syi_command_request(w->me, w->bob, "fit", args, 13, &exchange, &w->err);
    if (status == SY_OK) {
        syi_link_end(&exchange);
    }
    syi_node_unref(&dataset->base);
    sy_pointer_plan_unref(there);
    sy_plan_unref(plan);
    sy_tensor_unref(t->statistic);
    return status;
}

static void test_rows_stay(void **state)
{
    workers *w = *state;
    theft thefts[] = {{.make = one_row, .refused = "buffer 0"},
                      {.make = mean_of_columns, .refused = "buffer 0"},
                      {.make = mean_of_few, .refused = "buffer 0"},
                      {.make = mean_of_all}};
    const sy_shard shard = {w->bob, "rows"};
    serve(w, w->bob_serving, "rows", 0, 12, 3);
    for (size_t k = 0; k < 4; k++) {
        if (thefts[k].refused != NULL) {
            assert_fails(w, ask_for(w, &thefts[k], false), SY_EPERM, thefts[k].refused,
                         "no mean over 3 rows");
        } else {
            assert_ok(ask_for(w, &thefts[k], false), &w->err);
        }
    }
    assert_fails(w, ask_for(w, &thefts[3], true), SY_ENOTSUP, "buffers are not told with noise");
    /* Batches smaller than what is released are refused as ever. */
    scene c = scene_of(w);
    sy_fit_options small = in_order(1);
    small.batch_size = 2;
    assert_fails(w, sy_trainer_fit(c.trainer, &shard, &small, NULL, &w->err), SY_EPERM,
                 "batches of 2 rows");
    assert_statistics(&c, &fresh);
    scene_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_fit),
        WORKER_KINDS(test_averages),
        WORKER_KINDS(test_averages_beside_adam),
        LIBRARY_WORKER_KINDS(test_sums),
        WORKER_KINDS(test_the_limit_of_updates),
        LIBRARY_WORKER_KINDS(test_clipping),
        WORKER_KINDS(test_evaluation),
        WORKER_KINDS(test_checkpoint),
        WORKER_KINDS(test_rows_stay),
    };
    return workers_run(tests);
}
