/*
 * plan_wire.c - plans on the wire: [21, [revision, name, include_state, arguments, states, steps, outputs, flags]], described
 * in docs/reference/wire.md. What comes in may come from anybody: operations are those that a peer may ask for, with
 * arguments that they take, and values are there before they are read. Part of plan.h. Tests: tape_test.c, plan_test.c, fuzz: detail.
 */
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "execution/plan.h"
#include "execution/sizes.h"
#include "pysyft/plans.h"
#include "serde/serde.h"

#define REVISION 1
#define CODE_SLOT 56 /* PlaceholderId */

/* Names of steps that are no operations; no operation begins like that. */
static const char *const step_names[] = {[SYI_STEP_GRAD] = "$grad",
                                         [SYI_STEP_SET_GRAD] = "$set_grad",
                                         [SYI_STEP_REQUIRES_GRAD] = "$requires_grad",
                                         [SYI_STEP_SIZE_ADD] = "$add",
                                         [SYI_STEP_SIZE_SUB] = "$sub",
                                         [SYI_STEP_SIZE_MUL] = "$mul",
                                         [SYI_STEP_SIZE_FLOORDIV] = "$floordiv",
                                         [SYI_STEP_SIZE_MOD] = "$mod"};

enum { FLAG_READS_SIZES = 1, FLAG_BUILT = 4 };

/* Writing. Slots are numbered anew: states, arguments, results as they are made. */

typedef struct writer {
    syi_encoder *encoder;
    syi_buffer *out;
    int32_t *numbers; /* per slot */
    int32_t next;
} writer;

static void write_name(syi_buffer *out, const char *name)
{
    if (name == NULL) {
        syi_msgpack_write_nil(out);
    } else {
        syi_msgpack_write_str(out, name, strlen(name));
    }
}

static sy_status write_value(writer *w, const sy_value *value, sy_error *err)
{
    if (syi_value_is_slot(value)) {
        syi_msgpack_write_array(w->out, 2);
        syi_msgpack_write_int(w->out, CODE_SLOT);
        syi_msgpack_write_array(w->out, 1);
        syi_msgpack_write_int(w->out, w->numbers[value->as.integer]);
        return SY_OK;
    }
    if (!syi_value_has_items(value)) {
        return syi_encode_value(w->encoder, value, err);
    }
    syi_msgpack_write_array(w->out, 2);
    syi_msgpack_write_int(w->out, syi_value_is_open_slice(value) ? SYI_CODE_SLICE : SYI_CODE_LIST);
    syi_msgpack_write_array(w->out, value->as.list.count);
    for (size_t k = 0; k < value->as.list.count; k++) {
        SY_TRY(write_value(w, &value->as.list.items[k], err));
    }
    return SY_OK;
}

static sy_status write_arguments(writer *w, const syi_plan_body *body, sy_error *err)
{
    syi_msgpack_write_array(w->out, body->argument_count);
    for (size_t k = 0; k < body->argument_count; k++) {
        const syi_plan_argument *argument = &body->arguments[k];
        const char *dtype = sy_dtype_name(argument->dtype);
        syi_msgpack_write_array(w->out, argument->is_tensor ? 3 : 2);
        write_name(w->out, argument->name);
        if (!argument->is_tensor) {
            SY_TRY(write_value(w, &argument->value, err));
            continue;
        }
        syi_msgpack_write_str(w->out, dtype, strlen(dtype));
        syi_msgpack_write_array(w->out, (size_t)argument->ndim);
        for (int d = 0; d < argument->ndim; d++) {
            syi_msgpack_write_int(w->out, argument->shape[d]);
        }
    }
    return SY_OK;
}

static sy_status write_states(writer *w, const syi_plan_body *body, sy_error *err)
{
    syi_msgpack_write_array(w->out, body->state_count);
    for (size_t k = 0; k < body->state_count; k++) {
        syi_msgpack_write_array(w->out, 3);
        write_name(w->out, body->states[k].name);
        syi_msgpack_write_bool(w->out, k >= body->declared_count);
        SY_TRY(syi_encode_tensor(w->encoder, body->states[k].tensor, err));
    }
    return SY_OK;
}

