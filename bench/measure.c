/* measure.c - see measure.h. */
#include "measure.h"

#include <stdlib.h>
#include <time.h>

#define COUNT_MAX ((size_t)1 << 24)

enum { SAMPLES_LEAST = 3 };

double bench_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

size_t bench_sample_count(const bench *b)
{
    return b->quick ? 3 : 25;
}

static int compare_samples(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *samples, size_t count)
{
    qsort(samples, count, sizeof *samples, compare_samples);
    return count % 2 != 0 ? samples[count / 2] : (samples[count / 2 - 1] + samples[count / 2]) / 2;
}

/* How many operations make a sample. Also warms up. */
static int calibrate(const bench *b, bench_work work, void *state, size_t *count)
{
    const double enough = b->quick ? 0.001 : 0.025;
    double seconds = 0;
    for (*count = 1; *count < COUNT_MAX; *count *= 2) {
        const int code = work(state, *count, &seconds);
        if (code != CLI_OK || seconds >= enough / 2) {
            return code;
        }
    }
    return CLI_OK;
}

int bench_compare(const bench *b, double unit, bench_work work, void *state, bench_work limit,
                  void *limit_state, bench_result *result)
{
    const struct {
        bench_work work;
        void *state;
    } sides[2] = {{work, state}, {limit, limit_state}};
    double samples[2][BENCH_SAMPLES_MAX];
    size_t counts[2];
    const size_t sample_count = bench_sample_count(b);
    for (size_t side = 0; side < 2; side++) {
        const int code = calibrate(b, sides[side].work, sides[side].state, &counts[side]);
        if (code != CLI_OK) {
            return code;
        }
    }
    const double start = bench_clock();
    size_t taken = 0;
    for (size_t k = 0; k < sample_count; k++) {
        for (size_t turn = 0; turn < 2; turn++) {
            const size_t side = (k + turn) % 2; /* neither always goes first */
            double seconds = 0;
            const int code = sides[side].work(sides[side].state, counts[side], &seconds);
            if (code != CLI_OK) {
                return code;
            }
            samples[side][k] = seconds / (double)counts[side] / unit;
        }
        taken = k + 1;
        if (taken >= SAMPLES_LEAST && b->seconds > 0 && bench_clock() - start > b->seconds) {
            break;
        }
    }
    result->median = bench_median(samples[0], taken);
    result->min = samples[0][0];
    result->limit = bench_median(samples[1], taken);
    return CLI_OK;
}
