/* generator_test.c - streams against the vectors of NIST and the RFC, and the ways to make them against each other. */
#include <stdio.h>
#include <string.h>

#include "ring/generator.h"
#include "support/test.h"

static size_t unhex(const char *text, uint8_t *bytes)
{
    size_t count = 0;
    for (; text[0] != '\0'; text += 2) {
        unsigned byte = 0;
        assert_int_equal(sscanf(text, "%2x", &byte), 1);
        bytes[count++] = (uint8_t)byte;
    }
    return count;
}

/* FIPS 197, appendix A.1: the last round key; and AES of zeros under the key of zeros, which is block 0 of its stream. */
static void test_standard(void **state)
{
    (void)state;
    static const uint8_t zero[16] = {0};
    uint8_t expected[16], key[16], last[16];
    unhex("66e94bd4ef8a2c3b884cfa59ca342b2e", expected);
    unhex("2b7e151628aed2a6abf7158809cf4f3c", key);
    unhex("d014f9a8c9ee2589e13f0cc8b6630ca6", last);
    for (size_t k = 0; syi_aes_get(k) != NULL; k++) {
        const syi_aes *aes = syi_aes_get(k);
        uint8_t round_keys[11][16], block[16];
        if (aes->expand == NULL) {
            continue;
        }
        aes->expand(round_keys, zero);
        aes->stream(round_keys, 0, block, 1);
        assert_memory_equal(block, expected, sizeof block);
        aes->expand(round_keys, key);
        assert_memory_equal(round_keys[0], key, sizeof key);
        assert_memory_equal(round_keys[10], last, sizeof last);
    }
}

static void fill_with(const syi_aes *aes, const uint8_t *seed, const char *name, uint64_t place,
                      void *bytes, size_t size)
{
    syi_generator g;
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_generator_init_with(&g, aes, seed, name, strlen(name), &err), &err);
    assert_ok(syi_generator_fill(&g, place, bytes, size, &err), &err);
    syi_generator_fini(&g);
    syi_generator_fini(&g);
}

/* tests/vectors/ring/generator.py made them with other people's HKDF and AES. */
static void test_vectors(void **state)
{
    (void)state;
    FILE *file = fopen(CSYFT_TEST_SOURCE_DIR "/tests/vectors/ring/generator.txt", "r");
    uint8_t seed[SYI_SEED_SIZE], expected[64], found[64];
    char name[64], hex[160];
    unsigned long long place = 0;
    size_t count = 0;
    assert_non_null(file);
    for (size_t k = 0; k < sizeof seed; k++) {
        seed[k] = (uint8_t)(7 * k + 1);
    }
    for (; fscanf(file, "%63s %llu %159s", name, &place, hex) == 3; count++) {
        const size_t size = unhex(hex, expected);
        for (size_t way = 0; syi_aes_get(way) != NULL; way++) {
            fill_with(syi_aes_get(way), seed, name, place, found, size);
            assert_memory_equal(found, expected, size);
        }
    }
    fclose(file);
    assert_int_equal(count, 15);
}

/* Every way, size and place gives the same bytes, and writes nowhere else. */
static void test_ways_agree(void **state)
{
    (void)state;
    enum { LONGEST = 1000 };
    static const uint64_t places[] = {0, 1, 255, 256, UINT32_MAX, UINT64_MAX - 70};
    uint8_t seed[SYI_SEED_SIZE] = {42};
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
        uint8_t expected[LONGEST], found[LONGEST + 16];
        size_t ways = 0;
        while (syi_aes_get(ways + 1) != NULL) {
            ways++;
        }
        assert_string_equal(syi_aes_get(ways)->name, "openssl");
        fill_with(syi_aes_get(ways), seed, "agree", places[p], expected, sizeof expected);
        for (size_t way = 0; way < ways; way++) {
            for (size_t size = 0; size <= LONGEST; size += size < 300 ? 1 : 77) {
                memset(found, 0xee, sizeof found);
                fill_with(syi_aes_get(way), seed, "agree", places[p], found + 3, size);
                assert_memory_equal(found + 3, expected, size);
                assert_int_equal(found[2], 0xee);
                assert_int_equal(found[3 + size], 0xee);
            }
        }
    }
}

/* A place in a stream is a place in its whole; names and seeds that differ in a bit give other streams. */
static void test_places_and_names(void **state)
{
    (void)state;
    uint8_t seed[SYI_SEED_SIZE] = {9}, other[SYI_SEED_SIZE] = {9};
    uint8_t whole[4096], part[4096];
    other[31] ^= 0x80;
    fill_with(syi_aes_get(0), seed, "stream a", 0, whole, sizeof whole);
    for (uint64_t place = 0; place < sizeof whole / 16; place += 5) {
        const size_t size = sizeof whole - 16 * (size_t)place;
        fill_with(syi_aes_get(0), seed, "stream a", place, part, size);
        assert_memory_equal(part, whole + 16 * place, size);
    }
    fill_with(syi_aes_get(0), seed, "stream b", 0, part, sizeof part);
    assert_memory_not_equal(part, whole, 16);
    fill_with(syi_aes_get(0), other, "stream a", 0, part, sizeof part);
    assert_memory_not_equal(part, whole, 16);
}

static void test_refusals_and_wiping(void **state)
{
    (void)state;
    static const uint8_t zeros[11][16] = {{0}};
    static uint8_t name[SYI_GENERATOR_NAME_MAX + 1];
    uint8_t seed[SYI_SEED_SIZE] = {1};
    syi_generator g;
    sy_error err = SY_ERROR_INIT;
    assert_status(syi_generator_init(&g, seed, name, sizeof name, &err), SY_EINVAL, &err);
    assert_string_equal(err.message, "generator: a stream's name of 1025 bytes, at most 1024");
    assert_ok(syi_generator_init(&g, seed, name, sizeof name - 1, &err), &err);
    syi_generator_fini(&g);
    assert_memory_equal(g.round_keys, zeros, sizeof zeros);
    assert_ok(syi_generator_init(&g, seed, NULL, 0, &err), &err);
    syi_generator_fini(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_standard),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_ways_agree),
        cmocka_unit_test(test_places_and_names),
        cmocka_unit_test(test_refusals_and_wiping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
