/* search.h - asking a worker what it holds (workers.md, search). */
#ifndef SYI_WORKERS_SEARCH_H
#define SYI_WORKERS_SEARCH_H

#include "workers/worker.h"

typedef struct syi_found { /* borrowed for the call */
    sy_id id;
    uint64_t generation;
    sy_dtype dtype;
    int ndim; /* -1: not known */
    int64_t shape[SY_DIM_MAX];
    const char *const *tags;
    size_t tag_count;
    const char *description; /* may be NULL */
    bool private_;
} syi_found;

struct syi_exchange;
/* The two halves of it, so that several workers can be asked at the same time: what was started with success must be
 * finished. */
sy_status syi_search_start(sy_worker *worker, const char *const *terms, size_t term_count,
                           struct syi_exchange *exchange, sy_error *err);
sy_status syi_search_finish(sy_worker *worker, struct syi_exchange *exchange,
                            sy_status (*expect)(void *user, size_t count, sy_error *err),
                            sy_status (*each)(void *user, const syi_found *found, sy_error *err),
                            void *user, sy_error *err);

/* Calls `expect` once with the number of matches, then `each` in registry order. */
sy_status syi_search(sy_worker *worker, const char *const *terms, size_t term_count,
                     sy_status (*expect)(void *user, size_t count, sy_error *err),
                     sy_status (*each)(void *user, const syi_found *found, sy_error *err),
                     void *user, sy_error *err);

#endif
