/*
 * plan_pysyft.c - plans that PySyft recorded, as tapes. The pysyft room takes a plan's state out and leaves the rest as it
 * came (src/pysyft/read_plans.c); the actions become steps here, where the table of operations is. Layouts: 0.2.9, with
 * roles, and 0.2.4, with actions and tagged placeholders (docs/reference/pysyft-wire.md, section 3). Part of plan.h.
 * Tests: plan_pysyft_test.c, tests/interop/pysyft_plans.py, fuzz: detail.
 *
 * What comes in may come from anybody: see plan_wire.c. What PySyft could run and csyft cannot is SY_ENOTSUP, with the
 * action; a server keeps such plans as they are.
 */
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/table.h"
#include "execution/plan.h"
#include "pysyft/fields.h"
#include "pysyft/plans.h"
#include "pysyft/requests.h"
#include "serde/serde.h"

#define DEVICE 10

typedef struct reader {
    syi_decoder *decoder; /* of the message: lends its memory for plain values */
    syi_plan_body *body;
    syi_tape *tape;
    syi_table *slots; /* of placeholders' ids: the slot's number + 1 */
    syi_pysyft_plan_fields plan;
    sy_error *err;
} reader;

static sy_status bad(const reader *r, const char *what)
{
    return syi_fail(r->err, SY_EFORMAT, "message: a plan of PySyft with %s", what);
}

/* Placeholders */

/* [56, [id]] or [48, [id or [56, [id]], ...]]; false, and nothing is read, for all else. */
static bool take_placeholder(syi_msgpack_cursor *cursor, sy_id *id)
{
    syi_msgpack_cursor at = *cursor;
    int64_t code = 0;
    size_t count = 0;
    if (syi_msgpack_peek(&at) != SYI_MSGPACK_ARRAY ||
        syi_pysyft_open_pair(&at, &code, NULL) != SY_OK ||
        (code != SYI_PYSYFT_PLACEHOLDER_ID && code != SYI_CODE_PLACEHOLDER) ||
        syi_msgpack_read_array(&at, &count, NULL) != SY_OK || count == 0) {
        return false;
    }
    const bool inner = code == SYI_CODE_PLACEHOLDER && syi_msgpack_peek(&at) == SYI_MSGPACK_ARRAY;
    if ((inner ? !take_placeholder(&at, id) : syi_pysyft_read_id(&at, id, NULL) != SY_OK) ||
        sy_id_is_none(id)) {
        return false;
    }
    return syi_msgpack_skip(cursor, NULL) == SY_OK;
}

static sy_status name_slot(reader *r, const sy_id *id, int32_t slot)
{
    return syi_table_put(r->slots, id, (void *)((uintptr_t)slot + 1), NULL, r->err);
}

static bool find_slot(const reader *r, const sy_id *id, int32_t *slot)
{
    const void *found = syi_table_get(r->slots, id);
    *slot = (int32_t)((uintptr_t)found - 1);
    return found != NULL;
}

static sy_status slot_of(const reader *r, const sy_id *id, int32_t *slot)
{
    char text[72];
    return find_slot(r, id, slot)
               ? SY_OK
               : syi_fail(r->err, SY_EFORMAT,
                          "message: a plan of PySyft reads placeholder %s before it is there",
                          sy_id_format(id, text, sizeof text));
}

/* Values. While they are bound to parameters, a slot is an ARRAY that points to it. */

static sy_value stand_in(const reader *r, int32_t slot)
{
    sy_value value = sy_value_none();
    value.kind = (sy_value_kind)SYI_VALUE_ARRAY;
    value.as.internal = &r->tape->slots[slot];
    return value;
}

static bool is_stand_in(const sy_value *value)
{
    return value->kind == (sy_value_kind)SYI_VALUE_ARRAY;
}

static sy_status read_value(reader *r, syi_msgpack_cursor *cursor, sy_value *value, int depth);

