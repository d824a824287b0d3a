/*
 * federated_privacy.c - noisy answers of workers, over every kind of worker: they are right but for the noise, one row moves them by no more than was
 * promised whatever it is and whatever the client asks for, each is charged before it leaves, and refused when the budget is spent.
 */
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csyft/plan.h>
#include <csyft/queries.h>

#include "hook/tensor.h"
#include "support/folder.h"
#include "support/line_training.h"

#define LITTLE 0x1p-18 /* noise that is next to none: for tests of everything but the noise */
#define PLENTY 1e30

/* --- a worker with a budget ------------------------------------------------------------------------ */

static const sy_budget plenty = {sizeof plenty, PLENTY, 1e-6, 0};

static sy_ledger *ledger_of(workers *w, sy_worker *serving, const char *path)
{
    sy_ledger *ledger = NULL;
    sy_context *context = sy_hook_get_context(sy_worker_get_hook(serving));
    assert_ok(sy_ledger_open(context, &ledger, path, &w->err), &w->err);
    return ledger;
}

static sy_serve_options noisy_answers(sy_ledger *ledger, const sy_budget *budget)
{
    sy_serve_options options = SY_SERVE_OPTIONS_INIT;
    options.ledger = ledger;
    options.budget = budget;
    return options;
}

/* `count` rows of one column, and their targets. */
static void serve_numbers(workers *w, const char *key, int count, const float *rows,
                          const float *targets, const sy_serve_options *options)
{
    sy_hook *hook = sy_worker_get_hook(w->bob_serving);
    const int64_t shape[] = {count, 1};
    sy_tensor *x = tensor_at(w, hook, SY_DTYPE_F32, 2, shape, rows),
              *y = tensor_at(w, hook, SY_DTYPE_F32, 2, shape, targets);
    assert_ok(sy_worker_serve_dataset(w->bob_serving, key, x, y, options, &w->err), &w->err);
    sy_tensor_unref(x);
    sy_tensor_unref(y);
}

static sy_query_options with_noise(double multiplier)
{
    sy_query_options o = SY_QUERY_OPTIONS_INIT;
    o.noise_multiplier = multiplier;
    return o;
}

static sy_spending spent_by_me(workers *w, const sy_shard *shard)
{
    sy_budget budget;
    sy_spending spending;
    assert_ok(sy_shard_get_budget(shard, &budget, &spending, &w->err), &w->err);
    return spending;
}

/* --- queries ---------------------------------------------------------------------------------------- */

static void test_queries(void **state)
{
    workers *w = *state;
    static const float x[] = {1, 2, 3, 4, 100, -100, NAN, INFINITY}, y[] = {0, 0, 0, 1, 1, 2, 3, 9};
    static const double edges[] = {0, 1, 2, 3};
    const sy_shard shard = {w->bob, "n"};
    sy_ledger *ledger = ledger_of(w, w->bob_serving, NULL);
    const sy_serve_options options = noisy_answers(ledger, &plenty);
    serve_numbers(w, "n", 8, x, y, &options);
    sy_ledger_unref(ledger);
    for (int kind = SY_NOISE_GAUSSIAN; kind <= SY_NOISE_LAPLACE; kind++) {
        sy_query_options o = with_noise(LITTLE);
        double mean = 0, deviation = 0;
        int64_t counts[3];
        o.noise = (sy_noise_kind)kind;
        /* 1 2 3 4 and, cut, 10, -10, 10; NaN counts as the middle, 0 */
        assert_ok(sy_shard_mean(&shard, &o, -10, 10, &mean, 1, &deviation, &w->err), &w->err);
        assert_true(fabs(mean - 20.0 / 8) < 1e-3);
        assert_true(fabs(deviation - (kind == SY_NOISE_GAUSSIAN ? 1 : sqrt(2)) * 10 * LITTLE / 8) <
                    1e-12);
        assert_ok(sy_shard_mean(&shard, &o, 0, 2, &mean, 1, NULL, &w->err), &w->err);
        assert_true(fabs(mean - (1 + 2 + 2 + 2 + 2 + 0 + 1 + 2) / 8.0) < 1e-3);
        o.targets = true;
        assert_ok(sy_shard_histogram(&shard, &o, edges, 3, counts, &deviation, &w->err), &w->err);
        assert_int_equal(counts[0], 3);
        assert_int_equal(counts[1], 2);
        assert_int_equal(counts[2], 2); /* 2, and 3, the upper edge */
        assert_true(deviation > 0);
    }
}

