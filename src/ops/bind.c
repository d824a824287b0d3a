/*
 * bind.c - positional and named arguments to the parameters of a row. Nothing is allocated: bound
 * values borrow from the arguments. Test: bind_test.c.
 */
#include <string.h>

#include "ops/schema.h"

static const char *describe_value(const sy_value *value)
{
    switch ((int)value->kind) {
    case SY_VALUE_NONE:
        return "none";
    case SY_VALUE_INT:
        return "an int";
    case SY_VALUE_FLOAT:
        return "a float";
    case SY_VALUE_BOOL:
        return "a bool";
    case SY_VALUE_STRING:
        return "a string";
    case SY_VALUE_LIST:
        return "a list";
    case SY_VALUE_DTYPE:
        return "a dtype";
    case SY_VALUE_SLICE:
        return "a slice";
    case SY_VALUE_ELLIPSIS:
        return "an ellipsis";
    case SY_VALUE_TENSOR:
    case SYI_VALUE_ARRAY:
    case SYI_VALUE_NODE:
        return "a tensor";
    default:
        return "an unknown kind of value";
    }
}

static const char *describe_type(syi_parameter_type type)
{
    switch (type) {
    case SYI_PARAMETER_TENSOR:
        return "a tensor";
    case SYI_PARAMETER_TENSORS:
        return "a list of tensors";
    case SYI_PARAMETER_TENSOR_OR_SCALAR:
        return "a tensor or a number";
    case SYI_PARAMETER_SCALAR:
        return "a number";
    case SYI_PARAMETER_INT:
        return "an int";
    case SYI_PARAMETER_INTS:
        return "a list of ints";
    case SYI_PARAMETER_BOOL:
        return "a bool";
    case SYI_PARAMETER_FLOAT:
        return "a float";
    case SYI_PARAMETER_DTYPE:
        return "a dtype";
    case SYI_PARAMETER_STRING:
        return "a string";
    case SYI_PARAMETER_INDEX:
        return "an index (int, slice, ellipsis, none, tensor or a list of these)";
    }
    return "?";
}

static bool is_tensor(const sy_value *value)
{
    switch ((int)value->kind) {
    case SY_VALUE_TENSOR:
        return value->as.tensor != NULL;
    case SYI_VALUE_ARRAY:
    case SYI_VALUE_NODE:
        return value->as.internal != NULL;
    default:
        return false;
    }
}

static bool is_number(const sy_value *value)
{
    return value->kind == SY_VALUE_INT || value->kind == SY_VALUE_FLOAT ||
           value->kind == SY_VALUE_BOOL;
}

static bool is_int(const sy_value *value)
{
    return value->kind == SY_VALUE_INT;
}

static bool is_int_or_bool(const sy_value *value)
{
    return value->kind == SY_VALUE_INT || value->kind == SY_VALUE_BOOL;
}

static bool is_list_of(const sy_value *value, bool (*is_item)(const sy_value *item))
{
    if (value->kind != SY_VALUE_LIST) {
        return false;
    }
    for (size_t i = 0; i < value->as.list.count; i++) {
        if (!is_item(&value->as.list.items[i])) {
            return false;
        }
    }
    return true;
}

static bool is_index_item(const sy_value *value)
{
    switch (value->kind) {
    case SY_VALUE_NONE:
    case SY_VALUE_INT:
    case SY_VALUE_BOOL:
    case SY_VALUE_SLICE:
    case SY_VALUE_ELLIPSIS:
        return true;
    default:
        return is_tensor(value) || is_list_of(value, is_int_or_bool);
    }
}

/* Is the value of this type? Without looking at `optional`. */
static bool accepts(syi_parameter_type type, const sy_value *value)
{
    switch (type) {
    case SYI_PARAMETER_TENSOR:
        return is_tensor(value);
    case SYI_PARAMETER_TENSORS:
        return is_list_of(value, is_tensor);
    case SYI_PARAMETER_TENSOR_OR_SCALAR:
        return is_tensor(value) || is_number(value);
    case SYI_PARAMETER_SCALAR:
        return is_number(value);
    case SYI_PARAMETER_INT:
        return value->kind == SY_VALUE_INT;
    case SYI_PARAMETER_INTS:
        return value->kind == SY_VALUE_INT || is_list_of(value, is_int);
    case SYI_PARAMETER_BOOL:
        return value->kind == SY_VALUE_BOOL;
    case SYI_PARAMETER_FLOAT:
        return value->kind == SY_VALUE_FLOAT || value->kind == SY_VALUE_INT;
    case SYI_PARAMETER_DTYPE:
        return value->kind == SY_VALUE_DTYPE && (unsigned)value->as.dtype < SY_DTYPE_COUNT;
    case SYI_PARAMETER_STRING:
        return value->kind == SY_VALUE_STRING && value->as.string != NULL;
    case SYI_PARAMETER_INDEX:
        return is_index_item(value) || is_list_of(value, is_index_item);
    }
    return false;
}

static sy_status refuse_value(const syi_op *op, const syi_parameter *parameter,
                              const sy_value *value, sy_error *err)
{
    return syi_fail(err, SY_EINVAL, "%s: %s is %s, expected %s%s", op->name, parameter->name,
                    describe_value(value), describe_type(parameter->type),
                    parameter->optional ? " or none" : "");
}

