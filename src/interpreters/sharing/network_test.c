/*
 * network_test.c - what a network of exchanges sorts: by the zero-one principle (Knuth 5.3.4, theorem Z) everything, when it sorts all zeros and
 * ones, which it does for every small count, and its least elements where only these are wanted; how many pairs and layers there are.
 */
#include "interpreters/sharing/network.h"

#include <string.h>

#include "support/memory_faults.h"
#include "support/property.h"

enum { SMALL = 12, ROOM = 4096 };

/* Runs a network over bits, one for each element. */
static uint32_t sort_bits(const syi_network *n, uint32_t bits)
{
    int64_t low[SMALL], high[SMALL];
    for (unsigned layer = 0; layer < n->layers; layer++) {
        const int64_t pairs = syi_network_pairs(n, layer, low, high);
        for (int64_t k = 0; k < pairs; k++) {
            const uint32_t a = bits >> low[k] & 1u, b = bits >> high[k] & 1u;
            bits =
                (bits & ~(1u << low[k] | 1u << high[k])) | (a & b) << low[k] | (a | b) << high[k];
        }
    }
    return bits;
}

/* Zeros come first: the first `least` places say how many there are, as far as they go. */
static void test_zeros_and_ones(void **state)
{
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    sy_error err = SY_ERROR_INIT;
    (void)state;
    for (int64_t count = 0; count <= SMALL; count++) {
        for (int64_t least = 0; least <= count; least++) {
            syi_network n;
            assert_ok(syi_network_init(&n, context, count, least, &err), &err);
            for (uint32_t bits = 0; bits < 1u << count; bits++) {
                const unsigned zeros = (unsigned)count - (unsigned)__builtin_popcount(bits);
                const uint32_t sorted = ((1u << count) - 1) & ~((1u << zeros) - 1),
                               seen = (1u << least) - 1;
                assert_int_equal(sort_bits(&n, bits) & seen, sorted & seen);
            }
            syi_network_fini(&n);
        }
    }
    memory_faults_context_free(&memory, context);
}

/* Layers and pairs of a power of two, as Knuth counts them; those of a layer are apart, and the lesser element comes first. */
static void test_counts(void **state)
{
    static int64_t low[ROOM], high[ROOM];
    static bool met[2 * ROOM];
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    sy_error err = SY_ERROR_INIT;
    (void)state;
    for (unsigned t = 0; t <= 12; t++) {
        const int64_t count = INT64_C(1) << t;
        uint64_t all = 0, few = 0;
        syi_network n, first;
        assert_ok(syi_network_init(&n, context, count, count, &err), &err);
        assert_ok(syi_network_init(&first, context, count, 1, &err), &err);
        assert_int_equal(syi_network_doublings(count), t);
        assert_int_equal(syi_network_doublings(count + 1), t + 1);
        assert_int_equal(n.layers, t * (t + 1) / 2);
        for (unsigned layer = 0; layer < n.layers; layer++) {
            const int64_t pairs = syi_network_pairs(&n, layer, low, high);
            memset(met, 0, sizeof met);
            for (int64_t k = 0; k < pairs; k++) {
                assert_true(low[k] >= 0 && low[k] < high[k] && high[k] < count);
                assert_false(met[low[k]] || met[high[k]]);
                met[low[k]] = met[high[k]] = true;
            }
            all += (uint64_t)pairs;
            few += (uint64_t)syi_network_pairs(&first, layer, low, high);
        }
        if (t >= 2) {
            assert_int_equal(all, (uint64_t)(t * t - t + 4) * ((uint64_t)1 << (t - 2)) - 1);
        }
        assert_int_equal(few, count - 1); /* of the least one alone: as a tournament */
        syi_network_fini(&first);
        syi_network_fini(&n);
    }
    memory_faults_context_free(&memory, context);
}

/* Random numbers, of counts that are no powers. */
static void test_numbers(void **state)
{
    static int64_t low[ROOM], high[ROOM];
    static uint64_t numbers[2 * ROOM];
    property_random random = property_start("network");
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    sy_error err = SY_ERROR_INIT;
    (void)state;
    for (int round = 0; round < 30; round++) {
        const int64_t count = property_between(&random, 13, 1500),
                      least = property_between(&random, 1, count);
        uint64_t most_of_least = 0;
        syi_network n;
        assert_ok(syi_network_init(&n, context, count, least, &err), &err);
        for (int64_t k = 0; k < count; k++) {
            numbers[k] = property_next(&random) % (uint64_t)count;
        }
        for (unsigned layer = 0; layer < n.layers; layer++) {
            const int64_t pairs = syi_network_pairs(&n, layer, low, high);
            for (int64_t k = 0; k < pairs; k++) {
                const uint64_t a = numbers[low[k]], b = numbers[high[k]];
                numbers[low[k]] = a < b ? a : b;
                numbers[high[k]] = a < b ? b : a;
            }
        }
        for (int64_t k = 0; k < count; k++) {
            assert_true(numbers[k] >= most_of_least);
            most_of_least = k < least ? numbers[k] : most_of_least;
        }
        syi_network_fini(&n);
    }
    memory_faults_context_free(&memory, context);
}

static sy_status make(sy_context *context, void *argument, sy_error *err)
{
    syi_network n;
    (void)argument;
    const sy_status status = syi_network_init(&n, context, 100, 3, err);
    syi_network_fini(&n);
    return status;
}

static void test_refused(void **state)
{
    sy_error err = SY_ERROR_INIT;
    syi_network n;
    (void)state;
    assert_int_equal(memory_faults_sweep(make, NULL), 2);
    assert_status(syi_network_init(&n, NULL, SYI_NETWORK_MOST + 1, 1, &err), SY_ELIMIT, &err);
    assert_non_null(strstr(err.message, "1048576 are the most"));
    syi_network_fini(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zeros_and_ones),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
