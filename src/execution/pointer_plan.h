/*
 * pointer_plan.h (internal) - plans that are at workers. Public face: <csyft/plan.h>. Tests: tests/integration/plans.c.
 */
#ifndef SYI_EXECUTION_POINTER_PLAN_H
#define SYI_EXECUTION_POINTER_PLAN_H

#include "execution/plan.h"

/* Takes one out of the list of what a plan was sent to, and drops it. */
void syi_plan_forget_pointer(sy_plan *plan, sy_pointer_plan *pointer);
/* A list of arguments as a worker gets it (pointer_plan.c): room for SYI_TAPE_INPUTS_MAX values, names, and for
 * SYI_TAPE_OUTPUTS_MAX ids. */
typedef struct syi_plan_request {
    sy_value all[SYI_TAPE_INPUTS_MAX], names[SYI_TAPE_INPUTS_MAX], ids[SYI_TAPE_OUTPUTS_MAX];
    sy_value args[4];
} syi_plan_request;
sy_status syi_plan_request_fill(syi_plan_request *request, const sy_value *arguments, size_t count,
                                const sy_plan_run_options *options, sy_error *err);
/* The first shared value among the arguments; NULL: none. */
struct syi_additive_shared *syi_plan_shared_argument(const sy_value *arguments, size_t count);
/* At all holders of that value together (pointer_plan_joint.c). */
sy_status syi_pointer_plan_run_joint(sy_pointer_plan *pointer, struct syi_additive_shared *shared,
                                     syi_plan_request *request, sy_tensor **results,
                                     size_t capacity, size_t *count, sy_error *err);
/* The pointer to one location, borrowed. */
sy_tensor *syi_pointer_plan_get_tensor(const sy_pointer_plan *pointer, size_t index);

#endif
