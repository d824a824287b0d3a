/*
 * polynomial_fit.c - pieces: least squares by Householder's QR in Chebyshev polynomials, values in double. Face:
 * csyft/polynomial.h. Evaluation on tensors is polynomial.c. Test: polynomial_test.c.
 */
#include <csyft/polynomial.h>

#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"

#define STEPS_MAX 100000

typedef struct system {
    double *rows; /* steps x (columns + 1), the right side last */
    int steps, columns;
} system;

static double *at(const system *m, int row, int column)
{
    return &m->rows[(size_t)row * (size_t)(m->columns + 1) + (size_t)column];
}

/* T_0(t), ..., T_(columns - 1)(t) */
static void chebyshev(double t, int columns, double *values)
{
    for (int k = 0; k < columns; k++) {
        values[k] = k == 0 ? 1 : k == 1 ? t : 2 * t * values[k - 1] - values[k - 2];
    }
}

/* Reflects the columns from k on, so that column k is 0 below its diagonal. */
static void reflect(const system *m, int k)
{
    double norm = 0;
    for (int i = k; i < m->steps; i++) {
        norm = hypot(norm, *at(m, i, k));
    }
    const double head = *at(m, k, k), alpha = head > 0 ? -norm : norm;
    const double length = norm * (norm + fabs(head)); /* half of v'v */
    if (!(length > 0)) {
        return;
    }
    *at(m, k, k) = head - alpha;
    for (int j = k + 1; j <= m->columns; j++) {
        double dot = 0;
        for (int i = k; i < m->steps; i++) {
            dot += *at(m, i, k) * *at(m, i, j);
        }
        for (int i = k; i < m->steps; i++) {
            *at(m, i, j) -= dot / length * *at(m, i, k);
        }
    }
    *at(m, k, k) = alpha;
}

static void solve(const system *m, double *solution)
{
    for (int k = 0; k < m->columns; k++) {
        reflect(m, k);
    }
    for (int k = m->columns - 1; k >= 0; k--) {
        double rest = *at(m, k, m->columns);
        for (int j = k + 1; j < m->columns; j++) {
            rest -= *at(m, k, j) * solution[j];
        }
        solution[k] = rest / *at(m, k, k);
    }
}

/* Sum of c_k T_k(t) to powers of t. */
static void to_powers(const double *c, int degree, double *powers)
{
    double before[SY_POLYNOMIAL_DEGREE_MAX + 2] = {0}, now[SY_POLYNOMIAL_DEGREE_MAX + 2] = {1};
    memset(powers, 0, (size_t)(degree + 1) * sizeof *powers);
    for (int k = 0; k <= degree; k++) {
        double next[SY_POLYNOMIAL_DEGREE_MAX + 2] = {0};
        for (int i = 0; i <= k; i++) {
            powers[i] += c[k] * now[i];
        }
        for (int i = 0; i <= k; i++) {
            next[i + 1] += (k == 0 ? 1 : 2) * now[i];
        }
        for (int i = 0; k > 0 && i <= k; i++) {
            next[i] -= before[i];
        }
        memcpy(before, now, sizeof before);
        memcpy(now, next, sizeof now);
    }
}

/* Powers of (scale x + shift) to powers of x, by Horner's scheme on polynomials. */
static void substitute(const double *powers, int degree, double scale, double shift, double *result)
{
    memset(result, 0, (size_t)(degree + 1) * sizeof *result);
    for (int k = degree; k >= 0; k--) {
        for (int i = degree; i >= 0; i--) {
            result[i] = shift * result[i] + (i > 0 ? scale * result[i - 1] : 0);
        }
        result[0] += powers[k];
    }
}

static void center(sy_polynomial_piece *piece)
{
    substitute(piece->coefficients, piece->degree, (piece->max - piece->min) / 2,
               (piece->max + piece->min) / 2, piece->centered);
}

static void keep_decimals(sy_polynomial_piece *piece, int decimals)
{
    const double scale = pow(10, decimals);
    for (int k = 0; decimals >= 0 && k <= piece->degree; k++) {
        const double scaled = piece->coefficients[k] * scale;
        if (fabs(scaled) < 0x1p53) {
            piece->coefficients[k] = trunc(scaled) / scale;
        }
    }
}

static double point(const sy_polynomial_piece *piece, int k, int steps)
{
    return steps > 1 ? piece->min + (piece->max - piece->min) * k / (steps - 1) : piece->min;
}

