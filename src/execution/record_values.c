/*
 * record_values.c - arguments of a plan that is being recorded: tensors are slots, open sizes are tokens, and both become the
 * values of one side again. Part of record.h. Test: record_test.c.
 */
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "execution/recording.h"
#include "execution/sizes.h"

/*
 * Tokens are numbers that no size can have, one per slot, apart by a little more than 2^33, and not evenly: so that a number
 * that was computed from one, or from two of them, is no token, and is noticed.
 */
#define TOKEN_FIRST (-(INT64_C(1) << 62))
#define TOKEN_STEP (INT64_C(1) << 33)
#define LARGEST_NUMBER (INT64_C(1) << 56)
#define NEAR 64 /* a difference of two tokens, and a small number added to it */

static int64_t token_of(int32_t slot)
{
    const uint32_t uneven = ((uint32_t)slot + 1) * UINT32_C(2654435769); /* Knuth's multiplier */
    return TOKEN_FIRST + slot * TOKEN_STEP + (int64_t)uneven;
}

/* Is it the gradient of a tensor that is known? Then reading it is a step. */
static sy_status find_grad(syi_record *r, const sy_tensor *tensor, int32_t *slot, sy_error *err)
{
    *slot = -1;
    for (size_t k = 0; k < r->known_count; k++) {
        sy_tensor *of = r->known[k].tensor[SYI_OWN];
        if (of == NULL || of->grad != tensor) {
            continue;
        }
        sy_value arg = syi_value_slot((int32_t)k);
        sy_tensor *shadow = r->known[k].tensor[SYI_SHADOW]->grad;
        if (shadow == NULL) {
            return syi_fail(err, SY_EINVAL,
                            "plan: a gradient is there for one batch and not for "
                            "another");
        }
        SY_TRY(syi_record_add(r, SYI_SLOT_MADE, of->grad, shadow, slot, err));
        const syi_step step = {
            .kind = SYI_STEP_GRAD, .args = &arg, .arg_count = 1, .outs = slot, .out_count = 1};
        return syi_tape_add_step(r->tape, &step, err);
    }
    return SY_OK;
}

sy_status syi_record_slot_of(syi_record *r, sy_tensor *tensor, int32_t *slot, sy_error *err)
{
    *slot = syi_record_find(r, tensor);
    if (*slot < 0) {
        SY_TRY(find_grad(r, tensor, slot, err));
    }
    return *slot < 0 ? syi_record_capture(r, tensor, slot, err) : SY_OK;
}

/* Values: as they were given, with slots, and as they are run */

static sy_value *take(syi_items *from, size_t count, sy_error *err)
{
    if (count > SYI_TAPE_ITEMS_MAX - from->used) {
        syi_fail(err, SY_ELIMIT, "plan: more than %d values in the lists of one operation",
                 SYI_TAPE_ITEMS_MAX);
        return NULL;
    }
    from->used += count;
    return &from->values[from->used - count];
}

static bool is_difference(const syi_record *r, int64_t number)
{
    for (size_t i = 0; i < r->token_count; i++) {
        for (size_t k = 0; k < r->token_count; k++) {
            const int64_t rest = number - (token_of(r->tokens[i]) - token_of(r->tokens[k]));
            if (i != k && rest > -NEAR && rest < NEAR) {
                return true;
            }
        }
    }
    return false;
}

/* A token's slot, -1 for a number that is none. */
static sy_status read_token(const syi_record *r, int64_t number, int32_t *slot, sy_error *err)
{
    *slot = -1;
    if (r->token_count == 0 || number == INT64_MIN || number == INT64_MAX) {
        return SY_OK;
    }
    if (number > -LARGEST_NUMBER && number < LARGEST_NUMBER) {
        const bool small = number > -(INT64_C(1) << 32) && number < INT64_C(1) << 32;
        if (small || !is_difference(r, number)) {
            return SY_OK;
        }
    } else {
        const uint64_t index = ((uint64_t)number - (uint64_t)TOKEN_FIRST) / (uint64_t)TOKEN_STEP;
        if (index < r->known_count && token_of((int32_t)index) == number &&
            r->tape->slots[index].plain) {
            *slot = (int32_t)index;
            return SY_OK;
        }
    }
    return syi_fail(err, SY_EINVAL,
                    "an open size was computed with in C; sy_plan_size_add, _sub, _mul, _floordiv "
                    "and _mod compute with it");
}

/* What is made with a size that is the same on both sides may have open dims that look fixed. */
static void note_slot(syi_record *r, int32_t slot)
{
    const syi_known *k = &r->known[slot];
    r->now.vague |= r->tape->slots[slot].plain ? r->tape->slots[slot].kind == SYI_SLOT_MADE &&
                                                     k->size[SYI_OWN] == k->size[SYI_SHADOW]
                                               : k->vague;
}