/* Many columns at once: each its own mean, and the noise of all together is that of one times the root of their number. */
static void test_columns(void **state)
{
    workers *w = *state;
    const sy_shard shard = {w->bob, "line"};
    sy_ledger *ledger = ledger_of(w, w->bob_serving, NULL);
    const sy_serve_options options = noisy_answers(ledger, &plenty);
    sy_query_options o = with_noise(LITTLE);
    double means[2], one = 0, deviations[2];
    float x[64][2], y[64][1];
    int64_t classes[64];
    serve(w, w->bob_serving, "line", 0, ROWS, false, &options);
    sy_ledger_unref(ledger);
    make_rows(0, ROWS, x, y, classes);
    double sums[2] = {0};
    for (int k = 0; k < ROWS; k++) {
        sums[0] += (double)x[k][0];
        sums[1] += (double)x[k][1];
    }
    assert_ok(sy_shard_mean(&shard, &o, -1, 1, means, 2, &deviations[0], &w->err), &w->err);
    assert_true(fabs(means[0] - sums[0] / ROWS) < 1e-3 && fabs(means[1] - sums[1] / ROWS) < 1e-3);
    o.column = 1;
    assert_ok(sy_shard_mean(&shard, &o, -1, 1, &one, 1, &deviations[1], &w->err), &w->err);
    assert_true(fabs(one - means[1]) < 1e-3);
    assert_true(fabs(deviations[0] - sqrt(2) * deviations[1]) < 1e-12);
    /* other numbers of columns are found out before anything is paid */
    const uint64_t charges = spent_by_me(w, &shard).charges;
    assert_status(sy_shard_mean(&shard, &o, -1, 1, means, 2, NULL, &w->err), SY_ESHAPE, &w->err);
    o.column = -1;
    assert_status(sy_shard_mean(&shard, &o, -1, 1, means, 1, NULL, &w->err), SY_ESHAPE, &w->err);
    assert_status(sy_shard_histogram(&shard, &o, (double[]){0, 1}, 1, &(int64_t){0}, NULL, &w->err),
                  SY_ESHAPE, &w->err);
    o.column = 2;
    assert_status(sy_shard_mean(&shard, &o, -1, 1, means, 1, NULL, &w->err), SY_ESHAPE, &w->err);
    assert_int_equal(spent_by_me(w, &shard).charges, charges);
}

/* The noise that is drawn is the noise that is paid for: its deviation over many bins that nobody is in. */
static void test_amount_of_noise(void **state)
{
    enum { BINS = 4000 };
    static double edges[BINS + 1];
    static int64_t counts[BINS];
    workers *w = *state;
    static const float zeros[4] = {0};
    const sy_shard shard = {w->bob, "n"};
    sy_ledger *ledger = ledger_of(w, w->bob_serving, NULL);
    const sy_serve_options options = noisy_answers(ledger, &plenty);
    sy_query_options o = with_noise(30);
    serve_numbers(w, "n", 4, zeros, zeros, &options);
    sy_ledger_unref(ledger);
    for (int k = 0; k <= BINS; k++) {
        edges[k] = 1 + k;
    }
    for (int kind = SY_NOISE_GAUSSIAN; kind <= SY_NOISE_LAPLACE; kind++) {
        double square = 0, deviation = 0;
        o.noise = (sy_noise_kind)kind;
        assert_ok(sy_shard_histogram(&shard, &o, edges, BINS, counts, &deviation, &w->err),
                  &w->err);
        for (int k = 0; k < BINS; k++) {
            square += (double)(counts[k] * counts[k]);
        }
        assert_true(fabs(deviation - (kind == SY_NOISE_GAUSSIAN ? 30 : 30 * sqrt(2))) < 1e-9);
        /* the deviation of a mean of squares is sqrt(2 / BINS) of it for Gaussian noise, sqrt(5 / BINS) for Laplace: six of these */
        assert_true(fabs(square / BINS / (deviation * deviation) - 1) < 6 * sqrt(5.0 / BINS));
    }
}

/* --- budgets ------------------------------------------------------------------------------------------ */

