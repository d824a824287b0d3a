/* msgpack_test.c - the specification's formats, python3-msgpack's bytes, hostile bytes, and random trees. */
#include "serde/msgpack/msgpack.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#include "support/memory_faults.h"
#include "support/property.h"

/* --- values as text (tests/vectors/msgpack/generate.py) and as bytes again --------------------- */

static void add_text(syi_buffer *text, const char *more)
{
    syi_buffer_append(text, more, strlen(more));
}

static void add_hex(syi_buffer *text, char kind, const void *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = bytes;
    syi_buffer_append(text, &kind, 1);
    for (size_t i = 0; i < size; i++) {
        const char pair[2] = {digits[p[i] >> 4], digits[p[i] & 15]};
        syi_buffer_append(text, pair, 2);
    }
}

/* Reads one value, writes it to `text` and, the same, to `out`. */
static void copy_value(syi_msgpack_cursor *cursor, syi_buffer *text, syi_buffer *out)
{
    sy_error err = SY_ERROR_INIT;
    char number[40];
    switch (syi_msgpack_peek(cursor)) {
    case SYI_MSGPACK_NIL:
        assert_ok(syi_msgpack_read_nil(cursor, &err), &err);
        add_text(text, "nil");
        syi_msgpack_write_nil(out);
        break;
    case SYI_MSGPACK_BOOL: {
        bool value;
        assert_ok(syi_msgpack_read_bool(cursor, &value, &err), &err);
        add_text(text, value ? "true" : "false");
        syi_msgpack_write_bool(out, value);
        break;
    }
    case SYI_MSGPACK_INT: {
        int64_t value;
        assert_ok(syi_msgpack_read_int(cursor, &value, &err), &err);
        snprintf(number, sizeof number, "i%" PRId64, value);
        add_text(text, number);
        syi_msgpack_write_int(out, value);
        break;
    }
    case SYI_MSGPACK_UINT: {
        uint64_t value;
        assert_ok(syi_msgpack_read_uint(cursor, &value, &err), &err);
        assert_true(value > INT64_MAX);
        snprintf(number, sizeof number, "i%" PRIu64, value);
        add_text(text, number);
        syi_msgpack_write_uint(out, value);
        break;
    }
    case SYI_MSGPACK_FLOAT: {
        double value;
        uint64_t bits;
        assert_ok(syi_msgpack_read_double(cursor, &value, &err), &err);
        memcpy(&bits, &value, sizeof bits);
        snprintf(number, sizeof number, "f%016" PRIx64, bits);
        add_text(text, number);
        syi_msgpack_write_double(out, value);
        break;
    }
    case SYI_MSGPACK_STR: {
        const char *value;
        size_t length;
        assert_ok(syi_msgpack_read_str(cursor, &value, &length, &err), &err);
        add_hex(text, 's', value, length);
        syi_msgpack_write_str(out, value, length);
        break;
    }
    case SYI_MSGPACK_BIN: {
        const uint8_t *value;
        size_t length;
        assert_ok(syi_msgpack_read_bin(cursor, &value, &length, &err), &err);
        add_hex(text, 'b', value, length);
        syi_msgpack_write_bin(out, value, length);
        break;
    }
    case SYI_MSGPACK_ARRAY: {
        size_t count;
        assert_ok(syi_msgpack_read_array(cursor, &count, &err), &err);
        syi_msgpack_write_array(out, count);
        add_text(text, "[");
        for (size_t i = 0; i < count; i++) {
            add_text(text, i == 0 ? "" : ",");
            copy_value(cursor, text, out);
        }
        add_text(text, "]");
        syi_msgpack_leave(cursor);
        break;
    }
    case SYI_MSGPACK_MAP: {
        size_t count;
        assert_ok(syi_msgpack_read_map(cursor, &count, &err), &err);
        syi_msgpack_write_map(out, count);
        add_text(text, "{");
        for (size_t i = 0; i < count; i++) {
            add_text(text, i == 0 ? "" : ",");
            copy_value(cursor, text, out);
            add_text(text, "=");
            copy_value(cursor, text, out);
        }
        add_text(text, "}");
        syi_msgpack_leave(cursor);
        break;
    }
    case SYI_MSGPACK_EXT:
    case SYI_MSGPACK_BAD:
    case SYI_MSGPACK_END:
    default:
        fail_msg("no value at byte %zu", (size_t)(cursor->next - cursor->start));
    }
}

