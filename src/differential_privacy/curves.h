/*
 * curves.h - Renyi curves without their checks, for accountant.c and calibration.c. Room differential_privacy.
 */
#ifndef SYI_DIFFERENTIAL_PRIVACY_CURVES_H
#define SYI_DIFFERENTIAL_PRIVACY_CURVES_H

/* Arguments as in csyft/accountants.h, and known to be good. */
double syi_rdp_subsampled_gaussian(double order, double sampling_rate, double noise_multiplier);
double syi_rdp_laplace(double order, double noise_multiplier);
double syi_rdp_pure(double order, double epsilon);

#endif