/* One answer costs epsilon 0.5 by pure noise: two fit into 1, the third does not, and others begin with their own. */
static void test_budget(void **state)
{
    workers *w = *state;
    static const float rows[] = {1, 2, 3, 4};
    const sy_budget one = {sizeof one, 1, 1e-300, 1.5};
    const sy_shard shard = {w->bob, "n"};
    sy_ledger *ledger = ledger_of(w, w->bob_serving, NULL);
    const sy_serve_options options = noisy_answers(ledger, &one);
    sy_query_options o = with_noise(2);
    sy_budget told;
    sy_spending spending;
    double mean = 0;
    o.noise = SY_NOISE_LAPLACE;
    serve_numbers(w, "n", 4, rows, rows, &options);
    for (int k = 0; k < 2; k++) {
        assert_ok(sy_shard_mean(&shard, &o, 0, 5, &mean, 1, NULL, &w->err), &w->err);
    }
    mean = 77;
    assert_fails(w, sy_shard_mean(&shard, &o, 0, 5, &mean, 1, NULL, &w->err), SY_EPERM, "dataset n",
                 "would make it 1.5");
    assert_true(mean == 77);
    assert_ok(sy_shard_get_budget(&shard, &told, &spending, &w->err), &w->err);
    assert_true(told.epsilon == 1 && told.delta == 1e-300 && told.epsilon_all == 0);
    assert_true(spending.epsilon == 1);
    assert_int_equal(spending.charges, 2);
    /* the owner's book has another caller, who has spent half a unit: nothing is left for all together */
    sy_charge half = SY_CHARGE_INIT;
    half.kind = SY_NOISE_LAPLACE;
    half.noise_multiplier = 2;
    assert_ok(sy_ledger_charge(ledger, "n", "another", &half, &one, &w->err), &w->err);
    assert_fails(w, sy_ledger_charge(ledger, "n", "a third", &half, &one, &w->err), SY_EPERM,
                 "all callers together", "");
    sy_ledger_unref(ledger);
}

