/* precision_test.c - fixed precision tensors through their public face: the reference's vectors, options and
 * ranges, in place, gradients and training, over other interpreters and at other workers. */
#include "support/fixed.h"

#include <csyft/pointer.h>

#include "support/memory_faults.h"

/* The reference's vectors (tensors.md, precision) */

static void test_vectors(void **state)
{
    local_hook *l = *state;
    sy_scope *s = sy_scope_begin(l->hook);
    sy_tensor *x = fixed_encoded(s, fixed_row(s, 3, FLOATS(0.1f, 0.2f, 0.3f)), NULL);
    assert_holds(s, x, 3, INTS(100, 200, 300));
    assert_decodes(s, x, 3, DOUBLES(0.1, 0.2, 0.3));
    assert_holds(s, fixed_encoded(s, fixed_row(s, 2, FLOATS(2.1139f, -2.1139f)), NULL), 2,
                 INTS(2113, -2113)); /* truncated, not rounded */
    const sy_precision_options two = fixed_precision(2);
    sy_tensor *y = fixed_encoded(s, fixed_row(s, 1, FLOATS(2.113f)), &two);
    assert_holds(s, sy_mul(s, y, y), 1, INTS(445));
    y = fixed_encoded(s, fixed_row(s, 1, FLOATS(2.113f)), NULL);
    sy_tensor *z = fixed_encoded(s, fixed_row(s, 1, FLOATS(-0.113f)), NULL);
    assert_holds(s, sy_mul(s, y, z), 1, INTS(-238));
    assert_holds(s, sy_mul(s, y, sy_mul_int(s, z, 2)), 1, INTS(-477));
    const int64_t one_two[] = {1, 2}, two_two[] = {2, 2};
    sy_tensor *bias = fixed_encoded(s, fixed_row(s, 2, FLOATS(1, 2)), NULL);
    x = fixed_encoded(s, fixed_floats(s, 2, one_two, FLOATS(1, 2)), NULL);
    sy_tensor *w = fixed_encoded(s, fixed_floats(s, 2, two_two, FLOATS(1, 2, 4, 2)), NULL);
    const sy_value addmm[] = {sy_value_tensor(bias), sy_value_tensor(x), sy_value_tensor(w)};
    assert_decodes(s, sy_scope_call(s, "addmm", addmm, 3), 2, DOUBLES(10, 8));
    x = fixed_encoded(s, fixed_floats(s, 2, two_two, FLOATS(1, -2, 3, 4)), NULL);
    w = fixed_encoded(s, fixed_floats(s, 2, two_two, FLOATS(1, 2, 3, 4)), NULL);
    assert_decodes(s, sy_linear(s, x, w, NULL), 4, DOUBLES(-3, -5, 11, 25));
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

/* Integers stay what they are beside a bias of fixed precision. */
static void test_layers_of_integers(void **state)
{
    local_hook *l = *state;
    sy_scope *s = sy_scope_begin(l->hook);
    const int64_t square[] = {2, 2}, image[] = {1, 1, 1, 2}, kernel[] = {1, 1, 1, 1};
    sy_tensor *x = sy_to(s, fixed_floats(s, 2, square, FLOATS(1, -2, 3, 4)), SY_DTYPE_I64),
              *w = sy_to(s, fixed_floats(s, 2, square, FLOATS(1, 2, 3, 4)), SY_DTYPE_I64);
    sy_tensor *bias = fixed_encoded(s, fixed_row(s, 2, FLOATS(0.5f, 0.25f)), NULL);
    assert_decodes(s, sy_linear(s, x, w, bias), 4, DOUBLES(-2.5, -4.75, 11.5, 25.25));
    x = sy_to(s, fixed_floats(s, 4, image, FLOATS(2, 3)), SY_DTYPE_I64);
    w = sy_to(s, fixed_floats(s, 4, kernel, FLOATS(4)), SY_DTYPE_I64);
    bias = fixed_encoded(s, fixed_row(s, 1, FLOATS(0.5f)), NULL);
    const sy_value conv2d[] = {sy_value_tensor(x), sy_value_tensor(w), sy_value_tensor(bias)};
    assert_decodes(s, sy_scope_call(s, "conv2d", conv2d, 3), 2, DOUBLES(8.5, 12.5));
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

static void test_options(void **state)
{
    local_hook *l = *state;
    sy_scope *s = sy_scope_begin(l->hook);
    sy_tensor *x = fixed_row(s, 2, FLOATS(1.5f, -2.25f)), *fixed = NULL;
    sy_precision_options given = SY_PRECISION_OPTIONS_INIT, got = SY_PRECISION_OPTIONS_INIT;
    given.base = 2;
    given.precision_fractional = 8;
    given.dtype = SY_PRECISION_INT;
    given.kappa = 7;
    fixed = fixed_encoded(s, x, &given);
    assert_holds(s, fixed, 2, INTS(384, -576));
    assert_int_equal(syi_node_array(fixed->node->child)->dtype, SY_DTYPE_I32);
    assert_ok(sy_tensor_get_precision(fixed, &got, &l->err), &l->err);
    assert_int_equal(got.base, 2);
    assert_int_equal(got.precision_fractional, 8);
    assert_int_equal(got.dtype, SY_PRECISION_INT);
    assert_true(got.field == UINT64_C(1) << 32);
    assert_int_equal(got.kappa, 7);
    assert_decodes(s, sy_mul(s, fixed, fixed), 2, DOUBLES(2.25, 5.0625));
    given.dtype = SY_PRECISION_CUSTOM;
    given.field = 1000;
    assert_status(sy_tensor_fix_precision(x, &fixed, &given, &l->err), SY_ERANGE, &l->err);
    assert_non_null(strstr(l->err.message, "element [1] is -2.25"));
    given.field = 1200;
    fixed = fixed_encoded(s, x, &given);
    assert_holds(s, fixed, 2, INTS(384, -576));
    (void)sy_add(s, fixed, fixed);
    s = assert_scope_fails(s, SY_ERANGE, "add: a sum of magnitude 1152, half of the field is 599");
    assert_status(sy_tensor_get_precision(NULL, &got, &l->err), SY_EINVAL, &l->err);
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

static void assert_refused(local_hook *l, sy_precision_options options, const char *words)
{
    float one = 1;
    sy_tensor *x = local_hook_floats(l, 1, &one), *fixed = NULL;
    assert_status(sy_tensor_fix_precision(x, &fixed, &options, &l->err), SY_EINVAL, &l->err);
    if (strstr(l->err.message, words) == NULL) {
        fail_msg("'%s' is not in '%s'", words, l->err.message);
    }
    assert_null(fixed);
    assert_status(sy_tensor_fix_precision_(x, &options, &l->err), SY_EINVAL, &l->err);
    assert_false(sy_tensor_is_wrapper(x));
    sy_tensor_unref(x);
}

static void test_bad_options(void **state)
{
    local_hook *l = *state;
    for (int64_t base = -1; base <= 1; base++) {
        sy_precision_options options = SY_PRECISION_OPTIONS_INIT;
        options.base = base;
        assert_refused(l, options, "base");
    }
    sy_precision_options options = SY_PRECISION_OPTIONS_INIT;
    options.precision_fractional = 19; /* 10^19 > 2^63 */
    assert_refused(l, options, "10 to the 19 is no scale");
    options.precision_fractional = INT64_MAX;
    assert_refused(l, options, "is no scale");
    options.precision_fractional = -1;
    assert_refused(l, options, "is no scale");
    options = (sy_precision_options)SY_PRECISION_OPTIONS_INIT;
    options.dtype = SY_PRECISION_INT;
    options.precision_fractional = 10;
    assert_refused(l, options, "is no scale");
    options.precision_fractional = 3;
    options.field = 77;
    assert_refused(l, options, "field 77 is not that of dtype int");
    options.dtype = SY_PRECISION_CUSTOM;
    options.field = 3;
    assert_refused(l, options, "a custom field of 3");
    options.field = 2000;
    assert_refused(l, options, "is no scale");
    options = (sy_precision_options)SY_PRECISION_OPTIONS_INIT;
    options.kappa = -1;
    assert_refused(l, options, "kappa -1 is negative");
    options.kappa = 1;
    options.dtype = (sy_precision_dtype)9;
    assert_refused(l, options, "unknown dtype 9");
}

static void test_ranges(void **state)
{
    local_hook *l = *state;
    sy_scope *s = sy_scope_begin(l->hook);
    const int64_t shape[] = {2, 3};
    sy_tensor *fixed = NULL;
    const struct {
        float value;
        const char *words;
    } cases[] = {
        {NAN, "element [1, 2] is NaN"},
        {INFINITY, "element [1, 2] is infinite"},
        {-INFINITY, "element [1, 2] is infinite"},
        {1e16f, "element [1, 2] is 1e+16, which does not fit: magnitudes stay below 9.22337e+15"},
        {-9.3e15f, "element [1, 2] is -9.3e+15"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        sy_tensor *x = fixed_floats(s, 2, shape, (const float[]){0, 1, 2, 3, 4, cases[k].value});
        assert_status(sy_tensor_fix_precision(x, &fixed, NULL, &l->err), SY_ERANGE, &l->err);
        if (strstr(l->err.message, cases[k].words) == NULL) {
            fail_msg("'%s' is not in '%s'", cases[k].words, l->err.message);
        }
    }
    sy_tensor *ints = fixed_ints(s, 2, INTS(9223372036854775, -9223372036854775));
    assert_holds(s, fixed_encoded(s, ints, NULL), 2,
                 INTS(9223372036854775000, -9223372036854775000));
    ints = fixed_ints(s, 2, INTS(0, 9223372036854776));
    assert_status(sy_tensor_fix_precision(ints, &fixed, NULL, &l->err), SY_ERANGE, &l->err);
    sy_precision_options small = SY_PRECISION_OPTIONS_INIT;
    small.dtype = SY_PRECISION_INT;
    ints = fixed_ints(s, 2, INTS(2147483, -2147483));
    assert_holds(s, fixed_encoded(s, ints, &small), 2, INTS(2147483000, -2147483000));
    ints = fixed_ints(s, 1, INTS(2147484));
    assert_status(sy_tensor_fix_precision(ints, &fixed, &small, &l->err), SY_ERANGE, &l->err);
    /* products that pass the field */
    sy_tensor *large = fixed_encoded(s, fixed_row(s, 2, FLOATS(1, 4e6f)), NULL);
    (void)sy_mul(s, large, large);
    s = assert_scope_fails(s, SY_ERANGE,
                           "mul: a product of magnitude 1.6e+19 before it is truncated");
    large = fixed_encoded(s, fixed_row(s, 2, FLOATS(1, 3e6f)), NULL);
    assert_decodes(s, sy_mul(s, large, large), 2, DOUBLES(1, 9e12));
    const int64_t row[] = {1, 2}, column[] = {2, 1};
    large = fixed_encoded(s, fixed_row(s, 2, FLOATS(3e6f, 3e6f)), NULL);
    (void)sy_matmul(s, sy_reshape(s, large, 2, row), sy_reshape(s, large, 2, column));
    s = assert_scope_fails(s, SY_ERANGE, "matmul: a product of magnitude 1.8e+19");
    /* each bound alone is too much, the products are not */
    sy_tensor *a = fixed_encoded(s, fixed_row(s, 2, FLOATS(8589934592.0f, 1e-3f)), NULL);
    sy_tensor *b = fixed_encoded(s, fixed_row(s, 2, FLOATS(1e-3f, 8589934592.0f)), NULL);
    assert_holds(s, sy_mul(s, a, b), 2, INTS(8589934592, 8589934592));
    large = fixed_encoded(s, fixed_row(s, 1, FLOATS(9e15f)), NULL);
    (void)sy_sub(s, large, sy_neg(s, large));
    s = assert_scope_fails(s, SY_ERANGE, "sub: a sum of magnitude 1.8e+19");
    large = fixed_encoded(s, fixed_row(s, 2, FLOATS(9e15f, 9e15f)), NULL);
    assert_decodes(s, sy_sub(s, large, large), 2, DOUBLES(0, 0));
    (void)sy_sum(s, large);
    s = assert_scope_fails(s, SY_ERANGE, "sum: a sum of magnitudes of 1.8e+19");
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

static void test_operands(void **state)
{
    local_hook *l = *state;
    sy_scope *s = sy_scope_begin(l->hook);
    sy_tensor *x = fixed_encoded(s, fixed_row(s, 3, FLOATS(1.5f, -2, 3)), NULL);
    sy_tensor *floats = fixed_row(s, 3, FLOATS(0.5f, 0.25f, -1));
    sy_tensor *ints = fixed_ints(s, 3, INTS(1, 2, 3));
    assert_decodes(s, sy_add_scalar(s, x, 0.5), 3, DOUBLES(2, -1.5, 3.5));
    assert_decodes(s, sy_add_int(s, x, 2), 3, DOUBLES(3.5, 0, 5));
    assert_decodes(s, sy_add(s, x, floats), 3, DOUBLES(2, -1.75, 2));
    assert_decodes(s, sy_add(s, floats, x), 3, DOUBLES(2, -1.75, 2));
    assert_decodes(s, sy_add(s, x, ints), 3, DOUBLES(2.5, 0, 6));
    assert_decodes(s, sy_sub(s, floats, x), 3, DOUBLES(-1, 2.25, -4));
    assert_decodes(s, sy_rsub_int(s, x, 1), 3, DOUBLES(-0.5, 3, -2));
    assert_decodes(s, sy_mul_scalar(s, x, 0.5), 3, DOUBLES(0.75, -1, 1.5));
    assert_decodes(s, sy_mul_int(s, x, -3), 3, DOUBLES(-4.5, 6, -9));
    assert_decodes(s, sy_mul(s, x, ints), 3, DOUBLES(1.5, -4, 9));
    assert_decodes(s, sy_mul(s, floats, x), 3, DOUBLES(0.75, -0.5, -3));
    assert_decodes(s, sy_div_int(s, x, 2), 3, DOUBLES(0.75, -1, 1.5));
    assert_decodes(s, sy_div_scalar(s, x, 0.25), 3, DOUBLES(6, -8, 12));
    assert_decodes(s, sy_div(s, x, floats), 3, DOUBLES(3, -8, -3));
    assert_decodes(s, sy_div(s, x, ints), 3, DOUBLES(1.5, -1, 1));
    assert_decodes(s, sy_div(s, floats, x), 3, DOUBLES(0.333, -0.125, -0.333));
    assert_decodes(s, sy_pow_int(s, x, 3), 3, DOUBLES(3.375, -8, 27));
    assert_decodes(s, sy_pow_int(s, x, 0), 3, DOUBLES(1, 1, 1));
    assert_decodes(s, sy_pow_int(s, x, -1), 3, DOUBLES(0.666, -0.5, 0.333));
    const sy_value scaled[] = {sy_value_tensor(x), sy_value_tensor(floats), sy_value_float(0.5)};
    assert_decodes(s, sy_scope_call(s, "add", scaled, 3), 3, DOUBLES(1.75, -1.875, 2.5));
    assert_decodes(s, sy_scope_call(s, "sub", scaled, 3), 3, DOUBLES(1.25, -2.125, 3.5));
    (void)sy_div_scalar(s, x, 1e-4);
    s = assert_scope_fails(s, SY_ERANGE, "div: the divisor 0.0001 is 0 at a precision of 3");
    x = fixed_encoded(s, fixed_row(s, 3, FLOATS(1.5f, -2, 3)), NULL);
    (void)sy_div(s, x, fixed_encoded(s, fixed_row(s, 3, FLOATS(1, 0, 1)), NULL));
    s = assert_scope_fails(s, SY_ERANGE, "div_trunc: division by zero");
    x = fixed_encoded(s, fixed_row(s, 3, FLOATS(1.5f, -2, 3)), NULL);
    const sy_precision_options four = fixed_precision(4);
    (void)sy_mul(s, x, fixed_encoded(s, fixed_row(s, 3, FLOATS(1, 0, 1)), &four));
    s = assert_scope_fails(s, SY_EINVAL,
                           "mul: fixed precisions of base 10, precision 3, field 2^64 and of base "
                           "10, precision 4, field 2^64 do not mix");
    x = fixed_encoded(s, fixed_row(s, 3, FLOATS(1.5f, -2, 3)), NULL);
    (void)sy_softmax(s, x, 0);
    s = assert_scope_fails(s, SY_ENOTSUP, "softmax: not for fixed precision tensors");
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

static void test_comparisons(void **state)
{
    local_hook *l = *state;
    sy_scope *s = sy_scope_begin(l->hook);
    sy_tensor *x = fixed_encoded(s, fixed_row(s, 3, FLOATS(3.1f, -3.1f, 3.1f)), NULL);
    sy_tensor *y = fixed_encoded(s, fixed_row(s, 3, FLOATS(3.1f, -3.1f, 2.1f)), NULL);
    assert_decodes(s, sy_eq(s, x, y), 3, DOUBLES(1, 1, 0));
    assert_decodes(s, sy_ne(s, x, y), 3, DOUBLES(0, 0, 1));
    assert_decodes(s, sy_gt(s, x, y), 3, DOUBLES(0, 0, 1));
    assert_decodes(s, sy_ge(s, x, y), 3, DOUBLES(1, 1, 1));
    assert_decodes(s, sy_lt(s, y, x), 3, DOUBLES(0, 0, 1));
    assert_decodes(s, sy_le_scalar(s, x, 0.5), 3, DOUBLES(0, 1, 0));
    assert_decodes(s, sy_gt_int(s, x, 3), 3, DOUBLES(1, 0, 1));
    assert_decodes(s, sy_where(s, sy_gt_int(s, x, 0), x, y), 3, DOUBLES(3.1, -3.1, 3.1));
    assert_decodes(s, sy_relu(s, x), 3, DOUBLES(3.1, 0, 3.1));
    assert_decodes(s, sy_sign(s, x), 3, DOUBLES(1, -1, 1));
    assert_decodes(s, sy_maximum_scalar(s, x, 0.5), 3, DOUBLES(3.1, 0.5, 3.1));
    assert_decodes(s, sy_abs(s, x), 3, DOUBLES(3.1, 3.1, 3.1));
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

static void test_shapes_and_reductions(void **state)
{
    local_hook *l = *state;
    sy_scope *s = sy_scope_begin(l->hook);
    const int64_t shape[] = {2, 3};
    sy_tensor *x = fixed_encoded(s, fixed_floats(s, 2, shape, FLOATS(1, 2, 4, 3, 9, 2.5f)), NULL);
    assert_decodes(s, sy_max(s, x), 1, DOUBLES(9));
    sy_tensor *places = NULL;
    assert_decodes(s, sy_max_dim(s, x, 1, false, &places), 2, DOUBLES(4, 9));
    assert_decodes(s, places, 2, DOUBLES(2, 1));
    assert_decodes(s, sy_argmax(s, x), 1, DOUBLES(4));
    assert_decodes(s, sy_argmin_dim(s, x, 0, false), 3, DOUBLES(0, 0, 1));
    assert_decodes(s, sy_sum(s, x), 1, DOUBLES(21.5));
    assert_decodes(s, sy_sum_dim(s, x, 0, false), 3, DOUBLES(4, 11, 6.5));
    assert_decodes(s, sy_mean(s, x), 1, DOUBLES(3.583));
    assert_decodes(s, sy_mean_dim(s, x, 1, true), 2, DOUBLES(2.333, 4.833));
    assert_decodes(s, sy_t(s, x), 6, DOUBLES(1, 3, 2, 9, 4, 2.5));
    assert_decodes(s, sy_select(s, x, 0, 1), 3, DOUBLES(3, 9, 2.5));
    const sy_value index[] = {sy_value_ellipsis(), sy_value_slice(1, SY_SLICE_OPEN, 1)};
    assert_decodes(s, sy_index(s, x, index, 2), 4, DOUBLES(2, 4, 9, 2.5));
    sy_tensor *two[] = {sy_select(s, x, 0, 0), fixed_row(s, 3, FLOATS(0.5f, 1, 2))};
    assert_decodes(s, sy_stack(s, two, 2, 0), 6, DOUBLES(1, 2, 4, 0.5, 1, 2));
    assert_decodes(s, sy_cat(s, two, 2, 0), 6, DOUBLES(1, 2, 4, 0.5, 1, 2));
    assert_decodes(s, sy_index_select(s, x, 1, fixed_ints(s, 2, INTS(2, 0))), 4,
                   DOUBLES(4, 1, 2.5, 3));
    sy_tensor *parts[4];
    const sy_value split[] = {sy_value_tensor(x), sy_value_int(2), sy_value_int(1)};
    assert_int_equal(sy_scope_call_many(s, "split", split, 3, parts, 4), 2);
    assert_decodes(s, parts[1], 2, DOUBLES(4, 2.5));
    assert_decodes(s, sy_mse_loss(s, x, sy_zeros_like(s, x)), 1, DOUBLES(19.541));
    const sy_value self = sy_value_tensor(x);
    sy_value answer = sy_value_none();
    assert_ok(sy_call(l->hook, "numel", &self, 1, NULL, 0, NULL, 0, NULL, &answer, &l->err),
              &l->err);
    assert_int_equal(answer.as.integer, 6);
    /* nothing, and one */
    const int64_t none[] = {0, 3};
    sy_tensor *empty = fixed_encoded(s, fixed_floats(s, 2, none, NULL), NULL);
    assert_decodes(s, sy_sum(s, sy_mul(s, empty, empty)), 1, DOUBLES(0));
    sy_tensor *one = fixed_encoded(s, fixed_floats(s, 0, NULL, FLOATS(2.5f)), NULL);
    assert_decodes(s, sy_mul(s, one, x), 6, DOUBLES(2.5, 5, 10, 7.5, 22.5, 6.25));
    (void)sy_mean(s, empty);
    s = assert_scope_fails(s, SY_ERANGE, "mean: of no elements");
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

/* Elements at other places, and what is cut off is 0. */
static void test_places(void **state)
{
    local_hook *l = *state;
    sy_scope *s = sy_scope_begin(l->hook);
    const int64_t shape[] = {2, 3};
    sy_tensor *x = fixed_encoded(s, fixed_floats(s, 2, shape, FLOATS(1, 2, 4, 3, 9, 2.5f)), NULL);
    assert_decodes(s, sy_tril(s, x, 0), 6, DOUBLES(1, 0, 0, 3, 9, 0));
    assert_decodes(s, sy_triu(s, x, 1), 6, DOUBLES(0, 2, 4, 0, 0, 2.5));
    const sy_value one = sy_value_int(1), ones = sy_value_list(&one, 1);
    const sy_value flip[] = {sy_value_tensor(x), ones};
    assert_decodes(s, sy_scope_call(s, "flip", flip, 2), 6, DOUBLES(4, 2, 1, 2.5, 9, 3));
    const sy_value roll[] = {sy_value_tensor(x), ones, ones};
    assert_decodes(s, sy_scope_call(s, "roll", roll, 3), 6, DOUBLES(4, 1, 2, 2.5, 3, 9));
    const sy_value self = sy_value_tensor(x);
    assert_decodes(s, sy_scope_call(s, "diagonal", &self, 1), 2, DOUBLES(1, 9));
    const int64_t column[] = {2, 1};
    const sy_value gather[] = {
        sy_value_tensor(x), sy_value_int(1),
        sy_value_tensor(sy_reshape(s, fixed_ints(s, 2, INTS(2, 0)), 2, column))};
    assert_decodes(s, sy_scope_call(s, "gather", gather, 3), 2, DOUBLES(4, 3));
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

static void test_products_of_matrices(void **state)
{
    local_hook *l = *state;
    sy_scope *s = sy_scope_begin(l->hook);
    const int64_t square[] = {2, 2}, column[] = {2, 1};
    sy_tensor *floats = fixed_floats(s, 2, square, FLOATS(1, 2, 3, 4));
    sy_tensor *x = fixed_encoded(s, floats, NULL);
    assert_decodes(s, sy_matmul(s, x, x), 4, DOUBLES(7, 10, 15, 22));
    assert_decodes(s, sy_mm(s, floats, x), 4, DOUBLES(7, 10, 15, 22)); /* in this order */
    sy_tensor *turned = sy_t(s, floats);
    assert_decodes(s, sy_matmul(s, turned, x), 4, DOUBLES(10, 14, 14, 20));
    assert_decodes(s, sy_matmul(s, x, turned), 4, DOUBLES(5, 11, 11, 25));
    sy_tensor *ints = sy_to(s, floats, SY_DTYPE_I64);
    assert_decodes(s, sy_matmul(s, ints, x), 4, DOUBLES(7, 10, 15, 22));
    sy_tensor *row = fixed_row(s, 2, FLOATS(0.5f, -1));
    const sy_value vector[] = {sy_value_tensor(x), sy_value_tensor(row)};
    assert_decodes(s, sy_scope_call(s, "mv", vector, 2), 2, DOUBLES(-1.5, -2.5));
    const sy_value dot[] = {sy_value_tensor(fixed_encoded(s, row, NULL)), sy_value_tensor(row)};
    assert_decodes(s, sy_scope_call(s, "dot", dot, 2), 1, DOUBLES(1.25));
    sy_tensor *batch = sy_unsqueeze(s, x, 0);
    const sy_value batches[] = {sy_value_tensor(batch), sy_value_tensor(batch)};
    assert_decodes(s, sy_scope_call(s, "bmm", batches, 2), 4, DOUBLES(7, 10, 15, 22));
    sy_tensor *large = fixed_encoded(s, fixed_row(s, 2, FLOATS(3e6f, 3e6f)), NULL);
    const sy_value long_dot[] = {sy_value_tensor(large), sy_value_tensor(large)};
    (void)sy_scope_call(s, "dot", long_dot, 2);
    s = assert_scope_fails(s, SY_ERANGE, "dot: a product of magnitude 1.8e+19");
    const sy_precision_options fine = fixed_precision(6);
    x = fixed_encoded(s, fixed_floats(s, 2, column, FLOATS(0.123456f, -0.654321f)), &fine);
    assert_holds(s, sy_matmul(s, sy_t(s, x), x), 1, INTS(443377)); /* truncated once */
    (void)sy_matmul(s, x, x);
    s = assert_scope_fails(s, SY_ESHAPE, "matmul: 2x1 by 2x1");
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

/* Windows of what floats give, and a few rows that came with them. */
static void test_convolution(void **state)
{
    local_hook *l = *state;
    sy_scope *s = sy_scope_begin(l->hook);
    const int64_t of_x[] = {2, 4, 5, 5}, of_w[] = {6, 2, 3, 3}, out[] = {2, 6, 3, 3};
    const sy_precision_options five = fixed_precision(5);
    float x[200], w[108], b[6];
    double expected[108];
    for (int k = 0; k < 200; k++) {
        x[k] = (float)((k * 37) % 23 - 11) / 8;
        w[k % 108] = (float)((k * 29) % 19 - 9) / 16;
        b[k % 6] = (float)(k % 5) / 4;
    }
    sy_tensor *args[3] = {fixed_floats(s, 4, of_x, x), fixed_floats(s, 4, of_w, w),
                          fixed_row(s, 6, b)};
    sy_value values[] = {sy_value_tensor(args[0]), sy_value_tensor(args[1]),
                         sy_value_tensor(args[2]), sy_value_int(2),
                         sy_value_int(1),          sy_value_int(1),
                         sy_value_int(2)};
    const syi_array *plain = syi_node_array(sy_scope_call(s, "conv2d", values, 7)->node);
    assert_int_equal(syi_array_numel(plain), 108);
    for (int k = 0; k < 108; k++) {
        expected[k] = syi_array_get_double(plain, k);
    }
    values[0] = sy_value_tensor(fixed_encoded(s, args[0], &five));
    sy_tensor *y =
        sy_scope_call(s, "conv2d", values, 7); /* weight and bias are encoded on the way */
    assert_near(s, sy_reshape(s, sy_float_precision(s, y), 4, out), 108, expected, 2e-5);
    values[1] = sy_value_tensor(fixed_encoded(s, args[1], &five));
    values[2] = sy_value_none();
    y = sy_scope_call(s, "conv2d", values, 7);
    for (int k = 0; k < 108; k++) {
        expected[k] -= (double)b[k / 9 % 6];
    }
    assert_near(s, sy_float_precision(s, y), 108, expected, 2e-5);
    values[0] = sy_value_tensor(sy_mul_scalar(s, values[0].as.tensor, 1e5));
    values[1] = sy_value_tensor(sy_mul_scalar(s, values[1].as.tensor, 1e5));
    (void)sy_scope_call(s, "conv2d", values, 7);
    s = assert_scope_fails(s, SY_ERANGE, "conv2d: products of magnitude");
    sy_tensor *z = fixed_encoded(s, fixed_row(s, 4, FLOATS(21, -21, 2.5f, -0.75f)), NULL);
    const sy_value modulo[] = {sy_value_tensor(z), sy_value_int(8)};
    assert_decodes(s, sy_scope_call(s, "remainder", modulo, 2), 4, DOUBLES(5, 3, 2.5, 7.25));
    const sy_value clamped[] = {sy_value_tensor(z), sy_value_none(), sy_value_float(2.5)};
    assert_decodes(s, sy_scope_call(s, "clamp", clamped, 3), 4, DOUBLES(2.5, -21, 2.5, -0.75));
    const sy_value self = sy_value_tensor(z);
    assert_decodes(s, sy_scope_call(s, "square", &self, 1), 4, DOUBLES(441, 441, 6.25, 0.562));
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

static void test_in_place(void **state)
{
    local_hook *l = *state;
    sy_scope *s = sy_scope_begin(l->hook);
    sy_tensor *x = fixed_encoded(s, fixed_row(s, 2, FLOATS(1.5f, -2)), NULL);
    assert_ptr_equal(sy_add_scalar_(s, x, 0.25), x);
    assert_decodes(s, x, 2, DOUBLES(1.75, -1.75));
    assert_decodes(s, sy_mul_(s, x, x), 2, DOUBLES(3.062, 3.062));
    assert_decodes(s, sy_sub_(s, x, fixed_row(s, 2, FLOATS(0.062f, 0))), 2, DOUBLES(3, 3.062));
    assert_decodes(s, sy_div_int_(s, x, 2), 2, DOUBLES(1.5, 1.531));
    assert_decodes(s, sy_fill_(s, x, 0.125), 2, DOUBLES(0.125, 0.125));
    assert_decodes(s, sy_neg_(s, x), 2, DOUBLES(-0.125, -0.125));
    assert_decodes(s, sy_copy_(s, x, fixed_row(s, 2, FLOATS(4, -4))), 2, DOUBLES(4, -4));
    assert_decodes(s, sy_relu_(s, x), 2, DOUBLES(4, 0));
    assert_decodes(s, sy_gt_int_(s, x, 1), 2, DOUBLES(1, 0));
    assert_decodes(s, sy_sgd_(s, x, fixed_row(s, 2, FLOATS(10, 20)), 0.0001), 2,
                   DOUBLES(0.999, -0.002)); /* the rate is below the precision, the step is not */
    assert_decodes(s, sy_zero_(s, x), 2, DOUBLES(0, 0));
    /* a bound that is known is not trusted after a write */
    sy_tensor *one = fixed_encoded(s, fixed_row(s, 1, FLOATS(1)), NULL);
    (void)sy_fill_(s, one, 4e6);
    (void)sy_mul(s, one, one);
    s = assert_scope_fails(s, SY_ERANGE, "mul: a product of magnitude 1.6e+19");
    sy_tensor *plain = fixed_row(s, 1, FLOATS(1));
    (void)sy_add_(s, plain, fixed_encoded(s, plain, NULL));
    s = assert_scope_fails(s, SY_EINVAL, "add: in place, a plain tensor cannot take");
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

/* fix_precision_ and float_precision_ keep the handle */
static void test_handles(void **state)
{
    local_hook *l = *state;
    const float values[] = {1.5f, -2}, slopes[] = {0.25f, 8};
    sy_tensor *x = local_hook_floats(l, 2, values), *g = local_hook_floats(l, 2, slopes);
    char *text = NULL;
    const sy_id id = sy_tensor_get_id(x);
    assert_ok(sy_tensor_tag(x, "#x", &l->err), &l->err);
    assert_ok(sy_tensor_set_requires_grad(x, true, &l->err), &l->err);
    assert_ok(sy_tensor_set_grad(x, g, &l->err), &l->err);
    assert_ok(sy_tensor_fix_precision_(x, NULL, &l->err), &l->err);
    assert_true(sy_tensor_is_fixed_precision(x));
    assert_true(sy_tensor_is_fixed_precision(x->grad));
    assert_true(sy_tensor_get_requires_grad(x));
    const sy_id still = sy_tensor_get_id(x);
    assert_true(sy_id_equal(&id, &still));
    assert_ok(sy_tensor_to_text(x, &text, &l->err), &l->err);
    assert_string_equal(text, "(Wrapper)>FixedPrecisionTensor>tensor([1500, -2000])\n\tTags: #x ");
    sy_string_free(l->hook, text);
    assert_status(sy_tensor_fix_precision_(x, NULL, &l->err), SY_EINVAL, &l->err);
    assert_ok(sy_tensor_float_precision_(x, &l->err), &l->err);
    assert_floats(x, values, 2);
    assert_floats(x->grad, slopes, 2);
    assert_true(sy_tensor_get_requires_grad(x));
    assert_status(sy_tensor_float_precision_(x, &l->err), SY_EINVAL, &l->err);
    assert_non_null(strstr(l->err.message, "the tensor is a plain tensor"));
    sy_tensor_unref(g);
    sy_tensor_unref(x);
}

/* Over an encoded child of the caller's own. */
static void test_on(void **state)
{
    local_hook *l = *state;
    sy_scope *s = sy_scope_begin(l->hook);
    sy_tensor *fixed = NULL;
    sy_tensor *ints = fixed_ints(s, 2, INTS(1500, INT64_MIN));
    assert_ok(sy_tensor_on_fixed_precision(ints, &fixed, NULL, &l->err), &l->err);
    (void)sy_add_int(s, fixed, 1); /* INT64_MIN is in no field */
    s = assert_scope_fails(s, SY_ERANGE, "add: a sum");
    sy_tensor_unref(fixed);
    ints = fixed_ints(s, 2, INTS(1500, -250));
    assert_ok(sy_tensor_on_fixed_precision(ints, &fixed, NULL, &l->err), &l->err);
    assert_decodes(s, sy_mul(s, fixed, fixed), 2, DOUBLES(2.25, 0.062));
    sy_tensor_unref(fixed);
    assert_status(sy_tensor_on_fixed_precision(fixed_row(s, 1, FLOATS(1)), &fixed, NULL, &l->err),
                  SY_EDTYPE, &l->err);
    assert_null(fixed);
    assert_ok(sy_scope_end(s, &l->err), &l->err);
}

#define fixed_test(test) \
    cmocka_unit_test_setup_teardown(test, local_hook_setup, local_hook_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixed_test(test_vectors),     fixed_test(test_layers_of_integers),
        fixed_test(test_options),     fixed_test(test_bad_options),
        fixed_test(test_ranges),      fixed_test(test_operands),
        fixed_test(test_comparisons), fixed_test(test_shapes_and_reductions),
        fixed_test(test_places),      fixed_test(test_products_of_matrices),
        fixed_test(test_convolution), fixed_test(test_in_place),
        fixed_test(test_handles),     fixed_test(test_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
