/* layers.c - Linear, activations, Flatten and Sequential. Others: vision.c, norms.c. Test: layers_test.c. */
#include "nn/module.h"

#include <inttypes.h>
#include <math.h>

#include <csyft/operations.h>

#include "core/error.h"

static sy_status give(sy_module *made, sy_module **module, sy_error *err)
{
    *module = made;
    return made != NULL ? SY_OK : SYI_ENOMEM(err, "module");
}

/* Linear */

enum { WEIGHT = 0, BIAS = 1 };

static sy_tensor *linear_forward(sy_scope *scope, sy_module *module, sy_tensor *input)
{
    sy_tensor *bias = module->parameters.count > BIAS ? module->parameters.items[BIAS] : NULL;
    return sy_linear(scope, input, module->parameters.items[WEIGHT], bias);
}

static const char *const linear_names[] = {"weight", "bias"};
static const syi_module_class linear_class = {"Linear", linear_names, NULL, linear_forward};

sy_status sy_module_new_linear(sy_hook *hook, sy_module **module, int64_t in_features,
                               int64_t out_features, bool bias, sy_error *err)
{
    *module = NULL;
    if (in_features < 1 || out_features < 1) {
        return syi_fail(err, SY_ESHAPE, "Linear: %" PRId64 " features in, %" PRId64 " out",
                        in_features, out_features);
    }
    sy_module *made = syi_module_new(hook, &linear_class, bias ? 2 : 1, 0, 0);
    if (made == NULL) {
        return SYI_ENOMEM(err, "Linear");
    }
    const int64_t shape[] = {out_features, in_features};
    const double bound = 1 / sqrt((double)in_features);
    sy_status status = syi_module_draw_parameter(made, 2, shape, bound, err);
    if (status == SY_OK && bias) {
        status = syi_module_draw_parameter(made, 1, shape, bound, err);
    }
    return syi_module_finish(made, module, status);
}

/* Layers without parameters */

/* Those that are one operation on the input. */
#define DEFINE_ACTIVATION(noun, title)                                                     \
    static sy_tensor *noun##_forward(sy_scope *scope, sy_module *module, sy_tensor *input) \
    {                                                                                      \
        (void)module;                                                                      \
        return sy_##noun(scope, input);                                                    \
    }                                                                                      \
    static const syi_module_class noun##_class = {title, NULL, NULL, noun##_forward};      \
    sy_status sy_module_new_##noun(sy_hook *hook, sy_module **module, sy_error *err)       \
    {                                                                                      \
        return give(syi_module_new(hook, &noun##_class, 0, 0, 0), module, err);            \
    }
DEFINE_ACTIVATION(relu, "ReLU")
DEFINE_ACTIVATION(sigmoid, "Sigmoid")
DEFINE_ACTIVATION(tanh, "Tanh")

#define DEFINE_ALONG_DIM(noun, title)                                                         \
    static sy_tensor *noun##_forward(sy_scope *scope, sy_module *module, sy_tensor *input)    \
    {                                                                                         \
        return sy_##noun(scope, input, module->settings.dim);                                 \
    }                                                                                         \
    static const syi_module_class noun##_class = {title, NULL, NULL, noun##_forward};         \
    sy_status sy_module_new_##noun(sy_hook *hook, sy_module **module, int dim, sy_error *err) \
    {                                                                                         \
        SY_TRY(give(syi_module_new(hook, &noun##_class, 0, 0, 0), module, err));              \
        (*module)->settings.dim = dim;                                                        \
        return SY_OK;                                                                         \
    }
DEFINE_ALONG_DIM(softmax, "Softmax")
DEFINE_ALONG_DIM(log_softmax, "LogSoftmax")

static sy_tensor *flatten_forward(sy_scope *scope, sy_module *module, sy_tensor *input)
{
    const sy_value args[] = {sy_value_tensor(input), sy_value_int(module->settings.dim),
                             sy_value_int(module->settings.last_dim)};
    return sy_scope_call(scope, "flatten", args, 3);
}

static const syi_module_class flatten_class = {"Flatten", NULL, NULL, flatten_forward};

sy_status sy_module_new_flatten(sy_hook *hook, sy_module **module, int start_dim, int end_dim,
                                sy_error *err)
{
    SY_TRY(give(syi_module_new(hook, &flatten_class, 0, 0, 0), module, err));
    (*module)->settings.dim = start_dim;
    (*module)->settings.last_dim = end_dim;
    return SY_OK;
}

/* Sequential */

static sy_tensor *sequential_forward(sy_scope *scope, sy_module *module, sy_tensor *input)
{
    for (size_t k = 0; k < module->layer_count; k++) {
        input = sy_module_forward(scope, module->layers[k], input);
    }
    return input;
}

static const syi_module_class sequential_class = {"Sequential", NULL, NULL, sequential_forward};

sy_status sy_module_new_sequential(sy_hook *hook, sy_module **module, sy_module *const *layers,
                                   size_t count, sy_error *err)
{
    *module = NULL;
    size_t parameters = 0, buffers = 0;
    int depth = 0;
    for (size_t k = 0; k < count; k++) {
        if (layers[k] == NULL || layers[k]->hook != hook) {
            return syi_fail(err, SY_EINVAL, "Sequential: layer %zu is %s", k,
                            layers[k] == NULL ? "NULL" : "of another hook");
        }
        parameters += layers[k]->parameters.count;
        buffers += layers[k]->buffers.count;
        depth = layers[k]->depth > depth ? layers[k]->depth : depth;
    }
    if (depth + 1 > SY_MODULE_DEPTH_MAX) {
        return syi_fail(err, SY_ELIMIT, "Sequential: more than %d in each other",
                        SY_MODULE_DEPTH_MAX);
    }
    sy_module *made = syi_module_new(hook, &sequential_class, parameters, buffers, count);
    if (made == NULL) {
        return SYI_ENOMEM(err, "Sequential");
    }
    made->depth = depth + 1;
    for (size_t k = 0; k < count; k++) {
        made->layers[k] = sy_module_ref(layers[k]);
        for (size_t i = 0; i < layers[k]->parameters.count; i++) {
            syi_tensor_list_add(&made->parameters, sy_tensor_ref(layers[k]->parameters.items[i]));
        }
        for (size_t i = 0; i < layers[k]->buffers.count; i++) {
            syi_tensor_list_add(&made->buffers, sy_tensor_ref(layers[k]->buffers.items[i]));
        }
    }
    *module = made;
    return SY_OK;
}
