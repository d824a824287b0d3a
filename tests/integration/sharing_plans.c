/* sharing_plans.c - plans and modules whose state is shared: run here, operation by operation, and at the holders, where one
 * message goes to each and one answer comes back, over every kind of worker. */
#include <math.h>
#include <string.h>

#include <csyft/nn.h>
#include <csyft/plan.h>

#include "support/shared_values.h"

enum { LAYERS = 20, WIDTH = 4 };

typedef struct layered {
    sy_tensor *weights[LAYERS], *biases[LAYERS];
} layered;

static sy_status forward(sy_plan_frame *frame, sy_scope *scope, void *user, sy_error *err)
{
    const layered *l = user;
    sy_tensor *x = sy_plan_frame_argument(frame, 0);
    for (int k = 0; k < LAYERS; k++) {
        x = sy_linear(scope, x, l->weights[k], l->biases[k]);
    }
    return sy_plan_frame_return(frame, x, err);
}

static sy_plan *build(workers *w, layered *l)
{
    sy_plan *plan = NULL;
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    const sy_plan_shape shape = {SY_DTYPE_F32, 2, {-1, WIDTH}};
    float weight[WIDTH * WIDTH], bias[WIDTH];
    for (int k = 0; k < LAYERS; k++) {
        for (int i = 0; i < WIDTH * WIDTH; i++) {
            weight[i] = (float)((i * 7 + k * 3) % 11 - 5) / 8;
        }
        for (int i = 0; i < WIDTH; i++) {
            bias[i] = (float)((i + k) % 3 - 1) / 2;
        }
        l->weights[k] = workers_tensor(w, 2, (int64_t[]){WIDTH, WIDTH}, weight);
        l->biases[k] = workers_tensor(w, 1, (int64_t[]){WIDTH}, bias);
    }
    options.name = "layers";
    options.forward = forward;
    options.user = l;
    assert_ok(sy_plan_new(w->hook, &plan, &options, &w->err), &w->err);
    assert_ok(sy_plan_build_shapes(plan, &shape, 1, &w->err), &w->err);
    return plan;
}

/* What the plan gives for plain numbers. */
static void expected(workers *w, sy_plan *plan, sy_tensor *x, double *y, size_t count)
{
    const sy_value argument = sy_value_tensor(x);
    sy_tensor *plain = NULL;
    float values[2 * WIDTH];
    assert_ok(sy_plan_run(plan, &argument, 1, NULL, &plain, 1, NULL, &w->err), &w->err);
    assert_ok(sy_tensor_copy_data(plain, values, count * sizeof *values, &w->err), &w->err);
    for (size_t k = 0; k < count; k++) {
        y[k] = values[k];
    }
    sy_tensor_unref(plain);
}

static void assert_close(const sharing *s, sy_tensor *shared, const double *y, size_t count)
{
    sy_tensor *value = sharing_value(s, shared);
    for (size_t k = 0; k < count; k++) {
        double item = 0;
        sy_tensor *one =
            OP(s->w, "select", TENSOR(OP(s->w, "flatten", TENSOR(value))), INT(0), INT((int64_t)k));
        assert_ok(sy_tensor_item(one, &item, &s->w->err), &s->w->err);
        assert_true(fabs(item - y[k]) < 0.02 * (1 + fabs(y[k])));
    }
}

static const float batch[] = {1, -0.5f, 0.25f, 2, -1, 0.5f, 1, -2};

static void share_state(const sharing *s, sy_plan *plan)
{
    sy_precision_options options = SY_PRECISION_OPTIONS_INIT;
    options.precision_fractional = 4;
    assert_ok(sy_plan_fix_precision_(plan, &options, &s->w->err), &s->w->err);
    assert_ok(sy_plan_share_(plan, s->holders, s->count, s->provider, &s->w->err), &s->w->err);
}

