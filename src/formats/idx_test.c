/* idx_test.c - IDX files: every kind of element, as the format's description writes them; cut, wrong and too long ones. */
#include "formats/idx.h"

#include <stdio.h>
#include <string.h>

#include "support/failing_allocator.h"
#include "support/folder.h"
#include "support/test.h"

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
    sy_error err;
    test_folder folder;
    const char *path;
} fixture;

static void write_file(fixture *f, const void *bytes, size_t size)
{
    FILE *file = fopen(f->path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void run(void (*body)(fixture *f))
{
    fixture f = {.err = SY_ERROR_INIT};
    f.context = failing_allocator_context(&f.memory);
    assert_true(test_folder_make(&f.folder));
    f.path = test_folder_path(&f.folder, "data.idx");
    body(&f);
    test_folder_remove(&f.folder);
    sy_context_free(f.context);
    assert_int_equal(f.memory.live, 0);
}

/* The format's own example: 08 unsigned byte, 09 signed byte, 0B short, 0C int, 0D float, 0E double; high endian. */
static void kinds(fixture *f)
{
    static const struct {
        sy_dtype dtype;
        const char *bytes;
        size_t size;
        double values[2];
    } cases[] = {
        {SY_DTYPE_U8, "\0\0\x08\x01\0\0\0\x02\x07\xff", 10, {7, 255}},
        {SY_DTYPE_I8, "\0\0\x09\x01\0\0\0\x02\x07\xff", 10, {7, -1}},
        {SY_DTYPE_I16, "\0\0\x0b\x01\0\0\0\x02\x01\x02\xff\xfe", 12, {258, -2}},
        {SY_DTYPE_I32, "\0\0\x0c\x01\0\0\0\x02\0\x01\0\x02\xff\xff\xff\xfe", 16, {65538, -2}},
        {SY_DTYPE_F32, "\0\0\x0d\x01\0\0\0\x02\x3f\x80\0\0\xc0\x20\0\0", 16, {1, -2.5}},
        {SY_DTYPE_F64,
         "\0\0\x0e\x01\0\0\0\x02\x3f\xf0\0\0\0\0\0\0\xc0\x04\0\0\0\0\0\0",
         24,
         {1, -2.5}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        syi_array array;
        write_file(f, cases[k].bytes, cases[k].size);
        assert_ok(syi_idx_load(f->context, &array, f->path, NULL, &f->err), &f->err);
        assert_int_equal(array.dtype, cases[k].dtype);
        assert_int_equal(array.ndim, 1);
        assert_int_equal(array.shape[0], 2);
        for (int64_t i = 0; i < 2; i++) {
            assert_true(syi_array_get_double(&array, i) == cases[k].values[i]);
        }
        syi_array_fini(&array);
    }
}

/* As MNIST's images: 2 x 1 x 3. */
static void dims(fixture *f)
{
    static const char bytes[] = "\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x03"
                                "\x01\x02\x03\x04\x05\x06";
    syi_array array;
    write_file(f, bytes, sizeof bytes - 1);
    assert_ok(syi_idx_load(f->context, &array, f->path, NULL, &f->err), &f->err);
    assert_int_equal(array.ndim, 3);
    assert_memory_equal(array.shape, ((const int64_t[]){2, 1, 3}), 3 * sizeof(int64_t));
    assert_int_equal(syi_array_get_int(&array, 5), 6);
    syi_array_fini(&array);
    for (size_t size = 0; size < sizeof bytes - 1; size++) {
        write_file(f, bytes, size);
        assert_status(syi_idx_load(f->context, &array, f->path, NULL, &f->err), SY_EFORMAT,
                      &f->err);
        assert_non_null(strstr(f->err.message, f->path));
        assert_null(array.storage);
    }
}

static void wrong(fixture *f)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *why;
    } cases[] = {
        {"\0\x01\x08\x01\0\0\0\0", 8, "magic"},
        {"\0\0\x0a\x01\0\0\0\0", 8, "magic"}, /* no such kind */
        {"\0\0\x08\0", 4, "magic"},           /* no dims */
        {"\0\0\x08\x09\0\0\0\0", 8, "magic"}, /* more than there can be */
        {"\0\0\x08\x01\0\0\0\x01\x01\x02", 10, "length"},
        {"\0\0\x0e\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16, "length"},
    };
    syi_array array;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        write_file(f, cases[k].bytes, cases[k].size);
        assert_status(syi_idx_load(f->context, &array, f->path, NULL, &f->err), SY_EFORMAT,
                      &f->err);
        assert_non_null(strstr(f->err.message, cases[k].why));
    }
    assert_status(syi_idx_load(f->context, &array, "/nowhere/at.idx", NULL, &f->err), SY_ENOTFOUND,
                  &f->err);
    write_file(f, "\0\0\x08\x01\0\0\0\0", 8); /* empty */
    assert_ok(syi_idx_load(f->context, &array, f->path, NULL, &f->err), &f->err);
    assert_int_equal(array.shape[0], 0);
    syi_array_fini(&array);
}

#define TEST(name)                        \
    static void test_##name(void **state) \
    {                                     \
        (void)state;                      \
        run(name);                        \
    }
TEST(kinds)
TEST(dims)
TEST(wrong)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_dims),
        cmocka_unit_test(test_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
