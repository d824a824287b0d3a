/* npy_test.c - NumPy's own files both ways, hostile headers, files, and refused memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "formats/decimal.h"
#include "formats/npy.h"
#include "support/folder.h"
#include "support/memory_faults.h"
#include "support/property.h"

#define VECTORS CSYFT_TEST_SOURCE_DIR "/tests/vectors/npy/"
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

/* ---- NumPy's files ---- */

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    uint8_t *bytes = malloc(1 << 16);
    *size = fread(bytes, 1, 1 << 16, file);
    fclose(file);
    return bytes;
}

static void check_elements(const syi_array *array, const char *dtype, const char *shape,
                           char *elements)
{
    char text[64];
    syi_shape_format(array->ndim, array->shape, text, sizeof text);
    for (char *c = text; *c != 0; c++) {
        *c = *c == 'x' ? ',' : *c;
    }
    assert_string_equal(sy_dtype_name(array->dtype), dtype);
    assert_string_equal(array->ndim == 0 ? "-" : text, shape);
    int64_t at = 0;
    char *rest = NULL;
    for (char *e = strtok_r(elements, ",", &rest); e != NULL && strcmp(e, "-") != 0;
         e = strtok_r(NULL, ",", &rest)) {
        assert_true(at < syi_array_numel(array));
        syi_decimal expected = syi_decimal_parse(e, strlen(e));
        if (sy_dtype_is_floating(array->dtype)) {
            double actual = syi_array_get_double(array, at);
            assert_memory_equal(&actual, &expected.real, sizeof actual);
        } else {
            assert_true(syi_array_get_int(array, at) == expected.integer);
        }
        at++;
    }
    assert_int_equal(at, syi_array_numel(array));
}

static void check_written(fixture *f, const syi_array *array, const uint8_t *bytes, size_t size)
{
    syi_buffer out;
    syi_buffer_init(&out, f->context, 1 << 20);
    assert_int_equal(syi_npy_encode(array, &out, NULL), SY_OK);
    assert_int_equal(out.length, size);
    assert_memory_equal(out.data, bytes, size);
    syi_buffer_fini(&out);
}

static void check_vector(fixture *f, char *line)
{
    char name[64], kind[16], dtype[16], shape[64], elements[1024], path[512];
    assert_int_equal(sscanf(line, "%63s %15s %15s %63s %1023s", name, kind, dtype, shape, elements),
                     5);
    snprintf(path, sizeof path, VECTORS "%s", name);
    size_t size;
    uint8_t *bytes = read_file(path, &size);
    syi_array decoded, loaded;
    sy_error err = SY_ERROR_INIT;
    sy_status status = syi_npy_decode(f->context, &decoded, bytes, size, NULL, &err);
    assert_int_equal(syi_npy_load(f->context, &loaded, path, NULL, NULL), status);
    if (strcmp(kind, "refused") == 0) {
        assert_int_equal(status, SY_EFORMAT);
        assert_non_null(strstr(err.message, strcmp(name, "dims9.npy") == 0 ? "shape" : "descr"));
    } else {
        if (status != SY_OK) {
            fail_msg("%s: %s", name, err.message);
        }
        char again[1024];
        snprintf(again, sizeof again, "%s", elements);
        check_elements(&decoded, dtype, shape, elements);
        check_elements(&loaded, dtype, shape, again);
        if (strcmp(kind, "same") == 0) {
            assert_true(syi_array_is_contiguous(&decoded));
            check_written(f, &decoded, bytes, size);
        }
        syi_array_fini(&decoded);
        syi_array_fini(&loaded);
    }
    free(bytes);
}

static void test_numpys_files(void **state)
{
    FILE *manifest = fopen(VECTORS "manifest.txt", "r");
    assert_non_null(manifest);
    char line[2048];
    int files = 0;
    while (fgets(line, sizeof line, manifest) != NULL) {
        check_vector(*state, line);
        files++;
    }
    fclose(manifest);
    assert_int_equal(files, 28);
}

/* ---- What is refused ---- */

typedef struct npy_text {
    uint8_t bytes[512];
    size_t size;
} npy_text;

