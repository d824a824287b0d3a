#include "federated/training/introductions.h"

#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "workers/worker.h"

typedef struct telling {
    syi_exchange exchange;
    size_t shard;
    sy_worker *holder;
    bool begun; /* an answer is due */
} telling;

static bool is_known(const syi_trainer_place *place, const sy_worker *holder)
{
    for (size_t k = 0; k < place->holder_count; k++) {
        if (place->holders[k] == holder) {
            return true;
        }
    }
    return false;
}

static void remember(syi_trainer_place *place, sy_worker *holder)
{
    if (place->holder_count == SYI_AGGREGATION_HOLDERS_MAX) {
        place->holder_count = 0; /* others than before: these are told again if they come back */
    }
    if (!is_known(place, holder)) {
        place->holders[place->holder_count++] = holder;
    }
}

void syi_forget_introductions(sy_trainer *trainer, sy_worker *worker)
{
    syi_trainer_place *place = NULL;
    if (syi_trainer_place_of(trainer, worker, &place, NULL) == SY_OK) {
        place->holder_count = 0;
    }
}

/* Two of a worker's shards tell it once. */
static bool is_told(const telling *all, size_t count, const sy_shard *shards, const telling *one)
{
    for (size_t k = 0; k < count; k++) {
        if (all[k].holder == one->holder &&
            shards[all[k].shard].worker == shards[one->shard].worker) {
            return true;
        }
    }
    return false;
}

static sy_status begin(sy_trainer *t, const sy_shard *shard, telling *one, sy_error *why)
{
    syi_trainer_place *place = NULL;
    one->begun = false;
    SY_TRY(syi_trainer_place_of(t, shard->worker, &place, why));
    return shard->worker == one->holder || is_known(place, one->holder)
               ? SY_OK
               : syi_worker_introduce_start(shard->worker, one->holder, NULL, &one->begun,
                                            &one->exchange, why);
}

static void finish(sy_trainer *t, const sy_shard *shard, telling *one, sy_error *why)
{
    syi_trainer_place *place = NULL;
    const sy_status status = syi_link_wait(&one->exchange, why);
    syi_link_end(&one->exchange);
    if (status != SY_OK && status != SY_EEXIST) {
        why->status = status;
        return;
    }
    *why = (sy_error)SY_ERROR_INIT;
    if (syi_trainer_place_of(t, shard->worker, &place, NULL) == SY_OK) {
        remember(place, one->holder);
    }
}

sy_status syi_introduce_holders(sy_trainer *t, const sy_shard *shards, sy_shard_report *reports,
                                size_t count, sy_worker *const *holders, size_t holder_count,
                                sy_error *err)
{
    sy_context *context = t->hook->context;
    telling *all = syi_alloc_array(context, count * holder_count, sizeof *all);
    size_t begun = 0;
    if (all == NULL) {
        return SYI_ENOMEM(err, "round");
    }
    for (size_t k = 0; k < count; k++) {
        for (size_t h = 0; h < holder_count && reports[k].asked && reports[k].why.status == SY_OK;
             h++) {
            telling *one = &all[begun];
            one->shard = k;
            one->holder = holders[h];
            if (!is_told(all, begun, shards, one)) {
                reports[k].why.status = begin(t, &shards[k], one, &reports[k].why);
                begun += one->begun ? 1 : 0;
            }
        }
    }
    for (size_t i = 0; i < begun; i++) {
        sy_error why = SY_ERROR_INIT;
        finish(t, &shards[all[i].shard], &all[i], &why);
        if (why.status != SY_OK) {
            reports[all[i].shard].why = why;
        }
    }
    syi_free(context, all, count * holder_count * sizeof *all);
    return SY_OK;
}
