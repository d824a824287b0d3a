/* plan_body.c - what a plan is made of, and its node. Part of plan.h. */
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "execution/plan.h"
#include "execution/run.h"

sy_status syi_plan_body_new(sy_hook *hook, syi_plan_body **made, const char *name,
                            size_t argument_count, size_t state_count, sy_error *err)
{
    *made = NULL;
    syi_plan_body *body = syi_alloc(hook->context, sizeof *body);
    if (body == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    atomic_init(&body->refs, 1);
    body->hook = hook;
    body->argument_count = argument_count;
    body->state_count = state_count;
    body->declared_count = state_count;
    body->name = syi_string_copy(hook->context, name);
    body->arguments = syi_alloc_array(hook->context, argument_count, sizeof *body->arguments);
    body->states = syi_alloc_array(hook->context, state_count, sizeof *body->states);
    if (body->name == NULL || body->arguments == NULL || body->states == NULL) {
        body->argument_count = body->arguments != NULL ? argument_count : 0;
        body->state_count = body->states != NULL ? state_count : 0;
        syi_plan_body_unref(body);
        return SYI_ENOMEM(err, "plan");
    }
    *made = body;
    return SY_OK;
}

syi_plan_body *syi_plan_body_ref(syi_plan_body *body)
{
    atomic_fetch_add_explicit(&body->refs, 1, memory_order_relaxed);
    return body;
}

void syi_plan_body_unref(syi_plan_body *body)
{
    if (body == NULL || atomic_fetch_sub_explicit(&body->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    sy_context *context = body->hook->context;
    for (size_t k = 0; k < body->argument_count; k++) {
        syi_string_free(context, body->arguments[k].name);
    }
    for (size_t k = 0; k < body->state_count; k++) {
        syi_string_free(context, body->states[k].name);
        sy_tensor_unref(body->states[k].tensor);
    }
    syi_free(context, body->arguments, body->argument_count * sizeof *body->arguments);
    syi_free(context, body->states, body->state_count * sizeof *body->states);
    syi_string_free(context, body->name);
    syi_tape_unref(body->tape);
    if (body->origin != NULL) {
        syi_storage_unref(body->origin);
    }
    syi_free(context, body, sizeof *body);
}

static sy_status copy_name(sy_context *context, char **copy, const char *name, sy_error *err)
{
    *copy = syi_string_copy(context, name);
    return *copy == NULL && name != NULL ? SYI_ENOMEM(err, "plan") : SY_OK;
}

sy_tensor *syi_plan_body_state_named(const syi_plan_body *body, const char *name)
{
    for (size_t k = 0; name != NULL && k < body->state_count; k++) {
        if (body->states[k].name != NULL && strcmp(body->states[k].name, name) == 0) {
            return body->states[k].tensor;
        }
    }
    return NULL;
}

sy_status syi_plan_body_like(const syi_plan_body *from, syi_plan_body **made, size_t argument_count,
                             size_t state_count, sy_error *err)
{
    sy_context *context = from->hook->context;
    SY_TRY(syi_plan_body_new(from->hook, made, from->name, argument_count, state_count, err));
    syi_plan_body *body = *made;
    sy_status status = SY_OK;
    body->include_state = from->include_state;
    body->declared_count = from->declared_count;
    body->tape = from->tape != NULL ? syi_tape_ref(from->tape) : NULL;
    if (from->origin != NULL && state_count == from->state_count) {
        body->origin = syi_storage_ref(from->origin);
    }
    for (size_t k = 0; k < argument_count && k < from->argument_count; k++) {
        body->arguments[k] = from->arguments[k];
        body->arguments[k].name = NULL;
        SY_GOTO(failed, copy_name(context, &body->arguments[k].name, from->arguments[k].name, err));
    }
    for (size_t k = 0; k < state_count && k < from->state_count; k++) {
        body->states[k].tensor = sy_tensor_ref(from->states[k].tensor);
        SY_GOTO(failed, copy_name(context, &body->states[k].name, from->states[k].name, err));
    }
    return SY_OK;
failed:
    syi_plan_body_unref(body);
    *made = NULL;
    return status;
}

/* Running */

/* "arg_3" is the third of a plan whose arguments have no names of their own. */
static bool has_name(const syi_plan_argument *argument, size_t index, const char *name)
{
    char standard[24] = "arg_";
    if (argument->name != NULL) {
        return strcmp(argument->name, name) == 0;
    }
    size_t number = index + 1, divisor = 1, length = 4;
    while (number / divisor >= 10) {
        divisor *= 10;
    }
    for (; divisor > 0; divisor /= 10) {
        standard[length++] = (char)('0' + number / divisor % 10);
    }
    standard[length] = '\0';
    return strcmp(standard, name) == 0;
}

static bool same_constant(const sy_value *a, const sy_value *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case SY_VALUE_INT:
        return a->as.integer == b->as.integer;
    case SY_VALUE_FLOAT: /* a NaN is itself */
        return a->as.real == b->as.real || (isnan(a->as.real) && isnan(b->as.real));
    case SY_VALUE_BOOL:
        return a->as.boolean == b->as.boolean;
    case SY_VALUE_STRING:
        return strcmp(a->as.string, b->as.string) == 0;
    case SY_VALUE_DTYPE:
        return a->as.dtype == b->as.dtype;
    case SY_VALUE_SLICE:
        return a->as.slice.start == b->as.slice.start && a->as.slice.stop == b->as.slice.stop &&
               a->as.slice.step == b->as.slice.step;
    case SY_VALUE_LIST:
        for (size_t k = 0; k < a->as.list.count && k < b->as.list.count; k++) {
            if (!same_constant(&a->as.list.items[k], &b->as.list.items[k])) {
                return false;
            }
        }
        return a->as.list.count == b->as.list.count;
    default:
        return a->kind == SY_VALUE_NONE || a->kind == SY_VALUE_ELLIPSIS;
    }
}

/* Where the function has read a size, others would compute something else. */
static sy_status check_shape(const syi_plan_body *body, size_t index, sy_tensor *tensor,
                             sy_error *err)
{
    const syi_plan_argument *built = &body->arguments[index];
    syi_array shape = SYI_ARRAY_INIT;
    bool same = true;
    SY_TRY(syi_node_shape(tensor->node, &shape, err));
    for (int d = 0; d < built->ndim && d < shape.ndim; d++) {
        same &= built->shape[d] < 0 || built->shape[d] == shape.shape[d];
    }
    if (!same || built->ndim != shape.ndim) {
        char was[64], is[64];
        return syi_fail(err, SY_ESHAPE,
                        "plan %s: argument %zu is %s, and its sizes were read when the plan was "
                        "built for %s",
                        body->name, index + 1,
                        syi_shape_format(shape.ndim, shape.shape, is, sizeof is),
                        syi_shape_format(built->ndim, built->shape, was, sizeof was));
    }
    return SY_OK;
}

static sy_status check_input(const syi_plan_body *body, size_t index, const sy_value *input,
                             sy_error *err)
{
    const syi_plan_argument *built = &body->arguments[index];
    if (!built->is_tensor) {
        return same_constant(input, &built->value)
                   ? SY_OK
                   : syi_fail(err, SY_ESIGNATURE,
                              "plan %s: argument %zu is a constant of the plan, and another one is "
                              "given; make it a tensor of one element",
                              body->name, index + 1);
    }
    if (input->kind != SY_VALUE_TENSOR || input->as.tensor == NULL) {
        return syi_fail(err, SY_ESIGNATURE, "plan %s: argument %zu%s%s is no tensor", body->name,
                        index + 1, built->name != NULL ? " " : "",
                        built->name != NULL ? built->name : "");
    }
    return body->tape->reads_sizes ? check_shape(body, index, input->as.tensor, err) : SY_OK;
}

static sy_status find_named(const syi_plan_body *body, const sy_named_value *kwarg, size_t given,
                            const bool *is_given, size_t *index, sy_error *err)
{
    for (size_t k = 0; k < body->argument_count; k++) {
        if (kwarg->name != NULL && has_name(&body->arguments[k], k, kwarg->name)) {
            if (k < given || is_given[k]) {
                return syi_fail(err, SY_ESIGNATURE, "plan %s: argument %s is given twice",
                                body->name, kwarg->name);
            }
            *index = k;
            return SY_OK;
        }
    }
    return syi_fail(err, SY_ESIGNATURE, "plan %s has no argument %s", body->name,
                    kwarg->name != NULL ? kwarg->name : "without a name");
}

sy_status syi_plan_bind(const syi_plan_body *body, const sy_value *arguments, size_t count,
                        const sy_named_value *kwargs, size_t kwarg_count, sy_value *inputs,
                        sy_error *err)
{
    bool given[SYI_TAPE_INPUTS_MAX] = {false};
    const size_t expected = body->argument_count;
    if (count > expected) {
        return syi_fail(err, SY_ESIGNATURE, "plan %s takes %zu arguments, %zu are given",
                        body->name, expected, count);
    }
    for (size_t k = 0; k < count; k++) {
        inputs[k] = arguments[k];
        given[k] = true;
    }
    for (size_t k = 0; k < kwarg_count; k++) {
        size_t index = 0;
        SY_TRY(find_named(body, &kwargs[k], count, given, &index, err));
        inputs[index] = kwargs[k].value;
        given[index] = true;
    }
    for (size_t k = 0; k < expected; k++) {
        if (!given[k] && body->arguments[k].is_tensor) {
            return syi_fail(err, SY_ESIGNATURE,
                            "plan %s takes %zu arguments; argument %zu%s%s is "
                            "missing",
                            body->name, expected, k + 1, body->arguments[k].name != NULL ? " " : "",
                            body->arguments[k].name != NULL ? body->arguments[k].name : "");
        }
        inputs[k] = given[k] ? inputs[k] : body->arguments[k].value;
        SY_TRY(check_input(body, k, &inputs[k], err));
    }
    return SY_OK;
}

sy_status syi_plan_check_result_ids(const syi_plan_body *body, const sy_id *ids, size_t count,
                                    sy_error *err)
{
    if (count != 0 && count != body->tape->result_count) {
        return syi_fail(err, SY_ESIGNATURE, "plan %s has %zu results, %zu ids are given for them",
                        body->name, body->tape->result_count, count);
    }
    for (size_t k = 0; k < count; k++) {
        for (size_t i = 0; i < k; i++) {
            if (sy_id_equal(&ids[i], &ids[k])) {
                return syi_fail(err, SY_EINVAL,
                                "plan %s: the ids of results %zu and %zu are the same", body->name,
                                i + 1, k + 1);
            }
        }
    }
    return SY_OK;
}

sy_status syi_plan_execute(const syi_plan_body *body, const sy_value *inputs, const syi_mode *mode,
                           uint64_t budget, bool *over, sy_value *results, sy_error *err)
{
    sy_tensor *at_hand[64];
    sy_context *context = body->hook->context;
    sy_tensor **states = at_hand;
    const size_t count = body->state_count;
    if (count > sizeof at_hand / sizeof *at_hand) {
        states = syi_alloc_array(context, count, sizeof *states);
        if (states == NULL) {
            return SYI_ENOMEM(err, "plan");
        }
    }
    for (size_t k = 0; k < count; k++) {
        states[k] = body->states[k].tensor;
    }
    const syi_run run = {.tape = body->tape,
                         .name = body->name,
                         .hook = body->hook,
                         .inputs = inputs,
                         .states = states,
                         .mode = mode,
                         .budget = budget,
                         .over = over};
    const sy_status status = syi_tape_run(&run, results, err);
    if (states != at_hand) {
        syi_free(context, states, count * sizeof *states);
    }
    return status;
}

/* The node */

static sy_status plan_call(syi_call *call, sy_error *err)
{
    return syi_fail(err, SY_EINVAL, "%s: an argument is a plan; run it with sy_plan_run",
                    call->op->name);
}

static void plan_describe(const syi_node *node, syi_buffer *text)
{
    const syi_plan_body *body = ((const syi_plan_node *)node)->body;
    syi_buffer_append(text, "<Plan ", 6);
    syi_buffer_append(text, body->name, strlen(body->name));
    if (body->tape != NULL) {
        syi_buffer_append(text, " built", 6);
    }
    syi_buffer_append(text, ">", 1);
}

static sy_status plan_shape(syi_node *node, syi_array *shape, sy_error *err)
{
    (void)shape;
    return syi_fail(err, SY_EINVAL, "plan %s has no shape", ((syi_plan_node *)node)->body->name);
}

static void plan_free(syi_node *node)
{
    syi_plan_body_unref(((syi_plan_node *)node)->body);
}

static bool plan_changes(const syi_node *node)
{
    const syi_plan_body *body = ((const syi_plan_node *)node)->body;
    return body->tape == NULL || body->tape->writes;
}

const syi_interpreter syi_plan_type = {
    .name = "Plan",
    .code = SYI_CODE_PLAN,
    .flags = SYI_NODE_PARTS,
    .call = plan_call,
    .describe = plan_describe,
    .shape = plan_shape,
    .simplify = syi_plan_simplify,
    .detail = syi_plan_detail,
    .free = plan_free,
    .changes = plan_changes,
};

sy_status syi_plan_register(sy_hook *hook, sy_error *err)
{
    SY_TRY(syi_hook_register_interpreter(hook, &syi_plan_type, err));
    return syi_plan_commands_register(hook, err);
}

syi_plan_body *syi_plan_body_of(const sy_tensor *object)
{
    return object != NULL && object->node->type == &syi_plan_type
               ? ((syi_plan_node *)object->node)->body
               : NULL;
}

sy_status syi_plan_object_new(sy_hook *hook, sy_tensor **object, syi_plan_body *body, sy_error *err)
{
    syi_plan_node *node = (syi_plan_node *)syi_node_new(hook, &syi_plan_type, sizeof *node, NULL);
    *object = NULL;
    if (node == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    node->body = syi_plan_body_ref(body);
    SY_TRY(syi_tensor_wrap(hook, object, &node->base, err));
    syi_plan_body_unref(body);
    return SY_OK;
}
