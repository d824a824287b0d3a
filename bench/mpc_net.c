/*
 * mpc_net.c - nets as plans with shared weights, at the holders: one message to each of them and one answer. The weights are
 * random, and opened against their masks once, before the clock starts; rows and images are fresh in every run. Nets: S. Wagh,
 * D. Gupta, N. Chandran, SecureNN: 3-Party Secure Computation for Neural Network Training (2019), section 6; a pool comes
 * before the relu, which changes no result.
 */
#include <math.h>
#include <string.h>

#include "parties.h"

enum { LAYERS_MAX = 10, BATCH = 16 };

typedef enum kind {
    NO_LAYER,
    LINEAR, /* outputs */
    CONV,   /* outputs: channels; of 5x5 */
    POOL,   /* the greatest of 2x2 */
    RELU
} kind;

typedef struct layer {
    kind kind;
    int64_t outputs, stride, padding;
} layer;

/* Of 28x28 numbers: rows of 784, or images with one channel. */
typedef struct net {
    const char *name;
    layer layers[LAYERS_MAX];
} net;

static const net nets[] = {
    {"linear", {{LINEAR, 128, 0, 0}}},
    {"net_a",
     {{LINEAR, 128, 0, 0},
      {.kind = RELU},
      {LINEAR, 128, 0, 0},
      {.kind = RELU},
      {LINEAR, 10, 0, 0}}},
    {"net_b",
     {{CONV, 16, 1, 0},
      {.kind = POOL},
      {.kind = RELU},
      {CONV, 16, 1, 0},
      {.kind = POOL},
      {.kind = RELU},
      {LINEAR, 100, 0, 0},
      {.kind = RELU},
      {LINEAR, 10, 0, 0}}},
    {"net_c",
     {{CONV, 20, 1, 0},
      {.kind = POOL},
      {.kind = RELU},
      {CONV, 50, 1, 0},
      {.kind = POOL},
      {.kind = RELU},
      {LINEAR, 500, 0, 0},
      {.kind = RELU},
      {LINEAR, 10, 0, 0}}},
    {"net_d",
     {{CONV, 5, 2, 2}, {.kind = RELU}, {LINEAR, 100, 0, 0}, {.kind = RELU}, {LINEAR, 10, 0, 0}}},
};
enum { SIDE = 28, KERNEL = 5 };

/* What goes from layer to layer, of one row: side 0: numbers in a row, as many as channels. */
typedef struct extent {
    int64_t channels, side;
} extent;

typedef struct inference {
    bench_parties parties;
    const bench_scenario *scenario;
    const net *net;
    sy_tensor *weights[LAYERS_MAX], *biases[LAYERS_MAX]; /* NULL where a layer has none */
    sy_tensor *x, *fixed_x, *shared_x;
    sy_tensor *fresh[BATCH];
    sy_plan *plan, *plain,
        *fixed; /* the plan is shared; the others are the same here, of floats and in fixed precision */
    sy_pointer_plan *sent;
} inference;

/* Layers */

static const net *find_net(const char *name)
{
    const net *n = nets;
    while (strcmp(n->name, name) != 0) {
        n++;
    }
    return n;
}

static int64_t numbers_of(extent e)
{
    return e.side > 0 ? e.channels * e.side * e.side : e.channels;
}

static extent first_extent(const net *n)
{
    return n->layers[0].kind == LINEAR ? (extent){SIDE * SIDE, 0} : (extent){1, SIDE};
}

static extent after(const layer *l, extent e)
{
    switch (l->kind) {
    case LINEAR:
        return (extent){l->outputs, 0};
    case CONV:
        return (extent){l->outputs, (e.side + 2 * l->padding - KERNEL) / l->stride + 1};
    case POOL:
        return (extent){e.channels, e.side / 2};
    default:
        return e;
    }
}

/* Without what weights take when they are opened first. What is dealt is not looked at. */
typedef struct theory {
    bench_cost cost;
    double variance; /* of results, in units of 0.001 */
} theory;

/* Opens what is masked: so many words in a round. */
static void add_opening(theory *t, int64_t count)
{
    t->cost.rounds++;
    t->cost.sent += 8 * (uint64_t)count;
}

static void add_comparison(theory *t, const char *protocol, int64_t count)
{
    t->cost = bench_cost_sum(t->cost, bench_comparison_cost(protocol, 0, true, (uint64_t)count));
    t->cost.dealt = 0;
}

