/* loader_shuffle_test.c - orders by seed, views and copies, and batches across several datasets of a worker. */
#include "federated/loader.h"

#include <string.h>

#include <csyft/operations.h>

#include "support/loader_scene.h"

static void test_seeds(void **state)
{
    enum { PASSES = 3 };
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    int64_t numbers[3][PASSES][LOADER_ROWS];
    o.shuffle = true;
    o.batch_size = 4;
    o.seed = 5;
    loader_scene f = open_loader(state, (const int64_t[]){30, 30}, 2, &o);
    for (size_t k = 0; k < 3; k++) {
        o.seed = k < 2 ? 5 : 6;
        sy_federated_loader_free(f.loader);
        assert_ok(sy_federated_loader_new(&f.loader, f.spread, &o, &f.local->err), &f.local->err);
        for (size_t pass = 0; pass < PASSES; pass++) {
            assert_int_equal(read_pass(&f, numbers[k][pass]), LOADER_ROWS);
            for (size_t i = 0; i < pass; i++) {
                assert_memory_not_equal(numbers[k][i], numbers[k][pass], sizeof numbers[k][i]);
            }
        }
    }
    assert_memory_equal(numbers[0], numbers[1], sizeof numbers[0]);
    assert_memory_not_equal(numbers[0], numbers[2], sizeof numbers[0]);
    int64_t first_alike = 0; /* the workers' orders are their own */
    for (size_t k = 0; k < 30; k++) {
        first_alike += numbers[0][0][k] + 30 == numbers[0][0][30 + k];
    }
    assert_true(first_alike < 15);
    close_loader(&f);
}

static void test_seeds_that_are_drawn(void **state)
{
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    int64_t numbers[2][LOADER_ROWS];
    o.shuffle = true;
    loader_scene f = open_loader(state, (const int64_t[]){LOADER_ROWS}, 1, &o);
    assert_int_equal(read_pass(&f, numbers[0]), LOADER_ROWS);
    sy_federated_loader_free(f.loader);
    assert_ok(sy_federated_loader_new(&f.loader, f.spread, &o, &f.local->err), &f.local->err);
    assert_int_equal(read_pass(&f, numbers[1]), LOADER_ROWS);
    assert_memory_not_equal(numbers[0], numbers[1], sizeof numbers[0]);
    close_loader(&f);
}

/* Shuffled batches are copies, others views, as the header says. */
static void test_views_and_copies(void **state)
{
    for (int shuffled = 0; shuffled < 2; shuffled++) {
        sy_loader_options o = SY_LOADER_OPTIONS_INIT;
        sy_federated_batch batch;
        size_t count = 0;
        float data[2];
        o.shuffle = shuffled;
        loader_scene f = {.local = *state};
        sy_dataset *part = NULL;
        char id[] = {(char)('a' + shuffled), '\0'};
        assert_ok(sy_virtual_worker_new(f.local->hook, &f.workers[0], id, &f.local->err),
                  &f.local->err);
        part = numbered_rows_at(f.workers[0], 4, 1);
        assert_ok(sy_federated_dataset_new(&f.spread, &part, 1, &f.local->err), &f.local->err);
        assert_ok(sy_federated_loader_new(&f.loader, f.spread, &o, &f.local->err), &f.local->err);
        assert_ok(sy_federated_loader_next(f.loader, &batch, 1, &count, &f.local->err),
                  &f.local->err);
        sy_scope *s = sy_scope_begin(f.local->hook);
        sy_fill_(s, batch.data, 9);
        assert_ok(sy_scope_end(s, &f.local->err), &f.local->err);
        numbered_rows_copy(sy_dataset_get_data(part), data, sizeof data);
        assert_true(data[0] == (shuffled ? 4 : 9));
        sy_federated_batch_fini(&batch);
        sy_dataset_unref(part);
        close_loader(&f);
    }
}

/* Several datasets at one worker are one row of rows. */
static void test_batches_across_datasets(void **state)
{
    local_hook *local = *state;
    loader_scene f = {.local = local};
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    assert_ok(sy_virtual_worker_new(local->hook, &f.workers[0], "a", &local->err), &local->err);
    assert_ok(sy_virtual_worker_new(local->hook, &f.workers[1], "b", &local->err), &local->err);
    sy_dataset *parts[] = {
        numbered_rows_at(f.workers[0], 0, 2), numbered_rows_at(f.workers[1], 20, 1),
        numbered_rows_at(f.workers[0], 2, 1), numbered_rows_at(f.workers[0], 3, 0),
        numbered_rows_at(f.workers[0], 3, 4)};
    f.spread = numbered_rows_spread(parts, 5);
    o.batch_size = 5;
    assert_ok(sy_federated_loader_new(&f.loader, f.spread, &o, &local->err), &local->err);
    assert_steps(&f, "a:0,1,2,3,4", "a:5,6", "b:20");
    sy_federated_loader_free(f.loader);
    o.shuffle = true;
    assert_ok(sy_federated_loader_new(&f.loader, f.spread, &o, &local->err), &local->err);
    for (int pass = 0; pass < 20; pass++) {
        int64_t numbers[LOADER_ROWS];
        bool seen[7] = {false};
        assert_int_equal(read_pass(&f, numbers), 8);
        for (size_t k = 0; k < 7; k++) {
            assert_in_range(numbers[k], 0, 6);
            assert_false(seen[numbers[k]]);
            seen[numbers[k]] = true;
        }
        assert_int_equal(numbers[7], 20);
    }
    close_loader(&f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, local_hook_setup, local_hook_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_seeds),
        TEST(test_seeds_that_are_drawn),
        TEST(test_views_and_copies),
        TEST(test_batches_across_datasets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
