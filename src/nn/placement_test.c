/* placement_test.c - a module at a virtual worker: sent, trained there, copied, moved and brought back. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <csyft/nn.h>
#include <csyft/operations.h>
#include <csyft/worker.h>

#include "support/failing_allocator.h"

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
    sy_hook *hook;
    sy_worker *bob, *alice;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.verbose = false;
    f->context = failing_allocator_context(&f->memory);
    *state = f;
    return f->context != NULL && sy_hook_new(f->context, &f->hook, &options, NULL) == SY_OK &&
                   sy_virtual_worker_new(f->hook, &f->bob, "bob", NULL) == SY_OK &&
                   sy_virtual_worker_new(f->hook, &f->alice, "alice", NULL) == SY_OK
               ? 0
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

enum { IN = 3, OUT = 2, ROWS = 4, ELEMENTS = OUT * IN + OUT };

static sy_module *make(fixture *f)
{
    sy_module *net = NULL, *layers[2] = {NULL};
    sy_hook_manual_seed(f->hook, 3);
    assert_int_equal(sy_module_new_linear(f->hook, &layers[0], IN, OUT, true, NULL), SY_OK);
    assert_int_equal(sy_module_new_log_softmax(f->hook, &layers[1], 1, NULL), SY_OK);
    assert_int_equal(sy_module_new_sequential(f->hook, &net, layers, 2, NULL), SY_OK);
    sy_module_unref(layers[0]);
    sy_module_unref(layers[1]);
    return net;
}

static void read_all(sy_module *net, float *data)
{
    size_t count;
    sy_tensor *const *parameters = sy_module_get_parameters(net, &count);
    assert_int_equal(count, 2);
    assert_int_equal(sy_tensor_copy_data(parameters[0], data, OUT * IN * sizeof *data, NULL),
                     SY_OK);
    assert_int_equal(sy_tensor_copy_data(parameters[1], data + OUT * IN, OUT * sizeof *data, NULL),
                     SY_OK);
}

#define ASSERT_OK(call)                             \
    do {                                            \
        sy_error err = SY_ERROR_INIT;               \
        if ((call) != SY_OK) {                      \
            fail_msg("%s: %s", #call, err.message); \
        }                                           \
    } while (0)

static sy_status train(fixture *f, sy_module *net, sy_tensor *x, sy_tensor *y, int steps,
                       sy_error *err)
{
    sy_status status = SY_OK;
    for (int k = 0; k < steps && status == SY_OK; k++) {
        sy_scope *s = sy_scope_begin(f->hook);
        sy_tensor *loss = sy_nll_loss(s, sy_module_forward(s, net, x), y);
        if (loss == NULL) {
            return sy_scope_end(s, err);
        }
        status = sy_tensor_backward(loss, NULL, err);
        sy_scope_end(s, NULL);
        if (status == SY_OK) {
            status = sy_module_sgd_step(net, 0.5, err);
        }
        if (status == SY_OK) {
            status = sy_module_zero_grad(net, err);
        }
    }
    return status;
}

static void make_data(fixture *f, sy_tensor **x, sy_tensor **y)
{
    const float data[ROWS * IN] = {1, 2, 3, -1, 0, 1, 0.5f, -2, 1, 2, 2, -3};
    const int64_t classes[ROWS] = {0, 1, 1, 0}, shape[] = {ROWS, IN};
    ASSERT_OK(sy_tensor_new(f->hook, x, SY_DTYPE_F32, 2, shape, data, &err));
    ASSERT_OK(sy_tensor_new(f->hook, y, SY_DTYPE_I64, 1, shape, classes, &err));
}

/* The same bits as here, and nothing left at the worker. */
static void test_training_at_a_worker(void **state)
{
    fixture *f = *state;
    float here[ELEMENTS], start[ELEMENTS], there[ELEMENTS];
    sy_module *local = make(f), *net = make(f);
    sy_tensor *x = NULL, *y = NULL;
    make_data(f, &x, &y);
    read_all(net, start);
    ASSERT_OK(train(f, local, x, y, 3, &err));
    read_all(local, here);
    assert_memory_not_equal(here, start, sizeof here);

    ASSERT_OK(sy_tensor_send_(x, f->bob, &err));
    ASSERT_OK(sy_tensor_send_(y, f->bob, &err));
    ASSERT_OK(sy_module_send_(net, f->bob, &err));
    size_t count;
    assert_true(sy_tensor_is_pointer(sy_module_get_parameters(net, &count)[0]));
    assert_int_equal(sy_worker_get_object_count(f->bob), 4);
    ASSERT_OK(train(f, net, x, y, 3, &err));
    ASSERT_OK(sy_module_get_(net, &err));
    read_all(net, there);
    assert_memory_equal(there, here, sizeof here);
    assert_true(sy_tensor_get_requires_grad(sy_module_get_parameters(net, &count)[0]));
    sy_tensor_unref(x);
    sy_tensor_unref(y);
    sy_module_unref(net);
    sy_module_unref(local);
}

