/* accountant.c - the Renyi accountant: curves added up at given orders, and the way to (epsilon, delta). Face:
 * csyft/accountants.h. Calibration is calibration.c. Test: accountant_test.c. */
#include <csyft/accountants.h>

#include "core/memory.h"
#include "differential_privacy/checks.h"
#include "differential_privacy/curves.h"
#include "differential_privacy/special.h"

struct sy_rdp {
    sy_context *context;
    size_t count;
    double *orders; /* of count, as the following */
    double *spent;  /* the values of sums, for who asks */
    double *added;  /* the curve that is being added */
    syi_sum *sums;
};

/* The default orders: small ones for large epsilons, where fractions matter, and a few large ones for small epsilons. */
#define SMALL_ORDERS 102
#define WHOLE_FIRST 11
#define WHOLE_LAST 63
static const double large_orders[] = {64, 72, 80, 96, 128, 160, 192, 256, 384, 512, 768, 1024};
enum {
    LARGE_ORDERS = sizeof large_orders / sizeof *large_orders,
    DEFAULT_ORDERS = SMALL_ORDERS + (WHOLE_LAST - WHOLE_FIRST + 1) + LARGE_ORDERS
};

static void fill_default_orders(double *orders)
{
    size_t k = 0;
    orders[k++] = 1.01;
    orders[k++] = 1.03;
    orders[k++] = 1.06;
    while (k < SMALL_ORDERS) {
        orders[k] = 1 + (double)(k - 2) / 10;
        k++;
    }
    for (int order = WHOLE_FIRST; order <= WHOLE_LAST; order++) {
        orders[k++] = order;
    }
    for (size_t i = 0; i < LARGE_ORDERS; i++) {
        orders[k++] = large_orders[i];
    }
}

static sy_status check_orders(const double *orders, size_t count, sy_error *err)
{
    if ((orders == NULL) != (count == 0)) {
        return syi_fail(err, SY_EINVAL, "rdp: %zu orders at %s", count,
                        orders == NULL ? "NULL" : "an address");
    }
    if (count > SY_RDP_ORDERS_MAX) {
        return syi_fail(err, SY_ELIMIT, "rdp: %zu orders, at most %d", count, SY_RDP_ORDERS_MAX);
    }
    for (size_t k = 0; k < count; k++) {
        if (!(orders[k] > 1)) {
            return syi_fail(err, SY_EINVAL, "rdp: orders[%zu] is %g, must be above 1", k,
                            orders[k]);
        }
    }
    return SY_OK;
}

sy_status sy_rdp_new(sy_context *context, sy_rdp **rdp, const double *orders, size_t count,
                     sy_error *err)
{
    *rdp = NULL;
    SY_TRY(check_orders(orders, count, err));
    sy_rdp *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "rdp");
    }
    made->context = context;
    made->count = orders == NULL ? DEFAULT_ORDERS : count;
    made->orders = syi_alloc_array(context, made->count, sizeof *made->orders);
    made->spent = syi_alloc_array(context, made->count, sizeof *made->spent);
    made->added = syi_alloc_array(context, made->count, sizeof *made->added);
    made->sums = syi_alloc_array(context, made->count, sizeof *made->sums);
    if (made->orders == NULL || made->spent == NULL || made->added == NULL || made->sums == NULL) {
        sy_rdp_free(made);
        return SYI_ENOMEM(err, "rdp");
    }
    if (orders == NULL) {
        fill_default_orders(made->orders);
    } else {
        syi_copy_bytes(made->orders, orders, count * sizeof *orders);
    }
    *rdp = made;
    return SY_OK;
}

void sy_rdp_free(sy_rdp *rdp)
{
    if (rdp == NULL) {
        return;
    }
    syi_free(rdp->context, rdp->orders, rdp->count * sizeof *rdp->orders);
    syi_free(rdp->context, rdp->spent, rdp->count * sizeof *rdp->spent);
    syi_free(rdp->context, rdp->added, rdp->count * sizeof *rdp->added);
    syi_free(rdp->context, rdp->sums, rdp->count * sizeof *rdp->sums);
    syi_free(rdp->context, rdp, sizeof *rdp);
}

/* Adds steps * rdp->added. */
static void take_added(sy_rdp *rdp, uint64_t steps)
{
    for (size_t k = 0; k < rdp->count && steps > 0; k++) {
        syi_sum_add(&rdp->sums[k], (double)steps * rdp->added[k]);
        rdp->spent[k] = syi_sum_value(&rdp->sums[k]);
    }
}

/* Fills rdp->added by a function of csyft/accountants.h, in which `order` stands for the order and `to` for the result, and
 * takes it when all of them worked. */
#define ADD(call)                             \
    for (size_t k = 0; k < rdp->count; k++) { \
        const double order = rdp->orders[k];  \
        double *const to = &rdp->added[k];    \
        SY_TRY(call);                         \
    }                                         \
    take_added(rdp, steps);                   \
    return SY_OK

