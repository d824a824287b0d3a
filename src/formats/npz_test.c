/* npz_test.c - NumPy's archives: every member is the array of its own file; hostile lengths, changed bytes, refused memory. */
#include "formats/npz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/memory_faults.h"

#define VECTORS CSYFT_TEST_SOURCE_DIR "/tests/vectors/"

typedef struct bytes {
    uint8_t *data;
    size_t size;
} bytes;

static bytes read_file(const char *name)
{
    char path[512];
    bytes b = {.data = malloc(1 << 16)};
    snprintf(path, sizeof path, VECTORS "npz/%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_non_null(b.data);
    b.size = fread(b.data, 1, 1 << 16, file);
    assert_int_equal(fclose(file), 0);
    return b;
}

static sy_context *new_context(void)
{
    sy_context *context = NULL;
    assert_int_equal(sy_context_new(&context, NULL, NULL), SY_OK);
    return context;
}

/* NumPy's files */

static void check_member(sy_context *context, const syi_zip *zip, const syi_source *source,
                         const char *name, const char *path, sy_error *err)
{
    syi_array expected, loaded, shape;
    uint64_t at = 0;
    const syi_zip_entry *member = syi_npz_find(zip, name, strlen(name));
    assert_non_null(member);
    assert_ok(syi_npy_load(context, &expected, path, NULL, err), err);
    assert_ok(syi_npz_load(zip, member, &loaded, NULL, err), err);
    assert_ok(syi_npz_describe(zip, member, &shape, &at, err), err);
    assert_int_equal(loaded.dtype, expected.dtype);
    assert_true(syi_array_same_shape(&loaded, &expected));
    assert_true(syi_array_same_shape(&shape, &expected));
    assert_memory_equal(loaded.strides, expected.strides, sizeof(int64_t) * (size_t)shape.ndim);
    assert_memory_equal(shape.strides, expected.strides, sizeof(int64_t) * (size_t)shape.ndim);
    const size_t size = syi_array_bytes(&expected);
    if (size > 0) {
        assert_memory_equal(loaded.storage->data, expected.storage->data, size);
    }
    /* Stored elements lie where it says; compressed ones nowhere. */
    assert_int_equal(at != 0, member->method == 0);
    if (at != 0 && size > 0) {
        assert_memory_equal(source->bytes + at, expected.storage->data, size);
    }
    syi_array_fini(&expected);
    syi_array_fini(&loaded);
}

static void test_members_are_the_arrays(void **state)
{
    (void)state;
    static const char *const files[] = {"stored.npz", "compressed.npz"};
    sy_context *context = new_context();
    sy_error err = SY_ERROR_INIT;
    for (size_t k = 0; k < 2; k++) {
        const bytes b = read_file(files[k]);
        const syi_source source = syi_source_from_bytes(b.data, b.size);
        syi_zip zip;
        size_t members = 0;
        assert_true(syi_npz_is_magic(b.data, b.size));
        assert_ok(syi_zip_open(context, &zip, &source, &err), &err);
        DIR *arrays = opendir(VECTORS "npy");
        for (const struct dirent *e; (e = readdir(arrays)) != NULL;) {
            char name[64], path[512];
            snprintf(path, sizeof path, VECTORS "npy/%s", e->d_name);
            snprintf(name, sizeof name, "%.*s", (int)strcspn(e->d_name, "."), e->d_name);
            if (syi_npz_find(&zip, name, strlen(name)) != NULL) {
                check_member(context, &zip, &source, name, path, &err);
                members++;
            }
        }
        closedir(arrays);
        assert_int_equal(members, zip.entry_count);
        assert_true(members > 15);
        assert_null(syi_npz_get_only(&zip));
        syi_zip_close(&zip);
        free(b.data);
    }
    sy_context_free(context);
}

static void test_names(void **state)
{
    (void)state;
    sy_context *context = new_context();
    sy_error err = SY_ERROR_INIT;
    char text[64], narrow[16];
    syi_zip zip;
    bytes b = read_file("notes.npz");
    syi_source source = syi_source_from_bytes(b.data, b.size);
    assert_ok(syi_zip_open(context, &zip, &source, &err), &err);
    assert_int_equal(zip.entry_count, 2);
    assert_string_equal(syi_npz_list(&zip, text, sizeof text), "only");
    assert_ptr_equal(syi_npz_get_only(&zip), syi_npz_find(&zip, "only", 4));
    assert_null(syi_npz_find(&zip, "README", 6));
    assert_null(syi_npz_find(&zip, "", 0));
    assert_null(syi_npz_find(&zip, "only.npy", 8));
    syi_zip_close(&zip);
    free(b.data);
    b = read_file("stored.npz");
    source = syi_source_from_bytes(b.data, b.size);
    assert_ok(syi_zip_open(context, &zip, &source, &err), &err);
    assert_string_equal(syi_npz_list(&zip, narrow, sizeof narrow), "bool, deep, ...");
    syi_zip_close(&zip);
    free(b.data);
    sy_context_free(context);
}

/* Hostile files */

static sy_status load_only(sy_context *context, const bytes *b, const char *name, sy_error *err)
{
    const syi_source source = syi_source_from_bytes(b->data, b->size);
    syi_zip zip;
    syi_array array;
    SY_TRY(syi_zip_open(context, &zip, &source, err));
    const syi_zip_entry *member = syi_npz_find(&zip, name, strlen(name));
    sy_status status =
        member == NULL ? SY_ENOTFOUND : syi_npz_load(&zip, member, &array, NULL, err);
    if (status == SY_OK) {
        syi_array_fini(&array);
    }
    syi_zip_close(&zip);
    return status;
}

/* The record of an entry in the central directory. */
static uint8_t *record_of(const bytes *b, const char *name)
{
    for (uint8_t *at = b->data; at + 46 < b->data + b->size; at++) {
        if (memcmp(at, "PK\1\2", 4) == 0 && memcmp(at + 46, name, strlen(name)) == 0) {
            return at;
        }
    }
    fail_msg("no record of %s", name);
    return NULL;
}

static void test_hostile_lengths(void **state)
{
    (void)state;
    sy_context *context = new_context();
    /* Other sizes of the data, and of what stands for them, in the directory. */
    static const struct {
        const char *file;
        int size, packed;
        const char *sentence;
    } cases[] = {
        {"set_compressed.npz", 1, 0, "member 'x': npy: the length is wrong"},
        {"set_compressed.npz", -1, 0, "member 'x': npy: the length is wrong"},
        {"set_compressed.npz", -250, 0, "header length"},
        {"set_compressed.npz", 1 << 30, 0, "'x.npy' is said to be larger"},
        {"set_compressed.npz", 0, -1, "'x.npy' is cut off"},
        {"set_compressed.npz", 0, 1, "'x.npy' ends before its last byte"},
        {"set_compressed.npz", 0, 1 << 20, "the entries hold"},
        {"set.npz", 1, 0, "'x.npy' is stored, but"},
        {"set.npz", 1, 1, "member 'x': npy: the length is wrong"},
        {"set.npz", 1 << 20, 1 << 20, "the entries hold"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        sy_error err = SY_ERROR_INIT;
        bytes b = read_file(cases[k].file);
        uint8_t *record = record_of(&b, "x.npy");
        syi_put_u32le(record + 20, syi_get_u32le(record + 20) + (uint32_t)cases[k].packed);
        syi_put_u32le(record + 24, syi_get_u32le(record + 24) + (uint32_t)cases[k].size);
        assert_status(load_only(context, &b, "x", &err), SY_EFORMAT, &err);
        if (strstr(err.message, cases[k].sentence) == NULL) {
            fail_msg("case %zu: %s", k, err.message);
        }
        free(b.data);
    }
    sy_context_free(context);
}

/* An entry that unpacks to more and to fewer bytes than an NPY header in it takes. */
static void test_what_is_unpacked_has_the_length(void **state)
{
    (void)state;
    sy_context *context = new_context();
    bytes b = read_file("set_compressed.npz");
    uint8_t room[4096];
    for (int change = -1; change <= 1; change++) {
        sy_error err = SY_ERROR_INIT;
        syi_zip zip;
        syi_zip_stream *stream = NULL;
        const syi_source source = syi_source_from_bytes(b.data, b.size);
        uint8_t *record = record_of(&b, "x.npy");
        const uint32_t size = syi_get_u32le(record + 24);
        syi_put_u32le(record + 24, size + (uint32_t)change);
        assert_ok(syi_zip_open(context, &zip, &source, &err), &err);
        const syi_zip_entry *entry = syi_npz_find(&zip, "x", 1);
        assert_ok(syi_zip_stream_open(&zip, entry, &stream, &err), &err);
        assert_ok(syi_zip_stream_read(stream, room, 100, &err), &err);
        const sy_status status = syi_zip_stream_read(stream, room, (size_t)entry->size - 100, &err);
        assert_int_equal(status, change == 0 ? SY_OK : SY_EFORMAT);
        assert_true(change == 0 ||
                    strstr(err.message, change < 0 ? "is longer than" : "is shorter than") != NULL);
        if (change == 0) {
            assert_status(syi_zip_stream_read(stream, room, 1, &err), SY_EFORMAT, &err);
        }
        syi_zip_stream_close(stream);
        syi_zip_close(&zip);
        syi_put_u32le(record + 24, size);
    }
    free(b.data);
    sy_context_free(context);
}

/*
 * Every byte changed, and every cut: refused with one of these statuses, or the array as it was. A checksum stands for the contents, so nothing else
 * may come out.
 */
static void test_changed_bytes(void **state)
{
    (void)state;
    static const char *const files[] = {"set.npz", "set_compressed.npz"};
    sy_context *context = new_context();
    for (size_t k = 0; k < 2; k++) {
        bytes b = read_file(files[k]);
        int refused = 0, taken = 0;
        for (size_t at = 0; at < b.size; at++) {
            for (int bit = 0; bit < 8; bit += 3) {
                syi_zip zip;
                syi_array array;
                sy_error err = SY_ERROR_INIT;
                b.data[at] ^= (uint8_t)(1 << bit);
                const syi_source source = syi_source_from_bytes(b.data, b.size);
                sy_status status = syi_zip_open(context, &zip, &source, &err);
                if (status == SY_OK) {
                    const syi_zip_entry *member = syi_npz_find(&zip, "x", 1);
                    status = member == NULL ? SY_ENOTFOUND
                                            : syi_npz_load(&zip, member, &array, NULL, &err);
                    syi_zip_close(&zip);
                }
                if (status == SY_OK) {
                    assert_int_equal(array.dtype, SY_DTYPE_F32);
                    assert_memory_equal(array.shape, ((const int64_t[]){6, 2, 3}), 24);
                    for (int64_t i = 0; i < 36; i++) {
                        assert_int_equal(syi_array_get_int(&array, i), i);
                    }
                    syi_array_fini(&array);
                    taken++;
                } else {
                    assert_true(status == SY_EFORMAT || status == SY_ENOTSUP ||
                                status == SY_ENOTFOUND || status == SY_ELIMIT);
                    refused++;
                }
                b.data[at] ^= (uint8_t)(1 << bit);
            }
        }
        assert_true(refused > 300 && taken > 300); /* the other member, times of files */
        for (size_t cut = 0; cut < b.size; cut++) {
            sy_error err = SY_ERROR_INIT;
            const bytes part = {b.data, cut};
            assert_status(load_only(context, &part, "x", &err), SY_EFORMAT, &err);
        }
        free(b.data);
    }
    sy_context_free(context);
}

static void test_refused(void **state)
{
    (void)state;
    sy_context *context = new_context();
    sy_error err = SY_ERROR_INIT;
    bytes b = read_file("objects.npz");
    assert_status(load_only(context, &b, "x", &err), SY_EFORMAT, &err);
    assert_non_null(strstr(err.message, "member 'x': npy: descr '|O'"));
    assert_ok(load_only(context, &b, "y", &err), &err);
    free(b.data);
    b = read_file("bzip2.npz");
    assert_status(load_only(context, &b, "x", &err), SY_ENOTSUP, &err);
    assert_non_null(strstr(err.message, "'x.npy' is packed in a way"));
    free(b.data);
    b = read_file("set.npz");
    record_of(&b, "x.npy")[8] |= 1; /* encrypted */
    assert_status(load_only(context, &b, "x", &err), SY_ENOTSUP, &err);
    free(b.data);
    sy_context_free(context);
}

static sy_status load_with(sy_context *context, void *b, sy_error *err)
{
    return load_only(context, b, "x", err);
}

static void test_memory(void **state)
{
    (void)state;
    bytes b = read_file("set_compressed.npz");
    assert_true(memory_faults_sweep(load_with, &b) >= 4);
    free(b.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_are_the_arrays),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_hostile_lengths),
        cmocka_unit_test(test_what_is_unpacked_has_the_length),
        cmocka_unit_test(test_changed_bytes),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
