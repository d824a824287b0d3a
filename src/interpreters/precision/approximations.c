#include "interpreters/precision/approximations.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "interpreters/precision/rows.h"

/* The finer scale */

#define FINEST 10000000 /* where products of values up to some hundred still fit 2^63 */

static syi_fixed_attributes finer(const syi_fixed_attributes *own)
{
    syi_fixed_attributes fine = *own;
    fine.dtype = SY_PRECISION_LONG;
    fine.field = 0;
    while (fine.scale <= FINEST / fine.base) {
        fine.scale *= fine.base;
        fine.precision++;
    }
    return fine;
}

static sy_tensor *raise_scale(sy_scope *s, const syi_fixed *x, const syi_fixed_attributes *fine)
{
    const int64_t factor = fine->scale / x->attributes.scale;
    const uint64_t most = syi_fixed_bound(x, false);
    if (most != SYI_FIXED_UNKNOWN && most > syi_fixed_most(fine) / (uint64_t)factor) {
        syi_fixed_refuse(s, SY_ERANGE, "values are too large");
    }
    sy_tensor *child = syi_fixed_child(s, x);
    if (syi_fixed_storage(&x->attributes) != syi_fixed_storage(fine)) {
        child = sy_to(s, child, syi_fixed_storage(fine));
    }
    child = factor > 1 && child != NULL ? sy_mul_int(s, child, factor) : child;
    return syi_fixed_wrap(s, fine, child, syi_fixed_bound_mul(most, (uint64_t)factor));
}

static sy_tensor *lower_scale(sy_scope *s, sy_tensor *y, const syi_fixed_attributes *own)
{
    if (y == NULL || sy_scope_get_status(s) != SY_OK) {
        return NULL;
    }
    const syi_fixed *fine = syi_fixed_of(y);
    const int64_t factor = fine->attributes.scale / own->scale;
    uint64_t most = syi_fixed_bound(fine, true);
    most = most != SYI_FIXED_UNKNOWN ? most / (uint64_t)factor : most;
    if (most != SYI_FIXED_UNKNOWN && most > syi_fixed_most(own)) {
        syi_fixed_refuse(s, SY_ERANGE, "a result does not fit the field");
        return NULL;
    }
    sy_tensor *child = syi_fixed_divide(s, syi_fixed_child(s, fine), factor);
    if (syi_fixed_storage(own) != syi_fixed_storage(&fine->attributes)) {
        child = sy_to(s, child, syi_fixed_storage(own));
    }
    return syi_fixed_wrap(s, own, child, most);
}

/* Intervals */

/* Least and greatest element of what is here; false where nobody can look, and when there are none. */
static bool extent(sy_scope *s, sy_tensor *x, bool magnitudes, double *low, double *high)
{
    if (x == NULL || sy_scope_get_status(s) != SY_OK) {
        return false;
    }
    const syi_fixed *fixed = syi_fixed_of(x);
    if (!syi_node_is_native(fixed->base.child) ||
        syi_array_numel(syi_node_array(fixed->base.child)) == 0) {
        return false;
    }
    sy_tensor *child = syi_fixed_child(s, fixed);
    child = magnitudes ? sy_abs(s, child) : child;
    sy_tensor *least = sy_min(s, child), *greatest = sy_max(s, child);
    sy_error error = SY_ERROR_INIT;
    if (sy_scope_get_status(s) != SY_OK || sy_tensor_item(least, low, &error) != SY_OK ||
        sy_tensor_item(greatest, high, &error) != SY_OK) {
        return false;
    }
    *low /= (double)fixed->attributes.scale;
    *high /= (double)fixed->attributes.scale;
    return true;
}

/* false, and the scope has failed, when an element lies outside. */
static bool inside(sy_scope *s, sy_tensor *x, bool magnitudes, double from, double to)
{
    double low = 0, high = 0;
    if (extent(s, x, magnitudes, &low, &high) && (low < from || high > to)) {
        syi_fixed_refuse(s, SY_ERANGE, "%s from %g to %g, the interval is [%g, %g]",
                         magnitudes ? "magnitudes" : "elements", low, high, from, to);
    }
    return sy_scope_get_status(s) == SY_OK;
}

