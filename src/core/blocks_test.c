/* blocks_test.c - blocks that are used again: the same ones, not too many, wiped when secret, from many threads. */
#include "core/blocks.h"

#include <pthread.h>
#include <string.h>

#include "core/context_internal.h"
#include "support/failing_allocator.h"
#include "support/test.h"

#if defined(__SANITIZE_ADDRESS__)
#define KEEPS false
#else
#define KEEPS true
#endif

static sy_context *new_context(void)
{
    sy_context *context = NULL;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_context_new(&context, NULL, &err), &err);
    return context;
}

static void test_used_again(void **state)
{
    (void)state;
    sy_context *context = new_context();
    uint8_t *a = syi_block_alloc(context, 100000), *b = syi_block_alloc(context, 200000);
    assert_int_equal((uintptr_t)a % SYI_BLOCK_ALIGNMENT, 0);
    memset(a, 7, 100000);
    syi_block_free(context, a, 100000);
    uint8_t *again = syi_block_alloc(context, 99999); /* the same number of pages */
    if (KEEPS) {
        assert_ptr_equal(again, a);
    }
    syi_block_free(context, again, 99999);
    syi_block_free(context, b, 200000);
    syi_block_free(context, NULL, 100);
    assert_int_equal(context->blocks.count, KEEPS ? 2 : 0);
    syi_blocks_trim(context);
    assert_int_equal(context->blocks.count, 0);
    assert_int_equal(context->blocks.bytes, 0);
    sy_context_free(context);
}

static void test_sizes_that_are_not_kept(void **state)
{
    (void)state;
    sy_context *context = new_context();
    static const size_t sizes[] = {1, SYI_BLOCK_SMALLEST - 1, SYI_BLOCK_LARGEST + 1};
    for (size_t k = 0; k < 3; k++) {
        void *memory = syi_block_alloc(context, sizes[k]);
        assert_non_null(memory);
        syi_block_free(context, memory, sizes[k]);
        assert_int_equal(context->blocks.count, 0);
    }
    sy_context_free(context);
}

static void test_bounded(void **state)
{
    (void)state;
    sy_context *context = new_context();
    void *memory[64];
    for (int k = 0; k < 64; k++) {
        memory[k] = syi_block_alloc(context, SYI_BLOCK_SMALLEST * (size_t)(1 + k % 5));
    }
    for (int k = 0; k < 64; k++) {
        syi_block_free(context, memory[k], SYI_BLOCK_SMALLEST * (size_t)(1 + k % 5));
        assert_true(context->blocks.count <= SYI_BLOCKS_KEPT);
    }
    for (int k = 0; k < 5; k++) {
        memory[k] = syi_block_alloc(context, SYI_BLOCK_LARGEST);
    }
    for (int k = 0; k < 5; k++) {
        syi_block_free(context, memory[k], SYI_BLOCK_LARGEST);
        assert_true(context->blocks.bytes <= SYI_BLOCKS_BYTES);
    }
    sy_context_free(context);
}

/* What nobody asks for is given back. */
static void test_stale(void **state)
{
    (void)state;
    sy_context *context = new_context();
    syi_block_free(context, syi_block_alloc(context, SYI_BLOCK_LARGEST), SYI_BLOCK_LARGEST);
    for (int k = 0; k < 1000; k++) {
        syi_block_free(context, syi_block_alloc(context, SYI_BLOCK_SMALLEST), SYI_BLOCK_SMALLEST);
    }
    assert_true(context->blocks.bytes <= SYI_BLOCK_SMALLEST);
    sy_context_free(context);
}

static void test_secret(void **state)
{
    (void)state;
    sy_context *context = new_context();
    uint8_t *a = syi_block_alloc(context, 70000);
    memset(a, 42, 70000);
    syi_block_free_secret(context, a, 70000);
    uint8_t *b = syi_block_alloc(context, 70000);
    if (KEEPS) {
        assert_ptr_equal(a, b);
        for (int k = 0; k < 70000; k++) {
            assert_int_equal(b[k], 0);
        }
    }
    syi_block_free(context, b, 70000);
    sy_context_free(context);
}

static void test_own_allocator(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = NULL;
    sy_error err = SY_ERROR_INIT;
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.allocator = failing_allocator_get(&memory);
    assert_ok(sy_context_new(&context, &options, &err), &err);
    const size_t live = memory.live;
    void *block = syi_block_alloc(context, 100000);
    assert_int_equal(memory.live, live + 1);
    syi_block_free(context, block, 100000);
    assert_int_equal(memory.live, live);
    sy_context_free(context);
}

static void *churn(void *argument)
{
    sy_context *context = argument;
    for (int k = 0; k < 300; k++) {
        const size_t size = SYI_BLOCK_SMALLEST + (size_t)(k % 7) * 5000;
        uint8_t *memory = syi_block_alloc(context, size);
        memset(memory, k, size);
        for (size_t i = 0; i < size; i += 4096) {
            if (memory[i] != (uint8_t)k) {
                return context; /* somebody else has it, too */
            }
        }
        syi_block_free(context, memory, size);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    sy_context *context = new_context();
    pthread_t threads[4];
    for (int k = 0; k < 4; k++) {
        assert_int_equal(pthread_create(&threads[k], NULL, churn, context), 0);
    }
    for (int k = 0; k < 4; k++) {
        void *failed = NULL;
        pthread_join(threads[k], &failed);
        assert_null(failed);
    }
    sy_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_used_again), cmocka_unit_test(test_sizes_that_are_not_kept),
        cmocka_unit_test(test_bounded),    cmocka_unit_test(test_stale),
        cmocka_unit_test(test_secret),     cmocka_unit_test(test_own_allocator),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
