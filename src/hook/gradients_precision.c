/* gradients_precision.c - gradients of fixed precision: encoding lets them pass. Test: src/interpreters/precision. */
#include "hook/gradients.h"

/* The gradient of what was encoded is of fixed precision, that of the reals it came from is not. */
void syi_gradient_fix_precision(syi_backward *b)
{
    sy_tensor *g = b->grads[0];
    b->results[0] = syi_tensor_is_native(g) ? g : sy_float_precision(b->scope, g);
}

/* And back: encoded like the argument. */
void syi_gradient_float_precision(syi_backward *b)
{
    sy_tensor *ones = sy_ones_like(b->scope, b->args[0].as.tensor);
    b->results[0] = sy_mul(b->scope, ones, b->grads[0]);
}

/* -y' g y' */
static sy_tensor *inverse(syi_backward *b, sy_tensor *y)
{
    sy_scope *s = b->scope;
    sy_tensor *turned = sy_transpose(s, y, -2, -1);
    return sy_neg(s, sy_matmul(s, turned, sy_matmul(s, b->grads[0], turned)));
}

/* Of the function itself, at the value that was approximated. */
void syi_gradient_approximate(syi_backward *b)
{
    const struct {
        const char *name;
        syi_gradient_fn gradient;
    } functions[] = {
        {"exp", syi_gradient_exp},         {"log", syi_gradient_log},
        {"sqrt", syi_gradient_sqrt},       {"reciprocal", syi_gradient_reciprocal},
        {"sigmoid", syi_gradient_sigmoid}, {"tanh", syi_gradient_tanh},
    };
    for (size_t k = 0; k < sizeof functions / sizeof functions[0]; k++) {
        if (strcmp(b->args[1].as.string, functions[k].name) == 0) {
            functions[k].gradient(b);
            return;
        }
    }
    b->results[0] = inverse(b, b->outputs[0].saved.tensor);
}
