/* federated_dataset.c - datasets of several workers. Test: federated_dataset_test.c. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <csyft/operations.h>

#include "arrays/array.h"
#include "core/buffer.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/surroundings.h"
#include "federated/dataset.h"

#define COMPONENT "federated"

static const char *id_of(const sy_worker *worker, char *buffer, size_t size)
{
    const sy_id id = sy_worker_get_id(worker);
    return sy_id_format(&id, buffer, size);
}

/* "bob, alice", ended by "..." where there is no room for more. */
static void name_workers(sy_worker *const *workers, size_t count, char *text, size_t size)
{
    char id[128];
    size_t length = 0;
    text[0] = '\0';
    for (size_t k = 0; k < count; k++) {
        id_of(workers[k], id, sizeof id);
        const size_t needed = strlen(id) + 2;
        if (length + needed + sizeof "..." > size) {
            memcpy(text + length, "...", sizeof "...");
            return;
        }
        length += (size_t)snprintf(text + length, size - length, "%s%s", k > 0 ? ", " : "", id);
    }
}

/* Made of datasets that are at workers */

/* What every row of a federated dataset has in common. */
typedef struct row_form {
    sy_dtype dtype;
    int ndim;
    int64_t shape[SY_DIM_MAX]; /* from the second dim on */
} row_form;

static sy_status form_of(sy_tensor *tensor, row_form *form, sy_error *err)
{
    int64_t shape[SY_DIM_MAX];
    SY_TRY(sy_tensor_get_shape(tensor, &form->ndim, shape, err));
    form->ndim--;
    memcpy(form->shape, shape + 1, (size_t)form->ndim * sizeof *shape);
    return sy_tensor_get_dtype(tensor, &form->dtype, err);
}

static sy_status check_like(const row_form *first, const sy_worker *first_worker,
                            const row_form *other, const sy_worker *worker, const char *what,
                            sy_error *err)
{
    char one[128], two[128], shape[160], other_shape[160];
    if (first->ndim != other->ndim ||
        memcmp(first->shape, other->shape, (size_t)first->ndim * sizeof *first->shape) != 0) {
        return syi_fail(
            err, SY_ESHAPE, "federated dataset: rows of %s are %s at worker %s and %s at worker %s",
            what, syi_shape_format(first->ndim, first->shape, shape, sizeof shape),
            id_of(first_worker, one, sizeof one),
            syi_shape_format(other->ndim, other->shape, other_shape, sizeof other_shape),
            id_of(worker, two, sizeof two));
    }
    if (first->dtype != other->dtype) {
        return syi_fail(err, SY_EDTYPE,
                        "federated dataset: the %s are %s at worker %s and %s at worker %s", what,
                        sy_dtype_name(first->dtype), id_of(first_worker, one, sizeof one),
                        sy_dtype_name(other->dtype), id_of(worker, two, sizeof two));
    }
    return SY_OK;
}

static sy_status check_datasets(sy_dataset *const *datasets, size_t count, sy_error *err)
{
    row_form data, targets, other;
    if (datasets == NULL || count == 0) {
        return syi_fail(err, SY_EINVAL, "federated dataset: there are no datasets");
    }
    for (size_t k = 0; k < count; k++) {
        if (datasets[k] == NULL || datasets[k]->hook != datasets[0]->hook) {
            return syi_fail(err, SY_EINVAL,
                            "federated dataset: dataset %zu is NULL or of another hook", k);
        }
        if (sy_dataset_get_location(datasets[k]) == NULL) {
            return syi_fail(err, SY_EINVAL,
                            "federated dataset: dataset %zu is at no worker; send it", k);
        }
    }
    const sy_worker *first = sy_dataset_get_location(datasets[0]);
    SY_TRY(form_of(datasets[0]->data, &data, err));
    SY_TRY(form_of(datasets[0]->targets, &targets, err));
    for (size_t k = 1; k < count; k++) {
        const sy_worker *worker = sy_dataset_get_location(datasets[k]);
        SY_TRY(form_of(datasets[k]->data, &other, err));
        SY_TRY(check_like(&data, first, &other, worker, "data", err));
        SY_TRY(form_of(datasets[k]->targets, &other, err));
        SY_TRY(check_like(&targets, first, &other, worker, "targets", err));
    }
    return SY_OK;
}

