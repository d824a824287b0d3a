/*
 * line_training.h - rows of a line (y = 2a - 3b + 1) that a worker serves, and a linear model that is trained on them: what tests of training at
 * workers begin with (tests/integration/federated_training.c, federated_privacy.c).
 */
#ifndef CSYFT_TESTS_LINE_TRAINING_H
#define CSYFT_TESTS_LINE_TRAINING_H

#include <math.h>

#include <csyft/federated.h>

#include "support/worker_kinds.h"

enum { ROWS = 12, BATCH = 4 };

/* y = 2a - 3b + 1, and a class: is it positive? */
static inline void make_rows(int first, int count, float x[][2], float y[][1], int64_t *classes)
{
    for (int k = 0; k < count; k++) {
        const int row = first + k;
        x[k][0] = (float)(row % 5) / 4 - 0.5f;
        x[k][1] = (float)(row % 7) / 6 - 0.5f;
        y[k][0] = 2 * x[k][0] - 3 * x[k][1] + 1;
        classes[k] = y[k][0] > 0 ? 1 : 0;
    }
}

static inline sy_tensor *tensor_at(workers *w, sy_hook *hook, sy_dtype dtype, int ndim,
                                   const int64_t *shape, const void *data)
{
    sy_tensor *tensor = NULL;
    assert_ok(sy_tensor_new(hook, &tensor, dtype, ndim, shape, data, &w->err), &w->err);
    return tensor;
}

static inline void serve(workers *w, sy_worker *serving, const char *key, int first, int count,
                         bool classes, const sy_serve_options *options)
{
    float x[64][2], y[64][1];
    int64_t numbers[64];
    make_rows(first, count, x, y, numbers);
    sy_tensor *data = tensor_at(w, sy_worker_get_hook(serving), SY_DTYPE_F32, 2,
                                (int64_t[]){count, 2}, x),
              *targets = classes ? tensor_at(w, sy_worker_get_hook(serving), SY_DTYPE_I64, 1,
                                             (int64_t[]){count}, numbers)
                                 : tensor_at(w, sy_worker_get_hook(serving), SY_DTYPE_F32, 2,
                                             (int64_t[]){count, 1}, y);
    assert_ok(sy_worker_serve_dataset(serving, key, data, targets, options, &w->err), &w->err);
    sy_tensor_unref(data);
    sy_tensor_unref(targets);
}

static inline sy_serve_options releases(int64_t rows)
{
    sy_serve_options options = SY_SERVE_OPTIONS_INIT;
    options.release_rows = rows;
    return options;
}

typedef struct scene {
    workers *w;
    sy_module *module;
    sy_trainer *trainer;
    float weights[3]; /* of the beginning */
} scene;

static inline void read_model(const scene *c, float weights[3])
{
    size_t count = 0;
    sy_tensor *const *p = sy_module_get_parameters(c->module, &count);
    assert_int_equal(count, 2);
    assert_ok(sy_tensor_copy_data(p[0], weights, 2 * sizeof(float), &c->w->err), &c->w->err);
    assert_ok(sy_tensor_copy_data(p[1], weights + 2, sizeof(float), &c->w->err), &c->w->err);
}

static inline void write_model(const scene *c, const float weights[3])
{
    size_t count = 0;
    sy_tensor *const *p = sy_module_get_parameters(c->module, &count);
    sy_scope *s = sy_scope_begin(c->w->hook);
    (void)sy_scope_set_grad_enabled(s, false);
    (void)sy_copy_(s, p[0], MATRIX(c->w, 1, 2, weights[0], weights[1]));
    (void)sy_copy_(s, p[1], FLOATS(c->w, weights[2]));
    assert_ok(sy_scope_end(s, &c->w->err), &c->w->err);
}

static inline sy_training_options training_of(const sy_sgd_options *sgd, sy_loss_fn loss)
{
    sy_training_options training = SY_TRAINING_OPTIONS_INIT;
    training.loss = loss;
    training.sgd = sgd;
    return training;
}

/* A linear model and how it is trained. */
static inline scene scene_with(workers *w, sy_loss_fn loss)
{
    scene c = {.w = w};
    const sy_plan_shape input = {SY_DTYPE_F32, 2, {-1, 2}}, target = {SY_DTYPE_F32, 2, {-1, 1}};
    sy_sgd_options sgd = SY_SGD_OPTIONS_INIT;
    sgd.lr = 0.25;
    const sy_training_options training = training_of(&sgd, loss);
    sy_hook_manual_seed(w->hook, 3);
    assert_ok(sy_module_new_linear(w->hook, &c.module, 2, 1, true, &w->err), &w->err);
    assert_ok(sy_trainer_new(&c.trainer, c.module, &input, &target, &training, &w->err), &w->err);
    read_model(&c, c.weights);
    return c;
}

static inline scene scene_of(workers *w)
{
    return scene_with(w, sy_mse_loss);
}

static inline void scene_close(scene *c)
{
    sy_trainer_free(c->trainer);
    sy_module_unref(c->module);
}

static inline sy_fit_options in_order(int64_t epochs)
{
    sy_fit_options o = SY_FIT_OPTIONS_INIT;
    o.batch_size = BATCH;
    o.epochs = epochs;
    o.shuffle = false;
    return o;
}

static inline void begin_from(const scene *c, double weights[3])
{
    for (int i = 0; i < 3; i++) {
        weights[i] = (double)c->weights[i];
    }
}

static inline void assert_model(const scene *c, const double expected[3])
{
    float weights[3];
    read_model(c, weights);
    for (int i = 0; i < 3; i++) {
        if (!(fabs((double)weights[i] - expected[i]) < 2e-6)) {
            print_error("parameter %d: %.9g, expected %.9g\n", i, (double)weights[i], expected[i]);
            fail();
        }
    }
}

#endif
