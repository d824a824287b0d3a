/*
 * 003_federated_utils.c - reference 003 line 31, syft.frameworks.torch.federated.utils: batches per worker, models put
 * together, accuracy and toy data.
 */
#include "support/numbered_rows.h"
#include "support/worker_kinds.h"

/* extract_batches_per_worker: the reference's list of a worker is here what has its location. */
static void test_extract_batches_per_worker(void **state)
{
    workers *w = *state;
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    sy_dataset *parts[] = {numbered_rows_at(w->bob, 0, 2), numbered_rows_at(w->alice, 2, 4)};
    sy_federated_dataset *spread = numbered_rows_spread(parts, 2);
    sy_federated_loader *loader = NULL;
    sy_federated_batch *batches = NULL;
    size_t count = 0;
    o.batch_size = 2;
    assert_ok(sy_federated_loader_new(&loader, spread, &o, &w->err), &w->err);
    assert_ok(sy_federated_loader_extract(loader, &batches, &count, &w->err), &w->err);
    assert_int_equal(count, 3);
    assert_ptr_equal(batches[0].location, w->bob);
    assert_ptr_equal(batches[1].location, w->alice);
    assert_ptr_equal(batches[2].location, w->alice);
    assert_rows(batches[0].data, batches[0].targets, 0, 1);
    assert_rows(batches[2].data, batches[2].targets, 4, 5);
    assert_count(w, w->bob_serving, 4);
    sy_federated_batches_free(w->hook, batches, count);
    assert_count(w, w->bob_serving, 2);
    sy_federated_loader_free(loader);
    sy_federated_dataset_unref(spread);
}

/* A Linear of 1 to 1, whose weight and bias are the number. */
static sy_module *model(workers *w, double number)
{
    sy_module *made = NULL;
    size_t count = 0;
    assert_ok(sy_module_new_linear(w->hook, &made, 1, 1, true, &w->err), &w->err);
    sy_scope *s = sy_scope_begin(w->hook);
    (void)sy_scope_set_grad_enabled(s, false);
    for (size_t k = 0; k < 2; k++) {
        sy_fill_(s, sy_module_get_parameters(made, &count)[k], number);
    }
    assert_ok(sy_scope_end(s, &w->err), &w->err);
    return made;
}

static void assert_model(workers *w, sy_module *m, double number)
{
    size_t count = 0;
    for (size_t k = 0; k < 2; k++) {
        sy_tensor *parameter = sy_module_get_parameters(m, &count)[k];
        assert_floats(w,
                      sy_tensor_is_pointer(parameter) ? workers_copy_get(w, parameter) : parameter,
                      number);
    }
}

/* add_model, scale_model and federated_avg change what they are given (in PySyft 0.1 nothing), also at a worker. */
static void test_models(void **state)
{
    workers *w = *state;
    for (int there = 0; there < 2; there++) {
        sy_module *const m[] = {model(w, 1), model(w, 5), model(w, 9)};
        for (size_t k = 0; k < 3 && there; k++) {
            assert_ok(sy_module_send_(m[k], w->bob, &w->err), &w->err);
        }
        assert_ok(sy_module_add_model(m[0], m[1], &w->err), &w->err);
        assert_model(w, m[0], 6);
        assert_ok(sy_module_scale_model(m[0], 0.5, &w->err), &w->err);
        assert_model(w, m[0], 3);
        assert_model(w, m[1], 5);
        assert_ok(sy_federated_avg(m, 2, NULL, &w->err), &w->err);
        assert_model(w, m[0], 4);
        assert_ok(sy_federated_avg(m, 3, (const double[]){2, 1, 1}, &w->err), &w->err);
        assert_model(w, m[0], 5.5);
        for (size_t k = 0; k < 3; k++) {
            sy_module_unref(m[k]);
        }
        assert_count(w, w->bob_serving, 0);
    }
}

/* accuracy of argmax over dim 1; no rows are an error with a name, not a division by zero. */
static void test_accuracy(void **state)
{
    workers *w = *state;
    const int64_t classes[] = {1, 0, 0};
    sy_tensor *predicted = MATRIX(w, 3, 2, 0.25f, 0.75f, 0.5f, 0.125f, 0, 1);
    sy_tensor *targets = workers_longs(w, 3, classes);
    double accuracy = 0;
    assert_ok(sy_accuracy(predicted, targets, &accuracy, &w->err), &w->err);
    assert_true(accuracy == 2.0 / 3);
    assert_ok(sy_accuracy(workers_send(w, predicted, w->bob), workers_send(w, targets, w->bob),
                          &accuracy, &w->err),
              &w->err);
    assert_true(accuracy == 2.0 / 3);
    sy_tensor *none = workers_tensor(w, 2, (int64_t[]){0, 2}, NULL);
    assert_fails(w, sy_accuracy(none, workers_longs(w, 0, NULL), &accuracy, &w->err), SY_ERANGE,
                 "no rows");
}

/* create_gaussian_mixture_toy_data and iris_data_partial, spread and read. */
static void test_toy_data(void **state)
{
    workers *w = *state;
    sy_dataset *made[2] = {NULL};
    static const int64_t rows[] = {10, 30};
    assert_ok(sy_gaussian_mixture_toy_data(w->hook, 11, &made[0], &w->err), &w->err);
    assert_ok(sy_iris_data_partial(w->hook, &made[1], &w->err), &w->err);
    for (size_t k = 0; k < 2; k++) {
        sy_federated_dataset *spread = NULL;
        assert_int_equal(sy_dataset_get_length(made[k]), rows[k]);
        assert_ok(
            sy_dataset_federate(made[k], (sy_worker *[]){w->bob, w->alice}, 2, &spread, &w->err),
            &w->err);
        assert_int_equal(sy_federated_dataset_get_rows(spread, w->alice), rows[k] / 2);
        sy_federated_dataset_unref(spread);
        sy_dataset_unref(made[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_extract_batches_per_worker),
        LIBRARY_WORKER_KINDS(test_models),
        LIBRARY_WORKER_KINDS(test_accuracy),
        LIBRARY_WORKER_KINDS(test_toy_data),
    };
    return workers_run(tests);
}
