/*
 * federated_aggregation.c - sums that holders tell of shares that workers give them: right, of enough contributors only, once, and of one list;
 * rounds of training by such sums are what they are without.
 */
#include <math.h>
#include <string.h>

#include <csyft/federated.h>

#include "federated/training/aggregation.h"
#include "hook/tensor.h"
#include "support/worker_kinds.h"

enum { ELEMENTS = 5, CONTRIBUTORS = 3 };

/* --- sums ---------------------------------------------------------------------------------------- */

typedef struct scene {
    workers *w;
    syi_aggregation aggregation;
    syi_aggregation_holder holders[2]; /* as contributors are told */
} scene;

static scene scene_of(workers *w, size_t least)
{
    scene c = {.w = w};
    sy_worker *const holders[] = {w->bob, w->alice};
    assert_ok(syi_aggregation_open(w->hook, &c.aggregation, holders, 2, ELEMENTS, least, &w->err),
              &w->err);
    for (size_t k = 0; k < 2; k++) {
        c.holders[k].worker = holders[k]->id;
        c.holders[k].aggregate = c.aggregation.at[k]->id_at_location;
    }
    return c;
}

/* The client is one contributor; others are workers of its hook, as far as anybody can tell. */
static sy_status contribute(scene *c, sy_worker *from, uint64_t first, size_t least)
{
    const uint64_t words[ELEMENTS] = {first, first + 1, UINT64_MAX - first, 0, first << 60};
    return syi_aggregation_contribute(from, c->holders, 2, words, ELEMENTS, least, &c->w->err);
}

static void test_sums(void **state)
{
    workers *w = *state;
    scene c = scene_of(w, 2);
    uint64_t words[ELEMENTS];
    size_t contributors = 0;
    assert_ok(contribute(&c, w->me, 5, 1), &w->err);
    assert_ok(contribute(&c, w->bob_serving, 70, 1), &w->err); /* a holder, too */
    assert_ok(syi_aggregation_sum(&c.aggregation, words, &contributors, &w->err), &w->err);
    assert_int_equal(contributors, 2);
    const uint64_t expected[] = {75, 77, UINT64_MAX - 76, 0, UINT64_C(75) << 60};
    assert_memory_equal(words, expected, sizeof words);
    assert_status(syi_aggregation_sum(&c.aggregation, words, &contributors, &w->err), SY_EPERM,
                  &w->err); /* once */
    assert_status(contribute(&c, w->alice_serving, 1, 1), SY_EEXIST, &w->err);
    syi_aggregation_close(&c.aggregation);
    assert_count(w, w->bob_serving, 0);
    assert_count(w, w->alice_serving, 0);
}

/* The greatest number that any contributor asks for counts; each counts once. */
static void test_too_few(void **state)
{
    workers *w = *state;
    scene c = scene_of(w, 1);
    uint64_t words[ELEMENTS];
    size_t contributors = 0;
    assert_status(syi_aggregation_sum(&c.aggregation, words, &contributors, &w->err), SY_EPERM,
                  &w->err);
    assert_ok(contribute(&c, w->me, 5, 3), &w->err);
    assert_status(contribute(&c, w->me, 6, 1), SY_EEXIST, &w->err);
    assert_ok(contribute(&c, w->bob_serving, 70, 1), &w->err);
    assert_fails(w, syi_aggregation_sum(&c.aggregation, words, &contributors, &w->err), SY_EPERM,
                 "of 2 contributors", "3");
    assert_ok(contribute(&c, w->alice_serving, 1, 1), &w->err);
    assert_ok(syi_aggregation_sum(&c.aggregation, words, &contributors, &w->err), &w->err);
    assert_int_equal(contributors, 3);
    assert_int_equal(words[0], 76);
    syi_aggregation_close(&c.aggregation);
}

