/* ranks_test.c - items sorted and selected as qsort does, over lengths around every change of method. */
#include "frameworks/cpu/ranks.h"

#include <stdlib.h>
#include <string.h>

#include "support/test.h"

enum { MOST = 5000 };

static int by_size(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Keys of so many bits, many of them equal when there are few. */
static void draw(uint64_t *items, int64_t n, int bits, uint64_t *state)
{
    for (int64_t i = 0; i < n; i++) {
        *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const uint32_t key = bits == 0 ? 7 : (uint32_t)(*state >> 32) >> (32 - bits);
        items[i] = syi_ranks_item(key, i);
    }
}

static void sorts_and_selects_as_qsort(void **state)
{
    static const int64_t lengths[] = {1,  2,  15,  16,   17,   31,   33,
                                      64, 65, 100, 1023, 1024, 1025, MOST};
    static const int widths[] = {0, 1, 8, 17, 32};
    static uint64_t items[MOST], sorted[MOST], given[MOST], spare[MOST];
    uint64_t seed = 1;
    (void)state;
    for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++) {
        for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
            const int64_t n = lengths[k];
            draw(given, n, widths[w], &seed);
            memcpy(items, given, sizeof items);
            memcpy(sorted, given, sizeof sorted);
            qsort(sorted, (size_t)n, sizeof *sorted, by_size);
            syi_ranks_sort(n, items, spare);
            assert_memory_equal(items, sorted, (size_t)n * sizeof *items);
            for (int64_t rank = 0; rank < n; rank += 1 + n / 7) {
                assert_int_equal(syi_ranks_select(n, given, rank, spare), sorted[rank]);
            }
            assert_int_equal(syi_ranks_select(n, given, n - 1, spare), sorted[n - 1]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sorts_and_selects_as_qsort)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
