/* plans_test.c - modules as plans: the same results, and trained by plan the same parameters as by optimizer.h's steps. */
#include <math.h>
#include <string.h>

#include <csyft/operations.h>
#include <csyft/optim.h>

#include "support/local_hook.h"

static sy_module *sequential(local_hook *l, sy_module **layers, size_t count)
{
    sy_module *net = NULL;
    assert_ok(sy_module_new_sequential(l->hook, &net, layers, count, &l->err), &l->err);
    for (size_t k = 0; k < count; k++) {
        sy_module_unref(layers[k]);
    }
    return net;
}

static sy_module *mlp(local_hook *l)
{
    sy_module *layers[3] = {NULL};
    sy_hook_manual_seed(l->hook, 3);
    assert_ok(sy_module_new_linear(l->hook, &layers[0], 6, 8, true, &l->err), &l->err);
    assert_ok(sy_module_new_relu(l->hook, &layers[1], &l->err), &l->err);
    assert_ok(sy_module_new_linear(l->hook, &layers[2], 8, 3, true, &l->err), &l->err);
    return sequential(l, layers, 3);
}

/* With buffers that training moves, and a flattening of the open batch. */
static sy_module *cnn(local_hook *l)
{
    sy_module *layers[6] = {NULL};
    sy_hook_manual_seed(l->hook, 4);
    assert_ok(sy_module_new_conv2d(l->hook, &layers[0], 1, 2, (int64_t[]){3, 3}, NULL, &l->err),
              &l->err);
    assert_ok(sy_module_new_batch_norm(l->hook, &layers[1], 2, NULL, &l->err), &l->err);
    assert_ok(sy_module_new_relu(l->hook, &layers[2], &l->err), &l->err);
    assert_ok(sy_module_new_max_pool2d(l->hook, &layers[3], (int64_t[]){2, 2}, NULL, &l->err),
              &l->err);
    assert_ok(sy_module_new_flatten(l->hook, &layers[4], 1, -1, &l->err), &l->err);
    assert_ok(sy_module_new_linear(l->hook, &layers[5], 8, 3, true, &l->err), &l->err);
    return sequential(l, layers, 6);
}

static sy_tensor *drawn(local_hook *l, int ndim, const int64_t *shape)
{
    sy_scope *s = sy_scope_begin(l->hook);
    sy_tensor *x = sy_scope_keep(s, sy_randn(s, SY_DTYPE_F32, ndim, shape));
    assert_ok(sy_scope_end(s, &l->err), &l->err);
    return x;
}

static sy_tensor *labels(local_hook *l, int64_t rows)
{
    sy_scope *s = sy_scope_begin(l->hook);
    sy_tensor *y = sy_scope_keep(s, sy_randint(s, 0, 3, 1, &rows));
    assert_ok(sy_scope_end(s, &l->err), &l->err);
    return y;
}

static void assert_same(local_hook *l, sy_tensor *a, sy_tensor *b)
{
    float x[256], y[256];
    int ndim = 0;
    int64_t shape[SY_DIM_MAX], count = 1;
    assert_ok(sy_tensor_get_shape(a, &ndim, shape, &l->err), &l->err);
    for (int d = 0; d < ndim; d++) {
        count *= shape[d];
    }
    assert_true(count <= 256);
    assert_ok(sy_tensor_copy_data(a, x, (size_t)count * 4, &l->err), &l->err);
    assert_ok(sy_tensor_copy_data(b, y, (size_t)count * 4, &l->err), &l->err);
    for (int64_t k = 0; k < count; k++) {
        if (!(fabsf(x[k] - y[k]) <= 1e-6f * (1 + fabsf(y[k])))) {
            print_error("element %d: %g, expected %g\n", (int)k, (double)x[k], (double)y[k]);
        }
        assert_true(fabsf(x[k] - y[k]) <= 1e-6f * (1 + fabsf(y[k])));
    }
}

