/*
 * privacy_vectors.h - replays tests/vectors/privacy/NAME.txt: each line is "function argument ... = value", numbers. A
 * test gives one function that answers a line, and the relative error it may have.
 */
#ifndef CSYFT_TESTS_PRIVACY_VECTORS_H
#define CSYFT_TESTS_PRIVACY_VECTORS_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/test.h"

enum { PRIVACY_ARGUMENTS = 16 };

/* `name` and `arguments` as in the file. Returns what the library says. */
typedef double (*privacy_answer)(const char *name, const double *arguments);

/* Within the relative error, or off by less than `floor`. */
static inline void assert_close(double actual, double expected, double relative, double floor)
{
    if (!(fabs(actual - expected) <= fmax(relative * fabs(expected), floor)) &&
        actual != expected) {
        fail_msg("%.17g, expected %.17g: off by %.3g", actual, expected,
                 fabs(actual - expected) / fabs(expected));
    }
}

static inline size_t privacy_vectors_replay(const char *path, privacy_answer answer,
                                            double relative, double floor)
{
    char text[512], name[64];
    size_t lines = 0;
    double worst = 0;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(text, sizeof text, file) != NULL) {
        double arguments[PRIVACY_ARGUMENTS] = {0}, expected = 0;
        int used = 0, count = 0;
        assert_int_equal(sscanf(text, "%63s%n", name, &used), 1);
        const char *at = text + used;
        while (sscanf(at, " = %lf%n", &expected, &used) != 1) {
            assert_true(count < PRIVACY_ARGUMENTS);
            assert_int_equal(sscanf(at, " %lf%n", &arguments[count++], &used), 1);
            at += used;
        }
        const double actual = answer(name, arguments);
        const double off = fabs(actual - expected);
        if (!(off <= fmax(relative * fabs(expected), floor))) {
            fail_msg("%sgot %.17g, off by %.3g", text, actual, off / fabs(expected));
        }
        worst = fmax(worst, off > floor ? off / fabs(expected) : 0);
        lines++;
    }
    fclose(file);
    print_message("%zu lines, relative error up to %.2g\n", lines, worst);
    return lines;
}

#endif