static inline sy_status bind_value(const syi_op *op, const syi_parameter *parameter,
                                   const sy_value *value, sy_value *bound, sy_error *err)
{
    const bool takes_tensor = parameter->type == SYI_PARAMETER_TENSOR ||
                              parameter->type == SYI_PARAMETER_TENSOR_OR_SCALAR;
    if (takes_tensor && is_tensor(value)) { /* most arguments */
        *bound = *value;
        return SY_OK;
    }
    bool left_out = value->kind == SY_VALUE_NONE && parameter->optional;
    if (!left_out && !accepts(parameter->type, value)) {
        return refuse_value(op, parameter, value, err);
    }
    if (parameter->type == SYI_PARAMETER_INTS && value->kind == SY_VALUE_INT) {
        *bound = sy_value_list(value, 1);
    } else if (parameter->type == SYI_PARAMETER_FLOAT && value->kind == SY_VALUE_INT) {
        *bound = sy_value_float((double)value->as.integer);
    } else {
        *bound = *value;
    }
    return SY_OK;
}

/* Index of a parameter by its name or by the other name that PyTorch accepts; -1. */
static int find_parameter(const syi_parameter *parameters, int count, const char *name)
{
    static const char *const synonyms[][2] = {
        {"input", "self"}, {"axis", "dim"}, {"keepdims", "keepdim"}};
    for (int i = 0; i < count; i++) {
        if (strcmp(parameters[i].name, name) == 0) {
            return i;
        }
    }
    for (size_t k = 0; k < sizeof synonyms / sizeof synonyms[0]; k++) {
        for (int i = 0; i < count && strcmp(synonyms[k][0], name) == 0; i++) {
            if (strcmp(parameters[i].name, synonyms[k][1]) == 0) {
                return i;
            }
        }
    }
    return -1;
}

static bool is_required(const syi_parameter *parameter)
{
    return !parameter->optional && !parameter->has_default;
}

/* arange(5), randint(5, [2]): the first parameter has a default, and the second would go without. */
static bool skips_first(const syi_parameter *parameters, int count, const sy_value *args,
                        size_t arg_count, const sy_named_value *kwargs, size_t kwarg_count)
{
    if (count < 2 || !parameters[0].has_default || !is_required(&parameters[1]) || arg_count == 0 ||
        (arg_count > 1 && accepts(parameters[1].type, &args[1]))) {
        return false;
    }
    for (size_t i = 0; i < kwarg_count; i++) {
        if (kwargs[i].name != NULL && find_parameter(parameters, count, kwargs[i].name) == 1) {
            return false;
        }
    }
    return true;
}

/* view(2, 3): all that is left are the ints of this list, and nothing else could take them. */
static inline bool spreads_ints(const syi_parameter *parameters, int count, int at,
                                const sy_value *args, size_t arg_count)
{
    const syi_parameter *parameter = &parameters[at];
    if (parameter->type != SYI_PARAMETER_INTS || parameter->optional || arg_count < 2) {
        return false;
    }
    bool leads = at == 0 || (at == 1 && parameters[0].type == SYI_PARAMETER_TENSOR);
    bool ends = at + 1 == count || parameters[at + 1].type == SYI_PARAMETER_DTYPE;
    for (size_t i = 0; leads && ends && i < arg_count; i++) {
        if (!is_int(&args[i])) {
            return false;
        }
    }
    return leads && ends;
}

static sy_status bind_positional(const syi_op *op, const syi_parameter *parameters, int count,
                                 int first, const sy_value *args, size_t arg_count, sy_value *bound,
                                 unsigned *given, sy_error *err)
{
    for (size_t i = 0; i < arg_count; i++) {
        size_t at = i + (size_t)first;
        if (at >= (size_t)count) {
            return syi_fail(err, SY_EINVAL, "%s: %zu arguments, it takes at most %d", op->name,
                            arg_count, count);
        }
        *given |= 1u << at;
        if (spreads_ints(parameters, count, (int)at, args + i, arg_count - i)) {
            bound[at] = sy_value_list(args + i, arg_count - i);
            return SY_OK;
        }
        SY_TRY(bind_value(op, &parameters[at], &args[i], &bound[at], err));
    }
    return SY_OK;
}

static sy_status bind_named(const syi_op *op, const syi_parameter *parameters, int count,
                            const sy_named_value *kwargs, size_t kwarg_count, sy_value *bound,
                            unsigned *given, sy_error *err)
{
    for (size_t i = 0; i < kwarg_count; i++) {
        const char *name = kwargs[i].name != NULL ? kwargs[i].name : "";
        int at = find_parameter(parameters, count, name);
        if (at < 0) {
            return syi_fail(err, SY_EINVAL, "%s: has no parameter \"%.40s\"", op->name, name);
        }
        if ((*given >> at & 1u) != 0) {
            return syi_fail(err, SY_EINVAL, "%s: %s is given twice", op->name, parameters[at].name);
        }
        *given |= 1u << at;
        SY_TRY(bind_value(op, &parameters[at], &kwargs[i].value, &bound[at], err));
    }
    return SY_OK;
}

sy_status syi_ops_bind(const syi_ops *ops, const syi_op *op, const sy_value *args, size_t arg_count,
                       const sy_named_value *kwargs, size_t kwarg_count,
                       sy_value bound[SYI_ARGUMENT_MAX], sy_error *err)
{
    const syi_parameter *parameters = ops->parameters[op->id];
    int count = ops->counts[op->id];
    int first = skips_first(parameters, count, args, arg_count, kwargs, kwarg_count) ? 1 : 0;
    unsigned given = 0;
    SY_TRY(bind_positional(op, parameters, count, first, args, arg_count, bound, &given, err));
    SY_TRY(bind_named(op, parameters, count, kwargs, kwarg_count, bound, &given, err));
    for (int i = 0; i < count; i++) {
        if ((given >> i & 1u) != 0) {
            continue;
        }
        if (is_required(&parameters[i])) {
            return syi_fail(err, SY_EINVAL, "%s: %s is missing, expected %s", op->name,
                            parameters[i].name, describe_type(parameters[i].type));
        }
        bound[i] = parameters[i].has_default ? parameters[i].default_value : sy_value_none();
    }
    return SY_OK;
}
