/*
 * record_test.c - what recording makes of sizes that are open (in slices, computed with, returned), each plan run at the traced
 * length, at 1, and at others that divide nothing; and that building leaves state and examples as they were.
 */
#include "execution/record.h"

#include <string.h>

#include <csyft/optim.h>

#include "core/error.h"
#include "execution/plan.h"
#include "support/local_plans.h"

/* Sizes: every function gets x of n rows and 2 columns. */

static sy_tensor *argument(sy_plan_frame *f)
{
    return sy_plan_frame_argument(f, 0);
}

/* The sum of the first half of the rows, beside that of the others. */
static sy_status halves(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *x = argument(f);
    const int64_t half = sy_plan_size_floordiv(s, sy_plan_size(s, x, 0), 2);
    const sy_value first = sy_value_slice(SY_SLICE_OPEN, half, 1);
    const sy_value others = sy_value_slice(half, SY_SLICE_OPEN, 1);
    sy_tensor *sums[] = {sy_sum_dim(s, sy_index(s, x, &first, 1), 0, false),
                         sy_sum_dim(s, sy_index(s, x, &others, 1), 0, false)};
    return sy_plan_frame_return(f, sy_cat(s, sums, 2, 0), err);
}

/* All but the last row, by narrow, and the last, by select and by an index. */
static sy_status last(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *x = argument(f);
    const int64_t before = sy_plan_size_sub(s, sy_plan_size(s, x, 0), 1);
    const sy_value place = sy_value_int(before);
    sy_tensor *parts[] = {sy_sum_dim(s, sy_narrow(s, x, 0, 0, before), 0, false),
                          sy_select(s, x, 0, before), sy_index(s, x, &place, 1)};
    return sy_plan_frame_return(f, sy_cat(s, parts, 3, 0), err);
}

/* All elements in one row, by a product of sizes, and how many there are. */
static sy_status flattened(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *x = argument(f);
    const int64_t all = sy_plan_size_mul(s, sy_plan_size(s, x, 0), sy_plan_size(s, x, 1));
    sy_tensor *row = sy_reshape(s, x, 2, (int64_t[]){1, all});
    const sy_value results[] = {sy_value_tensor(sy_sum_dim(s, row, 1, false)), sy_value_int(all),
                                sy_value_int(sy_plan_size_add(s, all, -1))};
    return sy_plan_frame_return_values(f, results, 3, err);
}

/* Whole groups of three rows: what remains is left out (drop_last). */
static sy_status groups(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *x = argument(f);
    const int64_t n = sy_plan_size(s, x, 0);
    const int64_t rest = sy_plan_size_mod(s, n, 3);
    sy_tensor *whole = sy_slice(s, x, 0, 0, sy_plan_size_sub(s, n, rest), 1);
    const int64_t count = sy_plan_size_floordiv(s, n, 3);
    sy_tensor *grouped = sy_reshape(s, whole, 3, (int64_t[]){count, 3, 2});
    return sy_plan_frame_return(f, sy_sum(s, grouped), err);
}

/* n // 20 is 0 for both lengths with which it is built. What is made with it is open all the same. */
static sy_status vague(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *x = argument(f);
    const int64_t few = sy_plan_size_floordiv(s, sy_plan_size(s, x, 0), 20);
    sy_tensor *head = sy_relu(s, sy_narrow(s, x, 0, 0, few));
    const int64_t rows = sy_plan_size(s, head, 0);
    const sy_value results[] = {sy_value_int(rows), sy_value_int(sy_plan_size(s, head, 1)),
                                sy_value_tensor(sy_ones(s, SY_DTYPE_F32, 1, &rows))};
    return sy_plan_frame_return_values(f, results, 3, err);
}

