/* plan_test.c - plans here: building, open sizes, state, results, nesting, training, texts, refusals. */
#include "execution/plan.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <csyft/nn.h>
#include <csyft/operations.h>
#include <csyft/trace.h>

#include "core/error.h"
#include "support/local_hook.h"

typedef sy_plan_frame frame;

static sy_plan *new_plan(local_hook *local, const char *name, sy_plan_fn forward, void *user,
                         sy_tensor *const *state, size_t state_count)
{
    sy_plan *plan = NULL;
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    options.name = name;
    options.forward = forward;
    options.user = user;
    options.state = state;
    options.state_count = state_count;
    assert_ok(sy_plan_new(local->hook, &plan, &options, &local->err), &local->err);
    return plan;
}

static void build(local_hook *local, sy_plan *plan, const sy_plan_shape *shapes, size_t count)
{
    assert_ok(sy_plan_build_shapes(plan, shapes, count, &local->err), &local->err);
    assert_true(sy_plan_is_built(plan));
}

static const sy_plan_shape vector = {SY_DTYPE_F32, 1, {-1}};

/* Runs on tensors, which it takes; one result. */
static sy_tensor *run(local_hook *local, sy_plan *plan, sy_tensor **args, size_t count)
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
#define RUN(plan, ...)                             \
    run(local, plan, (sy_tensor *[]){__VA_ARGS__}, \
        sizeof((sy_tensor *[]){__VA_ARGS__}) / sizeof(void *))

static sy_status absolute(frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    return sy_plan_frame_return(f, sy_abs(s, sy_plan_frame_argument(f, 0)), err);
}

static void test_func2plan(void **state)
{
    local_hook *local = *state;
    sy_plan *plan = new_plan(local, "plan_abs", absolute, NULL, NULL, 0);
    assert_false(sy_plan_is_built(plan));
    build(local, plan, &(sy_plan_shape){SY_DTYPE_F32, 1, {1}}, 1);
    assert_int_equal(sy_plan_get_operation_count(plan), 1);
    EXPECT(RUN(plan, FLOATS(-1, 7, 3)), 1, 7, 3); /* no size was read: others do, too */
    EXPECT(RUN(plan, FLOATS(-2)), 2);
    assert_status(sy_plan_build_shapes(plan, &vector, 1, &local->err), SY_EINVAL, &local->err);
    sy_plan_unref(plan);
}

/* An unbuilt plan is built by its first call. */
static void test_first_call_builds(void **state)
{
    local_hook *local = *state;
    sy_plan *plan = new_plan(local, "plan_abs", absolute, NULL, NULL, 0);
    EXPECT(RUN(plan, FLOATS(-1, 7, 3)), 1, 7, 3);
    assert_true(sy_plan_is_built(plan));
    EXPECT(RUN(plan, FLOATS(-4)), 4);
    sy_plan_unref(plan);
}

/* x2 = 2x; y = (x2 - 2) * 10; x2 + y (plan.md). */
static sy_status worked(frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *x = sy_plan_frame_argument(f, 0);
    sy_tensor *x2 = sy_add(s, x, x);
    sy_tensor *y = sy_mul_scalar(s, sy_sub_scalar(s, x2, 2), 10);
    return sy_plan_frame_return(f, sy_add(s, x2, y), err);
}

static void test_worked_example(void **state)
{
    local_hook *local = *state;
    sy_plan *plan = new_plan(local, "my_plan", worked, NULL, NULL, 0);
    build(local, plan, &vector, 1);
    EXPECT(RUN(plan, FLOATS(-1, 2, 3)), -42, 24, 46);
    EXPECT(RUN(plan, FLOATS(1)), 2);
    sy_plan_unref(plan);
}

/* State */

static sy_status biased(frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *x = sy_plan_frame_argument(f, 0), *bias = sy_plan_frame_state(f, 0);
    return sy_plan_frame_return(f, sy_add(s, sy_add(s, x, x), bias), err);
}

static void test_state(void **state)
{
    local_hook *local = *state;
    sy_tensor *bias = FLOATS(1);
    sy_plan *plan = new_plan(local, "biased", biased, NULL, &bias, 1);
    build(local, plan, &vector, 1);
    EXPECT(RUN(plan, FLOATS(1, 2)), 3, 5);
    assert_int_equal(sy_plan_get_state_count(plan), 1);
    assert_ptr_equal(sy_plan_get_state(plan, 0), bias);
    sy_scope *s = sy_scope_begin(local->hook);
    sy_fill_(s, bias, 10); /* changed in place: the plan's own */
    assert_ok(sy_scope_end(s, &local->err), &local->err);
    EXPECT(RUN(plan, FLOATS(1, 2)), 12, 14);
    sy_tensor_unref(bias);
    sy_plan_unref(plan);
}

static sy_status include_state(frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    assert_int_equal(sy_plan_frame_get_argument_count(f), 2);
    return sy_plan_frame_return(
        f, sy_add(s, sy_plan_frame_argument(f, 0), sy_plan_frame_argument(f, 1)), err);
}

