/*
 * noise.h - coin flips of exact probability, and the discrete distributions made of them (Canonne, Kamath, Steinke 2020,
 * "The Discrete Gaussian for Differential Privacy", algorithms 1 to 3). Room differential_privacy. Test: noise_test.c.
 *
 * Probabilities are exp(-n/d) of integers of 512 bits. With noise parameters from 2^-30 to 2^50 and samples below 2^62 the
 * largest number is (2^62 b t)^2 < 2^460, sigma^2 = a/b, t = floor(sigma) + 1.
 */
#ifndef SYI_DIFFERENTIAL_PRIVACY_NOISE_H
#define SYI_DIFFERENTIAL_PRIVACY_NOISE_H

#include <csyft/mechanisms.h>

#include "differential_privacy/wide.h"

sy_context *syi_noise_get_context(const sy_noise *noise);

/* true with probability n/d, 0 <= n, 0 < d; n >= d: always. */
sy_status syi_noise_bernoulli(sy_noise *noise, bool *outcome, const syi_wide *n, const syi_wide *d,
                              sy_error *err);
/* true with probability exp(-n/d) */
sy_status syi_noise_bernoulli_exp(sy_noise *noise, bool *outcome, const syi_wide *n,
                                  const syi_wide *d, sy_error *err);

/* A positive finite double as odd * 2^exponent. */
uint64_t syi_noise_split(double value, int *exponent);

#endif
