/* assign_test.c - every pair of dtypes, any pair of layouts, and single elements. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arrays/array.h"
#include "support/property.h"

static int setup(void **state)
{
    sy_context *context = NULL;
    sy_status status = sy_context_new(&context, NULL, NULL);
    *state = context;
    return status == SY_OK ? 0 : -1;
}

static int teardown(void **state)
{
    sy_context_free(*state);
    return 0;
}

/* ---- The oracle: one element at a time, by the rules of array.h ---- */

typedef struct number {
    bool floating;
    __int128 integer;
    double real;
} number;

static const struct {
    int bits;
    bool is_signed;
} integers[SY_DTYPE_COUNT] = {
    [SY_DTYPE_U8] = {8, false},  [SY_DTYPE_I8] = {8, true},   [SY_DTYPE_I16] = {16, true},
    [SY_DTYPE_I32] = {32, true}, [SY_DTYPE_I64] = {64, true},
};

static number read_number(sy_dtype dtype, const void *from)
{
    number n = {.floating = sy_dtype_is_floating(dtype)};
    int64_t bits = 0;
    float single;
    if (dtype == SY_DTYPE_F32) {
        memcpy(&single, from, sizeof single);
        n.real = (double)single;
    } else if (dtype == SY_DTYPE_F64) {
        memcpy(&n.real, from, sizeof n.real);
    } else {
        memcpy(&bits, from, sy_dtype_size(dtype));
        n.integer = bits;
        if (dtype == SY_DTYPE_BOOL) {
            n.integer = bits != 0;
        } else if (integers[dtype].is_signed && integers[dtype].bits < 64 &&
                   bits >> (integers[dtype].bits - 1) != 0) {
            n.integer -= (__int128)1 << integers[dtype].bits;
        }
    }
    return n;
}

static __int128 integer_of(number n, sy_dtype to)
{
    int bits = integers[to].bits;
    __int128 low = integers[to].is_signed ? -((__int128)1 << (bits - 1)) : 0;
    __int128 high = low + ((__int128)1 << bits) - 1;
    if (!n.floating) {
        __int128 span = (__int128)1 << bits;
        return ((n.integer - low) % span + span) % span + low;
    }
    if (isnan(n.real)) {
        return 0;
    }
    double whole = trunc(n.real);
    return whole < (double)low ? low : whole >= (double)high + 1 ? high : (__int128)whole;
}

static void write_number(sy_dtype dtype, void *to, number n)
{
    double real = n.floating ? n.real : (double)n.integer;
    float single = n.floating ? (float)n.real : (float)n.integer;
    uint8_t truth = n.floating ? n.real != 0 : n.integer != 0;
    int64_t bits;
    switch (dtype) {
    case SY_DTYPE_F32:
        memcpy(to, &single, sizeof single);
        break;
    case SY_DTYPE_F64:
        memcpy(to, &real, sizeof real);
        break;
    case SY_DTYPE_BOOL:
        memcpy(to, &truth, sizeof truth);
        break;
    default:
        bits = (int64_t)integer_of(n, dtype);
        memcpy(to, &bits, sy_dtype_size(dtype));
    }
}

/* ---- The matrix of dtypes ---- */

/* Edges of every type, as seen from doubles and from integers. */
static const double edges[] = {
    0.0,      -0.0,       0.25,       -0.75,         1.0,           -1.0,         1.99,   -1.99,
    2.5,      -3.5,       127,        127.9,         128,           -128,         -128.9, -129,
    255,      255.99,     256,        300,           32767.5,       32768,        -32769, 65536,
    16777217, 2147483647, 2147483648, -2147483648.0, -2147483649.0, 4294967296.0, 0x1p53, 0x1p62,
    0x1p63,   -0x1p63,    -0x1p64,    0x1p64,        1e30,          -1e30,        1e300,  -1e300,
    1e-40,    1e-320,     INFINITY,   -INFINITY,     NAN,
};
static const int64_t integer_edges[] = {0,
                                        1,
                                        -1,
                                        2,
                                        7,
                                        100,
                                        127,
                                        128,
                                        -128,
                                        -129,
                                        255,
                                        256,
                                        32767,
                                        32768,
                                        -32768,
                                        -32769,
                                        65535,
                                        16777217,
                                        INT32_MAX,
                                        INT32_MIN,
                                        4294967295,
                                        (INT64_C(1) << 53) + 1,
                                        INT64_MAX,
                                        INT64_MIN,
                                        INT64_MAX - 1};

