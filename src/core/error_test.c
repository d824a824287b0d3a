/* error_test.c - status names and codes, and that sentences survive cutting, quoting and aliasing. */
#include "support/test.h"

#include <string.h>

#include "core/error.h"
#include "core/utf8.h"

static void assert_clean_text(const char *text, size_t size)
{
    const size_t length = strnlen(text, size);
    assert_true(length < size);
    for (size_t at = 0; at < length;) {
        uint32_t code = 0;
        const size_t step = syi_utf8_decode(text + at, length - at, &code);
        assert_int_not_equal(step, 0);
        assert_true(syi_utf8_is_printable(code));
        at += step;
    }
}

static void test_every_status_has_name_text_and_code(void **state)
{
    (void)state;
    int next = 0; /* codes travel: they are these, in this order */
#define CHECK_STATUS(name, code, text)                           \
    assert_int_equal(SY_##name, next++);                         \
    assert_string_equal(sy_status_name(SY_##name), "SY_" #name); \
    assert_string_equal(sy_status_text(SY_##name), text);        \
    assert_int_equal(syi_status_from_wire(code), SY_##name);
    SY_STATUS_MAP(CHECK_STATUS)
#undef CHECK_STATUS
    assert_int_equal(next, 26);
    assert_int_equal(SY_ENOTFOUND, 4);
    assert_int_equal(SY_EREMOTE, 22);
}

static void test_unknown_codes(void **state)
{
    (void)state;
    assert_string_equal(sy_status_name((sy_status)999), "SY_?");
    assert_string_equal(sy_status_text((sy_status)999), "unknown status");
    static const int64_t codes[] = {
        -1, 26, INT64_MAX, INT64_MIN, INT64_C(1) << 32, (INT64_C(1) << 32) + 4};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        assert_int_equal(syi_status_from_wire(codes[i]), SY_EREMOTE);
    }
}

static void test_fail_fills_and_returns(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    syi_fail_object(&err, SY_EIO, "old object", "old");
    syi_error_at_worker(&err, "old worker");
    assert_int_equal(syi_fail(&err, SY_ESHAPE, "matmul: %dx%d by %dx%d", 3, 4, 2, 5), SY_ESHAPE);
    assert_int_equal(err.status, SY_ESHAPE);
    assert_string_equal(err.message, "matmul: 3x4 by 2x5");
    assert_string_equal(err.worker, "");
    assert_string_equal(err.object, "");
    assert_int_equal(syi_fail(NULL, SY_EIO, "nobody reads this"), SY_EIO);
}

static void test_fail_object_names_it(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(syi_fail_object(&err, SY_ENOTFOUND, "42", "store: no %d", 42), SY_ENOTFOUND);
    assert_string_equal(err.object, "42");
    assert_string_equal(err.message, "store: no 42");
    assert_int_equal(syi_fail_object(&err, SY_ENOTFOUND, NULL, "x"), SY_ENOTFOUND);
    assert_string_equal(err.object, "");
    assert_int_equal(syi_fail_object(NULL, SY_ENOTFOUND, "42", "x"), SY_ENOTFOUND);
}

static void test_arguments_may_lie_in_the_error(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    syi_fail_object(&err, SY_EIO, "file.csv", "disk full");
    syi_fail_object(&err, SY_EREMOTE, err.object, "again: %s", err.message);
    assert_string_equal(err.message, "again: disk full");
    assert_string_equal(err.object, "file.csv");
    syi_error_prefix(&err, SY_EREMOTE, "<%s>", err.message);
    assert_string_equal(err.message, "<again: disk full>: again: disk full");
}

static void test_prefix_keeps_status_worker_and_object(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    syi_fail_object(&err, SY_EDTYPE, "7", "float64 by int64");
    syi_error_at_worker(&err, "alice");
    assert_int_equal(syi_error_prefix(&err, SY_EIO, "layer %d", 3), SY_EDTYPE);
    assert_string_equal(err.message, "layer 3: float64 by int64");
    assert_string_equal(err.worker, "alice");
    assert_string_equal(err.object, "7");
    assert_int_equal(syi_error_prefix(NULL, SY_EIO, "layer"), SY_EIO);
}

static void test_prefix_of_an_unfilled_error_takes_the_status(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(syi_error_prefix(&err, SY_ECLOSED, "send"), SY_ECLOSED);
    assert_int_equal(err.status, SY_ECLOSED);
}

static void test_first_worker_stays(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    syi_fail(&err, SY_EIO, "x");
    syi_error_at_worker(&err, "bob");
    syi_error_at_worker(&err, "carol");
    assert_string_equal(err.worker, "bob");
    syi_error_at_worker(NULL, "bob");
}

static void test_peers_text_is_cleaned(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    syi_fail_object(&err, SY_EREMOTE, "id\n2", "peer: %s", "bad\xFF\x1B[2J\r\nlog: forged");
    syi_error_at_worker(&err, "a\tb");
    assert_string_equal(err.message, "peer: bad??[2J??log: forged");
    assert_string_equal(err.object, "id?2");
    assert_string_equal(err.worker, "a?b");
}

/* Sentences of multi-byte characters at each offset around the end of the buffer. */
static void test_truncation_is_valid_utf8_and_terminated(void **state)
{
    (void)state;
    static const char *const characters[] = {"x", "\xC3\xA9", "\xE4\xB8\xAD", "\xF0\x9F\x98\x80"};
    for (size_t c = 0; c < 4; c++) {
        const size_t width = c + 1;
        for (size_t shift = 0; shift < 8; shift++) {
            char text[700] = "";
            memset(text, 'p', shift);
            for (size_t at = shift; at + width < sizeof text; at += width) {
                memcpy(text + at, characters[c], width);
            }
            sy_error err = SY_ERROR_INIT;
            syi_fail_object(&err, SY_EIO, text, "%s", text);
            syi_error_at_worker(&err, text);
            const size_t whole = (SY_ERROR_MESSAGE_SIZE - 1 - shift) / width * width + shift;
            assert_clean_text(err.message, sizeof err.message);
            assert_int_equal(strlen(err.message), whole);
            assert_int_equal(memchr(err.message, '?', whole) == NULL, true);
            assert_clean_text(err.object, sizeof err.object);
            assert_clean_text(err.worker, sizeof err.worker);
            assert_true(strlen(err.object) > SY_ERROR_NAME_SIZE - 1 - width);

            syi_error_prefix(&err, SY_EIO, "%.*s", (int)(5 + shift), "prefix text");
            assert_clean_text(err.message, sizeof err.message);
            assert_null(memchr(err.message, '?', strlen(err.message)));
            assert_true(strlen(err.message) > SY_ERROR_MESSAGE_SIZE - 1 - width);
            assert_memory_equal(err.message, "prefi", 5);

            syi_error_prefix(&err, SY_EIO, "%s", text);
            assert_clean_text(err.message, sizeof err.message);
            assert_int_equal(strlen(err.message) / 8, (SY_ERROR_MESSAGE_SIZE - 1) / 8);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_status_has_name_text_and_code),
        cmocka_unit_test(test_unknown_codes),
        cmocka_unit_test(test_fail_fills_and_returns),
        cmocka_unit_test(test_fail_object_names_it),
        cmocka_unit_test(test_arguments_may_lie_in_the_error),
        cmocka_unit_test(test_prefix_keeps_status_worker_and_object),
        cmocka_unit_test(test_prefix_of_an_unfilled_error_takes_the_status),
        cmocka_unit_test(test_first_worker_stays),
        cmocka_unit_test(test_peers_text_is_cleaned),
        cmocka_unit_test(test_truncation_is_valid_utf8_and_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
