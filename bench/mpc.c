/*
 * mpc.c - products and comparisons of shared values. Operands are fresh in every operation, so that nothing is opened already;
 * `ahead` scenarios have their material made before the clock starts, and the time for that is told apart. Rounds and bytes
 * are those of the first holder, and must be what the protocol needs.
 */
#include <string.h>

#include "parties.h"

enum { BATCH = 32, KEY_SIZE = 912, STOCK_MAX = 64 << 20 };

/* A scenario's operation: shapes of its operands, what it must cost, and how far off its results may be. */
typedef struct work {
    const char *op; /* row */
    int x_ndim, y_ndim;
    int64_t x_shape[4], y_shape[4]; /* y_ndim 0: one operand */
    uint64_t z_size;
    int64_t most; /* magnitude of whole numbers */
    bench_cost cost;
    double bound;
} work;

typedef struct operation {
    bench_parties parties;
    const bench_scenario *scenario;
    work work;
    sy_tensor *x, *y; /* plain; y may be NULL */
    sy_tensor *shared_x, *shared_y;
    sy_tensor *fresh[2][BATCH]; /* operands of the next operations */
} operation;

static uint64_t product_of(int ndim, const int64_t *shape)
{
    uint64_t count = 1;
    for (int d = 0; d < ndim; d++) {
        count *= (uint64_t)shape[d];
    }
    return count;
}

/* Opens x - a and y - b, and, to divide, the masked product. In fixed precision each factor is off by less than a unit of
 * 0.001, times the other's magnitude, per term; and the result by less than 1 more. */
static void expect_product(work *w, bool fixed, uint64_t terms)
{
    const uint64_t x_size = product_of(w->x_ndim, w->x_shape),
                   y_size = product_of(w->y_ndim, w->y_shape);
    w->most = 1000;
    w->cost.rounds = fixed ? 2 : 1;
    w->cost.sent = 8 * (x_size + y_size + (fixed ? w->z_size : 0));
    w->bound = fixed ? 0.001 * (8 * (double)terms + 2) : 0;
}

/* Of numbers whose differences a double holds, or have the range. */
static void expect_comparison(work *w, const char *protocol, unsigned range)
{
    w->most = range > 0 ? (INT64_C(1) << (range - 2)) - 1 : INT64_C(1) << 51;
    w->cost = bench_cost_sum(bench_command_cost(protocol),
                             bench_comparison_cost(protocol, range, w->y_ndim == 0, w->z_size));
    w->bound = 0;
}

/* Windows of 2x2: two pairs of each, then their winners. Encoding cuts less than a unit off. */
static void expect_pool(work *w)
{
    w->cost = bench_cost_sum(bench_comparison_cost(NULL, 0, true, 2 * w->z_size),
                             bench_comparison_cost(NULL, 0, true, w->z_size));
    w->bound = 0.001;
}

static work work_of(const bench_scenario *scenario)
{
    const int64_t n = (int64_t)scenario->size;
    const bool fixed = scenario->fixed;
    work w = {.op = scenario->op, .x_ndim = 1, .y_ndim = 1, .x_shape = {n}, .y_shape = {n}};
    w.z_size = (uint64_t)n;
    if (strcmp(w.op, "mul") == 0) {
        expect_product(&w, fixed, 1);
    } else if (strcmp(w.op, "matmul") == 0) {
        w = (work){.op = w.op, .x_ndim = 2, .y_ndim = 2, .x_shape = {n, n}, .y_shape = {n, n}};
        w.z_size = (uint64_t)(n * n);
        expect_product(&w, fixed, (uint64_t)n);
    } else if (strcmp(w.op, "conv2d") == 0) { /* SecureNN's first layer of net B */
        w = (work){.op = w.op, .x_ndim = 4, .y_ndim = 4, .x_shape = {n, 1, 28, 28}};
        memcpy(w.y_shape, (int64_t[]){16, 1, 5, 5}, sizeof w.y_shape);
        w.z_size = (uint64_t)n * 16 * 24 * 24;
        expect_product(&w, fixed, 25);
    } else if (strcmp(w.op, "max_pool2d") == 0) { /* and what follows it */
        w = (work){.op = w.op, .x_ndim = 4, .x_shape = {n, 16, 24, 24}};
        w.z_size = (uint64_t)n * 16 * 12 * 12;
        expect_pool(&w);
    } else { /* ge, relu */
        w.y_ndim = strcmp(w.op, "relu") == 0 ? 0 : 1;
        expect_comparison(&w, scenario->protocol, scenario->range);
    }
    return w;
}

