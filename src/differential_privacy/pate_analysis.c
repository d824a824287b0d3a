/* pate_analysis.c - PATE of 2017 over many examples: votes, moments, (epsilon, delta). Face: csyft/pate.h. Test:
 * pate_analysis_test.c. */
#include <string.h>

#include "core/memory.h"
#include "core/surroundings.h"
#include "differential_privacy/checks.h"
#include "differential_privacy/pate.h"
#include "differential_privacy/special.h"

#define WHO "perform_analysis"
#define VOTES_MOST ((size_t)1 << 31)
#define MOMENTS_MOST 10000

/* One analysis at work. Arrays are the context's. */
typedef struct analysis {
    sy_context *context;
    sy_pate_options options;
    size_t teachers, examples, classes;
    double *votes;            /* examples x classes */
    uint64_t *times;          /* how often each example is queried */
    syi_sum *logmgf, *smooth; /* per moment */
    syi_pate_moments *moved;  /* of one example, after 0, 1, ... moved votes */
    unsigned warnings;
} analysis;

static void analysis_fini(analysis *a)
{
    syi_free_secret(a->context, a->votes, a->examples * a->classes * sizeof *a->votes);
    syi_free(a->context, a->times, a->examples * sizeof *a->times);
    syi_free(a->context, a->logmgf, a->options.moments * sizeof *a->logmgf);
    syi_free(a->context, a->smooth, a->options.moments * sizeof *a->smooth);
    syi_free_secret(a->context, a->moved, (a->teachers + 3) * sizeof *a->moved);
}

static sy_status analysis_init(analysis *a, sy_error *err)
{
    a->votes = syi_alloc_array(a->context, a->examples * a->classes, sizeof *a->votes);
    a->times = syi_alloc_array(a->context, a->examples, sizeof *a->times);
    a->logmgf = syi_alloc_array(a->context, a->options.moments, sizeof *a->logmgf);
    a->smooth = syi_alloc_array(a->context, a->options.moments, sizeof *a->smooth);
    a->moved = syi_alloc_array(a->context, a->teachers + 3, sizeof *a->moved);
    if (a->votes == NULL || a->times == NULL || a->logmgf == NULL || a->smooth == NULL ||
        a->moved == NULL) {
        return SYI_ENOMEM(err, WHO);
    }
    return SY_OK;
}

static sy_status check_options(const sy_pate_options *options, sy_error *err)
{
    if (options->size != sizeof *options) {
        return syi_fail(err, SY_EINVAL,
                        WHO ": size of the options is %zu, this library expects %zu; start from "
                            "SY_PATE_OPTIONS_INIT",
                        options->size, sizeof *options);
    }
    SY_TRY(syi_check_positive(WHO, "noise_eps", options->noise_eps, err));
    SY_TRY(syi_check_delta(WHO, options->delta, err));
    SY_TRY(syi_check_positive(WHO, "beta", options->beta, err));
    if (options->moments == 0 || options->moments > MOMENTS_MOST) {
        return syi_fail(err, SY_EINVAL, WHO ": moments is %u, must be 1 to %d", options->moments,
                        MOMENTS_MOST);
    }
    if (options->classes < 0 || options->classes == 1) {
        return syi_fail(err, SY_EINVAL, WHO ": classes is %lld, two classes or more are needed",
                        (long long)options->classes);
    }
    return SY_OK;
}

static sy_status check_label(int64_t label, size_t at, size_t examples, int64_t classes,
                             const char *because, sy_error *err)
{
    if (label < 0 || label >= classes) {
        return syi_fail(err, SY_EINVAL,
                        WHO ": predictions: label %lld of teacher %zu, example %zu is not from 0 "
                            "to %lld%s",
                        (long long)label, at / examples, at % examples, (long long)classes - 1,
                        because);
    }
    return SY_OK;
}

/* As many classes as there are different labels, and no label above that. */
static sy_status count_classes(sy_context *context, int64_t *classes, const int64_t *predictions,
                               size_t votes, size_t examples, sy_error *err)
{
    bool *seen = syi_alloc_array(context, votes, sizeof *seen);
    if (seen == NULL) {
        return SYI_ENOMEM(err, WHO);
    }
    sy_status status = SY_OK;
    int64_t different = 0;
    for (size_t k = 0; k < votes && status == SY_OK; k++) {
        status = check_label(predictions[k], k, examples, (int64_t)votes,
                             ", there are no more votes than that", err);
        if (status == SY_OK && !seen[predictions[k]]) {
            seen[predictions[k]] = true;
            different++;
        }
    }
    syi_free(context, seen, votes * sizeof *seen);
    *classes = different;
    return status;
}