static unsigned hex_digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Every reader fails on it and leaves the cursor where it is. */
static void assert_unreadable(const uint8_t *bytes, size_t size)
{
    syi_msgpack_cursor cursor;
    sy_error err = SY_ERROR_INIT;
    syi_msgpack_cursor_init(&cursor, bytes, size, SYI_MSGPACK_DEPTH_MAX, 0);
    const syi_msgpack_cursor before = cursor;
    bool boolean;
    int64_t integer;
    uint64_t number;
    double real;
    const char *text;
    const uint8_t *binary;
    size_t count;
    assert_status(syi_msgpack_skip(&cursor, &err), SY_EFORMAT, &err);
    assert_string_not_equal(err.message, "");
    const syi_msgpack_type type = syi_msgpack_peek(&cursor);
    if (type != SYI_MSGPACK_ARRAY && type != SYI_MSGPACK_MAP) { /* else what is inside fails */
        assert_true(type == SYI_MSGPACK_BAD || type == SYI_MSGPACK_END);
        assert_status(syi_msgpack_read_array(&cursor, &count, &err), SY_EFORMAT, &err);
        assert_status(syi_msgpack_read_map(&cursor, &count, &err), SY_EFORMAT, &err);
        assert_status(syi_msgpack_read_tuple(&cursor, 1, "pair", &err), SY_EFORMAT, &err);
    }
    assert_status(syi_msgpack_read_nil(&cursor, &err), SY_EFORMAT, &err);
    assert_status(syi_msgpack_read_bool(&cursor, &boolean, &err), SY_EFORMAT, &err);
    assert_status(syi_msgpack_read_int(&cursor, &integer, &err), SY_EFORMAT, &err);
    assert_status(syi_msgpack_read_uint(&cursor, &number, &err), SY_EFORMAT, &err);
    assert_status(syi_msgpack_read_double(&cursor, &real, &err), SY_EFORMAT, &err);
    assert_status(syi_msgpack_read_str(&cursor, &text, &count, &err), SY_EFORMAT, &err);
    assert_status(syi_msgpack_read_bin(&cursor, &binary, &count, &err), SY_EFORMAT, &err);
    assert_memory_equal(&cursor, &before, sizeof before);
}

static void test_python_vectors(void **state)
{
    (void)state;
    FILE *file = fopen(CSYFT_TEST_SOURCE_DIR "/tests/vectors/msgpack/values.txt", "r");
    assert_non_null(file);
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    syi_buffer bytes;
    syi_buffer text;
    syi_buffer again;
    syi_buffer_init(&bytes, context, 1 << 20);
    syi_buffer_init(&text, context, 1 << 20);
    syi_buffer_init(&again, context, 1 << 20);
    char *line = NULL;
    size_t room = 0;
    int lines = 0;
    for (ssize_t length = getline(&line, &room, file); length > 0;
         length = getline(&line, &room, file), lines++) {
        line[length - 1] = '\0';
        char *value = strchr(line, ' ');
        *value++ = '\0';
        syi_buffer_clear(&bytes);
        syi_buffer_clear(&text);
        syi_buffer_clear(&again);
        for (const char *p = line; *p != '\0'; p += 2) {
            *syi_buffer_extend(&bytes, 1) = (uint8_t)(hex_digit(p[0]) << 4 | hex_digit(p[1]));
        }
        sy_error err = SY_ERROR_INIT;
        syi_msgpack_cursor cursor;
        syi_msgpack_cursor_init(&cursor, bytes.data, bytes.length, SYI_MSGPACK_DEPTH_MAX, 0);
        copy_value(&cursor, &text, &again);
        assert_ok(syi_msgpack_finish(&cursor, "vector", &err), &err);
        assert_int_equal(cursor.depth, 0);
        assert_int_equal(text.length, strlen(value));
        assert_memory_equal(text.data, value, text.length);
        /* Shortest form, as msgpack-python writes it. */
        assert_int_equal(again.length, bytes.length);
        assert_memory_equal(again.data, bytes.data, bytes.length);
        syi_msgpack_cursor_init(&cursor, bytes.data, bytes.length, SYI_MSGPACK_DEPTH_MAX, 0);
        assert_ok(syi_msgpack_skip(&cursor, &err), &err);
        assert_ok(syi_msgpack_finish(&cursor, "vector", &err), &err);
        for (size_t size = 0; size < bytes.length && bytes.length < 600; size++) {
            assert_unreadable(bytes.data, size);
        }
    }
    assert_in_range(lines, 150, 1000);
    free(line);
    fclose(file);
    syi_buffer_fini(&bytes);
    syi_buffer_fini(&text);
    syi_buffer_fini(&again);
    memory_faults_context_free(&memory, context);
}

