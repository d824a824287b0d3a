/*
 * calls.c - operations between the nodes of chains: natively in the framework, or by the outermost interpreter
 * among the arguments; what interpreters forward. The handles above: dispatch.c. Test: dispatch_test.c.
 */
#include <string.h>

#include "core/error.h"
#include "hook/overload.h"

/* Native calls */

/* *inside tells whether it was the kernel that failed: about contents, for shapes were seen to before. */
static sy_status run_native(sy_hook *hook, const syi_op *op, bool inplace, const sy_value *args,
                            const syi_mode *mode, syi_array *outs, int *out_count, bool *inside,
                            sy_error *err)
{
    *inside = false;
    const void *handle = hook->handles[op->id];
    if (handle == NULL && !(op->flags & SYI_OP_VIEW)) {
        return syi_fail(err, SY_ENOTSUP, "%s: the %s framework has no kernel for it", op->name,
                        hook->framework->klass->name);
    }
    syi_inference inference = {.outs = outs};
    SY_TRY(syi_op_infer(op, args, &inference, err));
    syi_account *account = mode->account != NULL ? mode->account : &hook->account;
    sy_status status = SY_OK;
    if (inplace) {
        const syi_array *self = args[0].as.internal;
        status = inference.count == 1 ? syi_op_check_inplace(op, self, &outs[0], err)
                                      : syi_fail(err, SY_EINVAL, "%s_: no in-place form", op->name);
        for (int k = 0; k < inference.count; k++) {
            syi_array_fini(&outs[k]);
        }
        SY_TRY(status);
        outs[0] = *self; /* borrowed for the run */
        status = hook->framework->klass->run(hook->framework, handle, op, args, true, outs, 1,
                                             account, err);
        *inside = status != SY_OK;
        if (status == SY_OK) {
            atomic_fetch_add_explicit(&self->storage->version, 1, memory_order_relaxed);
        }
        *out_count = 0;
        return status;
    }
    *out_count = inference.count;
    bool finished = !inference.unknown;
    for (int k = 0; k < inference.count && finished; k++) {
        finished = outs[k].storage != NULL;
    }
    if (!finished) {
        status = syi_account_check_room(account, syi_inference_bytes(&inference), err);
        if (status == SY_OK) {
            status = hook->framework->klass->run(hook->framework, handle, op, args, false, outs,
                                                 inference.count, account, err);
            *inside = status != SY_OK;
        }
        if (status != SY_OK) {
            for (int k = 0; k < inference.count; k++) {
                syi_array_fini(&outs[k]);
            }
            *out_count = 0;
            const size_t length = strlen(op->name);
            const bool named = err != NULL && strncmp(err->message, op->name, length) == 0;
            return named ? status : syi_error_prefix(err, status, "%s", op->name);
        }
    }
    return SY_OK;
}

sy_status syi_native_run(sy_hook *hook, const syi_op *op, const sy_value *args,
                         const syi_mode *mode, syi_array *outs, int *out_count, sy_error *err)
{
    bool inside = false;
    return run_native(hook, op, false, args, mode, outs, out_count, &inside, err);
}

sy_status syi_native_overwrite(sy_hook *hook, const syi_op *op, const sy_value *args,
                               const syi_mode *mode, bool *done, sy_error *err)
{
    const syi_array *self = args[0].as.internal;
    syi_array outs[SYI_OUTPUT_MAX];
    syi_inference inference = {.outs = outs};
    *done = false;
    SY_TRY(syi_op_infer(op, args, &inference, err));
    const bool fits = inference.count == 1 && !inference.unknown && outs[0].dtype == self->dtype &&
                      syi_array_same_shape(&outs[0], self);
    for (int k = 0; k < inference.count; k++) {
        syi_array_fini(&outs[k]);
    }
    if (!fits || hook->handles[op->id] == NULL) {
        return SY_OK;
    }
    *done = true;
    outs[0] = *self; /* borrowed for the run */
    return hook->framework->klass->run(hook->framework, hook->handles[op->id], op, args, true, outs,
                                       1, mode->account != NULL ? mode->account : &hook->account,
                                       err);
}

/* Turns NODE values into ARRAY values; false when one is not native. `lists` is room for list items. */
typedef struct native_args {
    sy_value values[SYI_ARGUMENT_MAX];
    sy_value items[SYI_OUTPUT_MAX];
} native_args;

static inline bool value_to_array(sy_value *out, const sy_value *in)
{
    if (in->kind == (sy_value_kind)SYI_VALUE_NODE) {
        syi_node *node = in->as.internal;
        if (!syi_node_is_native(node)) {
            return false;
        }
        out->kind = (sy_value_kind)SYI_VALUE_ARRAY;
        out->as.internal = syi_node_array(node);
        return true;
    }
    *out = *in;
    return true;
}

