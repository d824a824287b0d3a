/* ledger.c - budgets: accounts of data sets and callers, as Renyi curves. Face: csyft/ledger.h. Its file is ledger_file.c. Test:
 * ledger_test.c. */
#include <csyft/ledger.h>

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "core/memory.h"
#include "differential_privacy/checks.h"
#include "differential_privacy/ledger_file.h"
#include "formats/decimal.h"

typedef struct account {
    struct account *next;
    char *data, *caller; /* caller NULL: of all callers of this data */
    sy_rdp *spent;
    uint64_t charges;
} account;

struct sy_ledger {
    atomic_uint refs;
    sy_context *context;
    pthread_mutex_t lock;
    account *first;
    double *orders;
    size_t order_count;
    sy_charge last; /* whose curve is in `cost` */
    sy_rdp *cost;
    syi_ledger_file file;
    bool in_memory, reads_only;
};

/* Accounts */

static void account_free(const sy_ledger *ledger, account *a)
{
    if (a != NULL) {
        sy_rdp_free(a->spent);
        syi_string_free(ledger->context, a->data);
        syi_string_free(ledger->context, a->caller);
        syi_free(ledger->context, a, sizeof *a);
    }
}

static sy_status account_new(const sy_ledger *ledger, const char *data, const char *caller,
                             account **made, sy_error *err)
{
    account *a = syi_alloc(ledger->context, sizeof *a);
    *made = NULL;
    if (a == NULL) {
        return SYI_ENOMEM(err, "ledger");
    }
    a->data = syi_string_copy(ledger->context, data);
    a->caller = syi_string_copy(ledger->context, caller);
    sy_status status = a->data != NULL && (a->caller != NULL || caller == NULL)
                           ? SY_OK
                           : SYI_ENOMEM(err, "ledger");
    if (status == SY_OK) {
        status = sy_rdp_new(ledger->context, &a->spent, ledger->orders, ledger->order_count, err);
    }
    if (status != SY_OK) {
        account_free(ledger, a);
        return status;
    }
    *made = a;
    return SY_OK;
}

static account *find(const sy_ledger *ledger, const char *data, const char *caller)
{
    account *a = ledger->first;
    while (a != NULL && (strcmp(a->data, data) != 0 || (a->caller == NULL) != (caller == NULL) ||
                         (caller != NULL && strcmp(a->caller, caller) != 0))) {
        a = a->next;
    }
    return a;
}

/* What a charge is about: both accounts; new ones are not in the ledger yet. */
typedef struct pair {
    account *own, *all;
    bool own_is_new, all_is_new;
} pair;

static void pair_drop(const sy_ledger *ledger, pair *p)
{
    account_free(ledger, p->own_is_new ? p->own : NULL);
    account_free(ledger, p->all_is_new ? p->all : NULL);
}

static sy_status pair_find(const sy_ledger *ledger, const char *data, const char *caller, pair *p,
                           sy_error *err)
{
    *p = (pair){.own = find(ledger, data, caller), .all = find(ledger, data, NULL)};
    if (p->own == NULL) {
        SY_TRY(account_new(ledger, data, caller, &p->own, err));
        p->own_is_new = true;
    }
    if (p->all == NULL) {
        const sy_status status = account_new(ledger, data, NULL, &p->all, err);
        if (status != SY_OK) {
            pair_drop(ledger, p);
            return status;
        }
        p->all_is_new = true;
    }
    return SY_OK;
}

static void append(sy_ledger *ledger, account *a)
{
    account **last = &ledger->first;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = a;
}

/* Curves */

static sy_status add_cost(const sy_ledger *ledger, sy_rdp *to, sy_error *err)
{
    const double *orders, *cost;
    const size_t count = sy_rdp_get_curve(ledger->cost, &orders, &cost);
    return sy_rdp_add_curve(to, cost, count, 1, err);
}

static void pair_take(sy_ledger *ledger, pair *p)
{
    account *const both[] = {p->own, p->all};
    const bool is_new[] = {p->own_is_new, p->all_is_new};
    for (int k = 0; k < 2; k++) {
        (void)add_cost(ledger, both[k]->spent, NULL); /* of as many orders, none negative */
        both[k]->charges++;
        if (is_new[k]) {
            append(ledger, both[k]);
        }
    }
    p->own_is_new = p->all_is_new = false;
}

