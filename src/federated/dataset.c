/* dataset.c - one dataset: its life, and rows of it. Changes in place: dataset_changes.c. Test: dataset_test.c. */
#include "federated/dataset.h"

#include <inttypes.h>
#include <stdio.h>

#include <csyft/operations.h>

#include "core/error.h"
#include "core/memory.h"

/* "here", "at worker bob", "shared": where a tensor is, for sentences. */
static const char *place_of(sy_tensor *tensor, char *buffer, size_t size)
{
    const sy_worker *worker = sy_tensor_get_location(tensor);
    if (worker != NULL) {
        char id[80];
        const sy_id name = sy_worker_get_id(worker);
        snprintf(buffer, size, "at worker %s", sy_id_format(&name, id, sizeof id));
    } else {
        snprintf(buffer, size, "%s", sy_tensor_is_shared(tensor) ? "shared" : "here");
    }
    return buffer;
}

static bool same_holders(sy_tensor *a, sy_tensor *b)
{
    const size_t count = sy_shared_get_holder_count(a);
    bool same = count == sy_shared_get_holder_count(b);
    for (size_t k = 0; k < count && same; k++) {
        same = sy_shared_get_holder(a, k) == sy_shared_get_holder(b, k);
    }
    return same;
}

sy_status syi_dataset_check_places(sy_tensor *data, sy_tensor *targets, sy_error *err)
{
    char one[100], other[100];
    if (sy_tensor_get_location(data) == sy_tensor_get_location(targets)) {
        if (same_holders(data, targets)) {
            return SY_OK;
        }
        if (sy_tensor_is_shared(data) && sy_tensor_is_shared(targets)) {
            return syi_fail(err, SY_ECOLLOCATION,
                            "dataset: data and targets are shared by different workers");
        }
    }
    return syi_fail(err, SY_ECOLLOCATION, "dataset: the data is %s, the targets are %s",
                    place_of(data, one, sizeof one), place_of(targets, other, sizeof other));
}

bool syi_dataset_is_here(const sy_dataset *dataset)
{
    return sy_tensor_get_location(dataset->data) == NULL && !sy_tensor_is_shared(dataset->data);
}

static sy_status count_rows(sy_tensor *tensor, const char *what, int64_t *length, sy_error *err)
{
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    SY_TRY(sy_tensor_get_shape(tensor, &ndim, shape, err));
    if (ndim == 0) {
        return syi_fail(err, SY_EINVAL, "dataset: the %s are a scalar, which has no rows", what);
    }
    *length = shape[0];
    return SY_OK;
}

sy_status sy_dataset_new(sy_dataset **dataset, sy_tensor *data, sy_tensor *targets, sy_error *err)
{
    int64_t length = 0, target_count = 0;
    *dataset = NULL;
    if (data == NULL || targets == NULL ||
        sy_tensor_get_hook(data) != sy_tensor_get_hook(targets)) {
        return syi_fail(err, SY_EINVAL, "dataset: data or targets are NULL, or of two hooks");
    }
    SY_TRY(syi_dataset_check_places(data, targets, err));
    SY_TRY(count_rows(data, "data", &length, err));
    SY_TRY(count_rows(targets, "targets", &target_count, err));
    if (length != target_count) {
        return syi_fail(err, SY_ESHAPE, "dataset: %" PRId64 " rows of data, %" PRId64 " targets",
                        length, target_count);
    }
    sy_hook *hook = sy_tensor_get_hook(data);
    sy_dataset *made = syi_alloc(sy_hook_get_context(hook), sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "dataset");
    }
    atomic_init(&made->refs, 1);
    made->hook = hook;
    made->data = sy_tensor_ref(data);
    made->targets = sy_tensor_ref(targets);
    made->length = length;
    *dataset = made;
    return SY_OK;
}

sy_dataset *sy_dataset_ref(sy_dataset *dataset)
{
    if (dataset != NULL) {
        atomic_fetch_add_explicit(&dataset->refs, 1, memory_order_relaxed);
    }
    return dataset;
}

