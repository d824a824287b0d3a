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

/* Norms in long double, which has 64 bits: the integers are below 2^63. */
static long double norm_of(const syi_i128 *row, syi_norm norm)
{
    long double length = 0;
    for (int c = 0; c < COLUMNS; c++) {
        const long double x = fabsl((long double)row[c]);
        length = norm == SYI_NORM_L1   ? length + x
                 : norm == SYI_NORM_L2 ? length + x * x
                                       : fmaxl(length, x);
    }
    return norm == SYI_NORM_L2 ? sqrtl(length) : length;
}

static void test_never_longer(void **state)
{
    (void)state;
    property_random random = property_start("rows");
    for (long k = 0; k < property_iterations(60000); k++) {
        double values[COLUMNS];
        syi_i128 sums[COLUMNS];
        int64_t row[COLUMNS];
        for (int c = 0; c < COLUMNS; c++) {
            values[c] = any_double(&random);
        }
        const double sensitivity =
            ldexp(1 + (double)property_between(&random, 0, 1000) / 1001, (int)(k % 600) - 300);
        const double noise = ldexp(sensitivity, (int)property_between(&random, -18, 18));
        const sy_contributions row_of = one_row(values, COLUMNS, sensitivity);
        const int grid = syi_grid_of(noise, sensitivity);
        assert_true(ldexp(1, grid) <= 0x1p-31 * fmin(noise, sensitivity));
        for (syi_norm norm = SYI_NORM_L1; norm <= SYI_NORM_MAX; norm++) {
            syi_contributions_sum(&row_of, norm, grid, sums, row);
            const long double bound = ldexpl(sensitivity, -grid), length = norm_of(sums, norm);
            assert_true(length <= bound * (1 + 1e-18L));
            if (norm == SYI_NORM_L1) { /* exact in 64 bits */
                assert_true(length <= bound);
            }
        }
    }
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
        syi_contributions_sum(&c, norm, grid, sums, row);
        assert_true(sums[0] == INT64_C(1) << 30 && sums[1] == -(INT64_C(1) << 29));
        assert_true(sums[2] == INT64_C(1) << 28);
    }
    values[0] = 4; /* L1 norm 8 */
    values[1] = -2;
    values[2] = 2;
    syi_contributions_sum(&c, SYI_NORM_L1, grid, sums, row);
    assert_true(sums[0] == INT64_C(1) << 30 && sums[1] == -(INT64_C(1) << 29));
    syi_contributions_sum(&c, SYI_NORM_MAX, grid, sums, row);
    assert_true(sums[0] == INT64_C(1) << 31 && sums[1] == -(INT64_C(1) << 31));
    values[0] = 3; /* L2 norm 5 */
    values[1] = -4;
    values[2] = 0;
    syi_contributions_sum(&c, SYI_NORM_L2, grid, sums, row);
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
    syi_contributions_sum(&c, SYI_NORM_L1, grid, &sum, &row);
    assert_true(sum == expected);
    c.people = 0;
    syi_contributions_sum(&c, SYI_NORM_L1, grid, &sum, &row);
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
        cmocka_unit_test(test_never_longer),
        cmocka_unit_test(test_short_and_long),
        cmocka_unit_test(test_sums_are_exact),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
