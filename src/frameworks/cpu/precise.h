/*
 * precise.h - functions of float computed in double, without branches and tables, so that loops over them are
 * vectorised and the rounding to float is nearly the only error (below 1 unit in the last place where no comment says
 * otherwise). Each takes a double that is a float's value. Polynomials: Chebyshev fits of their own. NaN, infinities
 * and zeros as in C's library. Room frameworks/cpu only. Test: precise_test.c.
 */
#ifndef SYI_FRAMEWORKS_CPU_PRECISE_H
#define SYI_FRAMEWORKS_CPU_PRECISE_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t syi_double_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double syi_double_from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

#define SYI_ROUNDER \
    0x1.8p52 /* x + this - this is the nearest integer, and it stands in the low bits */
#define SYI_LN2 0x1.62e42fefa39efp-1

/* p and a power of two with e^x = scale + scale p. Beyond +-150, which is beyond floats, as at 150. */
static inline double syi_precise_exp_parts(double x, double *scale)
{
    const double capped = x > 150.0 ? 150.0 : x;
    const double y = capped < -150.0 ? -150.0 : capped; /* NaN stays NaN */
    const double shifted = y * 0x1.71547652b82fep0 + SYI_ROUNDER;
    const double n = shifted - SYI_ROUNDER;
    const double r = y - n * SYI_LN2;
    const double q = r * r; /* pairs of terms, so that few steps wait for each other */
    const double p0 = 0.16666666666613406 * r + 0.49999999999797712;
    const double p1 = 0.0083333333682947281 * r + 0.041666666891117018;
    const double p2 = 0.00019841189208621369 * r + 0.0013888821646848499;
    const double p3 = 2.76332988084186e-06 * r + 2.4876180777479805e-05;
    const double p = (((p3 * q + p2) * q + p1) * q + p0) * q + r;
    *scale = syi_double_from_bits((syi_double_bits(shifted) - syi_double_bits(SYI_ROUNDER) + 1023)
                                  << 52);
    return p;
}

static inline double syi_precise_exp(double x)
{
    double scale;
    const double p = syi_precise_exp_parts(x, &scale);
    return scale * p + scale;
}

static inline double syi_precise_expm1(double x)
{
    double scale;
    const double p = syi_precise_exp_parts(x, &scale);
    return scale * p + (scale - 1.0);
}

/* e ln2 + log m of a positive normal double x = m 2^e, in units where the natural logarithm of 2 is `ln2` and that of
 * others is multiplied by `unit`. */
static inline double syi_precise_log_in(double x, double ln2, double unit)
{
    /* x = m 2^e with m from sqrt(1/2) to sqrt(2) */
    const uint64_t half = UINT64_C(0x3fe6a09e667f3bcd), bits = syi_double_bits(x) - half;
    const uint64_t biased = (bits + (UINT64_C(1) << 62)) >> 52;
    const double e = syi_double_from_bits(biased | UINT64_C(0x4330000000000000)) - (0x1p52 + 1024);
    const double f = syi_double_from_bits((bits & UINT64_C(0x000fffffffffffff)) + half) - 1.0;
    const double s = f / (2.0 + f), t = s * s;
    double p = 0.098196785093850728;
    p = p * t + 0.11086076557859645;
    p = p * t + 0.14286107396824255;
    p = p * t + 0.19999997218951646;
    p = p * t + 0.33333333340516913;
    return e * ln2 + unit * 2.0 * (s + s * t * p);
}

static inline double syi_precise_log_positive(double x)
{
    return syi_precise_log_in(x, SYI_LN2, 1.0);
}

/* Picks the value out of what the logarithm has at x: its own, or that at 0, infinity, NaN and below 0. */
static inline double syi_precise_log_at(double x, double finite)
{
    const double positive = x > 0x1p1023 ? x : finite;
    const double special = x == 0 ? -INFINITY : NAN;
    return x > 0 ? positive : special;
}

static inline double syi_precise_log(double x)
{
    return syi_precise_log_at(x, syi_precise_log_positive(x));
}

static inline double syi_precise_log2(double x)
{
    return syi_precise_log_at(x, syi_precise_log_in(x, 1.0, 0x1.71547652b82fep0));
}

static inline double syi_precise_log1p(double x)
{
    const double u = 1.0 + x;
    const double lost = (x - (u - 1.0)) / u;
    return syi_precise_log_at(u, syi_precise_log_positive(u) + lost);
}

/* x - n pi/2 for the nearest integer n, which *quadrant receives modulo 4. |x| below SYI_PRECISE_TURNS. */
#define SYI_PRECISE_TURNS 1.0e6
static inline double syi_precise_turn(double x, uint64_t *quadrant)
{
    const double shifted = x * 0x1.45f306dc9c883p-1 + SYI_ROUNDER;
    const double n = shifted - SYI_ROUNDER;
    *quadrant = syi_double_bits(shifted) & 3;
    /* pi/2 in two parts; n times the first is exact */
    return x - n * 0x1.921fb544p0 - n * 0x1.0b4611a626331p-34;
}

