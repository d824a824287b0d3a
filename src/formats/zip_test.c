/*
 * zip_test.c - an archive with more entries than the 32-bit end record can count, names in any order, and
 * statuses of single entries. Files of PyTorch and of Python's zipfile: model_file_test.c.
 */
#include <stdio.h>
#include <string.h>

#include "formats/zip.h"
#include "support/memory_faults.h"

enum { MANY = 70000 };

static void put_many(sy_context *context, syi_buffer *out, int count, sy_error *err)
{
    syi_model_plan plan;
    syi_zip_writer writer;
    syi_model_plan_init(&plan, context);
    syi_zip_writer_init(&writer, &plan);
    for (int k = 0; k < count; k++) {
        char name[24];
        snprintf(name, sizeof name, "e%d", k * 9 % count);
        assert_ok(syi_zip_writer_add(&writer, name, "abc", (size_t)(k % 4), err), err);
    }
    assert_ok(syi_zip_writer_end(&writer, err), err);
    assert_ok(syi_model_plan_append(&plan, out, err), err);
    syi_zip_writer_fini(&writer);
    syi_model_plan_fini(&plan);
}

static void test_many_entries(void **state)
{
    (void)state;
    sy_context *context = NULL;
    sy_error err = SY_ERROR_INIT;
    syi_buffer out;
    syi_zip zip;
    assert_ok(sy_context_new(&context, NULL, &err), &err);
    syi_buffer_init(&out, context, 1 << 28);
    put_many(context, &out, MANY, &err);
    /* The 32-bit count is full, so the 64-bit record must have been read. */
    assert_int_equal(syi_get_u16le(out.data + out.length - 12), UINT16_MAX);
    const syi_source source = syi_source_from_bytes(out.data, out.length);
    assert_ok(syi_zip_open(context, &zip, &source, &err), &err);
    assert_int_equal(zip.entry_count, MANY);
    for (int k = 0; k < MANY; k += 997) {
        char name[24], data[4] = {0};
        const int length = snprintf(name, sizeof name, "e%d", k * 9 % MANY);
        const syi_zip_entry *entry = syi_zip_find(&zip, name, (size_t)length);
        assert_non_null(entry);
        assert_int_equal(entry->size, k % 4);
        assert_ok(syi_zip_read(&zip, entry, data, &err), &err);
        assert_memory_equal(data, "abc", (size_t)(k % 4));
    }
    assert_null(syi_zip_find(&zip, "e70000", 6));
    assert_null(syi_zip_find(&zip, "", 0));
    syi_zip_close(&zip);
    syi_buffer_fini(&out);
    sy_context_free(context);
}

/* Data begin where a storage may be mapped. */
static void test_alignment(void **state)
{
    (void)state;
    sy_context *context = NULL;
    sy_error err = SY_ERROR_INIT;
    syi_buffer out;
    assert_ok(sy_context_new(&context, NULL, &err), &err);
    syi_buffer_init(&out, context, 1 << 20);
    put_many(context, &out, 100, &err);
    int found = 0;
    for (size_t at = 0; at + 30 < out.length; at++) {
        if (memcmp(out.data + at, "PK\3\4", 4) == 0) {
            const size_t data =
                at + 30 + syi_get_u16le(out.data + at + 26) + syi_get_u16le(out.data + at + 28);
            assert_int_equal(data % 64, 0);
            found++;
        }
    }
    assert_int_equal(found, 100);
    syi_buffer_fini(&out);
    sy_context_free(context);
}

static void test_limits(void **state)
{
    (void)state;
    sy_context *context = NULL;
    sy_error err = SY_ERROR_INIT;
    syi_model_plan plan;
    syi_zip_writer writer;
    assert_ok(sy_context_new(&context, NULL, &err), &err);
    syi_model_plan_init(&plan, context);
    syi_zip_writer_init(&writer, &plan);
    /* Refused before a byte of it is looked at. */
    assert_status(syi_zip_writer_add(&writer, "large", "", UINT32_MAX, &err), SY_ELIMIT, &err);
    assert_non_null(strstr(err.message, "safetensors"));
    syi_zip_writer_fini(&writer);
    syi_model_plan_fini(&plan);
    sy_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_entries),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
