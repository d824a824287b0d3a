/* plan_build_test.c - plans are built: open sizes, what is captured, what is refused. */
#include <string.h>

#include <csyft/operations.h>
#include <csyft/trace.h>

#include "support/local_plans.h"

/* An unbuilt plan is built by its first call. */
static void test_first_call_builds(void **state)
{
    local_hook *local = *state;
    sy_plan *plan = new_plan(local, "plan_abs", plan_absolute, NULL, NULL, 0);
    EXPECT(RUN(plan, FLOATS(-1, 7, 3)), 1, 7, 3);
    assert_true(sy_plan_is_built(plan));
    EXPECT(RUN(plan, FLOATS(-4)), 4);
    sy_plan_unref(plan);
}

/* What the function uses beside its arguments, and what it makes of constants. */
static sy_status with_constant(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
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
    build_plan(local, plan, &(sy_plan_shape){SY_DTYPE_F32, 1, {2}}, 1);
    sy_tensor_unref(outside);
    assert_int_equal(sy_plan_get_state_count(plan), 2);
    EXPECT(RUN(plan, FLOATS(1, 2)), 22, 44);
    sy_plan_unref(plan);
}

/* Open sizes */

static void test_open_batch(void **state)
{
    local_hook *local = *state;
    sy_plan *plan = new_plan(local, "halves", plan_row_sums, NULL, NULL, 0);
    build_plan(local, plan, &(sy_plan_shape){SY_DTYPE_F32, 2, {-1, 4}}, 1);
    EXPECT(RUN(plan, counting_matrix(local, 1, 4)), 7);
    EXPECT(RUN(plan, counting_matrix(local, 3, 4)), 9, 25, 41);
    EXPECT(RUN(plan, counting_matrix(local, 8, 4)), 14, 30, 46, 62, 78, 94, 110, 126);
    /* The fixed dim was not read: another one fails in its step, by name. */
    sy_tensor *wide = counting_matrix(local, 2, 6), *result = NULL;
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

static sy_status misused(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
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
        const sy_status status = sy_plan_build_shapes(plan, &plan_vector, 1, &local->err);
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
static sy_status mean_by_hand(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL_HOOK_TEST(test_first_call_builds),
        LOCAL_HOOK_TEST(test_captured),
        LOCAL_HOOK_TEST(test_open_batch),
        LOCAL_HOOK_TEST(test_refused_while_built),
        LOCAL_HOOK_TEST(test_fixed_sizes_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
