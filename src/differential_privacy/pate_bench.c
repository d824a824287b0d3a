/* pate_bench.c - perform_analysis of 100 teachers, 2000 examples, 10 classes, for which PySyft 0.2.9 took 1.93 s. Beside it the
 * limit: the exponentials and logarithms that the formulas cannot do without, one exp per count and vote moved, one exp and one
 * log1p per moment and vote moved. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <csyft/pate.h>

#include "core/surroundings.h"

enum { TEACHERS = 100, EXAMPLES = 2000, CLASSES = 10, MOMENTS = 8, RUNS = 5 };

static int64_t labels[TEACHERS * EXAMPLES];

/* Teachers who are right nine times of ten. */
static void vote(void)
{
    uint64_t state = 1;
    for (int k = 0; k < TEACHERS * EXAMPLES; k++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        const int64_t truth = k % EXAMPLES % CLASSES, other = (int64_t)(state >> 33) % CLASSES;
        labels[k] = (state >> 60) % 10 == 0 ? other : truth;
    }
}

static double analysis_ms(sy_context *context, bool smooth, sy_pate_analysis *analysis)
{
    double best = INFINITY;
    sy_pate_options options = SY_PATE_OPTIONS_INIT;
    options.smooth = smooth;
    options.moments = MOMENTS;
    for (int run = 0; run < RUNS; run++) {
        const uint64_t start = syi_clock_now(context);
        if (sy_pate_perform_analysis(context, analysis, labels, TEACHERS, EXAMPLES, NULL, &options,
                                     NULL) != SY_OK) {
            return NAN;
        }
        best = fmin(best, (double)(syi_clock_now(context) - start) / 1e6);
    }
    return best;
}

/* About 40 votes can move before the first two meet. */
static double limit_ms(sy_context *context)
{
    enum { MOVES = 40 };
    double best = INFINITY;
    volatile double kept = 0;
    for (int run = 0; run < RUNS; run++) {
        const uint64_t start = syi_clock_now(context);
        double sum = 0;
        for (int k = 0; k < EXAMPLES * MOVES; k++) {
            for (int c = 0; c < CLASSES; c++) {
                sum += exp(-1e-6 * (k + c));
            }
            for (int m = 0; m < MOMENTS; m++) {
                sum += log1p(exp(-1e-6 * (k + m)));
            }
        }
        kept = kept + sum;
        best = fmin(best, (double)(syi_clock_now(context) - start) / 1e6);
    }
    return best;
}

int main(void)
{
    sy_context *context = NULL;
    sy_pate_analysis analysis = {0};
    if (sy_context_new(&context, NULL, NULL) != SY_OK) {
        return EXIT_FAILURE;
    }
    vote();
    printf("epsilons alone                  %8.2f ms\n", analysis_ms(context, false, &analysis));
    printf("with smooth sensitivities       %8.2f ms\n", analysis_ms(context, true, &analysis));
    printf("limit: exp and log1p            %8.2f ms\n", limit_ms(context));
    printf("PySyft 0.2.9                    %8.2f ms\n", 1930.0);
    printf("epsilon %.6f, data-independent %.6f\n", analysis.data_dependent_epsilon,
           analysis.data_independent_epsilon);
    sy_context_free(context);
    return EXIT_SUCCESS;
}
