/* xxh64_test.c - known answers of XXH64, in one piece and in several. */
#include <string.h>

#include "core/xxh64.h"
#include "support/property.h"
#include "support/test.h"

static uint64_t hash_of(const void *bytes, size_t size)
{
    syi_xxh64 hash;
    syi_xxh64_init(&hash);
    syi_xxh64_add(&hash, bytes, size);
    return syi_xxh64_get(&hash);
}

static void test_known_answers(void **state)
{
    (void)state;
    /* Seed 0, as the tests of cespare/xxhash (xxhash_test.go) have them; "abc" as xxhsum prints it. */
    static const struct {
        const char *text;
        uint64_t hash;
    } cases[] = {
        {"", UINT64_C(0xef46db3751d8e999)},
        {"a", UINT64_C(0xd24ec4f1a98c6e5b)},
        {"as", UINT64_C(0x1c330fb2d66be179)},
        {"asd", UINT64_C(0x631c37ce72a97393)},
        {"asdf", UINT64_C(0x415872f599cea71e)},
        {"abc", UINT64_C(0x44bc2cf5ad770999)},
        {"Call me Ishmael. Some years ago--never mind how long precisely-",
         UINT64_C(0x02a2e85470d6fd96)},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        assert_true(hash_of(cases[k].text, strlen(cases[k].text)) == cases[k].hash);
    }
}

/* However the bytes come, and whenever it is asked for in between. */
static void test_pieces(void **state)
{
    (void)state;
    uint8_t bytes[1000];
    property_random random = property_start("xxh64");
    for (size_t k = 0; k < sizeof bytes; k++) {
        bytes[k] = (uint8_t)property_next(&random);
    }
    for (long round = 0; round < property_iterations(200); round++) {
        syi_xxh64 hash;
        syi_xxh64_init(&hash);
        for (size_t at = 0; at < sizeof bytes;) {
            size_t count = (size_t)property_between(&random, 0, 100);
            count = count < sizeof bytes - at ? count : sizeof bytes - at;
            syi_xxh64_add(&hash, bytes + at, count);
            at += count;
            assert_true(syi_xxh64_get(&hash) == hash_of(bytes, at));
        }
    }
}

/* What a weak sum would not see: one bit, and the top bits of every word, as changing all signs does. */
static void test_changes(void **state)
{
    (void)state;
    uint8_t bytes[320] = {0};
    const uint64_t before = hash_of(bytes, sizeof bytes);
    for (size_t k = 0; k < sizeof bytes * 8; k++) {
        bytes[k / 8] ^= (uint8_t)(1u << k % 8);
        assert_true(hash_of(bytes, sizeof bytes) != before);
        bytes[k / 8] ^= (uint8_t)(1u << k % 8);
    }
    for (size_t k = 7; k < sizeof bytes; k += 8) {
        bytes[k] ^= 0x80;
    }
    assert_true(hash_of(bytes, sizeof bytes) != before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
