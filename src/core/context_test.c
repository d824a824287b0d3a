/* context_test.c - options, clock, randomness, memory use. */
#include <csyft/context.h>

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/surroundings.h"
#include "support/memory_faults.h"

static sy_context *make(const sy_context_options *options)
{
    sy_context *context = NULL;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_context_new(&context, options, &err), &err);
    assert_non_null(context);
    return context;
}

static void refuse(const sy_context_options *options, const char *word)
{
    sy_context *context = (sy_context *)&context;
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(sy_context_new(&context, options, &err), SY_EINVAL);
    assert_null(context);
    assert_non_null(strstr(err.message, word));
    assert_int_equal(sy_context_new(&context, options, NULL), SY_EINVAL);
}

static bool fill_with_seven(void *user, void *buffer, size_t size)
{
    *(size_t *)user += size;
    memset(buffer, 7, size);
    return true;
}

static bool fill_half_and_fail(void *user, void *buffer, size_t size)
{
    (void)user;
    memset(buffer, 7, size / 2);
    return false;
}

static uint64_t count_up(void *user)
{
    return ++*(uint64_t *)user;
}

static void test_defaults(void **state)
{
    (void)state;
    sy_context *context = make(NULL);
    const sy_memory_use use = sy_context_get_memory_use(context);
    assert_int_equal(use.used, 0);
    assert_int_equal(use.peak, 0);
    assert_int_equal(use.limit, 0);
    assert_in_range(syi_pool_get_threads(context), 1, 1024);
    assert_false(syi_log_enabled(context, SY_LOG_ERROR, "core"));
    sy_context_free(context);
    sy_context_free(NULL);
}

static void test_wrong_options_are_refused(void **state)
{
    (void)state;
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.size = 0;
    refuse(&options, "size");
    options.size = sizeof options + 8;
    refuse(&options, "size");

    options = (sy_context_options)SY_CONTEXT_OPTIONS_INIT;
    options.allocator.allocate = failing_allocator_allocate;
    refuse(&options, "allocator");
    options = (sy_context_options)SY_CONTEXT_OPTIONS_INIT;
    options.allocator.release = failing_allocator_release;
    refuse(&options, "allocator");

    options = (sy_context_options)SY_CONTEXT_OPTIONS_INIT;
    options.log_filter = "loud";
    refuse(&options, "loud");

    options = (sy_context_options)SY_CONTEXT_OPTIONS_INIT;
    options.test_seed = 1;
    options.random = fill_with_seven;
    refuse(&options, "test_seed");

    options = (sy_context_options)SY_CONTEXT_OPTIONS_INIT;
    options.pool_threads = 1025;
    refuse(&options, "1025");
}

static void test_refused_memory(void **state)
{
    (void)state;
    failing_allocator memory = {.fail_at = 1};
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.allocator = failing_allocator_get(&memory);
    sy_context *context = (sy_context *)&context;
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(sy_context_new(&context, &options, &err), SY_ENOMEM);
    assert_null(context);
    assert_int_equal(err.status, SY_ENOMEM);
    assert_int_equal(memory.refused, 1);
    assert_int_equal(memory.live, 0);
    memory_faults_context_free(&memory, memory_faults_context(&memory));
}

static void test_memory_use_is_the_account(void **state)
{
    (void)state;
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.memory_limit = 1000;
    sy_context *context = make(&options);
    syi_account *account = syi_context_get_account(context);
    assert_int_equal(syi_account_charge(account, 700, NULL), SY_OK);
    syi_account_release(account, 200);
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(syi_account_charge(account, 501, &err), SY_ELIMIT);
    assert_non_null(strstr(err.message, "context memory: 501"));
    const sy_memory_use use = sy_context_get_memory_use(context);
    assert_int_equal(use.used, 500);
    assert_int_equal(use.peak, 700);
    assert_int_equal(use.limit, 1000);
    sy_context_free(context);
}

static void test_clock(void **state)
{
    (void)state;
    sy_context *context = make(NULL);
    uint64_t last = syi_clock_now(context);
    assert_true(last > 0);
    for (int i = 0; i < 1000; i++) {
        const uint64_t now = syi_clock_now(context);
        assert_true(now >= last);
        last = now;
    }
    sy_context_free(context);

    uint64_t ticks = 41;
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.clock = count_up;
    options.clock_user = &ticks;
    context = make(&options);
    assert_int_equal(syi_clock_now(context), 42);
    sy_context_free(context);
}

static void test_system_randomness(void **state)
{
    (void)state;
    sy_context *context = make(NULL);
    static unsigned char bytes[2][100000];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(syi_random_bytes(context, bytes[i], sizeof bytes[i], NULL), SY_OK);
    }
    /* Bits set of 1.6 million: the mean is 800000 and the deviation 632, so 8 of them either way. */
    long ones = 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
        ones += __builtin_popcount(((unsigned char *)bytes)[i]);
    }
    assert_in_range(ones, 800000 - 8 * 632, 800000 + 8 * 632);
    assert_memory_not_equal(bytes[0], bytes[1], 64);
    unsigned char untouched = 9;
    assert_int_equal(syi_random_bytes(context, &untouched, 0, NULL), SY_OK);
    assert_int_equal(untouched, 9);
    sy_context_free(context);
}

static void test_callers_randomness(void **state)
{
    (void)state;
    size_t asked = 0;
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.random = fill_with_seven;
    options.random_user = &asked;
    sy_context *context = make(&options);
    unsigned char bytes[10] = {0};
    assert_int_equal(syi_random_bytes(context, bytes, 9, NULL), SY_OK);
    assert_int_equal(asked, 9);
    assert_memory_equal(bytes, "\7\7\7\7\7\7\7\7\7\0", 10);
    sy_context_free(context);
}

