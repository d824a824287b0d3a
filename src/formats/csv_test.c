/* csv_test.c - headers, quotes, line ends, gaps, size, numbers both ways, files, and refused memory. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "formats/csv.h"
#include "support/folder.h"
#include "support/memory_faults.h"
#include "support/property.h"

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

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

/* Decodes from an allocation of exactly the size, so that a sanitizer sees every read past it. */
static sy_status decode(fixture *f, syi_array *array, const char *text, char **header,
                        sy_error *err)
{
    size_t size = strlen(text);
    char *exact = malloc(size > 0 ? size : 1);
    memcpy(exact, text, size);
    sy_status status = syi_csv_decode(f->context, array, exact, size, NULL, header, err);
    free(exact);
    return status;
}

/* ---- What is read ---- */

static void test_rows(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *text;
        sy_dtype dtype;
        int64_t rows, columns;
        double values[6];
        const char *header; /* NULL: none */
    } cases[] = {
        {"1,2,3\n4,5,6\n", SY_DTYPE_I64, 2, 3, {1, 2, 3, 4, 5, 6}, NULL},
        {"1,2,3\n4,5,6", SY_DTYPE_I64, 2, 3, {1, 2, 3, 4, 5, 6}, NULL},
        {"1,2\r\n3,4\r\n", SY_DTYPE_I64, 2, 2, {1, 2, 3, 4}, NULL},
        {"1,2\r3,4\r", SY_DTYPE_I64, 2, 2, {1, 2, 3, 4}, NULL},
        {"7", SY_DTYPE_I64, 1, 1, {7}, NULL},
        {"1,2\n3,4.5\n5,6\n", SY_DTYPE_F64, 3, 2, {1, 2, 3, 4.5, 5, 6}, NULL},
        {"1e0\n2\n", SY_DTYPE_F64, 2, 1, {1, 2}, NULL},
        {"9223372036854775808,1\n", SY_DTYPE_F64, 1, 2, {0x1p63, 1}, NULL},
        {"a,b\n1,2\n", SY_DTYPE_I64, 1, 2, {1, 2}, "a,b"},
        {"a,2\n1,2\n", SY_DTYPE_I64, 1, 2, {1, 2}, "a,2"},
        {"\n\r\n \t\n1\n\n2\n \n", SY_DTYPE_I64, 2, 1, {1, 2}, NULL},
        {" 1 ,\t2\n 3,4 \n", SY_DTYPE_I64, 2, 2, {1, 2, 3, 4}, NULL},
        {"\"1\",\"2.5\"\n3,\" 4 \" \n", SY_DTYPE_F64, 2, 2, {1, 2.5, 3, 4}, NULL},
        {"\xef\xbb\xbfx\n1\n", SY_DTYPE_I64, 1, 1, {1}, "x"},
        {"\xef\xbb\xbf"
         "1\n",
         SY_DTYPE_I64,
         1,
         1,
         {1},
         NULL},
        {"\"a\",\"b, c\",\"say \"\"d\"\"\"\n1,2,3\n",
         SY_DTYPE_I64,
         1,
         3,
         {1, 2, 3},
         "a,\"b, c\",\"say \"\"d\"\"\""},
        {" first name , x \n1,2\n", SY_DTYPE_I64, 1, 2, {1, 2}, "first name,x"},
        {"\"two\nlines\",b\n1,2\n", SY_DTYPE_I64, 1, 2, {1, 2}, "\"two\nlines\",b"},
        {",a\n1,2\n", SY_DTYPE_I64, 1, 2, {1, 2}, ",a"},
        {"inf,-Infinity\n1,2\n", SY_DTYPE_F64, 2, 2, {INFINITY, -INFINITY, 1, 2}, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        syi_array a;
        char *header = NULL;
        sy_error err = SY_ERROR_INIT;
        if (decode(f, &a, cases[i].text, &header, &err) != SY_OK) {
            fail_msg("case %zu: %s", i, err.message);
        }
        assert_int_equal(a.dtype, cases[i].dtype);
        assert_int_equal(a.ndim, 2);
        assert_int_equal(a.shape[0], cases[i].rows);
        assert_int_equal(a.shape[1], cases[i].columns);
        for (int64_t k = 0; k < syi_array_numel(&a); k++) {
            assert_true(syi_array_get_double(&a, k) == cases[i].values[k]);
        }
        if (cases[i].header == NULL) {
            assert_null(header);
        } else {
            assert_string_equal(header, cases[i].header);
        }
        syi_string_free(f->context, header);
        syi_array_fini(&a);
        assert_int_equal(decode(f, &a, cases[i].text, NULL, NULL), SY_OK); /* not asked for */
        syi_array_fini(&a);
    }
}