/* zero_grad sets the remote grads to none; a step without grads changes nothing. */
static void test_zero_grad_at_a_worker(void **state)
{
    fixture *f = *state;
    sy_module *net = make(f);
    sy_tensor *x = NULL, *y = NULL, *grad = NULL;
    make_data(f, &x, &y);
    ASSERT_OK(sy_tensor_send_(x, f->bob, &err));
    ASSERT_OK(sy_tensor_send_(y, f->bob, &err));
    ASSERT_OK(sy_module_send_(net, f->bob, &err));
    sy_scope *s = sy_scope_begin(f->hook);
    ASSERT_OK(sy_tensor_backward(sy_nll_loss(s, sy_module_forward(s, net, x), y), NULL, &err));
    size_t count;
    sy_tensor *weight = sy_module_get_parameters(net, &count)[0];
    ASSERT_OK(sy_tensor_get_grad(weight, &grad, &err));
    assert_non_null(grad);
    sy_tensor_unref(grad);
    ASSERT_OK(sy_module_zero_grad(net, &err));
    ASSERT_OK(sy_tensor_get_grad(weight, &grad, &err));
    assert_null(grad);
    ASSERT_OK(sy_module_sgd_step(net, 1, &err));
    assert_int_equal(sy_scope_end(s, NULL), SY_OK);
    sy_tensor_unref(x);
    sy_tensor_unref(y);
    sy_module_unref(net);
}

static void test_copy_and_move(void **state)
{
    fixture *f = *state;
    float start[ELEMENTS], moved[ELEMENTS];
    sy_module *net = make(f), *copy = NULL;
    read_all(net, start);
    ASSERT_OK(sy_module_send_(net, f->bob, &err));
    ASSERT_OK(sy_module_copy(net, &copy, &err));
    size_t count;
    assert_ptr_equal(sy_tensor_get_location(sy_module_get_parameters(copy, &count)[1]), f->bob);
    assert_int_equal(sy_worker_get_object_count(f->bob), 4);
    ASSERT_OK(sy_module_move_(copy, f->alice, &err));
    assert_ptr_equal(sy_tensor_get_location(sy_module_get_parameters(copy, &count)[1]), f->alice);
    assert_int_equal(sy_worker_get_object_count(f->alice), 2);
    ASSERT_OK(sy_module_get_(copy, &err));
    ASSERT_OK(sy_module_get_(copy, &err)); /* already here: nothing to do */
    read_all(copy, moved);
    assert_memory_equal(start, moved, sizeof start);
    sy_module_unref(copy);
    sy_module_unref(net);
}

/* Half a module is never left behind: what was sent before the failure comes back. */
static void test_send_is_undone(void **state)
{
    fixture *f = *state;
    float start[ELEMENTS], after[ELEMENTS];
    sy_module *net = make(f);
    read_all(net, start);
    /* Room for the weight, none for the bias. */
    sy_worker_set_memory_limit(f->alice, OUT * IN * sizeof(float) + 4);
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(sy_module_send_(net, f->alice, &err), SY_ELIMIT);
    assert_true(err.message[0] != '\0');
    read_all(net, after);
    assert_memory_equal(start, after, sizeof start);
    assert_int_equal(sy_worker_get_object_count(f->alice), 0);
    sy_module_unref(net);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_training_at_a_worker),
        TEST(test_zero_grad_at_a_worker),
        TEST(test_copy_and_move),
        TEST(test_send_is_undone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
