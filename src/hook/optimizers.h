/*
 * optimizers.h - COMPOSITE rows that are one step of an optimizer: several passes in place over a parameter and its
 * state, all where they live. Room hook only, for composites.c. Test: nn/optimizer_test.c.
 */
#ifndef SYI_HOOK_OPTIMIZERS_H
#define SYI_HOOK_OPTIMIZERS_H

#include "hook/dispatch.h"

bool syi_optimizer_is_composite(const syi_op *op);
/* As syi_composite_call. The result is the parameter. A release declared for the row holds for what its last pass writes,
 * the parameter; the state stays as private as the gradient is. */
sy_status syi_optimizer_call(sy_hook *hook, const syi_op *op, const sy_value *bound,
                             const syi_mode *mode, syi_results *results, sy_error *err);

#endif
