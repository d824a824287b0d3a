/* special.c - see special.h. */
#include "differential_privacy/special.h"

#include <math.h>

#define LOG_2 0.693147180559945309417
#define LOG_SQRT_2PI 0.918938533204672741780
#define SQRT_PI 1.77245385090551602730
#define SQRT_HALF 0.707106781186547524401
#define SQRT_HALF_PI 1.25331413731550025121

double syi_log_add(double a, double b)
{
    const double low = fmin(a, b), high = fmax(a, b);
    return low == -INFINITY || high == INFINITY ? high : high + log1p(exp(low - high));
}

double syi_log1mexp(double x)
{
    return x > -LOG_2 ? log(-expm1(x)) : log1p(-exp(x));
}

/* The continued fraction of erfc (Abramowitz and Stegun, 7.1.14), from its end. It needs fewer terms the
 * larger x is: 68 at 4, 12 far out. */
static double erfcx_fraction(double x)
{
    double tail = x;
    for (int k = 12 + (int)(900 / (x * x)); k > 0; k--) {
        tail = x + 0.5 * k / tail;
    }
    return 1 / (SQRT_PI * tail);
}

double syi_erfcx(double x)
{
    if (x > 4) {
        return erfcx_fraction(x);
    }
    const double square = x * x;
    return exp(square) * (1 + fma(x, x, -square)) * erfc(x);
}

double syi_log_erfc(double x)
{
    if (x > 4) {
        return log(syi_erfcx(x)) - x * x;
    }
    return x > 0 ? log(erfc(x)) : LOG_2 + log1p(-0.5 * erfc(-x));
}

double syi_log_normal_cdf(double x)
{
    if (x > 0) { /* near 0; not by log 2 + ... - log 2 */
        return log1p(-0.5 * erfc(x * SQRT_HALF));
    }
    return syi_log_erfc(-x * SQRT_HALF) - LOG_2;
}

double syi_mills(double x)
{
    if (x >= 0) {
        return SQRT_HALF_PI * syi_erfcx(x * SQRT_HALF);
    }
    return exp(x * x / 2 + LOG_SQRT_2PI + syi_log_normal_cdf(-x));
}

double syi_erfc_inverse_log(double log_y)
{
    /* Newton on log erfc, which is concave and falling, from its right: it cannot overshoot. */
    double x = log_y < -1 ? sqrt(-log_y) : 1;
    for (int k = 0; k < 200; k++) {
        const double value = syi_log_erfc(x) - log_y;
        /* d/dx log erfc = -2/sqrt(pi) e^(-x^2) / erfc(x) */
        const double slope =
            x > 0 ? -2 / (SQRT_PI * syi_erfcx(x)) : -2 / SQRT_PI * exp(-x * x - syi_log_erfc(x));
        const double step = value / slope;
        const double next = x - step;
        if (!(fabs(step) > 1e-16 * fmax(fabs(x), 1e-3))) {
            return next;
        }
        x = next;
    }
    return x;
}

double syi_log_binomial(double n, double k)
{
    int sign;
    if (k <= 16) { /* without the difference of large numbers */
        double log_product = 0;
        for (double i = 1; i <= k; i++) {
            log_product += log((n - k + i) / i);
        }
        return log_product;
    }
    return lgamma_r(n + 1, &sign) - lgamma_r(k + 1, &sign) - lgamma_r(n - k + 1, &sign);
}

void syi_sum_add(syi_sum *sum, double term)
{
    const double next = sum->sum + term;
    if (isfinite(next)) {
        sum->lost +=
            fabs(sum->sum) >= fabs(term) ? (sum->sum - next) + term : (term - next) + sum->sum;
    }
    sum->sum = next;
}

double syi_sum_value(const syi_sum *sum)
{
    return sum->sum + sum->lost;
}
