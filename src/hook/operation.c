#include "hook/operation.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"

/* Opening */

/* A handle on the node, or on its child when it is of the type; the scope's. */
static sy_status open_node(sy_operation *o, sy_value *value, sy_error *err)
{
    syi_node *node = value->as.internal;
    sy_tensor *handle = NULL;
    if (o->type != NULL && node->type == o->type) {
        o->like = o->like != NULL ? o->like : node;
        node = o->raw ? node : node->child;
    }
    SY_TRY(syi_tensor_wrap(o->call->hook, &handle, syi_node_ref(node), err));
    handle = sy_scope_adopt(&o->scope, handle);
    if (handle == NULL) {
        return SYI_ENOMEM(err, o->name);
    }
    if (o->call->private_) {
        const syi_policy policy = {.private_ = true, .spread = SYI_SPREAD_MIXED};
        syi_tensor_set_policy(handle, &policy);
    }
    o->private_ |= syi_tensor_is_private(handle);
    *value = sy_value_tensor(handle);
    return SY_OK;
}

static bool is_node(const sy_value *value)
{
    return value->kind == (sy_value_kind)SYI_VALUE_NODE;
}

static sy_status open_arguments(sy_operation *o, sy_error *err)
{
    size_t used = 0;
    for (int k = 0; k < o->call->arg_count; k++) {
        sy_value *values = &o->args[k];
        size_t count = 1;
        *values = o->call->args[k];
        if (values->kind == SY_VALUE_LIST && syi_list_has_nodes(values)) {
            count = values->as.list.count;
            if (count > SYI_OUTPUT_MAX - used) {
                return syi_too_many_tensors(o->call->op, err);
            }
            memcpy(&o->items[used], values->as.list.items, count * sizeof *values);
            *values = sy_value_list(&o->items[used], count);
            values = &o->items[used];
            used += count;
        }
        for (size_t i = 0; i < count; i++) {
            if (is_node(&values[i])) {
                SY_TRY(open_node(o, &values[i], err));
            }
        }
    }
    return SY_OK;
}

static void name_operation(sy_operation *o)
{
    const syi_mode *mode = o->call->mode;
    const bool add = o->call->inplace && !(o->call->op->flags & SYI_OP_ONLY_INPLACE);
    snprintf(o->name, sizeof o->name, "%s%s", o->call->op->name, add ? "_" : "");
    o->called[0] = '\0';
    if (mode->called != NULL && mode->called_length < sizeof o->called) {
        memcpy(o->called, mode->called, mode->called_length);
        o->called[mode->called_length] = '\0';
    }
}

static void drop_results(syi_call *call)
{
    while (call->out_count > 0) {
        syi_node_unref(call->outs[--call->out_count]);
    }
}

sy_status syi_operation_run(syi_call *call, const syi_answerer *answerer, sy_error *err)
{
    sy_operation o;
    o.call = call;
    o.type = answerer->type;
    o.raw = answerer->raw;
    o.answered = false;
    o.private_ = false;
    o.like = NULL;
    o.self = NULL;
    o.next = answerer->next;
    call->out_count = 0;
    name_operation(&o);
    syi_scope_init(&o.scope, call->hook, call->mode);
    sy_error reason;
    syi_error_empty(&reason);
    sy_status status = open_arguments(&o, &reason);
    if (status == SY_OK) {
        status = answerer->fn(&o, answerer->user, &reason);
        if (status == SY_OK && !o.answered && o.scope.error.status != SY_OK) {
            reason = o.scope.error; /* it computed, and did not look at what came */
            status = reason.status;
        }
        if (status == SY_OK && !o.answered) {
            status = sy_operation_forward(&o, &reason);
        }
    }
    syi_scope_fini(&o.scope);
    if (status != SY_OK) {
        drop_results(call);
        if (reason.status == SY_OK) { /* nobody said why */
            syi_fail(&reason, status, "%s: %s, says the %s", o.name, sy_status_text(status),
                     o.type != NULL ? o.type->name : "interpreter");
        }
        if (err != NULL) {
            *err = reason;
        }
    }
    return status;
}

/* Looking */

const char *sy_operation_get_name(const sy_operation *operation)
{
    return operation->name;
}

const char *sy_operation_get_called_name(const sy_operation *operation)
{
    return operation->called[0] != '\0' ? operation->called : operation->name;
}

bool sy_operation_is_inplace(const sy_operation *operation)
{
    return operation->call->inplace;
}

const sy_interpreter *sy_operation_get_type(const sy_operation *operation)
{
    return operation->type;
}

const void *sy_operation_get_attributes(const sy_operation *operation)
{
    const syi_node *like = operation->like;
    return like != NULL && like->type->attributes != NULL ? like->type->attributes(like) : NULL;
}

sy_tensor *sy_operation_get_self(sy_operation *operation)
{
    if (operation->self == NULL && operation->like != NULL) {
        sy_tensor *self = NULL;
        if (syi_tensor_wrap(operation->call->hook, &self, syi_node_ref(operation->like), NULL) ==
            SY_OK) {
            operation->self = sy_scope_adopt(&operation->scope, self);
        }
    }
    return operation->self;
}

