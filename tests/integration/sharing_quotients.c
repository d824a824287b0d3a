/*
 * sharing_quotients.c - divisions inside plans on shared values, which wait for what uses them: what comes out is what the same
 * plan gives for plain numbers, and the rounds are those of comparisons that take the divisions along. Over every kind of worker.
 */
#include <math.h>
#include <string.h>

#include <csyft/plan.h>

#include "support/shared_values.h"

enum { ROWS = 3, WIDTH = 4, SIDE = 8 };

typedef struct net {
    sy_tensor *weight, *bias;   /* of a linear layer, WIDTH to WIDTH */
    sy_tensor *kernel, *shifts; /* of a convolution: two channels */
    sy_tensor *(*body)(const struct net *n, sy_scope *s, sy_tensor *x);
} net;

static sy_tensor *call(sy_scope *s, const char *name, sy_tensor *x, sy_tensor *y)
{
    const sy_value args[] = {sy_value_tensor(x), sy_value_tensor(y)};
    return sy_scope_call(s, name, args, y != NULL ? 2 : 1);
}

static sy_tensor *layer(const net *n, sy_scope *s, sy_tensor *x)
{
    return sy_linear(s, x, n->weight, n->bias);
}

static sy_tensor *convolution(const net *n, sy_scope *s, sy_tensor *x)
{
    const sy_value args[] = {sy_value_tensor(x), sy_value_tensor(n->kernel),
                             sy_value_tensor(n->shifts)};
    return sy_scope_call(s, "conv2d", args, 3);
}

static sy_tensor *pool(sy_scope *s, const char *name, sy_tensor *x, int64_t size, int64_t stride,
                       int64_t padding)
{
    const sy_value args[] = {sy_value_tensor(x), sy_value_int(size), sy_value_int(stride),
                             sy_value_int(padding)};
    return sy_scope_call(s, name, args, 4);
}

/* Bodies of plans */

static sy_tensor *relu_of_layer(const net *n, sy_scope *s, sy_tensor *x)
{
    return sy_relu(s, layer(n, s, x));
}
static sy_tensor *layer_alone(const net *n, sy_scope *s, sy_tensor *x)
{
    return layer(n, s, x);
}
static sy_tensor *used_twice(const net *n, sy_scope *s, sy_tensor *x)
{
    sy_tensor *y = layer(n, s, x);
    return sy_add(s, sy_relu(s, y), y);
}
static sy_tensor *used_before(const net *n, sy_scope *s, sy_tensor *x)
{
    sy_tensor *y = layer(n, s, x);
    sy_tensor *twice = sy_add(s, y, y);
    return sy_sub(s, twice, sy_relu(s, y));
}
static sy_tensor *turned(const net *n, sy_scope *s, sy_tensor *x)
{
    return sy_relu(s, sy_t(s, layer(n, s, x)));
}
static sy_tensor *joined(const net *n, sy_scope *s, sy_tensor *x)
{
    sy_tensor *y = layer(n, s, x);
    sy_tensor *both[] = {y, y};
    return sy_cat(s, both, 2, 0);
}
static sy_tensor *written(const net *n, sy_scope *s, sy_tensor *x)
{
    sy_tensor *y = layer(n, s, x);
    (void)sy_add_(s, y, sy_ones_like(s, y));
    return sy_relu(s, y);
}
static sy_tensor *relu_in_place(const net *n, sy_scope *s, sy_tensor *x)
{
    return call(s, "relu_", layer(n, s, x), NULL);
}
static sy_tensor *pooled(const net *n, sy_scope *s, sy_tensor *x)
{
    return sy_relu(s, pool(s, "max_pool2d", convolution(n, s, x), 2, 2, 0));
}
static sy_tensor *padded(const net *n, sy_scope *s, sy_tensor *x)
{
    return pool(s, "max_pool2d", convolution(n, s, x), 3, 2, 1);
}
static sy_tensor *averaged(const net *n, sy_scope *s, sy_tensor *x)
{
    return sy_relu(s, pool(s, "avg_pool2d", convolution(n, s, x), 2, 2, 0));
}
static sy_tensor *product(const net *n, sy_scope *s, sy_tensor *x)
{
    return sy_relu(s, sy_mul(s, x, n->bias));
}
/* What is divided is written to before the quotient is used. */
static sy_tensor *overwritten(const net *n, sy_scope *s, sy_tensor *x)
{
    (void)n;
    sy_tensor *fourfold = sy_mul_int(s, x, 4);
    sy_tensor *y = sy_div_int(s, fourfold, 4);
    (void)sy_add_(s, fourfold, fourfold);
    return sy_add(s, sy_relu(s, y), fourfold);
}
static sy_tensor *power_of_two(const net *n, sy_scope *s, sy_tensor *x)
{
    (void)n;
    return sy_relu(s, sy_div_int(s, sy_mul_int(s, x, 24), 8));
}

