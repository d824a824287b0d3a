/*
 * overload.h - answers to single operations, for one type of interpreter (003: Overloaded.method, .function
 * and .module).
 *
 * An overload is asked before the type itself, wherever in a chain a node of the type meets the operation:
 * under other interpreters, in a list, given by name, at a worker. In csyft method, function and operator
 * are one operation under several names, so an overload of "add" also answers torch.add, __add__, and, with
 * the result written to self, add_ and __iadd__. Where a method and a function overload are given, each
 * answers its own form; where "add" and "add_" are given, each its own.
 *
 *     static sy_status add(sy_operation *operation, void *user, sy_error *err)
 *     {
 *         const sy_value *args;
 *         const size_t count = sy_operation_get_arguments(operation, &args);     // children
 *         sy_scope *s = sy_operation_get_scope(operation);
 *         sy_tensor *sum = sy_scope_call(s, sy_operation_get_name(operation), args, count);
 *         return sy_operation_answer(operation, &sum, 1, err);                   // wrapped again
 *     }
 *     sy_overload_method(hook, type, "add", add, NULL, &err);
 *
 * Register before tensors of the type are in use; nothing is unregistered. Names that no operation has are
 * allowed: they exist for this type only, take their arguments by position, and are called by sy_call,
 * sy_scope_call as any other.
 */
#ifndef CSYFT_OVERLOAD_H
#define CSYFT_OVERLOAD_H

#include <csyft/interpreter.h>

SY_BEGIN_DECLS

/* Methods: "add", "add_", "__add__". `type`: one that wraps a child (SY_EINVAL for pointers). SY_EEXIST
 * when there is one for this name and type, SY_EFORBIDDEN for a name on the exclude list (hook.h), SY_EINVAL
 * for a dotted or malformed name, SY_ENOMEM. */
SY_API sy_status sy_overload_method(sy_hook *hook, const sy_interpreter *type, const char *name,
                                    sy_operation_fn fn, void *user, sy_error *err);
/* Functions: "torch.add", "torch.nn.functional.relu". Otherwise as above. */
SY_API sy_status sy_overload_function(sy_hook *hook, const sy_interpreter *type, const char *name,
                                      sy_operation_fn fn, void *user, sy_error *err);

/*
 * Modules: a nested set of names. Each entry is a function or a module of more entries; the list ends with a
 * NULL name. A function that is not `unwrapped` receives the tensors as they came, wrapped, and its
 * sy_operation_answer gives them as they are (the reference's functions without @overloaded.function): it
 * must not run the same operation on the same tensors.
 */
typedef struct sy_overload_entry {
    const char *name; /* one part: "nn", "relu" */
    sy_operation_fn fn;
    void *user;
    bool unwrapped;
    const struct sy_overload_entry *module; /* instead of fn */
} sy_overload_entry;

/* `name`: what the entries' names stand under, "torch". All are registered, or none. */
SY_API sy_status sy_overload_module(sy_hook *hook, const sy_interpreter *type, const char *name,
                                    const sy_overload_entry *entries, sy_error *err);

/* Is there an overload that answers this name (in this very form, or as the other forms' stand-in)? */
SY_API bool sy_overload_exists(const sy_hook *hook, const sy_interpreter *type, const char *name);

SY_END_DECLS

#endif