static sy_status read_items(reader *r, syi_msgpack_cursor *cursor, sy_value *value, int depth)
{
    size_t count = 0;
    SY_TRY(syi_msgpack_read_array(cursor, &count, r->err));
    if (depth == SYI_TAPE_DEPTH_MAX) {
        return bad(r, "lists nested too deep");
    }
    sy_value *items = syi_tape_alloc(r->tape, (count + 1) * sizeof *items);
    if (items == NULL) {
        return SYI_ENOMEM(r->err, "plan");
    }
    for (size_t k = 0; k < count; k++) {
        SY_TRY(read_value(r, cursor, &items[k], depth + 1));
    }
    syi_msgpack_leave(cursor);
    *value = sy_value_list(items, count);
    return SY_OK;
}

/* A number, text, slice, ..., which both write alike. */
static sy_status read_plain(reader *r, syi_msgpack_cursor *cursor, sy_value *value)
{
    sy_value plain = sy_value_none();
    const syi_msgpack_cursor saved = r->decoder->cursor;
    r->decoder->cursor = *cursor;
    const sy_status status = syi_decode_value(r->decoder, &plain, r->err);
    *cursor = r->decoder->cursor;
    r->decoder->cursor = saved;
    SY_TRY(status);
    return plain.kind == SY_VALUE_TENSOR
               ? syi_fail(r->err, SY_ENOTSUP, "a plan of PySyft with a tensor outside of its state")
               : syi_tape_copy_value(r->tape, value, &plain, r->err);
}

static sy_status read_value(reader *r, syi_msgpack_cursor *cursor, sy_value *value, int depth)
{
    sy_id id = SY_ID_INIT;
    int64_t code = 0;
    int32_t slot = -1;
    if (take_placeholder(cursor, &id)) {
        SY_TRY(slot_of(r, &id, &slot));
        *value = stand_in(r, slot);
        return SY_OK;
    }
    syi_msgpack_cursor at = *cursor;
    if (syi_msgpack_peek(&at) == SYI_MSGPACK_ARRAY &&
        syi_pysyft_open_pair(&at, &code, NULL) == SY_OK &&
        (code == SYI_CODE_LIST || code == SYI_CODE_TUPLE)) {
        SY_TRY(read_items(r, &at, value, depth));
        syi_msgpack_leave(&at);
        *cursor = at;
        return SY_OK;
    }
    return read_plain(r, cursor, value);
}

/* Bound values become the tape's. */
static sy_status settle(reader *r, sy_value *value)
{
    if (is_stand_in(value)) {
        *value = syi_value_slot((int32_t)((syi_slot *)value->as.internal - r->tape->slots));
        return SY_OK;
    }
    if (value->kind != SY_VALUE_LIST || value->as.list.count == 0) {
        return SY_OK;
    }
    const size_t count = value->as.list.count;
    sy_value *items = syi_tape_alloc(r->tape, count * sizeof *items);
    if (items == NULL) {
        return SYI_ENOMEM(r->err, "plan");
    }
    for (size_t k = 0; k < count; k++) {
        items[k] = value->as.list.items[k];
        SY_TRY(settle(r, &items[k]));
    }
    *value = sy_value_list(items, count);
    return SY_OK;
}

/* Actions */

typedef struct action {
    const char *name;
    size_t length;
    syi_msgpack_cursor target, args, kwargs, ids;
} action;

