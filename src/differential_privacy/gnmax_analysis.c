/* gnmax_analysis.c - PATE of 2018 over many queries: Renyi divergences added up, (epsilon, delta), and what it takes to publish
 * it. Face: csyft/pate.h. Test: gnmax_analysis_test.c. */
#include <csyft/accountants.h>

#include "core/memory.h"
#include "core/surroundings.h"
#include "differential_privacy/checks.h"
#include "differential_privacy/gnmax.h"
#include "differential_privacy/gnmax_sensitivity.h"
#include "differential_privacy/pate.h"
#include "differential_privacy/special.h"

#define WHO "gnmax_analyze"
#define SQRT_2 1.41421356237309504880
#define HALF_ORDERS 197 /* 2, 2.5, ... 100 */
#define LARGE_ORDERS 99 /* equal ratios to 500 */

typedef struct work {
    sy_context *context;
    sy_pate_gnmax_options options;
    const double *votes;
    size_t examples, classes, teachers;
    size_t count;               /* of orders */
    double *orders;             /* own */
    syi_sum *spent, *spent_any; /* per order */
    double *bounds;             /* local sensitivities, per distance */
    double *sorted;             /* one row of votes */
} work;

static void work_fini(work *w)
{
    syi_free(w->context, w->orders, w->count * sizeof *w->orders);
    syi_free(w->context, w->spent, w->count * sizeof *w->spent);
    syi_free(w->context, w->spent_any, w->count * sizeof *w->spent_any);
    syi_free_secret(w->context, w->bounds, w->teachers * sizeof *w->bounds);
    syi_free_secret(w->context, w->sorted, w->classes * sizeof *w->sorted);
}

static sy_status work_init(work *w, sy_error *err)
{
    const sy_pate_gnmax_options *options = &w->options;
    w->count = options->orders == NULL ? HALF_ORDERS + LARGE_ORDERS : options->order_count;
    w->orders = syi_alloc_array(w->context, w->count, sizeof *w->orders);
    w->spent = syi_alloc_array(w->context, w->count, sizeof *w->spent);
    w->spent_any = syi_alloc_array(w->context, w->count, sizeof *w->spent_any);
    w->bounds = syi_alloc_array(w->context, w->teachers, sizeof *w->bounds);
    w->sorted = syi_alloc_array(w->context, w->classes, sizeof *w->sorted);
    if (w->orders == NULL || w->spent == NULL || w->spent_any == NULL || w->bounds == NULL ||
        w->sorted == NULL) {
        return SYI_ENOMEM(err, WHO);
    }
    for (size_t k = 0; k < w->count; k++) {
        if (options->orders != NULL) {
            w->orders[k] = options->orders[k];
        } else if (k < HALF_ORDERS) {
            w->orders[k] = 2 + (double)k / 2;
        } else {
            w->orders[k] = 100 * pow(5, (double)(k - HALF_ORDERS + 1) / LARGE_ORDERS);
        }
    }
    return SY_OK;
}

static sy_status check_options(const sy_pate_gnmax_options *options, sy_error *err)
{
    if (options->size != sizeof *options) {
        return syi_fail(err, SY_EINVAL,
                        WHO ": size of the options is %zu, this library expects %zu; start from "
                            "SY_PATE_GNMAX_OPTIONS_INIT",
                        options->size, sizeof *options);
    }
    SY_TRY(syi_check_positive(WHO, "sigma", options->sigma, err));
    SY_TRY(syi_check_not_negative(WHO, "sigma1", options->sigma1, err));
    SY_TRY(syi_check_delta(WHO, options->delta, err));
    if (!isfinite(options->threshold)) {
        return syi_fail(err, SY_EINVAL, WHO ": threshold is %g, must be finite",
                        options->threshold);
    }
    if ((options->orders == NULL) != (options->order_count == 0) ||
        options->order_count > SY_RDP_ORDERS_MAX) {
        return syi_fail(err, SY_EINVAL, WHO ": %zu orders%s, at most %d", options->order_count,
                        options->orders == NULL ? " at NULL" : "", SY_RDP_ORDERS_MAX);
    }
    for (size_t k = 0; k < options->order_count; k++) {
        if (!(options->orders[k] > 1 && options->orders[k] < INFINITY)) {
            return syi_fail(err, SY_EINVAL, WHO ": orders[%zu] is %g, must be above 1 and finite",
                            k, options->orders[k]);
        }
    }
    return SY_OK;
}

