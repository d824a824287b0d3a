/*
 * private_inference.c - a model is used on rows that its owner does not see, by someone who does not see the model: logistic
 * regression on the measurements of tumours (data/breast_cancer.csv), between three processes.
 *
 *     model owner   trains on the first 400 rows; holds one share of everything
 *     data owner    has the other 169 rows; asks for the scores and opens them; holds the other share
 *     provider      deals what products of shared values need; sees no share of anything
 *
 *     private_inference data/breast_cancer.csv
 *
 * All are honest here, and curious: each does what was agreed, and looks at what it gets (SECURITY.md). The data owner directs
 * the computation, and what was agreed is that it opens scores only; the model owner's share of the weights is not asked for.
 *
 * The process that starts them is no party. It is told everything in the end, and checks the scores against the plain model's:
 * nobody could do that in earnest. The bound it checks against comes from the precision alone.
 */
#include <math.h>
#include <stdio.h>

#include "parties.h"

enum { TRAINED = 400, TRIED = 169, FEATURES = 30, STEPS = 200 };

/* Features are standardized and cut at 2.5 deviations, so that every score's magnitude is at most 2.5 sum |weights| + |bias|,
 * whatever the row: the model owner keeps that below 8, where the polynomial for the sigmoid holds. */
static const double MOST_FEATURE = 2.5, MOST_SCORE = 8, MOST_SIGMOID_ERROR = 0.065;

static const char sees[] =
    "model owner: has a model; sees a share of the rows and of all results, masked numbers\n"
    "data owner:  has rows; sees a share of the model and of all results, masked numbers, and the "
    "scores\n"
    "provider:    sees shapes; deals random numbers\n";

/* What the parties tell the process that checks. */
typedef struct model_told {
    float weights[FEATURES], bias;
} model_told;

typedef struct data_told {
    float rows[TRIED][FEATURES], benign[TRIED];
    float scores[TRIED];        /* opened */
    float probabilities[TRIED]; /* sigmoid computed on shares, opened */
} data_told;

/* Rows [from, from + count): features and classes. */
static sy_status load_rows(party *p, int64_t from, int64_t count, sy_tensor **x, sy_tensor **y,
                           sy_error *err)
{
    sy_tensor *table = NULL;
    sy_status status = sy_tensor_load(p->hook, &table, p->path, err);
    if (status == SY_OK) {
        sy_scope *s = sy_scope_begin(p->hook);
        sy_tensor *rows = sy_to(s, sy_narrow(s, table, 0, from, count), SY_DTYPE_F32);
        *x = sy_scope_keep(s, sy_narrow(s, rows, 1, 0, FEATURES));
        *y = sy_scope_keep(s, sy_narrow(s, rows, 1, FEATURES, 1));
        status = sy_scope_end(s, err);
    }
    sy_tensor_unref(table);
    return status;
}

static sy_tensor *standardize(sy_scope *s, sy_tensor *x, sy_tensor *means, sy_tensor *deviations)
{
    sy_tensor *z = sy_div(s, sy_sub(s, x, means), deviations);
    return sy_clamp_max_scalar(s, sy_clamp_min_scalar(s, z, -MOST_FEATURE), MOST_FEATURE);
}

/* The model owner */

typedef struct model {
    sy_tensor *means, *deviations; /* public */
    sy_tensor *weights, *bias;
} model;

/* Of the features as they are used: gradient descent with a penalty, which keeps the weights small. */
static sy_status descend(party *p, sy_tensor *x, sy_tensor *y, const model *m, sy_error *err)
{
    sy_status status = SY_OK;
    for (int k = 0; k < STEPS && status == SY_OK; k++) {
        sy_scope *s = sy_scope_begin(p->hook);
        sy_tensor *score = sy_add(s, sy_matmul(s, x, m->weights), m->bias);
        sy_tensor *off = sy_sub(s, sy_sigmoid(s, score), y);
        sy_tensor *slope = sy_div_scalar(s, sy_matmul(s, sy_t(s, x), off), TRAINED);
        slope = sy_add(s, slope, sy_mul_scalar(s, m->weights, 0.5));
        (void)sy_sub_(s, m->weights, sy_mul_scalar(s, slope, 0.1));
        (void)sy_sub_(s, m->bias, sy_mul_scalar(s, sy_mean(s, off), 0.1));
        status = sy_scope_end(s, err);
    }
    return status;
}