static void test_nan_is_a_number(void **state)
{
    fixture *f = *state;
    syi_array a;
    char *header;
    assert_int_equal(decode(f, &a, "nan,1\n2,NaN\n", &header, NULL), SY_OK);
    assert_null(header);
    assert_int_equal(a.shape[0], 2);
    assert_true(isnan(syi_array_get_double(&a, 0)) && isnan(syi_array_get_double(&a, 3)));
    syi_array_fini(&a);
}

/* Integers beyond 2^53 stay exact when all are integers. */
static void test_large_integers(void **state)
{
    fixture *f = *state;
    syi_array a;
    assert_int_equal(decode(f, &a, "9223372036854775807,-9223372036854775808\n", NULL, NULL),
                     SY_OK);
    assert_int_equal(a.dtype, SY_DTYPE_I64);
    assert_true(syi_array_get_int(&a, 0) == INT64_MAX);
    assert_true(syi_array_get_int(&a, 1) == INT64_MIN);
    syi_array_fini(&a);
}

static void test_one_million_fields(void **state)
{
    fixture *f = *state;
    enum { FIELDS = 1000000 };
    char *text = malloc(FIELDS * 2 + 1);
    for (int i = 0; i < FIELDS; i++) {
        text[2 * i] = (char)('0' + i % 10);
        text[2 * i + 1] = i + 1 < FIELDS ? ',' : '\n';
    }
    text[FIELDS * 2] = 0;
    syi_array a;
    assert_int_equal(decode(f, &a, text, NULL, NULL), SY_OK);
    assert_int_equal(a.shape[0], 1);
    assert_int_equal(a.shape[1], FIELDS);
    const int64_t *cells = syi_array_data(&a);
    for (int i = 0; i < FIELDS; i++) {
        assert_true(cells[i] == i % 10);
    }
    syi_array_fini(&a);
    text[FIELDS * 2 - 2] = 'x';
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(decode(f, &a, text, NULL, &err), SY_EFORMAT); /* a header of a million names */
    assert_non_null(strstr(err.message, "no rows"));
    free(text);
}

/* ---- What is refused ---- */

static void test_refusals_name_the_place(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"", "csv: no rows"},
        {"\n \n\r\n", "csv: no rows"},
        {"\xef\xbb\xbf", "csv: no rows"},
        {"a,b\n", "csv: no rows"},
        {"1,2,3,4,5\n1,2,3,4,5\n1,2,3,4,x\n", "csv: line 3, column 5: 'x' is not a number"},
        {"h\n\n\n1\ny\n", "csv: line 5, column 1: 'y' is not a number"},
        {"1,2\n3\n", "csv: line 2: 1 fields, 2 expected"},
        {"a,b,c\n1,2\n", "csv: line 2: 2 fields, 3 expected"},
        {"1,2\n3,4,5\n", "csv: line 2: 3 fields, 2 expected"},
        {"1,2\n3,\n", "csv: line 2, column 2: the value is missing"},
        {"1,2\n,3\n", "csv: line 2, column 1: the value is missing"},
        {"1,,3\n4,5,6\n", "csv: line 1, column 2: the value is missing"},
        {"1,\n", "csv: line 1, column 2: the value is missing"},
        {"1\n\"\"\n", "csv: line 2, column 1: the value is missing"},
        {"1\n\"2\"3\n", "csv: line 2, column 1: '2' is not a number"},
        {"1\n\"2\n", "csv: line 2, column 1: '2\n' is not a number"},
        {"1\n2\"\n", "csv: line 2, column 1: '2\"' is not a number"},
        {"1\n0x10\n", "csv: line 2, column 1: '0x10' is not a number"},
        {"1\n1;2\n", "csv: line 2, column 1: '1;2' is not a number"},
        {"1\n1_000\n", "csv: line 2, column 1: '1_000' is not a number"},
        {"\"two\nlines\"\n1\nx\n", "csv: line 4, column 1: 'x' is not a number"},
        {"1\naaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee\n",
         "csv: line 2, column 1: 'aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd...' is not a number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        syi_array a;
        const syi_array zero = SYI_ARRAY_INIT;
        char *header = (char *)1;
        sy_error err = SY_ERROR_INIT;
        assert_int_equal(decode(f, &a, cases[i].text, &header, &err), SY_EFORMAT);
        assert_memory_equal(&a, &zero, sizeof a);
        assert_null(header);
        /* The sentence is one line: control characters do not get into it. */
        char expected[128];
        snprintf(expected, sizeof expected, "%s", cases[i].message);
        if (strchr(expected, '\n') == NULL) {
            assert_string_equal(err.message, expected);
        } else {
            assert_null(strchr(err.message, '\n'));
        }
    }
}