/* [54, [name, target, args, kwargs, return ids, ...]], or, before, [54, [[6, [name, target, args, kwargs]], return ids]]. */
static sy_status read_action(reader *r, syi_msgpack_cursor *cursor, action *a)
{
    syi_pysyft_fields f;
    int64_t code = 0;
    SY_TRY(syi_pysyft_open_pair(cursor, &code, r->err));
    if (code != SYI_PYSYFT_COMPUTATION) {
        return syi_fail(r->err, SY_ENOTSUP,
                        "a plan of PySyft with an action of type code %lld, which does not compute",
                        (long long)code);
    }
    SY_TRY(syi_pysyft_find_fields(cursor, &f, 2, SYI_FIELDS, "action", r->err));
    syi_msgpack_leave(cursor);
    if (f.count == 2) {
        a->ids = f.at[1];
        syi_msgpack_cursor at = f.at[0];
        SY_TRY(syi_pysyft_open_pair(&at, &code, r->err));
        SY_TRY(syi_pysyft_find_fields(&at, &f, 4, 4, "action", r->err));
    } else if (f.count < 5) {
        return bad(r, "an action of too few fields");
    } else {
        a->ids = f.at[4];
    }
    syi_msgpack_cursor at = f.at[0];
    SY_TRY(syi_pysyft_read_text(&at, &a->name, &a->length, r->err));
    a->target = f.at[1];
    a->args = f.at[2];
    a->kwargs = f.at[3];
    return a->name != NULL ? SY_OK : bad(r, "an action without a name");
}

static sy_status not_here(reader *r, const action *a, sy_status status)
{
    if (status == SY_ENOMEM || status == SY_ELIMIT || status == SY_EFORMAT) {
        return status;
    }
    return syi_error_prefix(r->err, SY_ENOTSUP, "a plan of PySyft with %.*s",
                            (int)(a->length < 60 ? a->length : 60), a->name);
}

/* [6, [...]] or [1, [...]] or none: where its `count` values begin. */
static sy_status open_sequence(reader *r, syi_msgpack_cursor *at, size_t *count)
{
    int64_t code = 0;
    *count = 0;
    if (syi_msgpack_peek(at) == SYI_MSGPACK_NIL) {
        return SY_OK;
    }
    SY_TRY(syi_pysyft_open_pair(at, &code, r->err));
    return code == SYI_CODE_TUPLE || code == SYI_CODE_LIST
               ? syi_msgpack_read_array(at, count, r->err)
               : bad(r, "values that are no tuple");
}

static sy_status read_positional(reader *r, const action *a, sy_value *args, size_t *used)
{
    syi_msgpack_cursor at = a->target;
    size_t count = 0;
    *used = 0;
    if (syi_msgpack_peek(&at) != SYI_MSGPACK_NIL) {
        SY_TRY(read_value(r, &at, &args[(*used)++], 0));
    }
    at = a->args;
    SY_TRY(open_sequence(r, &at, &count));
    if (count > SYI_PYSYFT_ACTION_MAX - 1) {
        return syi_fail(r->err, SY_ENOTSUP, "%zu arguments", count);
    }
    for (size_t k = 0; k < count; k++) {
        SY_TRY(read_value(r, &at, &args[(*used)++], 0));
    }
    return SY_OK;
}

/* There is one device here. */
static bool is_device(const char *name, size_t length, const syi_msgpack_cursor *value)
{
    syi_msgpack_cursor at = *value;
    int64_t code = 0;
    return length == 6 && memcmp(name, "device", 6) == 0 &&
           (syi_msgpack_peek(&at) == SYI_MSGPACK_NIL ||
            (syi_pysyft_open_pair(&at, &code, NULL) == SY_OK && code == DEVICE));
}

static sy_status read_named(reader *r, const action *a, sy_named_value *kwargs, size_t *used)
{
    syi_msgpack_cursor at = a->kwargs;
    int64_t code = 0;
    size_t count = 0;
    *used = 0;
    if (syi_msgpack_peek(&at) == SYI_MSGPACK_NIL) {
        return SY_OK;
    }
    SY_TRY(syi_pysyft_open_pair(&at, &code, r->err));
    SY_TRY(code == SYI_CODE_DICT ? syi_msgpack_read_array(&at, &count, r->err)
                                 : bad(r, "named arguments that are no dict"));
    if (count > SYI_ARGUMENT_MAX) {
        return syi_fail(r->err, SY_ENOTSUP, "%zu named arguments", count);
    }
    for (size_t k = 0; k < count; k++) {
        const char *name = NULL;
        size_t length = 0;
        SY_TRY(syi_msgpack_read_tuple(&at, 2, "[name, value]", r->err));
        SY_TRY(syi_pysyft_read_text(&at, &name, &length, r->err));
        char *copy = syi_tape_alloc(r->tape, length + 1); /* zeroed */
        if (name == NULL || memchr(name, '\0', length) != NULL) {
            return bad(r, "an argument without a name");
        }
        if (copy == NULL) {
            return SYI_ENOMEM(r->err, "plan");
        }
        memcpy(copy, name, length);
        if (is_device(name, length, &at)) {
            SY_TRY(syi_msgpack_skip(&at, r->err));
        } else {
            kwargs[*used].name = copy;
            SY_TRY(read_value(r, &at, &kwargs[(*used)++].value, 0));
        }
        syi_msgpack_leave(&at);
    }
    return SY_OK;
}

