/*
 * federated_pate.c - 150 teachers of five owners label digits for a student, and nobody sees how they voted: an owner's votes leave it in
 * shares, with noise on them; the winners are found on shares; what the student gets are labels. Between seven processes.
 *
 *     owners     each has 300 handwritten digits (data/digits.csv), ten for each of its 30 teachers, which are trained there; each
 *                holds a share of all votes
 *     student    has 150 digits without labels, which all may see; learns from the answers
 *     provider   deals what comparisons of shared values need; sees no share of anything
 *
 *     federated_pate data/digits.csv
 *
 * An owner counts the votes of its teachers, and adds discrete Gaussian noise of deviation SIGMA / sqrt(5) to every count, on a grid of
 * 2^-20 votes, before it shares the counts. Five such noises together have the Renyi divergences of Gaussian noise of deviation SIGMA, and
 * at most tau more for each count: tau is about 10 exp(-pi^2 d^2), d the deviation of one of them in units of the grid, 7 million
 * here, which leaves nothing that a double could hold (Kairouz, Liu, Steinke 2021, "The Distributed Discrete Gaussian Mechanism",
 * theorem 1 and proposition 14). So this is GNMax (Papernot et al. 2018, csyft/pate.h), and nobody has to be trusted with votes.
 *
 * What is promised, about the rows of any one teacher, who can move one vote in each query. All do what was agreed, and are curious:
 *     the student sees labels: the epsilon of GNMax with SIGMA. For the votes that were given it is smaller than whatever the votes,
 *         as many labels are clear; but that one is as secret as the votes. (It rests on how likely noise is to change a winner, which on
 *         this grid is as with Gaussian noise to six digits)
 *     the student, the provider and c owners, who show each other all they have and all that passed, see no more than the others' votes,
 *         summed up, with the others' noise: the epsilon of SIGMA sqrt((5 - c) / 5), whatever the votes
 *     who opens what should stay shared sees the votes of each owner with that owner's noise: SIGMA / sqrt(5). A student could ask
 *         for that, and is trusted not to: results inherit permissions, so who may open winners may open what they are made of
 * An owner that leaves out its noise, or makes up votes, is not noticed; if one is missing, so is its noise. Confident-GNMax is not used: it
 * compares votes to a threshold by noise of its own, so that votes would have to be shared twice, and its figures would not hold for who sees the sums.
 *
 * The process that starts them is no party. It is told the votes and the noise, checks labels by them, and computes the epsilon of
 * these votes: nobody could do that in earnest.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "linear_digits.h"
#include "parties.h"

enum { OWNERS = 5, EACH = 30, OWN = 10, QUERIES = 150, TRIED = 147, COUNTS = QUERIES * DIGITS };
enum { ROWS = OWNERS * EACH * OWN, TRIED_FROM = ROWS + QUERIES, UNITS = 1 << 20 /* in a vote */ };
enum { BITS = 28 }; /* 30 votes and noise are below 128 but for a chance of 1e-40 */
static const double SIGMA = 15, DELTA = 1e-4;
static const char *const names[OWNERS] = {"north", "east", "south", "west", "centre"};

/* What is told to the process that checks. In units, row by row. */
typedef struct owner_told {
    int64_t votes[COUNTS], noise[COUNTS];
} owner_told;

typedef struct student_told {
    int64_t labels[QUERIES], read[TRIED];
} student_told;

/* An owner */

static sy_status count_votes(const party *p, int64_t place, int64_t *votes, sy_error *err)
{
    static int64_t predictions[EACH * QUERIES];
    static double counts[COUNTS];
    sy_tensor *table = NULL, *queries = NULL, *unused = NULL;
    sy_hook_manual_seed(p->hook, (uint64_t)(1 + place));
    sy_status status = sy_tensor_load(p->hook, &table, p->path, err);
    if (status == SY_OK) {
        status = linear_cut(p->hook, table, ROWS, QUERIES, &queries, &unused, err);
    }
    if (status == SY_OK) {
        status = linear_teach(p->hook, table, place * EACH * OWN, OWN, EACH, queries, predictions,
                              QUERIES, err);
    }
    if (status == SY_OK) {
        status = sy_pate_count_votes(counts, predictions, EACH, QUERIES, DIGITS, err);
    }
    for (int k = 0; k < COUNTS && status == SY_OK; k++) {
        votes[k] = (int64_t)counts[k] * UNITS;
    }
    sy_tensor_unref(unused);
    sy_tensor_unref(queries);
    sy_tensor_unref(table);
    return status;
}

