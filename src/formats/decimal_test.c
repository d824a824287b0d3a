/* decimal_test.c - numbers from and to text against Python, and in a locale with a decimal comma. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/decimal.h"
#include "support/folder.h"
#include "support/property.h"

static syi_decimal parse(const char *text)
{
    /* From an allocation of exactly its length: a sanitizer sees a read past the end. */
    size_t length = strlen(text);
    char *copy = malloc(length > 0 ? length : 1);
    memcpy(copy, text, length);
    syi_decimal d = syi_decimal_parse(copy, length);
    free(copy);
    return d;
}

static void test_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {
        {"0", 0},
        {"-0", 0},
        {"+7", 7},
        {"007", 7},
        {"-12", -12},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"00000000000000000000000000000000001", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        syi_decimal d = parse(cases[i].text);
        assert_int_equal(d.kind, SYI_DECIMAL_INTEGER);
        assert_true(d.integer == cases[i].value);
        assert_true(d.real == (double)cases[i].value);
    }
    assert_true(signbit(parse("-0").real));
}

static void test_reals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"1.5", 1.5},
        {"-1.5e3", -1500},
        {".5", 0.5},
        {"5.", 5},
        {"1E2", 100},
        {"1e+2", 100},
        {"9223372036854775808", 0x1p63},
        {"-9223372036854775809", -0x1p63},
        {"1e400", INFINITY},
        {"-1e99999999999999999999", -INFINITY},
        {"1e-400", 0},
        {"0e99999", 0},
        {"inf", INFINITY},
        {"-Infinity", -INFINITY},
        {"+INF", INFINITY},
        {"1e22", 1e22},
        {"1e23", 1e23},
        {"9007199254740993.0", 9007199254740992.0},
        {"9007199254740993.00000000000000000000000000000001", 9007199254740994.0},
        {"0.000000000000000000000000000000000000000000001", 1e-45},
        {"123456789012345678901234567890", 123456789012345678901234567890.0},
        {"2.2250738585072011e-308", 2.2250738585072011e-308},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        syi_decimal d = parse(cases[i].text);
        assert_int_equal(d.kind, SYI_DECIMAL_REAL);
        if (d.real != cases[i].value) {
            fail_msg("%s: %.17g, expected %.17g", cases[i].text, d.real, cases[i].value);
        }
    }
    assert_true(isnan(parse("nan").real) && isnan(parse("-NaN").real));
}

static void test_no_numbers(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",    " ",    "-",     "+",     ".",    "-.", "e5",     "1e",     "1e+",   "1.5.2",
        "1,5", "0x10", "1_000", "--1",   "1-",   "1 ", " 1",     "nan(1)", "infin", "infinityy",
        "1f",  "1.5L", "٣",     "1e5.0", "1e 5", "na", "1.0e-e", "0b1",    "N",     "++inf",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (parse(texts[i]).kind != SYI_DECIMAL_NONE) {
            fail_msg("'%s' was taken for a number", texts[i]);
        }
    }
    char longest[1025];
    memset(longest, '1', sizeof longest);
    longest[1024] = 0;
    assert_int_equal(syi_decimal_parse(longest, 1023).kind, SYI_DECIMAL_REAL);
    assert_int_equal(syi_decimal_parse(longest, 1024).kind, SYI_DECIMAL_NONE);
    assert_int_equal(syi_decimal_parse(NULL, 0).kind, SYI_DECIMAL_NONE);
}

/* tests/vectors/csv/generate.py says what the lines are. */
static void test_text_is_pythons(void **state)
{
    (void)state;
    FILE *file = fopen(CSYFT_TEST_SOURCE_DIR "/tests/vectors/csv/floats.txt", "r");
    assert_non_null(file);
    char kind[8], hex[32], text[64];
    int lines = 0;
    while (fscanf(file, "%7s %31s %63s", kind, hex, text) == 3) {
        char written[SYI_DECIMAL_SIZE];
        uint64_t bits = strtoull(hex, NULL, 16);
        size_t length;
        if (strcmp(kind, "f64") == 0) {
            double value, back = parse(text).real;
            memcpy(&value, &bits, sizeof value);
            length = syi_decimal_format_double(written, value);
            if (memcmp(&back, &value, sizeof back) != 0 && !isnan(value)) {
                fail_msg("%s reads as %.17g, expected %.17g", text, back, value);
            }
        } else {
            uint32_t low = (uint32_t)bits;
            float value;
            memcpy(&value, &low, sizeof value);
            length = syi_decimal_format_float(written, value);
            assert_true((float)parse(text).real == value);
        }
        assert_int_equal(length, strlen(written));
        if (strcmp(written, text) != 0) {
            fail_msg("%s %s is written %s, expected %s", kind, hex, written, text);
        }
        lines++;
    }
    assert_true(feof(file));
    fclose(file);
    assert_true(lines > 3000);
}

