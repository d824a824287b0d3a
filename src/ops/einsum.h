/*
 * einsum.h - equations of einsum: "bij,bjk->bik" against operands. Letters are labels of dims; three dots stand for the
 * dims that have none, aligned from the right as in broadcasting. Room ops; used by the shape rule and by the hook.
 * Test: infer_vectors_test.c, hook/einsum_test.c.
 */
#ifndef SYI_OPS_EINSUM_H
#define SYI_OPS_EINSUM_H

#include "ops/ops.h"

#define SYI_EINSUM_LETTERS 52
#define SYI_EINSUM_LABELS (SYI_EINSUM_LETTERS + SY_DIM_MAX) /* A-Z, a-z, dims of the dots */

/* The labels of a tensor's dims. */
typedef struct syi_einsum_term {
    int ndim;
    int labels[SY_DIM_MAX];
} syi_einsum_term;

typedef struct syi_einsum {
    int count;
    syi_einsum_term operands[SYI_OUTPUT_MAX];
    syi_einsum_term out;
    int64_t sizes[SYI_EINSUM_LABELS]; /* -1: the label does not occur */
} syi_einsum;

/* Shapes of the operands are looked at. SY_EINVAL for an equation that is none, SY_ESHAPE where it does not fit. */
sy_status syi_einsum_parse(syi_einsum *einsum, const char *equation,
                           const syi_array *const *operands, int count, sy_error *err);

/* self and other contracted over pairs of dims (bound i[]): tensordot. */
sy_status syi_einsum_of_tensordot(syi_einsum *einsum, const syi_array *self, const syi_array *other,
                                  const sy_value *self_dims, const sy_value *other_dims,
                                  sy_error *err);

#endif
