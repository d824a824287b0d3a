/* id_test.c - integer and text ids: making, parsing, comparing, writing. */
#include <csyft/id.h>

#include <string.h>

#include "support/test.h"

static const sy_id none = SY_ID_INIT;

static void assert_unused_bytes_are_zero(const sy_id *id)
{
    if (id->kind != SY_ID_INT) {
        assert_int_equal(id->number, 0);
    }
    for (size_t i = id->length; i < sizeof id->text; i++) {
        assert_int_equal(id->text[i], 0);
    }
}

static void test_integers(void **state)
{
    (void)state;
    static const struct {
        int64_t number;
        const char *text;
    } cases[] = {
        {0, "0"},
        {42, "42"},
        {-7, "-7"},
        {SY_ID_SPACE - 1, "99999999999"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64];
        const sy_id id = sy_id_from_int(cases[i].number);
        assert_int_equal(id.kind, SY_ID_INT);
        assert_true(id.number == cases[i].number);
        assert_unused_bytes_are_zero(&id);
        assert_ptr_equal(sy_id_format(&id, text, sizeof text), text);
        assert_string_equal(text, cases[i].text);
        assert_false(sy_id_is_none(&id));
    }
}

static void test_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "a",
        "alice",
        "#mnist",
        "with space",
        "42x",
        "-5",
        "\xC3\xA9t\xC3\xA9",
        "\xE4\xB8\xAD\xE6\x96\x87",
        "\xF0\x9F\x98\x80",
        "12345678901234567890123456789012345678901234567890abc", /* 53 */
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[64];
        sy_id id;
        memset(&id, 0xFF, sizeof id);
        sy_error err = SY_ERROR_INIT;
        assert_ok(sy_id_from_text(&id, texts[i], &err), &err);
        assert_int_equal(id.kind, SY_ID_TEXT);
        assert_int_equal(id.length, strlen(texts[i]));
        assert_unused_bytes_are_zero(&id);
        assert_string_equal(sy_id_format(&id, text, sizeof text), texts[i]);
        sy_id parsed;
        assert_ok(sy_id_parse(&parsed, texts[i], &err), &err);
        assert_true(sy_id_equal(&parsed, &id));
    }
}

static void test_wrong_texts_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        NULL,
        "",
        "x23456789012345678901234567890123456789012345678901234", /* 54 */
        "new\nline",
        "tab\t",
        "\x7F",
        "bell\x07",
        "\xFF",
        "\xC3",
        "cut\xE4\xB8",
        "\xC0\x80",
        "\xED\xA0\x80",
        "\xC2\x85",
        "\xE2\x80\xA8",
        "\xE2\x80\xAE"
        "gpj",
        "\xEF\xBF\xBF",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        sy_id id = sy_id_from_int(5);
        sy_error err = SY_ERROR_INIT;
        if (sy_id_from_text(&id, texts[i], &err) != SY_EINVAL) {
            fail_msg("text %zu is accepted", i);
        }
        assert_memory_equal(err.message, "id: ", 4);
        assert_int_equal(id.number, 5);
        assert_int_equal(sy_id_parse(&id, texts[i], NULL), SY_EINVAL);
        assert_int_equal(id.number, 5);
    }
}

static void test_parse_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t number;
    } cases[] = {
        {"0", 0},
        {"7", 7},
        {"007", 7},
        {"99999999999", SY_ID_SPACE - 1},
        {"9223372036854775807", INT64_MAX},
        {"0000000000000000000000000000000000000000000000000000000000000001", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sy_id id;
        sy_error err = SY_ERROR_INIT;
        assert_ok(sy_id_parse(&id, cases[i].text, &err), &err);
        assert_int_equal(id.kind, SY_ID_INT);
        assert_true(id.number == cases[i].number);
    }
    sy_id id = sy_id_from_int(5);
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(sy_id_parse(&id, "9223372036854775808", &err), SY_ERANGE);
    assert_non_null(strstr(err.message, "9223372036854775808"));
    assert_int_equal(sy_id_parse(&id, "99999999999999999999999", NULL), SY_ERANGE);
    assert_int_equal(id.number, 5);
}

static void test_equality(void **state)
{
    (void)state;
    sy_id ids[7] = {none, sy_id_from_int(0), sy_id_from_int(1), sy_id_from_int(-1)};
    assert_int_equal(sy_id_from_text(&ids[4], "1", NULL), SY_OK); /* not the number */
    assert_int_equal(sy_id_from_text(&ids[5], "alice", NULL), SY_OK);
    assert_int_equal(sy_id_from_text(&ids[6], "alicf", NULL), SY_OK);
    for (size_t i = 0; i < 7; i++) {
        for (size_t j = 0; j < 7; j++) {
            const sy_id copy = ids[j];
            assert_int_equal(sy_id_equal(&ids[i], &copy), i == j);
        }
        assert_int_equal(sy_id_is_none(&ids[i]), i == 0);
    }
}

static void test_text_may_lie_in_the_id(void **state)
{
    (void)state;
    sy_id id;
    assert_int_equal(sy_id_from_text(&id, "alice", NULL), SY_OK);
    assert_int_equal(sy_id_from_text(&id, id.text + 2, NULL), SY_OK);
    char text[64];
    assert_string_equal(sy_id_format(&id, text, sizeof text), "ice");
}

static void test_format_into_little_room(void **state)
{
    (void)state;
    char text[8];
    sy_id id = sy_id_from_int(123456);
    assert_string_equal(sy_id_format(&id, text, 4), "123");
    assert_string_equal(sy_id_format(&none, text, sizeof text), "none");
    assert_int_equal(sy_id_from_text(&id, "ab\xE4\xB8\xAD", NULL), SY_OK);
    assert_string_equal(sy_id_format(&id, text, 5), "ab");
    assert_string_equal(sy_id_format(&id, text, 6), "ab\xE4\xB8\xAD");
    assert_string_equal(sy_id_format(&id, text, 1), "");
    text[0] = 'x';
    assert_ptr_equal(sy_id_format(&id, text, 0), text);
    assert_int_equal(text[0], 'x');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_wrong_texts_are_refused),
        cmocka_unit_test(test_parse_integers),
        cmocka_unit_test(test_equality),
        cmocka_unit_test(test_text_may_lie_in_the_id),
        cmocka_unit_test(test_format_into_little_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
