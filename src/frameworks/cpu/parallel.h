/*
 * parallel.h - one kernel's work split over the context's pool. The caller works, too, and only waits for what a
 * thread has already begun, so that kernels on pool threads may split, as well. What is computed must not
 * depend on who computes which piece. Room frameworks/cpu only. Test: parallel_test.c.
 */
#ifndef SYI_FRAMEWORKS_CPU_PARALLEL_H
#define SYI_FRAMEWORKS_CPU_PARALLEL_H

#include <csyft/context.h>

/* Pieces [0, count) run once each; `worker` is below `workers`, and no two pieces run at once under the same
 * number, so that it can name a buffer. */
typedef void (*syi_piece_fn)(void *user, int64_t piece, int worker);

#define SYI_PARALLEL_MAX 16

/* How many workers to prepare buffers for: 1 when `ns`, a rough running time, is not worth a second thread. */
int syi_parallel_workers(sy_context *context, int64_t pieces, double ns);
/* Returns when all pieces are done. Cannot fail: what no thread can be found for, the caller does. */
void syi_parallel_run(sy_context *context, int64_t count, int workers, syi_piece_fn run,
                      void *user);

#endif
