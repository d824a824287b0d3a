/* contributions.c - see contributions.h. */
#include "differential_privacy/contributions.h"

#include <math.h>

#include "differential_privacy/checks.h"

#define COLUMNS_MOST ((size_t)1 << 22)
#define GRID_BITS 31

double syi_contributions_moves(const sy_contributions *contributions)
{
    return contributions->neighbours == SY_REPLACE_ONE ? 2 : 1;
}

static sy_status check_shape(const char *function, const sy_contributions *c, sy_error *err)
{
    if (c->size != sizeof *c) {
        return syi_fail(err, SY_EINVAL,
                        "%s: size of the contributions is %zu, this library expects %zu", function,
                        c->size, sizeof *c);
    }
    if (c->columns == 0 || c->columns > COLUMNS_MOST) {
        return syi_fail(err, SY_EINVAL, "%s: columns is %zu, must be 1 to %zu", function,
                        c->columns, COLUMNS_MOST);
    }
    if (c->values == NULL && c->people > 0) {
        return syi_fail(err, SY_EINVAL, "%s: values of %zu people are NULL", function, c->people);
    }
    if (c->people > SIZE_MAX / sizeof *c->values / c->columns || c->people > UINT64_C(1) << 48) {
        return syi_fail(err, SY_EINVAL, "%s: %zu people with %zu columns are too many", function,
                        c->people, c->columns);
    }
    if (c->neighbours != SY_ADD_OR_REMOVE && c->neighbours != SY_REPLACE_ONE) {
        return syi_fail(err, SY_EINVAL, "%s: there are no neighbours %d", function,
                        (int)c->neighbours);
    }
    if (!(c->sensitivity >= 1e-200 && c->sensitivity <= 1e200)) {
        return syi_fail(err, SY_EINVAL, "%s: sensitivity is %g, must be 1e-200 to 1e200", function,
                        c->sensitivity);
    }
    return SY_OK;
}

sy_status syi_contributions_check(const char *function, const sy_contributions *c, sy_error *err)
{
    SY_TRY(check_shape(function, c, err));
    for (size_t k = 0; k < c->people * c->columns; k++) {
        if (!isfinite(c->values[k])) {
            return syi_fail(err, SY_EINVAL, "%s: values of person %zu, column %zu are %g", function,
                            k / c->columns, k % c->columns, c->values[k]);
        }
    }
    return SY_OK;
}

int syi_grid_of(double noise, double sensitivity)
{
    int exponent = 0;
    (void)frexp(fmin(noise, sensitivity), &exponent); /* at least 2^(exponent - 1) */
    return exponent - 1 - GRID_BITS;
}

/* What a row has to be multiplied by, in two factors so that neither overflows: first 1 / largest, then this. */
static double shrink(const double *values, size_t columns, syi_norm norm, double largest,
                     double sensitivity)
{
    double length = 1;
    if (norm == SYI_NORM_L1) {
        length = 0;
        for (size_t c = 0; c < columns; c++) {
            length += fabs(values[c] / largest);
        }
    } else if (norm == SYI_NORM_L2) {
        length = 0;
        for (size_t c = 0; c < columns; c++) {
            length += values[c] / largest * (values[c] / largest);
        }
        length = sqrt(length);
    }
    return fmin(largest, sensitivity / length);
}

static syi_u128 length_of(const int64_t *row, size_t columns, syi_norm norm)
{
    syi_u128 length = 0;
    for (size_t c = 0; c < columns; c++) {
        const uint64_t x = (uint64_t)(row[c] < 0 ? -row[c] : row[c]);
        length += norm == SYI_NORM_L2 ? (syi_u128)x * x : x;
    }
    return length;
}

/* Clamping each value by itself: exact. */
static void clip_each(const double *values, size_t columns, double sensitivity, int grid,
                      int64_t *row)
{
    const double units = ldexp(1, -grid);
    for (size_t c = 0; c < columns; c++) {
        const double clipped = fmax(-sensitivity, fmin(sensitivity, values[c]));
        row[c] = (int64_t)(clipped * units); /* exact, then towards 0 */
    }
}

static void clip_row(const double *values, size_t columns, syi_norm norm, double sensitivity,
                     int grid, int64_t *row)
{
    const double units = ldexp(1, -grid); /* a power of two: products with it are exact */
    const uint64_t bound = (uint64_t)(sensitivity * units);
    const syi_u128 most = norm == SYI_NORM_L2 ? (syi_u128)bound * bound : bound;
    double largest = 0;
    for (size_t c = 0; c < columns; c++) {
        largest = fmax(largest, fabs(values[c]));
        row[c] = 0;
    }
    if (largest == 0) {
        return;
    }
    double factor = shrink(values, columns, norm, largest, sensitivity);
    if (factor == largest) { /* short enough, and not to be touched */
        for (size_t c = 0; c < columns; c++) {
            row[c] = (int64_t)(values[c] * units);
        }
    } else {
        for (size_t c = 0; c < columns; c++) {
            row[c] = (int64_t)(values[c] / largest * factor * units);
        }
    }
    while (length_of(row, columns, norm) > most) { /* by a rounding error of the above */
        factor *= 1 - 0x1p-40;
        for (size_t c = 0; c < columns; c++) {
            row[c] = (int64_t)(values[c] / largest * factor * units);
        }
    }
}

void syi_contribution_add(const double *values, size_t columns, syi_norm norm, double sensitivity,
                          int grid, syi_i128 *sums, int64_t *row)
{
    if (norm == SYI_NORM_MAX) {
        clip_each(values, columns, sensitivity, grid, row);
    } else {
        clip_row(values, columns, norm, sensitivity, grid, row);
    }
    for (size_t c = 0; c < columns; c++) {
        sums[c] += row[c];
    }
}

void syi_contributions_sum(const sy_contributions *contributions, syi_norm norm, int grid,
                           syi_i128 *sums, int64_t *row)
{
    const size_t columns = contributions->columns;
    for (size_t c = 0; c < columns; c++) {
        sums[c] = 0;
    }
    for (size_t person = 0; person < contributions->people; person++) {
        syi_contribution_add(contributions->values + person * columns, columns, norm,
                             contributions->sensitivity, grid, sums, row);
    }
}
