/*
 * products.c - products and quotients: computed in the ring on both scales and truncated once, toward zero.
 * Part of rows.h.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "interpreters/precision/rows.h"
#include "interpreters/sharing/share.h"

/* Emits what was multiplied; both factors scaled means one scale too many. */
static void emit_product(syi_fixed_run *r, sy_tensor *product, uint64_t most, bool twice)
{
    if (twice) {
        product = syi_fixed_divide(r->s, product, r->at->scale);
        most = most != SYI_FIXED_UNKNOWN ? most / (uint64_t)r->at->scale : most;
    }
    syi_fixed_emit(r, product, most);
}

void syi_fixed_mul(syi_fixed_run *r)
{
    syi_fixed_operand a, b;
    if (!syi_fixed_take(r, 0, false, &a) || !syi_fixed_take(r, 1, false, &b)) {
        return;
    }
    const uint64_t most = syi_fixed_check(r, SYI_OP_mul, &a, &b, 1);
    if (sy_scope_get_status(r->s) == SY_OK) {
        emit_product(r, syi_fixed_child_pair(r, SYI_OP_mul, &a, &b), most, a.scaled && b.scaled);
    }
}

/* Elements of the inner dim. */
static bool inner_size(syi_fixed_run *r, const syi_fixed_operand *a, uint64_t *terms)
{
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    sy_error error = SY_ERROR_INIT;
    const sy_status status = sy_tensor_get_shape(syi_fixed_operand_tensor(a), &ndim, shape, &error);
    if (status != SY_OK) {
        sy_scope_fail(r->s, &error);
        return false;
    }
    *terms = ndim > 0 ? (uint64_t)shape[ndim - 1] : 1;
    return true;
}

/* NULL after a failure. */
static sy_tensor *inner_products(syi_fixed_run *r, syi_op_id id, const syi_fixed_operand *a,
                                 const syi_fixed_operand *b, uint64_t *most)
{
    uint64_t terms = 1;
    if ((a->most != SYI_FIXED_UNKNOWN || b->most != SYI_FIXED_UNKNOWN) &&
        !inner_size(r, a, &terms)) {
        return NULL;
    }
    /* Where the shapes do not fit, the child's own sentence is the better one. */
    *most = syi_fixed_bound_mul(syi_fixed_bound_mul(a->most, b->most), terms);
    if (*most > syi_fixed_most(r->at) && *most != SYI_FIXED_UNKNOWN) {
        *most = syi_fixed_check(r, id, a, b, terms);
    }
    return sy_scope_get_status(r->s) == SY_OK ? syi_fixed_child_pair(r, id, a, b) : NULL;
}

void syi_fixed_matmul(syi_fixed_run *r)
{
    syi_fixed_operand a, b;
    uint64_t most = 0;
    if (!syi_fixed_take(r, 0, false, &a) || !syi_fixed_take(r, 1, false, &b)) {
        return;
    }
    sy_tensor *products = inner_products(r, r->call->op->id, &a, &b, &most);
    emit_product(r, products, most, a.scaled && b.scaled);
}

void syi_fixed_square(syi_fixed_run *r)
{
    sy_tensor *x = syi_fixed_handle(r, 0);
    syi_fixed_emit_handle(r, sy_mul(r->s, x, x));
}

/* The largest sum of magnitudes under one window, in double; refused when it passes the field. */
static uint64_t check_windows(syi_fixed_run *r, sy_value *args, uint64_t terms)
{
    double largest = 0;
    sy_error error = SY_ERROR_INIT;
    for (int k = 0; k < 2; k++) {
        sy_tensor *sizes = sy_abs(r->s, sy_to(r->s, args[k].as.tensor, SY_DTYPE_F64));
        args[k] = sizes != NULL ? sy_value_tensor(sizes) : sy_value_none();
    }
    if (sy_scope_get_status(r->s) != SY_OK) {
        return 0;
    }
    sy_tensor *sums = syi_scope_run(r->s, r->call->op->id, false, args, 7);
    sums = sums != NULL ? sy_max(r->s, sums) : NULL;
    if (sums == NULL || sy_tensor_item(sums, &largest, &error) != SY_OK) {
        sy_scope_fail(r->s, &error);
        return 0;
    }
    largest += largest * ((double)terms + 1) * 0x1p-51;
    if (largest >= (double)syi_fixed_most(r->at)) {
        syi_fixed_refuse(r->s, SY_ERANGE,
                         "%s: products of magnitude %.4g before they are truncated, half of the "
                         "field is %.4g",
                         r->call->op->name, largest, (double)syi_fixed_most(r->at));
        return 0;
    }
    return (uint64_t)largest;
}