/* Pieces. All tensors below are on the finer scale; constants are encoded with it. */

/* (1 + y + y^2/2)^(2^d) with y = x / 2^d */
static sy_tensor *exponential(sy_scope *s, sy_tensor *x, int64_t iterations)
{
    sy_tensor *y = sy_div_int(s, x, INT64_C(1) << iterations);
    sy_tensor *power = sy_add_int(s, sy_add(s, y, sy_div_int(s, sy_mul(s, y, y), 2)), 1);
    for (int64_t k = 0; k < iterations; k++) {
        power = sy_mul(s, power, power);
    }
    return power;
}

/* Values below `low` become it, those above `high` that. With nothing but relu, which every child knows. */
static sy_tensor *clamp(sy_scope *s, sy_tensor *x, double low, double high)
{
    sy_tensor *above = sy_relu(s, sy_sub_scalar(s, x, low));
    sy_tensor *beyond = sy_relu(s, sy_sub_scalar(s, x, high));
    return sy_add_scalar(s, sy_sub(s, above, beyond), low);
}

#define EXP_LOW (-250.0)

/* Where the child is here, what is below the interval of exp is brought to its end, where exp is 0. */
static sy_tensor *not_below(sy_scope *s, sy_tensor *x)
{
    double low = 0, high = 0;
    if (extent(s, x, false, &low, &high) && low < EXP_LOW) {
        return sy_add_scalar(s, sy_relu(s, sy_sub_scalar(s, x, EXP_LOW)), EXP_LOW);
    }
    return x;
}

/* 1/z for z in [1, 2] */
static sy_tensor *reciprocal_near_one(sy_scope *s, sy_tensor *z)
{
    sy_tensor *y = sy_rsub_scalar(s, sy_div_int(s, z, 2), 1.4571);
    for (int k = 0; k < 4; k++) {
        y = sy_mul(s, y, sy_rsub_int(s, sy_mul(s, z, y), 2));
    }
    return y;
}

/* Coefficients of T_1, T_3, ..., T_31 of tanh(6 t). */
static const double tanh_series[] = {
    1.25829264677097,     -0.382639892760362,    0.193254253367688,    -0.108902761925863,
    0.0635647109216149,   -0.0375758593328954,   0.0223200132792665,   -0.0132828770976369,
    0.00791058414686992,  -0.00471249270981651,  0.00280764742921056,  -0.00167283903539852,
    0.000996720863613803, -0.000593876364902371, 0.000353850458332062, -0.000210835612831629,
};

/* The odd Chebyshev polynomials: T_(n+2) = (4 t^2 - 2) T_n - T_(n-2). */
static sy_tensor *tanh_chebyshev(sy_scope *s, sy_tensor *x, int64_t terms)
{
    sy_tensor *t = clamp(s, sy_div_int(s, x, 6), -1, 1);
    sy_tensor *turn = sy_sub_int(s, sy_mul_int(s, sy_mul(s, t, t), 4), 2);
    sy_tensor *before = t, *now = t;
    sy_tensor *sum = sy_mul_scalar(s, t, tanh_series[0]);
    for (int64_t n = 1; 2 * n + 1 < terms; n++) {
        sy_tensor *next = sy_sub(s, sy_mul(s, turn, now), before);
        before = now;
        now = next;
        sum = sy_add(s, sum, sy_mul_scalar(s, now, tanh_series[n]));
    }
    return sum;
}

/* The functions: x on the finer scale, checked here; iterations are not 0. */

static sy_tensor *exp_limit(sy_scope *s, sy_tensor *x, int64_t iterations)
{
    double low = 0, high = 0;
    if (extent(s, x, false, &low, &high) && high > 10) {
        syi_fixed_refuse(s, SY_ERANGE, "elements up to %g, the interval is [-inf, 10]", high);
    }
    return exponential(s, not_below(s, x), iterations);
}

