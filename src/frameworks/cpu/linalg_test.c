/* linalg_test.c - batches, layouts and BLAS; small products are in vectors_test.c, strips in gemm_test.c. */
#include "support/native_call.h"

#include "frameworks/cpu/blas.h"

/* out[..., i, j] by the definition; both operands expanded to the batch. Elements are small integers. */
static void check_batches(const syi_array *out, const syi_array *a, const syi_array *b)
{
    const int d = out->ndim;
    int64_t shape[SY_DIM_MAX];
    memcpy(shape, out->shape, sizeof shape);
    syi_array left, right;
    sy_error err = SY_ERROR_INIT;
    const int64_t m = a->shape[a->ndim - 2], k = a->shape[a->ndim - 1];
    const int64_t columns = b->shape[b->ndim - 1];
    shape[d - 2] = m;
    shape[d - 1] = k;
    assert_ok(syi_array_expand(&left, a, d, shape, &err), &err);
    shape[d - 2] = k;
    shape[d - 1] = columns;
    assert_ok(syi_array_expand(&right, b, d, shape, &err), &err);
    const int64_t batches = syi_array_numel(out) / (m * columns);
    for (int64_t batch = 0; batch < batches; batch++) {
        for (int64_t i = 0; i < m * columns; i++) {
            double sum = 0;
            for (int64_t p = 0; p < k; p++) {
                sum += syi_array_get_double(&left, (batch * m + i / columns) * k + p) *
                       syi_array_get_double(&right, (batch * k + p) * columns + i % columns);
            }
            assert_true(syi_array_get_double(out, batch * m * columns + i) == sum);
        }
    }
    syi_array_fini(&left);
    syi_array_fini(&right);
}

static void check_product(const native *n, property_random *random, sy_dtype dtype, int a_ndim,
                          const int64_t *a_shape, int b_ndim, const int64_t *b_shape)
{
    syi_array a = native_random(n, random, dtype, a_ndim, a_shape);
    syi_array b = native_random(n, random, dtype, b_ndim, b_shape);
    if (property_between(random, 0, 1) == 0) {
        a = native_scatter(n, random, a);
        b = native_scatter(n, random, b);
    }
    const sy_value args[2] = {native_value(&a), native_value(&b)};
    syi_array out = native_call(n, SYI_OP_matmul, args);
    check_batches(&out, &a, &b);
    syi_array_fini(&out);
    syi_array_fini(&a);
    syi_array_fini(&b);
}

static void batches_broadcast(void **state)
{
    const native *n = *state;
    property_random random = property_start("batches_broadcast");
    static const sy_dtype dtypes[] = {SY_DTYPE_F32, SY_DTYPE_F64, SY_DTYPE_I64};
    for (int i = 0; i < 60; i++) {
        const sy_dtype dtype = dtypes[i % 3];
        const int64_t m = property_between(&random, 1, 12), k = property_between(&random, 1, 12);
        const int64_t c = property_between(&random, 1, 12);
        check_product(n, &random, dtype, 3, (int64_t[]){3, m, k}, 2, (int64_t[]){k, c});
        check_product(n, &random, dtype, 2, (int64_t[]){m, k}, 3, (int64_t[]){2, k, c});
        check_product(n, &random, dtype, 4, (int64_t[]){2, 1, m, k}, 3, (int64_t[]){3, k, c});
        check_product(n, &random, dtype, 4, (int64_t[]){2, 3, m, k}, 4, (int64_t[]){1, 3, k, c});
    }
}

/* Above 32^3, where floats go to BLAS: stored by rows, by columns, and as BLAS cannot take them. */
static void large_products_in_any_layout(void **state)
{
    const native *n = *state;
    property_random random = property_start("large_products_in_any_layout");
    for (int i = 0; i < 12; i++) {
        const sy_dtype dtype = i % 2 == 0 ? SY_DTYPE_F32 : SY_DTYPE_F64;
        const int64_t m = property_between(&random, 33, 50), k = property_between(&random, 33, 50);
        const int64_t c = property_between(&random, 33, 50);
        check_product(n, &random, dtype, 2, (int64_t[]){m, k}, 2, (int64_t[]){k, c});
        syi_array wide = native_random(n, &random, dtype, NATIVE_SHAPE(2 * k, 3 * c));
        syi_array a = native_random(n, &random, dtype, NATIVE_SHAPE(m, k)), turned = a, gaps = wide;
        turned.shape[0] = k; /* by columns */
        turned.shape[1] = m;
        turned.strides[0] = 1;
        turned.strides[1] = k;
        gaps.shape[0] = m; /* at most 50, of at least 66 rows */
        gaps.strides[0] = 3 * c;
        gaps.shape[1] = c;
        gaps.strides[1] = 2;
        gaps.offset = 1;
        const sy_value args[2] = {native_value(&turned), native_value(&gaps)};
        syi_array out = native_call(n, SYI_OP_mm, args);
        check_batches(&out, &turned, &gaps);
        syi_array_fini(&out);
        syi_array_fini(&a);
        syi_array_fini(&wide);
    }
}