/* Those of one worker beside each other, workers in the order in which they come first. */
static void arrange(sy_federated_dataset *made, sy_dataset *const *datasets)
{
    size_t placed = 0;
    for (size_t k = 0; k < made->capacity; k++) {
        sy_worker *worker = sy_dataset_get_location(datasets[k]);
        syi_shard *shard = NULL;
        for (size_t i = 0; i < made->shard_count && shard == NULL; i++) {
            shard = made->shards[i].worker == worker ? &made->shards[i] : NULL;
        }
        if (shard != NULL) {
            continue;
        }
        shard = &made->shards[made->shard_count++];
        *shard = (syi_shard){.worker = worker, .datasets = &made->datasets[placed]};
        for (size_t i = k; i < made->capacity; i++) {
            if (sy_dataset_get_location(datasets[i]) == worker) {
                made->datasets[placed++] = sy_dataset_ref(datasets[i]);
                shard->count++;
                shard->rows += datasets[i]->length;
            }
        }
        made->length += shard->rows;
    }
    made->count = placed;
}

sy_status sy_federated_dataset_new(sy_federated_dataset **federated, sy_dataset *const *datasets,
                                   size_t count, sy_error *err)
{
    *federated = NULL;
    SY_TRY(check_datasets(datasets, count, err));
    sy_hook *hook = datasets[0]->hook;
    sy_context *context = sy_hook_get_context(hook);
    sy_federated_dataset *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "federated dataset");
    }
    atomic_init(&made->refs, 1);
    made->hook = hook;
    made->capacity = count;
    made->datasets = syi_alloc_array(context, count, sizeof *made->datasets);
    made->shards = syi_alloc_array(context, count, sizeof *made->shards);
    if (made->datasets == NULL || made->shards == NULL) {
        sy_federated_dataset_unref(made);
        return SYI_ENOMEM(err, "federated dataset");
    }
    arrange(made, datasets);
    *federated = made;
    return SY_OK;
}

sy_federated_dataset *sy_federated_dataset_ref(sy_federated_dataset *federated)
{
    if (federated != NULL) {
        atomic_fetch_add_explicit(&federated->refs, 1, memory_order_relaxed);
    }
    return federated;
}