/* Rows with their positions behind them, and as many rows of zeros: sizes in arange, full, expand, pad, repeat. */
static sy_status positions(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *x = argument(f);
    const int64_t n = sy_plan_size(s, x, 0);
    const sy_value end = sy_value_int(n), size = sy_value_list(&end, 1);
    const sy_value full[] = {size, sy_value_int(n)};
    const sy_value both[] = {sy_value_int(n), sy_value_int(1)};
    sy_tensor *place = sy_scope_call(s, "arange", &end, 1);
    sy_tensor *counts = sy_scope_call(s, "full", full, 2);
    const sy_value expanded[] = {sy_value_tensor(sy_ones(s, SY_DTYPE_I64, 2, (int64_t[]){1, 1})),
                                 sy_value_list(both, 2)};
    sy_tensor *ones = sy_scope_call(s, "expand", expanded, 2);
    sy_tensor *longer = sy_pad(s, x, (int64_t[]){0, 0, 0, n}, 4, NULL, 0);
    const sy_value results[] = {
        sy_value_tensor(sy_sum(s, place)), sy_value_tensor(sy_sum(s, counts)),
        sy_value_tensor(sy_sum(s, ones)), sy_value_int(sy_plan_size(s, longer, 0))};
    return sy_plan_frame_return_values(f, results, 4, err);
}

/* n rows of counting pairs; given back with what was returned, as doubles in one row. */
static size_t run_with(local_hook *local, sy_plan *plan, int64_t n, double *values)
{
    sy_tensor *x = counting_matrix(local, n, 2), *results[4] = {NULL};
    const sy_value arg = sy_value_tensor(x);
    size_t made = 0, filled = 0;
    assert_ok(sy_plan_run(plan, &arg, 1, NULL, results, 4, &made, &local->err), &local->err);
    for (size_t k = 0; k < made; k++) {
        sy_scope *s = sy_scope_begin(local->hook);
        sy_tensor *row = sy_to(s, sy_reshape(s, results[k], 1, (int64_t[]){-1}), SY_DTYPE_F64);
        int64_t length = 0;
        assert_non_null(row);
        assert_ok(sy_tensor_get_length(row, &length, &local->err), &local->err);
        assert_ok(
            sy_tensor_copy_data(row, &values[filled], (size_t)length * sizeof *values, &local->err),
            &local->err);
        filled += (size_t)length;
        assert_ok(sy_scope_end(s, &local->err), &local->err);
        sy_tensor_unref(results[k]);
    }
    sy_tensor_unref(x);
    return filled;
}

static double row_sum(int64_t from, int64_t to, int column)
{
    double sum = 0;
    for (int64_t k = from; k < to; k++) {
        sum += 2 * (double)k + column;
    }
    return sum;
}

static size_t expect_halves(int64_t n, double *e)
{
    const int64_t half = n / 2;
    e[0] = row_sum(0, half, 0);
    e[1] = row_sum(0, half, 1);
    e[2] = row_sum(half, n, 0);
    e[3] = row_sum(half, n, 1);
    return 4;
}

static size_t expect_last(int64_t n, double *e)
{
    e[0] = row_sum(0, n - 1, 0);
    e[1] = row_sum(0, n - 1, 1);
    e[2] = e[4] = 2 * (double)(n - 1);
    e[3] = e[5] = e[2] + 1;
    return 6;
}

static size_t expect_flattened(int64_t n, double *e)
{
    e[0] = row_sum(0, n, 0) + row_sum(0, n, 1);
    e[1] = 2 * (double)n;
    e[2] = e[1] - 1;
    return 3;
}

static size_t expect_groups(int64_t n, double *e)
{
    e[0] = row_sum(0, n - n % 3, 0) + row_sum(0, n - n % 3, 1);
    return 1;
}

static size_t expect_vague(int64_t n, double *e)
{
    e[0] = (double)(n / 20);
    e[1] = 2;
    for (int64_t k = 0; k < n / 20; k++) {
        e[2 + k] = 1;
    }
    return (size_t)(2 + n / 20);
}

static size_t expect_positions(int64_t n, double *e)
{
    e[0] = (double)(n * (n - 1) / 2);
    e[1] = (double)(n * n);
    e[2] = (double)n;
    e[3] = 2 * (double)n;
    return 4;
}

