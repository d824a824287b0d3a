/* zcdp.c - zero-concentrated differential privacy. Face: csyft/accountants.h. Test: zcdp_test.c. */
#include <csyft/accountants.h>

#include "differential_privacy/checks.h"

#define SEARCH_STEPS 200

sy_status sy_zcdp_of_gaussian(double *rho, double noise_multiplier, sy_error *err)
{
    SY_TRY(syi_check_positive("zcdp_of_gaussian", "noise_multiplier", noise_multiplier, err));
    *rho = 0.5 / noise_multiplier / noise_multiplier;
    return SY_OK;
}

sy_status sy_zcdp_of_pure(double *rho, double epsilon, sy_error *err)
{
    SY_TRY(syi_check_not_negative("zcdp_of_pure", "epsilon", epsilon, err));
    *rho = epsilon * epsilon / 2;
    return SY_OK;
}

/* log delta at an order a = 1 + b: (a-1) (a rho - epsilon + log(1 - 1/a)) - log a. Its derivative in a is
 * (2a-1) rho - epsilon + log(1 - 1/a), which grows with a. */
static double log_delta_at(double rho, double epsilon, double b)
{
    return b * ((1 + b) * rho - epsilon + log(b) - log1p(b)) - log1p(b);
}

static double log_delta_improved(double rho, double epsilon)
{
    double low = 1e-300, high = 1;
    while ((1 + 2 * high) * rho - epsilon - log1p(1 / high) < 0) {
        high *= 2;
    }
    for (int k = 0; k < SEARCH_STEPS; k++) { /* in equal ratios first, as b may be tiny */
        const double middle = high > 2 * low ? sqrt(low) * sqrt(high) : low + (high - low) / 2;
        *((1 + 2 * middle) * rho - epsilon - log1p(1 / middle) < 0 ? &low : &high) = middle;
    }
    return fmin(log_delta_at(rho, epsilon, high), 0);
}

static double log_delta(double rho, sy_rdp_conversion conversion, double epsilon)
{
    if (rho == 0) {
        return -INFINITY;
    }
    if (conversion == SY_RDP_IMPROVED) {
        return log_delta_improved(rho, epsilon);
    }
    const double beyond = epsilon - rho; /* of epsilon = rho + 2 sqrt(rho log(1/delta)) */
    return beyond > 0 ? -beyond * beyond / 4 / rho : 0;
}

sy_status sy_zcdp_to_delta(double *delta, double rho, sy_rdp_conversion conversion, double epsilon,
                           sy_error *err)
{
    SY_TRY(syi_check_not_negative("zcdp_to_delta", "rho", rho, err));
    SY_TRY(syi_check_not_negative("zcdp_to_delta", "epsilon", epsilon, err));
    *delta = exp(log_delta(rho, conversion, epsilon));
    return SY_OK;
}

sy_status sy_zcdp_to_epsilon(double *epsilon, double rho, sy_rdp_conversion conversion,
                             double delta, sy_error *err)
{
    SY_TRY(syi_check_not_negative("zcdp_to_epsilon", "rho", rho, err));
    SY_TRY(syi_check_delta("zcdp_to_epsilon", delta, err));
    const double wanted = log(delta), classic = rho + 2 * sqrt(-rho * wanted);
    double low = 0, high = classic;
    if (conversion == SY_RDP_IMPROVED) {
        if (log_delta(rho, conversion, 0) <= wanted) {
            high = 0;
        }
        for (int k = 0; k < SEARCH_STEPS && high > 0; k++) {
            const double middle = low + (high - low) / 2;
            *(log_delta(rho, conversion, middle) > wanted ? &low : &high) = middle;
        }
    }
    *epsilon = high;
    return SY_OK;
}

sy_status sy_zcdp_from_epsilon(double *rho, sy_rdp_conversion conversion, double epsilon,
                               double delta, sy_error *err)
{
    SY_TRY(syi_check_not_negative("zcdp_from_epsilon", "epsilon", epsilon, err));
    SY_TRY(syi_check_delta("zcdp_from_epsilon", delta, err));
    const double wanted = log(delta);
    /* classic, solved: sqrt(rho) = sqrt(log(1/delta) + epsilon) - sqrt(log(1/delta)) */
    const double root = epsilon / (sqrt(epsilon - wanted) + sqrt(-wanted));
    double low = root * root * (1 - 1e-15), high = fmax(2 * low, 1e-12);
    if (conversion == SY_RDP_IMPROVED) {
        while (log_delta(high, conversion, epsilon) <= wanted) {
            low = high;
            high *= 2;
        }
        for (int k = 0; k < SEARCH_STEPS; k++) {
            const double middle = low + (high - low) / 2;
            *(log_delta(middle, conversion, epsilon) > wanted ? &high : &low) = middle;
        }
    }
    *rho = low;
    return SY_OK;
}
