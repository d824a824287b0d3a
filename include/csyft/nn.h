/*
 * nn.h - modules and plain gradient descent, written on public operations, so that they run on native
 * tensors and on pointers alike. Optimizers with a state: optim.h.
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
 * A module is reference counted; its parameters are tensors that require a gradient, its buffers tensors that do
 * not (running statistics). They compute as PyTorch 1.13's of the same name do (torch.nn), and start so, too, with
 * numbers drawn from the hook's generator (sy_hook_manual_seed). One thread at a time uses a module. Functions return SY_ENOMEM, and what the operations in them return.
 */
#ifndef CSYFT_NN_H
#define CSYFT_NN_H

#include <csyft/model.h>
#include <csyft/plan.h>
#include <csyft/pointer.h>
#include <csyft/precision.h>
#include <csyft/scope.h>

SY_BEGIN_DECLS

struct sy_share_options; /* sharing.h */

typedef struct sy_module sy_module;

#define SY_MODULE_DEPTH_MAX 64 /* of Sequential in Sequential */

/* x @ weight.T + bias; weight is f32 out_features x in_features. Both start uniform in
 * +-1/sqrt(in_features). SY_ESHAPE for sizes below 1. */
SY_API sy_status sy_module_new_linear(sy_hook *hook, sy_module **module, int64_t in_features,
                                      int64_t out_features, bool bias, sy_error *err);
SY_API sy_status sy_module_new_relu(sy_hook *hook, sy_module **module, sy_error *err);
SY_API sy_status sy_module_new_sigmoid(sy_hook *hook, sy_module **module, sy_error *err);
SY_API sy_status sy_module_new_tanh(sy_hook *hook, sy_module **module, sy_error *err);
SY_API sy_status sy_module_new_softmax(sy_hook *hook, sy_module **module, int dim, sy_error *err);
SY_API sy_status sy_module_new_log_softmax(sy_hook *hook, sy_module **module, int dim,
                                           sy_error *err);
/* Dims start_dim to end_dim become one; usually 1 and -1. */
SY_API sy_status sy_module_new_flatten(sy_hook *hook, sy_module **module, int start_dim,
                                       int end_dim, sy_error *err);

/* Of a convolution; one spatial dim reads [0] only. Fields that are not set: SY_CONV_OPTIONS_INIT. */
typedef struct sy_conv_options {
    size_t size;         /* sizeof(sy_conv_options) */
    int64_t stride[2];   /* at least 1 */
    int64_t padding[2];  /* zeros at both ends, at least 0 */
    int64_t dilation[2]; /* at least 1 */
    int64_t groups;      /* divides the channels in and out */
    bool bias;
} sy_conv_options;
#define SY_CONV_OPTIONS_INIT                                      \
    {                                                             \
        sizeof(sy_conv_options), {1, 1}, {0, 0}, {1, 1}, 1, true, \
    }

/* Input batch x in_channels x spatial dims, or without the batch; weight f32 out_channels x in_channels / groups x
 * kernel. Weight and bias start uniform in +-1/sqrt(in_channels / groups * kernel). `options` may be NULL. SY_ESHAPE
 * for sizes out of range. */
SY_API sy_status sy_module_new_conv1d(sy_hook *hook, sy_module **module, int64_t in_channels,
                                      int64_t out_channels, int64_t kernel,
                                      const sy_conv_options *options, sy_error *err);
SY_API sy_status sy_module_new_conv2d(sy_hook *hook, sy_module **module, int64_t in_channels,
                                      int64_t out_channels, const int64_t kernel[2],
                                      const sy_conv_options *options, sy_error *err);

/* Of a pooling. Fields that are not set: SY_POOL_OPTIONS_INIT. */
typedef struct sy_pool_options {
    size_t size;            /* sizeof(sy_pool_options) */
    int64_t stride[2];      /* 0: the kernel's size */
    int64_t padding[2];     /* at most half of the kernel */
    int64_t dilation[2];    /* MaxPool2d only */
    bool ceil_mode;         /* a last window may reach beyond the input */
    bool count_include_pad; /* AvgPool2d only: padding counts as zeros */
} sy_pool_options;
#define SY_POOL_OPTIONS_INIT                                          \
    {                                                                 \
        sizeof(sy_pool_options), {0, 0}, {0, 0}, {1, 1}, false, true, \
    }

