/* plan_text.c - plans as people read them. Part of plan.h. */
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "execution/plan.h"
#include "execution/sizes.h"
#include "workers/worker.h"

static void put(syi_buffer *out, const char *text)
{
    syi_buffer_append(out, text, strlen(text));
}

/* The text as the caller's own; the buffer ends. */
static sy_status take_text(syi_buffer *out, char **text, sy_error *err)
{
    syi_buffer_put(out, '\0');
    sy_status status = syi_buffer_check(out, "text of a plan", err);
    if (status == SY_OK) {
        *text = syi_string_copy(out->context, (const char *)out->data);
        status = *text != NULL ? SY_OK : SYI_ENOMEM(err, "text of a plan");
    }
    syi_buffer_fini(out);
    return status;
}

sy_status sy_plan_to_text(sy_plan *plan, char **text, sy_error *err)
{
    char id[72];
    syi_buffer out;
    sy_tensor *object = syi_plan_get_object(plan);
    const sy_id own = sy_tensor_get_id(object);
    const sy_worker *owner = object->owner;
    *text = NULL;
    syi_buffer_init(&out, object->hook->context, 1u << 20);
    put(&out, "<Plan ");
    put(&out, sy_plan_get_name(plan));
    put(&out, " id:");
    put(&out, sy_id_format(&own, id, sizeof id));
    put(&out, " owner:");
    put(&out, owner != NULL ? owner->name : "nobody");
    if (sy_tensor_get_tag_count(object) > 0) {
        put(&out, " Tags:");
        for (size_t k = 0; k < sy_tensor_get_tag_count(object); k++) {
            put(&out, " ");
            put(&out, sy_tensor_get_tag(object, k));
        }
    }
    put(&out, sy_plan_is_built(plan) ? " built>" : ">");
    return take_text(&out, text, err);
}

/* Code */

typedef struct coder {
    syi_buffer *out;
    const syi_plan_body *body;
    sy_context *context;
    const syi_ops *ops;
    int32_t *names; /* per slot: out_N as N > 0, var_N as -1 - N */
    int32_t variables;
} coder;

static void put_number(syi_buffer *out, const char *before, int64_t number)
{
    char text[48];
    snprintf(text, sizeof text, "%s%lld", before, (long long)number);
    put(out, text);
}

static void put_slot(const coder *c, int64_t slot)
{
    const syi_slot *s = &c->body->tape->slots[slot];
    if (s->kind == SYI_SLOT_INPUT) {
        const char *name = c->body->arguments[s->index].name;
        if (name != NULL) {
            put(c->out, name);
        } else {
            put_number(c->out, "arg_", s->index + 1);
        }
    } else if (s->kind == SYI_SLOT_STATE) {
        const char *name = c->body->states[s->index].name;
        if (name != NULL) {
            put(c->out, "self.");
            put(c->out, name);
        } else {
            put_number(c->out, "state_", s->index + 1);
        }
    } else if (c->names[slot] > 0) {
        put_number(c->out, "out_", c->names[slot]);
    } else {
        put_number(c->out, "var_", -1 - c->names[slot]);
    }
}

static void put_float(syi_buffer *out, double number)
{
    char text[40];
    snprintf(text, sizeof text, "%.17g", number);
    double back = 0;
    for (int digits = 1; digits < 17; digits++) { /* the shortest that means the same */
        char shorter[40];
        snprintf(shorter, sizeof shorter, "%.*g", digits, number);
        if (sscanf(shorter, "%lf", &back) == 1 && back == number) {
            snprintf(text, sizeof text, "%s", shorter);
            break;
        }
    }
    put(out, text);
    if (strspn(text, "-0123456789") == strlen(text)) {
        put(out, ".0");
    }
}

static void put_bound(syi_buffer *out, int64_t bound)
{
    if (bound != SY_SLICE_OPEN) {
        put_number(out, "", bound);
    }
}

static void put_value(const coder *c, const sy_value *value)
{
    syi_buffer *out = c->out;
    if (syi_value_is_slot(value)) {
        put_slot(c, value->as.integer);
        return;
    }
    if (syi_value_is_open_slice(value)) {
        for (int k = 0; k < 3; k++) {
            put(out, k > 0 ? ":" : "");
            if (value->as.list.items[k].kind != SY_VALUE_NONE) {
                put_value(c, &value->as.list.items[k]);
            }
        }
        return;
    }
    switch (value->kind) {
    case SY_VALUE_INT:
        put_number(out, "", value->as.integer);
        break;
    case SY_VALUE_FLOAT:
        put_float(out, value->as.real);
        break;
    case SY_VALUE_BOOL:
        put(out, value->as.boolean ? "True" : "False");
        break;
    case SY_VALUE_STRING:
        put(out, "\"");
        put(out, value->as.string);
        put(out, "\"");
        break;
    case SY_VALUE_DTYPE:
        put(out, "torch.");
        put(out, sy_dtype_name(value->as.dtype));
        break;
    case SY_VALUE_SLICE:
        put_bound(out, value->as.slice.start);
        put(out, ":");
        put_bound(out, value->as.slice.stop);
        put(out, ":");
        put_bound(out, value->as.slice.step);
        break;
    case SY_VALUE_ELLIPSIS:
        put(out, "...");
        break;
    case SY_VALUE_LIST:
        put(out, "[");
        for (size_t k = 0; k < value->as.list.count; k++) {
            put(out, k > 0 ? ", " : "");
            put_value(c, &value->as.list.items[k]);
        }
        put(out, "]");
        break;
    default:
        put(out, "None");
    }
}

