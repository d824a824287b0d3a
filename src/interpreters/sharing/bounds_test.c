/* bounds_test.c - bounds of results are those of every pair of numbers within bounds of the arguments: all small ones, the ends of large ones. */
#include "interpreters/sharing/bounds.h"

#include "support/test.h"

enum { MOST = 5 };

typedef struct seen {
    int64_t low, high;
} seen;

static void see(seen *s, int64_t x)
{
    s->low = x < s->low ? x : s->low;
    s->high = x > s->high ? x : s->high;
}

static void assert_exactly(syi_bounds of, const seen *s)
{
    assert_true(of.known);
    assert_int_equal(of.low, s->low);
    assert_int_equal(of.high, s->high);
}

static void assert_holds(syi_bounds of, const seen *s)
{
    assert_true(of.known && of.low <= s->low && of.high >= s->high);
}

static int64_t power_of(int64_t x, int64_t exponent)
{
    int64_t power = 1;
    for (int64_t k = 0; k < exponent; k++) {
        power *= x;
    }
    return power;
}

static int64_t floor_of(int64_t x, int64_t d)
{
    const int64_t towards_zero = x / d;
    return towards_zero * d > x ? towards_zero - 1 : towards_zero;
}

/* Of one argument, x from low to high. */
static void check_one(int64_t low, int64_t high)
{
    const syi_bounds x = syi_bounds_of(low, high);
    const seen none = {INT64_MAX, INT64_MIN};
    seen neg = none, abs = none;
    for (int64_t a = low; a <= high; a++) {
        see(&neg, -a);
        see(&abs, a < 0 ? -a : a);
    }
    assert_exactly(syi_bounds_neg(x), &neg);
    assert_exactly(syi_bounds_abs(x), &abs);
    for (int64_t n = -4; n <= 4; n++) {
        seen scaled = none, power = none, sum = none, partial = none, quotient = none;
        for (int64_t a = low; a <= high; a++) {
            see(&scaled, a * n);
            see(&sum, a * n);
            for (int64_t k = 1; k <= n; k++) {
                see(&partial, a * k);
            }
            if (n >= 0) {
                see(&power, power_of(a, n));
            }
            if (n > 0) { /* down or up */
                see(&quotient, floor_of(a, n));
                see(&quotient, -floor_of(-a, n));
            } else if (n < 0) {
                see(&quotient, -floor_of(a, -n));
                see(&quotient, floor_of(-a, -n));
            }
        }
        assert_exactly(syi_bounds_scale(x, n), &scaled);
        if (n > 0) {
            assert_exactly(syi_bounds_sum(x, n), &sum);
            assert_exactly(syi_bounds_partial_sums(x, n), &partial);
        }
        if (n >= 0) {
            assert_holds(syi_bounds_pow(x, n), &power);
        } else {
            assert_false(syi_bounds_sum(x, n).known);
            assert_false(syi_bounds_pow(x, n).known);
        }
        if (n != 0) {
            assert_exactly(syi_bounds_quotient(x, n), &quotient);
        } else {
            assert_false(syi_bounds_quotient(x, n).known);
        }
    }
}

static void check_two(const int64_t x[2], const int64_t y[2])
{
    const syi_bounds a = syi_bounds_of(x[0], x[1]), b = syi_bounds_of(y[0], y[1]);
    const seen none = {INT64_MAX, INT64_MIN};
    seen join = none, add = none, sub = none, mul = none, max = none, min = none;
    for (int64_t i = x[0]; i <= x[1]; i++) {
        for (int64_t k = y[0]; k <= y[1]; k++) {
            see(&join, i);
            see(&join, k);
            see(&add, i + k);
            see(&sub, i - k);
            see(&mul, i * k);
            see(&max, i > k ? i : k);
            see(&min, i < k ? i : k);
        }
    }
    assert_exactly(syi_bounds_join(a, b), &join);
    assert_exactly(syi_bounds_add(a, b), &add);
    assert_exactly(syi_bounds_sub(a, b), &sub);
    assert_exactly(syi_bounds_mul(a, b), &mul);
    assert_exactly(syi_bounds_max(a, b), &max);
    assert_exactly(syi_bounds_min(a, b), &min);
}

static void test_small(void **state)
{
    (void)state;
    for (int64_t low = -MOST; low <= MOST; low++) {
        for (int64_t high = low; high <= MOST; high++) {
            check_one(low, high);
            for (int64_t other = -MOST; other <= MOST; other++) {
                for (int64_t end = other; end <= MOST; end++) {
                    check_two((int64_t[]){low, high}, (int64_t[]){other, end});
                }
            }
        }
    }
}

