/*
 * worker_kinds.h - one fixture for what must hold for every kind of worker: a client with two workers,
 * alice and bob, that are virtual workers of the client's own hook, or workers of hooks of their own (as
 * in other processes) that listen on tcp:// or ws:// at loopback, or are reached through a class made outside of
 * the library (custom_worker.h). A test is written once, on the handles,
 * and listed with WORKER_KINDS(test); it gets a `workers *` as its state.
 *
 * All contexts are on failing allocators; teardown fails when one of them has something left. Tensors made
 * with these functions belong to the fixture's scope, so that a failed assertion leaves nothing behind.
 */
#ifndef CSYFT_TESTS_WORKER_KINDS_H
#define CSYFT_TESTS_WORKER_KINDS_H

#include <pthread.h>

#include <csyft/operations.h>
#include <csyft/pointer.h>

#include "support/failing_allocator.h"
#include "support/test.h"

typedef struct worker_kind {
    const char *name;
    sy_worker_kind kind;
    const char *url;  /* to listen on; NULL: in the client's own hook */
    const char *type; /* as sy_worker_to_text and whoami name it */
    const char *whoami;
} worker_kind;
#define WORKER_KIND_COUNT 4
extern const worker_kind worker_kinds[WORKER_KIND_COUNT]; /* virtual, socket, websocket, custom */

typedef struct log_line {
    sy_log_level level;
    char component[24];
    char message[300];
} log_line;

typedef struct captured_log { /* every line at info and above */
    pthread_mutex_t lock;
    log_line *lines;
    size_t count, capacity;
} captured_log;

typedef struct place { /* a "process" */
    failing_allocator memory;
    sy_context *context;
    sy_hook *hook;
} place;

#define PLACES_MAX 8
#define RESULTS_MAX 64

typedef struct workers {
    const worker_kind *kind;
    captured_log log;         /* of the client's context */
    place places[PLACES_MAX]; /* the first is the client's */
    size_t place_count;

    sy_hook *hook;
    sy_worker *me;
    sy_worker *alice, *bob;                 /* as the client reaches them */
    sy_worker *alice_serving, *bob_serving; /* with the store; the same ones when virtual */
    sy_scope *s;

    sy_error err; /* of the last call below */
    sy_tensor *results[RESULTS_MAX];
    size_t result_count;
    sy_value value;
} workers;

