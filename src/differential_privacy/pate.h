/*
 * pate.h - the 2017 formulas of PATE on counts that are known to be good. Room differential_privacy.
 */
#ifndef SYI_DIFFERENTIAL_PRIVACY_PATE_H
#define SYI_DIFFERENTIAL_PRIVACY_PATE_H

#include <csyft/pate.h>

/* SY_EINVAL unless there are two counts or more, and all are finite. */
sy_status syi_pate_check_counts(const char *function, const double *counts, size_t classes,
                                sy_error *err);

/* The first of the largest. */
size_t syi_pate_winner(const double *counts, size_t classes);

double syi_pate_q(const double *counts, size_t classes, double noise_eps);

/* What the log moments of one q have in common. */
typedef struct syi_pate_moments {
    double priv_eps;
    double log_1q;    /* log(1 - q) */
    double log_ratio; /* log((1 - q) / (1 - exp(priv_eps) q)) */
    double log_q;
    bool by_q; /* the bound that uses q holds */
} syi_pate_moments;
syi_pate_moments syi_pate_moments_of(double q, double priv_eps);
double syi_pate_logmgf(const syi_pate_moments *moments, double l);

/* The first two of the counts. All bounds at a distance move votes from one to the other. */
typedef struct syi_pate_top {
    size_t first, second;
} syi_pate_top;
syi_pate_top syi_pate_top_of(const double *counts, size_t classes);
/* q with `moved` votes moved from the first to the second. */
double syi_pate_q_moved(const double *counts, size_t classes, double noise_eps, syi_pate_top top,
                        double moved);

#endif
