/* contributions_test.c - clipping: no row is longer than it may be, whatever floating point does; short rows are untouched; sums are
 * exact. */
#include "differential_privacy/contributions.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "support/property.h"
#include "support/test.h"

enum { COLUMNS = 7 };

static sy_contributions one_row(const double *values, size_t columns, double sensitivity)
{
    return (sy_contributions){.size = sizeof(sy_contributions),
                              .values = values,
                              .people = 1,
                              .columns = columns,
                              .sensitivity = sensitivity};
}

static double any_double(property_random *random)
{
    const double x = (double)(int64_t)property_next(random);
    switch (property_between(random, 0, 5)) {
    case 0:
        return 0;
    case 1:
        return ldexp(x, (int)property_between(random, -1000, 900));
    case 2:
        return x > 0 ? DBL_MAX : -DBL_MAX;
    case 3:
        return x > 0 ? DBL_MIN : -DBL_TRUE_MIN;
    default:
        return x * 0x1p-60;
    }
}

/* Does a row keep within the sensitivity, exactly? */
static bool is_within(const int64_t *row, size_t columns, const syi_clipping *c)
{
    const syi_u128 bound = (syi_u128)c->most;
    syi_u128 sum = 0, largest = 0;
    for (size_t k = 0; k < columns; k++) {
        const syi_u128 x = (syi_u128)(row[k] < 0 ? -row[k] : row[k]);
        sum += c->norm == SYI_NORM_L2 ? x * x : x;
        largest = x > largest ? x : largest;
    }
    return c->norm == SYI_NORM_MAX  ? largest <= bound
           : c->norm == SYI_NORM_L2 ? sum <= bound * bound
                                    : sum <= bound;
}

static double any_unit(property_random *random, syi_norm norm, double sensitivity)
{
    const double noise = ldexp(sensitivity, (int)property_between(random, -18, 1));
    const double part = 1 + (double)property_between(random, 0, 1000) / 1001;
    return norm == SYI_NORM_MAX ? ldexp(1, syi_grid_of(noise, sensitivity))
                                : noise * part * 0x1p-32;
}

static void test_never_longer(void **state)
{
    (void)state;
    property_random random = property_start("rows");
    for (long k = 0; k < property_iterations(60000); k++) {
        double values[COLUMNS];
        int64_t row[COLUMNS];
        for (int c = 0; c < COLUMNS; c++) {
            values[c] = any_double(&random);
        }
        const double sensitivity =
            ldexp(1 + (double)property_between(&random, 0, 1000) / 1001, (int)(k % 600) - 300);
        for (syi_norm norm = SYI_NORM_L1; norm <= SYI_NORM_MAX; norm++) {
            const syi_clipping c =
                syi_clipping_of(norm, sensitivity, any_unit(&random, norm, sensitivity));
            assert_true(fma(c.most, c.unit, -sensitivity) <= 0);
            assert_true(c.most * (1 + 0x1p-52) * c.unit >= sensitivity);
            assert_true(syi_contribution_clip(&c, values, COLUMNS, row));
            assert_true(is_within(row, COLUMNS, &c));
        }
    }
}

/* Rows of many lengths, around the blocks of the loops: each value is what it should be, in long double, but for a unit. */
static void test_values(void **state)
{
    (void)state;
    enum { MOST = 5000 };
    static double values[MOST];
    static int64_t row[MOST];
    property_random random = property_start("values");
    for (int k = 0; k < 400; k++) {
        const size_t columns =
            k < 40 ? (size_t)k + 1 : (size_t)property_between(&random, 1, k % 2 == 0 ? 1100 : MOST);
        const double size = ldexp(1, (int)property_between(&random, -12, 12));
        const syi_norm norm = k % 3 == 0 ? SYI_NORM_L1 : SYI_NORM_L2;
        const syi_clipping c =
            syi_clipping_of(norm, 1, ldexp(1 + (double)(k % 7) / 7, -31 - (int)(k % 18)));
        long double length = 0;
        for (size_t i = 0; i < columns; i++) {
            values[i] = (double)(int64_t)property_next(&random) * 0x1p-63 * size;
            length += norm == SYI_NORM_L1 ? fabsl((long double)values[i])
                                          : (long double)values[i] * values[i];
        }
        length = norm == SYI_NORM_L1 ? length : sqrtl(length);
        assert_true(syi_contribution_clip(&c, values, columns, row));
        assert_true(is_within(row, columns, &c));
        for (size_t i = 0; i < columns; i++) {
            const long double right = values[i] / fmaxl(length, 1) / c.unit;
            assert_true(fabsl((long double)row[i]) <= fabsl(right) * (1 + 0x1p-50L));
            assert_true(fabsl((long double)row[i] - right) < 1 + fabsl(right) * 0x1p-38L);
        }
    }
}

