/* wide_test.c - arithmetic of 512 bits against identities and against 128 bits. */
#include "differential_privacy/wide.h"

#include "support/property.h"
#include "support/test.h"

static syi_wide draw(property_random *random, unsigned limbs)
{
    syi_wide a = {0};
    for (unsigned k = 0; k < limbs; k++) { /* many bits set, few, none */
        const uint64_t word = property_next(random);
        const syi_wide part = syi_wide_from(word % 4 == 0 ? UINT64_MAX : word % 4 == 1 ? 0 : word);
        const syi_wide placed = syi_wide_shift(&part, 64 * k);
        for (unsigned i = 0; i < SYI_WIDE_LIMBS; i++) {
            a.limbs[i] |= placed.limbs[i];
        }
        a.used = placed.used > a.used ? placed.used : a.used;
    }
    return a;
}

/* a + b = (a^2 - b^2) / (a - b): checked as (a - b) (a + b) = a^2 - b^2, with a + b = 2a - (a - b). */
static void test_difference_of_squares(void **state)
{
    (void)state;
    property_random random = property_start("squares");
    for (long k = 0; k < property_iterations(20000); k++) {
        syi_wide a = draw(&random, 3), b = draw(&random, 1 + (unsigned)(k % 3));
        if (syi_wide_compare(&a, &b) < 0) {
            const syi_wide c = a;
            a = b;
            b = c;
        }
        const syi_wide minus = syi_wide_subtract(&a, &b), twice = syi_wide_shift(&a, 1);
        const syi_wide plus = syi_wide_subtract(&twice, &minus);
        const syi_wide left = syi_wide_multiply(&minus, &plus);
        const syi_wide aa = syi_wide_multiply(&a, &a), bb = syi_wide_multiply(&b, &b);
        const syi_wide right = syi_wide_subtract(&aa, &bb);
        assert_int_equal(syi_wide_compare(&left, &right), 0);
        assert_int_equal(left.used, right.used);
    }
}

static void test_small(void **state)
{
    (void)state;
    property_random random = property_start("words");
    for (long k = 0; k < property_iterations(20000); k++) {
        const uint64_t a = property_next(&random) >> (k % 64), b = property_next(&random);
        const syi_u128 product = (syi_u128)a * b;
        const syi_wide wa = syi_wide_from(a), wb = syi_wide_from(b);
        const syi_wide got = syi_wide_multiply(&wa, &wb), expected = syi_wide_from(product);
        assert_int_equal(syi_wide_compare(&got, &expected), 0);
        assert_int_equal(syi_wide_compare(&wa, &wb), a < b ? -1 : a > b);
        const unsigned bits = (unsigned)(k % 384);
        const syi_wide shifted = syi_wide_shift(&got, bits), power = syi_wide_shift(&wb, bits);
        const syi_wide same = syi_wide_multiply(&wa, &power);
        assert_int_equal(syi_wide_compare(&shifted, &same), 0);
    }
}

static void test_zero(void **state)
{
    (void)state;
    const syi_wide zero = syi_wide_from(0), one = syi_wide_from(1);
    assert_int_equal(zero.used, 0);
    const syi_wide product = syi_wide_multiply(&zero, &one), gone = syi_wide_subtract(&one, &one);
    assert_int_equal(product.used, 0);
    assert_int_equal(gone.used, 0);
    assert_int_equal(syi_wide_compare(&gone, &zero), 0);
    assert_int_equal(syi_wide_compare(&one, &zero), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_difference_of_squares),
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
