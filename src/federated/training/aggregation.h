/*
 * aggregation.h - sums of what many workers have computed, of which nobody sees a part: each contributor splits its numbers into additive
 * shares in 2^64, one for each of two or more holders; every holder adds up the shares that it has, and tells the sum once. Source: secure
 * aggregation by additive sharing, as in Bonawitz and others 2017 without masks between clients: the holders are asked for sums of one list of
 * contributors. Test: tests/integration/federated_aggregation.c.
 *
 *     contributor -> all holders but the last   a seed of 32 bytes, which stands for its share
 *     contributor -> the last holder            its share, last of all: who is in there is in the sum
 *     coordinator -> the last holder            gets the contributors and its sum; then from the others the sums of these
 *
 * A contributor that dies on the way is in nobody's sum; what the others keep of it are seeds.
 *
 * Adversary: the coordinator and all holders but one may look together at what they get, and learn sums of `least` contributors or more
 * (the greatest `least` that any of them has asked for). They do what was agreed: a coordinator that makes up contributors, or a holder that
 * counts wrong, is not noticed. What is sent is uniform: shares of a sharing with fresh seeds.
 */
#ifndef SYI_FEDERATED_AGGREGATION_H
#define SYI_FEDERATED_AGGREGATION_H

#include "arrays/array.h"
#include "hook/hook.h"
#include "hook/tensor.h"
#include "interpreters/pointer.h"
#include "workers/commands.h"

#define SYI_CODE_AGGREGATE 251
#define SYI_AGGREGATION_HOLDERS_MAX 16
#define SYI_AGGREGATION_ELEMENTS_MAX (INT64_C(1) << 31)
#define SYI_AGGREGATION_CONTRIBUTORS_MAX 65536
#define SYI_COMMAND_AGGREGATE_OPEN "aggregate_open"
#define SYI_COMMAND_AGGREGATE_PUT "aggregate_put"
#define SYI_COMMAND_AGGREGATE_SUM "aggregate_sum"

sy_status syi_aggregation_register(sy_hook *hook, sy_error *err);

/* The coordinator's side. */
typedef struct syi_aggregation {
    sy_hook *hook;
    size_t holders;
    int64_t elements;
    syi_pointer
        *at[SYI_AGGREGATION_HOLDERS_MAX]; /* own what they point to; the last one takes words */
} syi_aggregation;
/* At every holder. On failure nothing is there. SY_EINVAL: fewer than two holders, one twice. */
sy_status syi_aggregation_open(sy_hook *hook, syi_aggregation *aggregation,
                               sy_worker *const *holders, size_t count, int64_t elements,
                               size_t least, sy_error *err);
void syi_aggregation_close(syi_aggregation *aggregation);
/* words: room for the elements; *contributors: how many. SY_EPERM: fewer than one of them wants. */
sy_status syi_aggregation_sum(syi_aggregation *aggregation, uint64_t *words, size_t *contributors,
                              sy_error *err);

/* The contributor's side: a holder and the aggregate's id there. */
typedef struct syi_aggregation_holder {
    sy_id worker, aggregate;
} syi_aggregation_holder;
/* SY_ENOTFOUND: a holder that this worker does not know. */
sy_status syi_aggregation_contribute(sy_worker *worker, const syi_aggregation_holder *holders,
                                     size_t count, const uint64_t *words, int64_t elements,
                                     size_t least, sy_error *err);

#endif
