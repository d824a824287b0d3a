/* array_test.c - shapes, sizes, layout questions, broadcasting and ownership of arrays. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arrays/array.h"
#include "support/failing_allocator.h"
#include "support/property.h"

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->context = failing_allocator_context(&f->memory);
    *state = f;
    return f->context != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    sy_context_free(f->context);
    int broken = f->memory.live != 0 || f->memory.broken;
    free(f);
    return broken;
}

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

static void test_describe(void **state)
{
    (void)state;
    syi_array a;
    assert_int_equal(syi_array_describe(&a, SY_DTYPE_F32, 3, SHAPE(2, 3, 4), NULL), SY_OK);
    assert_null(a.storage);
    assert_null(syi_array_data(&a));
    assert_int_equal(a.ndim, 3);
    assert_int_equal(a.strides[0], 12);
    assert_int_equal(a.strides[1], 4);
    assert_int_equal(a.strides[2], 1);
    assert_int_equal(syi_array_numel(&a), 24);
    assert_int_equal(syi_array_bytes(&a), 96);
    assert_true(syi_array_is_contiguous(&a));

    assert_int_equal(syi_array_describe(&a, SY_DTYPE_F64, 0, NULL, NULL), SY_OK);
    assert_int_equal(syi_array_numel(&a), 1);
    assert_int_equal(syi_array_bytes(&a), 8);
    assert_true(syi_array_is_contiguous(&a));

    /* torch.empty(2, 0, 3).stride() is (3, 3, 1) */
    assert_int_equal(syi_array_describe(&a, SY_DTYPE_I64, 3, SHAPE(2, 0, 3), NULL), SY_OK);
    assert_int_equal(a.strides[0], 3);
    assert_int_equal(a.strides[1], 3);
    assert_int_equal(syi_array_numel(&a), 0);
    assert_int_equal(syi_array_bytes(&a), 0);
}

