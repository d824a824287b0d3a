/*
 * gradients_test.c - every gradient of gradients.c: against finite differences (f64, random shapes with
 * broadcasting, out of place and in place), and at the corners (ties, zeros) against torch 1.13.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <csyft/operations.h>

#include "hook/tape.h"
#include "support/failing_allocator.h"
#include "support/property.h"

enum { INPUT_MAX = 4, ELEMENT_MAX = 512 };

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
    sy_hook *hook;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.verbose = false;
    f->context = failing_allocator_context(&f->memory);
    *state = f;
    return f->context != NULL && syi_hook_new(f->context, &f->hook, &options, NULL) == SY_OK ? 0
                                                                                             : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    syi_hook_free(f->hook);
    sy_context_free(f->context);
    const int broken = f->memory.live != 0 || f->memory.broken;
    free(f);
    return broken;
}

/* Problems: an operation, its arguments and the data of its tensors */

typedef enum domain {
    ANY,      /* in (-2, 2), no two elements of a problem equal, none near 0 */
    POSITIVE, /* in (0.3, 2.3) */
} domain;

typedef struct input {
    int ndim;
    int64_t shape[SY_DIM_MAX];
    int64_t numel;
    double data[ELEMENT_MAX];
    domain domain;
    bool integer; /* int64 data that take no gradient */
    bool boolean;
} input;

typedef struct problem {
    property_random *random;
    const char *name;
    input inputs[INPUT_MAX];
    int input_count;
    bool listed;                     /* all inputs are one T[] argument, the first */
    sy_value args[SYI_ARGUMENT_MAX]; /* SYI_VALUE_ARRAY: input as.integer */
    size_t arg_count;
    sy_value items[2][SY_DIM_MAX]; /* of lists among args */
} problem;

static int64_t between(problem *p, int64_t low, int64_t high)
{
    return property_between(p->random, low, high);
}

static input *add_input(problem *p, domain from, int ndim, const int64_t *shape)
{
    input *in = &p->inputs[p->input_count++];
    memset(in, 0, sizeof *in);
    in->domain = from;
    in->ndim = ndim;
    in->numel = 1;
    for (int d = 0; d < ndim; d++) {
        in->shape[d] = shape[d];
        in->numel *= shape[d];
    }
    assert_true(in->numel <= ELEMENT_MAX);
    return in;
}

static void push(problem *p, sy_value value)
{
    p->args[p->arg_count++] = value;
}

static void push_input(problem *p, int which)
{
    sy_value value = {.kind = (sy_value_kind)SYI_VALUE_ARRAY};
    value.as.integer = which;
    push(p, value);
}

static void push_ints(problem *p, int list, const int64_t *values, int count)
{
    for (int k = 0; k < count; k++) {
        p->items[list][k] = sy_value_int(values[k]);
    }
    push(p, sy_value_list(p->items[list], (size_t)count));
}

static int random_shape(problem *p, int low, int high, int64_t shape[SY_DIM_MAX])
{
    const int ndim = (int)between(p, low, high);
    for (int d = 0; d < ndim; d++) {
        shape[d] = between(p, 1, 4);
    }
    return ndim;
}

/* Distinct values over all inputs: a shuffled grid that has no point near 0. */
static void draw(problem *p)
{
    double grid[INPUT_MAX * ELEMENT_MAX];
    int64_t total = 0;
    for (int k = 0; k < p->input_count; k++) {
        total += p->inputs[k].numel;
    }
    const int64_t points = total + total % 2;
    for (int64_t i = 0; i < points; i++) {
        grid[i] = -2 + 4 * ((double)i + 0.5) / (double)points;
    }
    for (int64_t i = points - 1; i > 0; i--) {
        const int64_t j = between(p, 0, i);
        const double swap = grid[i];
        grid[i] = grid[j];
        grid[j] = swap;
    }
    int64_t at = 0;
    for (int k = 0; k < p->input_count; k++) {
        input *in = &p->inputs[k];
        for (int64_t i = 0; i < in->numel && !in->integer; i++, at++) {
            in->data[i] = in->domain == POSITIVE ? fabs(grid[at]) + 0.3 : grid[at];
            if (in->boolean) {
                in->data[i] = grid[at] > 0;
            }
        }
    }
}

/* How to make problems, per shape of parameters */

/* Two shapes that broadcast: dims of either may be 1, and either may lack leading ones. */
static void two_inputs(problem *p, domain a, domain b)
{
    int64_t full[SY_DIM_MAX], shapes[2][SY_DIM_MAX];
    const int ndim = random_shape(p, 0, 3, full);
    const domain domains[] = {a, b};
    for (int side = 0; side < 2; side++) {
        const int skip = (int)between(p, 0, 2) == 0 ? (int)between(p, 0, ndim) : 0;
        for (int d = skip; d < ndim; d++) {
            shapes[side][d - skip] = between(p, 0, 3) == 0 ? 1 : full[d];
        }
        add_input(p, domains[side], ndim - skip, shapes[side]);
        push_input(p, side);
    }
}