/* A product on its way: of both scales, when `twice`. */
typedef struct scaled_product {
    sy_tensor *child;
    uint64_t most; /* before it is truncated */
    bool twice;
} scaled_product;

/* Of shares the bias, argument `k` in the shape that is added, comes to the product before it is truncated: so what follows may
 * take the division along (interpreters/sharing/share.h). Nobody sees magnitudes there: the sum has the product's bound. */
static void add_scaled_bias(syi_fixed_run *r, scaled_product *p, int k, int ndim,
                            const int64_t *shape)
{
    syi_fixed_operand bias;
    if (!syi_fixed_take(r, k, true, &bias)) {
        return;
    }
    const syi_fixed_operand scale = {.value = sy_value_int(r->at->scale),
                                     .most = (uint64_t)r->at->scale};
    if (syi_fixed_check(r, SYI_OP_mul, &bias, &scale, 1) == 0 &&
        sy_scope_get_status(r->s) != SY_OK) {
        return;
    }
    sy_tensor *added = syi_fixed_child_pair(r, SYI_OP_mul, &bias, &scale);
    added = added != NULL && shape != NULL ? sy_reshape(r->s, added, ndim, shape) : added;
    p->child = sy_add(r->s, p->child, added);
    p->most = SYI_FIXED_UNKNOWN;
}

/* Hands over product + bias, argument `k`, which may be none; `shape`: what it is reshaped to, or NULL. */
static void emit_with_bias(syi_fixed_run *r, scaled_product *p, int k, int ndim,
                           const int64_t *shape)
{
    const bool some = r->call->args[k].kind == (sy_value_kind)SYI_VALUE_NODE;
    if (p->child == NULL || sy_scope_get_status(r->s) != SY_OK) {
        return;
    }
    const bool first = some && p->twice && syi_share_of(p->child->node) != NULL;
    if (first) {
        add_scaled_bias(r, p, k, ndim, shape);
    }
    if (p->twice) {
        p->child = syi_fixed_divide(r->s, p->child, r->at->scale);
        p->most = p->most != SYI_FIXED_UNKNOWN ? p->most / (uint64_t)r->at->scale : p->most;
    }
    if (first || !some) {
        syi_fixed_emit(r, p->child, p->most);
        return;
    }
    sy_tensor *bias = syi_fixed_handle(r, k);
    bias = bias != NULL && shape != NULL ? sy_reshape(r->s, bias, ndim, shape) : bias;
    syi_fixed_emit_handle(r, sy_add(r->s, syi_fixed_wrap(r->s, r->at, p->child, p->most), bias));
}

/* Arguments 0 and 1, of which one is scaled at least: both may be integers where only the bias is of fixed precision. */
static bool take_factors(syi_fixed_run *r, syi_fixed_operand *input, syi_fixed_operand *weight)
{
    return syi_fixed_take(r, 1, false, weight) && syi_fixed_take(r, 0, false, input) &&
           (input->scaled || weight->scaled || syi_fixed_take(r, 0, true, input));
}

/* Without the bias. */
static scaled_product convolve(syi_fixed_run *r)
{
    const scaled_product none = {NULL, 0, false};
    syi_fixed_operand input, weight;
    sy_value args[7];
    int64_t all = 0, of_weight = 0;
    if (!take_factors(r, &input, &weight)) {
        return none;
    }
    memcpy(args, r->call->args, sizeof args);
    args[0] = input.value;
    args[1] = weight.value;
    args[2] = sy_value_none();
    sy_tensor *child = syi_scope_run(r->s, r->call->op->id, false, args, 7);
    syi_array shape = SYI_ARRAY_INIT;
    sy_error error = SY_ERROR_INIT;
    if (child == NULL || !syi_fixed_numel(r, args[1].as.tensor, &all)) {
        return none;
    }
    if (syi_node_shape(args[1].as.tensor->node, &shape, &error) != SY_OK) {
        sy_scope_fail(r->s, &error);
        return none;
    }
    of_weight = shape.shape[0] > 0 ? all / shape.shape[0] : 0;
    uint64_t most =
        syi_fixed_bound_mul(syi_fixed_bound_mul(input.most, weight.most), (uint64_t)of_weight);
    if (most > syi_fixed_most(r->at) && most != SYI_FIXED_UNKNOWN) {
        most = check_windows(r, args, (uint64_t)of_weight);
    }
    return (scaled_product){child, most, input.scaled && weight.scaled};
}

