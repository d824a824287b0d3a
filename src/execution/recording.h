/*
 * recording.h - a recording under way: what record.c (the run of the function), record_state.c (state: captured, put back)
 * and record_values.c (arguments, sizes) share. Nobody else looks inside. Test: record_test.c.
 */
#ifndef SYI_EXECUTION_RECORDING_H
#define SYI_EXECUTION_RECORDING_H

#include "execution/record.h"

/* Every value is computed on two sides: with the traced length of the open dims, and with another. */
typedef enum syi_side { SYI_OWN, SYI_SHADOW, SYI_SIDES } syi_side;

/* What a slot is in this run. */
typedef struct syi_known {
    sy_tensor *tensor[SYI_SIDES]; /* references */
    int64_t size[SYI_SIDES];      /* of a plain slot */
    bool vague;                   /* its dims may be open where both sides have the same */
    bool given;                   /* a state or an example: what follows is how it came */
    bool requires_grad;
    sy_tensor *grad;               /* a reference */
    struct syi_tape_node *history; /* a reference */
    uint32_t output;
    sy_tensor *saved; /* contents before a write, where there is no storage here */
} syi_known;

/* Contents of a storage before the first write to it. */
typedef struct syi_kept {
    struct syi_kept *next;
    syi_storage *storage, *before; /* references */
} syi_kept;

/* Values in the lists of one operation. */
typedef struct syi_items {
    sy_value values[SYI_TAPE_ITEMS_MAX];
    size_t used;
} syi_items;

/* The operation between `before` and `after`. */
typedef struct syi_pending {
    const syi_op *op;
    bool inplace;
    bool records;
    bool vague; /* what it makes is */
    syi_mode mode;
    sy_value args[SYI_ARGUMENT_MAX]; /* with slots */
    int count;
    syi_items slots, own, shadow;
} syi_pending;

struct syi_record {
    sy_hook *hook;
    syi_tape *tape;
    bool open;
    bool running;
    syi_table *slots; /* handle -> slot + 1 */
    syi_known *known; /* per slot */
    size_t known_count, known_capacity;
    sy_tensor **captured; /* borrowed from known */
    size_t captured_count, captured_capacity;
    int32_t *tokens; /* slots whose tokens were given out */
    size_t token_count, token_capacity;
    syi_kept *kept;
    bool restored;
    syi_pending now;
    sy_error failure; /* the first, also when the function went on */
};

/* record.c */

/* The slot of a handle; -1. */
int32_t syi_record_find(const syi_record *record, const sy_tensor *tensor);
/* A new slot; shadow nullable: the same tensor. own NULL: it has no handle. */
sy_status syi_record_add(syi_record *record, syi_slot_kind kind, sy_tensor *own, sy_tensor *shadow,
                         int32_t *slot, sy_error *err);
/* Room for one more item in a growing array of the record. */
bool syi_record_grow(syi_record *record, void *array, size_t count, size_t *capacity, size_t item);

/* record_state.c */

sy_status syi_record_add_state(syi_record *record, sy_tensor *tensor, int32_t *slot, sy_error *err);
/* A tensor that nobody has declared becomes state. */
sy_status syi_record_capture(syi_record *record, sy_tensor *tensor, int32_t *slot, sy_error *err);
/* How it comes, to be put back. */
void syi_record_remember(syi_known *known);
/* Before an operation writes to the tensor: what would change with it and is not the plan's own is kept. */
sy_status syi_record_keep(syi_record *record, sy_tensor *written, sy_error *err);
void syi_record_state_fini(syi_record *record);

/* record_values.c */

/* The slot of a tensor, which is captured if it is not known. */
sy_status syi_record_slot_of(syi_record *record, sy_tensor *tensor, int32_t *slot, sy_error *err);
/* `slotted`: with slots in the place of tensors and tokens; its lists live in now.slots. */
sy_status syi_record_to_slots(syi_record *record, const sy_value *value, sy_value *slotted,
                              sy_error *err);
/* And back, for one side; lists live in `room`. */
sy_status syi_record_to_values(const syi_record *record, const sy_value *slotted, syi_side side,
                               syi_items *room, sy_value *value, sy_error *err);
/* After `size` or `numel` of the operation under way: what is open becomes a token. */
sy_status syi_record_tokenize(syi_record *record, syi_results *results, sy_error *err);
/* A step on numbers, tokens among them; *result is its token. */
sy_status syi_record_arithmetic(syi_record *record, syi_step_kind kind, int64_t a, int64_t b,
                                int64_t *result, sy_error *err);
sy_status syi_record_shapes(const syi_record *record, int32_t slot, syi_array shapes[SYI_SIDES],
                            sy_error *err);

#endif
