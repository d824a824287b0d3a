/*
 * estimate.h - rough time of a call whose arguments are there, for choosing its thread only: from the rows' cost column and
 * the sizes of arguments and results. Test: estimate_test.c.
 */
#ifndef SYI_HOOK_ESTIMATE_H
#define SYI_HOOK_ESTIMATE_H

#include "hook/dispatch.h"

#define SYI_COST_UNKNOWN 1000000 /* ns: what may take any time, and is no short call */

/* ns. `bound` as syi_ops_bind made it, with TENSOR or ARRAY values. */
uint64_t syi_call_cost(const syi_op *op, const sy_value *bound, int count);

#endif
