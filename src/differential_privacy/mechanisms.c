/* mechanisms.c - sums with noise, choices, randomized response. Face: csyft/mechanisms.h. Drawing is noise.c, clipping
 * contributions.c. Test: mechanisms_test.c. */
#include <csyft/mechanisms.h>

#include <math.h>

#include "core/memory.h"
#include "differential_privacy/checks.h"
#include "differential_privacy/contributions.h"
#include "differential_privacy/noise.h"
#include "differential_privacy/noisy_sum.h"

#define BUDGET_LEAST 0x1p-18
#define BUDGET_MOST 0x1p18

static sy_status check_budget(const char *function, const char *field, double value, sy_error *err)
{
    if (!(value >= BUDGET_LEAST && value <= BUDGET_MOST)) {
        return syi_fail(err, SY_EINVAL, "%s: %s is %g, must be %g to %g", function, field, value,
                        BUDGET_LEAST, BUDGET_MOST);
    }
    return SY_OK;
}

/* Clipped column sums in units. */
typedef struct totals {
    sy_context *context;
    size_t columns;
    syi_i128 *sums;
    int64_t *row;
} totals;

static void totals_fini(totals *t)
{
    syi_free_secret(t->context, t->sums, t->columns * sizeof *t->sums);
    syi_free_secret(t->context, t->row, t->columns * sizeof *t->row);
}

static sy_status totals_init(totals *t, sy_noise *noise, const char *function,
                             const sy_contributions *contributions, const syi_clipping *clipping,
                             sy_error *err)
{
    *t = (totals){.context = syi_noise_get_context(noise), .columns = contributions->columns};
    t->sums = syi_alloc_array(t->context, t->columns, sizeof *t->sums);
    t->row = syi_alloc_array(t->context, t->columns, sizeof *t->row);
    if (t->sums == NULL || t->row == NULL) {
        totals_fini(t);
        return SYI_ENOMEM(err, function);
    }
    syi_contributions_sum(contributions, clipping, t->sums, t->row);
    return SY_OK;
}

/* The result is written when all noise is drawn. */
static sy_status noisy_sums(sy_noise *noise, double *sums, sy_noise_kind kind,
                            const sy_contributions *contributions, double size, sy_error *err)
{
    syi_noisy_sum sum;
    const size_t columns = contributions->columns;
    SY_TRY(syi_noisy_sum_open(&sum, noise, kind, columns, contributions->sensitivity, size, err));
    for (size_t person = 0; person < contributions->people; person++) {
        syi_noisy_sum_add(&sum, contributions->values + person * columns);
    }
    const sy_status status = syi_noisy_sum_tell(&sum, sums, err);
    syi_noisy_sum_close(&sum);
    return status;
}

sy_status sy_laplace_sum(sy_noise *noise, double *sums, const sy_contributions *contributions,
                         double epsilon, sy_error *err)
{
    SY_TRY(check_budget("laplace_sum", "epsilon", epsilon, err));
    SY_TRY(syi_contributions_check("laplace_sum", contributions, err));
    const double moved = contributions->sensitivity * syi_contributions_moves(contributions);
    const double scale = nextafter(moved / epsilon, INFINITY);
    return noisy_sums(noise, sums, SY_NOISE_LAPLACE, contributions, scale, err);
}

sy_status sy_gaussian_sum(sy_noise *noise, double *sums, const sy_contributions *contributions,
                          double noise_multiplier, sy_error *err)
{
    SY_TRY(check_budget("gaussian_sum", "noise_multiplier", noise_multiplier, err));
    SY_TRY(syi_contributions_check("gaussian_sum", contributions, err));
    const double moved = contributions->sensitivity * syi_contributions_moves(contributions);
    const double sigma = nextafter(moved * noise_multiplier, INFINITY);
    return noisy_sums(noise, sums, SY_NOISE_GAUSSIAN, contributions, sigma, err);
}

/* Choices ------------------------------------------------------------------------------------------------------------------ */

/* Columns with their sums, and what a unit of difference weighs: exp(-(best - sum) n/d). */
typedef struct choice {
    totals totals;
    syi_i128 best;
    syi_wide n, d;
} choice;

static sy_status choice_init(choice *c, sy_noise *noise, const char *function,
                             const sy_contributions *contributions, double epsilon, sy_error *err)
{
    SY_TRY(check_budget(function, "epsilon", epsilon, err));
    SY_TRY(syi_contributions_check(function, contributions, err));
    const int grid = syi_grid_of(contributions->sensitivity, contributions->sensitivity);
    const syi_clipping clipping =
        syi_clipping_of(SYI_NORM_MAX, contributions->sensitivity, ldexp(1, grid));
    SY_TRY(totals_init(&c->totals, noise, function, contributions, &clipping, err));
    c->best = c->totals.sums[0];
    for (size_t k = 1; k < c->totals.columns; k++) {
        c->best = c->totals.sums[k] > c->best ? c->totals.sums[k] : c->best;
    }
    /* epsilon 2^grid / (2 moved), of whole numbers times powers of two */
    int up = 0, down = 0;
    const double moved = contributions->sensitivity * syi_contributions_moves(contributions);
    c->n = syi_wide_from(syi_noise_split(epsilon, &up));
    c->d = syi_wide_from(syi_noise_split(moved, &down));
    const int shift = up + grid - down - 1;
    if (shift > 0) {
        c->n = syi_wide_shift(&c->n, (unsigned)shift);
    } else {
        c->d = syi_wide_shift(&c->d, (unsigned)-shift);
    }
    return SY_OK;
}

