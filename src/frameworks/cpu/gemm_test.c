/* gemm_test.c - products of all sizes around the borders of panels and strips, against three loops. */
#include "frameworks/cpu/gemm.h"
#include "support/native_call.h"

/* Rows and columns of a matrix somewhere in memory: stored by rows, by columns, or with gaps. */
typedef struct layout {
    int64_t strides[2];
    int64_t size;
} layout;

static layout draw_layout(property_random *random, int64_t rows, int64_t columns)
{
    const int64_t gap = property_between(random, 0, 2);
    switch (property_between(random, 0, 3)) {
    case 0:
        return (layout){{1, rows + gap}, columns * (rows + gap) + 1};
    case 1:
        return (layout){{2 * columns, 2}, 2 * rows * columns + 1};
    case 2:
        return (layout){{0, 1}, columns + 1}; /* one row, repeated */
    default:
        return (layout){{columns + gap, 1}, rows * (columns + gap) + 1};
    }
}

static syi_array draw_elements(const native *n, property_random *random, sy_dtype dtype,
                               int64_t size)
{
    syi_array array = native_zeros(n, dtype, 1, &size);
    for (int64_t i = 0; i < size; i++) {
        syi_array_set_int(&array, i, property_between(random, -9, 9));
    }
    return array;
}

static void check_product(const native *n, property_random *random, sy_dtype dtype, int64_t m,
                          int64_t columns, int64_t k)
{
    const layout la = draw_layout(random, m, k), lb = draw_layout(random, k, columns);
    syi_array a = draw_elements(n, random, dtype, la.size);
    syi_array b = draw_elements(n, random, dtype, lb.size);
    syi_array c = native_zeros(n, dtype, NATIVE_SHAPE(m, columns));
    const size_t bytes = syi_gemm_workspace(dtype, m, columns, k, lb.strides);
    void *workspace = bytes > 0 ? syi_alloc_aligned(n->context, bytes, 64) : NULL;
    syi_gemm(dtype, m, columns, k, syi_array_data(&a), la.strides, syi_array_data(&b), lb.strides,
             syi_array_data(&c), workspace);
    syi_array expected = native_zeros(n, dtype, NATIVE_SHAPE(m, columns));
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < columns; j++) {
            int64_t sum = 0; /* small enough for float; narrow integers wrap when stored */
            for (int64_t p = 0; p < k; p++) {
                sum += syi_array_get_int(&a, i * la.strides[0] + p * la.strides[1]) *
                       syi_array_get_int(&b, p * lb.strides[0] + j * lb.strides[1]);
            }
            syi_array_set_int(&expected, i * columns + j, sum);
        }
    }
    native_assert_equal(&c, &expected);
    if (workspace != NULL) {
        syi_free(n->context, workspace, bytes);
    }
    syi_array_fini(&expected);
    syi_array_fini(&a);
    syi_array_fini(&b);
    syi_array_fini(&c);
}

static void agrees_with_three_loops(void **state)
{
    const native *n = *state;
    property_random random = property_start("agrees_with_three_loops");
    for (int dtype = SY_DTYPE_U8; dtype < SY_DTYPE_COUNT; dtype++) {
        const long iterations = property_iterations(60);
        for (long i = 0; i < iterations; i++) {
            const int64_t largest = i % 4 == 0 ? 70 : 14;
            check_product(n, &random, (sy_dtype)dtype, property_between(&random, 1, largest),
                          property_between(&random, 1, largest),
                          property_between(&random, 0, largest));
        }
    }
}

/* Past a panel in each direction: 96 rows, 1024 bytes of columns, 256 deep. */
static void crosses_panels(void **state)
{
    const native *n = *state;
    property_random random = property_start("crosses_panels");
    check_product(n, &random, SY_DTYPE_I64, 101, 131, 20);
    check_product(n, &random, SY_DTYPE_I64, 7, 9, 520);
    check_product(n, &random, SY_DTYPE_F32, 100, 270, 9);
    check_product(n, &random, SY_DTYPE_F64, 13, 140, 300);
    check_product(n, &random, SY_DTYPE_I8, 6, 1100, 257);
}

static void integers_wrap(void **state)
{
    const native *n = *state;
    const int64_t unit[2] = {1, 1};
    syi_array a = native_zeros(n, SY_DTYPE_I64, NATIVE_SHAPE(2));
    syi_array c = native_zeros(n, SY_DTYPE_I64, NATIVE_SHAPE(1));
    syi_array_set_int(&a, 0, INT64_MAX);
    syi_array_set_int(&a, 1, INT64_MIN);
    syi_gemm(SY_DTYPE_I64, 1, 1, 2, syi_array_data(&a), unit, syi_array_data(&a), unit,
             syi_array_data(&c), NULL);
    assert_int_equal(syi_array_get_int(&c, 0), 1); /* (2^63 - 1)^2 + 2^126, modulo 2^64 */
    syi_array_fini(&a);
    syi_array_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_three_loops),
        cmocka_unit_test(crosses_panels),
        cmocka_unit_test(integers_wrap),
    };
    return cmocka_run_group_tests(tests, native_setup, native_teardown);
}
