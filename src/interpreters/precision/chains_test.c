/* chains_test.c - fixed precision in longer chains: gradients and training, pointers, under logging, private. */
#include "support/fixed.h"

#include <csyft/interpreter.h>
#include <csyft/pointer.h>
#include <csyft/worker.h>

static sy_worker *make_bob(local_hook *l)
{
    sy_worker *bob = NULL;
    assert_ok(sy_virtual_worker_new(l->hook, &bob, "bob", &l->err), &l->err);
    return bob;
}

/* Gradients: those of fixed precision are those of floats within the precision. */

static sy_tensor *net(sy_scope *s, sy_tensor *const *in)
{
    sy_tensor *h = sy_relu(s, sy_linear(s, in[0], in[1], in[2]));
    sy_tensor *y = sy_sigmoid(s, sy_matmul(s, h, in[3]));
    y = sy_add(s, sy_mul(s, y, y), sy_sub_scalar(s, sy_tanh(s, y), 0.5));
    y = sy_div(s, y, sy_add_int(s, sy_exp(s, y), 1));
    return sy_sum(s, sy_mean_dim(s, y, 0, false));
}

static void test_gradients(void **state)
{
    local_hook *l = *state;
    sy_scope *s = sy_scope_begin(l->hook);
    const int64_t shapes[4][2] = {{3, 2}, {4, 2}, {4, 0}, {4, 2}};
    const sy_precision_options six = fixed_precision(6);
    sy_tensor *floats[4], *fixed[4];
    for (int k = 0; k < 4; k++) {
        float values[8];
        for (int i = 0; i < 8; i++) {
            values[i] = (float)((i * 37 + k * 53) % 17 - 8) / 10;
        }
        floats[k] = fixed_floats(s, k == 2 ? 1 : 2, shapes[k], values);
        assert_ok(sy_tensor_set_requires_grad(floats[k], true, &l->err), &l->err);
        fixed[k] = fixed_encoded(s, floats[k], &six);
        assert_true(sy_tensor_get_requires_grad(fixed[k]));
    }
    sy_tensor *wanted = net(s, floats), *got = net(s, fixed);
    double expected = 0;
    assert_scope_ok(s);
    assert_ok(sy_tensor_item(wanted, &expected, &l->err), &l->err);
    assert_near(s, sy_float_precision(s, got), 1, &expected, 1e-3);
    assert_ok(sy_tensor_backward(wanted, NULL, &l->err), &l->err);
    assert_ok(sy_tensor_backward(got, NULL, &l->err), &l->err);
    for (int k = 0; k < 4; k++) {
        double slopes[8];
        const syi_array *array = syi_node_array(floats[k]->grad->node);
        for (int64_t i = 0; i < syi_array_numel(array); i++) {
            slopes[i] = syi_array_get_double(array, i);
        }
        assert_true(sy_tensor_is_fixed_precision(fixed[k]->grad));
        assert_near(s, sy_float_precision(s, fixed[k]->grad), (size_t)syi_array_numel(array),
                    slopes, 1e-3);
    }
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

/* Through encoding and decoding, whatever comes between. */
static void test_gradients_pass(void **state)
{
    local_hook *l = *state;
    sy_scope *s = sy_scope_begin(l->hook);
    const sy_precision_options five = fixed_precision(5);
    sy_tensor *leaf = fixed_row(s, 3, FLOATS(1, 2, 4)), *fixed = NULL;
    assert_ok(sy_tensor_set_requires_grad(leaf, true, &l->err), &l->err);
    sy_tensor *x = sy_mul_int(s, leaf, 2);
    assert_ok(sy_tensor_fix_precision(x, &fixed, &five, &l->err), &l->err);
    fixed = sy_scope_adopt(s, fixed);
    sy_tensor *y = sy_float_precision(s, sy_mul(s, fixed, fixed));
    assert_ok(sy_tensor_backward(sy_sum(s, y), NULL, &l->err), &l->err);
    assert_near(s, leaf->grad, 3, DOUBLES(8, 16, 32), 1e-4);
    sy_tensor *z =
        sy_approximate(s, sy_fix_precision(s, sy_mul_int(s, leaf, 1), 5), "log", NULL, 0);
    assert_ok(sy_tensor_backward(sy_sum(s, sy_float_precision(s, z)), NULL, &l->err), &l->err);
    assert_near(s, leaf->grad, 3, DOUBLES(9, 16.5, 32.25), 1e-3);
    sy_tensor *sum = sy_sum(s, sy_index_select(s, fixed, 0, fixed_ints(s, 1, INTS(1))));
    assert_scope_ok(s);
    (void)sum;
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

/* A small linear model: 60 steps find the weights of y = x w. */
static void train(local_hook *l, sy_worker *location)
{
    const int64_t of_x[] = {8, 2}, of_w[] = {2, 1};
    const sy_precision_options options = fixed_precision(4);
    sy_scope *s = sy_scope_begin(l->hook);
    float x[16], y[8];
    for (int k = 0; k < 8; k++) {
        x[2 * k] = (float)(k % 4) - 1.5f;
        x[2 * k + 1] = k < 4 ? 1 : -0.5f;
        y[k] = 2 * x[2 * k] - 3 * x[2 * k + 1];
    }
    const int64_t of_y[] = {8, 1};
    sy_tensor *inputs = fixed_encoded(s, fixed_floats(s, 2, of_x, x), &options);
    sy_tensor *targets = fixed_encoded(s, fixed_floats(s, 2, of_y, y), &options);
    sy_tensor *w = fixed_encoded(s, fixed_floats(s, 2, of_w, FLOATS(0, 0)), &options);
    assert_ok(sy_tensor_set_requires_grad(w, true, &l->err), &l->err);
    if (location != NULL) {
        assert_ok(sy_tensor_send_(inputs, location, &l->err), &l->err);
        assert_ok(sy_tensor_send_(targets, location, &l->err), &l->err);
        assert_ok(sy_tensor_send_(w, location, &l->err), &l->err);
    }
    for (int step = 0; step < 60; step++) {
        sy_scope *inner = sy_scope_begin(l->hook);
        sy_tensor *loss = sy_mse_loss(inner, sy_matmul(inner, inputs, w), targets);
        assert_scope_ok(inner);
        assert_ok(sy_tensor_backward(loss, NULL, &l->err), &l->err);
        sy_tensor *grad = NULL;
        assert_ok(sy_tensor_get_grad(w, &grad, &l->err), &l->err);
        (void)sy_scope_set_grad_enabled(inner, false);
        (void)sy_sgd_(inner, w, sy_scope_adopt(inner, grad), 0.2);
        assert_ok(sy_scope_end(inner, &l->err), &l->err);
        assert_ok(sy_tensor_set_grad(w, NULL, &l->err), &l->err);
    }
    if (location != NULL) {
        assert_ok(sy_tensor_get_(w, &l->err), &l->err);
    }
    assert_ok(sy_tensor_float_precision_(w, &l->err), &l->err);
    assert_near(s, w, 2, DOUBLES(2, -3), 0.01);
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

static void test_training(void **state)
{
    train(*state, NULL);
}

static void test_training_at_bob(void **state)
{
    train(*state, make_bob(*state));
}

/* Pointers */

static void test_send_and_get(void **state)
{
    local_hook *l = *state;
    sy_worker *bob = make_bob(l);
    sy_scope *s = sy_scope_begin(l->hook);
    sy_tensor *fixed = fixed_encoded(s, fixed_row(s, 2, FLOATS(1.5f, -2)), NULL), *there = NULL;
    assert_ok(sy_tensor_send(fixed, &there, bob, &l->err), &l->err);
    sy_tensor *x = sy_scope_adopt(s, there);
    sy_tensor *y = sy_add_scalar(s, sy_mul(s, x, x), 0.25);
    sy_tensor *sum = sy_float_precision(s, sy_sum(s, y));
    sy_tensor *got = NULL;
    assert_scope_ok(s);
    assert_ok(sy_tensor_get(y, &got, &l->err), &l->err);
    assert_decodes(s, sy_scope_adopt(s, got), 2, DOUBLES(2.5, 4.25));
    assert_ok(sy_tensor_get(sum, &got, &l->err), &l->err);
    assert_near(s, sy_scope_adopt(s, got), 1, DOUBLES(6.75), 0);
    /* in place, approximations with a method, and what fails there */
    (void)sy_add_int_(s, x, 1);
    y = sy_approximate(s, x, "sigmoid", "exp", 0);
    assert_scope_ok(s);
    assert_ok(sy_tensor_get(y, &got, &l->err), &l->err);
    assert_near(s, sy_float_precision(s, sy_scope_adopt(s, got)), 2, DOUBLES(0.92414, 0.26894),
                1e-3);
    (void)sy_mul_scalar(s, x, 1e12);
    (void)sy_mul_scalar(s, sy_mul_scalar(s, x, 1e12), 1e12);
    sy_error err = SY_ERROR_INIT;
    assert_status(sy_scope_end(s, &err), SY_ERANGE, &err);
    assert_string_equal(err.worker, "bob");
    assert_non_null(strstr(err.message, "a product of magnitude"));
}

static void test_remote_encoding(void **state)
{
    local_hook *l = *state;
    sy_worker *bob = make_bob(l);
    sy_scope *s = sy_scope_begin(l->hook);
    sy_tensor *x = fixed_row(s, 2, FLOATS(1.5f, -2)), *fixed = NULL, *got = NULL;
    assert_ok(sy_tensor_send_(x, bob, &l->err), &l->err);
    sy_precision_options options = SY_PRECISION_OPTIONS_INIT;
    options.dtype = SY_PRECISION_CUSTOM;
    options.field = UINT64_C(1) << 62;
    options.precision_fractional = 4;
    assert_ok(sy_tensor_fix_precision(x, &fixed, &options, &l->err), &l->err);
    assert_true(sy_tensor_is_pointer(fixed));
    assert_ok(sy_tensor_get_(fixed, &l->err), &l->err);
    assert_holds(s, fixed, 2, INTS(15000, -20000));
    sy_tensor_unref(fixed);
    assert_ok(sy_tensor_fix_precision_(x, NULL, &l->err), &l->err);
    assert_true(sy_tensor_is_pointer(x));
    assert_ok(sy_tensor_float_precision_(x, &l->err), &l->err);
    assert_ok(sy_tensor_get(x, &got, &l->err), &l->err);
    assert_near(s, sy_scope_adopt(s, got), 2, DOUBLES(1.5, -2), 0);
    sy_tensor *huge = fixed_row(s, 1, FLOATS(1e20f));
    assert_ok(sy_tensor_send_(huge, bob, &l->err), &l->err);
    assert_status(sy_tensor_fix_precision(huge, &fixed, NULL, &l->err), SY_ERANGE, &l->err);
    assert_string_equal(l->err.worker, "bob");
    assert_non_null(strstr(l->err.message, "element [0] is 1e+20"));
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

/* The node here, the integers there. */
static void test_over_a_pointer(void **state)
{
    local_hook *l = *state;
    sy_worker *bob = make_bob(l);
    sy_scope *s = sy_scope_begin(l->hook);
    sy_tensor *ints = fixed_ints(s, 2, INTS(1500, -2000)), *fixed = NULL, *got = NULL;
    assert_ok(sy_tensor_send_(ints, bob, &l->err), &l->err);
    assert_ok(sy_tensor_on_fixed_precision(ints, &fixed, NULL, &l->err), &l->err);
    sy_tensor *x = sy_scope_adopt(s, fixed);
    sy_tensor *y = sy_add_int(s, sy_mul(s, x, x), 1);
    assert_scope_ok(s);
    char *text = NULL;
    assert_ok(sy_tensor_to_text(y, &text, &l->err), &l->err);
    assert_memory_equal(text, "(Wrapper)>FixedPrecisionTensor>[PointerTensor | me:", 51);
    sy_string_free(l->hook, text);
    assert_ok(sy_tensor_get(y, &got, &l->err), &l->err);
    assert_decodes(s, sy_scope_adopt(s, got), 2, DOUBLES(3.25, 5));
    y = sy_tanh(s, x); /* also what is approximated runs there, operation by operation */
    assert_scope_ok(s);
    assert_ok(sy_tensor_get(y, &got, &l->err), &l->err);
    assert_near(s, sy_float_precision(s, sy_scope_adopt(s, got)), 2, DOUBLES(0.90515, -0.96403),
                2e-3);
    (void)sy_add(s, x, fixed_row(s, 2, FLOATS(1, 2)));
    s = assert_scope_fails(s, SY_ECOLLOCATION,
                           "add: one tensor is at worker bob, the other is local");
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

/* The tape above both: what a gradient makes is made under the node, there. */
static void test_gradients_over_a_pointer(void **state)
{
    local_hook *l = *state;
    sy_worker *bob = make_bob(l);
    sy_scope *s = sy_scope_begin(l->hook);
    sy_tensor *ints = fixed_ints(s, 3, INTS(1500, -2000, 500)), *fixed = NULL, *x = NULL;
    sy_tensor *at = fixed_ints(s, 2, INTS(2, 0)), *got = NULL, *below = NULL;
    assert_ok(sy_tensor_send_(ints, bob, &l->err), &l->err);
    assert_ok(sy_tensor_send_(at, bob, &l->err), &l->err);
    assert_ok(sy_tensor_on_fixed_precision(ints, &fixed, NULL, &l->err), &l->err);
    (void)sy_scope_adopt(s, fixed);
    assert_ok(sy_tensor_autograd(fixed, &x, &l->err), &l->err);
    (void)sy_scope_adopt(s, x);
    assert_ok(sy_tensor_set_requires_grad(x, true, &l->err), &l->err);
    sy_tensor *picked = sy_index_select(s, sy_mul(s, x, x), 0, at);
    sy_tensor *loss = sy_sum(s, picked);
    assert_scope_ok(s);
    assert_ok(sy_tensor_backward(loss, NULL, &l->err), &l->err);
    assert_ok(sy_tensor_get_child(x->grad, &below, &l->err), &l->err);
    (void)sy_scope_adopt(s, below);
    assert_ok(sy_tensor_get(below, &got, &l->err), &l->err);
    assert_decodes(s, sy_scope_adopt(s, got), 3, DOUBLES(3, 0, 1));
    const sy_value one = sy_value_int(2);
    const sy_value args[] = {sy_value_tensor(fixed), sy_value_list(&one, 1),
                             sy_value_dtype(SY_DTYPE_I64)};
    assert_ok(sy_tensor_get(sy_scope_call(s, "new_ones", args, 2), &got, &l->err), &l->err);
    assert_decodes(s, sy_scope_adopt(s, got), 2, DOUBLES(1, 1));
    (void)sy_scope_call(s, "new_zeros", args, 3);
    s = assert_scope_fails(s, SY_ENOTSUP, "new_zeros: a FixedPrecisionTensor makes no int64");
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

/* Under another interpreter */
static void test_logging(void **state)
{
    local_hook *l = *state;
    sy_scope *s = sy_scope_begin(l->hook);
    sy_tensor *logging = NULL, *got = NULL;
    sy_tensor *plain = fixed_row(s, 2, FLOATS(1.5f, -2));
    assert_ok(sy_tensor_log(plain, &logging, &l->err), &l->err);
    logging = sy_scope_adopt(s, logging);
    sy_tensor *fixed = sy_fix_precision(s, logging, 3);
    sy_tensor *y = sy_mul(s, fixed_encoded(s, plain, NULL), fixed); /* the log stays outermost */
    y = sy_linear(s, y, fixed, NULL);
    assert_scope_ok(s);
    char *text = NULL;
    assert_ok(sy_tensor_to_text(y, &text, &l->err), &l->err);
    assert_string_equal(text, "(Wrapper)>LoggingTensor>FixedPrecisionTensor>tensor(-4625)");
    sy_string_free(l->hook, text);
    y = sy_float_precision(s, y);
    assert_scope_ok(s);
    assert_ok(sy_tensor_get(y, &got, &l->err), &l->err);
    assert_near(s, sy_scope_adopt(s, got), 1, DOUBLES(-4.625), 0);
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

/* Private contents stay private, and out of sentences. */
static void test_private(void **state)
{
    local_hook *l = *state;
    sy_scope *s = sy_scope_begin(l->hook);
    sy_tensor *x = fixed_row(s, 2, FLOATS(1.5f, 1234567)), *fixed = NULL;
    syi_policy policy;
    syi_policy_set_private(&policy, "#rows", 2);
    syi_tensor_set_policy(x, &policy);
    assert_ok(sy_tensor_fix_precision(x, &fixed, NULL, &l->err), &l->err);
    fixed = sy_scope_adopt(s, fixed);
    assert_true(syi_tensor_is_private(fixed));
    assert_int_equal(fixed->policy.rows, 2);
    assert_true(syi_tensor_is_private(sy_add_int(s, fixed, 1)));
    assert_true(syi_tensor_is_private(sy_float_precision(s, fixed)));
    assert_true(syi_tensor_is_private(sy_approximate(s, sy_relu(s, fixed), "tanh", NULL, 0)));
    sy_tensor *square = sy_mul(s, fixed, fixed);
    (void)sy_mul(s, square, square);
    s = assert_scope_fails(s, SY_ERANGE, "mul: a value of private data is out of range");
    sy_precision_options small = SY_PRECISION_OPTIONS_INIT;
    small.dtype = SY_PRECISION_INT;
    small.precision_fractional = 4;
    x = fixed_row(s, 2, FLOATS(1.5f, 1234567));
    syi_tensor_set_policy(x, &policy);
    assert_status(sy_tensor_fix_precision(x, &fixed, &small, &l->err), SY_ERANGE, &l->err);
    assert_string_equal(l->err.message, "fix_precision: a value of private data does not fit");
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

#define fixed_test(test) \
    cmocka_unit_test_setup_teardown(test, local_hook_setup, local_hook_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixed_test(test_gradients),      fixed_test(test_gradients_pass),
        fixed_test(test_training),       fixed_test(test_training_at_bob),
        fixed_test(test_send_and_get),   fixed_test(test_remote_encoding),
        fixed_test(test_over_a_pointer), fixed_test(test_gradients_over_a_pointer),
        fixed_test(test_logging),        fixed_test(test_private),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