/* input @ weight.T + bias */
void syi_fixed_linear(syi_fixed_run *r)
{
    syi_fixed_operand input, weight;
    scaled_product p = {NULL, 0, false};
    int ndim = 0;
    int64_t shape[SY_DIM_MAX];
    sy_error error = SY_ERROR_INIT;
    if (!take_factors(r, &input, &weight)) {
        return;
    }
    const sy_status status =
        sy_tensor_get_shape(syi_fixed_operand_tensor(&weight), &ndim, shape, &error);
    if (status != SY_OK) {
        sy_scope_fail(r->s, &error);
        return;
    }
    if (ndim > 1) {
        weight.value = sy_value_tensor(sy_t(r->s, syi_fixed_operand_tensor(&weight)));
        weight.fixed = NULL;
    }
    if (sy_scope_get_status(r->s) == SY_OK) {
        p.child = inner_products(r, SYI_OP_matmul, &input, &weight, &p.most);
        p.twice = input.scaled && weight.scaled;
        emit_with_bias(r, &p, 2, 0, NULL);
    }
}

void syi_fixed_convolution(syi_fixed_run *r)
{
    const int64_t channels[] = {-1, 1, 1};
    scaled_product p = convolve(r);
    emit_with_bias(r, &p, 2, r->call->op->id == SYI_OP_conv1d ? 2 : 3, channels);
}

/* Division */

/* What divides must not be 0 anywhere; the child's kernel says so, too, but knows less. */
void syi_fixed_div(syi_fixed_run *r)
{
    syi_fixed_operand a, b;
    if (!syi_fixed_take(r, 0, true, &a) || !syi_fixed_take(r, 1, false, &b)) {
        return;
    }
    if (syi_fixed_operand_tensor(&b) == NULL && b.value.as.integer == 0) {
        const sy_value *divisor = &r->call->args[1];
        const double real = divisor->kind == SY_VALUE_FLOAT ? divisor->as.real : 0;
        syi_fixed_refuse(r->s, SY_ERANGE,
                         real != 0 ? "div: the divisor %g is 0 at a precision of %" PRId64
                                   : "div: division by %g",
                         real, r->at->precision);
        return;
    }
    const syi_fixed_operand scale = {
        .value = sy_value_int(r->at->scale),
        .most = (uint64_t)r->at->scale,
    };
    uint64_t most = a.most;
    if (b.scaled) {
        most = syi_fixed_check(r, SYI_OP_mul, &a, &scale, 1);
        if (sy_scope_get_status(r->s) != SY_OK) {
            return;
        }
        a.value = sy_value_tensor(syi_fixed_child_pair(r, SYI_OP_mul, &a, &scale));
    }
    if (sy_scope_get_status(r->s) == SY_OK) {
        syi_fixed_emit(r, syi_fixed_child_pair(r, SYI_OP_div_trunc, &a, &b), most);
    }
}

/* Powers */

static bool whole_exponent(syi_fixed_run *r, int64_t *exponent)
{
    const sy_value *value = &r->call->args[1];
    if (value->kind == SY_VALUE_INT) {
        *exponent = value->as.integer;
    } else if (value->kind == SY_VALUE_FLOAT && value->as.real == floor(value->as.real) &&
               fabs(value->as.real) < 1e9) {
        *exponent = (int64_t)value->as.real;
    } else {
        syi_fixed_refuse(r->s, SY_ENOTSUP,
                         "pow: a fixed precision tensor has powers of whole numbers only");
        return false;
    }
    return true;
}

