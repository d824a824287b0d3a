/*
 * scope.h - the value-returning form of operations.
 *
 *     sy_scope *s = sy_scope_begin(hook);
 *     sy_tensor *h = sy_relu(s, sy_add(s, sy_matmul(s, x, w), b));
 *     sy_tensor *y = sy_scope_keep(s, sy_log_softmax(s, h, 1));
 *     sy_status status = sy_scope_end(s, &err);         // y is yours now, or NULL
 *
 * A scope owns every result made in it and latches the first failure: an operation on NULL, or after a
 * failure, returns NULL and does nothing. The latched error names the operation and the source line.
 * A scope belongs to one thread; scopes nest. No operation allocates for the scope's sake.
 */
#ifndef CSYFT_SCOPE_H
#define CSYFT_SCOPE_H

#include <csyft/tensor.h>

SY_BEGIN_DECLS

/* NULL when there is no memory; every operation on a NULL scope returns NULL, and sy_scope_end then
 * reports SY_ENOMEM. */
SY_API sy_scope *sy_scope_begin(sy_hook *hook);
/* Drops every result that was not kept and the scope; reports the first failure. */
SY_API sy_status sy_scope_end(sy_scope *scope, sy_error *err);
/* Moves a result of this scope out: the caller owns a reference. Returns NULL for NULL. A tensor that
 * was not made here gets one more reference. */
SY_API sy_tensor *sy_scope_keep(sy_scope *scope, sy_tensor *tensor);
/* Hands a reference over to the scope, which drops it at its end. Returns the tensor. */
SY_API sy_tensor *sy_scope_adopt(sy_scope *scope, sy_tensor *tensor);
/* Drops the results made so far (for loops), keeps the scope and its latched error. */
SY_API void sy_scope_clear(sy_scope *scope);
SY_API sy_status sy_scope_get_status(const sy_scope *scope);
SY_API sy_hook *sy_scope_get_hook(const sy_scope *scope);
/* Latches a failure of the caller's own, so that later operations do nothing. */
SY_API void sy_scope_fail(sy_scope *scope, const sy_error *err);
/* Gradient recording for operations in this scope (default on); travels with remote commands. Returns
 * the old mode. */
SY_API bool sy_scope_set_grad_enabled(sy_scope *scope, bool enabled);
/* Operations on pointers do not wait for their replies; a failure is latched when it is learned, at the
 * latest at sy_scope_end. Default off. Returns the old mode. */
SY_API bool sy_scope_set_pipelined(sy_scope *scope, bool pipelined);
/* Notes where the next operation stands; operations.h does this by itself. Returns the scope. */
SY_API sy_scope *sy_scope_at(sy_scope *scope, const char *file, int line);
/* Any operation by name with positional arguments; its first tensor, or NULL. */
SY_API sy_tensor *sy_scope_call(sy_scope *scope, const char *name, const sy_value *args,
                                size_t arg_count);
/* The same for several results: returns their number (0 after a failure); borrowed by the scope. */
SY_API size_t sy_scope_call_many(sy_scope *scope, const char *name, const sy_value *args,
                                 size_t arg_count, sy_tensor **results, size_t capacity);

SY_END_DECLS

#endif
