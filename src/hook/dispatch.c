/* dispatch.c - operations on handles; between nodes: calls.c. */
#include "hook/dispatch.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "hook/overload.h"
#include "hook/tape.h"

/* Handles */

void syi_results_fini(syi_results *results)
{
    for (int k = 0; k < results->count; k++) {
        sy_tensor_unref(results->tensors[k]);
    }
    results->count = 0;
}

/* The tensors among bound arguments, flattened. */
typedef struct tensor_args {
    sy_tensor *tensors[SYI_OUTPUT_MAX];
    int count;
    bool tracked;   /* one of them is on the tape that is here */
    bool above;     /* ... and stands above a pointer */
    bool elsewhere; /* one of them is known to be on a tape at its worker */
    bool private_;  /* one of them is private */
    bool native;    /* all of them are native */
    bool remote;    /* one of them is a pointer: its tape is at its worker */
    bool apart;     /* all of them take COMPOSITE rows apart */
} tensor_args;

static inline sy_status see_tensor(tensor_args *seen, const syi_op *op, sy_tensor *tensor,
                                   sy_error *err)
{
    if (seen->count == SYI_OUTPUT_MAX) {
        return syi_too_many_tensors(op, err);
    }
    seen->tensors[seen->count++] = tensor;
    seen->private_ |= syi_tensor_is_private(tensor);
    const bool native = syi_node_is_native(tensor->node);
    const unsigned flags = tensor->node->type->flags;
    const bool remote = (flags & SYI_NODE_REMOTE) != 0;
    seen->native &= native;
    seen->remote |= remote;
    if (syi_tensor_is_tracked(tensor)) {
        seen->tracked |= !remote;
        seen->elsewhere |= remote;
        seen->above |= !remote && !native && syi_node_is_remote(tensor->node);
    }
    const bool whole =
        tensor->node->type->answers_whole != NULL && tensor->node->type->answers_whole(op);
    seen->apart &= native || ((flags & SYI_NODE_DECOMPOSES) != 0 && !whole);
    return SY_OK;
}

static sy_status see_tensors(tensor_args *seen, const syi_op *op, const sy_value *bound, int count,
                             sy_error *err)
{
    seen->count = 0;
    seen->tracked = false;
    seen->above = false;
    seen->elsewhere = false;
    seen->private_ = false;
    seen->native = true;
    seen->remote = false;
    seen->apart = true;
    for (int k = 0; k < count; k++) {
        if (bound[k].kind == SY_VALUE_TENSOR) {
            SY_TRY(see_tensor(seen, op, bound[k].as.tensor, err));
        } else if (bound[k].kind == SY_VALUE_LIST) {
            for (size_t i = 0; i < bound[k].as.list.count; i++) {
                if (bound[k].as.list.items[i].kind == SY_VALUE_TENSOR) {
                    SY_TRY(see_tensor(seen, op, bound[k].as.list.items[i].as.tensor, err));
                }
            }
        }
    }
    return SY_OK;
}

static bool list_has_tensors(const sy_value *list)
{
    for (size_t k = 0; k < list->as.list.count; k++) {
        if (list->as.list.items[k].kind == SY_VALUE_TENSOR) {
            return true;
        }
    }
    return false;
}

/* TENSOR values to NODE values; `items` is room for the flattened lists. */
static void to_nodes(const sy_value *bound, int count, sy_value *args, sy_value *items)
{
    size_t used = 0;
    for (int k = 0; k < count; k++) {
        args[k] = bound[k];
        if (bound[k].kind == SY_VALUE_TENSOR) {
            args[k].kind = (sy_value_kind)SYI_VALUE_NODE;
            args[k].as.internal = bound[k].as.tensor->node;
        } else if (bound[k].kind == SY_VALUE_LIST && list_has_tensors(&bound[k])) {
            for (size_t i = 0; i < bound[k].as.list.count; i++) {
                items[used + i] = bound[k].as.list.items[i];
                if (items[used + i].kind == SY_VALUE_TENSOR) {
                    items[used + i].kind = (sy_value_kind)SYI_VALUE_NODE;
                    items[used + i].as.internal = bound[k].as.list.items[i].as.tensor->node;
                }
            }
            args[k] = sy_value_list(&items[used], bound[k].as.list.count);
            used += bound[k].as.list.count;
        }
    }
}

