/*
 * 003_federated_dataloader.c - reference 003 line 27, syft.frameworks.torch.federated.dataloader: FederatedDataLoader and
 * default_collate, with the reference's own case: two rows at bob, four at alice, four at james, two in a batch.
 */
#include <stdio.h>
#include <string.h>

#include "support/numbered_rows.h"
#include "support/worker_kinds.h"

typedef struct fixture {
    workers *w;
    sy_federated_dataset *spread;
    sy_federated_loader *loader;
} fixture;

/* The first `count` of bob, alice and james. */
static fixture open_loader(workers *w, size_t count, const sy_loader_options *o)
{
    fixture f = {.w = w};
    sy_dataset *parts[3] = {numbered_rows_at(w->bob, 0, 2), numbered_rows_at(w->alice, 2, 4)};
    if (count == 3) {
        parts[2] = numbered_rows_at(workers_add(w, "james", NULL), 6, 4);
    } else if (count == 1) {
        sy_dataset_unref(parts[1]);
    }
    f.spread = numbered_rows_spread(parts, count);
    assert_ok(sy_federated_loader_new(&f.loader, f.spread, o, &w->err), &w->err);
    return f;
}

static void close_loader(fixture *f)
{
    sy_federated_loader_free(f->loader);
    sy_federated_dataset_unref(f->spread);
}

/* Where the batches of the next step are, "bob alice"; each must have two rows. "" at the end. */
static const char *step(fixture *f, char *text, size_t size)
{
    sy_federated_batch batches[3];
    size_t count = 0, length = 0;
    text[0] = '\0';
    assert_ok(sy_federated_loader_next(f->loader, batches, 3, &count, &f->w->err), &f->w->err);
    for (size_t k = 0; k < count; k++) {
        char id[64];
        int64_t numbers[2];
        const sy_id name = sy_worker_get_id(batches[k].location);
        assert_int_equal(batches[k].rows, 2);
        numbered_rows_read(batches[k].data, batches[k].targets, numbers, 2);
        length += (size_t)snprintf(text + length, size - length, "%s%s", k > 0 ? " " : "",
                                   sy_id_format(&name, id, sizeof id));
        sy_federated_batch_fini(&batches[k]);
    }
    return text;
}

#define assert_steps(f, ...)                                                    \
    do {                                                                        \
        const char *const expected_[] = {__VA_ARGS__, ""};                      \
        for (size_t k_ = 0; k_ < sizeof expected_ / sizeof *expected_; k_++) {  \
            char text_[200];                                                    \
            assert_string_equal(step((f), text_, sizeof text_), expected_[k_]); \
        }                                                                       \
    } while (0)

/* One iterator over bob and alice: three batches, at bob, alice, alice; again and again. */
static void test_one_iterator(void **state)
{
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    o.batch_size = 2;
    fixture f = open_loader(*state, 2, &o);
    assert_int_equal(sy_federated_loader_get_length(f.loader), 3);
    assert_steps(&f, "bob", "alice", "alice");
    assert_steps(&f, "bob", "alice", "alice");
    close_loader(&f);
}

/* Three iterators of three workers are two. The first steps from bob to james, for alice is taken. Five steps, ten
 * batches: every row twice. */
static void test_num_iterators(void **state)
{
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    o.batch_size = 2;
    o.num_iterators = 3;
    fixture f = open_loader(*state, 3, &o);
    assert_int_equal(sy_federated_loader_get_width(f.loader), 2);
    assert_int_equal(sy_federated_loader_get_length(f.loader), 10);
    assert_steps(&f, "bob alice", "james alice", "james bob", "alice james", "alice james");
    assert_steps(&f, "bob alice", "james alice", "james bob", "alice james", "alice james");
    close_loader(&f);
}

