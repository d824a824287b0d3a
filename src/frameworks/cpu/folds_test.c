/* folds_test.c - variances by the definition, where one pass could lose digits; the rest is in vectors_test.c. */
#include "support/native_call.h"

#include <float.h>

/* What the data look like. */
enum { NORMAL, FAR, FIRST_ODD, LAST_ODD, CONSTANT, WITH_NAN, WITH_INF, LARGEST, TINY, KINDS };

static double draw(property_random *random, int kind, sy_dtype dtype, int64_t i, int64_t rows)
{
    const double x = ((double)property_between(random, -1000000, 1000000)) * 2e-6;
    switch (kind) {
    case FAR: /* a mean 1e8 times the deviation */
        return (dtype == SY_DTYPE_F64 ? 1e8 : 1e4) + x;
    case FIRST_ODD: /* the guess that is of no use */
        return i == 0 ? 1e7 : x;
    case LAST_ODD:
        return i == rows - 1 ? -1e7 : x;
    case CONSTANT:
        return 0.1;
    case WITH_NAN:
        return i == rows / 2 ? NAN : x;
    case WITH_INF:
        return i == rows / 2 ? INFINITY : x;
    case LARGEST: /* squares of floats are beyond floats, those of doubles nearly beyond doubles */
        return x * (dtype == SY_DTYPE_F64 ? 1e151 : 1e38);
    case TINY:
        return x * (dtype == SY_DTYPE_F64 ? 1e-150 : 1e-18);
    default:
        return x;
    }
}

/* Of the elements of x at [o, :, :, i], in as many digits as there are. */
static double variance_of(const syi_array *x, int64_t o, int64_t i)
{
    const int64_t n = x->shape[1] * x->shape[2], width = x->shape[3];
    long double mean = 0, squares = 0;
    for (int64_t k = 0; k < n; k++) {
        mean += (long double)syi_array_get_double(x, (o * n + k) * width + i);
    }
    mean /= (long double)n;
    for (int64_t k = 0; k < n; k++) {
        const long double d = (long double)syi_array_get_double(x, (o * n + k) * width + i) - mean;
        squares += d * d;
    }
    return (double)(squares / (long double)n);
}

static void check_variances(const syi_array *x, const syi_array *actual, int kind)
{
    /* Doubles may lose 6 of 53 bits, and means of pieces that are far from 0 are rounded to its 1e-16 before their
     * differences are taken. */
    const double tolerance = x->dtype == SY_DTYPE_F32 ? FLT_EPSILON : kind == FAR ? 1e-7 : 1e-12;
    for (int64_t o = 0; o < x->shape[0]; o++) {
        for (int64_t i = 0; i < x->shape[3]; i++) {
            const double expected = variance_of(x, o, i);
            const double got = syi_array_get_double(actual, o * x->shape[3] + i);
            const bool beyond = x->dtype == SY_DTYPE_F32 && expected > (double)FLT_MAX;
            const bool right =
                beyond ? isinf(got)
                : expected != expected
                    ? got != got
                    : fabs(got - expected) <=
                          tolerance * expected + (x->dtype == SY_DTYPE_F32 ? 1e-45 : 0);
            if (!right) {
                fail_msg("kind %d, %s, %dx%dx%dx%d, result %d %d: %.17g, expected %.17g", kind,
                         sy_dtype_name(x->dtype), (int)x->shape[0], (int)x->shape[1],
                         (int)x->shape[2], (int)x->shape[3], (int)o, (int)i, got, expected);
            }
        }
    }
}

/* Over two dims in the middle, which lie side by side (wide) or in rows (narrow), together or apart. */
static void variances_lose_no_digits(void **state)
{
    const native *n = *state;
    property_random random = property_start("variances_lose_no_digits");
    static const int64_t lengths[] = {1, 2, 5, 18, 63, 1024, 1030};
    static const int64_t widths[] = {1, 3, 37};
    const long iterations = property_iterations(150);
    for (long k = 0; k < iterations; k++) {
        const int kind = (int)(k % KINDS);
        const int64_t shape[4] = {
            property_between(&random, 1, 2), lengths[property_between(&random, 0, 6)],
            property_between(&random, 1, 3), widths[property_between(&random, 0, 2)]};
        const sy_dtype dtype = k / KINDS % 2 == 0 ? SY_DTYPE_F32 : SY_DTYPE_F64;
        syi_array x = native_zeros(n, dtype, 4, shape);
        const int64_t rows = shape[1] * shape[2], width = shape[3];
        for (int64_t i = 0; i < syi_array_numel(&x); i++) {
            syi_array_set_double(&x, i, draw(&random, kind, dtype, i / width % rows, rows));
        }
        if (k % 4 == 0) {
            x = native_scatter(n, &random, x);
        }
        const sy_value dims[2] = {sy_value_int(1), sy_value_int(2)};
        const sy_value args[4] = {native_value(&x), sy_value_list(dims, 2), sy_value_bool(false),
                                  sy_value_bool(false)};
        syi_array actual = native_call(n, SYI_OP_var, args);
        check_variances(&x, &actual, kind);
        syi_array_fini(&actual);
        syi_array_fini(&x);
    }
}

/* A NaN wins over infinities, wherever in the row, and in whichever run of it, they stand. */
static void logsumexp_of_what_is_not_finite(void **state)
{
    const native *n = *state;
    static const double odd[] = {NAN, INFINITY, -INFINITY};
    for (int k = 0; k < 3 * 3 * 4 * 2; k++) {
        const int64_t length = k % 2 == 0 ? 5 : 70;
        syi_array wide = native_zeros(n, SY_DTYPE_F32, NATIVE_SHAPE(2, length + 1)), x;
        const double a = odd[k / 2 % 3], b = odd[k / 6 % 3];
        syi_array_set_double(&wide, (k / 18 & 1) != 0 ? length - 1 : 0, a);
        syi_array_set_double(&wide, length + 1 + ((k / 18 & 2) != 0 ? length - 1 : 0), b);
        sy_error err = SY_ERROR_INIT;
        assert_ok(syi_array_slice(&x, &wide, 1, 0, length, 1, &err), &err); /* two runs */
        const sy_value args[3] = {native_value(&x), sy_value_none(), sy_value_bool(false)};
        const double high = a > b ? a : b;
        const double expected = isnan(a) || isnan(b) ? NAN
                                : high > 0           ? INFINITY
                                                     : (double)(float)log((double)(2 * length - 2));
        syi_array out = native_call(n, SYI_OP_logsumexp, args);
        const double got = syi_array_get_double(&out, 0);
        if (isnan(expected) ? !isnan(got) : !(got == expected || fabs(got - expected) < 1e-6)) {
            fail_msg("case %d, %g and %g: %.9g, expected %.9g", k, a, b, got, expected);
        }
        syi_array_fini(&out);
        syi_array_fini(&x);
        syi_array_fini(&wide);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(variances_lose_no_digits),
                                       cmocka_unit_test(logsumexp_of_what_is_not_finite)};
    return cmocka_run_group_tests(tests, native_setup, native_teardown);
}
