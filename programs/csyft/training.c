/* training.c - see training.h. */
#include <math.h>
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

/* --- the model: 64-64-10, ReLU, log_softmax ---------------------------------------------------- */

enum { WEIGHT_1, BIAS_1, WEIGHT_2, BIAS_2, PARAMETER_COUNT, HIDDEN = 64 };

typedef struct model {
    sy_tensor *parameters[PARAMETER_COUNT]; /* here, or pointers */
} model;

static void model_free(model *m)
{
    for (int k = 0; k < PARAMETER_COUNT; k++) {
        sy_tensor_unref(m->parameters[k]);
        m->parameters[k] = NULL;
    }
}

/* Uniform in +-1/sqrt(inputs), as PyTorch's Linear. */
static sy_status model_new(const training_course *course, model *m, sy_error *err)
{
    static const struct {
        int ndim;
        int64_t shape[2];
        int inputs;
    } shapes[PARAMETER_COUNT] = {{2, {HIDDEN, DIGITS_PIXELS}, DIGITS_PIXELS},
                                 {1, {HIDDEN, 1}, DIGITS_PIXELS},
                                 {2, {DIGITS_CLASSES, HIDDEN}, HIDDEN},
                                 {1, {DIGITS_CLASSES, 1}, HIDDEN}};
    uint64_t state = course->seed;
    sy_status status = SY_OK;
    *m = (model){0};
    for (int k = 0; status == SY_OK && k < PARAMETER_COUNT; k++) {
        float values[HIDDEN * DIGITS_PIXELS];
        const int64_t count = shapes[k].shape[0] * shapes[k].shape[1];
        const double bound = 1 / sqrt(shapes[k].inputs);
        for (int64_t i = 0; i < count; i++) {
            const double unit = (double)(next_number(&state) >> 11) * 0x1p-53;
            values[i] = (float)((2 * unit - 1) * bound);
        }
        status = sy_tensor_new(course->hook, &m->parameters[k], SY_DTYPE_F32, shapes[k].ndim,
                               shapes[k].shape, values, err);
        if (status == SY_OK) {
            status = sy_tensor_set_requires_grad(m->parameters[k], true, err);
        }
    }
    return status;
}

static sy_tensor *model_forward(const model *m, sy_scope *s, sy_tensor *x)
{
    sy_tensor *const *p = m->parameters;
    sy_tensor *hidden = sy_relu(s, sy_linear(s, x, p[WEIGHT_1], p[BIAS_1]));
    return sy_log_softmax(s, sy_linear(s, hidden, p[WEIGHT_2], p[BIAS_2]), 1);
}

/* One step of SGD on one batch, wherever model and batch are. */
static sy_status model_step(const model *m, sy_scope *s, sy_tensor *x, sy_tensor *y, double lr,
                            sy_error *err)
{
    sy_tensor *loss = sy_nll_loss(s, model_forward(m, s, x), y);
    sy_status status = loss == NULL ? sy_scope_get_status(s) : sy_tensor_backward(loss, NULL, err);
    for (int k = 0; status == SY_OK && k < PARAMETER_COUNT; k++) {
        sy_tensor *grad = NULL;
        status = sy_tensor_get_grad(m->parameters[k], &grad, err);
        if (status == SY_OK) {
            sy_sgd_(s, m->parameters[k], sy_scope_adopt(s, grad), lr);
            status = sy_tensor_set_grad(m->parameters[k], NULL, err);
        }
    }
    return status;
}