/* A declared release: an aggregate over enough rows leaves private status. */
static void release(const syi_op *op, const syi_mode *mode, syi_policy *policy)
{
    int64_t rows =
        mode->release_rows != NULL && op->id < SYI_OP_COUNT ? mode->release_rows[op->id] : 0;
    if (rows > 0 && policy->private_ && policy->spread == SYI_SPREAD_AGGREGATE &&
        policy->rows >= rows) {
        *policy = (syi_policy){0};
    }
}

/* `before`: the policies of the arguments before the operation ran. */
static void apply_policy(const syi_op *op, bool inplace, const sy_value *bound, int bound_count,
                         const syi_mode *mode, const tensor_args *seen, const syi_policy *before,
                         syi_results *results)
{
    const syi_policy *policies[SYI_OUTPUT_MAX];
    const syi_array *arrays[SYI_OUTPUT_MAX];
    syi_policy policy;
    for (int k = 0; k < seen->count; k++) {
        policies[k] = &before[k];
        arrays[k] =
            syi_tensor_is_native(seen->tensors[k]) ? syi_node_array(seen->tensors[k]->node) : NULL;
    }
    if (inplace) {
        sy_tensor *self = seen->tensors[0];
        syi_storage *storage = syi_node_storage(self->node);
        policy =
            syi_policy_combine(op, bound, bound_count, policies, arrays, seen->count, arrays[0]);
        release(op, mode, &policy);
        syi_tensor_set_policy(self, &policy);
        if (policy.private_ && storage != NULL) {
            /* Other handles may view this storage. */
            atomic_store(&storage->private_, true);
        }
        return;
    }
    for (int k = 0; k < results->count; k++) {
        const syi_array *result = syi_tensor_is_native(results->tensors[k])
                                      ? syi_node_array(results->tensors[k]->node)
                                      : NULL;
        policy = syi_policy_combine(op, bound, bound_count, policies, arrays, seen->count, result);
        release(op, mode, &policy);
        syi_tensor_set_policy(results->tensors[k], &policy);
    }
}

static void log_call(sy_hook *hook, const syi_op *op, bool inplace, const tensor_args *seen,
                     const syi_mode *mode)
{
    if (!syi_log_enabled(hook->context, SY_LOG_INFO, "hook")) {
        return;
    }
    char types[160] = "";
    size_t length = 0;
    for (int k = 0; k < seen->count && length + 32 < sizeof types; k++) {
        length += (size_t)snprintf(types + length, sizeof types - length, "%s%s", k > 0 ? ", " : "",
                                   seen->tensors[k]->node->type->name);
    }
    syi_log(hook->context, SY_LOG_INFO, "hook", mode->worker, mode->message_id, "%s%s(%s)",
            op->name, inplace && !(op->flags & SYI_OP_ONLY_INPLACE) ? "_" : "", types);
}

/* Contents under an interpreter are contents. */
static sy_status check_item(const syi_op *op, const tensor_args *seen, const syi_mode *mode,
                            sy_error *err)
{
    if (op->id == SYI_OP_item && seen->private_ && seen->count > 0 && !seen->native &&
        !syi_node_is_remote(seen->tensors[0]->node)) {
        char text[72];
        const syi_policy policy = syi_tensor_policy(seen->tensors[0]);
        const sy_id id = sy_tensor_get_id(seen->tensors[0]);
        return syi_policy_refuse(&policy, op->name, sy_id_format(&id, text, sizeof text),
                                 mode->worker, err);
    }
    return SY_OK;
}

/* A tape above a pointer switches the one at the worker off, so a gradient of both would lose a part. */
static sy_status check_one_tape(const syi_op *op, const tensor_args *seen, const syi_mode *mode,
                                sy_error *err)
{
    if (mode->grad && seen->above && seen->elsewhere) {
        return syi_fail(err, SY_EINVAL,
                        "%s: the gradient of one tensor is recorded here, that of another at its "
                        "worker; put both under sy_tensor_autograd, or none",
                        op->name);
    }
    return SY_OK;
}

/* Does an overload for the outermost type want the row as a whole? */
static bool is_overloaded(const sy_hook *hook, const syi_op *op, bool inplace, const syi_mode *mode,
                          const tensor_args *seen)
{
    if (hook->overloads == NULL) {
        return false;
    }
    sy_value nodes[SYI_OUTPUT_MAX];
    for (int k = 0; k < seen->count; k++) {
        nodes[k].kind = (sy_value_kind)SYI_VALUE_NODE;
        nodes[k].as.internal = seen->tensors[k]->node;
    }
    return syi_overload_find(hook, op, inplace, mode, syi_outermost(nodes, seen->count)) != NULL;
}