static sy_status write_step(writer *w, const syi_step *step, sy_error *err)
{
    char name[SYI_OPERATION_NAME_SIZE];
    const char *base = step->op != NULL ? step->op->name : step_names[step->kind];
    size_t length = strlen(base);
    memcpy(name, base, length);
    if (step->inplace && !(step->op->flags & SYI_OP_ONLY_INPLACE)) {
        name[length++] = '_';
    }
    syi_msgpack_write_array(w->out, 4);
    syi_msgpack_write_str(w->out, name, length);
    syi_msgpack_write_bool(w->out, step->grad);
    syi_msgpack_write_array(w->out, (size_t)step->arg_count);
    for (int k = 0; k < step->arg_count; k++) {
        SY_TRY(write_value(w, &step->args[k], err));
    }
    syi_msgpack_write_int(w->out, step->out_count);
    for (int k = 0; k < step->out_count; k++) {
        w->numbers[step->outs[k]] = w->next++;
    }
    return syi_buffer_check(w->out, "plan", err);
}

static sy_status write_tape(writer *w, const syi_plan_body *body, sy_error *err)
{
    const syi_tape *tape = body->tape;
    for (size_t k = 0; k < tape->state_count; k++) {
        w->numbers[tape->states[k]] = w->next++;
    }
    for (size_t k = 0; k < tape->input_count; k++) {
        w->numbers[tape->inputs[k]] = w->next++;
    }
    syi_msgpack_write_array(w->out, tape->step_count);
    for (size_t k = 0; k < tape->step_count; k++) {
        SY_TRY(write_step(w, &tape->steps[k], err));
    }
    return write_value(w, &tape->outputs, err);
}

