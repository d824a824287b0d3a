/* models_test.c - models added, scaled and averaged, here and at a worker; what does not fit changes nothing; accuracy. */
#include <csyft/datasets.h>

#include <math.h>
#include <string.h>

#include <csyft/operations.h>

#include "support/local_hook.h"

/* A Linear of 2 to 1 with bias: weight (a, b), bias c. */
static sy_module *linear(local_hook *local, float a, float b, float c)
{
    sy_module *made = NULL;
    size_t count = 0;
    assert_ok(sy_module_new_linear(local->hook, &made, 2, 1, true, &local->err), &local->err);
    sy_tensor *const *parameters = sy_module_get_parameters(made, &count);
    sy_scope *s = sy_scope_begin(local->hook);
    (void)sy_scope_set_grad_enabled(s, false);
    sy_tensor *weight = local_hook_floats(local, 2, (const float[]){a, b});
    sy_copy_(s, parameters[0], sy_scope_adopt(s, weight));
    sy_fill_(s, parameters[1], c);
    assert_ok(sy_scope_end(s, &local->err), &local->err);
    return made;
}

static void assert_linear(local_hook *local, sy_module *module, float a, float b, float c)
{
    size_t count = 0;
    const float expected[2][2] = {{a, b}, {c}};
    sy_tensor *const *parameters = sy_module_get_parameters(module, &count);
    assert_int_equal(count, 2);
    for (size_t k = 0; k < 2; k++) {
        sy_tensor *here = NULL;
        assert_true(sy_tensor_get_requires_grad(parameters[k]));
        if (sy_tensor_is_pointer(parameters[k])) {
            assert_ok(sy_tensor_copy_get(parameters[k], &here, &local->err), &local->err);
        }
        assert_floats(here != NULL ? here : parameters[k], expected[k], 2 - k);
        sy_tensor_unref(here);
    }
}

static sy_worker *add_worker(local_hook *local, const char *id)
{
    sy_worker *worker = NULL;
    assert_ok(sy_virtual_worker_new(local->hook, &worker, id, &local->err), &local->err);
    return worker;
}

/* Here, and with all models at bob. */
static void test_numbers(void **state)
{
    local_hook *local = *state;
    sy_worker *bob = add_worker(local, "bob");
    for (int there = 0; there < 2; there++) {
        sy_module *m[] = {linear(local, 1, 2, 3), linear(local, 5, -2, 0.5f),
                          linear(local, 0, 3, 1)};
        for (size_t k = 0; k < 3 && there; k++) {
            assert_ok(sy_module_send_(m[k], bob, &local->err), &local->err);
        }
        assert_ok(sy_module_add_model(m[0], m[1], &local->err), &local->err);
        assert_linear(local, m[0], 6, 0, 3.5f);
        assert_linear(local, m[1], 5, -2, 0.5f);
        assert_ok(sy_module_add_model(m[0], m[0], &local->err), &local->err);
        assert_linear(local, m[0], 12, 0, 7);
        assert_ok(sy_module_scale_model(m[0], 0.25, &local->err), &local->err);
        assert_linear(local, m[0], 3, 0, 1.75f);
        assert_ok(sy_federated_avg(m, 2, NULL, &local->err), &local->err);
        assert_linear(local, m[0], 4, -1, 1.125f);
        assert_linear(local, m[1], 5, -2, 0.5f);
        assert_ok(sy_federated_avg(m, 3, (const double[]){2, 1, 1}, &local->err), &local->err);
        assert_linear(local, m[0], 3.25f, -0.25f, 0.9375f);
        assert_ok(sy_federated_avg(m, 1, NULL, &local->err), &local->err);
        assert_linear(local, m[0], 3.25f, -0.25f, 0.9375f);
        for (size_t k = 0; k < 3; k++) {
            sy_module_unref(m[k]);
        }
    }
}

/* Buffers, and what was computed before, are left alone. */
static void test_buffers_stay(void **state)
{
    local_hook *local = *state;
    sy_module *m[2] = {NULL};
    size_t count = 0;
    for (size_t k = 0; k < 2; k++) {
        assert_ok(sy_module_new_batch_norm(local->hook, &m[k], 2, NULL, &local->err), &local->err);
        sy_scope *s = sy_scope_begin(local->hook);
        sy_fill_(s, sy_module_get_buffers(m[k], &count)[0], 1 + (double)k);
        assert_ok(sy_scope_end(s, &local->err), &local->err);
    }
    assert_ok(sy_federated_avg(m, 2, NULL, &local->err), &local->err);
    assert_ok(sy_module_add_model(m[0], m[1], &local->err), &local->err);
    assert_floats(sy_module_get_buffers(m[0], &count)[0], (const float[]){1, 1}, 2);
    sy_module_unref(m[0]);
    sy_module_unref(m[1]);
}

