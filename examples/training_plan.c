/*
 * training_plan.c - a model that goes to the rows: y = 2a - 3b + 1 is learned at two workers in turns, by a plan that holds one
 * step of training. Every step is one message; what travels between the workers is the plan with the model in it.
 *
 *     training_plan                                        two virtual workers in this process
 *     training_plan tcp://HOST:PORT ws://HOST:PORT         workers in other processes
 *
 * Each worker has 20 rows, in batches of 8, 8 and 4: the plan holds for any length.
 */
#include <csyft/csyft.h>
#include <stdio.h>

enum { PARTIES = 2, BATCHES = 3, ROUNDS = 30 };

#define TRY(call)        \
    if ((call) != SY_OK) \
    goto done

typedef struct party {
    sy_worker *worker;
    sy_tensor *x[BATCHES], *y[BATCHES]; /* pointers */
} party;

/* In real use the rows are there from the start: `csyft worker --data rows.npy`. */
static sy_status place_rows(sy_hook *hook, party *p, int first, sy_error *err)
{
    static const int64_t lengths[BATCHES] = {8, 8, 4};
    for (int k = 0; k < BATCHES; k++) {
        float x[8][2], y[8][1];
        sy_tensor *x_here = NULL, *y_here = NULL;
        for (int i = 0; i < lengths[k]; i++) {
            const int row = first + 8 * k + i;
            x[i][0] = (float)(row % 5) / 4 - 0.5f;
            x[i][1] = (float)(row % 7) / 6 - 0.5f;
            y[i][0] = 2 * x[i][0] - 3 * x[i][1] + 1;
        }
        sy_status status =
            sy_tensor_new(hook, &x_here, SY_DTYPE_F32, 2, (int64_t[]){lengths[k], 2}, x, err);
        if (status == SY_OK) {
            status =
                sy_tensor_new(hook, &y_here, SY_DTYPE_F32, 2, (int64_t[]){lengths[k], 1}, y, err);
        }
        if (status == SY_OK) {
            status = sy_tensor_send(x_here, &p->x[k], p->worker, err);
        }
        if (status == SY_OK) {
            status = sy_tensor_send(y_here, &p->y[k], p->worker, err);
        }
        sy_tensor_unref(x_here);
        sy_tensor_unref(y_here);
        if (status != SY_OK) {
            return status;
        }
    }
    return SY_OK;
}

/* One step of training of a linear model, with its parameters. */
static sy_status make_step(sy_hook *hook, sy_plan **step, sy_error *err)
{
    const sy_plan_shape input = {SY_DTYPE_F32, 2, {-1, 2}}, target = {SY_DTYPE_F32, 2, {-1, 1}};
    sy_training_options options = SY_TRAINING_OPTIONS_INIT;
    sy_sgd_options sgd = SY_SGD_OPTIONS_INIT;
    sy_module *model = NULL;
    sgd.lr = 0.3;
    options.loss = sy_mse_loss;
    options.sgd = &sgd;
    sy_status status = sy_module_new_linear(hook, &model, 2, 1, true, err);
    if (status == SY_OK) {
        status = sy_module_to_training_plan(model, step, &input, &target, &options, err);
    }
    sy_module_unref(model);
    return status;
}

/* All of a worker's batches; the plan comes back with what it has learned, and leaves nothing there. */
static sy_status train_at(party *p, sy_plan **step, double *loss, sy_error *err)
{
    sy_pointer_plan *there = NULL;
    sy_plan *trained = NULL;
    sy_status status = sy_plan_send(*step, &there, &p->worker, 1, false, err);
    for (int k = 0; k < BATCHES && status == SY_OK; k++) {
        const sy_value batch[] = {sy_value_tensor(p->x[k]), sy_value_tensor(p->y[k])};
        sy_tensor *result = NULL;
        status = sy_pointer_plan_run(there, batch, 2, NULL, &result, 1, NULL, err);
        if (status == SY_OK && k == BATCHES - 1) {
            status = sy_tensor_get_(result, err);
            status = status == SY_OK ? sy_tensor_item(result, loss, err) : status;
        }
        sy_tensor_unref(result);
    }
    if (status == SY_OK) {
        status = sy_pointer_plan_get(there, &trained, true, err);
    }
    sy_pointer_plan_unref(there);
    if (status == SY_OK) {
        sy_plan_unref(*step);
        *step = trained;
    }
    return status;
}

static uint64_t count_messages(const party *parties)
{
    uint64_t count = 0;
    for (int k = 0; k < PARTIES; k++) {
        count += sy_worker_get_traffic(parties[k].worker).messages_sent;
    }
    return count;
}

int main(int argc, char **argv)
{
    static const char *const names[PARTIES] = {"alice", "bob"};
    sy_error err = SY_ERROR_INIT;
    sy_context *context = NULL;
    sy_hook *hook = NULL;
    party parties[PARTIES] = {{NULL, {NULL}, {NULL}}};
    sy_plan *step = NULL;
    float weight[2], bias[1];
    double loss = 0;
    sy_hook_options quiet = SY_HOOK_OPTIONS_INIT;
    quiet.verbose = false;

    TRY(sy_context_new(&context, NULL, &err));
    TRY(sy_hook_new(context, &hook, &quiet, &err));
    sy_hook_manual_seed(hook, 1);
    for (int k = 0; k < PARTIES; k++) {
        TRY(argc > PARTIES ? sy_worker_connect(hook, &parties[k].worker, argv[k + 1], NULL, &err)
                           : sy_virtual_worker_new(hook, &parties[k].worker, names[k], &err));
        TRY(place_rows(hook, &parties[k], 20 * k, &err));
    }
    TRY(make_step(hook, &step, &err));
    const uint64_t before = count_messages(parties);
    for (int round = 0; round < ROUNDS; round++) {
        for (int k = 0; k < PARTIES; k++) {
            TRY(train_at(&parties[k], &step, &loss, &err));
        }
    }
    TRY(sy_tensor_copy_data(sy_plan_get_attribute(step, "weight"), weight, sizeof weight, &err));
    TRY(sy_tensor_copy_data(sy_plan_get_attribute(step, "bias"), bias, sizeof bias, &err));
    printf("y = %.2f a + %.2f b + %.2f\n", (double)weight[0], (double)weight[1], (double)bias[0]);
    printf("%d steps, %.1f messages for each\n", ROUNDS * PARTIES * BATCHES,
           (double)(count_messages(parties) - before) / (ROUNDS * PARTIES * BATCHES));

done:
    if (err.status != SY_OK) {
        fprintf(stderr, "%s\n", err.message);
    }
    sy_plan_unref(step);
    for (int k = 0; k < PARTIES; k++) {
        for (int i = 0; i < BATCHES; i++) {
            sy_tensor_unref(parties[k].x[i]);
            sy_tensor_unref(parties[k].y[i]);
        }
    }
    sy_hook_free(hook);
    sy_context_free(context);
    return err.status == SY_OK ? 0 : 1;
}
