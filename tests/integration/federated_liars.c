/*
 * federated_liars.c - a worker that answers a fit with something else: a model of another shape, numbers that are none, an update as large as it likes,
 * nothing in time. One fit fails with a sentence that names worker and dataset, and leaves the model as it was; a round goes on with who is honest.
 */
#include <math.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "hook/hook.h"
#include "hook/tensor.h"
#include "support/line_training.h"
#include "workers/commands.h"
#include "workers/room.h"

typedef enum lie {
    WRONG_SHAPE,
    WRONG_DTYPE,
    NOT_FINITE,
    INFINITE,
    ENORMOUS,
    TOO_FEW,
    TOO_MANY,
    NO_ROWS,
    NEGATIVE_ROWS,
    NO_LOSS,
    NO_LIST,
    NO_TENSORS,
    SLOW,
    LIES
} lie;

static atomic_int
    told; /* a lie, by whoever serves; tests run one after the other, but a slow answer may be under way */

static sy_tensor *of_shape(sy_hook *hook, sy_dtype dtype, int64_t rows, int64_t columns,
                           double value)
{
    const float floats[6] = {(float)value, (float)value, (float)value,
                             (float)value, (float)value, (float)value};
    const int64_t longs[6] = {1, 1, 1, 1, 1, 1};
    sy_tensor *made = NULL;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_tensor_new(hook, &made, dtype, columns == 0 ? 1 : 2,
                            (int64_t[]){rows, columns == 0 ? 1 : columns},
                            dtype == SY_DTYPE_I64 ? (const void *)longs : floats, &err),
              &err);
    return made;
}

static sy_status lie_about_fit(const sy_request *request, sy_error *err)
{
    sy_hook *hook = request->worker->hook;
    const double value = told == NOT_FINITE ? NAN
                         : told == INFINITE ? INFINITY
                         : told == ENORMOUS ? 1e30
                                            : 1;
    sy_tensor *weight = of_shape(hook, told == WRONG_DTYPE ? SY_DTYPE_I64 : SY_DTYPE_F32, 1,
                                 told == WRONG_SHAPE ? 3 : 2, value),
              *bias = of_shape(hook, SY_DTYPE_F32, 1, 0, value);
    const sy_value two[] = {sy_value_tensor(weight), sy_value_tensor(bias), sy_value_tensor(bias)},
                   numbers[] = {sy_value_int(1), sy_value_string("x")};
    const sy_value items[] = {told == NO_LOSS ? sy_value_string("none") : sy_value_float(0.5),
                              sy_value_int(told == NO_ROWS         ? 0
                                           : told == NEGATIVE_ROWS ? -5
                                                                   : 12),
                              sy_value_int(3),
                              told == NO_TENSORS ? sy_value_list(numbers, 2)
                                                 : sy_value_list(two, told == TOO_FEW    ? 1
                                                                      : told == TOO_MANY ? 3
                                                                                         : 2)};
    const sy_value list = told == NO_LIST ? sy_value_int(7) : sy_value_list(items, 4);
    if (told == SLOW) {
        nanosleep(&(struct timespec){.tv_nsec = 400000000}, NULL);
    }
    const sy_status status = syi_encode_value(request->reply, &list, err);
    sy_tensor_unref(weight);
    sy_tensor_unref(bias);
    return status;
}

/* Alice's hook answers fits with lies from now on. */
static void make_liar(sy_hook *hook)
{
    static const syi_worker_command lying = {"fit", 10, 13, SYI_COMMAND_WAITS, lie_about_fit};
    syi_workers_room *room = hook->workers;
    size_t k = 0;
    while (k < room->command_count && strcmp(room->commands[k]->name, "fit") != 0) {
        k++;
    }
    assert_true(k < room->command_count);
    room->commands[k] = &lying;
}

static sy_status status_of(lie which)
{
    return which == SLOW ? SY_ETIMEDOUT : which == ENORMOUS ? SY_ERANGE : SY_EPROTO;
}

static void assert_names_her(const sy_error *why, sy_status expected, lie which)
{
    if (why->status != expected || strstr(why->message, "alice") == NULL) {
        fail_msg("lie %d: %s: %s", (int)which, sy_status_name(why->status), why->message);
    }
    assert_non_null(strstr(why->message, "dataset line"));
}

