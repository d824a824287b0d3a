/*
 * composites.c - COMPOSITE rows on chains that take them apart (native ones, and SYI_NODE_DECOMPOSES): written
 * as other rows, which enter by dispatch so that the tape and the policies see those, or answered by the chain
 * itself. Further subjects: composites_<subject>.c. Test: composites_test.c.
 */
#include "hook/composites.h"

#include "core/error.h"
#include "hook/closeness.h"
#include "hook/einsum.h"
#include "hook/layers.h"
#include "hook/optimizers.h"
#include "hook/tape.h"

sy_status syi_composite_step(syi_composite *c, syi_op_id id, bool inplace, const sy_value *args,
                             size_t count)
{
    sy_value bound[SYI_ARGUMENT_MAX];
    syi_results results;
    const syi_op *op = syi_op_get(id);
    SY_TRY(syi_ops_bind(c->hook->ops, op, args, count, NULL, 0, bound, c->err));
    SY_TRY(syi_dispatch(c->hook, op, inplace, bound, c->mode, &results, c->err));
    sy_tensor_unref(c->value);
    c->value = sy_tensor_ref(results.tensors[0]);
    syi_results_fini(&results);
    return SY_OK;
}

/* Hands the value over, or drops it after a failure. */
static sy_status finish(syi_composite *c, sy_status status, syi_results *results)
{
    if (status != SY_OK) {
        sy_tensor_unref(c->value);
        return status;
    }
    results->tensors[0] = c->value;
    results->count = 1;
    return SY_OK;
}

syi_array syi_composite_array(const sy_tensor *tensor)
{
    syi_array array = SYI_ARRAY_INIT;
    if (syi_tensor_is_native(tensor)) {
        return *syi_node_array(tensor->node);
    }
    (void)syi_node_shape(tensor->node, &array, NULL); /* known by now: syi_composite_call */
    return array;
}

/* Layers */

/* input @ weight.T + bias. The sum is not fused (addmm), so that rows of the input stay rows. */
static sy_status run_linear(syi_composite *c, const sy_value *bound)
{
    sy_tensor *weight = bound[1].as.tensor;
    syi_composite turned = syi_composite_start(c->hook, c->mode, weight, c->err);
    sy_status status = SY_OK;
    if (syi_composite_array(weight).ndim > 1) {
        SY_GOTO(done, STEP(&turned, t, VALUE(&turned)));
    }
    SY_GOTO(done, STEP(c, matmul, VALUE(c), VALUE(&turned)));
    if (bound[2].kind == SY_VALUE_TENSOR) {
        /* The product is nobody else's yet. */
        const sy_value args[] = {VALUE(c), bound[2]};
        const syi_array bias = syi_composite_array(bound[2].as.tensor);
        const bool fits = bias.ndim == 1 && bias.dtype == syi_composite_array(c->value).dtype &&
                          syi_tensor_is_native(c->value) &&
                          syi_tensor_is_native(bound[2].as.tensor);
        SY_GOTO(done, syi_composite_step(c, SYI_OP_add, fits, args, 2));
    }
done:
    sy_tensor_unref(turned.value);
    return status;
}

static sy_status run_cross_entropy(syi_composite *c, const sy_value *bound)
{
    const int64_t dim = syi_composite_array(c->value).ndim > 1 ? 1 : 0;
    SY_TRY(STEP(c, log_softmax, VALUE(c), INT(dim)));
    return STEP(c, nll_loss, VALUE(c), bound[1], bound[2]);
}

/* Plain answers */

static sy_status run_size(sy_tensor *self, const sy_value *which, syi_results *results,
                          sy_error *err)
{
    const syi_array array = syi_composite_array(self);
    if (which->kind == SY_VALUE_INT) {
        int dim = 0;
        SY_TRY(syi_dim_wrap(&dim, which->as.integer, array.ndim, err));
        if (array.ndim == 0) {
            return syi_fail(err, SY_ERANGE, "a scalar has no dimension %lld",
                            (long long)which->as.integer);
        }
        results->value = sy_value_int(array.shape[dim]);
        return SY_OK;
    }
    for (int d = 0; d < array.ndim; d++) {
        results->items[d] = sy_value_int(array.shape[d]);
    }
    results->value = sy_value_list(results->items, (size_t)array.ndim);
    return SY_OK;
}

static sy_status run_item(sy_tensor *self, const syi_mode *mode, syi_results *results,
                          sy_error *err)
{
    const sy_dtype dtype = syi_composite_array(self).dtype;
    const syi_policy policy = syi_tensor_policy(self);
    if (syi_policy_hides(&policy, mode->caller)) {
        char id[64];
        const sy_id own = sy_tensor_get_id(self);
        return syi_policy_refuse(&policy, "item", sy_id_format(&own, id, sizeof id), NULL, err);
    }
    if (sy_dtype_is_floating(dtype)) {
        double real = 0;
        SY_TRY(sy_tensor_item(self, &real, err));
        results->value = sy_value_float(real);
        return SY_OK;
    }
    int64_t integer = 0;
    SY_TRY(sy_tensor_item_int(self, &integer, err));
    results->value = dtype == SY_DTYPE_BOOL ? sy_value_bool(integer != 0) : sy_value_int(integer);
    return SY_OK;
}

