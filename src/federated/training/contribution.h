/*
 * contribution.h - what a worker gives to a sum of updates (aggregation.h) instead of its model: rows times the change of each parameter and
 * running statistic, in units of 2^-24, and the rows. Test: tests/integration/federated_aggregation.c.
 */
#ifndef SYI_FEDERATED_CONTRIBUTION_H
#define SYI_FEDERATED_CONTRIBUTION_H

#include "federated/training/aggregation.h"

#define SYI_UPDATE_UNIT 0x1p-24
#define SYI_UPDATE_MOST 0x1p52 /* of a number, in units: sums of 1024 stay in the ring */

/*
 * `holders`: [least, clip, [holder, aggregate], ...], of a request; clip is the greatest L2 norm of the first `clipped` changes together, beyond
 * which these are scaled down, 0: no limit. SY_EINVAL, SY_ERANGE for a change that is too large, what holders answer.
 */
sy_status syi_contribution_send(sy_worker *worker, const sy_value *holders, const double *changes,
                                size_t count, size_t clipped, int64_t rows, sy_error *err);

#endif
