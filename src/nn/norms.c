/* norms.c - BatchNorm, LayerNorm, Dropout and Embedding. Test: optimizer_test.c, layers_test.c. */
#include "nn/module.h"

#include <inttypes.h>
#include <string.h>

#include <csyft/operations.h>

#include "core/error.h"

enum { WEIGHT, BIAS };

static sy_value parameter(const sy_module *module, size_t index)
{
    return index < module->parameters.count ? sy_value_tensor(module->parameters.items[index])
                                            : sy_value_none();
}

/* Weight of ones and bias of zeros. */
static sy_status add_affine(sy_module *module, int ndim, const int64_t *shape, sy_error *err)
{
    SY_TRY(syi_module_fill(module, false, ndim, shape, 1, err));
    return syi_module_fill(module, false, ndim, shape, 0, err);
}

static const char *const affine_names[] = {"weight", "bias"};

/* Batch normalization */

static const char *const statistics_names[] = {"running_mean", "running_var"};

static sy_tensor *batch_norm_forward(sy_scope *scope, sy_module *module, sy_tensor *input)
{
    const sy_value args[] = {
        sy_value_tensor(input),
        parameter(module, WEIGHT),
        parameter(module, BIAS),
        sy_value_tensor(module->buffers.items[0]),
        sy_value_tensor(module->buffers.items[1]),
        sy_value_bool(module->training),
        sy_value_float(module->settings.momentum),
        sy_value_float(module->settings.eps),
    };
    return sy_scope_call(scope, "batch_norm", args, sizeof args / sizeof args[0]);
}

static const syi_module_class batch_norm_class = {"BatchNorm", affine_names, statistics_names,
                                                  batch_norm_forward};

sy_status sy_module_new_batch_norm(sy_hook *hook, sy_module **module, int64_t channels,
                                   const sy_norm_options *given, sy_error *err)
{
    sy_norm_options o = SY_NORM_OPTIONS_INIT;
    *module = NULL;
    if (given != NULL) {
        memcpy(&o, given, given->size < sizeof o ? given->size : sizeof o);
    }
    if (channels < 1) {
        return syi_fail(err, SY_ESHAPE, "BatchNorm: %" PRId64 " channels", channels);
    }
    if (!(o.eps >= 0) || !(o.momentum >= 0 && o.momentum <= 1)) {
        return syi_fail(err, SY_EINVAL, "BatchNorm: eps %g, momentum %g", o.eps, o.momentum);
    }
    sy_module *made = syi_module_new(hook, &batch_norm_class, o.affine ? 2 : 0, 2, 0);
    if (made == NULL) {
        return SYI_ENOMEM(err, "BatchNorm");
    }
    made->settings.eps = o.eps;
    made->settings.momentum = o.momentum;
    sy_status status = SY_OK;
    if (o.affine) {
        SY_GOTO(done, add_affine(made, 1, &channels, err));
    }
    SY_GOTO(done, syi_module_fill(made, true, 1, &channels, 0, err));
    SY_GOTO(done, syi_module_fill(made, true, 1, &channels, 1, err));
done:
    return syi_module_finish(made, module, status);
}

/* Layer normalization */

static sy_tensor *layer_norm_forward(sy_scope *scope, sy_module *module, sy_tensor *input)
{
    sy_value sizes[SY_DIM_MAX];
    for (int d = 0; d < module->settings.ndim; d++) {
        sizes[d] = sy_value_int(module->settings.sizes[d]);
    }
    const sy_value args[] = {
        sy_value_tensor(input),
        sy_value_list(sizes, (size_t)module->settings.ndim),
        parameter(module, WEIGHT),
        parameter(module, BIAS),
        sy_value_float(module->settings.eps),
    };
    return sy_scope_call(scope, "layer_norm", args, 5);
}

static const syi_module_class layer_norm_class = {"LayerNorm", affine_names, NULL,
                                                  layer_norm_forward};

