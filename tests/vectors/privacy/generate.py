#!/usr/bin/env python3
"""Numbers of differential privacy from their definitions, at 40 digits (python3-mpmath): "function argument ... = value",
one call a line. Divergences are integrals of densities here, and nothing of csyft's series or quadrature.
Usage: generate.py FILE, FILE is special, accountants, pate or gnmax. Counts are written as their number and the counts."""
import sys

from mpmath import binomial, erfc, exp, findroot, inf, log, mp, mpf, ncdf, npdf, nstr, pi, quad, sqrt

mp.dps = 40


def line(name, value, *args):
    print(name, *(repr(a) for a in args), "=", nstr(value, 20, min_fixed=1, max_fixed=0))


def log_add(a, b):
    return log(exp(mpf(a)) + exp(mpf(b)))


def special():
    for x in (0.0, 1e-9, 0.3, 1.7, 3.99, 4.01, 9.0, 26.0, 1000.0):
        line("erfcx", exp(mpf(x)**2) * erfc(mpf(x)), x)
    for x in (-300.0, -40.0, -9.0, -5.7, -5.6, -2.0, -1e-8, 0.0, 0.5, 3.0, 8.0, 30.0):
        line("log_normal_cdf", log(ncdf(mpf(x))) if x < 8 else log(1 - ncdf(-mpf(x))) if x < 9 else -ncdf(-mpf(x)), x)
    for x in (-30.0, -5.0, -0.1, 0.0, 0.7, 6.0, 50.0, 1e5):
        line("mills", sqrt(pi / 2) * exp(mpf(x)**2 / 2) * erfc(mpf(x) / sqrt(mpf(2))), x)
    for x in (-30.0, -3.0, -0.2, 0.0, 0.4, 2.0, 5.5, 30.0):
        line("log_erfc", log(erfc(mpf(x))), x)
        if x > -3:
            y = float(log(erfc(mpf(x))))
            line("erfc_inverse_log", findroot(lambda t: log(erfc(t)) - mpf(y), mpf(x)), y)
    for x in (-1e-12, -0.1, -0.7, -3.0, -80.0):
        line("log1mexp", log(1 - exp(mpf(x))), x)
    for a, b in ((0.0, 0.0), (1000.0, 999.0), (-1000.0, 3.0), (-700.5, -701.25)):
        line("log_add", log_add(a, b), a, b)
    for n, k in ((10.0, 3.0), (4096.0, 2.0), (60000.0, 30000.0)):
        line("log_binomial", log(binomial(mpf(n), mpf(k))), n, k)


def divergence(order, p, points, q):
    """Renyi divergence of densities p against q."""
    a = mpf(order)
    return log(quad(lambda z: p(z)**a * q(z)**(1 - a), points)) / (a - 1)


def sampled(order, rate, noise):
    rate, noise = mpf(rate), mpf(noise)
    a = mpf(order)
    points = sorted({-40 * noise, -8 * noise, mpf(0), mpf(1), mpf(3), a / 2, a, a + 8 * noise, a + 40 * noise})
    return divergence(order, lambda z: (1 - rate) * npdf(z, 0, noise) + rate * npdf(z, 1, noise), points,
                      lambda z: npdf(z, 0, noise))


def laplace(order, noise):
    b = mpf(noise)
    density = lambda middle: lambda z: exp(-abs(z - middle) / b) / (2 * b)
    return divergence(order, density(0), [-inf, 0, 1, inf], density(1))


def pure(order, epsilon):
    a, x = mpf(order), mpf(epsilon)
    p, q = exp(x) / (1 + exp(x)), 1 / (1 + exp(x))
    return log(p**a * q**(1 - a) + q**a * p**(1 - a)) / (a - 1)


def response(order, noise, classes, replace):
    a, p, k = mpf(order), mpf(noise), classes
    true = [1 - p + p / k] + [p / k] * (k - 1)
    other = [p / k, 1 - p + p / k] + [p / k] * (k - 2) if replace else [mpf(1) / k] * k
    one, two = (log(sum(x**a * y**(1 - a) for x, y in zip(*pair))) / (a - 1) for pair in ((true, other), (other, true)))
    return max(one, two)


def gaussian_delta(noise, epsilon):
    s, x = 1 / mpf(noise), mpf(epsilon)
    return ncdf(s / 2 - x / s) - exp(x) * ncdf(-s / 2 - x / s)


