/*
 * noise.h - coin flips of exact probability, and the discrete distributions made of them (Canonne, Kamath, Steinke 2020,
 * "The Discrete Gaussian for Differential Privacy", algorithms 1 to 3). Room differential_privacy. Test: noise_test.c.
 *
 * Probabilities are exp(-n/d) of integers of 512 bits. With noise parameters from 2^-30 to 2^50 and samples below 2^62 the
 * largest number is (2^62 b t)^2 < 2^460, sigma^2 = a/b, t = floor(sigma) + 1. A Gaussian whose sigma is a power of two is drawn
 * in a quicker way, of the same distribution.
 */
#ifndef SYI_DIFFERENTIAL_PRIVACY_NOISE_H
#define SYI_DIFFERENTIAL_PRIVACY_NOISE_H

#include <csyft/mechanisms.h>

#include <string.h>

#include "differential_privacy/cells.h"
#include "differential_privacy/wide.h"
#include "ring/generator.h"

enum { SYI_NOISE_AHEAD = 4096 }; /* bytes of the stream made at once */

struct sy_noise {
    sy_context *context;
    syi_generator generator;
    uint64_t place; /* of the next block of the stream */
    size_t left;    /* bytes of `ahead` that nobody had yet, at its end */
    uint8_t ahead[SYI_NOISE_AHEAD];
    bool has_cells;
    syi_cells cells; /* from the first sample on that needs them */
};

sy_context *syi_noise_get_context(const sy_noise *noise);

/* The next bytes of the stream. */
sy_status syi_noise_refill(sy_noise *noise, sy_error *err);

/* 64 random bits. */
static inline sy_status syi_noise_draw(sy_noise *noise, uint64_t *word, sy_error *err)
{
    if (noise->left == 0) {
        const sy_status status = syi_noise_refill(noise, err);
        if (status != SY_OK) {
            return status;
        }
    }
    uint8_t *at = noise->ahead + SYI_NOISE_AHEAD - noise->left;
    memcpy(word, at, sizeof *word);
    memset(at, 0, sizeof *word); /* past noise is not kept */
    noise->left -= sizeof *word;
    return SY_OK;
}

/* true with probability n/d, 0 <= n, 0 < d; n >= d: always. */
sy_status syi_noise_bernoulli(sy_noise *noise, bool *outcome, const syi_wide *n, const syi_wide *d,
                              sy_error *err);
/* true with probability exp(-n/d) */
sy_status syi_noise_bernoulli_exp(sy_noise *noise, bool *outcome, const syi_wide *n,
                                  const syi_wide *d, sy_error *err);

/* noise_gaussian.c: P(x) proportional to exp(-x^2 / (2 sigma^2)) for sigma = 2^power, power from SYI_CELLS_LOG to 50. */
sy_status syi_noise_gaussian_power(sy_noise *noise, int64_t *samples, size_t count, unsigned power,
                                   sy_error *err);
/* noise.c: the same for any sigma of sy_noise_discrete_gaussian, by algorithm 3. */
sy_status syi_noise_gaussian_any(sy_noise *noise, int64_t *samples, size_t count, double sigma,
                                 sy_error *err);

/* A positive finite double as odd * 2^exponent. */
uint64_t syi_noise_split(double value, int *exponent);

#endif
