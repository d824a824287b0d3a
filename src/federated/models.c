/* models.c - models of equal build added, scaled and averaged, and how often one is right. Public face:
 * <csyft/datasets.h>. Test: models_test.c. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include <csyft/datasets.h>
#include <csyft/operations.h>

#include "arrays/array.h"
#include "core/error.h"
#include "core/memory.h"

enum { NAME = 256 };

/* Parameters of two models that are to meet */

static sy_status check_pair(sy_module *first, sy_module *other, size_t index, sy_tensor *a,
                            sy_tensor *b, const char *what, sy_error *err)
{
    int a_ndim = 0, b_ndim = 0;
    int64_t a_shape[SY_DIM_MAX], b_shape[SY_DIM_MAX];
    char a_name[NAME], b_name[NAME], a_text[160], b_text[160];
    sy_module_get_parameter_name(first, index, a_name, sizeof a_name);
    sy_module_get_parameter_name(other, index, b_name, sizeof b_name);
    if (strcmp(a_name, b_name) != 0) {
        return syi_fail(err, SY_EINVAL, "%s: parameter %zu is %s in one model, %s in another", what,
                        index, a_name, b_name);
    }
    SY_TRY(sy_tensor_get_shape(a, &a_ndim, a_shape, err));
    SY_TRY(sy_tensor_get_shape(b, &b_ndim, b_shape, err));
    if (a_ndim != b_ndim || memcmp(a_shape, b_shape, (size_t)a_ndim * sizeof *a_shape) != 0) {
        return syi_fail(err, SY_EINVAL, "%s: %s is %s in one model, %s in another", what, a_name,
                        syi_shape_format(a_ndim, a_shape, a_text, sizeof a_text),
                        syi_shape_format(b_ndim, b_shape, b_text, sizeof b_text));
    }
    if (sy_tensor_get_location(a) != sy_tensor_get_location(b)) {
        return syi_fail(err, SY_ECOLLOCATION,
                        "%s: %s of one model is not where that of another is; move one of them",
                        what, a_name);
    }
    return SY_OK;
}

static sy_status check_models(sy_module *first, sy_module *other, const char *what, sy_error *err)
{
    size_t count = 0, others = 0;
    if (first == NULL || other == NULL || sy_module_get_hook(first) != sy_module_get_hook(other)) {
        return syi_fail(err, SY_EINVAL, "%s: a model is NULL or of another hook", what);
    }
    sy_tensor *const *a = sy_module_get_parameters(first, &count);
    sy_tensor *const *b = sy_module_get_parameters(other, &others);
    if (count != others) {
        return syi_fail(err, SY_EINVAL, "%s: one model has %zu parameters, another %zu", what,
                        count, others);
    }
    for (size_t k = 0; k < count; k++) {
        SY_TRY(check_pair(first, other, k, a[k], b[k], what, err));
    }
    return SY_OK;
}

static sy_scope *begin(sy_module *module)
{
    sy_scope *scope = sy_scope_begin(sy_module_get_hook(module));
    (void)sy_scope_set_grad_enabled(scope, false);
    return scope;
}

sy_status sy_module_add_model(sy_module *dst, sy_module *src, sy_error *err)
{
    size_t count = 0;
    SY_TRY(check_models(dst, src, "add_model", err));
    sy_tensor *const *to = sy_module_get_parameters(dst, &count);
    sy_tensor *const *from = sy_module_get_parameters(src, &count);
    sy_scope *scope = begin(dst);
    for (size_t k = 0; k < count; k++) {
        (void)sy_add_(scope, to[k], from[k]);
    }
    return sy_scope_end(scope, err);
}

sy_status sy_module_scale_model(sy_module *module, double scale, sy_error *err)
{
    size_t count = 0;
    if (module == NULL || !isfinite(scale)) {
        return syi_fail(err, SY_EINVAL, "scale_model: %s",
                        module == NULL ? "the model is NULL" : "the scale is not finite");
    }
    sy_tensor *const *parameters = sy_module_get_parameters(module, &count);
    sy_scope *scope = begin(module);
    for (size_t k = 0; k < count; k++) {
        (void)sy_mul_scalar_(scope, parameters[k], scale);
    }
    return sy_scope_end(scope, err);
}

/* The mean */

static sy_status check_average(sy_module *const *models, size_t count, const double *weights,
                               double *sum, sy_error *err)
{
    *sum = 0;
    if (models == NULL || count == 0) {
        return syi_fail(err, SY_EINVAL, "federated_avg: there are no models");
    }
    for (size_t k = 0; k < count; k++) {
        const double weight = weights != NULL ? weights[k] : 1;
        SY_TRY(check_models(models[0], models[k], "federated_avg", err));
        if (!isfinite(weight) || weight <= 0) {
            return syi_fail(err, SY_EINVAL, "federated_avg: the weight of model %zu is %g", k,
                            weight);
        }
        *sum += weight;
    }
    return isfinite(*sum) ? SY_OK
                          : syi_fail(err, SY_EINVAL, "federated_avg: the weights are too large");
}