static void test_forward(void **state)
{
    local_hook *l = *state;
    sy_module *const nets[] = {mlp(l), cnn(l)};
    const sy_plan_shape inputs[] = {{SY_DTYPE_F32, 2, {-1, 6}}, {SY_DTYPE_F32, 4, {-1, 1, 6, 6}}};
    static const int64_t batches[] = {1, 3, 8};
    for (int k = 0; k < 2; k++) {
        sy_plan *plan = NULL;
        sy_module_train(nets[k], false);
        assert_ok(sy_module_to_plan(nets[k], &plan, NULL, &inputs[k], &l->err), &l->err);
        assert_string_equal(sy_plan_get_name(plan), "Sequential");
        assert_string_equal(sy_plan_get_state_name(plan, 0), "0.weight");
        for (int b = 0; b < 3; b++) {
            int64_t shape[4];
            memcpy(shape, inputs[k].shape, sizeof shape);
            shape[0] = batches[b];
            sy_tensor *x = drawn(l, inputs[k].ndim, shape), *y = NULL;
            const sy_value arg = sy_value_tensor(x);
            assert_ok(sy_plan_run(plan, &arg, 1, NULL, &y, 1, NULL, &l->err), &l->err);
            sy_scope *s = sy_scope_begin(l->hook);
            sy_tensor *expected = sy_module_forward(s, nets[k], x);
            assert_same(l, y, expected);
            assert_ok(sy_scope_end(s, &l->err), &l->err);
            sy_tensor_unref(x);
            sy_tensor_unref(y);
        }
        sy_plan_unref(plan);
        sy_module_unref(nets[k]);
    }
}

typedef struct way {
    const char *name;
    const sy_sgd_options *sgd;
    const sy_adam_options *adam;
} way;

static void train_both(local_hook *l, sy_module *(*make)(local_hook *), const sy_plan_shape *input,
                       const way *how)
{
    static const int64_t batches[] = {5, 5, 2};
    const sy_plan_shape target = {SY_DTYPE_I64, 1, {-1}};
    sy_module *planned = make(l), *stepped = NULL;
    sy_plan *plan = NULL;
    sy_optimizer *optimizer = NULL;
    sy_training_options options = SY_TRAINING_OPTIONS_INIT;
    options.sgd = how->sgd;
    options.adam = how->adam;
    assert_ok(sy_module_copy(planned, &stepped, &l->err), &l->err);
    assert_ok(sy_module_to_training_plan(planned, &plan, input, &target, &options, &l->err),
              &l->err);
    assert_ok(how->adam != NULL ? sy_optimizer_new_adam(&optimizer, stepped, how->adam, &l->err)
                                : sy_optimizer_new_sgd(&optimizer, stepped, how->sgd, &l->err),
              &l->err);
    for (int k = 0; k < 12; k++) {
        int64_t shape[4];
        memcpy(shape, input->shape, sizeof shape);
        shape[0] = batches[k % 3];
        sy_tensor *x = drawn(l, input->ndim, shape), *y = labels(l, shape[0]), *loss = NULL;
        const sy_value args[] = {sy_value_tensor(x), sy_value_tensor(y)};
        assert_ok(sy_plan_run(plan, args, 2, NULL, &loss, 1, NULL, &l->err), &l->err);
        sy_scope *s = sy_scope_begin(l->hook);
        sy_tensor *expected = sy_cross_entropy(s, sy_module_forward(s, stepped, x), y);
        assert_non_null(expected);
        assert_same(l, loss, expected);
        assert_ok(sy_tensor_backward(expected, NULL, &l->err), &l->err);
        assert_ok(sy_scope_end(s, &l->err), &l->err);
        assert_ok(sy_optimizer_step(optimizer, &l->err), &l->err);
        assert_ok(sy_optimizer_zero_grad(optimizer, &l->err), &l->err);
        sy_tensor_unref(x);
        sy_tensor_unref(y);
        sy_tensor_unref(loss);
    }
    size_t count = 0, others = 0;
    sy_tensor *const *a = sy_module_get_parameters(planned, &count);
    sy_tensor *const *b = sy_module_get_parameters(stepped, &others);
    assert_int_equal(count, others);
    for (size_t k = 0; k < count; k++) {
        assert_same(l, a[k], b[k]);
    }
    a = sy_module_get_buffers(planned, &count);
    b = sy_module_get_buffers(stepped, &others);
    for (size_t k = 0; k < count; k++) {
        assert_same(l, a[k], b[k]);
    }
    sy_optimizer_free(optimizer);
    sy_plan_unref(plan);
    sy_module_unref(planned);
    sy_module_unref(stepped);
}

