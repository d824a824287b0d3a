/*
 * federated_training.c - training at the workers that have the data, over every kind of worker: what one worker learns is what
 * the same steps here learn; rounds are the means that their papers say; rows do not leave, whatever a client asks for; and
 * what fails is left out, with a sentence that names it.
 */
#include <math.h>
#include <string.h>

#include "hook/tensor.h"
#include "support/folder.h"
#include "support/line_training.h"

/* The steps of gradient descent on the mean square error, in double. */
static void descend(double weights[3], int first, int count, int64_t epochs, int64_t least)
{
    float x[64][2], y[64][1];
    int64_t classes[64];
    make_rows(first, count, x, y, classes);
    for (int64_t epoch = 0; epoch < epochs; epoch++) {
        for (int from = 0; from < count; from += BATCH) {
            const int rows = count - from < BATCH ? count - from : BATCH;
            double grad[3] = {0};
            if (rows < least) {
                break;
            }
            for (int k = from; k < from + rows; k++) {
                const double off = weights[0] * (double)x[k][0] + weights[1] * (double)x[k][1] +
                                   weights[2] - (double)y[k][0];
                grad[0] += 2 * off * (double)x[k][0] / rows;
                grad[1] += 2 * off * (double)x[k][1] / rows;
                grad[2] += 2 * off / rows;
            }
            for (int i = 0; i < 3; i++) {
                weights[i] -= 0.25 * grad[i];
            }
        }
    }
}

/* --- one worker ---------------------------------------------------------------------------------- */

static void test_fit(void **state)
{
    workers *w = *state;
    scene c = scene_of(w);
    const sy_serve_options options = releases(3);
    const sy_shard shard = {w->bob, "line"};
    sy_fit_options o = in_order(3);
    sy_fit_result result;
    double expected[3];
    serve(w, w->bob_serving, "line", 0, 14, false,
          &options); /* 4, 4, 4, and 2, which are too few */
    begin_from(&c, expected);
    descend(expected, 0, 14, 3, 3);
    assert_ok(sy_trainer_fit(c.trainer, &shard, &o, &result, &w->err), &w->err);
    assert_model(&c, expected);
    assert_int_equal(result.rows, 12);
    assert_int_equal(result.batches, 9);
    assert_true(result.loss > 0 && result.loss < 10);
    descend(expected, 0, 8, 1, 1); /* two batches more */
    o = in_order(5);
    o.max_batches = 2;
    assert_ok(sy_trainer_fit(c.trainer, &shard, &o, &result, &w->err), &w->err);
    assert_model(&c, expected);
    assert_int_equal(result.batches, 2);
    o.max_batches = 3; /* just a pass */
    descend(expected, 0, 14, 1, 3);
    assert_ok(sy_trainer_fit(c.trainer, &shard, &o, &result, &w->err), &w->err);
    assert_model(&c, expected);
    assert_int_equal(result.batches, 3);
    assert_int_equal(result.rows, 12);
    assert_true(result.loss > 0);
    scene_close(&c);
}

/* The same seed gives the same model, another one another; it is learned. */
static void test_shuffled(void **state)
{
    workers *w = *state;
    scene c = scene_of(w);
    const sy_serve_options options = releases(1);
    const sy_shard shard = {w->bob, "line"};
    sy_fit_options o = in_order(2);
    float weights[3][3];
    serve(w, w->bob_serving, "line", 0, 14, false, &options);
    o.shuffle = true;
    for (int k = 0; k < 3; k++) {
        o.seed = k == 2 ? 8 : 7;
        write_model(&c, c.weights);
        assert_ok(sy_trainer_fit(c.trainer, &shard, &o, NULL, &w->err), &w->err);
        read_model(&c, weights[k]);
    }
    assert_memory_equal(weights[0], weights[1], sizeof weights[0]);
    assert_memory_not_equal(weights[0], weights[2], sizeof weights[0]);
    o.epochs = 60;
    o.seed = 0;
    assert_ok(sy_trainer_fit(c.trainer, &shard, &o, NULL, &w->err), &w->err);
    read_model(&c, weights[0]);
    assert_true(fabsf(weights[0][0] - 2) < 0.01f && fabsf(weights[0][1] + 3) < 0.01f &&
                fabsf(weights[0][2] - 1) < 0.01f);
    scene_close(&c);
}

/* --- rounds -------------------------------------------------------------------------------------- */

