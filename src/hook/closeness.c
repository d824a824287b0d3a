/*
 * closeness.c - isclose, and the plain answers of equal and allclose. Rows of composites.c; like item, the answers are
 * contents and so refused for private tensors. Test: closeness_test.c.
 */
#include "hook/closeness.h"

#include <csyft/operations.h>

#include "core/error.h"
#include "hook/scope.h"

static double number(const sy_value *value)
{
    return value->kind == SY_VALUE_INT    ? (double)value->as.integer
           : value->kind == SY_VALUE_BOOL ? (double)value->as.boolean
                                          : value->as.real;
}

/* self == other, or both finite with |self - other| <= atol + rtol |other|; with equal_nan NaN is close to NaN. */
static sy_tensor *close_elements(sy_scope *s, sy_tensor *self, sy_tensor *other, double rtol,
                                 double atol, bool equal_nan)
{
    sy_tensor *close = sy_eq(s, self, other);
    if (equal_nan) {
        close = sy_logical_or(s, close, sy_logical_and(s, sy_isnan(s, self), sy_isnan(s, other)));
    }
    if (rtol == 0 && atol == 0) {
        return close;
    }
    sy_tensor *distance = sy_abs(s, sy_sub(s, self, other));
    sy_tensor *allowed = sy_add_scalar(s, sy_abs(s, sy_mul_scalar(s, other, rtol)), atol);
    sy_tensor *near = sy_logical_and(s, sy_isfinite(s, distance), sy_le(s, distance, allowed));
    return sy_logical_or(s, close, near);
}

static sy_status refuse_private(const syi_op *op, sy_tensor *tensor, sy_error *err)
{
    const syi_policy policy = syi_tensor_policy(tensor);
    if (!policy.private_) {
        return SY_OK;
    }
    char id[64];
    const sy_id own = sy_tensor_get_id(tensor);
    return syi_policy_refuse(&policy, op->name, sy_id_format(&own, id, sizeof id), NULL, err);
}

static bool same_shape(sy_tensor *a, sy_tensor *b)
{
    int a_ndim = 0, b_ndim = 0;
    int64_t a_shape[SY_DIM_MAX], b_shape[SY_DIM_MAX];
    bool same = sy_tensor_get_shape(a, &a_ndim, a_shape, NULL) == SY_OK &&
                sy_tensor_get_shape(b, &b_ndim, b_shape, NULL) == SY_OK && a_ndim == b_ndim;
    for (int d = 0; same && d < a_ndim; d++) {
        same = a_shape[d] == b_shape[d];
    }
    return same;
}

static sy_tensor *run(sy_scope *s, const syi_op *op, const sy_value *bound)
{
    sy_tensor *self = bound[0].as.tensor, *other = bound[1].as.tensor;
    if (op->id == SYI_OP_equal) {
        return same_shape(self, other) ? sy_eq(s, self, other) : NULL;
    }
    return close_elements(s, self, other, number(&bound[2]), number(&bound[3]),
                          bound[4].as.boolean);
}

sy_status syi_closeness_call(sy_hook *hook, const syi_op *op, const sy_value *bound,
                             const syi_mode *mode, syi_results *results, sy_error *err)
{
    sy_scope scope;
    syi_mode quiet = *mode;
    int64_t all = 0;
    quiet.grad = false;
    if (op->id != SYI_OP_isclose) {
        SY_TRY(refuse_private(op, bound[0].as.tensor, err));
        SY_TRY(refuse_private(op, bound[1].as.tensor, err));
    }
    syi_scope_init(&scope, hook, &quiet);
    sy_tensor *close = run(&scope, op, bound);
    if (op->id != SYI_OP_isclose && close != NULL) {
        sy_error refusal = SY_ERROR_INIT;
        sy_tensor *whole = sy_all(&scope, close);
        if (whole != NULL && sy_tensor_item_int(whole, &all, &refusal) != SY_OK) {
            sy_scope_fail(&scope, &refusal);
        }
    }
    const sy_status status = sy_scope_get_status(&scope);
    if (status != SY_OK) {
        if (err != NULL) {
            *err = scope.error;
        }
    } else if (op->id == SYI_OP_isclose) {
        results->tensors[0] = sy_tensor_ref(close);
        results->count = 1;
    } else {
        results->value = sy_value_bool(all != 0);
    }
    syi_scope_fini(&scope);
    return status == SY_OK ? SY_OK : syi_error_prefix(err, status, "%s", op->name);
}
