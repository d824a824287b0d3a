/* json_test.c - what Python's json takes and refuses, the cursor takes and refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/json.h"
#include "support/memory_faults.h"

static sy_context *new_context(void)
{
    sy_context *context = NULL;
    assert_int_equal(sy_context_new(&context, NULL, NULL), SY_OK);
    return context;
}

/* From an allocation of exactly its length: a sanitizer sees a read past the end. */
static sy_status take_string(sy_context *context, const char *text, char *out, sy_error *err)
{
    const size_t length = strlen(text);
    char *copy = malloc(length + (length == 0));
    memcpy(copy, text, length);
    syi_json json = syi_json_begin(copy, length);
    syi_buffer buffer;
    syi_buffer_init(&buffer, context, 100);
    sy_status status = syi_json_take_string(&json, &buffer, err);
    if (status == SY_OK) {
        assert_true(syi_json_is_over(&json));
        memcpy(out, buffer.length == 0 ? (const uint8_t *)"" : buffer.data, buffer.length);
        out[buffer.length] = '\0';
    }
    syi_buffer_fini(&buffer);
    free(copy);
    return status;
}

static void test_strings(void **state)
{
    (void)state;
    static const char *const good[][2] = {
        {"\"\"", ""},
        {" \"a b\" ", "a b"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u00e4\\u20AC\\ud83d\\ude00\\u007f\\u07ff\\uffff\"",
         "\u00e4\u20ac\U0001f600\x7f\u07ff\uffff"},
        {"\"\u00e4\U0001f600\"", "\u00e4\U0001f600"},
    };
    static const char *const bad[] = {"",
                                      "x",
                                      "\"",
                                      "\"a",
                                      "\"\\",
                                      "\"\\x\"",
                                      "\"\\u12\"",
                                      "\"\\u12g4\"",
                                      "\"\\ud800\"",
                                      "\"\\ude00\"",
                                      "\"\\ud800\\u0041\"",
                                      "\"\\ud800\\",
                                      "\"\n\"",
                                      "\"\xff\"",
                                      "\"\xc3\"",
                                      "'a'"};
    sy_context *context = new_context();
    char out[128];
    for (size_t k = 0; k < sizeof good / sizeof good[0]; k++) {
        sy_error err = SY_ERROR_INIT;
        assert_ok(take_string(context, good[k][0], out, &err), &err);
        assert_string_equal(out, good[k][1]);
    }
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        sy_error err = SY_ERROR_INIT;
        assert_status(take_string(context, bad[k], out, &err), SY_EFORMAT, &err);
        assert_non_null(strstr(err.message, "malformed at byte"));
    }
    char long_one[200];
    memset(long_one, '"', sizeof long_one);
    memset(long_one + 1, 'x', 150);
    long_one[152] = '\0';
    assert_int_equal(take_string(context, long_one, out, NULL), SY_ELIMIT);
    sy_context_free(context);
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value; /* -1: none */
    } cases[] = {{"0", 0},
                 {" 17 ", 17},
                 {"9223372036854775807", INT64_MAX},
                 {"9223372036854775808", -1},
                 {"99999999999999999999", -1},
                 {"", -1},
                 {"-1", -1},
                 {"+1", -1},
                 {"01", -1},
                 {"1.0", -1},
                 {"1e3", -1},
                 {"1E3", -1},
                 {"x", -1}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        syi_json json = syi_json_begin(cases[k].text, strlen(cases[k].text));
        int64_t value;
        assert_int_equal(syi_json_take_size(&json, &value), cases[k].value >= 0);
        if (cases[k].value >= 0) {
            assert_true(value == cases[k].value && syi_json_is_over(&json));
        }
    }
}

static void test_punctuation(void **state)
{
    (void)state;
    syi_json json = syi_json_begin(" {\t}\r\n", 6);
    assert_false(syi_json_take(&json, '}'));
    assert_true(syi_json_take(&json, '{'));
    assert_false(syi_json_is_over(&json));
    assert_true(syi_json_take(&json, '}'));
    assert_true(syi_json_is_over(&json));
    assert_false(syi_json_take(&json, '}'));
}

static void test_written_strings(void **state)
{
    (void)state;
    sy_context *context = new_context();
    syi_buffer out;
    syi_buffer_init(&out, context, 100);
    syi_json_put_string(&out, "a\"\\\n\x1f\u00e4");
    assert_int_equal(out.length, 21);
    assert_memory_equal(out.data, "\"a\\\"\\\\\\u000a\\u001f\u00e4\"", 21);
    syi_buffer_fini(&out);
    sy_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_punctuation),
        cmocka_unit_test(test_written_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