static const struct {
    const char *name;
    sy_plan_fn function;
    size_t (*expect)(int64_t n, double *expected);
    const char *code; /* a line of it */
} functions[] = {
    {"halves", halves, expect_halves, "arg_1.index([:var_1:1])"},
    {"last", last, expect_last, "var_1 = var_0 - 1\n"},
    {"flattened", flattened, expect_flattened, "var_1 = var_0 * 2\n"},
    {"groups", groups, expect_groups, "var_1 = var_0 % 3\n"},
    {"positions", positions, expect_positions, "torch.arange(0, var_0)"},
    {"vague", vague, expect_vague, "var_1 = var_0 // 20\n"},
};

static const sy_plan_shape pairs = {SY_DTYPE_F32, 2, {-1, 2}};
static const int64_t lengths[] = {SYI_OPEN_SIZE, 1, 5, SYI_OPEN_SIZE_SHADOW, 31};

static void assert_computes(local_hook *local, sy_plan *plan, size_t which)
{
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        double actual[64] = {0}, expected[64] = {0};
        const size_t count = functions[which].expect(lengths[k], expected);
        assert_int_equal(run_with(local, plan, lengths[k], actual), count);
        for (size_t i = 0; i < count; i++) {
            if (actual[i] != expected[i]) {
                print_error("%s of %d rows, value %zu: expected %g, actual %g\n",
                            functions[which].name, (int)lengths[k], i, expected[i], actual[i]);
            }
            assert_true(actual[i] == expected[i]);
        }
    }
}

static void test_sizes(void **state)
{
    local_hook *local = *state;
    for (size_t k = 0; k < sizeof functions / sizeof *functions; k++) {
        sy_plan *plan = new_plan(local, functions[k].name, functions[k].function, NULL, NULL, 0);
        sy_plan *back = NULL;
        sy_tensor *object = NULL;
        void *bytes = NULL;
        size_t size = 0;
        char *text = NULL;
        build_plan(local, plan, &pairs, 1);
        assert_computes(local, plan, k);
        assert_ok(sy_plan_get_code(plan, &text, &local->err), &local->err);
        if (strstr(text, functions[k].code) == NULL) {
            print_error("%s\n", text);
        }
        assert_non_null(strstr(text, functions[k].code));
        sy_string_free(local->hook, text);
        /* And as it comes to others */
        assert_ok(sy_tensor_serialize(syi_plan_get_object(plan), &bytes, &size, &local->err),
                  &local->err);
        assert_ok(sy_tensor_deserialize(local->hook, &object, bytes, size, &local->err),
                  &local->err);
        assert_ok(syi_plan_from_object(&back, object, &local->err), &local->err);
        assert_computes(local, back, k);
        sy_bytes_free(local->hook, bytes, size);
        sy_plan_unref(back);
        sy_plan_unref(plan);
    }
}

/* A built plan inside of another: its sizes are the outer one's placeholders. */
static sy_status outer_of(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    sy_tensor *x = argument(f);
    return sy_plan_frame_return(f, sy_plan_call(s, user, &x, 1), err);
}

static void test_nested_sizes(void **state)
{
    local_hook *local = *state;
    static const size_t of_one_result[] = {0, 1, 3};
    for (size_t k = 0; k < sizeof of_one_result / sizeof *of_one_result; k++) {
        const size_t which = of_one_result[k];
        for (int built = 0; built < 2; built++) {
            sy_plan *inner = new_plan(local, "inner", functions[which].function, NULL, NULL, 0);
            sy_plan *outer = new_plan(local, "outer", outer_of, inner, NULL, 0);
            if (built) {
                build_plan(local, inner, &pairs, 1);
            }
            build_plan(local, outer, &pairs, 1);
            assert_computes(local, outer, which);
            sy_plan_unref(inner);
            sy_plan_unref(outer);
        }
    }
}