static void test_zero_bytes(void **state)
{
    fixture *f = *state;
    syi_array a;
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(syi_csv_decode(f->context, &a, "1\0002\n", 4, NULL, NULL, &err), SY_EFORMAT);
    assert_non_null(strstr(err.message, "zero byte"));
    assert_int_equal(syi_csv_decode(f->context, &a, NULL, 0, NULL, NULL, &err), SY_EFORMAT);
}

static void test_account(void **state)
{
    fixture *f = *state;
    syi_account account;
    syi_account_init(&account, "caller", 4 * 8, NULL);
    syi_array a;
    char *header;
    assert_int_equal(syi_csv_decode(f->context, &a, "a,b\n1,2\n3,4\n", 12, &account, &header, NULL),
                     SY_OK);
    assert_int_equal(atomic_load(&account.used), 32);
    syi_string_free(f->context, header);
    syi_array_fini(&a);
    assert_int_equal(
        syi_csv_decode(f->context, &a, "a,b\n1,2\n3,4\n5,6\n", 16, &account, &header, NULL),
        SY_ELIMIT);
    assert_null(header);
    assert_int_equal(atomic_load(&account.used), 0);
}

/* ---- Writing ---- */

static void check_encoded(fixture *f, const syi_array *array, const char *expected)
{
    syi_buffer out;
    syi_buffer_init(&out, f->context, 1 << 16);
    assert_int_equal(syi_csv_encode(array, &out, NULL), SY_OK);
    syi_buffer_append(&out, "", 1);
    assert_string_equal((const char *)out.data, expected);
    syi_buffer_fini(&out);
}

static void test_encode(void **state)
{
    fixture *f = *state;
    syi_array a, t;
    assert_int_equal(syi_array_new(f->context, &a, SY_DTYPE_F64, 2, SHAPE(2, 3), NULL, NULL),
                     SY_OK);
    static const double values[] = {1, 0.1, -0.0, NAN, 1e300, -INFINITY};
    for (int i = 0; i < 6; i++) {
        syi_array_set_double(&a, i, values[i]);
    }
    check_encoded(f, &a, "1.0,0.1,-0.0\nnan,1e+300,-inf\n");
    assert_int_equal(syi_array_transpose(&t, &a, 0, 1, NULL), SY_OK);
    check_encoded(f, &t, "1.0,nan\n0.1,1e+300\n-0.0,-inf\n");
    syi_array_fini(&t);
    syi_array_fini(&a);

    assert_int_equal(syi_array_new(f->context, &a, SY_DTYPE_F32, 1, SHAPE(2), NULL, NULL), SY_OK);
    syi_array_set_double(&a, 0, 0.1);
    syi_array_set_double(&a, 1, 16777216);
    check_encoded(f, &a, "0.1\n16777216.0\n");
    syi_array_fini(&a);

    assert_int_equal(syi_array_new(f->context, &a, SY_DTYPE_BOOL, 0, NULL, NULL, NULL), SY_OK);
    syi_array_set_int(&a, 0, 1);
    check_encoded(f, &a, "1\n");
    syi_array_fini(&a);

    assert_int_equal(syi_array_new(f->context, &a, SY_DTYPE_I64, 2, SHAPE(1, 2), NULL, NULL),
                     SY_OK);
    syi_array_set_int(&a, 0, INT64_MIN);
    syi_array_set_int(&a, 1, INT64_MAX);
    check_encoded(f, &a, "-9223372036854775808,9223372036854775807\n");
    syi_array_fini(&a);

    assert_int_equal(syi_array_new(f->context, &a, SY_DTYPE_F64, 2, SHAPE(3, 0), NULL, NULL),
                     SY_OK);
    check_encoded(f, &a, "");
    syi_array_fini(&a);
}