static sy_status find_row(reader *r, const action *a, syi_step *step)
{
    if (!syi_ops_find(r->decoder->hook->ops, a->name, a->length, &step->op, &step->inplace) ||
        !(step->op->flags & SYI_OP_PEER)) {
        return syi_fail(r->err, SY_ENOTSUP, "the operation is not known here");
    }
    if (step->op->flags & SYI_OP_VALUE) {
        return syi_fail(r->err, SY_ENOTSUP, "the operation gives no tensor");
    }
    step->inplace |= (step->op->flags & SYI_OP_ONLY_INPLACE) != 0;
    return SY_OK;
}

static sy_status bind(reader *r, const action *a, syi_step *step, sy_value *bound)
{
    sy_value args[SYI_PYSYFT_ACTION_MAX];
    sy_named_value kwargs[SYI_ARGUMENT_MAX];
    size_t count = 0, named = 0;
    SY_TRY(find_row(r, a, step));
    SY_TRY(read_positional(r, a, args, &count));
    SY_TRY(read_named(r, a, kwargs, &named));
    SY_TRY(
        syi_ops_bind(r->decoder->hook->ops, step->op, args, count, kwargs, named, bound, r->err));
    (void)syi_ops_get_parameters(r->decoder->hook->ops, step->op->id, &step->arg_count);
    for (int k = 0; k < step->arg_count; k++) {
        SY_TRY(settle(r, &bound[k]));
    }
    return SY_OK;
}

/* The placeholders of the results, one or a sequence of them. An operation in place has its target for a result. */
static sy_status name_results(reader *r, const action *a, syi_step *step)
{
    syi_msgpack_cursor at = a->ids;
    sy_id id = SY_ID_INIT;
    size_t count = 1;
    const bool single = take_placeholder(&at, &id);
    if (!single) {
        SY_TRY(open_sequence(r, &at, &count));
    }
    const size_t most = step->inplace           ? 1
                        : step->op->outputs < 0 ? SYI_OUTPUT_MAX
                                                : (size_t)step->op->outputs;
    if (count > most) {
        return syi_fail(r->err, SY_ENOTSUP, "%zu results", count);
    }
    for (size_t k = 0; k < count; k++) {
        int32_t slot = -1;
        if (!single && !take_placeholder(&at, &id)) {
            return bad(r, "a result that is no placeholder");
        }
        if (step->inplace) {
            if (!syi_value_is_slot(&step->args[0])) {
                return syi_fail(r->err, SY_ENOTSUP, "it writes to no tensor");
            }
            slot = (int32_t)step->args[0].as.integer;
        } else {
            SY_TRY(syi_tape_add_slot(r->tape, SYI_SLOT_MADE, &slot, r->err));
            step->outs[step->out_count++] = slot;
        }
        SY_TRY(name_slot(r, &id, slot));
    }
    return SY_OK;
}