/* Setting up */

/* Reals of magnitudes up to 4, or whole numbers. */
static sy_tensor *drawn(const operation *p, sy_scope *s, int ndim, const int64_t *shape)
{
    return p->scenario->fixed
               ? sy_sub_scalar(s, sy_mul_scalar(s, sy_rand(s, SY_DTYPE_F32, ndim, shape), 8), 4)
               : sy_randint(s, -p->work.most, p->work.most, ndim, shape);
}

static sy_status open_values(operation *p, sy_error *err)
{
    sy_scope *s = sy_scope_begin(p->parties.session.hook);
    p->x = sy_scope_keep(s, drawn(p, s, p->work.x_ndim, p->work.x_shape));
    if (p->work.y_ndim > 0) {
        p->y = sy_scope_keep(s, drawn(p, s, p->work.y_ndim, p->work.y_shape));
    }
    sy_status status = sy_scope_end(s, err);
    const bool fixed = p->scenario->fixed;
    status =
        status == SY_OK ? bench_parties_share(&p->parties, p->x, fixed, &p->shared_x, err) : status;
    return status == SY_OK && p->y != NULL
               ? bench_parties_share(&p->parties, p->y, fixed, &p->shared_y, err)
               : status;
}

static void drop_fresh(operation *p)
{
    for (int side = 0; side < 2; side++) {
        for (size_t k = 0; k < BATCH; k++) {
            sy_tensor_unref(p->fresh[side][k]);
            p->fresh[side][k] = NULL;
        }
    }
}

static void close_all(operation *p)
{
    drop_fresh(p);
    sy_tensor_unref(p->x);
    sy_tensor_unref(p->y);
    sy_tensor_unref(p->shared_x);
    sy_tensor_unref(p->shared_y);
    bench_parties_close(&p->parties);
}

/* The operation */

static sy_tensor *operate(const operation *p, sy_scope *s, sy_tensor *x, sy_tensor *y)
{
    const sy_value args[] = {sy_value_tensor(x), y != NULL ? sy_value_tensor(y) : sy_value_int(2)};
    const bool alone = strcmp(p->work.op, "relu") == 0; /* a pool has the size of its windows */
    return sy_scope_call(s, p->work.op, args, alone ? 1 : 2);
}

static sy_status copy_operands(operation *p, size_t count, sy_error *err)
{
    sy_scope *s = sy_scope_begin(p->parties.session.hook);
    drop_fresh(p);
    for (size_t k = 0; k < count; k++) {
        p->fresh[0][k] = sy_scope_keep(s, sy_clone(s, p->shared_x));
        if (p->shared_y != NULL) {
            p->fresh[1][k] = sy_scope_keep(s, sy_clone(s, p->shared_y));
        }
    }
    return sy_scope_end(s, err);
}