/* A result whose size depends on contents gives them away, element by element if asked cleverly. */
static sy_status check_shape_tells(const syi_op *op, const sy_value *bound, const syi_mode *mode,
                                   sy_error *err)
{
    const int teller = syi_policy_shape_teller(op, bound);
    if (teller < 0 || bound[teller].kind != SY_VALUE_TENSOR ||
        !syi_tensor_is_private(bound[teller].as.tensor)) {
        return SY_OK;
    }
    const syi_policy policy = syi_tensor_policy(bound[teller].as.tensor);
    char text[72];
    const sy_id id = sy_tensor_get_id(bound[teller].as.tensor);
    return syi_policy_refuse(&policy, op->name, sy_id_format(&id, text, sizeof text), mode->worker,
                             err);
}

/* What a handle-level call needs beside its arguments. */
typedef struct handle_call {
    syi_call call;
    tensor_args seen;
    syi_node *outs[SYI_OUTPUT_MAX];
    sy_value items[SYI_OUTPUT_MAX];
    syi_policy before[SYI_OUTPUT_MAX]; /* of the arguments, when one is private */
} handle_call;

/* h->seen is filled. */
static void open_call(handle_call *h, sy_hook *hook, const syi_op *op, bool inplace,
                      const sy_value *bound, int count, const syi_mode *mode, syi_results *results)
{
    syi_call *call = &h->call;
    call->hook = hook;
    call->op = op;
    call->inplace = inplace;
    call->private_ = h->seen.private_;
    call->mode = mode;
    call->arg_count = count;
    call->outs = h->outs;
    call->out_count = 0;
    call->value = sy_value_none();
    call->value_items = results->items;
    call->inside = false;
    to_nodes(bound, count, call->args, h->items);
    for (int k = 0; h->seen.private_ && k < h->seen.count; k++) {
        h->before[k] = syi_tensor_policy(h->seen.tensors[k]);
    }
}

/* Nodes to handles, with their policies. On failure the results that were made are left. */
static sy_status close_call(handle_call *h, const sy_value *bound, syi_results *results,
                            sy_error *err)
{
    const syi_call *call = &h->call;
    sy_status status = SY_OK;
    results->value = call->value;
    if (call->inplace) {
        results->tensors[0] = sy_tensor_ref(bound[0].as.tensor);
        results->count = 1;
    } else {
        for (int k = 0; k < call->out_count; k++) {
            if (status != SY_OK) {
                syi_node_unref(h->outs[k]);
                continue;
            }
            status = syi_tensor_wrap(call->hook, &results->tensors[k], h->outs[k], err);
            if (status == SY_OK) {
                results->count++;
            }
        }
    }
    if (status == SY_OK && h->seen.private_) {
        apply_policy(call->op, call->inplace, bound, call->arg_count, call->mode, &h->seen,
                     h->before, results);
    }
    return status;
}

/* Sentences of interpreters name values that are out of range; those of private data do not leave. */
static sy_status hide_values(const syi_op *op, const tensor_args *seen, sy_status status,
                             sy_error *err)
{
    if (status == SY_ERANGE && seen->private_ && !seen->native && !seen->remote) {
        return syi_fail(err, SY_ERANGE, "%s: a value of private data is out of range", op->name);
    }
    return status;
}

