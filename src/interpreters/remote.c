/*
 * remote.c - operations that are asked of a worker rather than of a tensor: the constructors of
 * bob.remote.torch (hook.md, vectors), and any other with all its tensors there. Face: sy_worker_call in
 * <csyft/pointer.h>. Test: tests/integration/remote.c, over every kind of worker.
 */
#include <string.h>

#include "core/error.h"
#include "interpreters/pointer.h"

/* tensor([[1, 2], [3, 4]]): nested lists of numbers */

typedef struct literal {
    sy_context *context;
    sy_error *err;
    int ndim;
    int64_t shape[SY_DIM_MAX];
    sy_dtype dtype; /* of the widest number: bool, then int64, then float32, as in PyTorch */
    int64_t next;   /* place of the next number */
    syi_array array;
} literal;

static sy_status measure(literal *l, const sy_value *value, int depth)
{
    if (value->kind != SY_VALUE_LIST) {
        l->ndim = depth;
        return SY_OK;
    }
    if (depth == SY_DIM_MAX) {
        return syi_fail(l->err, SY_ESHAPE, "tensor: lists nested deeper than %d", SY_DIM_MAX);
    }
    l->shape[depth] = (int64_t)value->as.list.count;
    if (value->as.list.count == 0) {
        l->ndim = depth + 1;
        return SY_OK;
    }
    return measure(l, &value->as.list.items[0], depth + 1);
}

static sy_status check_numbers(literal *l, const sy_value *value, int depth)
{
    if (depth < l->ndim) {
        if (value->kind != SY_VALUE_LIST || (int64_t)value->as.list.count != l->shape[depth]) {
            return syi_fail(l->err, SY_ESHAPE,
                            "tensor: lists of different lengths, or a number beside a list, at "
                            "depth %d",
                            depth);
        }
        for (size_t k = 0; k < value->as.list.count; k++) {
            SY_TRY(check_numbers(l, &value->as.list.items[k], depth + 1));
        }
        return SY_OK;
    }
    if (value->kind == SY_VALUE_FLOAT) {
        l->dtype = SY_DTYPE_F32;
    } else if (value->kind == SY_VALUE_INT) {
        l->dtype = l->dtype == SY_DTYPE_F32 ? SY_DTYPE_F32 : SY_DTYPE_I64;
    } else if (value->kind != SY_VALUE_BOOL) {
        return syi_fail(l->err, value->kind == SY_VALUE_LIST ? SY_ESHAPE : SY_EINVAL,
                        "tensor: takes numbers and lists of numbers");
    }
    return SY_OK;
}

static void fill(literal *l, const sy_value *value)
{
    if (value->kind == SY_VALUE_LIST) {
        for (size_t k = 0; k < value->as.list.count; k++) {
            fill(l, &value->as.list.items[k]);
        }
    } else if (value->kind == SY_VALUE_FLOAT) {
        syi_array_set_double(&l->array, l->next++, value->as.real);
    } else {
        syi_array_set_int(&l->array, l->next++,
                          value->kind == SY_VALUE_BOOL ? value->as.boolean : value->as.integer);
    }
}

static sy_status make_literal(sy_hook *hook, sy_tensor **tensor, const sy_value *value,
                              const sy_value *dtype, sy_error *err)
{
    literal l = {
        .context = hook->context, .err = err, .dtype = SY_DTYPE_BOOL, .array = SYI_ARRAY_INIT};
    SY_TRY(measure(&l, value, 0));
    SY_TRY(check_numbers(&l, value, 0));
    if (dtype != NULL && dtype->kind != SY_VALUE_NONE) {
        if (dtype->kind != SY_VALUE_DTYPE) {
            return syi_fail(err, SY_EINVAL, "tensor: dtype is no dtype");
        }
        l.dtype = dtype->as.dtype;
    } else if (l.ndim > 0 && l.shape[l.ndim - 1] == 0) {
        l.dtype = SY_DTYPE_F32;
    }
    SY_TRY(syi_array_new(hook->context, &l.array, l.dtype, l.ndim, l.shape, &hook->account, err));
    fill(&l, value);
    return syi_tensor_from_array(hook, tensor, &l.array, err);
}

static bool is_tensor_name(const char *name)
{
    return strcmp(name, "tensor") == 0 || strcmp(name, "torch.tensor") == 0;
}

static sy_status call_tensor(sy_worker *worker, const sy_value *args, size_t arg_count,
                             const sy_named_value *kwargs, size_t kwarg_count, sy_tensor **result,
                             sy_error *err)
{
    sy_tensor *made = NULL;
    const sy_value *dtype = arg_count > 1 ? &args[1] : NULL;
    if (arg_count == 0 || arg_count + kwarg_count > 2) {
        return syi_fail(err, SY_EINVAL, "tensor: takes a list of numbers and a dtype");
    }
    if (kwarg_count > 0) {
        if (kwargs[0].name == NULL || strcmp(kwargs[0].name, "dtype") != 0) {
            return syi_fail(err, SY_EINVAL, "tensor: has no argument %s",
                            kwargs[0].name != NULL ? kwargs[0].name : "without a name");
        }
        dtype = &kwargs[0].value;
    }
    SY_TRY(make_literal(worker->hook, &made, &args[0], dtype, err));
    sy_status status = SY_OK;
    if (worker == worker->hook->local_worker) {
        *result = made;
        return SY_OK;
    }
    status = sy_tensor_send(made, result, worker, err);
    sy_tensor_unref(made);
    return status;
}