static sy_round_options round_of(int64_t epochs)
{
    sy_round_options o = SY_ROUND_OPTIONS_INIT;
    o.fit = in_order(epochs);
    return o;
}

/* The mean of the models, by rows; the step of Adam by the mean of the changes. */
static void test_strategies(void **state)
{
    workers *w = *state;
    scene c = scene_of(w);
    const sy_serve_options options = releases(1);
    const sy_shard shards[] = {{w->bob, "a"}, {w->alice, "b"}, {w->alice, "c"}};
    static const int rows[] = {12, 8, 4}, first[] = {0, 20, 40};
    sy_round_options o = round_of(2);
    sy_round_report report;
    sy_shard_report reports[3];
    double mean[3] = {0}, one[3], m[3], v[3], model[3];
    serve(w, w->bob_serving, "a", first[0], rows[0], false, &options);
    serve(w, w->alice_serving, "b", first[1], rows[1], false, &options);
    serve(w, w->alice_serving, "c", first[2], rows[2], false, &options);
    for (int k = 0; k < 3; k++) {
        begin_from(&c, one);
        descend(one, first[k], rows[k], 2, 1);
        for (int i = 0; i < 3; i++) {
            mean[i] += one[i] * rows[k] / 24;
        }
    }
    assert_ok(sy_trainer_round(c.trainer, shards, 3, &o, &report, reports, &w->err), &w->err);
    assert_model(&c, mean);
    assert_int_equal(report.counted, 3);
    assert_int_equal(report.rows, 24);
    for (int k = 0; k < 3; k++) {
        assert_true(reports[k].asked && reports[k].counted);
        assert_int_equal(reports[k].result.rows, rows[k]);
    }
    assert_int_equal(sy_trainer_get_rounds(c.trainer), 1);

    write_model(&c, c.weights);
    o.strategy = SY_STRATEGY_ADAM;
    o.lr = 0.05;
    begin_from(&c, model);
    for (int i = 0; i < 3; i++) {
        const double d = mean[i] - model[i];
        m[i] = 0.1 * d;
        v[i] = 0.99 * 1e-6 + 0.01 * d * d;
        model[i] += 0.05 * m[i] / (sqrt(v[i]) + 1e-3);
    }
    assert_ok(sy_trainer_round(c.trainer, shards, 3, &o, NULL, NULL, &w->err), &w->err);
    assert_model(&c, model);
    scene_close(&c);
}

/* Gradient descent on the mean square error and mu / 2 |w - w0|^2, in double. */
static void test_proximal(void **state)
{
    workers *w = *state;
    scene c = scene_of(w);
    const sy_serve_options options = releases(1);
    const sy_shard shard = {w->bob, "line"};
    sy_fit_options o = in_order(4);
    double start[3], model[3];
    serve(w, w->bob_serving, "line", 0, BATCH, false, &options);
    begin_from(&c, start);
    begin_from(&c, model);
    o.proximal = 0.25 * 0.8; /* the learning rate times mu */
    for (int step = 0; step < 4; step++) {
        double before[3];
        memcpy(before, model, sizeof before);
        descend(model, 0, BATCH, 1, 1);
        for (int i = 0; i < 3; i++) {
            model[i] -= 0.25 * 0.8 * (before[i] - start[i]);
        }
    }
    assert_ok(sy_trainer_fit(c.trainer, &shard, &o, NULL, &w->err), &w->err);
    assert_model(&c, model);
    o.proximal = 1;
    assert_fails(w, sy_trainer_fit(c.trainer, &shard, &o, NULL, &w->err), SY_EINVAL, "proximal",
                 "1");
    scene_close(&c);
}

/* Part of the shards, drawn by a seed; every one sometimes. */
static void test_partial(void **state)
{
    workers *w = *state;
    scene c = scene_of(w);
    const sy_serve_options options = releases(1);
    const sy_shard shards[] = {{w->bob, "a"}, {w->alice, "b"}, {w->bob, "c"}, {w->alice, "d"}};
    sy_round_options o = round_of(1);
    sy_shard_report reports[4];
    int asked[4] = {0};
    for (int k = 0; k < 4; k++) {
        serve(w, k % 2 == 0 ? w->bob_serving : w->alice_serving, shards[k].key, k, 4, false,
              &options);
    }
    o.fraction = 0.5;
    o.seed = 1;
    for (int turn = 0; turn < 16; turn++) {
        int some = 0;
        assert_ok(sy_trainer_round(c.trainer, shards, 4, &o, NULL, reports, &w->err), &w->err);
        for (int k = 0; k < 4; k++) {
            assert_int_equal(reports[k].asked, reports[k].counted);
            asked[k] += reports[k].asked ? 1 : 0;
            some += reports[k].asked ? 1 : 0;
        }
        assert_int_equal(some, 2);
    }
    for (int k = 0; k < 4; k++) {
        assert_true(asked[k] > 0 && asked[k] < 16);
    }
    scene_close(&c);
}