enum {
    EDGES = sizeof edges / sizeof edges[0],
    INTEGER_EDGES = sizeof integer_edges / sizeof integer_edges[0],
    VALUES = EDGES + INTEGER_EDGES,
};

/* All edges brought into `dtype` by the oracle. */
static void fill_edges(const syi_array *array)
{
    uint8_t *data = syi_array_data(array);
    size_t size = sy_dtype_size(array->dtype);
    for (int i = 0; i < VALUES; i++) {
        number n =
            i < EDGES ? (number){true, 0, edges[i]} : (number){false, integer_edges[i - EDGES], 0};
        write_number(array->dtype, data + (size_t)i * size, n);
    }
}

static void check_element(const syi_array *to, const void *actual, const syi_array *from,
                          const void *source, int64_t i)
{
    uint8_t expected[8] = {0};
    size_t size = sy_dtype_size(to->dtype);
    write_number(to->dtype, expected, read_number(from->dtype, source));
    bool both_nan = sy_dtype_is_floating(to->dtype) && isnan(read_number(to->dtype, actual).real) &&
                    isnan(read_number(to->dtype, expected).real);
    if (memcmp(actual, expected, size) != 0 && !both_nan) {
        number a = read_number(to->dtype, actual), e = read_number(to->dtype, expected);
        fail_msg("%s from %s, element %d: %.17g (%lld), expected %.17g (%lld)",
                 sy_dtype_name(to->dtype), sy_dtype_name(from->dtype), (int)i, a.real,
                 (long long)a.integer, e.real, (long long)e.integer);
    }
}

static void test_every_pair_of_dtypes(void **state)
{
    const int64_t shape[] = {VALUES}, rows[] = {VALUES, 2};
    for (int f = 0; f < SY_DTYPE_COUNT; f++) {
        for (int t = 0; t < SY_DTYPE_COUNT; t++) {
            syi_array from, to, wide, column;
            assert_int_equal(syi_array_new(*state, &from, (sy_dtype)f, 1, shape, NULL, NULL),
                             SY_OK);
            assert_int_equal(syi_array_new(*state, &to, (sy_dtype)t, 1, shape, NULL, NULL), SY_OK);
            assert_int_equal(syi_array_new(*state, &wide, (sy_dtype)t, 2, rows, NULL, NULL), SY_OK);
            assert_int_equal(syi_array_select(&column, &wide, 1, 1, NULL), SY_OK);
            fill_edges(&from);
            syi_array_assign(&to, &from);     /* the contiguous loop */
            syi_array_assign(&column, &from); /* the strided loop */
            const uint8_t *source = syi_array_data(&from);
            const uint8_t *packed = syi_array_data(&to);
            const uint8_t *strided = syi_array_data(&column);
            for (int64_t i = 0; i < VALUES; i++) {
                const uint8_t *element = source + (size_t)i * sy_dtype_size(from.dtype);
                size_t at = (size_t)i * sy_dtype_size(to.dtype);
                check_element(&to, packed + at, &from, element, i);
                check_element(&to, strided + 2 * at, &from, element, i);
            }
            syi_array_fini(&column);
            syi_array_fini(&wide);
            syi_array_fini(&to);
            syi_array_fini(&from);
        }
    }
}

