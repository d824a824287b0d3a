/*
 * operations.c - the generated C functions of operations.h, one body per operand form. Test:
 * operations_test.c.
 */
#include <csyft/operations.h>

#include "hook/scope.h"

#define TENSOR(x) sy_value_tensor(x)
#define RUN(name, inplace, ...)                                      \
    do {                                                             \
        const sy_value args_[] = {__VA_ARGS__};                      \
        return syi_scope_run(scope, SYI_OP_##name, (inplace), args_, \
                             sizeof args_ / sizeof args_[0]);        \
    } while (0)

/* A list of integers as a value, on the caller's stack. */
typedef struct int_list {
    sy_value items[2 * SY_DIM_MAX + 1];
    sy_value value;
} int_list;

static sy_value ints(int_list *list, const int64_t *values, int count)
{
    /* One more than allowed is passed on, so that the shape rule refuses it by name. */
    int kept = count < 0 ? 0 : count > SY_DIM_MAX ? SY_DIM_MAX + 1 : count;
    for (int k = 0; k < kept; k++) {
        list->items[k] = sy_value_int(values[k]);
    }
    list->value = sy_value_list(list->items, (size_t)kept);
    return list->value;
}

#undef SY_FORM_NONE
#undef SY_FORM_UNARY
#undef SY_FORM_UNARY_BOTH
#undef SY_FORM_PAIR
#undef SY_FORM_BINARY_NEW
#undef SY_FORM_BINARY
#undef SY_FORM_REDUCE_INDEX
#undef SY_FORM_REDUCE
#undef SY_FORM_REDUCE_PAIR
#undef SY_FORM_CREATE
#undef SY_FORM_SIZE
#undef SY_FORM_DIM
#undef SY_FORM_DIAGONAL
#undef SY_FORM_JOIN
#undef SY_FORM_LOSS

#define SY_FORM_NONE(name)
#define SY_FORM_UNARY(name)                                \
    sy_tensor *sy_##name(sy_scope *scope, sy_tensor *self) \
    {                                                      \
        RUN(name, false, TENSOR(self));                    \
    }
#define SY_FORM_UNARY_BOTH(name)                              \
    SY_FORM_UNARY(name)                                       \
    sy_tensor *sy_##name##_(sy_scope *scope, sy_tensor *self) \
    {                                                         \
        RUN(name, true, TENSOR(self));                        \
    }
#define SY_FORM_PAIR(name)                                                   \
    sy_tensor *sy_##name(sy_scope *scope, sy_tensor *self, sy_tensor *other) \
    {                                                                        \
        RUN(name, false, TENSOR(self), TENSOR(other));                       \
    }
#define SY_FORM_BINARY_NEW(name)                                                  \
    SY_FORM_PAIR(name)                                                            \
    sy_tensor *sy_##name##_scalar(sy_scope *scope, sy_tensor *self, double other) \
    {                                                                             \
        RUN(name, false, TENSOR(self), sy_value_float(other));                    \
    }                                                                             \
    sy_tensor *sy_##name##_int(sy_scope *scope, sy_tensor *self, int64_t other)   \
    {                                                                             \
        RUN(name, false, TENSOR(self), sy_value_int(other));                      \
    }
#define SY_FORM_BINARY(name)                                                       \
    SY_FORM_BINARY_NEW(name)                                                       \
    sy_tensor *sy_##name##_(sy_scope *scope, sy_tensor *self, sy_tensor *other)    \
    {                                                                              \
        RUN(name, true, TENSOR(self), TENSOR(other));                              \
    }                                                                              \
    sy_tensor *sy_##name##_scalar_(sy_scope *scope, sy_tensor *self, double other) \
    {                                                                              \
        RUN(name, true, TENSOR(self), sy_value_float(other));                      \
    }                                                                              \
    sy_tensor *sy_##name##_int_(sy_scope *scope, sy_tensor *self, int64_t other)   \
    {                                                                              \
        RUN(name, true, TENSOR(self), sy_value_int(other));                        \
    }
