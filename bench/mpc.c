/*
 * mpc.c - products of shared values. Operands are fresh in every operation, so that nothing is opened already; `ahead`
 * scenarios have their material made before the clock starts, and the time for that is told apart. Rounds and bytes are
 * those of the first holder, and must be what the protocol needs.
 */
#include <string.h>

#include "parties.h"

enum { BATCH = 32 };

/* A scenario's operation: shapes of its factors, and what it costs. */
typedef struct work {
    const char *op; /* row */
    int x_ndim, y_ndim;
    int64_t x_shape[4], y_shape[4];
    uint64_t x_size, y_size, z_size;
} work;

typedef struct products {
    bench_parties parties;
    const bench_scenario *scenario;
    work work;
    sy_tensor *x, *y; /* plain */
    sy_tensor *shared_x, *shared_y;
    sy_tensor *fresh[2][BATCH]; /* operands of the next operations */
    double offline;             /* seconds per operation, of the last sample */
} products;

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

/* Reals of magnitudes up to 4, or whole numbers. */
static sy_tensor *drawn(const products *p, sy_scope *s, int ndim, const int64_t *shape)
{
    return p->scenario->fixed
               ? sy_sub_scalar(s, sy_mul_scalar(s, sy_rand(s, SY_DTYPE_F32, ndim, shape), 8), 4)
               : sy_randint(s, -1000, 1000, ndim, shape);
}

static sy_status open_values(products *p, sy_error *err)
{
    sy_scope *s = sy_scope_begin(p->parties.session.hook);
    p->x = sy_scope_keep(s, drawn(p, s, p->work.x_ndim, p->work.x_shape));
    p->y = sy_scope_keep(s, drawn(p, s, p->work.y_ndim, p->work.y_shape));
    sy_status status = sy_scope_end(s, err);
    const bool fixed = p->scenario->fixed;
    status =
        status == SY_OK ? bench_parties_share(&p->parties, p->x, fixed, &p->shared_x, err) : status;
    return status == SY_OK ? bench_parties_share(&p->parties, p->y, fixed, &p->shared_y, err)
                           : status;
}

static void drop_fresh(products *p)
{
    for (int side = 0; side < 2; side++) {
        for (size_t k = 0; k < BATCH; k++) {
            sy_tensor_unref(p->fresh[side][k]);
            p->fresh[side][k] = NULL;
        }
    }
}

static void close_all(products *p)
{
    drop_fresh(p);
    sy_tensor_unref(p->x);
    sy_tensor_unref(p->y);
    sy_tensor_unref(p->shared_x);
    sy_tensor_unref(p->shared_y);
    bench_parties_close(&p->parties);
}

/* The operation */

static sy_tensor *operate(const products *p, sy_scope *s, sy_tensor *x, sy_tensor *y)
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

static sy_status copy_operands(products *p, size_t count, sy_error *err)
{
    sy_scope *s = sy_scope_begin(p->parties.session.hook);
    drop_fresh(p);
    for (size_t k = 0; k < count; k++) {
        p->fresh[0][k] = sy_scope_keep(s, sy_clone(s, p->shared_x));
        p->fresh[1][k] = sy_scope_keep(s, sy_clone(s, p->shared_y));
    }
    return sy_scope_end(s, err);
}

/* What one operation takes of the crypto store. */
static sy_status provide(products *p, size_t count, sy_error *err)
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
    sy_worker *provider = p->parties.workers[BENCH_HOLDERS];
    const double start = bench_clock();
    sy_status status =
        sy_provide_primitives(&triple, count, p->parties.workers, BENCH_HOLDERS, provider, err);
    if (status == SY_OK && p->scenario->fixed) {
        status = sy_provide_primitives(&division, count, p->parties.workers, BENCH_HOLDERS,
                                       provider, err);
    }
    p->offline = (bench_clock() - start) / (double)count;
    return status;
}