static sy_status find_classes(analysis *a, const int64_t *predictions, sy_error *err)
{
    int64_t classes = a->options.classes;
    const size_t votes = a->teachers * a->examples;
    const char *because = "";
    if (classes == 0) {
        SY_TRY(count_classes(a->context, &classes, predictions, votes, a->examples, err));
        because = ", the number of different labels; set classes where one may be without votes";
    }
    for (size_t k = 0; k < votes; k++) {
        SY_TRY(check_label(predictions[k], k, a->examples, classes, because, err));
    }
    if (classes < 2) {
        return syi_fail(err, SY_EINVAL,
                        WHO ": predictions: all labels are 0, two classes or more are needed; set "
                            "classes");
    }
    a->classes = (size_t)classes;
    if ((uint64_t)classes > VOTES_MOST / a->examples) {
        return syi_fail(err, SY_ELIMIT, WHO ": %zu examples of %zu classes, at most 2^31 counts",
                        a->examples, a->classes);
    }
    return SY_OK;
}

sy_status sy_pate_count_votes(double *votes, const int64_t *predictions, size_t teachers,
                              size_t examples, size_t classes, sy_error *err)
{
    if (examples == 0 || teachers > SIZE_MAX / examples || classes > INT64_MAX) {
        return syi_fail(err, SY_EINVAL, "count_votes: %zu teachers and %zu examples of %zu classes",
                        teachers, examples, classes);
    }
    for (size_t k = 0; k < teachers * examples; k++) {
        SY_TRY(check_label(predictions[k], k, examples, (int64_t)classes, "", err));
    }
    for (size_t k = 0; k < examples * classes; k++) {
        votes[k] = 0;
    }
    for (size_t teacher = 0; teacher < teachers; teacher++) {
        for (size_t example = 0; example < examples; example++) {
            votes[example * classes + (size_t)predictions[teacher * examples + example]]++;
        }
    }
    return SY_OK;
}

static sy_status count_times(analysis *a, const int64_t *indices, sy_error *err)
{
    for (size_t k = 0; k < a->examples; k++) {
        const int64_t row = indices == NULL ? (int64_t)k : indices[k];
        if (row < 0 || (uint64_t)row >= a->examples) {
            return syi_fail(err, SY_EINVAL,
                            WHO ": indices[%zu] is %lld, must be the number of an example, 0 to "
                                "%zu",
                            k, (long long)row, a->examples - 1);
        }
        a->times[row]++;
    }
    return SY_OK;
}

/* The smooth sensitivity of one moment, as sy_pate_smoothed_sens, from the moments after 0 .. known - 1 moved votes, of which the
 * last is one beyond where the first two meet. */
static double smooth_of(const syi_pate_moments *moved, size_t known, double l, double beta)
{
    double most = 0, here = syi_pate_logmgf(&moved[0], l);
    for (size_t k = 0; k + 1 < known; k++) {
        const double next = syi_pate_logmgf(&moved[k + 1], l);
        most = fmax(most, exp(-beta * (double)k) * (next - here));
        if (k > 0 && next == here) {
            break;
        }
        here = next;
    }
    return most;
}

static void add_example(analysis *a, const double *counts, uint64_t times)
{
    const sy_pate_options *options = &a->options;
    const syi_pate_top top = syi_pate_top_of(counts, a->classes);
    const double apart = counts[top.first] - counts[top.second];
    /* up to one vote beyond their meeting */
    const size_t known = options->smooth ? (size_t)apart + 2 : 1;
    for (size_t k = 0; k < known; k++) {
        const double q = syi_pate_q_moved(counts, a->classes, options->noise_eps, top, (double)k);
        a->moved[k] = syi_pate_moments_of(q, 2 * options->noise_eps);
        if (k == 0 && q < 0.5 && log(q) + 2 * options->noise_eps >= 0) {
            a->warnings |= SY_PATE_NO_BOUND_BY_Q;
        }
    }
    for (uint32_t m = 0; m < options->moments; m++) {
        const double l = m + 1;
        syi_sum_add(&a->logmgf[m], (double)times * syi_pate_logmgf(&a->moved[0], l));
        if (options->smooth && 0.5 * options->noise_eps * l > 1) {
            a->warnings |= SY_PATE_MOMENT_TOO_HIGH;
        } else if (options->smooth) {
            const double smooth = smooth_of(a->moved, known, l, options->beta);
            syi_sum_add(&a->smooth[m], (double)times * smooth);
        }
    }
}