/* A trainer that is made anew goes on as if nothing had happened; files that are none change nothing. */
static void test_checkpoint(void **state)
{
    workers *w = *state;
    scene c = scene_of(w), again;
    const sy_serve_options options = releases(1);
    const sy_shard shard = {w->bob, "line"};
    sy_round_options o = round_of(1);
    test_folder folder = {.count = 0};
    float first[3], second[3];
    assert_true(test_folder_make(&folder));
    const char *path = test_folder_path(&folder, "trainer.safetensors"),
               *other = test_folder_path(&folder, "module.safetensors");
    o.strategy = SY_STRATEGY_ADAM;
    o.fit.shuffle = true;
    o.fit.seed = 6;
    serve(w, w->bob_serving, "line", 0, ROWS, false, &options);
    for (int k = 0; k < 3; k++) {
        assert_ok(sy_trainer_round(c.trainer, &shard, 1, &o, NULL, NULL, &w->err), &w->err);
    }
    assert_ok(sy_trainer_save(c.trainer, path, &w->err), &w->err);
    assert_ok(sy_module_save(c.module, other, SY_MODEL_SAFETENSORS, &w->err), &w->err);
    assert_ok(sy_trainer_round(c.trainer, &shard, 1, &o, NULL, NULL, &w->err), &w->err);
    read_model(&c, first);
    scene_close(&c);

    again = scene_of(w);
    assert_ok(sy_trainer_load(again.trainer, path, &w->err), &w->err);
    assert_int_equal(sy_trainer_get_rounds(again.trainer), 3);
    assert_ok(sy_trainer_round(again.trainer, &shard, 1, &o, NULL, NULL, &w->err), &w->err);
    read_model(&again, second);
    assert_memory_equal(first, second, sizeof first);
    assert_fails(w, sy_trainer_load(again.trainer, other, &w->err), SY_EFORMAT, other, "rounds");
    assert_fails(w, sy_trainer_load(again.trainer, "/nowhere/x", &w->err), SY_ENOTFOUND,
                 "/nowhere/x");
    read_model(&again, first);
    assert_memory_equal(first, second, sizeof first);
    assert_int_equal(sy_trainer_get_rounds(again.trainer), 4);
    scene_close(&again);
    test_folder_remove(&folder);
}

/* --- what fails ---------------------------------------------------------------------------------- */

static void assert_fit_fails(scene *c, const sy_shard *shard, const sy_fit_options *o,
                             sy_status status, const char *why)
{
    workers *w = c->w;
    float weights[3], after[3];
    read_model(c, weights);
    const sy_fit_options usual = in_order(1);
    assert_fails(w, sy_trainer_fit(c->trainer, shard, o != NULL ? o : &usual, NULL, &w->err),
                 status, why, shard->key != NULL ? shard->key : "shard");
    read_model(c, after);
    assert_memory_equal(weights, after, sizeof weights);
}

