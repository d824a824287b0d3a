/* plan_run_test.c - plans are run here: arguments and results, by place and by name, nested, drawing anew, training. */
#include <math.h>
#include <string.h>

#include <csyft/operations.h>

#include "execution/plan.h"
#include "support/local_plans.h"

static void test_several_results(void **state)
{
    local_hook *local = *state;
    sy_plan *plan = new_plan(local, "several", plan_several, NULL, NULL, 0);
    build_plan(local, plan, &plan_vector, 1);
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
static sy_status unused(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    return sy_plan_frame_return(
        f, sy_sub(s, sy_plan_frame_argument(f, 0), sy_plan_frame_argument(f, 2)), err);
}

static void test_unused_argument(void **state)
{
    local_hook *local = *state;
    const sy_plan_shape shapes[] = {plan_vector, plan_vector, plan_vector};
    sy_plan *plan = new_plan(local, "unused", unused, NULL, NULL, 0);
    build_plan(local, plan, shapes, 3);
    EXPECT(RUN(plan, FLOATS(5), FLOATS(100), FLOATS(2)), 3);
    sy_plan_unref(plan);
}

/* Eleven arguments: the tenth does not come before the second. */
static sy_status eleven(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
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
        shapes[k] = plan_vector;
        values[k] = sy_value_tensor(FLOATS((float)k));
        expected = 2 * expected + (float)k;
    }
    sy_plan *plan = new_plan(local, "eleven", eleven, NULL, NULL, 0);
    build_plan(local, plan, shapes, 11);
    sy_tensor *result = NULL;
    assert_ok(sy_plan_run(plan, values, 11, NULL, &result, 1, NULL, &local->err), &local->err);
    EXPECT(result, expected);
    for (int k = 0; k < 11; k++) {
        sy_tensor_unref(values[k].as.tensor);
    }
    sy_plan_unref(plan);
}

static sy_status named(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    return sy_plan_frame_return(
        f, sy_sub(s, sy_plan_frame_argument(f, 0), sy_plan_frame_argument(f, 1)), err);
}

