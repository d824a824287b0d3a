/*
 * composites_test.c - linear, cross_entropy and x[...] against their definitions, and the plain answers.
 * Gradients through them: gradients_vectors_test.c.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <csyft/operations.h>

#include "hook/dispatch.h"
#include "support/failing_allocator.h"
#include "support/property.h"

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
    sy_hook *hook;
    sy_scope *s;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.verbose = false;
    f->context = failing_allocator_context(&f->memory);
    *state = f;
    if (f->context == NULL || syi_hook_new(f->context, &f->hook, &options, NULL) != SY_OK) {
        return -1;
    }
    f->s = sy_scope_begin(f->hook);
    return f->s != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    sy_status status = sy_scope_end(f->s, NULL);
    syi_hook_free(f->hook);
    sy_context_free(f->context);
    const bool broken = f->memory.live != 0 || f->memory.broken || status != SY_OK;
    free(f);
    return broken;
}

static sy_tensor *tensor(fixture *f, sy_dtype dtype, int ndim, const int64_t *shape,
                         const void *data)
{
    sy_tensor *made = NULL;
    assert_int_equal(sy_tensor_new(f->hook, &made, dtype, ndim, shape, data, NULL), SY_OK);
    return sy_scope_adopt(f->s, made);
}

static const syi_array *array_of(const sy_tensor *of)
{
    return syi_node_array(of->node);
}

static double element(const sy_tensor *of, int64_t k)
{
    return syi_array_get_double(array_of(of), k);
}

static void assert_close(const sy_tensor *actual, const double *expected, int64_t count)
{
    assert_non_null(actual);
    assert_int_equal(syi_array_numel(array_of(actual)), count);
    for (int64_t k = 0; k < count; k++) {
        if (!(fabs(element(actual, k) - expected[k]) <= 1e-12)) {
            fail_msg("element %lld is %.17g, not %.17g", (long long)k, element(actual, k),
                     expected[k]);
        }
    }
}

/* The failure of a call by name; the sentence must hold `words`. */
static void assert_refused(fixture *f, const char *name, const sy_value *args, size_t count,
                           sy_status status, const char *words)
{
    const size_t live = f->memory.live;
    sy_error err = SY_ERROR_INIT;
    sy_tensor *result = NULL;
    size_t results = 0;
    assert_int_equal(sy_call(f->hook, name, args, count, NULL, 0, &result, 1, &results, NULL, &err),
                     status);
    if (strstr(err.message, words) == NULL) {
        fail_msg("'%s' is not in '%s'", words, err.message);
    }
    assert_int_equal(f->memory.live, live);
}

/* Layers. torch 1.13: F.linear([[1,2],[3,4]], [[1,-1],[.5,2],[0,1]], [10,20,30]) */

static const double square[] = {1, 2, 3, 4}, weights[] = {1, -1, 0.5, 2, 0, 1};
static const double bias[] = {10, 20, 30};
static const int64_t two_two[] = {2, 2}, three_two[] = {3, 2}, three[] = {3};

static void test_linear(void **state)
{
    fixture *f = *state;
    sy_tensor *x = tensor(f, SY_DTYPE_F64, 2, two_two, square);
    sy_tensor *w = tensor(f, SY_DTYPE_F64, 2, three_two, weights);
    sy_tensor *b = tensor(f, SY_DTYPE_F64, 1, three, bias);
    sy_tensor *y = sy_linear(f->s, x, w, b);
    assert_close(y, (const double[]){9, 24.5, 32, 9, 29.5, 34}, 6);
    assert_int_equal(array_of(y)->ndim, 2);
    assert_close(sy_linear(f->s, x, w, NULL), (const double[]){-1, 4.5, 2, -1, 9.5, 4}, 6);
    sy_tensor *row = sy_linear(f->s, sy_select(f->s, x, 0, 0), w, b);
    assert_int_equal(array_of(row)->ndim, 1);
    assert_close(row, (const double[]){9, 24.5, 32}, 3);
    /* The arguments are as they were. */
    assert_close(b, bias, 3);
    assert_close(x, square, 4);

    const sy_value args[] = {sy_value_tensor(x), sy_value_tensor(b)};
    assert_refused(f, "linear", args, 2, SY_ESHAPE, "linear: matmul: ");
}

