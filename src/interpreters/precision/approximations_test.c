/* approximations_test.c - measures the table of approximations.h over whole intervals, on several scales. */
#include "support/fixed.h"

enum { POINTS = 4001 };

typedef struct measured {
    const char *function, *method;
    double from, to;
    double absolute, relative; /* the stated errors; one of them is 0 */
    double (*exact)(double x);
} measured;

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

static double inverted(double x)
{
    return 1 / x;
}

static const measured table[] = {
    {"exp", "limit", -250, 0, 1e-4, 0, exp},
    {"exp", "limit", 0, 4, 0, 3e-4, exp},
    {"exp", "limit", 0, 10, 0, 3e-3, exp},
    {"sigmoid", "chebyshev", -30, 30, 3e-4, 0, logistic},
    {"sigmoid", "chebyshev", -3000, 3000, 3e-4, 0, logistic},
    {"sigmoid", "exp", -30, 30, 1e-4, 0, logistic},
    {"sigmoid", "exp", -3000, 3000, 1e-4, 0, logistic},
    {"sigmoid", "maclaurin", -8, 8, 0.065, 0, logistic},
    {"tanh", "chebyshev", -10, 10, 5e-4, 0, tanh},
    {"tanh", "chebyshev", -3000, 3000, 5e-4, 0, tanh},
    {"tanh", "sigmoid", -10, 10, 2e-4, 0, tanh},
    {"log", "householder", 0.1, 250, 1e-3, 0, log},
    {"log", "householder", 0.1, 1, 1e-3, 0, log},
    {"reciprocal", "NR", 0.01, 250, 0, 1e-4, inverted},
    {"reciprocal", "NR", -250, -0.01, 0, 1e-4, inverted},
    {"reciprocal", "NR", 0.01, 0.5, 0, 1e-4, inverted},
    {"reciprocal", "newton", 0.3, 4, 0, 2e-3, inverted},
    {"reciprocal", "newton", -4, -0.3, 0, 2e-3, inverted},
    {"reciprocal", "division", 0.01, 1000, 1e-9, 0, inverted},
    {"reciprocal", "log", 0.1, 250, 0, 3e-3, inverted},
    {"reciprocal", "log", -1, -0.1, 0, 3e-3, inverted},
    {"sqrt", "NR", 0.01, 150, 2e-4, 0, sqrt},
    {"sqrt", "NR", 0.01, 1, 2e-4, 0, sqrt},
};

/* The greatest excess over the stated error and one unit of the scale. */
static void measure(local_hook *l, const measured *m, const sy_precision_options *options)
{
    static float points[POINTS], encoded[POINTS], results[POINTS];
    sy_scope *s = sy_scope_begin(l->hook);
    const double unit = pow((double)options->base, -(double)options->precision_fractional);
    for (int k = 0; k < POINTS; k++) {
        points[k] = (float)(m->from + (m->to - m->from) * k / (POINTS - 1));
        /* what is encoded stays inside */
        if (fabs((double)points[k]) - unit < 0.01 && m->exact == inverted) {
            points[k] = (float)(points[k] > 0 ? 0.01 + 2 * unit : -0.01 - 2 * unit);
        }
        points[k] = (float)fmin(fmax((double)points[k], m->from + 2 * unit), m->to - 2 * unit);
    }
    sy_tensor *x = fixed_encoded(s, fixed_row(s, POINTS, points), options);
    sy_tensor *y = sy_approximate(s, x, m->function, m->method, 0);
    assert_scope_ok(s);
    assert_ok(sy_tensor_copy_data(sy_float_precision(s, x), encoded, sizeof encoded, &l->err),
              &l->err);
    assert_ok(sy_tensor_copy_data(sy_float_precision(s, y), results, sizeof results, &l->err),
              &l->err);
    double worst = 0;
    for (int k = 0; k < POINTS; k++) {
        const double exact = m->exact((double)encoded[k]);
        const double error = fabs((double)results[k] - exact);
        const double rounding = fabs(exact) * 1e-6; /* of what float32 shows */
        const double relative =
            m->relative > 0 ? (error - rounding) / fabs(exact) : error - rounding;
        worst = relative > worst && error > unit ? relative : worst;
        const double stated = m->absolute + m->relative * fabs(exact) + unit + rounding;
        if (!(error <= stated)) {
            fail_msg("%s (%s) at %g, base %d precision %d: %.8g, expected %.8g", m->function,
                     m->method, (double)encoded[k], (int)options->base,
                     (int)options->precision_fractional, (double)results[k], exact);
        }
    }
    print_message("%-10s %-11s [%g, %g] unit %.1g: %.2g\n", m->function, m->method, m->from, m->to,
                  unit, worst);
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

static void test_stated_errors(void **state)
{
    local_hook *l = *state;
    const struct {
        int64_t base, precision;
        sy_precision_dtype dtype;
    } scales[] = {
        {10, 3, SY_PRECISION_LONG}, {10, 5, SY_PRECISION_LONG}, {10, 7, SY_PRECISION_LONG},
        {2, 16, SY_PRECISION_LONG}, {2, 23, SY_PRECISION_LONG}, {10, 3, SY_PRECISION_INT},
    };
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
        sy_precision_options options = SY_PRECISION_OPTIONS_INIT;
        options.base = scales[i].base;
        options.precision_fractional = scales[i].precision;
        options.dtype = scales[i].dtype;
        for (size_t k = 0; k < sizeof table / sizeof table[0]; k++) {
            measure(l, &table[k], &options);
        }
    }
}

