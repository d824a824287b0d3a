/* layers.c - batch_norm, layer_norm, dropout as the rows that they are made of. Test: layers_test.c. */
#include "hook/layers.h"

#include "core/error.h"

typedef sy_status (*layer_fn)(sy_hook *hook, const syi_op *op, const sy_value *bound,
                              const syi_mode *mode, syi_results *results, sy_error *err);

/* Keeps the first `count` results of `from`, drops the others. */
static void keep(syi_results *results, syi_results *from, int count)
{
    for (int k = 0; k < from->count; k++) {
        if (k < count) {
            results->tensors[k] = from->tensors[k];
        } else {
            sy_tensor_unref(from->tensors[k]);
        }
    }
    results->count = count < from->count ? count : from->count;
}

/* One row, unrecorded, whose only result is its first argument. */
static sy_status write_row(sy_hook *hook, syi_op_id id, const sy_value *bound, const syi_mode *mode,
                           sy_error *err)
{
    syi_mode silent = *mode;
    syi_results made;
    silent.grad = false;
    SY_TRY(syi_dispatch(hook, syi_op_get(id), true, bound, &silent, &made, err));
    syi_results_fini(&made);
    return SY_OK;
}

/* The first of the results of `id`, called with the same arguments. */
static sy_status run_first_of(sy_hook *hook, syi_op_id id, const sy_value *bound,
                              const syi_mode *mode, syi_results *results, sy_error *err)
{
    syi_results made;
    SY_TRY(syi_dispatch(hook, syi_op_get(id), false, bound, mode, &made, err));
    keep(results, &made, 1);
    return SY_OK;
}

/* The running statistics change in place, when it trains and there are some. */
static sy_status run_batch_norm(sy_hook *hook, const syi_op *op, const sy_value *bound,
                                const syi_mode *mode, syi_results *results, sy_error *err)
{
    syi_results made;
    const syi_op *functional = syi_op_get(SYI_OP__native_batch_norm_legit_functional);
    SY_TRY(syi_dispatch(hook, functional, false, bound, mode, &made, err));
    sy_status status = SY_OK;
    for (int k = 0; k < 2 && bound[5].as.boolean && status == SY_OK; k++) {
        if (bound[3 + k].kind == SY_VALUE_TENSOR) {
            const sy_value args[2] = {bound[3 + k], sy_value_tensor(made.tensors[3 + k])};
            status = write_row(hook, SYI_OP_copy_, args, mode, err);
        }
    }
    if (status != SY_OK) {
        syi_results_fini(&made);
        return status;
    }
    keep(results, &made, op->id == SYI_OP_batch_norm ? 1 : 3);
    return SY_OK;
}

static sy_status run_layer_norm(sy_hook *hook, const syi_op *op, const sy_value *bound,
                                const syi_mode *mode, syi_results *results, sy_error *err)
{
    (void)op;
    return run_first_of(hook, SYI_OP_native_layer_norm, bound, mode, results, err);
}

/* Out of training nothing is drawn. */
static sy_status run_dropout(sy_hook *hook, const syi_op *op, const sy_value *bound,
                             const syi_mode *mode, syi_results *results, sy_error *err)
{
    (void)op;
    const double p = bound[1].as.real;
    if (!(p >= 0 && p <= 1)) {
        return syi_fail(err, SY_ERANGE, "p is %g, expected 0 to 1", p);
    }
    const bool draws = bound[2].as.boolean;
    return run_first_of(hook, draws ? SYI_OP_native_dropout : SYI_OP_clone, bound, mode, results,
                        err);
}

static layer_fn find(const syi_op *op)
{
    switch (op->id) {
    case SYI_OP_batch_norm:
    case SYI_OP_native_batch_norm:
        return run_batch_norm;
    case SYI_OP_layer_norm:
        return run_layer_norm;
    case SYI_OP_dropout:
        return run_dropout;
    default:
        return NULL;
    }
}

bool syi_layer_is_composite(const syi_op *op)
{
    return find(op) != NULL;
}

sy_status syi_layer_call(sy_hook *hook, const syi_op *op, const sy_value *bound,
                         const syi_mode *mode, syi_results *results, sy_error *err)
{
    const sy_status status = find(op)(hook, op, bound, mode, results, err);
    return status == SY_OK ? SY_OK : syi_error_prefix(err, status, "%s", op->name);
}
