/*
 * gnmax.h - the 2018 bounds of PATE on numbers that are known to be good. Room differential_privacy.
 */
#ifndef SYI_DIFFERENTIAL_PRIVACY_GNMAX_H
#define SYI_DIFFERENTIAL_PRIVACY_GNMAX_H

#include <csyft/pate.h>

double syi_gnmax_logq(const double *counts, size_t classes, double sigma);
/* Theorem 6 with Proposition 10, without asking whether it applies; -INFINITY < logq < 0. NaN where it makes no sense. */
double syi_gnmax_rdp_by_q(double order, double logq, double sigma);
/* Does it apply (Lemma 9)? */
bool syi_gnmax_applies(double order, double logq, double sigma);
double syi_gnmax_rdp(double order, double logq, double sigma);
double syi_gnmax_log_answered(double largest, double threshold, double sigma);
double syi_gnmax_rdp_threshold(double order, double log_answered, double sigma);

#endif
