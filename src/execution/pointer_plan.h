/*
 * pointer_plan.h (internal) - plans that are at workers. Public face: <csyft/plan.h>. Tests: tests/integration/plans.c.
 */
#ifndef SYI_EXECUTION_POINTER_PLAN_H
#define SYI_EXECUTION_POINTER_PLAN_H

#include "execution/plan.h"

/* The head of the list of what a plan was sent to. */
sy_pointer_plan **syi_plan_get_pointers(sy_plan *plan);
/* Takes one out of that list, and drops it. */
void syi_plan_forget_pointer(sy_plan *plan, sy_pointer_plan *pointer);
/* The pointer to one location, borrowed. */
sy_tensor *syi_pointer_plan_get_tensor(const sy_pointer_plan *pointer, size_t index);

#endif
