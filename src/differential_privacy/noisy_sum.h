/*
 * noisy_sum.h - column sums of what people contribute one after the other, each row clipped when it comes, and noise at the end: memory does not
 * grow with the people. Sums are exact integers on the grid of contributions.h. Test: noisy_sum_test.c.
 */
#ifndef SYI_DIFFERENTIAL_PRIVACY_NOISY_SUM_H
#define SYI_DIFFERENTIAL_PRIVACY_NOISY_SUM_H

#include <csyft/ledger.h>
#include <csyft/mechanisms.h>

#include "differential_privacy/wide.h"

typedef struct syi_noisy_sum {
    sy_noise *noise; /* borrowed */
    sy_noise_kind kind;
    size_t columns;
    double sensitivity, size;
    int grid;
    syi_i128 *sums;
    int64_t *row;
} syi_noisy_sum;

/*
 * No row is longer than `sensitivity` (L1 norm for Laplace noise, L2 for Gaussian), which is 1e-200 to 1e200; noise of deviation or scale `size`, 2^-18 to
 * 2^20 times that. SY_ENOMEM.
 */
sy_status syi_noisy_sum_open(syi_noisy_sum *sum, sy_noise *noise, sy_noise_kind kind,
                             size_t columns, double sensitivity, double size, sy_error *err);
void syi_noisy_sum_close(syi_noisy_sum *sum); /* wipes */
/* One person's row; with a value that is not finite, which is nobody's to know, it counts as zeros. */
void syi_noisy_sum_add(syi_noisy_sum *sum, const double *values);
/* The sums so far with noise, and begins again with zeros. On failure `sums` is untouched. SY_EIO, SY_ERANGE. */
sy_status syi_noisy_sum_tell(syi_noisy_sum *sum, double *sums, sy_error *err);

#endif
