/* module.c - what all modules share: life, parameters, buffers, names, copies. Layers: layers.c, vision.c, norms.c. */
#include "nn/module.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <csyft/operations.h>

#include "core/error.h"
#include "core/memory.h"

static bool list_open(sy_context *context, syi_tensor_list *list, size_t capacity)
{
    list->items = syi_alloc_array(context, capacity, sizeof *list->items);
    list->capacity = capacity;
    return list->items != NULL;
}

static void list_close(sy_context *context, syi_tensor_list *list)
{
    for (size_t k = 0; k < list->count; k++) {
        sy_tensor_unref(list->items[k]);
    }
    syi_free(context, list->items, list->capacity * sizeof *list->items);
}

void syi_tensor_list_add(syi_tensor_list *list, sy_tensor *tensor)
{
    for (size_t k = 0; k < list->count; k++) {
        if (list->items[k] == tensor) {
            sy_tensor_unref(tensor);
            return;
        }
    }
    assert(list->count < list->capacity);
    list->items[list->count++] = tensor;
}

sy_module *syi_module_new(sy_hook *hook, const syi_module_class *klass, size_t parameters,
                          size_t buffers, size_t layers)
{
    sy_context *context = sy_hook_get_context(hook);
    sy_module *module = syi_alloc(context, sizeof *module);
    if (module == NULL) {
        return NULL;
    }
    atomic_init(&module->refs, 1);
    module->hook = hook;
    module->klass = klass;
    module->training = true;
    module->layers = syi_alloc_array(context, layers, sizeof *module->layers);
    module->layer_count = layers;
    const bool opened = list_open(context, &module->parameters, parameters) &&
                        list_open(context, &module->buffers, buffers);
    if (!opened || module->layers == NULL) {
        sy_module_unref(module);
        return NULL;
    }
    return module;
}

static sy_status add_parameter(sy_module *module, sy_scope *scope, sy_tensor *made, bool buffer,
                               sy_error *err)
{
    sy_tensor *tensor = sy_scope_keep(scope, made);
    sy_status status = sy_scope_end(scope, err);
    if (status == SY_OK && !buffer) {
        status = sy_tensor_set_requires_grad(tensor, true, err);
    }
    if (status != SY_OK) {
        sy_tensor_unref(tensor);
        return status;
    }
    syi_tensor_list_add(buffer ? &module->buffers : &module->parameters, tensor);
    return SY_OK;
}

sy_status syi_module_draw_parameter(sy_module *module, int ndim, const int64_t *shape, double bound,
                                    sy_error *err)
{
    sy_scope *scope = sy_scope_begin(module->hook);
    sy_tensor *drawn = sy_rand(scope, SY_DTYPE_F32, ndim, shape);
    drawn = sy_sub_scalar_(scope, sy_mul_scalar_(scope, drawn, 2 * bound), bound);
    return add_parameter(module, scope, drawn, false, err);
}

sy_status syi_module_fill(sy_module *module, bool buffer, int ndim, const int64_t *shape,
                          double value, sy_error *err)
{
    sy_scope *scope = sy_scope_begin(module->hook);
    return add_parameter(module, scope, sy_full(scope, SY_DTYPE_F32, ndim, shape, value), buffer,
                         err);
}

sy_status syi_module_finish(sy_module *made, sy_module **module, sy_status status)
{
    if (status != SY_OK) {
        sy_module_unref(made);
        made = NULL;
    }
    *module = made;
    return status;
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
    list_close(context, &module->parameters);
    list_close(context, &module->buffers);
    for (size_t k = 0; module->layers != NULL && k < module->layer_count; k++) {
        sy_module_unref(module->layers[k]); /* at most SY_MODULE_DEPTH_MAX deep */
    }
    syi_free(context, module->layers, module->layer_count * sizeof *module->layers);
    syi_free(context, module, sizeof *module);
}

const char *sy_module_get_name(const sy_module *module)
{
    return module->klass->name;
}

sy_hook *sy_module_get_hook(const sy_module *module)
{
    return module->hook;
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
    *count = module->parameters.count;
    return module->parameters.items;
}

sy_tensor *const *sy_module_get_buffers(const sy_module *module, size_t *count)
{
    *count = module->buffers.count;
    return module->buffers.items;
}

/* Names */

static const syi_tensor_list *list_of(const sy_module *module, bool buffers)
{
    return buffers ? &module->buffers : &module->parameters;
}

