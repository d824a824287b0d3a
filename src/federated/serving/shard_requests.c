#include "federated/serving/shard_requests.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "federated/serving/queries.h"
#include "hook/hook.h"
#include "workers/commands.h"
#include "workers/link.h"

sy_status syi_shard_point_to(sy_hook *hook, const sy_shard *shard, syi_pointer **pointer,
                             sy_error *err)
{
    sy_id id = SY_ID_INIT;
    *pointer = NULL;
    if (shard == NULL || shard->worker == NULL || shard->key == NULL) {
        return syi_fail(err, SY_EINVAL, "a shard without worker or key");
    }
    SY_TRY(sy_id_from_text(&id, shard->key, err));
    SY_TRY(syi_pointer_new(hook, pointer, hook->local_worker, shard->worker, &id, err));
    (*pointer)->collect = false;
    return SY_OK;
}

sy_status syi_shard_other_answer(const sy_shard *shard, sy_error *err)
{
    return syi_fail_object(err, SY_EPROTO, shard->key,
                           "worker %s answered about dataset %s with something else",
                           shard->worker->name, shard->key);
}

sy_status syi_shard_blame(const sy_shard *shard, sy_status status, sy_error *err)
{
    char named[96];
    (void)snprintf(named, sizeof named, "dataset %s", shard->key);
    if (status == SY_OK || err == NULL || strstr(err->message, named) != NULL) {
        return status;
    }
    return syi_error_prefix(err, status, "worker %s, dataset %s", shard->worker->name, shard->key);
}

sy_status syi_shard_ask(const sy_shard *shard, const char *command, sy_value *args, size_t count,
                        size_t items, syi_shard_listen listen, void *user, sy_error *err)
{
    syi_pointer *dataset = NULL;
    syi_exchange exchange;
    syi_decoder decoder;
    sy_value answer;
    if (shard == NULL || shard->worker == NULL) {
        return syi_fail(err, SY_EINVAL, "a shard without worker or key");
    }
    sy_hook *hook = shard->worker->hook;
    SY_TRY(syi_shard_point_to(hook, shard, &dataset, err));
    args[0] = syi_pointer_value(dataset);
    sy_status status = syi_command_request(hook->local_worker, shard->worker, command, args, count,
                                           &exchange, err);
    syi_node_unref(&dataset->base);
    if (status != SY_OK) {
        return syi_shard_blame(shard, status, err);
    }
    syi_decoder_init(&decoder, hook, hook->local_worker, exchange.reply);
    status = syi_decode_value(&decoder, &answer, err);
    if (status == SY_OK) {
        status = answer.kind == SY_VALUE_LIST && answer.as.list.count == items
                     ? listen(shard, answer.as.list.items, user, err)
                     : syi_shard_other_answer(shard, err);
    }
    syi_decoder_fini(&decoder);
    syi_link_end(&exchange);
    return status;
}

/* What there is */

static bool take_kind(const sy_value *items, sy_dtype *dtype, int *ndim, int64_t *shape)
{
    if (items[0].kind != SY_VALUE_STRING || items[1].kind != SY_VALUE_LIST ||
        items[1].as.list.count > SY_DIM_MAX || !sy_dtype_from_name(items[0].as.string, dtype)) {
        return false;
    }
    *ndim = (int)items[1].as.list.count;
    for (int k = 0; k < *ndim; k++) {
        shape[k] = items[1].as.list.items[k].as.integer;
    }
    return true;
}

static sy_status take_info(const sy_shard *shard, const sy_value *items, void *user, sy_error *err)
{
    sy_dataset_info *info = user;
    if (items[0].kind != SY_VALUE_STRING || items[1].kind != SY_VALUE_INT ||
        items[2].kind != SY_VALUE_INT ||
        !take_kind(items + 3, &info->dtype, &info->ndim, info->shape) ||
        !take_kind(items + 5, &info->target_dtype, &info->target_ndim, info->target_shape)) {
        return syi_shard_other_answer(shard, err);
    }
    snprintf(info->key, sizeof info->key, "%s", items[0].as.string);
    info->rows = items[1].as.integer;
    info->release_rows = items[2].as.integer;
    return SY_OK;
}

sy_status sy_shard_get_info(const sy_shard *shard, sy_dataset_info *info, sy_error *err)
{
    sy_value args[1];
    memset(info, 0, sizeof *info);
    return syi_shard_ask(shard, SYI_COMMAND_DATASET_INFO, args, 1, 7, take_info, info, err);
}
