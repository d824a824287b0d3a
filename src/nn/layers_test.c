/* layers_test.c - what each module computes, how Linear starts, and Sequential's rules. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <csyft/nn.h>
#include <csyft/operations.h>

#include "support/failing_allocator.h"

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
    sy_hook *hook;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.verbose = false;
    f->context = failing_allocator_context(&f->memory);
    *state = f;
    return f->context != NULL && sy_hook_new(f->context, &f->hook, &options, NULL) == SY_OK ? 0
                                                                                            : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    sy_hook_free(f->hook);
    sy_context_free(f->context);
    const bool broken = f->memory.live != 0 || f->memory.broken;
    free(f);
    return broken;
}

static void read(sy_tensor *tensor, float *data, size_t count)
{
    sy_error err = SY_ERROR_INIT;
    if (sy_tensor_copy_data(tensor, data, count * sizeof *data, &err) != SY_OK) {
        fail_msg("%s", err.message);
    }
}

static sy_module *linear(fixture *f, int64_t in, int64_t out, bool bias)
{
    sy_module *module = NULL;
    assert_int_equal(sy_module_new_linear(f->hook, &module, in, out, bias, NULL), SY_OK);
    return module;
}

static sy_module *relu(fixture *f)
{
    sy_module *module = NULL;
    assert_int_equal(sy_module_new_relu(f->hook, &module, NULL), SY_OK);
    return module;
}

/* Takes the layers' references. */
static sy_module *sequential(fixture *f, sy_module **layers, size_t count)
{
    sy_module *module = NULL;
    assert_int_equal(sy_module_new_sequential(f->hook, &module, layers, count, NULL), SY_OK);
    for (size_t k = 0; k < count; k++) {
        sy_module_unref(layers[k]);
    }
    return module;
}

/* Kaiming uniform with a = sqrt(5) is uniform in +-1/sqrt(fan_in): check the bounds, that they are
 * nearly reached, mean and variance; and that the seed decides. */
static void test_linear_starts_as_torch(void **state)
{
    fixture *f = *state;
    enum { IN = 25, OUT = 400 };
    static float first[OUT * IN], second[OUT * IN], bias[OUT];
    sy_hook_manual_seed(f->hook, 7);
    sy_module *module = linear(f, IN, OUT, true);
    sy_hook_manual_seed(f->hook, 7);
    sy_module *again = linear(f, IN, OUT, true);
    size_t count;
    sy_tensor *const *parameters = sy_module_get_parameters(module, &count);
    assert_int_equal(count, 2);
    read(parameters[0], first, OUT * IN);
    read(sy_module_get_parameters(again, &count)[0], second, OUT * IN);
    assert_memory_equal(first, second, sizeof first);
    read(parameters[1], bias, OUT);
    assert_true(bias[0] != first[0]);

    double mean = 0, square = 0, largest = 0;
    for (int k = 0; k < OUT * IN; k++) {
        mean += (double)first[k] / (OUT * IN);
        square += (double)first[k] * (double)first[k] / (OUT * IN);
        largest = fmax(largest, fabs((double)first[k]));
    }
    for (int k = 0; k < OUT; k++) {
        assert_true(fabs((double)bias[k]) <= 0.2000001);
    }
    assert_true(largest <= 0.2000001 && largest > 0.1995);
    assert_true(fabs(mean) < 0.005);
    assert_true(fabs(square - 0.2 * 0.2 / 3) < 0.0006);
    for (int k = 0; k < 2; k++) {
        assert_true(sy_tensor_get_requires_grad(parameters[k]));
    }
    sy_module_unref(module);
    sy_module_unref(again);
}