static void test_failing_randomness_leaves_nothing(void **state)
{
    (void)state;
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.random = fill_half_and_fail;
    sy_context *context = make(&options);
    unsigned char bytes[16];
    memset(bytes, 0xEE, sizeof bytes);
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(syi_random_bytes(context, bytes, sizeof bytes, &err), SY_EIO);
    assert_non_null(strstr(err.message, "16 bytes"));
    assert_memory_equal(bytes, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    sy_context_free(context);
}

/* The published outputs of SplitMix64 for the seed 1234567. */
static void test_seeded_stream_is_splitmix64(void **state)
{
    (void)state;
    static const uint64_t expected[] = {
        UINT64_C(6457827717110365317),  UINT64_C(3203168211198807973),
        UINT64_C(9817491932198370423),  UINT64_C(4593380528125082431),
        UINT64_C(16408922859458223821),
    };
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.test_seed = 1234567;
    sy_context *context = make(&options);
    uint64_t words[5];
    assert_int_equal(syi_random_bytes(context, words, 16, NULL), SY_OK);
    assert_int_equal(syi_random_bytes(context, words + 2, 8, NULL), SY_OK);
    words[3] = 0;
    assert_int_equal(syi_random_bytes(context, words + 3, 3, NULL), SY_OK);
    assert_int_equal(words[3], expected[3] & 0xFFFFFF);
    words[3] = expected[3]; /* the rest of a block is not used */
    assert_int_equal(syi_random_bytes(context, words + 4, 8, NULL), SY_OK);
    assert_memory_equal(words, expected, sizeof expected);
    sy_context_free(context);
}

static void test_seeded_contexts_repeat(void **state)
{
    (void)state;
    unsigned char bytes[3][64];
    for (uint64_t i = 0; i < 3; i++) {
        sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
        options.test_seed = i < 2 ? 5 : 6;
        sy_context *context = make(&options);
        assert_int_equal(syi_random_bytes(context, bytes[i], sizeof bytes[i], NULL), SY_OK);
        sy_context_free(context);
    }
    assert_memory_equal(bytes[0], bytes[1], sizeof bytes[0]);
    assert_memory_not_equal(bytes[0], bytes[2], sizeof bytes[0]);
}

typedef struct kept_value {
    sy_context *context;
    int released;
    atomic_bool task_ran;
    bool released_after_tasks;
} kept_value;

static void run_late(void *argument)
{
    usleep(10000);
    ((kept_value *)argument)->task_ran = true;
}

static void release_kept(void *argument)
{
    kept_value *value = argument;
    value->released++;
    value->released_after_tasks = value->task_ran;
    syi_free(value->context, syi_alloc(value->context, 100), 100);
}

static void test_slot_keeps_the_first_value_until_the_end(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    kept_value first = {.context = context};
    kept_value second = {.context = context};
    const syi_context_slot slot = SYI_CONTEXT_SLOT_INPROC;
    assert_null(syi_context_get_slot(context, slot));
    assert_ptr_equal(syi_context_set_slot(context, slot, &first, release_kept), &first);
    assert_ptr_equal(syi_context_set_slot(context, slot, &second, release_kept), &first);
    assert_ptr_equal(syi_context_get_slot(context, slot), &first);
    assert_int_equal(syi_pool_submit(context, run_late, &first, NULL), SY_OK);
    memory_faults_context_free(&memory, context);
    assert_int_equal(first.released, 1);
    assert_true(first.released_after_tasks);
    assert_int_equal(second.released, 0);
}

enum { DRAWERS = 4 };
#define DRAWS ((size_t)2000)

typedef struct drawer {
    pthread_t thread;
    sy_context *context;
    uint64_t *words;
    int failures;
} drawer;

static void *draw_words(void *argument)
{
    drawer *self = argument;
    for (size_t i = 0; i < DRAWS; i++) {
        self->failures += syi_random_bytes(self->context, &self->words[i], 8, NULL) != SY_OK;
    }
    return NULL;
}

static int compare_words(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Blocks of the stream are all distinct, so a block handed out twice would show. */
static void test_threads_draw_distinct_blocks(void **state)
{
    (void)state;
    static uint64_t words[DRAWERS * DRAWS];
    drawer drawers[DRAWERS];
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.test_seed = 77;
    sy_context *context = make(&options);
    for (size_t i = 0; i < DRAWERS; i++) {
        drawers[i] = (drawer){.context = context, .words = words + i * DRAWS};
        assert_int_equal(pthread_create(&drawers[i].thread, NULL, draw_words, &drawers[i]), 0);
    }
    for (size_t i = 0; i < DRAWERS; i++) {
        pthread_join(drawers[i].thread, NULL);
        assert_int_equal(drawers[i].failures, 0);
    }
    qsort(words, DRAWERS * DRAWS, sizeof words[0], compare_words);
    for (size_t i = 1; i < DRAWERS * DRAWS; i++) {
        assert_true(words[i] != words[i - 1]);
    }
    sy_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_wrong_options_are_refused),
        cmocka_unit_test(test_refused_memory),
        cmocka_unit_test(test_memory_use_is_the_account),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_system_randomness),
        cmocka_unit_test(test_callers_randomness),
        cmocka_unit_test(test_failing_randomness_leaves_nothing),
        cmocka_unit_test(test_seeded_stream_is_splitmix64),
        cmocka_unit_test(test_seeded_contexts_repeat),
        cmocka_unit_test(test_slot_keeps_the_first_value_until_the_end),
        cmocka_unit_test(test_threads_draw_distinct_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
