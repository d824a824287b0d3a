/*
 * pate.h - PATE: what it costs the teachers' data when an ensemble of them labels examples by noisy votes.
 *
 * Each teacher is trained on data of its own; an example's label is the class with the most votes after noise. Where the
 * teachers agree, one person's data hardly matters, and the data-dependent analysis says so: it is far below what the noise
 * alone promises. Two generations:
 *
 *   2017  Laplace noise of scale 1/noise_eps on every count, moments (Papernot et al., "Semi-supervised Knowledge Transfer for
 *         Deep Learning from Private Training Data", section 3; 003: differential_privacy.pate, whose names and results these
 *         functions have).
 *   2018  Gaussian noise (GNMax), first asking whether the teachers agree at all (Confident-GNMax), in Renyi divergence
 *         (Papernot et al., "Scalable Private Learning with PATE"). For new work.
 *
 * A data-dependent epsilon depends on the votes and is as private as they are. To publish it, add noise by its smooth
 * sensitivity (2018: sy_pate_gnmax_analyze gives both); what leaves the house otherwise is the data-independent one.
 *
 * Counts are arrays of one number per class: the teachers' votes for it. Numbers are doubles, relative error below 1e-9,
 * logarithms natural. Nothing overflows for large moments, orders, or noise. Every number is checked: SY_EINVAL names the
 * function, the field and the value (NaN, a noise of 0, fewer than two classes, ...); OUT is untouched then. Functions without
 * an object may be called from any thread.
 */
#ifndef CSYFT_PATE_H
#define CSYFT_PATE_H

#include <csyft/mechanisms.h>
#include <csyft/tensor.h>

SY_BEGIN_DECLS

/* What the reference prints. Bits of a set, in results and in `unsigned *warnings` (nullable; bits are added to it, so it
 * starts as 0). Functions with a context also say them to its log, component "differential_privacy", once per call. */
typedef enum sy_pate_warning {
    SY_PATE_MORE_MOMENTS = 1, /* the last moment (order) is the best: more of them may give less */
    SY_PATE_MOMENT_TOO_HIGH = 2, /* noise_eps * l / 2 > 1: no sensitivity for it, 0 stands there */
    SY_PATE_NO_BOUND_BY_Q = 4,   /* exp(priv_eps) q >= 1: only the bounds without q hold there */
    SY_PATE_CONDITIONS = 8, /* 2018: C5 or C6 fail; the smooth sensitivity is not proven then */
} sy_pate_warning;

/* Labels --------------------------------------------------------------------------------------------------------------------- */

/*
 * One label by noisy votes. Noise is drawn exactly on a grid of at most 2^-31 of it and of a vote (mechanisms.h), so that two counts
 * tie with a chance below 2^-30; then the first is taken. Counts are from -2^40 to 2^40, noise from 2^-18 to 2^18 votes. As all of
 * mechanisms.h not in constant time. SY_EINVAL, SY_EIO.
 */

/* 2017: Laplace noise of scale 1/noise_eps on each count. */
SY_API sy_status sy_pate_noisy_max(sy_noise *noise, size_t *winner, const double *counts,
                                   size_t classes, double noise_eps, sy_error *err);
/* 2018: Gaussian noise of deviation sigma. */
SY_API sy_status sy_pate_gnmax(sy_noise *noise, size_t *winner, const double *counts,
                               size_t classes, double sigma, sy_error *err);
/* 2018: Confident-GNMax. *answered tells whether the largest count, rounded to a whole number, with noise of deviation sigma1 is above
 * the threshold; only then is *winner written. */
SY_API sy_status sy_pate_confident_gnmax(sy_noise *noise, bool *answered, size_t *winner,
                                         const double *counts, size_t classes, double threshold,
                                         double sigma1, double sigma, sy_error *err);

/* 2017 --------------------------------------------------------------------------------------------------------------------- */

/* An upper bound of the probability that noise changes the winner: the sum over all others of (gap + 2) / (4 exp(gap)), gap =
 * noise_eps * (counts[winner] - counts[i]); at most 1 - 1/classes. The winner is the first of the largest. `classes` >= 2. */
