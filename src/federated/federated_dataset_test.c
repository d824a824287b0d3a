/* federated_dataset_test.c - rows spread over workers: how many to each, several datasets at one, what is refused, and
 * nothing left after failures. */
#include "federated/dataset.h"

#include <string.h>

#include "support/heard.h"
#include "support/memory_faults.h"
#include "support/numbered_rows.h"

enum { WORKERS = 4 };

typedef struct fixture {
    failing_allocator memory;
    heard_lines heard;
    sy_context *context;
    sy_hook *hook;
    sy_worker *workers[WORKERS]; /* bob, alice, james and 12 */
    sy_error err;
} fixture;

static int setup(void **state)
{
    static const char *const ids[WORKERS] = {"bob", "alice", "james", "12"};
    fixture *f = calloc(1, sizeof *f);
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    sy_hook_options hook_options = SY_HOOK_OPTIONS_INIT;
    pthread_mutex_init(&f->heard.lock, NULL);
    options.allocator = failing_allocator_get(&f->memory);
    options.log = heard_take;
    options.log_user = &f->heard;
    options.log_filter = "federated=debug";
    hook_options.verbose = false;
    assert_ok(sy_context_new(&f->context, &options, &f->err), &f->err);
    assert_ok(sy_hook_new(f->context, &f->hook, &hook_options, &f->err), &f->err);
    for (size_t k = 0; k < WORKERS; k++) {
        assert_ok(sy_virtual_worker_new(f->hook, &f->workers[k], ids[k], &f->err), &f->err);
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    sy_hook_free(f->hook);
    memory_faults_context_free(&f->memory, f->context);
    pthread_mutex_destroy(&f->heard.lock);
    free(f);
    return 0;
}

static void assert_nothing_left(fixture *f)
{
    for (size_t k = 0; k < WORKERS; k++) {
        assert_soon(f->workers[k], 0);
    }
}

/* Rows 0 to length - 1: the first `expected[0]` at the first worker, ... */
static void spread(fixture *f, int64_t length, size_t workers, const int64_t *expected)
{
    sy_dataset *d = numbered_rows(f->hook, 0, length);
    sy_federated_dataset *made = NULL;
    assert_ok(sy_dataset_federate(d, f->workers, workers, &made, &f->err), &f->err);
    assert_int_equal(sy_federated_dataset_get_length(made), length);
    int64_t next = 0;
    size_t some = 0;
    for (size_t k = 0; k < workers; k++) {
        sy_worker *worker = f->workers[k];
        assert_int_equal(sy_federated_dataset_get_rows(made, worker), expected[k]);
        assert_int_equal(sy_federated_dataset_get_count(made, worker), expected[k] > 0);
        if (expected[k] > 0) {
            sy_dataset *part = sy_federated_dataset_get(made, worker, 0);
            int64_t numbers[NUMBERED_MAX];
            assert_ptr_equal(sy_federated_dataset_get_worker(made, some++), worker);
            assert_ptr_equal(sy_dataset_get_location(part), worker);
            numbered_rows_read(sy_dataset_get_data(part), sy_dataset_get_targets(part), numbers,
                               (size_t)expected[k]);
            for (int64_t i = 0; i < expected[k]; i++) {
                assert_int_equal(numbers[i], next++);
            }
        }
    }
    assert_int_equal(next, length);
    assert_int_equal(sy_federated_dataset_get_worker_count(made), some);
    assert_null(sy_federated_dataset_get_worker(made, some));
    assert_null(sy_dataset_get_location(d)); /* it stays */
    sy_federated_dataset_unref(made);
    sy_dataset_unref(d);
}

static void test_ceil_to_each(void **state)
{
    fixture *f = *state;
    spread(f, 5, 4, (const int64_t[]){2, 2, 1, 0});
    spread(f, 8, 4, (const int64_t[]){2, 2, 2, 2});
    spread(f, 9, 4, (const int64_t[]){3, 3, 3, 0});
    spread(f, 1, 4, (const int64_t[]){1, 0, 0, 0});
    spread(f, 7, 1, (const int64_t[]){7});
    assert_nothing_left(f);
}

/* Integer ids, too, which the reference cannot print. */
static void test_says_to_whom(void **state)
{
    fixture *f = *state;
    sy_dataset *d = numbered_rows(f->hook, 0, 4);
    sy_federated_dataset *made = NULL;
    char *text = NULL;
    assert_ok(sy_dataset_federate(d, f->workers, 4, &made, &f->err), &f->err);
    const char *const lines[] = {"Scanning and sending data to bob, alice, james, 12...", NULL};
    assert_true(heard_in_order(&f->heard, lines));
    assert_ok(sy_federated_dataset_to_text(made, &text, &f->err), &f->err);
    assert_string_equal(text, "FederatedDataset\n    Distributed accross: bob, alice, james, 12\n"
                              "    Number of datapoints: 4\n");
    sy_string_free(f->hook, text);
    sy_federated_dataset_unref(made);
    sy_dataset_unref(d);
}

static void test_what_cannot_be_spread(void **state)
{
    fixture *f = *state;
    sy_dataset *d = numbered_rows(f->hook, 0, 4), *none = numbered_rows(f->hook, 0, 0);
    sy_federated_dataset *made = NULL;
    sy_worker *twice[] = {f->workers[0], f->workers[1], f->workers[0]};
    assert_status(sy_dataset_federate(d, NULL, 0, &made, &f->err), SY_EINVAL, &f->err);
    assert_status(sy_dataset_federate(d, twice, 3, &made, &f->err), SY_EINVAL, &f->err);
    assert_string_equal(f->err.message, "federate: worker bob is there twice");
    assert_status(sy_dataset_federate(d, (sy_worker *[]){NULL}, 1, &made, &f->err), SY_EINVAL,
                  &f->err);
    assert_status(sy_dataset_federate(none, f->workers, 2, &made, &f->err), SY_EINVAL, &f->err);
    assert_ok(sy_dataset_send(d, f->workers[0], &f->err), &f->err);
    assert_status(sy_dataset_federate(d, f->workers, 2, &made, &f->err), SY_EINVAL, &f->err);
    assert_null(made);
    sy_dataset_unref(none);
    sy_dataset_unref(d);
}

/* Two datasets at bob are both there, and james has one without rows. */
static void test_several_at_one_worker(void **state)
{
    fixture *f = *state;
    sy_dataset *parts[] = {
        numbered_rows_at(f->workers[0], 0, 2), numbered_rows_at(f->workers[1], 2, 3),
        numbered_rows_at(f->workers[0], 5, 4), numbered_rows_at(f->workers[2], 9, 0)};
    sy_dataset *second = parts[2];
    sy_federated_dataset *made = numbered_rows_spread(parts, 4);
    sy_federated_dataset *again = sy_federated_dataset_ref(made);
    assert_int_equal(sy_federated_dataset_get_worker_count(made), 3);
    assert_ptr_equal(sy_federated_dataset_get_worker(made, 1), f->workers[1]);
    assert_int_equal(sy_federated_dataset_get_length(made), 9);
    assert_int_equal(sy_federated_dataset_get_count(made, f->workers[0]), 2);
    assert_int_equal(sy_federated_dataset_get_rows(made, f->workers[0]), 6);
    assert_ptr_equal(sy_federated_dataset_get(made, f->workers[0], 1), second);
    assert_null(sy_federated_dataset_get(made, f->workers[0], 2));
    assert_int_equal(sy_federated_dataset_get_rows(made, f->workers[2]), 0);
    assert_int_equal(sy_federated_dataset_get_count(made, f->workers[2]), 1);
    assert_int_equal(sy_federated_dataset_get_count(made, f->workers[3]), 0);
    assert_null(sy_federated_dataset_get(made, f->workers[3], 0));
    sy_federated_dataset_unref(made);
    sy_federated_dataset_unref(again);
    sy_federated_dataset_unref(NULL);
}

static sy_dataset *dataset_of(fixture *f, sy_worker *worker, sy_dtype dtype, int64_t columns)
{
    sy_tensor *x = NULL, *y = NULL;
    sy_dataset *made = NULL;
    assert_ok(sy_tensor_new(f->hook, &x, SY_DTYPE_F32, 2, (int64_t[]){3, columns}, NULL, &f->err),
              &f->err);
    assert_ok(sy_tensor_new(f->hook, &y, dtype, 1, (int64_t[]){3}, NULL, &f->err), &f->err);
    assert_ok(sy_dataset_new(&made, x, y, &f->err), &f->err);
    assert_ok(sy_dataset_send(made, worker, &f->err), &f->err);
    sy_tensor_unref(x);
    sy_tensor_unref(y);
    return made;
}

static void test_rows_that_are_not_alike(void **state)
{
    fixture *f = *state;
    sy_federated_dataset *made = NULL;
    sy_dataset *narrow = dataset_of(f, f->workers[0], SY_DTYPE_I64, 2);
    sy_dataset *wide = dataset_of(f, f->workers[1], SY_DTYPE_I64, 5);
    sy_dataset *real = dataset_of(f, f->workers[1], SY_DTYPE_F32, 2);
    sy_dataset *here = numbered_rows(f->hook, 0, 3);
    assert_status(sy_federated_dataset_new(&made, (sy_dataset *[]){narrow, wide}, 2, &f->err),
                  SY_ESHAPE, &f->err);
    assert_string_equal(f->err.message, "federated dataset: rows of data are 2 at worker bob and 5 "
                                        "at worker alice");
    assert_status(sy_federated_dataset_new(&made, (sy_dataset *[]){narrow, real}, 2, &f->err),
                  SY_EDTYPE, &f->err);
    assert_status(sy_federated_dataset_new(&made, (sy_dataset *[]){narrow, here}, 2, &f->err),
                  SY_EINVAL, &f->err);
    assert_status(sy_federated_dataset_new(&made, (sy_dataset *[]){narrow, NULL}, 2, &f->err),
                  SY_EINVAL, &f->err);
    assert_status(sy_federated_dataset_new(&made, NULL, 0, &f->err), SY_EINVAL, &f->err);
    assert_null(made);
    sy_dataset_unref(here);
    sy_dataset_unref(real);
    sy_dataset_unref(wide);
    sy_dataset_unref(narrow);
}

/* Whatever allocation fails, no worker keeps anything. */
static void test_out_of_memory(void **state)
{
    fixture *f = *state;
    sy_dataset *d = numbered_rows(f->hook, 0, 5);
    for (size_t nth = 1;; nth++) {
        sy_federated_dataset *made = NULL;
        f->memory.refused = 0;
        f->memory.fail_at = f->memory.calls + nth;
        const sy_status status = sy_dataset_federate(d, f->workers, 3, &made, &f->err);
        f->memory.fail_at = 0;
        const bool refused = f->memory.refused != 0;
        assert_true(refused ? numbered_rows_no_memory(status) : status == SY_OK);
        assert_true(refused == (made == NULL));
        sy_federated_dataset_unref(made);
        assert_nothing_left(f);
        if (!refused) {
            assert_in_range(nth, 20, 1000);
            break;
        }
    }
    sy_dataset_unref(d);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_ceil_to_each),
        TEST(test_says_to_whom),
        TEST(test_what_cannot_be_spread),
        TEST(test_several_at_one_worker),
        TEST(test_rows_that_are_not_alike),
        TEST(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
