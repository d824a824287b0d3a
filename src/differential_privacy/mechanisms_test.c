/* mechanisms_test.c - each mechanism against its exact distribution by chi-square, its promise (what one person can change), and
 * what is refused. */
#include <csyft/mechanisms.h>

#include <string.h>

#include "support/chi_square.h"
#include "support/memory_faults.h"
#include "support/noise_scene.h"
#include "support/privacy_vectors.h"

enum { RUNS = 20000 / NOISE_SLOWNESS, PARTS = 16 };

static sy_contributions contributions(const double *values, size_t people, size_t columns,
                                      double sensitivity)
{
    return (sy_contributions){.size = sizeof(sy_contributions),
                              .values = values,
                              .people = people,
                              .columns = columns,
                              .sensitivity = sensitivity};
}

static void fill_equal(double *probability, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        probability[k] = 1 / (double)count;
    }
}

/* The noise of each column has the scale that was asked for, and sums are in the middle of it. */
static void test_laplace_sum(void **state)
{
    noise_scene *s = *state;
    const double values[] = {1, 0.5, -1, 0.25, 0.75, -0.5}; /* norms 1.5, 1.25, 1.25 */
    const double truth[] = {0.75, 0.25};
    double equal[PARTS];
    fill_equal(equal, PARTS);
    for (int replace = 0; replace < 2; replace++) {
        sy_contributions c = contributions(values, 3, 2, 1.5);
        uint64_t seen[2][PARTS] = {{0}};
        const double epsilon = 0.3, scale = (replace == 1 ? 2 : 1) * 1.5 / epsilon;
        c.neighbours = replace == 1 ? SY_REPLACE_ONE : SY_ADD_OR_REMOVE;
        for (int k = 0; k < RUNS; k++) {
            double sums[2];
            assert_ok(sy_laplace_sum(s->noise, sums, &c, epsilon, &s->err), &s->err);
            for (int column = 0; column < 2; column++) {
                const double x = (sums[column] - truth[column]) / scale;
                const double below = x < 0 ? exp(x) / 2 : 1 - exp(-x) / 2;
                seen[column][(int)(below * PARTS) % PARTS]++;
            }
        }
        assert_distribution("first column", seen[0], equal, PARTS);
        assert_distribution("second column", seen[1], equal, PARTS);
    }
}

static void test_gaussian_sum(void **state)
{
    noise_scene *s = *state;
    const double values[] = {3, 4, 0.3, 0.4}; /* the first is clipped to 0.6, 0.8 */
    const double truth[] = {0.9, 1.2};
    double equal[PARTS];
    uint64_t seen[2][PARTS] = {{0}};
    fill_equal(equal, PARTS);
    const sy_contributions c = contributions(values, 2, 2, 1);
    for (int k = 0; k < RUNS; k++) {
        double sums[2];
        assert_ok(sy_gaussian_sum(s->noise, sums, &c, 2.5, &s->err), &s->err);
        for (int column = 0; column < 2; column++) {
            const double below = erfc(-(sums[column] - truth[column]) / 2.5 / sqrt(2)) / 2;
            seen[column][(int)(below * PARTS) % PARTS]++;
        }
    }
    assert_distribution("first column", seen[0], equal, PARTS);
    assert_distribution("second column", seen[1], equal, PARTS);
}

/* Two sources of equal seed draw equal noise; what is left of the difference is what one person did. */
static void test_one_person(void **state)
{
    (void)state;
    sy_error err = SY_ERROR_INIT;
    property_random random = property_start("people");
    for (int round = 0; round < 200; round++) {
        double values[5 * 3], sums[2][3];
        for (int k = 0; k < 15; k++) {
            values[k] = ldexp((double)(int64_t)property_next(&random), -60 + round % 50);
        }
        const bool laplace = round % 2 == 0;
        for (size_t people = 4; people <= 5; people++) {
            sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
            sy_context *context = NULL;
            sy_noise *noise = NULL;
            options.test_seed = (uint64_t)round + 1;
            assert_ok(sy_context_new(&context, &options, &err), &err);
            assert_ok(sy_noise_new(context, &noise, &err), &err);
            const sy_contributions c = contributions(values, people, 3, 2.7);
            assert_ok(laplace ? sy_laplace_sum(noise, sums[people - 4], &c, 1.3, &err)
                              : sy_gaussian_sum(noise, sums[people - 4], &c, 1.3, &err),
                      &err);
            sy_noise_free(noise);
            sy_context_free(context);
        }
        double length = 0;
        for (int k = 0; k < 3; k++) {
            const double moved = sums[1][k] - sums[0][k];
            length += laplace ? fabs(moved) : moved * moved;
        }
        length = laplace ? length : sqrt(length);
        assert_true(length <= 2.7 * (1 + 1e-12));
        assert_true(length > 0);
    }
}

