/* pool_test.c - every task runs once, in order of submission, also those left at context free. */
#include "core/surroundings.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/memory_faults.h"

#if defined(__has_feature) /* clang */
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static sy_context *pool_context(unsigned threads)
{
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.pool_threads = threads;
    sy_context *context = NULL;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_context_new(&context, &options, &err), &err);
    return context;
}

enum { TASKS = 2000 };

typedef struct order {
    atomic_int next;
    int places[TASKS]; /* the place in which each task ran */
} run_order;

typedef struct ordered_task {
    run_order *order;
    int number;
} ordered_task;

static void take_place(void *argument)
{
    ordered_task *task = argument;
    task->order->places[task->number] = atomic_fetch_add(&task->order->next, 1);
}

static void sleep_a_little(void *argument)
{
    (void)argument;
    usleep(20000);
}

/* Only when as many threads as the barrier counts are here does this end. */
static void meet(void *argument)
{
    pthread_barrier_wait(argument);
}

/* While the only thread is held back after `held` tasks, the ring holds the rest: it wraps, and it grows
 * from wherever its first task is. */
static void check_order(int held)
{
    static run_order order;
    static ordered_task tasks[TASKS];
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 2);
    order.next = 0;
    sy_context *context = pool_context(1);
    assert_int_equal(syi_pool_get_threads(context), 1);
    for (int i = 0; i < TASKS; i++) {
        tasks[i] = (ordered_task){.order = &order, .number = i};
        if (i == held) { /* the thread has run all before it when it comes to the first barrier */
            assert_int_equal(syi_pool_submit(context, meet, &barrier, NULL), SY_OK);
            assert_int_equal(syi_pool_submit(context, meet, &barrier, NULL), SY_OK);
            pthread_barrier_wait(&barrier);
            assert_int_equal(order.next, held);
        }
        assert_int_equal(syi_pool_submit(context, take_place, &tasks[i], NULL), SY_OK);
    }
    pthread_barrier_wait(&barrier);
    sy_context_free(context);
    for (int i = 0; i < TASKS; i++) {
        assert_int_equal(order.places[i], i);
    }
    pthread_barrier_destroy(&barrier);
}

static void test_one_thread_runs_in_order_of_submission(void **state)
{
    (void)state;
    for (int held = 0; held < 40; held++) {
        check_order(held);
    }
}

static void add_one(void *argument)
{
    atomic_fetch_add((atomic_int *)argument, 1);
}

typedef struct submitter {
    pthread_t thread;
    sy_context *context;
    atomic_int *counts;
    int failures;
} submitter;

static void *submit_all(void *argument)
{
    submitter *self = argument;
    for (int i = 0; i < TASKS; i++) {
        self->failures += syi_pool_submit(self->context, add_one, &self->counts[i], NULL) != SY_OK;
    }
    return NULL;
}

static void test_each_task_of_many_threads_runs_once(void **state)
{
    (void)state;
    static atomic_int counts[4][TASKS];
    submitter submitters[4];
    sy_context *context = pool_context(4);
    for (int i = 0; i < 4; i++) {
        submitters[i] = (submitter){.context = context, .counts = counts[i]};
        assert_int_equal(pthread_create(&submitters[i].thread, NULL, submit_all, &submitters[i]),
                         0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(submitters[i].thread, NULL);
        assert_int_equal(submitters[i].failures, 0);
    }
    sy_context_free(context); /* drains */
    for (int i = 0; i < 4 * TASKS; i++) {
        assert_int_equal(counts[i / TASKS][i % TASKS], 1);
    }
}

/* Four tasks and this thread meet, so four threads work at a time. */
static void test_tasks_run_side_by_side(void **state)
{
    (void)state;
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 5);
    sy_context *context = pool_context(4);
    assert_int_equal(syi_pool_get_threads(context), 4);
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 4; i++) {
            assert_int_equal(syi_pool_submit(context, meet, &barrier, NULL), SY_OK);
        }
        pthread_barrier_wait(&barrier);
    }
    sy_context_free(context);
    pthread_barrier_destroy(&barrier);
}

typedef struct chain {
    sy_context *context;
    atomic_int left;
    atomic_int failures;
} chain;

static void submit_next(void *argument)
{
    chain *self = argument;
    if (atomic_fetch_sub(&self->left, 1) > 1) {
        self->failures += syi_pool_submit(self->context, submit_next, self, NULL) != SY_OK;
    }
}