static sy_status read_actions(reader *r)
{
    syi_msgpack_cursor at = r->plan.actions;
    size_t count = 0;
    SY_TRY(open_sequence(r, &at, &count));
    for (size_t k = 0; k < count; k++) {
        sy_value bound[SYI_ARGUMENT_MAX];
        int32_t outs[SYI_OUTPUT_MAX];
        syi_step step = {.kind = SYI_STEP_OPERATION, .grad = true, .args = bound, .outs = outs};
        action a;
        SY_TRY(read_action(r, &at, &a));
        sy_status status = bind(r, &a, &step, bound);
        status = status == SY_OK ? name_results(r, &a, &step) : status;
        if (status != SY_OK) {
            return not_here(r, &a, status);
        }
        SY_TRY(syi_tape_add_step(r->tape, &step, r->err));
    }
    return SY_OK;
}

/* Arguments, state and results */

typedef struct places {
    sy_id ids[SYI_TAPE_INPUTS_MAX];
    size_t count;
} places;

/* 0.2.9: ids in an array without a code. */
static sy_status read_ids(reader *r, syi_msgpack_cursor at, places *p)
{
    SY_TRY(syi_msgpack_read_array(&at, &p->count, r->err));
    if (p->count > SYI_TAPE_INPUTS_MAX) {
        return bad(r, "too many arguments or results");
    }
    for (size_t k = 0; k < p->count; k++) {
        SY_TRY(syi_pysyft_read_id(&at, &p->ids[k], r->err));
        if (sy_id_is_none(&p->ids[k])) {
            return bad(r, "an argument or result without an id");
        }
    }
    return SY_OK;
}

/* "#input-3": the fourth. */
static bool tag_place(const char *tag, size_t length, const char *prefix, size_t *place)
{
    const size_t skip = strlen(prefix);
    *place = 0;
    if (length <= skip || length > skip + 4 || memcmp(tag, prefix, skip) != 0) {
        return false;
    }
    for (size_t k = skip; k < length; k++) {
        if (tag[k] < '0' || tag[k] > '9') {
            return false;
        }
        *place = *place * 10 + (size_t)(tag[k] - '0');
    }
    return true;
}

static sy_status put_place(reader *r, places *p, size_t place, const sy_id *id)
{
    if (place >= SYI_TAPE_INPUTS_MAX) {
        return bad(r, "too many arguments or results");
    }
    for (; p->count <= place; p->count++) {
        p->ids[p->count] = (sy_id)SY_ID_INIT; /* nothing reads that argument */
    }
    p->ids[place] = *id;
    return SY_OK;
}

/* 0.2.4: the placeholders' tags say which argument and which result they are. */
static sy_status read_tags(reader *r, syi_msgpack_cursor placeholder, places *inputs,
                           places *outputs)
{
    syi_pysyft_fields f;
    sy_id id = SY_ID_INIT;
    int64_t code = 0;
    size_t count = 0, place = 0;
    syi_msgpack_cursor at = placeholder;
    if (!take_placeholder(&at, &id)) {
        return bad(r, "a placeholder that is none");
    }
    SY_TRY(syi_pysyft_open_pair(&placeholder, &code, r->err));
    SY_TRY(syi_pysyft_find_fields(&placeholder, &f, 1, SYI_FIELDS, "placeholder", r->err));
    if (syi_pysyft_is_nil(&f, 1)) {
        return SY_OK;
    }
    at = f.at[1];
    SY_TRY(syi_pysyft_open_pair(&at, &code, r->err));
    SY_TRY(syi_msgpack_read_array(&at, &count, r->err));
    for (size_t k = 0; k < count; k++) {
        const char *tag = NULL;
        size_t length = 0;
        SY_TRY(syi_pysyft_read_text(&at, &tag, &length, r->err));
        if (tag != NULL && tag_place(tag, length, "#input-", &place)) {
            SY_TRY(put_place(r, inputs, place, &id));
        } else if (tag != NULL && tag_place(tag, length, "#output-", &place)) {
            SY_TRY(put_place(r, outputs, place, &id));
        }
    }
    return SY_OK;
}

/* [0, [[id, placeholder], ...]]: the next placeholder. */
static sy_status next_placeholder(reader *r, syi_msgpack_cursor *at,
                                  syi_msgpack_cursor *placeholder)
{
    SY_TRY(syi_msgpack_read_tuple(at, 2, "[id, placeholder]", r->err));
    SY_TRY(syi_msgpack_skip(at, r->err));
    *placeholder = *at;
    SY_TRY(syi_msgpack_skip(at, r->err));
    syi_msgpack_leave(at);
    return SY_OK;
}