/*
 * A product opens its inputs less their mask. Its results are to be divided, which waits until something but a pool uses them: a
 * relu takes it along (but by SecureNN), else they are opened under another mask. Divisions here, and those of the same net in
 * fixed precision, differ by at most a unit, as if drawn; so do the inputs, whose differences are multiplied by weights
 * whose squares add up to 2 on average, below 3. A pool compares two pairs of each window, and then their winners.
 */
static theory theory_of(const net *n, const bench_scenario *scenario, const char *protocol)
{
    const bool along = protocol == NULL || strcmp(protocol, "snn") != 0;
    const int64_t rows = (int64_t)scenario->size;
    theory t = {.cost = bench_command_cost(protocol), .variance = 0};
    bool waits = false; /* a division */
    extent e = first_extent(n);
    for (const layer *l = n->layers; l->kind != NO_LAYER; l++) {
        const extent next = after(l, e);
        const int64_t inputs = rows * numbers_of(e), outputs = rows * numbers_of(next);
        if (l->kind == POOL) {
            add_comparison(&t, protocol, 2 * outputs);
            add_comparison(&t, protocol, outputs);
        } else if (l->kind == RELU) {
            add_comparison(&t, protocol, outputs);
            if (!along) {
                add_opening(&t, outputs);
            }
            waits = false;
        } else {
            if (waits) {
                add_opening(&t, inputs);
            }
            add_opening(&t, inputs);
            t.variance = 3 * t.variance + 1;
            waits = true;
        }
        e = next;
    }
    if (waits) {
        add_opening(&t, rows * numbers_of(e));
    }
    return t;
}

static sy_tensor *run_linear(const inference *i, size_t k, extent e, sy_scope *s, sy_tensor *x)
{
    if (e.side > 0) {
        const sy_value args[] = {sy_value_tensor(x), sy_value_int(1), sy_value_int(-1)};
        x = sy_scope_call(s, "flatten", args, 3);
    }
    return sy_linear(s, x, i->weights[k], i->biases[k]);
}

static sy_tensor *run_layer(const inference *i, size_t k, extent e, sy_scope *s, sy_tensor *x)
{
    const layer *l = &i->net->layers[k];
    const sy_value pool[] = {sy_value_tensor(x), sy_value_int(2)};
    const sy_value conv[] = {sy_value_tensor(x), sy_value_tensor(i->weights[k]),
                             sy_value_tensor(i->biases[k]), sy_value_int(l->stride),
                             sy_value_int(l->padding)};
    switch (l->kind) {
    case LINEAR:
        return run_linear(i, k, e, s, x);
    case CONV:
        return sy_scope_call(s, "conv2d", conv, 5);
    case POOL:
        return sy_scope_call(s, "max_pool2d", pool, 2);
    default:
        return sy_relu(s, x);
    }
}

static sy_status forward(sy_plan_frame *frame, sy_scope *scope, void *user, sy_error *err)
{
    const inference *i = user;
    sy_tensor *x = sy_plan_frame_argument(frame, 0);
    extent e = first_extent(i->net);
    for (size_t k = 0; i->net->layers[k].kind != NO_LAYER; k++) {
        x = run_layer(i, k, e, scope, x);
        e = after(&i->net->layers[k], e);
    }
    return sy_plan_frame_return(frame, x, err);
}

/* Setting up */

/* Uniform, of magnitudes below `most`. */
static sy_tensor *drawn(sy_scope *s, int ndim, const int64_t *shape, double most)
{
    sy_tensor *x = sy_mul_scalar(s, sy_rand(s, SY_DTYPE_F32, ndim, shape), 2 * most);
    return sy_scope_keep(s, sy_sub_scalar(s, x, most));
}

/* Squares of the weights of a sum add up to 2 on average, which keeps magnitudes what they are behind a relu. */
static void draw_weights(inference *i, sy_scope *s)
{
    extent e = first_extent(i->net);
    for (size_t k = 0; i->net->layers[k].kind != NO_LAYER; k++) {
        const layer *l = &i->net->layers[k];
        const bool linear = l->kind == LINEAR;
        const int64_t terms = linear ? numbers_of(e) : e.channels * KERNEL * KERNEL;
        const int64_t shape[] = {l->outputs, linear ? terms : e.channels, KERNEL, KERNEL};
        if (linear || l->kind == CONV) {
            i->weights[k] = drawn(s, linear ? 2 : 4, shape, sqrt(6 / (double)terms));
            i->biases[k] = drawn(s, 1, shape, 0.1);
        }
        e = after(l, e);
    }
}

