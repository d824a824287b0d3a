/* polynomial_test.c - pieces and named functions: the reference's coefficients and values, degrees, errors, chains. */
#include <csyft/polynomial.h>

#include "support/fixed.h"

#include <csyft/pointer.h>

static double exponential(double x, void *user)
{
    (void)user;
    return exp(x);
}

static double plus_two(double x, void *user)
{
    (void)user;
    return x + 2;
}

static double twice(double x, void *user)
{
    (void)user;
    return 2 * x;
}

static double one_over(double x, void *user)
{
    (void)user;
    return 1 / x;
}

/* tensors.md, polynomial: computed independently */
static const struct {
    const char *name;
    size_t piece;
    double coefficients[11];
} fitted[] = {
    {"sigmoid",
     0,
     {0.5, 0.2159198014, 0, -0.0082176258, 0, 0.0001825596, 0, -1.8848e-6, 0, 7.1e-9, 0}},
    {"exp",
     0,
     {1.410034702, -6.5319346549, 26.4325928416, -36.0590331523, 26.3717569041, -11.1669261998,
      2.928883807, -0.4810200406, 0.0486053586, -0.002772891, 7.02152e-5}},
    {"exp",
     1,
     {0.99997291, 0.9994460234, 0.4978910248, 0.1633486903, 0.0388702325, 0.0068964952, 0.000902625,
      8.40275e-5, 5.2216e-6, 1.928e-7, 3.1e-9}},
    {"log",
     0,
     {-1.7590784239, 2.9912280251, -1.8731077605, 0.8658059939, -0.2774280696, 0.0613838498,
      -0.009324838, 0.0009530079, -6.25244e-5, 2.376e-6, -3.97e-8}},
    {"tanh",
     0,
     {-0.0047858601, 1.0539768411, -0.1017410149, -0.3884514337, 0.2795266687, -0.0962419221,
      0.019659173, -0.0024972917, 0.0001939344, -8.44e-6, 1.578e-7}},
};

static sy_polynomials *defaults(local_hook *l, const sy_polynomials_options *options)
{
    sy_polynomials *p = NULL;
    assert_ok(sy_polynomials_new(l->hook, &p, options, &l->err), &l->err);
    assert_ok(sy_polynomials_add_defaults(p, &l->err), &l->err);
    return p;
}

static void test_coefficients(void **state)
{
    local_hook *l = *state;
    sy_polynomials *p = defaults(l, NULL);
    for (size_t i = 0; i < sizeof fitted / sizeof fitted[0]; i++) {
        size_t count = 0;
        const sy_polynomial_piece *pieces = sy_polynomials_get(p, fitted[i].name, &count);
        assert_non_null(pieces);
        const sy_polynomial_piece *piece = &pieces[fitted[i].piece];
        assert_int_equal(piece->degree, 10);
        for (int k = 0; k <= 10; k++) {
            const double off = fabs(piece->coefficients[k] - fitted[i].coefficients[k]);
            if (!(off <= 3e-8 * fmax(1, fabs(fitted[i].coefficients[k])))) {
                fail_msg("%s, x^%d: %.12g, expected %.12g", fitted[i].name, k,
                         piece->coefficients[k], fitted[i].coefficients[k]);
            }
        }
        print_message("%s: error %.2g\n", fitted[i].name, piece->error);
    }
    size_t count = 0;
    const sy_polynomial_piece *pieces = sy_polynomials_get(p, "tanh", &count);
    assert_int_equal(count, 2);
    for (int k = 0; k <= 10; k++) { /* the odd mirror */
        const double mirrored = k % 2 == 0 ? -pieces[0].coefficients[k] : pieces[0].coefficients[k];
        assert_true(fabs(pieces[1].coefficients[k] - mirrored) < 1e-7);
    }
    assert_null(sy_polynomials_get(p, "sinus", &count));
    sy_polynomials_free(p);
}

static const struct {
    const char *name;
    double from, to;
    double values[10];
} vectors[] = {
    {"sigmoid", -3, 3, {.0337, .0886, .1759, .2921, .4283, .5717, .7079, .8241, .9114, .9663}},
    {"exp", -3, 3, {.0498, .0970, .1889, .3679, .7165, 1.1176, 2.9503, 5.1088, 10.2501, 20.2955}},
    {"tanh", -3, 3, {-.9937, -.9811, -.9329, -.7596, -.3239, .3239, .7596, .9329, .9811, .9937}},
    {"log", 1, 10, {.0004, .6932, 1.0986, 1.3863, 1.6096, 1.7932, 1.9526, 2.1056, 2.2835, 2.5537}},
};

