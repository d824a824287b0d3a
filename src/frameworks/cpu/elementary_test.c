/* elementary_test.c - accuracy against the C library in double, over all of float. */
#include "frameworks/cpu/elementary.h"
#include "support/property.h"
#include "support/test.h"

typedef struct function {
    const char *name;
    float (*ours)(float);
    double (*exact)(double);
    double limit; /* units in the last place */
} function;

static double exact_logistic(double x)
{
    return 1 / (1 + exp(-x));
}

/* Distance in units of the last place of the exact value; of the smallest number below that. */
static double error_of(float actual, double exact)
{
    if (isnan(exact) || isinf((float)exact) || exact == 0) {
        bool same = isnan(exact) ? isnan(actual) : actual == (float)exact;
        return same ? 0 : INFINITY;
    }
    int exponent;
    frexp(exact, &exponent);
    double unit = ldexp(1, exponent - 24 < -149 ? -149 : exponent - 24);
    return fabs((double)actual - exact) / unit;
}

static void check(const function *f, float x)
{
    double error = error_of(f->ours(x), f->exact((double)x));
    if (!(error <= f->limit)) {
        fail_msg("%s(%a) is %a, expected %a: %.2f units off", f->name, (double)x,
                 (double)f->ours(x), f->exact((double)x), error);
    }
}

static float logistic_above(float x)
{
    return syi_logisticf(x < -87.0f ? 0 : x); /* below, e^-x overflows and the result is 0 */
}

static double exact_logistic_above(double x)
{
    return exact_logistic(x < -87 ? 0 : x);
}

/* Beyond its reach the kernel takes another way. */
static float within_reach(float x)
{
    return fabsf(x) <= SYI_WAVE_REACH || isnan(x) ? x : fmodf(x, SYI_WAVE_REACH);
}

static float ours_sine(float x)
{
    return syi_sinf(within_reach(x));
}

static double exact_sine(double x)
{
    return sin((double)within_reach((float)x));
}

static float ours_cosine(float x)
{
    return syi_cosf(within_reach(x));
}

static double exact_cosine(double x)
{
    return cos((double)within_reach((float)x));
}

/* -0 where it is nearly denormal. */
static double exact_gelu(double x)
{
    return x < (double)-SYI_GELU_END ? x * 0 : x * (0.5 * erfc(-x * M_SQRT1_2));
}

static const function functions[] = {
    {"sin", ours_sine, exact_sine, 1},
    {"cos", ours_cosine, exact_cosine, 1},
    {"gelu", syi_geluf, exact_gelu, 12},
    {"exp", syi_expf, exp, 2},
    {"log", syi_logf, log, 2},
    {"tanh", syi_tanhf, tanh, 3},
    {"logistic", logistic_above, exact_logistic_above, 3},
};

/* Every bit pattern when CSYFT_TEST_ITERS is 4294967296. */
static void stays_within_its_error(void **state)
{
    (void)state;
    const uint64_t count = (uint64_t)property_iterations(300000);
    const uint64_t step = (UINT64_C(1) << 32) / count;
    for (size_t f = 0; f < sizeof functions / sizeof functions[0]; f++) {
        for (uint64_t i = 0; i < count; i++) {
            check(&functions[f], syi_float_from_bits((uint32_t)(i * (step | 1))));
        }
    }
}

static void knows_the_ends(void **state)
{
    (void)state;
    for (size_t f = 0; f < sizeof functions / sizeof functions[0]; f++) {
        static const float ends[] = {
            0.0f,       -0.0f,       INFINITY,        -INFINITY,        NAN,       1.0f,
            0x1p-149f,  0x1p-126f,   0x1.fffffep127f, -0x1.fffffep127f, 88.72283f, 88.72284f,
            -87.33655f, -103.97208f, -103.97209f,     0.625f,           -0.625f};
        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
            check(&functions[f], ends[i]);
        }
    }
    assert_true(signbit(syi_tanhf(-0.0f)));
    assert_true(syi_logisticf(-200.0f) == 0);
    assert_true(signbit(syi_sinf(-0.0f)) && signbit(syi_geluf(-0.0f)));
    assert_true(isnan(syi_sinf(INFINITY)) && isnan(syi_cosf(-INFINITY)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stays_within_its_error),
        cmocka_unit_test(knows_the_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
