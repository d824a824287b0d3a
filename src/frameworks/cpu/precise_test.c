/* precise_test.c - accuracy of precise.h against the C library in double, over all of float. */
#include "frameworks/cpu/precise.h"
#include "support/property.h"
#include "support/test.h"

typedef struct function {
    const char *name;
    double (*ours)(double);
    double (*exact)(double);
    double reach; /* arguments beyond are left out */
} function;

static double exact_exp(double x)
{
    return exp(x);
}

static double ours_log1p(double x)
{
    return x < -1 ? NAN : syi_precise_log1p(x);
}

static double ours_far(double x)
{
    return syi_precise_atan2(x, -2.5);
}

static double exact_far(double x)
{
    return atan2(x, -2.5);
}

static const function functions[] = {
    {"exp", syi_precise_exp, exact_exp, INFINITY},
    {"expm1", syi_precise_expm1, expm1, INFINITY},
    {"log", syi_precise_log, log, INFINITY},
    {"log2", syi_precise_log2, log2, INFINITY},
    {"log1p", ours_log1p, log1p, INFINITY},
    {"sin", syi_precise_sin, sin, SYI_PRECISE_TURNS},
    {"cos", syi_precise_cos, cos, SYI_PRECISE_TURNS},
    {"tan", syi_precise_tan, tan, SYI_PRECISE_TURNS},
    {"asin", syi_precise_asin, asin, INFINITY},
    {"acos", syi_precise_acos, acos, INFINITY},
    {"atan", syi_precise_atan, atan, INFINITY},
    {"atan2", ours_far, exact_far, INFINITY},
    {"sinh", syi_precise_sinh, sinh, INFINITY},
    {"cosh", syi_precise_cosh, cosh, INFINITY},
    {"erf", syi_precise_erf, erf, INFINITY},
};

/* Distance of the rounded result in units of the last place of float; denormal results are not told apart. */
static double error_of(double ours, double exact)
{
    const float actual = (float)ours;
    if (isnan(exact) || isinf((float)exact) || exact == 0) {
        const bool same = isnan(exact) ? isnan(actual) : actual == (float)exact;
        return same ? 0 : INFINITY;
    }
    int exponent;
    frexp(exact, &exponent);
    const double unit = ldexp(1, exponent - 24 < -149 ? -149 : exponent - 24);
    return fabs((double)actual - exact) / unit;
}

static void check(const function *f, float x)
{
    if (!isnan(x) && !isinf(x) && fabs((double)x) > f->reach) {
        return;
    }
    const double ours = f->ours((double)x), exact = f->exact((double)x);
    const double error = error_of(ours, exact);
    const bool tiny = fabs(exact) < 0x1p-126 && fabs(ours) < 0x1p-125;
    if (!(error <= 0.51) && !tiny) {
        fail_msg("%s(%a) is %a, expected %a: %.2f units off", f->name, (double)x, ours, exact,
                 error);
    }
}

/* Every bit pattern when CSYFT_TEST_ITERS is 4294967296. */
static void rounds_nearly_correctly(void **state)
{
    (void)state;
    const uint64_t count = (uint64_t)property_iterations(200000);
    const uint64_t step = (UINT64_C(1) << 32) / count;
    for (size_t f = 0; f < sizeof functions / sizeof functions[0]; f++) {
        for (uint64_t i = 0; i < count; i++) {
            const uint32_t bits = (uint32_t)(i * (step | 1));
            float x;
            memcpy(&x, &bits, sizeof x);
            check(&functions[f], x);
        }
    }
}

static void knows_the_ends(void **state)
{
    (void)state;
    static const float ends[] = {0.0f,
                                 -0.0f,
                                 INFINITY,
                                 -INFINITY,
                                 NAN,
                                 1.0f,
                                 -1.0f,
                                 0.5f,
                                 4.0f,
                                 3.9999f,
                                 0x1p-149f,
                                 0x1.fffffep127f,
                                 -0x1.fffffep127f,
                                 88.72284f,
                                 -103.97209f,
                                 1.5707964f,
                                 3.1415927f,
                                 -355.0f,
                                 999999.0f,
                                 0.41421357f};
    for (size_t f = 0; f < sizeof functions / sizeof functions[0]; f++) {
        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
            check(&functions[f], ends[i]);
        }
    }
    assert_true(signbit(syi_precise_sin(-0.0)) && signbit(syi_precise_atan(-0.0)));
    assert_true(signbit(syi_precise_sinh(-0.0)) && signbit(syi_precise_erf(-0.0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_nearly_correctly),
        cmocka_unit_test(knows_the_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