static sy_status int_to_slots(syi_record *r, int64_t number, sy_value *slotted, sy_error *err)
{
    int32_t slot = -1;
    SY_TRY(read_token(r, number, &slot, err));
    *slotted = sy_value_int(number);
    if (slot >= 0) {
        note_slot(r, slot);
        *slotted = syi_value_slot(slot);
    }
    return SY_OK;
}

static sy_status slice_to_slots(syi_record *r, const sy_value *value, sy_value *slotted,
                                sy_error *err)
{
    const int64_t parts[] = {value->as.slice.start, value->as.slice.stop, value->as.slice.step};
    sy_value with_slots[3];
    bool open = false;
    for (int k = 0; k < 3; k++) {
        SY_TRY(int_to_slots(r, parts[k], &with_slots[k], err));
        open |= syi_value_is_slot(&with_slots[k]);
        if (parts[k] == SY_SLICE_OPEN) {
            with_slots[k] = sy_value_none();
        }
    }
    *slotted = *value;
    if (open) {
        sy_value *made = take(&r->now.slots, 3, err);
        if (made == NULL) {
            return SY_ELIMIT;
        }
        memcpy(made, with_slots, sizeof with_slots);
        *slotted = syi_value_open_slice(made);
    }
    return SY_OK;
}

static sy_status float_to_slots(const syi_record *r, double number, sy_error *err)
{
    for (size_t k = 0; k < r->token_count; k++) {
        if (number == (double)token_of(r->tokens[k])) {
            return syi_fail(err, SY_EINVAL,
                            "an open size became a float; operations take it as an integer");
        }
    }
    return SY_OK;
}

sy_status syi_record_to_slots(syi_record *r, const sy_value *value, sy_value *slotted,
                              sy_error *err)
{
    int32_t slot = -1;
    *slotted = *value;
    switch ((int)value->kind) {
    case SY_VALUE_TENSOR:
        SY_TRY(syi_record_slot_of(r, value->as.tensor, &slot, err));
        note_slot(r, slot);
        *slotted = syi_value_slot(slot);
        return SY_OK;
    case SY_VALUE_INT:
        return int_to_slots(r, value->as.integer, slotted, err);
    case SY_VALUE_FLOAT:
        return float_to_slots(r, value->as.real, err);
    case SY_VALUE_SLICE:
        return slice_to_slots(r, value, slotted, err);
    case SY_VALUE_LIST: {
        const size_t count = value->as.list.count;
        sy_value *made = take(&r->now.slots, count, err);
        if (made == NULL) {
            return SY_ELIMIT;
        }
        for (size_t k = 0; k < count; k++) {
            SY_TRY(syi_record_to_slots(r, &value->as.list.items[k], &made[k], err));
        }
        *slotted = sy_value_list(made, count);
        return SY_OK;
    }
    default:
        return SY_OK;
    }
}

sy_status syi_record_to_values(const syi_record *r, const sy_value *slotted, syi_side side,
                               syi_items *room, sy_value *value, sy_error *err)
{
    const bool slice = syi_value_is_open_slice(slotted);
    *value = *slotted;
    if (syi_value_is_slot(slotted)) {
        const int64_t slot = slotted->as.integer;
        *value = r->tape->slots[slot].plain ? sy_value_int(r->known[slot].size[side])
                                            : sy_value_tensor(r->known[slot].tensor[side]);
    } else if (slotted->kind == SY_VALUE_LIST || slice) {
        const size_t count = slotted->as.list.count;
        sy_value *made = take(room, count, err);
        if (made == NULL) {
            return SY_ELIMIT;
        }
        for (size_t k = 0; k < count; k++) {
            SY_TRY(syi_record_to_values(r, &slotted->as.list.items[k], side, room, &made[k], err));
        }
        *value = slice ? syi_value_closed_slice(made) : sy_value_list(made, count);
    }
    return SY_OK;
}

/* Sizes */

sy_status syi_record_shapes(const syi_record *r, int32_t slot, syi_array shapes[SYI_SIDES],
                            sy_error *err)
{
    for (int k = 0; k < SYI_SIDES; k++) {
        shapes[k] = (syi_array)SYI_ARRAY_INIT;
        SY_TRY(syi_node_shape(r->known[slot].tensor[k]->node, &shapes[k], err));
    }
    return SY_OK;
}

/* A slot for a number with these values. */
static sy_status add_number(syi_record *r, const int64_t sizes[SYI_SIDES], int32_t *slot,
                            sy_error *err)
{
    SY_TRY(syi_record_add(r, SYI_SLOT_MADE, NULL, NULL, slot, err));
    r->tape->slots[*slot].plain = true;
    memcpy(r->known[*slot].size, sizes, sizeof r->known[*slot].size);
    return SY_OK;
}

