/* calibration.c - the noise that a target allows. Face: csyft/accountants.h. Test: accountant_test.c. */
#include <csyft/accountants.h>

#include "differential_privacy/checks.h"

#define MULTIPLIER_LEAST 1e-3
#define MULTIPLIER_MOST 1e6
#define PRECISION 1e-6

/* What the target's steps cost with this noise. */
static sy_status cost_of(sy_context *context, double noise_multiplier, const sy_rdp_target *target,
                         double *epsilon, sy_error *err)
{
    sy_rdp *rdp = NULL;
    SY_TRY(sy_rdp_new(context, &rdp, target->orders, target->order_count, err));
    sy_status status = sy_rdp_add_subsampled_gaussian(rdp, target->sampling_rate, noise_multiplier,
                                                      target->steps, err);
    if (status == SY_OK) {
        status = sy_rdp_get_epsilon(rdp, target->conversion, target->delta, epsilon, NULL, err);
    }
    sy_rdp_free(rdp);
    return status;
}

static sy_status check_target(const sy_rdp_target *target, sy_error *err)
{
    if (target->size != sizeof *target) {
        return syi_fail(err, SY_EINVAL,
                        "rdp_calibrate: size of the target is %zu, this library expects %zu; start "
                        "from SY_RDP_TARGET_INIT",
                        target->size, sizeof *target);
    }
    SY_TRY(syi_check_positive("rdp_calibrate", "epsilon", target->epsilon, err));
    SY_TRY(syi_check_delta("rdp_calibrate", target->delta, err));
    SY_TRY(syi_check_probability("rdp_calibrate", "sampling_rate", target->sampling_rate, err));
    if (target->sampling_rate == 0 || target->steps == 0) {
        return syi_fail(err, SY_EINVAL,
                        "rdp_calibrate: sampling_rate is %g and steps is %llu, nothing needs noise",
                        target->sampling_rate, (unsigned long long)target->steps);
    }
    return SY_OK;
}

/* A bracket around the answer, by doubling from 1: small multipliers are the dear ones to ask about. */
static sy_status bracket(sy_context *context, double *low, double *high,
                         const sy_rdp_target *target, sy_error *err)
{
    double epsilon = 0;
    SY_TRY(cost_of(context, 1, target, &epsilon, err));
    const double factor = epsilon > target->epsilon ? 2 : 0.5;
    *low = *high = 1;
    while ((epsilon > target->epsilon) == (factor > 1)) {
        *(factor > 1 ? low : high) = factor > 1 ? *high : *low;
        *(factor > 1 ? high : low) *= factor;
        if (*high > MULTIPLIER_MOST || *low < MULTIPLIER_LEAST) {
            return syi_fail(err, SY_ERANGE,
                            "rdp_calibrate: epsilon %g with delta %g needs a multiplier outside of "
                            "%g to %g at these orders",
                            target->epsilon, target->delta, MULTIPLIER_LEAST, MULTIPLIER_MOST);
        }
        SY_TRY(cost_of(context, factor > 1 ? *high : *low, target, &epsilon, err));
    }
    return SY_OK;
}

sy_status sy_rdp_calibrate_gaussian(sy_context *context, double *noise_multiplier,
                                    const sy_rdp_target *target, sy_error *err)
{
    SY_TRY(check_target(target, err));
    double low = 1, high = 1;
    SY_TRY(bracket(context, &low, &high, target, err));
    while (high / low > 1 + PRECISION) {
        const double middle = sqrt(low * high);
        double epsilon = 0;
        SY_TRY(cost_of(context, middle, target, &epsilon, err));
        *(epsilon > target->epsilon ? &low : &high) = middle;
    }
    *noise_multiplier = high;
    return SY_OK;
}
