/* dataset_test.c - one dataset: rows of it, changes in place that happen to both tensors or to none, refusals. */
#include "federated/dataset.h"

#include <string.h>

#include <csyft/operations.h>

#include "support/local_hook.h"
#include "support/numbered_rows.h"

static sy_worker *add_worker(local_hook *local, const char *id)
{
    sy_worker *worker = NULL;
    assert_ok(sy_virtual_worker_new(local->hook, &worker, id, &local->err), &local->err);
    return worker;
}

static void test_rows(void **state)
{
    local_hook *local = *state;
    sy_worker *bob = add_worker(local, "bob");
    for (int there = 0; there < 2; there++) {
        sy_dataset *d = there ? numbered_rows_at(bob, 10, 5) : numbered_rows(local->hook, 10, 5);
        sy_tensor *data = NULL, *targets = NULL;
        assert_int_equal(sy_dataset_get_length(d), 5);
        assert_ptr_equal(sy_dataset_get_location(d), there ? bob : NULL);
        const int64_t asked[] = {0, 4, -5, -1};
        const int64_t expected[] = {10, 14, 10, 14};
        for (size_t k = 0; k < 4; k++) {
            assert_ok(sy_dataset_get_item(d, asked[k], &data, &targets, &local->err), &local->err);
            numbered_rows_assert(data, targets, &expected[k], 1);
            sy_tensor_unref(data);
            sy_tensor_unref(targets);
        }
        const int64_t some[] = {3, -5, 3, 1};
        assert_ok(sy_dataset_get_batch(d, some, 4, &data, &targets, &local->err), &local->err);
        assert_rows(data, targets, 13, 10, 13, 11);
        sy_tensor_unref(data);
        sy_tensor_unref(targets);
        assert_ok(sy_dataset_get_batch(d, NULL, 0, &data, &targets, &local->err), &local->err);
        int64_t length = -1;
        assert_ok(sy_tensor_get_length(data, &length, &local->err), &local->err);
        assert_int_equal(length, 0);
        sy_tensor_unref(data);
        sy_tensor_unref(targets);
        sy_dataset_unref(d);
    }
}

/* A batch by indices is a copy, also when the rows follow each other. */
static void test_batches_are_copies(void **state)
{
    local_hook *local = *state;
    sy_dataset *d = numbered_rows(local->hook, 0, 3);
    sy_tensor *data = NULL, *targets = NULL;
    const int64_t rows[] = {0, 1, 2};
    assert_ok(sy_dataset_get_batch(d, rows, 3, &data, &targets, &local->err), &local->err);
    sy_scope *s = sy_scope_begin(local->hook);
    sy_fill_(s, data, 99);
    assert_ok(sy_scope_end(s, &local->err), &local->err);
    assert_floats(sy_dataset_get_data(d), (const float[]){0, 0.5f, 1, 1.5f, 2, 2.5f}, 6);
    sy_tensor_unref(data);
    sy_tensor_unref(targets);
    sy_dataset_unref(d);
}

static void test_rows_that_are_not_there(void **state)
{
    local_hook *local = *state;
    sy_dataset *d = numbered_rows(local->hook, 0, 3), *none = numbered_rows(local->hook, 0, 0);
    sy_tensor *data = d->data, *targets = d->targets; /* not NULL */
    assert_status(sy_dataset_get_item(d, 3, &data, &targets, &local->err), SY_ERANGE, &local->err);
    assert_null(data);
    assert_null(targets);
    assert_status(sy_dataset_get_item(d, -4, &data, &targets, &local->err), SY_ERANGE, &local->err);
    assert_status(sy_dataset_get_item(none, 0, &data, &targets, &local->err), SY_ERANGE,
                  &local->err);
    const int64_t rows[] = {0, 7};
    assert_status(sy_dataset_get_batch(d, rows, 2, &data, &targets, &local->err), SY_ERANGE,
                  &local->err);
    assert_string_equal(local->err.message, "dataset: row 7 of 3");
    assert_null(data);
    sy_dataset_unref(none);
    sy_dataset_unref(d);
}

