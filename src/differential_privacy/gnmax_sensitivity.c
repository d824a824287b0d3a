/*
 * gnmax_sensitivity.c - local and smooth sensitivity of the 2018 bounds (paper, appendix B). Face: csyft/pate.h. Test:
 * gnmax_sensitivity_test.c.
 */
#include "differential_privacy/gnmax_sensitivity.h"

#include "core/memory.h"
#include "differential_privacy/checks.h"
#include "differential_privacy/gnmax.h"
#include "differential_privacy/pate.h"
#include "differential_privacy/special.h"

/* q0 ------------------------------------------------------------------------------------------------------------------- */

static double advantage(double order, double logq, double sigma)
{
    return syi_gnmax_rdp_by_q(order, logq, sigma) - order / sigma / sigma;
}

static sy_status find_logq0(double *logq0, double order, double sigma, sy_error *err)
{
    const double a = 1 + 1 / sigma, b = (order - 0.99) / sigma, c = 1 / sigma;
    double high = -fmax(fmax(a * a, b * b), c * c),
           low = 2 * high; /* the bound applies below `high` */
    if (!syi_gnmax_applies(order, high, sigma)) {
        return syi_fail(err, SY_ERANGE, "logq0_gnmax: no q0 for order %g and sigma %g", order,
                        sigma);
    }
    if (advantage(order, high, sigma) < 0) {
        *logq0 = high;
        return SY_OK;
    }
    while (!(advantage(order, low, sigma) <= 0)) {
        low *= 1.5;
        if (low < -1e12) {
            return syi_fail(err, SY_ERANGE, "logq0_gnmax: no q0 for order %g and sigma %g", order,
                            sigma);
        }
    }
    for (int k = 0; k < 200; k++) {
        const double middle = low + (high - low) / 2;
        *(advantage(order, middle, sigma) > 0 ? &high : &low) = middle;
    }
    *logq0 = low;
    return SY_OK;
}

sy_status sy_pate_logq0_gnmax(double *logq0, double order, double sigma, sy_error *err)
{
    SY_TRY(syi_check_order("logq0_gnmax", order, err));
    SY_TRY(syi_check_positive("logq0_gnmax", "sigma", sigma, err));
    return find_logq0(logq0, order, sigma, err);
}

/* Local sensitivity of GNMax --------------------------------------------------------------------------------------------- */

/* log of the least and the most that q can become when one vote changes (Proposition 11): (m-1)/2 erfc(erfcinv(2 q / (m-1)) +-
 * 1/sigma). `towards` is +1 or -1. */
static double moved_logq(double logq, double sigma, size_t classes, double towards)
{
    const double pairs = (double)classes - 1;
    const double x = syi_erfc_inverse_log(log(2 / pairs) + logq);
    return fmin(log(pairs / 2) + syi_log_erfc(x + towards / sigma), 0);
}

/* The bound as the sensitivity analysis takes it: by q below q0, anyhow above. */
static double bound_at(const syi_gnmax_kind *kind, double logq)
{
    return logq >= kind->logq0 ? kind->order / kind->sigma / kind->sigma
                               : syi_gnmax_rdp_by_q(kind->order, logq, kind->sigma);
}

/* Algorithm 3 */
static double local_sensitivity(const syi_gnmax_kind *kind, double logq)
{
    if (kind->logq1 <= logq && logq <= kind->logq0) {
        logq = kind->logq1;
    }
    const double here = bound_at(kind, logq);
    const double above = bound_at(kind, moved_logq(logq, kind->sigma, kind->classes, -1));
    const double below = bound_at(kind, moved_logq(logq, kind->sigma, kind->classes, 1));
    return fmax(above - here, here - below);
}

sy_status syi_gnmax_kind_init(syi_gnmax_kind *kind, double order, double sigma, size_t classes,
                              sy_error *err)
{
    *kind = (syi_gnmax_kind){.order = order, .sigma = sigma, .classes = classes};
    SY_TRY(find_logq0(&kind->logq0, order, sigma, err));
    kind->logq1 = moved_logq(kind->logq0, sigma, classes, 1);
    kind->plateau = local_sensitivity(kind, kind->logq1);
    return SY_OK;
}

static void sort_falling(double *counts, size_t classes)
{
    for (size_t k = 1; k < classes; k++) {
        const double count = counts[k];
        size_t place = k;
        while (place > 0 && counts[place - 1] < count) {
            counts[place] = counts[place - 1];
            place--;
        }
        counts[place] = count;
    }
}

