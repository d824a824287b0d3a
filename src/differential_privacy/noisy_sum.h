/*
 * noisy_sum.h - column sums of what people contribute one after the other, each row clipped when it comes, and noise at the end: memory does not
 * grow with the people. Sums are exact integers, in units of contributions.h.
 *
 * The unit is the size of the noise divided by a power of two, so that noise is drawn for that power of two, which is quick (noise.h), and is of exactly
 * the size that was paid for. What is told is a whole number of units, as doubles have it: rounded, which is after the noise. Test: noisy_sum_test.c.
 */
#ifndef SYI_DIFFERENTIAL_PRIVACY_NOISY_SUM_H
#define SYI_DIFFERENTIAL_PRIVACY_NOISY_SUM_H

#include <csyft/ledger.h>
#include <csyft/mechanisms.h>

#include "differential_privacy/contributions.h"

typedef struct syi_noisy_sum {
    sy_noise *noise; /* borrowed */
    sy_noise_kind kind;
    size_t columns;
    syi_clipping clipping;
    int power;     /* the noise has 2^power units */
    int64_t *sums; /* of the rows since they were carried */
    int64_t *row;
    syi_i128 *carried;
    uint64_t room; /* rows that `sums` can take */
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