sy_status syi_plan_simplify(syi_node *node, syi_encoder *encoder, sy_error *err)
{
    const syi_plan_body *body = ((const syi_plan_node *)node)->body;
    sy_context *context = body->hook->context;
    const size_t slots = body->tape != NULL ? body->tape->slot_count : 0;
    writer w = {.encoder = encoder, .out = encoder->out};
    w.numbers = syi_alloc_array(context, slots, sizeof *w.numbers);
    if (w.numbers == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    sy_status status = SY_OK;
    syi_msgpack_write_array(w.out, 2);
    syi_msgpack_write_int(w.out, SYI_CODE_PLAN);
    syi_msgpack_write_array(w.out, body->origin != NULL ? SYI_PYSYFT_PLAN_ORIGIN + 1 : 8);
    syi_msgpack_write_int(w.out, REVISION);
    write_name(w.out, body->name);
    syi_msgpack_write_bool(w.out, body->include_state);
    SY_GOTO(done, write_arguments(&w, body, err));
    SY_GOTO(done, write_states(&w, body, err));
    if (body->tape != NULL) {
        SY_GOTO(done, write_tape(&w, body, err));
    } else {
        syi_msgpack_write_array(w.out, 0);
        syi_msgpack_write_nil(w.out);
    }
    syi_msgpack_write_int(w.out,
                          (body->tape != NULL && body->tape->reads_sizes ? FLAG_READS_SIZES : 0) |
                              (body->tape != NULL ? FLAG_BUILT : 0));
    if (body->origin != NULL) {
        syi_msgpack_write_bin(w.out, body->origin->data, body->origin->size);
    }
    status = syi_buffer_check(w.out, "plan", err);
done:
    syi_free(context, w.numbers, slots * sizeof *w.numbers);
    return status;
}

/* Reading */

typedef struct reader {
    syi_decoder *decoder;
    syi_msgpack_cursor *cursor;
    syi_plan_body *body;
    syi_tape *tape;
    sy_error *err;
} reader;

static sy_status bad(const reader *r, const char *what)
{
    return syi_fail(r->err, SY_EFORMAT, "message: a plan with %s", what);
}

/* A name of its own memory, or none. */
static sy_status read_name(reader *r, char **name)
{
    const char *text = NULL;
    size_t length = 0;
    if (syi_msgpack_peek(r->cursor) == SYI_MSGPACK_NIL) {
        return syi_msgpack_read_nil(r->cursor, r->err);
    }
    SY_TRY(syi_msgpack_read_str(r->cursor, &text, &length, r->err));
    if (length == 0 || length > SYI_PLAN_NAME_MAX || memchr(text, '\0', length) != NULL) {
        return bad(r, "a name that cannot be one");
    }
    char copy[SYI_PLAN_NAME_MAX + 1];
    memcpy(copy, text, length);
    copy[length] = '\0';
    *name = syi_string_copy(r->decoder->hook->context, copy);
    return *name != NULL ? SY_OK : SYI_ENOMEM(r->err, "plan");
}

static sy_status read_slot(reader *r, sy_value *value)
{
    int64_t slot = 0;
    SY_TRY(syi_msgpack_read_tuple(r->cursor, 1, "placeholder", r->err));
    SY_TRY(syi_msgpack_read_int(r->cursor, &slot, r->err));
    syi_msgpack_leave(r->cursor);
    if (slot < 0 || (size_t)slot >= r->tape->slot_count) {
        return bad(r, "a value that is read before it is there");
    }
    *value = syi_value_slot((int32_t)slot);
    return SY_OK;
}

static sy_status read_value(reader *r, sy_value *value, int depth);

static sy_status read_list(reader *r, sy_value *value, int depth)
{
    size_t count = 0;
    SY_TRY(syi_msgpack_read_array(r->cursor, &count, r->err));
    if (depth == SYI_TAPE_DEPTH_MAX) {
        return bad(r, "lists nested too deep");
    }
    sy_value *items = syi_tape_alloc(r->tape, (count > 0 ? count : 1) * sizeof *items);
    if (items == NULL) {
        return SYI_ENOMEM(r->err, "plan");
    }
    for (size_t k = 0; k < count; k++) {
        SY_TRY(read_value(r, &items[k], depth + 1));
    }
    syi_msgpack_leave(r->cursor);
    *value = sy_value_list(items, count);
    return SY_OK;
}

/* Bounds with slots among them make it an open one. */
static sy_status read_slice(reader *r, sy_value *value)
{
    sy_value *parts = syi_tape_alloc(r->tape, 3 * sizeof *parts);
    bool open = false;
    if (parts == NULL) {
        return SYI_ENOMEM(r->err, "plan");
    }
    SY_TRY(syi_msgpack_read_tuple(r->cursor, 3, "slice", r->err));
    for (int k = 0; k < 3; k++) {
        SY_TRY(read_value(r, &parts[k], SYI_TAPE_DEPTH_MAX));
        open |= syi_value_is_slot(&parts[k]);
        if (parts[k].kind != SY_VALUE_NONE && parts[k].kind != SY_VALUE_INT &&
            !syi_value_is_slot(&parts[k])) {
            return bad(r, "a slice whose bounds are no numbers");
        }
    }
    syi_msgpack_leave(r->cursor);
    *value = open ? syi_value_open_slice(parts) : syi_value_closed_slice(parts);
    return SY_OK;
}

static sy_status read_value(reader *r, sy_value *value, int depth)
{
    if (syi_msgpack_peek(r->cursor) == SYI_MSGPACK_ARRAY) {
        const syi_msgpack_cursor start = *r->cursor;
        int64_t code = 0;
        SY_TRY(syi_msgpack_read_tuple(r->cursor, 2, "[type code, body]", r->err));
        SY_TRY(syi_msgpack_read_int(r->cursor, &code, r->err));
        if (code == CODE_SLOT || code == SYI_CODE_LIST || code == SYI_CODE_SLICE) {
            SY_TRY(code == CODE_SLOT        ? read_slot(r, value)
                   : code == SYI_CODE_SLICE ? read_slice(r, value)
                                            : read_list(r, value, depth));
            syi_msgpack_leave(r->cursor);
            return SY_OK;
        }
        *r->cursor = start;
    }
    sy_value plain = sy_value_none();
    SY_TRY(syi_decode_value(r->decoder, &plain, r->err));
    if (plain.kind == SY_VALUE_TENSOR) {
        return bad(r, "a tensor outside of its state");
    }
    return syi_tape_copy_value(r->tape, value, &plain, r->err);
}

static sy_status read_argument(reader *r, syi_plan_argument *argument)
{
    size_t count = 0;
    const char *dtype = NULL;
    size_t length = 0;
    SY_TRY(syi_msgpack_read_array(r->cursor, &count, r->err));
    if (count != 2 && count != 3) {
        return bad(r, "an argument that is none");
    }
    SY_TRY(read_name(r, &argument->name));
    if (count == 2) {
        SY_TRY(read_value(r, &argument->value, 0));
        syi_msgpack_leave(r->cursor);
        return SY_OK;
    }
    argument->is_tensor = true;
    SY_TRY(syi_msgpack_read_str(r->cursor, &dtype, &length, r->err));
    if (!syi_dtype_find(dtype, length, &argument->dtype)) {
        return bad(r, "an argument of an unknown dtype");
    }
    SY_TRY(syi_msgpack_read_array(r->cursor, &count, r->err));
    if (count > SY_DIM_MAX) {
        return bad(r, "an argument of too many dims");
    }
    argument->ndim = (int)count;
    for (size_t k = 0; k < count; k++) {
        SY_TRY(syi_msgpack_read_int(r->cursor, &argument->shape[k], r->err));
        if (argument->shape[k] < -1) {
            return bad(r, "an argument of a negative length");
        }
    }
    syi_msgpack_leave(r->cursor);
    syi_msgpack_leave(r->cursor);
    return SY_OK;
}

static sy_status read_state(reader *r, syi_plan_state *state, bool *captured)
{
    SY_TRY(syi_msgpack_read_tuple(r->cursor, 3, "state of a plan", r->err));
    SY_TRY(read_name(r, &state->name));
    SY_TRY(syi_msgpack_read_bool(r->cursor, captured, r->err));
    SY_TRY(syi_decode_tensor(r->decoder, &state->tensor, r->err));
    syi_msgpack_leave(r->cursor);
    return SY_OK;
}

/* Where the row takes an int for a list, or for a float, the step gets what the row makes of it: nothing is bound again when
 * it is run. */
static sy_status convert_arguments(const reader *r, syi_step *step, const sy_value *like,
                                   const sy_value *bound)
{
    for (int k = 0; k < step->arg_count; k++) {
        if (bound[k].kind == like[k].kind) {
            continue;
        }
        if (bound[k].kind == SY_VALUE_LIST) {
            sy_value *item = syi_tape_alloc(r->tape, sizeof *item);
            if (item == NULL) {
                return SYI_ENOMEM(r->err, "plan");
            }
            *item = step->args[k];
            step->args[k] = sy_value_list(item, 1);
        } else if (syi_value_is_slot(&step->args[k])) {
            return syi_fail(r->err, SY_EINVAL, "%s: argument %d is a size, and takes a float",
                            step->op->name, k + 1);
        } else {
            step->args[k] = bound[k];
        }
    }
    return SY_OK;
}

/* What the row would say to such arguments: tensors for the slots, numbers for those that hold sizes. */
static sy_status check_arguments(const reader *r, syi_step *step)
{
    sy_value like[SYI_ARGUMENT_MAX], bound[SYI_ARGUMENT_MAX];
    sy_value items[SYI_TAPE_ITEMS_MAX];
    size_t used = 0;
    int count = 0;
    (void)syi_ops_get_parameters(r->decoder->hook->ops, step->op->id, &count);
    if (step->arg_count != count) {
        return syi_fail(r->err, SY_EFORMAT,
                        "message: a plan with %d arguments for %s, which takes %d", step->arg_count,
                        step->op->name, count);
    }
    for (int k = 0; k < count; k++) {
        const sy_value *values = &step->args[k];
        sy_value *to = &like[k];
        size_t n = 1;
        *to = *values;
        if (values->kind == SY_VALUE_LIST) {
            n = values->as.list.count;
            values = values->as.list.items;
            if (n > sizeof items / sizeof *items - used) {
                return bad(r, "too many values in lists");
            }
            to = &items[used];
            used += n;
            like[k] = sy_value_list(to, n);
        }
        for (size_t i = 0; i < n; i++) {
            to[i] = syi_value_is_open_slice(&values[i]) ? sy_value_slice(0, 1, 1) : values[i];
            if (syi_value_is_slot(&values[i])) {
                const bool plain = r->tape->slots[values[i].as.integer].plain;
                to[i] = sy_value_int(1);
                if (!plain) {
                    to[i].kind = (sy_value_kind)SYI_VALUE_NODE;
                    to[i].as.internal = r->tape; /* is there; nobody looks at it */
                }
            }
        }
    }
    SY_TRY(
        syi_ops_bind(r->decoder->hook->ops, step->op, like, (size_t)count, NULL, 0, bound, r->err));
    return convert_arguments(r, step, like, bound);
}

static sy_status find_operation(const reader *r, syi_step *step, const char *name, size_t length)
{
    for (int k = SYI_STEP_GRAD; k <= SYI_STEP_SIZE_MOD; k++) {
        if (strlen(step_names[k]) == length && memcmp(step_names[k], name, length) == 0) {
            step->kind = (syi_step_kind)k;
            return SY_OK;
        }
    }
    const syi_ops *ops = r->decoder->hook->ops;
    if (!syi_ops_find(ops, name, length, &step->op, &step->inplace) ||
        !(step->op->flags & SYI_OP_PEER)) {
        return syi_fail(r->err, SY_EFORBIDDEN,
                        "Command \"%.*s\" is not a supported Torch operation.",
                        (int)(length < 80 ? length : 80), name);
    }
    step->inplace |= (step->op->flags & SYI_OP_ONLY_INPLACE) != 0;
    return SY_OK;
}

static sy_status read_step(reader *r)
{
    sy_value args[SYI_ARGUMENT_MAX];
    int32_t outs[SYI_OUTPUT_MAX];
    syi_step step = {.kind = SYI_STEP_OPERATION, .args = args, .outs = outs};
    const char *name = NULL;
    size_t length = 0, count = 0;
    int64_t out_count = 0;
    SY_TRY(syi_msgpack_read_tuple(r->cursor, 4, "step of a plan", r->err));
    SY_TRY(syi_msgpack_read_str(r->cursor, &name, &length, r->err));
    SY_TRY(find_operation(r, &step, name, length));
    SY_TRY(syi_msgpack_read_bool(r->cursor, &step.grad, r->err));
    SY_TRY(syi_msgpack_read_array(r->cursor, &count, r->err));
    if (count > SYI_ARGUMENT_MAX) {
        return bad(r, "a step of too many arguments");
    }
    step.arg_count = (int)count;
    for (size_t k = 0; k < count; k++) {
        SY_TRY(read_value(r, &args[k], 0));
    }
    syi_msgpack_leave(r->cursor);
    SY_TRY(syi_msgpack_read_int(r->cursor, &out_count, r->err));
    if (out_count < 0 || out_count > SYI_OUTPUT_MAX) {
        return bad(r, "a step of too many results");
    }
    syi_msgpack_leave(r->cursor);
    if (step.kind == SYI_STEP_OPERATION) {
        SY_TRY(check_arguments(r, &step));
    }
    step.out_count = (int)out_count;
    for (int k = 0; k < step.out_count; k++) {
        SY_TRY(syi_tape_add_slot(r->tape, SYI_SLOT_MADE, &outs[k], r->err));
        r->tape->slots[outs[k]].plain =
            step.op != NULL ? (step.op->flags & SYI_OP_VALUE) != 0 : syi_step_is_size(step.kind);
    }
    return syi_tape_add_step(r->tape, &step, r->err);
}

static sy_status read_arguments(reader *r)
{
    for (size_t k = 0; k < r->body->argument_count; k++) {
        SY_TRY(read_argument(r, &r->body->arguments[k]));
    }
    syi_msgpack_leave(r->cursor);
    return SY_OK;
}

static sy_status read_states(reader *r)
{
    syi_plan_body *body = r->body;
    bool captured = false;
    body->declared_count = body->state_count;
    for (size_t k = 0; k < body->state_count; k++) {
        SY_TRY(read_state(r, &body->states[k], &captured));
        if (captured && body->declared_count > k) {
            body->declared_count = k;
        }
    }
    syi_msgpack_leave(r->cursor);
    return SY_OK;
}

static sy_status add_slots(reader *r)
{
    int32_t slot = -1;
    for (size_t k = 0; k < r->body->state_count; k++) {
        SY_TRY(syi_tape_add_slot(r->tape, SYI_SLOT_STATE, &slot, r->err));
    }
    for (size_t k = 0; k < r->body->argument_count; k++) {
        SY_TRY(syi_tape_add_slot(r->tape, SYI_SLOT_INPUT, &slot, r->err));
        r->tape->slots[slot].plain = !r->body->arguments[k].is_tensor;
    }
    return SY_OK;
}

static sy_status read_steps(reader *r, bool *built)
{
    size_t count = 0;
    int64_t flags = 0;
    sy_value outputs = sy_value_none();
    SY_TRY(syi_msgpack_read_array(r->cursor, &count, r->err));
    for (size_t k = 0; k < count; k++) {
        SY_TRY(read_step(r));
    }
    syi_msgpack_leave(r->cursor);
    SY_TRY(read_value(r, &outputs, 0));
    SY_TRY(syi_msgpack_read_int(r->cursor, &flags, r->err));
    *built = (flags & FLAG_BUILT) != 0;
    r->tape->reads_sizes = (flags & FLAG_READS_SIZES) != 0;
    if (*built && outputs.kind != SY_VALUE_LIST) {
        return bad(r, "results that are no list");
    }
    return *built ? syi_tape_seal(r->tape, outputs.as.list.items, outputs.as.list.count, r->err)
                  : SY_OK;
}

/* Kept as it is: whoever writes it for PySyft looks at it. */
static sy_status read_origin(reader *r)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    SY_TRY(syi_msgpack_read_bin(r->cursor, &bytes, &size, r->err));
    if (size == 0) {
        return bad(r, "an origin of no bytes");
    }
    SY_TRY(syi_storage_new(r->decoder->hook->context, &r->body->origin, size, r->decoder->account,
                           r->err));
    memcpy(r->body->origin->data, bytes, size);
    return SY_OK;
}