/* The same numbers on numbers, floats, fixed precision, and at bob. */
static void test_vectors(void **state)
{
    local_hook *l = *state;
    sy_polynomials *p = defaults(l, NULL);
    sy_worker *bob = NULL;
    sy_precision_options seven = fixed_precision(7);
    assert_ok(sy_virtual_worker_new(l->hook, &bob, "bob", &l->err), &l->err);
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        sy_scope *s = sy_scope_begin(l->hook);
        float points[10];
        for (int k = 0; k < 10; k++) {
            const double x = vectors[i].from + (vectors[i].to - vectors[i].from) * k / 9;
            double value = 0;
            points[k] = (float)x;
            assert_ok(sy_polynomials_value(p, vectors[i].name, x, &value, &l->err), &l->err);
            assert_true(fabs(value - vectors[i].values[k]) < 1e-3);
        }
        sy_tensor *x = fixed_row(s, 10, points);
        assert_near(s, sy_polynomials_evaluate(s, p, vectors[i].name, x), 10, vectors[i].values,
                    1e-3);
        assert_floats(x, points, 10); /* left as it was */
        sy_tensor *y = sy_polynomials_evaluate(s, p, vectors[i].name, fixed_encoded(s, x, &seven));
        assert_near(s, sy_float_precision(s, y), 10, vectors[i].values, 1e-3);
        sy_tensor *there = NULL, *got = NULL;
        assert_ok(sy_tensor_send(x, &there, bob, &l->err), &l->err);
        there = sy_polynomials_evaluate(s, p, vectors[i].name, sy_scope_adopt(s, there));
        assert_scope_ok(s);
        assert_ok(sy_tensor_get(there, &got, &l->err), &l->err);
        assert_near(s, sy_scope_adopt(s, got), 10, vectors[i].values, 1e-3);
        assert_ok(sy_scope_end(s, &l->err), &l->err);
    }
    sy_polynomials_free(p);
}

static void test_fit(void **state)
{
    local_hook *l = *state;
    sy_polynomial_piece piece;
    const double interpolated[] = {1.2220, 2.9582, 7.1763, 20.3064, 54.4606};
    assert_ok(sy_polynomial_fit(l->hook, &piece, 0, 10, 50, 10, 10, exponential, NULL, &l->err),
              &l->err);
    for (int k = 0; k < 5; k++) {
        assert_true(fabs(sy_polynomial_value(&piece, k) - interpolated[k]) < 1e-3);
    }
    /* the degree is honoured, and more of it is better */
    double last = 1e9;
    for (int degree = 0; degree <= 12; degree++) {
        assert_ok(
            sy_polynomial_fit(l->hook, &piece, -1, 1, 60, degree, -1, exponential, NULL, &l->err),
            &l->err);
        assert_int_equal(piece.degree, degree);
        assert_true(piece.error < last / 2);
        last = piece.error;
    }
    assert_true(last < 1e-12);
    /* a polynomial is found exactly, also where it is hard to */
    assert_ok(sy_polynomial_fit(l->hook, &piece, 1000, 1001, 40, 3, -1, plus_two, NULL, &l->err),
              &l->err);
    assert_true(piece.error < 1e-6);
    assert_ok(sy_polynomial_fit(l->hook, &piece, 0, 10, 3, 2, -1, plus_two, NULL, &l->err),
              &l->err);
    assert_true(fabs(sy_polynomial_value(&piece, 3) - 5) < 1e-12);
    assert_true(fabs(sy_polynomial_value(&piece, 6) - 8) < 1e-12);
    assert_status(sy_polynomial_fit(l->hook, &piece, 0, 10, 10, 10, 10, plus_two, NULL, &l->err),
                  SY_EINVAL, &l->err);
    assert_status(sy_polynomial_fit(l->hook, &piece, 0, 10, 100, 31, 10, plus_two, NULL, &l->err),
                  SY_EINVAL, &l->err);
    assert_status(sy_polynomial_fit(l->hook, &piece, 1, 1, 100, 3, 10, plus_two, NULL, &l->err),
                  SY_EINVAL, &l->err);
    assert_status(sy_polynomial_fit(l->hook, &piece, 0, 1, 100, 3, 10, one_over, NULL, &l->err),
                  SY_ERANGE, &l->err);
    assert_string_equal(l->err.message, "polynomial: the function is inf at 0");
}

