/* rows_test.c - rows in memory, in NPY, NPZ, IDX and CSV files: the same ones, in any order; files that are none, or change. */
#include "federated/serving/rows.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "formats/npy.h"
#include "support/folder.h"
#include "support/memory_faults.h"

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
    sy_error err;
    test_folder folder;
} fixture;

static int setup(void **state)
{
    static fixture f;
    memset(&f, 0, sizeof f);
    f.err = (sy_error)SY_ERROR_INIT;
    f.context = failing_allocator_context(&f.memory);
    *state = &f;
    return test_folder_make(&f.folder) && f.context != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    test_folder_remove(&f->folder);
    sy_context_free(f->context);
    return f->memory.live != 0;
}

/* 6 rows of 2x3, element k is k. */
static syi_array counting(fixture *f, sy_dtype dtype)
{
    syi_array array;
    const int64_t shape[] = {6, 2, 3};
    assert_ok(syi_array_new(f->context, &array, dtype, 3, shape, NULL, &f->err), &f->err);
    for (int64_t k = 0; k < 36; k++) {
        syi_array_set_int(&array, k, k);
    }
    return array;
}

static const char *write_bytes(fixture *f, const char *name, const void *bytes, size_t size)
{
    const char *path = test_folder_path(&f->folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    return path;
}

static const char *write_idx(fixture *f)
{
    uint8_t bytes[16 + 36] = {0, 0, 8, 3, 0, 0, 0, 6, 0, 0, 0, 2, 0, 0, 0, 3};
    for (uint8_t k = 0; k < 36; k++) {
        bytes[16 + k] = k;
    }
    return write_bytes(f, "rows.idx", bytes, sizeof bytes);
}

static void check_rows(fixture *f, const syi_rows *rows, const int64_t *places, size_t count)
{
    syi_array batch;
    assert_ok(syi_rows_read(rows, places, count, NULL, &batch, &f->err), &f->err);
    assert_int_equal(batch.ndim, 3);
    assert_memory_equal(batch.shape, ((const int64_t[]){(int64_t)count, 2, 3}), 24);
    for (size_t k = 0; k < count; k++) {
        for (int64_t i = 0; i < 6; i++) {
            assert_int_equal(syi_array_get_int(&batch, (int64_t)k * 6 + i), places[k] * 6 + i);
        }
    }
    syi_array_fini(&batch);
}

static void check_all(fixture *f, syi_rows *rows, bool lazy, sy_dtype dtype)
{
    static const int64_t orders[][6] = {
        {0, 1, 2, 3, 4, 5}, {5, 4, 3, 2, 1, 0}, {2, 3, 4, 0, 1, 5}, {3, 3, 3, 0, 0, 1}};
    assert_int_equal(syi_rows_get_count(rows), 6);
    assert_int_equal(syi_rows_get_dtype(rows), dtype);
    assert_int_equal(syi_rows_is_lazy(rows), lazy);
    for (size_t k = 0; k < 4; k++) {
        for (size_t count = 0; count <= 6; count++) {
            check_rows(f, rows, orders[k], count);
        }
    }
    syi_rows_unref(rows);
}

static void test_everywhere_the_same(void **state)
{
    fixture *f = *state;
    syi_rows *rows = NULL;
    static const sy_dtype dtypes[] = {SY_DTYPE_U8, SY_DTYPE_I64, SY_DTYPE_F32};
    for (size_t k = 0; k < 3; k++) {
        syi_array array = counting(f, dtypes[k]), turned, back;
        const char *path = test_folder_path(&f->folder, sy_dtype_name(dtypes[k]));
        assert_ok(syi_rows_of_array(f->context, &rows, &array, &f->err), &f->err);
        check_all(f, rows, false, dtypes[k]);
        assert_ok(syi_npy_save(f->context, &array, path, &f->err), &f->err);
        assert_ok(syi_rows_open(f->context, &rows, path, &f->err), &f->err);
        check_all(f, rows, true, dtypes[k]);
        /* not contiguous: the same elements in another order in memory */
        assert_ok(syi_array_transpose(&turned, &array, 1, 2, &f->err), &f->err);
        assert_ok(syi_array_clone(f->context, &back, &turned, NULL, &f->err), &f->err);
        syi_array_fini(&turned);
        assert_ok(syi_array_transpose(&turned, &back, 1, 2, &f->err), &f->err);
        assert_false(syi_array_is_contiguous(&turned));
        assert_ok(syi_rows_of_array(f->context, &rows, &turned, &f->err), &f->err);
        check_all(f, rows, false, dtypes[k]);
        syi_array_fini(&turned);
        syi_array_fini(&back);
        syi_array_fini(&array);
    }
    assert_ok(syi_rows_open(f->context, &rows, write_idx(f), &f->err), &f->err);
    check_all(f, rows, true, SY_DTYPE_U8);
}

static void test_columns(void **state)
{
    fixture *f = *state;
    static const char text[] = "a,b,kind\n1,2,0\n3,4,1\n5,6,0\n";
    syi_rows *data = NULL, *targets = NULL;
    syi_array batch;
    const char *path = write_bytes(f, "rows.csv", text, sizeof text - 1);
    assert_ok(syi_rows_open_both(f->context, &data, &targets, path, &f->err), &f->err);
    assert_ok(syi_rows_read(data, (const int64_t[]){2, 1}, 2, NULL, &batch, &f->err), &f->err);
    assert_int_equal(batch.ndim, 2);
    assert_int_equal(syi_array_get_int(&batch, 0), 5);
    assert_int_equal(syi_array_get_int(&batch, 3), 4);
    syi_array_fini(&batch);
    assert_ok(syi_rows_read(targets, (const int64_t[]){1}, 1, NULL, &batch, &f->err), &f->err);
    assert_int_equal(batch.ndim, 1);
    assert_int_equal(syi_array_get_int(&batch, 0), 1);
    syi_array_fini(&batch);
    syi_rows_unref(data);
    syi_rows_unref(targets);
    assert_status(syi_rows_open_both(f->context, &data, &targets, write_idx(f), &f->err), SY_ESHAPE,
                  &f->err);
    assert_non_null(strstr(f->err.message, "rows.idx"));
}

#define NPZ CSYFT_TEST_SOURCE_DIR "/tests/vectors/npz/" /* NumPy's, the rows counting as here */

static void check_targets(fixture *f, syi_rows *targets)
{
    syi_array batch;
    assert_ok(syi_rows_read(targets, (const int64_t[]){5, 1, 3}, 3, NULL, &batch, &f->err),
              &f->err);
    assert_int_equal(batch.ndim, 1);
    assert_int_equal(batch.dtype, SY_DTYPE_I64);
    for (int k = 0; k < 3; k++) {
        assert_int_equal(syi_array_get_int(&batch, k), 2 - k);
    }
    syi_array_fini(&batch);
    syi_rows_unref(targets);
}

/* Stored members stay in the file; compressed ones are loaded. */
static void test_members_of_archives(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *path, *rows, *targets;
        bool lazy;
    } cases[] = {
        {NPZ "set.npz", NPZ "set.npz:x", NPZ "set.npz:y", true},
        {NPZ "set_compressed.npz", NPZ "set_compressed.npz:x", NPZ "set_compressed.npz:y", false},
        {NPZ "positional.npz", NPZ "positional.npz:arr_0", NPZ "positional.npz:arr_1", true},
    };
    syi_rows *rows = NULL, *targets = NULL;
    for (size_t k = 0; k < 3; k++) {
        assert_ok(syi_rows_open_both(f->context, &rows, &targets, cases[k].path, &f->err), &f->err);
        check_all(f, rows, cases[k].lazy, SY_DTYPE_F32);
        check_targets(f, targets);
        assert_ok(syi_rows_open(f->context, &rows, cases[k].rows, &f->err), &f->err);
        check_all(f, rows, cases[k].lazy, SY_DTYPE_F32);
        assert_ok(syi_rows_open(f->context, &targets, cases[k].targets, &f->err), &f->err);
        check_targets(f, targets);
    }
    assert_ok(syi_rows_open(f->context, &rows, NPZ "notes.npz", &f->err), &f->err);
    check_all(f, rows, true, SY_DTYPE_F32);
}