/* Without a plan being built, they are the numbers that they are. */
static void test_sizes_elsewhere(void **state)
{
    local_hook *local = *state;
    sy_tensor *x = counting_matrix(local, 5, 2);
    sy_scope *s = sy_scope_begin(local->hook);
    const int64_t n = sy_plan_size(s, x, 0);
    assert_int_equal(sy_plan_size_floordiv(s, n, 2), 2);
    assert_int_equal(sy_plan_size_mod(s, n, 2), 1);
    assert_int_equal(sy_plan_size_add(s, n, 2), 7);
    assert_int_equal(sy_plan_size_sub(s, n, 7), -2);
    assert_int_equal(sy_plan_size_mul(s, n, n), 25);
    assert_int_equal(sy_plan_size_floordiv(s, n, 0), 0);
    assert_int_equal(sy_scope_get_status(s), SY_ERANGE);
    assert_status(sy_scope_end(s, &local->err), SY_ERANGE, &local->err);
    sy_tensor_unref(x);
}

/* A divisor that is 0 for another batch only: the run fails, and says where. */
static sy_status divided(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    const int64_t n = sy_plan_size(s, argument(f), 0);
    const int64_t each = sy_plan_size_floordiv(s, 12, sy_plan_size_sub(s, n, 1));
    return sy_plan_frame_return(f, sy_mul_int(s, argument(f), each), err);
}

static void test_division_by_zero(void **state)
{
    local_hook *local = *state;
    sy_plan *plan = new_plan(local, "divided", divided, NULL, NULL, 0);
    build_plan(local, plan, &pairs, 1);
    EXPECT(RUN(plan, counting_matrix(local, 3, 2)), 0, 6, 12, 18, 24, 30);
    sy_tensor *x = counting_matrix(local, 1, 2), *result = NULL;
    const sy_value arg = sy_value_tensor(x);
    assert_status(sy_plan_run(plan, &arg, 1, NULL, &result, 1, NULL, &local->err), SY_ERANGE,
                  &local->err);
    assert_non_null(strstr(local->err.message, "plan divided, step 3 (floordiv): "));
    assert_non_null(strstr(local->err.message, "12 // 0"));
    assert_null(result);
    sy_tensor_unref(x);
    sy_plan_unref(plan);
}

/* Sums, products, quotients and differences that C makes of the placeholders are not taken for numbers. */
static sy_status computed_in_c(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    sy_tensor *x = argument(f);
    const int64_t n = sy_plan_size(s, x, 0), all = sy_plan_size_mul(s, n, 2);
    const int64_t more = sy_plan_size_add(s, n, 1);
    const int64_t numbers[] = {n + 1,       n * 2,   n / 2,   -n,       all - n,
                               all - n + 1, n - all, all + n, more - n, more - n - 3};
    const int which = *(const int *)user;
    if (which == (int)(sizeof numbers / sizeof *numbers)) {
        return sy_plan_frame_return(f, sy_mul_int(s, x, INT64_C(1) << 33), err); /* honest */
    }
    return sy_plan_frame_return(f, sy_mul_int(s, x, numbers[which]), err);
}

static void test_computed_in_c(void **state)
{
    local_hook *local = *state;
    for (int which = 0; which <= 10; which++) {
        const sy_status expected = which == 10 ? SY_OK : SY_EINVAL;
        sy_plan *plan = new_plan(local, "in_c", computed_in_c, &which, NULL, 0);
        const sy_status status = sy_plan_build_shapes(plan, &pairs, 1, &local->err);
        if (status != expected) {
            print_error("number %d: %s\n", which, local->err.message);
        }
        assert_int_equal(status, expected);
        if (status != SY_OK) {
            assert_non_null(strstr(local->err.message, "sy_plan_size_add"));
        }
        sy_plan_unref(plan);
    }
}

