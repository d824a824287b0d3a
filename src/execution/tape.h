/*
 * tape.h - the recorded operations of a plan: numbered slots, and steps that read some and fill others. A tape is
 * built once, checked and sealed, and then shared and run as often as wanted, from any thread. Test: tape_test.c.
 *
 * Nothing in a sealed tape has to be believed: every slot that a step reads is filled before it, every operation is
 * one of the table's, its arguments are bound. Tapes of peers pass the same check.
 */
#ifndef SYI_EXECUTION_TAPE_H
#define SYI_EXECUTION_TAPE_H

#include <stdatomic.h>

#include "hook/dispatch.h"

/* Kind of a value that stands for a slot: as.integer is its number. Only inside of tapes. */
enum { SYI_VALUE_SLOT = SYI_VALUE_NODE + 16 };
/* A slice with slots among its bounds; as.list: start, stop and step, each a slot, INT or NONE. */
enum { SYI_VALUE_OPEN_SLICE = SYI_VALUE_SLOT + 1 };

#define SYI_TAPE_STEPS_MAX 100000
#define SYI_TAPE_SLOTS_MAX 400000
#define SYI_TAPE_INPUTS_MAX 256
#define SYI_TAPE_OUTPUTS_MAX 256
#define SYI_TAPE_DEPTH_MAX 8   /* of lists among the outputs */
#define SYI_TAPE_ITEMS_MAX 512 /* values in the lists of one step */

typedef enum syi_step_kind {
    SYI_STEP_OPERATION,     /* a row; outs: its tensors, or its one plain value */
    SYI_STEP_GRAD,          /* args: tensor; out: its gradient */
    SYI_STEP_SET_GRAD,      /* args: tensor, tensor or none */
    SYI_STEP_REQUIRES_GRAD, /* args: tensor, bool */
    SYI_STEP_SIZE_ADD,      /* from here on (sizes.h) args: two numbers; out: a number */
    SYI_STEP_SIZE_SUB,
    SYI_STEP_SIZE_MUL,
    SYI_STEP_SIZE_FLOORDIV,
    SYI_STEP_SIZE_MOD,
} syi_step_kind;

typedef struct syi_step {
    syi_step_kind kind;
    const syi_op *op; /* OPERATION */
    bool inplace;
    bool grad; /* gradients were recorded */
    bool bare; /* may be run on arrays: one kernel, no lists of values; by seal */
    bool
        overwrites; /* bare, element by element, and nothing reads its first argument any more: the result may take its
                        place; by seal */
    sy_value *args; /* OPERATION: bound, one per parameter; slots among them and in their lists */
    int arg_count;
    int32_t *outs; /* slots */
    int out_count;
    int32_t *drops; /* slots that nothing reads any more after this step; by seal */
    int drop_count;
} syi_step;

typedef enum syi_slot_kind {
    SYI_SLOT_MADE, /* by a step */
    SYI_SLOT_INPUT,
    SYI_SLOT_STATE,
} syi_slot_kind;

typedef struct syi_slot {
    syi_slot_kind kind;
    int32_t index;  /* among inputs or states */
    int32_t number; /* of its first appearance, 1 and up; 0: in no step */
    bool plain;     /* a number: a size */
} syi_slot;

typedef struct syi_tape {
    sy_context *context;
    atomic_uint refs;
    struct syi_tape_block *blocks; /* memory of args, texts and lists */
    syi_step *steps;
    size_t step_count, step_capacity;
    syi_slot *slots;
    size_t slot_count, slot_capacity;
    int32_t *inputs, *states; /* slots; an input that nothing reads has one, too */
    size_t input_count, input_capacity, state_count, state_capacity;
    sy_value outputs; /* LIST of slots, plain values and lists of them */
    int32_t *results; /* the slots of the outputs, left to right */
    size_t result_count;
    bool writes; /* a step changes an object in place, or a gradient */
    bool draws;  /* a step draws random numbers */
    bool
        reads_sizes; /* the function looked at sizes that are fixed: other ones would compute something else */
    bool sealed;
} syi_tape;

sy_status syi_tape_new(sy_context *context, syi_tape **tape, sy_error *err);
syi_tape *syi_tape_ref(syi_tape *tape);
void syi_tape_unref(syi_tape *tape); /* NULL is nothing */

/* Memory that lives as long as the tape; zeroed. */
void *syi_tape_alloc(syi_tape *tape, size_t size);
/* A copy with its lists and texts. TENSOR values are refused: they have to be slots. */
sy_status syi_tape_copy_value(syi_tape *tape, sy_value *copy, const sy_value *value, sy_error *err);

/* The number of the new slot. SY_ELIMIT. Inputs and states are numbered as they are added. */
sy_status syi_tape_add_slot(syi_tape *tape, syi_slot_kind kind, int32_t *slot, sy_error *err);
/* Copies args (whose lists must not change) and outs. */
sy_status syi_tape_add_step(syi_tape *tape, const syi_step *step, sy_error *err);
/* For sentences: "add", "grad". */
const char *syi_step_name(const syi_step *step);
/* Checks everything, counts, and finds after which step each slot is dropped. `outputs` is copied. SY_EINVAL names step
 * and slot. */
sy_status syi_tape_seal(syi_tape *tape, const sy_value *outputs, size_t count, sy_error *err);

static inline sy_value syi_value_slot(int32_t slot)
{
    sy_value v = {(sy_value_kind)SYI_VALUE_SLOT, {0}};
    v.as.integer = slot;
    return v;
}
/* of three values */
static inline sy_value syi_value_open_slice(const sy_value *parts)
{
    sy_value v = sy_value_list(parts, 3);
    v.kind = (sy_value_kind)SYI_VALUE_OPEN_SLICE;
    return v;
}
static inline bool syi_value_is_open_slice(const sy_value *value)
{
    return value->kind == (sy_value_kind)SYI_VALUE_OPEN_SLICE;
}
/* Of an answer of a row: INT or BOOL. */
static inline int64_t syi_value_number(const sy_value *value)
{
    return value->kind == SY_VALUE_BOOL ? value->as.boolean : value->as.integer;
}
static inline bool syi_value_has_items(const sy_value *value)
{
    return value->kind == SY_VALUE_LIST || syi_value_is_open_slice(value);
}
/* The slice, when the parts are INT and NONE. */
sy_value syi_value_closed_slice(const sy_value *parts);
static inline bool syi_value_is_slot(const sy_value *value)
{
    return value->kind == (sy_value_kind)SYI_VALUE_SLOT;
}

#endif
