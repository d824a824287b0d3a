/*
 * digits_test.c - numbers modulo 67: sums, streams, and comparisons of bits by their definition, every x and v of six bits and every
 * case; rotation and zeros.
 */
#include "crypto/digits.h"

#include <string.h>

#include "support/property.h"
#include "support/test.h"

enum { P = SYI_DIGIT_PRIME };

static void test_sums(void **state)
{
    (void)state;
    uint8_t a[P * P], b[P * P], out[P * P];
    for (size_t k = 0; k < sizeof a; k++) {
        a[k] = (uint8_t)(k % P);
        b[k] = (uint8_t)(k / P);
    }
    syi_digits_add(out, a, b, sizeof a);
    for (size_t k = 0; k < sizeof a; k++) {
        assert_int_equal(out[k], (a[k] + b[k]) % P);
    }
    syi_digits_sub(out, a, b, sizeof a);
    for (size_t k = 0; k < sizeof a; k++) {
        assert_int_equal(out[k], (a[k] + P - b[k]) % P);
    }
    assert_true(syi_digits_check(out, sizeof out));
    out[100] = P;
    assert_false(syi_digits_check(out, sizeof out));
    assert_true(syi_digits_check(out, 0));
}

static syi_generator stream_of(const char *name)
{
    static const uint8_t seed[SYI_SEED_SIZE] = {1};
    syi_generator g;
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_generator_init(&g, seed, name, strlen(name), &err), &err);
    return g;
}

/* A place is where the digits of a longer draw are; each base has all its digits, about equally often. */
static void test_streams(void **state)
{
    (void)state;
    enum { COUNT = 67000, SOME = 1003 };
    static const unsigned bases[] = {1, 2, 8, 62, 66, 67};
    static uint8_t digits[COUNT], again[SOME];
    sy_error err = SY_ERROR_INIT;
    syi_generator g = stream_of("digits");
    for (size_t b = 0; b < sizeof bases / sizeof bases[0]; b++) {
        size_t counts[P] = {0};
        assert_ok(syi_digits_draw(&g, 5, bases[b], digits, COUNT, &err), &err);
        assert_ok(syi_digits_draw(&g, 5 + 100, bases[b], again, SOME, &err), &err);
        assert_memory_equal(again, digits + 100 * SYI_DIGITS_OF_BLOCK, SOME);
        for (size_t k = 0; k < COUNT; k++) {
            assert_true(digits[k] < bases[b]);
            counts[digits[k]]++;
        }
        for (unsigned d = 0; d < bases[b]; d++) { /* six deviations */
            const double expected = (double)COUNT / bases[b], off = (double)counts[d] - expected;
            assert_true(off * off <= 36 * expected);
        }
    }
    syi_generator_fini(&g);
}

static void test_split(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 255, 256, 257, 1000};
    static uint64_t words[1000];
    static uint8_t planes[64 * 1000];
    property_random random = property_start("split");
    for (size_t k = 0; k < 1000; k++) {
        words[k] = property_next(&random);
    }
    for (unsigned bits = 1; bits <= 64; bits += 7) {
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            const size_t n = counts[c];
            syi_digits_split(planes, words, bits, n);
            for (size_t k = 0; k < bits * n; k++) {
                assert_int_equal(planes[k], words[k % n] >> (k / n) & 1);
            }
        }
    }
}

/* --- comparisons ------------------------------------------------------------------------------- */

enum { BITS = 6, NUMBERS = 64, CASES = NUMBERS * NUMBERS * 3, PLANES = BITS * CASES };

typedef struct table {
    uint64_t x[CASES], v[CASES];
    uint8_t flip[CASES], always[CASES];
    uint8_t bits[PLANES], shares[2][PLANES], s[PLANES], u[PLANES], out[2][PLANES];
} table;

/* x > v, v > x, and always. */
static bool expected_of(const table *t, size_t k)
{
    return t->always[k] != 0 || (t->flip[k] != 0 ? t->v[k] > t->x[k] : t->x[k] > t->v[k]);
}

static void fill(table *t)
{
    syi_generator g = stream_of("masks");
    for (size_t k = 0; k < CASES; k++) {
        t->x[k] = k % NUMBERS;
        t->v[k] = k / NUMBERS % NUMBERS;
        t->flip[k] = k / NUMBERS / NUMBERS == 1;
        t->always[k] = k / NUMBERS / NUMBERS == 2;
    }
    syi_digits_split(t->bits, t->x, BITS, CASES);
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_digits_draw(&g, 0, P, t->shares[0], PLANES, &err), &err);
    assert_ok(syi_digits_draw(&g, PLANES, P - 1, t->s, PLANES, &err), &err);
    assert_ok(syi_digits_draw(&g, 2 * PLANES, P, t->u, PLANES, &err), &err);
    syi_generator_fini(&g);
    syi_digits_sub(t->shares[1], t->bits, t->shares[0], PLANES);
    for (size_t k = 0; k < PLANES; k++) {
        t->s[k]++;
    }
}