/* A line is in the file when the answer is here; without a disk there is no answer; a new worker knows what the old one allowed. */
static void test_file(void **state)
{
    workers *w = *state;
    static const float rows[] = {1, 2, 3, 4};
    const sy_budget one = {sizeof one, 1, 1e-300, 0};
    const sy_shard shard = {w->bob, "n"};
    test_folder folder = {.count = 0};
    struct stat before, after;
    struct rlimit usual, small;
    double mean = 0;
    sy_query_options o = with_noise(2);
    o.noise = SY_NOISE_LAPLACE;
    assert_true(test_folder_make(&folder));
    const char *path = test_folder_path(&folder, "spent");
    sy_ledger *ledger = ledger_of(w, w->bob_serving, path);
    sy_serve_options options = noisy_answers(ledger, &one);
    serve_numbers(w, "n", 4, rows, rows, &options);
    sy_ledger_unref(ledger);
    assert_int_equal(stat(path, &before), 0);
    assert_ok(sy_shard_mean(&shard, &o, 0, 5, &mean, 1, NULL, &w->err), &w->err);
    assert_int_equal(stat(path, &after), 0);
    assert_true(after.st_size > before.st_size);

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
    small = usual;
    small.rlim_cur = (rlim_t)after.st_size;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const sy_status status = sy_shard_mean(&shard, &o, 0, 5, &mean, 1, NULL, &w->err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
    (void)signal(SIGXFSZ, handler);
    assert_status(status, SY_EIO, &w->err);
    assert_int_equal(spent_by_me(w, &shard).charges, 1);

    sy_worker_withdraw_dataset(w->bob_serving, "n");
    workers_settle(w);
    ledger = ledger_of(w, w->bob_serving, path); /* the old one is closed with the dataset */
    options = noisy_answers(ledger, &one);
    serve_numbers(w, "n", 4, rows, rows, &options);
    sy_ledger_unref(ledger);
    assert_true(spent_by_me(w, &shard).epsilon == 0.5);
    assert_ok(sy_shard_mean(&shard, &o, 0, 5, &mean, 1, NULL, &w->err), &w->err);
    assert_status(sy_shard_mean(&shard, &o, 0, 5, &mean, 1, NULL, &w->err), SY_EPERM, &w->err);
    assert_true(test_folder_remove(&folder));
}

static void test_no_budget(void **state)
{
    workers *w = *state;
    static const float rows[] = {1, 2, 3, 4};
    const sy_serve_options none = SY_SERVE_OPTIONS_INIT;
    const sy_shard shard = {w->bob, "n"};
    const sy_query_options o = with_noise(2);
    sy_ledger *ledger = ledger_of(w, w->bob_serving, NULL);
    sy_hook *hook = sy_worker_get_hook(w->bob_serving);
    double mean = 0;
    serve_numbers(w, "n", 4, rows, rows, &none);
    assert_fails(w, sy_shard_mean(&shard, &o, 0, 5, &mean, 1, NULL, &w->err), SY_EPERM, "dataset n",
                 "no budget");
    sy_budget told;
    sy_spending spending;
    assert_ok(sy_shard_get_budget(&shard, &told, &spending, &w->err), &w->err);
    assert_true(told.epsilon == 0 && spending.charges == 0);
    /* a budget that is none, or that nobody keeps */
    const sy_budget wrong = {sizeof wrong, -1, 1e-6, 0};
    sy_serve_options bad = noisy_answers(ledger, &wrong), other = noisy_answers(NULL, &plenty);
    sy_tensor *x = tensor_at(w, hook, SY_DTYPE_F32, 2, (int64_t[]){4, 1}, rows);
    assert_status(sy_worker_serve_dataset(w->bob_serving, "m", x, x, &bad, &w->err), SY_EINVAL,
                  &w->err);
    assert_status(sy_worker_serve_dataset(w->bob_serving, "m", x, x, &other, &w->err), SY_EINVAL,
                  &w->err);
    sy_tensor_unref(x);
    sy_ledger_unref(ledger);
}

static void test_bad_queries(void **state)
{
    workers *w = *state;
    static const float rows[] = {1, 2, 3, 4};
    static const double wrong[] = {0, -1, NAN, INFINITY, 1e9};
    const sy_shard shard = {w->bob, "n"}, absent = {w->bob, "other"};
    sy_ledger *ledger = ledger_of(w, w->bob_serving, NULL);
    const sy_serve_options options = noisy_answers(ledger, &plenty);
    sy_query_options o = with_noise(2);
    double mean = 0;
    int64_t counts[2];
    serve_numbers(w, "n", 4, rows, rows, &options);
    serve_numbers(w, "empty", 0, rows, rows, &options);
    sy_ledger_unref(ledger);
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        const sy_query_options bad = with_noise(wrong[k]);
        assert_status(sy_shard_mean(&shard, &bad, 0, 5, &mean, 1, NULL, &w->err), SY_EINVAL,
                      &w->err);
    }
    assert_status(sy_shard_mean(&shard, NULL, 0, 5, &mean, 1, NULL, &w->err), SY_EINVAL, &w->err);
    assert_status(sy_shard_mean(&shard, &o, 5, 5, &mean, 1, NULL, &w->err), SY_EINVAL, &w->err);
    assert_status(sy_shard_mean(&shard, &o, 0, NAN, &mean, 1, NULL, &w->err), SY_EINVAL, &w->err);
    assert_status(sy_shard_mean(&absent, &o, 0, 5, &mean, 1, NULL, &w->err), SY_ENOTFOUND, &w->err);
    const sy_shard empty = {w->bob, "empty"};
    assert_fails(w, sy_shard_mean(&empty, &o, 0, 5, &mean, 1, NULL, &w->err), SY_ERANGE,
                 "dataset empty", "no rows");
    assert_status(sy_shard_histogram(&shard, &o, (double[]){1, 0, 2}, 2, counts, NULL, &w->err),
                  SY_EINVAL, &w->err);
    assert_status(sy_shard_histogram(&shard, &o, (double[]){0, NAN, 2}, 2, counts, NULL, &w->err),
                  SY_EINVAL, &w->err);
    assert_status(sy_shard_histogram(&shard, &o, (double[]){0, 1}, 0, counts, NULL, &w->err),
                  SY_EINVAL, &w->err);
    assert_int_equal(spent_by_me(w, &shard).charges, 0);
}

/* --- training ------------------------------------------------------------------------------------------ */

static sy_fit_options private_fit(double clip, int64_t batch, int64_t steps)
{
    sy_fit_options o = SY_FIT_OPTIONS_INIT;
    o.batch_size = batch;
    o.max_batches = steps;
    o.epochs = steps;
    o.noise_multiplier = LITTLE;
    o.clip = clip;
    return o;
}