SY_API sy_status sy_pate_compute_q_noisy_max(double *q, const double *counts, size_t classes,
                                             double noise_eps, sy_error *err);
/* The same with the smallest gap in the place of each: never below. */
SY_API sy_status sy_pate_compute_q_noisy_max_approx(double *q, const double *counts, size_t classes,
                                                    double noise_eps, sy_error *err);
/*
 * The log of the moment generating function of the privacy loss at l > 0 of what is priv_eps-private and has an outcome of
 * probability 1 - q: the least of three upper bounds (Theorems 2 and 3): priv_eps^2 l (l+1) / 2, priv_eps l, and
 * log((1-q) ((1-q) / (1 - exp(priv_eps) q))^l + q exp(priv_eps l)), which holds for q < 1 / (exp(priv_eps) + 1). (The
 * reference also uses the last one beyond, where for even l it can be too small.) Of a sampled Gaussian mechanism:
 * sy_logmgf_subsampled_gaussian in accountants.h.
 */
SY_API sy_status sy_pate_logmgf_exact(double *logmgf, double q, double priv_eps, double l,
                                      unsigned *warnings, sy_error *err);
/* The two in one: q of the counts, priv_eps = 2 noise_eps. */
SY_API sy_status sy_pate_logmgf_from_counts(double *logmgf, const double *counts, size_t classes,
                                            double noise_eps, double l, unsigned *warnings,
                                            sy_error *err);
/* How much the log moment can change between two data sets at distance k: k votes move from the first class to the second,
 * and then one more. 0 beyond where they meet, and with SY_PATE_MOMENT_TOO_HIGH. (The reference takes counts[0] for the
 * largest and counts[1] for the next; here the counts are sorted, which is the same where they were.) */
SY_API sy_status sy_pate_sens_at_k(double *sensitivity, const double *counts, size_t classes,
                                   double noise_eps, double l, uint64_t k, unsigned *warnings,
                                   sy_error *err);
/* beta-smooth sensitivity (Nissim, Raskhodnikova, Smith 2007): the most of exp(-beta k) * sens_at_k over all k. */
SY_API sy_status sy_pate_smoothed_sens(double *sensitivity, const double *counts, size_t classes,
                                       double noise_eps, double l, double beta, unsigned *warnings,
                                       sy_error *err);

typedef struct sy_pate_options {
    size_t size; /* sizeof(sy_pate_options) */
    double noise_eps;
    double delta;
    uint32_t moments; /* l = 1 .. moments, at most 10000 */
    double beta;
    int64_t
        classes; /* labels are 0 .. classes - 1; 0: as many as there are different ones, as the reference does */
    bool smooth; /* false: no smooth sensitivities, for speed */
} sy_pate_options;
#define SY_PATE_OPTIONS_INIT                                                            \
    {                                                                                   \
        .size = sizeof(sy_pate_options), .noise_eps = 0.1, .delta = 1e-5, .moments = 8, \
        .beta = 0.09, .classes = 0, .smooth = true                                      \
    }

typedef struct sy_pate_analysis {
    double data_dependent_epsilon; /* the first of the reference's two results */
    double data_independent_epsilon;
    uint32_t data_dependent_moment; /* where they were reached */
    uint32_t data_independent_moment;
    int64_t classes;
    unsigned warnings;
    /* Of data_dependent_epsilon: its beta-smooth sensitivity, and the scale 2 / (2 beta log(1/delta)) by which Laplace noise
     * has to be that times as large, for (2 beta log(1/delta), delta). 0 without `smooth`. */
    double smooth_sensitivity;
    double smooth_scale;
} sy_pate_analysis;

