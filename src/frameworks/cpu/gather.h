/* gather.h - picking single elements along a dim, for gather and index_select. Room frameworks/cpu only. */
#ifndef SYI_FRAMEWORKS_CPU_GATHER_H
#define SYI_FRAMEWORKS_CPU_GATHER_H

#include "frameworks/cpu/cpu.h"

/* out[.., i, ..] = from[.., index[.., i, ..], ..] along dim. `index`: int64, out's shape, checked; no scalars. */
void syi_gather_run(const syi_array *out, const syi_array *from, int dim, const syi_array *index);

#endif