/* Gradient descent on all rows, each of whose steps is clipped, in double. */
static void descend_clipped(double weights[3], const float x[][2], const float y[][1], int count,
                            double clip, int steps)
{
    for (int step = 0; step < steps; step++) {
        double sum[3] = {0};
        for (int k = 0; k < count; k++) {
            const double off = weights[0] * (double)x[k][0] + weights[1] * (double)x[k][1] +
                               weights[2] - (double)y[k][0];
            const double change[3] = {-0.25 * 2 * off * (double)x[k][0],
                                      -0.25 * 2 * off * (double)x[k][1], -0.25 * 2 * off};
            const double norm =
                sqrt(change[0] * change[0] + change[1] * change[1] + change[2] * change[2]);
            for (int i = 0; i < 3; i++) {
                sum[i] += norm > clip ? change[i] * clip / norm : change[i];
            }
        }
        for (int i = 0; i < 3; i++) {
            weights[i] += sum[i] / count;
        }
    }
}

static void assert_near(const scene *c, const double expected[3], double tolerance)
{
    float weights[3];
    read_model(c, weights);
    for (int i = 0; i < 3; i++) {
        if (!(fabs((double)weights[i] - expected[i]) < tolerance)) {
            print_error("parameter %d: %.9g, expected %.9g\n", i, (double)weights[i], expected[i]);
            fail();
        }
    }
}

static void test_fit(void **state)
{
    enum { STEPS = 20 };
    workers *w = *state;
    scene c = scene_of(w);
    const sy_shard shard = {w->bob, "line"};
    sy_ledger *ledger = ledger_of(w, w->bob_serving, NULL);
    const sy_serve_options options = noisy_answers(ledger, &plenty);
    float x[64][2], y[64][1];
    int64_t classes[64];
    sy_fit_result result;
    serve(w, w->bob_serving, "line", 0, ROWS, false, &options);
    sy_ledger_unref(ledger);
    make_rows(0, ROWS, x, y, classes);
    for (int clipped = 0; clipped < 2; clipped++) {
        const double clip = clipped ? 0.1 : 1e3;
        sy_fit_options o = private_fit(clip, ROWS, STEPS);
        double expected[3];
        write_model(&c, c.weights);
        begin_from(&c, expected);
        descend_clipped(expected, x, y, ROWS, clip, STEPS);
        assert_ok(sy_trainer_fit(c.trainer, &shard, &o, &result, &w->err), &w->err);
        assert_near(&c, expected,
                    clipped ? 1e-5 : 2e-2 /* of which noise is 4e-3 * sqrt(20) / 12 */);
        assert_int_equal(result.batches, STEPS);
        assert_int_equal(result.rows, ROWS);
        assert_true(isnan(result.loss));
    }
    /* steps and what they cost */
    const uint64_t before = spent_by_me(w, &shard).charges;
    sy_fit_options o = SY_FIT_OPTIONS_INIT;
    o.batch_size = 5;
    o.epochs = 2;
    o.noise_multiplier = 1;
    o.clip = 1;
    assert_ok(sy_trainer_fit(c.trainer, &shard, &o, &result, &w->err), &w->err);
    assert_int_equal(result.batches, 5); /* 24 / 5 */
    assert_int_equal(spent_by_me(w, &shard).charges, before + 1);
    scene_close(&c);
}

/* A dataset whose fourth row is given, among others that are always the same; one step on all of them; the model then. */
static void learn_with(workers *w, scene *c, const float row[2], float target, double clip,
                       float weights[3])
{
    sy_hook *hook = sy_worker_get_hook(w->bob_serving);
    const sy_shard shard = {w->bob, "mine"};
    const sy_fit_options o = private_fit(clip, 6, 1);
    float x[64][2], y[64][1];
    int64_t classes[64];
    make_rows(0, 6, x, y, classes);
    memcpy(x[3], row, sizeof x[3]);
    y[3][0] = target;
    sy_ledger *ledger = ledger_of(w, w->bob_serving, NULL);
    const sy_serve_options options = noisy_answers(ledger, &plenty);
    sy_tensor *data = tensor_at(w, hook, SY_DTYPE_F32, 2, (int64_t[]){6, 2}, x),
              *targets = tensor_at(w, hook, SY_DTYPE_F32, 2, (int64_t[]){6, 1}, y);
    assert_ok(sy_worker_serve_dataset(w->bob_serving, "mine", data, targets, &options, &w->err),
              &w->err);
    sy_tensor_unref(data);
    sy_tensor_unref(targets);
    sy_ledger_unref(ledger);
    write_model(c, c->weights);
    assert_ok(sy_trainer_fit(c->trainer, &shard, &o, NULL, &w->err), &w->err);
    read_model(c, weights);
    sy_worker_withdraw_dataset(w->bob_serving, "mine");
    workers_settle(w);
}

