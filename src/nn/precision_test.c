/* precision_test.c - modules in fixed precision: forward, gradients, training, copies, at a worker, failures. */
#include <csyft/nn.h>

#include "support/fixed.h"

static sy_module *make_net(local_hook *l)
{
    sy_module *layers[3] = {NULL}, *net = NULL;
    sy_hook_manual_seed(l->hook, 7);
    assert_ok(sy_module_new_linear(l->hook, &layers[0], 3, 8, true, &l->err), &l->err);
    assert_ok(sy_module_new_relu(l->hook, &layers[1], &l->err), &l->err);
    assert_ok(sy_module_new_linear(l->hook, &layers[2], 8, 1, true, &l->err), &l->err);
    assert_ok(sy_module_new_sequential(l->hook, &net, layers, 3, &l->err), &l->err);
    for (int k = 0; k < 3; k++) {
        sy_module_unref(layers[k]);
    }
    return net;
}

static sy_tensor *inputs(sy_scope *s)
{
    const int64_t shape[] = {4, 3};
    return fixed_floats(s, 2, shape, FLOATS(1, 2, -1, 0.5f, -2, 3, 0, 1, 0, -1, -1, 2));
}

static void values_of(local_hook *l, sy_tensor *tensor, double *values)
{
    float floats[4];
    assert_ok(sy_tensor_copy_data(tensor, floats, sizeof floats, &l->err), &l->err);
    for (int k = 0; k < 4; k++) {
        values[k] = (double)floats[k];
    }
}

static void test_forward_and_back(void **state)
{
    local_hook *l = *state;
    sy_scope *s = sy_scope_begin(l->hook);
    sy_module *net = make_net(l), *copy = NULL;
    const sy_precision_options options = fixed_precision(5);
    double expected[4];
    values_of(l, sy_module_forward(s, net, inputs(s)), expected);
    assert_ok(sy_module_fix_precision_(net, &options, &l->err), &l->err);
    size_t count = 0;
    sy_tensor *const *parameters = sy_module_get_parameters(net, &count);
    for (size_t k = 0; k < count; k++) {
        assert_true(sy_tensor_is_fixed_precision(parameters[k]));
        assert_true(sy_tensor_get_requires_grad(parameters[k]));
    }
    sy_tensor *y = sy_module_forward(s, net, fixed_encoded(s, inputs(s), &options));
    assert_near(s, sy_float_precision(s, y), 4, expected, 1e-3);
    y = sy_module_forward(s, net, inputs(s)); /* floats are encoded on the way */
    assert_near(s, sy_float_precision(s, y), 4, expected, 1e-3);
    assert_ok(sy_module_copy(net, &copy, &l->err), &l->err);
    y = sy_module_forward(s, copy, inputs(s));
    assert_near(s, sy_float_precision(s, y), 4, expected, 1e-3);
    sy_module_unref(copy);
    assert_ok(sy_module_float_precision_(net, &l->err), &l->err);
    assert_false(sy_tensor_is_wrapper(parameters[0]));
    assert_near(s, sy_module_forward(s, net, inputs(s)), 4, expected, 1e-3);
    sy_module_unref(net);
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

/* The loss falls as it does in floats; here, and at bob. */
static void train(local_hook *l, sy_worker *bob)
{
    sy_module *nets[2] = {make_net(l), make_net(l)};
    const sy_precision_options options = fixed_precision(5);
    const int64_t of_y[] = {4, 1};
    double losses[2] = {0, 0};
    assert_ok(sy_module_fix_precision_(nets[1], &options, &l->err), &l->err);
    for (int which = 0; which < 2; which++) {
        sy_scope *s = sy_scope_begin(l->hook);
        sy_tensor *x = inputs(s), *y = fixed_floats(s, 2, of_y, FLOATS(1, -1, 0.5f, 0));
        if (which == 1) {
            x = fixed_encoded(s, x, &options);
            y = fixed_encoded(s, y, &options);
        }
        if (bob != NULL) {
            assert_ok(sy_module_send_(nets[which], bob, &l->err), &l->err);
            assert_ok(sy_tensor_send_(x, bob, &l->err), &l->err);
            assert_ok(sy_tensor_send_(y, bob, &l->err), &l->err);
        }
        for (int step = 0; step < 30; step++) {
            sy_scope *inner = sy_scope_begin(l->hook);
            sy_tensor *loss = sy_mse_loss(inner, sy_module_forward(inner, nets[which], x), y);
            assert_scope_ok(inner);
            assert_ok(sy_tensor_backward(loss, NULL, &l->err), &l->err);
            assert_ok(sy_module_sgd_step(nets[which], 0.05, &l->err), &l->err);
            assert_ok(sy_module_zero_grad(nets[which], &l->err), &l->err);
            if (which == 1) {
                loss = sy_float_precision(inner, loss);
            }
            assert_scope_ok(inner);
            if (bob != NULL) {
                assert_ok(sy_tensor_get_(loss, &l->err), &l->err);
            }
            assert_ok(sy_tensor_item(loss, &losses[which], &l->err), &l->err);
            assert_ok(sy_scope_end(inner, &l->err), &l->err);
        }
        assert_ok(sy_scope_end(s, &l->err), &l->err);
        sy_module_unref(nets[which]);
    }
    print_message("loss after 30 steps: %g in floats, %g in fixed precision\n", losses[0],
                  losses[1]);
    assert_true(losses[0] < 0.3);
    assert_true(fabs(losses[0] - losses[1]) < 0.01);
}

static void test_training(void **state)
{
    train(*state, NULL);
}

static void test_training_at_bob(void **state)
{
    local_hook *l = *state;
    sy_worker *bob = NULL;
    assert_ok(sy_virtual_worker_new(l->hook, &bob, "bob", &l->err), &l->err);
    train(l, bob);
}

static void test_failure(void **state)
{
    local_hook *l = *state;
    sy_scope *s = sy_scope_begin(l->hook);
    sy_module *net = make_net(l);
    size_t count = 0;
    sy_tensor *const *parameters = sy_module_get_parameters(net, &count);
    (void)sy_scope_set_grad_enabled(s, false);
    (void)sy_fill_(s, parameters[2], (double)INFINITY);
    assert_scope_ok(s);
    assert_status(sy_module_fix_precision_(net, NULL, &l->err), SY_ERANGE, &l->err);
    assert_non_null(strstr(l->err.message, "2.weight: fix_precision: element [0, 0] is infinite"));
    for (size_t k = 0; k < count; k++) {
        assert_false(sy_tensor_is_wrapper(parameters[k]));
    }
    sy_module_unref(net);
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

#define fixed_test(test) \
    cmocka_unit_test_setup_teardown(test, local_hook_setup, local_hook_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixed_test(test_forward_and_back),
        fixed_test(test_training),
        fixed_test(test_training_at_bob),
        fixed_test(test_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