/* The shape of what may be open cannot be read, either. */
static sy_status reads_vague(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    const int64_t few = sy_plan_size_floordiv(s, sy_plan_size(s, argument(f), 0), 20);
    sy_tensor *head = sy_narrow(s, argument(f), 0, 0, few);
    return head != NULL ? sy_tensor_get_shape(head, &ndim, shape, err) : SY_OK;
}

static void test_vague_shape(void **state)
{
    local_hook *local = *state;
    sy_plan *plan = new_plan(local, "reads", reads_vague, NULL, NULL, 0);
    assert_status(sy_plan_build_shapes(plan, &pairs, 1, &local->err), SY_EINVAL, &local->err);
    assert_non_null(strstr(local->err.message, "may be open"));
    sy_plan_unref(plan);
}

/* One limit for lists, here and at a worker. */
static sy_status many_places(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    static sy_value places[600];
    const int count = *(const int *)user;
    for (int k = 0; k < count; k++) {
        places[k] = sy_value_int(k % 2);
    }
    const sy_value index = sy_value_list(places, (size_t)count);
    return sy_plan_frame_return(f, sy_sum(s, sy_index(s, argument(f), &index, 1)), err);
}

static void test_long_lists(void **state)
{
    local_hook *local = *state;
    static const int counts[] = {300, 511, 512};
    for (int k = 0; k < 3; k++) {
        int count = counts[k];
        sy_plan *plan = new_plan(local, "places", many_places, &count, NULL, 0);
        const sy_status status = sy_plan_build_shapes(plan, &pairs, 1, &local->err);
        if (k == 2) { /* the list itself counts */
            assert_status(status, SY_ELIMIT, &local->err);
            assert_non_null(strstr(local->err.message, "512"));
        } else {
            void *bytes = NULL;
            size_t size = 0;
            sy_tensor *object = NULL;
            assert_ok(status, &local->err);
            assert_ok(sy_tensor_serialize(syi_plan_get_object(plan), &bytes, &size, &local->err),
                      &local->err);
            assert_ok(sy_tensor_deserialize(local->hook, &object, bytes, size, &local->err),
                      &local->err);
            sy_bytes_free(local->hook, bytes, size);
            sy_tensor_unref(object);
        }
        sy_plan_unref(plan);
    }
}

/* Building leaves no trace */

typedef struct traced {
    sy_tensor *weights, *view, *gradient, *held; /* the last as weights has it */
    bool built;
} traced;

/* Writes to everything there is: contents through a view, gradients, flags. */
static sy_status writes(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    traced *t = user;
    sy_tensor *x = argument(f), *grad = NULL;
    sy_tensor *loss = sy_sum(s, sy_mul(s, x, t->weights));
    if (loss == NULL) {
        return SY_OK;
    }
    sy_status status = sy_tensor_backward(loss, NULL, err);
    status = status == SY_OK ? sy_tensor_get_grad(t->weights, &grad, err) : status;
    if (status != SY_OK) {
        return status;
    }
    sy_sgd_(s, t->weights, sy_scope_adopt(s, grad), 0.5);
    sy_fill_(s, t->view, 9);
    sy_zero_(s, t->gradient);
    status = sy_tensor_set_grad(t->weights, NULL, err);
    status = status == SY_OK ? sy_tensor_set_requires_grad(t->weights, false, err) : status;
    sy_fill_(s, t->weights, 7);
    return status == SY_OK ? sy_plan_frame_return(f, sy_add_int_(s, x, 1), err) : status;
}

static sy_status make_traced(sy_hook *hook, traced *t, sy_error *err)
{
    sy_scope *s = NULL;
    sy_tensor *whole = NULL;
    SY_TRY(sy_tensor_from_floats(hook, &t->weights, (float[]){1, 2}, 2, err));
    SY_TRY(sy_tensor_from_floats(hook, &t->gradient, (float[]){3, 4}, 2, err));
    SY_TRY(sy_tensor_set_requires_grad(t->weights, true, err));
    SY_TRY(sy_tensor_set_grad(t->weights, t->gradient, err));
    t->held = t->weights->grad;
    SY_TRY(sy_tensor_from_floats(hook, &whole, (float[]){5, 6, 7}, 3, err));
    s = sy_scope_begin(hook);
    sy_tensor *view = s != NULL ? sy_narrow(s, whole, 0, 1, 2) : NULL;
    t->view = view != NULL ? sy_scope_keep(s, view) : NULL;
    sy_tensor_unref(whole);
    return s != NULL ? sy_scope_end(s, err) : SYI_ENOMEM(err, "scope");
}