/* Whatever one row is, it moves the model by clip / batch at most from where it is without it. */
static void test_one_row(void **state)
{
    static const float rows[][3] = {{1e30f, -1e30f, 5},        {NAN, 0, 0}, {0, 0, INFINITY},
                                    {-4000, 3000, 1e20f},      {0, 0, 0},   {1e-30f, 1, -3},
                                    {INFINITY, -INFINITY, NAN}};
    const double clip = 0.05;
    workers *w = *state;
    scene c = scene_of(w);
    float without[3], with[3];
    learn_with(w, &c, (float[]){NAN, NAN}, NAN, clip, without); /* counts for nothing */
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        learn_with(w, &c, rows[k], rows[k][2], clip, with);
        double square = 0;
        for (int i = 0; i < 3; i++) {
            square +=
                ((double)with[i] - (double)without[i]) * ((double)with[i] - (double)without[i]);
        }
        assert_true(sqrt(square) < clip / 6 + 1e-6);
    }
    scene_close(&c);
}

/* A loss that is made to carry a row out. */
static sy_tensor *carry(sy_scope *s, sy_tensor *output, sy_tensor *target)
{
    return sy_mul_scalar(s, sy_mean(s, sy_mul(s, output, target)), 1e9);
}

static void test_curious_client(void **state)
{
    const double clip = 0.01;
    workers *w = *state;
    scene c = scene_with(w, carry);
    float without[3], with[3];
    learn_with(w, &c, (float[]){NAN, NAN}, NAN, clip, without);
    learn_with(w, &c, (float[]){3, 4}, 1000, clip, with);
    double square = 0;
    for (int i = 0; i < 3; i++) {
        square += ((double)with[i] - (double)without[i]) * ((double)with[i] - (double)without[i]);
    }
    assert_true(sqrt(square) < clip / 6 + 1e-6 && sqrt(square) > clip / 7);
    scene_close(&c);
}

/* State of an optimizer would take one row's step into the next one's: it begins anew each time. */
static void test_momentum_begins_anew(void **state)
{
    enum { STEPS = 5 };
    workers *w = *state;
    const sy_plan_shape input = {SY_DTYPE_F32, 2, {-1, 2}}, target = {SY_DTYPE_F32, 2, {-1, 1}};
    const sy_shard shard = {w->bob, "line"};
    scene c = scene_of(w);
    sy_sgd_options sgd = SY_SGD_OPTIONS_INIT;
    sgd.lr = 0.25;
    sgd.momentum = 0.9;
    const sy_training_options training = training_of(&sgd, sy_mse_loss);
    sy_ledger *ledger = ledger_of(w, w->bob_serving, NULL);
    const sy_serve_options options = noisy_answers(ledger, &plenty);
    const sy_fit_options o = private_fit(0.1, ROWS, STEPS);
    float x[64][2], y[64][1];
    int64_t classes[64];
    double expected[3];
    sy_trainer_free(c.trainer);
    assert_ok(sy_trainer_new(&c.trainer, c.module, &input, &target, &training, &w->err), &w->err);
    serve(w, w->bob_serving, "line", 0, ROWS, false, &options);
    sy_ledger_unref(ledger);
    make_rows(0, ROWS, x, y, classes);
    begin_from(&c, expected);
    descend_clipped(expected, x, y, ROWS, 0.1, STEPS);
    assert_ok(sy_trainer_fit(c.trainer, &shard, &o, NULL, &w->err), &w->err);
    assert_near(&c, expected, 1e-5);
    scene_close(&c);
}