static void test_bad_input(void **state)
{
    workers *w = *state;
    scene c = scene_of(w);
    sy_serve_options options = releases(5);
    sy_fit_options o = in_order(1);
    serve(w, w->bob_serving, "line", 0, ROWS, false, &options);
    assert_fit_fails(&c, &(sy_shard){w->bob, "nothing"}, NULL, SY_ENOTFOUND, "nothing");
    assert_fit_fails(&c, &(sy_shard){w->bob, NULL}, NULL, SY_EINVAL, "key");
    assert_fit_fails(&c, &(sy_shard){w->bob, "line"}, NULL, SY_EPERM, "bob"); /* batches of 4 */
    o.batch_size = 0;
    assert_fails(w, sy_trainer_fit(c.trainer, &(sy_shard){w->bob, "line"}, &o, NULL, &w->err),
                 SY_EINVAL, "batch_size", "0");
    serve(w, w->bob_serving, "silent", 0, ROWS, false, NULL); /* releases nothing */
    assert_fit_fails(&c, &(sy_shard){w->bob, "silent"}, NULL, SY_EPERM, "release_rows");
    options = releases(1);
    serve(w, w->bob_serving, "empty", 0, 0, false, &options);
    assert_fit_fails(&c, &(sy_shard){w->bob, "empty"}, NULL, SY_ERANGE, "0 rows");
    serve(w, w->bob_serving, "classes", 0, ROWS, true, &options); /* int64, one dim */
    assert_fit_fails(&c, &(sy_shard){w->bob, "classes"}, NULL, SY_EDTYPE, "int64");
    float x[4][2] = {{0, 1}, {2, (float)NAN}, {3, 4}, {5, 6}}, y[4][1] = {{0}, {1}, {2}, {3}};
    sy_tensor *data = tensor_at(w, sy_worker_get_hook(w->bob_serving), SY_DTYPE_F32, 2,
                                (int64_t[]){4, 2}, x),
              *targets = tensor_at(w, sy_worker_get_hook(w->bob_serving), SY_DTYPE_F32, 2,
                                   (int64_t[]){4, 1}, y);
    assert_ok(sy_worker_serve_dataset(w->bob_serving, "nan", data, targets, &options, &w->err),
              &w->err);
    assert_fit_fails(&c, &(sy_shard){w->bob, "nan"}, NULL, SY_ERANGE, "finite");
    assert_fails(w,
                 sy_worker_serve_dataset(w->bob_serving, "nan", data, targets, &options, &w->err),
                 SY_EEXIST, "nan", "bob");
    static const char *const bad[] = {"scale 0"};
    options.transforms = bad;
    options.transform_count = 1;
    assert_fails(w, sy_worker_serve_dataset(w->bob_serving, "t", data, targets, &options, &w->err),
                 SY_EINVAL, "scale 0");
    options.transforms = (const char *const[]){"reshape 3"};
    assert_fails(w, sy_worker_serve_dataset(w->bob_serving, "t", data, targets, &options, &w->err),
                 SY_ERANGE, "dataset t");
    sy_worker_withdraw_dataset(w->bob_serving, "nan");
    sy_worker_withdraw_dataset(w->bob_serving, "nan");
    assert_fit_fails(&c, &(sy_shard){w->bob, "nan"}, NULL, SY_ENOTFOUND, "nan");
    sy_tensor_unref(data);
    sy_tensor_unref(targets);
    scene_close(&c);
}

/* A round goes on without those that fail; the model is the mean of the others. */
static void test_left_out(void **state)
{
    workers *w = *state;
    scene c = scene_of(w);
    const sy_serve_options options = releases(1);
    const sy_shard shards[] = {{w->bob, "a"}, {w->alice, "missing"}, {w->alice, "far"}};
    sy_round_options o = round_of(1);
    sy_shard_report reports[3];
    sy_round_report report;
    double expected[3];
    float weights[3];
    serve(w, w->bob_serving, "a", 0, ROWS, false, &options);
    float x[4][2] = {{900, 1}, {2, 900}, {3, 4}, {5, 6}}, y[4][1] = {{0}, {1}, {2}, {3}};
    sy_tensor *data = tensor_at(w, sy_worker_get_hook(w->alice_serving), SY_DTYPE_F32, 2,
                                (int64_t[]){4, 2}, x),
              *targets = tensor_at(w, sy_worker_get_hook(w->alice_serving), SY_DTYPE_F32, 2,
                                   (int64_t[]){4, 1}, y);
    assert_ok(sy_worker_serve_dataset(w->alice_serving, "far", data, targets, &options, &w->err),
              &w->err);
    o.update_max = 100;
    begin_from(&c, expected);
    descend(expected, 0, ROWS, 1, 1);
    assert_ok(sy_trainer_round(c.trainer, shards, 3, &o, &report, reports, &w->err), &w->err);
    assert_model(&c, expected);
    assert_int_equal(report.counted, 1);
    assert_true(reports[0].counted && !reports[1].counted && !reports[2].counted);
    assert_int_equal(reports[1].why.status, SY_ENOTFOUND);
    assert_int_equal(reports[2].why.status, SY_ERANGE);
    assert_non_null(strstr(reports[2].why.message, "far"));
    o.min_workers = 2;
    read_model(&c, c.weights);
    assert_fails(w, sy_trainer_round(c.trainer, shards, 3, &o, NULL, NULL, &w->err), SY_ECANCELED,
                 "1 of 2", "missing");
    read_model(&c, weights);
    assert_memory_equal(weights, c.weights, sizeof weights);
    o.min_workers = 4;
    assert_fails(w, sy_trainer_round(c.trainer, shards, 3, &o, NULL, NULL, &w->err), SY_EINVAL,
                 "min_workers");
    sy_tensor_unref(data);
    sy_tensor_unref(targets);
    scene_close(&c);
}

