/* sizes_test.c - arithmetic with sizes, against Python's answers. */
#include "execution/sizes.h"

#include "support/test.h"

static void test_answers(void **state)
{
    (void)state;
    /* python3: a + b, a - b, a * b, a // b, a % b */
    static const struct {
        int64_t a, b, expected[5];
    } rows[] = {
        {8, 2, {10, 6, 16, 4, 0}},    {7, 2, {9, 5, 14, 3, 1}},      {-7, 2, {-5, -9, -14, -4, 1}},
        {7, -2, {5, 9, -14, -4, -1}}, {-7, -2, {-9, -5, 14, 3, -1}}, {0, 3, {3, -3, 0, 0, 0}},
        {1, 4, {5, -3, 4, 0, 1}},
    };
    sy_error err = SY_ERROR_INIT;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        for (int i = 0; i < 5; i++) {
            int64_t result = -99;
            assert_ok(syi_size_compute((syi_step_kind)(SYI_STEP_SIZE_ADD + i), rows[k].a, rows[k].b,
                                       &result, &err),
                      &err);
            assert_int_equal(result, rows[k].expected[i]);
        }
    }
}

static void test_no_value(void **state)
{
    (void)state;
    static const struct {
        syi_step_kind kind;
        int64_t a, b;
    } rows[] = {
        {SYI_STEP_SIZE_ADD, INT64_MAX, 1},  {SYI_STEP_SIZE_SUB, INT64_MIN, 1},
        {SYI_STEP_SIZE_MUL, INT64_MAX, 2},  {SYI_STEP_SIZE_FLOORDIV, 3, 0},
        {SYI_STEP_SIZE_MOD, 3, 0},          {SYI_STEP_SIZE_FLOORDIV, INT64_MIN, -1},
        {SYI_STEP_SIZE_MOD, INT64_MIN, -1},
    };
    sy_error err = SY_ERROR_INIT;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        int64_t result = -99;
        assert_status(syi_size_compute(rows[k].kind, rows[k].a, rows[k].b, &result, &err),
                      SY_ERANGE, &err);
        assert_non_null(strstr(err.message, syi_size_sign(rows[k].kind)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers),
                                       cmocka_unit_test(test_no_value)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
