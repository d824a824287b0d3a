#include "execution/tape.h"

#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "execution/sizes.h"

/* Memory */

typedef struct syi_tape_block {
    struct syi_tape_block *next;
    size_t size, used; /* of data */
    _Alignas(16) unsigned char data[];
} block;

#define BLOCK_SIZE 4096

sy_status syi_tape_new(sy_context *context, syi_tape **tape, sy_error *err)
{
    *tape = syi_alloc(context, sizeof **tape);
    if (*tape == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    (*tape)->context = context;
    atomic_init(&(*tape)->refs, 1);
    (*tape)->outputs = sy_value_list(NULL, 0);
    return SY_OK;
}

syi_tape *syi_tape_ref(syi_tape *tape)
{
    atomic_fetch_add_explicit(&tape->refs, 1, memory_order_relaxed);
    return tape;
}

void syi_tape_unref(syi_tape *tape)
{
    if (tape == NULL || atomic_fetch_sub_explicit(&tape->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    sy_context *context = tape->context;
    while (tape->blocks != NULL) {
        block *next = tape->blocks->next;
        syi_free(context, tape->blocks, sizeof(block) + tape->blocks->size);
        tape->blocks = next;
    }
    syi_free(context, tape->steps, tape->step_capacity * sizeof *tape->steps);
    syi_free(context, tape->slots, tape->slot_capacity * sizeof *tape->slots);
    syi_free(context, tape->inputs, tape->input_capacity * sizeof *tape->inputs);
    syi_free(context, tape->states, tape->state_capacity * sizeof *tape->states);
    syi_free(context, tape, sizeof *tape);
}

void *syi_tape_alloc(syi_tape *tape, size_t size)
{
    block *b = tape->blocks;
    size = (size + 15) & ~(size_t)15;
    if (b == NULL || b->size - b->used < size) {
        const size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
        b = syi_alloc(tape->context, sizeof *b + room);
        if (b == NULL) {
            return NULL;
        }
        b->size = room;
        b->next = tape->blocks;
        tape->blocks = b;
    }
    void *memory = b->data + b->used;
    b->used += size;
    return memory;
}

/* Room for one more item in a growing array. */
static bool grow(sy_context *context, void *array, size_t count, size_t *capacity, size_t item)
{
    if (count < *capacity) {
        return true;
    }
    const size_t more = *capacity == 0 ? 16 : *capacity * 2;
    void *old = NULL;
    memcpy(&old, array, sizeof old);
    void *made = syi_alloc_array(context, more, item);
    if (made == NULL) {
        return false;
    }
    if (count > 0) {
        memcpy(made, old, count * item);
    }
    syi_free(context, old, *capacity * item);
    memcpy(array, &made, sizeof made);
    *capacity = more;
    return true;
}

/* Values */

static sy_status copy_items(syi_tape *tape, sy_value *copy, const sy_value *list, int depth,
                            sy_error *err);

static sy_status copy_deep(syi_tape *tape, sy_value *copy, const sy_value *value, int depth,
                           sy_error *err)
{
    *copy = *value;
    if (value->kind == SY_VALUE_TENSOR) {
        return syi_fail(err, SY_EINVAL, "plan: a tensor where a slot is expected");
    }
    if (value->kind == SY_VALUE_STRING) {
        const size_t size = strlen(value->as.string) + 1;
        char *text = syi_tape_alloc(tape, size);
        if (text == NULL) {
            return SYI_ENOMEM(err, "plan");
        }
        copy->as.string = memcpy(text, value->as.string, size);
    }
    return syi_value_has_items(value) ? copy_items(tape, copy, value, depth, err) : SY_OK;
}

static sy_status copy_items(syi_tape *tape, sy_value *copy, const sy_value *list, int depth,
                            sy_error *err)
{
    const size_t count = list->as.list.count;
    if (depth == SYI_TAPE_DEPTH_MAX) {
        return syi_fail(err, SY_ELIMIT, "plan: lists nested deeper than %d", SYI_TAPE_DEPTH_MAX);
    }
    sy_value *items = syi_tape_alloc(tape, (count > 0 ? count : 1) * sizeof *items);
    if (items == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    for (size_t k = 0; k < count; k++) {
        SY_TRY(copy_deep(tape, &items[k], &list->as.list.items[k], depth + 1, err));
    }
    copy->as.list.items = items;
    return SY_OK;
}

sy_status syi_tape_copy_value(syi_tape *tape, sy_value *copy, const sy_value *value, sy_error *err)
{
    return copy_deep(tape, copy, value, 0, err);
}

sy_value syi_value_closed_slice(const sy_value *parts)
{
    int64_t bounds[3];
    for (int k = 0; k < 3; k++) {
        bounds[k] = parts[k].kind == SY_VALUE_NONE ? SY_SLICE_OPEN : syi_value_number(&parts[k]);
    }
    return sy_value_slice(bounds[0], bounds[1], bounds[2] == SY_SLICE_OPEN ? 1 : bounds[2]);
}

/* Building */

static sy_status add_to(syi_tape *tape, int32_t **list, size_t *count, size_t *capacity,
                        int32_t slot, const char *what, sy_error *err)
{
    if (*count == SYI_TAPE_INPUTS_MAX && list == &tape->inputs) {
        return syi_fail(err, SY_ELIMIT, "plan: more than %d %s", SYI_TAPE_INPUTS_MAX, what);
    }
    if (!grow(tape->context, list, *count, capacity, sizeof **list)) {
        return SYI_ENOMEM(err, "plan");
    }
    (*list)[(*count)++] = slot;
    return SY_OK;
}

sy_status syi_tape_add_slot(syi_tape *tape, syi_slot_kind kind, int32_t *slot, sy_error *err)
{
    if (tape->slot_count == SYI_TAPE_SLOTS_MAX) {
        return syi_fail(err, SY_ELIMIT, "plan: more than %d values", SYI_TAPE_SLOTS_MAX);
    }
    if (!grow(tape->context, &tape->slots, tape->slot_count, &tape->slot_capacity,
              sizeof *tape->slots)) {
        return SYI_ENOMEM(err, "plan");
    }
    *slot = (int32_t)tape->slot_count;
    syi_slot made = {.kind = kind, .index = -1};
    if (kind == SYI_SLOT_INPUT) {
        made.index = (int32_t)tape->input_count;
        SY_TRY(add_to(tape, &tape->inputs, &tape->input_count, &tape->input_capacity, *slot,
                      "arguments", err));
    } else if (kind == SYI_SLOT_STATE) {
        made.index = (int32_t)tape->state_count;
        SY_TRY(add_to(tape, &tape->states, &tape->state_count, &tape->state_capacity, *slot,
                      "state tensors", err));
    }
    tape->slots[tape->slot_count++] = made;
    return SY_OK;
}

static size_t count_items(const sy_value *value)
{
    size_t count = 0;
    for (size_t k = 0; syi_value_has_items(value) && k < value->as.list.count; k++) {
        count += 1 + count_items(&value->as.list.items[k]);
    }
    return count;
}

sy_status syi_tape_add_step(syi_tape *tape, const syi_step *step, sy_error *err)
{
    if (tape->step_count == SYI_TAPE_STEPS_MAX) {
        return syi_fail(err, SY_ELIMIT, "plan: more than %d operations", SYI_TAPE_STEPS_MAX);
    }
    if (!grow(tape->context, &tape->steps, tape->step_count, &tape->step_capacity,
              sizeof *tape->steps)) {
        return SYI_ENOMEM(err, "plan");
    }
    size_t items = 0;
    for (int k = 0; k < step->arg_count; k++) {
        items += count_items(&step->args[k]);
    }
    if (items > SYI_TAPE_ITEMS_MAX) {
        return syi_fail(err, SY_ELIMIT, "plan: more than %d values in the lists of one operation",
                        SYI_TAPE_ITEMS_MAX);
    }
    syi_step made = *step;
    made.args = syi_tape_alloc(tape, (size_t)(step->arg_count + 1) * sizeof *made.args);
    made.outs = syi_tape_alloc(tape, (size_t)(step->out_count + 1) * sizeof *made.outs);
    if (made.args == NULL || made.outs == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    for (int k = 0; k < step->arg_count; k++) {
        SY_TRY(syi_tape_copy_value(tape, &made.args[k], &step->args[k], err));
    }
    for (int k = 0; k < step->out_count; k++) {
        made.outs[k] = step->outs[k];
    }
    tape->steps[tape->step_count++] = made;
    return SY_OK;
}

/* Sealing */

typedef struct sealing {
    syi_tape *tape;
    int32_t *
        last; /* per slot: the step after which nothing reads it; -1: nothing did, or it is an output */
    bool *filled;
    int32_t next_number;
    size_t step;
    sy_error *err;
} sealing;

const char *syi_step_name(const syi_step *step)
{
    switch (step->kind) {
    case SYI_STEP_GRAD:
        return "grad";
    case SYI_STEP_SET_GRAD:
        return "set_grad";
    case SYI_STEP_REQUIRES_GRAD:
        return "requires_grad_";
    case SYI_STEP_OPERATION:
        return step->op->name;
    default:
        return syi_size_name(step->kind);
    }
}

static sy_status see_slot(sealing *s, int64_t slot)
{
    if (slot < 0 || (size_t)slot >= s->tape->slot_count || !s->filled[slot]) {
        return syi_fail(s->err, SY_EINVAL,
                        "plan: step %zu (%s) reads value %lld before it is there", s->step + 1,
                        s->step < s->tape->step_count ? syi_step_name(&s->tape->steps[s->step])
                                                      : "return",
                        (long long)slot);
    }
    syi_slot *seen = &s->tape->slots[slot];
    if (seen->kind == SYI_SLOT_INPUT &&
        seen->plain) { /* of any kind: it would be taken for a number */
        return syi_fail(
            s->err, SY_EINVAL,
            "plan: step %zu (%s) reads argument %d, which is a constant of the plan", s->step + 1,
            s->step < s->tape->step_count ? syi_step_name(&s->tape->steps[s->step]) : "return",
            (int)seen->index + 1);
    }
    if (seen->number == 0) {
        seen->number = ++s->next_number;
    }
    s->last[slot] = (int32_t)s->step;
    return SY_OK;
}

static sy_status see_value(sealing *s, const sy_value *value)
{
    if (syi_value_is_slot(value)) {
        return see_slot(s, value->as.integer);
    }
    for (size_t k = 0; syi_value_has_items(value) && k < value->as.list.count; k++) {
        SY_TRY(see_value(s, &value->as.list.items[k]));
    }
    return SY_OK;
}

static sy_status fill_slot(sealing *s, int32_t slot, bool plain)
{
    syi_tape *tape = s->tape;
    if (slot < 0 || (size_t)slot >= tape->slot_count || tape->slots[slot].kind != SYI_SLOT_MADE ||
        s->filled[slot]) {
        return syi_fail(s->err, SY_EINVAL, "plan: step %zu (%s) fills value %d, which is %s",
                        s->step + 1, syi_step_name(&tape->steps[s->step]), (int)slot,
                        slot >= 0 && (size_t)slot < tape->slot_count ? "filled already"
                                                                     : "unknown");
    }
    s->filled[slot] = true;
    tape->slots[slot].number = ++s->next_number;
    tape->slots[slot].plain = plain;
    s->last[slot] = (int32_t)s->step;
    return SY_OK;
}

/* A step may leave out results that nobody reads; it has no more than the row gives. */
static sy_status check_step(sealing *s, const syi_step *step)
{
    static const int arguments[] = {
        [SYI_STEP_GRAD] = 1, [SYI_STEP_SET_GRAD] = 2, [SYI_STEP_REQUIRES_GRAD] = 2};
    if (step->kind != SYI_STEP_OPERATION) {
        const bool size = syi_step_is_size(step->kind);
        if (step->arg_count != (size ? 2 : arguments[step->kind]) ||
            (!size && !syi_value_is_slot(&step->args[0])) ||
            step->out_count != (size || step->kind == SYI_STEP_GRAD ? 1 : 0)) {
            return syi_fail(s->err, SY_EINVAL,
                            "plan: step %zu (%s) has other arguments than it "
                            "takes",
                            s->step + 1, syi_step_name(step));
        }
        return SY_OK;
    }
    const syi_op *op = step->op;
    const bool value = (op->flags & SYI_OP_VALUE) != 0;
    const int most = step->inplace ? 0 : value ? 1 : op->outputs < 0 ? SYI_OUTPUT_MAX : op->outputs;
    if (step->out_count > most) {
        return syi_fail(s->err, SY_EINVAL, "plan: step %zu (%s) has %d results, at most %d",
                        s->step + 1, op->name, step->out_count, most);
    }
    if (step->inplace && (step->arg_count == 0 || !syi_value_is_slot(&step->args[0]))) {
        return syi_fail(s->err, SY_EINVAL, "plan: step %zu (%s_) writes to no tensor", s->step + 1,
                        op->name);
    }
    return SY_OK;
}

static bool is_tensor_slot(const syi_tape *tape, const sy_value *value)
{
    return syi_value_is_slot(value) && !tape->slots[value->as.integer].plain;
}

static bool holds_slots(const sy_value *list)
{
    for (size_t k = 0; k < list->as.list.count; k++) {
        const sy_value *item = &list->as.list.items[k];
        if (syi_value_is_slot(item) || (syi_value_has_items(item) && holds_slots(item))) {
            return true;
        }
    }
    return false;
}

static bool is_number(const syi_tape *tape, const sy_value *value)
{
    return value->kind == SY_VALUE_INT ||
           (syi_value_is_slot(value) && tape->slots[value->as.integer].plain &&
            tape->slots[value->as.integer].kind == SYI_SLOT_MADE);
}

/* Filled in at run time: lists and slices, and slices in lists; not lists in lists. */
static bool can_be_filled(const syi_tape *tape, const sy_value *value, bool inner)
{
    bool good = true;
    if (syi_value_is_open_slice(value)) {
        for (int k = 0; k < 3; k++) {
            const sy_value *part = &value->as.list.items[k];
            good &= part->kind == SY_VALUE_NONE || is_number(tape, part);
        }
    } else if (value->kind == SY_VALUE_LIST && inner) {
        good = !holds_slots(value);
    } else if (value->kind == SY_VALUE_LIST) {
        for (size_t k = 0; k < value->as.list.count; k++) {
            good &= can_be_filled(tape, &value->as.list.items[k], true);
        }
    }
    return good;
}

/* The values that the step reads are there; are they of the kind it takes? Rows are asked by who builds the tape. */
static sy_status check_kinds(const sealing *s, const syi_step *step)
{
    const sy_value *args = step->args;
    bool good = true;
    if (step->kind == SYI_STEP_OPERATION) {
        for (int k = 0; k < step->arg_count; k++) {
            good &= can_be_filled(s->tape, &args[k], false);
        }
    } else if (syi_step_is_size(step->kind)) {
        good = is_number(s->tape, &args[0]) && is_number(s->tape, &args[1]);
    } else {
        good = is_tensor_slot(s->tape, &args[0]);
    }
    if (step->kind == SYI_STEP_SET_GRAD) {
        good &= args[1].kind == SY_VALUE_NONE || is_tensor_slot(s->tape, &args[1]);
    } else if (step->kind == SYI_STEP_REQUIRES_GRAD) {
        good &= args[1].kind == SY_VALUE_BOOL;
    }
    return good ? SY_OK
                : syi_fail(s->err, SY_EINVAL,
                           "plan: step %zu (%s) has an argument that it does not take", s->step + 1,
                           syi_step_name(step));
}

static void note_effects(syi_tape *tape, const syi_step *step)
{
    const bool operation = step->kind == SYI_STEP_OPERATION;
    if (!operation) {
        tape->writes |= step->kind == SYI_STEP_SET_GRAD || step->kind == SYI_STEP_REQUIRES_GRAD;
        return;
    }
    tape->draws |= (step->op->flags & SYI_OP_RANDOM) != 0;
    if (step->op->id == SYI_OP_backward || (step->op->flags & SYI_OP_WRITES)) {
        tape->writes = true;
    }
    if (step->inplace) {
        /* Also a view of an argument may be written: what is made here is not told apart. */
        tape->writes = true;
    }
}

static sy_status walk_steps(sealing *s)
{
    syi_tape *tape = s->tape;
    for (s->step = 0; s->step < tape->step_count; s->step++) {
        const syi_step *step = &tape->steps[s->step];
        SY_TRY(check_step(s, step));
        for (int k = 0; k < step->arg_count; k++) {
            SY_TRY(see_value(s, &step->args[k]));
        }
        SY_TRY(check_kinds(s, step));
        const bool plain = step->kind == SYI_STEP_OPERATION ? (step->op->flags & SYI_OP_VALUE) != 0
                                                            : syi_step_is_size(step->kind);
        for (int k = 0; k < step->out_count; k++) {
            SY_TRY(fill_slot(s, step->outs[k], plain));
        }
        note_effects(tape, step);
    }
    return SY_OK;
}

static sy_status see_outputs(sealing *s, const sy_value *list, size_t *count)
{
    for (size_t k = 0; k < list->as.list.count; k++) {
        const sy_value *item = &list->as.list.items[k];
        if (item->kind == SY_VALUE_LIST) {
            SY_TRY(see_outputs(s, item, count));
        } else if (syi_value_is_open_slice(item)) {
            return syi_fail(s->err, SY_EINVAL, "plan: a result is a slice with an open bound");
        } else if (syi_value_is_slot(item)) {
            if (*count == SYI_TAPE_OUTPUTS_MAX) {
                return syi_fail(s->err, SY_ELIMIT, "plan: more than %d results",
                                SYI_TAPE_OUTPUTS_MAX);
            }
            SY_TRY(see_slot(s, item->as.integer));
            s->last[item->as.integer] = -1;
            s->tape->results[(*count)++] = (int32_t)item->as.integer;
        }
    }
    return SY_OK;
}

static void mark_bare(syi_tape *tape)
{
    for (size_t k = 0; k < tape->step_count; k++) {
        syi_step *step = &tape->steps[k];
        step->bare = step->kind == SYI_STEP_OPERATION && !step->inplace &&
                     !(step->op->flags & (SYI_OP_COMPOSITE | SYI_OP_VALUE | SYI_OP_WRITES));
        for (int i = 0; i < step->arg_count && step->bare; i++) {
            step->bare = !syi_value_has_items(&step->args[i]) || !holds_slots(&step->args[i]);
        }
    }
}

/* After place_drops. A row that works in place, whose elements are each one of self's. */
static void mark_overwrites(syi_tape *tape)
{
    for (size_t k = 0; k < tape->step_count; k++) {
        syi_step *step = &tape->steps[k];
        if (!step->bare || step->arg_count == 0 || !syi_value_is_slot(&step->args[0]) ||
            !(step->op->flags & SYI_OP_INPLACE) || step->op->rows != SYI_ROWS_EACH) {
            continue;
        }
        for (int i = 0; i < step->drop_count; i++) {
            step->overwrites |= step->drops[i] == step->args[0].as.integer;
        }
    }
}

/* Inputs and states belong to the caller and are not dropped. */
static sy_status place_drops(sealing *s)
{
    syi_tape *tape = s->tape;
    for (size_t k = 0; k < tape->slot_count; k++) {
        if (tape->slots[k].kind == SYI_SLOT_MADE && s->last[k] >= 0) {
            tape->steps[s->last[k]].drop_count++;
        }
    }
    for (size_t k = 0; k < tape->step_count; k++) {
        syi_step *step = &tape->steps[k];
        if (step->drop_count > 0) {
            step->drops = syi_tape_alloc(tape, (size_t)step->drop_count * sizeof *step->drops);
            if (step->drops == NULL) {
                return SYI_ENOMEM(s->err, "plan");
            }
            step->drop_count = 0;
        }
    }
    for (size_t k = 0; k < tape->slot_count; k++) {
        if (tape->slots[k].kind == SYI_SLOT_MADE && s->last[k] >= 0) {
            syi_step *step = &tape->steps[s->last[k]];
            step->drops[step->drop_count++] = (int32_t)k;
        }
    }
    return SY_OK;
}

sy_status syi_tape_seal(syi_tape *tape, const sy_value *outputs, size_t count, sy_error *err)
{
    sy_status status = SY_OK;
    const size_t slots = tape->slot_count > 0 ? tape->slot_count : 1;
    sealing s = {.tape = tape, .err = err};
    const sy_value list = sy_value_list(outputs, count);
    s.last = syi_alloc_array(tape->context, slots, sizeof *s.last);
    s.filled = syi_alloc_array(tape->context, slots, sizeof *s.filled);
    tape->results = syi_tape_alloc(tape, SYI_TAPE_OUTPUTS_MAX * sizeof *tape->results);
    if (s.last == NULL || s.filled == NULL || tape->results == NULL) {
        status = SYI_ENOMEM(err, "plan");
        goto done;
    }
    for (size_t k = 0; k < tape->slot_count; k++) {
        s.filled[k] = tape->slots[k].kind != SYI_SLOT_MADE;
        s.last[k] = -1;
        if (tape->slots[k].kind == SYI_SLOT_STATE) { /* states come first */
            tape->slots[k].number = ++s.next_number;
        }
    }
    SY_GOTO(done, walk_steps(&s));
    SY_GOTO(done, syi_tape_copy_value(tape, &tape->outputs, &list, err));
    s.step = tape->step_count;
    SY_GOTO(done, see_outputs(&s, &tape->outputs, &tape->result_count));
    SY_GOTO(done, place_drops(&s));
    mark_bare(tape);
    mark_overwrites(tape);
    tape->sealed = true;
done:
    syi_free(tape->context, s.last, slots * sizeof *s.last);
    syi_free(tape->context, s.filled, slots * sizeof *s.filled);
    return status;
}
