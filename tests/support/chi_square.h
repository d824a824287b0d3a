/* chi_square.h - does a sample have the distribution that it should? */
#ifndef CSYFT_TESTS_CHI_SQUARE_H
#define CSYFT_TESTS_CHI_SQUARE_H

#include <math.h>
#include <stdlib.h>

#include "support/test.h"

/* The statistic's value that is exceeded with probability 2.9e-7 (5 deviations; Wilson and Hilferty, 1931). */
static inline double chi_square_limit(size_t freedom)
{
    const double part = 2 / (9.0 * (double)freedom);
    return (double)freedom * pow(1 - part + 5 * sqrt(part), 3);
}

/* `seen` of `count` outcomes against probabilities that sum to 1. Outcomes expected less than 8 times are one. */
static inline void assert_distribution(const char *name, const uint64_t *seen,
                                       const double *probability, size_t count)
{
    double total = 0, statistic = 0, rare_seen = 0, rare_expected = 0;
    size_t freedom = 0;
    for (size_t k = 0; k < count; k++) {
        total += (double)seen[k];
    }
    for (size_t k = 0; k < count; k++) {
        const double expected = total * probability[k];
        if (expected < 8) {
            rare_seen += (double)seen[k];
            rare_expected += expected;
        } else {
            statistic += pow((double)seen[k] - expected, 2) / expected;
            freedom++;
        }
    }
    if (rare_expected >= 1) {
        statistic += pow(rare_seen - rare_expected, 2) / rare_expected;
        freedom++;
    } else if (rare_seen > 12) {
        fail_msg("%s: %g outcomes where %g were expected", name, rare_seen, rare_expected);
    }
    assert_true(freedom > 0);
    if (freedom > 1 && statistic > chi_square_limit(freedom - 1)) {
        fail_msg("%s: chi-square %g with %zu degrees of freedom, at most %g", name, statistic,
                 freedom - 1, chi_square_limit(freedom - 1));
    }
}

#endif
