/*
 * pate.c - a hundred teachers label digits for a student, by noisy votes, and what that tells about their data.
 *
 * Each teacher has 14 handwritten digits (data/digits.csv) and learns a linear model from them. The student has 250 digits without
 * labels. Teachers vote; Confident-GNMax answers where enough of them agree, with noise on the votes; the student learns from the
 * answers. Nothing else of the teachers' data reaches it, and the accountant says how much that is: whatever the data
 * (data-independent), and for these votes (data-dependent, which is a secret itself until it is released with noise, too).
 *
 * Here all are in one process. Who must not see votes in real use: everybody but the aggregator.
 *
 *     pate data/digits.csv
 */
#include <stdio.h>

#include "linear_digits.h"

enum { TEACHERS = 100, OWN = 14, QUERIES = 250, TRIED = 147 };
enum { QUERIED_FROM = TEACHERS * OWN, TRIED_FROM = QUERIED_FROM + QUERIES };

static const double THRESHOLD = 60, SIGMA1 = 20, SIGMA = 12, DELTA = 1e-4;

/* Confident-GNMax: which queries were answered, and how. */
static sy_status answer(sy_context *context, const double *votes, int64_t *rows, int64_t *labels,
                        int64_t *answered, sy_error *err)
{
    sy_noise *noise = NULL;
    sy_status status = sy_noise_new(context, &noise, err);
    *answered = 0;
    for (int64_t k = 0; k < QUERIES && status == SY_OK; k++) {
        bool agreed = false;
        size_t winner = 0;
        status = sy_pate_confident_gnmax(noise, &agreed, &winner, votes + k * DIGITS, DIGITS,
                                         THRESHOLD, SIGMA1, SIGMA, err);
        if (status == SY_OK && agreed) {
            rows[*answered] = k;
            labels[(*answered)++] = (int64_t)winner;
        }
    }
    sy_noise_free(noise);
    return status;
}

/* The student learns from the answered queries and reads digits that nobody has seen. */
static sy_status graduate(sy_hook *hook, sy_tensor *queries, const int64_t *rows,
                          const int64_t *labels, int64_t answered, sy_tensor *x,
                          int64_t read[TRIED], sy_error *err)
{
    sy_tensor *index = NULL, *y = NULL, *mine = NULL;
    sy_module *student = NULL;
    sy_status status = sy_tensor_new(hook, &index, SY_DTYPE_I64, 1, &answered, rows, err);
    if (status == SY_OK) {
        status = sy_tensor_new(hook, &y, SY_DTYPE_I64, 1, &answered, labels, err);
    }
    if (status == SY_OK) {
        sy_scope *s = sy_scope_begin(hook);
        const sy_value args[] = {sy_value_tensor(queries), sy_value_int(0), sy_value_tensor(index)};
        mine = sy_scope_keep(s, sy_scope_call(s, "index_select", args, 3));
        status = sy_scope_end(s, err);
    }
    if (status == SY_OK) {
        status = linear_learn(hook, &student, mine, y, 200, err);
    }
    if (status == SY_OK) {
        status = linear_read(hook, student, x, read, TRIED, err);
    }
    sy_module_unref(student);
    sy_tensor_unref(mine);
    sy_tensor_unref(y);
    sy_tensor_unref(index);
    return status;
}