static void test_here(void **state)
{
    workers *w = *state;
    layered l;
    double y[2 * WIDTH];
    const sharing s = sharing_of(w, 2, false);
    sy_plan *plan = build(w, &l);
    sy_tensor *x = workers_tensor(w, 2, (int64_t[]){2, WIDTH}, batch), *result = NULL;
    expected(w, plan, x, y, 2 * WIDTH);
    share_state(&s, plan);
    const sy_value argument = sy_value_tensor(sharing_fixed(&s, x, 4));
    assert_ok(sy_plan_run(plan, &argument, 1, NULL, &result, 1, NULL, &w->err), &w->err);
    assert_close(&s, result, y, 2 * WIDTH);
    sy_tensor_unref(result);
    sy_plan_unref(plan);
}

static void test_at_the_holders(void **state)
{
    workers *w = *state;
    layered l;
    double y[2 * WIDTH];
    const sharing s = sharing_of(w, 2, true);
    sy_plan *plan = build(w, &l);
    sy_pointer_plan *sent = NULL;
    sy_tensor *x = workers_tensor(w, 2, (int64_t[]){2, WIDTH}, batch);
    expected(w, plan, x, y, 2 * WIDTH);
    share_state(&s, plan);
    assert_ok(sy_plan_send(plan, &sent, s.holders, s.count, false, &w->err), &w->err);
    for (int turn = 0; turn < 2; turn++) {
        const sy_value argument = sy_value_tensor(sharing_fixed(&s, x, 4));
        sy_tensor *result = NULL;
        sy_sharing_cost before, after;
        assert_ok(sy_hook_synchronize(w->hook, &w->err), &w->err);
        assert_ok(sy_sharing_get_cost(s.holders, s.count, s.provider, 1, &before, &w->err),
                  &w->err);
        const sy_traffic then[] = {sy_worker_get_traffic(s.holders[0]),
                                   sy_worker_get_traffic(s.holders[1])};
        assert_ok(sy_pointer_plan_run(sent, &argument, 1, NULL, &result, 1, NULL, &w->err),
                  &w->err);
        for (int k = 0; k < 2 && turn > 0; k++) {
            const sy_traffic now = sy_worker_get_traffic(s.holders[k]);
            assert_int_equal(now.messages_sent - then[k].messages_sent, 1);
            assert_int_equal(now.messages_received - then[k].messages_received, 1);
        }
        assert_ok(sy_sharing_get_cost(s.holders, s.count, s.provider, 1, &after, &w->err), &w->err);
        assert_int_equal(after.rounds - before.rounds, 2 * LAYERS);
        /* activations and truncations; the weights, once */
        const uint64_t opened = LAYERS * 2 * (8 * 2 * WIDTH) + (turn == 0 ? LAYERS * 8 * 16 : 0);
        assert_int_equal(after.bytes_sent - before.bytes_sent, opened);
        assert_true(sy_tensor_is_fixed_precision(result));
        assert_true(sy_tensor_is_shared(result));
        assert_close(&s, result, y, 2 * WIDTH);
        sy_tensor_unref(result);
    }
    sy_pointer_plan_unref(sent);
    sy_plan_unref(plan);
}

/* relu(a x + b) */
static sy_status forward_relu(sy_plan_frame *frame, sy_scope *scope, void *user, sy_error *err)
{
    const layered *l = user;
    sy_tensor *x = sy_plan_frame_argument(frame, 0);
    return sy_plan_frame_return(
        frame, sy_relu(scope, sy_linear(scope, x, l->weights[0], l->biases[0])), err);
}

