/*
 * special.h - special functions and sums in log space, for everything in this room that adds up small
 * probabilities. Room differential_privacy; not for other rooms. Test: special_test.c.
 *
 * Relative errors are below 1e-13 unless a line says otherwise. log of 0 is -INFINITY everywhere.
 */
#ifndef SYI_DIFFERENTIAL_PRIVACY_SPECIAL_H
#define SYI_DIFFERENTIAL_PRIVACY_SPECIAL_H

#include <stddef.h>

/* log(e^a + e^b) */
double syi_log_add(double a, double b);
/* log(1 - e^x), x <= 0 */
double syi_log1mexp(double x);
/* e^(x^2) erfc(x), x >= 0; does not overflow and does not underflow early. */
double syi_erfcx(double x);
/* log Phi(x), Phi the distribution function of the standard normal distribution */
double syi_log_normal_cdf(double x);
/* (1 - Phi(x)) / phi(x), Mills' ratio; x >= -37 */
double syi_mills(double x);
/* The x with log erfc(x) = log_y: erfcinv of e^log_y, also where e^log_y is below the smallest double.
 * log_y < log 2. */
double syi_erfc_inverse_log(double log_y);
/* log erfc(x) */
double syi_log_erfc(double x);
/* log of the binomial coefficient (n over k), 0 <= k <= n */
double syi_log_binomial(double n, double k);

/* A sum that keeps what rounding loses (Neumaier, 1974). Starts as {0}. Infinities are kept. */
typedef struct syi_sum {
    double sum, lost;
} syi_sum;
void syi_sum_add(syi_sum *sum, double term);
double syi_sum_value(const syi_sum *sum);

#endif
