/* gnmax.c - PATE of 2018, one query: GNMax, the threshold of Confident-GNMax, and Laplace noise in Renyi divergence. Face:
 * csyft/pate.h. Test: gnmax_test.c. */
#include "differential_privacy/gnmax.h"

#include "differential_privacy/checks.h"
#include "differential_privacy/pate.h"
#include "differential_privacy/special.h"

#define SQRT_2 1.41421356237309504880

double syi_gnmax_logq(const double *counts, size_t classes, double sigma)
{
    const size_t winner = syi_pate_winner(counts, classes);
    double logq = -INFINITY;
    for (size_t k = 0; k < classes; k++) {
        if (k != winner) { /* the difference of two noises has deviation sqrt(2) sigma */
            const double apart = (counts[winner] - counts[k]) / (SQRT_2 * sigma);
            logq = syi_log_add(logq, syi_log_normal_cdf(-apart));
        }
    }
    return fmin(logq, log1p(-1 / (double)classes));
}

sy_status sy_pate_logq_gaussian(double *logq, const double *counts, size_t classes, double sigma,
                                sy_error *err)
{
    SY_TRY(syi_pate_check_counts("logq_gaussian", counts, classes, err));
    SY_TRY(syi_check_positive("logq_gaussian", "sigma", sigma, err));
    *logq = syi_gnmax_logq(counts, classes, sigma);
    return SY_OK;
}

sy_status sy_pate_logq_laplace(double *logq, const double *counts, size_t classes, double lambda,
                               sy_error *err)
{
    SY_TRY(syi_pate_check_counts("logq_laplace", counts, classes, err));
    SY_TRY(syi_check_positive("logq_laplace", "lambda", lambda, err));
    const size_t winner = syi_pate_winner(counts, classes);
    double sum = -INFINITY;
    for (size_t k = 0; k < classes; k++) {
        if (k != winner) {
            const double gap = (counts[winner] - counts[k]) / lambda;
            sum = syi_log_add(sum, log((2 + gap) / 4) - gap);
        }
    }
    *logq = fmin(sum, log1p(-1 / (double)classes));
    return SY_OK;
}

/* The two higher orders of Proposition 10. */
static double mu2_of(double logq, double sigma)
{
    return sigma * sqrt(-logq);
}

bool syi_gnmax_applies(double order, double logq, double sigma)
{
    const double mu2 = mu2_of(logq, sigma), mu1 = mu2 + 1, rdp2 = mu2 / sigma / sigma;
    return mu1 >= order && mu2 > 1 && -logq > rdp2 &&
           logq <= (mu2 - 1) * rdp2 - mu2 * (log1p(1 / (mu1 - 1)) + log1p(1 / (mu2 - 1)));
}

double syi_gnmax_rdp_by_q(double order, double logq, double sigma)
{
    const double mu2 = mu2_of(logq, sigma), mu1 = mu2 + 1;
    const double rdp1 = mu1 / sigma / sigma, rdp2 = mu2 / sigma / sigma;
    const double log_1q = syi_log1mexp(logq);
    const double log_a = (order - 1) * (log_1q - syi_log1mexp((logq + rdp2) * (1 - 1 / mu2)));
    const double log_b = (order - 1) * (rdp1 - logq / (mu1 - 1));
    const double log_s = syi_log_add(log_1q + log_a, logq + log_b);
    return fmax(log_s / (order - 1), 0);
}

double syi_gnmax_rdp(double order, double logq, double sigma)
{
    const double anyhow = order / sigma / sigma;
    if (logq == -INFINITY) { /* always the same answer */
        return 0;
    }
    return logq < 0 && syi_gnmax_applies(order, logq, sigma)
               ? fmin(anyhow, syi_gnmax_rdp_by_q(order, logq, sigma))
               : anyhow;
}

static sy_status check_logarithm(const char *function, const char *field, double value,
                                 sy_error *err)
{
    if (!(value <= 0)) {
        return syi_fail(err, SY_EINVAL, "%s: %s is %g, the logarithm of a probability is at most 0",
                        function, field, value);
    }
    return SY_OK;
}

static sy_status check_finite_order(const char *function, double order, sy_error *err)
{
    if (!(order > 1 && order < INFINITY)) {
        return syi_fail(err, SY_EINVAL, "%s: order is %g, must be above 1 and finite", function,
                        order);
    }
    return SY_OK;
}

sy_status sy_pate_rdp_gaussian(double *rdp, double order, double logq, double sigma, sy_error *err)
{
    SY_TRY(check_finite_order("rdp_gaussian", order, err));
    SY_TRY(check_logarithm("rdp_gaussian", "logq", logq, err));
    SY_TRY(syi_check_positive("rdp_gaussian", "sigma", sigma, err));
    *rdp = syi_gnmax_rdp(order, logq, sigma);
    return SY_OK;
}

sy_status sy_pate_rdp_pure(double *rdp, double order, double logq, double pure_eps, sy_error *err)
{
    SY_TRY(check_finite_order("rdp_pure", order, err));
    SY_TRY(check_logarithm("rdp_pure", "logq", logq, err));
    SY_TRY(syi_check_positive("rdp_pure", "pure_eps", pure_eps, err));
    const syi_pate_moments moments = syi_pate_moments_of(exp(logq), pure_eps);
    *rdp = syi_pate_logmgf(&moments, order - 1) / (order - 1);
    return SY_OK;
}

double syi_gnmax_log_answered(double largest, double threshold, double sigma)
{
    return syi_log_normal_cdf((rint(largest) - threshold) / sigma);
}

sy_status sy_pate_log_answered(double *log_answered, const double *counts, size_t classes,
                               double threshold, double sigma, sy_error *err)
{
    SY_TRY(syi_pate_check_counts("log_answered", counts, classes, err));
    SY_TRY(syi_check_positive("log_answered", "sigma", sigma, err));
    if (!isfinite(threshold)) {
        return syi_fail(err, SY_EINVAL, "log_answered: threshold is %g, must be finite", threshold);
    }
    *log_answered =
        syi_gnmax_log_answered(counts[syi_pate_winner(counts, classes)], threshold, sigma);
    return SY_OK;
}

/* One person moves the largest count by 1 where it moves two counts of GNMax: as GNMax of sqrt(2) sigma. */
double syi_gnmax_rdp_threshold(double order, double log_answered, double sigma)
{
    const double logq = fmin(log_answered, syi_log1mexp(log_answered));
    return syi_gnmax_rdp(order, logq, SQRT_2 * sigma);
}

sy_status sy_pate_rdp_threshold(double *rdp, double order, double log_answered, double sigma,
                                sy_error *err)
{
    SY_TRY(check_finite_order("rdp_threshold", order, err));
    SY_TRY(check_logarithm("rdp_threshold", "log_answered", log_answered, err));
    SY_TRY(syi_check_positive("rdp_threshold", "sigma", sigma, err));
    *rdp = syi_gnmax_rdp_threshold(order, log_answered, sigma);
    return SY_OK;
}
