/* module.c - what all modules share: life, parameters, names, copies. Layers: layers.c. */
#include "nn/module.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <csyft/operations.h>

#include "core/error.h"
#include "core/memory.h"

sy_module *syi_module_new(sy_hook *hook, const syi_module_class *klass, size_t parameters,
                          size_t layers)
{
    sy_context *context = sy_hook_get_context(hook);
    sy_module *module = syi_alloc(context, sizeof *module);
    if (module == NULL) {
        return NULL;
    }
    atomic_init(&module->refs, 1);
    module->hook = hook;
    module->klass = klass;
    module->parameters = syi_alloc_array(context, parameters, sizeof *module->parameters);
    module->layers = syi_alloc_array(context, layers, sizeof *module->layers);
    module->parameter_capacity = parameters;
    module->layer_count = layers;
    if (module->parameters == NULL || module->layers == NULL) {
        sy_module_unref(module);
        return NULL;
    }
    return module;
}

void syi_module_add_parameter(sy_module *module, sy_tensor *parameter)
{
    for (size_t k = 0; k < module->parameter_count; k++) {
        if (module->parameters[k] == parameter) {
            sy_tensor_unref(parameter);
            return;
        }
    }
    assert(module->parameter_count < module->parameter_capacity);
    module->parameters[module->parameter_count++] = parameter;
}

sy_module *sy_module_ref(sy_module *module)
{
    if (module != NULL) {
        atomic_fetch_add_explicit(&module->refs, 1, memory_order_relaxed);
    }
    return module;
}

void sy_module_unref(sy_module *module)
{
    if (module == NULL || atomic_fetch_sub_explicit(&module->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    sy_context *context = sy_hook_get_context(module->hook);
    for (size_t k = 0; k < module->parameter_count; k++) {
        sy_tensor_unref(module->parameters[k]);
    }
    for (size_t k = 0; module->layers != NULL && k < module->layer_count; k++) {
        sy_module_unref(module->layers[k]); /* at most SY_MODULE_DEPTH_MAX deep */
    }
    syi_free(context, module->parameters, module->parameter_capacity * sizeof *module->parameters);
    syi_free(context, module->layers, module->layer_count * sizeof *module->layers);
    syi_free(context, module, sizeof *module);
}

const char *sy_module_get_name(const sy_module *module)
{
    return module->klass->name;
}

size_t sy_module_get_layer_count(const sy_module *module)
{
    return module->layer_count;
}

sy_module *sy_module_get_layer(const sy_module *module, size_t index)
{
    return index < module->layer_count ? module->layers[index] : NULL;
}

sy_tensor *sy_module_forward(sy_scope *scope, sy_module *module, sy_tensor *input)
{
    if (module == NULL) {
        sy_error error = SY_ERROR_INIT;
        syi_fail(&error, SY_EINVAL, "forward: the module is NULL");
        sy_scope_fail(scope, &error);
        return NULL;
    }
    return module->klass->forward(scope, module, input);
}

sy_tensor *const *sy_module_get_parameters(const sy_module *module, size_t *count)
{
    *count = module->parameter_count;
    return module->parameters;
}

/* Appends to buffer at `length`; false when the tensor is not of this module. */
static bool name_parameter(const sy_module *module, const sy_tensor *parameter, char *buffer,
                           size_t size, size_t length)
{
    if (module->klass->parameter_names != NULL) {
        for (size_t k = 0; k < module->parameter_count; k++) {
            if (module->parameters[k] == parameter) {
                snprintf(buffer + length, size - length, "%s", module->klass->parameter_names[k]);
                return true;
            }
        }
        return false;
    }
    for (size_t k = 0; k < module->layer_count; k++) {
        const int written = snprintf(buffer + length, size - length, "%zu.", k);
        const size_t next = length + (written < 0 ? 0 : (size_t)written);
        if (name_parameter(module->layers[k], parameter, buffer, size,
                           next < size ? next : size - 1)) {
            return true;
        }
    }
    return false;
}

const char *sy_module_get_parameter_name(const sy_module *module, size_t index, char *buffer,
                                         size_t size)
{
    if (size == 0) {
        return "";
    }
    if (index >= module->parameter_count ||
        !name_parameter(module, module->parameters[index], buffer, size, 0)) {
        buffer[0] = '\0';
    }
    return buffer;
}

/* Copies */

/* A leaf of its own with the same contents. */
static sy_status copy_parameter(sy_module *copy, sy_tensor *parameter, sy_error *err)
{
    sy_scope *scope = sy_scope_begin(copy->hook);
    (void)sy_scope_set_grad_enabled(scope, false);
    sy_tensor *made = sy_scope_keep(scope, sy_clone(scope, parameter));
    sy_status status = sy_scope_end(scope, err);
    if (status == SY_OK && sy_tensor_get_requires_grad(parameter)) {
        status = sy_tensor_set_requires_grad(made, true, err);
    }
    if (status != SY_OK) {
        sy_tensor_unref(made);
        return status;
    }
    syi_module_add_parameter(copy, made);
    return SY_OK;
}

/* A layer that stands in several places is one layer in the copy, too. */
static sy_status copy_layer(const sy_module *from, sy_module *copy, size_t index, sy_error *err)
{
    for (size_t k = 0; k < index; k++) {
        if (from->layers[k] == from->layers[index]) {
            copy->layers[index] = sy_module_ref(copy->layers[k]);
            return SY_OK;
        }
    }
    SY_TRY(sy_module_copy(from->layers[index], &copy->layers[index], err));
    const sy_module *layer = copy->layers[index];
    for (size_t k = 0; k < layer->parameter_count; k++) {
        syi_module_add_parameter(copy, sy_tensor_ref(layer->parameters[k]));
    }
    return SY_OK;
}

sy_status sy_module_copy(sy_module *module, sy_module **copy, sy_error *err)
{
    *copy = NULL;
    sy_module *made = syi_module_new(module->hook, module->klass, module->parameter_capacity,
                                     module->layer_count);
    if (made == NULL) {
        return SYI_ENOMEM(err, "module");
    }
    sy_status status = SY_OK;
    made->dim = module->dim;
    made->depth = module->depth;
    for (size_t k = 0; k < module->layer_count; k++) {
        SY_GOTO(failed, copy_layer(module, made, k, err));
    }
    if (module->layer_count == 0) {
        for (size_t k = 0; k < module->parameter_count; k++) {
            SY_GOTO(failed, copy_parameter(made, module->parameters[k], err));
        }
    }
    *copy = made;
    return SY_OK;
failed:
    sy_module_unref(made);
    return status;
}

sy_status sy_module_sgd_step(sy_module *module, double lr, sy_error *err)
{
    return sy_sgd_step(module->hook, module->parameters, module->parameter_count, lr, err);
}

sy_status sy_module_zero_grad(sy_module *module, sy_error *err)
{
    return sy_sgd_zero_grad(module->parameters, module->parameter_count, err);
}