/* Stable: of -|x|, and mirrored. */
static sy_tensor *sigmoid_exp(sy_scope *s, sy_tensor *x, int64_t iterations)
{
    sy_tensor *sign = sy_sign(s, x);
    sy_tensor *decay = exponential(s, not_below(s, sy_neg(s, sy_mul(s, x, sign))), iterations);
    sy_tensor *half = sy_sub_scalar(s, reciprocal_near_one(s, sy_add_int(s, decay, 1)), 0.5);
    return sy_add_scalar(s, sy_mul(s, half, sign), 0.5);
}

static sy_tensor *sigmoid_chebyshev(sy_scope *s, sy_tensor *x, int64_t terms)
{
    sy_tensor *y = tanh_chebyshev(s, sy_div_int(s, x, 2), terms);
    return sy_add_scalar(s, sy_div_int(s, y, 2), 0.5);
}

/* 0.5 + 0.191204779 x - 0.00458667307 x^3 + 0.0000420690803 x^5, in t = x / 8 */
static sy_tensor *sigmoid_maclaurin(sy_scope *s, sy_tensor *x, int64_t iterations)
{
    (void)iterations;
    if (!inside(s, x, false, -8, 8)) {
        return NULL;
    }
    sy_tensor *t = sy_div_int(s, x, 8);
    sy_tensor *square = sy_mul(s, t, t);
    sy_tensor *sum = sy_mul_scalar(s, square, 0.0000420690803 * 32768);
    sum = sy_mul(s, sy_sub_scalar(s, sum, 0.00458667307 * 512), square);
    sum = sy_mul(s, sy_add_scalar(s, sum, 0.191204779 * 8), t);
    return sy_add_scalar(s, sum, 0.5);
}

static sy_tensor *tanh_sigmoid(sy_scope *s, sy_tensor *x, int64_t iterations)
{
    sy_tensor *y = sigmoid_exp(s, sy_mul_int(s, x, 2), iterations);
    return sy_sub_int(s, sy_mul_int(s, y, 2), 1);
}

/* y <- y - h (1 + h/2 + ... + h^5/6) with h = 1 - x exp(-y): the series of log(1 - h) */
static sy_tensor *logarithm(sy_scope *s, sy_tensor *x, int64_t iterations)
{
    sy_tensor *start = sy_sub_scalar(s, sy_mul_int(s, sy_neg(s, x), 2), 1.4);
    start = sy_mul_int(s, exponential(s, not_below(s, start), 8), 20);
    sy_tensor *y = sy_sub(s, sy_add_scalar(s, sy_div_int(s, x, 31), 1.59), start);
    for (int64_t k = 0; k < iterations; k++) {
        sy_tensor *h = sy_mul(s, x, exponential(s, sy_neg(s, y), 8));
        h = sy_rsub_int(s, h, 1);
        sy_tensor *sum = sy_mul_scalar(s, h, 1.0 / 6);
        for (int n = 5; n >= 1; n--) {
            sum = sy_mul(s, sy_add_scalar(s, sum, 1.0 / n), h);
        }
        y = sy_sub(s, y, sum);
    }
    return y;
}

static sy_tensor *log_householder(sy_scope *s, sy_tensor *x, int64_t iterations)
{
    return inside(s, x, false, 0.1, 250) ? logarithm(s, x, iterations) : NULL;
}

static sy_tensor *magnitude(sy_scope *s, sy_tensor *x, sy_tensor **sign)
{
    *sign = sy_sign(s, x);
    return sy_mul(s, x, *sign);
}

static sy_tensor *reciprocal_nr(sy_scope *s, sy_tensor *x, int64_t iterations)
{
    sy_tensor *sign;
    if (!inside(s, x, true, 0.01, 250)) {
        return NULL;
    }
    x = magnitude(s, x, &sign);
    sy_tensor *y = exponential(s, sy_rsub_scalar(s, x, 0.5), 8);
    y = sy_add_scalar(s, sy_mul_int(s, y, 3), 0.003);
    for (int64_t k = 0; k < iterations; k++) {
        y = sy_mul(s, y, sy_rsub_int(s, sy_mul(s, x, y), 2));
    }
    return sy_mul(s, y, sign);
}