/*
 * (epsilon, delta) of labelling examples by noisy max, from the teachers' predictions: `predictions` is teachers x examples,
 * row-major, of labels. `options` may be NULL.
 *
 * `indices` (examples of them, or NULL: each example once) are rows of the vote matrix, that is numbers of examples: row
 * indices[i] is what query i costs. So the reference does, although it documents them as the aggregated labels; whoever
 * passes labels there analyses the first few examples again and again. NULL is what was meant.
 *
 * SY_EINVAL names teacher, example and label of a label out of range (without `classes` a class that nobody votes for makes
 * the largest label one); SY_ELIMIT above 2^31 votes or counts; SY_ENOMEM.
 */
SY_API sy_status sy_pate_perform_analysis(sy_context *context, sy_pate_analysis *analysis,
                                          const int64_t *predictions, size_t teachers,
                                          size_t examples, const int64_t *indices,
                                          const sy_pate_options *options, sy_error *err);

/* Votes, examples x classes, of predictions (teachers x examples). SY_EINVAL for a label out of range. */
SY_API sy_status sy_pate_count_votes(double *votes, const int64_t *predictions, size_t teachers,
                                     size_t examples, size_t classes, sy_error *err);

/* The reference's twins on tensors, under its names; computed in double as the others. Native tensors of any dtype that
 * hold whole numbers where labels are meant (SY_EINVAL names the element that is none). Counts are 1-d (SY_ESHAPE). */
SY_API sy_status sy_pate_compute_q_noisy_max_torch(double *q, sy_tensor *counts, double noise_eps,
                                                   sy_error *err);
SY_API sy_status sy_pate_logmgf_exact_torch(double *logmgf, sy_tensor *q, double priv_eps, double l,
                                            unsigned *warnings, sy_error *err);
SY_API sy_status sy_pate_logmgf_from_counts_torch(double *logmgf, sy_tensor *counts,
                                                  double noise_eps, double l, unsigned *warnings,
                                                  sy_error *err);
SY_API sy_status sy_pate_sens_at_k_torch(double *sensitivity, sy_tensor *counts, double noise_eps,
                                         double l, uint64_t k, unsigned *warnings, sy_error *err);
SY_API sy_status sy_pate_smooth_sens_torch(double *sensitivity, sy_tensor *counts, double noise_eps,
                                           double l, double beta, unsigned *warnings,
                                           sy_error *err);
/* `predictions` 2-d, teachers x examples; `indices` 1-d or NULL. */
SY_API sy_status sy_pate_perform_analysis_torch(sy_pate_analysis *analysis, sy_tensor *predictions,
                                                sy_tensor *indices, const sy_pate_options *options,
                                                sy_error *err);

/* 2018: one query -------------------------------------------------------------------------------------------------------- */

/* log of an upper bound of the probability that Gaussian noise of deviation sigma on every count changes the winner
 * (Proposition 7); at most log(1 - 1/classes). Counts may be negative and fractional. */
SY_API sy_status sy_pate_logq_gaussian(double *logq, const double *counts, size_t classes,
                                       double sigma, sy_error *err);
/* The same for Laplace noise of scale lambda. */
SY_API sy_status sy_pate_logq_laplace(double *logq, const double *counts, size_t classes,
                                      double lambda, sy_error *err);
/* Renyi divergence of one GNMax query: the data-dependent bound (Theorem 6 with Proposition 10) where it applies, never above
 * order / sigma^2, which is the data-independent one (Proposition 8). logq <= 0. */
SY_API sy_status sy_pate_rdp_gaussian(double *rdp, double order, double logq, double sigma,
                                      sy_error *err);
/* The same of noisy max with Laplace noise: pure_eps = 2 / lambda (2017, Theorem 3). */
SY_API sy_status sy_pate_rdp_pure(double *rdp, double order, double logq, double pure_eps,
                                  sy_error *err);
/* log of the probability that the largest count, rounded to a whole number, with noise of deviation sigma is above the
 * threshold: that Confident-GNMax answers. */
SY_API sy_status sy_pate_log_answered(double *log_answered, const double *counts, size_t classes,
                                      double threshold, double sigma, sy_error *err);
/* Renyi divergence of that question. */
SY_API sy_status sy_pate_rdp_threshold(double *rdp, double order, double log_answered, double sigma,
                                       sy_error *err);