/* One vote from the second to the first, towards agreement; the order is kept. */
static void agree(double *sorted, size_t classes)
{
    sorted[0]++;
    sorted[1]--;
    for (size_t k = 1; k + 1 < classes && sorted[k] < sorted[k + 1]; k++) {
        const double count = sorted[k];
        sorted[k] = sorted[k + 1];
        sorted[k + 1] = count;
    }
}

/* Algorithms 4 and 5: the votes are moved to where the sensitivity is highest, between q1 and q0, and from there on it is the
 * plateau's. */
void syi_gnmax_add_sensitivities(const syi_gnmax_kind *kind, double *bounds, size_t teachers,
                                 double *sorted, double times)
{
    sort_falling(sorted, kind->classes);
    double logq = syi_gnmax_logq(sorted, kind->classes, kind->sigma);
    const bool left = logq > kind->logq0;
    size_t d = 0;
    if (!(kind->logq1 <= logq && logq <= kind->logq0)) {
        bounds[d++] += times * local_sensitivity(kind, logq);
        while (d < teachers && (left ? logq > kind->logq0 && sorted[1] > 0 : logq < kind->logq1)) {
            if (left) {
                agree(sorted, kind->classes);
            } else {
                sorted[0]--;
                sorted[1]++;
            }
            logq = syi_gnmax_logq(sorted, kind->classes, kind->sigma);
            bounds[d++] += times * local_sensitivity(kind, logq);
        }
    }
    for (; d < teachers; d++) {
        bounds[d] += times * kind->plateau;
    }
}

static sy_status check_teachers(const char *function, const double *counts, size_t classes,
                                size_t teachers, sy_error *err)
{
    SY_TRY(syi_pate_check_counts(function, counts, classes, err));
    if (teachers == 0) {
        return syi_fail(err, SY_EINVAL, "%s: teachers is 0, must be 1 or more", function);
    }
    return SY_OK;
}

sy_status sy_pate_local_sensitivity_gnmax(sy_context *context, double *bounds, size_t teachers,
                                          const double *counts, size_t classes, double order,
                                          double sigma, sy_error *err)
{
    static const char who[] = "local_sensitivity_gnmax";
    syi_gnmax_kind kind;
    SY_TRY(check_teachers(who, counts, classes, teachers, err));
    SY_TRY(syi_check_order(who, order, err));
    SY_TRY(syi_check_positive(who, "sigma", sigma, err));
    for (size_t k = 0; k < classes; k++) {
        SY_TRY(syi_check_not_negative(who, "a count", counts[k], err));
    }
    SY_TRY(syi_gnmax_kind_init(&kind, order, sigma, classes, err));
    double *sorted = syi_alloc_array(context, classes, sizeof *sorted);
    if (sorted == NULL) {
        return SYI_ENOMEM(err, who);
    }
    syi_copy_bytes(sorted, counts, classes * sizeof *sorted);
    for (size_t d = 0; d < teachers; d++) {
        bounds[d] = 0;
    }
    syi_gnmax_add_sensitivities(&kind, bounds, teachers, sorted, 1);
    syi_free_secret(context, sorted, classes * sizeof *sorted);
    return SY_OK;
}

/* The threshold ------------------------------------------------------------------------------------------------------------ */

/* When the largest count is v, how much one teacher more or less changes the divergence. */
static double step_at(double v, double teachers, double order, double threshold, double sigma)
{
    double rdp[3];
    for (int k = 0; k < 3; k++) {
        const double log_answered = syi_gnmax_log_answered(v - 1 + k, threshold, sigma);
        rdp[k] = syi_gnmax_rdp_threshold(order, log_answered, sigma);
    }
    const double down = v > 0 ? fabs(rdp[0] - rdp[1]) : 0;
    const double up = v < teachers ? fabs(rdp[2] - rdp[1]) : 0;
    return fmax(down, up);
}

void syi_threshold_add_sensitivities(double *bounds, size_t teachers, double largest, double order,
                                     double threshold, double sigma)
{
    const double n = (double)teachers, v = fmax(rint(largest), 0);
    for (size_t d = 0; d < teachers; d++) {
        const double above = v + (double)d, below = v - (double)d;
        if (above >= n && below <= 0 && d > 0 && (double)d >= fmax(v, n - v)) {
            break; /* nothing is that far away */
        }
        double most = 0;
        if (above <= n) {
            most = step_at(above, n, order, threshold, sigma);
        }
        if (below >= 0) {
            most = fmax(most, step_at(below, n, order, threshold, sigma));
        }
        bounds[d] += most;
    }
}

