/* gradients_functions.c - gradients of elementary functions, clamps, activations and quotients. */
#include "hook/gradients.h"

/* `x` is the argument, `y` the kept result, `g` the gradient that arrives. */
#define ARGUMENT(k) (b->args[k].as.tensor)
#define KEPT (b->outputs[0].saved.tensor)

/* c x^2 + d */
static sy_tensor *parabola(syi_backward *b, sy_tensor *x, double c, double d)
{
    return sy_add_scalar(b->scope, scale(b, sy_mul(b->scope, x, x), c), d);
}

/* Exponentials and logarithms */

void syi_gradient_rsqrt(syi_backward *b)
{
    sy_scope *s = b->scope;
    sy_tensor *cube = sy_pow_int(s, KEPT, 3);
    b->results[0] = sy_mul(s, sy_mul_scalar(s, b->grads[0], -0.5), cube);
}

void syi_gradient_square(syi_backward *b)
{
    sy_scope *s = b->scope;
    b->results[0] = sy_mul(s, b->grads[0], sy_mul_int(s, ARGUMENT(0), 2));
}

void syi_gradient_exp2(syi_backward *b)
{
    sy_scope *s = b->scope;
    b->results[0] = sy_mul(s, b->grads[0], sy_mul_scalar(s, KEPT, 0.69314718055994531));
}

void syi_gradient_expm1(syi_backward *b)
{
    b->results[0] = sy_mul(b->scope, b->grads[0], sy_add_int(b->scope, KEPT, 1));
}

void syi_gradient_log1p(syi_backward *b)
{
    b->results[0] = sy_div(b->scope, b->grads[0], sy_add_int(b->scope, ARGUMENT(0), 1));
}

static void logarithm(syi_backward *b, double of_base)
{
    b->results[0] = sy_div(b->scope, b->grads[0], sy_mul_scalar(b->scope, ARGUMENT(0), of_base));
}

void syi_gradient_log2(syi_backward *b)
{
    logarithm(b, 0.69314718055994531);
}

void syi_gradient_log10(syi_backward *b)
{
    logarithm(b, 2.3025850929940457);
}

/* Angles */

void syi_gradient_sin(syi_backward *b)
{
    b->results[0] = sy_mul(b->scope, b->grads[0], sy_cos(b->scope, ARGUMENT(0)));
}

void syi_gradient_cos(syi_backward *b)
{
    sy_scope *s = b->scope;
    b->results[0] = sy_mul(s, b->grads[0], sy_neg(s, sy_sin(s, ARGUMENT(0))));
}

void syi_gradient_tan(syi_backward *b)
{
    b->results[0] = sy_mul(b->scope, b->grads[0], parabola(b, KEPT, 1, 1));
}

/* 1 / sqrt(1 - x^2) */
static sy_tensor *arc_slope(syi_backward *b)
{
    return sy_rsqrt(b->scope, parabola(b, ARGUMENT(0), -1, 1));
}

void syi_gradient_asin(syi_backward *b)
{
    b->results[0] = sy_mul(b->scope, b->grads[0], arc_slope(b));
}

void syi_gradient_acos(syi_backward *b)
{
    b->results[0] = sy_mul(b->scope, sy_neg(b->scope, b->grads[0]), arc_slope(b));
}

void syi_gradient_atan(syi_backward *b)
{
    b->results[0] = sy_div(b->scope, b->grads[0], parabola(b, ARGUMENT(0), 1, 1));
}

void syi_gradient_atan2(syi_backward *b)
{
    sy_scope *s = b->scope;
    sy_tensor *y = ARGUMENT(0), *x = ARGUMENT(1);
    sy_tensor *squares = sy_add(s, sy_mul(s, y, y), sy_mul(s, x, x));
    sy_tensor *part = sy_mul(s, b->grads[0], sy_reciprocal(s, squares));
    if (b->needs[0]) {
        b->results[0] = sy_mul(s, part, x);
    }
    if (b->needs[1]) {
        b->results[1] = sy_mul(s, part, sy_neg(s, y));
    }
}

void syi_gradient_sinh(syi_backward *b)
{
    b->results[0] = sy_mul(b->scope, b->grads[0], sy_cosh(b->scope, ARGUMENT(0)));
}

void syi_gradient_cosh(syi_backward *b)
{
    b->results[0] = sy_mul(b->scope, b->grads[0], sy_sinh(b->scope, ARGUMENT(0)));
}

void syi_gradient_asinh(syi_backward *b)
{
    b->results[0] =
        sy_mul(b->scope, b->grads[0], sy_rsqrt(b->scope, parabola(b, ARGUMENT(0), 1, 1)));
}

void syi_gradient_acosh(syi_backward *b)
{
    b->results[0] =
        sy_mul(b->scope, b->grads[0], sy_rsqrt(b->scope, parabola(b, ARGUMENT(0), 1, -1)));
}

void syi_gradient_atanh(syi_backward *b)
{
    b->results[0] = sy_div(b->scope, b->grads[0], parabola(b, ARGUMENT(0), -1, 1));
}