static sy_status open_placeholders(reader *r, syi_msgpack_cursor *at, size_t *count)
{
    int64_t code = 0;
    *at = r->plan.placeholders;
    SY_TRY(syi_pysyft_open_pair(at, &code, r->err));
    return code == SYI_CODE_DICT ? syi_msgpack_read_array(at, count, r->err)
                                 : bad(r, "placeholders that are no dict");
}

static sy_status read_places(reader *r, places *inputs, places *outputs)
{
    syi_msgpack_cursor at, placeholder;
    size_t count = 0;
    inputs->count = outputs->count = 0;
    if (!r->plan.old) {
        SY_TRY(read_ids(r, r->plan.inputs, inputs));
        return read_ids(r, r->plan.outputs, outputs);
    }
    SY_TRY(open_placeholders(r, &at, &count));
    for (size_t k = 0; k < count; k++) {
        SY_TRY(next_placeholder(r, &at, &placeholder));
        SY_TRY(read_tags(r, placeholder, inputs, outputs));
    }
    for (size_t k = 0; k < outputs->count; k++) {
        if (sy_id_is_none(&outputs->ids[k])) {
            return bad(r, "a result that no placeholder stands for");
        }
    }
    return SY_OK;
}

/* What the placeholder was when the plan was built: PySyft does not ask for it again, and neither does csyft. */
static sy_status note_shape(reader *r, syi_msgpack_cursor placeholder)
{
    syi_pysyft_fields f;
    sy_id id = SY_ID_INIT;
    int64_t code = 0;
    size_t count = 0;
    int32_t slot = -1;
    syi_msgpack_cursor at = placeholder;
    if (!take_placeholder(&at, &id) || !find_slot(r, &id, &slot) ||
        r->tape->slots[slot].kind != SYI_SLOT_INPUT) {
        return SY_OK;
    }
    SY_TRY(syi_pysyft_open_pair(&placeholder, &code, r->err));
    SY_TRY(syi_pysyft_find_fields(&placeholder, &f, 1, SYI_FIELDS, "placeholder", r->err));
    if (syi_pysyft_is_nil(&f, 3)) {
        return SY_OK;
    }
    at = f.at[3];
    SY_TRY(syi_pysyft_open_pair(&at, &code, r->err));
    SY_TRY(syi_msgpack_read_array(&at, &count, r->err));
    syi_plan_argument *argument = &r->body->arguments[r->tape->slots[slot].index];
    if (count > SY_DIM_MAX) {
        return bad(r, "an argument of too many dims");
    }
    for (size_t k = 0; k < count; k++) {
        SY_TRY(syi_msgpack_read_int(&at, &argument->shape[k], r->err));
        if (argument->shape[k] < 0) {
            return bad(r, "an argument of a negative length");
        }
    }
    argument->ndim = (int)count;
    return SY_OK;
}

static sy_status read_arguments(reader *r, const places *inputs)
{
    syi_msgpack_cursor at, placeholder;
    size_t count = 0;
    for (size_t k = 0; k < inputs->count; k++) {
        int32_t slot = -1;
        SY_TRY(syi_tape_add_slot(r->tape, SYI_SLOT_INPUT, &slot, r->err));
        r->body->arguments[k].is_tensor = true;
        if (!sy_id_is_none(&inputs->ids[k])) {
            SY_TRY(name_slot(r, &inputs->ids[k], slot));
        }
    }
    SY_TRY(open_placeholders(r, &at, &count));
    for (size_t k = 0; k < count; k++) {
        SY_TRY(next_placeholder(r, &at, &placeholder));
        SY_TRY(note_shape(r, placeholder));
    }
    return SY_OK;
}