static void test_round_trip(void **state)
{
    (void)state;
    property_random random = property_start("decimal");
    for (long n = property_iterations(20000); n > 0; n--) {
        char text[SYI_DECIMAL_SIZE];
        uint64_t bits = property_next(&random);
        uint32_t low = (uint32_t)bits;
        double value, back;
        float single;
        memcpy(&value, &bits, sizeof value);
        memcpy(&single, &low, sizeof single);
        if (isnan(value) || isnan(single)) {
            continue;
        }
        back = syi_decimal_parse(text, syi_decimal_format_double(text, value)).real;
        assert_memory_equal(&back, &value, sizeof back);
        assert_true(strtod(text, NULL) == value);
        syi_decimal_format_float(text, single);
        assert_true((float)syi_decimal_parse(text, strlen(text)).real == single);
    }
}

/* The quick way and the C library must agree on short numbers of every exponent. */
static void test_parse_is_strtods(void **state)
{
    (void)state;
    property_random random = property_start("parse");
    for (long n = property_iterations(20000); n > 0; n--) {
        char text[64];
        snprintf(text, sizeof text, "%" PRId64 ".%0*" PRIu64 "e%d",
                 property_between(&random, -100000000, 100000000),
                 (int)property_between(&random, 1, 12),
                 (uint64_t)property_between(&random, 0, 999999999999) %
                     (uint64_t)property_between(&random, 1, 1000000000000),
                 (int)property_between(&random, -40, 40));
        double expected = strtod(text, NULL);
        double actual = parse(text).real;
        if (memcmp(&expected, &actual, sizeof actual) != 0) {
            fail_msg("%s: %.17g, strtod says %.17g", text, actual, expected);
        }
    }
}

/* Sets a locale with a decimal comma, made for the occasion: machines that build have none. */
static bool set_comma_locale(test_folder *folder)
{
    FILE *source = fopen(test_folder_path(folder, "source"), "w");
    if (source == NULL) {
        return false;
    }
    fputs("LC_NUMERIC\ndecimal_point \",\"\nthousands_sep \"\"\ngrouping -1\nEND LC_NUMERIC\n",
          source);
    fclose(source);
    char command[512];
    snprintf(command, sizeof command, "localedef -c --quiet -i %s %s", folder->names[0],
             test_folder_path(folder, "comma"));
    /* It complains of the other categories and writes this one all the same. */
    return system(command) != -1 && setenv("LOCPATH", folder->path, 1) == 0 &&
           setlocale(LC_NUMERIC, "comma") != NULL;
}

static void test_locale_changes_nothing(void **state)
{
    (void)state;
    test_folder folder = {.count = 0};
    assert_true(test_folder_make(&folder));
    bool set = set_comma_locale(&folder);
    char text[SYI_DECIMAL_SIZE], printed[16];
    snprintf(printed, sizeof printed, "%.1f", 0.5);
    syi_decimal_format_double(text, 0.30000000000000004);
    syi_decimal quick = parse("-12.5"), slow = parse("0.30000000000000004"), comma = parse("0,5");
    setlocale(LC_NUMERIC, "C");
    unsetenv("LOCPATH");
    (void)test_folder_remove(&folder);
    assert_true(set);
    assert_string_equal(printed, "0,5"); /* the locale is what it should be */
    assert_string_equal(text, "0.30000000000000004");
    assert_true(quick.real == -12.5);
    assert_true(slow.real == 0.30000000000000004);
    assert_int_equal(comma.kind, SYI_DECIMAL_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_reals),
        cmocka_unit_test(test_no_numbers),
        cmocka_unit_test(test_text_is_pythons),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_parse_is_strtods),
        cmocka_unit_test(test_locale_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