static sy_status train(party *p, model *m, sy_error *err)
{
    const int64_t shape[] = {FEATURES, 1}, one[] = {1};
    sy_tensor *rows = NULL, *y = NULL, *x = NULL;
    sy_status status = load_rows(p, 0, TRAINED, &rows, &y, err);
    if (status == SY_OK) {
        sy_scope *s = sy_scope_begin(p->hook);
        m->means = sy_scope_keep(s, sy_mean_dim(s, rows, 0, false));
        sy_tensor *off = sy_sub(s, rows, m->means);
        m->deviations = sy_scope_keep(s, sy_sqrt(s, sy_mean_dim(s, sy_mul(s, off, off), 0, false)));
        x = sy_scope_keep(s, standardize(s, rows, m->means, m->deviations));
        m->weights = sy_scope_keep(s, sy_zeros(s, SY_DTYPE_F32, 2, shape));
        m->bias = sy_scope_keep(s, sy_zeros(s, SY_DTYPE_F32, 1, one));
        status = sy_scope_end(s, err);
    }
    if (status == SY_OK) {
        status = descend(p, x, y, m, err);
    }
    sy_tensor_unref(x);
    sy_tensor_unref(rows);
    sy_tensor_unref(y);
    return status;
}

static sy_status check_magnitudes(const model_told *told, sy_error *err)
{
    double most = fabs((double)told->bias);
    for (int k = 0; k < FEATURES; k++) {
        most += MOST_FEATURE * fabs((double)told->weights[k]);
    }
    printf("model owner: trained on %d rows; scores of magnitudes up to %.2f are possible\n",
           TRAINED, most);
    if (most < MOST_SCORE) {
        return SY_OK;
    }
    snprintf(err->message, sizeof err->message, "the weights are too large: scores up to %g", most);
    return err->status = SY_ERANGE;
}