sy_status sy_module_new_layer_norm(sy_hook *hook, sy_module **module, int ndim,
                                   const int64_t *normalized_shape, const sy_norm_options *given,
                                   sy_error *err)
{
    sy_norm_options o = SY_NORM_OPTIONS_INIT;
    *module = NULL;
    if (given != NULL) {
        memcpy(&o, given, given->size < sizeof o ? given->size : sizeof o);
    }
    if (ndim < 1 || ndim > SY_DIM_MAX) {
        return syi_fail(err, SY_ESHAPE, "LayerNorm: %d dims", ndim);
    }
    sy_module *made = syi_module_new(hook, &layer_norm_class, o.affine ? 2 : 0, 0, 0);
    if (made == NULL) {
        return SYI_ENOMEM(err, "LayerNorm");
    }
    made->settings.eps = o.eps;
    made->settings.ndim = ndim;
    memcpy(made->settings.sizes, normalized_shape, (size_t)ndim * sizeof *normalized_shape);
    const sy_status status = o.affine ? add_affine(made, ndim, normalized_shape, err) : SY_OK;
    return syi_module_finish(made, module, status);
}

/* Dropout */

static sy_tensor *dropout_forward(sy_scope *scope, sy_module *module, sy_tensor *input)
{
    if (!module->training) {
        return input;
    }
    const sy_value args[] = {sy_value_tensor(input), sy_value_float(module->settings.p),
                             sy_value_bool(true)};
    return sy_scope_call(scope, "dropout", args, 3);
}

static const syi_module_class dropout_class = {"Dropout", NULL, NULL, dropout_forward};

sy_status sy_module_new_dropout(sy_hook *hook, sy_module **module, double p, sy_error *err)
{
    *module = NULL;
    if (!(p >= 0 && p <= 1)) {
        return syi_fail(err, SY_EINVAL, "Dropout: p is %g, expected 0 to 1", p);
    }
    sy_module *made = syi_module_new(hook, &dropout_class, 0, 0, 0);
    if (made == NULL) {
        return SYI_ENOMEM(err, "Dropout");
    }
    made->settings.p = p;
    *module = made;
    return SY_OK;
}

/* Embedding */

static sy_tensor *embedding_forward(sy_scope *scope, sy_module *module, sy_tensor *input)
{
    const sy_value args[] = {sy_value_tensor(module->parameters.items[WEIGHT]),
                             sy_value_tensor(input), sy_value_int(module->settings.padding_index)};
    return sy_scope_call(scope, "embedding", args, 3);
}

static const syi_module_class embedding_class = {"Embedding", affine_names, NULL,
                                                 embedding_forward};

/* Normal with deviation 1; the padding row is 0. */
static sy_status draw_table(sy_module *module, const int64_t shape[2], sy_error *err)
{
    sy_scope *scope = sy_scope_begin(module->hook);
    sy_tensor *table = sy_randn(scope, SY_DTYPE_F32, 2, shape);
    if (module->settings.padding_index >= 0) {
        (void)sy_zero_(scope, sy_select(scope, table, 0, module->settings.padding_index));
    }
    table = sy_scope_keep(scope, table);
    sy_status status = sy_scope_end(scope, err);
    if (status == SY_OK) {
        status = sy_tensor_set_requires_grad(table, true, err);
    }
    if (status != SY_OK) {
        sy_tensor_unref(table);
        return status;
    }
    syi_tensor_list_add(&module->parameters, table);
    return SY_OK;
}

sy_status sy_module_new_embedding(sy_hook *hook, sy_module **module, int64_t rows, int64_t columns,
                                  int64_t padding_index, sy_error *err)
{
    *module = NULL;
    if (rows < 1 || columns < 1 || padding_index >= rows) {
        return syi_fail(err, SY_ESHAPE,
                        "Embedding: %" PRId64 " rows of %" PRId64 ", padding row %" PRId64, rows,
                        columns, padding_index);
    }
    sy_module *made = syi_module_new(hook, &embedding_class, 1, 0, 0);
    if (made == NULL) {
        return SYI_ENOMEM(err, "Embedding");
    }
    made->settings.padding_index = padding_index < 0 ? -1 : padding_index;
    return syi_module_finish(made, module, draw_table(made, (const int64_t[]){rows, columns}, err));
}