static void test_forward(void **state)
{
    fixture *f = *state;
    const float weights[] = {1, -1, 0.5f, 2, 0, 1}, offsets[] = {0, -20, 3}, data[] = {1, 2, 3, 4};
    const int64_t shape[] = {2, 2};
    sy_module *layers[] = {linear(f, 2, 3, true), relu(f)};
    sy_module *net = sequential(f, layers, 2);
    size_t count;
    sy_tensor *const *parameters = sy_module_get_parameters(net, &count);
    sy_scope *s = sy_scope_begin(f->hook);
    sy_scope_set_grad_enabled(s, false);
    sy_tensor *w = NULL, *b = NULL, *x = NULL;
    assert_int_equal(
        sy_tensor_new(f->hook, &w, SY_DTYPE_F32, 2, (const int64_t[]){3, 2}, weights, NULL), SY_OK);
    assert_int_equal(sy_tensor_from_floats(f->hook, &b, offsets, 3, NULL), SY_OK);
    assert_int_equal(sy_tensor_new(f->hook, &x, SY_DTYPE_F32, 2, shape, data, NULL), SY_OK);
    sy_copy_(s, parameters[0], sy_scope_adopt(s, w));
    sy_copy_(s, parameters[1], sy_scope_adopt(s, b));
    sy_scope_adopt(s, x);
    float out[6];
    read(sy_module_forward(s, net, x), out, 6); /* relu(x @ w.T + b) */
    const float expected[] = {0, 0, 5, 0, 0, 7};
    assert_memory_equal(out, expected, sizeof out);

    sy_module *last = NULL;
    assert_int_equal(sy_module_new_log_softmax(f->hook, &last, 1, NULL), SY_OK);
    read(sy_module_forward(s, last, x), out, 4);
    assert_true(fabs((double)out[0] + 1.3132616875182228) < 1e-6);
    assert_true(fabs((double)out[1] + 0.3132616875182228) < 1e-6);
    assert_string_equal(sy_module_get_name(last), "LogSoftmax");
    sy_module_unref(last);
    assert_int_equal(sy_scope_end(s, NULL), SY_OK);
    sy_module_unref(net);
}

static void test_forward_failures_are_latched(void **state)
{
    fixture *f = *state;
    sy_module *module = linear(f, 3, 2, false);
    sy_error err = SY_ERROR_INIT;
    sy_scope *s = sy_scope_begin(f->hook);
    sy_tensor *x = sy_ones(s, SY_DTYPE_F32, 2, (const int64_t[]){4, 5});
    assert_null(sy_module_forward(s, module, x));
    assert_int_equal(sy_scope_end(s, &err), SY_ESHAPE);
    assert_non_null(strstr(err.message, "linear"));
    s = sy_scope_begin(f->hook);
    assert_null(sy_module_forward(s, NULL, x));
    assert_int_equal(sy_scope_end(s, &err), SY_EINVAL);
    sy_module_unref(module);
}

static void test_what_cannot_be_made(void **state)
{
    fixture *f = *state;
    sy_error err = SY_ERROR_INIT;
    sy_module *module = NULL, *layers[1] = {NULL};
    assert_int_equal(sy_module_new_linear(f->hook, &module, 0, 2, true, &err), SY_ESHAPE);
    assert_null(module);
    assert_non_null(strstr(err.message, "0 features in, 2 out"));
    assert_int_equal(sy_module_new_sequential(f->hook, &module, layers, 1, &err), SY_EINVAL);
    assert_null(module);
    module = relu(f);
    sy_status status = SY_OK;
    int depth = 0;
    while (status == SY_OK) {
        sy_module *outer = NULL;
        status = sy_module_new_sequential(f->hook, &outer, &module, 1, &err);
        if (status == SY_OK) {
            sy_module_unref(module);
            module = outer;
            depth++;
        }
    }
    assert_int_equal(status, SY_ELIMIT);
    assert_int_equal(depth, SY_MODULE_DEPTH_MAX);
    sy_module_unref(module);
}

static void assert_name(const sy_module *module, size_t index, const char *name)
{
    char buffer[32];
    assert_string_equal(sy_module_get_parameter_name(module, index, buffer, sizeof buffer), name);
}

/* A layer that stands twice has its parameters once, as PyTorch's parameters() does. */
static void test_parameters_and_names(void **state)
{
    fixture *f = *state;
    sy_module *shared = linear(f, 2, 2, true);
    sy_module *inner_layers[] = {relu(f), linear(f, 2, 2, false)};
    sy_module *layers[] = {linear(f, 2, 2, false), shared, sequential(f, inner_layers, 2),
                           sy_module_ref(shared)};
    sy_module *net = sequential(f, layers, 4);
    size_t count, own;
    sy_tensor *const *parameters = sy_module_get_parameters(net, &count);
    assert_int_equal(count, 4);
    assert_ptr_equal(parameters[1], sy_module_get_parameters(layers[1], &own)[0]);
    assert_name(net, 0, "0.weight");
    assert_name(net, 1, "1.weight");
    assert_name(net, 2, "1.bias");
    assert_name(net, 3, "2.1.weight");
    assert_name(net, 4, "");
    assert_name(layers[1], 1, "bias");
    char small[4];
    assert_string_equal(sy_module_get_parameter_name(net, 3, small, sizeof small), "2.1");
    assert_int_equal(sy_module_get_layer_count(net), 4);
    assert_ptr_equal(sy_module_get_layer(net, 3), sy_module_get_layer(net, 1));
    assert_null(sy_module_get_layer(net, 4));
    assert_string_equal(sy_module_get_name(net), "Sequential");
    sy_module_unref(net);
}

