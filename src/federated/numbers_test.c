/* numbers_test.c - every way that elements may lie gives the same numbers. */
#include "federated/numbers.h"

#include <math.h>

#include "support/memory_faults.h"

static void test_every_layout(void **state)
{
    (void)state;
    static const sy_dtype dtypes[] = {SY_DTYPE_F32, SY_DTYPE_F64};
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    sy_error err = SY_ERROR_INIT;
    for (size_t k = 0; k < 2; k++) {
        syi_array array, turned;
        double numbers[6], back[6];
        assert_ok(syi_array_new(context, &array, dtypes[k], 2, (const int64_t[]){2, 3}, NULL, &err),
                  &err);
        for (int i = 0; i < 6; i++) {
            numbers[i] = i / 8.0 - 0.25;
        }
        assert_int_equal(syi_numbers_write(&array, numbers), 6);
        assert_int_equal(syi_numbers_read(&array, back), 6);
        assert_memory_equal(numbers, back, sizeof back);
        assert_ok(syi_array_transpose(&turned, &array, 0, 1, &err), &err);
        assert_int_equal(syi_numbers_read(&turned, back), 6);
        for (int i = 0; i < 6; i++) {
            assert_true(back[i] == numbers[i % 2 * 3 + i / 2]);
        }
        double change[6];
        for (int b = 0; b < 2; b++) { /* from -1, -2, ... */
            const double then[] = {-1, -2, -3, -4, -5, -6};
            assert_int_equal(syi_numbers_read_change(b == 0 ? &array : &turned, then, change), 6);
            for (int i = 0; i < 6; i++) {
                assert_true(change[i] == numbers[b == 0 ? i : i % 2 * 3 + i / 2] + i + 1);
            }
        }
        assert_int_equal(syi_numbers_write(&turned, numbers), 6);
        assert_int_equal(syi_numbers_read(&turned, back), 6);
        assert_memory_equal(numbers, back, sizeof back);
        syi_array_fini(&turned);
        syi_array_fini(&array);
    }
    memory_faults_context_free(&memory, context);
}

static void test_finite(void **state)
{
    (void)state;
    static const double good[] = {0, -1e308, 5e-324}, bad[] = {1, (double)INFINITY, 2},
                        none[] = {(double)NAN};
    assert_true(syi_numbers_are_finite(good, 3));
    assert_true(syi_numbers_are_finite(NULL, 0));
    assert_false(syi_numbers_are_finite(bad, 3));
    assert_true(syi_numbers_are_finite(bad, 1));
    assert_false(syi_numbers_are_finite(none, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_layout),
        cmocka_unit_test(test_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