static void test_training(void **state)
{
    local_hook *l = *state;
    sy_sgd_options plain = SY_SGD_OPTIONS_INIT, momentum = SY_SGD_OPTIONS_INIT;
    sy_sgd_options nesterov = SY_SGD_OPTIONS_INIT, decay = SY_SGD_OPTIONS_INIT;
    sy_adam_options adam = SY_ADAM_OPTIONS_INIT, amsgrad = SY_ADAM_OPTIONS_INIT;
    plain.lr = 0.1;
    decay.weight_decay = 0.01;
    momentum.momentum = 0.9;
    nesterov.momentum = 0.8;
    nesterov.nesterov = true;
    nesterov.weight_decay = 0.01;
    adam.lr = 0.01;
    amsgrad.amsgrad = true;
    amsgrad.weight_decay = 0.02;
    const way ways[] = {{"plain", &plain, NULL},       {"momentum", &momentum, NULL},
                        {"nesterov", &nesterov, NULL}, {"decay", &decay, NULL},
                        {"adam", NULL, &adam},         {"amsgrad", NULL, &amsgrad}};
    const sy_plan_shape flat = {SY_DTYPE_F32, 2, {-1, 6}}, image = {SY_DTYPE_F32, 4, {-1, 1, 6, 6}};
    for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
        train_both(l, mlp, &flat, &ways[k]);
        train_both(l, cnn, &image, &ways[k]);
    }
}

static void test_bad_options(void **state)
{
    local_hook *l = *state;
    sy_module *net = mlp(l);
    sy_plan *plan = NULL;
    sy_sgd_options sgd = SY_SGD_OPTIONS_INIT;
    sy_adam_options adam = SY_ADAM_OPTIONS_INIT;
    const sy_plan_shape input = {SY_DTYPE_F32, 2, {-1, 6}}, wrong = {SY_DTYPE_F32, 2, {-1, 7}};
    const sy_plan_shape target = {SY_DTYPE_I64, 1, {-1}};
    sy_training_options o = SY_TRAINING_OPTIONS_INIT;
    o.sgd = &sgd;
    o.adam = &adam;
    assert_status(sy_module_to_training_plan(net, &plan, &input, &target, &o, &l->err), SY_EINVAL,
                  &l->err);
    o.adam = NULL;
    sgd.lr = -1;
    assert_status(sy_module_to_training_plan(net, &plan, &input, &target, &o, &l->err), SY_EINVAL,
                  &l->err);
    assert_non_null(strstr(l->err.message, "lr"));
    sgd.lr = 0.1;
    sgd.momentum = 0.9;
    sgd.dampening = 0.5;
    assert_status(sy_module_to_training_plan(net, &plan, &input, &target, &o, &l->err), SY_ENOTSUP,
                  &l->err);
    assert_status(sy_module_to_training_plan(net, &plan, &wrong, &target, NULL, &l->err), SY_ESHAPE,
                  &l->err);
    assert_null(plan);
    sy_module_unref(net);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, local_hook_setup, local_hook_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_forward), TEST(test_training),
                                       TEST(test_bad_options)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