typedef struct plan_case {
    const char *name;
    sy_tensor *(*body)(const net *n, sy_scope *s, sy_tensor *x);
    bool image;
    uint64_t rounds; /* by protocol bits */
} plan_case;

enum { COMPARISON = 4 };

static const plan_case cases[] = {
    {"relu_of_layer", relu_of_layer, false, 1 + COMPARISON},
    {"layer_alone", layer_alone, false, 1 + 1},
    {"used_twice", used_twice, false, 1 + COMPARISON + 1},
    {"used_before", used_before, false, 1 + 1 + COMPARISON},
    {"turned", turned, false, 1 + 1 + COMPARISON},
    {"joined", joined, false, 1 + 1},
    {"written", written, false, 1 + 1 + COMPARISON},
    {"relu_in_place", relu_in_place, false, 1 + 1 + COMPARISON},
    {"product", product, false, 1 + COMPARISON},
    {"pooled", pooled, true, 1 + 2 * COMPARISON + COMPARISON},
    {"padded", padded, true, 1 + 4 * COMPARISON + 1},
    {"averaged", averaged, true, 1 + 1 + 1 + COMPARISON},
};
static const plan_case of_integers[] = {
    {"overwritten", overwritten, false, COMPARISON},
    {"power_of_two", power_of_two, false, COMPARISON},
};

/* Plans */

static sy_status forward(sy_plan_frame *frame, sy_scope *scope, void *user, sy_error *err)
{
    const net *n = user;
    sy_tensor *y = n->body(n, scope, sy_plan_frame_argument(frame, 0));
    return sy_plan_frame_return(frame, y, err);
}

static sy_tensor *numbers(workers *w, int ndim, const int64_t *shape, double scale)
{
    int64_t count = 1;
    for (int d = 0; d < ndim; d++) {
        count *= shape[d];
    }
    sy_tensor *x = OP(w, "arange", INT(count));
    x = OP(w, "sub", TENSOR(OP(w, "remainder", TENSOR(OP(w, "mul", TENSOR(x), INT(7))), INT(13))),
           INT(6));
    x = OP(w, "mul", TENSOR(OP(w, "to", TENSOR(x), sy_value_dtype(SY_DTYPE_F32))), FLOAT(scale));
    sy_value sizes[4];
    for (int d = 0; d < ndim; d++) {
        sizes[d] = sy_value_int(shape[d]);
    }
    return OP(w, "view", TENSOR(x), sy_value_list(sizes, (size_t)ndim));
}

static net net_of(workers *w, const plan_case *c)
{
    net n = {.body = c->body};
    n.weight = numbers(w, 2, (int64_t[]){WIDTH, WIDTH}, 0.125);
    n.bias = numbers(w, 1, (int64_t[]){WIDTH}, 0.25);
    n.kernel = numbers(w, 4, (int64_t[]){2, 1, 3, 3}, 0.0625);
    n.shifts = numbers(w, 1, (int64_t[]){2}, 0.5);
    return n;
}