/* One that has reached the first holder only is in no sum. */
static void test_half_a_contribution(void **state)
{
    workers *w = *state;
    scene c = scene_of(w, 1), lost = c;
    uint64_t words[ELEMENTS];
    size_t contributors = 0;
    assert_ok(sy_id_from_text(&lost.holders[1].worker, "nobody", &w->err), &w->err);
    assert_fails(w, contribute(&lost, w->bob_serving, 9, 1), SY_ENOTFOUND, "nobody", "introduce");
    assert_ok(contribute(&c, w->me, 5, 1), &w->err);
    assert_ok(syi_aggregation_sum(&c.aggregation, words, &contributors, &w->err), &w->err);
    assert_int_equal(contributors, 1);
    assert_int_equal(words[0], 5);
    syi_aggregation_close(&c.aggregation);
}

static sy_status ask(workers *w, sy_worker *holder, const char *command, const sy_value *args,
                     size_t count)
{
    syi_exchange exchange;
    const sy_status status =
        syi_command_request(w->me, holder, command, args, count, &exchange, &w->err);
    if (status == SY_OK) {
        syi_link_end(&exchange);
    }
    return status;
}

/* Whatever a client says to a holder: refused, or the sum as it should be. */
static void test_bad_requests(void **state)
{
    workers *w = *state;
    scene c = scene_of(w, 1);
    const sy_value seeds = syi_pointer_value(c.aggregation.at[0]),
                   sums = syi_pointer_value(c.aggregation.at[1]), one = sy_value_int(1),
                   none = sy_value_none(), who = sy_value_string("stranger"),
                   me = syi_id_value(&w->me->id), twice[] = {me, me};
    sy_tensor *four = workers_longs(w, 4, (const int64_t[]){1, 2, 3, 4});
    const sy_value wrong = sy_value_tensor(four);
    assert_ok(contribute(&c, w->me, 5, 1), &w->err);
#define ASK(worker, command, ...)                            \
    ask(w, worker, command, (const sy_value[]){__VA_ARGS__}, \
        sizeof((const sy_value[]){__VA_ARGS__}) / sizeof(sy_value))
    assert_status(ASK(w->bob, "aggregate_put", seeds, one, wrong), SY_ESHAPE, &w->err);
    assert_status(ASK(w->alice, "aggregate_put", sums, one, wrong), SY_ESHAPE, &w->err);
    assert_status(ASK(w->alice, "aggregate_put", sums, none, wrong), SY_EINVAL, &w->err);
    assert_status(ASK(w->bob, "aggregate_put", wrong, one, wrong), SY_EINVAL, &w->err);
    assert_status(ASK(w->bob, "aggregate_sum", seeds, none), SY_EINVAL, &w->err);
    assert_status(ASK(w->bob, "aggregate_sum", seeds, sy_value_list(&who, 1)), SY_ENOTFOUND,
                  &w->err);
    assert_status(ASK(w->bob, "aggregate_sum", seeds, sy_value_list(twice, 2)), SY_ENOTFOUND,
                  &w->err);
    assert_status(ASK(w->bob, "aggregate_sum", seeds, sy_value_list(NULL, 0)), SY_EPERM, &w->err);
    assert_status(ASK(w->alice, "aggregate_sum", sums, sy_value_list(&me, 1)), SY_EINVAL, &w->err);
    assert_status(ASK(w->bob, "aggregate_open", sy_value_int(0), one, one), SY_EINVAL, &w->err);
    assert_status(ASK(w->bob, "aggregate_open", sy_value_int(INT64_MAX), one, one), SY_EINVAL,
                  &w->err);
    sy_tensor *there = NULL, *copy = NULL;
    assert_ok(sy_tensor_point_to(w->hook, &there, w->alice, &c.holders[1].aggregate, &w->err),
              &w->err);
    there = sy_scope_adopt(w->s, there);
    assert_status(sy_tensor_copy_get(there, &copy, &w->err), SY_EPERM, &w->err);
    assert_fails(w, CALL(w, "add", sy_value_tensor(there), sy_value_int(1)), SY_EPERM, "aggregate");
    uint64_t words[ELEMENTS];
    size_t contributors = 0;
    assert_ok(syi_aggregation_sum(&c.aggregation, words, &contributors, &w->err), &w->err);
    assert_int_equal(words[0], 5);
    syi_aggregation_close(&c.aggregation);
    sy_worker *const same[] = {w->bob, w->bob};
    assert_status(syi_aggregation_open(w->hook, &c.aggregation, same, 2, 1, 1, &w->err), SY_EINVAL,
                  &w->err);
    assert_status(syi_aggregation_open(w->hook, &c.aggregation, same, 1, 1, 1, &w->err), SY_EINVAL,
                  &w->err);
}

