/* utf8_test.c - decoding against an independent encoder over all code points; cutting and cleaning. */
#include "support/test.h"

#include <string.h>

#include "core/utf8.h"

/* By the definition (RFC 3629, section 3), without a table. */
static size_t encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    const size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = (char)(uint8_t)((0xF00u >> length) | code);
    return length;
}

static void test_decodes_every_code_point_and_no_surrogate(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 0x120000; code++) {
        char text[4];
        const size_t length = encode(code, text);
        const bool valid = code <= 0x10FFFF && !(code >= 0xD800 && code <= 0xDFFF);
        uint32_t decoded = UINT32_MAX;
        const size_t step = syi_utf8_decode(text, length, &decoded);
        if (step != (valid ? length : 0) || (valid && decoded != code)) {
            fail_msg("U+%04" PRIX32 ": step %zu, decoded U+%04" PRIX32, code, step, decoded);
        }
        for (size_t cut = 0; cut < length; cut++) {
            if (syi_utf8_decode(text, cut, NULL) != 0) {
                fail_msg("U+%04" PRIX32 " cut to %zu bytes is accepted", code, cut);
            }
        }
    }
}

/* Every sequence of two bytes, and of three with a three-byte lead: what decodes encodes to itself,
 * so no overlong form passes. */
static void test_decoded_sequences_encode_to_themselves(void **state)
{
    (void)state;
    size_t accepted = 0;
    for (uint32_t bytes = 0; bytes < 0x1000000; bytes++) {
        if ((bytes >> 16) < 0xC0 && (bytes & 0xFF) != 0) {
            continue; /* the third byte of these is not looked at */
        }
        const char text[3] = {(char)(bytes >> 16), (char)(bytes >> 8 & 0xFF), (char)(bytes & 0xFF)};
        uint32_t code;
        const size_t step = syi_utf8_decode(text, 3, &code);
        if (step == 0) {
            continue;
        }
        char again[4];
        accepted++;
        if (encode(code, again) != step || memcmp(again, text, step) != 0) {
            fail_msg("%06" PRIX32 " decodes to U+%04" PRIX32, bytes, code);
        }
    }
    assert_int_equal(accepted, 128 * 256 + (0x800 - 0x80) * 256 + (0x10000 - 0x800 - 0x800));
}

static void test_printable(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        bool printable;
    } cases[] = {
        {0x00, false},   {0x0A, false},   {0x1B, false},   {0x1F, false},    {0x20, true},
        {0x7E, true},    {0x7F, false},   {0x80, false},   {0x9F, false},    {0xA0, true},
        {0xE9, true},    {0x2027, true},  {0x2028, false}, {0x202E, false},  {0x202F, true},
        {0x2065, true},  {0x2066, false}, {0x2069, false}, {0x206A, true},   {0x4E2D, true},
        {0xFDCF, true},  {0xFDD0, false}, {0xFDEF, false}, {0xFDF0, true},   {0xFFFD, true},
        {0xFFFE, false}, {0xFFFF, false}, {0x1F600, true}, {0x1FFFE, false}, {0x10FFFF, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (syi_utf8_is_printable(cases[i].code) != cases[i].printable) {
            fail_msg("U+%04" PRIX32 " is %sprintable", cases[i].code,
                     cases[i].printable ? "not " : "");
        }
    }
}

static void test_cut_never_splits_a_character(void **state)
{
    (void)state;
    const char text[] = "a\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80z"; /* 1 2 3 4 1 bytes */
    static const size_t kept[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t limit = 0; limit < sizeof kept / sizeof kept[0]; limit++) {
        assert_int_equal(syi_utf8_cut(text, strlen(text), limit), kept[limit]);
    }
}

static void test_cut_of_malformed_text_is_near_the_limit(void **state)
{
    (void)state;
    char text[64];
    memset(text, 0x80, sizeof text);
    assert_int_equal(syi_utf8_cut(text, sizeof text, 40), 40);
    assert_int_equal(syi_utf8_cut(text, sizeof text, 0), 0);
}

static void test_clean_replaces_only_what_is_bad(void **state)
{
    (void)state;
    static const struct {
        const char *dirty;
        const char *clean;
    } cases[] = {
        {"", ""},
        {"plain \xC3\xA9 \xF0\x9F\x98\x80", "plain \xC3\xA9 \xF0\x9F\x98\x80"},
        {"two\nlines\x1B[31m", "two?lines?[31m"},
        {"\xFF\xFEx", "??x"},
        {"\xC0\xAF", "??"},           /* overlong '/' */
        {"\xED\xA0\x80", "???"},      /* surrogate */
        {"\xF4\x90\x80\x80", "????"}, /* above U+10FFFF */
        {"end \xE4\xB8", "end ??"},   /* cut short */
        {"\xE4x", "?x"},
        {"\xC2\x85next", "??next"}, /* C1 */
        {"\xE2\x80\xAE"
         "abc",
         "???abc"}, /* right-to-left override */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64];
        strcpy(text, cases[i].dirty);
        syi_utf8_clean(text, strlen(text));
        assert_string_equal(text, cases[i].clean);
    }
}

static void test_store_cuts_cleans_and_terminates(void **state)
{
    (void)state;
    char out[6];
    syi_utf8_store(out, sizeof out, "abc\xC3\xA9z");
    assert_string_equal(out, "abc\xC3\xA9");
    syi_utf8_store(out, sizeof out, "abcd\xC3\xA9");
    assert_string_equal(out, "abcd");
    syi_utf8_store(out, sizeof out, "a\nb");
    assert_string_equal(out, "a?b");
    syi_utf8_store(out, sizeof out, NULL);
    assert_string_equal(out, "");
    syi_utf8_store(out, 1, "abc");
    assert_string_equal(out, "");
    out[0] = 'x';
    syi_utf8_store(out, 0, "abc");
    assert_int_equal(out[0], 'x');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decodes_every_code_point_and_no_surrogate),
        cmocka_unit_test(test_decoded_sequences_encode_to_themselves),
        cmocka_unit_test(test_printable),
        cmocka_unit_test(test_cut_never_splits_a_character),
        cmocka_unit_test(test_cut_of_malformed_text_is_near_the_limit),
        cmocka_unit_test(test_clean_replaces_only_what_is_bad),
        cmocka_unit_test(test_store_cuts_cleans_and_terminates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