void sy_dataset_unref(sy_dataset *dataset)
{
    if (dataset == NULL ||
        atomic_fetch_sub_explicit(&dataset->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    sy_tensor_unref(dataset->data);
    sy_tensor_unref(dataset->targets);
    syi_free(sy_hook_get_context(dataset->hook), dataset, sizeof *dataset);
}

int64_t sy_dataset_get_length(const sy_dataset *dataset)
{
    return dataset->length;
}

sy_tensor *sy_dataset_get_data(const sy_dataset *dataset)
{
    return dataset->data;
}

sy_tensor *sy_dataset_get_targets(const sy_dataset *dataset)
{
    return dataset->targets;
}

sy_worker *sy_dataset_get_location(const sy_dataset *dataset)
{
    return sy_tensor_get_location(dataset->data);
}

/* Rows */

/* At a worker: a list travels with the command, where a tensor of indices would have to be sent first. */
static sy_tensor *take_there(sy_scope *scope, sy_tensor *tensor, const syi_selection *rows)
{
    sy_context *context = sy_hook_get_context(sy_scope_get_hook(scope));
    const size_t count = (size_t)rows->count;
    sy_value *items = syi_alloc_array(context, count, sizeof *items);
    if (items == NULL) {
        sy_error error = SY_ERROR_INIT;
        SYI_ENOMEM(&error, "rows of a dataset");
        sy_scope_fail(scope, &error);
        return NULL;
    }
    for (size_t k = 0; k < count; k++) {
        items[k] = sy_value_int(rows->indices[k]);
    }
    const sy_value list = sy_value_list(items, count);
    sy_tensor *taken = sy_index(scope, tensor, &list, 1);
    syi_free(context, items, count * sizeof *items);
    return taken;
}

/* Here, or shared: indices are public. */
static sy_tensor *take_here(sy_scope *scope, sy_tensor *tensor, const syi_selection *rows)
{
    sy_error error = SY_ERROR_INIT;
    sy_tensor *index = NULL;
    if (sy_tensor_new(sy_scope_get_hook(scope), &index, SY_DTYPE_I64, 1, &rows->count,
                      rows->indices, &error) != SY_OK) {
        sy_scope_fail(scope, &error);
        return NULL;
    }
    return sy_index_select(scope, tensor, 0, sy_scope_adopt(scope, index));
}

sy_tensor *syi_dataset_take(sy_scope *scope, sy_tensor *tensor, const syi_selection *rows)
{
    if (sy_scope_get_status(scope) != SY_OK) {
        return NULL;
    }
    if (rows->indices == NULL || rows->count == 0) {
        return sy_narrow(scope, tensor, 0, rows->first, rows->count);
    }
    return sy_tensor_get_location(tensor) != NULL ? take_there(scope, tensor, rows)
                                                  : take_here(scope, tensor, rows);
}

/* Hands both out, or neither. */
static sy_status finish(sy_scope *scope, sy_tensor *made_data, sy_tensor *made_targets,
                        sy_tensor **data, sy_tensor **targets, sy_error *err)
{
    made_data = sy_scope_keep(scope, made_data);
    made_targets = sy_scope_keep(scope, made_targets);
    const sy_status status = sy_scope_end(scope, err);
    if (status != SY_OK) {
        sy_tensor_unref(made_data);
        sy_tensor_unref(made_targets);
        return status;
    }
    *data = made_data;
    *targets = made_targets;
    return SY_OK;
}

static sy_status check_index(const sy_dataset *dataset, int64_t *index, sy_error *err)
{
    const int64_t length = dataset->length;
    if (*index < -length || *index >= length) {
        return syi_fail(err, SY_ERANGE, "dataset: row %" PRId64 " of %" PRId64, *index, length);
    }
    *index += *index < 0 ? length : 0;
    return SY_OK;
}

sy_status sy_dataset_get_item(sy_dataset *dataset, int64_t index, sy_tensor **data,
                              sy_tensor **target, sy_error *err)
{
    *data = NULL;
    *target = NULL;
    SY_TRY(check_index(dataset, &index, err));
    sy_scope *scope = sy_scope_begin(dataset->hook);
    sy_tensor *row = sy_select(scope, dataset->data, 0, index);
    return finish(scope, row, sy_select(scope, dataset->targets, 0, index), data, target, err);
}

sy_status sy_dataset_get_batch(sy_dataset *dataset, const int64_t *indices, size_t count,
                               sy_tensor **data, sy_tensor **targets, sy_error *err)
{
    sy_context *context = sy_hook_get_context(dataset->hook);
    *data = NULL;
    *targets = NULL;
    int64_t *places = syi_alloc_array(context, count, sizeof *places);
    if (places == NULL) {
        return SYI_ENOMEM(err, "dataset: a batch");
    }
    sy_status status = SY_OK;
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        places[k] = indices[k];
        status = check_index(dataset, &places[k], err);
    }
    if (status == SY_OK) {
        const syi_selection rows = {.indices = places, .count = (int64_t)count};
        sy_scope *scope = sy_scope_begin(dataset->hook);
        sy_tensor *taken = syi_dataset_take(scope, dataset->data, &rows);
        status = finish(scope, taken, syi_dataset_take(scope, dataset->targets, &rows), data,
                        targets, err);
    }
    syi_free(context, places, count * sizeof *places);
    return status;
}
