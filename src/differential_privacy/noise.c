/* noise.c - see noise.h; the face is csyft/mechanisms.h. */
#include "differential_privacy/noise.h"

#include <math.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/surroundings.h"

sy_status sy_noise_new(sy_context *context, sy_noise **noise, sy_error *err)
{
    static const char name[] = "csyft/noise";
    uint8_t seed[SYI_SEED_SIZE];
    *noise = NULL;
    sy_noise *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "noise");
    }
    made->context = context;
    sy_status status = syi_random_bytes(context, seed, sizeof seed, err);
    if (status == SY_OK) {
        status = syi_generator_init(&made->generator, seed, name, sizeof name - 1, err);
        syi_wipe(seed, sizeof seed);
    }
    if (status != SY_OK) {
        syi_free_secret(context, made, sizeof *made);
        return status;
    }
    *noise = made;
    return SY_OK;
}

void sy_noise_free(sy_noise *noise)
{
    if (noise != NULL) {
        syi_generator_fini(&noise->generator);
        syi_free_secret(noise->context, noise, sizeof *noise);
    }
}

sy_context *syi_noise_get_context(const sy_noise *noise)
{
    return noise->context;
}

sy_status syi_noise_refill(sy_noise *noise, sy_error *err)
{
    SY_TRY(syi_generator_fill(&noise->generator, noise->place, noise->ahead, SYI_NOISE_AHEAD, err));
    noise->place += SYI_NOISE_AHEAD / SYI_GENERATOR_BLOCK;
    noise->left = SYI_NOISE_AHEAD;
    return SY_OK;
}

/* As many bits as the top limb has. */
static uint64_t mask_of(uint64_t limb)
{
    return limb == 0 ? 0 : UINT64_MAX >> __builtin_clzll(limb);
}

sy_status sy_noise_uniform(sy_noise *noise, uint64_t *sample, uint64_t bound, sy_error *err)
{
    if (bound == 0) {
        return syi_fail(err, SY_EINVAL, "noise_uniform: bound is 0, must be 1 or more");
    }
    const uint64_t mask = mask_of(bound - 1);
    uint64_t word;
    do {
        SY_TRY(syi_noise_draw(noise, &word, err));
        word &= mask;
    } while (word >= bound);
    *sample = word;
    return SY_OK;
}

/*
 * A uniform U < d is compared with n from the top limb down; lower limbs are only drawn while that is undecided, which after
 * one limb of 64 bits it nearly never is. *decided is false where U >= d, and another U is due.
 */
static sy_status compare_uniform(sy_noise *noise, bool *below_n, bool *decided, const syi_wide *n,
                                 const syi_wide *d, sy_error *err)
{
    int against_n = 0, against_d = 0;
    for (unsigned i = d->used; i-- > 0 && (against_n == 0 || against_d == 0);) {
        uint64_t word;
        SY_TRY(syi_noise_draw(noise, &word, err));
        word &= i == d->used - 1 ? mask_of(d->limbs[i]) : UINT64_MAX;
        if (against_d == 0 && word != d->limbs[i]) {
            against_d = word < d->limbs[i] ? -1 : 1;
        }
        if (against_n == 0 && word != n->limbs[i]) {
            against_n = word < n->limbs[i] ? -1 : 1;
        }
        if (against_d > 0) {
            break;
        }
    }
    *decided = against_d < 0;
    *below_n = against_n < 0;
    return SY_OK;
}

sy_status syi_noise_bernoulli(sy_noise *noise, bool *outcome, const syi_wide *n, const syi_wide *d,
                              sy_error *err)
{
    if (syi_wide_compare(n, d) >= 0) {
        *outcome = true;
        return SY_OK;
    }
    bool decided = false;
    while (!decided) {
        SY_TRY(compare_uniform(noise, outcome, &decided, n, d, err));
    }
    return SY_OK;
}

/*
 * Algorithm 1 for n <= d: the number of successes in a row of chances n/d, n/2d, n/3d, ... is even with probability exp(-n/d).
 * Most fractions are words, and need no wide numbers until k is larger than it ever gets.
 */