/* --- the specification's formats --------------------------------------------------------------- */

typedef struct spec_case {
    const char *bytes;
    size_t size;
    const char *text;
} spec_case;

/* Longer forms than needed are read, too. */
static void test_all_formats(void **state)
{
    (void)state;
    static const spec_case cases[] = {
        {"\x00", 1, "i0"},
        {"\x7f", 1, "i127"},
        {"\xe0", 1, "i-32"},
        {"\xff", 1, "i-1"},
        {"\xcc\x05", 2, "i5"},
        {"\xcd\x00\x05", 3, "i5"},
        {"\xce\x00\x00\x00\x05", 5, "i5"},
        {"\xcf\x00\x00\x00\x00\x00\x00\x00\x05", 9, "i5"},
        {"\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", 9, "i9223372036854775807"},
        {"\xcf\x80\x00\x00\x00\x00\x00\x00\x00", 9, "i9223372036854775808"},
        {"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, "i18446744073709551615"},
        {"\xd0\x05", 2, "i5"},
        {"\xd0\x80", 2, "i-128"},
        {"\xd1\xff\xff", 3, "i-1"},
        {"\xd1\x80\x00", 3, "i-32768"},
        {"\xd2\x80\x00\x00\x00", 5, "i-2147483648"},
        {"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", 9, "i-9223372036854775808"},
        {"\xca\x3f\x80\x00\x00", 5, "f3ff0000000000000"},
        {"\xcb\xc0\x00\x00\x00\x00\x00\x00\x00", 9, "fc000000000000000"},
        {"\xc0", 1, "nil"},
        {"\xc2", 1, "false"},
        {"\xc3", 1, "true"},
        {"\xa0", 1, "s"},
        {"\xa3"
         "abc",
         4, "s616263"},
        {"\xd9\x01"
         "a",
         3, "s61"},
        {"\xda\x00\x01"
         "a",
         4, "s61"},
        {"\xdb\x00\x00\x00\x01"
         "a",
         6, "s61"},
        {"\xc4\x01\x00", 3, "b00"},
        {"\xc5\x00\x01\x00", 4, "b00"},
        {"\xc6\x00\x00\x00\x01\x00", 6, "b00"},
        {"\x90", 1, "[]"},
        {"\x92\x01\x02", 3, "[i1,i2]"},
        {"\xdc\x00\x01\x01", 4, "[i1]"},
        {"\xdd\x00\x00\x00\x01\x01", 6, "[i1]"},
        {"\x80", 1, "{}"},
        {"\x81\x01\x02", 3, "{i1=i2}"},
        {"\xde\x00\x01\x01\x02", 5, "{i1=i2}"},
        {"\xdf\x00\x00\x00\x01\x01\x02", 7, "{i1=i2}"},
    };
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        syi_buffer text;
        syi_buffer out;
        syi_msgpack_cursor cursor;
        sy_error err = SY_ERROR_INIT;
        syi_buffer_init(&text, context, 1000);
        syi_buffer_init(&out, context, 1000);
        syi_msgpack_cursor_init(&cursor, cases[i].bytes, cases[i].size, 4, 0);
        copy_value(&cursor, &text, &out);
        assert_ok(syi_msgpack_finish(&cursor, "case", &err), &err);
        assert_int_equal(text.length, strlen(cases[i].text));
        assert_memory_equal(text.data, cases[i].text, text.length);
        for (size_t size = 0; size < cases[i].size; size++) {
            assert_unreadable((const uint8_t *)cases[i].bytes, size);
        }
        syi_buffer_fini(&text);
        syi_buffer_fini(&out);
    }
    memory_faults_context_free(&memory, context);
}

