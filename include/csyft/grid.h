/*
 * grid.h - several workers searched as one: the VirtualGrid of the reference.
 *
 * All workers are asked before one of them is waited for. One that is not there, or refuses, is named in the results
 * with what it said, and costs nobody else's answers; it costs the time of its timeouts.
 *
 * A grid may be used by several threads; results belong to one.
 */
#ifndef CSYFT_GRID_H
#define CSYFT_GRID_H

#include <csyft/pointer.h>

SY_BEGIN_DECLS

typedef struct sy_grid sy_grid;

/* Workers of any kind, all of this hook, each once; borrowed. SY_EINVAL names one that is another hook's, is there
 * twice or NULL; SY_ENOMEM. No workers are allowed. */
SY_API sy_status sy_grid_new(sy_hook *hook, sy_grid **grid, sy_worker *const *workers, size_t count,
                             sy_error *err);
SY_API void sy_grid_free(sy_grid *grid); /* NULL is nothing; before the hook */
SY_API size_t sy_grid_get_worker_count(const sy_grid *grid);

typedef struct sy_grid_answer { /* of one worker */
    sy_worker *worker;          /* borrowed */
    sy_tensor **pointers; /* what matches, in the order of its registration; they do not own */
    size_t count;
    sy_status status; /* not SY_OK: it gave no answer; then `error` says why and names it */
    sy_error error;
} sy_grid_answer;

typedef struct sy_tag_count {
    const char *tag;
    size_t count; /* of results that bear it */
} sy_tag_count;

typedef struct sy_grid_results {
    sy_grid_answer *answers; /* one per worker, in the grid's order */
    size_t answer_count;
    size_t found;  /* results of all workers */
    size_t failed; /* workers without an answer */
    sy_tag_count
        *tags; /* the Counter of the original: the most frequent tag first, then as found */
    size_t tag_count;
} sy_grid_results;

/*
 * Asks every worker for what matches all terms (id, exact tag, or part of the description; none: everything).
 * *results is freed with sy_grid_results_free; to keep a pointer take a reference. SY_OK when at least one worker
 * answered, or there is none to ask; look at `failed`. Otherwise the first worker's failure. SY_EINVAL for a NULL term,
 * SY_ENOMEM.
 */
SY_API sy_status sy_grid_search(sy_grid *grid, sy_grid_results **results, const char *const *terms,
                                size_t term_count, sy_error *err);
SY_API void sy_grid_results_free(sy_hook *hook, sy_grid_results *results);
/* What the original prints when verbose: a line per worker with its three most frequent tags, the number in total, the
 * profile of tags; and a line per worker that gave no answer. *text is freed with sy_string_free. SY_ENOMEM. */
SY_API sy_status sy_grid_results_to_text(sy_hook *hook, const sy_grid_results *results, char **text,
                                         sy_error *err);

SY_END_DECLS

#endif