size_t sy_operation_get_arguments(const sy_operation *operation, const sy_value **arguments)
{
    if (arguments != NULL) {
        *arguments = operation->args;
    }
    return (size_t)operation->call->arg_count;
}

const sy_value *sy_operation_get_argument(const sy_operation *operation, const char *name)
{
    const syi_call *call = operation->call;
    if (call->op->id >= SYI_OP_COUNT || name == NULL) {
        return NULL;
    }
    int count = 0;
    const syi_parameter *parameters = syi_ops_get_parameters(call->hook->ops, call->op->id, &count);
    for (int k = 0; k < count && k < call->arg_count; k++) {
        if (strcmp(parameters[k].name, name) == 0) {
            return &operation->args[k];
        }
    }
    return NULL;
}

sy_scope *sy_operation_get_scope(sy_operation *operation)
{
    return &operation->scope;
}

/* Answering */

static sy_status answer_once(sy_operation *o, sy_error *err)
{
    if (o->answered) {
        return syi_fail(err, SY_EINVAL, "%s: it was answered already", o->name);
    }
    o->answered = true;
    return SY_OK;
}

sy_status sy_operation_forward(sy_operation *operation, sy_error *err)
{
    SY_TRY(answer_once(operation, err));
    if (operation->next == NULL) {
        return syi_fail(err, SY_EUNKNOWNOP, "%s: only the overload of a %s knows it",
                        operation->name,
                        operation->type != NULL ? operation->type->name : "tensor");
    }
    return operation->next(operation->call, err);
}

/* What was made of public arguments and is private has it from elsewhere, and keeps it. */
static void keep_private(const sy_operation *o, const sy_tensor *result)
{
    syi_storage *storage = syi_node_storage(result->node);
    if (!o->private_ && storage != NULL && syi_tensor_is_private(result)) {
        atomic_store(&storage->private_, true);
    }
}

/* Into the first argument, unless it is there: the overload may have worked in place itself. */
static sy_status write_to_self(sy_operation *o, sy_tensor *result, sy_error *err)
{
    if (o->args[0].kind != SY_VALUE_TENSOR) {
        return syi_fail(err, SY_EINVAL, "%s: the first argument is no tensor", o->name);
    }
    sy_tensor *self = o->args[0].as.tensor;
    if (result == self || result->node == self->node) {
        return SY_OK;
    }
    const sy_value args[] = {sy_value_tensor(self), sy_value_tensor(result)};
    syi_results copied;
    SY_TRY(syi_dispatch(o->call->hook, syi_op_get(SYI_OP_copy_), true, args, &o->scope.mode,
                        &copied, err));
    syi_results_fini(&copied);
    return SY_OK;
}

static sy_status answer(sy_operation *o, sy_tensor *const *results, size_t count, bool wrap,
                        sy_error *err)
{
    SY_TRY(answer_once(o, err));
    for (size_t k = 0; k < count; k++) {
        if (results[k] == NULL) {
            if (o->scope.error.status == SY_OK) {
                return syi_fail(err, SY_EINVAL, "%s: result %zu is NULL", o->name, k);
            }
            if (err != NULL) {
                *err = o->scope.error;
            }
            return o->scope.error.status;
        }
    }
    if (count > (o->call->inplace ? 1 : SYI_OUTPUT_MAX)) {
        return syi_fail(err, SY_ESIGNATURE, "%s: answered with %zu tensors, at most %d are allowed",
                        o->name, count, o->call->inplace ? 1 : SYI_OUTPUT_MAX);
    }
    if (o->call->inplace) {
        return count == 1 ? write_to_self(o, results[0], err) : SY_OK;
    }
    for (size_t k = 0; k < count; k++) {
        syi_node *node = syi_node_ref(results[k]->node);
        keep_private(o, results[k]);
        if (wrap) {
            syi_node *wrapped = NULL;
            const sy_status status = o->type->rewrap(o->like, node, &wrapped, err);
            if (status != SY_OK) { /* syi_operation_run drops the others */
                syi_node_unref(node);
                return status;
            }
            node = wrapped;
        }
        o->call->outs[o->call->out_count++] = node;
    }
    return SY_OK;
}

sy_status sy_operation_answer(sy_operation *operation, sy_tensor *const *results, size_t count,
                              sy_error *err)
{
    const bool wrap = !operation->raw && operation->like != NULL;
    return answer(operation, results, count, wrap, err);
}

sy_status sy_operation_answer_as_is(sy_operation *operation, sy_tensor *const *results,
                                    size_t count, sy_error *err)
{
    return answer(operation, results, count, false, err);
}

sy_status sy_operation_answer_value(sy_operation *operation, const sy_value *value, sy_error *err)
{
    syi_call *call = operation->call;
    SY_TRY(answer_once(operation, err));
    if (value == NULL || value->kind == SY_VALUE_TENSOR || value->kind >= SY_VALUE_INTERNAL) {
        return syi_fail(err, SY_EINVAL, "%s: the answer is no plain value", operation->name);
    }
    return syi_call_set_value(call, value, err);
}