static void test_encode_refuses(void **state)
{
    fixture *f = *state;
    syi_array a;
    syi_buffer out;
    sy_error err = SY_ERROR_INIT;
    syi_buffer_init(&out, f->context, 10);
    assert_int_equal(syi_array_describe(&a, SY_DTYPE_F64, 1, SHAPE(3), NULL), SY_OK);
    assert_int_equal(syi_csv_encode(&a, &out, &err), SY_EINVAL);
    assert_int_equal(syi_array_new(f->context, &a, SY_DTYPE_U8, 3, SHAPE(2, 2, 2), NULL, NULL),
                     SY_OK);
    assert_int_equal(syi_csv_encode(&a, &out, &err), SY_ESHAPE);
    assert_non_null(strstr(err.message, "2x2x2"));
    syi_array_fini(&a);
    assert_int_equal(syi_array_new(f->context, &a, SY_DTYPE_U8, 1, SHAPE(6), NULL, NULL), SY_OK);
    memset(syi_array_data(&a), 7, 6);
    assert_int_equal(syi_csv_encode(&a, &out, &err), SY_ELIMIT);
    syi_array_fini(&a);
    syi_buffer_fini(&out);
}

static void test_round_trip(void **state)
{
    fixture *f = *state;
    property_random random = property_start("csv");
    for (long n = property_iterations(300); n > 0; n--) {
        sy_dtype dtype = (sy_dtype)property_between(&random, 0, SY_DTYPE_COUNT - 1);
        const int64_t shape[] = {property_between(&random, 1, 9), property_between(&random, 1, 9)};
        syi_array a, back, again;
        assert_int_equal(syi_array_new(f->context, &a, dtype, 2, shape, NULL, NULL), SY_OK);
        for (int64_t i = 0; i < syi_array_numel(&a); i++) {
            int64_t bits = (int64_t)property_next(&random);
            double real;
            memcpy(&real, &bits, sizeof real);
            if (sy_dtype_is_floating(dtype)) {
                syi_array_set_double(&a, i, isnan(real) ? 0.5 : real);
            } else {
                syi_array_set_int(&a, i, bits >> property_between(&random, 0, 60));
            }
        }
        syi_buffer out;
        syi_buffer_init(&out, f->context, 1 << 16);
        assert_int_equal(syi_csv_encode(&a, &out, NULL), SY_OK);
        assert_int_equal(
            syi_csv_decode(f->context, &back, (const char *)out.data, out.length, NULL, NULL, NULL),
            SY_OK);
        assert_int_equal(back.dtype, sy_dtype_is_floating(dtype) ? SY_DTYPE_F64 : SY_DTYPE_I64);
        assert_true(syi_array_same_shape(&a, &back));
        assert_int_equal(syi_array_new(f->context, &again, dtype, 2, shape, NULL, NULL), SY_OK);
        syi_array_assign(&again, &back);
        assert_memory_equal(syi_array_data(&again), syi_array_data(&a), syi_array_bytes(&a));
        syi_buffer_fini(&out);
        syi_array_fini(&a);
        syi_array_fini(&back);
        syi_array_fini(&again);
    }
}

/* ---- Files and memory ---- */