/* Answers are whole numbers of a unit that depends on the noise only, as doubles have them: no bit below tells of the data. */
static void test_grid(void **state)
{
    noise_scene *s = *state;
    const double values[] = {0.1, 1e-13, 0.3333333333333333};
    const double sizes[] = {0.7, 1, 1.9, 100};
    for (int k = 0; k < 1000; k++) {
        const double size = sizes[k % 4];
        const sy_contributions c = contributions(values, 3, 1, size);
        for (int laplace = 0; laplace < 2; laplace++) {
            double sum = 0;
            assert_ok(laplace ? sy_laplace_sum(s->noise, &sum, &c, 1, &s->err)
                              : sy_gaussian_sum(s->noise, &sum, &c, 1, &s->err),
                      &s->err);
            const double unit = nextafter(size, INFINITY) * 0x1p-32; /* or twice that */
            assert_true(rint(sum / unit) * unit == sum || fabs(sum / unit) > 0x1p45);
        }
    }
}

/* The ends of what is allowed are. */
static void test_budgets(void **state)
{
    noise_scene *s = *state;
    const double values[] = {1.75, 0};
    const double budgets[] = {0x1p-18, 0x1p18}, sizes[] = {1, 1.75, 1e-200, 1e200};
    for (int k = 0; k < 16; k++) {
        double sums[2];
        sy_contributions c = contributions(values, 1, 2, sizes[k % 4]);
        c.neighbours = k < 8 ? SY_REPLACE_ONE : SY_ADD_OR_REMOVE;
        assert_ok(sy_laplace_sum(s->noise, sums, &c, budgets[k / 4 % 2], &s->err), &s->err);
        assert_true(isfinite(sums[0]) && sums[1] != 0);
        assert_ok(sy_gaussian_sum(s->noise, sums, &c, budgets[k / 4 % 2], &s->err), &s->err);
        assert_true(isfinite(sums[0]) && sums[1] != 0);
    }
}

/* Nobody there is noise around 0. */
static void test_nobody(void **state)
{
    noise_scene *s = *state;
    const sy_contributions c = contributions(NULL, 0, 1, 1);
    double mean = 0;
    for (int k = 0; k < RUNS; k++) {
        double sum = 0;
        assert_ok(sy_gaussian_sum(s->noise, &sum, &c, 1, &s->err), &s->err);
        mean += sum / RUNS;
    }
    assert_true(fabs(mean) < 5 / sqrt(RUNS));
}

enum { CHOICES = 4 };

static void weights_of(const double *sums, double epsilon, double moved, double *weight)
{
    double best = -INFINITY;
    for (int k = 0; k < CHOICES; k++) {
        best = fmax(best, sums[k]);
    }
    for (int k = 0; k < CHOICES; k++) {
        weight[k] = exp(epsilon * (sums[k] - best) / (2 * moved));
    }
}

/* Over all orders of the columns that are still there. */
static void permute_and_flip(const double *weight, unsigned there, double chance, double *result)
{
    int count = 0;
    for (int k = 0; k < CHOICES; k++) {
        count += (there >> k & 1) != 0;
    }
    for (int k = 0; k < CHOICES && count > 0; k++) {
        if (there >> k & 1) {
            result[k] += chance / count * weight[k];
            if (weight[k] < 1) {
                permute_and_flip(weight, there & ~(1u << k), chance / count * (1 - weight[k]),
                                 result);
            }
        }
    }
}

