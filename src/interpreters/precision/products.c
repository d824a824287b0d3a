/*
 * products.c - products and quotients: computed in the ring on both scales and truncated once, toward zero.
 * Part of rows.h.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "interpreters/precision/rows.h"

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

void syi_fixed_matmul(syi_fixed_run *r)
{
    syi_fixed_operand a, b;
    uint64_t terms = 1;
    if (!syi_fixed_take(r, 0, false, &a) || !syi_fixed_take(r, 1, false, &b)) {
        return;
    }
    if ((a.most != SYI_FIXED_UNKNOWN || b.most != SYI_FIXED_UNKNOWN) &&
        !inner_size(r, &a, &terms)) {
        return;
    }
    /* Where the shapes do not fit, the child's own sentence is the better one. */
    uint64_t most = syi_fixed_bound_mul(syi_fixed_bound_mul(a.most, b.most), terms);
    sy_tensor *product = NULL;
    if (most > syi_fixed_most(r->at) && most != SYI_FIXED_UNKNOWN) {
        most = syi_fixed_check(r, r->call->op->id, &a, &b, terms);
    }
    if (sy_scope_get_status(r->s) == SY_OK) {
        product = syi_fixed_child_pair(r, r->call->op->id, &a, &b);
    }
    emit_product(r, product, most, a.scaled && b.scaled);
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

/* Without the bias, which comes to the truncated product. */
static sy_tensor *convolve(syi_fixed_run *r)
{
    syi_fixed_operand input, weight;
    sy_value args[7];
    int64_t all = 0, of_weight = 0;
    if (!syi_fixed_take(r, 0, false, &input) || !syi_fixed_take(r, 1, false, &weight)) {
        return NULL;
    }
    memcpy(args, r->call->args, sizeof args);
    args[0] = input.value;
    args[1] = weight.value;
    args[2] = sy_value_none();
    sy_tensor *product = syi_scope_run(r->s, r->call->op->id, false, args, 7);
    syi_array shape = SYI_ARRAY_INIT;
    sy_error error = SY_ERROR_INIT;
    if (product == NULL || !syi_fixed_numel(r, args[1].as.tensor, &all)) {
        return NULL;
    }
    if (syi_node_shape(args[1].as.tensor->node, &shape, &error) != SY_OK) {
        sy_scope_fail(r->s, &error);
        return NULL;
    }
    of_weight = shape.shape[0] > 0 ? all / shape.shape[0] : 0;
    uint64_t most =
        syi_fixed_bound_mul(syi_fixed_bound_mul(input.most, weight.most), (uint64_t)of_weight);
    if (most > syi_fixed_most(r->at) && most != SYI_FIXED_UNKNOWN) {
        most = check_windows(r, args, (uint64_t)of_weight);
    }
    if (input.scaled && weight.scaled) {
        product = syi_fixed_divide(r->s, product, r->at->scale);
        most = most != SYI_FIXED_UNKNOWN ? most / (uint64_t)r->at->scale : most;
    }
    return syi_fixed_wrap(r->s, r->at, product, most);
}

void syi_fixed_convolution(syi_fixed_run *r)
{
    sy_tensor *result = convolve(r);
    sy_tensor *bias = syi_fixed_handle(r, 2);
    if (bias != NULL) {
        const int64_t channels[] = {-1, 1, 1};
        bias = sy_reshape(r->s, bias, r->call->op->id == SYI_OP_conv1d ? 2 : 3, channels);
        result = sy_add(r->s, result, bias);
    }
    syi_fixed_emit_handle(r, result);
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