/* With a budget alone, nothing leaves without noise; and what the budget does not pay for leaves the model as it was. */
static void test_refused(void **state)
{
    workers *w = *state;
    scene c = scene_of(w);
    const sy_shard shard = {w->bob, "line"};
    const sy_budget one = {sizeof one, 1, 1e-6, 0};
    sy_ledger *ledger = ledger_of(w, w->bob_serving, NULL);
    const sy_serve_options options = noisy_answers(ledger, &one);
    sy_evaluation e = {0};
    double expected[3];
    sy_fit_options o = SY_FIT_OPTIONS_INIT;
    serve(w, w->bob_serving, "line", 0, ROWS, false, &options);
    sy_ledger_unref(ledger);
    begin_from(&c, expected);
    assert_fails(w, sy_trainer_fit(c.trainer, &shard, &o, NULL, &w->err), SY_EPERM, "dataset line",
                 "without noise");
    assert_fails(w, sy_trainer_evaluate(c.trainer, &shard, 0, &e, &w->err), SY_EPERM,
                 "dataset line", "without noise");
    o.noise_multiplier = 0.3;
    o.clip = 1;
    assert_fails(w, sy_trainer_fit(c.trainer, &shard, &o, NULL, &w->err), SY_EPERM, "dataset line",
                 "budget of caller");
    assert_fails(w, sy_trainer_evaluate_with_noise(c.trainer, &shard, 0.5, 10, &e, &w->err),
                 SY_EPERM, "dataset line", "budget of caller");
    assert_model(&c, expected);
    assert_int_equal(spent_by_me(w, &shard).charges, 0);
    o.noise_multiplier = 20;
    assert_ok(sy_trainer_fit(c.trainer, &shard, &o, NULL, &w->err), &w->err);
    scene_close(&c);
}

/* What cannot be is said before anything is paid. */
static void test_bad_fits(void **state)
{
    workers *w = *state;
    scene c = scene_of(w);
    const sy_shard shard = {w->bob, "line"}, classes = {w->bob, "classes"};
    sy_ledger *ledger = ledger_of(w, w->bob_serving, NULL);
    const sy_serve_options options = noisy_answers(ledger, &plenty);
    sy_evaluation e = {0};
    serve(w, w->bob_serving, "line", 0, ROWS, false, &options);
    serve(w, w->bob_serving, "classes", 0, ROWS, true, &options);
    sy_ledger_unref(ledger);
    static const double wrong[][3] = {{-1, 1, 0}, {NAN, 1, 0}, {1, 0, 0},
                                      {1, -1, 0}, {1, NAN, 0}, {1, 1, 0.5}};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        sy_fit_options o = SY_FIT_OPTIONS_INIT;
        o.noise_multiplier = wrong[k][0];
        o.clip = wrong[k][1];
        o.proximal = wrong[k][2];
        assert_status(sy_trainer_fit(c.trainer, &shard, &o, NULL, &w->err), SY_EINVAL, &w->err);
    }
    sy_fit_options o = SY_FIT_OPTIONS_INIT;
    o.noise_multiplier = 1;
    o.clip = 1;
    assert_fails(w, sy_trainer_fit(c.trainer, &classes, &o, NULL, &w->err), SY_EDTYPE,
                 "dataset classes", "targets are");
    o.max_batches = 0;
    assert_status(sy_trainer_fit(c.trainer, &shard, &o, NULL, &w->err), SY_ELIMIT, &w->err);
    assert_status(sy_trainer_evaluate_with_noise(c.trainer, &shard, 1, 0, &e, &w->err), SY_EINVAL,
                  &w->err);
    assert_int_equal(spent_by_me(w, &shard).charges, 0);
    assert_int_equal(spent_by_me(w, &classes).charges, 0);
    scene_close(&c);
}

static void test_evaluate(void **state)
{
    workers *w = *state;
    const sy_plan_shape input = {SY_DTYPE_F32, 2, {-1, 2}}, target = {SY_DTYPE_I64, 1, {-1}};
    const sy_shard shard = {w->bob, "classes"};
    sy_sgd_options sgd = SY_SGD_OPTIONS_INIT;
    const sy_training_options training = training_of(&sgd, sy_cross_entropy);
    sy_ledger *ledger = ledger_of(w, w->bob_serving, NULL);
    sy_serve_options options = noisy_answers(ledger, &plenty);
    sy_module *module = NULL;
    sy_trainer *trainer = NULL;
    sy_evaluation plain = {0}, noisy = {0};
    options.release_rows = 1;
    serve(w, w->bob_serving, "classes", 0, ROWS, true, &options);
    sy_ledger_unref(ledger);
    sy_hook_manual_seed(w->hook, 5);
    assert_ok(sy_module_new_linear(w->hook, &module, 2, 2, true, &w->err), &w->err);
    assert_ok(sy_trainer_new(&trainer, module, &input, &target, &training, &w->err), &w->err);
    assert_ok(sy_trainer_evaluate(trainer, &shard, 0, &plain, &w->err), &w->err);
    assert_ok(sy_trainer_evaluate_with_noise(trainer, &shard, LITTLE, 20, &noisy, &w->err),
              &w->err);
    assert_int_equal(noisy.rows, ROWS);
    assert_int_equal(noisy.right, plain.right);
    assert_true(fabs(noisy.loss - plain.loss) < 1e-3);
    /* each loss is cut */
    assert_ok(sy_trainer_evaluate_with_noise(trainer, &shard, LITTLE, 1e-3, &noisy, &w->err),
              &w->err);
    assert_true(fabs(noisy.loss - 1e-3) < 1e-5);
    /* what noise makes impossible is not told */
    for (int k = 0; k < 10; k++) {
        assert_ok(sy_trainer_evaluate_with_noise(trainer, &shard, 1000, 1, &noisy, &w->err),
                  &w->err);
        assert_true(noisy.right >= 0 && noisy.right <= ROWS && noisy.loss >= 0 && noisy.loss <= 1);
    }
    sy_trainer_free(trainer);
    sy_module_unref(module);
}

