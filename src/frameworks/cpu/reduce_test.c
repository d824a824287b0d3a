/* reduce_test.c - sums of any dims in any layout, and their accuracy; the rest is in vectors_test.c. */
#include "support/native_call.h"

/* One element at a time into a result that keeps the reduced dims as 1. */
static syi_array sum_slowly(const native *n, const syi_array *x, unsigned set)
{
    int64_t shape[SY_DIM_MAX], at[SY_DIM_MAX] = {0};
    for (int d = 0; d < x->ndim; d++) {
        shape[d] = set >> d & 1 ? 1 : x->shape[d];
    }
    const bool real = sy_dtype_is_floating(x->dtype);
    syi_array sum = native_zeros(n, real ? SY_DTYPE_F64 : SY_DTYPE_I64, x->ndim, shape);
    for (int64_t i = 0; i < syi_array_numel(x); i++) {
        int64_t place = 0;
        for (int d = 0; d < x->ndim; d++) {
            place = place * shape[d] + (set >> d & 1 ? 0 : at[d]);
        }
        if (real) {
            syi_array_set_double(&sum, place,
                                 syi_array_get_double(&sum, place) + syi_array_get_double(x, i));
        } else {
            syi_array_set_int(&sum, place,
                              syi_array_get_int(&sum, place) + syi_array_get_int(x, i));
        }
        for (int d = x->ndim - 1; d >= 0 && ++at[d] == x->shape[d]; d--) {
            at[d] = 0;
        }
    }
    return sum;
}

static void agrees_with_one_element_at_a_time(void **state)
{
    const native *n = *state;
    property_random random = property_start("agrees_with_one_element_at_a_time");
    static const int64_t sizes[] = {1, 2, 3, 7, 33, 70, 300};
    const long iterations = property_iterations(300);
    for (long k = 0; k < iterations; k++) {
        int64_t shape[3];
        const int ndim = (int)property_between(&random, 1, 3);
        for (int d = 0; d < ndim; d++) {
            shape[d] = sizes[property_between(&random, 0, d == 0 ? 6 : 4)];
        }
        const sy_dtype dtype = (sy_dtype)property_between(&random, SY_DTYPE_BOOL, SY_DTYPE_F64);
        syi_array x = native_random(n, &random, dtype, ndim, shape);
        x = native_scatter(n, &random, x);
        const unsigned set = (unsigned)property_between(&random, 1, (1 << ndim) - 1);
        sy_value dims[3];
        size_t count = 0;
        for (int d = 0; d < ndim; d++) {
            if (set >> d & 1) {
                dims[count++] = sy_value_int(d);
            }
        }
        const sy_value args[4] = {native_value(&x), sy_value_list(dims, count), sy_value_bool(true),
                                  sy_value_dtype(SY_DTYPE_F64)};
        const sy_value natural[4] = {native_value(&x), sy_value_list(dims, count),
                                     sy_value_bool(true), sy_value_none()};
        syi_array expected = sum_slowly(n, &x, set);
        syi_array sum = native_call(n, SYI_OP_sum, sy_dtype_is_floating(dtype) ? args : natural);
        native_assert_equal(&sum, &expected); /* small integers: exact in any order */
        syi_array_fini(&sum);
        syi_array_fini(&expected);
        syi_array_fini(&x);
    }
}

/* A million tenths: float alone would be off by 1 %. */
static void does_not_lose_digits(void **state)
{
    const native *n = *state;
    const int64_t count = 1000003;
    syi_array x = native_zeros(n, SY_DTYPE_F32, 1, &count);
    float *data = syi_array_data(&x);
    for (int64_t i = 0; i < count; i++) {
        data[i] = 0.1f;
    }
    const sy_value args[4] = {native_value(&x), sy_value_none(), sy_value_bool(false),
                              sy_value_none()};
    syi_array sum = native_call(n, SYI_OP_sum, args), mean = native_call(n, SYI_OP_mean, args);
    assert_true(syi_array_get_double(&sum, 0) == (double)(float)((double)0.1f * (double)count));
    assert_true(syi_array_get_double(&mean, 0) == (double)0.1f);
    syi_array_fini(&sum);
    syi_array_fini(&mean);
    syi_array_fini(&x);
}

static void integers_wrap_in_64_bits(void **state)
{
    const native *n = *state;
    syi_array x = native_zeros(n, SY_DTYPE_I64, NATIVE_SHAPE(2));
    syi_array_set_int(&x, 0, INT64_MAX);
    syi_array_set_int(&x, 1, 1);
    const sy_value args[4] = {native_value(&x), sy_value_none(), sy_value_bool(false),
                              sy_value_none()};
    syi_array sum = native_call(n, SYI_OP_sum, args);
    assert_true(syi_array_get_int(&sum, 0) == INT64_MIN);
    syi_array_fini(&sum);
    syi_array_fini(&x);
}

static void nothing_sums_to_zero_and_has_no_mean(void **state)
{
    const native *n = *state;
    syi_array x = native_zeros(n, SY_DTYPE_F32, NATIVE_SHAPE(2, 0));
    const sy_value dim = sy_value_int(1);
    const sy_value rows[4] = {native_value(&x), sy_value_list(&dim, 1), sy_value_bool(false),
                              sy_value_none()};
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_sum, rows), 0, 0);
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_mean, rows), NAN, NAN);
    const sy_value all[4] = {native_value(&x), sy_value_none(), sy_value_bool(false),
                             sy_value_none()};
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_mean, all), NAN);
    syi_array_fini(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_one_element_at_a_time),
        cmocka_unit_test(does_not_lose_digits),
        cmocka_unit_test(integers_wrap_in_64_bits),
        cmocka_unit_test(nothing_sums_to_zero_and_has_no_mean),
    };
    return cmocka_run_group_tests(tests, native_setup, native_teardown);
}
