/* plan_state_test.c - the state of a plan: declared, named, passed on to the function and to outer plans, brought back. */
#include <string.h>

#include <csyft/operations.h>

#include "support/local_plans.h"

static void test_state(void **state)
{
    local_hook *local = *state;
    sy_tensor *bias = FLOATS(1);
    sy_plan *plan = new_plan(local, "biased", plan_biased, NULL, &bias, 1);
    build_plan(local, plan, &plan_vector, 1);
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

static sy_status include_state(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
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
    build_plan(local, plan, &plan_vector, 1);
    assert_string_equal(sy_plan_get_name(plan), "Plan");
    assert_true(sy_plan_get_include_state(plan));
    EXPECT(RUN(plan, FLOATS(1, 2)), 2, 3);
    sy_tensor_unref(bias);
    sy_plan_unref(plan);
}

static sy_status by_attribute(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
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
    build_plan(local, plan, &plan_vector, 1);
    EXPECT(RUN(plan, FLOATS(1, 2)), 2, 4);
    assert_status(sy_plan_set_attribute(plan, "bias", one, &local->err), SY_EINVAL, &local->err);
    sy_tensor_unref(one);
    sy_tensor_unref(two);
    sy_plan_unref(plan);
}

/* Inner state becomes state of the outer plan. */
static sy_status outer_of_biased(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    sy_tensor *x = sy_plan_frame_argument(f, 0);
    return sy_plan_frame_return(f, sy_neg(s, sy_plan_call(s, user, &x, 1)), err);
}

static void test_nested_state(void **state)
{
    local_hook *local = *state;
    sy_tensor *bias = FLOATS(1);
    sy_plan *inner = new_plan(local, "biased", plan_biased, NULL, &bias, 1);
    sy_plan *outer = new_plan(local, "outer", outer_of_biased, inner, NULL, 0);
    build_plan(local, inner, &plan_vector, 1);
    build_plan(local, outer, &plan_vector, 1);
    assert_int_equal(sy_plan_get_state_count(outer), 1);
    assert_ptr_equal(sy_plan_get_state(outer, 0), bias);
    EXPECT(RUN(outer, FLOATS(1, 2)), -3, -5);
    sy_tensor_unref(bias);
    sy_plan_unref(inner);
    sy_plan_unref(outer);
}

/* State that was sent away comes back in place. */
static void test_get_state(void **state)
{
    local_hook *local = *state;
    sy_worker *bob = NULL;
    sy_tensor *bias = FLOATS(1);
    assert_ok(sy_virtual_worker_new(local->hook, &bob, "bob", &local->err), &local->err);
    sy_plan *plan = new_plan(local, "biased", plan_biased, NULL, &bias, 1);
    build_plan(local, plan, &plan_vector, 1);
    assert_ok(sy_tensor_send_(bias, bob, &local->err), &local->err);
    assert_ok(sy_plan_get_(plan, &local->err), &local->err);
    EXPECT(RUN(plan, FLOATS(1, 2)), 3, 5);
    sy_tensor_unref(bias);
    sy_plan_unref(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL_HOOK_TEST(test_state),      LOCAL_HOOK_TEST(test_include_state),
        LOCAL_HOOK_TEST(test_attributes), LOCAL_HOOK_TEST(test_nested_state),
        LOCAL_HOOK_TEST(test_get_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
