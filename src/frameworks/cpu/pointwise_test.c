/* pointwise_test.c - wrapping, foreign bools, long rows and powers; the rest is in vectors_test.c. */
#include "support/native_call.h"

static void integers_wrap(void **state)
{
    const native *n = *state;
    for (int dtype = SY_DTYPE_I8; dtype <= SY_DTYPE_I64; dtype++) {
        const int bits = (int)sy_dtype_size((sy_dtype)dtype) * 8;
        const int64_t lowest = INT64_MIN >> (64 - bits);
        syi_array x = native_zeros(n, (sy_dtype)dtype, NATIVE_SHAPE(1));
        syi_array_set_int(&x, 0, lowest);
        const struct {
            syi_op_id id;
            int64_t other, expected;
        } rows[] = {
            {SYI_OP_sub, 1, -(lowest + 1)}, {SYI_OP_mul, -1, lowest}, {SYI_OP_add, lowest, 0},
            {SYI_OP_neg, 0, lowest},        {SYI_OP_abs, 0, lowest},  {SYI_OP_pow, 2, 0},
            {SYI_OP_rsub, 0, lowest},
        };
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            const sy_value args[3] = {native_value(&x), sy_value_int(rows[i].other),
                                      sy_value_int(1)};
            syi_array out = native_call(n, rows[i].id, args);
            if (syi_array_get_int(&out, 0) != rows[i].expected) {
                fail_msg("%s of %s: %lld", syi_op_get(rows[i].id)->name,
                         sy_dtype_name((sy_dtype)dtype), (long long)syi_array_get_int(&out, 0));
            }
            syi_array_fini(&out);
        }
        syi_array_fini(&x);
    }
}

/* Memory of others may hold any byte as true. */
static void any_byte_but_zero_is_true(void **state)
{
    const native *n = *state;
    syi_array a = native_zeros(n, SY_DTYPE_BOOL, NATIVE_SHAPE(4));
    syi_array b = native_zeros(n, SY_DTYPE_BOOL, NATIVE_SHAPE(4));
    memcpy(syi_array_data(&a), "\x02\x00\x80\x00", 4);
    memcpy(syi_array_data(&b), "\x01\x04\x01\x00", 4);
    const sy_value args[3] = {native_value(&a), native_value(&b), sy_value_int(1)};
    static const struct {
        syi_op_id id;
        char bytes[5];
    } rows[] = {
        {SYI_OP_add, "\1\1\1\0"},     {SYI_OP_mul, "\1\0\1\0"}, {SYI_OP_maximum, "\1\1\1\0"},
        {SYI_OP_minimum, "\1\0\1\0"}, {SYI_OP_eq, "\1\0\1\1"},  {SYI_OP_lt, "\0\1\0\0"},
        {SYI_OP_sign, "\1\0\1\0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        syi_array out = native_call(n, rows[i].id, args);
        assert_memory_equal(syi_array_data(&out), rows[i].bytes, 4);
        syi_array_fini(&out);
    }
    const sy_value sum[4] = {native_value(&a), sy_value_none(), sy_value_bool(false),
                             sy_value_none()};
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_sum, sum), 2);
    syi_array_fini(&a);
    syi_array_fini(&b);
}

/* Rows of every length around the vectors' borders, with arrays and numbers on either side. */
static void long_rows_have_right_ends(void **state)
{
    const native *n = *state;
    property_random random = property_start("long_rows_have_right_ends");
    for (int64_t length = 1; length < 140; length += property_between(&random, 1, 3)) {
        syi_array x = native_random(n, &random, SY_DTYPE_F32, 1, &length);
        syi_array y = native_random(n, &random, SY_DTYPE_F32, 1, &length);
        const sy_value both[3] = {native_value(&x), native_value(&y), sy_value_int(1)};
        const sy_value number[3] = {native_value(&x), sy_value_float(0.5), sy_value_int(1)};
        syi_array sum = native_call(n, SYI_OP_add, both);
        syi_array moved = native_call(n, SYI_OP_sub, number);
        syi_array turned = native_call(n, SYI_OP_rsub, number);
        for (int64_t i = 0; i < length; i++) {
            const double a = syi_array_get_double(&x, i), b = syi_array_get_double(&y, i);
            assert_true(syi_array_get_double(&sum, i) == a + b);
            assert_true(syi_array_get_double(&moved, i) == a - 0.5);
            assert_true(syi_array_get_double(&turned, i) == 0.5 - a);
        }
        syi_array_fini(&sum);
        syi_array_fini(&moved);
        syi_array_fini(&turned);
        syi_array_fini(&x);
        syi_array_fini(&y);
    }
}

