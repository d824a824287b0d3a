/* promote_test.c - result types of mixed operands, and casts. Known answers: torch.result_type and
 * torch.can_cast of PyTorch 1.13. More in infer_vectors_test.c. */
#include "ops/infer.h"
#include "support/test.h"

static const int64_t one_dim[] = {2};

static sy_value tensor(syi_array *array, sy_dtype dtype, int ndim)
{
    assert_int_equal(syi_array_describe(array, dtype, ndim, one_dim, NULL), SY_OK);
    sy_value value = {.kind = (sy_value_kind)SYI_VALUE_ARRAY, .as.internal = array};
    return value;
}

static void assert_pair(sy_value a, sy_value b, sy_dtype expected)
{
    sy_value pair[] = {a, b}, turned[] = {b, a};
    assert_int_equal(syi_result_type(pair, 2), expected);
    assert_int_equal(syi_result_type(turned, 2), expected);
}

static void test_groups(void **state)
{
    (void)state;
    syi_array a, b;
    const sy_value i = sy_value_int(1), f = sy_value_float(1), t = sy_value_bool(true);
    /* tensors with dims */
    assert_pair(tensor(&a, SY_DTYPE_U8, 1), tensor(&b, SY_DTYPE_I8, 1), SY_DTYPE_I16);
    assert_pair(tensor(&a, SY_DTYPE_I64, 1), tensor(&b, SY_DTYPE_F32, 1), SY_DTYPE_F32);
    /* against 0-dim ones: only a higher category counts */
    assert_pair(tensor(&a, SY_DTYPE_I8, 1), tensor(&b, SY_DTYPE_I64, 0), SY_DTYPE_I8);
    assert_pair(tensor(&a, SY_DTYPE_F32, 1), tensor(&b, SY_DTYPE_F64, 0), SY_DTYPE_F32);
    assert_pair(tensor(&a, SY_DTYPE_I64, 1), tensor(&b, SY_DTYPE_F64, 0), SY_DTYPE_F64);
    assert_pair(tensor(&a, SY_DTYPE_BOOL, 1), tensor(&b, SY_DTYPE_U8, 0), SY_DTYPE_U8);
    assert_pair(tensor(&a, SY_DTYPE_U8, 1), tensor(&b, SY_DTYPE_BOOL, 0), SY_DTYPE_U8);
    /* against plain numbers */
    assert_pair(tensor(&a, SY_DTYPE_U8, 1), i, SY_DTYPE_U8);
    assert_pair(tensor(&a, SY_DTYPE_I64, 1), f, SY_DTYPE_F32);
    assert_pair(tensor(&a, SY_DTYPE_F64, 1), f, SY_DTYPE_F64);
    assert_pair(tensor(&a, SY_DTYPE_BOOL, 1), i, SY_DTYPE_I64);
    assert_pair(tensor(&a, SY_DTYPE_BOOL, 1), t, SY_DTYPE_BOOL);
    assert_pair(tensor(&a, SY_DTYPE_I8, 1), t, SY_DTYPE_I8);
    /* 0-dim tensors are above plain numbers */
    assert_pair(tensor(&a, SY_DTYPE_I8, 0), i, SY_DTYPE_I8);
    assert_pair(tensor(&a, SY_DTYPE_F64, 0), f, SY_DTYPE_F64);
    assert_pair(tensor(&a, SY_DTYPE_I8, 0), f, SY_DTYPE_F32);
    assert_pair(tensor(&a, SY_DTYPE_BOOL, 0), i, SY_DTYPE_I64);
    /* numbers alone */
    assert_pair(i, f, SY_DTYPE_F32);
    assert_pair(i, t, SY_DTYPE_I64);
    assert_pair(t, t, SY_DTYPE_BOOL);
}

static void test_three_groups_at_once(void **state)
{
    (void)state;
    syi_array a, b, c;
    sy_value all[] = {tensor(&a, SY_DTYPE_U8, 1), tensor(&b, SY_DTYPE_F64, 0), sy_value_float(1),
                      sy_value_none()};
    assert_int_equal(syi_result_type(all, 4), SY_DTYPE_F64);
    all[1] = tensor(&b, SY_DTYPE_I64, 0);
    assert_int_equal(syi_result_type(all, 4), SY_DTYPE_F32);
    all[2] = tensor(&c, SY_DTYPE_I16, 1);
    assert_int_equal(syi_result_type(all, 4), SY_DTYPE_I16);
}

/* Rows: from bool, u8 ... f64; columns: to the same. */
static void test_casts(void **state)
{
    (void)state;
    for (int from = 0; from < SY_DTYPE_COUNT; from++) {
        for (int to = 0; to < SY_DTYPE_COUNT; to++) {
            bool expected = from == SY_DTYPE_BOOL || to >= SY_DTYPE_F32 ||
                            (from < SY_DTYPE_F32 && to != SY_DTYPE_BOOL);
            assert_int_equal(syi_dtype_can_cast((sy_dtype)from, (sy_dtype)to), expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_three_groups_at_once),
        cmocka_unit_test(test_casts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
