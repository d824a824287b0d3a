/* precision.c - the public face: csyft/precision.h on handles. Test: precision_test.c. */
#include <csyft/precision.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <csyft/pointer.h>

#include "core/error.h"
#include "interpreters/precision/fixed.h"

static const char *const dtype_names[] = {"long", "int", "custom"};

/* One row on one tensor, without recording. */
static sy_status run(sy_tensor *tensor, syi_op_id id, const sy_value *args, size_t count,
                     bool record, sy_tensor **made, sy_error *err)
{
    syi_mode mode = SYI_MODE_DEFAULT;
    syi_results results;
    sy_value bound[SYI_ARGUMENT_MAX];
    mode.grad = record;
    SY_TRY(syi_ops_bind(tensor->hook->ops, syi_op_get(id), args, count, NULL, 0, bound, err));
    SY_TRY(syi_dispatch(tensor->hook, syi_op_get(id), false, bound, &mode, &results, err));
    *made = sy_tensor_ref(results.tensors[0]);
    syi_results_fini(&results);
    return SY_OK;
}

static sy_status encode(sy_tensor *tensor, sy_tensor **fixed, const sy_precision_options *options,
                        bool record, sy_error *err)
{
    sy_precision_options all = SY_PRECISION_OPTIONS_INIT;
    syi_fixed_attributes checked;
    char field[24] = "";
    SY_TRY(syi_fixed_attributes_of(options, &checked, err));
    if (options != NULL) {
        memcpy(&all, options, options->size < sizeof all ? options->size : sizeof all);
    }
    snprintf(field, sizeof field, "%" PRIu64, all.field);
    const sy_value args[] = {
        sy_value_tensor(tensor),
        sy_value_int(all.precision_fractional),
        sy_value_int(all.base),
        sy_value_int(all.kappa),
        all.dtype == SY_PRECISION_CUSTOM ? sy_value_string(field) : sy_value_none(),
        sy_value_string(dtype_names[all.dtype]),
    };
    return run(tensor, SYI_OP_fix_precision, args, 6, record, fixed, err);
}

static bool is_leaf(const sy_tensor *tensor)
{
    return tensor->requires_grad && tensor->tape_node == NULL;
}

/* What belongs to the tensor and not to its chain. */
static sy_status take_over(sy_tensor *made, sy_tensor *from, sy_error *err)
{
    SY_TRY(syi_tensor_copy_labels(made, from, err));
    made->owner = from->owner;
    return is_leaf(from) ? sy_tensor_set_requires_grad(made, true, err) : SY_OK;
}

static sy_status finish(sy_status status, sy_tensor **made, sy_tensor *from, sy_error *err)
{
    if (status == SY_OK) {
        status = take_over(*made, from, err);
    }
    if (status != SY_OK) {
        sy_tensor_unref(*made);
        *made = NULL;
    }
    return status;
}

sy_status sy_tensor_fix_precision(sy_tensor *tensor, sy_tensor **fixed,
                                  const sy_precision_options *options, sy_error *err)
{
    *fixed = NULL;
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "fix_precision",
                   .self = tensor);
    if (tensor == NULL) {
        return syi_fail(err, SY_EINVAL, "fix_precision: tensor is NULL");
    }
    return finish(encode(tensor, fixed, options, !is_leaf(tensor), err), fixed, tensor, err);
}

sy_status sy_tensor_float_precision(sy_tensor *fixed, sy_tensor **tensor, sy_error *err)
{
    *tensor = NULL;
    SYI_TRACE_DEED(fixed->hook, err, .kind = SYI_DEED_OTHER, .what = "float_precision",
                   .self = fixed);
    if (fixed == NULL) {
        return syi_fail(err, SY_EINVAL, "float_precision: tensor is NULL");
    }
    const sy_value self = sy_value_tensor(fixed);
    return finish(run(fixed, SYI_OP_float_precision, &self, 1, !is_leaf(fixed), tensor, err),
                  tensor, fixed, err);
}

/* The chain of `made`, and its gradient, become the handle's. Takes both. A pointer keeps its gradient where the
 * object is; the new object has none. */
static sy_status become(sy_tensor *tensor, sy_tensor *made, sy_tensor *grad, sy_error *err)
{
    const sy_status status = is_leaf(tensor) ? sy_tensor_set_requires_grad(made, true, err) : SY_OK;
    if (status != SY_OK) {
        sy_tensor_unref(made);
        sy_tensor_unref(grad);
        return status;
    }
    const bool leaf = is_leaf(tensor);
    syi_tensor_set_node(tensor, syi_node_ref(made->node));
    const syi_policy policy = syi_tensor_policy(made);
    syi_tensor_set_policy(tensor, &policy);
    tensor->requires_grad = leaf;
    sy_tensor_unref(tensor->grad);
    tensor->grad = grad;
    sy_tensor_unref(made);
    return SY_OK;
}