static sy_status bernoulli_exp_below_one(sy_noise *noise, bool *outcome, const syi_wide *n,
                                         const syi_wide *d, sy_error *err)
{
    const bool words = d->used == 1 && d->limbs[0] < UINT64_C(1) << 57;
    for (uint64_t k = 1;; k++) {
        bool again = false;
        if (words && k <= 64) {
            uint64_t drawn = 0;
            SY_TRY(sy_noise_uniform(noise, &drawn, d->limbs[0] * k, err));
            again = drawn < n->limbs[0];
        } else {
            const syi_wide factor = syi_wide_from(k), chances = syi_wide_multiply(d, &factor);
            SY_TRY(syi_noise_bernoulli(noise, &again, n, &chances, err));
        }
        if (!again) {
            *outcome = k % 2 == 1;
            return SY_OK;
        }
    }
}

sy_status syi_noise_bernoulli_exp(sy_noise *noise, bool *outcome, const syi_wide *n,
                                  const syi_wide *d, sy_error *err)
{
    static const syi_wide one = {.limbs = {1}, .used = 1};
    syi_wide rest = *n;
    *outcome = true;
    while (syi_wide_compare(&rest, d) > 0) { /* exp(-1) for each whole */
        SY_TRY(bernoulli_exp_below_one(noise, outcome, &one, &one, err));
        if (!*outcome) {
            return SY_OK;
        }
        rest = syi_wide_subtract(&rest, d);
    }
    return bernoulli_exp_below_one(noise, outcome, &rest, d, err);
}

uint64_t syi_noise_split(double value, int *exponent)
{
    const uint64_t whole = (uint64_t)ldexp(frexp(value, exponent), 53);
    const int zeros = __builtin_ctzll(whole);
    *exponent += zeros - 53;
    return whole >> zeros;
}

/* A positive double as a fraction n/d. */
static void fraction_of(double value, syi_wide *n, syi_wide *d)
{
    int exponent = 0;
    const syi_wide odd = syi_wide_from(syi_noise_split(value, &exponent)), one = syi_wide_from(1);
    *n = syi_wide_shift(&odd, exponent > 0 ? (unsigned)exponent : 0);
    *d = syi_wide_shift(&one, exponent < 0 ? (unsigned)-exponent : 0);
}

sy_status sy_noise_bernoulli_exp(sy_noise *noise, bool *outcome, double gamma, sy_error *err)
{
    if (!(gamma == 0 || (gamma >= SY_NOISE_LEAST && gamma <= SY_NOISE_MOST))) {
        return syi_fail(err, SY_EINVAL, "noise_bernoulli_exp: gamma is %g, must be 0 or %g to %g",
                        gamma, SY_NOISE_LEAST, SY_NOISE_MOST);
    }
    syi_wide n = {0}, d = syi_wide_from(1);
    if (gamma > 0) {
        fraction_of(gamma, &n, &d);
    }
    return syi_noise_bernoulli_exp(noise, outcome, &n, &d, err);
}

#define SAMPLE_END ((syi_u128)1 << 62)

static sy_status too_large(sy_error *err)
{
    return syi_fail(err, SY_ERANGE, "noise: a sample is 2^62 or more");
}

/* Algorithm 2: P(x) proportional to exp(-|x| s / t), s = 2^shift. */
static sy_status discrete_laplace(sy_noise *noise, int64_t *sample, uint64_t t, unsigned shift,
                                  sy_error *err)
{
    static const syi_wide one = {.limbs = {1}, .used = 1};
    const syi_wide wide_t = syi_wide_from(t);
    for (;;) {
        uint64_t u = 0, sign = 0, v = 0;
        bool going = false;
        SY_TRY(sy_noise_uniform(noise, &u, t, err));
        const syi_wide wide_u = syi_wide_from(u);
        SY_TRY(bernoulli_exp_below_one(noise, &going, &wide_u, &wide_t, err));
        if (!going) {
            continue;
        }
        for (;;) {
            SY_TRY(bernoulli_exp_below_one(noise, &going, &one, &one, err));
            if (!going) {
                break;
            }
            v++;
        }
        const syi_u128 x = (u + (syi_u128)t * v) >> shift;
        if (x >= SAMPLE_END) {
            return too_large(err);
        }
        SY_TRY(syi_noise_draw(noise, &sign, err));
        if (sign & 1 && x == 0) { /* 0 must not have two signs */
            continue;
        }
        *sample = sign & 1 ? -(int64_t)x : (int64_t)x;
        return SY_OK;
    }
}