static void test_choices(void **state)
{
    noise_scene *s = *state;
    /* values above 1 are clipped to it: the sums are 1.75, 1.25, -1, 0 */
    const double values[] = {5, 0.5, -3, 0, 0.75, 0.75, 0, 0};
    const double sums[CHOICES] = {1.75, 1.25, -1, 0};
    for (int replace = 0; replace < 2; replace++) {
        sy_contributions c = contributions(values, 2, CHOICES, 1);
        uint64_t exponential[CHOICES] = {0}, noisy[CHOICES] = {0};
        double weight[CHOICES], total = 0, flipped[CHOICES] = {0};
        c.neighbours = replace == 1 ? SY_REPLACE_ONE : SY_ADD_OR_REMOVE;
        weights_of(sums, 1.7, replace == 1 ? 2 : 1, weight);
        permute_and_flip(weight, (1u << CHOICES) - 1, 1, flipped);
        for (int k = 0; k < CHOICES; k++) {
            total += weight[k];
        }
        for (int k = 0; k < RUNS; k++) {
            size_t column = 0;
            assert_ok(sy_exponential_choice(s->noise, &column, &c, 1.7, &s->err), &s->err);
            exponential[column]++;
            assert_ok(sy_report_noisy_max(s->noise, &column, &c, 1.7, &s->err), &s->err);
            noisy[column]++;
        }
        for (int k = 0; k < CHOICES; k++) {
            weight[k] /= total;
        }
        assert_distribution("exponential", exponential, weight, CHOICES);
        assert_distribution("noisy max", noisy, flipped, CHOICES);
        assert_true(flipped[0] > weight[0]); /* permute-and-flip is the better one */
    }
}

/* Far apart and with a large budget it is the best one; one column is no choice. */
static void test_clear_choices(void **state)
{
    noise_scene *s = *state;
    const double values[] = {-1e9, 1e9, 0.5};
    size_t column = 9;
    const sy_contributions three = contributions(values, 1, 3, 0.5);
    const sy_contributions two = contributions(values, 1, 2, 1e9),
                           one = contributions(values, 1, 1, 1);
    for (int k = 0; k < 100; k++) {
        assert_ok(sy_report_noisy_max(s->noise, &column, &two, 0x1p18, &s->err), &s->err);
        assert_int_equal(column, 1);
        assert_ok(sy_exponential_choice(s->noise, &column, &two, 0x1p18, &s->err), &s->err);
        assert_int_equal(column, 1);
        assert_ok(sy_report_noisy_max(s->noise, &column, &one, 0x1p-18, &s->err), &s->err);
        assert_int_equal(column, 0);
        assert_ok(sy_report_noisy_max(s->noise, &column, &three, 0x1p18, &s->err), &s->err);
        assert_true(column > 0); /* 1 and 2 are equal once clipped */
    }
}

static void test_randomized_response(void **state)
{
    noise_scene *s = *state;
    enum { CLASSES = 5 };
    const double epsilons[] = {0.01, 1, 1.6094379124341003, 6};
    for (size_t e = 0; e < 4; e++) {
        const double lie = 1 / (exp(epsilons[e]) + CLASSES - 1);
        static uint64_t truths[RUNS], answers[RUNS];
        uint64_t seen[CLASSES] = {0};
        double probability[CLASSES], estimate[CLASSES];
        for (int k = 0; k < RUNS; k++) {
            truths[k] = 3;
        }
        assert_ok(
            sy_randomized_response(s->noise, answers, truths, RUNS, CLASSES, epsilons[e], &s->err),
            &s->err);
        for (int k = 0; k < CLASSES; k++) {
            probability[k] = k == 3 ? 1 - 4 * lie : lie;
        }
        for (int k = 0; k < RUNS; k++) {
            seen[answers[k]]++;
        }
        assert_distribution("answers", seen, probability, CLASSES);
        assert_close(probability[3] / probability[0], exp(epsilons[e]), 1e-9, 0);
        assert_ok(sy_randomized_response_estimate(estimate, seen, CLASSES, epsilons[e], &s->err),
                  &s->err);
        double total = 0;
        for (int k = 0; k < CLASSES; k++) { /* 5 deviations of a count, magnified */
            const double spread = 5 * sqrt(RUNS) / (2 * expm1(epsilons[e]) * lie);
            assert_true(fabs(estimate[k] - (k == 3 ? RUNS : 0)) < spread);
            total += estimate[k];
        }
        assert_close(total, RUNS, 1e-9, 0);
    }
}