/* State<22> is [[1, [placeholder, ...]], [1, [tensor, ...]]]; the tensors are the message's. */
static sy_status read_states(reader *r, size_t count)
{
    syi_msgpack_cursor at = r->plan.state_placeholders;
    size_t named = 0;
    SY_TRY(open_sequence(r, &at, &named));
    if (named != count) {
        return bad(r, "more or less state than placeholders for it");
    }
    for (size_t k = 0; k < count; k++) {
        sy_id id = SY_ID_INIT;
        int32_t slot = -1;
        if (!take_placeholder(&at, &id)) {
            return bad(r, "state without a placeholder");
        }
        SY_TRY(syi_tape_add_slot(r->tape, SYI_SLOT_STATE, &slot, r->err));
        SY_TRY(name_slot(r, &id, slot));
        SY_TRY(syi_decode_tensor(r->decoder, &r->body->states[k].tensor, r->err));
    }
    return SY_OK;
}

static sy_status seal(reader *r, const places *outputs)
{
    sy_value values[SYI_TAPE_OUTPUTS_MAX];
    for (size_t k = 0; k < outputs->count; k++) {
        int32_t slot = -1;
        SY_TRY(slot_of(r, &outputs->ids[k], &slot));
        values[k] = syi_value_slot(slot);
    }
    return syi_tape_seal(r->tape, values, outputs->count, r->err);
}

static sy_status new_body(reader *r, size_t arguments, size_t states)
{
    char name[SYI_PLAN_NAME_MAX + 1] = "Plan";
    const char *text = r->plan.name;
    if (text != NULL && r->plan.name_length > 0) {
        const size_t length =
            r->plan.name_length < SYI_PLAN_NAME_MAX ? r->plan.name_length : SYI_PLAN_NAME_MAX;
        if (memchr(text, '\0', length) != NULL) {
            return bad(r, "a name that cannot be one");
        }
        memcpy(name, text, length);
        name[length] = '\0';
    }
    SY_TRY(syi_plan_body_new(r->decoder->hook, &r->body, name, arguments, states, r->err));
    r->body->include_state = r->plan.include_state;
    return SY_OK;
}

static sy_status keep_origin(reader *r, const uint8_t *bytes, size_t size)
{
    SY_TRY(syi_storage_new(r->decoder->hook->context, &r->body->origin, size, r->decoder->account,
                           r->err));
    memcpy(r->body->origin->data, bytes, size);
    return SY_OK;
}

static sy_status read_all(reader *r)
{
    places inputs, outputs;
    const uint8_t *bytes = NULL;
    size_t size = 0, states = 0;
    syi_msgpack_cursor *message = &r->decoder->cursor;
    SY_TRY(syi_msgpack_read_bin(message, &bytes, &size, r->err));
    SY_TRY(syi_pysyft_find_plan(bytes, size, &r->plan, r->err));
    SY_TRY(read_places(r, &inputs, &outputs));
    SY_TRY(syi_msgpack_read_array(message, &states, r->err));
    SY_TRY(new_body(r, inputs.count, states));
    SY_TRY(keep_origin(r, bytes, size));
    SY_TRY(read_states(r, states));
    syi_msgpack_leave(message);
    SY_TRY(read_arguments(r, &inputs));
    SY_TRY(read_actions(r));
    SY_TRY(seal(r, &outputs));
    r->body->tape = syi_tape_ref(r->tape);
    return SY_OK;
}

sy_status syi_plan_read_pysyft(syi_decoder *decoder, syi_plan_body **body, sy_error *err)
{
    reader r = {.decoder = decoder, .err = err};
    *body = NULL;
    SY_TRY(syi_tape_new(decoder->hook->context, &r.tape, err));
    sy_status status = syi_table_new(decoder->hook->context, &r.slots, err);
    if (status == SY_OK) {
        status = read_all(&r);
        syi_table_free(r.slots);
    }
    if (status == SY_OK) {
        *body = r.body;
    } else {
        syi_plan_body_unref(r.body);
    }
    syi_tape_unref(r.tape);
    return status;
}