static void test_include_state(void **state)
{
    local_hook *local = *state;
    sy_tensor *bias = FLOATS(1);
    sy_plan *plan = NULL;
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    options.forward = include_state;
    options.state = &bias;
    options.state_count = 1;
    options.include_state = true;
    assert_ok(sy_plan_new(local->hook, &plan, &options, &local->err), &local->err);
    build(local, plan, &vector, 1);
    assert_string_equal(sy_plan_get_name(plan), "Plan");
    assert_true(sy_plan_get_include_state(plan));
    EXPECT(RUN(plan, FLOATS(1, 2)), 2, 3);
    sy_tensor_unref(bias);
    sy_plan_unref(plan);
}

static sy_status by_attribute(frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *w = sy_plan_frame_state_named(f, "weight");
    return sy_plan_frame_return(f, sy_mul(s, sy_plan_frame_argument(f, 0), w), err);
}

static void test_attributes(void **state)
{
    local_hook *local = *state;
    sy_tensor *one = FLOATS(1), *two = FLOATS(2);
    sy_plan *plan = new_plan(local, "net", by_attribute, NULL, NULL, 0);
    assert_ok(sy_plan_set_attribute(plan, "weight", one, &local->err), &local->err);
    assert_ok(sy_plan_set_attribute(plan, "weight", two, &local->err), &local->err);
    assert_int_equal(sy_plan_get_state_count(plan), 1);
    assert_ptr_equal(sy_plan_get_attribute(plan, "weight"), two);
    assert_null(sy_plan_get_attribute(plan, "bias"));
    build(local, plan, &vector, 1);
    EXPECT(RUN(plan, FLOATS(1, 2)), 2, 4);
    assert_status(sy_plan_set_attribute(plan, "bias", one, &local->err), SY_EINVAL, &local->err);
    sy_tensor_unref(one);
    sy_tensor_unref(two);
    sy_plan_unref(plan);
}

/* What the function uses beside its arguments, and what it makes of constants. */
static sy_status with_constant(frame *f, sy_scope *s, void *user, sy_error *err)
{
    sy_tensor *made = NULL;
    if (sy_tensor_from_floats(sy_scope_get_hook(s), &made, (float[]){10, 20}, 2, err) != SY_OK) {
        return err->status;
    }
    (void)sy_scope_adopt(s, made);
    sy_tensor *sum = sy_add(s, sy_plan_frame_argument(f, 0), made);
    return sy_plan_frame_return(f, sy_mul(s, sum, user), err);
}

static void test_captured(void **state)
{
    local_hook *local = *state;
    sy_tensor *outside = FLOATS(2);
    sy_plan *plan = new_plan(local, "captured", with_constant, outside, NULL, 0);
    build(local, plan, &(sy_plan_shape){SY_DTYPE_F32, 1, {2}}, 1);
    sy_tensor_unref(outside);
    assert_int_equal(sy_plan_get_state_count(plan), 2);
    EXPECT(RUN(plan, FLOATS(1, 2)), 22, 44);
    sy_plan_unref(plan);
}

/* Results */

static sy_status several(frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *a = sy_plan_frame_argument(f, 0);
    sy_tensor *b = sy_add_scalar(s, a, 1), *c = sy_mul(s, b, b);
    const sy_value inner[] = {sy_value_tensor(b), sy_value_tensor(a)};
    const sy_value all[] = {sy_value_tensor(c), sy_value_list(inner, 2)};
    return sy_plan_frame_return_values(f, all, 2, err);
}

static void test_several_results(void **state)
{
    local_hook *local = *state;
    sy_plan *plan = new_plan(local, "several", several, NULL, NULL, 0);
    build(local, plan, &vector, 1);
    assert_int_equal(sy_plan_get_result_count(plan), 3);
    sy_tensor *x = FLOATS(1, 2), *results[3];
    const sy_value arg = sy_value_tensor(x);
    size_t count = 0;
    assert_status(sy_plan_run(plan, &arg, 1, NULL, results, 2, &count, &local->err), SY_ESIGNATURE,
                  &local->err);
    assert_ok(sy_plan_run(plan, &arg, 1, NULL, results, 3, &count, &local->err), &local->err);
    assert_int_equal(count, 3);
    assert_ptr_equal(results[2], x); /* an argument that is a result is itself */
    EXPECT(results[0], 4, 9);
    EXPECT(results[1], 2, 3);
    sy_tensor_unref(results[2]);
    sy_tensor_unref(x);
    sy_plan_unref(plan);
}

/* The second of three arguments is not used; the third keeps its place. */
static sy_status unused(frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    return sy_plan_frame_return(
        f, sy_sub(s, sy_plan_frame_argument(f, 0), sy_plan_frame_argument(f, 2)), err);
}

static void test_unused_argument(void **state)
{
    local_hook *local = *state;
    const sy_plan_shape shapes[] = {vector, vector, vector};
    sy_plan *plan = new_plan(local, "unused", unused, NULL, NULL, 0);
    build(local, plan, shapes, 3);
    EXPECT(RUN(plan, FLOATS(5), FLOATS(100), FLOATS(2)), 3);
    sy_plan_unref(plan);
}

/* Eleven arguments: the tenth does not come before the second. */
static sy_status eleven(frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *sum = sy_plan_frame_argument(f, 0);
    for (size_t k = 1; k < 11; k++) {
        sum = sy_add(s, sy_mul_scalar(s, sum, 2), sy_plan_frame_argument(f, k));
    }
    return sy_plan_frame_return(f, sum, err);
}