/* --- privacy ------------------------------------------------------------------------------------- */

static sy_tensor *first_error(sy_scope *s, sy_tensor *output, sy_tensor *target)
{
    return sy_mse_loss(s, sy_slice(s, output, 0, 0, 1, 1), sy_slice(s, target, 0, 0, 1, 1));
}

/* A dataset is found, and nothing of it is given but what training says; a loss of one row is refused. */
static void test_rows_stay(void **state)
{
    workers *w = *state;
    scene c = scene_of(w), curious = scene_with(w, first_error);
    sy_serve_options options = releases(2);
    const sy_shard shard = {w->bob, "line"};
    sy_dataset_info info;
    sy_object_info *found = NULL;
    size_t count = 0;
    sy_tensor *pointer = NULL;
    sy_id id = SY_ID_INIT;
    assert_ok(sy_id_from_text(&id, "line", &w->err), &w->err);
    options.tags = (const char *const[]){"#line"};
    options.tag_count = 1;
    options.description = "points of a line";
    serve(w, w->bob_serving, "line", 0, ROWS, false, &options);
    assert_ok(sy_worker_find(w->bob, &found, &count, (const char *const[]){"#line"}, 1, &w->err),
              &w->err);
    assert_int_equal(count, 1);
    assert_true(found[0].private_ && sy_id_equal(&found[0].id, &id));
    assert_int_equal(found[0].shape[0], ROWS);
    sy_object_infos_free(w->hook, found, count);
    assert_ok(sy_shard_get_info(&shard, &info, &w->err), &w->err);
    assert_int_equal(info.rows, ROWS);
    assert_int_equal(info.release_rows, 2);
    assert_int_equal(info.ndim, 2);
    assert_int_equal(info.shape[1], 2);
    assert_int_equal(info.target_dtype, SY_DTYPE_F32);

    assert_ok(sy_tensor_point_to(w->hook, &pointer, w->bob, &id, &w->err), &w->err);
    pointer = sy_scope_adopt(w->s, pointer);
    sy_tensor *copy = NULL;
    assert_status(sy_tensor_copy_get(pointer, &copy, &w->err), SY_EPERM, &w->err);
    assert_status(sy_tensor_get(pointer, &copy, &w->err), SY_EPERM, &w->err);
    assert_fails(w, CALL(w, "add", sy_value_tensor(pointer), sy_value_tensor(pointer)), SY_EPERM,
                 "dataset");
    assert_status(sy_worker_delete(w->bob, &id, &w->err), SY_EPERM, &w->err);
    assert_fit_fails(&curious, &shard, NULL, SY_EPERM, "mean");
    assert_ok(sy_trainer_fit(c.trainer, &shard, &(sy_fit_options){.size = 0}, NULL, &w->err),
              &w->err);
    scene_close(&curious);
    scene_close(&c);
}

/* --- evaluation ---------------------------------------------------------------------------------- */