static void test_response_in_place(void **state)
{
    noise_scene *s = *state;
    uint64_t truths[] = {0, 1, 2, 3};
    assert_ok(sy_randomized_response(s->noise, truths, truths, 4, 4, 1000, &s->err), &s->err);
    for (uint64_t k = 0; k < 4; k++) {
        assert_int_equal(truths[k], k);
    }
}

#define assert_refused(call, words)                                 \
    do {                                                            \
        s->err = (sy_error)SY_ERROR_INIT;                           \
        assert_status(call, SY_EINVAL, &s->err);                    \
        if (strstr(s->err.message, words) == NULL) {                \
            fail_msg("'%s' is not in '%s'", words, s->err.message); \
        }                                                           \
        assert_true(sum == -7 && column == 7);                      \
    } while (0)

static void test_refused(void **state)
{
    noise_scene *s = *state;
    const double value = 1, bad = NAN;
    const uint64_t truth = 4;
    uint64_t answer = 0;
    double sum = -7;
    size_t column = 7;
    sy_contributions c = contributions(&value, 1, 1, 1);
    assert_refused(sy_laplace_sum(s->noise, &sum, &c, 0, &s->err),
                   "laplace_sum: epsilon is 0, must be 3.8147e-06 to 262144");
    assert_refused(sy_laplace_sum(s->noise, &sum, &c, -1, &s->err), "epsilon is -1");
    assert_refused(sy_laplace_sum(s->noise, &sum, &c, NAN, &s->err), "epsilon is nan");
    assert_refused(sy_gaussian_sum(s->noise, &sum, &c, 0, &s->err), "noise_multiplier is 0");
    assert_refused(sy_exponential_choice(s->noise, &column, &c, -2, &s->err),
                   "exponential_choice: epsilon is -2");
    assert_refused(sy_report_noisy_max(s->noise, &column, &c, INFINITY, &s->err),
                   "report_noisy_max: epsilon is inf");
    assert_refused(sy_randomized_response(s->noise, &answer, &truth, 1, 4, 1, &s->err),
                   "truths[0] is not from 0 to 3");
    assert_refused(sy_randomized_response(s->noise, &answer, &truth, 1, 1, 1, &s->err),
                   "classes is 1");
    assert_refused(sy_randomized_response(s->noise, &answer, &truth, 1, 9, 0, &s->err),
                   "epsilon is 0");
    assert_refused(sy_randomized_response_estimate(&sum, &answer, 0, 1, &s->err), "classes is 0");
    c.values = &bad;
    assert_refused(sy_gaussian_sum(s->noise, &sum, &c, 1, &s->err),
                   "gaussian_sum: values of person 0, column 0 are nan");
    c.sensitivity = -1;
    assert_refused(sy_laplace_sum(s->noise, &sum, &c, 1, &s->err), "sensitivity is -1");
}

static sy_status step_without_memory(sy_context *context, void *argument, sy_error *err)
{
    const double values[] = {1, 2};
    const sy_contributions c = contributions(values, 1, 2, 1);
    sy_noise *noise = NULL;
    double sums[2] = {0};
    size_t column = 0;
    (void)argument;
    sy_status status = sy_noise_new(context, &noise, err);
    if (status == SY_OK) {
        status = sy_laplace_sum(noise, sums, &c, 1, err);
    }
    if (status == SY_OK) {
        status = sy_gaussian_sum(noise, sums, &c, 1, err);
    }
    if (status == SY_OK) {
        status = sy_exponential_choice(noise, &column, &c, 1, err);
    }
    if (status == SY_OK) {
        status = sy_report_noisy_max(noise, &column, &c, 1, err);
    }
    sy_noise_free(noise);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    assert_int_equal(memory_faults_sweep(step_without_memory, NULL), 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        noise_scene_test(test_laplace_sum),
        noise_scene_test(test_gaussian_sum),
        cmocka_unit_test(test_one_person),
        noise_scene_test(test_grid),
        noise_scene_test(test_budgets),
        noise_scene_test(test_nobody),
        noise_scene_test(test_choices),
        noise_scene_test(test_clear_choices),
        noise_scene_test(test_randomized_response),
        noise_scene_test(test_response_in_place),
        noise_scene_test(test_refused),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
