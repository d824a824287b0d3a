/* extremum_test.c - the first best element in long rows of any layout; the rest is in vectors_test.c. */
#include "support/native_call.h"

static bool is_better(double x, double y, bool max)
{
    return (isnan(x) && !isnan(y)) || (max ? x > y : x < y);
}

/* Rows of [outer, n, inner] by the definition. */
static void check_row(const syi_array *x, const syi_array *positions, const syi_array *values,
                      bool max, int64_t outer, int64_t inner)
{
    const int64_t n = x->shape[1], width = x->shape[2];
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++) {
        if (is_better(syi_array_get_double(x, (outer * n + i) * width + inner),
                      syi_array_get_double(x, (outer * n + best) * width + inner), max)) {
            best = i;
        }
    }
    const int64_t place = outer * width + inner;
    assert_int_equal(syi_array_get_int(positions, place), best);
    const double expected = syi_array_get_double(x, (outer * n + best) * width + inner);
    const double actual = syi_array_get_double(values, place);
    assert_true(actual == expected || (isnan(actual) && isnan(expected)));
}

static void finds_the_first_along_a_dim(void **state)
{
    const native *n = *state;
    property_random random = property_start("finds_the_first_along_a_dim");
    static const int64_t lengths[] = {1, 2, 63, 64, 65, 130, 513, 1100};
    const long iterations = property_iterations(160);
    for (long k = 0; k < iterations; k++) {
        const int64_t shape[3] = {property_between(&random, 1, 3),
                                  lengths[property_between(&random, 0, 7)],
                                  property_between(&random, 0, 2) == 0 ? 1 : 140};
        const sy_dtype dtype = (sy_dtype)property_between(&random, SY_DTYPE_U8, SY_DTYPE_F64);
        syi_array x = native_random(n, &random, dtype, 3, shape); /* many equal ones */
        if (sy_dtype_is_floating(dtype) && k % 2 == 0) {
            const int64_t count = syi_array_numel(&x);
            for (int i = 0; i < 3; i++) {
                syi_array_set_double(&x, property_between(&random, 0, count - 1), NAN);
            }
        }
        if (k % 3 == 0) {
            x = native_scatter(n, &random, x);
        }
        const bool max = k % 2 == 0;
        const sy_value args[3] = {native_value(&x), sy_value_int(1), sy_value_bool(false)};
        syi_array outs[SYI_OUTPUT_MAX];
        int count = 0;
        sy_error err = SY_ERROR_INIT;
        assert_ok(native_try(n, max ? SYI_OP_max : SYI_OP_min, args, outs, &count, NULL, &err),
                  &err);
        for (int64_t i = 0; i < shape[0]; i++) {
            for (int64_t j = 0; j < shape[2]; j++) {
                check_row(&x, &outs[1], &outs[0], max, i, j);
            }
        }
        syi_array_fini(&outs[0]);
        syi_array_fini(&outs[1]);
        syi_array_fini(&x);
    }
}

/* The number of the first best element in row-major order, also where memory has another order. */
static void numbers_elements_in_row_major_order(void **state)
{
    const native *n = *state;
    property_random random = property_start("numbers_elements_in_row_major_order");
    for (int k = 0; k < 60; k++) {
        syi_array x = native_random(n, &random, SY_DTYPE_I32, NATIVE_SHAPE(3, 70, 5));
        const int64_t best = property_between(&random, 0, 3 * 70 * 5 - 1);
        const int64_t again = property_between(&random, 0, 3 * 70 * 5 - 1);
        syi_array_set_int(&x, best, 100);
        syi_array_set_int(&x, again, 100);
        x = native_scatter(n, &random, x);
        const sy_value args[3] = {native_value(&x), sy_value_none(), sy_value_bool(false)};
        NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_argmax, args),
                             (double)(best < again ? best : again));
        NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_max, args), 100);
        syi_array_fini(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_first_along_a_dim),
        cmocka_unit_test(numbers_elements_in_row_major_order),
    };
    return cmocka_run_group_tests(tests, native_setup, native_teardown);
}
