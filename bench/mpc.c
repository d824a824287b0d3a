/*
 * mpc.c - secret sharing: two holders and a provider, processes of their own on loopback over tcp. Operands are fresh in every
 * operation, so that nothing is opened already; `ahead` scenarios have their material made before the clock starts, and the
 * time for that is told apart. Rounds and bytes are those of the first holder, and must be what the protocol needs.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <csyft/sharing.h>

#include "measure.h"
#include "processes.h"

enum { PARTIES = 3, HOLDERS = 2, BATCH = 32 };

/* A scenario's operation: shapes of its factors, and what it costs. */
typedef struct work {
    const char *op; /* row; "linear": a plan of one layer */
    int x_ndim, y_ndim;
    int64_t x_shape[4], y_shape[4];
    uint64_t x_size, y_size, z_size;
} work;

typedef struct parties {
    const bench *b;
    const bench_scenario *scenario;
    cli_session session;
    bench_process processes[PARTIES];
    sy_worker *workers[PARTIES]; /* the provider is the last one */
    work work;
    sy_tensor *x, *y; /* plain */
    sy_tensor *shared_x, *shared_y;
    sy_tensor *fresh[2][64]; /* operands of the next operations */
    double offline;          /* seconds per operation, of the last sample */
} parties;

static uint64_t product_of(int ndim, const int64_t *shape)
{
    uint64_t count = 1;
    for (int d = 0; d < ndim; d++) {
        count *= (uint64_t)shape[d];
    }
    return count;
}

static work work_of(const bench_scenario *scenario)
{
    const int64_t n = (int64_t)scenario->size;
    work w = {.op = scenario->op, .x_ndim = 1, .y_ndim = 1, .x_shape = {n}, .y_shape = {n}};
    if (strcmp(scenario->op, "matmul") == 0) {
        w = (work){scenario->op, 2, 2, {n, n}, {n, n}, 0, 0, 0};
    } else if (strcmp(scenario->op, "conv2d") == 0) { /* SecureNN's first layer of net B */
        w = (work){scenario->op, 4, 4, {n, 1, 28, 28}, {16, 1, 5, 5}, 0, 0, 0};
    }
    w.x_size = product_of(w.x_ndim, w.x_shape);
    w.y_size = product_of(w.y_ndim, w.y_shape);
    w.z_size = strcmp(w.op, "conv2d") == 0 ? (uint64_t)n * 16 * 24 * 24 : w.x_size;
    return w;
}

/* Setting up */

static sy_status connect_all(parties *p, sy_error *err)
{
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    options.spin_us = p->scenario->spin_us;
    for (int k = 0; k < PARTIES; k++) {
        const sy_status status =
            sy_worker_connect(p->session.hook, &p->workers[k], p->processes[k].url, &options, err);
        if (status != SY_OK) {
            return status;
        }
    }
    return SY_OK;
}

/* Reals of magnitudes up to 4, or whole numbers. */
static sy_tensor *drawn(const parties *p, sy_scope *s, int ndim, const int64_t *shape)
{
    return p->scenario->fixed
               ? sy_sub_scalar(s, sy_mul_scalar(s, sy_rand(s, SY_DTYPE_F32, ndim, shape), 8), 4)
               : sy_randint(s, -1000, 1000, ndim, shape);
}

static sy_status share(const parties *p, sy_tensor *plain, sy_tensor **shared, sy_error *err)
{
    sy_tensor *fixed = NULL;
    if (!p->scenario->fixed) {
        return sy_tensor_share(plain, shared, p->workers, HOLDERS, p->workers[HOLDERS], err);
    }
    sy_status status = sy_tensor_fix_precision(plain, &fixed, NULL, err);
    if (status == SY_OK) {
        status = sy_tensor_share(fixed, shared, p->workers, HOLDERS, p->workers[HOLDERS], err);
    }
    sy_tensor_unref(fixed);
    return status;
}

static sy_status open_values(parties *p, sy_error *err)
{
    sy_scope *s = sy_scope_begin(p->session.hook);
    p->x = sy_scope_keep(s, drawn(p, s, p->work.x_ndim, p->work.x_shape));
    p->y = sy_scope_keep(s, drawn(p, s, p->work.y_ndim, p->work.y_shape));
    sy_status status = sy_scope_end(s, err);
    status = status == SY_OK ? share(p, p->x, &p->shared_x, err) : status;
    return status == SY_OK ? share(p, p->y, &p->shared_y, err) : status;
}

