/* gradients_nn.c - gradients of what neural networks ask for. */
#include "hook/gradients.h"

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

/* Elements of what the two arguments broadcast to. */
static double joint_numel(const syi_tape_shape *a, const syi_tape_shape *b)
{
    if (a->ndim < b->ndim) {
        return joint_numel(b, a);
    }
    syi_tape_shape joint = *a;
    const int missing = a->ndim - b->ndim;
    for (int d = 0; d < b->ndim; d++) {
        if (joint.sizes[missing + d] == 1) {
            joint.sizes[missing + d] = b->sizes[d];
        }
    }
    return numel(&joint);
}

void syi_gradient_mse_loss(syi_backward *b)
{
    sy_scope *s = b->scope;
    const bool mean = strcmp(b->args[2].as.string, "mean") == 0;
    const double count = mean ? joint_numel(shape_of(b, 0), shape_of(b, 1)) : 1;
    sy_tensor *difference = sy_sub(s, b->args[0].as.tensor, b->args[1].as.tensor);
    sy_tensor *g = sy_mul_scalar(s, sy_mul(s, difference, b->grads[0]), 2 / count);
    b->results[0] = g;
    if (b->needs[1]) {
        b->results[1] = sy_neg(s, g);
    }
}
