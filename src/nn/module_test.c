/* module_test.c - copies of modules, and their life when memory runs out. */
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

/* Linear(3,4), ReLU, Linear(4,4), the ReLU and the second Linear once more. */
static sy_status make_net(fixture *f, sy_module **net, sy_error *err)
{
    sy_module *layers[5] = {NULL};
    *net = NULL;
    sy_status status = sy_module_new_linear(f->hook, &layers[0], 3, 4, true, err);
    if (status == SY_OK) {
        status = sy_module_new_relu(f->hook, &layers[1], err);
    }
    if (status == SY_OK) {
        status = sy_module_new_linear(f->hook, &layers[2], 4, 4, true, err);
    }
    if (status == SY_OK) {
        layers[3] = sy_module_ref(layers[1]);
        layers[4] = sy_module_ref(layers[2]);
        status = sy_module_new_sequential(f->hook, net, layers, 5, err);
    }
    for (int k = 0; k < 5; k++) {
        sy_module_unref(layers[k]);
    }
    return status;
}

static void read_all(const sy_module *module, float *data, size_t capacity)
{
    size_t count, at = 0;
    sy_tensor *const *parameters = sy_module_get_parameters(module, &count);
    for (size_t k = 0; k < count; k++) {
        int ndim;
        int64_t shape[SY_DIM_MAX];
        assert_int_equal(sy_tensor_get_shape(parameters[k], &ndim, shape, NULL), SY_OK);
        const size_t numel = (size_t)(ndim == 2 ? shape[0] * shape[1] : shape[0]);
        assert_true(at + numel <= capacity);
        assert_int_equal(sy_tensor_copy_data(parameters[k], data + at, numel * sizeof *data, NULL),
                         SY_OK);
        at += numel;
    }
    assert_int_equal(at, capacity);
}

enum { NET_ELEMENTS = 12 + 4 + 16 + 4 };

static void test_copy(void **state)
{
    fixture *f = *state;
    sy_module *net = NULL, *copy = NULL;
    assert_int_equal(make_net(f, &net, NULL), SY_OK);
    sy_scope *s = sy_scope_begin(f->hook);
    sy_tensor *x = sy_ones(s, SY_DTYPE_F32, 2, (const int64_t[]){2, 3});
    assert_int_equal(sy_tensor_backward(sy_sum(s, sy_module_forward(s, net, x)), NULL, NULL),
                     SY_OK);
    assert_int_equal(sy_module_copy(net, &copy, NULL), SY_OK);
    float before[NET_ELEMENTS], copied[NET_ELEMENTS];
    read_all(net, before, NET_ELEMENTS);
    read_all(copy, copied, NET_ELEMENTS);
    assert_memory_equal(before, copied, sizeof before);
    size_t count, copy_count;
    sy_tensor *const *from = sy_module_get_parameters(net, &count);
    sy_tensor *const *to = sy_module_get_parameters(copy, &copy_count);
    assert_int_equal(count, 4);
    assert_int_equal(copy_count, 4);
    for (size_t k = 0; k < count; k++) {
        sy_tensor *grad = NULL;
        assert_ptr_not_equal(from[k], to[k]);
        assert_true(sy_tensor_get_requires_grad(to[k]));
        assert_int_equal(sy_tensor_get_grad(to[k], &grad, NULL), SY_OK);
        assert_null(grad);
    }
    assert_ptr_equal(sy_module_get_layer(copy, 4), sy_module_get_layer(copy, 2));
    assert_ptr_not_equal(sy_module_get_layer(copy, 2), sy_module_get_layer(net, 2));

    /* Training the copy leaves the original as it is. */
    assert_int_equal(sy_tensor_backward(sy_sum(s, sy_module_forward(s, copy, x)), NULL, NULL),
                     SY_OK);
    assert_int_equal(sy_module_sgd_step(copy, 0.5, NULL), SY_OK);
    float after[NET_ELEMENTS];
    read_all(net, after, NET_ELEMENTS);
    read_all(copy, copied, NET_ELEMENTS);
    assert_memory_equal(before, after, sizeof before);
    assert_memory_not_equal(before, copied, sizeof before);
    assert_int_equal(sy_scope_end(s, NULL), SY_OK);
    sy_module_unref(copy);
    sy_module_unref(net);
}

static sy_status program(fixture *f, sy_error *err)
{
    sy_module *net = NULL, *copy = NULL;
    sy_status status = make_net(f, &net, err);
    if (status == SY_OK) {
        status = sy_module_copy(net, &copy, err);
    }
    if (status == SY_OK) {
        sy_scope *s = sy_scope_begin(f->hook);
        sy_tensor *x = sy_ones(s, SY_DTYPE_F32, 2, (const int64_t[]){2, 3});
        sy_tensor *loss = sy_sum(s, sy_module_forward(s, copy, x));
        status = sy_scope_get_status(s);
        if (status == SY_OK) {
            status = sy_tensor_backward(loss, NULL, err);
            const sy_status ended = sy_scope_end(s, NULL);
            status = status == SY_OK ? ended : status;
        } else {
            sy_scope_end(s, err);
        }
    }
    if (status == SY_OK) {
        status = sy_module_sgd_step(copy, 0.1, err);
    }
    if (status == SY_OK) {
        status = sy_module_zero_grad(copy, err);
    }
    sy_module_unref(copy);
    sy_module_unref(net);
    return status;
}

static void test_every_allocation_may_fail(void **state)
{
    fixture *f = *state;
    assert_int_equal(program(f, NULL), SY_OK);
    const size_t live = f->memory.live;
    sy_status status = SY_ENOMEM;
    size_t n = 0;
    while (status != SY_OK) {
        sy_error err = SY_ERROR_INIT;
        f->memory.calls = 0;
        f->memory.fail_at = ++n;
        status = program(f, &err);
        f->memory.fail_at = 0;
        assert_true(status == SY_OK || (status == SY_ENOMEM && err.status == SY_ENOMEM));
        assert_int_equal(f->memory.live, live);
    }
    assert_true(n > 80);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_copy),
        TEST(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
