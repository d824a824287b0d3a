/* crc32_test.c - known answers of CRC-32, in one piece and in several, with and without zlib. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "formats/crc32.h"
#include "support/property.h"

static void test_known_answers(void **state)
{
    (void)state;
    /* The check value of the CRC catalogue (reveng.sourceforge.io) and Python's zlib.crc32. */
    static const struct {
        const char *text;
        uint32_t crc;
    } cases[] = {{"123456789", 0xcbf43926}, {"", 0}, {"a", 0xe8b7be43}, {"3\n", 0x55679ed1}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const size_t size = strlen(cases[k].text);
        assert_int_equal(syi_crc32(0, cases[k].text, size), cases[k].crc);
        assert_int_equal(syi_crc32_plain(0, cases[k].text, size), cases[k].crc);
    }
}

static void test_both_agree(void **state)
{
    (void)state;
    uint8_t bytes[4099];
    property_random random = property_start("crc32");
    for (size_t k = 0; k < sizeof bytes; k++) {
        bytes[k] = (uint8_t)property_next(&random);
    }
    const uint32_t whole = syi_crc32(0, bytes, sizeof bytes);
    assert_int_equal(whole, syi_crc32_plain(0, bytes, sizeof bytes));
    for (size_t cut = 0; cut <= sizeof bytes; cut += 97) {
        const uint32_t first = syi_crc32(0, bytes, cut);
        assert_int_equal(syi_crc32(first, bytes + cut, sizeof bytes - cut), whole);
        assert_int_equal(syi_crc32_plain(first, bytes + cut, sizeof bytes - cut), whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_both_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