static sy_status model_measure(const training_course *course, const model *m, double *accuracy,
                               sy_error *err)
{
    sy_scope *s = sy_scope_begin(course->hook);
    sy_scope_set_grad_enabled(s, false);
    sy_tensor *answers = sy_argmax_dim(s, model_forward(m, s, course->test_x), 1, false);
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

static sy_status train_pass(const training_course *course, const model *m,
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
        status = model_step(m, s, party->x_batches[b], party->y_batches[b], lr, err);
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

/* Takes the model to `to` (NULL: here); it is there, at another worker or here. */
static sy_status model_travel(model *m, sy_worker *from, sy_worker *to, bool direct, sy_error *err)
{
    sy_status status = SY_OK;
    for (int k = 0; status == SY_OK && k < PARAMETER_COUNT && from != to; k++) {
        if (from != NULL && to != NULL && direct) {
            status = sy_tensor_move_(m->parameters[k], to, err);
            continue;
        }
        if (from != NULL) {
            status = sy_tensor_get_(m->parameters[k], err);
        }
        if (status == SY_OK && to != NULL) {
            status = sy_tensor_send_(m->parameters[k], to, err);
        }
    }
    return status;
}

sy_status training_sequential(const training_course *course, training_party *parties, int count,
                              bool direct, progress *bar, double *accuracy, sy_error *err)
{
    model m;
    sy_status status = model_new(course, &m, err);
    for (int64_t round = 0; status == SY_OK && round < course->rounds; round++) {
        sy_worker *at = NULL;
        for (int k = 0; status == SY_OK && k < count; k++) {
            status = model_travel(&m, at, parties[k].worker, direct, err);
            at = parties[k].worker;
            if (status == SY_OK) {
                status = train_pass(course, &m, &parties[k], k, round, rate(course, round), err);
            }
        }
        if (status == SY_OK) {
            status = model_travel(&m, at, NULL, direct, err);
        }
        if (status == SY_OK) {
            status = model_measure(course, &m, accuracy, err);
        }
        if (status == SY_OK) {
            show(bar, round, *accuracy);
        }
    }
    model_free(&m);
    return status;
}

/* --- averaged ---------------------------------------------------------------------------------- */

typedef struct apprentice { /* one party's copy of the model, trained in a thread of its own */
    const training_course *course;
    const training_party *party;
    const model *original;
    int place;
    int64_t pass;
    double lr;
    model copy; /* comes back trained, here */
    sy_status status;
    sy_error err;
} apprentice;

static sy_status make_copy(apprentice *a)
{
    sy_status status = SY_OK;
    for (int k = 0; status == SY_OK && k < PARAMETER_COUNT; k++) {
        status = sy_tensor_send(a->original->parameters[k], &a->copy.parameters[k],
                                a->party->worker, &a->err);
    }
    return status;
}

static void *work(void *user)
{
    apprentice *a = user;
    a->status = train_pass(a->course, &a->copy, a->party, a->place, a->pass, a->lr, &a->err);
    if (a->status == SY_OK) {
        a->status = model_travel(&a->copy, a->party->worker, NULL, false, &a->err);
    }
    return NULL;
}

/* Every parameter becomes the mean of the copies'. */
static sy_status average(const training_course *course, model *m, const apprentice *apprentices,
                         int count, sy_error *err)
{
    sy_status status = SY_OK;
    for (int k = 0; status == SY_OK && k < PARAMETER_COUNT; k++) {
        sy_scope *s = sy_scope_begin(course->hook);
        sy_scope_set_grad_enabled(s, false);
        sy_tensor *sum = apprentices[0].copy.parameters[k];
        for (int j = 1; j < count; j++) {
            sum = sy_add(s, sum, apprentices[j].copy.parameters[k]);
        }
        sy_tensor *mean = sy_scope_keep(s, sy_div_scalar(s, sum, count));
        status = sy_scope_end(s, err);
        if (status == SY_OK) {
            status = sy_tensor_set_requires_grad(mean, true, err);
        }
        if (status == SY_OK) {
            sy_tensor_unref(m->parameters[k]);
            m->parameters[k] = mean;
        }
    }
    return status;
}

/* One exchange: copies out, a pass at every party, copies back, the mean. */
static sy_status exchange(const training_course *course, model *m, training_party *parties,
                          int count, int64_t pass, double lr, sy_error *err)
{
    apprentice apprentices[DIGITS_SHARDS];
    pthread_t threads[DIGITS_SHARDS];
    sy_status status = SY_OK;
    int copied = 0, started = 0;
    /* Copies leave from this thread: a tensor is used by one thread at a time. */
    for (; status == SY_OK && copied < count; copied++) {
        apprentices[copied] = (apprentice){.course = course, .party = &parties[copied],
                                           .original = m,    .place = copied,
                                           .pass = pass,     .lr = lr};
        status = make_copy(&apprentices[copied]);
        if (status != SY_OK) {
            *err = apprentices[copied].err;
        }
    }
    for (; status == SY_OK && started < count; started++) {
        if (pthread_create(&threads[started], NULL, work, &apprentices[started]) != 0) {
            status = fail(err, SY_ENOMEM, "no thread for a party");
            break;
        }
    }
    for (int k = 0; k < started; k++) {
        pthread_join(threads[k], NULL);
        if (status == SY_OK && apprentices[k].status != SY_OK) {
            status = apprentices[k].status;
            *err = apprentices[k].err;
        }
    }
    if (status == SY_OK) {
        status = average(course, m, apprentices, count, err);
    }
    for (int k = 0; k < copied; k++) {
        model_free(&apprentices[k].copy);
    }
    return status;
}

sy_status training_averaged(const training_course *course, training_party *parties, int count,
                            progress *bar, double *accuracy, sy_error *err)
{
    model m;
    sy_status status = model_new(course, &m, err);
    for (int64_t round = 0; status == SY_OK && round < course->rounds; round++) {
        for (int k = 0; status == SY_OK && k < count; k++) {
            status = exchange(course, &m, parties, count, round * count + k, rate(course, round), err);
        }
        if (status == SY_OK) {
            status = model_measure(course, &m, accuracy, err);
        }
        if (status == SY_OK) {
            show(bar, round, *accuracy);
        }
    }
    model_free(&m);
    return status;
}