/* What constructors refuse, by name. */
static void test_wrong_layers(void **state)
{
    fixture *f = *state;
    sy_error err = SY_ERROR_INIT;
    sy_module *made = NULL;
    const int64_t two[] = {2, 2}, none[] = {0, 2};
    sy_conv_options conv = SY_CONV_OPTIONS_INIT;
    sy_pool_options pool = SY_POOL_OPTIONS_INIT;
    sy_norm_options norm = SY_NORM_OPTIONS_INIT;
    assert_int_equal(sy_module_new_conv2d(f->hook, &made, 0, 4, two, NULL, &err), SY_ESHAPE);
    assert_string_equal(err.message, "Conv2d: in_channels is 0, expected at least 1");
    assert_int_equal(sy_module_new_conv2d(f->hook, &made, 1, 4, none, NULL, &err), SY_ESHAPE);
    assert_string_equal(err.message, "Conv2d: kernel_size is 0, expected at least 1");
    conv.groups = 3;
    assert_int_equal(sy_module_new_conv1d(f->hook, &made, 3, 4, 2, &conv, &err), SY_ESHAPE);
    assert_string_equal(err.message, "Conv1d: 3 groups do not divide 3 channels in and 4 out");
    pool.stride[1] = -1;
    assert_int_equal(sy_module_new_max_pool2d(f->hook, &made, two, &pool, &err), SY_ESHAPE);
    assert_string_equal(err.message, "MaxPool2d: stride is -1, expected at least 0");
    assert_int_equal(sy_module_new_adaptive_avg_pool2d(f->hook, &made, none, &err), SY_ESHAPE);
    assert_int_equal(sy_module_new_batch_norm(f->hook, &made, 0, NULL, &err), SY_ESHAPE);
    assert_string_equal(err.message, "BatchNorm: 0 channels");
    norm.momentum = 2;
    assert_int_equal(sy_module_new_batch_norm(f->hook, &made, 2, &norm, &err), SY_EINVAL);
    assert_int_equal(sy_module_new_layer_norm(f->hook, &made, 0, two, NULL, &err), SY_ESHAPE);
    assert_int_equal(sy_module_new_dropout(f->hook, &made, 1.5, &err), SY_EINVAL);
    assert_string_equal(err.message, "Dropout: p is 1.5, expected 0 to 1");
    assert_int_equal(sy_module_new_embedding(f->hook, &made, 3, 2, 3, &err), SY_ESHAPE);
    assert_null(made);
}

/* Dropout and BatchNorm deep inside hear of the mode; buffers have names. */
static void test_modes_and_buffers(void **state)
{
    fixture *f = *state;
    sy_module *inner[2] = {NULL}, *outer[2] = {relu(f), NULL};
    char name[32];
    size_t count;
    assert_int_equal(sy_module_new_dropout(f->hook, &inner[0], 0.9, NULL), SY_OK);
    assert_int_equal(sy_module_new_batch_norm(f->hook, &inner[1], 3, NULL, NULL), SY_OK);
    outer[1] = sequential(f, inner, 2);
    sy_module *net = sequential(f, outer, 2), *copy = NULL;
    assert_true(sy_module_is_training(net));
    sy_module_train(net, false);
    assert_false(sy_module_is_training(inner[0]));
    sy_module_get_buffers(net, &count);
    assert_int_equal(count, 2);
    assert_string_equal(sy_module_get_buffer_name(net, 1, name, sizeof name), "1.1.running_var");
    assert_string_equal(sy_module_get_buffer_name(net, 2, name, sizeof name), "");
    assert_int_equal(sy_module_copy(net, &copy, NULL), SY_OK);
    assert_false(sy_module_is_training(copy));
    assert_ptr_not_equal(sy_module_get_buffers(copy, &count)[0],
                         sy_module_get_buffers(net, &count)[0]);
    assert_false(sy_tensor_get_requires_grad(sy_module_get_buffers(copy, &count)[0]));
    sy_scope *s = sy_scope_begin(f->hook);
    float out[6];
    sy_tensor *x = sy_ones(s, SY_DTYPE_F32, 2, (const int64_t[]){2, 3});
    read(sy_module_forward(s, copy, x), out,
         6); /* neither drawn nor by the batch's own statistics */
    for (int k = 0; k < 6; k++) {
        assert_true(fabsf(out[k] - 1) < 1e-4f);
    }
    assert_int_equal(sy_scope_end(s, NULL), SY_OK);
    sy_module_unref(copy);
    sy_module_unref(net);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_linear_starts_as_torch),
        TEST(test_forward),
        TEST(test_forward_failures_are_latched),
        TEST(test_what_cannot_be_made),
        TEST(test_parameters_and_names),
        TEST(test_wrong_layers),
        TEST(test_modes_and_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