/* --- rounds -------------------------------------------------------------------------------------- */

static void serve(workers *w, sy_worker *serving, int first)
{
    float x[8][2], y[8][1];
    sy_tensor *data = NULL, *targets = NULL;
    sy_hook *hook = sy_worker_get_hook(serving);
    sy_serve_options options = SY_SERVE_OPTIONS_INIT;
    options.release_rows = 1;
    for (int k = 0; k < 8; k++) {
        x[k][0] = (float)((first + k) % 5) / 4;
        x[k][1] = (float)((first + k) % 7) / 6;
        y[k][0] = x[k][0] - 2 * x[k][1];
    }
    assert_ok(sy_tensor_new(hook, &data, SY_DTYPE_F32, 2, (int64_t[]){8, 2}, x, &w->err), &w->err);
    assert_ok(sy_tensor_new(hook, &targets, SY_DTYPE_F32, 2, (int64_t[]){8, 1}, y, &w->err),
              &w->err);
    assert_ok(sy_worker_serve_dataset(serving, "line", data, targets, &options, &w->err), &w->err);
    sy_tensor_unref(data);
    sy_tensor_unref(targets);
}

static void parameters_of(workers *w, sy_module *module, float values[3])
{
    size_t count = 0;
    sy_tensor *const *p = sy_module_get_parameters(module, &count);
    assert_ok(sy_tensor_copy_data(p[0], values, 8, &w->err), &w->err);
    assert_ok(sy_tensor_copy_data(p[1], values + 2, 4, &w->err), &w->err);
}

static sy_trainer *trainer_of(workers *w, sy_module **module)
{
    const sy_plan_shape input = {SY_DTYPE_F32, 2, {-1, 2}}, target = {SY_DTYPE_F32, 2, {-1, 1}};
    sy_training_options training = SY_TRAINING_OPTIONS_INIT;
    sy_trainer *trainer = NULL;
    training.loss = sy_mse_loss;
    sy_hook_manual_seed(w->hook, 3);
    assert_ok(sy_module_new_linear(w->hook, module, 2, 1, true, &w->err), &w->err);
    assert_ok(sy_trainer_new(&trainer, *module, &input, &target, &training, &w->err), &w->err);
    return trainer;
}

static void run_rounds(workers *w, const sy_shard *shards, sy_round_options *o, int rounds,
                       float values[3], sy_status expected)
{
    sy_module *module = NULL;
    sy_trainer *trainer = trainer_of(w, &module);
    o->fit.batch_size = 4;
    o->fit.shuffle = false;
    for (int k = 0; k < rounds; k++) {
        assert_status(sy_trainer_round(trainer, shards, CONTRIBUTORS, o, NULL, NULL, &w->err),
                      expected, &w->err);
    }
    parameters_of(w, module, values);
    sy_trainer_free(trainer);
    sy_module_unref(module);
}

