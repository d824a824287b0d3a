/* gradients_pointwise.c - gradients of what works element by element. */
#include "hook/gradients.h"

/* Passing on, and nothing */

void syi_gradient_pass(syi_backward *b)
{
    b->results[0] = b->grads[0];
}

/* Flat almost everywhere. As in PyTorch the zeros travel on. */
void syi_gradient_zero(syi_backward *b)
{
    b->results[0] = sy_zeros_like(b->scope, b->grads[0]);
}

void syi_gradient_copy_(syi_backward *b)
{
    if (b->needs[0]) {
        syi_gradient_zero(b);
    }
    b->results[1] = b->grads[0];
}

/* Two operands */

void syi_gradient_add(syi_backward *b)
{
    b->results[0] = b->grads[0];
    if (b->needs[1]) {
        b->results[1] = scale(b, b->grads[0], number(&b->args[2]));
    }
}

void syi_gradient_sub(syi_backward *b)
{
    b->results[0] = b->grads[0];
    if (b->needs[1]) {
        b->results[1] = scale(b, b->grads[0], -number(&b->args[2]));
    }
}

/* other - alpha * self */
void syi_gradient_rsub(syi_backward *b)
{
    b->results[1] = b->grads[0];
    if (b->needs[0]) {
        b->results[0] = scale(b, b->grads[0], -number(&b->args[2]));
    }
}

void syi_gradient_mul(syi_backward *b)
{
    for (int k = 0; k < 2; k++) {
        if (b->needs[k]) {
            b->results[k] = call_pair(b, "mul", b->grads[0], b->args[1 - k]);
        }
    }
}

void syi_gradient_div(syi_backward *b)
{
    sy_tensor *g = b->grads[0];
    if (b->needs[0]) {
        b->results[0] = call_pair(b, "div", g, b->args[1]);
    }
    if (b->needs[1]) {
        sy_tensor *self = b->args[0].as.tensor, *other = b->args[1].as.tensor;
        sy_tensor *slope = sy_div(b->scope, sy_div(b->scope, self, other), other);
        b->results[1] = sy_mul(b->scope, sy_neg(b->scope, g), slope);
    }
}

/* d self^e = e self^(e-1), and 0 where e is 0. */
static sy_tensor *power_self(syi_backward *b)
{
    sy_scope *s = b->scope;
    sy_tensor *self = b->args[0].as.tensor;
    if (b->args[1].kind != SY_VALUE_TENSOR) {
        const double exponent = number(&b->args[1]);
        if (exponent == 0) {
            return sy_zeros_like(s, b->grads[0]);
        }
        sy_tensor *power = sy_pow_scalar(s, self, exponent - 1);
        return sy_mul(s, b->grads[0], sy_mul_scalar(s, power, exponent));
    }
    sy_tensor *exponent = b->args[1].as.tensor;
    sy_tensor *power = sy_pow(s, self, sy_sub_int(s, exponent, 1));
    sy_tensor *slope = sy_mul(s, b->grads[0], sy_mul(s, exponent, power));
    return choose(b, sy_eq_int(s, exponent, 0), zero(), sy_value_tensor(slope));
}

/* d self^e = self^e log(self), and 0 where self is 0 and e is not negative. */
static sy_tensor *power_exponent(syi_backward *b)
{
    sy_scope *s = b->scope;
    sy_tensor *self = b->args[0].as.tensor, *exponent = b->args[1].as.tensor;
    sy_tensor *slope = sy_mul(s, b->outputs[0].saved.tensor, sy_log(s, self));
    sy_tensor *at_zero = choose(b, sy_ge_int(s, exponent, 0), zero(), sy_value_tensor(slope));
    slope = sy_where(s, sy_eq_int(s, self, 0), at_zero, slope);
    return sy_mul(s, b->grads[0], slope);
}

void syi_gradient_pow(syi_backward *b)
{
    if (b->needs[0]) {
        b->results[0] = power_self(b);
    }
    if (b->needs[1]) {
        b->results[1] = power_exponent(b);
    }
}

/* Half to each where the operands are equal. */
static void extremum_of_two(syi_backward *b, const char *self_loses, const char *other_loses)
{
    sy_tensor *g = b->grads[0], *self = b->args[0].as.tensor;
    sy_tensor *equal = call_pair(b, "eq", self, b->args[1]);
    sy_tensor *half = sy_mul_scalar(b->scope, g, 0.5);
    sy_value shared = sy_value_tensor(choose(b, equal, sy_value_tensor(half), sy_value_tensor(g)));
    const char *loses[] = {self_loses, other_loses};
    for (int k = 0; k < 2; k++) {
        if (b->needs[k]) {
            b->results[k] = choose(b, call_pair(b, loses[k], self, b->args[1]), zero(), shared);
        }
    }
}

void syi_gradient_maximum(syi_backward *b)
{
    extremum_of_two(b, "lt", "gt");
}

void syi_gradient_minimum(syi_backward *b)
{
    extremum_of_two(b, "gt", "lt");
}

void syi_gradient_where(syi_backward *b)
{
    sy_tensor *condition = b->args[0].as.tensor;
    const sy_value g = sy_value_tensor(b->grads[0]);
    if (b->needs[1]) {
        b->results[1] = choose(b, condition, g, zero());
    }
    if (b->needs[2]) {
        b->results[2] = choose(b, condition, zero(), g);
    }
}

/* One operand; `y` is the kept result. */

void syi_gradient_neg(syi_backward *b)
{
    b->results[0] = sy_neg(b->scope, b->grads[0]);
}

void syi_gradient_abs(syi_backward *b)
{
    b->results[0] = sy_mul(b->scope, b->grads[0], sy_sign(b->scope, b->args[0].as.tensor));
}

void syi_gradient_exp(syi_backward *b)
{
    b->results[0] = sy_mul(b->scope, b->grads[0], b->outputs[0].saved.tensor);
}

void syi_gradient_log(syi_backward *b)
{
    b->results[0] = sy_div(b->scope, b->grads[0], b->args[0].as.tensor);
}

void syi_gradient_sqrt(syi_backward *b)
{
    sy_tensor *y = b->outputs[0].saved.tensor;
    b->results[0] = sy_div(b->scope, b->grads[0], sy_mul_int(b->scope, y, 2));
}

void syi_gradient_reciprocal(syi_backward *b)
{
    sy_tensor *y = b->outputs[0].saved.tensor;
    b->results[0] = sy_mul(b->scope, sy_neg(b->scope, b->grads[0]), sy_mul(b->scope, y, y));
}

void syi_gradient_sigmoid(syi_backward *b)
{
    b->results[0] =
        call_pair(b, "sigmoid_backward", b->grads[0], sy_value_tensor(b->outputs[0].saved.tensor));
}

void syi_gradient_tanh(syi_backward *b)
{
    b->results[0] =
        call_pair(b, "tanh_backward", b->grads[0], sy_value_tensor(b->outputs[0].saved.tensor));
}

void syi_gradient_relu(syi_backward *b)
{
    const sy_value args[] = {sy_value_tensor(b->grads[0]),
                             sy_value_tensor(b->outputs[0].saved.tensor), sy_value_int(0)};
    b->results[0] = call(b, "threshold_backward", args, 3);
}