#define WORKER_KINDS(test)                                                                       \
    {#test " [virtual]", test, workers_setup, workers_teardown, (void *)&worker_kinds[0]},       \
        {#test " [socket]", test, workers_setup, workers_teardown, (void *)&worker_kinds[1]},    \
        {#test " [websocket]", test, workers_setup, workers_teardown, (void *)&worker_kinds[2]}, \
    {                                                                                            \
#test " [custom]", test, workers_setup, workers_teardown, (void *)&worker_kinds[3]       \
    }
/* For what needs a URL, or a virtual worker: those of the library itself. */
#define LIBRARY_WORKER_KINDS(test)                                                            \
    {#test " [virtual]", test, workers_setup, workers_teardown, (void *)&worker_kinds[0]},    \
        {#test " [socket]", test, workers_setup, workers_teardown, (void *)&worker_kinds[1]}, \
    {                                                                                         \
#test " [websocket]", test, workers_setup, workers_teardown, (void *)&worker_kinds[2] \
    }
/* For what only a worker in another process can do. */
#define REMOTE_WORKER_KINDS(test)                                                             \
    {#test " [socket]", test, workers_setup, workers_teardown, (void *)&worker_kinds[1]},     \
    {                                                                                         \
#test " [websocket]", test, workers_setup, workers_teardown, (void *)&worker_kinds[2] \
    }
int workers_setup(void **state);
int workers_teardown(void **state);
/* As cmocka_run_group_tests; CSYFT_TEST_FILTER='*[socket]' runs some only. */
#define workers_run(tests) workers_run_tests(tests, sizeof(tests) / sizeof(tests)[0])
int workers_run_tests(const struct CMUnitTest *tests, size_t count);

/* One more worker of the kind; alice and bob are introduced to each other, further ones to nobody.
 * *serving nullable. */
sy_worker *workers_add(workers *w, const char *id, sy_worker **serving);
/* One more client, in a place of its own, with `bob` as it reaches him (not for virtual workers). */
sy_hook *workers_add_client(workers *w, const char *id, sy_worker **bob);

/* Sends waiting deletions of every worker and waits until all that follows from them has happened. */
void workers_settle(workers *w);
/* After settling: objects in a store. */
size_t workers_count(workers *w, sy_worker *serving);
#define assert_count(w, serving, expected) \
    assert_int_equal(workers_count((w), (serving)), (expected))

/* Tensors; each belongs to w->s. `data` row-major. */
sy_tensor *workers_tensor(workers *w, int ndim, const int64_t *shape, const float *data);
#define FLOATS(w, ...)                                                                      \
    workers_tensor((w), 1,                                                                  \
                   (const int64_t[]){sizeof((const float[]){__VA_ARGS__}) / sizeof(float)}, \
                   (const float[]){__VA_ARGS__})
#define MATRIX(w, rows, columns, ...) \
    workers_tensor((w), 2, (const int64_t[]){(rows), (columns)}, (const float[]){__VA_ARGS__})
sy_tensor *workers_longs(workers *w, int64_t count, const int64_t *data);
sy_tensor *workers_send(workers *w, sy_tensor *tensor, sy_worker *location); /* must succeed */
sy_tensor *workers_get(workers *w, sy_tensor *pointer);                      /* must succeed */
sy_tensor *workers_copy_get(workers *w, sy_tensor *pointer);                 /* must succeed */
/* The object under that id in a store; must be there. */
sy_tensor *workers_object(workers *w, sy_worker *serving, const sy_id *id);
void workers_drop(workers *w, sy_tensor *tensor);
/* Publishes at a worker a tensor made in its own place, and gives a pointer to it. */
sy_tensor *workers_publish(workers *w, sy_worker *worker, sy_worker *serving, const char *id,
                           const char *tag, bool private_, int ndim, const int64_t *shape,
                           sy_dtype dtype, const void *data);

/* Operations by name. The results are in w->results, owned by w->s; a plain answer in w->value. */
sy_status workers_call(workers *w, const char *name, const sy_value *args, size_t arg_count,
                       const sy_named_value *kwargs, size_t kwarg_count);
#define CALL(w, name, ...)                                     \
    workers_call((w), (name), (const sy_value[]){__VA_ARGS__}, \
                 sizeof((const sy_value[]){__VA_ARGS__}) / sizeof(sy_value), NULL, 0)
/* The first result of a call that must succeed. */
#define OP(w, name, ...)                                     \
    workers_op((w), (name), (const sy_value[]){__VA_ARGS__}, \
               sizeof((const sy_value[]){__VA_ARGS__}) / sizeof(sy_value), __FILE__, __LINE__)
sy_tensor *workers_op(workers *w, const char *name, const sy_value *args, size_t arg_count,
                      const char *file, int line);
#define TENSOR(x) sy_value_tensor(x)
#define INT(x) sy_value_int(x)
#define FLOAT(x) sy_value_float(x)
#define LIST(...)                                  \
    sy_value_list((const sy_value[]){__VA_ARGS__}, \
                  sizeof((const sy_value[]){__VA_ARGS__}) / sizeof(sy_value))

/* Assertions. Elements are compared exactly; a difference prints index, expected, actual. */
#define assert_floats(w, tensor, ...)                                                      \
    workers_assert_floats((w), (tensor), (const double[]){__VA_ARGS__},                    \
                          sizeof((const double[]){__VA_ARGS__}) / sizeof(double), #tensor, \
                          __FILE__, __LINE__)
void workers_assert_floats(workers *w, sy_tensor *tensor, const double *expected, size_t count,
                           const char *what, const char *file, int line);
/* The text form against a pattern of fnmatch(3). */
#define assert_text(w, tensor, pattern) \
    workers_assert_text((w), (tensor), (pattern), __FILE__, __LINE__)
void workers_assert_text(workers *w, sy_tensor *tensor, const char *pattern, const char *file,
                         int line);
/* `expr` must fail with that status, and w->err hold a sentence with all these words. */
#define assert_fails(w, expr, expected, ...)                                                       \
    do {                                                                                           \
        (w)->err = (sy_error)SY_ERROR_INIT;                                                        \
        const sy_status fails_status = (expr);                                                     \
        workers_assert_error(fails_status, &(w)->err, (expected),                                  \
                             (const char *const[]){__VA_ARGS__, NULL}, #expr, __FILE__, __LINE__); \
    } while (0)
void workers_assert_error(sy_status status, const sy_error *err, sy_status expected,
                          const char *const *words, const char *what, const char *file, int line);

/* Log of the client: lines of that component whose message holds `words` (nullable). */
size_t workers_log_count(workers *w, sy_log_level level, const char *component, const char *words);
void workers_log_clear(workers *w);

#endif
