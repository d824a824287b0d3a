/* pate.c - PATE's formulas of 2017, one query. Face: csyft/pate.h. Many queries: pate_analysis.c. Test: pate_test.c. */
#include "differential_privacy/pate.h"

#include "differential_privacy/checks.h"
#include "differential_privacy/special.h"

sy_status syi_pate_check_counts(const char *function, const double *counts, size_t classes,
                                sy_error *err)
{
    if (counts == NULL || classes < 2) {
        return syi_fail(err, SY_EINVAL, "%s: %s, two classes or more are needed", function,
                        counts == NULL ? "counts is NULL"
                        : classes == 0 ? "classes is 0"
                                       : "classes is 1");
    }
    for (size_t k = 0; k < classes; k++) {
        if (!isfinite(counts[k])) {
            return syi_fail(err, SY_EINVAL, "%s: counts[%zu] is %g, must be finite", function, k,
                            counts[k]);
        }
    }
    return SY_OK;
}

size_t syi_pate_winner(const double *counts, size_t classes)
{
    size_t winner = 0;
    for (size_t k = 1; k < classes; k++) {
        winner = counts[k] > counts[winner] ? k : winner;
    }
    return winner;
}

/* The probability that of two counts with Laplace noise the one that is behind by `gap` scales wins. */
static double overtakes(double gap)
{
    return (gap + 2) / 4 * exp(-gap);
}

double syi_pate_q(const double *counts, size_t classes, double noise_eps)
{
    const size_t winner = syi_pate_winner(counts, classes);
    double q = 0;
    for (size_t k = 0; k < classes; k++) {
        q += k == winner ? 0 : overtakes(noise_eps * (counts[winner] - counts[k]));
    }
    return fmin(q, 1 - 1 / (double)classes);
}

sy_status sy_pate_compute_q_noisy_max(double *q, const double *counts, size_t classes,
                                      double noise_eps, sy_error *err)
{
    SY_TRY(syi_pate_check_counts("compute_q_noisy_max", counts, classes, err));
    SY_TRY(syi_check_positive("compute_q_noisy_max", "noise_eps", noise_eps, err));
    *q = syi_pate_q(counts, classes, noise_eps);
    return SY_OK;
}

sy_status sy_pate_compute_q_noisy_max_approx(double *q, const double *counts, size_t classes,
                                             double noise_eps, sy_error *err)
{
    SY_TRY(syi_pate_check_counts("compute_q_noisy_max_approx", counts, classes, err));
    SY_TRY(syi_check_positive("compute_q_noisy_max_approx", "noise_eps", noise_eps, err));
    const size_t winner = syi_pate_winner(counts, classes);
    double gap = INFINITY;
    for (size_t k = 0; k < classes; k++) {
        gap = k == winner ? gap : fmin(gap, noise_eps * (counts[winner] - counts[k]));
    }
    const double m = (double)classes;
    *q = fmin((m - 1) * overtakes(gap), 1 - 1 / m);
    return SY_OK;
}

syi_pate_moments syi_pate_moments_of(double q, double priv_eps)
{
    syi_pate_moments moments = {.priv_eps = priv_eps};
    moments.by_q = q < 1 / (exp(priv_eps) + 1);
    if (moments.by_q) {
        moments.log_1q = log1p(-q);
        moments.log_ratio = moments.log_1q - log1p(-exp(priv_eps) * q);
        moments.log_q = log(q);
    }
    return moments;
}

double syi_pate_logmgf(const syi_pate_moments *moments, double l)
{
    const double p = moments->priv_eps, without_q = fmin(0.5 * p * p * l * (l + 1), p * l);
    if (!moments->by_q) {
        return without_q;
    }
    const double by_q =
        syi_log_add(moments->log_1q + l * moments->log_ratio, moments->log_q + p * l);
    return fmin(without_q, by_q);
}

static void warn(unsigned *warnings, sy_pate_warning warning)
{
    if (warnings != NULL) {
        *warnings |= warning;
    }
}

sy_status sy_pate_logmgf_exact(double *logmgf, double q, double priv_eps, double l,
                               unsigned *warnings, sy_error *err)
{
    SY_TRY(syi_check_probability("logmgf_exact", "q", q, err));
    SY_TRY(syi_check_positive("logmgf_exact", "priv_eps", priv_eps, err));
    SY_TRY(syi_check_positive("logmgf_exact", "l", l, err));
    const syi_pate_moments moments = syi_pate_moments_of(q, priv_eps);
    if (q < 0.5 && log(q) + priv_eps >= 0) {
        warn(warnings, SY_PATE_NO_BOUND_BY_Q);
    }
    *logmgf = syi_pate_logmgf(&moments, l);
    return SY_OK;
}

