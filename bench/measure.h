/* measure.h - time of a piece of work and of its limit, taken in turns. */
#ifndef CSYFT_BENCH_MEASURE_H
#define CSYFT_BENCH_MEASURE_H

#include "bench.h"

/* Seconds of the monotonic clock. */
double bench_clock(void);

/* Does `count` operations and says how many seconds they took. Returns an exit code. */
typedef int (*bench_work)(void *state, size_t count, double *seconds);

/* Samples of some tens of milliseconds each (or of one operation, when that takes longer), work and limit
 * in turns, after a sample that does not count. Fills median, min and limit; `unit` is in seconds. */
int bench_compare(const bench *b, double unit, bench_work work, void *state, bench_work limit,
                  void *limit_state, bench_result *result);

/* How many samples are taken of each. */
size_t bench_sample_count(const bench *b);

enum { BENCH_SAMPLES_MAX = 64 };
/* Sorts them. */
double bench_median(double *samples, size_t count);

#endif
