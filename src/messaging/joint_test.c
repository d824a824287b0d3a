/* joint_test.c - the head of a joint request: there and back, cut, and what is none. */
#include "messaging/joint.h"

#include <string.h>

#include "core/error.h"
#include "support/failing_allocator.h"
#include "support/test.h"

static const syi_joint example = {
    .session = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0xfe, 0xff},
    .sequence = 300,
    .family = 2,
    .round_trip_us = 40123};

static sy_status read_bytes(const void *bytes, size_t size, syi_joint *joint, size_t *left,
                            sy_error *err)
{
    syi_msgpack_cursor cursor;
    syi_msgpack_cursor_init(&cursor, bytes, size, 8, 64);
    const sy_status status = syi_joint_read(&cursor, joint, err);
    *left = (size_t)(cursor.end - cursor.next);
    return status;
}

static void test_there_and_back(void **state)
{
    (void)state;
    static const uint64_t sequences[] = {1, 127, 128, 65536, INT64_MAX};
    failing_allocator memory = {0};
    sy_context *context = failing_allocator_context(&memory);
    syi_buffer out;
    sy_error err = SY_ERROR_INIT;
    syi_buffer_init(&out, context, 4096);
    for (size_t k = 0; k < sizeof sequences / sizeof *sequences; k++) {
        syi_joint joint = example, back;
        size_t left = 0;
        joint.sequence = sequences[k];
        syi_buffer_clear(&out);
        syi_joint_write(&out, &joint);
        const size_t length = out.length;
        syi_msgpack_write_nil(&out); /* the ordinary body follows */
        assert_ok(read_bytes(out.data, out.length, &back, &left, &err), &err);
        assert_memory_equal(back.session, joint.session, sizeof joint.session);
        assert_true(back.sequence == joint.sequence);
        assert_int_equal(back.family, 2);
        assert_int_equal(back.round_trip_us, 40123);
        assert_null(back.run);
        assert_int_equal(left, 1);
        for (size_t cut = 0; cut < length; cut++) {
            assert_status(read_bytes(out.data, cut, &back, &left, &err), SY_EFORMAT, &err);
        }
    }
    syi_buffer_fini(&out);
    sy_context_free(context);
    assert_int_equal(memory.live, 0);
}

static void test_what_is_none(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {
        {"\xc0", 1},
        {"\x91\xc4\x00", 3},
        {"\x93\xc4\x10"
         "0123456789abcdef\x01\x01",
         21}, /* one less */
        {"\x94\xc4\x0f"
         "0123456789abcde\x01\x01\x01",
         21}, /* 15 bytes */
        {"\x94\xc4\x10"
         "0123456789abcdef\x00\x01\x01",
         22}, /* sequence 0 */
        {"\x94\xc4\x10"
         "0123456789abcdef\xff\x01\x01",
         22}, /* -1 */
        {"\x94\xc4\x10"
         "0123456789abcdef\xcf\x80\x00\x00\x00\x00\x00\x00\x00\x01\x01",
         30}, /* 2^63: the provider's own */
        {"\x94\xd9\x10"
         "0123456789abcdef\x01\x01\x01",
         22}, /* a text */
        {"\x94\xc4\x10"
         "0123456789abcdef\x01\xcd\x01\x00\x01",
         24}, /* family 256 */
        {"\x94\xc4\x10"
         "0123456789abcdef\x01\x01\xff",
         22}, /* -1 us */
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        syi_joint joint;
        size_t left = 0;
        sy_error err = SY_ERROR_INIT;
        assert_status(read_bytes(bad[k].bytes, bad[k].size, &joint, &left, &err), SY_EFORMAT, &err);
    }
    static const char longest[] = "\x94\xc4\x10"
                                  "0123456789abcdef\x01\x01\xcf\x7f\xff\xff\xff\xff\xff\xff\xff";
    syi_joint joint;
    size_t left = 0;
    sy_error err = SY_ERROR_INIT;
    assert_ok(read_bytes(longest, sizeof longest - 1, &joint, &left, &err), &err);
    assert_true(joint.round_trip_us == UINT32_MAX);
}

static void test_text(void **state)
{
    (void)state;
    char text[SYI_JOINT_TEXT_SIZE];
    uint8_t back[SYI_JOINT_SESSION_SIZE];
    sy_error err = SY_ERROR_INIT;
    assert_string_equal(syi_joint_format(example.session, text),
                        "000102030405060708090a0b0c0dfeff");
    assert_ok(syi_joint_parse(text, back, &err), &err);
    assert_memory_equal(back, example.session, sizeof back);
    static const char *const bad[] = {NULL,
                                      "",
                                      "00",
                                      "000102030405060708090a0b0c0dfeF0",
                                      "000102030405060708090a0b0c0dfeff0",
                                      "000102030405060708090a0b0c0dfe-1"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        assert_status(syi_joint_parse(bad[k], back, &err), SY_EFORMAT, &err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
