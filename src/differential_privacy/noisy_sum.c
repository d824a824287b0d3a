#include "differential_privacy/noisy_sum.h"

#include <math.h>

#include "core/clones.h"
#include "core/error.h"
#include "core/memory.h"
#include "differential_privacy/noise.h"

#define LEAST_POWER 31
#define MOST_POWER 50 /* of SY_NOISE_MOST */

/* So that a unit is 2^-31 or less of the sensitivity, too, where noise can be that large. */
static int power_of(double sensitivity, double size)
{
    int exponent = 0;
    (void)frexp(size / sensitivity, &exponent);
    const int power = LEAST_POWER + (exponent > 0 ? exponent : 0);
    return power < MOST_POWER ? power : MOST_POWER;
}

/* Rows whose sum of units is below 2^62, whatever they are. */
static uint64_t room_of(const syi_noisy_sum *sum)
{
    return ((uint64_t)1 << 62) / ((uint64_t)sum->clipping.most + 1);
}

sy_status syi_noisy_sum_open(syi_noisy_sum *sum, sy_noise *noise, sy_noise_kind kind,
                             size_t columns, double sensitivity, double size, sy_error *err)
{
    sy_context *context = syi_noise_get_context(noise);
    *sum = (syi_noisy_sum){
        .noise = noise, .kind = kind, .columns = columns, .power = power_of(sensitivity, size)};
    sum->clipping = syi_clipping_of(kind == SY_NOISE_LAPLACE ? SYI_NORM_L1 : SYI_NORM_L2,
                                    sensitivity, ldexp(size, -sum->power));
    sum->room = room_of(sum);
    sum->sums = syi_alloc_array(context, columns, sizeof *sum->sums);
    sum->row = syi_alloc_array(context, columns, sizeof *sum->row);
    sum->carried = syi_alloc_array(context, columns, sizeof *sum->carried);
    if (sum->sums == NULL || sum->row == NULL || sum->carried == NULL) {
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
    syi_free_secret(context, sum->carried, sum->columns * sizeof *sum->carried);
    sum->sums = NULL;
    sum->row = NULL;
    sum->carried = NULL;
}

SYI_CLONES static void add_row(int64_t *restrict sums, const int64_t *restrict row, size_t columns)
{
    for (size_t c = 0; c < columns; c++) {
        sums[c] += row[c];
    }
}

static void carry(syi_noisy_sum *sum)
{
    for (size_t c = 0; c < sum->columns; c++) {
        sum->carried[c] += sum->sums[c];
        sum->sums[c] = 0;
    }
    sum->room = room_of(sum);
}

void syi_noisy_sum_add(syi_noisy_sum *sum, const double *values)
{
    if (syi_contribution_clip(&sum->clipping, values, sum->columns, sum->row)) {
        add_row(sum->sums, sum->row, sum->columns);
        if (--sum->room == 0) {
            carry(sum);
        }
    }
}

sy_status syi_noisy_sum_tell(syi_noisy_sum *sum, double *sums, sy_error *err)
{
    const double size = ldexp(1, sum->power);
    SY_TRY(sum->kind == SY_NOISE_LAPLACE
               ? sy_noise_discrete_laplace(sum->noise, sum->row, sum->columns, size, err)
               : sy_noise_discrete_gaussian(sum->noise, sum->row, sum->columns, size, err));
    carry(sum);
    for (size_t c = 0; c < sum->columns; c++) {
        sums[c] = (double)(sum->carried[c] + sum->row[c]) * sum->clipping.unit;
        sum->carried[c] = 0;
    }
    return SY_OK;
}
