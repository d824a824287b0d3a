/* plan_functions.h - functions that plans are made of in several tests, and the plans made of them. */
#ifndef CSYFT_TESTS_PLAN_FUNCTIONS_H
#define CSYFT_TESTS_PLAN_FUNCTIONS_H

#include <csyft/operations.h>
#include <csyft/plan.h>

#include "support/test.h"

/* A vector of any length. */
static const sy_plan_shape plan_vector = {SY_DTYPE_F32, 1, {-1}};

/* Must succeed. */
static inline sy_plan *plan_of(sy_hook *hook, const char *name, sy_plan_fn forward, void *user,
                               sy_tensor *const *state, size_t state_count, sy_error *err)
{
    sy_plan *plan = NULL;
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    options.name = name;
    options.forward = forward;
    options.user = user;
    options.state = state;
    options.state_count = state_count;
    assert_ok(sy_plan_new(hook, &plan, &options, err), err);
    return plan;
}

/* |x| */
static inline sy_status plan_absolute(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    return sy_plan_frame_return(f, sy_abs(s, sy_plan_frame_argument(f, 0)), err);
}

/* 2x + bias; state: bias */
static inline sy_status plan_biased(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *x = sy_plan_frame_argument(f, 0), *bias = sy_plan_frame_state(f, 0);
    return sy_plan_frame_return(f, sy_add(s, sy_add(s, x, x), bias), err);
}

/* (a + 1)^2, [a + 1, a]: an argument is a result, too. */
static inline sy_status plan_several(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *a = sy_plan_frame_argument(f, 0), *b = sy_add_scalar(s, a, 1);
    const sy_value inner[] = {sy_value_tensor(b), sy_value_tensor(a)};
    const sy_value all[] = {sy_value_tensor(sy_mul(s, b, b)), sy_value_list(inner, 2)};
    return sy_plan_frame_return_values(f, all, 2, err);
}

/* Of a matrix with 4 columns: sums of the rows, and to each the number of rows, all through sizes. */
static inline sy_status plan_row_sums(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *x = sy_plan_frame_argument(f, 0);
    const int64_t rows = sy_plan_size(s, x, 0);
    sy_tensor *y = sy_reshape(s, x, 3, (int64_t[]){rows, 2, 2});
    sy_tensor *sums = sy_sum_dim(s, sy_reshape(s, y, 2, (int64_t[]){rows, 4}), 1, false);
    sy_tensor *ones = sy_ones(s, SY_DTYPE_F32, 1, &rows); /* made of the run's size */
    return sy_plan_frame_return(f, sy_add(s, sums, sy_mul_int(s, ones, rows)), err);
}

/* One step of gradient descent for y = x w; user: the rate, a double; state: w; gives the loss. */
static inline sy_status plan_train_step(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    const double lr = *(const double *)user;
    sy_tensor *x = sy_plan_frame_argument(f, 0), *y = sy_plan_frame_argument(f, 1);
    sy_tensor *w = sy_plan_frame_state(f, 0), *grad = NULL;
    sy_tensor *loss = sy_mse_loss(s, sy_matmul(s, x, w), y);
    if (sy_scope_get_status(s) != SY_OK) {
        return SY_OK;
    }
    sy_status status = sy_tensor_backward(loss, NULL, err);
    status = status == SY_OK ? sy_tensor_get_grad(w, &grad, err) : status;
    if (status != SY_OK) {
        return status;
    }
    sy_sgd_(s, w, sy_scope_adopt(s, grad), lr);
    status = sy_tensor_set_grad(w, NULL, err);
    return status == SY_OK ? sy_plan_frame_return(f, sy_detach(s, loss), err) : status;
}

/* Shapes of its arguments, for two columns. */
static const sy_plan_shape plan_train_shapes[] = {{SY_DTYPE_F32, 2, {-1, 2}},
                                                  {SY_DTYPE_F32, 2, {-1, 1}}};

#endif
