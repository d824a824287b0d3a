/*
 * accountants.h - how much privacy is spent: Renyi, zero-concentrated and approximate differential privacy.
 *
 * A mechanism's loss is described by a curve (Renyi: order -> epsilon) or a number (zCDP: rho). Those add up
 * under composition, also when later queries depend on earlier answers; (epsilon, delta) is asked for at the end:
 *
 *     sy_rdp_new(context, &rdp, NULL, 0, err);
 *     sy_rdp_add_subsampled_gaussian(rdp, 256.0 / 60000, 1.1, 14063, err);   60 epochs of DP-SGD
 *     sy_rdp_get_epsilon(rdp, SY_RDP_IMPROVED, 1e-5, &epsilon, &order, err);
 *
 * Conventions. Logarithms are natural. A noise multiplier is noise / sensitivity: the standard deviation (Gaussian)
 * or the scale (Laplace), in units of how far one person can move the exact answer. Two data sets are neighbours when
 * one has a person more (add or remove) unless a function says otherwise. Numbers are doubles, with a relative error
 * below 1e-9 of the formula's value (for noise multipliers up to 10^6) unless a function says otherwise; where an answer is searched for, the one that
 * promises less privacy is returned. Nothing here draws noise or sees data: that is mechanisms.h.
 *
 * Functions without an object may be called from any thread. SY_EINVAL names function, field and value that cannot be
 * (negative or zero noise, NaN, a probability out of range, delta outside of (0, 1)); OUT is untouched then.
 */
#ifndef CSYFT_ACCOUNTANTS_H
#define CSYFT_ACCOUNTANTS_H

#include <csyft/context.h>

SY_BEGIN_DECLS

/* Curves ------------------------------------------------------------------------------------------------------------ */

/*
 * The Renyi divergence of `order` (above 1; INFINITY is the worst case) that one run of a mechanism reaches between
 * neighbours, in nats. 0 or more; INFINITY where there is no bound.
 */

/* Gaussian noise: order / (2 noise_multiplier^2). Also that of the discrete Gaussian distribution, as an upper bound
 * (Mironov 2017, Proposition 7; Canonne, Kamath, Steinke 2020, Theorem 4). */
SY_API sy_status sy_rdp_of_gaussian(double *rdp, double order, double noise_multiplier,
                                    sy_error *err);
/*
 * Gaussian noise on a sample that has each person with probability `sampling_rate`, independently (Mironov, Talwar,
 * Zhang 2019, section 3). Add or remove. Whole orders up to 65536 by the finite sum; others by quadrature of the
 * definition, which needs no alternating series; where that takes more than 2^16 points (orders far above
 * noise_multiplier^2), by the chord of the two whole orders around it, which lies above.
 */
SY_API sy_status sy_rdp_of_subsampled_gaussian(double *rdp, double order, double sampling_rate,
                                               double noise_multiplier, sy_error *err);
/* Laplace noise of scale noise_multiplier * sensitivity, which is 1/noise_multiplier-private (Mironov 2017,
 * Proposition 6). */
SY_API sy_status sy_rdp_of_laplace(double *rdp, double order, double noise_multiplier,
                                   sy_error *err);
/* Whatever is epsilon-private, without a delta: the exact worst case, that of binary randomized response (Bun and
 * Steinke 2016, Proposition 3.3). */
SY_API sy_status sy_rdp_of_pure(double *rdp, double order, double epsilon, sy_error *err);
/* The same for what is rho-zero-concentrated: order * rho. */
SY_API sy_status sy_rdp_of_zcdp(double *rdp, double order, double rho, sy_error *err);

/* Who the neighbours are. */
typedef enum sy_neighbours {
    SY_ADD_OR_REMOVE =
        0, /* one of them has a person more; for a local mechanism, one that answers with pure noise */
    SY_REPLACE_ONE = 1, /* one person's record is another */
} sy_neighbours;

/* Randomized response over `classes` answers: with probability `noise` one of them at random, otherwise the true
 * one. noise = classes / (e^epsilon + classes - 1) makes it epsilon-private under SY_REPLACE_ONE. */