/* A coin for one column. */
static sy_status flip(sy_noise *noise, bool *taken, const choice *c, size_t column, sy_error *err)
{
    const syi_wide behind = syi_wide_from((syi_u128)(c->best - c->totals.sums[column]));
    const syi_wide n = syi_wide_multiply(&behind, &c->n);
    return syi_noise_bernoulli_exp(noise, taken, &n, &c->d, err);
}

sy_status sy_exponential_choice(sy_noise *noise, size_t *column,
                                const sy_contributions *contributions, double epsilon,
                                sy_error *err)
{
    choice c;
    SY_TRY(choice_init(&c, noise, "exponential_choice", contributions, epsilon, err));
    uint64_t drawn = 0;
    bool taken = false;
    sy_status status = SY_OK;
    while (!taken && status == SY_OK) { /* rejection: the best is always taken when drawn */
        status = sy_noise_uniform(noise, &drawn, c.totals.columns, err);
        if (status == SY_OK) {
            status = flip(noise, &taken, &c, drawn, err);
        }
    }
    totals_fini(&c.totals);
    if (status == SY_OK) {
        *column = drawn;
    }
    return status;
}

/* A column that had no turn yet, at random; `turns` (the totals' row) is shuffled on the way (Fisher and Yates). */
static sy_status next_turn(sy_noise *noise, size_t *column, int64_t *turns, size_t columns,
                           size_t turn, sy_error *err)
{
    uint64_t drawn = 0;
    SY_TRY(sy_noise_uniform(noise, &drawn, columns - turn, err));
    *column = (size_t)turns[turn + drawn];
    turns[turn + drawn] = turns[turn];
    return SY_OK;
}

sy_status sy_report_noisy_max(sy_noise *noise, size_t *column,
                              const sy_contributions *contributions, double epsilon, sy_error *err)
{
    choice c;
    SY_TRY(choice_init(&c, noise, "report_noisy_max", contributions, epsilon, err));
    int64_t *turns = c.totals.row;
    for (size_t k = 0; k < c.totals.columns; k++) {
        turns[k] = (int64_t)k;
    }
    size_t drawn = 0;
    bool taken = false;
    sy_status status = SY_OK;
    for (size_t turn = 0; !taken && status == SY_OK; turn++) { /* the best is taken at its turn */
        status = next_turn(noise, &drawn, turns, c.totals.columns, turn, err);
        if (status == SY_OK) {
            status = flip(noise, &taken, &c, drawn, err);
        }
    }
    totals_fini(&c.totals);
    if (status == SY_OK) {
        *column = drawn;
    }
    return status;
}

/* Randomized response ------------------------------------------------------------------------------------------------------- */

static sy_status check_response(uint64_t classes, double epsilon, sy_error *err)
{
    if (classes < 2) {
        return syi_fail(err, SY_EINVAL, "randomized_response: classes is %llu, must be 2 or more",
                        (unsigned long long)classes);
    }
    if (!(epsilon >= SY_NOISE_LEAST && epsilon <= SY_NOISE_MOST)) {
        return syi_fail(err, SY_EINVAL, "randomized_response: epsilon is %g, must be %g to %g",
                        epsilon, SY_NOISE_LEAST, SY_NOISE_MOST);
    }
    return SY_OK;
}

/* Rejection: the truth is worth 1, every other answer exp(-epsilon). */
static sy_status respond(sy_noise *noise, uint64_t *answer, uint64_t truth, uint64_t classes,
                         double epsilon, sy_error *err)
{
    for (;;) {
        uint64_t drawn = 0;
        bool taken = true;
        SY_TRY(sy_noise_uniform(noise, &drawn, classes, err));
        if (drawn != truth) {
            SY_TRY(sy_noise_bernoulli_exp(noise, &taken, epsilon, err));
        }
        if (taken) {
            *answer = drawn;
            return SY_OK;
        }
    }
}

sy_status sy_randomized_response(sy_noise *noise, uint64_t *answers, const uint64_t *truths,
                                 size_t count, uint64_t classes, double epsilon, sy_error *err)
{
    SY_TRY(check_response(classes, epsilon, err));
    for (size_t k = 0; k < count; k++) {
        if (truths[k] >= classes) {
            return syi_fail(err, SY_EINVAL,
                            "randomized_response: truths[%zu] is not from 0 to %llu", k,
                            (unsigned long long)classes - 1);
        }
    }
    for (size_t k = 0; k < count; k++) {
        SY_TRY(respond(noise, &answers[k], truths[k], classes, epsilon, err));
    }
    return SY_OK;
}

sy_status sy_randomized_response_estimate(double *truths, const uint64_t *answers, uint64_t classes,
                                          double epsilon, sy_error *err)
{
    SY_TRY(check_response(classes, epsilon, err));
    const double m = (double)classes, lie = 1 / (exp(epsilon) + m - 1);
    const double more = expm1(epsilon) * lie; /* by how much the truth is likelier */
    double total = 0;
    for (uint64_t k = 0; k < classes; k++) {
        total += (double)answers[k];
    }
    for (uint64_t k = 0; k < classes; k++) {
        truths[k] = epsilon > 700 ? (double)answers[k] : ((double)answers[k] - total * lie) / more;
    }
    return SY_OK;
}