static void test_members_that_are_not_there(void **state)
{
    fixture *f = *state;
    syi_rows *rows = NULL, *targets = NULL;
    static const struct {
        const char *name;
        sy_status status;
        const char *sentence;
    } cases[] = {
        {NPZ "set.npz:z", SY_ENOTFOUND, "set.npz: no member 'z'; there are x, y"},
        {NPZ "set.npz", SY_ENOTFOUND, "which member? PATH:NAME says; there are x, y"},
        {NPZ "objects.npz:x", SY_EFORMAT, "objects.npz: member 'x': npy: descr '|O'"},
        {NPZ "bzip2.npz:x", SY_ENOTSUP, "bzip2.npz: zip: entry 'x.npy'"},
        {NPZ "generate.py:x", SY_EFORMAT, "generate.py: no NPZ file"},
        {NPZ "missing.npz:x", SY_ENOTFOUND, "missing.npz: cannot open"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        assert_status(syi_rows_open(f->context, &rows, cases[k].name, &f->err), cases[k].status,
                      &f->err);
        if (strstr(f->err.message, cases[k].sentence) == NULL) {
            fail_msg("%s: %s", cases[k].name, f->err.message);
        }
        assert_null(rows);
    }
    assert_status(syi_rows_open_both(f->context, &rows, &targets, NPZ "notes.npz", &f->err),
                  SY_ENOTFOUND, &f->err);
    assert_non_null(strstr(f->err.message, "notes.npz: none of its members"));
    assert_non_null(strstr(f->err.message, ": only;"));
    assert_status(syi_rows_open_both(f->context, &rows, &targets, NPZ "ambiguous.npz", &f->err),
                  SY_ENOTFOUND, &f->err);
    assert_non_null(strstr(f->err.message, "several of its members"));
    assert_non_null(strstr(f->err.message, ": X, x, y;"));
    assert_null(rows);
    assert_null(targets);
}

/* What is named so goes before what may be meant. */
static void test_a_colon_in_a_path(void **state)
{
    fixture *f = *state;
    syi_rows *rows = NULL;
    syi_array array = counting(f, SY_DTYPE_I64);
    const char *path = test_folder_path(&f->folder, "a:b.npy");
    assert_ok(syi_npy_save(f->context, &array, path, &f->err), &f->err);
    assert_ok(syi_rows_open(f->context, &rows, path, &f->err), &f->err);
    check_all(f, rows, true, SY_DTYPE_I64);
    syi_array_fini(&array);
}

/* A file that is cut while it is served is an error, and what was there still is. */
static void test_cut_short(void **state)
{
    fixture *f = *state;
    syi_rows *rows = NULL;
    syi_array batch;
    const char *path = write_idx(f);
    assert_ok(syi_rows_open(f->context, &rows, path, &f->err), &f->err);
    assert_int_equal(truncate(path, 16 + 20), 0);
    assert_status(syi_rows_read(rows, (const int64_t[]){4}, 1, NULL, &batch, &f->err), SY_EIO,
                  &f->err);
    assert_non_null(strstr(f->err.message, path));
    check_rows(f, rows, (const int64_t[]){1}, 1);
    syi_rows_unref(rows);
}

static void test_refused(void **state)
{
    fixture *f = *state;
    syi_rows *rows = NULL;
    syi_array scalar;
    assert_status(syi_rows_open(f->context, &rows, "/nowhere/rows.npy", &f->err), SY_ENOTFOUND,
                  &f->err);
    static const char *const texts[] = {"", "a,b\n", "1,2\n3\n", "\x93NUMPY\x01",
                                        "\x93NUMPY\x01\0\xff\xff{"};
    for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
        const char *path = write_bytes(f, "broken", texts[k], strlen(texts[k]));
        assert_status(syi_rows_open(f->context, &rows, path, &f->err), SY_EFORMAT, &f->err);
        assert_non_null(strstr(f->err.message, path));
        assert_null(rows);
    }
    assert_ok(syi_array_new(f->context, &scalar, SY_DTYPE_F32, 0, NULL, NULL, &f->err), &f->err);
    assert_status(syi_rows_of_array(f->context, &rows, &scalar, &f->err), SY_ESHAPE, &f->err);
    syi_array_fini(&scalar);
}

