/* convert_test.c - numbers as elements, rows between dtypes. */
#include "frameworks/cpu/convert.h"
#include "support/test.h"

#include <math.h>

static void numbers_become_elements(void **state)
{
    (void)state;
    const sy_value whole = sy_value_int(-1), real = sy_value_float(2.75), yes = sy_value_bool(true);
    assert_int_equal(syi_element_from_value(&whole, SY_DTYPE_U8).u8, 255);
    assert_int_equal(syi_element_from_value(&whole, SY_DTYPE_I16).i16, -1);
    assert_int_equal(syi_element_from_value(&whole, SY_DTYPE_BOOL).u8, 1);
    assert_true(syi_element_from_value(&whole, SY_DTYPE_F32).f32 == -1.0f);
    assert_int_equal(syi_element_from_value(&real, SY_DTYPE_I32).i32, 2);
    assert_true(syi_element_from_value(&real, SY_DTYPE_F64).f64 == 2.75);
    assert_int_equal(syi_element_from_value(&yes, SY_DTYPE_I64).i64, 1);
    assert_true(syi_value_get_double(&real) == 2.75);
}

static void ends_of_the_range_saturate(void **state)
{
    (void)state;
    const sy_value huge = sy_value_float(1e30), nan = sy_value_float(NAN);
    assert_int_equal(syi_element_from_value(&huge, SY_DTYPE_I8).i8, INT8_MAX);
    assert_true(syi_element_from_value(&huge, SY_DTYPE_I64).i64 == INT64_MAX);
    assert_int_equal(syi_element_from_value(&nan, SY_DTYPE_I32).i32, 0);
    assert_int_equal(syi_element_from_value(&nan, SY_DTYPE_BOOL).u8, 1);
}

static void says_what_fits(void **state)
{
    (void)state;
    const struct {
        sy_value value;
        sy_dtype dtype;
        bool fits;
    } rows[] = {
        {sy_value_int(255), SY_DTYPE_U8, true},
        {sy_value_int(256), SY_DTYPE_U8, false},
        {sy_value_int(-1), SY_DTYPE_U8, false},
        {sy_value_int(-128), SY_DTYPE_I8, true},
        {sy_value_int(128), SY_DTYPE_I8, false},
        {sy_value_int(1 << 20), SY_DTYPE_I16, false},
        {sy_value_int(INT64_MIN), SY_DTYPE_I64, true},
        {sy_value_int(300), SY_DTYPE_BOOL, true},
        {sy_value_float(255.9), SY_DTYPE_U8, true},
        {sy_value_float(-0.5), SY_DTYPE_U8, true},
        {sy_value_float(0x1p63), SY_DTYPE_I64, false},
        {sy_value_float(-0x1p63), SY_DTYPE_I64, true},
        {sy_value_float(NAN), SY_DTYPE_I32, false},
        {sy_value_float(INFINITY), SY_DTYPE_F32, true},
        {sy_value_float(1e300), SY_DTYPE_F32, true},
        {sy_value_bool(true), SY_DTYPE_U8, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (syi_value_fits(&rows[i].value, rows[i].dtype) != rows[i].fits) {
            fail_msg("row %zu: %g in %s", i, syi_value_get_double(&rows[i].value),
                     sy_dtype_name(rows[i].dtype));
        }
    }
}

static void rows_keep_their_strides(void **state)
{
    (void)state;
    const int16_t from[6] = {1, -9, 300, -9, -2, -9};
    float to[3] = {0};
    syi_convert_row(3, to, SY_DTYPE_F32, 4, from, SY_DTYPE_I16, 4);
    assert_true(to[0] == 1 && to[1] == 300 && to[2] == -2);
    int64_t spread[4] = {7, 7, 7, 7};
    syi_convert_row(2, spread, SY_DTYPE_I64, 16, from, SY_DTYPE_I16, 0); /* one value, twice */
    assert_true(spread[0] == 1 && spread[1] == 7 && spread[2] == 1 && spread[3] == 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_become_elements),
        cmocka_unit_test(ends_of_the_range_saturate),
        cmocka_unit_test(says_what_fits),
        cmocka_unit_test(rows_keep_their_strides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