/* y <- y (C + 1 - x^2 y^2) / C with C = 20 comes to 1/|x|. */
static sy_tensor *reciprocal_newton(sy_scope *s, sy_tensor *x, int64_t iterations)
{
    enum { C = 20 };
    if (!inside(s, x, true, 0.3, 4)) {
        return NULL;
    }
    sy_tensor *square = sy_mul(s, x, x), *y = sy_ones_like(s, x);
    for (int64_t k = 0; k < iterations; k++) {
        sy_tensor *factor = sy_rsub_int(s, sy_mul(s, square, sy_mul(s, y, y)), C + 1);
        y = sy_div_int(s, sy_mul(s, y, factor), C);
    }
    return sy_mul(s, y, sy_sign(s, x));
}

static sy_tensor *reciprocal_division(sy_scope *s, sy_tensor *x, int64_t iterations)
{
    (void)iterations;
    return sy_div(s, sy_ones_like(s, x), x);
}

static sy_tensor *reciprocal_log(sy_scope *s, sy_tensor *x, int64_t iterations)
{
    sy_tensor *sign;
    if (!inside(s, x, true, 0.1, 250)) {
        return NULL;
    }
    x = magnitude(s, x, &sign);
    return sy_mul(s, exponential(s, sy_neg(s, logarithm(s, x, iterations)), 8), sign);
}

/* x / sqrt(x): y <- y (3 - x y^2) / 2 */
static sy_tensor *sqrt_nr(sy_scope *s, sy_tensor *x, int64_t iterations)
{
    if (!inside(s, x, false, 0.01, 150)) {
        return NULL;
    }
    sy_tensor *y = sy_sub_scalar(s, sy_neg(s, sy_div_int(s, x, 2)), 0.2);
    y = sy_add_scalar(s, sy_mul_scalar(s, exponential(s, y, 8), 2.2), 0.2);
    y = sy_sub(s, y, sy_div_int(s, x, 1024));
    for (int64_t k = 0; k < iterations; k++) {
        sy_tensor *factor = sy_rsub_int(s, sy_mul(s, x, sy_mul(s, y, y)), 3);
        y = sy_div_int(s, sy_mul(s, y, factor), 2);
    }
    return sy_mul(s, x, y);
}

/* The unit matrix of x's last two dims, made where its integers are; NULL (and the scope has failed) for what has
 * none. */
static sy_tensor *unit_matrix(sy_scope *s, sy_tensor *x)
{
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    char text[64];
    sy_error error = SY_ERROR_INIT;
    if (sy_tensor_get_shape(x, &ndim, shape, &error) != SY_OK) {
        sy_scope_fail(s, &error);
        return NULL;
    }
    if (ndim < 2 || shape[ndim - 1] != shape[ndim - 2]) {
        syi_fixed_refuse(s, SY_ESHAPE, "%s is no square matrix",
                         syi_shape_format(ndim, shape, text, sizeof text));
        return NULL;
    }
    return sy_tril(s, sy_triu(s, sy_ones_like(s, x), 0), 0);
}

/* X <- 2 X - X A X from 0.1, and a look at what is left. */
static sy_tensor *inverse_newton(sy_scope *s, sy_tensor *a, int64_t iterations)
{
    sy_tensor *unit = unit_matrix(s, a);
    sy_tensor *x = sy_div_int(s, unit, 10);
    for (int64_t k = 0; k < iterations; k++) {
        sy_tensor *product = sy_matmul(s, sy_matmul(s, x, a), x);
        x = sy_sub(s, sy_mul_int(s, x, 2), product);
    }
    double low = 0, high = 0;
    if (extent(s, sy_sub(s, unit, sy_matmul(s, x, a)), true, &low, &high) && high > 0.01) {
        syi_fixed_refuse(s, SY_ERANGE,
                         "1 - X A is still %.3g after %" PRId64 " iterations; the eigenvalues must "
                         "lie between about 0.2 and 19.8",
                         high, iterations);
    }
    return x;
}

/* The table */

