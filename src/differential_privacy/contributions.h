/*
 * contributions.h - what people contribute, clipped and on a grid: integers, added exactly. Room differential_privacy. Test:
 * contributions_test.c.
 *
 * Rows are whole numbers of a unit, 2^-31 or less of the noise and 2^-30 or less of the sensitivity, which depends on nothing else
 * (not on the number of people, which may be private). The norm of what came out is checked in integers, so that the bound holds
 * whatever floating point did before.
 */
#ifndef SYI_DIFFERENTIAL_PRIVACY_CONTRIBUTIONS_H
#define SYI_DIFFERENTIAL_PRIVACY_CONTRIBUTIONS_H

#include <csyft/mechanisms.h>

#include "differential_privacy/wide.h"

typedef enum syi_norm { SYI_NORM_L1, SYI_NORM_L2, SYI_NORM_MAX } syi_norm;

/* How far one person moves the sum, in units of `sensitivity`: 1 or 2. */
double syi_contributions_moves(const sy_contributions *contributions);

/* SY_EINVAL for what cannot be, with the row and column of NaN and infinity. */
sy_status syi_contributions_check(const char *function, const sy_contributions *contributions,
                                  sy_error *err);

/* A power of two as the unit where one is needed: the exponent of one that is 2^-31 or less of both. */
int syi_grid_of(double noise, double sensitivity);

/* How rows are clipped, and in which units they come out. */
typedef struct syi_clipping {
    syi_norm norm;
    double sensitivity, unit;
    double most; /* sensitivity / unit, not rounded up; its whole part is the largest norm */
} syi_clipping;

/* sensitivity / unit is at most 2^50. For SYI_NORM_MAX the unit is a power of two. */
syi_clipping syi_clipping_of(syi_norm norm, double sensitivity, double unit);

/*
 * One person's row, scaled down to the sensitivity if it is longer, in units, truncated towards 0: a value loses less than one unit,
 * and what the rounding of products of doubles loses if the unit is no power of two. false: a value is not finite; `row` is then
 * anything.
 */
bool syi_contribution_clip(const syi_clipping *clipping, const double *values, size_t columns,
                           int64_t *row);
/* Column sums in units into `sums` of `columns`; `row` is room for one row. The contributions were checked. */
void syi_contributions_sum(const sy_contributions *contributions, const syi_clipping *clipping,
                           syi_i128 *sums, int64_t *row);

#endif