static void test_fit(void **state)
{
    workers *w = *state;
    scene c = scene_of(w);
    const sy_serve_options options = releases(1);
    sy_fit_options o = in_order(1);
    double as_it_was[3];
    o.timeout_ms = 100;
    serve(w, w->alice_serving, "line", 0, ROWS, false, &options);
    make_liar(sy_worker_get_hook(w->alice_serving));
    begin_from(&c, as_it_was);
    for (lie which = WRONG_SHAPE; which < LIES; which++) {
        if (which == ENORMOUS || which == NO_ROWS) { /* what a round looks at */
            continue;
        }
        told = (int)which;
        const sy_status status =
            sy_trainer_fit(c.trainer, &(sy_shard){w->alice, "line"}, &o, NULL, &w->err);
        assert_int_equal(status, w->err.status);
        assert_names_her(&w->err, status_of(which), which);
        assert_model(&c, as_it_was);
    }
    scene_close(&c);
}

static void test_round(void **state)
{
    workers *w = *state;
    scene c = scene_of(w), alone = scene_of(w);
    const sy_serve_options options = releases(1);
    const sy_shard shards[] = {{w->bob, "line"}, {w->alice, "line"}};
    sy_round_options o = SY_ROUND_OPTIONS_INIT;
    sy_round_report report;
    sy_shard_report each[2];
    o.fit = in_order(1);
    o.fit.timeout_ms = 150;
    o.update_max = 1000;
    serve(w, w->bob_serving, "line", 0, ROWS, false, &options);
    serve(w, w->alice_serving, "line", 0, ROWS, false, &options);
    make_liar(sy_worker_get_hook(w->alice_serving));
    for (lie which = WRONG_SHAPE; which < LIES; which++) {
        told = (int)which;
        float expected[3], got[3];
        assert_ok(sy_trainer_round(alone.trainer, shards, 1, &o, NULL, NULL, &w->err), &w->err);
        assert_ok(sy_trainer_round(c.trainer, shards, 2, &o, &report, each, &w->err), &w->err);
        assert_int_equal(report.counted, 1);
        assert_true(each[0].counted && each[1].asked && !each[1].counted);
        assert_names_her(&each[1].why, status_of(which), which);
        read_model(&alone, expected);
        read_model(&c, got);
        assert_memory_equal(expected, got, sizeof got);
    }
    scene_close(&alone);
    scene_close(&c);
}

/* A label that is none, at one worker: its sentence says where, and not which. */
static void test_label_out_of_range(void **state)
{
    workers *w = *state;
    const sy_plan_shape input = {SY_DTYPE_F32, 2, {-1, 2}}, target = {SY_DTYPE_I64, 1, {-1}};
    const sy_shard shards[] = {{w->bob, "classes"}, {w->alice, "classes"}};
    const sy_serve_options options = releases(1);
    sy_sgd_options sgd = SY_SGD_OPTIONS_INIT;
    const sy_training_options training = training_of(&sgd, sy_cross_entropy);
    sy_module *module = NULL;
    sy_trainer *trainer = NULL;
    sy_round_report report;
    sy_shard_report each[2];
    const float x[3][2] = {{1, 2}, {3, 4}, {5, 6}};
    const int64_t y[3] = {0, 77123, 1};
    sy_hook *hook = sy_worker_get_hook(w->alice_serving);
    sy_tensor *rows = tensor_at(w, hook, SY_DTYPE_F32, 2, (int64_t[]){3, 2}, x),
              *labels = tensor_at(w, hook, SY_DTYPE_I64, 1, (int64_t[]){3}, y);
    assert_ok(sy_worker_serve_dataset(w->alice_serving, "classes", rows, labels, &options, &w->err),
              &w->err);
    sy_tensor_unref(rows);
    sy_tensor_unref(labels);
    serve(w, w->bob_serving, "classes", 0, ROWS, true, &options);
    assert_ok(sy_module_new_linear(w->hook, &module, 2, 2, true, &w->err), &w->err);
    assert_ok(sy_trainer_new(&trainer, module, &input, &target, &training, &w->err), &w->err);
    assert_ok(sy_trainer_round(trainer, shards, 2, NULL, &report, each, &w->err), &w->err);
    assert_int_equal(report.counted, 1);
    assert_int_equal(each[1].why.status, SY_ERANGE);
    assert_non_null(strstr(each[1].why.message, "dataset classes at worker alice"));
    assert_null(strstr(each[1].why.message, "77123"));
    sy_trainer_free(trainer);
    sy_module_unref(module);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REMOTE_WORKER_KINDS(test_fit),
        REMOTE_WORKER_KINDS(test_round),
        WORKER_KINDS(test_label_out_of_range),
    };
    return workers_run(tests);
}
