#include "federated/training/contribution.h"

#include <inttypes.h>
#include <math.h>

#include "core/error.h"
#include "core/memory.h"

typedef struct destination {
    size_t least, holders;
    double clip;
    syi_aggregation_holder at[SYI_AGGREGATION_HOLDERS_MAX];
} destination;

static sy_status read_holders(const sy_value *argument, destination *to, sy_error *err)
{
    const size_t count = argument->kind == SY_VALUE_LIST ? argument->as.list.count : 0;
    if (count < 4 || count > 2 + SYI_AGGREGATION_HOLDERS_MAX) {
        return syi_fail(err, SY_EINVAL,
                        "the holders of an aggregation are fewer than 2, or more than %d",
                        SYI_AGGREGATION_HOLDERS_MAX);
    }
    const sy_value *items = argument->as.list.items;
    if (items[0].kind != SY_VALUE_INT || items[0].as.integer < 1 ||
        items[1].kind != SY_VALUE_FLOAT || !(items[1].as.real >= 0)) {
        return syi_fail(err, SY_EINVAL, "an aggregation without least, or without clip");
    }
    to->least = (size_t)items[0].as.integer;
    to->clip = items[1].as.real;
    to->holders = count - 2;
    for (size_t k = 0; k < to->holders; k++) {
        const sy_value *pair = &items[2 + k];
        if (pair->kind != SY_VALUE_LIST || pair->as.list.count != 2) {
            return syi_fail(err, SY_EINVAL, "holder %zu of an aggregation is none", k);
        }
        SY_TRY(syi_value_read_id(&pair->as.list.items[0], &to->at[k].worker, err));
        SY_TRY(syi_value_read_id(&pair->as.list.items[1], &to->at[k].aggregate, err));
    }
    return SY_OK;
}

static double norm_of(const double *changes, size_t count)
{
    double square = 0;
    for (size_t i = 0; i < count; i++) {
        square += changes[i] * changes[i];
    }
    return sqrt(square);
}

/* The first `clipped` of the changes are, together. */
static sy_status fill_words(uint64_t *words, const double *changes, size_t count, size_t clipped,
                            int64_t rows, double clip, sy_error *err)
{
    const double norm = clip > 0 ? norm_of(changes, clipped) : 0,
                 unit = (double)rows / SYI_UPDATE_UNIT, shorter = norm > clip ? clip / norm : 1;
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        const double number = nearbyint(unit * (i < clipped ? shorter : 1) * changes[i]),
                     size = fabs(number);
        most = size > most ? size : most;
        words[i] = size < SYI_UPDATE_MOST ? (uint64_t)(int64_t)number : 0;
    }
    words[count] = (uint64_t)rows;
    return most < SYI_UPDATE_MOST
               ? SY_OK
               : syi_fail(err, SY_ERANGE,
                          "a parameter or a statistic changed by more than a sum can take, times "
                          "%" PRId64 " rows; a smaller learning rate, clipping (update_max), or "
                          "rows that are scaled "
                          "may help",
                          rows);
}

sy_status syi_contribution_send(sy_worker *worker, const sy_value *holders, const double *changes,
                                size_t count, size_t clipped, int64_t rows, sy_error *err)
{
    destination to;
    sy_context *context = worker->hook->context;
    const size_t size = (count + 1) * sizeof(uint64_t);
    SY_TRY(read_holders(holders, &to, err));
    uint64_t *words = syi_alloc(context, size);
    if (words == NULL) {
        return SYI_ENOMEM(err, "aggregation");
    }
    sy_status status = fill_words(words, changes, count, clipped, rows, to.clip, err);
    if (status == SY_OK) {
        status = syi_aggregation_contribute(worker, to.at, to.holders, words, (int64_t)count + 1,
                                            to.least, err);
    }
    syi_wipe(words, size);
    syi_free(context, words, size);
    return status;
}
