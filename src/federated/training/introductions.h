/*
 * introductions.h - workers that contribute to a sum over shares (aggregation.h) have to know its holders. Each is told once, and all of
 * them at the same time: one by one, every pair would take a round trip in every round. Part of trainer.h. Test: tests/integration/federated_training.c.
 */
#ifndef SYI_FEDERATED_INTRODUCTIONS_H
#define SYI_FEDERATED_INTRODUCTIONS_H

#include "federated/training/trainer.h"

/* Of the shards that are asked. One whose worker cannot be told has the reason in its report. SY_ENOMEM. */
sy_status syi_introduce_holders(sy_trainer *trainer, const sy_shard *shards,
                                sy_shard_report *reports, size_t count, sy_worker *const *holders,
                                size_t holder_count, sy_error *err);
/* The worker may have forgotten them: it was started anew, say. */
void syi_forget_introductions(sy_trainer *trainer, sy_worker *worker);

#endif
