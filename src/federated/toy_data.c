/* toy_data.c - small datasets for examples and tests. Public face: <csyft/datasets.h>. Test: toy_data_test.c. */
#include <inttypes.h>
#include <string.h>

#include <csyft/datasets.h>
#include <csyft/operations.h>

#include "core/error.h"

/* Takes both tensors, also after a failure. */
static sy_status hand_over(sy_dataset **dataset, sy_tensor *data, sy_tensor *targets,
                           sy_status status, sy_error *err)
{
    if (status == SY_OK) {
        status = sy_dataset_new(dataset, data, targets, err);
    }
    sy_tensor_unref(data);
    sy_tensor_unref(targets);
    return status;
}

sy_status sy_gaussian_mixture_toy_data(sy_hook *hook, int64_t rows, sy_dataset **dataset,
                                       sy_error *err)
{
    const int64_t half[] = {rows / 2, 2};
    *dataset = NULL;
    if (rows < 2) {
        return syi_fail(err, SY_EINVAL, "gaussian mixture: %" PRId64 " rows, expected 2 or more",
                        rows);
    }
    sy_scope *s = sy_scope_begin(hook);
    sy_tensor *around_0 = sy_randn(s, SY_DTYPE_F32, 2, half);
    sy_tensor *around_2 = sy_add_scalar_(s, sy_randn(s, SY_DTYPE_F32, 2, half), 2);
    sy_tensor *const drawn[] = {around_0, around_2};
    sy_tensor *const classes[] = {sy_zeros(s, SY_DTYPE_I64, 1, half),
                                  sy_ones(s, SY_DTYPE_I64, 1, half)};
    sy_tensor *data = sy_scope_keep(s, sy_cat(s, drawn, 2, 0));
    sy_tensor *targets = sy_scope_keep(s, sy_cat(s, classes, 2, 0));
    return hand_over(dataset, data, targets, sy_scope_end(s, err), err);
}

/* R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics 7 (1936), table I: the first
 * 10 plants of each kind. Sepal length and width, petal length and width, in cm. */
enum { KINDS = 3, PLANTS = 10, SIZES = 4 };
static const float iris[KINDS][PLANTS][SIZES] = {
    /* Iris setosa */
    {{5.1f, 3.5f, 1.4f, 0.2f},
     {4.9f, 3.0f, 1.4f, 0.2f},
     {4.7f, 3.2f, 1.3f, 0.2f},
     {4.6f, 3.1f, 1.5f, 0.2f},
     {5.0f, 3.6f, 1.4f, 0.2f},
     {5.4f, 3.9f, 1.7f, 0.4f},
     {4.6f, 3.4f, 1.4f, 0.3f},
     {5.0f, 3.4f, 1.5f, 0.2f},
     {4.4f, 2.9f, 1.4f, 0.2f},
     {4.9f, 3.1f, 1.5f, 0.1f}},
    /* Iris versicolor */
    {{7.0f, 3.2f, 4.7f, 1.4f},
     {6.4f, 3.2f, 4.5f, 1.5f},
     {6.9f, 3.1f, 4.9f, 1.5f},
     {5.5f, 2.3f, 4.0f, 1.3f},
     {6.5f, 2.8f, 4.6f, 1.5f},
     {5.7f, 2.8f, 4.5f, 1.3f},
     {6.3f, 3.3f, 4.7f, 1.6f},
     {4.9f, 2.4f, 3.3f, 1.0f},
     {6.6f, 2.9f, 4.6f, 1.3f},
     {5.2f, 2.7f, 3.9f, 1.4f}},
    /* Iris virginica */
    {{6.3f, 3.3f, 6.0f, 2.5f},
     {5.8f, 2.7f, 5.1f, 1.9f},
     {7.1f, 3.0f, 5.9f, 2.1f},
     {6.3f, 2.9f, 5.6f, 1.8f},
     {6.5f, 3.0f, 5.8f, 2.2f},
     {7.6f, 3.0f, 6.6f, 2.1f},
     {4.9f, 2.5f, 4.5f, 1.7f},
     {7.3f, 2.9f, 6.3f, 1.8f},
     {6.7f, 2.5f, 5.8f, 1.8f},
     {7.2f, 3.6f, 6.1f, 2.5f}},
};

sy_status sy_iris_data_partial(sy_hook *hook, sy_dataset **dataset, sy_error *err)
{
    const int64_t shape[] = {KINDS * PLANTS, SIZES};
    int64_t kinds[KINDS * PLANTS];
    sy_tensor *data = NULL, *targets = NULL;
    *dataset = NULL;
    for (int64_t k = 0; k < KINDS * PLANTS; k++) {
        kinds[k] = k / PLANTS;
    }
    sy_status status = sy_tensor_new(hook, &data, SY_DTYPE_F32, 2, shape, iris, err);
    if (status == SY_OK) {
        status = sy_tensor_new(hook, &targets, SY_DTYPE_I64, 1, shape, kinds, err);
    }
    return hand_over(dataset, data, targets, status, err);
}