static void test_what_is_no_dataset(void **state)
{
    local_hook *local = *state;
    sy_worker *bob = add_worker(local, "bob"), *alice = add_worker(local, "alice");
    sy_dataset *d = NULL;
    sy_tensor *x = local_hook_floats(local, 3, (const float[]){1, 2, 3});
    sy_tensor *y = local_hook_floats(local, 2, (const float[]){1, 2});
    sy_tensor *scalar = NULL, *at_bob = NULL, *at_alice = NULL;
    assert_ok(sy_tensor_new(local->hook, &scalar, SY_DTYPE_F32, 0, NULL, NULL, &local->err),
              &local->err);
    assert_ok(sy_tensor_send(x, &at_bob, bob, &local->err), &local->err);
    assert_ok(sy_tensor_send(x, &at_alice, alice, &local->err), &local->err);
    assert_status(sy_dataset_new(&d, x, NULL, &local->err), SY_EINVAL, &local->err);
    assert_status(sy_dataset_new(&d, x, scalar, &local->err), SY_EINVAL, &local->err);
    assert_status(sy_dataset_new(&d, x, y, &local->err), SY_ESHAPE, &local->err);
    assert_string_equal(local->err.message, "dataset: 3 rows of data, 2 targets");
    assert_status(sy_dataset_new(&d, at_bob, x, &local->err), SY_ECOLLOCATION, &local->err);
    assert_string_equal(local->err.message,
                        "dataset: the data is at worker bob, the targets are here");
    assert_status(sy_dataset_new(&d, at_bob, at_alice, &local->err), SY_ECOLLOCATION, &local->err);
    assert_null(d);
    sy_dataset_unref(NULL);
    sy_tensor_unref(at_alice);
    sy_tensor_unref(at_bob);
    sy_tensor_unref(scalar);
    sy_tensor_unref(y);
    sy_tensor_unref(x);
}

/* The caller's handles are those of the dataset. */
static void test_send_and_get_in_place(void **state)
{
    local_hook *local = *state;
    sy_worker *bob = add_worker(local, "bob");
    sy_dataset *d = numbered_rows(local->hook, 0, 3);
    sy_tensor *data = sy_tensor_ref(d->data);
    assert_status(sy_dataset_get(d, &local->err), SY_EINVAL, &local->err);
    assert_status(sy_dataset_send(d, NULL, &local->err), SY_EINVAL, &local->err);
    assert_ok(sy_dataset_send(d, bob, &local->err), &local->err);
    assert_ptr_equal(sy_tensor_get_location(data), bob);
    assert_ptr_equal(sy_tensor_get_location(sy_dataset_get_targets(d)), bob);
    assert_int_equal(sy_worker_get_object_count(bob), 2);
    assert_status(sy_dataset_send(d, bob, &local->err), SY_EINVAL, &local->err);
    assert_ok(sy_dataset_get(d, &local->err), &local->err);
    assert_false(sy_tensor_is_wrapper(data));
    assert_null(sy_dataset_get_location(d));
    assert_rows(d->data, d->targets, 0, 1, 2);
    assert_soon(bob, 0);
    sy_tensor_unref(data);
    sy_dataset_unref(d);
}

static void test_one_tensor_for_both(void **state)
{
    local_hook *local = *state;
    sy_worker *bob = add_worker(local, "bob");
    sy_dataset *d = NULL;
    sy_tensor *x = local_hook_floats(local, 2, (const float[]){1, 2});
    assert_ok(sy_dataset_new(&d, x, x, &local->err), &local->err);
    sy_tensor_unref(x);
    assert_ok(sy_dataset_send(d, bob, &local->err), &local->err);
    assert_ok(sy_dataset_get(d, &local->err), &local->err);
    assert_floats(sy_dataset_get_targets(d), (const float[]){1, 2}, 2);
    sy_dataset_unref(d);
}

static void test_fixed_precision_and_shares(void **state)
{
    local_hook *local = *state;
    sy_worker *const holders[] = {add_worker(local, "bob"), add_worker(local, "alice")};
    sy_precision_options options = SY_PRECISION_OPTIONS_INIT;
    sy_dataset *d = numbered_rows(local->hook, 0, 4);
    sy_tensor *data = NULL, *targets = NULL;
    assert_status(sy_dataset_share(d, holders, 2, NULL, &local->err), SY_EDTYPE, &local->err);
    assert_false(sy_tensor_is_wrapper(d->data));
    assert_ok(sy_dataset_fix_precision(d, &options, &local->err), &local->err);
    assert_true(sy_tensor_is_fixed_precision(d->data));
    assert_true(sy_tensor_is_fixed_precision(d->targets));
    assert_status(sy_dataset_get(d, &local->err), SY_EINVAL, &local->err); /* it is here */
    assert_ok(sy_dataset_share(d, holders, 2, NULL, &local->err), &local->err);
    assert_true(sy_tensor_is_shared(d->data));
    assert_null(sy_dataset_get_location(d));
    assert_status(sy_dataset_send(d, holders[0], &local->err), SY_EINVAL, &local->err);
    const int64_t rows[] = {2, 0};
    assert_ok(sy_dataset_get_batch(d, rows, 2, &data, &targets, &local->err), &local->err);
    assert_true(sy_tensor_is_shared(data));
    sy_tensor_unref(data);
    sy_tensor_unref(targets);
    assert_ok(sy_dataset_get(d, &local->err), &local->err);
    assert_ok(sy_dataset_float_precision(d, &local->err), &local->err);
    assert_floats(d->data, (const float[]){0, 0.5f, 1, 1.5f, 2, 2.5f, 3, 3.5f}, 8);
    assert_floats(d->targets, (const float[]){0, 1, 2, 3}, 4);
    assert_status(sy_dataset_float_precision(d, &local->err), SY_EINVAL, &local->err);
    sy_dataset_unref(d);
}