sy_status sy_rdp_add_gaussian(sy_rdp *rdp, double noise_multiplier, uint64_t steps, sy_error *err)
{
    ADD(sy_rdp_of_gaussian(to, order, noise_multiplier, err));
}

sy_status sy_rdp_add_subsampled_gaussian(sy_rdp *rdp, double sampling_rate, double noise_multiplier,
                                         uint64_t steps, sy_error *err)
{
    ADD(sy_rdp_of_subsampled_gaussian(to, order, sampling_rate, noise_multiplier, err));
}

sy_status sy_rdp_add_laplace(sy_rdp *rdp, double noise_multiplier, uint64_t steps, sy_error *err)
{
    ADD(sy_rdp_of_laplace(to, order, noise_multiplier, err));
}

sy_status sy_rdp_add_pure(sy_rdp *rdp, double epsilon, uint64_t steps, sy_error *err)
{
    ADD(sy_rdp_of_pure(to, order, epsilon, err));
}

sy_status sy_rdp_add_zcdp(sy_rdp *rdp, double rho, uint64_t steps, sy_error *err)
{
    ADD(sy_rdp_of_zcdp(to, order, rho, err));
}

sy_status sy_rdp_add_randomized_response(sy_rdp *rdp, double noise, uint64_t classes,
                                         sy_neighbours neighbours, uint64_t steps, sy_error *err)
{
    ADD(sy_rdp_of_randomized_response(to, order, noise, classes, neighbours, err));
}

sy_status sy_rdp_add_curve(sy_rdp *rdp, const double *curve, size_t count, uint64_t steps,
                           sy_error *err)
{
    if (count != rdp->count) {
        return syi_fail(err, SY_ESHAPE, "rdp_add_curve: %zu values for %zu orders", count,
                        rdp->count);
    }
    for (size_t k = 0; k < count; k++) {
        if (!(curve[k] >= 0)) {
            return syi_fail(err, SY_EINVAL, "rdp_add_curve: curve[%zu] is %g, must be 0 or more", k,
                            curve[k]);
        }
        rdp->added[k] = curve[k];
    }
    take_added(rdp, steps);
    return SY_OK;
}

size_t sy_rdp_get_curve(const sy_rdp *rdp, const double **orders, const double **spent)
{
    *orders = rdp->orders;
    *spent = rdp->spent;
    return rdp->count;
}

static sy_status check_conversion(const char *function, sy_rdp_conversion conversion, sy_error *err)
{
    if (conversion != SY_RDP_IMPROVED && conversion != SY_RDP_CLASSIC) {
        return syi_fail(err, SY_EINVAL, "%s: there is no conversion %d", function, (int)conversion);
    }
    return SY_OK;
}

static double epsilon_at(double order, double rdp, sy_rdp_conversion conversion, double log_delta)
{
    if (order == INFINITY || rdp == 0) { /* without a delta; equal distributions */
        return rdp;
    }
    if (conversion == SY_RDP_CLASSIC) {
        return rdp - log_delta / (order - 1);
    }
    return fmax(rdp + log1p(-1 / order) - (log_delta + log(order)) / (order - 1), 0);
}

sy_status sy_rdp_get_epsilon(const sy_rdp *rdp, sy_rdp_conversion conversion, double delta,
                             double *epsilon, double *order, sy_error *err)
{
    SY_TRY(syi_check_delta("rdp_get_epsilon", delta, err));
    SY_TRY(check_conversion("rdp_get_epsilon", conversion, err));
    double best = INFINITY, best_order = rdp->orders[0];
    for (size_t k = 0; k < rdp->count; k++) {
        const double here = epsilon_at(rdp->orders[k], rdp->spent[k], conversion, log(delta));
        if (here < best) {
            best = here;
            best_order = rdp->orders[k];
        }
    }
    *epsilon = best;
    if (order != NULL) {
        *order = best_order;
    }
    return SY_OK;
}

static double log_delta_at(double order, double rdp, sy_rdp_conversion conversion, double epsilon)
{
    if (rdp == 0 || (order == INFINITY && rdp <= epsilon)) {
        return -INFINITY;
    }
    if (order == INFINITY || rdp == INFINITY) {
        return 0;
    }
    const double classic = (order - 1) * (rdp - epsilon);
    return conversion == SY_RDP_CLASSIC ? classic
                                        : classic + (order - 1) * log1p(-1 / order) - log(order);
}

sy_status sy_rdp_get_delta(const sy_rdp *rdp, sy_rdp_conversion conversion, double epsilon,
                           double *delta, double *order, sy_error *err)
{
    SY_TRY(syi_check_not_negative("rdp_get_delta", "epsilon", epsilon, err));
    SY_TRY(check_conversion("rdp_get_delta", conversion, err));
    double best = 0, best_order = rdp->orders[0];
    for (size_t k = 0; k < rdp->count; k++) {
        const double here = log_delta_at(rdp->orders[k], rdp->spent[k], conversion, epsilon);
        if (here < best) {
            best = here;
            best_order = rdp->orders[k];
        }
    }
    *delta = exp(best);
    if (order != NULL) {
        *order = best_order;
    }
    return SY_OK;
}
