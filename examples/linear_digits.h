/*
 * linear_digits.h - handwritten digits (data/digits.csv) as one linear layer reads them: the teachers and the students of pate.c and
 * federated_pate.c.
 */
#ifndef CSYFT_EXAMPLES_LINEAR_DIGITS_H
#define CSYFT_EXAMPLES_LINEAR_DIGITS_H

#include <csyft/csyft.h>

enum { PIXELS = 64, DIGITS = 10 };

/* Rows [from, from + count) as pixels of 0 to 1, count x 64, and their digits. */
sy_status linear_cut(sy_hook *hook, sy_tensor *table, int64_t from, int64_t count, sy_tensor **x,
                     sy_tensor **y, sy_error *err);
/* A linear model, by gradient descent on all rows at once. */
sy_status linear_learn(sy_hook *hook, sy_module **model, sy_tensor *x, sy_tensor *y, int steps,
                       sy_error *err);
/* What a model reads, one label for each row of x. */
sy_status linear_read(sy_hook *hook, sy_module *model, sy_tensor *x, int64_t *labels, size_t count,
                      sy_error *err);
/* Teachers, each with `own` rows of its own, from row `from` on: every one learns from its rows and reads the queries. What they read:
 * teachers x count. */
sy_status linear_teach(sy_hook *hook, sy_tensor *table, int64_t from, int64_t own, int64_t teachers,
                       sy_tensor *queries, int64_t *predictions, size_t count, sy_error *err);
/* Percent of the labels. */
double linear_right(const int64_t *labels, const int64_t *truth, size_t count);

#endif
