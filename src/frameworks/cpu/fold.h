/*
 * fold.h - reductions of some dims to one result each, as a pair of 64-bit accumulators. A fold says how one row, and
 * how elements of neighbouring results side by side, are taken in; the walk over any strides is here. Room
 * frameworks/cpu only. Test: tests/vectors/ops (every fold).
 */
#ifndef SYI_FRAMEWORKS_CPU_FOLD_H
#define SYI_FRAMEWORKS_CPU_FOLD_H

#include "frameworks/cpu/cpu.h"

/* Results that are accumulated side by side: rows of 8 KiB of floats. Shorter ones end before the processor has
 * begun to fetch ahead (first dim of 3162x3162 f32: tiles of 256 took 2.4 times as long). */
#define SYI_FOLD_TILE 2048

typedef union syi_total {
    double real;
    int64_t whole;
    uint64_t bits;
} syi_total;

typedef struct syi_fold {
    /* Takes n elements of one result in; `seen` went in before. */
    void (*row)(int64_t n, const void *data, int64_t stride, int64_t seen, syi_total *a,
                syi_total *b, const void *param);
    /* Takes element i of each row into result i, row after row; `seen` rows went in before. */
    void (*across)(int64_t n, int64_t rows, const void *data, int64_t stride, int64_t row_stride,
                   int64_t seen, syi_total *a, syi_total *b, const void *param);
} syi_fold;

/* How the accumulators begin, and what becomes of them: finish leaves the results in a[], as doubles or as integers
 * (`whole`). */
typedef struct syi_folding {
    const syi_fold *fold;
    const void *param;
    syi_total first_a, first_b;
    bool whole;
    void (*finish)(int64_t n, int64_t count, syi_total *a, const syi_total *b, const void *param);
} syi_folding;

/* The dims of `ndim` that a dim, dims, none or an empty list (all) mark. */
sy_status syi_cpu_mark_dims(const syi_cpu_call *call, const sy_value *dims, int ndim, bool *marked);

/* outs[0] = the marked dims of `from` folded; `to` packed, its kept dims in from's order. */
void syi_cpu_fold(const syi_array *to, const syi_array *from, const bool *marked,
                  const syi_folding *folding);

#endif