/* Checks the votes; the largest sum of a row is the number of teachers where nobody says it. */
static sy_status check_votes(work *w, sy_error *err)
{
    double most = 0;
    for (size_t k = 0; k < w->examples; k++) {
        double sum = 0;
        for (size_t c = 0; c < w->classes; c++) {
            const double count = w->votes[k * w->classes + c];
            if (!(count >= 0 && count <= 1e9)) {
                return syi_fail(err, SY_EINVAL,
                                WHO ": votes of example %zu for class %zu are %g, must be 0 to 1e9",
                                k, c, count);
            }
            sum += count;
        }
        most = fmax(most, sum);
    }
    if (w->options.teachers == 0) {
        w->teachers = (size_t)fmax(most, 1);
    } else if (most > (double)w->options.teachers) {
        return syi_fail(err, SY_EINVAL, WHO ": an example has %g votes from %zu teachers", most,
                        w->options.teachers);
    } else {
        w->teachers = w->options.teachers;
    }
    return SY_OK;
}

static double log_answered(const work *w, const double *counts)
{
    const double largest = counts[syi_pate_winner(counts, w->classes)];
    return w->options.sigma1 == 0
               ? 0
               : syi_gnmax_log_answered(largest, w->options.threshold, w->options.sigma1);
}

/* The expected cost of one query: that of the question whether to answer, and of the answer where there is one. */
static void add_query(work *w, const double *counts, syi_sum *answered)
{
    const sy_pate_gnmax_options *o = &w->options;
    const double log_yes = log_answered(w, counts), yes = exp(log_yes);
    const double logq = syi_gnmax_logq(counts, w->classes, o->sigma);
    syi_sum_add(answered, yes);
    for (size_t k = 0; k < w->count; k++) {
        const double order = w->orders[k];
        const double ask = o->sigma1 == 0 ? 0 : syi_gnmax_rdp_threshold(order, log_yes, o->sigma1);
        const double ask_any = o->sigma1 == 0 ? 0 : order / 2 / o->sigma1 / o->sigma1;
        syi_sum_add(&w->spent[k], ask + yes * syi_gnmax_rdp(order, logq, o->sigma));
        syi_sum_add(&w->spent_any[k], ask_any + yes * order / o->sigma / o->sigma);
    }
}

/* The smallest epsilon over the orders, and where. */
static double best_epsilon(const work *w, const syi_sum *spent, double *order)
{
    double best = INFINITY;
    for (size_t k = 0; k < w->count; k++) {
        const double here = syi_sum_value(&spent[k]) - log(w->options.delta) / (w->orders[k] - 1);
        if (here < best) {
            best = here;
            *order = w->orders[k];
        }
    }
    return best;
}

/* Is the bound by q never the smaller one, whatever the votes? Then there is nothing to smooth. */
static bool never_by_q(const work *w, double order)
{
    const sy_pate_gnmax_options *o = &w->options;
    const double n = (double)w->teachers;
    double logq = -INFINITY; /* all teachers agree */
    for (size_t c = 1; c < w->classes; c++) {
        logq = syi_log_add(logq, syi_log_normal_cdf(-n / (SQRT_2 * o->sigma)));
    }
    const double any = order / o->sigma / o->sigma;
    return syi_gnmax_rdp(order, fmin(logq, log1p(-1 / (double)w->classes)), o->sigma) >=
           any * (1 - 1e-9);
}

/* Adds up the expected local sensitivities of all queries at one order. */
static sy_status add_sensitivities(work *w, double order, sy_error *err)
{
    const sy_pate_gnmax_options *o = &w->options;
    syi_gnmax_kind kind = {0};
    const bool by_q = !never_by_q(w, order);
    if (by_q) {
        SY_TRY(syi_gnmax_kind_init(&kind, order, o->sigma, w->classes, err));
    }
    for (size_t k = 0; k < w->examples; k++) {
        const double *counts = w->votes + k * w->classes;
        const double yes = exp(log_answered(w, counts));
        if (o->sigma1 > 0) {
            syi_threshold_add_sensitivities(w->bounds, w->teachers,
                                            counts[syi_pate_winner(counts, w->classes)], order,
                                            o->threshold, o->sigma1);
        }
        if (by_q) {
            syi_copy_bytes(w->sorted, counts, w->classes * sizeof *counts);
            syi_gnmax_add_sensitivities(&kind, w->bounds, w->teachers, w->sorted, yes);
        }
    }
    return SY_OK;
}