static void make_binary(problem *p, domain a, domain b)
{
    if (between(p, 0, 3) == 0) {
        int64_t shape[SY_DIM_MAX];
        const int ndim = random_shape(p, 0, 3, shape);
        add_input(p, a, ndim, shape);
        push_input(p, 0);
        push(p,
             between(p, 0, 1) != 0 ? sy_value_float(b == POSITIVE ? 1.7 : -0.7) : sy_value_int(2));
    } else {
        two_inputs(p, a, b);
    }
}

static void make_two(problem *p)
{
    make_binary(p, ANY, ANY);
}

static void make_two_alpha(problem *p)
{
    make_binary(p, ANY, ANY);
    if (between(p, 0, 1) != 0) {
        push(p, between(p, 0, 1) != 0 ? sy_value_float(-2.5) : sy_value_int(-1));
    }
}

static void make_two_divide(problem *p)
{
    make_binary(p, ANY, POSITIVE);
}

static void make_power(problem *p)
{
    make_binary(p, POSITIVE, ANY);
}

static void make_where(problem *p)
{
    int64_t shape[SY_DIM_MAX];
    const int ndim = random_shape(p, 0, 2, shape);
    add_input(p, ANY, ndim, shape)->boolean = true;
    push_input(p, 0);
    add_input(p, ANY, ndim, shape);
    push_input(p, 1);
    for (int d = 0; d < ndim; d++) {
        shape[d] = between(p, 0, 1) != 0 ? 1 : shape[d];
    }
    add_input(p, ANY, ndim, shape);
    push_input(p, 2);
}

static void one_input(problem *p, domain from, int low, int high)
{
    int64_t shape[SY_DIM_MAX];
    const int ndim = random_shape(p, low, high, shape);
    add_input(p, from, ndim, shape);
    push_input(p, 0);
}

static void make_one(problem *p)
{
    one_input(p, ANY, 0, 3);
}

static void make_one_positive(problem *p)
{
    one_input(p, POSITIVE, 0, 3);
}

static void make_to(problem *p)
{
    make_one(p);
    push(p, sy_value_dtype(SY_DTYPE_F64));
}

static void make_copy(problem *p)
{
    int64_t shape[SY_DIM_MAX];
    const int ndim = random_shape(p, 1, 3, shape);
    add_input(p, ANY, ndim, shape);
    add_input(p, ANY, ndim - 1, shape + 1);
    push_input(p, 0);
    push_input(p, 1);
}

static void make_fill(problem *p)
{
    make_one(p);
    push(p, sy_value_float(1.5));
}

static int64_t random_dim(problem *p, int ndim)
{
    return between(p, -ndim, ndim - 1);
}

static void make_reduction(problem *p)
{
    one_input(p, ANY, 1, 3);
    const int ndim = p->inputs[0].ndim;
    const int64_t which = between(p, 0, 3);
    if (which == 1) {
        push(p, sy_value_int(random_dim(p, ndim)));
        push(p, sy_value_bool(between(p, 0, 1) != 0));
    } else if (which == 2 && ndim > 1) {
        const int64_t dims[] = {-1, 0};
        push_ints(p, 0, dims, 2);
        push(p, sy_value_bool(between(p, 0, 1) != 0));
    } else if (which == 3) {
        push_ints(p, 0, NULL, 0);
    }
}

static void make_extremum(problem *p)
{
    one_input(p, ANY, 0, 3);
    const int ndim = p->inputs[0].ndim;
    if (between(p, 0, 2) != 0) {
        push(p, sy_value_int(ndim == 0 ? 0 : random_dim(p, ndim)));
        push(p, sy_value_bool(between(p, 0, 1) != 0));
    }
}

static void make_sum_to_size(problem *p)
{
    one_input(p, ANY, 1, 3);
    const input *in = &p->inputs[0];
    const int skip = (int)between(p, 0, in->ndim);
    int64_t shape[SY_DIM_MAX];
    for (int d = skip; d < in->ndim; d++) {
        shape[d - skip] = between(p, 0, 1) != 0 ? 1 : in->shape[d];
    }
    push_ints(p, 0, shape, in->ndim - skip);
}

/* [b...] x [m, n] x [n, k] with all mixtures of 1-d, 2-d and batches that broadcast. */
static void make_matmul(problem *p)
{
    const int64_t m = between(p, 1, 4), n = between(p, 1, 4), k = between(p, 1, 4);
    const int64_t batch = between(p, 1, 3);
    const int64_t left[] = {between(p, 0, 1) != 0 ? 1 : batch, batch, m, n};
    const int64_t right[] = {between(p, 0, 1) != 0 ? 1 : batch, batch, n, k};
    const int left_ndim = (int)between(p, 1, 4), right_ndim = (int)between(p, 1, 4);
    const int64_t *right_shape = right_ndim == 1 ? right + 2 : right + 4 - right_ndim;
    add_input(p, ANY, left_ndim, left + 4 - left_ndim);
    add_input(p, ANY, right_ndim, right_shape);
    push_input(p, 0);
    push_input(p, 1);
}

