/*
 * pointer_plan.h (internal) - plans that are at workers. Public face: <csyft/plan.h>. Tests: tests/integration/plans.c.
 */
#ifndef SYI_EXECUTION_POINTER_PLAN_H
#define SYI_EXECUTION_POINTER_PLAN_H

#include "execution/plan.h"

/* The head of the list of what a plan was sent to. */
sy_pointer_plan **syi_plan_get_pointers(sy_plan *plan);

#endif
