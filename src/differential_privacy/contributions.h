/*
 * contributions.h - what people contribute, clipped and on a grid: integers, added exactly. Room differential_privacy. Test:
 * contributions_test.c.
 *
 * The grid is a power of two, 2^-31 or less of the noise and of the sensitivity, and depends on nothing else (not on the number
 * of people, which may be private). Truncation towards 0 makes no norm longer, and the norm of what came out is checked in
 * integers, so that the bound holds whatever floating point did before.
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

/* The grid's exponent for noise of this size. */
int syi_grid_of(double noise, double sensitivity);

/* One person's row, clipped, is added to `sums`, in units of 2^grid. The values are finite; `row` is room for one. */
void syi_contribution_add(const double *values, size_t columns, syi_norm norm, double sensitivity,
                          int grid, syi_i128 *sums, int64_t *row);
/* Column sums in units of 2^grid into `sums` of `columns`; `row` is room for one row. The contributions were checked. */
void syi_contributions_sum(const sy_contributions *contributions, syi_norm norm, int grid,
                           syi_i128 *sums, int64_t *row);

#endif