static void make_mm(problem *p)
{
    const int64_t m = between(p, 1, 4), n = between(p, 1, 4), k = between(p, 1, 4);
    add_input(p, ANY, 2, (const int64_t[]){m, n});
    add_input(p, ANY, 2, (const int64_t[]){n, k});
    push_input(p, 0);
    push_input(p, 1);
}

static void make_addmm(problem *p)
{
    const int64_t m = between(p, 1, 4), n = between(p, 1, 4), k = between(p, 1, 4);
    const int64_t bias[] = {between(p, 0, 1) != 0 ? 1 : m, k};
    const int skip = (int)between(p, 0, 1);
    add_input(p, ANY, 2 - skip, bias + skip);
    add_input(p, ANY, 2, (const int64_t[]){m, n});
    add_input(p, ANY, 2, (const int64_t[]){n, k});
    for (int which = 0; which < 3; which++) {
        push_input(p, which);
    }
    push(p, sy_value_float(0.5));
    push(p, sy_value_int(between(p, 1, 2)));
}

static void make_linear(problem *p)
{
    const int64_t out = between(p, 1, 4), in = between(p, 1, 4);
    const int64_t x[] = {between(p, 1, 2), between(p, 1, 3), in};
    const int skip = (int)between(p, 0, 2);
    add_input(p, ANY, 3 - skip, x + skip);
    add_input(p, ANY, 2, (const int64_t[]){out, in});
    push_input(p, 0);
    push_input(p, 1);
    if (between(p, 0, 1) != 0) {
        add_input(p, ANY, 1, &out);
        push_input(p, 2);
    }
}

static void make_reshape(problem *p)
{
    one_input(p, ANY, 1, 3);
    const input *in = &p->inputs[0];
    const int64_t shape[] = {in->numel / in->shape[0], -1};
    push_ints(p, 0, shape, 2);
}

static void make_flatten(problem *p)
{
    one_input(p, ANY, 2, 3);
    push(p, sy_value_int(between(p, 0, 1)));
}

static void make_t(problem *p)
{
    one_input(p, ANY, 0, 2);
}

static void make_transpose(problem *p)
{
    one_input(p, ANY, 1, 3);
    push(p, sy_value_int(random_dim(p, p->inputs[0].ndim)));
    push(p, sy_value_int(random_dim(p, p->inputs[0].ndim)));
}

static void make_permute(problem *p)
{
    one_input(p, ANY, 3, 3);
    push_ints(p, 0,
              between(p, 0, 1) != 0 ? (const int64_t[]){2, 0, 1} : (const int64_t[]){1, -1, 0}, 3);
}

static void make_expand(problem *p)
{
    one_input(p, ANY, 0, 2);
    const input *in = &p->inputs[0];
    int64_t shape[SY_DIM_MAX] = {between(p, 1, 3)};
    for (int d = 0; d < in->ndim; d++) {
        shape[d + 1] = in->shape[d] == 1 ? between(p, 1, 3) : in->shape[d];
    }
    push_ints(p, 0, shape, in->ndim + 1);
}

static void make_squeeze(problem *p)
{
    one_input(p, ANY, 1, 3);
    if (between(p, 0, 1) != 0) {
        push(p, sy_value_int(random_dim(p, p->inputs[0].ndim)));
    }
}

static void make_unsqueeze(problem *p)
{
    make_one(p);
    push(p, sy_value_int(random_dim(p, p->inputs[0].ndim + 1)));
}

static int64_t size_at(const problem *p, int64_t dim)
{
    const input *in = &p->inputs[0];
    return in->shape[dim < 0 ? dim + in->ndim : dim];
}

static void make_select(problem *p)
{
    one_input(p, ANY, 1, 3);
    const int64_t dim = random_dim(p, p->inputs[0].ndim), size = size_at(p, dim);
    push(p, sy_value_int(dim));
    push(p, sy_value_int(between(p, -size, size - 1)));
}

static void make_slice(problem *p)
{
    one_input(p, ANY, 1, 3);
    const int64_t dim = random_dim(p, p->inputs[0].ndim), size = size_at(p, dim);
    push(p, sy_value_int(dim));
    push(p, between(p, 0, 2) == 0 ? sy_value_none() : sy_value_int(between(p, -size - 1, size)));
    push(p, between(p, 0, 2) == 0 ? sy_value_none() : sy_value_int(between(p, -size, size + 2)));
    push(p, sy_value_int(between(p, 1, 2)));
}

static void make_narrow(problem *p)
{
    one_input(p, ANY, 1, 3);
    const int64_t dim = random_dim(p, p->inputs[0].ndim), size = size_at(p, dim);
    const int64_t start = between(p, 0, size - 1);
    push(p, sy_value_int(dim));
    push(p, sy_value_int(between(p, 0, 1) != 0 ? start : start - size));
    push(p, sy_value_int(between(p, 0, size - start)));
}

