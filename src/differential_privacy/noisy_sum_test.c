/* noisy_sum_test.c - rows that come one after the other are the sum of them all at once; what is not finite is nobody's. */
#include "differential_privacy/noisy_sum.h"

#include <math.h>

#include "support/memory_faults.h"

enum { PEOPLE = 50, COLUMNS = 3 };

typedef struct scene {
    failing_allocator memory;
    sy_context *context;
    sy_error err;
} scene;

static int setup(void **state)
{
    scene *c = calloc(1, sizeof *c);
    c->context = memory_faults_context(&c->memory);
    *state = c;
    return 0;
}

static int teardown(void **state)
{
    scene *c = *state;
    memory_faults_context_free(&c->memory, c->context);
    free(c);
    return 0;
}

static void fill(double values[PEOPLE][COLUMNS])
{
    for (int k = 0; k < PEOPLE; k++) {
        for (int c = 0; c < COLUMNS; c++) {
            values[k][c] = (double)((k * 7 + c * 3) % 11) - 5;
        }
    }
}

/* From equal seeds the streamed sum and sy_gaussian_sum, sy_laplace_sum are the same to the last bit. */
static void test_same_as_at_once(void **state)
{
    double values[PEOPLE][COLUMNS];
    fill(values);
    for (int kind = SY_NOISE_GAUSSIAN; kind <= SY_NOISE_LAPLACE; kind++) {
        double answers[2][COLUMNS];
        for (int streamed = 0; streamed < 2; streamed++) {
            scene *c = *state;
            failing_allocator memory = {0};
            sy_context *context = memory_faults_context(&memory); /* a fixed seed */
            sy_noise *noise = NULL;
            assert_ok(sy_noise_new(context, &noise, &c->err), &c->err);
            const sy_contributions all = {sizeof all, values[0], PEOPLE,
                                          COLUMNS,    4,         SY_ADD_OR_REMOVE};
            if (streamed == 0) {
                assert_ok(kind == SY_NOISE_GAUSSIAN
                              ? sy_gaussian_sum(noise, answers[0], &all, 2, &c->err)
                              : sy_laplace_sum(noise, answers[0], &all, 0.5, &c->err),
                          &c->err);
            } else {
                syi_noisy_sum sum;
                assert_ok(syi_noisy_sum_open(&sum, noise, (sy_noise_kind)kind, COLUMNS, 4,
                                             nextafter(8, INFINITY), &c->err),
                          &c->err);
                for (int k = 0; k < PEOPLE; k++) {
                    syi_noisy_sum_add(&sum, values[k]);
                }
                assert_ok(syi_noisy_sum_tell(&sum, answers[1], &c->err), &c->err);
                syi_noisy_sum_close(&sum);
            }
            sy_noise_free(noise);
            memory_faults_context_free(&memory, context);
        }
        for (int k = 0; k < COLUMNS; k++) {
            assert_true(answers[0][k] == answers[1][k]);
        }
    }
}

/* With next to no noise: each row counts as far as it may, those with NaN or infinity not at all, and a new sum begins at 0. */
static void test_what_counts(void **state)
{
    scene *c = *state;
    sy_noise *noise = NULL;
    syi_noisy_sum sum;
    double told[2];
    assert_ok(sy_noise_new(c->context, &noise, &c->err), &c->err);
    assert_ok(syi_noisy_sum_open(&sum, noise, SY_NOISE_GAUSSIAN, 2, 5, 5 * 0x1p-18, &c->err),
              &c->err);
    syi_noisy_sum_add(&sum, (double[]){3, 4});
    syi_noisy_sum_add(&sum, (double[]){-30, 40}); /* counts as -3, 4 */
    syi_noisy_sum_add(&sum, (double[]){NAN, 1});
    syi_noisy_sum_add(&sum, (double[]){1, INFINITY});
    assert_ok(syi_noisy_sum_tell(&sum, told, &c->err), &c->err);
    assert_true(fabs(told[0]) < 1e-3 && fabs(told[1] - 8) < 1e-3);
    assert_ok(syi_noisy_sum_tell(&sum, told, &c->err), &c->err);
    assert_true(fabs(told[0]) < 1e-3 && fabs(told[1]) < 1e-3);
    assert_true(told[0] != 0 || told[1] != 0);
    syi_noisy_sum_close(&sum);
    sy_noise_free(noise);
}

/* More units than a word has. */
static void test_many(void **state)
{
    scene *c = *state;
    enum { MANY = 30000 };
    sy_noise *noise = NULL;
    syi_noisy_sum sum;
    double told[2];
    assert_ok(sy_noise_new(c->context, &noise, &c->err), &c->err);
    assert_ok(syi_noisy_sum_open(&sum, noise, SY_NOISE_LAPLACE, 2, 3, 3 * 0x1p-18, &c->err),
              &c->err);
    for (int round = 0; round < 2; round++) {
        for (int k = 0; k < MANY; k++) {
            syi_noisy_sum_add(&sum, (double[]){-4, k % 3 == 0 ? 12 : 0});
        }
        assert_ok(syi_noisy_sum_tell(&sum, told, &c->err), &c->err);
        const double first = MANY / 3 * (-0.75 - 3 - 3), second = MANY / 3 * 2.25;
        assert_true(fabs(told[0] - first) < 1e-3 && fabs(told[1] - second) < 1e-3);
    }
    syi_noisy_sum_close(&sum);
    sy_noise_free(noise);
}

static sy_status open_one(sy_context *context, void *argument, sy_error *err)
{
    sy_noise *noise = NULL;
    syi_noisy_sum sum;
    double told[2];
    (void)argument;
    sy_status status = sy_noise_new(context, &noise, err);
    if (status == SY_OK) {
        status = syi_noisy_sum_open(&sum, noise, SY_NOISE_LAPLACE, 2, 1, 1, err);
        if (status == SY_OK) {
            status = syi_noisy_sum_tell(&sum, told, err);
            syi_noisy_sum_close(&sum);
        }
    }
    sy_noise_free(noise);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    assert_true(memory_faults_sweep(open_one, NULL) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_same_as_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