sy_status sy_pate_logmgf_from_counts(double *logmgf, const double *counts, size_t classes,
                                     double noise_eps, double l, unsigned *warnings, sy_error *err)
{
    double q = 0;
    SY_TRY(sy_pate_compute_q_noisy_max(&q, counts, classes, noise_eps, err));
    return sy_pate_logmgf_exact(logmgf, q, 2 * noise_eps, l, warnings, err);
}

syi_pate_top syi_pate_top_of(const double *counts, size_t classes)
{
    syi_pate_top top = {.first = syi_pate_winner(counts, classes)};
    top.second = top.first == 0 ? 1 : 0;
    for (size_t k = 0; k < classes; k++) {
        if (k != top.first && counts[k] > counts[top.second]) {
            top.second = k;
        }
    }
    return top;
}

/* The second only gains, so no third count wins. */
double syi_pate_q_moved(const double *counts, size_t classes, double noise_eps, syi_pate_top top,
                        double moved)
{
    const double a = counts[top.first] - moved, b = counts[top.second] + moved;
    const double most = fmax(a, b);
    double q = overtakes(noise_eps * fabs(a - b));
    for (size_t k = 0; k < classes; k++) {
        q += k == top.first || k == top.second ? 0 : overtakes(noise_eps * (most - counts[k]));
    }
    return fmin(q, 1 - 1 / (double)classes);
}

static syi_pate_moments moments_moved(const double *counts, size_t classes, double noise_eps,
                                      syi_pate_top top, double moved)
{
    return syi_pate_moments_of(syi_pate_q_moved(counts, classes, noise_eps, top, moved),
                               2 * noise_eps);
}

/* sens_at_k without checks; 0 beyond the meeting of the first two. */
static double sens_at(const double *counts, size_t classes, double noise_eps, double l, double k)
{
    const syi_pate_top top = syi_pate_top_of(counts, classes);
    if (counts[top.first] < counts[top.second] + k) {
        return 0;
    }
    const syi_pate_moments here = moments_moved(counts, classes, noise_eps, top, k);
    const syi_pate_moments next = moments_moved(counts, classes, noise_eps, top, k + 1);
    return syi_pate_logmgf(&next, l) - syi_pate_logmgf(&here, l);
}

static sy_status check_sens(const char *function, const double *counts, size_t classes,
                            double noise_eps, double l, sy_error *err)
{
    SY_TRY(syi_pate_check_counts(function, counts, classes, err));
    SY_TRY(syi_check_positive(function, "noise_eps", noise_eps, err));
    return syi_check_positive(function, "l", l, err);
}

sy_status sy_pate_sens_at_k(double *sensitivity, const double *counts, size_t classes,
                            double noise_eps, double l, uint64_t k, unsigned *warnings,
                            sy_error *err)
{
    SY_TRY(check_sens("sens_at_k", counts, classes, noise_eps, l, err));
    if (0.5 * noise_eps * l > 1) {
        warn(warnings, SY_PATE_MOMENT_TOO_HIGH);
        *sensitivity = 0;
        return SY_OK;
    }
    *sensitivity = sens_at(counts, classes, noise_eps, l, (double)k);
    return SY_OK;
}

sy_status sy_pate_smoothed_sens(double *sensitivity, const double *counts, size_t classes,
                                double noise_eps, double l, double beta, unsigned *warnings,
                                sy_error *err)
{
    SY_TRY(check_sens("smoothed_sens", counts, classes, noise_eps, l, err));
    SY_TRY(syi_check_not_negative("smoothed_sens", "beta", beta, err));
    *sensitivity = 0;
    if (0.5 * noise_eps * l > 1) {
        warn(warnings, SY_PATE_MOMENT_TOO_HIGH);
        return SY_OK;
    }
    const double most = ceil(counts[syi_pate_winner(counts, classes)]);
    for (double k = 0; k <= fmax(most, 0); k++) {
        const double here = sens_at(counts, classes, noise_eps, l, k);
        *sensitivity = fmax(*sensitivity, exp(-beta * k) * here);
        if (k > 0 && here == 0) {
            break;
        }
    }
    return SY_OK;
}
