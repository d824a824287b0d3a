/*
 * operations.h - one C function per operation and operand form, generated from ops.def.
 *
 * All take a scope (scope.h), borrow their arguments and return a tensor that the scope owns, or NULL
 * after a failure. Shapes broadcast and dtypes promote as in PyTorch 1.13. Forms:
 *   UNARY       sy_NAME(s, x)
 *   UNARY_BOTH  and in place sy_NAME_(s, x)
 *   BINARY      sy_NAME(s, a, b)  sy_NAME_scalar(s, a, 2.5)  sy_NAME_int(s, a, 2), and each with a
 *               trailing _ in place: sy_NAME_(s, a, b), sy_NAME_scalar_, sy_NAME_int_
 *   BINARY_NEW  BINARY without the in-place forms
 *   PAIR        sy_NAME(s, a, b)
 *   REDUCE      sy_NAME(s, x) over everything; sy_NAME_dim(s, x, dim, keepdim)
 *   REDUCE_PAIR sy_NAME(s, x); sy_NAME_dim(s, x, dim, keepdim, &indices): values, and indices (may be NULL)
 *   REDUCE_INDEX sy_NAME(s, x); sy_NAME_dim(s, x, dim, keepdim)
 *   CREATE      sy_NAME(s, dtype, ndim, shape)
 *   SIZE        sy_NAME(s, x, ndim, shape)
 *   DIM         sy_NAME(s, x, dim)
 *   DIAGONAL    sy_NAME(s, x, diagonal)
 *   JOIN        sy_NAME(s, tensors, count, dim)
 *   LOSS        sy_NAME(s, input, target): mean over the batch
 * Further operations, and keyword arguments, by name: sy_scope_call.
 */
#ifndef CSYFT_OPERATIONS_H
#define CSYFT_OPERATIONS_H

#include <csyft/scope.h>

SY_BEGIN_DECLS

#define SY_FORM_NONE(name)
#define SY_FORM_UNARY(name) SY_API sy_tensor *sy_##name(sy_scope *scope, sy_tensor *self);
#define SY_FORM_UNARY_BOTH(name) \
    SY_FORM_UNARY(name)          \
    SY_API sy_tensor *sy_##name##_(sy_scope *scope, sy_tensor *self);
#define SY_FORM_PAIR(name) \
    SY_API sy_tensor *sy_##name(sy_scope *scope, sy_tensor *self, sy_tensor *other);
#define SY_FORM_BINARY_NEW(name)                                                          \
    SY_FORM_PAIR(name)                                                                    \
    SY_API sy_tensor *sy_##name##_scalar(sy_scope *scope, sy_tensor *self, double other); \
    SY_API sy_tensor *sy_##name##_int(sy_scope *scope, sy_tensor *self, int64_t other);
#define SY_FORM_BINARY(name)                                                               \
    SY_FORM_BINARY_NEW(name)                                                               \
    SY_API sy_tensor *sy_##name##_(sy_scope *scope, sy_tensor *self, sy_tensor *other);    \
    SY_API sy_tensor *sy_##name##_scalar_(sy_scope *scope, sy_tensor *self, double other); \
    SY_API sy_tensor *sy_##name##_int_(sy_scope *scope, sy_tensor *self, int64_t other);
#define SY_FORM_REDUCE_INDEX(name) \
    SY_FORM_UNARY(name)            \
    SY_API sy_tensor *sy_##name##_dim(sy_scope *scope, sy_tensor *self, int dim, bool keepdim);
#define SY_FORM_REDUCE(name) SY_FORM_REDUCE_INDEX(name)
#define SY_FORM_REDUCE_PAIR(name)                                                              \
    SY_FORM_UNARY(name)                                                                        \
    SY_API sy_tensor *sy_##name##_dim(sy_scope *scope, sy_tensor *self, int dim, bool keepdim, \
                                      sy_tensor **indices);
#define SY_FORM_CREATE(name) \
    SY_API sy_tensor *sy_##name(sy_scope *scope, sy_dtype dtype, int ndim, const int64_t *shape);
#define SY_FORM_SIZE(name) \
    SY_API sy_tensor *sy_##name(sy_scope *scope, sy_tensor *self, int ndim, const int64_t *shape);
#define SY_FORM_DIM(name) SY_API sy_tensor *sy_##name(sy_scope *scope, sy_tensor *self, int dim);
#define SY_FORM_DIAGONAL(name) \
    SY_API sy_tensor *sy_##name(sy_scope *scope, sy_tensor *self, int64_t diagonal);
#define SY_FORM_JOIN(name) \
    SY_API sy_tensor *sy_##name(sy_scope *scope, sy_tensor *const *tensors, size_t count, int dim);
#define SY_FORM_LOSS(name) SY_FORM_PAIR(name)

#define SY_OP(name, form, schema, infer, outputs, flags, rows, cost, aliases) SY_FORM_##form(name)
#include <csyft/ops.def>
#undef SY_OP

