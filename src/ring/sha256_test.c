/* sha256_test.c - the ways to make digests against the standard's example and OpenSSL. */
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "ring/sha256.h"
#include "support/test.h"

enum { MOST = 400 };

/* FIPS 180-2, appendix B.3: a million letters a. */
static void test_standard(void **state)
{
    (void)state;
    static const uint8_t expected[SYI_SHA256_SIZE] = {
        0xcd, 0xc7, 0x6e, 0x5c, 0x99, 0x14, 0xfb, 0x92, 0x81, 0xa1, 0xc7,
        0xe2, 0x84, 0xd7, 0x3e, 0x67, 0xf1, 0x80, 0x9a, 0x48, 0xa4, 0x97,
        0x20, 0x0e, 0x04, 0x6d, 0x39, 0xcc, 0xc7, 0x11, 0x2c, 0xd0};
    enum { LETTERS = 1000000 };
    uint8_t *text = malloc(LETTERS);
    uint8_t digest[SYI_SHA256_SIZE];
    assert_non_null(text);
    memset(text, 'a', LETTERS);
    for (size_t k = 0; syi_sha256_way(k) != NULL; k++) {
        syi_sha256_with(syi_sha256_way(k), text, text + SYI_SHA256_BLOCK,
                        LETTERS - SYI_SHA256_BLOCK, digest);
        assert_memory_equal(digest, expected, sizeof digest);
    }
    free(text);
}

/* Every length around the ends of blocks. */
static void test_lengths(void **state)
{
    (void)state;
    uint8_t text[SYI_SHA256_BLOCK + MOST], digest[SYI_SHA256_SIZE], expected[SYI_SHA256_SIZE];
    for (size_t k = 0; k < sizeof text; k++) {
        text[k] = (uint8_t)(k * 167 + 13 + k / 7);
    }
    for (size_t size = 0; size <= MOST; size++) {
        SHA256(text, SYI_SHA256_BLOCK + size, expected);
        for (size_t k = 0; syi_sha256_way(k) != NULL; k++) {
            syi_sha256_with(syi_sha256_way(k), text, text + SYI_SHA256_BLOCK, size, digest);
            assert_memory_equal(digest, expected, sizeof digest);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_standard),
        cmocka_unit_test(test_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
