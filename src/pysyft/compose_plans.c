/*
 * compose_plans.c - plans that csyft recorded, in the words of PySyft 0.2.9 and 0.2.4. A step becomes the call that
 * PyTorch knows: a method of its first tensor, or a function, what has a default and is not given left out. Placeholders
 * are numbered; those of the state have the ids of its tensors, as PySyft wants it.
 */
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "pysyft/plans.h"
#include "pysyft/requests.h"
#include "pysyft/spelling.h"
#include "serde/codes.h"
#include "serde/serde.h"

typedef struct call {
    const syi_op *op;
    const syi_parameter *parameters;
    char name[96]; /* as PySyft writes it */
    bool all, method;
    size_t given; /* arguments */
    syi_msgpack_cursor args[SYI_ARGUMENT_MAX];
    size_t out_count;
    bool inplace;
} call;

enum { RESULTS_MAX = 256, RESULTS_DEEP = 8 };

typedef struct composer {
    syi_pysyft_writer *writer;
    const syi_pysyft_fields *object, *plan;
    syi_buffer *out;
    const char *name; /* of the plan, for sentences */
    size_t name_length;
    syi_msgpack_cursor *states; /* their tensors */
    syi_msgpack_cursor *arguments;
    size_t state_count, argument_count;
    size_t step_count;
    size_t slot_count;     /* states, arguments and results */
    size_t inplace_count;  /* steps without results, whose action has one */
    int64_t base;          /* placeholder of slot k, behind the states, is base + k */
    int64_t next, written; /* slots filled by the steps seen so far; results of steps in place */
    size_t step;
    int64_t results[RESULTS_MAX];
    size_t result_count;
} composer;

enum { NAME = 1, INCLUDE_STATE = 2, ARGUMENTS = 3, STATES = 4, STEPS = 5, OUTPUTS = 6 };

static sy_status refuse(const composer *c, const char *row, size_t length, const char *why,
                        sy_error *err)
{
    return syi_fail(err, SY_ENOTSUP, "plan %.*s: PySyft has no form for step %zu (%.*s): %s",
                    (int)c->name_length, c->name, c->step + 1, (int)(length < 40 ? length : 40),
                    row, why);
}

/* As 0.2.4 has it? */
static bool is_old(const composer *c)
{
    return c->writer->layout == SYI_PYSYFT_0_2_4;
}

/* Looking it over */

/* Results one after the other: how they are nested PySyft does not keep. */
static sy_status find_results(composer *c, syi_msgpack_cursor at, int depth, sy_error *err)
{
    int64_t code = 0, slot = 0;
    size_t count = 0;
    if (syi_msgpack_peek(&at) != SYI_MSGPACK_ARRAY ||
        syi_pysyft_open_pair(&at, &code, NULL) != SY_OK ||
        (code != SYI_PYSYFT_PLACEHOLDER_ID && code != SYI_CODE_LIST) || depth > RESULTS_DEEP) {
        return syi_fail(err, SY_ENOTSUP,
                        "plan %.*s: PySyft has no form for a result that is no tensor",
                        (int)c->name_length, c->name);
    }
    if (code == SYI_PYSYFT_PLACEHOLDER_ID) {
        SY_TRY(syi_msgpack_read_tuple(&at, 1, "placeholder", err));
        SY_TRY(syi_msgpack_read_int(&at, &slot, err));
        if (c->result_count == RESULTS_MAX) {
            return syi_fail(err, SY_ELIMIT, "plan %.*s: more than %d results", (int)c->name_length,
                            c->name, RESULTS_MAX);
        }
        c->results[c->result_count++] = slot;
        return SY_OK;
    }
    SY_TRY(syi_msgpack_read_array(&at, &count, err));
    for (size_t k = 0; k < count; k++) {
        SY_TRY(find_results(c, at, depth + 1, err));
        SY_TRY(syi_msgpack_skip(&at, err));
    }
    return SY_OK;
}