/* torch 1.13: F.cross_entropy([[1,2],[3,4]], [0,1]) is (1.3132616875 + 0.3132616875) / 2. */
static void test_cross_entropy(void **state)
{
    fixture *f = *state;
    const int64_t classes[] = {0, 1}, two[] = {2};
    sy_tensor *x = tensor(f, SY_DTYPE_F64, 2, two_two, square);
    sy_tensor *target = tensor(f, SY_DTYPE_I64, 1, two, classes);
    const double each[] = {log(1 + exp(1)), log(1 + exp(-1))};
    const double mean = (each[0] + each[1]) / 2, sum = each[0] + each[1];
    assert_close(sy_cross_entropy(f->s, x, target), &mean, 1);
    const sy_value args[] = {sy_value_tensor(x), sy_value_tensor(target), sy_value_string("sum")};
    assert_close(sy_scope_call(f->s, "torch.nn.functional.cross_entropy", args, 3), &sum, 1);
    sy_tensor *one =
        sy_cross_entropy(f->s, sy_select(f->s, x, 0, 0), sy_select(f->s, target, 0, 0));
    assert_close(one, each, 1);
    const sy_value wrong[] = {sy_value_tensor(x), sy_value_tensor(target), sy_value_string("most")};
    assert_refused(f, "cross_entropy", wrong, 3, SY_EINVAL, "cross_entropy: nll_loss: ");
}

/* x[...]: random expressions, against a walk over the places of the result */

enum { ITEM_MAX = 8 };

typedef struct expression {
    sy_value items[ITEM_MAX];
    size_t count;
    sy_value list[6]; /* of the one list of ints */
    int64_t data[8];  /* of the one tensor of indices */
    int index_ndim;
    int64_t index_shape[2];
} expression;

/* What each dim of x is read at, for a place of the result. Dims of the result come in order. */
typedef struct reader {
    enum { AT_INT, AT_SLICE, AT_LIST, AT_TENSOR, AT_ALL } kind;
    int64_t start, step;
    const expression *e;
} reader;

static int64_t draw_int(property_random *random, int64_t low, int64_t high)
{
    return property_between(random, low, high);
}

/* Draws items for x of `ndim` dims; readers[d] for each dim and the expected shape. new_dims: sets of
 * result dims that are none's. */