static sy_status build(inference *i, sy_error *err)
{
    const extent e = first_extent(i->net);
    const int64_t rows = (int64_t)i->scenario->size;
    sy_plan_shape shape = {SY_DTYPE_F32, 4, {rows, 1, SIDE, SIDE}};
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    options.name = i->net->name;
    options.forward = forward;
    options.user = i;
    if (e.side == 0) {
        shape.ndim = 2;
        shape.shape[1] = e.channels;
    }
    sy_hook *hook = i->parties.session.hook;
    sy_scope *s = sy_scope_begin(hook);
    draw_weights(i, s);
    i->x = drawn(s, shape.ndim, shape.shape, 1);
    sy_status status = sy_scope_end(s, err);
    shape.shape[0] = -1;
    status = status == SY_OK ? sy_plan_new(hook, &i->plan, &options, err) : status;
    status = status == SY_OK ? sy_plan_build_shapes(i->plan, &shape, 1, err) : status;
    return status == SY_OK ? sy_plan_copy(i->plan, &i->plain, err) : status;
}

static sy_status share(inference *i, sy_error *err)
{
    bench_parties *p = &i->parties;
    const sy_share_options options = bench_parties_options(p);
    sy_status status = sy_plan_fix_precision_(i->plan, NULL, err);
    if (status == SY_OK) {
        status = sy_plan_copy(i->plan, &i->fixed, err);
    }
    if (status == SY_OK) {
        status = sy_plan_share_with_(i->plan, p->workers, BENCH_HOLDERS, &options, err);
    }
    if (status == SY_OK) {
        status = sy_plan_send(i->plan, &i->sent, p->workers, BENCH_HOLDERS, false, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_fix_precision(i->x, &i->fixed_x, NULL, err);
    }
    return status == SY_OK ? bench_parties_share(p, i->fixed_x, false, &i->shared_x, err) : status;
}

static void drop_fresh(inference *i)
{
    for (size_t k = 0; k < BATCH; k++) {
        sy_tensor_unref(i->fresh[k]);
        i->fresh[k] = NULL;
    }
}

static void close_all(inference *i)
{
    drop_fresh(i);
    sy_pointer_plan_unref(i->sent);
    sy_plan_unref(i->plan);
    sy_plan_unref(i->plain);
    sy_plan_unref(i->fixed);
    sy_tensor_unref(i->shared_x);
    sy_tensor_unref(i->fixed_x);
    sy_tensor_unref(i->x);
    for (size_t k = 0; k < LAYERS_MAX; k++) {
        sy_tensor_unref(i->weights[k]);
        sy_tensor_unref(i->biases[k]);
    }
    bench_parties_close(&i->parties);
}

/* The work */

static sy_status copy_rows(inference *i, size_t count, sy_error *err)
{
    sy_scope *s = sy_scope_begin(i->parties.session.hook);
    drop_fresh(i);
    for (size_t k = 0; k < count; k++) {
        i->fresh[k] = sy_scope_keep(s, sy_clone(s, i->shared_x));
    }
    return sy_scope_end(s, err);
}

/* Each relu of one run, with the division that it takes along, and the division at the end. A product with a weight that was opened
 * before asks the provider all the same: its mask is of an earlier product. */
static sy_status provide(inference *i, size_t count, sy_error *err)
{
    sy_primitive needed[LAYERS_MAX];
    int64_t sizes[LAYERS_MAX];
    size_t kinds = 0;
    extent e = first_extent(i->net);
    for (const layer *l = i->net->layers; l->kind != NO_LAYER; l++) {
        e = after(l, e);
        if (l->kind == RELU || l[1].kind == NO_LAYER) {
            sizes[kinds] = (int64_t)i->scenario->size * numbers_of(e);
            needed[kinds] = (sy_primitive)SY_PRIMITIVE_INIT;
            needed[kinds].op = l->kind == RELU ? "relu" : "division";
            needed[kinds].divisor = 1000;
            needed[kinds].a_ndim = 1;
            needed[kinds].a_shape = &sizes[kinds];
            kinds++;
        }
    }
    return bench_parties_provide(&i->parties, needed, kinds, count, err);
}

static sy_status run_plan(inference *i, size_t k, sy_tensor **y, sy_error *err)
{
    const sy_value argument = sy_value_tensor(i->fresh[k]);
    return sy_pointer_plan_run(i->sent, &argument, 1, NULL, y, 1, NULL, err);
}

static int run_shared(void *state, size_t count, double *seconds)
{
    inference *i = state;
    sy_error err = SY_ERROR_INIT;
    sy_status status = SY_OK;
    *seconds = 0;
    for (size_t done = 0; done < count && status == SY_OK;) {
        const size_t some = count - done < BATCH ? count - done : BATCH;
        status = copy_rows(i, some, &err);
        if (status == SY_OK && i->scenario->ahead) {
            status = provide(i, some, &err);
        }
        const double start = bench_clock();
        for (size_t k = 0; k < some && status == SY_OK; k++) {
            sy_tensor *y = NULL;
            status = run_plan(i, k, &y, &err);
            sy_tensor_unref(y);
        }
        *seconds += bench_clock() - start;
        done += some;
    }
    return status == SY_OK ? CLI_OK : cli_report(i->parties.b.verb, &err);
}

static sy_status run_here(sy_plan *plan, sy_tensor *x, sy_tensor **y, sy_error *err)
{
    const sy_value argument = sy_value_tensor(x);
    return sy_plan_run(plan, &argument, 1, NULL, y, 1, NULL, err);
}

static int run_least(void *state, size_t count, double *seconds)
{
    inference *i = state;
    sy_error err = SY_ERROR_INIT;
    sy_status status = SY_OK;
    const double start = bench_clock();
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        sy_tensor *y = NULL;
        status = run_here(i->plain, i->x, &y, &err);
        sy_tensor_unref(y);
    }
    *seconds = bench_clock() - start;
    return status == SY_OK ? bench_parties_echo(&i->parties, count, seconds)
                           : cli_report(i->parties.b.verb, &err);
}

