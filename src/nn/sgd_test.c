/* sgd_test.c - the step itself, and a training that must follow PyTorch's (tests/vectors/nn). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
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

static void assert_floats(sy_tensor *tensor, const float *expected, size_t count)
{
    float data[64];
    assert_true(count <= 64);
    assert_int_equal(sy_tensor_copy_data(tensor, data, count * sizeof *data, NULL), SY_OK);
    for (size_t k = 0; k < count; k++) {
        if (!(fabsf(data[k] - expected[k]) <= 2e-6f * (1 + fabsf(expected[k])))) {
            fail_msg("element %zu is %.9g, not %.9g", k, (double)data[k], (double)expected[k]);
        }
    }
}

static void test_step(void **state)
{
    fixture *f = *state;
    const float start[] = {1, 2}, slope[] = {10, -4};
    sy_tensor *p[3] = {NULL}, *grad = NULL;
    for (int k = 0; k < 3; k++) {
        assert_int_equal(sy_tensor_from_floats(f->hook, &p[k], start, 2, NULL), SY_OK);
        assert_int_equal(sy_tensor_set_requires_grad(p[k], true, NULL), SY_OK);
    }
    assert_int_equal(sy_tensor_from_floats(f->hook, &grad, slope, 2, NULL), SY_OK);
    assert_int_equal(sy_tensor_set_grad(p[0], grad, NULL), SY_OK);
    assert_int_equal(sy_tensor_set_grad(p[2], grad, NULL), SY_OK);
    assert_int_equal(sy_sgd_step(f->hook, p, 3, 0.5, NULL), SY_OK);
    assert_floats(p[0], (const float[]){-4, 4}, 2);
    assert_floats(p[1], start, 2); /* no gradient, no step */
    assert_floats(p[2], (const float[]){-4, 4}, 2);
    assert_floats(grad, slope, 2);
    assert_true(sy_tensor_get_requires_grad(p[0]));
    assert_int_equal(sy_sgd_step(f->hook, p, 3, 0, NULL), SY_OK);
    assert_floats(p[0], (const float[]){-4, 4}, 2);

    sy_error err = SY_ERROR_INIT;
    assert_int_equal(sy_sgd_step(f->hook, p, 3, -1, &err), SY_EINVAL);
    assert_non_null(strstr(err.message, "learning rate of -1"));
    assert_int_equal(sy_sgd_step(f->hook, p, 3, NAN, &err), SY_EINVAL);
    assert_int_equal(sy_sgd_step(f->hook, p, 3, INFINITY, &err), SY_EINVAL);

    assert_int_equal(sy_sgd_zero_grad(p, 3, NULL), SY_OK);
    for (int k = 0; k < 3; k++) {
        sy_tensor *none = NULL;
        assert_int_equal(sy_tensor_get_grad(p[k], &none, NULL), SY_OK);
        assert_null(none);
        sy_tensor_unref(p[k]);
    }
    sy_tensor_unref(grad);
}

/* Training as PyTorch does it */

typedef struct recording {
    char name[32];
    float data[32];
    size_t count;
} recording;

enum { RECORDING_MAX = 40, EPOCHS = 8 };

static size_t read_recordings(recording *recordings)
{
    FILE *file = fopen(CSYFT_TEST_SOURCE_DIR "/tests/vectors/nn/training.txt", "r");
    assert_non_null(file);
    char line[2048];
    size_t count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        assert_true(count < RECORDING_MAX);
        recording *r = &recordings[count++];
        char *rest = NULL;
        snprintf(r->name, sizeof r->name, "%s", strtok_r(line, " \n", &rest));
        r->count = 0;
        for (char *word = strtok_r(NULL, " \n", &rest); word != NULL;
             word = strtok_r(NULL, " \n", &rest)) {
            assert_true(r->count < 32);
            r->data[r->count++] = strtof(word, NULL);
        }
    }
    fclose(file);
    return count;
}