static void draw_expression(property_random *random, fixture *f, int ndim, const int64_t *shape,
                            expression *e, reader *readers, int64_t *out, int *out_ndim,
                            unsigned *new_dims)
{
    memset(e, 0, sizeof *e);
    *out_ndim = 0;
    *new_dims = 0;
    bool gathered = false, ellipsis = false;
    int dim = 0;
    while (dim < ndim && e->count < ITEM_MAX - 1) {
        const int64_t kind = draw_int(random, 0, 6), size = shape[dim];
        if (kind == 0) {
            readers[dim] = (reader){AT_INT, draw_int(random, 0, size - 1), 0, e};
            const bool back = draw_int(random, 0, 1) != 0;
            e->items[e->count++] = sy_value_int(readers[dim].start - (back ? size : 0));
            dim++;
        } else if (kind == 1) {
            const int64_t start = draw_int(random, 0, size), step = draw_int(random, 1, 2);
            const int64_t stop = draw_int(random, start, size);
            e->items[e->count++] =
                sy_value_slice(draw_int(random, 0, 1) != 0 || start == size ? start : start - size,
                               stop == size ? SY_SLICE_OPEN : stop, step);
            readers[dim++] = (reader){AT_SLICE, start, step, e};
            out[(*out_ndim)++] = (stop - start + step - 1) / step;
        } else if (kind == 2 && *out_ndim < 4) {
            *new_dims |= 1u << *out_ndim;
            out[(*out_ndim)++] = 1;
            e->items[e->count++] = sy_value_none();
        } else if (kind == 3 && !ellipsis) {
            ellipsis = true;
            const int skipped = (int)draw_int(random, 0, ndim - dim);
            e->items[e->count++] = sy_value_ellipsis();
            for (int k = 0; k < skipped; k++) {
                out[(*out_ndim)++] = shape[dim];
                readers[dim++] = (reader){AT_ALL, 0, 1, e};
            }
            /* What follows must speak of the rest, dim by dim. */
            while (dim < ndim) {
                readers[dim] = (reader){AT_INT, draw_int(random, 0, shape[dim] - 1), 0, e};
                e->items[e->count++] = sy_value_int(readers[dim].start);
                dim++;
            }
        } else if (kind == 4 && !gathered) {
            gathered = true;
            const int64_t count = draw_int(random, 1, 4);
            for (int64_t k = 0; k < count; k++) {
                e->list[k] = sy_value_int(draw_int(random, -size, size - 1));
            }
            e->items[e->count++] = sy_value_list(e->list, (size_t)count);
            out[(*out_ndim)++] = count;
            readers[dim++] = (reader){AT_LIST, 0, 0, e};
        } else if (kind == 5 && !gathered) {
            gathered = true;
            e->index_ndim = (int)draw_int(random, 0, 2);
            int64_t numel = 1;
            for (int k = 0; k < e->index_ndim; k++) {
                e->index_shape[k] = draw_int(random, 1, 2);
                out[(*out_ndim)++] = e->index_shape[k];
                numel *= e->index_shape[k];
            }
            for (int64_t k = 0; k < numel; k++) {
                e->data[k] = draw_int(random, -size, size - 1);
            }
            e->items[e->count++] =
                sy_value_tensor(tensor(f, SY_DTYPE_I64, e->index_ndim, e->index_shape, e->data));
            readers[dim++] = (reader){AT_TENSOR, 0, 0, e};
        } else if (kind == 6 && draw_int(random, 0, 2) == 0) {
            break; /* the rest as it is */
        }
    }
    for (; dim < ndim; dim++) {
        out[(*out_ndim)++] = shape[dim];
        readers[dim] = (reader){AT_ALL, 0, 1, e};
    }
}

/* The element of x that a place of the result holds. */
static int64_t source_of(int ndim, const int64_t *shape, const reader *readers, unsigned new_dims,
                         const int64_t *place)
{
    int64_t flat = 0;
    int at = 0;
    for (int d = 0; d < ndim; d++) {
        while ((new_dims >> at & 1u) != 0) {
            at++;
        }
        int64_t index = readers[d].start;
        if (readers[d].kind == AT_SLICE || readers[d].kind == AT_ALL) {
            index = readers[d].start + place[at++] * readers[d].step;
        } else if (readers[d].kind == AT_LIST) {
            index = readers[d].e->list[place[at++]].as.integer;
        } else if (readers[d].kind == AT_TENSOR) {
            int64_t k = 0;
            for (int i = 0; i < readers[d].e->index_ndim; i++) {
                k = k * readers[d].e->index_shape[i] + place[at++];
            }
            index = readers[d].e->data[k];
        }
        flat = flat * shape[d] + (index < 0 ? index + shape[d] : index);
    }
    return flat;
}

/* The shape rule of the row must agree with what the composite does. */
static void compare_with_rule(fixture *f, sy_tensor *x, const expression *e, const sy_tensor *y)
{
    (void)f;
    sy_value items[ITEM_MAX];
    memcpy(items, e->items, sizeof items);
    for (size_t k = 0; k < e->count; k++) {
        if (items[k].kind == SY_VALUE_TENSOR) {
            items[k].as.internal = syi_node_array(e->items[k].as.tensor->node);
            items[k].kind = (sy_value_kind)SYI_VALUE_ARRAY;
        }
    }
    sy_value args[] = {{0}, sy_value_list(items, e->count)};
    args[0].kind = (sy_value_kind)SYI_VALUE_ARRAY;
    args[0].as.internal = syi_node_array(x->node);
    syi_array outs[SYI_OUTPUT_MAX];
    syi_inference inference = {.outs = outs};
    sy_error err = SY_ERROR_INIT;
    if (syi_op_infer(syi_op_get(SYI_OP_index), args, &inference, &err) != SY_OK) {
        fail_msg("rule: %s", err.message);
    }
    assert_int_equal(inference.count, 1);
    char rule[64], composite[64];
    assert_string_equal(
        syi_shape_format(outs[0].ndim, outs[0].shape, rule, sizeof rule),
        syi_shape_format(array_of(y)->ndim, array_of(y)->shape, composite, sizeof composite));
    syi_array_fini(&outs[0]);
}