void sy_federated_dataset_unref(sy_federated_dataset *federated)
{
    if (federated == NULL ||
        atomic_fetch_sub_explicit(&federated->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    sy_context *context = sy_hook_get_context(federated->hook);
    for (size_t k = 0; k < federated->count; k++) {
        sy_dataset_unref(federated->datasets[k]);
    }
    syi_free(context, federated->datasets, federated->capacity * sizeof *federated->datasets);
    syi_free(context, federated->shards, federated->capacity * sizeof *federated->shards);
    syi_free(context, federated, sizeof *federated);
}

/* Made of one dataset that is here */

static sy_status check_workers(sy_worker *const *workers, size_t count, sy_error *err)
{
    char id[128];
    if (workers == NULL || count == 0) {
        return syi_fail(err, SY_EINVAL, "federate: there are no workers");
    }
    for (size_t k = 0; k < count; k++) {
        for (size_t i = 0; i < k; i++) {
            if (workers[i] == workers[k] && workers[k] != NULL) {
                return syi_fail(err, SY_EINVAL, "federate: worker %s is there twice",
                                id_of(workers[k], id, sizeof id));
            }
        }
        if (workers[k] == NULL) {
            return syi_fail(err, SY_EINVAL, "federate: worker %zu is NULL", k);
        }
    }
    return SY_OK;
}

static sy_status send_rows(sy_tensor *tensor, const syi_selection *rows, sy_worker *worker,
                           sy_tensor **pointer, sy_error *err)
{
    sy_scope *scope = sy_scope_begin(sy_tensor_get_hook(tensor));
    sy_tensor *part = sy_scope_keep(scope, syi_dataset_take(scope, tensor, rows));
    sy_status status = sy_scope_end(scope, err);
    if (status == SY_OK) {
        status = sy_tensor_send(part, pointer, worker, err);
    }
    sy_tensor_unref(part);
    return status;
}

static sy_status send_part(sy_dataset *dataset, const syi_selection *rows, sy_worker *worker,
                           sy_dataset **part, sy_error *err)
{
    sy_tensor *data = NULL, *targets = NULL;
    sy_status status = send_rows(dataset->data, rows, worker, &data, err);
    if (status == SY_OK) {
        status = send_rows(dataset->targets, rows, worker, &targets, err);
    }
    if (status == SY_OK) {
        status = sy_dataset_new(part, data, targets, err);
    }
    sy_tensor_unref(data);
    sy_tensor_unref(targets);
    return status;
}

sy_status sy_dataset_federate(sy_dataset *dataset, sy_worker *const *workers, size_t count,
                              sy_federated_dataset **federated, sy_error *err)
{
    sy_context *context = sy_hook_get_context(dataset->hook);
    char names[600];
    *federated = NULL;
    SY_TRY(check_workers(workers, count, err));
    if (!syi_dataset_is_here(dataset)) {
        return syi_fail(err, SY_EINVAL, "federate: the dataset is not here; get it first");
    }
    if (dataset->length == 0) {
        return syi_fail(err, SY_EINVAL, "federate: the dataset has no rows");
    }
    const int64_t length = dataset->length;
    const int64_t share = length / (int64_t)count + (length % (int64_t)count != 0);
    sy_dataset **parts = syi_alloc_array(context, count, sizeof *parts);
    if (parts == NULL) {
        return SYI_ENOMEM(err, "federate");
    }
    name_workers(workers, count, names, sizeof names);
    syi_log(context, SY_LOG_INFO, COMPONENT, NULL, 0, "Scanning and sending data to %s...", names);
    sy_status status = SY_OK;
    size_t sent = 0;
    for (int64_t first = 0; first < length && status == SY_OK; first += share) {
        const int64_t left = length - first;
        const syi_selection rows = {.first = first, .count = left < share ? left : share};
        syi_log(context, SY_LOG_DEBUG, COMPONENT, id_of(workers[sent], names, sizeof names), 0,
                "Sending data to worker");
        status = send_part(dataset, &rows, workers[sent], &parts[sent], err);
        sent += status == SY_OK;
    }
    if (status == SY_OK) {
        status = sy_federated_dataset_new(federated, parts, sent, err);
    }
    for (size_t k = 0; k < sent; k++) {
        sy_dataset_unref(parts[k]);
    }
    syi_free(context, parts, count * sizeof *parts);
    return status;
}

/* What is in it */

static const syi_shard *shard_of(const sy_federated_dataset *federated, const sy_worker *worker)
{
    for (size_t k = 0; k < federated->shard_count; k++) {
        if (federated->shards[k].worker == worker) {
            return &federated->shards[k];
        }
    }
    return NULL;
}

size_t sy_federated_dataset_get_worker_count(const sy_federated_dataset *federated)
{
    return federated->shard_count;
}

sy_worker *sy_federated_dataset_get_worker(const sy_federated_dataset *federated, size_t index)
{
    return index < federated->shard_count ? federated->shards[index].worker : NULL;
}

size_t sy_federated_dataset_get_count(const sy_federated_dataset *federated,
                                      const sy_worker *worker)
{
    const syi_shard *shard = shard_of(federated, worker);
    return shard != NULL ? shard->count : 0;
}

sy_dataset *sy_federated_dataset_get(const sy_federated_dataset *federated, const sy_worker *worker,
                                     size_t index)
{
    const syi_shard *shard = shard_of(federated, worker);
    return shard != NULL && index < shard->count ? shard->datasets[index] : NULL;
}

int64_t sy_federated_dataset_get_length(const sy_federated_dataset *federated)
{
    return federated->length;
}

int64_t sy_federated_dataset_get_rows(const sy_federated_dataset *federated,
                                      const sy_worker *worker)
{
    const syi_shard *shard = shard_of(federated, worker);
    return shard != NULL ? shard->rows : 0;
}

static void put(syi_buffer *out, const char *text)
{
    syi_buffer_append(out, text, strlen(text));
}

sy_status sy_federated_dataset_to_text(const sy_federated_dataset *federated, char **text,
                                       sy_error *err)
{
    sy_context *context = sy_hook_get_context(federated->hook);
    char word[128];
    syi_buffer out;
    *text = NULL;
    syi_buffer_init(&out, context, 1u << 20);
    put(&out, "FederatedDataset\n    Distributed accross: ");
    for (size_t k = 0; k < federated->shard_count; k++) {
        put(&out, k > 0 ? ", " : "");
        put(&out, id_of(federated->shards[k].worker, word, sizeof word));
    }
    snprintf(word, sizeof word, "\n    Number of datapoints: %" PRId64 "\n", federated->length);
    put(&out, word);
    syi_buffer_put(&out, '\0');
    sy_status status = syi_buffer_check(&out, "federated dataset as text", err);
    if (status == SY_OK) {
        *text = syi_string_copy(context, (const char *)out.data);
        status = *text != NULL ? SY_OK : SYI_ENOMEM(err, "federated dataset as text");
    }
    syi_buffer_fini(&out);
    return status;
}