static sy_status fill(const system *m, const sy_polynomial_piece *piece, sy_polynomial_fn function,
                      void *user, sy_error *err)
{
    for (int i = 0; i < m->steps; i++) {
        const double x = point(piece, i, m->steps);
        const double value = function(x, user);
        if (!isfinite(value)) {
            return syi_fail(err, SY_ERANGE, "polynomial: the function is %g at %g", value, x);
        }
        chebyshev((2 * x - piece->min - piece->max) / (piece->max - piece->min), m->columns,
                  at(m, i, 0));
        *at(m, i, m->columns) = value;
    }
    return SY_OK;
}

static void measure(sy_polynomial_piece *piece, int steps, sy_polynomial_fn function, void *user)
{
    const int points = 4 * (steps - 1) + 1;
    for (int k = 0; k < points; k++) {
        const double x = point(piece, k, points);
        const double error = fabs(sy_polynomial_value(piece, x) - function(x, user));
        piece->error = error > piece->error || isnan(error) ? error : piece->error;
    }
}

sy_status sy_polynomial_fit(sy_hook *hook, sy_polynomial_piece *piece, double min, double max,
                            int steps, int degree, int decimals, sy_polynomial_fn function,
                            void *user, sy_error *err)
{
    if (!isfinite(min) || !isfinite(max) || !(min < max) || function == NULL) {
        return syi_fail(err, SY_EINVAL, "polynomial: no function, or no interval from %g to %g",
                        min, max);
    }
    if (degree < 0 || degree > SY_POLYNOMIAL_DEGREE_MAX || steps <= degree || steps > STEPS_MAX ||
        steps < 2) {
        return syi_fail(
            err, SY_EINVAL,
            "polynomial: degree %d on %d points; degrees of 0 to %d on more points than "
            "that, up to %d, are possible",
            degree, steps, SY_POLYNOMIAL_DEGREE_MAX, STEPS_MAX);
    }
    *piece = (sy_polynomial_piece){.min = min, .max = max, .degree = degree};
    sy_context *context = sy_hook_get_context(hook);
    const system m = {
        .steps = steps,
        .columns = degree + 1,
        .rows = syi_alloc_array(context, (size_t)steps * (size_t)(degree + 2), sizeof(double))};
    if (m.rows == NULL) {
        return SYI_ENOMEM(err, "polynomial");
    }
    double solution[SY_POLYNOMIAL_DEGREE_MAX + 1] = {0};
    const sy_status status = fill(&m, piece, function, user, err);
    if (status == SY_OK) {
        solve(&m, solution);
        to_powers(solution, degree, piece->centered);
        substitute(piece->centered, degree, 2 / (max - min), -(max + min) / (max - min),
                   piece->coefficients);
        keep_decimals(piece, decimals);
        if (decimals >= 0) {
            center(piece);
        }
        measure(piece, steps, function, user);
    }
    syi_free(context, m.rows, (size_t)steps * (size_t)(degree + 2) * sizeof(double));
    return status;
}

sy_status sy_polynomial_taylor(sy_polynomial_piece *piece, const char *name, bool as_reference,
                               sy_error *err)
{
    static const double sigmoid[] = {1.0 / 2, 1.0 / 4, 0, -1.0 / 48, 0, 1.0 / 480};
    static const double factorials[] = {1, 1, 2, 6, 24, 120, 720, 5040};
    *piece = (sy_polynomial_piece){.min = -3, .max = 3};
    if (strcmp(name, "sigmoid") == 0) {
        piece->degree = 5;
        memcpy(piece->coefficients, sigmoid, sizeof sigmoid);
    } else if (strcmp(name, "exp") == 0) {
        piece->degree = 7;
        for (int k = 0; k <= 7; k++) {
            piece->coefficients[k] = 1 / factorials[k];
        }
        if (as_reference) {
            piece->coefficients[6] = 1.0 / 840;
            piece->coefficients[7] = 1.0 / 6720;
        }
    } else {
        return syi_fail(err, SY_ENOTFOUND, "polynomial: no Taylor series of %.32s", name);
    }
    center(piece);
    return SY_OK;
}

void sy_polynomial_map(sy_polynomial_piece *piece, sy_polynomial_fn function, void *user)
{
    for (int k = 0; k <= piece->degree; k++) {
        piece->coefficients[k] = function(piece->coefficients[k], user);
    }
    center(piece);
}

double sy_polynomial_value(const sy_polynomial_piece *piece, double x)
{
    double value = 0;
    for (int k = piece->degree; k >= 0; k--) {
        value = value * x + piece->coefficients[k];
    }
    return value;
}