static void test_index(void **state)
{
    fixture *f = *state;
    property_random random = property_start("index");
    for (long round = property_iterations(500); round > 0; round--) {
        const int ndim = (int)draw_int(&random, 0, 3);
        int64_t shape[SY_DIM_MAX], out[16], numel = 1;
        for (int d = 0; d < ndim; d++) {
            shape[d] = draw_int(&random, 1, 4);
            numel *= shape[d];
        }
        sy_tensor *x = sy_arange(f->s, SY_DTYPE_F64, 0, (double)numel, 1);
        x = sy_view(f->s, x, ndim, shape);
        expression e;
        reader readers[SY_DIM_MAX];
        int out_ndim;
        unsigned new_dims;
        draw_expression(&random, f, ndim, shape, &e, readers, out, &out_ndim, &new_dims);
        sy_tensor *y = sy_index(f->s, x, e.items, e.count);
        assert_non_null(y);
        assert_ptr_not_equal(y, x);
        assert_int_equal(array_of(y)->ndim, out_ndim);
        assert_memory_equal(array_of(y)->shape, out, (size_t)out_ndim * sizeof *out);
        int64_t place[16] = {0};
        for (int64_t k = 0; k < syi_array_numel(array_of(y)); k++) {
            const int64_t expected = source_of(ndim, shape, readers, new_dims, place);
            assert_int_equal((int64_t)element(y, k), expected);
            for (int d = out_ndim - 1; d >= 0 && ++place[d] == out[d]; d--) {
                place[d] = 0;
            }
        }
        compare_with_rule(f, x, &e, y);
        sy_scope_clear(f->s);
    }
}

/* x[3] and x[:2] come without a list around them; x[i32] is taken as x[i64]. */
static void test_index_short_forms(void **state)
{
    fixture *f = *state;
    sy_tensor *x = tensor(f, SY_DTYPE_F64, 2, three_two, weights);
    const sy_value by_int[] = {sy_value_tensor(x), sy_value_int(-1)};
    assert_close(sy_scope_call(f->s, "__getitem__", by_int, 2), weights + 4, 2);
    const sy_value by_slice[] = {sy_value_tensor(x), sy_value_slice(1, SY_SLICE_OPEN, 1)};
    assert_close(sy_scope_call(f->s, "__getitem__", by_slice, 2), weights + 2, 4);
    const int32_t last[] = {2};
    const int64_t one[] = {1};
    const sy_value by_i32[] = {sy_value_tensor(x),
                               sy_value_tensor(tensor(f, SY_DTYPE_I32, 1, one, last))};
    assert_close(sy_scope_call(f->s, "__getitem__", by_i32, 2), weights + 4, 2);
    const sy_value row = sy_value_int(0);
    sy_tensor *view = sy_index(f->s, x, &row, 1);
    sy_fill_(f->s, view, 7); /* ints and slices give views */
    assert_true(element(x, 0) == 7 && element(x, 2) == 0.5);
}