/* What one operation takes of the crypto store: a triple and, in fixed precision, a division; or a comparison. */
static sy_status provide(operation *p, size_t count, sy_error *err)
{
    const work *w = &p->work;
    sy_primitive needed[] = {SY_PRIMITIVE_INIT, SY_PRIMITIVE_INIT};
    const int64_t z[] = {(int64_t)w->z_size};
    needed[0].op = strcmp(w->op, "ge") == 0 ? "comparison" : w->op;
    needed[0].a_ndim = w->x_ndim;
    needed[0].a_shape = w->x_shape;
    needed[0].b_ndim = w->y_ndim;
    needed[0].b_shape = w->y_shape;
    needed[0].range = p->scenario->range;
    needed[1].op = "division";
    needed[1].a_ndim = 1;
    needed[1].a_shape = z;
    needed[1].divisor = 1000;
    return bench_parties_provide(&p->parties, needed, p->scenario->fixed ? 2 : 1, count, err);
}

/* So many operations in a row, with what was made for them in the holders' memory. */
static size_t batch_of(const bench_scenario *scenario)
{
    const char *protocol = scenario->protocol != NULL ? scenario->protocol : "";
    const bool keys =
        scenario->ahead && (strcmp(protocol, "fss") == 0 || strcmp(protocol, "auto") == 0);
    const size_t most = keys ? 1 + STOCK_MAX / (KEY_SIZE * scenario->size) : BATCH;
    return most < BATCH ? most : BATCH;
}

static int run_shared(void *state, size_t count, double *seconds)
{
    operation *p = state;
    sy_error err = SY_ERROR_INIT;
    sy_status status = SY_OK;
    const size_t batch = batch_of(p->scenario);
    *seconds = 0;
    for (size_t done = 0; done < count && status == SY_OK;) {
        const size_t some = count - done < batch ? count - done : batch;
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
    return status == SY_OK ? CLI_OK : cli_report(p->parties.b.verb, &err);
}

/* The same on plain numbers here, and as many rounds of as many bytes without anything about them. */
static int run_least(void *state, size_t count, double *seconds)
{
    operation *p = state;
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
                           : cli_report(p->parties.b.verb, &err);
}

/* The checks */

static sy_status compare(operation *p, bool *right, sy_error *err)
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
    *right = status == SY_OK && largest <= p->work.bound;
    return status;
}

/* What one fresh operation costs, its material included. */
static sy_status count_cost(operation *p, sy_sharing_cost *before, sy_sharing_cost *after,
                            sy_error *err)
{
    sy_status status = copy_operands(p, 1, err);
    status = status == SY_OK ? bench_parties_count(&p->parties, before, err) : status;
    if (status == SY_OK && p->scenario->ahead) {
        status = provide(p, 1, err);
    }
    if (status == SY_OK) {
        sy_scope *s = sy_scope_begin(p->parties.session.hook);
        (void)operate(p, s, p->fresh[0][0], p->fresh[1][0]);
        status = sy_scope_end(s, err);
    }
    return status == SY_OK ? bench_parties_count(&p->parties, after, err) : status;
}

/* Everything but the time. */
static int check(operation *p, bench_result *result)
{
    sy_error err = SY_ERROR_INIT;
    sy_sharing_cost before[BENCH_HOLDERS], after[BENCH_HOLDERS];
    sy_status status = open_values(p, &err);
    status = status == SY_OK ? compare(p, &result->check, &err) : status;
    status = status == SY_OK ? count_cost(p, before, after, &err) : status;
    if (status == SY_OK && p->scenario->protocol != NULL) {
        expect_comparison(&p->work, bench_parties_protocol(&p->parties, before, after),
                          p->scenario->range);
    }
    return status == SY_OK ? bench_parties_expect(&p->parties, before, after, &p->work.cost, result)
                           : cli_report(p->parties.b.verb, &err);
}

int bench_run_mpc(const bench *b, const bench_scenario *scenario, bench_result *result)
{
    operation p = {.scenario = scenario, .work = work_of(scenario)};
    int code = bench_parties_open(b, scenario, &p.parties);
    code = code == CLI_OK ? check(&p, result) : code;
    if (code == CLI_OK) {
        code = bench_compare(&p.parties.b, 1e-3, run_shared, &p, run_least, &p, result);
        result->offline = bench_parties_offline(&p.parties);
    }
    close_all(&p);
    return code;
}