static void compare(table *t)
{
    for (int h = 0; h < 2; h++) {
        const syi_digits_comparison comparison = {.bits = BITS,
                                                  .n = CASES,
                                                  .lead = h == 0,
                                                  .x = t->shares[h],
                                                  .v = t->v,
                                                  .flip = t->flip,
                                                  .always = t->always,
                                                  .s = t->s,
                                                  .u = t->u};
        syi_digits_compare(t->out[h], &comparison);
        assert_true(syi_digits_check(t->out[h], PLANES));
    }
}

/* By the definition: c of a row, from the bits in the clear. */
static int digit_of(const table *t, size_t k, unsigned bit)
{
    const int x = (int)(t->x[k] >> bit & 1), v = (int)(t->v[k] >> bit & 1);
    const uint64_t above = (t->x[k] ^ t->v[k]) >> bit >> 1;
    const int c = 1 + (t->flip[k] != 0 ? x - v : v - x) + __builtin_popcountll(above);
    return t->always[k] != 0 ? (bit > 0 ? 1 : 0) : c;
}

static void test_comparisons(void **state)
{
    (void)state;
    table *t = calloc(1, sizeof *t);
    uint64_t *zeros = calloc(CASES, sizeof *zeros);
    fill(t);
    compare(t);
    for (size_t k = 0; k < CASES; k++) {
        for (unsigned bit = 0; bit < BITS; bit++) {
            const size_t at = bit * CASES + k;
            const int c = digit_of(t, k, bit);
            if ((t->out[0][at] + t->out[1][at]) % P != c * t->s[at] % P) {
                fail_msg("case %zu, bit %u", k, bit);
            }
        }
    }
    syi_digits_zeros(zeros, t->out[0], t->out[1], BITS, CASES);
    for (size_t k = 0; k < CASES; k++) {
        if (zeros[k] != (expected_of(t, k) ? 1 : 0)) {
            fail_msg("x %d, v %d, case %d: %d zeros", (int)t->x[k], (int)t->v[k],
                     (int)(k / NUMBERS / NUMBERS), (int)zeros[k]);
        }
    }
    free(zeros);
    free(t);
}

/* The sums of 64 bits stay below the prime. */
static void test_widest(void **state)
{
    (void)state;
    static const uint64_t x[] = {0, UINT64_MAX, 0, UINT64_MAX, UINT64_C(1) << 63, 1, 0, UINT64_MAX},
                          v[] = {UINT64_MAX,    0, 0, UINT64_MAX, 1, UINT64_C(1) << 63, 1,
                                 UINT64_MAX - 1};
    enum { N = 8, ALL = 64 * N };
    uint8_t flip[N], bits[ALL], none[ALL] = {0}, s[ALL], out[2][ALL];
    const uint8_t always[N] = {0};
    uint64_t zeros[N];
    syi_digits_split(bits, x, 64, N);
    memset(s, 66, sizeof s);
    for (uint8_t turn = 0; turn < 2; turn++) {
        memset(flip, turn, sizeof flip);
        for (int h = 0; h < 2; h++) {
            const syi_digits_comparison comparison = {
                64, N, h == 0, h == 0 ? bits : none, v, flip, always, s, none};
            syi_digits_compare(out[h], &comparison);
        }
        syi_digits_zeros(zeros, out[0], out[1], 64, N);
        for (size_t k = 0; k < N; k++) {
            assert_int_equal(zeros[k], (turn == 1 ? v[k] > x[k] : x[k] > v[k]) ? 1 : 0);
        }
    }
}

static void test_rotation(void **state)
{
    (void)state;
    enum { N = 300 };
    static uint8_t planes[64 * N], room[64 * N], places[N];
    for (unsigned bits = 1; bits <= 64; bits++) {
        for (size_t k = 0; k < bits * N; k++) {
            planes[k] = (uint8_t)(k / N);
        }
        for (size_t k = 0; k < N; k++) {
            places[k] = (uint8_t)(k % bits);
        }
        syi_digits_rotate(planes, room, places, bits, N);
        for (size_t k = 0; k < bits * N; k++) {
            assert_int_equal(planes[k], (k / N + bits - places[k % N]) % bits);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),   cmocka_unit_test(test_streams),
        cmocka_unit_test(test_split),  cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_widest), cmocka_unit_test(test_rotation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