static void test_files(void **state)
{
    fixture *f = *state;
    syi_array a;
    char *header = (char *)1;
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(syi_csv_load(f->context, &a, "/nonexistent.csv", NULL, &header, &err),
                     SY_ENOTFOUND);
    assert_null(header);
    assert_int_equal(syi_csv_load(f->context, &a, "/tmp", NULL, &header, &err), SY_EIO);

    test_folder folder = {.count = 0};
    assert_true(test_folder_make(&folder));
    const char *path = test_folder_path(&folder, "a.csv");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("x,y\n1,2.5\n", file);
    fclose(file);
    assert_int_equal(syi_csv_load(f->context, &a, path, NULL, &header, NULL), SY_OK);
    assert_string_equal(header, "x,y");
    assert_true(syi_array_get_double(&a, 1) == 2.5);
    syi_string_free(f->context, header);
    syi_array_fini(&a);
    assert_int_equal(truncate(path, 5), 0);
    assert_int_equal(syi_csv_load(f->context, &a, path, NULL, &header, &err), SY_EFORMAT);
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, "line 2: 1 fields, 2 expected"));
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(syi_csv_load(f->context, &a, path, NULL, &header, &err), SY_EFORMAT);
    assert_true(test_folder_remove(&folder));
}

static void test_the_examples_data(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *name;
        sy_dtype dtype;
        int64_t rows, columns;
        const char *first_names;
        double first, last;
    } files[] = {
        {"digits.csv", SY_DTYPE_I64, 1797, 65, "p0,p1,", 0, 8},
        {"breast_cancer.csv", SY_DTYPE_F64, 569, 31, "mean_radius,mean_texture,", 17.99, 1},
        {"boston_housing.csv", SY_DTYPE_F64, 506, 14, "CRIM,ZN,", 0.00632, 11.9},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[512];
        syi_array a;
        char *header;
        sy_error err = SY_ERROR_INIT;
        snprintf(path, sizeof path, CSYFT_TEST_SOURCE_DIR "/examples/data/%s", files[i].name);
        if (syi_csv_load(f->context, &a, path, NULL, &header, &err) != SY_OK) {
            fail_msg("%s", err.message);
        }
        assert_int_equal(a.dtype, files[i].dtype);
        assert_int_equal(a.shape[0], files[i].rows);
        assert_int_equal(a.shape[1], files[i].columns);
        assert_memory_equal(header, files[i].first_names, strlen(files[i].first_names));
        assert_true(syi_array_get_double(&a, 0) == files[i].first);
        assert_true(syi_array_get_double(&a, syi_array_numel(&a) - 1) == files[i].last);
        syi_string_free(f->context, header);
        syi_array_fini(&a);
    }
}

static sy_status load_once(sy_context *context, void *argument, sy_error *err)
{
    syi_array a;
    char *header;
    sy_status status = syi_csv_load(context, &a, argument, NULL, &header, err);
    assert_true(status == SY_OK || header == NULL);
    syi_string_free(context, header);
    syi_array_fini(&a);
    return status;
}

static sy_status encode_once(sy_context *context, void *argument, sy_error *err)
{
    (void)argument;
    syi_array a;
    syi_buffer out;
    SY_TRY(syi_array_new(context, &a, SY_DTYPE_U8, 2, SHAPE(100, 10), NULL, err));
    memset(syi_array_data(&a), 1, syi_array_bytes(&a));
    syi_buffer_init(&out, context, 1 << 16);
    sy_status status = syi_csv_encode(&a, &out, err);
    syi_buffer_fini(&out);
    syi_array_fini(&a);
    return status;
}

static void test_refused_memory(void **state)
{
    (void)state;
    char path[] = CSYFT_TEST_SOURCE_DIR "/examples/data/boston_housing.csv";
    assert_true(memory_faults_sweep(load_once, path) >= 4); /* text, names twice, storage */
    assert_true(memory_faults_sweep(encode_once, NULL) >= 3);
}

#define FIXTURE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_rows),
        FIXTURE_TEST(test_nan_is_a_number),
        FIXTURE_TEST(test_large_integers),
        FIXTURE_TEST(test_one_million_fields),
        FIXTURE_TEST(test_refusals_name_the_place),
        FIXTURE_TEST(test_zero_bytes),
        FIXTURE_TEST(test_account),
        FIXTURE_TEST(test_encode),
        FIXTURE_TEST(test_encode_refuses),
        FIXTURE_TEST(test_round_trip),
        FIXTURE_TEST(test_files),
        FIXTURE_TEST(test_the_examples_data),
        cmocka_unit_test(test_refused_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
