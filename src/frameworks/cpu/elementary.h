/*
 * elementary.h - exp, log, tanh, sine, cosine, gelu and the logistic function of float, without branches and tables, so
 * that loops over them are vectorised. Polynomials of Cephes (Moshier, 1989: expf, logf, tanhf), of gelu and the waves
 * Chebyshev fits of their own. Within 3 units in the last place of the true value everywhere (gelu: 12; the waves: 1,
 * below SYI_WAVE_REACH), denormal results of exp included; NaN, infinities and zeros as in C's library. Room frameworks/cpu only. Test: elementary_test.c.
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

/* e^(x + low) for x from -85 to 0 and a far smaller low: none of syi_expf's ends. */
static inline float syi_expf_below(float x, float low)
{
    const float shifted = x * 1.44269504f + 0x1.8p23f;
    const float n = shifted - 0x1.8p23f;
    const float r = x - n * SYI_LN2_HIGH - n * SYI_LN2_LOW + low, q = r * r;
    const float e0 = 1.6666665459e-1f * r + 5.0000001201e-1f;
    const float e1 = 8.3334519073e-3f * r + 4.1665795894e-2f;
    const float e2 = 1.9875691500e-4f * r + 1.3981999507e-3f;
    const float p = ((e2 * q + e1) * q + e0) * q + r + 1.0f;
    return p *
           syi_float_from_bits((syi_float_bits(shifted) - syi_float_bits(0x1.8p23f) + 127) << 23);
}

/*
 * x Phi(x) with the normal distribution's Phi. Its tail at z = |x| is e^(-z^2/2) times u P(u), u = 1 / (1 + 0.35 z), to 4e-8
 * of itself, so that small values of negative x keep their digits, which 1 + erf loses; beyond SYI_GELU_END, where values
 * are denormal, it is 0. (In double by way of erf: 2.2 ms for 1e6, this 1.3.)
 */
#define SYI_GELU_END 13.0f
static inline float syi_geluf(float x)
{
    const float magnitude = fabsf(x);
    const float z = magnitude > SYI_GELU_END ? SYI_GELU_END : magnitude; /* NaN stays NaN */
    const float u = 1.0f / (1.0f + 0.35f * z);
    const float v = u * u, w = v * v; /* pairs of terms, so that few steps wait for each other */
    const float p0 = 0.1398583f * u + 0.139621498f, p1 = 0.105274726f * u + 0.119874719f;
    const float p2 = 0.157892764f * u - 0.0223930681f, p3 = 0.143234464f * u - 0.254387492f;
    const float p = (p1 * v + p0) + w * ((p3 * v + p2) + w * -0.0289759244f);
    /* z^2 in two parts: the square of 12 bits is exact */
    const float cut = syi_float_from_bits(syi_float_bits(z) & 0xfffff000u);
    const float power = syi_expf_below(-0.5f * cut * cut, -0.5f * (z - cut) * (z + cut));
    const float tail = magnitude > SYI_GELU_END ? 0.0f : power * (u * p);
    return x * (x > 0 ? 1.0f - tail : tail);
}

/*
 * The sine of x + turns pi/2 for |x| below SYI_WAVE_REACH: what is left of x within pi/4 in double, then as a float and
 * the small rest that this leaves. (All in double: 2.1 ms for 1e6, this 1.5.)
 */
#define SYI_WAVE_REACH 8192.0f
static inline float syi_wavef(float x, uint32_t turns)
{
    const float shifted =
        x * 0x1.45f306p-1f + 0x1.8p23f; /* the number of quadrants is in its low bits */
    const float n = shifted - 0x1.8p23f;
    const uint32_t quadrant = syi_float_bits(shifted) + turns;
    const double left = (double)x - (double)n * 0x1.921fb544p0 - (double)n * 0x1.0b4611a626331p-34;
    const float r = (float)left, rest = (float)(left - (double)r);
    const float t = r * r;
    float s = 0x1.6dbb7cp-19f;
    s = s * t - 0x1.a013a0p-13f;
    s = s * t + 0x1.11110ep-7f;
    s = s * t - 0x1.555556p-3f;
    s = r + (rest + s * t * r);
    float c = 0x1.9bd610p-16f;
    c = c * t - 0x1.6c12cep-10f;
    c = c * t + 0x1.555554p-5f;
    const float half = 0.5f * t, most = 1.0f - half;
    c = most + (((1.0f - most) - half) + (c * t * t - r * rest));
    const float wave = (quadrant & 1) != 0 ? c : s;
    return syi_float_from_bits(syi_float_bits(wave) ^ ((quadrant & 2) << 30));
}

static inline float syi_sinf(float x)
{
    const float wave = syi_wavef(x, 0);
    return x == 0 ? x : wave;
}

static inline float syi_cosf(float x)
{
    return syi_wavef(x, 1);
}

#endif