sy_status sy_pate_local_sensitivity_threshold(double *bounds, size_t teachers, const double *counts,
                                              size_t classes, double order, double threshold,
                                              double sigma, sy_error *err)
{
    static const char who[] = "local_sensitivity_threshold";
    SY_TRY(check_teachers(who, counts, classes, teachers, err));
    SY_TRY(syi_check_order(who, order, err));
    SY_TRY(syi_check_positive(who, "sigma", sigma, err));
    const double largest = counts[syi_pate_winner(counts, classes)];
    if (!isfinite(threshold) || rint(largest) < 0 || rint(largest) > (double)teachers) {
        return syi_fail(err, SY_EINVAL,
                        "%s: threshold %g and a largest count of %g from %zu teachers", who,
                        threshold, largest, teachers);
    }
    for (size_t d = 0; d < teachers; d++) {
        bounds[d] = 0;
    }
    syi_threshold_add_sensitivities(bounds, teachers, largest, order, threshold, sigma);
    return SY_OK;
}

/* Release -------------------------------------------------------------------------------------------------------------------- */

double syi_gnmax_smooth(const double *bounds, size_t count, double beta)
{
    double most = 0;
    for (size_t d = 0; d < count; d++) {
        most = fmax(most, bounds[d] * exp(-beta * (double)d));
    }
    return most;
}

sy_status sy_pate_smooth(double *sensitivity, const double *bounds, size_t count, double beta,
                         sy_error *err)
{
    SY_TRY(syi_check_not_negative("smooth", "beta", beta, err));
    for (size_t d = 0; d < count; d++) {
        if (!(bounds[d] >= 0)) {
            return syi_fail(err, SY_EINVAL, "smooth: bounds[%zu] is %g, must be 0 or more", d,
                            bounds[d]);
        }
    }
    *sensitivity = syi_gnmax_smooth(bounds, count, beta);
    return SY_OK;
}

sy_status sy_pate_rdp_of_release(double *rdp, double order, double beta, double sigma,
                                 sy_error *err)
{
    SY_TRY(syi_check_order("rdp_of_release", order, err));
    SY_TRY(syi_check_not_negative("rdp_of_release", "beta", beta, err));
    SY_TRY(syi_check_positive("rdp_of_release", "sigma", sigma, err));
    if (!(2 * beta * order < 1)) {
        return syi_fail(err, SY_EINVAL,
                        "rdp_of_release: order is %g, must be below 1 / (2 beta) = %g", order,
                        0.5 / beta);
    }
    *rdp = order * exp(2 * beta) / sigma / sigma +
           (beta * order - 0.5 * log1p(-2 * order * beta)) / (order - 1);
    return SY_OK;
}

/* Conditions ------------------------------------------------------------------------------------------------------------------ */

#define GRID 4000
#define GRID_DEPTH 60.0 /* how far below the end, in log q */
#define NOISE 1e-11     /* relative: what rounding makes of values in the difference */

sy_status sy_pate_check_conditions(bool *c5, bool *c6, double order, double sigma, size_t classes,
                                   sy_error *err)
{
    static const char who[] = "check_conditions";
    syi_gnmax_kind kind;
    SY_TRY(syi_check_order(who, order, err));
    SY_TRY(syi_check_positive(who, "sigma", sigma, err));
    if (classes < 2) {
        return syi_fail(err, SY_EINVAL, "%s: classes is %zu, must be 2 or more", who, classes);
    }
    SY_TRY(syi_gnmax_kind_init(&kind, order, sigma, classes, err));
    bool rises = true, steps_rise = true;
    double last = 0, last_step = 0;
    for (int k = GRID; k >= 0; k--) {
        const double below = GRID_DEPTH * k / GRID;
        const double here = syi_gnmax_rdp_by_q(order, kind.logq0 - below, sigma);
        rises = rises && here >= last * (1 - NOISE);
        last = here;
        const double logq = kind.logq1 - below;
        const double base = syi_gnmax_rdp_by_q(order, logq, sigma);
        const double step =
            syi_gnmax_rdp_by_q(order, moved_logq(logq, sigma, classes, -1), sigma) - base;
        steps_rise = steps_rise && step >= last_step - NOISE * (base + step);
        last_step = step;
    }
    *c5 = rises;
    *c6 = rises && steps_rise;
    return SY_OK;
}
