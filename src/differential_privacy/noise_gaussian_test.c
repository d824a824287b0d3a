/* noise_gaussian_test.c - the quick way to a discrete Gaussian: its distribution, which is that of the other way, far out as well, and
 * what happens when random bits agree with what they are compared with. */
#include <string.h>

#include "differential_privacy/noise.h"
#include "support/chi_square.h"
#include "support/noise_scene.h"

enum { SAMPLES = 200000 / NOISE_SLOWNESS, REACH = 1000 };

static int64_t samples[SAMPLES];

static void assert_gaussian(const char *name, double sigma)
{
    static uint64_t seen[2 * REACH + 2];
    static double probability[2 * REACH + 2];
    double total = 0;
    memset(seen, 0, sizeof seen);
    for (int x = -REACH; x <= REACH; x++) {
        probability[x + REACH] = exp(-x * x / (2 * sigma * sigma));
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

/* Both ways where there are both, and public calls for what is too small for the quick one. */
static void test_both_ways(void **state)
{
    noise_scene *s = *state;
    for (unsigned power = 0; power <= 7; power++) {
        const double sigma = ldexp(1, (int)power);
        assert_ok(sy_noise_discrete_gaussian(s->noise, samples, SAMPLES, sigma, &s->err), &s->err);
        assert_gaussian("public", sigma);
        if (power >= SYI_CELLS_LOG) {
            assert_ok(syi_noise_gaussian_power(s->noise, samples, SAMPLES, power, &s->err),
                      &s->err);
            assert_gaussian("quick", sigma);
            if (power % 2 == 0) {
                assert_ok(syi_noise_gaussian_any(s->noise, samples, SAMPLES, sigma, &s->err),
                          &s->err);
                assert_gaussian("any sigma", sigma);
            }
        }
    }
}

/* On fine grids: 64 parts of equal probability, the parts beyond two, three and four deviations, and no bit below that tells. */
static void test_fine(void **state)
{
    noise_scene *s = *state;
    enum { PARTS = 64, TAILS = 4 };
    double equal[PARTS], tails[TAILS];
    for (int k = 0; k < PARTS; k++) {
        equal[k] = 1.0 / PARTS;
    }
    for (int k = 0; k < TAILS; k++) {
        tails[k] = erfc((k == 0 ? 0 : k + 1) / sqrt(2)) - (k == 3 ? 0 : erfc((k + 2) / sqrt(2)));
    }
    const unsigned powers[] = {20, 31, 32, 36, 37, 50};
    for (size_t p = 0; p < sizeof powers / sizeof *powers; p++) {
        uint64_t parts[PARTS] = {0}, far[TAILS] = {0}, low[PARTS] = {0}, middle[PARTS] = {0};
        double mean = 0, square = 0;
        assert_ok(syi_noise_gaussian_power(s->noise, samples, SAMPLES, powers[p], &s->err),
                  &s->err);
        for (int k = 0; k < SAMPLES; k++) {
            const double x = ldexp((double)samples[k], -(int)powers[p]);
            const int beyond = (int)fmin(fabs(x), 4) - 1;
            parts[(int)(erfc(-x / sqrt(2)) / 2 * PARTS) % PARTS]++;
            far[beyond < 0 ? 0 : beyond]++;
            low[(uint64_t)samples[k] % PARTS]++;
            middle[(uint64_t)samples[k] >> (powers[p] - 13) & (PARTS - 1)]++;
            mean += x / SAMPLES;
            square += x * x / SAMPLES;
        }
        assert_distribution("Gaussian", parts, equal, PARTS);
        assert_distribution("tails", far, tails, TAILS);
        assert_distribution("low bits", low, equal, PARTS);
        assert_distribution("middle bits", middle, equal, PARTS);
        assert_true(fabs(mean) < 5 / sqrt(SAMPLES));
        assert_true(fabs(square - 1) < 5 * sqrt(2.0 / SAMPLES));
    }
}

/* The next words of the source; the stream goes on behind them. */
static void script(sy_noise *noise, const uint64_t *words, size_t count)
{
    noise->left = count * sizeof *words;
    memcpy(noise->ahead + SYI_NOISE_AHEAD - noise->left, words, noise->left);
}

#define HALF (UINT64_C(1) << 63) /* as a word: negative */

static int64_t scripted(noise_scene *s, unsigned power, const uint64_t *words, size_t count)
{
    int64_t sample = 0;
    script(s->noise, words, count);
    assert_ok(syi_noise_gaussian_power(s->noise, &sample, 1, power, &s->err), &s->err);
    assert_int_equal(s->noise->left, 0); /* all words were used, and no other */
    return sample;
}

#define SCRIPTED(power, ...)                            \
    scripted(s, power, (const uint64_t[]){__VA_ARGS__}, \
             sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void test_ties_of_cells(void **state)
{
    noise_scene *s = *state;
    int64_t sample = -7;
    assert_ok(syi_noise_gaussian_power(s->noise, samples, 1, 4, &s->err), &s->err);
    const uint64_t *end = s->noise->cells.ends[20];
    assert_int_equal(SCRIPTED(4, end[0] - 1, 0, 1), 20);
    assert_int_equal(SCRIPTED(4, end[0] + 1, HALF, 1), -21);
    assert_int_equal(SCRIPTED(4, end[0], end[1] - 1, HALF, 1), -20);
    assert_int_equal(SCRIPTED(4, end[0], end[1] + 1, 0, 1), 21);
    assert_int_equal(SCRIPTED(4, end[0], end[1], end[2] - 1, 0, 1), 20);
    assert_int_equal(SCRIPTED(4, end[0], end[1], end[2] + 1, HALF, 1), -21);
    assert_int_equal(SCRIPTED(4, UINT64_MAX, 0, 0, 1), 0);        /* beyond: again */
    assert_int_equal(SCRIPTED(4, 0, HALF, end[0] - 1, 0, 1), 20); /* -0: again */
    script(s->noise, end, SYI_CELLS_WORDS);
    assert_status(syi_noise_gaussian_power(s->noise, &sample, 1, 4, &s->err), SY_ERANGE, &s->err);
    assert_int_equal(sample, -7);
}

/* sigma = 2^40, cell 0, j odd: z = j^2 / 2^81, of which the top 64 bits and 17 more are compared. */
static void test_ties_of_coins(void **state)
{
    noise_scene *s = *state;
    const uint64_t j = (UINT64_C(1) << 36) - 12345;
    const syi_u128 aligned = ((syi_u128)j * j) << 47;
    const uint64_t top = (uint64_t)(aligned >> 64), low = (uint64_t)aligned;
    assert_true(low != 0);
    assert_ok(syi_noise_gaussian_power(s->noise, samples, 1, 40, &s->err), &s->err);
    assert_int_equal(SCRIPTED(40, 1, j, top + 1), j);
    assert_int_equal(SCRIPTED(40, 1, HALF | j, top, low), -(int64_t)j); /* U >= z */
    /* U < z, and then not again: refused, and the next one is 5 */
    assert_int_equal(SCRIPTED(40, 1, j, top - 1, UINT64_MAX, 1, 5, 1), 5);
    assert_int_equal(SCRIPTED(40, 1, j, top, low - 1, UINT64_MAX, 1, 5, 1), 5);
    /* U < z, U < z again, but not the half of them that count: refused; the half: a third coin decides, for it */
    assert_int_equal(SCRIPTED(40, 1, j, 0, 0, 1, 1, 5, 1), 5);
    assert_int_equal(SCRIPTED(40, 1, j, 0, 0, 0, UINT64_MAX), j);
}

/* Cell 256, where z can be more than 1, and 2^-189 of the samples are. */
static void test_far_out(void **state)
{
    noise_scene *s = *state;
    enum { TRIES = 20000 / NOISE_SLOWNESS };
    assert_ok(syi_noise_gaussian_power(s->noise, samples, 1, 31, &s->err), &s->err);
    uint64_t words[SYI_CELLS_WORDS + 1], seen[2] = {0};
    memcpy(words, s->noise->cells.ends[256], SYI_CELLS_WORDS * sizeof *words);
    words[2]--;
    words[3] = (1 << 27) - 1;
    const double z = 513.0 / 512, probability[] = {1 - exp(-z), exp(-z)};
    for (int k = 0; k < TRIES; k++) {
        int64_t sample = 0;
        script(s->noise, words, 4);
        assert_ok(syi_noise_gaussian_power(s->noise, &sample, 1, 31, &s->err), &s->err);
        seen[sample == (INT64_C(257) << 27) - 1]++;
    }
    assert_distribution("far out", seen, probability, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        noise_scene_test(test_both_ways),     noise_scene_test(test_fine),
        noise_scene_test(test_ties_of_cells), noise_scene_test(test_ties_of_coins),
        noise_scene_test(test_far_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
