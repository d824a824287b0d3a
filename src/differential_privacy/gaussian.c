/* gaussian.c - the exact trade of one Gaussian mechanism (Balle and Wang 2018). Face: csyft/accountants.h. Test:
 * gaussian_test.c. */
#include <csyft/accountants.h>

#include "differential_privacy/checks.h"
#include "differential_privacy/special.h"

#define LOG_SQRT_2PI 0.918938533204672741780
#define SEARCH_STEPS 200 /* halvings: more than a double has bits, from any bracket */

/*
 * log delta. With a = s/2 - e/s and b = a - s the second term of delta is exp(e) Phi(b) = phi(a) M(-b), M Mills' ratio:
 * so nothing overflows, and where a < 0 the difference is that of two ratios of equal size.
 */
static double log_delta(double multiplier, double epsilon)
{
    const double s = 1 / multiplier, a = s / 2 - epsilon * multiplier, b = a - s;
    const double log_density = -a * a / 2 - LOG_SQRT_2PI;
    if (a <= 0) {
        return log_density + log(syi_mills(-a) - syi_mills(-b));
    }
    const double first = syi_log_normal_cdf(a), second = log_density + log(syi_mills(-b));
    return second < first ? first + syi_log1mexp(second - first) : -INFINITY;
}

sy_status sy_gaussian_delta(double *delta, double noise_multiplier, double epsilon, sy_error *err)
{
    SY_TRY(syi_check_positive("gaussian_delta", "noise_multiplier", noise_multiplier, err));
    SY_TRY(syi_check_not_negative("gaussian_delta", "epsilon", epsilon, err));
    *delta = exp(log_delta(noise_multiplier, epsilon));
    return SY_OK;
}

sy_status sy_gaussian_epsilon(double *epsilon, double noise_multiplier, double delta, sy_error *err)
{
    SY_TRY(syi_check_positive("gaussian_epsilon", "noise_multiplier", noise_multiplier, err));
    SY_TRY(syi_check_delta("gaussian_epsilon", delta, err));
    const double wanted = log(delta);
    if (log_delta(noise_multiplier, 0) <= wanted) {
        *epsilon = 0;
        return SY_OK;
    }
    double low = 0, high = 1;
    while (high < INFINITY && log_delta(noise_multiplier, high) > wanted) {
        low = high;
        high *= 2;
    }
    for (int k = 0; k < SEARCH_STEPS && high < INFINITY; k++) {
        const double middle = low + (high - low) / 2;
        *(log_delta(noise_multiplier, middle) > wanted ? &low : &high) = middle;
    }
    *epsilon = high;
    return SY_OK;
}

#define MULTIPLIER_LEAST 1e-6
#define MULTIPLIER_MOST 1e12

sy_status sy_gaussian_noise_multiplier(double *noise_multiplier, double epsilon, double delta,
                                       sy_error *err)
{
    SY_TRY(syi_check_not_negative("gaussian_noise_multiplier", "epsilon", epsilon, err));
    SY_TRY(syi_check_delta("gaussian_noise_multiplier", delta, err));
    const double wanted = log(delta);
    double low = MULTIPLIER_LEAST, high = MULTIPLIER_MOST;
    if (log_delta(low, epsilon) <= wanted || log_delta(high, epsilon) > wanted) {
        return syi_fail(err, SY_ERANGE,
                        "gaussian_noise_multiplier: epsilon %g with delta %g needs a multiplier "
                        "outside of %g to %g",
                        epsilon, delta, low, high);
    }
    for (int k = 0; k < SEARCH_STEPS; k++) {
        const double middle = sqrt(low) * sqrt(high);
        *(log_delta(middle, epsilon) > wanted ? &low : &high) = middle;
    }
    *noise_multiplier = high;
    return SY_OK;
}