static sy_plan *plan_of(workers *w, net *n, const plan_case *c, sy_dtype dtype)
{
    sy_plan *plan = NULL;
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    const sy_plan_shape shape = c->image ? (sy_plan_shape){dtype, 4, {ROWS, 1, SIDE, SIDE}}
                                         : (sy_plan_shape){dtype, 2, {ROWS, WIDTH}};
    options.name = c->name;
    options.forward = forward;
    options.user = n;
    assert_ok(sy_plan_new(w->hook, &plan, &options, &w->err), &w->err);
    assert_ok(sy_plan_build_shapes(plan, &shape, 1, &w->err), &w->err);
    return plan;
}

static uint64_t rounds_of(const sharing *s)
{
    sy_sharing_cost cost;
    assert_ok(sy_sharing_get_cost(s->holders, s->count, s->provider, 0, &cost, &s->w->err),
              &s->w->err);
    return cost.rounds;
}

/* Runs the plan at the holders; returns its rounds. */
static uint64_t run_there(const sharing *s, sy_plan *plan, sy_tensor *x, sy_tensor **value)
{
    workers *w = s->w;
    sy_pointer_plan *sent = NULL;
    sy_tensor *result = NULL;
    assert_ok(sy_plan_send(plan, &sent, s->holders, s->count, false, &w->err), &w->err);
    const sy_value argument = sy_value_tensor(x);
    const uint64_t before = rounds_of(s);
    assert_ok(sy_pointer_plan_run(sent, &argument, 1, NULL, &result, 1, NULL, &w->err), &w->err);
    const uint64_t rounds = rounds_of(s) - before;
    *value = sharing_value(s, sy_scope_adopt(w->s, result));
    sy_pointer_plan_unref(sent);
    return rounds;
}

static double largest_difference(workers *w, sy_tensor *a, sy_tensor *b)
{
    sy_tensor *difference = OP(w, "abs", TENSOR(OP(w, "sub", TENSOR(a), TENSOR(b))));
    return syi_array_get_double(syi_node_array(OP(w, "max", TENSOR(difference))->node), 0);
}

static sy_tensor *plain_value(workers *w, sy_plan *plan, sy_tensor *x)
{
    const sy_value argument = sy_value_tensor(x);
    sy_tensor *plain = NULL;
    assert_ok(sy_plan_run(plan, &argument, 1, NULL, &plain, 1, NULL, &w->err), &w->err);
    return sy_scope_adopt(w->s, plain);
}

static uint64_t check_fixed(const sharing *s, const plan_case *c)
{
    workers *w = s->w;
    net n = net_of(w, c);
    sy_plan *plan = plan_of(w, &n, c, SY_DTYPE_F32);
    sy_tensor *x = c->image ? numbers(w, 4, (int64_t[]){ROWS, 1, SIDE, SIDE}, 0.5)
                            : numbers(w, 2, (int64_t[]){ROWS, WIDTH}, 0.5),
              *value = NULL, *plain = plain_value(w, plan, x);
    sy_precision_options options = SY_PRECISION_OPTIONS_INIT;
    options.precision_fractional = 4;
    assert_ok(sy_plan_fix_precision_(plan, &options, &w->err), &w->err);
    assert_ok(sy_plan_share_with_(plan, s->holders, s->count, &s->options, &w->err), &w->err);
    const uint64_t rounds = run_there(s, plan, sharing_fixed(s, x, 4), &value);
    const double off = largest_difference(w, value, plain);
    if (!(off <
          0.0012)) { /* weights are off by less than half a unit, and so is each quotient by one */
        print_error("%s: off by %g\n", c->name, off);
        fail();
    }
    sy_plan_unref(plan);
    return rounds;
}

static void check_rounds(const char *name, uint64_t rounds, uint64_t expected)
{
    if (rounds != expected) {
        print_error("%s: %d rounds, expected %d\n", name, (int)rounds, (int)expected);
        fail();
    }
}