static const recording *find(const recording *recordings, size_t count, const char *prefix,
                             const char *name)
{
    char full[64];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    for (size_t k = 0; k < count; k++) {
        if (strcmp(recordings[k].name, full) == 0) {
            return &recordings[k];
        }
    }
    fail_msg("%s is not recorded", full);
    return NULL;
}

static sy_module *make_net(fixture *f)
{
    sy_module *net = NULL, *layers[4] = {NULL};
    assert_int_equal(sy_module_new_linear(f->hook, &layers[0], 3, 5, true, NULL), SY_OK);
    assert_int_equal(sy_module_new_relu(f->hook, &layers[1], NULL), SY_OK);
    assert_int_equal(sy_module_new_linear(f->hook, &layers[2], 5, 2, true, NULL), SY_OK);
    assert_int_equal(sy_module_new_log_softmax(f->hook, &layers[3], 1, NULL), SY_OK);
    assert_int_equal(sy_module_new_sequential(f->hook, &net, layers, 4, NULL), SY_OK);
    for (int k = 0; k < 4; k++) {
        sy_module_unref(layers[k]);
    }
    return net;
}

static sy_tensor *tensor(sy_scope *s, const recording *r, int ndim, const int64_t *shape)
{
    sy_tensor *made = NULL;
    assert_int_equal(
        sy_tensor_new(sy_scope_get_hook(s), &made, SY_DTYPE_F32, ndim, shape, r->data, NULL),
        SY_OK);
    return sy_scope_adopt(s, made);
}

static void test_training_follows_torch(void **state)
{
    fixture *f = *state;
    static recording recordings[RECORDING_MAX];
    const size_t known = read_recordings(recordings);
    const int64_t x_shape[] = {6, 3};
    sy_module *net = make_net(f);
    sy_scope *outer = sy_scope_begin(f->hook);
    sy_tensor *x = tensor(outer, find(recordings, known, "", "x"), 2, x_shape);
    sy_tensor *y =
        sy_to(outer, tensor(outer, find(recordings, known, "", "y"), 1, x_shape), SY_DTYPE_I64);
    size_t count;
    sy_tensor *const *parameters = sy_module_get_parameters(net, &count);
    char name[32];
    sy_scope_set_grad_enabled(outer, false);
    for (size_t k = 0; k < count; k++) {
        sy_module_get_parameter_name(net, k, name, sizeof name);
        int ndim;
        int64_t shape[SY_DIM_MAX];
        assert_int_equal(sy_tensor_get_shape(parameters[k], &ndim, shape, NULL), SY_OK);
        sy_copy_(outer, parameters[k],
                 tensor(outer, find(recordings, known, "", name), ndim, shape));
    }
    for (int step = 0; step < EPOCHS; step++) {
        assert_int_equal(sy_module_zero_grad(net, NULL), SY_OK);
        sy_scope *s = sy_scope_begin(f->hook);
        sy_tensor *loss = sy_nll_loss(s, sy_module_forward(s, net, x), y);
        assert_non_null(loss);
        snprintf(name, sizeof name, "%d", step);
        assert_floats(loss, find(recordings, known, "loss", name)->data, 1);
        assert_int_equal(sy_tensor_backward(loss, NULL, NULL), SY_OK);
        assert_int_equal(sy_scope_end(s, NULL), SY_OK);
        assert_int_equal(sy_module_sgd_step(net, 0.3, NULL), SY_OK);
    }
    for (size_t k = 0; k < count; k++) {
        sy_module_get_parameter_name(net, k, name, sizeof name);
        const recording *end = find(recordings, known, "end.", name);
        assert_floats(parameters[k], end->data, end->count);
        sy_tensor *grad = NULL;
        assert_int_equal(sy_tensor_get_grad(parameters[k], &grad, NULL), SY_OK);
        assert_floats(grad, find(recordings, known, "grad.", name)->data, end->count);
        sy_tensor_unref(grad);
    }
    assert_int_equal(sy_scope_end(outer, NULL), SY_OK);
    sy_module_unref(net);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_step),
        TEST(test_training_follows_torch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