/* Parameter `index` of all models into one new tensor. */
static sy_tensor *mean_of(sy_scope *scope, sy_module *const *models, size_t count, size_t index,
                          const double *weights, double sum)
{
    sy_tensor *mean = NULL;
    for (size_t k = 0; k < count; k++) {
        size_t parameters = 0;
        sy_tensor *from = sy_module_get_parameters(models[k], &parameters)[index];
        const double weight = weights != NULL ? weights[k] : 1;
        if (k == 0) {
            mean = sy_mul_scalar(scope, from, weight);
            continue;
        }
        const sy_value args[] = {sy_value_tensor(mean), sy_value_tensor(from),
                                 sy_value_float(weight)};
        (void)sy_scope_call(scope, "add_", args, 3);
    }
    return sy_mul_scalar_(scope, mean, 1 / sum);
}

/* All means are there before the first parameter becomes one. */
sy_status sy_federated_avg(sy_module *const *models, size_t count, const double *weights,
                           sy_error *err)
{
    double sum = 0;
    size_t parameters = 0;
    SY_TRY(check_average(models, count, weights, &sum, err));
    sy_context *context = sy_hook_get_context(sy_module_get_hook(models[0]));
    sy_tensor *const *to = sy_module_get_parameters(models[0], &parameters);
    sy_tensor **means = syi_alloc_array(context, parameters, sizeof *means);
    if (means == NULL) {
        return SYI_ENOMEM(err, "federated_avg");
    }
    sy_scope *scope = begin(models[0]);
    for (size_t k = 0; k < parameters; k++) {
        means[k] = mean_of(scope, models, count, k, weights, sum);
    }
    for (size_t k = 0; k < parameters; k++) {
        (void)sy_copy_(scope, to[k], means[k]);
    }
    const sy_status status = sy_scope_end(scope, err);
    syi_free(context, means, parameters * sizeof *means);
    return status;
}

/* Accuracy */

static sy_status check_predicted(sy_tensor *predicted, sy_tensor *targets, int64_t *rows,
                                 sy_error *err)
{
    int ndim = 0, target_ndim = 0;
    int64_t shape[SY_DIM_MAX], target_shape[SY_DIM_MAX];
    char one[160], two[160];
    sy_dtype dtype = SY_DTYPE_I64;
    if (predicted == NULL || targets == NULL) {
        return syi_fail(err, SY_EINVAL, "accuracy: an argument is NULL");
    }
    SY_TRY(sy_tensor_get_shape(predicted, &ndim, shape, err));
    SY_TRY(sy_tensor_get_shape(targets, &target_ndim, target_shape, err));
    SY_TRY(sy_tensor_get_dtype(targets, &dtype, err));
    if (ndim != 2 || target_ndim != 1 || shape[0] != target_shape[0]) {
        return syi_fail(err, SY_ESHAPE,
                        "accuracy: predicted is %s, targets are %s; expected rows x classes and as "
                        "many targets",
                        syi_shape_format(ndim, shape, one, sizeof one),
                        syi_shape_format(target_ndim, target_shape, two, sizeof two));
    }
    if (sy_dtype_is_floating(dtype)) {
        return syi_fail(err, SY_EDTYPE, "accuracy: the targets are %s, expected integers",
                        sy_dtype_name(dtype));
    }
    if (shape[0] == 0 || shape[1] == 0) {
        return syi_fail(err, SY_ERANGE, "accuracy: there are no %s",
                        shape[0] == 0 ? "rows" : "classes");
    }
    *rows = shape[0];
    return SY_OK;
}

sy_status sy_accuracy(sy_tensor *predicted, sy_tensor *targets, double *accuracy, sy_error *err)
{
    int64_t rows = 0, right = 0;
    sy_tensor *here = NULL;
    SY_TRY(check_predicted(predicted, targets, &rows, err));
    sy_scope *scope = sy_scope_begin(sy_tensor_get_hook(predicted));
    (void)sy_scope_set_grad_enabled(scope, false);
    sy_tensor *found = sy_argmax_dim(scope, predicted, 1, false);
    sy_tensor *sum = sy_scope_keep(scope, sy_sum(scope, sy_eq(scope, found, targets)));
    sy_status status = sy_scope_end(scope, err);
    if (status == SY_OK && sy_tensor_is_pointer(sum)) {
        status = sy_tensor_copy_get(sum, &here, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_item_int(here != NULL ? here : sum, &right, err);
    }
    if (status == SY_OK) {
        *accuracy = (double)right / (double)rows;
    }
    sy_tensor_unref(here);
    sy_tensor_unref(sum);
    return status;
}