static void test_free_drains_what_tasks_submit(void **state)
{
    (void)state;
    chain chains[3];
    sy_context *context = pool_context(2);
    assert_int_equal(syi_pool_submit(context, sleep_a_little, NULL, NULL), SY_OK);
    assert_int_equal(syi_pool_submit(context, sleep_a_little, NULL, NULL), SY_OK);
    for (int i = 0; i < 3; i++) {
        chains[i] = (chain){.context = context, .left = 500};
        assert_int_equal(syi_pool_submit(context, submit_next, &chains[i], NULL), SY_OK);
    }
    sy_context_free(context);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(chains[i].left, 0);
        assert_int_equal(chains[i].failures, 0);
    }
}

static void read_mask(void *argument)
{
    pthread_sigmask(SIG_SETMASK, NULL, argument);
}

static void test_signals_stay_with_the_program(void **state)
{
    (void)state;
    sigset_t before;
    sigset_t after;
    sigset_t inside;
    sigemptyset(&inside);
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    sy_context *context = pool_context(2);
    assert_int_equal(syi_pool_submit(context, read_mask, &inside, NULL), SY_OK);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    sy_context_free(context);
    assert_true(sigismember(&inside, SIGTERM));
    assert_true(sigismember(&inside, SIGINT));
    assert_int_equal(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
}

static void test_unused_pool_costs_no_thread(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    assert_int_equal(memory.calls, 1); /* the context itself */
    memory_faults_context_free(&memory, context);
}

/* Refuses each allocation of a pool that starts and grows; what was accepted still runs. */
static void test_refused_memory(void **state)
{
    (void)state;
    size_t refusals = 0;
    for (size_t nth = 1; nth < 8; nth++) {
        failing_allocator memory = {0};
        sy_context *context = memory_faults_context(&memory);
        pthread_barrier_t barrier; /* holds both threads, so that the ring must grow */
        pthread_barrier_init(&barrier, NULL, 3);
        atomic_int ran = 0;
        int accepted = 0;
        int waiting = 0;
        memory.fail_at = memory.calls + nth;
        for (int i = 0; i < 100; i++) {
            sy_error err = SY_ERROR_INIT;
            const bool hold = waiting < 2;
            const sy_status status = hold ? syi_pool_submit(context, meet, &barrier, &err)
                                          : syi_pool_submit(context, add_one, &ran, &err);
            if (status == SY_OK) {
                waiting += hold;
                accepted += !hold;
            } else {
                assert_int_equal(status, SY_ENOMEM);
                assert_int_equal(err.status, SY_ENOMEM);
                refusals++;
            }
        }
        assert_int_equal(waiting, 2);
        pthread_barrier_wait(&barrier);
        memory_faults_context_free(&memory, context);
        pthread_barrier_destroy(&barrier);
        assert_int_equal(ran, accepted);
        assert_in_range(accepted, 97, 98);
    }
    assert_in_range(refusals, 4, 7);
}

#if !SANITIZED
/* A thread needs address space for its stack. (Not under sanitizers, which map terabytes.) */
static void test_no_thread_can_start(void **state)
{
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    pthread_attr_t attributes;
    size_t stack = 0;
    assert_int_equal(pthread_getattr_default_np(&attributes), 0);
    assert_int_equal(pthread_attr_getstacksize(&attributes, &stack), 0);
    const size_t bigger = (size_t)64 << 30; /* more than a stack glibc may have kept */
    assert_int_equal(pthread_attr_setstacksize(&attributes, bigger), 0);
    assert_int_equal(pthread_setattr_default_np(&attributes), 0);
    const struct rlimit low = {.rlim_cur = (rlim_t)16 << 30, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &low), 0);

    sy_context *context = pool_context(3);
    atomic_int ran = 0;
    sy_error err = SY_ERROR_INIT;
    const sy_status status = syi_pool_submit(context, add_one, &ran, &err);

    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, stack), 0);
    assert_int_equal(pthread_setattr_default_np(&attributes), 0);
    pthread_attr_destroy(&attributes);
    assert_status(status, SY_EIO, &err);
    assert_int_equal(err.status, SY_EIO);
    /* The refused task was not taken; the next submit starts the threads. */
    assert_ok(syi_pool_submit(context, add_one, &ran, &err), &err);
    sy_context_free(context);
    assert_int_equal(ran, 1);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_thread_runs_in_order_of_submission),
        cmocka_unit_test(test_each_task_of_many_threads_runs_once),
        cmocka_unit_test(test_tasks_run_side_by_side),
        cmocka_unit_test(test_free_drains_what_tasks_submit),
        cmocka_unit_test(test_signals_stay_with_the_program),
        cmocka_unit_test(test_unused_pool_costs_no_thread),
        cmocka_unit_test(test_refused_memory),
#if !SANITIZED
        cmocka_unit_test(test_no_thread_can_start),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