sy_status syi_dispatch_untraced(sy_hook *hook, const syi_op *op, bool inplace,
                                const sy_value *bound, int count, const syi_mode *mode,
                                syi_results *results, sy_error *err)
{
    handle_call h;
    tensor_args *seen = &h.seen;
    results->count = 0;
    results->value = sy_value_none();
    SY_TRY(see_tensors(seen, op, bound, count, err));
    if (hook->verbose) {
        log_call(hook, op, inplace, seen, mode);
    }
    SY_TRY(check_one_tape(op, seen, mode, err));
    /* On the tape are the parts of a composite row, so they must come by here. */
    if ((op->flags & SYI_OP_COMPOSITE) && !is_overloaded(hook, op, inplace, mode, seen) &&
        (seen->apart || seen->tracked)) {
        const sy_status status =
            syi_composite_call(hook, op, inplace, bound, count, mode, results, err);
        return hide_values(op, seen, status, err);
    }
    SY_TRY(check_item(op, seen, mode, err));
    SY_TRY(check_shape_tells(op, bound, mode, err));
    const bool track = mode->grad && seen->tracked && !(op->flags & SYI_OP_VALUE);
    sy_tensor *original = NULL; /* what is overwritten in place, when its gradient reads it */
    if (inplace) {
        if (seen->count == 0 || bound[0].kind != SY_VALUE_TENSOR) {
            return syi_fail(err, SY_EINVAL, "%s_: the first argument is no tensor", op->name);
        }
        if (mode->grad) {
            SY_TRY(syi_tape_check_inplace(bound[0].as.tensor, op, track, err));
        }
        if (track) {
            SY_TRY(syi_tape_keep_original(hook, op, bound, count, mode, &original, err));
        }
    }
    open_call(&h, hook, op, inplace, bound, count, mode, results);
    sy_status status = hide_values(op, seen, syi_node_call(&h.call, err), err);
    if (status == SY_ERANGE && h.call.inside && seen->private_) {
        syi_fail(err, status, "%s: the contents of its private arguments are out of range",
                 op->name);
    }
    if (status == SY_OK) {
        status = close_call(&h, bound, results, err);
    }
    if (status == SY_OK && track) {
        status = syi_tape_record(hook, op, inplace, bound, count, original, results->tensors,
                                 results->count, err);
    }
    sy_tensor_unref(original);
    if (status != SY_OK) {
        syi_results_fini(results);
    }
    return status;
}

sy_status syi_dispatch(sy_hook *hook, const syi_op *op, bool inplace, const sy_value *bound,
                       const syi_mode *mode, syi_results *results, sy_error *err)
{
    int count = 0;
    (void)syi_ops_get_parameters(hook->ops, op->id, &count);
    inplace |= (op->flags & SYI_OP_ONLY_INPLACE) != 0;
    if (syi_trace_is_on(&hook->trace)) {
        return syi_trace_dispatch(hook, op, inplace, bound, count, mode, results, err);
    }
    return syi_dispatch_untraced(hook, op, inplace, bound, count, mode, results, err);
}

static sy_status unknown_name(const char *name, size_t length, sy_error *err)
{
    return syi_fail(err, SY_EUNKNOWNOP, "Command \"%.*s\" is not a supported Torch operation.",
                    (int)(length < 80 ? length : 80), name);
}

/* "torch.native_add": the row add, for tensors that are native themselves. false for other names. */
static bool find_native(const sy_hook *hook, const char *name, size_t length, const syi_op **op,
                        bool *inplace)
{
    static const char prefix[] = "native_";
    char plain[SYI_CALLED_NAME_SIZE];
    size_t module = length;
    while (module > 0 && name[module - 1] != '.') {
        module--;
    }
    const size_t skip = module + sizeof prefix - 1;
    if (length >= sizeof plain || skip >= length ||
        memcmp(name + module, prefix, sizeof prefix - 1) != 0) {
        return false;
    }
    memcpy(plain, name, module);
    memcpy(plain + module, name + skip, length - skip);
    return syi_ops_find(hook->ops, plain, length - (sizeof prefix - 1), op, inplace);
}

static sy_status dispatch_native(sy_hook *hook, const syi_op *op, bool inplace,
                                 const sy_value *bound, const syi_mode *mode, syi_results *results,
                                 sy_error *err)
{
    int count = 0;
    tensor_args seen;
    (void)syi_ops_get_parameters(hook->ops, op->id, &count);
    SY_TRY(see_tensors(&seen, op, bound, count, err));
    for (int k = 0; k < seen.count; k++) {
        if (!syi_tensor_is_native(seen.tensors[k])) {
            return syi_fail(err, SY_EINVAL,
                            "native_%s: a wrapper of a %s has no numbers of its own; call %s",
                            op->name, seen.tensors[k]->node->type->name, op->name);
        }
    }
    return syi_dispatch(hook, op, inplace, bound, mode, results, err);
}