/* iter_per_worker: the reference ends after the first step, with bob; here the others go on. */
static void test_iter_per_worker(void **state)
{
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    o.batch_size = 2;
    o.iter_per_worker = true;
    fixture f = open_loader(*state, 3, &o);
    assert_int_equal(sy_federated_loader_get_width(f.loader), 3);
    assert_int_equal(sy_federated_loader_get_length(f.loader), 5);
    assert_steps(&f, "bob alice james", "alice james");
    close_loader(&f);
}

/* One worker is enough. */
static void test_one_worker(void **state)
{
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    o.batch_size = 2;
    o.num_iterators = 3;
    fixture f = open_loader(*state, 1, &o);
    assert_int_equal(sy_federated_loader_get_width(f.loader), 1);
    assert_steps(&f, "bob");
    close_loader(&f);
}

/* __iter__ begins again from wherever it was, shuffled anew. */
static void test_iter(void **state)
{
    enum { PASSES = 6 };
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    int64_t orders[PASSES][4];
    bool differ = false;
    o.batch_size = 4;
    o.shuffle = true;
    o.seed = 1;
    workers *w = *state;
    sy_dataset *part = numbered_rows_at(w->bob, 0, 8);
    fixture f = {.w = w, .spread = numbered_rows_spread(&part, 1)};
    assert_ok(sy_federated_loader_new(&f.loader, f.spread, &o, &w->err), &w->err);
    for (size_t k = 0; k < PASSES; k++) {
        sy_federated_batch batch;
        size_t count = 0;
        assert_ok(sy_federated_loader_next(f.loader, &batch, 1, &count, &w->err), &w->err);
        assert_int_equal(count, 1);
        numbered_rows_read(batch.data, batch.targets, orders[k], 4);
        differ |= memcmp(orders[k], orders[0], sizeof orders[k]) != 0;
        sy_federated_batch_fini(&batch);
        sy_federated_loader_rewind(f.loader);
    }
    assert_true(differ);
    close_loader(&f);
}

/* default_collate: tensors are stacked where they are, numbers become int64 or float64. */
static void test_default_collate(void **state)
{
    workers *w = *state;
    sy_tensor *batch = NULL;
    sy_dtype dtype = SY_DTYPE_F32;
    sy_tensor *const items[] = {workers_send(w, FLOATS(w, 1, 2), w->bob),
                                workers_send(w, FLOATS(w, 3, 4), w->bob)};
    assert_ok(sy_collate_tensors(items, 2, &batch, &w->err), &w->err);
    assert_ptr_equal(sy_tensor_get_location(batch), w->bob);
    assert_floats(w, workers_copy_get(w, batch), 1, 2, 3, 4);
    sy_tensor_unref(batch);
    assert_ok(sy_collate_integers(w->hook, (const int64_t[]){5, 6}, 2, &batch, &w->err), &w->err);
    assert_ok(sy_tensor_get_dtype(batch, &dtype, &w->err), &w->err);
    assert_int_equal(dtype, SY_DTYPE_I64);
    sy_tensor_unref(batch);
    assert_ok(sy_collate_reals(w->hook, (const double[]){0.5, 6}, 2, &batch, &w->err), &w->err);
    assert_ok(sy_tensor_get_dtype(batch, &dtype, &w->err), &w->err);
    assert_int_equal(dtype, SY_DTYPE_F64);
    sy_tensor_unref(batch);
    sy_tensor *const mixed[] = {items[0], workers_send(w, FLOATS(w, 1), w->bob)};
    assert_fails(w, sy_collate_tensors(mixed, 2, &batch, &w->err), SY_ESHAPE, "2", "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_one_iterator),
        LIBRARY_WORKER_KINDS(test_num_iterators),
        LIBRARY_WORKER_KINDS(test_iter_per_worker),
        LIBRARY_WORKER_KINDS(test_one_worker),
        LIBRARY_WORKER_KINDS(test_iter),
        LIBRARY_WORKER_KINDS(test_default_collate),
    };
    return workers_run(tests);
}