/* Transforms */

static sy_tensor *halve(sy_scope *scope, sy_tensor *data, void *user)
{
    ++*(int *)user;
    return sy_mul_scalar(scope, data, 0.5);
}

static sy_tensor *shorten(sy_scope *scope, sy_tensor *data, void *user)
{
    (void)user;
    return sy_narrow(scope, data, 0, 0, 1);
}

static sy_tensor *nothing(sy_scope *scope, sy_tensor *data, void *user)
{
    (void)scope;
    (void)data;
    (void)user;
    return NULL;
}

static sy_tensor *mistaken(sy_scope *scope, sy_tensor *data, void *user)
{
    (void)user;
    return sy_matmul(scope, data, data);
}

static sy_tensor *encode(sy_scope *scope, sy_tensor *data, void *user)
{
    (void)user;
    return sy_fix_precision(scope, data, 3);
}

static void test_transform(void **state)
{
    local_hook *local = *state;
    sy_worker *bob = add_worker(local, "bob");
    sy_dataset *d = numbered_rows(local->hook, 2, 2);
    sy_tensor *before = sy_tensor_ref(d->data);
    int calls = 0;
    assert_ok(sy_dataset_transform(d, halve, &calls, &local->err), &local->err);
    assert_int_equal(calls, 1);
    assert_floats(d->data, (const float[]){1, 1.25f, 1.5f, 1.75f}, 4);
    assert_floats(before, (const float[]){2, 2.5f, 3, 3.5f}, 4);
    sy_tensor_unref(before);
    before = d->data;
    assert_status(sy_dataset_transform(d, shorten, NULL, &local->err), SY_ESHAPE, &local->err);
    assert_status(sy_dataset_transform(d, nothing, NULL, &local->err), SY_EINVAL, &local->err);
    assert_status(sy_dataset_transform(d, mistaken, NULL, &local->err), SY_OK, &local->err);
    assert_status(sy_dataset_transform(d, encode, NULL, &local->err), SY_EINVAL, &local->err);
    assert_ok(sy_dataset_send(d, bob, &local->err), &local->err);
    assert_status(sy_dataset_transform(d, halve, &calls, &local->err), SY_EINVAL, &local->err);
    assert_int_equal(calls, 1);
    sy_dataset_unref(d);
}

/* Whatever allocation fails: both tensors are where they were, and the worker holds what it held. */
static void sweep(local_hook *local, bool fetched)
{
    sy_worker *bob = add_worker(local, "bob");
    for (size_t nth = 1;; nth++) {
        sy_dataset *d = numbered_rows(local->hook, 0, 3);
        if (fetched) {
            assert_ok(sy_dataset_send(d, bob, &local->err), &local->err);
        }
        local->memory.refused = 0;
        local->memory.fail_at = local->memory.calls + nth;
        const sy_status status =
            fetched ? sy_dataset_get(d, &local->err) : sy_dataset_send(d, bob, &local->err);
        local->memory.fail_at = 0;
        const bool refused = local->memory.refused != 0;
        assert_true(refused ? numbered_rows_no_memory(status) : status == SY_OK);
        sy_worker *expected = fetched == (status == SY_OK) ? NULL : bob;
        assert_ptr_equal(sy_tensor_get_location(d->data), expected);
        assert_ptr_equal(sy_tensor_get_location(d->targets), expected);
        assert_rows(d->data, d->targets, 0, 1, 2);
        sy_dataset_unref(d);
        assert_soon(bob, 0);
        if (!refused) {
            assert_in_range(nth, 5, 500);
            return;
        }
    }
}

static void test_send_out_of_memory(void **state)
{
    sweep(*state, false);
}

static void test_get_out_of_memory(void **state)
{
    sweep(*state, true);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, local_hook_setup, local_hook_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_rows),
        TEST(test_batches_are_copies),
        TEST(test_rows_that_are_not_there),
        TEST(test_what_is_no_dataset),
        TEST(test_send_and_get_in_place),
        TEST(test_one_tensor_for_both),
        TEST(test_fixed_precision_and_shares),
        TEST(test_transform),
        TEST(test_send_out_of_memory),
        TEST(test_get_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