/* Its part of the noise. */
static sy_status draw(const party *p, int64_t *samples, sy_error *err)
{
    sy_noise *noise = NULL;
    sy_status status = sy_noise_new(p->context, &noise, err);
    if (status == SY_OK) {
        status =
            sy_noise_discrete_gaussian(noise, samples, COUNTS, UNITS * SIGMA / sqrt(OWNERS), err);
    }
    sy_noise_free(noise);
    return status;
}

static sy_status share_votes(const party *p, const owner_told *t, sy_worker *const *holders,
                             sy_worker *provider, sy_error *err)
{
    static int64_t noisy[COUNTS];
    const int64_t shape[] = {QUERIES, DIGITS};
    sy_share_options options = SY_SHARE_OPTIONS_INIT;
    sy_tensor *votes = NULL, *shared = NULL;
    options.crypto_provider = provider;
    options.range = BITS;
    for (int k = 0; k < COUNTS; k++) {
        noisy[k] = t->votes[k] + t->noise[k];
    }
    sy_status status = sy_tensor_new(p->hook, &votes, SY_DTYPE_I64, 2, shape, noisy, err);
    if (status == SY_OK) {
        status = sy_tensor_share_with(votes, &shared, holders, OWNERS, &options, err);
    }
    if (status == SY_OK) {
        status = party_publish(p, shared, "#votes", err);
    }
    sy_tensor_unref(shared);
    sy_tensor_unref(votes);
    return status;
}

/* All owners, in their order, of whom one may be here; then the provider. */
static sy_status connect_all(party *p, sy_worker **holders, sy_worker **provider, sy_error *err)
{
    sy_status status = SY_OK;
    for (int k = 0; k < OWNERS && status == SY_OK; k++) {
        if (strcmp(names[k], p->name) == 0) {
            holders[k] = p->self;
        } else {
            status = party_connect_next(p, &holders[k], err);
        }
    }
    return status == SY_OK ? party_connect_next(p, provider, err) : status;
}

static sy_status run_owner(party *p, sy_error *err)
{
    static owner_told t;
    sy_worker *holders[OWNERS], *provider = NULL;
    int64_t place = 0;
    while (strcmp(names[place], p->name) != 0) {
        place++;
    }
    sy_status status = connect_all(p, holders, &provider, err);
    if (status == SY_OK) {
        status = count_votes(p, place, t.votes, err);
    }
    if (status == SY_OK) {
        status = draw(p, t.noise, err);
    }
    if (status == SY_OK) {
        status = share_votes(p, &t, holders, provider, err);
    }
    if (status == SY_OK) {
        status = party_tell(p->fd, &t, sizeof t) ? SY_OK : SY_ECLOSED;
    }
    return status;
}

/* The student */

