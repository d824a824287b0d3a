/*
 * iterate.h - runs a one-dimensional loop over arrays of any strides.
 *
 * Dimensions are broadcast to the destination's shape, ordered by its strides and merged, so that the
 * loop sees the longest and most contiguous rows there are. Operands whose dtype differs from what the
 * loop computes in are converted block by block through the stack; nothing is allocated and nothing
 * can fail. Room frameworks/cpu only. Test: iterate_test.c.
 */
#ifndef SYI_FRAMEWORKS_CPU_ITERATE_H
#define SYI_FRAMEWORKS_CPU_ITERATE_H

#include "arrays/array.h"

#define SYI_OPERAND_MAX 4

/* data[0] is the destination; strides in bytes, 0 for a repeated value. n > 0. */
typedef void (*syi_loop)(int64_t n, void *const *data, const int64_t *strides, const void *param);

typedef struct syi_operand {
    const syi_array *array; /* with storage; NULL: `scalar` */
    const void *scalar;     /* one element of `dtype` */
    sy_dtype dtype;         /* what the loop reads or writes */
} syi_operand;

/* operands[0] is the destination and has an array; the others broadcast to its shape (the caller has
 * checked). A source is disjoint from the destination or the same view of it. `secret`: wipe the
 * conversion blocks. */
void syi_iterate(const syi_operand *operands, int count, syi_loop loop, const void *param,
                 bool secret);

/*
 * A nest of loops over up to SYI_OPERAND_MAX arrays, for kernels that walk in an order of their own.
 * Dimension 0 is the innermost.
 */
typedef struct syi_nest {
    int count; /* operands */
    int ndim;
    int64_t shape[SY_DIM_MAX];
    int64_t strides[SYI_OPERAND_MAX][SY_DIM_MAX]; /* bytes */
    char *data[SYI_OPERAND_MAX];
} syi_nest;

/* Starts a nest with the dims of `shape`, last one innermost, and no operands. */
void syi_nest_init(syi_nest *nest, int ndim, const int64_t *shape);
/* Appends an array that broadcasts to the nest's shape. Before merging. */
void syi_nest_add(syi_nest *nest, const syi_array *array);
void syi_nest_add_scalar(syi_nest *nest, const void *scalar);
/* Removes dims of size 1 and merges neighbours; `reorder` also sorts dims by stride. */
void syi_nest_merge(syi_nest *nest, bool reorder);
bool syi_nest_is_empty(const syi_nest *nest);
/* The next place of the dims from `first` on; false after the last one. at[] starts as zeros and data[]
 * as a copy of nest->data. */
bool syi_nest_step(const syi_nest *nest, int first, int64_t *at, char **data);

#endif