static void make_pieces(problem *p)
{
    one_input(p, ANY, 1, 3);
    push(p, sy_value_int(between(p, 1, 3)));
    push(p, sy_value_int(random_dim(p, p->inputs[0].ndim)));
}

static void make_unbind(problem *p)
{
    one_input(p, ANY, 1, 3);
    push(p, sy_value_int(random_dim(p, p->inputs[0].ndim)));
}

static void push_positions(problem *p, int64_t size, int64_t count)
{
    input *index = add_input(p, ANY, 1, &count);
    index->integer = true;
    for (int64_t k = 0; k < count; k++) {
        index->data[k] = (double)between(p, 0, size - 1);
    }
    push_input(p, p->input_count - 1);
}

static void make_index_select(problem *p)
{
    one_input(p, ANY, 1, 3);
    const int64_t dim = random_dim(p, p->inputs[0].ndim);
    push(p, sy_value_int(dim));
    push_positions(p, size_at(p, dim), between(p, 1, 6));
}

static void make_index_add(problem *p)
{
    one_input(p, ANY, 1, 3);
    const int64_t dim = random_dim(p, p->inputs[0].ndim), count = between(p, 1, 6);
    const input *in = &p->inputs[0];
    int64_t shape[SY_DIM_MAX];
    memcpy(shape, in->shape, sizeof shape);
    shape[dim < 0 ? dim + in->ndim : dim] = count;
    push(p, sy_value_int(dim));
    push_positions(p, size_at(p, dim), count);
    add_input(p, ANY, in->ndim, shape);
    push_input(p, 2);
}

static void make_index(problem *p)
{
    add_input(p, ANY, 3, (const int64_t[]){3, 4, 2});
    push_input(p, 0);
    const int64_t which = between(p, 0, 3);
    sy_value *items = p->items[0];
    size_t count = 0;
    if (which == 0) {
        items[count++] = sy_value_int(-1);
        items[count++] = sy_value_slice(1, SY_SLICE_OPEN, 2);
    } else if (which == 1) {
        items[count++] = sy_value_ellipsis();
        items[count++] = sy_value_none();
        items[count++] = sy_value_int(1);
    } else if (which == 2) {
        p->items[1][0] = sy_value_int(-1);
        p->items[1][1] = sy_value_int(0);
        p->items[1][2] = sy_value_int(3);
        p->items[1][3] = sy_value_int(3);
        items[count++] = sy_value_slice(0, 2, 1);
        items[count++] = sy_value_list(p->items[1], 4);
    } else {
        items[count++] = sy_value_slice(SY_SLICE_OPEN, SY_SLICE_OPEN, 1);
    }
    push(p, sy_value_list(items, count));
}

static void make_cat(problem *p)
{
    int64_t shape[SY_DIM_MAX];
    const int ndim = random_shape(p, 1, 3, shape);
    const int64_t dim = random_dim(p, ndim), count = between(p, 1, 4);
    for (int64_t k = 0; k < count; k++) {
        shape[dim < 0 ? dim + ndim : dim] = between(p, 1, 3);
        add_input(p, ANY, ndim, shape);
    }
    p->listed = true;
    push(p, sy_value_none());
    push(p, sy_value_int(dim));
}

static void make_stack(problem *p)
{
    int64_t shape[SY_DIM_MAX];
    const int ndim = random_shape(p, 0, 3, shape);
    const int64_t count = between(p, 1, 4);
    for (int64_t k = 0; k < count; k++) {
        add_input(p, ANY, ndim, shape);
    }
    p->listed = true;
    push(p, sy_value_none());
    push(p, sy_value_int(random_dim(p, ndim + 1)));
}

static void make_softmax(problem *p)
{
    one_input(p, ANY, 1, 3);
    push(p, sy_value_int(random_dim(p, p->inputs[0].ndim)));
}

static const char *random_reduction(problem *p)
{
    static const char *const names[] = {"mean", "sum", "none"};
    return names[between(p, 0, 2)];
}

static void make_classes(problem *p)
{
    const int64_t rows = between(p, 1, 4), classes = between(p, 1, 4);
    const bool one = between(p, 0, 3) == 0;
    const int64_t shape[] = {rows, classes};
    add_input(p, ANY, one ? 1 : 2, one ? shape + 1 : shape);
    push_input(p, 0);
    input *target = add_input(p, ANY, one ? 0 : 1, shape);
    target->integer = true;
    for (int64_t k = 0; k < target->numel; k++) {
        target->data[k] = (double)between(p, 0, classes - 1);
    }
    push_input(p, 1);
    push(p, sy_value_string(random_reduction(p)));
}

static void make_mse(problem *p)
{
    two_inputs(p, ANY, ANY);
    push(p, sy_value_string(random_reduction(p)));
}

/* The rows. `inplace`: also name_. */

typedef struct test_case {
    syi_op_id id;
    void (*make)(problem *p);
    bool inplace;
} test_case;

