/*
 * subsampled.c - the Renyi divergence of the sampled Gaussian mechanism (Mironov, Talwar, Zhang 2019). Interface: curves.h.
 * Test: curves_test.c.
 *
 * A(a) = E[(1 - q + q e^w)^a] for z normal with deviation m, w = (2 z - 1) / (2 m^2). For a small q it is 1 and next to
 * nothing, and the "next to nothing" is all that matters. So both ways compute A - 1 of terms that are not negative:
 * in the sum the two terms of exponent 0 are taken out; in the integral u = q (e^w - 1) has mean 0, so that 1 + a u
 * may be taken from (1 + u)^a without changing it, and Bernoulli's inequality says the rest is at least 0.
 */
#include "differential_privacy/curves.h"

#include <math.h>

#include "differential_privacy/special.h"

#define POINTS_MOST 65536.0
#define WHOLE_MOST 65536.0
#define REACH 12.0 /* deviations beyond both ends: e^-72 */

/* sum over k >= 2 of (a over k) q^k (1-q)^(a-k) (e^((k^2-k) / (2 m^2)) - 1) */
static double log_excess_whole(double order, double q, double m)
{
    const double log_q = log(q), log_rest = log1p(-q);
    double log_sum = -INFINITY;
    for (double k = 2; k <= order; k++) {
        const double x = k * (k - 1) / 2 / m / m;
        const double log_growth = x > 30 ? x + log1p(-exp(-x)) : log(expm1(x));
        const double term =
            syi_log_binomial(order, k) + k * log_q + (order - k) * log_rest + log_growth;
        log_sum = syi_log_add(log_sum, term);
    }
    return log_sum;
}

/* log((1+u)^a - 1 - a u), u = q (e^w - 1) */
static double log_convex_rest(double a, double q, double w)
{
    const double log_large = log(q) + w; /* log u, where w is large */
    if (log_large > 600) {               /* u alone would overflow */
        return a * log_large;
    }
    const double u = w > 600 ? exp(log_large) : q * expm1(w), power = a * log1p(u);
    if (power > 40) {
        return power + log1p(-(1 + a * u) * exp(-power));
    }
    if (fabs(a * u) > 0.1) {
        return log(expm1(power) - a * u);
    }
    double term = a * u, sum = 0; /* the binomial series without its first two terms */
    for (int k = 2; k < 24; k++) {
        term *= (a - k + 1) / k * u;
        sum += term;
    }
    return log(sum);
}

/* In units of the deviation the integrand is analytic in a strip of half width pi m around the real line; the trapezoidal
 * rule with steps of 0.3 m is exact to double precision then, with 0.25 where the strip is wide. */
static double step_of(double m)
{
    return fmin(0.25, 0.3 * m);
}

static double log_excess_integral(double order, double q, double m)
{
    const double step = step_of(m), first = -REACH, last = order / m + REACH;
    const double count = ceil((last - first) / step);
    double most = -INFINITY, sum = 0; /* of the integrand: e^most * sum */
    for (double k = 0; k <= count; k++) {
        const double t = first + k * step;
        const double x = log_convex_rest(order, q, (2 * m * t - 1) / (2 * m * m)) - t * t / 2;
        if (x > most) {
            sum = sum * exp(most - x) + 1;
            most = x;
        } else if (x > most - 80) {
            sum += exp(x - most);
        }
    }
    return most + log(sum * step) - 0.918938533204672741780; /* log sqrt(2 pi) */
}

/* log(1 + e^x) */
static double log_one_and(double x)
{
    return x > 40 ? x : log1p(exp(x));
}

static double log_moment(double order, double q, double m)
{
    if (order == floor(order) && order <= WHOLE_MOST) {
        return log_one_and(log_excess_whole(order, q, m));
    }
    if (order <= WHOLE_MOST && (order / m + 2 * REACH) / step_of(m) <= POINTS_MOST) {
        return log_one_and(log_excess_integral(order, q, m));
    }
    if (order > WHOLE_MOST) { /* without the sample's help */
        return order * (order - 1) / 2 / m / m;
    }
    /* log A is convex in the order and 0 at 1: its chord lies above. */
    const double low = floor(order), part = order - low;
    const double at_low = low > 1 ? log_moment(low, q, m) : 0;
    return (1 - part) * at_low + part * log_moment(low + 1, q, m);
}

double syi_rdp_subsampled_gaussian(double order, double sampling_rate, double noise_multiplier)
{
    if (sampling_rate == 0) {
        return 0;
    }
    const double unsampled = order / 2 / noise_multiplier / noise_multiplier;
    if (sampling_rate == 1 || order == INFINITY) {
        return unsampled;
    }
    return fmin(log_moment(order, sampling_rate, noise_multiplier) / (order - 1), unsampled);
}
