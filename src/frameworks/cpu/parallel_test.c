/* parallel_test.c - every piece once, no buffer shared, and no standstill when pool threads split again. */
#include "frameworks/cpu/parallel.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "core/surroundings.h"
#include "support/test.h"

enum { PIECES = 500, THREADS = 3 };

typedef struct fixture {
    sy_context *context;
    atomic_int ran[PIECES];
    atomic_int inside[SYI_PARALLEL_MAX];
    atomic_int clashes;
    atomic_int finished;
    atomic_int nested;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.pool_threads = THREADS;
    *state = f;
    return sy_context_new(&f->context, &options, NULL) == SY_OK ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    sy_context_free(f->context);
    free(f);
    return 0;
}

static void run_piece(void *user, int64_t piece, int worker)
{
    fixture *f = user;
    if (atomic_fetch_add(&f->inside[worker], 1) != 0) {
        atomic_fetch_add(&f->clashes, 1);
    }
    atomic_fetch_add(&f->ran[piece], 1);
    for (volatile int spin = 0; spin < 1000; spin++) {
    }
    atomic_fetch_sub(&f->inside[worker], 1);
}

static void every_piece_once(void **state)
{
    fixture *f = *state;
    for (int round = 0; round < 20; round++) {
        syi_parallel_run(f->context, PIECES, THREADS, run_piece, f);
    }
    for (int k = 0; k < PIECES; k++) {
        assert_int_equal(atomic_load(&f->ran[k]), 20);
    }
    assert_int_equal(atomic_load(&f->clashes), 0);
    syi_parallel_run(f->context, 0, THREADS, run_piece, f);
    syi_parallel_run(f->context, 1, THREADS, run_piece, f);
    assert_int_equal(atomic_load(&f->ran[0]), 21);
}

static void count_nested(void *user, int64_t piece, int worker)
{
    fixture *f = user;
    (void)piece;
    (void)worker;
    atomic_fetch_add(&f->nested, 1);
}

static void split_again(void *argument)
{
    fixture *f = argument;
    syi_parallel_run(f->context, 10, THREADS, count_nested, f);
    atomic_fetch_add(&f->finished, 1);
}

/* More tasks that split than there are threads: all of them wait at once, and all get done. */
static void pool_threads_may_split(void **state)
{
    fixture *f = *state;
    for (int k = 0; k < 200; k++) {
        assert_int_equal(syi_pool_submit(f->context, split_again, f, NULL), SY_OK);
    }
    sy_context_free(f->context); /* runs what is left */
    f->context = NULL;
    assert_int_equal(atomic_load(&f->finished), 200);
    assert_int_equal(atomic_load(&f->nested), 2000);
}

static void little_work_stays_here(void **state)
{
    fixture *f = *state;
    assert_int_equal(syi_parallel_workers(f->context, 100, 1000), 1);
    assert_int_equal(syi_parallel_workers(f->context, 1, 1e12), 1);
    assert_int_equal(syi_parallel_workers(f->context, 2, 1e12), 2);
    assert_int_equal(syi_parallel_workers(f->context, 100, 1e300), THREADS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_piece_once),
        TEST(pool_threads_may_split),
        TEST(little_work_stays_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