#define SY_FORM_REDUCE_INDEX(name)                                                      \
    SY_FORM_UNARY(name)                                                                 \
    sy_tensor *sy_##name##_dim(sy_scope *scope, sy_tensor *self, int dim, bool keepdim) \
    {                                                                                   \
        RUN(name, false, TENSOR(self), sy_value_int(dim), sy_value_bool(keepdim));      \
    }
#define SY_FORM_REDUCE(name) SY_FORM_REDUCE_INDEX(name)
#define SY_FORM_REDUCE_PAIR(name)                                                          \
    SY_FORM_UNARY(name)                                                                    \
    sy_tensor *sy_##name##_dim(sy_scope *scope, sy_tensor *self, int dim, bool keepdim,    \
                               sy_tensor **indices)                                        \
    {                                                                                      \
        const sy_value args[] = {TENSOR(self), sy_value_int(dim), sy_value_bool(keepdim)}; \
        sy_tensor *pair[2] = {NULL, NULL};                                                 \
        size_t count = syi_scope_run_many(scope, SYI_OP_##name, args, 3, pair, 2);         \
        if (indices != NULL) {                                                             \
            *indices = count == 2 ? pair[1] : NULL;                                        \
        }                                                                                  \
        return count > 0 ? pair[0] : NULL;                                                 \
    }
#define SY_FORM_CREATE(name)                                                              \
    sy_tensor *sy_##name(sy_scope *scope, sy_dtype dtype, int ndim, const int64_t *shape) \
    {                                                                                     \
        int_list size;                                                                    \
        RUN(name, false, ints(&size, shape, ndim), sy_value_dtype(dtype));                \
    }
#define SY_FORM_SIZE(name)                                                                 \
    sy_tensor *sy_##name(sy_scope *scope, sy_tensor *self, int ndim, const int64_t *shape) \
    {                                                                                      \
        int_list size;                                                                     \
        RUN(name, false, TENSOR(self), ints(&size, shape, ndim));                          \
    }
#define SY_FORM_DIM(name)                                           \
    sy_tensor *sy_##name(sy_scope *scope, sy_tensor *self, int dim) \
    {                                                               \
        RUN(name, false, TENSOR(self), sy_value_int(dim));          \
    }
#define SY_FORM_DIAGONAL(name)                                               \
    sy_tensor *sy_##name(sy_scope *scope, sy_tensor *self, int64_t diagonal) \
    {                                                                        \
        RUN(name, false, TENSOR(self), sy_value_int(diagonal));              \
    }
#define SY_FORM_JOIN(name)                                                                  \
    sy_tensor *sy_##name(sy_scope *scope, sy_tensor *const *tensors, size_t count, int dim) \
    {                                                                                       \
        sy_value items[SYI_OUTPUT_MAX];                                                     \
        size_t kept = count < SYI_OUTPUT_MAX ? count : SYI_OUTPUT_MAX;                      \
        for (size_t k = 0; k < kept; k++) {                                                 \
            items[k] = TENSOR(tensors[k]);                                                  \
        }                                                                                   \
        if (kept < count) {                                                                 \
            return too_many(scope, #name, count);                                           \
        }                                                                                   \
        RUN(name, false, sy_value_list(items, kept), sy_value_int(dim));                    \
    }
#define SY_FORM_LOSS(name) SY_FORM_PAIR(name)

static sy_tensor *too_many(sy_scope *scope, const char *name, size_t count)
{
    sy_error error = SY_ERROR_INIT;
    syi_fail(&error, SY_ELIMIT, "%s: %zu tensors, at most %d at once", name, count, SYI_OUTPUT_MAX);
    sy_scope_fail(scope, &error);
    return NULL;
}

#define SY_OP(name, form, schema, infer, outputs, flags, rows, cost, aliases) SY_FORM_##form(name)
#include <csyft/ops.def>
#undef SY_OP

static sy_value open_int(int64_t value)
{
    return value == SY_SLICE_OPEN ? sy_value_none() : sy_value_int(value);
}

sy_tensor *sy_transpose(sy_scope *scope, sy_tensor *self, int dim0, int dim1)
{
    RUN(transpose, false, TENSOR(self), sy_value_int(dim0), sy_value_int(dim1));
}

sy_tensor *sy_permute(sy_scope *scope, sy_tensor *self, int ndim, const int64_t *dims)
{
    int_list list;
    RUN(permute, false, TENSOR(self), ints(&list, dims, ndim));
}

sy_tensor *sy_select(sy_scope *scope, sy_tensor *self, int dim, int64_t index)
{
    RUN(select, false, TENSOR(self), sy_value_int(dim), sy_value_int(index));
}

sy_tensor *sy_slice(sy_scope *scope, sy_tensor *self, int dim, int64_t start, int64_t stop,
                    int64_t step)
{
    RUN(slice, false, TENSOR(self), sy_value_int(dim), open_int(start), open_int(stop),
        sy_value_int(step));
}

sy_tensor *sy_narrow(sy_scope *scope, sy_tensor *self, int dim, int64_t start, int64_t length)
{
    RUN(narrow, false, TENSOR(self), sy_value_int(dim), sy_value_int(start), sy_value_int(length));
}

sy_tensor *sy_squeeze(sy_scope *scope, sy_tensor *self, int dim)
{
    RUN(squeeze, false, TENSOR(self), sy_value_int(dim));
}

sy_tensor *sy_unsqueeze(sy_scope *scope, sy_tensor *self, int dim)
{
    RUN(unsqueeze, false, TENSOR(self), sy_value_int(dim));
}

sy_tensor *sy_index_select(sy_scope *scope, sy_tensor *self, int dim, sy_tensor *index)
{
    RUN(index_select, false, TENSOR(self), sy_value_int(dim), TENSOR(index));
}

sy_tensor *sy_index(sy_scope *scope, sy_tensor *self, const sy_value *index, size_t count)
{
    RUN(index, false, TENSOR(self), sy_value_list(index, count));
}

sy_tensor *sy_index_put_(sy_scope *scope, sy_tensor *self, const sy_value *index, size_t count,
                         sy_value values)
{
    RUN(index_put, true, TENSOR(self), sy_value_list(index, count), values);
}

sy_tensor *sy_gather(sy_scope *scope, sy_tensor *self, int dim, sy_tensor *index)
{
    RUN(gather, false, TENSOR(self), sy_value_int(dim), TENSOR(index));
}

sy_tensor *sy_scatter(sy_scope *scope, sy_tensor *self, int dim, sy_tensor *index, sy_tensor *src)
{
    RUN(scatter, false, TENSOR(self), sy_value_int(dim), TENSOR(index), TENSOR(src));
}

sy_tensor *sy_scatter_add(sy_scope *scope, sy_tensor *self, int dim, sy_tensor *index,
                          sy_tensor *src)
{
    RUN(scatter_add, false, TENSOR(self), sy_value_int(dim), TENSOR(index), TENSOR(src));
}

sy_tensor *sy_index_add(sy_scope *scope, sy_tensor *self, int dim, sy_tensor *index,
                        sy_tensor *source)
{
    RUN(index_add, false, TENSOR(self), sy_value_int(dim), TENSOR(index), TENSOR(source));
}

sy_tensor *sy_masked_fill(sy_scope *scope, sy_tensor *self, sy_tensor *mask, double value)
{
    RUN(masked_fill, false, TENSOR(self), TENSOR(mask), sy_value_float(value));
}

sy_tensor *sy_one_hot(sy_scope *scope, sy_tensor *self, int64_t classes)
{
    RUN(one_hot, false, TENSOR(self), sy_value_int(classes));
}

sy_tensor *sy_flip(sy_scope *scope, sy_tensor *self, int ndim, const int64_t *dims)
{
    int_list list;
    RUN(flip, false, TENSOR(self), ints(&list, dims, ndim));
}

sy_tensor *sy_roll(sy_scope *scope, sy_tensor *self, int64_t shift, int dim)
{
    const sy_value by = sy_value_int(shift), along = sy_value_int(dim);
    RUN(roll, false, TENSOR(self), sy_value_list(&by, 1), sy_value_list(&along, 1));
}

sy_tensor *sy_pad(sy_scope *scope, sy_tensor *self, const int64_t *pad, int count, const char *mode,
                  double value)
{
    int_list list;
    const int kept = count < 2 * SY_DIM_MAX ? count : 2 * SY_DIM_MAX + 1;
    for (int k = 0; k < kept; k++) {
        list.items[k] = sy_value_int(pad[k]);
    }
    RUN(pad, false, TENSOR(self), sy_value_list(list.items, kept < 0 ? 0 : (size_t)kept),
        mode != NULL ? sy_value_string(mode) : sy_value_none(), sy_value_float(value));
}

sy_tensor *sy_repeat_interleave(sy_scope *scope, sy_tensor *self, int64_t repeats, int dim)
{
    RUN(repeat_interleave, false, TENSOR(self), sy_value_int(repeats), sy_value_int(dim));
}

sy_tensor *sy_movedim(sy_scope *scope, sy_tensor *self, int source, int destination)
{
    const sy_value from = sy_value_int(source), to = sy_value_int(destination);
    RUN(movedim, false, TENSOR(self), sy_value_list(&from, 1), sy_value_list(&to, 1));
}

sy_tensor *sy_diagonal(sy_scope *scope, sy_tensor *self, int64_t offset, int dim1, int dim2)
{
    RUN(diagonal, false, TENSOR(self), sy_value_int(offset), sy_value_int(dim1),
        sy_value_int(dim2));
}

sy_tensor *sy_eye(sy_scope *scope, sy_dtype dtype, int64_t rows, int64_t columns)
{
    RUN(eye, false, sy_value_int(rows), sy_value_int(columns), sy_value_dtype(dtype));
}

sy_tensor *sy_linspace(sy_scope *scope, sy_dtype dtype, double start, double end, int64_t steps)
{
    RUN(linspace, false, sy_value_float(start), sy_value_float(end), sy_value_int(steps),
        sy_value_dtype(dtype));
}

sy_tensor *sy_full_like(sy_scope *scope, sy_tensor *self, double value)
{
    RUN(full_like, false, TENSOR(self), sy_value_float(value));
}

sy_tensor *sy_to(sy_scope *scope, sy_tensor *self, sy_dtype dtype)
{
    RUN(to, false, TENSOR(self), sy_value_dtype(dtype));
}

sy_tensor *sy_linear(sy_scope *scope, sy_tensor *input, sy_tensor *weight, sy_tensor *bias)
{
    RUN(linear, false, TENSOR(input), TENSOR(weight),
        bias != NULL ? TENSOR(bias) : sy_value_none());
}

sy_tensor *sy_where(sy_scope *scope, sy_tensor *condition, sy_tensor *self, sy_tensor *other)
{
    RUN(where, false, TENSOR(condition), TENSOR(self), TENSOR(other));
}

sy_tensor *sy_full(sy_scope *scope, sy_dtype dtype, int ndim, const int64_t *shape, double value)
{
    int_list size;
    RUN(full, false, ints(&size, shape, ndim), sy_value_float(value), sy_value_dtype(dtype));
}

sy_tensor *sy_arange(sy_scope *scope, sy_dtype dtype, double start, double end, double step)
{
    RUN(arange, false, sy_value_float(start), sy_value_float(end), sy_value_float(step),
        sy_value_dtype(dtype));
}

sy_tensor *sy_randint(sy_scope *scope, int64_t low, int64_t high, int ndim, const int64_t *shape)
{
    int_list size;
    RUN(randint, false, sy_value_int(low), sy_value_int(high), ints(&size, shape, ndim));
}

sy_tensor *sy_randperm(sy_scope *scope, int64_t n)
{
    RUN(randperm, false, sy_value_int(n));
}

sy_tensor *sy_copy_(sy_scope *scope, sy_tensor *self, sy_tensor *source)
{
    RUN(copy_, true, TENSOR(self), TENSOR(source));
}

sy_tensor *sy_fill_(sy_scope *scope, sy_tensor *self, double value)
{
    RUN(fill_, true, TENSOR(self), sy_value_float(value));
}

sy_tensor *sy_zero_(sy_scope *scope, sy_tensor *self)
{
    RUN(zero_, true, TENSOR(self));
}

sy_tensor *sy_sgd_(sy_scope *scope, sy_tensor *self, sy_tensor *grad, double lr)
{
    RUN(sgd_, true, TENSOR(self), TENSOR(grad), sy_value_float(lr));
}
