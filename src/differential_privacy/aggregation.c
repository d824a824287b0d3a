/* aggregation.c - labels by noisy votes. Face: csyft/pate.h. Test: aggregation_test.c. */
#include <csyft/pate.h>

#include <math.h>

#include "differential_privacy/checks.h"
#include "differential_privacy/contributions.h"
#include "differential_privacy/pate.h"

#define VOTES_MOST 0x1p40
#define NOISE_LEAST 0x1p-18
#define NOISE_MOST 0x1p18

typedef sy_status (*draw_fn)(sy_noise *noise, int64_t *samples, size_t count, double parameter,
                             sy_error *err);

static sy_status check(const char *function, const char *field, double parameter, double size,
                       const double *counts, size_t classes, sy_error *err)
{
    if (!(size >= NOISE_LEAST && size <= NOISE_MOST)) {
        return syi_fail(err, SY_EINVAL, "%s: %s is %g, must be %g to %g", function, field,
                        parameter, NOISE_LEAST, NOISE_MOST);
    }
    SY_TRY(syi_pate_check_counts(function, counts, classes, err));
    for (size_t k = 0; k < classes; k++) {
        if (fabs(counts[k]) > VOTES_MOST) {
            return syi_fail(err, SY_EINVAL, "%s: counts[%zu] is %g, must be %g to %g", function, k,
                            counts[k], -VOTES_MOST, VOTES_MOST);
        }
    }
    return SY_OK;
}

/* A count with noise, in units of 2^*grid. */
static sy_status noisy_count(sy_noise *noise, syi_i128 *noisy, double count, draw_fn draw,
                             double size, int *grid, sy_error *err)
{
    int64_t sample = 0;
    *grid = syi_grid_of(size, 1);
    SY_TRY(draw(noise, &sample, 1, nextafter(ldexp(size, -*grid), INFINITY), err));
    *noisy = (syi_i128)ldexp(count, -*grid) + sample;
    return SY_OK;
}

static sy_status noisy_winner(sy_noise *noise, size_t *winner, const double *counts, size_t classes,
                              draw_fn draw, double size, sy_error *err)
{
    syi_i128 best = 0;
    size_t first = 0;
    for (size_t k = 0; k < classes; k++) {
        syi_i128 noisy = 0;
        int grid = 0;
        SY_TRY(noisy_count(noise, &noisy, counts[k], draw, size, &grid, err));
        if (k == 0 || noisy > best) {
            best = noisy;
            first = k;
        }
    }
    *winner = first;
    return SY_OK;
}

sy_status sy_pate_noisy_max(sy_noise *noise, size_t *winner, const double *counts, size_t classes,
                            double noise_eps, sy_error *err)
{
    const double scale = nextafter(1 / noise_eps, INFINITY);
    SY_TRY(check("noisy_max", "noise_eps", noise_eps, scale, counts, classes, err));
    return noisy_winner(noise, winner, counts, classes, sy_noise_discrete_laplace, scale, err);
}

sy_status sy_pate_gnmax(sy_noise *noise, size_t *winner, const double *counts, size_t classes,
                        double sigma, sy_error *err)
{
    SY_TRY(check("gnmax", "sigma", sigma, sigma, counts, classes, err));
    return noisy_winner(noise, winner, counts, classes, sy_noise_discrete_gaussian, sigma, err);
}

sy_status sy_pate_confident_gnmax(sy_noise *noise, bool *answered, size_t *winner,
                                  const double *counts, size_t classes, double threshold,
                                  double sigma1, double sigma, sy_error *err)
{
    SY_TRY(check("confident_gnmax", "sigma1", sigma1, sigma1, counts, classes, err));
    SY_TRY(check("confident_gnmax", "sigma", sigma, sigma, counts, classes, err));
    if (!isfinite(threshold)) {
        return syi_fail(err, SY_EINVAL, "confident_gnmax: threshold is %g, must be finite",
                        threshold);
    }
    syi_i128 noisy = 0;
    int grid = 0;
    const double largest = rint(counts[syi_pate_winner(counts, classes)]);
    SY_TRY(noisy_count(noise, &noisy, largest, sy_noise_discrete_gaussian, sigma1, &grid, err));
    const bool above = ldexp((double)noisy, grid) > threshold;
    if (above) {
        SY_TRY(
            noisy_winner(noise, winner, counts, classes, sy_noise_discrete_gaussian, sigma, err));
    }
    *answered = above;
    return SY_OK;
}