bool syi_list_has_nodes(const sy_value *list)
{
    for (size_t k = 0; k < list->as.list.count; k++) {
        if (list->as.list.items[k].kind == (sy_value_kind)SYI_VALUE_NODE) {
            return true;
        }
    }
    return false;
}

static bool to_native(const sy_value *args, int count, native_args *native, bool *too_long)
{
    *too_long = false;
    size_t used = 0;
    for (int k = 0; k < count; k++) {
        if (args[k].kind == SY_VALUE_LIST && syi_list_has_nodes(&args[k])) {
            if (args[k].as.list.count > SYI_OUTPUT_MAX - used) {
                *too_long = true;
                return false;
            }
            for (size_t i = 0; i < args[k].as.list.count; i++) {
                if (!value_to_array(&native->items[used + i], &args[k].as.list.items[i])) {
                    return false;
                }
            }
            native->values[k] = sy_value_list(&native->items[used], args[k].as.list.count);
            used += args[k].as.list.count;
        } else if (!value_to_array(&native->values[k], &args[k])) {
            return false;
        }
    }
    return true;
}

sy_status syi_too_many_tensors(const syi_op *op, sy_error *err)
{
    return syi_fail(err, SY_ELIMIT, "%s: more than %d tensors in lists", op->name, SYI_OUTPUT_MAX);
}

const syi_interpreter *syi_outermost(const sy_value *args, int count)
{
    const syi_interpreter *remote = NULL;
    for (int k = 0; k < count; k++) {
        const sy_value *items = &args[k];
        size_t item_count = 1;
        if (args[k].kind == SY_VALUE_LIST) {
            items = args[k].as.list.items;
            item_count = args[k].as.list.count;
        }
        for (size_t i = 0; i < item_count; i++) {
            if (items[i].kind != (sy_value_kind)SYI_VALUE_NODE) {
                continue;
            }
            const syi_node *node = items[i].as.internal;
            if (syi_node_is_native(node)) {
                continue;
            }
            if (!(node->type->flags & SYI_NODE_REMOTE)) {
                return node->type;
            }
            if (remote == NULL || (node->type->flags & ~remote->flags & SYI_NODE_SPREAD) != 0) {
                remote = node->type;
            }
        }
    }
    return remote;
}

sy_status syi_node_call(syi_call *call, sy_error *err)
{
    native_args native;
    bool too_long = false;
    if (to_native(call->args, call->arg_count, &native, &too_long)) {
        if (call->op->flags & SYI_OP_COMPOSITE) {
            return syi_call_composite(call, err);
        }
        syi_array outs[SYI_OUTPUT_MAX];
        int count = 0;
        SY_TRY(run_native(call->hook, call->op, call->inplace, native.values, call->mode, outs,
                          &count, &call->inside, err));
        sy_status status = SY_OK;
        call->out_count = 0;
        for (int k = 0; k < count; k++) {
            if (status != SY_OK) {
                syi_array_fini(&outs[k]);
                continue;
            }
            status = syi_native_node_new(call->hook, &call->outs[k], &outs[k], err);
            if (status == SY_OK) {
                call->out_count++;
            }
        }
        if (status != SY_OK) {
            while (call->out_count > 0) {
                syi_node_unref(call->outs[--call->out_count]);
            }
        }
        return status;
    }
    if (too_long) {
        return syi_too_many_tensors(call->op, err);
    }
    const syi_interpreter *type = syi_outermost(call->args, call->arg_count);
    if (call->hook->overloads != NULL) {
        const syi_overload *overload =
            syi_overload_find(call->hook, call->op, call->inplace, call->mode, type);
        if (overload != NULL) {
            return syi_operation_run(call, &overload->answerer, err);
        }
    }
    return type->call(call, err);
}

/* Handles for the nodes among `count` values, in place; all of them or none. */
static sy_status lift(sy_hook *hook, sy_value *values, size_t count, sy_tensor **made, size_t *used,
                      sy_error *err)
{
    for (size_t k = 0; k < count; k++) {
        if (values[k].kind != (sy_value_kind)SYI_VALUE_NODE) {
            continue;
        }
        syi_node *node = values[k].as.internal;
        SY_TRY(syi_tensor_wrap(hook, &made[*used], syi_node_ref(node), err));
        values[k] = sy_value_tensor(made[(*used)++]);
    }
    return SY_OK;
}

