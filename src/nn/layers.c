/* layers.c - the modules: Linear, ReLU, LogSoftmax, Sequential. Test: layers_test.c. */
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
    sy_tensor *bias = module->parameter_count > BIAS ? module->parameters[BIAS] : NULL;
    return sy_linear(scope, input, module->parameters[WEIGHT], bias);
}

static const char *const linear_names[] = {"weight", "bias"};
static const syi_module_class linear_class = {"Linear", linear_names, linear_forward};

/* Uniform in [-bound, bound): kaiming_uniform_ with a = sqrt(5), which is what PyTorch's Linear.reset_
 * parameters comes to for the weight, and its rule for the bias. */
static sy_status draw_parameter(sy_module *module, int ndim, const int64_t *shape, double bound,
                                sy_error *err)
{
    sy_scope *scope = sy_scope_begin(module->hook);
    sy_tensor *drawn = sy_rand(scope, SY_DTYPE_F32, ndim, shape);
    drawn = sy_sub_scalar_(scope, sy_mul_scalar_(scope, drawn, 2 * bound), bound);
    sy_tensor *parameter = sy_scope_keep(scope, drawn);
    sy_status status = sy_scope_end(scope, err);
    if (status == SY_OK) {
        status = sy_tensor_set_requires_grad(parameter, true, err);
    }
    if (status != SY_OK) {
        sy_tensor_unref(parameter);
        return status;
    }
    syi_module_add_parameter(module, parameter);
    return SY_OK;
}

sy_status sy_module_new_linear(sy_hook *hook, sy_module **module, int64_t in_features,
                               int64_t out_features, bool bias, sy_error *err)
{
    *module = NULL;
    if (in_features < 1 || out_features < 1) {
        return syi_fail(err, SY_ESHAPE, "Linear: %" PRId64 " features in, %" PRId64 " out",
                        in_features, out_features);
    }
    sy_module *made = syi_module_new(hook, &linear_class, bias ? 2 : 1, 0);
    if (made == NULL) {
        return SYI_ENOMEM(err, "Linear");
    }
    const int64_t shape[] = {out_features, in_features};
    const double bound = 1 / sqrt((double)in_features);
    sy_status status = SY_OK;
    SY_GOTO(failed, draw_parameter(made, 2, shape, bound, err));
    if (bias) {
        SY_GOTO(failed, draw_parameter(made, 1, shape, bound, err));
    }
    *module = made;
    return SY_OK;
failed:
    sy_module_unref(made);
    return status;
}

/* Layers without parameters */

static sy_tensor *relu_forward(sy_scope *scope, sy_module *module, sy_tensor *input)
{
    (void)module;
    return sy_relu(scope, input);
}

static const syi_module_class relu_class = {"ReLU", NULL, relu_forward};

sy_status sy_module_new_relu(sy_hook *hook, sy_module **module, sy_error *err)
{
    return give(syi_module_new(hook, &relu_class, 0, 0), module, err);
}

static sy_tensor *log_softmax_forward(sy_scope *scope, sy_module *module, sy_tensor *input)
{
    return sy_log_softmax(scope, input, module->dim);
}

static const syi_module_class log_softmax_class = {"LogSoftmax", NULL, log_softmax_forward};

sy_status sy_module_new_log_softmax(sy_hook *hook, sy_module **module, int dim, sy_error *err)
{
    SY_TRY(give(syi_module_new(hook, &log_softmax_class, 0, 0), module, err));
    (*module)->dim = dim;
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

static const syi_module_class sequential_class = {"Sequential", NULL, sequential_forward};

sy_status sy_module_new_sequential(sy_hook *hook, sy_module **module, sy_module *const *layers,
                                   size_t count, sy_error *err)
{
    *module = NULL;
    size_t parameters = 0;
    int depth = 0;
    for (size_t k = 0; k < count; k++) {
        if (layers[k] == NULL || layers[k]->hook != hook) {
            return syi_fail(err, SY_EINVAL, "Sequential: layer %zu is %s", k,
                            layers[k] == NULL ? "NULL" : "of another hook");
        }
        parameters += layers[k]->parameter_count;
        depth = layers[k]->depth > depth ? layers[k]->depth : depth;
    }
    if (depth + 1 > SY_MODULE_DEPTH_MAX) {
        return syi_fail(err, SY_ELIMIT, "Sequential: more than %d in each other",
                        SY_MODULE_DEPTH_MAX);
    }
    sy_module *made = syi_module_new(hook, &sequential_class, parameters, count);
    if (made == NULL) {
        return SYI_ENOMEM(err, "Sequential");
    }
    made->depth = depth + 1;
    for (size_t k = 0; k < count; k++) {
        made->layers[k] = sy_module_ref(layers[k]);
        for (size_t i = 0; i < layers[k]->parameter_count; i++) {
            syi_module_add_parameter(made, sy_tensor_ref(layers[k]->parameters[i]));
        }
    }
    *module = made;
    return SY_OK;
}