/* (epsilon, delta) at moment l of a log moment. */
static double epsilon_at(double logmgf, double delta, double l)
{
    return (logmgf - log(delta)) / l;
}

static void conclude(analysis *a, sy_pate_analysis *result)
{
    const sy_pate_options *options = &a->options;
    const syi_pate_moments blind = syi_pate_moments_of(1, 2 * options->noise_eps);
    *result = (sy_pate_analysis){.data_dependent_epsilon = INFINITY,
                                 .data_independent_epsilon = INFINITY,
                                 .classes = (int64_t)a->classes};
    for (uint32_t m = 0; m < options->moments; m++) {
        const double l = m + 1;
        const double here = epsilon_at(syi_sum_value(&a->logmgf[m]), options->delta, l);
        const double anyhow =
            epsilon_at((double)a->examples * syi_pate_logmgf(&blind, l), options->delta, l);
        if (here < result->data_dependent_epsilon) {
            result->data_dependent_epsilon = here;
            result->data_dependent_moment = m + 1;
        }
        if (anyhow < result->data_independent_epsilon) {
            result->data_independent_epsilon = anyhow;
            result->data_independent_moment = m + 1;
        }
    }
    const uint32_t best = result->data_dependent_moment;
    if (best == options->moments) {
        a->warnings |= SY_PATE_MORE_MOMENTS;
    }
    if (options->smooth) {
        result->smooth_sensitivity = syi_sum_value(&a->smooth[best - 1]) / best;
        result->smooth_scale = -1 / (options->beta * log(options->delta));
    }
    result->warnings = a->warnings;
}

static void say_warnings(const analysis *a)
{
    if (a->warnings & SY_PATE_MORE_MOMENTS) {
        syi_log(a->context, SY_LOG_WARNING, "differential_privacy", NULL, 0,
                WHO ": the last of %u moments is the best; more may give a smaller epsilon",
                a->options.moments);
    }
    if (a->warnings & SY_PATE_MOMENT_TOO_HIGH) {
        syi_log(a->context, SY_LOG_WARNING, "differential_privacy", NULL, 0,
                WHO ": moments above %g are too high for a sensitivity with noise_eps %g; theirs "
                    "is 0",
                2 / a->options.noise_eps, a->options.noise_eps);
    }
    if (a->warnings & SY_PATE_NO_BOUND_BY_Q) {
        syi_log(a->context, SY_LOG_WARNING, "differential_privacy", NULL, 0,
                WHO ": the bound by q does not hold for some examples with noise_eps %g",
                a->options.noise_eps);
    }
}

sy_status sy_pate_perform_analysis(sy_context *context, sy_pate_analysis *result,
                                   const int64_t *predictions, size_t teachers, size_t examples,
                                   const int64_t *indices, const sy_pate_options *options,
                                   sy_error *err)
{
    static const sy_pate_options defaults = SY_PATE_OPTIONS_INIT;
    analysis a = {.context = context,
                  .options = options == NULL ? defaults : *options,
                  .teachers = teachers,
                  .examples = examples};
    SY_TRY(check_options(&a.options, err));
    if (predictions == NULL || teachers == 0 || examples == 0) {
        return syi_fail(err, SY_EINVAL, WHO ": predictions of %zu teachers for %zu examples%s",
                        teachers, examples, predictions == NULL ? " are NULL" : "");
    }
    if (teachers > VOTES_MOST / examples) {
        return syi_fail(err, SY_ELIMIT, WHO ": %zu teachers and %zu examples, at most 2^31 votes",
                        teachers, examples);
    }
    SY_TRY(find_classes(&a, predictions, err));
    sy_status status = SY_OK;
    SY_GOTO(done, analysis_init(&a, err));
    SY_GOTO(done, count_times(&a, indices, err));
    SY_GOTO(done, sy_pate_count_votes(a.votes, predictions, teachers, examples, a.classes, err));
    for (size_t k = 0; k < examples; k++) {
        if (a.times[k] > 0) {
            add_example(&a, a.votes + k * a.classes, a.times[k]);
        }
    }
    conclude(&a, result);
    say_warnings(&a);
done:
    analysis_fini(&a);
    return status;
}