/* 2018: smooth sensitivity ------------------------------------------------------------------------------------------------- */

/* log q0: above it the data-independent bound is the smaller one. SY_ERANGE when there is no such place. */
SY_API sy_status sy_pate_logq0_gnmax(double *logq0, double order, double sigma, sy_error *err);
/* Upper bounds of the local sensitivity of sy_pate_rdp_gaussian at distances 0 .. teachers - 1 (Algorithms 3 to 5), into
 * `bounds` of `teachers`. Counts are 0 or more. SY_ENOMEM. */
SY_API sy_status sy_pate_local_sensitivity_gnmax(sy_context *context, double *bounds,
                                                 size_t teachers, const double *counts,
                                                 size_t classes, double order, double sigma,
                                                 sy_error *err);
/* The same of sy_pate_rdp_threshold (Algorithm 6). */
SY_API sy_status sy_pate_local_sensitivity_threshold(double *bounds, size_t teachers,
                                                     const double *counts, size_t classes,
                                                     double order, double threshold, double sigma,
                                                     sy_error *err);
/* The most of exp(-beta d) * bounds[d]. */
SY_API sy_status sy_pate_smooth(double *sensitivity, const double *bounds, size_t count,
                                double beta, sy_error *err);
/* Renyi divergence of releasing a number with Gaussian noise of deviation sigma * its beta-smooth sensitivity (Theorem 23).
 * SY_EINVAL unless order < 1 / (2 beta). */
SY_API sy_status sy_pate_rdp_of_release(double *rdp, double order, double beta, double sigma,
                                        sy_error *err);
/* Do conditions C5 and C6 (appendix B.4.2) hold, under which the local sensitivities are upper bounds? Looked for on a grid
 * of 4000 values of log q. */
SY_API sy_status sy_pate_check_conditions(bool *c5, bool *c6, double order, double sigma,
                                          size_t classes, sy_error *err);

/* 2018: many queries ------------------------------------------------------------------------------------------------------- */

typedef struct sy_pate_gnmax_options {
    size_t size;      /* sizeof(sy_pate_gnmax_options) */
    double sigma;     /* noise on the votes (sigma2 in the paper) */
    double threshold; /* Confident-GNMax; with sigma1 0 every query is answered */
    double sigma1;    /* noise on the largest count before it is compared; 0: no threshold */
    double delta;
    const double *orders; /* NULL: 2 to 100 in halves, then to 500 */
    size_t order_count;
    bool smooth;     /* smooth sensitivity, at the best order */
    size_t teachers; /* for `smooth`; 0: the largest sum of a row of votes */
} sy_pate_gnmax_options;
#define SY_PATE_GNMAX_OPTIONS_INIT                                                       \
    {                                                                                    \
        .size = sizeof(sy_pate_gnmax_options), .sigma = 40, .threshold = 0, .sigma1 = 0, \
        .delta = 1e-5, .smooth = true                                                    \
    }

typedef struct sy_pate_gnmax_analysis {
    double epsilon,
        order; /* data-dependent, expected over which queries are answered; not for publication by itself */
    double data_independent_epsilon, data_independent_order; /* with the same numbers of answers */
    double expected_answered;
    unsigned warnings;
    /* For publication: epsilon plus normal noise of deviation smooth_sensitivity * smooth_sigma may be published, and then
     * epsilon_with_release covers queries and publication. 0 without `smooth`; so where all queries are data-independent. */
    double smooth_sensitivity, smooth_beta, smooth_sigma, epsilon_with_release;
} sy_pate_gnmax_analysis;

/* Of `votes`, examples x classes: one query each. Conversion to (epsilon, delta) is SY_RDP_CLASSIC, as in the paper. `options`
 * may be NULL. SY_EINVAL, SY_ENOMEM. */
SY_API sy_status sy_pate_gnmax_analyze(sy_context *context, sy_pate_gnmax_analysis *analysis,
                                       const double *votes, size_t examples, size_t classes,
                                       const sy_pate_gnmax_options *options, sy_error *err);

SY_END_DECLS

#endif
