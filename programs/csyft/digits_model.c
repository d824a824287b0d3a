/* digits_model.c - see digits_model.h. */
#include "digits_model.h"

enum { HIDDEN = 64 };

sy_status digits_model_new(const digits_course *course, sy_module **model, sy_error *err)
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

sy_status digits_trainer_new(const digits_course *course, sy_module *model, sy_trainer **trainer,
                             sy_error *err)
{
    const sy_plan_shape x = {SY_DTYPE_F32, 2, {-1, DIGITS_PIXELS}}, y = {SY_DTYPE_I64, 1, {-1}};
    sy_training_options options = SY_TRAINING_OPTIONS_INIT;
    sy_sgd_options sgd = SY_SGD_OPTIONS_INIT;
    sgd.lr = course->lr;
    options.loss = sy_nll_loss;
    options.sgd = &sgd;
    return sy_trainer_new(trainer, model, &x, &y, &options, err);
}

sy_status digits_measure(const digits_course *course, sy_module *model, sy_evaluation *evaluation,
                         sy_error *err)
{
    double right_count = 0;
    int64_t shape[SY_DIM_MAX];
    int ndim;
    *evaluation = (sy_evaluation){0};
    sy_scope *s = sy_scope_begin(course->hook);
    sy_scope_set_grad_enabled(s, false);
    sy_tensor *scores = sy_module_forward(s, model, course->test_x);
    sy_tensor *loss = sy_scope_keep(s, sy_nll_loss(s, scores, course->test_y));
    sy_tensor *right = sy_eq(s, sy_argmax_dim(s, scores, 1, false), course->test_y);
    sy_tensor *count = sy_scope_keep(s, sy_sum(s, sy_to(s, right, SY_DTYPE_F64)));
    sy_status status = sy_scope_end(s, err);
    if (status == SY_OK) {
        status = sy_tensor_get_shape(course->test_y, &ndim, shape, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_item(loss, &evaluation->loss, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_item(count, &right_count, err);
    }
    if (status == SY_OK) {
        evaluation->rows = shape[0];
        evaluation->right = (int64_t)right_count;
    }
    sy_tensor_unref(loss);
    sy_tensor_unref(count);
    return status;
}

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

static sy_status pass(const digits_course *course, sy_module *model, const digits_rows *rows,
                      sy_error *err)
{
    sy_tensor *x = NULL, *y = NULL;
    sy_status status = digits_make_tensors(course->hook, rows, &x, &y, err);
    if (status != SY_OK) {
        return status;
    }
    sy_scope *s = sy_scope_begin(course->hook);
    for (int64_t from = 0; status == SY_OK && rows->count - from >= DIGITS_ROWS_MIN;
         from += course->batch) {
        const int64_t to = from + course->batch < rows->count ? from + course->batch : rows->count;
        status = step(s, model, sy_slice(s, x, 0, from, to, 1), sy_slice(s, y, 0, from, to, 1),
                      course->lr, err);
        sy_scope_clear(s);
    }
    sy_error latched = SY_ERROR_INIT;
    if (sy_scope_end(s, &latched) != SY_OK) {
        *err = latched;
        status = latched.status;
    }
    sy_tensor_unref(x);
    sy_tensor_unref(y);
    return status;
}

sy_status digits_train_plainly(const digits_course *course, const digits *data,
                               sy_evaluation *evaluation, sy_error *err)
{
    sy_module *model;
    sy_status status = digits_model_new(course, &model, err);
    for (int64_t k = 0; status == SY_OK && k < course->rounds * DIGITS_SHARDS; k++) {
        status = pass(course, model, &data->shards[k % DIGITS_SHARDS], err);
    }
    if (status == SY_OK) {
        status = digits_measure(course, model, evaluation, err);
    }
    sy_module_unref(model);
    return status;
}