sy_status syi_call_composite(syi_call *call, sy_error *err)
{
    sy_value bound[SYI_ARGUMENT_MAX];
    sy_value items[SYI_OUTPUT_MAX];
    sy_tensor *made[SYI_OUTPUT_MAX + SYI_ARGUMENT_MAX];
    size_t made_count = 0, item_count = 0;
    syi_results results = {.count = 0};
    sy_status status = SY_OK;
    call->out_count = 0;
    memcpy(bound, call->args, (size_t)call->arg_count * sizeof *bound);
    for (int k = 0; k < call->arg_count; k++) {
        sy_value *values = &bound[k];
        size_t count = 1;
        if (values->kind == SY_VALUE_LIST && syi_list_has_nodes(values)) {
            count = values->as.list.count;
            if (count > SYI_OUTPUT_MAX - item_count) {
                status = syi_too_many_tensors(call->op, err);
                goto done;
            }
            values = memcpy(&items[item_count], values->as.list.items, count * sizeof *items);
            bound[k] = sy_value_list(values, count);
            item_count += count;
        }
        SY_GOTO(done, lift(call->hook, values, count, made, &made_count, err));
    }
    SY_GOTO(done, syi_composite_call(call->hook, call->op, call->inplace, bound, call->arg_count,
                                     call->mode, &results, err));
    for (int k = 0; k < results.count && !call->inplace; k++) {
        call->outs[call->out_count++] = syi_node_ref(results.tensors[k]->node);
    }
    status =
        syi_call_set_value(call, &results.value, err); /* a list's items end with the results */
    syi_results_fini(&results);
done:
    while (made_count > 0) {
        sy_tensor_unref(made[--made_count]);
    }
    return status;
}

sy_status syi_call_set_value(syi_call *call, const sy_value *value, sy_error *err)
{
    call->value = *value;
    if (value->kind != SY_VALUE_LIST) {
        return SY_OK;
    }
    const size_t count = value->as.list.count;
    if (call->value_items == NULL || count > SY_DIM_MAX) {
        call->value = sy_value_none();
        return syi_fail(err, SY_ELIMIT, "%s: an answer of %zu values, at most %d are taken",
                        call->op->name, count, call->value_items == NULL ? 0 : SY_DIM_MAX);
    }
    if (count > 0) {
        memcpy(call->value_items, value->as.list.items, count * sizeof *value);
    }
    call->value = sy_value_list(call->value_items, count);
    return SY_OK;
}

const char *syi_call_get_function(const syi_call *call, size_t *length)
{
    const syi_op *op = NULL;
    bool inplace = false;
    *length = call->mode->called_length;
    /* An interpreter may have put another operation in the place of the one that was called. */
    if (call->mode->called == NULL ||
        !syi_ops_find(call->hook->ops, call->mode->called, *length, &op, &inplace) ||
        op != call->op || (inplace || (op->flags & SYI_OP_ONLY_INPLACE) != 0) != call->inplace) {
        return NULL;
    }
    return call->mode->called;
}

sy_status syi_call_forward(syi_call *call, const syi_interpreter *type,
                           sy_status (*wrap)(syi_node *like, syi_node *child, syi_node **node,
                                             sy_error *err),
                           sy_error *err)
{
    sy_value items[SYI_OUTPUT_MAX];
    size_t used = 0;
    syi_node *like = NULL;
    syi_call inner = *call;
    for (int k = 0; k < call->arg_count; k++) {
        sy_value *values = &inner.args[k];
        size_t count = 1;
        if (values->kind == SY_VALUE_LIST && syi_list_has_nodes(values)) {
            count = values->as.list.count;
            if (count > SYI_OUTPUT_MAX - used) {
                return syi_too_many_tensors(call->op, err);
            }
            memcpy(&items[used], values->as.list.items, count * sizeof *items);
            *values = sy_value_list(&items[used], count);
            values = &items[used];
            used += count;
        }
        for (size_t i = 0; i < count; i++) {
            if (values[i].kind != (sy_value_kind)SYI_VALUE_NODE) {
                continue;
            }
            syi_node *node = values[i].as.internal;
            if (node->type == type) {
                like = like != NULL ? like : node;
                values[i].as.internal = node->child;
            }
        }
    }
    SY_TRY(syi_node_call(&inner, err));
    call->value = inner.value;
    call->out_count = 0;
    sy_status status = SY_OK;
    for (int k = 0; k < inner.out_count; k++) {
        syi_node *wrapped = NULL;
        if (status == SY_OK) {
            status =
                wrap(like, call->outs[k], &wrapped, err); /* takes the child when it succeeds */
        }
        if (status != SY_OK) {
            syi_node_unref(call->outs[k]);
        } else {
            call->outs[k] = wrapped;
            call->out_count++;
        }
    }
    if (status != SY_OK) {
        while (call->out_count > 0) {
            syi_node_unref(call->outs[--call->out_count]);
        }
    }
    return status;
}