def zcdp_delta(rho, epsilon):
    """The least over all orders, found as a root of the derivative."""
    r, x = mpf(rho), mpf(epsilon)
    slope = lambda a: (2 * a - 1) * r - x + log(1 - 1 / a)
    low, high = mpf("1e-30"), mpf(1)
    while slope(1 + high) < 0:
        high *= 2
    for _ in range(300):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(1 + middle) < 0 else (low, middle)
    a = 1 + high
    return min(exp((a - 1) * (a * r - x + log(1 - 1 / a)) - log(a)), mpf(1))


def accountants():
    for rate, noise, order in ((.01, 2.5, 1.5), (.01, 2.5, 2.5), (.01, 2.5, 5.0), (.01, 2.5, 50.0), (.01, 2.5, 100.0),
                               (.04, 1.5, 3.9), (.04, 1.5, 4.0), (.001, .5, 1.1), (.001, 4.0, 1.1), (.3, .3, 7.7),
                               (.01, 1.0, 20.5), (1e-4, 10.0, 3.3), (.5, 1.0, 63.5), (.9, .7, 2.0), (1e-3, .05, 1.7),
                               (.02, 100.0, 1000.5), (.02, 3.0, 256.0), (1.0, 2.0, 3.5), (.7, 20.0, 1.01)):
        value = sampled(order, rate, noise)
        line("rdp_of_subsampled_gaussian", value, order, rate, noise)
        line("logmgf_subsampled_gaussian", (mpf(order) - 1) * value, order - 1, rate, noise)
    for order, noise in ((1.01, 1.0), (2.0, .3), (2.5, 5.0), (7.0, 40.0), (32.0, 1000.0), (200.0, 2.0), (1.5, .05)):
        line("rdp_of_laplace", laplace(order, noise), order, noise)
        line("rdp_of_gaussian", mpf(order) / 2 / mpf(noise)**2, order, noise)
    for order, epsilon in ((1.01, 1.0), (2.0, .01), (5.0, .1), (40.0, 3.0), (3.0, 12.0), (600.0, 1e-4)):
        line("rdp_of_pure", pure(order, epsilon), order, epsilon)
    for order, noise, classes in ((1.5, .3, 10), (5.0, .3, 10), (100.0, .3, 10), (2.0, .9, 2), (3.0, .01, 1000)):
        for replace in (0, 1):
            line("rdp_of_randomized_response", response(order, noise, classes, replace), order, noise, classes, replace)
    for noise, epsilon in ((4.530877117, 1.0), (1.0, 0.0), (1.0, 1.0), (.5, 1.0), (3.0, .1), (.2, 30.0), (.01, 4000.0), (.02, 900.0),
                           (100.0, .2), (20.0, 0.0), (1.0, 20.0)):
        line("gaussian_delta", gaussian_delta(noise, epsilon), noise, epsilon)
    for epsilon, delta in ((1.0, 1e-6), (.1, 1e-5), (10.0, 1e-9), (.5, .01)):
        low, high = mpf(".1"), mpf(60)
        for _ in range(150):
            middle = (low + high) / 2
            low, high = (middle, high) if gaussian_delta(middle, epsilon) > mpf(delta) else (low, middle)
        line("gaussian_noise_multiplier", high, epsilon, delta)
    for rho, epsilon in ((.1, 1.0), (.005, .5), (1.0, 10.0), (1e-6, .01), (50.0, 120.0), (.3, .2), (2.0, .5)):
        line("zcdp_to_delta", zcdp_delta(rho, epsilon), rho, epsilon)


VOTES = ([90, 5, 5], [100] + [0] * 9, [5, 40, 30, 25], [10, 5, 3], [33, 33, 34], [7, 93], [0.5, 20.25, 19.75, 9.5])


def q_2017(counts, noise):
    w = max(range(len(counts)), key=lambda k: (counts[k], -k))
    gaps = [mpf(noise) * (mpf(counts[w]) - c) for k, c in enumerate(counts) if k != w]
    return min(sum((g + 2) / (4 * exp(g)) for g in gaps), 1 - mpf(1) / len(counts))


def logmgf(q, p, l):
    q, p, l = mpf(q), mpf(p), mpf(l)
    log_t = p * l
    if q < 1 / (exp(p) + 1):  # the reference: q < 0.5, and p l when the logarithm fails
        log_t = log((1 - q) * ((1 - q) / (1 - exp(p) * q))**l + q * exp(p * l))
    return min(p * p * l * (l + 1) / 2, log_t, p * l)


def from_counts(counts, noise, l):
    return logmgf(q_2017(counts, noise), 2 * mpf(noise), l)


