/* buffer_test.c - growth up to the maximum, latching, and the byte order of the accessors. */
#include "core/buffer.h"

#include "core/error.h"
#include "support/memory_faults.h"
#include "support/property.h"

static void test_append_against_a_copy(void **state)
{
    (void)state;
    enum { MAXIMUM = 20000 };
    static uint8_t copy[MAXIMUM];
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    property_random random = property_start(__func__);
    const long rounds = property_iterations(200);
    syi_buffer buffer;
    syi_buffer_init(&buffer, context, MAXIMUM);
    for (long round = 0; round < rounds; round++) {
        size_t length = 0;
        for (;;) {
            uint8_t piece[300];
            const size_t size = property_next(&random) % (sizeof piece + 1);
            for (size_t i = 0; i < size; i++) {
                piece[i] = (uint8_t)property_next(&random);
            }
            if (property_next(&random) % 2 == 0) {
                syi_buffer_append(&buffer, piece, size);
            } else {
                uint8_t *room = syi_buffer_extend(&buffer, size);
                assert_int_equal(room == NULL, length + size > MAXIMUM);
                if (room != NULL) {
                    memcpy(room, piece, size);
                }
            }
            if (length + size > MAXIMUM) {
                break;
            }
            memcpy(copy + length, piece, size);
            length += size;
            assert_int_equal(buffer.length, length);
        }
        assert_int_equal(buffer.status, SY_ELIMIT);
        assert_int_equal(buffer.length, length);
        assert_memory_equal(buffer.data, copy, length);
        assert_in_range(buffer.capacity, length, MAXIMUM);
        syi_buffer_clear(&buffer);
    }
    syi_buffer_fini(&buffer);
    memory_faults_context_free(&memory, context);
}

static void test_maximum_latches(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    syi_buffer buffer;
    sy_error err = SY_ERROR_INIT;
    syi_buffer_init(&buffer, context, 10);
    syi_buffer_append(&buffer, "12345678", 8);
    assert_ok(syi_buffer_check(&buffer, "frame", &err), &err);
    syi_buffer_append(&buffer, "abc", 3);
    assert_int_equal(syi_buffer_check(&buffer, "frame", &err), SY_ELIMIT);
    assert_string_equal(err.message, "frame: passes its maximum of 10 bytes");
    syi_buffer_append(&buffer, "a", 1); /* would fit, but the text has a gap now */
    assert_null(syi_buffer_extend(&buffer, 0));
    assert_int_equal(buffer.length, 8);
    syi_buffer_clear(&buffer);
    assert_int_equal(syi_buffer_check(&buffer, "frame", NULL), SY_OK);
    syi_buffer_append(&buffer, "1234567890", 10);
    assert_int_equal(syi_buffer_check(&buffer, "frame", NULL), SY_OK);
    assert_memory_equal(buffer.data, "1234567890", 10);
    assert_null(syi_buffer_extend(&buffer, SIZE_MAX));
    assert_int_equal(syi_buffer_check(&buffer, "frame", NULL), SY_ELIMIT);
    syi_buffer_fini(&buffer);
    memory_faults_context_free(&memory, context);
}

static void test_nothing_in_an_empty_buffer(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    static const size_t maxima[] = {0, 1, 300, SIZE_MAX};
    for (size_t i = 0; i < sizeof maxima / sizeof maxima[0]; i++) {
        syi_buffer buffer;
        syi_buffer_init(&buffer, context, maxima[i]);
        syi_buffer_append(&buffer, NULL, 0);
        assert_null(buffer.data);
        assert_non_null(syi_buffer_extend(&buffer, 0));
        assert_int_equal(buffer.status, SY_OK);
        assert_int_equal(buffer.length, 0);
        syi_buffer_fini(&buffer);
        syi_buffer_fini(&buffer);
    }
    memory_faults_context_free(&memory, context);
}

static void test_huge_request_fails_cleanly(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    syi_buffer buffer;
    syi_buffer_init(&buffer, context, SIZE_MAX);
    syi_buffer_append(&buffer, "abc", 3);
    assert_null(syi_buffer_extend(&buffer, SIZE_MAX - 3));
    assert_int_equal(buffer.status, SY_ENOMEM);
    assert_null(syi_buffer_extend(&buffer, SIZE_MAX));
    assert_int_equal(buffer.length, 3);
    syi_buffer_fini(&buffer);
    memory_faults_context_free(&memory, context);
}

static sy_status build_text(sy_context *context, void *argument, sy_error *err)
{
    (void)argument;
    syi_buffer buffer;
    syi_buffer_init(&buffer, context, 1 << 20);
    size_t whole = 0;
    for (int i = 0; i < 10000; i++) {
        syi_buffer_append(&buffer, "0123456789", 10);
        whole += buffer.status == SY_OK ? 10 : 0;
    }
    const sy_status status = syi_buffer_check(&buffer, "text", err);
    assert_int_equal(buffer.length, whole);
    for (size_t i = 0; i < buffer.length; i++) {
        assert_int_equal(buffer.data[i], '0' + i % 10);
    }
    syi_buffer_fini(&buffer);
    return status;
}

static void test_refused_memory_latches(void **state)
{
    (void)state;
    assert_in_range(memory_faults_sweep(build_text, NULL), 5,
                    20); /* it doubles: 256 bytes to 100000 */
}

static void test_accessors(void **state)
{
    (void)state;
    uint8_t bytes[16] = {0};
    syi_put_u16le(bytes + 1, 0x0102);
    assert_memory_equal(bytes + 1, "\x02\x01", 2);
    assert_int_equal(syi_get_u16le(bytes + 1), 0x0102);
    syi_put_u32le(bytes + 1, 0x01020304);
    assert_memory_equal(bytes + 1, "\x04\x03\x02\x01", 4);
    assert_int_equal(syi_get_u32le(bytes + 1), 0x01020304);
    syi_put_u64le(bytes + 1, UINT64_C(0x0102030405060708));
    assert_memory_equal(bytes + 1, "\x08\x07\x06\x05\x04\x03\x02\x01", 8);
    assert_true(syi_get_u64le(bytes + 1) == UINT64_C(0x0102030405060708));
    syi_put_u16be(bytes + 1, 0xFE02);
    assert_memory_equal(bytes + 1, "\xFE\x02", 2);
    assert_int_equal(syi_get_u16be(bytes + 1), 0xFE02);
    syi_put_u32be(bytes + 1, 0xFE020304);
    assert_memory_equal(bytes + 1, "\xFE\x02\x03\x04", 4);
    assert_true(syi_get_u32be(bytes + 1) == 0xFE020304);
    syi_put_u64be(bytes + 1, UINT64_C(0xFE02030405060708));
    assert_memory_equal(bytes + 1, "\xFE\x02\x03\x04\x05\x06\x07\x08", 8);
    assert_true(syi_get_u64be(bytes + 1) == UINT64_C(0xFE02030405060708));
    assert_int_equal(bytes[0], 0);
    assert_int_equal(bytes[9], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append_against_a_copy),
        cmocka_unit_test(test_maximum_latches),
        cmocka_unit_test(test_nothing_in_an_empty_buffer),
        cmocka_unit_test(test_huge_request_fails_cleanly),
        cmocka_unit_test(test_refused_memory_latches),
        cmocka_unit_test(test_accessors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