static void test_models_that_do_not_fit(void **state)
{
    local_hook *local = *state;
    sy_worker *bob = add_worker(local, "bob");
    sy_module *a = linear(local, 1, 2, 3), *other = NULL, *nested = NULL, *plain = NULL;
    sy_module *b = linear(local, 1, 1, 1);
    assert_ok(sy_module_new_linear(local->hook, &other, 3, 1, true, &local->err), &local->err);
    assert_ok(sy_module_new_linear(local->hook, &plain, 2, 1, false, &local->err), &local->err);
    assert_ok(sy_module_new_sequential(local->hook, &nested, &b, 1, &local->err), &local->err);
    assert_status(sy_module_add_model(a, other, &local->err), SY_EINVAL, &local->err);
    assert_string_equal(local->err.message,
                        "add_model: weight is 1x2 in one model, 1x3 in another");
    assert_status(sy_module_add_model(a, nested, &local->err), SY_EINVAL, &local->err);
    assert_string_equal(local->err.message,
                        "add_model: parameter 0 is weight in one model, 0.weight in another");
    assert_status(sy_module_add_model(a, plain, &local->err), SY_EINVAL, &local->err);
    assert_status(sy_module_add_model(a, NULL, &local->err), SY_EINVAL, &local->err);
    assert_status(sy_module_scale_model(a, INFINITY, &local->err), SY_EINVAL, &local->err);
    assert_status(sy_module_scale_model(NULL, 1, &local->err), SY_EINVAL, &local->err);
    sy_module *const models[] = {a, b, other};
    assert_status(sy_federated_avg(models, 0, NULL, &local->err), SY_EINVAL, &local->err);
    assert_status(sy_federated_avg(models, 3, NULL, &local->err), SY_EINVAL, &local->err);
    const double wrong[][2] = {{1, 0}, {-1, 2}, {NAN, 1}, {1e308, 1e308}};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        assert_status(sy_federated_avg(models, 2, wrong[k], &local->err), SY_EINVAL, &local->err);
    }
    assert_ok(sy_module_send_(b, bob, &local->err), &local->err);
    assert_status(sy_module_add_model(a, b, &local->err), SY_ECOLLOCATION, &local->err);
    assert_status(sy_federated_avg(models, 2, NULL, &local->err), SY_ECOLLOCATION, &local->err);
    assert_linear(local, a, 1, 2, 3);
    sy_module_unref(nested);
    sy_module_unref(plain);
    sy_module_unref(other);
    sy_module_unref(b);
    sy_module_unref(a);
}

/* A mean for which there is no memory changes nothing. */
static void test_out_of_memory(void **state)
{
    local_hook *local = *state;
    sy_module *const m[] = {linear(local, 1, 2, 3), linear(local, 3, 4, 5)};
    for (size_t nth = 1;; nth++) {
        local->memory.refused = 0;
        local->memory.fail_at = local->memory.calls + nth;
        const sy_status status = sy_federated_avg(m, 2, NULL, &local->err);
        local->memory.fail_at = 0;
        const bool refused = local->memory.refused != 0;
        assert_status(status, refused ? SY_ENOMEM : SY_OK, &local->err);
        if (!refused) {
            assert_linear(local, m[0], 2, 3, 4);
            assert_in_range(nth, 4, 200);
            break;
        }
        assert_linear(local, m[0], 1, 2, 3);
    }
    sy_module_unref(m[0]);
    sy_module_unref(m[1]);
}

static void test_accuracy(void **state)
{
    local_hook *local = *state;
    sy_worker *bob = add_worker(local, "bob");
    const float scores[] = {0.1f, 0.7f, 0.2f, 0.5f, 0.3f, 0.2f, 0, 0, 1, -1, -2, -3};
    const int64_t classes[] = {1, 1, 2, 0};
    sy_tensor *predicted = NULL, *targets = NULL, *real = NULL;
    double accuracy = 0;
    assert_ok(sy_tensor_new(local->hook, &predicted, SY_DTYPE_F32, 2, (int64_t[]){4, 3}, scores,
                            &local->err),
              &local->err);
    assert_ok(
        sy_tensor_new(local->hook, &targets, SY_DTYPE_I64, 1, (int64_t[]){4}, classes, &local->err),
        &local->err);
    assert_ok(sy_accuracy(predicted, targets, &accuracy, &local->err), &local->err);
    assert_true(accuracy == 0.75);
    assert_status(sy_accuracy(targets, targets, &accuracy, &local->err), SY_ESHAPE, &local->err);
    assert_status(sy_accuracy(predicted, NULL, &accuracy, &local->err), SY_EINVAL, &local->err);
    real = local_hook_floats(local, 4, (const float[]){1, 1, 2, 0});
    assert_status(sy_accuracy(predicted, real, &accuracy, &local->err), SY_EDTYPE, &local->err);
    sy_tensor_unref(real);
    assert_ok(sy_tensor_send_(predicted, bob, &local->err), &local->err);
    assert_ok(sy_tensor_send_(targets, bob, &local->err), &local->err);
    accuracy = 0;
    assert_ok(sy_accuracy(predicted, targets, &accuracy, &local->err), &local->err);
    assert_true(accuracy == 0.75);
    sy_tensor_unref(predicted);
    sy_tensor_unref(targets);
    assert_ok(sy_tensor_new(local->hook, &predicted, SY_DTYPE_F32, 2, (int64_t[]){0, 3}, NULL,
                            &local->err),
              &local->err);
    assert_ok(
        sy_tensor_new(local->hook, &targets, SY_DTYPE_I64, 1, (int64_t[]){0}, NULL, &local->err),
        &local->err);
    assert_status(sy_accuracy(predicted, targets, &accuracy, &local->err), SY_ERANGE, &local->err);
    assert_true(accuracy == 0.75);
    sy_tensor_unref(predicted);
    sy_tensor_unref(targets);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, local_hook_setup, local_hook_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_numbers),       TEST(test_buffers_stay), TEST(test_models_that_do_not_fit),
        TEST(test_out_of_memory), TEST(test_accuracy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