static void test_eleven_arguments(void **state)
{
    local_hook *local = *state;
    sy_plan_shape shapes[11];
    sy_value values[11];
    float expected = 0;
    for (int k = 0; k < 11; k++) {
        shapes[k] = vector;
        values[k] = sy_value_tensor(FLOATS((float)k));
        expected = 2 * expected + (float)k;
    }
    sy_plan *plan = new_plan(local, "eleven", eleven, NULL, NULL, 0);
    build(local, plan, shapes, 11);
    sy_tensor *result = NULL;
    assert_ok(sy_plan_run(plan, values, 11, NULL, &result, 1, NULL, &local->err), &local->err);
    EXPECT(result, expected);
    for (int k = 0; k < 11; k++) {
        sy_tensor_unref(values[k].as.tensor);
    }
    sy_plan_unref(plan);
}

static sy_status named(frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    return sy_plan_frame_return(
        f, sy_sub(s, sy_plan_frame_argument(f, 0), sy_plan_frame_argument(f, 1)), err);
}

static void test_arguments_by_name(void **state)
{
    local_hook *local = *state;
    const sy_plan_shape shapes[] = {vector, vector};
    sy_plan *plan = NULL;
    sy_tensor *a = FLOATS(5), *b = FLOATS(3), *result = NULL;
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    options.forward = named;
    options.argument_names = (const char *const[]){"left", "right"};
    options.argument_count = 2;
    assert_ok(sy_plan_new(local->hook, &plan, &options, &local->err), &local->err);
    build(local, plan, shapes, 2);
    sy_named_value kwargs[] = {{"right", sy_value_tensor(b)}, {"left", sy_value_tensor(a)}};
    sy_plan_run_options o = SY_PLAN_RUN_OPTIONS_INIT;
    o.kwargs = kwargs;
    o.kwarg_count = 2;
    assert_ok(sy_plan_run(plan, NULL, 0, &o, &result, 1, NULL, &local->err), &local->err);
    EXPECT(result, 2);
    const sy_value positional = sy_value_tensor(a);
    assert_status(sy_plan_run(plan, &positional, 1, &o, &result, 1, NULL, &local->err),
                  SY_ESIGNATURE, &local->err); /* left twice */
    o.kwarg_count = 1;
    assert_ok(sy_plan_run(plan, &positional, 1, &o, &result, 1, NULL, &local->err), &local->err);
    EXPECT(result, 2);
    kwargs[0].name = "up";
    assert_status(sy_plan_run(plan, &positional, 1, &o, &result, 1, NULL, &local->err),
                  SY_ESIGNATURE, &local->err);
    assert_non_null(strstr(local->err.message, "up"));
    assert_status(sy_plan_run(plan, &positional, 1, NULL, &result, 1, NULL, &local->err),
                  SY_ESIGNATURE, &local->err);
    assert_non_null(strstr(local->err.message, "right"));
    sy_tensor_unref(a);
    sy_tensor_unref(b);
    sy_plan_unref(plan);
}

static sy_status powers(frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    const sy_value n = sy_plan_frame_value(f, 1);
    sy_tensor *x = sy_plan_frame_argument(f, 0), *y = x;
    for (int64_t k = 1; k < n.as.integer; k++) { /* unrolled */
        y = sy_mul(s, y, x);
    }
    return sy_plan_frame_return(f, y, err);
}

static void test_plain_argument(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = FLOATS(2), *result = NULL;
    sy_plan *plan = new_plan(local, "powers", powers, NULL, NULL, 0);
    sy_value args[] = {sy_value_tensor(x), sy_value_int(3)};
    assert_ok(sy_plan_build(plan, args, 2, &local->err), &local->err);
    assert_int_equal(sy_plan_get_operation_count(plan), 2);
    assert_ok(sy_plan_run(plan, args, 2, NULL, &result, 1, NULL, &local->err), &local->err);
    EXPECT(result, 8);
    assert_ok(sy_plan_run(plan, args, 1, NULL, &result, 1, NULL, &local->err), &local->err);
    EXPECT(result, 8);
    args[1] = sy_value_int(4); /* would have been another plan */
    assert_status(sy_plan_run(plan, args, 2, NULL, &result, 1, NULL, &local->err), SY_ESIGNATURE,
                  &local->err);
    sy_tensor_unref(x);
    sy_plan_unref(plan);
}

/* Open sizes */

static sy_status halves(frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *x = sy_plan_frame_argument(f, 0);
    const int64_t rows = sy_plan_size(s, x, 0);
    sy_tensor *y = sy_reshape(s, x, 3, (int64_t[]){rows, 2, 2});
    sy_tensor *sums = sy_sum_dim(s, sy_reshape(s, y, 2, (int64_t[]){rows, 4}), 1, false);
    sy_tensor *ones = sy_ones(s, SY_DTYPE_F32, 1, &rows); /* made of the run's size */
    return sy_plan_frame_return(f, sy_add(s, sums, sy_mul_int(s, ones, rows)), err);
}

