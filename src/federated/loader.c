/* loader.c - batches of a federated dataset, step by step. Which worker is next: loader_steps.c. Test: loader_test.c. */
#include "federated/loader.h"

#include <inttypes.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/surroundings.h"
#include "federated/row_order.h"

/* Life */

static sy_status check_options(const sy_loader_options *o, sy_error *err)
{
    if (o->batch_size < 1) {
        return syi_fail(err, SY_EINVAL, "loader: batch_size is %" PRId64, o->batch_size);
    }
    if (o->num_iterators < 1) {
        return syi_fail(err, SY_EINVAL, "loader: num_iterators is %d", o->num_iterators);
    }
    return SY_OK;
}

static size_t width_of(const sy_loader_options *o, size_t workers)
{
    const size_t most = workers > 1 ? workers - 1 : 1;
    if (o->iter_per_worker) {
        return workers;
    }
    return (size_t)o->num_iterators < most ? (size_t)o->num_iterators : most;
}

static sy_status open_steps(sy_federated_loader *loader, syi_steps *steps, sy_error *err)
{
    sy_context *context = sy_hook_get_context(loader->hook);
    size_t cells = 0;
    steps->iterators = syi_alloc_array(context, loader->width, sizeof *steps->iterators);
    if (syi_size_mul(loader->width, loader->workers, &cells)) {
        steps->left = syi_alloc_array(context, cells, sizeof *steps->left);
    }
    return steps->iterators != NULL && steps->left != NULL ? SY_OK : SYI_ENOMEM(err, "loader");
}

/* With iter_per_worker an iterator is at one worker only. */
static sy_status open_orders(sy_federated_loader *loader, sy_error *err)
{
    sy_context *context = sy_hook_get_context(loader->hook);
    const syi_shard *shards = loader->federated->shards;
    int64_t most = 0;
    loader->orders = syi_alloc_array(context, loader->width, sizeof *loader->orders);
    for (size_t worker = 0; worker < loader->workers; worker++) {
        most = shards[worker].rows > most ? shards[worker].rows : most;
    }
    for (size_t rank = 0; rank < loader->width && loader->orders != NULL; rank++) {
        syi_order *order = &loader->orders[rank];
        order->worker = SYI_NOWHERE;
        order->capacity = (size_t)(loader->options.iter_per_worker ? shards[rank].rows : most);
        order->places = syi_alloc_array(context, order->capacity, sizeof *order->places);
        if (order->places == NULL) {
            return SYI_ENOMEM(err, "loader");
        }
    }
    return loader->orders != NULL ? SY_OK : SYI_ENOMEM(err, "loader");
}

sy_status sy_federated_loader_new(sy_federated_loader **loader, sy_federated_dataset *federated,
                                  const sy_loader_options *options, sy_error *err)
{
    sy_loader_options o = SY_LOADER_OPTIONS_INIT;
    *loader = NULL;
    if (federated == NULL) {
        return syi_fail(err, SY_EINVAL, "loader: the federated dataset is NULL");
    }
    if (options != NULL) {
        memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    }
    SY_TRY(check_options(&o, err));
    sy_context *context = sy_hook_get_context(federated->hook);
    while (o.seed == 0) {
        SY_TRY(syi_random_bytes(context, &o.seed, sizeof o.seed, err));
    }
    sy_federated_loader *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "loader");
    }
    made->hook = federated->hook;
    made->federated = sy_federated_dataset_ref(federated);
    made->options = o;
    made->workers = federated->shard_count;
    made->width = width_of(&o, made->workers);
    sy_status status = open_steps(made, &made->now, err);
    if (status == SY_OK) {
        status = open_steps(made, &made->next, err);
    }
    if (status == SY_OK && o.shuffle) {
        status = open_orders(made, err);
    }
    if (status != SY_OK) {
        sy_federated_loader_free(made);
        return status;
    }
    syi_steps_reset(made, &made->now);
    *loader = made;
    return SY_OK;
}

static void close_steps(const sy_federated_loader *loader, syi_steps *steps)
{
    sy_context *context = sy_hook_get_context(loader->hook);
    syi_free(context, steps->iterators, loader->width * sizeof *steps->iterators);
    syi_free(context, steps->left, loader->width * loader->workers * sizeof *steps->left);
}

void sy_federated_loader_free(sy_federated_loader *loader)
{
    if (loader == NULL) {
        return;
    }
    sy_context *context = sy_hook_get_context(loader->hook);
    close_steps(loader, &loader->now);
    close_steps(loader, &loader->next);
    for (size_t rank = 0; loader->orders != NULL && rank < loader->width; rank++) {
        syi_order *order = &loader->orders[rank];
        syi_free(context, order->places, order->capacity * sizeof *order->places);
    }
    syi_free(context, loader->orders, loader->width * sizeof *loader->orders);
    sy_federated_dataset_unref(loader->federated);
    syi_free(context, loader, sizeof *loader);
}

int64_t sy_federated_loader_get_length(const sy_federated_loader *loader)
{
    const sy_loader_options *o = &loader->options;
    int64_t length = 0;
    for (size_t worker = 0; worker < loader->workers; worker++) {
        const int64_t rows = loader->federated->shards[worker].rows;
        length += rows / o->batch_size + (!o->drop_last && rows % o->batch_size != 0);
    }
    return o->iter_per_worker ? length : length * (int64_t)loader->width;
}