static sy_plan *build_relu(workers *w, layered *l)
{
    sy_plan *plan = NULL;
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    const sy_plan_shape shape = {SY_DTYPE_F32, 2, {-1, WIDTH}};
    const float weight[WIDTH * WIDTH] = {1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 2, 0, 0, 0, 0, -2};
    const float bias[WIDTH] = {0.5f, 0.25f, -1, 0};
    l->weights[0] = workers_tensor(w, 2, (int64_t[]){WIDTH, WIDTH}, weight);
    l->biases[0] = workers_tensor(w, 1, (int64_t[]){WIDTH}, bias);
    options.name = "relu";
    options.forward = forward_relu;
    options.user = l;
    assert_ok(sy_plan_new(w->hook, &plan, &options, &w->err), &w->err);
    assert_ok(sy_plan_build_shapes(plan, &shape, 1, &w->err), &w->err);
    return plan;
}

/* A plan is shared by a protocol, and compares by it. */
static void run_by(sharing *s, const char *protocol, uint64_t rounds)
{
    workers *w = s->w;
    layered l;
    sy_pointer_plan *sent = NULL;
    sy_tensor *result = NULL;
    sy_sharing_cost before, after;
    sy_precision_options precision = SY_PRECISION_OPTIONS_INIT;
    sy_plan *plan = build_relu(w, &l);
    precision.precision_fractional = 4;
    s->options.protocol = protocol;
    assert_ok(sy_plan_fix_precision_(plan, &precision, &w->err), &w->err);
    assert_ok(sy_plan_share_with_(plan, s->holders, s->count, &s->options, &w->err), &w->err);
    assert_ok(sy_plan_send(plan, &sent, s->holders, s->count, false, &w->err), &w->err);
    sy_tensor *x = workers_tensor(w, 2, (int64_t[]){1, WIDTH}, batch);
    sy_value argument = sy_value_tensor(sharing_fixed(s, x, 4));
    assert_ok(sy_sharing_get_cost(s->holders, s->count, s->provider, 0, &before, &w->err), &w->err);
    assert_ok(sy_pointer_plan_run(sent, &argument, 1, NULL, &result, 1, NULL, &w->err), &w->err);
    assert_ok(sy_sharing_get_cost(s->holders, s->count, s->provider, 0, &after, &w->err), &w->err);
    assert_int_equal(after.rounds - before.rounds, rounds);
    assert_near(s, result, 0.0003, 1.5, 0.75, 0, 0);
    sy_tensor_unref(result);
    s->options.protocol = strcmp(protocol, "bits") == 0 ? "fss" : "bits";
    argument = sy_value_tensor(sharing_fixed(s, x, 4));
    assert_fails(w, sy_plan_run(plan, &argument, 1, NULL, &result, 1, NULL, &w->err),
                 SY_ECOLLOCATION, protocol);
    sy_pointer_plan_unref(sent);
    sy_plan_unref(plan);
}

static void test_protocols(void **state)
{
    sharing s = sharing_of(*state, 2, true);
    layered l;
    sy_plan *plan = build_relu(s.w, &l);
    run_by(&s, "bits", 1 + 4); /* the relu divides */
    run_by(&s, "fss", 1 + 2);
    run_by(&s, "snn", 2 + 10 + 1); /* and what the holders draw together */
    s.options.protocol = "yao";
    assert_fails(s.w, sy_plan_share_with_(plan, s.holders, s.count, &s.options, &s.w->err),
                 SY_EINVAL, "yao");
    sy_plan_unref(plan);
}

static void test_modules(void **state)
{
    workers *w = *state;
    sharing s = sharing_of(w, 2, false);
    sy_module *module = NULL;
    sy_share_options options = SY_SHARE_OPTIONS_INIT;
    assert_ok(sy_module_new_linear(w->hook, &module, 3, 2, true, &w->err), &w->err);
    assert_ok(sy_module_fix_precision_(module, NULL, &w->err), &w->err);
    s.options.protocol = "fss";
    assert_ok(sy_module_share_with_(module, s.holders, s.count, &s.options, &w->err), &w->err);
    size_t count = 0;
    sy_tensor *const *parameters = sy_module_get_parameters(module, &count);
    assert_int_equal(count, 2);
    for (size_t k = 0; k < count; k++) {
        assert_ok(sy_shared_get_attributes(parameters[k], &options, NULL, &w->err), &w->err);
        assert_string_equal(options.protocol, "fss");
    }
    sy_module_unref(module);
}