static void test_evaluate(void **state)
{
    workers *w = *state;
    const sy_plan_shape input = {SY_DTYPE_F32, 2, {-1, 2}}, target = {SY_DTYPE_I64, 1, {-1}};
    const sy_serve_options options = releases(4);
    const sy_shard shard = {w->bob, "classes"};
    sy_module *module = NULL;
    sy_trainer *trainer = NULL;
    int64_t predicted[2], targets[2], classes[64], right = 0, said[2] = {0}, are[2] = {0};
    float x[64][2], y[64][1];
    sy_evaluation e = {.classes = 2, .predicted = predicted, .targets = targets};
    make_rows(0, 30, x, y, classes);
    serve(w, w->bob_serving, "classes", 0, 30, true, &options);
    sy_hook_manual_seed(w->hook, 5);
    assert_ok(sy_module_new_linear(w->hook, &module, 2, 2, true, &w->err), &w->err);
    assert_ok(sy_trainer_new(&trainer, module, &input, &target, NULL, &w->err), &w->err);
    assert_ok(sy_trainer_evaluate(trainer, &shard, 7, &e, &w->err), &w->err);
    sy_tensor *scores =
        sy_module_forward(w->s, module, workers_tensor(w, 2, (const int64_t[]){30, 2}, &x[0][0]));
    for (int64_t k = 0; k < 30; k++) {
        const syi_array *array = syi_node_array(scores->node);
        const int one = syi_array_get_double(array, 2 * k + 1) > syi_array_get_double(array, 2 * k);
        right += one == classes[k];
        said[one]++;
        are[classes[k]]++;
    }
    assert_int_equal(e.rows, 30);
    assert_int_equal(e.right, right);
    assert_memory_equal(predicted, said, sizeof said);
    assert_memory_equal(targets, are, sizeof are);
    double loss = 0;
    sy_tensor *mean = sy_cross_entropy(w->s, scores, workers_longs(w, 30, classes));
    assert_ok(sy_tensor_item(mean, &loss, &w->err), &w->err);
    assert_true(fabs(loss - e.loss) < 1e-6);
    sy_round_options o = SY_ROUND_OPTIONS_INIT;
    o.fit.batch_size = 10;
    for (int k = 0; k < 20; k++) {
        assert_ok(sy_trainer_round(trainer, &shard, 1, &o, NULL, NULL, &w->err), &w->err);
    }
    assert_ok(sy_trainer_evaluate(trainer, &shard, 0, &e, &w->err), &w->err);
    assert_true(e.right > 24 && e.loss < loss);
    sy_trainer_free(trainer);
    sy_module_unref(module);
}

/* From a file, with transforms of rows and targets: trained on, and counted by class. */
static void test_files(void **state)
{
    workers *w = *state;
    const sy_plan_shape input = {SY_DTYPE_F32, 2, {-1, 2}}, target = {SY_DTYPE_I64, 1, {-1}};
    sy_serve_options options = releases(4);
    const sy_shard shard = {w->bob, "table"};
    sy_module *module = NULL;
    sy_trainer *trainer = NULL;
    int64_t predicted[2], targets[2], classes[64], are[2] = {0};
    float x[64][2], y[64][1];
    sy_evaluation e = {.classes = 2, .predicted = predicted, .targets = targets};
    sy_fit_options o = SY_FIT_OPTIONS_INIT;
    sy_sgd_options sgd = SY_SGD_OPTIONS_INIT;
    sgd.lr = 0.5;
    const sy_training_options training = training_of(&sgd, NULL);
    sy_dataset_info info;
    test_folder folder = {.count = 0};
    assert_true(test_folder_make(&folder));
    const char *path = test_folder_path(&folder, "table.csv");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    make_rows(0, 30, x, y, classes);
    for (int k = 0; k < 30; k++) {
        fprintf(file, "%g,%g,%d\n", (double)x[k][0], (double)x[k][1], (int)classes[k]);
        are[classes[k]]++;
    }
    assert_int_equal(fclose(file), 0);
    options.transforms = (const char *const[]){"float32"};
    options.transform_count = 1;
    options.target_transforms = (const char *const[]){"int64"};
    options.target_transform_count = 1;
    assert_ok(sy_worker_serve_files(w->bob_serving, "table", path, NULL, &options, &w->err),
              &w->err);
    assert_ok(sy_shard_get_info(&shard, &info, &w->err), &w->err);
    assert_int_equal(info.dtype, SY_DTYPE_F32);
    assert_int_equal(info.target_dtype, SY_DTYPE_I64);
    assert_ok(sy_module_new_linear(w->hook, &module, 2, 2, true, &w->err), &w->err);
    assert_ok(sy_trainer_new(&trainer, module, &input, &target, &training, &w->err), &w->err);
    o.batch_size = 10;
    o.epochs = 200;
    assert_ok(sy_trainer_fit(trainer, &shard, &o, NULL, &w->err), &w->err);
    assert_ok(sy_trainer_evaluate(trainer, &shard, 0, &e, &w->err), &w->err);
    assert_int_equal(e.rows, 30);
    assert_true(e.right > 26);
    assert_memory_equal(targets, are, sizeof are);
    assert_int_equal(predicted[0] + predicted[1], 30);
    sy_trainer_free(trainer);
    sy_module_unref(module);
    test_folder_remove(&folder);
}

/* --- life ---------------------------------------------------------------------------------------- */