/* The checks */

/* Beside the same in fixed precision here: six deviations, whatever the protocol. */
static sy_status compare(inference *i, bool *right, sy_error *err)
{
    const theory t = theory_of(i->net, i->scenario, NULL);
    sy_tensor *shared = NULL, *fixed = NULL, *plain = NULL;
    double largest = INFINITY;
    sy_status status = copy_rows(i, 1, err);
    status = status == SY_OK ? run_plan(i, 0, &shared, err) : status;
    status = status == SY_OK ? run_here(i->fixed, i->fixed_x, &fixed, err) : status;
    status = status == SY_OK ? sy_tensor_float_precision(fixed, &plain, err) : status;
    if (status == SY_OK) {
        status = bench_parties_compare(&i->parties, shared, plain, &largest, err);
    }
    sy_tensor_unref(shared);
    sy_tensor_unref(fixed);
    sy_tensor_unref(plain);
    *right = status == SY_OK && largest <= 0.001 * 6 * sqrt(t.variance);
    return status;
}

static sy_status count_cost(inference *i, sy_sharing_cost *before, sy_sharing_cost *after,
                            sy_error *err)
{
    sy_tensor *y = NULL;
    sy_status status = copy_rows(i, 1, err);
    status = status == SY_OK ? bench_parties_count(&i->parties, before, err) : status;
    if (status == SY_OK && i->scenario->ahead) {
        status = provide(i, 1, err);
    }
    status = status == SY_OK ? run_plan(i, 0, &y, err) : status;
    status = status == SY_OK ? bench_parties_count(&i->parties, after, err) : status;
    sy_tensor_unref(y);
    return status;
}

static int check(inference *i, bench_result *result)
{
    sy_error err = SY_ERROR_INIT;
    sy_sharing_cost before[BENCH_HOLDERS], after[BENCH_HOLDERS];
    sy_status status = build(i, &err);
    status = status == SY_OK ? share(i, &err) : status;
    status = status == SY_OK ? compare(i, &result->check, &err) : status;
    status = status == SY_OK ? count_cost(i, before, after, &err) : status;
    if (status != SY_OK) {
        return cli_report(i->parties.b.verb, &err);
    }
    const theory t =
        theory_of(i->net, i->scenario, bench_parties_protocol(&i->parties, before, after));
    return bench_parties_expect(&i->parties, before, after, &t.cost, result);
}

int bench_run_mpc_net(const bench *b, const bench_scenario *scenario, bench_result *result)
{
    inference i = {.scenario = scenario, .net = find_net(scenario->op)};
    int code = bench_parties_open(b, scenario, &i.parties);
    code = code == CLI_OK ? check(&i, result) : code;
    if (code == CLI_OK) {
        code = bench_compare(&i.parties.b, 1e-3, run_shared, &i, run_least, &i, result);
        result->offline = bench_parties_offline(&i.parties);
    }
    close_all(&i);
    return code;
}