static sy_status find_arguments(composer *c, sy_error *err)
{
    syi_msgpack_cursor at = c->plan->at[ARGUMENTS];
    size_t count = 0;
    SY_TRY(syi_msgpack_read_array(&at, &count, err));
    c->arguments = syi_alloc_array(c->writer->context, count, sizeof *c->arguments);
    if (c->arguments == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    c->argument_count = count;
    for (size_t k = 0; k < count; k++) {
        c->arguments[k] = at;
        SY_TRY(syi_msgpack_skip(&at, err));
    }
    return SY_OK;
}

/* The id of state k's tensor. */
static sy_status state_id(const composer *c, size_t k, sy_id *id, sy_error *err)
{
    syi_msgpack_cursor at = c->states[k];
    int64_t code = 0;
    size_t count = 0;
    SY_TRY(syi_pysyft_open_pair(&at, &code, err));
    if (code != SYI_CODE_TENSOR) {
        return syi_fail(err, SY_ENOTSUP, "plan %.*s: state %zu is no tensor that PySyft could read",
                        (int)c->name_length, c->name, k + 1);
    }
    SY_TRY(syi_msgpack_read_array(&at, &count, err));
    return syi_pysyft_read_id(&at, id, err);
}

/* Ids for placeholders that no state tensor has: from 1 on, or behind the state's largest. */
static sy_status choose_base(composer *c, sy_error *err)
{
    const int64_t room = (int64_t)(c->slot_count + c->inplace_count + 2);
    int64_t largest = 0;
    bool taken = false;
    for (size_t k = 0; k < c->state_count; k++) {
        sy_id id = SY_ID_INIT;
        SY_TRY(state_id(c, k, &id, err));
        if (id.kind == SY_ID_INT && id.number > 0) {
            taken |= id.number <= room;
            largest = id.number > largest ? id.number : largest;
        }
    }
    if (taken && largest > INT64_MAX - room) {
        return syi_fail(err, SY_ENOTSUP, "plan %.*s: ids of its state leave none for placeholders",
                        (int)c->name_length, c->name);
    }
    c->base = taken ? largest + 1 : 1;
    return SY_OK;
}

static sy_status read_step(composer *c, syi_msgpack_cursor *at, call *k, sy_error *err)
{
    const char *name = NULL;
    size_t length = 0;
    int64_t outs = 0;
    SY_TRY(syi_msgpack_read_tuple(at, 4, "step of a plan", err));
    SY_TRY(syi_msgpack_read_str(at, &name, &length, err));
    if (length > 0 && name[0] == '$') {
        const bool gradient = memmem(name, length, "grad", 4) != NULL;
        return refuse(c, name, length, gradient ? "gradients are asked for" : "it gives a number",
                      err);
    }
    if (!syi_ops_find(c->writer->ops, name, length, &k->op, &k->inplace)) {
        return refuse(c, name, length, "it is not known here", err);
    }
    if (k->op->flags & SYI_OP_VALUE) {
        return refuse(c, name, length, "it gives a number", err);
    }
    k->inplace |= (k->op->flags & SYI_OP_ONLY_INPLACE) != 0;
    SY_TRY(syi_msgpack_skip(at, err)); /* grad */
    SY_TRY(syi_msgpack_read_array(at, &k->given, err));
    int parameters = 0;
    k->parameters = syi_ops_get_parameters(c->writer->ops, k->op->id, &parameters);
    if (k->given > (size_t)parameters) {
        return refuse(c, name, length, "it has too many arguments", err);
    }
    for (size_t i = 0; i < k->given; i++) {
        k->args[i] = *at;
        SY_TRY(syi_msgpack_skip(at, err));
    }
    syi_msgpack_leave(at);
    SY_TRY(syi_msgpack_read_int(at, &outs, err));
    k->out_count = outs > 0 && outs <= SYI_OUTPUT_MAX ? (size_t)outs : 0;
    syi_msgpack_leave(at);
    return SY_OK;
}

static sy_status look_over(composer *c, sy_error *err)
{
    syi_msgpack_cursor at = c->plan->at[STEPS];
    SY_TRY(syi_msgpack_read_array(&at, &c->step_count, err));
    c->slot_count = c->state_count + c->argument_count;
    for (c->step = 0; c->step < c->step_count; c->step++) {
        call k;
        SY_TRY(read_step(c, &at, &k, err));
        c->slot_count += k.out_count;
        c->inplace_count += k.inplace ? 1 : 0;
    }
    return SY_OK;
}

/* Placeholders */

static void put_slot_number(const composer *c, int64_t slot, sy_error *err)
{
    if (slot < (int64_t)c->state_count) {
        sy_id id = SY_ID_INIT;
        (void)state_id(c, (size_t)slot, &id, err);
        syi_encode_id(c->out, &id);
    } else {
        syi_msgpack_write_int(c->out, c->base + slot - (int64_t)c->state_count);
    }
}

/* [[dim, ...]] of an argument in csyft.v1 as PySyft's tuple; sizes that are open are 1, as there. */
static sy_status put_shape(const composer *c, int64_t slot, sy_error *err)
{
    const int64_t argument = slot - (int64_t)c->state_count;
    size_t count = 0;
    if (argument < 0 || argument >= (int64_t)c->argument_count) {
        syi_msgpack_write_nil(c->out);
        return SY_OK;
    }
    syi_msgpack_cursor at = c->arguments[argument];
    SY_TRY(syi_msgpack_read_array(&at, &count, err));
    if (count != 3) {
        syi_msgpack_write_nil(c->out);
        return SY_OK;
    }
    SY_TRY(syi_msgpack_skip(&at, err));
    SY_TRY(syi_msgpack_skip(&at, err));
    SY_TRY(syi_msgpack_read_array(&at, &count, err));
    syi_pysyft_put_pair(c->out, SYI_CODE_TUPLE, count);
    for (size_t k = 0; k < count; k++) {
        int64_t dim = 0;
        SY_TRY(syi_msgpack_read_int(&at, &dim, err));
        syi_msgpack_write_int(c->out, dim < 0 ? 1 : dim);
    }
    return SY_OK;
}

/* Which result is the slot? -1: none. */
static int64_t result_place(const composer *c, int64_t slot)
{
    for (size_t k = 0; k < c->result_count; k++) {
        if (c->results[k] == slot) {
            return (int64_t)k;
        }
    }
    return -1;
}

static void put_tag(syi_buffer *out, const char *prefix, int64_t number)
{
    char text[48];
    snprintf(text, sizeof text, "%s%lld", prefix, (long long)number);
    syi_pysyft_put_text(out, text);
}

/* 0.2.4: the placeholder itself, with what it is in its tags. */
static sy_status put_tagged(const composer *c, int64_t slot, sy_error *err)
{
    const int64_t argument = slot - (int64_t)c->state_count;
    const bool input = argument >= 0 && argument < (int64_t)c->argument_count;
    const int64_t place = result_place(c, slot);
    syi_pysyft_put_pair(c->out, SYI_CODE_PLACEHOLDER, 3);
    put_slot_number(c, slot, err);
    const bool state = argument < 0;
    syi_pysyft_put_pair(c->out, SYI_CODE_SET,
                        1u + (state || input ? 1u : 0u) + (place >= 0 ? 1u : 0u));
    if (state) {
        syi_pysyft_put_text(c->out, "#state");
    } else if (input) {
        put_tag(c->out, "#input-", argument);
    }
    if (place >= 0) {
        put_tag(c->out, "#output-", place);
    }
    put_tag(c->out, "#", slot + 1);
    syi_msgpack_write_nil(c->out);
    return syi_buffer_check(c->out, "message", err);
}

static sy_status put_slot(const composer *c, int64_t slot, sy_error *err)
{
    if (is_old(c)) {
        return put_tagged(c, slot, err);
    }
    syi_pysyft_put_pair(c->out, SYI_PYSYFT_PLACEHOLDER_ID, 1);
    put_slot_number(c, slot, err);
    return SY_OK;
}

/* [48, [[56, [id]], {}, none, shape]] */
static sy_status put_placeholder(const composer *c, int64_t slot, sy_error *err)
{
    if (is_old(c)) {
        return put_tagged(c, slot, err);
    }
    syi_pysyft_put_pair(c->out, SYI_CODE_PLACEHOLDER, 4);
    SY_TRY(put_slot(c, slot, err));
    syi_pysyft_put_pair(c->out, SYI_CODE_SET, 0);
    syi_msgpack_write_nil(c->out);
    return put_shape(c, slot, err);
}

static sy_status put_placeholders(const composer *c, sy_error *err)
{
    const size_t count = c->slot_count + c->inplace_count;
    syi_pysyft_put_pair(c->out, SYI_CODE_DICT, count);
    for (size_t k = 0; k < count; k++) {
        syi_msgpack_write_array(c->out, 2);
        put_slot_number(c, (int64_t)k, err);
        SY_TRY(put_placeholder(c, (int64_t)k, err));
    }
    return syi_buffer_check(c->out, "message", err);
}

/* Values and actions */

/* A number that was given as an argument is a constant of the plan: it stands where it was used. */
static sy_status put_argument(composer *c, int64_t slot, sy_error *err)
{
    const int64_t argument = slot - (int64_t)c->state_count;
    if (argument >= 0 && argument < (int64_t)c->argument_count) {
        syi_msgpack_cursor at = c->arguments[argument];
        size_t count = 0;
        SY_TRY(syi_msgpack_read_array(&at, &count, err));
        if (count == 2) {
            SY_TRY(syi_msgpack_skip(&at, err));
            return syi_pysyft_copy(&at, c->out, err);
        }
    }
    return put_slot(c, slot, err);
}

static sy_status put_value(composer *c, syi_msgpack_cursor at, int depth, int list_code,
                           sy_error *err)
{
    int64_t code = 0, slot = 0;
    size_t count = 0;
    syi_msgpack_cursor item = at;
    if (syi_msgpack_peek(&at) != SYI_MSGPACK_ARRAY) {
        return syi_pysyft_copy(&at, c->out, err);
    }
    SY_TRY(syi_pysyft_open_pair(&item, &code, err));
    if (code == SYI_PYSYFT_PLACEHOLDER_ID) {
        SY_TRY(syi_msgpack_read_tuple(&item, 1, "placeholder", err));
        SY_TRY(syi_msgpack_read_int(&item, &slot, err));
        return put_argument(c, slot, err);
    }
    if (code != SYI_CODE_LIST || depth > SYI_SERDE_DEPTH_MAX) {
        return syi_pysyft_copy(&at, c->out, err);
    }
    SY_TRY(syi_msgpack_read_array(&item, &count, err));
    syi_pysyft_put_pair(c->out, list_code, count);
    for (size_t k = 0; k < count; k++) {
        SY_TRY(put_value(c, item, depth + 1, SYI_CODE_LIST, err));
        SY_TRY(syi_msgpack_skip(&item, err));
    }
    return SY_OK;
}

static bool is_default(const syi_parameter *parameter, const syi_msgpack_cursor *value)
{
    syi_msgpack_cursor at = *value;
    const sy_value *standard = &parameter->default_value;
    int64_t number = 0;
    double real = 0;
    bool boolean = false;
    const char *text = NULL;
    size_t length = 0;
    if (parameter->optional) {
        return syi_msgpack_peek(&at) == SYI_MSGPACK_NIL;
    }
    if (!parameter->has_default) {
        return false;
    }
    switch (standard->kind) {
    case SY_VALUE_INT:
        return syi_msgpack_peek(&at) == SYI_MSGPACK_INT &&
               syi_msgpack_read_int(&at, &number, NULL) == SY_OK && number == standard->as.integer;
    case SY_VALUE_FLOAT:
        return syi_msgpack_peek(&at) == SYI_MSGPACK_FLOAT &&
               syi_msgpack_read_double(&at, &real, NULL) == SY_OK && real == standard->as.real;
    case SY_VALUE_BOOL:
        return syi_msgpack_peek(&at) == SYI_MSGPACK_BOOL &&
               syi_msgpack_read_bool(&at, &boolean, NULL) == SY_OK &&
               boolean == standard->as.boolean;
    case SY_VALUE_STRING:
        return syi_pysyft_read_text(&at, &text, &length, NULL) == SY_OK && text != NULL &&
               length == strlen(standard->as.string) &&
               memcmp(text, standard->as.string, length) == 0;
    default:
        return false;
    }
}

static bool is_slot(const syi_msgpack_cursor *value)
{
    syi_msgpack_cursor at = *value;
    int64_t code = 0;
    return syi_msgpack_peek(&at) == SYI_MSGPACK_ARRAY &&
           syi_pysyft_open_pair(&at, &code, NULL) == SY_OK && code == SYI_PYSYFT_PLACEHOLDER_ID;
}

static sy_status check_parameters(const composer *c, call *k, const char *lacks, sy_error *err)
{
    for (size_t i = 0; i < k->given; i++) {
        if (strcmp(k->parameters[i].name, lacks) == 0) {
            const size_t given = k->given;
            k->given = i;
            for (; i < given; i++) {
                if (!is_default(&k->parameters[i], &k->args[i])) {
                    return refuse(c, k->op->name, strlen(k->op->name),
                                  "PyTorch has fewer parameters for it", err);
                }
            }
        }
    }
    return SY_OK;
}

static sy_status spell(const composer *c, call *k, sy_error *err)
{
    syi_pysyft_spelling spelling;
    const bool changes = k->inplace && !(k->op->flags & SYI_OP_ONLY_INPLACE);
    if (!syi_pysyft_spell(k->op->name, changes, &spelling)) {
        return refuse(c, k->op->name, strlen(k->op->name), "PyTorch has no such operation", err);
    }
    k->all = spelling.all;
    SY_TRY(spelling.lacks != NULL ? check_parameters(c, k, spelling.lacks, err) : SY_OK);
    k->method = spelling.module == NULL && k->given > 0 && is_slot(&k->args[0]);
    snprintf(k->name, sizeof k->name, "%s%s",
             spelling.module != NULL ? spelling.module
             : k->method             ? ""
                                     : "torch.",
             spelling.name);
    return SY_OK;
}

/* One dim, which PyTorch's functions of one dim want by itself; all that take several take it, too. */
static bool is_one_dim(const syi_parameter *parameter, const syi_msgpack_cursor *value,
                       syi_msgpack_cursor *dim)
{
    int64_t code = 0;
    size_t count = 0;
    *dim = *value;
    return strcmp(parameter->name, "dim") == 0 && syi_msgpack_peek(dim) == SYI_MSGPACK_ARRAY &&
           syi_pysyft_open_pair(dim, &code, NULL) == SY_OK && code == SYI_CODE_LIST &&
           syi_msgpack_read_array(dim, &count, NULL) == SY_OK && count == 1;
}

static sy_status put_parameter(composer *c, const call *k, size_t i, int list_code, sy_error *err)
{
    syi_msgpack_cursor dim;
    return put_value(c, is_one_dim(&k->parameters[i], &k->args[i], &dim) ? dim : k->args[i], 0,
                     list_code, err);
}

/* Arguments without a default stand in their order, up to the first that may be left out; the others have names. */
static size_t count_positional(const call *k)
{
    size_t count = k->method ? 1 : 0;
    while (count < k->given &&
           (k->all || (!k->parameters[count].optional && !k->parameters[count].has_default))) {
        count++;
    }
    return count;
}

static sy_status put_arguments(composer *c, const call *k, sy_error *err)
{
    const size_t positional = count_positional(k), first = k->method ? 1 : 0;
    const int sequence = strcmp(k->name, "__getitem__") == 0 ? SYI_CODE_TUPLE : SYI_CODE_LIST;
    size_t named = 0;
    if (k->method) {
        SY_TRY(put_value(c, k->args[0], 0, SYI_CODE_LIST, err));
    } else {
        syi_msgpack_write_nil(c->out);
    }
    syi_pysyft_put_pair(c->out, SYI_CODE_TUPLE, positional - first);
    for (size_t i = first; i < positional; i++) {
        SY_TRY(put_parameter(c, k, i, sequence, err));
    }
    for (size_t i = positional; i < k->given; i++) {
        named += is_default(&k->parameters[i], &k->args[i]) ? 0 : 1;
    }
    syi_pysyft_put_pair(c->out, SYI_CODE_DICT, named);
    for (size_t i = positional; i < k->given; i++) {
        if (!is_default(&k->parameters[i], &k->args[i])) {
            syi_msgpack_write_array(c->out, 2);
            syi_pysyft_put_text(c->out, k->parameters[i].name);
            SY_TRY(put_parameter(c, k, i, SYI_CODE_LIST, err));
        }
    }
    return SY_OK;
}

/* A step in place has no result here, and its target for one there: a placeholder behind all others. */
static sy_status put_results(composer *c, const call *k, sy_error *err)
{
    const size_t count = k->inplace ? 1 : k->out_count;
    if (!is_old(c) || count != 1) {
        syi_pysyft_put_pair(c->out, SYI_CODE_TUPLE, count);
    }
    for (size_t i = 0; i < count; i++) {
        const int64_t slot = k->inplace ? (int64_t)c->slot_count + c->written++ : c->next++;
        SY_TRY(put_slot(c, slot, err));
    }
    return SY_OK;
}

static sy_status put_action(composer *c, const call *k, sy_error *err)
{
    if (is_old(c)) { /* [54, [[6, [name, target, args, kwargs]], result]] */
        syi_pysyft_put_pair(c->out, SYI_PYSYFT_COMPUTATION, 2);
        syi_pysyft_put_pair(c->out, SYI_CODE_TUPLE, 4);
    } else {
        syi_pysyft_put_pair(c->out, SYI_PYSYFT_COMPUTATION, 6);
    }
    syi_pysyft_put_text(c->out, k->name);
    SY_TRY(put_arguments(c, k, err));
    SY_TRY(put_results(c, k, err));
    if (!is_old(c)) {
        syi_msgpack_write_bool(c->out, false);
    }
    return syi_buffer_check(c->out, "message", err);
}

static sy_status put_actions(composer *c, sy_error *err)
{
    syi_msgpack_cursor at = c->plan->at[STEPS];
    size_t count = 0;
    SY_TRY(syi_msgpack_read_array(&at, &count, err));
    syi_pysyft_put_pair(c->out, SYI_CODE_LIST, count);
    c->next = (int64_t)(c->state_count + c->argument_count);
    c->written = 0;
    for (c->step = 0; c->step < count; c->step++) {
        call k;
        SY_TRY(read_step(c, &at, &k, err));
        SY_TRY(spell(c, &k, err));
        SY_TRY(put_action(c, &k, err));
    }
    return SY_OK;
}

/* The whole */

static sy_status put_state(const composer *c, sy_error *err)
{
    syi_pysyft_writer *w = c->writer;
    const syi_msgpack_cursor saved = w->cursor;
    sy_status status = SY_OK;
    syi_pysyft_put_pair(c->out, SYI_PYSYFT_STATE, 2);
    syi_pysyft_put_pair(c->out, SYI_CODE_LIST, c->state_count);
    for (size_t k = 0; k < c->state_count; k++) {
        SY_TRY(put_placeholder(c, (int64_t)k, err));
    }
    syi_pysyft_put_pair(c->out, SYI_CODE_LIST, c->state_count);
    for (size_t k = 0; k < c->state_count && status == SY_OK; k++) {
        w->cursor = c->states[k];
        status = syi_pysyft_write_value(w, err);
    }
    w->cursor = saved;
    return status;
}

static bool is_tensor_argument(const composer *c, size_t k)
{
    syi_msgpack_cursor at = c->arguments[k];
    size_t count = 0;
    return syi_msgpack_read_array(&at, &count, NULL) == SY_OK && count == 3;
}

static size_t count_inputs(const composer *c)
{
    size_t count = 0;
    for (size_t k = 0; k < c->argument_count; k++) {
        count += is_tensor_argument(c, k) ? 1 : 0;
    }
    return count;
}

static sy_status put_inputs(const composer *c, sy_error *err)
{
    syi_msgpack_write_array(c->out, count_inputs(c));
    for (size_t k = 0; k < c->argument_count; k++) {
        if (is_tensor_argument(c, k)) {
            put_slot_number(c, (int64_t)(c->state_count + k), err);
        }
    }
    return SY_OK;
}

static void put_outputs(const composer *c, sy_error *err)
{
    syi_msgpack_write_array(c->out, c->result_count);
    for (size_t k = 0; k < c->result_count; k++) {
        put_slot_number(c, c->results[k], err);
    }
}

static sy_status put_role(composer *c, sy_error *err)
{
    syi_pysyft_put_pair(c->out, SYI_PYSYFT_CODE_ROLE, 6);
    syi_msgpack_write_int(c->out, c->base + (int64_t)(c->slot_count + c->inplace_count) + 1);
    SY_TRY(put_actions(c, err));
    SY_TRY(put_state(c, err));
    SY_TRY(put_placeholders(c, err));
    SY_TRY(put_inputs(c, err));
    put_outputs(c, err);
    return syi_buffer_check(c->out, "message", err);
}

/* NestedTypeWrapper: [62, [6, [[61, b"torch.Tensor"], ...]]] */
static void put_types(const composer *c)
{
    const size_t count = count_inputs(c);
    syi_pysyft_put_pair(c->out, SYI_PYSYFT_TYPES, 2);
    syi_msgpack_write_int(c->out, SYI_CODE_TUPLE);
    syi_msgpack_write_array(c->out, count);
    for (size_t k = 0; k < count; k++) {
        syi_msgpack_write_array(c->out, 2);
        syi_msgpack_write_int(c->out, SYI_PYSYFT_TYPE);
        syi_msgpack_write_bin(c->out, "torch.Tensor", 12);
    }
}

static sy_status put_id(const composer *c, sy_error *err)
{
    if (c->writer->id != NULL) {
        syi_encode_id(c->out, c->writer->id);
        c->writer->id = NULL;
        return SY_OK;
    }
    return syi_pysyft_copy_field(c->object, 0, c->out, err);
}

static sy_status put_labels(const composer *c, sy_error *err)
{
    enum { TAGS = 4, DESCRIPTION = 5 };
    syi_pysyft_put_pair(c->out, SYI_CODE_STR, 1);
    syi_msgpack_write_bin(c->out, c->name, c->name_length);
    if (syi_pysyft_is_nil(c->object, TAGS)) {
        syi_pysyft_put_pair(c->out, SYI_CODE_SET, 0);
    } else {
        SY_TRY(syi_pysyft_copy_field(c->object, TAGS, c->out, err));
    }
    return syi_pysyft_copy_field(c->object, DESCRIPTION, c->out, err);
}

/* [21, [id, role, include_state, name, tags, description, torchscript, types, framework, roles]] */
static sy_status put_new(composer *c, sy_error *err)
{
    syi_pysyft_put_pair(c->out, SYI_PYSYFT_PLAN, 10);
    SY_TRY(put_id(c, err));
    SY_TRY(put_role(c, err));
    SY_TRY(syi_pysyft_copy_field(c->plan, INCLUDE_STATE, c->out, err));
    SY_TRY(put_labels(c, err));
    syi_msgpack_write_nil(c->out); /* no TorchScript */
    put_types(c);
    syi_pysyft_put_text(c->out, "torch");
    syi_pysyft_put_pair(c->out, SYI_CODE_DICT, 1);
    syi_msgpack_write_array(c->out, 2);
    syi_pysyft_put_text(c->out, "torch");
    return put_role(c, err);
}

/* [21, [id, actions, state, include_state, is_built, name, tags, description, placeholders]] */
static sy_status put_old(composer *c, sy_error *err)
{
    syi_pysyft_put_pair(c->out, SYI_PYSYFT_PLAN, 9);
    SY_TRY(put_id(c, err));
    SY_TRY(put_actions(c, err));
    SY_TRY(put_state(c, err));
    SY_TRY(syi_pysyft_copy_field(c->plan, INCLUDE_STATE, c->out, err));
    syi_msgpack_write_bool(c->out, true);
    SY_TRY(put_labels(c, err));
    return put_placeholders(c, err);
}

static sy_status compose(composer *c, sy_error *err)
{
    syi_msgpack_cursor at = c->plan->at[NAME];
    SY_TRY(syi_msgpack_read_str(&at, &c->name, &c->name_length, err));
    if (c->writer->ops == NULL) {
        return syi_fail(err, SY_ENOTSUP, "plan %.*s: it was not recorded by PySyft",
                        (int)c->name_length, c->name);
    }
    if (syi_msgpack_peek(&c->plan->at[OUTPUTS]) == SYI_MSGPACK_NIL) {
        return syi_fail(err, SY_ENOTSUP,
                        "plan %.*s: A Plan needs to be built before being serialized for PySyft",
                        (int)c->name_length, c->name);
    }
    SY_TRY(find_arguments(c, err));
    SY_TRY(syi_pysyft_find_plan_states(c->writer->context, c->plan->at[STATES], &c->states,
                                       &c->state_count, err));
    SY_TRY(look_over(c, err));
    SY_TRY(find_results(c, c->plan->at[OUTPUTS], 0, err));
    SY_TRY(choose_base(c, err));
    SY_TRY(is_old(c) ? put_old(c, err) : put_new(c, err));
    return syi_buffer_check(c->out, "message", err);
}

sy_status syi_pysyft_compose_plan(syi_pysyft_writer *writer, const syi_pysyft_fields *object,
                                  const syi_pysyft_fields *plan, sy_error *err)
{
    composer c = {.writer = writer, .object = object, .plan = plan, .out = writer->out};
    const sy_status status = compose(&c, err);
    syi_free(writer->context, c.states, c.state_count * sizeof *c.states);
    syi_free(writer->context, c.arguments, c.argument_count * sizeof *c.arguments);
    return status;
}