/* Results of the plan go on as any shared value; a plan that is not at all holders, and mixed arguments, are refused. */
static void test_mixed(void **state)
{
    workers *w = *state;
    layered l;
    const sharing s = sharing_of(w, 2, false);
    sy_plan *plan = build(w, &l);
    sy_pointer_plan *sent = NULL;
    sy_tensor *x = workers_tensor(w, 2, (int64_t[]){2, WIDTH}, batch), *result = NULL;
    share_state(&s, plan);
    assert_ok(sy_plan_send(plan, &sent, s.holders, 1, false, &w->err), &w->err);
    sy_value argument = sy_value_tensor(sharing_fixed(&s, x, 4));
    assert_fails(w, sy_pointer_plan_run(sent, &argument, 1, NULL, &result, 1, NULL, &w->err),
                 SY_ECOLLOCATION, "alice");
    sy_pointer_plan_unref(sent);
    assert_ok(sy_plan_send(plan, &sent, s.holders, 2, false, &w->err), &w->err);
    assert_ok(sy_pointer_plan_run(sent, &argument, 1, NULL, &result, 1, NULL, &w->err), &w->err);
    sy_tensor *twice = OP(w, "add", TENSOR(result), TENSOR(result));
    sy_tensor *same = OP(w, "sub", TENSOR(twice), TENSOR(result));
    sy_tensor *difference = OP(w, "sub", TENSOR(same), TENSOR(result));
    assert_shared(&s, difference, 0, 0, 0, 0, 0, 0, 0, 0);
    sy_tensor_unref(result);
    sy_pointer_plan_unref(sent);
    sy_plan_unref(plan);
}

/* Numbers that a product makes too large for its truncation are seen in the test mode, and those that are too large to begin
 * with are not shared. */
static void test_range(void **state)
{
    workers *w = *state;
    sharing s = sharing_of(w, 2, false);
    sy_precision_options options = SY_PRECISION_OPTIONS_INIT;
    sy_tensor *large = FLOATS(w, 3e15f), *fixed = NULL, *shared = NULL;
    assert_ok(sy_tensor_fix_precision(large, &fixed, &options, &w->err), &w->err);
    assert_ok(sy_tensor_share(fixed, &shared, s.holders, 2, NULL, &w->err), &w->err);
    sy_tensor_unref(shared);
    sy_tensor_unref(fixed);
    assert_ok(sy_tensor_fix_precision(FLOATS(w, 5e15f), &fixed, &options, &w->err), &w->err);
    assert_fails(w, sy_tensor_share(fixed, &shared, s.holders, 2, NULL, &w->err), SY_ERANGE,
                 "quarter of the field", "4.61169e+15");
    sy_tensor_unref(fixed);
    for (size_t k = 0; k < w->place_count; k++) {
        sy_hook_check_shared_range(w->places[k].hook, true);
    }
    sy_tensor *x = SHARED_FIXED(&s, 3, 1048576, -1048576);
    assert_shared(&s, OP(w, "mul", TENSOR(x), TENSOR(SHARED_FIXED(&s, 3, 524288, 524288))),
                  549755813888, -549755813888);
    assert_fails(w, CALL(w, "mul", TENSOR(x), TENSOR(SHARED_FIXED(&s, 3, 1, 8388608))), SY_ERANGE,
                 "beyond what comes out right");
    assert_shared(&s, x, 1048576, -1048576);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_here),      LIBRARY_WORKER_KINDS(test_at_the_holders),
        LIBRARY_WORKER_KINDS(test_protocols), LIBRARY_WORKER_KINDS(test_modules),
        LIBRARY_WORKER_KINDS(test_mixed),     LIBRARY_WORKER_KINDS(test_range),
    };
    return workers_run(tests);
}
