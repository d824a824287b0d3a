/*
 * rounding_test.c - the loops of division by public numbers with x and r at every boundary, as one holder who has all; and
 * the narrow words.
 */
#include "crypto/rounding.h"
#include "support/party_scene.h"

enum { MOST = 1024 };

/* 0, 1, 2, powers of 2 and their neighbours, both ends, halves and quarters, with their neighbours. */
static size_t corners(const syi_field *field, uint64_t *out)
{
    const uint64_t half = syi_rounding_half(field), quarter = syi_rounding_quarter(field);
    const scene_wide modulus = scene_modulus(field);
    const uint64_t places[] = {0, half, quarter, (uint64_t)(modulus - quarter)};
    size_t n = 0;
    for (size_t k = 0; k < 4; k++) {
        for (uint64_t off = 0; off < 3; off++) {
            out[n++] = scene_add(field, places[k], off);
            out[n++] = scene_sub(field, places[k], off);
        }
    }
    for (scene_wide power = 2; power < modulus; power *= 2) {
        out[n++] = (uint64_t)power;
        out[n++] = (uint64_t)power - 1;
        out[n++] = (uint64_t)(modulus - power);
    }
    assert_true(n <= MOST);
    return n;
}

/* Writes the result's shares of the only holder; `shift` or `divisor`. */
static uint64_t divide_one(const syi_field *field, uint64_t x, uint64_t r, uint64_t offset,
                           unsigned shift, uint64_t divisor)
{
    uint64_t word[4] = {0};
    void *opened = &word[0], *u = &word[1], *v = &word[2], *mask = &word[3];
    scene_set(field, opened, 0, scene_add(field, scene_add(field, x, offset), r));
    scene_set(field, mask, 0, r);
    if (shift > 0) {
        syi_rounding_parts(field, u, v, mask, shift, 1);
        syi_rounding_shift(field, opened, opened, u, v, shift, true, 1);
    } else {
        syi_rounding_quotients(field, u, v, mask, divisor, 1);
        syi_rounding_divide(field, opened, opened, u, v, divisor, true, 1);
    }
    return scene_get(field, opened, 0);
}

/* Rounded down or up, exact for multiples. */
static void check_one(const syi_field *field, uint64_t x, uint64_t r, uint64_t offset,
                      unsigned shift, uint64_t divisor)
{
    const scene_number number = scene_signed(field, x), by = (scene_number)divisor,
                       down = scene_floor(number, by);
    const scene_number got = scene_signed(field, divide_one(field, x, r, offset, shift, divisor));
    if (got != down && (got != down + 1 || number == down * by)) {
        fail_msg("modulus %" PRIu64 ": %" PRIu64 " by %" PRIu64 " with mask %" PRIu64
                 ": %lld, expected %lld or 1 more",
                 field->modulus, x, divisor, r, (long long)got, (long long)down);
    }
}

static void check_corners(const syi_field *field, unsigned shift, uint64_t divisor)
{
    static uint64_t places[MOST];
    const size_t n = corners(field, places);
    const uint64_t quarter = syi_rounding_quarter(field), offset = quarter - quarter % divisor,
                   half = syi_rounding_half(field);
    size_t checked = 0;
    for (size_t i = 0; i < n; i++) {
        if (scene_add(field, places[i], offset) >= half) {
            continue; /* out of range */
        }
        for (size_t j = 0; j < n; j++, checked++) {
            check_one(field, places[i], places[j], offset, shift, divisor);
            /* Where the opened word is at a corner, too. */
            const uint64_t r = scene_sub(field, places[j], scene_add(field, places[i], offset));
            check_one(field, places[i], r, offset, shift, divisor);
        }
    }
    assert_true(checked > 200);
}