static void test_index_refusals(void **state)
{
    fixture *f = *state;
    const int64_t positions[] = {0, 1};
    const int64_t two[] = {2};
    sy_tensor *x = tensor(f, SY_DTYPE_F64, 2, three_two, weights);
    sy_tensor *index = tensor(f, SY_DTYPE_I64, 1, two, positions);
    const sy_value itself = sy_value_tensor(x);

    const bool two_flags[] = {true, false};
    sy_tensor *short_mask = tensor(f, SY_DTYPE_BOOL, 1, two, two_flags);
    const sy_value by_mask[] = {itself, sy_value_tensor(short_mask)};
    assert_refused(f, "__getitem__", by_mask, 2, SY_ESHAPE,
                   "index: a mask of 2 at dimension 0 of 3x2");
    const sy_value flags[] = {sy_value_bool(true), sy_value_bool(false)};
    const sy_value listed[] = {sy_value_list(flags, 2)};
    const sy_value by_flags[] = {itself, sy_value_list(listed, 1)};
    assert_refused(f, "__getitem__", by_flags, 2, SY_ESHAPE,
                   "a mask of 2 for dimension 0 of size 3");
    const sy_value mixture[] = {sy_value_int(0), sy_value_bool(false)};
    const sy_value listed_mixture[] = {sy_value_list(mixture, 2)};
    const sy_value by_mixture[] = {itself, sy_value_list(listed_mixture, 1)};
    assert_refused(f, "__getitem__", by_mixture, 2, SY_EINVAL, "ints only, or bools only");
    const sy_value pair[] = {sy_value_tensor(index), sy_value_tensor(x)};
    const sy_value by_pair[] = {itself, sy_value_list(pair, 2)};
    assert_refused(f, "__getitem__", by_pair, 2, SY_EDTYPE, "float64");
    const int64_t far[] = {0, 2};
    const sy_value outside[] = {sy_value_tensor(index),
                                sy_value_tensor(tensor(f, SY_DTYPE_I64, 1, two, far))};
    const sy_value by_outside[] = {itself, sy_value_list(outside, 2)};
    assert_refused(f, "__getitem__", by_outside, 2, SY_ERANGE,
                   "index 2 is out of range for 2 elements");
    const sy_value by_float[] = {itself, itself};
    assert_refused(f, "__getitem__", by_float, 2, SY_EDTYPE, "float64");
    const sy_value ints[] = {sy_value_int(0), sy_value_int(0), sy_value_int(0)};
    const sy_value by_three[] = {itself, sy_value_list(ints, 3)};
    assert_refused(f, "__getitem__", by_three, 2, SY_ERANGE,
                   "too many indices for a tensor of 3x2");
    const sy_value dots[] = {sy_value_ellipsis(), sy_value_ellipsis()};
    const sy_value by_dots[] = {itself, sy_value_list(dots, 2)};
    assert_refused(f, "__getitem__", by_dots, 2, SY_EINVAL, "at most one ellipsis");
    const sy_value by_four[] = {itself, sy_value_int(3)};
    assert_refused(f, "__getitem__", by_four, 2, SY_ERANGE, "index: select: ");
}

/* Plain answers */

static sy_value ask(fixture *f, const char *name, const sy_value *args, size_t count)
{
    sy_value value = sy_value_string("unset");
    size_t results = 9;
    sy_error err = SY_ERROR_INIT;
    if (sy_call(f->hook, name, args, count, NULL, 0, NULL, 0, &results, &value, &err) != SY_OK) {
        fail_msg("%s: %s", name, err.message);
    }
    assert_int_equal(results, 0);
    return value;
}

static void test_sizes(void **state)
{
    fixture *f = *state;
    const sy_value args[] = {sy_value_tensor(tensor(f, SY_DTYPE_F64, 2, three_two, weights)),
                             sy_value_int(-1)};
    assert_int_equal(ask(f, "dim", args, 1).as.integer, 2);
    assert_int_equal(ask(f, "ndimension", args, 1).kind, SY_VALUE_INT);
    assert_int_equal(ask(f, "numel", args, 1).as.integer, 6);
    assert_int_equal(ask(f, "size", args, 2).as.integer, 2);
    assert_int_equal(ask(f, "size", args, 1).kind, SY_VALUE_NONE); /* lists are not handed out */
    const sy_value wrong[] = {args[0], sy_value_int(2)};
    assert_refused(f, "size", wrong, 2, SY_ERANGE, "size: ");
    const sy_value scalar[] = {sy_value_tensor(sy_sum(f->s, args[0].as.tensor)), sy_value_int(0)};
    assert_refused(f, "size", scalar, 2, SY_ERANGE, "size: ");

    const syi_mode mode = SYI_MODE_DEFAULT;
    syi_results results;
    assert_int_equal(syi_dispatch_name(f->hook, "size", 4, args, 1, NULL, 0, &mode, &results, NULL),
                     SY_OK);
    assert_int_equal(results.value.kind, SY_VALUE_LIST);
    assert_int_equal(results.value.as.list.count, 2);
    assert_int_equal(results.value.as.list.items[0].as.integer, 3);
    assert_int_equal(results.value.as.list.items[1].as.integer, 2);
    syi_results_fini(&results);
}

