/* noise_test.c - samples against their exact distributions by chi-square, parameters that are no round numbers, the ends of the
 * tables, repeatability, a source that fails. */
#include "differential_privacy/noise.h"

#include <string.h>

#include "support/chi_square.h"
#include "support/noise_scene.h"

enum { SAMPLES = 30000 / NOISE_SLOWNESS, REACH = 200 };

static double laplace_weight(double x, double scale)
{
    return exp(-fabs(x) / scale);
}

static double gaussian_weight(double x, double sigma)
{
    return exp(-x * x / (2 * sigma * sigma));
}

typedef sy_status (*draw_fn)(sy_noise *noise, int64_t *samples, size_t count, double parameter,
                             sy_error *err);

static void check_distribution(noise_scene *s, const char *name, draw_fn draw,
                               double (*weight)(double, double), double parameter)
{
    static int64_t samples[SAMPLES];
    uint64_t seen[2 * REACH + 2] = {0};
    double probability[2 * REACH + 2] = {0}, total = 0;
    assert_ok(draw(s->noise, samples, SAMPLES, parameter, &s->err), &s->err);
    for (int x = -REACH; x <= REACH; x++) {
        probability[x + REACH] = weight(x, parameter);
        total += probability[x + REACH];
    }
    for (int x = -REACH; x <= REACH; x++) {
        probability[x + REACH] /= total;
    }
    for (int k = 0; k < SAMPLES; k++) {
        seen[samples[k] < -REACH || samples[k] > REACH ? 2 * REACH + 1 : samples[k] + REACH]++;
    }
    assert_distribution(name, seen, probability, 2 * REACH + 2);
}

static void test_discrete_laplace(void **state)
{
    const double scales[] = {0.11, 0.5, 1, 1.1, 2.7182818284590452, 9.99, 15};
    for (size_t k = 0; k < sizeof scales / sizeof *scales; k++) {
        check_distribution(*state, "discrete Laplace", sy_noise_discrete_laplace, laplace_weight,
                           scales[k]);
    }
}

static void test_discrete_gaussian(void **state)
{
    const double sigmas[] = {0.2, 0.5, 1, 1.1, 3.1415926535897931, 10, 30.000000001};
    for (size_t k = 0; k < sizeof sigmas / sizeof *sigmas; k++) {
        check_distribution(*state, "discrete Gaussian", sy_noise_discrete_gaussian, gaussian_weight,
                           sigmas[k]);
    }
}

/* On a fine grid they are the continuous ones: sixteen intervals of equal probability. */
static void test_fine_grids(void **state)
{
    noise_scene *s = *state;
    enum { N = 20000 / NOISE_SLOWNESS, PARTS = 16 };
    static int64_t samples[N];
    const double large[] = {4294967296.0 * 1.37, 1e12, SY_NOISE_MOST};
    double equal[PARTS];
    for (int k = 0; k < PARTS; k++) {
        equal[k] = 1.0 / PARTS;
    }
    for (size_t p = 0; p < 3; p++) {
        uint64_t laplace[PARTS] = {0}, gaussian[PARTS] = {0};
        assert_ok(sy_noise_discrete_laplace(s->noise, samples, N, large[p], &s->err), &s->err);
        for (int k = 0; k < N; k++) {
            const double x = (double)samples[k] / large[p];
            const double below = x < 0 ? exp(x) / 2 : 1 - exp(-x) / 2;
            laplace[(int)(below * PARTS) % PARTS]++;
        }
        assert_distribution("Laplace", laplace, equal, PARTS);
        assert_ok(sy_noise_discrete_gaussian(s->noise, samples, N, large[p], &s->err), &s->err);
        for (int k = 0; k < N; k++) {
            const double below = erfc(-(double)samples[k] / large[p] / sqrt(2)) / 2;
            gaussian[(int)(below * PARTS) % PARTS]++;
        }
        assert_distribution("Gaussian", gaussian, equal, PARTS);
        uint64_t odd[2] = {0}; /* and no bit is missing below */
        const double halves[] = {0.5, 0.5};
        for (int k = 0; k < N; k++) {
            odd[samples[k] & 1]++;
        }
        assert_distribution("parity", odd, halves, 2);
    }
}

/* As small as can be: all zeros. */
static void test_smallest(void **state)
{
    noise_scene *s = *state;
    int64_t samples[100];
    for (int k = 0; k < 2; k++) {
        memset(samples, 1, sizeof samples);
        const draw_fn draw = k == 0 ? sy_noise_discrete_laplace : sy_noise_discrete_gaussian;
        assert_ok(draw(s->noise, samples, 100, SY_NOISE_LEAST * 1.0000000000000002, &s->err),
                  &s->err);
        for (int i = 0; i < 100; i++) {
            assert_int_equal(samples[i], 0);
        }
    }
}

static void test_bernoulli_exp(void **state)
{
    noise_scene *s = *state;
    const double gammas[] = {0, 1e-3, 0.1, 0.999999, 1, 1.5, 2, 7.3};
    for (size_t g = 0; g < sizeof gammas / sizeof *gammas; g++) {
        uint64_t seen[2] = {0};
        const double probability[] = {1 - exp(-gammas[g]), exp(-gammas[g])};
        for (int k = 0; k < SAMPLES; k++) {
            bool outcome = false;
            assert_ok(sy_noise_bernoulli_exp(s->noise, &outcome, gammas[g], &s->err), &s->err);
            seen[outcome]++;
        }
        assert_distribution("exp", seen, probability, 2);
    }
    bool outcome = true;
    assert_ok(sy_noise_bernoulli_exp(s->noise, &outcome, SY_NOISE_MOST, &s->err), &s->err);
    assert_false(outcome);
}

