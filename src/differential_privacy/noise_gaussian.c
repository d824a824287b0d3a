/*
 * noise_gaussian.c - the discrete Gaussian for sigma = 2^power. Part of noise.h. Test: noise_gaussian_test.c.
 *
 * |y| = c 2^b + j with sigma = 16 * 2^b: the cell c has probability proportional to exp(-c^2/512) (cells.h), j is uniform below
 * 2^b, and is taken with probability exp(-z), z = j (c 2^(b+1) + j) / (2 sigma^2), which is above 0.9 most of the time. The product of
 * both is exp(-y^2 / (2 sigma^2)): algorithm D of Karney 2016 ("Sampling exactly from the normal distribution") with finer cells. z
 * is a fraction of 2b + 9 bits, at most 101, so that coins of probability z are decided by two words.
 */
#include "core/error.h"
#include "differential_privacy/noise.h"

/* true with probability n / 2^bits, n < 2^bits: random bits are compared with those of n from the top until they differ. */
static sy_status flip(sy_noise *noise, bool *outcome, syi_u128 n, unsigned bits, sy_error *err)
{
    const syi_u128 aligned = n << (128 - bits);
    const uint64_t top = (uint64_t)(aligned >> 64);
    uint64_t word;
    SY_TRY(syi_noise_draw(noise, &word, err));
    if (word != top) {
        *outcome = word < top;
        return SY_OK;
    }
    SY_TRY(syi_noise_draw(noise, &word, err));
    *outcome = word < (uint64_t)aligned;
    return SY_OK;
}

/* true with probability exp(-n / 2^bits): algorithm 1, whose chance z/k is z and 1/k. */
static sy_status flip_exp(sy_noise *noise, bool *outcome, syi_u128 n, unsigned bits, sy_error *err)
{
    if (n >> bits != 0) { /* far out */
        const syi_wide above = syi_wide_from(n), below = syi_wide_from((syi_u128)1 << bits);
        return syi_noise_bernoulli_exp(noise, outcome, &above, &below, err);
    }
    for (uint64_t k = 1;; k++) {
        bool again = false;
        uint64_t drawn = 0;
        SY_TRY(flip(noise, &again, n, bits, err));
        if (again && k > 1) {
            SY_TRY(sy_noise_uniform(noise, &drawn, k, err));
        }
        if (!again || drawn != 0) {
            *outcome = k % 2 == 1;
            return SY_OK;
        }
    }
}

static sy_status find_cell(sy_noise *noise, unsigned *cell, sy_error *err)
{
    uint64_t words[SYI_CELLS_WORDS];
    SY_TRY(syi_noise_draw(noise, &words[0], err));
    if (syi_cells_find_first(&noise->cells, words[0], cell)) {
        return SY_OK;
    }
    for (unsigned have = 2; have <= SYI_CELLS_WORDS; have++) {
        SY_TRY(syi_noise_draw(noise, &words[have - 1], err));
        if (syi_cells_find(&noise->cells, words, have, cell)) {
            return SY_OK;
        }
    }
    return syi_fail(err, SY_ERANGE, "noise: 192 bits decide nothing about a sample");
}

static sy_status draw_one(sy_noise *noise, int64_t *sample, unsigned b, sy_error *err)
{
    for (;;) {
        unsigned c;
        uint64_t word;
        bool taken = false;
        SY_TRY(find_cell(noise, &c, err));
        if (c == SYI_CELLS) {
            continue;
        }
        SY_TRY(syi_noise_draw(noise, &word, err));
        const bool negative = word >> 63 != 0;
        const uint64_t j = word & (((uint64_t)1 << b) - 1), y = ((uint64_t)c << b) + j;
        if (negative && y == 0) { /* 0 must not have two signs */
            continue;
        }
        const syi_u128 n = (syi_u128)j * (((uint64_t)c << (b + 1)) + j);
        SY_TRY(flip_exp(noise, &taken, n, 2 * b + 2 * SYI_CELLS_LOG + 1, err));
        if (taken) {
            *sample = negative ? -(int64_t)y : (int64_t)y;
            return SY_OK;
        }
    }
}

sy_status syi_noise_gaussian_power(sy_noise *noise, int64_t *samples, size_t count, unsigned power,
                                   sy_error *err)
{
    if (!noise->has_cells) {
        syi_cells_init(&noise->cells);
        noise->has_cells = true;
    }
    for (size_t k = 0; k < count; k++) {
        SY_TRY(draw_one(noise, &samples[k], power - SYI_CELLS_LOG, err));
    }
    return SY_OK;
}
