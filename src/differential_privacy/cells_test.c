/* cells_test.c - the sums against digits from elsewhere, their last digits, and where a uniform belongs that agrees with a sum for a
 * while. */
#include "differential_privacy/cells.h"

#include <string.h>

#include "support/property.h"
#include "support/test.h"

static syi_cells cells;

static int setup(void **state)
{
    (void)state;
    syi_cells_init(&cells);
    return 0;
}

/* From Python's integers: each exp(-c^2/512) by itself, as the 2^40-th power of a series, with 700 bits. */
static void test_digits(void **state)
{
    (void)state;
    static const struct {
        unsigned c;
        uint64_t words[SYI_CELLS_WORDS];
    } known[] = {
        {0, {UINT64_C(0xc74a154ae57911a), 0, 0}},
        {1,
         {UINT64_C(0x18e309e7041cd209), UINT64_C(0xcf858d53d4c6e970),
          UINT64_C(0xb0bacd760f569368)}},
        {7,
         {UINT64_C(0x6058df5418f59637), UINT64_C(0x76a3cdf2bf51e33e),
          UINT64_C(0xef922cbe27d5ee3e)}},
        {20,
         {UINT64_C(0xce09938d14b88ee5), UINT64_C(0x893c98d110f1e2), UINT64_C(0x6c4cbe78bb350cc5)}},
        {100,
         {UINT64_C(0xfffffffe9a0f53d9), UINT64_C(0x8a79248a09fd9263),
          UINT64_C(0xc267e07d0e44dc2e)}},
        {200,
         {UINT64_C(0xffffffffffffffe3), UINT64_C(0x6fde02da46d6b62f),
          UINT64_C(0x86e143927ccca1ae)}},
        {287,
         {UINT64_C(0xffffffffffffffe3), UINT64_C(0x6fde02da46d6bc8d),
          UINT64_C(0x532059137ddd6e55)}},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        assert_memory_equal(cells.ends[known[k].c], known[k].words, sizeof known[k].words);
    }
}

/* No error of 2^-230, and no tail of 2^-226, reaches the digits that are compared. The first sum is a whole number of 2^-64. */
static void test_last_digits(void **state)
{
    (void)state;
    const uint64_t margin = UINT64_C(1) << 31;
    for (unsigned c = 1; c < SYI_CELLS; c++) {
        const uint64_t last = cells.ends[c][SYI_CELLS_WORDS];
        assert_true(last > margin && last < UINT64_MAX - margin);
        assert_true(memcmp(cells.ends[c - 1], cells.ends[c], sizeof cells.ends[c]) != 0);
    }
    assert_true(cells.ends[0][SYI_CELLS_WORDS] == 0);
}

/* By looking at all of them. */
static unsigned slowly(const uint64_t *words)
{
    unsigned c = 0;
    while (c < SYI_CELLS) {
        for (int i = 0; i < SYI_CELLS_WORDS; i++) {
            if (words[i] != cells.ends[c][i]) {
                if (words[i] < cells.ends[c][i]) {
                    return c;
                }
                break;
            }
        }
        c++;
    }
    return c;
}

static void test_find(void **state)
{
    (void)state;
    property_random random = property_start("uniforms");
    for (long k = 0; k < property_iterations(100000); k++) {
        uint64_t words[SYI_CELLS_WORDS];
        for (int i = 0; i < SYI_CELLS_WORDS; i++) {
            words[i] = property_next(&random);
        }
        words[0] |= k % 2 == 1 ? ~(UINT64_MAX >> property_between(&random, 1, 63)) : 0;
        unsigned first = 0, cell = 0;
        const bool decided = syi_cells_find_first(&cells, words[0], &first);
        assert_int_equal(syi_cells_find(&cells, words, 1, &cell), decided);
        if (decided) {
            assert_int_equal(first, cell);
            assert_int_equal(cell, slowly(words));
        }
        assert_true(syi_cells_find(&cells, words, SYI_CELLS_WORDS, &cell));
        assert_int_equal(cell, slowly(words));
    }
}

/* Words that a sum begins with do not decide; the next one does, either way. */
static void test_ties(void **state)
{
    (void)state;
    for (unsigned c = 1; c < 135; c++) { /* further out sums agree in a word */
        uint64_t words[SYI_CELLS_WORDS];
        unsigned cell = 0;
        memcpy(words, cells.ends[c], sizeof words);
        assert_false(syi_cells_find_first(&cells, words[0], &cell));
        for (unsigned have = 1; have <= SYI_CELLS_WORDS; have++) {
            assert_false(syi_cells_find(&cells, words, have, &cell));
            words[have - 1]--;
            assert_true(syi_cells_find(&cells, words, have, &cell));
            assert_int_equal(cell, slowly(words));
            assert_int_equal(cell, c);
            words[have - 1] += 2;
            assert_true(syi_cells_find(&cells, words, have, &cell));
            assert_int_equal(cell, slowly(words));
            assert_int_equal(cell, c + 1);
            words[have - 1]--;
        }
    }
    const uint64_t beyond[] = {UINT64_MAX, 0, 0};
    unsigned cell = 0;
    assert_true(syi_cells_find_first(&cells, beyond[0], &cell));
    assert_int_equal(cell, SYI_CELLS);
    assert_true(syi_cells_find(&cells, beyond, 3, &cell));
    assert_int_equal(cell, SYI_CELLS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_last_digits),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_ties),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