static void test_describe_refuses(void **state)
{
    (void)state;
    static const struct {
        sy_dtype dtype;
        int ndim;
        int64_t shape[9];
        sy_status status;
        const char *text;
    } cases[] = {
        {SY_DTYPE_F32, 2, {3, -1}, SY_ESHAPE, "3x-1"},
        {SY_DTYPE_F32, 9, {1, 1, 1, 1, 1, 1, 1, 1, 1}, SY_ESHAPE, "9 dimensions"},
        {SY_DTYPE_F32, -1, {0}, SY_ESHAPE, "-1 dimensions"},
        {SY_DTYPE_U8, 2, {INT64_MAX, 2}, SY_ESHAPE, "too large"},
        {SY_DTYPE_I16, 1, {INT64_MAX / 2 + 1}, SY_ESHAPE, "int16 is too large"},
        {SY_DTYPE_U8, 3, {0, INT64_MAX, 3}, SY_ESHAPE, "too large"},
        {SY_DTYPE_COUNT, 1, {1}, SY_EDTYPE, "dtype"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        syi_array a, zero = SYI_ARRAY_INIT;
        sy_error err = SY_ERROR_INIT;
        memset(&a, 0x55, sizeof a);
        assert_int_equal(
            syi_array_describe(&a, cases[i].dtype, cases[i].ndim, cases[i].shape, &err),
            cases[i].status);
        assert_int_equal(err.status, cases[i].status);
        if (strstr(err.message, cases[i].text) == NULL) {
            fail_msg("'%s' does not contain '%s'", err.message, cases[i].text);
        }
        assert_memory_equal(&a, &zero, sizeof a);
    }
    syi_array largest;
    assert_int_equal(syi_array_describe(&largest, SY_DTYPE_U8, 1, SHAPE(INT64_MAX), NULL), SY_OK);
}

static void test_new_and_views_share_storage(void **state)
{
    fixture *f = *state;
    syi_account account;
    syi_account_init(&account, "test", 0, NULL);
    syi_array a, b;
    assert_int_equal(syi_array_new(f->context, &a, SY_DTYPE_I32, 2, SHAPE(5, 3), &account, NULL),
                     SY_OK);
    assert_int_equal(atomic_load(&account.used), 60);
    syi_array_copy_view(&b, &a);
    assert_ptr_equal(a.storage, b.storage);
    assert_int_equal(atomic_load(&a.storage->refs), 2);
    syi_array_fini(&a);
    assert_null(a.storage);
    assert_int_equal(a.ndim, 0);
    syi_array_set_int(&b, 14, -7);
    assert_int_equal(syi_array_get_int(&b, 14), -7);
    syi_array_fini(&b);
    syi_array_fini(&b);
    assert_int_equal(atomic_load(&account.used), 0);
}

static void test_failures_leave_nothing(void **state)
{
    fixture *f = *state;
    const syi_array zero = SYI_ARRAY_INIT;
    syi_array a, b;
    f->memory.calls = 0;
    f->memory.fail_at = 1;
    assert_int_equal(syi_array_new(f->context, &a, SY_DTYPE_F32, 1, SHAPE(9), NULL, NULL),
                     SY_ENOMEM);
    assert_memory_equal(&a, &zero, sizeof a);
    f->memory.fail_at = 0;

    syi_account account;
    syi_account_init(&account, "small", 35, NULL);
    assert_int_equal(syi_array_new(f->context, &a, SY_DTYPE_F32, 1, SHAPE(9), &account, NULL),
                     SY_ELIMIT);
    assert_memory_equal(&a, &zero, sizeof a);
    assert_int_equal(syi_array_new(f->context, &a, SY_DTYPE_F32, 1, SHAPE(-9), NULL, NULL),
                     SY_ESHAPE);

    assert_int_equal(syi_array_new(f->context, &a, SY_DTYPE_F32, 1, SHAPE(9), NULL, NULL), SY_OK);
    f->memory.calls = 0;
    f->memory.fail_at = 1;
    assert_int_equal(syi_array_clone(f->context, &b, &a, NULL, NULL), SY_ENOMEM);
    assert_memory_equal(&b, &zero, sizeof b);
    syi_array_fini(&a);
}

static void test_clone(void **state)
{
    fixture *f = *state;
    syi_array a, t, b;
    assert_int_equal(syi_array_new(f->context, &a, SY_DTYPE_I16, 2, SHAPE(2, 3), NULL, NULL),
                     SY_OK);
    for (int i = 0; i < 6; i++) {
        syi_array_set_int(&a, i, i);
    }
    a.storage->secret = true;
    assert_int_equal(syi_array_transpose(&t, &a, 0, 1, NULL), SY_OK);
    assert_int_equal(syi_array_clone(f->context, &b, &t, NULL, NULL), SY_OK);
    assert_ptr_not_equal(b.storage, a.storage);
    assert_true(b.storage->secret);
    assert_true(syi_array_is_contiguous(&b));
    assert_true(syi_array_same_shape(&b, &t));
    static const int expected[] = {0, 3, 1, 4, 2, 5};
    for (int i = 0; i < 6; i++) {
        assert_int_equal(((const int16_t *)syi_array_data(&b))[i], expected[i]);
    }
    syi_array_fini(&a);
    syi_array_fini(&t);
    syi_array_fini(&b);
}

static void test_contiguous(void **state)
{
    (void)state;
    static const struct {
        int ndim;
        int64_t shape[3], strides[3];
        bool contiguous;
    } cases[] = {
        {2, {2, 3}, {3, 1}, true},
        {2, {2, 3}, {1, 2}, false},
        {2, {2, 3}, {6, 1}, false},
        {1, {3}, {2}, false},
        {1, {1}, {2}, true},
        {3, {2, 1, 3}, {3, 77, 1}, true},
        {3, {1, 2, 3}, {0, 3, 1}, true},
        {2, {0, 3}, {7, 7}, true},
        {2, {3, 0}, {5, 9}, true},
        {2, {3, 1}, {0, 1}, false},
        {3, {1, 1, 1}, {4, 5, 6}, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        syi_array a = {.dtype = SY_DTYPE_U8, .ndim = cases[i].ndim};
        memcpy(a.shape, cases[i].shape, sizeof cases[i].shape);
        memcpy(a.strides, cases[i].strides, sizeof cases[i].strides);
        if (syi_array_is_contiguous(&a) != cases[i].contiguous) {
            fail_msg("case %zu is not %s", i, cases[i].contiguous ? "contiguous" : "strided");
        }
    }
}

/* The answer may be true without a shared address (see the header), never false with one. */
static void test_internal_overlap(void **state)
{
    (void)state;
    property_random random = property_start("internal overlap");
    long separate = 0, shared = 0;
    for (long n = property_iterations(3000); n > 0; n--) {
        syi_array a = {.dtype = SY_DTYPE_U8, .ndim = (int)property_between(&random, 0, 3)};
        for (int i = 0; i < a.ndim; i++) {
            a.shape[i] = property_between(&random, 0, 4);
            a.strides[i] = property_between(&random, 0, 12);
        }
        int hits[256] = {0};
        bool collides = false;
        for (int64_t flat = 0; flat < syi_array_numel(&a); flat++) {
            int64_t rest = flat, at = 0;
            for (int i = a.ndim - 1; i >= 0; i--) {
                at += rest % a.shape[i] * a.strides[i];
                rest /= a.shape[i];
            }
            collides = collides || hits[at]++ > 0;
        }
        if (collides) {
            shared++;
            assert_true(syi_array_has_internal_overlap(&a));
        } else if (!syi_array_has_internal_overlap(&a)) {
            separate++;
        }
    }
    assert_true(separate > 0 && shared > 0);
    /* Every permutation of a contiguous layout is known to be free of overlap. */
    syi_array permuted = {
        .dtype = SY_DTYPE_U8, .ndim = 3, .shape = {4, 2, 3}, .strides = {1, 12, 4}};
    assert_false(syi_array_has_internal_overlap(&permuted));
    permuted.strides[1] = 0;
    assert_true(syi_array_has_internal_overlap(&permuted));
}

static void test_overlaps(void **state)
{
    fixture *f = *state;
    syi_array a, left, right, odd, even, empty, other;
    assert_int_equal(syi_array_new(f->context, &a, SY_DTYPE_I32, 1, SHAPE(10), NULL, NULL), SY_OK);
    assert_int_equal(syi_array_new(f->context, &other, SY_DTYPE_I32, 1, SHAPE(10), NULL, NULL),
                     SY_OK);
    assert_int_equal(syi_array_slice(&left, &a, 0, 0, 5, 1, NULL), SY_OK);
    assert_int_equal(syi_array_slice(&right, &a, 0, 5, 10, 1, NULL), SY_OK);
    assert_int_equal(syi_array_slice(&even, &a, 0, 0, 10, 2, NULL), SY_OK);
    assert_int_equal(syi_array_slice(&odd, &a, 0, 1, 10, 2, NULL), SY_OK);
    assert_int_equal(syi_array_slice(&empty, &a, 0, 4, 4, 1, NULL), SY_OK);
    assert_true(syi_array_overlaps(&a, &a));
    assert_true(syi_array_overlaps(&a, &left));
    assert_false(syi_array_overlaps(&left, &right));
    assert_false(syi_array_overlaps(&right, &left));
    assert_true(syi_array_overlaps(&odd, &even)); /* by range, as the header says */
    assert_false(syi_array_overlaps(&a, &empty));
    assert_false(syi_array_overlaps(&a, &other));
    syi_array shape_only = SYI_ARRAY_INIT;
    assert_false(syi_array_overlaps(&a, &shape_only));
    syi_array *all[] = {&a, &left, &right, &odd, &even, &empty, &other};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        syi_array_fini(all[i]);
    }
}

static void test_broadcast(void **state)
{
    (void)state;
    static const struct {
        int a_ndim;
        int64_t a[4];
        int b_ndim;
        int64_t b[4];
        int ndim; /* -1: refused */
        int64_t out[4];
    } cases[] = {
        {2, {3, 4}, 2, {3, 4}, 2, {3, 4}},
        {2, {3, 1}, 2, {1, 4}, 2, {3, 4}},
        {0, {0}, 2, {3, 4}, 2, {3, 4}},
        {0, {0}, 0, {0}, 0, {0}},
        {1, {4}, 3, {2, 3, 1}, 3, {2, 3, 4}},
        {1, {1}, 1, {0}, 1, {0}},
        {2, {0, 1}, 2, {1, 5}, 2, {0, 5}},
        {1, {0}, 1, {2}, -1, {0}},
        {2, {3, 4}, 2, {5, 2}, -1, {0}},
        {2, {3, 4}, 1, {3}, -1, {0}},
        {4, {1, 2, 1, 2}, 2, {7, 2}, 4, {1, 2, 7, 2}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int swapped = 0; swapped < 2; swapped++) {
            int ndim = 99;
            int64_t out[SY_DIM_MAX];
            sy_error err = SY_ERROR_INIT;
            sy_status status = swapped
                                   ? syi_shape_broadcast(&ndim, out, cases[i].b_ndim, cases[i].b,
                                                         cases[i].a_ndim, cases[i].a, &err)
                                   : syi_shape_broadcast(&ndim, out, cases[i].a_ndim, cases[i].a,
                                                         cases[i].b_ndim, cases[i].b, &err);
            if (cases[i].ndim < 0) {
                assert_int_equal(status, SY_ESHAPE);
                assert_non_null(strstr(err.message, "do not broadcast"));
                assert_int_equal(ndim, 99);
                continue;
            }
            assert_int_equal(status, SY_OK);
            assert_int_equal(ndim, cases[i].ndim);
            assert_memory_equal(out, cases[i].out, (size_t)ndim * sizeof out[0]);
        }
    }
    sy_error err = SY_ERROR_INIT;
    int ndim;
    int64_t out[SY_DIM_MAX];
    assert_int_equal(syi_shape_broadcast(&ndim, out, 2, SHAPE(3, 4), 2, SHAPE(5, 2), &err),
                     SY_ESHAPE);
    assert_string_equal(err.message, "3x4 and 5x2 do not broadcast");
}

static void test_dim_wrap(void **state)
{
    (void)state;
    for (int ndim = 0; ndim <= 3; ndim++) {
        int count = ndim > 0 ? ndim : 1;
        for (int64_t dim = -5; dim <= 5; dim++) {
            int wrapped = 99;
            sy_error err = SY_ERROR_INIT;
            sy_status status = syi_dim_wrap(&wrapped, dim, ndim, &err);
            if (dim >= -count && dim < count) {
                assert_int_equal(status, SY_OK);
                assert_int_equal(wrapped, dim < 0 ? dim + count : dim);
            } else {
                assert_int_equal(status, SY_ERANGE);
                assert_int_equal(wrapped, 99);
                assert_true(strlen(err.message) > 0);
            }
        }
    }
    int wrapped;
    assert_int_equal(syi_dim_wrap(&wrapped, INT64_MIN, 3, NULL), SY_ERANGE);
    assert_int_equal(syi_dim_wrap(&wrapped, INT64_MAX, 3, NULL), SY_ERANGE);
}

static void test_shape_format(void **state)
{
    (void)state;
    char buffer[64];
    assert_string_equal(syi_shape_format(2, SHAPE(3, 4), buffer, sizeof buffer), "3x4");
    assert_string_equal(syi_shape_format(1, SHAPE(0), buffer, sizeof buffer), "0");
    assert_string_equal(syi_shape_format(0, NULL, buffer, sizeof buffer), "scalar");
    assert_string_equal(syi_shape_format(3, SHAPE(10, 20, 30), buffer, 5), "10x2");
    const int64_t long_shape[8] = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX,
                                   INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
    assert_int_equal(strlen(syi_shape_format(8, long_shape, buffer, sizeof buffer)), 63);
    assert_ptr_equal(syi_shape_format(1, long_shape, buffer, 0), buffer);
}

#define FIXTURE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_describe_refuses),
        FIXTURE_TEST(test_new_and_views_share_storage),
        FIXTURE_TEST(test_failures_leave_nothing),
        FIXTURE_TEST(test_clone),
        cmocka_unit_test(test_contiguous),
        cmocka_unit_test(test_internal_overlap),
        FIXTURE_TEST(test_overlaps),
        cmocka_unit_test(test_broadcast),
        cmocka_unit_test(test_dim_wrap),
        cmocka_unit_test(test_shape_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