static void powers_of_integers(void **state)
{
    const native *n = *state;
    syi_array base = NATIVE_VECTOR(n, SY_DTYPE_I64, 1, -1, -1, 3, 0, -2, 10);
    syi_array exponent = NATIVE_VECTOR(n, SY_DTYPE_I64, -5, -3, -4, -1, 0, 63, 19);
    const sy_value args[2] = {native_value(&base), native_value(&exponent)};
    syi_array out = native_call(n, SYI_OP_pow, args);
    const int64_t wrapped = (int64_t)UINT64_C(10000000000000000000); /* 10^19 */
    const int64_t expected[] = {1, -1, 1, 0, 1, INT64_MIN, wrapped};
    for (int i = 0; i < 7; i++) {
        assert_true(syi_array_get_int(&out, i) == expected[i]);
    }
    syi_array_fini(&out);
    syi_array_fini(&exponent);
    const sy_value refused[2] = {native_value(&base), sy_value_int(-1)};
    syi_array outs[SYI_OUTPUT_MAX];
    int count;
    sy_error err = SY_ERROR_INIT;
    assert_int_not_equal(native_try(n, SYI_OP_pow, refused, outs, &count, NULL, &err), SY_OK);
    syi_array_fini(&base);
}

/* Arguments near 0 go one way, those up to a million another, the rest a third, in pieces of a row. */
static void waves_of_any_reach(void **state)
{
    const native *n = *state;
    property_random random = property_start("waves_of_any_reach");
    static const double reaches[] = {3, 8192, 1e5, 1e6, 1e8, 3e38};
    static const struct {
        syi_op_id id;
        double (*exact)(double);
    } waves[] = {{SYI_OP_sin, sin}, {SYI_OP_cos, cos}, {SYI_OP_tan, tan}};
    for (int k = 0; k < 18; k++) {
        const int64_t count = 3001;
        syi_array x = native_zeros(n, SY_DTYPE_F32, 1, &count);
        for (int64_t i = 0; i < count; i++) {
            const double share = (double)property_between(&random, -1000000, 1000000) / 1e6;
            const double odd = i % 7 == 0 ? INFINITY : i % 7 == 1 ? NAN : -0.0;
            syi_array_set_double(&x, i, i % 500 == 3 ? odd : share * reaches[(k + i / 1000) % 6]);
        }
        if (k % 2 == 0) {
            x = native_scatter(n, &random, x);
        }
        const sy_value args[1] = {native_value(&x)};
        syi_array out = native_call(n, waves[k % 3].id, args);
        for (int64_t i = 0; i < count; i++) {
            const double given = syi_array_get_double(&x, i), expected = waves[k % 3].exact(given);
            const double got = syi_array_get_double(&out, i);
            if (isnan(expected) ? !isnan(got)
                                : !(fabs(got - expected) <= 1.2e-7 * fabs(expected))) {
                fail_msg("%s of %.9g: %.9g, expected %.9g", syi_op_get(waves[k % 3].id)->name,
                         given, got, expected);
            }
        }
        syi_array_fini(&out);
        syi_array_fini(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_wrap),
        cmocka_unit_test(any_byte_but_zero_is_true),
        cmocka_unit_test(long_rows_have_right_ends),
        cmocka_unit_test(powers_of_integers),
        cmocka_unit_test(waves_of_any_reach),
    };
    return cmocka_run_group_tests(tests, native_setup, native_teardown);
}
