/*
 * mechanisms.h - noise that makes answers differentially private, drawn exactly.
 *
 * Floating-point noise leaks: the doubles that x + Laplace() can be differ with x (Mironov 2012, "On Significance of the Least
 * Significant Bits"), and sums of floats move further than their sensitivity says (Casacuberta et al. 2022). Here everything that
 * decides is integers: contributions are clipped and truncated to whole numbers of a unit, and their norm is checked there, they
 * are added exactly, and noise is drawn from the discrete distributions of Canonne, Kamath, Steinke 2020 with rational arithmetic
 * and coin flips, no logarithm or other function of floats. The unit depends on the noise and the sensitivity only: it is 2^-31 of
 * the noise or less, so that the noise of a sum is exactly what was asked for, and 2^-30 of the sensitivity or less; of choices, a
 * power of two. That is too fine for anybody to see: an answer is a whole number of units, as a double has it, and a contribution
 * loses less than one of them towards 0, and what the rounding of a product or two loses.
 *
 * Sensitivity is enforced. A mechanism takes the contributions of single people and clips each of them; nobody moves the sum by
 * more than `sensitivity`, whatever their data.
 *
 *     sy_noise_new(context, &noise, err);
 *     sy_contributions ages = {.size = sizeof ages, .values = age, .people = 1000, .columns = 1, .sensitivity = 120};
 *     sy_laplace_sum(noise, &sum, &ages, 0.1, err);                    0.1-private
 *     sy_gaussian_sum(noise, gradient, &gradients, 1.1, err);          what that costs: accountants.h
 *
 * Randomness is AES-128 in counter mode under 32 bytes of the context's source (context.h: `random`, or the system's; `test_seed`
 * makes it repeatable, for tests only). Time is not constant: how long a draw takes depends on what is drawn, so that who can
 * measure single calls to fractions of a microsecond learns about the noise (Jin et al. 2022, "Are We There Yet? Timing and
 * Floating-Point Attacks on Differential Privacy Systems"). Answer from a queue, not to a stopwatch.
 *
 * Errors: SY_EINVAL names what cannot be (a budget of 0, a probability out of range, NaN with its row and column), SY_ERANGE what
 * is beyond the tables, SY_ENOMEM, SY_EIO when the source of randomness fails. OUT is untouched then, except that arrays of
 * samples may be partly written. Sentences name no contribution's value but NaN and infinity.
 */
#ifndef CSYFT_MECHANISMS_H
#define CSYFT_MECHANISMS_H

#include <csyft/accountants.h>

SY_BEGIN_DECLS

/* A source of noise. One thread at a time; make one per thread. It is secret: with its state all past and future noise of this
 * source is known. */
typedef struct sy_noise sy_noise;
/* SY_ENOMEM, SY_EIO. */
SY_API sy_status sy_noise_new(sy_context *context, sy_noise **noise, sy_error *err);
/* Wipes. NULL is nothing. The context must still be there. */
SY_API void sy_noise_free(sy_noise *noise);

/* Exact distributions on integers ------------------------------------------------------------------------------------------ */

#define SY_NOISE_LEAST 9.313225746154785e-10 /* 2^-30 */
#define SY_NOISE_MOST 1125899906842624.0     /* 2^50 */

/* The double is taken for the rational number that it is. SY_EINVAL outside of SY_NOISE_LEAST to SY_NOISE_MOST; SY_ERANGE for a
 * sample of 2^62 or more, which happens with probability below exp(-4000), or, where sigma is a power of two from 16 on, for one that
 * 192 random bits leave open: 2^-183. Such a sigma is drawn many times as fast as others, with the same distribution but for what is beyond 18
 * deviations, 2^-226 of it, which is not drawn: promises at a smaller delta are void. */

/* P(x) proportional to exp(-|x| / scale) */
SY_API sy_status sy_noise_discrete_laplace(sy_noise *noise, int64_t *samples, size_t count,
                                           double scale, sy_error *err);
/* P(x) proportional to exp(-x^2 / (2 sigma^2)). Its deviation is at most sigma, and equal to nine digits from sigma 1.5 on. */
SY_API sy_status sy_noise_discrete_gaussian(sy_noise *noise, int64_t *samples, size_t count,
                                            double sigma, sy_error *err);