static void assert_traced(const traced *t)
{
    /* Without an allocation: there may be no memory. */
    const float *weights = syi_array_data(syi_node_array(t->weights->node));
    const float *view = syi_array_data(syi_node_array(t->view->node));
    const float *gradient = syi_array_data(syi_node_array(t->gradient->node));
    assert_true(weights[0] == 1 && weights[1] == 2);
    assert_true(view[0] == 6 && view[1] == 7);
    assert_true(gradient[0] == 3 && gradient[1] == 4);
    assert_ptr_equal(t->weights->grad, t->held);
    assert_true(t->weights->requires_grad);
    assert_null(t->weights->tape_node);
}

static sy_status build_traced(sy_context *context, void *argument_, sy_error *err)
{
    traced *t = argument_;
    sy_hook *hook = NULL;
    sy_plan *plan = NULL;
    sy_tensor *x = NULL;
    sy_hook_options hook_options = SY_HOOK_OPTIONS_INIT;
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    hook_options.verbose = false;
    options.forward = writes;
    options.user = t;
    memset(t, 0, sizeof *t);
    sy_status status = SY_OK;
    SY_GOTO(done, sy_hook_new(context, &hook, &hook_options, err));
    SY_GOTO(done, make_traced(hook, t, err));
    SY_GOTO(done, sy_tensor_from_floats(hook, &x, (float[]){10, 20}, 2, err));
    SY_GOTO(done, sy_plan_new(hook, &plan, &options, err));
    const sy_value arg = sy_value_tensor(x);
    status = sy_plan_build(plan, &arg, 1, err);
    t->built |= status == SY_OK;
    assert_traced(t);
    const float *example = syi_array_data(syi_node_array(x->node));
    assert_true(example[0] == 10 && example[1] == 20);
done:
    sy_plan_unref(plan);
    sy_tensor_unref(x);
    sy_tensor_unref(t->weights);
    sy_tensor_unref(t->view);
    sy_tensor_unref(t->gradient);
    sy_hook_free(hook);
    return status;
}

/* Also when any one allocation fails. */
static void test_left_as_it_was(void **state)
{
    (void)state;
    traced t;
    assert_in_range(memory_faults_sweep(build_traced, &t), 50, 5000);
    assert_true(t.built);
}

/* The first call builds, and then runs, once. */
static sy_status counts_up(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    return sy_plan_frame_return(f, sy_add_int_(s, argument(f), 1), err);
}

static void test_examples(void **state)
{
    local_hook *local = *state;
    sy_plan *plan = new_plan(local, "counts", counts_up, NULL, NULL, 0);
    sy_tensor *x = FLOATS(1, 2), *result = NULL;
    const sy_value arg = sy_value_tensor(x);
    assert_ok(sy_plan_run(plan, &arg, 1, NULL, &result, 1, NULL, &local->err), &local->err);
    EXPECT(result, 2, 3);
    EXPECT(x, 2, 3);
    sy_plan_unref(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCAL_HOOK_TEST(test_sizes),           LOCAL_HOOK_TEST(test_nested_sizes),
        LOCAL_HOOK_TEST(test_sizes_elsewhere), LOCAL_HOOK_TEST(test_division_by_zero),
        LOCAL_HOOK_TEST(test_computed_in_c),   LOCAL_HOOK_TEST(test_vague_shape),
        LOCAL_HOOK_TEST(test_long_lists),      LOCAL_HOOK_TEST(test_examples),
        cmocka_unit_test(test_left_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
