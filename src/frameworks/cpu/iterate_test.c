/* iterate_test.c - every element is visited once and where it lies, whatever the layouts and dtypes. */
#include "frameworks/cpu/iterate.h"
#include "support/native_call.h"

#include "frameworks/cpu/dtypes.h"
#include "frameworks/cpu/loops.h"

/* c = 100 a + b, in int64 */
SYI_BINARY_LOOP(blend, int64_t, int64_t, uint64_t, 100 * (wide)a + (wide)b)

/* A shape of up to 5 dims, and one that broadcasts to it. */
static int draw_shapes(property_random *random, int64_t *shape, int64_t *partner, int *partner_ndim)
{
    static const int64_t sizes[] = {1, 2, 3, 5, 17, 40};
    const int ndim = (int)property_between(random, 0, 5);
    int64_t total = 1;
    for (int d = 0; d < ndim; d++) {
        shape[d] = sizes[property_between(random, 0, total < 3000 ? 5 : 1)];
        total *= shape[d];
    }
    const int cut = (int)property_between(random, 0, ndim);
    *partner_ndim = ndim - cut;
    for (int d = cut; d < ndim; d++) {
        partner[d - cut] = property_between(random, 0, 2) == 0 ? 1 : shape[d];
    }
    return ndim;
}

static void agrees_with_one_element_at_a_time(void **state)
{
    const native *n = *state;
    property_random random = property_start("agrees_with_one_element_at_a_time");
    const long iterations = property_iterations(400);
    for (long i = 0; i < iterations; i++) {
        int64_t shape[SY_DIM_MAX], partner[SY_DIM_MAX];
        int partner_ndim;
        const int ndim = draw_shapes(&random, shape, partner, &partner_ndim);
        const sy_dtype dtypes[3] = {(sy_dtype)property_between(&random, SY_DTYPE_I32, SY_DTYPE_F64),
                                    (sy_dtype)property_between(&random, SY_DTYPE_U8, SY_DTYPE_F64),
                                    (sy_dtype)property_between(&random, SY_DTYPE_U8, SY_DTYPE_F64)};
        syi_array c = native_zeros(n, dtypes[0], ndim, shape);
        syi_array a = native_random(n, &random, dtypes[1], ndim, shape);
        syi_array b = native_random(n, &random, dtypes[2], partner_ndim, partner);
        syi_array expected = native_zeros(n, dtypes[0], ndim, shape), wide;
        sy_error err = SY_ERROR_INIT;
        assert_ok(syi_array_expand(&wide, &b, ndim, shape, &err), &err);
        for (int64_t e = 0; e < syi_array_numel(&c); e++) {
            syi_array_set_int(&expected, e,
                              100 * syi_array_get_int(&a, e) + syi_array_get_int(&wide, e));
        }
        syi_array_fini(&wide);
        a = native_scatter(n, &random, a);
        b = native_scatter(n, &random, b);
        c = native_scatter(n, &random, c);
        const syi_operand operands[3] = {{.array = &c, .dtype = SY_DTYPE_I64},
                                         {.array = &a, .dtype = SY_DTYPE_I64},
                                         {.array = &b, .dtype = SY_DTYPE_I64}};
        syi_iterate(operands, 3, blend, NULL, i % 2 == 0);
        native_assert_equal(&c, &expected);
        syi_array_fini(&expected);
        syi_array_fini(&a);
        syi_array_fini(&b);
        syi_array_fini(&c);
    }
}

/* The gaps between scattered elements hold 0x55 before and after. */
static void writes_nothing_else(void **state)
{
    const native *n = *state;
    property_random random = property_start("writes_nothing_else");
    syi_array a = native_random(n, &random, SY_DTYPE_I64, NATIVE_SHAPE(70, 9));
    syi_array c = native_zeros(n, SY_DTYPE_I64, NATIVE_SHAPE(70 * 2 + 1, 9 * 3));
    memset(syi_array_data(&c), 0x55, syi_array_bytes(&c));
    syi_array part = c;
    part.offset = 27;
    part.shape[0] = 70;
    part.strides[0] = 54;
    part.shape[1] = 9;
    part.strides[1] = 3;
    const syi_operand operands[3] = {{.array = &part, .dtype = SY_DTYPE_I64},
                                     {.array = &a, .dtype = SY_DTYPE_I64},
                                     {.array = &a, .dtype = SY_DTYPE_I64}};
    syi_iterate(operands, 3, blend, NULL, false);
    for (int64_t i = 0; i < syi_array_numel(&c); i++) {
        const int64_t row = i / 27, column = i % 27;
        const int64_t expected = row % 2 == 1 && column % 3 == 0
                                     ? 101 * syi_array_get_int(&a, row / 2 * 9 + column / 3)
                                     : INT64_C(0x5555555555555555);
        assert_int_equal(syi_array_get_int(&c, i), expected);
    }
    syi_array_fini(&a);
    syi_array_fini(&c);
}

static void merges_what_follows_in_memory(void **state)
{
    const native *n = *state;
    syi_array x = native_zeros(n, SY_DTYPE_F32, NATIVE_SHAPE(2, 1, 3, 4));
    syi_array y = x;
    syi_nest nest;
    syi_nest_init(&nest, 4, x.shape);
    syi_nest_add(&nest, &x);
    syi_nest_merge(&nest, true);
    assert_int_equal(nest.ndim, 1);
    assert_int_equal(nest.shape[0], 24);
    y.strides[0] = 100; /* a gap behind each 3x4 */
    syi_nest_init(&nest, 4, x.shape);
    syi_nest_add(&nest, &x);
    syi_nest_add(&nest, &y);
    syi_nest_merge(&nest, true);
    assert_int_equal(nest.ndim, 2);
    assert_int_equal(nest.shape[0], 12);
    syi_array_fini(&x);
}

static void takes_scalars_and_single_elements(void **state)
{
    const native *n = *state;
    syi_array one = native_zeros(n, SY_DTYPE_I64, 0, NULL);
    const int64_t seven = 7, three = 3;
    const syi_operand operands[3] = {{.array = &one, .dtype = SY_DTYPE_I64},
                                     {.scalar = &seven, .dtype = SY_DTYPE_I64},
                                     {.scalar = &three, .dtype = SY_DTYPE_I64}};
    syi_iterate(operands, 3, blend, NULL, false);
    NATIVE_ASSERT_VALUES(one, 703);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_one_element_at_a_time),
        cmocka_unit_test(writes_nothing_else),
        cmocka_unit_test(merges_what_follows_in_memory),
        cmocka_unit_test(takes_scalars_and_single_elements),
    };
    return cmocka_run_group_tests(tests, native_setup, native_teardown);
}
