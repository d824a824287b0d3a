/*
 * arguments.h - the structure of arguments and answers: which of them are tensors, and where they stand
 * (003: hook_args). The dispatcher looks at every argument of every call itself and caches nothing; these
 * functions are for programs that ask the same questions, recorders and overloads for instance. Nothing is
 * allocated, and any thread may call them.
 */
#ifndef CSYFT_ARGUMENTS_H
#define CSYFT_ARGUMENTS_H

#include <csyft/tensor.h>

SY_BEGIN_DECLS

#define SY_RULE_DEPTH_MAX 8 /* deepest nesting that is looked at */

/*
 * build_rule: `rule` gets the structure of the arguments, with the int 1 where there is a tensor and 0
 * elsewhere: ([tensor, pointer], 42) gives ([1, 1], 0). Its lists, the outermost included, lie in
 * `items`, which has room for `capacity` values. SY_ELIMIT when that, or SY_RULE_DEPTH_MAX, is not enough.
 */
SY_API sy_status sy_build_rule(const sy_value *args, size_t count, sy_value *rule, sy_value *items,
                               size_t capacity, sy_error *err);
/* The path of the first 1 of a rule, depth first: {1, 0} for (0, [1, (0, 0)], 0). SY_EINVAL when there is
 * none, SY_ELIMIT. */
SY_API sy_status sy_rule_get_first(const sy_value *rule, size_t path[SY_RULE_DEPTH_MAX],
                                   size_t *depth, sy_error *err);
/* The element of nested lists at a path: {1, 1, 0} is c in (a, [b, (c, d)], e). NULL when there is none. */
SY_API const sy_value *sy_value_get_at(const sy_value *value, const size_t *path, size_t depth);
/* build_get_tensor_type: the name of the type of the first tensor, depth first, as in its text
 * ("tensor", "PointerTensor", "LoggingTensor"). SY_EINVAL when there is no tensor anywhere, SY_ELIMIT. */
SY_API sy_status sy_get_tensor_type(const sy_value *args, size_t count, const char **type,
                                    sy_error *err);
/* typed_identity: may `value` come where `model` came? none for none, int, float and bool each for its own
 * kind; anything for the rest. */
SY_API bool sy_typed_identity(const sy_value *model, const sy_value *value);

SY_END_DECLS

#endif