static void test_rounds(void **state)
{
    workers *w = *state;
    sy_worker *carol_serving = NULL, *carol = workers_add(w, "carol", &carol_serving);
    const sy_shard shards[] = {{w->bob, "line"}, {w->alice, "line"}, {carol, "line"}};
    sy_worker *const holders[] = {w->alice, w->bob};
    sy_round_options o = SY_ROUND_OPTIONS_INIT;
    float open[3], hidden[3], start[3];
    serve(w, w->bob_serving, 0);
    serve(w, w->alice_serving, 8);
    serve(w, carol_serving, 16);
    run_rounds(w, shards, &o, 0, start, SY_OK);
    run_rounds(w, shards, &o, 3, open, SY_OK);
    o.holders = holders;
    o.holder_count = 2;
    run_rounds(w, shards, &o, 3, hidden, SY_OK);
    for (int k = 0; k < 3; k++) {
        assert_true(fabsf(open[k] - hidden[k]) < 1e-6f && fabsf(open[k] - start[k]) > 1e-3f);
    }
    o.aggregate_min = 4; /* of three */
    run_rounds(w, shards, &o, 1, hidden, SY_EPERM);
    assert_memory_equal(hidden, start, sizeof start);
    o.aggregate_min = 3;
    o.update_max = 1e-3; /* clipped at the workers: each change, and so the mean of them */
    run_rounds(w, shards, &o, 1, hidden, SY_OK);
    double square = 0;
    for (int k = 0; k < 3; k++) {
        square += (double)(hidden[k] - start[k]) * (double)(hidden[k] - start[k]);
    }
    assert_true(sqrt(square) > 1e-4 && sqrt(square) <= 1.001e-3);
    assert_count(w, w->bob_serving, 1); /* the dataset */
    assert_count(w, w->alice_serving, 1);
}

/* A worker that does not answer is left out, if enough others do. */
static void test_missing(void **state)
{
    workers *w = *state;
    const sy_shard shards[] = {{w->bob, "line"}, {w->alice, "line"}, {w->alice, "nothing"}};
    sy_worker *const holders[] = {w->bob, w->alice};
    sy_round_options o = SY_ROUND_OPTIONS_INIT;
    float hidden[3];
    serve(w, w->bob_serving, 0);
    serve(w, w->alice_serving, 8);
    o.holders = holders;
    o.holder_count = 2;
    run_rounds(w, shards, &o, 1, hidden, SY_EPERM);
    o.aggregate_min = 2;
    run_rounds(w, shards, &o, 1, hidden, SY_OK);
}

/* Holders are told of once: later rounds send carol, who is none, two messages less than the first, and then always as many. */
static void test_introduced_once(void **state)
{
    enum { ROUNDS = 4 };
    workers *w = *state;
    sy_worker *carol_serving = NULL, *carol = workers_add(w, "carol", &carol_serving);
    const sy_shard shards[] = {{w->bob, "line"}, {w->alice, "line"}, {carol, "line"}};
    sy_worker *const holders[] = {w->alice, w->bob};
    sy_round_options o = SY_ROUND_OPTIONS_INIT;
    sy_module *module = NULL;
    sy_trainer *trainer = trainer_of(w, &module);
    uint64_t sent[ROUNDS];
    serve(w, w->bob_serving, 0);
    serve(w, w->alice_serving, 8);
    serve(w, carol_serving, 16);
    assert_ok(sy_trainer_round(trainer, shards, CONTRIBUTORS, &o, NULL, NULL, &w->err), &w->err);
    o.holders = holders;
    o.holder_count = 2;
    for (int k = 0; k < ROUNDS; k++) { /* the plan is there already */
        const uint64_t before = sy_worker_get_traffic(carol).messages_sent;
        assert_ok(sy_trainer_round(trainer, shards, CONTRIBUTORS, &o, NULL, NULL, &w->err),
                  &w->err);
        sent[k] = sy_worker_get_traffic(carol).messages_sent - before;
    }
    assert_int_equal(sent[0], sent[1] + 2);
    for (int k = 2; k < ROUNDS; k++) {
        assert_int_equal(sent[k], sent[1]);
    }
    sy_trainer_free(trainer);
    sy_module_unref(module);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_sums),
        LIBRARY_WORKER_KINDS(test_too_few),
        LIBRARY_WORKER_KINDS(test_half_a_contribution),
        LIBRARY_WORKER_KINDS(test_bad_requests),
        LIBRARY_WORKER_KINDS(test_rounds),
        LIBRARY_WORKER_KINDS(test_missing),
        REMOTE_WORKER_KINDS(test_introduced_once),
    };
    return workers_run(tests);
}
