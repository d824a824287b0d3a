/* local_plans.h - plans that are built and run on a local hook. */
#ifndef CSYFT_TESTS_LOCAL_PLANS_H
#define CSYFT_TESTS_LOCAL_PLANS_H

#include "support/local_hook.h"
#include "support/plan_functions.h"

static inline sy_plan *new_plan(local_hook *local, const char *name, sy_plan_fn forward, void *user,
                                sy_tensor *const *state, size_t state_count)
{
    return plan_of(local->hook, name, forward, user, state, state_count, &local->err);
}

/* Must succeed. */
static inline void build_plan(local_hook *local, sy_plan *plan, const sy_plan_shape *shapes,
                              size_t count)
{
    assert_ok(sy_plan_build_shapes(plan, shapes, count, &local->err), &local->err);
    assert_true(sy_plan_is_built(plan));
}

/* Runs on tensors, which it takes; one result. */
static inline sy_tensor *run_plan(local_hook *local, sy_plan *plan, sy_tensor **args, size_t count)
{
    sy_value values[8] = {{SY_VALUE_NONE, {0}}};
    sy_tensor *result = NULL;
    size_t made = 0;
    for (size_t k = 0; k < count; k++) {
        values[k] = sy_value_tensor(args[k]);
    }
    assert_ok(sy_plan_run(plan, values, count, NULL, &result, 1, &made, &local->err), &local->err);
    assert_int_equal(made, 1);
    for (size_t k = 0; k < count; k++) {
        sy_tensor_unref(args[k]);
    }
    return result;
}

/* rows x columns of 0, 1, 2, ...; at most 64 */
static inline sy_tensor *counting_matrix(local_hook *local, int64_t rows, int64_t columns)
{
    sy_tensor *tensor = NULL;
    float values[64];
    for (int k = 0; k < 64; k++) {
        values[k] = (float)k;
    }
    assert_true(rows * columns <= 64);
    assert_ok(sy_tensor_new(local->hook, &tensor, SY_DTYPE_F32, 2, (int64_t[]){rows, columns},
                            values, &local->err),
              &local->err);
    return tensor;
}

/* These want a `local`. RUN takes its arguments, EXPECT its tensor. */
#define FLOATS(...)                                                                     \
    local_hook_floats(local, (int64_t)(sizeof((float[]){__VA_ARGS__}) / sizeof(float)), \
                      (float[]){__VA_ARGS__})
#define EXPECT(tensor, ...)                                            \
    do {                                                               \
        sy_tensor *result_ = (tensor);                                 \
        assert_floats(result_, (float[]){__VA_ARGS__},                 \
                      sizeof((float[]){__VA_ARGS__}) / sizeof(float)); \
        sy_tensor_unref(result_);                                      \
    } while (0)
#define RUN(plan, ...)                                  \
    run_plan(local, plan, (sy_tensor *[]){__VA_ARGS__}, \
             sizeof((sy_tensor *[]){__VA_ARGS__}) / sizeof(void *))

#define LOCAL_HOOK_TEST(name) \
    cmocka_unit_test_setup_teardown(name, local_hook_setup, local_hook_teardown)

#endif