static void test_corners(void **state)
{
    (void)state;
    static const syi_field fields[] = {
        SYI_FIELD_64, SYI_FIELD_32, {UINT64_C(1) << 62, 8}, {256, 8}};
    static const syi_field odd[] = {
        {UINT64_C(0) - 59, 8}, {(UINT64_C(1) << 62) - 57, 8}, {1021, 8}};
    static const uint64_t divisors[] = {1, 2, 3, 7, 10, 16, 60};
    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
        const unsigned bits = syi_field_bits(&fields[f]);
        for (unsigned shift = 1; shift <= bits - 2; shift += SCENE_WATCHED ? 5 : 1) {
            check_corners(&fields[f], shift, UINT64_C(1) << shift);
        }
        for (size_t d = 0; d < sizeof divisors / sizeof *divisors; d++) {
            check_corners(&fields[f], 0, divisors[d]);
            check_corners(&fields[f], 0, syi_rounding_quarter(&fields[f]) - d);
        }
    }
    for (size_t f = 0; f < sizeof odd / sizeof *odd; f++) {
        for (size_t d = 0; d < sizeof divisors / sizeof *divisors; d++) {
            check_corners(&odd[f], 0, divisors[d]);
            check_corners(&odd[f], 0, syi_rounding_quarter(&odd[f]) - d);
        }
    }
}

/* The same as field.h's two functions, for any divisor of any field. */
static void test_quotients(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static const syi_field fields[] = {
        SYI_FIELD_64, SYI_FIELD_32,          {UINT64_C(1) << 62, 8},       {256, 8},
        {67, 8},      {UINT64_C(0) - 59, 8}, {(UINT64_C(1) << 62) - 57, 8}};
    property_random random = property_start("quotients");
    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
        for (int turn = 0; turn < 200; turn++) {
            uint64_t r[COUNT] = {0}, u0[COUNT], u1[COUNT], first[COUNT], second[COUNT];
            const uint64_t quarter = syi_rounding_quarter(&fields[f]);
            const uint64_t divisor = turn < 16
                                         ? (uint64_t)turn % quarter + 1
                                         : (property_next(&random) >> turn % 64) % quarter + 1;
            for (size_t k = 0; k < COUNT; k++) {
                const uint64_t word = property_next(&random) >> k % 64;
                scene_set(&fields[f], r, k,
                          scene_mod(&fields[f], k % 2 == 0 ? word : UINT64_MAX - word));
            }
            syi_rounding_quotients(&fields[f], u0, u1, r, divisor, COUNT);
            syi_field_divide(&fields[f], first, r, divisor, COUNT);
            syi_field_divide_signed(&fields[f], second, r, divisor, COUNT);
            assert_memory_equal(u0, first, COUNT * fields[f].width);
            assert_memory_equal(u1, second, COUNT * fields[f].width);
        }
    }
}

/* Also where the bytes are in the midst of others. */
static void test_narrow(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    static const syi_field fields[] = {SYI_FIELD_64, SYI_FIELD_32};
    property_random random = property_start("narrow");
    for (size_t f = 0; f < 2; f++) {
        for (size_t size = 1; size <= fields[f].width; size++) {
            uint64_t words[COUNT], back[COUNT];
            uint8_t bytes[COUNT * 8 + 2];
            const uint64_t mask = size == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * size) - 1;
            for (size_t k = 0; k < COUNT; k++) {
                scene_set(&fields[f], words, k, property_next(&random));
            }
            memset(bytes, 0xcc, sizeof bytes);
            syi_rounding_narrow(&fields[f], bytes + 1, words, size, COUNT);
            assert_int_equal(bytes[0], 0xcc);
            assert_int_equal(bytes[COUNT * size + 1], 0xcc);
            syi_rounding_widen(&fields[f], back, bytes + 1, size, COUNT);
            for (size_t k = 0; k < COUNT; k++) {
                assert_int_equal(scene_get(&fields[f], back, k),
                                 scene_get(&fields[f], words, k) & mask);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_corners),
        cmocka_unit_test(test_quotients),
        cmocka_unit_test(test_narrow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
