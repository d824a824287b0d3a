/*
 * run.h - runs a tape: every step goes to the ordinary dispatcher, with whatever chains its arguments have, so that the
 * same tape computes on native tensors, on pointers and under any interpreter. Test: plan_run_test.c, nn/plans_test.c; bench: run_bench.c.
 *
 * A value is dropped after the step that reads it last. The deadline of the mode is looked at before each step, and
 * memory is refused by the account of the mode as for single operations.
 */
#ifndef SYI_EXECUTION_RUN_H
#define SYI_EXECUTION_RUN_H

#include "execution/tape.h"

typedef struct syi_run {
    const syi_tape *tape; /* sealed */
    const char *name;     /* of the plan, for sentences */
    sy_hook *hook;
    const sy_value *inputs;   /* one per input: tensors or plain values */
    sy_tensor *const *states; /* one per state */
    const syi_mode *mode;
    uint64_t budget; /* ns; 0: any time */
    bool *
        over; /* with a budget: it does not suffice, by estimates before steps or the clock between them */
} syi_run;

/* A run that is over its budget fails with SY_EBUSY before a step that would be too long; *over says that it was that. */
/* results: room for tape->result_count; each TENSOR is a new reference (an input or a state is itself), others are plain.
 * On failure there are none, and what steps before it changed in place stays changed: the sentence names the step. Any
 * thread, as far as the arguments allow. */
sy_status syi_tape_run(const syi_run *run, sy_value *results, sy_error *err);

#endif