SY_API sy_status sy_rdp_of_randomized_response(double *rdp, double order, double noise,
                                               uint64_t classes, sy_neighbours neighbours,
                                               sy_error *err);

/* The log moment generating function of the privacy loss at `l` > 0, as the moments accountant has it: l * RDP of order
 * l + 1 (Abadi et al. 2016, section 3.1, on a Poisson sample). */
SY_API sy_status sy_logmgf_subsampled_gaussian(double *logmgf, double l, double sampling_rate,
                                               double noise_multiplier, sy_error *err);

/* The Renyi accountant ------------------------------------------------------------------------------------------------ */

/* From a curve to (epsilon, delta). Two libraries that report different epsilons for equal noise mostly differ here. */
typedef enum sy_rdp_conversion {
    /* rdp + log((order - 1) / order) - (log delta + log order) / (order - 1): Balle et al. 2020, Theorem 21;
     * Canonne, Kamath, Steinke 2020, Proposition 12. Never above the other. */
    SY_RDP_IMPROVED = 0,
    /* rdp - log delta / (order - 1): Mironov 2017, Proposition 3; the moments accountant's. */
    SY_RDP_CLASSIC = 1,
} sy_rdp_conversion;

#define SY_RDP_ORDERS_MAX 4096

/* A sum of curves at given orders. One thread at a time. */
typedef struct sy_rdp sy_rdp;

/* Starts at 0 everywhere. `orders`: `count` numbers above 1, copied; INFINITY may be among them. NULL and 0: 1.01 to
 * 10.9, then whole ones to 63 and twelve to 1024, which serve epsilons from about 0.05 to 100 at deltas from 1e-3 to
 * 1e-10. SY_EINVAL, SY_ELIMIT for more than SY_RDP_ORDERS_MAX, SY_ENOMEM. */
SY_API sy_status sy_rdp_new(sy_context *context, sy_rdp **rdp, const double *orders, size_t count,
                            sy_error *err);
SY_API void sy_rdp_free(sy_rdp *rdp); /* NULL is nothing */

/* `steps` further runs; 0 is nothing. On failure the accountant is as it was. */
SY_API sy_status sy_rdp_add_gaussian(sy_rdp *rdp, double noise_multiplier, uint64_t steps,
                                     sy_error *err);
SY_API sy_status sy_rdp_add_subsampled_gaussian(sy_rdp *rdp, double sampling_rate,
                                                double noise_multiplier, uint64_t steps,
                                                sy_error *err);
SY_API sy_status sy_rdp_add_laplace(sy_rdp *rdp, double noise_multiplier, uint64_t steps,
                                    sy_error *err);
SY_API sy_status sy_rdp_add_pure(sy_rdp *rdp, double epsilon, uint64_t steps, sy_error *err);
SY_API sy_status sy_rdp_add_zcdp(sy_rdp *rdp, double rho, uint64_t steps, sy_error *err);
SY_API sy_status sy_rdp_add_randomized_response(sy_rdp *rdp, double noise, uint64_t classes,
                                                sy_neighbours neighbours, uint64_t steps,
                                                sy_error *err);
/* Any curve, as one number of 0 or more for each of the accountant's orders; `count` is their number. */
SY_API sy_status sy_rdp_add_curve(sy_rdp *rdp, const double *curve, size_t count, uint64_t steps,
                                  sy_error *err);

/* Orders and what was spent at each; borrowed, the second until the next add. Returns their number. */
SY_API size_t sy_rdp_get_curve(const sy_rdp *rdp, const double **orders, const double **spent);
/* The smallest epsilon over all orders, and the order it is reached at (may be NULL). INFINITY when no order bounds
 * it. An optimum at the first or last order means that others would do better. */
SY_API sy_status sy_rdp_get_epsilon(const sy_rdp *rdp, sy_rdp_conversion conversion, double delta,
                                    double *epsilon, double *order, sy_error *err);