typedef struct method {
    const char *function;
    const char *name;
    sy_tensor *(*run)(sy_scope *s, sy_tensor *x, int64_t iterations);
    int64_t iterations; /* when nothing is asked for */
    int64_t most;       /* that may be asked for */
    bool own_scale;     /* exact on any */
} method;

/* The first one of each function is its default. */
static const method methods[] = {
    {"exp", "limit", exp_limit, 8, 16, false},
    {"sigmoid", "chebyshev", sigmoid_chebyshev, 32, 32, false},
    {"sigmoid", "exp", sigmoid_exp, 8, 16, false},
    {"sigmoid", "maclaurin", sigmoid_maclaurin, 1, 1, false},
    {"tanh", "chebyshev", tanh_chebyshev, 32, 32, false},
    {"tanh", "sigmoid", tanh_sigmoid, 8, 16, false},
    {"log", "householder", log_householder, 3, 20, false},
    {"reciprocal", "NR", reciprocal_nr, 10, 40, false},
    {"reciprocal", "newton", reciprocal_newton, 80, 400, false},
    {"reciprocal", "division", reciprocal_division, 1, 1, true},
    {"reciprocal", "log", reciprocal_log, 3, 20, false},
    {"sqrt", "NR", sqrt_nr, 8, 40, false},
    {"inverse", "newton", inverse_newton, 8, 40, false},
};

static const method *find_method(const char *function, const char *name)
{
    for (size_t k = 0; k < sizeof methods / sizeof methods[0]; k++) {
        if (strcmp(methods[k].function, function) == 0 &&
            (name == NULL || strcmp(methods[k].name, name) == 0)) {
            return &methods[k];
        }
    }
    return NULL;
}

/* Runs in a scope of its own, so that the sentence of a failure gets the function's name. */
static sy_status run_method(sy_scope *outer, const method *m, sy_tensor *x, int64_t iterations,
                            sy_tensor **made, sy_error *err)
{
    sy_scope *s = sy_scope_begin(outer->hook);
    const syi_fixed_attributes own = syi_fixed_of(x)->attributes;
    const syi_fixed_attributes fine = m->own_scale ? own : finer(&own);
    if (s == NULL) {
        return SYI_ENOMEM(err, m->function);
    }
    s->mode = outer->mode;
    s->mode.grad = false;
    sy_tensor *y = raise_scale(s, syi_fixed_of(x), &fine);
    y = lower_scale(s, m->run(s, y, iterations), &own);
    *made = sy_scope_keep(s, y);
    const sy_status status = sy_scope_end(s, err);
    if (status != SY_OK) {
        sy_tensor_unref(*made);
        *made = NULL;
        return syi_error_prefix(err, status, "%s (%s)", m->function, m->name);
    }
    return SY_OK;
}

sy_tensor *syi_fixed_approximate(sy_scope *scope, sy_tensor *x, const char *function,
                                 const char *name, int64_t iterations)
{
    const method *m = find_method(function, name);
    if (x == NULL || scope == NULL || sy_scope_get_status(scope) != SY_OK) {
        return NULL;
    }
    if (m == NULL) {
        syi_fixed_refuse(scope, SY_EINVAL, "approximate: no method %.32s of a function %.32s",
                         name != NULL ? name : "(default)", function);
        return NULL;
    }
    if (iterations < 0 || iterations > m->most) {
        syi_fixed_refuse(scope, SY_EINVAL,
                         "%s (%s): %" PRId64 " iterations; 1 to %" PRId64 " are possible",
                         m->function, m->name, iterations, m->most);
        return NULL;
    }
    sy_error error = SY_ERROR_INIT;
    sy_tensor *made = NULL;
    const sy_status status =
        run_method(scope, m, x, iterations > 0 ? iterations : m->iterations, &made, &error);
    if (status != SY_OK) {
        error.status = status;
        sy_scope_fail(scope, &error);
        return NULL;
    }
    return sy_scope_adopt(scope, made);
}

void syi_fixed_function(syi_fixed_run *r)
{
    syi_fixed_emit_handle(
        r, syi_fixed_approximate(r->s, syi_fixed_handle(r, 0), r->call->op->name, NULL, 0));
}