static void test_arguments_by_name(void **state)
{
    local_hook *local = *state;
    const sy_plan_shape shapes[] = {plan_vector, plan_vector};
    sy_plan *plan = NULL;
    sy_tensor *a = FLOATS(5), *b = FLOATS(3), *result = NULL;
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    options.forward = named;
    options.argument_names = (const char *const[]){"left", "right"};
    options.argument_count = 2;
    assert_ok(sy_plan_new(local->hook, &plan, &options, &local->err), &local->err);
    build_plan(local, plan, shapes, 2);
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

static sy_status powers(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
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

static void test_result_ids(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = FLOATS(-1), *result = NULL;
    sy_plan *plan = new_plan(local, "plan_abs", plan_absolute, NULL, NULL, 0);
    build_plan(local, plan, &plan_vector, 1);
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

/* Random numbers are drawn by each run. */
static sy_status noisy(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
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
    build_plan(local, plan, &plan_vector, 1);
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
static sy_status plan_3(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    return sy_plan_frame_return(
        f, sy_add_scalar(s, sy_add_scalar(s, sy_plan_frame_argument(f, 0), 3), 42), err);
}

static sy_status plan_2_1(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    sy_tensor *x = sy_plan_frame_argument(f, 0);
    sy_tensor *y = sy_plan_call(s, user, &x, 1);
    return sy_plan_frame_return(f, sy_add_scalar(s, sy_mul_scalar(s, y, -2), 2), err);
}

static sy_status plan_2_2(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
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
            build_plan(local, inner, &plan_vector, 1);
            build_plan(local, middle, &plan_vector, 1);
        }
        build_plan(local, outer, &plan_vector, 1);
        assert_int_equal(sy_plan_get_operation_count(outer), 5);
        sy_plan_unref(inner);
        sy_plan_unref(middle);
        EXPECT(RUN(outer, FLOATS(100)), -2 * 145 + 2 + 1331);
        sy_plan_unref(outer);
    }
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
    sy_plan *plan = new_plan(local, "step", plan_train_step, &lr, &w, 1);
    const sy_plan_shape shapes[] = {{SY_DTYPE_F32, 2, {-1, 2}}, {SY_DTYPE_F32, 2, {-1, 1}}};
    build_plan(local, plan, shapes, 2);
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

/* Lists and NaN are constants as others: given again, or left out. */
static sy_status reshaped(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    const sy_value shape = sy_plan_frame_value(f, 1);
    const sy_value args[] = {sy_value_tensor(sy_plan_frame_argument(f, 0)), shape};
    return sy_plan_frame_return(f, sy_scope_call(s, "reshape", args, 2), err);
}

static void test_constants(void **state)
{
    local_hook *local = *state;
    const sy_value sizes[] = {sy_value_int(2), sy_value_int(-1)};
    const sy_value others[] = {sy_value_int(2), sy_value_int(2)};
    sy_tensor *x = FLOATS(1, 2, 3, 4), *result = NULL;
    sy_value args[] = {sy_value_tensor(x), sy_value_list(sizes, 2), sy_value_float((double)NAN)};
    sy_plan *plan = new_plan(local, "reshaped", reshaped, NULL, NULL, 0);
    assert_ok(sy_plan_build(plan, args, 3, &local->err), &local->err);
    for (size_t count = 1; count <= 3; count++) {
        assert_ok(sy_plan_run(plan, args, count, NULL, &result, 1, NULL, &local->err), &local->err);
        EXPECT(result, 1, 2, 3, 4);
    }
    args[1] = sy_value_list(others, 2);
    assert_status(sy_plan_run(plan, args, 2, NULL, &result, 1, NULL, &local->err), SY_ESIGNATURE,
                  &local->err);
    args[1] = sy_value_list(sizes, 1);
    assert_status(sy_plan_run(plan, args, 2, NULL, &result, 1, NULL, &local->err), SY_ESIGNATURE,
                  &local->err);
    sy_plan_unref(plan);
    /* A tensor that is NULL is refused, built or not. */
    plan = new_plan(local, "abs", plan_absolute, NULL, NULL, 0);
    args[0] = sy_value_tensor(NULL);
    for (int built = 0; built < 2; built++) {
        assert_true(sy_plan_run(plan, args, 1, NULL, &result, 1, NULL, &local->err) != SY_OK);
        assert_non_null(strstr(local->err.message, "argument 1"));
        if (!built) {
            assert_status(sy_plan_build(plan, NULL, 1, &local->err), SY_EINVAL, &local->err);
            assert_status(sy_plan_build_shapes(plan, NULL, 1, &local->err), SY_EINVAL, &local->err);
            build_plan(local, plan, &plan_vector, 1);
        }
    }
    sy_tensor_unref(x);
    sy_plan_unref(plan);
}

/* Results take the place of what nothing reads any more, and of nothing else: views, later readers, other shapes. */
static sy_status in_places(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *x = sy_plan_frame_argument(f, 0); /* 3x3 */
    sy_tensor *a = sy_add_scalar(s, x, 1), *turned = sy_t(s, a);
    sy_tensor *b = sy_mul_scalar(s, a, 2); /* `turned` still looks at a */
    sy_tensor *c = sy_add(s, turned, b);
    sy_tensor *d = sy_mul(s, c, c); /* twice the same */
    sy_tensor *kept = sy_add_scalar(s, d, 1), *e = sy_neg(s, kept);
    sy_tensor *row = sy_sum_dim(s, e, 0, true), *wide = sy_add(s, row, kept); /* grows */
    sy_tensor *whole = sy_to(s, wide, SY_DTYPE_I64), *real = sy_div_scalar(s, whole, 4);
    sy_tensor *other = sy_exp(s, sy_mul_scalar(s, sy_t(s, sy_sub(s, x, x)), 3)); /* askew */
    sy_tensor *yes = sy_gt_scalar(s, sy_sub(s, real, other), 0);
    const sy_value results[] = {sy_value_tensor(real), sy_value_tensor(other),
                                sy_value_tensor(sy_view(s, sy_relu(s, e), 1, (int64_t[]){9})),
                                sy_value_tensor(sy_to(s, yes, SY_DTYPE_F32)), sy_value_tensor(d)};
    return sy_plan_frame_return_values(f, results, 5, err);
}

static void test_places(void **state)
{
    local_hook *local = *state;
    sy_plan *plan = new_plan(local, "places", in_places, NULL, NULL, 0);
    build_plan(local, plan, &(sy_plan_shape){SY_DTYPE_F32, 2, {3, 3}}, 1);
    sy_tensor *x = counting_matrix(local, 3, 3), *results[5];
    const sy_value arg = sy_value_tensor(x);
    size_t count = 0;
    assert_ok(sy_plan_run(plan, &arg, 1, NULL, results, 5, &count, &local->err), &local->err);
    float c[9], sums[3] = {0};
    for (int i = 0; i < 9; i++) { /* by hand */
        const float a = (float)i + 1, turned = (float)(i % 3 * 3 + i / 3) + 1;
        c[i] = (turned + 2 * a) * (turned + 2 * a);
        sums[i % 3] -= c[i] + 1;
    }
    float real[9], other[9], none[9], yes[9];
    for (int i = 0; i < 9; i++) {
        real[i] = (sums[i % 3] + c[i] + 1) / 4;
        other[i] = 1;
        none[i] = 0;
        yes[i] = real[i] - 1 > 0 ? 1 : 0;
    }
    const float *const expected[] = {real, other, none, yes, c};
    for (size_t k = 0; k < count; k++) {
        assert_floats(results[k], expected[k], 9);
        sy_tensor_unref(results[k]);
    }
    EXPECT(x, 0, 1, 2, 3, 4, 5, 6, 7, 8); /* the argument is the caller's */
    sy_plan_unref(plan);
}

/* A budget: kept by estimates before steps; what is over it has changed nothing. */
static sy_status adds(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    sy_tensor *x = sy_plan_frame_argument(f, 0), *y = x;
    for (int k = 0; k < *(const int *)user; k++) {
        y = sy_add(s, y, x);
    }
    return sy_plan_frame_return(f, y, err);
}

static void test_budget(void **state)
{
    local_hook *local = *state;
    static const struct {
        int steps;
        int64_t length;
        uint64_t budget; /* the clock counts, too: what has to suffice is ample */
        bool over;
    } cases[] = {{20, 4, 1000000000, false}, {20, 10000, 1000000000, false},
                 {20, 10000, 50000, true},   {1, 100000, 50000, true},
                 {1000, 1, 50000, true},     {1, 1, 50, true}};
    const syi_mode mode = SYI_MODE_DEFAULT;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        int steps = cases[k].steps;
        bool over = false;
        sy_tensor *x = NULL;
        sy_plan *plan = new_plan(local, "adds", adds, &steps, NULL, 0);
        assert_ok(
            sy_tensor_new(local->hook, &x, SY_DTYPE_F32, 1, &cases[k].length, NULL, &local->err),
            &local->err);
        build_plan(local, plan, &plan_vector, 1);
        const sy_value arg = sy_value_tensor(x);
        sy_value result = sy_value_none();
        const sy_status status = syi_plan_execute(syi_plan_get_body(plan), &arg, &mode,
                                                  cases[k].budget, &over, &result, &local->err);
        assert_int_equal(status, cases[k].over ? SY_EBUSY : SY_OK);
        assert_int_equal(over, cases[k].over);
        sy_tensor_unref(result.as.tensor);
        sy_tensor_unref(x);
        sy_plan_unref(plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL_HOOK_TEST(test_several_results),  LOCAL_HOOK_TEST(test_unused_argument),
        LOCAL_HOOK_TEST(test_eleven_arguments), LOCAL_HOOK_TEST(test_arguments_by_name),
        LOCAL_HOOK_TEST(test_plain_argument),   LOCAL_HOOK_TEST(test_result_ids),
        LOCAL_HOOK_TEST(test_random),           LOCAL_HOOK_TEST(test_constants),
        LOCAL_HOOK_TEST(test_places),           LOCAL_HOOK_TEST(test_budget),
        LOCAL_HOOK_TEST(test_nested),           LOCAL_HOOK_TEST(test_training_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
