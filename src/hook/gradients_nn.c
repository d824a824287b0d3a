/* gradients_nn.c - gradients of what neural networks ask for. */
#include "hook/gradients.h"

#include <stdio.h>

/* Neural networks */

static void softmax_by(syi_backward *b, const char *name)
{
    const sy_value args[] = {sy_value_tensor(b->grads[0]),
                             sy_value_tensor(b->outputs[0].saved.tensor), b->args[1]};
    b->results[0] = call(b, name, args, 3);
}

void syi_gradient_softmax(syi_backward *b)
{
    softmax_by(b, "_softmax_backward_data");
}

void syi_gradient_log_softmax(syi_backward *b)
{
    softmax_by(b, "_log_softmax_backward_data");
}

void syi_gradient_nll_loss(syi_backward *b)
{
    const sy_value args[] = {sy_value_tensor(b->grads[0]), b->args[0], b->args[1], b->args[2]};
    b->results[0] = call(b, "nll_loss_backward", args, 4);
}

/* <name>_backward(grad_output, the row's own arguments) */
static sy_tensor *loss_slope(syi_backward *b, int count)
{
    char name[64];
    sy_value args[SYI_ARGUMENT_MAX];
    snprintf(name, sizeof name, "%s_backward", b->op->name);
    args[0] = sy_value_tensor(b->grads[0]);
    memcpy(&args[1], b->args, (size_t)count * sizeof *args);
    return call(b, name, args, (size_t)count + 1);
}

/* mse_loss, l1_loss, smooth_l1_loss: of the difference alone, so the target's is the opposite. */
void syi_gradient_element_loss(syi_backward *b)
{
    sy_tensor *g = loss_slope(b, b->op->id == SYI_OP_smooth_l1_loss ? 4 : 3);
    b->results[0] = g;
    if (b->needs[1]) {
        b->results[1] = sy_neg(b->scope, g);
    }
}

/* Of the target, on which both binary losses depend linearly: slope times weight, summed as the loss was. */
static sy_tensor *target_slope(syi_backward *b, sy_tensor *slope)
{
    sy_scope *s = b->scope;
    const bool mean = strcmp(b->args[3].as.string, "mean") == 0;
    sy_tensor *g = sy_mul(s, slope, b->grads[0]);
    if (b->args[2].kind == SY_VALUE_TENSOR) {
        g = sy_mul(s, g, b->args[2].as.tensor);
    }
    return scale(b, g, mean ? 1 / numel(shape_of(b, 0)) : 1);
}

void syi_gradient_binary_cross_entropy(syi_backward *b)
{
    sy_scope *s = b->scope;
    sy_tensor *x = b->args[0].as.tensor;
    if (b->needs[0]) {
        b->results[0] = loss_slope(b, 4);
    }
    if (b->needs[1]) {
        sy_tensor *other = sy_rsub_scalar(s, x, 1);
        b->results[1] = target_slope(b, sy_sub(s, sy_log(s, other), sy_log(s, x)));
    }
}

void syi_gradient_binary_cross_entropy_with_logits(syi_backward *b)
{
    if (b->needs[0]) {
        b->results[0] = loss_slope(b, 4);
    }
    if (b->needs[1]) {
        b->results[1] = target_slope(b, sy_neg(b->scope, b->args[0].as.tensor));
    }
}