/* The sine, on a quadrant further the cosine, of r within pi/4. */
static inline double syi_precise_wave(double r, uint64_t quadrant)
{
    const double t = r * r;
    /* Pairs of terms, so that few steps wait for each other (cos of 1e6: 3.5 ms became 2.1). */
    const double q = t * t;
    const double s_low = 0.0083333333230710908 * t - 0.16666666666611291;
    const double s_middle = 2.7555186354915307e-06 * t - 0.00019841262883932712;
    const double s_sum = (-2.4750455496822066e-08 * q + s_middle) * q + s_low;
    const double s = s_sum * (t * r) + r;
    const double c_low = 1.0 - 0.49999999999283501 * t;
    const double c_middle = 0.041666666533792585 - 0.0013888879873993998 * t;
    const double c_high = 2.4798821448998018e-05 - 2.7165771858355331e-07 * t;
    const double c = (c_high * q + c_middle) * q + c_low;
    const double wave = (quadrant & 1) != 0 ? c : s;
    return (quadrant & 2) != 0 ? -wave : wave;
}

static inline double syi_precise_sin(double x)
{
    uint64_t quadrant;
    const double r = syi_precise_turn(x, &quadrant);
    return x == 0 ? x : syi_precise_wave(r, quadrant);
}

static inline double syi_precise_cos(double x)
{
    uint64_t quadrant;
    const double r = syi_precise_turn(x, &quadrant);
    return syi_precise_wave(r, quadrant + 1);
}

static inline double syi_precise_tan(double x)
{
    uint64_t quadrant;
    const double r = syi_precise_turn(x, &quadrant);
    const double ratio = syi_precise_wave(r, quadrant) / syi_precise_wave(r, quadrant + 1);
    return x == 0 ? x : ratio;
}

/* atan(y / x) for 0 <= y <= x, of y = 0 = x, too. */
static inline double syi_precise_atan_ratio(double y, double x)
{
    const double q = x == 0 ? 0 : y / x, t = q * q;
    double p = -0.00068049715501077414;
    p = p * t + 0.0048272271111300825;
    p = p * t - 0.016055159019795037;
    p = p * t + 0.034133420735835418;
    p = p * t - 0.054215306474933424;
    p = p * t + 0.072422840351555898;
    p = p * t - 0.089790510111853322;
    p = p * t + 0.11092984779110021;
    p = p * t - 0.14283948420130643;
    p = p * t + 0.19999909956942485;
    p = p * t - 0.33333331518195886;
    return q + q * t * p;
}

#define SYI_HALF_PI 0x1.921fb54442d18p0

/* The angle of (x, y), as C's atan2. */
static inline double syi_precise_atan2(double y, double x)
{
    const double ay = fabs(y), ax = fabs(x);
    const double both = ax > 0x1p1023 && ay > 0x1p1023 ? 1.0 : 0.0; /* two infinities are equal */
    const double high = both != 0 ? 1.0 : ay > ax ? ay : ax;
    const double low = both != 0 ? 1.0 : ay > ax ? ax : ay;
    const double within = syi_precise_atan_ratio(low, high > 0x1p1023 ? 0x1p1023 : high);
    const double right = ay > ax ? SYI_HALF_PI - within : within;
    const double angle = copysign(1.0, x) < 0 ? 2 * SYI_HALF_PI - right : right;
    return x != x || y != y ? NAN : copysign(angle, y);
}

static inline double syi_precise_atan(double x)
{
    return syi_precise_atan2(x, 1.0);
}

static inline double syi_precise_asin(double x)
{
    return syi_precise_atan2(x, sqrt((1.0 - x) * (1.0 + x)));
}

static inline double syi_precise_acos(double x)
{
    return syi_precise_atan2(sqrt((1.0 - x) * (1.0 + x)), x);
}

static inline double syi_precise_sinh(double x)
{
    const double e = syi_precise_expm1(fabs(x));
    return copysign(0.5 * (e + e / (e + 1.0)), x);
}

static inline double syi_precise_cosh(double x)
{
    const double e = syi_precise_exp(fabs(x));
    return 0.5 * (e + 1.0 / e);
}

/* The error function. */
static inline double syi_precise_erf(double x)
{
    const double magnitude = fabs(x) > 4.0 ? 4.0 : fabs(x); /* NaN stays; erf(4) rounds to 1 */
    const double u = magnitude * magnitude * 0.125 - 1.0;
    /* Four polynomials of every fourth coefficient side by side: in one chain each step waits for the one before, and
     * erf took 4.0 ms for 1e6 elements instead of 2.0. */
    const double v = u * u, w = v * v;
    double p0 = 1.3255546056155572e-05;
    p0 = p0 * w + 0.00029918121353474878;
    p0 = p0 * w + 0.0048646276818217378;
    p0 = p0 * w + 0.033061469164673812;
    p0 = p0 * w + 0.090209000916668197;
    p0 = p0 * w + 0.35353099564411539;
    double p1 = -7.2316869474250129e-05;
    p1 = p1 * w - 0.002530356566622679;
    p1 = p1 * w - 0.022466183428000788;
    p1 = p1 * w - 0.074727726071094708;
    p1 = p1 * w - 0.17657623321207128;
    double p2 = 3.1074278717024952e-05;
    p2 = p2 * w + 0.0012723239528993062;
    p2 = p2 * w + 0.014345736956132078;
    p2 = p2 * w + 0.059886799541591304;
    p2 = p2 * w + 0.13167511672364407;
    double p3 = -3.671409504242076e-05;
    p3 = p3 * w - 0.00067308650386287974;
    p3 = p3 * w - 0.0086300377348024586;
    p3 = p3 * w - 0.045766481949439247;
    p3 = p3 * w - 0.10771044904000665;
    const double p = (p0 + u * p1) + v * (p2 + u * p3);
    return copysign(magnitude * p, x);
}

#endif
