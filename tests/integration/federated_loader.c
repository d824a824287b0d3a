/*
 * federated_loader.c - what batches cost and leave: messages, memory over many passes, and steps that fail at a worker and
 * come again.
 */
#include "support/numbered_rows.h"
#include "support/scene.h"
#include "support/worker_kinds.h"

/* --- messages ------------------------------------------------------------------------------------ */

static sy_federated_loader *loader_of(workers *w, sy_federated_dataset *spread,
                                      const sy_loader_options *o)
{
    sy_federated_loader *made = NULL;
    assert_ok(sy_federated_loader_new(&made, spread, o, &w->err), &w->err);
    return made;
}

/* One message for the rows of a batch and one for its targets, whatever its size, shuffled or not. */
static void test_two_messages_a_batch(void **state)
{
    enum { BOB = 100, ALICE = 60 };
    static const int64_t sizes[] = {1, 7, 100};
    workers *w = *state;
    sy_dataset *parts[] = {numbered_rows_at(w->bob, 0, BOB),
                           numbered_rows_at(w->alice, BOB, ALICE)};
    sy_federated_dataset *spread = numbered_rows_spread(parts, 2);
    for (int k = 0; k < 6; k++) {
        sy_loader_options o = SY_LOADER_OPTIONS_INIT;
        sy_federated_batch *batches = NULL;
        size_t count = 0;
        o.batch_size = sizes[k / 2];
        o.shuffle = k % 2 == 1;
        sy_federated_loader *loader = loader_of(w, spread, &o);
        workers_settle(w);
        const uint64_t bob = sy_worker_get_traffic(w->bob).messages_sent;
        const uint64_t alice = sy_worker_get_traffic(w->alice).messages_sent;
        assert_ok(sy_federated_loader_extract(loader, &batches, &count, &w->err), &w->err);
        const int64_t at_bob = (BOB + o.batch_size - 1) / o.batch_size;
        const int64_t at_alice = (ALICE + o.batch_size - 1) / o.batch_size;
        assert_int_equal(count, at_bob + at_alice);
        for (size_t i = 0; i < count; i++) { /* the shape is known without asking */
            int64_t rows = 0;
            assert_ok(sy_tensor_get_length(batches[i].data, &rows, &w->err), &w->err);
            assert_int_equal(rows, batches[i].rows);
        }
        assert_int_equal(sy_worker_get_traffic(w->bob).messages_sent - bob, 2 * at_bob);
        assert_int_equal(sy_worker_get_traffic(w->alice).messages_sent - alice, 2 * at_alice);
        assert_count(w, w->bob_serving, 2 + 2 * (size_t)at_bob);
        sy_federated_batches_free(w->hook, batches, count);
        sy_federated_loader_free(loader);
        assert_count(w, w->bob_serving, 2);
        assert_count(w, w->alice_serving, 2);
    }
    sy_federated_dataset_unref(spread);
}

/* All workers of a step are asked before the first answers: with 100 ms to each, four take little longer than one. */
static void test_workers_of_a_step_at_once(void **state)
{
    enum { WORKERS = 4, STEPS = 2 };
    workers *w = *state;
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    sy_worker *const those[WORKERS] = {w->bob, w->alice, workers_add(w, "james", NULL),
                                       workers_add(w, "jane", NULL)};
    sy_dataset *parts[WORKERS];
    for (int k = 0; k < WORKERS; k++) {
        parts[k] = numbered_rows_at(those[k], 10 * k, STEPS);
        assert_ok(sy_worker_set_message_pending_time(those[k], 0.1, &w->err), &w->err);
    }
    sy_federated_dataset *spread = numbered_rows_spread(parts, WORKERS);
    o.batch_size = 1;
    o.iter_per_worker = true;
    sy_federated_loader *loader = loader_of(w, spread, &o);
    const uint64_t start = test_now_ms();
    for (int k = 0; k < STEPS; k++) {
        sy_federated_batch batches[WORKERS];
        size_t count = 0;
        assert_ok(sy_federated_loader_next(loader, batches, WORKERS, &count, &w->err), &w->err);
        assert_int_equal(count, WORKERS);
        while (count > 0) {
            sy_federated_batch_fini(&batches[--count]);
        }
    }
    /* One answer after the other would take 100 ms * 2 * 4 * 2. */
    assert_in_range(test_now_ms() - start, 100 * STEPS, 1300);
    sy_federated_loader_free(loader);
    sy_federated_dataset_unref(spread);
    for (int k = 0; k < WORKERS; k++) {
        assert_ok(sy_worker_set_message_pending_time(those[k], 0, &w->err), &w->err);
    }
}