static sy_status open_and_read(sy_context *context, void *path, sy_error *err)
{
    syi_rows *rows = NULL;
    syi_array batch = SYI_ARRAY_INIT;
    sy_status status = syi_rows_open(context, &rows, path, err);
    if (status == SY_OK) {
        status = syi_rows_read(rows, (const int64_t[]){0}, 1, NULL, &batch, err);
    }
    syi_array_fini(&batch);
    syi_rows_unref(rows);
    return status;
}

static sy_status open_both(sy_context *context, void *path, sy_error *err)
{
    syi_rows *rows = NULL, *targets = NULL;
    const sy_status status = syi_rows_open_both(context, &rows, &targets, path, err);
    syi_rows_unref(rows);
    syi_rows_unref(targets);
    return status;
}

static void test_memory(void **state)
{
    fixture *f = *state;
    static char stored[] = NPZ "set.npz:x", compressed[] = NPZ "set_compressed.npz";
    const char *path = write_idx(f);
    assert_true(memory_faults_sweep(open_and_read, (void *)(uintptr_t)path) >= 3);
    assert_true(memory_faults_sweep(open_and_read, stored) >= 6);
    assert_true(memory_faults_sweep(open_both, compressed) >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_everywhere_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(test_columns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_members_of_archives, setup, teardown),
        cmocka_unit_test_setup_teardown(test_members_that_are_not_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_colon_in_a_path, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut_short, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