static void drop_fresh(parties *p)
{
    for (int side = 0; side < 2; side++) {
        for (size_t k = 0; k < 64; k++) {
            sy_tensor_unref(p->fresh[side][k]);
            p->fresh[side][k] = NULL;
        }
    }
}

static void close_all(parties *p)
{
    drop_fresh(p);
    sy_tensor_unref(p->x);
    sy_tensor_unref(p->y);
    sy_tensor_unref(p->shared_x);
    sy_tensor_unref(p->shared_y);
    cli_session_close(&p->session);
    for (int k = 0; k < PARTIES; k++) {
        bench_stop(&p->processes[k]);
    }
}

static int open_all(parties *p)
{
    static const char *const ids[] = {"alice", "bob", "crypto"};
    const cli_session_options options = {0};
    sy_error err = SY_ERROR_INIT;
    int code = cli_session_open(&p->session, p->b->verb, &options);
    for (int k = 0; k < PARTIES && code == CLI_OK; k++) {
        code =
            bench_start_worker_named(p->b, &p->processes[k], "tcp", p->scenario->spin_us, ids[k]);
    }
    if (code != CLI_OK) {
        return code;
    }
    sy_status status = connect_all(p, &err);
    status = status == SY_OK ? open_values(p, &err) : status;
    return status == SY_OK ? CLI_OK : cli_report(p->b->verb, &err);
}

/* The operation */

static sy_tensor *operate(const parties *p, sy_scope *s, sy_tensor *x, sy_tensor *y)
{
    if (strcmp(p->work.op, "mul") == 0) {
        return sy_mul(s, x, y);
    }
    if (strcmp(p->work.op, "matmul") == 0) {
        return sy_matmul(s, x, y);
    }
    const sy_value args[] = {sy_value_tensor(x), sy_value_tensor(y)};
    return sy_scope_call(s, p->work.op, args, 2);
}

static sy_status copy_operands(parties *p, size_t count, sy_error *err)
{
    sy_scope *s = sy_scope_begin(p->session.hook);
    drop_fresh(p);
    for (size_t k = 0; k < count; k++) {
        p->fresh[0][k] = sy_scope_keep(s, sy_clone(s, p->shared_x));
        p->fresh[1][k] = sy_scope_keep(s, sy_clone(s, p->shared_y));
    }
    return sy_scope_end(s, err);
}

/* What one operation takes of the crypto store. */
static sy_status provide(parties *p, size_t count, sy_error *err)
{
    const work *w = &p->work;
    sy_primitive triple = SY_PRIMITIVE_INIT, division = SY_PRIMITIVE_INIT;
    const int64_t z[] = {(int64_t)w->z_size};
    triple.op = w->op;
    triple.a_ndim = w->x_ndim;
    triple.a_shape = w->x_shape;
    triple.b_ndim = w->y_ndim;
    triple.b_shape = w->y_shape;
    division.op = "division";
    division.a_ndim = 1;
    division.a_shape = z;
    division.divisor = 1000;
    const double start = bench_clock();
    sy_status status =
        sy_provide_primitives(&triple, count, p->workers, HOLDERS, p->workers[HOLDERS], err);
    if (status == SY_OK && p->scenario->fixed) {
        status =
            sy_provide_primitives(&division, count, p->workers, HOLDERS, p->workers[HOLDERS], err);
    }
    p->offline = (bench_clock() - start) / (double)count;
    return status;
}

static int run_shared(void *state, size_t count, double *seconds)
{
    parties *p = state;
    sy_error err = SY_ERROR_INIT;
    sy_status status = SY_OK;
    *seconds = 0;
    for (size_t done = 0; done < count && status == SY_OK;) {
        const size_t some = count - done < BATCH ? count - done : BATCH;
        status = copy_operands(p, some, &err);
        if (status == SY_OK && p->scenario->ahead) {
            status = provide(p, some, &err);
        }
        const double start = bench_clock();
        for (size_t k = 0; k < some && status == SY_OK; k++) {
            sy_scope *s = sy_scope_begin(p->session.hook);
            (void)operate(p, s, p->fresh[0][k], p->fresh[1][k]);
            status = sy_scope_end(s, &err);
        }
        *seconds += bench_clock() - start;
        done += some;
    }
    return status == SY_OK ? CLI_OK : cli_report(p->b->verb, &err);
}

