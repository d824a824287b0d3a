/* aggregation_test.c - labels by noisy votes: how often the winner changes, against the exact chance for two classes; the bounds of
 * pate.h above it for more; Confident-GNMax; what is refused. */
#include <csyft/pate.h>

#include <string.h>

#include "support/chi_square.h"
#include "support/noise_scene.h"

enum { RUNS = 20000 / NOISE_SLOWNESS };

typedef sy_status (*label_fn)(sy_noise *noise, size_t *winner, const double *counts, size_t classes,
                              double parameter, sy_error *err);

static void count_winners(noise_scene *s, uint64_t *seen, label_fn label, const double *counts,
                          size_t classes, double parameter)
{
    for (int k = 0; k < RUNS; k++) {
        size_t winner = 99;
        assert_ok(label(s->noise, &winner, counts, classes, parameter, &s->err), &s->err);
        assert_true(winner < classes);
        seen[winner]++;
    }
}

/* Of two counts that are g scales apart, the smaller one wins with (2 + g) / (4 e^g), or Phi(-gap / (sqrt(2) sigma)). */
static void test_two_classes(void **state)
{
    noise_scene *s = *state;
    for (double gap = 0; gap <= 60; gap += 15) {
        const double counts[] = {20, 20 + gap};
        uint64_t laplace[2] = {0}, gaussian[2] = {0};
        const double g = gap * 0.05, chance = (2 + g) / 4 * exp(-g);
        const double by_laplace[] = {chance, 1 - chance};
        const double tail = erfc(gap / 30 / 2) / 2, by_gauss[] = {tail, 1 - tail};
        count_winners(s, laplace, sy_pate_noisy_max, counts, 2, 0.05);
        assert_distribution("noisy max", laplace, by_laplace, 2);
        count_winners(s, gaussian, sy_pate_gnmax, counts, 2, 30);
        assert_distribution("gnmax", gaussian, by_gauss, 2);
    }
}

/* q bounds how often the label is another one; by not much where that is rare. */
static void test_q_bounds(void **state)
{
    noise_scene *s = *state;
    const double counts[] = {5, 70, 20, 5};
    uint64_t laplace[4] = {0}, gaussian[4] = {0};
    double q = 0, logq = 0;
    count_winners(s, laplace, sy_pate_noisy_max, counts, 4, 0.1);
    assert_ok(sy_pate_compute_q_noisy_max(&q, counts, 4, 0.1, &s->err), &s->err);
    const double changed = 1 - (double)laplace[1] / RUNS, spread = 5 * sqrt(q / RUNS);
    assert_true(changed < q + spread && changed > 0.7 * q - spread);
    count_winners(s, gaussian, sy_pate_gnmax, counts, 4, 20);
    assert_ok(sy_pate_logq_gaussian(&logq, counts, 4, 20, &s->err), &s->err);
    const double other = 1 - (double)gaussian[1] / RUNS, wide = 5 * sqrt(exp(logq) / RUNS);
    assert_true(other < exp(logq) + wide && other > 0.7 * exp(logq) - wide);
}

static void test_confident(void **state)
{
    noise_scene *s = *state;
    const double counts[] = {0, 0, 90.4, 9.6};
    uint64_t seen[2] = {0};
    double log_answered = 0;
    assert_ok(sy_pate_log_answered(&log_answered, counts, 4, 100, 12, &s->err), &s->err);
    const double yes = exp(log_answered), chances[] = {1 - yes, yes};
    for (int k = 0; k < RUNS; k++) {
        bool answered = false;
        size_t winner = 7;
        assert_ok(
            sy_pate_confident_gnmax(s->noise, &answered, &winner, counts, 4, 100, 12, 3, &s->err),
            &s->err);
        assert_int_equal(winner, answered ? 2 : 7);
        seen[answered]++;
    }
    assert_distribution("answered", seen, chances, 2);
}

#define assert_refused(call, words)                                 \
    do {                                                            \
        s->err = (sy_error)SY_ERROR_INIT;                           \
        assert_status(call, SY_EINVAL, &s->err);                    \
        if (strstr(s->err.message, words) == NULL) {                \
            fail_msg("'%s' is not in '%s'", words, s->err.message); \
        }                                                           \
        assert_int_equal(winner, 7);                                \
    } while (0)

static void test_refused(void **state)
{
    noise_scene *s = *state;
    const double counts[] = {1, 2}, huge[] = {1, 1e13};
    size_t winner = 7;
    bool answered = false;
    assert_refused(sy_pate_noisy_max(s->noise, &winner, counts, 2, 0, &s->err),
                   "noisy_max: noise_eps is 0, must be 3.8147e-06 to 262144");
    assert_refused(sy_pate_noisy_max(s->noise, &winner, counts, 2, -1, &s->err), "noise_eps is -1");
    assert_refused(sy_pate_gnmax(s->noise, &winner, counts, 2, NAN, &s->err), "sigma is nan");
    assert_refused(sy_pate_gnmax(s->noise, &winner, counts, 1, 1, &s->err), "classes is 1");
    assert_refused(sy_pate_gnmax(s->noise, &winner, huge, 2, 1, &s->err), "counts[1] is 1e+13");
    assert_refused(
        sy_pate_confident_gnmax(s->noise, &answered, &winner, counts, 2, NAN, 1, 1, &s->err),
        "threshold is nan");
    assert_refused(
        sy_pate_confident_gnmax(s->noise, &answered, &winner, counts, 2, 1, 0, 1, &s->err),
        "sigma1 is 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        noise_scene_test(test_two_classes),
        noise_scene_test(test_q_bounds),
        noise_scene_test(test_confident),
        noise_scene_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