static sy_tensor *matrix(local_hook *local, int64_t rows, int64_t columns)
{
    sy_tensor *tensor = NULL;
    float values[64];
    for (int k = 0; k < 64; k++) {
        values[k] = (float)k;
    }
    assert_ok(sy_tensor_new(local->hook, &tensor, SY_DTYPE_F32, 2, (int64_t[]){rows, columns},
                            values, &local->err),
              &local->err);
    return tensor;
}

static void test_open_batch(void **state)
{
    local_hook *local = *state;
    sy_plan *plan = new_plan(local, "halves", halves, NULL, NULL, 0);
    build(local, plan, &(sy_plan_shape){SY_DTYPE_F32, 2, {-1, 4}}, 1);
    EXPECT(RUN(plan, matrix(local, 1, 4)), 7);
    EXPECT(RUN(plan, matrix(local, 3, 4)), 9, 25, 41);
    EXPECT(RUN(plan, matrix(local, 8, 4)), 14, 30, 46, 62, 78, 94, 110, 126);
    /* The fixed dim was not read: another one fails in its step, by name. */
    sy_tensor *wide = matrix(local, 2, 6), *result = NULL;
    const sy_value arg = sy_value_tensor(wide);
    assert_status(sy_plan_run(plan, &arg, 1, NULL, &result, 1, NULL, &local->err), SY_ESHAPE,
                  &local->err);
    assert_non_null(strstr(local->err.message, "halves"));
    sy_tensor_unref(wide);
    sy_plan_unref(plan);
}

typedef enum misuse {
    READS_SHAPE,
    READS_LENGTH,
    COMPUTES_WITH_SIZE,
    BAKES_SIZE,
    READS_ITEM,
    READS_DATA,
    CALLS_ITEM,
    WRAPS,
    RETURNS_NOTHING,
    FAILS,
    SIZE_AS_FLOAT,
    IGNORES,
    MISUSES
} misuse;

static sy_status misused(frame *f, sy_scope *s, void *user, sy_error *err)
{
    sy_tensor *x = sy_plan_frame_argument(f, 0), *y = sy_abs(s, x), *log = NULL;
    int ndim = 0;
    int64_t shape[SY_DIM_MAX], length = 0;
    double number = 0;
    float data[64];
    sy_value value = sy_value_tensor(y);
    switch (*(const misuse *)user) {
    case READS_SHAPE:
        return sy_tensor_get_shape(y, &ndim, shape, err);
    case READS_LENGTH:
        return sy_tensor_get_length(x, &length, err);
    case COMPUTES_WITH_SIZE:
        length = sy_plan_size(s, x, 0) + 1;
        return sy_plan_frame_return(f, sy_zeros(s, SY_DTYPE_F32, 1, &length), err);
    case BAKES_SIZE:
        return sy_plan_frame_return(f, sy_reshape(s, y, 2, (int64_t[]){4, 2}), err);
    case READS_ITEM:
        return sy_tensor_item(sy_sum(s, y), &number, err);
    case READS_DATA:
        return sy_tensor_copy_data(y, data, 8 * sizeof *data, err);
    case CALLS_ITEM:
        return sy_call(sy_scope_get_hook(s), "item", &value, 1, NULL, 0, NULL, 0, NULL, &value,
                       err);
    case WRAPS:
        return sy_tensor_log(y, &log, err);
    case RETURNS_NOTHING:
        return SY_OK;
    case FAILS:
        return sy_plan_frame_return(f, sy_matmul(s, x, sy_transpose(s, x, 0, 5)), err);
    case SIZE_AS_FLOAT:
        return sy_plan_frame_return(f, sy_div_scalar(s, y, (double)sy_plan_size(s, x, 0)), err);
    default: /* what was refused is refused, whatever the function makes of it */
        (void)sy_tensor_get_shape(y, &ndim, shape, err);
        return sy_plan_frame_return(f, y, err);
    }
}

static void test_refused_while_built(void **state)
{
    local_hook *local = *state;
    static const struct {
        sy_status status;
        const char *says;
    } expected[MISUSES] = {
        [READS_SHAPE] = {SY_EINVAL, "dim 0 is open"},
        [READS_LENGTH] = {SY_EINVAL, "get_length of argument 0"},
        [COMPUTES_WITH_SIZE] = {SY_EINVAL, "computed with"},
        [BAKES_SIZE] = {SY_ESHAPE, "instead of 8"},
        [READS_ITEM] = {SY_ENOTSUP, "item"},
        [READS_DATA] = {SY_ENOTSUP, "copy_data"},
        [CALLS_ITEM] = {SY_EINVAL, "contents are not known"},
        [WRAPS] = {SY_ENOTSUP, "log"},
        [RETURNS_NOTHING] = {SY_EINVAL, "returned"},
        [FAILS] = {SY_ERANGE, "transpose"},
        [SIZE_AS_FLOAT] = {SY_EINVAL, "float"},
        [IGNORES] = {SY_EINVAL, "dim 0 is open"},
    };
    for (misuse k = 0; k < MISUSES; k++) {
        sy_plan *plan = new_plan(local, "misused", misused, &k, NULL, 0);
        const sy_status status = sy_plan_build_shapes(plan, &vector, 1, &local->err);
        if (status != expected[k].status || strstr(local->err.message, expected[k].says) == NULL) {
            print_error("misuse %d: %s: %s\n", (int)k, sy_status_name(status), local->err.message);
        }
        assert_int_equal(status, expected[k].status);
        assert_non_null(strstr(local->err.message, expected[k].says));
        assert_non_null(strstr(local->err.message, "misused"));
        assert_false(sy_plan_is_built(plan));
        assert_false(sy_hook_is_tracing(local->hook));
        sy_plan_unref(plan);
    }
}

