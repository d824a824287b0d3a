/*
 * plan_frame.h (internal) - the frame: what a plan's function sees of its arguments and state, and where it puts its results.
 * Test: plan_build_test.c.
 */
#ifndef SYI_EXECUTION_PLAN_FRAME_H
#define SYI_EXECUTION_PLAN_FRAME_H

#include "execution/plan.h"

struct sy_plan_frame {
    const syi_plan_body *body;
    const sy_value *arguments;
    size_t argument_count;
    sy_value outputs[SYI_TAPE_OUTPUTS_MAX];
    size_t output_count;
    sy_value items[4 * SYI_TAPE_OUTPUTS_MAX]; /* of lists in outputs */
    size_t item_count;
    bool returned;
};

/* Runs the plan's function over an empty frame, which is large: not for the stack. *scope holds what the function made and is
 * the caller's to end, also on failure (NULL: there is none). The sentence names the plan. */
sy_status syi_plan_call_function(const sy_plan *plan, sy_plan_frame *frame,
                                 const sy_value *arguments, size_t count, sy_scope **scope,
                                 sy_error *err);

#endif