/* --- memory -------------------------------------------------------------------------------------- */

/* A pass with a little work on every batch. */
static void one_pass(workers *w, sy_federated_loader *loader)
{
    for (size_t count = 1; count > 0;) {
        sy_federated_batch batches[4];
        assert_ok(sy_federated_loader_next(loader, batches, 4, &count, &w->err), &w->err);
        sy_scope *s = sy_scope_begin(w->hook);
        for (size_t k = 0; k < count; k++) {
            (void)sy_mean(s, sy_mul(s, batches[k].data, batches[k].data));
        }
        assert_ok(sy_scope_end(s, &w->err), &w->err);
        while (count > 0) {
            sy_federated_batch_fini(&batches[--count]);
        }
    }
}

static size_t live_bytes(const workers *w)
{
    size_t sum = 0;
    for (size_t k = 0; k < w->place_count; k++) {
        sum += w->places[k].memory.live_bytes;
    }
    return sum;
}

/* Passes leave nothing, here or at the workers; neither do new loaders for every epoch. */
static void test_memory_is_flat(void **state)
{
    enum { EPOCHS = 40 };
    workers *w = *state;
    sy_dataset *parts[] = {numbered_rows_at(w->bob, 0, 20), numbered_rows_at(w->alice, 20, 11),
                           numbered_rows_at(w->bob, 31, 5)};
    sy_federated_dataset *spread = numbered_rows_spread(parts, 3);
    size_t most = 0;
    size_t least_late = SIZE_MAX;
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        for (int k = 0; k < 4; k++) {
            sy_loader_options o = SY_LOADER_OPTIONS_INIT;
            o.batch_size = 3;
            o.shuffle = k % 2 == 1;
            o.iter_per_worker = k / 2 == 1;
            o.seed = 1 + (uint64_t)epoch;
            sy_federated_loader *loader = loader_of(w, spread, &o);
            one_pass(w, loader);
            one_pass(w, loader);
            sy_federated_loader_free(loader);
        }
        assert_count(w, w->bob_serving, 4);
        assert_count(w, w->alice_serving, 2);
        /* Buffers of connections and reserves grow to their size in the first epochs, and whether
         * they are full or empty when they are counted is chance: what leaks never goes below. */
        const size_t now = live_bytes(w);
        most = epoch < EPOCHS / 2 && now > most ? now : most;
        least_late = epoch >= EPOCHS * 3 / 4 && now < least_late ? now : least_late;
    }
    assert_true(least_late <= most);
    sy_federated_dataset_unref(spread);
}

/* --- private rows -------------------------------------------------------------------------------- */

/* Batches of private rows are private: what is computed of them stays, too. */
static void test_private_rows(void **state)
{
    static const float rows[] = {1, 2, 3, 4, 5, 6, 7, 8};
    workers *w = *state;
    for (int shuffled = 0; shuffled < 2; shuffled++) {
        sy_loader_options o = SY_LOADER_OPTIONS_INIT;
        sy_dataset *d = NULL;
        sy_federated_batch batch;
        size_t count = 0;
        sy_tensor *got = NULL;
        sy_tensor *x = workers_publish(w, w->bob, w->bob_serving, shuffled ? "3" : "1", "#x", true,
                                       2, (int64_t[]){4, 2}, SY_DTYPE_F32, rows);
        sy_tensor *y = workers_publish(w, w->bob, w->bob_serving, shuffled ? "4" : "2", "#y", true,
                                       1, (int64_t[]){4}, SY_DTYPE_F32, rows);
        assert_ok(sy_dataset_new(&d, x, y, &w->err), &w->err);
        sy_federated_dataset *spread = numbered_rows_spread(&d, 1);
        o.shuffle = shuffled;
        o.batch_size = 3;
        sy_federated_loader *loader = loader_of(w, spread, &o);
        assert_ok(sy_federated_loader_next(loader, &batch, 1, &count, &w->err), &w->err);
        assert_int_equal(batch.rows, 3);
        assert_fails(w, sy_tensor_copy_get(batch.data, &got, &w->err), SY_EPERM, "private");
        assert_fails(w, sy_tensor_copy_get(batch.targets, &got, &w->err), SY_EPERM, "private");
        sy_federated_batch_fini(&batch);
        sy_federated_loader_free(loader);
        sy_federated_dataset_unref(spread);
    }
}

