/*
 * shard_requests.h - asking a worker about a dataset that it serves: one request, and an answer that is a list. Test: the tests of those who ask
 * (tests/integration/federated_training.c, federated_privacy.c).
 */
#ifndef SYI_FEDERATED_SHARD_REQUESTS_H
#define SYI_FEDERATED_SHARD_REQUESTS_H

#include <csyft/federated.h>

#include "interpreters/pointer.h"

/* A pointer to the dataset that owns nothing. SY_EINVAL. */
sy_status syi_shard_point_to(sy_hook *hook, const sy_shard *shard, syi_pointer **pointer,
                             sy_error *err);
/* SY_EPROTO "answered with something else". */
sy_status syi_shard_other_answer(const sy_shard *shard, sy_error *err);

/* A failure on the way, which knows neither of them, names worker and dataset. Returns the status. */
sy_status syi_shard_blame(const sy_shard *shard, sy_status status, sy_error *err);

/* Looks at the items of an answer, which are gone when it returns. */
typedef sy_status (*syi_shard_listen)(const sy_shard *shard, const sy_value *items, void *user,
                                      sy_error *err);
/* args[0] becomes the dataset, the others are the caller's. The answer is a list of so many items. SY_EINVAL, SY_EPROTO, and what the worker says. */
sy_status syi_shard_ask(const sy_shard *shard, const char *command, sy_value *args, size_t count,
                        size_t items, syi_shard_listen listen, void *user, sy_error *err);

#endif