static void error_function(syi_backward *b, double factor)
{
    sy_scope *s = b->scope;
    sy_tensor *bell = sy_exp(s, parabola(b, ARGUMENT(0), -1, 0));
    b->results[0] = sy_mul(s, sy_mul_scalar(s, bell, factor), b->grads[0]);
}

void syi_gradient_erf(syi_backward *b)
{
    error_function(b, 1.1283791670955126);
}

void syi_gradient_erfc(syi_backward *b)
{
    error_function(b, -1.1283791670955126);
}

/* Quotients: how often the divisor went into self */

void syi_gradient_remainder(syi_backward *b)
{
    b->results[0] = b->grads[0];
    if (b->needs[1]) {
        sy_tensor *times = call_pair(b, "floor_divide", ARGUMENT(0), b->args[1]);
        b->results[1] = sy_mul(b->scope, sy_neg(b->scope, b->grads[0]), times);
    }
}

void syi_gradient_fmod(syi_backward *b)
{
    b->results[0] = b->grads[0];
    if (b->needs[1]) {
        sy_tensor *times = sy_trunc(b->scope, sy_div(b->scope, ARGUMENT(0), ARGUMENT(1)));
        b->results[1] = sy_mul(b->scope, sy_neg(b->scope, b->grads[0]), times);
    }
}

/* Three operands */

void syi_gradient_addcmul(syi_backward *b)
{
    b->results[0] = b->grads[0];
    for (int k = 1; k < 3; k++) {
        if (b->needs[k]) {
            sy_tensor *part = sy_mul(b->scope, b->grads[0], ARGUMENT(3 - k));
            b->results[k] = scale(b, part, number(&b->args[3]));
        }
    }
}

void syi_gradient_addcdiv(syi_backward *b)
{
    sy_scope *s = b->scope;
    b->results[0] = b->grads[0];
    if (b->needs[1]) {
        b->results[1] = scale(b, sy_div(s, b->grads[0], ARGUMENT(2)), number(&b->args[3]));
    }
    if (b->needs[2]) {
        sy_tensor *slope = sy_div(s, ARGUMENT(1), sy_mul(s, ARGUMENT(2), ARGUMENT(2)));
        b->results[2] = scale(b, sy_mul(s, b->grads[0], slope), -number(&b->args[3]));
    }
}

void syi_gradient_lerp(syi_backward *b)
{
    sy_scope *s = b->scope;
    if (b->needs[0]) {
        const sy_value args[] = {b->args[2], sy_value_int(1)};
        const bool plain = b->args[2].kind != SY_VALUE_TENSOR;
        b->results[0] = plain ? scale(b, b->grads[0], 1 - number(&b->args[2]))
                              : sy_mul(s, b->grads[0], call(b, "rsub", args, 2));
    }
    if (b->needs[1]) {
        b->results[1] = call_pair(b, "mul", b->grads[0], b->args[2]);
    }
    if (b->needs[2]) {
        b->results[2] = sy_mul(s, b->grads[0], sy_sub(s, ARGUMENT(1), ARGUMENT(0)));
    }
}

/* Clamps: 1 on the bounds, and where they cross the upper one decides */

/* Compares two values of which at least one is a tensor. */
static sy_tensor *compare(syi_backward *b, const char *name, const char *mirrored, sy_value x,
                          sy_value y)
{
    return x.kind == SY_VALUE_TENSOR ? call_pair(b, name, x.as.tensor, y)
                                     : call_pair(b, mirrored, y.as.tensor, x);
}

static sy_tensor *pass_where(syi_backward *b, sy_tensor *mask)
{
    return choose(b, mask, sy_value_tensor(b->grads[0]), zero());
}

void syi_gradient_clamp(syi_backward *b)
{
    sy_scope *s = b->scope;
    const sy_value low = b->args[1], high = b->args[2];
    const bool has_low = low.kind != SY_VALUE_NONE, has_high = high.kind != SY_VALUE_NONE;
    if (b->needs[0]) {
        sy_tensor *above = has_low ? call_pair(b, "ge", ARGUMENT(0), low) : NULL;
        sy_tensor *below = has_high ? call_pair(b, "le", ARGUMENT(0), high) : NULL;
        b->results[0] = pass_where(b, !has_low    ? below
                                      : !has_high ? above
                                                  : sy_logical_and(s, above, below));
    }
    if (b->needs[1]) {
        sy_tensor *raised = call_pair(b, "lt", ARGUMENT(0), low);
        raised = !has_high ? raised : sy_logical_and(s, raised, compare(b, "lt", "gt", low, high));
        b->results[1] = pass_where(b, raised);
    }
    if (b->needs[2]) {
        sy_tensor *lowered = call_pair(b, "gt", ARGUMENT(0), high);
        lowered = !has_low ? lowered : sy_logical_or(s, lowered, compare(b, "lt", "gt", high, low));
        b->results[2] = pass_where(b, lowered);
    }
}

static void one_bound(syi_backward *b, const char *stays, const char *moves)
{
    if (b->needs[0]) {
        b->results[0] = pass_where(b, call_pair(b, stays, ARGUMENT(0), b->args[1]));
    }
    if (b->needs[1]) {
        b->results[1] = pass_where(b, call_pair(b, moves, ARGUMENT(0), b->args[1]));
    }
}

