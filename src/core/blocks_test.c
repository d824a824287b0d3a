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
    assert_int_equal(context->blocks.used, 0);
    sy_context_free(context);
}

/* Once in use together, kept and in use are never more than that, beyond what is kept in any case. */
static void test_no_more_than_was_used(void **state)
{
    (void)state;
    enum { COUNT = 6 };
    const size_t size = (size_t)40 << 20;
    sy_context *context = new_context();
    const syi_blocks *blocks = &context->blocks;
    void *memory[COUNT];
    for (int k = 0; k < COUNT; k++) { /* never touched, so there are no pages behind */
        memory[k] = syi_block_alloc(context, size);
        assert_non_null(memory[k]);
    }
    for (int k = 0; k < COUNT; k++) {
        syi_block_free(context, memory[k], size);
        assert_true(blocks->used + blocks->bytes <= COUNT * size);
    }
    assert_int_equal(blocks->used, 0);
    assert_int_equal(blocks->bytes, KEEPS ? COUNT * size : 0);
    void *again = syi_block_alloc(context, size);
    assert_int_equal(blocks->count, KEEPS ? COUNT - 1 : 0);
    syi_block_free(context, again, size);
    for (uint64_t k = 0; k < 3 * SYI_BLOCKS_PERIOD; k++) { /* "lately" ends */
        syi_block_free(context, syi_block_alloc(context, SYI_BLOCK_SMALLEST), SYI_BLOCK_SMALLEST);
    }
    assert_true(blocks->bytes <= SYI_BLOCKS_BYTES);
    sy_context_free(context);
}

/* One at a time, several large ones of different sizes: only as much is kept as one took. */
static void test_one_at_a_time(void **state)
{
    (void)state;
    sy_context *context = new_context();
    for (size_t k = 0; k < 100; k++) {
        const size_t size = (SYI_BLOCKS_BYTES << 1) + k * 4096;
        syi_block_free(context, syi_block_alloc(context, size), size);
        assert_true(context->blocks.bytes <= size);
    }
    for (size_t k = 0; k < 5; k++) {
        syi_block_free(context, syi_block_alloc(context, SYI_BLOCK_LARGEST), SYI_BLOCK_LARGEST);
        assert_true(context->blocks.bytes <= SYI_BLOCKS_MOST);
    }
    sy_context_free(context);
}

/* A large block holds what is written into it, also where the system was offered its pages. */
static void test_large_again(void **state)
{
    (void)state;
    const size_t size = ((size_t)9 << 20) + 12345;
    sy_context *context = new_context();
    uint8_t *first = syi_block_alloc(context, size);
    memset(first, 1, size);
    syi_block_free(context, first, size);
    uint8_t *second = syi_block_alloc(context, size);
    memset(second, 2, size);
    for (size_t i = 0; i < size; i += 1000) {
        assert_int_equal(second[i], 2);
    }
    assert_int_equal(second[size - 1], 2);
    syi_block_free(context, second, size);
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
        cmocka_unit_test(test_used_again),    cmocka_unit_test(test_sizes_that_are_not_kept),
        cmocka_unit_test(test_bounded),       cmocka_unit_test(test_stale),
        cmocka_unit_test(test_secret),        cmocka_unit_test(test_own_allocator),
        cmocka_unit_test(test_threads),       cmocka_unit_test(test_no_more_than_was_used),
        cmocka_unit_test(test_one_at_a_time), cmocka_unit_test(test_large_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
