/* shard.c - rows of all datasets of one worker, as if they were one. Part of dataset.h. Test: federated_dataset_test.c. */
#include "core/error.h"
#include "core/memory.h"
#include "federated/collate.h"
#include "federated/dataset.h"

static void out_of_memory(sy_scope *scope)
{
    sy_error error = SY_ERROR_INIT;
    SYI_ENOMEM(&error, "batch of a federated dataset");
    sy_scope_fail(scope, &error);
}

/* Somebody may have fetched a dataset since. */
static bool all_are_there(sy_scope *scope, const syi_shard *shard)
{
    for (size_t k = 0; k < shard->count; k++) {
        if (sy_dataset_get_location(shard->datasets[k]) != shard->worker) {
            sy_error error = SY_ERROR_INIT;
            char id[80];
            const sy_id name = sy_worker_get_id(shard->worker);
            syi_fail(&error, SY_ECOLLOCATION,
                     "federated dataset: dataset %zu of worker %s is not there any more", k,
                     sy_id_format(&name, id, sizeof id));
            sy_scope_fail(scope, &error);
            return false;
        }
    }
    return true;
}

/* The part of `rows` that is in the dataset whose rows begin at `offset` of the shard. `own`: room for its indices. */
static syi_selection part_of(const syi_selection *rows, const sy_dataset *dataset, int64_t offset,
                             int64_t *own)
{
    const int64_t end = offset + dataset->length;
    if (rows->indices == NULL) {
        const int64_t first = rows->first > offset ? rows->first : offset;
        const int64_t last = rows->first + rows->count < end ? rows->first + rows->count : end;
        return (syi_selection){.first = first - offset, .count = last > first ? last - first : 0};
    }
    syi_selection part = {.indices = own};
    for (int64_t k = 0; k < rows->count; k++) {
        if (rows->indices[k] >= offset && rows->indices[k] < end) {
            own[part.count++] = rows->indices[k] - offset;
        }
    }
    return part;
}

/* Room for a part of each dataset, and for the indices of one. */
typedef struct parts {
    sy_tensor **data, **targets;
    int64_t *indices;
} parts;

static void parts_close(sy_context *context, parts *p, const syi_shard *shard,
                        const syi_selection *rows)
{
    syi_free(context, p->data, shard->count * sizeof *p->data);
    syi_free(context, p->targets, shard->count * sizeof *p->targets);
    syi_free(context, p->indices, (size_t)rows->count * sizeof *p->indices);
}

static bool parts_open(sy_context *context, parts *p, const syi_shard *shard,
                       const syi_selection *rows)
{
    p->data = syi_alloc_array(context, shard->count, sizeof *p->data);
    p->targets = syi_alloc_array(context, shard->count, sizeof *p->targets);
    p->indices = syi_alloc_array(context, (size_t)rows->count, sizeof *p->indices);
    if (p->data == NULL || p->targets == NULL || p->indices == NULL) {
        parts_close(context, p, shard, rows);
        return false;
    }
    return true;
}

/* Each dataset gives its part, and the parts are put together at the worker. */
static void take_parts(sy_scope *scope, const syi_shard *shard, const syi_selection *rows, parts *p,
                       sy_tensor **data, sy_tensor **targets)
{
    int64_t offset = 0;
    size_t count = 0;
    for (size_t k = 0; k < shard->count; k++) {
        const sy_dataset *dataset = shard->datasets[k];
        const syi_selection part = part_of(rows, dataset, offset, p->indices);
        if (part.count > 0) {
            p->data[count] = syi_dataset_take(scope, dataset->data, &part);
            p->targets[count++] = syi_dataset_take(scope, dataset->targets, &part);
        }
        offset += dataset->length;
    }
    *data = syi_collate_join(scope, p->data, count, false);
    *targets = syi_collate_join(scope, p->targets, count, false);
}

void syi_shard_take(sy_scope *scope, const syi_shard *shard, const syi_selection *rows,
                    sy_tensor **data, sy_tensor **targets)
{
    *data = NULL;
    *targets = NULL;
    if (sy_scope_get_status(scope) != SY_OK || !all_are_there(scope, shard)) {
        return;
    }
    if (shard->count == 1) {
        *data = syi_dataset_take(scope, shard->datasets[0]->data, rows);
        *targets = syi_dataset_take(scope, shard->datasets[0]->targets, rows);
        return;
    }
    sy_context *context = sy_hook_get_context(sy_scope_get_hook(scope));
    parts p;
    if (!parts_open(context, &p, shard, rows)) {
        out_of_memory(scope);
        return;
    }
    take_parts(scope, shard, rows, &p, data, targets);
    parts_close(context, &p, shard, rows);
}