/* Adds a step that gives a number, whose token is given out. */
static sy_status give_token(syi_record *r, const syi_step *step, int64_t *number, sy_error *err)
{
    if (!syi_record_grow(r, &r->tokens, r->token_count, &r->token_capacity, sizeof *r->tokens)) {
        return SYI_ENOMEM(err, "plan");
    }
    r->tokens[r->token_count++] = step->outs[0];
    *number = token_of(step->outs[0]);
    return syi_tape_add_step(r->tape, step, err);
}

/* A step that tells a size, or (numel, dim < 0) the number of elements; the number becomes its token. */
static sy_status ask_size(syi_record *r, syi_op_id id, int32_t of, int dim,
                          const int64_t sizes[SYI_SIDES], int64_t *number, sy_error *err)
{
    int32_t slot = -1;
    const sy_value args[] = {syi_value_slot(of), sy_value_int(dim)};
    SY_TRY(add_number(r, sizes, &slot, err));
    const syi_step step = {.kind = SYI_STEP_OPERATION,
                           .op = syi_op_get(id),
                           .args = (sy_value *)args,
                           .arg_count = id == SYI_OP_size ? 2 : 1,
                           .outs = &slot,
                           .out_count = 1};
    return give_token(r, &step, number, err);
}

sy_status syi_record_tokenize(syi_record *r, syi_results *results, sy_error *err)
{
    const syi_pending *p = &r->now;
    const int32_t slot =
        p->args[0].kind == SY_VALUE_TENSOR ? syi_record_find(r, p->args[0].as.tensor) : -1;
    syi_array shapes[SYI_SIDES];
    r->tape->reads_sizes |= slot >= 0 && p->op->id != SYI_OP_dim;
    if (slot < 0 || !r->open || p->op->id == SYI_OP_dim) {
        return SY_OK;
    }
    SY_TRY(syi_record_shapes(r, slot, shapes, err));
    if (p->op->id == SYI_OP_numel) {
        const int64_t counts[] = {syi_array_numel(&shapes[SYI_OWN]),
                                  syi_array_numel(&shapes[SYI_SHADOW])};
        return counts[SYI_OWN] == counts[SYI_SHADOW] && !r->known[slot].vague
                   ? SY_OK
                   : ask_size(r, SYI_OP_numel, slot, -1, counts, &results->value.as.integer, err);
    }
    const bool one = results->value.kind == SY_VALUE_INT;
    const int64_t asked = one ? p->args[1].as.integer : 0;
    for (int d = 0; d < shapes[SYI_OWN].ndim; d++) {
        const int64_t sizes[] = {shapes[SYI_OWN].shape[d], shapes[SYI_SHADOW].shape[d]};
        if ((sizes[SYI_OWN] == sizes[SYI_SHADOW] && !r->known[slot].vague) ||
            (one && asked != d && asked + shapes[SYI_OWN].ndim != d)) {
            continue;
        }
        int64_t token = 0;
        SY_TRY(ask_size(r, SYI_OP_size, slot, d, sizes, &token, err));
        if (one) {
            results->value = sy_value_int(token);
        } else {
            results->items[d] = sy_value_int(token);
        }
    }
    return SY_OK;
}

sy_status syi_record_arithmetic(syi_record *r, syi_step_kind kind, int64_t a, int64_t b,
                                int64_t *result, sy_error *err)
{
    const int64_t given[] = {a, b};
    sy_value args[2];
    int64_t sizes[SYI_SIDES];
    int32_t slot = -1;
    for (int k = 0; k < 2; k++) {
        SY_TRY(read_token(r, given[k], &slot, err));
        args[k] = slot >= 0 ? syi_value_slot(slot) : sy_value_int(given[k]);
    }
    if (!syi_value_is_slot(&args[0]) && !syi_value_is_slot(&args[1])) {
        return syi_size_compute(kind, a, b, result, err);
    }
    for (syi_side side = 0; side < SYI_SIDES; side++) {
        int64_t numbers[2];
        for (int k = 0; k < 2; k++) {
            numbers[k] = syi_value_is_slot(&args[k]) ? r->known[args[k].as.integer].size[side]
                                                     : args[k].as.integer;
        }
        SY_TRY(syi_size_compute(kind, numbers[0], numbers[1], &sizes[side], err));
    }
    SY_TRY(add_number(r, sizes, &slot, err));
    const syi_step step = {
        .kind = kind, .args = args, .arg_count = 2, .outs = &slot, .out_count = 1};
    return give_token(r, &step, result, err);
}