static int run_shared(void *state, size_t count, double *seconds)
{
    products *p = state;
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
            sy_scope *s = sy_scope_begin(p->parties.session.hook);
            (void)operate(p, s, p->fresh[0][k], p->fresh[1][k]);
            status = sy_scope_end(s, &err);
        }
        *seconds += bench_clock() - start;
        done += some;
    }
    return status == SY_OK ? CLI_OK : cli_report(p->parties.b->verb, &err);
}

/* The same on plain numbers here, and as many rounds of as many bytes without anything about them. */
static int run_least(void *state, size_t count, double *seconds)
{
    products *p = state;
    sy_error err = SY_ERROR_INIT;
    sy_status status = SY_OK;
    const double start = bench_clock();
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        sy_scope *s = sy_scope_begin(p->parties.session.hook);
        (void)operate(p, s, p->x, p->y);
        status = sy_scope_end(s, &err);
    }
    *seconds = bench_clock() - start;
    return status == SY_OK ? bench_parties_echo(&p->parties, count, seconds)
                           : cli_report(p->parties.b->verb, &err);
}

/* The checks */

/* Equal for whole numbers. Fixed precision: each factor is off by less than a unit of 0.001, times the other's magnitude, per
 * term; and the result by less than 1 more. */
static sy_status compare(products *p, bool *right, sy_error *err)
{
    double largest = 0;
    sy_scope *s = sy_scope_begin(p->parties.session.hook);
    sy_tensor *shared = sy_scope_keep(s, operate(p, s, p->shared_x, p->shared_y));
    sy_tensor *plain = sy_scope_keep(s, operate(p, s, p->x, p->y));
    sy_status status = sy_scope_end(s, err);
    if (status == SY_OK) {
        status = bench_parties_compare(&p->parties, shared, plain, &largest, err);
    }
    sy_tensor_unref(shared);
    sy_tensor_unref(plain);
    const double terms = strcmp(p->work.op, "matmul") == 0   ? (double)p->scenario->size
                         : strcmp(p->work.op, "conv2d") == 0 ? 25
                                                             : 1;
    *right = status == SY_OK && largest <= (p->scenario->fixed ? 0.001 * (8 * terms + 2) : 0);
    return status;
}

/* What one fresh operation costs. */
static sy_status count_cost(products *p, sy_sharing_cost *before, sy_sharing_cost *after,
                            sy_error *err)
{
    sy_status status = copy_operands(p, 1, err);
    if (status == SY_OK) {
        status = bench_parties_cost(&p->parties, before, err);
    }
    if (status == SY_OK) {
        sy_scope *s = sy_scope_begin(p->parties.session.hook);
        (void)operate(p, s, p->fresh[0][0], p->fresh[1][0]);
        status = sy_scope_end(s, err);
    }
    return status == SY_OK ? bench_parties_cost(&p->parties, after, err) : status;
}

/* Everything but the time: opens x - a and y - b, and, to divide, the masked product. */
static int check(products *p, bench_result *result)
{
    sy_error err = SY_ERROR_INIT;
    sy_sharing_cost before, after;
    const work *w = &p->work;
    const bool fixed = p->scenario->fixed;
    sy_status status = open_values(p, &err);
    status = status == SY_OK ? compare(p, &result->check, &err) : status;
    status = status == SY_OK ? count_cost(p, &before, &after, &err) : status;
    return status == SY_OK
               ? bench_parties_expect(&p->parties, &before, &after, fixed ? 2 : 1,
                                      8 * (w->x_size + w->y_size + (fixed ? w->z_size : 0)),
                                      p->scenario->spin_us, result)
               : cli_report(p->parties.b->verb, &err);
}

int bench_run_mpc(const bench *b, const bench_scenario *scenario, bench_result *result)
{
    products p = {.scenario = scenario, .work = work_of(scenario)};
    int code = bench_parties_open(b, &p.parties, scenario->spin_us);
    code = code == CLI_OK ? check(&p, result) : code;
    if (code == CLI_OK) {
        code = bench_compare(b, 1e-3, run_shared, &p, run_least, &p, result);
        result->offline = scenario->ahead ? p.offline * 1e3 : 0;
    }
    close_all(&p);
    return code;
}