static sy_status check_charge(const sy_charge *c, sy_error *err)
{
    if (c->size != sizeof *c || (c->kind != SY_NOISE_GAUSSIAN && c->kind != SY_NOISE_LAPLACE)) {
        return syi_fail(err, SY_EINVAL, "charge: size is %zu or kind is %d", c->size, (int)c->kind);
    }
    if (c->steps == 0 || c->steps > (uint64_t)1 << 53) {
        return syi_fail(err, SY_EINVAL, "charge: steps are none, or more than 2^53");
    }
    if (!(c->sampling_rate > 0 && c->sampling_rate <= 1) ||
        (c->kind == SY_NOISE_LAPLACE && c->sampling_rate != 1)) {
        return syi_fail(
            err, SY_EINVAL,
            "charge: sampling_rate is %g, above 0 to 1 is possible, for Laplace noise 1",
            c->sampling_rate);
    }
    return syi_check_positive("charge", "noise_multiplier", c->noise_multiplier, err);
}

/* The charge's curve, into ledger->cost: equal ones come one after the other, and that of samples takes a millisecond. */
static sy_status compute_cost(sy_ledger *ledger, const sy_charge *c, sy_error *err)
{
    if (ledger->cost != NULL && memcmp(&ledger->last, c, sizeof *c) == 0) {
        return SY_OK;
    }
    sy_rdp_free(ledger->cost);
    ledger->cost = NULL;
    SY_TRY(sy_rdp_new(ledger->context, &ledger->cost, ledger->orders, ledger->order_count, err));
    const sy_status status =
        c->kind == SY_NOISE_LAPLACE
            ? sy_rdp_add_laplace(ledger->cost, c->noise_multiplier, c->steps, err)
        : c->sampling_rate == 1
            ? sy_rdp_add_gaussian(ledger->cost, c->noise_multiplier, c->steps, err)
            : sy_rdp_add_subsampled_gaussian(ledger->cost, c->sampling_rate, c->noise_multiplier,
                                             c->steps, err);
    if (status != SY_OK) {
        sy_rdp_free(ledger->cost);
        ledger->cost = NULL;
        return status;
    }
    ledger->last = *c;
    return SY_OK;
}

/* As a whole, without bytes between its fields. */
static sy_charge copy_charge(const sy_charge *charge)
{
    sy_charge copy;
    memset(&copy, 0, sizeof copy);
    copy.size = charge->size;
    copy.kind = charge->kind;
    copy.noise_multiplier = charge->noise_multiplier;
    copy.sampling_rate = charge->sampling_rate;
    copy.steps = charge->steps;
    return copy;
}

/* Budgets */

static sy_status epsilon_after(const sy_ledger *ledger, const account *a, double delta,
                               double *epsilon, sy_error *err)
{
    const double *orders, *spent;
    sy_rdp *trial = NULL;
    SY_TRY(sy_rdp_new(ledger->context, &trial, ledger->orders, ledger->order_count, err));
    const size_t count = sy_rdp_get_curve(a->spent, &orders, &spent);
    sy_status status = sy_rdp_add_curve(trial, spent, count, 1, err);
    status = status == SY_OK ? add_cost(ledger, trial, err) : status;
    status = status == SY_OK ? sy_rdp_get_epsilon(trial, SY_RDP_IMPROVED, delta, epsilon, NULL, err)
                             : status;
    sy_rdp_free(trial);
    return status;
}

static const char *name_of(const char *caller)
{
    return caller[0] != '\0' ? caller : "(anonymous)";
}

static sy_status check_budget(const sy_ledger *ledger, const pair *p, const sy_budget *b,
                              sy_error *err)
{
    double now = 0, then = 0, together = 0;
    SY_TRY(sy_rdp_get_epsilon(p->own->spent, SY_RDP_IMPROVED, b->delta, &now, NULL, err));
    SY_TRY(epsilon_after(ledger, p->own, b->delta, &then, err));
    SY_TRY(epsilon_after(ledger, p->all, b->delta, &together, err));
    if (then > b->epsilon) {
        return syi_fail_object(err, SY_EPERM, p->own->data,
                               "budget of caller %s for %s: %.4g of epsilon %.4g (delta %.3g) is "
                               "spent, and this would make it %.4g; more noise costs less",
                               name_of(p->own->caller), p->own->data, now, b->epsilon, b->delta,
                               then);
    }
    return b->epsilon_all == 0 || together <= b->epsilon_all
               ? SY_OK
               : syi_fail_object(err, SY_EPERM, p->own->data,
                                 "budget of all callers together for %s: what is left of epsilon "
                                 "%.4g (delta %.3g) does not suffice; more noise costs less",
                                 p->own->data, b->epsilon_all, b->delta);
}