static void test_named(void **state)
{
    local_hook *l = *state;
    sy_polynomials_options options = SY_POLYNOMIALS_OPTIONS_INIT;
    options.function = twice;
    sy_polynomials *p = defaults(l, &options), *plain = defaults(l, NULL);
    const sy_polynomials_part line = {0, 10, 10, 2, plus_two, NULL};
    double value = 0, other = 0;
    assert_ok(sy_polynomials_value(p, "exp", 1, &value, &l->err), &l->err);
    assert_ok(sy_polynomials_value(plain, "exp", 1, &other, &l->err), &l->err);
    assert_true(fabs(value - 2 * other) < 1e-9);
    assert_ok(sy_polynomials_add(plain, "line", &line, 1, &l->err), &l->err);
    assert_ok(sy_polynomials_value(plain, "line", 3, &value, &l->err), &l->err);
    assert_true(fabs(value - 5) < 1e-8);
    assert_ok(sy_polynomials_add(plain, "exp", &line, 1, &l->err), &l->err); /* replaced */
    assert_ok(sy_polynomials_value(plain, "exp", 6, &value, &l->err), &l->err);
    assert_true(fabs(value - 8) < 1e-8);
    assert_status(sy_polynomials_value(plain, "line", 10.5, &value, &l->err), SY_ERANGE, &l->err);
    assert_string_equal(l->err.message, "polynomials: 10.5 lies in no piece of line");
    assert_status(sy_polynomials_value(plain, "cube", 1, &value, &l->err), SY_ENOTFOUND, &l->err);
    assert_status(sy_polynomials_add(plain, "", &line, 1, &l->err), SY_EINVAL, &l->err);
    /* outside: refused where it can be seen */
    sy_scope *s = sy_scope_begin(l->hook);
    assert_null(sy_polynomials_evaluate(s, plain, "line", fixed_row(s, 2, FLOATS(1, 11))));
    s = assert_scope_fails(s, SY_ERANGE, "an element lies in none of the pieces");
    assert_null(sy_polynomials_evaluate(s, plain, "line",
                                        fixed_encoded(s, fixed_row(s, 2, FLOATS(1, -1)), NULL)));
    s = assert_scope_fails(s, SY_ERANGE, "an element lies in none of the pieces");
    assert_null(sy_polynomials_evaluate(s, plain, "line", fixed_row(s, 1, FLOATS(NAN))));
    s = assert_scope_fails(s, SY_ERANGE, "an element lies in none of the pieces");
    assert_near(s, sy_polynomials_evaluate(s, plain, "line", fixed_row(s, 0, NULL)), 0, NULL, 0);
    assert_ok(sy_scope_end(s, &l->err), &l->err);
    sy_polynomials_free(plain);
    sy_polynomials_free(p);
    sy_polynomials_free(NULL);
}

static void test_taylor(void **state)
{
    local_hook *l = *state;
    const double sigmoid[] = {.1000, .1706, .2473, .3392, .4447, .5553, .6608, .7527, .8294, .9000};
    const double reference[] = {-.1076, .0664,  .1852,  .3677,   .7165,
                                1.3956, 2.7180, 5.2867, 10.2325, 19.5933};
    sy_polynomial_piece piece;
    sy_scope *s = sy_scope_begin(l->hook);
    float points[10];
    for (int k = 0; k < 10; k++) {
        points[k] = (float)(-2 + 4.0 * k / 9);
    }
    assert_ok(sy_polynomial_taylor(&piece, "sigmoid", false, &l->err), &l->err);
    assert_near(s, sy_polynomial_evaluate(s, fixed_row(s, 10, points), &piece, 1), 10, sigmoid,
                1e-3);
    for (int k = 0; k < 10; k++) {
        points[k] = (float)(-3 + 6.0 * k / 9);
    }
    assert_ok(sy_polynomial_taylor(&piece, "exp", true, &l->err), &l->err);
    assert_near(s, sy_polynomial_evaluate(s, fixed_row(s, 10, points), &piece, 1), 10, reference,
                1e-3);
    assert_ok(sy_polynomial_taylor(&piece, "exp", false, &l->err), &l->err);
    assert_true(fabs(sy_polynomial_value(&piece, 1) - exp(1)) < 1e-4);
    sy_polynomial_map(&piece, twice, NULL);
    assert_true(fabs(sy_polynomial_value(&piece, 1) - 2 * exp(1)) < 2e-4);
    assert_status(sy_polynomial_taylor(&piece, "log", false, &l->err), SY_ENOTFOUND, &l->err);
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

static void test_out_of_memory(void **state)
{
    local_hook *l = *state;
    for (size_t nth = 1;; nth++) {
        const size_t live = l->memory.live;
        sy_polynomials *p = NULL;
        l->memory.refused = 0;
        l->memory.fail_at = l->memory.calls + nth;
        sy_status status = sy_polynomials_new(l->hook, &p, NULL, &l->err);
        if (status == SY_OK) {
            status = sy_polynomials_add_defaults(p, &l->err);
        }
        l->memory.fail_at = 0;
        assert_status(status, l->memory.refused != 0 ? SY_ENOMEM : SY_OK, &l->err);
        sy_polynomials_free(p);
        assert_int_equal(l->memory.live, live);
        if (l->memory.refused == 0) {
            assert_true(nth > 5);
            return;
        }
    }
}

#define fixed_test(test) \
    cmocka_unit_test_setup_teardown(test, local_hook_setup, local_hook_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixed_test(test_coefficients), fixed_test(test_vectors), fixed_test(test_fit),
        fixed_test(test_named),        fixed_test(test_taylor),  fixed_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
