/*
 * record.h - records the operations of one run of a function on a tape. Tests: record_test.c, plan_build_test.c.
 *
 * Tensors are told apart by their handles: those of the inputs and of the declared state are known from the start,
 * results of recorded operations are values of the tape, and any other tensor that takes part is captured: it becomes
 * state, too. What cannot be recorded is refused where it happens: reading contents, sending, wrapping, and reading a
 * size that was left open.
 *
 * Open sizes: beside each value that is computed with one size in the place of -1 (its own), its shadow is computed with
 * another. Where the two differ in shape a dim is open; where only one of them can be computed, the function holds for
 * the traced size alone, and is refused with the sentence of the operation. A size that is asked for by sy_plan_size is
 * a token, a number that no tensor can have; operations take it, the tape records whose size it is. A size that was
 * computed from tokens may be the same for both lengths (n // 18): what is made with it is vague, and so is what is made of
 * that: its sizes are tokens, too, and its shape cannot be read.
 *
 * What the run changes in its state, as a training step does, is put back at the end: building computes nothing.
 */
#ifndef SYI_EXECUTION_RECORD_H
#define SYI_EXECUTION_RECORD_H

#include "execution/tape.h"

/* Sizes in the place of -1: the traced one and its shadow's. Both allow for kernels and halving, and give two quotients
 * when they are divided by anything up to 17. */
#define SYI_OPEN_SIZE 8
#define SYI_OPEN_SIZE_SHADOW 17

typedef struct syi_record syi_record;

/* Steps go to `tape`, to be sealed by finish. `open`: inputs have shadows. */
sy_status syi_record_new(sy_hook *hook, syi_record **record, syi_tape *tape, bool open,
                         sy_error *err);
/* Puts the state back. NULL is nothing. */
void syi_record_free(syi_record *record);

/* Before the start, in order. `tensor` NULL: an input that is a plain value. shadow nullable: the same tensor. */
sy_status syi_record_input(syi_record *record, sy_tensor *tensor, sy_tensor *shadow, sy_error *err);
sy_status syi_record_state(syi_record *record, sy_tensor *tensor, sy_error *err);

/* From here on this thread's operations are recorded. SY_EBUSY when something records already: a plan inside of another
 * is recorded by the outer one. */
sy_status syi_record_start(syi_record *record, sy_error *err);
/* Ends it and seals the tape with these results, whose tensors become slots. The first failure of the run is its own. */
sy_status syi_record_finish(syi_record *record, const sy_value *outputs, size_t count,
                            sy_error *err);

/* Puts the state, and examples that the function wrote to, back as they were; once. What is stored here cannot fail; for a
 * state elsewhere its worker is asked. */
sy_status syi_record_restore(syi_record *record, sy_error *err);

/* Tensors that became state beyond the declared ones, in the tape's order; borrowed. */
sy_tensor *const *syi_record_get_captured(const syi_record *record, size_t *count);

/* What sy_plan_size_add and its siblings give: a token when one of the operands is one. */
sy_status syi_record_compute(sy_hook *hook, syi_step_kind kind, int64_t a, int64_t b,
                             int64_t *result, sy_error *err);
/* What sy_plan_size gives: a token while `hook` is recorded by this thread and the dim is open. */
sy_status syi_record_size(sy_hook *hook, sy_tensor *tensor, int dim, int64_t *size, sy_error *err);

#endif
