/* collate_test.c - items become batches, here and at a worker, also more than one operation takes. */
#include "federated/collate.h"

#include <string.h>

#include <csyft/operations.h>

#include "support/local_hook.h"

enum { MANY = 300 };

/* scalars 0, 1, 2, ...; at `worker` if there is one */
static void make_items(local_hook *local, sy_worker *worker, sy_tensor **items, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        const float value = (float)k;
        assert_ok(sy_tensor_new(local->hook, &items[k], SY_DTYPE_F32, 0, NULL, &value, &local->err),
                  &local->err);
        if (worker != NULL) {
            assert_ok(sy_tensor_send_(items[k], worker, &local->err), &local->err);
        }
    }
}

static void drop_items(sy_tensor **items, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        sy_tensor_unref(items[k]);
    }
}

static void test_any_number_anywhere(void **state)
{
    local_hook *local = *state;
    sy_worker *bob = NULL;
    assert_ok(sy_virtual_worker_new(local->hook, &bob, "bob", &local->err), &local->err);
    const size_t counts[] = {1, 2, SYI_COLLATE_GROUP, SYI_COLLATE_GROUP + 1, MANY};
    for (size_t k = 0; k < 2 * sizeof counts / sizeof *counts; k++) {
        sy_tensor *items[MANY], *batch = NULL, *here = NULL;
        sy_worker *worker = k % 2 == 0 ? NULL : bob;
        float data[MANY];
        const size_t count = counts[k / 2];
        make_items(local, worker, items, count);
        assert_ok(sy_collate_tensors(items, count, &batch, &local->err), &local->err);
        assert_ptr_equal(sy_tensor_get_location(batch), worker);
        if (worker != NULL) {
            assert_ok(sy_tensor_copy_get(batch, &here, &local->err), &local->err);
        }
        assert_ok(sy_tensor_copy_data(here != NULL ? here : batch, data, count * sizeof *data,
                                      &local->err),
                  &local->err);
        for (size_t i = 0; i < count; i++) {
            assert_true(data[i] == (float)i);
        }
        sy_tensor_unref(here);
        sy_tensor_unref(batch);
        drop_items(items, count);
    }
}

static void test_shape(void **state)
{
    local_hook *local = *state;
    sy_tensor *const items[] = {local_hook_floats(local, 2, (const float[]){1, 2}),
                                local_hook_floats(local, 2, (const float[]){3, 4}),
                                local_hook_floats(local, 2, (const float[]){5, 6})};
    sy_tensor *batch = NULL;
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    assert_ok(sy_collate_tensors(items, 3, &batch, &local->err), &local->err);
    assert_ok(sy_tensor_get_shape(batch, &ndim, shape, &local->err), &local->err);
    assert_int_equal(ndim, 2);
    assert_int_equal(shape[0], 3);
    assert_int_equal(shape[1], 2);
    assert_floats(batch, (const float[]){1, 2, 3, 4, 5, 6}, 6);
    sy_tensor_unref(batch);
    for (size_t k = 0; k < 3; k++) {
        sy_tensor_unref(items[k]);
    }
}

static void test_numbers(void **state)
{
    local_hook *local = *state;
    sy_tensor *batch = NULL;
    int64_t integers[2] = {0};
    double reals[2] = {0};
    assert_ok(
        sy_collate_integers(local->hook, (const int64_t[]){7, INT64_MIN}, 2, &batch, &local->err),
        &local->err);
    assert_ok(sy_tensor_copy_data(batch, integers, sizeof integers, &local->err), &local->err);
    assert_int_equal(integers[0], 7);
    assert_int_equal(integers[1], INT64_MIN);
    sy_tensor_unref(batch);
    assert_ok(sy_collate_reals(local->hook, (const double[]){0.1, -3}, 2, &batch, &local->err),
              &local->err);
    assert_ok(sy_tensor_copy_data(batch, reals, sizeof reals, &local->err), &local->err);
    assert_true(reals[0] == 0.1 && reals[1] == -3);
    sy_tensor_unref(batch);
}

static void test_refusals(void **state)
{
    local_hook *local = *state;
    const int64_t two = 2;
    sy_tensor *batch = NULL, *integers = NULL;
    sy_tensor *x = local_hook_floats(local, 2, (const float[]){1, 2});
    sy_tensor *y = local_hook_floats(local, 3, (const float[]){1, 2, 3});
    assert_ok(sy_tensor_new(local->hook, &integers, SY_DTYPE_I64, 1, &two, NULL, &local->err),
              &local->err);
    assert_status(sy_collate_tensors(NULL, 0, &batch, &local->err), SY_EINVAL, &local->err);
    assert_status(sy_collate_tensors((sy_tensor *[]){x, NULL}, 2, &batch, &local->err), SY_EINVAL,
                  &local->err);
    assert_status(sy_collate_tensors((sy_tensor *[]){x, y}, 2, &batch, &local->err), SY_ESHAPE,
                  &local->err);
    assert_string_equal(local->err.message, "collate: item 0 is 2, item 1 is 3");
    assert_status(sy_collate_tensors((sy_tensor *[]){x, x, integers}, 3, &batch, &local->err),
                  SY_EDTYPE, &local->err);
    assert_non_null(strstr(local->err.message, "item 2 is int64"));
    assert_status(sy_collate_reals(local->hook, NULL, 0, &batch, &local->err), SY_EINVAL,
                  &local->err);
    assert_null(batch);
    sy_tensor_unref(integers);
    sy_tensor_unref(y);
    sy_tensor_unref(x);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, local_hook_setup, local_hook_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_any_number_anywhere),
        TEST(test_shape),
        TEST(test_numbers),
        TEST(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
