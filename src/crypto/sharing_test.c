/* sharing_test.c - shares add up to the secret, each is uniform whatever the secret is, and nothing stays behind. */
#include <stdlib.h>
#include <string.h>

#include "crypto/sharing.h"
#include "support/memory_faults.h"

enum { COUNT = 5000, MOST = 5 };

static const syi_field field64 = SYI_FIELD_64, field32 = SYI_FIELD_32;
static uint64_t shares64[MOST][COUNT];
static uint32_t shares32[MOST][COUNT];

/* Shares of a secret with all holders' words. */
#define DEFINE_SPLIT(T, N)                                                                       \
    static void split##N(sy_context *context, const T *secret, size_t count, size_t holders)     \
    {                                                                                            \
        uint8_t seeds[MOST][SYI_SEED_SIZE];                                                      \
        sy_error err = SY_ERROR_INIT;                                                            \
        assert_ok(syi_generate_shares(context, &field##N, shares##N[holders - 1], seeds, secret, \
                                      count, holders, &err),                                     \
                  &err);                                                                         \
        for (size_t k = 0; k + 1 < holders; k++) {                                               \
            assert_ok(syi_share_expand(&field##N, shares##N[k], seeds[k], count, &err), &err);   \
        }                                                                                        \
    }                                                                                            \
    static void check_sum##N(sy_context *context, size_t count, size_t holders)                  \
    {                                                                                            \
        static T secret[COUNT], sum[COUNT];                                                      \
        const void *pointers[MOST];                                                              \
        for (size_t k = 0; k < count; k++) {                                                     \
            secret[k] = k % 3 == 0 ? (T)0 - (T)k : (T)((T)1 << (k % N)) + (T)k;                  \
        }                                                                                        \
        split##N(context, secret, count, holders);                                               \
        for (size_t k = 0; k < holders; k++) {                                                   \
            pointers[k] = shares##N[k];                                                          \
        }                                                                                        \
        syi_reconstruct(&field##N, sum, pointers, holders, count);                               \
        assert_memory_equal(sum, secret, count * sizeof *sum);                                   \
        syi_reconstruct(&field##N, shares##N[0], pointers, holders, count); /* in place */       \
        assert_memory_equal(shares##N[0], secret, count * sizeof *sum);                          \
    }
DEFINE_SPLIT(uint64_t, 64)
DEFINE_SPLIT(uint32_t, 32)

static void test_sums(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 3, 2047, 2048, 2049, 4097, COUNT};
    static const size_t holders[] = {2, 3, 5};
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        for (size_t h = 0; h < sizeof holders / sizeof *holders; h++) {
            check_sum64(context, counts[c], holders[h]);
            check_sum32(context, counts[c], holders[h]);
        }
    }
    memory_faults_context_free(&memory, context);
}

/* Of 255 degrees of freedom; 360 is passed once in 10^5 times. */
static double chi_square(const void *bytes, size_t size)
{
    size_t counts[256] = {0};
    double sum = 0;
    for (size_t k = 0; k < size; k++) {
        counts[((const uint8_t *)bytes)[k]]++;
    }
    for (int k = 0; k < 256; k++) {
        const double expected = (double)size / 256, off = (double)counts[k] - expected;
        sum += off * off / expected;
    }
    return sum;
}

/* Every share by itself, and the sum of all but one, looks the same for secrets of zeros, ones and a counter. */
static void test_uniform(void **state)
{
    (void)state;
    static uint64_t secret[COUNT], sum[COUNT];
    sy_context *context = NULL;
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    sy_error err = SY_ERROR_INIT;
    options.test_seed = 11;
    assert_ok(sy_context_new(&context, &options, &err), &err);
    for (int kind = 0; kind < 3; kind++) {
        for (size_t k = 0; k < COUNT; k++) {
            secret[k] = kind == 0 ? 0 : kind == 1 ? UINT64_MAX : k;
        }
        for (size_t holders = 2; holders <= MOST; holders++) {
            split64(context, secret, COUNT, holders);
            for (size_t without = 0; without < holders; without++) {
                const void *others[MOST];
                size_t count = 0;
                for (size_t k = 0; k < holders; k++) {
                    others[count] = shares64[k];
                    count += k != without ? 1 : 0;
                }
                syi_reconstruct(&field64, sum, others, holders - 1, COUNT);
                assert_true(chi_square(sum, sizeof sum) < 360);
                assert_true(chi_square(shares64[without], sizeof shares64[without]) < 360);
            }
        }
    }
    sy_context_free(context);
}

/* The same secret twice has other shares; so have two holders. */
static void test_fresh(void **state)
{
    (void)state;
    static uint64_t secret[COUNT], first[COUNT];
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    split64(context, secret, COUNT, 3);
    memcpy(first, shares64[0], sizeof first);
    assert_memory_not_equal(shares64[0], shares64[1], sizeof first);
    split64(context, secret, COUNT, 3);
    assert_memory_not_equal(shares64[0], first, sizeof first);
    memory_faults_context_free(&memory, context);
}

static void test_refusals(void **state)
{
    (void)state;
    static const uint8_t zeros[SYI_SEED_SIZE] = {0};
    static const uint64_t secret[2] = {7, 8};
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    uint8_t seeds[SYI_HOLDERS_MAX + 1][SYI_SEED_SIZE] = {{1}};
    uint64_t last[2] = {1, 2};
    sy_error err = SY_ERROR_INIT;
    assert_status(syi_generate_shares(context, &field64, last, seeds, secret, 2, 1, &err),
                  SY_EINVAL, &err);
    assert_string_equal(err.message, "share: 1 holders; 2 to 64 are possible");
    assert_status(syi_generate_shares(context, &field64, last, seeds, secret, 2, 65, &err),
                  SY_EINVAL, &err);
    memory.calls = 0;
    memory.fail_at = 1;
    assert_status(syi_generate_shares(context, &field64, last, seeds, secret, 2, 2, &err),
                  SY_ENOMEM, &err);
    memory.fail_at = 0;
    assert_memory_equal(seeds[0], zeros, sizeof zeros);
    assert_true(last[0] == 0 && last[1] == 0);
    memory_faults_context_free(&memory, context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_fresh),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
