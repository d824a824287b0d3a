/*
 * loader_scene.h - loaders over virtual workers "a", "b", ... with numbered rows, and what they give as text. For tests of
 * src/federated.
 */
#ifndef CSYFT_TESTS_LOADER_SCENE_H
#define CSYFT_TESTS_LOADER_SCENE_H

#include <stdio.h>

#include "support/local_hook.h"
#include "support/numbered_rows.h"

enum { LOADER_WORKERS = 5, LOADER_ROWS = 60 };

typedef struct loader_scene {
    local_hook *local;
    sy_worker *workers[LOADER_WORKERS];
    sy_federated_dataset *spread;
    sy_federated_loader *loader;
} loader_scene;

/* Worker k has rows[k] rows; they are numbered through. `o` nullable. */
static inline loader_scene open_loader(void **state, const int64_t *rows, size_t workers,
                                       const sy_loader_options *o)
{
    loader_scene f = {.local = *state};
    sy_dataset *parts[LOADER_WORKERS];
    int64_t first = 0;
    for (size_t k = 0; k < workers; k++) {
        char id[2] = {(char)('a' + k), '\0'};
        assert_ok(sy_virtual_worker_new(f.local->hook, &f.workers[k], id, &f.local->err),
                  &f.local->err);
        parts[k] = numbered_rows_at(f.workers[k], first, rows[k]);
        first += rows[k];
    }
    f.spread = numbered_rows_spread(parts, workers);
    assert_ok(sy_federated_loader_new(&f.loader, f.spread, o, &f.local->err), &f.local->err);
    return f;
}

static inline void close_loader(loader_scene *f)
{
    sy_federated_loader_free(f->loader);
    sy_federated_dataset_unref(f->spread);
}

/* A step as text: "a:0,1 b:7"; "" at the end of a pass. */
static inline const char *step(loader_scene *f, char *text, size_t size)
{
    sy_federated_batch batches[LOADER_WORKERS];
    size_t count = 0, length = 0;
    text[0] = '\0';
    assert_ok(sy_federated_loader_next(f->loader, batches, LOADER_WORKERS, &count, &f->local->err),
              &f->local->err);
    for (size_t k = 0; k < count; k++) {
        int64_t numbers[LOADER_ROWS];
        char id[64];
        const sy_id name = sy_worker_get_id(batches[k].location);
        assert_ptr_equal(sy_tensor_get_location(batches[k].data), batches[k].location);
        assert_ptr_equal(sy_tensor_get_location(batches[k].targets), batches[k].location);
        numbered_rows_read(batches[k].data, batches[k].targets, numbers, (size_t)batches[k].rows);
        length += (size_t)snprintf(text + length, size - length, "%s%s:", k > 0 ? " " : "",
                                   sy_id_format(&name, id, sizeof id));
        for (int64_t i = 0; i < batches[k].rows; i++) {
            length += (size_t)snprintf(text + length, size - length, "%s%d", i > 0 ? "," : "",
                                       (int)numbers[i]);
        }
        sy_federated_batch_fini(&batches[k]);
        sy_federated_batch_fini(&batches[k]); /* twice is once */
    }
    return text;
}

#define assert_steps(f, ...)                                 \
    assert_pass((f), (const char *const[]){__VA_ARGS__, ""}, \
                sizeof((const char *const[]){__VA_ARGS__, ""}) / sizeof(char *))
static inline void assert_pass(loader_scene *f, const char *const *expected, size_t count)
{
    char text[1000];
    for (size_t k = 0; k < count; k++) {
        assert_string_equal(step(f, text, sizeof text), expected[k]);
    }
}

/* The numbers of a whole pass in the order in which they come. */
static inline size_t read_pass(loader_scene *f, int64_t *numbers)
{
    sy_federated_batch batches[LOADER_WORKERS];
    size_t count = 0, read = 0;
    do {
        assert_ok(
            sy_federated_loader_next(f->loader, batches, LOADER_WORKERS, &count, &f->local->err),
            &f->local->err);
        for (size_t k = 0; k < count; k++) {
            const size_t rows = (size_t)batches[k].rows;
            numbered_rows_read(batches[k].data, batches[k].targets, &numbers[read], rows);
            read += rows;
            sy_federated_batch_fini(&batches[k]);
        }
    } while (count > 0);
    return read;
}

#endif