static void all_cases(const sharing *given)
{
    workers *w = given->w;
    sharing of = *given;
    const sharing *s = &of;
    of.options.protocol = "bits"; /* whose rounds these are */
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        check_rounds(cases[k].name, check_fixed(s, &cases[k]), cases[k].rounds);
    }
    for (size_t k = 0; k < sizeof of_integers / sizeof of_integers[0]; k++) {
        const plan_case *c = &of_integers[k];
        net n = {.body = c->body};
        sy_plan *plan = plan_of(w, &n, c, SY_DTYPE_I64);
        sy_tensor *x = OP(w, "to", TENSOR(numbers(w, 2, (int64_t[]){ROWS, WIDTH}, 1)),
                          sy_value_dtype(SY_DTYPE_I64)),
                  *value = NULL, *plain = plain_value(w, plan, x);
        check_rounds(c->name, run_there(s, plan, sharing_share(s, x), &value), c->rounds);
        assert_true(largest_difference(w, value, plain) == 0);
        sy_plan_unref(plan);
    }
}

static void test_plans(void **state)
{
    sharing_each(*state, all_cases);
}

/* The other protocols take divisions along, or make them afterwards. */
static void test_protocols(void **state)
{
    sharing s = sharing_of(*state, 2, true);
    s.options.protocol = "fss";
    check_rounds("fss", check_fixed(&s, &cases[0]), 1 + 2);
    s.options.protocol = "snn";
    (void)check_fixed(&s, &cases[0]);
}

static void provide(const sharing *s, const char *op, int64_t divisor)
{
    static const int64_t shape[] = {ROWS, WIDTH};
    sy_primitive p = SY_PRIMITIVE_INIT;
    p.op = op;
    p.a_ndim = 2;
    p.a_shape = shape;
    p.divisor = divisor;
    p.protocol = s->options.protocol;
    assert_ok(sy_provide_primitives(&p, 1, s->holders, s->count, s->provider, &s->w->err),
              &s->w->err);
}

static uint64_t taken(const sharing *s)
{
    sy_sharing_cost cost;
    assert_ok(sy_sharing_get_cost(s->holders, s->count, s->provider, 0, &cost, &s->w->err),
              &s->w->err);
    return cost.primitives_taken;
}

/* Divisions that were made ahead are used, and so is a ReLU that takes one along. */
static void test_made_ahead(void **state)
{
    workers *w = *state;
    sharing s = sharing_of(w, 2, true);
    s.options.protocol = "bits";
    provide(&s, "division", 10000);
    provide(&s, "relu", 0);
    check_rounds("made ahead", check_fixed(&s, &cases[0]), 1 + 1 + COMPARISON);
    assert_int_equal(taken(&s), 2);
    provide(&s, "relu", 10000);
    check_rounds("made ahead, along", check_fixed(&s, &cases[0]), 1 + COMPARISON);
    assert_int_equal(taken(&s), 3);
    provide(&s, "relu", 16);
    net n = {.body = power_of_two};
    sy_plan *plan = plan_of(w, &n, &of_integers[1], SY_DTYPE_I64);
    sy_tensor *value = NULL;
    sy_tensor *x = sharing_share(
        &s, OP(w, "zeros", LIST(INT(ROWS), INT(WIDTH)), sy_value_dtype(SY_DTYPE_I64)));
    (void)run_there(&s, plan, x, &value);
    assert_int_equal(taken(&s), 3); /* that was by 8 */
    sy_plan_unref(plan);
}

/* The test mode opens what is divided, before each division. */
static void test_range(void **state)
{
    workers *w = *state;
    sharing s = sharing_of(w, 2, false);
    s.options.protocol = "bits";
    for (size_t k = 0; k < w->place_count; k++) {
        sy_hook_check_shared_range(w->places[k].hook, true);
    }
    check_rounds("checked", check_fixed(&s, &cases[0]), 1 + 2 + COMPARISON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_plans),
        LIBRARY_WORKER_KINDS(test_protocols),
        LIBRARY_WORKER_KINDS(test_made_ahead),
        LIBRARY_WORKER_KINDS(test_range),
    };
    return workers_run(tests);
}