/* With examples the sizes are fixed; what reads them holds for these only, and says so. */
static sy_status mean_by_hand(frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    int64_t length = 0;
    sy_tensor *x = sy_plan_frame_argument(f, 0);
    if (sy_tensor_get_length(x, &length, err) != SY_OK) {
        return err->status;
    }
    return sy_plan_frame_return(f, sy_div_scalar(s, sy_sum(s, x), (double)length), err);
}

static void test_fixed_sizes_are_checked(void **state)
{
    local_hook *local = *state;
    sy_plan *plan = new_plan(local, "mean", mean_by_hand, NULL, NULL, 0);
    sy_tensor *x = FLOATS(1, 2, 3), *result = NULL;
    sy_value arg = sy_value_tensor(x);
    assert_ok(sy_plan_build(plan, &arg, 1, &local->err), &local->err);
    EXPECT(RUN(plan, FLOATS(2, 4, 6)), 4);
    sy_tensor *y = FLOATS(1, 2);
    arg = sy_value_tensor(y);
    assert_status(sy_plan_run(plan, &arg, 1, NULL, &result, 1, NULL, &local->err), SY_ESHAPE,
                  &local->err);
    sy_tensor_unref(x);
    sy_tensor_unref(y);
    sy_plan_unref(plan);
}

/* Random numbers are drawn by each run. */
static sy_status noisy(frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *x = sy_plan_frame_argument(f, 0);
    const int64_t n = sy_plan_size(s, x, 0);
    return sy_plan_frame_return(f, sy_add(s, x, sy_rand(s, SY_DTYPE_F32, 1, &n)), err);
}

static void test_random(void **state)
{
    local_hook *local = *state;
    float first[3], second[3], again[3];
    sy_plan *plan = new_plan(local, "noisy", noisy, NULL, NULL, 0);
    build(local, plan, &vector, 1);
    float *const into[] = {first, second, again};
    for (int k = 0; k < 3; k++) {
        if (k != 1) {
            sy_hook_manual_seed(local->hook, 5);
        }
        sy_tensor *result = RUN(plan, FLOATS(0, 0, 0));
        assert_ok(sy_tensor_copy_data(result, into[k], sizeof first, &local->err), &local->err);
        sy_tensor_unref(result);
    }
    assert_memory_equal(first, again, sizeof first);
    assert_memory_not_equal(first, second, sizeof first);
    sy_plan_unref(plan);
}

/* Nested: plan_3 x+3+42; plan_2_1 -2 plan_3(x) + 2; plan_2_2 + 1331; 100 -> 1043 (plan.md). */
static sy_status plan_3(frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    return sy_plan_frame_return(
        f, sy_add_scalar(s, sy_add_scalar(s, sy_plan_frame_argument(f, 0), 3), 42), err);
}

static sy_status plan_2_1(frame *f, sy_scope *s, void *user, sy_error *err)
{
    sy_tensor *x = sy_plan_frame_argument(f, 0);
    sy_tensor *y = sy_plan_call(s, user, &x, 1);
    return sy_plan_frame_return(f, sy_add_scalar(s, sy_mul_scalar(s, y, -2), 2), err);
}

static sy_status plan_2_2(frame *f, sy_scope *s, void *user, sy_error *err)
{
    sy_tensor *x = sy_plan_frame_argument(f, 0);
    return sy_plan_frame_return(f, sy_add_scalar(s, sy_plan_call(s, user, &x, 1), 1331), err);
}

static void test_nested(void **state)
{
    local_hook *local = *state;
    for (int built = 0; built < 2; built++) { /* the inner one may be built or not */
        sy_plan *inner = new_plan(local, "plan_3", plan_3, NULL, NULL, 0);
        sy_plan *middle = new_plan(local, "plan_2_1", plan_2_1, inner, NULL, 0);
        sy_plan *outer = new_plan(local, "plan_2_2", plan_2_2, middle, NULL, 0);
        if (built) {
            build(local, inner, &vector, 1);
            build(local, middle, &vector, 1);
        }
        build(local, outer, &vector, 1);
        assert_int_equal(sy_plan_get_operation_count(outer), 5);
        sy_plan_unref(inner);
        sy_plan_unref(middle);
        EXPECT(RUN(outer, FLOATS(100)), -2 * 145 + 2 + 1331);
        sy_plan_unref(outer);
    }
}

/* Inner state becomes state of the outer plan. */
static sy_status outer_of_biased(frame *f, sy_scope *s, void *user, sy_error *err)
{
    sy_tensor *x = sy_plan_frame_argument(f, 0);
    return sy_plan_frame_return(f, sy_neg(s, sy_plan_call(s, user, &x, 1)), err);
}