/* A version 1.0 file with this header and `data` zero bytes. */
static npy_text make_file(const char *header, size_t data)
{
    npy_text t = {.size = 10 + strlen(header) + data};
    assert_true(t.size <= sizeof t.bytes);
    memcpy(t.bytes, "\x93NUMPY\x01", 8);
    t.bytes[8] = (uint8_t)strlen(header);
    t.bytes[9] = (uint8_t)(strlen(header) >> 8);
    memcpy(t.bytes + 10, header, strlen(header));
    return t;
}

/* Decodes from an allocation of exactly the size, so that a sanitizer sees every read past it. */
static sy_status decode(fixture *f, syi_array *array, const npy_text *t, sy_error *err)
{
    uint8_t *exact = malloc(t->size > 0 ? t->size : 1);
    memcpy(exact, t->bytes, t->size);
    sy_status status = syi_npy_decode(f->context, array, exact, t->size, NULL, err);
    free(exact);
    return status;
}

static void check_refused(fixture *f, const npy_text *t, const char *text)
{
    syi_array a;
    const syi_array zero = SYI_ARRAY_INIT;
    sy_error err = SY_ERROR_INIT;
    size_t calls = f->memory.calls;
    assert_int_equal(decode(f, &a, t, &err), SY_EFORMAT);
    assert_memory_equal(&a, &zero, sizeof a);
    assert_int_equal(f->memory.calls, calls); /* nothing was allocated */
    if (strstr(err.message, text) == NULL) {
        fail_msg("'%s' does not contain '%s'", err.message, text);
    }
}

