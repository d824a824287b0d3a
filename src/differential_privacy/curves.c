/* curves.c - Renyi divergences of single mechanisms. Face: csyft/accountants.h; the sampled Gaussian mechanism is
 * subsampled.c. Test: curves_test.c. */
#include "differential_privacy/curves.h"

#include <csyft/accountants.h>

#include "differential_privacy/checks.h"
#include "differential_privacy/special.h"

/*
 * log(1 + sum of w_k (e^(x_k) - 1)) / (order - 1) for two terms whose first order cancels, w_1 x_1 + w_2 x_2 = 0, as that
 * of every divergence does: by its series where the exponents are small, which loses no digits.
 */
static double two_point(double order, double w1, double x1, double w2, double x2)
{
    if (fmax(fabs(x1), fabs(x2)) > 0.25) {
        const double rest = 1 - w1 - w2;
        double log_moment = syi_log_add(log(w1) + x1, log(w2) + x2);
        log_moment = rest > 0 ? syi_log_add(log_moment, log(rest)) : log_moment;
        return fmax(log_moment / (order - 1), 0);
    }
    double sum = 0, p1 = x1, p2 = x2;
    for (int k = 2; k < 20; k++) {
        p1 *= x1 / k;
        p2 *= x2 / k;
        sum += w1 * p1 + w2 * p2;
    }
    return log1p(sum) / (order - 1);
}

double syi_rdp_laplace(double order, double noise_multiplier)
{
    const double epsilon = 1 / noise_multiplier;
    if (order == INFINITY) {
        return epsilon;
    }
    const double w1 = order / (2 * order - 1), w2 = (order - 1) / (2 * order - 1);
    return fmin(two_point(order, w1, (order - 1) * epsilon, w2, -order * epsilon), epsilon);
}

double syi_rdp_pure(double order, double epsilon)
{
    if (order == INFINITY || epsilon > 700) {
        return epsilon;
    }
    /* The moment is p e^x + (1-p) e^-x = 1 + 2 sinh(x/2)^2 + (2p-1) sinh x, 2p-1 = tanh(epsilon/2). */
    const double p = 1 / (1 + exp(-epsilon)), x = (order - 1) * epsilon;
    if (x > 20) {
        const double log_moment = syi_log_add(log(p) + x, log1p(-p) - x);
        return fmin(log_moment / (order - 1), epsilon);
    }
    const double half = sinh(x / 2);
    return fmin(log1p(2 * half * half + sinh(x) * tanh(epsilon / 2)) / (order - 1), epsilon);
}

sy_status sy_rdp_of_gaussian(double *rdp, double order, double noise_multiplier, sy_error *err)
{
    SY_TRY(syi_check_order("rdp_of_gaussian", order, err));
    SY_TRY(syi_check_positive("rdp_of_gaussian", "noise_multiplier", noise_multiplier, err));
    *rdp = order / 2 / noise_multiplier / noise_multiplier;
    return SY_OK;
}

sy_status sy_rdp_of_subsampled_gaussian(double *rdp, double order, double sampling_rate,
                                        double noise_multiplier, sy_error *err)
{
    SY_TRY(syi_check_order("rdp_of_subsampled_gaussian", order, err));
    SY_TRY(
        syi_check_probability("rdp_of_subsampled_gaussian", "sampling_rate", sampling_rate, err));
    SY_TRY(syi_check_positive("rdp_of_subsampled_gaussian", "noise_multiplier", noise_multiplier,
                              err));
    *rdp = syi_rdp_subsampled_gaussian(order, sampling_rate, noise_multiplier);
    return SY_OK;
}

sy_status sy_logmgf_subsampled_gaussian(double *logmgf, double l, double sampling_rate,
                                        double noise_multiplier, sy_error *err)
{
    SY_TRY(syi_check_positive("logmgf_subsampled_gaussian", "l", l, err));
    double rdp = 0;
    SY_TRY(sy_rdp_of_subsampled_gaussian(&rdp, l + 1, sampling_rate, noise_multiplier, err));
    *logmgf = l * rdp;
    return SY_OK;
}

sy_status sy_rdp_of_laplace(double *rdp, double order, double noise_multiplier, sy_error *err)
{
    SY_TRY(syi_check_order("rdp_of_laplace", order, err));
    SY_TRY(syi_check_positive("rdp_of_laplace", "noise_multiplier", noise_multiplier, err));
    *rdp = syi_rdp_laplace(order, noise_multiplier);
    return SY_OK;
}

sy_status sy_rdp_of_pure(double *rdp, double order, double epsilon, sy_error *err)
{
    SY_TRY(syi_check_order("rdp_of_pure", order, err));
    SY_TRY(syi_check_not_negative("rdp_of_pure", "epsilon", epsilon, err));
    *rdp = syi_rdp_pure(order, epsilon);
    return SY_OK;
}

sy_status sy_rdp_of_zcdp(double *rdp, double order, double rho, sy_error *err)
{
    SY_TRY(syi_check_order("rdp_of_zcdp", order, err));
    SY_TRY(syi_check_not_negative("rdp_of_zcdp", "rho", rho, err));
    *rdp = rho == 0 ? 0 : order * rho;
    return SY_OK;
}

/* Between the true answer's distribution, over k answers with probability p of noise, and the uniform one: the moment
 * of order a is ((k (1-p) + p)^a + (k-1) p^a) / k one way, and the same with 1-a the other way. */
static double response_against_uniform(double order, double p, double k)
{
    const double high = log(k * (1 - p) + p), low = log(p);
    if (order == INFINITY) {
        return fmax(high, -low);
    }
    double worst = 0;
    for (int way = 0; way < 2; way++) {
        const double a = way == 0 ? order : 1 - order;
        const double log_moment = syi_log_add(a * high - log(k), a * low + log1p(-1 / k));
        worst = fmax(worst, log_moment / (order - 1));
    }
    return worst;
}

static double response_against_other(double order, double p, double k)
{
    const double low = log(p / k), high = log1p(-p + p / k);
    if (order == INFINITY) {
        return high - low;
    }
    const double log_moment =
        syi_log_add(order * high + (1 - order) * low, order * low + (1 - order) * high);
    const double rest = k > 2 ? log((k - 2) * p / k) : -INFINITY;
    return fmax(syi_log_add(log_moment, rest) / (order - 1), 0);
}

sy_status sy_rdp_of_randomized_response(double *rdp, double order, double noise, uint64_t classes,
                                        sy_neighbours neighbours, sy_error *err)
{
    SY_TRY(syi_check_order("rdp_of_randomized_response", order, err));
    SY_TRY(syi_check_probability("rdp_of_randomized_response", "noise", noise, err));
    if (classes < 2) {
        return syi_fail(err, SY_EINVAL,
                        "rdp_of_randomized_response: classes is %llu, must be 2 or more",
                        (unsigned long long)classes);
    }
    if (noise == 0 || noise == 1) {
        *rdp = noise == 0 ? INFINITY : 0;
    } else if (neighbours == SY_REPLACE_ONE) {
        *rdp = response_against_other(order, noise, (double)classes);
    } else {
        *rdp = response_against_uniform(order, noise, (double)classes);
    }
    return SY_OK;
}
