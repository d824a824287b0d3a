/*
 * elementary.h - exp, log, tanh and the logistic function of float, without branches and tables, so that
 * loops over them are vectorised. Polynomials of Cephes (Moshier, 1989: expf, logf, tanhf). Within 3
 * units in the last place of the true value everywhere, denormal results of exp included; NaN, infinities
 * and zeros as in C's library. Room frameworks/cpu only. Test: elementary_test.c.
 */
#ifndef SYI_FRAMEWORKS_CPU_ELEMENTARY_H
#define SYI_FRAMEWORKS_CPU_ELEMENTARY_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t syi_float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float syi_float_from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* ln 2 in two parts; products of the first with small integers are exact. */
#define SYI_LN2_HIGH 0.693359375f
#define SYI_LN2_LOW -2.12194440e-4f

static inline float syi_expf(float x)
{
    const float capped = x > 89.0f ? 89.0f : x;
    const float clamped = capped < -104.0f ? -104.0f : capped; /* NaN stays NaN */
    const float shifted = clamped * 1.44269504f + 0x1.8p23f;   /* the integer is in its low bits */
    const float n = shifted - 0x1.8p23f;
    const float r = clamped - n * SYI_LN2_HIGH - n * SYI_LN2_LOW;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    /* 2^n in two factors: n reaches beyond the exponents of float on both sides */
    const uint32_t k = syi_float_bits(shifted) - syi_float_bits(0x1.8p23f) + 512;
    const uint32_t half = k / 2;
    const float low = syi_float_from_bits((half + 127 - 256) << 23);
    const float high = syi_float_from_bits((k - half + 127 - 256) << 23);
    return p * low * high;
}

static inline float syi_logf(float x)
{
    const float normal = x < 0x1p-126f ? x * 0x1p23f : x;
    const float offset = x < 0x1p-126f ? -23.0f : 0.0f;
    /* x = m 2^e with m from sqrt(1/2) to sqrt(2) */
    const uint32_t bits = syi_float_bits(normal) - 0x3f3504f3u;
    const float e = (float)((int32_t)bits >> 23) + offset;
    const float f = syi_float_from_bits((bits & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    const float z = f * f;
    float p = 7.0376836292e-2f;
    p = p * f - 1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f - 1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f - 1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f - 2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    const float y = f * z * p + e * SYI_LN2_LOW - 0.5f * z;
    const float finite = f + y + e * SYI_LN2_HIGH;
    const float positive = x > 0x1.fffffep127f ? x : finite;
    const float special = x == 0 ? -INFINITY : NAN;
    return x > 0 ? positive : special;
}

static inline float syi_tanhf(float x)
{
    const float z = x * x;
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    const float magnitude = fabsf(x);
    const float small = p * z * magnitude + magnitude;
    const float large = 1.0f - 2.0f / (syi_expf(2.0f * magnitude) + 1.0f);
    return copysignf(magnitude < 0.625f ? small : large, x);
}

static inline float syi_logisticf(float x)
{
    return 1.0f / (1.0f + syi_expf(-x));
}

#endif