/* Fractions whose first 64, 128, ... bits do not decide. */
static void test_long_fractions(void **state)
{
    noise_scene *s = *state;
    const double parts[] = {0.25, 0.5, 2.0 / 3};
    const uint64_t tops[][2] = {{1, 4}, {1, 2}, {2, 3}};
    for (size_t p = 0; p < 3; p++) {
        for (unsigned bits = 0; bits < 400; bits += 57) {
            const syi_wide n0 = syi_wide_from(tops[p][0]), d0 = syi_wide_from(tops[p][1]);
            const syi_wide n = syi_wide_shift(&n0, bits), d = syi_wide_shift(&d0, bits);
            uint64_t seen[2] = {0};
            const double probability[] = {1 - parts[p], parts[p]};
            for (int k = 0; k < 4000; k++) {
                bool outcome = false;
                assert_ok(syi_noise_bernoulli(s->noise, &outcome, &n, &d, &s->err), &s->err);
                seen[outcome]++;
            }
            assert_distribution("fraction", seen, probability, 2);
        }
    }
}

static void test_uniform(void **state)
{
    noise_scene *s = *state;
    for (uint64_t bound = 1; bound <= 40; bound += 3) {
        uint64_t seen[40] = {0};
        double probability[40];
        for (uint64_t k = 0; k < bound; k++) {
            probability[k] = 1 / (double)bound;
        }
        for (int k = 0; k < 20000 / NOISE_SLOWNESS; k++) {
            uint64_t sample = 0;
            assert_ok(sy_noise_uniform(s->noise, &sample, bound, &s->err), &s->err);
            assert_true(sample < bound);
            seen[sample]++;
        }
        assert_distribution("uniform", seen, probability, bound);
    }
}

/* A seed repeats everything; two sources of one context have nothing in common. */
static void test_repeatable(void **state)
{
    (void)state;
    int64_t drawn[3][64];
    sy_error err = SY_ERROR_INIT;
    for (int k = 0; k < 2; k++) {
        sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
        options.test_seed = 77;
        sy_context *context = NULL;
        sy_noise *noise = NULL, *other = NULL;
        assert_ok(sy_context_new(&context, &options, &err), &err);
        assert_ok(sy_noise_new(context, &noise, &err), &err);
        assert_ok(sy_noise_new(context, &other, &err), &err);
        assert_ok(sy_noise_discrete_gaussian(noise, drawn[k], 64, 1e9, &err), &err);
        assert_ok(sy_noise_discrete_gaussian(other, drawn[2], 64, 1e9, &err), &err);
        sy_noise_free(noise);
        sy_noise_free(other);
        sy_context_free(context);
    }
    assert_memory_equal(drawn[0], drawn[1], sizeof drawn[0]);
    assert_memory_not_equal(drawn[0], drawn[2], sizeof drawn[0]);
}

static bool no_random(void *user, void *buffer, size_t size)
{
    (void)user;
    (void)buffer;
    (void)size;
    return false;
}

static void test_faults(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.random = no_random;
    sy_context *context = NULL;
    sy_noise *noise = NULL;
    assert_ok(sy_context_new(&context, &options, &err), &err);
    assert_status(sy_noise_new(context, &noise, &err), SY_EIO, &err);
    assert_null(noise);
    sy_context_free(context);
    failing_allocator memory = {0};
    context = failing_allocator_context(&memory);
    memory.fail_at = memory.calls + 1;
    assert_status(sy_noise_new(context, &noise, &err), SY_ENOMEM, &err);
    assert_null(noise);
    sy_noise_free(NULL);
    sy_context_free(context);
    assert_int_equal(memory.live, 0);
}

#define assert_refused(call, words)                                 \
    do {                                                            \
        s->err = (sy_error)SY_ERROR_INIT;                           \
        assert_status(call, SY_EINVAL, &s->err);                    \
        if (strstr(s->err.message, words) == NULL) {                \
            fail_msg("'%s' is not in '%s'", words, s->err.message); \
        }                                                           \
        assert_int_equal(sample, -7);                               \
    } while (0)

static void test_refused(void **state)
{
    noise_scene *s = *state;
    int64_t sample = -7;
    uint64_t u = 0;
    bool b = false;
    assert_refused(sy_noise_discrete_laplace(s->noise, &sample, 1, 0, &s->err), "scale is 0");
    assert_refused(sy_noise_discrete_laplace(s->noise, &sample, 1, NAN, &s->err), "scale is nan");
    assert_refused(sy_noise_discrete_laplace(s->noise, &sample, 1, -1, &s->err), "scale is -1");
    assert_refused(sy_noise_discrete_gaussian(s->noise, &sample, 1, INFINITY, &s->err),
                   "noise_discrete_gaussian: sigma is inf, must be 9.31323e-10 to 1.1259e+15");
    assert_refused(sy_noise_bernoulli_exp(s->noise, &b, -0.5, &s->err), "gamma is -0.5");
    assert_refused(sy_noise_uniform(s->noise, &u, 0, &s->err), "bound is 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        noise_scene_test(test_discrete_laplace), noise_scene_test(test_discrete_gaussian),
        noise_scene_test(test_fine_grids),       noise_scene_test(test_smallest),
        noise_scene_test(test_bernoulli_exp),    noise_scene_test(test_long_fractions),
        noise_scene_test(test_uniform),          cmocka_unit_test(test_repeatable),
        cmocka_unit_test(test_faults),           noise_scene_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