static void test_item(void **state)
{
    fixture *f = *state;
    const int64_t big[] = {INT64_C(9007199254740993)};
    const bool yes[] = {true};
    const int64_t one[] = {1};
    sy_value x = sy_value_tensor(tensor(f, SY_DTYPE_F64, 1, one, bias));
    assert_int_equal(ask(f, "item", &x, 1).kind, SY_VALUE_FLOAT);
    assert_true(ask(f, "item", &x, 1).as.real == 10);
    sy_value n = sy_value_tensor(tensor(f, SY_DTYPE_I64, 1, one, big));
    assert_true(ask(f, "item", &n, 1).as.integer == big[0]); /* not through a double */
    sy_value b = sy_value_tensor(tensor(f, SY_DTYPE_BOOL, 1, one, yes));
    assert_int_equal(ask(f, "__bool__", &b, 1).kind, SY_VALUE_BOOL);
    assert_true(ask(f, "__bool__", &b, 1).as.boolean);
    sy_value many = sy_value_tensor(tensor(f, SY_DTYPE_F64, 1, three, bias));
    assert_refused(f, "item", &many, 1, SY_ESHAPE, "item: a tensor of shape 3");
    /* Contents of private objects are not for asking. */
    syi_policy_set_private(&x.as.tensor->policy, "patients", 1);
    assert_refused(f, "item", &x, 1, SY_EPERM, "item of object");
}

static void test_backward_by_name(void **state)
{
    fixture *f = *state;
    sy_tensor *x = tensor(f, SY_DTYPE_F64, 1, three, bias);
    x->requires_grad = true;
    const sy_value args[] = {sy_value_tensor(sy_mul(f->s, x, x)),
                             sy_value_tensor(tensor(f, SY_DTYPE_F64, 1, three, weights))};
    assert_int_equal(ask(f, "backward", args, 2).kind, SY_VALUE_NONE);
    assert_close(x->grad, (const double[]){20, -40, 30}, 3);
    assert_refused(f, "backward", args, 1, SY_ESHAPE, "backward: grad can be implicitly created");
}

/* Composites let go of all they hold when any allocation inside fails. */
static void test_every_allocation_may_fail(void **state)
{
    fixture *f = *state;
    sy_tensor *x = tensor(f, SY_DTYPE_F64, 2, three_two, weights);
    x->requires_grad = true;
    const sy_value list[] = {sy_value_int(-1), sy_value_int(0)};
    const sy_value index[] = {sy_value_list(list, 2), sy_value_none(), sy_value_int(1)};
    const sy_value programs[2][3] = {{sy_value_tensor(x), sy_value_list(index, 3)},
                                     {sy_value_tensor(x), sy_value_tensor(x),
                                      sy_value_tensor(tensor(f, SY_DTYPE_F64, 1, three, bias))}};
    const char *const names[] = {"index", "linear"};
    for (int which = 0; which < 2; which++) {
        const size_t live = f->memory.live;
        sy_status status = SY_ENOMEM;
        for (size_t n = 1; status != SY_OK; n++) {
            sy_tensor *result = NULL;
            size_t count = 0;
            f->memory.calls = 0;
            f->memory.fail_at = n;
            status = sy_call(f->hook, names[which], programs[which], which == 0 ? 2 : 3, NULL, 0,
                             &result, 1, &count, NULL, NULL);
            f->memory.fail_at = 0;
            assert_true(status == SY_OK || status == SY_ENOMEM);
            assert_true(status == SY_ENOMEM || n > 10);
            sy_tensor_unref(result);
            assert_int_equal(f->memory.live, live);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_linear),
        TEST(test_cross_entropy),
        TEST(test_index),
        TEST(test_index_short_forms),
        TEST(test_index_refusals),
        TEST(test_sizes),
        TEST(test_item),
        TEST(test_backward_by_name),
        TEST(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