/* The smallest delta, at most 1. */
SY_API sy_status sy_rdp_get_delta(const sy_rdp *rdp, sy_rdp_conversion conversion, double epsilon,
                                  double *delta, double *order, sy_error *err);

/* What a calibration aims at. */
typedef struct sy_rdp_target {
    size_t size; /* sizeof(sy_rdp_target) */
    double epsilon, delta;
    double sampling_rate; /* 1: everybody is in every step */
    uint64_t steps;
    sy_rdp_conversion conversion;
    const double *orders; /* NULL: the default ones */
    size_t order_count;
} sy_rdp_target;
#define SY_RDP_TARGET_INIT                                                              \
    {                                                                                   \
        .size = sizeof(sy_rdp_target), .delta = 1e-5, .sampling_rate = 1.0, .steps = 1, \
        .conversion = SY_RDP_IMPROVED                                                   \
    }

/* The smallest noise multiplier (to six digits, rounded up) of a sampled Gaussian mechanism whose `steps` runs stay
 * within the target, as this accountant sees it. SY_ERANGE when that is below 1e-3 or above 1e6; SY_ENOMEM. */
SY_API sy_status sy_rdp_calibrate_gaussian(sy_context *context, double *noise_multiplier,
                                           const sy_rdp_target *target, sy_error *err);

/* Zero-concentrated differential privacy -------------------------------------------------------------------------------- */

/* rho of Gaussian noise, continuous or discrete: 1 / (2 noise_multiplier^2). rhos of mechanisms add up. (Bun and Steinke
 * 2016, Propositions 1.6 and 1.7; Canonne, Kamath, Steinke 2020, Theorem 4.) */
SY_API sy_status sy_zcdp_of_gaussian(double *rho, double noise_multiplier, sy_error *err);
/* rho of what is epsilon-private: epsilon^2 / 2 (Bun and Steinke 2016, Proposition 1.4). */
SY_API sy_status sy_zcdp_of_pure(double *rho, double epsilon, sy_error *err);
/* SY_RDP_CLASSIC: rho + 2 sqrt(rho log(1/delta)) (Bun and Steinke 2016, Proposition 1.3). SY_RDP_IMPROVED: the best order of
 * Canonne, Kamath, Steinke 2020, Corollary 13. */
SY_API sy_status sy_zcdp_to_epsilon(double *epsilon, double rho, sy_rdp_conversion conversion,
                                    double delta, sy_error *err);
SY_API sy_status sy_zcdp_to_delta(double *delta, double rho, sy_rdp_conversion conversion,
                                  double epsilon, sy_error *err);
/* The largest rho that keeps within (epsilon, delta). */
SY_API sy_status sy_zcdp_from_epsilon(double *rho, sy_rdp_conversion conversion, double epsilon,
                                      double delta, sy_error *err);

/* One Gaussian mechanism, exactly --------------------------------------------------------------------------------------- */

/*
 * Of one release with Gaussian noise nothing is lost by a bound: delta = Phi(s/2 - e/s) - exp(e) Phi(-s/2 - e/s), with
 * s = 1 / noise_multiplier (Balle and Wang 2018, Theorem 8). Several releases of noise multipliers m_i are one of
 * 1 / sqrt(sum 1 / m_i^2). Of the continuous distribution; the noise of mechanisms.h lies on a grid of 2^-31 or less of its
 * deviation and promises the zCDP of it exactly, this to about nine digits.
 */
SY_API sy_status sy_gaussian_delta(double *delta, double noise_multiplier, double epsilon,
                                   sy_error *err);
/* The smallest epsilon, 0 or more. */
SY_API sy_status sy_gaussian_epsilon(double *epsilon, double noise_multiplier, double delta,
                                     sy_error *err);
/* The smallest noise multiplier: the "analytic Gaussian mechanism". SY_ERANGE when it is below 1e-6 or above 1e12. */
SY_API sy_status sy_gaussian_noise_multiplier(double *noise_multiplier, double epsilon,
                                              double delta, sy_error *err);

SY_END_DECLS

#endif