static void test_hostile_headers(void **state)
{
    static const struct {
        const char *header;
        size_t data;
        const char *text;
    } cases[] = {
        {"", 0, "not a dict"},
        {"[1, 2]", 0, "not a dict"},
        {"{}", 0, "no key 'descr'"},
        {"{'descr': '<f4'", 0, "malformed"},
        {"{'descr' '<f4'}", 0, "malformed"},
        {"{'descr': '<f4' 'fortran_order': False, 'shape': (1,)}", 4, "malformed"},
        {"{'descr': '<f4', 'fortran_order': False 'shape': (1,)}", 4, "malformed"},
        {"{'descr': '<f4',, 'fortran_order': False, 'shape': (1,)}", 4, "malformed"},
        {"{'descr': '<f4', 'fortran_order': False}", 4, "no key 'shape'"},
        {"{'descr': '<f4', 'shape': (1,)}", 4, "no key 'fortran_order'"},
        {"{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", 4,
         "twice the key 'descr'"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", 4, "unknown key 'x'"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} + {}", 4, "goes on"},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", 4, "fortran_order"},
        {"{'descr': '<f4', 'fortran_order': Trueish, 'shape': (1,)}", 4, "malformed"},
        {"{'descr': '<f4', 'fortran_order': None, 'shape': (1,)}", 4, "fortran_order"},
        {"{'descr': '<f4\\x00', 'fortran_order': False, 'shape': (1,)}", 4, "descr"},
        {"{'descr': '', 'fortran_order': False, 'shape': (1,)}", 4, "descr ''"},
        {"{'descr': '<', 'fortran_order': False, 'shape': (1,)}", 4, "descr '<'"},
        {"{'descr': 'f4', 'fortran_order': False, 'shape': (1,)}", 4, "descr 'f4'"},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", 4, "descr '>f4'"},
        {"{'descr': '<f42', 'fortran_order': False, 'shape': (1,)}", 4, "descr"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", 8, "descr '|O'"},
        {"{'descr': nan, 'fortran_order': False, 'shape': (1,)}", 4, "descr"},
        {"{'descr': 4, 'fortran_order': False, 'shape': (1,)}", 4, "descr"},
        {"{'descr': '<fffffffffffffffffffffffffffffffffff4'}", 4, "descr"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': 1}", 4, "shape is not a tuple"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': [1]}", 4, "shape is not a tuple"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1)}", 4, "number, not a tuple"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", 4, "shape"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (nan,)}", 4, "shape"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1.0,)}", 4, "shape"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1e3,)}", 4, "shape"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (True,)}", 4, "shape"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1 1)}", 4, "shape"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (,)}", 4, "shape"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,,1)}", 4, "shape"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,", 4, "shape"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': ((1,),)}", 4, "shape"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (((((((((((((((((((((", 4, "shape"},
        {"{'descr': ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((", 4, "descr"},
        {"{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{", 4, "malformed"},
        {"{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (1,)}", 4, "descr"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,)}", 4, "shape"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807,)}", 4,
         "too large"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", 4,
         "too large"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4294967296, 4294967296)}", 0,
         "too large"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}", 4, "length"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 1, 1)}", 4,
         "shape has more than 8"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", 3, "length"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", 5, "length"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0,)}", 4, "length"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        npy_text t = make_file(cases[i].header, cases[i].data);
        check_refused(*state, &t, cases[i].text);
    }
}

static void test_hostile_prefixes(void **state)
{
    const npy_text good =
        make_file("{'descr': '<i2', 'fortran_order': False, 'shape': (3,), }\n", 6);
    fixture *f = *state;
    syi_array a;
    assert_int_equal(decode(f, &a, &good, NULL), SY_OK);
    syi_array_fini(&a);
    for (size_t size = 0; size < good.size; size++) {
        npy_text cut = good;
        cut.size = size;
        const char *text = size < 8               ? "magic"
                           : size < 10            ? "length is cut off"
                           : size < good.size - 6 ? "header is cut off"
                                                  : "length is wrong";
        check_refused(f, &cut, text);
    }
    npy_text t = good;
    t.bytes[0] = 'x';
    check_refused(f, &t, "magic");
    for (int version = 0; version < 256; version++) {
        t = good;
        t.bytes[6] = (uint8_t)version;
        if (version == 0 || version > 3) {
            check_refused(f, &t, "version");
        }
    }
    t = good;
    t.bytes[7] = 1;
    check_refused(f, &t, "version 1.1");
    t = good;
    t.bytes[9] = 0xff;
    check_refused(f, &t, "header is cut off");
    t = good;
    t.bytes[6] = 2; /* now four bytes of length, huge */
    check_refused(f, &t, "header is cut off");
    for (size_t size = 8; size < 12; size++) {
        t.size = size;
        check_refused(f, &t, "length is cut off");
    }
}

static void test_spellings_numpy_takes(void **state)
{
    static const char *const headers[] = {
        "{'shape': (2,), 'fortran_order': False, 'descr': '<i2'}",
        "{\"descr\":\"<i2\",\"fortran_order\":False,\"shape\":(2,)}",
        "  { 'descr' : '=i2' , 'fortran_order' : True , 'shape' : ( 2 , ) , }  \n\n",
        "{'descr': '|i2', 'fortran_order': False, 'shape': (2L,)}",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (1, 2,)}",
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        npy_text t = make_file(headers[i], 4);
        t.bytes[t.size - 2] = 5;
        syi_array a;
        sy_error err = SY_ERROR_INIT;
        if (decode(*state, &a, &t, &err) != SY_OK) {
            fail_msg("%s: %s", headers[i], err.message);
        }
        assert_int_equal(a.dtype, SY_DTYPE_I16);
        assert_int_equal(syi_array_get_int(&a, 1), 5);
        syi_array_fini(&a);
    }
}

static void test_bools_become_0_or_1(void **state)
{
    npy_text t = make_file("{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}", 3);
    t.bytes[t.size - 1] = 255;
    t.bytes[t.size - 2] = 2;
    syi_array a;
    assert_int_equal(decode(*state, &a, &t, NULL), SY_OK);
    assert_memory_equal(syi_array_data(&a), "\0\1\1", 3);
    syi_array_fini(&a);
}

/* ---- Round trips, files, memory ---- */

static void test_round_trip(void **state)
{
    fixture *f = *state;
    property_random random = property_start("npy");
    for (long n = property_iterations(500); n > 0; n--) {
        int64_t shape[SY_DIM_MAX];
        int ndim = (int)property_between(&random, 0, 5);
        for (int i = 0; i < ndim; i++) {
            shape[i] = property_between(&random, n % 10 == 0 ? 0 : 1, 4);
        }
        sy_dtype dtype = (sy_dtype)property_between(&random, 0, SY_DTYPE_COUNT - 1);
        syi_array a, t, back;
        assert_int_equal(syi_array_new(f->context, &a, dtype, ndim, shape, NULL, NULL), SY_OK);
        for (int64_t i = 0; i < syi_array_numel(&a); i++) {
            syi_array_set_int(&a, i, property_between(&random, -100, 100));
        }
        assert_int_equal(syi_array_transpose(&t, &a, 0, -1, NULL), SY_OK);
        syi_buffer out;
        syi_buffer_init(&out, f->context, 1 << 20);
        syi_buffer_append(&out, "odd", 3); /* elements at unaligned addresses */
        assert_int_equal(syi_npy_encode(&t, &out, NULL), SY_OK);
        assert_int_equal(
            syi_npy_decode(f->context, &back, out.data + 3, out.length - 3, NULL, NULL), SY_OK);
        assert_int_equal(back.dtype, dtype);
        assert_true(syi_array_same_shape(&back, &t));
        for (int64_t i = 0; i < syi_array_numel(&t); i++) {
            assert_int_equal(syi_array_get_int(&back, i), syi_array_get_int(&t, i));
        }
        syi_buffer_fini(&out);
        syi_array_fini(&a);
        syi_array_fini(&t);
        syi_array_fini(&back);
    }
}

static void test_encode_refuses(void **state)
{
    fixture *f = *state;
    syi_array a, shape_only;
    syi_buffer out;
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(syi_array_describe(&shape_only, SY_DTYPE_F32, 1, SHAPE(3), NULL), SY_OK);
    syi_buffer_init(&out, f->context, 200);
    assert_int_equal(syi_npy_encode(&shape_only, &out, &err), SY_EINVAL);
    assert_int_equal(syi_npy_save(f->context, &shape_only, "/nonexistent", &err), SY_EINVAL);
    assert_int_equal(syi_array_new(f->context, &a, SY_DTYPE_U8, 1, SHAPE(73), NULL, NULL), SY_OK);
    assert_int_equal(syi_npy_encode(&a, &out, &err), SY_ELIMIT);
    assert_non_null(strstr(err.message, "200"));
    syi_buffer_fini(&out);
    syi_array_fini(&a);
}

/* The writer's room is counted, not guessed. */
static void test_long_header(void **state)
{
    fixture *f = *state;
    syi_array a, back;
    assert_int_equal(syi_array_new(f->context, &a, SY_DTYPE_U8, 8,
                                   SHAPE(10000000, 10, 1000, 10, 10, 100, 1000, 0), NULL, NULL),
                     SY_OK);
    syi_buffer out;
    syi_buffer_init(&out, f->context, 1000);
    assert_int_equal(syi_npy_encode(&a, &out, NULL), SY_OK);
    assert_int_equal(out.length % 64, 0);
    assert_int_equal(out.data[out.length - 1], '\n');
    assert_int_equal(syi_npy_decode(f->context, &back, out.data, out.length, NULL, NULL), SY_OK);
    assert_true(syi_array_same_shape(&a, &back));
    syi_array_fini(&back);
    syi_buffer_fini(&out);
    syi_array_fini(&a);
}

static void test_files(void **state)
{
    fixture *f = *state;
    test_folder folder = {.count = 0};
    assert_true(test_folder_make(&folder));
    const char *path = test_folder_path(&folder, "a.npy");
    syi_array a, t, back;
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(syi_npy_load(f->context, &back, path, NULL, &err), SY_ENOTFOUND);
    assert_non_null(strstr(err.message, path));

    assert_int_equal(syi_array_new(f->context, &a, SY_DTYPE_F64, 2, SHAPE(300, 70), NULL, NULL),
                     SY_OK);
    for (int i = 0; i < 21000; i++) {
        syi_array_set_double(&a, i, i / 7.0);
    }
    assert_int_equal(syi_array_transpose(&t, &a, 0, 1, NULL), SY_OK);
    assert_int_equal(syi_npy_save(f->context, &t, path, NULL), SY_OK);
    syi_account account;
    syi_account_init(&account, "caller", 0, NULL);
    assert_int_equal(syi_npy_load(f->context, &back, path, &account, NULL), SY_OK);
    assert_int_equal(atomic_load(&account.used), 21000 * sizeof(double));
    assert_int_equal(back.shape[0], 70);
    for (int i = 0; i < 21000; i++) {
        assert_true(syi_array_get_double(&back, i) == syi_array_get_double(&t, i));
    }
    syi_array_fini(&back);

    account.limit = 21000 * sizeof(double) - 1;
    assert_int_equal(syi_npy_load(f->context, &back, path, &account, &err), SY_ELIMIT);
    assert_null(back.storage);

    /* One byte lost, one byte more, and files that are too short for a prefix. */
    assert_int_equal(truncate(path, 128 + 21000 * 8 - 1), 0);
    assert_int_equal(syi_npy_load(f->context, &back, path, NULL, &err), SY_EFORMAT);
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, "length"));
    assert_int_equal(truncate(path, 128 + 21000 * 8 + 1), 0);
    assert_int_equal(syi_npy_load(f->context, &back, path, NULL, &err), SY_EFORMAT);
    for (int size = 127; size >= 0; size--) {
        assert_int_equal(truncate(path, size), 0);
        assert_int_equal(syi_npy_load(f->context, &back, path, NULL, &err), SY_EFORMAT);
        assert_null(back.storage);
    }
    syi_array_fini(&a);
    syi_array_fini(&t);
    assert_true(test_folder_remove(&folder));
}

static sy_status decode_once(sy_context *context, void *argument, sy_error *err)
{
    const npy_text *t = argument;
    syi_array a;
    sy_status status = syi_npy_decode(context, &a, t->bytes, t->size, NULL, err);
    syi_array_fini(&a);
    return status;
}

static sy_status load_once(sy_context *context, void *argument, sy_error *err)
{
    syi_array a;
    sy_status status = syi_npy_load(context, &a, argument, NULL, err);
    syi_array_fini(&a);
    return status;
}

static sy_status make_transposed(sy_context *context, syi_array *out, sy_error *err)
{
    syi_array a;
    SY_TRY(syi_array_new(context, &a, SY_DTYPE_F32, 2, SHAPE(30, 40), NULL, err));
    memset(syi_array_data(&a), 0, syi_array_bytes(&a));
    sy_status status = syi_array_transpose(out, &a, 0, 1, err);
    syi_array_fini(&a);
    return status;
}

static sy_status encode_once(sy_context *context, void *argument, sy_error *err)
{
    (void)argument;
    syi_array a;
    syi_buffer out;
    SY_TRY(make_transposed(context, &a, err));
    syi_buffer_init(&out, context, 1 << 16);
    sy_status status = syi_npy_encode(&a, &out, err);
    syi_buffer_fini(&out);
    syi_array_fini(&a);
    return status;
}

static sy_status save_once(sy_context *context, void *argument, sy_error *err)
{
    test_folder *folder = argument;
    syi_array a;
    SY_TRY(make_transposed(context, &a, err));
    sy_status status = syi_npy_save(context, &a, folder->names[0], err);
    syi_array_fini(&a);
    assert_int_equal(test_folder_count(folder), status == SY_OK ? 1 : 0);
    return status;
}

static void test_refused_memory(void **state)
{
    (void)state;
    npy_text t = make_file("{'descr': '<i2', 'fortran_order': False, 'shape': (3,), }\n", 6);
    assert_int_equal(memory_faults_sweep(decode_once, &t), 1);
    char path[] = VECTORS "fortran3.npy";
    assert_int_equal(memory_faults_sweep(load_once, path), 2); /* header, storage */
    assert_true(memory_faults_sweep(encode_once, NULL) >= 3);
    test_folder folder = {.count = 0};
    assert_true(test_folder_make(&folder));
    (void)test_folder_path(&folder, "a.npy");
    assert_int_equal(memory_faults_sweep(save_once, &folder), 3); /* array, copy, name */
    assert_true(test_folder_remove(&folder));
}

#define FIXTURE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_numpys_files),
        FIXTURE_TEST(test_hostile_headers),
        FIXTURE_TEST(test_hostile_prefixes),
        FIXTURE_TEST(test_spellings_numpy_takes),
        FIXTURE_TEST(test_bools_become_0_or_1),
        FIXTURE_TEST(test_round_trip),
        FIXTURE_TEST(test_encode_refuses),
        FIXTURE_TEST(test_long_header),
        FIXTURE_TEST(test_files),
        cmocka_unit_test(test_refused_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