static const test_case cases[] = {
    {SYI_OP_add, make_two_alpha, true},
    {SYI_OP_sub, make_two_alpha, true},
    {SYI_OP_rsub, make_two_alpha, false},
    {SYI_OP_mul, make_two, true},
    {SYI_OP_div, make_two_divide, true},
    {SYI_OP_pow, make_power, true},
    {SYI_OP_maximum, make_two, false},
    {SYI_OP_minimum, make_two, false},
    {SYI_OP_eq, make_two, true},
    {SYI_OP_ne, make_two, true},
    {SYI_OP_lt, make_two, true},
    {SYI_OP_le, make_two, true},
    {SYI_OP_gt, make_two, true},
    {SYI_OP_ge, make_two, true},
    {SYI_OP_where, make_where, false},
    {SYI_OP_neg, make_one, true},
    {SYI_OP_abs, make_one, true},
    {SYI_OP_sign, make_one, true},
    {SYI_OP_exp, make_one, true},
    {SYI_OP_log, make_one_positive, true},
    {SYI_OP_sqrt, make_one_positive, true},
    {SYI_OP_reciprocal, make_one_positive, true},
    {SYI_OP_sigmoid, make_one, true},
    {SYI_OP_tanh, make_one, true},
    {SYI_OP_relu, make_one, true},
    {SYI_OP_clone, make_one, false},
    {SYI_OP_to, make_to, false},
    {SYI_OP_copy_, make_copy, true},
    {SYI_OP_fill_, make_fill, true},
    {SYI_OP_zero_, make_one, true},
    {SYI_OP_sum, make_reduction, false},
    {SYI_OP_mean, make_reduction, false},
    {SYI_OP_max, make_extremum, false},
    {SYI_OP_min, make_extremum, false},
    {SYI_OP_sum_to_size, make_sum_to_size, false},
    {SYI_OP_matmul, make_matmul, false},
    {SYI_OP_mm, make_mm, false},
    {SYI_OP_addmm, make_addmm, false},
    {SYI_OP_linear, make_linear, false},
    {SYI_OP_view, make_reshape, false},
    {SYI_OP_reshape, make_reshape, false},
    {SYI_OP_flatten, make_flatten, false},
    {SYI_OP_t, make_t, false},
    {SYI_OP_transpose, make_transpose, false},
    {SYI_OP_permute, make_permute, false},
    {SYI_OP_expand, make_expand, false},
    {SYI_OP_squeeze, make_squeeze, false},
    {SYI_OP_unsqueeze, make_unsqueeze, false},
    {SYI_OP_select, make_select, false},
    {SYI_OP_slice, make_slice, false},
    {SYI_OP_narrow, make_narrow, false},
    {SYI_OP_chunk, make_pieces, false},
    {SYI_OP_split, make_pieces, false},
    {SYI_OP_unbind, make_unbind, false},
    {SYI_OP_index, make_index, false},
    {SYI_OP_index_select, make_index_select, false},
    {SYI_OP_index_add, make_index_add, true},
    {SYI_OP_cat, make_cat, false},
    {SYI_OP_stack, make_stack, false},
    {SYI_OP_softmax, make_softmax, false},
    {SYI_OP_log_softmax, make_softmax, false},
    {SYI_OP_nll_loss, make_classes, false},
    {SYI_OP_cross_entropy, make_classes, false},
    {SYI_OP_mse_loss, make_mse, false},
};

/* Evaluation */

static sy_tensor *make_tensor(fixture *f, sy_scope *s, const input *in)
{
    sy_tensor *tensor = NULL;
    sy_error err = SY_ERROR_INIT;
    if (sy_tensor_new(f->hook, &tensor, SY_DTYPE_F64, in->ndim, in->shape, in->data, &err) !=
        SY_OK) {
        sy_scope_fail(s, &err);
        return NULL;
    }
    tensor = sy_scope_adopt(s, tensor);
    return in->integer   ? sy_to(s, tensor, SY_DTYPE_I64)
           : in->boolean ? sy_to(s, tensor, SY_DTYPE_BOOL)
                         : tensor;
}

/* Runs the operation and adds up its floating results with weights that depend on the position only.
 * Weights make each element of a result count differently. */
static sy_tensor *run_problem(sy_scope *s, const problem *p, const char *name, sy_tensor **inputs)
{
    sy_value args[SYI_ARGUMENT_MAX], list[INPUT_MAX];
    memcpy(args, p->args, sizeof args);
    for (size_t k = 0; k < p->arg_count; k++) {
        if (args[k].kind == (sy_value_kind)SYI_VALUE_ARRAY) {
            args[k] = sy_value_tensor(inputs[args[k].as.integer]);
        }
    }
    if (p->listed) {
        for (int k = 0; k < p->input_count; k++) {
            list[k] = sy_value_tensor(inputs[k]);
        }
        args[0] = sy_value_list(list, (size_t)p->input_count);
    }
    sy_tensor *results[SYI_OUTPUT_MAX];
    const size_t count = sy_scope_call_many(s, name, args, p->arg_count, results, SYI_OUTPUT_MAX);
    sy_tensor *total = NULL;
    for (size_t k = 0; k < count; k++) {
        sy_dtype dtype;
        int ndim;
        int64_t shape[SY_DIM_MAX], numel = 1;
        if (sy_tensor_get_dtype(results[k], &dtype, NULL) != SY_OK ||
            sy_tensor_get_shape(results[k], &ndim, shape, NULL) != SY_OK ||
            !sy_dtype_is_floating(dtype) || (k > 0 && k % 3 == 2)) {
            continue; /* some results take no part: no gradient reaches them */
        }
        for (int d = 0; d < ndim; d++) {
            numel *= shape[d];
        }
        sy_tensor *weights = sy_arange(s, SY_DTYPE_F64, 0.5, 0.5 + 0.25 * (double)numel, 0.25);
        weights = sy_view(s, weights, ndim, shape);
        sy_tensor *part = sy_sum(s, sy_mul(s, results[k], weights));
        total = total == NULL ? part : sy_add(s, total, part);
    }
    return total;
}

