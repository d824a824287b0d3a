#include "interpreters/plusisminus.h"

#include <string.h>

static const char type_name[] = "PlusIsMinusTensor";

/* add -> sub and add_ -> sub_, which have the same parameters. */
static sy_status plus_is_minus(sy_operation *operation, void *user, sy_error *err)
{
    const char *name = sy_operation_get_name(operation);
    const sy_value *args = NULL;
    (void)user;
    if (strcmp(name, "add") != 0 && strcmp(name, "add_") != 0) {
        return SY_OK;
    }
    const size_t count = sy_operation_get_arguments(operation, &args);
    sy_tensor *difference =
        sy_scope_call(sy_operation_get_scope(operation),
                      sy_operation_is_inplace(operation) ? "sub_" : "sub", args, count);
    return sy_operation_answer(operation, &difference, 1, err);
}

sy_status syi_plusisminus_register(sy_hook *hook, sy_error *err)
{
    const sy_interpreter *type = NULL;
    const sy_interpreter_class klass = {
        .size = sizeof klass, .name = type_name, .call = plus_is_minus};
    return sy_interpreter_register(hook, &type, &klass, err);
}

sy_status sy_tensor_plus_is_minus(sy_tensor *tensor, sy_tensor **wrapped, sy_error *err)
{
    const sy_hook *hook = tensor != NULL ? sy_tensor_get_hook(tensor) : NULL;
    const sy_interpreter *type = hook != NULL ? sy_interpreter_find(hook, type_name) : NULL;
    return sy_tensor_wrap_with(tensor, wrapped, type, NULL, err);
}
