/*
 * slices.h - arrays as slices along one dim, and loops over such slices: what gathering, scattering and joining
 * share. Room frameworks/cpu only.
 */
#ifndef SYI_FRAMEWORKS_CPU_SLICES_H
#define SYI_FRAMEWORKS_CPU_SLICES_H

#include "frameworks/cpu/cpu.h"

/* out = a, by size of the element; out = a + b, by dtype. */
extern const syi_loop syi_copy_loops[9];
extern const syi_loop syi_add_loops[SY_DTYPE_COUNT];

/* An array seen as slices along one dim; a 0-dim array is one slice. */
typedef struct syi_axis {
    syi_array slice; /* the first one, with size 1 in the dim; borrows the storage */
    int dim;
    int64_t size; /* slices */
    int64_t step; /* bytes from one to the next */
} syi_axis;

sy_status syi_axis_find(const syi_cpu_call *call, syi_axis *made, const syi_array *array,
                        const sy_value *dim);
/* `index` as packed int64, every entry inside the axis. */
sy_status syi_axis_read_index(const syi_cpu_call *call, syi_array *packed, const sy_value *index,
                              const syi_axis *along);

/* Runs a loop over one slice of each operand of the nest (merged), moved by so many bytes. */
void syi_slice_run(const syi_nest *slices, const int64_t *moved, syi_loop loop);

/* Copies of slices of operand 1 to operand 0, elements of `size` bytes: memcpy where a slice is one run. */
typedef struct syi_slice_copy {
    const syi_nest *slices;
    syi_loop loop;
    int64_t bytes; /* of the run; 0: none */
} syi_slice_copy;
syi_slice_copy syi_slice_copy_plan(const syi_nest *slices, int64_t size);
void syi_slice_copy_run(const syi_slice_copy *plan, int64_t to, int64_t from);

#endif