/* One value that is not finite, at any place; and rows of extreme ones. */
static void test_extremes(void **state)
{
    (void)state;
    enum { MANY = 37 };
    double values[MANY] = {0};
    int64_t row[MANY];
    const double bad[] = {NAN, INFINITY, -INFINITY};
    for (syi_norm norm = SYI_NORM_L1; norm <= SYI_NORM_L2; norm++) {
        const syi_clipping c = syi_clipping_of(norm, 1, 0x1p-31);
        for (int k = 0; k < MANY; k++) {
            for (int b = 0; b < 3; b++) {
                values[k] = bad[b];
                assert_false(syi_contribution_clip(&c, values, MANY, row));
                values[(k + 11) % MANY] = DBL_MAX;
                assert_false(syi_contribution_clip(&c, values, MANY, row));
                values[(k + 11) % MANY] = 0;
            }
            values[k] = -DBL_MAX; /* as long as it may be, but for rounding */
            assert_true(syi_contribution_clip(&c, values, MANY, row));
            assert_true(row[k] <= -(INT64_C(1) << 31) + 1 && row[(k + 1) % MANY] == 0);
            values[k] = DBL_TRUE_MIN;
            assert_true(syi_contribution_clip(&c, values, MANY, row));
            assert_int_equal(row[k], 0);
            values[k] = 0;
        }
    }
    for (int k = 0; k < MANY; k++) {
        values[k] = k % 2 == 0 ? DBL_MAX : -DBL_MAX;
    }
    const syi_clipping c = syi_clipping_of(SYI_NORM_L1, 1, 0x1p-31);
    assert_true(syi_contribution_clip(&c, values, MANY, row));
    for (int k = 0; k < MANY; k++) {
        assert_true(fabs((double)row[k] * (k % 2 == 0 ? 1 : -1) - 0x1p31 / MANY) < 2);
    }
}

static void sum_of(const sy_contributions *c, syi_norm norm, int grid, syi_i128 *sums, int64_t *row)
{
    const syi_clipping clipping = syi_clipping_of(norm, c->sensitivity, ldexp(1, grid));
    syi_contributions_sum(c, &clipping, sums, row);
}

/* Nothing is lost of rows that are short enough, but what is below the grid; directions stay. */
static void test_short_and_long(void **state)
{
    (void)state;
    double values[] = {0.5, -0.25, 0.125};
    syi_i128 sums[3];
    int64_t row[3];
    const sy_contributions c = one_row(values, 3, 1);
    const int grid = syi_grid_of(1, 1);
    assert_int_equal(grid, -31);
    for (syi_norm norm = SYI_NORM_L1; norm <= SYI_NORM_MAX; norm++) {
        sum_of(&c, norm, grid, sums, row);
        assert_true(sums[0] == INT64_C(1) << 30 && sums[1] == -(INT64_C(1) << 29));
        assert_true(sums[2] == INT64_C(1) << 28);
    }
    values[0] = 4; /* L1 norm 8 */
    values[1] = -2;
    values[2] = 2;
    sum_of(&c, SYI_NORM_L1, grid, sums, row);
    assert_true(sums[0] == INT64_C(1) << 30 && sums[1] == -(INT64_C(1) << 29));
    sum_of(&c, SYI_NORM_MAX, grid, sums, row);
    assert_true(sums[0] == INT64_C(1) << 31 && sums[1] == -(INT64_C(1) << 31));
    values[0] = 3; /* L2 norm 5 */
    values[1] = -4;
    values[2] = 0;
    sum_of(&c, SYI_NORM_L2, grid, sums, row);
    assert_true(fabs((double)sums[0] - 0.6 * 0x1p31) < 2);
    assert_true(fabs((double)sums[1] + 0.8 * 0x1p31) < 2);
}

/* In floating point 2^60 + 1 - 2^60 depends on the order. */
static void test_sums_are_exact(void **state)
{
    (void)state;
    enum { PEOPLE = 3000 };
    static double values[PEOPLE];
    property_random random = property_start("sums");
    syi_i128 expected = 0, sum = 0;
    int64_t row = 0;
    const int grid = syi_grid_of(1, 0x1p18);
    for (int k = 0; k < PEOPLE; k++) {
        const int64_t units = property_between(&random, -(INT64_C(1) << 49), INT64_C(1) << 49);
        values[k] = ldexp((double)units, grid);
        expected += units;
    }
    sy_contributions c = one_row(values, 1, 0x1p18);
    c.people = PEOPLE;
    sum_of(&c, SYI_NORM_L1, grid, &sum, &row);
    assert_true(sum == expected);
    c.people = 0;
    sum_of(&c, SYI_NORM_L1, grid, &sum, &row);
    assert_true(sum == 0);
}

#define assert_refused(words)                                                   \
    do {                                                                        \
        sy_error err = SY_ERROR_INIT;                                           \
        assert_status(syi_contributions_check("f", &c, &err), SY_EINVAL, &err); \
        if (strstr(err.message, words) == NULL) {                               \
            fail_msg("'%s' is not in '%s'", words, err.message);                \
        }                                                                       \
    } while (0)

static void test_refused(void **state)
{
    (void)state;
    const double values[] = {1, 2, 3, NAN, 5, INFINITY};
    sy_contributions c = one_row(values, 2, 1);
    c.people = 3;
    assert_refused("f: values of person 1, column 1 are nan");
    c.values += 4;
    c.people = 1;
    assert_refused("values of person 0, column 1 are inf");
    c.sensitivity = 0;
    assert_refused("sensitivity is 0");
    c.sensitivity = NAN;
    assert_refused("sensitivity is nan");
    c.neighbours = (sy_neighbours)5;
    assert_refused("there are no neighbours 5");
    c.values = NULL;
    assert_refused("values of 1 people are NULL");
    c.columns = 0;
    assert_refused("columns is 0");
    c.columns = (size_t)1 << 23;
    assert_refused("columns is 8388608, must be 1 to 4194304");
    c.size = 1;
    assert_refused("size of the contributions is 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_longer),   cmocka_unit_test(test_values),
        cmocka_unit_test(test_extremes),       cmocka_unit_test(test_short_and_long),
        cmocka_unit_test(test_sums_are_exact), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