static bool takes_gradient(const input *in)
{
    return !in->integer && !in->boolean;
}

/* The weighted sum; with `grads`, also the gradients of the inputs (NULL: none arrived). */
static double evaluate(fixture *f, const problem *p, bool inplace, sy_tensor **grads)
{
    char name[64];
    const bool mark = inplace && strchr(p->name, '_') != p->name + strlen(p->name) - 1;
    snprintf(name, sizeof name, "%s%s", p->name, mark ? "_" : "");
    sy_scope *s = sy_scope_begin(f->hook);
    sy_tensor *leaves[INPUT_MAX] = {NULL}, *inputs[INPUT_MAX] = {NULL};
    for (int k = 0; k < p->input_count; k++) {
        leaves[k] = make_tensor(f, s, &p->inputs[k]);
        assert_non_null(leaves[k]);
        leaves[k]->requires_grad = grads != NULL && takes_gradient(&p->inputs[k]);
        /* A leaf may not be written; a result may. */
        inputs[k] = inplace && k == 0 ? sy_mul_scalar(s, leaves[k], 1) : leaves[k];
    }
    sy_tensor *total = run_problem(s, p, name, inputs);
    double value = 0;
    sy_error err = SY_ERROR_INIT;
    sy_status status = total != NULL ? sy_tensor_item(total, &value, &err) : SY_OK;
    if (status == SY_OK && total != NULL && grads != NULL && syi_tensor_is_tracked(total)) {
        status = syi_tape_backward(total, NULL, &err);
    }
    for (int k = 0; k < p->input_count && grads != NULL; k++) {
        grads[k] = sy_tensor_ref(leaves[k]->grad);
    }
    const sy_status ended = sy_scope_end(s, status == SY_OK ? &err : NULL);
    if (status != SY_OK || ended != SY_OK) {
        fail_msg("%s: %s", name, err.message);
    }
    return value;
}

static void compare(fixture *f, problem *p, bool inplace, int which, sy_tensor *grad)
{
    input *in = &p->inputs[which];
    const double step = 1e-6;
    if (grad != NULL) {
        const syi_array *array = syi_node_array(grad->node);
        assert_int_equal(array->dtype, SY_DTYPE_F64);
        assert_int_equal(array->ndim, in->ndim);
        assert_memory_equal(array->shape, in->shape, (size_t)in->ndim * sizeof *in->shape);
        assert_null(grad->tape_node);
    }
    for (int64_t i = 0; i < in->numel; i++) {
        const double at = in->data[i];
        in->data[i] = at + step;
        const double above = evaluate(f, p, inplace, NULL);
        in->data[i] = at - step;
        const double below = evaluate(f, p, inplace, NULL);
        in->data[i] = at;
        const double expected = (above - below) / (2 * step);
        const double actual =
            grad != NULL ? syi_array_get_double(syi_node_array(grad->node), i) : 0;
        if (!(fabs(actual - expected) <= 2e-7 * (1 + fabs(above)) + 1e-5 * fabs(expected))) {
            fail_msg("%s%s: argument %d element %lld: gradient %.9g, finite difference %.9g",
                     p->name, inplace ? " in place" : "", which, (long long)i, actual, expected);
        }
    }
}

/* In place needs a result of self's shape, and what it reads must not be what it overwrites. */
static bool fits_in_place(const problem *p)
{
    if (strcmp(p->name, "index_add") == 0) {
        return true;
    }
    const input *a = &p->inputs[0], *b = &p->inputs[1];
    if (p->input_count < 2) {
        return true;
    }
    if (b->ndim > a->ndim) {
        return false;
    }
    for (int d = 0; d < b->ndim; d++) {
        if (b->shape[d] != 1 && b->shape[d] != a->shape[a->ndim - b->ndim + d]) {
            return false;
        }
    }
    return true;
}

/* Rows whose gradient reads what they overwrite: refused in place, as in PyTorch. */
static bool reads_what_it_overwrites(const problem *p)
{
    const syi_op *op = NULL;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        if (strcmp(syi_op_get(cases[k].id)->name, p->name) == 0) {
            op = syi_op_get(cases[k].id);
        }
    }
    const bool pair = p->input_count > 1;
    switch (op->id) {
    case SYI_OP_abs:
    case SYI_OP_log:
    case SYI_OP_pow:
        return true;
    case SYI_OP_mul:
    case SYI_OP_div:
        return pair;
    default:
        return false;
    }
}

