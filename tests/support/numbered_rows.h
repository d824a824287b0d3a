/*
 * numbered_rows.h - datasets whose rows say which ones they are: row n is (n, n + 0.5) in float32 with target n in int64.
 * For tests of what goes where. Functions must succeed.
 */
#ifndef CSYFT_TESTS_NUMBERED_ROWS_H
#define CSYFT_TESTS_NUMBERED_ROWS_H

#include <time.h>

#include <csyft/datasets.h>

#include "support/test.h"

enum { NUMBERED_MAX = 256 }; /* rows that one read may have */

static inline sy_dataset *numbered_rows(sy_hook *hook, int64_t first, int64_t count)
{
    sy_error err = SY_ERROR_INIT;
    float data[2 * NUMBERED_MAX];
    int64_t targets[NUMBERED_MAX];
    sy_tensor *x = NULL, *y = NULL;
    sy_dataset *made = NULL;
    assert_in_range(count, 0, NUMBERED_MAX);
    for (int64_t k = 0; k < count; k++) {
        data[2 * k] = (float)(first + k);
        data[2 * k + 1] = (float)(first + k) + 0.5f;
        targets[k] = first + k;
    }
    assert_ok(sy_tensor_new(hook, &x, SY_DTYPE_F32, 2, (int64_t[]){count, 2}, data, &err), &err);
    assert_ok(sy_tensor_new(hook, &y, SY_DTYPE_I64, 1, &count, targets, &err), &err);
    assert_ok(sy_dataset_new(&made, x, y, &err), &err);
    sy_tensor_unref(x);
    sy_tensor_unref(y);
    return made;
}

static inline sy_dataset *numbered_rows_at(sy_worker *worker, int64_t first, int64_t count)
{
    sy_error err = SY_ERROR_INIT;
    sy_dataset *made = numbered_rows(sy_worker_get_hook(worker), first, count);
    assert_ok(sy_dataset_send(made, worker, &err), &err);
    return made;
}

/* Takes the datasets. */
static inline sy_federated_dataset *numbered_rows_spread(sy_dataset **datasets, size_t count)
{
    sy_error err = SY_ERROR_INIT;
    sy_federated_dataset *made = NULL;
    assert_ok(sy_federated_dataset_new(&made, datasets, count, &err), &err);
    for (size_t k = 0; k < count; k++) {
        sy_dataset_unref(datasets[k]);
    }
    return made;
}

/* `elements` of a tensor, brought here from its worker if it has one, which keeps it. */
static inline void numbered_rows_copy(sy_tensor *tensor, void *elements, size_t size)
{
    sy_error err = SY_ERROR_INIT;
    sy_tensor *here = NULL;
    if (sy_tensor_is_pointer(tensor)) {
        assert_ok(sy_tensor_copy_get(tensor, &here, &err), &err);
    }
    assert_ok(sy_tensor_copy_data(here != NULL ? here : tensor, elements, size, &err), &err);
    sy_tensor_unref(here);
}

/* The numbers of `count` rows, whose data must say the same as their targets. */
static inline void numbered_rows_read(sy_tensor *data, sy_tensor *targets, int64_t *numbers,
                                      size_t count)
{
    float elements[2 * NUMBERED_MAX];
    assert_in_range(count, 0, NUMBERED_MAX);
    numbered_rows_copy(targets, numbers, count * sizeof *numbers);
    numbered_rows_copy(data, elements, 2 * count * sizeof *elements);
    for (size_t k = 0; k < count; k++) {
        assert_true(elements[2 * k] == (float)numbers[k]);
        assert_true(elements[2 * k + 1] == (float)numbers[k] + 0.5f);
    }
}

/* What a refused allocation may come to, where messages go to and fro. */
static inline bool numbered_rows_no_memory(sy_status status)
{
    return status == SY_ENOMEM || status == SY_ECLOSED || status == SY_EIO || status == SY_EINDOUBT;
}

/* A virtual worker holds so many objects, soon: deletions are on their way for some milliseconds. */
static inline void assert_soon(sy_worker *worker, size_t objects)
{
    for (int k = 0; k < 5000 && sy_worker_get_object_count(worker) != objects; k++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_int_equal(sy_worker_get_object_count(worker), objects);
}

/* Rows `expected`, in this order. */
#define assert_rows(data, targets, ...)                                     \
    numbered_rows_assert((data), (targets), (const int64_t[]){__VA_ARGS__}, \
                         sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
static inline void numbered_rows_assert(sy_tensor *data, sy_tensor *targets,
                                        const int64_t *expected, size_t count)
{
    int64_t numbers[NUMBERED_MAX];
    numbered_rows_read(data, targets, numbers, count);
    for (size_t k = 0; k < count; k++) {
        assert_int_equal(numbers[k], expected[k]);
    }
}

#endif