/* The winner of each query. Only that is opened. */
static sy_status ask(const party *p, sy_worker *const *holders, int64_t *labels, sy_error *err)
{
    sy_tensor *votes[OWNERS] = {NULL}, *winners = NULL, *opened = NULL;
    sy_status status = SY_OK;
    for (int k = 0; k < OWNERS && status == SY_OK; k++) {
        status = party_find_at(p, holders[k], "#votes", &votes[k], err);
    }
    if (status == SY_OK) {
        sy_scope *s = sy_scope_begin(p->hook);
        sy_tensor *sum = votes[0];
        for (int k = 1; k < OWNERS; k++) {
            sum = sy_add(s, sum, votes[k]);
        }
        winners = sy_scope_keep(s, sy_argmax_dim(s, sum, 1, false));
        status = sy_scope_end(s, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_get(winners, &opened, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_copy_data(opened, labels, QUERIES * sizeof *labels, err);
    }
    sy_tensor_unref(opened);
    sy_tensor_unref(winners);
    for (int k = 0; k < OWNERS; k++) {
        sy_tensor_unref(votes[k]);
    }
    return status;
}

/* From rows and what they are said to be, read the rows that are tried. */
static sy_status learn_and_read(sy_hook *hook, sy_tensor *table, int64_t from, int64_t count,
                                const int64_t *labels, int64_t *read, sy_error *err)
{
    sy_tensor *x = NULL, *truth = NULL, *y = NULL, *tried = NULL, *unused = NULL;
    sy_module *model = NULL;
    sy_hook_manual_seed(hook, 9);
    sy_status status = linear_cut(hook, table, from, count, &x, &truth, err);
    if (status == SY_OK) {
        status = linear_cut(hook, table, TRIED_FROM, TRIED, &tried, &unused, err);
    }
    if (status == SY_OK && labels != NULL) {
        status = sy_tensor_new(hook, &y, SY_DTYPE_I64, 1, &count, labels, err);
    }
    if (status == SY_OK) {
        status = linear_learn(hook, &model, x, labels != NULL ? y : truth, 200, err);
    }
    if (status == SY_OK) {
        status = linear_read(hook, model, tried, read, TRIED, err);
    }
    sy_module_unref(model);
    sy_tensor_unref(unused);
    sy_tensor_unref(tried);
    sy_tensor_unref(y);
    sy_tensor_unref(truth);
    sy_tensor_unref(x);
    return status;
}

static sy_status run_student(party *p, sy_error *err)
{
    static student_told t;
    sy_worker *holders[OWNERS], *provider = NULL;
    sy_tensor *table = NULL;
    sy_sharing_cost cost;
    double seconds = 0;
    sy_status status = connect_all(p, holders, &provider, err);
    if (status == SY_OK) {
        seconds = -party_clock();
        status = ask(p, holders, t.labels, err);
        seconds += party_clock();
    }
    if (status == SY_OK) {
        status = sy_sharing_get_cost(holders, OWNERS, provider, 0, &cost, err);
    }
    if (status == SY_OK) {
        printf("student: %d labels in %.0f ms; %d rounds between the owners, %d bytes from each to "
               "each other\n",
               QUERIES, 1e3 * seconds, (int)cost.rounds, (int)cost.bytes_sent);
        fflush(stdout);
        status = sy_tensor_load(p->hook, &table, p->path, err);
    }
    if (status == SY_OK) {
        status = learn_and_read(p->hook, table, ROWS, QUERIES, t.labels, t.read, err);
    }
    if (status == SY_OK) {
        status = party_tell(p->fd, &t, sizeof t) ? SY_OK : SY_ECLOSED;
    }
    sy_tensor_unref(table);
    return status;
}

/* The check */

typedef struct check {
    int64_t truth[QUERIES], tried[TRIED], plain[TRIED]; /* plain: read by a model of all rows */
    double votes[COUNTS];
    int winners;      /* labels that are what the noisy sums say */
    double deviation; /* of the noise, in votes */
    double teacher;   /* percent of its votes that are right */
} check;

static void compare(const owner_told *owners, const student_told *student, check *c)
{
    double squares = 0;
    c->winners = 0;
    c->teacher = 0;
    for (int query = 0; query < QUERIES; query++) {
        int64_t best = INT64_MIN, winner = 0;
        for (int digit = 0; digit < DIGITS; digit++) {
            const int at = query * DIGITS + digit;
            int64_t votes = 0, noise = 0;
            for (int k = 0; k < OWNERS; k++) {
                votes += owners[k].votes[at];
                noise += owners[k].noise[at];
            }
            c->votes[at] = (double)votes / UNITS;
            squares += (double)noise / UNITS * ((double)noise / UNITS);
            if (votes + noise > best) {
                best = votes + noise;
                winner = digit;
            }
        }
        c->winners += winner == student->labels[query];
        c->teacher +=
            c->votes[query * DIGITS + (int)c->truth[query]] / (OWNERS * EACH * QUERIES) * 100;
    }
    c->deviation = sqrt(squares / COUNTS);
}

static sy_status load_truth(sy_hook *hook, const char *path, check *c, sy_error *err)
{
    sy_tensor *table = NULL, *x = NULL, *y = NULL;
    sy_status status = sy_tensor_load(hook, &table, path, err);
    for (int k = 0; k < 2 && status == SY_OK; k++) {
        status = linear_cut(hook, table, k == 0 ? ROWS : TRIED_FROM, k == 0 ? QUERIES : TRIED, &x,
                            &y, err);
        if (status == SY_OK) {
            status = k == 0 ? sy_tensor_copy_data(y, c->truth, sizeof c->truth, err)
                            : sy_tensor_copy_data(y, c->tried, sizeof c->tried, err);
        }
        sy_tensor_unref(y);
        sy_tensor_unref(x);
        x = y = NULL;
    }
    if (status == SY_OK) {
        status = learn_and_read(hook, table, 0, ROWS, NULL, c->plain, err);
    }
    sy_tensor_unref(table);
    return status;
}

static sy_status analyze(sy_context *context, const check *c, double sigma,
                         sy_pate_gnmax_analysis *analysis, sy_error *err)
{
    sy_pate_gnmax_options options = SY_PATE_GNMAX_OPTIONS_INIT;
    options.sigma = sigma;
    options.delta = DELTA;
    options.smooth = false;
    return sy_pate_gnmax_analyze(context, analysis, c->votes, QUERIES, DIGITS, &options, err);
}

static sy_status tell_epsilons(sy_context *context, const check *c, bool *smaller, sy_error *err)
{
    sy_pate_gnmax_analysis labels, but_one, own;
    sy_status status = analyze(context, c, SIGMA, &labels, err);
    if (status == SY_OK) {
        status = analyze(context, c, SIGMA * sqrt((OWNERS - 1.0) / OWNERS), &but_one, err);
    }
    if (status == SY_OK) {
        status = analyze(context, c, SIGMA / sqrt(OWNERS), &own, err);
    }
    if (status == SY_OK) {
        printf("epsilon at delta %g, all %d queries answered: %.2f whatever the votes, %.2f for "
               "these\n",
               DELTA, QUERIES, labels.data_independent_epsilon, labels.epsilon);
        printf("    where student, provider and one owner collude: %.2f\n",
               but_one.data_independent_epsilon);
        printf("    where what each owner has shared is opened, or four of them collude: %.2f\n",
               own.data_independent_epsilon);
        *smaller = labels.epsilon < labels.data_independent_epsilon;
    }
    return status;
}

static bool check_all(const owner_told *owners, const student_told *student, const char *path)
{
    static check c;
    sy_error err = SY_ERROR_INIT;
    sy_context *context = NULL;
    sy_hook *hook = NULL;
    bool smaller = false;
    double right = 0;
    sy_status status = sy_context_new(&context, NULL, &err);
    if (status == SY_OK) {
        status = sy_hook_new(context, &hook, NULL, &err);
    }
    if (status == SY_OK) {
        status = load_truth(hook, path, &c, &err);
    }
    if (status == SY_OK) {
        compare(owners, student, &c);
        right = linear_right(student->read, c.tried, TRIED);
        printf("labels: %d of %d are the winners, %.0f %% right; noise of deviation %.1f\n",
               c.winners, QUERIES, linear_right(student->labels, c.truth, QUERIES), c.deviation);
        printf("right of new digits: a teacher %.0f %%, the student %.0f %%, a model of all %d "
               "rows %.0f %%\n",
               c.teacher, right, ROWS, linear_right(c.plain, c.tried, TRIED));
        status = tell_epsilons(context, &c, &smaller, &err);
    }
    if (status != SY_OK) {
        fprintf(stderr, "check: %s\n", err.message);
    }
    sy_hook_free(hook);
    sy_context_free(context);
    /* The noise of 1500 counts has another deviation by 10 % with a chance of 1e-7. */
    return status == SY_OK && c.winners == QUERIES && fabs(c.deviation / SIGMA - 1) < 0.1 &&
           smaller && right > c.teacher + 10;
}

/* The addresses of all owners but itself, then the provider's. */
static bool introduce(const process *all, int provider, int to)
{
    bool good = true;
    for (int k = provider + 1; k <= provider + OWNERS && good; k++) {
        good = k == to || parties_tell_address(&all[to], &all[k]);
    }
    return good && parties_tell_address(&all[to], &all[provider]);
}

int main(int argc, char **argv)
{
    enum { PROVIDER, FIRST, STUDENT = FIRST + OWNERS, PARTIES };
    process all[PARTIES];
    static owner_told owners[OWNERS];
    static student_told student;
    if (argc != 2) {
        fputs("usage: federated_pate digits.csv\n", stderr);
        return 2;
    }
    int started = 0;
    bool good = parties_start(all, started++, "provider", NULL, party_serve);
    for (int k = 0; k < OWNERS && good; k++) {
        good = parties_start(all, started++, names[k], argv[1], run_owner);
    }
    good = good && parties_start(all, started++, "student", argv[1], run_student);
    for (int k = 0; k < OWNERS && good; k++) {
        good = introduce(all, PROVIDER, FIRST + k);
    }
    for (int k = 0; k < OWNERS && good; k++) {
        good = party_hear(all[FIRST + k].fd, &owners[k], sizeof owners[k]);
    }
    if (good) {
        printf("owners:  %d teachers, %d rows each, have voted\n", OWNERS * EACH, OWN);
        fflush(stdout);
    }
    good = good && introduce(all, PROVIDER, STUDENT) &&
           party_hear(all[STUDENT].fd, &student, sizeof student) &&
           check_all(owners, &student, argv[1]);
    return parties_end(all, started) && good ? 0 : 1;
}
