/* noise_bench.c - nanoseconds of exact samples and of the sums made with them, beside the bytes of randomness that a sample could
 * not do without (8), and the time of one accountant. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <csyft/mechanisms.h>

#include "core/surroundings.h"

enum { SAMPLES = 100000, ROWS = 1000, COLUMNS = 1000 };

static int64_t samples[SAMPLES];
static double values[ROWS * COLUMNS], sums[COLUMNS];

typedef sy_status (*draw_fn)(sy_noise *noise, int64_t *to, size_t count, double parameter,
                             sy_error *err);

static double draw_ns(sy_context *context, sy_noise *noise, draw_fn draw, double parameter)
{
    const uint64_t start = syi_clock_now(context);
    const sy_status status = draw(noise, samples, SAMPLES, parameter, NULL);
    return status == SY_OK ? (double)(syi_clock_now(context) - start) / SAMPLES : NAN;
}

static double uniform_ns(sy_context *context, sy_noise *noise)
{
    uint64_t drawn = 0, sum = 0;
    const uint64_t start = syi_clock_now(context);
    for (int k = 0; k < SAMPLES; k++) {
        if (sy_noise_uniform(noise, &drawn, UINT64_MAX, NULL) != SY_OK) {
            return NAN;
        }
        sum += drawn;
    }
    samples[0] = (int64_t)sum;
    return (double)(syi_clock_now(context) - start) / SAMPLES;
}

static double sum_ms(sy_context *context, sy_noise *noise, bool laplace)
{
    const sy_contributions rows = {.size = sizeof rows,
                                   .values = values,
                                   .people = ROWS,
                                   .columns = COLUMNS,
                                   .sensitivity = 1};
    const uint64_t start = syi_clock_now(context);
    const sy_status status = laplace ? sy_laplace_sum(noise, sums, &rows, 1, NULL)
                                     : sy_gaussian_sum(noise, sums, &rows, 1, NULL);
    return status == SY_OK ? (double)(syi_clock_now(context) - start) / 1e6 : NAN;
}

static double accountant_ms(sy_context *context)
{
    sy_rdp *rdp = NULL;
    double epsilon = 0;
    const uint64_t start = syi_clock_now(context);
    sy_status status = sy_rdp_new(context, &rdp, NULL, 0, NULL);
    if (status == SY_OK) {
        status = sy_rdp_add_subsampled_gaussian(rdp, 0.01, 1.1, 10000, NULL);
    }
    if (status == SY_OK) {
        status = sy_rdp_get_epsilon(rdp, SY_RDP_IMPROVED, 1e-5, &epsilon, NULL, NULL);
    }
    sy_rdp_free(rdp);
    return status == SY_OK ? (double)(syi_clock_now(context) - start) / 1e6 : NAN;
}

int main(void)
{
    sy_context *context = NULL;
    sy_noise *noise = NULL;
    if (sy_context_new(&context, NULL, NULL) != SY_OK ||
        sy_noise_new(context, &noise, NULL) != SY_OK) {
        return EXIT_FAILURE;
    }
    for (int k = 0; k < ROWS * COLUMNS; k++) {
        values[k] = (double)(k % 101) / 50 - 1;
    }
    printf("8 random bytes                         %8.1f ns\n", uniform_ns(context, noise));
    for (double parameter = 1; parameter < 1e10; parameter *= 1e9 + 1) {
        printf("discrete Laplace, scale %-10g     %8.1f ns\n", parameter,
               draw_ns(context, noise, sy_noise_discrete_laplace, parameter));
        printf("discrete Gaussian, sigma %-10g    %8.1f ns\n", parameter,
               draw_ns(context, noise, sy_noise_discrete_gaussian, parameter));
    }
    printf("discrete Gaussian, sigma 2^31          %8.1f ns\n",
           draw_ns(context, noise, sy_noise_discrete_gaussian, 0x1p31));
    printf("Laplace sum of 1000 rows of 1000       %8.2f ms\n", sum_ms(context, noise, true));
    printf("Gaussian sum of 1000 rows of 1000      %8.2f ms\n", sum_ms(context, noise, false));
    printf("accountant of a sampled Gaussian       %8.2f ms\n", accountant_ms(context));
    sy_noise_free(noise);
    sy_context_free(context);
    return EXIT_SUCCESS;
}
