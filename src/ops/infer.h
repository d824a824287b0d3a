/*
 * infer.h - inside of the ops room: the rule functions of ops.def and what they share.
 * A rule reads bound arguments (schema order, tensors as ARRAY values), appends to result->outs with the
 * syi_infer_* functions below and counts there; syi_op_infer() drops them again when the rule fails.
 * Sentences of rules do not start with the operation's name: syi_op_infer() puts it in front.
 */
#ifndef SYI_OPS_INFER_H
#define SYI_OPS_INFER_H

#include <assert.h>

#include "ops/ops.h"

/* syi_infer_binary(), ...: one declaration per row, repeated where rows share a rule. */
#define SY_OP(name, form, schema, infer, outputs, flags, rows, cost, aliases)                  \
    sy_status syi_infer_##infer(const syi_op *op, const sy_value *args, syi_inference *result, \
                                sy_error *err);
#include <csyft/ops.def>
#undef SY_OP

/* "3x4", for sentences; `text` names the buffer. */
#define SYI_SHAPE_TEXT 64
#define SYI_SHAPE(array, text) syi_shape_format((array)->ndim, (array)->shape, (text), sizeof(text))

static inline bool syi_is_array(const sy_value *value)
{
    return (int)value->kind == SYI_VALUE_ARRAY;
}

static inline const syi_array *syi_argument_array(const sy_value *value)
{
    assert(syi_is_array(value));
    return value->as.internal;
}

static inline bool syi_is_none(const sy_value *value)
{
    return value->kind == SY_VALUE_NONE;
}

/* The ints of a bound i[] (a list, or one int). none counts as an empty list. */
typedef struct syi_ints {
    const sy_value *items;
    size_t count;
} syi_ints;

static inline syi_ints syi_argument_ints(const sy_value *value)
{
    switch (value->kind) {
    case SY_VALUE_INT:
        return (syi_ints){value, 1};
    case SY_VALUE_LIST:
        return (syi_ints){value->as.list.items, value->as.list.count};
    default:
        return (syi_ints){NULL, 0};
    }
}

/* Copies them; SY_ESHAPE when there are more than SY_DIM_MAX. */
sy_status syi_argument_dims(const sy_value *value, int64_t dims[SY_DIM_MAX], int *count,
                            sy_error *err);
/* A bound i that must be a dim of ndim dimensions. */
static inline sy_status syi_argument_dim(const sy_value *value, int ndim, int *dim, sy_error *err)
{
    return syi_dim_wrap(dim, value->as.integer, ndim, err);
}

/* The dims to reduce as a bit set; none and an empty list mean all. */
sy_status syi_argument_dim_set(const sy_value *dims, int ndim, unsigned *set, sy_error *err);

/* A bound i? that is a start or stop. The lowest int is a bound like others, not one left out. */
static inline int64_t syi_argument_bound(const sy_value *value)
{
    if (value->kind != SY_VALUE_INT) {
        return SY_SLICE_OPEN;
    }
    return value->as.integer == SY_SLICE_OPEN ? SY_SLICE_OPEN + 1 : value->as.integer;
}

/* Adds a description without storage. */
sy_status syi_infer_describe(syi_inference *result, sy_dtype dtype, int ndim, const int64_t *shape,
                             sy_error *err);
/* Adds a description with the shape to which the arrays among the operands broadcast. */
sy_status syi_infer_describe_broadcast(syi_inference *result, sy_dtype dtype,
                                       const sy_value *operands, size_t count, sy_error *err);
/* Adds a description of self without the dims of the set, or with 1 in their place. */
sy_status syi_infer_reduced(syi_inference *result, sy_dtype dtype, const syi_array *self,
                            unsigned set, bool keepdim, sy_error *err);
/* Room for one more result, zeroed, for a view function; counted by syi_infer_add(). */
static inline syi_array *syi_infer_next(syi_inference *result)
{
    return &result->outs[result->count];
}
/* Counts the result that a view function has just built. */
static inline sy_status syi_infer_add(syi_inference *result, sy_status status)
{
    result->count += status == SY_OK;
    return status;
}

/* One result whose shape depends on contents: no storage and one dim of -1, which the kernel replaces. */
static inline sy_status syi_infer_unknown(syi_inference *result, sy_dtype dtype)
{
    syi_array *out = syi_infer_next(result);
    *out = (syi_array){.dtype = dtype, .ndim = 1, .shape = {-1}};
    result->unknown = true;
    return syi_infer_add(result, SY_OK);
}

/* May `from` be written into `to`: broadcasting to exactly to's shape? */
sy_status syi_check_expandable(const syi_array *from, const syi_array *to, sy_error *err);

/* dtype of a bound d?, or `otherwise` when it was left out. */
static inline sy_dtype syi_argument_dtype(const sy_value *value, sy_dtype otherwise)
{
    return value->kind == SY_VALUE_DTYPE ? value->as.dtype : otherwise;
}
sy_status syi_check_floating(sy_dtype dtype, sy_error *err);

/* torch.can_cast: no float to integer, nothing but bool to bool. */
bool syi_dtype_can_cast(sy_dtype from, sy_dtype to);

typedef enum syi_reduction {
    SYI_REDUCTION_NONE,
    SYI_REDUCTION_MEAN,
    SYI_REDUCTION_SUM,
} syi_reduction;

/* SY_EINVAL unless "none", "mean" or "sum". */
sy_status syi_argument_reduction(const sy_value *value, syi_reduction *reduction, sy_error *err);

/* The output_mask of backward halves: three ints, 0 or not. SY_EINVAL otherwise. */
sy_status syi_argument_mask(const sy_value *value, bool mask[3], sy_error *err);
/* Adds a result that was asked for, or a tensor of no elements that stands for one that was not. */
sy_status syi_infer_part(syi_inference *result, bool wanted, sy_dtype dtype, int ndim,
                         const int64_t *shape, sy_error *err);

#endif