static sy_status check_names(const char *data, const char *caller, sy_error *err)
{
    const bool good = data != NULL && data[0] != '\0' && strlen(data) <= SYI_LEDGER_NAME_MAX &&
                      (caller == NULL || strlen(caller) <= SYI_LEDGER_NAME_MAX);
    return good ? SY_OK
                : syi_fail(err, SY_EINVAL,
                           "ledger: names of data have 1 to %d bytes, of callers at most as many",
                           SYI_LEDGER_NAME_MAX);
}

static sy_status charge_locked(sy_ledger *ledger, const char *data, const char *caller,
                               const sy_charge *c, const sy_budget *budget, sy_error *err)
{
    pair p;
    SY_TRY(compute_cost(ledger, c, err));
    SY_TRY(pair_find(ledger, data, caller, &p, err));
    sy_status status = check_budget(ledger, &p, budget, err);
    if (status == SY_OK && !ledger->in_memory) {
        status = syi_ledger_file_append(&ledger->file, data, caller, c, err);
    }
    if (status == SY_OK) {
        pair_take(ledger, &p);
    }
    pair_drop(ledger, &p);
    return status;
}

sy_status sy_budget_check(const sy_budget *budget, sy_error *err)
{
    if (budget == NULL || budget->size != sizeof *budget) {
        return syi_fail(err, SY_EINVAL, "budget: it is NULL, or of another size");
    }
    SY_TRY(syi_check_positive("budget", "epsilon", budget->epsilon, err));
    SY_TRY(syi_check_not_negative("budget", "epsilon_all", budget->epsilon_all, err));
    return syi_check_delta("budget", budget->delta, err);
}

sy_status sy_budget_from_text(const char *text, sy_budget *budget, sy_error *err)
{
    double numbers[3] = {0};
    const char *at = text;
    int count = 0;
    for (bool more = true; more && count < 3; count++) {
        const size_t length = strcspn(at, ",");
        const syi_decimal number = syi_decimal_parse(at, length);
        if (number.kind == SYI_DECIMAL_NONE) {
            count = 0;
            break;
        }
        numbers[count] = number.real;
        more = at[length] == ',';
        at += length + (more ? 1 : 0);
    }
    if (count < 2 || *at != '\0') {
        return syi_fail(err, SY_EINVAL,
                        "budget \"%.60s\": expected EPSILON,DELTA or EPSILON,DELTA,ALL", text);
    }
    const sy_budget read = {sizeof read, numbers[0], numbers[1], numbers[2]};
    SY_TRY(sy_budget_check(&read, err));
    *budget = read;
    return SY_OK;
}

sy_status sy_ledger_charge(sy_ledger *ledger, const char *data, const char *caller,
                           const sy_charge *charge, const sy_budget *budget, sy_error *err)
{
    if (ledger == NULL || charge == NULL || caller == NULL) {
        return syi_fail(err, SY_EINVAL, "charge: ledger, charge or caller is NULL");
    }
    SY_TRY(check_names(data, caller, err));
    SY_TRY(check_charge(charge, err));
    SY_TRY(sy_budget_check(budget, err));
    if (ledger->reads_only) {
        return syi_fail_object(err, SY_EPERM, ledger->file.path,
                               "ledger \"%s\" was opened to look at", ledger->file.path);
    }
    const sy_charge copy = copy_charge(charge);
    pthread_mutex_lock(&ledger->lock);
    const sy_status status = charge_locked(ledger, data, caller, &copy, budget, err);
    pthread_mutex_unlock(&ledger->lock);
    return status;
}

/* Looking */

static sy_status read_spending(const account *a, double delta, sy_spending *spending, sy_error *err)
{
    spending->charges = a->charges;
    return sy_rdp_get_epsilon(a->spent, SY_RDP_IMPROVED, delta, &spending->epsilon, NULL, err);
}

sy_status sy_ledger_get_spending(sy_ledger *ledger, const char *data, const char *caller,
                                 double delta, sy_spending *spending, sy_error *err)
{
    sy_spending found = {0, 0};
    SY_TRY(check_names(data, caller, err));
    SY_TRY(syi_check_delta("spending", delta, err));
    pthread_mutex_lock(&ledger->lock);
    const account *a = find(ledger, data, caller);
    const sy_status status = a != NULL ? read_spending(a, delta, &found, err) : SY_OK;
    pthread_mutex_unlock(&ledger->lock);
    if (status == SY_OK) {
        *spending = found;
    }
    return status;
}