static void test_nested_state(void **state)
{
    local_hook *local = *state;
    sy_tensor *bias = FLOATS(1);
    sy_plan *inner = new_plan(local, "biased", biased, NULL, &bias, 1);
    sy_plan *outer = new_plan(local, "outer", outer_of_biased, inner, NULL, 0);
    build(local, inner, &vector, 1);
    build(local, outer, &vector, 1);
    assert_int_equal(sy_plan_get_state_count(outer), 1);
    assert_ptr_equal(sy_plan_get_state(outer, 0), bias);
    EXPECT(RUN(outer, FLOATS(1, 2)), -3, -5);
    sy_tensor_unref(bias);
    sy_plan_unref(inner);
    sy_plan_unref(outer);
}

/* Training */

static sy_status train_step(frame *f, sy_scope *s, void *user, sy_error *err)
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

static void test_training_step(void **state)
{
    local_hook *local = *state;
    double lr = 0.01;
    sy_tensor *w = NULL;
    assert_ok(sy_tensor_new(local->hook, &w, SY_DTYPE_F32, 2, (int64_t[]){2, 1},
                            (float[]){0.5f, -0.5f}, &local->err),
              &local->err);
    assert_ok(sy_tensor_set_requires_grad(w, true, &local->err), &local->err);
    sy_plan *plan = new_plan(local, "step", train_step, &lr, &w, 1);
    const sy_plan_shape shapes[] = {{SY_DTYPE_F32, 2, {-1, 2}}, {SY_DTYPE_F32, 2, {-1, 1}}};
    build(local, plan, shapes, 2);
    float before[2];
    sy_tensor *grad = NULL;
    assert_ok(sy_tensor_copy_data(w, before, sizeof before, &local->err), &local->err);
    assert_true(before[0] == 0.5f && before[1] == -0.5f); /* building trains nothing */
    assert_ok(sy_tensor_get_grad(w, &grad, &local->err), &local->err);
    assert_null(grad);
    /* y = 2 a + 3 b, in batches of 3, 1 and 2 */
    static const int64_t batches[] = {3, 1, 2};
    for (int k = 0; k < 3000; k++) {
        const int64_t rows = batches[k % 3];
        float x[6], y[3];
        for (int64_t i = 0; i < rows; i++) {
            x[2 * i] = (float)((k + i) % 5) - 2;
            x[2 * i + 1] = (float)((2 * k + 3 * i) % 7) - 3;
            y[i] = 2 * x[2 * i] + 3 * x[2 * i + 1];
        }
        sy_tensor *xs = NULL, *ys = NULL;
        assert_ok(
            sy_tensor_new(local->hook, &xs, SY_DTYPE_F32, 2, (int64_t[]){rows, 2}, x, &local->err),
            &local->err);
        assert_ok(
            sy_tensor_new(local->hook, &ys, SY_DTYPE_F32, 2, (int64_t[]){rows, 1}, y, &local->err),
            &local->err);
        sy_tensor_unref(RUN(plan, xs, ys));
    }
    assert_ok(sy_tensor_copy_data(w, before, sizeof before, &local->err), &local->err);
    assert_true(before[0] > 1.99f && before[0] < 2.01f);
    assert_true(before[1] > 2.99f && before[1] < 3.01f);
    sy_tensor_unref(w);
    sy_plan_unref(plan);
}

/* Copies and texts */

static void test_copy(void **state)
{
    local_hook *local = *state;
    sy_tensor *bias = FLOATS(1);
    sy_plan *plan = new_plan(local, "biased", biased, NULL, &bias, 1), *copy = NULL;
    build(local, plan, &vector, 1);
    assert_ok(sy_plan_tag(plan, "#p", &local->err), &local->err);
    assert_ok(sy_plan_copy(plan, &copy, &local->err), &local->err);
    const sy_id id = sy_plan_get_id(plan), other = sy_plan_get_id(copy);
    assert_false(sy_id_equal(&id, &other));
    assert_int_equal(sy_plan_get_tag_count(copy), 0);
    sy_scope *s = sy_scope_begin(local->hook);
    sy_fill_(s, bias, 10);
    assert_ok(sy_scope_end(s, &local->err), &local->err);
    EXPECT(RUN(copy, FLOATS(1)), 3);
    EXPECT(RUN(plan, FLOATS(1)), 12);
    sy_plan_unref(plan);
    EXPECT(RUN(copy, FLOATS(2)), 5);
    sy_plan_unref(copy);
    sy_tensor_unref(bias);
}

static void test_texts(void **state)
{
    local_hook *local = *state;
    char *text = NULL;
    const sy_id id = sy_id_from_int(77);
    sy_plan *plan = NULL;
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    options.name = "halves";
    options.forward = halves;
    options.id = &id;
    assert_ok(sy_plan_new(local->hook, &plan, &options, &local->err), &local->err);
    assert_status(sy_plan_get_code(plan, &text, &local->err), SY_EINVAL, &local->err);
    assert_ok(sy_plan_to_text(plan, &text, &local->err), &local->err);
    assert_string_equal(text, "<Plan halves id:77 owner:me>");
    sy_string_free(local->hook, text);
    build(local, plan, &(sy_plan_shape){SY_DTYPE_F32, 2, {-1, 4}}, 1);
    assert_ok(sy_plan_tag(plan, "#a", &local->err), &local->err);
    assert_ok(sy_plan_tag(plan, "#b", &local->err), &local->err);
    assert_ok(sy_plan_to_text(plan, &text, &local->err), &local->err);
    assert_string_equal(text, "<Plan halves id:77 owner:me Tags: #a #b built>");
    sy_string_free(local->hook, text);
    assert_ok(sy_plan_get_code(plan, &text, &local->err), &local->err);
    assert_string_equal(text, "def halves(arg_1):\n"
                              "    var_0 = arg_1.size(0)\n"
                              "    var_1 = arg_1.reshape([var_0, 2, 2])\n"
                              "    var_2 = var_1.reshape([var_0, 4])\n"
                              "    var_3 = var_2.sum([1])\n"
                              "    var_4 = torch.ones([var_0], torch.float32)\n"
                              "    var_5 = var_4.mul(var_0)\n"
                              "    out_1 = var_3.add(var_5)\n"
                              "    return out_1");
    sy_string_free(local->hook, text);
    sy_plan_unref(plan);
}