/* Over the last two dims of 3 or 4. `options` may be NULL. SY_ESHAPE for sizes out of range. */
SY_API sy_status sy_module_new_max_pool2d(sy_hook *hook, sy_module **module,
                                          const int64_t kernel[2], const sy_pool_options *options,
                                          sy_error *err);
SY_API sy_status sy_module_new_avg_pool2d(sy_hook *hook, sy_module **module,
                                          const int64_t kernel[2], const sy_pool_options *options,
                                          sy_error *err);
SY_API sy_status sy_module_new_adaptive_avg_pool2d(sy_hook *hook, sy_module **module,
                                                   const int64_t output_size[2], sy_error *err);

/* Of a normalization. Fields that are not set: SY_NORM_OPTIONS_INIT. */
typedef struct sy_norm_options {
    size_t size;     /* sizeof(sy_norm_options) */
    double eps;      /* added to the variance */
    double momentum; /* BatchNorm only: of the running statistics, 0 to 1 */
    bool affine;     /* with weight (starts as 1) and bias (0) */
} sy_norm_options;
#define SY_NORM_OPTIONS_INIT                      \
    {                                             \
        sizeof(sy_norm_options), 1e-5, 0.1, true, \
    }

/* Per channel (dim 1) over everything else: PyTorch's BatchNorm1d and 2d in one. In training the batch's own mean and
 * variance are used, and move the buffers running_mean and running_var, which are used otherwise.
 * num_batches_tracked is not kept. `options` may be NULL. */
SY_API sy_status sy_module_new_batch_norm(sy_hook *hook, sy_module **module, int64_t channels,
                                          const sy_norm_options *options, sy_error *err);
/* Over the last dims, which have this shape. `options` may be NULL. */
SY_API sy_status sy_module_new_layer_norm(sy_hook *hook, sy_module **module, int ndim,
                                          const int64_t *normalized_shape,
                                          const sy_norm_options *options, sy_error *err);
/* In training each element is 0 with probability p, the others grow by 1/(1-p); drawn at the worker that computes, from
 * its generator. SY_EINVAL unless 0 <= p <= 1. */
SY_API sy_status sy_module_new_dropout(sy_hook *hook, sy_module **module, double p, sy_error *err);
/* Int64 or int32 numbers to rows of a table, rows x columns, which starts normal with deviation 1. `padding_index` is a
 * row that starts as 0 and gets no gradient; -1: none. */
SY_API sy_status sy_module_new_embedding(sy_hook *hook, sy_module **module, int64_t rows,
                                         int64_t columns, int64_t padding_index, sy_error *err);
/* One layer after the other. Takes a reference to each layer; the caller keeps its own. The same layer
 * may stand there several times. SY_EINVAL for a NULL layer or one of another hook, SY_ELIMIT beyond
 * SY_MODULE_DEPTH_MAX. */
SY_API sy_status sy_module_new_sequential(sy_hook *hook, sy_module **module,
                                          sy_module *const *layers, size_t count, sy_error *err);
SY_API sy_module *sy_module_ref(sy_module *module);
SY_API void sy_module_unref(sy_module *module); /* NULL is nothing */

/* As PyTorch's class: "Linear", "Conv2d", "MaxPool2d", "Sequential", ...; BatchNorm1d and 2d are "BatchNorm". Static
 * storage. */
SY_API const char *sy_module_get_name(const sy_module *module);
SY_API sy_hook *sy_module_get_hook(const sy_module *module);
/* The layers of a Sequential, borrowed; no others have any. NULL beyond the last. */
SY_API size_t sy_module_get_layer_count(const sy_module *module);
SY_API sy_module *sy_module_get_layer(const sy_module *module, size_t index);

/* Runs the module; as every operation: NULL after a failure, which the scope keeps. */
SY_API sy_tensor *sy_module_forward(sy_scope *scope, sy_module *module, sy_tensor *input);

/* Training (the start) or not, with all layers: for Dropout and BatchNorm. */
SY_API void sy_module_train(sy_module *module, bool training);
SY_API bool sy_module_is_training(const sy_module *module);

/* The parameters with those of all layers, each once, in order. Handles and array are borrowed; they stay
 * the same through send_, get_ and move_. */
