/*
 * mpc_plan.c - a linear layer as a plan with shared weights, at the holders: one message to each of them and one answer. The
 * weights are opened against their mask once, before the clock starts; the rows are fresh in every run.
 */
#include <math.h>

#include "parties.h"

enum { INPUTS = 784, OUTPUTS = 128, BATCH = 16 };

typedef struct layer {
    bench_parties parties;
    const bench_scenario *scenario;
    sy_tensor *weight, *bias, *x, *shared_x;
    sy_tensor *fresh[BATCH];
    sy_plan *plan, *plain;
    sy_pointer_plan *sent;
} layer;

static sy_status forward(sy_plan_frame *frame, sy_scope *scope, void *user, sy_error *err)
{
    const layer *l = user;
    sy_tensor *x = sy_plan_frame_argument(frame, 0);
    return sy_plan_frame_return(frame, sy_linear(scope, x, l->weight, l->bias), err);
}

/* Uniform, of magnitudes below `most`. */
static sy_tensor *drawn(sy_scope *s, int ndim, const int64_t *shape, double most)
{
    sy_tensor *x = sy_mul_scalar(s, sy_rand(s, SY_DTYPE_F32, ndim, shape), 2 * most);
    return sy_scope_keep(s, sy_sub_scalar(s, x, most));
}

static sy_status build(layer *l, sy_error *err)
{
    const sy_plan_shape shape = {SY_DTYPE_F32, 2, {-1, INPUTS}};
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    options.name = "linear";
    options.forward = forward;
    options.user = l;
    sy_hook *hook = l->parties.session.hook;
    sy_scope *s = sy_scope_begin(hook);
    l->weight = drawn(s, 2, (int64_t[]){OUTPUTS, INPUTS}, 0.1);
    l->bias = drawn(s, 1, (int64_t[]){OUTPUTS}, 0.1);
    l->x = drawn(s, 2, (int64_t[]){(int64_t)l->scenario->size, INPUTS}, 1);
    sy_status status = sy_scope_end(s, err);
    status = status == SY_OK ? sy_plan_new(hook, &l->plan, &options, err) : status;
    status = status == SY_OK ? sy_plan_build_shapes(l->plan, &shape, 1, err) : status;
    return status == SY_OK ? sy_plan_copy(l->plan, &l->plain, err) : status;
}

static sy_status share(layer *l, sy_error *err)
{
    bench_parties *p = &l->parties;
    sy_worker *provider = p->workers[BENCH_HOLDERS];
    sy_status status = sy_plan_fix_precision_(l->plan, NULL, err);
    if (status == SY_OK) {
        status = sy_plan_share_(l->plan, p->workers, BENCH_HOLDERS, provider, err);
    }
    if (status == SY_OK) {
        status = sy_plan_send(l->plan, &l->sent, p->workers, BENCH_HOLDERS, false, err);
    }
    return status == SY_OK ? bench_parties_share(p, l->x, true, &l->shared_x, err) : status;
}

static void drop_fresh(layer *l)
{
    for (size_t k = 0; k < BATCH; k++) {
        sy_tensor_unref(l->fresh[k]);
        l->fresh[k] = NULL;
    }
}

static void close_all(layer *l)
{
    drop_fresh(l);
    sy_pointer_plan_unref(l->sent);
    sy_plan_unref(l->plan);
    sy_plan_unref(l->plain);
    sy_tensor_unref(l->shared_x);
    sy_tensor_unref(l->x);
    sy_tensor_unref(l->weight);
    sy_tensor_unref(l->bias);
    bench_parties_close(&l->parties);
}

static sy_status copy_rows(layer *l, size_t count, sy_error *err)
{
    sy_scope *s = sy_scope_begin(l->parties.session.hook);
    drop_fresh(l);
    for (size_t k = 0; k < count; k++) {
        l->fresh[k] = sy_scope_keep(s, sy_clone(s, l->shared_x));
    }
    return sy_scope_end(s, err);
}