static void test_stated_conversions(void **state)
{
    (void)state;
    static const struct {
        double value;
        int64_t u8, i8, i64, truth;
    } cases[] = {
        {300.7, 255, 127, 300, 1},
        {-5.9, 0, -5, -5, 1},
        {NAN, 0, 0, 0, 1},
        {0.0, 0, 0, 0, 0},
        {1e30, 255, 127, INT64_MAX, 1},
        {-INFINITY, 0, -128, INT64_MIN, 1},
        {0.3, 0, 0, 0, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const sy_dtype dtypes[] = {SY_DTYPE_U8, SY_DTYPE_I8, SY_DTYPE_I64, SY_DTYPE_BOOL};
        const int64_t expected[] = {cases[i].u8, cases[i].i8, cases[i].i64, cases[i].truth};
        for (int k = 0; k < 4; k++) {
            syi_array a;
            assert_int_equal(syi_array_new(*state, &a, dtypes[k], 0, NULL, NULL, NULL), SY_OK);
            syi_array_set_double(&a, 0, cases[i].value);
            assert_int_equal(syi_array_get_int(&a, 0), expected[k]);
            syi_array_fini(&a);
        }
    }
}

/* Floats and int64 are converted in pieces, one way where all of a piece are near 0, another where one is not. */
static void test_near_and_far_pieces(void **state)
{
    static const double near[] = {0.0, -0.0, 0.99, -0.99, 1.5, -16777215, 123456.789, -7e5, 0x1p29};
    static const int64_t near_integers[] = {
        0,         1,       -1, 16777217, -16777219, (INT64_C(1) << 51) - 1, -(INT64_C(1) << 51),
        INT32_MIN, 33554431};
    static const double far[] = {NAN, -INFINITY, 0x1p30, -0x1p31, 1e19, -0x1p63};
    static const int64_t far_integers[] = {INT64_C(1) << 51, -(INT64_C(1) << 51) - 1,
                                           INT64_MAX,        (INT64_C(1) << 53) + 1,
                                           INT64_MIN,        INT64_MAX - 1023};
    static const int64_t lengths[] = {1, 3, 255, 256, 257, 600};
    static const sy_dtype reals[] = {SY_DTYPE_F32, SY_DTYPE_F64};
    for (int k = 0; k < 2 * 2 * 6 * 7; k++) {
        const bool to_integer = k % 2 == 0;
        const sy_dtype real = reals[k / 2 % 2];
        const int64_t n = lengths[k / 4 % 6];
        const int strange = k / 24 - 1; /* -1: none is far */
        syi_array from, to;
        const sy_dtype source = to_integer ? real : SY_DTYPE_I64;
        const sy_dtype target = to_integer ? SY_DTYPE_I64 : real;
        assert_int_equal(syi_array_new(*state, &from, source, 1, &n, NULL, NULL), SY_OK);
        assert_int_equal(syi_array_new(*state, &to, target, 1, &n, NULL, NULL), SY_OK);
        const size_t size = sy_dtype_size(source);
        uint8_t *data = syi_array_data(&from);
        for (int64_t i = 0; i < n; i++) {
            const bool odd = strange >= 0 && i == (n - 1) * strange / 5;
            const number x = {to_integer, odd ? far_integers[strange] : near_integers[i % 9],
                              odd ? far[strange] : near[i % 9]};
            write_number(source, data + (size_t)i * size, x);
        }
        syi_array_assign(&to, &from);
        for (int64_t i = 0; i < n; i++) {
            check_element(&to, (uint8_t *)syi_array_data(&to) + (size_t)i * sy_dtype_size(target),
                          &from, data + (size_t)i * size, i);
        }
        syi_array_fini(&to);
        syi_array_fini(&from);
    }
}

static void test_foreign_bytes_are_bools(void **state)
{
    uint8_t bytes[4] = {0, 1, 2, 255};
    const int64_t shape[] = {4};
    syi_array bools, to;
    assert_int_equal(syi_array_describe(&bools, SY_DTYPE_BOOL, 1, shape, NULL), SY_OK);
    assert_int_equal(syi_storage_wrap(*state, &bools.storage, bytes, 4, NULL, NULL, NULL), SY_OK);
    assert_int_equal(syi_array_new(*state, &to, SY_DTYPE_F32, 1, shape, NULL, NULL), SY_OK);
    syi_array_assign(&to, &bools);
    for (int i = 0; i < 4; i++) {
        assert_true(syi_array_get_double(&to, i) == (i > 0 ? 1.0 : 0.0));
        assert_int_equal(syi_array_get_int(&bools, i), i > 0);
    }
    syi_array_fini(&to);
    syi_array_fini(&bools);
}

/* ---- Layouts ---- */

/* A random array of the given shape: a permuted, stepped, offset part of a bigger one; when `expand`,
 * some dims have stride 0. */
static void draw_array(property_random *random, sy_context *context, syi_array *out, sy_dtype dtype,
                       int ndim, const int64_t *shape, bool expand)
{
    int order[SY_DIM_MAX];
    int64_t big[SY_DIM_MAX], steps[SY_DIM_MAX], inverse[SY_DIM_MAX];
    bool expanded[SY_DIM_MAX];
    for (int i = 0; i < ndim; i++) {
        int j = (int)property_between(random, 0, i);
        order[i] = order[j];
        order[j] = i;
    }
    for (int k = 0; k < ndim; k++) {
        int d = order[k];
        inverse[d] = k;
        expanded[d] = expand && property_between(random, 0, 4) == 0;
        steps[k] = property_between(random, 0, 2) == 0 ? 2 : 1;
        big[k] = (expanded[d] ? 1 : shape[d]) * steps[k] + property_between(random, 0, 1);
    }
    syi_array array, next;
    assert_int_equal(syi_array_new(context, &array, dtype, ndim, big, NULL, NULL), SY_OK);
    for (int64_t i = 0; i < syi_array_numel(&array); i++) {
        syi_array_set_int(&array, i, property_between(random, -120, 120));
    }
    for (int k = 0; k < ndim; k++) {
        int64_t count = expanded[order[k]] ? 1 : shape[order[k]];
        int64_t start = big[k] - count * steps[k];
        int64_t stop = start + (count > 0 ? (count - 1) * steps[k] + 1 : 0);
        assert_int_equal(syi_array_slice(&next, &array, k, start, stop, steps[k], NULL), SY_OK);
        syi_array_fini(&array);
        array = next;
    }
    assert_int_equal(syi_array_permute(&next, &array, inverse, ndim, NULL), SY_OK);
    syi_array_fini(&array);
    assert_int_equal(syi_array_expand(out, &next, ndim, shape, NULL), SY_OK);
    syi_array_fini(&next);
}

static void test_any_layouts(void **state)
{
    property_random random = property_start("assign");
    for (long n = property_iterations(3000); n > 0; n--) {
        int ndim = (int)property_between(&random, 0, 5);
        int64_t shape[SY_DIM_MAX];
        int64_t most = ndim <= 2 ? 80 : 5;
        for (int i = 0; i < ndim; i++) {
            shape[i] =
                property_between(&random, 0, 19) == 0 ? 0 : property_between(&random, 1, most);
        }
        sy_dtype to_dtype = (sy_dtype)property_between(&random, 0, SY_DTYPE_COUNT - 1);
        sy_dtype from_dtype =
            n % 2 == 0 ? to_dtype : (sy_dtype)property_between(&random, 0, SY_DTYPE_COUNT - 1);
        syi_array to, from, before;
        draw_array(&random, *state, &to, to_dtype, ndim, shape, false);
        draw_array(&random, *state, &from, from_dtype, ndim, shape, true);
        /* The same copy element by element, on a shadow of the whole storage: the rest must stay. */
        size_t bytes = to.storage->size;
        uint8_t *kept = malloc(bytes + 1);
        memcpy(kept, to.storage->data, bytes);
        before = to;
        syi_storage shadow = {.data = kept, .size = bytes};
        before.storage = &shadow;

        syi_array_assign(&to, &from);
        for (int64_t i = 0; i < syi_array_numel(&to); i++) {
            if (sy_dtype_is_floating(from_dtype)) {
                syi_array_set_double(&before, i, syi_array_get_double(&from, i));
            } else {
                syi_array_set_int(&before, i, syi_array_get_int(&from, i));
            }
        }
        if (memcmp(kept, to.storage->data, bytes) != 0) {
            size_t at = 0;
            while (kept[at] == to.storage->data[at]) {
                at++;
            }
            char text[64];
            fail_msg("%s from %s, shape %s: byte %zu of the target is %d, expected %d",
                     sy_dtype_name(to_dtype), sy_dtype_name(from_dtype),
                     syi_shape_format(ndim, shape, text, sizeof text), at, to.storage->data[at],
                     kept[at]);
        }
        free(kept);
        syi_array_fini(&to);
        syi_array_fini(&from);
    }
}

static void test_onto_itself(void **state)
{
    const int64_t shape[] = {3, 5};
    syi_array a;
    assert_int_equal(syi_array_new(*state, &a, SY_DTYPE_F64, 2, shape, NULL, NULL), SY_OK);
    for (int i = 0; i < 15; i++) {
        syi_array_set_double(&a, i, i + 0.5);
    }
    syi_array_assign(&a, &a);
    for (int i = 0; i < 15; i++) {
        assert_true(syi_array_get_double(&a, i) == i + 0.5);
    }
    syi_array_fini(&a);
}

#define FIXTURE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_every_pair_of_dtypes), FIXTURE_TEST(test_stated_conversions),
        FIXTURE_TEST(test_near_and_far_pieces),  FIXTURE_TEST(test_foreign_bytes_are_bools),
        FIXTURE_TEST(test_any_layouts),          FIXTURE_TEST(test_onto_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