/* The operations are the approximations with their defaults; the reference's tolerances (20 % and less of exp on
 * 0..4, and so on) are far away. */
static void test_rows(void **state)
{
    local_hook *l = *state;
    sy_scope *s = sy_scope_begin(l->hook);
    const sy_precision_options four = fixed_precision(4);
    sy_tensor *x = fixed_encoded(s, fixed_row(s, 4, FLOATS(0.5f, 1, 2, 3)), &four);
    assert_near(s, sy_float_precision(s, sy_exp(s, x)), 4, DOUBLES(1.6487, 2.7183, 7.3891, 20.0855),
                3e-3);
    assert_near(s, sy_float_precision(s, sy_log(s, x)), 4, DOUBLES(-0.6931, 0, 0.6931, 1.0986),
                1e-3);
    assert_near(s, sy_float_precision(s, sy_sqrt(s, x)), 4, DOUBLES(0.7071, 1, 1.4142, 1.7321),
                3e-4);
    assert_near(s, sy_float_precision(s, sy_reciprocal(s, x)), 4, DOUBLES(2, 1, 0.5, 0.3333), 3e-4);
    assert_near(s, sy_float_precision(s, sy_sigmoid(s, x)), 4,
                DOUBLES(0.6225, 0.7311, 0.8808, 0.9526), 4e-4);
    assert_near(s, sy_float_precision(s, sy_tanh(s, x)), 4, DOUBLES(0.4621, 0.7616, 0.9640, 0.9951),
                6e-4);
    (void)sy_tanh_(s, x);
    assert_near(s, sy_float_precision(s, x), 4, DOUBLES(0.4621, 0.7616, 0.9640, 0.9951), 6e-4);
    sy_tensor *empty = fixed_encoded(s, fixed_row(s, 0, NULL), NULL);
    assert_near(s, sy_float_precision(s, sy_log(s, empty)), 0, NULL, 0);
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

static void test_refusals(void **state)
{
    local_hook *l = *state;
    const struct {
        const char *function, *method;
        int iterations;
        float x;
        sy_status status;
        const char *words;
    } cases[] = {
        {"exp", NULL, 0, 10.5f, SY_ERANGE, "exp (limit): elements up to 10.5"},
        {"log", NULL, 0, 0.05f, SY_ERANGE, "log (householder): elements from 0.05 to 0.05, the"},
        {"log", NULL, 0, -1, SY_ERANGE, "the interval is [0.1, 250]"},
        {"log", NULL, 0, 251, SY_ERANGE, "the interval is [0.1, 250]"},
        {"sqrt", NULL, 0, -1, SY_ERANGE, "the interval is [0.01, 150]"},
        {"reciprocal", NULL, 0, 0, SY_ERANGE, "reciprocal (NR): magnitudes from 0 to 0"},
        {"reciprocal", "division", 0, 0, SY_ERANGE,
         "reciprocal (division): div_trunc: division by"},
        {"reciprocal", "newton", 0, 5, SY_ERANGE, "the interval is [0.3, 4]"},
        {"sigmoid", "maclaurin", 0, 9, SY_ERANGE, "the interval is [-8, 8]"},
        {"sigmoid", "maclaurine", 0, 1, SY_EINVAL, "no method maclaurine of a function sigmoid"},
        {"sinus", NULL, 0, 1, SY_EINVAL, "no method (default) of a function sinus"},
        {"exp", NULL, 17, 1, SY_EINVAL, "exp (limit): 17 iterations; 1 to 16 are possible"},
        {"exp", NULL, -1, 1, SY_EINVAL, "-1 iterations"},
        {"inverse", NULL, 0, 1, SY_ESHAPE, "inverse (newton): 1 is no square matrix"},
        {"exp", NULL, 0, 9e14f, SY_ERANGE, "exp (limit): values are too large"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        sy_scope *s = sy_scope_begin(l->hook);
        sy_tensor *x = fixed_encoded(s, fixed_row(s, 1, &cases[k].x), NULL);
        assert_null(sy_approximate(s, x, cases[k].function, cases[k].method, cases[k].iterations));
        s = assert_scope_fails(s, cases[k].status, cases[k].words);
        assert_ok(sy_scope_end(s, &l->err), &l->err);
    }
    sy_scope *s = sy_scope_begin(l->hook);
    const float one = 1;
    (void)sy_approximate(s, fixed_row(s, 1, &one), "exp", NULL, 0);
    s = assert_scope_fails(s, SY_EINVAL, "approximate: the tensor is a plain tensor");
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

static void test_inverse(void **state)
{
    local_hook *l = *state;
    sy_scope *s = sy_scope_begin(l->hook);
    const int64_t square[] = {2, 2}, batch[] = {2, 2, 2};
    const sy_precision_options five = fixed_precision(5);
    sy_tensor *x = fixed_encoded(s, fixed_floats(s, 2, square, FLOATS(2, 1, 1, 3)), &five);
    sy_tensor *y = sy_approximate(s, x, "inverse", NULL, 0);
    assert_near(s, sy_float_precision(s, y), 4, DOUBLES(0.6, -0.2, -0.2, 0.4), 1e-4);
    x = fixed_encoded(s, fixed_floats(s, 3, batch, FLOATS(2, 0, 0, 4, 1, 0.5f, 0, 1)), &five);
    y = sy_approximate(s, x, "inverse", NULL, 0);
    assert_near(s, sy_float_precision(s, y), 8, DOUBLES(0.5, 0, 0, 0.25, 1, -0.5, 0, 1), 1e-4);
    x = fixed_encoded(s, fixed_floats(s, 2, square, FLOATS(1, 2, 2, 1)), &five); /* -1 and 3 */
    (void)sy_approximate(s, x, "inverse", NULL, 0);
    s = assert_scope_fails(s, SY_ERANGE, "inverse (newton): ");
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

/* The numbers in the source are those of the series: c_n = 2/N sum tanh(6 cos a_k) cos(n a_k). */
static void test_series(void **state)
{
    local_hook *l = *state;
    sy_scope *s = sy_scope_begin(l->hook);
    const sy_precision_options seven = fixed_precision(7);
    for (int terms = 2; terms <= 32; terms += 2) {
        const float at = 5.999999f; /* every polynomial is 1 there */
        double sum = 0;
        for (int n = 1; n < terms; n += 2) {
            double c = 0;
            for (int k = 0; k < 300; k++) {
                const double a = ((double)k + 0.5) * 3.14159265358979323846 / 300;
                c += tanh(6 * cos(a)) * cos(n * a) / 150;
            }
            sum += c;
        }
        sy_tensor *x = fixed_encoded(s, fixed_row(s, 1, &at), &seven);
        sy_tensor *y = sy_approximate(s, x, "tanh", "chebyshev", terms);
        assert_near(s, sy_float_precision(s, y), 1, &sum, 1e-3);
    }
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

#define fixed_test(test) \
    cmocka_unit_test_setup_teardown(test, local_hook_setup, local_hook_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixed_test(test_stated_errors), fixed_test(test_rows),   fixed_test(test_refusals),
        fixed_test(test_inverse),       fixed_test(test_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