static void check_refused(fixture *f, const problem *p)
{
    char name[64];
    snprintf(name, sizeof name, "%s_", p->name);
    sy_scope *s = sy_scope_begin(f->hook);
    sy_tensor *inputs[INPUT_MAX];
    for (int k = 0; k < p->input_count; k++) {
        inputs[k] = make_tensor(f, s, &p->inputs[k]);
        inputs[k]->requires_grad = true;
    }
    inputs[0] = sy_mul_scalar(s, inputs[0], 1);
    sy_tensor *total = run_problem(s, p, name, inputs);
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(syi_tape_backward(total, NULL, &err), SY_EINVAL);
    assert_non_null(strstr(err.message, "modified by an in-place operation"));
    assert_non_null(strstr(err.message, p->name));
    assert_int_equal(sy_scope_end(s, NULL), SY_OK);
}

static void run_case(fixture *f, property_random *random, const test_case *c)
{
    const bool only_inplace = (syi_op_get(c->id)->flags & SYI_OP_ONLY_INPLACE) != 0;
    for (int inplace = only_inplace; inplace <= (c->inplace ? 1 : 0); inplace++) {
        for (long round = property_iterations(12); round > 0; round--) {
            problem p = {.random = random, .name = syi_op_get(c->id)->name};
            c->make(&p);
            draw(&p);
            if (inplace && !fits_in_place(&p)) {
                continue;
            }
            if (inplace && reads_what_it_overwrites(&p)) {
                check_refused(f, &p);
                continue;
            }
            sy_tensor *grads[INPUT_MAX];
            (void)evaluate(f, &p, inplace, grads);
            for (int k = 0; k < p.input_count; k++) {
                if (takes_gradient(&p.inputs[k])) {
                    compare(f, &p, inplace, k, grads[k]);
                } else {
                    assert_null(grads[k]);
                }
                sy_tensor_unref(grads[k]);
            }
        }
    }
}

static void test_finite_differences(void **state)
{
    fixture *f = *state;
    property_random random = property_start("gradients");
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        run_case(f, &random, &cases[k]);
    }
}

/* The table has a row for each operation, and each gradient has a case above. */
static void test_table_is_complete(void **state)
{
    (void)state;
    for (int id = 0; id < SYI_OP_COUNT; id++) {
        const syi_op *op = syi_op_get((syi_op_id)id);
        const sy_value bound[SYI_ARGUMENT_MAX] = {{0}};
        const syi_gradient *gradient = syi_gradient_get(op, bound);
        bool tested = false;
        for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
            tested |= cases[k].id == op->id;
        }
        if (!gradient->listed) {
            fail_msg("%s has no row in gradients.c", op->name);
        }
        assert_int_equal(gradient->kind == SYI_GRADIENT_ROW, gradient->function != NULL);
        if (!tested &&
            (gradient->kind == SYI_GRADIENT_ROW || gradient->kind == SYI_GRADIENT_INNER)) {
            fail_msg("%s has a gradient and no test", op->name);
        }
        if (gradient->kind == SYI_GRADIENT_INNER) {
            assert_true((op->flags & SYI_OP_COMPOSITE) != 0);
        }
    }
}

/* Corners: tests/vectors/gradients/corners.txt, the answers of torch 1.13.1 in f64. */

enum { SECTION_X, SECTION_Y, SECTION_G, SECTION_DX, SECTION_DY, SECTION_COUNT, ROW_MAX = 8 };

typedef struct corner {
    char name[32];
    char extra[16];
    double data[SECTION_COUNT][ROW_MAX];
    int64_t counts[SECTION_COUNT]; /* 0: the section is not there */
} corner;

static void read_corner(char *line, corner *c)
{
    static const char *const names[] = {"x", "y", "g", "dx", "dy"};
    memset(c, 0, sizeof *c);
    char *rest = NULL;
    snprintf(c->name, sizeof c->name, "%s", strtok_r(line, " \n", &rest));
    snprintf(c->extra, sizeof c->extra, "%s", strtok_r(NULL, " \n", &rest));
    int section = -1;
    for (char *word = strtok_r(NULL, " \n", &rest); word != NULL;
         word = strtok_r(NULL, " \n", &rest)) {
        bool named = false;
        for (int k = 0; k < SECTION_COUNT; k++) {
            if (strcmp(word, names[k]) == 0) {
                section = k;
                named = true;
            }
        }
        if (!named) {
            assert_true(section >= 0 && c->counts[section] < ROW_MAX);
            c->data[section][c->counts[section]++] = strtod(word, NULL);
        }
    }
    assert_true(c->counts[SECTION_X] > 0 && c->counts[SECTION_G] > 0);
    assert_int_equal(c->counts[SECTION_DX], c->counts[SECTION_X]);
    assert_int_equal(c->counts[SECTION_DY], c->counts[SECTION_Y]);
}