/* Through bytes: the same plan, without its function. */
static void test_serialized(void **state)
{
    local_hook *local = *state;
    void *bytes = NULL;
    size_t size = 0;
    sy_tensor *bias = FLOATS(1), *object = NULL;
    sy_plan *plan = new_plan(local, "biased", biased, NULL, &bias, 1), *back = NULL;
    build(local, plan, &vector, 1);
    assert_ok(sy_tensor_serialize(syi_plan_get_object(plan), &bytes, &size, &local->err),
              &local->err);
    sy_plan_unref(plan);
    assert_ok(sy_tensor_deserialize(local->hook, &object, bytes, size, &local->err), &local->err);
    assert_ok(syi_plan_from_object(&back, object, &local->err), &local->err);
    assert_true(sy_plan_is_built(back));
    EXPECT(RUN(back, FLOATS(1, 2)), 3, 5);
    sy_plan_unref(back);
    /* Cut anywhere, it is refused and leaves nothing. */
    for (size_t k = 1; k < size; k++) {
        assert_true(sy_tensor_deserialize(local->hook, &object, bytes, k, &local->err) != SY_OK);
    }
    sy_bytes_free(local->hook, bytes, size);
    sy_tensor_unref(bias);
}

static void test_file(void **state)
{
    local_hook *local = *state;
    char path[] = "/tmp/csyft-plan-XXXXXX";
    const int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    sy_tensor *bias = FLOATS(1);
    sy_plan *plan = new_plan(local, "biased", biased, NULL, &bias, 1), *back = NULL;
    build(local, plan, &vector, 1);
    assert_ok(sy_plan_save(plan, path, &local->err), &local->err);
    assert_ok(sy_plan_load(local->hook, &back, path, &local->err), &local->err);
    EXPECT(RUN(back, FLOATS(1, 2)), 3, 5);
    char name[256];
    bool is_tensor = false;
    sy_plan_shape shape;
    assert_true(sy_plan_get_argument(back, 0, name, &is_tensor, &shape));
    assert_string_equal(name, "arg_1");
    assert_true(is_tensor && shape.dtype == SY_DTYPE_F32 && shape.ndim == 1 &&
                shape.shape[0] == -1);
    assert_false(sy_plan_get_argument(back, 1, name, NULL, NULL));
    sy_plan_unref(back);
    unlink(path);
    assert_status(sy_plan_load(local->hook, &back, path, &local->err), SY_ENOTFOUND, &local->err);
    assert_null(back);
    sy_plan_unref(plan);
    sy_tensor_unref(bias);
}

/* State that was sent away comes back in place. */
static void test_get_state(void **state)
{
    local_hook *local = *state;
    sy_worker *bob = NULL;
    sy_tensor *bias = FLOATS(1);
    assert_ok(sy_virtual_worker_new(local->hook, &bob, "bob", &local->err), &local->err);
    sy_plan *plan = new_plan(local, "biased", biased, NULL, &bias, 1);
    build(local, plan, &vector, 1);
    assert_ok(sy_tensor_send_(bias, bob, &local->err), &local->err);
    assert_ok(sy_plan_get_(plan, &local->err), &local->err);
    EXPECT(RUN(plan, FLOATS(1, 2)), 3, 5);
    sy_tensor_unref(bias);
    sy_plan_unref(plan);
}

static void test_result_ids(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = FLOATS(-1), *result = NULL;
    sy_plan *plan = new_plan(local, "plan_abs", absolute, NULL, NULL, 0);
    build(local, plan, &vector, 1);
    const sy_id ids[] = {sy_id_from_int(11), sy_id_from_int(12)};
    const sy_value arg = sy_value_tensor(x);
    sy_plan_run_options o = SY_PLAN_RUN_OPTIONS_INIT;
    o.result_ids = ids;
    o.result_id_count = 2;
    assert_status(sy_plan_run(plan, &arg, 1, &o, &result, 1, NULL, &local->err), SY_ESIGNATURE,
                  &local->err);
    o.result_id_count = 1;
    assert_ok(sy_plan_run(plan, &arg, 1, &o, &result, 1, NULL, &local->err), &local->err);
    const sy_id id = sy_tensor_get_id(result);
    assert_true(sy_id_equal(&id, &ids[0]));
    EXPECT(result, 1);
    sy_tensor_unref(x);
    sy_plan_unref(plan);
}