static sy_status account(sy_context *context, const double *votes, const int64_t *predictions,
                         sy_error *err)
{
    sy_pate_gnmax_options options = SY_PATE_GNMAX_OPTIONS_INIT;
    sy_pate_gnmax_analysis analysis;
    sy_pate_options old = SY_PATE_OPTIONS_INIT;
    sy_pate_analysis before;
    options.threshold = THRESHOLD;
    options.sigma1 = SIGMA1;
    options.sigma = SIGMA;
    options.delta = DELTA;
    options.teachers = TEACHERS;
    old.delta = DELTA;
    old.moments = 50;
    old.classes = DIGITS;
    old.smooth = false;
    sy_status status =
        sy_pate_gnmax_analyze(context, &analysis, votes, QUERIES, DIGITS, &options, err);
    if (status == SY_OK) {
        status = sy_pate_perform_analysis(context, &before, predictions, TEACHERS, QUERIES, NULL,
                                          &old, err);
    }
    if (status == SY_OK) {
        printf("epsilon at delta %g: %.2f whatever the data, %.2f for these votes (order %.1f)\n",
               DELTA, analysis.data_independent_epsilon, analysis.epsilon, analysis.order);
        printf("to publish the second: noise of deviation %.2f on it, and %.2f in all\n",
               analysis.smooth_sensitivity * analysis.smooth_sigma, analysis.epsilon_with_release);
        printf("all %d answered with Laplace noise of scale 10 (2017): %.2f and %.2f\n", QUERIES,
               before.data_independent_epsilon, before.data_dependent_epsilon);
    }
    return status;
}

static sy_status run(sy_context *context, sy_hook *hook, const char *path, double *student_right,
                     sy_error *err)
{
    static int64_t predictions[TEACHERS * QUERIES], truth[QUERIES], rows[QUERIES], labels[QUERIES];
    static double votes[QUERIES * DIGITS];
    int64_t answered = 0, tried[TRIED], read[TRIED];
    sy_tensor *table = NULL, *queries = NULL, *secret = NULL, *x = NULL, *y = NULL;
    sy_hook_manual_seed(hook, 1);
    sy_status status = sy_tensor_load(hook, &table, path, err);
    if (status == SY_OK) {
        status = linear_cut(hook, table, QUERIED_FROM, QUERIES, &queries, &secret, err);
    }
    if (status == SY_OK) {
        status = linear_cut(hook, table, TRIED_FROM, TRIED, &x, &y, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_copy_data(secret, truth, sizeof truth, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_copy_data(y, tried, sizeof tried, err);
    }
    if (status == SY_OK) {
        status = linear_teach(hook, table, 0, OWN, TEACHERS, queries, predictions, QUERIES, err);
    }
    if (status == SY_OK) {
        status = sy_pate_count_votes(votes, predictions, TEACHERS, QUERIES, DIGITS, err);
    }
    if (status == SY_OK) {
        status = answer(context, votes, rows, labels, &answered, err);
    }
    if (status == SY_OK) {
        status = graduate(hook, queries, rows, labels, answered, x, read, err);
    }
    if (status == SY_OK) {
        double teachers = 0;
        int64_t known[QUERIES];
        for (int k = 0; k < TEACHERS; k++) {
            teachers += linear_right(predictions + k * QUERIES, truth, QUERIES) / TEACHERS;
        }
        for (int64_t k = 0; k < answered; k++) {
            known[k] = truth[rows[k]];
        }
        *student_right = linear_right(read, tried, TRIED);
        printf("a teacher alone reads %.0f %% right\n", teachers);
        printf("answered: %lld of %d, %.0f %% right\n", (long long)answered, QUERIES,
               linear_right(labels, known, (size_t)answered));
        printf("the student reads %.0f %% right of %d new digits\n", *student_right, TRIED);
        status = account(context, votes, predictions, err);
    }
    sy_tensor_unref(y);
    sy_tensor_unref(x);
    sy_tensor_unref(secret);
    sy_tensor_unref(queries);
    sy_tensor_unref(table);
    return status;
}

int main(int argc, char **argv)
{
    sy_error err = SY_ERROR_INIT;
    sy_context *context = NULL;
    sy_hook *hook = NULL;
    double student_right = 0;
    if (argc != 2) {
        fputs("usage: pate DIGITS.csv\n", stderr);
        return 2;
    }
    sy_status status = sy_context_new(&context, NULL, &err);
    if (status == SY_OK) {
        status = sy_hook_new(context, &hook, NULL, &err);
    }
    if (status == SY_OK) {
        status = run(context, hook, argv[1], &student_right, &err);
    }
    if (status != SY_OK) {
        fprintf(stderr, "pate: %s\n", err.message);
    }
    sy_hook_free(hook);
    sy_context_free(context);
    return status == SY_OK && student_right > 55 ? 0 : 1;
}