/* true with probability exp(-gamma), 0 <= gamma <= 2^50; other values below 2^-30 are refused. */
SY_API sy_status sy_noise_bernoulli_exp(sy_noise *noise, bool *outcome, double gamma,
                                        sy_error *err);
/* Uniform from 0 to bound - 1; bound > 0. */
SY_API sy_status sy_noise_uniform(sy_noise *noise, uint64_t *sample, uint64_t bound, sy_error *err);

/* Sums ------------------------------------------------------------------------------------------------------------------------ */

/* What people contribute to an answer. */
typedef struct sy_contributions {
    size_t size;          /* sizeof(sy_contributions) */
    const double *values; /* people x columns, row-major, finite */
    size_t people;        /* 0 is possible: pure noise */
    size_t columns;       /* of the answer, 1 to 2^22 */
    double
        sensitivity; /* the largest norm of a row; longer ones are scaled down to it. Which norm: the mechanism's */
    sy_neighbours
        neighbours; /* SY_ADD_OR_REMOVE: one row moves the sum by `sensitivity`; SY_REPLACE_ONE: by twice that */
} sy_contributions;

/* Column sums of rows of L1 norm at most `sensitivity`, with discrete Laplace noise on the grid: epsilon-private (Dwork et al.
 * 2006; Canonne, Kamath, Steinke 2020). The scale is sensitivity / epsilon, twice that under SY_REPLACE_ONE. 2^-18 <= epsilon <=
 * 2^18. */
SY_API sy_status sy_laplace_sum(sy_noise *noise, double *sums,
                                const sy_contributions *contributions, double epsilon,
                                sy_error *err);
/* Column sums of rows of L2 norm at most `sensitivity`, with discrete Gaussian noise of noise_multiplier times how far one person
 * can move them: (1 / (2 noise_multiplier^2))-zCDP exactly, and at every order below sy_rdp_of_gaussian (Canonne, Kamath, Steinke
 * 2020, Theorem 4 and its form for many columns). The figures for samples (sy_rdp_of_subsampled_gaussian) and sy_gaussian_delta are of the continuous
 * distribution, from which this one differs by the grid. 2^-18 <= noise_multiplier <= 2^18. */
SY_API sy_status sy_gaussian_sum(sy_noise *noise, double *sums,
                                 const sy_contributions *contributions, double noise_multiplier,
                                 sy_error *err);

/* Choices --------------------------------------------------------------------------------------------------------------------- */

/*
 * One of the columns, by its sum; each value is clipped to -sensitivity .. sensitivity. Both are epsilon-private, exactly; the
 * second is never the worse one in expectation, and is report-noisy-max with exponential noise.
 *
 * Exponential mechanism (McSherry and Talwar 2007): P(column) proportional to exp(epsilon sum / (2 moved)), moved being
 * sensitivity, or twice that under SY_REPLACE_ONE. 2^-18 <= epsilon <= 2^18.
 */
SY_API sy_status sy_exponential_choice(sy_noise *noise, size_t *column,
                                       const sy_contributions *contributions, double epsilon,
                                       sy_error *err);
/* Report noisy max as permute-and-flip (McKenna and Sheldon 2020; Ding et al. 2021): columns in random order, each taken with
 * probability exp(epsilon (sum - best) / (2 moved)). */
SY_API sy_status sy_report_noisy_max(sy_noise *noise, size_t *column,
                                     const sy_contributions *contributions, double epsilon,
                                     sy_error *err);

/*
 * Randomized response (Warner 1965): each of `count` truths, 0 to classes - 1, is told with probability e^epsilon / (e^epsilon +
 * classes - 1), and otherwise another one at random: epsilon-private for its person by itself, before anything is sent.
 * `answers` may be `truths`. 2^-30 <= epsilon <= 2^50. SY_EINVAL for a truth out of range.
 */
SY_API sy_status sy_randomized_response(sy_noise *noise, uint64_t *answers, const uint64_t *truths,
                                        size_t count, uint64_t classes, double epsilon,
                                        sy_error *err);
/* How many truths of each class there were, unbiased, from how many answers of each there are. May be negative. */
SY_API sy_status sy_randomized_response_estimate(double *truths, const uint64_t *answers,
                                                 uint64_t classes, double epsilon, sy_error *err);

SY_END_DECLS

#endif