static void test_bad_options(void **state)
{
    local_hook *local = *state;
    sy_plan *plan = NULL;
    sy_tensor *x = FLOATS(1);
    sy_tensor *const twice[] = {x, x};
    sy_plan_options o = SY_PLAN_OPTIONS_INIT;
    o.name = "";
    assert_status(sy_plan_new(local->hook, &plan, &o, &local->err), SY_EINVAL, &local->err);
    o.name = "p";
    o.state = twice;
    o.state_count = 2;
    assert_status(sy_plan_new(local->hook, &plan, &o, &local->err), SY_EINVAL, &local->err);
    assert_null(plan);
    o.state_count = 0;
    assert_ok(sy_plan_new(local->hook, &plan, &o, &local->err), &local->err);
    assert_status(sy_plan_build_shapes(plan, &vector, 1, &local->err), SY_EINVAL, &local->err);
    sy_plan_unref(plan);
    plan = new_plan(local, "abs", absolute, NULL, NULL, 0);
    const sy_plan_shape below = {SY_DTYPE_F32, 2, {3, -2}};
    assert_status(sy_plan_build_shapes(plan, &below, 1, &local->err), SY_EINVAL, &local->err);
    assert_non_null(strstr(local->err.message, "3x-2"));
    sy_plan_unref(plan);
    sy_tensor_unref(x);
}

/* Every allocation refused in turn: from the hook to the plan that came back from its bytes. */
static sy_status whole_life(sy_hook *hook, sy_tensor *weights, sy_error *err)
{
    static double lr = 0.5;
    const sy_plan_shape shapes[] = {{SY_DTYPE_F32, 2, {-1, 2}}, {SY_DTYPE_F32, 2, {-1, 1}}};
    sy_plan *plan = NULL, *back = NULL;
    sy_tensor *x = NULL, *y = NULL, *object = NULL, *result = NULL;
    void *bytes = NULL;
    size_t size = 0;
    char *text = NULL;
    sy_status status = SY_OK;
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    options.forward = train_step;
    options.user = &lr;
    options.state = &weights;
    options.state_count = 1;
    SY_GOTO(done, sy_plan_new(hook, &plan, &options, err));
    SY_GOTO(done, sy_plan_build_shapes(plan, shapes, 2, err));
    SY_GOTO(done, sy_tensor_new(hook, &x, SY_DTYPE_F32, 2, (int64_t[]){1, 2}, NULL, err));
    SY_GOTO(done, sy_tensor_new(hook, &y, SY_DTYPE_F32, 2, (int64_t[]){1, 1}, NULL, err));
    const sy_value args[] = {sy_value_tensor(x), sy_value_tensor(y)};
    SY_GOTO(done, sy_plan_run(plan, args, 2, NULL, &result, 1, NULL, err));
    sy_tensor_unref(result);
    result = NULL;
    SY_GOTO(done, sy_plan_get_code(plan, &text, err));
    SY_GOTO(done, sy_tensor_serialize(syi_plan_get_object(plan), &bytes, &size, err));
    SY_GOTO(done, sy_tensor_deserialize(hook, &object, bytes, size, err));
    SY_GOTO(done, syi_plan_from_object(&back, object, err));
    object = NULL;
    status = sy_plan_run(back, args, 2, NULL, &result, 1, NULL, err);
done:
    sy_string_free(hook, text);
    if (bytes != NULL) {
        sy_bytes_free(hook, bytes, size);
    }
    sy_tensor_unref(object);
    sy_tensor_unref(result);
    sy_tensor_unref(x);
    sy_tensor_unref(y);
    sy_plan_unref(back);
    sy_plan_unref(plan);
    return status;
}

static sy_status life_step(sy_context *context, void *argument, sy_error *err)
{
    (void)argument;
    sy_hook *hook = NULL;
    sy_tensor *weights = NULL;
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.verbose = false;
    sy_status status = sy_hook_new(context, &hook, &options, err);
    if (status == SY_OK) {
        status = sy_tensor_new(hook, &weights, SY_DTYPE_F32, 2, (int64_t[]){2, 1},
                               (float[]){0.5f, -0.5f}, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_set_requires_grad(weights, true, err);
    }
    if (status == SY_OK) {
        status = whole_life(hook, weights, err);
    }
    sy_tensor_unref(weights);
    sy_hook_free(hook);
    return status;
}

static void test_memory(void **state)
{
    (void)state;
    assert_true(memory_faults_sweep(life_step, NULL) > 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, local_hook_setup, local_hook_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_func2plan),
        TEST(test_first_call_builds),
        TEST(test_worked_example),
        TEST(test_state),
        TEST(test_include_state),
        TEST(test_attributes),
        TEST(test_captured),
        TEST(test_several_results),
        TEST(test_unused_argument),
        TEST(test_eleven_arguments),
        TEST(test_arguments_by_name),
        TEST(test_plain_argument),
        TEST(test_open_batch),
        TEST(test_refused_while_built),
        TEST(test_fixed_sizes_are_checked),
        TEST(test_random),
        TEST(test_nested),
        TEST(test_nested_state),
        TEST(test_training_step),
        TEST(test_copy),
        TEST(test_texts),
        TEST(test_serialized),
        TEST(test_file),
        TEST(test_get_state),
        TEST(test_result_ids),
        TEST(test_bad_options),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