/* A name without row: an overload of the outermost type may know it. */
static sy_status dispatch_own_name(sy_hook *hook, const char *name, size_t length,
                                   const sy_value *args, size_t arg_count, size_t kwarg_count,
                                   const syi_mode *mode, syi_results *results, sy_error *err)
{
    handle_call h;
    if (hook->overloads == NULL || arg_count > SYI_ARGUMENT_MAX) {
        return unknown_name(name, length, err);
    }
    sy_value nodes[SYI_ARGUMENT_MAX];
    const int count = (int)arg_count;
    static const syi_op asked = {.name = "overload"};
    SY_TRY(see_tensors(&h.seen, &asked, args, count, err));
    to_nodes(args, count, nodes, h.items);
    const syi_overload *overload =
        syi_overload_find_name(hook, name, length, syi_outermost(nodes, count));
    if (overload == NULL) {
        return unknown_name(name, length, err);
    }
    if (kwarg_count > 0) {
        return syi_fail(err, SY_EINVAL, "%s: takes its arguments by position", overload->name);
    }
    if (overload->inplace && args[0].kind != SY_VALUE_TENSOR) {
        return syi_fail(err, SY_EINVAL, "%s: the first argument is no tensor", overload->name);
    }
    if (hook->verbose) {
        log_call(hook, &overload->own, false, &h.seen, mode);
    }
    open_call(&h, hook, &overload->own, overload->inplace, args, count, mode, results);
    SY_TRY(syi_operation_run(&h.call, &overload->answerer, err));
    const sy_status status = close_call(&h, args, results, err);
    if (status != SY_OK) {
        syi_results_fini(results);
    }
    return status;
}

sy_status syi_dispatch_name(sy_hook *hook, const char *name, size_t name_length,
                            const sy_value *args, size_t arg_count, const sy_named_value *kwargs,
                            size_t kwarg_count, const syi_mode *mode, syi_results *results,
                            sy_error *err)
{
    results->count = 0;
    results->value = sy_value_none();
    const syi_op *op = NULL;
    bool inplace = false;
    const bool hooked = syi_ops_find(hook->ops, name, name_length, &op, &inplace);
    if (!hooked && !find_native(hook, name, name_length, &op, &inplace)) {
        return dispatch_own_name(hook, name, name_length, args, arg_count, kwarg_count, mode,
                                 results, err);
    }
    sy_value bound[SYI_ARGUMENT_MAX];
    SY_TRY(syi_ops_bind(hook->ops, op, args, arg_count, kwargs, kwarg_count, bound, err));
    if (!hooked) {
        return dispatch_native(hook, op, inplace, bound, mode, results, err);
    }
    if (syi_is_dotted(name, name_length)) {
        syi_mode function = *mode;
        function.called = name;
        function.called_length = name_length;
        return syi_dispatch(hook, op, inplace, bound, &function, results, err);
    }
    return syi_dispatch(hook, op, inplace, bound, mode, results, err);
}

sy_status sy_call(sy_hook *hook, const char *name, const sy_value *args, size_t arg_count,
                  const sy_named_value *kwargs, size_t kwarg_count, sy_tensor **results,
                  size_t capacity, size_t *count, sy_value *value, sy_error *err)
{
    if (count != NULL) {
        *count = 0;
    }
    if (hook == NULL || name == NULL || (arg_count > 0 && args == NULL) ||
        (kwarg_count > 0 && kwargs == NULL)) {
        return syi_fail(err, SY_EINVAL, "sy_call: hook, name or arguments are NULL");
    }
    syi_mode mode = SYI_MODE_DEFAULT;
    mode.pipelined = hook->queue_size > 0;
    syi_results made;
    SY_TRY(syi_dispatch_name(hook, name, strlen(name), args, arg_count, kwargs, kwarg_count, &mode,
                             &made, err));
    if (results != NULL && (size_t)made.count > capacity) {
        int had = made.count;
        syi_results_fini(&made);
        return syi_fail(err, SY_ESIGNATURE, "%s: %d results, room for %zu", name, had, capacity);
    }
    for (int k = 0; k < made.count && results != NULL; k++) {
        results[k] = sy_tensor_ref(made.tensors[k]);
    }
    if (count != NULL) {
        *count = (size_t)made.count;
    }
    if (value != NULL) {
        const bool owned = made.value.kind == SY_VALUE_LIST || made.value.kind == SY_VALUE_STRING;
        *value = owned ? sy_value_none() : made.value;
    }
    syi_results_fini(&made);
    return SY_OK;
}
