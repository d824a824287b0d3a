/*
 * nn.h - modules (Linear, ReLU, LogSoftmax, Sequential) and plain gradient descent, written on public
 * operations, so that they run on native tensors and on pointers alike.
 *
 *     sy_module *net = NULL, *layers[3] = {NULL};
 *     sy_module_new_linear(hook, &layers[0], 784, 128, true, err);
 *     sy_module_new_relu(hook, &layers[1], err);
 *     sy_module_new_linear(hook, &layers[2], 128, 10, true, err);
 *     sy_module_new_sequential(hook, &net, layers, 3, err);
 *     ...
 *     sy_tensor *loss = sy_cross_entropy(s, sy_module_forward(s, net, x), y);
 *     sy_tensor_backward(loss, NULL, err);
 *     sy_module_sgd_step(net, 0.1, err);
 *     sy_module_zero_grad(net, err);
 *
 * A module is reference counted; its parameters are tensors that require a gradient. One thread at a time
 * uses a module. Functions return SY_ENOMEM, and what the operations in them return.
 */
#ifndef CSYFT_NN_H
#define CSYFT_NN_H

#include <csyft/pointer.h>
#include <csyft/scope.h>

SY_BEGIN_DECLS

typedef struct sy_module sy_module;

#define SY_MODULE_DEPTH_MAX 64 /* of Sequential in Sequential */

/* x @ weight.T + bias; weight is f32 out_features x in_features. Both start as PyTorch's Linear does:
 * uniform in +-1/sqrt(in_features), drawn from the hook's generator (sy_hook_manual_seed). SY_ESHAPE for
 * sizes below 1. */
SY_API sy_status sy_module_new_linear(sy_hook *hook, sy_module **module, int64_t in_features,
                                      int64_t out_features, bool bias, sy_error *err);
SY_API sy_status sy_module_new_relu(sy_hook *hook, sy_module **module, sy_error *err);
SY_API sy_status sy_module_new_log_softmax(sy_hook *hook, sy_module **module, int dim,
                                           sy_error *err);
/* One layer after the other. Takes a reference to each layer; the caller keeps its own. The same layer
 * may stand there several times. SY_EINVAL for a NULL layer or one of another hook, SY_ELIMIT beyond
 * SY_MODULE_DEPTH_MAX. */
SY_API sy_status sy_module_new_sequential(sy_hook *hook, sy_module **module,
                                          sy_module *const *layers, size_t count, sy_error *err);
SY_API sy_module *sy_module_ref(sy_module *module);
SY_API void sy_module_unref(sy_module *module); /* NULL is nothing */

/* "Linear", "ReLU", "LogSoftmax", "Sequential". Static storage. */
SY_API const char *sy_module_get_name(const sy_module *module);
/* The layers of a Sequential, borrowed; no others have any. NULL beyond the last. */
SY_API size_t sy_module_get_layer_count(const sy_module *module);
SY_API sy_module *sy_module_get_layer(const sy_module *module, size_t index);

/* Runs the module; as every operation: NULL after a failure, which the scope keeps. */
SY_API sy_tensor *sy_module_forward(sy_scope *scope, sy_module *module, sy_tensor *input);

/* The parameters with those of all layers, each once, in order. Handles and array are borrowed; they stay
 * the same through send_, get_ and move_. */
SY_API sy_tensor *const *sy_module_get_parameters(const sy_module *module, size_t *count);
/* As PyTorch names it: "weight", "0.bias". Returns buffer, "" beyond the last. */
SY_API const char *sy_module_get_parameter_name(const sy_module *module, size_t index, char *buffer,
                                                size_t size);

/* A module with parameters of its own that start equal; at a worker for pointers, there. Grads are not
 * copied. */
SY_API sy_status sy_module_copy(sy_module *module, sy_module **copy, sy_error *err);

/* Every parameter in place, gradients with them (pointer.h). send_ and move_ undo what was done when one
 * parameter fails, as far as the workers allow it; get_ stops there: what came back stays here. */
SY_API sy_status sy_module_send_(sy_module *module, sy_worker *location, sy_error *err);
SY_API sy_status sy_module_get_(sy_module *module, sy_error *err);
SY_API sy_status sy_module_move_(sy_module *module, sy_worker *location, sy_error *err);

/*
 * Plain SGD: parameter -= lr * grad, where there is a grad, in place and without recording. For pointers
 * the update runs at their worker. The first failure ends the step; parameters before it are updated.
 * SY_EINVAL for a learning rate that is negative or not finite.
 */
SY_API sy_status sy_sgd_step(sy_hook *hook, sy_tensor *const *parameters, size_t count, double lr,
                             sy_error *err);
/* Sets every grad to none, also at other workers. */
SY_API sy_status sy_sgd_zero_grad(sy_tensor *const *parameters, size_t count, sy_error *err);
/* The same for all parameters of a module. */
SY_API sy_status sy_module_sgd_step(sy_module *module, double lr, sy_error *err);
SY_API sy_status sy_module_zero_grad(sy_module *module, sy_error *err);

SY_END_DECLS

#endif
