#include "differential_privacy/noisy_sum.h"

#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "differential_privacy/contributions.h"
#include "differential_privacy/noise.h"

sy_status syi_noisy_sum_open(syi_noisy_sum *sum, sy_noise *noise, sy_noise_kind kind,
                             size_t columns, double sensitivity, double size, sy_error *err)
{
    sy_context *context = syi_noise_get_context(noise);
    *sum = (syi_noisy_sum){.noise = noise,
                           .kind = kind,
                           .columns = columns,
                           .sensitivity = sensitivity,
                           .size = size,
                           .grid = syi_grid_of(size, sensitivity)};
    sum->sums = syi_alloc_array(context, columns, sizeof *sum->sums);
    sum->row = syi_alloc_array(context, columns, sizeof *sum->row);
    if (sum->sums == NULL || sum->row == NULL) {
        syi_noisy_sum_close(sum);
        return SYI_ENOMEM(err, "noisy sum");
    }
    return SY_OK;
}

void syi_noisy_sum_close(syi_noisy_sum *sum)
{
    sy_context *context = syi_noise_get_context(sum->noise);
    syi_free_secret(context, sum->sums, sum->columns * sizeof *sum->sums);
    syi_free_secret(context, sum->row, sum->columns * sizeof *sum->row);
    sum->sums = NULL;
    sum->row = NULL;
}

void syi_noisy_sum_add(syi_noisy_sum *sum, const double *values)
{
    for (size_t c = 0; c < sum->columns; c++) {
        if (!isfinite(values[c])) {
            return;
        }
    }
    syi_contribution_add(values, sum->columns,
                         sum->kind == SY_NOISE_LAPLACE ? SYI_NORM_L1 : SYI_NORM_L2,
                         sum->sensitivity, sum->grid, sum->sums, sum->row);
}

sy_status syi_noisy_sum_tell(syi_noisy_sum *sum, double *sums, sy_error *err)
{
    /* rounded up, so that it is never less noise than was paid for */
    const double units = nextafter(ldexp(sum->size, -sum->grid), INFINITY);
    SY_TRY(sum->kind == SY_NOISE_LAPLACE
               ? sy_noise_discrete_laplace(sum->noise, sum->row, sum->columns, units, err)
               : sy_noise_discrete_gaussian(sum->noise, sum->row, sum->columns, units, err));
    for (size_t c = 0; c < sum->columns; c++) {
        sums[c] =
            ldexp((double)(sum->sums[c] + sum->row[c]), sum->grid); /* rounds what is public */
        sum->sums[c] = 0;
    }
    return SY_OK;
}