/* Rounds of noisy models, in the open and over shares: each worker pays from its own budget, and one whose budget is spent is left out. */
static void test_rounds(void **state)
{
    workers *w = *state;
    scene c = scene_of(w);
    const sy_shard shards[] = {{w->bob, "line"}, {w->alice, "line"}};
    sy_worker *const holders[] = {w->bob, w->alice};
    const sy_budget little = {sizeof little, 0.01, 1e-6, 0};
    sy_worker *const serving[] = {w->bob_serving, w->alice_serving};
    sy_round_report report;
    sy_shard_report each[2];
    sy_round_options o = SY_ROUND_OPTIONS_INIT;
    for (int k = 0; k < 2; k++) {
        sy_ledger *ledger = ledger_of(w, serving[k], NULL);
        const sy_serve_options options = noisy_answers(ledger, &plenty);
        serve(w, serving[k], "line", 10 * k, ROWS, false, &options);
        const sy_serve_options poor = noisy_answers(ledger, k == 0 ? &plenty : &little);
        serve(w, serving[k], "poor", 10 * k, ROWS, false, &poor);
        sy_ledger_unref(ledger);
    }
    for (int shared = 0; shared < 2; shared++) {
        double expected[3], mine[3];
        float x[64][2], y[64][1];
        int64_t classes[64];
        o.fit = private_fit(0.1, ROWS, 3);
        o.holders = shared ? holders : NULL;
        o.holder_count = shared ? 2 : 0;
        o.aggregate_min = 2;
        o.update_max = shared ? 100 : 0;
        write_model(&c, c.weights);
        memset(expected, 0, sizeof expected);
        for (int k = 0; k < 2; k++) {
            begin_from(&c, mine);
            make_rows(10 * k, ROWS, x, y, classes);
            descend_clipped(mine, x, y, ROWS, 0.1, 3);
            for (int i = 0; i < 3; i++) {
                expected[i] += mine[i] / 2;
            }
        }
        assert_ok(sy_trainer_round(c.trainer, shards, 2, &o, &report, NULL, &w->err), &w->err);
        assert_int_equal(report.counted, 2);
        assert_true(isnan(report.loss));
        assert_near(&c, expected, 1e-5);
    }
    const sy_shard poor[] = {{w->bob, "poor"}, {w->alice, "poor"}};
    o.holder_count = 0;
    o.fit.noise_multiplier = 1;
    assert_ok(sy_trainer_round(c.trainer, poor, 2, &o, &report, each, &w->err), &w->err);
    assert_int_equal(report.counted, 1);
    assert_true(each[0].counted && !each[1].counted);
    assert_int_equal(each[1].why.status, SY_EPERM);
    assert_non_null(strstr(each[1].why.message, "budget of caller"));
    scene_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_queries),
        WORKER_KINDS(test_columns),
        LIBRARY_WORKER_KINDS(test_amount_of_noise),
        WORKER_KINDS(test_budget),
        WORKER_KINDS(test_file),
        WORKER_KINDS(test_no_budget),
        WORKER_KINDS(test_bad_queries),
        WORKER_KINDS(test_fit),
        WORKER_KINDS(test_one_row),
        WORKER_KINDS(test_curious_client),
        WORKER_KINDS(test_momentum_begins_anew),
        WORKER_KINDS(test_refused),
        WORKER_KINDS(test_bad_fits),
        WORKER_KINDS(test_evaluate),
        LIBRARY_WORKER_KINDS(test_rounds),
    };
    return workers_run(tests);
}