static bool same(double actual, double expected)
{
    return actual == expected || (isnan(actual) && isnan(expected)) ||
           fabs(actual - expected) <= 1e-12 * fabs(expected);
}

static void check_corner(fixture *f, const corner *c)
{
    sy_scope *s = sy_scope_begin(f->hook);
    sy_tensor *x[2] = {NULL, NULL}, *gradient = NULL;
    sy_value args[3];
    size_t count = 0;
    for (int k = 0; k < 2 && c->counts[k] > 0; k++) {
        assert_int_equal(
            sy_tensor_new(f->hook, &x[k], SY_DTYPE_F64, 1, &c->counts[k], c->data[k], NULL), SY_OK);
        x[k]->requires_grad = true;
        args[count++] = sy_value_tensor(sy_scope_adopt(s, x[k]));
    }
    if (c->extra[0] == 'i') {
        args[count++] = sy_value_int(strtoll(c->extra + 1, NULL, 10));
    } else if (c->extra[0] == 'f') {
        args[count++] = sy_value_float(strtod(c->extra + 1, NULL));
    } else if (c->extra[0] != '-') {
        args[count++] = sy_value_string(c->extra);
    }
    sy_tensor *y = sy_scope_call(s, c->name, args, count);
    assert_non_null(y);
    const syi_array *out = syi_node_array(y->node);
    assert_int_equal(syi_array_numel(out), c->counts[SECTION_G]);
    assert_int_equal(sy_tensor_new(f->hook, &gradient, SY_DTYPE_F64, out->ndim, out->shape,
                                   c->data[SECTION_G], NULL),
                     SY_OK);
    sy_error err = SY_ERROR_INIT;
    if (syi_tape_backward(y, sy_scope_adopt(s, gradient), &err) != SY_OK) {
        fail_msg("%s: %s", c->name, err.message);
    }
    for (int k = 0; k < 2 && x[k] != NULL; k++) {
        assert_non_null(x[k]->grad);
        for (int64_t i = 0; i < c->counts[k]; i++) {
            const double expected = c->data[SECTION_DX + k][i];
            const double actual = syi_array_get_double(syi_node_array(x[k]->grad->node), i);
            if (!same(actual, expected)) {
                fail_msg("%s %s: gradient %d, element %lld is %.17g, torch has %.17g", c->name,
                         c->extra, k, (long long)i, actual, expected);
            }
        }
    }
    assert_int_equal(sy_scope_end(s, NULL), SY_OK);
}

static void test_corners_as_torch(void **state)
{
    fixture *f = *state;
    FILE *file = fopen(CSYFT_TEST_SOURCE_DIR "/tests/vectors/gradients/corners.txt", "r");
    assert_non_null(file);
    char line[1024];
    int count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        corner c;
        read_corner(line, &c);
        check_corner(f, &c);
        count++;
    }
    fclose(file);
    assert_true(count >= 30);
}

/* f32 leaves beside f64: each grad has its leaf's dtype. torch: x.grad float32, y.grad float64. */
static void test_dtype_of_the_leaf(void **state)
{
    fixture *f = *state;
    sy_scope *s = sy_scope_begin(f->hook);
    const int64_t shape[] = {2, 2};
    sy_tensor *x = sy_ones(s, SY_DTYPE_F32, 2, shape), *y = sy_full(s, SY_DTYPE_F64, 2, shape, 3);
    x->requires_grad = true;
    y->requires_grad = true;
    sy_tensor *z = sy_sum(s, sy_mul(s, x, y));
    assert_int_equal(syi_tape_backward(z, NULL, NULL), SY_OK);
    assert_int_equal(syi_node_array(x->grad->node)->dtype, SY_DTYPE_F32);
    assert_int_equal(syi_node_array(y->grad->node)->dtype, SY_DTYPE_F64);
    assert_true(syi_array_get_double(syi_node_array(x->grad->node), 3) == 3);
    assert_int_equal(sy_scope_end(s, NULL), SY_OK);
}

/* Rows with a derivative that is not written are refused, not passed over. */
static void test_second_derivatives_are_refused(void **state)
{
    fixture *f = *state;
    sy_scope *s = sy_scope_begin(f->hook);
    const int64_t size = 3;
    sy_tensor *x = sy_ones(s, SY_DTYPE_F64, 1, &size);
    x->requires_grad = true;
    const sy_value args[] = {sy_value_tensor(x), sy_value_tensor(sy_ones_like(s, x))};
    assert_null(sy_scope_call(s, "sigmoid_backward", args, 2));
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(sy_scope_end(s, &err), SY_ENOTSUP);
    assert_non_null(strstr(err.message, "sigmoid_backward"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_complete),
        cmocka_unit_test_setup_teardown(test_finite_differences, setup, teardown),
        cmocka_unit_test_setup_teardown(test_corners_as_torch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dtype_of_the_leaf, setup, teardown),
        cmocka_unit_test_setup_teardown(test_second_derivatives_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
