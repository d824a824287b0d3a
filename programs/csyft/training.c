/* training.c - see training.h. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "training.h"

static sy_status fail(sy_error *err, sy_status status, const char *sentence)
{
    *err = (sy_error){.status = status};
    snprintf(err->message, sizeof err->message, "%s", sentence);
    return status;
}

/* SplitMix64 (Steele, Lea, Flood 2014): a number that depends on the seed and nothing else. */
static uint64_t next_number(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* --- parties ---------------------------------------------------------------------------------- */

sy_status training_party_init(training_party *party, const training_course *course,
                              const char *name, sy_worker *worker, sy_tensor *x, sy_tensor *y,
                              sy_error *err)
{
    *party = (training_party){.name = name, .worker = worker, .x = x, .y = y};
    int ndim;
    int64_t shape[SY_DIM_MAX];
    sy_status status = sy_tensor_get_shape(x, &ndim, shape, err);
    if (status != SY_OK) {
        return status;
    }
    party->rows = shape[0];
    party->batch_count = party->rows / course->batch;
    party->batch_count += party->rows % course->batch >= TRAINING_ROWS_MIN;
    party->x_batches = calloc((size_t)party->batch_count + 1, sizeof(sy_tensor *));
    party->y_batches = calloc((size_t)party->batch_count + 1, sizeof(sy_tensor *));
    if (party->x_batches == NULL || party->y_batches == NULL) {
        return fail(err, SY_ENOMEM, "no memory for the batches");
    }
    sy_scope *s = sy_scope_begin(course->hook);
    for (int64_t k = 0; k < party->batch_count; k++) {
        const int64_t from = k * course->batch;
        const int64_t to = from + course->batch < party->rows ? from + course->batch : party->rows;
        party->x_batches[k] = sy_scope_keep(s, sy_slice(s, x, 0, from, to, 1));
        party->y_batches[k] = sy_scope_keep(s, sy_slice(s, y, 0, from, to, 1));
    }
    return sy_scope_end(s, err);
}

void training_party_fini(training_party *party)
{
    for (int64_t k = 0; k < party->batch_count; k++) {
        sy_tensor_unref(party->x_batches != NULL ? party->x_batches[k] : NULL);
        sy_tensor_unref(party->y_batches != NULL ? party->y_batches[k] : NULL);
    }
    free(party->x_batches);
    free(party->y_batches);
    sy_tensor_unref(party->x);
    sy_tensor_unref(party->y);
    *party = (training_party){0};
}

/* --- the model -------------------------------------------------------------------------------- */

enum { HIDDEN = 64 };

/* Equal seeds give equal parameters. */
static sy_status make_model(const training_course *course, sy_module **model, sy_error *err)
{
    sy_module *layers[4] = {NULL};
    sy_hook_manual_seed(course->hook, course->seed);
    sy_status status =
        sy_module_new_linear(course->hook, &layers[0], DIGITS_PIXELS, HIDDEN, true, err);
    if (status == SY_OK) {
        status = sy_module_new_relu(course->hook, &layers[1], err);
    }
    if (status == SY_OK) {
        status = sy_module_new_linear(course->hook, &layers[2], HIDDEN, DIGITS_CLASSES, true, err);
    }
    if (status == SY_OK) {
        status = sy_module_new_log_softmax(course->hook, &layers[3], 1, err);
    }
    *model = NULL;
    if (status == SY_OK) {
        status = sy_module_new_sequential(course->hook, model, layers, 4, err);
    }
    for (int k = 0; k < 4; k++) {
        sy_module_unref(layers[k]);
    }
    return status;
}

/* One step on one batch, wherever model and batch are. */
static sy_status step(sy_scope *s, sy_module *model, sy_tensor *x, sy_tensor *y, double lr,
                      sy_error *err)
{
    sy_tensor *loss = sy_nll_loss(s, sy_module_forward(s, model, x), y);
    sy_status status = loss == NULL ? sy_scope_get_status(s) : sy_tensor_backward(loss, NULL, err);
    if (status == SY_OK) {
        status = sy_module_sgd_step(model, lr, err);
    }
    return status == SY_OK ? sy_module_zero_grad(model, err) : status;
}

/* The share of held-out rows that the model, which is here, gets right. */
static sy_status measure(const training_course *course, sy_module *model, double *accuracy,
                         sy_error *err)
{
    sy_scope *s = sy_scope_begin(course->hook);
    sy_scope_set_grad_enabled(s, false);
    sy_tensor *answers = sy_argmax_dim(s, sy_module_forward(s, model, course->test_x), 1, false);
    sy_tensor *right = sy_to(s, sy_eq(s, answers, course->test_y), SY_DTYPE_F32);
    sy_tensor *share = sy_scope_keep(s, sy_mean(s, right));
    sy_status status = sy_scope_end(s, err);
    if (status == SY_OK) {
        status = sy_tensor_item(share, accuracy, err);
    }
    sy_tensor_unref(share);
    return status;
}

/* --- a pass over a party's rows ---------------------------------------------------------------- */

/* The order of the batches depends on the seed, the pass and the party's place only. */
static void shuffle(const training_course *course, int64_t pass, int place, int64_t *order,
                    int64_t count)
{
    uint64_t state = course->seed ^ ((uint64_t)pass << 32) ^ ((uint64_t)place << 16);
    for (int64_t k = 0; k < count; k++) {
        const int64_t other = (int64_t)(next_number(&state) % (uint64_t)(k + 1));
        order[k] = order[other];
        order[other] = k;
    }
}

static sy_status train_pass(const training_course *course, sy_module *model,
                            const training_party *party, int place, int64_t pass, double lr,
                            sy_error *err)
{
    int64_t *order = calloc((size_t)party->batch_count + 1, sizeof *order);
    if (order == NULL) {
        return fail(err, SY_ENOMEM, "no memory for the order of batches");
    }
    shuffle(course, pass, place, order, party->batch_count);
    sy_scope *s = sy_scope_begin(course->hook);
    sy_status status = SY_OK;
    for (int64_t k = 0; status == SY_OK && k < party->batch_count; k++) {
        if (*course->interrupted) {
            status = fail(err, SY_ECANCELED, "interrupted");
            break;
        }
        const int64_t b = order[k];
        status = step(s, model, party->x_batches[b], party->y_batches[b], lr, err);
        sy_scope_clear(s);
    }
    sy_error latched = SY_ERROR_INIT;
    if (sy_scope_end(s, &latched) != SY_OK) {
        *err = latched;
        status = latched.status;
    }
    free(order);
    return status;
}

static double rate(const training_course *course, int64_t round)
{
    return course->lr * (double)(course->rounds - round) / (double)course->rounds;
}

static void show(progress *bar, int64_t round, double accuracy)
{
    char note[64];
    snprintf(note, sizeof note, "accuracy %.3f", accuracy);
    progress_show(bar, round + 1, note);
}

/* --- sequential -------------------------------------------------------------------------------- */

/* Takes the model from one place to another; NULL is here. */
static sy_status travel(sy_module *model, sy_worker *from, sy_worker *to, bool direct,
                        sy_error *err)
{
    sy_status status = SY_OK;
    if (from == to) {
        return SY_OK;
    }
    if (from != NULL && to != NULL && direct) {
        return sy_module_move_(model, to, err);
    }
    if (from != NULL) {
        status = sy_module_get_(model, err);
    }
    if (status == SY_OK && to != NULL) {
        status = sy_module_send_(model, to, err);
    }
    return status;
}

/* One pass over everybody's rows, from here and back. */
static sy_status make_round(const training_course *course, sy_module *model,
                            training_party *parties, int count, int64_t round, bool direct,
                            sy_error *err)
{
    sy_worker *at = NULL;
    sy_status status = SY_OK;
    for (int k = 0; status == SY_OK && k < count; k++) {
        status = travel(model, at, parties[k].worker, direct, err);
        at = parties[k].worker;
        if (status == SY_OK) {
            status = train_pass(course, model, &parties[k], k, round, rate(course, round), err);
        }
    }
    return status == SY_OK ? travel(model, at, NULL, direct, err) : status;
}

sy_status training_sequential(const training_course *course, training_party *parties, int count,
                              bool direct, progress *bar, double *accuracy, sy_error *err)
{
    sy_module *model;
    sy_status status = make_model(course, &model, err);
    for (int64_t round = 0; status == SY_OK && round < course->rounds; round++) {
        status = make_round(course, model, parties, count, round, direct, err);
        if (status == SY_OK) {
            status = measure(course, model, accuracy, err);
        }
        if (status == SY_OK) {
            show(bar, round, *accuracy);
        }
    }
    sy_module_unref(model);
    return status;
}

/* --- averaged ---------------------------------------------------------------------------------- */

typedef struct apprentice { /* one party's copy of the model, trained in a thread of its own */
    const training_course *course;
    const training_party *party;
    int place;
    int64_t pass;
    double lr;
    sy_module *copy; /* comes back trained, here */
    sy_plan *plan;   /* a step on the copy; NULL: step by step */
    sy_status status;
    sy_error err;
} apprentice;

/* What came back in the state of the plan; the parameters stand first. */
static sy_status take_parameters(const apprentice *a, sy_plan *trained, sy_error *err)
{
    size_t count;
    sy_tensor *const *parameters = sy_module_get_parameters(a->copy, &count);
    sy_scope *s = sy_scope_begin(a->course->hook);
    sy_scope_set_grad_enabled(s, false);
    for (size_t k = 0; k < count; k++) {
        sy_copy_(s, parameters[k], sy_plan_get_state(trained, k));
    }
    return sy_scope_end(s, err);
}

static sy_status run_batches(const apprentice *a, sy_pointer_plan *there, const int64_t *order,
                             sy_error *err)
{
    sy_status status = SY_OK;
    for (int64_t k = 0; status == SY_OK && k < a->party->batch_count; k++) {
        if (*a->course->interrupted) {
            return fail(err, SY_ECANCELED, "interrupted");
        }
        sy_tensor *loss = NULL;
        const sy_value batch[] = {sy_value_tensor(a->party->x_batches[order[k]]),
                                  sy_value_tensor(a->party->y_batches[order[k]])};
        status = sy_pointer_plan_run(there, batch, 2, NULL, &loss, 1, NULL, err);
        sy_tensor_unref(loss);
    }
    return status;
}

/* The plan there, a message per batch, and back with what it has learned. */
static sy_status work_by_plan(const apprentice *a, sy_error *err)
{
    sy_worker *where = a->party->worker;
    sy_pointer_plan *there = NULL;
    sy_plan *trained = NULL;
    int64_t *order = calloc((size_t)a->party->batch_count + 1, sizeof *order);
    if (order == NULL) {
        return fail(err, SY_ENOMEM, "no memory for the order of batches");
    }
    shuffle(a->course, a->pass, a->place, order, a->party->batch_count);
    sy_status status = sy_plan_send(a->plan, &there, &where, 1, false, err);
    if (status == SY_OK) {
        status = run_batches(a, there, order, err);
    }
    if (status == SY_OK) {
        status = sy_pointer_plan_get(there, &trained, true, err);
    }
    if (status == SY_OK) {
        status = take_parameters(a, trained, err);
    }
    sy_plan_unref(trained);
    sy_pointer_plan_unref(there);
    free(order);
    return status;
}

static void *work(void *user)
{
    apprentice *a = user;
    sy_worker *where = a->party->worker;
    if (a->plan != NULL) {
        a->status = work_by_plan(a, &a->err);
        return NULL;
    }
    a->status = travel(a->copy, NULL, where, false, &a->err);
    if (a->status == SY_OK) {
        a->status = train_pass(a->course, a->copy, a->party, a->place, a->pass, a->lr, &a->err);
    }
    if (a->status == SY_OK) {
        a->status = travel(a->copy, where, NULL, false, &a->err);
    }
    return NULL;
}

static sy_tensor *parameter(const sy_module *model, size_t k)
{
    size_t count;
    sy_tensor *const *parameters = sy_module_get_parameters(model, &count);
    return k < count ? parameters[k] : NULL;
}

/* Every parameter becomes the mean of the copies'. */
static sy_status average(const training_course *course, sy_module *model,
                         const apprentice *apprentices, int count, sy_error *err)
{
    sy_scope *s = sy_scope_begin(course->hook);
    sy_scope_set_grad_enabled(s, false);
    for (size_t k = 0; parameter(model, k) != NULL; k++) {
        sy_tensor *sum = parameter(apprentices[0].copy, k);
        for (int j = 1; j < count; j++) {
            sum = sy_add(s, sum, parameter(apprentices[j].copy, k));
        }
        sy_copy_(s, parameter(model, k), sy_div_scalar(s, sum, count));
    }
    return sy_scope_end(s, err);
}

/* The learning rate is a number of the plan, so every pass has its own. */
static sy_status make_plan(apprentice *a, sy_error *err)
{
    const sy_plan_shape x = {SY_DTYPE_F32, 2, {-1, DIGITS_PIXELS}}, y = {SY_DTYPE_I64, 1, {-1}};
    sy_training_options options = SY_TRAINING_OPTIONS_INIT;
    sy_sgd_options sgd = SY_SGD_OPTIONS_INIT;
    sgd.lr = a->lr;
    options.loss = sy_nll_loss;
    options.sgd = &sgd;
    return sy_module_to_training_plan(a->copy, &a->plan, &x, &y, &options, err);
}

/* One exchange: copies out, a pass at every party, copies back, the mean. */
static sy_status exchange(const training_course *course, sy_module *model, training_party *parties,
                          int count, int64_t pass, double lr, bool by_plan, sy_error *err)
{
    apprentice apprentices[DIGITS_SHARDS] = {0};
    pthread_t threads[DIGITS_SHARDS];
    sy_status status = SY_OK;
    int started = 0;
    for (int k = 0; status == SY_OK && k < count; k++) {
        apprentices[k] = (apprentice){
            .course = course, .party = &parties[k], .place = k, .pass = pass, .lr = lr};
        status = sy_module_copy(model, &apprentices[k].copy, err);
        if (status == SY_OK && by_plan) {
            status = make_plan(&apprentices[k], err);
        }
    }
    while (status == SY_OK && started < count) {
        if (pthread_create(&threads[started], NULL, work, &apprentices[started]) != 0) {
            status = fail(err, SY_ENOMEM, "no thread for a party");
            break;
        }
        started++;
    }
    for (int k = 0; k < started; k++) {
        pthread_join(threads[k], NULL);
        if (status == SY_OK && apprentices[k].status != SY_OK) {
            status = apprentices[k].status;
            *err = apprentices[k].err;
        }
    }
    if (status == SY_OK) {
        status = average(course, model, apprentices, count, err);
    }
    for (int k = 0; k < count; k++) {
        sy_plan_unref(apprentices[k].plan);
        sy_module_unref(apprentices[k].copy);
    }
    return status;
}

sy_status training_averaged(const training_course *course, training_party *parties, int count,
                            bool by_plan, progress *bar, double *accuracy, sy_error *err)
{
    sy_module *model;
    sy_status status = make_model(course, &model, err);
    for (int64_t round = 0; status == SY_OK && round < course->rounds; round++) {
        for (int k = 0; status == SY_OK && k < count; k++) {
            status = exchange(course, model, parties, count, round * count + k, rate(course, round),
                              by_plan, err);
        }
        if (status == SY_OK) {
            status = measure(course, model, accuracy, err);
        }
        if (status == SY_OK) {
            show(bar, round, *accuracy);
        }
    }
    sy_module_unref(model);
    return status;
}
