/*
 * 003_federated_dataset.c - reference 003 line 29, syft.frameworks.torch.federated.dataset: BaseDataset, dataset_federate,
 * FederatedDataset. Numbers are those of the reference's own tests where it has some.
 */
#include <string.h>

#include "support/numbered_rows.h"
#include "support/worker_kinds.h"

/* BaseDataset of two tensors of these numbers. */
#define DATASET(w, ...)                           \
    dataset_of((w), (const float[]){__VA_ARGS__}, \
               (int64_t)(sizeof((const float[]){__VA_ARGS__}) / sizeof(float)))
static sy_dataset *dataset_of(workers *w, const float *numbers, int64_t count)
{
    sy_dataset *made = NULL;
    assert_ok(sy_dataset_new(&made, workers_tensor(w, 1, &count, numbers),
                             workers_tensor(w, 1, &count, numbers), &w->err),
              &w->err);
    return made;
}

/* len(dataset) == 4, dataset[2] == (3, 3), and both tensors go and come together. */
static void test_base_dataset(void **state)
{
    workers *w = *state;
    sy_dataset *d = DATASET(w, 1, 2, 3, 4);
    sy_tensor *data = NULL, *target = NULL;
    assert_int_equal(sy_dataset_get_length(d), 4);
    assert_null(sy_dataset_get_location(d));
    assert_ok(sy_dataset_get_item(d, 2, &data, &target, &w->err), &w->err);
    assert_floats(w, data, 3);
    assert_floats(w, target, 3);
    sy_tensor_unref(data);
    sy_tensor_unref(target);
    assert_ok(sy_dataset_send(d, w->bob, &w->err), &w->err);
    assert_ptr_equal(sy_dataset_get_location(d), w->bob);
    assert_ptr_equal(sy_tensor_get_location(sy_dataset_get_data(d)), w->bob);
    assert_ptr_equal(sy_tensor_get_location(sy_dataset_get_targets(d)), w->bob);
    assert_count(w, w->bob_serving, 2);
    assert_ok(sy_dataset_get_item(d, -1, &data, &target, &w->err), &w->err);
    assert_floats(w, workers_copy_get(w, data), 4);
    sy_tensor_unref(data);
    sy_tensor_unref(target);
    assert_ok(sy_dataset_get(d, &w->err), &w->err);
    assert_null(sy_dataset_get_location(d));
    assert_floats(w, sy_dataset_get_data(d), 1, 2, 3, 4);
    assert_count(w, w->bob_serving, 0);
    sy_dataset_unref(d);
}

/* fix_prec, share, get, float_prec: both tensors, in place. */
static void test_fix_prec_and_share(void **state)
{
    workers *w = *state;
    sy_worker *const owners[] = {w->bob, w->alice};
    sy_dataset *d = DATASET(w, 1.5f, -2, 0.25f);
    assert_ok(sy_dataset_fix_precision(d, NULL, &w->err), &w->err);
    assert_true(sy_tensor_is_fixed_precision(sy_dataset_get_targets(d)));
    assert_ok(sy_dataset_share(d, owners, 2, NULL, &w->err), &w->err);
    assert_true(sy_tensor_is_shared(sy_dataset_get_data(d)));
    assert_true(sy_tensor_is_shared(sy_dataset_get_targets(d)));
    assert_count(w, w->bob_serving, 2);
    assert_ok(sy_dataset_get(d, &w->err), &w->err);
    assert_ok(sy_dataset_float_precision(d, &w->err), &w->err);
    assert_floats(w, sy_dataset_get_data(d), 1.5, -2, 0.25);
    assert_floats(w, sy_dataset_get_targets(d), 1.5, -2, 0.25);
    assert_count(w, w->bob_serving, 0);
    assert_count(w, w->alice_serving, 0);
    sy_dataset_unref(d);
}

/* Encoded at its worker, too. */
static void test_fix_prec_at_a_worker(void **state)
{
    workers *w = *state;
    sy_dataset *d = DATASET(w, 1.5f, -2);
    assert_ok(sy_dataset_send(d, w->bob, &w->err), &w->err);
    assert_ok(sy_dataset_fix_precision(d, NULL, &w->err), &w->err);
    assert_ptr_equal(sy_dataset_get_location(d), w->bob);
    sy_federated_dataset *spread = numbered_rows_spread(&d, 1);
    for (int shuffled = 0; shuffled < 2; shuffled++) {
        sy_loader_options o = SY_LOADER_OPTIONS_INIT;
        sy_federated_loader *loader = NULL;
        sy_federated_batch batch;
        size_t count = 0;
        o.shuffle = shuffled;
        assert_ok(sy_federated_loader_new(&loader, spread, &o, &w->err), &w->err);
        assert_ok(sy_federated_loader_next(loader, &batch, 1, &count, &w->err), &w->err);
        assert_int_equal(batch.rows, 2);
        sy_tensor *fixed = workers_copy_get(w, batch.data);
        assert_true(sy_tensor_is_fixed_precision(fixed));
        sy_federated_batch_fini(&batch);
        sy_federated_loader_free(loader);
    }
    sy_federated_dataset_unref(spread);
}

