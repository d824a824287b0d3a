/* loader_test.c - which batches come, in which steps and order; the reference's own cases are in
 * tests/reference/003_federated_dataloader.c. */
#include "federated/loader.h"

#include <string.h>

#include "support/loader_scene.h"
#include "support/property.h"

static void test_one_iterator(void **state)
{
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    o.batch_size = 2;
    loader_scene f = open_loader(state, (const int64_t[]){3, 0, 4, 1}, 4, &o);
    assert_int_equal(sy_federated_loader_get_length(f.loader), 5); /* 8 rows in twos would be 4 */
    assert_int_equal(sy_federated_loader_get_width(f.loader), 1);
    for (int pass = 0; pass < 2; pass++) {
        assert_steps(&f, "a:0,1", "a:2", "c:3,4", "c:5,6", "d:7");
    }
    close_loader(&f);
}

static void test_defaults(void **state)
{
    loader_scene f = open_loader(state, (const int64_t[]){9, 2}, 2, NULL);
    assert_steps(&f, "a:0,1,2,3,4,5,6,7", "a:8", "b:9,10");
    close_loader(&f);
}

static void test_drop_last_per_worker(void **state)
{
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    o.batch_size = 2;
    o.drop_last = true;
    loader_scene f = open_loader(state, (const int64_t[]){3, 1, 4}, 3, &o);
    assert_int_equal(sy_federated_loader_get_length(f.loader), 3); /* 8 rows in twos would be 4 */
    assert_steps(&f, "a:0,1", "c:4,5", "c:6,7");
    close_loader(&f);
}

static void test_one_worker_several_iterators(void **state)
{
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    o.num_iterators = 4;
    o.batch_size = INT64_MAX;
    loader_scene f = open_loader(state, (const int64_t[]){3}, 1, &o);
    assert_int_equal(sy_federated_loader_get_width(f.loader), 1);
    assert_steps(&f, "a:0,1,2");
    close_loader(&f);
}

static void test_nothing_anywhere(void **state)
{
    loader_scene f = open_loader(state, (const int64_t[]){0, 0}, 2, NULL);
    char text[8];
    assert_int_equal(sy_federated_loader_get_length(f.loader), 0);
    assert_string_equal(step(&f, text, sizeof text), "");
    close_loader(&f);
}

/* The first waits while the second is at the only worker that it has left; the reference ends the pass there. */
static void test_an_iterator_waits(void **state)
{
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    o.batch_size = 2;
    o.num_iterators = 2;
    loader_scene f = open_loader(state, (const int64_t[]){2, 8, 2}, 3, &o);
    assert_int_equal(sy_federated_loader_get_length(f.loader), 12);
    assert_steps(&f, "a:0,1 b:2,3", "c:10,11 b:4,5", "b:6,7", "b:8,9", "b:2,3 a:0,1",
                 "b:4,5 c:10,11", "b:6,7", "b:8,9");
    close_loader(&f);
}

static void test_iter_per_worker(void **state)
{
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    o.batch_size = 2;
    o.iter_per_worker = true;
    o.num_iterators = 1;
    loader_scene f = open_loader(state, (const int64_t[]){2, 5, 0, 4}, 4, &o);
    assert_int_equal(sy_federated_loader_get_length(f.loader), 6);
    assert_int_equal(sy_federated_loader_get_width(f.loader), 4);
    assert_steps(&f, "a:0,1 b:2,3 d:7,8", "b:4,5 d:9,10", "b:6");
    close_loader(&f);
}

static void test_rewind(void **state)
{
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    o.batch_size = 2;
    loader_scene f = open_loader(state, (const int64_t[]){3, 1}, 2, &o);
    char text[100];
    sy_federated_loader_rewind(f.loader);
    assert_string_equal(step(&f, text, sizeof text), "a:0,1");
    assert_string_equal(step(&f, text, sizeof text), "a:2");
    sy_federated_loader_rewind(f.loader);
    assert_steps(&f, "a:0,1", "a:2", "b:3");
    close_loader(&f);
}