static void test_extensions_are_skipped(void **state)
{
    (void)state;
    static const spec_case cases[] = {
        {"\xd4\x05"
         "a",
         3, ""},
        {"\xd5\x05"
         "ab",
         4, ""},
        {"\xd6\x05"
         "abcd",
         6, ""},
        {"\xd7\xff"
         "abcdefgh",
         10, ""},
        {"\xd8\x05"
         "abcdefghijklmnop",
         18, ""},
        {"\xc7\x00\x05", 3, ""},
        {"\xc7\x02\x05"
         "ab",
         5, ""},
        {"\xc8\x00\x02\x05"
         "ab",
         6, ""},
        {"\xc9\x00\x00\x00\x02\x05"
         "ab",
         8, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        syi_msgpack_cursor cursor;
        sy_error err = SY_ERROR_INIT;
        syi_msgpack_cursor_init(&cursor, cases[i].bytes, cases[i].size, 4, 0);
        assert_int_equal(syi_msgpack_peek(&cursor), SYI_MSGPACK_EXT);
        assert_status(syi_msgpack_read_nil(&cursor, &err), SY_EFORMAT, &err);
        assert_non_null(strstr(err.message, "found an extension"));
        assert_ok(syi_msgpack_skip(&cursor, &err), &err);
        assert_ok(syi_msgpack_finish(&cursor, "extension", &err), &err);
        for (size_t size = 0; size < cases[i].size; size++) {
            assert_unreadable((const uint8_t *)cases[i].bytes, size);
        }
    }
}

/* --- reading the wrong thing ------------------------------------------------------------------- */

static void test_sentences(void **state)
{
    (void)state;
    syi_msgpack_cursor cursor;
    sy_error err = SY_ERROR_INIT;
    int64_t integer;
    uint64_t number;
    double real;
    size_t count;
    static const char bytes[] = "\x01\xa1x\xff\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xc1";
    syi_msgpack_cursor_init(&cursor, bytes, sizeof bytes - 1, 4, 0);
    assert_ok(syi_msgpack_read_int(&cursor, &integer, &err), &err);
    assert_status(syi_msgpack_read_int(&cursor, &integer, &err), SY_EFORMAT, &err);
    assert_string_equal(err.message,
                        "msgpack: expected an integer at byte 1 of 14, found a string");
    assert_ok(syi_msgpack_skip(&cursor, &err), &err);
    assert_status(syi_msgpack_read_uint(&cursor, &number, &err), SY_EFORMAT, &err);
    assert_ok(syi_msgpack_read_double(&cursor, &real, &err), &err);
    assert_true(real == -1);
    assert_status(syi_msgpack_read_int(&cursor, &integer, &err), SY_EFORMAT, &err);
    assert_non_null(strstr(err.message, "above 2^63 - 1"));
    const syi_msgpack_cursor before = cursor;
    assert_ok(syi_msgpack_read_double(&cursor, &real, &err), &err);
    assert_true(real == 18446744073709551616.0);
    cursor = before;
    assert_ok(syi_msgpack_read_uint(&cursor, &number, &err), &err);
    assert_true(number == UINT64_MAX);
    assert_status(syi_msgpack_skip(&cursor, &err), SY_EFORMAT, &err);
    assert_string_equal(
        err.message, "msgpack: expected a value at byte 13 of 14, found 0xc1, which is reserved");
    assert_status(syi_msgpack_finish(&cursor, "reply", &err), SY_EFORMAT, &err);
    assert_string_equal(err.message, "reply: 1 bytes too many after byte 13");

    syi_msgpack_cursor_init(&cursor, "\x93\x01\x02\x03", 4, 4, 0);
    assert_status(syi_msgpack_read_tuple(&cursor, 2, "pair", &err), SY_EFORMAT, &err);
    assert_string_equal(err.message, "pair: expected 2 items at byte 0, found 3");
    assert_int_equal(cursor.depth, 0);
    assert_status(syi_msgpack_read_map(&cursor, &count, &err), SY_EFORMAT, &err);
    assert_ok(syi_msgpack_read_tuple(&cursor, 3, "triple", &err), &err);
    assert_int_equal(cursor.depth, 1);

    syi_msgpack_cursor_init(&cursor, NULL, 0, 4, 0);
    assert_int_equal(syi_msgpack_peek(&cursor), SYI_MSGPACK_END);
    assert_status(syi_msgpack_read_nil(&cursor, &err), SY_EFORMAT, &err);
    assert_non_null(strstr(err.message, "found the end"));
    assert_ok(syi_msgpack_finish(&cursor, "nothing", &err), &err);
}

/* --- hostile bytes ----------------------------------------------------------------------------- */

static void test_hostile_counts(void **state)
{
    (void)state;
    static const spec_case cases[] = {
        {"\xdd\xff\xff\xff\xff", 5, ""},
        {"\xdf\xff\xff\xff\xff", 5, ""},
        {"\xdf\x80\x00\x00\x00\x01\x02", 7, ""},
        {"\xdc\xff\xff\x01\x02\x03", 6, ""},
        {"\x9f\x01\x02", 3, ""},
        {"\x82\x01\x02\x03", 4, ""},
        {"\xdb\xff\xff\xff\xff"
         "abc",
         8, ""},
        {"\xc6\xff\xff\xff\xff"
         "abc",
         8, ""},
        {"\xc9\xff\xff\xff\xff"
         "abc",
         8, ""},
        {"\xda\xff\xff"
         "abc",
         6, ""},
        {"\xbf"
         "abc",
         4, ""},
        {"\xd8\x01"
         "abc",
         5, ""},
        {"\xc1", 1, ""},
        {"\x92\x01\xc1", 3, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t size = 1; size <= cases[i].size; size++) {
            assert_unreadable((const uint8_t *)cases[i].bytes, size);
        }
    }
}

static void test_depth(void **state)
{
    (void)state;
    uint8_t bytes[200];
    sy_error err = SY_ERROR_INIT;
    syi_msgpack_cursor cursor;
    memset(bytes, 0x91, sizeof bytes);
    for (uint32_t limit = 0; limit <= 70; limit++) {
        const uint32_t deepest = limit < SYI_MSGPACK_DEPTH_MAX ? limit : SYI_MSGPACK_DEPTH_MAX;
        bytes[deepest] = 0xc0;
        syi_msgpack_cursor_init(&cursor, bytes, deepest + 1, limit, 0);
        assert_ok(syi_msgpack_skip(&cursor, &err), &err);
        assert_ok(syi_msgpack_finish(&cursor, "nest", &err), &err);
        bytes[deepest] = 0x91;
        bytes[deepest + 1] = 0xc0;
        syi_msgpack_cursor_init(&cursor, bytes, deepest + 2, limit, 0);
        assert_status(syi_msgpack_skip(&cursor, &err), SY_ELIMIT, &err);
        assert_ptr_equal(cursor.next, bytes);
        size_t count;
        for (uint32_t i = 0; i < deepest; i++) {
            assert_ok(syi_msgpack_read_array(&cursor, &count, &err), &err);
        }
        assert_status(syi_msgpack_read_array(&cursor, &count, &err), SY_ELIMIT, &err);
        assert_status(syi_msgpack_skip(&cursor, &err), SY_ELIMIT, &err);
        bytes[deepest + 1] = 0x91;
    }
    /* Siblings do not add up. */
    syi_msgpack_cursor_init(&cursor, "\x93\x90\x91\x80\x90", 5, 3, 0);
    assert_ok(syi_msgpack_skip(&cursor, &err), &err);
    syi_msgpack_leave(&cursor); /* one too many does no harm */
    assert_int_equal(cursor.depth, 0);
}

static void test_elements(void **state)
{
    (void)state;
    static const char bytes[] = "\x93\x01\x92\x02\x03\x81\x04\x05"; /* 8 values */
    sy_error err = SY_ERROR_INIT;
    syi_msgpack_cursor cursor;
    for (uint64_t limit = 1; limit < 8; limit++) {
        syi_msgpack_cursor_init(&cursor, bytes, 8, 10, limit);
        assert_status(syi_msgpack_skip(&cursor, &err), SY_ELIMIT, &err);
        assert_ptr_equal(cursor.next, cursor.start);
        size_t count;
        const sy_status status = syi_msgpack_read_array(&cursor, &count, &err);
        assert_status(status, limit < 4 ? SY_ELIMIT : SY_OK, &err); /* it and its three */
    }
    syi_msgpack_cursor_init(&cursor, bytes, 8, 10, 8);
    assert_ok(syi_msgpack_skip(&cursor, &err), &err);
    assert_int_equal(cursor.elements_left, 0);
}

/* --- writing ----------------------------------------------------------------------------------- */

static void test_writer_limits(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    syi_buffer out;
    syi_buffer_init(&out, context, 10);
    syi_msgpack_write_array(&out, (size_t)UINT32_MAX + 1);
    assert_int_equal(out.status, SY_ELIMIT);
    syi_buffer_clear(&out);
    syi_msgpack_write_map(&out, (size_t)UINT32_MAX + 1);
    assert_int_equal(out.status, SY_ELIMIT);
    syi_buffer_clear(&out);
    syi_msgpack_write_str(&out, "", (size_t)UINT32_MAX + 1);
    assert_int_equal(out.status, SY_ELIMIT);
    syi_buffer_clear(&out);
    syi_msgpack_write_bin(&out, "", SIZE_MAX);
    assert_int_equal(out.status, SY_ELIMIT);
    syi_buffer_clear(&out);
    syi_msgpack_write_uint(&out, UINT64_MAX);
    syi_msgpack_write_nil(&out);
    assert_int_equal(out.status, SY_OK);
    assert_int_equal(out.length, 10);
    syi_msgpack_write_nil(&out);
    assert_int_equal(out.status, SY_ELIMIT);
    assert_int_equal(out.length, 10);
    syi_msgpack_write_int(&out, -500);
    syi_msgpack_write_str(&out, "abc", 3);
    assert_int_equal(out.length, 10);
    syi_buffer_fini(&out);
    memory_faults_context_free(&memory, context);
}

/* Where a head becomes longer. */
static void test_long_heads(void **state)
{
    (void)state;
    static const struct {
        void (*write)(syi_buffer *out, size_t count);
        const char *below, *above; /* heads of 65535 and 65536 */
    } containers[] = {
        {syi_msgpack_write_array, "\xdc\xff\xff", "\xdd\x00\x01\x00\x00"},
        {syi_msgpack_write_map, "\xde\xff\xff", "\xdf\x00\x01\x00\x00"},
    };
    static char zeros[65536];
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    syi_buffer out;
    syi_buffer_init(&out, context, 1 << 20);
    for (int i = 0; i < 2; i++) {
        syi_buffer_clear(&out);
        containers[i].write(&out, 65535);
        containers[i].write(&out, 65536);
        assert_int_equal(out.length, 8);
        assert_memory_equal(out.data, containers[i].below, 3);
        assert_memory_equal(out.data + 3, containers[i].above, 5);
    }
    syi_buffer_clear(&out);
    syi_msgpack_write_str(&out, zeros, 65535);
    syi_msgpack_write_str(&out, zeros, 65536);
    syi_msgpack_write_bin(&out, zeros, 65535);
    syi_msgpack_write_bin(&out, zeros, 65536);
    assert_int_equal(out.length, 2 * (3 + 65535 + 5 + 65536));
    assert_memory_equal(out.data, "\xda\xff\xff", 3);
    assert_memory_equal(out.data + 3 + 65535, "\xdb\x00\x01\x00\x00", 5);
    const uint8_t *bins = out.data + 3 + 65535 + 5 + 65536;
    assert_memory_equal(bins, "\xc5\xff\xff", 3);
    assert_memory_equal(bins + 3 + 65535, "\xc6\x00\x01\x00\x00", 5);
    syi_msgpack_cursor cursor;
    sy_error err = SY_ERROR_INIT;
    syi_msgpack_cursor_init(&cursor, out.data, out.length, 0, 4);
    for (int i = 0; i < 4; i++) {
        assert_ok(syi_msgpack_skip(&cursor, &err), &err);
    }
    assert_ok(syi_msgpack_finish(&cursor, "long", &err), &err);
    syi_buffer_fini(&out);
    memory_faults_context_free(&memory, context);
}

static void test_floats(void **state)
{
    (void)state;
    static const float values[] = {0.0f, -0.0f, 1.5f, -FLT_MAX, FLT_MIN, FLT_TRUE_MIN};
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    syi_buffer out;
    syi_msgpack_cursor cursor;
    sy_error err = SY_ERROR_INIT;
    double value;
    syi_buffer_init(&out, context, 1000);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        syi_buffer_clear(&out);
        syi_msgpack_write_float(&out, values[i]);
        assert_int_equal(out.length, 5);
        syi_msgpack_cursor_init(&cursor, out.data, out.length, 1, 0);
        assert_ok(syi_msgpack_read_double(&cursor, &value, &err), &err);
        assert_true(value == (double)values[i] && !signbit(value) == !signbit(values[i]));
    }
    syi_buffer_clear(&out);
    syi_msgpack_write_float(&out, NAN);
    syi_msgpack_write_double(&out, INFINITY);
    syi_msgpack_cursor_init(&cursor, out.data, out.length, 1, 0);
    assert_ok(syi_msgpack_read_double(&cursor, &value, &err), &err);
    assert_true(isnan(value));
    assert_ok(syi_msgpack_read_double(&cursor, &value, &err), &err);
    assert_true(isinf(value));
    syi_buffer_fini(&out);
    memory_faults_context_free(&memory, context);
}