static sy_status run_plan(layer *l, size_t k, sy_tensor **y, sy_error *err)
{
    const sy_value argument = sy_value_tensor(l->fresh[k]);
    return sy_pointer_plan_run(l->sent, &argument, 1, NULL, y, 1, NULL, err);
}

static int run_shared(void *state, size_t count, double *seconds)
{
    layer *l = state;
    sy_error err = SY_ERROR_INIT;
    sy_status status = SY_OK;
    *seconds = 0;
    for (size_t done = 0; done < count && status == SY_OK;) {
        const size_t some = count - done < BATCH ? count - done : BATCH;
        status = copy_rows(l, some, &err);
        const double start = bench_clock();
        for (size_t k = 0; k < some && status == SY_OK; k++) {
            sy_tensor *y = NULL;
            status = run_plan(l, k, &y, &err);
            sy_tensor_unref(y);
        }
        *seconds += bench_clock() - start;
        done += some;
    }
    return status == SY_OK ? CLI_OK : cli_report(l->parties.b->verb, &err);
}

static sy_status run_plain(layer *l, sy_tensor **y, sy_error *err)
{
    const sy_value argument = sy_value_tensor(l->x);
    return sy_plan_run(l->plain, &argument, 1, NULL, y, 1, NULL, err);
}

static int run_least(void *state, size_t count, double *seconds)
{
    layer *l = state;
    sy_error err = SY_ERROR_INIT;
    sy_status status = SY_OK;
    const double start = bench_clock();
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        sy_tensor *y = NULL;
        status = run_plain(l, &y, &err);
        sy_tensor_unref(y);
    }
    *seconds = bench_clock() - start;
    return status == SY_OK ? bench_parties_echo(&l->parties, count, seconds)
                           : cli_report(l->parties.b->verb, &err);
}

/* Encoding takes less than a unit of 0.001 off each factor, the division and the bias one each. */
static sy_status compare(layer *l, bool *right, sy_error *err)
{
    sy_tensor *shared = NULL, *plain = NULL;
    double largest = INFINITY;
    sy_status status = copy_rows(l, 1, err);
    status = status == SY_OK ? run_plan(l, 0, &shared, err) : status;
    status = status == SY_OK ? run_plain(l, &plain, err) : status;
    if (status == SY_OK) {
        status = bench_parties_compare(&l->parties, shared, plain, &largest, err);
    }
    sy_tensor_unref(shared);
    sy_tensor_unref(plain);
    *right = status == SY_OK && largest <= 0.001 * (INPUTS * (1 + 0.1 + 0.001) + 2);
    return status;
}

/* Rows less their mask, and the masked products, to divide. */
static int check(layer *l, bench_result *result)
{
    sy_error err = SY_ERROR_INIT;
    sy_sharing_cost before, after;
    sy_tensor *y = NULL;
    sy_status status = build(l, &err);
    status = status == SY_OK ? share(l, &err) : status;
    status = status == SY_OK ? compare(l, &result->check, &err) : status;
    status = status == SY_OK ? copy_rows(l, 1, &err) : status;
    status = status == SY_OK ? bench_parties_cost(&l->parties, &before, &err) : status;
    status = status == SY_OK ? run_plan(l, 0, &y, &err) : status;
    status = status == SY_OK ? bench_parties_cost(&l->parties, &after, &err) : status;
    sy_tensor_unref(y);
    return status == SY_OK ? bench_parties_expect(&l->parties, &before, &after, 2,
                                                  8 * l->scenario->size * (INPUTS + OUTPUTS),
                                                  l->scenario->spin_us, result)
                           : cli_report(l->parties.b->verb, &err);
}

int bench_run_mpc_plan(const bench *b, const bench_scenario *scenario, bench_result *result)
{
    layer l = {.scenario = scenario};
    int code = bench_parties_open(b, &l.parties, scenario->spin_us);
    code = code == CLI_OK ? check(&l, result) : code;
    code = code == CLI_OK ? bench_compare(b, 1e-3, run_shared, &l, run_least, &l, result) : code;
    close_all(&l);
    return code;
}
