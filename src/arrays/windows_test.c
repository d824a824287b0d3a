/* windows_test.c - diagonals and windows: shapes, strides and offsets, and what is refused. */
#include "support/test.h"

#include <string.h>

#include "arrays/array.h"

static syi_array shape_of(int ndim, const int64_t *shape)
{
    syi_array array;
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_array_describe(&array, SY_DTYPE_F32, ndim, shape, &err), &err);
    return array;
}

static void expect(const syi_array *view, int64_t offset, int ndim, const int64_t *shape,
                   const int64_t *strides)
{
    assert_int_equal(view->ndim, ndim);
    assert_memory_equal(view->shape, shape, (size_t)ndim * sizeof *shape);
    assert_memory_equal(view->strides, strides, (size_t)ndim * sizeof *strides);
    assert_int_equal(view->offset, offset);
}

static void test_diagonal(void **state)
{
    (void)state;
    const syi_array x = shape_of(3, (const int64_t[]){2, 3, 4});
    syi_array view;
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_array_diagonal(&view, &x, 1, 1, 2, &err), &err);
    expect(&view, 1, 2, (const int64_t[]){2, 3}, (const int64_t[]){12, 5});
    assert_ok(syi_array_diagonal(&view, &x, -2, -1, 1, &err), &err);
    expect(&view, 2, 2, (const int64_t[]){2, 2}, (const int64_t[]){12, 5});
    assert_ok(syi_array_diagonal(&view, &x, -1, 0, 2, &err), &err);
    expect(&view, 12, 2, (const int64_t[]){3, 1}, (const int64_t[]){4, 13});
    /* Beyond the matrix, and at the ends of int64: empty. */
    static const int64_t far[] = {4, -3, INT64_MAX, INT64_MIN};
    for (int k = 0; k < 4; k++) {
        assert_ok(syi_array_diagonal(&view, &x, far[k], 1, 2, &err), &err);
        assert_int_equal(view.shape[1], 0);
        assert_int_equal(view.offset, 0);
    }
    assert_status(syi_array_diagonal(&view, &x, 0, 1, -2, &err), SY_EINVAL, &err);
    assert_string_equal(err.message, "diagonal: dimension 1 of 2x3x4 twice");
    assert_status(syi_array_diagonal(&view, &x, 0, 0, 3, &err), SY_ERANGE, &err);
}

static void test_unfold(void **state)
{
    (void)state;
    const syi_array x = shape_of(2, (const int64_t[]){3, 7});
    syi_array view, again;
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_array_unfold(&view, &x, -1, 3, 2, &err), &err);
    expect(&view, 0, 3, (const int64_t[]){3, 3, 3}, (const int64_t[]){7, 2, 1});
    assert_true(syi_array_has_internal_overlap(&view));
    assert_ok(syi_array_unfold(&again, &view, 0, 3, INT64_MAX, &err), &err);
    assert_int_equal(again.shape[0], 1);
    assert_int_equal(again.shape[3], 3);
    const syi_array scalar = shape_of(0, NULL);
    assert_ok(syi_array_unfold(&view, &scalar, 0, 1, 1, &err), &err);
    assert_int_equal(view.ndim, 1);
    assert_status(syi_array_unfold(&view, &x, 0, 4, 1, &err), SY_ERANGE, &err);
    assert_string_equal(err.message,
                        "unfold: windows of 4 in steps of 1 along dimension 0 of size 3");
    assert_status(syi_array_unfold(&view, &x, 0, 1, 0, &err), SY_ERANGE, &err);
    assert_status(syi_array_unfold(&view, &x, 0, -1, 1, &err), SY_ERANGE, &err);
    const syi_array deep = shape_of(8, (const int64_t[]){1, 1, 1, 1, 1, 1, 1, 1});
    assert_status(syi_array_unfold(&view, &deep, 0, 1, 1, &err), SY_ESHAPE, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_diagonal),
        cmocka_unit_test(test_unfold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