/* The worker keeps the dataset and the plan, whatever the number of rounds; nothing when the trainer is gone. */
static void test_nothing_is_left(void **state)
{
    workers *w = *state;
    scene c = scene_of(w);
    const sy_serve_options options = releases(1);
    const sy_shard shard = {w->bob, "line"};
    const sy_round_options o = round_of(1);
    serve(w, w->bob_serving, "line", 0, ROWS, false, &options);
    assert_ok(sy_trainer_round(c.trainer, &shard, 1, &o, NULL, NULL, &w->err), &w->err);
    const size_t first = workers_count(w, w->bob_serving);
    for (int k = 0; k < 5; k++) {
        assert_ok(sy_trainer_round(c.trainer, &shard, 1, &o, NULL, NULL, &w->err), &w->err);
    }
    assert_count(w, w->bob_serving, first);
    scene_close(&c);
    assert_count(w, w->bob_serving, 1);
    sy_worker_withdraw_dataset(w->bob_serving, "line");
    assert_count(w, w->bob_serving, 0);
}

/* Of all workers that answer: what each of them says, added up. */
static void test_evaluate_all(void **state)
{
    workers *w = *state;
    const sy_plan_shape input = {SY_DTYPE_F32, 2, {-1, 2}}, target = {SY_DTYPE_I64, 1, {-1}};
    const sy_serve_options options = releases(4);
    const sy_shard shards[] = {{w->bob, "classes"}, {w->alice, "missing"}, {w->alice, "classes"}};
    sy_module *module = NULL;
    sy_trainer *trainer = NULL;
    int64_t bins[3][2][2];
    sy_evaluation each[3], all = {.classes = 2, .predicted = bins[0][0], .targets = bins[0][1]};
    sy_shard_report reports[3];
    serve(w, w->bob_serving, "classes", 0, 30, true, &options);
    serve(w, w->alice_serving, "classes", 11, 9, true, &options);
    sy_hook_manual_seed(w->hook, 5);
    assert_ok(sy_module_new_linear(w->hook, &module, 2, 2, true, &w->err), &w->err);
    assert_ok(sy_trainer_new(&trainer, module, &input, &target, NULL, &w->err), &w->err);
    for (int k = 0; k < 3; k += 2) {
        each[k] = (sy_evaluation){
            .classes = 2, .predicted = bins[1 + k / 2][0], .targets = bins[1 + k / 2][1]};
        assert_ok(sy_trainer_evaluate(trainer, &shards[k], 7, &each[k], &w->err), &w->err);
    }
    assert_ok(sy_trainer_evaluate_all(trainer, shards, 3, 7, &all, reports, &w->err), &w->err);
    assert_int_equal(all.rows, 39);
    assert_int_equal(all.right, each[0].right + each[2].right);
    assert_true(fabs(all.loss - (30 * each[0].loss + 9 * each[2].loss) / 39) < 1e-12);
    for (int k = 0; k < 4; k++) {
        assert_int_equal(bins[0][k / 2][k % 2], bins[1][k / 2][k % 2] + bins[2][k / 2][k % 2]);
    }
    assert_true(reports[0].counted && !reports[1].counted && reports[2].counted);
    assert_int_equal(reports[2].result.rows, 9);
    assert_int_equal(reports[1].why.status, SY_ENOTFOUND);
    assert_non_null(strstr(reports[1].why.message, "worker alice, dataset missing"));
    assert_fails(w, sy_trainer_evaluate_all(trainer, &shards[1], 1, 7, &all, NULL, &w->err),
                 SY_ECANCELED, "none of 1", "missing");
    assert_status(sy_trainer_evaluate_all(trainer, shards, 0, 7, &all, NULL, &w->err), SY_EINVAL,
                  &w->err);
    sy_trainer_free(trainer);
    sy_module_unref(module);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_fit),          WORKER_KINDS(test_shuffled),
        WORKER_KINDS(test_strategies),   WORKER_KINDS(test_partial),
        WORKER_KINDS(test_proximal),     WORKER_KINDS(test_checkpoint),
        WORKER_KINDS(test_files),        WORKER_KINDS(test_bad_input),
        WORKER_KINDS(test_left_out),     WORKER_KINDS(test_rows_stay),
        WORKER_KINDS(test_evaluate),     WORKER_KINDS(test_nothing_is_left),
        WORKER_KINDS(test_evaluate_all),
    };
    return workers_run(tests);
}