void syi_gradient_clamp_min(syi_backward *b)
{
    one_bound(b, "ge", "lt");
}

void syi_gradient_clamp_max(syi_backward *b)
{
    one_bound(b, "le", "gt");
}

void syi_gradient_hardtanh(syi_backward *b)
{
    sy_tensor *above = call_pair(b, "gt", ARGUMENT(0), b->args[1]);
    sy_tensor *below = call_pair(b, "lt", ARGUMENT(0), b->args[2]);
    b->results[0] = pass_where(b, sy_logical_and(b->scope, above, below));
}

/* Activations */

void syi_gradient_leaky_relu(syi_backward *b)
{
    sy_tensor *slanted = scale(b, b->grads[0], number(&b->args[1]));
    b->results[0] = choose(b, sy_gt_int(b->scope, ARGUMENT(0), 0), sy_value_tensor(b->grads[0]),
                           sy_value_tensor(slanted));
}

/* factor * (alpha expm1(bend x) below 0, x above) */
static void exponential_unit(syi_backward *b, double alpha, double factor, double bend)
{
    sy_scope *s = b->scope;
    sy_tensor *power = sy_exp(s, scale(b, ARGUMENT(0), bend));
    sy_tensor *below = sy_mul(s, b->grads[0], scale(b, power, alpha * factor * bend));
    sy_tensor *above = scale(b, b->grads[0], factor);
    b->results[0] =
        choose(b, sy_gt_int(s, ARGUMENT(0), 0), sy_value_tensor(above), sy_value_tensor(below));
}

void syi_gradient_elu(syi_backward *b)
{
    exponential_unit(b, number(&b->args[1]), number(&b->args[2]), number(&b->args[3]));
}

void syi_gradient_selu(syi_backward *b)
{
    exponential_unit(b, 1.6732632423543772, 1.0507009873554805, 1);
}

void syi_gradient_celu(syi_backward *b)
{
    const double alpha = number(&b->args[1]);
    exponential_unit(b, alpha, 1, 1 / alpha);
}

void syi_gradient_softplus(syi_backward *b)
{
    sy_scope *s = b->scope;
    sy_tensor *bent = scale(b, ARGUMENT(0), number(&b->args[1]));
    sy_tensor *curved = sy_mul(s, b->grads[0], sy_sigmoid(s, bent));
    b->results[0] = choose(b, call_pair(b, "gt", bent, b->args[2]), sy_value_tensor(b->grads[0]),
                           sy_value_tensor(curved));
}

/* cdf(x) + x pdf(x) of the normal distribution */
static sy_tensor *gelu_slope(syi_backward *b)
{
    sy_scope *s = b->scope;
    sy_tensor *x = ARGUMENT(0);
    sy_tensor *area = sy_add_int(s, sy_erf(s, sy_mul_scalar(s, x, 0.70710678118654752)), 1);
    sy_tensor *bell = sy_exp(s, parabola(b, x, -0.5, 0));
    sy_tensor *rise = sy_mul_scalar(s, sy_mul(s, x, bell), 0.39894228040143268);
    return sy_add(s, sy_mul_scalar(s, area, 0.5), rise);
}

/* Of x (1 + tanh u) / 2 with u = sqrt(2/pi) (x + 0.044715 x^3) */
static sy_tensor *gelu_tanh_slope(syi_backward *b)
{
    sy_scope *s = b->scope;
    sy_tensor *x = ARGUMENT(0);
    const double factor = 0.79788456080286536;
    sy_tensor *u = sy_mul(s, x, parabola(b, x, factor * 0.044715, factor));
    sy_tensor *y = sy_tanh(s, u);
    sy_tensor *rise =
        sy_mul(s, parabola(b, y, -1, 1), parabola(b, x, factor * 3 * 0.044715, factor));
    sy_tensor *sum = sy_add(s, sy_add_int(s, y, 1), sy_mul(s, x, rise));
    return sy_mul_scalar(s, sum, 0.5);
}

void syi_gradient_gelu(syi_backward *b)
{
    const bool exact = strcmp(b->args[1].as.string, "none") == 0;
    b->results[0] = sy_mul(b->scope, b->grads[0], exact ? gelu_slope(b) : gelu_tanh_slope(b));
}

/* s (1 + x (1 - s)) with s the logistic function */
void syi_gradient_silu(syi_backward *b)
{
    sy_scope *s = b->scope;
    sy_tensor *half = sy_sigmoid(s, ARGUMENT(0));
    sy_tensor *rest = sy_rsub_int(s, half, 1);
    sy_tensor *slope = sy_mul(s, half, sy_add_int(s, sy_mul(s, ARGUMENT(0), rest), 1));
    b->results[0] = sy_mul(s, b->grads[0], slope);
}

void syi_gradient_log_sigmoid(syi_backward *b)
{
    sy_scope *s = b->scope;
    b->results[0] = sy_mul(s, b->grads[0], sy_sigmoid(s, sy_neg(s, ARGUMENT(0))));
}