def sens(counts, noise, l, k):
    s = sorted(counts, reverse=True)
    if mpf(noise) * l / 2 > 1 or s[0] < s[1] + k:
        return mpf(0)
    moved = [s[0] - k, s[1] + k] + s[2:]
    once_more = [moved[0] - 1, moved[1] + 1] + s[2:]
    return from_counts(once_more, noise, l) - from_counts(moved, noise, l)


def pate():
    for counts in VOTES:
        for noise in (.1, .05, .7):
            line("q", q_2017(counts, noise), noise, len(counts), *counts)
            top = sorted(counts, reverse=True)
            gap = mpf(noise) * (mpf(top[0]) - top[1])
            m = len(counts)
            line("q_approx", min((m - 1) * (gap + 2) / (4 * exp(gap)), 1 - mpf(1) / m), noise, m, *counts)
            for l in (1, 4, 8, 2.5):
                line("from_counts", from_counts(counts, noise, l), noise, l, len(counts), *counts)
                for k in (0, 3, 10):
                    line("sens", sens(counts, noise, l, k), noise, l, k, len(counts), *counts)
                smooth = max(exp(-mpf(".09") * k) * sens(counts, noise, l, k) for k in range(101))
                line("smoothed", smooth, noise, l, .09, len(counts), *counts)
    for q in (0.0, 1e-12, .001, .1, .3, .44, .6, 1.0):
        for p in (.2, .01, 1.0):
            for l in (1, 3, 8, 100):
                if q < 1 / (float(exp(mpf(p))) + 1) or q > .5:
                    line("logmgf", logmgf(q, p, l), q, p, l)


def logq_gaussian(counts, sigma):
    w = max(range(len(counts)), key=lambda k: (counts[k], -k))
    q = sum(1 - ncdf((mpf(counts[w]) - c) / (sqrt(2) * mpf(sigma))) if abs(counts[w] - c) < 5 * sigma
            else erfc((mpf(counts[w]) - c) / (2 * mpf(sigma))) / 2 for k, c in enumerate(counts) if k != w)
    return log(min(q, 1 - mpf(1) / len(counts)))


def theorem_6(order, logq, sigma):
    a, q, v = mpf(order), exp(mpf(logq)), mpf(sigma)**2
    mu2 = mpf(sigma) * sqrt(-mpf(logq))
    mu1 = mu2 + 1
    e1, e2 = mu1 / v, mu2 / v
    big_a = (1 - q) / (1 - (q * exp(e2))**(1 - 1 / mu2))
    big_b = exp(e1) / q**(1 / (mu1 - 1))
    return log((1 - q) * big_a**(a - 1) + q * big_b**(a - 1)) / (a - 1)


def gnmax():
    mp.dps = 400  # 1 + e^-270 is not 1
    for counts, sigma in (([10, 0, 0], .5), ([1000, 500, 300, 200, 0], 250.0), ([90, 5, 5], 40.0), ([3, 3, 3], 2.0),
                          ([200, 20, 10, 5, 5, 5, 5], 10.0)):
        line("logq_gaussian", logq_gaussian(counts, sigma), sigma, len(counts), *counts)
    for counts, scale in (([90, 5, 5], 20.0), ([250, 0, 0, 0], 2.0)):
        line("logq_laplace", log(q_2017(counts, 1 / mpf(scale))), scale, len(counts), *counts)
    for order, sigma in ((1.5, .5), (10.0, 250.0), (14.0, 40.0), (25.0, 20.0), (25.0, 100.0), (4.0, 2.0)):
        top = -max((1 + 1 / mpf(sigma))**2, ((mpf(order) - mpf(".99")) / mpf(sigma))**2, 1 / mpf(sigma)**2)
        any_q = mpf(order) / mpf(sigma)**2
        low, high = top * 400, top
        if theorem_6(order, top, sigma) < any_q:
            low = high
        for _ in range(150):
            middle = (low + high) / 2
            low, high = (low, middle) if theorem_6(order, middle, sigma) > any_q else (middle, high)
        line("logq0", low, order, sigma)
        for logq in (low * 1.01, low * 1.5, low * 4, low * 30):
            line("rdp", theorem_6(order, float(logq), sigma), order, float(logq), sigma)
    for order, beta, sigma in ((10.0, .03, 20.0), (2.0, .2, 1.0), (50.0, 0.0, 9.0)):
        a, b = mpf(order), mpf(beta)
        line("release", a * exp(2 * b) / mpf(sigma)**2 + (-log(1 - 2 * a * b) / 2 + b * a) / (a - 1), order, beta, sigma)


{"special": special, "accountants": accountants, "pate": pate, "gnmax": gnmax}[sys.argv[1]]()