static sy_status run_model_owner(party *p, sy_error *err)
{
    model m = {0};
    model_told told;
    p->model_owner = p->self;
    sy_status status = party_connect_next(p, &p->data_owner, err);
    if (status == SY_OK) {
        status = party_connect_next(p, &p->provider, err);
    }
    if (status == SY_OK) {
        status = train(p, &m, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_copy_data(m.weights, told.weights, sizeof told.weights, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_copy_data(m.bias, &told.bias, sizeof told.bias, err);
    }
    if (status == SY_OK) {
        status = check_magnitudes(&told, err);
    }
    if (status == SY_OK) {
        status = party_publish(p, m.means, "#means", err);
    }
    if (status == SY_OK) {
        status = party_publish(p, m.deviations, "#deviations", err);
    }
    if (status == SY_OK) {
        status = party_publish_shared(p, m.weights, "#weights", err);
    }
    if (status == SY_OK) {
        status = party_publish_shared(p, m.bias, "#bias", err);
    }
    if (status == SY_OK) {
        printf("model owner: weights and bias are shared; means and deviations of the features are "
               "public\n");
        fflush(stdout);
        status = party_tell(p->fd, &told, sizeof told) ? SY_OK : SY_ECLOSED;
    }
    sy_tensor_unref(m.means);
    sy_tensor_unref(m.deviations);
    sy_tensor_unref(m.weights);
    sy_tensor_unref(m.bias);
    return status;
}

/* The data owner */

static void print_cost(const char *what, const sy_sharing_cost *from, const sy_sharing_cost *to)
{
    printf(
        "data owner:  %s: %d rounds with the model owner, %d bytes sent, %d received, %d dealt\n",
        what, (int)(to->rounds - from->rounds), (int)(to->bytes_sent - from->bytes_sent),
        (int)(to->bytes_received - from->bytes_received),
        (int)(to->bytes_dealt - from->bytes_dealt));
}

/* Scores of the shared rows, and the sigmoid of them computed on shares, too. */
static sy_status infer(const party *p, sy_tensor *x, data_told *told, sy_error *err)
{
    sy_tensor *weights = NULL, *bias = NULL, *scores = NULL, *probabilities = NULL;
    sy_sharing_cost cost[3];
    sy_status status = party_find(p, "#weights", &weights, err);
    if (status == SY_OK) {
        status = party_find(p, "#bias", &bias, err);
    }
    if (status == SY_OK) {
        status = party_get_cost(p, &cost[0], err);
    }
    if (status == SY_OK) {
        sy_scope *s = sy_scope_begin(p->hook);
        scores = sy_scope_keep(s, sy_add(s, sy_matmul(s, x, weights), bias));
        status = sy_scope_end(s, err);
    }
    if (status == SY_OK) {
        status = party_get_cost(p, &cost[1], err);
    }
    if (status == SY_OK) {
        sy_scope *s = sy_scope_begin(p->hook);
        probabilities = sy_scope_keep(s, sy_approximate(s, scores, "sigmoid", "maclaurin", 0));
        status = sy_scope_end(s, err);
    }
    if (status == SY_OK) {
        status = party_get_cost(p, &cost[2], err);
    }
    if (status == SY_OK) {
        print_cost("scores", &cost[0], &cost[1]);
        print_cost("sigmoid", &cost[1], &cost[2]);
        status = party_open(scores, told->scores, sizeof told->scores, err);
    }
    if (status == SY_OK) {
        status = party_open(probabilities, told->probabilities, sizeof told->probabilities, err);
    }
    sy_tensor_unref(probabilities);
    sy_tensor_unref(scores);
    sy_tensor_unref(bias);
    sy_tensor_unref(weights);
    return status;
}

/* The rows as the model takes them. */
static sy_status prepare_rows(party *p, sy_tensor **x, data_told *told, sy_error *err)
{
    sy_tensor *rows = NULL, *y = NULL, *means = NULL, *deviations = NULL;
    sy_status status = load_rows(p, TRAINED, TRIED, &rows, &y, err);
    if (status == SY_OK) {
        status = party_find(p, "#means", &means, err);
    }
    if (status == SY_OK) {
        status = party_find(p, "#deviations", &deviations, err);
    }
    if (status == SY_OK) {
        sy_scope *s = sy_scope_begin(p->hook);
        *x = sy_scope_keep(s, standardize(s, rows, means, deviations));
        status = sy_scope_end(s, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_copy_data(*x, told->rows, sizeof told->rows, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_copy_data(y, told->benign, sizeof told->benign, err);
    }
    sy_tensor_unref(deviations);
    sy_tensor_unref(means);
    sy_tensor_unref(y);
    sy_tensor_unref(rows);
    return status;
}

static sy_status run_data_owner(party *p, sy_error *err)
{
    static data_told told;
    sy_tensor *x = NULL, *shared = NULL;
    p->data_owner = p->self;
    sy_status status = party_connect_next(p, &p->model_owner, err);
    if (status == SY_OK) {
        status = party_connect_next(p, &p->provider, err);
    }
    if (status == SY_OK) {
        status = prepare_rows(p, &x, &told, err);
    }
    if (status == SY_OK) {
        status = party_share(p, x, &shared, err);
    }
    if (status == SY_OK) {
        printf("data owner:  %d rows are shared\n", TRIED);
        status = infer(p, shared, &told, err);
    }
    if (status == SY_OK) {
        printf("data owner:  scores are opened here\n");
        fflush(stdout);
        status = party_tell(p->fd, &told, sizeof told) ? SY_OK : SY_ECLOSED;
    }
    sy_tensor_unref(shared);
    sy_tensor_unref(x);
    return status;
}

/* The check */

/* Encoding cuts less than a unit off each number, so that a product x w is off by less than unit (|x| + |w| + unit). The division
 * that follows the sum of products is right to a unit, the bias to another, and float32 numbers to 2^-22 here. */
static double score_bound(const model_told *m)
{
    const double unit = pow(10, -DECIMALS);
    double sum = 0;
    for (int k = 0; k < FEATURES; k++) {
        sum += MOST_FEATURE + fabs((double)m->weights[k]) + unit;
    }
    return unit * (sum + 2) + MOST_SCORE * pow(2, -22);
}

static bool check(const model_told *m, const data_told *d)
{
    const double bound = score_bound(m);
    const double probability_bound = MOST_SIGMOID_ERROR + bound / 4 + pow(10, -DECIMALS);
    double largest = 0, furthest = 0;
    int right = 0, plain_right = 0;
    for (int k = 0; k < TRIED; k++) {
        double score = (double)m->bias;
        for (int i = 0; i < FEATURES; i++) {
            score += (double)d->rows[k][i] * (double)m->weights[i];
        }
        const bool benign = d->benign[k] > 0.5f;
        largest = fmax(largest, fabs((double)d->scores[k] - score));
        furthest = fmax(furthest, fabs((double)d->probabilities[k] - 1 / (1 + exp(-score))));
        right += (d->scores[k] > 0) == benign;
        plain_right += (score > 0) == benign;
    }
    printf("right: %d of %d rows; by the plain model %d\n", right, TRIED, plain_right);
    printf("scores differ from the plain model's by up to %.5f (bound %.5f)\n", largest, bound);
    printf("probabilities differ by up to %.4f (bound %.4f)\n", furthest, probability_bound);
    /* A score within the bound of 0 may be decided otherwise. */
    return largest <= bound && furthest <= probability_bound && right > 0.95 * TRIED;
}

int main(int argc, char **argv)
{
    enum { PROVIDER, DATA, MODEL, PARTIES };
    process all[PARTIES] = {{.fd = -1}, {.fd = -1}, {.fd = -1}};
    static model_told plain;
    static data_told data;
    if (argc != 2) {
        fprintf(stderr, "usage: %s breast_cancer.csv\n", argv[0]);
        return 2;
    }
    fputs(sees, stdout);
    int started = 0;
    bool good = parties_start(all, started++, "provider", argv[1], party_serve) &&
                parties_start(all, started++, "data_owner", argv[1], run_data_owner) &&
                parties_start(all, started++, "model_owner", argv[1], run_model_owner);
    good = good && parties_introduce(&all[MODEL], &all[DATA], &all[PROVIDER]) &&
           party_hear(all[MODEL].fd, &plain, sizeof plain);
    good = good && parties_introduce(&all[DATA], &all[MODEL], &all[PROVIDER]) &&
           party_hear(all[DATA].fd, &data, sizeof data);
    good = good && check(&plain, &data);
    return parties_end(all, started) && good ? 0 : 1;
}