/* Appends to buffer at `length`; false when the tensor is not of this module. */
static bool name_tensor(const sy_module *module, bool buffers, const sy_tensor *tensor,
                        char *buffer, size_t size, size_t length)
{
    const syi_tensor_list *list = list_of(module, buffers);
    for (size_t k = 0; k < list->count && module->layer_count == 0; k++) {
        if (list->items[k] == tensor) {
            snprintf(buffer + length, size - length, "%s",
                     (buffers ? module->klass->buffer_names : module->klass->parameter_names)[k]);
            return true;
        }
    }
    for (size_t k = 0; k < module->layer_count; k++) {
        const int written = snprintf(buffer + length, size - length, "%zu.", k);
        const size_t next = length + (written < 0 ? 0 : (size_t)written);
        if (name_tensor(module->layers[k], buffers, tensor, buffer, size,
                        next < size ? next : size - 1)) {
            return true;
        }
    }
    return false;
}

static const char *get_name(const sy_module *module, bool buffers, size_t index, char *buffer,
                            size_t size)
{
    const syi_tensor_list *list = list_of(module, buffers);
    if (size == 0) {
        return "";
    }
    if (index >= list->count ||
        !name_tensor(module, buffers, list->items[index], buffer, size, 0)) {
        buffer[0] = '\0';
    }
    return buffer;
}

const char *sy_module_get_parameter_name(const sy_module *module, size_t index, char *buffer,
                                         size_t size)
{
    return get_name(module, false, index, buffer, size);
}

const char *sy_module_get_buffer_name(const sy_module *module, size_t index, char *buffer,
                                      size_t size)
{
    return get_name(module, true, index, buffer, size);
}

void sy_module_train(sy_module *module, bool training)
{
    module->training = training;
    for (size_t k = 0; k < module->layer_count; k++) {
        sy_module_train(module->layers[k], training);
    }
}

bool sy_module_is_training(const sy_module *module)
{
    return module->training;
}

/* Copies */

/* Tensors of its own with the same contents. */
static sy_status copy_tensors(sy_module *copy, const syi_tensor_list *from, bool buffers,
                              sy_error *err)
{
    for (size_t k = 0; k < from->count; k++) {
        sy_scope *scope = sy_scope_begin(copy->hook);
        (void)sy_scope_set_grad_enabled(scope, false);
        const bool plain = buffers || !sy_tensor_get_requires_grad(from->items[k]);
        sy_tensor *made = sy_scope_keep(scope, sy_clone(scope, from->items[k]));
        sy_status status = sy_scope_end(scope, err);
        if (status == SY_OK && !plain) {
            status = sy_tensor_set_requires_grad(made, true, err);
        }
        if (status != SY_OK) {
            sy_tensor_unref(made);
            return status;
        }
        syi_tensor_list_add(buffers ? &copy->buffers : &copy->parameters, made);
    }
    return SY_OK;
}

static void adopt(syi_tensor_list *list, const syi_tensor_list *from)
{
    for (size_t k = 0; k < from->count; k++) {
        syi_tensor_list_add(list, sy_tensor_ref(from->items[k]));
    }
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
    adopt(&copy->parameters, &copy->layers[index]->parameters);
    adopt(&copy->buffers, &copy->layers[index]->buffers);
    return SY_OK;
}

sy_status sy_module_copy(sy_module *module, sy_module **copy, sy_error *err)
{
    *copy = NULL;
    sy_module *made = syi_module_new(module->hook, module->klass, module->parameters.capacity,
                                     module->buffers.capacity, module->layer_count);
    if (made == NULL) {
        return SYI_ENOMEM(err, "module");
    }
    sy_status status = SY_OK;
    made->settings = module->settings;
    made->training = module->training;
    made->depth = module->depth;
    for (size_t k = 0; k < module->layer_count; k++) {
        SY_GOTO(done, copy_layer(module, made, k, err));
    }
    if (module->layer_count == 0) {
        SY_GOTO(done, copy_tensors(made, &module->parameters, false, err));
        SY_GOTO(done, copy_tensors(made, &module->buffers, true, err));
    }
done:
    return syi_module_finish(made, copy, status);
}

sy_status sy_module_sgd_step(sy_module *module, double lr, sy_error *err)
{
    return sy_sgd_step(module->hook, module->parameters.items, module->parameters.count, lr, err);
}

sy_status sy_module_zero_grad(sy_module *module, sy_error *err)
{
    return sy_sgd_zero_grad(module->parameters.items, module->parameters.count, err);
}