/* What is not known stays so, and what may be beyond 2^62 is not. */
static void test_unknown(void **state)
{
    const int64_t most = INT64_C(1) << 62;
    const syi_bounds none = SYI_BOUNDS_NONE, one = syi_bounds_of(1, 1),
                     all = syi_bounds_of(-most, most), up = syi_bounds_of(most, most);
    (void)state;
    assert_true(all.known && up.known);
    assert_false(syi_bounds_of(2, 1).known);
    assert_false(syi_bounds_of(0, most + 1).known);
    assert_false(syi_bounds_of(INT64_MIN, 0).known);
    syi_bounds (*const pairs[])(syi_bounds x, syi_bounds y) = {syi_bounds_join, syi_bounds_add,
                                                               syi_bounds_sub,  syi_bounds_mul,
                                                               syi_bounds_max,  syi_bounds_min};
    for (size_t k = 0; k < sizeof pairs / sizeof pairs[0]; k++) {
        assert_false(pairs[k](none, one).known);
        assert_false(pairs[k](one, none).known);
    }
    assert_false(syi_bounds_neg(none).known);
    assert_false(syi_bounds_abs(none).known);
    assert_false(syi_bounds_sum(none, 0).known);
    assert_false(syi_bounds_pow(none, 0).known);
    assert_false(syi_bounds_quotient(none, 2).known);
    assert_false(syi_bounds_quotient(one, INT64_MIN).known);
    assert_false(syi_bounds_add(up, one).known);
    assert_false(syi_bounds_sub(all, one).known);
    assert_false(syi_bounds_mul(up, up).known);
    assert_false(syi_bounds_scale(one, most + 1).known);
    assert_false(syi_bounds_pow(syi_bounds_of(-2, 2), 63).known);
    assert_true(syi_bounds_pow(syi_bounds_of(-2, 2), 61).low == -(INT64_C(1) << 61));
    assert_false(syi_bounds_pow(syi_bounds_of(0, 3), INT64_MAX).known);
    assert_int_equal(syi_bounds_pow(syi_bounds_of(-1, 1), INT64_MAX).low, -1);
}

/* The least t with -2^(t-1) <= low and high < 2^(t-1), of at least 2 and less than the field's bits. */
static void test_bits(void **state)
{
    static const syi_field ring = SYI_FIELD_64, small = SYI_FIELD_32, odd = {UINT64_C(1000003), 8};
    (void)state;
    for (unsigned bits = 2; bits < 64; bits++) {
        const int64_t half = INT64_C(1) << (bits - 1);
        assert_int_equal(syi_bounds_bits(syi_bounds_of(-half, half - 1), &ring), bits);
        assert_int_equal(syi_bounds_bits(syi_bounds_of(-half, 0), &ring), bits);
        assert_int_equal(syi_bounds_bits(syi_bounds_of(0, half - 1), &ring), bits);
        assert_int_equal(syi_bounds_bits(syi_bounds_of(0, half), &ring), bits < 63 ? bits + 1 : 0);
        assert_int_equal(syi_bounds_bits(syi_bounds_of_bits(bits), &ring), bits);
        assert_int_equal(syi_bounds_of_bits(bits).high, half - 1);
        assert_int_equal(syi_bounds_of_bits(bits).low, 1 - half);
        assert_int_equal(syi_bounds_bits(syi_bounds_of_bits(bits), &small), bits < 32 ? bits : 0);
        assert_false(syi_bounds_in(syi_bounds_of_bits(bits), &odd).known);
    }
    assert_int_equal(syi_bounds_bits(syi_bounds_of(0, 0), &ring), 2);
    assert_int_equal(syi_bounds_bits(SYI_BOUNDS_NONE, &ring), 0);
    assert_false(syi_bounds_of_bits(0).known);
    assert_false(syi_bounds_of_bits(64).known);
}

static void test_dtypes(void **state)
{
    static const struct {
        sy_dtype dtype;
        int64_t low, high;
    } known[] = {{SY_DTYPE_BOOL, 0, 1},
                 {SY_DTYPE_U8, 0, 255},
                 {SY_DTYPE_I8, -128, 127},
                 {SY_DTYPE_I16, -32768, 32767},
                 {SY_DTYPE_I32, -INT64_C(2147483648), 2147483647}};
    unsigned count = 0;
    (void)state;
    for (int dtype = 0; dtype < SY_DTYPE_COUNT; dtype++) {
        count += syi_bounds_of_dtype((sy_dtype)dtype).known ? 1 : 0;
    }
    assert_int_equal(count, sizeof known / sizeof known[0]);
    for (size_t k = 0; k < count; k++) {
        const syi_bounds of = syi_bounds_of_dtype(known[k].dtype);
        assert_int_equal(of.low, known[k].low);
        assert_int_equal(of.high, known[k].high);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_dtypes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