/* The body is made when the numbers of arguments and states are known. */
static sy_status read_body(reader *r)
{
    int64_t revision = 0;
    size_t fields = 0, arguments = 0, states = 0;
    bool include_state = false, built = false;
    char *name = NULL;
    sy_hook *hook = r->decoder->hook;
    SY_TRY(syi_msgpack_read_array(r->cursor, &fields, r->err));
    if (fields != 3 && fields != 8 && fields != SYI_PYSYFT_PLAN_ORIGIN + 1) {
        return bad(r, "more or less fields than it has");
    }
    SY_TRY(syi_msgpack_read_int(r->cursor, &revision, r->err));
    if (fields == 3 && revision == SYI_PYSYFT_PLAN_REVISION) {
        SY_TRY(syi_plan_read_pysyft(r->decoder, &r->body, r->err));
        syi_msgpack_leave(r->cursor);
        return SY_OK;
    }
    if (revision != REVISION || fields == 3) {
        return syi_fail(r->err, SY_ENOTSUP, "message: a plan of revision %lld; %d is known here",
                        (long long)revision, REVISION);
    }
    SY_TRY(read_name(r, &name));
    sy_status status = name != NULL ? SY_OK : bad(r, "no name");
    if (status == SY_OK) {
        status = syi_msgpack_read_bool(r->cursor, &include_state, r->err);
    }
    if (status == SY_OK) {
        status = syi_msgpack_read_array(r->cursor, &arguments, r->err);
    }
    if (status == SY_OK && arguments > SYI_TAPE_INPUTS_MAX) {
        status = bad(r, "too many arguments");
    }
    if (status == SY_OK) {
        status = syi_plan_body_new(hook, &r->body, name, arguments, 0, r->err);
    }
    syi_string_free(hook->context, name);
    SY_TRY(status);
    r->body->include_state = include_state;
    SY_TRY(read_arguments(r));
    SY_TRY(syi_msgpack_read_array(r->cursor, &states, r->err));
    syi_plan_body *with_states = NULL;
    SY_TRY(syi_plan_body_like(r->body, &with_states, arguments, states, r->err));
    syi_plan_body_unref(r->body);
    r->body = with_states;
    SY_TRY(read_states(r));
    SY_TRY(add_slots(r));
    SY_TRY(read_steps(r, &built));
    if (fields > SYI_PYSYFT_PLAN_ORIGIN) {
        SY_TRY(read_origin(r));
    }
    syi_msgpack_leave(r->cursor);
    r->body->tape = built ? syi_tape_ref(r->tape) : NULL;
    return SY_OK;
}

sy_status syi_plan_detail(syi_decoder *decoder, syi_node **node, sy_error *err)
{
    reader r = {.decoder = decoder, .cursor = &decoder->cursor, .err = err};
    SY_TRY(syi_tape_new(decoder->hook->context, &r.tape, err));
    sy_status status = read_body(&r);
    if (status == SY_OK) {
        syi_plan_node *made =
            (syi_plan_node *)syi_node_new(decoder->hook, &syi_plan_type, sizeof *made, NULL);
        status = made != NULL ? SY_OK : SYI_ENOMEM(err, "plan");
        if (made != NULL) {
            made->body = r.body;
            *node = &made->base;
        }
    }
    if (status != SY_OK) {
        syi_plan_body_unref(r.body);
    }
    syi_tape_unref(r.tape);
    return status;
}