static sy_status run_value(const syi_op *op, const sy_value *bound, const syi_mode *mode,
                           syi_results *results, sy_error *err)
{
    sy_tensor *self = bound[0].as.tensor;
    switch (op->id) {
    case SYI_OP_dim:
        results->value = sy_value_int(syi_composite_array(self).ndim);
        return SY_OK;
    case SYI_OP_numel: {
        const syi_array array = syi_composite_array(self);
        results->value = sy_value_int(syi_array_numel(&array));
        return SY_OK;
    }
    case SYI_OP_size:
        return run_size(self, &bound[1], results, err);
    case SYI_OP_item:
        return run_item(self, mode, results, err);
    case SYI_OP_backward:
        return syi_tape_backward_in(
            self, bound[1].kind == SY_VALUE_TENSOR ? bound[1].as.tensor : NULL, mode, err);
    default:
        return syi_fail(err, SY_ENOTSUP, "not written as a composite");
    }
}

/* A chain that ends at another worker may have to ask for its shape, once. */
static sy_status know_shapes(const sy_value *bound, int count, sy_error *err)
{
    for (int k = 0; k < count; k++) {
        if (bound[k].kind == SY_VALUE_TENSOR && !syi_tensor_is_native(bound[k].as.tensor)) {
            syi_array shape = SYI_ARRAY_INIT;
            SY_TRY(syi_node_shape(bound[k].as.tensor->node, &shape, err));
        }
    }
    return SY_OK;
}

/* What answers for a row; NULL: a plain answer. */
static syi_composite_run run_of(syi_op_id id)
{
    switch (id) {
    case SYI_OP_linear:
        return run_linear;
    case SYI_OP_cross_entropy:
        return run_cross_entropy;
    case SYI_OP_index:
        return syi_composite_index;
    case SYI_OP_index_put:
        return syi_composite_index_put;
    case SYI_OP_hstack:
    case SYI_OP_vstack:
        return syi_composite_stack;
    case SYI_OP_diag:
        return syi_composite_diag;
    case SYI_OP_pad:
        return syi_composite_pad;
    case SYI_OP_repeat:
    case SYI_OP_tile:
        return syi_composite_repeat;
    case SYI_OP_repeat_interleave:
        return syi_composite_repeat_interleave;
    case SYI_OP_im2col:
        return syi_composite_im2col;
    case SYI_OP_col2im:
        return syi_composite_col2im;
    default:
        return NULL;
    }
}

sy_status syi_composite_call(sy_hook *hook, const syi_op *op, bool inplace, const sy_value *bound,
                             int count, const syi_mode *mode, syi_results *results, sy_error *err)
{
    results->count = 0;
    results->value = sy_value_none();
    SY_TRY(know_shapes(bound, count, err));
    syi_mode parts = *mode; /* nobody called these by name */
    parts.called = NULL;
    mode = &parts;
    if (hook->composites[op->id] != NULL) {
        return hook->composites[op->id](hook, op, bound, mode, results, err);
    }
    if (syi_optimizer_is_composite(op)) {
        return syi_optimizer_call(hook, op, bound, mode, results, err);
    }
    if (syi_layer_is_composite(op)) {
        return syi_layer_call(hook, op, bound, mode, results, err);
    }
    switch (op->id) {
    case SYI_OP_einsum:
    case SYI_OP_tensordot:
        return syi_einsum_call(hook, op, bound, mode, results, err);
    case SYI_OP_isclose:
    case SYI_OP_allclose:
    case SYI_OP_equal:
        return syi_closeness_call(hook, op, bound, mode, results, err);
    default:
        break;
    }
    const syi_composite_run run = run_of(op->id);
    sy_status status;
    if (run == NULL) {
        status = run_value(op, bound, mode, results, err);
        const bool named = op->id == SYI_OP_backward || op->id == SYI_OP_item;
        return status == SY_OK || named ? status : syi_error_prefix(err, status, "%s", op->name);
    }
    const bool listed = bound[0].kind == SY_VALUE_LIST;
    if (listed && bound[0].as.list.count == 0) {
        return syi_fail(err, SY_EINVAL, "%s: the list of tensors is empty", op->name);
    }
    const sy_value *first = listed ? bound[0].as.list.items : bound;
    syi_composite c = syi_composite_start(hook, mode, first->as.tensor, err);
    c.op = op;
    c.inplace = inplace;
    status = finish(&c, run(&c, bound), results);
    return status == SY_OK ? SY_OK : syi_error_prefix(err, status, "%s", op->name);
}