static void test_refusals(void **state)
{
    local_hook *local = *state;
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    sy_federated_loader *made = NULL;
    sy_federated_batch batch;
    size_t count = 7;
    o.num_iterators = 2;
    loader_scene f = open_loader(state, (const int64_t[]){1, 1, 1}, 3, &o);
    assert_status(sy_federated_loader_next(f.loader, &batch, 1, &count, &local->err), SY_EINVAL,
                  &local->err);
    assert_int_equal(count, 0);
    o.num_iterators = 0;
    assert_status(sy_federated_loader_new(&made, f.spread, &o, &local->err), SY_EINVAL,
                  &local->err);
    assert_string_equal(local->err.message, "loader: num_iterators is 0");
    o.num_iterators = 1;
    o.batch_size = 0;
    assert_status(sy_federated_loader_new(&made, f.spread, &o, &local->err), SY_EINVAL,
                  &local->err);
    assert_string_equal(local->err.message, "loader: batch_size is 0");
    assert_status(sy_federated_loader_new(&made, NULL, NULL, &local->err), SY_EINVAL, &local->err);
    assert_null(made);
    sy_federated_loader_free(NULL);
    close_loader(&f);
}

/* Any shards and options: a pass gives every row as often as there are iterators, workers of a step are distinct, and as
 * many batches come as the length says. */
static void one_property(void **state, property_random *random)
{
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    int64_t rows[LOADER_WORKERS], total = 0, seen[LOADER_ROWS] = {0}, batch_count = 0;
    const size_t workers = (size_t)property_between(random, 1, LOADER_WORKERS);
    for (size_t k = 0; k < workers; k++) {
        rows[k] = property_between(random, 0, LOADER_ROWS / LOADER_WORKERS);
        total += rows[k];
    }
    o.batch_size = property_between(random, 1, 6);
    o.shuffle = property_between(random, 0, 1);
    o.num_iterators = (int)property_between(random, 1, LOADER_WORKERS);
    o.iter_per_worker = property_between(random, 0, 3) == 0;
    loader_scene f = open_loader(state, rows, workers, &o);
    const size_t width = sy_federated_loader_get_width(f.loader);
    for (size_t count = 1; count > 0;) {
        sy_federated_batch batches[LOADER_WORKERS];
        assert_ok(sy_federated_loader_next(f.loader, batches, width, &count, &f.local->err),
                  &f.local->err);
        batch_count += (int64_t)count;
        for (size_t k = 0; k < count; k++) {
            int64_t numbers[LOADER_ROWS];
            assert_in_range(batches[k].rows, 1, o.batch_size);
            numbered_rows_read(batches[k].data, batches[k].targets, numbers,
                               (size_t)batches[k].rows);
            for (int64_t i = 0; i < batches[k].rows; i++) {
                seen[numbers[i]]++;
            }
            for (size_t i = 0; i < k; i++) {
                assert_ptr_not_equal(batches[i].location, batches[k].location);
            }
        }
        for (size_t k = 0; k < count; k++) {
            sy_federated_batch_fini(&batches[k]);
        }
    }
    assert_int_equal(batch_count, sy_federated_loader_get_length(f.loader));
    for (int64_t k = 0; k < total; k++) {
        assert_int_equal(seen[k], o.iter_per_worker ? 1 : width);
    }
    close_loader(&f);
}

static void test_any_shards(void **state)
{
    property_random random = property_start("test_any_shards");
    for (long k = property_iterations(60); k > 0; k--) {
        void *local = NULL;
        (void)local_hook_setup(&local);
        one_property(&local, &random);
        (void)local_hook_teardown(&local);
    }
    (void)state;
}

/* Extraction */

static void test_extract(void **state)
{
    local_hook *local = *state;
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    sy_federated_batch *batches = NULL;
    size_t count = 0;
    char text[100];
    o.batch_size = 2;
    loader_scene f = open_loader(state, (const int64_t[]){3, 0, 2}, 3, &o);
    assert_string_equal(step(&f, text, sizeof text), "a:0,1"); /* a pass that is given up */
    assert_ok(sy_federated_loader_extract(f.loader, &batches, &count, &local->err), &local->err);
    assert_int_equal(count, 3);
    assert_ptr_equal(batches[1].location, f.workers[0]);
    assert_rows(batches[1].data, batches[1].targets, 2);
    assert_ptr_equal(batches[2].location, f.workers[2]);
    assert_rows(batches[2].data, batches[2].targets, 3, 4);
    sy_federated_batches_free(local->hook, batches, count);
    sy_federated_batches_free(local->hook, NULL, 0);
    assert_steps(&f, "a:0,1", "a:2", "c:3,4");
    sy_federated_loader_free(f.loader);
    o.num_iterators = 2;
    assert_ok(sy_federated_loader_new(&f.loader, f.spread, &o, &local->err), &local->err);
    assert_status(sy_federated_loader_extract(f.loader, &batches, &count, &local->err), SY_EINVAL,
                  &local->err);
    assert_null(batches);
    close_loader(&f);
}