SY_API sy_tensor *const *sy_module_get_parameters(const sy_module *module, size_t *count);
/* As PyTorch names it: "weight", "0.bias". Returns buffer, "" beyond the last. */
SY_API const char *sy_module_get_parameter_name(const sy_module *module, size_t index, char *buffer,
                                                size_t size);

/* The same for buffers: "1.running_mean". */
SY_API sy_tensor *const *sy_module_get_buffers(const sy_module *module, size_t *count);
SY_API const char *sy_module_get_buffer_name(const sy_module *module, size_t index, char *buffer,
                                             size_t size);

/* A module with parameters and buffers of its own that start equal; at a worker for pointers, there. Grads are not
 * copied. */
SY_API sy_status sy_module_copy(sy_module *module, sy_module **copy, sy_error *err);

/* Every parameter and buffer in place, gradients with them (pointer.h); the states of optimizers follow (optim.h). send_ and move_ undo what was done when one
 * parameter fails, as far as the workers allow it; get_ stops there: what came back stays here. */
SY_API sy_status sy_module_send_(sy_module *module, sy_worker *location, sy_error *err);
SY_API sy_status sy_module_get_(sy_module *module, sy_error *err);
SY_API sy_status sy_module_move_(sy_module *module, sy_worker *location, sy_error *err);

/* Every parameter, in place, with its gradient; at its worker for pointers. fix_precision_ undoes what was done
 * when one parameter fails, and names it. forward then takes fixed precision (floats are encoded on the way). */
SY_API sy_status sy_module_fix_precision_(sy_module *module, const sy_precision_options *options,
                                          sy_error *err);
SY_API sy_status sy_module_float_precision_(sy_module *module, sy_error *err);
/* Every parameter is shared in place (sharing.h), after fix_precision_; undone when one fails, which is named. get_ brings
 * them back. */
SY_API sy_status sy_module_share_(sy_module *module, sy_worker *const *owners, size_t count,
                                  sy_worker *crypto_provider, sy_error *err);
/* The same by options (nullable), with a `protocol` by which the module compares. Its input has to be of the same one. */
SY_API sy_status sy_module_share_with_(sy_module *module, sy_worker *const *owners, size_t count,
                                       const struct sy_share_options *options, sy_error *err);

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

/*
 * The module as a plan (plan.h): one argument, one result, forward as the module is set now (training or not). Its state
 * are the module's own parameters and buffers, under their names: what trains one trains the other. `input` may have open
 * dims. name NULL: the module's.
 */
SY_API sy_status sy_module_to_plan(sy_module *module, sy_plan **plan, const char *name,
                                   const sy_plan_shape *input, sy_error *err);

/*
 * Files. The state dict as PyTorch names it, in safetensors or PyTorch's formats (model.h); PyTorch's
 * load_state_dict takes it. Parameters and buffers; of BatchNorm num_batches_tracked may be in a file that is loaded and
 * is not written. The file is whole or as it was before. A layer that stands in several places is
 * written under each name, in safetensors under the first. SY_EPERM: a parameter is at a worker (get_ it
 * first) or private.
 */
SY_API sy_status sy_module_save(sy_module *module, const char *path, sy_model_format format,
                                sy_error *err);

typedef struct sy_module_load_options {
    size_t size; /* sizeof(sy_module_load_options) */
    bool strict; /* default true: nothing may be missing from the file or left over in it */
    const char
        *prefix; /* only names below it, without it: "model" for {"model": state_dict, ...}; NULL */
} sy_module_load_options;

#define SY_MODULE_LOAD_OPTIONS_INIT                            \
    {                                                          \
        .size = sizeof(sy_module_load_options), .strict = true \
    }

/*
 * All of the module's parameters, or none on failure. Dtypes are converted, but floating elements do not
 * become integers. `options` may be NULL. SY_ENOTFOUND names what is missing and what is unexpected (not
 * strict: an info line of the log does), SY_ESHAPE and SY_EDTYPE the parameter, SY_EPERM one that is at a
 * worker: load before send_, or get_ first. SY_EFORBIDDEN, SY_EFORMAT, SY_EIO as sy_model_load.
 */
SY_API sy_status sy_module_load(sy_module *module, const char *path,
                                const sy_module_load_options *options, sy_error *err);

SY_END_DECLS

#endif