/* dataset_federate of four rows to (bob, alice): two each. The log says to whom. */
static void test_dataset_federate(void **state)
{
    workers *w = *state;
    sy_dataset *d = DATASET(w, 3, 4, 5, 6);
    sy_federated_dataset *federated = NULL;
    workers_log_clear(w);
    assert_ok(sy_dataset_federate(d, (sy_worker *[]){w->bob, w->alice}, 2, &federated, &w->err),
              &w->err);
    assert_int_equal(workers_log_count(w, SY_LOG_INFO, "federated",
                                       "Scanning and sending data to bob, alice..."),
                     1);
    assert_ptr_equal(sy_federated_dataset_get_worker(federated, 0), w->bob);
    assert_ptr_equal(sy_federated_dataset_get_worker(federated, 1), w->alice);
    assert_int_equal(sy_federated_dataset_get_length(federated), 4);
    sy_dataset *at_alice = sy_federated_dataset_get(federated, w->alice, 0);
    assert_ptr_equal(sy_dataset_get_location(at_alice), w->alice);
    assert_floats(w, workers_copy_get(w, sy_dataset_get_data(at_alice)), 5, 6);
    assert_floats(w, sy_dataset_get_data(d), 3, 4, 5, 6);
    sy_federated_dataset_unref(federated);
    sy_dataset_unref(d);
    assert_count(w, w->bob_serving, 0);
    assert_count(w, w->alice_serving, 0);
}

/* 5 rows over 4 workers are 2, 2, 1: the fourth has none, and does not appear. */
static void test_federate_leaves_some_out(void **state)
{
    workers *w = *state;
    sy_worker *james_serving = NULL;
    sy_worker *const all[] = {w->bob, w->alice, workers_add(w, "james", NULL),
                              workers_add(w, "jane", &james_serving)};
    sy_dataset *d = DATASET(w, 0, 1, 2, 3, 4);
    sy_federated_dataset *federated = NULL;
    assert_ok(sy_dataset_federate(d, all, 4, &federated, &w->err), &w->err);
    assert_int_equal(sy_federated_dataset_get_worker_count(federated), 3);
    for (size_t k = 0; k < 4; k++) {
        static const int64_t rows[] = {2, 2, 1, 0};
        assert_int_equal(sy_federated_dataset_get_rows(federated, all[k]), rows[k]);
    }
    assert_count(w, james_serving, 0);
    sy_federated_dataset_unref(federated);
    sy_dataset_unref(d);
}

/* FederatedDataset of bob's two and alice's four rows; one of its datasets may be fetched. */
static void test_federated_dataset(void **state)
{
    workers *w = *state;
    sy_dataset *parts[] = {DATASET(w, 1, 2), DATASET(w, 3, 4, 5, 6)};
    sy_tensor *data = NULL, *target = NULL;
    char *text = NULL;
    assert_ok(sy_dataset_send(parts[0], w->bob, &w->err), &w->err);
    assert_ok(sy_dataset_send(parts[1], w->alice, &w->err), &w->err);
    sy_federated_dataset *federated = numbered_rows_spread(parts, 2);
    assert_int_equal(sy_federated_dataset_get_worker_count(federated), 2);
    assert_ptr_equal(sy_federated_dataset_get_worker(federated, 0), w->bob);
    assert_int_equal(sy_federated_dataset_get_length(federated), 6);
    sy_dataset *at_alice = sy_federated_dataset_get(federated, w->alice, 0);
    assert_ok(sy_dataset_get(at_alice, &w->err), &w->err);
    assert_floats(w, sy_dataset_get_data(at_alice), 3, 4, 5, 6);
    assert_ok(sy_dataset_get_item(at_alice, 2, &data, &target, &w->err), &w->err);
    assert_floats(w, data, 5);
    assert_floats(w, target, 5);
    sy_tensor_unref(data);
    sy_tensor_unref(target);
    assert_int_equal(sy_dataset_get_length(at_alice), 4);
    assert_int_equal(sy_federated_dataset_get_length(federated), 6);
    assert_ok(sy_federated_dataset_to_text(federated, &text, &w->err), &w->err);
    assert_string_equal(text, "FederatedDataset\n    Distributed accross: bob, alice\n"
                              "    Number of datapoints: 6\n");
    sy_string_free(w->hook, text);
    sy_federated_dataset_unref(federated);
}

/* Row counts that do not match are refused when the dataset is made, with both numbers. */
static void test_row_check(void **state)
{
    workers *w = *state;
    sy_dataset *d = NULL;
    sy_tensor *data = workers_send(w, FLOATS(w, 1, 2, 3), w->bob);
    sy_tensor *targets = workers_send(w, FLOATS(w, 1, 2), w->bob);
    assert_fails(w, sy_dataset_new(&d, data, targets, &w->err), SY_ESHAPE, "3", "2");
    assert_null(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_base_dataset),
        LIBRARY_WORKER_KINDS(test_fix_prec_and_share),
        LIBRARY_WORKER_KINDS(test_fix_prec_at_a_worker),
        LIBRARY_WORKER_KINDS(test_dataset_federate),
        LIBRARY_WORKER_KINDS(test_federate_leaves_some_out),
        LIBRARY_WORKER_KINDS(test_federated_dataset),
        LIBRARY_WORKER_KINDS(test_row_check),
    };
    return workers_run(tests);
}