static void write_tree(property_random *random, syi_buffer *out, int depth)
{
    char bytes[400];
    const uint64_t draw = property_next(random);
    memset(bytes, (int)(draw & 0x7f), sizeof bytes);
    switch (draw % (depth > 0 ? 9 : 7)) {
    case 0:
        syi_msgpack_write_nil(out);
        break;
    case 1:
        syi_msgpack_write_bool(out, draw & 256);
        break;
    case 2:
        syi_msgpack_write_int(out, (int64_t)property_next(random) >> property_next(random) % 64);
        break;
    case 3:
        syi_msgpack_write_uint(out, property_next(random) >> property_next(random) % 64);
        break;
    case 4:
        syi_msgpack_write_double(out, (double)(int64_t)property_next(random) / 7);
        break;
    case 5:
        syi_msgpack_write_str(out, bytes, property_next(random) % 400);
        break;
    case 6:
        syi_msgpack_write_bin(out, bytes, property_next(random) % 400);
        break;
    case 7: {
        const size_t count = property_next(random) % 20;
        syi_msgpack_write_array(out, count);
        for (size_t i = 0; i < count; i++) {
            write_tree(random, out, depth - 1);
        }
        break;
    }
    default: {
        const size_t count = property_next(random) % 20;
        syi_msgpack_write_map(out, count);
        for (size_t i = 0; i < 2 * count; i++) {
            write_tree(random, out, depth - 1);
        }
    }
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    sy_context *context = memory_faults_context(&memory);
    property_random random = property_start(__func__);
    const long rounds = property_iterations(300);
    syi_buffer bytes;
    syi_buffer text;
    syi_buffer again;
    syi_buffer_init(&bytes, context, 1 << 28);
    syi_buffer_init(&text, context, 1 << 28);
    syi_buffer_init(&again, context, 1 << 28);
    for (long i = 0; i < rounds; i++) {
        syi_buffer_clear(&bytes);
        syi_buffer_clear(&text);
        syi_buffer_clear(&again);
        write_tree(&random, &bytes, 3);
        syi_msgpack_cursor cursor;
        sy_error err = SY_ERROR_INIT;
        syi_msgpack_cursor_init(&cursor, bytes.data, bytes.length, 4, 0);
        copy_value(&cursor, &text, &again);
        assert_ok(syi_msgpack_finish(&cursor, "tree", &err), &err);
        assert_int_equal(bytes.length, again.length);
        assert_memory_equal(bytes.data, again.data, bytes.length);
        syi_msgpack_cursor_init(&cursor, bytes.data, bytes.length, 4, 0);
        assert_ok(syi_msgpack_skip(&cursor, &err), &err);
        assert_ok(syi_msgpack_finish(&cursor, "tree", &err), &err);
    }
    syi_buffer_fini(&bytes);
    syi_buffer_fini(&text);
    syi_buffer_fini(&again);
    memory_faults_context_free(&memory, context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_python_vectors),
        cmocka_unit_test(test_all_formats),
        cmocka_unit_test(test_extensions_are_skipped),
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_hostile_counts),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_writer_limits),
        cmocka_unit_test(test_long_heads),
        cmocka_unit_test(test_floats),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