/* --- failures ------------------------------------------------------------------------------------ */

/* A client whose requests wait half a second, and a loader over 6 rows at bob and 4 at alice. */
typedef struct broken {
    test_pair pair;
    sy_federated_dataset *spread;
    sy_federated_loader *loader;
} broken;

static void broken_open(broken *b, const worker_kind *kind, bool shuffle)
{
    sy_error err = SY_ERROR_INIT;
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    pair_open(&b->pair, kind, 2, 500, NULL);
    sy_dataset *parts[] = {numbered_rows_at(b->pair.bob, 0, 6),
                           numbered_rows_at(b->pair.alice, 6, 4)};
    b->spread = numbered_rows_spread(parts, 2);
    o.batch_size = 4;
    o.shuffle = shuffle;
    o.seed = 11;
    o.iter_per_worker = true;
    assert_ok(sy_federated_loader_new(&b->loader, b->spread, &o, &err), &err);
}

static void broken_close(broken *b)
{
    sy_federated_loader_free(b->loader);
    sy_federated_dataset_unref(b->spread);
    assert_true(wait_for_count(b->pair.bob_serving, 0, 5000));
    assert_true(wait_for_count(b->pair.alice_serving, 0, 5000));
    pair_close(&b->pair);
}

/* The next step, which must come: its rows, in the order of workers. */
static size_t read_step(broken *b, int64_t *numbers)
{
    sy_error err = SY_ERROR_INIT;
    sy_federated_batch batches[2];
    size_t count = 0, read = 0;
    assert_ok(sy_federated_loader_next(b->loader, batches, 2, &count, &err), &err);
    for (size_t k = 0; k < count; k++) {
        numbered_rows_read(batches[k].data, batches[k].targets, &numbers[read],
                           (size_t)batches[k].rows);
        read += (size_t)batches[k].rows;
        sy_federated_batch_fini(&batches[k]);
    }
    return read;
}

/* Bob cannot be reached for a while: the step fails whole, nothing of it stays at alice, and it comes when he is back. */
static void test_a_worker_that_goes_and_comes(void **state)
{
    broken b;
    sy_error err = SY_ERROR_INIT;
    sy_federated_batch batches[2];
    size_t count = 7;
    int64_t numbers[NUMBERED_MAX];
    const char *bound = NULL;
    char url[512];
    broken_open(&b, *state, false);
    snprintf(url, sizeof url, "%s", b.pair.bob_url);
    sy_worker_stop_listening(b.pair.bob_serving, 0);
    const sy_status status = sy_federated_loader_next(b.loader, batches, 2, &count, &err);
    assert_true(status == SY_ECLOSED || status == SY_ETIMEDOUT || status == SY_EINDOUBT);
    assert_said(&err, "bob");
    assert_int_equal(count, 0);
    assert_true(wait_for_count(b.pair.alice_serving, 2, 5000));
    assert_ok(sy_worker_listen(b.pair.bob_serving, url, NULL, &bound, &err), &err);
    assert_int_equal(read_step(&b, numbers), 8);
    for (int64_t k = 0; k < 4; k++) {
        assert_int_equal(numbers[k], k);
        assert_int_equal(numbers[4 + k], 6 + k);
    }
    assert_int_equal(read_step(&b, numbers), 2);
    assert_true(wait_for_count(b.pair.bob_serving, 2, 5000));
    broken_close(&b);
}