/* Rows whose parameters fit no form. */
SY_API sy_tensor *sy_transpose(sy_scope *scope, sy_tensor *self, int dim0, int dim1);
SY_API sy_tensor *sy_permute(sy_scope *scope, sy_tensor *self, int ndim, const int64_t *dims);
SY_API sy_tensor *sy_select(sy_scope *scope, sy_tensor *self, int dim, int64_t index);
/* start and stop as in Python; SY_SLICE_OPEN leaves one out. */
SY_API sy_tensor *sy_slice(sy_scope *scope, sy_tensor *self, int dim, int64_t start, int64_t stop,
                           int64_t step);
SY_API sy_tensor *sy_narrow(sy_scope *scope, sy_tensor *self, int dim, int64_t start,
                            int64_t length);
SY_API sy_tensor *sy_squeeze(sy_scope *scope, sy_tensor *self, int dim);
SY_API sy_tensor *sy_unsqueeze(sy_scope *scope, sy_tensor *self, int dim);
SY_API sy_tensor *sy_index_select(sy_scope *scope, sy_tensor *self, int dim, sy_tensor *index);
/* x[a, b, ...]: ints, slices, none, ellipsis, integer tensors, masks, lists of ints or bools. */
SY_API sy_tensor *sy_index(sy_scope *scope, sy_tensor *self, const sy_value *index, size_t count);
/* x[a, b, ...] = values, a tensor that broadcasts or a number. Returns self. */
SY_API sy_tensor *sy_index_put_(sy_scope *scope, sy_tensor *self, const sy_value *index,
                                size_t count, sy_value values);
SY_API sy_tensor *sy_gather(sy_scope *scope, sy_tensor *self, int dim, sy_tensor *index);
SY_API sy_tensor *sy_scatter(sy_scope *scope, sy_tensor *self, int dim, sy_tensor *index,
                             sy_tensor *src);
SY_API sy_tensor *sy_scatter_add(sy_scope *scope, sy_tensor *self, int dim, sy_tensor *index,
                                 sy_tensor *src);
SY_API sy_tensor *sy_index_add(sy_scope *scope, sy_tensor *self, int dim, sy_tensor *index,
                               sy_tensor *source);
SY_API sy_tensor *sy_masked_fill(sy_scope *scope, sy_tensor *self, sy_tensor *mask, double value);
/* -1 classes: one more than the largest. */
SY_API sy_tensor *sy_one_hot(sy_scope *scope, sy_tensor *self, int64_t classes);
SY_API sy_tensor *sy_flip(sy_scope *scope, sy_tensor *self, int ndim, const int64_t *dims);
SY_API sy_tensor *sy_roll(sy_scope *scope, sy_tensor *self, int64_t shift, int dim);
/* Pairs (before, after) from the last dim on, of which there are `count` / 2. mode: NULL or "constant",
 * "reflect", "replicate", "circular". */
SY_API sy_tensor *sy_pad(sy_scope *scope, sy_tensor *self, const int64_t *pad, int count,
                         const char *mode, double value);
SY_API sy_tensor *sy_repeat_interleave(sy_scope *scope, sy_tensor *self, int64_t repeats, int dim);
SY_API sy_tensor *sy_movedim(sy_scope *scope, sy_tensor *self, int source, int destination);
SY_API sy_tensor *sy_diagonal(sy_scope *scope, sy_tensor *self, int64_t offset, int dim1, int dim2);
SY_API sy_tensor *sy_eye(sy_scope *scope, sy_dtype dtype, int64_t rows, int64_t columns);
SY_API sy_tensor *sy_linspace(sy_scope *scope, sy_dtype dtype, double start, double end,
                              int64_t steps);
SY_API sy_tensor *sy_full_like(sy_scope *scope, sy_tensor *self, double value);
SY_API sy_tensor *sy_to(sy_scope *scope, sy_tensor *self, sy_dtype dtype);
SY_API sy_tensor *sy_linear(sy_scope *scope, sy_tensor *input, sy_tensor *weight, sy_tensor *bias);
SY_API sy_tensor *sy_where(sy_scope *scope, sy_tensor *condition, sy_tensor *self,
                           sy_tensor *other);
SY_API sy_tensor *sy_full(sy_scope *scope, sy_dtype dtype, int ndim, const int64_t *shape,
                          double value);
SY_API sy_tensor *sy_arange(sy_scope *scope, sy_dtype dtype, double start, double end, double step);
SY_API sy_tensor *sy_randint(sy_scope *scope, int64_t low, int64_t high, int ndim,
                             const int64_t *shape);
SY_API sy_tensor *sy_randperm(sy_scope *scope, int64_t n);
SY_API sy_tensor *sy_copy_(sy_scope *scope, sy_tensor *self, sy_tensor *source);
SY_API sy_tensor *sy_fill_(sy_scope *scope, sy_tensor *self, double value);
SY_API sy_tensor *sy_zero_(sy_scope *scope, sy_tensor *self);
/* self -= lr * grad, the update of plain SGD; records no gradient. */
SY_API sy_tensor *sy_sgd_(sy_scope *scope, sy_tensor *self, sy_tensor *grad, double lr);

SY_END_DECLS

#endif