static void vectors_of_any_stride(void **state)
{
    const native *n = *state;
    property_random random = property_start("vectors_of_any_stride");
    for (int i = 0; i < 40; i++) {
        const int64_t k = property_between(&random, 1, 200), m = property_between(&random, 1, 9);
        const sy_dtype dtype = (sy_dtype)(SY_DTYPE_I32 + i % 4);
        syi_array x = native_scatter(n, &random, native_random(n, &random, dtype, 1, &k));
        syi_array a = native_random(n, &random, dtype, NATIVE_SHAPE(m, k));
        a = native_scatter(n, &random, a);
        const sy_value args[2] = {native_value(&a), native_value(&x)};
        syi_array out = native_call(n, SYI_OP_matmul, args);
        const sy_value inner[2] = {native_value(&x), native_value(&x)};
        syi_array square = native_call(n, SYI_OP_matmul, inner);
        double squared = 0;
        for (int64_t row = 0; row < m; row++) {
            double sum = 0;
            for (int64_t p = 0; p < k; p++) {
                sum += syi_array_get_double(&a, row * k + p) * syi_array_get_double(&x, p);
                squared += row == 0 ? syi_array_get_double(&x, p) * syi_array_get_double(&x, p) : 0;
            }
            assert_true(syi_array_get_double(&out, row) == sum);
        }
        assert_int_equal(square.ndim, 0);
        assert_true(syi_array_get_double(&square, 0) == squared);
        syi_array_fini(&square);
        syi_array_fini(&out);
        syi_array_fini(&a);
        syi_array_fini(&x);
    }
}

/* What cannot be handed over is left to the caller, whether a BLAS is installed or not. */
static void blas_declines_what_it_cannot_take(void **state)
{
    (void)state;
    syi_blas blas;
    syi_blas_init(&blas);
    const float a[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    float c[4] = {-1, -1, -1, -1};
    const int64_t gaps[2] = {4, 2}, repeated[2] = {0, 1}, packed[2] = {2, 1};
    assert_false(syi_blas_multiply_f32(&blas, 2, 2, 2, a, gaps, a, packed, c, 2, false));
    assert_false(syi_blas_multiply_f32(&blas, 2, 2, 2, a, packed, a, repeated, c, 2, false));
    assert_false(
        syi_blas_multiply_f32(&blas, INT64_C(1) << 40, 2, 2, a, packed, a, packed, c, 2, false));
    assert_true(c[0] == -1 && c[3] == -1);
    if (syi_blas_multiply_f32(&blas, 2, 2, 2, a, packed, a, packed, c, 2, false)) {
        assert_true(c[0] == 7 && c[1] == 10 && c[2] == 15 && c[3] == 22);
    }
    syi_blas_fini(&blas);
}

static void beta_zero_hides_nan(void **state)
{
    const native *n = *state;
    syi_array bias = NATIVE_VECTOR(n, SY_DTYPE_F32, NAN, NAN);
    syi_array a = native_from(n, SY_DTYPE_F32, NATIVE_SHAPE(1, 2), (double[]){1, 2});
    syi_array b = native_from(n, SY_DTYPE_F32, NATIVE_SHAPE(2, 2), (double[]){1, 2, 3, 4});
    sy_value args[5] = {native_value(&bias), native_value(&a), native_value(&b), sy_value_int(0),
                        sy_value_float(0.5)};
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_addmm, args), 3.5, 5);
    args[3] = sy_value_int(1);
    NATIVE_ASSERT_VALUES(native_call(n, SYI_OP_addmm, args), NAN, NAN);
    syi_array_fini(&bias);
    syi_array_fini(&a);
    syi_array_fini(&b);
}

/* Rows times a vector: four at a time and what is left, pieces and ends; small integers, exact in any order. */
static void rows_times_a_vector(void **state)
{
    const native *n = *state;
    property_random random = property_start("rows_times_a_vector");
    static const int64_t lengths[] = {1, 7, 8, 15, 16, 17, 33, 100};
    for (int64_t rows = 1; rows <= 9; rows++) {
        for (int k = 0; k < 16; k++) {
            const int64_t length = lengths[k % 8];
            const sy_dtype dtype = k < 8 ? SY_DTYPE_F32 : SY_DTYPE_F64;
            syi_array a = native_random(n, &random, dtype, NATIVE_SHAPE(rows, length));
            syi_array x = native_random(n, &random, dtype, NATIVE_SHAPE(length));
            const sy_value args[2] = {native_value(&a), native_value(&x)};
            syi_array out = native_call(n, SYI_OP_matmul, args);
            for (int64_t r = 0; r < rows; r++) {
                double sum = 0;
                for (int64_t i = 0; i < length; i++) {
                    sum += syi_array_get_double(&a, r * length + i) * syi_array_get_double(&x, i);
                }
                assert_true(syi_array_get_double(&out, r) == sum);
            }
            syi_array_fini(&out);
            syi_array_fini(&x);
            syi_array_fini(&a);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_times_a_vector),
        cmocka_unit_test(batches_broadcast),
        cmocka_unit_test(large_products_in_any_layout),
        cmocka_unit_test(vectors_of_any_stride),
        cmocka_unit_test(blas_declines_what_it_cannot_take),
        cmocka_unit_test(beta_zero_hides_nan),
    };
    return cmocka_run_group_tests(tests, native_setup, native_teardown);
}