size_t sy_federated_loader_get_width(const sy_federated_loader *loader)
{
    return loader->width;
}

/* Batches */

void sy_federated_batch_fini(sy_federated_batch *batch)
{
    sy_tensor_unref(batch->data);
    sy_tensor_unref(batch->targets);
    *batch = (sy_federated_batch){.rows = 0};
}

void sy_federated_batches_free(sy_hook *hook, sy_federated_batch *batches, size_t count)
{
    for (size_t k = 0; batches != NULL && k < count; k++) {
        sy_federated_batch_fini(&batches[k]);
    }
    syi_free(sy_hook_get_context(hook), batches, count * sizeof *batches);
}

/* The rows of the batch at which an iterator is. */
static syi_selection rows_of(sy_federated_loader *loader, size_t rank)
{
    const syi_iterator *at = &loader->next.iterators[rank];
    syi_selection rows = {.first = at->row, .count = syi_steps_count(loader, at)};
    if (loader->orders == NULL) {
        return rows;
    }
    syi_order *order = &loader->orders[rank];
    if (order->worker != at->worker || order->pass != loader->pass) {
        const syi_row_order_key key = {loader->options.seed, loader->pass, rank, at->worker};
        syi_row_order_fill(&key, order->places, (size_t)loader->federated->shards[at->worker].rows);
        order->worker = at->worker;
        order->pass = loader->pass;
    }
    rows.indices = &order->places[at->row];
    return rows;
}

/* All are asked for before the first answer is waited for. */
static void take_batches(sy_federated_loader *loader, sy_scope *scope, sy_federated_batch *batches,
                         size_t *count)
{
    for (size_t rank = 0; rank < loader->width; rank++) {
        const size_t worker = loader->next.iterators[rank].worker;
        if (worker == SYI_NOWHERE) {
            continue;
        }
        const syi_shard *shard = &loader->federated->shards[worker];
        const syi_selection rows = rows_of(loader, rank);
        sy_federated_batch *batch = &batches[(*count)++];
        *batch = (sy_federated_batch){.location = shard->worker, .rows = rows.count};
        syi_shard_take(scope, shard, &rows, &batch->data, &batch->targets);
        batch->data = sy_scope_keep(scope, batch->data);
        batch->targets = sy_scope_keep(scope, batch->targets);
    }
}

static sy_status fetch(sy_federated_loader *loader, sy_federated_batch *batches, size_t *count,
                       sy_error *err)
{
    sy_scope *scope = sy_scope_begin(loader->hook);
    (void)sy_scope_set_pipelined(scope, true);
    take_batches(loader, scope, batches, count);
    const sy_status status = sy_scope_end(scope, err);
    while (status != SY_OK && *count > 0) {
        sy_federated_batch_fini(&batches[--*count]);
    }
    return status;
}

static void begin_pass(sy_federated_loader *loader)
{
    loader->pass++;
    loader->begun = false;
    syi_steps_reset(loader, &loader->now);
}

sy_status sy_federated_loader_next(sy_federated_loader *loader, sy_federated_batch *batches,
                                   size_t capacity, size_t *count, sy_error *err)
{
    *count = 0;
    if (capacity < loader->width) {
        return syi_fail(err, SY_EINVAL, "loader: room for %zu batches, a step has up to %zu",
                        capacity, loader->width);
    }
    if (!syi_steps_plan(loader)) {
        begin_pass(loader);
        return SY_OK;
    }
    SY_TRY(fetch(loader, batches, count, err));
    syi_steps_commit(loader);
    loader->begun = true;
    return SY_OK;
}

void sy_federated_loader_rewind(sy_federated_loader *loader)
{
    if (loader->begun) {
        begin_pass(loader);
    }
}

sy_status sy_federated_loader_extract(sy_federated_loader *loader, sy_federated_batch **batches,
                                      size_t *count, sy_error *err)
{
    enum { LOGGED = 100 }; /* batches from one line to the next */
    sy_context *context = sy_hook_get_context(loader->hook);
    const size_t length = (size_t)sy_federated_loader_get_length(loader);
    *batches = NULL;
    *count = 0;
    if (loader->width != 1) {
        return syi_fail(err, SY_EINVAL,
                        "extract_batches_per_worker: a loader of one iterator is needed, this one "
                        "has %zu",
                        loader->width);
    }
    sy_federated_batch *made = syi_alloc_array(context, length, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "extract_batches_per_worker");
    }
    sy_federated_loader_rewind(loader);
    sy_status status = SY_OK;
    for (size_t k = 0; k < length && status == SY_OK; k++) {
        size_t given = 0;
        status = sy_federated_loader_next(loader, &made[k], 1, &given, err);
        if (status == SY_OK && (k + 1) % LOGGED == 0) {
            syi_log(context, SY_LOG_DEBUG, "federated", NULL, 0, "Extracted %zu batches", k + 1);
        }
    }
    sy_federated_loader_rewind(loader);
    if (status != SY_OK) {
        sy_federated_batches_free(loader->hook, made, length);
        return status;
    }
    *batches = made;
    *count = length;
    return SY_OK;
}