/* Square and multiply, truncated at each step. */
void syi_fixed_pow(syi_fixed_run *r)
{
    int64_t exponent = 0;
    sy_tensor *x = syi_fixed_handle(r, 0);
    if (x == NULL || !whole_exponent(r, &exponent)) {
        return;
    }
    uint64_t left = exponent < 0 ? 0 - (uint64_t)exponent : (uint64_t)exponent;
    sy_tensor *power = NULL;
    for (sy_tensor *factor = x; left > 0; left >>= 1) {
        if (left & 1) {
            power = power == NULL ? factor : sy_mul(r->s, power, factor);
        }
        factor = left > 1 ? sy_mul(r->s, factor, factor) : factor;
        if (sy_scope_get_status(r->s) != SY_OK) {
            return;
        }
    }
    if (power == NULL) {
        power = sy_ones_like(r->s, x);
    } else if (power == x) {
        power = sy_clone(r->s, x);
    }
    if (exponent < 0) {
        power = sy_div(r->s, sy_ones_like(r->s, x), power);
    }
    syi_fixed_emit_handle(r, power);
}

/* Written on rows of their own; one of the handles is of fixed precision, and so is each result. */

static sy_tensor *times(syi_fixed_run *r, sy_tensor *x, const sy_value *factor)
{
    const sy_value args[] = {sy_value_tensor(x), *factor};
    const bool one = factor->kind == SY_VALUE_INT && factor->as.integer == 1;
    return one || x == NULL ? x : syi_scope_run(r->s, SYI_OP_mul, false, args, 2);
}

/* beta self + alpha mat1 mat2 */
void syi_fixed_addmm(syi_fixed_run *r)
{
    const sy_value *args = r->call->args;
    sy_tensor *self = syi_fixed_handle(r, 0);
    sy_tensor *left = syi_fixed_handle(r, 1), *right = syi_fixed_handle(r, 2);
    sy_tensor *product = sy_mm(r->s, left, right);
    if (product != NULL && syi_fixed_of(product) == NULL) { /* only self is of fixed precision */
        product = sy_mul(r->s, sy_ones_like(r->s, self), product);
    }
    product = times(r, product, &args[4]);
    syi_fixed_emit_handle(r, sy_add(r->s, product, times(r, self, &args[3])));
}

void syi_fixed_mse_loss(syi_fixed_run *r)
{
    sy_tensor *difference = sy_sub(r->s, syi_fixed_handle(r, 0), syi_fixed_handle(r, 1));
    sy_tensor *squares = sy_mul(r->s, difference, difference);
    const char *reduction = r->call->args[2].as.string;
    if (strcmp(reduction, "mean") == 0) {
        squares = sy_mean(r->s, squares);
    } else if (strcmp(reduction, "sum") == 0) {
        squares = sy_sum(r->s, squares);
    } else if (strcmp(reduction, "none") != 0) {
        syi_fixed_refuse(r->s, SY_EINVAL, "mse_loss: unknown reduction \"%s\"", reduction);
    }
    syi_fixed_emit_handle(r, squares);
}

/* 2 (a - b) g, over the number of elements for a mean */
void syi_fixed_mse_loss_backward(syi_fixed_run *r)
{
    sy_scope *s = r->s;
    sy_tensor *difference = sy_sub(s, syi_fixed_handle(r, 1), syi_fixed_handle(r, 2));
    sy_tensor *slope = sy_mul(s, sy_mul_int(s, difference, 2), syi_fixed_handle(r, 0));
    int64_t count = 1;
    if (strcmp(r->call->args[3].as.string, "mean") == 0 && syi_fixed_numel(r, slope, &count)) {
        slope = count > 0 ? sy_div_int(s, slope, count) : slope;
    }
    syi_fixed_emit_handle(r, slope);
}

/* g y (1 - y) */
void syi_fixed_sigmoid_backward(syi_fixed_run *r)
{
    sy_tensor *g = syi_fixed_handle(r, 0), *y = syi_fixed_handle(r, 1);
    sy_tensor *slope = sy_mul(r->s, y, sy_rsub_int(r->s, y, 1));
    syi_fixed_emit_handle(r, sy_mul(r->s, g, slope));
}

/* g (1 - y^2) */
void syi_fixed_tanh_backward(syi_fixed_run *r)
{
    sy_tensor *g = syi_fixed_handle(r, 0), *y = syi_fixed_handle(r, 1);
    sy_tensor *slope = sy_rsub_int(r->s, sy_mul(r->s, y, y), 1);
    syi_fixed_emit_handle(r, sy_mul(r->s, g, slope));
}
