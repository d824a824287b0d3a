/* plan_test.c - plans here, as objects: made of a function, copied, in texts, bytes and files; and without memory. */
#include "execution/plan.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <csyft/operations.h>

#include "core/error.h"
#include "support/local_plans.h"

static void test_func2plan(void **state)
{
    local_hook *local = *state;
    sy_plan *plan = new_plan(local, "plan_abs", plan_absolute, NULL, NULL, 0);
    assert_false(sy_plan_is_built(plan));
    build_plan(local, plan, &(sy_plan_shape){SY_DTYPE_F32, 1, {1}}, 1);
    assert_int_equal(sy_plan_get_operation_count(plan), 1);
    EXPECT(RUN(plan, FLOATS(-1, 7, 3)), 1, 7, 3); /* no size was read: others do, too */
    EXPECT(RUN(plan, FLOATS(-2)), 2);
    assert_status(sy_plan_build_shapes(plan, &plan_vector, 1, &local->err), SY_EINVAL, &local->err);
    sy_plan_unref(plan);
}

/* x2 = 2x; y = (x2 - 2) * 10; x2 + y (plan.md). */
static sy_status worked(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
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
    build_plan(local, plan, &plan_vector, 1);
    EXPECT(RUN(plan, FLOATS(-1, 2, 3)), -42, 24, 46);
    EXPECT(RUN(plan, FLOATS(1)), 2);
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
    assert_status(sy_plan_build_shapes(plan, &plan_vector, 1, &local->err), SY_EINVAL, &local->err);
    sy_plan_unref(plan);
    plan = new_plan(local, "abs", plan_absolute, NULL, NULL, 0);
    const sy_plan_shape below = {SY_DTYPE_F32, 2, {3, -2}};
    assert_status(sy_plan_build_shapes(plan, &below, 1, &local->err), SY_EINVAL, &local->err);
    assert_non_null(strstr(local->err.message, "3x-2"));
    sy_plan_unref(plan);
    sy_tensor_unref(x);
}

/* Copies and texts */

static void test_copy(void **state)
{
    local_hook *local = *state;
    sy_tensor *bias = FLOATS(1);
    sy_plan *plan = new_plan(local, "biased", plan_biased, NULL, &bias, 1), *copy = NULL;
    build_plan(local, plan, &plan_vector, 1);
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
    options.forward = plan_row_sums;
    options.id = &id;
    assert_ok(sy_plan_new(local->hook, &plan, &options, &local->err), &local->err);
    assert_status(sy_plan_get_code(plan, &text, &local->err), SY_EINVAL, &local->err);
    assert_ok(sy_plan_to_text(plan, &text, &local->err), &local->err);
    assert_string_equal(text, "<Plan halves id:77 owner:me>");
    sy_string_free(local->hook, text);
    build_plan(local, plan, &(sy_plan_shape){SY_DTYPE_F32, 2, {-1, 4}}, 1);
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
    sy_plan *plan = new_plan(local, "biased", plan_biased, NULL, &bias, 1), *back = NULL;
    build_plan(local, plan, &plan_vector, 1);
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

/* Captured plans of PySyft 0.2.9 take 3062 bytes for 2x + 1, 3620 for x * bias and 8819 for two layers. */
static sy_status double_and_one(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    return sy_plan_frame_return(f, sy_add_int(s, sy_mul_int(s, sy_plan_frame_argument(f, 0), 2), 1),
                                err);
}

static sy_status two_layers(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *x = sy_relu(s, sy_linear(s, sy_plan_frame_argument(f, 0), sy_plan_frame_state(f, 0),
                                        sy_plan_frame_state(f, 1)));
    return sy_plan_frame_return(
        f, sy_linear(s, x, sy_plan_frame_state(f, 2), sy_plan_frame_state(f, 3)), err);
}

static size_t size_of(local_hook *local, sy_plan *plan, const sy_plan_shape *shape)
{
    void *bytes = NULL;
    size_t size = 0;
    build_plan(local, plan, shape, 1);
    assert_ok(sy_tensor_serialize(syi_plan_get_object(plan), &bytes, &size, &local->err),
              &local->err);
    sy_bytes_free(local->hook, bytes, size);
    sy_plan_unref(plan);
    return size;
}

static void test_size(void **state)
{
    local_hook *local = *state;
    static const int64_t shapes[4][2] = {{3, 2}, {3, 0}, {1, 3}, {1, 0}};
    sy_tensor *parameters[4];
    const sy_plan_shape vector = {SY_DTYPE_F32, 1, {3}}, pairs = {SY_DTYPE_F32, 2, {-1, 2}};
    for (int k = 0; k < 4; k++) {
        assert_ok(sy_tensor_new(local->hook, &parameters[k], SY_DTYPE_F32, k % 2 == 0 ? 2 : 1,
                                shapes[k], NULL, &local->err),
                  &local->err);
    }
    sy_plan *plan = new_plan(local, "myplan", double_and_one, NULL, NULL, 0);
    assert_in_range(size_of(local, plan, &vector), 50, 100);
    plan = new_plan(local, "net", two_layers, NULL, parameters, 4);
    assert_in_range(size_of(local, plan, &pairs), 200, 400);
    for (int k = 0; k < 4; k++) {
        sy_tensor_unref(parameters[k]);
    }
}

static void test_file(void **state)
{
    local_hook *local = *state;
    char path[] = "/tmp/csyft-plan-XXXXXX";
    const int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    sy_tensor *bias = FLOATS(1);
    sy_plan *plan = new_plan(local, "biased", plan_biased, NULL, &bias, 1), *back = NULL;
    build_plan(local, plan, &plan_vector, 1);
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
    options.forward = plan_train_step;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL_HOOK_TEST(test_func2plan),   LOCAL_HOOK_TEST(test_worked_example),
        LOCAL_HOOK_TEST(test_bad_options), LOCAL_HOOK_TEST(test_copy),
        LOCAL_HOOK_TEST(test_texts),       LOCAL_HOOK_TEST(test_serialized),
        LOCAL_HOOK_TEST(test_file),        LOCAL_HOOK_TEST(test_size),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
