/*
 * pointer_plan.h (internal) - plans that are at workers. Public face: <csyft/plan.h>. Tests: tests/integration/plans.c.
 */
#ifndef SYI_EXECUTION_POINTER_PLAN_H
#define SYI_EXECUTION_POINTER_PLAN_H

#include "execution/plan.h"

/* Takes one out of the list of what a plan was sent to, and drops it. */
void syi_plan_forget_pointer(sy_plan *plan, sy_pointer_plan *pointer);
/* The pointer to one location, borrowed. */
sy_tensor *syi_pointer_plan_get_tensor(const sy_pointer_plan *pointer, size_t index);

#endif
