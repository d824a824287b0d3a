/*
 * gnmax_sensitivity.h - smooth sensitivity of the 2018 analysis, for gnmax_analysis.c. Room differential_privacy.
 */
#ifndef SYI_DIFFERENTIAL_PRIVACY_GNMAX_SENSITIVITY_H
#define SYI_DIFFERENTIAL_PRIVACY_GNMAX_SENSITIVITY_H

#include <csyft/pate.h>

/* What all queries of one kind have in common. */
typedef struct syi_gnmax_kind {
    double order, sigma;
    size_t classes;
    double logq0;   /* the data-independent bound is the smaller one from here on */
    double logq1;   /* one step to the left of it */
    double plateau; /* the most that the local sensitivity ever is */
} syi_gnmax_kind;

/* SY_ERANGE where there is no q0. */
sy_status syi_gnmax_kind_init(syi_gnmax_kind *kind, double order, double sigma, size_t classes,
                              sy_error *err);
/* Adds times * the local sensitivities at distances 0 .. teachers - 1 to bounds. `sorted` are the counts, which the call
 * sorts and changes. */
void syi_gnmax_add_sensitivities(const syi_gnmax_kind *kind, double *bounds, size_t teachers,
                                 double *sorted, double times);
void syi_threshold_add_sensitivities(double *bounds, size_t teachers, double largest, double order,
                                     double threshold, double sigma);
double syi_gnmax_smooth(const double *bounds, size_t count, double beta);

#endif