sy_status sy_ledger_list(sy_ledger *ledger, double delta, sy_ledger_see see, void *user,
                         sy_error *err)
{
    sy_status status = syi_check_delta("list", delta, err);
    pthread_mutex_lock(&ledger->lock);
    for (const account *a = ledger->first; a != NULL && status == SY_OK; a = a->next) {
        sy_spending spending;
        if (a->caller != NULL) {
            status = read_spending(a, delta, &spending, err);
            if (status == SY_OK) {
                see(user, a->data, a->caller, &spending);
            }
        }
    }
    pthread_mutex_unlock(&ledger->lock);
    return status;
}

/* Life */

/* The accountant's own orders, and infinity, which adds up epsilons that need no delta. */
static sy_status make_orders(sy_ledger *ledger, sy_error *err)
{
    sy_rdp *usual = NULL;
    const double *orders, *spent;
    SY_TRY(sy_rdp_new(ledger->context, &usual, NULL, 0, err));
    const size_t count = sy_rdp_get_curve(usual, &orders, &spent);
    ledger->orders = syi_alloc_array(ledger->context, count + 1, sizeof *ledger->orders);
    if (ledger->orders != NULL) {
        ledger->order_count = count + 1;
        syi_copy_bytes(ledger->orders, orders, count * sizeof *orders);
        ledger->orders[count] = INFINITY;
    }
    sy_rdp_free(usual);
    return ledger->orders != NULL ? SY_OK : SYI_ENOMEM(err, "ledger");
}

static sy_status replay(void *user, const char *data, const char *caller, const sy_charge *charge,
                        sy_error *err)
{
    sy_ledger *ledger = user;
    pair p;
    const sy_charge copy = copy_charge(charge);
    SY_TRY(check_names(data, caller, err));
    SY_TRY(check_charge(&copy, err));
    SY_TRY(compute_cost(ledger, &copy, err));
    SY_TRY(pair_find(ledger, data, caller, &p, err));
    pair_take(ledger, &p);
    return SY_OK;
}

static sy_status open_ledger(sy_context *context, sy_ledger **ledger, const char *path,
                             bool reads_only, sy_error *err)
{
    *ledger = NULL;
    sy_ledger *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "ledger");
    }
    atomic_init(&made->refs, 1);
    made->context = context;
    made->in_memory = true; /* until the file is open */
    made->reads_only = reads_only;
    pthread_mutex_init(&made->lock, NULL);
    sy_status status = make_orders(made, err);
    if (status == SY_OK && path != NULL) {
        status = syi_ledger_file_open(context, &made->file, path, reads_only, replay, made, err);
        made->in_memory = status != SY_OK;
    }
    if (status != SY_OK) {
        sy_ledger_unref(made);
        return status;
    }
    *ledger = made;
    return SY_OK;
}

sy_status sy_ledger_open(sy_context *context, sy_ledger **ledger, const char *path, sy_error *err)
{
    return open_ledger(context, ledger, path, false, err);
}

sy_status sy_ledger_read(sy_context *context, sy_ledger **ledger, const char *path, sy_error *err)
{
    if (path == NULL) {
        *ledger = NULL;
        return syi_fail(err, SY_EINVAL, "ledger: no file to look at");
    }
    return open_ledger(context, ledger, path, true, err);
}

sy_ledger *sy_ledger_ref(sy_ledger *ledger)
{
    atomic_fetch_add_explicit(&ledger->refs, 1, memory_order_relaxed);
    return ledger;
}

void sy_ledger_unref(sy_ledger *ledger)
{
    if (ledger == NULL || atomic_fetch_sub_explicit(&ledger->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    while (ledger->first != NULL) {
        account *a = ledger->first;
        ledger->first = a->next;
        account_free(ledger, a);
    }
    if (!ledger->in_memory) {
        syi_ledger_file_close(&ledger->file);
    }
    sy_rdp_free(ledger->cost);
    syi_free(ledger->context, ledger->orders, ledger->order_count * sizeof *ledger->orders);
    pthread_mutex_destroy(&ledger->lock);
    syi_free(ledger->context, ledger, sizeof *ledger);
}
