/*
 * polynomial.h - functions as polynomials, in pieces, on any chain (003: PolynomialTensor).
 *
 * A piece is a least squares fit of a function on equidistant points; evaluation is Horner's scheme in sums and
 * products (several pieces: and comparisons), so it runs on native tensors, fixed precision, pointers and shares
 * alike. Each piece carries the greatest error that was measured when it was fitted.
 *
 *     sy_polynomials_new(hook, &p, NULL, err);
 *     sy_polynomials_add_defaults(p, err);              exp log sigmoid tanh, as the reference fits them
 *     y = sy_polynomials_evaluate(s, p, "tanh", x);
 *
 * On fixed precision, six decimals or more are needed for an error near that of the fit.
 */
#ifndef CSYFT_POLYNOMIAL_H
#define CSYFT_POLYNOMIAL_H

#include <csyft/scope.h>

SY_BEGIN_DECLS

#define SY_POLYNOMIAL_DEGREE_MAX 30

typedef double (*sy_polynomial_fn)(double x, void *user);

typedef struct sy_polynomial_piece {
    double min, max; /* where it stands for the function, ends included */
    int degree;
    double coefficients[SY_POLYNOMIAL_DEGREE_MAX + 1]; /* of x^0, x^1, ... */
    double centered[SY_POLYNOMIAL_DEGREE_MAX +
                    1]; /* the same in t = (2 x - min - max) / (max - min) */
    double
        error; /* greatest, of `coefficients` against the function at four points per step; 0: not fitted */
} sy_polynomial_piece;

/* Fits `function` on `steps` points from min to max (reference: interpolate, fit_function), by QR in Chebyshev
 * polynomials. `decimals` of the coefficients are kept, truncated toward 0 (the reference: 10); negative: all. The
 * degree is honoured; it may be at most steps - 1. SY_EINVAL, SY_ERANGE when the function is not finite there. */
SY_API sy_status sy_polynomial_fit(sy_hook *hook, sy_polynomial_piece *piece, double min,
                                   double max, int steps, int degree, int decimals,
                                   sy_polynomial_fn function, void *user, sy_error *err);
/* "sigmoid" (degree 5) and "exp" (degree 7) about 0, for [-3, 3]. `as_reference`: with its constants 840 and 6720
 * for exp, where Taylor's are 720 and 5040. */
SY_API sy_status sy_polynomial_taylor(sy_polynomial_piece *piece, const char *name,
                                      bool as_reference, sy_error *err);
/* Applies a function to every coefficient (reference: applycoefs). */
SY_API void sy_polynomial_map(sy_polynomial_piece *piece, sy_polynomial_fn function, void *user);
/* The value at x, in double; the interval does not matter. */
SY_API double sy_polynomial_value(const sy_polynomial_piece *piece, double x);
/* At every element; the first piece that holds it has it. SY_ERANGE when an element lies in none, where the
 * elements are here; elsewhere its value is 0 (with one piece: what the polynomial gives at the nearer end). x is
 * left as it is. */
SY_API sy_tensor *sy_polynomial_evaluate(sy_scope *scope, sy_tensor *x,
                                         const sy_polynomial_piece *pieces, size_t count);

/* Named functions. */
typedef struct sy_polynomials sy_polynomials;

typedef struct sy_polynomials_options {
    size_t size;
    int precision;             /* decimals of coefficients */
    sy_polynomial_fn function; /* applied to every coefficient; NULL: none */
    void *user;
} sy_polynomials_options;
#define SY_POLYNOMIALS_OPTIONS_INIT                             \
    {                                                           \
        .size = sizeof(sy_polynomials_options), .precision = 10 \
    }

/* [min, max, steps, degree, function] of the reference. */
typedef struct sy_polynomials_part {
    double min, max;
    int steps, degree;
    sy_polynomial_fn function;
    void *user;
} sy_polynomials_part;

SY_API sy_status sy_polynomials_new(sy_hook *hook, sy_polynomials **polynomials,
                                    const sy_polynomials_options *options, sy_error *err);
SY_API void sy_polynomials_free(sy_polynomials *polynomials); /* NULL is nothing */
/* exp [0, 10] and [-10, 0], log [1, 10], sigmoid [-10, 10], tanh [0, 10] and [-10, 0]; degree 10. */
SY_API sy_status sy_polynomials_add_defaults(sy_polynomials *polynomials, sy_error *err);
/* Fits and keeps it; a function of that name is replaced. SY_EINVAL for a name of none or over 63 bytes. */
SY_API sy_status sy_polynomials_add(sy_polynomials *polynomials, const char *name,
                                    const sy_polynomials_part *parts, size_t count, sy_error *err);
/* Borrowed until the next add. NULL when there is none. */
SY_API const sy_polynomial_piece *sy_polynomials_get(const sy_polynomials *polynomials,
                                                     const char *name, size_t *count);
/* One number (reference: get_val). SY_ERANGE outside of all pieces, SY_ENOTFOUND. */
SY_API sy_status sy_polynomials_value(const sy_polynomials *polynomials, const char *name, double x,
                                      double *value, sy_error *err);
SY_API sy_tensor *sy_polynomials_evaluate(sy_scope *scope, const sy_polynomials *polynomials,
                                          const char *name, sy_tensor *x);

SY_END_DECLS

#endif
