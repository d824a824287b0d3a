/* contributions.c - see contributions.h. */
#include "differential_privacy/contributions.h"

#include <math.h>

#include "core/clones.h"
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

syi_clipping syi_clipping_of(syi_norm norm, double sensitivity, double unit)
{
    syi_clipping c = {.norm = norm, .sensitivity = sensitivity, .unit = unit};
    c.most = sensitivity / unit;
    if (fma(c.most, unit, -sensitivity) > 0) { /* it was rounded up */
        c.most = nextafter(c.most, 0);
    }
    return c;
}

/* Loops over a row: eight parts that do not wait for each other, in this order on every machine. */

enum { LANES = 8 };

static double sum_lanes(const double *lanes)
{
    return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
           ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

SYI_CLONES static double sum_sizes(const double *values, size_t columns, double scale)
{
    double lanes[LANES] = {0};
    size_t c = 0;
    for (; c + LANES <= columns; c += LANES) {
        for (int l = 0; l < LANES; l++) {
            lanes[l] += fabs(values[c + (size_t)l] * scale);
        }
    }
    for (int l = 0; c < columns; c++, l++) {
        lanes[l] += fabs(values[c] * scale);
    }
    return sum_lanes(lanes);
}

SYI_CLONES static double sum_squares(const double *values, size_t columns, double scale)
{
    double lanes[LANES] = {0};
    size_t c = 0;
    for (; c + LANES <= columns; c += LANES) {
        for (int l = 0; l < LANES; l++) {
            const double x = values[c + (size_t)l] * scale;
            lanes[l] += x * x;
        }
    }
    for (int l = 0; c < columns; c++, l++) {
        const double x = values[c] * scale;
        lanes[l] += x * x;
    }
    return sum_lanes(lanes);
}

SYI_CLONES static void truncate_row(const double *restrict values, size_t columns, double scale,
                                    double units, int64_t *restrict row)
{
    for (size_t c = 0; c < columns; c++) {
        row[c] = (int64_t)(values[c] * scale * units);
    }
}

/* Of integers below 2^51, the lower 25 bits and the others by themselves: 2^10 of their products fit a word. */
SYI_CLONES static void add_squares(const int64_t *row, size_t columns, int64_t parts[3])
{
    int64_t low = 0, middle = 0, high = 0;
    for (size_t c = 0; c < columns; c++) {
        const int64_t upper = row[c] >> 25, lower = row[c] & ((1 << 25) - 1);
        low += lower * lower;
        middle += upper * lower;
        high += upper * upper;
    }
    parts[0] = low;
    parts[1] = middle;
    parts[2] = high;
}

static syi_u128 square_of(const int64_t *row, size_t columns)
{
    enum { BLOCK = 1024 };
    syi_i128 square = 0;
    for (size_t c = 0; c < columns; c += BLOCK) {
        int64_t parts[3];
        add_squares(row + c, columns - c < BLOCK ? columns - c : BLOCK, parts);
        square += parts[0] + parts[1] * ((syi_i128)1 << 26) + parts[2] * ((syi_i128)1 << 50);
    }
    return (syi_u128)square;
}

static syi_u128 size_of(const int64_t *row, size_t columns)
{
    uint64_t size = 0;
    for (size_t c = 0; c < columns; c++) {
        size += (uint64_t)(row[c] < 0 ? -row[c] : row[c]);
    }
    return size;
}

/* Clipping */

/* Clamping each value by itself: exact. */
static void clip_each(const syi_clipping *clipping, const double *values, size_t columns,
                      int64_t *row)
{
    const double units = 1 / clipping->unit;
    for (size_t c = 0; c < columns; c++) {
        const double clipped = fmax(-clipping->sensitivity, fmin(clipping->sensitivity, values[c]));
        row[c] = (int64_t)(clipped * units); /* exact, then towards 0 */
    }
}

/* A power of two that makes the largest of these 1 or less and more than a half, if they are no smaller than 2^-1000. */
static bool scale_of(const double *values, size_t columns, double *scale)
{
    double largest = 0x1p-1000;
    int exponent = 0;
    for (size_t c = 0; c < columns; c++) {
        if (!isfinite(values[c])) {
            return false;
        }
        largest = fmax(largest, fabs(values[c]));
    }
    (void)frexp(largest, &exponent);
    *scale = ldexp(1, -exponent);
    return true;
}

bool syi_contribution_clip(const syi_clipping *clipping, const double *values, size_t columns,
                           int64_t *row)
{
    const bool squares = clipping->norm == SYI_NORM_L2;
    double (*const sum)(const double *, size_t, double) = squares ? sum_squares : sum_sizes;
    double scale = 1, length = sum(values, columns, scale);
    if (!(length >= 0x1p-800 && length <= 0x1p800)) { /* all are 0, or some are not of this world */
        if (!scale_of(values, columns, &scale)) {
            return false;
        }
        length = sum(values, columns, scale);
    }
    if (clipping->norm == SYI_NORM_MAX) {
        clip_each(clipping, values, columns, row);
        return true;
    }
    length = squares ? sqrt(length) : length;
    const uint64_t bound = (uint64_t)clipping->most;
    const syi_u128 most = squares ? (syi_u128)bound * bound : bound;
    double units = length <= clipping->sensitivity * scale ? 1 / clipping->unit / scale
                                                           : clipping->most / length;
    truncate_row(values, columns, scale, units, row);
    while ((squares ? square_of : size_of)(row, columns) > most) { /* by a rounding error */
        units *= 1 - 0x1p-40;
        truncate_row(values, columns, scale, units, row);
    }
    return true;
}

void syi_contributions_sum(const sy_contributions *contributions, const syi_clipping *clipping,
                           syi_i128 *sums, int64_t *row)
{
    const size_t columns = contributions->columns;
    for (size_t c = 0; c < columns; c++) {
        sums[c] = 0;
    }
    for (size_t person = 0; person < contributions->people; person++) {
        (void)syi_contribution_clip(clipping, contributions->values + person * columns, columns,
                                    row);
        for (size_t c = 0; c < columns; c++) {
            sums[c] += row[c];
        }
    }
}