/* The same on plain numbers, here. */
static int run_plain(void *state, size_t count, double *seconds)
{
    parties *p = state;
    sy_error err = SY_ERROR_INIT;
    sy_status status = SY_OK;
    const double start = bench_clock();
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        sy_scope *s = sy_scope_begin(p->session.hook);
        (void)operate(p, s, p->x, p->y);
        status = sy_scope_end(s, &err);
    }
    *seconds = bench_clock() - start;
    return status == SY_OK ? CLI_OK : cli_report(p->b->verb, &err);
}

/* The checks */

/* Equal for whole numbers. Fixed precision: each factor is off by less than a unit of 0.001, times the other's magnitude, per
 * term; and the result by less than 1 more. */
static sy_status compare(parties *p, bool *right, sy_error *err)
{
    sy_scope *s = sy_scope_begin(p->session.hook);
    sy_tensor *shared = sy_scope_keep(s, operate(p, s, p->shared_x, p->shared_y)), *got = NULL;
    sy_tensor *plain = operate(p, s, p->x, p->y);
    sy_status status = SY_OK;
    double largest = 0;
    if (shared != NULL) {
        status = sy_tensor_get(shared, &got, err);
        if (status == SY_OK && p->scenario->fixed) {
            sy_tensor *reals = NULL;
            status = sy_tensor_float_precision(got, &reals, err);
            sy_tensor_unref(got);
            got = reals;
        }
    }
    if (status == SY_OK && got != NULL) {
        sy_tensor *off =
            sy_abs(s, sy_sub(s, sy_to(s, got, SY_DTYPE_F64), sy_to(s, plain, SY_DTYPE_F64)));
        off = sy_max(s, off);
        status = off != NULL ? sy_tensor_item(off, &largest, err) : SY_OK;
    }
    const sy_status ended = sy_scope_end(s, status == SY_OK ? err : NULL);
    sy_tensor_unref(shared);
    sy_tensor_unref(got);
    status = status == SY_OK ? ended : status;
    const double terms = strcmp(p->work.op, "matmul") == 0   ? (double)p->scenario->size
                         : strcmp(p->work.op, "conv2d") == 0 ? 25
                                                             : 1;
    *right = status == SY_OK && largest <= (p->scenario->fixed ? 0.001 * (8 * terms + 2) : 0);
    return status;
}

/* What one fresh operation costs the first holder, and whether that is what it must cost. */
static sy_status count_cost(parties *p, bench_result *result, sy_error *err)
{
    sy_sharing_cost before, after;
    const work *w = &p->work;
    sy_status status = copy_operands(p, 1, err);
    status = status == SY_OK
                 ? sy_sharing_get_cost(p->workers, HOLDERS, p->workers[HOLDERS], 0, &before, err)
                 : status;
    sy_scope *s = sy_scope_begin(p->session.hook);
    (void)operate(p, s, p->fresh[0][0], p->fresh[1][0]);
    const sy_status ended = sy_scope_end(s, status == SY_OK ? err : NULL);
    status = status == SY_OK ? ended : status;
    status = status == SY_OK
                 ? sy_sharing_get_cost(p->workers, HOLDERS, p->workers[HOLDERS], 0, &after, err)
                 : status;
    if (status != SY_OK) {
        return status;
    }
    const uint64_t sent = after.bytes_sent - before.bytes_sent;
    const uint64_t must = 8 * (w->x_size + w->y_size + (p->scenario->fixed ? w->z_size : 0));
    result->rounds = (double)(after.rounds - before.rounds);
    result->bytes = sent + after.bytes_received - before.bytes_received;
    result->dealt = after.bytes_dealt - before.bytes_dealt;
    result->check = result->check && sent == must && result->rounds == (p->scenario->fixed ? 2 : 1);
    return SY_OK;
}

int bench_run_mpc(const bench *b, const bench_scenario *scenario, bench_result *result)
{
    parties p = {.b = b, .scenario = scenario, .work = work_of(scenario)};
    sy_error err = SY_ERROR_INIT;
    int code = open_all(&p);
    if (code == CLI_OK) {
        sy_status status = compare(&p, &result->check, &err);
        status = status == SY_OK ? count_cost(&p, result, &err) : status;
        code = status == SY_OK ? CLI_OK : cli_report(b->verb, &err);
    }
    if (code == CLI_OK) {
        code = bench_compare(b, 1e-3, run_shared, &p, run_plain, &p, result);
        result->offline = scenario->ahead ? p.offline * 1e3 : 0;
    }
    close_all(&p);
    return code;
}