/* Every other operation */

/* Counts the tensors, which must be there. */
static sy_status check_places(const sy_worker *worker, const char *name, const sy_value *values,
                              size_t count, size_t *tensors, sy_error *err)
{
    for (size_t k = 0; k < count; k++) {
        if (values[k].kind == SY_VALUE_LIST) {
            SY_TRY(check_places(worker, name, values[k].as.list.items, values[k].as.list.count,
                                tensors, err));
        } else if (values[k].kind == SY_VALUE_TENSOR) {
            const sy_worker *location = sy_tensor_get_location(values[k].as.tensor);
            if (location != worker) {
                return syi_fail(err, SY_ECOLLOCATION, "%s at worker %s: one of its tensors is %s%s",
                                name, worker->name, location != NULL ? "at worker " : "not there",
                                location != NULL ? location->name : "");
            }
            (*tensors)++;
        }
    }
    return SY_OK;
}

static sy_status call_there(sy_worker *worker, const char *name, const sy_value *args,
                            size_t arg_count, const sy_named_value *kwargs, size_t kwarg_count,
                            syi_call *call, sy_error *err)
{
    sy_hook *hook = worker->hook;
    bool inplace = false;
    if (!syi_ops_find(hook->ops, name, strlen(name), &call->op, &inplace)) {
        return syi_fail(err, SY_EUNKNOWNOP, "Command \"%.80s\" is not a supported Torch operation.",
                        name);
    }
    if (inplace || (call->op->flags & SYI_OP_ONLY_INPLACE)) {
        return syi_fail(err, SY_EINVAL, "%s: works in place, and there is no tensor", name);
    }
    SY_TRY(
        syi_ops_bind(hook->ops, call->op, args, arg_count, kwargs, kwarg_count, call->args, err));
    (void)syi_ops_get_parameters(hook->ops, call->op->id, &call->arg_count);
    return syi_pointer_call_at(call, hook->local_worker, worker, err);
}

/* Makes handles of the nodes; takes them in any case. */
static sy_status wrap_results(syi_call *call, const char *name, sy_tensor **results,
                              size_t capacity, size_t *count, sy_error *err)
{
    sy_status status = SY_OK;
    if (results != NULL && (size_t)call->out_count > capacity) {
        status = syi_fail(err, SY_ESIGNATURE, "%s: %d results, room for %zu", name, call->out_count,
                          capacity);
    }
    for (int k = 0; k < call->out_count; k++) {
        if (status != SY_OK || results == NULL) {
            syi_node_unref(call->outs[k]);
            continue;
        }
        status = syi_tensor_wrap(call->hook, &results[*count], call->outs[k], err);
        *count += status == SY_OK ? 1 : 0;
    }
    while (status != SY_OK && *count > 0) {
        sy_tensor_unref(results[--*count]);
    }
    return status;
}

sy_status sy_worker_call(sy_worker *worker, const char *name, const sy_value *args,
                         size_t arg_count, const sy_named_value *kwargs, size_t kwarg_count,
                         sy_tensor **results, size_t capacity, size_t *count, sy_value *value,
                         sy_error *err)
{
    size_t made = 0;
    size_t tensors = 0;
    if (count != NULL) {
        *count = 0;
    }
    if (worker == NULL || name == NULL || (arg_count > 0 && args == NULL) ||
        (kwarg_count > 0 && kwargs == NULL)) {
        return syi_fail(err, SY_EINVAL, "sy_worker_call: worker, name or arguments are NULL");
    }
    if (value != NULL) {
        *value = sy_value_none();
    }
    if (is_tensor_name(name)) {
        if (results == NULL || capacity < 1) {
            return syi_fail(err, SY_ESIGNATURE, "tensor: 1 result, room for 0");
        }
        SY_TRY(call_tensor(worker, args, arg_count, kwargs, kwarg_count, &results[0], err));
        made = 1;
    } else if (worker == worker->hook->local_worker) {
        return sy_call(worker->hook, name, args, arg_count, kwargs, kwarg_count, results, capacity,
                       count, value, err);
    } else {
        SY_TRY(check_places(worker, name, args, arg_count, &tensors, err));
        for (size_t k = 0; k < kwarg_count; k++) {
            SY_TRY(check_places(worker, name, &kwargs[k].value, 1, &tensors, err));
        }
        if (tensors > 0) { /* they say where it runs */
            return sy_call(worker->hook, name, args, arg_count, kwargs, kwarg_count, results,
                           capacity, count, value, err);
        }
        const syi_mode mode = SYI_MODE_DEFAULT;
        syi_node *outs[SYI_OUTPUT_MAX];
        syi_call call = {.hook = worker->hook, .mode = &mode, .outs = outs};
        SY_TRY(call_there(worker, name, args, arg_count, kwargs, kwarg_count, &call, err));
        SY_TRY(wrap_results(&call, name, results, capacity, &made, err));
        if (value != NULL && call.value.kind != SY_VALUE_LIST) {
            *value = call.value;
        }
    }
    if (count != NULL) {
        *count = made;
    }
    return SY_OK;
}