/* Failures */

/* A dataset that was fetched is missed; when it is back, the step comes. */
static void test_a_dataset_that_left(void **state)
{
    local_hook *local = *state;
    sy_federated_batch batch;
    size_t count = 0;
    loader_scene f = open_loader(state, (const int64_t[]){3}, 1, NULL);
    sy_dataset *part = sy_federated_dataset_get(f.spread, f.workers[0], 0);
    assert_ok(sy_dataset_get(part, &local->err), &local->err);
    assert_status(sy_federated_loader_next(f.loader, &batch, 1, &count, &local->err),
                  SY_ECOLLOCATION, &local->err);
    assert_string_equal(local->err.message,
                        "federated dataset: dataset 0 of worker a is not there any more");
    assert_ok(sy_dataset_send(part, f.workers[0], &local->err), &local->err);
    assert_steps(&f, "a:0,1,2");
    close_loader(&f);
}

/* Whatever allocation fails: nothing is left at the workers, and the step that failed comes. */
static void sweep(void **state, bool shuffle)
{
    local_hook *local = *state;
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    char first[100], again[100];
    o.batch_size = 3;
    o.num_iterators = 2;
    o.shuffle = shuffle;
    o.seed = 1;
    loader_scene f = open_loader(state, (const int64_t[]){4, 5, 6}, 3, &o);
    (void)step(&f, first, sizeof first);
    for (size_t nth = 1;; nth++) {
        sy_federated_batch batches[2];
        size_t count = 0;
        sy_federated_loader_free(f.loader);
        assert_ok(sy_federated_loader_new(&f.loader, f.spread, &o, &local->err), &local->err);
        local->memory.refused = 0;
        local->memory.fail_at = local->memory.calls + nth;
        const sy_status status =
            sy_federated_loader_next(f.loader, batches, 2, &count, &local->err);
        local->memory.fail_at = 0;
        const bool refused = local->memory.refused != 0;
        if (status == SY_OK) { /* something in reserve may have helped */
            assert_int_equal(count, 2);
            sy_federated_batch_fini(&batches[0]);
            sy_federated_batch_fini(&batches[1]);
            sy_federated_loader_free(f.loader);
            assert_ok(sy_federated_loader_new(&f.loader, f.spread, &o, &local->err), &local->err);
        } else {
            assert_true(refused && numbered_rows_no_memory(status));
            assert_int_equal(count, 0);
        }
        assert_string_equal(step(&f, again, sizeof again), first);
        for (size_t k = 0; k < 3; k++) {
            assert_soon(f.workers[k], 2);
        }
        if (!refused) {
            assert_in_range(nth, 5, 1000);
            break;
        }
    }
    close_loader(&f);
}

static void test_out_of_memory(void **state)
{
    sweep(state, false);
}

static void test_out_of_memory_shuffled(void **state)
{
    sweep(state, true);
}

static void test_no_memory_for_a_loader(void **state)
{
    local_hook *local = *state;
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    o.shuffle = true;
    o.iter_per_worker = true;
    loader_scene f = open_loader(state, (const int64_t[]){4, 5, 6}, 3, &o);
    const size_t live = local->memory.live;
    for (size_t nth = 1;; nth++) {
        sy_federated_loader *made = NULL;
        local->memory.refused = 0;
        local->memory.fail_at = local->memory.calls + nth;
        const sy_status status = sy_federated_loader_new(&made, f.spread, &o, &local->err);
        local->memory.fail_at = 0;
        const bool refused = local->memory.refused != 0;
        assert_status(status, refused ? SY_ENOMEM : SY_OK, &local->err);
        assert_true(refused == (made == NULL));
        sy_federated_loader_free(made);
        assert_int_equal(local->memory.live, live);
        if (!refused) {
            assert_in_range(nth, 6, 20);
            break;
        }
    }
    close_loader(&f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, local_hook_setup, local_hook_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_one_iterator),
        TEST(test_defaults),
        TEST(test_drop_last_per_worker),
        TEST(test_one_worker_several_iterators),
        TEST(test_nothing_anywhere),
        TEST(test_an_iterator_waits),
        TEST(test_iter_per_worker),
        TEST(test_rewind),
        TEST(test_refusals),
        TEST(test_any_shards),
        TEST(test_extract),
        TEST(test_a_dataset_that_left),
        TEST(test_out_of_memory),
        TEST(test_out_of_memory_shuffled),
        TEST(test_no_memory_for_a_loader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