/* Whatever allocation fails at bob. */
static void test_no_memory_at_a_worker(void **state)
{
    broken b;
    int64_t first[NUMBERED_MAX], again[NUMBERED_MAX];
    broken_open(&b, *state, true);
    failing_allocator *memory = b.pair.at_bob.memory;
    size_t refusals = 0;
    for (size_t nth = 1, clean = 0; clean < 2; nth++) {
        sy_error err = SY_ERROR_INIT;
        sy_federated_batch batches[2];
        size_t count = 0;
        /* Two passes of the same order: here it fails, and there is what should have come. */
        sy_loader_options o = SY_LOADER_OPTIONS_INIT;
        o.batch_size = 4;
        o.shuffle = true;
        o.seed = nth;
        o.iter_per_worker = true;
        sy_federated_loader_free(b.loader);
        assert_ok(sy_federated_loader_new(&b.loader, b.spread, &o, &err), &err);
        assert_int_equal(read_step(&b, first), 8);
        sy_federated_loader_free(b.loader);
        assert_ok(sy_federated_loader_new(&b.loader, b.spread, &o, &err), &err);
        const size_t refused_before = memory->refused;
        memory->fail_at = memory->calls + nth;
        const sy_status status = sy_federated_loader_next(b.loader, batches, 2, &count, &err);
        memory->fail_at = 0;
        const bool refused = memory->refused != refused_before;
        refusals += refused;
        clean = refused ? 0 : clean + 1;
        if (status == SY_OK) { /* perhaps in spite of it: the connection was made again */
            sy_federated_batch_fini(&batches[0]);
            sy_federated_batch_fini(&batches[1]);
        } else {
            assert_true(refused && (numbered_rows_no_memory(status) || status == SY_ETIMEDOUT));
            assert_int_equal(count, 0);
            assert_int_equal(read_step(&b, again), 8);
            assert_memory_equal(first, again, 8 * sizeof *first);
        }
        assert_true(wait_for_count(b.pair.bob_serving, 2, 5000));
        assert_true(wait_for_count(b.pair.alice_serving, 2, 5000));
        assert_in_range(nth, 1, 200);
    }
    assert_true(refusals > 2);
    broken_close(&b);
}

/* A worker has room for views of its rows, and says so when it has none for copies; with more room the step comes. */
static void test_a_worker_that_is_full(void **state)
{
    sy_error err = SY_ERROR_INIT;
    sy_federated_batch batches[2];
    size_t count = 0;
    int64_t numbers[NUMBERED_MAX];
    broken b;
    broken_open(&b, *state, true);
    sy_worker_set_memory_limit(b.pair.bob_serving, 6 * 16);
    assert_status(sy_federated_loader_next(b.loader, batches, 2, &count, &err), SY_ELIMIT, &err);
    assert_said(&err, "bob");
    assert_int_equal(count, 0);
    assert_true(wait_for_count(b.pair.alice_serving, 2, 5000));
    sy_worker_set_memory_limit(b.pair.bob_serving, 0);
    assert_int_equal(read_step(&b, numbers), 8);
    sy_federated_loader_free(b.loader);
    assert_ok(sy_federated_loader_new(&b.loader, b.spread, NULL, &err), &err);
    assert_true(wait_for_count(b.pair.bob_serving, 2, 5000));
    sy_worker_set_memory_limit(b.pair.bob_serving, 6 * 16);
    assert_int_equal(read_step(&b, numbers), 6);
    broken_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_two_messages_a_batch),
        LIBRARY_WORKER_KINDS(test_workers_of_a_step_at_once),
        LIBRARY_WORKER_KINDS(test_memory_is_flat),
        LIBRARY_WORKER_KINDS(test_private_rows),
        REMOTE_KINDS(test_a_worker_that_goes_and_comes),
        REMOTE_KINDS(test_no_memory_at_a_worker),
        REMOTE_KINDS(test_a_worker_that_is_full),
    };
    return workers_run(tests);
}