/* The beta and the noise that make epsilon + its release + two deviations of the noise least: for a beta, order e^(2 beta) /
 * sigma^2 + 2 s sigma is least where its derivative is 0. */
static sy_status choose_release(const work *w, sy_pate_gnmax_analysis *result, sy_error *err)
{
    const double order = result->order;
    double least = INFINITY;
    for (int k = 0; k < 20; k++) {
        const double beta = (0.30 + 0.01 * k) / order;
        const double smooth = syi_gnmax_smooth(w->bounds, w->teachers, beta);
        if (!(smooth > 0)) {
            return SY_OK; /* nothing of it depends on the data */
        }
        const double sigma = cbrt(order * exp(2 * beta) / smooth);
        double rdp = 0;
        SY_TRY(sy_pate_rdp_of_release(&rdp, order, beta, sigma, err));
        if (rdp + 2 * smooth * sigma < least) {
            least = rdp + 2 * smooth * sigma;
            result->smooth_beta = beta;
            result->smooth_sensitivity = smooth;
            result->smooth_sigma = sigma;
            result->epsilon_with_release = result->epsilon + rdp;
        }
    }
    return SY_OK;
}

static sy_status analyze(work *w, sy_pate_gnmax_analysis *result, sy_error *err)
{
    sy_pate_gnmax_analysis made = {0};
    syi_sum answered = {0};
    for (size_t k = 0; k < w->examples; k++) {
        add_query(w, w->votes + k * w->classes, &answered);
    }
    made.epsilon = best_epsilon(w, w->spent, &made.order);
    made.data_independent_epsilon = best_epsilon(w, w->spent_any, &made.data_independent_order);
    made.expected_answered = syi_sum_value(&answered);
    if (made.order == w->orders[w->count - 1]) {
        made.warnings |= SY_PATE_MORE_MOMENTS;
        syi_log(w->context, SY_LOG_WARNING, "differential_privacy", NULL, 0,
                WHO ": the last order, %g, is the best; larger ones may give a smaller epsilon",
                made.order);
    }
    if (w->options.smooth) {
        bool c5 = true, c6 = true;
        SY_TRY(add_sensitivities(w, made.order, err));
        SY_TRY(choose_release(w, &made, err));
        if (made.smooth_sensitivity > 0 && !never_by_q(w, made.order)) {
            SY_TRY(
                sy_pate_check_conditions(&c5, &c6, made.order, w->options.sigma, w->classes, err));
        }
        if (!c5 || !c6) {
            made.warnings |= SY_PATE_CONDITIONS;
            syi_log(w->context, SY_LOG_WARNING, "differential_privacy", NULL, 0,
                    WHO ": condition %s does not hold at order %g; the smooth sensitivity is not "
                        "proven",
                    c5 ? "C6" : "C5", made.order);
        }
    }
    *result = made;
    return SY_OK;
}

sy_status sy_pate_gnmax_analyze(sy_context *context, sy_pate_gnmax_analysis *analysis,
                                const double *votes, size_t examples, size_t classes,
                                const sy_pate_gnmax_options *options, sy_error *err)
{
    static const sy_pate_gnmax_options defaults = SY_PATE_GNMAX_OPTIONS_INIT;
    work w = {.context = context,
              .options = options == NULL ? defaults : *options,
              .votes = votes,
              .examples = examples,
              .classes = classes};
    SY_TRY(check_options(&w.options, err));
    if (votes == NULL || examples == 0 || classes < 2 || classes > SIZE_MAX / 8 / examples) {
        return syi_fail(err, SY_EINVAL, WHO ": votes of %zu examples for %zu classes%s", examples,
                        classes, votes == NULL ? " are NULL" : "");
    }
    SY_TRY(check_votes(&w, err));
    sy_status status = work_init(&w, err);
    if (status == SY_OK) {
        status = analyze(&w, analysis, err);
    }
    work_fini(&w);
    return status;
}