sy_status sy_tensor_fix_precision_(sy_tensor *tensor, const sy_precision_options *options,
                                   sy_error *err)
{
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "fix_precision",
                   .self = tensor);
    sy_tensor *fixed = NULL, *grad = NULL;
    if (tensor == NULL) {
        return syi_fail(err, SY_EINVAL, "fix_precision_: tensor is NULL");
    }
    SY_TRY(encode(tensor, &fixed, options, false, err));
    if (tensor->grad != NULL) {
        const sy_status status = encode(tensor->grad, &grad, options, false, err);
        if (status != SY_OK) {
            sy_tensor_unref(fixed);
            return syi_error_prefix(err, status, "gradient");
        }
    }
    return become(tensor, fixed, grad, err);
}

sy_status sy_tensor_float_precision_(sy_tensor *fixed, sy_error *err)
{
    SYI_TRACE_DEED(fixed->hook, err, .kind = SYI_DEED_OTHER, .what = "float_precision",
                   .self = fixed);
    sy_tensor *tensor = NULL, *grad = NULL;
    if (fixed == NULL) {
        return syi_fail(err, SY_EINVAL, "float_precision_: tensor is NULL");
    }
    sy_value self = sy_value_tensor(fixed);
    SY_TRY(run(fixed, SYI_OP_float_precision, &self, 1, false, &tensor, err));
    if (fixed->grad != NULL) {
        self = sy_value_tensor(fixed->grad);
        sy_status status = SY_OK;
        if (syi_tensor_is_native(fixed->grad)) {
            grad = sy_tensor_ref(fixed->grad);
        } else {
            status = run(fixed->grad, SYI_OP_float_precision, &self, 1, false, &grad, err);
        }
        if (status != SY_OK) {
            sy_tensor_unref(tensor);
            return syi_error_prefix(err, status, "gradient");
        }
    }
    return become(fixed, tensor, grad, err);
}

sy_tensor *sy_fix_precision(sy_scope *scope, sy_tensor *self, int precision_fractional)
{
    const sy_value args[] = {sy_value_tensor(self), sy_value_int(precision_fractional)};
    return syi_scope_run(scope, SYI_OP_fix_precision, false, args, 2);
}

sy_tensor *sy_approximate(sy_scope *scope, sy_tensor *self, const char *function,
                          const char *method, int iterations)
{
    const sy_value args[] = {
        sy_value_tensor(self),
        function != NULL ? sy_value_string(function) : sy_value_none(),
        method != NULL ? sy_value_string(method) : sy_value_none(),
        iterations != 0 ? sy_value_int(iterations) : sy_value_none(),
    };
    return syi_scope_run(scope, SYI_OP_approximate, false, args, 4);
}

sy_status sy_tensor_on_fixed_precision(sy_tensor *child, sy_tensor **fixed,
                                       const sy_precision_options *options, sy_error *err)
{
    syi_fixed_attributes attributes;
    syi_node *node = NULL;
    *fixed = NULL;
    if (child == NULL) {
        return syi_fail(err, SY_EINVAL, "on: the child is NULL");
    }
    SY_TRY(syi_fixed_attributes_of(options, &attributes, err));
    syi_node *below = syi_node_ref(child->node);
    const sy_status status =
        syi_fixed_new(child->hook, &node, &attributes, below, SYI_FIXED_UNKNOWN, err);
    if (status != SY_OK) {
        syi_node_unref(below);
        return status;
    }
    SY_TRY(syi_tensor_wrap(child->hook, fixed, node, err));
    const syi_policy policy = syi_tensor_policy(child);
    syi_tensor_set_policy(*fixed, &policy);
    (*fixed)->owner = child->owner;
    return SY_OK;
}

bool sy_tensor_is_fixed_precision(const sy_tensor *tensor)
{
    return tensor != NULL && syi_fixed_of(tensor) != NULL;
}

sy_status sy_tensor_get_precision(const sy_tensor *tensor, sy_precision_options *options,
                                  sy_error *err)
{
    const syi_fixed *fixed = tensor != NULL ? syi_fixed_of(tensor) : NULL;
    if (fixed == NULL) {
        return syi_fail(err, SY_EINVAL, "get_precision: the tensor is none of fixed precision");
    }
    const syi_fixed_attributes *attributes = &fixed->attributes;
    const sy_precision_options all = {.size = options->size,
                                      .base = attributes->base,
                                      .precision_fractional = attributes->precision,
                                      .dtype = attributes->dtype,
                                      .field = attributes->field,
                                      .kappa = attributes->kappa};
    memcpy(options, &all, options->size < sizeof all ? options->size : sizeof all);
    return SY_OK;
}