static bool is_default(const syi_parameter *parameter, const sy_value *value)
{
    if (syi_value_is_slot(value)) {
        return false;
    }
    if (parameter->optional) {
        return value->kind == SY_VALUE_NONE;
    }
    const sy_value *standard = &parameter->default_value;
    if (!parameter->has_default || value->kind != standard->kind) {
        return false;
    }
    return value->kind == SY_VALUE_FLOAT    ? value->as.real == standard->as.real
           : value->kind == SY_VALUE_STRING ? strcmp(value->as.string, standard->as.string) == 0
           : value->kind == SY_VALUE_BOOL   ? value->as.boolean == standard->as.boolean
                                            : value->as.integer == standard->as.integer;
}

/* "x.add(y)" where the first argument is a tensor, "torch.cat([x, y])" otherwise. */
static void put_call(const coder *c, const syi_step *step)
{
    int parameters = 0, first = 0, count = step->arg_count;
    const syi_parameter *p = syi_ops_get_parameters(c->ops, step->op->id, &parameters);
    while (count > 1 && is_default(&p[count - 1], &step->args[count - 1])) {
        count--;
    }
    if (count > 0 && syi_value_is_slot(&step->args[0])) {
        put_value(c, &step->args[0]);
        put(c->out, ".");
        first = 1;
    } else {
        put(c->out, "torch.");
    }
    put(c->out, step->op->name);
    if (step->inplace && !(step->op->flags & SYI_OP_ONLY_INPLACE)) {
        put(c->out, "_");
    }
    put(c->out, "(");
    for (int k = first; k < count; k++) {
        put(c->out, k > first ? ", " : "");
        put_value(c, &step->args[k]);
    }
    put(c->out, ")");
}

static void put_step(const coder *c, const syi_step *step)
{
    put(c->out, "    ");
    for (int k = 0; k < step->out_count; k++) {
        put(c->out, k > 0 ? ", " : "");
        put_slot(c, step->outs[k]);
    }
    put(c->out, step->out_count > 0 ? " = " : "");
    switch (step->kind) {
    case SYI_STEP_OPERATION:
        put_call(c, step);
        break;
    case SYI_STEP_GRAD:
        put_value(c, &step->args[0]);
        put(c->out, ".grad");
        break;
    case SYI_STEP_SET_GRAD:
        put_value(c, &step->args[0]);
        put(c->out, ".grad = ");
        put_value(c, &step->args[1]);
        break;
    case SYI_STEP_REQUIRES_GRAD:
        put_value(c, &step->args[0]);
        put(c->out, step->args[1].as.boolean ? ".requires_grad_(True)" : ".requires_grad_(False)");
        break;
    default:
        put_value(c, &step->args[0]);
        put(c->out, " ");
        put(c->out, syi_size_sign(step->kind));
        put(c->out, " ");
        put_value(c, &step->args[1]);
    }
    put(c->out, "\n");
}

static void name_slots(coder *c)
{
    const syi_tape *tape = c->body->tape;
    int32_t outputs = 0;
    for (size_t k = 0; k < tape->result_count; k++) {
        const int32_t slot = tape->results[k];
        if (tape->slots[slot].kind == SYI_SLOT_MADE && c->names[slot] == 0) {
            c->names[slot] = ++outputs;
        }
    }
    for (size_t k = 0; k < tape->slot_count; k++) {
        if (tape->slots[k].kind == SYI_SLOT_MADE && c->names[k] == 0) {
            c->names[k] = -1 - c->variables++;
        }
    }
}

static void put_code(coder *c)
{
    const syi_tape *tape = c->body->tape;
    put(c->out, "def ");
    put(c->out, c->body->name);
    put(c->out, "(");
    for (size_t k = 0; k < tape->input_count; k++) {
        put(c->out, k > 0 ? ", " : "");
        put_slot(c, tape->inputs[k]);
    }
    put(c->out, "):\n");
    for (size_t k = 0; k < tape->step_count; k++) {
        put_step(c, &tape->steps[k]);
    }
    put(c->out, "    return ");
    for (size_t k = 0; k < tape->outputs.as.list.count; k++) {
        put(c->out, k > 0 ? ", " : "");
        put_value(c, &tape->outputs.as.list.items[k]);
    }
}

sy_status sy_plan_get_code(sy_plan *plan, char **text, sy_error *err)
{
    syi_buffer out;
    const syi_plan_body *body = syi_plan_body_of(syi_plan_get_object(plan));
    sy_context *context = body->hook->context;
    *text = NULL;
    if (body->tape == NULL) {
        return syi_fail(err, SY_EINVAL, "plan %s is not built: it has no operations yet",
                        body->name);
    }
    coder c = {.out = &out, .body = body, .context = context, .ops = body->hook->ops};
    c.names = syi_alloc_array(context, body->tape->slot_count, sizeof *c.names);
    if (c.names == NULL) {
        return SYI_ENOMEM(err, "text of a plan");
    }
    syi_buffer_init(&out, context, 64u << 20);
    name_slots(&c);
    put_code(&c);
    syi_free(context, c.names, body->tape->slot_count * sizeof *c.names);
    return take_text(&out, text, err);
}