static sy_status check_noise(const char *function, const char *field, double value, sy_error *err)
{
    if (!(value >= SY_NOISE_LEAST && value <= SY_NOISE_MOST)) {
        return syi_fail(err, SY_EINVAL, "%s: %s is %g, must be %g to %g", function, field, value,
                        SY_NOISE_LEAST, SY_NOISE_MOST);
    }
    return SY_OK;
}

sy_status sy_noise_discrete_laplace(sy_noise *noise, int64_t *samples, size_t count, double scale,
                                    sy_error *err)
{
    SY_TRY(check_noise("noise_discrete_laplace", "scale", scale, err));
    int exponent = 0;
    uint64_t t = syi_noise_split(scale, &exponent);
    t <<= exponent > 0 ? exponent : 0;
    for (size_t k = 0; k < count; k++) {
        SY_TRY(
            discrete_laplace(noise, &samples[k], t, exponent < 0 ? (unsigned)-exponent : 0, err));
    }
    return SY_OK;
}

/* Algorithm 3: a discrete Laplace sample y of scale t = floor(sigma) + 1 is taken with probability exp(-(|y| - sigma^2 / t)^2 /
 * (2 sigma^2)) = exp(-(|y| b t - a)^2 / (2 a b t^2)), sigma^2 = a/b. */
typedef struct gaussian {
    uint64_t t;
    syi_wide a, bt, d;
} gaussian;

static gaussian gaussian_of(double sigma)
{
    gaussian g = {.t = (uint64_t)sigma + 1};
    int exponent = 0;
    const uint64_t odd = syi_noise_split(sigma, &exponent);
    const syi_wide square = syi_wide_from((syi_u128)odd * odd), t = syi_wide_from(g.t);
    const unsigned up = exponent > 0 ? 2 * (unsigned)exponent : 0;
    const unsigned down = exponent < 0 ? 2 * (unsigned)-exponent : 0;
    g.a = syi_wide_shift(&square, up);
    g.bt = syi_wide_shift(&t, down);
    const syi_wide at = syi_wide_multiply(&g.a, &t), half = syi_wide_multiply(&at, &g.bt);
    g.d = syi_wide_shift(&half, 1);
    return g;
}

static sy_status discrete_gaussian(sy_noise *noise, int64_t *sample, const gaussian *g,
                                   sy_error *err)
{
    bool taken = false;
    while (!taken) {
        SY_TRY(discrete_laplace(noise, sample, g->t, 0, err));
        const syi_wide y = syi_wide_from((uint64_t)(*sample < 0 ? -*sample : *sample));
        const syi_wide ybt = syi_wide_multiply(&y, &g->bt);
        const bool above = syi_wide_compare(&ybt, &g->a) >= 0;
        const syi_wide off =
            above ? syi_wide_subtract(&ybt, &g->a) : syi_wide_subtract(&g->a, &ybt);
        const syi_wide n = syi_wide_multiply(&off, &off);
        SY_TRY(syi_noise_bernoulli_exp(noise, &taken, &n, &g->d, err));
    }
    return SY_OK;
}

sy_status syi_noise_gaussian_any(sy_noise *noise, int64_t *samples, size_t count, double sigma,
                                 sy_error *err)
{
    const gaussian g = gaussian_of(sigma);
    for (size_t k = 0; k < count; k++) {
        SY_TRY(discrete_gaussian(noise, &samples[k], &g, err));
    }
    return SY_OK;
}

sy_status sy_noise_discrete_gaussian(sy_noise *noise, int64_t *samples, size_t count, double sigma,
                                     sy_error *err)
{
    SY_TRY(check_noise("noise_discrete_gaussian", "sigma", sigma, err));
    int power = 0;
    return syi_noise_split(sigma, &power) == 1 && power >= SYI_CELLS_LOG
               ? syi_noise_gaussian_power(noise, samples, count, (unsigned)power, err)
               : syi_noise_gaussian_any(noise, samples, count, sigma, err);
}
